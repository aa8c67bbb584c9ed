"""The steps as a person takes them, on the handwritten digits."""

from __future__ import annotations

import csv
import io
import re
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from handlens.studio.builtin import write_builtin

PHOTOS = 599


def take_away(page: Page) -> dict[str, bytes]:
    """Download everything that the dialog “Take away” offers."""
    files = {}
    for name in ("labels", "predictions", "photos in folders", "model"):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Download {name}").click()
        files[name] = Path(download.value.path()).read_bytes()
    return files


def read_csv(data: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(data.decode())))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every third of the built-in digits: all of them take three times as long to prepare."""
    folder = tmp_path_factory.mktemp("photos") / "digits"
    for name in [name for i, name in enumerate(write_builtin("digits", folder)) if i % 3]:
        (folder / name).unlink()
    return folder


def test_a_built_in_collection_is_made_on_the_home_page(studio, page: Page, shoot: Callable[..., None]) -> None:
    page.goto("/")
    page.get_by_text("A built-in collection").click()
    page.get_by_text("Handwritten digits").click()
    expect(page.get_by_role("checkbox", name="Choose for me, no download")).to_be_checked()
    expect(page.get_by_text("Learned on these photos, no download")).to_be_visible()
    expect(page.get_by_text("A pretrained network")).to_be_visible()
    shoot(page, "01-built-in")
    page.get_by_role("button", name="Create collection").click()
    page.wait_for_url(re.compile(r"/c/"))
    expect(page.get_by_role("heading", name="Handwritten digits")).to_contain_text("1,797 photos")
    # So many need not be prepared here.
    preparing = page.get_by_label("Preparing", exact=True)
    preparing.get_by_role("button", name="Cancel").click()
    expect(preparing).to_contain_text("Preparing stopped")


def test_the_steps(studio, new_page: Callable[..., Page], hand, shoot: Callable[..., None], digits: Path) -> None:
    page = new_page(reduced_motion="no-preference")  # as most people see it
    map_of = hand(page)

    # 1 Open: the home screen makes a collection of a folder.
    page.goto("/")
    page.get_by_role("textbox", name="Folder").fill(str(digits))
    expect(page.get_by_role("checkbox", name="Choose for me, no download")).to_be_checked()
    shoot(page, "01-open")
    page.get_by_role("button", name="Create collection").click()
    page.wait_for_url(re.compile(r"/c/"))

    # 2 Prepare: progress, then a map.
    map_of.wait_prepared()
    table = page.get_by_role("region", name="Light table")
    expect(table.get_by_role("button", name=re.compile("PCA 1–2")).first).to_be_visible()
    shoot(page, "02-prepared")

    # 3 Look: arrow keys flip through layers and projections; buttons do the same; a sample or all.
    where = page.get_by_role("group", name="Layer and projection")
    before = where.text_content() or ""
    page.keyboard.press("ArrowRight")
    expect(where).not_to_have_text(before)
    page.get_by_role("button", name="Previous layer").click()
    expect(where).to_have_text(before)
    page.keyboard.press("ArrowDown")
    expect(where).to_contain_text("PCA 3–4")
    assert len(map_of.photos()) <= 500
    page.get_by_label("How many photos to show").select_option("all")
    shoot(page, "03-all")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(where).to_contain_text("Neighbours")
    map_of.wait_still()
    page.keyboard.press("0")
    assert len(map_of.photos()) == PHOTOS
    shoot(page, "03-neighbours")

    # 4 Select: box, add with Shift, take away with Alt, lasso; it survives another projection.
    first, second, third, fourth, fifth = map_of.crowds(5, at_least=8)
    few = map_of.box(first)
    more = map_of.box(second, key="Shift", then=few + len(second.ids))
    map_of.box(second, key="Alt", then=more - len(second.ids))
    map_of.lasso(first)
    page.keyboard.press("ArrowUp")
    expect(where).to_contain_text("PCA 5–6")
    expect(map_of.selection).to_contain_text(f"{few} selected")
    page.keyboard.press("ArrowDown")
    map_of.wait_still()
    shoot(page, "04-selected")

    # 5 Review: odd ones first, throw one out by click and one by keys.
    page.keyboard.press("r")
    review = page.get_by_role("region", name="Review")
    grid = review.get_by_role("listbox", name=re.compile("^Photos"))
    review.get_by_label("Sort").select_option("odd-first")
    expect(grid).to_have_attribute("aria-busy", "false")
    grid.get_by_role("option").first.click()
    expect(review).to_contain_text("1 thrown out")
    grid.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(review).to_contain_text("2 thrown out")
    shoot(page, "05-review")

    # 6 Label: a new one from the grid, another from a box, a third by key; undo, redo, rename.
    review.get_by_label("New label for the kept photos").fill("one kind")
    page.keyboard.press("Enter")
    labels = page.get_by_role("region", name="Labels")
    expect(map_of.label_button("one kind")).to_have_attribute("aria-label", f"one kind, {few - 2} photos")
    expect(review).to_have_count(0)
    map_of.wait_saved()
    for name, area in (("other kind", second), ("third", third)):
        map_of.box(area)
        map_of.label(name)
        expect(map_of.label_button(name)).to_have_attribute("aria-label", f"{name}, {len(area.ids)} photos")
    map_of.box(fourth)
    page.keyboard.press("3")
    both = f"third, {len(third.ids) + len(fourth.ids)} photos"
    expect(map_of.label_button("third")).to_have_attribute("aria-label", both)
    map_of.wait_saved()
    page.keyboard.press("Control+z")
    expect(map_of.label_button("third")).to_have_attribute("aria-label", f"third, {len(third.ids)} photos")
    map_of.wait_saved()
    page.keyboard.press("Control+Shift+z")
    expect(map_of.label_button("third")).to_have_attribute("aria-label", both)
    labels.get_by_role("button", name="Menu for third").click()
    page.get_by_role("menuitem", name="Rename…").click()
    page.get_by_label("New name").fill("last kind")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(map_of.label_button("last kind")).to_be_visible()
    map_of.wait_saved()
    shoot(page, "06-labelled")

    # 7 Find similar: the answer opens in the grid.
    map_of.box(fifth)
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Most similar")).to_be_visible()
    expect(review).to_contain_text(f"{len(fifth.ids) + 48} kept")
    shoot(page, "07-similar")
    page.keyboard.press("Escape")
    expect(review).to_have_count(0)
    page.keyboard.press("Escape")
    expect(map_of.selection).to_have_count(0)

    # 8 Separate two labels: the best layer is searched for and the map goes there.
    labels.get_by_label("Pick one kind").check()
    labels.get_by_label("Pick other kind").check()
    page.get_by_role("button", name=re.compile("Separate")).click()
    expect(where).to_contain_text("Chosen labels apart")
    map_of.wait_still()
    shoot(page, "08-separate")

    # 9 Train: nothing is checked, so no number is called right; labels and confusion, and the check is next.
    page.keyboard.press("t")
    model = page.get_by_role("region", name="Model")
    expect(page.get_by_role("button", name="Check 30 random photos")).to_be_visible()
    expect(model).not_to_contain_text(re.compile(r"\d ?% right"))
    model.get_by_text("Which is taken for which").click()
    expect(model.get_by_role("table").last).to_contain_text("one kind")
    shoot(page, "09-trained")

    # 11 Vary opacity. (10 and 12, the spot check and finishing: test_trust.py.)
    page.keyboard.press("o")
    expect(map_of.map.get_by_label("How sure")).to_be_visible()
    expect(model).to_contain_text(re.compile(r"[\d,]+ of 599 faded"))
    shoot(page, "11-opacity")

    # 13 Take away.
    page.get_by_role("button", name="Take away").click()
    shoot(page, "13-take-away")
    files = take_away(page)
    rows = read_csv(files["predictions"])
    assert len(rows) == PHOTOS
    of_classes = [f"probability of {name}" for name in ("one kind", "other kind", "last kind")]
    assert list(rows[0]) == ["path", "label", "predicted", "probability", *of_classes, "reason"]
    labelled = read_csv(files["labels"])
    assert len(labelled) == few - 2 + len(second.ids) + len(third.ids) + len(fourth.ids)
    gestures = {("one kind", "lasso"), ("other kind", "box"), ("last kind", "box")}
    assert {(row["label"], row["gesture"]) for row in labelled} == gestures
    with zipfile.ZipFile(io.BytesIO(files["photos in folders"])) as folders:
        assert len([name for name in folders.namelist() if name.endswith(".png")]) == len(labelled)
    with zipfile.ZipFile(io.BytesIO(files["model"])) as model_zip:
        assert {name.rsplit("/", 1)[-1] for name in model_zip.namelist()} >= {"model.json", "tensors.safetensors"}
    page.keyboard.press("Escape")

    # 14 Help, and the list of keys.
    page.get_by_role("button", name="Help").click()
    expect(page.get_by_role("dialog", name="Help")).to_contain_text("Find similar")
    shoot(page, "14-help")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    help = page.get_by_role("dialog", name="Help")
    help.get_by_role("button", name="Keys").click()
    expect(help).to_contain_text("Next layer")
    shoot(page, "14-keys")
    page.keyboard.press("Escape")

    # It reopens where it was.
    map_of.wait_still()
    seen = where.text_content() or ""
    page.goto("/")
    page.get_by_role("link", name=re.compile("^digits")).click()
    expect(where).to_have_text(seen)
    expect(map_of.label_button("last kind")).to_have_attribute("aria-label", both.replace("third", "last kind"))


def test_two_tabs_stay_consistent_and_a_phone_fits(
    studio, new_page: Callable[..., Page], hand, shoot, open_shapes
) -> None:
    wide = new_page()
    open_shapes(wide)
    hand(wide).wait_prepared()
    phone = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    phone.goto(wide.url)
    hand(phone).wait_prepared()
    shoot(phone, "phone-map")
    hand(wide).box(hand(wide).crowds(1)[0])
    hand(wide).label("seen in both")
    hand(phone).tab("Labels").click()
    expect(hand(phone).label_button("seen in both")).to_be_visible()
    shoot(phone, "phone-labels")
    # No sideways scrolling on a phone.
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_left_out_is_listed_with_its_reason(studio, page: Page, hand, shoot, open_shapes) -> None:
    open_shapes(page)
    hand(page).wait_prepared()
    page.get_by_role("button", name="Left out: 2").click()
    dialog = page.get_by_role("dialog", name="Left out")
    expect(dialog).to_contain_text("notes.txt")
    expect(dialog).to_contain_text("broken.jpg")
    shoot(page, "left-out")


def test_a_wrong_path_is_said_plainly(studio, page: Page, watch, shoot: Callable[..., None]) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Folder").fill("/no/such/folder")
    page.get_by_role("button", name="Create collection").click()
    expect(page.get_by_role("alert")).to_contain_text("/no/such/folder")
    shoot(page, "wrong-path")
    watch.expect("4\\d\\d")


def test_the_interface_is_described(studio) -> None:
    with urllib.request.urlopen(f"{studio.url}/api/docs") as answer:
        page = answer.read().decode()
    assert "http://" not in re.sub(r"http://(127\.0\.0\.1|www\.w3\.org)", "", page)
    with urllib.request.urlopen(f"{studio.url}/api/openapi.json") as answer:
        assert b"/api/collections" in answer.read()
