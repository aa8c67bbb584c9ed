"""Draws the pictures of a page of documentation: runs it in FOLDER, up to its last picture.

    python docs/pictures.py FOLDER [PAGE]

The page is tabular.md unless given, for which FOLDER/data/rossmann holds the real tables; audit.md needs those of the
census in FOLDER/data/adult, lesson.md needs those of tabular.md, and an hour; heatmaps.md, convolutions.md,
experiments.md, gallery.md, label-a-folder.md, vision.md and regularization.md need an empty folder,
rossmann-experiments.md the root of the repository.
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

PAGES = Path(__file__).resolve().parent
SKIPPED = re.compile(r"^<!--- skip: next -->\n\n```python\n.*?^```$", re.MULTILINE | re.DOTALL)
PARTS = re.compile(r"^```python\n(?P<code>.*?)^```$|^!\[.*?\]\((?P<picture>.*?)\)$", re.MULTILINE | re.DOTALL)


def main(folder: Path, page: Path) -> None:
    """Run each block of code, and save what was drawn last where the page shows a picture."""
    os.chdir(folder)
    plt.rcParams.update({"figure.figsize": (6, 3.2), "figure.dpi": 110, "savefig.bbox": "tight"})
    namespace: dict[str, object] = {}
    parts = list(PARTS.finditer(SKIPPED.sub("", page.read_text(encoding="utf-8"))))
    last = max(i for i, part in enumerate(parts) if part["picture"])
    for part in parts[: last + 1]:
        if part["picture"]:
            picture = page.parent / part["picture"]
            plt.gcf().savefig(picture)
            plt.close("all")
            print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB", flush=True)
        else:
            exec(part["code"], namespace)  # the page's own
            if "learn" in namespace:
                namespace["learn"].callbacks = [Checkpoint("pictures")]


if __name__ == "__main__":
    main(Path(sys.argv[1]), PAGES / (sys.argv[2] if len(sys.argv) > 2 else "tabular.md"))
