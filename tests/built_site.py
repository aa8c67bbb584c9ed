"""Building the site of the documentation for tests, as `make docs` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import sphinx

ROOT = Path(__file__).resolve().parents[1]


SITE = ROOT / "build" / "tested-site"


def build_site(*, again: bool) -> Path:
    """Build the site; a warning is an error.

    Args:
        again: read all pages, also those that have not changed since the last build.
    """
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(SITE)]
    command += ["--fresh-env", "--write-all"] if again else []
    paths = os.pathsep.join([str(ROOT / "src"), str(Path(sphinx.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return SITE
