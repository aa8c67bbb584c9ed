"""Small data sets in the layout of those that the course's notebooks use, where `untar_data` finds them."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from handlens.tabular.rossmann import prepare
from tests.made_tables import MORE_DAYS, seven_tables, write_csv_files

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 200)}


def make_data_sets(folder: Path) -> None:
    """Write all of them below a folder, which is `Config.data_path()`."""
    random = np.random.default_rng(0)
    pets(folder / "oxford-iiit-pet", random)
    mnist_sample(folder / "mnist_sample", random)
    mnist_png(folder / "mnist_png", random)
    mnist_pickle(folder / "mnist", random)
    planet(folder / "planet", random)
    adult(folder / "adult_sample", random)
    rossmann(folder / "rossmann")
    camvid(folder / "camvid", random)
    head_pose(folder / "biwi_head_pose", random)


def pets(folder: Path, random: np.random.Generator) -> None:
    """Ten pictures of each of three colours, each with a pattern of its own."""
    for name, colour in COLOURS.items():
        for i in range(10):
            photo(folder / "images" / f"{name}_{i}.jpg", colour, random)
    (folder / "annotations").mkdir()


def mnist_sample(folder: Path, random: np.random.Generator) -> None:
    rows = []
    for part, count in (("train", 8), ("valid", 4)):
        for digit in (3, 7):
            for i in range(count):
                name = f"{part}/{digit}/{100 * digit + i}.png"
                write(folder / name, digit_pixels(digit, random))
                rows.append({"name": name, "label": digit})
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)


def mnist_png(folder: Path, random: np.random.Generator) -> None:
    for part, count in (("training", 6), ("testing", 2)):
        for digit in range(10):
            for i in range(count):
                write(folder / part / str(digit) / f"{i}.png", digit_pixels(digit, random))


def mnist_pickle(folder: Path, random: np.random.Generator) -> None:
    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        digits = np.arange(n) % 10
        pixels = np.stack([digit_pixels(int(digit), random) for digit in digits])
        return pixels.reshape(n, 784).astype(np.float32) / 255, digits

    folder.mkdir(parents=True)
    with gzip.open(folder / "mnist.pkl.gz", "wb") as file:
        pickle.dump((part(640), part(100), part(10)), file)


def planet(folder: Path, random: np.random.Generator) -> None:
    tags = ["haze primary", "clear primary", "clear"]
    rows = []
    for i in range(30):
        photo(folder / "train-jpg" / f"train_{i}.jpg", list(COLOURS.values())[i % 3], random)
        rows.append({"image_name": f"train_{i}", "tags": tags[i % 3]})
    pd.DataFrame(rows).to_csv(folder / "train_v2.csv", index=False)
    for name, count in (("test-jpg", 3), ("test-jpg-additional", 2)):
        for i in range(count):
            photo(folder / name / f"{name[5:].replace('jpg', 'file')}_{i}.jpg", COLOURS["blue"], random)


def adult(folder: Path, random: np.random.Generator) -> None:
    n = 1200
    age = random.integers(17, 80, n)
    folder.mkdir(parents=True)
    pd.DataFrame(
        {
            "age": age,
            "workclass": random.choice([" Private", " Self-emp-inc", " ?"], n),
            "fnlwgt": random.integers(20_000, 400_000, n),
            "education": random.choice([" HS-grad", " Bachelors", " Masters"], n),
            "education-num": np.where(random.random(n) < 0.02, np.nan, random.integers(1, 16, n)),
            "marital-status": random.choice([" Divorced", " Never-married"], n),
            "occupation": random.choice([" Sales", " Craft-repair", None], n),
            "relationship": random.choice([" Husband", " Wife", " Unmarried"], n),
            "race": random.choice([" White", " Black", " Other"], n),
            "salary": np.where(age + random.normal(0, 5, n) > 45, ">=50k", "<50k"),
        }
    ).to_csv(folder / "adult.csv", index=False)


def rossmann(folder: Path) -> None:
    write_csv_files(seven_tables(MORE_DAYS), folder)
    for name, frame in zip(("train_clean", "test_clean"), prepare(folder), strict=True):
        frame.to_pickle(folder / name)


def camvid(folder: Path, random: np.random.Generator) -> None:
    """Streets with sky above; each label is a palette's picture, and an edge is of the class "Void"."""
    names = [f"street_{i}.png" for i in range(8)]
    for name in names:
        horizon = int(random.integers(10, 30))
        classes = np.zeros((40, 48), np.uint8)
        classes[horizon:] = 1
        classes[:, :2] = 2
        colours = np.array([[120, 160, 230], [90, 90, 90], [0, 0, 0]])
        pixels = np.clip(colours[classes] + random.integers(-20, 20, (40, 48, 3)), 0, 255).astype(np.uint8)
        write(folder / "images" / name, pixels)
        write(folder / "labels" / f"{Path(name).stem}_P.png", classes)
    (folder / "codes.txt").write_text("Sky\nRoad\nVoid\n")
    (folder / "valid.txt").write_text("\n".join(names[:2]) + "\n")


def head_pose(folder: Path, random: np.random.Generator) -> None:
    """Discs on a dark ground, and text files of where the camera saw their centres."""
    rows, columns = np.mgrid[:48, :64]
    for person in ("01", "09", "13"):
        for i in range(4):
            x, y = random.integers(16, 48), random.integers(16, 32)
            inside = (columns - x) ** 2 + (rows - y) ** 2 < 100
            file = folder / person / f"frame_0000{i}_rgb.jpg"
            write(file, np.where(inside[..., None], 220, 30).astype(np.uint8).repeat(3, 2))
            turned = "1 0 0\n0 1 0\n0 0 1\n"
            file.with_name(f"frame_0000{i}_pose.txt").write_text(f"{turned}\n{x * 900} {y * 900} 900\n")
    (folder / "01" / "rgb.cal").write_text(
        "1 0 0\n0 1 0\n0 0 1\n\n" + "0 0 0 0\n\n" + "1 0 0\n0 1 0\n0 0 1\n\n0 0 0\n\n"
    )


def digit_pixels(digit: int, random: np.random.Generator) -> np.ndarray:
    """28 × 28 pixels: a bar whose place and direction say which digit it stands for, and noise."""
    pixels = random.integers(0, 40, (28, 28), np.uint8)
    at = 3 + 5 * (digit % 5)
    if digit < 5:
        pixels[at : at + 3, 4:24] = 255
    else:
        pixels[4:24, at : at + 3] = 255
    return pixels


def photo(file: Path, colour: tuple[int, int, int], random: np.random.Generator) -> None:
    noise = random.integers(-40, 40, (48, 56, 3))
    write(file, np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def write(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)
