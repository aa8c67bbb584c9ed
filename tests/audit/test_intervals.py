import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handlens.audit.intervals import bootstrap, difference_interval, mean_interval, ratio_interval, wilson

Z = 1.959963984540054


def test_wilson_by_hand():
    # 8 of 10, z = 1.96: (0.8 + 0.19207) / 1.38415 ± 1.96/1.38415 · √(0.016 + 0.0096036)
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.49016, abs=1e-5)
    assert high == pytest.approx(0.94332, abs=1e-5)
    low, high = wilson([0, 5], [5, 5])
    assert (low[0], high[1]) == (0, 1)
    assert low[1] == pytest.approx(5 / (5 + Z**2))
    assert np.isnan(wilson(0, 0)).all()
    n = np.arange(1, 1000)
    assert (wilson(n, n)[1] == 1).all()
    assert (wilson(0 * n, n)[0] == 0).all()


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_rate_and_stays_within_0_and_1(pair):
    low, high = wilson(*pair)
    assert 0 <= low <= pair[0] / pair[1] <= high <= 1


def test_wilson_against_an_independent_one():
    for hits, of in ((0, 7), (3, 20), (190, 200), (2000, 2000)):
        there = stats.binomtest(hits, of).proportion_ci(0.9, method="wilson")
        assert wilson(hits, of, 0.9) == pytest.approx((there.low, there.high))


def test_a_mean_of_symmetric_values_has_students_interval():
    x = np.array([1.0, 2, 3, 4, 5])
    low, high = mean_interval(5, 3, ((x - 3) ** 2).mean(), 0)
    there = stats.t.interval(0.95, 4, loc=3, scale=stats.sem(x))
    assert (low, high) == pytest.approx(there)


def test_a_long_tail_stretches_its_side():
    x = np.array([1.0, 1, 1, 2, 2, 3, 4, 12])
    m = x.mean()
    low, high = mean_interval(8, m, ((x - m) ** 2).mean(), ((x - m) ** 3).mean())
    assert high - m > m - low > 0


def test_means_of_one_row_and_of_equal_rows():
    low, high = mean_interval([1, 9], [4.0, 4.0], [0.0, 0.0], [0.0, 0.0])
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[1]) == (4, 4)


def test_newcombe_by_hand():
    # 56 of 70 less 48 of 80, the example of Newcombe (1998), method 10: 0.0524 to 0.3339.
    a, b = np.float64(56 / 70), np.float64(48 / 80)
    low, high = difference_interval(a, wilson(56, 70), b, wilson(48, 80))
    assert (low, high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_ratios():
    one, half = np.float64(0.4), np.float64(0.2)
    low, high = ratio_interval(one, wilson(400, 1000), half, wilson(200, 1000))
    # Large samples: close to the interval on the logarithm's scale, 2 · exp(±1.96 √(0.6/400 + 0.8/200)).
    reach = np.exp(Z * np.sqrt(0.6 / 400 + 0.8 / 200))
    assert (low, high) == (pytest.approx(2 / reach, rel=0.01), pytest.approx(2 * reach, rel=0.01))
    swapped = ratio_interval(half, wilson(200, 1000), one, wilson(400, 1000))
    assert (swapped[0], swapped[1]) == (pytest.approx(1 / high, rel=0.01), pytest.approx(1 / low, rel=0.01))


def test_ratios_at_the_ends():
    none, some = np.float64(0), np.float64(0.5)
    low, high = ratio_interval(none, wilson(0, 10), some, wilson(5, 10))
    assert low == 0
    assert 0 < high < 2
    assert np.isnan(ratio_interval(some, wilson(5, 10), none, wilson(0, 10))).all()


def test_the_bootstrap_of_a_mean_is_as_wide_as_students_interval():
    x = np.random.default_rng(0).normal(size=25)
    found = bootstrap(lambda at: x[at].mean(), 25, draws=4000, rng=np.random.default_rng(0))
    assert found == pytest.approx(stats.t.interval(0.95, 24, loc=x.mean(), scale=stats.sem(x)), abs=0.06)
    again = bootstrap(lambda at: x[at].mean(), 25, draws=4000, rng=np.random.default_rng(0))
    assert again == found


def test_the_bootstrap_says_nothing_of_one_row_or_where_the_number_is_often_undefined():
    rng = np.random.default_rng(0)
    assert np.isnan(bootstrap(lambda at: 1.0, 1, rng=rng)).all()
    assert np.isnan(bootstrap(lambda at: float("nan") if (at == 0).any() else 1.0, 5, rng=rng)).all()
