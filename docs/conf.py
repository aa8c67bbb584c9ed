"""How the site is built from docs/: `make docs`, or `python -m sphinx -W --keep-going -b html docs build/site`.

Pages that are written by hand are the Markdown files beside this one. Those in docs/api/ and docs/project/ are written
before each build, from the docstrings, the command line, the descriptions of the HTTP APIs and the files of the
repository's root; see docs/generate/.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from generate import api, commands, executed, http, links, llms, writing  # noqa: E402

import handlens  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "handlens"
author = "The handlens contributors"
project_copyright = "the handlens contributors, Apache-2.0"
version = release = handlens.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["data", "generate", "static"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # links to headings are those of the code host
suppress_warnings = ["myst.header"]  # pages may begin below the first level

default_role = "code"  # docstrings write `names` as Markdown does
highlight_language = "none"
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # they are in the text, with shapes and units
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # what torch says about its own methods is not ours to repeat
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]  # a list, in place of a description of each
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

html_theme = "pydata_sphinx_theme"
html_title = "handlens"
html_static_path = ["static"]
html_css_files = ["handlens.css"]
html_favicon = html_logo = "../src/handlens/studio/web/public/favicon.svg"
html_copy_source = True  # llms.txt names the sources of the pages
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"index": [], "install": [], "gallery": []}
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is, until the reader chooses
html_theme_options = {
    "logo": {"text": "handlens"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "navigation_depth": 3,
    "collapse_navigation": True,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": False,
}
copybutton_selector = "div.highlight pre:not(.output pre)"  # code is copied, not its output
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def write_pages(_: Sphinx) -> None:
    """Write the pages that come from the code and from the repository's root."""
    pages = {
        **{f"api/{name}.rst": text for name, text in api.pages(HERE).items()},
        "project/commands.md": commands.page(),
        "project/http.md": http.page(),
        **{f"project/{name}.md": text for name, text in links.mirrors(HERE.parent).items()},
    }
    writing.write(HERE, pages)


def setup(app: Sphinx) -> None:
    """Called by Sphinx once, before it looks for pages."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", links.list_more_guides)
    app.connect("source-read", links.to_mirrors)
    app.connect("env-before-read-docs", executed.start)
    app.connect("source-read", executed.show)
    app.connect("autodoc-process-docstring", api.indented_as_code)
    app.connect("build-finished", llms.write)
