"""More labels than keys: each can be given by its name, without the mouse."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Studio

COLOURS = ("red", "white", "yellow", "blue", "violet", "orange", "pink", "purple")
NAMES = [f"{colour} {flower}" for flower in ("rose", "tulip", "lily", "iris", "poppy") for colour in COLOURS]
PHOTOS = 60


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pictures."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos") / "flowers"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(PHOTOS):
        Image.fromarray(random.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, flowers: Path) -> Studio:
    """Studio on the pictures, with features learned on them."""
    return studio.on(flowers)


def api_of(page: Page) -> str:
    return page.url.replace("/c/", "/api/collections/")


def post(page: Page, path: str, body: dict) -> dict:
    answer = page.request.post(f"{api_of(page)}/{path}", data=body)
    assert answer.ok, answer.text()
    return answer.json()


def test_forty_labels_by_keys_alone(studio, page: Page, hand, shoot) -> None:
    page.goto(studio.collection_url)
    map_of = hand(page)
    map_of.wait_prepared()
    for i, name in enumerate(NAMES):
        mask = np.packbits(np.arange(PHOTOS) == i, bitorder="little").tobytes()
        post(page, "labels/assign", {"selection": base64.b64encode(mask).decode(), "name": name})
    drawn = post(page, "spot-check", {"n": 3})["waiting"]

    def label_of(photo: int) -> str | None:
        found = page.request.get(f"{api_of(page)}/labels").json()
        code = int(np.frombuffer(base64.b64decode(found["codes"]), "<i2")[photo])
        return None if code < 0 else found["names"][code]["name"]

    # On the map: the list of labels becomes shorter as one types, and Enter takes the first.
    panel = page.get_by_role("region", name="Labels")
    expect(map_of.label_button(NAMES[-1])).to_be_attached()
    map_of.box(map_of.crowds(1)[0])
    page.keyboard.press("g")
    field = panel.get_by_role("searchbox", name="Find a label")
    expect(field).to_be_focused()
    page.keyboard.type("pop")
    expect(panel.get_by_role("listitem")).to_have_count(len(COLOURS))
    page.keyboard.type("py")
    expect(panel.get_by_role("status").filter(has_text="Enter: red poppy")).to_be_visible()
    shoot(page, "01-map")
    page.keyboard.press("Enter")
    expect(map_of.selection).to_have_count(0)
    map_of.wait_saved()
    expect(panel.get_by_role("listitem")).to_have_count(len(NAMES))
    page.keyboard.press("Control+z")  # the field was left
    map_of.wait_saved()

    # In the check.
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Spot check")
    field = dialog.get_by_role("searchbox", name="Find a label")
    labels = dialog.get_by_role("group", name="Labels").get_by_role("button")

    def wait(place: int) -> None:
        expect(dialog).to_contain_text(f"{place} of 3")
        expect(dialog.locator(".check-photo")).to_have_attribute("aria-busy", "false")

    wait(1)
    for width, height, theme in ((1280, 800, "dark"), (390, 844, "light")):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        shoot(page, f"02-check-{width}")
        page.keyboard.press("/")
        page.keyboard.type("yellow p")
        expect(labels).to_have_count(1)
        expect(dialog).to_contain_text("Enter: yellow poppy")
        shoot(page, f"03-found-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("Escape")
        expect(labels).to_have_count(len(NAMES))
    page.keyboard.press("/")
    page.keyboard.type("yellow p")
    page.keyboard.press("Enter")
    wait(2)
    page.keyboard.press("/")
    page.keyboard.type("nothing like it")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("No label has this in its name.")
    wait(2)
    page.keyboard.press("Escape")
    page.keyboard.press("2")  # keys go on as before
    wait(3)
    page.keyboard.press("u")
    expect(dialog).to_contain_text("2 photos labelled; 1 unsure")
    assert [label_of(photo) for photo in drawn] == ["yellow poppy", NAMES[1], None]


def test_what_is_predicted_is_called_as_the_label_is_now(studio, page: Page, hand) -> None:
    page.goto(studio.collection_url)
    map_of = hand(page)
    map_of.wait_prepared()
    post(page, "labels/merge", {"names": NAMES[:20], "into": "one"})
    post(page, "labels/merge", {"names": NAMES[20:], "into": "other"})
    post(page, "train", {})
    page.mouse.dblclick(*map_of.photo())
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile("Predicted: (one|other), "))
    post(page, "labels/rename", {"name": "one", "to": "first"})
    post(page, "labels/rename", {"name": "other", "to": "second"})
    expect(dialog).to_contain_text(re.compile("Predicted: (first|second), "))


def test_long_names_in_any_script_do_not_lie_over_each_other(studio, new_page, hand, shoot) -> None:
    long = ["a" * 100, "word " * 19 + "words", "日本語の長い名前" * 12, "סוס שחור וגדול " * 6, "Z͑ͫ̓ͪ̂A̴L̠G " * 7]
    long = [name.strip() for name in long]
    for width, height in ((1280, 800), (390, 844)):
        page = new_page(viewport={"width": width, "height": height})
        page.goto(studio.collection_url)
        hand(page).wait_prepared()
        for i, name in enumerate([*long, *NAMES[len(long) : 12]]):
            mask = np.packbits(np.arange(PHOTOS) == i, bitorder="little").tobytes()
            post(page, "labels/assign", {"selection": base64.b64encode(mask).decode(), "name": name})
        page.reload()
        hand(page).wait_prepared()

        def sticks_out(what: str, page: Page = page) -> list[str]:
            """The texts that are larger than their boxes."""
            expect(page.locator(what).filter(has_text=long[1])).to_be_attached()
            return page.locator(what).evaluate_all(
                """all => all.filter(e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1)
                    .map(e => e.textContent)"""
            )

        page.keyboard.press("j")
        group, names = page.locator(".check.confirm"), page.locator(".check:not(.confirm) .check-labels")
        place = page.locator(".check-progress")
        expect(group.or_(names).first).to_be_visible()
        while group.count():  # of each group that is predicted one photo is wrong, which is named later
            before = place.inner_text()
            group.get_by_role("option").first.click()
            group.locator(".check-answers .filled").click()
            expect(place.filter(has_text=before)).to_have_count(0)
        expect(names).to_be_visible()
        assert sticks_out(".check-labels .button") == []
        shoot(page, f"02-long-names-{width}")
        page.keyboard.press("Escape")
        page.keyboard.press("i")
        page.keyboard.press("Enter")
        page.get_by_role("menuitem", name="Label", exact=True).click()
        assert sticks_out(".filter-editor .tick") == []
        shoot(page, f"03-long-names-{width}")
