"""Photos by the names that files give them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.studio.formats.matching import PhotoNames

PATHS = ["a.jpg", "x/b.jpg", "y/b.jpg", "x/deep/c.tar.png", "é.jpg", "a.b/noending"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", (0, "")),
        ("./a.jpg", (0, "")),
        ("a", (0, "")),
        ("/home/me/a.jpg", (0, "")),
        ("x/b.jpg", (1, "")),
        ("x\\b.jpg", (1, "")),
        ("C:\\photos\\x\\b.jpg", (1, "")),
        ("x/b", (1, "")),
        ("b.jpg", (-1, "2 photos have this name")),
        ("b", (-1, "2 photos have this name")),
        ("z/b.jpg", (-1, "2 photos have this name")),
        ("z/c.tar.png", (-1, "no photo has this path; x/deep/c.tar.png is another one of this name")),
        ("z/deep/c.tar", (-1, "no photo has this path; x/deep/c.tar.png is another one of this name")),
        ("z/x/deep/c.tar", (3, "")),
        ("z/a", (0, "")),
        ("../x/b.jpg", (-1, "leads out of the folder")),
        ("C:\\photos\\..\\x\\b.jpg", (-1, "leads out of the folder")),
        ("..%2Fx%2Fb.jpg", (-1, "leads out of the folder")),
        ("x%2Fb.jpg", (1, "")),
        ("%C3%A9.jpg", (4, "")),
        ("https://example.org/photos/%C3%A9.jpg?size=2#top", (4, "")),
        ("s3://bucket/x/b.jpg", (1, "")),
        ("file:///home/me/a.jpg", (0, "")),
        ("https://[/100%.jpg", (-1, "no photo has this name")),
        ("deep/c.tar.png", (3, "")),
        ("c.tar", (3, "")),
        (unicodedata.normalize("NFD", "é.jpg"), (4, "")),
        ("noending", (5, "")),
        ("a.b/noending", (5, "")),
        ("", (-1, "names no photo")),
        ("./", (-1, "names no photo")),
        ("c.png", (-1, "no photo has this name")),
        ("A.JPG", (-1, "no photo has this name")),
    ],
)
def test_a_photo_is_found_by_path_end_or_name(name, found):
    assert PhotoNames(PATHS).find(name) == found


def test_paths_that_look_the_same_are_told_apart_by_their_exact_form():
    composed, decomposed = "é.jpg", unicodedata.normalize("NFD", "é.jpg")
    names = PhotoNames([composed, decomposed])
    assert names.find(composed) == (0, "")
    assert names.find(decomposed) == (1, "")
    assert names.find(f"photos/{composed}") == (-1, "2 photos have this name")


def test_a_name_with_signs_of_an_address_is_first_taken_as_it_is():
    names = PhotoNames(["a b.jpg", "a%20b.jpg"])
    assert names.find("x/a%20b.jpg") == (1, "")


def test_photos_that_are_named_twice_count_once():
    assert PhotoNames(PATHS).count(["a.jpg", "a", "x/b.jpg", "b.jpg", "gone.jpg"]) == 2


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda path: "\0" not in path), unique=True))
def test_each_path_finds_its_own_photo(paths):
    names = PhotoNames(paths)
    assert [names.find(path)[0] for path in paths] == list(range(len(paths)))
