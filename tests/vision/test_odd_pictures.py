"""Pictures that are turned, deep or stored in an unusual way look the same wherever they are read."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from handlens.errors import DataError, PhotoError
from handlens.io.deep_pictures import about_limits, limits_from
from handlens.studio import Collection
from handlens.studio.pictures import limits_of, open_photo
from handlens.studio.predictor import load_predictor
from handlens.vision.image import open_image
from handlens.vision.verify import unreadable_images

SIDE = 64
"""A multiple of the blocks of 8 that a JPEG stores, also at 1/4 of the size."""


def corners(path: Path) -> list[Any]:
    """Where the marked, white corner is seen, read in each way that there is: the shape, then row and column in 0–1."""
    found = []
    for at_least in (None, (1, 1), (16, 32), (32, 16), (500, 500)):
        pixels = open_image(path, at_least=at_least).pixels
        found.append(_corner(pixels))
    for least in (8, 16, 40, 500):
        found.append(_corner(np.asarray(open_photo(path, at_least=least))))
    return found


def _corner(pixels: NDArray[Any]) -> Any:
    height, width = pixels.shape[:2]
    row, column = np.unravel_index(pixels[..., 1].astype(int).argmax(), (height, width))
    return width > height, bool(row > height / 2), bool(column > width / 2)


UPRIGHT, QUARTER = (True, False, False), (False, False, True)
"""The marked corner is at the top left of a wide picture; at the top right of a high one, as EXIF's 6 says."""


def marked() -> Pillow.Image:
    pixels = np.zeros((SIDE, 2 * SIDE, 3), np.uint8)
    pixels[:16, :16] = 255
    return Pillow.fromarray(pixels)


def exif(kind: int, value: bytes, *, count: int = 1, end: str = "<", head: bytes = b"Exif\0\0") -> bytes:
    """An EXIF block with one tag, the orientation, of any type."""
    entry = struct.pack(f"{end}HHI", 0x0112, kind, count)
    stored, more = (value.ljust(4, b"\0"), b"") if len(value) <= 4 else (struct.pack(f"{end}I", 26), value)
    order = b"II*\0" if end == "<" else b"MM\0*"
    return head + order + struct.pack(f"{end}IH", 8, 1) + entry + stored + b"\0\0\0\0" + more


def xmp(text: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {text}</x:xmpmeta>'.encode()


def with_segment(data: bytes, segment: bytes) -> bytes:
    """A JPEG with one more APP1 segment at its beginning."""
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def jpeg(path: Path, *segments: bytes) -> Path:
    stored = io.BytesIO()
    marked().save(stored, "JPEG", quality=95)
    data = stored.getvalue()
    for segment in reversed(segments):
        data = with_segment(data, segment)
    path.write_bytes(data)
    return path


SAID_BY_PILLOW = pytest.mark.filterwarnings("ignore:Metadata Warning, tag 274 had too many entries")
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"


@pytest.mark.parametrize(
    ("segments", "seen"),
    [
        pytest.param([], UPRIGHT, id="none"),
        pytest.param([exif(3, b"\6\0")], QUARTER, id="as it should be"),
        pytest.param([exif(3, b"\0\6", end=">")], QUARTER, id="big-endian"),
        pytest.param([exif(1, b"\6")], QUARTER, id="byte"),
        pytest.param([exif(2, b"6\0", count=2)], QUARTER, id="ascii"),
        pytest.param([exif(2, b"6", count=1)], QUARTER, id="ascii without its end"),
        pytest.param([exif(4, b"\6\0\0\0")], QUARTER, id="long"),
        pytest.param([exif(5, b"\6\0\0\0\1\0\0\0")], QUARTER, id="rational"),
        pytest.param([exif(7, b"\6")], QUARTER, id="undefined"),
        pytest.param([exif(3, b"\6\0\1\0", count=2)], QUARTER, id="two numbers", marks=SAID_BY_PILLOW),
        pytest.param([exif(1, b"\6\1", count=2)], QUARTER, id="two bytes"),
        pytest.param([exif(3, b"", count=0)], UPRIGHT, id="no number"),
        pytest.param([exif(3, b"\0\0")], UPRIGHT, id="0"),
        pytest.param([exif(3, b"\x09\0")], UPRIGHT, id="9"),
        pytest.param([exif(2, b"up\0", count=3)], UPRIGHT, id="text"),
        pytest.param([exif(5, b"\6\0\0\0\0\0\0\0")], UPRIGHT, id="divided by 0"),
        pytest.param([exif(3, b"\6\0", head=b"Exif\0\xff")], QUARTER, id="filled with ff"),
        pytest.param([XMP_HEAD + xmp('tiff:Orientation="6"/>')], QUARTER, id="XMP"),
        pytest.param([XMP_HEAD + xmp("tiff:Orientation='6'/>")], QUARTER, id="XMP, single quotes"),
        pytest.param([XMP_HEAD + xmp('tiff:Orientation = "6"/>')], QUARTER, id="XMP, spaces"),
        pytest.param([XMP_HEAD + xmp("><tiff:Orientation>6</tiff:Orientation>")], QUARTER, id="XMP, an element"),
        pytest.param([XMP_HEAD + xmp('tiff:Orientation="9"/>')], UPRIGHT, id="XMP, another number"),
        pytest.param([exif(3, b"\6\0"), XMP_HEAD + xmp('tiff:Orientation="1"/>')], QUARTER, id="EXIF comes first"),
        pytest.param([b"Exif\0\0garbage", XMP_HEAD + xmp('tiff:Orientation="6"/>')], QUARTER, id="EXIF is damaged"),
    ],
)
def test_p6_a_jpeg_is_turned_in_one_way_whatever_size_is_asked_for(
    tmp_path: Path, segments: list[bytes], seen: Any
) -> None:
    assert set(corners(jpeg(tmp_path / "a.jpg", *segments))) == {seen}


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif", "jpg"])
@pytest.mark.parametrize(
    "options",
    [
        {"exif": exif(3, b"\6\0")},
        {"exif": exif(1, b"\6")},
        {"exif": exif(2, b"6\0", count=2)},
        {"xmp": xmp('tiff:Orientation="6"/>')},
    ],
    ids=["exif", "byte", "ascii", "xmp"],
)
def test_p6_other_formats_are_turned_as_jpegs_are(tmp_path: Path, suffix: str, options: dict[str, bytes]) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "avif" and options.get("exif", b"")[18:19] in (b"\1", b"\2"):
        options = {"exif": exif(3, b"\6\0")}  # Pillow writes an AVIF file's orientation as a number of two bytes only
    if suffix == "png" and "xmp" in options:
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", options["xmp"].decode())
        marked().save(path, pnginfo=info)
    elif suffix == "tif":
        write_tiff(path, np.asarray(marked()), **tiff_orientation(options))
    else:
        marked().save(path, **options)
    assert set(corners(path)) == {QUARTER}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_p6_a_tiff_of_8_bits_is_turned_whether_it_is_compressed_or_not(
    tmp_path: Path, mode: str, orientation: int, compression: str
) -> None:
    stored = Pillow.effect_noise((5, 3), 90).convert("RGB").convert(mode)
    stored.save(tmp_path / "a.tif", tiffinfo={0x0112: orientation}, compression=compression)
    stored.getexif()[0x0112] = orientation
    seen = ImageOps.exif_transpose(stored).convert("RGB")
    assert open_image(tmp_path / "a.tif").pixels.tolist() == np.asarray(seen).tolist()
    assert np.asarray(open_photo(tmp_path / "a.tif", at_least=9)).tolist() == np.asarray(seen).tolist()


def test_p6_deep_pictures_are_turned_too(tmp_path: Path) -> None:
    deep = np.asarray(marked()).astype(np.uint16) * 257
    marked_grey = Pillow.fromarray(deep[..., 0].copy())
    marked_grey.save(tmp_path / "a.png", exif=exif(3, b"\6\0"))
    for kind, value in ((3, 6), (1, 6)):
        for name, array in (("grey", deep[..., 0]), ("colour", deep), ("fractions", (deep / 65535).astype(np.float16))):
            write_tiff(tmp_path / f"{name}-{kind}.tif", array, orientation=(kind, value))
    for path in sorted(tmp_path.iterdir()):
        assert set(corners(path)) == {QUARTER}, path.name


# ---------------------------------------------------------------------------------------------- deep pictures


def write_tiff(
    path: Path,
    values: NDArray[Any],
    *,
    end: str = "<",
    white_is_0: bool = False,
    orientation: tuple[int, int] | None = None,
    description: bytes = b"",
) -> Path:
    """An uncompressed TIFF of values of nearly any type; Pillow writes but a few of them."""
    height, width = values.shape[:2]
    samples = values.shape[2] if values.ndim == 3 else 1
    data = values.astype(values.dtype.newbyteorder(end)).tobytes()
    bits, kind = values.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    photometric = 2 if samples > 1 else int(not white_is_0)
    tags: list[tuple[int, int, int, int]] = [(256, 4, 1, width), (257, 4, 1, height), (259, 3, 1, 1)]
    tags += [(262, 3, 1, photometric), (277, 3, 1, samples), (278, 4, 1, height), (279, 4, 1, len(data))]
    if orientation is not None:
        tags.append((274, orientation[0], 1, orientation[1]))
    several = [(258, bits), (339, kind)]
    start = 8 + 2 + 12 * (len(tags) + 3 + bool(description)) + 4
    extra = b""
    for tag, value in several:
        if samples > 2:
            tags.append((tag, 3, samples, start + len(extra)))
            extra += struct.pack(f"{end}{samples}H", *[value] * samples)
        else:
            tags.append((tag, 3, samples, value))
    if description:
        tags.append((700, 1, len(description), start + len(extra)))
        extra += description
    tags.append((273, 4, 1, start + len(extra)))
    out = (b"II*\0" if end == "<" else b"MM\0*") + struct.pack(f"{end}IH", 8, len(tags))
    for tag, form, count, value in sorted(tags):
        held = form if count == 1 else 4
        packed = struct.pack(end + {1: "B", 3: "H", 4: "I"}[held], value).ljust(4, b"\0")
        out += struct.pack(f"{end}HHI", tag, form, count) + packed
    path.write_bytes(out + b"\0\0\0\0" + extra + data)
    return path


def tiff_orientation(options: dict[str, bytes]) -> dict[str, Any]:
    if "xmp" in options:
        return {"description": options["xmp"]}
    block = options["exif"]
    kind = int.from_bytes(block[18:20], "little")
    return {"orientation": (1 if kind in (1, 2) else 3, 6 if kind != 2 else ord("6"))}


def seen_in(path: Path) -> list[list[int]]:
    """The first row of a picture's red channel; both readers must agree on all pixels."""
    found = open_image(path).pixels
    assert np.array_equal(found, np.asarray(open_photo(path, at_least=1000)))
    assert unreadable_images([path]) == []
    return found[0].tolist()


def grey(*levels: int) -> list[list[int]]:
    return [[level] * 3 for level in levels]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_p7_grey_that_uses_part_of_16_bits_keeps_256_levels(tmp_path: Path, bits: int, suffix: str) -> None:
    top = 2**bits - 1
    ramp = np.round(np.linspace(0, top, 4096)).astype(np.uint16).reshape(64, 64)
    path = tmp_path / f"a.{suffix}"
    Pillow.fromarray(ramp).save(path)
    found = open_image(path).pixels
    assert np.array_equal(found[..., 0], np.rint(ramp.astype(np.float64) * 255 / top).astype(np.uint8))
    assert len(np.unique(found)) == 256
    assert np.array_equal(found, np.asarray(open_photo(path, at_least=64)))


def test_p7_white_is_the_greatest_number_of_the_bits_that_are_used(tmp_path: Path) -> None:
    for name, values, levels in [
        ("8", [0, 1, 255], (0, 1, 255)),
        ("10", [0, 256, 512], (0, 64, 128)),  # 256 · 255 / 1023 = 63.8
        ("12", [0, 1024, 4095], (0, 64, 255)),
        ("14", [0, 4096, 16383], (0, 64, 255)),
        ("16", [0, 16384, 65535], (0, 64, 255)),
    ]:
        Pillow.fromarray(np.array([values], np.uint16)).save(tmp_path / f"{name}.png")
        assert seen_in(tmp_path / f"{name}.png") == grey(*levels), name


def test_p7_colour_of_16_bits_is_shown_as_grey_is(tmp_path: Path) -> None:
    values = np.array([[[0, 2048, 4095], [4095, 0, 1024]]], np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), values[..., ::-1])
    write_tiff(tmp_path / "b.tif", values)
    write_tiff(tmp_path / "c.tif", values, end=">")
    for name in ("a.png", "b.tif", "c.tif"):
        assert seen_in(tmp_path / name) == [[0, 128, 255], [255, 0, 64]], name


def test_p7_transparent_16_bits_lie_on_white(tmp_path: Path) -> None:
    values = np.array([[[0, 0, 0, 0], [0, 32768, 65535, 65535], [0, 0, 0, 13107]]], np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), values[..., [2, 1, 0, 3]])
    assert seen_in(tmp_path / "a.png") == [[255, 255, 255], [0, 128, 255], [204, 204, 204]]


@pytest.mark.parametrize("end", ["<", ">"])
@pytest.mark.parametrize("white_is_0", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.array([[0, 0.2, 1]], np.float16), id="halves"),
        pytest.param(np.array([[0, 0.2, 1]], np.float32), id="floats"),
        pytest.param(np.array([[0, 0.2, 1]], np.float64), id="doubles"),
        pytest.param(np.array([[-100, -60, 100]], np.float32), id="wide"),
        pytest.param(np.array([[-32768, -19661, 32767]], np.int16), id="signed 16"),
        pytest.param(np.array([[-(2**31), -(2**31) + 2**32 // 5, 2**31 - 1]], np.int32), id="signed 32"),
        pytest.param(np.array([[0, 2**32 // 5, 2**32 - 1]], np.uint32), id="unsigned 32"),
        pytest.param(np.array([[-128, -77, 127]], np.int8), id="signed 8"),
        pytest.param(np.array([[0, 819, 4095]], np.uint16), id="12 of 16"),
        pytest.param(np.array([[0, 51, 255]], np.uint8), id="8"),
    ],
)
def test_p16_numbers_of_every_kind_in_tiffs(tmp_path: Path, values: NDArray[Any], end: str, white_is_0: bool) -> None:
    path = write_tiff(tmp_path / "a.tif", values, end=end, white_is_0=white_is_0)
    assert seen_in(path) == (grey(255, 204, 0) if white_is_0 else grey(0, 51, 255))


def test_p16_colour_of_fractions(tmp_path: Path) -> None:
    for kind in (np.float16, np.float32, np.float64):
        path = write_tiff(tmp_path / "a.tif", np.array([[[0, 0.2, 1], [1, 0.2, 0]]], kind))
        assert seen_in(path) == [[0, 51, 255], [255, 51, 0]]


def test_p16_what_is_not_a_number_is_black_and_costs_no_other_pixel_its_level(tmp_path: Path) -> None:
    values = np.array([[np.nan, 100, 120, 200, np.inf, -np.inf]], np.float32)
    assert seen_in(write_tiff(tmp_path / "a.tif", values)) == grey(0, 0, 51, 255, 255, 0)
    nothing = np.full((1, 3), np.nan, np.float32)
    assert seen_in(write_tiff(tmp_path / "b.tif", nothing)) == grey(0, 0, 0)
    assert seen_in(write_tiff(tmp_path / "c.tif", np.full((1, 2), 7.5, np.float32))) == grey(0, 0)


def test_p16_a_deep_picture_is_reduced_after_it_was_made_visible(tmp_path: Path) -> None:
    values = np.tile(np.array([[-100.0, 300.0]], np.float32), (40, 40))
    path = write_tiff(tmp_path / "a.tif", values)
    assert np.unique(np.asarray(open_photo(path, at_least=10))).tolist() == [128]


@pytest.mark.parametrize("kind", [np.uint16, np.float16, np.float32, np.float64])
def test_p16_a_truncated_tiff_is_said_to_be_truncated(tmp_path: Path, kind: Any) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((32, 32), kind))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="truncated"):
        open_image(path)
    with pytest.raises(PhotoError, match="truncated"):
        open_photo(path, at_least=10)


def test_p16_a_tiff_that_says_it_is_huge_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((4, 4), np.float16))
    data = bytearray(path.read_bytes())
    for tag in (256, 257):
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data[at + 8 : at + 12] = struct.pack("<I", 60_000)
    path.write_bytes(data)
    with pytest.raises(DataError, match="more than 200 megapixels"):
        open_image(path)


def test_p16_random_damage_is_never_more_than_an_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = [
        write_tiff(tmp_path / "a.tif", np.ones((8, 8), np.float16)).read_bytes(),
        write_tiff(tmp_path / "b.tif", np.ones((8, 8, 3), np.float64), end=">").read_bytes(),
    ]
    path = tmp_path / "c.tif"
    for i in range(400):
        data = bytearray(whole[i % 2])
        for at in rng.integers(0, 250, 3):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        try:
            assert open_image(path).pixels.dtype == np.uint8
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017 — some are damaged, others are not


# ---------------------------------------------------------------------------------------------- in a collection


def ramps(folder: Path, low: int, high: int, n: int = 12) -> None:
    """Grey photos of 16 bits that together go from `low` to `high`, each through a part of that."""
    folder.mkdir()
    ends = np.linspace(low, high, n + 1)
    for i in range(n):
        row = np.round(np.linspace(ends[i], ends[i + 1], 32)).astype(np.uint16)
        Pillow.fromarray(np.tile(row, (32, 1))).save(folder / f"{i:02}.png")


@pytest.mark.parametrize(("low", "high"), [(0, 4095), (0, 1023), (1000, 1500), (0, 16383), (0, 65535), (500, 60000)])
@pytest.mark.usefixtures("quick")
def test_p7_a_collection_shows_its_photos_in_the_range_that_all_of_them_have(
    tmp_path: Path, low: int, high: int
) -> None:
    ramps(tmp_path / "photos", low, high)
    with Collection.create(tmp_path / "own", images=tmp_path / "photos", backbone=None) as collection:
        collection.prepare()
        assert collection.parts.photos.limits == {"whole": (low, high)}
        [said] = [text for text in collection.notices if "8 bits" in text]
        assert said == (
            f"Pictures of more than 8 bits are shown in the range that they have here: {low} is black and {high} white."
        )
        for photo in (0, 5, 11):
            ends = np.linspace(0, 255, 13)[photo : photo + 2]
            for picture in (collection.parts.photos.view(photo), collection.parts.photos.thumbnail(photo)):
                seen = np.asarray(Pillow.open(io.BytesIO(picture)))[16]
                assert abs(int(seen[0]) - ends[0]) <= 4 if seen.ndim == 1 else np.abs(seen[0] - ends[0]).max() <= 4
                assert np.abs(seen[-1].astype(int) - ends[1]).max() <= 4  # a JPEG
    with Collection.open(tmp_path / "own") as collection:
        assert said in collection.notices
        assert collection.parts.photos.limits == {"whole": (low, high)}


@pytest.mark.usefixtures("quick")
def test_p7_photos_that_come_later_are_shown_as_those_before_them(tmp_path: Path) -> None:
    ramps(tmp_path / "photos", 0, 4095)
    with Collection.create(tmp_path / "own", images=tmp_path / "photos", backbone=None) as collection:
        collection.prepare()
    Pillow.fromarray(np.full((32, 32), 8000, np.uint16)).save(tmp_path / "photos" / "later.png")
    with Collection.open(tmp_path / "own") as collection:
        collection.prepare()
        assert collection.parts.photos.limits == {"whole": (0, 4095)}
        seen = np.asarray(Pillow.open(io.BytesIO(collection.parts.photos.view(12))))
        assert np.unique(seen).tolist() == [255]


@pytest.mark.usefixtures("quick")
def test_p7_a_model_that_is_taken_away_sees_photos_as_the_collection_does(tmp_path: Path) -> None:
    ramps(tmp_path / "photos", 0, 4095)
    with Collection.create(tmp_path / "own", images=tmp_path / "photos", backbone=None) as collection:
        collection.prepare()
        collection.label(range(6), "dark")
        collection.label(range(6, 12), "bright")
        collection.train()
        collection.export_model(tmp_path / "model")
        inside = collection.predictions()
    model = load_predictor(tmp_path / "model")
    assert model.limits == {"whole": (0, 4095)}
    outside = model.predict(tmp_path / "photos")
    assert outside["predicted"].tolist() == inside["predicted"].tolist()
    # In half precision, numbers that differ in the last bit may round to different ones.
    np.testing.assert_allclose(outside["probability"], inside["probability"], atol=2e-4)


@pytest.mark.usefixtures("quick")
def test_p7_a_collection_that_was_moved_is_known_again(tmp_path: Path) -> None:
    ramps(tmp_path / "photos", 1000, 1500)
    with Collection.create(tmp_path / "own", images=tmp_path / "photos", backbone=None) as collection:
        collection.prepare()
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with Collection.open(tmp_path / "own", images=tmp_path / "elsewhere") as collection:
        assert len(collection.paths) == 12


def test_p7_whole_numbers_and_fractions_have_ranges_of_their_own(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    write_tiff(photos / "a.tif", np.array([[-2.0, 2.0]], np.float32))
    write_tiff(photos / "b.tif", np.array([[0.0, 1.0, np.nan, np.inf]], np.float16))
    write_tiff(photos / "c.tif", np.array([[7, 500]], np.uint16))
    Pillow.new("L", (4, 4), 9).save(photos / "d.png")
    (photos / "e.tif").write_bytes(b"II*\0")
    found = limits_of(sorted(photos.iterdir()))
    assert found == {"fractions": (-2, 2), "whole": (7, 500)}
    assert about_limits(found).endswith("here: 7 is black and 500 white, of fractions -2 is black and 2 white.")
    assert about_limits({}) == ""
    assert np.asarray(open_photo(photos / "b.tif", at_least=9, limits=found))[0, :, 0].tolist() == [128, 191, 0, 255]
    assert np.asarray(open_photo(photos / "d.png", at_least=9, limits=found))[0, 0].tolist() == [9] * 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_p6_a_tiff_that_only_opencv_reads_is_turned_as_one_that_pillow_reads(tmp_path: Path, orientation: int) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3) / 5
    by_pillow = write_tiff(tmp_path / "a.tif", values, orientation=(3, orientation))
    by_opencv = write_tiff(tmp_path / "b.tif", values.astype(np.float64), orientation=(3, orientation))
    assert open_image(by_opencv).pixels.tolist() == open_image(by_pillow).pixels.tolist()
    stored = Pillow.fromarray(np.rint(values * 255).astype(np.uint8))
    stored.getexif()[0x0112] = orientation
    assert open_image(by_pillow).pixels[..., 0].tolist() == np.asarray(ImageOps.exif_transpose(stored)).tolist()


@pytest.mark.parametrize("saved", [{"whole": [9, 1]}, {"whole": [0, 10**400]}, {"whole": [float("nan"), 1]}])
def test_p7_saved_ranges_that_are_none_are_refused(saved: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="limits must be finite numbers, the least first"):
        limits_from(saved)
