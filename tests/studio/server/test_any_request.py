"""Requests of every kind that the descriptions of the APIs allow, and many that they do not, by schemathesis."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode

from handlens.core.labels import CategoryList
from handlens.experiments.server.app import create_app as create_experiments_app
from handlens.experiments.store import Place
from handlens.serving.app import create_app as create_model_app
from handlens.serving.connections import Server
from handlens.serving.listening import listen
from handlens.studio.collection import Collection
from handlens.studio.server.app import create_app
from handlens.tabular.data import TabularList
from handlens.tabular.learner import tabular_learner
from handlens.vision import ImageItemList, create_cnn
from tests.experiments.made_studies import make_study

SHAPES = "shapes-0123456789"
# A handful of requests for each address here; thousands in benchmarks/faults.py.
FEW = settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def served(make: Callable[[list[str]], FastAPI]) -> Iterator[tuple[FastAPI, str]]:
    """An app that is made for the hosts it answers to, in a running server, and its address."""
    with listen("127.0.0.1", 0) as bound:
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        app = make([host])
        server = Server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield app, f"http://{host}"
        finally:
            server.should_exit = True
            thread.join(300)
    assert not thread.is_alive()


def ask_all(make: Callable[[list[str]], FastAPI], known: dict[str, Any]) -> int:
    """Ask each address of an app what fits its description and what does not; returns how many requests there were."""
    asked = 0
    with served(make) as (app, address):
        schema = schemathesis.openapi.from_dict(app.openapi())
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path.endswith("/events") or (operation.method, operation.path) in LEFT_OUT:
                continue
            asked += asked_of(operation, GenerationMode.POSITIVE, address, known)
            if operation.body or operation.query:  # else it asks for nothing that could be wrong
                with suppress(Unsatisfiable):  # any text is right
                    asked += asked_of(operation, GenerationMode.NEGATIVE, address, known)
    return asked


def asked_of(operation: Any, mode: GenerationMode, address: str, known: dict[str, Any]) -> int:
    """Ask one address with what fits, or with what does not; returns how many requests there were."""
    asked = 0

    @FEW
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal asked
        case.path_parameters |= {name: known[name] for name in known.keys() & case.path_parameters}
        if mode is GenerationMode.POSITIVE:
            for part in (case.query, case.body):
                if isinstance(part, dict):
                    part |= {name: known[name] for name in known.keys() & part}
        check(operation, case.call(base_url=address, timeout=300))
        asked += 1

    ask()
    return asked


# What is asked afterwards would find nothing.
LEFT_OUT = {("delete", "/api/collections/{c}")}


def check(operation: Any, answer: Any) -> None:
    """That an answer is one that is described, and not the server's fault."""
    what = (operation.method, operation.path, answer.status_code, answer.content[:300])
    assert answer.status_code < 500, what
    if answer.status_code in (204, 304):
        assert not answer.content, what
        return
    kind = answer.headers["content-type"][0].partition(";")[0]
    responses = operation.definition.raw["responses"]
    described = responses.get(str(answer.status_code)) or responses[f"{answer.status_code // 100}XX"]
    assert kind in described["content"], what
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error"}, what
        assert answer.json()["error"].endswith((".", "?")), what


def test_any_request_to_studio(prepared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collection, "start_preparing", lambda self: None)
    home = tmp_path / "home"
    shutil.copytree(prepared_folder, home / "collections" / SHAPES)
    assert ask_all(lambda hosts: create_app(home, hosts=hosts), {"c": SHAPES, "id": 3}) > 150


def test_any_request_to_a_saved_model(tmp_path: Path) -> None:
    df = pd.DataFrame({"shop": ["a", "b"] * 8, "size": [1.0, 2.0] * 8, "pay": ["low", "high"] * 8})
    items = TabularList.from_df(df, path=tmp_path, cont_names=["size"]).split_by_idx(range(4))
    folder = tabular_learner(items.label_from_df("pay").databunch(bs=4), layers=[4], seed=0).export()
    assert ask_all(lambda hosts: create_model_app(folder, hosts=hosts), {}) >= 3


def test_any_request_to_a_saved_model_for_photos(tmp_path: Path) -> None:
    for i in range(4):
        Image.new("RGB", (32, 32), ("red", "blue")[i % 2]).save(tmp_path / f"{i}.png")
    items = ImageItemList.from_folder(tmp_path).split_by_idx([0])
    data = items.label_from_func(lambda file: int(file.stem) % 2, label_cls=CategoryList).databunch(bs=2, num_workers=0)
    folder = create_cnn(data, "mobilenetv2_035", pretrained=False, seed=0).export()
    assert ask_all(lambda hosts: create_model_app(folder, hosts=hosts), {}) >= 4


def test_any_request_to_experiments(tmp_path: Path) -> None:
    combinations = [{"ps": 0.0}, {"ps": 0.5, "layers": [200, 100]}]
    make_study(tmp_path, combinations, lambda choices, seed: choices["ps"] + seed)
    place = Place.of(tmp_path)
    known = {"id": 3, "study": "made", "rows": ["ps"], "values": "value", "number": ["valid_loss"]}
    asked = ask_all(lambda hosts: create_experiments_app(place, hosts=hosts), known)
    assert asked > 30
