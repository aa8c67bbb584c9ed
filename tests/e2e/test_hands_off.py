"""Labels kept in order, the page by keys alone, and the page that holds still."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Studio


@pytest.fixture(scope="module")
def studio(studio: Studio, prepared_shapes: Path) -> Studio:
    """Studio on the drawn photos, with features learned on them."""
    return studio.with_copy(prepared_shapes)


def label_all(page: Page, hand, *names: str) -> dict[str, int]:
    """Give each of the most crowded places of the map a label; how many photos each got."""
    areas = hand(page).crowds(len(names), side=60, at_least=1)
    for name, area in zip(names, areas, strict=True):
        hand(page).box(area)
        hand(page).label(name)
    return {name: len(area.ids) for name, area in zip(names, areas, strict=True)}


def counted(name: str, n: int) -> str:
    return f"{name}, {n} photo{'' if n == 1 else 's'}"


def test_labels_are_merged_and_deleted_and_each_undone(studio, page: Page, hand, shoot) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    n = label_all(page, hand, "one", "two", "three")
    labels = page.get_by_role("region", name="Labels")
    labels.get_by_label("Pick one").check()
    labels.get_by_label("Pick two").check()
    labels.get_by_role("button", name="Merge 2 labels…").click()
    page.get_by_label("Into one label called").fill("both")
    page.keyboard.press("Enter")
    expect(hand(page).label_button("both")).to_have_attribute("aria-label", counted("both", n["one"] + n["two"]))
    expect(hand(page).label_button("two")).to_have_count(0)
    hand(page).wait_saved()
    labels.get_by_role("button", name="Menu for three").click()
    shoot(page, "label-menu")
    page.get_by_role("menuitem", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete three?")
    expect(dialog).to_contain_text("will have no label again")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(hand(page).label_button("three")).to_have_count(0)
    hand(page).wait_saved()
    page.keyboard.press("Control+z")
    expect(hand(page).label_button("three")).to_have_attribute("aria-label", counted("three", n["three"]))
    hand(page).wait_saved()
    page.keyboard.press("Control+z")
    for name in ("one", "two"):
        expect(hand(page).label_button(name)).to_have_attribute("aria-label", counted(name, n[name]))
    expect(hand(page).label_button("both")).to_have_count(0)
    hand(page).wait_saved()
    for left in (2, 1, 0):
        page.keyboard.press("Control+z")
        expect(labels.get_by_role("button", name=re.compile("^Menu for"))).to_have_count(left)
        hand(page).wait_saved()


def test_everything_is_reached_by_tab_and_shows_the_focus(studio, page: Page, hand) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    # All that can be clicked, by its name, and what Tab comes by on its way round.
    wanted = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
            .filter(one => one.checkVisibility() && one.tabIndex >= 0)
            .map(one => one.ariaLabel ?? one.textContent)"""
    )
    assert len(wanted) > 25
    reached, unseen = [], []
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => {
                const one = document.activeElement
                return [one.ariaLabel ?? one.textContent, getComputedStyle(one).outlineStyle]
            }"""
        )
        reached.append(name)
        if outline == "none" and page.evaluate("document.activeElement !== document.body"):
            unseen.append(name)
    assert set(wanted) - set(reached) == set()
    assert unseen == []


def test_a_label_is_given_without_a_mouse(studio, page: Page, hand) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    where = page.get_by_role("group", name="Layer and projection")
    # The light table: arrow keys move from map to map, and Enter goes there.
    cell = page.get_by_role("button", name="coarse · where, PCA 3–4")
    cell.focus()
    page.keyboard.press("Enter")
    expect(where).to_contain_text("coarse · where")
    expect(where).to_contain_text("PCA 3–4")
    expect(cell).to_have_attribute("aria-current", "true")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(where).to_contain_text("medium · where")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(where).to_contain_text("PCA 1–2")
    # Elsewhere they change the layer and the projection.
    page.get_by_role("main", name="Map of photos").focus()
    page.keyboard.press("ArrowRight")
    expect(where).to_contain_text("coarse · where")
    page.keyboard.press("Control+a")
    expect(hand(page).selection).to_contain_text("20 selected")
    page.keyboard.press("r")
    grid = page.get_by_role("listbox", name=re.compile("^Photos"))
    expect(grid).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_role("region", name="Review")).to_contain_text("1 thrown out")
    page.keyboard.press("n")
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    expect(hand(page).label_button("by keys")).to_have_attribute("aria-label", "by keys, 19 photos")
    hand(page).wait_saved()
    page.keyboard.press("Control+z")
    expect(hand(page).label_button("by keys")).to_have_count(0)


def test_nothing_glides_for_whom_motion_is_too_much(studio, new_page: Callable[..., Page], hand) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    # Whether the map ever said that it moves, by its own flag.
    page.evaluate(
        """() => {
            const map = document.querySelector('.map-host').map
            window.moved = 0
            const was = map.events.moving
            map.events.moving = on => { window.moved += on; was(on) }
        }"""
    )
    for key in ("ArrowRight", "ArrowDown", "+", "0"):
        page.keyboard.press(key)
        hand(page).wait_still()
    assert page.evaluate("window.moved") == 0


def test_no_letter_of_a_new_label_is_lost_on_a_phone(studio, new_page: Callable[..., Page], hand) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    page.keyboard.press("Control+a")
    expect(hand(page).selection).to_contain_text("20 selected")
    # The key opens the sheet; the field has the focus before the next key can come.
    focused = page.evaluate(
        """async () => {
            document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'n', bubbles: true, cancelable: true }))
            for (let i = 0; i < 10; i++) await Promise.resolve()
            return document.activeElement.id
        }"""
    )
    assert focused == "new-label"

    # What is said leaves the button of the advice free.
    for name in ("front", "rear"):
        page.keyboard.press("Escape")
        page.keyboard.press("Control+a")
        page.keyboard.press("n")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        expect(hand(page).label_button(name)).to_be_visible()
    said = page.locator(".message").filter(has_text="20 photos changed from front to rear.")
    expect(said).to_be_visible()
    page.get_by_role("region", name="What next").get_by_role("button", name="Take away…").click()
    expect(page.get_by_role("dialog", name="Take away")).to_be_visible()
