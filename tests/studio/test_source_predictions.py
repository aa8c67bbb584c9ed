"""Predictions for photos wherever they are: files, patterns, lists and archives, each file with a row."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from handlens.core.predictions import class_predictions_frame
from handlens.errors import CollectionError, DataError
from handlens.io.pictures import picture_fault
from handlens.studio import source_predictions
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.source_predictions import predict_source
from handlens.vision.mask_files import write_masks


class Brightness:
    """A model that says of each photo how bright its first pixel is, and counts its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict_files(
        self, files: Sequence[Path | str], *, progress: Callable[[int, int], None] | None = None
    ) -> pd.DataFrame:
        self.calls.append(len(files))
        p = np.full((len(files), 2), np.nan, np.float32)
        reasons = []
        for i, file in enumerate(files):
            try:
                with Image.open(file) as picture:
                    light = picture.convert("L").getpixel((0, 0)) / 255
                p[i] = 1 - light, light
                reasons.append("")
            except Exception as error:
                reasons.append(picture_fault(Path(file), error))
        if progress and files:
            progress(len(files), len(files))
        return class_predictions_frame([str(file) for file in files], ["dark", "light"], p, reasons=reasons)


def png(grey: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (4, 4), grey).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Photos in a folder, a zip and a tar, with others that are not."""
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "folder" / "10.png").write_bytes(png(255))
    (tmp_path / "folder" / "2.png").write_bytes(png(0))
    (tmp_path / "folder" / "below" / "notes.txt").write_text("no photo")
    (tmp_path / "folder" / ".hidden.png").write_bytes(png(0))
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("a/1.png", png(51))
        archive.writestr("a/empty.png", b"")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../out.png", png(0))
    with tarfile.open(tmp_path / "some.tar.gz", "w:gz") as tar:
        for name, grey in (("10.png", 102), ("9.png", 204)):
            member = tarfile.TarInfo(name)
            member.size = len(png(grey))
            tar.addfile(member, io.BytesIO(png(grey)))
    return tmp_path


def said(table: pd.DataFrame, root: Path) -> list[tuple[str, float | None, str]]:
    light = [None if pd.isna(p) else round(float(p), 3) for p in table["probability of light"]]
    paths = [path.replace(f"{root}/", "") for path in table["path"]]
    return list(zip(paths, light, table["reason"], strict=True))


def test_files_folders_archives_and_what_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(root / "temporary"))
    model, seen = Brightness(), []
    given = [root / "folder", root / "some.zip", root / "none.png", root / "some.tar.gz", root / "folder" / "2.png"]
    given.append(root / "evil.zip")
    table = predict_source(model, PhotoSource(given), progress=lambda done, known: seen.append((done, known)))
    found = said(table, root)
    path, light, reason = found.pop()
    assert (path, light, "must stay inside their folder" in reason) == ("evil.zip", None, True)
    assert found == [
        ("folder/2.png", 0.0, ""),
        ("folder/10.png", 1.0, ""),
        ("folder/below/notes.txt", None, "not a picture"),
        ("some.zip#a/1.png", 0.2, ""),
        ("some.zip#a/empty.png", None, "empty (0 bytes)"),
        ("none.png", None, "there is no such file"),
        ("some.tar.gz#9.png", 0.8, ""),
        ("some.tar.gz#10.png", 0.4, ""),
    ]
    assert table["predicted"].dropna().tolist() == ["dark", "light", "dark", "light", "dark"]
    assert seen[-1][0] <= seen[-1][1] == len(table)
    assert list((root / "temporary").iterdir()) == []


ODD = {
    "a.pdf": (b"%PDF-1.7 ...", "a PDF document; to use its pages, save them as pictures"),
    "called.jpg": (b"%PDF-1.7 ...", "a PDF document; to use its pages, save them as pictures"),
    "cut.heic": (b"\0\0\0\x18ftypheic" + bytes(90), "HEIC"),
    "film.mp4": (b"\0\0\0\x18ftypisom" + bytes(90), "a video; to use its frames, save them as pictures"),
    "no.mp4": (b"text", "not a video, although it is called .mp4"),
    "notes.txt": (b"text", "not a picture"),
    "packed.rar": (b"Rar!\x1a\x07 ...", "packed with RAR, which is not opened here; unpack it first"),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(90), "a DICOM file; to use its pictures, save them as pictures"),
    "zero.jpg": (b"", "empty (0 bytes)"),
}


@pytest.mark.parametrize("together", [False, True], ids=["a folder by itself", "files"])
def test_each_file_that_is_not_a_photo_has_its_reason(root: Path, together: bool) -> None:
    folder = root / "odd"
    folder.mkdir()
    for name, (content, _) in ODD.items():
        (folder / name).write_bytes(content)
    (folder / "photo.png").write_bytes(png(255))
    if not together:
        with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
            archive.writestr("1.png", png(0))
    table = predict_source(Brightness(), PhotoSource([folder, root / "folder" / "2.png"] if together else folder))
    found = dict(zip((Path(path).name for path in table["path"]), table["reason"], strict=True))
    assert found.pop("photo.png") == ""
    if together:
        assert found.pop("2.png") == ""
    else:
        assert found.pop("photos.zip") == "an archive; to use the photos in it, name the file itself"
    assert "HEIC" in found.pop("cut.heic")
    assert found == {name: why for name, (_, why) in ODD.items() if name != "cut.heic"}
    assert table["predicted"].notna().tolist() == (table["reason"] == "").tolist()


def test_patterns_and_lists(root: Path) -> None:
    expected = [("folder/2.png", 0.0, ""), ("folder/10.png", 1.0, "")]
    assert said(predict_source(Brightness(), PhotoSource(str(root / "*" / "*.png"))), root) == expected
    (root / "list.txt").write_text("folder/10.png\nfolder/2.png\n")
    assert said(predict_source(Brightness(), PhotoSource(root / "list.txt")), root) == expected[::-1]


def test_a_folder_by_itself_has_paths_below_it(root: Path) -> None:
    table = predict_source(Brightness(), PhotoSource(root / "folder"))
    assert table["path"].tolist() == ["2.png", "10.png", "below/notes.txt"]


def test_many_files_are_predicted_in_parts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_predictions, "AT_ONCE", 2)
    files = [root / "folder" / f"{i}.png" for i in range(20, 25)]
    for i, file in enumerate(files):
        file.write_bytes(png(51 * i))
    model = Brightness()
    table = predict_source(model, PhotoSource(files))
    assert [light for _, light, _ in said(table, root)] == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert model.calls == [0, 2, 2, 1]


def test_a_damaged_archive_has_a_row(root: Path) -> None:
    data = (root / "some.zip").read_bytes()
    (root / "cut.zip").write_bytes(data[: len(data) // 2])
    [(path, light, reason)] = said(predict_source(Brightness(), PhotoSource(root / "cut.zip")), root)
    assert (path, light) == ("cut.zip", None)
    assert reason
    assert str(root) not in reason


def test_what_is_not_there(root: Path) -> None:
    with pytest.raises(CollectionError, match="there is no such folder or file"):
        predict_source(Brightness(), PhotoSource(root / "none"))
    with pytest.raises(CollectionError, match="no file is called like that"):
        predict_source(Brightness(), PhotoSource(str(root / "*.gif")))


class Dark:
    """A model of masks: pixels below a grey of 128 are of class 1."""

    def predict_files(
        self,
        files: Sequence[Path | str],
        *,
        masks: Sequence[Path | str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> pd.DataFrame:
        found: list[torch.Tensor | str] = []
        for file in files:
            try:
                with Image.open(file) as picture:
                    found.append(torch.from_numpy((np.asarray(picture) < 128).astype(np.uint8)))
            except Exception as error:
                found.append(picture_fault(Path(file), error))
        if progress and files:
            progress(len(files), len(files))
        return write_masks(files, found, masks, ["light", "dark"])


def test_masks_are_called_like_their_photos(root: Path) -> None:
    (root / "folder" / "below" / "2.png").write_bytes(png(100))
    (root / "folder" / "10.jpg").write_bytes((root / "folder" / "10.png").read_bytes())
    table = predict_source(Dark(), PhotoSource(root / "folder"), masks=root / "out-masks")
    assert table[["path", "mask", "share of dark"]].astype(object).fillna("").values.tolist() == [
        ["2.png", "out-masks/2.png", 1.0],
        ["10.jpg", "out-masks/10.png", 0.0],
        ["10.png", "out-masks/10 2.png", 0.0],
        ["below/2.png", "out-masks/below/2.png", 1.0],
        ["below/notes.txt", "", ""],
    ]
    assert np.asarray(Image.open(root / "out-masks" / "below" / "2.png")).tolist() == [[1] * 4] * 4
    assert table["reason"].tolist() == [""] * 4 + ["not a picture"]
    with pytest.raises(DataError, match="must be empty or not there"):
        predict_source(Dark(), PhotoSource(root / "folder"), masks=root / "out-masks")


def test_masks_of_archives_and_files(root: Path) -> None:
    given = [root / "folder" / "2.png", root / "some.zip", root / "none.png"]
    table = predict_source(Dark(), PhotoSource(given), masks=root / "masks")
    names = [path.relative_to(root).as_posix() for path in sorted((root / "masks").rglob("*.png"))]
    assert names == table["mask"].dropna().tolist()
    assert len(names) == 2
    assert table["reason"].tolist() == ["", "", "empty (0 bytes)", "there is no such file"]


def test_a_model_without_heat_maps_is_refused_before_anything_is_predicted(root: Path) -> None:
    with pytest.raises(DataError, match="heat maps are of networks"):
        predict_source(Dark(), PhotoSource(root / "folder"), masks=root / "masks", heatmaps=root / "heatmaps")
    assert not (root / "heatmaps").exists()


def test_no_mask_is_left_of_what_is_stopped(root: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = sorted(root.iterdir())
    with pytest.raises(KeyboardInterrupt):
        predict_source(Dark(), PhotoSource([root / "folder"]), masks=root / "masks", progress=stop)
    assert sorted(root.iterdir()) == before
