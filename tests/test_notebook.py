"""What the value of a notebook's cell shows, in a real kernel where a warning is an error: once, as it should."""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image
from traitlets.config import Config

CELLS = {
    "setup": """
import warnings
warnings.simplefilter("error")
import numpy as np, pandas as pd
from PIL import Image as Pillow
from handlens.tabular import *
from handlens.vision import *
defaults.device = torch.device("cpu")
Path("colours").mkdir()
for i in range(8):
    Pillow.new("RGB", (40, 32), ("red", "blue")[i % 2]).save(f"colours/{('red', 'blue')[i % 2]}_{i}.png")
split = ImageItemList.from_folder("colours").split_by_idx([0, 1]).label_from_re(r"([a-z]+)_")
learn = create_cnn(split.databunch(bs=4), "mobilenetv2_035", pretrained=False, metrics=accuracy, seed=0)
found = Interpretation.from_learner(learn)
""",
    "image": "image = open_image('colours/red_0.png'); image",
    "shown image": "image.show()",
    "mask": "ImageSegment(np.array([[0, 1], [2, 255]]))",
    "heat map": "heatmap(learn, image)",
    "plot_multi": "plot_multi(lambda row, column, ax: image.show(ax), 1, 2)",
    "gallery": "gallery(brightness, image, [0.2, 0.8])",
    "top losses": "found.plot_top_losses(2, heatmap=False)",
    "kept figure": "figure = plot_multi(lambda row, column, ax: image.show(ax), 1, 2)",
    "figure of an earlier cell": "figure",
    "learner": "learn",
    "data": "learn.data",
    "frame": "learn.predict_files(['colours/red_0.png'])",
    "table": """
df = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [0.0, 2, 4, 6]})
data = TabularList.from_df(df, cont_names=["x"]).split_by_idx([3]).label_from_df("y").databunch(bs=2)
tabular_learner(data, layers=[4], seed=0)
""",
    "collection": """
from handlens.studio import Collection
collection = Collection.create("collection", images="photos", backbone=None)
collection.label([0, 1], "a <b>")
collection
""",
    "end": "collection.close(); warnings.simplefilter('ignore')",  # Jupyter itself warns when it ends
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each cell showed."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "photos").mkdir()
    for i in range(3):
        Image.new("RGB", (8, 8), (i, 80 * i, 0)).save(folder / "photos" / f"{i}.png")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS.values()])
    client = NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(folder)}},
        config=Config({"AsyncKernelManager": {"transport_encryption": "auto"}}),
    )
    # Jupyter's own choice, which gives way to one of the environment.
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    client.execute(env=os.environ | backend | {"HANDLENS_HOME": str(folder / "home")})
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def pictures(shown: list[Any]) -> list[Image.Image]:
    found = [each["data"]["image/png"] for each in shown if "image/png" in each.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(png))) for png in found]


def html(shown: list[Any]) -> str:
    (only,) = shown
    return str(only["data"]["text/html"])


@pytest.mark.parametrize(
    "cell",
    ["image", "shown image", "mask", "heat map", "plot_multi", "gallery", "top losses", "kept figure"],
)
def test_a_picture_is_shown_once(outputs: dict[str, list[Any]], cell: str) -> None:
    assert len(pictures(outputs[cell])) == 1, outputs[cell]
    assert not [each for each in outputs[cell] if "text" in each and each.get("name") == "stderr"]


def test_a_figure_of_an_earlier_cell_is_shown_again(outputs: dict[str, list[Any]]) -> None:
    assert len(pictures(outputs["figure of an earlier cell"])) == 1


def test_an_image_is_its_pixels(outputs: dict[str, list[Any]]) -> None:
    (picture,) = pictures(outputs["image"])
    assert picture.size == (40, 32)
    assert picture.convert("RGB").getpixel((3, 3)) == (255, 0, 0)
    (mask,) = pictures(outputs["mask"])
    white, coloured, other, unknown = (mask.convert("RGB").getpixel(at) for at in ((0, 0), (1, 0), (0, 1), (1, 1)))
    assert white == unknown == (255, 255, 255)
    assert len({white, coloured, other}) == 3


def test_a_learner_and_its_data_are_tables_of_facts(outputs: dict[str, list[Any]]) -> None:
    said = html(outputs["learner"])
    for fact in ("VisionLearner", "<th>train items</th><td>6</td>", "blue, red", "accuracy", "not trained here"):
        assert fact in said, fact
    assert "<th>valid items</th><td>2</td>" in html(outputs["data"])
    assert "<th>continuous columns</th><td>x</td>" in html(outputs["table"])
    assert "<table" in html(outputs["frame"])


def test_a_collection_says_what_is_in_it(outputs: dict[str, list[Any]]) -> None:
    said = html(outputs["collection"])
    assert "<th>labelled</th><td>2</td>" in said
    assert "<td>a &lt;b&gt; 2</td>" in said
    assert "<b>" not in said
