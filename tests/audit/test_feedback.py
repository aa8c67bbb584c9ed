from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from handlens.audit.feedback import MEETUP, recommend_by_attendance, recommend_equally, simulate_feedback
from handlens.errors import AuditError

SMALL = {
    "women": {"size": 100, "interest": 0.5, "attended": 4},
    "men": {"size": 100, "interest": 0.5, "attended": 6},
}


def by_group(frame: pd.DataFrame, column: str) -> dict[str, list[float]]:
    return {group: rows[column].tolist() for group, rows in frame.groupby("group", sort=False)}


def test_two_rounds_by_hand_with_places_by_attendance() -> None:
    found = simulate_feedback(recommend_by_attendance, SMALL, 2, places=100).frame
    # Round 1: 40 and 60 are shown it. Women were 40 % of those who came and are 50 % of the people: their welcome is
    # 0.4 / 0.5 = 0.8. So 40 · 0.5 · 0.8 = 16 women and 60 · 0.5 = 30 men come: 16/46 women.
    # Round 2: 100 · 16/46 are shown it; their welcome is (16/46) / 0.5.
    women = 100 * 16 / 46 * 0.5 * (16 / 46 / 0.5)
    men = 100 * 30 / 46 * 0.5
    assert found["round"].tolist() == [0, 0, 1, 1, 2, 2]
    assert by_group(found, "shown") == {
        "women": pytest.approx([0, 40, 100 * 16 / 46]),
        "men": pytest.approx([0, 60, 100 * 30 / 46]),
    }
    assert by_group(found, "came") == {"women": pytest.approx([4, 16, women]), "men": pytest.approx([6, 30, men])}
    assert by_group(found, "share")["women"] == pytest.approx([0.4, 16 / 46, women / (women + men)])
    assert by_group(found, "rate")["women"] == pytest.approx([0.04, 0.16, women / 100])


def test_two_rounds_by_hand_with_equal_places() -> None:
    found = simulate_feedback(recommend_equally, SMALL, 2, places=100)
    # 50 each are shown it. 50 · 0.5 · 0.8 = 20 women and 25 men come; then welcome is (20/45) / 0.5 = 40/45.
    women = 25 * 40 / 45
    assert by_group(found.frame, "came") == {"women": pytest.approx([4, 20, women]), "men": pytest.approx([6, 25, 25])}
    assert found.gap.tolist() == pytest.approx([0.02, 0.05, (25 - women) / 100])


def test_without_discomfort_the_gap_stays_and_feeds_itself() -> None:
    # Both are as interested, and the first evening's chance decides for ever who is shown it.
    found = simulate_feedback(recommend_by_attendance, SMALL, 10, places=100, discomfort=0)
    assert by_group(found.frame, "share")["women"] == pytest.approx([0.4] * 11)


def test_a_small_gap_runs_away_and_a_decision_stops_it() -> None:
    women = {
        name: np.array(by_group(simulate_feedback(policy, rounds=20).frame, "share")["women"])
        for name, policy in (("naive", recommend_by_attendance), ("equal", recommend_equally))
    }
    assert women["naive"][0] == women["equal"][0] == 0.45
    assert (np.diff(women["naive"][:6]) < 0).all()
    assert women["naive"][7:].max() < 0.01
    assert (np.diff(women["equal"]) > 0).all()
    assert women["equal"][-1] == pytest.approx(0.5, abs=1e-3)


def test_a_policy_of_your_own_gets_what_can_be_observed() -> None:
    seen = []

    def alternate(groups: pd.DataFrame) -> dict[str, float]:
        seen.append(groups.copy())
        return {"men": 0.25, "women": 0.75}

    found = simulate_feedback(alternate, SMALL, 2, places=100, discomfort=0).frame
    assert list(seen[0].columns) == ["size", "came", "attended", "shown"]
    assert seen[1]["came"].tolist() == [37.5, 12.5]
    assert seen[1]["attended"].tolist() == [41.5, 18.5]
    assert seen[1]["shown"].tolist() == [75.0, 25.0]
    assert by_group(found, "came")["women"] == [4, 37.5, 37.5]


def test_no_more_people_are_shown_it_than_there_are() -> None:
    found = simulate_feedback(lambda groups: [1, 0], SMALL, 1, places=500).frame
    assert by_group(found, "shown") == {"women": [0, 100], "men": [0, 0]}


def test_chance_is_repeatable_and_right_on_average() -> None:
    one = simulate_feedback(recommend_equally, SMALL, 5, places=100, seed=3).frame
    assert one.equals(simulate_feedback(recommend_equally, SMALL, 5, places=100, seed=3).frame)
    assert not one.equals(simulate_feedback(recommend_equally, SMALL, 5, places=100, seed=4).frame)
    assert (one["came"] == one["came"].round()).all()
    first = [
        by_group(simulate_feedback(recommend_equally, SMALL, 1, places=100, seed=seed).frame, "came")["women"][1]
        for seed in range(400)
    ]
    # 20 are expected, with a standard error of √(50 · 0.4 · 0.6 / 400) = 0.17.
    assert np.mean(first) == pytest.approx(20, abs=1)


def test_nobody_coming_is_no_crash() -> None:
    found = simulate_feedback(recommend_by_attendance, {g: row | {"attended": 0} for g, row in SMALL.items()}, 1)
    assert by_group(found.frame, "share")["women"][1] == 0.5
    assert np.isnan(found.frame["share"][0])
    none = simulate_feedback(lambda groups: [0, 0], SMALL, 2).frame
    assert none["came"].tolist()[2:] == [0, 0, 0, 0]


def test_the_population_is_left_as_it_is() -> None:
    before = MEETUP.copy()
    simulate_feedback(recommend_by_attendance)
    assert before.equals(MEETUP)


def test_it_draws_a_line_a_group() -> None:
    axes = simulate_feedback(recommend_equally, SMALL, 3).plot(title="equal")
    assert [line.get_label() for line in axes.get_lines()] == ["women", "men"]
    assert axes.get_lines()[0].get_ydata()[0] == pytest.approx(40)
    assert axes.get_title() == "equal"


def test_it_says_what_came_of_it() -> None:
    assert "from 2.0% to " in repr(simulate_feedback(recommend_equally, SMALL, 3))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"policy": 3}, "policy must be a function"),
        ({"policy": lambda groups: [0.5]}, "policy must return a number for each of 2 groups"),
        ({"policy": lambda groups: "all"}, "policy must return a number for each of 2 groups"),
        ({"policy": lambda groups: None}, "policy must return a number for each of 2 groups"),
        ({"policy": lambda groups: [0.9, 0.9]}, "whose sum is 1 or less"),
        ({"policy": lambda groups: [-0.1, 0.5]}, "whose sum is 1 or less"),
        ({"policy": lambda groups: [np.nan, 0.5]}, "whose sum is 1 or less"),
        ({"policy": lambda groups: {"women": 0.5}}, "missing: \\['men'\\]"),
        ({"population": [1, 2]}, "population must be a frame or a mapping"),
        ({"population": {"a": 3}}, "population must be a frame or a mapping"),
        ({"population": MEETUP.drop(columns="size")}, "missing: size"),
        ({"population": MEETUP.head(1)}, "two groups or more"),
        ({"population": MEETUP.assign(size=[0, 5])}, "population's size must be numbers of 1 or more; .*'women'"),
        ({"population": MEETUP.assign(interest=[0.5, 1.5])}, "population's interest must be numbers from 0 to 1"),
        ({"population": MEETUP.assign(attended=["x", 1])}, "population's attended must be numbers"),
        ({"rounds": 0}, "rounds must be a whole number"),
        ({"places": 1.5}, "places must be a whole number"),
        ({"discomfort": -1}, "discomfort must be a number"),
    ],
)
def test_bad_input_gets_a_sentence(options: dict[str, object], says: str) -> None:
    policy = options.pop("policy", recommend_equally)
    with pytest.raises(AuditError, match=says):
        simulate_feedback(policy, **options)  # type: ignore[arg-type]


def test_p11_any_name_of_a_group_is_drawn_and_in_the_legend() -> None:
    from matplotlib import pyplot as plt

    names = ["$x_{", "_b", "a$b$"]
    groups = {name: {"size": 100, "interest": 0.5, "attended": 5} for name in names}
    axes = simulate_feedback(recommend_equally, groups, 2).plot(title="$x_{")
    axes.figure.canvas.draw()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names
    plt.close("all")
