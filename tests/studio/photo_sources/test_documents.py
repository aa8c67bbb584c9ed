"""Pages of PDF documents and TIFF files, frames of videos, pictures of DICOM files; and what is wrong with others."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pypdfium2
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import MPEG2MPML, CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless

from handlens.errors import Cancelled, CollectionError
from handlens.io.pictures import LARGEST
from handlens.studio import Collection, GatheringProgress
from handlens.studio.photo_sources import dicom, parts, pdf, video

Gather = Callable[..., Any]


def refused(gather: Gather, file: Path, match: str) -> None:
    before = file.read_bytes()
    with pytest.raises(CollectionError, match=rf"Left out: {file.name}: {match}"):
        gather(file)
    assert file.read_bytes() == before


# --- PDF ---------------------------------------------------------------------------------------


def write_pdf(path: Path, *sizes: tuple[float, float]) -> Path:
    """Pages of so many points, each red in its lower left quarter."""
    document = pypdfium2.PdfDocument.new()
    for width, height in sizes:
        page = document.new_page(width, height)
        red = pypdfium2.raw.FPDFPageObj_CreateNewRect(0, 0, width / 2, height / 2)
        pypdfium2.raw.FPDFPageObj_SetFillColor(red, 255, 0, 0, 255)
        pypdfium2.raw.FPDFPath_SetDrawMode(red, pypdfium2.raw.FPDF_FILLMODE_ALTERNATE, False)
        pypdfium2.raw.FPDFPage_InsertObject(page, red)
        page.gen_content()
        page.close()
    document.save(path)
    document.close()
    return path


def test_pages_of_a_pdf(gather: Gather, tmp_path: Path) -> None:
    found = gather(write_pdf(tmp_path / "report.pdf", (72, 144), (144, 72)))
    assert found.files == ["report/page 1.png", "report/page 2.png"]
    assert list(found.places.values()) == [("report.pdf", "", 1, None), ("report.pdf", "", 2, None)]
    with Image.open(found.folder / "report/page 1.png") as page:
        assert (page.mode, page.size) == ("RGB", (150, 300))  # 150 pixels an inch
        assert page.getpixel((10, 290)) == (255, 0, 0)
        assert page.getpixel((10, 10)) == page.getpixel((140, 290)) == (255, 255, 255)
    with Image.open(found.folder / "report/page 2.png") as page:
        assert page.size == (300, 150)


def test_a_document_that_is_cancelled_midway_gives_way_to_others(gather: Gather, tmp_path: Path) -> None:
    cancel = threading.Event()
    write_pdf(tmp_path / "report.pdf", (72, 72), (72, 72))

    def stop(now: GatheringProgress) -> None:
        if now.photos:
            cancel.set()

    with pytest.raises(Cancelled) as _kept:  # with all that it holds
        gather(tmp_path / "report.pdf", progress=stop, cancel=cancel)
    assert not pdf._one_at_a_time.locked()
    assert gather(tmp_path / "report.pdf").files == ["report/page 1.png", "report/page 2.png"]


def test_a_pdf_in_a_zip(gather: Gather, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(write_pdf(tmp_path / "a.pdf", (72, 72)), "in/report.pdf")
    found = gather(tmp_path / "z.zip")
    assert found.places == {"z/in/report/page 1.png": ("z.zip", "in/report.pdf", 1, None)}


def test_a_page_as_large_as_a_wall_has_4000_pixels(gather: Gather, tmp_path: Path) -> None:
    found = gather(write_pdf(tmp_path / "wall.pdf", (14_400, 7_200)))
    with Image.open(found.folder / "wall/page 1.png") as page:
        assert page.size == (4000, 2000)


def encrypted_pdf() -> bytes:
    """A document that asks for a password, as its /Encrypt says; no key opens it."""
    body = b"%PDF-1.4\n"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>",
        b"<</Filter/Standard/V 1/R 2/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">/P -4>>",
    ]
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    id = b"<" + b"33" * 16 + b">"
    return body + b"trailer<</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[%s%s]>>\nstartxref\n%d\n%%%%EOF" % (id, id, start)


NO_PAGES = (
    b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj "
    b"trailer<</Root 1 0 R>>"
)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"just words", "not a PDF document, although it is called .pdf"),
        (b"%PDF-1.7 and nothing more", "a damaged PDF document, or one without pages"),
        (NO_PAGES, r"a damaged PDF document, or one without pages\.$"),
        (encrypted_pdf(), "an encrypted PDF document; save it without a password"),
    ],
    ids=["empty", "words", "head", "no pages", "encrypted"],
)
def test_what_is_not_a_pdf_that_can_be_read(gather: Gather, tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "bad.pdf").write_bytes(content)
    refused(gather, tmp_path / "bad.pdf", match)


def test_a_pdf_that_is_cut_off(gather: Gather, tmp_path: Path) -> None:
    data = write_pdf(tmp_path / "whole.pdf", (72, 72)).read_bytes()
    (tmp_path / "cut.pdf").write_bytes(data[: len(data) // 3])
    refused(gather, tmp_path / "cut.pdf", "a damaged PDF document")


def test_a_pdf_that_says_that_it_has_a_billion_pages(gather: Gather, tmp_path: Path) -> None:
    content = NO_PAGES.replace(b"Kids[]/Count 0", b"Kids[3 0 R]/Count 1000000000")
    page = b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj "
    (tmp_path / "lies.pdf").write_bytes(content.replace(b"trailer", page + b"trailer"))
    assert gather(tmp_path / "lies.pdf").files == ["lies/page 1.png"]


def test_too_many_pages(gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_PAGES", 2)
    write_pdf(tmp_path / "long.pdf", *[(72, 72)] * 3)
    refused(gather, tmp_path / "long.pdf", "too long: 3 pages, and at most 2 are used. Split it")


@pytest.mark.parametrize(
    ("file", "content", "module", "install"),
    [
        ("a.pdf", b"%PDF-1.7", "pypdfium2", "'handlens[pdf]'"),
        ("a.dcm", bytes(128) + b"DICM", "pydicom", "'handlens[dicom]'"),
        ("a.avi", b"RIFF\0\0\0\0AVI ", "cv2", "opencv-python-headless"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "pillow_heif", "'handlens[heic]'"),
    ],
)
def test_what_needs_an_extra_says_which(
    gather: Gather,
    photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    content: bytes,
    module: str,
    install: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / file).write_bytes(content)
    found = gather([tmp_path / file, photo(tmp_path / "b.png")])
    assert found.files == ["b.png"]
    assert f"pip install {install}" in found.left_out[file]


# --- TIFF --------------------------------------------------------------------------------------


def test_pages_of_a_tiff(gather: Gather, tmp_path: Path) -> None:
    pages = [Image.new("RGB", (20, 10), (i, 2, 3)) for i in (10, 20, 30)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    found = gather(tmp_path / "scan.tif")
    assert found.files == [f"scan/page {i}.png" for i in (1, 2, 3)]
    assert found.places["scan/page 2.png"] == ("scan.tif", "", 2, None)
    for number, red in ((1, 10), (2, 20), (3, 30)):
        with Image.open(found.folder / f"scan/page {number}.png") as page:
            assert (page.size, page.getpixel((0, 0))) == ((20, 10), (red, 2, 3))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_pages_of_more_than_8_bits_keep_their_values(gather: Gather, tmp_path: Path, dtype: type[np.generic]) -> None:
    pages = [np.array([[0, 1000, 60_000]] * 2, dtype) + np.array(i, dtype) for i in range(2)]
    assert cv2.imwritemulti(str(tmp_path / "deep.tif"), pages)
    found = gather(tmp_path / "deep.tif")
    assert found.files == ["deep/page 1.tif", "deep/page 2.tif"]
    for number, page in enumerate(pages, 1):
        read = cv2.imread(str(found.folder / f"deep/page {number}.tif"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(read, page)


def test_colours_of_16_bits_keep_their_order(gather: Gather, tmp_path: Path) -> None:
    page = np.zeros((2, 3, 3), np.uint16)
    page[:] = (1, 300, 60_000)
    assert cv2.imwritemulti(str(tmp_path / "deep.tif"), [page, page])
    found = gather(tmp_path / "deep.tif")
    np.testing.assert_array_equal(cv2.imread(str(found.folder / "deep/page 2.tif"), cv2.IMREAD_UNCHANGED), page)


def test_one_page_is_copied_as_it_is(gather: Gather, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (1, 2, 3)).save(tmp_path / "one.tif")
    found = gather(tmp_path / "one.tif")
    assert found.places == {"one.tif": ("one.tif", "", None, None)}
    assert (found.folder / "one.tif").read_bytes() == (tmp_path / "one.tif").read_bytes()


def test_pages_that_come_back_to_an_earlier_one_end(gather: Gather, tmp_path: Path) -> None:
    pages = [Image.new("L", (20, 10), i) for i in (10, 20)]
    pages[0].save(tmp_path / "loop.tif", save_all=True, append_images=pages[1:])
    data = bytearray((tmp_path / "loop.tif").read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    (second,) = struct.unpack_from("<I", data, first + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", data, second)
    struct.pack_into("<I", data, second + 2 + 12 * count, first)
    (tmp_path / "loop.tif").write_bytes(data)
    assert gather(tmp_path / "loop.tif").files == ["loop/page 1.png", "loop/page 2.png"]


def test_a_damaged_page_is_left_out_alone(gather: Gather, tmp_path: Path) -> None:
    pages = [Image.effect_noise((40, 40), 90) for _ in range(3)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    data = buffer.getvalue()
    (tmp_path / "cut.tif").write_bytes(data)
    with Image.open(tmp_path / "cut.tif") as picture:
        picture.seek(1)
        at, length = picture.tag_v2[273][0], picture.tag_v2[279][0]
    (tmp_path / "cut.tif").write_bytes(data[:at] + b"\xff" * length + data[at + length :])
    found = gather(tmp_path / "cut.tif")
    assert found.files == ["cut/page 1.png", "cut/page 3.png"]
    assert found.left_out == {"cut.tif/page 2": "a damaged picture: it cannot be decoded"}


def test_too_many_pages_of_a_tiff(gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_PAGES", 2)
    pages = [Image.new("L", (4, 4), i) for i in range(3)]
    pages[0].save(tmp_path / "long.tif", save_all=True, append_images=pages[1:])
    refused(gather, tmp_path / "long.tif", "too long: 3 pages, and at most 2 are used")


@pytest.mark.parametrize("length", [4, 8, 40])
def test_a_tiff_that_is_cut_off(gather: Gather, tmp_path: Path, length: int) -> None:
    pages = [Image.new("L", (4, 4), i) for i in range(2)]
    pages[0].save(tmp_path / "cut.tif", save_all=True, append_images=pages[1:])
    (tmp_path / "cut.tif").write_bytes((tmp_path / "cut.tif").read_bytes()[:length])
    refused(gather, tmp_path / "cut.tif", "(a damaged picture|truncated)")


# --- video -------------------------------------------------------------------------------------


def write_video(path: Path, code: str, frames: int = 12, rate: float = 4.0) -> Path:
    """Frames of one grey each, 20 lighter than the one before."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), rate, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(("ending", "code"), [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "FFV1")])
def test_frames_of_a_video(gather: Gather, tmp_path: Path, ending: str, code: str) -> None:
    found = gather(write_video(tmp_path / f"film{ending}", code))
    assert found.files == [f"film/second {second}.000.jpg" for second in (0, 1, 2)]
    assert list(found.places.values()) == [(f"film{ending}", "", None, float(second)) for second in (0, 1, 2)]
    for second, grey in ((0, 0), (1, 80), (2, 160)):
        with Image.open(found.folder / f"film/second {second}.000.jpg") as frame:
            assert frame.size == (64, 48)
            assert abs(np.asarray(frame).astype(int) - grey).max() <= 4


def test_frames_at_other_seconds_are_added(gather: Gather, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.avi", "MJPG")
    assert len(gather(film, every=2).files) == 2
    found = gather(film, every=0.75)
    assert [place[3] for place in found.places.values()] == [0.0, 2.0, 0.75, 1.5, 2.25]


def test_more_frames_than_there_are_taken(gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MOST_FRAMES", 2)
    found = gather(write_video(tmp_path / "film.avi", "MJPG"))
    assert len(found.files) == 2
    assert found.left_out == {"film.avi": "longer: of one video at most 2 frames are taken"}


def test_a_video_that_is_cut_off(gather: Gather, tmp_path: Path) -> None:
    data = write_video(tmp_path / "whole.mp4", "mp4v").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])  # what the frames are stands at its end
    refused(
        gather, tmp_path / "cut.mp4", "a video that cannot be opened: it is damaged, cut off, or of an unknown kind"
    )


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"just words", "not a video, although it is called .mp4"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n", "not a video, although it is called .mp4"),
        (b"\0\0\0\x18ftypisom" + bytes(400), "a video that cannot be opened"),
    ],
    ids=["empty", "words", "playlist", "head"],
)
def test_what_is_not_a_video_that_can_be_read(gather: Gather, tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "bad.mp4").write_bytes(content)
    refused(gather, tmp_path / "bad.mp4", match)


def test_what_is_wrong_with_a_video_is_not_written_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(400))
    code = """
import sys
from pathlib import Path
from handlens.errors import PhotoError
from handlens.studio.photo_sources.video import video_frames
try:
    list(video_frames(1.0)(Path(sys.argv[1])))
except PhotoError:
    print("refused")
"""
    command = [sys.executable, "-c", code, str(tmp_path / "bad.mp4")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("refused\n", "")


# --- DICOM -------------------------------------------------------------------------------------

VALUES = np.array([[-1000, -160, -110, 40], [190, 240, 241, 3000]], np.int16)


def write_dicom(path: Path, values: NDArray[Any] = VALUES, **elements: Any) -> Path:
    """A CT of one frame, or of several along the first axis, with the name of a patient."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = elements.pop("syntax", ExplicitVRLittleEndian)
    data = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, "1.2.3"
    data.PatientName, data.PatientID = "Doe^Jane", "4711"
    data.Rows, data.Columns = values.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * values.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(values.dtype.kind == "i")
    data.PixelData = values.tobytes()
    if values.ndim == 3:
        data.NumberOfFrames = len(values)
    for key, value in elements.items():
        setattr(data, key, value)
    data.save_as(path, enforce_file_format=True)
    return path


def grey(found: Any, name: str) -> list[list[int]]:
    with Image.open(found.folder / name) as picture:
        assert (picture.mode, picture.info) == ("L", {})
        return np.asarray(picture).tolist()


def test_a_window_is_applied_and_nothing_of_the_patient_kept(gather: Gather, tmp_path: Path) -> None:
    # By PS3.3 C.11.2.1.2: black up to 40 − 0.5 − 399/2 = −160, white above 40 − 0.5 + 399/2 = 239.
    found = gather(write_dicom(tmp_path / "ct.dcm", WindowCenter=40, WindowWidth=400))
    assert found.places == {"ct.png": ("ct.dcm", "", None, None)}
    expected = [[0, 0, round(50 / 399 * 255), round(200 / 399 * 255)], [round(350 / 399 * 255), 255, 255, 255]]
    assert grey(found, "ct.png") == expected
    content = (found.folder / "ct.png").read_bytes()
    assert b"Doe" not in content
    assert b"4711" not in content


def test_the_first_of_several_windows_after_the_rescale(gather: Gather, tmp_path: Path) -> None:
    stored = np.array([[0, 10, 20, 30]], np.uint16)  # 2·stored + 5: 5, 25, 45, 65
    file = write_dicom(
        tmp_path / "ct.dcm",
        stored,
        RescaleSlope=2,
        RescaleIntercept=5,
        WindowCenter=[35, 0],
        WindowWidth=[60, 1],
        VOILUTFunction="LINEAR_EXACT",
    )
    assert grey(gather(file), "ct.png") == [[0, 85, 170, 255]]  # from 5 to 65


def test_without_a_window_from_the_least_to_the_greatest(gather: Gather, tmp_path: Path) -> None:
    assert grey(gather(write_dicom(tmp_path / "a.dcm", np.array([[100, 200, 600]], np.uint16))), "a.png") == [
        [0, 51, 255]
    ]


def test_where_the_least_is_white(gather: Gather, tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "a.dcm", np.array([[0, 51, 255]], np.uint8), PhotometricInterpretation="MONOCHROME1")
    assert grey(gather(file), "a.png") == [[255, 204, 0]]


def test_several_frames_and_a_file_without_an_ending(gather: Gather, tmp_path: Path) -> None:
    frames = np.array([[[0, 255]], [[255, 0]], [[0, 51]]], np.uint8)
    found = gather(write_dicom(tmp_path / "IM0001", frames, WindowCenter=128, WindowWidth=256))
    assert found.files == [f"IM0001/page {i}.png" for i in (1, 2, 3)]
    assert found.places["IM0001/page 3.png"] == ("IM0001", "", 3, None)
    assert grey(found, "IM0001/page 2.png") == [[255, 0]]


def test_colours(gather: Gather, tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "us.dcm", np.array([[1, 2, 3, 4, 5, 6]], np.uint8))
    data = pydicom.dcmread(file)
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.Columns = 2
    data.save_as(file)
    with Image.open(gather(file).folder / "us.png") as picture:
        assert np.asarray(picture).tolist() == [[[1, 2, 3], [4, 5, 6]]]


@pytest.mark.parametrize(
    ("elements", "match"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "its size is 60,000×60,000 pixels, which is not one of up to 200"),
        ({"Rows": 0}, "its size is 4×0 pixels"),
        ({"NumberOfFrames": 2**31 - 1}, "too long: 2,147,483,647 pages, and at most 10,000 are used"),
        (
            {"syntax": JPEGLSLossless},
            r"it is compressed as JPEG-LS Lossless Image Compression; to decode it, pydicom needs gdcm>=\S+, or "
            r"pylibjpeg>=\S+ and pylibjpeg-libjpeg>=\S+, or numpy and pyjpegls>=\S+",
        ),
        (
            {"syntax": MPEG2MPML},
            "it is compressed as MPEG2 Main Profile / Main Level, which pydicom does not decode",
        ),
        ({"PixelData": b"\0\0"}, "its picture cannot be decoded"),
    ],
    ids=["huge", "no rows", "many frames", "needs a library", "film", "short"],
)
def test_dicom_files_that_lie(gather: Gather, tmp_path: Path, elements: dict[str, Any], match: str) -> None:
    content = dict(elements)
    if "syntax" in content:
        content["PixelData"] = pydicom.encaps.encapsulate([b"\0\0\0\0"])
    refused(gather, write_dicom(tmp_path / "bad.dcm", **content), match)
    assert LARGEST == 200_000_000


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"just words", "not a DICOM file, although it is called .dcm"),
        (bytes(128) + b"DICM", "a (damaged DICOM file|DICOM file without a picture)"),
        (bytes(128) + b"DICMnonsense and more nonsense", "a (damaged DICOM file|DICOM file without a picture)"),
    ],
    ids=["empty", "words", "head", "nonsense"],
)
def test_what_is_not_a_dicom_file(gather: Gather, tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "bad.dcm").write_bytes(content)
    refused(gather, tmp_path / "bad.dcm", match)


def test_a_dicom_file_without_a_picture(gather: Gather, tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "report.dcm")
    data = pydicom.dcmread(file)
    del data.PixelData
    data.save_as(file)
    refused(gather, file, "a DICOM file without a picture")


def test_pixels_that_are_not_whole_numbers(gather: Gather, tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "map.dcm", np.zeros((1, 3), np.uint32))
    data = pydicom.dcmread(file)
    del data.PixelData
    data.FloatPixelData = np.array([-0.5, 0.0, 2.0], "<f4").tobytes()
    data.save_as(file)
    assert grey(gather(file), "map.png") == [[0, 51, 255]]


def test_text_that_is_burned_in_is_said_when_the_collection_is_opened(tmp_path: Path) -> None:
    file = write_dicom(tmp_path / "us.dcm", BurnedInAnnotation="YES")
    clean = write_dicom(tmp_path / "ct.dcm", BurnedInAnnotation="NO")
    said = (
        "As their DICOM files say, text is burned into pictures (1, such as us.png), and may name patients. Look at "
        "them before you pass anything of this collection on."
    )
    with Collection.create(tmp_path / "own", images=[file, clean], backbone=None) as collection:
        assert collection.notices == [said]
    with Collection.open(tmp_path / "own") as collection:
        assert collection.notices == [said]


def test_a_large_file_is_not_held_in_memory(gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom, "_LARGE", 1000)
    frames = np.arange(3 * 40 * 40, dtype=np.uint16).reshape(3, 40, 40)
    file = write_dicom(tmp_path / "ct.dcm", frames, WindowCenter=2400, WindowWidth=4801)
    read: list[Any] = []
    monkeypatch.setattr(pydicom.filereader, "read_deferred_data_element", lambda *given: read.append(given))
    assert len(gather(file).files) == 3
    assert read == []  # the pixels of all frames together


def test_a_window_without_width_is_a_threshold() -> None:
    assert dicom._to_bytes(np.array([1, 2, 3]), 2, 2).tolist() == [0, 0, 255]
