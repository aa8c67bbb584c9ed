"""Labels from FiftyOne: data sets as JSON (samples.json), and folders for classification or detection (labels.json)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import ImportProblem
from handlens.studio.formats.checked import (
    box_in,
    fields,
    json_mentions,
    moment,
    photo_name,
    pixels,
    read_json,
    shown,
    text,
)
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames

_LISTS = {"Classifications": "classifications", "Detections": "detections"}
_SINGLE = ("Classification", "Detection")


class FiftyOneImporter:
    """Reads what FiftyOne exports: samples.json, labels.json, or the folder that holds one of them.

    A data set may have several fields of labels. `label_column` chooses one; ground_truth, or else the one that most
    samples have, is read unless it is given.
    """

    name, title, endings = "fiftyone", "FiftyOne", (".json", "/")

    def recognises(self, path: Path) -> bool:
        """Whether the file, or samples.json or labels.json in the folder, is one of FiftyOne's."""
        file = _file(path)
        return file is not None and (_has_samples(file) or _has_labels(file))

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:  # noqa: ARG002
        """The labels of the samples, with the boxes of detections."""
        file = _file(path)
        document = None if file is None else read_json(file)
        labels: list[FoundLabel] = []
        problems: list[Unreadable] = []
        wanted: dict[str, list[str]] = {}
        if isinstance(document, dict) and isinstance(document.get("samples"), list):
            columns = _columns(document["samples"])
            if not columns:
                raise ImportProblem(f"the samples in {path.name} must have a field of labels; none has one.")
            wanted = chosen(choices, {"label_column": columns}, format=self.title)
            _read_samples(document["samples"], wanted["label_column"][0], labels, problems)
        elif isinstance(document, dict) and isinstance(document.get("labels"), dict):
            wanted = chosen(choices, {}, format=self.title)
            _read_targets(document["labels"], document.get("classes"), labels, problems)
        else:
            raise ImportProblem(
                f"{path.name} must be exported by FiftyOne: JSON with the list samples, or with labels by photo."
            )
        return FoundLabels.of(self.title, path.name, labels, problems=problems, choices=wanted)


def _file(path: Path) -> Path | None:
    if not path.is_dir():
        return path
    return next((path / name for name in ("samples.json", "labels.json") if (path / name).is_file()), None)


def _has_samples(file: Path) -> bool:
    return json_mentions(file, "{", "samples", "filepath")


def _has_labels(file: Path) -> bool:
    return json_mentions(file, "{", "labels", "classes") or (
        file.name == "labels.json" and json_mentions(file, "{", "labels") and not json_mentions(file, "{", "categories")
    )


# --- samples.json --------------------------------------------------------------------------------


def _columns(samples: list[Any]) -> list[str]:
    """The fields that hold labels; the one that is read first."""
    times: Counter[str] = Counter()
    for sample in samples:
        if isinstance(sample, dict):
            times.update(name for name, value in sample.items() if _kind(value) in (*_SINGLE, *_LISTS))
    return sorted(times, key=lambda name: (name != "ground_truth", -times[name], name))


def _kind(value: Any) -> str | None:
    kind = value.get("_cls") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def _read_samples(samples: list[Any], column: str, labels: list[FoundLabel], problems: list[Unreadable]) -> None:
    for position, entry in enumerate(samples, 1):
        where = f"sample {position}"
        try:
            sample = fields(entry, "a sample")
            photo, value = photo_name(sample.get("filepath")), sample.get(column)
            picture = _pixels(sample.get("metadata"))
        except ValueError as error:
            problems.append(Unreadable(where, str(error)))
            continue
        kind = _kind(value)
        if kind is None:
            continue
        found = fields(value, "a label").get(_LISTS[kind]) if kind in _LISTS else [value]
        if not isinstance(found, list):
            problems.append(Unreadable(where, f"{_LISTS[kind]} must be a list; {shown(found)} arrived"))
            continue
        if not found:
            labels.append(FoundLabel(photo, None, where))
        for number, each in enumerate(found, 1):
            place = f"{where} {kind.lower().removesuffix('s')} {number}" if kind in _LISTS else where
            _add(each, photo, place, picture, labels, problems)


def _pixels(metadata: Any) -> tuple[float, float] | None:
    if not isinstance(metadata, dict) or metadata.get("width") is None or metadata.get("height") is None:
        return None
    return pixels(metadata["width"], metadata["height"])


def _add(
    value: Any,
    photo: str,
    where: str,
    picture: tuple[float, float] | None,
    labels: list[FoundLabel],
    problems: list[Unreadable],
) -> None:
    """Add what a classification or a detection says."""
    try:
        known = fields(value, "a label")
        label = known.get("label")
        box = known.get("bounding_box")
        labels.append(
            FoundLabel(
                photo,
                None if label is None else text(label, "its label"),
                where,
                None if box is None else box_in(box),
                at=_moment(known.get("last_modified_at") or known.get("created_at")),
                picture=picture,
            )
        )
    except ValueError as error:
        problems.append(Unreadable(where, str(error)))


def _moment(value: Any) -> datetime | None:
    """A time, which MongoDB writes as {"$date": milliseconds} or as {"$date": text}."""
    value = value.get("$date") if isinstance(value, dict) else value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return moment(value)


# --- labels.json ---------------------------------------------------------------------------------


def _read_targets(targets: dict[str, Any], classes: Any, labels: list[FoundLabel], problems: list[Unreadable]) -> None:
    """Targets by photo: a class, or an object with a class and a box, or a list of these."""
    for name, target in targets.items():
        where = f"labels {shown(name)}"
        try:
            photo = photo_name(name)
        except ValueError as error:
            problems.append(Unreadable(where, str(error)))
            continue
        several = isinstance(target, list)
        if target is None or target == []:
            labels.append(FoundLabel(photo, None, where))
            continue
        for number, each in enumerate(target if several else [target], 1):
            place = f"{where} number {number}" if several else where
            try:
                known = each if isinstance(each, dict) else {"label": each}
                known = {**known, "label": _class(known.get("label"), classes)}
            except ValueError as error:
                problems.append(Unreadable(place, str(error)))
                continue
            _add(known, photo, place, None, labels, problems)


def _class(target: Any, classes: Any) -> Any:
    """The name of a class that is given by its position; one that is given by name is that."""
    if isinstance(target, bool) or not isinstance(target, int):
        return target
    if not isinstance(classes, list) or not 0 <= target < len(classes):
        raise ValueError(f"class {target} has no name in the file's classes")
    return text(classes[target], f"the name of class {target}")
