"""Every figure that the tabular half promises, measured on the real Rossmann tables; prints one table, writes JSON.

    python benchmarks/tabular.py [--data SHARED/data] [--only prepare,…] [--out benchmarks/results]

HANDLENS_PEERS names the Python of another environment that has `fastai==2.8.*`, lightgbm and pyarrow; without it the
figures beside them are left out, and the table says so. HANDLENS_SEEDS is how many nets the accuracy section trains, 3
unless given. Each run that measures memory or what a first call costs has a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import lesson
import numpy as np
import pandas as pd
import report
import torch
from recipe import CYCLES as CYCLES_OF_RECIPE
from recipe import KINDS, Recipe
from report import Bench
from torch.nn import functional as F

from handlens.core.loaders import batch_sizes
from handlens.tabular import TabularDataBunch, exp_rmspe

PEER = Path(__file__).parent / "peers" / "fastai_rossmann.py"
BOOSTED = Path(__file__).parent / "peers" / "lightgbm_rossmann.py"
RUNS = 3
SHARE = 1 / 10
"""Of the training rows, in each of RUNS alternating runs; seconds are given for a whole epoch."""


class Rossmann(Bench):
    """The raw tables, and the clean training rows made of them."""

    def __init__(self, data: Path, scratch: Path) -> None:
        super().__init__(data)
        self.tables = data / "rossmann"
        self.scratch = scratch
        self.seeds = int(os.environ.get("HANDLENS_SEEDS", "3"))

    def files(self) -> tuple[Path, Path]:
        """The rows as Parquet, and as JSON what their columns are, for other environments."""
        rows, columns = self.scratch / "rows.parquet", self.scratch / "columns.json"
        columns.write_text(json.dumps({"cats": lesson.CATS, "conts": lesson.CONTS, "valid": lesson.VALID}))
        self.rows.to_parquet(rows)
        return rows, columns

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The lesson's columns of the clean training rows, newest first."""
        from handlens.tabular.rossmann import prepare

        return prepare(self.tables)[0][[*lesson.CATS, *lesson.CONTS, lesson.TARGET]]


MEASURE = """
import json, resource, sys, time
{setup}
started = time.perf_counter()
{work}
seconds = time.perf_counter() - started
# Kilobytes on Linux, bytes on macOS.
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({{"seconds": seconds, "gigabytes": peak / 1e9}}))
"""


def in_a_fresh_process(setup: str, work: str, *arguments: object) -> dict[str, float]:
    """Seconds that `work` takes after `setup`, and the most memory the whole process held; `sys.argv` as given."""
    script = MEASURE.format(setup=setup, work=work)
    return last_line(sys.executable, "-c", script, *arguments)


def last_line(*command: object) -> dict[str, float]:
    """The JSON that a process prints last."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the measured process failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def prepare(bench: Rossmann) -> None:
    """The seven raw tables to clean training and test rows."""
    setup = "from handlens.tabular.rossmann import prepare"
    work = "train, test = prepare(sys.argv[1]); assert train.shape == (844338, 93) and len(test) == 41088"
    runs = [in_a_fresh_process(setup, work, bench.tables) for _ in range(RUNS)]
    bench.add("prepare: seven tables, 1,058,297 raw rows", [run["seconds"] for run in runs], at_most=6, unit="s")
    bench.add("prepare: peak memory of its process", [run["gigabytes"] for run in runs], at_most=3, unit="GB")


def epoch(bench: Rossmann) -> None:
    """An epoch of the lesson's model beside fastai, a bare PyTorch loop, and its own loading of batches."""
    rows = bench.rows
    held_out = lesson.VALID
    count = int((len(rows) - held_out) * SHARE)
    file, columns = bench.files()
    peer = os.environ.get("HANDLENS_PEERS")
    data = lesson.data(rows.iloc[held_out : held_out + count], bench.scratch, valid=None)
    for bs, over_fastai in ((1024, 1 / 2), (64, 1 / 3)):
        data.train_dl.bs, data.train_dl.sizes = bs, batch_sizes(count, bs)
        ours, mixed, bare, fastai, loading = [], [], [], [], []
        for seed in range(RUNS):
            ours.append(our_epoch(data, seed, "fp32"))
            mixed.append(our_epoch(data, seed, "bf16"))
            bare.append(bare_epoch(data, bs, seed) / SHARE)
            loading.append(seconds(lambda: [None for _ in data.train_dl]) / SHARE)
            if peer:
                found = last_line(peer, PEER, file, columns, "--bs", bs, "--share", SHARE)
                fastai.append(found["seconds"] / SHARE)
        bench.add(f"an epoch at batch {bs}, seconds", ours, unit="s")
        bench.add(f"the same with precision='bf16' at batch {bs}", mixed, unit="s")
        bench.add(f"a bare PyTorch loop of the same arithmetic at batch {bs}", bare, unit="s")
        ratios = [a / b for a, b in zip(ours, bare, strict=True)]
        bench.add(f"an epoch at batch {bs} over that loop", ratios, at_most=0.9, unit="×")
        if peer:
            bench.add(f"fastai 2.8 at batch {bs}", fastai, unit="s")
            ratios = [a / b for a, b in zip(ours, fastai, strict=True)]
            bench.add(f"an epoch at batch {bs} over fastai's", ratios, at_most=round(over_fastai, 3), unit="×")
            ratios = [a / b for a, b in zip(mixed, fastai, strict=True)]
            bench.add(
                f"the same in bf16 over fastai's in fp32, batch {bs}", ratios, at_most=round(over_fastai, 3), unit="×"
            )
        shares = [100 * a / b for a, b in zip(loading, ours, strict=True)]
        bench.add(f"loading the batches at batch {bs}, share of the epoch", shares, at_most=5, unit="%")
    if not peer:
        print("left out: fastai, because HANDLENS_PEERS names no Python that has it")


def our_epoch(data: TabularDataBunch, seed: int, precision: str) -> float:
    """Seconds of a whole epoch from the share of it that is run, and of the batch norms' pass over rows at its end."""
    learn = lesson.learner(data, seed=seed)
    learn.precision = precision
    [norms] = learn.callbacks  # takes as long whatever the share is
    learn.callbacks = []
    trained = seconds(lambda: learn.fit_one_cycle(1, 1e-3, wd=0.2))
    learn.model.train()
    return trained / SHARE + seconds(lambda: norms.before_validate(learn))


def bare_epoch(data: TabularDataBunch, bs: int, seed: int) -> float:
    """Seconds of the shortest loop that trains the same model with the same steps, all of it in memory."""
    torch.manual_seed(seed)
    model = lesson.PlainModel(data.encoder.n_levels, len(data.cont_names))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.2, betas=(0.95, 0.99), fused=True)
    codes, numbers, targets = data.train_dl.tensors
    steps = len(targets) // bs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps + 1)
    started = time.perf_counter()
    order = torch.randperm(len(targets))
    model.train()
    for i in range(steps):
        batch = order[i * bs : (i + 1) * bs]
        loss = F.mse_loss(model(codes[batch], numbers[batch]), targets[batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    return time.perf_counter() - started


def predict(bench: Rossmann) -> None:
    """One row at a time, and the whole validation set."""
    rows = bench.rows.iloc[: lesson.VALID + 20_000]
    data = lesson.data(rows, bench.scratch, valid=range(lesson.VALID))
    learn = lesson.learner(data, seed=0)
    given = rows.iloc[:1000][[*lesson.CATS, *lesson.CONTS]].to_dict("records")
    for row in given[:100]:
        learn.predict(row)
    runs = [1000 * seconds(lambda row=row: learn.predict(row)) for row in given]
    bench.add("predict on one row, warm, p95", runs, at_most=2, unit="ms", value=float(np.percentile(runs, 95)))
    learn.get_preds()
    bench.add("get_preds on 41,395 rows", [seconds(learn.get_preds) for _ in range(5)], at_most=0.7, unit="s")


CYCLES = ((5, 1e-3, 0.2), (5, 3e-4, None), (5, 3e-4, None))
"""Epochs, learning rate and weight decay of the lesson's three fits; None is what the lesson leaves unsaid."""


def accuracy(bench: Rossmann) -> None:
    """The lesson's fifteen epochs at batch 64, with some seeds."""
    data = lesson.data(bench.rows, bench.scratch, valid=range(lesson.VALID))
    actual = data.valid_ds.y.data
    pooled, batched = [], []
    for seed in range(bench.seeds):
        learn = lesson.learner(data, seed=seed)
        for k, (epochs, rate, wd) in enumerate(CYCLES):
            learn.fit_one_cycle(epochs, rate, wd=wd, seed=seed if k == 0 else None)
        predicted = learn.get_preds()[0]
        pooled.append(float(exp_rmspe(predicted, actual)))
        batched.append(averaged(predicted, actual))
    bench.add("exp_rmspe over the whole validation set after the lesson's 15 epochs", pooled, at_most=0.1045)
    bench.add("the same averaged over batches, as the lesson's 0.1037 is", batched, at_most=0.1015)


def averaged(predicted: torch.Tensor, actual: torch.Tensor) -> float:
    """exp_rmspe as the lesson printed it: the mean over validation batches of twice the batch size, 128."""
    parts = zip(predicted.split(128), actual.split(128), strict=True)
    return float(np.mean([float(exp_rmspe(*part)) for part in parts]))


SEEDS = (0, 1)


def recipe(bench: Rossmann) -> None:
    """The recipe of docs/recipe.md, the nets of each kind in a process and so on a core, and what each step gains."""
    folder = bench.scratch / "recipe"
    started = time.perf_counter()
    command = [sys.executable, Path(__file__).parent / "recipe.py", bench.tables, folder, "--seeds", *SEEDS]
    nets = [subprocess.Popen([*map(str, [*command, "--kind", kind])], stdout=subprocess.DEVNULL) for kind in KINDS]
    try:
        codes = [net.wait() for net in nets]
    finally:
        for net in nets:
            net.kill()
    if any(codes):
        raise RuntimeError("a net of the recipe could not be trained; benchmarks/recipe.py says why")
    made = {kind: Recipe(bench.tables, folder, kind) for kind in KINDS}
    actual = made["lesson"].data.valid_ds.y.data
    predicted = torch.stack([made[kind].nets(SEEDS).get_preds()[0] for kind in KINDS]).mean(0)
    minutes = (time.perf_counter() - started) / 60
    for kind, name in (("lesson", "the lesson's columns"), ("history", "the shops' history as well")):
        ends = [float(made[kind].nets([seed]).validate()[1]) for seed in SEEDS]
        bench.add(f"exp_rmspe of a net with {name}, after {sum(n for n, _ in CYCLES_OF_RECIPE)} epochs", ends)
        bench.add(f"… of {len(SEEDS)} such nets together", [made[kind].nets(SEEDS).validate()[1]])
    bench.add("exp_rmspe of all of them together", [float(exp_rmspe(predicted, actual))], at_most=0.1)
    bench.add("the same averaged over batches", [averaged(predicted, actual)])
    bench.add("all of that, from the raw tables on", [minutes], at_most=30, unit="min")


def lightgbm(bench: Rossmann) -> None:
    """LightGBM with the same columns and rows, tuned for ten minutes."""
    peer = os.environ.get("HANDLENS_PEERS")
    if not peer:
        print("left out: LightGBM, because HANDLENS_PEERS names no Python that has it")
        return
    file, columns = bench.files()
    found = last_line(peer, "-W", "ignore", BOOSTED, file, columns, "--minutes", 10)
    bench.add("exp_rmspe of LightGBM, tuned for ten minutes", [found["exp_rmspe"]])
    bench.add("its search and training", [found["minutes"]], unit="min")


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


SECTIONS = {
    "prepare": prepare,
    "epoch": epoch,
    "predict": predict,
    "accuracy": accuracy,
    "recipe": recipe,
    "lightgbm": lightgbm,
}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    given = report.options(__doc__ or "", SECTIONS)
    if not (given.data / "rossmann").is_dir():
        return report.fail(f"the benchmark needs the tables in {given.data / 'rossmann'}; give --data")
    with tempfile.TemporaryDirectory(prefix="handlens-bench-") as scratch:
        return report.run("tabular", Rossmann(given.data, Path(scratch)), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
