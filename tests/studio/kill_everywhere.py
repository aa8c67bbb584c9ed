"""Run a piece of work in forked processes that end, as kill -9 ends them, before its first, second, … step on the disk.

    python kill_everywhere.py FOLDER WORK WORK …

FOLDER holds a prepared collection with labels and a model. After each kill the folder is opened again, and the work and
what it says is printed as a line of JSON; the first line of a work is what it said before, the second what the whole
work leads to.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import torch

torch.set_num_threads(1)

from handlens.io.sqlite import Database  # noqa: E402 — torch comes first
from handlens.studio.collection import Collection  # noqa: E402
from handlens.studio.features import patches  # noqa: E402

patches._SAMPLES, patches._ROUNDS, patches.CENTRES = 2000, 3, 24


def confirm(c: Collection) -> None:
    c.review.confirm(c.review.contest(30, by="Kim", why="It looks odd.").id, by="Kim", reason="It is right.")


def decide(c: Collection) -> None:
    c.review.overrule(c.review.queue.cases[0].id, "other", by="Kim", reason="It is another.")


def attach(c: Collection) -> None:
    c.attach(c.folder.parent / "second.csv")


WORK: dict[str, tuple[Callable[[Collection], object], Callable[[Collection], object]]] = {
    "train": (lambda c: c.label([8], "round"), lambda c: c.train()),
    "decide": (lambda c: c.review.contest(30, by="Kim", why="It looks odd."), decide),
    "take back": (
        confirm,
        lambda c: c.review.take_back(c.review.queue.cases[0].id, by="Kim"),
    ),
    "attach": (lambda c: c.attach(c.folder.parent / "first.csv"), attach),
    "export": (
        lambda c: c.export_model(c.folder.parent / "model"),
        lambda c: c.export_model(c.folder.parent / "model"),
    ),
}


def says(folder: Path, *, models: bool) -> dict[str, object]:
    """What a collection says, opened again; with `models` also what is predicted."""
    with Collection.open(folder) as c:
        decisions = {case.reference: case.label for case in c.review.queue.cases if case.label}
        answer: dict[str, object] = {
            "labels": c.labels.fillna("").tolist(),
            "decisions": decisions,
            "given": [str(c.labels[c.paths.index(reference)]) for reference in decisions],
            "attached": c.attached and [c.attached.name, *c.attached.columns],
            "notices": [notice for notice in c.notices if "damaged" in notice],
        }
        if models:
            table = c.predictions()
            answer["predicted"] = table["predicted"].tolist() + [round(p, 4) for p in table["probability"]]
            answer["learned from"] = [c.report.n_labelled, len(c.held_out.ids)]
    model = folder.parent / "model"
    if models and (model.exists() or list(folder.parent.glob(".model.*.old"))):
        from handlens.studio.predictor import load_predictor

        answer["exported"] = load_predictor(model).classes
    return answer


def forked(work: Callable[[], object]) -> int:
    """The exit status of a process of its own that does this work."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            work()
            code = 0
        except BaseException as error:
            print(f"raised {error!r}", file=sys.stderr)
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_before(step: int) -> None:
    """End this process before a step on the disk: renaming, flushing, removing or committing."""
    left = [step]

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return real(*args, **options)

        return call

    for name in ("replace", "fsync", "unlink", "rmdir", "mkdir", "sync"):
        setattr(os, name, counted(getattr(os, name)))
    execute = Database.execute

    def executing(self: Database, statement: str, *values: object) -> object:
        run = counted(execute) if statement.startswith(("COMMIT", "BEGIN")) else execute
        return run(self, statement, *values)

    Database.execute = executing


def kill_at_each_step(folder: Path, name: str) -> None:
    """Print what the collection says before a piece of work, after it, and after each kill."""
    first, work = WORK[name]

    def begin() -> None:
        with Collection.open(folder) as c:
            first(c)

    def do(step: int | None) -> None:
        c = Collection.open(folder)
        if step is not None:
            kill_before(step)
        work(c)
        if step is not None:
            os._exit(0)  # whole, but not closed
        c.close()

    def say() -> None:
        print(json.dumps([name, says(folder, models=name in ("train", "export"))]))

    begun = folder.parent.with_name(f"{folder.parent.name} begun")
    assert forked(begin) == 0
    shutil.copytree(folder.parent, begun)
    assert forked(say) == 0
    assert forked(lambda: do(None)) == 0
    assert forked(say) == 0
    for step in range(1000):
        shutil.rmtree(folder.parent)
        shutil.copytree(begun, folder.parent)
        ended = forked(lambda step=step: do(step))
        assert ended in (0, 9), ended
        assert forked(say) == 0
        if ended == 0:
            break
    shutil.rmtree(begun)


def main() -> None:
    folder = Path(sys.argv[1])
    kept = shutil.copytree(folder.parent, folder.parent.with_name(f"{folder.parent.name} kept"))
    says(folder, models=True)  # imports what each fork would import by itself
    for name in sys.argv[2:]:
        shutil.rmtree(folder.parent)
        shutil.copytree(kept, folder.parent)
        kill_at_each_step(folder, name)


if __name__ == "__main__":
    main()
