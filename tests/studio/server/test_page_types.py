"""The page's types (web/src/server/api-types.ts) are those of this server's description."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from handlens.studio.server.openapi import openapi

ROOT = Path(__file__).resolve().parents[3]
WEB = ROOT / "src/handlens/studio/web"


def test_the_page_has_the_types_of_this_server() -> None:
    if not (WEB / "node_modules/openapi-typescript").exists():
        pytest.skip("needs the page's packages: `python hatch_build.py npm ci`")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hatch_build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hatch_build)
    done = subprocess.run(
        [*hatch_build.find_npm(), "run", "--silent", "types", "--", "--check"],
        cwd=WEB,
        input=json.dumps(openapi()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nThe HTTP API changed: run `make page-types`."
