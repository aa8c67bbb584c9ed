"""Hugging Face: Parquet files with photos and labels, and a card, which `datasets.load_dataset` reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from handlens.core.predictions import LABEL, PATH, PROBABILITY
from handlens.errors import PhotoError
from handlens.io.files import atomic_folder
from handlens.studio.formats.exporting import PHOTO_COLUMNS, TIME, Export
from handlens.studio.formats.writers.parquet import columns_of
from handlens.studio.scanning import LeftOut

if TYPE_CHECKING:
    import pyarrow as pa

SHARD = 400 * 2**20
"""Bytes of photos in one file."""

GROUP = 32 * 2**20
"""Bytes of photos that are in memory, and in one group of rows, at once."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9.-]*[a-z0-9]")  # of a licence on the hub
_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]


class HuggingFaceExporter:
    """A data set of the Hugging Face hub: data/train-…parquet with the photos themselves, and the card README.md.

    Example:
        >>> HuggingFaceExporter().ending
        ''
    """

    name, title, ending = "hugging-face", "Hugging Face data set", ""

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the folder; see `Exporter`."""
        left_out: list[LeftOut] = []
        with atomic_folder(path) as folder:
            (folder / "data").mkdir()
            _write_shards(export, folder / "data", left_out)
            n = len(export.labelled) - len(left_out)
            (folder / "README.md").write_text(card_of(export, n), encoding="utf-8", newline="\n")
        return left_out


def licence_of(export: Export) -> dict[str, str]:
    """The licence as the hub's cards say it, from the answer in the datasheet: "unknown" without one."""
    answers = export.datasheet.answers if export.datasheet is not None else {}
    answer = answers.get("distribution.licence", "").strip()
    if not answer:
        return {"license": "unknown"}
    return {"license": answer} if _IDENTIFIER.fullmatch(answer) else {"license": "other", "license_name": answer}


def card_of(export: Export, n: int) -> str:
    """The card of a data set of n photos: the hub's fields, what the columns hold, and the datasheet."""
    import yaml

    size = next((name for most, name in _SIZES if n < most), "n>1M")
    fields = licence_of(export) | {
        "pretty_name": export.name,
        "task_categories": ["image-classification"],
        "size_categories": [size],
        "tags": ["handlens"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}],
    }
    model = f"The model that predicts has the hash {export.model}." if export.model else "No model predicts here."
    front = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)
    sheet = "" if export.datasheet is None else export.datasheet.to_markdown().split("\n---\n", 1)[1]
    return (
        f"---\n{front}---\n\n# {' '.join(export.name.split())}\n\n"
        f"{n:,} labelled photos, written by handlens.\n\n"
        "`image` is the photo, its file unchanged; `label` the label; `path` the path below the folder of photos; "
        "`origin` who gave the label (by hand, suggested, checked, certified or imported), `gesture` how the photo was "
        "selected, `labelled_at` when. Of certified labels, with probability `confidence` at most the share "
        "`error_at_most` is wrong. `by` is what gave a label, if it was not a person: of certified labels the hash of "
        "the model, of imported ones the name of the file. `predicted` and `probability` are what the "
        "model in use says. "
        f"{model}\n{sheet}"
    )


def _write_shards(export: Export, folder: Path, left_out: list[LeftOut]) -> None:
    """Write data files of about `SHARD` bytes, at least one."""
    import pyarrow.parquet as pq

    schema, written = None, 0
    files: list[Path] = []
    writer: Any = None
    try:
        for table, size in _groups(export, left_out):
            if writer is None or written >= SHARD:
                if writer is not None:
                    writer.close()
                schema, written = table.schema, 0
                files.append(folder / f"{len(files)}.parquet")
                writer = pq.ParquetWriter(files[-1], schema)
            writer.write_table(table)
            written += size
    finally:
        if writer is not None:
            writer.close()
    for i, file in enumerate(files):
        file.rename(folder / f"train-{i:05d}-of-{len(files):05d}.parquet")


def _groups(export: Export, left_out: list[LeftOut]) -> Iterator[tuple[pa.Table, int]]:
    """The labelled photos as tables of about `GROUP` bytes, at least one, with their sizes."""
    whole = _without_photos(export)
    contents: list[dict[str, Any]] = []
    rows: list[int] = []
    size = 0
    for row, path in enumerate(export.labelled[PATH]):
        export.report(row, len(whole))
        try:
            content = export.read(path)
        except PhotoError as error:
            left_out.append(LeftOut(path, str(error)))
            continue
        contents.append({"bytes": content, "path": PurePosixPath(path).name})
        rows.append(row)
        size += len(content)
        if size >= GROUP:
            yield _with_photos(whole, rows, contents), size
            contents, rows, size = [], [], 0
    if rows or len(left_out) == len(whole):
        yield _with_photos(whole, rows, contents), size


def _without_photos(export: Export) -> pa.Table:
    """All columns but the photos; labels as numbers, as the library keeps them."""
    import pyarrow as pa

    codes = {label: i for i, label in enumerate(export.labels)}
    table = columns_of(export)
    labels = pa.array([codes[label] for label in export.labelled[LABEL]], pa.int64())
    table = table.set_column(table.schema.get_field_index(LABEL), pa.field(LABEL, pa.int64()), labels)
    return table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": _features(export)}}, ensure_ascii=False)}
    )


def _with_photos(whole: pa.Table, rows: list[int], contents: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return whole.take(pa.array(rows, pa.int64())).add_column(0, pa.field("image", kind), pa.array(contents, kind))


def _features(export: Export) -> dict[str, Any]:
    """The columns' types as the library `datasets` writes them."""
    types = dict.fromkeys(PHOTO_COLUMNS, "string")
    types |= {
        TIME: "timestamp[us, tz=UTC]",
        "error_at_most": "float64",
        "confidence": "float64",
        PROBABILITY: "float32",
    }
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    features |= {name: {"dtype": kind, "_type": "Value"} for name, kind in types.items()}
    return features | {LABEL: {"names": export.labels, "_type": "ClassLabel"}}
