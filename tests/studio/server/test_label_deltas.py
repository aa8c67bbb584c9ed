"""What changed in the labels travels alone, and leads to the same labels as all of them."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.studio import label_differences
from handlens.studio.collection import Collection
from handlens.studio.label_differences import RecentChanges
from handlens.studio.labels import Labels
from handlens.studio.origins import CALL, Certificate, Origin
from handlens.studio.server import events, payloads
from handlens.studio.server.encoding import selected
from handlens.studio.server.events import Feed

PHOTOS = 40


def numbers(text: str) -> list[int]:
    """LEB128, read byte by byte."""
    found, value, shift = [], 0, 0
    for byte in base64.b64decode(text):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value)
            value, shift = 0, 0
    return found


def values(text: str) -> list[int]:
    runs, *rest = numbers(text)
    pairs = zip(rest[:runs], rest[runs:], strict=True)
    return [value - 1 for value, length in pairs for _ in range(length)]


class Tab:
    """A page: the labels that it knows, as a dict, and every photo's label by its colour."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self.take(whole)

    def take(self, sent: dict[str, Any]) -> None:
        if sent["kind"] == "all":
            codes = np.frombuffer(base64.b64decode(sent["codes"]), "<i2")
            self.names: list[dict[str, Any]] = sent["names"]
            self.keys = [self.names[code]["colour"] if code >= 0 else -1 for code in codes]
        else:
            assert sent["since"] <= self.version
            changed = {label["colour"] for label in sent["names"]} | set(sent["gone"])
            self.names = [label for label in self.names if label["colour"] not in changed]
            for label in sent["names"]:
                self.names.insert(label["place"], {k: v for k, v in label.items() if k != "place"})
            for id, key in zip(selected(sent["ids"], len(self.keys)), values(sent["keys"]), strict=True):
                self.keys[id] = key
        self.version: int = sent["version"]
        self.rest = [sent[name] for name in ("version", "last_by_person", "undo", "redo")]

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other)


def sent(collection: Collection, since: int = -1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payloads.labels(collection, since).model_dump_json())
    return found


@pytest.fixture
def opened(prepared_folder: Path, tmp_path: Path) -> Iterator[Collection]:
    shutil.copytree(prepared_folder, tmp_path / "own")
    with Collection.open(tmp_path / "own") as collection:
        yield collection


def test_each_kind_of_change_sends_what_it_changes(opened: Collection) -> None:
    tab = Tab(sent(opened))

    def after(change: Any) -> dict[str, Any]:
        change()
        delta = sent(opened, tab.version)
        assert delta["kind"] == "delta"
        tab.take(delta)
        assert tab == Tab(sent(opened))
        return {
            "names": [(label["place"], label["name"], label["count"], label["gestures"]) for label in delta["names"]],
            "gone": delta["gone"],
            "photos": dict(zip(selected(delta["ids"], PHOTOS).tolist(), values(delta["keys"]), strict=True)),
        }

    assert after(lambda: opened.label([1, 2], "a")) == {
        "names": [(0, "a", 2, 1)],
        "gone": [],
        "photos": {1: 0, 2: 0},
    }
    assert after(lambda: opened.label([2, 3], "b"))["names"] == [(0, "a", 1, 1), (1, "b", 2, 1)]
    assert after(lambda: opened.unlabel([1])) == {"names": [(0, "a", 0, 0)], "gone": [], "photos": {1: -1}}
    assert after(opened.undo)["photos"] == {1: 0}
    assert after(lambda: opened.rename("b", "c")) == {"names": [(1, "c", 2, 1)], "gone": [], "photos": {}}
    assert after(lambda: opened.merge(["a", "c"], "c")) == {"names": [(0, "c", 3, 2)], "gone": [0], "photos": {1: 1}}
    assert after(opened.undo)["names"] == [(0, "a", 1, 1), (1, "c", 2, 1)]
    assert after(opened.redo)["gone"] == [0]
    assert after(lambda: opened.delete("c")) == {
        "names": [],
        "gone": [1],
        "photos": {1: -1, 2: -1, 3: -1},
    }
    assert after(lambda: None) == {"names": [], "gone": [], "photos": {}}


def test_labels_of_duplicates_send_the_counts_of_all_labels(opened: Collection) -> None:
    labels = opened.parts.labels
    opened.label([0], "a")
    opened.label([1], "b")
    tab = Tab(sent(opened))
    labels.assign([5], "a", origin=Origin("duplicates", "by hand"))
    delta = sent(opened, tab.version)
    assert [label["name"] for label in delta["names"]] == ["a", "b"]
    tab.take(delta)
    assert tab == Tab(sent(opened))
    assert sent(opened, tab.version)["names"] == []


def test_who_fell_too_far_behind_gets_all_labels(opened: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_differences, "MOST_CHANGES", 3)
    versions = [opened.parts.labels.version]
    for photo in range(5):
        opened.label([photo], "a")
        versions.append(opened.parts.labels.version)
    assert [sent(opened, version)["kind"] for version in versions] == ["all", "all", *["delta"] * 4]
    assert sent(opened, versions[-1] + 1)["kind"] == "all"  # of another life of the collection
    monkeypatch.setattr(label_differences, "MOST_IDS", 10)
    opened.label(range(5, 20), "a")
    assert sent(opened, versions[-1])["kind"] == "all"


def test_what_changed_before_opening_is_not_known(opened: Collection, tmp_path: Path) -> None:
    first = opened.parts.labels.version
    opened.label([1], "a")
    with Collection.open(tmp_path / "own") as other:
        assert sent(other, first)["kind"] == "all"
        now = other.parts.labels.version
        opened.label([2], "a")  # by another process, as it were
        assert selected(sent(other, now)["ids"], PHOTOS).tolist() == [2]


def test_two_tabs_and_one_that_reconnects_know_the_same(opened: Collection) -> None:
    async def main() -> None:
        async def never() -> bool:
            return False

        async def next_labels(stream: Any) -> dict[str, Any]:
            async for message in stream:
                if message.startswith(b"data: ") and (event := json.loads(message[6:]))["kind"] == "labels":
                    found: dict[str, Any] = event["labels"]
                    return found
            raise AssertionError("the stream ended")

        feed = Feed()
        streams = [feed.stream("x", opened, gone=never) for _ in range(2)]
        tabs = [Tab(await next_labels(stream)) for stream in streams]
        opened.label([1, 2], "a")
        for tab, stream in zip(tabs, streams, strict=True):
            delta = await next_labels(stream)
            assert delta["kind"] == "delta"
            tab.take(delta)
        await streams[1].aclose()
        opened.label([2, 9], "b")
        opened.undo()
        opened.label([3], "c")
        while tabs[0].version < opened.parts.labels.version:
            tabs[0].take(await next_labels(streams[0]))
        again = feed.stream("x", opened, gone=never, since=tabs[1].version)
        delta = await next_labels(again)
        assert delta["kind"] == "delta"
        tabs[1].take(delta)
        assert tabs[0] == tabs[1] == Tab(sent(opened))
        await streams[0].aclose()
        await again.aclose()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_labels_that_are_long_are_left_to_be_fetched(opened: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LONGEST", 400)
    told = events._Told("x", opened, opened.parts.labels.version)
    opened.label([1], "a" * 90)
    opened.label([2], "b" * 90)
    message = told.message("labels", {})
    assert message is not None
    assert json.loads(message[6:]) == {"kind": "labels", "version": opened.parts.labels.version, "labels": None}
    assert told.labels_version == opened.parts.labels.version


def test_of_the_state_only_what_changed_is_told_again(opened: Collection) -> None:
    told = events._Told("x", opened, -1)
    first = told.message("state", {})
    assert first is not None
    assert json.loads(first[6:])["kind"] == "state"
    assert told.message("state", {}) is None
    opened.parts.settings.view = {"layer": "a"}
    opened.label([1], "a")
    second = told.message("state", {})
    assert second is not None
    assert json.loads(second[6:])["changes"].keys() == {"labels_version", "spot_check"}


CERTIFIED = Origin("finish", "certified", Certificate(0.05, 0.95, 100))
ORIGINS = st.sampled_from([CALL, Origin("import", "imported"), Origin("lasso", "by hand"), CERTIFIED])
NAMES = st.sampled_from(["a", "b", "c", "d"])
IDS = st.lists(st.integers(0, 11), min_size=1, max_size=12)
ACTIONS = st.one_of(
    st.tuples(st.just("assign"), IDS, NAMES, ORIGINS),
    st.tuples(st.just("remove"), IDS),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.just("merge"), st.lists(NAMES, min_size=1, unique=True), NAMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


def do(labels: Labels, action: tuple[Any, ...]) -> None:
    kind, *of = action
    have = labels.names
    if kind == "assign":
        labels.assign(of[0], of[1], origin=of[2])
    elif kind == "rename" and of[0] in have and of[1] not in have:
        labels.rename(*of)
    elif kind == "merge" and (chosen := [name for name in of[0] if name in have]):
        labels.merge(chosen, of[1])
    elif kind == "delete" and of[0] in have:
        labels.delete(of[0])
    elif kind in ("remove", "undo", "redo"):
        getattr(labels, kind)(*of)


class Shown:
    """A page without a server: the table of the labels, and each photo's key."""

    def __init__(self, labels: Labels) -> None:
        state = labels.state
        self.version, self.table = state.version, [(info.colour, info.name, info.count) for info in state.table]
        self.keys = np.array([*[info.colour for info in state.table], -1])[state.codes]

    def take(self, labels: Labels, since: int) -> None:
        change = labels.since(since)
        assert change is not None
        others = {label.key for label in change.labels} | set(change.gone)
        self.table = [row for row in self.table if row[0] not in others]
        for label in change.labels:
            self.table.insert(label.place, (label.key, label.name, label.photos))
        self.keys[change.ids] = change.keys
        self.version = change.version


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 3)), max_size=20))
@settings(max_examples=40, deadline=None)
def test_what_changed_leads_to_the_same_labels(tmp_path_factory: Any, steps: list[tuple[tuple[Any, ...], int]]) -> None:
    labels = Labels(tmp_path_factory.mktemp("labels") / "labels.sqlite", 12)
    try:
        shown, versions = Shown(labels), [labels.version]
        for action, late in steps:
            do(labels, action)
            if late:  # this page hears of several changes together, or of some again
                continue
            shown.take(labels, versions[max(0, len(versions) - 1 - len(action[0]) % 3)])
            versions.append(shown.version)
            now = Shown(labels)
            assert (shown.version, shown.table, shown.keys.tolist()) == (now.version, now.table, now.keys.tolist())
            state = labels.state
            pairs = {
                (int(code), -1 if state.origins.by_change[int(n)].origin.gesture == "import" else int(n))
                for code, n in zip(state.codes, state.origins.changes, strict=True)
                if code >= 0
            }
            given = [sum(code == of for code, _ in pairs) for of in range(len(state.table))]
            everything = labels.since(versions[0])
            assert everything is not None
            assert [label.gestures for label in everything.labels] == [
                given[label.place] for label in everything.labels
            ]
    finally:
        labels.close()


def test_changes_are_forgotten_by_their_number() -> None:
    recent = RecentChanges(0)
    for version in range(1, 400):
        recent.add(version, np.arange(3), {version})
    assert recent.since(399 - label_differences.MOST_CHANGES - 1) is None
    found = recent.since(399 - label_differences.MOST_CHANGES)
    assert found is not None
    assert len(found[1]) == label_differences.MOST_CHANGES
    assert recent.since(400) is None
