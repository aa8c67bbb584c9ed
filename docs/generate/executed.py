"""The tutorials are executed when the site is built, and the site shows what their code prints and draws.

Jupyter's nbclient executes the blocks of Python of a page in an empty folder with small tables that were made for it; a
warning is an error. The pages stay plain Markdown, as code hosts show it. A picture or a block of text right after a
block of code stands for its output where a page is read without being built; the site shows the new one in its place.
"""

from __future__ import annotations

import base64
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from sphinx.errors import ExtensionError
from traitlets.config import Config

from tests.made_tables import EXECUTED, write_made_tables

if TYPE_CHECKING:
    from sphinx.application import Sphinx

BLOCK = re.compile(
    r"(?P<skip><!--- skip: next -->\n\n)?^```python\n(?P<code>.*?)^```$"
    r"(?P<stored>(?:\n\n(?:!\[[^\n]*?\]\([^\n]*?\)$|```text\n.*?^```$))*)",
    re.MULTILINE | re.DOTALL,
)
ENCRYPTED = Config({"AsyncKernelManager": {"transport_encryption": "auto"}})
"""What is sent between this process and the one that executes a page is encrypted; Jupyter warns if it is not."""

INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
"""Figures are drawn into the page, also where the environment names another backend, which Jupyter gives way to."""

STYLE = """
%matplotlib inline
import matplotlib, warnings
matplotlib.rcParams.update({"figure.figsize": (6, 3.2), "figure.dpi": 110, "savefig.bbox": "tight"})
warnings.simplefilter("error")
del matplotlib, warnings
"""
END = "import warnings\nwarnings.simplefilter('ignore')"  # Jupyter itself warns when it ends

_running: dict[str, Future[list[list[Any]]]] = {}


def start(app: Sphinx, _: object, pages: list[str]) -> None:
    """Begin to execute the tutorials that are about to be read; Sphinx calls this with all pages to read."""
    pool = ThreadPoolExecutor(max_workers=2)
    for page in EXECUTED:
        if page in pages:
            text = (Path(app.srcdir) / f"{page}.md").read_text(encoding="utf-8")
            _running[page] = pool.submit(
                outputs_of, [block["code"] for block in BLOCK.finditer(text) if not block["skip"]]
            )
    pool.shutdown(wait=False)


def show(app: Sphinx, page: str, source: list[str]) -> None:
    """Put what each block printed and drew below it; Sphinx calls this with each page that it reads."""
    if page not in _running:
        return
    try:
        outputs = iter(_running.pop(page).result())
    except CellExecutionError as failed:
        plain = re.sub(r"\x1b\[[\d;]*m", "", str(failed))  # without colours
        raise ExtensionError(f"docs/{page}.md could not be executed: {plain}") from failed
    for earlier in (Path(app.srcdir) / "drawn").glob(f"{page}-*.png"):
        earlier.unlink()
    pictures = Pictures(Path(app.srcdir), page)
    source[0] = BLOCK.sub(
        lambda block: block[0] if block["skip"] else with_outputs(block, next(outputs), pictures), source[0]
    )


def outputs_of(blocks: list[str]) -> list[list[Any]]:
    """Execute blocks of code one after the other, in an empty folder; what each printed and drew."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in (STYLE, *blocks, END)])
    with TemporaryDirectory() as folder:
        write_made_tables(Path(folder))
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=600, resources=resources, config=ENCRYPTED)
        client.execute(env={**os.environ, **INLINE, "HANDLENS_HOME": str(Path(folder) / "home")})
    return [cell.outputs for cell in notebook.cells[1:-1]]


@dataclass
class Pictures:
    """The files of the pictures that a page draws."""

    docs: Path
    page: str
    count: int = 0

    def add(self, png: str) -> str:
        """Write a picture; gives its place in docs/."""
        self.count += 1
        place = f"drawn/{self.page}-{self.count}.png"
        (self.docs / place).parent.mkdir(parents=True, exist_ok=True)
        (self.docs / place).write_bytes(base64.b64decode(png))
        return place


def with_outputs(block: re.Match[str], outputs: list[Any], pictures: Pictures) -> str:
    """A block of code with what it printed and drew, in place of the outputs that are stored in the page."""
    alts = iter(re.findall(r"!\[(.*?)\]", block["stored"], re.DOTALL))
    shown = []
    for k, output in enumerate(outputs):
        data = output.get("data", {})
        if "image/png" in data and any(data == earlier.get("data") for earlier in outputs[:k]):
            continue  # a figure that is the value of the last line is shown twice
        text = output.get("text", data.get("text/plain", "")).rstrip()
        if "image/png" in data:
            shown.append(f"![{next(alts, 'Drawn by the code above')}](/{pictures.add(data['image/png'])})")
        elif "text/html" in data and not data["text/html"].strip():
            continue  # how far work was that took long on this machine, and has ended
        elif "text/html" in data:
            shown.append(f"~~~~~~{{raw}} html\n{data['text/html']}\n~~~~~~")
        elif text and " at 0x" not in text:  # what is called after its place in memory says nothing
            shown.append(f"~~~~~~text\n{text}\n~~~~~~")
    if not shown:
        return block[0]
    return "\n\n".join([f"```python\n{block['code']}```", ":::::{div} output", *shown, ":::::"])
