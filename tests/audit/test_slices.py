import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import special

from handlens.audit import slice_search, weakest_slices
from handlens.audit.slice_search import find_slices
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
        ({"bins": 1}, "bins must be a whole number, 2 or more"),
        ({"min_size": 1}, "min_size must be a whole number, 2 or more"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    given = {"features": {"a": [1, 2, 3]}, "errors": [0, 1, 1]} | change
    with pytest.raises(AuditError, match=message):
        weakest_slices(given.pop("features"), given.pop("errors"), **given)


def half_wrong(n=3000):
    """Errors of which those in the second half of the rows are wrong half of the time."""
    return np.r_[np.zeros(n // 2), np.arange(n // 2) % 2]


HOURS = pd.date_range("2024-01-01", periods=3000, freq="h", unit="us")
DAYS = pd.date_range("2000-01-01", periods=3000, freq="D", unit="us")
MOMENTS = {
    "timestamps": HOURS,
    "seconds": HOURS.as_unit("s"),
    "nanoseconds": HOURS.as_unit("ns"),
    "with a zone": HOURS.tz_localize("UTC"),
    "Arrow": pd.Series(HOURS).astype("timestamp[us][pyarrow]"),
    "objects": pd.Series(list(HOURS), dtype=object),
    "text": pd.Series(HOURS.astype(str)),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_t18_dates_are_cut_like_numbers(kind):
    found = weakest_slices({"when": MOMENTS[kind]}, half_wrong(), bins=2)
    zone = "+00:00" if kind == "with a zone" else ""
    low, high = f"2024-03-03 11:00:00{zone}", f"2024-05-04 23:00:00{zone}"
    assert found.frame["slice"].tolist() == [f"when {low} to {high}"]
    assert found.frame["conditions"].tolist() == [{"when": f"{low} to {high}"}]
    assert found.frame["n"].tolist() == [1501]


@pytest.mark.parametrize(
    "column",
    [DAYS, pd.Series(DAYS.to_period("D")), pd.Series(DAYS.date), pd.Series(DAYS.date).astype("date32[pyarrow]")],
)
def test_t18_days_have_no_hours(column):
    found = weakest_slices({"day": column}, half_wrong(), bins=2)
    assert found.frame["slice"].tolist() == ["day 2004-02-08 to 2008-03-18"]


@pytest.mark.parametrize("unit", ["timedelta64[us]", "timedelta64[s]", "duration[us][pyarrow]", object])
def test_t18_durations_are_cut_like_numbers(unit):
    hours = pd.Series(pd.to_timedelta(np.arange(3000), "h")).astype(unit)
    if unit is not object:
        found = weakest_slices({"age": hours}, half_wrong(), bins=2)
        assert found.frame["slice"].tolist() == ["age 62 days 11:00:00 to 124 days 23:00:00"]
    days = pd.Series(pd.to_timedelta(np.arange(3000), "D")).astype(unit)
    assert weakest_slices({"age": days}, half_wrong(), bins=2).frame["slice"].tolist() == ["age 1499 days to 2999 days"]


def test_t18_missing_dates_are_a_slice_and_few_dates_are_values():
    gaps = pd.Series(HOURS).mask(np.arange(3000) >= 1500)
    assert weakest_slices({"when": gaps}, half_wrong()).frame["slice"].tolist() == ["when = missing"]
    few = pd.to_datetime(np.where(np.arange(3000) < 1500, "2024-01-01", "2024-01-02"))
    assert weakest_slices({"when": few}, half_wrong()).frame["n"].tolist() == [1500]


def test_t18_many_columns_are_searched_within_bounds_and_what_is_left_out_is_said():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({f"c{k}": rng.integers(0, 3, 1500) for k in range(60)})
    inside = (rows["c7"] == 1) & (rows["c31"] == 2)
    wrong = rng.random(1500) < np.where(inside, 0.9, 0.1)
    with pytest.warns(UserWarning, match="combinations of three were compared for 50 of 60 attributes only"):
        found = weakest_slices(rows, wrong)
    assert found.frame["conditions"].tolist() == [{"c31": "2", "c7": "1"}]
    assert "left out: c" in found.left_out
    assert "two" not in found.left_out
    assert "combinations of three were compared for 50 of 60" in found._repr_html_()
    assert weakest_slices(rows.iloc[:, :50], wrong).left_out == ""
    assert weakest_slices(rows, wrong, max_attributes=2).left_out == ""


def test_t18_of_very_many_columns_pairs_are_left_out_too(monkeypatch):
    monkeypatch.setattr(slice_search, "MOST_ATTRIBUTES", {2: 4, 3: 3})
    rng = np.random.default_rng(0)
    rows = {f"c{k}": rng.integers(0, 2, 1000) for k in range(16)}
    wrong = rng.random(1000) < np.where(rows["c3"] == 1, 0.5, 0.1)
    with pytest.warns(UserWarning, match="combinations of two were compared for 4 of 16"):
        found = weakest_slices(rows, wrong)
    assert found.frame["conditions"].tolist() == [{"c3": "1"}]
    # 32 values, 6 pairs of 4 and 3 of 8 combinations: each has enough rows.
    assert found.looked_at == 16 * 2 + 6 * 4 + 1 * 8
    two, three = found.left_out.split("; combinations")
    assert "left out: " in two
    assert two.endswith(" and 2 more")
    assert three.endswith(" and 3 more")


@pytest.mark.parametrize("rates", [True, False])
@pytest.mark.parametrize("block", [1 << 22, 100])
def test_the_search_compares_what_a_plain_one_does(monkeypatch, rates, block):
    monkeypatch.setattr(slice_search, "_BLOCK", block)
    rng = np.random.default_rng(3)
    codes = [rng.integers(0, width, 400) for width in (3, 4, 2, 5)]
    errors = (rng.random(400) < 0.3).astype(float) if rates else rng.exponential(1, 400)
    errors += np.where((codes[1] == 2) & (codes[3] == 1), 0 if rates else 2, 0)
    shares = []
    found = find_slices(codes, [3, 4, 2, 5], errors, size=10, depth=3, most=1, progress=shares.append)
    best, looked_at = (-np.inf, ()), 0
    price = 2 * np.log(10)
    for size in (1, 2, 3):
        for subset in itertools.combinations(range(4), size):
            for values in itertools.product(*(range(1, (3, 4, 2, 5)[k]) for k in subset)):
                inside = np.logical_and.reduce([codes[k] == value for k, value in zip(subset, values, strict=True)])
                n, total = inside.sum(), errors[inside].sum()
                if n < 10:
                    continue
                looked_at += 1
                a, b = total / n, (errors.sum() - total) / (400 - n)
                if rates:

                    def likelihood(hits, of):
                        return special.xlogy(hits, hits / of) + special.xlogy(of - hits, 1 - hits / of)

                    gain = 2 * (
                        likelihood(total, n) + likelihood(errors.sum() - total, 400 - n) - likelihood(errors.sum(), 400)
                    )
                else:
                    spread = [
                        (((x - x.mean()) ** 2).sum() + 3 * errors.var()) / (len(x) + 2) / len(x)
                        for x in (errors[inside], errors[~inside])
                    ]
                    gain = (a - b) ** 2 / sum(spread)
                score = (gain if a > b else 0) - price * size
                if score > best[0] + 1e-9:
                    best = score, tuple(zip(subset, values, strict=True))
    assert found.looked_at == looked_at
    if best[0] > 0:
        assert set(best[1]) <= set(found.slices[0])
    else:
        assert found.slices == []
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("name", ["max_attributes", "bins", "most", "min_size", "seed", "level", "ci"])
@pytest.mark.parametrize("value", ["x", 2.5, -1])
def test_t9_each_option_is_named(name, value):
    with pytest.raises(AuditError, match=f"{name} must be a "):
        weakest_slices({"a": range(100)}, [0] * 100, **{name: value})


def test_t18_identifiers_that_are_the_same_float_make_no_slices():
    found = weakest_slices({"id": 2**62 + np.arange(1000), "side": ["a", "b"] * 500}, np.arange(1000) % 2)
    assert found.frame["conditions"].tolist() == [{"side": "b"}]
