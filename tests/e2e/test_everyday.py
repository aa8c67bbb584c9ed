"""What happens while somebody works: names that are alike, labels that change, a refresh, a server that is away."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Studio


@pytest.fixture(scope="module")
def studio(run_studio: Callable[..., Studio]) -> Iterator[Studio]:
    """A Studio of this module's own, which ends it."""
    studio = run_studio()
    yield studio
    studio.stop()


@pytest.fixture
def shapes(page: Page, hand, open_shapes) -> Page:
    """The page of a collection of twenty prepared photos."""
    open_shapes(page)
    hand(page).wait_prepared()
    return page


def test_names_that_are_alike_and_labels_that_change(shapes: Page, hand, shoot) -> None:
    page, map_of = shapes, hand(shapes)
    first, second = map_of.crowds(2)
    few, more = map_of.box(first), len(second.ids)
    map_of.label("Cat")

    # A refresh keeps what is selected, and how.
    map_of.box(second)
    page.reload()
    expect(map_of.selection).to_contain_text(f"{more} selected")

    # "cat" is asked about; Escape changes nothing, Enter uses the label there is.
    question = page.get_by_role("dialog", name="Cat or cat?")
    field = page.get_by_label("New label", exact=True)
    for key, count in (("Escape", few), ("Enter", few + more)):
        field.fill("cat")
        page.keyboard.press("Enter")
        expect(question).to_be_visible()
        expect(question.get_by_role("button", name="Use Cat")).to_be_focused()
        shoot(page, "01-alike")
        page.keyboard.press(key)
        expect(question).to_have_count(0)
        expect(map_of.label_button("Cat")).to_have_attribute("aria-label", f"Cat, {count} photos")
    expect(map_of.selection).to_have_count(0)
    map_of.wait_saved()

    # Photos that have another label say so, and can have it back.
    map_of.box(second)
    map_of.label("dog")
    said = page.locator(".message").filter(has_text=f"{more} photos changed from Cat to dog.")
    expect(said).to_be_visible()
    shoot(page, "02-changed")
    said.get_by_role("button", name="Undo").click()
    expect(map_of.label_button("Cat")).to_have_attribute("aria-label", f"Cat, {few + more} photos")
    expect(map_of.label_button("dog")).to_have_count(0)
    map_of.wait_saved()

    # Renaming to the name of another label offers to merge.
    map_of.box(second)
    map_of.label("dog")
    page.get_by_role("button", name="Menu for dog").click()
    page.get_by_role("menuitem", name="Rename…").click()
    page.get_by_label("New name").fill("Cat")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("button", name="Merge with Cat").click()
    expect(map_of.label_button("Cat")).to_have_attribute("aria-label", f"Cat, {few + more} photos")
    expect(map_of.label_button("dog")).to_have_count(0)


def test_the_folder_of_the_photos_goes_and_is_located(
    page: Page, hand, open_folder, drawn_photos: Path, tmp_path: Path, watch, shoot
) -> None:
    photos = shutil.copytree(drawn_photos, tmp_path / "photos")
    open_folder(page, photos)
    map_of = hand(page)
    map_of.wait_prepared()
    photos.rename(tmp_path / "my photos")
    gone = page.get_by_role("alert").filter(has_text=f"The folder {photos} is gone (unplugged?)")
    expect(gone).to_be_visible()
    shoot(page, "03-gone")

    # Labels go on, and small copies are shown.
    area = map_of.crowds(1)[0]
    map_of.box(area)
    map_of.label("front")
    page.mouse.dblclick(*map_of.photo())
    large = page.get_by_role("dialog")
    expect(large).to_contain_text("The file cannot be read now")
    assert large.locator("img.whole").evaluate("image => image.naturalWidth") > 0
    page.keyboard.press("Escape")
    watch.expect("404.*/view")

    # It is looked for again, and in another place; after a reload, and from the home page.
    gone.get_by_role("button", name="Try again").click()
    expect(page.locator(".message").filter(has_text="still not there")).to_be_visible()
    gone.get_by_role("button", name="Locate folder…").click()
    dialog = page.get_by_role("dialog", name="Locate the folder")
    dialog.get_by_role("textbox", name="Folder").fill(str(tmp_path))
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("are not there, such as")
    shoot(page, "04-locate")
    watch.expect("400.*/images")
    dialog.get_by_role("textbox", name="Folder").fill(f"'{tmp_path / 'my photos'}' ")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(gone).to_have_count(0)
    page.mouse.dblclick(*map_of.photo())
    expect(large.locator("img.whole")).to_have_attribute("src", re.compile("/view$"))
    watch.forgive("404.*/view")  # of the photos beside the large one, which were asked for beforehand


def test_a_collection_whose_folder_is_gone_is_located_before_it_opens(
    page: Page, hand, open_folder, drawn_photos: Path, tmp_path: Path, studio, run_studio, watch, shoot
) -> None:
    photos = shutil.copytree(drawn_photos, tmp_path / "photos")
    open_folder(page, photos)
    hand(page).wait_prepared()
    address = page.url
    page.goto("about:blank")
    studio.stop()
    photos.rename(tmp_path / "moved")
    studio.process = run_studio("--port", studio.url.rsplit(":", 1)[1], home=studio.home).process
    page.goto("/")
    expect(page.get_by_role("listitem").filter(has_text="photos").first).to_contain_text("This folder is gone")
    shoot(page, "05-home")
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text(f"{photos}, is gone; the labels are safe.")
    shoot(page, "06-closed")
    page.get_by_role("button", name="Locate folder…").click()
    page.get_by_role("textbox", name="Folder").fill((tmp_path / "moved").as_uri())
    page.keyboard.press("Enter")
    expect(page.get_by_role("main", name="Map of photos")).to_be_visible()
    watch.expect("410")


def test_nothing_is_lost_while_the_server_is_away(shapes: Page, hand, studio, run_studio, watch) -> None:
    page, map_of = shapes, hand(shapes)
    area = map_of.crowds(1)[0]
    n = map_of.box(area)
    map_of.label("front")
    map_of.box(area)

    studio.kill()
    page.keyboard.press("n")
    page.keyboard.type("rear")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not saved: Studio does not answer")).to_be_visible()
    expect(page.locator(".saved")).to_have_text("Not saved")
    expect(map_of.selection).to_contain_text(f"{n} selected")
    expect(map_of.label_button("front")).to_have_attribute("aria-label", f"front, {n} photos")
    expect(map_of.label_button("rear")).to_have_count(0)
    expect(page.get_by_role("alert").filter(has_text=re.compile("Labels are saved only while it is"))).to_be_visible()

    studio.process = run_studio("--port", studio.url.rsplit(":", 1)[1], home=studio.home).process
    expect(page.get_by_role("alert").filter(has_text=re.compile("Labels are saved only"))).to_have_count(0)
    page.get_by_role("region", name="Messages").get_by_role("button", name="Try again").click()
    expect(map_of.label_button("rear")).to_have_attribute("aria-label", f"rear, {n} photos")
    map_of.wait_saved()
    watch.expect("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY|ERR_CONNECTION_RESET")


def test_a_tab_that_was_left_open_over_night_catches_up(shapes: Page, hand, watch) -> None:
    page, map_of = shapes, hand(shapes)
    api = page.url.replace("/c/", "/api/collections/")
    page.route("**/events*", lambda _route: None)  # from here on a stream is open, and silent
    page.evaluate("dispatchEvent(new Event('online'))")

    def label(name: str) -> None:
        answer = page.request.post(f"{api}/labels/assign", data={"selection": "AQAA", "name": name})
        assert answer.ok, answer.text()

    label("first")
    page.wait_for_timeout(1000)
    expect(map_of.label_button("first")).to_have_count(0)
    page.unroute("**/events*")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")  # as if it was hidden
    expect(map_of.label_button("first")).to_be_visible()

    page.context.set_offline(True)
    label("second")
    page.context.set_offline(False)
    expect(map_of.label_button("second")).to_be_visible()
    expect(page.get_by_text("Studio does not answer")).to_have_count(0)
    watch.forgive("ERR_INTERNET_DISCONNECTED")


def test_a_file_that_is_dropped_beside_its_place_does_not_leave_the_page(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("button", name="Create collection")).to_be_visible()
    prevented = page.evaluate(
        """() => ['dragover', 'drop'].map(kind => ['Files', 'text'].map(what => {
            const dataTransfer = new DataTransfer()
            if (what === 'Files') dataTransfer.items.add(new File(['x'], 'photo.png'))
            else dataTransfer.setData('text/plain', 'cat')
            return !document.body.dispatchEvent(
                new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }))
        }))"""
    )
    assert prevented == [[True, False], [True, False]]  # text may still be dropped into a field
