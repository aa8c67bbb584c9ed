"""Downloads against a server of our own: what is served arrives, and every failure is said in time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from handlens.errors import DownloadError
from handlens.io import weights

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
    with pytest.raises(DownloadError, match="could not be downloaded"):
        weights.from_hub("timm/x")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE forbids"):
        weights.from_address(f"{hub.address}/net-00000000.pth")
    assert hub.asked == 0


def test_the_promise_of_ten_seconds_is_kept_by_the_limit() -> None:
    assert weights.STALL <= 8


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
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_connection_that_ends_early_leaves_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "STALL", 4.0)
    hub.mode, hub.content = "stall", bytes(1 << 20)
    with pytest.raises(DownloadError):
        weights.from_address(f"{hub.address}/net-00000000.pth")
    assert weights.cached_from_address(f"{hub.address}/net-00000000.pth") is None
