"""The small studies in a PostgreSQL database, whose connections break and which stops in the middle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from faults.campaign import Campaign
from faults.children import Child, prepare_forking

from experiments import database
from experiments.kills import kill_again_and_again, wait_for
from experiments.outcomes import Epochs, all_finished, judge
from experiments.studies import SmallStudy, look
from experiments.trainings import TRAININGS


def postgresql(campaign: Campaign) -> None:
    """Train by two processes; kill them, end their connections, stop the server; compare with SQLite."""
    if not database.is_installed():
        print("left out: PostgreSQL, because initdb, pg_ctl and postgres are not on PATH")
        return
    prepare_forking()
    folder, counted = campaign.folder("postgresql"), Counter[str]()
    times, random = campaign.count(10, least=1), campaign.random("postgresql")
    with database.Server() as server:
        for kind in TRAININGS:
            wanted = SmallStudy(folder / f"{kind} in SQLite", kind).run_apart()

            def judged(name: str, disturb: Callable[[SmallStudy], Epochs], kind: str = kind, wanted=wanted) -> None:
                study = SmallStudy(folder / f"{kind} {name}", kind, server.url)
                seen = disturb(study)
                judge(campaign, "postgresql", counted, study.folder, study.outcome(), wanted, seen)
                counted["studies"] += 1

            judged("in peace", lambda study: kill_again_and_again(study, random, 0)[0])
            judged("killed", lambda study: kill_again_and_again(study, random, times)[0])
            judged(
                "cut off", lambda study: harm(campaign, study, server, server.drop_connections, random, times, counted)
            )
            judged("stopped", lambda study: harm(campaign, study, server, server.stop, random, times, counted))
    campaign.total("postgresql: studies of two processes", counted["studies"])
    campaign.total("… connections dropped, or the server stopped", counted["harmed"])
    campaign.total("… processes that ended by it with a sentence", counted["sentence"])
    campaign.total("… processes that ended in another way", counted["raw"], at_most=0)
    all_finished(campaign, counted)


def harm(
    campaign: Campaign,
    study: SmallStudy,
    server: database.Server,
    what: Callable[[], object],
    random: np.random.Generator,
    times: int,
    counted: Counter[str],
) -> Epochs:
    """Train in two processes while something happens to the server; a process that ends with an error starts again."""
    seen: Epochs = {}
    workers = [study.start() for _ in range(2)]
    done: set[Child] = set()

    def revive() -> None:
        for i, worker in enumerate(workers):
            if worker in done or worker.process.is_alive():
                continue
            said = worker.received()
            if said == ["done"]:
                done.add(worker)
            else:
                is_sentence = str(said[-1:]).startswith("[Broke('RecordError: the record of the study")
                counted["sentence" if is_sentence else "raw"] += 1
                if not is_sentence:
                    campaign.wrong("postgresql", f"a process ended with {said}")
                workers[i] = study.start()

    try:
        for _ in range(times):
            wait_for(workers, random.uniform(0.5, 2.5))
            seen |= look(study)
            what()
            counted["harmed"] += 1
            wait_for(workers, random.uniform(0, 0.5))
            server.start()
            revive()
        while any(worker.process.is_alive() for worker in workers):
            wait_for(workers, 600)
            revive()
    finally:
        for worker in workers:
            worker.kill()
    return seen
