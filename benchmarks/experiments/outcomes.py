"""What a study has on record, and how it differs from the same study left in peace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faults.campaign import Campaign

from experiments.trainings import said

Run = tuple[int, int, int]
"""Combination, seed and split: what names a run in every copy of a study."""


Epochs = dict[tuple[Run, int], str]
"""The numbers of each epoch of each run, as the tables hold them."""


@dataclass
class Outcome:
    """The runs of a study.

    Attributes:
        rows: for each run of the tables its name, status and error; a run on record twice is here twice.
        results: for each run its choices and value, as the tables hold them.
        epochs: their curves.
    """

    rows: list[tuple[Run, str, str | None]] = field(default_factory=list)
    results: dict[Run, tuple[str, float | None]] = field(default_factory=dict)
    epochs: Epochs = field(default_factory=dict)


def faults_of(found: Outcome, wanted: Outcome, seen: Epochs) -> Iterator[tuple[str, str]]:
    """What is wrong with a study that was disturbed, as kind and sentence.

    Args:
        found: of the study, when it has ended.
        wanted: of the same study, left in peace.
        seen: epochs that were on record at some time before.
    """
    times = Counter(run for run, _, _ in found.rows)
    for run in wanted.results:
        if times[run] != 1:
            yield "not finished", f"run {run} is on record {times[run]} times"
    for run, status, error in found.rows:
        if run not in wanted.results:
            yield "not finished", f"run {run} is one too many"
        elif status != "finished":
            yield "not finished", f"run {run} is {status}: {error}"
    for (run, epoch), numbers in seen.items():
        if found.epochs.get((run, epoch)) != numbers:
            yield "lost", f"epoch {epoch} of run {run} was {numbers}, and is {found.epochs.get((run, epoch))}"
    for run, result in wanted.results.items():
        curves = [{key: row for key, row in one.epochs.items() if key[0] == run} for one in (found, wanted)]
        if found.results.get(run) != result or curves[0] != curves[1]:
            yield "other", f"run {run}: {found.results.get(run)} {curves[0]} instead of {result} {curves[1]}"


def told_faults(folder: Path, found: Outcome) -> Iterator[tuple[str, str]]:
    """What is wrong by the log of the trainings: epochs acknowledged and not on record, runs trained twice."""
    owner: dict[Run, int] = {}  # the process that trained a run last
    alive: set[int] = set()
    finished: set[Run] = set()
    for line in said(folder):
        run = tuple(line.get("run", ()))
        if line["what"] == "begin":
            alive.add(line["pid"])
            if run in finished:
                yield "twice", f"run {run} began again after it was on record as finished"
            if owner.get(run) in alive - {line["pid"]}:
                yield "twice", f"run {run} is trained by {line['pid']} while {owner[run]} trains it"
            owner[run] = line["pid"]
        elif line["what"] == "finished":
            finished |= set(map(tuple, line["runs"]))
        elif line["what"] == "over":
            alive.discard(line["victim"])
        elif line["what"] == "epoch" and f'"valid_loss": {line["valid_loss"]!r}' not in found.epochs.get(
            (run, line["epoch"]), ""
        ):
            yield "lost", f"epoch {line['epoch']} of run {run} was acknowledged with {line['valid_loss']!r}"


def trained_again(folder: Path) -> int:
    """Epochs that were trained more than once, by the log."""
    lines = Counter((tuple(line["run"]), line["epoch"]) for line in said(folder) if line["what"] == "epoch")
    return sum(times - 1 for times in lines.values())


def judge(
    campaign: Campaign, section: str, counted: Counter[str], folder: Path, found: Outcome, wanted: Outcome, seen: Epochs
) -> None:
    """Count what is wrong with a disturbed study by its kind, and keep the sentences; arguments as above."""
    for kind, sentence in (*faults_of(found, wanted, seen), *told_faults(folder, found)):
        counted[kind] += 1
        campaign.wrong(section, f"{kind}: {sentence}")


def all_finished(campaign: Campaign, counted: Counter[str]) -> None:
    """The figures that every disturbed study has."""
    campaign.total("… of these lost, or other than they were", counted["lost"], at_most=0)
    campaign.total("… runs trained by two processes at once, or again after their end", counted["twice"], at_most=0)
    campaign.total("… runs missing, on record twice, or not finished", counted["not finished"], at_most=0)
    campaign.total("… runs whose numbers are not those of the study left in peace", counted["other"], at_most=0)
