"""Mutated pictures of every format, through every reader: a picture or our error, at once and in little memory."""

from __future__ import annotations

import io
import shutil
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from faults.campaign import CRASH, HANG, OURS, RAW, Campaign
from faults.children import Child, Died
from faults.harmed import saved_models

READ = "read"
SECONDS = 5.0
"""Longest that one reader may take for one file of a few kB."""
MEGABYTES = 400.0
"""Most memory that reading one such file may take."""
_GIVEN_UP = 30.0


def pictures(campaign: Campaign) -> None:
    """Mutate pictures and read each with all readers, in a process that is watched."""
    count, folder = campaign.count(5000, least=40), campaign.folder("pictures")
    model = Path(shutil.copytree(saved_models(campaign) / "photo-classifier", folder / "model"))
    counted: Counter[str] = Counter()
    longest, most, at = 0.0, 0.0, 0
    steps = campaign.tries("pictures", range(count), count)
    while at < count:
        with Child(read_all, folder, model, campaign.seed, at, count) as child:
            try:
                while at < count:
                    said = child.answer(_GIVEN_UP)
                    next(steps)
                    at += 1
                    counted.update(said["outcomes"].values())
                    longest, most = max(longest, said["seconds"]), max(most, said["megabytes"])
                    odd = {reader: why for reader, why in said["why"].items() if why}
                    if odd or said["seconds"] > SECONDS or said["megabytes"] > MEGABYTES:
                        campaign.wrong(
                            "pictures",
                            f"{said['number']} ({said['what']}): {said['seconds']:.1f} s, "
                            f"{said['megabytes']:.0f} MB {odd}",
                        )
            except (Died, TimeoutError) as error:
                what = mutated(campaign.seed, at)[1]
                counted[HANG if isinstance(error, TimeoutError) else CRASH] += 1
                campaign.wrong("pictures", f"{at} ({what}): {error}")
                at += 1
    campaign.total(f"mutated pictures, each in {len(READERS) + 1} readers", count)
    campaign.outcomes(counted)
    campaign.total("… longest for one picture in one reader", longest, at_most=SECONDS, unit="s")
    campaign.total("… most memory for one picture", most, at_most=MEGABYTES, unit="MB")


# --- reading, in a child ---------------------------------------------------------------------------------


def _vision(file: Path) -> None:
    from handlens.vision.image import open_image

    open_image(file)


def _vision_small(file: Path) -> None:
    from handlens.vision.image import open_image

    open_image(file, at_least=(32, 32))


def _verified(file: Path) -> None:
    from handlens.vision.verify import unreadable_images

    unreadable_images([file])


def _studio(file: Path) -> None:
    from handlens.studio.pictures import read_squares, thumbnail

    thumbnail(read_squares(file, {64, 224})[0])


def _facts(file: Path) -> None:
    from handlens.audit.picture_facts import picture_facts
    from handlens.core.description import PictureFile

    picture_facts({"": [PictureFile(file, None)]})


READERS: dict[str, Callable[[Path], None]] = {
    "open_image": _vision,
    "open_image, small": _vision_small,
    "unreadable_images": _verified,
    "Studio and its thumbnails": _studio,
    "datasheet": _facts,
}


def read_all(connection: Connection, folder: Path, model: Path, seed: int, begin: int, end: int) -> None:
    """Read the pictures from `begin` to `end`, and send what came of each."""
    from handlens.core.saved import load_learner
    from handlens.errors import HandlensError

    predictor = load_learner(model)
    readers = {**READERS, "predict": lambda file: predictor.predict_files([file])}
    for number in range(begin, end):
        data, what = mutated(seed, number)
        file = folder / f"{number}"
        file.write_bytes(data)
        said = {"number": number, "what": what, "outcomes": {}, "why": {}, "seconds": 0.0, "megabytes": 0.0}
        for name, read in readers.items():
            resident, began = resident_megabytes(), time.perf_counter()
            try:
                read(file)
                said["outcomes"][name] = READ
            except HandlensError:
                said["outcomes"][name] = OURS
            except Exception as error:
                said["outcomes"][name], said["why"][name] = RAW, f"{type(error).__name__}: {error}"[:200]
            said["seconds"] = max(said["seconds"], time.perf_counter() - began)
            said["megabytes"] = max(said["megabytes"], peak_megabytes() - resident)
        file.unlink()
        connection.send(said)


def resident_megabytes() -> float:
    """Megabytes that the process has now; from here on its peak is measured again, where the system does that."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")
    return _status("VmRSS")


def peak_megabytes() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


# --- pictures and their mutations ------------------------------------------------------------------------


def mutated(seed: int, number: int) -> tuple[bytes, str]:
    """The file of one number, and how it came about."""
    random = np.random.default_rng([seed, number])
    names = sorted(_pictures())
    name = names[number % len(names)]
    data, said = _pictures()[name], []
    for _ in range(int(random.integers(1, 3))):
        mutation = _MUTATIONS[int(random.integers(len(_MUTATIONS)))]
        data, what = mutation(data, random), mutation.__name__.strip("_")
        said.append(what)
    return data, f"{name}: {', '.join(said)}"


def _pictures() -> dict[str, bytes]:
    """Small pictures in all formats that are read, by name."""
    if not _made:
        _made.update(_written())
    return _made


_made: dict[str, bytes] = {}


def _written() -> Iterator[tuple[str, bytes]]:
    random = np.random.default_rng(0)
    ground = random.integers(90, 170, (24, 32, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    colour = Image.fromarray(ground)
    deep = Image.fromarray(random.integers(0, 65536, (96, 128), dtype=np.uint16))
    fractions = Image.fromarray(random.random((96, 128), dtype=np.float32))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera"
    for name, picture, form, options in (
        ("jpeg", colour, "JPEG", {"exif": exif}),
        ("jpeg grey", colour.convert("L"), "JPEG", {}),
        ("jpeg cmyk", colour.convert("CMYK"), "JPEG", {}),
        ("jpeg progressive", colour, "JPEG", {"progressive": True}),
        ("png", colour, "PNG", {}),
        ("png alpha", colour.convert("RGBA"), "PNG", {"exif": exif}),
        ("png palette", colour.convert("P"), "PNG", {"transparency": 3}),
        ("png 16 bit", deep, "PNG", {}),
        ("png 1 bit", colour.convert("1"), "PNG", {}),
        ("tiff", colour, "TIFF", {}),
        ("tiff lzw", colour, "TIFF", {"compression": "tiff_lzw"}),
        ("tiff deflate", colour, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("tiff jpeg", colour, "TIFF", {"compression": "jpeg"}),
        ("tiff 16 bit", deep, "TIFF", {}),
        ("tiff fractions", fractions, "TIFF", {}),
        ("tiff fax", colour.convert("1"), "TIFF", {"compression": "group4"}),
        ("webp", colour, "WEBP", {"exif": exif}),
        ("webp lossless", colour.convert("RGBA"), "WEBP", {"lossless": True}),
        ("webp animation", colour, "WEBP", {"save_all": True, "append_images": [colour.rotate(90)]}),
        ("gif", colour.convert("P"), "GIF", {"save_all": True, "append_images": [colour.rotate(90).convert("P")]}),
        ("bmp", colour, "BMP", {}),
        ("bmp palette", colour.convert("P"), "BMP", {}),
        ("ppm", colour, "PPM", {}),
        ("ico", colour, "ICO", {}),
        ("jpeg 2000", colour, "JPEG2000", {}),
        ("avif", colour, "AVIF", {}),
    ):
        buffer = io.BytesIO()
        try:
            picture.save(buffer, form, **options)
        except (OSError, KeyError, ValueError):  # this Pillow was built without it
            continue
        yield name, buffer.getvalue()


def _bytes_flipped(data: bytes, random: np.random.Generator) -> bytes:
    harmed = bytearray(data)
    for _ in range(int(random.integers(1, 17))):
        harmed[int(random.integers(len(harmed)))] = int(random.integers(256))
    return bytes(harmed)


def _header_flipped(data: bytes, random: np.random.Generator) -> bytes:
    harmed = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        harmed[int(random.integers(min(len(harmed), 64)))] = int(random.integers(256))
    return bytes(harmed)


def _cut_off(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(1, len(data) + 1))]


def _header_of_another(data: bytes, random: np.random.Generator) -> bytes:
    others = sorted(_pictures())
    other = _pictures()[others[int(random.integers(len(others)))]]
    length = int(random.choice([4, 8, 16, 64, 256]))
    return other[:length] + data[length:]


def _end_of_another(data: bytes, random: np.random.Generator) -> bytes:
    others = sorted(_pictures())
    other = _pictures()[others[int(random.integers(len(others)))]]
    at = int(random.integers(len(data)))
    return data[:at] + other[at:]


def _piece_repeated(data: bytes, random: np.random.Generator) -> bytes:
    begin = int(random.integers(len(data)))
    piece = data[begin : begin + int(random.integers(1, 200))]
    return data[:begin] + piece * int(random.integers(2, 20)) + data[begin:]


def _piece_removed(data: bytes, random: np.random.Generator) -> bytes:
    begin = int(random.integers(1, len(data) + 1))
    return data[:begin] + data[begin + int(random.integers(1, 64)) :]


def _block_zeroed(data: bytes, random: np.random.Generator) -> bytes:
    begin = int(random.integers(len(data)))
    return data[:begin] + bytes(min(512, len(data) - begin)) + data[begin + 512 :]


def _giant(data: bytes, random: np.random.Generator) -> bytes:
    """Width and height that the file does not have, written where its format has them."""
    width, height = (int(side) for side in random.choice([0, 1, 255, 14_000, 65_500, 2**31 - 1, 2**32 - 1], 2))
    short = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
        return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    if data[:2] == b"BM":
        return data[:18] + struct.pack("<II", width, height) + data[26:]
    if data[:4] == b"GIF8":
        return data[:6] + short + data[10:]
    if data[:4] == b"RIFF" and data[12:16] == b"VP8X":
        return data[:24] + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3] + data[30:]
    if data[:2] == b"\xff\xd8":
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            at = data.find(marker)
            if at > 0:
                return data[: at + 5] + struct.pack(">HH", height & 0xFFFF, width & 0xFFFF) + data[at + 9 :]
    if data[:4] == b"II*\0":
        for tag, side in ((256, width), (257, height)):
            at = data.find(struct.pack("<H", tag))
            data = data[: at + 8] + struct.pack("<I", side) + data[at + 12 :] if at > 0 else data
        return data
    if data[:2] in (b"P5", b"P6"):
        return data[:3] + b"%d %d" % (width, height) + data[data.find(b"\n", 3) :]
    return _header_flipped(data, random)


_MUTATIONS = (
    _bytes_flipped,
    _header_flipped,
    _cut_off,
    _header_of_another,
    _end_of_another,
    _piece_repeated,
    _piece_removed,
    _block_zeroed,
    _giant,
)
