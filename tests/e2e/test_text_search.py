"""Photos found by words on the page, with a tiny model whose weights are random."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.studio.made_text_models import write_text_model

SIZES = (("wide", 1280, 800), ("narrow", 390, 844))
THEMES = ("light", "dark")


def test_from_words_to_a_label(page, hand, open_shapes, shoot, watch, tmp_path: Path):
    folder = write_text_model(tmp_path / "tiny-clip")
    open_shapes(page)
    map_of = hand(page)
    map_of.wait_prepared()

    # Without a model, the key says what it needs.
    page.keyboard.press("/")
    expect(page.get_by_text("add a CLIP or SigLIP model under Sources").last).to_be_visible()
    page.get_by_role("button", name="Sources").click()
    sources = page.get_by_role("dialog", name="Sources")
    field = sources.get_by_role("textbox", name="A CLIP or SigLIP model")
    field.scroll_into_view_if_needed()
    shoot(page, "01-sources", themes=THEMES, sizes=SIZES)
    field.fill(str(folder))
    field.press("Enter")
    expect(sources.get_by_text("A CLIP model, which finds photos by words. Licence: mit")).to_be_visible()
    expect(sources.get_by_role("listitem").filter(has_text="Tiny-clip")).to_contain_text("in use")
    page.keyboard.press("Escape")
    map_of.wait_prepared()

    page.keyboard.press("/")
    dialog = page.get_by_role("dialog", name="Find photos by words")
    words = dialog.get_by_role("searchbox", name="What the photos show")
    expect(words).to_be_focused()
    page.keyboard.type("the red car")
    shoot(page, "02-search", themes=THEMES, sizes=SIZES)
    words.fill("red " * 20)
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("must have at most 12 tokens")
    watch.expect("400")
    words.fill("the red car")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)

    review = page.get_by_role("region", name="Review")
    expect(review.get_by_role("heading", name="“the red car”")).to_be_visible()
    review.get_by_role("combobox", name="How many photos").select_option("12")
    expect(review.get_by_role("status")).to_have_text("12 kept")
    expect(review.get_by_role("combobox", name="Sort")).to_contain_text("best first")
    offered = review.get_by_role("textbox", name="New label for the kept photos")
    expect(offered).to_have_value("the red car")
    shoot(page, "03-found", themes=THEMES, sizes=SIZES)
    for _, width, height in reversed(SIZES):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # A label can start from the sentence.
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(review).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^the red car, 12"))).to_be_visible()
    map_of.wait_saved()
    collection = re.search(r"/c/([^/?#]+)", page.url)
    assert collection is not None
    api = f"/api/collections/{collection[1]}"
    by_words = page.request.post(f"{api}/filter", data={"filter": {"field": "origin", "names": ["search"]}})
    found = page.request.post(f"{api}/search", data={"sentence": "the red car", "n": 12})
    assert by_words.ok
    assert found.ok
