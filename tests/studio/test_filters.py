"""Filters: conditions on eight photos worked out by hand, set algebra over random states, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import CollectionError
from handlens.studio.filters import (
    Filter,
    column,
    disagreement,
    duplicate,
    label,
    labelled,
    left_out,
    origin,
    predicted,
    sureness,
)
from handlens.studio.models.model import BestGuess
from handlens.studio.origins import LabelChange, LabelOrigins, Origin

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
GIVEN = [
    Origin("lasso", "by hand"),
    Origin("review", "suggested"),
    Origin("check", "checked"),
]


def facts(**other):
    """Eight photos; labels car, bus, car, –, bus, –, car, –, given by the changes 1, 1, 2, –, 3, –, 3, –."""
    labels = np.array([0, 1, 0, -1, 1, -1, 0, -1])
    changes = np.array([1, 1, 2, 0, 3, 0, 3, 0])
    by_change = {n: LabelChange(GIVEN[n - 1], NOON + timedelta(hours=n), labels=9) for n in (1, 2, 3)}
    table = pd.DataFrame(
        {
            "camera": pd.Series(["old", "new", None, "new", "old", "old", None, "new"], dtype="str"),
            "year": [2010, 2011, np.nan, 2012, 2010.5, 2013, 2010, np.nan],
        }
    )

    def given_by(wanted):
        return np.isin(changes, [n for n, change in by_change.items() if wanted(change)])

    known = {
        "labels": SimpleNamespace(names=["car", "bus"], codes=labels, origins=LabelOrigins(changes, by_change)),
        "predictions": BestGuess(
            ["bus", "car"],
            np.array([1, 0, 0, 1, 1, 0, -1, -1]),
            np.array([0.9, 0.5, 0.8, 0.6, 0.7, 1.0, np.nan, np.nan]),
        ),
        "disagreement": np.array([0, 0, 1, 0, 1, 0, 0, 0], bool),
        "given_by": given_by,
        "column": table.__getitem__,
        "duplicate_kinds": np.array([0, 1, 2, -1, 0, 2, -1, -1]),
        "left_out": np.array([0, 0, 0, 0, 0, 0, 1, 1], bool),
    }
    return SimpleNamespace(**(known | other))


def found(wanted: Filter) -> list[int]:
    return np.flatnonzero(wanted.mask(facts())).tolist()


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (label("car"), [0, 2, 6]),
        (label("bus", "car"), [0, 1, 2, 4, 6]),
        (label(None), [3, 5, 7]),
        (label("bus", None), [1, 3, 4, 5, 7]),
        (predicted("car"), [0, 3, 4]),
        (predicted("bus", "car"), [0, 1, 2, 3, 4, 5]),
        (predicted(None), [6, 7]),
        (sureness(below=0.8), [1, 3, 4]),
        (sureness(at_least=0.8), [0, 2, 5]),
        (sureness(at_least=0.6, below=0.9), [2, 3, 4]),
        (sureness(at_least=1), [5]),
        (sureness(at_least=0), [0, 1, 2, 3, 4, 5]),
        (disagreement(), [2, 4]),
        (origin("lasso"), [0, 1]),
        (origin("by hand"), [0, 1]),
        (origin("review", "checked"), [2, 4, 6]),
        (origin("certified"), []),
        (labelled(since=NOON + timedelta(hours=2)), [2, 4, 6]),
        (labelled(before=NOON + timedelta(hours=2)), [0, 1]),
        (labelled(since=NOON + timedelta(hours=2), before=NOON + timedelta(hours=3)), [2]),
        (column("camera", "old"), [0, 4, 5]),
        (column("camera", "old", None), [0, 2, 4, 5, 6]),
        (column("camera", None), [2, 6]),
        (column("year", 2010), [0, 6]),
        (column("year", 2010, 2013.0), [0, 5, 6]),
        (column("year", at_least=2010.5), [1, 3, 4, 5]),
        (column("year", at_least=2010, below=2011), [0, 4, 6]),
        (column("year", None), [2, 7]),
        (duplicate(), [0, 1, 2, 4, 5]),
        (duplicate("exact"), [1]),
        (duplicate("first", "near"), [0, 2, 4, 5]),
        (left_out(), [6, 7]),
        (label("car") & ~(sureness(below=0.85) | origin("lasso")), [6]),
        (~label("car") & ~left_out(), [1, 3, 4, 5]),
        (label("car") & predicted("car") | left_out(), [0, 6, 7]),
    ],
)
def test_photos_that_a_filter_means(wanted, ids):
    assert found(wanted) == ids
    assert found(Filter.from_json(wanted.as_json())) == ids
    assert found(~wanted) == [i for i in range(8) if i not in ids]


def test_as_json():
    wanted = label("car", None) & ~(sureness(below=0.8) | labelled(since=NOON) | column("year", 2010, None))
    assert wanted.as_json() == {
        "all": [
            {"field": "label", "names": ["car", None]},
            {
                "not": {
                    "any": [
                        {"field": "sureness", "below": 0.8},
                        {"field": "labelled", "since": "2026-11-26T12:00:00Z"},
                        {"field": "column", "column": "year", "values": [2010.0, None]},
                    ]
                }
            },
        ]
    }
    assert (~~wanted).as_json() == wanted.as_json()
    assert duplicate("near").as_json() == {"field": "duplicate", "kinds": ["near"]}


def test_times_are_kept_in_utc():
    tokyo = timezone(timedelta(hours=9))
    assert labelled(since=datetime(2026, 11, 26, 21, tzinfo=tokyo)) == labelled(since=NOON)
    assert Filter.from_json({"field": "labelled", "before": "2026-11-26T13:00:00+01:00"}) == labelled(before=NOON)


def test_names_follow_a_renamed_label():
    wanted = ~(label("car", "bus", None) & predicted("car") | origin("lasso"))
    expected = ~(label("van", "bus", None) & predicted("van") | origin("lasso"))
    assert wanted.with_labels({"car": "van", "bus": "bus"}.__getitem__) == expected
    assert label("car", "bus").with_labels(lambda _: "both") == label("both")


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (label("car", "van"), "no label is called “van”. The labels are: “car”, “bus”."),
        (predicted("van"), "the model in use does not know the label “van”. It knows: “bus”, “car”."),
        (column("camera", "old", "gone"), "the column “camera” has no value “gone”. Choose one that it has."),
        (column("year", 2010, 1999), "the column “year” has no value “1999.0”. Choose one that it has."),
        (column("year", "2010"), "the column “year” has no value “2010”. Choose one that it has."),
        (column("camera", 1), "the column “camera” has no value “1.0”. Choose one that it has."),
        (column("camera", at_least=1), "the column “camera” holds text, so it has no range. Choose values."),
    ],
)
def test_what_there_is_not(wanted, sentence):
    for one in (wanted, ~wanted, wanted | label("car"), label("car") & wanted):
        with pytest.raises(CollectionError) as error:
            one.mask(facts())
        assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (label, "names: List should have at least 1 item"),
        (lambda: label(3), "names.0: Input should be a valid string"),
        (lambda: origin("lassoo"), "Input should be 'lasso', 'box'"),
        (sureness, "at_least or below must be given; none arrived"),
        (lambda: sureness(at_least=0.5, below=0.5), "below must be more than at_least; 0.5 and 0.5 arrived"),
        (lambda: sureness(below=1.5), "below: Input should be less than or equal to 1"),
        (lambda: sureness(below=float("nan")), "below: Input should be"),
        (labelled, "since or before must be given; none arrived"),
        (lambda: labelled(since=datetime(2026, 1, 1)), "since: Input should have timezone info"),
        (lambda: labelled(since=NOON, before=NOON), "before must be more than since"),
        (lambda: column("x"), "values, at_least or below must be given; none arrived"),
        (lambda: column("x", "a", below=2), "either values or a range; both arrived"),
        (lambda: column("x", at_least=2, below=1), "below must be more than at_least; 1.0 and 2.0 arrived"),
        (lambda: column("x", float("inf")), "values.0.str: Input should be"),
        (lambda: column("x", True), "Input should be a valid"),
        (lambda: duplicate("far"), "Input should be 'first', 'exact' or 'near'"),
    ],
)
def test_conditions_that_do_not_fit(make, sentence):
    with pytest.raises(CollectionError) as error:
        make()
    assert str(error.value).startswith("a filter does not fit: ")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "tree",
    [
        None,
        3,
        [],
        {},
        {"field": "colour"},
        {"field": ["label"]},
        {"names": ["car"]},
        {"all": []},
        {"all": {"field": "left_out"}},
        {"all": [3]},
        {"not": None},
        {"field": "label", "names": ["car"], "name": "car"},
        {"all": [{"field": "left_out"}], "any": [{"field": "left_out"}]},
        {"field": "label", "names": "car"},
        {"field": "sureness", "below": "much"},
        {"field": "labelled", "since": "yesterday"},
        {"field": "left_out", "kinds": {1, 2}},
    ],
)
def test_trees_that_are_no_filters(tree):
    with pytest.raises(CollectionError, match=r"^a filter (does not fit|must)"):
        Filter.from_json(tree)


def test_depth_and_size_have_limits():
    tree = {"field": "left_out"}
    for _ in range(7):
        tree = {"not": tree}
    assert Filter.from_json(tree).mask(facts()).tolist() == (~facts().left_out).tolist()
    for _ in range(50_000):
        tree = {"not": tree}
    with pytest.raises(CollectionError, match="at most 8 levels; more arrived"):
        Filter.from_json(tree)
    deep = []
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(CollectionError, match="must be plain JSON"):
        Filter.from_json({"field": "label", "names": deep})
    just = {"field": "label", "names": ["ü" * 1985]}  # 30 bytes, and 2 for each letter
    assert Filter.from_json(just) == label("ü" * 1985)
    with pytest.raises(CollectionError, match=r"at most 4,000 bytes of JSON; more arrived. Name fewer values"):
        Filter.from_json({"field": "label", "names": ["ü" * 1986]})


def test_python_operators_that_would_drop_a_condition_are_refused():
    with pytest.raises(CollectionError, match=r"joined with &, | and ~"):
        _ = label("car") and label("bus")
    with pytest.raises(CollectionError, match=r"joined with &, | and ~"):
        _ = not label("car")
    with pytest.raises(TypeError):
        _ = label("car") & "bus"
    with pytest.raises(TypeError):
        _ = label("car") | {1}


# --- set algebra -----------------------------------------------------------------------------------

CONDITIONS = st.sampled_from(
    [
        label("car"),
        label("bus", None),
        predicted("car"),
        predicted(None),
        sureness(at_least=0.3, below=0.9),
        disagreement(),
        origin("lasso", "checked"),
        labelled(since=NOON + timedelta(hours=2)),
        column("camera", "a", None),
        column("year", at_least=2, below=4),
        duplicate("exact"),
        left_out(),
    ]
)


def joined(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda two: two[0] & two[1]), pairs.map(lambda two: two[0] | two[1]), inner.map(lambda one: ~one)
    )


FILTERS = st.recursive(CONDITIONS, joined, max_leaves=6)


@st.composite
def states(draw):
    """The facts of a collection of up to 30 photos."""
    n = draw(st.integers(0, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = random.integers(-1, 2, n)
    changes = np.where(codes < 0, 0, random.integers(1, 4, n))
    by_change = {c: LabelChange(GIVEN[c - 1], NOON + timedelta(hours=c), labels=9) for c in (1, 2, 3)}
    said = random.integers(-1, 2, n)
    # Both values occur in every column, so that conditions may name them.
    camera = pd.Series([*random.choice(["a", "b", None], n).tolist(), "a", "b"], dtype="str")
    year = pd.Series([*random.choice([1, 2, 3, 4, np.nan], n), 1.0, 2.0])
    pad = np.full(2, -1)
    return facts(
        labels=SimpleNamespace(names=["car", "bus"], codes=np.append(codes, pad)),
        predictions=BestGuess(
            ["bus", "car"],
            np.append(said, pad),
            np.append(np.where(said < 0, np.nan, random.random(n)), [np.nan, np.nan]),
        ),
        disagreement=np.append(random.random(n) < 0.5, [False, True]),
        given_by=lambda wanted: np.isin(np.append(changes, [0, 0]), [c for c in by_change if wanted(by_change[c])]),
        column={"camera": camera, "year": year}.__getitem__,
        duplicate_kinds=np.append(random.integers(-1, 3, n), pad),
        left_out=np.append(random.random(n) < 0.5, [False, True]),
    )


def ids(wanted, of) -> set[int]:
    mask = wanted.mask(of)
    assert mask.dtype == bool
    assert mask.shape == of.left_out.shape
    return set(np.flatnonzero(mask).tolist())


@given(states(), FILTERS, FILTERS)
def test_composition_is_set_algebra(state, a, b):
    everything = set(range(len(state.left_out)))
    assert ids(a & b, state) == ids(a, state) & ids(b, state)
    assert ids(a | b, state) == ids(a, state) | ids(b, state)
    assert ids(~a, state) == everything - ids(a, state)
    assert ids(~(a & b), state) == ids(~a | ~b, state)
    assert ids(~(a | b), state) == ids(~a & ~b, state)


@given(FILTERS)
def test_json_and_back(wanted):
    assert Filter.from_json(wanted.as_json()) == wanted
