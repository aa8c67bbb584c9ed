"""Photos of noise in folders, tar archives and Parquet files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def write_photos(folder: Path, count: int) -> list[str]:
    """Write photos 0.jpg, 1.jpg … and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (folder / f"{i}.jpg").write_bytes(jpeg(i))
    return [str(folder / f"{i}.jpg") for i in range(count)]


def write_tar(file: Path, members: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(file, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
