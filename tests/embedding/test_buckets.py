"""Photos in a bucket that is served on this machine, and what is said when it cannot be read."""

from __future__ import annotations

import io

import boto3
import fsspec
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import parquet

from handlens.embedding import addresses, embed
from handlens.embedding.items import items_of
from handlens.embedding.plan import EmbeddingPlan, make_plan
from handlens.errors import CollectionError, PhotoError, ShardError
from handlens.scale import ShardSet
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.photo_sources.addresses import at_address
from tests.embedding.made_photos import jpeg, write_tar

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture(scope="module")
def server():
    """A bucket with photos, a tar archive and a table of them."""
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    address = "http://{}:{}".format(*made.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="empty")
    client.create_bucket(Bucket="pets")
    for i in range(3):
        client.put_object(Bucket="pets", Key=f"photos/{i}.jpg", Body=jpeg(i))
    client.put_object(Bucket="pets", Key="photos/odd.jpg", Body=b"not a picture")
    table = io.BytesIO()
    parquet.write_table(pa.table({"image": [jpeg(7), jpeg(8)]}), table)
    client.put_object(Bucket="pets", Key="more/table.parquet", Body=table.getvalue())
    yield client, address
    made.stop()


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """The client of the bucket; s3:// leads there, with credentials from the environment."""
    client, address = server
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "no config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no credentials"),
        **dict.fromkeys(KEYS, "made"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(addresses, "PAUSES", ())
    forget()
    yield client
    forget()


def forget():
    """Forget connections: the next is made with what the environment says then."""
    addresses._file_system.cache_clear()
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def found_in(out):
    shards = ShardSet.open(out)
    shards.check()
    return shards.paths(range(len(shards))), list(shards.left_out())


def test_photos_a_tar_and_a_table_in_a_bucket(bucket, here, tmp_path):
    write_tar(tmp_path / "a.tar", {"x/4.jpg": jpeg(4), "x/4.json": b"{}", "5.jpg": jpeg(5)})
    bucket.put_object(Bucket="pets", Key="more/a.tar", Body=(tmp_path / "a.tar").read_bytes())
    source = PhotoSource(["s3://pets/photos", "s3://pets/more"], urls=True)
    embed(source, tmp_path / "out", backbone=None)
    paths, left_out = found_in(tmp_path / "out")
    assert sorted(paths) == [
        "s3://pets/more/a.tar#5.jpg",
        "s3://pets/more/a.tar#x/4.jpg",
        "s3://pets/more/table.parquet#0",
        "s3://pets/more/table.parquet#1",
        *(f"s3://pets/photos/{i}.jpg" for i in range(3)),
    ]
    assert left_out == [("s3://pets/photos/odd.jpg", "not a picture")]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "s3://nowhere/photos",
            r"s3://nowhere/photos cannot be listed \(The specified bucket does not exist\)\. ",
        ),
        ("s3://nowhere/*.jpg", r"s3://nowhere/\*.jpg cannot be listed \(there is no bucket nowhere\)\. Check the add"),
        ("s3://nowhere", r"s3://nowhere cannot be listed \(The specified bucket does not exist\)\. "),
        ("s3://", r"s3:// cannot be listed \(it names no bucket\)\. "),
        ("s3://pets/nothing", r"s3://pets/nothing must hold photos, .* photos; no file was found there\. Give the f"),
        ("s3://pets/*.gif", r"s3://pets/\*.gif must hold photos, .* photos; no file was found there\. Give the f"),
        ("s3://empty", r"s3://empty must hold photos, .* photos; no file was found there\. Give the f"),
    ],
)
def test_what_is_not_there_is_said(bucket, tmp_path, address, said):
    with pytest.raises(CollectionError, match=said):
        embed(address, tmp_path / "out", backbone=None)


def test_an_address_of_a_list_that_cannot_be_listed_is_never_left_out_for_good(bucket, tmp_path):
    (tmp_path / "list.txt").write_text("s3://pets/photos\ns3://later/photos\n")
    source, out = PhotoSource(tmp_path / "list.txt", urls=True), tmp_path / "out"
    said = r"s3://later/photos cannot be listed .* it\. Nothing is embedded yet: run the same command again once"
    with pytest.raises(CollectionError, match=said):
        make_plan(out, source)
    bucket.create_bucket(Bucket="later")
    bucket.put_object(Bucket="later", Key="photos/9.jpg", Body=jpeg(9))
    forget()
    assert make_plan(out, source).unit(0)["files"][-1] == ["s3://later/photos/9.jpg", ""]


def test_a_bucket_is_listed_page_by_page(bucket, monkeypatch):
    """Pages of two keys: each file is given when its page has come, in order and once."""
    kind = fsspec.get_filesystem_class("s3")
    real, pages = kind.call_s3, []

    def in_pages(self, method, **options):
        pages.append(real(self, method, MaxKeys=2, **options))
        return pages[-1]

    monkeypatch.setattr(kind, "call_s3", in_pages)
    found = [(one.source, one.name, len(pages)) for one in at_address("s3://pets/photos/")]
    names = ["0.jpg", "1.jpg", "2.jpg", "odd.jpg"]
    assert found == [(f"s3://pets/photos/{name}", name, 1 + i // 2) for i, name in enumerate(names)]
    assert {one.source for one in at_address("s3://pets")} >= {one for one, _, _ in found}


def test_several_addresses_that_are_not_asked_for_say_how_to(bucket, tmp_path):
    with pytest.raises(CollectionError) as error:
        embed(["s3://pets/photos", "s3://pets/more"], tmp_path / "out", backbone=None)
    assert str(error.value) == (
        "s3://pets/photos is an address, and nothing is downloaded unless it is asked for, by PhotoSource(…, "
        "urls=True) or --urls. Nothing is embedded yet: add --urls, or take it out of what is given."
    )
    assert not (tmp_path / "out").exists()


def test_a_bucket_that_cannot_be_reached_is_said(bucket, tmp_path, monkeypatch):
    make_plan(tmp_path / "out", PhotoSource("s3://pets/photos"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget()
    with pytest.raises(CollectionError, match=r"s3://pets/photos cannot be listed \(.*onnect.*\)\. Check the address"):
        embed("s3://pets/photos", tmp_path / "new", backbone=None)
    with pytest.raises(ShardError, match=r"s3://pets/photos/0.jpg cannot be read \(.*onnect.*\)\. Check the addr"):
        list(read(tmp_path / "out"))


def test_what_may_pass_is_asked_again(monkeypatch):
    paused, answers = [], [OSError("slow down"), TimeoutError(), "found"]
    monkeypatch.setattr(addresses, "PAUSES", (1.0, 2.0))
    monkeypatch.setattr(addresses.time, "sleep", paused.append)

    def ask():
        if isinstance(answers[0], str):
            return answers[0]
        raise answers.pop(0)

    assert addresses.patiently("s3://pets/0.jpg", ask) == "found"
    assert paused == [1.0, 2.0]
    answers[:] = [PermissionError("no"), "found"]
    with pytest.raises(ShardError, match=r"0.jpg cannot be read \(no\)"):
        addresses.patiently("s3://pets/0.jpg", ask)
    assert paused == [1.0, 2.0]


def test_missing_credentials_are_said(bucket, tmp_path, monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name)
    said = r"s3://pets/photos cannot be listed \(Unable to locate credentials\)\. Check the address, the network, and"
    with pytest.raises(CollectionError, match=said):
        embed("s3://pets/photos", tmp_path / "out", backbone=None)


def test_credentials_that_are_missing_later_leave_no_photo_out(bucket, tmp_path, monkeypatch):
    """A worker on a machine without credentials: the run ends, and says what to do."""
    make_plan(tmp_path / "out", PhotoSource("s3://pets/photos"))
    for name in KEYS:
        monkeypatch.delenv(name)
    forget()
    with pytest.raises(ShardError, match=r"s3://pets/photos/0.jpg cannot be read \(.*redentials.*\)\. Check the addr"):
        list(read(tmp_path / "out"))


def test_a_photo_that_is_gone_when_it_is_read_is_left_out(bucket, tmp_path):
    bucket.put_object(Bucket="pets", Key="gone/0.jpg", Body=jpeg(0))
    make_plan(tmp_path / "out", PhotoSource("s3://pets/gone"))
    bucket.delete_object(Bucket="pets", Key="gone/0.jpg")
    with pytest.raises(PhotoError, match="there is no such file any more"):
        list(read(tmp_path / "out"))


def read(out):
    return (item.fetch() for item in items_of(EmbeddingPlan(out).unit(0), 0))
