"""Products without warnings, and that no other product of NumPy is in the package."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

from handlens.core.products import product
from tests.source_files import ROOT, python_files, text_of

OF_TORCH = {"studio/features/patches.py", "studio/onnx_graph.py", "vision/transform/tensors.py", "vision/unet.py"}
"""Modules whose products are PyTorch's, which never warns."""


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([[1, 2], [3, 4]], [[5, 6], [7, 8]], [[19, 22], [43, 50]]),
        ([[1, 2], [3, 4]], [5, 6], [17, 39]),
        ([1, 2], [3, 4], 11),
        (np.zeros((0, 3)), np.zeros((3, 2)), np.zeros((0, 2))),
    ],
)
def test_by_hand(a: Any, b: Any, expected: Any) -> None:
    found = product(np.array(a, np.float32), np.array(b, np.float32))
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


def test_no_flag_becomes_a_warning_or_an_error() -> None:
    infinite = np.array([[np.inf, 1]], np.float32)
    with np.errstate(all="raise"):
        with pytest.raises(FloatingPointError):
            infinite @ np.zeros((2, 1), np.float32)
        assert np.isnan(product(infinite, np.zeros((2, 1), np.float32)))
        assert product(np.full((1, 2), 3e38, np.float32), np.ones((2, 1), np.float32)) == np.inf
        with pytest.raises(FloatingPointError):
            np.float32(1) / np.float32(0)  # as before for all that comes after


def test_every_product_of_the_package_is_made_here() -> None:
    package = ROOT / "src" / "handlens"
    found = {
        file.relative_to(package).as_posix()
        for file in python_files("src/handlens")
        if re.search(r" @=? |\b(dot|tensordot|inner|vdot)\b", text_of(file))  # as Ruff writes them
        for node in ast.walk(ast.parse(text_of(file)))
        if (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult))
        or (isinstance(node, ast.Attribute) and node.attr in {"dot", "tensordot", "inner", "vdot"})
    }
    assert found == OF_TORCH | {"core/products.py"}, "use handlens.core.products.product for arrays of NumPy"
