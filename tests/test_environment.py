"""docs/environment.md names every variable that the package reads or sets, and all that importing it changes."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.source_files import python_files, text_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
PREFIXES = r"(HANDLENS|HF|HUGGINGFACE|TORCH|XDG|OMP|GOMP|MKL|OPENBLAS|PYTORCH|CUDA)_[A-Z][A-Z_]*"


def is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def variables(file: Path) -> set[str]:
    """Name the variables in one file: what it takes from os.environ, and texts that are named like a variable."""
    found: set[str] = set()
    if not re.search(rf"environ|getenv|{PREFIXES}", text_of(file)):
        return found
    for node in ast.walk(ast.parse(text_of(file))):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name))) if is_environ(value):
                found.add(name)
            case ast.Call(func=ast.Attribute() as called, args=[ast.Constant(value=str(name)), *_]):
                if is_environ(called.value) or called.attr == "getenv":
                    found.add(name)
            case ast.Compare(left=ast.Constant(value=str(name)), comparators=[value]) if is_environ(value):
                found.add(name)
            case ast.Constant(value=str(name)) if re.fullmatch(PREFIXES, name):
                found.add(name)
    return found


def test_the_page_names_each_variable_of_the_package():
    used = {name: file for file in python_files("src") for name in variables(file)}
    assert "HANDLENS_HOME" in used
    assert "DISPLAY" in used
    assert {name: file for name, file in used.items() if not re.search(f"`{name}[`=]", PAGE)} == {}


def test_every_variable_of_handlens_on_the_page_is_used_somewhere():
    used = {name for file in python_files("src", "tests", "benchmarks") for name in variables(file)}
    assert set(re.findall(r"`(HANDLENS_[A-Z]+)`", PAGE)) - used == set()


def test_each_logger_is_named_after_its_module_or_on_the_page():
    for file in (file for file in python_files("src") if "getLogger" in text_of(file)):
        for node in ast.walk(ast.parse(text_of(file))):
            match node:
                case ast.Call(func=ast.Attribute(attr="getLogger"), args=[ast.Constant(value=str(name))]):
                    assert name.startswith("handlens") or f"`{name}`" in PAGE, file
                case ast.Call(func=ast.Attribute(attr="getLogger"), args=[argument]):
                    assert ast.unparse(argument) == "__name__", file


LOOK = """
import json, logging, os, pkgutil, signal, sys, warnings
# Libraries come first: what importing them changes is not of our making.
import anywidget, cv2, matplotlib, numpy, openTSNE, pandas, PIL.Image, pyarrow
import scipy, sklearn, timm, torch, torchvision, uvicorn

def state():
    return {
        "environment": dict(os.environ),
        "warning filters": [repr(filter) for filter in warnings.filters],
        "signals": [repr(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "root logger": [repr(logging.root.handlers), logging.root.level],
        "numpy errors": numpy.geterr(),
        "path": list(sys.path),
        "torch threads": torch.get_num_threads(),
        "torch type": str(torch.get_default_dtype()),
        "torch gradients": torch.is_grad_enabled(),
        "OpenCV threads": cv2.getNumThreads(),
        "Pillow limit": PIL.Image.MAX_IMAGE_PIXELS,
        "pandas options": repr(pandas.options.display.max_columns),
        "backend": repr(dict.__getitem__(matplotlib.rcParams, "backend")),
        "pyplot": "matplotlib.pyplot" in sys.modules,
        "recursion": sys.getrecursionlimit(),
        "hooks": [repr(sys.excepthook), repr(sys.unraisablehook)],
    }

cv2.setNumThreads(3)
before = state()
import handlens
for module in pkgutil.walk_packages(handlens.__path__, "handlens."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
after = state()
print(json.dumps({name: [before[name], after[name]] for name in before if before[name] != after[name]}))
"""


def python(code: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_WAIT", "GOMP"))}
    environment["PYTHONPATH"] = str(ROOT / "src")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_every_module_changes_what_the_page_says_and_no_more():
    changes = json.loads(python(LOOK))
    before, after = changes.pop("environment")
    assert {name: value for name, value in after.items() if before.get(name) != value} == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert before.keys() <= after.keys()
    assert changes.pop("OpenCV threads") == [3, 1]  # 0 asks for none beside the caller's, which is the 1
    assert changes.pop("Pillow limit")[1] == 200_000_000
    assert changes == {}


def test_tables_take_their_variable_away_once_torch_is_loaded():
    code = "import handlens.tabular, os; print(os.environ.get('GOMP_SPINCOUNT'), os.environ['OMP_WAIT_POLICY'])"
    assert python(code).split() == ["None", "PASSIVE"]
