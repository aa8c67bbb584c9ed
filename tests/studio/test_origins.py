"""Where labels come from: what an origin may be, and the origins of the label log, also of logs without them."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import CollectionError
from handlens.studio.labels import Labels
from handlens.studio.origins import CALL, UNKNOWN, Certificate, Origin

LASSO = Origin("lasso", "by hand")
CLICK = Origin("click", "suggested")
IMPORTED = Origin("import", "imported", by="a=1.csv")
FINISH = Origin("finish", "certified", Certificate(error=0.05, confidence=0.95, checked=200))


@pytest.fixture
def log(tmp_path: Path):
    with closing(Labels(tmp_path / "labels.sqlite", 6)) as opened:
        yield opened


def given(log: Labels) -> list[Origin | None]:
    """The origin of each photo's label."""
    changes, by_change = log.state.origins
    return [by_change[number].origin if number else None for number in changes.tolist()]


# --- what an origin may be ------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [CALL, UNKNOWN, LASSO, CLICK, FINISH, Origin("check", "checked"), IMPORTED])
def test_an_origin_is_read_as_it_was_kept(origin):
    assert Origin.from_json(json.loads(json.dumps(origin.as_json()))) == origin


def test_an_origin_in_the_log():
    assert LASSO.as_json() == {"gesture": "lasso", "kind": "by hand"}
    certificate = {"error": 0.05, "confidence": 0.95, "checked": 200}
    assert FINISH.as_json() == {"gesture": "finish", "kind": "certified", "certificate": certificate}
    assert IMPORTED.as_json() == {"gesture": "import", "kind": "imported", "by": "a=1.csv"}


@pytest.mark.parametrize(("kind", "by"), [("by hand", "me"), ("imported", 7)])
def test_only_files_and_models_are_what_gave_a_label(kind, by):
    with pytest.raises(CollectionError, match="by must be text, and only certified and imported labels have it"):
        Origin("import", kind, by=by)


@pytest.mark.parametrize(
    ("gesture", "kind", "certificate", "message"),
    [
        ("scribble", "by hand", None, "gesture must be one of lasso, box, .*; 'scribble' arrived"),
        (None, "by hand", None, "gesture must be one of .*; None arrived"),
        (["lasso"], "by hand", None, "gesture must be one of"),
        ("lasso", "by foot", None, "kind must be one of by hand, .*; 'by foot' arrived"),
        ("finish", "certified", None, "certified labels must have a certificate"),
        ("finish", "certified", {"error": 0.05}, "certified labels must have a certificate"),
        ("lasso", "by hand", FINISH.certificate, "and others must not; 'by hand' arrived"),
    ],
)
def test_origins_that_cannot_be(gesture, kind, certificate, message):
    with pytest.raises(CollectionError, match=message):
        Origin(gesture, kind, certificate)


@pytest.mark.parametrize(
    ("error", "confidence", "checked", "message"),
    [
        (1.1, 0.95, 10, "error must be a share from 0 to 1; 1.1 arrived"),
        (-0.1, 0.95, 10, "error must"),
        (float("nan"), 0.95, 10, "error must be .*; nan arrived"),
        (True, 0.95, 10, "error must"),
        ("0.05", 0.95, 10, "error must be .*; '0.05' arrived"),
        (0.05, 1, 10, "confidence must be a probability between 0 and 1; 1 arrived"),
        (0.05, 0.0, 10, "confidence must"),
        (0.05, None, 10, "confidence must"),
        (0.05, 0.95, -1, "checked must be a whole number of photos, 0 or more; -1 arrived"),
        (0.05, 0.95, 2.0, "checked must"),
        (0.05, 0.95, True, "checked must"),
        (0.05, 0.95, np.int64(3), "checked must"),
    ],
)
def test_certificates_that_cannot_be(error, confidence, checked, message):
    with pytest.raises(CollectionError, match=message):
        Certificate(error, confidence, checked)


# --- origins in the log ---------------------------------------------------------------------------


def test_without_labels_there_are_no_origins(log):
    changes, by_change = log.state.origins
    assert changes.tolist() == [0] * 6
    assert changes.dtype == np.int64
    assert by_change == {}


def test_each_label_has_the_origin_of_the_change_that_gave_it(log):
    log.assign([0, 1, 2], "front", origin=LASSO)
    log.assign([2, 3], "back", origin=CLICK)
    log.assign([4], "back")
    changes, by_change = log.state.origins
    assert changes.tolist() == [1, 1, 2, 2, 3, 0]
    assert {number: change.origin for number, change in by_change.items()} == {1: LASSO, 2: CLICK, 3: CALL}


def test_an_origin_has_the_time_of_its_change(log):
    before = datetime.now(UTC) - timedelta(seconds=1)
    log.assign([0], "front", origin=LASSO)
    at = log.state.origins.by_change[1].at
    assert before <= at <= datetime.now(UTC) + timedelta(seconds=1)
    assert at.utcoffset() == timedelta(0)
    log.undo()
    log.redo()
    assert log.state.origins.by_change[1].at == at


def test_the_label_that_a_photo_has_already_keeps_its_origin(log):
    log.assign([0, 1], "front", origin=LASSO)
    log.assign([0, 1], "front", origin=CLICK)
    assert log.version == 1
    log.assign([1, 2], "front", origin=CLICK)
    assert given(log) == [LASSO, LASSO, CLICK, None, None, None]


def test_what_the_model_labelled_takes_the_origin_of_the_person_who_confirms_it(log):
    log.assign([0, 1], "front", origin=FINISH)
    log.assign([0], "front", origin=LASSO)
    assert given(log)[:2] == [LASSO, FINISH]
    log.assign([0], "front", origin=FINISH)
    assert given(log)[:2] == [LASSO, FINISH]
    log.undo()
    assert given(log)[:2] == [FINISH, FINISH]


def test_what_is_certified_again_has_the_certificate_that_holds_now(log):
    log.assign([0, 1], "front", origin=FINISH)
    log.assign_many([([0, 1], "front")], origin=FINISH, text="the same again")
    assert log.version == 1
    wider = Origin("finish", "certified", Certificate(error=0.1, confidence=0.95, checked=200))
    log.assign_many([([0, 1, 2], "front")], origin=wider, text="finish")
    assert given(log)[:3] == [wider] * 3


def test_labels_are_given_and_taken_off_in_one_change(log):
    log.assign([0, 1], "a", origin=LASSO)
    log.assign_many([([0, 3], None), ([2], "b")], origin=FINISH, text="finish")
    assert (log.names, log.codes.tolist()) == (["a", "b"], [-1, 0, 1, -1, -1, -1])
    assert given(log) == [None, LASSO, FINISH, None, None, None]
    log.undo()
    assert given(log) == [LASSO, LASSO, None, None, None, None]


def test_rename_and_merge_keep_origins_and_delete_clears_them(log):
    log.assign([0], "a", origin=LASSO)
    log.assign([1], "b", origin=CLICK)
    log.assign([2], "c", origin=CALL)
    log.rename("a", "d")
    log.merge(["b", "c"], "d")
    log.merge(["d"], "all")
    assert log.state.origins.changes.tolist() == [1, 2, 3, 0, 0, 0]
    log.remove([0])
    assert given(log) == [None, CLICK, CALL, None, None, None]
    log.delete("all")
    assert log.state.origins.by_change == {}
    for _ in range(5):
        log.undo()
    assert given(log) == [LASSO, CLICK, CALL, None, None, None]


def test_undo_brings_the_origin_before_back(log):
    log.assign([0, 1], "a", origin=LASSO)
    log.assign([1, 2], "b", origin=CLICK)
    log.undo()
    assert given(log) == [LASSO, LASSO, None, None, None, None]
    log.redo()
    assert given(log) == [LASSO, CLICK, CLICK, None, None, None]


def test_a_state_stays_as_it_was(log):
    log.assign([0], "a", origin=LASSO)
    state = log.state
    log.assign([0, 1], "b", origin=CLICK)
    assert state.origins.changes.tolist() == [1, 0, 0, 0, 0, 0]
    assert list(state.origins.by_change) == [1]


def test_the_origin_before(log):
    log.assign([0, 1], "a", origin=LASSO)
    log.assign([1, 2], "b", origin=CLICK)
    log.merge(["a"], "b")
    assert [log.origin_before(photo) for photo in range(4)] == [None, LASSO, None, None]
    log.remove([1])
    assert log.origin_before(1) is None
    log.undo()
    log.undo()
    log.undo()
    assert log.origin_before(1) is None


# --- several labels in one change -----------------------------------------------------------------


def test_several_labels_in_one_change(log):
    log.assign([0, 1], "a", origin=LASSO)
    log.assign_many([([1, 2], "b"), ([3], "a"), ([5], "  c ")], origin=FINISH, text="finish")
    assert (log.names, log.codes.tolist()) == (["a", "b", "c"], [0, 1, 1, 0, -1, 2])
    assert given(log) == [LASSO, FINISH, FINISH, FINISH, None, FINISH]
    assert (log.version, log.undo_text) == (2, "finish")
    log.undo()
    assert (log.names, log.codes.tolist()) == (["a"], [0, 0, -1, -1, -1, -1])
    assert given(log) == [LASSO, LASSO, None, None, None, None]


def test_one_new_label_in_two_groups_is_one_label(log):
    log.assign_many([([0], "new"), ([1], "other"), ([2], "new")], origin=FINISH, text="finish")
    assert (log.names, log.codes.tolist()) == (["new", "other"], [0, 1, 0, -1, -1, -1])


def test_several_labels_that_the_photos_have_already_are_no_change(log):
    log.assign_many([([0], "a"), ([1], "b")], origin=LASSO, text="two labels")
    log.assign_many([([1], "b"), ([0], "a")], origin=FINISH, text="again")
    assert log.version == 1
    assert given(log)[:2] == [LASSO, LASSO]


def test_a_text_that_begins_as_that_of_a_merge(log):
    log.assign_many([([0], "a")], origin=FINISH, text="merge what was certified")
    assert given(log)[0] == FINISH
    assert log.state.code_of_key(0) == 0


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], "groups must have photos of at least one label; none arrived"),
        ([([], "a")], "the selection is empty"),
        ([([0], "a"), ([6], "b")], "between 0 and 5"),
        ([([0], "a"), ([1], "")], "a label must have"),
        ([([0, 1], "a"), ([1, 2], "b")], "photo 1 is in several"),
        ([([0], "a"), ([0], "a")], "photo 0 is in several"),
    ],
)
def test_groups_that_cannot_be(log, groups, message):
    with pytest.raises(CollectionError, match=message):
        log.assign_many(groups, origin=FINISH, text="finish")
    assert (log.version, log.names) == (0, [])


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_follows_its_label(log):
    for i, name in enumerate("abc"):
        log.assign([i], name)
    a, b, c = (log.key_of(name) for name in "abc")
    log.rename("a", "front")
    assert (log.key_of("front"), log.state.code_of_key(a)) == (a, 0)
    log.merge(["front", "b"], "all")
    log.merge(["all"], "c")
    assert [log.state.code_of_key(key) for key in (a, b, c)] == [0, 0, 0]
    log.delete("c")
    assert [log.state.code_of_key(key) for key in (a, b, c)] == [-1, -1, -1]
    log.assign([0], "a")  # a new label, though its name is an old one
    assert log.key_of("a") not in (a, b, c)
    assert log.state.code_of_key(a) == -1
    log.undo()
    log.undo()
    log.undo()
    assert [log.state.code_of_key(key) for key in (a, b, c)] == [1, 1, 0]


def test_a_key_follows_a_label_that_was_merged_without_photos(log):
    log.assign([0], "a")
    log.assign([1], "b")
    a = log.key_of("a")
    log.remove([0])
    log.merge(["a"], "b")
    assert log.state.code_of_key(a) == 0


def test_keys_that_no_label_has(log):
    assert log.state.code_of_key(0) == -1
    with pytest.raises(CollectionError, match="no label is called “a”"):
        log.key_of("a")


# --- older and damaged logs -----------------------------------------------------------------------


def rewrite(path: Path, edit) -> None:
    """Change the body of each change in the file."""
    with closing(sqlite3.connect(path)) as db:
        for seq, body in db.execute("SELECT seq, body FROM changes WHERE kind = 'change'").fetchall():
            changed = edit(json.loads(zlib.decompress(body)))
            db.execute("UPDATE changes SET body = ? WHERE seq = ?", (zlib.compress(json.dumps(changed).encode()), seq))
        db.commit()


def without_origins(body: dict) -> dict:
    return {key: value for key, value in body.items() if key not in ("origin", "into")}


def test_a_log_of_a_version_without_origins(tmp_path):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 6)) as log:
        log.assign([0, 1], "a", origin=LASSO)
        log.assign([2], "b", origin=CLICK)
        log.assign([3], "c", origin=CLICK)
        log.merge(["a", "b"], "d")
        log.rename("d", "e")
        log.remove([1])
        log.delete("c")
        log.assign([4], "e", origin=LASSO)
        log.undo()
    rewrite(path, without_origins)
    with closing(Labels(path, 6)) as log:
        assert given(log) == [UNKNOWN, None, UNKNOWN, None, None, None]
        assert log.state.origins.changes.tolist() == [1, 0, 2, 0, 0, 0]  # the merge kept them
        assert [log.state.code_of_key(key) for key in range(4)] == [0, 0, -1, 0]
        log.redo()
        log.assign([5], "e", origin=CLICK)
        assert given(log) == [UNKNOWN, None, UNKNOWN, None, UNKNOWN, CLICK]


def test_an_old_merge_of_a_label_without_photos(tmp_path):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 2)) as log:
        log.assign([0], "a")
        log.assign([1], "b")
        log.remove([0])
        log.merge(["a"], "b")
    rewrite(path, without_origins)
    with closing(Labels(path, 2)) as log:
        assert given(log) == [None, UNKNOWN]
        assert log.state.code_of_key(0) == -1  # nothing says where it went


@pytest.mark.parametrize(
    "damage",
    [
        {"origin": 5},
        {"origin": None},
        {"origin": "lasso"},
        {"origin": ["lasso", "by hand"]},
        {"origin": {}},
        {"origin": {"gesture": "lasso"}},
        {"origin": {"gesture": 1, "kind": "by hand"}},
        {"origin": {"gesture": "lasso", "kind": ["by hand"]}},
        {"origin": {"gesture": "finish", "kind": "certified"}},
        {"origin": {"gesture": "finish", "kind": "certified", "certificate": 0.05}},
        {"origin": {"gesture": "finish", "kind": "certified", "certificate": {"error": 0.05}}},
        {
            "origin": {
                "gesture": "finish",
                "kind": "certified",
                "certificate": {"error": "5 %", "confidence": 0.95, "checked": 9},
            }
        },
        {"into": "a"},
        {"into": None},
        {"into": True},
        {"new": []},
        {"ids": [[0]]},
    ],
)
def test_a_damaged_origin_says_so(tmp_path, damage):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 4)) as log:
        log.assign([1], "front", origin=LASSO)
    rewrite(path, lambda body: (without_origins(body) if "into" in damage else body) | damage)
    with closing(Labels(path, 4)) as log:
        (said,) = log.damage
        assert said.startswith(
            "Change 1, “label 1 photo “front””, of the label log is damaged (its labels are not known:"
        )
        assert log.codes.tolist() == [-1, -1, -1, -1]


@pytest.mark.parametrize("at", ["yesterday", "", "2026-11-25", 5, "2026-11-25T10:00:00.000"])
def test_a_damaged_time_says_so(tmp_path, at):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 4)) as log:
        log.assign([1], "front")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE changes SET at = ?", (at,))
        db.commit()
    with closing(Labels(path, 4)) as log:
        (said,) = log.damage
        assert f"is damaged (its time cannot be {str(at)!r})" in said
        assert given(log) == [None, CALL, None, None]


def test_a_log_keeps_no_origins_of_photos_that_it_does_not_know(tmp_path):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 2)) as small, closing(Labels(path, 4)) as large:
        large.assign([1, 3], "a", origin=LASSO)
        large.assign([2], "a", origin=CLICK)
        assert small.state.origins.changes.tolist() == [0, 1]
        assert list(small.state.origins.by_change) == [1]
        small.undo()
        small.undo()
        assert large.state.origins.changes.tolist() == [0, 0, 0, 0]
