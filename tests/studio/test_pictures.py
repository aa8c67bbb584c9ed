"""Pictures of every kind: each is decoded to the right pixels or named with its reason."""

from __future__ import annotations

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlens.errors import CollectionError, PhotoError
from handlens.studio import pictures
from handlens.studio.pictures import open_photo, square, thumbnail, tile
from handlens.studio.scanning import LeftOut, scan

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def photo(path: Path, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def reasons(folder: Path) -> dict[str, str]:
    return {one.path: one.reason for one in scan(folder)[1]}


def pixel(path: Path, x: int = 0, y: int = 0) -> object:
    image = open_photo(path, at_least=1000)
    assert image.mode == "RGB"
    return image.getpixel((x, y))


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# ---------------------------------------------------------------------------------------------- finding


def test_natural_order_and_subfolders(tmp_path: Path) -> None:
    for i, name in enumerate(("10.png", "2.png", "b/1.png", "a/2.png", "a/10.png")):
        photo(tmp_path / name, (i, 0, 0))
    assert scan(tmp_path) == (["2.png", "10.png", "a/2.png", "a/10.png", "b/1.png"], [])


def test_names_in_any_script(tmp_path: Path) -> None:
    names = ["foto é.png", "写真.png", "صورة.png", "фото.png", "📷 x².png", "line\nbreak.png"]
    for i, name in enumerate(names):
        photo(tmp_path / name, (i, 0, 0))
    paths, left_out = scan(tmp_path)
    assert sorted(paths) == sorted(names)
    assert left_out == []


def test_a_name_that_is_no_text_is_listed_printably(tmp_path: Path) -> None:
    photo(tmp_path / "good.png")
    (tmp_path / "good.png").rename(tmp_path / os.fsdecode(b"b\xffd.png"))
    paths, left_out = scan(tmp_path)
    assert paths == []
    assert left_out == [LeftOut("b�d.png", "its name is not valid Unicode; rename it to use it")]
    left_out[0].path.encode("utf-8")


def test_hidden_files_and_folders_are_ignored(tmp_path: Path) -> None:
    photo(tmp_path / ".hidden.png")
    photo(tmp_path / ".git" / "a.png")
    assert scan(tmp_path) == ([], [])


def test_what_is_no_picture_is_listed(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    os.mkfifo(tmp_path / "pipe.jpg")
    paths, _ = scan(tmp_path)
    assert paths == []
    assert reasons(tmp_path) == {
        "empty.jpg": "empty (0 bytes)",
        "notes.txt": "not a picture",
        "script.eps": "not a picture",
        "phone.heic": "a damaged HEIC picture: it cannot be decoded",
        "broken.png": "a damaged picture: it cannot be decoded",
        "pipe.jpg": "not a file with content (a device, pipe or socket)",
    }


def test_the_extension_does_not_matter(tmp_path: Path) -> None:
    photo(tmp_path / "a.png").rename(tmp_path / "a.dat")
    assert scan(tmp_path)[0] == ["a.dat"]


def test_bombs_are_refused_from_their_header(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (tmp_path / "over.png").write_bytes(png_header(20_000, 10_001))
    (tmp_path / "under.png").write_bytes(png_header(20_000, 10_000))
    with pytest.raises(PhotoError, match="too large"):
        open_photo(tmp_path / "bomb.png", at_least=64)
    paths, _ = scan(tmp_path)
    assert paths == ["under.png"]
    assert reasons(tmp_path)["bomb.png"] == "too large, more than 200 megapixels"


def test_links(tmp_path: Path) -> None:
    folder, outside = tmp_path / "photos", tmp_path / "outside"
    photo(folder / "real.png")
    photo(folder / ".store" / "kept.png", GREEN)
    photo(outside / "secret.png", BLUE)
    (folder / "a_copy.png").symlink_to("real.png")
    (folder / "stored.png").symlink_to(".store/kept.png")
    (folder / "secret.png").symlink_to(outside / "secret.png")
    (folder / "up").symlink_to(folder)
    (folder / "away").symlink_to(outside)
    (folder / "broken.png").symlink_to("gone.png")
    (folder / "loop.png").symlink_to("loop.png")
    paths, _ = scan(folder)
    assert paths == ["real.png", "stored.png"]
    assert reasons(folder) == {
        "a_copy.png": "the same file as real.png",
        "secret.png": "a link to outside the folder",
        "up": "a link to a folder",
        "away": "a link to outside the folder",
        "broken.png": "a link to a file that does not exist",
        "loop.png": "a link that leads back to itself",
    }


def test_identical_files_are_used_once_and_equal_sizes_are_not_enough(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), RED).save(tmp_path / "1.bmp")
    Image.new("RGB", (4, 4), GREEN).save(tmp_path / "2.bmp")
    (tmp_path / "3.bmp").write_bytes((tmp_path / "1.bmp").read_bytes())
    assert scan(tmp_path) == (["1.bmp", "2.bmp"], [LeftOut("3.bmp", "the same file as 1.bmp")])


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no such folder"):
        scan(tmp_path / "none")


# ---------------------------------------------------------------------------------------------- decoding


def test_cmyk_red_is_red(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert pixel(tmp_path / "a.tif") == RED
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(pixel(tmp_path / "a.jpg"), RED, atol=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.array([[0, 257, 32896, 65535]], dtype=np.uint16)).save(path)
    assert [pixel(path, x) for x in range(4)] == [(0,) * 3, (1,) * 3, (128,) * 3, (255,) * 3]


def test_fractions_and_wide_ranges(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.2, 1.0]], dtype=np.float32)).save(tmp_path / "a.tif")
    assert [pixel(tmp_path / "a.tif", x) for x in range(3)] == [(0,) * 3, (51,) * 3, (255,) * 3]
    Image.fromarray(np.array([[-100.0, 0.0, 100.0]], dtype=np.float32)).save(tmp_path / "b.tif")
    assert [pixel(tmp_path / "b.tif", x) for x in (0, 2)] == [(0,) * 3, (255,) * 3]


def test_palette_and_black_and_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*GREEN, *BLUE])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    assert [pixel(tmp_path / "a.png", x) for x in (0, 1)] == [GREEN, BLUE]
    Image.new("1", (2, 1), 1).save(tmp_path / "b.png")
    assert pixel(tmp_path / "b.png") == WHITE


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    image.putpixel((2, 0), (0, 0, 0, 51))
    image.save(tmp_path / "a.png")
    assert [pixel(tmp_path / "a.png", x) for x in range(3)] == [RED, WHITE, (204, 204, 204)]


def test_a_transparent_palette_colour_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (1, 1))
    image.putpalette(list(GREEN))
    image.save(tmp_path / "a.gif", transparency=0)
    assert pixel(tmp_path / "a.gif") == WHITE


def test_a_transparent_colour_lies_on_white_also_where_the_photo_is_reduced(tmp_path: Path) -> None:
    image = Image.new("RGB", (80, 40), RED)
    image.paste(BLUE, (41, 0, 80, 40))
    image.save(tmp_path / "a.png", transparency=RED)
    found = open_photo(tmp_path / "a.png", at_least=10)
    assert found.size == (20, 10)
    assert found.getpixel((0, 0)) == (255, 255, 255)
    assert found.getpixel((10, 0)) == (64, 64, 255)  # a column of white and three of blue
    assert found.getpixel((19, 0)) == BLUE


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (BLUE, RED)]
    for name in ("a.gif", "a.png", "a.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        assert pixel(tmp_path / name) == BLUE, name


# Where the top left pixel of the stored picture (2 wide, 3 high) is seen, by EXIF orientation.
@pytest.mark.parametrize(
    ("orientation", "size", "seen"),
    [
        (1, (2, 3), (0, 0)),
        (2, (2, 3), (1, 0)),
        (3, (2, 3), (1, 2)),
        (4, (2, 3), (0, 2)),
        (5, (3, 2), (0, 0)),
        (6, (3, 2), (2, 0)),
        (7, (3, 2), (2, 1)),
        (8, (3, 2), (0, 1)),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_exif_orientation(
    tmp_path: Path, suffix: str, orientation: int, size: tuple[int, int], seen: tuple[int, int]
) -> None:
    image = Image.new("RGB", (2, 3), BLUE)
    image.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"a.{suffix}", exif=exif)
    upright = open_photo(tmp_path / f"a.{suffix}", at_least=100)
    assert upright.size == size
    assert upright.getpixel(seen) == RED
    assert sum(colour == RED for colour in map(tuple, np.asarray(upright).reshape(-1, 3))) == 1


def test_malformed_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), RED).save(tmp_path / "a.png", exif=b"Exif\0\0garbage")
    assert pixel(tmp_path / "a.png") == RED


def test_truncated_and_damaged(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for name in ("a.jpg", "a.png", "a.webp", "a.bmp"):
        noise.save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(PhotoError, match=r"truncated|damaged"):
            open_photo(tmp_path / name, at_least=64)


def test_gone_and_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="there is no such file"):
        open_photo(tmp_path / "none.jpg", at_least=64)
    with pytest.raises(PhotoError, match="not a file"):
        open_photo(tmp_path, at_least=64)


def test_20_000_pixels_wide(tmp_path: Path) -> None:
    photo(tmp_path / "wide.png", GREEN, (20_000, 100))
    assert scan(tmp_path) == (["wide.png"], [])
    image = open_photo(tmp_path / "wide.png", at_least=96)
    assert image.size == (20_000, 100)
    assert Image.open(io.BytesIO(thumbnail(image))).size == (256, 1)
    assert square(image, 96).tolist() == [[list(GREEN)] * 96] * 96


@pytest.mark.parametrize(("suffix", "size"), [("jpg", (200, 100)), ("png", (160, 80))])
def test_reduced_but_never_below_what_is_needed(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    # 800×400 for 79: JPEG decodes at 1/4; others by the whole number 400 // 79 = 5.
    photo(tmp_path / f"a.{suffix}", GREEN, (800, 400))
    assert open_photo(tmp_path / f"a.{suffix}", at_least=79).size == size
    assert open_photo(tmp_path / f"a.{suffix}", at_least=500).size == (800, 400)


def test_large_pictures_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_LARGE", 10)
    photo(tmp_path / "a.png", GREEN)
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: open_photo(tmp_path / "a.png", at_least=8), range(8)))
    assert [image.getpixel((0, 0)) for image in images] == [GREEN] * 8


def test_many_threads_get_the_right_pictures(tmp_path: Path) -> None:
    for i in range(24):
        photo(tmp_path / f"{i}.png", (i, 0, 0))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: pixel(tmp_path / f"{i}.png"), range(24)))
    assert found == [(i, 0, 0) for i in range(24)]


# ---------------------------------------------------------------------------------------------- sizes


def test_thumbnails_keep_their_aspect_and_are_not_enlarged() -> None:
    def size(width: int, height: int) -> tuple[int, int]:
        return Image.open(io.BytesIO(thumbnail(Image.new("RGB", (width, height))))).size

    assert size(512, 256) == (256, 128)
    assert size(300, 600) == (128, 256)
    assert size(20, 10) == (20, 10)


def test_squares_hold_the_whole_picture() -> None:
    image = Image.new("RGB", (200, 100), RED)
    image.paste(BLUE, (100, 0, 200, 100))
    small = tile(image, 4)
    assert small.shape == (4, 4, 3)
    assert small.dtype == np.uint8
    assert small[:, 0].tolist() == [list(RED)] * 4
    assert small[:, 3].tolist() == [list(BLUE)] * 4


def test_squares_are_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert abs(int(square(Image.fromarray(stripes), 8).astype(int).mean()) - 127) <= 1


@pytest.mark.parametrize("share", [0.9, 0.75, 0.6, 0.5])
def test_a_copy_of_another_size_has_nearly_the_same_tile(share: float) -> None:
    """Duplicates are found by tiles: averages of whole blocks of pixels would be 4 to 13 levels of 255 apart."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    picture = Image.fromarray(pixels).resize((256, 192), Image.Resampling.BICUBIC)
    copy = picture.resize((round(256 * share), round(192 * share)), Image.Resampling.BICUBIC)
    assert np.abs(tile(picture).astype(int) - tile(copy).astype(int)).mean() < 3
