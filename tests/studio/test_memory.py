"""Giving memory back: harmless where there is none to give and where the system knows no such call."""

from __future__ import annotations

import ctypes

import pytest

from handlens.studio.memory import release_memory


def test_the_allocator_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class System:
        malloc_trim = staticmethod(asked.append)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: System())
    release_memory()
    assert asked == [0]


@pytest.mark.parametrize("error", [OSError("no library"), AttributeError("malloc_trim"), TypeError("a name is needed")])
def test_where_there_is_no_such_call(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(name: object) -> object:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    release_memory()
