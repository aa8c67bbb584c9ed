"""Paths as people paste them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handlens.errors import CollectionError
from handlens.studio.server.typed_paths import typed_path


@pytest.mark.parametrize(
    "text",
    [
        "{}/my photos",
        "  {}/my photos \n",
        '"{}/my photos"',
        "' {}/my photos '",
        "“{}/my photos”",
        "«{}/my photos»",
        "file://{}/my%20photos",
        "file://localhost{}/my%20photos",
        '"FILE://{}/my%20photos"',
        "~/my photos",
        '"~/my photos"',
    ],
)
def test_what_people_paste_is_the_folder_they_mean(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home = os.path.abspath("/home/me")
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, home)
    assert typed_path(text.format(Path(home).as_posix())) == Path(home, "my photos")


def test_a_folder_with_that_very_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("'quoted'", "~", "trailing"):
        Path(name).mkdir()
        assert typed_path(name) == Path(name)
    assert typed_path('"quoted"') == Path("quoted")


@pytest.mark.skipif(os.name != "posix", reason="a backslash separates folders on Windows")
def test_spaces_escaped_by_a_terminal_are_understood_where_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    assert typed_path(f"{tmp_path}/my\\ photos") == tmp_path / "my photos"
    assert typed_path(f"{tmp_path}/no\\ photos") == Path(f"{tmp_path}/no\\ photos")


def test_text_that_names_no_path_stays_as_it_is() -> None:
    for text in ('"', "''", "a\0b", "\ud800", "~nobody-of-this-name/x"):
        assert str(typed_path(text)) == str(Path(text.strip()))


def test_text_that_names_nothing_is_refused() -> None:
    # Otherwise it would be the folder in which Studio was started.
    for text in ("", " ", '" "', "file:", "file://", "file://localhost"):
        with pytest.raises(CollectionError, match=r"a path must name a folder or file; .* arrived"):
            typed_path(text)


def test_a_broken_address_is_refused() -> None:
    with pytest.raises(CollectionError, match=r"“file://\[abc/x” is not a file:// address. Give the path instead."):
        typed_path("file://[abc/x")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CollectionError, match=r"must be of this machine; “file://nas/photos” is of nas\."):
        typed_path("file://nas/photos")
