"""One saved model behind HTTP: what goes in is checked, what comes out is what the learner says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from starlette.testclient import TestClient

from handlens.core.saved import load_learner
from handlens.errors import ArtifactError
from handlens.io.tables import read_table
from handlens.serving.app import MOST_ROWS, create_app
from handlens.serving.guard import BODY_LIMIT
from handlens.tabular.data import TabularList
from handlens.tabular.learner import TabularLearner, tabular_learner
from handlens.tabular.procs import Categorify, FillMissing, Normalize

ADDRESS = "http://127.0.0.1:8600"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "kind-of work": random.choice(["office", "field", "none"], 80),
            "floor": random.integers(0, 4, 80),
            "owner": random.random(80) < 0.5,
            "age": random.normal(40, 10, 80).round(1),
            "hired": pd.to_datetime("2020-01-01") + pd.to_timedelta(random.integers(0, 3, 80), unit="D"),
            "pay": random.choice(["low", "high"], 80),
        }
    )


@pytest.fixture(scope="module")
def folder(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = (
        TabularList.from_df(
            table,
            path=tmp_path_factory.mktemp("model"),
            cat_names=["kind-of work", "floor", "owner", "hired"],
            cont_names=["age"],
            procs=[FillMissing, Categorify, Normalize],
        )
        .split_by_idx(range(20))
        .label_from_df(cols="pay")
        .databunch(bs=16)
    )
    return tabular_learner(data, layers=[8], seed=0).export()


@pytest.fixture(scope="module")
def learn(folder: Path) -> TabularLearner:
    return load_learner(folder)


@pytest.fixture(scope="module")
def client(folder: Path) -> TestClient:
    return TestClient(create_app(folder, hosts=["127.0.0.1:8600"]), base_url=ADDRESS)


def rows_of(table: pd.DataFrame) -> list[dict[str, object]]:
    return table.assign(hired=table["hired"].map(lambda day: day.isoformat())).to_dict("records")  # type: ignore[return-value]


def test_predictions_are_the_learner_s(client: TestClient, learn: TabularLearner, table: pd.DataFrame) -> None:
    answer = client.post("/api/predict", json={"rows": rows_of(table.head(5))})
    assert answer.status_code == 200
    found = pd.DataFrame(answer.json()["predictions"])
    wanted = learn.predict_frame(table.head(5))
    assert found["pay"].tolist() == wanted["pay"].tolist()
    for name in ("probability of high", "probability of low"):
        assert found[name].to_numpy() == pytest.approx(wanted[name].to_numpy(), abs=1e-6)


def test_what_is_served(client: TestClient) -> None:
    about = client.get("/api/model").json()
    assert about["targets"] == ["pay"]
    assert about["classes"] == ["high", "low"]
    assert [column["name"] for column in about["inputs"]] == ["kind-of work", "floor", "owner", "hired", "age"]
    assert about["inputs"][0] == {
        "name": "kind-of work",
        "kind": "categorical",
        "levels": ["field", "none", "office"],
    }
    assert about["inputs"][1]["levels"] == [0, 1, 2, 3]
    assert about["inputs"][3]["levels"][0] == "2020-01-01T00:00:00"
    assert about["inputs"][4] == {"name": "age", "kind": "continuous", "levels": None}


def test_levels_never_seen_and_values_that_are_missing(
    client: TestClient, learn: TabularLearner, table: pd.DataFrame
) -> None:
    row = rows_of(table.head(1))[0] | {"kind-of work": "circus", "floor": None}
    answer = client.post("/api/predict", json={"rows": [row]})
    wanted = learn.predict_frame(table.head(1).assign(**{"kind-of work": None, "floor": np.nan}))
    assert answer.json()["predictions"][0]["probability of high"] == pytest.approx(
        wanted["probability of high"].iloc[0], abs=1e-6
    )


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"age": "old"}, 422, "age.*number, and no text or boolean"),
        ({"age": "40"}, 422, "age.*number, and no text or boolean"),
        ({"age": True}, 422, "age.*number, and no text or boolean"),
        ({"age": 1e39}, 400, "age"),
        ({"floor": "1"}, 422, "floor.*number, and no text or boolean"),
        ({"floor": False}, 422, "floor.*number, and no text or boolean"),
        ({"floor": 1.5}, 422, "floor.*integer"),
        ({"owner": "true"}, 422, "owner.*boolean.*and no text"),
        ({"hired": "soon"}, 422, "hired.*date in ISO 8601"),
        ({"hired": 1577836800}, 422, "hired.*date in ISO 8601"),
        ({"hired": "2020-13-01"}, 422, "hired.*date"),
        ({"kind-of work": 3}, 422, "kind-of work.*string"),
    ],
)
def test_values_of_another_type(
    client: TestClient, table: pd.DataFrame, change: dict[str, object], status: int, message: str
) -> None:
    answer = client.post("/api/predict", json={"rows": [rows_of(table.head(1))[0] | change]})
    assert answer.status_code == status
    assert re.search(message, answer.json()["error"])


def test_half_a_character_is_refused(client: TestClient, table: pd.DataFrame) -> None:
    row = json.dumps({"rows": [rows_of(table.head(1))[0] | {"kind-of work": "\ud800"}]})
    assert "\\ud800" in row
    answer = client.post("/api/predict", content=row, headers=JSON)
    assert answer.status_code == 422
    assert "rows.0.kind-of work: Input should be Unicode text" in answer.json()["error"]


def test_equal_numbers_are_one_value_and_null_is_missing(client: TestClient, table: pd.DataFrame) -> None:
    row = rows_of(table.head(1))[0]
    asked = [row | {"floor": floor, "owner": owner} for floor, owner in ((1, True), (1.0, 1))]
    one, other = client.post("/api/predict", json={"rows": asked}).json()["predictions"]
    assert one == other
    nothing = client.post("/api/predict", json={"rows": [dict.fromkeys(row) | {"age": 40}]})
    assert nothing.status_code == 200


def test_classes_are_served_as_what_they_are(table: pd.DataFrame, tmp_path: Path) -> None:
    for classes, kind in (([3, 5], int), ([True, False], bool), (["a", "b"], str)):
        rows = TabularList.from_df(
            table.assign(pay=classes * 40), path=tmp_path, cont_names=["age"], procs=[FillMissing, Normalize]
        )
        model = tabular_learner(rows.split_none().label_from_df(cols="pay").databunch(bs=16), layers=[4], seed=0)
        client = TestClient(create_app(model.export(), hosts=["127.0.0.1:8600"]), base_url=ADDRESS)
        [found] = client.post("/api/predict", json={"rows": [{"age": 40}]}).json()["predictions"]
        assert type(found["pay"]) is kind
        assert found["pay"] in classes
        assert type(found[f"probability of {classes[0]}"]) is float


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"rows": [}', 422, "must be JSON; it is not from line 1, column 11 on: Expecting value."),
        (b'{"rows":\n [{"age": 1 x}]}', 422, "from line 2, column 13 on: Expecting ',' delimiter"),
        ('{"rows": "é'.encode(), 422, "from line 1, column 10 on: Unterminated string"),
        (b'{"rows": "\xff"}', 400, "must be JSON in UTF-8: .* byte 0xff in position 10"),
        (b"[" * 200_000, 400, "must be JSON in UTF-8: .*recursion"),
        (b" " * (BODY_LIMIT + 1), 413, "must be at most 4 MB"),
        (b"", 422, "body"),
    ],
    ids=["brackets", "comma", "quote", "bytes", "depth", "size", "nothing"],
)
def test_bodies_that_are_no_json(client: TestClient, body: bytes, status: int, message: str) -> None:
    answer = client.post("/api/predict", content=body, headers=JSON)
    assert answer.status_code == status
    assert re.search(message, answer.json()["error"])


def test_a_body_that_grows_too_large_on_the_way(client: TestClient) -> None:
    parts = iter([b" " * BODY_LIMIT, b"  "])
    answer = client.post("/api/predict", content=parts, headers=JSON)  # no Content-Length
    assert (answer.status_code, answer.json()["error"]) == (413, "A request's body must be at most 4 MB.")


@pytest.mark.parametrize(("headers", "arrived"), [({}, "none"), ({"content-type": "text/plain"}, "text/plain")])
def test_a_body_must_be_said_to_be_json(
    client: TestClient, table: pd.DataFrame, headers: dict[str, str], arrived: str
) -> None:
    body = json.dumps({"rows": rows_of(table.head(1))})
    answer = client.post("/api/predict", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "The request's body must be JSON and its header must say so, Content-Type: application/json; "
        f"{arrived} arrived."
    )
    assert client.post("/api/predict", content=body, headers={"content-type": "application/a.b+json"}).is_success


def test_a_column_that_is_not_there(client: TestClient, table: pd.DataFrame) -> None:
    row = rows_of(table.head(1))[0]
    del row["age"]
    answer = client.post("/api/predict", json={"rows": [row]})
    assert (answer.status_code, "age" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize("body", [{}, {"rows": []}, {"rows": [1]}, {"rows": {}}, [], None])
def test_bodies_that_are_none(client: TestClient, body: object) -> None:
    answer = client.post("/api/predict", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_too_many_rows(client: TestClient) -> None:
    answer = client.post("/api/predict", json={"rows": [{}] * (MOST_ROWS + 1)})
    assert answer.status_code == 422
    assert str(MOST_ROWS) in answer.json()["error"]


def test_the_page_describes_the_model(client: TestClient) -> None:
    page = client.get("/", follow_redirects=True).text
    for said in ("/api/predict", "/api/model", "kind-of work", "one of 3 levels; null where missing"):
        assert said in page


def test_an_address_that_is_not_there_says_where_those_are_that_are(client: TestClient) -> None:
    answer = client.post("/predict", json={})
    assert answer.status_code == 404
    assert answer.json() == {"error": "There is nothing at this address; /api/docs lists those there are."}


def test_strangers_are_refused(client: TestClient, folder: Path) -> None:
    assert client.get("/api/model", headers={"host": "evil.example"}).status_code == 403
    assert client.post("/api/predict", json={}, headers={"origin": "http://evil.example"}).status_code == 403
    locked = TestClient(create_app(folder, token="secret", hosts=["127.0.0.1:8600"]), base_url=ADDRESS)
    assert locked.get("/api/model").status_code == 401
    assert locked.get("/api/model", headers={"authorization": "Bearer secret"}).status_code == 200


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not a saved model"):
        create_app(tmp_path, hosts=[])


WIDE = [2**53 + 1, 2**53 + 2, 2**53 + 3, 2**60 + 1, -(2**53) - 1, 7]
BEYOND = [2**63 + 1, 2**64 + 1]


@pytest.fixture(
    scope="module", params=[WIDE, [*WIDE, *BEYOND], [*WIDE, "a", "b"]], ids=["int64", "beyond 64 bits", "text"]
)
def of_ids(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TabularLearner:
    """A model of identifiers above 2**53, each with its own answer."""
    ids = pd.Series(request.param * 2, dtype=object)
    table = pd.DataFrame({"id": ids.infer_objects(), "y": np.arange(float(len(ids)))})
    rows = TabularList.from_df(table, path=tmp_path_factory.mktemp("ids"), cat_names=["id"], procs=[Categorify])
    learn = tabular_learner(rows.split_none().label_from_df("y").databunch(bs=4), layers=[32], seed=0)
    values = learn.model.linear.values
    values.copy_(torch.arange(float(len(values)))[:, None])
    return learn


def test_t3_a_rows_answer_does_not_depend_on_its_neighbours(of_ids: TabularLearner, tmp_path: Path) -> None:
    ids = list(of_ids.data.encoder.levels["id"].index)
    alone = [of_ids.predict({"id": one}).label for one in ids]
    unseen = of_ids.predict({"id": None}).label
    assert len({round(answer, 2) for answer in (*alone, unseen)}) == len(ids) + 1
    beside = [*ids, None]
    wanted = pytest.approx([*alone, unseen], rel=1e-5)

    served = TestClient(create_app(of_ids.export(), hosts=["127.0.0.1:8600"]), base_url=ADDRESS)
    answer = served.post("/api/predict", json={"rows": [{"id": one} for one in beside]}).json()
    assert [row["y"] for row in answer["predictions"]] == wanted
    assert of_ids.predict_frame(pd.DataFrame({"id": pd.Series(beside, dtype=object)}))["y"].tolist() == wanted

    levels = {"id": of_ids.data.encoder.levels["id"].index}
    (tmp_path / "rows.csv").write_text("id,other\n" + "".join(f"{one},0\n" for one in ids) + ",0\n")
    assert of_ids.predict_frame(read_table(tmp_path / "rows.csv", levels=levels))["y"].tolist() == wanted
