"""The event stream of experiments: what any process writes reaches every tab."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from handlens.experiments.server import events
from handlens.experiments.server.events import StudyFeed
from handlens.experiments.server.records import Records
from handlens.experiments.store import RUNS, SCHEMA, Place, Store
from tests.experiments.made_studies import make_study


async def never() -> bool:
    return False


async def following(stream: AsyncIterator[bytes]) -> dict[str, Any]:
    """The next event."""
    async for message in stream:
        if message.startswith(b"data: "):
            assert message.endswith(b"\n\n")
            found: dict[str, Any] = json.loads(message[6:])
            return found
    raise AssertionError("the stream ended before an event")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a scene, in which a second takes a hundredth of one."""
    monkeypatch.setattr(events, "TICK", 0.01)
    return lambda scene: asyncio.run(asyncio.wait_for(scene, 60))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: seed, seeds=(0, 1), epochs=1)


def test_every_tab_hears_what_another_process_writes(store: Store, played: Callable[..., None]) -> None:
    async def scene() -> None:
        feed = StudyFeed(Records(store.place))
        tabs = [feed.stream(never), feed.stream(never)]
        versions = []
        for tab in tabs:
            first = await following(tab)
            assert (first["kind"], first["studies"]["studies"][0]["runs"]["finished"]) == ("studies", 2)
            versions.append(first["studies"]["version"])
        with store.writing() as connection:
            connection.execute(RUNS.update().where(RUNS.c.id == 1).values(status="failed", changed=1_800_000_000.0))
        for tab, version in zip(tabs, versions, strict=True):
            later = await following(tab)
            assert later["studies"]["studies"][0]["runs"] == {
                "waiting": 0,
                "running": 0,
                "finished": 1,
                "failed": 1,
                "pruned": 0,
                "stopped": 0,
            }
            assert later["studies"]["version"] > version

    played(scene())


def test_a_study_that_begins_is_heard_of(tmp_path: Path, played: Callable[..., None]) -> None:
    async def scene() -> None:
        tab = StudyFeed(Records(Place.of(tmp_path))).stream(never)
        assert (await following(tab))["studies"]["studies"] == []
        make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: seed)
        assert [study["name"] for study in (await following(tab))["studies"]["studies"]] == ["made"]

    played(scene())


def test_what_cannot_be_read_is_said_once_and_tried_again(store: Store, played: Callable[..., None]) -> None:
    def set_version(version: int) -> None:
        with store.writing() as connection:
            connection.execute(SCHEMA.update().values(version=version))

    async def scene() -> None:
        set_version(99)
        tab = StudyFeed(Records(store.place)).stream(never)
        problem = await following(tab)
        assert problem["kind"] == "problem"
        assert "was written by a newer handlens (tables of version 99" in problem["error"]
        set_version(1)
        assert (await following(tab))["kind"] == "studies"

    played(scene())


def test_a_quiet_stream_sends_comments(
    store: Store, played: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_QUIET_TICKS", 2)

    async def scene() -> None:
        tab = StudyFeed(Records(store.place)).stream(never)
        assert (await anext(tab)).startswith(b"data: ")
        assert await anext(tab) == b": still here\n\n"

    played(scene())


def test_a_closed_tab_and_a_closed_server_end_the_stream(store: Store, played: Callable[..., None]) -> None:
    async def scene() -> None:
        gone = False

        async def is_gone() -> bool:
            return gone

        feed = StudyFeed(Records(store.place))
        tab, other = feed.stream(is_gone), feed.stream(never)
        await following(tab)
        await following(other)
        gone = True
        assert [message async for message in tab] == []
        feed.close()
        assert [message async for message in other] == []
        assert [message async for message in feed.stream(never)] == []

    played(scene())
