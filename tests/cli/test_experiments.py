"""`handlens experiments`, as a person types it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handlens.cli import app
from handlens.experiments import Study
from handlens.experiments.server import run as server
from handlens.experiments.store import RUNS, Place, Store
from tests.experiments.made_studies import combinations_of, make_study

SCRIPT = """
import beside_it

def train(trial):
    x = trial.categorical("x", [[1, 2], "b"])
    return {"valid_loss": beside_it.LOSS + trial.seed}

if __name__ == "__main__":
    raise SystemExit("run by itself")
"""


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["experiments", *arguments])
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    choices = combinations_of({"ps": [0.0, 0.5], "layers": [[200, 100], "few"]})
    make_study(tmp_path, choices, lambda choices, seed: choices["ps"] + seed, name="first", epochs=2)
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a script lies, and a module beside it, and where the person is."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "mine.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "beside_it.py").write_text("LOSS = 2")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return tmp_path


@pytest.mark.parametrize("words", [[], ["page"]])
def test_the_page_of_a_folder(made: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    seen: list[object] = []
    monkeypatch.setattr(server, "serve", lambda place, **options: seen.append((place, options)))
    assert said(*words, str(made), "--no-browser", "--port", "8765") == (0, "")
    assert seen == [(Place.of(made), {"host": "127.0.0.1", "port": 8765, "browser": False})]


@pytest.mark.parametrize("words", [[], ["page"], ["ls"]])
def test_a_folder_that_is_not_there(tmp_path: Path, words: list[str]) -> None:
    wrong = tmp_path / "wrong"
    code, output = said(*words, str(wrong))
    assert code == 1
    assert output == f"Error: FOLDER must be a folder of studies; there is no folder {wrong}.\n"
    assert not wrong.exists()


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    assert said("ls", str(tmp_path)) == (1, f"Error: there is no study in {tmp_path}.\n")
    assert said("pivot", str(tmp_path), "--rows", "ps") == (1, f"Error: there is no study in {tmp_path}.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_script_on_a_ray_cluster(folder: Path) -> None:
    pytest.importorskip("ray")
    code, output = said("run", "scripts/mine.py", "--n", "2", "--engine", "ray", "--address", "127.0.0.1:9")
    assert code == 1
    assert "Error: the Ray at '127.0.0.1:9' cannot be reached: " in output


def test_the_studies_of_a_folder(made: Path) -> None:
    Study(made, "second", metric="accuracy", direction="maximize")
    assert said("ls", str(made)) == (
        0,
        "first: minimize valid_loss; 4 combinations; 12 finished\n"
        "second: maximize accuracy; 0 combinations; no runs yet\n",
    )


def test_the_studies_of_a_folder_for_programs(made: Path) -> None:
    code, output = said("ls", str(made), "--json")
    assert code == 0
    (study,) = json.loads(output)
    assert {**study, "runs": None} == {
        "name": "first",
        "metric": "valid_loss",
        "direction": "minimize",
        "seed": 0,
        "combinations": 4,
        "runs": None,
    }
    assert {status: count for status, count in study["runs"].items() if count} == {"finished": 12}


def test_a_run_whose_process_is_gone_is_not_listed_as_running(made: Path) -> None:
    with Store(Place.of(made)).writing() as connection:
        connection.execute(RUNS.update().where(RUNS.c.id == 2).values(status="running", owner=None, value=None))
    said_now = "first: minimize valid_loss; 4 combinations; 11 finished, 1 cut off\n"
    assert said("ls", str(made)) == (0, said_now)


def test_a_pivot_table(made: Path) -> None:
    code, output = said("pivot", str(made), "--rows", "ps", "--columns", "layers", "--aggregate", "best")
    assert code == 0
    numbers = [line.split() for line in output.splitlines() if re.match(r"0\.[05] ", line)]
    assert numbers == [["0.0", "0", "0"], ["0.5", "0.5", "0.5"]]


def test_a_pivot_table_for_programs(made: Path) -> None:
    code, output = said("pivot", str(made), "--rows", "ps", "--aggregate", "best", "--json")
    assert code == 0
    found = json.loads(output)
    assert (found["rows"], found["columns"], found["aggregate"]) == (["ps"], [], "best")
    shown = [[cell[name] for name in ("ps", "count", "best", "mean")] for cell in found["cells"]]
    assert shown == [[0.0, 6, 0.0, 1.0], [0.5, 6, 0.5, 1.5]]


def test_a_pivot_table_against_a_baseline(made: Path) -> None:
    base = ["--baseline", "ps=0.5", "--baseline", "layers=[200, 100]"]
    code, output = said("pivot", str(made), "--rows", "ps", "--rows", "layers", *base)
    assert code == 0
    assert "baseline" in output
    assert re.search(r"0\.0 few +−0\.5 ", output)
    code, output = said("pivot", str(made), "--rows", "layers", "--baseline", "layers=few")
    assert code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rows", "p"], "Error: rows must name a choice of the study; 'p' arrived."),
        (["--rows", "ps", "--baseline", "0.5"], "Error: --baseline must be a choice and its value, such as ps=0.5;"),
        (["--rows", "ps", "--study", "third"], "Error: there is no study “third” in "),
        (["--rows", "ps", "--aggregate", "most"], "Error: aggregate must be one of mean, median, best, sd, count;"),
    ],
)
def test_a_pivot_table_that_cannot_be(made: Path, words: list[str], sentence: str) -> None:
    code, output = said("pivot", str(made), *words)
    assert code == 1
    assert output.startswith(sentence)


def test_one_of_several_studies_must_be_named(made: Path) -> None:
    make_study(made / "more", [{"ps": 0.5}], lambda choices, seed: 1)
    Study(made, "second")
    code, output = said("pivot", str(made), "--rows", "ps")
    assert (code, output) == (1, f"Error: say which study with --study; {made} has first, second.\n")
    assert said("pivot", str(made), "--rows", "ps", "--study", "first")[0] == 0


def test_a_script_is_trained(folder: Path) -> None:
    script = str(folder / "scripts" / "mine.py")
    assert said("run", script, "--n", "2", "--repeats", "2")[0] == 0
    frame = Study("experiments", "mine").frame()
    assert sorted(map(str, frame["x"].unique())) == ["(1, 2)", "b"]
    assert frame["value"].tolist() == [2 + seed for seed in frame["seed"]]
    assert len(frame) == 4
    # What is there is kept, and a higher --n adds to it.
    assert said("run", script, "--n", "2", "--repeats", "3")[0] == 0
    assert len(Study("experiments", "mine").frame()) == 6


def test_a_script_with_a_study_of_its_own(folder: Path) -> None:
    head = "from handlens.experiments import Study\nstudy = Study('elsewhere', 'mine too', metric='score')\n"
    script = folder / "own.py"
    script.write_text(head + "def train(trial):\n    return {'score': trial.real('x', 0, 1)}\n")
    assert said("run", str(script), "--n", "1")[0] == 0
    assert len(Study("elsewhere", "mine too", metric="score").frame()) == 1
    assert not (folder / "experiments").exists()


@pytest.mark.parametrize(
    ("script", "options", "sentence"),
    [
        (None, ["--n", "1"], "Error: SCRIPT must be a Python file; there is no file own.py."),
        ("x = 1", ["--n", "1"], "Error: own.py must define a function train(trial); it does not."),
        ("train = 5", ["--n", "1"], "Error: own.py must define a function train(trial); it does not."),
        ("def train(t): ...\nstudy = 5", ["--n", "1"], "Error: study in own.py must be a Study; it is int."),
        ("1 / 0", ["--n", "1"], "Error: own.py ended with an error before anything was trained: ZeroDivisionError"),
        ("def train(t): ...", [], "Error: say how much to train, with --n, --minutes or both."),
        ("def train(t): ...", ["--n", "0"], "Error: n, the number of combinations, must be"),
        ("def train(t): ...", ["--n", "1", "--sampler", "x"], "Error: sampler must be"),
    ],
)
def test_a_script_that_cannot_be_trained(folder: Path, script: str | None, options: list[str], sentence: str) -> None:
    if script is not None:
        (folder / "own.py").write_text(script)
    code, output = said("run", "own.py", *options)
    assert code == 1
    assert sentence in output
