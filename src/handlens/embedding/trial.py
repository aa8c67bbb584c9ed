"""A photo that is suspected of ending the process that reads it is read in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from handlens.embedding.local import python_path
from handlens.errors import HandlensError

COMMAND = ("-m", "handlens.embedding.trial")
"""What Python runs; the file and the side of the picture in pixels follow."""


def ends_its_process(file: Path, size: int) -> bool:
    """Whether a process that does nothing but read a photo does not come to its end, twice.

    Args:
        file: the photo.
        size: of the picture that is made of it, in pixels.
    """
    command = [sys.executable, *COMMAND, str(file), str(size)]
    env = os.environ | {"PYTHONPATH": python_path()}
    return all(
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=env, check=False).returncode
        for _ in range(2)
    )


def main() -> None:
    """Read the photo; that it cannot be read is no matter here."""
    from handlens.studio.pictures import read_squares

    with suppress(HandlensError, OSError):
        read_squares(Path(sys.argv[1]), {int(sys.argv[2])})


if __name__ == "__main__":
    main()
