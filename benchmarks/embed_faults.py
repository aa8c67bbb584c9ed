"""What `handlens embed` does when processes, drivers and machines are killed while it works: photos lost, or twice.

    python benchmarks/embed_faults.py [--seed 0] [--workers 20] [--drivers 10] [--machines 2] [--photos 120]

Photos are made, small, ten a unit. A process at work, the driver, or one of two machines of a cluster of Ray (processes
here) is killed by SIGKILL at a moment drawn at random, again and again, while the run goes on or is started again until
all is embedded. Then all shards are read and compared with their checksums, and the photos are counted.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from machines import add, cluster
from PIL import Image

from handlens.embedding import embed, local, plan
from handlens.embedding.local import EngineProcess
from handlens.scale import ShardSet
from handlens.scale.manifest import done_units
from handlens.studio.features import patches

UNIT = 10

DRIVER = f"""
from handlens.cli import app
from handlens.embedding import plan
from handlens.studio.features import patches
plan.A_UNIT, patches._SAMPLES = {UNIT}, 1_000
app()
"""


class Campaign:
    """Photos, and what was counted.

    Args:
        folder: for all that is made.
        photos: how many.
        seed: of every moment.
    """

    def __init__(self, folder: Path, photos: int, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.photos = folder / "photos"
        self.photos.mkdir()
        self.paths = [str(self.photos / f"{i}.jpg") for i in range(photos)]
        generator = np.random.default_rng(seed)
        for path in self.paths:
            Image.fromarray(generator.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
        self.kills = self.runs = self.lost = self.twice = 0

    def new(self) -> Path:
        """The folder of another run."""
        self.runs += 1
        return self.folder / f"out-{self.runs}"

    def count(self, out: Path) -> None:
        """Count what is in the shards of a run that is complete."""
        shards = ShardSet.open(out)
        shards.check()
        assert shards.manifest.complete
        found = Counter([*shards.paths(range(len(shards))), *(one.path for one in shards.left_out())])
        assert not set(found) - set(self.paths)
        self.lost += len(set(self.paths) - set(shards.paths(range(len(shards)))))
        self.twice += sum(n > 1 for n in found.values())
        shutil.rmtree(out)

    def report(self, what: str, began: float) -> bool:
        """Print what was counted, and count from 0 again; whether it is as it must be."""
        print(
            f"{what} killed {self.kills} times in {self.runs} runs of {len(self.paths)} photos: {self.lost} lost, "
            f"{self.twice} twice ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        good = not self.lost and not self.twice
        self.kills = self.runs = self.lost = self.twice = 0
        return good


def workers(campaign: Campaign, kills: int) -> None:
    """Kill processes that are at work, of two."""
    at_work: list[EngineProcess] = []
    begin, over = EngineProcess.begin, threading.Event()

    def noted(self: EngineProcess, unit: int) -> None:
        begin(self, unit)
        if self not in at_work:
            at_work.append(self)

    def kill() -> None:
        while campaign.kills < kills and not over.wait(campaign.random.expovariate(1.0)):
            alive = [worker for worker in at_work if worker.unit is not None and worker.process.poll() is None]
            if alive:
                campaign.random.choice(alive).process.kill()
                campaign.kills += 1

    local.EngineProcess.begin = noted  # type: ignore[method-assign]
    try:
        while campaign.kills < kills:
            out = campaign.new()
            over.clear()
            killer = threading.Thread(target=kill)
            killer.start()
            try:
                embed(campaign.photos, out, backbone=None, processes=2)
            finally:
                over.set()
                killer.join()
            campaign.count(out)
    finally:
        local.EngineProcess.begin = begin  # type: ignore[method-assign]


def drivers(campaign: Campaign, kills: int) -> None:
    """Kill the driver, from soon after it has begun to work on."""
    out = campaign.new()
    command = [sys.executable, "-c", DRIVER, "embed", str(campaign.photos), str(out)]
    command += ["--backbone", "learned", "--processes", "1"]
    while campaign.kills < kills:
        before = len(done_units(out))
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        enough = before + campaign.random.randint(0, 2)  # units that are done when it is killed, at least
        while process.poll() is None and len(done_units(out)) < enough:
            time.sleep(0.02)
        time.sleep(campaign.random.uniform(0, 0.5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            campaign.kills += 1
        process.wait()
        if len(done_units(out)) == len(campaign.paths) // UNIT:
            campaign.count(finished(command, out))
            out = campaign.new()
            command[5] = str(out)
    campaign.count(finished(command, out))


def finished(command: list[str], out: Path) -> Path:
    """The folder of a run that was started once more and not killed."""
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return out


def machines(campaign: Campaign, kills: int) -> None:
    """Remove one of two machines."""
    with cluster(1) as made:
        for _ in range(kills):
            second = [add(made)]
            enough = campaign.random.randint(1, len(campaign.paths) // UNIT - 2)

            def after(now: object, second: list[object] = second, enough: int = enough) -> None:
                if second and now.units >= enough:  # type: ignore[attr-defined]
                    made.remove_node(second.pop(), allow_graceful=False)
                    campaign.kills += 1

            out = campaign.new()
            embed(campaign.photos, out, backbone=None, engine="ray", address=made.address, progress=after)
            campaign.count(out)


def main() -> int:
    """Run the campaigns, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=int, default=120)
    for kind, of, count in (("workers", workers, 20), ("drivers", drivers, 10), ("machines", machines, 2)):
        parser.add_argument(f"--{kind}", type=int, default=count, help=str(of.__doc__))
    given = parser.parse_args()
    plan.A_UNIT, patches._SAMPLES = UNIT, 1_000
    good = True
    with tempfile.TemporaryDirectory(prefix="handlens-faults-") as folder:
        campaign = Campaign(Path(folder), given.photos, given.seed)
        for what, run, kills in (
            ("processes", workers, given.workers),
            ("the driver", drivers, given.drivers),
            ("a machine of two", machines, given.machines),
        ):
            if kills:
                began = time.monotonic()
                run(campaign, kills)
                good &= campaign.report(what, began)
    print("No photo was lost or is there twice." if good else "PHOTOS WERE LOST OR ARE THERE TWICE.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
