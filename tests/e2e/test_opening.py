"""Ways in and out of the first page: dropped folders and zips, and forgetting a collection."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect


def drop(page: Page, path: Path) -> None:
    """Drop a file or folder of this machine onto the page, as from its file manager."""
    page.get_by_text("Drop or choose files").click()
    target = page.get_by_text("Drop a folder, photos or a zip here")
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "data": {"items": [], "files": [str(path)], "dragOperationsMask": 1},
            },
        )


@pytest.fixture
def pictures(drawn_photos: Path) -> list[Path]:
    return sorted(drawn_photos.glob("shape *.png"))


def test_a_dropped_folder_becomes_a_collection(
    studio, page: Page, hand, shoot: Callable[..., None], drawn_photos: Path, pictures: list[Path]
) -> None:
    page.goto("/")
    drop(page, drawn_photos)
    expect(page.get_by_text("22 files")).to_be_visible()
    shoot(page, "dropped-folder")
    page.get_by_role("button", name="Create collection").click()
    page.wait_for_url(re.compile(r"/c/"))
    hand(page).wait_prepared()
    expect(page.get_by_role("heading", name="shapes")).to_contain_text("20 photos")
    assert set(hand(page).photos()) == set(range(20))
    # The person's own files are as they were; what is on the map are copies.
    assert len(pictures) == 20


def test_a_dropped_zip_becomes_a_collection(studio, page: Page, pictures: list[Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as out:
        for picture in pictures[:9]:
            out.write(picture, f"inside/{picture.name}")
    page.goto("/")
    drop(page, tmp_path / "holiday.zip")
    expect(page.get_by_text("1 file,")).to_be_visible()
    page.get_by_role("button", name="Create collection").click()
    page.wait_for_url(re.compile(r"/c/"))
    expect(page.get_by_role("heading", name="holiday")).to_contain_text("9 photos")


def test_a_folder_can_be_chosen(studio, page: Page, pictures: list[Path], tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    (chosen / "deeper").mkdir(parents=True)
    for picture in pictures[:9]:
        (chosen / "deeper" / picture.name).write_bytes(picture.read_bytes())
    page.goto("/")
    page.get_by_text("Drop or choose files").click()
    page.get_by_label("Choose a folder").set_input_files(chosen)
    expect(page.get_by_text("9 files")).to_be_visible()
    page.get_by_role("button", name="Create collection").click()
    page.wait_for_url(re.compile(r"/c/"))
    expect(page.get_by_role("heading", name="chosen")).to_contain_text("9 photos")


def test_copying_photos_shows_how_far_it_is_and_can_be_stopped(
    studio, page: Page, watch, shoot: Callable[..., None], tmp_path: Path
) -> None:
    now = {"id": "film-1", "name": "film", "files": 0, "total": 1, "photos": 312, "left_out": 2, "share": 0.4}
    copying = [now | {"seconds_left": 75.0}]
    posted: list[Route] = []

    def stop(route: Route) -> None:
        if route.request.method == "DELETE":
            copying.clear()
            route.fulfill(status=204)
            posted[0].fulfill(status=409, json={"error": "Copying photos was cancelled; what was copied stays."})

    page.route("**/api/copying", lambda route: route.fulfill(json=copying if posted else []))
    page.route("**/api/copying/film-1", stop)
    page.route("**/api/collections", lambda route: posted.append(route))
    page.goto("/")
    page.get_by_placeholder("/home/me/photos").fill(str(tmp_path / "film.mp4"))
    page.get_by_role("button", name="Create collection").click()
    expect(page.get_by_text("0 of 1 file · 312 photos · 2 left out · 1 min 15 s left")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Copying photos of film")).to_have_attribute("value", "0.4")
    shoot(page, "copying-photos")
    page.get_by_role("button", name="Stop copying film").click()
    expect(page.get_by_role("alert")).to_contain_text("Copying photos was cancelled")
    expect(page.get_by_text("0 of 1 file")).to_have_count(0)
    watch.expect("409.*/api/collections")


def test_a_collection_is_forgotten_and_its_photos_stay(
    studio, new_page: Callable[..., Page], watch, hand, shoot, open_folder, pictures: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "of mine"
    folder.mkdir()
    for picture in pictures[:9]:
        (folder / picture.name).write_bytes(picture.read_bytes())
    left_open, page = new_page(), new_page()
    id = open_folder(left_open, folder)
    hand(left_open).wait_prepared()
    hand(left_open).box(hand(left_open).crowds(1, at_least=1)[0])
    hand(left_open).label("mine")

    page.goto("/")
    card = page.get_by_role("listitem").filter(has_text="of mine")
    expect(card).to_contain_text(re.compile(r"[1-9] labelled"))
    card.get_by_role("button", name="Forget of mine").click()
    dialog = page.get_by_role("dialog", name="Forget of mine?")
    expect(dialog).to_contain_text("stay untouched")
    expect(dialog).to_contain_text(str(folder))
    shoot(page, "forget")
    dialog.get_by_role("button", name="Cancel").click()
    expect(card).to_be_visible()
    card.get_by_role("button", name="Forget of mine").click()
    dialog.get_by_role("button", name="Forget", exact=True).click()
    expect(card).to_have_count(0)
    assert len(list(folder.iterdir())) == 9
    assert not (studio.home / "collections" / id).exists()
    # A tab that was open on it says so, instead of waiting for ever.
    expect(left_open.get_by_role("alert")).to_contain_text("There is no collection")
    watch.expect(f"4\\d\\d.*{id}")


def test_a_damaged_collection_says_its_fault_and_can_be_forgotten(studio, page: Page, shoot) -> None:
    bad = studio.home / "collections" / "bad-0000000000"
    bad.mkdir(parents=True)
    (bad / "collection.json").write_text('{"name": 1e999}')
    page.goto("/")
    card = page.get_by_role("listitem").filter(has_text="bad-0000000000")
    fault = card.get_by_text("cannot be read (numbers must be finite; 1e999 arrived). Restore it from a backup.")
    expect(fault).to_be_visible()
    assert fault.evaluate("e => e.scrollWidth <= e.clientWidth")  # all of it can be read
    expect(card).not_to_contain_text("labelled")
    shoot(page, "damaged-collection")
    card.get_by_role("button", name="Forget bad-0000000000").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget", exact=True).click()
    expect(card).to_have_count(0)
    assert not bad.exists()
