"""Many at once: two servers on one collection, twenty threads, idle and slow connections, and the same for minutes."""

from __future__ import annotations

import os
import resource
import socket
import time
from pathlib import Path

import numpy as np

from faults import made
from faults.campaign import Campaign
from faults.children import Client, Server, at_once, serve_studio
from faults.kills import ROUTE, prepared_home, selection, shown_by

THREADS = 20


def together(campaign: Campaign) -> None:
    """Twenty threads label their own photos through two servers of one collection, while others look and train."""
    changes, folder = campaign.count(150, least=4), campaign.folder("together")
    home = prepared_home(campaign, folder)
    expected: dict[int, str] = {}
    statuses: list[int] = []
    with Server(serve_studio, home, folder / "log") as one, Server(serve_studio, home, folder / "log") as two:
        servers = (one, two)

        def label(thread: int) -> None:
            random, client = np.random.default_rng([campaign.seed, thread]), servers[thread % 2].client()
            own = list(range(thread, made.PHOTOS, THREADS))
            for i in range(changes):
                photo = int(random.choice(own))
                if random.random() < 0.2:
                    route, body, name = "remove", {"selection": selection([photo])}, ""
                else:
                    name = f"{'circle' if photo < 20 else 'square'} {random.integers(2)}"
                    route, body = "assign", {"selection": selection([photo]), "name": name}
                status, answer = client.ask("POST", f"{ROUTE}/labels/{route}", body)
                if status < 300:
                    expected[photo] = name
                else:
                    campaign.wrong("together", f"{thread}, {i}: {route} answered {status} {answer[:200]!r}")
            statuses.extend(client.statuses)
            client.close()

        def look(thread: int) -> None:
            random, client = np.random.default_rng([campaign.seed, 99, thread]), servers[thread % 2].client()
            for _ in range(changes):
                method, route = LOOKS[int(random.integers(len(LOOKS)))]
                status, answer = client.ask(method, f"{ROUTE}/{route}")
                if status >= 500:
                    campaign.wrong("together", f"{method} {route} answered {status} {answer[:200]!r}")
            statuses.extend(client.statuses)
            client.close()

        at_once(
            [lambda thread=thread: label(thread) for thread in range(THREADS)]
            + [lambda thread=thread: look(thread) for thread in range(4)]
        )
        found = [_labels(server.client()) for server in servers]
    with Server(serve_studio, home, folder / "log") as again:
        found.append(_labels(again.client()))
    lost = sum(names.get(photo, "") != name for names in found for photo, name in expected.items())
    if lost:
        campaign.wrong("together", f"{expected} and {found}")
    campaign.total(f"{THREADS} threads on two servers of one collection: changes", THREADS * changes)
    campaign.total("… acknowledged changes lost", lost, at_most=0)
    campaign.total("… 5xx", sum(status >= 500 for status in statuses), at_most=0)


LOOKS = (
    ("POST", "train"),
    ("GET", "predictions"),
    ("GET", ""),
    ("GET", "photos/1/thumb"),
    ("GET", "sheets/0"),
    ("GET", "next"),
    ("GET", "suspects"),
    ("GET", f"map?layer={made.WHERE}&projection=pca-1-2"),
    ("GET", "export/labels.csv"),
    ("POST", "spot-check"),
    ("GET", "scores"),
    ("GET", "history"),
)


def _labels(client: Client) -> dict[int, str]:
    names, codes, *_ = shown_by(client.json("GET", f"{ROUTE}/labels"))
    client.close()
    return {photo: names[code] for photo, code in enumerate(codes) if code >= 0}


# --- connections -----------------------------------------------------------------------------------------


def connections(campaign: Campaign) -> None:
    """400 idle connections and slow ones to a server that may have 256 files open, and one person who labels."""
    seconds, folder = campaign.count(60, least=3), campaign.folder("connections")
    home, random = prepared_home(campaign, folder), campaign.random("connections")
    log = folder / "log"
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    waits, failed, idle = [], 0, []
    with Server(serve_studio, home, log, 256) as server:
        host, port = server.address.split(":")
        before = _processor(server)
        began = time.monotonic()
        for i in range(400):
            try:
                connection = socket.create_connection((host, int(port)), timeout=2)
                if i % 2:
                    connection.sendall(b"GET /api/studio HTTP/1.1\r\nHost: " + b"x" * int(random.integers(20)))
            except OSError:
                continue
            connection.setblocking(False)
            idle.append(connection)
        while time.monotonic() - began < seconds:
            asked = time.monotonic()
            try:
                client = server.client(30)
                status, _ = client.ask(
                    "POST", f"{ROUTE}/labels/assign", {"selection": selection([1]), "name": f"n{len(waits)}"}
                )
                failed += status >= 500
                client.close()
            except OSError as error:
                failed += 1
                campaign.wrong("connections", f"after {time.monotonic() - began:.0f} s: {error}")
            waits.append(time.monotonic() - asked)
            for connection in idle[::3]:
                try:
                    connection.send(b"x")
                except OSError:
                    continue
            time.sleep(0.05)
        busy = (_processor(server) - before) / (time.monotonic() - began)
        for connection in idle:
            connection.close()
        client = server.client(10)
        status, _ = client.ask("GET", "/api/studio")
        failed += status != 200
        client.close()
    campaign.total("idle and slow connections, beside one person", len(idle))
    campaign.add("… a label waits", waits, at_most=1.0, unit="s", value=float(np.quantile(waits, 0.95)))
    campaign.total("… not answered, or with 5xx", failed, at_most=0)
    campaign.total("… share of a processor", busy, at_most=0.5)
    campaign.total("… log", log.stat().st_size / 1e6, at_most=0.1, unit="MB")


def _processor(server: Server) -> float:
    """Seconds of a processor that a server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- the same for minutes --------------------------------------------------------------------------------


def soak(campaign: Campaign) -> None:
    """Everything that a person does, again and again; what the server holds must not grow."""
    seconds, folder = campaign.count(600, least=4), campaign.folder("soak")
    home = prepared_home(campaign, folder)
    made.draw_photos(folder / "more", 8)
    statuses: list[int] = []
    samples: list[tuple[float, float, int, int]] = []
    with Server(serve_studio, home, folder / "log") as server:
        ends = time.monotonic() + seconds

        def person(number: int) -> None:
            random, client = np.random.default_rng([campaign.seed, 7, number]), server.client()
            while time.monotonic() < ends:
                if random.random() < 0.5:
                    photo = int(random.integers(made.PHOTOS))
                    name = "circle" if photo < 20 else "square"
                    client.ask("POST", f"{ROUTE}/labels/assign", {"selection": selection([photo]), "name": name})
                elif random.random() < 0.05:
                    _make_and_forget(client, folder / "more")
                else:
                    method, route = LOOKS[int(random.integers(len(LOOKS)))]
                    status, answer = client.ask(method, f"{ROUTE}/{route}")
                    if status >= 500:
                        campaign.wrong("soak", f"{method} {route} answered {status} {answer[:200]!r}")
                if random.random() < 0.02:
                    client.close()
                time.sleep(0.01)
            statuses.extend(client.statuses)
            client.close()

        def watch() -> None:
            began = time.monotonic()
            while time.monotonic() < ends - seconds / 120:
                time.sleep(seconds / 60)
                samples.append((time.monotonic() - began, *_held(server)))

        at_once([lambda number=number: person(number) for number in range(4)] + [watch])
    warm = samples[len(samples) // 3 :]
    minutes = np.array([sample[0] for sample in warm]) / 60
    campaign.total("minutes of everything at once, requests", len(statuses))
    campaign.total("… 5xx", sum(status >= 500 for status in statuses), at_most=0)
    for column, (what, unit, bar) in enumerate(
        (("memory", "MB", 3.0), ("descriptors", "", 0.5), ("threads", "", 0.5)), 1
    ):
        values = np.array([sample[column] for sample in warm], float)
        slope = float(np.polyfit(minutes, values, 1)[0]) if len(values) > 2 else 0.0
        campaign.total(f"… {what}, first", samples[0][column], unit=unit)
        campaign.total(f"… {what}, after a third", values[0], unit=unit)
        campaign.total(f"… {what}, at the end", values[-1], unit=unit)
        if seconds >= 120:  # in less, the slope says nothing
            campaign.total(
                f"… {what}, growth in the last two thirds", slope, at_most=bar, unit=f"{unit} a minute".strip()
            )


def _make_and_forget(client: Client, photos: Path) -> None:
    """Upload photos, make a collection of them, wait until it is prepared, and delete it."""
    upload = client.json("POST", "/api/uploads")["upload"]
    for path in sorted(photos.rglob("*.png")):
        client.ask(
            "PUT",
            f"/api/uploads/{upload}/photo?path={path.parent.name}/{path.name}",
            path.read_bytes(),
            kind="application/octet-stream",
        )
    source = {"kind": "upload", "upload": upload}
    made_id = client.json("POST", "/api/collections", {"source": source, "backbones": [], "own_features": True})["id"]
    until = time.monotonic() + 60
    while client.json("GET", f"/api/collections/{made_id}")["preparation"]["running"] and time.monotonic() < until:
        time.sleep(0.05)
    client.ask("DELETE", f"/api/collections/{made_id}")


def _held(server: Server) -> tuple[float, int, int]:
    """Megabytes of memory, open descriptors, and threads of a server."""
    process = Path(f"/proc/{server.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    memory = int(status["VmRSS"].split()[0]) / 1024
    return memory, len(list((process / "fd").iterdir())), int(status["Threads"])
