"""Pixels of picture files as a person sees them."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from handlens.errors import DataError, PhotoError
from handlens.io.pictures import LARGEST, as_seen, is_heic, open_picture, orientation_of, picture_fault, to_rgb, upright

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
        ("I;16", 257, None, (64, 64, 64)),  # of 1023: no more than 10 bits are used
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


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def huge() -> bytes:
    """The head of a PNG that says that it has one row of pixels too many."""
    data = bytearray(encoded("PNG"))
    data[16:24] = (20_000).to_bytes(4, "big") + (10_001).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def giant(side: int, **options: Any) -> bytes:
    """A JPEG of 64×64 pixels that says that it has side×side."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    at = data.index(b"\xff\xc2" if options else b"\xff\xc0") + 5
    return data[:at] + side.to_bytes(2, "big") * 2 + data[at + 4 :]


DAMAGED = "a damaged picture: it cannot be decoded"
TRUNCATED = "truncated: the end of the file is missing"
FAULTS = {
    "empty.jpg": (b"", "empty (0 bytes)"),
    "notes.jpg": (b"no picture, but some words", "not a picture"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "a damaged HEIC picture: it cannot be decoded"),
    "head.png": (b"\x89PNG\r\n\x1a\nnonsense", DAMAGED),
    "head.jpg": (b"\xff\xd8\xff\xe0 no picture", DAMAGED),
    "half.jpg": (encoded("JPEG")[:-400], TRUNCATED),
    "half.png": (encoded("PNG")[:-4000], TRUNCATED),
    "half.webp": (encoded("WEBP")[:-400], DAMAGED),
    "giant.jpg": (giant(14_000), TRUNCATED),
    "giant progressive.jpg": (giant(14_000, progressive=True), TRUNCATED),
    "huge.png": (huge(), "too large, more than 200 megapixels"),
}


def reasons_of_both(path: Path) -> tuple[str, str]:
    """Why Studio and why a model of pictures cannot read a file."""
    from handlens.studio.pictures import open_photo
    from handlens.vision.image import open_image, why_unreadable

    with pytest.raises(PhotoError) as by_studio:
        open_photo(path, at_least=64)
    with pytest.raises(DataError) as by_vision:
        open_image(path)
    reason = why_unreadable(path, by_vision.value)
    assert str(by_vision.value) == f"{path} cannot be read as a picture: {reason}. Replace the file or leave it out."
    return str(by_studio.value), reason


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as in a program that does not raise it
@pytest.mark.parametrize("name", FAULTS)
def test_why_a_file_cannot_be_read_is_said_alike_by_studio_and_vision(tmp_path: Path, name: str) -> None:
    content, reason = FAULTS[name]
    (tmp_path / name).write_bytes(content)
    assert reasons_of_both(tmp_path / name) == (reason, reason)


def test_no_file_and_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reasons_of_both(tmp_path / "none.jpg") == ("there is no such file",) * 2
    assert reasons_of_both(tmp_path) == ("not a file",) * 2
    assert reasons_of_both(tmp_path / "zero\0byte.jpg") == ("the file cannot be opened: embedded null byte",) * 2
    monkeypatch.setattr(Path, "open", refused)
    (tmp_path / "locked.jpg").touch()
    assert picture_fault(tmp_path / "locked.jpg", refusal()) == "the file cannot be opened: Permission denied"


def refusal() -> PermissionError:
    return PermissionError(errno.EACCES, "Permission denied")


def refused(path: Path, mode: str) -> None:
    raise refusal()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EIO, "Input/output error"), "the file cannot be read: Input/output error"),
        (OSError(errno.EINVAL, "Invalid argument"), DAMAGED),  # a damaged file points to before its beginning
        (OSError("broken data stream when reading image file"), DAMAGED),
        (OSError("image file is truncated (3 bytes not processed)"), TRUNCATED),
        (MemoryError(), "too large for the memory of this machine"),
        (Image.DecompressionBombWarning(), "too large, more than 200 megapixels"),
    ],
)
def test_what_was_raised_decides_for_a_file_that_begins_well(tmp_path: Path, error: Exception, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    assert picture_fault(tmp_path / "a.png", error) == reason


def test_the_smallest_file_of_a_large_picture_is_read(tmp_path: Path) -> None:
    from handlens.studio.pictures import open_photo

    whole = Image.new("L", (6400, 6400), 128)
    whole.save(tmp_path / "grey.jpg", progressive=True, optimize=True)
    assert open_photo(tmp_path / "grey.jpg", at_least=64).getpixel((9, 9)) == (128, 128, 128)


def heic(size: tuple[int, int] = (64, 48), *, orientation: int = 1) -> bytes:
    """A HEIC picture: blue in the upper left quarter, red elsewhere."""
    picture = Image.new("RGB", size, (200, 40, 40))
    picture.paste((0, 0, 255), (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, exif=exif.tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize(("orientation", "size", "blue"), [(1, (64, 48), (5, 5)), (6, (48, 64), (42, 5))])
def test_heic_is_read_upright(tmp_path: Path, orientation: int, size: tuple[int, int], blue: tuple[int, int]) -> None:
    (tmp_path / "phone.heic").write_bytes(heic(orientation=orientation))
    with open_picture(tmp_path / "phone.heic") as picture:
        seen = as_seen(picture)
    assert (seen.mode, seen.size) == ("RGB", size)
    red, green, blueness = seen.getpixel(blue)
    assert max(red, green) < 30
    assert blueness > 225
    assert seen.getpixel((size[0] // 2, size[1] - 5))[0] > 170


def test_heic_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "phone.heic").write_bytes(PHONE)
    with pytest.raises(ImportError) as error:
        open_picture(tmp_path / "phone.heic")
    why = picture_fault(tmp_path / "phone.heic", error.value)
    assert why == "a HEIC picture; to read it, pip install 'handlens[heic]', or export it as JPEG"


def test_heic_that_is_cut_off(tmp_path: Path) -> None:
    for length in (12, 40, 200, len(PHONE) - 50):
        (tmp_path / "phone.heic").write_bytes(PHONE[:length])
        with pytest.raises(Exception) as error:  # noqa: PT011 - of nearly any type
            as_seen(open_picture(tmp_path / "phone.heic"))
        why = picture_fault(tmp_path / "phone.heic", error.value)
        assert why == "a damaged HEIC picture: it cannot be decoded"


def test_avif_needs_nothing_more(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 40, 40)).save(tmp_path / "a.avif", quality=90)
    with open_picture(tmp_path / "a.avif") as picture:
        red, green, blue = as_seen(picture).getpixel((30, 20))
    assert (abs(red - 200) < 6, abs(green - 40) < 6, abs(blue - 40) < 6) == (True, True, True)


PHONE = heic()
