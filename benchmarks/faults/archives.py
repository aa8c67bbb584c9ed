"""Hostile archives, through `untar_data` and Studio's uploads: nothing outside the folder, and little of everything."""

from __future__ import annotations

import os
import shutil
import stat
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from faults.campaign import CRASH, HANG, OURS, RAW, Campaign
from faults.children import UNANSWERED, Child, Died, Server, serve_studio
from faults.hostile_archives import hostile_tar, hostile_zip

UNPACKED = "unpacked"
SECONDS = 30.0
MEGABYTES = 300.0
"""Most memory that one archive may take, and most of the disk beside 256 MB, which any may unpack to."""
_GIVEN_UP = 60.0


def tars(campaign: Campaign) -> None:
    """Serve tar archives to `untar_data`, in a process that is watched."""
    count, sandbox = campaign.count(400, least=20), Sandbox(campaign.folder("tars"))
    counted: Counter[str] = Counter()
    outside = at = 0
    longest = most = largest = 0.0
    while at < count:
        with Child(_untar_all, sandbox.inside, campaign.seed, at, count) as child:
            try:
                for at in campaign.tries("tars", range(at, count), count):  # noqa: B020 — it goes on after a crash
                    outcome, what, why, seconds, megabytes, used = child.answer(_GIVEN_UP)
                    counted[outcome] += 1
                    escaped = sandbox.escaped()
                    outside += len(escaped)
                    longest, most, largest = max(longest, seconds), max(most, megabytes), max(largest, used)
                    if outcome == RAW or escaped or seconds > SECONDS or max(megabytes, used - 256) > MEGABYTES:
                        campaign.wrong(
                            "tars",
                            f"{at} ({what}): {outcome} {why}, outside {escaped}, {seconds:.1f} s, "
                            f"{megabytes:.0f} MB of memory, {used:.0f} MB of the disk",
                        )
                at += 1
            except (Died, TimeoutError) as error:
                counted[HANG if isinstance(error, TimeoutError) else CRASH] += 1
                campaign.wrong("tars", f"{at} ({hostile_tar(campaign.seed, at)[1]}): {error}")
                at += 1
    campaign.total("hostile tar archives through untar_data", count)
    _record(campaign, counted, outside, longest, most, largest)


def zips(campaign: Campaign) -> None:
    """Upload zips to Studio's own server."""
    count, sandbox = campaign.count(400, least=20), Sandbox(campaign.folder("zips"))
    counted: Counter[str] = Counter()
    outside = failed = 0
    longest = most = largest = 0.0
    home = sandbox.inside / "home"
    server = Server(serve_studio, home, sandbox.inside / "log")
    client = server.client(_GIVEN_UP)
    with server, Watched(home / "scratch") as watched:
        for number in campaign.tries("zips", range(count), count):
            data, what = hostile_zip(campaign.seed, number)
            upload = client.json("POST", "/api/uploads")["upload"]
            before, began = _memory(server), time.perf_counter()
            try:
                status, answer = client.ask("PUT", f"/api/uploads/{upload}/zip", data, kind="application/octet-stream")
            except UNANSWERED as error:
                status, answer = 599, str(error).encode()
            seconds = time.perf_counter() - began
            megabytes, used = _memory(server) - before, watched.megabytes()
            counted[UNPACKED if status < 300 else OURS if status < 500 or status == 507 else RAW] += 1
            failed += status >= 500 and status != 507
            escaped = [*sandbox.escaped(), *_odd_files(home / "scratch")]
            outside += len(escaped)
            longest, most, largest = max(longest, seconds), max(most, megabytes), max(largest, used)
            if status >= 500 or escaped or seconds > SECONDS or max(megabytes, used - 256) > MEGABYTES:
                campaign.wrong(
                    "zips",
                    f"{number} ({what}): {status} {answer[:200]!r}, outside {escaped}, {seconds:.1f} s, "
                    f"{megabytes:.0f} MB of memory, {used:.0f} MB of the disk",
                )
            client.ask("DELETE", f"/api/uploads/{upload}")
        client.close()
    campaign.total("hostile zips through Studio's uploads", count)
    campaign.total("… answers of 5xx", failed, at_most=0)
    _record(campaign, counted, outside, longest, most, largest)


def _record(
    campaign: Campaign,
    counted: Counter[str],
    outside: int,
    longest: float,
    most: float,
    largest: float,
) -> None:
    campaign.outcomes(counted)
    campaign.total("… files written or changed outside, links and devices", outside, at_most=0)
    campaign.total("… longest", longest, at_most=SECONDS, unit="s")
    campaign.total("… most memory", most, at_most=MEGABYTES, unit="MB")
    campaign.total("… most of the disk", largest, at_most=MEGABYTES + 256, unit="MB")


class Sandbox:
    """A folder in which archives are unpacked, and around it files that they must leave alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.inside = folder, folder / "a" / "b" / "inside"
        self.inside.mkdir(parents=True)
        for place in (folder, folder / "a", folder / "a" / "b"):
            (place / "keep.txt").write_text("as it was")
        self._before = self._around()

    def escaped(self) -> list[str]:
        """What is new or other around; it is put right again."""
        now = self._around()
        odd = sorted(path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path))
        for path in odd:
            place = self.folder / path
            if path in self._before:
                place.write_text("as it was")
            elif place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        return odd

    def _around(self) -> dict[str, str]:
        found = {}
        for at, folders, files in os.walk(self.folder):
            if Path(at) == self.inside.parent:
                folders.remove("inside") if "inside" in folders else None
            for name in [*folders, *files]:
                path = Path(at) / name
                content = path.read_text() if path.is_file() and not path.is_symlink() else ""
                found[str(path.relative_to(self.folder))] = f"{stat.S_IFMT(path.lstat().st_mode)} {content[:100]}"
        return found


class Watched:
    """The most that a folder ever had on the disk, looked at again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._most, self._ends = folder, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def megabytes(self) -> float:
        """The most since this was last asked."""
        most, self._most = max(self._most, _disk(self._folder)), 0.0
        return most

    def _look(self) -> None:
        while not self._ends.wait(0.02):
            self._most = max(self._most, _disk(self._folder))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join()


def _disk(folder: Path) -> float:
    total = 0
    for at, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(at, name)).st_blocks * 512
            except OSError:
                continue
    return total / 1e6


def _odd_files(folder: Path) -> list[str]:
    """Links and special files below a folder."""
    return [
        str(path)
        for path in folder.rglob("*")
        if not (stat.S_ISREG(path.lstat().st_mode) or stat.S_ISDIR(path.lstat().st_mode))
    ]


def _memory(server: Server) -> float:
    """Megabytes that a server ever had."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        return 0.0
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "VmHWM: 0")
    return int(line.split()[1]) / 1024


# --- untar_data, in a child ------------------------------------------------------------------------------


class _Serves(BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(type(self).content)))
        self.end_headers()
        self.wfile.write(type(self).content)

    def log_message(self, *_: object) -> None:
        pass


def _untar_all(connection: Connection, inside: Path, seed: int, begin: int, end: int) -> None:
    import resource

    from handlens.errors import HandlensError
    from handlens.vision import untar_data

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Serves)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    watched = Watched(inside).__enter__()
    for number in range(begin, end):
        _Serves.content, what = hostile_tar(seed, number)
        folder = inside / str(number)
        url = f"http://127.0.0.1:{server.server_address[1]}/data-{number}.tar"
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        outcome, why = UNPACKED, ""
        try:
            target = untar_data(url, folder=folder)
            odd = _odd_files(target)
            outcome, why = (RAW, f"unpacked {odd}") if odd else (UNPACKED, "")
        except HandlensError:
            outcome = OURS
        except Exception as error:
            outcome, why = RAW, f"{type(error).__name__}: {error}"[:200]
        seconds = time.perf_counter() - began
        megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        disk = watched.megabytes()
        shutil.rmtree(folder, ignore_errors=True)
        connection.send((outcome, what, why, seconds, megabytes, disk))
