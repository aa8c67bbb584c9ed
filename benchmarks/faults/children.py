"""Processes that may be killed: each is forked from one that has imported everything already."""

from __future__ import annotations

import http.client
import io
import json
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Died(Exception):
    """A child ended before it said what was waited for."""


def prepare_forking() -> None:
    """Start the process from which children are forked; it imports what they need, once."""
    before = dict(os.environ)
    places = [str(ROOT / "benchmarks"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    os.environ.update(ONE_THREAD, PYTHONPATH=os.pathsep.join(filter(None, places)))
    try:
        _context.set_forkserver_preload(["faults.preloaded"])
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


_context = multiprocessing.get_context("forkserver")


class Child:
    """A process that runs `work(connection, *arguments)`.

    Example:
        with Child(count_to, 3) as child:
            print(child.receive())
            child.kill()
    """

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self._ours, theirs = _context.Pipe()
        self.process = _context.Process(target=_run, args=(work, theirs, arguments), daemon=True)
        self.process.start()
        theirs.close()

    def receive(self, seconds: float = 120.0) -> Any:
        """What the child sends next; Died if it ended, TimeoutError if it says nothing for so long."""
        if not self._ours.poll(seconds):
            raise TimeoutError(f"it said nothing for {seconds:.0f} seconds")
        try:
            return self._ours.recv()
        except (EOFError, ConnectionResetError):
            self.process.join(10)
            raise Died(f"it ended with {self.process.exitcode}") from None

    def answer(self, seconds: float = 120.0) -> Any:
        """As `receive`, and what the child raised is raised here."""
        said = self.receive(seconds)
        if isinstance(said, Exception):
            raise said
        return said

    def received(self) -> list[Any]:
        """What the child had sent and was not read yet, after it ended or was killed."""
        found = []
        with suppress(EOFError, OSError):
            while self._ours.poll(0):
                found.append(self._ours.recv())
        return found

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._ours.close()
        self.process.close()


def _run(work: Callable[..., None], connection: Connection, arguments: tuple[Any, ...]) -> None:
    for standard in (1, 2):  # what it prints would be among the figures
        _point(standard, Path(os.devnull))
    try:
        work(connection, *arguments)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        with suppress(OSError):
            connection.send(Broke(f"{type(error).__name__}: {error} ({where})"))
    finally:
        connection.close()


class Broke(Exception):
    """What a child raised, and where."""


def _point(standard: int, file: Path) -> None:
    """Let standard output (1) or standard error (2) go to a file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, standard)
    os.close(descriptor)


# --- servers --------------------------------------------------------------------------------------------


def serve_studio(connection: Connection, home: Path, log: Path, descriptors: int | None = None) -> None:
    """Studio's own server, as `handlens studio` runs it; its address is sent when it listens."""
    from handlens.studio.server.run import serve

    _point(2, log)
    if descriptors is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    with redirect_stdout(_Announced(connection)):
        serve(home, port=0, browser=False)


def serve_model(connection: Connection, model: Path, log: Path) -> None:
    """The server of one saved model, as `handlens serve` runs it."""
    from handlens.serving.app import serve

    _point(2, log)
    with redirect_stdout(_Announced(connection)):
        serve(model, port=0)


class _Announced(io.TextIOBase):
    """Sends the address in what is printed, and drops the rest."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def write(self, text: str) -> int:
        if "http://" in text:
            self._connection.send(text.split("http://")[1].split("/")[0])
        return len(text)


class Server(Child):
    """A server in a child, and the statuses of its answers.

    Attributes:
        address: host and port.
        log: the file of what it said.
    """

    def __init__(self, work: Callable[..., None], served: Path, log: Path, *arguments: Any) -> None:
        super().__init__(work, served, log, *arguments)
        self.log = log
        self.address = str(self.answer())

    def stop(self) -> None:
        """End it as Ctrl+C does, and wait until it has."""
        self.process.terminate()
        self.process.join()

    def client(self, timeout: float = 60.0) -> Client:
        """A connection of its own."""
        return Client(self.address, timeout)


class Client:
    """One kept connection to a server.

    Attributes:
        statuses: of all answers, shared by nobody.
    """

    def __init__(self, address: str, timeout: float) -> None:
        self.address = address
        self.statuses: list[int] = []
        self._connection = http.client.HTTPConnection(address, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> tuple[int, bytes]:
        """The status and body of an answer; OSError or HTTPException if there is none."""
        headers = {}
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = kind
        try:
            answer = self._answer(method, path, body, headers)
            content = answer.read()
        except BaseException:
            self._connection.close()
            raise
        self.statuses.append(answer.status)
        return answer.status, content

    def _answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> http.client.HTTPResponse:
        kept = self._connection.sock is not None
        try:
            self._connection.request(method, path, body=body, headers=headers)
            return self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if not kept:
                raise
        # As browsers do: the server may have hung up after its last answer, such as one to a body that it did not read.
        self._connection.close()
        self._connection.request(method, path, body=body, headers=headers)
        return self._connection.getresponse()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be a success."""
        status, content = self.ask(method, path, body)
        assert status < 300, f"{method} {path} was answered {status}: {content[:300]!r}"
        return json.loads(content) if content else None

    def close(self) -> None:
        self._connection.close()


UNANSWERED = (OSError, http.client.HTTPException)
"""What a client raises when the server is gone before it answered."""


def at_once(works: list[Callable[[], None]]) -> None:
    """Run each in a thread of its own; the first error of any is raised when all have ended."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
