from __future__ import annotations

import csv
import inspect
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import handlens
from handlens.cli import app
from handlens.cli.app import print_json
from handlens.core import saved
from handlens.core.predictions import class_predictions_frame
from handlens.errors import HandlensError
from handlens.io.home import home_folder
from handlens.studio import Collection, GatheringProgress
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.server import run
from handlens.studio.server.collection_plans import CollectionPlan, CollectionRequest


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the server was asked to do, which it does not."""
    seen: list[dict[str, object]] = []
    monkeypatch.setattr(run, "serve", lambda home, **options: seen.append({"home": home, **options}))
    return seen


def test_the_version() -> None:
    assert said("--version") == (0, f"handlens {handlens.__version__}\n")


def test_help_has_no_lines_broken_by_hand() -> None:
    """A terminal breaks the lines of a paragraph; the first one is joined anyway."""
    commands, seen = [typer.main.get_command(app)], 0
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        texts = inspect.cleandoc(command.help or "").split("\n\n")[1:]
        texts += [getattr(option, "help", None) or "" for option in command.params]
        assert [text for text in texts if "\n" in text] == []
        seen += 1
    assert seen > 10


def test_python_m_handlens_is_the_same() -> None:
    found = subprocess.run([sys.executable, "-m", "handlens", "--help"], capture_output=True, text=True, check=True)
    assert "studio" in found.stdout
    assert "predict" in found.stdout


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("handlens.cli", "numpy pandas torch scipy sklearn fastapi uvicorn sqlalchemy rich importlib.metadata"),
        ("handlens.studio", "torch torchvision timm cv2 matplotlib sklearn scipy.stats fastapi huggingface_hub"),
    ],
)
def test_what_takes_long_to_load_is_not_loaded_at_once(module: str, left_out: str) -> None:
    code = f"import sys, {module}; print([name for name in {left_out.split()} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("handlens st", ["studio"]),
        ("handlens experiments p", ["page", "pivot"]),
        ("handlens studio --demo v", ["vehicles"]),
        ("handlens doctor --", ["--network", "--json", "--help"]),
    ],
)
def test_shells_complete_commands_and_options(words: str, completed: list[str]) -> None:
    variables = {"_HANDLENS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    result = CliRunner().invoke(app, [], prog_name="handlens", env=variables)
    assert result.output.split() == completed


def test_json_has_null_for_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": [1, 2.5, float("nan"), float("inf"), None], "b": (True, "é"), 3: np.float32(0.5), "at": pd.NaT}
    print_json(value | {"path": Path("x")})
    expected = {"a": [1, 2.5, None, None, None], "b": [True, "é"], "3": 0.5, "at": None, "path": "x"}
    assert json.loads(capsys.readouterr().out) == expected


def test_json_is_ascii_so_that_every_pipe_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    not_text = b"\xff.jpg".decode("utf-8", "surrogateescape")  # as Python gives the name of such a file
    print_json(["日", not_text])
    printed = capsys.readouterr().out
    assert printed == '[\n  "\\u65e5",\n  "\\udcff.jpg"\n]\n'


def test_what_a_terminal_cannot_show_is_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path / "日"))
    result = CliRunner(charset="cp1252").invoke(app, ["doctor"])
    assert isinstance(result.exception, SystemExit | None)  # doctor may find something wrong
    assert f"{tmp_path.name}{os.sep}\\u65e5, for collections" in result.stdout


def test_home_is_where_it_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path / "here"))
    assert home_folder() == tmp_path / "here"
    monkeypatch.delenv("HANDLENS_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if sys.platform == "linux":
        assert home_folder() == tmp_path / "data" / "handlens"


def test_studio_serves_this_machine_unless_told_otherwise(served: list[dict[str, object]], tmp_path: Path) -> None:
    assert said("studio", str(tmp_path))[0] == 0
    assert said("studio", "--host", "0.0.0.0", "--port", "9000", "--no-browser")[0] == 0
    assert (served[0]["host"], served[0]["port"], served[0]["browser"]) == ("127.0.0.1", None, True)
    assert (served[1]["host"], served[1]["port"], served[1]["browser"]) == ("0.0.0.0", 9000, False)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], ("auto",)),
        (["--backbone", "auto"], ("auto",)),
        (["--backbone", "learned"], (None,)),
        (["--backbone", "resnet18", "--backbone", "learned"], ("resnet18", None)),
    ],
)
def test_what_describes_the_photos(
    served: list[dict[str, Any]], tmp_path: Path, options: list[str], asked: tuple[str | None, ...]
) -> None:
    assert said("studio", str(tmp_path), *options)[0] == 0
    seen = []

    def plan(photos: PhotoSource, request: CollectionRequest, progress: object) -> CollectionPlan:
        seen.append(request)
        return CollectionPlan("photos-1", lambda: pytest.fail("it was opened"))

    registry = SimpleNamespace(
        plans=SimpleNamespace(of_photos=plan, exists=lambda id: True),
        open_in_background=lambda plan: Future[Collection](),
    )
    server = SimpleNamespace(state=SimpleNamespace(server=SimpleNamespace(registry=registry)))
    assert served[0]["begin"](server) == "/c/photos-1"
    assert [request.backbones for request in seen] == [asked]


def test_photos_that_are_copied_are_there_before_the_page(
    served: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8), len(name)).save(tmp_path / name)
    assert said("studio", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--every", "2")[0] == 0
    assert said("studio", str(tmp_path / "a.png"))[0] == 0
    opened = []

    def plan(photos: PhotoSource, request: CollectionRequest, progress: object) -> CollectionPlan:
        assert callable(progress)
        progress(GatheringProgress(files=1, total=2, photos=3))
        return CollectionPlan(f"{len(photos.given)}-{photos.every:g}", lambda: pytest.fail("it was opened"))

    registry = SimpleNamespace(
        plans=SimpleNamespace(of_photos=plan, exists=lambda id: True),
        open=lambda plan: opened.append(plan.id),
        open_in_background=lambda plan: Future[Collection](),
    )
    server = SimpleNamespace(state=SimpleNamespace(server=SimpleNamespace(registry=registry)))
    assert [options["begin"](server) for options in served] == ["/c/2-2", "/c/1-1"]
    assert opened == ["2-2", "1-1"]


def test_the_form_of_the_home_page_begins_with_what_is_named(
    served: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "18.safetensors"
    file.touch()
    monkeypatch.chdir(tmp_path)
    named = ["--backbone", "resnet18", "--backbone", "learned", "--weights", file.name, "--seed", "3"]
    assert said("studio", *named)[0] == 0
    server = SimpleNamespace(state=SimpleNamespace(server=SimpleNamespace(registry=SimpleNamespace(plans=None))))
    assert served[0]["begin"](server) == "/"
    assert server.state.server.preset == CollectionRequest(backbones=("resnet18", None), weights=(file,), seed=3)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--demo"], "vehicles"),
        (["--demo", "--port", "9000"], "vehicles"),
        (["--demo", "digits"], "digits"),
        (["--demo=digits"], "digits"),
    ],
)
def test_the_demo_is_of_vehicles_unless_named(
    served: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, words: list[str], name: str
) -> None:
    begun: list[tuple[object, ...]] = []
    monkeypatch.setattr(sys.modules["handlens.cli.studio"], "_begin", lambda *wanted: begun.append(wanted))
    assert said("studio", *words)[0] == 0
    served[0]["begin"]("server")
    assert begun[0][:3] == ("server", None, name)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["/no/such/folder"], "no such folder or file"),
        (["https://example.org/a.png"], "unless it is asked for"),
        (["ftp://example.org/a.png"], "must begin with one of s3://"),
        ([".", "--every", "0"], "every must be a number of seconds above 0"),
        (["--weights", "a.safetensors"], "--backbone"),
        ([".", "--demo", "digits"], "not both"),
        ([".", "--weights", "a.safetensors"], "--backbone"),
        ([".", "--backbone", "x", "--weights", "/no/such.safetensors"], "no file"),
    ],
)
def test_what_makes_no_sense_is_said(served: list[dict[str, object]], arguments: list[str], word: str) -> None:
    code, output = said("studio", *arguments)
    assert code == 1
    assert "Error:" in output
    assert word in output
    assert "Traceback" not in output
    assert served == []


def test_errors_of_the_server_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise HandlensError("port 1 is taken.")

    monkeypatch.setattr(run, "serve", fail)
    assert said("studio") == (1, "Error: port 1 is taken.\n")


def test_predict_writes_a_row_a_photo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Model:
        def predict_files(self, files: list[Path], *, progress: Any = None) -> pd.DataFrame:
            if progress:
                progress(1, 2)
            p = np.array([[0.25, 0.75]] * len(files), np.float32).reshape(-1, 2)
            return class_predictions_frame([str(file) for file in files], ["cat", "dog"], p)

    monkeypatch.setattr(saved, "load_learner", lambda folder: Model())
    photos = tmp_path / "photos"
    (photos / "below").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(photos / "below" / "a.png")
    (photos / "notes.txt").write_text("not a picture")
    out = tmp_path / "p.csv"
    code, output = said("predict", "model", str(photos), "--out", str(out))
    assert code == 0
    assert "1 photos predicted" in output
    assert "no prediction: notes.txt: not a picture" in output
    with out.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["path", "predicted", "probability", "probability of cat", "probability of dog", "reason"],
            ["below/a.png", "dog", "0.750000", "0.250000", "0.750000", ""],
            ["notes.txt", "", "", "", "", "not a picture"],
        ]
    code, output = said("predict", "model", str(photos), "--out", str(out), "--keep", "id")
    assert (code, "is a model for photos" in " ".join(output.split())) == (1, True)
    file = photos / "below" / "a.png"
    code, output = said("predict", "model", str(file), str(photos / "gone.png"), "--out", str(out))
    assert (code, "gone.png: there is no such file" in " ".join(output.split())) == (0, True)
    with out.open(newline="") as opened:
        assert [row["path"] for row in csv.DictReader(opened)] == [str(file), str(photos / "gone.png")]

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    def terminate(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    before, handler = out.read_bytes(), signal.getsignal(signal.SIGTERM)
    for ending in (interrupt, terminate):
        monkeypatch.setattr(Model, "predict_files", ending)
        code, output = said("predict", "model", str(photos), "--out", str(out))
        assert (code, "Stopped; nothing is written." in output) == (130, True)
        assert out.read_bytes() == before
    assert signal.getsignal(signal.SIGTERM) is handler


def test_predict_replaces_nothing_but_an_earlier_table(table_model: Path, tmp_path: Path) -> None:
    rows, photo, folder = tmp_path / "rows.csv", tmp_path / "photos" / "a.png", tmp_path / "a folder"
    rows.write_text("x\nb\n")
    photo.parent.mkdir()
    Image.new("RGB", (4, 4)).save(photo)
    folder.mkdir()
    (tmp_path / "link.csv").symlink_to(rows)
    description = table_model / "model.json"
    kept = {path: path.read_bytes() for path in (rows, photo, description)}
    for item, out, message in (
        (rows, rows, "must not name what is to be predicted"),
        (rows, tmp_path / "link.csv", "must not name what is to be predicted"),
        (photo.parent, photo, "replaces only CSV files"),
        (rows, description, "replaces only CSV files"),
        (rows, folder, "is a folder: name one in it"),
    ):
        code, output = said("predict", str(table_model), str(item), "--out", str(out))
        assert (code, message in " ".join(output.split())) == (1, True)
    assert all(path.read_bytes() == before for path, before in kept.items())
    out = tmp_path / "P.CSV"
    for _ in range(2):
        assert said("predict", str(table_model), str(rows), "--out", str(out))[0] == 0


def test_predict_writes_masks_beside_the_table(tmp_path: Path) -> None:
    from handlens.vision import SegmentationItemList, unet_learner

    photos = tmp_path / "photos"
    (photos / "below").mkdir(parents=True)
    for name, size in (("a", (32, 32)), ("b", (32, 32)), ("below/wide", (96, 48))):
        Image.new("RGB", size, "red").save(photos / f"{name}.bmp")
        Image.new("L", size, 1).save(tmp_path / f"{Path(name).name}.png")
    items = SegmentationItemList.from_folder(photos).split_by_idx([0])
    labelled = items.label_from_func(lambda file: tmp_path / f"{file.stem}.png", classes=["road", "car"])
    data = labelled.transform(size=32).databunch(bs=2, num_workers=0)
    data.path = tmp_path
    model = unet_learner(data, "mobilenetv2_035", pretrained=False, seed=0).export("unet")
    (photos / "empty.bmp").touch()
    out = tmp_path / "found" / "p.csv"
    code, output = said("predict", str(model), str(photos), "--out", str(out))
    assert (code, "3 photos predicted" in output, "p-masks" in output) == (0, True, True)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["mask"], row["reason"]) for row in rows] == [
        ("a.bmp", "p-masks/a.png", ""),
        ("b.bmp", "p-masks/b.png", ""),
        ("below/wide.bmp", "p-masks/below/wide.png", ""),
        ("empty.bmp", "", "empty (0 bytes)"),
    ]
    with Image.open(out.parent / rows[2]["mask"]) as mask:
        assert mask.size == (96, 48)
        assert mask.getpixel((0, 0)) == 255  # the model sees the square in the middle
    assert float(rows[0]["share of road"]) + float(rows[0]["share of car"]) == pytest.approx(1, abs=1e-5)
    before = out.read_bytes()
    code, output = said("predict", str(model), str(photos), "--out", str(out))
    assert (code, "must be empty or not there" in " ".join(output.split())) == (1, True)
    assert out.read_bytes() == before


def test_predict_writes_heat_maps_beside_the_table(tmp_path: Path) -> None:
    from handlens.vision import ImageItemList, create_cnn, heatmap

    photos = tmp_path / "photos"
    (photos / "below").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "below/c", "d")):
        Image.new("RGB", (48, 40), (60 * number, 90, 10)).save(photos / f"{name}.png")
    items = ImageItemList.from_folder(photos).split_by_idx([0])
    data = items.label_from_func(lambda file: file.stem in "ab", classes=[False, True]).transform(size=32)
    learn = create_cnn(data.databunch(bs=2, num_workers=0), "mobilenetv2_035", pretrained=False, seed=0)
    model = learn.export(tmp_path / "model")
    (photos / "empty.png").touch()
    out = tmp_path / "p.csv"
    code, output = said("predict", str(model), str(photos), "--out", str(out), "--heatmaps")
    assert (code, "heatmaps in" in output) == (0, True), output
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["heatmap"], row["reason"]) for row in rows] == [
        ("a.png", "p-heatmaps/a.png", ""),
        ("b.png", "p-heatmaps/b.png", ""),
        ("below/c.png", "p-heatmaps/below/c.png", ""),
        ("d.png", "p-heatmaps/d.png", ""),
        ("empty.png", "", "empty (0 bytes)"),
    ]
    found = (tmp_path / "p-heatmaps" / "below" / "c.png").read_bytes()
    assert found == heatmap(learn, photos / "below" / "c.png")._repr_png_()
    code, output = said("predict", str(model), str(photos), "--out", str(out), "--heatmaps")
    assert (code, "must be empty or not there" in " ".join(output.split())) == (1, True)


def test_predict_says_what_is_wrong(tmp_path: Path) -> None:
    code, output = said("predict", str(tmp_path / "none"), str(tmp_path), "--out", str(tmp_path / "p.csv"))
    assert code == 1
    assert output.startswith("Error:")
    assert not (tmp_path / "p.csv").exists()


@pytest.fixture(scope="module")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of y by x, exported."""
    import pandas as pd

    from handlens.tabular import Categorify, TabularList, tabular_learner

    table = pd.DataFrame({"x": ["a", "b"] * 8, "y": [0.5, 2.5] * 8})
    rows = TabularList.from_df(table, path=tmp_path_factory.mktemp("model"), cat_names=["x"], procs=[Categorify])
    data = rows.split_none().label_from_df(cols="y").databunch(bs=4)
    return tabular_learner(data, layers=[4], seed=0).export()


def test_predict_writes_a_row_a_row(table_model: Path, tmp_path: Path) -> None:
    import pandas as pd

    from handlens.tabular import load_learner

    rows = pd.DataFrame({"x": ["b", "a", "c"], "other": [1, 2, 3]})
    wanted = load_learner(table_model).predict_frame(rows)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_csv(tmp_path / "rows.csv.gz", index=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.csv.gz", "rows.parquet"):
        out = tmp_path / f"{name} predicted.csv"
        code, output = said("predict", str(table_model), str(tmp_path / name), "--out", str(out))
        assert (code, "3 rows predicted" in output) == (0, True)
        found = pd.read_csv(out)
        assert found.columns.tolist() == ["y"]
        assert found["y"].tolist() == pytest.approx(wanted["y"].tolist())


def test_a_table_is_one_file(table_model: Path, tmp_path: Path) -> None:
    code, output = said("predict", str(table_model), "a.csv", "b.csv", "--out", str(tmp_path / "p.csv"))
    assert (code, "one file of rows; 2 arrived: a.csv, b.csv" in " ".join(output.split())) == (1, True)


def test_predict_keeps_the_columns_asked_for(table_model: Path, tmp_path: Path) -> None:
    import pandas as pd

    rows, out = tmp_path / "rows.csv", tmp_path / "p.csv"
    pd.DataFrame({"id": [7, 5], "x": ["b", "a"], "y": [1.0, 2.0]}).to_csv(rows, index=False)
    given = ("predict", str(table_model), str(rows), "--out", str(out))
    assert said(*given, "--keep", "id", "--keep", "x", "--keep", "id")[0] == 0
    found = pd.read_csv(out)
    assert found.columns.tolist() == ["id", "x", "y"]
    assert found["id"].tolist() == [7, 5]
    out.unlink()
    for name, message in (("key", "key"), ("y", "['y'] are predicted")):
        code, output = said(*given, "--keep", name)
        assert code == 1
        assert message in " ".join(output.split())
        assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.xlsx", b"", "must be a .csv, .csv.gz or .parquet file; rows.xlsx arrived"),
        ("rows.csv", None, "there is no file"),
        ("rows.csv", b"", "cannot be read as a table"),
        ("rows.csv", b"x\n\xff\n", "cannot be read as a table"),
        ("rows.csv.gz", b"no gzip", "cannot be read as a table"),
        ("rows.parquet", b"no parquet", "cannot be read as a table"),
        ("rows.csv", b"z\n1\n", "x"),
    ],
)
def test_rows_that_cannot_be_predicted(
    table_model: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, output = said("predict", str(table_model), str(tmp_path / name), "--out", str(tmp_path / "p.csv"))
    assert code == 1
    assert message in " ".join(output.split())
    assert not (tmp_path / "p.csv").exists()


@pytest.fixture(scope="module")
def countries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A model of columns whose CSV says less than they hold, and its rows."""
    import pandas as pd

    from handlens.tabular import Categorify, FillMissing, Normalize, TabularList, tabular_learner

    table = pd.DataFrame(
        {
            "country": ["NA", "ZA", None, "BW"] * 6,
            "zip": ["01234", "9", "0", "a"] * 6,
            "open": [True, False, None] * 8,
            "day": pd.date_range("2015-07-31", periods=24).to_list(),
            "moment": pd.date_range("2015-07-31", periods=4, tz="Europe/Berlin").to_list() * 6,
            "floor": [1, 2, 3, 4] * 6,
            "size": [0.1, None, 1e-7, 3.0] * 6,
            "grade": ["01", "1", "NA", "02"] * 6,
        }
    )
    rows = TabularList.from_df(
        table,
        path=tmp_path_factory.mktemp("model"),
        cat_names=["country", "zip", "open", "day", "moment", "floor"],
        cont_names=["size"],
        procs=[FillMissing, Categorify, Normalize],
    )
    data = rows.split_none().label_from_df(cols="grade").databunch(bs=4)
    return tabular_learner(data, layers=[4], seed=0).export(), table


@pytest.mark.parametrize("part", [slice(None), slice(2, 3), slice(0, 1)])
@pytest.mark.parametrize("labelled", [True, False])
def test_csv_and_parquet_give_the_same_predictions(
    countries: tuple[Path, Any], tmp_path: Path, part: slice, labelled: bool
) -> None:
    model, table = countries
    rows = table[part] if labelled else table[part].drop(columns="grade")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    for name in ("rows.csv", "rows.parquet"):
        given = str(tmp_path / name)
        assert said("predict", str(model), given, "--out", given.replace(".", "-"), "--keep", "zip")[0] == 0
    found = (tmp_path / "rows-csv").read_text()
    assert found == (tmp_path / "rows-parquet").read_text()
    assert found.count("\n") == len(rows) + 1


def test_the_target_of_rows_to_predict_may_hold_anything(tmp_path: Path) -> None:
    import pandas as pd

    from handlens.tabular import TabularList, tabular_learner

    table = pd.DataFrame({"x": [0.5, 1.5] * 4, "y": [3, 7] * 4})
    data = TabularList.from_df(table, path=tmp_path, cont_names=["x"]).split_none().label_from_df("y").databunch(bs=4)
    model = tabular_learner(data, layers=[4], seed=0).export()
    (tmp_path / "rows.csv").write_text("x,y\n0.5,?\n1.5,\n")
    assert said("predict", str(model), str(tmp_path / "rows.csv"), "--out", str(tmp_path / "p.csv"))[0] == 0
    assert set(pd.read_csv(tmp_path / "p.csv")["y"]) <= {3, 7}


def test_a_level_that_looks_like_no_value_counts(countries: tuple[Path, Any], tmp_path: Path) -> None:
    import pandas as pd

    from handlens.tabular import load_learner

    model, table = countries
    rows = table.drop(columns="grade").iloc[:1]
    (tmp_path / "rows.csv").write_text(rows.assign(id="007").to_csv(index=False))
    given = ("predict", str(model), str(tmp_path / "rows.csv"), "--out", str(tmp_path / "p.csv"), "--keep", "id")
    assert said(*given)[0] == 0
    found = pd.read_csv(tmp_path / "p.csv", dtype={"id": "str"})
    probabilities = [name for name in found if name.startswith("probability")]
    learn = load_learner(model)
    assert found["id"].tolist() == ["007"]
    as_text, as_missing = (
        learn.predict_frame(frame)[probabilities].to_numpy()[0] for frame in (rows, rows.assign(country=None))
    )
    assert found[probabilities].to_numpy()[0] == pytest.approx(as_text, abs=1e-7)
    assert abs(as_text - as_missing).max() > 1e-6  # the levels' first vectors are small


def test_a_row_that_is_too_long_is_not_shifted(countries: tuple[Path, Any], tmp_path: Path) -> None:
    model, table = countries
    lines = table.drop(columns="grade").iloc[:2].to_csv(index=False).splitlines()
    for wrong in (f"{lines[2]},", f"9,{lines[2]}", lines[2].rpartition(",")[0]):
        (tmp_path / "rows.csv").write_text("\n".join([*lines[:2], wrong]))
        code, output = said("predict", str(model), str(tmp_path / "rows.csv"), "--out", str(tmp_path / "p.csv"))
        assert (code, "line 3 has" in " ".join(output.split())) == (1, True)
        assert not (tmp_path / "p.csv").exists()


def test_predict_with_what_is_no_model(tmp_path: Path) -> None:
    from handlens.core.artifact import save_artifact

    code, output = said("predict", str(tmp_path / "none"), str(tmp_path), "--out", str(tmp_path / "p.csv"))
    assert (code, "is not a saved model" in " ".join(output.split())) == (1, True)
    save_artifact(tmp_path / "weights", "weights", {}, {})
    code, output = said("predict", str(tmp_path / "weights"), str(tmp_path), "--out", str(tmp_path / "p.csv"))
    assert (code, "predicts nothing by itself" in " ".join(output.split())) == (1, True)


def test_serve_answers_at_the_address_it_prints(table_model: Path) -> None:
    import json
    import urllib.request

    command = [sys.executable, "-m", "handlens", "serve", str(table_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", printed)
            assert address, printed
            body = json.dumps({"rows": [{"x": "a"}]}).encode()
            asked = urllib.request.Request(
                f"{address[0]}/api/predict", body, headers={"Content-Type": "application/json"}
            )
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(asked, timeout=300) as answer:
                assert list(json.load(answer)["predictions"][0]) == ["y"]
        finally:
            process.terminate()


def test_serve_what_is_no_model(tmp_path: Path) -> None:
    code, output = said("serve", str(tmp_path))
    assert (code, "is not a saved model" in " ".join(output.split())) == (1, True)
