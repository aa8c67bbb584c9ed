"""Saved models: exact round trips, and a clear refusal of everything else."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from handlens.core.artifact import artifact_kind, load_artifact, save_artifact
from handlens.errors import ArtifactError, StorageError
from handlens.io.checksums import with_checksum
from handlens.io.files import restore_folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "model", "toy", {"a": [1, "é"]}, {"w": torch.arange(6.0).reshape(2, 3)})
    return tmp_path / "model"


def edit(folder: Path, **changes: Any) -> None:
    """Change the description of a saved model, as one who gives it a checksum that is right."""
    path = folder / "model.json"
    changed = json.loads(path.read_text(encoding="utf-8")) | changes
    del changed["crc32"]
    path.write_text(json.dumps(with_checksum(changed)), encoding="utf-8")


def test_round_trip_is_exact(tmp_path: Path) -> None:
    square = torch.arange(4.0).reshape(2, 2)
    tensors = {
        "turned": square.T,
        "shared": square,
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 3),
    }
    save_artifact(tmp_path / "m", "toy", {"n": None, "x": 0.1}, tensors)
    config, back = load_artifact(tmp_path / "m", "toy")
    assert config == {"n": None, "x": 0.1}
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_only_the_two_files_are_left(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["model.json", "tensors.safetensors"]
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_saved_model_is_replaced(saved: Path) -> None:
    save_artifact(saved, "toy", {"b": 2}, {})
    assert load_artifact(saved, "toy") == ({"b": 2}, {})
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["photo.jpg", "model.json"])
def test_a_folder_of_something_else_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(ArtifactError, match="nothing was overwritten"):
        save_artifact(tmp_path, "toy", {}, {})
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_saved_model_with_other_files_beside_it_is_not_overwritten(saved: Path) -> None:
    (saved / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"also notes\.txt"):
        save_artifact(saved, "toy", {}, {})
    assert (saved / "notes.txt").read_text() == "mine"


def test_a_crash_while_writing_leaves_the_old_model(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StorageError, match="the disk is full"):
        save_artifact(saved, "toy", {"new": True}, {})
    assert load_artifact(saved, "toy")[0] == {"a": [1, "é"]}
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_what_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="plain JSON"):
        save_artifact(tmp_path / "m", "toy", {"x": float("nan")}, {})
    assert list(tmp_path.iterdir()) == []


def test_missing_and_foreign_folders(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a saved model"):
        load_artifact(tmp_path / "none", "toy")
    (tmp_path / "model.json").write_text('{"format": "other"}')
    with pytest.raises(ArtifactError, match="not of the format"):
        load_artifact(tmp_path, "toy")


@pytest.mark.parametrize(("look", "error"), [("is_file", ArtifactError), ("iterdir", StorageError)])
def test_places_that_cannot_be_looked_at(
    saved: Path, monkeypatch: pytest.MonkeyPatch, look: str, error: type[Exception]
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, look, refuse)
    with pytest.raises(error, match=r"Permission denied\."):
        load_artifact(saved, "toy") if look == "is_file" else save_artifact(saved, "toy", {}, {})


def test_another_kind(saved: Path) -> None:
    with pytest.raises(ArtifactError, match="a saved toy; a saved classifier was asked for"):
        load_artifact(saved, "classifier")


def test_a_newer_format_says_to_upgrade(saved: Path) -> None:
    edit(saved, format_version=2, library_version="9.9")
    with pytest.raises(ArtifactError, match=r"handlens 9\.9 in format 2.*upgrade"):
        load_artifact(saved, "toy")


@pytest.mark.parametrize("version", [None, 0, "1", True])
def test_a_wrong_format_version(saved: Path, version: object) -> None:
    edit(saved, format_version=version)
    with pytest.raises(ArtifactError, match="no format version"):
        load_artifact(saved, "toy")


@pytest.mark.parametrize("key", ["kind", "config", "tensors"])
def test_a_missing_part(saved: Path, key: str) -> None:
    edit(saved, **{key: 3})
    with pytest.raises(ArtifactError, match=f"no proper '{key}'"):
        load_artifact(saved, "toy")


@pytest.mark.parametrize("name", ["model.json", "tensors.safetensors"])
@pytest.mark.parametrize("keep", [0, 5, -1])
def test_truncated_files(saved: Path, name: str, keep: int) -> None:
    path = saved / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="damaged"):
        load_artifact(saved, "toy")


def test_one_flipped_bit(saved: Path) -> None:
    path = saved / "tensors.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="the tensor w is not the one that was saved"):
        load_artifact(saved, "toy")


@pytest.mark.parametrize("kind", ["F8_E8M0", "F4", "F99"])
def test_types_of_numbers_that_torch_has_not(saved: Path, kind: str) -> None:
    path = saved / "tensors.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    shape = [48 if kind == "F4" else 24]  # 24 bytes
    header["w"] |= {"dtype": kind, "shape": shape}
    edit(saved, tensors={"w": {"shape": shape}})
    written = json.dumps(header).encode()
    path.write_bytes(len(written).to_bytes(8, "little") + written + data[8 + length :])
    with pytest.raises(ArtifactError, match=r"damaged: tensors\.safetensors cannot be read"):
        load_artifact(saved, "toy")


def test_tensors_that_are_not_described(saved: Path) -> None:
    edit(saved, tensors={})
    with pytest.raises(ArtifactError, match="disagree about w"):
        load_artifact(saved, "toy")


@pytest.mark.parametrize("name", ["model.json", "tensors.safetensors"])
def test_a_link_in_place_of_a_file_is_not_followed(saved: Path, name: str) -> None:
    (saved / name).rename(saved.parent / "elsewhere")
    (saved / name).symlink_to(saved.parent / "elsewhere")
    with pytest.raises(ArtifactError):
        load_artifact(saved, "toy")


def test_s10_a_model_whose_replacing_was_cut_off_is_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]"
    restore_folder(folder)
    assert not folder.exists()
    save_artifact(folder, "test", {"n": 1}, {})
    folder.rename(tmp_path / ".a[b].0123456789abcdef.old")
    assert artifact_kind(folder) == "test"
    assert load_artifact(folder, "test")[0] == {"n": 1}  # which changes nothing: it may be replaced just now
    assert not folder.exists()
    save_artifact(folder, "test", {"n": 1}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a[b]"]
    folder.rename(tmp_path / ".a[b].0123456789abcdef.old")
    restore_folder(folder)
    assert load_artifact(folder, "test")[0] == {"n": 1}
    save_artifact(folder, "test", {"n": 2}, {})
    assert load_artifact(folder, "test")[0] == {"n": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a[b]"]


def test_a_saved_model_is_as_open_as_any_folder(tmp_path: Path) -> None:
    save_artifact(tmp_path / "model", "test", {}, {})
    (tmp_path / "folder").mkdir()
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "folder").stat().st_mode


def test_a_folder_that_is_missing_differs_from_one_without_a_model(tmp_path):
    with pytest.raises(ArtifactError, match=r"lost is not a saved model: there is no such folder\.$"):
        load_artifact(tmp_path / "lost", "tabular-learner")
    with pytest.raises(ArtifactError, match=r"is not a saved model: it has no model\.json\.$"):
        load_artifact(tmp_path, "tabular-learner")
