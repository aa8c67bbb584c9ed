"""Disks that are full, read-only or unplugged: nothing acknowledged is lost, and work goes on when they are back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from faults import made
from faults.campaign import Campaign
from faults.children import Child, Client, Server, serve_studio
from faults.kills import ROUTE, Change, prepared_home, selection, shown, shown_by

FULL = 507
"""The status of an answer that says that the disk refused."""


def full_disk(campaign: Campaign) -> None:
    """Label, train and take away on a disk that becomes full again and again."""
    from handlens.studio.labels import Labels

    rounds, random = campaign.count(40, least=2), campaign.random("full disk")
    folder = campaign.folder("full disk")
    with small_disk(folder / "disk") as disk:
        if disk is None:
            print("   a small disk could not be mounted (that needs root): full disks were not tried")
            return
        home = prepared_home(campaign, disk)
        twin = Labels(folder / "twin.sqlite", made.PHOTOS)
        acknowledged = refused = lost = 0
        others: list[int] = []
        for _ in campaign.tries("full disk", range(rounds), rounds):
            with Server(serve_studio, home, folder / "log") as server:
                client = server.client()
                found = shown_by(client.json("GET", f"{ROUTE}/labels"))
                lost += found != shown(twin)
                ballast = None
                for step in range(60):
                    if step == 5:
                        ballast = fill(disk, leave=int(random.integers(30_000)))
                    if step == 50 and ballast:
                        ballast.unlink()
                    change = Change(random, twin.names)
                    status, answer = client.ask("POST", f"{ROUTE}/{change.route}", change.body)
                    if status < 300:
                        change.apply(twin)
                        acknowledged += 1
                    else:
                        refused += 1
                        others += [status] if status != FULL else []
                    found = shown_by(client.json("GET", f"{ROUTE}/labels"))
                    if found != shown(twin):
                        lost += 1
                        campaign.wrong("full disk", f"{change.route}, {status} {answer[:200]!r}: {found}")
                    if step in (10, 30):
                        others += _use_it(client, campaign)
                client.close()
        twin.close()
    campaign.total("disk full: times", rounds)
    campaign.total("… changes acknowledged", acknowledged)
    campaign.total("… refused, in a sentence", refused)
    campaign.total("… acknowledged changes lost, or refused ones made", lost, at_most=0)
    campaign.total("… 5xx other than “the disk is full”", sum(status >= 500 for status in others), at_most=0)


def _use_it(client: Client, campaign: Campaign) -> list[int]:
    """Everything else that writes, or reads, on the full disk: the statuses that do not say that it is full."""
    statuses = []
    for method, route, body in (
        ("POST", "train", None),
        ("GET", "predictions", None),
        ("GET", "photos/3/thumb", None),
        ("GET", "export/labels.csv", None),
        ("GET", "export/folders.zip", None),
        ("GET", "export/model.zip", None),
        ("PUT", "view", {"zoom": 1}),
        ("POST", "spot-check", {"n": 2}),
        ("GET", f"map?layer={made.WHERE}&projection=neighbours", None),
        ("POST", "prepare", None),
        ("PUT", "datasheet/motivation.purpose", {"text": "why"}),
    ):
        status, answer = client.ask(method, f"{ROUTE}/{route}", body)
        if status != FULL:
            statuses.append(status)
            if status >= 500:
                campaign.wrong("full disk", f"{method} {route}: {status} {answer[:200]!r}")
    return statuses


def read_only(campaign: Campaign) -> None:
    """Open and look at a collection that cannot be written, and try to change it."""
    folder = campaign.folder("read-only")
    home = prepared_home(campaign, folder)
    with Server(serve_studio, home, folder / "log") as server:
        client = server.client()
        for i in range(12):
            change = {"selection": selection([i]), "name": "circle" if i < 6 else "square"}
            client.json("POST", f"{ROUTE}/labels/assign", change)
        before = client.json("GET", f"{ROUTE}/labels")
        client.json("POST", f"{ROUTE}/train")
        client.close()
        server.stop()
    bad = looked = 0
    with frozen(home / "collections") as works:
        if not works:
            print("   a folder could not be mounted for reading only (that needs root): it was not tried")
            return
        with Server(serve_studio, home, folder / "log") as server:
            client = server.client()
            for route in (
                *("", "/labels", "/photos", "/photos/1/thumb", "/photos/1/view", "/sheets/0", "/predictions"),
                *("/suspects", "/history", "/next", "/spot-check", "/export/labels.csv", "/export/model.zip"),
                f"/map?layer={made.WHERE}&projection=pca-1-2",
            ):
                status, answer = client.ask("GET", ROUTE + route)
                looked += status < 300
                if status >= 300:
                    bad += 1
                    campaign.wrong("read-only", f"GET {route}: {status} {answer[:200]!r}")
            status, answer = client.ask("POST", f"{ROUTE}/labels/assign", {"selection": selection([30]), "name": "new"})
            if status < 300 or (status >= 500 and status != FULL):
                bad += 1
                campaign.wrong("read-only", f"a label was answered {status} {answer[:200]!r}")
            status, _ = client.ask("GET", "/api/studio")
            bad += status != 200
            client.close()
    with Server(serve_studio, home, folder / "log") as server:
        client = server.client()
        bad += client.json("GET", f"{ROUTE}/labels") != before
        client.close()
    campaign.total("read-only disk: what can be looked at", looked)
    campaign.total("… answers that are wrong there, or labels lost", bad, at_most=0)


def unplugged(campaign: Campaign) -> None:
    """Take the photos' disk away while they are prepared, and put it back."""
    times, random = campaign.count(40, least=2), campaign.random("unplugged")
    folder = campaign.folder("unplugged")
    photos = folder / "photos"
    made.draw_photos(photos)
    began = time.monotonic()
    with Child(prepared, folder / "reference", photos) as child:
        reference = child.answer()
    seconds = time.monotonic() - began
    lost = noticed = 0
    for number in campaign.tries("unplugged", range(times), times):
        place = folder / str(number)
        with Child(prepared, place, photos) as child:
            time.sleep(random.uniform(0.2, 0.8) * seconds)
            photos.rename(folder / "elsewhere")
            if number % 2:
                photos.mkdir()  # where a disk is mounted, a folder stays
            said = child.receive()
        noticed += isinstance(said, str)
        shutil.rmtree(photos, ignore_errors=True)
        (folder / "elsewhere").rename(photos)
        with Child(prepared, place, photos) as child:
            found = child.receive()
        if found != reference:
            lost += 1
            what = found
            if isinstance(found, dict):
                what = [key for key in reference if found.get(key) != reference[key]]
            campaign.wrong("unplugged", f"{number}: at first {str(said)[:200]}, then {what}")
    campaign.total("the photos' disk unplugged while preparing: times", times)
    campaign.total("… said", noticed)
    campaign.total("… after it is back, other answers than if it had stayed", lost, at_most=0)


def prepared(connection: Connection, folder: Path, photos: Path) -> None:
    """In a child: make or open a collection, prepare it, and send what it answers, or our error."""
    from handlens.errors import HandlensError
    from handlens.studio import Collection

    try:
        if (folder / "collection.json").exists():
            collection = Collection.open(folder)
        else:
            collection = Collection.create(folder, images=photos, backbone=None)
        with collection:
            collection.prepare(progress=lambda _: time.sleep(0.02))  # slow enough to be interrupted
            connection.send(made.asked(collection))
    except HandlensError as error:
        connection.send(str(error))


# --- disks -----------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, megabytes: int = 8) -> Iterator[Path | None]:
    """A small disk at `folder`; None where it cannot be mounted."""
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def frozen(folder: Path) -> Iterator[bool]:
    """A folder that cannot be written; False where that cannot be done."""
    if not _mount("--bind", str(folder), str(folder)):
        yield False
        return
    try:
        yield _mount("-o", "remount,ro,bind", str(folder))
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    return not subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode


def fill(disk: Path, *, leave: int) -> Path:
    """Write until nothing fits any more, then give some bytes back."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            file.truncate(max(0, file.tell() - leave))
    return ballast
