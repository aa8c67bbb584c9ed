"""What describes the photos is chosen by looking at them, once, and said."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from handlens.errors import Cancelled, CollectionError
from handlens.io.packaged_weights import PACKAGED
from handlens.studio import Collection
from handlens.studio.builtin import write_builtin
from handlens.studio.features import backbone_extractor
from handlens.studio.preparing import FOR_PHOTOGRAPHS, SIZE_FOR_PHOTOGRAPHS, TITLE_FOR_PHOTOGRAPHS

LITE0 = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pieces of a portrait (not to be changed)."""
    folder = tmp_path_factory.mktemp("photographs")
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = Image.open(file).convert("RGB")
    for i in range(9):
        left, top = 100 * (i % 3), 120 * (i // 3)
        portrait.crop((left, top, left + 200, top + 150)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty handwritten digits (not to be changed)."""
    folder = tmp_path_factory.mktemp("digits")
    for name in write_builtin("digits", folder)[40:]:
        (folder / name).unlink()
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever opens a connection ends the test."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))


def described_by(collection: Collection) -> list[tuple[str, str]]:
    return [(source.name, source.state) for source in collection.sources]


def test_photographs_are_described_by_the_network_that_comes_with_handlens(photographs: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", images=photographs) as collection:
        assert described_by(collection) == [("auto", "waiting")]
        assert collection.layers == []
        assert collection.networks == []
        collection.prepare()
        assert described_by(collection) == [(LITE0, "ready")]
        assert collection.layers[-1].id == f"{LITE0}/4/where"
        assert collection.networks == [LITE0]
        (notice,) = collection.notices
        assert notice == collection.sources[0].reason
        assert notice.startswith("These look like photographs (")
        assert notice.endswith(" of the 9 that were looked at), so the network EfficientNet-Lite0 describes them.")


def test_its_features_are_those_of_a_collection_that_names_it(photographs: Path, tmp_path: Path) -> None:
    """What was read to look at it is used again, and must be the same as what is read otherwise."""
    found = []
    for name in ("auto", LITE0):
        with Collection.create(tmp_path / name, images=photographs, backbone=name) as collection:
            collection.prepare()
            found.append([rows.read().block(0, 9) for rows in collection.sources[0].rows])
            assert collection.sources[0].reason is None or name == "auto"
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_digits_are_described_by_features_learned_on_them(quick: None, digits: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", images=digits, backbone="auto") as collection:
        collection.prepare()
        assert described_by(collection) == [("patches", "ready")]
        assert collection.sources[0].reason in collection.notices
        assert collection.notices[0].startswith("These do not look like photographs (")
        assert collection.notices[0].endswith("so features learned on them describe them.")
        found = [rows.read().block(0, len(collection.paths)) for rows in collection.sources[0].rows]
    with Collection.create(tmp_path / "named", images=digits, backbone=None) as collection:
        collection.prepare()
        for one, rows in zip(found, collection.sources[0].rows, strict=True):
            np.testing.assert_array_equal(one, rows.read().block(0, len(collection.paths)))


def test_the_choice_is_kept_when_the_photos_change(
    photographs: Path, digits: Path, quick: None, tmp_path: Path
) -> None:
    images = shutil.copytree(digits, tmp_path / "images")
    with Collection.create(tmp_path / "c", images=images) as collection:
        collection.prepare()
        reason = collection.sources[0].reason
    for i in range(100):
        shutil.copy(photographs / f"{i % 9}.png", images / f"photo {i}.png")
    shutil.rmtree(tmp_path / "c" / "cache")
    with Collection.open(tmp_path / "c") as collection:
        assert described_by(collection) == [("patches", "waiting")]
        collection.prepare()
        assert described_by(collection) == [("patches", "ready")]
        assert collection.sources[0].reason == reason
        assert collection.notices == []


def test_it_is_chosen_when_there_are_photos(photographs: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    with Collection.create(tmp_path / "c", images=images) as collection:
        with pytest.raises(CollectionError, match="there are no photos in"):
            collection.prepare()
        assert described_by(collection) == [("auto", "waiting")]
    shutil.copytree(photographs, images, dirs_exist_ok=True)
    with Collection.open(tmp_path / "c") as collection:
        collection.prepare()
        assert described_by(collection) == [(LITE0, "ready")]


def test_photos_that_cannot_be_read_choose_nothing(photographs: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for i in range(70):
        (images / f"{i}.png").write_bytes((photographs / "0.png").read_bytes()[: 1000 + i])
    with Collection.create(tmp_path / "c", images=images) as collection:
        with pytest.raises(CollectionError, match="none of the 70 photos could be read"):
            collection.prepare()
        assert described_by(collection) == [("auto", "waiting")]


def test_the_first_photos_that_can_be_read_are_looked_at(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlens.studio.preparation_run.LOOKED_AT", 1)
    images = tmp_path / "images"
    images.mkdir()
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        Image.open(file).save(images / "portrait.png")
    for i in range(9):
        (images / f"damaged {i}.png").write_bytes((photographs / "0.png").read_bytes()[: 1000 + i])
    with Collection.create(tmp_path / "c", images=images) as collection:
        collection.prepare()
        assert described_by(collection) == [(LITE0, "ready")]
        assert "(1 of the 1 that were looked at)" in collection.notices[0]
        assert len(collection.left_out) == 9


def test_cancelled_before_it_is_chosen(photographs: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with Collection.create(tmp_path / "c", images=photographs) as collection:
        with pytest.raises(Cancelled):
            collection.prepare(cancel=cancel)
        assert described_by(collection) == [("auto", "waiting")]
    with Collection.open(tmp_path / "c") as collection:
        collection.prepare()
        assert described_by(collection) == [(LITE0, "ready")]


def test_without_the_network_learned_features_are_used_and_stay(
    photographs: Path, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(PACKAGED, LITE0, PACKAGED[LITE0]._replace(sha256="0" * 64))
        with Collection.create(tmp_path / "c", images=photographs) as collection:
            collection.prepare()
            assert described_by(collection) == [("patches", "ready")]
            (notice,) = collection.notices
            assert "but EfficientNet-Lite0 cannot be used, so features learned on them describe them. The " in notice
            assert notice.endswith(".")
            assert "SHA-256 must be 0000" in notice
    with Collection.open(tmp_path / "c") as collection:
        collection.prepare()
        assert described_by(collection) == [("patches", "ready")]
        collection.add_features(LITE0)
        collection.prepare()
        assert described_by(collection) == [("patches", "ready"), (LITE0, "ready")]


def test_a_network_that_was_chosen_and_is_gone_later_is_said(
    photographs: Path, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.create(tmp_path / "c", images=photographs) as collection:
        collection.prepare()
        assert collection.networks == [LITE0]
    shutil.rmtree(tmp_path / "c" / "cache")
    monkeypatch.setitem(PACKAGED, LITE0, PACKAGED[LITE0]._replace(package="not-installed"))
    with Collection.open(tmp_path / "c") as collection:
        collection.prepare()
        assert described_by(collection) == [(LITE0, "failed"), ("patches", "ready")]
        (notice,) = collection.notices
        assert notice.startswith(
            f"{LITE0} cannot be used, so features learned on these photos are in use instead. The "
        )
        assert "pip install not-installed" in notice


def test_collections_of_earlier_versions_keep_what_they_asked_for(
    photographs: Path, quick: None, tmp_path: Path
) -> None:
    Collection.create(tmp_path / "c", images=photographs, backbone=None).close()
    for kept in ('[{"backbone": null, "weights": null}]', None):
        with closing(sqlite3.connect(tmp_path / "c" / "collection.sqlite")) as database, database:
            if kept is None:  # learned features were what an empty file meant
                database.execute("DELETE FROM keep WHERE name = 'sources'")
            else:
                assert database.execute("SELECT value FROM keep WHERE name = 'sources'").fetchall() == [(kept,)]
        with Collection.open(tmp_path / "c") as collection:
            assert [(source.name, source.reason) for source in collection.sources] == [("patches", None)]


def test_beside_features_that_a_person_names(photographs: Path, quick: None, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", images=photographs, backbone=["auto", None]) as collection:
        collection.prepare()
        assert described_by(collection) == [(LITE0, "ready"), ("patches", "ready")]
    with Collection.create(tmp_path / "d", images=photographs, backbone=[LITE0, "auto"]) as collection:
        collection.prepare()
        assert described_by(collection) == [(LITE0, "ready")]
        assert collection.sources[0].reason is None


@pytest.mark.parametrize("backbone", ["auto", None, [None]])
def test_weights_need_a_named_network(photographs: Path, tmp_path: Path, backbone: object) -> None:
    (tmp_path / "w.safetensors").touch()
    with pytest.raises(CollectionError, match="weights need"):
        Collection.create(tmp_path / "c", images=photographs, backbone=backbone, weights=tmp_path / "w.safetensors")


def test_the_network_is_what_its_title_and_size_say() -> None:
    assert backbone_extractor(FOR_PHOTOGRAPHS).size == SIZE_FOR_PHOTOGRAPHS
    assert TITLE_FOR_PHOTOGRAPHS.lower().replace("-", "_") in FOR_PHOTOGRAPHS
