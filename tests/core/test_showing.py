"""What people read: doc, the progress table, the settings."""

from __future__ import annotations

import inspect
import math
import re
import sys
import types
from email.message import Message

import pytest
import rich
import torch

from handlens.core import defaults as settings
from handlens.core import display, progress
from handlens.core.defaults import Defaults
from handlens.core.doc import doc, site_page
from handlens.core.labels import FloatList
from handlens.core.progress import ProgressTable, clock


def test_doc_of_a_class(capsys: pytest.CaptureFixture[str]) -> None:
    doc(FloatList)
    shown = capsys.readouterr().out
    assert shown.startswith(
        "handlens.core.labels.floats.FloatList(values, *, log=False, scale=1.0)\n\nEach item has a number"
    )
    assert "log: train on the natural logarithm" in shown
    assert "decode" in shown
    source, page = shown.splitlines()[-2:]
    assert "floats.py, line" in source
    assert page.startswith("Read on: ")
    assert page.endswith("/api/handlens.core.labels.floats.FloatList.html")


def test_the_page_of_public_things_only() -> None:
    import handlens.tabular

    assert site_page(handlens.tabular.exp_rmspe) == "api/handlens.core.metrics.numbers.exp_rmspe.html"
    assert site_page(handlens.tabular) == "api/handlens.tabular.html"
    learner = "api/handlens.core.learner.Learner.html"
    assert site_page(handlens.tabular.Learner) == learner
    assert site_page(handlens.tabular.Learner.fit) == f"{learner}#handlens.core.learner.Learner.fit"
    assert site_page(clock) is None
    assert site_page(len) is None
    assert site_page(math) is None
    assert site_page(torch.Tensor.add) is None


def test_the_page_is_at_the_address_of_the_documentation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = Message()
    message["Project-URL"] = "Documentation, https://handlens.example/docs/"
    monkeypatch.setattr("importlib.metadata.metadata", lambda name: message)
    doc(FloatList)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Read on: https://handlens.example/docs/api/handlens.core.labels.floats.FloatList.html"


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (clock, "handlens.core.progress.clock(seconds)"),
        (math, "module math"),
        (len, "builtins.len(obj, /)"),
        (3, "builtins.int"),
        (str.join, "builtins.str.join(self, iterable, /)\n\nConcatenate any number of strings."),
        (torch.Tensor.add, "TensorBase.add(…)"),
        (str.maketrans, "str.maketrans"),
        (lambda x: x, "<lambda>(x)\n\nThere is no documentation"),
    ],
)
def test_doc_of_anything(x: object, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    doc(x)
    shown = capsys.readouterr().out
    assert expected in shown
    assert "Source: " in shown
    assert "Read on: " not in shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "00:00"), (169, "02:49"), (3769.6, "1:02:50")])
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_the_bar_of_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(rich, "_console", None)  # an earlier one remembers that there was no terminal
    monkeypatch.setattr(progress, "_OFTEN", 0.0)
    table = ProgressTable(["train_loss"], 2)
    table.start_epoch()
    table.batch(0, 50, 100, 0.5)
    assert "50% epoch 1/2  loss 0.500000  00:00 left" in _plain(capsys.readouterr().out)
    table.row(0, {"train_loss": 0.25})
    after = capsys.readouterr().out
    assert "\x1b[2K" in after  # the bar is wiped away
    assert _plain(after).split()[-6:] == ["epoch", "train_loss", "time", "1", "0.250000", "00:00"]
    table.batch(1, 100, 100, 0.25)
    table.close()
    assert "\x1b[?25h" in capsys.readouterr().out  # the cursor is back


def test_two_runs_at_a_time_share_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(rich, "_console", None)  # an earlier one remembers that there was no terminal
    first, second = ProgressTable(["train_loss"], 1), ProgressTable(["train_loss"], 1)
    for table in (first, second):
        table.start_epoch()
        table.batch(0, 1, 2, 0.5)
    for table in (first, second):
        table.row(0, {"train_loss": 0.25})
        table.close()
    assert _plain(capsys.readouterr().out).count("0.250000") == 2


def _plain(shown: str) -> str:
    """What is left without the terminal's codes."""
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", shown)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook, which this pretends to run in, shows as HTML."""
    shown: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            shown.append(html)

    def show(html: str, display_id: bool) -> Handle:
        shown.append(html)
        return Handle()

    class ZMQInteractiveShell: ...

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell  # type: ignore[attr-defined]
    output = types.ModuleType("IPython.display")
    output.HTML, output.display = str, show  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", output)
    assert display.in_notebook()
    return shown


def test_the_table_of_a_notebook(notebook: list[str]) -> None:
    shown = notebook
    table = ProgressTable(["train_loss", "a<b"], 1)
    table.start_epoch()
    table.batch(0, 1, 2, 0.5)
    table.row(0, {"train_loss": 1, "a<b": float("nan")})
    table.close()
    assert "<progress" in shown[0]
    assert "<th>a&lt;b</th>" in shown[1]
    assert "<td>1.000000</td><td>nan</td>" in shown[1]
    assert "Total time" in shown[2]


def test_doc_says_the_same_in_a_notebook(notebook: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    doc(str.join)
    assert capsys.readouterr().out == (
        f"builtins.str.join(self, iterable, /)\n\n{inspect.getdoc(str.join)}\n\nSource: help(str.join)\n"
    )
    assert notebook == []  # plain text, as in a terminal


def test_the_device_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Defaults()
    defaults.device = "meta"  # type: ignore[assignment]
    assert defaults.device == torch.device("meta")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert settings._best_device().type == "mps"


@pytest.mark.parametrize("notebook", [True, False])
def test_a_bar_comes_after_a_second_where_it_can_be_seen(monkeypatch: pytest.MonkeyPatch, notebook: bool) -> None:
    times = iter([0.0, 0.5, 1.5, 1.6, 2.0])
    shown: list[str] = []
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(progress, "in_notebook", lambda: notebook)
    monkeypatch.setattr(progress, "show_html", lambda text, update: shown.append(text) or "handle")
    with progress.slow_bar("a <b>") as show:
        for share in (0.1, 0.25, 0.3, 0.5):
            show(share)
    bar = '<progress value="{}" max="1"></progress> a &lt;b&gt;'
    # Not before a second, nor five times a second; and it goes when the work is done.
    assert shown == ([bar.format("0.250"), bar.format("0.500"), ""] if notebook else [])
