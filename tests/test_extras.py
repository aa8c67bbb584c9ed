"""Extras: the table agrees with pyproject.toml, and what is missing is said with the extra that brings it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from handlens.errors import ExportError
from handlens.extras import EXTRAS, Extra, missing, require
from tests.source_files import python_files, text_of

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_table_has_the_extras_of_pyproject():
    assert list(EXTRAS) == list(PROJECT["project"]["optional-dependencies"])


def test_the_page_says_what_each_brings():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    table = page[page.index("| extra | brings | weighs |") :].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \| .+ \| \d+ MB \|$", table, re.MULTILINE) == list(EXTRAS)


def test_every_extra_that_is_named_anywhere_exists():
    files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *python_files("src")]
    texts = [text_of(file) for file in files]
    named = {
        name.strip()
        for text in texts
        for some in re.findall(r"handlens\[([\w, ]+)\]", text)
        for name in some.split(",")
    }
    assert named - set(EXTRAS) == {"NAME"}  # of the docstring of Extra


@pytest.fixture
def _absent(monkeypatch):
    monkeypatch.setitem(EXTRAS, "one", Extra("one thing", ("json", "absent_one")))
    monkeypatch.setitem(EXTRAS, "two", Extra("two things", ("absent_one", "absent_two")))


@pytest.mark.usefixtures("_absent")
class TestMissing:
    def test_what_is_missing(self):
        assert missing("one") == ["absent_one"]
        assert missing("two") == ["absent_one", "absent_two"]

    def test_the_error_names_the_packages_and_the_extra(self):
        with pytest.raises(ExportError) as raised:
            require("one", "Reading it", ExportError)
        assert str(raised.value) == (
            "Reading it needs the package absent_one, which is not installed: pip install 'handlens[one]'."
        )
        with pytest.raises(ExportError) as raised:
            require("two", "Reading them", ExportError)
        assert str(raised.value) == (
            "Reading them needs the packages absent_one and absent_two, which are not installed: "
            "pip install 'handlens[two]'."
        )

    def test_what_is_installed_passes(self, monkeypatch):
        monkeypatch.setitem(EXTRAS, "none", Extra("nothing", ("json", "re")))
        assert missing("none") == []
        require("none", "Reading it", ExportError)
