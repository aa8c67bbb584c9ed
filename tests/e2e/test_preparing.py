"""Preparing and what can go wrong meanwhile: no network, cancelling, and the plug pulled."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image
from playwright.sync_api import Page, expect

MANY = 1500
"""More than features are learned on, and than are prepared before a slow page says so."""


@pytest.fixture(scope="module")
def many_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos enough that preparing them can be cancelled halfway."""
    folder = tmp_path_factory.mktemp("many") / "tiles"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(MANY):
        tiles = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        tiles.resize((64, 48), Image.Resampling.NEAREST).save(folder / f"{i:04}.png")
    return folder


def test_a_network_that_cannot_be_had_is_said_and_the_rest_goes_on(
    studio, page: Page, hand, shoot, open_shapes
) -> None:
    open_shapes(page)
    hand(page).wait_prepared()
    page.get_by_role("button", name="Sources").click()
    dialog = page.get_by_role("dialog", name="Sources")
    dialog.get_by_role("button", name=re.compile("^Add MobileNetV2")).click()
    row = dialog.get_by_role("listitem").filter(has_text="mobilenetv2_100")
    expect(row).to_contain_text("failed")
    expect(dialog.get_by_role("listitem").filter(has_text="Learned on these photos")).to_contain_text("in use")
    shoot(page, "no-network")
    page.keyboard.press("Escape")
    notice = page.get_by_role("status").filter(has_text="mobilenetv2_100 cannot be used")
    expect(notice).to_be_visible()
    # What is in use instead goes on being in use.
    hand(page).wait_prepared()
    table = page.get_by_role("region", name="Light table")
    expect(table.get_by_role("columnheader", name="Learned on these photos")).to_be_visible()
    assert len(hand(page).photos()) == 20


def test_photographs_are_described_by_the_network_that_comes_with_handlens(
    studio, page: Page, hand, shoot, open_folder, tmp_path: Path
) -> None:
    folder = tmp_path / "portrait"
    folder.mkdir()
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = Image.open(file).convert("RGB")
    for i in range(9):
        left, top = 100 * (i % 3), 120 * (i // 3)
        portrait.crop((left, top, left + 200, top + 150)).save(folder / f"{i}.png")
    open_folder(page, folder)
    hand(page).wait_prepared()
    why = "so the network EfficientNet-Lite0 describes them"
    expect(page.get_by_role("status").filter(has_text=why)).to_be_visible()
    expect(page.get_by_role("columnheader", name="tf_efficientnet_lite0")).to_be_visible()
    shoot(page, "photographs")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text(why)).to_have_count(0)
    page.get_by_role("button", name="Sources").click()
    row = page.get_by_role("dialog", name="Sources").get_by_role("listitem").filter(has_text="tf_efficientnet_lite0")
    expect(row).to_contain_text(why)
    page.keyboard.press("Escape")
    # Its weights are here, so that it can be fine-tuned too.
    page.get_by_role("button", name="Fine-tune…").click()
    expect(page.get_by_role("group", name="Fine-tune")).to_contain_text("A copy of the network itself learns")


def test_without_the_network_wished_for_learned_features_are_used(
    studio, page: Page, hand, shoot, drawn_photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "wished"
    folder.mkdir()
    for picture in sorted(drawn_photos.glob("shape *.png"))[:9]:
        (folder / picture.name).write_bytes(picture.read_bytes())
    page.goto("/")
    page.get_by_role("textbox", name="Folder").fill(str(folder))
    page.get_by_role("checkbox", name="A pretrained network").check()
    expect(page.get_by_role("checkbox", name="Choose for me, no download")).not_to_be_checked()
    page.get_by_role("checkbox", name="MobileNetV2: small and quick").check()
    page.get_by_role("checkbox", name="EfficientNet-Lite0").uncheck()
    page.get_by_role("button", name="Create collection").click()
    page.wait_for_url(re.compile(r"/c/"))
    expect(page.get_by_text("features learned on these photos are in use instead")).to_be_visible()
    hand(page).wait_prepared()
    shoot(page, "instead")
    expect(page.get_by_role("columnheader", name="Learned on these photos")).to_be_visible()


def test_preparing_is_cancelled_and_resumed_and_says_what_it_does(
    studio, page: Page, hand, shoot, open_folder, many_photos: Path
) -> None:
    open_folder(page, many_photos)
    preparing = page.get_by_label("Preparing", exact=True)
    expect(preparing).to_contain_text(
        re.compile("Getting ready|Reading the first photos|Learning from the first 500 photos|Computing features")
    )
    # At once: a click would wait until the button stands still, and the photos may be done by then.
    preparing.get_by_role("button", name="Cancel").dispatch_event("click")
    expect(preparing).to_contain_text(
        re.compile(rf"Preparing stopped (before the first photos|at [\d,]+ of {MANY:,} photos)")
    )
    shoot(page, "stopped")
    preparing.get_by_role("button", name="Resume").click()
    expect(preparing).to_contain_text("Computing features: learned on these photos")
    expect(preparing).to_contain_text(f"of {MANY:,} photos")
    shoot(page, "preparing")
    hand(page).wait_prepared()
    page.get_by_label("How many photos to show").select_option("all")
    assert len(hand(page).photos()) > 0.9 * MANY


def test_labels_outlive_the_power(
    run_studio: Callable[..., object], browser, hand, drawn_photos: Path, prepared_shapes: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared_shapes, tmp_path / "home" / "collections" / "shapes")
    first = run_studio(drawn_photos, home=tmp_path / "home")
    page = browser.new_page()
    page.goto(first.collection_url)
    hand(page).wait_prepared()
    area = hand(page).crowds(1, at_least=1)[0]
    hand(page).box(area)
    hand(page).label("kept")
    first.kill()
    expect(page.get_by_role("alert").filter(has_text="Studio does not answer")).to_be_visible()
    page.close()

    again = run_studio(drawn_photos, home=first.home)
    page = browser.new_page()
    page.goto(again.collection_url)
    hand(page).wait_prepared()
    kept = f"kept, {len(area.ids)} photo" + ("s" if len(area.ids) > 1 else "")
    expect(hand(page).label_button("kept")).to_have_attribute("aria-label", kept)
    page.keyboard.press("Control+z")
    expect(hand(page).label_button("kept")).to_have_count(0)
    page.close()
