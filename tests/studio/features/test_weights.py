"""Downloads against a server of our own: what is served arrives, and every failure is said in time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from handlens.errors import DownloadError
from handlens.studio.features import backbone_extractor, cached, weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    mode = "serve"
    content = b""
    asked = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Server

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
        content = self.server.content
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
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    with Server(("127.0.0.1", 0), Answer) as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        yield one
        one.shutdown()
        thread.join()


def test_weights_are_downloaded_once_and_then_cached(server: Server, shared_data: Path) -> None:
    path = shared_data / "weights" / "mobilenetv2_100.imagenet.safetensors"
    server.content = path.read_bytes()
    assert not cached("mobilenetv2_100")
    extractor = backbone_extractor("mobilenetv2_100")
    assert cached("mobilenetv2_100")
    asked = server.asked
    assert asked > 0
    server.mode = "missing"
    again = backbone_extractor("mobilenetv2_100")
    assert server.asked == asked
    given = backbone_extractor("mobilenetv2_100", weights=path)
    for one in (extractor, again):
        assert all(bool((one.tensors()[key] == value).all()) for key, value in given.tensors().items())


def test_a_missing_repository(server: Server) -> None:
    server.mode = "missing"
    with pytest.raises(DownloadError, match="timm/x could not be downloaded"):
        weights.from_hub("timm/x")


def test_a_refused_connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"timm/x could not be downloaded: .*(?i:refused)"):
        weights.from_hub("timm/x")


def test_offline_by_choice(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="could not be downloaded"):
        weights.from_hub("timm/x")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE forbids"):
        weights.from_address(f"{server.address}/net-00000000.pth")
    assert server.asked == 0


def test_the_promise_of_ten_seconds_is_kept_by_the_limit() -> None:
    assert weights.STALL <= 8


@pytest.mark.parametrize("mode", ["silent", "stall"])
def test_a_server_that_stops_answering(server: Server, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough for a slow machine to start the download, shorter than a person's 8 seconds.
    monkeypatch.setattr(weights, "STALL", 4.0)
    server.mode = mode
    server.content = bytes(1 << 20)
    with pytest.raises(DownloadError, match="could not be downloaded"):
        weights.from_hub("timm/x")
    assert server.asked > 0
    assert weights.cached_in_hub("timm/x") is None


def test_a_file_by_its_address_is_checked_against_its_name(server: Server) -> None:
    server.content = b"weights"
    mark = hashlib.sha256(b"weights").hexdigest()[:8]
    path = weights.from_address(f"{server.address}/net-{mark}.pth")
    assert path.read_bytes() == b"weights"
    asked = server.asked
    assert weights.from_address(f"{server.address}/net-{mark}.pth") == path
    assert server.asked == asked
    with pytest.raises(DownloadError, match="not the file that was asked for"):
        weights.from_address(f"{server.address}/net-00000000.pth")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_connection_that_ends_early_leaves_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "STALL", 4.0)
    server.mode, server.content = "stall", bytes(1 << 20)
    with pytest.raises(DownloadError):
        weights.from_address(f"{server.address}/net-00000000.pth")
    assert weights.cached_from_address(f"{server.address}/net-00000000.pth") is None


def test_importing_features_is_cheap() -> None:
    code = (
        "import sys, handlens.studio.features as f; f.cached('mobilenetv2_100'); "
        "print([m for m in ('torch', 'timm', 'torchvision', 'huggingface_hub') if m in sys.modules])"
    )
    # Of this package alone: what else handlens.studio imports is not the matter here.
    source = Path(weights.__file__).parents[3]
    stub = "import sys, types; m = types.ModuleType('handlens.studio'); "
    stub += f"m.__path__ = [{str(source / 'handlens' / 'studio')!r}]; sys.modules['handlens.studio'] = m; "
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", stub + code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"
