"""The page "Kernel": what it shows is what the pixels give, however kernel, window, stride and padding are set."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

BOTTOM_RIGHT_EDGE = np.array([[0, -5 / 3, 1], [-5 / 3, -5 / 3, 1], [1, 1, 1]]) / 6
PADS = {"none": None, "zeros": "constant", "reflection": "reflect"}
PLACE = re.compile(r"column (\d+), row (\d+)", re.IGNORECASE)


class Kernel:
    """What a person sees and does on the page, and what it should say by the pixels of its picture."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.picture = page.get_by_role("application", name="Picture")
        self.output = page.get_by_role("application", name="Output")
        self.kernel = page.get_by_role("group", name="Kernel")
        self.sum = page.get_by_role("group", name="Sum")
        self.close = page.get_by_role("region", name="At the window").locator(".close")

    def choose(self, name: str, value: str) -> None:
        self.page.get_by_role("combobox", name=name, exact=True).select_option(value)

    def chosen(self, name: str) -> str:
        return self.page.get_by_role("combobox", name=name, exact=True).input_value()

    def pixels(self, of: Locator) -> np.ndarray:
        """The bytes of a canvas, [height, width, 3]."""
        sent = of.locator("canvas").evaluate(
            """canvas => new Promise(give => canvas.toBlob(blob => {
                const reader = new FileReader()
                reader.onload = () => give(reader.result.split(',')[1])
                reader.readAsDataURL(blob)
            }))"""
        )
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(sent))).convert("RGB")).astype(float)

    def numbers(self) -> np.ndarray:
        """The kernel as it is written."""
        texts = [field.input_value() for field in self.kernel.get_by_role("textbox").all()]
        return np.array([float(Fraction(text)) for text in texts]).reshape(3, 3)

    def nine(self, name: str) -> np.ndarray:
        """The numbers of one of the page's tables."""
        texts = self.page.get_by_role("table", name=name, exact=True).get_by_role("cell").all_inner_texts()
        return np.array([float(text.replace("−", "-")) for text in texts]).reshape(3, 3)

    def shown_sum(self) -> float:
        return float(self.sum.locator("b").inner_text().replace("−", "-"))

    def place(self) -> tuple[int, int]:
        """Which output the sum is for, from 0."""
        return self._place(self.sum)

    def middle(self) -> tuple[int, int]:
        """The pixel in the middle of the window, from 0."""
        return self._place(self.close)

    def _place(self, of: Locator) -> tuple[int, int]:
        found = PLACE.search(of.inner_text())
        assert found is not None
        return int(found[1]) - 1, int(found[2]) - 1

    def at(self, of: Locator, x: int, y: int) -> tuple[float, float]:
        """Where on the page the middle of a pixel is."""
        of.scroll_into_view_if_needed()
        box = of.bounding_box()
        assert box is not None
        width, height = of.locator("canvas").evaluate("canvas => [canvas.width, canvas.height]")
        return box["x"] + (x + 0.5) * box["width"] / width, box["y"] + (y + 0.5) * box["height"] / height

    def check(self, kernel: np.ndarray, *, stride: int = 1, padding: str = "none", white: int = 255) -> None:
        """The nine numbers, the products, the sum and the whole output are those of the picture's pixels."""
        np.testing.assert_allclose(self.numbers(), kernel, atol=1e-12)
        pixels = self.pixels(self.picture)
        # One channel is shown in greys: its number three times.
        plane = pixels.sum(axis=2) if self.chosen("Channels") == "all" else pixels[..., 0]
        padded = plane if PADS[padding] is None else np.pad(plane, 1, PADS[padding])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))[::stride, ::stride]
        outputs = (windows * kernel).sum(axis=(2, 3))
        x, y = self.place()
        edge = 0 if padding == "none" else 1
        assert self.middle() == (x * stride - edge + 1, y * stride - edge + 1)
        scale = white / 255
        close = 0.0051 if white == 255 else 0.00051
        np.testing.assert_allclose(self.nine("Pixels"), windows[y, x] * scale, atol=close)
        np.testing.assert_allclose(self.nine("Products"), windows[y, x] * kernel * scale, atol=close)
        assert self.shown_sum() == pytest.approx(outputs[y, x] * scale, abs=close)
        shades = self.pixels(self.output)[..., 0]
        assert shades.shape == outputs.shape
        if self.chosen("Output shown") == "clipped":
            expected = outputs.clip(0, 255)
        else:
            expected = (outputs - outputs.min()) / np.ptp(outputs) * 255
        np.testing.assert_allclose(shades, expected, atol=0.51)


@pytest.fixture
def kernel(studio, page: Page) -> Kernel:
    page.goto("/kernel")
    expect(page.get_by_role("application", name="Picture")).to_be_visible()
    return Kernel(page)


def test_at_first_it_is_the_bottom_right_edge_of_all_channels(studio, page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Kernel").click()
    page.wait_for_url("**/kernel")
    expect(page).to_have_title("Kernel – handlens Studio")
    shown = Kernel(page)
    expect(shown.picture).to_be_visible()
    shown.check(BOTTOM_RIGHT_EDGE)
    page.get_by_role("link", name="All collections").click()
    expect(page.get_by_role("heading", name="Studio")).to_be_visible()


def test_a_kernel_is_chosen_or_written(kernel: Kernel) -> None:
    kernel.choose("Kernel", "left-edge")
    kernel.check(np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]))
    kernel.choose("Kernel", "blur")
    kernel.check(np.outer([1, 2, 1], [1, 2, 1]) / 16)
    written = np.array([[0.5, -3, 0], [0, 1, 0], [0, 0, 1 / 7]])
    for field, text in zip(
        kernel.kernel.get_by_role("textbox").all(), ["0.5", "-3", "0", "0", "1", "0", "0", "0", "1/7"], strict=True
    ):
        field.fill(text)
    assert kernel.chosen("Kernel") == "own"
    kernel.check(written)

    # While a number cannot be read, its last one counts.
    first = kernel.kernel.get_by_label("Row 1, column 2")
    first.fill("-")
    expect(kernel.page.get_by_role("alert")).to_contain_text("Row 1, column 2 of the kernel takes a number")
    expect(first).to_have_attribute("aria-invalid", "true")
    np.testing.assert_allclose(kernel.nine("Products").flat[1], -3 * kernel.nine("Pixels").flat[1], atol=0.02)
    first.fill("-2")
    expect(kernel.page.get_by_role("alert")).to_have_count(0)
    written[0, 1] = -2
    kernel.check(written)


def test_the_window_moves_by_mouse_keys_and_buttons(kernel: Kernel) -> None:
    page = kernel.page
    page.mouse.click(*kernel.at(kernel.picture, 30, 40))
    assert kernel.middle() == (30, 40)
    kernel.check(BOTTOM_RIGHT_EDGE)
    for key, middle in [
        ("ArrowRight", (31, 40)),
        ("ArrowDown", (31, 41)),
        ("ArrowLeft", (30, 41)),
        ("ArrowUp", (30, 40)),
        ("Shift+ArrowDown", (30, 50)),
    ]:
        page.keyboard.press(key)
        assert kernel.middle() == middle
    expect(page.get_by_role("status", name="Announcements")).to_contain_text("Output column 30, row 50")
    page.mouse.move(*kernel.at(kernel.picture, 60, 60))
    page.mouse.down()
    page.mouse.move(*kernel.at(kernel.picture, 130, 90), steps=4)
    assert kernel.middle() == (130, 90)
    kernel.check(BOTTOM_RIGHT_EDGE)
    # Beyond the picture it stops at its last place.
    page.mouse.move(1, 1)
    page.mouse.up()
    assert kernel.middle() == (1, 1)
    page.mouse.move(*kernel.at(kernel.picture, 80, 80))
    assert kernel.middle() == (1, 1), "nothing is dragged any more"
    page.mouse.click(*kernel.at(kernel.output, 20, 12))
    assert kernel.place() == (20, 12)
    moving = page.get_by_role("group", name="Move the window")
    for way, place in [("Left", (19, 12)), ("Up", (19, 11)), ("Right", (20, 11)), ("Down", (20, 12))]:
        moving.get_by_role("button", name=way).click()
        assert kernel.place() == place
    kernel.check(BOTTOM_RIGHT_EDGE)


def test_stride_padding_channels_and_units(kernel: Kernel) -> None:
    height, width = kernel.pixels(kernel.picture).shape[:2]
    for padding in ("zeros", "reflection", "none"):
        kernel.choose("Padding", padding)
        for stride in (2, 1):
            kernel.choose("Stride", str(stride))
            outputs = kernel.pixels(kernel.output).shape[:2]
            if padding != "none":
                assert outputs == (-(-height // stride), -(-width // stride))
            # The corner, where padding tells.
            kernel.page.mouse.click(*kernel.at(kernel.output, 0, 0))
            assert kernel.place() == (0, 0)
            kernel.check(BOTTOM_RIGHT_EDGE, stride=stride, padding=padding)
    kernel.choose("Stride", "2")
    kernel.output.focus()
    kernel.page.keyboard.press("ArrowRight")
    assert (kernel.place(), kernel.middle()) == ((1, 0), (3, 1)), "with stride 2 the window goes two pixels"

    colours = kernel.pixels(kernel.picture)
    for channels, plane in [
        ("red", colours[..., 0]),
        ("green", colours[..., 1]),
        ("blue", colours[..., 2]),
        ("grey", colours.mean(axis=2)),
    ]:
        kernel.choose("Channels", channels)
        np.testing.assert_allclose(kernel.pixels(kernel.picture)[..., 0], plane, atol=0.51)
        np.testing.assert_allclose(kernel.nine("Pixels"), plane[:3, 2:5], atol=0.0051)
    kernel.choose("Channels", "red")
    kernel.choose("Output shown", "clipped")
    kernel.choose("Pixel values", "1")
    kernel.check(BOTTOM_RIGHT_EDGE, stride=2, white=1)


def test_a_photo_of_a_collection(studio, page: Page, hand, watch, open_shapes) -> None:
    id = open_shapes(page)
    hand(page).wait_prepared()
    photo, (x, y) = max(hand(page).photos().items(), key=lambda item: item[1][1])
    page.mouse.dblclick(x, y)
    name = page.get_by_role("dialog").get_by_role("heading").inner_text()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Look through a kernel").click()
    looked = opened.value
    watch.follow(looked)
    shown = Kernel(looked)
    expect(shown.picture.get_by_role("img")).to_have_attribute("aria-label", name)
    thumb = page.request.get(f"/api/collections/{id}/photos/{photo}/thumb").body()
    expected = np.asarray(Image.open(io.BytesIO(thumb)).convert("RGB")).astype(float)
    # Two decoders of JPEG may round differently.
    assert np.abs(shown.pixels(shown.picture) - expected).mean() < 2
    shown.check(BOTTOM_RIGHT_EDGE)

    # The next one, and all that was chosen, are in the address.
    looked.get_by_role("button", name="Next photo").click()
    following = (photo + 1) % 20
    expect(looked.get_by_role("group", name="Photo")).to_contain_text(f"{following + 1} of 20")
    expect(shown.picture.get_by_role("img")).not_to_have_attribute("aria-label", name)
    shown.choose("Kernel", "emboss")
    shown.choose("Stride", "2")
    shown.choose("Padding", "reflection")
    looked.mouse.click(*shown.at(shown.picture, 20, 10))
    looked.wait_for_url(
        re.compile(
            rf"collection={id}&photo={following}&kernel=-2,-1,0,-1,1,1,0,1,2&stride=2&padding=reflection&at=20,10$"
        )
    )
    looked.reload()
    expect(shown.picture).to_be_visible()
    assert shown.middle() == (20, 10)
    shown.check(np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]), stride=2, padding="reflection")
    looked.get_by_label("Pictures of").select_option("Built-in picture")
    expect(shown.picture.get_by_role("img")).to_have_attribute("aria-label", "a house")


def test_a_picture_that_cannot_be_loaded_is_said(studio, page: Page, watch, open_shapes) -> None:
    id = open_shapes(page)
    page.goto(f"/kernel?collection={id}&photo=999")
    expect(page.get_by_role("alert")).to_contain_text("There is no photo 999")
    watch.expect("404")
    page.get_by_role("button", name="Use the built-in picture").click()
    expect(page.get_by_role("application", name="Picture")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)

    page.route("**/thumb", lambda route: route.fulfill(body=b"not a picture", content_type="image/jpeg"))
    page.goto(f"/kernel?collection={id}&photo=2")
    expect(page.get_by_role("alert")).to_contain_text("is not a picture that this browser can show")
    page.unroute("**/thumb")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("application", name="Picture")).to_be_visible()

    page.goto("/kernel?collection=none-there&photo=0")
    expect(page.get_by_role("alert")).to_contain_text("no collection")
    watch.expect("404")


@pytest.mark.parametrize(
    ("size", "width", "height", "theme"), [("wide", 1280, 800, "dark"), ("narrow", 390, 844, "light")]
)
def test_it_fits_the_screen(
    studio,
    new_page: Callable[..., Page],
    shoot: Callable[..., None],
    size: str,
    width: int,
    height: int,
    theme: str,
) -> None:
    page = new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    page.goto("/kernel?padding=zeros&at=92,81")
    expect(page.get_by_role("application", name="Picture")).to_be_visible()
    shoot(page, f"{size}-{theme}")
    over = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert over[0] <= width
    if size == "wide":
        assert over[1] <= height
    else:
        # The pictures stay in sight while the kernel is changed.
        page.get_by_role("group", name="Kernel").get_by_label("Row 3, column 3").fill("1")
        expect(page.get_by_role("application", name="Output")).to_be_in_viewport()
        shoot(page, f"{size}-{theme}-kernel")
