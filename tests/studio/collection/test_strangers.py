"""Collections from strangers: whatever their JSON and their database hold, they open or are refused in our words."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handlens.errors import CollectionError, HandlensError, StorageError
from handlens.io.plain_json import unpacked
from handlens.studio.collection import Collection
from handlens.studio.filters import label
from handlens.studio.server import payloads
from handlens.studio.sources import LARGEST_DIM

LAYERS = "cache/sources/patches/layers.json"
RAW = {
    "a list": "[]",
    "a list of lists": "[[]]",
    "NaN": '{"a": NaN}',
    "infinite": "1e999",
    "deep": '{"a":' * 5000 + "1" + "}" * 5000,
    "half a character": '"\\ud800"',
    "cut off": '{"a": [1,',
    "empty": "",
    "many digits": "9" * 5000,
    "long": '"' + "a" * 2**21 + '"',
    "many": "[" + "1," * 200_000 + "1]",
}


@pytest.fixture
def labelled(folder: Path, label_some: Callable[[Collection], None]) -> Path:
    """A prepared collection with labels, a model, a check, an attached CSV and a saved filter."""
    csv = folder / "given.csv"
    csv.write_text("file,weather\n" + "".join(f"circles/{i}.png,{i % 2}\n" for i in range(20)), encoding="utf-8")
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        collection.draw_spot_check(5)
        collection.attach(csv)
        collection.save_filter("mine", label(collection.label_names[0]))
        collection.parts.settings.view = {"zoom": 1}
    return folder


def changed(folder: Path, statement: str, *values: Any) -> None:
    """Change the database by hand; a stranger would compute the checksums again."""
    database = sqlite3.connect(folder / "collection.sqlite")
    database.execute("PRAGMA ignore_check_constraints = 1")
    assert database.execute(statement, values).rowcount == 1
    database.execute("DELETE FROM checksums")
    database.commit()
    database.close()


def use(folder: Path) -> None:
    """All that a person would see of a collection; only our errors may be raised."""
    with Collection.open(folder) as collection:
        payloads.state("c", collection).model_dump_json()
        payloads.labels(collection).model_dump_json()
        for door in (
            lambda: [collection.where(one) for one in collection.filters.values()],
            lambda: [collection.history, collection.models, collection.report, collection.held_out],
            lambda: [collection.attached, collection.spot_check, collection.comparisons, collection.notices],
            lambda: [collection.predictions(), collection.origins, collection.suspects(), collection.plan_finish()],
            lambda: [collection.map(layer, "labels") for layer in collection.layers[:2]],
            lambda: [collection.subgroups("weather"), collection.datasheet()],
            lambda: collection.next(3),
        ):
            try:
                door()
            except HandlensError:
                continue


def test_s5_the_collection_that_is_changed_here(labelled: Path) -> None:
    use(labelled)
    with Collection.open(labelled) as collection:
        assert collection.attached is not None
        assert len(collection.predictions()) == 40
        assert list(collection.filters) == ["mine"]
        assert payloads.state("c", collection).view == {"zoom": 1}


@pytest.mark.parametrize("text", RAW.values(), ids=RAW)
def test_s5_any_text_in_the_place_of_settings(labelled: Path, text: str) -> None:
    database = sqlite3.connect(labelled / "collection.sqlite")
    keys = [key for (key,) in database.execute("SELECT name FROM keep")]
    database.close()
    assert {"view", "sources", "filters", "attached", "attached file", "limits", "report", "in use"} <= {*keys}
    for key in keys:
        changed(labelled, "UPDATE keep SET value = ? WHERE name = ?", text, key)
    use(labelled)


@pytest.mark.parametrize("depth", [33, 300, 900])
def test_s5_a_view_that_is_too_deep_for_the_page_is_left_out(labelled: Path, depth: int) -> None:
    changed(labelled, "UPDATE keep SET value = ? WHERE name = 'view'", '{"a":' * depth + "1" + "}" * depth)
    with Collection.open(labelled) as collection:
        assert payloads.state("c", collection).view is None
        assert json.loads(payloads.state("c", collection).model_dump_json())["view"] is None


@pytest.mark.parametrize("name", ["/dev/zero", "../secret.csv", "\ud800", "a\0b", "photos", "attributes-0.csv", ""])
def test_s4_an_attached_csv_elsewhere_is_not_read(labelled: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(labelled, "UPDATE keep SET value = ? WHERE name = 'attached file'", json.dumps(name))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    with Collection.open(labelled) as collection:
        assert collection.parts.settings.attached == ("given.csv", "attributes.csv")
        (labelled / "attributes.csv").unlink(missing_ok=True)
        monkeypatch.undo()
        assert collection.attached is None


@pytest.mark.parametrize("text", RAW.values(), ids=RAW)
def test_s5_any_text_in_the_place_of_files(labelled: Path, text: str) -> None:
    (labelled / LAYERS).write_text(text, encoding="utf-8")
    use(labelled)
    with Collection.open(labelled) as collection:
        assert collection.layers == []
    (labelled / "collection.json").write_text(text, encoding="utf-8")
    with pytest.raises(CollectionError, match=r"collection\.json"):
        Collection.open(labelled)


@pytest.mark.parametrize(
    ("key", "value"),
    [("dim", 2**31), ("dim", LARGEST_DIM + 1), ("dim", 0), ("dim", -1), ("dim", True), ("dim", 24.0), ("dim", None),
     ("id", "\ud800"), ("stage", "\ud800"), ("id", 5), ("source", None), ("pooling", "none"), ("more", 1)],
)  # fmt: skip
def test_s5_layers_that_no_network_has(labelled: Path, key: str, value: object) -> None:
    content = json.loads((labelled / LAYERS).read_text(encoding="utf-8"))
    del content["crc32"]
    content["layers"][2][key] = value
    (labelled / LAYERS).write_text(json.dumps(content), encoding="utf-8")
    use(labelled)
    with Collection.open(labelled) as collection:
        assert collection.layers == []


def test_s5_layers_of_another_size_than_the_model_has_learned_from(labelled: Path) -> None:
    content = json.loads((labelled / LAYERS).read_text(encoding="utf-8"))
    del content["crc32"]
    content["layers"][0]["dim"] //= 2
    (labelled / LAYERS).write_text(json.dumps(content), encoding="utf-8")
    use(labelled)


@pytest.mark.parametrize(
    "body", [*RAW.values(), '{"before": [], "after": [], "ids": [NaN], "old": [-1], "new": [-1]}'], ids=[*RAW, "ids"]
)
def test_s5_any_change_of_labels(labelled: Path, body: str) -> None:
    changed(labelled, "UPDATE changes SET body = ? WHERE seq = 1", zlib.compress(body.encode()))
    use(labelled)


def test_s5_compressed_values_have_a_limit(labelled: Path) -> None:
    assert unpacked(zlib.compress(b"abc"), most=3) == b"abc"
    with pytest.raises(ValueError, match="more than 2 bytes"):
        unpacked(zlib.compress(b"abc"), most=2)
    with pytest.raises(ValueError, match="cut off"):
        unpacked(zlib.compress(b"abc")[:-1])
    with pytest.raises(ValueError, match="Error -3"):
        unpacked(b"abc")
    changed(labelled, "UPDATE spot_check_rounds SET population = ?", zlib.compress(bytes(2**23 + 1)))
    with Collection.open(labelled) as collection, pytest.raises(StorageError, match="more than 8,388,608 bytes"):
        _ = collection.spot_check


@pytest.mark.skipif(sys.platform == "win32", reason="there, pipes are not in folders")
@pytest.mark.parametrize("name", ["collection.json", LAYERS, "cache/pipe"])
def test_s5_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(CollectionError, match=r"must be a file|is a pipe"):
        Collection.open(folder)


def test_s5_numbers_of_photos_that_there_are_not(labelled: Path) -> None:
    body = {"before": [], "after": [[0, "a"]], "ids": [10**12], "old": [-1], "new": [0]}
    changed(labelled, "UPDATE changes SET body = ? WHERE seq = 1", zlib.compress(json.dumps(body).encode()))
    use(labelled)
    with Collection.open(labelled) as collection:
        assert np.all(collection.parts.labels.codes[:40] < 10)


@pytest.mark.parametrize("layer", [[], {}, 3, None, "nowhere"], ids=str)
def test_s5_the_layers_of_a_quick_model_are_names(labelled: Path, layer: Any) -> None:
    (file,) = labelled.glob("quick/*/model.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    content.pop("crc32")
    content["config"]["layers"][0] = layer
    file.write_text(json.dumps(content), encoding="utf-8")
    with Collection.open(labelled) as collection, pytest.raises(HandlensError, match="damaged"):
        collection.predictions()
    use(labelled)
