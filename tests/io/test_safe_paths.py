from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import UploadError
from handlens.io.safe_paths import is_hidden, safe_path


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a.jpg", "a.jpg"),
        ("holiday/beach 1.jpg", "holiday/beach 1.jpg"),
        ("./a//b/./c.png", "a/b/c.png"),
        ("folder\\of\\windows.jpg", "folder/of/windows.jpg"),
        ("写真/日本.jpg", "写真/日本.jpg"),
        ("صور/قطة.png", "صور/قطة.png"),
        ("naïve…/Ω.png", "naïve…/Ω.png"),
        ("a..b/...c", "a..b/...c"),
        ("💚/✓.webp", "💚/✓.webp"),
    ],
)
def test_a_relative_name_is_a_place(name: str, place: str) -> None:
    assert safe_path(name) == PurePosixPath(place)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "./",
        "..",
        "../a.jpg",
        "a/../../b.jpg",
        "a/..",
        "a\\..\\..\\b.jpg",
        "/etc/passwd",
        "//server/share",
        "\\windows\\a.jpg",
        "C:\\a.jpg",
        "c:a.jpg",
        "a\x00.jpg",
        "a\nb.jpg",
        "\ud800.jpg",
        "x" * 256,
        "é" * 128,
        "a/" * 33 + "b",
        ("a" * 200 + "/") * 6 + "b",
    ],
)
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(UploadError):
        safe_path(name)


@given(st.text())
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        place = safe_path(name)
    except UploadError:
        return
    assert not place.is_absolute()
    assert ".." not in place.parts
    assert place.parts


def test_hidden_files_are_known() -> None:
    assert is_hidden(PurePosixPath("a/.DS_Store"))
    assert is_hidden(PurePosixPath("__MACOSX/a/b.jpg"))
    assert not is_hidden(PurePosixPath("a/b.jpg"))
