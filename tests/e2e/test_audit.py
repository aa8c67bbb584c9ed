"""Checking a model in Studio: the split report, the datasheet's form and the review queue."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Request, Route, expect

from handlens.studio.collection import Collection
from tests.e2e.conftest import Studio

WRONG = {"circle 4.png": "square", "square 4.png": "circle"}
"""Labels that are wrong, so that the model is not sure of everything."""
SLOW = 15_000
"""So often a test looks, every 20 ms, for what the page asks of the server."""


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of twenty circles and twenty squares, ten labelled photos, two of them wrong, and a model."""
    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(20):
        for kind in ("circle", "square"):
            picture = Image.fromarray(random.integers(90, 170, (48, 64, 3), dtype=np.uint8))
            x, y, r = (int(v) for v in random.integers([4, 4, 14], [30, 20, 24]))
            pen = ImageDraw.Draw(picture)
            if kind == "circle":
                pen.ellipse((x, y, x + r, y + r), fill=(200, 40, 40))
            else:
                pen.rectangle((x, y, x + r, y + r), fill=(30, 60, 220))
            picture.save(folder / f"{kind} {i}.png")
    with Collection.create(tmp_path_factory.mktemp("prepared") / "shapes", images=folder, backbone=None) as made:
        made.prepare()
        # One by one: photos that are labelled together are held out together.
        for i, path in enumerate(made.paths):
            shape, number = re.match(r"(\w+) (\d+)", path).groups()
            if int(number) < 5:
                made.label([i], WRONG.get(path, shape))
        made.train()
    return made.folder


@pytest.fixture
def trained(studio: Studio, page: Page, hand, labelled: Path) -> Page:
    """The page of a collection of the test's own, with ten labelled photos, two of them wrong, and a model."""
    page.goto(studio.with_copy(labelled).collection_url)
    hand(page).wait_prepared()
    expect(page.get_by_role("button", name="Check 30 random photos")).to_be_visible()
    return page


def check(page: Page, what: str):
    """Open one of the dialogs for checking."""
    page.get_by_role("group", name="Audit").get_by_role("button", name=what).click()
    return page.get_by_role("dialog")


def cameras(folder: Path) -> Path:
    """A CSV of two columns for all photos but two, and a row of no photo."""
    lines = [
        f"{kind} {i}.png,{'old' if i < 3 else 'new'},{'north' if i % 2 else 'south'}"
        for kind in ("circle", "square")
        for i in range(19)
    ]
    file = folder / "cameras.csv"
    file.write_text("\n".join(["photo,camera,site", *lines, "nobody.png,old,north"]))
    return file


def test_the_report_is_split_by_a_csv(trained: Page, watch, shoot, tmp_path: Path) -> None:
    page = trained
    dialog = check(page, "Split by")
    expect(dialog).to_contain_text("one column names the photos")
    shoot(page, "split-empty")

    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    dialog.get_by_label("CSV file").set_input_files(bad)
    expect(dialog.get_by_role("alert")).to_contain_text("must name photos of this collection")
    watch.expect("400.*attributes")

    good = cameras(tmp_path)
    dialog.get_by_label("CSV file").set_input_files(good)
    expect(dialog).to_contain_text(
        "38 photos have a row, found by “photo”. 1 row could not be used. 2 photos have no row."
    )
    table = dialog.get_by_role("region", name="Right by group")
    expect(table.get_by_role("rowheader", name=re.compile("^old"))).to_be_visible()
    expect(table.get_by_role("row", name=re.compile("^new"))).to_contain_text("4")
    expect(table.get_by_text("worst", exact=True)).to_have_count(1)
    expect(table.get_by_text("small", exact=True)).to_have_count(3)  # both groups and all ten photos
    expect(dialog.get_by_role("list", name="Findings")).to_contain_text("by camera: worst for")
    dialog.get_by_label("site").check()
    expect(table.get_by_role("rowheader", name="camera × site")).to_be_visible()
    dialog.get_by_text("Rows that could not be used").click()
    expect(dialog).to_contain_text("Line 40: nobody.png no photo has this name")
    shoot(page, "split")
    page.keyboard.press("Escape")

    # It is there again after a reload, and can be removed.
    page.reload()
    dialog = check(page, "Split by")
    expect(dialog).to_contain_text("cameras.csv")
    dialog.get_by_role("button", name="Remove it").click()
    expect(dialog.get_by_role("button", name="Attach a CSV…")).to_be_visible()


def test_the_datasheet_is_saved_as_it_is_typed(trained: Page, shoot) -> None:
    page = trained
    dialog = check(page, "Datasheet")
    expect(dialog).to_contain_text(re.compile(r"(\d+) of \1 questions not answered"))
    computed = dialog.get_by_role("region", name="Computed")
    expect(computed).to_have_attribute("aria-busy", "false")
    expect(computed.get_by_role("row", name="pictures 40")).to_be_visible()
    total = int(re.search(r"of (\d+) questions", dialog.text_content() or "").group(1))
    shoot(page, "datasheet")

    dialog.get_by_label("For which purpose were these data collected").fill("To tell circles from squares.")
    expect(dialog).to_contain_text(f"{total - 1} of {total} questions not answered")
    expect(dialog.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    page.reload()
    dialog = check(page, "Datasheet")
    field = dialog.get_by_label("For which purpose were these data collected")
    expect(field).to_have_value("To tell circles from squares.")
    expect(dialog).to_contain_text(f"{total - 1} of {total} questions not answered")
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download the datasheet").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "To tell circles from squares." in text
    assert "| pictures | 40 |" in text


def test_a_person_decides_by_keys_and_the_log_is_taken_away(trained: Page, hand, shoot) -> None:
    page = trained
    labelled = page.get_by_role("region", name="Labels").locator(".count")
    before = labelled.text_content() or ""

    # Somebody contests a photo that the model may be sure of.
    page.get_by_label("How many photos to show").select_option("all")
    at = hand(page).photo()
    page.mouse.dblclick(*at)
    page.get_by_role("button", name="Contest…").click()
    contest = page.get_by_role("dialog", name=re.compile("^Contest"))
    contest.get_by_label("What is wrong").fill("That is my ring.")
    contest.get_by_label("Your name").fill("Bob")
    shoot(page, "contest")
    contest.get_by_role("button", name="Send to the queue").click()
    expect(contest).to_have_count(0)

    dialog = check(page, "Review queue")
    dialog.get_by_label(re.compile("^Predictions less sure")).fill("0.99")
    dialog.get_by_label("Your name").fill("Ann")
    shoot(page, "queue-start")
    page.keyboard.press("Enter")
    case = dialog.locator(".case")
    expect(case).to_be_focused()
    place = dialog.locator(".queue-head b")
    expect(place).to_have_text(re.compile(r"1 of \d+"))
    of = int((place.text_content() or "").removeprefix("1 of "))
    assert of >= 3
    expect(case).to_contain_text("contested by Bob: That is my ring.")
    alike = case.get_by_role("region", name="Labelled photos most like it")
    expect(alike.get_by_role("img")).to_have_count(6)
    shoot(page, "queue")

    # The contested one requires a reason, and then it is overruled by a new label.
    page.keyboard.press("Enter")
    expect(case.get_by_role("alert")).to_contain_text("Give a reason")
    case.get_by_label("Another label").fill("ring")
    case.get_by_label("Reason").fill("it is hollow")
    page.keyboard.press("Enter")
    expect(place).to_have_text(f"2 of {of}")
    expect(case).to_be_focused()

    # The next is confirmed by a key; back, it is taken back, and confirmed again.
    page.keyboard.press("Enter")
    expect(place).to_have_text(f"3 of {of}")
    expect(case).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text(f"2 of {of}")
    expect(case).to_contain_text("by Ann")
    case.get_by_role("button", name="Take it back").click()
    expect(dialog).to_contain_text("1 decided")
    case.get_by_role("button", name=re.compile("^Confirm ")).click()
    expect(place).to_have_text(f"3 of {of}")
    expect(dialog).to_contain_text("2 decided")

    # The third is overruled by the key of the other label.
    predicted = re.search(r"Predicted (circle|square)", case.text_content() or "").group(1)
    names = [name for name in ("circle", "square", "ring") if name != predicted]
    expect(case).to_be_focused()
    page.keyboard.press("1" if names[0] == "circle" else "2")
    expect(case).to_be_focused()  # nobody contests it, so no reason is asked for
    expect(case.get_by_label("Reason, if you like")).to_be_empty()
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("3 decided")
    shoot(page, "queue-later")
    page.keyboard.press("Escape")

    # They are labels now, as any others.
    expect(hand(page).label_button("ring")).to_have_attribute("aria-label", "ring, 1 photo")
    expect(labelled).not_to_have_text(before)
    page.keyboard.press("Control+z")
    expect(labelled).to_be_visible()
    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download review log").click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        kinds = [entry["kind"] for entry in csv.DictReader(file)]
    assert kinds.count("overruled") == 2
    assert (kinds.count("confirmed"), kinds.count("undone"), kinds.count("contested")) == (2, 1, 1)


def test_from_a_slow_server_the_photo_on_the_screen_comes_first(trained: Page) -> None:
    page = trained
    held: dict[int, Route] = {}
    given_up: list[int] = []

    def photo_of(request: Request) -> int:
        return int(request.url.split("/")[-2])

    def hold(route: Route) -> None:
        held[photo_of(route.request)] = route

    page.route("**/photos/*/view", hold)
    page.on("requestfailed", lambda request: given_up.append(photo_of(request)))
    dialog = check(page, "Review queue")
    dialog.get_by_label(re.compile("^Predictions less sure")).fill("0.99")
    dialog.get_by_label("Your name").fill("Ann")
    with page.expect_request("**/photos/*/view") as first:
        page.keyboard.press("Enter")
    place = dialog.locator(".queue-head b")
    expect(place).to_have_text(re.compile(r"1 of \d+"))
    of = int((place.text_content() or "").removeprefix("1 of "))
    assert of >= 5
    photo = dialog.locator(".looked-at .whole")
    seen = []
    for step in range(1, 6):
        expect(place).to_have_text(f"{step} of {of}")
        seen.append(int((photo.get_attribute("src") or "").split("/")[-2].split("?")[0]))
        expect(photo).to_have_attribute("src", re.compile("/thumb"))
        if step < 5:
            page.keyboard.press("ArrowRight")
    assert photo_of(first.value) == seen[0]
    # None of the large photos has come. The one on the screen is asked for, those left behind are not any more.
    for _ in range(SLOW):
        if seen[4] in held and seen[0] in given_up:
            break
        page.wait_for_timeout(20)
    assert seen[0] in given_up
    held[seen[4]].continue_()
    expect(photo).to_have_attribute("src", re.compile(f"/photos/{seen[4]}/view"))


def test_the_dialogs_in_the_dark_and_on_a_phone(
    new_page: Callable[..., Page], trained: Page, shoot, tmp_path: Path
) -> None:
    for width, height, scheme in ((1280, 800, "dark"), (390, 844, "dark"), (390, 844, "light")):
        page = new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(trained.url)
        if width < 760:
            page.get_by_role("button", name=re.compile("^Labels")).click()
        for what in ("Split by", "Datasheet", "Review queue"):
            dialog = check(page, what)
            expect(dialog.get_by_text(re.compile("^(Loading|Reading)"))).to_have_count(0)
            name = what.lower().replace(" ", "-")
            if what == "Split by":
                if scheme == "dark" and width == 1280:  # and it is there on the other pages
                    dialog.get_by_label("CSV file").set_input_files(cameras(tmp_path))
                expect(dialog.get_by_role("rowheader", name=re.compile("^old"))).to_be_visible()
            if what == "Review queue":
                dialog.get_by_label(re.compile("^Predictions less sure")).fill("0.99")
                dialog.get_by_label("Your name").fill("Ann")
                dialog.get_by_role("button", name="Begin").click()
                expect(
                    dialog.get_by_role("region", name="Labelled photos most like it").get_by_role("img")
                ).to_have_count(6)
            # Nothing sticks out sideways.
            assert dialog.evaluate("box => box.scrollWidth <= box.clientWidth")
            shoot(page, f"{name}-{scheme}-{width}")
            page.keyboard.press("Escape")
