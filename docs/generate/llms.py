"""llms.txt: what the site has, a line a page, for programs that read text; see llmstxt.org."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SECTIONS = ("install", "tutorials", "how-to", "explanation", "reference")


def write(app: Sphinx, error: Exception | None) -> None:
    """Write llms.txt into the built site; Sphinx calls this at the end of a build."""
    if error is None and app.builder.format == "html":
        titles = {page: title.astext() for page, title in app.env.titles.items()}
        below = {section: [section, *app.env.toctree_includes.get(section, [])] for section in SECTIONS}
        text = listing(titles, below, Path(app.srcdir))
        (Path(app.outdir) / "llms.txt").write_text(text, encoding="utf-8", newline="\n")


def listing(titles: dict[str, str], below: dict[str, list[str]], docs: Path) -> str:
    """List the pages of each section with their first sentences; the links lead to their sources.

    Args:
        titles: the title of each page.
        below: the pages of each section, in order.
        docs: the folder that the pages were read from.
    """
    lines = [
        "# handlens",
        "",
        "> From a folder of unlabelled photos or a raw table to labels, a trained model and an honest account of it,",
        "> in the browser (`handlens studio PHOTOS/`) and in Python (`from handlens.studio import Collection`).",
    ]
    for section, pages in below.items():
        lines += ["", f"## {titles[section]}", ""]
        for page in pages:
            file = next(file for suffix in ("md", "rst") if (file := docs / f"{page}.{suffix}").exists())
            sentence = first_sentence(file.read_text(encoding="utf-8"))
            lines.append(f"- [{titles[page]}](_sources/{page}{file.suffix}.txt){f': {sentence}' if sentence else ''}")
    return "\n".join(lines) + "\n"


def first_sentence(text: str) -> str:
    """The first sentence of a page's prose, without its links and marks."""
    prose = re.sub(r"^(```.*?^```|:::.*?^:::|<!--.*?-->|#.*?|!\[.*?)$", "", text, flags=re.MULTILINE | re.DOTALL)
    for paragraph in prose.split("\n\n"):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split())).replace("**", "")
        if plain and not plain.startswith(("|", "-", "=", ".", ":")):
            return re.split(r"(?<=[.?!]) ", plain)[0]
    return ""
