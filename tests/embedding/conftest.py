"""What makes tests of embedding fast: these are about what is done with features, not about how good they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from handlens.embedding import engines, stage


@pytest.fixture(autouse=True, scope="module")
def few_patches() -> Iterator[None]:
    """Features are learned on few patches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("handlens.studio.features.patches._SAMPLES", 1_000)
        yield


@pytest.fixture
def here(monkeypatch):
    """Embeds in this process, which takes no time to start; real processes have tests of their own."""

    def in_this_process(job, units, *, processes, check):
        own = stage.Stage(job.out, threads=torch.get_num_threads())
        for unit in units:
            check()
            yield own.run(unit)

    monkeypatch.setattr(engines, "in_processes", in_this_process)
