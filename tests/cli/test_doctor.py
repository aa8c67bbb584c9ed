"""`handlens doctor`: what it lists, what it calls wrong, and that it asks the network nothing by itself."""

from __future__ import annotations

import errno
import http.server
import json
import re
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from typer.testing import CliRunner

import handlens
from handlens.cli import app, doctor
from handlens.extras import EXTRAS, Extra
from handlens.plugins import plugins


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


@pytest.fixture(autouse=True)
def _required(monkeypatch: pytest.MonkeyPatch) -> None:
    """handlens requires two packages, which are here; the page is built."""
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy>=2", "torch>=2.6", "onnx>=1; extra == 'onnx'"])
    monkeypatch.setattr(doctor, "_PAGE", Path(handlens.__file__))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: tuple[str, int]) -> None:
        if address[0] != "127.0.0.1":
            raise AssertionError(f"a connection to {address} was opened")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


def examined() -> dict:
    code, output = said("--json")
    found = json.loads(output)
    assert code == bool(found["problems"])
    return found


def test_where_nothing_is_wrong() -> None:
    found = examined()
    assert found["problems"] == []
    assert found["handlens"]["version"] == handlens.__version__
    assert [(one["name"], one["required"]) for one in found["packages"]] == [("numpy", ">=2"), ("torch", ">=2.6")]
    assert found["packages"][0]["version"] == metadata.version("numpy")
    assert [one["refused"] for one in found["folders"]] == [None] * 4
    assert [one["name"] for one in found["extras"]] == list(EXTRAS)
    assert found["servers"] == []
    code, output = said()
    assert code == 0
    assert output.splitlines()[0].startswith(f"handlens   {handlens.__version__} in ")
    assert output.splitlines()[-1] == "result     nothing is wrong"


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["no-such-package>=2", "numpy>=1000"])
    assert examined()["problems"] == [
        "handlens requires no-such-package>=2; it is missing: pip install 'no-such-package>=2'.",
        f"handlens requires numpy>=1000; {metadata.version('numpy')} is installed: pip install 'numpy>=1000'.",
    ]
    code, output = said()
    assert code == 1
    assert "no-such-package MISSING" in output


def test_a_source_tree_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    found = examined()
    assert found["packages"] == []
    assert found["problems"] == [
        "handlens is not installed as a package, so what it requires is not known: pip install it."
    ]


def test_a_page_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "a" / "b" / "c" / "page" / "index.html"
    monkeypatch.setattr(doctor, "_PAGE", page)
    assert examined()["problems"] == [
        f"the page of Studio is missing, {page}: install handlens again, or run `make page`."
    ]


def test_a_torch_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    found = examined()
    assert found["computing"]["threads"] is None
    (problem,) = found["problems"]
    assert problem.startswith("PyTorch cannot be loaded: import of torch halted")


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = tempfile.TemporaryFile

    def refusing(*, dir: Path) -> object:
        if dir == tmp_path:
            raise PermissionError(13, "Permission denied")
        return made(dir=dir)

    monkeypatch.setattr(tempfile, "TemporaryFile", refusing)
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path / "not" / "there"))
    found = examined()
    assert found["folders"][0]["refused"] == "Permission denied"
    assert found["problems"] == [
        f"{tmp_path} must be a folder that can be written, for collections and data sets: Permission denied. "
        "Change that, or name another folder with HANDLENS_HOME."
    ]
    assert not (tmp_path / "not").exists()
    assert f"{tmp_path}/not/there, for collections and data sets: CANNOT BE WRITTEN: Perm" in said()[1].replace(
        "\\", "/"
    )


def test_a_file_in_the_place_of_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path / "file"))
    (problem,) = examined()["problems"]
    assert problem.startswith(
        f"{tmp_path / 'file'} must be a folder that can be written, for collections and data sets"
    )


def test_a_folder_with_little_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage

    def little(folder: Path) -> object:
        return usage(folder)._replace(free=400_000_000 if folder == tmp_path else 10**10)

    monkeypatch.setattr(shutil, "disk_usage", little)
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path / "not" / "there"))
    assert examined()["problems"] == [
        f"{tmp_path} has 0.4 GB free, for collections and data sets: make room, or name another folder with "
        "HANDLENS_HOME."
    ]


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*, dir: Path) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    def none_is_left() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(tempfile, "gettempdir", none_is_left)
    found = examined()
    assert [one["refused"] for one in found["folders"]] == ["the disk is full"] * 3 + [
        "No usable temporary directory found in ['/tmp']"
    ]
    assert len(found["problems"]) == 4
    assert "folder     not known, for files while they are made: CANNOT BE WRITTEN: No usable" in said()[1]


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDLENS_HOME", "~nobody-of-this-name/handlens")
    found = examined()
    assert found["folders"][0]["folder"] is None
    assert found["problems"] == [
        "There must be a folder that can be written, for collections and data sets: handlens keeps its files in "
        "~nobody-of-this-name/handlens, which the system does not know: set HANDLENS_HOME to a folder. Change that, or "
        "name another folder with HANDLENS_HOME."
    ]


def test_a_gpu_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(number: int) -> str:
        raise RuntimeError("CUDA driver error: unknown error")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", fails)
    found = examined()
    assert found["computing"]["threads"] == torch.get_num_threads()
    assert found["problems"] == [
        "PyTorch cannot use the GPU: CUDA driver error: unknown error. Install the driver again, or hide the GPU with "
        "CUDA_VISIBLE_DEVICES=-1."
    ]


def test_an_extra_with_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy>=2", "pandas>=1000; extra == 'onnx'"])
    version = metadata.version("pandas")
    found = examined()
    assert found["extras"][0]["unfit"] == [f"pandas {version}"]
    assert found["problems"] == [
        f"the extra onnx requires pandas>=1000; {version} is installed: pip install 'handlens[onnx]'."
    ]
    assert f"models as ONNX files: installed, but pandas {version} IS NOT WHAT IS REQUIRED\n" in said()[1]


def test_an_extra_that_is_missing_is_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "acme", Extra("photos of Acme", ("absent_acme",)))
    found = examined()
    assert found["extras"][-1] == {"name": "acme", "brings": "photos of Acme", "missing": ["absent_acme"], "unfit": []}
    assert found["problems"] == []
    assert "extra      acme, photos of Acme: missing: pip install 'handlens[acme]'\n" in said()[1]


def test_passwords_and_tokens_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    monkeypatch.setattr(constants, "ENDPOINT", "https://me:secret@hub.example/a")
    found = examined()
    assert found["network"]["hub"] == "https://hub.example/a"
    assert found["network"]["token"] is True
    assert found["network"]["proxies"]["https"] == "proxy.example:3128"
    assert "secret" not in json.dumps(found) + said()[1]


def test_a_plugin_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bad-1.0.dist-info").mkdir()
    (tmp_path / "bad-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (tmp_path / "bad-1.0.dist-info" / "entry_points.txt").write_text("[handlens.trackers]\nacme = absent_acme:X\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.cache_clear()
    try:
        found = examined()
    finally:
        plugins.cache_clear()
    reason = "“acme” of bad 1.0 cannot be loaded: ModuleNotFoundError: No module named 'absent_acme'"
    assert found["plugins"] == [{"kind": "trackers", "name": "acme", "package": "bad 1.0", "reason": reason}]
    assert found["problems"] == [f"a plugin is left out: {reason}"]


def test_what_a_plugin_prints_is_not_in_the_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "loud-1.0.dist-info").mkdir()
    (tmp_path / "loud-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (tmp_path / "loud-1.0.dist-info" / "entry_points.txt").write_text("[handlens.trackers]\nloud = loud_tracker:X\n")
    (tmp_path / "loud_tracker.py").write_text("print('hello')\ndef X(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.cache_clear()
    try:
        result = CliRunner().invoke(app, ["doctor", "--json"])
    finally:
        plugins.cache_clear()
        sys.modules.pop("loud_tracker", None)
    assert json.loads(result.stdout)["plugins"][0]["reason"] is None
    assert result.stderr == "hello\n"


class TestNetwork:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """What a server was asked that answers 404 to everything; both addresses are its."""
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                asked.append(f"{self.command} {self.path}")
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                pass

        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            address = f"http://127.0.0.1:{server.server_port}"
            monkeypatch.setattr(constants, "ENDPOINT", f"{address}/hub")
            monkeypatch.setattr(doctor, "TORCH_SERVER", f"{address}/torch")
            yield asked
            server.shutdown()
            thread.join()

    def test_servers_are_asked_only_if_told_so(self, asked: list[str]) -> None:
        assert said()[0] == 0
        assert asked == []
        code, output = said("--network")
        assert code == 0
        assert asked == ["HEAD /hub", "HEAD /torch"]
        assert output.count("answers\n") == 2

    def test_an_address_that_is_none(self, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://me:secret@127.0.0.1:port")
        code, output = said("--network")
        assert code == 1
        assert "http://127.0.0.1:port DOES NOT ANSWER\n" in output
        assert "secret" not in output

    def test_one_that_does_not_answer(self, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setattr(doctor, "TORCH_SERVER", address)
        code, output = said("--network")
        assert code == 1
        assert f"{address} DOES NOT ANSWER\n" in output
        assert f"problem    {address} cannot be reached: " in output
        assert "urlopen" not in output
