"""JSON files of exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(content: Any, file: Path) -> None:
    """Write plain JSON as UTF-8, all characters as they are."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    file.write_text(text, encoding="utf-8", newline="\n")
