from __future__ import annotations

import asyncio
import io
import os
import shutil
import zipfile
from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Iterator
from errno import ENOSPC
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from handlens.errors import StorageError, UploadError
from handlens.io.zips import TooLarge
from handlens.studio.server import uploads as module
from handlens.studio.server.temporary_folders import TemporaryFolders
from handlens.studio.server.uploads import NoSuchUpload, UploadLimits, Uploads


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[TemporaryFolders]:
    made = TemporaryFolders(tmp_path / "scratch")
    yield made
    made.close()


async def pieces(*parts: bytes | Exception) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


def files(temporary: TemporaryFolders, id: str) -> list[str]:
    folder = temporary.folder / id
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def put(uploads: Uploads, id: str, path: str, *parts: bytes | Exception, length: int | None = None) -> str:
    return asyncio.run(uploads.photo(id, path, pieces(*parts), length=length))


def test_a_photo_is_kept_under_its_path(temporary: TemporaryFolders) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()
    assert put(uploads, id, "a\\b//c.jpg", b"12", b"34") == "a/b/c.jpg"
    assert put(uploads, id, "写真.jpg", b"x") == "写真.jpg"
    assert (temporary.folder / id / "photos/a/b/c.jpg").read_bytes() == b"1234"
    put(uploads, id, "a/b/c.jpg", b"again")
    photos = uploads.take(id)
    assert (photos / "a/b/c.jpg").read_bytes() == b"again"
    with pytest.raises(NoSuchUpload):
        uploads.take(id)


@pytest.mark.parametrize("path", ["../x.jpg", "/x.jpg", "C:x.jpg", "", ".hidden.jpg", "a/../../x.jpg"])
def test_a_path_that_leads_elsewhere_keeps_nothing(temporary: TemporaryFolders, path: str) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()
    with pytest.raises(UploadError):
        put(uploads, id, path, b"1")
    assert files(temporary, id) == []


def test_a_file_and_a_folder_of_one_name_are_refused(temporary: TemporaryFolders) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()
    put(uploads, id, "a", b"1")
    with pytest.raises(UploadError, match="both"):
        put(uploads, id, "a/b.jpg", b"1")
    put(uploads, id, "c/d.jpg", b"1")
    with pytest.raises(UploadError, match="both"):
        put(uploads, id, "c", b"1")
    assert files(temporary, id) == ["photos/a", "photos/c/d.jpg"]


def test_too_long_a_photo_is_refused_by_what_it_says_and_by_what_comes(temporary: TemporaryFolders) -> None:
    uploads = Uploads(temporary, limits=UploadLimits(photo=10))
    id = uploads.start()
    with pytest.raises(TooLarge):
        put(uploads, id, "a.jpg", length=11)
    with pytest.raises(TooLarge):
        put(uploads, id, "a.jpg", b"123456", b"789012", length=5)
    assert files(temporary, id) == []
    put(uploads, id, "a.jpg", b"1234567890", length=10)


def test_a_sender_that_goes_away_leaves_nothing(temporary: TemporaryFolders) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()
    with pytest.raises(ClientDisconnect):
        put(uploads, id, "a.jpg", b"x" * 3_000_000, ClientDisconnect())
    with pytest.raises(ClientDisconnect):
        asyncio.run(uploads.zip(id, pieces(b"PK", ClientDisconnect()), length=None))
    assert files(temporary, id) == []


def test_a_full_disk_is_reported_and_leaves_nothing(
    temporary: TemporaryFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()
    with pytest.raises(StorageError, match="disk is full"):
        put(uploads, id, "a.jpg", b"x", OSError(ENOSPC, os.strerror(ENOSPC)))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, 300 * 2**20))
    put(uploads, id, "small.jpg", b"x", length=1)
    with pytest.raises(StorageError, match="left"):
        put(uploads, id, "large.jpg", b"x", length=100 * 2**20)
    assert files(temporary, id) == ["photos/small.jpg"]


def test_an_upload_can_be_given_up_and_lapses_when_idle(
    temporary: TemporaryFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(temporary)
    given_up, idle = uploads.start(), uploads.start()
    uploads.discard(given_up)
    assert not (temporary.folder / given_up).exists()
    monkeypatch.setattr(module, "IDLE", -1.0)
    fresh = uploads.start()
    assert not (temporary.folder / idle).exists()
    assert (temporary.folder / fresh).exists()
    with pytest.raises(NoSuchUpload):
        put(uploads, idle, "a.jpg", b"1")


def test_an_upload_still_arriving_cannot_be_taken(temporary: TemporaryFolders) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()

    async def both() -> None:
        async def slow() -> AsyncIterator[bytes]:
            yield b"1"
            with pytest.raises(UploadError, match="still arriving"):
                uploads.take(id)

        await uploads.photo(id, "a.jpg", slow(), length=None)

    asyncio.run(both())
    assert files(temporary, id) == ["photos/a.jpg"]


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def test_over_http_a_folder_and_a_zip_become_a_collection(
    client: TestClient, home: Path, drawn: Path, quick: None, wait_until: Callable[..., None]
) -> None:
    upload = client.post("/api/uploads", json={}).json()["upload"]
    for i in range(3):
        sent = client.put(
            f"/api/uploads/{upload}/photo",
            params={"path": f"kreise/ä {i}.png"},
            content=(drawn / f"circles/{i}.png").read_bytes(),
        )
        assert sent.json() == {"path": f"kreise/ä {i}.png"}
    more = zipped(
        {f"squares/{i}.png": (drawn / f"squares/{i}.png").read_bytes() for i in range(3)} | {"note.txt": b"hi"}
    )
    assert client.put(f"/api/uploads/{upload}/zip", content=more).json() == {"count": 4, "left_out": []}
    made = client.post(
        "/api/collections", json={"name": "Formen", "source": {"kind": "upload", "upload": upload}, "backbones": []}
    )
    assert made.status_code == 201
    id = made.json()["id"]
    assert id.startswith("formen-")
    found = client.get(f"/api/collections/{id}/photos").json()
    paths = client.get(f"/api/collections/{id}/photos/paths").text.split("\0")[:-1]
    assert sorted(paths) == [f"kreise/ä {i}.png" for i in range(3)] + [f"squares/{i}.png" for i in range(3)]
    assert [out["path"] for out in found["left_out"]] == ["note.txt"]
    state = client.get(f"/api/collections/{id}").json()
    assert (state["name"], state["count"]) == ("Formen", 6)
    assert Path(state["images"]) == home / "collections" / id / "photos"
    wait_until(lambda: client.get(f"/api/collections/{id}").json()["preparation"]["phase"] == "done")
    again = client.post("/api/collections", json={"source": {"kind": "upload", "upload": upload}})
    assert again.status_code == 404


def test_over_http_errors_have_their_status(client: TestClient, home: Path) -> None:
    upload = client.post("/api/uploads").json()["upload"]
    cases = [
        (client.put(f"/api/uploads/{upload}/photo", params={"path": "../x.jpg"}, content=b"1"), 400),
        (client.put(f"/api/uploads/{upload}/zip", content=zipped({"../x.jpg": b"1"})), 400),
        (client.put(f"/api/uploads/{upload}/zip", content=b"no zip"), 400),
        (client.put(f"/api/uploads/{upload}/photo", content=b"1"), 422),
        (client.put("/api/uploads/none/photo", params={"path": "x.jpg"}, content=b"1"), 404),
        (client.delete("/api/uploads/none"), 404),
        (client.post("/api/collections", json={"source": {"kind": "upload", "upload": upload}}), 400),
    ]
    for answer, status in cases:
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert list((home / "collections").iterdir()) == []
    assert [file for file in home.rglob("*.jpg") if file.is_file()] == []


def test_over_http_a_bomb_is_413_and_a_full_disk_507(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = client.post("/api/uploads").json()["upload"]
    uploads = client.app.state.server.uploads
    uploads.limits = UploadLimits(photo=5)
    assert client.put(f"/api/uploads/{upload}/photo", params={"path": "x.jpg"}, content=b"123456").status_code == 413
    uploads.limits = UploadLimits(reserve=2**62)
    answer = client.put(f"/api/uploads/{upload}/photo", params={"path": "x.jpg"}, content=b"1")
    assert answer.status_code == 507
    assert "Make room" in answer.json()["error"]


def test_files_of_an_upload_can_be_read_while_it_stays(temporary: TemporaryFolders) -> None:
    uploads = Uploads(temporary)
    id = uploads.start()
    asyncio.run(uploads.photo(id, "labels.csv", pieces(b"text"), length=None))
    with uploads.using(id) as folder:
        assert [file.name for file in folder.iterdir()] == ["labels.csv"]
        with pytest.raises(UploadError, match="the upload is not finished"):
            uploads.take(id)
    assert uploads.take(id) == folder
    with pytest.raises(NoSuchUpload), uploads.using(id):
        pass
