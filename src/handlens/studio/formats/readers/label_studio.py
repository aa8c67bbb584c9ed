"""Labels from Label Studio: what annotators chose for whole photos, and the rectangles that they drew."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from handlens.errors import ImportProblem
from handlens.studio.formats.checked import (
    Box,
    box_in,
    fields,
    json_mentions,
    moment,
    number,
    photo_name,
    pixels,
    read_json,
    shown,
    text,
)
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.folders import is_picture

_TASKS = (("data", "annotations"), ("data", "completions"), ("data", "predictions"), ("annotation_id", "lead_time"))
"""What files of tasks mention; the last are those of JSON-MIN."""

_KINDS = ("choices", "rectanglelabels", "labels")
"""Parts of a region's value that hold its labels."""

_OWN = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}
"""What Label Studio adds to each row of JSON-MIN."""

_LABEL_NAMES = ("label", "labels", "choice", "choices", "class", "category", "species", "target")

_UPLOADED = re.compile(r"(?<=/)[0-9a-f]{8}-(?=[^/]+\Z)")


class _Answer(NamedTuple):
    """A label in one control of Label Studio's page; a text that may be the task's own data is not sure to be one."""

    control: str
    label: FoundLabel
    is_sure: bool = True


class _Annotation(NamedTuple):
    """Who annotated which photo, and when."""

    photo: str
    where: str
    by: str | None
    at: datetime | None


class LabelStudioImporter:
    """Reads the JSON and JSON-MIN that Label Studio exports.

    What each annotator said is one statement, with who it was and when. Choices are labels of the whole photo,
    rectangles are boxes. What models predicted is left out. Where annotators answered in several controls,
    `label_column` chooses one; the one with most answers is read unless it is given.
    """

    name, title, endings = "label-studio", "Label Studio", (".json",)

    def recognises(self, path: Path) -> bool:
        """Whether it is a list of tasks, or of rows of JSON-MIN."""
        return any(json_mentions(path, "[", *names) for names in _TASKS)

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """The labels of all annotators."""
        tasks = read_json(path)
        if not isinstance(tasks, list) or not tasks:
            raise ImportProblem(f"{path.name} must be exported by Label Studio: a JSON list of tasks.")
        answers: list[_Answer] = []
        problems: list[Unreadable] = []
        for position, task in enumerate(tasks, 1):
            id = task.get("id") if isinstance(task, dict) else None
            where = f"task {id}" if isinstance(id, int) else f"task number {position}"
            try:
                known = fields(task, "a task")
                read = _read_task if "data" in known else _read_row
                answers.extend(read(known, where, photos, problems))
            except ValueError as error:
                problems.append(Unreadable(where, str(error)))
        columns = _columns(answers)
        wanted = chosen(choices, {"label_column": columns} if columns else {}, format=self.title)
        column = wanted["label_column"][0] if columns else ""
        return FoundLabels.of(
            self.title,
            path.name,
            [answer.label for answer in answers if answer.control in ("", column)],
            problems=problems,
            choices=wanted,
        )


def _columns(answers: list[_Answer]) -> list[str]:
    """The controls that were answered; the one that is read first."""
    sure: dict[str, bool] = defaultdict(bool)
    labels: dict[str, list[str | None]] = defaultdict(list)
    for answer in answers:
        if answer.control:
            sure[answer.control] |= answer.is_sure
            labels[answer.control].append(answer.label.label)

    def rank(control: str) -> tuple[Any, ...]:
        if sure[control]:
            return 0, -len(labels[control])
        return 1, control.lower() not in _LABEL_NAMES, len(set(labels[control])), -len(labels[control])

    return sorted(labels, key=rank)


# --- JSON ----------------------------------------------------------------------------------------


def _read_task(task: dict[str, Any], where: str, photos: PhotoNames, problems: list[Unreadable]) -> Iterator[_Answer]:
    _, photo = _photo(fields(task["data"], "a task's data"), photos)
    annotations = task.get("annotations", task.get("completions", []))
    if not isinstance(annotations, list):
        raise ValueError(f"its annotations must be a list; {shown(annotations)} arrived")
    for position, entry in enumerate(annotations, 1):
        place = where if len(annotations) == 1 else f"{where} annotation {position}"
        try:
            known = fields(entry, "an annotation")
            regions = known.get("result")
            if known.get("was_cancelled"):
                raise ValueError("its annotator skipped it")
            if not isinstance(regions, list):
                raise ValueError(f"its result must be a list; {shown(regions)} arrived")
        except ValueError as error:
            problems.append(Unreadable(place, str(error)))
            continue
        by, at = _person(known.get("completed_by")), known.get("updated_at") or known.get("created_at")
        annotation = _Annotation(photo, place, by, moment(at))
        if not regions:
            yield _Answer("", FoundLabel(photo, None, place, by=by, at=annotation.at))
        for region in regions:
            try:
                yield from _read_region(fields(region, "a region"), annotation)
            except ValueError as error:
                problems.append(Unreadable(place, str(error)))


def _read_region(region: dict[str, Any], annotation: _Annotation) -> Iterator[_Answer]:
    kind = region.get("type")
    if kind in ("relation", "rectangle"):  # the labels of a bare rectangle are in a region of their own
        return
    if kind not in _KINDS:
        raise ValueError(f"only choices and rectangles can be read; {shown(kind)} arrived")
    value = fields(region.get("value"), "a region's value")
    yield from _answers(text(region.get("from_name", kind), "from_name"), {**region, **value}, annotation)


def _answers(control: str, region: dict[str, Any], annotation: _Annotation) -> Iterator[_Answer]:
    """The labels of a region, with its box if it has one."""
    kind = next((kind for kind in _KINDS if kind in region), None)
    if kind is None:
        raise ValueError(f"only choices and rectangles can be read; {shown(region)} arrived")
    box: Box | None = None
    picture = None
    if kind != "choices" or "x" in region:
        for turned in ("rotation", "image_rotation"):
            if number(region.get(turned) or 0, turned):
                raise ValueError(f"a rectangle that is turned by {region[turned]}° cannot be read")
        box = box_in([region.get(name) for name in ("x", "y", "width", "height")], 100, 100)
        if region.get("original_width") is not None:
            picture = pixels(region["original_width"], region.get("original_height"))
    names = region[kind]
    for name in names if isinstance(names, list) else [names]:
        label = text(name, "its label")
        photo, where, by, at = annotation
        yield _Answer(control, FoundLabel(photo, label, where, box, by, at, picture))


# --- JSON-MIN ------------------------------------------------------------------------------------


def _read_row(row: dict[str, Any], where: str, photos: PhotoNames, problems: list[Unreadable]) -> Iterator[_Answer]:
    column, photo = _photo(row, photos)
    at = row.get("updated_at") or row.get("created_at")
    annotation = _Annotation(photo, where, _person(row.get("annotator")), moment(at))
    for control, value in row.items():
        if control in _OWN or control == column:
            continue
        try:
            text(control, "a name")
            if isinstance(value, str):
                label = FoundLabel(photo, text(value, "its label"), where, by=annotation.by, at=annotation.at)
                yield _Answer(control, label, is_sure=False)
            elif isinstance(value, (dict, list)):
                for region in value if isinstance(value, list) else [value]:
                    yield from _answers(control, fields(region, "a region"), annotation)
        except ValueError as error:
            problems.append(Unreadable(where, f"{shown(control)}: {error}"))


# --- both ----------------------------------------------------------------------------------------


def _photo(data: dict[str, Any], photos: PhotoNames) -> tuple[str, str]:
    """The part of a task's data that names its photo, and the photo: one of the collection, or what looks like one."""
    named = [(key, _names_in(value)) for key, value in data.items() if isinstance(value, str) and key not in _OWN]
    named.sort(key=lambda entry: entry[0] != "image")
    known = [(key, name, photos.find(name)[0]) for key, names in named for name in names]
    # A path as the collection has it, before one that only ends in such a path.
    known.sort(key=lambda entry: entry[2] < 0 or photos.paths[entry[2]] != entry[1])
    for key, name, id in known:
        if id >= 0:
            return key, photo_name(name)
    for key, names in named:
        if key == "image" or is_picture(names[0]):
            return key, photo_name(names[0])
    raise ValueError(f"its data name no photo: {shown({key: data[key] for key, _ in named})}")


def _names_in(address: str) -> list[str]:
    """What a photo may be called that is at an address, the likeliest first.

    Files that were uploaded got eight characters and a hyphen before their name.
    """
    scheme, separator, rest = address.partition("://")
    if "/data/local-files/?d=" in address:
        return [unquote(address.partition("?d=")[2].partition("&")[0])]
    if separator and scheme.lower() in ("http", "https"):
        try:
            address = unquote(urlsplit(address).path)
        except ValueError:
            address = rest
    elif separator:
        address = rest.partition("/")[2]  # after the bucket
    if "/data/upload/" in address:
        names = [_UPLOADED.sub("", address), address]
        return [*names, *(name.rpartition("/")[2] for name in names)]  # the folder of an upload is none of the photo's
    return [address]


def _person(value: Any) -> str | None:
    """Who annotated: an address or name if the file has one, or a number."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("email", "username", "id") if value.get(key) not in (None, "")), None)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return text(str(value), "who annotated")
