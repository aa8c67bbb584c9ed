"""Every screen and dialog with axe-core: WCAG 2.2, levels A and AA, and best practices; both themes, two sizes.

To add a screen: an entry in SCREENS that opens it from the labelling screen. Each is opened once for each size, and
looked at in both themes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import SLOW, Studio

AXE = Path(__file__).parents[2] / "src/handlens/studio/web/node_modules/axe-core/axe.min.js"
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
}
COLOURS = {"runOnly": ["color-contrast"]}
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
EACH = 45
COPIES = 4
COUNT = 2 * EACH + COPIES
KINDS = {"circ": "circle", "copy": "circle", "squa": "square"}
NAMES = ("circle", "square", *(f"label {i}" for i in range(3, 13)))

pytestmark = pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: hatch_build.py npm ci")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Circles and squares, copies of some, and a file that is not a photo."""
    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(EACH):
        for kind in ("circle", "square"):
            picture = Image.fromarray(random.integers(90, 170, (48, 64, 3), dtype=np.uint8))
            x, y, r = (int(v) for v in random.integers([4, 4, 14], [30, 20, 24]))
            pen = ImageDraw.Draw(picture)
            if kind == "circle":
                pen.ellipse((x, y, x + r, y + r), fill=(200, 40, 40))
            else:
                pen.rectangle((x, y, x + r, y + r), fill=(30, 60, 220))
            picture.save(folder / f"{kind} {i}.png")
    for i in range(COPIES):
        Image.open(folder / f"circle {40 + i}.png").save(folder / f"copy {i}.bmp")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, photos: Path) -> Studio:
    """Studio with a collection of these photos, with features learned on them, which is labelled below."""
    return studio.on(photos)


def call(page: Page, path: str, body: dict, method: str = "post") -> dict:
    answer = getattr(page.request, method)(path, data=body)
    assert answer.ok, answer.text()
    return answer.json() if answer.text() else {}


def packed(ids: list[int], count: int) -> str:
    bits = np.zeros(count, bool)
    bits[ids] = True
    return base64.b64encode(np.packbits(bits, bitorder="little")).decode()


@pytest.fixture(scope="module")
def collection(studio, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a collection with twelve labels, two of them wrong, a model, a check and a CSV."""
    context = browser.new_context(base_url=studio.url)
    page = context.new_page()
    page.goto(studio.collection_url)
    expect(page.locator(".studio")).to_be_visible()
    expect(page.get_by_label("Preparing", exact=True)).to_have_count(0)
    api = page.url.replace("/c/", "/api/collections/")
    paths = page.request.get(f"{api}/photos/paths").text().split("\0")[:-1]

    def label(name: str, path: str) -> None:
        body = {"selection": packed([paths.index(path)], COUNT), "name": name}
        call(page, f"{api}/labels/assign", body)

    for i in range(8):
        for kind, other in (("circle", "square"), ("square", "circle")):
            label(kind if i > 0 else other, f"{kind} {i}.png")
    for i, name in enumerate(NAMES[2:]):
        label(name, f"circle {20 + i}.png")
    call(page, f"{api}/train", {})
    csv = "\n".join(["photo,camera", *(f"{path},{'old' if i % 2 else 'new'}" for i, path in enumerate(paths))])
    page.request.put(
        f"{api}/attributes?name=cameras.csv", data=csv, headers={"Content-Type": "application/octet-stream"}
    )
    for photo in call(page, f"{api}/spot-check", {"n": 30})["waiting"]:
        call(
            page, f"{api}/spot-check/answer", {"photo": photo, "answer": "label", "label": KINDS.get(paths[photo][:4])}
        )
    call(page, f"{api}/spot-check", {"n": 3})
    call(page, f"{api}/duplicates", {})
    url = page.url
    context.close()
    return url


# --- what is opened ------------------------------------------------------------------------------


def sheet(page: Page, name: str) -> None:
    """On a narrow screen, show one of the sheets."""
    tabs = page.get_by_role("navigation", name="Panels")
    if tabs.count() and tabs.get_by_role("button", name=re.compile(f"^{name}")).get_attribute("aria-pressed") != "true":
        tabs.get_by_role("button", name=re.compile(f"^{name}")).click()


def press(*keys: str) -> Callable[[Page], None]:
    def run(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)

    return run


def click(name: str, *, on: str = "Labels") -> Callable[[Page], None]:
    """Press a button, of a sheet where the screen is narrow."""

    def run(page: Page) -> None:
        sheet(page, on)
        page.get_by_role("button", name=re.compile(f"^{name}")).first.click()

    return run


def menu(entry: str) -> Callable[[Page], None]:
    def run(page: Page) -> None:
        click("Menu for circle")(page)
        page.get_by_role("menuitem", name=entry).click()

    return run


def menu_open(page: Page) -> None:
    click("Menu for circle")(page)


def merge(page: Page) -> None:
    sheet(page, "Labels")
    for name in NAMES[:2]:
        page.get_by_role("checkbox", name=f"Pick {name}").check()
    page.get_by_role("button", name="Merge 2 labels…").click()


def alike(page: Page) -> None:
    menu("Rename…")(page)
    page.get_by_label("New name").fill("Square")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Merge circle with square?")).to_be_visible()


def selection(page: Page) -> None:
    sheet(page, "Map")
    expect(page.get_by_role("main", name="Map of photos")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("Control+a")
    expect(page.get_by_role("group", name="Selection")).to_contain_text(f"{COUNT} selected")


def review(page: Page) -> None:
    selection(page)
    page.get_by_role("group", name="Selection").get_by_role("button", name="Review").click()
    expect(page.get_by_role("region", name="Review")).to_be_visible()


def large(page: Page) -> None:
    review(page)
    page.get_by_role("listbox", name=re.compile("^Photos")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def contest(page: Page) -> None:
    large(page)
    page.get_by_role("button", name="Contest…").click()
    expect(page.get_by_role("dialog", name=re.compile("^Contest"))).to_be_visible()


def queue(page: Page) -> None:
    click("Review queue…")(page)
    page.get_by_label(re.compile("^Predictions less sure")).fill("0.99")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".case")).to_be_visible()


def keys(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").get_by_role("button", name="Keys").click()


def steps(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").get_by_role("button", name="Steps").click()


def message(page: Page) -> None:
    """What a key does not do yet is said."""
    page.keyboard.press("w")
    expect(page.locator(".message").first).to_be_visible()


def advice(on: bool) -> Callable[[Page], None]:
    def run(page: Page) -> None:
        sheet(page, "Labels")
        page.get_by_role("button", name="Advice" if on else "Hide the advice", exact=True).click()

    return run


def condition(name: str) -> Callable[[Page], None]:
    """Filter by something, its editor open."""

    def run(page: Page) -> None:
        sheet(page, "Map")
        if page.get_by_role("region", name="Filter").count() == 0:
            page.keyboard.press("i")
        page.locator("#add-condition").click()
        page.get_by_role("menuitem", name=re.compile(f"^{name}")).click()
        expect(page.get_by_role("dialog", name=f"Condition: {name}")).to_be_visible()

    return run


def conditions(page: Page) -> None:
    sheet(page, "Map")
    page.keyboard.press("i")
    page.locator("#add-condition").click()
    expect(page.get_by_role("menuitem").first).to_be_visible()


def legend(page: Page) -> None:
    sheet(page, "More")
    choice = page.get_by_role("combobox", name="Colour by")
    choice.select_option(label="Prediction")
    sheet(page, "Map")
    expect(page.get_by_role("list", name="Colours")).to_be_visible()


def labels_coloured(page: Page) -> None:
    """The legend on a narrow screen, which also puts the colours back."""
    sheet(page, "More")
    page.get_by_role("combobox", name="Colour by").select_option(label="Label")


def suspects(page: Page) -> None:
    press("u")(page)
    expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("labelled")


def duplicates(page: Page) -> None:
    press("d")(page)
    expect(page.get_by_role("region", name="Review")).to_contain_text(f"{COPIES} groups, {2 * COPIES} photos")


def suggested(page: Page) -> None:
    press("j")(page)
    expect(page.get_by_role("heading", name=re.compile("which are wrong"))).to_be_visible()


def named(page: Page) -> None:
    """All are wrong in each group, so they are named one by one."""
    suggested(page)
    dialog, one = page.get_by_role("dialog"), page.locator(".check-photo")
    photos, progress = dialog.get_by_role("option"), dialog.locator(".check-progress")
    while True:
        expect(photos.or_(one).first).to_be_visible()
        if one.count():
            break
        place = progress.inner_text()
        for photo in photos.all():
            photo.click()
        page.keyboard.press("Enter")
        expect(progress.filter(has_text=place)).to_have_count(0)
    expect(page.locator(".check-photo")).to_have_attribute("aria-busy", "false")


def predicted(page: Page) -> None:
    sheet(page, "Labels")
    page.get_by_role("group", name="Next").get_by_role("button", name=re.compile("^Confirm")).click()
    expect(page.get_by_role("group", name="Which label")).to_be_visible()


FIELDS = ("Label", "Predicted label", "Sureness", "Origin", "Time of labelling", "Column of the CSV", "Duplicates")

SCREENS: dict[str, Callable[[Page], None]] = {
    "main": lambda page: sheet(page, "Map"),
    "light table": lambda page: sheet(page, "Light table"),
    "labels": lambda page: sheet(page, "Labels"),
    "without advice": advice(on=False),
    "with advice": advice(on=True),
    "more": lambda page: sheet(page, "More"),
    "a menu": menu_open,
    "selection": selection,
    "review": review,
    "large photo": large,
    "contest": contest,
    "suspects": suspects,
    "duplicates": duplicates,
    "suggested": suggested,
    "named one by one": named,
    "predicted": predicted,
    "conditions": conditions,
    **{f"condition, {name}": condition(name) for name in FIELDS},
    "legend": legend,
    "colours of labels": labels_coloured,
    "rename": menu("Rename…"),
    "alike": alike,
    "delete": menu("Delete…"),
    "merge": merge,
    "help": steps,
    "keys": keys,
    "sources": click("Sources", on="More"),
    "left out": click("Left out", on="More"),
    "take away": click("Take away", on="More"),
    "check": press("c"),
    "finish": click("Finish…"),
    "split": click("Split by"),
    "datasheet": click("Datasheet"),
    "queue, start": click("Review queue…"),
    "queue": queue,
    "message": message,
}

OVER = "dialog, [role=dialog], [role=menu], .review, .selection-bar, .sheet"
"""What Escape closes."""


def back(page: Page) -> None:
    """To the labelling screen alone: Escape closes what is over it."""
    for _ in range(8):
        if page.locator(OVER).count() == 0:
            break
        page.keyboard.press("Escape")
    clear = page.get_by_role("button", name="Clear filter")
    if clear.count():
        clear.first.click()
    expect(page.locator(OVER)).to_have_count(0)


# --- axe -----------------------------------------------------------------------------------------


PARTS = "#app > *, .studio > *, .centre > *, .side > *, #sheet > *"
"""What a screen consists of, and what may be as it was on the screen before."""

LOOK = """async ([theme, run, parts]) => {
    await Promise.allSettled(document.getAnimations().map(a => a.finished))
    window.lookedAt ??= { dark: new Set(), light: new Set() }
    const seen = lookedAt[theme]
    const isFirst = seen.size === 0
    const all = parts === '' ? [] : [...document.querySelectorAll(parts)]
    const smallest = all.filter(part => !all.some(other => other !== part && part.contains(other)))
    const fresh = smallest.filter(part => {
        let as = part.outerHTML
        for (let above = part.parentElement; above; above = above.parentElement) as += above.cloneNode().outerHTML
        if (!part.checkVisibility() || seen.has(as)) return false
        seen.add(as)
        return true
    })
    if (parts !== '' && fresh.length === 0) return []
    const where = parts === '' || isFirst ? document : { include: fresh }
    const { violations } = await axe.run(where, { ...run, resultTypes: ['violations'] })
    return violations.flatMap(v => v.nodes.map(n => [theme, v.id, n.html, n.failureSummary]))
}"""
"""Looks at the whole page; if parts are named, only of the first screen, and then at parts that are not as before."""


def violations(page: Page, *, parts: str = "") -> list[str]:
    """What axe finds on the page, in both themes: rule, element and what to do, one line each.

    Args:
        page: what to look at.
        parts: what is looked at once, until the page is loaded again, as long as it stays as it is; all unless given.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # the page allows no script tags but its own
    found = []
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        # Only colours depend on the theme.
        found += page.evaluate(LOOK, [theme, RULES if theme == "dark" else COLOURS, parts])
    return [f"{theme}, {rule}: {html[:160]} – {' '.join(why.split())[:300]}" for theme, rule, html, why in found]


def assert_nothing(found: dict[str, list[str]]) -> None:
    report = "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)
    assert report == "", report


@pytest.fixture(params=SIZES)
def open_page(browser: Browser, studio, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Page]]:
    """Open pages in one size: `open_page(path)`."""
    width, height = SIZES[request.param]
    context = browser.new_context(
        base_url=studio.url, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )

    def make(path: str) -> Page:
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.goto(path)
        return page

    yield make
    context.close()


def test_every_screen_of_a_collection(open_page, collection: str, shoot, request) -> None:
    found: dict[str, list[str]] = {}
    page = open_page(collection)
    expect(page.get_by_role("main", name="Map of photos")).to_have_attribute("aria-busy", "false")
    for name, open in SCREENS.items():
        back(page)
        try:
            open(page)
        except Exception as error:
            shoot(page, f"failed-{request.node.callspec.id}-{name}")
            raise AssertionError(f"“{name}” could not be opened") from error
        found[name] = violations(page, parts=PARTS)
        if page.evaluate("document.scrollingElement.scrollHeight > innerHeight"):
            found[name].append("the page is longer than its window")
        shoot(page, f"{request.node.callspec.id}-{name}")
    assert_nothing(found)


def test_the_other_screens(open_page, collection: str, shoot, request, photos: Path) -> None:
    found: dict[str, list[str]] = {}

    def look(page: Page, name: str) -> None:
        found[name] = violations(page)
        shoot(page, f"{request.node.callspec.id}-{name}")

    page = open_page("/")
    expect(page.get_by_role("button", name="Forget shapes")).to_be_visible()
    look(page, "home")
    for choice in ("Drop or choose files", "A built-in collection"):
        page.get_by_text(choice).click()
        look(page, f"home, {choice}")
    page.get_by_label("A pretrained network").check()
    look(page, "home, networks")
    page.get_by_role("button", name="Forget shapes").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look(page, "forget")

    page = open_page("/kernel")
    expect(page.get_by_role("region", name="At the window")).to_be_visible()
    look(page, "kernel")

    page = open_page("/c/none")
    expect(page.get_by_role("heading", name="This collection could not be opened")).to_be_visible()
    look(page, "could not open")

    # What lasts a moment only is held: opening, preparing, and all banners at once.
    api = re.compile(r"/api/collections/[^/]+$")
    page = open_page("about:blank")
    page.route(api, lambda route: None)
    page.goto(collection)
    expect(page.get_by_text("Opening…")).to_be_visible()
    look(page, "opening")

    def preparing(route: Route) -> None:
        state = route.fetch().json()
        state["preparation"] |= {"running": True, "phase": "features", "done": 20, "rate": 3.0, "seconds_left": 13.0}
        state |= {"folder_gone": True, "notices": [{"id": "x", "text": "These look like photographs."}]}
        route.fulfill(json=state)

    page = open_page("about:blank")
    page.route(api, preparing)
    page.route("**/events*", lambda route: None)
    page.goto(collection)
    expect(page.get_by_role("group", name="Preparing")).to_be_visible()
    look(page, "preparing")
    page.get_by_role("button", name="Locate folder…").click()
    look(page, "locate")

    def searching(route: Route) -> None:
        state = route.fetch(method="GET", url=route.request.url.removesuffix("/duplicates")).json()
        state["duplicates"] |= {"running": True, "groups": None, "phase": "searching", "done": 20, "total": 90}
        route.fulfill(json=state)

    page = open_page("about:blank")
    page.route(re.compile(r"/api/collections/[^/]+(/duplicates)?$"), searching)
    page.route("**/events*", lambda route: None)
    page.goto(collection)
    expect(page.get_by_role("main", name="Map of photos")).to_be_visible()
    page.keyboard.press("d")
    expect(page.get_by_role("progressbar", name="Searching for duplicates")).to_be_visible()
    look(page, "searching for duplicates")
    assert_nothing(found)
