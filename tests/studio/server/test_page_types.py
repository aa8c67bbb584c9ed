"""The page's types (api-types.ts in web/src/server and web/src/experiments) are those of the servers' descriptions."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlens.experiments.server.openapi import openapi as experiments
from handlens.studio.server.openapi import openapi as studio

ROOT = Path(__file__).resolve().parents[3]
WEB = ROOT / "src/handlens/studio/web"


@pytest.mark.parametrize(("script", "openapi"), [("types", studio), ("experiment-types", experiments)])
def test_the_page_has_the_types_of_its_servers(script: str, openapi: Callable[[], dict[str, Any]]) -> None:
    if not (WEB / "node_modules/openapi-typescript").exists():
        pytest.skip("needs the page's packages: `python hatch_build.py npm ci`")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hatch_build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hatch_build)
    done = subprocess.run(
        [*hatch_build.find_npm(), "run", "--silent", script, "--", "--check"],
        cwd=WEB,
        input=json.dumps(openapi()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nThe HTTP API changed: run `make page-types`."
