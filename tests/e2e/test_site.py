"""The site of the documentation in a browser: three widths, light and dark, search, nothing asked of the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.built_site import build_site
from tests.e2e.conftest import SCREENSHOTS

WIDTHS = [(1280, 800), (390, 844), (1920, 1080)]
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


def opened(browser: Browser, size: tuple[int, int], theme: str) -> tuple[Page, list[str]]:
    """A page of a width and theme, and a list that what it requests from the network is added to."""
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=theme).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: asked.append(message.text) if message.type == "error" else None)
    return page, asked


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS, ids=lambda size: str(size[0]))
def test_pages_fit_their_width_and_ask_nothing_of_the_network(
    browser: Browser, site: Path, size: tuple[int, int], theme: str
) -> None:
    page, asked = opened(browser, size, theme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        expect(page.locator("h1")).to_be_visible()
        assert page.locator("html").get_attribute("data-theme") == theme
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(STICK_OUT) == [], name
        page.screenshot(path=SCREENSHOTS / f"site-{name.replace('/', '-')}-{size[0]}-{theme}.png")
    assert [one for one in asked if not one.startswith(("file:", "data:"))] == []
    page.context.close()


def test_a_name_is_found_by_the_search(browser: Browser, site: Path) -> None:
    page, _ = opened(browser, WIDTHS[0], "light")
    page.goto((site / "search.html").as_uri() + "?q=tabular_learner")
    expect(page.locator("#search-results").get_by_role("link", name="tabular_learner").first).to_be_visible()
    page.context.close()
