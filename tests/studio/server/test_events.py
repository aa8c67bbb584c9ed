from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from handlens.studio.collection import Collection
from handlens.studio.server import events
from handlens.studio.server.events import Feed


async def never() -> bool:
    return False


def parsed(message: bytes) -> dict[str, Any]:
    assert message.startswith(b"data: ")
    assert message.endswith(b"\n\n")
    found: dict[str, Any] = json.loads(message[6:])
    return found


async def take(stream: AsyncIterator[bytes], kind: str) -> dict[str, Any]:
    """The next event of a kind."""
    async for message in stream:
        if message.startswith(b"data: ") and parsed(message)["kind"] == kind:
            return parsed(message)
    raise AssertionError(f"the stream ended before an event of the kind {kind}")


async def changed(stream: AsyncIterator[bytes], field: str) -> Any:
    """What a field of the state becomes next."""
    while True:
        changes: dict[str, Any] = (await take(stream, "changes"))["changes"]
        if field in changes:
            return changes[field]


def test_a_tab_is_told_the_state_and_labels_first_then_what_another_changes(collection: Collection) -> None:
    async def main() -> None:
        feed = Feed()
        first = feed.stream("x", collection, gone=never)
        second = feed.stream("x", collection, gone=never)
        for stream in (first, second):
            assert (await take(stream, "state"))["state"]["id"] == "x"
            assert (await take(stream, "labels"))["labels"]["names"] == []
        assert feed.listeners == 2
        threading.Thread(target=collection.label, args=([1, 2], "round")).start()
        for stream in (first, second):
            names = (await take(stream, "labels"))["labels"]["names"]
            assert [(label["name"], label["count"]) for label in names] == [("round", 2)]
            await stream.aclose()
        assert feed.listeners == 0

    asyncio.run(asyncio.wait_for(main(), 60))


def test_many_changes_at_once_are_sent_as_few(collection: Collection) -> None:
    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        await take(stream, "labels")
        for i in range(30):
            collection.label([i], "a")
        seen = 0
        while True:
            seen += 1
            if (await take(stream, "labels"))["labels"]["names"][0]["count"] == 30:
                break
        assert seen <= 3
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_progress_of_two_maps_is_kept_apart_and_only_the_latest_sent(collection: Collection) -> None:
    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        await take(stream, "labels")
        for done in range(5):
            for layer in ("a", "b"):
                told = {"task": "map", "layer": layer, "projection": "neighbours", "done": done, "total": 5}
                collection.parts.listeners.tell("work", **told, seconds_left=2.5)
        got = [await take(stream, "work") for _ in range(2)]
        assert got == [
            {
                "kind": "work",
                "task": "map",
                "layer": layer,
                "projection": "neighbours",
                "done": 4,
                "total": 5,
                "seconds_left": 2.5,
            }
            for layer in ("a", "b")
        ]
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_labels_changed_by_another_process_arrive(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TICK", 0.05)

    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        await take(stream, "labels")
        with Collection.open(folder) as other:  # as a second process would
            other.label([7], "elsewhere")
        assert (await take(stream, "labels"))["labels"]["names"][0]["name"] == "elsewhere"
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_tab_that_has_gone_is_forgotten(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "TICK", 0.05)

    async def gone() -> bool:
        return True

    async def main() -> None:
        feed = Feed()
        before = len(collection.parts.listeners)
        stream = feed.stream("x", collection, gone=gone)
        await take(stream, "labels")
        assert (feed.listeners, len(collection.parts.listeners)) == (1, before + 1)
        assert [message async for message in stream] == []
        assert (feed.listeners, len(collection.parts.listeners)) == (0, before)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_quiet_stream_says_that_it_lives(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "TICK", 0.01)

    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        await take(stream, "labels")
        assert (await anext(stream)).startswith(b":")
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_closing_the_feed_ends_every_stream(collection: Collection) -> None:
    async def main() -> None:
        feed = Feed()
        stream = feed.stream("x", collection, gone=never)
        await take(stream, "labels")
        asyncio.get_running_loop().call_later(0.05, feed.close)
        assert [message async for message in stream] == []
        assert feed.listeners == 0

    asyncio.run(asyncio.wait_for(main(), 60))


def test_the_streams_of_one_collection_can_be_ended_alone(collection: Collection) -> None:
    async def main() -> None:
        feed = Feed()
        going, staying = feed.stream("x", collection, gone=never), feed.stream("y", collection, gone=never)
        await take(going, "labels")
        await take(staying, "labels")
        feed.end("x")
        assert [message async for message in going] == []
        assert feed.listeners == 1
        collection.label([1], "round")
        assert (await take(staying, "labels"))["labels"]["names"][0]["name"] == "round"
        await staying.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_change_after_the_loop_has_ended_harms_nobody(
    collection: Collection, wait_until: Callable[..., None]
) -> None:
    held: list[Callable[[str, dict[str, Any]], None]] = []
    subscribe = collection.parts.listeners.subscribe

    def remember(listener: Callable[[str, dict[str, Any]], None]) -> Callable[[], None]:
        held.append(listener)
        return subscribe(listener)

    collection.parts.listeners.subscribe = remember  # type: ignore[method-assign]

    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        await take(stream, "labels")
        await stream.aclose()

    asyncio.run(main())
    held[0]("labels", {})


def test_a_tab_is_told_of_the_spot_check_and_of_the_predictions_after_it(collection: Collection) -> None:
    async def main() -> None:
        collection.label(range(5), "circle")
        collection.label(range(20, 25), "square")
        collection.train()
        stream = Feed().stream("x", collection, gone=never)
        assert (await take(stream, "state"))["state"]["spot_check"]["waiting"] == []
        [photo] = collection.draw_spot_check(1).tolist()
        assert (await changed(stream, "spot_check"))["waiting"] == [photo]
        collection.answer_spot_check(photo, "circle")
        said = await changed(stream, "spot_check")
        assert (said["waiting"], said["answered"], said["unsure"]) == ([], 1, 0)
        version = (await take(stream, "predictions"))["version"]
        assert version == collection.parts.models.predictions_version
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_that_the_folder_of_photos_goes_and_comes_back_is_noticed(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TICK", 0.05)
    photos = collection.images

    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        assert (await take(stream, "state"))["state"]["folder_gone"] is False
        photos.rename(photos.with_name("away"))
        assert await changed(stream, "folder_gone") is True
        photos.with_name("away").rename(photos)
        assert await changed(stream, "folder_gone") is False
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_another_process_checks_is_noticed(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TICK", 0.05)

    async def main() -> None:
        stream = Feed().stream("x", collection, gone=never)
        await take(stream, "labels")
        with Collection.open(folder) as other:
            [photo] = other.draw_spot_check(1).tolist()
            assert (await changed(stream, "spot_check"))["waiting"] == [photo]
            other.answer_spot_check(photo, unsure=True)  # no label changes
            assert (await changed(stream, "spot_check"))["unsure"] == 1
        await stream.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))
