import numpy as np
import pandas as pd
import pytest

from handlens.audit import weakest_slices
from handlens.errors import AuditError


def table(seed, n=6000):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "camera": rng.choice(list("abcde"), n),
            "site": rng.choice(["north", "south", None], n, p=[0.6, 0.3, 0.1]),
            "dark": rng.random(n) < 0.5,
            "age": rng.integers(0, 100, n),
            "name": [f"row {k}" for k in range(n)],
        }
    )


def test_a_planted_slice_is_named_and_its_figures_are_those_of_unseen_rows():
    rows = table(0)
    inside = ((rows["camera"] == "b") & rows["site"].isna()).to_numpy()
    wrong = np.random.default_rng(2).random(6000) < np.where(inside, 0.5, 0.1)
    found = weakest_slices(rows, wrong)
    top = found.frame.iloc[0]
    assert top["slice"] == "camera = b and site = missing"
    assert top["conditions"] == {"camera": "b", "site": "missing"}
    assert top["n"] == inside.sum()
    assert top["share"] == pytest.approx(inside.mean())
    assert top["low"] < 0.5 < top["high"]
    assert top["rest"] == pytest.approx(0.1, abs=0.03)
    assert top["p"] < 1e-6
    assert len(found.frame) == 1  # its parents are told by it


def test_losses_and_ranges():
    rows = table(2)
    old = (rows["age"] >= 75).to_numpy()
    losses = np.random.default_rng(3).gamma(2, np.where(old, 2.0, 1.0))
    top = weakest_slices(rows, losses).frame.iloc[0]
    assert top["slice"].startswith("age 7")
    assert top["error"] == pytest.approx(4, abs=0.3)


def test_a_worse_part_of_a_bad_slice_comes_first_and_the_rest_of_it_after():
    rows = table(4, 12_000)
    bad = (rows["camera"] == "a").to_numpy()
    worse = bad & rows["dark"].to_numpy()
    wrong = np.random.default_rng(5).random(12_000) < np.where(worse, 0.6, np.where(bad, 0.3, 0.1))
    frame = weakest_slices(rows, wrong).frame
    assert frame["slice"].tolist() == ["camera = a and dark = True", "camera = a"]
    assert frame["error"][1] == pytest.approx(0.45, abs=0.05)
    assert frame["apart"][1] == pytest.approx(0.3, abs=0.05)


def test_slices_found_by_chance_are_not_reported():
    told = 0
    for seed in range(20):
        wrong = np.random.default_rng(100 + seed).random(2000) < 0.1
        told += len(weakest_slices(table(seed, 2000), wrong, seed=seed).frame) > 0
    assert told <= 3


def test_nothing_wrong_or_everything():
    rows = table(0, 500)
    for wrong in (np.zeros(500), np.ones(500), np.full(500, 2.5)):
        found = weakest_slices(rows, wrong)
        assert len(found.frame) == 0
        assert list(found.frame.columns)[-1] == "p"
        assert "0 confirmed" in found._repr_html_()


def test_slices_are_not_smaller_than_asked_nor_deeper():
    rows = table(0)
    inside = ((rows["camera"] == "b") & rows["dark"]).to_numpy()
    wrong = np.random.default_rng(1).random(6000) < np.where(inside, 0.5, 0.1)
    assert weakest_slices(rows, wrong, max_attributes=1).frame["conditions"].map(len).max() == 1
    assert (weakest_slices(rows, wrong, min_size=800).frame["n"] >= 700).all()


def test_the_same_seed_gives_the_same_slices():
    rows = table(0)
    wrong = np.random.default_rng(1).random(6000) < np.where(rows["dark"], 0.3, 0.1)
    pd.testing.assert_frame_equal(weakest_slices(rows, wrong).frame, weakest_slices(rows, wrong).frame)


def test_html_is_escaped():
    rows = {"<i>": np.repeat(["<script>", "b"], 1000)}
    html = weakest_slices(rows, np.repeat([1, 0], 1000))._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"errors": [0, 1]}, r"features\['a'\] must have a value for each of the 2 rows of errors"),
        ({"errors": list("xyz")}, "errors must hold numbers; values such as 'x'"),
        ({"errors": [0, 1, None]}, "errors must be known for each row"),
        ({"features": {}}, "features must have at least one attribute"),
        ({"max_attributes": 4}, "max_attributes must be from 1 to 3"),
        ({"bins": 1}, "bins must be 2 or more"),
        ({"min_size": 1}, "min_size must be 2 or more"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    given = {"features": {"a": [1, 2, 3]}, "errors": [0, 1, 1]} | change
    with pytest.raises(AuditError, match=message):
        weakest_slices(given.pop("features"), given.pop("errors"), **given)
