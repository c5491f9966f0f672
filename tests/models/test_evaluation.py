"""Metrics equal the reference's, intervals are over patients, and nothing is made up where nothing can be known."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from clinical_assets.models.calibration import probability
from clinical_assets.models.evaluation import METRICS, Evaluation, evaluate, wilson

# Tenths, so that ties are common.
rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 10).map(lambda tenths: tenths / 10), st.integers(0, 12)),
    min_size=1,
    max_size=60,
)
INTERVALS = [*METRICS]


def columns(drawn):
    labels, probabilities, patients = zip(*drawn, strict=True)
    return np.array(labels, dtype=int), np.array(probabilities), np.array(patients)


def stays(n=400, *, seed=0, patients=300):
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-1.5, 1.3, n)
    labels = (rng.random(n) < probability(log_odds)).astype(int)
    return labels, probability(log_odds), rng.integers(0, patients, n)


@given(rows)
def test_metrics_equal_sklearns_ties_included(drawn):
    labels, probabilities, patients = columns(drawn)
    found = evaluate(labels, probabilities, patients, seed=1, resamples=0)
    assert found.brier.value == pytest.approx(brier_score_loss(labels, probabilities), abs=1e-12)
    if 0 < labels.sum() < len(labels):
        assert found.auroc.value == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)
        assert found.auprc.value == pytest.approx(average_precision_score(labels, probabilities), abs=1e-12)
    else:
        assert (found.auroc.value, found.auprc.value) == (None, None)


def test_intervals_equal_a_bootstrap_written_out_patient_by_patient():
    labels, probabilities, patients = stays(120, patients=70)
    found = evaluate(labels, probabilities, patients, seed=7, resamples=60)

    names = np.unique(patients)
    rng = np.random.default_rng(7)
    log_odds = np.log(probabilities / (1 - probabilities))
    alerted = probabilities >= found.alerts[1].threshold
    expected = {name: [] for name in ("auroc", "auprc", "brier", "scaled_brier", "calibration_slope", "ppv")}
    for chosen in rng.integers(0, len(names), size=(60, len(names))):
        drawn = np.concatenate([np.flatnonzero(patients == names[patient]) for patient in chosen])
        y, p = labels[drawn], probabilities[drawn]
        expected["auroc"].append(roc_auc_score(y, p))
        expected["auprc"].append(average_precision_score(y, p))
        expected["brier"].append(np.mean((y - p) ** 2))
        expected["scaled_brier"].append(1 - np.mean((y - p) ** 2) / (y.mean() * (1 - y.mean())))
        line = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds[drawn, None], y)
        expected["calibration_slope"].append(line.coef_[0, 0])
        expected["ppv"].append(y[alerted[drawn]].mean())
    for name, values in expected.items():
        estimate = found.alerts[1].ppv if name == "ppv" else getattr(found, name)
        assert (estimate.low, estimate.high) == pytest.approx(np.percentile(values, (2.5, 97.5)), abs=1e-4), name
        assert estimate.resamples == 60


def test_more_stays_of_the_same_patients_make_nothing_more_certain():
    labels, probabilities, _ = stays(200)
    once = evaluate(labels, probabilities, np.arange(200), seed=3, resamples=200)
    fourfold = evaluate(*(np.repeat(c, 4) for c in (labels, probabilities, np.arange(200))), seed=3, resamples=200)
    for name in ("auroc", "brier", "calibration_slope"):
        one, four = getattr(once, name), getattr(fourfold, name)
        assert (one.value, one.low, one.high) == pytest.approx((four.value, four.low, four.high), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_holds_the_estimate(seed):
    found = evaluate(*stays(seed=seed), seed=seed, resamples=200)
    for name in INTERVALS:
        estimate = getattr(found, name)
        assert estimate.low < estimate.value < estimate.high, name


def test_true_probabilities_are_found_calibrated():
    found = evaluate(*stays(20_000, patients=15_000), seed=1, resamples=100)
    assert found.calibration_slope.low < 1 < found.calibration_slope.high
    assert found.calibration_intercept.low < 0 < found.calibration_intercept.high
    assert found.expected_calibration_error.value < 0.02
    assert found.skipped_resamples == 0


def test_calibration_by_construction():
    labels = np.array([1] * 2 + [0] * 8 + [1] * 6 + [0] * 4)
    found = evaluate(labels, np.repeat([0.2, 0.6], 10), np.arange(20), seed=1, resamples=0)
    assert found.calibration_slope.value == pytest.approx(1.0, abs=1e-8)
    assert found.calibration_intercept.value == pytest.approx(0.0, abs=1e-8)
    assert found.expected_calibration_error.value == pytest.approx(0.0, abs=1e-12)
    assert [(b.stays, b.events, b.predicted, b.observed) for b in found.calibration_curve] == [
        (10, 2, pytest.approx(0.2), 0.2),
        (10, 6, pytest.approx(0.6), 0.6),
    ]
    assert found.scaled_brier.value == pytest.approx(1 - (0.16 + 0.24) / 2 / 0.24)


def test_probabilities_twice_too_extreme_have_half_the_slope():
    labels = np.array([1] * 2 + [0] * 8 + [1] * 6 + [0] * 4)
    twice = probability(2 * np.log([0.25, 1.5]))
    found = evaluate(labels, np.repeat(twice, 10), np.arange(20), seed=1, resamples=0)
    assert found.calibration_slope.value == pytest.approx(0.5, abs=1e-8)


def test_too_low_probabilities_have_an_intercept_above_zero():
    labels, probabilities, patients = stays(5000)
    low = probability(np.log(probabilities / (1 - probabilities)) - 1)
    found = evaluate(labels, low, patients, seed=1, resamples=0)
    assert found.calibration_intercept.value == pytest.approx(1.0, abs=0.15)


def test_alerts_by_construction():
    labels = np.zeros(20, dtype=int)
    labels[[0, 3, 9]] = 1
    found = evaluate(labels, np.linspace(0.95, 0.05, 20), np.arange(20), seed=1, resamples=0)
    assert [(a.rate, a.alerted) for a in found.alerts] == [(0.05, 1), (0.10, 2), (0.20, 4)]
    last = found.alerts[2]
    assert last.sensitivity.value == pytest.approx(2 / 3)
    assert last.specificity.value == pytest.approx(15 / 17)
    assert last.ppv.value == pytest.approx(2 / 4)
    assert last.threshold == pytest.approx(np.linspace(0.95, 0.05, 20)[3])


def test_tied_stays_alert_together():
    found = evaluate([1, 0, 0, 0, 1], [0.5, 0.5, 0.5, 0.1, 0.1], np.arange(5), seed=1, resamples=0)
    assert [a.alerted for a in found.alerts] == [3, 3, 3]


@given(rows)
def test_the_curve_holds_every_stay_once_and_splits_no_tie(drawn):
    labels, probabilities, patients = columns(drawn)
    curve = evaluate(labels, probabilities, patients, seed=1, resamples=0).calibration_curve
    assert sum(b.stays for b in curve) == len(labels)
    assert sum(b.events for b in curve) == labels.sum()
    assert sorted(b.predicted for b in curve) == [b.predicted for b in curve]
    assert len(curve) <= len(set(probabilities))
    assert all(b.low <= b.observed <= b.high for b in curve)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(0, 10, 0.0, 0.27753), (5, 10, 0.23659, 0.76341), (10, 10, 0.72247, 1.0), (1, 100, 0.00177, 0.05449)],
)
def test_wilson_intervals_as_published_tables_have_them(events, n, low, high):
    assert wilson(events, n) == pytest.approx((low, high), abs=1e-5)


@given(rows, st.randoms())
@settings(max_examples=30)
def test_the_order_of_rows_does_not_matter(drawn, random):
    shuffled = list(drawn)
    random.shuffle(shuffled)
    assert evaluate(*columns(drawn), seed=5, resamples=20) == evaluate(*columns(shuffled), seed=5, resamples=20)


@given(rows)
@settings(max_examples=30)
def test_an_evaluation_survives_json(drawn):
    found = evaluate(*columns(drawn), seed=5, resamples=20)
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


@pytest.mark.parametrize(("label", "reason"), [(0, "none of the 9 stays has the event"), (1, "all of the 9 stays")])
def test_one_class_says_why_it_has_no_discrimination(label, reason):
    found = evaluate([label] * 9, np.linspace(0.1, 0.5, 9), np.arange(9), seed=1)
    for name in ("auroc", "auprc", "scaled_brier", "calibration_slope", "calibration_intercept"):
        assert getattr(found, name).value is None
        assert reason in getattr(found, name).reason
    assert found.brier.value is not None
    assert found.brier.low is None
    assert found.events == 9 * label
    undefined = found.alerts[0].specificity if label else found.alerts[0].sensitivity
    assert undefined.value is None
    assert reason in undefined.reason


def test_no_stays_at_all():
    found = evaluate([], [], [], seed=1)
    assert (found.stays, found.patients, found.events, found.event_rate) == (0, 0, 0, None)
    assert found.calibration_curve == found.alerts == ()
    assert {getattr(found, name).reason for name in METRICS} == {"there are no stays"}
    assert found.expected_calibration_error.reason == "there are no stays"


def test_perfect_separation_has_no_slope_and_claims_no_certainty():
    found = evaluate(
        [0] * 10 + [1] * 5, np.r_[np.linspace(0.1, 0.3, 10), np.linspace(0.6, 0.9, 5)], np.arange(15), seed=1
    )
    assert found.auroc.value == 1.0
    assert found.auroc.low is None
    assert "no interval" in found.auroc.reason
    assert found.calibration_slope.value is None
    assert "separate" in found.calibration_slope.reason


def test_equal_probabilities_are_chance_without_a_slope():
    found = evaluate([0, 1, 0, 1, 1, 0, 0, 1], [0.5] * 8, np.arange(8), seed=1, resamples=50)
    assert found.auroc.value == 0.5
    assert found.calibration_slope.value is None


def test_an_alarm_that_never_catches_a_death_is_not_certain_to_miss_all():
    labels = [0] * 17 + [1] * 3
    found = evaluate(labels, np.linspace(0.9, 0.1, 20), np.arange(20), seed=1, resamples=100)
    assert found.alerts[0].sensitivity.value == 0.0
    assert found.alerts[0].sensitivity.low is None


def test_two_patients_with_the_event_give_no_interval():
    found = evaluate([1, 1, 1, 0, 0, 0, 0], np.linspace(0.9, 0.1, 7) ** 2, [1, 1, 2, 3, 4, 5, 6], seed=1)
    assert found.auroc.value is not None
    assert found.auroc.reason == "no interval: 2 patients with and 4 without the event are too few to resample"


def test_resamples_with_one_class_are_counted():
    labels = [1] * 3 + [0] * 3
    found = evaluate(labels, [0.9, 0.4, 0.3, 0.5, 0.2, 0.1], np.arange(6), seed=1, resamples=500)
    assert 5 <= found.skipped_resamples <= 30  # expected 2 in 64
    assert found.brier.resamples == 500 - found.skipped_resamples


@pytest.mark.parametrize(
    ("labels", "probabilities", "patients", "message"),
    [
        ([0, 1], [0.1], [1, 2], "shapes"),
        ([0, 2], [0.1, 0.2], [1, 2], "1 other labels"),
        ([0, np.nan], [0.1, 0.2], [1, 2], "1 other labels"),
        ([0, 1], [0.1, 1.2], [1, 2], "1 other probabilities"),
        ([0, 1], [0.1, np.nan], [1, 2], "1 other probabilities"),
    ],
)
def test_wrong_input_is_refused_with_its_count(labels, probabilities, patients, message):
    with pytest.raises(ValueError, match=message):
        evaluate(labels, probabilities, patients, seed=1)


def test_a_weighted_row_counts_like_so_many_rows():
    random = np.random.default_rng(8)
    patients = np.arange(120) // 2
    probabilities = random.random(120)
    labels = (random.random(120) < probabilities).astype(int)
    times = random.integers(1, 5, 120)
    weighted = evaluate(labels, probabilities, patients, seed=1, resamples=100, weights=times, of="hours")
    written_out = evaluate(*(np.repeat(v, times) for v in (labels, probabilities, patients)), seed=1, resamples=100)
    for name in METRICS:
        a, b = getattr(weighted, name), getattr(written_out, name)
        assert a.value == pytest.approx(b.value)
        assert (a.low, a.high) == (pytest.approx(b.low), pytest.approx(b.high))
    assert weighted.event_rate == pytest.approx(written_out.event_rate)
    for alert, same in zip(weighted.alerts, written_out.alerts, strict=True):
        assert alert.threshold == same.threshold
        assert alert.ppv.value == pytest.approx(same.ppv.value)
    assert (weighted.of, written_out.of) == ("hours", "stays")
    assert weighted.calibration_curve == ()
    assert weighted.expected_calibration_error.value is None
    assert Evaluation.from_dict(weighted.to_dict()) == weighted


def test_an_evaluation_stored_before_rows_had_a_name_is_one_of_stays():
    described = evaluate([0, 1, 0, 1], [0.1, 0.8, 0.3, 0.4], [1, 2, 3, 4], seed=1, resamples=0).to_dict()
    del described["of"]
    assert Evaluation.from_dict(described).of == "stays"
