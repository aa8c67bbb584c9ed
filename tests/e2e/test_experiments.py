"""The page of experiments: a study with known outcomes, read with the mouse, with keys alone, and while it runs."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, expect

from handlens.experiments.store import EPOCHS, RUNS, Place, Store, written
from handlens.experiments.training.owners import machine
from tests.e2e.conftest import Studio, Watch, start_server
from tests.e2e.served_study import ERROR, LAYERS, serving
from tests.e2e.test_accessibility import AXE, SIZES, violations
from tests.experiments.made_studies import combinations_of, make_study

PS = (0.0, 0.5)
# Of the seeds 0, 1 and 2. Against the first: the second is better and worse by the same, the third is better by 0.1
# with every seed, and the fourth worse.
ENDS = {
    (200, 0.0): (0.50, 0.51, 0.52),
    (200, 0.5): (0.53, 0.48, 0.52),
    (1000, 0.0): (0.40, 0.411, 0.419),
    (1000, 0.5): (0.60, 0.611, 0.62),
}


def make(folder: Path) -> None:
    """Twelve runs that ended, of which the last is then said to have failed."""
    store = make_study(
        folder,
        combinations_of({"layers": LAYERS, "ps": PS}),
        lambda choices, seed: ENDS[choices["layers"][0], choices["ps"]][seed],
        name="lesson",
        metric="exp_rmspe",
        epochs=4,
    )
    with store.writing() as connection:
        connection.execute(sa.update(RUNS).where(RUNS.c.id == 12).values(status="failed", value=None, error=ERROR))
    store.place.run_folder(7).mkdir(parents=True)
    (store.place.run_folder(7) / "log.txt").write_text("epoch 1\nepoch 2\n", encoding="utf-8")


studio, folder = serving(make)


def expect_ids(page: Page, ids: Iterable[int]) -> None:
    """Wait until the table shows these runs, from above."""
    expect(page.get_by_role("grid", name="Runs").locator(".run-id")).to_have_text([str(id) for id in ids])


def cell(page: Page, words: str) -> Locator:
    """A cell of the pivot, by what its name begins with."""
    return page.get_by_role("table").get_by_role("button", name=re.compile(f"^{re.escape(words)}:"))


def test_a_person_with_a_mouse_finds_what_works(studio: Studio, page: Page) -> None:
    page.goto("/")
    page.wait_for_url("**/experiments")
    expect(page).to_have_title("Experiments – handlens")
    card = page.get_by_role("link", name="lesson")
    expect(card).to_contain_text("exp_rmspe, smaller is better")
    expect(card).to_contain_text("11 finished")
    expect(card).to_contain_text("1 failed")
    card.click()

    page.wait_for_url("**/experiments/lesson/runs")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid).to_have_attribute("aria-rowcount", "13")
    expect_ids(page, range(1, 13))
    row = grid.get_by_role("row", name=re.compile("^Select run 12"))
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("[1000, 500]")

    # Sorted by the metric: up, down, and as recorded; runs without it last.
    head = grid.get_by_role("columnheader", name="exp_rmspe")
    for sorting, order in [
        ("ascending", [7, 8, 9, 5, 1, 2, 3, 6, 4, 10, 11, 12]),
        ("descending", [11, 10, 4, 3, 6, 2, 1, 5, 9, 8, 7, 12]),
    ]:
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", sorting)
        expect_ids(page, order)
    head.get_by_role("button").click()
    expect(head).not_to_have_attribute("aria-sort", re.compile("."))
    expect_ids(page, range(1, 13))

    # A filter, which Back takes away and a copied address keeps.
    page.get_by_role("button", name="Condition").click()
    page.get_by_role("menuitem", name="layers").click()
    page.get_by_role("checkbox", name="[1000, 500]").check()
    page.get_by_role("button", name="Apply").click()
    line = page.get_by_role("region", name="Filter")
    expect(line).to_contain_text("6 of 12 runs")
    expect_ids(page, [7, 8, 9, 10, 11, 12])
    copied = page.url
    page.go_back()
    expect(line).to_contain_text("All 12 runs")
    page.goto(copied)
    expect(line).to_contain_text("6 of 12 runs")
    expect(line).to_contain_text("layers is [1000, 500]")

    # Columns are hidden.
    expect(grid.get_by_role("columnheader", name="ps")).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("dialog").get_by_role("checkbox", name="ps").uncheck()
    page.get_by_role("button", name="Done").click()
    expect(grid.get_by_role("columnheader", name="ps")).to_have_count(0)

    # A run: its number, its curves, its choices and its log; then the one that failed.
    grid.get_by_role("row", name=re.compile("^Select run 7")).get_by_text("finished").click()
    run = page.get_by_role("complementary", name="Run 7")
    expect(run).to_contain_text("exp_rmspe: 0.4")
    expect(run.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"valid_loss from .* to 0\.4 over 4 epochs")
    )
    expect(run.get_by_role("region", name="Log")).to_contain_text("epoch 2")
    expect(run).to_contain_text("layers[1000, 500]")
    for _ in range(5):
        page.get_by_role("button", name="Next run").click()
    failed = page.get_by_role("complementary", name="Run 12")
    expect(failed.get_by_role("region", name="Error")).to_contain_text("FloatingPointError: the loss is NaN")
    page.wait_for_url("**run=12")
    page.get_by_role("button", name="Close the run").click()
    expect(failed).to_have_count(0)


def test_a_pivot_says_what_chance_could_explain(studio: Studio, page: Page) -> None:
    page.goto("/experiments/lesson/pivot")
    table = page.get_by_role("table", name="mean of exp_rmspe by layers, ps")
    expect(cell(page, "layers [200, 100], ps 0")).to_contain_text("0.5100")
    expect(cell(page, "layers [1000, 500], ps 0")).to_contain_text("0.4100")
    part = cell(page, "layers [1000, 500], ps 0.5")
    expect(part).to_contain_text("0.6055")
    expect(part).to_contain_text("2 runs + 1 failed")
    expect(part).to_have_accessible_name(re.compile("valid_loss from .* to .* in 4 epochs"))
    expect(table.get_by_role("rowheader", name="[200, 100]")).to_be_visible()
    expect(table.get_by_role("columnheader", name="ps 0.5")).to_be_visible()
    page.wait_for_function(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 1",
        arg=part.locator("canvas").element_handle(),
    )

    # A baseline, chosen by its cell.
    first = cell(page, "layers [200, 100], ps 0")
    first.hover()
    page.get_by_role("button", name="Compare the others with layers [200, 100], ps 0", exact=True).click()
    expect(first).to_contain_text("baseline")
    expect(cell(page, "layers [1000, 500], ps 0")).to_contain_text("better than the baseline")
    expect(cell(page, "layers [1000, 500], ps 0")).to_contain_text("−0.1000")
    expect(cell(page, "layers [200, 100], ps 0.5")).to_contain_text("chance could explain it")
    expect(page.get_by_text("Compared with layers [200, 100], ps 0")).to_be_visible()
    copied = page.url

    # A name is dragged from the columns to the rows, and another number to its place.
    rows = page.get_by_role("group", name="Rows")
    page.get_by_role("group", name="Columns").get_by_text("ps").drag_to(rows)
    expect(page.get_by_role("table", name="mean of exp_rmspe by layers, ps").get_by_role("row")).to_have_count(5)
    expect(rows).to_contain_text("ps")
    expect(cell(page, "layers [1000, 500], ps 0")).to_contain_text("better than the baseline")
    page.locator(".pivot-unused").get_by_text("epochs").drag_to(page.get_by_role("group", name="Number"))
    expect(cell(page, "layers [200, 100], ps 0")).to_contain_text("4")

    # Another person with the address sees the same, and the runs of a cell are a press away.
    page.goto(copied)
    expect(cell(page, "layers [1000, 500], ps 0")).to_contain_text("better than the baseline")
    cell(page, "layers [1000, 500], ps 0").click()
    page.wait_for_url("**/experiments/lesson/runs?**")
    expect(page.get_by_role("region", name="Filter")).to_contain_text("3 of 12 runs")
    expect_ids(page, [7, 8, 9])
    page.go_back()
    expect(cell(page, "layers [200, 100], ps 0.5")).to_contain_text("chance could explain it")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until something has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(60):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_person_with_keys_alone_does_the_same(studio: Studio, page: Page) -> None:
    page.goto("/experiments")
    tab_to(page, page.get_by_role("link", name="lesson"))
    press(page, "Enter")
    grid = page.get_by_role("grid", name="Runs")
    tab_to(page, grid)
    expect(grid).to_have_attribute("aria-activedescendant", "run-row-1")
    press(page, "ArrowDown", "Space", "Shift+ArrowDown")
    expect(page.get_by_role("group", name="Selected runs")).to_contain_text("2 runs selected")
    page.wait_for_url("**selected=2,3")
    press(page, "Enter")
    expect(page.get_by_role("complementary", name="Run 3")).to_contain_text("exp_rmspe: 0.52")
    press(page, "]")
    expect(page.get_by_role("complementary", name="Run 4")).to_contain_text("exp_rmspe: 0.53")
    press(page, "Escape")
    expect(page.get_by_role("complementary")).to_have_count(0)
    press(page, "Escape")
    expect(page.get_by_role("group", name="Selected runs")).not_to_contain_text("selected")

    press(page, "i")
    expect(page.get_by_role("menu", name="Add a condition")).to_be_visible()
    for _ in range(40):
        if page.evaluate("document.activeElement.textContent") == "ps":
            break
        press(page, "ArrowDown")
    press(page, "Enter")
    tab_to(page, page.get_by_role("textbox", name="at least"))
    page.keyboard.type("0.5")
    press(page, "Enter")
    expect(page.get_by_role("region", name="Filter")).to_contain_text("6 of 12 runs")
    tab_to(page, page.get_by_role("button", name="Clear filter"))
    press(page, "Enter")

    press(page, "?")
    expect(page.get_by_role("dialog", name="Help")).to_contain_text("In the table: select the run")
    press(page, "Escape", "p")
    page.wait_for_url("**/pivot**")
    better = cell(page, "layers [1000, 500], ps 0")
    tab_to(page, cell(page, "layers [200, 100], ps 0"))
    press(page, "ArrowDown")
    expect(better).to_be_focused()
    press(page, "ArrowUp", "b")
    expect(better).to_contain_text("better than the baseline")
    # The choice goes to the rows by its menu.
    tab_to(page, page.get_by_role("group", name="Columns").get_by_role("button", name="ps"))
    press(page, "Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(5)
    expect(page.get_by_role("status", name="Announcements")).to_contain_text("ps is in the rows")
    tab_to(page, cell(page, "layers [200, 100], ps 0"))
    press(page, "ArrowDown", "ArrowDown")
    expect(better).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_role("region", name="Filter")).to_contain_text("3 of 12 runs")


def test_runs_appear_as_they_come_in(studio: Studio, folder: Path, page: Page) -> None:
    page.goto("/experiments/lesson/runs")
    grid = page.get_by_role("grid", name="Runs")
    expect(grid).to_have_attribute("aria-rowcount", "13")
    store = Store(Place.of(folder))
    [like] = store.rows(sa.select(RUNS).where(RUNS.c.id == 1))
    owner = f"{machine()}:{os.getpid()}:test"
    now = {"id": 13, "seed": 3, "status": "running", "value": None, "epochs": 1, "changed": time.time(), "owner": owner}
    with store.writing() as connection:
        connection.execute(RUNS.insert().values(like | now))
        connection.execute(EPOCHS.insert().values(run=13, epoch=1, seconds=1.0, numbers=written({"valid_loss": 0.9})))
    expect(grid).to_have_attribute("aria-rowcount", "14")
    row = grid.get_by_role("row", name=re.compile("^Select run 13"))
    expect(row).to_contain_text("running")
    expect(page.get_by_role("banner")).to_contain_text("1 running")
    row.get_by_text("running").click()
    run = page.get_by_role("complementary", name="Run 13")
    expect(run.get_by_role("img")).to_have_attribute("aria-label", re.compile("over 1 epochs"))
    with store.writing() as connection:
        ended = {"status": "finished", "value": 0.25, "epochs": 2, "changed": time.time()}
        connection.execute(sa.update(RUNS).where(RUNS.c.id == 13).values(**ended))
        connection.execute(EPOCHS.insert().values(run=13, epoch=2, seconds=1.0, numbers=written({"valid_loss": 0.25})))
    expect(row).to_contain_text("finished")
    expect(run).to_contain_text("exp_rmspe: 0.25")
    expect(run.get_by_role("img")).to_have_attribute("aria-label", re.compile("to 0.25 over 2 epochs"))
    # Its process ends in the middle of another one.
    with store.writing() as connection:
        cut_off = {"id": 14, "seed": 4, "status": "running", "value": None, "epochs": 1, "changed": time.time()}
        connection.execute(RUNS.insert().values(like | cut_off))
    expect(page.get_by_role("region", name="Notices")).to_contain_text("1 run was cut off when the process ended")
    expect(page.get_by_role("banner")).not_to_contain_text("running")
    cut_off = grid.get_by_role("row", name=re.compile("^Select run 14"))
    expect(cut_off).to_contain_text("cut off")
    cut_off.get_by_role("checkbox").click()
    actions = page.get_by_role("group", name="Run 14", exact=True)
    expect(actions.get_by_role("button", name="Delete…")).not_to_have_attribute("aria-disabled", "true")
    actions.get_by_role("button", name="Train again").click()
    expect(cut_off).to_contain_text("waiting")


def test_what_is_not_there_is_said(studio: Studio, page: Page, watch: Watch, tmp_path: Path, browser: Browser) -> None:
    page.goto("/experiments/none/runs")
    expect(page.get_by_role("alert")).to_contain_text("There is no study “none”")
    watch.expect("404")
    page.get_by_role("button", name="All studies").click()
    expect(page.get_by_role("link", name="lesson")).to_be_visible()

    (tmp_path / "home" / "new").mkdir(parents=True)
    server = start_server("handlens experiments", tmp_path / "home", "experiments", tmp_path / "home" / "new")
    try:
        context = browser.new_context(base_url=server.url)
        empty = context.new_page()
        empty.goto("/experiments")
        expect(empty.get_by_text("There is no study in")).to_be_visible()
        expect(empty.get_by_text("study.run(train, n=20, repeats=3)")).to_be_visible()
        expect(empty.get_by_text("python script.py")).to_be_visible()
        assert violations(empty) == []
        make(tmp_path / "home" / "new")
        expect(empty.get_by_role("link", name="lesson")).to_be_visible()
        context.close()
    finally:
        server.stop()


SCREENS = {
    "studies": "/experiments",
    "runs": "/experiments/lesson/runs?selected=2,3",
    "run": "/experiments/lesson/runs?run=12",
    "pivot": "/experiments/lesson/pivot?row=layers&column=ps"
    "&baseline=%7B%22layers%22%3A%5B200%2C100%5D%2C%22ps%22%3A0%7D",
    "compare": "/experiments/lesson/compare?selected=1,4,7",
    "parallel": "/experiments/lesson/parallel",
}


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: hatch_build.py npm ci")
@pytest.mark.parametrize("size", [*SIZES, "large"])
def test_every_screen_can_be_read(
    studio: Studio, new_page: Callable[..., Page], shoot: Callable[..., None], size: str
) -> None:
    width, height = {**SIZES, "large": (1920, 1080)}[size]
    page = new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    found = []
    for name, path in SCREENS.items():
        page.goto(path)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        expect(page.get_by_text(re.compile("^(Loading|Summing)"))).to_have_count(0)
        if size in SIZES:  # where there is more room, nothing else is there
            found += [f"{name}: {line}" for line in violations(page)]
        if page.evaluate("document.scrollingElement.scrollWidth > innerWidth"):
            found.append(f"{name}: the page is wider than its window")
        shoot(page, f"{size}-{name}", themes=("dark", "light"))
    for key, dialog in (("?", "Help"), ("o", "Columns")) if size in SIZES else ():
        page.goto(SCREENS["runs"])
        expect(page.get_by_role("grid", name="Runs")).to_be_visible()
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
        found += [f"{dialog}: {line}" for line in violations(page)]
        shoot(page, f"{size}-{dialog}")
    assert not found, "\n".join(found)
