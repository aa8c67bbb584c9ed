import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from handlens.audit import significance, subgroups
from handlens.audit.groups import make_groups


def test_two_groups_have_the_exact_p_of_all_deals():
    # 3 of 4 in a, 1 of 6 in b: of the C(10, 4) deals of 4 hits, those at least as unlike have 3 or 4, or 0, in a.
    groups = make_groups({"g": ["a"] * 4 + ["b"] * 6}, n=10, bins=4, max_attributes=1)
    counts = np.array([[3.0, 4], [1, 6]])
    p = significance.of_rates(counts, groups.levels, draws=40_000, rng=np.random.default_rng(0))[0]
    law = stats.hypergeom(10, 4, 4)

    def unlike(k):
        table = np.array([[k, 4 - k], [4 - k, 2 + k]])
        return stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic

    exact = sum(law.pmf(k) for k in range(5) if unlike(k) >= unlike(3) - 1e-9)
    assert p == pytest.approx([exact, exact], abs=0.01)


def test_a_mean_has_the_p_of_all_deals():
    x = np.array([5.0, 6, 7, 1, 2, 3])
    groups = make_groups({"g": list("aaabbb")}, n=6, bins=4, max_attributes=1)
    p = significance.of_means(x, groups.cells, groups.levels, draws=4000, rng=np.random.default_rng(0))[0]
    sums = [sum(deal) for deal in itertools.combinations(x, 3)]
    exact = np.mean([abs(total - 12) >= 6 for total in sums])  # 2 of 20
    assert p == pytest.approx([exact, exact], abs=0.02)


def test_holm_by_hand():
    assert significance.holm(np.array([0.01, 0.5, 0.02])) == pytest.approx([0.03, 0.5, 0.04])
    assert significance.holm(np.array([])).tolist() == []


def test_a_real_gap_is_beyond_chance_and_its_group_is_named():
    rng = np.random.default_rng(0)
    site = rng.choice(list("abcdef"), 3000)
    wrong = rng.random(3000) < np.where(site == "c", 0.25, 0.1)
    audit = subgroups(np.zeros(3000, int), wrong.astype(int), pd.Series(site, name="site"), metrics=["error"])
    found = audit.chance.set_index("group")["p"]
    assert found["c"] < 0.001 < found.drop("c").min()
    assert "beyond chance: c" in repr(audit)


def test_metrics_that_say_the_same_are_corrected_for_once():
    rng = np.random.default_rng(1)
    y, p, g = rng.integers(0, 2, 400), rng.integers(0, 2, 400), rng.choice(list("ab"), 400)
    alone = subgroups(y, p, g, metrics=["error"]).chance["p"].max()
    both = subgroups(y, p, g, metrics=["error", "accuracy"]).chance
    assert both["p"].tolist() == pytest.approx([alone] * 4)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_fair_models_are_rarely_accused(kind):
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = 400
        groups = pd.DataFrame({"g": rng.choice(list("abcdef"), n, p=[0.5, 0.3, 0.15, 0.03, 0.01, 0.01])})
        if kind == "classes":
            score = rng.beta(1, 2, n)
            y = (rng.random(n) < score).astype(int)
            audit = subgroups(y, (score > 0.4).astype(int), groups, score=score, draws=100, seed=seed)
        else:
            y = rng.gamma(2, 10, n)
            audit = subgroups(y, y * rng.lognormal(0, 0.3, n), groups, draws=200, metrics=["mae", "rmse"], seed=seed)
        alarms += bool((audit.chance["p"] < 0.05).any())
    assert alarms <= 60 * 0.05 + 3
