"""From nothing to a finished collection, by what the advice says: once by mouse alone, and once by keys alone."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from handlens.studio.builtin.vehicles import ANGLES, draw_one

VIEWS = ("front", "left", "rear", "right")
EACH = 30
STEPS = 40
"""Steps of the advice after which a person has had enough."""


@pytest.fixture(scope="module")
def vehicles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Drawn vehicles of four views, as the built-in ones are, and what each shows by its file's name."""
    folder = tmp_path_factory.mktemp("photos") / "vehicles"
    folder.mkdir()
    known = {}
    for number, angle in enumerate(np.random.default_rng(0).permutation(len(VIEWS) * EACH) % len(VIEWS)):
        name, view = f"vehicle {number:03}.png", VIEWS[angle]
        draw_one(ANGLES.index(view), np.random.default_rng([0, number])).save(folder / name)
        known[name] = view
    return folder, known


class Person:
    """Someone who sees what each photo shows, and does what the advice says; with the mouse."""

    def __init__(self, page: Page, map_of, known: dict[str, str], shoot: Callable[[str], object]) -> None:
        self.page, self.map_of, self.known, self.shoot = page, map_of, known, shoot
        self.advice = page.get_by_role("region", name="What next")
        self.dialog = page.get_by_role("dialog")
        self.main = self.advice.locator(".button.filled")
        self.kinds: list[str] = []
        self.named: set[str] = set()
        self.kind = ""
        """The label that the selected photos get."""
        self.was = ""
        """What the button of the advice said last; it says something else once the page has followed."""
        self.steps: list[str] = []

    # --- the hand

    def press(self, button: Locator) -> None:
        """Press a button or choose an option."""
        button.click()

    def type(self, field: Locator, text: str) -> None:
        """Write into a field, and press Enter: no mouse can."""
        field.click()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def draw(self, ids: set[int]) -> None:
        """Select photos that lie together."""
        area = self.map_of.group(ids, at_least=3)
        corners = [(area.left, area.top), (area.right, area.top), (area.right, area.bottom), (area.left, area.bottom)]
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in [*corners[1:], corners[0]]:
            self.page.mouse.move(*corner, steps=4)
        self.page.mouse.up()
        expect(self.map_of.selection).to_contain_text(f"{len(area.ids)} selected")

    def pick(self, grid: Locator, wrong: Callable[[int], bool]) -> None:
        """Pick photos of a grid, of which only the rows in view are there."""
        box = grid.bounding_box()
        assert box is not None
        seen: set[int] = set()
        while True:
            found = grid.get_by_role("option")
            total = int(found.first.get_attribute("aria-setsize") or "")
            ids = [int(one.removeprefix("review-")) for one in found.evaluate_all("all => all.map(one => one.id)")]
            for id in ids:
                if id not in seen and wrong(id):
                    grid.locator(f"#review-{id}").click()
            seen |= set(ids)
            if len(seen) == total:
                return
            self.page.mouse.move(box["x"] + 9, box["y"] + 9)
            self.page.mouse.wheel(0, box["height"] / 2)
            expect(grid.locator(",".join(f"#review-{id}" for id in ids))).not_to_have_count(len(ids))

    def name_photo(self, kind: str) -> None:
        """Name the one large photo of a batch or a check."""
        labels = self.dialog.get_by_role("group", name="Labels")
        button = labels.get_by_role("button", name=re.compile(rf"^\d?\s*{kind}(, predicted)?$"))
        if button.count():
            button.click()
        else:
            self.type(self.dialog.get_by_role("textbox").last, kind)

    def confirm(self) -> None:
        """Confirm the photos of a group that are not marked."""
        self.dialog.locator(".check-answers .filled").click()

    def close(self) -> None:
        """Close the dialog."""
        self.dialog.get_by_role("button", name="Close", exact=True).first.click()

    # --- what the advice leads to

    def create(self, folder: Path) -> None:
        """Make a collection of a folder on the home page."""
        self.page.goto("/")
        self.type(self.page.get_by_role("textbox", name="Folder"), str(folder))
        self.page.wait_for_url(re.compile(r"/c/"))
        self.map_of.wait_prepared()
        api = self.page.url.replace("/c/", "/api/collections/")
        paths = self.page.request.get(f"{api}/photos/paths").text().split("\0")[:-1]
        self.kinds = [self.known[path] for path in paths]

    def follow(self) -> None:
        """Do what the advice says until there is nothing left but to take it away."""
        steps = {
            "Draw a lasso": self.lasso,
            "Review": self.review,
            "Label": self.suggested,
            "Train": self.train,
            "Check": self.check,
            "Go on with the check": self.check,
            "Confirm": self.predicted,
            "Finish": self.finish,
        }
        while True:
            expect(self.main).to_be_visible()
            step = self.main.inner_text()
            self.steps.append(step)
            self.shoot(f"advice-{step}")
            if step.startswith("Take away"):
                return
            assert len(self.steps) < STEPS, self.steps
            self.was = step
            next(do for start, do in steps.items() if step.startswith(start))()
            expect(self.dialog).to_have_count(0)
            expect(self.main).not_to_have_text(self.was)

    def lasso(self) -> None:
        """Draw around a group, throw out what does not belong, and name it."""
        self.press(self.main)
        areas = self.map_of.crowds(None, side=110)
        self.kind = max(
            sorted(set(self.kinds) - self.named),
            key=lambda kind: max(sum(self.kinds[id] == kind for id in area.ids) for area in areas),
        )
        self.draw({id for id, one in enumerate(self.kinds) if one == self.kind})

    def review(self) -> None:
        """Throw out what does not belong, and name the others."""
        self.press(self.main)
        review = self.page.get_by_role("region", name="Review")
        grid = review.get_by_role("listbox")
        expect(grid).to_have_attribute("aria-busy", "false")
        self.pick(grid, lambda id: self.kinds[id] != self.kind)
        self.shoot("review")
        expect(self.main).to_contain_text("Name")
        self.was = self.main.inner_text()
        self.press(self.main)
        self.page.keyboard.type(self.kind)
        self.page.keyboard.press("Enter")
        expect(review).to_have_count(0)
        self.named.add(self.kind)

    def suggested(self) -> None:
        """Label what is suggested."""
        self.press(self.main)
        self.batch()
        self.shoot("batch-end")
        self.close()

    def batch(self) -> None:
        """Answer all groups and photos of a batch."""
        group = self.dialog.locator(".check.confirm")
        end = self.dialog.get_by_role("group", name=re.compile("^Result"))
        one = self.dialog.locator(".check:not(.confirm) .check-photo[aria-busy=false]")
        nothing = self.dialog.locator(".check-wait [role=alert]")
        first = {"group": True, "one": True}
        while True:
            expect(group.or_(end).or_(one).or_(nothing).first).to_be_visible()
            if end.count() or nothing.count():
                return
            if group.count():
                place = self.dialog.locator(".check-progress").inner_text()
                grid = group.get_by_role("listbox")
                said = group.locator("h3 b").inner_text()
                if first.pop("group", False):
                    self.shoot("batch-group")
                self.pick(grid, lambda id, said=said: self.kinds[id] != said)
                self.confirm()
                expect(self.dialog.locator(".check-progress").filter(has_text=place)).to_have_count(0)
            else:
                if first.pop("one", False):
                    self.shoot("batch-one")
                id = int(one.get_attribute("data-photo") or "")
                self.name_photo(self.kinds[id])
                expect(self.dialog.locator(f".check-photo[data-photo='{id}']")).to_have_count(0)

    def train(self) -> None:
        """Train."""
        self.press(self.main)
        expect(self.page.get_by_role("button", name="Training…")).to_have_count(0)

    def check(self) -> None:
        """Check what is drawn."""
        self.press(self.main)
        self.answer()

    def answer(self) -> None:
        """Say of each photo of the check what it shows, and then press what is suggested."""
        end = self.dialog.get_by_role("group", name="Result")
        photo = self.dialog.locator(".check-photo[aria-busy=false] img")
        first = True
        while True:
            expect(end.or_(photo).first).to_be_visible()
            if end.count():
                break
            if first:
                self.shoot("check-one")
                first = False
            src = photo.get_attribute("src") or ""
            try:
                self.name_photo(self.kinds[int(src.split("/")[-2])])
            except TimeoutError:  # the check ended while the pointer was on its way
                expect(end).to_be_visible()
                break
            expect(self.dialog.locator(f"img[src='{src}']")).to_have_count(0)
        self.shoot("check-end")
        self.was = self.main.inner_text()
        then = end.locator(".filled").inner_text()
        # Until it is known what finishing would label, another step may be suggested in place of the one just read.
        self.press(end.get_by_role("button", name=then, exact=True))
        if then.startswith("Finish"):
            self.certify()
        elif then.startswith("Check"):
            expect(end).to_have_count(0)
            self.answer()

    def predicted(self) -> None:
        """Confirm all pages of each label."""
        self.press(self.main)
        self.shoot("confirm-choose")
        self.press(self.dialog.locator(".batch-groups .button").first)
        over = self.dialog.get_by_role("group", name="Result").or_(self.dialog.locator(".check-wait [role=alert]"))
        while self.dialog.count():
            self.batch()
            self.shoot("confirm-end")
            # The next label, or Close: what is left to confirm may be counted again while one looks.
            self.press(self.dialog.locator(".filled"))
            expect(over).to_have_count(0)

    def finish(self) -> None:
        """Let the model label the rest."""
        self.press(self.main)
        self.certify()

    def certify(self) -> None:
        """Press what the dialog "Finish" suggests."""
        expect(self.dialog.locator(".finish-plan")).to_have_attribute("aria-busy", "false")
        self.shoot("finish")
        then = self.dialog.locator(".finish-plan .filled")
        checks = then.inner_text().startswith("Check")
        self.press(then)
        if checks:
            self.answer()

    def take_away(self) -> dict[str, bytes]:
        """Download everything that matters."""
        self.press(self.main)
        self.shoot("take-away")
        files = {}
        for name in ("labels", "predictions", "photos in folders", "model"):
            with self.page.expect_download() as download:
                self.press(self.dialog.get_by_role("link", name=f"Download {name}"))
            files[name] = Path(download.value.path()).read_bytes()
        return files


class Keys(Person):
    """The same person, who has no mouse."""

    def press(self, button: Locator) -> None:
        """Go there by Tab, and press Enter."""
        self.go_to(button)
        self.page.keyboard.press("Enter")

    def go_to(self, button: Locator) -> None:
        """Press Tab until it has the focus."""
        expect(button).to_be_visible()
        for _ in range(120):
            if button.evaluate("one => document.activeElement === one"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come by {button}")

    def type(self, field: Locator, text: str) -> None:
        self.go_to(field)
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def draw(self, ids: set[int]) -> None:
        """Select photos that lie together, by the crosshair."""
        area = self.map_of.group(ids, at_least=3)
        photos = self.page.get_by_role("application", name="Photos on the map")
        expect(photos).to_be_focused()
        self.page.keyboard.press("ArrowLeft")  # shows it in the middle
        cross = self.page.locator(".crosshair")
        for x, y, key in ((area.left, area.top, "Space"), (area.right, area.bottom, "Enter")):
            for axis, to, less, more in (("x", x, "ArrowLeft", "ArrowRight"), ("y", y, "ArrowUp", "ArrowDown")):
                at = self.centre(cross)[axis]
                for _ in range(round(abs(to - at) / 16)):
                    self.page.keyboard.press(more if to > at else less)
            self.page.keyboard.press(key)
        expect(self.map_of.selection).to_contain_text("selected")

    @staticmethod
    def centre(cross: Locator) -> dict[str, float]:
        box = cross.bounding_box()
        assert box is not None
        return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    def pick(self, grid: Locator, wrong: Callable[[int], bool]) -> None:
        expect(grid).to_be_focused()
        total = int(grid.get_by_role("option").first.get_attribute("aria-setsize") or "")
        for _ in range(total):
            id = int((grid.get_attribute("aria-activedescendant") or "").removeprefix("review-"))
            if wrong(id):
                self.page.keyboard.press("Space")
            self.page.keyboard.press("ArrowRight")

    def name_photo(self, kind: str) -> None:
        labels = self.dialog.get_by_role("group", name="Labels")
        button = labels.get_by_role("button", name=re.compile(rf"^\d?\s*{kind}(, predicted)?$"))
        if button.count():
            self.page.keyboard.press(button.get_attribute("aria-keyshortcuts") or "")
        elif self.dialog.get_by_role("textbox", name="Another label").count():
            self.page.keyboard.press("+")
            self.page.keyboard.type(kind)
            self.page.keyboard.press("Enter")
        else:
            self.page.keyboard.type(kind)
            self.page.keyboard.press("Enter")

    def confirm(self) -> None:
        self.page.keyboard.press("Enter")

    def close(self) -> None:
        self.page.keyboard.press("Escape")


def walk(person: Person, folder: Path) -> None:
    """From the home page to the downloaded files, which hold what the person said."""
    person.create(folder)
    person.follow()
    files = person.take_away()
    labels = list(csv.DictReader(io.StringIO(files["labels"].decode())))
    assert {row["path"] for row in labels} == {path.name for path in folder.iterdir()}
    own = [row for row in labels if row["origin"] != "certified"]
    assert [row["label"] for row in own] == [person.known[row["path"]] for row in own]
    assert len(own) < len(labels) or "Finish…" not in person.steps
    predictions = list(csv.DictReader(io.StringIO(files["predictions"].decode())))
    assert len(predictions) == len(labels)
    with zipfile.ZipFile(io.BytesIO(files["photos in folders"])) as photos:
        in_folders = [name for name in photos.namelist() if "/" in name]
        assert sorted(in_folders) == sorted(f"{row['label']}/{row['path']}" for row in labels)
    with zipfile.ZipFile(io.BytesIO(files["model"])) as model:
        assert {name.rsplit("/", 1)[-1] for name in model.namelist()} >= {"model.json", "tensors.safetensors"}
    expected = ["Draw a lasso", "Review", "Draw a lasso", "Review", "Label 24 suggested photos", "Train"]
    assert person.steps[:6] == expected
    assert any(step.startswith("Check 30") for step in person.steps)


def test_by_mouse_alone(studio, page: Page, hand, shoot, vehicles: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, known = vehicles
    person = Person(page, hand(page), known, lambda name: shoot(page, f"mouse-{name}"))
    walk(person, shutil.copytree(folder, tmp_path / "by mouse"))


def test_by_keys_alone(studio, page: Page, hand, shoot, vehicles: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, known = vehicles
    person = Keys(page, hand(page), known, lambda name: shoot(page, f"keys-{name}"))
    walk(person, shutil.copytree(folder, tmp_path / "by keys"))
