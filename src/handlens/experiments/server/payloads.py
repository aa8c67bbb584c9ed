"""What the API answers, made from what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from handlens.errors import HandlensError
from handlens.experiments.reading.axes import in_frame, told_apart
from handlens.experiments.reading.pivot import direction_of
from handlens.experiments.server import schemas
from handlens.experiments.server.records import NoSuchRun, RecordedStudy, Records, level_key, read, read_all
from handlens.experiments.store import COMBINATIONS, RUNS, STUDIES
from handlens.serving.encoding import finite, packed

LOG = "log.txt"
LOG_BYTES = 64 * 1024
"""Of the end of a log, which is all that is sent."""

MOST_FILES = 200

_NUMBERS = ("combination", "seed", "split", "epochs", "value", "seconds", "started", "ended")
_MISSING: object = object()
_FACTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "phase": lambda run: run["phase"],
    "status": lambda run: run["status"],
    "error": lambda run: run["error"].strip().splitlines()[-1][:300] if (run["error"] or "").strip() else _MISSING,
    "note": lambda run: run["note"] or _MISSING,
    "star": lambda run: run["star"],
    "hidden": lambda run: run["hidden"],
    "stop": lambda run: run["stop"],
}
_RECORDED = ("machine", "commit")  # of the facts that are JSON


def studies(records: Records) -> schemas.StudyList:
    """The studies, and how far each is."""
    version, store = records.version(), records.store
    url = sa.engine.make_url(records.place.url).render_as_string(hide_password=True)
    found = schemas.StudyList(version=version, folder=str(records.place.folder), storage=url, studies=[])
    if store is None:
        return found
    counts = sa.select(RUNS.c.study, RUNS.c.status, sa.func.count().label("count"), sa.func.max(RUNS.c.changed))
    by_study: dict[str, dict[str, Any]] = {}
    for row in store.rows(counts.group_by(RUNS.c.study, RUNS.c.status)):
        by_study.setdefault(row["study"], {})[row["status"]] = (row["count"], row["max_1"])
    combinations = sa.select(COMBINATIONS.c.study, sa.func.count().label("count")).group_by(COMBINATIONS.c.study)
    of = {row["study"]: row["count"] for row in store.rows(combinations)}
    lost = records.lost()
    for row in store.rows(sa.select(STUDIES).order_by(STUDIES.c.name)):
        runs = by_study.get(row["name"], {})
        found.studies.append(
            schemas.StudySummary(
                **{key: row[key] for key in ("name", "metric", "direction", "seed", "made")},
                changed=max([row["made"], *(when for _, when in runs.values())]),
                combinations=of.get(row["name"], 0),
                runs=schemas.Counts(**{status: count for status, (count, _) in runs.items()}),
                lost=[run["id"] for run in lost if run["study"] == row["name"]],
                to_come=_to_come(read(row["settings"]), of.get(row["name"], 0)),
            )
        )
    return found


def _to_come(settings: dict[str, Any], combinations: int) -> int:
    """How many runs are planned of combinations that are not chosen yet."""
    left = 0 if settings.get("exhausted") else max(0, (settings.get("n") or 0) - combinations)
    return int(left * settings.get("repeats", 1) * settings.get("splits", 1))


def runs(records: Records, name: str, since: int | None) -> schemas.RunTable:
    """The runs of a study as columns; with `since`, those that changed after that version."""
    study = records.study(name)
    whole, ids = study.changed(since)
    rows = [study.runs[id] for id in ids]
    columns: list[schemas.NumberColumn | schemas.LevelColumn] = []
    for fact in _NUMBERS:
        columns.append(_numbers(study, fact, "fact", [row[fact] for row in rows]))
    columns.append(_numbers(study, "bumpiness", "fact", study.bumpiness(records.opened(), ids)))
    for fact, of in _FACTS.items():
        columns.append(_levels(fact, "fact", [of(row) for row in rows]))
    for fact in _RECORDED:
        columns.append(_levels(fact, "fact", [row["facts"].get(fact) or _MISSING for row in rows]))
    columns += _choices(study, [row["choices"] for row in rows])
    known = {column.name for column in columns} | {"rate"}  # the rate of the last step says nothing of a run
    for number in dict.fromkeys(chain.from_iterable(row["numbers"] for row in rows)):
        if number in known:
            continue
        columns.append(_numbers(study, number, "number", [row["numbers"].get(number) for row in rows]))
    return schemas.RunTable(
        version=study.version, whole=whole, ids=packed(ids, "<i4"), removed=study.gone(since), columns=columns
    )


def read_ahead(records: Records) -> None:
    """Read the study that changed last, which a person who starts the server is likely to open first."""
    with records.lock, suppress(HandlensError):  # what is wrong is said to who asks
        last = max(studies(records).studies, key=lambda study: study.changed, default=None)
        if last is not None:
            study = records.study(last.name)
            study.curves(records.opened(), list(study.runs))


def curves(records: Records, name: str, numbers: Sequence[str], since: int | None) -> schemas.Curves:
    """Some numbers of each epoch of a study's runs; with `since`, of the runs that changed after that version."""
    study = records.study(name)
    whole, ids = study.changed(since)
    of_runs = study.curves(records.opened(), ids)
    lengths = [len(one["epoch"]) if one else 0 for one in of_runs]
    empty = np.full(max(lengths, default=0), np.nan)

    def values(number: str) -> schemas.Curve:
        parts = [one.get(number, empty[:length]) for one, length in zip(of_runs, lengths, strict=True)]
        return schemas.Curve(number=number, values=packed(np.concatenate(parts) if parts else [], "<f4"))

    return schemas.Curves(
        version=study.version,
        whole=whole,
        ids=packed(ids, "<i4"),
        lengths=packed(lengths, "<i4"),
        removed=study.gone(since),
        curves=[values(number) for number in numbers],
    )


def detail(records: Records, id: int) -> schemas.RunDetail:
    """Everything about one run, with the end of its log."""
    study = records.study_of(id)
    row = study.runs.get(id)
    if row is None:
        raise NoSuchRun(f"there is no run {id} in {records.place.folder}; it may have been deleted.")
    epochs = records.opened().epochs(row["study"], [id])
    numbers = read_all(epoch["numbers"] for epoch in epochs)
    facts = row["facts"]
    folder = records.place.run_folder(id)
    log, files, missing = _files(folder, row, facts)
    kept = ("id", "study", "combination", "phase", "seed", "split", "status", "seconds", "started", "ended")
    marks = ("stop", "star", "hidden", "note", "error", "choices")
    return schemas.RunDetail(
        **{key: row[key] for key in (*kept, *marks)},
        value=finite(row["value"]),
        numbers={key: finite(value) for key, value in row["numbers"].items()},
        facts=facts,
        epochs=[epoch["epoch"] for epoch in epochs],
        epoch_seconds=[epoch["seconds"] for epoch in epochs],
        curves={
            name: [finite(one.get(name)) for one in numbers] for name in dict.fromkeys(chain.from_iterable(numbers))
        },
        log=log,
        files=files,
        missing=missing,
    )


def _numbers(study: RecordedStudy, name: str, role: Any, values: list[Any]) -> schemas.NumberColumn:
    direction: Any = direction_of(name, study.row["metric"], study.row["direction"])
    data = packed(np.array(values, dtype=np.float64), "<f8")
    return schemas.NumberColumn(name=name, role=role, values=data, direction=direction)


def _choices(study: RecordedStudy, rows: Sequence[dict[str, Any]]) -> list[schemas.LevelColumn]:
    """A column a choice; runs of one combination have the same dict."""
    places: dict[int, int] = {}
    of_run = [places.setdefault(id(row), len(places)) for row in rows]
    made = list({id(row): row for row in rows}.values())
    columns = []
    for name in study.choices:
        values = [row.get(name, _MISSING) for row in made]
        keys = [_MISSING if value is _MISSING else level_key(value) for value in values]
        levels, codes = _coded(keys, values)
        levels = told_apart([in_frame(level) for level in levels])  # as pivot tables have them
        space = study.spaces.get(name)
        columns.append(
            schemas.LevelColumn(
                name=name,
                role="choice",
                levels=levels,
                codes=packed(codes[of_run], "<i4"),
                space=None if space is None else schemas.ChoiceSpace.model_validate(space),
            )
        )
    return columns


def _levels(name: str, role: Any, values: list[Any]) -> schemas.LevelColumn:
    levels, codes = _coded(values, values)
    return schemas.LevelColumn(name=name, role=role, levels=levels, codes=packed(codes, "<i4"))


def _coded(keys: list[Any], values: list[Any]) -> tuple[list[Any], NDArray[np.int32]]:
    """The different values in their order, and the position of each among them; -1 where it is missing."""
    first = dict(zip(keys, values, strict=True))
    first.pop(_MISSING, None)
    levels = sorted(first.items(), key=lambda pair: _order(pair[1]))
    place = {key: i for i, (key, _) in enumerate(levels)} | {_MISSING: -1}
    return [value for _, value in levels], np.array([place[key] for key in keys], np.int32)


def _order(value: Any) -> tuple[int, Any]:
    """As pivot tables in Python have it: numbers, then text, then lists item by item, then the others by their text."""
    if isinstance(value, (int, float)):
        return 0, value
    if isinstance(value, list):
        return 2, tuple(_order(one) for one in value)
    return (1, value) if isinstance(value, str) else (3, level_key(value))


def _files(folder: Path, row: dict[str, Any], facts: Any) -> tuple[str | None, list[schemas.RunFile], str | None]:
    """The end of a run's log, its files, and a sentence if its folder is not here."""
    if not folder.is_dir():
        if row["started"] is None:
            return None, [], None
        machine = facts.get("machine")
        where = f"It was trained on {machine}; its" if machine else "Its"
        return None, [], f"{where} log and files are not in {folder} on this machine."
    files = []
    for file in sorted(folder.rglob("*"))[:MOST_FILES]:
        if file.is_file() and not file.is_symlink():
            files.append(schemas.RunFile(name=file.relative_to(folder).as_posix(), bytes=file.stat().st_size))
    return _end_of(folder / LOG), files, None


def _end_of(log: Path) -> str | None:
    try:
        with log.open("rb") as file:
            start = max(0, log.stat().st_size - LOG_BYTES)
            file.seek(start)
            text = file.read(LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    return text.partition("\n")[2] if start else text
