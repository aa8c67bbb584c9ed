"""Half precision as float32: every number there is, by PyTorch and without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from handlens.core.half_precision import floats


@pytest.mark.parametrize("by", ["torch", "numpy"])
def test_every_number_is_converted_exactly(monkeypatch, by):
    monkeypatch.setitem(sys.modules, "torch", torch)
    if by == "numpy":
        monkeypatch.delitem(sys.modules, "torch")
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(-1, 16)
    expected = every.astype(np.float32)
    finite = np.isfinite(expected)
    buffer = np.empty((5000, 16), np.float32)
    for rows, into in ((every, None), (every, buffer), (every[::-1], None)):
        found, wanted = floats(rows, into), expected[::-1] if rows is not every else expected
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted)
        if rows is every:
            np.testing.assert_array_equal(np.signbit(found[finite]), np.signbit(expected[finite]))
    assert np.shares_memory(floats(every, buffer), buffer)
    every.flags.writeable = False
    np.testing.assert_array_equal(floats(every), expected)


def test_other_numbers_and_empty_rows():
    whole = np.array([[1.25]], np.float32)
    assert floats(whole) is whole
    assert floats(np.array([[1.25]])).dtype == np.float32
    assert floats(np.empty((0, 3), np.float16)).shape == (0, 3)
