"""The site of the documentation in a browser: three widths, light and dark, search, nothing asked of the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.built_site import build_site

SIZES = {"light": [("wide", 1280, 800), ("large", 1920, 1080)], "dark": [("narrow", 390, 844)]}
"""Where things are does not depend on the theme: each size is looked at in one of them."""
PAGES = [
    *("index", "install", "label-a-folder", "experiments", "gallery", "lesson", "regularization"),
    *("api/handlens.studio.collection.Collection", "project/http"),
]


@pytest.fixture(scope="module")
def site() -> Path:
    return build_site(again=False)  # the unit tests have built all of it, if they ran before


# What is wider than the window, except in code, tables and outputs, which can be scrolled.
STICK_OUT = """[...document.querySelectorAll('.bd-article *')]
    .filter(part => part.getBoundingClientRect().right > innerWidth + 1 && !part.closest('pre, table, .output'))
    .map(part => part.textContent.slice(0, 50))"""


def opened(browser: Browser, theme: str) -> tuple[Page, list[str]]:
    """A page of a theme, in its first size, and a list that what it requests from the network is added to."""
    _, width, height = SIZES[theme][0]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text) if message.type == "error" else None)
    return page, asked


@pytest.mark.parametrize("theme", SIZES)
def test_pages_fit_their_width_and_ask_nothing_of_the_network(
    browser: Browser, site: Path, theme: str, shoot: Callable[..., None]
) -> None:
    page, asked = opened(browser, theme)
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        expect(page.locator("h1")).to_be_visible()
        assert page.locator("html").get_attribute("data-theme") == theme
        for size, width, height in SIZES[theme]:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, size)
            assert page.evaluate(STICK_OUT) == [], (name, size)
            shoot(page, f"{name.replace('/', '-')}-{size}-{theme}")
    assert [one for one in asked if not one.startswith(("file:", "data:"))] == []
    page.close()


def test_a_name_is_found_by_the_search(browser: Browser, site: Path) -> None:
    page, _ = opened(browser, "light")
    page.goto((site / "search.html").as_uri() + "?q=tabular_learner")
    expect(page.locator("#search-results").get_by_role("link", name="tabular_learner").first).to_be_visible()
    page.close()
