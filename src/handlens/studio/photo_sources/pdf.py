"""The pages of PDF documents as pictures, drawn by PDFium."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from handlens.errors import PhotoError
from handlens.io.problems import reason_of
from handlens.studio.photo_sources.parts import FilePart, check_pages, write_png

DOTS, LONGEST = 150, 4000
"""Pixels of an inch of a page, and of the longer side of its picture at most."""

_POINTS = 72  # of an inch
_WRONG_PASSWORD = 4  # FPDF_ERR_PASSWORD
_one_at_a_time = threading.Lock()  # PDFium is not made for threads


def pdf_pages(file: Path) -> Generator[FilePart, None, None]:
    """Give the pages of a PDF document, a `PartReader`."""
    try:
        import pypdfium2
    except ImportError as error:
        raise PhotoError("a PDF document; to use its pages, pip install 'handlens[pdf]'") from error

    with _one_at_a_time:
        try:
            document = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _WRONG_PASSWORD:
                raise PhotoError("an encrypted PDF document; save it without a password") from error
            raise PhotoError("a damaged PDF document, or one without pages") from error
        with closing(document):
            check_pages(len(document))
            for number in range(len(document)):

                def write(target: Path, number: int = number) -> None:
                    try:
                        write_png(_drawn(document, number), target)
                    except pypdfium2.PdfiumError as error:
                        raise PhotoError(f"a damaged page ({reason_of(error)})") from error

                yield FilePart(number + 1, None, ".png", write, (number + 1) / len(document))


def _drawn(document: Any, number: int) -> Any:
    """A page as a picture in RGB, on white."""
    with closing(document[number]) as page:
        width, height = page.get_size()
        if not (width > 0 and height > 0):
            raise PhotoError("a page without a size")
        scale = min(DOTS / _POINTS, LONGEST / max(width, height))
        with closing(page.render(scale=scale)) as bitmap:
            return bitmap.to_pil().convert("RGB")
