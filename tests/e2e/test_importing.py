"""Labels on the page: imported from a dropped file, kept aside as truth, and exported for another program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Studio

ROWS = [
    "photo,site,animal",
    *(f"shape {i}.png,north,cat" for i in range(10)),
    *(f"shape {i}.png,south,dog" for i in range(10, 16)),
    "shape 16.png,north,cat",
    "shape 16.png,north,dog",
    "gone.png,south,dog",
]


@pytest.fixture(scope="module")
def studio(studio: Studio, prepared_shapes: Path) -> Studio:
    """Studio on the drawn photos, with features learned on them."""
    return studio.with_copy(prepared_shapes)


def drop(page: Page, name: str, text: str) -> None:
    """Drop a file in the middle of the page."""
    transfer = page.evaluate_handle(
        """([name, text]) => {
            const transfer = new DataTransfer()
            transfer.items.add(new File([text], name))
            return transfer
        }""",
        [name, text],
    )
    for event in ("dragover", "drop"):
        page.dispatch_event("#app", event, {"dataTransfer": transfer})


def test_labels_come_in_and_go_out(studio, page: Page, hand, shoot, watch) -> None:
    # On the first page, a file with labels says where it goes.
    page.goto("/")
    expect(page.get_by_role("heading", name="New collection")).to_be_visible()
    drop(page, "labels.csv", "\n".join(ROWS))
    messages = page.get_by_role("region", name="Messages")
    expect(messages).to_contain_text("labels.csv looks like labels, not like photos. Open the collection")

    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    # A photo has no labels; what holds none changes nothing.
    drop(page, "new.png", "")
    expect(messages).to_contain_text("new.png is a photo, which says nothing about labels.")
    drop(page, "labels.csv", "who,what\nme,you\n")
    dialog = page.get_by_role("dialog", name="Import labels")
    expect(dialog.get_by_role("alert")).to_contain_text("must name photos of this collection")
    watch.expect("400 .*/import/plan")

    drop(page, "labels.csv", "\n".join(ROWS))
    counts = dialog.get_by_role("table", name="What importing would do").get_by_role("row")
    expect(counts).to_have_text(["17photos without a label until now", "1place in the file not used"])
    expect(dialog.get_by_role("combobox", name="Label column")).to_have_value("site")
    expect(dialog).to_contain_text("2 labels would be new: north (11), south (6)")
    dialog.get_by_role("combobox", name="Label column").select_option("animal")
    expect(dialog).to_contain_text("2 labels would be new: cat (10), dog (6)")
    expect(counts).to_have_text(
        [
            "16photos without a label until now",
            "1photo with several labels in the file, left out",
            "1place in the file not used",
        ]
    )
    reasons = dialog.get_by_role("region", name="Reasons").get_by_role("row")
    expect(reasons).to_have_text(
        [
            "PlacePhotoLabelReason",
            "line 18, line 19shape 16.pngcat, doghas several labels in the file, so none is used",
            "line 20gone.pngdogno photo has this name",
        ]
    )
    shoot(page, "01-plan")

    # Labels may change meanwhile: what is shown is counted again.
    api = page.url.replace("/c/", "/api/collections/")
    mask = "AQAA"  # photo 0
    assert page.request.post(f"{api}/labels/assign", data={"selection": mask, "name": "bird"}).ok
    expect(dialog).to_contain_text("Labels have changed in the meantime, so this was counted again.")
    expect(counts.nth(1)).to_have_text("1photo that has another label, which stays")
    dialog.get_by_role("checkbox", name="Replace the labels of the 1 photo").check()
    dialog.get_by_role("button", name="Import 16 labels").click()
    expect(dialog).to_have_count(0)
    expect(messages).to_contain_text("16 labels imported from labels.csv; left out: 1 photo with several labels and")
    label = hand(page).label_button
    expect(label("cat")).to_have_attribute("aria-label", "cat, 10 photos")
    messages.get_by_role("button", name="Undo").click()
    expect(label("cat")).to_have_count(0)
    expect(label("bird")).to_have_attribute("aria-label", "bird, 1 photo")
    page.keyboard.press("Control+Shift+z")
    expect(label("cat")).to_have_attribute("aria-label", "cat, 10 photos")

    # As truth, no photo gets a label.
    page.keyboard.press("m")
    file = {"name": "truth.csv", "mimeType": "text/csv", "buffer": "\n".join(ROWS).encode()}
    dialog.locator("input[type=file]").first.set_input_files(file)
    expect(dialog).to_contain_text("photos that have")
    dialog.get_by_role("combobox", name="Label column").select_option("animal")
    dialog.get_by_role("radio", name="Keep them aside as truth").check()
    dialog.get_by_role("button", name="Keep 16 labels aside").click()
    aside = page.get_by_role("region", name="Labels kept aside")
    expect(aside).to_contain_text("16 labels from truth.csv")
    expect(aside).to_contain_text("There is no model yet")
    page.keyboard.press("t")
    expect(aside).to_contain_text("Left out: 16 that the model may have learned from.")
    shoot(page, "02-truth")
    aside.get_by_role("button", name="Remove…").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(aside).to_have_count(0)

    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download labels as COCO").click()
    expect(page.get_by_role("dialog", name="Take away")).to_contain_text("16 labels written.")
    found = json.loads(Path(download.value.path()).read_text())
    names = {image["id"]: image["file_name"] for image in found["images"]}
    assert [category["name"] for category in found["categories"]] == ["cat", "dog"]
    kinds = {category["id"]: category["name"] for category in found["categories"]}
    given = {names[one["image_id"]]: kinds[one["category_id"]] for one in found["annotations"]}
    assert given == {f"shape {i}.png": "cat" if i < 10 else "dog" for i in range(16)}
