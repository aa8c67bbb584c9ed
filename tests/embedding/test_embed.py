"""Embedding: each photo is in the shards once, with its own features, whatever interrupts the work."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from typer.testing import CliRunner

from handlens.cli import app
from handlens.cli.engines import showing
from handlens.embedding import (
    EmbedProgress,
    attempts,
    driver,
    embed,
    engines,
    lease,
    local,
    plan,
    ray_engine,
    stage,
)
from handlens.embedding import progress as progress_of
from handlens.embedding.attempts import Attempts, UnitPart
from handlens.embedding.work import EngineJob, UnitDone
from handlens.errors import BackboneError, Cancelled, CollectionError, ShardError, StorageError, WeightsError
from handlens.scale import ShardSet
from handlens.scale.manifest import done_file, read_manifest
from handlens.studio.pictures import read_squares
from tests.embedding.made_photos import jpeg, write_photos, write_tar


@pytest.fixture
def small(monkeypatch):
    """Units of five photos and shards of two, so that a few photos have many."""
    monkeypatch.setattr(plan, "A_UNIT", 5)
    monkeypatch.setattr(stage, "A_SHARD", 2)


def paths_of(out):
    shards = ShardSet.open(out)
    shards.check()
    return shards.paths(range(len(shards)))


def check_features(out):
    """The features in the shards are those of the network on each photo, in half precision."""
    shards = ShardSet.open(out)
    network = stage.Stage(out, threads=torch.get_num_threads())._extractor
    for row, path in enumerate(shards.paths(range(len(shards)))):
        squares = read_squares(Path(path), {network.size})[1][network.size]
        for layer, wanted in zip(shards.layers, network(torch.from_numpy(squares.copy())[None]), strict=True):
            found = shards.features(layer.id, [row])[0]
            assert found == pytest.approx(wanted[0].numpy(), rel=2e-3, abs=2e-3)
        assert shards.digests([row])[0].tobytes() == hashlib.blake2b(Path(path).read_bytes()).digest()
        assert shards.aspects([row])[0] == pytest.approx(1.5)


def test_a_folder_becomes_shards_with_the_features_of_each_photo(tmp_path, here, small):
    paths = write_photos(tmp_path / "photos", 12)
    (tmp_path / "photos" / "3.jpg").write_bytes(b"not a picture")
    (tmp_path / "photos" / "empty.jpg").touch()
    (tmp_path / "photos" / "film.mp4").write_bytes(b"film")
    (tmp_path / "photos" / ".hidden.jpg").write_bytes(jpeg(1))
    (tmp_path / "photos" / "out.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    said, told = [], []
    found = embed(tmp_path / "photos", tmp_path / "out", backbone=None, progress=told.append, say=said.append)
    del paths[3]
    assert paths_of(tmp_path / "out") == paths
    assert (found.complete, found.photos, found.left_out) == (True, 11, 4)
    assert [(entry.unit, entry.start, entry.stop) for entry in found.shards] == [
        (unit, start, stop) for unit in range(3) for start, stop in ((0, 2), (2, 4), (4, 5))
    ]
    reasons = {Path(path).name: reason for path, reason in ShardSet.open(tmp_path / "out").left_out()}
    assert reasons["3.jpg"] == "not a picture"
    assert reasons["empty.jpg"] == "empty (0 bytes)"
    assert reasons["out.jpg"] == "a link to a file that does not exist"
    assert reasons["film.mp4"].startswith("a video; `handlens embed` takes photos")
    check_features(tmp_path / "out")
    assert [(now.done, now.total, now.units) for now in told] == [(0, 15, 0), (5, 15, 1), (10, 15, 2), (15, 15, 3)]
    assert (told[-1].left_out, told[-1].seconds_left, told[-1].share) == (4, 0, 1)
    assert said == [f"To embed: 15 photos, about 353 kB in {tmp_path / 'out'}."]
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*.safetensors")}
    (tmp_path / "photos" / "added.jpg").write_bytes(jpeg(20))
    said.clear()
    assert embed(tmp_path / "photos", tmp_path / "out", backbone=None, say=said.append) == found
    assert said == [
        f"The files of {tmp_path / 'photos'} were listed when {tmp_path / 'out'} was begun, and are not listed again. "
        "To embed files that were added since, give another folder."
    ]
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_tar_archives_stream_and_go_on_in_their_middle(tmp_path, here, small, monkeypatch):
    members = {}
    for i in range(5):
        members |= {f"{i}.jpg": jpeg(i), f"{i}.json": b"{}", f"{i}.cls": b"1"}
    write_tar(tmp_path / "a.tar", members | {"notes.md": b"text", "../up.jpg": jpeg(9)})
    write_tar(tmp_path / "b.tar.gz", {"x/1.jpg": jpeg(1)}, "w:gz")
    write = stage.write_shard
    calls = []

    def fails(file, content, dims):
        calls.append(file)
        if len(calls) == 3:
            raise ShardError("the third shard is not written")
        return write(file, content, dims)

    monkeypatch.setattr(stage, "write_shard", fails)
    tars = [tmp_path / "a.tar", tmp_path / "b.tar.gz"]
    with pytest.raises(ShardError, match="third"):
        embed(tars, tmp_path / "out", backbone=None)
    monkeypatch.setattr(stage, "write_shard", write)
    assert len(ShardSet.open(tmp_path / "out")) == 0
    found = embed(tars, tmp_path / "out", backbone=None)
    names = [*(f"a.tar#{i}.jpg" for i in range(5)), "a.tar#../up.jpg", "b.tar.gz#x/1.jpg"]
    assert paths_of(tmp_path / "out") == [f"{tmp_path}/{name}" for name in names]
    assert list(ShardSet.open(tmp_path / "out").left_out()) == [(f"{tmp_path}/a.tar#notes.md", "not a picture")]
    assert [(entry.unit, entry.start) for entry in found.shards] == [(0, 0), (0, 2), (0, 4), (0, 6), (1, 0)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar", "b.tar.gz", "out"]


def test_a_tar_that_was_cut_short_has_what_is_before_its_end(tmp_path, here):
    write_tar(tmp_path / "a.tar", {f"{i}.jpg": jpeg(i) for i in range(4)})
    os.truncate(tmp_path / "a.tar", 512 * 6 + 100)
    embed(tmp_path / "a.tar", tmp_path / "out", backbone=None)
    shards = ShardSet.open(tmp_path / "out")
    (last,) = shards.left_out()
    assert shards.paths(range(len(shards))) == [f"{tmp_path}/a.tar#0.jpg"]
    assert last.reason.startswith("the archive is damaged from here on: ")


@pytest.mark.parametrize("kind", ["struct", "binary"])
def test_parquet_files_of_bytes(tmp_path, here, small, kind):
    photos = [jpeg(0), None, jpeg(2), b"xx", *(jpeg(i) for i in range(4, 12))]
    if kind == "struct":
        photos = [{"bytes": photo, "path": f"{i}.jpg"} for i, photo in enumerate(photos)]
        photos[1] = None
    table = pa.table({"label": list(range(12)), "image": photos})
    parquet.write_table(table, tmp_path / "photos.parquet", row_group_size=3)
    parquet.write_table(pa.table({"label": [1]}), tmp_path / "other.parquet")
    found = embed([tmp_path / "photos.parquet", tmp_path / "other.parquet"], tmp_path / "out", backbone=None)
    rows = [0, 2, *range(4, 12)]
    assert paths_of(tmp_path / "out") == [f"{tmp_path}/photos.parquet#{row}" for row in rows]
    reasons = [(Path(path).name, reason) for path, reason in ShardSet.open(tmp_path / "out").left_out()]
    assert reasons == [
        ("photos.parquet#1", "without bytes"),
        ("photos.parquet#3", "not a picture"),
        ("other.parquet", "a Parquet file without a column of bytes; it has label"),
    ]
    assert sorted({entry.unit for entry in found.shards}) == [0, 1, 2]
    assert ShardSet.open(tmp_path / "out").digests([1])[0].tobytes() == hashlib.blake2b(jpeg(2)).digest()


def test_a_parquet_file_that_is_damaged_has_the_rows_before_that(tmp_path, here, small):
    file = tmp_path / "photos.parquet"
    parquet.write_table(pa.table({"image": [jpeg(i) for i in range(12)]}), file, row_group_size=3)
    damaged = parquet.read_metadata(file).row_group(2).column(0)  # rows 6 to 8; units have two groups
    with file.open("r+b") as opened:
        opened.seek(damaged.dictionary_page_offset or damaged.data_page_offset)
        opened.write(b"\0" * damaged.total_compressed_size)
    write_photos(tmp_path / "more", 1)
    embed([file, tmp_path / "more" / "0.jpg"], tmp_path / "out", backbone=None)
    assert paths_of(tmp_path / "out") == [*(f"{file}#{row}" for row in range(6)), str(tmp_path / "more" / "0.jpg")]
    left_out = list(ShardSet.open(tmp_path / "out").left_out())
    assert [photo.path for photo in left_out] == [f"{file}#{row}" for row in range(6, 12)]
    assert all(photo.reason.startswith("the Parquet file is damaged from here on: ") for photo in left_out)


def test_a_file_that_is_named_twice_is_embedded_once(tmp_path, here):
    names = write_photos(tmp_path / "photos", 3)
    (tmp_path / "list.txt").write_text("\n".join([*names, names[1], f"{tmp_path}/photos/../photos/2.jpg"]))
    embed([tmp_path / "list.txt", f"{tmp_path}/photos/[01].jpg", tmp_path / "photos"], tmp_path / "out", backbone=None)
    assert paths_of(tmp_path / "out") == names


def test_what_a_run_goes_on_with_must_be_the_same(tmp_path, here):
    write_photos(tmp_path / "photos", 2)
    write_photos(tmp_path / "other", 2)
    out = tmp_path / "out"
    embed(tmp_path / "photos", out, backbone=None)
    with pytest.raises(ShardError, match=r"is being made from .*photos; .*other was asked for"):
        embed(tmp_path / "other", out, backbone=None)
    with pytest.raises(ShardError, match="is being made with backbone patches and seed 0; mobilenetv2_035 and 0 were"):
        embed(tmp_path / "photos", out, backbone="mobilenetv2_035")
    with pytest.raises(ShardError, match="seed 0; patches and 1 were asked for"):
        embed(tmp_path / "photos", out, backbone=None, seed=1)
    with pytest.raises(ShardError, match="must be a new folder or one of shards"):
        embed(tmp_path / "photos", tmp_path / "other", backbone=None)
    with pytest.raises(ShardError, match="it is a file"):
        embed(tmp_path / "photos", tmp_path / "photos" / "0.jpg", backbone=None)
    with pytest.raises(CollectionError, match="there is no such folder or file"):
        embed(tmp_path / "nowhere", tmp_path / "new", backbone=None)
    with pytest.raises(ShardError, match="engine must be 'local' or 'ray'; 'slurm' arrived"):
        embed(tmp_path / "photos", out, engine="slurm")
    with pytest.raises(ShardError, match="processes must be a whole number from 1 on; 0 arrived"):
        embed(tmp_path / "photos", out, processes=0)


def test_a_source_without_photos_is_an_error_and_leaves_nothing(tmp_path, here, small):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CollectionError, match=r"must hold photos, tar archives .*; no file was found there"):
        embed(tmp_path / "empty", tmp_path / "new", backbone=None)
    for i in range(7):
        (tmp_path / "texts" / f"{i}").mkdir(parents=True)
        (tmp_path / "texts" / f"{i}" / "a.txt").write_text("words")
    (tmp_path / "film.mp4").write_bytes(b"film")
    named = "; ".join(f"{tmp_path}/texts/{i}/a.txt: not a picture" for i in range(3))
    for backbone in (None, "tf_efficientnet_lite0"):
        with pytest.raises(CollectionError) as error:
            embed(tmp_path / "texts", tmp_path / "new", backbone=backbone)
        assert f"of 7 files that were found there none can be used ({named}; …). Give the folder" in str(error.value)
    with pytest.raises(CollectionError, match=r"of 1 files .* none can be used \(.*film.mp4: a video;"):
        embed([tmp_path / "film.mp4"], tmp_path / "new", backbone=None)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty", "film.mp4", "texts"]
    (tmp_path / "mine").mkdir()  # a folder that was there stays
    with pytest.raises(CollectionError):
        embed(tmp_path / "texts", tmp_path / "mine", backbone=None)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["driver.lock"]


def test_options_are_checked_before_the_source_is_looked_through(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", 1)

    def looked(*_arguments):
        raise AssertionError("the source is looked through")

    monkeypatch.setattr(plan, "_files", looked)
    source, out = tmp_path / "photos", tmp_path / "out"
    with pytest.raises(BackboneError, match="got 'nonsense'"):
        embed(source, out, backbone="nonsense")
    with pytest.raises(WeightsError):
        embed(source, out, weights=source / "0.jpg")
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    with pytest.raises(ShardError, match=r"the Ray at '127.0.0.1:1' cannot be reached"):
        embed(source, out, engine="ray", address="127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ShardError, match="requires Ray, which is not installed"):
        embed(source, out, engine="ray")
    assert [file.name for file in tmp_path.iterdir()] == ["photos"]


@pytest.mark.parametrize("kind", ["folder", "pattern", "list", "folders"])
def test_files_are_counted_while_they_are_looked_for(tmp_path, here, kind):
    names = write_photos(tmp_path / "photos" / "a", 3) + write_photos(tmp_path / "photos", 2)
    (tmp_path / "list.txt").write_text("\n".join(names))
    source = {
        "folder": tmp_path / "photos",
        "pattern": str(tmp_path / "photos" / "**" / "*.jpg"),
        "list": tmp_path / "list.txt",
        "folders": [tmp_path / "photos"],
    }[kind]
    counts = []
    embed(source, tmp_path / "out", backbone=None, found=counts.append)
    assert sorted(set(counts)) == [1, 2, 3, 4, 5]
    assert counts == sorted(counts)
    before = len(counts)
    embed(source, tmp_path / "out", backbone=None, found=counts.append)
    assert len(counts) == before  # the plan is there


def test_a_listing_is_stopped_and_leaves_nothing(tmp_path, here):
    write_photos(tmp_path / "photos", 5)
    stop = threading.Event()

    def second(files):
        if files == 2:
            stop.set()

    with pytest.raises(Cancelled, match="while the source was looked through; nothing is kept"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None, found=second, cancel=stop)
    assert [file.name for file in tmp_path.iterdir()] == ["photos"]


def test_ctrl_c_while_the_source_is_looked_through(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", 5)

    def interrupt(_self, _files):
        raise KeyboardInterrupt

    monkeypatch.setattr("handlens.cli.engines.Showing.found", interrupt)
    arguments = ["embed", str(tmp_path / "photos"), str(tmp_path / "out"), "--backbone", "learned"]
    found = CliRunner().invoke(app, arguments)
    assert (found.exit_code, found.output) == (130, "Stopped before anything was embedded; nothing is kept.\n")
    assert [file.name for file in tmp_path.iterdir()] == ["photos"]


def test_files_found_are_shown_now_and_then(monkeypatch, capsys):
    clock = iter(range(0, 1000, 2))
    with showing("embedding") as shown:
        monkeypatch.setattr("handlens.cli.engines.monotonic", lambda: float(next(clock)))
        for files in range(1, 13):
            shown.found(1000 * files)
    assert capsys.readouterr().err == "6,000 files found so far\n11,000 files found so far\n"


def test_a_manifest_that_is_lost_is_made_again_and_no_shard(tmp_path, here, small):
    write_photos(tmp_path / "photos", 7)
    before = embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    (tmp_path / "out" / "manifest.json").unlink()
    found = embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    assert replace(found, created=before.created) == before


def test_a_shard_that_is_damaged_before_its_unit_is_done_is_said(tmp_path, here, small):
    write_photos(tmp_path / "photos", 5)
    embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    done_file(tmp_path / "out", 0).unlink()
    file = next((tmp_path / "out" / "shards").rglob("*0000002.safetensors"))
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(ShardError, match=r"is damaged.*remove it and run the same"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    for _ in range(2):  # also after its unit is done
        file.unlink()
        embed(tmp_path / "photos", tmp_path / "out", backbone=None)
        assert len(paths_of(tmp_path / "out")) == 5


def test_a_shard_that_is_cut_short_or_missing_later_is_made_again(tmp_path, here, small):
    paths = write_photos(tmp_path / "photos", 12)
    found = embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    assert [shard.name[4:] for shard in found.shards[:4]] == [
        f"{name}.safetensors" for name in ("000000-0000000", "000000-0000002", "000000-0000004", "000001-0000000")
    ]
    files = [tmp_path / "out" / "shards" / shard.name for shard in found.shards]
    os.truncate(files[0], 1000)
    os.truncate(files[1], 0)
    files[3].unlink()
    kept = {file: file.stat().st_mtime_ns for file in (files[2], *files[4:])}
    said = []
    again = embed(tmp_path / "photos", tmp_path / "out", backbone=None, say=said.append)
    assert said[1:] == [
        f"{files[0]} is missing or has another size than when it was written; it is made again.",
        f"{files[3]} is missing or has another size than when it was written; it is made again.",
        f"To embed: 10 photos, about 235 kB in {tmp_path / 'out'}.",
    ]
    assert again == found
    assert paths_of(tmp_path / "out") == paths
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


def test_two_processes_at_one_unit_keep_each_photo_once(tmp_path, here, small, monkeypatch):
    """Another process, which takes photos one by one, is ahead of this one at the same unit."""
    paths = write_photos(tmp_path / "photos", 5)
    write = stage.write_shard
    embed(tmp_path / "photos", tmp_path / "other", backbone=None)

    def late(file, content, dims):
        monkeypatch.setattr(stage, "write_shard", write)
        done_file(tmp_path / "out", 0).unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(stage, "A_SHARD", 3)
            attempt = Attempts(tmp_path / "out", 0)
            stage.Stage(tmp_path / "out")._embed_rest(0, attempt)
        return write(file, content, dims)

    monkeypatch.setattr(stage, "write_shard", late)
    found = embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    assert [(entry.start, entry.stop) for entry in found.shards] == [(0, 3), (3, 5)]
    assert paths_of(tmp_path / "out") == paths


def test_how_far_units_are_is_noted_as_they_are_done(tmp_path, here, monkeypatch):
    """An archive of four photos, one at a time; the second attempt goes on after the two that are committed."""
    monkeypatch.setattr(stage, "A_SHARD", 2)
    monkeypatch.setattr(stage, "BATCH", 1)
    write_tar(tmp_path / "a.tar", {f"{i}.jpg": jpeg(i) for i in range(4)})
    size = (tmp_path / "a.tar").stat().st_size
    noted, write = [], stage.write_shard
    real = stage.Attempts.at
    monkeypatch.setattr(stage.Attempts, "at", lambda self, part: noted.append(part) or real(self, part))

    def once(file, content, dims):
        monkeypatch.setattr(stage, "write_shard", second)
        return write(file, content, dims)

    def second(*_arguments):
        monkeypatch.setattr(stage, "write_shard", write)
        (found,) = attempts.parts(tmp_path / "out").items()
        assert found == (0, noted[-1])
        raise ShardError("the second shard is not written")

    monkeypatch.setattr(stage, "write_shard", once)
    with pytest.raises(ShardError, match="second"):
        embed(tmp_path / "a.tar", tmp_path / "out", backbone=None)
    embed(tmp_path / "a.tar", tmp_path / "out", backbone=None)
    assert [(part.first, part.done) for part in noted] == [(0, 1), (0, 2), (0, 3), (0, 4), (2, 3), (2, 4)]
    shares = [part.share for part in noted]
    assert shares[:4] == sorted(shares[:4])
    assert shares[2:4] == shares[4:]
    assert shares[0] == pytest.approx((512 + len(jpeg(0))) / size)  # a header and a picture
    assert attempts.parts(tmp_path / "out") == {}


def test_progress_within_units(monkeypatch):
    """Two units of a million photos: one goes on after 900,000, while the other begins."""
    clock = iter([0.0, 0.0, 10.0, 10.0, 10.0, 10.2, 20.0, 20.0])
    monkeypatch.setattr(progress_of, "monotonic", lambda: next(clock))
    parts = [
        {0: UnitPart(900_000, 900_100, 0.9001)},
        {1: UnitPart(0, 500, 0.0005), 0: UnitPart(900_000, 999_999, 1.0)},
    ]
    told = []
    done = iter([None, None, UnitDone(0, 999_000, 1_000)])
    progress_of.follow(EmbedProgress(all_units=2), (one for one in done), told.append, lambda: parts.pop(0))
    assert [(now.done, now.units, now.left_out) for now in told] == [(0, 0, 0), (900_100, 0, 0), (1_000_500, 1, 1_000)]
    assert told[1].rate == pytest.approx(10)  # what was committed before does not count
    assert told[1].share == pytest.approx(0.9001 / 2)
    assert told[2].rate == pytest.approx((100_000 + 500) / 20)
    assert told[2].seconds_left == pytest.approx(20 * (2 - 1.0005) / (0.1 + 0.0005))


def test_it_is_cancelled_and_goes_on(tmp_path, here, small):
    paths = write_photos(tmp_path / "photos", 15)
    stop = threading.Event()

    def after_one(now: EmbedProgress) -> None:
        if now.units == 1:
            stop.set()

    with pytest.raises(Cancelled, match="the same command goes on from there"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None, progress=after_one, cancel=stop)
    assert paths_of(tmp_path / "out") == paths[:5]
    assert not read_manifest(tmp_path / "out").complete
    told = []
    embed(tmp_path / "photos", tmp_path / "out", backbone=None, progress=told.append)
    assert [now.done for now in told] == [5, 10, 15]
    assert paths_of(tmp_path / "out") == paths


def test_a_folder_of_photos_that_goes_away_leaves_no_photo_out(tmp_path, here, small):
    write_photos(tmp_path / "photos", 6)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None, cancel=stop)
    shutil.move(tmp_path / "photos", tmp_path / "away")
    (tmp_path / "photos").mkdir()  # it is there when the run is planned
    embed_again = lambda: embed(tmp_path / "photos", tmp_path / "out", backbone=None)  # noqa: E731
    (tmp_path / "photos").rmdir()
    with pytest.raises((ShardError, CollectionError)):
        embed_again()
    shutil.move(tmp_path / "away", tmp_path / "photos")
    assert embed_again().photos == 6


def test_the_disk_must_have_room(tmp_path, here, monkeypatch):
    write_photos(tmp_path / "photos", 2)
    monkeypatch.setattr(driver.shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(9_000, 7_000, 2_000))
    with pytest.raises(ShardError, match=r"2 photos take about [1-9]\d kB in .*, and the disk has 2 kB left"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None)


def test_a_full_disk_for_photos_of_archives_ends_the_run_and_leaves_no_photo_out(tmp_path, here, small, monkeypatch):
    write_tar(tmp_path / "a.tar", {f"{i}.jpg": jpeg(i) for i in range(5)})
    embed(tmp_path / "a.tar", tmp_path / "right", backbone=None)
    room = [3]

    def fdopen(number, mode):
        file = os.fdopen(number, mode)
        room[0] -= 1
        if room[0] < 0:
            file.write = refuses
        return file

    def refuses(_data):
        raise OSError(28, "No space left on device")

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(stage.tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(stage, "os", SimpleNamespace(fdopen=fdopen, unlink=os.unlink))
    with pytest.raises(StorageError, match=r"handlens-embed-.* could not be written: the disk is full\. Make room"):
        embed(tmp_path / "a.tar", tmp_path / "out", backbone=None)
    room[0] = 100
    assert embed(tmp_path / "a.tar", tmp_path / "out", backbone=None).left_out == 0
    assert paths_of(tmp_path / "out") == paths_of(tmp_path / "right")
    assert list(temporary.iterdir()) == []


# --------------------------------------------------------------------------------- attempts


def test_attempts_find_the_photo_that_kills(tmp_path):
    for number in range(1, attempts.CAREFUL + 6):
        attempt = Attempts(tmp_path, 7)
        attempt.begin()
        assert attempt.careful == (number >= attempts.CAREFUL)
        assert not attempt.deadly(4)
        assert attempt.suspected(4) == (number > attempts.CAREFUL)
        assert not attempt.suspected(3)
        if attempt.careful:
            attempt.take(3)
            attempt.take(4)  # and its process ends
    attempt = Attempts(tmp_path, 7)
    attempt.begin()
    assert attempt.deadly(4)
    assert not attempt.deadly(3)
    attempt.end()
    assert not Attempts(tmp_path, 7).careful


def test_attempts_that_cannot_be_noted_are_an_error_and_not_the_end_of_the_process(tmp_path, monkeypatch):
    def refuses(_number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(attempts.os, "fsync", refuses)
    with pytest.raises(StorageError) as error, attempts.attempt(tmp_path, 7):
        pass
    assert str(error.value) == (
        f"{tmp_path / 'attempts' / '000007'} could not be written: the disk is full. Make room or check the disk."
    )
    (tmp_path / "other" / "attempts").parent.mkdir()
    (tmp_path / "other" / "attempts").touch()
    with pytest.raises(StorageError, match="attempts could not be written: "):
        Attempts(tmp_path / "other", 7).begin()


def test_attempts_that_get_nowhere_end(tmp_path):
    for _ in range(6):
        Attempts(tmp_path, 7).begin()
    with pytest.raises(ShardError, match="the process at unit 7 ended 6 times without keeping anything"):
        Attempts(tmp_path, 7).begin()
    (tmp_path / "attempts" / "000007").write_text("start\n" * 5 + "kept\n" + "start\n" * 5)
    Attempts(tmp_path, 7).begin()


def test_the_last_error_that_nobody_foresaw_is_said(tmp_path):
    for number in range(6):
        with pytest.raises(LookupError), attempts.attempt(tmp_path, 7):
            raise LookupError(f"no room {number}")
    with pytest.raises(ShardError, match=r"ended 6 times .* Its last error was LookupError: no room 5\. Give each"):
        Attempts(tmp_path, 7).begin()
    Attempts(tmp_path, 7).end()
    assert list((tmp_path / "attempts").iterdir()) == []


def test_a_name_that_is_twice_in_a_tar_is_two_paths(tmp_path, here):
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        for i in range(3):
            member = tarfile.TarInfo("x.jpg")
            member.size = len(jpeg(i))
            archive.addfile(member, io.BytesIO(jpeg(i)))
    embed(tmp_path / "d.tar", tmp_path / "out", backbone=None)
    assert paths_of(tmp_path / "out") == [f"{tmp_path}/d.tar#{name}" for name in ("x.jpg", "x.jpg (2)", "x.jpg (3)")]


def test_a_photo_that_takes_all_memory_is_left_out_and_the_others_are_not(tmp_path, here, monkeypatch):
    """Each error of memory ends its process; here the next attempt takes its place."""
    paths = write_photos(tmp_path / "photos", 6)
    begin(tmp_path)
    real = stage.read_squares

    def read(path, sizes):
        if path.name == "4.jpg":
            raise MemoryError
        return real(path, sizes)

    monkeypatch.setattr(stage, "read_squares", read)
    tried = []
    monkeypatch.setattr(stage, "ends_its_process", lambda file, size: tried.append((file.name, size)) or len(tried) > 1)
    for _ in range(4):  # two at once, and two photo by photo: of the first of these it may have been an accident
        with pytest.raises(MemoryError):
            stage.Stage(tmp_path / "out").run(0)
    assert stage.Stage(tmp_path / "out").run(0) == (0, 5, 1)
    embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    (left,) = ShardSet.open(tmp_path / "out").left_out()
    assert left.path == paths.pop(4)
    assert left.reason == stage.DEADLY
    assert tried == [("4.jpg", 96)] * 2
    assert paths_of(tmp_path / "out") == paths


def begin(folder):
    """Begin to embed, and stop before the first photo."""
    stop = threading.Event()
    with pytest.raises(Cancelled):
        embed(folder / "photos", folder / "out", backbone=None, say=lambda _text: stop.set(), cancel=stop)


def test_a_process_of_ray_ends_by_what_is_not_said(tmp_path, here, monkeypatch, capsys):
    """Ray then begins another one, which goes on."""
    write_photos(tmp_path / "photos", 3)
    begin(tmp_path)
    created = read_manifest(tmp_path / "out").created
    job = EngineJob(driver.WORK, tmp_path / "out", created, 1, driver.COMMAND, "embedded")
    batch = {"unit": np.array([0])}
    with monkeypatch.context() as patch:
        patch.setattr(stage.Stage, "run", lambda _self, _unit: [][1])
        patch.setattr(ray_engine.os, "_exit", sys.exit)
        with pytest.raises(SystemExit, match="1"):
            ray_engine.RayWorker(job)(batch)
    assert "IndexError" in capsys.readouterr().err
    done = ray_engine.RayWorker(job)(batch)
    assert {name: column.tolist() for name, column in done.items()} == {
        "unit": [0], "photos": [3], "left_out": [0], "error": [""],
    }  # fmt: skip
    other = ray_engine.RayWorker(job._replace(created="another"))(batch)
    assert other["error"][0].startswith(f"{tmp_path / 'out'} must be on a disk that all machines of the cluster share")


# --------------------------------------------------------------------------------- the lease


def test_a_second_driver_is_refused(tmp_path):
    with lease.lease(tmp_path), pytest.raises(ShardError, match="another `handlens embed` is writing to"):
        lease.lease(tmp_path).__enter__()
    assert not (tmp_path / "driver.json").exists()
    with lease.lease(tmp_path):
        pass


def written_elsewhere(folder, beat):
    content = {"driver": "other", "beat": beat, "machine": "another", "process": 1}
    (folder / "driver.json").write_text(json.dumps(content))


def test_a_driver_on_another_machine_is_watched_whatever_its_clock(tmp_path, monkeypatch):
    written_elsewhere(tmp_path, 1)
    beats = iter(range(2, 9))
    monkeypatch.setattr(lease.time, "sleep", lambda _seconds: written_elsewhere(tmp_path, next(beats)))
    said = []
    with pytest.raises(ShardError, match="another `handlens embed` is writing"):
        lease.lease(tmp_path, waiting=said.append).__enter__()
    assert said[0].startswith("Another machine was writing to")
    assert next(beats) == 3


def test_a_driver_that_died_on_another_machine_gives_way(tmp_path, monkeypatch):
    written_elsewhere(tmp_path, 1)
    monkeypatch.setattr(lease, "WATCH", 0.05)
    monkeypatch.setattr(lease, "SETTLE", 0.01)
    with lease.lease(tmp_path) as mine:
        assert mine.is_mine


def test_of_two_drivers_that_take_over_at_once_one_stays(tmp_path, monkeypatch):
    written_elsewhere(tmp_path, 1)
    monkeypatch.setattr(lease, "WATCH", 0)
    monkeypatch.setattr(lease.time, "sleep", lambda _seconds: written_elsewhere(tmp_path, 2))
    with pytest.raises(ShardError, match="another `handlens embed` is writing"):
        lease.lease(tmp_path).__enter__()


def test_a_driver_that_stood_still_stops_when_another_has_its_place(tmp_path, here, small, monkeypatch):
    write_photos(tmp_path / "photos", 15)
    monkeypatch.setattr(lease, "BEAT", 0.01)
    held = []
    real = lease.lease
    monkeypatch.setattr(engines, "lease", lambda *arguments, **options: kept(real(*arguments, **options)))

    class kept:
        def __init__(self, block):
            self.block = block

        def __enter__(self):
            held.append(self.block.__enter__())
            return held[0]

        def __exit__(self, *error):
            return self.block.__exit__(*error)

    def taken(now):
        if now.units == 1:
            end = time.monotonic() + 300
            while not held[0].lost and time.monotonic() < end:
                written_elsewhere(tmp_path / "out", 1)  # again, as the driver may be about to write its number
                time.sleep(0.05)

    with pytest.raises(ShardError, match=r"has taken .*, as this one stood still"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None, progress=taken)
    assert json.loads((tmp_path / "out" / "driver.json").read_text())["driver"] == "other"


# --------------------------------------------------------------------------------- processes

DEADLY = """
import os, signal
from handlens.embedding import attempts, stage, trial
from handlens.studio import pictures
attempts.CAREFUL = 1  # photo by photo from the beginning, so that fewer processes have to end
real = pictures.read_squares
def read_squares(path, sizes):
    if path.name == "4.jpg":
        os.kill(os.getpid(), signal.SIGSEGV)
    return real(path, sizes)
stage.read_squares = pictures.read_squares = read_squares
trial.COMMAND = ["-c", {trial!r}]
"""


def test_a_photo_that_kills_the_decoder_is_left_out_and_the_others_are_not(tmp_path, monkeypatch):
    """In real processes: an attempt ends by a signal, as do those that only read the photo, which is named."""
    paths = write_photos(tmp_path / "photos", 12)
    run = "import sys; sys.path.insert(0, {!r}); import deadly; from handlens.embedding.{} import main; main()"
    worker, trial = (run.format(str(tmp_path), module) for module in ("worker", "trial"))
    (tmp_path / "deadly.py").write_text(DEADLY.format(trial=trial))
    monkeypatch.setattr("handlens.embedding.local.COMMAND", ["-c", worker])
    found = embed(tmp_path / "photos", tmp_path / "out", backbone=None, processes=1)
    (left,) = ShardSet.open(tmp_path / "out").left_out()
    assert left.path == paths.pop(4)
    assert left.reason == "it ends the process that reads it (a fault of its decoder, or memory)"
    assert paths_of(tmp_path / "out") == paths
    assert found.complete


def test_a_worker_that_is_killed_from_outside_loses_no_photo(tmp_path, small, monkeypatch):
    paths = write_photos(tmp_path / "photos", 20)
    begin, begun = local.EngineProcess.begin, []

    def begin_and_die(self, unit):
        begin(self, unit)
        begun.append(self)
        if len(begun) == 2:
            self.process.kill()

    monkeypatch.setattr(local.EngineProcess, "begin", begin_and_die)
    found = embed(tmp_path / "photos", tmp_path / "out", backbone=None, processes=1)
    assert begun[0] is begun[1]
    assert len(set(begun)) == 2  # another took its place
    assert paths_of(tmp_path / "out") == paths
    assert (found.complete, found.left_out) == (True, 0)


DRIVER = """
import signal
import time
from handlens.cli import app
from handlens.embedding import driver, plan
from handlens.studio.features import patches
plan.A_UNIT, patches._SAMPLES = 5, 1_000
real = driver.follow
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background ignores it

def follow(before, done, progress, parts):
    def told(now):
        progress(now)
        if now.units:  # it waits for its end, so that it never comes too late
            time.sleep(600)
    real(before, done, told, parts)

driver.follow = follow
app()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_driver_that_is_killed_or_stopped_goes_on(tmp_path, here, small):
    """By real drivers and their processes, and then in this one."""
    paths = write_photos(tmp_path / "photos", 30)
    out = tmp_path / "out"
    arguments = ["embed", *map(str, (tmp_path / "photos", out, "--backbone", "learned", "--processes", "1"))]
    for ending, returned in ((signal.SIGKILL, -9), (signal.SIGTERM, 130)):
        with subprocess.Popen([sys.executable, "-c", DRIVER, *arguments], stderr=subprocess.PIPE, text=True) as process:
            for line in process.stderr:
                if "of 30 photos" in line and not line.startswith("0 of"):
                    break
            process.send_signal(ending)
            process.stderr.read()
        assert process.returncode == returned
        assert 1 <= len(list(out.glob("done/*/*"))) < 6
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    assert f"30 photos are in {out}" in found.output
    assert paths_of(out) == paths


def test_the_command_says_what_is_wrong(tmp_path):
    found = CliRunner().invoke(app, ["embed", str(tmp_path / "nowhere"), str(tmp_path / "out")])
    assert (found.exit_code, "there is no such folder or file" in found.output) == (1, True)
    found = CliRunner().invoke(app, ["embed", str(tmp_path), str(tmp_path / "out"), "--address", "h:1"])
    assert "--address goes with --engine ray" in found.output


def test_the_command_says_why_photos_are_left_out(tmp_path, here):
    write_photos(tmp_path / "photos", 1)
    for i in range(2, 8):
        (tmp_path / "photos" / f"{i}.jpg").write_bytes(b"no picture")
    arguments = ["embed", *map(str, (tmp_path / "photos", tmp_path / "out", "--backbone", "learned"))]
    lines = CliRunner().invoke(app, arguments).output.splitlines()
    assert lines[-6:-1] == [f"  {tmp_path}/photos/{i}.jpg: not a picture" for i in range(2, 7)]
    assert lines[-1].startswith("  …")


def test_large_features_stay_finite(tmp_path, here, monkeypatch):
    write_photos(tmp_path / "photos", 2)
    real = stage.rebuild

    def huge(config, tensors):
        network = real(config, tensors)

        class Huge:
            size, layers = network.size, network.layers

            def __call__(self, batch):
                return [layer * 0 + 1e6 for layer in network(batch)]

        return Huge()

    monkeypatch.setattr(stage, "rebuild", huge)
    embed(tmp_path / "photos", tmp_path / "out", backbone=None)
    shards = ShardSet.open(tmp_path / "out")
    assert (shards.features(shards.layers[0].id, [0]) == np.finfo(np.float16).max).all()
