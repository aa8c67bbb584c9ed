"""Kills, full disks, folders that cannot be written, files damaged or gone: nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handlens.errors import CollectionError, StorageError
from handlens.studio.collection import Collection
from handlens.studio.labels import Labels
from handlens.studio.row_file import RowFile

WHERE = "patches/coarse/where"
SOURCE = Path(__file__).resolve().parents[2] / "src"

QUICK = """
import torch
torch.set_num_threads(1)
from handlens.studio.features import patches
patches._SAMPLES, patches._ROUNDS, patches.CENTRES = 2000, 3, 24
import handlens.studio.preparation_run as prepare
"""


def child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Another Python process running `code`."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


def kill(process: subprocess.Popen[str]) -> str:
    """End it as `kill -9` does; what it had printed and was not read yet."""
    process.send_signal(signal.SIGKILL)
    printed, _ = process.communicate(timeout=300)
    return printed


def features(collection: Collection) -> list[np.ndarray]:
    return [file.read().block(0, file.count) for source in collection.sources for file in source.rows]


def check_same_features(collection: Collection, whole: Collection) -> None:
    """Equal but for the last bit of half precision: the sums of a batch depend on how many photos it has."""
    for found, expected in zip(features(collection), features(whole), strict=True):
        assert found == pytest.approx(expected, rel=2**-9, abs=1e-5)


# --- kill -9 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 23])
def test_kill_while_labelling_loses_no_acknowledged_label(tmp_path, after):
    code = """
        import sys
        from pathlib import Path
        from handlens.studio.labels import Labels
        log = Labels(Path(sys.argv[1]), 50)
        for i in range(100000):
            log.assign([i % 50], f"label {i % 7}")
            if i % 5 == 4:
                log.undo()
            sys.stdout.write(f"{i} {log.version}\\n")
            sys.stdout.flush()
    """
    path = tmp_path / "labels.sqlite"
    process = child(code, path)
    lines = [process.stdout.readline() for _ in range(after)]
    lines += kill(process).splitlines()
    acknowledged = [line for line in lines if line.count(" ") == 1 and line.split()[1]]
    last, version = map(int, acknowledged[-1].split())
    log = Labels(path, 50)
    assert log.version >= version
    while log.version > version:  # what was being written and not acknowledged yet may be there or not
        log._db.execute("DELETE FROM changes WHERE seq = (SELECT max(seq) FROM changes)")
        log.close()
        log = Labels(path, 50)
    expected = Labels(tmp_path / "expected.sqlite", 50)
    for i in range(last + 1):
        expected.assign([i % 50], f"label {i % 7}")
        if i % 5 == 4:
            expected.undo()
    assert log.names == expected.names
    assert log.codes.tolist() == expected.codes.tolist()
    log.assign([0], "goes on")
    for opened in (log, expected):
        opened.close()


@pytest.mark.parametrize("at", [0, 20])
def test_kill_while_preparing_and_resume(prepared_folder, drawn, tmp_path, quick, at):
    code = (
        QUICK
        + """
import sys, time
from handlens.studio.collection import Collection
prepare.BATCH = 4
keep = prepare.Preparation._keep_features
def slowly(self, source, batch):
    keep(self, source, batch)
    print(source.prepared, flush=True)
    # Never to the end: however late the kill comes, it comes while preparing.
    time.sleep(600 if source.prepared >= 36 else 0.05)
prepare.Preparation._keep_features = slowly
c = Collection.create(sys.argv[1], images=sys.argv[2], backbone=None)
print("created", flush=True)
c.prepare()
"""
    )
    process = child(code, tmp_path / "c", drawn)
    while (line := process.stdout.readline().strip()) and not (line.isdigit() and int(line) >= at > 0):
        if at == 0 and line == "created":
            time.sleep(0.05)
            break
    assert line, process.stderr.read()
    kill(process)
    with Collection.open(tmp_path / "c") as collection, Collection.open(prepared_folder) as whole:
        assert collection.progress.phase == "idle"
        assert at <= collection.progress.done < 40
        collection.prepare()
        check_same_features(collection, whole)
        assert (collection.parts.photos.aspects == whole.parts.photos.aspects).all()
        assert [collection.parts.photos.thumbnail(i) for i in range(40)] == [
            whole.parts.photos.thumbnail(i) for i in range(40)
        ]
        assert collection.parts.photos.sheet(0) == whole.parts.photos.sheet(0)


def test_cancelled_and_resumed_as_if_never(prepared_folder, drawn, tmp_path, quick, monkeypatch):
    import threading

    from handlens.errors import Cancelled

    monkeypatch.setattr("handlens.studio.preparation_run.BATCH", 8)
    with (
        Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection,
        Collection.open(prepared_folder) as whole,
    ):
        cancel = threading.Event()
        cancel.set()
        with pytest.raises(Cancelled):
            collection.prepare(cancel=cancel)
        cancel.clear()

        def stop(progress):
            if progress.phase == "features" and progress.done == 16:
                cancel.set()

        with pytest.raises(Cancelled):
            collection.prepare(cancel=cancel, progress=stop)
        assert collection.progress.phase == "cancelled"
        assert not collection.progress.running
        assert 0 < collection.sources[0].prepared < 40
        collection.start_preparing()
        collection.parts.preparing.join()
        assert collection.progress.phase == "done"
        check_same_features(collection, whole)


def test_closing_stops_what_has_just_been_started(drawn, tmp_path, quick):
    for i in range(3):
        collection = Collection.create(tmp_path / str(i), images=drawn, backbone=None)
        collection.start_preparing()
        collection.close()
        assert collection.parts.preparing.join(0)
        assert collection.progress.phase in ("cancelled", "done")


def test_two_processes_preparing_at_once(drawn, tmp_path, quick):
    code = (
        QUICK
        + """
import sys
from handlens.studio.collection import Collection
c = Collection.open(sys.argv[1])
def waiting(progress):
    print("on", flush=True)
    sys.stdin.readline()  # until told, and not at all once told
c.prepare(progress=waiting)
print("done", flush=True)
c.close()
"""
    )
    Collection.create(tmp_path / "c", images=drawn, backbone=None).close()
    with Collection.open(tmp_path / "c") as collection:
        process = child(code, tmp_path / "c", stdin=subprocess.PIPE)
        assert process.stdout.readline().strip() == "on", process.stderr.read()
        with pytest.raises(CollectionError, match="another process already"):
            collection.prepare()
        collection.label([0], "meanwhile")
        printed, problems = process.communicate("go on\n", timeout=300)
        assert printed.endswith("done\n"), problems
        assert collection.parts.photos.prepared == 40
        assert collection.labels[0] == "meanwhile"


def test_two_at_work_on_one_collection_agree(folder):
    with Collection.open(folder) as one, Collection.open(folder) as two:
        one.label([0, 1], "a")
        two.label([1, 2], "b")
        assert one.labels.dropna().to_dict() == two.labels.dropna().to_dict() == {0: "a", 1: "b", 2: "b"}
        one.undo()
        assert two.labels.dropna().to_dict() == {0: "a", 1: "a"}


def test_another_process_that_knows_more_photos(folder, draw_photo, quick):
    with Collection.open(folder) as old:
        draw_photo(folder / "photos" / "new.png", kind="circle", seed=99)
        with Collection.open(folder) as new:
            new.prepare()
            assert new.map(WHERE, "pca-1-2").shape == (41, 2)
            new.label([40], "a")
        assert old.map(WHERE, "pca-1-2").shape == (40, 2)
        assert len(old.parts.photos.aspects) == len(old.labels) == 40
        assert len(old.similar([0], layer=WHERE)) == 39


# --- photos that come and go -------------------------------------------------------------------


def test_photos_gone_on_reopening(folder):
    with Collection.open(folder) as collection:
        collection.label([1], "a")
    (folder / "photos").rename(folder / "elsewhere")
    with pytest.raises(CollectionError, match="there is no such folder now"):
        Collection.open(folder)
    (folder / "elsewhere").rename(folder / "photos")
    with Collection.open(folder) as collection:
        assert collection.labels[1] == "a"


def test_photos_added_and_removed_between_sessions(folder, draw_photo, tmp_path):
    with Collection.open(folder) as collection:
        paths = collection.paths
        collection.label(range(6), "circle")
        collection.label(range(20, 26), "square")
        before = features(collection)
    (folder / "photos" / paths[3]).unlink()
    (folder / "photos" / paths[30]).unlink()
    for i in range(5):
        draw_photo(folder / "photos" / "a new" / f"{i}.png", kind="square", seed=50 + i)
    with Collection.open(folder) as collection:
        assert collection.paths == paths
        assert collection.scan() == 5
        assert collection.paths[:40] == paths
        assert len(collection.paths) == 45
        assert {out.path for out in collection.left_out} == {paths[3], paths[30]}
        assert collection.labels[:6].tolist() == ["circle"] * 6
        assert collection.labels[40:].isna().all()
        assert collection.progress.phase == "idle"
        collection.prepare()
        for found, expected in zip(features(collection), before, strict=True):
            assert (found[:40] == expected).all()  # with the features learned at first
        assert np.isfinite(collection.map(WHERE, "pca-1-2")).all()
        collection.train()
        table = collection.predictions()
        assert (table["predicted"][40:] == "square").all()
        collection.export(tmp_path / "f.zip", "folders")


# --- damaged caches ----------------------------------------------------------------------------


def damage_rows(folder: Path) -> None:
    next((folder / "cache").rglob("*.f2")).write_bytes(b"abc")


def damage_everything(folder: Path) -> None:
    for file in (folder / "cache").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")


def lose_everything(folder: Path) -> None:
    shutil.rmtree(folder / "cache")


def damage_extractor(folder: Path) -> None:
    next((folder / "cache").rglob("tensors.safetensors")).write_bytes(b"damaged")
    for file in (folder / "cache" / "sources").rglob("05.f2"):
        file.unlink()


def damage_layers(folder: Path) -> None:
    next((folder / "cache").rglob("layers.json")).write_text("{")


def lose_looks(folder: Path) -> None:
    (folder / "cache" / "tiles.pack").unlink()
    (folder / "cache" / "thumbs.pack").unlink()


@pytest.mark.parametrize(
    "damage", [damage_rows, damage_everything, lose_everything, damage_extractor, damage_layers, lose_looks]
)
def test_damaged_caches_are_rebuilt(folder, quick, damage):
    with Collection.open(folder) as collection:
        collection.label([7], "kept")
        expected = features(collection)
        thumbs = [collection.parts.photos.thumbnail(i) for i in range(40)]
    damage(folder)
    with Collection.open(folder) as collection:
        assert collection.labels[7] == "kept"
        assert collection.progress.phase == "idle"
        collection.prepare()
        assert collection.progress.phase == "done"
        for found, before in zip(features(collection), expected, strict=True):
            assert found == pytest.approx(before, abs=1e-4)
        assert [collection.parts.photos.thumbnail(i) for i in range(40)] == thumbs
        assert np.isfinite(collection.map(WHERE, "pca-1-2")).all()


@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04 and then nothing"])
def test_a_damaged_embedding_is_computed_again(folder, content):
    with Collection.open(folder) as collection:
        expected = collection.map(WHERE, "neighbours")
    (file,) = (folder / "cache").glob("neighbours-*")
    file.write_bytes(content)
    with Collection.open(folder) as collection:
        assert collection.map(WHERE, "neighbours") == pytest.approx(expected, abs=1e-3)


def test_an_extractor_found_damaged_when_training(folder, quick):
    next((folder / "cache").rglob("tensors.safetensors")).write_bytes(b"damaged")
    with Collection.open(folder) as collection:
        collection.label(range(6), "circle")
        collection.label(range(20, 26), "square")
        with pytest.raises(CollectionError, match="Prepare the collection again"):
            collection.train()
        collection.prepare()
        collection.train()
        assert len(collection.predictions()) == 40


def test_a_damaged_model_says_so(folder):
    from handlens.errors import ArtifactError

    with Collection.open(folder) as collection:
        collection.label(range(6), "circle")
        collection.label(range(20, 26), "square")
        collection.train()
        collection.predictions()
    next((folder / "quick").glob("*/tensors.safetensors")).write_bytes(b"damaged")
    with Collection.open(folder) as collection:
        with pytest.raises(ArtifactError, match="damaged"):
            collection.predictions()
        shutil.rmtree(folder / "quick")
        collection.train()
        assert len(collection.predictions()) == 40


# --- disks -------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("making a small disk needs root")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a small disk could not be mounted: {made.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing fits any more."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast


def test_labels_on_a_full_disk(small_disk):
    log = Labels(small_disk / "labels.sqlite", 20_000)
    log.assign([0, 1], "kept")
    ballast = fill(small_disk)
    refused, said = 0, set()
    for i in range(400):
        before = log.state
        try:
            log.assign(np.arange(20_000)[i % 3 :: 3], f"label {i}")
        except StorageError as error:
            refused += 1
            said.add("Nothing that was saved before is lost" in str(error))
            assert log.state.version == before.version
            assert (log.state.codes == before.codes).all()
            if refused == 3:
                break
    assert refused == 3
    assert said == {True}
    acknowledged = log.state
    ballast.unlink()
    log.assign([7], "again")
    log.undo()
    log.close()
    log = Labels(small_disk / "labels.sqlite", 20_000)
    assert log.names == acknowledged.names
    assert (log.codes == acknowledged.codes).all()
    log.close()


def test_preparing_on_a_full_disk(small_disk, drawn, prepared_folder, quick):
    with (
        Collection.create(small_disk / "c", images=drawn, backbone=None) as collection,
        Collection.open(prepared_folder) as whole,
    ):
        collection.label([3], "kept")
        ballast = fill(small_disk)
        with pytest.raises(StorageError):
            collection.prepare()
        assert not collection.progress.running
        ballast.unlink()
        (small_disk / "half").write_bytes(b"x" * 1_400_000)  # this time it fails on the way
        with pytest.raises(StorageError):
            collection.prepare()
        assert collection.progress.phase == "failed"
        assert collection.progress.error
        assert not collection.progress.running
        (small_disk / "half").unlink()
        collection.prepare()
        assert collection.progress.phase == "done"
        assert collection.labels[3] == "kept"
        check_same_features(collection, whole)
        collection.label(range(6), "circle")
        collection.label(range(20, 26), "square")
        ballast = fill(small_disk)
        for format in ("csv", "folders"):
            with pytest.raises(StorageError, match="could not be written"):
                collection.export(small_disk / "out", format)
        with pytest.raises(StorageError):
            collection.train()
        with pytest.raises(StorageError):
            collection.map(WHERE, "neighbours")
        ballast.unlink()
        assert np.isfinite(collection.map(WHERE, "neighbours")).all()
        collection.train()
        assert not list(small_disk.rglob("*.tmp*"))


def test_creating_on_a_full_disk(small_disk, drawn):
    ballast = fill(small_disk)
    with pytest.raises(StorageError):
        Collection.create(small_disk / "c", images=drawn, backbone=None)
    ballast.unlink()
    Collection.create(small_disk / "c", images=drawn, backbone=None).close()


def test_a_database_that_may_not_grow(tmp_path):
    """The same without a disk of one's own: SQLite itself refuses."""
    log = Labels(tmp_path / "labels.sqlite", 5000)
    log.assign([0], "kept")
    pages = log._db.execute("PRAGMA page_count").fetchone()[0]
    log._db.execute(f"PRAGMA max_page_count = {pages + 1}")
    acknowledged = log.state

    def label_on_and_on():
        nonlocal acknowledged
        for i in range(50):
            log.assign(np.random.default_rng(i).permutation(5000)[:2500], f"label {i}")
            acknowledged = log.state

    with pytest.raises(StorageError, match="full"):
        label_on_and_on()
    assert (log.codes == acknowledged.codes).all()
    log._db.execute("PRAGMA max_page_count = 100000")
    log.assign([1], "again")
    assert log.undo()
    assert (log.codes == acknowledged.codes).all()
    log.close()


def test_rows_that_may_not_grow(tmp_path):
    code = """
        import resource, signal, sys
        import numpy as np
        from handlens.errors import StorageError
        from handlens.studio.row_file import RowFile
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        rows = RowFile(sys.argv[1], 10)
        rows.append(np.ones((20, 10)))
        try:
            rows.append(np.zeros((20, 10)))
        except StorageError as error:
            print(rows.count, error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        rows.append(np.full((1, 10), 2))
    """
    printed, problems = child(code, tmp_path / "rows.f4").communicate(timeout=300)
    assert printed.startswith("20 the disk refused"), problems
    rows = np.asarray(RowFile(tmp_path / "rows.f4", 10).read())
    assert rows[:, 0].tolist() == [1] * 20 + [2]


@contextmanager
def read_only(folder: Path, place: Path) -> Iterator[Path]:
    """The folder on a disk that cannot be written: mounted so at `place` for root, by its permissions for others."""
    if os.geteuid() == 0:  # permissions do not hold root back
        place.mkdir()
        for options in (["--bind", folder, place], ["-o", "remount,ro,bind", place]):
            if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
                subprocess.run(["umount", "-l", place], capture_output=True, check=False)
                pytest.skip("a folder could not be mounted for reading only")
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)
        return
    files = [folder, folder / "cache", *folder.glob("collection.sqlite*")]
    for each in files:
        each.chmod(0o555 if each.is_dir() else 0o444)
    try:
        yield folder
    finally:
        for each in files:
            each.chmod(0o755)


def test_s12_a_collection_on_a_disk_that_cannot_be_written_is_opened_for_reading(folder, tmp_path, drawn):
    with Collection.open(folder) as collection:
        collection.label([0, 1, 2], "kept")
        collection.label([3, 4, 5], "other")
        collection.train()
        expected = collection.predictions()
        places = collection.map(WHERE, "pca-1-2")
        report = collection.report.accuracy
        history = collection.history
    with read_only(folder, tmp_path / "readonly") as place, Collection.open(place) as collection:
        assert collection.progress.phase == "done"
        assert collection.labels[:6].tolist() == ["kept"] * 3 + ["other"] * 3
        pd.testing.assert_frame_equal(collection.predictions(), expected)
        np.testing.assert_array_equal(collection.map(WHERE, "pca-1-2"), places)
        assert (collection.report.accuracy, collection.history) == (report, history)
        assert len(collection.parts.photos.thumbnail(0)) > 100
        collection.export(tmp_path / "labels.csv", "csv")
        collection.export(tmp_path / "folders.zip", "folders")
        collection.export_model(tmp_path / "model")
        assert pd.read_csv(tmp_path / "labels.csv")["label"].tolist() == ["kept"] * 3 + ["other"] * 3
        says = "on a disk that cannot be written, so it can be looked at and exported, but not changed"
        for change in (
            lambda: collection.label([9], "new"),
            collection.undo,
            lambda: collection.draw_spot_check(3),
            lambda: collection.add_features("resnet18"),
            lambda: collection.answer("notes", "seen"),
            lambda: collection.review.contest(7, by="Kim", why="It looks odd."),
        ):
            with pytest.raises(StorageError, match=says):
                change()
        with pytest.raises(StorageError, match=r"cannot be written|could not be written"):
            collection.train()
        assert collection.labels[9:].isna().all()
        with pytest.raises(StorageError, match="cannot be written"):
            Collection.create(place / "cache" / "new", images=drawn, backbone=None)
    with Collection.open(folder) as collection:
        assert collection.labels[:3].tolist() == ["kept"] * 3


def test_s12_a_log_that_was_not_closed_is_not_read_without_its_last_changes(folder, tmp_path):
    with Collection.open(folder) as collection:
        collection.label([0], "kept")
        shutil.copytree(folder, tmp_path / "copy")  # as a kill would leave it
    with (
        read_only(tmp_path / "copy", tmp_path / "readonly") as place,
        pytest.raises(StorageError, match=r"was not closed.*Copy the folder to a disk that can be written"),
    ):
        Collection.open(place)
    with Collection.open(tmp_path / "copy") as collection:
        assert collection.labels[0] == "kept"


@pytest.mark.parametrize("moved", [False, True])
def test_s11_damaged_last_changes_of_a_killed_process_are_told_until_their_log_is_removed(folder, tmp_path, moved):
    with Collection.open(folder) as collection:
        collection.label([0], "first")
        copy = shutil.copytree(folder, tmp_path / "copy")  # as a kill would leave it
    log = copy / "collection.sqlite-wal"
    content = bytearray(log.read_bytes())
    content[40] ^= 1
    log.write_bytes(content)
    images = {"images": copy / "photos"} if moved else {}
    for _ in range(2):
        with Collection.open(copy, **images) as collection:
            (told,) = (notice for notice in collection.notices if "damaged" in notice)
            assert "its last changes were damaged on the disk, and may be missing" in told
            assert collection.label_names == []
    kept = copy / "collection.sqlite-wal.damaged"
    assert kept.name in told
    assert kept.read_bytes() == content
    kept.unlink()
    with Collection.open(copy) as collection:
        assert not any("damaged" in notice for notice in collection.notices)
