"""Pixels of picture files as a person sees them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlens.io.pictures import LARGEST, is_heic, orientation_of, to_rgb, upright

# As a person sees it:  1 2 3
#                       4 5 6
SEEN = [[1, 2, 3], [4, 5, 6]]
STORED = {
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[3, 6], [2, 5], [1, 4]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[4, 1], [5, 2], [6, 3]],
}


@pytest.mark.parametrize("orientation", STORED)
def test_turned_upright(orientation: int) -> None:
    stored = Image.fromarray(np.array(STORED[orientation], np.uint8))
    stored.getexif()[0x0112] = orientation
    assert orientation_of(stored) == orientation
    assert np.asarray(upright(stored, orientation)).tolist() == SEEN


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_are_none_turn_nothing(orientation: int) -> None:
    picture = Image.fromarray(np.array(SEEN, np.uint8))
    assert upright(picture, orientation) is picture


def test_an_orientation_that_is_no_number_counts_as_upright() -> None:
    picture = Image.new("RGB", (1, 1))
    picture.getexif()[0x0112] = "up"
    assert orientation_of(picture) == 1


@pytest.mark.parametrize(
    ("mode", "stored", "transparent", "seen"),
    [
        ("RGB", (10, 20, 30), None, (10, 20, 30)),
        ("RGB", (10, 20, 30), (10, 20, 30), (255, 255, 255)),
        ("RGB", (10, 20, 30), (10, 20, 31), (10, 20, 30)),
        ("L", 7, None, (7, 7, 7)),
        ("L", 7, 7, (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), None, (204, 204, 204)),
        ("CMYK", (0, 255, 255, 0), None, (255, 0, 0)),
        ("I;16", 65535, None, (255, 255, 255)),
        ("I;16", 257, None, (1, 1, 1)),
        ("F", 1.0, None, (255, 255, 255)),
        ("1", 1, None, (255, 255, 255)),
    ],
)
def test_as_it_looks(mode: str, stored: Any, transparent: Any, seen: tuple[int, int, int]) -> None:
    picture = Image.new(mode, (2, 1), stored)
    if transparent is not None:
        picture.info["transparency"] = transparent
    assert to_rgb(picture).mode == "RGB"
    assert to_rgb(picture).getpixel((1, 0)) == seen


def test_a_picture_in_the_memory_of_its_file_is_copied() -> None:
    picture = Image.frombuffer("RGB", (1, 1), b"abc", "raw", "RGB", 0, 1)
    picture.readonly = 1
    assert to_rgb(picture) is not picture


def test_heic_is_told_by_its_brand() -> None:
    assert is_heic(b"\0\0\0\x18ftypheic")
    assert not is_heic(b"\0\0\0\x18ftypavif")
    assert not is_heic(b"\xff\xd8\xff")


def test_neither_torch_nor_a_lower_limit_of_pillows() -> None:
    code = (
        "import sys, handlens.io.pictures, handlens.studio.pictures; from PIL import Image; "
        "print('torch' in sys.modules, Image.MAX_IMAGE_PIXELS)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", str(LARGEST)]
