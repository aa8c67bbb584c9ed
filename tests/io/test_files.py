from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handlens.errors import StorageError
from handlens.io import files
from handlens.io.files import atomic_folder, atomic_write, interrupted_folder, rename, restore_folder


def write(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text)


def fill(path: Path, **texts: str) -> None:
    with atomic_folder(path) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)


def write_half(path: Path, error: Exception) -> None:
    with atomic_write(path) as partial:
        partial.write_text("half")
        raise error


def fill_half(path: Path) -> None:
    with atomic_folder(path) as folder:
        (folder / "b").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refuse(monkeypatch: pytest.MonkeyPatch, times: int, platform: str) -> list[float]:
    """Make the next renames fail as Windows does while a file is open; returns how long each retry waits."""
    left, rename, waited = [times], os.replace, []

    def replacing(source: Path, target: Path) -> None:
        if left[0]:
            left[0] -= 1
            raise PermissionError(errno.EACCES, "Access is denied")
        rename(source, target)

    monkeypatch.setattr(os, "replace", replacing)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(files.time, "sleep", waited.append)
    return waited


class TestAtomicWrite:
    def test_the_file_and_its_folder_are_made_and_nothing_else(self, tmp_path: Path) -> None:
        write(tmp_path / "new" / "a.csv", "text")
        assert (tmp_path / "new" / "a.csv").read_text() == "text"
        assert names(tmp_path / "new") == ["a.csv"]

    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyError("a fault of ours")])
    def test_after_an_error_what_was_there_stays(self, tmp_path: Path, error: Exception) -> None:
        write(tmp_path / "a.csv", "old")
        raised = StorageError if isinstance(error, OSError) else KeyError
        with pytest.raises(raised):
            write_half(tmp_path / "a.csv", error)
        assert (tmp_path / "a.csv").read_text() == "old"
        assert names(tmp_path) == ["a.csv"]

    def test_it_says_what_went_wrong(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError) as caught, atomic_write(tmp_path / "a.csv"):
            raise OSError(errno.ENOSPC, "No space left on device")
        assert str(caught.value) == (
            f"{tmp_path / 'a.csv'} could not be written: the disk is full. Nothing was overwritten."
        )

    @pytest.mark.parametrize("name", ["folder", ".", ""])
    def test_a_folder_is_not_a_place_for_a_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder").mkdir()
        with pytest.raises(StorageError, match="is a folder; name a file"):
            write(Path(name), "text")
        assert names(tmp_path) == ["folder"]

    def test_it_is_flushed_before_it_takes_its_place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        steps: list[str] = []
        flush, rename = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("flush"), flush(descriptor)))
        monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), rename(*paths)))
        write(tmp_path / "a.csv", "text")
        assert steps == ["flush", "rename", "flush"]

    def test_through_a_link_the_file_that_it_points_to_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "linked").mkdir()
        (tmp_path / "real" / "table").write_text("old")
        link = tmp_path / "linked" / "a.csv.gz"
        link.symlink_to(Path("..", "real", "table"))
        with atomic_write(link) as partial:
            partial.write_text("new")
        assert link.readlink() == Path("..", "real", "table")
        assert link.read_text() == (tmp_path / "real" / "table").read_text() == "new"
        assert names(tmp_path / "real") == ["table"]
        assert names(tmp_path / "linked") == ["a.csv.gz"]
        assert partial.suffixes[-2:] == [".csv", ".gz"]  # of the name that was given, by which pandas compresses

    def test_through_a_link_to_nothing_the_file_is_made(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").symlink_to(Path("elsewhere", "table.csv"))
        write(tmp_path / "a.csv", "text")
        assert (tmp_path / "a.csv").is_symlink()
        assert (tmp_path / "elsewhere" / "table.csv").read_text() == "text"

    def test_an_error_names_the_link_that_was_given(self, tmp_path: Path) -> None:
        (tmp_path / "table.csv").write_text("old")
        (tmp_path / "a.csv").symlink_to("table.csv")
        with pytest.raises(StorageError, match=r"a\.csv could not be written: the disk is full"):
            write_half(tmp_path / "a.csv", OSError(errno.ENOSPC, "No space left on device"))
        assert (tmp_path / "a.csv").read_text() == "old"
        assert names(tmp_path) == ["a.csv", "table.csv"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755, 0o444])
    def test_a_file_that_is_replaced_keeps_its_permissions(self, tmp_path: Path, mode: int) -> None:
        write(tmp_path / "a.csv", "old")
        (tmp_path / "a.csv").chmod(mode)
        (tmp_path / "link.csv").symlink_to("a.csv")
        for name in ("a.csv", "link.csv"):
            write(tmp_path / name, name)
            assert (tmp_path / "a.csv").read_text() == name
            assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == mode

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
    def test_the_umask_decides_the_permissions_of_a_new_file(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write(tmp_path / "a.csv", "text")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640

    def test_on_windows_folders_are_not_flushed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        opened: list[str] = []
        open_file = os.open
        monkeypatch.setattr(os, "open", lambda path, *rest: (opened.append(Path(path).name), open_file(path, *rest))[1])
        fill(tmp_path / "model", a="1")
        assert opened == ["a"]


class TestRename:
    def test_on_windows_an_open_file_is_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        waited = refuse(monkeypatch, 3, "win32")
        write(tmp_path / "a.csv", "text")
        assert (tmp_path / "a.csv").read_text() == "text"
        assert waited == [0.01, 0.02, 0.04]

    def test_on_windows_waiting_ends(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path / "a.csv", "old")
        waited = refuse(monkeypatch, 9, "win32")
        with pytest.raises(StorageError, match="Access is denied"):
            write(tmp_path / "a.csv", "new")
        assert (tmp_path / "a.csv").read_text() == "old"
        assert names(tmp_path) == ["a.csv"]
        assert sum(waited) == pytest.approx(2.55)

    @pytest.mark.parametrize("platform", ["linux", "darwin"])
    def test_elsewhere_a_refusal_is_final(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
        (tmp_path / "a").write_text("text")
        waited = refuse(monkeypatch, 1, platform)
        with pytest.raises(PermissionError):
            rename(tmp_path / "a", tmp_path / "b")
        assert waited == []


class TestAtomicFolder:
    def test_a_new_one(self, tmp_path: Path) -> None:
        fill(tmp_path / "new" / "model", a="1", b="2")
        assert names(tmp_path / "new" / "model") == ["a", "b"]
        assert names(tmp_path / "new") == ["model"]

    def test_it_takes_the_place_of_an_empty_one(self, tmp_path: Path) -> None:
        (tmp_path / "model").mkdir()
        fill(tmp_path / "model", a="1")
        assert names(tmp_path) == ["model"]
        assert names(tmp_path / "model") == ["a"]

    def test_no_file_of_an_earlier_one_stays(self, tmp_path: Path) -> None:
        fill(tmp_path / "model", a="1")
        fill(tmp_path / "model", b="2")
        assert names(tmp_path) == ["model"]
        assert names(tmp_path / "model") == ["b"]

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_it_takes_the_place_of_a_file_or_a_link(self, tmp_path: Path, kind: str) -> None:
        fill(tmp_path / "other", a="1")
        model = tmp_path / "model"
        model.write_text("text") if kind == "file" else model.symlink_to(tmp_path / "other")
        fill(model, b="2")
        assert names(tmp_path) == ["model", "other"]
        assert (names(model), names(tmp_path / "other")) == (["b"], ["a"])

    def test_with_many_files(self, tmp_path: Path) -> None:
        fill(tmp_path / "model", **{f"file{n}": str(n) for n in range(100)})
        assert len(names(tmp_path / "model")) == 100

    def test_after_an_error_what_was_there_stays(self, tmp_path: Path) -> None:
        fill(tmp_path / "model", a="1")
        with pytest.raises(StorageError, match=r"the disk is full\. What was there before is unchanged\.$"):
            fill_half(tmp_path / "model")
        assert names(tmp_path) == ["model"]
        assert names(tmp_path / "model") == ["a"]

    def test_when_the_second_rename_is_refused_the_first_is_undone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(tmp_path / "model", a="1")
        rename = os.replace

        def replacing(source: Path, target: Path) -> None:
            if str(source).endswith(".tmp"):
                raise PermissionError(errno.EACCES, "Access is denied")
            rename(source, target)

        monkeypatch.setattr(os, "replace", replacing)
        with pytest.raises(StorageError):
            fill(tmp_path / "model", b="2")
        assert names(tmp_path) == ["model"]
        assert names(tmp_path / "model") == ["a"]

    def test_on_windows_a_file_open_in_it_is_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(tmp_path / "model", a="1")
        refuse(monkeypatch, 2, "win32")
        fill(tmp_path / "model", b="2")
        assert names(tmp_path / "model") == ["b"]

    def test_one_whose_replacing_was_cut_off_is_found_and_put_back(self, tmp_path: Path) -> None:
        assert interrupted_folder(tmp_path / "mod[1]") is None
        restore_folder(tmp_path / "mod[1]")
        (tmp_path / ".mod[1].0123456789abcdef.old").mkdir()
        (tmp_path / ".mod[1].b.0123456789abcdef.old").mkdir()
        assert interrupted_folder(tmp_path / "mod[1]") == tmp_path / ".mod[1].0123456789abcdef.old"
        restore_folder(tmp_path / "mod[1]")
        assert names(tmp_path) == [".mod[1].b.0123456789abcdef.old", "mod[1]"]

    def test_half_of_a_new_one_that_a_killed_call_left_is_removed(self, tmp_path: Path) -> None:
        for name in ("model", ".model.0123456789abcdef.tmp", ".model.b.0123456789abcdef.tmp"):
            (tmp_path / name).mkdir()
        restore_folder(tmp_path / "model")
        assert names(tmp_path) == [".model.b.0123456789abcdef.tmp", "model"]

    @pytest.mark.parametrize("clean", [restore_folder, lambda path: fill(path, a="1")])
    def test_what_a_killed_call_left_of_the_folder_before_is_not_put_back_later(
        self, tmp_path: Path, clean: Callable[[Path], None]
    ) -> None:
        fill(tmp_path / "model", a="1")
        (tmp_path / ".model.0123456789abcdef.old").mkdir()
        clean(tmp_path / "model")
        assert names(tmp_path) == ["model"]
