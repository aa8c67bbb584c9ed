"""What looks like a photograph: real ones in every state they come in, against what is drawn, written or plotted."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import cbook
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from sklearn import datasets

from handlens.studio.builtin import write_builtin
from handlens.studio.photographs import SMALLEST, looks_like_photograph
from handlens.studio.pictures import open_photo

Picture = Image.Image


def share(pictures: list[Picture]) -> float:
    """How many of the pictures look like photographs, read as Studio reads files."""
    return float(np.mean([looks_like_photograph(picture.convert("RGB")) for picture in pictures]))


def as_jpeg(picture: Picture, quality: int = 75) -> Picture:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.fixture(scope="module")
def photographs() -> list[Picture]:
    """Pieces of three photographs that come with packages: a temple, a flower, a portrait."""
    examples = Path(datasets.__file__).parent / "images"
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        pictures = [Image.open(file).convert("RGB"), *(Image.open(path) for path in sorted(examples.glob("*.jpg")))]
    return [
        picture.crop((x, y, x + 200, y + 150))
        for picture in pictures
        for x in range(0, picture.width - 199, 200)
        for y in range(0, picture.height - 149, 150)
    ]


def framed(picture: Picture) -> Picture:
    return ImageOps.expand(picture, 60, "white")


def cut_out(picture: Picture, ground: str) -> Picture:
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).ellipse((30, 20, picture.width - 30, picture.height - 20), fill=255)
    return Image.composite(picture, Image.new("RGB", picture.size, ground), mask)


def dark_and_noisy(picture: Picture) -> Picture:
    pixels = 0.4 * np.asarray(picture) + np.random.default_rng(0).normal(0, 8, (*picture.size[::-1], 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


STATES: dict[str, Callable[[Picture], Picture]] = {
    "as they are": lambda picture: picture,
    "grey": lambda picture: picture.convert("L"),
    "brown": lambda picture: ImageOps.colorize(picture.convert("L"), "#201000", "#fff0d0"),
    "JPEG of low quality": lambda picture: as_jpeg(picture, 50),
    "256 colours": lambda picture: picture.quantize(256),
    "small": lambda picture: picture.resize((64, 48)),
    "very small": lambda picture: picture.resize((42, 32)),
    "enlarged": lambda picture: picture.resize((800, 600)),
    "out of focus": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
    "dark and noisy": dark_and_noisy,
    "in a white frame": framed,
    "cut out on black": lambda picture: cut_out(picture, "black"),
    "cut out on white, JPEG": lambda picture: as_jpeg(cut_out(picture, "white")),
}


@pytest.mark.parametrize("state", STATES)
def test_photographs(photographs: list[Picture], state: str) -> None:
    assert share([STATES[state](picture) for picture in photographs]) >= 0.6


@pytest.mark.parametrize("name", ["cars", "flowers"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_many_real_photographs(shared_data: Path, name: str, mode: str, tmp_path: Path) -> None:
    """Cars cut out on black, and flowers of 128 pixels."""
    from zipfile import ZipFile

    folder = shared_data / "cars" / "images"
    if name == "flowers":
        folder = tmp_path
        with ZipFile(shared_data / "flowers" / "photos.zip") as archive:
            archive.extractall(folder, archive.namelist()[::40])
    files = sorted(file for file in folder.rglob("*.jpg"))[:: 1 if name == "flowers" else 12]
    assert len(files) >= 100
    assert share([open_photo(file, at_least=256).convert(mode) for file in files]) >= 0.85


# --- everything else --------------------------------------------------------------------------------


def line_drawing(random: np.random.Generator, size: tuple[int, int] = (320, 240), scale: int = 2) -> Picture:
    picture = Image.new("L", (size[0] * scale, size[1] * scale), 255)
    pen = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y = random.random(2) * picture.size
        r = random.uniform(20, 80) * scale
        pen.ellipse((x - r, y - r, x + r, y + 0.7 * r), outline=0, width=3 * scale)
        points = [tuple(point) for point in np.array([x, y]) + random.normal(size=(5, 2)) * r]
        pen.line(points, fill=0, width=3 * scale, joint="curve")
    return picture.reduce(scale)


def scanned(picture: Picture, random: np.random.Generator) -> Picture:
    """Dark grey on light grey paper, with the noise of a scanner and one side darker."""
    ink = np.asarray(picture.convert("L")) / 255
    shade = np.linspace(0, 15, ink.shape[1])
    return Image.fromarray((40 + 195 * ink - shade + random.normal(0, 3, ink.shape)).clip(0, 255).astype(np.uint8))


def page_of_text(random: np.random.Generator) -> Picture:
    picture = Image.new("RGB", (500, 600), "white")
    pen = ImageDraw.Draw(picture)
    for y in range(20, 580, 18):
        words = ["".join(map(chr, random.integers(97, 123, random.integers(2, 9)))) for _ in range(10)]
        pen.text((20, y), " ".join(words), fill="black")
    return picture


def chart(random: np.random.Generator) -> Picture:
    figure = Figure(figsize=(5, 4))
    axes = figure.subplots()
    kind = random.integers(4)
    if kind == 0:
        axes.plot(random.normal(size=(50, 3)).cumsum(0))
    elif kind == 1:
        axes.bar(range(8), random.random(8), color=[f"C{i}" for i in range(8)])
    elif kind == 2:
        axes.scatter(*random.normal(size=(2, 100)), c=random.random(100), alpha=0.6)
    else:
        axes.pie(random.random(6) + 0.2)
    axes.set_title("Sales by month")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file)


def coloured_shapes(random: np.random.Generator) -> Picture:
    picture = Image.new("RGB", (320, 240), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(20):
        corners = random.random(2) * picture.size + random.normal(size=(5, 2)) * 50
        pen.polygon([tuple(corner) for corner in corners], fill=tuple(random.integers(0, 256, 3).tolist()))
    return picture


def icon(random: np.random.Generator) -> Picture:
    """Two flat shapes on nothing, with smooth edges."""
    picture = Image.new("RGBA", (384, 384))
    pen = ImageDraw.Draw(picture)
    for inset in (30, 120):
        pen.rounded_rectangle((inset, inset, 384 - inset, 384 - inset), 50, fill=tuple(random.integers(0, 256, 3)))
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).reduce(4)


def pixel_art(random: np.random.Generator) -> Picture:
    palette = random.integers(0, 256, (8, 3)).astype(np.uint8)
    half = random.integers(0, 8, (16, 8))
    return Image.fromarray(palette[np.hstack([half, half[:, ::-1]])]).resize((128, 128), Image.Resampling.NEAREST)


def mask(random: np.random.Generator) -> Picture:
    return line_drawing(random).filter(ImageFilter.MinFilter(9)).point(lambda level: 255 * (level < 128))


def smooth(random: np.random.Generator) -> NDArray[np.float64]:
    """A smooth surface from 0 to 1, [256, 256]."""
    coarse = Image.fromarray(random.random((6, 6)).astype(np.float32))
    values = np.asarray(coarse.resize((256, 256), Image.Resampling.BICUBIC), float)
    return (values - values.min()) / np.ptp(values)


def heat_map(random: np.random.Generator) -> Picture:
    from matplotlib import colormaps

    return Image.fromarray(colormaps["viridis"](smooth(random), bytes=True)[..., :3])


def spectrogram(random: np.random.Generator) -> Picture:
    from matplotlib import colormaps
    from scipy.signal import spectrogram

    time = np.arange(20_000) / 8000
    sound = random.normal(0, 0.3, time.size) + np.sin(2 * np.pi * (random.uniform(500, 2000) * time + 200 * time**2))
    power = np.log10(spectrogram(sound, 8000, nperseg=256, noverlap=128)[2] + 1e-9)
    level = (power - power.min()) / np.ptp(power)
    return Image.fromarray(colormaps["magma"](level, bytes=True)[..., :3]).resize((256, 256))


def screenshot(random: np.random.Generator) -> Picture:
    picture = Image.new("RGB", (640, 480), "#f4f4f6")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, 640, 40), fill=tuple(random.integers(0, 200, 3).tolist()))
    picture.paste(page_of_text(random).crop((0, 0, 450, 400)), (160, 60))
    for y in range(60, 400, 40):
        pen.rounded_rectangle((10, y, 140, y + 28), 6, fill="#3366cc")
    return picture


def writing_enlarged(random: np.random.Generator) -> Picture:
    """A stroke on 28×28 pixels, brought to the size of a network's input."""
    picture = Image.new("L", (280, 280))
    points = [tuple(point) for point in random.uniform(50, 230, (5, 2))]
    ImageDraw.Draw(picture).line(points, fill=255, width=28, joint="curve")
    return picture.reduce(10).resize((224, 224), Image.Resampling.BICUBIC)


def handwriting(random: np.random.Generator) -> Picture:
    """Strokes on ruled paper, scanned a little out of focus."""
    picture = Image.new("L", (800, 300), 250)
    pen = ImageDraw.Draw(picture)
    for y in range(40, 300, 40):
        pen.line((0, y, 800, y), fill=210, width=2)
    for _ in range(30):
        x, y = random.uniform((20, 20), (760, 280))
        points = [(x + 4 * i + 12 * random.normal(), y + 10 * random.normal()) for i in range(8)]
        pen.line(points, fill=60, width=3, joint="curve")
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(1))) + random.normal(0, 4, (300, 800))
    return as_jpeg(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


OTHERS: dict[str, Callable[[np.random.Generator], Picture]] = {
    "line drawings": line_drawing,
    "line drawings as JPEG": lambda random: as_jpeg(line_drawing(random, (640, 480))),
    "scanned drawings": lambda random: as_jpeg(scanned(line_drawing(random), random), 85),
    "scanned pages": lambda random: as_jpeg(scanned(page_of_text(random), random), 85),
    "pages of text": page_of_text,
    "handwriting": handwriting,
    "charts": chart,
    "charts as JPEG": lambda random: as_jpeg(chart(random)),
    "coloured shapes": coloured_shapes,
    "coloured shapes as JPEG": lambda random: as_jpeg(coloured_shapes(random)),
    "icons": icon,
    "pixel art": pixel_art,
    "masks": mask,
    "masks as JPEG": lambda random: as_jpeg(mask(random)),
    "heat maps": heat_map,
    "spectrograms": spectrogram,
    "screenshots": screenshot,
    "writing, enlarged": writing_enlarged,
    "noise": lambda random: Image.fromarray(random.integers(0, 256, (100, 100, 3), np.uint8)),
    "one colour": lambda random: Image.new("RGB", (100, 100), tuple(random.integers(0, 256, 3).tolist())),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_photograph(kind: str) -> None:
    random = np.random.default_rng(0)
    assert share([OTHERS[kind](random) for _ in range(12)]) <= 0.25


def test_handwritten_digits(tmp_path: Path) -> None:
    names = write_builtin("digits", tmp_path)[::10]
    assert share([open_photo(tmp_path / name, at_least=256) for name in names]) <= 0.35


def test_a_tiny_picture_shows_too_little(photographs: list[Picture]) -> None:
    sizes = (SMALLEST - 1, 100), (100, SMALLEST - 1), (8, 8), (1, 1)
    assert share([photographs[0].resize(size) for size in sizes]) == 0


# --- any picture --------------------------------------------------------------------------------------


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    size = draw(st.tuples(st.integers(1, 150), st.integers(1, 150)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    low, high = sorted(draw(st.tuples(st.integers(0, 255), st.integers(0, 255))))
    channels = random.integers(low, high + 1, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(channels).filter(ImageFilter.GaussianBlur(draw(st.sampled_from([0, 1, 10]))))


@given(pictures())
def test_every_picture_gets_an_answer(picture: Picture) -> None:
    assert looks_like_photograph(picture) in (True, False)
