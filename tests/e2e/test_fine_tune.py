"""Fine-tuning beside labelling: choose, cancel, come to an end, go back, and see what the model looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Studio


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve circles at the left and twelve squares at the right."""
    import numpy as np
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(12):
        for kind in ("circle", "square"):
            picture = Image.fromarray(random.integers(90, 170, (144, 192, 3), dtype=np.uint8))
            pen = ImageDraw.Draw(picture)
            if kind == "circle":
                pen.ellipse((10 + i, 20, 70 + i, 80), fill=(210, 50, 40))
            else:
                pen.rectangle((110, 40 + i, 170, 100 + i), fill=(40, 70, 220))
            picture.save(folder / f"{kind} {i}.png")
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Studio on the shapes, by a tiny network whose weights are drawn at random."""
    import timm
    import torch
    from safetensors.torch import save_file

    weights = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), weights)
    return studio.on(shapes, network="test_resnet", weights=weights)


def asked(page: Page, method: str, path: str, body: object = None) -> dict:
    """The answer of the page's own server to a request about this collection."""
    return page.evaluate(
        """async ([method, path, body]) => {
            const answer = await fetch(location.pathname.replace('/c/', '/api/collections/') + path, {
                method, headers: { 'Content-Type': 'application/json' },
                body: body === null ? undefined : JSON.stringify(body),
            })
            return await answer.json()
        }""",
        [method, path, body],
    )


def label(page: Page, kind: str, count: int) -> None:
    """Label the first photos of a kind."""
    api = page.url.replace("/c/", "/api/collections/")
    paths = page.request.get(f"{api}/photos/paths").text().split("\0")[:-1]
    ids = [id for id, path in enumerate(paths) if path.startswith(kind)][:count]
    bits = sum(1 << id for id in ids)
    selection = page.evaluate("bytes => btoa(String.fromCharCode(...bytes))", list(bits.to_bytes(3, "little")))
    asked(page, "POST", "/labels/assign", {"selection": selection, "name": kind})


def use(model: Locator) -> None:
    """Choose a model, which is in use when the server says so."""
    model.click()
    expect(model).to_be_checked()


def test_fine_tuning_beside_labelling(studio, page: Page, new_page: Callable[..., Page], watch, hand, shoot) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    model = page.get_by_role("region", name="Model")
    for kind in ("circle", "square"):
        label(page, kind, 6)
    expect(hand(page).label_button("square")).to_have_attribute("aria-label", "square, 6 photos")
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Check 12 random photos")).to_be_visible()

    # What the quick model looked at, for either label.
    page.keyboard.press("Control+a")
    page.keyboard.press("r")
    page.get_by_role("listbox").press("Enter")
    photo = page.get_by_role("dialog", name="circle 0.png")
    photo.get_by_role("checkbox", name="What it looked at").check()
    expect(photo.get_by_alt_text("Places that speak for circle")).to_be_visible()
    shoot(page, "01-quick-heat-map")
    photo.get_by_label("For which label").select_option("square")
    expect(photo.get_by_role("status")).to_contain_text("square")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")

    # Begun by its button; labelling goes on; a second one is refused; cancelled, the quick model stays.
    model.get_by_role("button", name="Fine-tune…").click()
    form = model.get_by_role("group", name="Fine-tune", exact=True)
    form.get_by_label("Time limit in minutes").select_option("10 minutes")
    shoot(page, "02-choices")
    form.get_by_role("button", name="Start").click()
    running = model.get_by_role("group", name="Fine-tuning")
    expect(running).to_contain_text("Fine-tuning test_resnet")
    expect(running).to_contain_text(re.compile(r"Round\s*\d+ of \d+"))
    label(page, "circle", 7)
    expect(hand(page).label_button("circle")).to_have_attribute("aria-label", "circle, 7 photos")
    shoot(page, "03-running")
    assert "already" in asked(page, "POST", "/fine-tune", {})["error"]
    watch.expect("409")
    running.get_by_role("button", name="Cancel").click()
    expect(running).to_have_count(0)
    expect(page.get_by_role("status", name="Announcements")).to_contain_text("Fine-tuning was cancelled")
    assert asked(page, "GET", "")["model"] == "quick"

    # To its end, in one round.
    asked(page, "POST", "/fine-tune", {"epochs": 1})
    choice = model.get_by_role("group", name="Model in use")
    tuned = choice.get_by_role("radio", name=re.compile("Fine-tuned"))
    expect(tuned).to_be_visible(timeout=300_000)
    use(tuned)  # it is in use by itself only where photos show that it is not worse
    expect(choice).to_contain_text("not checked")
    model.get_by_text("Details", exact=True).click()
    expect(model).to_contain_text("Fine-tuned on")
    page.keyboard.press("o")
    expect(model).to_contain_text(re.compile(r"\d+ of 24 faded"))
    shoot(page, "04-fine-tuned")
    use(choice.get_by_role("radio", name=re.compile("Quick")))
    expect(model).to_contain_text("Learned from 12 photos")
    # Both together: their predictions and their heat map, and whether the training helped.
    use(choice.get_by_role("radio", name=re.compile("Both")))
    expect(model).to_contain_text("Two models, from")
    expect(choice).to_contain_text("The latest training: Whether it helps is not known")
    assert asked(page, "GET", "")["model"] == "both"
    assert asked(page, "GET", "/photos/0/heatmap")["method"] == "mean of score by place and gradcam"
    page.keyboard.press("t")
    expect(page.get_by_role("status", name="Announcements")).to_contain_text("Both together are in use")
    shoot(page, "05-both")
    use(tuned)
    expect(model).to_contain_text("Fine-tuned on")

    # The same on a telephone, and after a reload.
    small = new_page(viewport={"width": 390, "height": 844})
    small.goto(page.url)
    hand(small).wait_prepared()
    hand(small).tab("Labels").click()
    expect(small.get_by_role("group", name="Model in use")).to_be_visible()
    small.get_by_role("button", name="Fine-tune…").click()
    small.get_by_role("group", name="Model in use").scroll_into_view_if_needed()
    shoot(small, "06-narrow")
    hand(small).tab("Labels").click()
    small.keyboard.press("Control+a")
    small.keyboard.press("r")
    small.get_by_role("listbox").press("Enter")
    photo = small.get_by_role("dialog", name="circle 0.png")
    photo.get_by_role("checkbox", name="What it looked at").check()
    expect(photo.get_by_role("status")).to_contain_text("speak")
    shoot(small, "07-narrow-heat-map")
    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download model").click()
    assert download.value.suggested_filename.endswith("model.zip")
