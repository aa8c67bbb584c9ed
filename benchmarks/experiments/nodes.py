"""A Ray cluster of two nodes, one of which dies in the middle of a study."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from faults.campaign import Campaign
from faults.children import prepare_forking

from experiments.outcomes import all_finished, judge, trained_again
from experiments.studies import SmallStudy
from experiments.trainings import TRAININGS, said, say


def nodes(campaign: Campaign) -> None:
    """Train on two nodes, kill one with all its processes, and compare with a study in one process."""
    prepare_forking()
    times, random = campaign.count(6, least=2), campaign.random("nodes")
    folder, counted = campaign.folder("nodes"), Counter[str]()
    for kind in TRAININGS:
        wanted = SmallStudy(folder / f"{kind} in one process", kind).run_apart()
        for i in range(times // len(TRAININGS)):
            study = SmallStudy(folder / f"{kind} {i}", kind)
            study.folder.mkdir()
            counted["processes"] += lose_a_node(study, after=int(random.integers(3, 30)))
            counted["studies"] += 1
            judge(campaign, "nodes", counted, study.folder, study.outcome(), wanted, {})
            counted[f"again, {kind}"] += trained_again(study.folder)
    campaign.total("nodes: studies on two Ray nodes, of which one died midway", counted["studies"])
    campaign.total("… processes that trained and died with it", counted["processes"])
    all_finished(campaign, counted)
    campaign.total("… epochs trained again, of loops without a checkpoint", counted["again, own loop"])
    campaign.total("… epochs trained again, of learners, which have one", counted["again, learner"])


def lose_a_node(study: SmallStudy, after: int) -> int:
    """Run the study on two nodes; one dies after so many epochs. How many of its processes were training."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second = cluster.add_node(num_cpus=1)
        killed: list[int] = []
        watcher = threading.Thread(target=_kill_when, args=(study.folder, cluster, second, after, killed))
        watcher.start()
        study.run(engine="ray", address=cluster.address)
        watcher.join()
        return len(killed)
    finally:
        cluster.shutdown()


def _kill_when(folder: Path, cluster: Any, node: Any, after: int, killed: list[int]) -> None:
    raylet = node.all_processes["raylet"][0].process.pid
    while True:
        lines, processes = said(folder), _below(raylet)
        training = {line["pid"] for line in lines if line["what"] == "begin"} & set(processes)
        if training and sum(line["what"] == "epoch" for line in lines) >= after:
            break
        time.sleep(0.05)
    killed += training
    for process in killed:
        say(folder, "over", victim=process)
    for process in [raylet, *processes]:
        os.kill(process, signal.SIGKILL)
    cluster.remove_node(node, allow_graceful=False)


def _below(parent: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            child = int(stat.parent.name)
            found += [child, *_below(child)]
    return found
