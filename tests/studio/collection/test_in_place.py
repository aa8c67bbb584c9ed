"""A collection that is deleted, moved or replaced while it is open takes nothing more."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handlens.audit.review.event_log import EventLog
from handlens.errors import StorageError
from handlens.studio.collection import Collection
from handlens.studio.filters import left_out

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows removes and renames no open file")

GONE = "was deleted, moved or replaced while it was open, so nothing is written there any more"

WRITES: dict[str, Callable[[Collection], object]] = {
    "label": lambda c: c.label([0], "circle"),
    "unlabel": lambda c: c.unlabel([1]),
    "rename": lambda c: c.rename("round", "circle"),
    "merge": lambda c: c.merge(["round"], "circle"),
    "delete": lambda c: c.delete("round"),
    "undo": lambda c: c.undo(),
    "draw": lambda c: c.draw_spot_check(3),
    "check": lambda c: c.answer_spot_check(int(c.spot_check.waiting[0]), "round"),
    "filter": lambda c: c.save_filter("broken", left_out()),
    "answer": lambda c: c.answer("notes", "none"),
    "view": lambda c: setattr(c.parts.settings, "view", {"zoom": 2}),
    "features": lambda c: c.add_features("resnet18"),
    "prepare": lambda c: c.prepare(),
    "attach": lambda c: c.attach(c.images.parent / "attributes.csv"),
}


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def rename(folder: Path) -> None:
    folder.rename(folder.with_name("renamed"))


def replace(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("backup"))
    shutil.rmtree(folder)
    folder.with_name("backup").rename(folder)


def remove_database(folder: Path) -> None:
    (folder / "collection.sqlite").unlink()


def remove_newest(folder: Path) -> None:
    (folder / "collection.sqlite-wal").unlink()


@pytest.mark.parametrize("go", [remove, rename, replace, remove_database, remove_newest])
def test_s6_labels_of_a_collection_that_is_gone_are_refused(folder: Path, go: Callable[[Path], None], quick) -> None:
    images = folder.parent / "photos"
    (folder / "photos").rename(images)
    (folder.parent / "attributes.csv").write_text("path,camera\ncircles/0.png,a\n")
    with Collection.open(folder, images=images) as collection:
        collection.label([1, 2], "round")
        collection.label([20, 21], "angular")
        collection.draw_spot_check(2)
        log = EventLog(folder / "collection.sqlite")
        go(folder)
        before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
        for write in WRITES.values():
            with pytest.raises(StorageError, match=GONE):
                write(collection)
        with pytest.raises(StorageError, match=GONE), log.writing():
            pass
        log.close()
        assert collection.labels.value_counts().to_dict() == {"round": 2, "angular": 2}
        assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before  # nothing is made there again


def test_s6_a_collection_that_is_put_back_goes_on(folder: Path) -> None:
    with Collection.open(folder) as collection:
        folder.rename(folder.with_name("renamed"))
        with pytest.raises(StorageError, match=GONE):
            collection.label([0], "round")
        folder.with_name("renamed").rename(folder)
        collection.label([1], "round")
    with Collection.open(folder) as collection:
        assert collection.labels.dropna().to_dict() == {1: "round"}


def test_s6_a_collection_that_goes_while_a_change_is_written_does_not_say_it_is_kept(folder: Path) -> None:
    collection = Collection.open(folder)
    with pytest.raises(StorageError, match=GONE), collection.parts.settings.changing_filters():
        shutil.rmtree(folder)
    collection.close()


def test_s6_a_model_is_not_written_to_where_a_collection_was(folder: Path, label_some, quick) -> None:
    with Collection.open(folder) as collection:
        label_some(collection)
        (folder / "collection.sqlite").rename(folder / "elsewhere.sqlite")
        with pytest.raises(StorageError, match=GONE):
            collection.train()
        with pytest.raises(StorageError, match=GONE):
            collection.duplicates()
        assert not (folder / "quick").exists()
