"""ModelCard: what a model is and was trained on, how good it is and for whom, in the form of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from handlens import __version__
from handlens.audit.datasheet import Datasheet
from handlens.audit.intervals import bootstrap, wilson
from handlens.audit.questionnaire import Document, Questionnaire, read, write
from handlens.audit.questions import MODEL_CARD
from handlens.core.description import HeldOutMetric, ModelDescription, description_of
from handlens.errors import ArtifactError, AuditError
from handlens.io.files import atomic_write, interrupted_folder
from handlens.io.problems import reason_of

FORMAT = "handlens-model-card"
FORMAT_VERSION = 1
FILE = "README.md"
"""What a model's card is called, on the hub and in the folder of an exported model."""

UNKNOWN = "unknown"
"""The hub's name for a licence that is not known."""

CONFIDENCE = 0.95
DRAWS = 200
"""Bootstrap samples for the interval of a metric that is not a share: enough for two digits, and fast at export."""


class MeasuredMetric(NamedTuple):
    """A metric on n held-out items, with its 95 % interval (nan where there is none)."""

    name: str
    value: float
    low: float
    high: float
    n: int


class ModelCard(Questionnaire):
    """A model card: a computed part, and questions for people, whose answers are kept.

    Args:
        name: what the model is called.
        task: the hub's name of what it does, such as "tabular-classification".
        data: what it was trained on, by the name of each fact.
        recipe: how it was made and trained, by the name of each fact.
        metrics: how good it is on held-out data.
        datasheet: of the data that it was trained on.
        subgroups: the result of `subgroups`, or another object with a frame as `.frame`.
        license: the licence's name as the hub knows it, such as "apache-2.0".
        chosen: how its settings were chosen, by the name of each fact, such as `Study.how_chosen` gives.

    Raises:
        AuditError: naming the argument that is wrong.

    Example:
        >>> card = ModelCard("income", task="tabular-classification", data={"rows": 800}, recipe={"model": "linear"})
        >>> card.answer("uses.not_for", "Decisions about people.")
        >>> card
        ModelCard of income: 8 of 9 questions not answered yet
    """

    sections = MODEL_CARD

    def __init__(
        self,
        name: str,
        *,
        task: str,
        data: Mapping[str, Any],
        recipe: Mapping[str, Any],
        metrics: Sequence[MeasuredMetric] = (),
        datasheet: Datasheet | None = None,
        subgroups: Any = None,
        license: str = UNKNOWN,
        chosen: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise AuditError(f"name must be text; {name!r} arrived.")
        if not isinstance(license, str):
            raise AuditError(f"license must be text, such as 'apache-2.0'; {license!r} arrived.")
        if datasheet is not None and not isinstance(datasheet, Datasheet):
            raise AuditError(
                f"datasheet must be a Datasheet; {type(datasheet).__name__} arrived: use Datasheet.load(path)."
            )
        frame = getattr(subgroups, "frame", None)
        if subgroups is not None and not isinstance(frame, pd.DataFrame):
            raise AuditError(f"subgroups must be the result of subgroups(…); {type(subgroups).__name__} arrived.")
        self.name = " ".join(name.split())
        self.task, self.license = task, license
        self.data, self.recipe = dict(data), dict(recipe)
        self.metrics = list(metrics)
        self.chosen = dict(chosen or {})
        self.datasheet = datasheet
        self.subgroups: pd.DataFrame | None = frame
        self.answers = {}

    @classmethod
    def from_learner(
        cls,
        learn: Any,
        *,
        datasheet: Datasheet | None = None,
        subgroups: Any = None,
        name: str | None = None,
        license: str = UNKNOWN,
        chosen: Mapping[str, Any] | None = None,
    ) -> Self:
        """The card of a learner; its metrics are computed on the validation data.

        Args:
            learn: a learner of tables or pictures, or an object whose `describe()` gives a ModelDescription.
            datasheet, subgroups, license, chosen: as in ModelCard.
            name: what the model is called; the learner's description unless given.

        Raises:
            AuditError: naming the argument that is wrong.
        """
        described = description_of(learn)
        if not isinstance(described, ModelDescription):
            raise AuditError(f"learn must be a Learner; {type(learn).__name__} arrived.")
        return cls(
            name or described.name,
            task=described.task,
            data=described.data,
            recipe=described.recipe,
            metrics=_measure(described.metrics, described.held_out),
            datasheet=datasheet,
            subgroups=subgroups,
            license=license,
            chosen=chosen,
        )

    @property
    def computed(self) -> str:
        """The computed part as Markdown."""
        from handlens.audit.report.model_card_text import computed_part

        return computed_part(self)

    @property
    def front_matter(self) -> dict[str, Any]:
        """The YAML front matter: the hub's fields, and those of handlens under "handlens"."""
        fields: dict[str, Any] = {
            "license": self.license,
            "library_name": "handlens",
            "pipeline_tag": self.task,
            "tags": ["handlens", self.task],
        }
        own: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, "handlens_version": __version__}
        if self.chosen:
            own["chosen"] = dict(self.chosen)
        sheet = self.datasheet
        if sheet is not None:
            fields["datasets"] = [sheet.name]
            own["datasheet"] = {"name": sheet.name, "sha256": sheet.hash}
        known = [metric for metric in self.metrics if np.isfinite(metric.value)]
        if known:
            fields["metrics"] = [metric.name for metric in known]
            dataset = {"name": sheet.name if sheet else "held-out data", "type": self.task.split("-")[0]}
            values = [{"type": metric.name, "value": metric.value} for metric in known]
            fields["model-index"] = [
                {"name": self.name, "results": [{"task": {"type": self.task}, "dataset": dataset, "metrics": values}]}
            ]
            own["intervals"] = {m.name: [m.low, m.high] for m in known if np.isfinite([m.low, m.high]).all()}
        return fields | {"handlens": own}

    def to_markdown(self) -> str:
        """The card as Markdown with the hub's YAML front matter."""
        document = Document(f"Model card: {self.name}", self.front_matter, self.computed, self.answers)
        return write(document, self.sections)

    def save(self, path: Path | str) -> None:
        """Write the card to a Markdown file, or into a folder as README.md; the answers in an existing card are kept.

        Raises:
            AuditError: there is a file of another kind, which is not overwritten.
        """
        target = Path(path)
        target = target / FILE if target.is_dir() else target
        self._keep_answers_of(target)
        with atomic_write(target) as partial:
            partial.write_text(self.to_markdown(), encoding="utf-8", newline="\n")

    def for_export(self, folder: Path) -> str:
        """The card as Markdown, to be written with a model into `folder`, with the answers of the card there.

        Raises:
            ArtifactError: there is a README.md of another kind.
        """
        try:
            self._keep_answers_of((interrupted_folder(folder) or folder) / FILE)
        except AuditError as error:
            raise ArtifactError(f"{error} Nothing was overwritten.") from error
        return self.to_markdown()

    def _keep_answers_of(self, file: Path) -> None:
        """Take the answers and the licence of an existing card, where this one has none."""
        if not file.exists():
            return
        existing = _read_card(file)
        self.answers = existing.answers | self.answers
        license = existing.front_matter.get("license")
        if self.license == UNKNOWN and isinstance(license, str):
            self.license = license

    def __repr__(self) -> str:
        return f"ModelCard of {self.name}: {self._progress()}"

    def _repr_markdown_(self) -> str:
        return self.to_markdown().split("---\n", 2)[2]


def _read_card(file: Path) -> Document:
    """A model card that handlens wrote; raises AuditError if the file is not one."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            document = read(opened.read(), MODEL_CARD)
    except (OSError, UnicodeDecodeError, AuditError) as error:
        raise AuditError(
            f"{file} is in the way: it cannot be read as a model card ({reason_of(error)}). Move it away."
        ) from error
    own = document.front_matter.get("handlens")
    if not isinstance(own, dict) or own.get("format") != FORMAT or own.get("format_version") != FORMAT_VERSION:
        raise AuditError(f"{file} is in the way: it is not a model card of this handlens. Move it away.")
    return document


def _measure(metrics: Sequence[HeldOutMetric], n: int) -> list[MeasuredMetric]:
    """Metrics on all n held-out items, with Wilson's interval for shares and the bootstrap's for others."""
    rng = np.random.default_rng(0)
    found = []
    for metric in metrics:
        value = metric.of(slice(None))
        if metric.is_share:
            low, high = (float(end) for end in wilson(value * n, n, CONFIDENCE))
        else:
            low, high = bootstrap(metric.of, n, level=CONFIDENCE, draws=DRAWS, rng=rng)
        found.append(MeasuredMetric(metric.name, value, low, high, n))
    return found
