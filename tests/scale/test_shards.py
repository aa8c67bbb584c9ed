"""Shards: what is written is read, a random order holds each row once, and whatever is damaged is said."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from handlens.errors import ShardError
from handlens.io.checksums import with_checksum
from handlens.io.manifests import MANIFEST
from handlens.scale import ShardSet
from handlens.scale.manifest import (
    ShardEntry,
    done_file,
    read_done,
    read_manifest,
    shard_name,
    write_done,
    write_manifest,
)
from handlens.scale.order import RandomOrder
from handlens.scale.shards import NewShard, Shard, described, row_sums, write_shard
from tests.scale.made_shards import LAYERS, features_of, made_thumbnail, write_made_shards

WHAT, WHERE = (layer.id for layer in LAYERS)


def test_a_shard_is_a_safetensors_file_that_other_programs_read(tmp_path):
    content = NewShard(
        ["net/0/what"],
        paths=["a.jpg", "ü.jpg"],
        digests=[b"a" * 64, b"b" * 64],
        aspects=[1.5, 0.5],
        thumbnails=[b"abc", b"de"],
        features=[[np.float16([[1, 2]])], [np.float16([[3, 4]])]],
        left_out=[],
    )
    known = write_shard(tmp_path / "s.safetensors", content, [2])
    found = load_file(tmp_path / "s.safetensors")
    assert found["features/net/0/what"].tolist() == [[1, 2], [3, 4]]
    assert found["thumbnails"].tobytes() == b"abcde"
    assert found["thumbnails.ends"].tolist() == [3, 5]
    assert found["paths"].tobytes() == "a.jpgü.jpg".encode()
    assert found["paths.ends"].tolist() == [5, 11]
    assert found["aspects"].tolist() == [1.5, 0.5]
    assert found["digests"].tobytes() == b"a" * 64 + b"b" * 64
    # 1, 2, 3 and 4 as little-endian halves are 3c00, 4000, 4200 and 4400.
    assert found["sums"].tolist() == [
        [zlib.crc32(bytes.fromhex("003c0040")), zlib.crc32(bytes.fromhex("00420044"))],
        [zlib.crc32(b"abc"), zlib.crc32(b"de")],
    ]
    assert known.sha256 == hashlib.sha256((tmp_path / "s.safetensors").read_bytes()).hexdigest()
    assert known.bytes == (tmp_path / "s.safetensors").stat().st_size


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first, second = (write_made_shards(tmp_path / name).shards for name in "ab")
    assert first == second


def test_a_shard_that_is_there_is_not_overwritten(tmp_path):
    layers = ["net/0/what"]
    kept = write_shard(
        tmp_path / "s", NewShard(layers, ["a"], [b"a" * 64], [1.0], [b"x"], [[np.ones((1, 2), "f2")]]), [2]
    )
    again = write_shard(tmp_path / "s", NewShard(layers), [2])
    assert again == kept
    assert [file.name for file in tmp_path.iterdir()] == ["s"]
    assert Shard(tmp_path / "s", kept).paths() == ["a"]


def test_a_shard_without_photos_keeps_why(tmp_path):
    manifest = write_made_shards(tmp_path, photos=0)
    assert manifest.photos == 0
    write_shard(tmp_path / "s", NewShard([WHAT], left_out=[("a.jpg", "truncated")]), [3])
    shard = Shard(tmp_path / "s")
    assert (shard.rows, shard.features(WHAT).shape, shard.paths()) == (0, (0, 3), [])
    assert shard.left_out() == [("a.jpg", "truncated")]
    shard.check()


def test_rows_are_found_in_whichever_shard_holds_them(tmp_path):
    write_made_shards(tmp_path, photos=25, a_shard=10, left_out=2)
    shards = ShardSet.open(tmp_path)
    assert (len(shards), shards.starts.tolist(), shards.manifest.left_out) == (25, [0, 10, 20, 25], 2)
    rows = np.array([24, 0, 10, 9, 24])
    for layer in LAYERS:
        assert (shards.features(layer.id, rows) == features_of(rows, layer.dim)).all()
    assert shards.paths(rows) == [f"photos/ü{row}.jpg" for row in rows]
    assert shards.path(19) == "photos/ü19.jpg"
    assert [shards.thumbnail(row) for row in (0, 24)] == [made_thumbnail(0), made_thumbnail(24)]
    assert shards.aspects([3, 20]) == pytest.approx([1.03, 1.2])
    assert shards.digests([7])[0].tobytes() == hashlib.blake2b(b"7").digest()
    assert list(shards.left_out()) == [("bad/0.jpg", "truncated"), ("bad/1.jpg", "truncated")]
    assert [(block.start, len(block.features)) for block in shards.blocks(WHAT)] == [(0, 10), (10, 10), (20, 5)]
    assert [block.start for block in shards.blocks(WHAT, first=2)] == [20]
    assert (np.concatenate([block.features for block in shards.blocks(WHERE)]) == features_of(np.arange(25), 27)).all()
    assert shards.features(WHAT, []).shape == (0, 3)
    checked = []
    shards.check(progress=checked.append)
    assert checked == [1, 2, 3]


def test_blocks_are_mapped_and_read_only(tmp_path):
    write_made_shards(tmp_path)
    block = next(ShardSet.open(tmp_path).blocks(WHAT)).features
    assert not block.flags.owndata
    assert not block.flags.writeable


def test_only_so_many_shards_are_open(tmp_path, monkeypatch):
    monkeypatch.setattr("handlens.scale.shard_set._OPEN", 2)
    write_made_shards(tmp_path, photos=25, a_shard=5)
    shards = ShardSet.open(tmp_path)
    for _ in range(2):
        assert shards.features(WHAT, range(25))[:, 0].tolist() == list(range(25))
    assert len(shards._open) == 2


def test_a_folder_that_grows_has_the_units_that_are_done(tmp_path):
    made = write_made_shards(tmp_path, photos=25, a_shard=10)
    write_manifest(tmp_path, replace(made, complete=False, shards=()))
    assert len(ShardSet.open(tmp_path)) == 0
    for unit in (2, 0):
        write_done(tmp_path, unit, [made.shards[unit]])
    write_done(tmp_path, 2, [])  # which is not the first to say so
    shards = ShardSet.open(tmp_path)
    assert shards.paths(range(len(shards))) == [f"photos/ü{i}.jpg" for i in (*range(10), *range(20, 25))]
    assert not shards.manifest.complete
    assert read_done(tmp_path, 1) is None


@given(n=st.integers(0, 3000), seed=st.integers(0, 2**32), cut=st.integers(0, 3000))
def test_a_random_order_has_each_number_once(n, seed, cut):
    order = RandomOrder(n, seed=seed)
    found = np.concatenate([order(0, min(cut, n)), order(min(cut, n), n)])
    assert sorted(found.tolist()) == list(range(n))
    assert order(-3, n + 3).tolist() == found.tolist()


def test_a_random_order_is_of_its_seed_and_spreads():
    first, again, other = (RandomOrder(10_000_000, seed=seed)(0, 20_000) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).mean() > 0.99
    assert len(set(first.tolist())) == 20_000
    counts = np.bincount(first // 1_000_000, minlength=10)
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9  # chi-square of 9 degrees, p = 0.001
    steps = np.diff(first)
    assert abs(np.corrcoef(steps[:-1], steps[1:])[0, 1] + 0.5) < 0.05  # as of independent draws


def test_parts_of_a_random_order_are_those_of_the_whole():
    order = RandomOrder(25, seed=3)
    assert order(0, 5).tolist() + order(5, 25).tolist() == order(0, 25).tolist()


# ---------------------------------------------------------------------------------- damage


@pytest.fixture
def out(tmp_path):
    write_made_shards(tmp_path, photos=25, a_shard=10, left_out=1)
    return tmp_path


def first_shard(out):
    return out / "shards" / shard_name(0, 0)


def use_everything(out):
    shards = ShardSet.open(out)
    rows = range(len(shards))
    for layer in LAYERS:
        shards.features(layer.id, [1])  # a few rows, by their own checksums
        shards.features(layer.id, rows)
    return [shards.thumbnail(row) for row in rows], shards.paths(rows), list(shards.left_out()), shards.digests(rows)


def test_a_shard_that_was_cut_short_is_said(out):
    size = first_shard(out).stat().st_size
    os.truncate(first_shard(out), size - 1)
    with pytest.raises(ShardError, match=r"is damaged: its header describes .* run the same `handlens embed` again"):
        use_everything(out)


def test_a_shard_that_is_missing_is_said(out):
    first_shard(out).unlink()
    with pytest.raises(ShardError, match=r"000000-0000000.safetensors is missing. Restore it"):
        use_everything(out)


def test_each_flipped_bit_is_found(out):
    whole = first_shard(out).read_bytes()
    for at in range(0, len(whole), 331):
        first_shard(out).write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ShardError, match="is damaged"):
            ShardSet.open(out).check()
    first_shard(out).write_bytes(whole)
    ShardSet.open(out).check()


@pytest.mark.parametrize("name", ["features/made/0/what", "thumbnails", "paths", "left_out", "digests", "sums"])
def test_a_flipped_bit_is_found_when_it_is_used(out, name):
    head = Shard(first_shard(out))._head
    place = head.places[name].start + (0 if name != "features/made/0/what" else 3 * 2)  # of row 1
    whole = bytearray(first_shard(out).read_bytes())
    whole[place] ^= 1
    first_shard(out).write_bytes(whole)
    with pytest.raises(ShardError, match="checksum of"):
        use_everything(out)


def test_one_damaged_row_leaves_the_others(out):
    start = Shard(first_shard(out))._head.places[f"features/{WHAT}"].start
    whole = bytearray(first_shard(out).read_bytes())
    whole[start] ^= 1
    first_shard(out).write_bytes(whole)
    shards = ShardSet.open(out)
    assert shards.features(WHAT, [1])[0, 0] == 1
    with pytest.raises(ShardError, match="the checksum of features of made/0/what is wrong"):
        shards.features(WHAT, [0])


def test_another_shard_in_its_place_is_found(out):
    first_shard(out).write_bytes((out / "shards" / shard_name(1, 0)).read_bytes())
    with pytest.raises(ShardError, match="it is not the file that the manifest describes"):
        ShardSet.open(out).check()


def rewritten(out, **members):
    content = json.loads((out / MANIFEST).read_text())
    del content["crc32"]
    (out / MANIFEST).write_text(json.dumps(with_checksum(content | members)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"version": 2}, r"was made by a newer handlens \(version 2\). Update handlens"),
        ({"format": "other"}, "does not describe shards of handlens"),
        ({"layers": []}, "layers, backbone, weights"),
        ({"dtype": "float64"}, "dtype, seed or thumbnail"),
        ({"seed": "1"}, "dtype, seed or thumbnail"),
        ({"surprise": 1}, "“surprise” is not known"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_said(out, members, message):
    rewritten(out, **members)
    with pytest.raises(ShardError, match=message):
        ShardSet.open(out)


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "000/../../a.safetensors", "000/000000-0000000.safetensors\n", 7]
)
def test_a_shard_outside_the_folder_is_refused(out, name):
    entry = json.loads((out / MANIFEST).read_text())["shards"][0]
    rewritten(out, shards=[entry | {"name": name}])
    with pytest.raises(ShardError, match="a shard cannot be called"):
        read_manifest(out)


@pytest.mark.parametrize("change", [{"rows": 99}, {"bytes": -1}, {"start": 1.5}, {"unit": None}])
def test_numbers_of_a_shard_that_cannot_be_right_are_refused(out, change):
    entry = json.loads((out / MANIFEST).read_text())["shards"][0]
    rewritten(out, shards=[entry | change])
    with pytest.raises(ShardError, match=r"cannot be right|not supported"):
        read_manifest(out)


def test_a_flipped_bit_in_the_manifest_is_found(out):
    text = (out / MANIFEST).read_text()
    (out / MANIFEST).write_text(text.replace('"rows": 10', '"rows": 11', 1))
    with pytest.raises(ShardError, match=r"manifest.json is damaged: its checksum .* no shard is"):
        read_manifest(out)


def test_a_damaged_word_that_a_unit_is_done_is_said(out):
    write_done(out, 0, [ShardEntry(shard_name(0, 0), 0, 0, 10, 10, 1, "", "")])
    file = done_file(out, 0)
    file.write_text(file.read_text().replace('"rows": 10', '"rows": 9'))
    with pytest.raises(ShardError, match=r"000000.json is damaged: .*Remove it"):
        read_done(out, 0)


def test_what_does_not_hold_shards_is_said(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ShardError, match=r"does not hold shards: it has no manifest.json. `handlens embed"):
            ShardSet.open(folder)


def test_a_layer_or_row_that_is_not_there_is_said(out):
    shards = ShardSet.open(out)
    with pytest.raises(ShardError, match="a layer must be one of made/0/what, made/0/where; 'other' arrived"):
        shards.features("other", [0])
    with pytest.raises(IndexError, match="rows must be from 0 to 24; -1 to 0 arrived"):
        shards.features(WHAT, [0, -1])
    with pytest.raises(IndexError, match="there are 25 photos; photo 25 was asked for"):
        shards.thumbnail(25)


def test_sums_of_rows_are_those_of_their_bytes():
    rows = np.arange(12, dtype=np.float16).reshape(3, 4)[:, ::2]
    assert row_sums(rows).tolist() == [zlib.crc32(np.ascontiguousarray(row)) for row in rows]


def test_a_described_shard_that_is_not_one_is_said(tmp_path):
    (tmp_path / "s").write_bytes(b"not a shard")
    with pytest.raises(ShardError, match="is damaged"):
        described(tmp_path / "s")
