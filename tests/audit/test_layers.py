"""The files of the audit import each other in one direction, and only what shows results knows how they are shown."""

import ast
from pathlib import Path

import handlens.audit

ROOM = Path(handlens.audit.__file__).parent
REPORT = "handlens.audit.report"


def module_name(file):
    parts = ["handlens", "audit", *file.relative_to(ROOM).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file):
    """The modules of the audit that a file imports outside of functions, for type checking too."""
    found = set()
    stack = list(ast.parse(file.read_text()).body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If):
            stack += [*node.body, *node.orelse]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


FILES = {module_name(file): file for file in sorted(ROOM.rglob("*.py"))}
GRAPH = {name: imports(file) & FILES.keys() - {name} for name, file in FILES.items()}


def test_results_import_nothing_that_shows_them():
    found = {
        name: sorted(used)
        for name, imported in GRAPH.items()
        if not name.startswith(REPORT) and (used := {each for each in imported if each.startswith(REPORT)})
    }
    assert found == {}


def test_no_imports_go_in_a_circle():
    left = {name: imported - {"handlens.audit"} for name, imported in GRAPH.items()}
    while left:
        free = [name for name, imported in left.items() if not imported & left.keys()]
        assert free, f"a circle among {sorted(left)}"
        left = {name: imported for name, imported in left.items() if name not in free}


def test_the_files_are_found():
    assert "handlens.audit.metrics" in GRAPH["handlens.audit.options"]
    assert "handlens.audit.subgroups" in GRAPH["handlens.audit.report.text"]
