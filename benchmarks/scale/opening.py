"""Opening a collection of many photos, the memory of the server that has it open, and one label.

The photos are made: files of different sizes that hold nothing (no picture is read when a collection is opened), in
folders of 1,000, and a list of photos, with hashes, that is written by the same code as ever. Half of them have labels,
from changes of 50. Nothing is prepared: maps are measured elsewhere. HANDLENS_SCALE_PHOTOS has the numbers of photos.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from handlens.io.sqlite import open_database, transaction
from handlens.studio import Collection
from handlens.studio.contents import Content, Stamp
from handlens.studio.creating import create_collection
from handlens.studio.following import RegisteredPhoto
from handlens.studio.labels import Labels
from handlens.studio.manifest import DATABASE
from handlens.studio.photo_sources.source import PhotoSource
from handlens.studio.register_file import CHECKED, SCHEMA, write_photos
from handlens.studio.server.encoding import packed_ids

BARS = {100_000: (1.5, 1.0), 300_000: (5.0, 1.0), 1_000_000: (5.0, 2.0)}
"""Seconds until it can be used, and gigabytes of the server."""

AT_ONCE = 50
LABELS = 8
LONG_AGO = 1_600_000_000_000_000_000
TIMES = 200
HTTP_TIMES = 40


def made(work: Path, n: int) -> Path:
    """A home folder with one collection of `n` photos, made unless it is there."""
    home, photos = work / f"opening-{n}", work / f"files-{n}"
    folder = home / "collections" / "made"
    if (home / "made").exists():
        return home
    stamps = np.empty((n, 2), np.int64)
    for i in range(n):
        file = photos / f"{i // 1000:04d}" / f"photo {i:07d}.jpg"
        if i % 1000 == 0:
            file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as opened:
            opened.truncate(1000 + i)  # without a block on the disk
        os.utime(file, ns=(LONG_AGO, LONG_AGO + i))
        stamps[i] = 1000 + i, LONG_AGO + i
    create_collection(
        folder,
        images=PhotoSource(photos),
        backbone=None,
        weights=None,
        seed=0,
        name="Made",
        progress=None,
        cancel=None,
    )
    rows = np.random.default_rng(0).permutation(n).tolist()
    looked, random = time.time_ns(), np.random.default_rng(1)
    new = [
        RegisteredPhoto(
            i,
            f"{i // 1000:04d}/photo {i:07d}.jpg",
            rows[i],
            Content(Stamp(*stamps[i].tolist()), looked, random.bytes(64)),
        )
        for i in range(n)
    ]
    with closing(open_database(folder / DATABASE, SCHEMA)) as db:
        db.keep_checksums(*CHECKED)
        with transaction(db):
            write_photos(db, [], [], new)
    with closing(Labels(folder / DATABASE, n)) as labels:
        labels._db.execute("PRAGMA synchronous = OFF")  # of the making alone
        for start in range(0, n // 2, AT_ONCE):
            labels.assign(range(start, start + AT_ONCE), f"label {start // AT_ONCE % LABELS}")
    (home / "made").touch()
    return home


def in_python(bench: Any, home: Path, n: int) -> None:
    """Open and close in this process; the first opening reads the disk, and is left out."""
    runs, folder = [], home / "collections" / "made"
    for _ in range(4):
        begun = time.perf_counter()
        collection = Collection.open(folder)
        assert len(collection.paths) == n
        runs.append(time.perf_counter() - begun)
        collection.close()
    bench.add(f"open {n:,} photos in Python, seconds", runs[1:], at_most=BARS[n][0], unit="s")
    with Collection.open(folder) as collection:
        labelling(bench, collection, f"one label durable, {n:,} photos, p95")
        collection.start_scanning()
        labelling(bench, collection, f"the same while the folder is looked at ({collection.scanning.phase})")
        begun = time.perf_counter()
        assert collection.parts.folder_scan.join()
        assert (collection.scanning.phase, collection.found, collection.left_out) == ("done", 0, [])
        bench.add(f"the rest of looking at the folder of {n:,}", [time.perf_counter() - begun], unit="s")


def labelling(bench: Any, collection: Collection, what: str) -> None:
    """Label single photos, and take it back."""
    runs, random = [], np.random.default_rng(0)
    for photo in random.integers(len(collection.paths) // 2, len(collection.paths), TIMES).tolist():
        begun = time.perf_counter()
        collection.label([photo], "label 0")
        runs.append(1000 * (time.perf_counter() - begun))
    for _ in range(TIMES):
        collection.undo()
    bench.add(what, runs, at_most=10, unit="ms", value=float(np.quantile(runs, 0.95)))


SERVER = """
import sys, threading
from pathlib import Path
from typing import Any
import uvicorn
from handlens.studio.server.app import create_app
uvicorn.run(create_app(Path(sys.argv[1]), hosts=["127.0.0.1:8655"]), host="127.0.0.1", port=8655, log_level="warning")
"""


def memory(pid: int) -> dict[str, float]:
    """The memory of a process in gigabytes: now, and its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return {"now": found["VmRSS"], "peak": found["VmHWM"]}


def cpu(pid: int) -> float:
    """The processor time that a process has taken, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Asking:
    """Requests to one collection, and the bytes of their answers as they travel."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.sizes: dict[str, int] = {}

    def __call__(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.at + path, data, headers), timeout=300) as answer:
            content = answer.read()
            self.sizes[path.partition("?")[0]] = len(content)
            if answer.headers["content-encoding"] == "gzip":
                content = gzip.decompress(content)
            return json.loads(content) if answer.headers["content-type"] == "application/json" else content

    def together(self, *paths: str) -> None:
        threads = [threading.Thread(target=self, args=(path,)) for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def over_http(bench: Any, home: Path, n: int) -> None:
    """Start a server, open the collection with the requests of the page, label, and look at the memory."""
    at = "http://127.0.0.1:8655/api"
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(home)])
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{at}/collections", timeout=30).read()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(5)  # it imports what the first collection needs while the person looks at the home screen
        ask = Asking(f"{at}/collections/made")
        begun, used = time.perf_counter(), cpu(server.pid)
        ask.together("", "/photos", "/labels")
        marks = ask("/photos")["marks"]
        ask.together(*(f"/photos/{name}?of={mark}" for name, mark in marks.items()))
        seconds, used = time.perf_counter() - begun, cpu(server.pid) - used
        of = f"open {n:,} over HTTP"
        bench.add(f"{of}: state, photos and labels", [seconds], at_most=BARS[n][0], unit="s")
        bench.add("    processor time of the server, with the first looks at the folder", [used], unit="s")
        bench.add("    bytes", [sum(ask.sizes.values()) / 1e6], unit="MB")
        kept = sum(ask.sizes[f"/photos/{name}"] for name in marks)
        bench.add("    of these of columns, which are not sent again", [kept / 1e6], unit="MB")
        limit = 4 * n * np.log2(n) / 32
        bench.add("    the limit: the random order of the photos, as bits", [limit / 1e6], unit="MB")
        opened = memory(server.pid)
        while ask("")["scanning"]["running"]:
            time.sleep(0.5)
        scanned = memory(server.pid)
        bench.add(f"memory of the server, {n:,} open", [opened["now"]], at_most=BARS[n][1], unit="GB")
        bench.add("    its peak until the folder was looked at", [scanned["peak"]], at_most=BARS[n][1], unit="GB")
        label_over_http(bench, ask, server.pid, n)
        bench.add("    the memory after labelling", [memory(server.pid)["now"]], at_most=BARS[n][1], unit="GB")
    finally:
        server.terminate()
        server.wait()


def label_over_http(bench: Any, ask: Asking, pid: int, n: int) -> None:
    """Label 50 photos at a time while a page listens, and count all that is sent to it until it is up to date."""
    version = ask("/labels")["version"]
    heard: list[bytes] = []
    first = threading.Event()

    def listen(events: Any) -> None:
        with suppress(OSError, ValueError, AttributeError):  # it is closed at the end
            for line in events:
                heard.append(line)
                first.set()

    events = urllib.request.urlopen(f"{ask.at}/events?since={version}", timeout=300)
    threading.Thread(target=listen, args=(events,), daemon=True).start()
    assert first.wait(60)
    time.sleep(2)
    runs, spent, sent, random = [], [], [], np.random.default_rng(0)
    for i in range(HTTP_TIMES):
        ids = np.sort(random.choice(n, AT_ONCE, replace=False))
        before, used = len(heard), cpu(pid)
        begun = time.perf_counter()
        answer = ask(
            f"/labels/assign?since={version}", {"selection": packed_ids(ids, n), "name": f"label {i % LABELS}"}
        )
        runs.append(1000 * (time.perf_counter() - begun))
        version = answer["version"]
        time.sleep(0.5)  # the page's next label
        ask("/scores")
        while not any(f'"version":{version}'.encode() in line for line in heard[before:]):
            time.sleep(0.05)
        told = sum(map(len, heard[before:]))
        sent.append(float(ask.sizes["/labels/assign"] + told + ask.sizes["/scores"]))
        spent.append(1000 * (cpu(pid) - used))
    events.close()
    of = f"{AT_ONCE} of {n:,} photos labelled over HTTP"
    bench.add(f"{of}: durable and answered, p95", runs, at_most=10, unit="ms", value=float(np.quantile(runs, 0.95)))
    bench.add(
        "    processor time of the server, with events and scores, p50", spent, unit="ms", value=float(np.median(spent))
    )
    bench.add("    bytes of the answer, of events and of scores, most", sent, at_most=2000, unit="B", value=max(sent))


def run(bench: Any) -> None:
    """Measure each number of photos."""
    for n in map(int, os.environ.get("HANDLENS_SCALE_PHOTOS", "100000,300000,1000000").split(",")):
        home = made(bench.work, n)
        in_python(bench, home, n)
        over_http(bench, home, n)
