"""Files that are written whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlens.errors import StorageError


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well; StorageError otherwise."""
    target = Path(path)
    partial = target.with_name(f".{secrets.token_hex(8)}.tmp{''.join(target.suffixes)}")  # pandas compresses by them
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{target} could not be written: {error.strerror or error}. Nothing was overwritten."
        ) from error
