"""Files of the repository's root as pages of the site, and the links to and from them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MIRRORS = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "benchmarks/README.md": "benchmarks",
    "examples/handlens-plugin/README.md": "plugin-example",
}
"""Files of the repository that are pages of the site too, and the names of the pages."""

LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def mirrors(root: Path) -> dict[str, str]:
    """Read the files, with links that lead to pages of the site; names of the pages and their texts."""
    return {
        name: on_the_site((root / file).read_text(encoding="utf-8"), PurePosixPath(file).parent)
        for file, name in MIRRORS.items()
    }


def to_mirrors(_: Sphinx, page: str, source: list[str]) -> None:
    """Make links out of docs/ lead to pages of the site; Sphinx calls this with each page that it reads."""
    if "/" not in page:
        source[0] = on_the_site(source[0], PurePosixPath("docs"))


def list_more_guides(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the pages that no list of the site names to that of the how-to guides, in place of its `<!-- more -->`."""
    if page != "how-to":
        return
    files = sorted(Path(app.srcdir).glob("*.md"))
    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    toctrees = re.findall(r"^```\{toctree\}\n(.*?)^```$", "\n".join(texts.values()), re.MULTILINE | re.DOTALL)
    named = {"index", *"\n".join(toctrees).split()}
    more = {name: text for name, text in texts.items() if name not in named}
    titles = {name: re.search(r"^# (.*)$", text, re.MULTILINE) for name, text in more.items()}
    bullets = "\n".join(f"- [{title[1] if title else name}]({name}.md)" for name, title in titles.items())
    source[0] = source[0].replace("<!-- more -->", bullets).replace("\n```\n", "\n" + "\n".join([*more, "```", ""]))


def on_the_site(text: str, folder: PurePosixPath) -> str:
    """Rewrite the links of a file in `folder` of the repository; of what has no page, the text alone stays."""

    def rewritten(link: re.Match[str]) -> str:
        target, hash_, anchor = link["target"].partition("#")
        if not target or "://" in target or target.startswith("/"):
            return link[0]
        path = normpath(str(folder / target))
        if path.startswith("docs/"):
            place = "/" + path.removeprefix("docs/")
        elif path == "README.md":
            place = "/index.md"
        elif path in MIRRORS:
            place = f"/project/{MIRRORS[path]}.md"
        else:
            return link["text"]
        text = "" if link["text"].endswith(".md") else link["text"]  # the title of the page takes the place of a file
        return f"[{text}]({place}{hash_}{anchor})"

    fences = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(rewritten, part) for part in fences)
