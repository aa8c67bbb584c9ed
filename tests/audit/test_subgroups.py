import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch

from handlens.audit import subgroups
from handlens.core.metrics import higher_is_better
from handlens.errors import AuditError

mpl.use("agg")

#                 F F F F M M M M M M
TRUE = np.array([1, 1, 0, 0, 1, 1, 1, 0, 0, 0])
PRED = np.array([1, 0, 0, 0, 1, 1, 1, 1, 0, 0])
SCORE = np.array([0.9, 0.2, 0.3, 0.1, 0.8, 0.7, 0.9, 0.6, 0.2, 0.1])
SEX = list("FFFFMMMMMM")


def cell(audit, group, metric, by=None):
    frame = audit.frame
    found = frame[(frame["group"] == group) & (frame["metric"] == metric)]
    if by is not None:
        found = found[found["by"] == by]
    assert len(found) == 1
    return found.iloc[0]


def values(audit, group):
    rows = audit.frame[audit.frame["group"] == group]
    return dict(zip(rows["metric"], rows["value"], strict=True))


def test_by_hand():
    audit = subgroups(TRUE, PRED, SEX, score=SCORE)
    assert values(audit, "F") == pytest.approx(
        {
            "error": 1 / 4,
            "accuracy": 3 / 4,
            "tpr": 1 / 2,
            "fpr": 0,
            "fnr": 1 / 2,
            "precision": 1,
            "selection_rate": 1 / 4,
            "auc": 3 / 4,  # 0.9 beats both negatives, 0.2 beats 0.1
            "calibration": 1.5 / 4 - 1 / 2,
        }
    )
    assert values(audit, "M")["error"] == pytest.approx(1 / 6)
    assert values(audit, "all")["precision"] == pytest.approx(4 / 5)
    worst = cell(audit, "F", "error")
    assert worst["worst"]
    assert (worst["n"], worst["of"]) == (4, 4)
    assert cell(audit, "F", "tpr")["of"] == 2
    assert worst["minus_best"] == worst["minus_rest"] == pytest.approx(1 / 4 - 1 / 6)
    assert worst["over_best"] == pytest.approx(1.5)
    assert worst["low"] < 1 / 4 < worst["high"]
    best = cell(audit, "M", "error")
    assert (best["minus_best_low"], best["minus_best"], best["minus_best_high"], best["over_best"]) == (0, 0, 0, 1)
    assert audit.worst("error")["group"].tolist() == ["F"]
    assert audit.positive == 1


def test_numbers_by_hand():
    y, p = [1.0, 2.0, 4.0, 8.0], [1.5, 2.0, 3.0, 10.0]
    audit = subgroups(y, p, ["a", "a", "b", "b"])
    assert values(audit, "a") == pytest.approx(
        {"mean_error": 0.25, "mae": 0.25, "rmse": np.sqrt(0.125), "rmspe": np.sqrt(0.125)}
    )
    assert values(audit, "b") == pytest.approx(
        {"mean_error": 0.5, "mae": 1.5, "rmse": np.sqrt(2.5), "rmspe": np.sqrt((1 / 16 + 1 / 16) / 2)}
    )
    assert np.isnan(cell(audit, "b", "mean_error")["over_best"])  # a ratio of numbers of either sign means nothing
    assert cell(audit, "b", "mae")["over_best"] == pytest.approx(6)


def test_intersections_are_looked_at_and_empty_ones_shown():
    groups = pd.DataFrame({"sex": SEX, "site": list("xxxxxxxyyy")})
    audit = subgroups(TRUE, PRED, groups, metrics=["error"])
    assert audit.frame["by"].unique().tolist() == ["overall", "sex", "site", "sex × site"]
    empty = cell(audit, "F × y", "error")
    assert empty["n"] == 0
    assert np.isnan(empty[["value", "low", "high", "minus_rest", "over_best"]].astype(float)).all()
    assert empty["undefined"] == "no rows"
    assert not empty["worst"]
    assert cell(audit, "M × y", "error")["value"] == pytest.approx(1 / 3)
    one = subgroups(TRUE, PRED, groups, metrics=["error"], max_attributes=1)
    assert one.frame["by"].unique().tolist() == ["overall", "sex", "site"]


def test_undefined_is_said_and_is_not_0():
    audit = subgroups([1, 1, 0, 0], [0, 1, 0, 0], list("aabb"), score=[0.1, 0.9, 0.2, 0.3])
    for metric, why in (("tpr", "no positive rows"), ("precision", "no rows predicted positive")):
        row = cell(audit, "b", metric)
        assert np.isnan(row["value"])
        assert row["undefined"] == why
    assert cell(audit, "a", "fpr")["undefined"] == "no negative rows"
    assert cell(audit, "a", "auc")["undefined"] == "no negative rows"
    assert cell(audit, "b", "auc")["undefined"] == "no positive rows"
    assert "undefined" in audit._repr_html_()
    zero = subgroups([0.0, 1.5, 2.5], [1.0, 1.5, 2.0], list("abb"))
    assert cell(zero, "a", "rmspe")["undefined"] == "a true value is 0"
    assert cell(zero, "b", "rmspe")["value"] == pytest.approx(np.sqrt(0.02))


def test_small_groups_are_marked_and_never_named_best_or_worst_beside_larger_ones():
    y = np.zeros(100, int)
    p = np.r_[np.ones(3, int), np.ones(10, int), np.zeros(87, int)]
    audit = subgroups(y, p, ["tiny"] * 3 + ["a"] * 50 + ["b"] * 47, metrics=["error"])
    tiny = cell(audit, "tiny", "error")
    assert tiny["small"]
    assert tiny["value"] == 1
    assert audit.worst("error")["group"].tolist() == ["a"]
    assert "tiny" in audit._repr_html_()
    alone = subgroups(y, p, ["tiny"] * 3 + ["a"] * 50 + ["b"] * 47, metrics=["error"], small=1)
    assert alone.worst("error")["group"].tolist() == ["tiny"]


def test_missing_values_are_a_group():
    audit = subgroups(TRUE, PRED, [None, *SEX[1:]], metrics=["error"])
    assert audit.frame["group"].tolist() == ["all", "F", "M", "missing"]
    named = subgroups(TRUE, PRED, [None, "missing", *SEX[2:]], metrics=["error"])
    assert named.frame["group"].tolist() == ["all", "F", "M", "missing", "missing (no value)"]


def test_one_group_is_compared_with_nobody():
    audit = subgroups(TRUE, PRED, ["x"] * 10)
    row = cell(audit, "x", "error")
    assert row["value"] == pytest.approx(0.2)
    assert np.isnan([row["minus_rest"], row["over_rest"]]).all()
    assert audit.chance["p"].isna().all()
    assert "the only group" in repr(audit)


def test_numbers_are_cut_into_ranges():
    age = np.arange(100.0)
    age[7] = np.nan
    audit = subgroups(np.zeros(100, int), np.zeros(100, int), pd.Series(age, name="age"), metrics=["error"])
    assert audit.frame["group"].tolist()[1:] == ["0 to <25", "25 to <50", "50 to <75", "75 to 99", "missing"]
    assert audit.frame["n"].tolist()[1:] == [24, 25, 25, 25, 1]
    gain = pd.Series([0] * 90 + list(range(10, 30)), name="gain")
    tied = subgroups(np.zeros(110, int), np.zeros(110, int), gain, metrics=["error"])
    assert tied.frame[["group", "n"]].to_numpy()[1:].tolist() == [["0 to <10", 90], ["10 to 29", 20]]
    few = subgroups(TRUE, PRED, np.arange(10) % 3, metrics=["error"])
    assert few.frame["group"].tolist()[1:] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        pd.Series,
        torch.tensor,
        lambda x: pd.Series(x, index=range(50, 60)),
        lambda x: np.array(x)[:, None],
    ],
)
def test_takes_what_people_have(make):
    there = subgroups(TRUE, PRED, SEX, score=SCORE).frame
    found = subgroups(make(TRUE), make(PRED), {"group": pd.Series(SEX, index=range(10, 20))}, score=make(SCORE)).frame
    pd.testing.assert_frame_equal(found, there)


def test_groups_of_every_kind():
    table = np.array([[0, 1], [0, 0], [1, 1]])
    for groups in (table, torch.tensor(table)):
        audit = subgroups([0, 1, 1], [0, 1, 0], groups, metrics=["error"])
        assert audit.frame["by"].unique().tolist()[1:] == ["attribute 1", "attribute 2", "attribute 1 × attribute 2"]
    kinds = pd.Categorical(["b", "a", "b"], categories=["b", "a", "none has it"])
    frame = subgroups([0, 1, 1], [0, 1, 0], pd.Series(kinds, name="kind"), metrics=["error"]).frame
    assert frame["group"].tolist()[1:] == ["b", "a", "none has it"]
    mixed = subgroups([0, 1, 1], [0, 1, 0], [1, "1", True], metrics=["error"]).frame
    assert mixed["group"].nunique() == len(mixed)


def test_text_and_many_classes():
    y, p = ["cat", "dog", "cat", "emu"], ["cat", "cat", "cat", "emu"]
    audit = subgroups(y, p, list("aabb"))
    assert audit.frame["metric"].unique().tolist() == ["error", "accuracy"]
    rest = subgroups(y, p, list("aabb"), positive="cat")
    assert values(rest, "a")["fpr"] == 1
    assert values(rest, "b")["tpr"] == 1
    assert subgroups(["no", "yes"], ["no", "no"], ["a", "b"]).positive == "yes"


def test_functions_of_your_own():
    @higher_is_better
    def kept(y_true, y_pred):
        return float((y_true == y_pred).mean())

    def mean_of_true(y_true, y_pred):
        if y_true.sum() == 0:
            raise ValueError("nothing is true")
        return float(y_true.mean())

    audit = subgroups(TRUE, PRED, SEX, metrics=[kept, "error"], draws=100, small=1)
    assert values(audit, "F")["kept"] == 3 / 4
    assert audit.worst("kept")["group"].tolist() == ["F"]
    row = cell(audit, "M", "kept")
    assert row["low"] <= row["value"] <= row["high"]
    audit = subgroups([1, 1, 0, 0], [1, 1, 1, 1], list("aabb"), metrics={"named": mean_of_true}, draws=100)
    assert cell(audit, "b", "named")["undefined"] == "nothing is true"
    with pytest.raises(AuditError, match="metric 'named' must be defined for all rows"):
        subgroups([0, 0], [1, 1], list("ab"), metrics={"named": mean_of_true}, draws=100)


def test_the_same_seed_gives_the_same_audit():
    def median(y_true, y_pred):
        return float(np.median(y_true - y_pred))

    rng = np.random.default_rng(0)
    y, p, g = rng.normal(size=60), rng.normal(size=60), rng.integers(0, 2, 60)
    frames = [subgroups(y, p, g, metrics=[median], draws=100, seed=3).frame for _ in range(2)]
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_pred": PRED[:9]}, "y_pred must have a value for each of the 10 rows of y_true; 9 arrived"),
        ({"groups": SEX[:9]}, r"groups\['group'\] must have a value for each of the 10 rows"),
        ({"score": SCORE[:9]}, "score must have a value for each"),
        ({"score": SCORE + 0.2}, "score must be probabilities from 0 to 1; 2 of 10 are outside, such as 1.1"),
        ({"score": list("abcdefghij")}, "score must hold numbers; values such as 'a' arrived"),
        (
            {"score": np.stack([1 - SCORE, SCORE], 1)},
            r"score must hold one value per row, shape \[N\]; .*proba\[:, 1\]",
        ),
        ({"y_pred": SCORE}, "y_pred must hold classes; it holds fractions: give probabilities as score"),
        ({"y_pred": [str(p) for p in PRED]}, "y_pred must hold classes as y_true does"),
        ({"y_pred": list("abcdefghij"), "metrics": ["mae"]}, "y_pred must hold numbers; values such as 'a'"),
        ({"y_true": [None, *TRUE[1:]]}, "y_true must be known for each row; 1 of 10 are missing"),
        ({"y_true": [], "y_pred": [], "groups": []}, "y_true must have rows"),
        ({"y_true": "text"}, "y_true must hold one value per row; a str arrived"),
        ({"positive": 7}, "positive must be a class of y_true or y_pred"),
        ({"metrics": ["tprr"]}, "metrics must be functions or of"),
        ({"metrics": "tpr"}, r"metrics must be a list.*write \[metric\]"),
        ({"metrics": []}, "metrics must name at least one"),
        ({"metrics": ["tpr", "tpr"]}, "metrics must have distinct names"),
        ({"metrics": ["auc"]}, "score must be given for"),
        ({"metrics": ["mae"], "score": SCORE}, "score must be left out"),
        ({"groups": {}}, "groups must have at least one attribute"),
        ({"groups": pd.DataFrame([[1, 2]] * 10, columns=["a", "a"])}, "groups must have distinct column names"),
        ({"groups": [["a"], ["b"]] * 5}, r"groups\['group'\] must hold one value per row; a list of lists"),
        ({"ci": 95}, "ci must be a number between 0 and 1"),
        ({"bins": 1}, "bins must be a whole number, 2 or more"),
        ({"max_attributes": 0}, "max_attributes must be a whole number, 1 or more"),
        ({"draws": 5}, "draws must be a whole number, 100 or more"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    given = {"y_true": TRUE, "y_pred": PRED, "groups": SEX} | change
    with pytest.raises(AuditError, match=message):
        subgroups(given.pop("y_true"), given.pop("y_pred"), given.pop("groups"), **given)


def test_a_positive_class_must_be_named_among_many():
    with pytest.raises(AuditError, match="positive must name the class that tpr is about"):
        subgroups(list("abc"), list("abc"), list("xyz"), metrics=["tpr"])


def test_scores_of_any_scale_rank():
    audit = subgroups(TRUE, PRED, SEX, score=10 * SCORE - 3, metrics=["auc"])
    assert values(audit, "F") == {"auc": 0.75}


def test_a_million_distinct_values_are_no_groups():
    n = 1_000_000
    names = pd.Series(np.arange(n), dtype="int64").astype(str).rename("name")
    zeros = np.zeros(n, np.int8)
    with pytest.raises(AuditError, match=r"groups\['name'\] must have at most 1,000 distinct values; it has 1,000,000"):
        subgroups(zeros, zeros, names)
    numbers = subgroups(zeros, zeros, pd.Series(np.arange(n), name="number"), metrics=["error"])
    assert numbers.frame["n"].tolist() == pytest.approx([n, *[n // 4] * 4], abs=1)


def test_too_many_intersections_are_refused():
    k = np.arange(900)
    with pytest.raises(AuditError, match=r"at most 20,000 groups.*a × b makes 810,000.*max_attributes=1"):
        subgroups(k % 2, k % 2, {"a": k.astype(str), "b": k.astype(str)})


def test_html_is_escaped():
    audit = subgroups(TRUE, PRED, {"<b>": ["<script>alert(1)</script>"] * 5 + ["&"] * 5}, score=SCORE)
    html = audit._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_html_says_how_many_groups_it_leaves_out():
    audit = subgroups(np.arange(500) % 2, np.zeros(500, int), np.arange(500).astype(str), metrics=["error"])
    assert "and 300 more groups" in audit._repr_html_()


def test_text_names_the_worst_group():
    assert repr(subgroups(TRUE, PRED, SEX, metrics=["error"])).startswith("error by group: worst for F, 25.0 %")


def test_a_plot_has_a_dot_for_each_group_and_words_for_undefined():
    import matplotlib.pyplot as plt

    audit = subgroups([1, 1, 0, 0], [0, 1, 0, 0], list("aabb"), metrics=["error", "tpr"])
    figure = audit.plot("error", "tpr")
    figure.canvas.draw()
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["a  (2)", "b  (2)"]
    assert "undefined: no positive rows" in [text.get_text() for text in right.texts]
    assert len([line for line in left.lines if line.get_marker() in "os"]) == 2
    plt.close(figure)
    with pytest.raises(AuditError, match="metric must be one of"):
        audit.plot("auc")
    with pytest.raises(AuditError, match="by must be one of"):
        audit.plot(by="sex")


@pytest.mark.parametrize(
    ("y", "p", "groups"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0], list("aabb")),
        ([0, 0, 0, 0], [0, 1, 0, 0], list("aabb")),
        ([1, 1, 1], [1, 1, 1], list("aab")),
        ([1], [0], ["a"]),
        ([0.0, 0.0, 3.0], [2.5, 2.5, 3.5], list("aab")),
        ([1.5] * 6, [2.5] * 6, list("aabbcc")),
        ([0, 1], [0, 1], [None, None]),
        ([0, 1] * 20, [0, 1] * 20, [*range(39), float("inf")]),
    ],
)
def test_what_little_data_can_say_is_said_without_a_warning(y, p, groups):
    audit = subgroups(y, p, groups, score=None if any(v % 1 for v in p) else np.full(len(y), 0.5))
    undefined = audit.frame["value"].isna()
    assert (undefined == (audit.frame["undefined"] != "")).all()
    assert audit.chance["p"].dropna().between(0, 1).all()
    assert audit._repr_html_()
    assert repr(audit)


def test_a_positive_class_that_no_row_has():
    audit = subgroups([0, 0, 0, 0], [0, 0, 0, 0], list("aabb"))
    assert audit.positive == 1
    assert cell(audit, "a", "tpr")["undefined"] == "no positive rows"
    assert cell(audit, "a", "fpr")["value"] == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: np.eye(2),
        lambda a, b: np.array([0.5]),
        lambda a, b: [0.5],
        lambda a, b: "0.5",
        lambda a, b: "x",
        lambda a, b: None,
        lambda a, b: 1 + 2j,
        lambda a, b: {"value": 0.5},
        lambda a, b: torch.zeros(2),
        lambda a, b: pd.Series([1.0, 2.0]),
        lambda a: 0.5,
        lambda a, b: {}["key"],
        lambda a, b: a.no_such_thing,
        lambda a, b: [][1],
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_t9_a_metric_that_gives_no_number_is_an_error_that_names_it(function, by_name):
    if not by_name:
        function.__name__ = "cm"
    with pytest.raises(AuditError, match="metric 'cm' must"):
        subgroups([0, 1, 1, 0], [0, 1, 0, 0], ["a", "b"] * 2, metrics={"cm": function} if by_name else [function])


class _Odd:
    def __float__(self):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"metrics": {"m": lambda a, b: _Odd()}}, "metric 'm' must return a number"),
        ({"metrics": 5}, "metrics must be a list, such as .*; 5 arrived"),
        ({"metrics": [["error"]]}, r"metrics must be functions or of .*; \['error'\] arrived"),
        ({"metrics": {1: lambda a, b: 0.5, "1": lambda a, b: 0.5}}, "distinct names; '1' is there twice"),
        *(
            ({name: value}, f"{name} must be a whole number")
            for name in ("bins", "draws", "small", "seed", "max_attributes")
            for value in ("x", None, 2.5, -1)
        ),
        *(({"ci": value}, "ci must be a number between 0 and 1") for value in ("x", None, 1, float("nan"), True)),
        ({"groups": {"a", "b"}}, "must hold one value per row; a set arrived"),
        ({"groups": ["a\ud800", "b"]}, "must hold valid Unicode"),
        ({"groups": {1: ["a", "b"], "1": ["a", "b"]}}, "groups must have names that differ as text"),
        ({"groups": pd.DataFrame([[1, 2]] * 2, columns=[1, "1"])}, "groups must have names that differ as text"),
    ],
)
def test_t9_each_argument_is_named(arguments, said):
    with pytest.raises(AuditError, match=said):
        subgroups(**{"y_true": [0, 1], "y_pred": [0, 1], "groups": ["a", "b"]} | arguments)


@pytest.mark.parametrize("first", [2**62, 2**70])
def test_t3_identifiers_that_are_the_same_float_are_groups(first):
    ids = [first + i for i in range(13)]
    assert subgroups([0] * 13, [0] * 13, ids, metrics=["error"]).frame["group"].tolist() == ["all", *map(str, ids)]


@pytest.mark.parametrize(
    "number",
    [np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.tensor(0.5, requires_grad=True), 1, True],
)
def test_t9_any_single_number_will_do(number):
    audit = subgroups([0, 1], [0, 1], ["a", "b"], metrics={"m": lambda a, b: number}, draws=100)
    assert audit.frame["value"].tolist() == [float(number.detach() if isinstance(number, torch.Tensor) else number)] * 3


def test_t9_labels_that_hold_the_sign_between_two_labels():
    groups = {"g": ["a × b", "a", "a × b", "a"], "h": ["c", "b × c", "c", "b × c"], "g × h": ["x"] * 4}
    audit = subgroups([0, 1, 1, 0], [0, 1, 0, 0], groups, metrics=["error", "accuracy"])
    assert len(audit.chance) == len(audit.frame) - 2
    pd.testing.assert_frame_equal(
        audit.chance[["by", "group", "metric"]], audit.frame[["by", "group", "metric"]][2:].reset_index(drop=True)
    )
    both = audit.frame[(audit.frame["by"] == "g × h") & (audit.frame["metric"] == "error")]
    assert both["group"].tolist() == ["x", "a × 'b × c'", "a × c", "'a × b' × 'b × c'", "'a × b' × c"]
    assert "error by g" in repr(audit)


def test_t9_an_attribute_called_overall_is_an_attribute():
    audit = subgroups([0, 1, 1, 0], [0, 1, 0, 0], {"overall": ["a", "b"] * 2}, metrics=["error"])
    assert audit.chance["group"].tolist() == ["a", "b"]


def test_t14_scores_that_rounding_carried_beyond_1_are_probabilities():
    score = [1.0000000000000002, -1e-17, 1.0000009, 0.5]
    frame = subgroups([1, 0, 1, 0], [1, 0, 1, 0], ["a"] * 4, score=score, metrics=["calibration"]).frame
    assert frame["value"].tolist()[0] == (1 + 0 + 1 + 0.5) / 4 - 0.5
    for outside in (1.00001, -0.00001, 2):
        with pytest.raises(AuditError, match="score must be probabilities from 0 to 1; 1 of 2 are outside"):
            subgroups([1, 0], [1, 0], ["a", "b"], score=[0.5, outside])


def test_t18_groups_by_dates_and_durations_are_ranges():
    days = pd.date_range("2024-01-01", periods=40, freq="D")
    groups = {"day": days, "text": days.astype(str), "age": days - days[0], "zoned": days.tz_localize("Europe/Berlin")}
    audit = subgroups([0, 1] * 20, [0, 1] * 20, groups, metrics=["error"], bins=2, max_attributes=1)
    of = audit.frame.groupby("by")["group"].apply(list)
    assert of["day"] == of["text"] == ["2024-01-01 to <2024-01-20", "2024-01-20 to 2024-02-09"]
    assert of["age"] == ["0 days to <19 days", "19 days to 39 days"]
    assert of["zoned"] == of["day"]


def test_p11_any_name_of_a_group_is_drawn():
    import matplotlib.pyplot as plt

    names = ["$x_{", "_b", "a$b$"]
    frame = pd.DataFrame({"$g_{": [name for name in names for _ in range(4)]})
    figure = subgroups([0, 1, 0, 1] * 3, [0, 1, 1, 0] * 3, frame).plot("accuracy")
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [f"{name}  (4)" for name in names]
    plt.close("all")
