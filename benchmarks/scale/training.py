"""Training on two processes beside one, a thread each: the lesson's net for tables, a small one for pictures, a ResNet.

    python benchmarks/scale.py --only training

The table is made: rows of the lesson's shape, 24 categorical columns with its numbers of levels and 14 continuous ones.
Pictures are made too, 3×64×64, and 3×128×128 for the ResNet-18, in memory. Two processes that send each other nothing
would be as fast as one with half of the rows of a batch, which is the limit. Steps are counted after some that warm up;
the processes are started by torchrun and send gradients to each other over the loopback interface.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from report import Bench

LEVELS = (
    1116, 8, 4, 13, 32, 3, 26, 27, 5, 4, 4, 24, 9, 13, 53, 22, 7, 7, 4, 4, 9, 9, 3, 3,
)  # fmt: skip
"""Of the lesson's 24 categorical columns."""

NUMBERS = 14
RUNS = 3
CASES = {
    **{"table 512": 40, "table 1024": 24, "table 4096": 8},
    **{"pictures 32": 24, "pictures 128": 8, "resnet18 32": 5, "resnet18 64": 4},
}
"""Steps that are timed, by what is trained and the rows of a batch."""

HALVES = {"table 512": 40, "table 2048": 12, "pictures 16": 40, "pictures 64": 12, "resnet18 16": 8, "table 256": 60}
"""Steps with half of the rows, which one process alone takes."""

BAR = 1.6


def run(bench: Bench) -> None:
    """The figures of this part."""
    found: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    for _ in range(RUNS):
        for count in found:
            found[count].append(_measured(count))
    for case in CASES:
        ratios = [one[case][0] / two[case][0] for one, two in zip(found[1], found[2], strict=True)]
        bench.add(f"training, {case} rows a batch: speed of 2 processes over 1", ratios, at_least=BAR, unit="×")
        kind, rows = case.split()
        half = f"{kind} {int(rows) // 2}"
        limits = [one[case][0] / one[half][0] for one in found[1]]
        bench.add("  the limit: one with the whole batch over one with half of it", limits, unit="×")
        for count, runs in found.items():
            bench.add(f"  milliseconds a step, {count} process(es)", [one[case][0] * 1e3 for one in runs], unit="ms")
            bench.add("  of them of the processor, in each", [one[case][1] * 1e3 for one in runs], unit="ms")


def _measured(count: int) -> dict[str, Any]:
    """Seconds and processor seconds a step, by case, of the first of `count` processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    several = ["-m", "torch.distributed.run", f"--nproc-per-node={count}", f"--master-port={port}"]
    with tempfile.TemporaryDirectory(prefix="handlens-bench-") as scratch:
        command = [sys.executable, *(several if count > 1 else []), __file__, f"{scratch}/found.json"]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
        return dict(json.loads(Path(scratch, "found.json").read_text()))


def _train(to: Path) -> None:
    """Train each case for its steps, in this process and those beside it."""
    import torch

    from handlens.core.callbacks import Callback, StopTraining

    torch.set_num_threads(1)

    class Clock(Callback):
        def __init__(self, steps: int) -> None:
            self.steps, self.warm = steps, max(2, steps // 4)

        def after_step(self, learn: Any) -> None:
            if learn.run.step == self.warm:
                self.began = time.perf_counter(), time.process_time()
            if learn.run.step == self.warm + self.steps:
                ended = time.perf_counter(), time.process_time()
                self.found = [(b - a) / self.steps for a, b in zip(self.began, ended, strict=True)]
                raise StopTraining

    found = {}
    make = {"table": _table, "pictures": _pictures, "resnet18": _resnet}
    for case, steps in (CASES if "WORLD_SIZE" in os.environ else CASES | HALVES).items():
        kind, bs = case.split()
        clock = Clock(steps)
        learn = make[kind](int(bs), steps + clock.warm + 1)
        learn.fit(1, 1e-3, seed=0, callbacks=[clock])
        found[case] = clock.found
    if learn.processes.rank == 0:
        to.write_text(json.dumps(found))


def _table(bs: int, steps: int) -> Any:
    import torch

    from handlens.core.bunch import DataBunch
    from handlens.core.items import Labelled
    from handlens.core.labels import FloatList
    from handlens.core.learner import Learner
    from handlens.core.loaders import TensorLoader
    from handlens.tabular.model import TabularModel

    made = torch.Generator().manual_seed(0)
    n = bs * steps
    codes = torch.stack([torch.randint(levels, (n,), generator=made) for levels in LEVELS], 1)
    numbers = torch.randn((n, NUMBERS), generator=made)
    y = FloatList(torch.rand(n, generator=made).tolist())

    def loader(count: int) -> TensorLoader:
        dataset = Labelled(codes[:count], y.take(torch.arange(count)))
        inputs = codes[:count], numbers[:count]
        return TensorLoader(dataset, inputs, dataset.y.data, bs=bs, device=torch.device("cpu"), shuffle=count > 0)

    torch.manual_seed(0)
    sizes = [(levels, min(50, levels // 2 + 1)) for levels in LEVELS]
    model = TabularModel(sizes, NUMBERS, 1, [1000, 500], ps=[0.001, 0.01], emb_drop=0.04, y_range=(0, 1.2))
    return Learner(DataBunch(loader(n), loader(0), device="cpu"), model)


def _pictures(bs: int, steps: int) -> Any:
    import torch
    from torch import nn

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    torch.manual_seed(0)
    layers = [*block(3, 32), *block(32, 64), *block(64, 128), *block(128, 256)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(256, 2))
    return _of_pictures(model, 64, bs, steps)


def _resnet(bs: int, steps: int) -> Any:
    import torch
    from torchvision.models import resnet18

    torch.manual_seed(0)
    return _of_pictures(resnet18(num_classes=2), 128, bs, steps)


def _of_pictures(model: Any, side: int, bs: int, steps: int) -> Any:
    import torch

    from handlens.core.bunch import DataBunch
    from handlens.core.items import Labelled
    from handlens.core.labels import CategoryList
    from handlens.core.learner import Learner
    from handlens.core.loaders import TensorLoader

    n = bs * steps
    pixels = torch.randn((n, 3, side, side), generator=torch.Generator().manual_seed(0))
    y = CategoryList([i % 2 for i in range(n)])

    def loader(count: int) -> TensorLoader:
        dataset = Labelled(pixels[:count], y.take(torch.arange(count)))
        return TensorLoader(dataset, (pixels[:count],), dataset.y.data, bs=bs, device=torch.device("cpu"))

    return Learner(DataBunch(loader(n), loader(0), device="cpu"), model)


if __name__ == "__main__":
    _train(Path(sys.argv[1]))
