"""Kills at a random moment (kill −9): what was acknowledged is there afterwards, and what was interrupted goes on."""

from __future__ import annotations

import base64
import itertools
import shutil
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from faults import killed_work, made
from faults.campaign import Campaign
from faults.children import UNANSWERED, Child, Server, serve_studio
from faults.harmed import small_collection, whole_collection

ID = "shapes-0123456789"
ROUTE = f"/api/collections/{ID}"


def prepared_home(campaign: Campaign, folder: Path) -> Path:
    """A home of Studio with the small collection in it."""
    home = folder / "home"
    shutil.copytree(small_collection(campaign), home / "collections" / ID)
    return home


def selection(ids: Any, count: int = made.PHOTOS) -> str:
    """Ids as the API wants them."""
    bits = np.zeros(count, bool)
    bits[ids] = True
    return base64.b64encode(np.packbits(bits, bitorder="little")).decode()


# --- labels over HTTP -----------------------------------------------------------------------------------


def labelling(campaign: Campaign) -> None:
    """A client labels as fast as it can; the server is killed; what was answered is there when it starts again."""
    from handlens.studio.labels import Labels

    kills, random = campaign.count(200, least=4), campaign.random("labelling")
    folder = campaign.folder("labelling")
    home = prepared_home(campaign, folder)
    twin = Labels(folder / "twin.sqlite", made.PHOTOS)  # what must be known
    acknowledged = lost = there = 0
    pending: Change | None = None  # sent, and not answered before the kill: it may be there or not
    for kill in campaign.tries("labelling", range(kills + 1), kills + 1):
        with Server(serve_studio, home, folder / "log") as server:
            client = server.client()
            found = shown_by(client.json("GET", f"{ROUTE}/labels"))
            if found != shown(twin) and pending:
                pending.apply(twin)
                there += 1
            if found != shown(twin):
                lost += 1
                campaign.wrong("labelling", f"kill {kill}: {found} instead of {shown(twin)}")
            if kill == kills:  # only to look
                client.close()
                break
            end = threading.Timer(random.uniform(0, 0.02), server.kill)
            before_it = int(random.integers(20))  # changes
            try:
                for number in itertools.count():
                    if number == before_it:
                        end.start()
                    pending = Change(random, twin.names)
                    answer = client.json("POST", f"{ROUTE}/{pending.route}", pending.body)
                    pending.apply(twin)
                    acknowledged += 1
                    if shown_by(answer) != shown(twin):
                        lost += 1
                        campaign.wrong("labelling", f"{pending.route} {pending.body} answered {answer}")
            except UNANSWERED:
                pass
            finally:
                client.close()
                end.join()
    twin.close()
    campaign.total("labelling: kills of the server", kills)
    campaign.total("… changes acknowledged", acknowledged)
    campaign.total("… not answered before the kill, and there all the same", there)
    campaign.total("… acknowledged changes lost", lost, at_most=0)


class Change:
    """A change of labels at random, as the API and as `Labels` take it."""

    def __init__(self, random: np.random.Generator, names: list[str]) -> None:
        ids = np.sort(random.choice(made.PHOTOS, int(random.integers(1, 6)), replace=False))
        kind = str(random.choice(["assign"] * 6 + ["remove", "rename", "merge", "delete", "undo", "undo", "redo"]))
        if not names and kind in ("rename", "merge", "delete"):
            kind = "assign"
        name, new = f"label {random.integers(8)}", f"new {random.integers(10**9)}"
        known = str(random.choice(names)) if names else ""
        self.route, self.body, self.apply = {
            "assign": (
                "labels/assign",
                {"selection": selection(ids), "name": name},
                lambda twin: twin.assign(ids, name),
            ),
            "remove": ("labels/remove", {"selection": selection(ids)}, lambda twin: twin.remove(ids)),
            "rename": ("labels/rename", {"name": known, "to": new}, lambda twin: twin.rename(known, new)),
            "merge": ("labels/merge", {"names": [known], "into": name}, lambda twin: twin.merge([known], name)),
            "delete": ("labels/delete", {"name": known}, lambda twin: twin.delete(known)),
            "undo": ("undo", None, lambda twin: twin.undo()),
            "redo": ("redo", None, lambda twin: twin.redo()),
        }[kind]


def shown(labels: Any) -> list[Any]:
    """All that a person sees of the labels."""
    state = labels.state
    return [state.names, state.codes.tolist(), state.version, labels.undo_text, labels.redo_text]


def shown_by(answer: dict[str, Any]) -> list[Any]:
    """The same of an answer of the API."""
    codes = np.frombuffer(base64.b64decode(answer["codes"]), "<i2").tolist()
    names = [name["name"] for name in answer["names"]]
    return [names, codes, answer["version"], answer["undo"], answer["redo"]]


# --- steps: after a kill, the state is that after the last acknowledged step, or after the next one ------


def step_by_step(campaign: Campaign, section: str, kills: int, begin: Path) -> None:
    """Kill a process between or within its steps, as often as `kills`.

    Args:
        campaign: where it is recorded.
        section: one of `killed_work.STEPS`.
        kills: how many.
        begin: a folder; each run changes a copy of it.
    """
    random, folder = campaign.random(section), campaign.folder(section)
    expected, seconds = _expected(section, Path(shutil.copytree(begin, folder / "reference")))
    steps = lost = early = 0
    for kill in campaign.tries(section, range(kills), kills):
        place = Path(shutil.copytree(begin, folder / "killed"))
        begun = int(random.integers(len(expected) - 1))  # steps before the one that is interrupted
        with Child(_go, section, place) as child:
            told = [child.receive() for _ in range(begun + 1)]  # the first thing it says is that it is ready
            time.sleep(random.uniform(0, 1.5 * seconds / len(expected)))
            child.kill()
            told += child.received()
        broken = [str(said) for said in told if isinstance(said, Exception)]
        done = sum(isinstance(said, int) for said in told)
        steps += done
        early += done < len(expected) - 1
        with Child(_state, section, place) as child:
            found = child.receive()
        if broken or found not in expected[done : done + 2]:
            lost += 1
            known = [i for i, state in enumerate(expected) if state == found]
            why = broken or ([f"as after {known}"] if known else [str(found)[:200]])
            campaign.wrong(section, f"kill {kill} after {done} steps: {'; '.join(why)}")
        shutil.rmtree(place)
    campaign.total(f"{section}: kills", kills)
    campaign.total("… before all was done", early)
    campaign.total("… steps acknowledged", steps)
    campaign.total("… acknowledged steps lost, or left half done", lost, at_most=0)


def _expected(section: str, folder: Path) -> tuple[list[Any], float]:
    """The state before the first step and after each one, and how long all steps take."""
    with Child(_look, section, folder) as child:
        said = list(iter(child.answer, "done"))
    return [state for state, _ in said], sum(seconds for _, seconds in said)


def _look(connection: Connection, section: str, folder: Path) -> None:
    """In a child: the state before the first step, and after each one, with the seconds that the step took."""
    steps, state = killed_work.STEPS[section]
    walk = steps(folder)
    next(walk)
    seconds = 0.0
    while True:
        connection.send((state(folder), seconds))
        began = time.monotonic()
        try:
            next(walk)
        except StopIteration:
            break
        seconds = time.monotonic() - began
    connection.send("done")


def _go(connection: Connection, section: str, folder: Path) -> None:
    """In a child: all steps, each acknowledged."""
    walk = killed_work.STEPS[section][0](folder)
    next(walk)
    connection.send("ready")
    for step, _ in enumerate(walk):
        connection.send(step)
    connection.send("done")


def _state(connection: Connection, section: str, folder: Path) -> None:
    connection.send(killed_work.STEPS[section][1](folder))


# --- work that goes on after a kill ----------------------------------------------------------------------


def resumed(campaign: Campaign, section: str, kills: int) -> None:
    """Kill work as often as `kills`, up to three times on its way to the end, which must be that without a kill."""
    random, folder = campaign.random(section), campaign.folder(section)
    work = killed_work.RESUMED[section]
    began = time.monotonic()
    with Child(work, folder / "reference") as child:
        reference = child.answer()
    seconds = time.monotonic() - began
    plan: list[int] = []  # how often each run is killed
    while sum(plan) < kills:
        plan.append(min(kills - sum(plan), int(random.integers(1, 4))))
    early = other = 0
    for run, times in enumerate(campaign.tries(section, plan, len(plan))):
        place = folder / f"{run}"
        for _ in range(times):
            with Child(work, place) as child:
                time.sleep(random.uniform(0, 0.8 * seconds))
                child.kill()
                early += not child.received()
        with Child(work, place) as child:
            found = child.receive()
        if isinstance(found, Exception) or found != reference:
            other += 1
            odd = found if isinstance(found, Exception) else [key for key in reference if reference[key] != found[key]]
            campaign.wrong(section, f"after {times} kills: {odd}")
        shutil.rmtree(place)
    campaign.total(f"{section}: kills", kills)
    campaign.total("… before all was done", early)
    campaign.total(f"… of {len(plan)} runs, ended otherwise than without a kill", other, at_most=0)


def preparing(campaign: Campaign) -> None:
    resumed(campaign, "preparing", campaign.count(50, least=2))


def checkpoint(campaign: Campaign) -> None:
    resumed(campaign, "checkpoint", campaign.count(60, least=2))


def _stepping(section: str, full: int, begin: Callable[[Campaign], Path]) -> Callable[[Campaign], None]:
    def run(campaign: Campaign) -> None:
        step_by_step(campaign, section, campaign.count(full, least=3), begin(campaign))

    return run


def _nothing(campaign: Campaign) -> Path:
    folder = campaign.data / "nothing"
    folder.mkdir(exist_ok=True)
    return folder


saving = _stepping("saving", 60, _nothing)
queue = _stepping("queue", 60, _nothing)
reviewing = _stepping("reviewing", 60, whole_collection)
exporting = _stepping("exporting", 60, whole_collection)
training = _stepping("training", 60, whole_collection)
