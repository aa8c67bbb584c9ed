"""Labels go out in every format and come back the same, read by the format's own library where there is one."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
import threading
import unicodedata
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from handlens.errors import Cancelled, CollectionError
from handlens.io import spreadsheets
from handlens.io.spreadsheets import unguarded
from handlens.plugins import Plugins
from handlens.studio import exports
from handlens.studio.formats import exporter_of, exporters, exporting
from handlens.studio.formats.exporting import PHOTO_COLUMNS, Export
from handlens.studio.formats.writers.json_text import write_json
from handlens.studio.formats.writers.yolo import split
from handlens.studio.labels import check_name
from handlens.studio.origins import Certificate, Origin
from handlens.studio.scanning import LeftOut

NASTY = [
    "NA",
    "007",
    "=1+1",
    "'=1+1",
    "a/b",
    "a:b",
    "..",
    "con",
    "Con",
    "五\u200d六",
    'a "b", c',
    "é",
    "e\u0301x",
    "👩‍🔬",
]
"""Labels that programs take for something else."""


def is_label(text: str) -> bool:
    try:
        return check_name(text) == text
    except CollectionError:
        return False


any_labels = st.lists(st.text(min_size=1, max_size=20).filter(is_label), min_size=1, max_size=6, unique=True)


def export_of(labels: list[str | None], images: Path, **given: object) -> Export:
    """An export of photos 0.png, 1.png, … with these labels."""
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(len(labels))], "label": pd.Series(labels, dtype="str")})
    table = table.reindex(columns=PHOTO_COLUMNS)
    named = table["label"].notna()
    table["labelled_at"] = pd.to_datetime(pd.Series("2026-01-02T03:04:05Z", table.index).where(named), utc=True)
    texts = {"origin": "by hand", "gesture": "lasso"}
    table = table.assign(**{name: pd.Series(text, table.index, "str").where(named) for name, text in texts.items()})
    table["predicted"] = table["predicted"].astype("str")
    return Export("pets", images, table, **given)  # type: ignore[arg-type]


def pictures(folder: Path, n: int) -> Path:
    folder.mkdir()
    for i in range(n):
        Image.new("RGB", (4 + i, 3), (i, 0, 0)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen photos; i.png is 4 + i pixels wide."""
    return pictures(tmp_path_factory.mktemp("exported") / "photos", 16)


def written(format: str, export: Export) -> Path:
    """The file or folder of an export, in a folder that nothing else is in."""
    folder = Path(tempfile.mkdtemp(dir=export.images.parent))
    exporter = exporter_of(format)
    assert exporter.write(export, folder / f"out{exporter.ending}") == []
    assert [path.name for path in folder.iterdir()] == [f"out{exporter.ending}"]
    return folder / f"out{exporter.ending}"


# --- each format, read back ------------------------------------------------------------------------


def read_csv(file: Path) -> dict[str, str]:
    with file.open(encoding="utf-8", newline="") as opened:
        return {row["path"]: row["label"] for row in csv.DictReader(opened)}


def read_spreadsheet(file: Path) -> dict[str, str]:
    return {unguarded(path): unguarded(label) for path, label in read_csv(file).items()}


def read_parquet(file: Path) -> dict[str, str]:
    table = pq.read_table(file)
    return dict(zip(table["path"].to_pylist(), table["label"].to_pylist(), strict=True))


def read_folders(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        listed = archive.read("renamed.csv").decode().splitlines(keepends=True) if "renamed.csv" in names else []
    found = {name.partition("/")[2]: name.partition("/")[0] for name in names if "/" in name}
    return found | {unguarded(row["path"]): unguarded(row["label"]) for row in csv.DictReader(listed)}


def read_coco(file: Path) -> dict[str, str]:
    content = json.loads(file.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in content["categories"]}
    paths = {one["id"]: one["file_name"] for one in content["images"]}
    return {paths[one["image_id"]]: names[one["category_id"]] for one in content["annotations"]}


def read_label_studio(file: Path) -> dict[str, str]:
    tasks = json.loads(file.read_text(encoding="utf-8"))
    return {one["data"]["path"]: one["annotations"][0]["result"][0]["value"]["choices"][0] for one in tasks}


def read_fiftyone(file: Path) -> dict[str, str]:
    content = json.loads(file.read_text(encoding="utf-8"))
    return {one["filepath"]: one["ground_truth"]["label"] for one in content["samples"]}


def read_hugging_face(folder: Path) -> dict[str, str]:
    found = {}
    for file in sorted((folder / "data").iterdir()):
        table = pq.read_table(file)
        names = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"]
        found |= {p: names[code] for p, code in zip(table["path"].to_pylist(), table["label"].to_pylist(), strict=True)}
    return found


def read_croissant(folder: Path) -> dict[str, str]:
    (described,) = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))["distribution"]
    file = folder / described["contentUrl"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == described["sha256"]
    return read_parquet(file)


def read_yolo(folder: Path) -> dict[str, str]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    of_folders: dict[str, set[str]] = {}
    for row in rows:
        assert (folder / row["name"]).is_file()
        of_folders.setdefault(row["name"].split("/")[1], set()).add(row["label"])
    assert all(len(labels) == 1 for labels in of_folders.values())
    return {row["path"]: row["label"] for row in rows}


READERS: dict[str, Callable[[Path], dict[str, str]]] = {
    "csv": read_csv,
    "spreadsheet": read_spreadsheet,
    "parquet": read_parquet,
    "folders": read_folders,
    "coco": read_coco,
    "label-studio": read_label_studio,
    "fiftyone": read_fiftyone,
    "hugging-face": read_hugging_face,
    "croissant": read_croissant,
    "yolo": read_yolo,
}


def test_every_format_is_tested():
    assert list(READERS) == list(exporters())
    assert all(one.title and name == one.name for name, one in exporters().items())


@pytest.mark.parametrize("format", READERS)
@settings(max_examples=40)
@given(labels=any_labels)
@example(labels=NASTY)
def test_any_label_comes_back(images, format, labels):
    given = {f"{i}.png": label for i, label in enumerate(labels)}
    assert READERS[format](written(format, export_of(labels, images))) == given


@pytest.mark.parametrize("format", READERS)
def test_nothing_labelled_is_an_empty_export(images, format):
    assert READERS[format](written(format, export_of([None, None], images))) == {}


# --- read by their own libraries -------------------------------------------------------------------


def test_coco_is_read_by_pycocotools(images, capsys):
    from pycocotools.coco import COCO

    read = COCO(str(written("coco", export_of(NASTY, images))))
    assert capsys.readouterr().out
    assert [one["name"] for one in read.loadCats(read.getCatIds())] == sorted(NASTY)
    for i, label in enumerate(NASTY):
        (category,) = read.getCatIds(catNms=[label])
        (image,) = read.loadImgs(read.getImgIds(catIds=[category]))
        assert (image["file_name"], image["width"], image["height"]) == (f"{i}.png", 4 + i, 3)
        (annotation,) = read.loadAnns(read.getAnnIds(imgIds=[image["id"]]))
        assert annotation["attributes"] == {
            "origin": "by hand",
            "gesture": "lasso",
            "labelled_at": "2026-01-02T03:04:05Z",
        }


def test_hugging_face_is_read_by_datasets(images, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    monkeypatch.setattr("handlens.studio.formats.writers.hugging_face.GROUP", 1)
    monkeypatch.setattr("handlens.studio.formats.writers.hugging_face.SHARD", 400)
    folder = written("hugging-face", export_of([*NASTY, None], images))
    names = sorted(file.name for file in (folder / "data").iterdir())
    assert len(names) > 1
    assert names == [f"train-{i:05d}-of-{len(names):05d}.parquet" for i in range(len(names))]
    read = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    kind = read.features["label"]
    assert [kind.int2str(code) for code in read["label"]] == NASTY
    assert read["path"][:] == [f"{i}.png" for i in range(len(NASTY))]
    assert [picture.size for picture in read["image"]] == [(4 + i, 3) for i in range(len(NASTY))]
    raw = read.cast_column("image", datasets.Image(decode=False))
    assert [one["bytes"] for one in raw["image"]] == [(images / path).read_bytes() for path in read["path"]]
    assert set(read["origin"]) == {"by hand"}
    assert read["labelled_at"][0].isoformat() == "2026-01-02T03:04:05+00:00"


def test_the_card_has_the_licence_of_the_datasheet(images):
    from huggingface_hub import DatasetCard

    from handlens.audit import Datasheet

    sheet = Datasheet.from_data(images)
    for answer, expected in (
        ("", ("unknown", None)),
        ("cc-by-4.0", ("cc-by-4.0", None)),
        ("Ask the museum.", ("other", "Ask the museum.")),
    ):
        sheet.answers = {"distribution.licence": answer} if answer else {}
        export = export_of(["cat"], images, make_datasheet=lambda: sheet, find_model=lambda: "0123abcd")
        card = DatasetCard.load(written("hugging-face", export) / "README.md")
        fields = card.data.to_dict()
        assert (fields["license"], fields.get("license_name")) == expected
        assert card.data.task_categories == ["image-classification"]
        assert "0123abcd" in card.text
        assert "Under which licence" in card.text
        if answer:
            assert answer in card.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the library itself calls
def test_croissant_is_valid_and_read_by_mlcroissant(images):
    import mlcroissant

    read = mlcroissant.Dataset(jsonld=str(written("croissant", export_of([*NASTY, None], images)) / "croissant.json"))
    assert read.metadata.ctx.issues.errors == set()
    records = list(read.records("labels"))
    assert [record["labels/label"].decode() for record in records] == NASTY
    assert [record["labels/path"].decode() for record in records] == [f"{i}.png" for i in range(len(NASTY))]


FACTS = {
    "by hand": {"origin": "by hand", "gesture": "lasso"},
    "imported": {"origin": "imported", "gesture": "import", "by": "a=1.csv"},
    "checked": {"origin": "checked", "gesture": "check"},
    "certified": {"origin": "certified", "gesture": "finish", "error_at_most": 0.05, "confidence": 0.95, "by": "0a1b"},
}


def text_facts(rows: Iterable[dict[str, str]]) -> list[dict[str, object]]:
    """Origins of a CSV."""
    columns = ("origin", "gesture", "labelled_at", "error_at_most", "confidence", "by")
    numbers = ("error_at_most", "confidence")
    given = [{name: row[name] for name in columns if row[name]} for row in rows]
    return [row | {name: float(row[name]) for name in numbers if name in row} for row in given]


def table_facts(table: pd.DataFrame) -> list[dict[str, object]]:
    """Origins of a table with types."""
    columns = ["origin", "gesture", "labelled_at", "error_at_most", "confidence", "by"]
    table = table[columns].assign(labelled_at=table["labelled_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return [{k: v for k, v in row.items() if not pd.isna(v)} for row in table.astype(object).to_dict("records")]


def facts_in(format: str, path: Path) -> list[dict[str, object]]:
    """Where each label comes from, as an export of four photos says it."""
    if format in ("csv", "spreadsheet"):
        with path.open(encoding="utf-8", newline="") as file:
            return text_facts({k: unguarded(v) for k, v in row.items()} for row in csv.DictReader(file))
    if format == "folders":
        with zipfile.ZipFile(path) as archive:
            rows = csv.DictReader(archive.read("labels.csv").decode().splitlines())
            return text_facts({k: unguarded(v) for k, v in row.items()} for row in rows)
    if format == "yolo":
        return text_facts(csv.DictReader((path / "labels.csv").read_text(encoding="utf-8").splitlines()))
    if format in ("parquet", "hugging-face", "croissant"):
        below = {"parquet": "", "hugging-face": "data/train-00000-of-00001.parquet", "croissant": "labels.parquet"}
        return table_facts(pd.read_parquet(path / below[format] if below[format] else path))
    content = json.loads(path.read_text(encoding="utf-8"))
    if format == "coco":
        return [one["attributes"] for one in content["annotations"]]
    if format == "label-studio":
        return [one["meta"] for one in content]
    names = {"confidence_of_bound": "confidence", "_cls": "", "tags": "", "label": ""}
    given = [one["ground_truth"].items() for one in content["samples"]]
    return [{names.get(k, k): v for k, v in one if names.get(k, k)} for one in given]


@pytest.mark.parametrize("format", READERS)
def test_every_format_says_of_each_label_where_it_comes_from(bare, tmp_path, format):
    bound = Certificate(error=0.05, confidence=0.95, checked=30)
    for photo, origin in enumerate(
        [
            Origin("lasso", "by hand"),
            Origin("import", "imported", by="a=1.csv"),
            Origin("check", "checked"),
            Origin("finish", "certified", bound, by="0a1b"),
        ]
    ):
        bare.parts.labels.assign([photo], "circle", origin=origin)
    target = tmp_path / f"out{exporter_of(format).ending}"
    bare.export(target, format)
    times = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in bare.origins["at"].dropna()]
    assert facts_in(format, target) == [
        facts | {"labelled_at": at} for facts, at in zip(FACTS.values(), times, strict=True)
    ]


def test_a_probability_of_fiftyone_is_not_that_of_a_certificate(images):
    """FiftyOne's own field `confidence` is that of one label."""
    export = export_of(["cat"], images)
    export.photos.loc[0, ["error_at_most", "confidence"]] = [0.05, 0.95]
    (sample,) = json.loads(written("fiftyone", export).read_text(encoding="utf-8"))["samples"]
    assert "confidence" not in sample["ground_truth"]
    assert (sample["ground_truth"]["error_at_most"], sample["ground_truth"]["confidence_of_bound"]) == (0.05, 0.95)


def all_of_unicode() -> list[str]:
    """Labels that hold together each character that a label may have, 90 in each."""
    singles = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and is_label(chr(code))]
    starters = [character for character in singles if unicodedata.combining(character) == 0]
    lines = ["".join(starters[i : i + 90]) for i in range(0, len(starters), 90)]
    lines += [f"x{character}" for character in singles if unicodedata.combining(character)]
    return list(dict.fromkeys(check_name(line) for line in lines))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """A photo for each of `all_of_unicode`."""
    labels = all_of_unicode()
    assert len({*"".join(labels)}) > 130_000
    images = tmp_path_factory.mktemp("unicode") / "photos"
    images.mkdir()
    Image.new("1", (1, 1)).save(images / "0.png")
    for i in range(1, len(labels)):
        os.link(images / "0.png", images / f"{i}.png")
    return export_of(list(labels), images)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what mlcroissant itself calls
def test_all_of_unicode_is_read_by_the_libraries_of_the_formats(everything, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets
    import mlcroissant
    from pycocotools.coco import COCO

    expected = dict(zip(everything.labelled["path"], everything.labelled["label"], strict=True))
    paths = {format: written(format, everything) for format in ("csv", "parquet", "coco", "hugging-face", "croissant")}

    table = pd.read_csv(paths["csv"], dtype=str, keep_default_na=False)
    assert dict(zip(table["path"], table["label"], strict=True)) == expected
    table = pd.read_parquet(paths["parquet"])
    assert dict(zip(table["path"], table["label"], strict=True)) == expected
    coco = COCO(str(paths["coco"]))
    found = {coco.imgs[one["image_id"]]["file_name"]: one["category_id"] for one in coco.anns.values()}
    assert {path: coco.cats[category]["name"] for path, category in found.items()} == expected
    read = datasets.load_dataset(str(paths["hugging-face"]), split="train", cache_dir=str(tmp_path / "cache"))
    assert dict(zip(read["path"], map(read.features["label"].int2str, read["label"]), strict=True)) == expected
    records = mlcroissant.Dataset(jsonld=str(paths["croissant"] / "croissant.json")).records("labels")
    assert {one["labels/path"].decode(): one["labels/label"].decode() for one in records} == expected


def test_folders_of_yolo_are_read_by_torchvision(tmp_path):
    """Ultralytics reads them with this class."""
    from torchvision.datasets import ImageFolder

    labels = ["007", "NA", "é", "👩‍🔬"] * 5
    folder = written("yolo", export_of(labels, pictures(tmp_path / "photos", 20)))
    found = {}
    for part in ("train", "val", "test"):
        read = ImageFolder(str(folder / part), allow_empty=True)
        assert read.classes == sorted(set(labels))
        found |= {Path(file).name: read.classes[code] for file, code in read.samples}
    assert found == {f"{i}.png": label for i, label in enumerate(labels)}


# --- by hand ---------------------------------------------------------------------------------------


def test_label_studio_by_hand(images):
    export = export_of(["cat", None, None], images, find_model=lambda: "0123abcd")
    export.photos.loc[0, "origin"] = "checked"
    export.photos.loc[1, ["predicted", "probability"]] = ["dog", 0.75]
    first, second = json.loads(written("label-studio", export).read_text(encoding="utf-8"))

    def result(label: str) -> list[dict[str, object]]:
        return [{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [label]}}]

    assert first == {
        "data": {"image": "/data/local-files/?d=photos/0.png", "path": "0.png"},
        "annotations": [{"result": result("cat"), "ground_truth": True, "created_at": "2026-01-02T03:04:05Z"}],
        "predictions": [],
        "meta": {"origin": "checked", "gesture": "lasso", "labelled_at": "2026-01-02T03:04:05Z"},
    }
    assert second == {
        "data": {"image": "/data/local-files/?d=photos/1.png", "path": "1.png"},
        "annotations": [],
        "predictions": [{"model_version": "0123abcd", "score": 0.75, "result": result("dog")}],
    }


def test_addresses_of_label_studio_keep_any_path(images):
    export = export_of(["cat"], images)
    export.photos.loc[0, "path"] = "é/a b&c=?#%.png"
    (task,) = json.loads(written("label-studio", export).read_text(encoding="utf-8"))
    assert parse_qs(urlsplit(task["data"]["image"]).query) == {"d": ["photos/é/a b&c=?#%.png"]}


def test_fiftyone_by_hand(images):
    export = export_of(["cat", None, None], images, find_model=lambda: "0123abcd")
    export.photos.loc[1, ["predicted", "probability"]] = ["dog", 0.75]
    content = json.loads(written("fiftyone", export).read_text(encoding="utf-8"))
    kind = "fiftyone.core.fields.EmbeddedDocumentField(fiftyone.core.labels.Classification)"
    assert content["sample_fields"] == {"ground_truth": kind, "predictions": kind}
    assert content["info"]["model"] == "0123abcd"
    first, second = content["samples"]
    assert first["ground_truth"] == {
        "_cls": "Classification",
        "tags": [],
        "label": "cat",
        "origin": "by hand",
        "gesture": "lasso",
        "labelled_at": "2026-01-02T03:04:05Z",
    }
    assert (first["predictions"], second["ground_truth"]) == (None, None)
    assert second["filepath"] == "1.png"
    assert second["predictions"] == {"_cls": "Classification", "tags": [], "label": "dog", "confidence": 0.75}


def test_yolo_splits_by_hand(tmp_path):
    images = pictures(tmp_path / "photos", 25)
    labels = ["a"] * 20 + ["b"] * 3 + ["c"] * 2
    folder = written("yolo", export_of(labels, images, seed=1))
    counts = {
        part: {label: len(list((folder / part / label).iterdir())) for label in "abc"}
        for part in ("train", "val", "test")
    }
    assert counts == {
        "train": {"a": 16, "b": 1, "c": 2},
        "val": {"a": 2, "b": 1, "c": 0},
        "test": {"a": 2, "b": 1, "c": 0},
    }
    for file in folder.rglob("*.png"):
        assert file.read_bytes() == (images / file.name).read_bytes()
    again = written("yolo", export_of(labels, images, seed=1))
    other = written("yolo", export_of(labels, images, seed=2))
    found = [(one / "labels.csv").read_bytes() for one in (folder, again, other)]
    assert found[0] == found[1] != found[2]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=40), st.integers(0, 2**32 - 1)
)
def test_photos_with_the_same_content_are_on_the_same_side(photos, seed):
    labels, groups = np.array([one for one, _ in photos], object), np.array([two for _, two in photos])
    sides = split(labels, groups, seed=seed)
    assert all(len(set(sides[groups == group])) == 1 for group in groups)


def test_photos_that_cannot_be_read_are_left_out_and_told(tmp_path):
    images = pictures(tmp_path / "photos", 2)
    export = export_of(["cat", "cat", "dog"], images)
    gone = [LeftOut("2.png", "No such file or directory")]
    for format in ("folders", "hugging-face", "yolo"):
        exporter = exporter_of(format)
        target = tmp_path / f"{format}{exporter.ending}"
        assert exporter.write(export, target) == gone
        assert READERS[format](target) == {"0.png": "cat", "1.png": "cat"}
    for format in ("csv", "coco", "label-studio", "fiftyone", "croissant"):
        assert READERS[format](written(format, export)) == {"0.png": "cat", "1.png": "cat", "2.png": "dog"}


STEPS = {"coco": 6, "parquet": len(PHOTO_COLUMNS), "croissant": len(PHOTO_COLUMNS)}
"""Of the formats whose steps are not photos: COCO lists them twice, and these tables are written column by column."""


@pytest.mark.parametrize("format", READERS)
def test_what_is_cancelled_leaves_nothing(images, tmp_path, monkeypatch, format):
    for module, name in ((spreadsheets, "ROWS"), (exports, "ROWS"), (exporting, "STEP")):
        monkeypatch.setattr(module, name, 1)
    steps, stop = [], threading.Event()

    def report(done: int, total: int) -> None:
        steps.append((done, total))
        if stop.is_set():
            raise Cancelled("stop")
        if len(steps) == 2:
            stop.set()

    exporter = exporter_of(format)
    with pytest.raises(Cancelled):
        exporter.write(export_of(["a", "b", "c"], images, report=report), tmp_path / f"out{exporter.ending}")
    assert len(steps) == 3
    assert {total for _, total in steps} == {STEPS.get(format, 3)}
    assert list(tmp_path.iterdir()) == []


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=12,
    )
)
def test_json_is_the_same_when_it_is_written_item_by_item(content):
    def lazily(value):
        return iter(value) if isinstance(value, list) else value

    members = {key: lazily(value) for key, value in content.items()} if isinstance(content, dict) else lazily(content)
    with tempfile.TemporaryDirectory() as folder:
        write_json(members, Path(folder) / "a.json")
        text = (Path(folder) / "a.json").read_text(encoding="utf-8")
    assert text == json.dumps(content, indent=1, ensure_ascii=False)


# --- of a collection -------------------------------------------------------------------------------


def test_a_collection_is_exported_with_origins_and_the_hash_of_its_model(collection, tmp_path):
    collection.parts.labels.assign(range(4), "circle", origin=Origin("lasso", "by hand"))
    bound = Certificate(error=0.05, confidence=0.95, checked=30)
    collection.parts.labels.assign(range(20, 24), "square", origin=Origin("finish", "certified", bound))
    assert collection.export(tmp_path / "before.json", "label-studio").labels == 8
    assert all(not task["predictions"] for task in json.loads((tmp_path / "before.json").read_text()))
    collection.label(range(20, 22), "square")
    collection.train()
    collection.export_model(tmp_path / "model")
    digest = hashlib.sha256((tmp_path / "model" / "tensors.safetensors").read_bytes()).hexdigest()

    told = collection.export(tmp_path / "tasks.json", "label-studio")
    assert (told.format, told.labels, told.left_out, told.path) == ("label-studio", 8, [], tmp_path / "tasks.json")
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == 40
    assert {task["predictions"][0]["model_version"] for task in tasks} == {digest}
    said = collection.predictions()
    assert [task["predictions"][0]["result"][0]["value"]["choices"][0] for task in tasks] == said["predicted"].tolist()
    by_path = {task["data"]["path"]: task for task in tasks}
    certified = by_path[collection.paths[22]]["meta"]
    assert (certified["origin"], certified["error_at_most"], certified["confidence"]) == ("certified", 0.05, 0.95)
    assert by_path[collection.paths[0]]["meta"]["origin"] == "by hand"

    for format, reader in READERS.items():
        target = tmp_path / f"{format}{exporter_of(format).ending}"
        found = collection.export(target, format)
        assert found.labels == 8
        if format not in ("label-studio", "fiftyone"):
            assert reader(target) == collection.labels.dropna().rename(dict(enumerate(collection.paths))).to_dict()
    about = json.loads(pq.read_schema(tmp_path / "parquet.parquet").metadata[b"handlens"])
    assert about["model"] == digest
    assert digest in (tmp_path / "hugging-face" / "README.md").read_text(encoding="utf-8")


def test_duplicates_are_searched_for_before_a_split(quick, tmp_path, draw_photo):
    from handlens.studio import Collection

    for i in range(3):
        draw_photo(tmp_path / "photos" / f"{i}.png", kind="circle", seed=i)
        Image.open(tmp_path / "photos" / f"{i}.png").save(tmp_path / "photos" / f"copy of {i}.bmp")
    with Collection.create(tmp_path / "c", images=tmp_path / "photos", backbone=None) as collection:
        collection.prepare()
        collection.label(range(6), "circle")
        collection.export(tmp_path / "yolo", "yolo")
    with (tmp_path / "yolo" / "labels.csv").open(encoding="utf-8", newline="") as file:
        sides = {row["path"]: row["name"].split("/")[0] for row in csv.DictReader(file)}
    assert [sides[f"{i}.png"] for i in range(3)] == [sides[f"copy of {i}.bmp"] for i in range(3)]
    assert sorted(sides.values()) == ["test", "test", "train", "train", "val", "val"]


def test_a_filter_says_which_photos_are_exported(collection, tmp_path):
    from handlens.studio.filters import label

    collection.label([0, 1], "circle")
    collection.label([20], "square")
    assert collection.export(tmp_path / "some.json", "coco", where=label("circle")).labels == 2
    assert set(read_coco(tmp_path / "some.json")) == set(collection.paths[:2])


def test_nothing_of_a_person_is_replaced(collection, tmp_path):
    collection.label([0], "circle")
    with pytest.raises(CollectionError, match=r"format must be one of csv, .*yolo; 'cocoa' arrived"):
        collection.export(tmp_path / "x", "cocoa")
    with pytest.raises(CollectionError, match="must not be among the photos"):
        collection.export(collection.images / "yolo", "yolo")
    photo = (collection.images / collection.paths[0]).read_bytes()
    with pytest.raises(CollectionError, match="must not replace a photo"):
        collection.export(collection.images / collection.paths[0], "csv")
    assert (collection.images / collection.paths[0]).read_bytes() == photo
    with pytest.raises(CollectionError, match="must not replace one of the collection's"):
        collection.export(collection.folder / "collection.sqlite", "csv")
    for _ in range(2):  # an earlier export is
        assert collection.export(collection.folder / "labels.csv", "csv").labels == 1
    assert collection.export(collection.images / "labels.csv", "csv").labels == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("x")
    with pytest.raises(CollectionError, match="needs a new or an empty folder"):
        collection.export(tmp_path / "mine", "yolo")
    assert (tmp_path / "mine" / "diary.txt").read_text() == "x"
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        collection.export(tmp_path / "out", "yolo", cancel=stop)
    assert not (tmp_path / "out").exists()


def test_labels_that_differ_by_the_form_of_their_characters_have_folders_of_their_own(images):
    one, other = "é", unicodedata.normalize("NFD", "é")
    assert one != other
    assert read_yolo(written("yolo", export_of([one, other], images))) == {"0.png": one, "1.png": other}


PLUGIN = """
class Names:
    name, title, ending = "names", "Names", ".txt"

    def write(self, export, path):
        path.write_text(",".join(export.labels))
        return []
"""


def test_formats_of_plugins_are_offered(collection, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for package, code in (("names_plugin", PLUGIN), ("broken_plugin", "raise KeyError('x')")):
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        name = package.removesuffix("_plugin")
        (info / "entry_points.txt").write_text(f"[handlens.exporters]\n{name} = {package}:Names\n")
    monkeypatch.setattr("handlens.studio.formats.plugins", cache(Plugins))
    collection.label([0], "b")
    collection.label([1], "a")
    collection.export(tmp_path / "names.txt", "names")
    assert (tmp_path / "names.txt").read_text() == "a,b"
    assert set(READERS) < set(exporters()) >= {"names"}
    with pytest.raises(CollectionError, match=r"the plugin for broken cannot be used: .*KeyError: 'x'"):
        collection.export(tmp_path / "x", "broken")
