"""The map of more photos than are drawn one by one: a picture in squares far out, photo by photo near."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from handlens.studio import preparation_run
from handlens.studio.collection import Collection
from handlens.studio.contents import content_of
from handlens.studio.features import patches
from handlens.studio.features.patches import PatchExtractor

from .conftest import Hand, Studio

KINDS, EACH = 20, 620
PHOTOS = KINDS * EACH
"""More than stay in the page's textures."""


def colour(kind: int) -> tuple[int, int, int]:
    """The colour of all photos of a kind; no two kinds look alike."""
    return 40 + 180 * (kind % 5) // 4, 40 + 180 * (kind // 5) // 3, 230 - 9 * kind


@pytest.fixture(scope="module")
def studio(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A Studio with a large collection, in which few things were really computed."""
    folder = tmp_path_factory.mktemp("photos")
    for kind in range(KINDS):
        (folder / str(kind)).mkdir()
        first = folder / str(kind) / "0.png"
        Image.new("RGB", (24, 18) if kind % 2 else (18, 24), colour(kind)).save(first)
        content = first.read_bytes()
        for i in range(1, EACH):
            first.with_name(f"{i}.png").write_bytes(content + b"%d" % i)  # no two files are the same
    random = np.random.default_rng(0)

    def features(self: PatchExtractor, batch: torch.Tensor) -> list[torch.Tensor]:
        """Photos of a kind lie about one place, and each has a place of its own."""
        means = batch.float().mean((1, 2)) / 255
        noise = torch.from_numpy(random.normal(0, 0.04, (len(means), 3)).astype(np.float32))
        return [torch.nn.functional.pad(means + noise, (0, layer.dim - 3)) for layer in self.layers]

    real = preparation_run.decode
    kept: dict[tuple[str, frozenset[int], bool], preparation_run.Decoded] = {}

    def decode(path: Path, sizes: set[int], *, thumbnails: bool, **how: Any) -> preparation_run.Decoded:
        """Photos of a kind are alike: one of them is decoded."""
        key = path.parent.name, frozenset(sizes), thumbnails
        if key not in kept:
            kept[key] = real(path, sizes, thumbnails=thumbnails, **how)
        return replace(kept[key], content=content_of(path, None) if thumbnails else None)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"_SAMPLES": 500, "_ROUNDS": 1, "CENTRES": 4}.items():
            patch.setattr(patches, name, value)
        patch.setattr(PatchExtractor, "__call__", features)

        patch.setattr(preparation_run, "decode", decode)
        large = studio.home / "collections" / "large"
        with Collection.create(large, images=folder, name="large", backbone=None) as made:
            made.prepare()
    return studio


@pytest.fixture
def opened(studio: Studio, page: Page, hand: Callable[[Page], Hand]) -> Hand:
    """The large collection, all of it on the map."""
    page.emulate_media(reduced_motion="reduce")
    page.goto("/c/large")
    map_of = hand(page)
    map_of.wait_prepared()
    page.get_by_label("How many photos to show").select_option("all")
    page.keyboard.press("0")
    return map_of


def wait_for(page: Page, what: str) -> None:
    """Wait until an expression of the map and its `stats()` is true."""
    there = "const map = document.querySelector('.map-host')?.map; const stats = map?.stats()"
    page.wait_for_function(f"() => {{ {there}; return map && {what} }}")


def wait_squares(page: Page) -> None:
    """Wait until the map's picture is drawn, and nothing moves."""
    wait_for(page, "stats.settled && stats.squares > 0")


def wait_near(page: Page) -> None:
    """Wait until all photos in view are drawn one by one, each with its picture."""
    wait_for(page, "stats.settled && stats.squares === 0 && stats.single > 0")


def kinds(page: Page) -> list[int]:
    """The kind of each photo."""
    paths = page.request.get("/api/collections/large/photos/paths").text().split("\0")[:-1]
    return [int(path.split("/")[0]) for path in paths]


def labels(page: Page) -> np.ndarray:
    """The code of each photo's label, -1 for none."""
    found = page.request.get("/api/collections/large/labels").json()
    return np.frombuffer(base64.b64decode(found["codes"]), "<i2")


def check_topmost(map_of: Hand, name: str, shoot: Callable[..., None], *, reach: int) -> None:
    """Photos that nothing lies over have their colour; a photo reaches at most `reach` pixels from its centre."""
    page = map_of.page
    page.mouse.move(1, 1)  # no photo is under the pointer, which would be drawn larger
    expect(page.locator(".hovered")).to_have_count(0)
    map_of.wait_still()
    wait_for(page, "stats.settled")
    shoot(page, name)
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), np.int32)
    photos, order = map_of.photos(), page.locator(".map-host").evaluate("host => [...host.map.photos.order]")
    tools = [
        box for box in (tool.bounding_box() for tool in page.locator("[data-over-map], .map-foot > *").all()) if box
    ]
    room = map_of.map.bounding_box()
    assert room is not None
    codes, kind = labels(page), kinds(page)
    above, checked = np.array([photos[id] for id in photos if codes[id] >= 0]).reshape(-1, 2), 0
    for id in order:
        if id not in photos or codes[id] >= 0:
            continue
        x, y = photos[id]
        covered = (np.abs(above - (x, y)) < reach).all(1).any()
        above = np.vstack([above, (x, y)])
        inside = (
            room["x"] + 9 < x < room["x"] + room["width"] - 9 and room["y"] + 9 < y < room["y"] + room["height"] - 9
        )
        over = any(
            box["x"] - 9 < x < box["x"] + box["width"] + 9 and box["y"] - 9 < y < box["y"] + box["height"] + 9
            for box in tools
        )
        if covered or over or not inside:
            continue
        found = picture[int(y), int(x)]
        nearest = min(range(KINDS), key=lambda k: int(((found - colour(k)) ** 2).sum()))
        assert nearest == kind[id], f"photo {id} at {x:.0f}, {y:.0f}: {found.tolist()}, not {colour(kind[id])}"
        checked += 1
        if checked == 40:
            return
    assert checked >= 8


def test_far_out_a_picture_is_drawn_and_near_each_photo(opened: Hand, shoot) -> None:
    page = opened.page
    wait_squares(page)
    assert len(opened.photos()) == PHOTOS
    check_topmost(opened, "01-far", shoot, reach=14)
    page.keyboard.press("ArrowRight")
    opened.wait_still()
    wait_squares(page)
    check_topmost(opened, "02-other-layer", shoot, reach=14)
    for _ in range(4):
        page.keyboard.press("+")
    wait_squares(page)
    shoot(page, "03-middle")
    zoom_to_a_few(opened)
    check_topmost(opened, "04-near", shoot, reach=40)


def zoom_to_a_few(map_of: Hand) -> None:
    """Zoom in where most photos are, until they are drawn one by one."""
    page = map_of.page
    area = map_of.crowds(1, side=60)[0]
    page.mouse.move((area.left + area.right) / 2, (area.top + area.bottom) / 2)
    host = page.locator(".map-host")
    while host.evaluate("host => host.map.onScreen().length") >= 400:
        zoom = host.evaluate("host => host.map.camera.zoom")
        page.mouse.wheel(0, -300)
        wait_for(page, f"map.camera.zoom > {zoom}")
    wait_near(page)


def test_a_lasso_takes_what_lies_in_it_and_a_filter_shows_it(opened: Hand, shoot) -> None:
    page = opened.page
    wait_squares(page)
    area = opened.crowds(1, at_least=50)[0]
    opened.lasso(area)
    shoot(page, "05-selected")
    opened.label("corner")
    assert set(np.flatnonzero(labels(page) >= 0)) == area.ids
    wait_squares(page)
    shoot(page, "06-labelled")
    page.get_by_label("How many photos to show").select_option("500")
    opened.wait_still()
    assert len(opened.photos()) == 500
    wait_near(page)
    check_topmost(opened, "07-first", shoot, reach=60)


def test_those_in_view_are_spread_out_and_go_back(opened: Hand, shoot) -> None:
    page = opened.page
    wait_squares(page)
    spread = opened.map.get_by_role("button", name="Spread")
    page.keyboard.press("p")
    expect(page.get_by_role("status", name="Announcements")).to_contain_text(
        "Zoom in: Spread lays out at most 4,000 photos"
    )
    expect(spread).to_have_attribute("aria-pressed", "false")
    zoom_to_a_few(opened)
    before = opened.photos()
    for back in ("Escape", "p"):
        page.keyboard.press("p")
        expect(spread).to_have_attribute("aria-pressed", "true")
        after = opened.photos()
        assert len(after) > 0
        assert set(after) <= set(before)
        assert len({(round(x, 1), round(y, 1)) for x, y in after.values()}) == len(after)
        shoot(page, "08-spread")
        page.keyboard.press(back)
        expect(spread).to_have_attribute("aria-pressed", "false")
        now = opened.photos()
        assert now.keys() == before.keys()
        assert all(now[id] == pytest.approx(at, abs=0.5) for id, at in before.items())
    page.keyboard.press("0")
    wait_squares(page)


def test_dark_and_narrow(opened: Hand, shoot) -> None:
    page = opened.page
    wait_squares(page)
    page.emulate_media(color_scheme="dark")
    wait_for(page, "map.dark")
    wait_squares(page)
    shoot(page, "09-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    opened.wait_still()
    wait_squares(page)
    check_topmost(opened, "10-narrow", shoot, reach=14)
