"""The map: all photos in view and clear of the tools, spread out, and by keys alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from itertools import combinations, pairwise

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from .conftest import Hand, Studio

Box = dict[str, float]


PHOTOS = 150


@pytest.fixture(scope="module")
def studio(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A Studio with small pictures of two kinds, dark and light ones, of three shapes."""
    folder = tmp_path_factory.mktemp("photos") / "tiles"
    folder.mkdir()
    for i in range(PHOTOS):
        picture = Image.new(
            "RGB", [(60, 40), (40, 60), (50, 50)][i % 3], (i, i, 250 - i) if i % 2 else (230, 200 - i, 40)
        )
        ImageDraw.Draw(picture).ellipse((5 + i % 20, 5, 20 + i % 20, 15 + i % 7), fill=(255 - i, 90, i))
        picture.save(folder / f"tile {i}.png")
    return studio.on(folder)


@pytest.fixture
def opened(studio: Studio, new_page: Callable[..., Page], hand: Callable[[Page], Hand]) -> Callable[..., Hand]:
    """Open the pictures in a page of this size, and wait until they are prepared."""

    def open_page(width: int = 1280, height: int = 800) -> Hand:
        page = new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
        page.goto(studio.collection_url)
        map_of = hand(page)
        map_of.wait_prepared()
        return map_of

    return open_page


def box_of(locator: Locator) -> Box:
    """Where an element is on the page."""
    found = locator.bounding_box()
    assert found is not None
    return found


def apart(a: Box, b: Box) -> bool:
    """Whether two boxes have no point in common."""
    return (
        a["x"] + a["width"] <= b["x"]
        or b["x"] + b["width"] <= a["x"]
        or a["y"] + a["height"] <= b["y"]
        or b["y"] + b["height"] <= a["y"]
    )


def within(inner: Box, outer: Box) -> bool:
    """Whether a box lies in another one."""
    return (
        inner["x"] >= outer["x"]
        and inner["y"] >= outer["y"]
        and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        and inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    )


def around(map_of: Hand) -> Box:
    """The smallest box with the centres of all photos in view."""
    places = list(map_of.photos().values())
    xs, ys = [x for x, _ in places], [y for _, y in places]
    return {"x": min(xs), "y": min(ys), "width": max(xs) - min(xs), "height": max(ys) - min(ys)}


SIZES = [(1280, 800), (1920, 1080), (390, 844), (640, 400)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_all_photos_are_in_view_and_clear_of_the_tools(opened, shoot, width: int, height: int) -> None:
    map_of = opened(width, height)
    page = map_of.page
    page.keyboard.press("0")
    photos = around(map_of)
    assert len(map_of.photos()) == PHOTOS
    pane = box_of(map_of.map)
    over = [box_of(found) for found in page.locator("[data-over-map]").all()]
    assert len(over) == (4 if width > 900 else 3)
    for tool in over:
        assert within(tool, pane)
        assert apart(tool, photos), f"photos lie under {tool}"
    assert all(apart(a, b) for a, b in combinations(over, 2))
    assert photos["width"] > 0.5 * pane["width"] or photos["height"] > 0.5 * pane["height"]
    shoot(page, f"map-{width}x{height}")


def test_the_map_follows_its_pane(opened) -> None:
    map_of = opened()
    page = map_of.page
    page.keyboard.press("0")
    for width, height in ((960, 500), (1500, 900), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        host, canvas = page.locator(".map-host"), page.locator(".map-host canvas").first
        assert len(map_of.photos()) == PHOTOS
        assert box_of(canvas) == box_of(host)
        assert within(around(map_of), box_of(host))


def test_spread_out_no_photo_lies_over_another(opened, shoot) -> None:
    map_of = opened()
    page = map_of.page
    page.keyboard.press("0")
    before = map_of.photos()
    page.keyboard.press("p")
    spread = map_of.map.get_by_role("button", name="Spread")
    expect(spread).to_have_attribute("aria-pressed", "true")
    after = map_of.photos()
    assert set(after) == set(before)
    columns = sorted({round(x, 1) for x, _ in after.values()})
    rows = sorted({round(y, 1) for _, y in after.values()})
    assert len({(round(x, 1), round(y, 1)) for x, y in after.values()}) == len(after)
    assert min(b - a for a, b in pairwise(columns)) > 10
    assert min(b - a for a, b in pairwise(rows)) > 10
    shoot(page, "spread")
    # A lasso takes the photos that lie in it now.
    area = map_of.crowds(1, side=120, at_least=4)[0]
    map_of.lasso(area)
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(spread).to_have_attribute("aria-pressed", "false")
    for id, (x, y) in map_of.photos().items():
        assert (x, y) == pytest.approx(before[id], abs=0.5)
    page.keyboard.press("v")


def test_photos_can_be_larger(opened) -> None:
    map_of = opened()
    size = map_of.map.get_by_label("Size of the photos")
    expect(size).to_have_attribute("aria-valuetext", re.compile("100"))
    size.focus()
    for _ in range(4):
        map_of.page.keyboard.press("ArrowUp")
    expect(size).to_have_attribute("aria-valuetext", re.compile("200"))
    for _ in range(4):
        map_of.page.keyboard.press("ArrowDown")
    expect(size).to_have_attribute("aria-valuetext", re.compile("100"))


def focused(page: Page) -> str:
    """What has the focus, by its name."""
    return str(
        page.evaluate("document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent")
    )


def test_by_keys_alone_a_region_is_selected_and_a_map_chosen(opened) -> None:
    map_of = opened()
    page = map_of.page
    page.keyboard.press("0")
    # The map is two keys away, over the top bar and the light table.
    page.keyboard.press("Tab")
    assert focused(page) == "To the map"
    page.keyboard.press("Enter")
    expect(page.get_by_role("application", name="Photos on the map")).to_be_focused()
    where = page.get_by_role("group", name="Layer and projection")
    before = where.text_content()
    page.keyboard.press("b")
    expect(page.get_by_text("Arrow keys move the crosshair")).to_be_visible()
    page.keyboard.press("ArrowUp")  # shows the crosshair, in the middle
    page.keyboard.press("Space")
    for key in ["Shift+ArrowRight", "Shift+ArrowDown"] * 3:
        page.keyboard.press(key)
    page.keyboard.press("ArrowDown")
    host = box_of(page.locator(".map-host"))
    x, y = host["x"] + host["width"] / 2, host["y"] + host["height"] / 2
    inside = [id for id, at in map_of.photos().items() if x <= at[0] <= x + 240 and y <= at[1] <= y + 256]
    assert inside
    page.keyboard.press("Enter")
    expect(map_of.selection).to_contain_text(f"{len(inside):,} selected")
    assert where.text_content() == before
    page.keyboard.press("Escape")  # puts the crosshair away
    page.keyboard.press("Escape")
    expect(map_of.selection).to_have_count(0)

    # The light table is one stop, and arrow keys move in it without computing each map on the way.
    table = page.get_by_role("grid", name="Maps")
    assert table.locator("button:not([tabindex='-1'])").count() == 1
    table.locator("[aria-current]").focus()
    page.keyboard.press("Home")
    name = focused(page)
    page.keyboard.press("ArrowRight")
    assert focused(page) != name
    page.keyboard.press("ArrowLeft")
    assert focused(page) == name
    assert where.text_content() == before
    page.keyboard.press("Enter")
    expect(where).not_to_have_text(before or "")
    page.keyboard.press("v")


def test_the_title_names_what_is_on_the_screen(opened) -> None:
    map_of = opened()
    page = map_of.page
    where = page.get_by_role("group", name="Layer and projection")
    titles = where.locator("b").all_text_contents()
    waiting = page.get_by_role("grid", name="Maps").locator("button", has_text="open").first
    expect(waiting).to_have_attribute("data-tip", re.compile("Neighbours · arranged when you go there"))
    page.route(re.compile(r"/map\?.*neighbours"), lambda _: None)  # it never comes
    while "Neighbours" not in (where.text_content() or ""):
        page.keyboard.press("ArrowDown")
    expect(where).to_contain_text("Neighbours coming…")
    assert where.locator("b").all_text_contents()[0] == titles[0]
    assert where.locator("b").all_text_contents()[1] != "Neighbours"
    page.keyboard.press("ArrowUp")
    expect(where.locator(".coming")).to_have_count(0)
    page.unroute_all(behavior="ignoreErrors")


def test_what_is_needed_next_stays_on_the_screen(opened, shoot) -> None:
    map_of = opened()
    page = map_of.page
    for i in range(30):
        one = base64.b64encode((1 << i).to_bytes(-(-PHOTOS // 8), "little")).decode()
        body = {"selection": one, "name": f"kind of tile {i}"}
        assert page.request.post(f"{page.url.replace('/c/', '/api/collections/')}/labels/assign", data=body).ok
    expect(page.locator(".label-list li")).to_have_count(30)
    window = {"x": 0.0, "y": 0.0, "width": 1280.0, "height": 800.0}
    train = page.get_by_role("button", name=re.compile("^Train")).first  # advised, or beside what is advised
    expect(train).to_be_visible()
    assert within(box_of(train), window)
    labels = page.locator(".label-list")
    assert labels.evaluate("list => list.scrollHeight > list.clientHeight")
    assert within(box_of(page.get_by_role("button", name=re.compile("^Separate"))), window)

    # The light table, widened, leaves the map its room; nothing of the page is wider than its place.
    page.get_by_role("button", name="Widen the light table").click()
    map_of.wait_still()
    over = [box_of(found) for found in page.locator("[data-over-map]").all()]
    pane = box_of(map_of.map)
    assert all(within(tool, pane) for tool in over)
    assert all(apart(a, b) for a, b in combinations(over, 2))
    shoot(page, "widened")
    page.get_by_role("button", name="Narrow the light table").click()
    for side in page.locator(".side.right > *").all():
        assert side.evaluate("part => part.scrollWidth <= part.clientWidth")
