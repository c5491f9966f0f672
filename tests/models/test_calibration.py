"""Platt scaling: recovers known lines, never turns a ranking around, survives small and awkward samples."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from clinical_assets.models.calibration import Calibration, fit_calibration, fit_lines, probability


def labelled(n, *, intercept, slope, seed=0):
    """Log-odds and outcomes where the truth is `intercept + slope * score`."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(-2, 1.2, n)
    return scores, (rng.random(n) < probability(intercept + slope * scores)).astype(int)


def test_probabilities_at_the_ends_do_not_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert probability([-1000.0, 0.0, 1000.0]).tolist() == [0.0, 0.5, 1.0]
    assert probability([-40.0])[0] == pytest.approx(np.exp(-40), rel=1e-12)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (-3.0, 0.4), (2.0, 5.0), (0.5, -2.0)])
def test_a_line_that_fits_exactly_is_found_exactly(intercept, slope):
    scores = np.linspace(-4, 4, 41)
    lines = fit_lines(scores, probability(intercept + slope * scores), np.ones((1, 41)))
    assert lines.converged.all()
    assert (lines.intercept[0], lines.slope[0]) == pytest.approx((intercept, slope), abs=1e-8)


@given(
    st.lists(
        st.tuples(st.integers(-30, 30), st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=6, max_size=40
    )
)
@example([(0, False, 1, 0)] * 4 + [(15, True, 2, 0), (-20, True, 1, 0)])  # the first Newton step overshoots
@settings(max_examples=60, deadline=None)
def test_lines_equal_sklearns_whatever_the_weights(rows):
    scores = np.array([r[0] / 7 for r in rows])
    happened = np.array([float(r[1]) for r in rows])
    weights = np.array([[r[2] for r in rows], [r[3] for r in rows]], dtype=float)
    lines = fit_lines(scores, happened, weights)
    for line, weight in enumerate(weights):
        drawn = weight > 0
        event, other = scores[drawn & (happened == 1)], scores[drawn & (happened == 0)]
        if not len(event) or not len(other) or event.min() >= other.max() or other.min() >= event.max():
            continue
        expected = LogisticRegression(C=np.inf, tol=1e-10, max_iter=2000).fit(
            scores[drawn, None], happened[drawn], weight[drawn]
        )
        assert lines.converged[line]
        found = (lines.intercept[line], lines.slope[line])
        assert found == pytest.approx((expected.intercept_[0], expected.coef_[0, 0]), rel=1e-3, abs=1e-3)


def test_no_line_is_found_where_events_and_non_events_are_separated():
    lines = fit_lines(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0, 1, 1]), np.ones((1, 4)))
    assert not lines.converged[0]
    assert np.isnan(lines.slope[0])


def test_overconfident_scores_are_drawn_in():
    scores, labels = labelled(20_000, intercept=0.3, slope=0.5)
    calibration = fit_calibration(scores, labels)
    assert calibration.method == "platt"
    assert (calibration.intercept, calibration.slope) == pytest.approx((0.3, 0.5), abs=0.08)
    assert calibration.apply(scores).mean() == pytest.approx(labels.mean(), abs=1e-3)


@given(
    st.floats(-5, 5),
    st.floats(0.01, 10),
    st.lists(st.floats(-8, 8).map(lambda x: round(x, 4)), min_size=2, max_size=20, unique=True),
)
def test_calibration_never_changes_a_ranking(intercept, slope, raw):
    calibration = Calibration(intercept=intercept, slope=slope, method="platt", fitted_slope=slope, rows=2, events=1)
    ordered = calibration.log_odds(sorted(raw))
    assert (np.diff(ordered) > 0).all()
    assert (np.diff(calibration.apply(sorted(raw))) >= 0).all()


@example([(5.0, False), (5.0, True), (-5.0, True), (-6.0, True)])  # the first Newton step leaves for infinity
@given(st.lists(st.tuples(st.floats(-6, 6), st.booleans()), min_size=4, max_size=40))
def test_calibration_is_always_increasing_and_right_on_average(rows):
    scores, labels = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    events, others = int(labels.sum()), int((~labels).sum())
    if not events or not others:
        return
    calibration = fit_calibration(scores, labels)
    smoothed = events * (events + 1) / (events + 2) + others / (others + 2)
    expected = smoothed if calibration.method == "platt" else events
    assert calibration.slope > 0
    assert calibration.apply(scores).sum() == pytest.approx(expected, abs=1e-6)


def test_scores_that_rank_the_wrong_way_keep_their_slope_and_get_the_right_average():
    scores = np.linspace(-3, 3, 60)
    labels = (scores < -1).astype(int)
    calibration = fit_calibration(scores, labels)
    assert calibration.method == "intercept_only"
    assert calibration.slope == 1.0
    assert calibration.fitted_slope <= 0
    assert calibration.apply(scores).mean() == pytest.approx(labels.mean(), abs=1e-9)


def test_scores_that_happen_to_separate_ten_patients_ask_for_no_certainty():
    scores = np.array([-1.1, -1, -0.9, -0.8, -0.7, -0.6, -0.5, 1.0, 1.1, 1.2])
    calibration = fit_calibration(scores, [0] * 7 + [1] * 3)
    assert 1 < calibration.slope < 3
    assert 0.01 < calibration.apply(scores).min() < calibration.apply(scores).max() < 0.99


def test_scores_that_are_all_the_same_become_the_event_rate():
    calibration = fit_calibration(np.full(50, -1.0), [1] * 10 + [0] * 40)
    assert calibration.apply([-1.0])[0] == pytest.approx((10 * 11 / 12 + 40 / 42) / 50, abs=1e-9)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="found 0 with and 3 without"):
        fit_calibration([0.1, 0.2, 0.3], [0, 0, 0])


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="found 1 that are not"):
        fit_calibration([0.1, np.nan, 0.3], [0, 1, 0])
