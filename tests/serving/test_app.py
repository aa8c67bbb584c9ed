"""One saved model behind HTTP: what goes in is checked, what comes out is what the learner says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from handlens.errors import ArtifactError
from handlens.serving.app import MOST_ROWS, create_app
from handlens.tabular.data import TabularList
from handlens.tabular.learner import TabularLearner, load_learner, tabular_learner
from handlens.tabular.procs import Categorify, FillMissing, Normalize

ADDRESS = "http://127.0.0.1:8600"


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
        ({"age": "old"}, 422, "age.*number"),
        ({"age": "inf"}, 400, "age"),
        ({"floor": "ground"}, 422, "floor.*integer"),
        ({"owner": "perhaps"}, 422, "owner.*bool"),
        ({"hired": "soon"}, 422, "hired.*date"),
        ({"kind-of work": 3}, 422, "kind-of work.*string"),
    ],
)
def test_values_of_another_type(
    client: TestClient, table: pd.DataFrame, change: dict[str, object], status: int, message: str
) -> None:
    import re

    answer = client.post("/api/predict", json={"rows": [rows_of(table.head(1))[0] | change]})
    assert answer.status_code == status
    assert re.search(message, answer.json()["error"])


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


def test_strangers_are_refused(client: TestClient, folder: Path) -> None:
    assert client.get("/api/model", headers={"host": "evil.example"}).status_code == 403
    assert client.post("/api/predict", json={}, headers={"origin": "http://evil.example"}).status_code == 403
    locked = TestClient(create_app(folder, token="secret", hosts=["127.0.0.1:8600"]), base_url=ADDRESS)
    assert locked.get("/api/model").status_code == 401
    assert locked.get("/api/model", headers={"authorization": "Bearer secret"}).status_code == 200


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not a saved model"):
        create_app(tmp_path, hosts=[])
