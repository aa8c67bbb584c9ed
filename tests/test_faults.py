"""A small share of the campaign of benchmarks/faults.py: nothing is lost, silently wrong, outside, or answered 5xx."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARE = 0.01

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs processes that can be forked")


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    """The campaign's sections by name, each ready to run in one common folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        door = importlib.import_module("faults.sections")
        importlib.import_module("faults.children").prepare_forking()
        campaign = importlib.import_module("faults.campaign").Campaign
        work = tmp_path_factory.mktemp("campaign")

        def run(name):
            found = campaign(work, seed=0, share=SHARE)
            door.SECTIONS[name](found)
            return found

        yield run
        for module in [name for name in sys.modules if name.split(".")[0] in ("faults", "report")]:
            sys.modules.pop(module)


NAMES = [
    *("labelling", "preparing", "checkpoint", "saving", "queue", "reviewing", "exporting", "training"),
    *("full-disk", "read-only", "unplugged", "flips", "truncations", "zeroed"),
    *("pictures", "tars", "zips", "loaders", "together", "connections", "soak"),
]
"""All but "apis": tests/studio/server/test_any_request.py asks both."""


@pytest.mark.parametrize("name", NAMES)
def test_a_share_of_the_campaign(sections, name):
    campaign = sections(name)
    assert campaign.figures
    # Counts that must be 0; how long something takes says more about the machine.
    missed = [str(figure) for figure in campaign.figures if figure.bar == "≤ 0" and not figure.reached]
    assert not missed, campaign.found
