"""The workflow and the issue forms of .github/, and the hooks of pre-commit, fit the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_unit_tests_run_on_every_python_that_the_package_names(workflow):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    named = [text.removeprefix(prefix) for text in project["classifiers"] if text.startswith(prefix)]
    matrix = workflow["jobs"]["unit"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in named]
    assert project["requires-python"] == f">={matrix['python'][0]}"
    assert [os.split("-")[0] for os in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_it_may_only_read_and_uses_no_secret(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert not re.search(r"secrets\.\w", (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))


def test_every_job_ends_in_time_and_every_action_is_pinned(workflow):
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())
    actions = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert actions
    assert [action for action in actions if not re.fullmatch(r"actions/[\w-]+@v\d+", action)] == []


def test_what_it_makes_is_in_the_makefile_and_make_is_not_asked_for_on_windows(workflow):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {name: re.findall(r"make ([\w-]+)", str(job["steps"])) for name, job in workflow["jobs"].items()}
    assert asked["unit"] == []
    assert {target for names in asked.values() for target in names} <= targets
    assert {"lint", "types", "page-test"} <= set(asked["checks"])
    assert asked["browser"] == ["browser"]


def test_hooks_before_a_commit_fetch_nothing():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {hook["language"] for repository in config["repos"] for hook in repository["hooks"]} <= {"system", "pygrep"}


FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_form_is_one_that_github_takes(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert content["name"]
    assert content["description"]
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
