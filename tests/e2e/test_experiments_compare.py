"""The page of experiments: combinations compared, parallel coordinates, and what is done to runs, by mouse and keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from handlens.experiments.store import RUNS, Place, Store
from tests.e2e.conftest import Studio, Watch
from tests.e2e.served_study import ERROR, LAYERS, serving
from tests.e2e.test_accessibility import AXE, violations
from tests.experiments.made_studies import combinations_of, make_study

RATES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
PAGE = "/experiments/lesson"
SIZES = {"wide": (1280, 800), "narrow": (390, 844), "large": (1920, 1080)}


def end(choices: dict, seed: int) -> float:
    """Better by about 0.1 with the larger layers; worse with each rate; seeds differ a little, not alike everywhere."""
    rate = RATES.index(choices["rate"])
    base = 0.5 - (0.1, 0.101, 0.099)[seed] * (choices["layers"] == LAYERS[1]) + 0.01 * rate
    return round(base + 0.002 * seed + 0.001 * ((rate + seed) % 3), 6)


def make(folder: Path) -> None:
    """14 combinations of three seeds; the last three runs failed, wait, and were pruned."""
    store = make_study(
        folder,
        combinations_of({"layers": LAYERS, "rate": RATES}),
        end,
        name="lesson",
        metric="exp_rmspe",
        epochs=4,
    )
    changes = {
        40: {"status": "failed", "value": None, "error": ERROR},
        41: {"status": "waiting", "value": None, "started": None, "ended": None, "seconds": 0.0},
        42: {"status": "pruned", "value": None},
    }
    with store.writing() as connection:
        for run, values in changes.items():
            connection.execute(sa.update(RUNS).where(RUNS.c.id == run).values(**values))


studio, folder = serving(make)


def test_combinations_are_compared_and_the_comparison_is_shared(
    studio: Studio, page: Page, new_page: Callable[..., Page]
) -> None:
    # Run 1 is of the first combination, run 4 of the second, run 22 of the first one with the larger layers.
    page.goto(f"{PAGE}/runs?selected=1,4,22")
    page.get_by_role("button", name="Compare").click()
    each = page.get_by_role("list", name="exp_rmspe of each").locator("> li")
    expect(each).to_have_count(3)
    expect(each.nth(0)).to_contain_text("Combination 0")
    expect(each.nth(2)).to_contain_text("Combination 7")
    # 0.1 less on average.
    expect(each.nth(2)).to_contain_text("−0.1")
    expect(each.nth(2)).to_contain_text("better")
    expect(page.get_by_role("list", name="Combination 7, difference by seed").get_by_role("listitem")).to_have_text(
        ["seed 0: −0.1", "seed 1: −0.101", "seed 2: −0.099"]
    )
    choices = page.get_by_role("region", name="Choices that differ")
    expect(choices.get_by_role("row", name=re.compile("^layers"))).to_contain_text("[1000, 500]")

    page.get_by_role("radio", name="Combination 7 is the baseline").check()
    expect(each.nth(0)).to_contain_text("+0.1")
    expect(each.nth(0)).to_contain_text("worse")
    page.wait_for_url("**against=7*")
    page.get_by_role("button", name="Leave out Combination 1").click()
    expect(each).to_have_count(2)
    page.wait_for_url(re.compile("selected=1,22(&|$)"))

    # Somebody else sees the same.
    other = new_page()
    other.goto(page.url)
    shared = other.get_by_role("list", name="exp_rmspe of each").locator("> li")
    expect(shared).to_have_count(2)
    expect(shared.nth(0)).to_contain_text("worse")
    expect(other.get_by_role("radio", name="Combination 7 is the baseline")).to_be_checked()

    page.get_by_role("button", name="Single runs").click()
    expect(each.nth(1)).to_contain_text("two single runs, whose seeds alone may explain it")


def test_curves_are_read_at_an_epoch_by_keys(studio: Studio, page: Page) -> None:
    page.goto(f"{PAGE}/compare?selected=1,22")
    epoch = page.get_by_role("slider", name=re.compile("^Epoch"))
    expect(epoch).to_have_value("4")
    legend = page.get_by_role("list", name="valid_loss after epoch 4")
    expect(legend.get_by_role("listitem")).to_have_count(2)
    epoch.press("ArrowLeft")
    expect(page.get_by_role("list", name="valid_loss after epoch 3")).to_be_visible()
    page.get_by_label("Number of the curves").select_option("train_loss")
    expect(page.get_by_role("list", name="train_loss after epoch 3")).to_be_visible()


def test_axes_are_marked_by_mouse(studio: Studio, page: Page) -> None:
    page.goto(f"{PAGE}/parallel")
    said = page.locator(".parallel-head p")
    expect(said).to_contain_text("All 42 runs")
    layers = page.get_by_role("group", name="layers", exact=True)
    layers.get_by_role("button", name="[1000, 500]").click()
    expect(said).to_contain_text("21 of 42 runs")
    page.wait_for_url("**where=*")
    # The lower half of the rates, on a scale of equal ratios: 0.001 to 0.008.
    grab = page.get_by_role("group", name="rate", exact=True).locator(".grab")
    box = grab.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] * 0.45)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] + 30, steps=5)
    page.mouse.up()
    expect(said).to_contain_text("12 of 42 runs")
    # The table shows the same runs.
    page.get_by_role("link", name="Runs").click()
    expect(page.locator(".run-id")).to_have_count(12)
    page.go_back()
    page.get_by_role("button", name="Select 12 runs").click()
    expect(page.get_by_text("12 runs selected")).to_be_visible()
    page.goto(f"{PAGE}/parallel")
    layers.get_by_role("button", name="[1000, 500]").click()
    page.get_by_role("button", name="Take all marks away").click()
    expect(said).to_contain_text("All 42 runs")


def test_axes_are_marked_and_moved_by_keys(studio: Studio, page: Page) -> None:
    page.goto(f"{PAGE}/parallel")
    said = page.locator(".parallel-head p")
    expect(said).to_contain_text("All 42 runs")
    least = page.get_by_role("slider", name="rate, at least")
    least.focus()
    for _ in range(4):
        page.keyboard.press("PageUp")
    page.keyboard.press("ArrowUp")
    # From 41 % of the axis: 0.008 is at 50 %, so four of seven rates are left.
    expect(said).to_contain_text("24 of 42 runs")
    expect(least).to_be_focused()
    page.keyboard.press("Delete")
    expect(said).to_contain_text("All 42 runs")

    name = page.get_by_role("button", name="rate", exact=True)
    name.focus()
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.get_by_role("status", name="Announcements")).to_contain_text("rate is axis 1 of 3")
    expect(name).to_be_focused()
    page.wait_for_url("**axis=rate*")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url("**scale=rate*")
    expect(name).to_be_focused()

    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("rowheader", name="[1000, 500]")).to_be_visible()


def test_marks_of_runs_can_be_taken_back(studio: Studio, folder: Path, page: Page) -> None:
    page.goto(f"{PAGE}/runs?selected=1,2")
    actions = page.get_by_role("group", name="2 runs", exact=True)
    expect(actions.get_by_role("button", name="Star", exact=True)).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_text("2 runs starred.", exact=True).last).to_be_visible()
    expect(actions.get_by_role("button", name="Take the star away")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(actions.get_by_role("button", name="Star", exact=True)).to_be_visible()

    page.keyboard.press("n")
    page.get_by_role("textbox", name="Note").fill("as in the lesson")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("2 runs noted.", exact=True).last).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("as in the lesson")
    page.keyboard.press("Escape")

    page.keyboard.press("h")
    expect(page.get_by_text("2 runs hidden.", exact=True).last).to_be_visible()
    expect(page.get_by_text("40 of 42 runs")).to_be_visible()


def test_runs_are_stopped_trained_again_and_deleted(studio: Studio, folder: Path, page: Page) -> None:
    page.goto(f"{PAGE}/runs?selected=40,41")
    actions = page.get_by_role("group", name="2 runs", exact=True)
    actions.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("1 run stopped.", exact=True).last).to_be_visible()
    # A finished run loses its result: that is asked before.
    page.goto(f"{PAGE}/runs?selected=1,40")
    actions.get_by_role("button", name="Train again").click()
    question = page.get_by_role("dialog", name="Train 2 runs again?")
    expect(question).to_contain_text("1 run of them ended with a result")
    question.get_by_role("button", name="Cancel").click()

    page.keyboard.press("Delete")
    question = page.get_by_role("dialog", name="Delete 2 runs?")
    expect(question).to_contain_text("This cannot be undone")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 runs deleted.", exact=True).last).to_be_visible()
    expect(page.locator(".run-id").first).to_have_text("2")


def test_what_goes_wrong_is_said(studio: Studio, folder: Path, page: Page, watch: Watch) -> None:
    page.goto(f"{PAGE}/runs")
    notices = page.get_by_role("region", name="Notices")
    expect(notices).to_contain_text("1 run failed. FloatingPointError: the loss is NaN")
    expect(notices).to_contain_text("1 run waits, and no process trains it")
    notices.get_by_role("button", name="Show failed").click()
    expect(page.locator(".run-id")).to_have_text(["40"])

    # A server that ends.
    page.route("**/api/events", lambda route: route.abort())
    page.goto(f"{PAGE}/runs")
    expect(notices).to_contain_text("The server does not answer")
    watch.forgive("ERR_FAILED")


def test_a_study_in_which_all_failed_has_every_view(studio: Studio, folder: Path, page: Page) -> None:
    with Store(Place.of(folder)).writing() as connection:
        values = {"status": "failed", "value": None, "numbers": "{}", "error": ERROR, "changed": time.time()}
        connection.execute(sa.update(RUNS).values(**values))
    page.goto(f"{PAGE}/parallel")
    expect(page.locator(".parallel-head p")).to_have_text("All 42 runs. None has a result so far.")
    page.get_by_role("link", name="Pivot").click()
    expect(page.get_by_role("table")).to_contain_text("0 runs + 3 failed")
    page.goto(f"{PAGE}/compare?selected=1,4")
    expect(page.get_by_role("list", name="exp_rmspe of each").locator("> li")).to_have_count(2)


def test_a_number_that_is_not_there_is_said(studio: Studio, page: Page, watch: Watch) -> None:
    page.goto(f"{PAGE}/parallel?value=none")
    expect(page.locator(".parallel-head p")).to_contain_text("exp_rmspe: best")
    page.get_by_role("link", name="Pivot").click()
    expect(page.get_by_role("alert").filter(has_text="none")).to_be_visible()
    watch.expect("400")


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: hatch_build.py npm ci")
@pytest.mark.parametrize("size", SIZES)
def test_every_screen_can_be_read_by_everybody(
    studio: Studio, browser: Browser, shoot: Callable[..., None], size: str
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=studio.url, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    page = context.new_page()
    found = []
    screens = {
        "compare": "compare?selected=1,4,22,40",
        "single runs": "compare?selected=1,4&by=runs",
        "nothing to compare": "compare",
        "parallel": "parallel",
        "marked": "parallel?where=rate<%3D0.008&where=layers%3D[[1000,500]]",
        "selected": "runs?selected=1,40",
        "note": "runs?selected=1,40",
    }
    for name, path in screens.items():
        page.goto(f"{PAGE}/{path}")
        expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")
        if name == "note":
            page.keyboard.press("n")
        if name == "compare":
            expect(page.get_by_text("better", exact=True).first).to_be_visible()
        shoot(page, f"{size}-{name}", themes=("dark", "light"))
        if size != "large":  # where there is more room, nothing else is there
            found += [f"{name}: {line}" for line in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than its window")
    context.close()
    assert found == []
