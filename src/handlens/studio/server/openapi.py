"""`python -m handlens.studio.server.openapi` prints the description of the HTTP API that the page's types come from."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from handlens.studio.server.app import create_app


def openapi() -> dict[str, Any]:
    """The OpenAPI description of Studio's server, without starting one."""
    with tempfile.TemporaryDirectory() as folder:
        return create_app(Path(folder)).openapi()


if __name__ == "__main__":
    print(json.dumps(openapi(), indent=1))
