"""From lassoed labels to a number that is true: check at random, finish, take it back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Studio

KINDS = ("circle", "square")
EACH = 60


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red circles at the left and blue squares at the right of a noisy ground, which no model confuses."""
    import numpy as np
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(EACH):
        for kind in KINDS:
            picture = Image.fromarray(random.integers(90, 170, (96, 128, 3), dtype=np.uint8))
            pen = ImageDraw.Draw(picture)
            x, y, r = (int(v) for v in random.integers([4, 4, 30], [16, 50, 40]))
            if kind == "circle":
                pen.ellipse((x, y, x + r, y + r), fill=(210, 50, 40))
            else:
                pen.rectangle((x + 66, y, x + 66 + r, y + r), fill=(40, 70, 220))
            picture.save(folder / f"{kind} {i}.png")
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, shapes: Path) -> Studio:
    """Studio on the shapes, with features learned on them."""
    return studio.on(shapes)


class Checker:
    """A person who answers the spot check of a page by keys."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog", name="Spot check")
        api = page.url.replace("/c/", "/api/collections/")
        paths = page.request.get(f"{api}/photos/paths").text().split("\0")[:-1]
        self.kinds = [path.split(" ")[0] for path in paths]

    @property
    def photo(self) -> Locator:
        """The photo on the screen."""
        return self.dialog.locator(".check-photo img:visible")

    def wait(self, place: int) -> int:
        """Wait until photo number `place` of 30 is on the screen; returns its id."""
        expect(self.dialog).to_contain_text(f"{place} of 30")
        expect(self.dialog.locator(".check-photo")).to_have_attribute("aria-busy", "false")
        return int(re.search(r"/photos/(\d+)/", self.photo.get_attribute("src") or "")[1])

    def answer(self, places: range, *, key: str | None = None) -> None:
        """Press the key of what each photo shows, or `key`."""
        for place in places:
            id = self.wait(place)
            self.page.keyboard.press(key or str(1 + KINDS.index(self.kinds[id])))


@pytest.fixture
def lassoed(studio, page: Page, hand) -> Page:
    """The page with one lassoed group of each kind."""
    page.goto(studio.collection_url)
    map_of = hand(page)
    map_of.wait_prepared()
    return page


def lasso(page: Page, hand, kind: str, label: Callable[[], None]) -> None:
    """Draw around the largest group of unlabelled photos of one kind alone, and label it."""
    map_of = hand(page)
    page.keyboard.press("0")
    checker = Checker(page)
    answer = page.request.get(page.url.replace("/c/", "/api/collections/") + "/labels").json()
    labelled = {id for id in map_of.photos() if codes_of(answer["codes"])[id] >= 0}
    wanted = {id for id, other in enumerate(checker.kinds) if other == kind} - labelled
    area = max((a for a in map_of.crowds(None, side=60) if a.ids <= wanted), key=lambda a: len(a.ids))
    assert len(area.ids) >= 3
    map_of.lasso(area)
    label()
    expect(map_of.selection).to_have_count(0)
    map_of.wait_saved()


def codes_of(packed: str) -> list[int]:
    """Label codes as the server sends them."""
    import base64

    import numpy as np

    return np.frombuffer(base64.b64decode(packed), "<i2").tolist()


def everywhere(page: Page, shoot: Callable[..., None], name: str) -> None:
    """Nothing sticks out at two widths; on the narrow one the model's panel is opened."""
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        labels = page.get_by_role("navigation", name="Panels").get_by_role("button", name=re.compile("^Labels"))
        if width == 390 and page.get_by_role("dialog").count() == 0:
            labels.click()
            page.get_by_role("region", name="Model").get_by_role("heading", name="Model").scroll_into_view_if_needed()
            page.locator("#sheet").evaluate("sheet => sheet.scrollTo(0, sheet.querySelector('.model').offsetTop)")
        shoot(page, f"{name}-{width}", themes=("dark", "light"))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if width == 390 and page.get_by_role("dialog").count() == 0:
            labels.click()
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_number_only_from_photos_checked_at_random(
    lassoed: Page, new_page: Callable[..., Page], watch, hand, shoot
) -> None:
    page = lassoed
    map_of = hand(page)
    model = page.get_by_role("region", name="Model")
    advice = page.get_by_role("region", name="What next")
    right = re.compile(r"\d ?% right")

    # Without a model there is nothing to check, and the key says so.
    page.keyboard.press("c")
    said = page.get_by_role("status", name="Announcements")
    expect(said).to_contain_text("Train first: a spot check tells how often a model is right")

    # Lassoed labels, one gesture each: not even a guess.
    for kind in KINDS:
        lasso(page, hand, kind, lambda kind=kind: map_of.label(kind))
    page.keyboard.press("t")
    check = page.get_by_role("button", name="Check 30 random photos")
    expect(check).to_be_visible()
    expect(advice.locator(".filled")).to_have_count(1)
    expect(model).to_contain_text("Nothing is checked yet")
    expect(model).not_to_contain_text(right)

    # A second gesture each: a guess, which is called one.
    for key, kind in enumerate(KINDS, start=1):
        lasso(page, hand, kind, lambda key=key: page.keyboard.press(str(key)))
    expect(advice.get_by_role("button", name="Train again")).to_have_class(re.compile("filled"))
    page.keyboard.press("t")
    expect(model).to_contain_text("A guess: between")
    expect(model).not_to_contain_text(right)
    expect(check).to_be_visible()
    shoot(page, "01-guess")

    # The check shows a photo and nothing else of it.
    page.keyboard.press("c")
    checker = Checker(page)
    checker.wait(1)
    assert not re.search(r"\.png|predicted|sure of", checker.dialog.inner_text())
    assert checker.photo.get_attribute("alt") == "1 of 30"
    everywhere(page, shoot, "02-check")
    page.set_viewport_size({"width": 390, "height": 844})
    for button in checker.dialog.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= 44, button.inner_text()
    # By a finger, as by keys; what is typed into the field answers nothing, and Esc leaves only the field.
    checker.dialog.get_by_role("button", name=checker.kinds[checker.wait(1)], exact=True).click()
    second = checker.wait(2)
    page.keyboard.press("+")
    page.keyboard.type("1 new")
    expect(checker.dialog.get_by_label("Another label")).to_have_value("1 new")
    page.keyboard.press("Escape")
    assert checker.wait(2) == second
    page.set_viewport_size({"width": 1280, "height": 800})
    checker.answer(range(2, 8))
    checker.answer(range(8, 9), key="u")
    checker.wait(9)
    page.keyboard.press("ArrowLeft")
    expect(checker.dialog).to_contain_text("You said: unsure")
    shoot(page, "03-back")
    page.keyboard.press("u")
    checker.answer(range(9, 10), key="n")

    # An answer that does not arrive is said, kept and sent again.
    page.route("**/spot-check/answer", lambda route: route.abort())
    checker.answer(range(10, 11))
    expect(checker.dialog.get_by_role("alert")).to_contain_text("not saved yet")
    shoot(page, "04-not-saved")
    page.unroute("**/spot-check/answer")
    checker.dialog.get_by_role("button", name="Try again").click()
    expect(checker.dialog.get_by_role("alert")).to_have_count(0)
    watch.expect("spot-check/answer")

    # Closed and loaded again, it goes on where it was; so it does in another tab, and each sees the other's answers.
    page.keyboard.press("Escape")
    expect(advice.get_by_role("button", name="Go on with the check: 20 left")).to_have_class(re.compile("filled"))
    expect(model).not_to_contain_text(right)
    shoot(page, "05-interrupted")
    page.reload()
    advice.get_by_role("button", name="Go on with the check: 20 left").click()
    checker.answer(range(11, 14))
    other = new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Go on with the check: 17 left").click()
    elsewhere = Checker(other)
    assert elsewhere.wait(14) == checker.wait(14)
    elsewhere.answer(range(14, 18))
    checker.answer(range(18, 31))

    # The headline: 28 of 29, since one of them is none of these and one unsure.
    result = checker.dialog.get_by_role("group", name="Result")
    expect(result).to_contain_text(right)
    expect(result).to_contain_text(
        "28 photos labelled; 1 none of these, which counts as a mistake of the model; 1 unsure"
    )
    everywhere(page, shoot, "06-result")
    expect(elsewhere.dialog.get_by_role("group", name="Result")).to_contain_text(right)
    result.get_by_role("button", name="Train again with these").click()
    expect(page.get_by_role("button", name="Finish…")).to_be_visible()
    expect(model).to_contain_text(re.compile(r"9\d % right of those that you could tell\s*between \d+ and \d+ %"))
    expect(model).to_contain_text("from 29 checked at random")
    expect(model).to_contain_text(re.compile(r"You were unsure of 1 more: counted as wrong the number would be 9\d %"))
    expect(model.get_by_role("figure", name="History")).to_be_visible()
    everywhere(page, shoot, "07-checked")

    # A cell of the confusion table opens its photos, by keyboard too.
    model.get_by_text("Which is taken for which").click()
    cell = model.get_by_role("button", name=re.compile(r"photos: circle taken for circle"))
    cell.focus()
    shown = re.match(r"[\d,]+", cell.get_attribute("aria-label") or "")[0]
    page.keyboard.press("Enter")
    review = page.get_by_role("region", name="Review")
    expect(review.get_by_role("heading")).to_have_text("circle as circle")
    expect(review).to_contain_text(f"{shown} kept")
    shoot(page, "08-cell")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(map_of.selection).to_have_count(0)

    # Finish: too few checks for 1 %, enough for 25 %.
    page.get_by_role("button", name="Finish…").click()
    dialog = page.get_by_role("dialog", name="Finish")
    dialog.get_by_role("radio", name="1 %", exact=True).check()
    expect(dialog).to_contain_text("random photos must be checked")
    expect(dialog.get_by_role("button", name=re.compile(r"^Check \d+ more"))).to_be_visible()
    shoot(page, "09-more-checks")
    dialog.get_by_label("Another share").fill("25")
    label = dialog.get_by_role("button", name=re.compile(r"^Label \d+ photos?$"))
    expect(label).to_have_class(re.compile("filled"))
    count = int(re.search(r"\d+", label.inner_text())[0])
    everywhere(page, shoot, "10-finish")
    label.click()
    expect(dialog).to_have_count(0)
    expect(model).to_contain_text(f"{count} photos labelled by finishing, certified")
    shoot(page, "11-finished")
    page.get_by_role("button", name="Undo", exact=True).last.click()
    expect(model).not_to_contain_text("labelled by finishing")
    # Nothing has changed that a model could learn from.
    expect(page.get_by_role("button", name="Finish…")).to_be_visible()
