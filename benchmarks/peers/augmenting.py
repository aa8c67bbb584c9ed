"""The lesson's augmentation by other libraries; run by vision.py in an environment that has them, a command a line.

Requires albumentations 2.0.8, fastai 2.8, kornia and torchvision. Each gets the order that is fastest for it and
still does the same: scaled until it covers 224 pixels, flipped, perspective, rotated and zoomed, cropped, lit. Where a
library works on batches it gets batches.

    python augmenting.py FOLDER
    > transforms albumentations 2          two passes over pictures.npy [N, H, W, 3]
    {"images": 128, "seconds": 0.1}
    > files albumentations 2               the same over the JPEG files
    > there_and_back albumentations        each picture of pictures.npy by moves.json and back, to albumentations.npy
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")  # of their own making

import albumentations as A  # noqa: E402
import cv2  # noqa: E402
import kornia  # noqa: E402
import kornia.augmentation as K  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from albumentations.augmentations.geometric import functional as album  # noqa: E402
from fastai.vision import augment as fast  # noqa: E402
from fastai.vision.core import PILImage, TensorImage  # noqa: E402
from torchvision.transforms import v2  # noqa: E402
from torchvision.transforms.v2 import functional as tv  # noqa: E402

torch.set_num_threads(1)
cv2.setNumThreads(0)

SIZE, BATCH = 224, 32
Pictures = np.ndarray[Any, np.dtype[np.uint8]]


def batches(items: Any) -> Iterator[Any]:
    """The items by BATCH."""
    for at in range(0, len(items), BATCH):
        yield items[at : at + BATCH]


# ------------------------------------------------------------------------------------------- the lesson's sequence

BORDER = cv2.BORDER_REFLECT_101
ALBUMENTATIONS = A.Compose(
    [
        A.SmallestMaxSize(SIZE),
        A.HorizontalFlip(),
        A.Perspective(scale=(0, 0.2), p=1, border_mode=BORDER),
        A.Affine(rotate=(-20, 20), scale=(1, 1.3), p=1, border_mode=BORDER),
        A.RandomCrop(SIZE, SIZE),
        A.RandomBrightnessContrast(0.4, 0.4, p=1),
    ]
)
TORCHVISION = v2.Compose(
    [
        v2.Resize(SIZE),
        v2.RandomHorizontalFlip(),
        v2.RandomPerspective(0.4, p=1),
        v2.RandomAffine(20, scale=(1, 1.3), interpolation=v2.InterpolationMode.BILINEAR),
        v2.RandomCrop(SIZE),
        v2.ColorJitter(0.4, 0.4),
    ]
)
KORNIA = K.AugmentationSequential(
    K.SmallestMaxSize(SIZE),
    K.RandomHorizontalFlip(),
    K.RandomPerspective(0.4, p=1),
    K.RandomAffine(20, scale=(1, 1.3), padding_mode="reflection", p=1),
    K.RandomCrop((SIZE, SIZE)),
    K.RandomBrightness((0.6, 1.4), p=1),
    K.RandomContrast((0.6, 1.4), p=1),
)
FASTAI = fast.Pipeline(
    fast.aug_transforms(
        size=SIZE, max_rotate=20, max_zoom=1.3, max_lighting=0.4, max_warp=0.4, p_affine=1, p_lighting=1
    ),
    split_idx=0,
)


def by_albumentations(pictures: Pictures) -> None:
    for picture in pictures:
        ALBUMENTATIONS(image=picture)


def by_torchvision(pictures: Pictures) -> None:
    for picture in pictures:
        TORCHVISION(torch.from_numpy(picture).permute(2, 0, 1))


def by_kornia(pictures: Pictures) -> None:
    for batch in batches(pictures):
        KORNIA(torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255)


def by_fastai(pictures: Pictures) -> None:
    for batch in batches(pictures):
        FASTAI(TensorImage(torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255))


def files_by_albumentations(files: list[str]) -> None:
    for file in files:
        ALBUMENTATIONS(image=cv2.imread(file, cv2.IMREAD_COLOR_RGB))


def files_by_torchvision(files: list[str]) -> None:
    for file in files:
        TORCHVISION(torchvision.io.decode_image(file))


def files_by_kornia(files: list[str]) -> None:
    for batch in batches(files):
        KORNIA(torch.stack([torchvision.io.decode_image(file) for file in batch]).float() / 255)


def files_by_fastai(files: list[str]) -> None:
    for batch in batches(files):
        pictures = np.stack([np.asarray(PILImage.create(file)) for file in batch])
        FASTAI(TensorImage(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255))


# --------------------------------------------------------------------------------- a warp, a turn and a zoom, and back


def albumentations_and_back(picture: Pictures, move: dict[str, Any]) -> Any:
    height, width = picture.shape[:2]
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    matrix = cv2.getPerspectiveTransform(corners, np.float32(move["corners"]))

    def warp(image: Any, by: Any) -> Any:
        return album.perspective(image, by, width, height, 0, BORDER, True, cv2.INTER_LINEAR)

    def turn(image: Any, degrees: float, scale: float) -> Any:
        tfm = A.Affine(rotate=(degrees, degrees), scale=(scale, scale), p=1, border_mode=BORDER)
        return tfm(image=image)["image"]

    there = turn(warp(picture, matrix), move["degrees"], move["zoom"])
    return warp(turn(there, -move["degrees"], 1 / move["zoom"]), np.linalg.inv(matrix))


def torchvision_and_back(picture: Pictures, move: dict[str, Any]) -> Any:
    height, width = picture.shape[:2]
    corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
    moved = move["corners"]
    mode = v2.InterpolationMode.BILINEAR

    def turn(image: Any, degrees: float, scale: float) -> Any:
        return tv.affine(image, -degrees, [0, 0], scale, [0.0, 0.0], mode)

    there = tv.perspective(torch.from_numpy(picture).permute(2, 0, 1), corners, moved, mode)
    there = turn(there, move["degrees"], move["zoom"])
    back = turn(there, -move["degrees"], 1 / move["zoom"])
    return tv.perspective(back, moved, corners, mode).permute(1, 2, 0).numpy()


def kornia_and_back(picture: Pictures, move: dict[str, Any]) -> Any:
    height, width = picture.shape[:2]
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    corners = torch.tensor([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]]).float()
    matrix = kornia.geometry.get_perspective_transform(corners, torch.tensor([move["corners"]]).float())
    centre = torch.tensor([[(width - 1) / 2, (height - 1) / 2]])
    zoom = torch.full((1, 2), move["zoom"])
    turn = kornia.geometry.get_rotation_matrix2d(centre, torch.tensor([move["degrees"]]), zoom)
    back = kornia.geometry.transform.invert_affine_transform(turn)
    size = (height, width)
    there = kornia.geometry.warp_affine(kornia.geometry.warp_perspective(image, matrix, size), turn, size)
    again = kornia.geometry.warp_perspective(kornia.geometry.warp_affine(there, back, size), matrix.inverse(), size)
    return (255 * again[0]).permute(1, 2, 0).numpy()


def fastai_and_back(picture: Pictures, move: dict[str, Any]) -> Any:
    height, width = picture.shape[:2]
    image = TensorImage(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    corners = torch.tensor([[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]])
    size = torch.tensor([width, height])
    warp = kornia.geometry.get_perspective_transform(corners, 2 * torch.tensor([move["corners"]]).float() / size - 1)[0]
    cos, sin = math.cos(math.radians(move["degrees"])), math.sin(math.radians(move["degrees"]))
    zoom = move["zoom"]
    turn = torch.tensor(
        [[cos / zoom, -sin * height / width / zoom, 0], [sin * width / height / zoom, cos / zoom, 0], [0, 0, 1]]
    )

    def at(matrix: Any) -> Callable[..., Any]:
        def places(coords: Any, *_: Any, **__: Any) -> Any:
            flat = torch.cat([coords, torch.ones_like(coords[..., :1])], dim=-1) @ matrix.T
            return flat[..., :2] / flat[..., 2:]

        return places

    there = image.affine_coord(turn[None, :2], at(warp.inverse()), pad_mode="reflection")
    again = there.affine_coord(torch.eye(3)[None, :2], at(turn.inverse() @ warp), pad_mode="reflection")
    return (255 * again[0]).permute(1, 2, 0).numpy()


PEERS = {
    "albumentations": (by_albumentations, files_by_albumentations, albumentations_and_back),
    "torchvision": (by_torchvision, files_by_torchvision, torchvision_and_back),
    "kornia": (by_kornia, files_by_kornia, kornia_and_back),
    "fastai": (by_fastai, files_by_fastai, fastai_and_back),
}


def main(folder: Path) -> None:
    """Answer each line of the input with a line of JSON."""
    pictures = np.load(folder / "pictures.npy")
    files = sorted(map(str, folder.glob("*.jpg")))
    for line in sys.stdin:
        what, name, *passes = line.split()
        on_pictures, on_files, and_back = PEERS[name]
        if what == "there_and_back":
            material = np.load(folder / "material.npy")
            moves = json.loads((folder / "moves.json").read_text())
            again = [np.asarray(and_back(*pair), np.float32) for pair in zip(material, moves, strict=True)]
            np.save(folder / f"{name}.npy", np.stack(again))
            answer: dict[str, float] = {"images": len(material)}
        else:
            times = int(passes[0])
            started = time.perf_counter()
            for _ in range(times):
                if what == "transforms":
                    on_pictures(pictures)
                else:
                    on_files(files)
            answer = {"images": times * len(pictures), "seconds": time.perf_counter() - started}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
