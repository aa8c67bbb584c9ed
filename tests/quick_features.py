"""Settings of the features that are learned on photos, with which fitting takes a fraction of a second."""

from __future__ import annotations

import pytest

QUICK = {"_SAMPLES": 2000, "_ROUNDS": 3, "CENTRES": 24}


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Fit learned features with these settings, and compute with one thread."""
    import torch

    # Threads waiting for each other take longer than such small sums, above all on a busy machine.
    torch.set_num_threads(1)
    for name, value in QUICK.items():
        patch.setattr(f"handlens.studio.features.patches.{name}", value)
