"""A small share of the campaign of benchmarks/experiments.py: a killed study loses nothing and trains nothing twice."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs processes that can be forked")


@pytest.fixture
def campaign(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("faults.campaign").Campaign(tmp_path, seed=0, share=0.06)
        for module in [name for name in sys.modules if name.split(".")[0] in ("experiments", "faults", "report")]:
            sys.modules.pop(module)


def test_a_study_of_two_processes_that_are_killed_is_as_if_they_were_not(campaign):
    importlib.import_module("experiments.kills").kills(campaign)
    measured = {figure.what: figure.measured for figure in campaign.figures}
    assert measured["kills: kill −9 during a study of two processes"] == 6
    missed = [str(figure) for figure in campaign.figures if not figure.reached]
    assert not missed, campaign.found
