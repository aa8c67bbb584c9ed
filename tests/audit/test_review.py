from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.audit.review import Case, ReviewQueue
from handlens.audit.review.event_log import EventLog
from handlens.errors import AuditError, StorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "review.sqlite"


def ids(cases: list[Case]) -> list[int]:
    return [case.id for case in cases]


# --- what waits


def test_what_is_unsure_waits_and_what_is_sure_passes(path: Path) -> None:
    with ReviewQueue(path, below=0.8) as queue:
        assert queue.add("a.jpg", {"cat": 0.8, "dog": 0.2}) is None
        case = queue.add("b.jpg", {"cat": 0.25, "dog": 0.75}, explanation=Path("b.heat.png"))
        assert case == Case(
            1, "b.jpg", "dog", {"cat": 0.25, "dog": 0.75}, "b.heat.png", [], ["its largest probability is below 0.8"]
        )
        assert case.confidence == 0.75
        assert queue.waiting == queue.cases == [case]


def test_contested_cases_come_first_then_the_least_sure(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"x": 0.7})
        queue.add("b", {"x": 0.5})
        queue.contest("c", by="Ada", why="that is not me", probabilities={"x": 0.99})
        assert ids(queue.waiting) == [3, 2, 1]
        assert queue.case(3).why == ["contested by Ada: that is not me"]


def test_many_predictions_at_once(path: Path) -> None:
    with ReviewQueue(path, below=0.6) as queue:
        queued = queue.add_all(["a", "b", "c"], np.array([[0.5, 0.5], [0.1, 0.9], [0.55, 0.45]]), classes=["n", "y"])
        assert [(case.reference, case.predicted) for case in queued] == [("a", "n"), ("c", "n")]
        assert len(queue.log()) == 2


def test_a_newer_prediction_takes_the_place_of_one_that_waits_but_not_of_a_decision(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"x": 0.6, "y": 0.4})
        assert queue.add("a", {"x": 0.6, "y": 0.4}) == queue.case(1)
        assert len(queue.log()) == 1
        queue.add("a", {"x": 0.3, "y": 0.7})
        assert queue.case(1).predicted == "y"
        assert len(queue.case(1).why) == 1
        queue.confirm(1, by="Bo")
        assert queue.add("a", {"x": 0.6, "y": 0.4}) is None
        assert ids(queue.cases) == [1]


def test_a_number_can_be_contested_too(path: Path) -> None:
    with ReviewQueue(path) as queue:
        case = queue.contest("row 7", by="Ada", why="too low", predicted=np.float32(12.5))
        assert (case.predicted, case.confidence) == (12.5, None)
        assert queue.overrule(case.id, 20, by="Bo", reason="the meter was read twice").label == 20


# --- deciding


def test_a_person_confirms_or_overrules_and_the_labels_come_back(path: Path) -> None:
    with ReviewQueue(path) as queue:
        for name in "abc":
            queue.add(name, {"cat": 0.6, "dog": 0.4})
        queue.confirm(1, by="Bo")
        decided = queue.overrule(2, "dog", by="Bo", reason="it barks")
        assert (decided.status, decided.label, decided.reason) == ("overruled", "dog", "it barks")
        assert ids(queue.waiting) == [3]
        assert queue.labels().to_dict("list") == {
            "reference": ["a", "b"],
            "label": ["cat", "dog"],
            "predicted": ["cat", "cat"],
            "status": ["confirmed", "overruled"],
            "by": ["Bo", "Bo"],
            "reason": ["", "it barks"],
        }


def test_a_reason_is_optional_unless_somebody_contests_the_prediction(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"cat": 0.6, "dog": 0.4})
        queue.add("b", {"cat": 0.6, "dog": 0.4})
        queue.contest("b", by="Ada", why="it barks")
        decided = queue.overrule(1, "dog", by="Bo")
        assert (decided.status, decided.label, decided.reason) == ("overruled", "dog", "")
        with pytest.raises(AuditError, match="reason must say something"):
            queue.overrule(2, "dog", by="Bo")
        assert queue.overrule(2, "dog", by="Bo", reason="heard it too").reason == "heard it too"
        assert queue.labels()["reason"].tolist() == ["", "heard it too"]


def test_undo_is_another_entry(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"cat": 0.6})
        queue.overrule(1, "dog", by="Bo", reason="it barks")
        assert queue.undo(1, by="Bo", reason="wrong photo").status == "waiting"
        assert len(queue.labels()) == 0
        assert queue.log()["kind"].tolist() == ["predicted", "overruled", "undone"]
        with pytest.raises(AuditError, match="nothing to undo"):
            queue.undo(1, by="Bo")


def test_an_appeal_opens_a_decided_case_and_is_owed_a_reason(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"cat": 0.6})
        queue.confirm(1, by="Bo")
        assert queue.contest("a", by="Ada", why="look again").status == "waiting"
        with pytest.raises(AuditError, match="reason must say something"):
            queue.confirm(1, by="Bo")
        assert queue.confirm(1, by="Cy", reason="looked again, with the owner").status == "confirmed"


# --- the log


def test_everything_is_there_when_it_is_opened_again(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"cat": 0.6}, nearest=[{"reference": "z", "label": "dog", "distance": np.float64(0.5)}])
        queue.overrule(1, "dog", by="Bo", reason="it barks")
        before, seal = queue.cases, queue.seal
    with ReviewQueue(path) as queue:
        assert queue.cases == before
        assert queue.case(1).nearest == [{"reference": "z", "label": "dog", "distance": 0.5}]
        queue.verify(seal)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE review_log SET body = '{}' WHERE seq = 1",
        "DELETE FROM review_log",
        "INSERT OR REPLACE INTO review_log SELECT * FROM review_log WHERE seq = 1",
        'INSERT INTO review_log SELECT seq + 5, at, kind, "case", body, previous, hash FROM review_log',
    ],
)
def test_the_file_itself_refuses_to_change_the_log(path: Path, statement: str) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"cat": 0.6})
    with sqlite3.connect(path) as db, pytest.raises(sqlite3.IntegrityError, match="of the review log are"):
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE review_log SET body = replace(body, 'dog', 'cat') WHERE seq = 3", 3),
        ("UPDATE review_log SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 1", 1),
        ("DELETE FROM review_log WHERE seq = 2", 2),
        ("UPDATE review_log SET hash = 'x' WHERE seq = 2", 2),
    ],
)
def test_tampering_shows(path: Path, statement: str, entry: int) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"cat": 0.6})
        queue.add("b", {"cat": 0.6})
        queue.overrule(1, "dog", by="Bo", reason="it barks")
        db = sqlite3.connect(path, isolation_level=None)
        for name in ("changed", "shortened"):
            db.execute(f"DROP TRIGGER review_log_is_not_{name}")
        db.execute(statement)
        db.close()
        with pytest.raises(AuditError, match=f"tampered with: event {entry} "):
            queue.verify()
    with pytest.raises(AuditError, match=f"tampered with: event {entry} "):
        ReviewQueue(path)


def test_a_seal_kept_elsewhere_shows_that_the_end_is_gone(path: Path) -> None:
    with ReviewQueue(path) as queue:
        assert queue.seal == ""
        queue.add("a", {"cat": 0.6})
        queue.confirm(1, by="Bo")
        seal = queue.seal
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TRIGGER review_log_is_not_shortened")
    db.execute("DELETE FROM review_log WHERE seq = 2")
    db.close()
    with ReviewQueue(path) as queue:
        queue.verify()
        with pytest.raises(AuditError, match="events are gone"):
            queue.verify(seal)


def test_the_log_is_exported(path: Path, tmp_path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("Größe, “a”\n.jpg", {"cat": 0.6})
        queue.confirm(1, by="Bo")
        queue.export(tmp_path / "log.csv")
        queue.export(tmp_path / "log.jsonl")
        log = queue.log()
    back = pd.read_csv(tmp_path / "log.csv", keep_default_na=False)
    assert back.to_dict("records") == log.to_dict("records")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["predicted", "confirmed"]
    assert lines[0]["body"]["reference"] == "Größe, “a”\n.jpg"
    assert lines[1]["previous"] == lines[0]["hash"]
    with ReviewQueue(path) as queue, pytest.raises(AuditError, match=r"path must end in \.csv or \.jsonl"):
        queue.export(tmp_path / "log.xlsx")


WORKER = """
import sys
from handlens.audit.review import ReviewQueue
queue = ReviewQueue(sys.argv[1])
for i in range(10**6):
    queue.add(f"theirs {i}", {"cat": 0.5})
    print(i, flush=True)
"""


def test_two_processes_write_at_once_and_what_was_acknowledged_survives_a_kill(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with ReviewQueue(path) as queue:
            for i in range(20):
                queue.add(f"ours {i}", {"cat": 0.5})
        process.kill()
        acknowledged = 1 + len(process.stdout.read().splitlines())
    with ReviewQueue(path) as queue:
        queue.verify()
        names = [case.reference for case in queue.cases]
        assert [name for name in names if name.startswith("ours")] == [f"ours {i}" for i in range(20)]
        theirs = [name for name in names if name.startswith("theirs")]
        assert theirs == [f"theirs {i}" for i in range(len(theirs))]
        assert acknowledged <= len(theirs) <= acknowledged + 1
        assert queue.confirm(1, by="Bo").status == "confirmed"


def test_one_case_is_decided_once(path: Path) -> None:
    with ReviewQueue(path) as one, ReviewQueue(path) as two:
        one.add("a", {"cat": 0.6})
        assert ids(two.waiting) == [1]
        one.confirm(1, by="Bo")
        with pytest.raises(AuditError, match="confirmed by Bo already: undo that first"):
            two.overrule(1, "dog", by="Cy", reason="it barks")
        assert two.case(1).status == "confirmed"


def test_threads_share_a_queue(path: Path) -> None:
    with ReviewQueue(path) as queue:

        def add(name: str) -> None:
            for i in range(5):
                queue.add(f"{name} {i}", {"cat": 0.5})

        threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        queue.verify()
        assert len(queue.cases) == 20


def test_a_batch_is_kept_whole_or_not_at_all(path: Path) -> None:
    with ReviewQueue(path) as queue:
        with pytest.raises(AuditError, match="reference must be text"):
            queue.add_all(["a", 3], [[0.5], [0.5]], classes=["x"])  # type: ignore[list-item]
        assert queue.cases == []
        assert len(queue.log()) == 0


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(["add", "contest", "confirm", "overrule", "undo"]), st.integers(1, 3))))
def test_any_order_of_calls_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, calls: list) -> None:
    path = tmp_path_factory.mktemp("queue") / "review.sqlite"
    with ReviewQueue(path) as queue:
        for what, number in calls:
            try:
                if what == "add":
                    queue.add(str(number), {"x": 0.6, "y": 0.4})
                elif what == "contest":
                    queue.contest(str(number), by="Ada", why="no", probabilities={"x": 0.9})
                elif what == "confirm":
                    queue.confirm(number, by="Bo", reason="yes")
                elif what == "overrule":
                    queue.overrule(number, "y", by="Bo", reason="no")
                else:
                    queue.undo(number, by="Bo")
            except AuditError:
                pass
        before = queue.cases
    with ReviewQueue(path) as queue:
        assert queue.cases == before
        queue.verify()


# --- bad input


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((3, {"x": 0.5}), {}, "reference must be text; int"),
        (("", {"x": 0.5}), {}, "reference must say something"),
        (("a\ud800", {"x": 0.5}), {}, "reference must be valid Unicode"),
        (("a", {}), {}, "probabilities must be a mapping"),
        (("a", [0.5]), {}, "probabilities must be a mapping"),
        (("a", {"x": 1.5}), {}, "probabilities must be numbers from 0 to 1; 1.5 arrived for 'x'"),
        (("a", {"x": float("nan")}), {}, "probabilities must be numbers from 0 to 1"),
        (("a", {"x": "0.5"}), {}, "probabilities must be numbers from 0 to 1"),
        (("a", {"x": 0.5}), {"explanation": object()}, "explanation must be a path, a frame or values"),
        (("a", {"x": 0.5}), {"explanation": float("inf")}, "explanation must be a path, a frame or values"),
        (("a", {"x": 0.5}), {"nearest": {1, 2}}, "nearest must be a path, a frame or values that JSON can hold"),
    ],
)
def test_bad_predictions_get_a_sentence(path: Path, arguments: tuple, options: dict[str, object], says: str) -> None:
    with ReviewQueue(path) as queue:
        with pytest.raises(AuditError, match=says):
            queue.add(*arguments, **options)
        assert queue.cases == []


def test_bad_decisions_get_a_sentence(path: Path) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"x": 0.6})
        for call, says in [
            (lambda: queue.confirm(2, by="Bo"), "id must be a case's number, from 1 to 1; 2 arrived"),
            (lambda: queue.confirm(1, by=" "), "by must say something"),
            (lambda: queue.overrule(1, "y", by="Bo", reason=3), "reason must be text"),  # type: ignore[arg-type]
            (lambda: queue.overrule(1, "x", by="Bo", reason="r"), "label must differ from the prediction"),
            (lambda: queue.overrule(1, None, by="Bo", reason="r"), "label must be a class's name"),  # type: ignore[arg-type]
            (lambda: queue.contest("b", by="Ada", why="no"), "probabilities or predicted must be given"),
            (lambda: queue.contest("a", by="Ada", why=""), "why must say something"),
            (lambda: queue.add_all(["a"], [[0.5, 0.5]], classes=["x"]), "1 references, 1 classes"),
            (lambda: queue.add_all(["a"], [[0.5, 0.5]], classes=["x", "x"]), "classes must be distinct"),
        ]:
            with pytest.raises(AuditError, match=says):
                call()  # type: ignore[no-untyped-call]
        assert [case.status for case in queue.cases] == ["waiting"]


def test_a_threshold_that_is_not_a_probability_and_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    for below in (1.5, -0.1, "0.8", True, float("nan")):
        with pytest.raises(AuditError, match="below must be a probability"):
            ReviewQueue(tmp_path / "q.sqlite", below=below)  # type: ignore[arg-type]
    (tmp_path / "text.sqlite").write_text("This is text and no database, and long enough to tell. " * 40)
    with pytest.raises(StorageError, match=r"text\.sqlite refused"):
        ReviewQueue(tmp_path / "text.sqlite")
    with pytest.raises(StorageError, match="refused"):
        ReviewQueue(tmp_path / "no" / "folder.sqlite")


@pytest.mark.parametrize("value", [1.0000000000000002, 1 + 9e-7, np.float32(1.0000001), -1e-17, np.float64(-9e-7)])
def test_t14_a_probability_that_rounding_carried_out_of_the_range_is_clipped(path: Path, value: float) -> None:
    with ReviewQueue(path, below=1.0) as queue:
        expected = 1.0 if value > 0.5 else 0.0
        case = queue.contest("a", by="Ada", why="no", probabilities={"x": value, "y": 0.5})
        assert case.probabilities == {"x": expected, "y": 0.5}
        [case] = queue.add_all(["b"], [[value, 0.5]], classes=["x", "y"]) or [case]
        assert case.probabilities["x"] == expected
        with pytest.raises(AuditError, match=r"probabilities must be numbers from 0 to 1; 1\.00001 arrived for 'x'"):
            queue.add("c", {"x": 1.00001})


@pytest.mark.parametrize("given", [None, [], {}, "cat", 0.5, [0.5], np.array([0.5, 0.5])], ids=str)
def test_t9_probabilities_that_are_no_mapping_are_named(path: Path, given: object) -> None:
    with ReviewQueue(path) as queue:
        with pytest.raises(AuditError, match="probabilities must be a mapping by class"):
            queue.add("r", given)  # type: ignore[arg-type]
        assert queue.cases == []


def test_t8_classes_that_are_the_same_as_text_lose_none_in_silence(path: Path) -> None:
    with ReviewQueue(path) as queue:
        with pytest.raises(AuditError, match="classes that differ as text"):
            queue.add("r", {1: 0.5, "1": 0.5})  # type: ignore[dict-item]
        with pytest.raises(AuditError, match="classes must be distinct"):
            queue.add_all(["r"], [[0.5, 0.5]], classes=[True, "True"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"classes": None}, "classes must be a list"),
        ({"classes": 5}, "classes must be a list"),
        ({"references": None}, "references must be a list"),
        ({"probabilities": [[0.5], [0.5, 0.5]]}, "probabilities must have a row for each reference"),
        ({"probabilities": None}, "probabilities must be numbers"),
        ({"classes": ["a\ud800", "b"]}, "must be valid Unicode"),
    ],
)
def test_t9_each_argument_of_many_predictions_is_named(path: Path, arguments: dict[str, Any], said: str) -> None:
    with ReviewQueue(path) as queue:
        with pytest.raises(AuditError, match=said):
            queue.add_all(**{"references": ["r"], "probabilities": [[0.5, 0.5]], "classes": ["a", "b"]} | arguments)
        assert queue.cases == []


@pytest.mark.parametrize("twice", [pd.DataFrame([[1, 2]], columns=["a", "a"]), {1: 1, "1": 2}], ids=["frame", "dict"])
def test_t5_no_value_of_an_explanation_is_lost_to_another_of_its_name(path: Path, twice: Any) -> None:
    with ReviewQueue(path) as queue, pytest.raises(AuditError, match=r"explanation must be .* distinct"):
        queue.add("r", {"a": 0.5}, explanation=twice)


GOOD = {
    "reference": "a",
    "predicted": "x",
    "probabilities": {"x": 0.5},
    "explanation": None,
    "nearest": [],
    "why": None,
}


@pytest.mark.parametrize(
    ("kind", "case", "body"),
    [
        ("predicted", 1, []),
        ("predicted", 1, {}),
        ("predicted", 3, GOOD),
        ("predicted", 0, GOOD),
        ("predicted", "1", GOOD),
        ("predicted", 1, GOOD | {"reference": ["a"]}),
        ("predicted", 1, GOOD | {"probabilities": [0.5]}),
        ("predicted", 1, GOOD | {"probabilities": {"x": "0.5"}}),
        ("predicted", 1, GOOD | {"nearest": ["a"]}),
        ("predicted", 1, GOOD | {"status": 5, "more": 1}),
        ("confirmed", 1, {"label": "x", "by": "Ada", "reason": "", "id": 7}),
        ("forgotten", 1, {}),
        ("contested", 1, {"by": "Ada"}),
        ("undone", 2, {}),
    ],
)
def test_s5_a_log_that_a_stranger_made_is_refused_in_words(path: Path, kind: str, case: Any, body: Any) -> None:
    with ReviewQueue(path) as queue:
        queue.add("a", {"x": 0.5})
    log = EventLog(path)
    log.read_new()
    with log.writing():
        log.append(kind, case, body)  # with the hash that it must have
    log.close()
    with pytest.raises(AuditError, match=r"event 2 of the review log is not one of handlens|tampered with: event 2"):
        ReviewQueue(path)
