"""A small collection, prepared once and copied for each test that wants one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handlens.studio.collection import Collection
from tests.quick_features import hurry
from tests.studio.drawn_shards import drawn_shards, sampled, shards  # noqa: F401
from tests.studio.made_text_models import write_text_model


def draw(path: Path, *, kind: str, seed: int) -> None:
    """A picture of 64×48 with a red circle at the left or a blue square at the right, on a noisy ground."""
    random = np.random.default_rng([seed, len(kind)])
    ground = random.integers(90, 170, (48, 64, 3), dtype=np.uint8)
    picture = Image.fromarray(ground)
    pen = ImageDraw.Draw(picture)
    x, y, r = (int(v) for v in random.integers([4, 4, 14], [14, 14, 20]))
    if kind == "circle":
        pen.ellipse((x, y, x + r, y + r), fill=(200, 40, 40))
    else:
        pen.rectangle((x + 25, y, x + 25 + r, y + r), fill=(30, 60, 220))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


@pytest.fixture(scope="session")
def draw_photo() -> Callable[..., None]:
    """`draw`, for tests that need a picture more."""
    return draw


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 photos: ids 0–19 are circles/0.png …, ids 20–39 squares/0.png … (not to be changed)."""
    folder = tmp_path_factory.mktemp("drawn")
    for i in range(20):
        draw(folder / "circles" / f"{i}.png", kind="circle", seed=i)
        draw(folder / "squares" / f"{i}.png", kind="square", seed=i)
    return folder


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory: pytest.TempPathFactory, drawn: Path) -> Path:
    """A prepared collection with its photos inside, in the folder “photos” (not to be changed: see `folder`)."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(drawn, folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        with Collection.create(folder, images=folder / "photos", name="shapes", backbone=None) as collection:
            collection.prepare()
    return folder


@pytest.fixture
def folder(prepared_folder: Path, tmp_path: Path) -> Path:
    """A copy of the prepared collection's folder, photos included."""
    copy = tmp_path / "collection"
    shutil.copytree(prepared_folder, copy)
    return copy


@pytest.fixture
def collection(folder: Path) -> Iterator[Collection]:
    """A prepared collection of 40 photos of one's own to change: ids 0–19 are circles, 20–39 squares."""
    with Collection.open(folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The name of a tiny network of timm's, and a file of weights for it, drawn at random."""
    import timm
    import torch
    from safetensors.torch import save_file

    file = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), file)
    return "test_resnet", file


@pytest.fixture
def text_model(tmp_path: Path) -> Path:
    """The folder of a tiny CLIP model of one's own to change."""
    return write_text_model(tmp_path / "models" / "tiny-clip")
