"""ModelCard: what a model is and was trained on, how good it is and for whom, in the form of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from handlens import __version__
from handlens.audit import questionnaire as forms
from handlens.audit.datasheet import Datasheet
from handlens.audit.intervals import bootstrap, wilson
from handlens.audit.questions import MODEL_CARD
from handlens.errors import ArtifactError, AuditError
from handlens.io.files import atomic_write

FORMAT = "handlens-model-card"
FORMAT_VERSION = 1
FILE = "README.md"
"""What a model's card is called, on the hub and in the folder of an exported model."""

UNKNOWN = "unknown"
"""The hub's name for a licence that nobody has said."""

LEVEL = 0.95
DRAWS = 200
"""Bootstrap draws for the interval of a metric that is no rate: enough for two digits, and quick at export."""

_SHARES = ("accuracy", "error_rate")  # of rows: their interval is known without drawing
_SHOWN = 60  # rows of the subgroup table
_COLUMNS = ("by", "group", "metric", "n", "value", "low", "high", "minus_best", "worst", "small", "undefined")


class Measured(NamedTuple):
    """One metric over n held-out items, with its 95 % interval (nan where none can be said)."""

    name: str
    value: float
    low: float
    high: float
    n: int


class ModelCard:
    """A model card: its computed part, and questions for people, whose answers are kept.

    Args:
        name: what the model is called.
        task: the hub's name of what it does, such as "tabular-classification".
        data: what it was trained on, as lines of a table.
        recipe: how it was trained, as lines of a table.
        metrics: how good it is on held-out data.
        datasheet: of the data that it was trained on.
        subgroups: what `subgroups` gave, or anything with a frame as `.frame`.
        license: the licence's name as the hub knows it, "apache-2.0".

    Raises:
        AuditError: naming the argument that is none of this.
    """

    sections = MODEL_CARD

    def __init__(
        self,
        name: str,
        *,
        task: str,
        data: Mapping[str, Any],
        recipe: Mapping[str, Any],
        metrics: Sequence[Measured] = (),
        datasheet: Datasheet | None = None,
        subgroups: Any = None,
        license: str = UNKNOWN,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise AuditError(f"name must be text; {name!r} arrived")
        if not isinstance(license, str):
            raise AuditError(f"license must be text, such as 'apache-2.0'; {license!r} arrived")
        if datasheet is not None and not isinstance(datasheet, Datasheet):
            raise AuditError(f"datasheet must be a Datasheet; {type(datasheet).__name__} arrived: Datasheet.load(path)")
        table = getattr(subgroups, "frame", None)
        if subgroups is not None and not isinstance(table, pd.DataFrame):
            raise AuditError(f"subgroups must be what subgroups(…) gave; {type(subgroups).__name__} arrived")
        self.name = " ".join(name.split())
        self.answers: dict[str, str] = {}
        self.about = _about(self.name, task, metrics, datasheet, license)
        self.computed = _computed(data, recipe, metrics, datasheet, table)

    @classmethod
    def from_learner(
        cls,
        learn: Any,
        *,
        datasheet: Datasheet | None = None,
        subgroups: Any = None,
        name: str | None = None,
        license: str = UNKNOWN,
    ) -> Self:
        """The card of a learner of tables or pictures; its metrics are measured anew on the validation data.

        Raises AuditError, naming the argument, for what is no learner, datasheet or result of `subgroups`.
        """
        if not all(hasattr(learn, part) for part in ("data", "model", "metrics", "get_preds")):
            raise AuditError(f"learn must be a Learner; {type(learn).__name__} arrived")
        y = learn.data.y
        of = "tabular" if hasattr(learn.data, "cont_names") else "image"
        options = {"datasheet": datasheet, "subgroups": subgroups, "license": license}
        return cls(
            name or f"{of} model of {', '.join(map(str, y.names))}",
            task=f"{of}-{'classification' if y.classes else 'regression'}",
            data=_data_of(learn.data),
            recipe=_recipe_of(learn),
            metrics=_measure(learn),
            **options,
        )

    @property
    def questions(self) -> dict[str, str]:
        """The questions by key, in their order."""
        return {key: question for section in self.sections.values() for key, question in section.items()}

    @property
    def unanswered(self) -> list[str]:
        """The keys of the questions without an answer, in their order."""
        return [key for key in self.questions if not self.answers.get(key)]

    def answer(self, key: str, text: str) -> None:
        """Answer a question; an empty text takes the answer back. Raises AuditError as `Datasheet.answer` does."""
        forms.answer(self.answers, self.questions, key, text)

    def to_markdown(self) -> str:
        """The card as Markdown with the hub's YAML front matter."""
        form = forms.Form(f"Model card: {self.name}", self.about, self.computed, self.answers)
        return forms.write(form, self.sections)

    def save(self, path: Path | str) -> None:
        """Write the card to a Markdown file, or as README.md into a folder; the answers in one that is there stay.

        Raises AuditError, and writes nothing, if a file of another kind is in the way.
        """
        target = Path(path)
        target = target / FILE if target.is_dir() else target
        text = self._beside(target).to_markdown()
        with atomic_write(target) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")

    def for_export(self, folder: Path) -> str:
        """The card to write with a model into `folder`, with the answers of the one that is there.

        Raises ArtifactError if a README.md of another kind is there.
        """
        try:
            return self._beside(folder / FILE).to_markdown()
        except AuditError as error:
            raise ArtifactError(f"{error}. Nothing was overwritten") from error

    def _beside(self, file: Path) -> Self:
        """This card, with the answers and the licence of one that is there already where it has none itself."""
        if file.exists():
            there = _read(file)
            self.answers = there.answers | self.answers
            if self.about["license"] == UNKNOWN and isinstance(there.about.get("license"), str):
                self.about["license"] = there.about["license"]
        return self

    def __repr__(self) -> str:
        return f"ModelCard of {self.name}: {len(self.unanswered)} of {len(self.questions)} questions not answered yet"

    def _repr_markdown_(self) -> str:
        return self.to_markdown().split("---\n", 2)[2]


def _read(file: Path) -> forms.Form:
    """A model card that handlens wrote; raises AuditError if the file is none."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            form = forms.read(opened.read(), MODEL_CARD)
    except (OSError, UnicodeDecodeError, AuditError) as error:
        raise AuditError(f"{file} is in the way: it cannot be read as a model card ({error}); move it away") from error
    own = form.about.get("handlens")
    if not isinstance(own, dict) or own.get("format") != FORMAT or own.get("format_version") != FORMAT_VERSION:
        raise AuditError(f"{file} is in the way: it is no model card of this handlens; move it away")
    return form


def _about(
    name: str, task: str, metrics: Sequence[Measured], datasheet: Datasheet | None, license: str
) -> dict[str, Any]:
    """The front matter: the hub's fields, and ours under `handlens`."""
    about: dict[str, Any] = {
        "license": license,
        "library_name": "handlens",
        "pipeline_tag": task,
        "tags": ["handlens", task],
    }
    own: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, "handlens_version": __version__}
    if datasheet is not None:
        about["datasets"] = [datasheet.name]
        own["datasheet"] = {"name": datasheet.name, "sha256": datasheet.hash}
    known = [metric for metric in metrics if np.isfinite(metric.value)]
    if known:
        about["metrics"] = [metric.name for metric in known]
        dataset = {"name": datasheet.name if datasheet else "held-out data", "type": task.split("-")[0]}
        values = [{"type": metric.name, "value": metric.value} for metric in known]
        about["model-index"] = [
            {"name": name, "results": [{"task": {"type": task}, "dataset": dataset, "metrics": values}]}
        ]
        own["intervals"] = {
            metric.name: [metric.low, metric.high] for metric in known if np.isfinite([metric.low, metric.high]).all()
        }
    return about | {"handlens": own}


def _computed(
    data: Mapping[str, Any],
    recipe: Mapping[str, Any],
    metrics: Sequence[Measured],
    datasheet: Datasheet | None,
    subgroups: pd.DataFrame | None,
) -> str:
    blocks = ["### Trained on"]
    if datasheet is None:
        blocks.append("_No datasheet was given._ `handlens audit datasheet` makes one of the data.")
    else:
        open_ = f"; {len(datasheet.unanswered)} of its questions are not answered yet" if datasheet.unanswered else ""
        blocks.append(f"Datasheet “{forms.cell(datasheet.name)}”, of the data with SHA-256 `{datasheet.hash}`{open_}.")
    blocks += [
        forms.table(["what", "value"], _lines(data)),
        "### Recipe",
        forms.table(["what", "value"], _lines(recipe)),
    ]
    blocks.append("### How good it is")
    if metrics:
        rows: list[list[Any]] = [[m.name, _number(m.value), _interval(m.low, m.high), m.n] for m in metrics]
        blocks.append(forms.table(["metric", "value", "95 % interval", "held-out items"], rows))
    else:
        blocks.append("_Not measured: the model was exported without held-out data._")
    blocks.append("### For whom")
    if subgroups is None:
        blocks.append("_Not measured._ `handlens.audit.subgroups` says how good it is for each group.")
    else:
        names = [name for name in _COLUMNS if name in subgroups.columns] or list(subgroups.columns)
        shown = subgroups[names].head(_SHOWN)
        body = [[_number(value) for value in row] for row in shown.itertuples(index=False, name=None)]
        blocks.append(forms.table([str(column) for column in shown.columns], body))
        if len(subgroups) > len(shown):
            blocks.append(f"{len(subgroups) - len(shown):,} more rows are left out here.")
    return "\n\n".join(blocks)


def _data_of(data: Any) -> dict[str, Any]:
    parts = {name: getattr(data, f"{name}_dl", None) for name in ("train", "valid", "test")}
    lines: dict[str, Any] = {f"{name} items": len(dl.dataset) for name, dl in parts.items() if dl is not None}
    lines["target"] = ", ".join(map(str, data.y.names))
    if data.classes:
        lines["classes"] = ", ".join(map(str, data.classes))
    for what, names in (("categorical", "cat_names"), ("continuous", "cont_names")):
        if hasattr(data, names):
            lines[f"{what} columns"] = ", ".join(map(str, getattr(data, names))) or "none"
    return lines


def _recipe_of(learn: Any) -> dict[str, Any]:
    """How the model is made, and what is known of the latest fit."""
    lines: dict[str, Any] = {"model": type(learn.model).__name__}
    made_as = getattr(learn, "made_as", None) or getattr(learn.model, "config", None)
    if isinstance(made_as, Mapping):
        lines |= {str(name): value for name, value in made_as.items() if name != "emb_szs"}
    lines["parameters"] = sum(p.numel() for p in learn.model.parameters())
    lines["loss"] = getattr(learn.loss_func, "__name__", type(learn.loss_func).__name__)
    lines["precision"] = learn.precision
    run = getattr(learn, "run", None)
    if run is None or not run.step:
        return lines | {"training": "none since it was made or loaded"}
    rates = np.asarray(run.schedule.rates)
    lines |= {
        "optimizer": getattr(learn.opt_func, "__name__", type(learn.opt_func).__name__),
        "epochs of the latest fit": run.epoch,
        "steps of the latest fit": run.step,
        "largest learning rate": f"{rates.max():.3g}",
        "weight decay": run.wd,
    }
    return lines


def _measure(learn: Any) -> list[Measured]:
    """The learner's metrics over the validation data, or the plainest one for its labels if it has none."""
    from handlens.core.metrics import accuracy, metric_name, rmse

    if not len(learn.data.valid_dl):
        return []
    predictions, targets = learn.get_preds("valid")
    fallback = accuracy if learn.data.classes and targets.dim() == 1 else rmse
    metrics = learn.metrics or [fallback]
    n, rng = len(targets), np.random.default_rng(0)
    found = []
    for metric in metrics:
        name, value = metric_name(metric), float(metric(predictions, targets))
        if name in _SHARES:
            low, high = (float(end) for end in wilson(value * n, n, LEVEL))
        else:

            def of_rows(rows: Any, metric: Any = metric) -> float:
                return float(metric(predictions[rows], targets[rows]))

            low, high = bootstrap(of_rows, n, level=LEVEL, draws=DRAWS, rng=rng)
        found.append(Measured(name, value, low, high, n))
    return found


def _lines(values: Mapping[str, Any]) -> list[list[Any]]:
    return [[name, _number(value)] for name, value in values.items()]


def _number(value: Any) -> Any:
    """A fraction with four digits, and "undefined" for nan; anything else as it is."""
    if isinstance(value, (float, np.floating)):
        return "undefined" if np.isnan(value) else f"{value:.4g}"
    return value.item() if isinstance(value, np.generic) else value


def _interval(low: float, high: float) -> str:
    return f"{_number(low)} – {_number(high)}" if np.isfinite([low, high]).all() else "undefined"
