"""The course's notebooks: the same calls in the same order, in a real kernel, on small data of the same layout.

Each file in lessons/ is a notebook, whose cells begin with `# %%`; only imports, sizes and numbers of steps are
changed. Assertions in them say what the course's cells show there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from traitlets.config import Config

from tests.course.stand_ins import make_data_sets

HERE = Path(__file__).parent / "lessons"
LESSONS = sorted(file.stem for file in HERE.glob("*.py"))

QUIET = """
import matplotlib, warnings
matplotlib.use("agg")  # figures are drawn, and not sent
import matplotlib.pyplot
matplotlib.rcParams["figure.max_open_warning"] = 0
matplotlib.rcParams["savefig.dpi"] = 20
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "__array", DeprecationWarning)  # NumPy's, of PyTorch's own tensors
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
from handlens.core.defaults import defaults
defaults.device, defaults.cmap = "cpu", None
"""


def cells_of(lesson: str) -> list[str]:
    text = (HERE / f"{lesson}.py").read_text(encoding="utf-8")
    return [cell for cell in re.split(r"^# %%\n", text, flags=re.MULTILINE) if cell.strip()]


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The errors of each lesson's cells; all run in one kernel, whose names are forgotten between two of them."""
    home = tmp_path_factory.mktemp("course")
    make_data_sets(home / "datasets")
    checkpoints = home / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    from torchvision import models

    # Stands for the weights that are downloaded.
    torch.manual_seed(0)
    for name in ("resnet18", "squeezenet1_1"):
        file = models.get_model_weights(name).DEFAULT.url.rsplit("/", 1)[1]
        torch.save(models.get_model(name).state_dict(), checkpoints / file)

    cells, owners = [], []
    for lesson in LESSONS:
        for code in (f"%reset -f\n{QUIET}", *cells_of(lesson), "plt.close('all')"):
            cells.append(nbformat.v4.new_code_cell(code))
            owners.append(lesson)
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook,
        timeout=300,
        allow_errors=True,
        resources={"metadata": {"path": str(home)}},
        config=Config({"AsyncKernelManager": {"transport_encryption": "auto"}}),
    )
    client.execute(
        env=os.environ | {"HANDLENS_HOME": str(home), "TORCH_HOME": str(home / "torch"), "MPLBACKEND": "agg"}
    )
    found: dict[str, list[str]] = {lesson: [] for lesson in LESSONS}
    for owner, cell in zip(owners, notebook.cells, strict=True):
        found[owner] += [_error(cell, output) for output in cell.outputs if output["output_type"] == "error"]
    return found


def _error(cell: Any, output: Any) -> str:
    place = next((line for line in output["traceback"] if "Cell" in line), "")
    return f"{output['ename']}: {output['evalue']}\nin the cell\n{cell['source']}\n{place}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs(errors: dict[str, list[str]], lesson: str) -> None:
    assert errors[lesson] == [], errors[lesson][0]
