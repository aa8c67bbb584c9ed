"""Draws the pictures of tabular.md: runs the page up to its last picture, on the real tables in FOLDER/data/rossmann.

    python docs/pictures.py FOLDER

Interrupted, it goes on after the last whole epoch.
"""

import os
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # a picture needs no window
from matplotlib import pyplot as plt

from handlens.core.checkpoint import Checkpoint

PAGE = Path(__file__).resolve().parent / "tabular.md"
PARTS = re.compile(r"^```python\n(?P<code>.*?)^```$|^!\[.*?\]\((?P<picture>.*?)\)$", re.MULTILINE | re.DOTALL)


def main(folder: Path) -> None:
    """Run each block of code, and save what was drawn last where the page shows a picture."""
    os.chdir(folder)
    plt.rcParams.update({"figure.figsize": (6, 3.2), "figure.dpi": 110, "savefig.bbox": "tight"})
    namespace: dict[str, object] = {}
    parts = list(PARTS.finditer(PAGE.read_text(encoding="utf-8")))
    last = max(i for i, part in enumerate(parts) if part["picture"])
    for part in parts[: last + 1]:
        if part["picture"]:
            picture = PAGE.parent / part["picture"]
            plt.gcf().savefig(picture)
            plt.close("all")
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB", flush=True)
        else:
            exec(part["code"], namespace)  # the page's own
            if "learn" in namespace:
                namespace["learn"].callbacks = [Checkpoint("pictures")]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
