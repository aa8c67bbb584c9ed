"""Photos from archives, folders, patterns and lists: copied once, listed, and gone on with."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from handlens.errors import Cancelled, CollectionError, StorageError
from handlens.io import archives
from handlens.studio import Collection, GatheringProgress, LeftOut, PhotoSource
from handlens.studio.photo_sources import gathering


def png(grey: int = 100) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16, 12), grey).save(buffer, "PNG")
    return buffer.getvalue()


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.filename = name
            archive.writestr(info, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_ino) for f in folder.rglob("*") if f.is_file()}


# --- archives ----------------------------------------------------------------------------------


def test_a_zip(gather: Callable[..., Any], tmp_path: Path) -> None:
    archive = write_zip(
        tmp_path / "holiday.zip",
        {"sea/1.png": png(1), "2.png": png(2), "notes.txt": b"words", "empty.jpg": b"", ".hidden.png": png(3)},
    )
    before = archive.read_bytes()
    found = gather(archive)
    assert found.files == ["holiday/2.png", "holiday/sea/1.png"]
    assert found.places == {
        "holiday/2.png": ("holiday.zip", "2.png", None, None),
        "holiday/sea/1.png": ("holiday.zip", "sea/1.png", None, None),
    }
    assert found.left_out == {"holiday.zip/notes.txt": "not a picture", "holiday.zip/empty.jpg": "empty (0 bytes)"}
    assert (found.folder / "holiday/sea/1.png").read_bytes() == png(1)
    assert archive.read_bytes() == before
    assert sorted(path.name for path in found.folder.iterdir()) == ["holiday"]  # nothing of the run is left


@pytest.mark.parametrize(
    ("name", "mode"), [("set.tar", "w"), ("set.tgz", "w:gz"), ("set.tar.bz2", "w:bz2"), ("set.tar.xz", "w:xz")]
)
def test_a_tar(gather: Callable[..., Any], tmp_path: Path, name: str, mode: str) -> None:
    archive = write_tar(tmp_path / name, {"pets/cat.png": png(1), "pets/notes.txt": b"words"}, mode)
    found = gather(archive)
    assert found.files == ["set/pets/cat.png"]
    assert found.places == {"set/pets/cat.png": (name, "pets/cat.png", None, None)}
    assert found.left_out == {f"{name}/pets/notes.txt": "not a picture"}


def test_an_archive_in_an_archive_is_not_opened(gather: Callable[..., Any], tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", {"a.png": png()}).read_bytes()
    found = gather(write_zip(tmp_path / "outer.zip", {"inner.zip": inner, "b.png": png()}))
    assert found.files == ["outer/b.png"]
    assert found.left_out == {"outer.zip/inner.zip": "an archive in an archive, which is not opened"}


@pytest.mark.parametrize(
    ("head", "program"),
    [
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07\x01\0", "RAR"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
    ],
)
def test_other_archives_are_called_by_their_name(
    gather: Callable[..., Any], tmp_path: Path, head: bytes, program: str
) -> None:
    (tmp_path / "photos.bin").write_bytes(head + bytes(300))
    with pytest.raises(CollectionError, match=f"bin: packed with {program}, which is not opened here; unpack it first"):
        gather(tmp_path / "photos.bin")


def test_of_two_files_of_one_name_in_an_archive_the_second_is_listed(
    gather: Callable[..., Any], tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for grey in (1, 2):
            info = tarfile.TarInfo("a.png")
            info.size = len(png(grey))
            archive.addfile(info, io.BytesIO(png(grey)))
    found = gather(tmp_path / "a.tar")
    assert found.files == ["a/a.png"]
    assert found.left_out == {"a.tar/a.png": "another file of that name came first"}
    assert (found.folder / "a/a.png").read_bytes() == png(1)


def test_reasons_after_many_photos_of_an_archive_are_kept(gather: Callable[..., Any], tmp_path: Path) -> None:
    photos = {f"{i}.png": png(i) for i in range(2 * gathering._TOGETHER + 1)}
    archive = write_zip(tmp_path / "a.zip", {"0.txt": b"words", **photos, "999.txt": b"words"})
    expected = {"a.zip/0.txt": "not a picture", "a.zip/999.txt": "not a picture"}
    assert gather(archive).left_out == expected
    assert gather(archive).left_out == expected  # and once, when they are looked at again


def encrypted(path: Path) -> bytes:
    data = bytearray(write_zip(path, {"a.png": png()}).read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def linked_tar(path: Path) -> bytes:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    return path.read_bytes()


HOSTILE: list[tuple[str, Callable[[Path], bytes], str]] = [
    ("a.zip", lambda path: write_zip(path, {"../a.png": png()}).read_bytes(), "must stay inside their folder"),
    ("a.zip", lambda path: write_zip(path, {"/a.png": png()}).read_bytes(), "is absolute"),
    ("a.zip", encrypted, "encrypted"),
    ("a.zip", lambda path: write_zip(path, {"a.png": png()}).read_bytes()[:-30], "no table of contents"),
    ("a.zip", lambda path: b"PK\x03\x04 and nothing more", "no table of contents"),
    ("a.zip", lambda path: b"just words", "not a zip archive, although it is called .zip"),
    ("a.zip", lambda path: b"", r"empty \(0 bytes\)"),
    ("a.tar", linked_tar, "is a link, which no data set needs"),
    ("a.tar", lambda path: write_tar(path, {"../a.png": png()}).read_bytes(), "is a path outside its folder"),
    ("a.tar", lambda path: write_tar(path, {"a.png": png() * 99}).read_bytes()[:1024], "it is damaged"),
    ("a.tar.gz", lambda path: b"just words", "it is damaged"),
    ("a.tgz", lambda path: write_tar(path, {"a.png": png()}, "w:gz").read_bytes()[:60], "it is damaged"),
]


@pytest.mark.parametrize(("name", "make", "match"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_archives(
    gather: Callable[..., Any], own: Path, tmp_path: Path, name: str, make: Callable[[Path], bytes], match: str
) -> None:
    content = make(tmp_path / "made")
    (tmp_path / "made").unlink(missing_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CollectionError, match=rf"there is no photo to use in a\. Left out: a\.\S+: .*{match}"):
        gather(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content  # also where it is damaged
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "own"])
    assert not (own / "photos").exists()


def test_a_bomb_in_a_list_is_left_out_alone(
    gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "SMALL", 10_000)
    bomb = write_tar(tmp_path / "bomb.tgz", {"zeros.png": bytes(2**21)}, "w:gz")
    found = gather([bomb, photo(tmp_path / "a.png")])
    assert found.files == ["a.png"]
    assert list(found.left_out) == ["bomb.tgz"]
    assert "would unpack to 2 MB or more, which is over 100 times its own size" in found.left_out["bomb.tgz"]


def test_names_that_other_systems_refuse_or_take_for_the_same(gather: Callable[..., Any], tmp_path: Path) -> None:
    archive = write_zip(
        tmp_path / "odd.zip", {"aux.png": png(1), "ab:c.png": png(2), "IMG.png": png(3), "img.png": png(4)}
    )
    found = gather(archive)
    assert found.files == sorted(["odd/_aux.png", "odd/ab_c.png", "odd/IMG.png", "odd/img 2.png"])
    assert found.places["odd/ab_c.png"] == ("odd.zip", "ab:c.png", None, None)


# --- folders, patterns and lists ---------------------------------------------------------------


def test_a_pattern(gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("in/a/1.png", "in/b/2.png", "in/b/c/10.png", "in/b/c/9.png", "in/3.jpg"):
        photo(tmp_path / name)
    (tmp_path / "in" / "b" / "again.png").symlink_to(tmp_path / "in" / "b" / "2.png")
    (tmp_path / "in" / "b" / "loop").symlink_to(tmp_path / "in")
    found = gather(str(tmp_path / "in" / "**" / "*.png"))
    assert len(found.files) == 4  # each once, although links lead to it
    assert {place[0] for place in found.places.values()} <= {"1.png", "2.png", "again.png", "9.png", "10.png"}
    with pytest.raises(CollectionError, match=r"must be a pattern of photos; no file is called like that"):
        gather(str(tmp_path / "in" / "*.gif"))


def test_a_file_that_is_called_like_a_pattern(
    gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path
) -> None:
    assert gather(photo(tmp_path / "a[1].png")).files == ["a[1].png"]


def test_a_list_of_files_and_folders(gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path) -> None:
    paths = [photo(tmp_path / "x" / "a.png", 1), photo(tmp_path / "y" / "a.png", 2), tmp_path / "z", "gone.png"]
    photo(tmp_path / "z" / "deep" / "b.png", 3)
    (tmp_path / "z" / "out.png").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    found = gather([*paths, paths[0], tmp_path / "pipe"])
    assert sorted(found.places.values()) == [
        ("a.png", "", None, None),
        ("a.png", "", None, None),
        ("b.png", "", None, None),
    ]
    assert len(found.files) == 3
    reasons = {Path(shown).name: reason for shown, reason in found.left_out.items()}
    assert reasons == {
        "out.png": "a link to outside the folder",
        "gone.png": "there is no such file",
        "pipe": "not a file with content (a device, pipe or socket)",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_file_of_paths(
    gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path, encoding: str
) -> None:
    photo(tmp_path / "photos" / "räk 1.png", 1)
    photo(tmp_path / "else" / "# 2.png", 2)
    text = f"photos/räk 1.png\r\n\n{tmp_path}/else/# 2.png\ngone.png\nhttps://example.org/a.png\nother.txt\n"
    (tmp_path / "list.txt").write_bytes(text.encode(encoding))
    (tmp_path / "other.txt").write_text("photos/räk 1.png", encoding="utf-8")
    found = gather(tmp_path / "list.txt")
    assert found.files == ["else/# 2.png", "photos/räk 1.png"]
    reasons = {Path(shown).name: reason for shown, reason in found.left_out.items()}
    assert reasons["gone.png"] == "there is no such file"
    assert reasons["other.txt"] == "not a picture"  # lists are not read from lists
    assert "nothing is downloaded unless it is asked for" in reasons["a.png"]


def test_the_home_folder_in_a_list(
    gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "me"))
    photo(tmp_path / "me" / "a.png")
    (tmp_path / "list.txt").write_text("~/a.png\n")
    assert gather(tmp_path / "list.txt").files == ["a.png"]


def test_a_list_that_is_not_text(gather: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("räk.png".encode("latin-1"))
    with pytest.raises(CollectionError, match=r"list\.txt must be a list of paths as text in UTF-8, one in a line"):
        gather(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_bytes(b"")
    with pytest.raises(CollectionError, match=r"there is no photo to use in list\. It has no files\."):
        gather(tmp_path / "list.txt")
    (tmp_path / "list.txt").write_bytes(b"a\0b.png\n")
    with pytest.raises(CollectionError, match=r"there is no photo to use in list\. Left out: "):
        gather(tmp_path / "list.txt")


@pytest.mark.parametrize("images", [[], (), 3, None, ["a.png", 3], {"a.png"}, "", " ", ["a.png", ""]])
def test_what_is_not_a_source(images: Any) -> None:
    with pytest.raises(CollectionError, match="images must be a path, pattern or address of photos, or a list"):
        PhotoSource(images)


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf"), "2", True, None])
def test_seconds_that_are_not_a_number_above_0(every: Any) -> None:
    with pytest.raises(CollectionError, match="every must be a number of seconds above 0"):
        PhotoSource("film.mp4", every=every)


@pytest.mark.parametrize("images", ["no/such/folder", "a\0b", "no/such.zip"])
def test_what_is_not_there_is_said_before_anything_is_written(tmp_path: Path, images: str) -> None:
    with pytest.raises(CollectionError, match="there is no such folder or file"):
        Collection.create(tmp_path / "own", images=images)
    assert not (tmp_path / "own").exists()


# --- interrupted, and gone on with -------------------------------------------------------------


def test_cancelled_at_any_point_and_gone_on_with(
    gather: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_TOGETHER", 2)
    archive = write_zip(tmp_path / "z.zip", {f"{i}.png": png(i) for i in range(5)} | {"x.txt": b"words"})
    files = [f"z/{i}.png" for i in range(5)]
    for photo in files:  # each run ends after its first photo
        cancel = threading.Event()

        def stop(now: GatheringProgress, cancel: threading.Event = cancel) -> None:
            if now.photos:
                cancel.set()

        with pytest.raises(Cancelled, match="what was copied stays"):
            gather(archive, progress=stop, cancel=cancel)
        assert (tmp_path / "own" / "photos" / photo).exists()
    before = stamps(tmp_path / "own" / "photos" / "z")
    found = gather(archive)
    assert found.files == files
    assert list(found.places) == files
    assert found.left_out == {"z.zip/x.txt": "not a picture"}
    assert stamps(found.folder) == before  # nothing was written twice


def test_cancelled_beforehand(gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        gather([photo(tmp_path / "a.png")], cancel=cancel)


def test_killed_between_the_table_and_the_folder(
    gather: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_zip(tmp_path / "z.zip", {f"{i}.png": png(i) for i in range(3)})

    def killed(source: Path, target: Path) -> None:
        if target.name == "1.png":
            raise KeyboardInterrupt
        os.replace(source, target)

    monkeypatch.setattr(gathering, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        gather(archive)
    monkeypatch.undo()
    found = gather(archive)
    assert found.files == list(found.places) == ["z/0.png", "z/1.png", "z/2.png"]
    assert [(found.folder / name).read_bytes() for name in found.files] == [png(0), png(1), png(2)]


def test_a_photo_that_is_gone_or_cut_off_is_copied_again(gather: Callable[..., Any], tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "z.zip", {f"{i}.png": png(i) for i in range(3)})
    found = gather(archive)
    (found.folder / "z" / "0.png").unlink()
    (found.folder / "z" / "1.png").write_bytes(b"")
    again = gather(archive)
    assert again.places == found.places
    assert [(found.folder / name).read_bytes() for name in again.files] == [png(0), png(1), png(2)]


def test_a_full_disk_is_said_and_gone_on_with(
    gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [photo(tmp_path / f"{i}.png", i) for i in range(3)]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10))  # type: ignore[attr-defined]
    with pytest.raises(StorageError, match="has room for 0 MB more"):
        gather(files)
    monkeypatch.undo()
    assert len(gather(files).files) == 3


def test_what_was_left_out_is_looked_at_again(
    gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path
) -> None:
    files = [photo(tmp_path / "a.png"), tmp_path / "b.png"]
    files[1].write_bytes(b"words")
    assert gather(files).left_out == {"b.png": "not a picture"}
    photo(files[1], 7)
    found = gather(files)
    assert (found.files, found.left_out) == (["a.png", "b.png"], {})


def test_progress(gather: Callable[..., Any], photo: Callable[..., Path], tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "z.zip", {"1.png": png(1), "2.png": png(2), "x.txt": b"words"})
    seen: list[GatheringProgress] = []
    gather([archive, photo(tmp_path / "a.png")], progress=seen.append)
    shares = [p.share for p in seen]
    assert (shares, shares[0], shares[-1]) == (sorted(shares), 0.0, 1.0)
    # Of the first of two files, half of the work is unpacking: its photos begin at 1/4, 1/3 and 5/12 of all.
    assert {0.25, 0.5} < set(shares)
    assert [share for share in shares if 0.25 < share < 0.5] == pytest.approx([1 / 3, 1 / 3, 5 / 12, 5 / 12])
    assert seen[-1].seconds_left == 0
    told = [(p.files, p.total, p.photos, p.left_out, Path(p.file).name) for p in seen]
    assert [now for before, now in zip([None, *told], told, strict=False) if now != before] == [
        (0, 2, 0, 0, "z.zip"),
        (0, 2, 1, 0, "z.zip"),
        (0, 2, 2, 0, "z.zip"),
        (0, 2, 2, 1, "z.zip"),
        (1, 2, 2, 1, "a.png"),
        (1, 2, 3, 1, "a.png"),
        (2, 2, 3, 1, ""),
    ]


def test_the_time_left_is_measured_from_the_last_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 20.0, 21.0]).__next__
    monkeypatch.setattr(gathering, "time", SimpleNamespace(monotonic=clock))
    pace = gathering._Pace()
    assert pace.left(0.0) is None
    assert pace.left(0.25) == 30.0  # 10 seconds for a quarter
    pace.begin(0.5)
    assert pace.left(0.75) == 1.0


def test_cancelled_while_an_archive_is_unpacked(gather: Callable[..., Any], own: Path, tmp_path: Path) -> None:
    for archive in (
        write_zip(tmp_path / "a.zip", {f"{i}.png": png(i) for i in range(4)}),
        write_tar(tmp_path / "a.tar", {f"{i}.png": png(i) for i in range(4)}),
    ):
        cancel = threading.Event()

        def stop(now: GatheringProgress, cancel: threading.Event = cancel) -> None:
            if 0 < now.share < 0.5:
                cancel.set()

        with pytest.raises(Cancelled):
            gather(archive, progress=stop, cancel=cancel)
        assert [path for path in (own / "photos").rglob("*") if path.is_file()] == []
        assert len(gather(archive).files) == 4
        shutil.rmtree(own / "photos")


# --- a collection ------------------------------------------------------------------------------


def test_a_collection_of_an_archive(photo: Callable[..., Path], tmp_path: Path, quick: None) -> None:
    archive = write_zip(tmp_path / "holiday.zip", {f"{i}.png": png(i) for i in range(3)} | {"x.txt": b"words"})
    with Collection.create(tmp_path / "own", images=archive, backbone=None) as collection:
        assert collection.name == "holiday"
        assert collection.images == tmp_path / "own" / "photos"
        assert collection.paths == ["holiday/0.png", "holiday/1.png", "holiday/2.png"]
        assert collection.left_out == [LeftOut("holiday.zip/x.txt", "not a picture")]
        expected = pd.DataFrame(
            {
                "path": pd.Series(collection.paths, dtype="str"),
                "source": pd.Series([str(archive)] * 3, dtype="str"),
                "member": pd.Series(["0.png", "1.png", "2.png"], dtype="str"),
                "page": pd.Series([None] * 3, dtype="Int64"),
                "second": pd.Series([None] * 3, dtype="Float64"),
            }
        )
        pd.testing.assert_frame_equal(collection.gathered, expected)
        collection.label([0], "sea")
        collection.add_photos([photo(tmp_path / "more" / "9.png", 9), photo(tmp_path / "more" / "9.jpg", 200)])
        assert len(collection.paths) == 3  # until they are looked for
    (tmp_path / "own").rename(tmp_path / "moved")
    with Collection.open(tmp_path / "moved") as collection:
        assert collection.scan() == 2
        assert collection.paths == ["holiday/0.png", "holiday/1.png", "holiday/2.png", "9.jpg", "9.png"]
        assert collection.labels[0] == "sea"
        assert len(collection.gathered) == 5
        collection.add_photos(tmp_path / "more")
        assert len(collection.gathered) == 5  # the very files are there already


def test_photos_of_a_folder_elsewhere_stay_there(photo: Callable[..., Path], tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.pdf").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "in" / "c.mp4").write_bytes(b"words")
    with Collection.create(tmp_path / "own", images=tmp_path / "in", backbone=None) as collection:
        assert (collection.images, collection.paths) == (tmp_path / "in", ["a.png"])
        assert collection.left_out == [
            LeftOut("b.pdf", "a PDF document; to use its pages, make a collection of the file itself, or of a list"),
            LeftOut("c.mp4", "not a video, although it is called .mp4"),
        ]
        assert collection.gathered.empty
        with pytest.raises(CollectionError, match=r"only to photos that a collection copied can others be added"):
            collection.add_photos([tmp_path / "in" / "a.png"])
    assert not (tmp_path / "own" / "photos").exists()


def test_an_interrupted_collection_is_made_by_the_same_call(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "z.zip", {f"{i}.png": png(i) for i in range(3)})
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        Collection.create(tmp_path / "own", images=archive, progress=lambda _: cancel.set(), cancel=cancel)
    with pytest.raises(CollectionError, match="is not a collection"):
        Collection.open(tmp_path / "own")
    with Collection.create(tmp_path / "own", images=archive) as collection:
        assert len(collection.paths) == 3
    with pytest.raises(CollectionError, match="exists and is not an empty folder"):
        Collection.create(tmp_path / "own", images=archive)


def test_the_collections_own_photos_are_not_copied_again(photo: Callable[..., Path], tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png", 1)
    own = tmp_path / "in" / "own"
    with Collection.create(own, images=[tmp_path / "in"], backbone=None) as collection:
        assert collection.gathered["path"].tolist() == ["in/a.png"]
        photo(tmp_path / "in" / "b.png", 2)
        collection.add_photos(tmp_path / "in")
        assert collection.gathered["path"].tolist() == ["in/a.png", "in/b.png"]
        with pytest.raises(CollectionError) as refused:
            collection.add_photos(own)
    reasons = re.findall(r"\S+: ([^;]+);", str(refused.value).partition("Left out: ")[2])
    assert reasons == ["in the collection's own folder"] * 3


def test_photos_of_a_persons_own_are_never_written_among(photo: Callable[..., Path], tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "z.zip", {"a.png": png()})
    photo(tmp_path / "own" / "photos" / "mine.png")
    with pytest.raises(CollectionError, match=r"photos exists, and photos would be copied there"):
        Collection.create(tmp_path / "own", images=archive)
    assert [path.name for path in (tmp_path / "own" / "photos").iterdir()] == ["mine.png"]


def test_a_source_without_a_photo_leaves_no_collection(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "z.zip", {"x.txt": b"words"})
    with pytest.raises(CollectionError, match=r"there is no photo to use in z\. Left out: z\.zip/x\.txt: not a pict"):
        Collection.create(tmp_path / "own", images=archive)
    assert not (tmp_path / "own" / "photos").exists()
    assert not (tmp_path / "own" / "collection.json").exists()
    write_zip(tmp_path / "z.zip", {"a.png": png()})
    with Collection.create(tmp_path / "own", images=archive) as collection:
        assert collection.paths == ["z/a.png"]


@pytest.mark.parametrize(
    ("images", "name"),
    [
        ("a/holiday.tar.gz", "holiday"),
        ("a/photos/**/*.png", "photos"),
        ("s3://bucket/pets/", "pets"),
        (["a/one.png", "b.png"], "one"),
        ("report.pdf", "report"),
    ],
)
def test_what_a_collection_is_called(images: Any, name: str) -> None:
    assert PhotoSource(images).name == name
