"""Showing things where the reader is: in a terminal, or in a notebook's output."""

from __future__ import annotations

import sys
from typing import Any


def in_notebook() -> bool:
    """Whether this runs in a notebook, which shows HTML."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython  # type: ignore[import-not-found, unused-ignore]

    # Services have shells of their own, made from this one.
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(get_ipython()).__mro__)


def show_html(html: str, *, update: Any = None) -> Any:
    """Show HTML in the notebook's output; gives a handle, which as `update` replaces what it shows."""
    from IPython.display import HTML, display  # type: ignore[import-not-found, unused-ignore]

    if update is None:
        return display(HTML(html), display_id=True)
    update.update(HTML(html))
    return update
