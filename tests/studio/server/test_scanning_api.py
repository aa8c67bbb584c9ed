"""Photos that are added to the folder while the page is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handlens.errors import StorageError
from handlens.studio import collection


@pytest.fixture
def with_two_more(client: TestClient, shapes: str, home: Path, draw_photo, wait_until) -> str:
    """The address of the collection, with two more photos in its folder that were found."""
    assert client.get(shapes).json()["count"] == 40
    wait_until(lambda: client.get(shapes).json()["scanning"]["phase"] == "done")
    for i in range(2):
        draw_photo(
            home / "collections" / shapes.rsplit("/", 1)[1] / "photos" / f"new {i}.png", kind="circle", seed=70 + i
        )
    assert client.post(f"{shapes}/scan").status_code == 200
    wait_until(lambda: client.get(shapes).json()["found"] == 2)
    return shapes


def test_they_wait_until_they_are_wanted(
    client: TestClient, with_two_more: str, selection: Callable[..., str], wait_until
) -> None:
    at = with_two_more
    assert client.post(f"{at}/labels/assign", json={"selection": selection([3]), "name": "circle"}).status_code == 200
    before = client.get(f"{at}/photos/paths").text
    assert client.get(at).json()["count"] == 40
    added = client.post(f"{at}/found").json()
    assert (added["count"], added["found"]) == (42, 0)
    wait_until(lambda: client.get(at).json()["preparation"]["phase"] == "done")
    assert client.get(at).json()["preparation"]["done"] == 42
    assert client.get(f"{at}/photos/paths").text == f"{before}new 0.png\0new 1.png\0"
    answer = client.post(f"{at}/labels/assign", json={"selection": selection([41], 42), "name": "circle"})
    assert answer.json()["names"] == [{"name": "circle", "count": 2, "gestures": 2, "colour": 0}]
    assert client.post(f"{at}/found").json()["count"] == 42


def test_a_collection_that_cannot_be_read_again_stays_as_it_was(
    client: TestClient, with_two_more: str, selection: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise StorageError("the disk cannot be read.")

    at = with_two_more
    with monkeypatch.context() as patched:
        patched.setattr(collection, "Parts", refused)
        failed = client.post(f"{at}/found")
    assert (failed.status_code >= 400, failed.json()["error"]) == (True, "The disk cannot be read.")
    assert client.post(f"{at}/labels/assign", json={"selection": selection([3]), "name": "circle"}).status_code == 200
    assert (client.get(at).json()["count"], client.get(at).json()["found"]) == (40, 2)
    assert client.post(f"{at}/found").json()["count"] == 42
