"""What all tests share."""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.quick_features import hurry

# How long an example takes says more about the machine than about the code. In CI the examples are the same each
# time, so that a run fails because of what was changed; elsewhere each run looks at new ones.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


LONGEST_FIRST = (
    "test_site.py",
    "embedding/test_ray.py",
    "course/test_lessons.py",
    "e2e/test_accessibility.py",
    "e2e/test_from_nothing.py",
    "experiments/test_ray_engine.py",
    "e2e/test_experiments.py",
    "e2e/test_large_map.py",
    "e2e/test_everyday.py",
)
"""Files that take minutes: they begin first, so that no process ends long after the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the others in their order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: a fifth of the time a test waits for other processes, disks and clocks."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository (or in HANDLENS_SHARED); skips the test without it."""
    named = os.environ.get("HANDLENS_SHARED")
    folder = (Path(named) if named else Path(__file__).resolve().parents[2] / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data, which is not at {folder} (HANDLENS_SHARED names another place)")
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Features are learned in a moment, for tests that are not about how good they are."""
    import torch

    threads = torch.get_num_threads()
    hurry(monkeypatch)
    yield
    torch.set_num_threads(threads)


class _Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('code from a file was run')",)


@pytest.fixture
def bomb() -> bytes:
    """A pickle that ends the test run when something loads it."""
    return pickle.dumps(_Bomb())


COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves `content` whatever is asked for, as the hub of pretrained weights does, or fails as `mode` says."""

    daemon_threads = True
    mode = "serve"
    content = b""
    files: dict[str, bytes] | None = None
    """By their names; what is not among them is missing. None: `content` is every file."""
    asked = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.server.mode == "silent":
            self._wait()
            return
        if self.server.mode == "missing":
            self.send_error(404)
            return
        files = self.server.files
        content = self.server.content if files is None else files.get(self.path.rsplit("/", 1)[-1])
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.server.mode == "stall":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self._wait()
            return
        self.wfile.write(content)

    def _wait(self) -> None:
        # As long as the other side waits; recv gives b"" when it hangs up.
        self.connection.recv(1)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    # huggingface_hub reads the environment when it is imported, which may have been long ago.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-home" / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    with Hub(("127.0.0.1", 0), Answer) as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        yield one
        one.shutdown()
        thread.join()
