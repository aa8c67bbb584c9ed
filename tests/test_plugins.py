"""Plugins: found by their entry points, loaded when they are needed, left out with a reason when they fail."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handlens.errors import PluginError
from handlens.plugins import Plugins

IMPORTER = """
class Acme:
    name = "acme"
    title = "Acme"
    endings = (".acme",)

    def recognises(self, path):
        return True

    def read(self, path):
        return None
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a package of one module with one importer, as pip would lay it out."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def installed(package: str, plugin: str, code: str, *, attribute: str = "Acme") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[handlens.importers]\n{plugin} = {module}:{attribute}\n")

    yield installed
    for name in set(sys.modules) - before:
        if name.endswith("_plugin"):
            del sys.modules[name]


def test_a_plugin_is_found_and_loaded_when_it_is_asked_for(install):
    install("acme-plugin", "acme", IMPORTER)
    found = Plugins("importers")
    assert found.names == ("acme",)
    assert found.package("acme") == "acme-plugin 1.2"
    assert "acme_plugin" not in sys.modules
    assert found.get("acme").title == "Acme"
    assert found.get("acme") is found.get("acme")
    assert found.get("other") is None
    assert found.failed == {}


def test_plugins_of_another_kind_are_not_found(install):
    install("acme-plugin", "acme", IMPORTER)
    assert Plugins("exporters").names == ()


def test_they_come_after_what_handlens_has_itself(install):
    install("acme-plugin", "acme", IMPORTER)
    csv = object()
    found = Plugins("importers").beside({"csv": csv})
    assert list(found) == ["csv", "acme"]
    assert found["csv"] is csv
    assert found["acme"].endings == (".acme",)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module_plugin", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module"),
        ("def broken(", "cannot be loaded: SyntaxError: "),
        ("raise SystemExit('bye')", "cannot be loaded: SystemExit: bye"),
        ("", "cannot be loaded: AttributeError: "),
        ("class Acme:\n    def __init__(self, x): ...", "cannot be loaded: TypeError: "),
        (
            "class Acme:\n    name = title = ''\n    endings = ()\n    def read(self, path): ...",
            "must have name, title, endings, recognises, read, as all importers do; it lacks recognises.",
        ),
    ],
)
def test_one_that_fails_is_named_with_its_reason_and_the_others_go_on(install, caplog, code, reason):
    install("acme-plugin", "acme", code)
    install("better-plugin", "better", IMPORTER)
    found = Plugins("importers")
    with caplog.at_level(logging.WARNING, logger="handlens.plugins"):
        assert list(found.beside({})) == ["better"]
        assert list(found.beside({})) == ["better"]
    assert list(found.failed) == ["acme"]
    assert found.failed["acme"].startswith("“acme” of acme-plugin 1.2 " + reason)
    assert [record.getMessage() for record in caplog.records] == ["a plugin is left out: " + found.failed["acme"]]
    with pytest.raises(PluginError, match=r"“acme” of acme-plugin 1\.2 "):
        found.get("acme")


def test_a_name_that_handlens_uses_itself_is_left_out(install):
    install("acme-plugin", "csv", IMPORTER)
    found = Plugins("importers")
    assert found.beside({"csv": 1}) == {"csv": 1}
    assert found.failed == {"csv": "“csv” of acme-plugin 1.2: handlens has importers of that name itself."}


def test_of_two_packages_with_one_name_the_first_has_it(install):
    install("b-plugin", "acme", "")
    install("a-plugin", "acme", IMPORTER)
    found = Plugins("importers")
    assert found.get("acme").title == "Acme"
    assert found.failed == {
        "“acme” of b-plugin 1.2": "“acme” of b-plugin 1.2: a-plugin 1.2 has importers of that name too."
    }
