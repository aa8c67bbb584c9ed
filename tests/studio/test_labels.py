"""The label log: each operation by hand, then random histories against a model made of dicts."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from handlens.errors import CollectionError, StorageError
from handlens.studio.labels import MAX_NAME, MOST_LABELS, Labels, check_name
from handlens.studio.origins import CALL, Certificate, Origin


@pytest.fixture
def log(tmp_path: Path):
    with closing(Labels(tmp_path / "labels.sqlite", 6)) as opened:
        yield opened


def as_dict(log: Labels) -> dict[int, str]:
    names, codes = log.names, log.codes
    return {i: names[code] for i, code in enumerate(codes) if code >= 0}


def test_starts_empty(log):
    assert log.names == []
    assert log.codes.tolist() == [-1] * 6
    assert log.version == 0
    assert log.undo_text is None
    assert log.redo_text is None
    assert log.undo() is False
    assert log.redo() is False
    assert log.version == 0


def test_assign_remove_and_codes(log):
    log.assign([0, 2], "front")
    log.assign([3], "back")
    log.assign([2], "back")
    assert log.names == ["front", "back"]
    assert log.codes.tolist() == [0, -1, 1, 1, -1, -1]
    log.remove([3, 5])
    assert log.codes.tolist() == [0, -1, 1, -1, -1, -1]
    assert [(i.name, i.count, i.colour) for i in log.table] == [("front", 1, 0), ("back", 1, 1)]
    assert log.version == 4


def test_keeping_labels_changes_none_and_can_be_undone(log):
    log.assign([0, 2], "front")
    log.assign([1], "back")
    before = log.state
    assert log.keep({2: 1, 0: 1}) == 3
    assert log.state.kept == {0: (0, 1), 2: (0, 1)}
    assert log.keep({2: 1}) == 0  # nothing new
    assert log.keep({2: 5}) == 4  # another label is suggested now
    assert log.state.kept == {0: (0, 1), 2: (0, 5)}
    assert log.undo_text == "keep the label of 1 photo"
    log.undo()
    assert log.state.kept == {0: (0, 1), 2: (0, 1)}
    after = log.state
    assert after.codes.tolist() == before.codes.tolist()
    assert (after.made, after.last_by_person) == (before.made, before.last_by_person)
    with pytest.raises(CollectionError, match="only labels can be kept, and photo 4 has none"):
        log.keep({0: 1, 4: 1})


def test_the_same_labels_by_persons_have_the_same_number(log, tmp_path):
    def number() -> int:
        return log.state.last_by_person

    assert number() == 0
    log.assign([0, 2], "front")
    log.assign([1], "back")
    assert number() == 2
    log.assign([0], "back")
    assert number() == 3
    log.rename("front", "nose")
    assert number() == 3  # the same label, with a new name
    log.assign([0], "nose")
    assert number() == 2  # by hand back to what they were
    log.undo()
    log.undo()
    log.undo()
    assert number() == 2
    log.undo()
    assert number() == 1
    log.assign([1], "other")
    assert number() == log.version == 10  # another label, though undoing led here
    log.delete("front")
    log.delete("other")
    assert number() == 0
    with closing(Labels(tmp_path / "labels.sqlite", 6)) as again:
        assert again.state.last_by_person == 0
        again.undo()
        assert again.state.last_by_person == 11


def test_kept_labels_are_found_at_the_next_opening(log, tmp_path):
    log.assign([0], "front")
    log.keep({0: 7})
    with closing(Labels(tmp_path / "labels.sqlite", 6)) as again:
        assert again.state.kept == {0: (0, 7)}


@pytest.mark.parametrize("kept", ["nonsense", [[0, 1]], [[0, 0, "x"]], 3])
def test_damaged_kept_labels_are_told(log, tmp_path, kept):
    log.assign([0], "front")
    log.keep({0: 7})
    file = tmp_path / "labels.sqlite"
    with closing(sqlite3.connect(file)) as db:
        (body,) = db.execute("SELECT body FROM changes WHERE seq = 2").fetchone()
        damaged = json.loads(zlib.decompress(body)) | {"kept": kept}
        db.execute("UPDATE changes SET body = ? WHERE seq = 2", (zlib.compress(json.dumps(damaged).encode()),))
        db.commit()
    with closing(Labels(file, 6)) as again:
        (said,) = again.damage
        assert said.startswith("Change 2, “keep the label of 1 photo”, of the label log is damaged (")
        assert again.state.kept == {}
        assert again.codes.tolist() == [0, -1, -1, -1, -1, -1]


def test_state_is_one_moment(log):
    log.assign([1], "a")
    log.assign([4], "b")
    state = log.state
    assert state.version == 2
    assert state.names == ["a", "b"]
    assert state.codes.tolist() == [-1, 0, -1, -1, 1, -1]


def test_what_changes_nothing_is_no_step(log):
    log.assign([0], "a")
    log.assign([0, 0], "a")
    log.remove([3])
    log.rename("a", "a")
    log.merge(["a"], "a")
    assert log.version == 1
    log.undo()
    assert log.names == []


def test_rename_keeps_photos_and_colour(log):
    log.assign([0, 1], "frnt")
    log.assign([2], "back")
    log.rename("frnt", "front")
    assert log.names == ["front", "back"]
    assert log.codes.tolist() == [0, 0, 1, -1, -1, -1]
    assert log.table[0].colour == 0
    with pytest.raises(CollectionError, match="“back” exists already"):
        log.rename("front", "back")
    with pytest.raises(CollectionError, match="no label is called “side”"):
        log.rename("side", "left")


@pytest.mark.parametrize("names", ["ab", None, 3])
def test_what_is_merged_is_a_list(log, names):
    for i, name in enumerate("ab"):
        log.assign([i], name)
    with pytest.raises(CollectionError, match="names must be a list of labels"):
        log.merge(names, "c")
    assert log.names == ["a", "b"]


def test_merge_into_one_of_them_a_third_and_a_new_one(log):
    for i, name in enumerate("abcd"):
        log.assign([i], name)
    log.merge(["a", "b"], "a")
    assert log.names == ["a", "c", "d"]
    assert as_dict(log) == {0: "a", 1: "a", 2: "c", 3: "d"}
    log.merge(["c"], "d")
    assert as_dict(log) == {0: "a", 1: "a", 2: "d", 3: "d"}
    log.merge(["a", "d"], "all")
    assert log.names == ["all"]
    assert as_dict(log) == dict.fromkeys(range(4), "all")
    for _ in range(3):
        log.undo()
    assert as_dict(log) == {0: "a", 1: "b", 2: "c", 3: "d"}
    with pytest.raises(CollectionError, match="at least one label"):
        log.merge([], "x")


def test_delete_unlabels_and_undo_brings_back(log):
    log.assign([0, 1], "a")
    log.assign([2], "b")
    log.delete("a")
    assert log.names == ["b"]
    assert as_dict(log) == {2: "b"}
    log.assign([0], "c")
    assert log.table[-1].colour == 2  # a colour that was in use is not given to another label
    log.undo()
    log.undo()
    assert as_dict(log) == {0: "a", 1: "a", 2: "b"}


def test_a_change_after_undo_forgets_what_could_be_redone(log):
    log.assign([0], "a")
    log.assign([1], "b")
    log.undo()
    assert log.redo_text == "label 1 photo “b”"
    assert log.undo_text == "label 1 photo “a”"
    log.assign([2], "c")
    assert log.redo_text is None
    assert log.redo() is False
    assert as_dict(log) == {0: "a", 2: "c"}


def test_history_survives_a_restart(tmp_path):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 4)) as log:
        log.assign([0], "a")
        log.assign([1], "b")
        log.undo()
    with closing(Labels(path, 4)) as log:
        assert as_dict(log) == {0: "a"}
        assert log.redo() is True
        assert as_dict(log) == {0: "a", 1: "b"}
        log.undo()
        log.undo()
        assert log.names == []


def test_two_logs_on_one_file_stay_equal(tmp_path):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 5)) as one, closing(Labels(path, 5)) as two:
        one.assign([0, 1], "a")
        assert as_dict(two) == {0: "a", 1: "a"}
        two.rename("a", "b")
        one.assign([1], "c")
        assert as_dict(two) == {0: "b", 1: "c"}
        assert two.undo() is True
        assert two.undo() is True
        assert as_dict(one) == {0: "a", 1: "a"}
        with pytest.raises(CollectionError, match="no label is called “b”"):
            one.delete("b")
        assert one.state.version == two.state.version


def test_a_log_ignores_photos_that_it_does_not_know(tmp_path):
    path = tmp_path / "labels.sqlite"
    with closing(Labels(path, 2)) as small, closing(Labels(path, 4)) as large:
        large.assign([1, 3], "a")
        assert small.codes.tolist() == [-1, 0]
        small.delete("a")
        assert large.names == []
        small.undo()
        small.undo()
        assert large.codes.tolist() == [-1] * 4


@pytest.mark.parametrize(
    "name",
    [
        "front",
        "κόκκινο",
        "左前方",
        "صورة",
        "می‌خواهم",
        "หน้า",
        "👩‍🔧",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "a/b:c*?",
        "=1+1",
        "NaN",
        "'; DROP TABLE",
        "x" * 100,
    ],
)
def test_names_in_any_script(log, name):
    log.assign([0], name)
    assert log.names == [name]


@pytest.mark.parametrize(
    "name", ["", "  ", "\u200d", "a\x00b", "a\u202eb", "\ud800", "x" * (MAX_NAME + 1), 7, None, ["a"]]
)
def test_names_that_cannot_be(log, name):
    with pytest.raises(CollectionError, match="a label must"):
        log.assign([0], name)
    assert log.version == 0


def test_names_that_look_the_same_are_the_same():
    assert check_name("  front \n left\t") == "front left"
    assert check_name("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "selection is empty"),
        ([6], "between 0 and 5"),
        ([-1], "between 0 and 5"),
        ([0.5], "whole numbers"),
        ([[0]], "flat list"),
        ([True], "whole numbers"),
        (3, "flat list"),
    ],
)
def test_ids_that_cannot_be(log, ids, message):
    with pytest.raises(CollectionError, match=message):
        log.assign(ids, "a")
    with pytest.raises(CollectionError, match=message):
        log.remove(ids)
    assert log.version == 0


def test_no_pickle_and_readable_by_anyone(log, tmp_path):
    import zlib

    log.assign([0, 5], "a")
    with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as db:
        (body,) = db.execute("SELECT body FROM changes").fetchone()
    assert json.loads(zlib.decompress(body))["ids"] == [0, 5]


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "labels.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError, match="not a database"):
        Labels(path, 3)


@pytest.mark.parametrize("body", [b"xx", zlib.compress(b"{}"), zlib.compress(b"[1"), zlib.compress(b"[]")])
def test_s12_a_damaged_change_is_told_and_all_others_are_read(tmp_path, body):
    with closing(Labels(tmp_path / "c.sqlite", 4)) as log:
        log.assign([0], "front")
        log.assign([1], "front")
        log.assign([2], "rear")
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db:
        db.execute("UPDATE changes SET body = ? WHERE seq = 2", (body,))
        db.commit()
    with closing(Labels(tmp_path / "c.sqlite", 4)) as log:
        (said,) = log.damage
        assert said.startswith(
            "Change 2, “label 1 photo “front””, of the label log is damaged (its labels are not known:"
        )
        assert said.endswith("). All others are read.")
        assert (log.names, log.codes.tolist()) == (["front", "rear"], [0, -1, 1, -1])
        log.assign([1], "rear")
        assert log.codes.tolist() == [0, 1, 1, -1]
        for codes in ([0, -1, 1, -1], [0, -1, -1, -1], [0, -1, -1, -1], [-1, -1, -1, -1]):
            assert log.undo()  # the third time it is the damaged one
            assert log.codes.tolist() == codes
        assert not log.undo()
        for _ in range(4):
            assert log.redo()
        assert log.codes.tolist() == [0, 1, 1, -1]
        assert len(log.damage) == 1


@pytest.mark.parametrize("kind", ["undo", "redo"])
def test_a_step_without_the_change_that_it_is_about_is_told(tmp_path, kind):
    with closing(Labels(tmp_path / "c.sqlite", 4)) as log:
        log.assign([1], "front")
        log.assign([2], "rear")
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db:
        db.execute("UPDATE changes SET kind = ?, body = x'' WHERE seq = 1", (kind,))
        db.commit()
    with closing(Labels(tmp_path / "c.sqlite", 4)) as log:
        assert log.damage == [
            f"Change 1, “label 1 photo “front””, of the label log is damaged (there is nothing to {kind}). "
            "All others are read."
        ]
        assert (log.names, log.codes.tolist()) == (["front", "rear"], [-1, -1, 1, -1])


def test_s11_each_bit_of_a_change_is_found(tmp_path):
    file = tmp_path / "c.sqlite"
    with closing(Labels(file, 4)) as log:
        log.assign([1], "front", origin=Origin("lasso", "by hand"))
        log.undo()
        log.redo()
        log.assign([2], "rear")
        codes = log.codes.tolist()
    with closing(sqlite3.connect(file)) as db:
        rows = db.execute("SELECT seq, at, text, body FROM changes").fetchall()
    for seq, *values in rows:
        for column, value in zip(("at", "text", "body"), values, strict=True):
            content = value if isinstance(value, bytes) else value.encode()
            for bit in range(seq, 8 * len(content), 7):
                flipped = bytearray(content)
                flipped[bit // 8] ^= 1 << bit % 8
                put = "?" if column == "body" else "CAST(? AS TEXT)"
                with closing(sqlite3.connect(file)) as db:
                    db.execute(f"UPDATE changes SET {column} = {put} WHERE seq = ?", (bytes(flipped), seq))
                    db.commit()
                with closing(Labels(file, 4)) as log:
                    assert len(log.damage) >= 1
                    assert log.damage[0].startswith(f"Change {seq}")
                    if column != "body":
                        assert log.codes.tolist() == codes
            with closing(sqlite3.connect(file)) as db:
                db.execute(f"UPDATE changes SET {column} = ? WHERE seq = ?", (value, seq))
                db.commit()
    with closing(Labels(file, 4)) as log:
        assert (log.damage, log.codes.tolist()) == ([], codes)


def test_s11_a_change_that_is_gone_is_told(tmp_path):
    file = tmp_path / "c.sqlite"
    with closing(Labels(file, 4)) as log:
        log.assign([1], "front")
        log.assign([2], "rear")
    with closing(sqlite3.connect(file)) as db:
        db.execute("DELETE FROM changes WHERE seq = 2")
        db.commit()
    with closing(Labels(file, 4)) as log:
        assert log.damage == [
            "Change 2 of the label log is damaged (it cannot be found any more). All others are read."
        ]
        assert log.codes.tolist() == [-1, 0, -1, -1]


def test_s11_a_log_from_before_there_were_checksums_gets_them(tmp_path):
    file = tmp_path / "c.sqlite"
    with closing(Labels(file, 4)) as log:
        log.assign([1], "front")
    with closing(sqlite3.connect(file)) as db:
        kept = db.execute("SELECT * FROM checksums").fetchall()
        db.execute("DROP TABLE checksums")
        db.commit()
    with closing(Labels(file, 4)) as log:
        assert (log.damage, log.codes.tolist()) == ([], [-1, 0, -1, -1])
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT * FROM checksums").fetchall() == kept != []


def test_a_closed_log_says_so(tmp_path):
    log = Labels(tmp_path / "labels.sqlite", 3)
    log.close()
    for use in (lambda: log.names, lambda: log.assign([0], "a")):
        with pytest.raises(StorageError, match="closed"):
            use()


def test_a_missing_folder(tmp_path):
    with pytest.raises(StorageError, match="unable to open"):
        Labels(tmp_path / "none" / "labels.sqlite", 3)


def test_labels_of_the_model_are_no_labels_of_persons(log):
    log.assign([0, 1], "a")
    log.assign([1, 2, 3], "b", origin=Origin("finish", "certified", Certificate(0.05, 0.95, checked=30)))
    log.assign([3], "b")  # a person confirms it
    assert log.state.codes.tolist() == [0, 1, 1, 1, -1, -1]
    assert log.state.by_person.tolist() == [0, -1, -1, 1, -1, -1]
    assert log.state.by_person.dtype == np.int32


N = 7
NAMES = st.sampled_from(["a", "b", "c", "δ", "五"])
IDS = st.lists(st.integers(0, N - 1), min_size=1, max_size=N)


ORIGINS = st.sampled_from(
    [
        CALL,
        Origin("lasso", "by hand"),
        Origin("finish", "certified", Certificate(0.05, 0.95, checked=30)),
        Origin("finish", "certified", Certificate(0.1, 0.95, checked=30)),
    ]
)


class Snapshot(NamedTuple):
    """All that changes and undo restores."""

    names: tuple[str, ...]
    labels: dict[int, tuple[str, int]]  # name and number of the change that gave it, by photo
    keys: dict[int, str | None]  # what became of the label of each key: its name now, None once deleted

    def renamed(self, new: dict[str, str]) -> Snapshot:
        """The snapshot with other names for labels; labels of one name are merged."""
        return Snapshot(
            tuple(dict.fromkeys(new.get(n, n) for n in self.names)),
            {i: (new.get(n, n), number) for i, (n, number) in self.labels.items()},
            {key: None if n is None else new.get(n, n) for key, n in self.keys.items()},
        )


class Histories(RuleBasedStateMachine):
    """Random changes through two logs on one file, against a list of snapshots."""

    @initialize()
    def start(self):
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "labels.sqlite"
        self.logs = [Labels(self.path, N), Labels(self.path, N)]
        self.now = Snapshot((), {}, {})
        self.done: list[Snapshot] = []
        self.undone: list[Snapshot] = []
        self.version = 0
        self.origins: dict[int, Origin] = {}
        self.all_keys: set[int] = set()

    def teardown(self):
        if hasattr(self, "logs"):
            # Undoing everything leads back to nothing.
            while self.logs[0].undo():
                pass
            assert self.logs[1].names == []
            assert (self.logs[1].codes == -1).all()
            assert self.logs[1].state.origins.by_change == {}
            for log in self.logs:
                log.close()
            self.folder.cleanup()

    def become(self, new: Snapshot) -> None:
        if (new.names, new.labels) != (self.now.names, self.now.labels):
            self.done.append(self.now)
            self.undone.clear()
            self.version += 1
            # A label that is new gets a key that no label had before.
            keys = {self.logs[0].key_of(name): name for name in new.names}
            assert not (keys.keys() - self.now.keys.keys()) & self.all_keys
            self.all_keys |= keys.keys()
            self.now = new._replace(keys=new.keys | keys)

    def give(self, groups: dict[str | None, list[int]], origin: Origin) -> None:
        names, labels = self.now.names, dict(self.now.labels)
        number = self.version + 1
        for name, ids in groups.items():
            if name is None:
                labels = {i: label for i, label in labels.items() if i not in ids}
                continue
            names = names if name in names else (*names, name)
            for i in ids:
                had, by = labels.get(i, (None, 0))
                other = by in self.origins and self.origins[by].kind == "certified" and self.origins[by] != origin
                if had != name or other:
                    labels[i] = (name, number)
        self.become(self.now._replace(names=names, labels=labels))
        self.origins[number] = origin

    @rule(which=st.integers(0, 1), ids=IDS, name=NAMES, origin=ORIGINS)
    def assign(self, which, ids, name, origin):
        self.logs[which].assign(ids, name, origin=origin)
        self.give({name: ids}, origin)

    @rule(
        which=st.integers(0, 1),
        labels=st.dictionaries(st.integers(0, N - 1), NAMES | st.none(), min_size=1),
        origin=ORIGINS,
    )
    def assign_many(self, which, labels, origin):
        groups = {name: [i for i, n in labels.items() if n == name] for name in dict.fromkeys(labels.values())}
        self.logs[which].assign_many([(ids, name) for name, ids in groups.items()], origin=origin, text="many")
        self.give(groups, origin)

    @rule(which=st.integers(0, 1), ids=IDS)
    def remove(self, which, ids):
        self.logs[which].remove(np.array(ids))
        self.become(self.now._replace(labels={i: n for i, n in self.now.labels.items() if i not in ids}))

    @precondition(lambda self: self.now.names)
    @rule(which=st.integers(0, 1), data=st.data(), to=NAMES)
    def rename(self, which, data, to):
        name = data.draw(st.sampled_from(self.now.names))
        if to in self.now.names and to != name:
            with pytest.raises(CollectionError):
                self.logs[which].rename(name, to)
            return
        self.logs[which].rename(name, to)
        self.become(self.now.renamed({name: to}))

    @precondition(lambda self: self.now.names)
    @rule(which=st.integers(0, 1), data=st.data(), into=NAMES)
    def merge(self, which, data, into):
        names = self.now.names
        merged = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        self.logs[which].merge(merged, into)
        after = tuple(n for n in (names if into in names else (*names, into)) if n == into or n not in merged)
        self.become(self.now.renamed(dict.fromkeys(merged, into))._replace(names=after))

    @precondition(lambda self: self.now.names)
    @rule(which=st.integers(0, 1), data=st.data())
    def delete(self, which, data):
        names, labels, keys = self.now
        name = data.draw(st.sampled_from(names))
        self.logs[which].delete(name)
        self.become(
            Snapshot(
                tuple(n for n in names if n != name),
                {i: label for i, label in labels.items() if label[0] != name},
                {key: None if n == name else n for key, n in keys.items()},
            )
        )

    @rule(which=st.integers(0, 1))
    def undo(self, which):
        assert self.logs[which].undo() is bool(self.done)
        if self.done:
            self.undone.append(self.now)
            self.now = self.done.pop()
            self.version += 1

    @rule(which=st.integers(0, 1))
    def redo(self, which):
        assert self.logs[which].redo() is bool(self.undone)
        if self.undone:
            self.done.append(self.now)
            self.now = self.undone.pop()
            self.version += 1

    @rule(which=st.integers(0, 1))
    def reopen(self, which):
        self.logs[which].close()
        self.logs[which] = Labels(self.path, N)

    @invariant()
    def both_agree_with_the_model(self):
        for log in getattr(self, "logs", []):
            names, labels, keys = self.now
            assert tuple(log.names) == names
            assert as_dict(log) == {i: name for i, (name, _) in labels.items()}
            counts = Counter(name for name, _ in labels.values())
            assert {i.name: i.count for i in log.table} == {n: counts[n] for n in names}
            assert len({i.colour for i in log.table}) == len(names)
            assert (log.undo_text is None) == (not self.done)
            assert (log.redo_text is None) == (not self.undone)

            changes, by_change = log.state.origins
            assert changes.tolist() == [labels[i][1] if i in labels else 0 for i in range(N)]
            numbers = {number for _, number in labels.values()}
            assert {n: change.origin for n, change in by_change.items()} == {n: self.origins[n] for n in numbers}
            for key in self.all_keys:
                name = keys.get(key)
                assert log.state.code_of_key(key) == (-1 if name is None else names.index(name))
            assert log.version == self.version


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(("name", "arrived"), [("\u200b", r"'\\u200b' arrived"), ("x" * 101, "101 characters arrived")])
def test_a_name_that_is_refused_is_shown_or_counted(name, arrived):
    with pytest.raises(CollectionError, match=arrived):
        check_name(name)


def test_a_collection_has_at_most_so_many_labels(tmp_path):
    labels = Labels(tmp_path / "labels.sqlite", MOST_LABELS + 1)
    groups = [([photo], f"label {photo}") for photo in range(MOST_LABELS + 1)]
    with pytest.raises(CollectionError, match=r"at most 10,000 labels; it would have 10,001"):
        labels.assign_many(groups, origin=CALL, text="too many")
    assert labels.names == []
    assert labels.assign_many(groups[1:], origin=CALL, text="as many as there may be")
    assert [(info.name, info.count, info.colour) for info in labels.table[:2]] == [("label 1", 1, 0), ("label 2", 1, 1)]
    with pytest.raises(CollectionError, match="at most 10,000 labels"):
        labels.assign([0], "one more")
    assert labels.assign([0], "label 1")
    labels.close()
