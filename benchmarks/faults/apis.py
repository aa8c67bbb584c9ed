"""Requests of every kind that the descriptions of both APIs allow, and many that they do not: none is answered 5xx."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from faults.campaign import Campaign
from faults.children import Server, serve_model, serve_studio
from faults.harmed import saved_models, whole_collection
from faults.kills import ID

NEEDED = "schemathesis"


def apis(campaign: Campaign) -> None:
    """Studio with a collection that has everything, and one saved model, asked by schemathesis."""
    if importlib.util.find_spec(NEEDED) is None:
        print(f"   {NEEDED} is not installed: the APIs were not asked")
        return
    folder = campaign.folder("apis")
    home = folder / "home"
    shutil.copytree(whole_collection(campaign), home / "collections" / ID)
    model = Path(shutil.copytree(saved_models(campaign) / "tabular-learner", folder / "model"))
    for name, server in (
        ("Studio", Server(serve_studio, home, folder / "log")),
        ("a saved model", Server(serve_model, model, folder / "log")),
    ):
        with server:
            _ask(campaign, name, server, folder)


def _ask(campaign: Campaign, name: str, server: Server, folder: Path) -> None:
    whole = campaign.share >= 0.5
    settings = folder / "schemathesis.toml"
    # Real ids, so that most requests get beyond “there is no such collection”; what would remove it is left out.
    settings.write_text(f'[parameters]\n"path.c" = "{ID}"\n"path.id" = 3\n"path.case" = 1\n')
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run"),
        *(f"http://{server.address}/api/openapi.json", "--checks", "not_a_server_error", "--no-color"),
        *("--phases", "coverage,fuzzing" if whole else "fuzzing", "--seed", str(campaign.seed)),
        *("--max-examples", str(campaign.count(30)), "--exclude-operation-id-regex", "^forget"),
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    counted = re.search(r"([\d,]+) generated(?:, ([\d,]+) passed)?", ran.stdout)
    assert counted, ran.stdout[-2000:] + ran.stderr[-2000:]
    cases = int(counted[1].replace(",", ""))
    failed = cases - int((counted[2] or "0").replace(",", ""))
    if failed or ran.returncode:
        campaign.wrong("apis", ran.stdout[-5000:])
    campaign.total(f"the API of {name}: requests by schemathesis", cases)
    campaign.total("… answered 5xx, or not at all", failed, at_most=0)
    log = server.log.read_text(errors="replace")
    campaign.total("… errors in the log", log.count("Traceback"), at_most=0)
