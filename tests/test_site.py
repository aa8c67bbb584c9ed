"""The site of the documentation: built without warnings, whole, and without the network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.generate.executed import BLOCK, Pictures, with_outputs
from tests.built_site import build_site
from tests.made_tables import EXECUTED

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PUBLIC = (ROOT / "tests" / "public_api.txt").read_text(encoding="utf-8")


@dataclass
class BuiltPage(HTMLParser):
    """What a built page links to, what it loads, and where one can link into it."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("canonical", "next", "prev", "index", "search", "author"):
            self.loads.append(values.get("href", ""))
        else:
            self.loads += [values[name] for name in ("src", "srcset", "poster", "data") if name in values]


@pytest.fixture(scope="module")
def site() -> Path:
    return build_site(again=True)


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, BuiltPage]:
    """Each built page, read."""
    found = {}
    for file in sorted(set(site.rglob("*.html")) - set((site / "_static").rglob("*.html"))):
        found[file] = BuiltPage()
        found[file].feed(file.read_text(encoding="utf-8"))
    assert len(found) > 200
    return found


def is_outside(address: str) -> bool:
    return bool(urlsplit(address).scheme or urlsplit(address).netloc)


def test_each_link_leads_to_a_page_and_an_anchor_that_exist(built: dict[Path, BuiltPage]) -> None:
    broken = []
    for file, page in built.items():
        for link in page.links:
            if is_outside(link):
                continue
            target = (file.parent / unquote(urlsplit(link).path)).resolve() if urlsplit(link).path else file
            anchor = unquote(urlsplit(link).fragment)
            if not target.is_file() or (anchor and target.suffix == ".html" and anchor not in built[target].anchors):
                broken.append(f"{file.name}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path, built: dict[Path, BuiltPage]) -> None:
    loaded = {(file, address) for file, page in built.items() for address in page.loads if address}
    assert len(loaded) > 200
    assert sorted(address for _, address in loaded if is_outside(address) and not address.startswith("data:")) == []
    gone = [f"{file.name}: {a}" for file, a in loaded if not a.startswith("data:") and not _exists(file.parent, a)]
    assert gone == []
    for sheet in site.rglob("*.css"):
        addresses = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", sheet.read_text(encoding="utf-8"))
        assert [one for one in addresses if one.startswith(("http:", "https:", "//"))] == [], sheet.name


def _exists(folder: Path, address: str) -> bool:
    return (folder / unquote(urlsplit(address).path)).is_file()


def names_of_the_reference() -> list[tuple[str, str, bool]]:
    """Read tests/public_api.txt: the module and name of each, and whether it is a class or function of handlens."""
    found, module = [], ""
    for line in PUBLIC.splitlines():
        if line.startswith("["):
            module = line.strip("[]")
        elif line and not line.startswith(" "):
            name = re.match(r"(?:class )?(\w+)", line)
            assert name is not None
            rest = line[name.end() :]
            found.append((module, name[1], line.startswith("class ") or rest.startswith("(") or "as in" in rest))
    return found


def test_every_public_class_and_function_has_a_page_with_an_example(site: Path) -> None:
    names = [(module, name) for module, name, described in names_of_the_reference() if described]
    assert len(names) > 150
    lacking = []
    for module, name in names:
        page = re.search(
            rf'href="([^"#]+)"><span class="doc">{name}</span>',
            (site / "api" / f"{module}.html").read_text(encoding="utf-8"),
        )
        text = (site / "api" / page[1]).read_text(encoding="utf-8") if page else ""
        if "&gt;&gt;&gt; " not in re.sub(r"<[^>]+>", "", text):
            lacking.append(f"{module}.{name}: {'an example' if page else 'a page'}")
    assert lacking == []


def test_every_other_public_name_is_on_the_page_of_its_module(site: Path) -> None:
    names = [(module, name) for module, name, described in names_of_the_reference() if not described]
    assert len(names) > 20
    for module, name in names:
        text = re.sub(r"<[^>]+>", "", (site / "api" / f"{module}.html").read_text(encoding="utf-8"))
        assert re.search(rf"\b{name}\b", text), f"{module}.{name}"


def test_doc_names_pages_that_exist(site: Path) -> None:
    import handlens.audit
    import handlens.tabular
    import handlens.vision
    from handlens.core.doc import site_page

    for module in (handlens.audit, handlens.tabular, handlens.vision):
        for thing in (module, *(getattr(module, name) for name in module.__all__)):
            page = site_page(thing) if hasattr(thing, "__name__") else None
            assert page is None or (site / page).is_file(), page
    page, _, anchor = str(site_page(handlens.tabular.Learner.fit_one_cycle)).partition("#")
    assert f'id="{anchor}"' in (site / page).read_text(encoding="utf-8")


def test_llms_txt_lists_each_page_with_a_link_to_its_source(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# handlens\n\n> From a folder of unlabelled photos")
    links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", text, re.MULTILINE)
    assert [link for link in links if not (site / link).is_file()] == []
    written = {f"_sources/{page.name}.txt" for page in DOCS.glob("*.md") if page.stem not in ("index", "gallery")}
    assert written <= set(links)


@pytest.mark.parametrize("page", EXECUTED)
def test_tutorials_show_what_their_code_draws(site: Path, page: str) -> None:
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    outputs = text.split('<div class="output ')[1:]
    assert outputs
    drawn = re.findall(rf'src="_images/({page}-\d+\.png)"', text)
    assert drawn == [f"{page}-{k}.png" for k in range(1, len(drawn) + 1)]
    assert drawn
    assert all((site / "_images" / picture).read_bytes().startswith(b"\x89PNG") for picture in drawn)


def test_what_code_printed_stands_below_it_in_place_of_what_is_stored(site: Path) -> None:
    text = (site / "experiments.html").read_text(encoding="utf-8")
    assert "mean of value (less is better)\n" not in text  # stored as text; the new one is a table
    assert "_images/experiments.png" not in text
    assert text.count('src="_images/experiments-') == 1  # a figure that is also the last line's value
    layers = (site / "label-a-folder.html").read_text(encoding="utf-8").partition('<div class="output ')[2]
    assert "patches/fine/what" in layers.partition("</div>")[0]


def test_pictures_of_real_tables_stand_beside_those_of_the_build(site: Path) -> None:
    text = (site / "tabular.html").read_text(encoding="utf-8")
    assert re.findall(r'src="_images/([\w-]+)\.png"', text) == [
        *("tabular-1", "lr_find", "tabular-2", "losses", "tabular-3", "schedule"),
    ]


def test_every_command_is_described(site: Path) -> None:
    text = (site / "project" / "commands.html").read_text(encoding="utf-8")
    for command in ("handlens studio", "handlens predict", "handlens audit datasheet", "handlens prep rossmann"):
        assert f"<h2>{command}<" in text


def test_requests_are_described_with_their_schemas(site: Path) -> None:
    text = (site / "project" / "http.html").read_text(encoding="utf-8")
    assert "GET /api/studies" in text
    assert "schemas-of-studio" in text


def test_what_a_progress_bar_leaves_behind_is_not_shown(tmp_path: Path) -> None:
    block = BLOCK.search("```python\nlearn.fit(1)\n```")
    assert block
    empty = {"data": {"text/html": " \n", "text/plain": "<IPython.core.display.HTML object>"}}
    table = {"data": {"text/html": "<p>1</p>"}}
    assert with_outputs(block, [empty], Pictures(tmp_path, "page")) == block[0]
    assert with_outputs(block, [empty, table], Pictures(tmp_path, "page")).split("\n\n")[2:] == [
        "~~~~~~{raw} html\n<p>1</p>\n~~~~~~",
        ":::::",
    ]
