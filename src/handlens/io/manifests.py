"""manifest.json: what a folder that a command filled holds, with a version and a checksum, written whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from handlens.errors import ShardError
from handlens.io.checksums import DamagedError, with_checksum, without_checksum
from handlens.io.files import atomic_write
from handlens.io.plain_json import read_json
from handlens.io.problems import reason_of

MANIFEST = "manifest.json"

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class ManifestFormat:
    """What tells the manifests of one command from others, and what is said of those that cannot be read.

    Attributes:
        name, version: as they are written.
        members: of the object, beside the name and the version.
        holds: what the folder holds: "shards".
        command, usage: what fills it: "handlens embed", "handlens embed SOURCE OUT".
        repair: what helps if it is damaged, as a sentence without its full stop.
    """

    name: str
    version: int
    members: frozenset[str]
    holds: str
    command: str
    usage: str
    repair: str

    def write(self, out: Path, content: dict[str, Any]) -> None:
        """Write the manifest of a folder, whole or not at all; StorageError if the disk refuses."""
        content = with_checksum({"format": self.name, "version": self.version, **content})
        with atomic_write(out / MANIFEST) as partial:
            partial.write_text(json.dumps(content, indent=1), encoding="utf-8")

    def read(self, out: Path, made: Callable[[dict[str, Any]], _Made]) -> _Made:
        """What the manifest of a folder says.

        Args:
            out: the folder.
            made: makes it of the members; TypeError, KeyError or ValueError for what cannot be right.

        Raises:
            ShardError: there is none, it is damaged, or it was written by a newer version.
        """
        file = out / MANIFEST
        try:
            content = read_json(file)
        except (FileNotFoundError, NotADirectoryError):
            raise ShardError(
                f"{out} does not hold {self.holds}: it has no {MANIFEST}. `{self.usage}` makes them."
            ) from None
        except (OSError, ValueError) as error:
            raise self._damaged(file, error) from error
        if content.get("format") != self.name:
            raise ShardError(
                f"{file} does not describe {self.holds} of handlens. Name the folder that `{self.command}` wrote."
            )
        version = content.get("version")
        if type(version) is not int or version > self.version:
            raise ShardError(f"{out} was made by a newer handlens (version {version}). Update handlens to open it.")
        try:
            return made(without_checksum(content, known=self.members | {"format", "version"}))
        except (DamagedError, KeyError, TypeError, ValueError) as error:
            raise self._damaged(file, error) from error

    def _damaged(self, file: Path, error: Exception) -> ShardError:
        return ShardError(f"{file} is damaged: {reason_of(error).rstrip('.')}. {self.repair}.")
