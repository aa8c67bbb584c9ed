"""What a collection remembers besides its labels."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from handlens.errors import StorageError
from handlens.studio.settings import Settings


@pytest.fixture
def settings(tmp_path):
    with closing(Settings(tmp_path / "c.sqlite")) as opened:
        yield opened


def test_a_new_collection_has_defaults(settings):
    assert settings.view is None
    assert settings.requested_sources == [{"backbone": None, "weights": None}]
    assert settings.unreadable == {}
    assert settings.separating == []
    assert settings.saved_filters == {}
    assert settings.model_in_use is None
    assert settings.model_record("quick") is None
    assert settings.held_out("quick") is None
    assert settings.attached is None
    assert settings.answer("motivation.purpose") == ""
    assert settings.label_before_review(1) is None


def test_what_is_assigned_is_read_back_by_another_process(settings, tmp_path):
    settings.view = {"zoom": 1.5, "text": "左"}
    settings.view = {"zoom": 2}
    settings.requested_sources = [{"backbone": "resnet18", "weights": None}]
    settings.unreadable = {3: "truncated"}
    settings.separating = [2, 0]
    with settings.changing_filters() as filters:
        filters["a"] = {"filter": {}, "keys": {"x": 1}}
    settings.model_in_use = "quick"
    settings.attached = ("cameras.csv", "attributes-00000000.csv")
    settings.set_answer("motivation.purpose", "To count.")
    settings.set_label_before_review(7, "", begun=True)
    with closing(Settings(tmp_path / "c.sqlite")) as other:
        assert other.view == {"zoom": 2}
        assert other.requested_sources == [{"backbone": "resnet18", "weights": None}]
        assert other.unreadable == {3: "truncated"}
        assert other.separating == [2, 0]
        assert other.saved_filters == {"a": {"filter": {}, "keys": {"x": 1}}}
        assert other.model_in_use == "quick"
        assert other.attached == ("cameras.csv", "attributes-00000000.csv")
        assert other.answer("motivation.purpose") == "To count."
        assert other.label_before_review(7) == ""
        other.set_label_before_review(7, None, begun=False)
    assert settings.label_before_review(7) is None


def test_filters_are_changed_as_one_or_not_at_all(settings, tmp_path):
    def fail() -> None:
        with settings.changing_filters() as filters:
            filters["b"] = body
            raise ZeroDivisionError

    body = {"filter": {}, "keys": {}}
    with closing(sqlite3.connect(tmp_path / "c.sqlite", timeout=0)) as other, settings.changing_filters() as filters:
        filters["a"] = body
        # No other process can write what this block would then undo.
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ZeroDivisionError):
        fail()
    assert settings.saved_filters == {"a": body}


def test_keys_are_those_of_earlier_versions(settings, tmp_path):
    """Collections on disk stay readable."""
    settings.replace_model("quick", {"id": "a"}, {"of": [1, 2]}, use="quick")
    settings.replace_model("fine-tuned", {"id": "b"}, {"of": [3, 4]}, use="fine-tuned", outcome="It helps.")
    settings.separating = []
    settings.set_label_before_review(7, "front", begun=False)
    settings.set_answer("notes", "n")
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db:
        kept = dict(db.execute("SELECT name, value FROM keep"))
    assert kept == {
        "report": '{"id": "a"}',
        "held out quick": '{"of": [1, 2]}',
        "fine-tuned": '{"id": "b"}',
        "held out fine-tuned": '{"of": [3, 4]}',
        "in use": '"fine-tuned"',
        "outcome": '"It helps."',
        "separating": "[]",
        "review 7: label before": '"front"',
        "review 7: begun": "false",
        "datasheet notes": '"n"',
    }


def test_a_model_is_replaced_as_a_whole_or_not_at_all(settings, tmp_path):
    settings.replace_model("quick", {"id": "old"}, {"of": [1, 1]}, use="quick")
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db:  # the disk refuses the last of the three values
        db.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON keep WHEN NEW.name = 'in use' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        db.commit()
    with pytest.raises(StorageError, match="disk full"):
        settings.replace_model("quick", {"id": "new"}, {"of": [2, 2]}, use="quick")
    assert settings.model_record("quick") == {"id": "old"}
    assert settings.held_out("quick") == {"of": [1, 1]}


def test_another_model_may_stay_in_use(settings):
    assert settings.model_in_use is None
    assert settings.outcome == ""
    settings.replace_model("quick", {"id": "a"}, {"of": [1, 1]}, use="quick")
    settings.replace_model("fine-tuned", {"id": "b"}, {"of": [2, 2]}, use="quick", outcome="It does not help.")
    assert settings.model_in_use == "quick"
    assert settings.outcome == "It does not help."
    assert settings.model_record("fine-tuned") == {"id": "b"}


def test_closed_settings_and_a_missing_folder(tmp_path):
    settings = Settings(tmp_path / "c.sqlite")
    settings.close()
    with pytest.raises(StorageError, match="closed"):
        settings.view = {}
    with pytest.raises(StorageError, match="closed"):
        _ = settings.view
    with pytest.raises(StorageError, match="unable to open"):
        Settings(tmp_path / "none" / "c.sqlite")


@pytest.mark.parametrize("text", ["not json", "5", "[[1]]", '[{"backbone": 3}]', '{"a": 1}', '["a"]', "[1.5]"])
def test_a_damaged_value_counts_as_missing(settings, tmp_path, caplog, text):
    keys = ["sources", "refused", "separating", "in use", "attached", "datasheet notes", "review 7: label before"]
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db:
        db.executemany("INSERT INTO keep VALUES (?, ?)", [(key, text) for key in keys])
        db.commit()
    assert settings.requested_sources == [{"backbone": None, "weights": None}]
    assert settings.unreadable == {}
    assert settings.separating == []
    assert settings.model_in_use is None
    assert settings.attached is None
    assert settings.answer("notes") == ""
    assert settings.label_before_review(7) is None
    assert f"The setting “sources” of the collection is damaged, so it is ignored: {text}." in caplog.messages


def test_a_damaged_view_and_damaged_models_count_as_missing(settings, tmp_path):
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db:
        keys = ["view", "report", "fine-tuned", "held out quick"]
        db.executemany("INSERT INTO keep VALUES (?, ?)", [(key, "[1]") for key in keys])
        db.commit()
    assert settings.view is None
    assert settings.model_record("quick") is None
    assert settings.model_record("fine-tuned") is None
    assert settings.held_out("quick") is None
