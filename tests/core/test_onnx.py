"""ONNX files compute what the model does, in a runtime that is not ours, for batches of any size."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from handlens.core.onnx import export_onnx
from handlens.errors import ExportError, StorageError
from handlens.tabular.model import TabularModel


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def run(file: Path, **inputs: Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    return found


def test_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "twice.onnx"
    assert export_onnx(Twice(), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), file, {"by": "hand"}) == 0
    assert run(file, x=torch.tensor([[5.0, -1.0]])).tolist() == [[10, -2]]
    kept = {item.key: item.value for item in onnx.load(file).metadata_props}
    assert json.loads(kept["handlens"])["by"] == "hand"
    assert [path.name for path in tmp_path.iterdir()] == ["twice.onnx"]


def test_a_table_s_model_with_any_number_of_rows(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = TabularModel([(10, 5), (4, 3)], 2, 2, [20, 10], ps=0.5, emb_drop=0.5, y_range=(-1, 5))
    model.train()
    model(torch.randint(0, 4, (30, 2)), torch.randn(30, 2) * 3 + 1)  # running statistics that say something
    codes, numbers = torch.randint(0, 4, (9, 2)), torch.randn(9, 2)
    file = tmp_path / "model.onnx"
    assert export_onnx(model, (codes, numbers), file, {}) < 1e-5
    model.eval()
    for n in (1, 2, 9):
        wanted = model(codes[:n], numbers[:n]).detach().numpy()
        np.testing.assert_allclose(run(file, codes=codes[:n], numbers=numbers[:n]), wanted, atol=1e-5)


class Unlike(Twice):
    """Computes something else once it is not being exported."""

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + (0 if torch.compiler.is_exporting() else 1)


def test_a_file_that_computes_something_else_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "unlike.onnx"
    file.write_bytes(b"what stood here before")
    with pytest.raises(ExportError, match=r"differ by 1\. It was not kept"):
        export_onnx(Unlike(), torch.ones(2, 3), file, {})
    assert file.read_bytes() == b"what stood here before"


class Undecided(Twice):
    def forward(self, x: Tensor) -> Tensor:
        return x if bool(x.sum() > 0) else -x


def test_a_model_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Undecided cannot be written as ONNX"):
        export_onnx(Undecided(), torch.ones(2, 3), tmp_path / "model.onnx", {})
    assert not list(tmp_path.iterdir())


def test_without_onnx_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExportError, match=r"pip install 'handlens\[onnx\]'"):
        export_onnx(Twice(), torch.ones(2, 3), tmp_path / "model.onnx", {})


def test_a_folder_that_is_not_there_is_made_where_it_can_be(tmp_path: Path) -> None:
    export_onnx(Twice(), torch.ones(2, 3), tmp_path / "new" / "model.onnx", {})
    assert (tmp_path / "new" / "model.onnx").is_file()
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="could not be written"):
        export_onnx(Twice(), torch.ones(2, 3), tmp_path / "file" / "model.onnx", {})
