"""A folder of shards on the page: a sample, more photos where one looks, and similar ones among all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from handlens.studio import Collection
from tests.e2e.conftest import Studio
from tests.scale.made_shards import write_made_shards

PHOTOS, SAMPLE = 420, 20


@pytest.fixture(scope="module")
def studio(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Studio on a folder of shards, of which it has a small sample."""
    out = tmp_path_factory.mktemp("shards") / "out"
    write_made_shards(out, photos=PHOTOS, a_shard=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("handlens.studio.shards.register.SAMPLE", SAMPLE)
        Collection.create(studio.home / "collections" / "out-0123456789", images=out).close()
    return studio.on(out, network="auto")


def test_a_sample_is_labelled_and_grows_where_one_looks(
    studio: Studio, page: Page, hand, shoot: Callable[..., None]
) -> None:
    # The server is late with the view: the page keeps it itself when it starts afresh with more photos.
    page.route("**/view", lambda route: None)
    page.route("**/api/collections/out-0123456789", _without_view)
    page.goto(studio.collection_url)
    see = hand(page)
    see.wait_prepared()
    title = page.get_by_role("heading", name="out")
    expect(title).to_contain_text(f"random sample of {SAMPLE}, of {PHOTOS} photos")
    page.keyboard.press("Control+a")
    expect(see.selection).to_contain_text(f"{SAMPLE} selected")
    see.label("thing")

    page.get_by_role("button", name="Zoom in").click()
    see.wait_still()
    before, camera = see.photos(), _camera(page)
    page.keyboard.press("h")
    expect(title).to_contain_text(f"random sample of {SAMPLE} and 200 more, of {PHOTOS} photos")
    see.wait_prepared()
    after = see.photos()
    assert _camera(page) == camera
    for id, (x, y) in before.items():
        assert after[id] == pytest.approx((x, y), abs=2)  # the pane may be a pixel lower, under a longer title
    assert len(after) > len(before)
    expect(see.label_button("thing")).to_have_accessible_name(f"thing, {SAMPLE} photos")
    shoot(page, "shards")

    area = see.crowds(1, at_least=1)[0]
    see.box(area)
    page.keyboard.press("Shift+F")
    review = page.get_by_role("region", name="Review")
    expect(review.get_by_role("heading", name=f"Most similar of all {PHOTOS}")).to_be_visible()
    expect(review.get_by_role("status")).to_contain_text("96 kept")
    see.label("found")
    expect(see.label_button("found")).to_have_accessible_name("found, 96 photos")


def _without_view(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "view": {}})


def _camera(page: Page) -> object:
    return page.locator(".map-host").evaluate("host => ({ ...host.map.camera })")
