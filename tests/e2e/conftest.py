"""A running Studio and a real browser: what every test of the page needs."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request as Asked
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

SCREENSHOTS = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"
KEEP_SCREENSHOTS = bool(os.environ.get("HANDLENS_SCREENSHOTS"))
"""Whether tests that pass keep screenshots for a person to look at; those that fail always do."""
VIEWPORT = {"width": 1280, "height": 800}
STARTING = 300
"""Seconds a server may take to answer; importing torch on a busy machine takes many."""
SLOW = 300_000
"""Milliseconds that anything may take, training included; only a failing test takes that long."""

expect.set_options(timeout=SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Studio:
    """A running `handlens studio`: its address, its home folder, its process, its log, and the collection looked at."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path
    collection_url: str = ""

    def on(self, photos: Path, *, network: str | None = None, weights: Path | None = None) -> Studio:
        """The same server, and the address of the collection of a folder, which it makes.

        Its features are learned on its photos, unless a network is named, with its weights.
        """
        wanted: dict[str, object] = {"source": {"kind": "path", "path": str(photos)}}
        wanted |= {"backbones": [network] if network else [], "weights": {network: str(weights)} if weights else {}}
        made = json.loads(self.ask("POST", "/api/collections", wanted))
        return replace(self, collection_url=f"{self.url}/c/{made['id']}")

    def with_copy(self, collection: Path) -> Studio:
        """The same server, and the address of its own copy of a prepared collection that is not open."""
        home = self.home / "collections"
        home.mkdir(exist_ok=True)
        number = len(list(home.glob(f"{collection.name}-*")))
        copy = shutil.copytree(collection, home / f"{collection.name}-{number}")
        return replace(self, collection_url=f"{self.url}/c/{copy.name}")

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """What the server answers to a request."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Asked(self.url + path, data, headers, method=method), timeout=STARTING) as answer:
            sent: bytes = answer.read()
        return sent

    def forget_all(self) -> None:
        """Delete all collections."""
        for found in json.loads(self.ask("GET", "/api/studio"))["collections"]:
            self.ask("DELETE", f"/api/collections/{found['id']}")

    @property
    def printed(self) -> str:
        """What the server has printed so far."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """End the server as Ctrl+C would."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.process.kill()
        self.process.wait()


def start_studio(home: Path, *arguments: str | Path) -> Studio:
    """Start `handlens studio` with `home` as its home folder, on a free port, and wait until it listens."""
    return start_server("handlens Studio", home, "studio", *arguments)


def start_server(title: str, home: Path, *arguments: str | Path) -> Studio:
    """Start a `handlens` that serves a page, on a free port unless one is given; wait until it has printed `title`."""
    home.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}-{len(list(home.parent.glob('*.log')))}.log"
    command = [sys.executable, "-c", "from handlens.cli import app; app()", *map(str, arguments)]
    command += ["--no-browser", *([] if "--port" in arguments else ["--port", "0"])]
    environment = {
        **os.environ,
        "HANDLENS_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        # No network that this machine happens to have, and none that could be fetched: nobody listens on port 9.
        "HF_HOME": str(home / "hub"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "TORCH_HOME": str(home / "torch"),
    }
    environment.pop("HF_HUB_CACHE", None)
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    give_up = time.monotonic() + STARTING
    while True:
        printed = log.read_text(errors="replace")
        if found := re.search(rf"^{title}: ((http://127\.0\.0\.1:\d+)\S*)\n", printed, re.MULTILINE):
            return Studio(found[2], home, process, log, found[1])
        if process.poll() is not None or time.monotonic() > give_up:
            process.kill()
            process.wait()
            pytest.fail(f"{title} does not listen:\n{printed}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def run_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Studio]]:
    """Start servers: `run_studio(*arguments, home=None)`; all are ended after the last test."""
    started: list[Studio] = []

    def run(*arguments: str | Path, home: Path | None = None) -> Studio:
        home = home or tmp_path_factory.mktemp("studio") / "home"
        started.append(start_studio(home, *arguments))
        return started[-1]

    yield run
    for studio in started:
        studio.stop()


@pytest.fixture(scope="session")
def shared_studio(run_studio: Callable[..., Studio]) -> Studio:
    """A server for all modules that do not end it: to start one takes seconds."""
    return run_studio()


@pytest.fixture(scope="module")
def studio(shared_studio: Studio) -> Iterator[Studio]:
    """A Studio without collections, which are deleted after the module; `studio.on(folder)` makes one."""
    yield shared_studio
    shared_studio.forget_all()


def find_chromium() -> str | None:
    """The browser named by HANDLENS_CHROMIUM, else `chromium` on PATH."""
    return os.environ.get("HANDLENS_CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium that draws WebGL in software and reaches no host but this machine."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("needs Chromium, and there is none on PATH (HANDLENS_CHROMIUM names one elsewhere)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
                "--ignore-gpu-blocklist",
                # All but WebGL is drawn without OpenGL: in software that takes most of the time.
                "--disable-gpu-compositing",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-quic",
                "--disable-sync",
                "--no-first-run",
                # Chromium looks up its maker's hosts at every start; none of them is there for it.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            ],
        )
        yield browser
        browser.close()


@dataclass
class Watch:
    """What went wrong in a page, beside what the test looks at.

    A page tells its problems when it pleases, and may ask again for what failed: so a test says what it causes, and
    all is compared when its pages are closed.
    """

    home: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Say that the test causes problems such as this one; it fails if there are none such at its end."""
        self.expected.append(pattern)

    def forgive(self, pattern: str) -> None:
        """Say that the test may cause such problems, if the page happens to ask for something at that moment."""
        self.forgiven.append(pattern)

    def check(self) -> None:
        """Fail on a problem that the test did not cause, and on one that it should have caused."""
        caused = [*self.expected, *self.forgiven]
        assert [said for said in self.problems if not any(re.search(pattern, said) for pattern in caused)] == []
        for pattern in self.expected:
            assert any(re.search(pattern, said) for said in self.problems), f"{pattern!r} is not in {self.problems}"

    def follow(self, page: Page) -> None:
        """Note the page's console errors, uncaught errors and requests to any other host."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        url = str(message.location.get("url", ""))
        # A small map that was asked for just before its labels went: the page drops it and asks again.
        if "409" in message.text and re.search(r"/map\?.*projection=(labels|separate)$", url):
            return
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({url})")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("blob", "data") and not request.url.startswith(self.home + "/"):
            self.problems.append(f"request to another host: {request.url}")


@pytest.fixture
def watch(studio: Studio) -> Watch:
    """The problems of this test's pages; `watch.expect(pattern)` names those caused on purpose."""
    return Watch(studio.url)


@pytest.fixture
def new_page(
    browser: Browser, studio: Studio, watch: Watch, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """Open pages at Studio's address, each like a person's own browser: `new_page(**context options)`.

    Nothing glides in them, since each frame of it is drawn without a GPU, unless `reduced_motion="no-preference"`.
    The test fails on a console error, an uncaught error or a request to another host in any of them.
    """
    pages: list[Page] = []

    def open_page(**options: object) -> Page:
        settings = {"base_url": studio.url, "viewport": VIEWPORT, "reduced_motion": "reduce"}
        context = browser.new_context(**{**settings, **options})
        context.set_default_timeout(SLOW)  # of its requests, too
        page = context.new_page()
        for name in ("get", "post", "put"):
            # The server closes a connection that was silent for seconds, perhaps just when the next request is sent.
            setattr(page.request, name, partial(getattr(page.request, name), max_retries=3))
        watch.follow(page)
        pages.append(page)
        return page

    yield open_page
    if getattr(request.node, "failed", False):
        for number, page in enumerate(pages):
            page.screenshot(path=_screenshot(request, f"failed-{number}"))
    for page in pages:
        page.context.close()
    watch.check()


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """One page of 1280×800 at Studio's address, not yet opened: `page.goto("/")`."""
    return new_page()


@dataclass(frozen=True)
class Area:
    """A rectangle of the page, CSS pixels, and the photos whose centres lie in it."""

    left: int
    top: int
    right: int
    bottom: int
    ids: frozenset[int]


class Hand:
    """What a person's eye and hand do with the map of one page: see where photos lie, and draw around them.

    Where photos lie differs from machine to machine, so nothing is drawn at a fixed place.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.map = page.get_by_role("main", name="Map of photos")
        self.selection = page.get_by_role("group", name="Selection")

    def wait_prepared(self) -> None:
        """Wait until all photos are prepared and the page has seen it."""
        # In the page's own words: the server may know of newer maps than the page.
        expect(self.page.locator(".studio")).to_be_visible()
        expect(self.page.get_by_label("Preparing", exact=True)).to_have_count(0)
        self.wait_still()

    def wait_still(self) -> None:
        """Wait until the map asked for is there and nothing moves; neighbours take the server seconds."""
        expect(self.map).to_have_attribute("aria-busy", "false")
        expect(self.page.locator(".middle")).to_have_count(0)

    def group(self, wanted: set[int], *, at_least: int) -> Area:
        """A square of the map with as many of the wanted photos as can be."""
        squares = self.crowds(None, side=110)
        best = max(squares, key=lambda area: len(area.ids & wanted))
        assert len(best.ids & wanted) >= at_least
        return best

    def photos(self) -> dict[int, tuple[float, float]]:
        """The photos in view by id: where on the page their centres lie."""
        self.wait_still()
        box = self.page.locator(".map-host")
        seen = box.evaluate(
            """host => {
                const { left, top } = host.getBoundingClientRect()
                return host.map.onScreen().map(({ id, x, y }) => [id, left + x, top + y])
            }"""
        )
        return {id: (x, y) for id, x, y in seen}

    def photo(self) -> tuple[float, float]:
        """Where on the page the centre of a photo lies that nothing covers, such as a message."""
        places = list(self.photos().values())
        free = self._free(places)
        return places[free.index(True)]

    def _free(self, places: list[tuple[float, float]]) -> list[bool]:
        """Whether the map itself is at each place on the page, not a button or a message over it."""
        return self.page.evaluate(
            "all => all.map(([x, y]) => document.elementFromPoint(x, y)?.closest('.map-host') != null)", places
        )

    def crowds(self, wanted: int | None, *, side: int = 90, at_least: int = 0) -> list[Area]:
        """The `wanted` most crowded squares of a grid over the map; fails where one has too few photos."""
        photos = self.photos()
        room = self.map.bounding_box()
        assert room is not None
        left, top = math.ceil(room["x"]), math.ceil(room["y"])
        columns, rows = int(room["width"]) // side, int(room["height"]) // side
        inside: dict[tuple[int, int], set[int]] = defaultdict(set)
        for id, (x, y) in photos.items():
            inside[int((x - left) // side), int((y - top) // side)].add(id)
        # A drag begins where the upper left corner is: buttons over the map would be pressed instead.
        squares = [
            Area(x := left + c * side + 2, y := top + r * side + 2, x + side - 4, y + side - 4, frozenset())
            for c in range(columns)
            for r in range(rows)
        ]
        free = self._free([(area.left, area.top) for area in squares])
        found = [
            replace(area, ids=frozenset(id for id, at in photos.items() if _within(area, *at)))
            for area, is_free in zip(squares, free, strict=True)
            if is_free
        ]
        found = sorted(found, key=lambda area: (-len(area.ids), area.left, area.top))[:wanted]
        assert wanted is None or len(found) == wanted
        assert len(found[-1].ids) >= at_least, f"{len(photos)} photos in view, but only {len(found[-1].ids)} there"
        return found

    def box(self, area: Area, *, then: int | None = None, key: str | None = None) -> int:
        """Draw a box around an area, `key` held down; `then` photos (those in it) must be selected afterwards."""
        self.page.keyboard.press("b")
        return self._draw([(area.left, area.top), (area.right, area.bottom)], area, then, key)

    def lasso(self, area: Area, *, then: int | None = None, key: str | None = None) -> int:
        """Draw a lasso around an area, as `box` does."""
        self.page.keyboard.press("l")
        corners = [(area.left, area.top), (area.right, area.top), (area.right, area.bottom), (area.left, area.bottom)]
        return self._draw([*corners, corners[0]], area, then, key)

    def _draw(self, through: list[tuple[int, int]], area: Area, then: int | None, key: str | None) -> int:
        expected = len(area.ids) if then is None else then
        if key:
            self.page.keyboard.down(key)
        self.page.mouse.move(*through[0])
        self.page.mouse.down()
        for point in through[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()
        if key:
            self.page.keyboard.up(key)
        if expected:
            expect(self.selection).to_contain_text(f"{expected:,} selected")
        else:
            expect(self.selection).to_have_count(0)
        return expected

    def label(self, name: str) -> None:
        """Give the selection a new label by keys, and wait until it is saved."""
        self.page.keyboard.press("n")
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        expect(self.label_button(name)).to_be_visible()
        expect(self.selection).to_have_count(0)
        self.wait_saved()

    def wait_saved(self) -> None:
        """Wait until the page says that all labels are on disk."""
        expect(self.page.locator(".saved")).to_have_text("Saved")

    def wait_kept(self, what: str) -> None:
        """Wait until the server keeps what the page shows, so that loading it again shows it, too.

        Args:
            what: an expression in JavaScript that is true of the `view` that should be kept.
        """
        self.page.wait_for_function(
            f"""async () => {{
                const answer = await fetch(location.pathname.replace('/c/', '/api/collections/'))
                const {{ view }} = await answer.json()
                return view !== null && ({what})
            }}""",
            polling=100,
        )

    def tab(self, name: str) -> Locator:
        """The tab of a panel on a narrow screen; that of the labels says how many there are, too."""
        return self.page.get_by_role("navigation", name="Panels").get_by_role("button", name=re.compile(f"^{name}"))

    def label_button(self, name: str) -> Locator:
        """The button of a label in the list of labels."""
        labels = self.page.get_by_role("region", name="Labels")
        return labels.get_by_role("button", name=re.compile(f"^{re.escape(name)}, "))


def _within(area: Area, x: float, y: float) -> bool:
    return area.left <= x <= area.right and area.top <= y <= area.bottom


@pytest.fixture(scope="session")
def drawn_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty small pictures, a broken one and a text file (not to be changed)."""
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    for i in range(20):
        picture = Image.new("RGB", (80, 60), (20 * (i % 10), 120, 200 - 8 * i))
        ImageDraw.Draw(picture).ellipse((5 + i, 5, 35 + i, 35), fill=(240, 60 + 8 * i, 40))
        picture.save(folder / f"shape {i}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture(scope="session")
def prepared_shapes(drawn_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared collection of the drawn photos, for `studio.with_copy`; to prepare takes seconds."""
    from handlens.studio import Collection

    folder = tmp_path_factory.mktemp("prepared") / "shapes"
    with Collection.create(folder, images=drawn_photos, backbone=None) as collection:
        collection.prepare()
    return folder


@pytest.fixture
def open_folder() -> Callable[[Page, Path], str]:
    """`open_folder(page, folder)`: make a collection of a folder as a person does; returns its id."""

    def make(page: Page, folder: Path) -> str:
        page.goto("/")
        page.get_by_role("textbox", name="Folder").fill(str(folder))
        page.get_by_role("button", name="Create collection").click()
        page.wait_for_url(re.compile(r"/c/"))
        return urlsplit(page.url).path.removeprefix("/c/")

    return make


@pytest.fixture
def open_shapes(studio: Studio, prepared_shapes: Path) -> Callable[[Page], str]:
    """`open_shapes(page)`: open a collection of the drawn photos, which is this test's own; returns its id."""

    def open_copy(page: Page) -> str:
        page.goto(studio.with_copy(prepared_shapes).collection_url)
        return urlsplit(page.url).path.removeprefix("/c/")

    return open_copy


@pytest.fixture
def hand() -> Callable[[Page], Hand]:
    """`hand(page)`: see where photos lie on a page's map, and draw around them."""
    return Hand


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`shoot(page, "07-similar")`: keep artifacts/screenshots/<module>/07-similar.png, if screenshots are wanted.

    `themes` and `sizes`: keep one of each theme in each size.
    """

    def take(
        page: Page,
        name: str,
        *,
        themes: Iterable[str] = (),
        sizes: Iterable[tuple[str, int, int]] = (),
    ) -> None:
        if not (KEEP_SCREENSHOTS or name.startswith("failed")):
            return
        before = page.viewport_size
        for size, width, height in sizes or [("", 0, 0)]:
            if size:
                page.set_viewport_size({"width": width, "height": height})
            for theme in themes or [""]:
                if theme:
                    page.emulate_media(color_scheme=theme)
                page.screenshot(path=_screenshot(request, "-".join(part for part in (name, size, theme) if part)))
        if sizes and before:
            page.set_viewport_size(before)

    return take


def _screenshot(request: pytest.FixtureRequest, name: str) -> Path:
    module = request.path.stem.removeprefix("test_")
    if name.startswith("failed"):
        name = f"{re.sub(r'[^A-Za-z0-9_-]+', '-', request.node.name)}-{name}"
    folder = SCREENSHOTS / module
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True
    return report
