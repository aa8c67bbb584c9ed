from __future__ import annotations

import pytest
import torch

from handlens.core.defaults import defaults
from handlens.studio.features.precision import device


@pytest.mark.parametrize(("chosen", "used"), [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("mps", "cpu")])
def test_the_device_is_the_one_that_was_chosen(monkeypatch: pytest.MonkeyPatch, chosen: str, used: str) -> None:
    monkeypatch.setattr(defaults, "device", torch.device(chosen))
    assert device() == torch.device(used)
