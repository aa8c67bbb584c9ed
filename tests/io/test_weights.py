"""Downloads against a server of our own: what is served arrives, and every failure is said in time."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import constants

from handlens.errors import DownloadError
from handlens.io import download, weights

if TYPE_CHECKING:
    from tests.conftest import Hub


def test_a_missing_repository(hub: Hub) -> None:
    hub.mode = "missing"
    with pytest.raises(DownloadError, match="timm/x could not be downloaded"):
        weights.from_hub("timm/x")


def test_a_refused_connection(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"timm/x could not be downloaded: .*(?i:refused)"):
        weights.from_hub("timm/x")


def test_offline_by_choice(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE forbids"):
        weights.from_hub("timm/x")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE forbids"):
        weights.from_address(f"{hub.address}/net-00000000.pth")
    assert hub.asked == 0


def test_the_promise_of_ten_seconds_is_kept_by_the_limit() -> None:
    assert download.STALL <= 8


@pytest.mark.parametrize("mode", ["silent", "stall"])
def test_a_server_that_stops_answering(hub: Hub, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough for a slow machine to start the download, shorter than a person's 8 seconds.
    monkeypatch.setattr(weights, "STALL", 4.0)
    hub.mode = mode
    hub.content = bytes(1 << 20)
    with pytest.raises(DownloadError, match="could not be downloaded"):
        weights.from_hub("timm/x")
    assert hub.asked > 0
    assert weights.cached_in_hub("timm/x") is None


def test_a_file_by_its_address_is_checked_against_its_name(hub: Hub) -> None:
    hub.content = b"weights"
    mark = hashlib.sha256(b"weights").hexdigest()[:8]
    path = weights.from_address(f"{hub.address}/net-{mark}.pth")
    assert path.read_bytes() == b"weights"
    asked = hub.asked
    assert weights.from_address(f"{hub.address}/net-{mark}.pth") == path
    assert hub.asked == asked
    with pytest.raises(DownloadError, match="not the file that was asked for"):
        weights.from_address(f"{hub.address}/net-00000000.pth")
    assert left(path.parent) == [path.name]


def test_it_is_downloaded_once_by_several_at_a_time(hub: Hub) -> None:
    hub.content = b"weights"
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(weights.from_address, [f"{hub.address}/net.pth"] * 4))
    assert [path.read_bytes() for path in found] == [b"weights"]
    assert hub.asked == 1


def test_a_silent_server_is_given_up_and_what_came_is_kept(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALL", 0.5)
    hub.mode, hub.content = "stall", bytes(1 << 20)
    mark = hashlib.sha256(hub.content).hexdigest()[:8]
    with pytest.raises(DownloadError, match=r"nothing arrived for .* 0\.5 MB that arrived are kept.* put the file at"):
        weights.from_address(f"{hub.address}/net-{mark}.pth")
    assert weights.cached_from_address(f"{hub.address}/net-{mark}.pth") is None
    monkeypatch.setattr(download, "STALL", 60.0)  # on a busy machine, a server that answers takes a while too
    hub.mode = "serve"
    assert weights.from_address(f"{hub.address}/net-{mark}.pth").read_bytes() == hub.content


def test_a_name_without_a_hash(hub: Hub) -> None:
    hub.content = b"weights"
    assert weights.from_address(f"{hub.address}/net-large.pth").read_bytes() == b"weights"


def test_no_network_is_needed_for_what_the_hub_has_cached(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.content = b"weights"
    path = weights.from_hub("timm/x")
    assert path.read_bytes() == b"weights"
    asked = hub.asked
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert weights.from_hub("timm/x") == path
    assert hub.asked == asked


def test_weights_in_the_older_format_are_found_too(hub: Hub) -> None:
    assert weights.cached_in_hub("timm/x") is None
    folder = Path(constants.HF_HUB_CACHE) / "models--timm--x"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "pytorch_model.bin").touch()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    assert weights.cached_in_hub("timm/x") == folder / "snapshots" / "abc" / "pytorch_model.bin"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))
