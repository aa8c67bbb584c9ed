"""The record of a study: every combination, run and epoch, as rows of one database.

The tables lie beside Optuna's own in the same database: a SQLite file, or any database that SQLAlchemy reaches by a
URL. What is written is committed at once, so a process that is killed loses nothing that was finished.

| table | a row is |
|---|---|
| handlens_studies | a study: what it measures, in which direction, and its seed |
| handlens_combinations | one set of choices |
| handlens_runs | one training of a combination, with one seed on one split |
| handlens_epochs | one epoch of a run |
| handlens_choices | a choice that trainings ask for: its options, or its range |
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from handlens.errors import ExperimentError, HandlensError, StorageError
from handlens.io.problems import is_disk_full, reporting_disk_errors, storage_error

T = TypeVar("T")

VERSION = 1
"""Of the tables; a database with a higher one was written by a newer handlens, and is refused."""

STATUSES = ("waiting", "running", "finished", "failed", "pruned", "stopped")
"""What a run may be: not begun; being trained; at its end; ended by an error; ended early because others were better;
stopped by a person or by the time limit, to be continued."""

PHASES = ("study", "confirm")
"""What a run is for: to look for good choices, or to train chosen ones again with new seeds."""

_tables = sa.MetaData()

SCHEMA = sa.Table("handlens_schema", _tables, sa.Column("version", sa.Integer, nullable=False))

STUDIES = sa.Table(
    "handlens_studies",
    _tables,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("metric", sa.String(200), nullable=False),
    sa.Column("direction", sa.String(10), nullable=False),  # "minimize" or "maximize"
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("made", sa.Float, nullable=False),  # seconds since 1970, as all times here
    sa.Column("settings", sa.Text, nullable=False),  # JSON: of the latest `run`
)

COMBINATIONS = sa.Table(
    "handlens_combinations",
    _tables,
    sa.Column("study", sa.String(200), sa.ForeignKey("handlens_studies.name"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("trial", sa.Integer),  # Optuna's number of it
    sa.Column("choices", sa.Text, nullable=False),  # JSON: the value of each choice by its name, in the order asked
    sa.Column("complete", sa.Boolean, nullable=False),  # whether all choices are made: a training has begun
    sa.Column("told", sa.Boolean, nullable=False),  # whether Optuna knows the outcome
)

RUNS = sa.Table(
    "handlens_runs",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.String(200), sa.ForeignKey("handlens_studies.name"), nullable=False),
    sa.Column("combination", sa.Integer, nullable=False),
    sa.Column("phase", sa.String(10), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("split", sa.Integer, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("owner", sa.String(200)),  # the process that trains it
    sa.Column("attempts", sa.Integer, nullable=False, default=0),  # begun since an epoch was last recorded
    sa.Column("beat", sa.Float),  # when the owner was last known to be alive
    sa.Column("started", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("seconds", sa.Float, nullable=False),  # of training, over all attempts
    sa.Column("epochs", sa.Integer, nullable=False),  # recorded so far
    sa.Column("value", sa.Float),  # the study's metric at the end; nan is stored as NULL
    sa.Column("numbers", sa.Text, nullable=False),  # JSON: those of the last epoch, and what the function returned
    sa.Column("facts", sa.Text, nullable=False),  # JSON: versions, commit, data, machine
    sa.Column("error", sa.Text),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("star", sa.Boolean, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("stop", sa.Boolean, nullable=False),  # a person asked for it to stop; it waits until that is taken back
    sa.Column("changed", sa.Float, nullable=False, index=True),  # when the row or its epochs last changed
    sa.UniqueConstraint("study", "combination", "phase", "seed", "split"),
)

EPOCHS = sa.Table(
    "handlens_epochs",
    _tables,
    sa.Column("run", sa.Integer, sa.ForeignKey("handlens_runs.id"), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),  # from 1
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("numbers", sa.Text, nullable=False),  # JSON: train_loss, valid_loss, rate and metrics, those there are
)

CHOICES = sa.Table(
    "handlens_choices",
    _tables,
    sa.Column("study", sa.String(200), sa.ForeignKey("handlens_studies.name"), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),  # in the order in which they were first asked for
    sa.Column("space", sa.Text, nullable=False),  # JSON: {"options": […]}, or {"kind": "real", "low": …, "high": …}
)


class RecordError(ExperimentError):
    """The record of a study cannot be reached; whatever trains is not at fault."""


@dataclass(frozen=True)
class Place:
    """Where a study is kept: a folder for its files, and the database.

    Attributes:
        folder: holds `runs/ID/` for each run, with its log and checkpoint; and the database, unless another is named.
        url: of the database, as SQLAlchemy writes them; `shown` is the same without its password.
    """

    folder: Path
    url: str = field(repr=False)

    @classmethod
    def of(cls, folder: Path | str, storage: str | None = None) -> Place:
        """The place in a folder, with the database `experiments.db` in it, or the one at the URL `storage`."""
        folder = Path(folder).absolute()  # a training may go to another one
        return cls(folder, storage or f"sqlite:///{folder / 'experiments.db'}")

    @property
    def shown(self) -> str:
        """The URL as it may be printed."""
        try:
            return sa.engine.make_url(self.url).render_as_string(hide_password=True)
        except sa.exc.ArgumentError:
            return "the storage that was given"

    def run_folder(self, run: int) -> Path:
        """The folder of one run's files."""
        return self.folder / "runs" / str(run)


@dataclass
class Store:
    """The tables of one database, and what is read from them and written to them.

    Args:
        place: where it is; the folder and the tables are made if they do not exist.

    Raises:
        ExperimentError: the database cannot be reached, or was written by a newer handlens.
    """

    place: Place
    engine: sa.Engine = field(init=False, repr=False)
    _opened: tuple[int, int] | None = field(init=False, repr=False)  # which file it is, of SQLite

    def __post_init__(self) -> None:
        self.engine = _engine(self.place)
        version = self._version()
        if version > VERSION:
            raise ExperimentError(
                f"{self.place.shown} was written by a newer handlens (tables of version {version}; this one reads "
                f"{VERSION}). Update handlens to open it."
            )

    def _version(self) -> int:
        with reporting(self.place):
            there = patiently(lambda: sa.inspect(self.engine).has_table(SCHEMA.name))
            if not there:
                patiently(lambda: _tables.create_all(self.engine))
            self._opened = self._file()
        with self.writing() as connection:
            version = connection.scalar(sa.select(SCHEMA.c.version))
            if version is None:
                connection.execute(SCHEMA.insert().values(version=VERSION))
        return version or VERSION

    def check(self) -> None:
        """Raise ExperimentError if the database is a damaged file; all of it is read, 1 MB in a millisecond."""
        if self.engine.dialect.name == "sqlite":
            found = self.rows(sa.text("PRAGMA quick_check(1)"))[0]["quick_check"]
            if found != "ok":
                raise _damaged(self.place, " ".join(found.split()))

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A block whose changes are committed together at its end, or not at all.

        Raises:
            ExperimentError: the database cannot be reached.
            StorageError: the disk refused, or the file was deleted or moved: what is written to it then is lost.
        """
        with reporting(self.place), self.engine.begin() as connection:
            yield connection
        if self._opened != self._file():
            raise StorageError(
                f"the record of the study, {self.place.shown}, was deleted, moved or replaced while it was open, so "
                "nothing is written there any more. Put it back where it was, and run the study again."
            )

    def _file(self) -> tuple[int, int] | None:
        """Which file the database is now; None if it is gone, or is not a file."""
        path = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        try:
            found = os.stat(path or "")
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def rows(self, query: sa.Executable) -> list[dict[str, Any]]:
        """The rows that a query finds, as dicts."""
        with reporting(self.place), self.engine.execution_options(only_reads=True).connect() as connection:
            found = connection.execute(query)
            names = tuple(found.keys())
            return [dict(zip(names, row, strict=True)) for row in found.all()]  # twice as fast as mappings()

    def studies(self) -> list[dict[str, Any]]:
        """The row of each study, by name."""
        return self.rows(sa.select(STUDIES).order_by(STUDIES.c.name))

    def runs(self, study: str) -> list[dict[str, Any]]:
        """The row of each run of a study, with its choices as JSON, in the order of their ids."""
        joined = RUNS.join(
            COMBINATIONS, sa.and_(RUNS.c.study == COMBINATIONS.c.study, RUNS.c.combination == COMBINATIONS.c.number)
        )
        query = sa.select(RUNS, COMBINATIONS.c.choices).select_from(joined)
        return self.rows(query.where(RUNS.c.study == study).order_by(RUNS.c.id))

    def epochs(self, study: str, runs: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """The row of each epoch of a study, or of some of its runs, by run and epoch."""
        query = sa.select(EPOCHS).join(RUNS, EPOCHS.c.run == RUNS.c.id).where(RUNS.c.study == study)
        if runs is not None:
            query = query.where(EPOCHS.c.run.in_(list(runs)))
        return self.rows(query.order_by(EPOCHS.c.run, EPOCHS.c.epoch))


def written(values: dict[str, Any]) -> str:
    """Choices, numbers or facts as the tables hold them: JSON, with nan and infinities as Python writes them."""
    return storable(json.dumps(values, ensure_ascii=False))


def storable(text: str) -> str:
    """Text as every database takes it: what is no character, as in a file name that is not UTF-8, as an escape.

    Example:
        >>> print(storable("caf\\udce9 \\0"))
        caf\\udce9 \\x00
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def read(text: str) -> dict[str, Any]:
    """What `written` wrote."""
    found: dict[str, Any] = json.loads(text)
    return found


def patiently(make: Callable[[], T]) -> T:
    """Make something in a database that another process may be making at the same moment."""
    for attempt in range(6):
        try:
            return make()
        except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
            if attempt == 5:
                raise
            time.sleep(0.05 * 2**attempt)
    raise AssertionError


@contextmanager
def reporting(place: Place) -> Iterator[None]:
    """A block in which errors of the database are raised as sentences, without passwords."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise  # somebody else wrote the same row first: for the caller to settle
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise _said(place, error) from None


_DAMAGED = ("file is not a database", "disk image is malformed")  # as SQLite says it


def _said(place: Place, error: Exception) -> HandlensError:
    cause = getattr(error, "orig", None) or error
    if is_disk_full(cause):
        return storage_error(place.shown, cause)
    if any(sign in str(cause) for sign in _DAMAGED):
        return _damaged(place, str(cause))
    if isinstance(error, ImportError):
        advice = "Install what reaches this kind of database, such as pip install 'handlens[postgresql]'."
    else:
        advice = "Check that it can be reached and written; what was recorded before is kept."
    text = str(cause).strip().splitlines() or [type(cause).__name__]
    password = sa.engine.make_url(place.url).password if place.shown.count("***") else None
    reason = text[0].rstrip(".").replace(str(password), "***") if password else text[0].rstrip(".")
    return RecordError(f"the record of the study, {place.shown}, cannot be used: {reason}. {advice}")


def _damaged(place: Place, reason: str) -> RecordError:
    return RecordError(
        f"the record of the study, {place.shown}, is damaged: {reason.rstrip('.')}. Put back a copy of the file, or "
        "move it away and begin a new one. `sqlite3 FILE .recover` writes what can still be read of it."
    )


def _engine(place: Place) -> sa.Engine:
    with reporting_disk_errors(place.folder):
        place.folder.mkdir(parents=True, exist_ok=True)
    with reporting(place):
        url = sa.engine.make_url(place.url)
        if not place.url.startswith("sqlite"):
            wait = {"connect_timeout": 10} if url.get_backend_name() in ("postgresql", "mysql", "mariadb") else {}
            return sa.create_engine(url, pool_pre_ping=True, connect_args=wait)
        engine = sa.create_engine(url, connect_args={"timeout": 60})

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin below, and not where sqlite3 would begin them
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")  # nothing committed is lost when a process is killed

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get("only_reads"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # what is read stays true until it is written

    return engine
