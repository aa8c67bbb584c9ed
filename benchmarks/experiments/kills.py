"""Two processes train one study and are killed (kill −9) again and again until it is done."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
from faults.campaign import Campaign
from faults.children import Child, prepare_forking

from experiments.outcomes import Epochs, all_finished, judge, trained_again
from experiments.studies import SmallStudy, look
from experiments.trainings import TRAININGS, say


def kills(campaign: Campaign) -> None:
    """Kill one of two processes, or both, at random moments; start them again; compare with a study left in peace."""
    prepare_forking()
    total, random = campaign.count(100, least=4), campaign.random("kills")
    folder, counted = campaign.folder("kills"), Counter[str]()
    for kind in TRAININGS:
        wanted, killed = SmallStudy(folder / f"{kind} in peace", kind).run_apart(), 0
        while killed < total // len(TRAININGS):
            counted["studies"] += 1
            study = SmallStudy(folder / f"{kind} {counted['studies']}", kind)
            seen, times = kill_again_and_again(study, random, total // len(TRAININGS) - killed)
            killed += times
            judge(campaign, "kills", counted, study.folder, study.outcome(), wanted, seen)
            counted["before a kill"] += len(seen)
            counted[f"again, {kind}"] += trained_again(study.folder)
        counted["kills"] += killed
    campaign.total("kills: kill −9 during a study of two processes", counted["kills"])
    campaign.total("… studies, all of which ended", counted["studies"])
    campaign.total("… epochs on record before a kill", counted["before a kill"])
    all_finished(campaign, counted)
    campaign.total("… epochs trained again, of loops without a checkpoint", counted["again, own loop"])
    campaign.total("… epochs trained again, of learners, which have one", counted["again, learner"])


def kill_again_and_again(study: SmallStudy, random: np.random.Generator, most: int) -> tuple[Epochs, int]:
    """Train a study in two processes that are killed at most `most` times: the epochs seen before kills, and kills."""
    seen: Epochs = {}
    killed = 0
    workers = [study.start() for _ in range(2)]
    try:
        while any(worker.process.is_alive() for worker in workers):
            wait_for(workers, random.uniform(0.1, 2.5))
            for i in ([0], [1], [0, 1])[random.integers(3)]:
                if killed < most and workers[i].process.is_alive():
                    say(study.folder, "over", victim=workers[i].process.pid)
                    workers[i].kill()
                    seen |= look(study)
                    workers[i] = study.start()
                    killed += 1
        for worker in workers:
            said = worker.received()
            if said != ["done"]:
                raise RuntimeError(f"a process ended before the study did: {said}")
    finally:
        for worker in workers:
            worker.kill()
    return seen, killed


def wait_for(workers: list[Child], seconds: float) -> None:
    """Wait, but not after all of them have ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(worker.process.is_alive() for worker in workers):
        time.sleep(0.01)
