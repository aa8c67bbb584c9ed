"""Pictures: both forms of one, files of every kind, and what damaged or odd ones get."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageOps

from handlens.errors import DataError
from handlens.vision import jpeg
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment, open_image

RNG = np.random.default_rng(0)
PHOTO = Pillow.fromarray(RNG.integers(0, 255, (6, 9, 3), dtype=np.uint8)).resize((90, 60), Pillow.Resampling.BICUBIC)


def test_the_two_forms_of_a_picture() -> None:
    pixels = np.array([[[0, 51, 255]]], np.uint8)
    image = Image.from_pixels(pixels)
    assert image.data.tolist() == [[[0.0]], [[pytest.approx(0.2)]], [[1.0]]]
    assert image.data.dtype == torch.float32
    assert image.data.is_contiguous()
    assert image.size == (1, 1)
    assert Image(image.data).pixels.tolist() == pixels.tolist()
    assert Image(torch.tensor([[[-0.1]], [[0.499]], [[1.7]]])).pixels.tolist() == [[[0, 127, 255]]]
    assert repr(Image(torch.zeros(3, 4, 5))) == "Image 4×5"


def test_all_levels_survive_the_way_to_a_tensor_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert (Image(Image.from_pixels(levels).data).pixels == levels).all()
    assert (Image(Image.from_pixels(levels[:, ::-1]).data).pixels == levels[:, ::-1]).all()  # a flipped view


@pytest.mark.parametrize(
    "data", [torch.zeros(4, 5), torch.zeros(2, 4, 5), torch.zeros(3, 4, 5).byte(), torch.zeros(3, 0, 5), "photo.jpg"]
)
def test_what_is_no_picture(data: Any) -> None:
    with pytest.raises(DataError, match="an Image"):
        Image(data)


@pytest.mark.parametrize("pixels", [np.zeros((4, 5)), np.zeros((4, 5, 4), np.uint8), np.zeros((0, 5, 3), np.uint8)])
def test_what_are_no_pixels(pixels: Any) -> None:
    with pytest.raises(DataError, match="pixels must be a uint8 array"):
        Image.from_pixels(pixels)


def test_masks_points_and_boxes_are_checked() -> None:
    assert ImageSegment(torch.tensor([[[0, 7]]])).data.tolist() == [[[0, 7]]]
    for wrong in (np.zeros((2, 2, 2), np.uint8), np.full((2, 2), 300), np.zeros((2, 2))):
        with pytest.raises(DataError, match="a mask"):
            ImageSegment(wrong)
    with pytest.raises(DataError, match=r"points must be finite numbers \[N, 2\]"):
        ImagePoints(torch.tensor([[1.0, float("nan")]]), (4, 4))
    with pytest.raises(DataError, match="bottom or right of one comes before"):
        ImageBBox(torch.tensor([[3.0, 0.0, 1.0, 2.0]]), (4, 4))
    with pytest.raises(DataError, match="1 boxes and 2 labels"):
        ImageBBox(torch.tensor([[0.0, 0.0, 1.0, 2.0]]), (4, 4), labels=["a", "b"])
    assert [repr(x) for x in (ImageSegment(np.zeros((2, 3), int)), ImagePoints(torch.zeros(1, 2), (2, 3)))] == [
        "ImageSegment 2×3",
        "ImagePoints 1 on 2×3",
    ]


# ------------------------------------------------------------------------------------------- files


def saved(path: Path, picture: Pillow.Image = PHOTO, *, orientation: int = 1, **options: Any) -> Path:
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp"])
def test_upright_by_exif(tmp_path: Path, name: str, orientation: int) -> None:
    path = saved(tmp_path / name, orientation=orientation)
    with Pillow.open(path) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    assert (open_image(path).pixels == expected).all()
    assert open_image(path).size == ((60, 90) if orientation < 5 else (90, 60))


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_decoded_as_pillow_does(tmp_path: Path, mode: str, progressive: bool) -> None:
    path = saved(tmp_path / "photo.jpeg", PHOTO.convert(mode), progressive=progressive)
    with Pillow.open(path) as picture:
        assert (open_image(path).pixels == np.asarray(picture.convert("RGB"))).all()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (77, 0), (255, 255, 255)),
        ("P", 0, None),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 32896, (128, 128, 128)),
    ],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, colour: Any, expected: Any) -> None:
    picture = Pillow.new(mode, (5, 4), colour)
    if mode == "P":
        picture.putpalette([9, 8, 7] * 256)
        expected = (9, 8, 7)
    picture.save(tmp_path / "photo.png")
    image = open_image(tmp_path / "photo.png")
    assert image.size == (4, 5)
    assert set(map(tuple, image.pixels.reshape(-1, 3).tolist())) == {expected}


def test_at_least_decodes_a_jpeg_at_reduced_scale(tmp_path: Path) -> None:
    path = saved(tmp_path / "large.jpg", PHOTO.resize((800, 480)), orientation=6)  # 800 high, 480 wide
    assert open_image(path).size == (800, 480)
    assert open_image(path, at_least=(400, 240)).size == (400, 240)
    assert open_image(path, at_least=(401, 240)).size == (800, 480)
    assert open_image(path, at_least=(100, 60)).size == (100, 60)
    assert open_image(path, at_least=(1, 1)).size == (100, 60)  # an eighth is the least
    with pytest.raises(DataError, match="at_least must be"):
        open_image(path, at_least=(0, 5))


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert open_image(tmp_path / "moving.gif").pixels[0, 0].tolist() == [255, 0, 0]


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    PHOTO.save(buffer, "JPEG")
    return buffer.getvalue()


PNG = io.BytesIO()
PHOTO.save(PNG, "PNG")
DAMAGED = [
    (b"", "empty"),
    (b"just words, no picture", "not a picture"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
    (jpeg_bytes()[:-400], "truncated|damaged"),
    (jpeg_bytes()[:30], "truncated|damaged"),
    (jpeg.MAGIC, "truncated|damaged"),
    (PNG.getvalue()[:-200], "truncated|damaged"),
    (PNG.getvalue()[:20], "truncated|damaged"),
]


@pytest.mark.parametrize(("content", "says"), DAMAGED)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"odd\.jpg .*({says})"):
        open_image(path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read as a picture: there is no such file\."):
        open_image(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match="not a file"):
        open_image(str(tmp_path))


def test_a_picture_that_would_fill_the_memory(tmp_path: Path) -> None:
    for name, where in (("bomb.jpg", 5), ("bomb.png", None)):
        data = bytearray(jpeg_bytes() if where else PNG.getvalue())
        if where:
            at = data.index(b"\xff\xc0") + where
            data[at : at + 4] = b"\xff\xff\xff\xff"
        else:
            import zlib

            data[16:24] = (60_000).to_bytes(4) * 2
            data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name} cannot be .*: too large, more than 200 megapixels"):
            open_image(tmp_path / name)


def test_a_jpegs_size_is_read_from_its_header() -> None:
    assert jpeg.read_header(jpeg_bytes()) == (60, 90, False)
    for length in range(0, 160, 7):
        assert jpeg.read_header(jpeg_bytes()[:length]) is None
    frame = b"\xff\xd8\xff\xff\xff\xc0\0\x0b\x08\0\x02\0\x03\x03\0\0\0"  # a filler byte comes first
    scan = b"\xff\xda" + bytes(9)
    assert jpeg.read_header(frame + scan) == (2, 3, False)
    assert jpeg.read_header(frame + b"\xff\xe1\0\x08Exif\0\0" + scan) == (2, 3, True)  # after the size, too


def test_real_photos(shared_data: Path) -> None:
    for path in sorted((shared_data / "cars" / "images").glob("*.jpg"))[::150]:
        with Pillow.open(path) as picture:
            assert (open_image(path).pixels == np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))).all()


def test_an_open_file(tmp_path: Path) -> None:
    file = saved(tmp_path / "photo.jpg", orientation=6)
    wanted = open_image(file).pixels
    for opened in (io.BytesIO(file.read_bytes()), file.open("rb")):
        with opened:
            assert (open_image(opened).pixels == wanted).all()
    for content, said in (
        (b"", "empty"),
        (b"hello", "not a picture"),
        (file.read_bytes()[:200], "cannot be decoded|truncated"),
    ):
        with pytest.raises(DataError, match=f"^the open file cannot be read as a picture: .*({said}).*Replace"):
            open_image(io.BytesIO(content))
    with pytest.raises(DataError, match=r"must give bytes, .* gives str"):
        open_image(io.StringIO("a"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"bytes arrived: of bytes, give io.BytesIO"):
        open_image(file.read_bytes())  # type: ignore[arg-type]
