"""Downloads against a server of our own: what is served arrives, and every failure is said in time."""

from __future__ import annotations

import hashlib
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from handlens.errors import DownloadError, WeightsError
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


# ---------------------------------------------------------------------------------------------- checkpoints

PLAIN = {"stem.weight": torch.arange(6.0).reshape(2, 3), "model.bias": torch.tensor([1.0])}


def begun(*beginnings: str) -> dict[str, torch.Tensor]:
    return {"".join(beginnings) + key: value for key, value in PLAIN.items()}


def assert_plain(path: Path) -> None:
    found = weights.read_weights(path)
    assert sorted(found) == sorted(PLAIN)
    assert all(torch.equal(found[key], value) for key, value in PLAIN.items())


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin", "a.pth.tar", "a.ckpt", "a", "a.safetensors"])
@pytest.mark.parametrize(
    "beginnings",
    [(), ("module.",), ("_orig_mod.",), ("module.", "_orig_mod."), ("_orig_mod.", "module."), ("module.",) * 2],
)
def test_p13_what_wraps_a_model_is_taken_off_its_names(tmp_path: Path, name: str, beginnings: tuple[str, ...]) -> None:
    save = save_file if name.endswith("safetensors") else torch.save
    save(begun(*beginnings), tmp_path / name)
    assert_plain(tmp_path / name)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "wrapped",
    [
        {"state_dict": begun("module."), "epoch": 3, "best_acc1": 0.5, "arch": "resnet18"},
        {"model": begun(), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]}},
        {"model_state_dict": begun("_orig_mod."), "loss": torch.tensor(1.0)},
        {"ema": begun("module.")},
        {"state_dict_ema": begun(), "args": Namespace(lr=0.1, model="resnet18")},
        {"model": {"state_dict": begun()}, "best": np.float64(0.9)},
        {"model": begun(), "model_ema": {key: value + 1 for key, value in begun().items()}},
        {"module.n_averaged": None, "state_dict": {"n_averaged": torch.tensor(5), **begun("module.")}},
    ],
)
def test_p13_weights_are_found_in_a_checkpoint(tmp_path: Path, wrapped: dict[str, object], old: bool) -> None:
    torch.save(wrapped, tmp_path / "a.pth.tar", _use_new_zipfile_serialization=not old)
    assert_plain(tmp_path / "a.pth.tar")


def test_p13_parts_that_were_compiled_or_sharded(tmp_path: Path) -> None:
    torch.save({"stem._orig_mod.weight": torch.ones(1), "a._fsdp_wrapped_module.b": torch.ones(1)}, tmp_path / "a.pt")
    assert list(weights.read_weights(tmp_path / "a.pt")) == ["stem.weight", "a.b"]


def test_p13_only_what_all_names_begin_with_is_taken_off(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "a.pt")
    assert list(weights.read_weights(tmp_path / "a.pt")) == ["module.a", "b"]
    wanted = {"a.w", "b.w"}
    assert list(weights.named_as({"net.a.w": torch.ones(1), "net.b.w": torch.ones(1)}, wanted)) == ["a.w", "b.w"]
    assert list(weights.named_as({"net.a.w": torch.ones(1), "b.w": torch.ones(1)}, wanted)) == ["net.a.w", "b.w"]
    assert list(weights.named_as({"net.c.w": torch.ones(1)}, wanted)) == ["net.c.w"]
    assert weights.named_as({}, wanted) == {}


@pytest.mark.parametrize("name", ["a.pth", "a.pth.tar", "a.ckpt", "a"])
def test_p13_no_code_is_run(tmp_path: Path, name: str, bomb: bytes) -> None:
    (tmp_path / name).write_bytes(bomb)
    with pytest.raises(WeightsError):
        weights.read_weights(tmp_path / name)
    torch.save({"state_dict": begun(), "hook": print}, tmp_path / name)
    with pytest.raises(WeightsError, match=r"cannot be read as weights only.* torch.save\(model.state_dict\(\)"):
        weights.read_weights(tmp_path / name)
    torch.save(torch.nn.Linear(1, 1), tmp_path / name)
    with pytest.raises(WeightsError, match="such as a whole model"):
        weights.read_weights(tmp_path / name)


def test_p13_nothing_in_it_is_weights(tmp_path: Path) -> None:
    for found in ({"state_dict": {}}, {"epoch": 3}, [torch.ones(1)], torch.ones(1), {"model": {"a": {"b": {"c": 1}}}}):
        torch.save(found, tmp_path / "a.pt")
        with pytest.raises(WeightsError, match="named tensors only"):
            weights.read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize("place", [b"PK\x01\x02", b"a/data.pkl"])
def test_a_zip_of_pytorch_whose_table_of_contents_is_damaged(tmp_path: Path, place: bytes) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    at = data.rfind(place)
    (tmp_path / "a.pth").write_bytes(data[:at] + b"\xae\xae" + data[at + 2 :])
    with pytest.raises(WeightsError, match="it is damaged"):
        weights.read_weights(tmp_path / "a.pth")
