"""Plugins: what other packages add to handlens, found by their entry points.

A package names what it adds in its pyproject.toml, such as an importer:

    [project.entry-points."handlens.importers"]
    acme = "acme_handlens:AcmeImporter"

It is loaded only when it is needed. One that fails to load is left out, with its reason in `Plugins.failed`, in the log
and in `handlens doctor`; everything else goes on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from handlens.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["KINDS", "Kind", "Plugins", "plugins"]

Kind = Literal["extractors", "importers", "exporters", "trackers"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""What a plugin may be; the group of its entry point is "handlens." and its kind."""

_HAS: dict[Kind, tuple[str, ...]] = {
    "extractors": ("rebuild", "make"),
    "importers": ("name", "title", "endings", "recognises", "read"),
    "exporters": ("name", "title", "ending", "write"),
    "trackers": ("__call__",),
}
"""What a plugin of each kind must have."""

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)


class Plugins:
    """The plugins of one kind that are installed.

    Args:
        kind: "extractors", "importers", "exporters" or "trackers".

    Attributes:
        failed: why a plugin was left out, by its name, of those that were asked for so far.

    Example:
        >>> found = Plugins("importers")
        >>> found.get("such-a-format") is None, found.failed
        (True, {})
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.failed: dict[str, str] = {}
        self._loaded: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all that are installed, sorted; none is loaded."""
        return tuple(self._found)

    def package(self, name: str) -> str:
        """The package that a plugin comes from, and its version, such as "acme-handlens 1.2"."""
        return _package(self._found[name])

    def get(self, name: str) -> Any:
        """A plugin, loaded; None if none of the name is installed.

        What an entry point names is given as it is; of importers and exporters a class is called, without arguments.

        Raises:
            PluginError: it cannot be loaded, or it is not what its kind requires.
        """
        if name not in self._found:
            return None
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(self._found[name])
            except PluginError as error:
                self.failed[name] = str(error)
                raise
        return self._loaded[name]

    def beside(self, own: Mapping[str, _T]) -> dict[str, _T]:
        """What handlens has itself, then all plugins that can be loaded; the others are in `failed` and in the log.

        Args:
            own: by name; a plugin of the same name is left out.
        """
        found = dict(own)
        for name in self.names:
            if name in self.failed:
                continue
            if name in own:
                self._leave_out(name, f"{_said(self._found[name])}: handlens has {self.kind} of that name itself.")
                continue
            try:
                found[name] = self.get(name)
            except PluginError as error:
                self._leave_out(name, str(error))
        return found

    def _leave_out(self, name: str, reason: str) -> None:
        self.failed[name] = reason
        _logger.warning("a plugin is left out: %s", reason)

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        """By name; of two packages that use one name, the one that comes first in the alphabet has it."""
        from importlib.metadata import entry_points  # most processes need no plugin

        found: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=f"handlens.{self.kind}"), key=lambda one: (one.name, _package(one))):
            first = found.setdefault(point.name, point)
            if _package(first) != _package(point):
                said = _said(point)
                self._leave_out(said, f"{said}: {_package(first)} has {self.kind} of that name too.")
        return found

    def _load(self, point: EntryPoint) -> Any:
        try:
            with redirect_stdout(sys.stderr):  # what is printed there is read by programs
                found = point.load()
                if isinstance(found, type) and self.kind in ("importers", "exporters"):
                    found = found()
            missing = [name for name in _HAS[self.kind] if not hasattr(found, name)]
        except (Exception, SystemExit) as error:  # whatever a stranger's module does when it is imported
            raise PluginError(f"{_said(point)} cannot be loaded: {type(error).__name__}: {error}") from error
        if missing:
            raise PluginError(
                f"{_said(point)} must have {', '.join(_HAS[self.kind])}, as all {self.kind} do; "
                f"it lacks {', '.join(missing)}."
            )
        return found


@cache
def plugins(kind: Kind) -> Plugins:
    """The plugins of one kind, the same object each time.

    Args:
        kind: "extractors", "importers", "exporters" or "trackers".

    Example:
        >>> plugins("trackers") is plugins("trackers")
        True
    """
    return Plugins(kind)


def _said(point: EntryPoint) -> str:
    return f"“{point.name}” of {_package(point)}"


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module
