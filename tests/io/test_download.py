"""What is downloaded from servers that are slow or wrong; more is in test_weights and in tests/vision/test_datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handlens.errors import DownloadError
from handlens.io import download

if TYPE_CHECKING:
    from tests.conftest import Hub


@pytest.mark.parametrize(
    "url", ["", "a.pth", "file:///etc/passwd", "ftp://host/a.pth", "data:,a", "http://", "http://[::1/a.pth"]
)
def test_only_web_addresses_are_downloaded(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="an address that starts with http"):
        download.download(url, tmp_path / "a.pth")
    assert list(tmp_path.iterdir()) == []


def test_of_a_server_that_stalls_the_last_bytes_are_kept_too(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL", 2.0)  # long enough for the first bytes on a busy machine
    hub.mode, hub.content = "stall", bytes(100_000)  # less than is read at a time
    with pytest.raises(DownloadError, match="that arrived are kept"):
        download.download(f"{hub.address}/a.pth", tmp_path / "a.pth", attempts=1)
    assert (tmp_path / ".a.pth.part").stat().st_size == 50_000


def test_a_proxy_that_is_gone_from_the_environment_is_not_asked_again(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.content = b"weights"
    with monkeypatch.context() as patch:
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        with pytest.raises(DownloadError, match="there is no connection"):
            download.download(f"{hub.address}/a.pth", tmp_path / "a.pth", attempts=1)
    download.download(f"{hub.address}/a.pth", tmp_path / "a.pth", attempts=1)
    assert (tmp_path / "a.pth").read_bytes() == b"weights"
