"""A study as one HTML file, in a real browser: sorted by mouse and keys, long tables, and text that must stay text."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from handlens.experiments import Study
from tests.e2e.test_accessibility import AXE
from tests.experiments.made_studies import combinations_of, make_study

NASTY = "</title><script>document.title = 'run'</script>\"'>{body}"


def opened(browser: Browser, file: Path, *, width: int = 1280, dark: bool = False) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme="dark" if dark else "light")
    page.on("request", lambda request: _refuse(request.url, file))
    page.goto(file.as_uri())
    return page


def _refuse(url: str, file: Path) -> None:
    assert url == file.as_uri(), "the file requests something"


def column(page: Page, name: str) -> list[str]:
    """What a column of the runs shows, from the top."""
    return page.evaluate(
        """(name) => {
          const names = [...document.querySelectorAll(".runs th")].map((one) => one.textContent);
          const rows = [...document.querySelectorAll(".runs tbody tr")].filter((row) => row.checkVisibility());
          return rows.map((row) => row.cells[names.indexOf(name)].textContent);
        }""",
        name,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    combinations = combinations_of({"kind": [NASTY, "b"], "x": [*range(84)]})
    make_study(folder / "many", combinations, lambda choices, seed: choices["x"] + seed / 4, epochs=2)
    Study(folder / "many", name="made").to_html(folder / "many.html")
    make_study(folder / "few", combinations[:3], lambda choices, seed: choices["x"] + seed / 4, name=NASTY)
    few = Study(folder / "few", name=NASTY)
    few.to_html(folder / "few.html", pivot=few.pivot("kind", "x"))
    return folder


def test_runs_are_sorted_by_mouse_and_keys_and_the_first_500_are_shown(browser: Browser, files: Path) -> None:
    page = opened(browser, files / "many.html")
    assert column(page, "run") == [str(run) for run in range(1, 501)]
    page.get_by_role("button", name="value").click()
    assert column(page, "value")[:4] == ["0", "0", "0.25", "0.25"]
    page.get_by_role("button", name="value").press("Enter")
    assert column(page, "value")[:3] == ["83.5", "83.5", "83.25"]
    expect(page.get_by_role("columnheader", name="value")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Show all 504 runs").click()
    assert len(column(page, "run")) == 504
    page.close()


def test_a_printed_page_has_all_runs(browser: Browser, files: Path) -> None:
    page = opened(browser, files / "many.html")
    page.emulate_media(media="print")
    assert len(column(page, "run")) == 504
    expect(page.get_by_text("Show all")).to_be_hidden()
    page.close()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_names_stay_text_and_everything_can_be_read(browser: Browser, files: Path, width: int, dark: bool) -> None:
    page = opened(browser, files / "few.html", width=width, dark=dark)
    assert page.title() == NASTY
    expect(page.get_by_role("heading", level=1)).to_have_text(NASTY)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run().then((found) => found.violations)")
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    page.close()
