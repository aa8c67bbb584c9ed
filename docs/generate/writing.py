"""Writing generated pages, so that a second build reads only what has changed."""

from __future__ import annotations

from pathlib import Path


def write(docs: Path, pages: dict[str, str]) -> None:
    """Write the pages that differ from what is there, and delete those that are no longer generated."""
    for name, text in pages.items():
        file = docs / name
        file.parent.mkdir(exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8", newline="\n")
    for folder in {Path(name).parts[0] for name in pages}:
        for file in (docs / folder).iterdir():
            if f"{folder}/{file.name}" not in pages:
                file.unlink()
