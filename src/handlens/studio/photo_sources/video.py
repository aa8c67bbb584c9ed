"""Frames of videos, decoded by OpenCV."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from handlens.errors import PhotoError
from handlens.studio.photo_sources.parts import MOST_FRAMES, FilePart, PartReader, check_pixels

QUALITY = 95
"""Of the JPEG files of frames."""


def video_frames(every: float) -> PartReader:
    """Give a `PartReader` of a video: its first frame, and then the first frame of every so many seconds."""
    return partial(_frames, every=every)


def _frames(file: Path, every: float) -> Generator[FilePart, None, None]:
    try:
        import cv2
    except ImportError as error:
        raise PhotoError("a video; to use its frames, pip install opencv-python-headless") from error

    # By FFmpeg alone: another reader of OpenCV takes a name with % for a pattern of names.
    with _quiet():
        capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)

    def write(target: Path) -> None:
        is_read, frame = capture.retrieve()
        if not is_read:
            raise PhotoError("a damaged frame: it cannot be decoded")
        is_written, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not is_written:
            raise PhotoError("a frame that cannot be written as JPEG")
        target.write_bytes(encoded.tobytes())

    try:
        if not capture.isOpened():
            raise PhotoError("a video that cannot be opened: it is damaged, cut off, or of an unknown kind")
        check_pixels(capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        taken, number, wanted = 0, 0, 0.0
        while capture.grab():
            second = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if not 0 <= second < math.inf or (number and second == 0):  # it does not say when its frames are shown
                second = number / rate if rate > 0 else float(number)
            number += 1
            if second + 0.0005 < wanted:
                continue
            if taken == MOST_FRAMES:
                raise PhotoError(f"longer: of one video at most {MOST_FRAMES:,} frames are taken")
            share = number / frames if frames >= number else None
            yield FilePart(None, round(second, 3), ".jpg", write, share)
            taken += 1
            wanted = (math.floor(second / every + 1e-9) + 1) * every
        if not taken:
            raise PhotoError("a video without a frame that can be decoded")
    finally:
        capture.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """While it is entered, OpenCV and FFmpeg write nothing to the terminal: what is wrong becomes a reason."""
    from cv2.utils import logging

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet; read when FFmpeg is used first
    before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)
