"""Showing things where the reader is: in a terminal, or in a notebook's output."""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LARGEST = 1024
"""Pixels of the longer side of a picture that a notebook shows; a larger one is shown smaller."""


def in_notebook() -> bool:
    """Whether this runs in a notebook, which shows HTML."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython  # type: ignore[import-not-found, unused-ignore]

    # Services have shells of their own, made from this one.
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(get_ipython()).__mro__)


def show_html(text: str, *, update: Any = None) -> Any:
    """Show HTML in the notebook's output; gives a handle, which as `update` replaces what it shows."""
    from IPython.display import HTML, display  # type: ignore[import-not-found, unused-ignore]

    if update is None:
        return display(HTML(text), display_id=True)
    update.update(HTML(text))
    return update


def show_table(table: pd.DataFrame) -> None:
    """Show a table without its index, once: in the notebook's output, or as text.

    Example:
        >>> import pandas as pd
        >>> show_table(pd.DataFrame({"shop": ["a", "b"], "sales": [1, 2]}))
        shop  sales
           a      1
           b      2
    """
    if in_notebook():
        show_html(table.to_html(index=False))
    else:
        print(table.to_string(index=False))


def facts_html(title: str, facts: Mapping[str, object]) -> str:
    """A title and a table of facts, as a notebook shows the value of a cell.

    Example:
        >>> facts_html("data", {"rows": "1 < 2"})
        "<table style='text-align:left'><caption>data</caption><tr><th>rows</th><td>1 &lt; 2</td></tr></table>"
    """
    rows = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts.items())
    return f"<table style='text-align:left'><caption>{html.escape(title)}</caption>{rows}</table>"


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as a notebook shows it: uint8 [H, W, 3] as PNG, with sides of at most `LARGEST` pixels."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((LARGEST, LARGEST))  # keeps the ratio, and never enlarges
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def shown_once(figure: Figure) -> Figure:
    """A figure of pyplot that a function returns: a notebook shows it once, and not once more as the value of its cell.

    Jupyter shows all figures of pyplot when a cell ends; one that it has shown before is closed.
    """
    if in_notebook():
        figure._ipython_display_ = partial(_show_and_close, figure)  # type: ignore[attr-defined]
    return figure


def _show_and_close(figure: Figure) -> None:
    from IPython.display import display  # type: ignore[import-not-found, unused-ignore]
    from matplotlib import pyplot as plt

    del figure._ipython_display_  # type: ignore[attr-defined]
    try:
        display(figure)  # in the format that the reader has chosen
    finally:
        shown_once(figure)
        plt.close(figure)
