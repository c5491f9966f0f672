"""How good a model's probabilities are, and how sure one can be of that.

Every figure comes with a 95% percentile interval from a bootstrap over *patients*: a patient is drawn with all their
stays, since two stays of one patient are not two pieces of evidence. What a set of stays can't tell (discrimination
without a death in it) is `None` with the reason, never a number and never an exception.

What does not belong here: choosing anything by these figures; that is cross-validation's, on training patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clinical_assets.models.calibration import fit_lines
from clinical_assets.models.evaluated import METRICS, Alert, CalibrationBin, Estimate, Evaluation

__all__ = ["METRICS", "Alert", "CalibrationBin", "Estimate", "Evaluation", "evaluate", "wilson"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ALERT_RATES = (0.05, 0.10, 0.20)
MOST_BINS, LEAST_STAYS_PER_BIN = 10, 5
SMALLEST_PROBABILITY = 1e-6
"""Probabilities are cut here, on both ends, before their log-odds are taken for calibration slope and intercept."""
LEAST_USABLE_SHARE = 0.5
"""An interval is given where at least this share of the resamples could estimate the figure."""
LEAST_PATIENTS = 3
"""Patients with, and patients without the event for any interval. In simulation (AUROC 0.75, one stay each) the 95%
interval held the truth in 78 to 84% of samples with 2 event patients, 86 to 91% with 3 to 5, 89 to 96% with 8 to 30."""
CELLS_AT_ONCE = 2_000_000
NORMAL_97_5 = 1.959963984540054


def evaluate(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    seed: int,
    resamples: int = 1000,
    weights: npt.ArrayLike | None = None,
    of: str = "stays",
) -> Evaluation:
    """Measure predicted probabilities against what happened.

    The order of rows does not matter.

    Args:
        labels: 0 or 1 (or booleans), one per stay.
        probabilities: of the event, 0 to 1.
        patients: whose stay it is.
        seed: of the bootstrap.
        resamples: of the patients; 0 for no intervals.
        weights: how many rows each stands for, where rows are a sample; then there is no calibration curve.
        of: what a row is, in the plural, where it is not a stay.

    Raises:
        ValueError: lengths differ, or a label or probability is out of range.
    """
    stays = ranked(labels, probabilities, patients, weights)
    count, events = len(stays.happened), int(stays.happened.sum())
    reason = one_class_reason(count, events)
    alerts = [_alert_size(stays, rate) for rate in ALERT_RATES] if count else []
    uncertain = reason or too_few_reason(stays)
    drawn, skipped = bootstrap(stays, alerts, seed, resamples if uncertain is None else 0)
    whole = {name: float(v[0]) for name, v in figures_of(stays, stays.weight[None, :], alerts).items()} if count else {}

    def estimate(name: str) -> Estimate:
        value = whole.get(name, math.nan)
        if math.isnan(value):
            return Estimate(None, reason=reason or _CAN_FAIL.get(name))
        return with_interval(value, drawn.get(name, np.empty(0)), resamples, uncertain)

    curve = _calibration_curve(stays) if weights is None else ()
    error = sum(b.stays * abs(b.predicted - b.observed) for b in curve) / count if curve else None
    no_error = _SAMPLED if count and weights is not None else _NO_ECE_INTERVAL if count else reason
    return Evaluation(
        stays=count,
        patients=int(stays.patients.max()) + 1 if count else 0,
        events=events,
        event_rate=float(np.average(stays.happened, weights=stays.weight)) if count else None,
        **{name: estimate(name) for name in METRICS},
        expected_calibration_error=Estimate(error, reason=no_error),
        calibration_curve=curve,
        alerts=tuple(
            Alert(
                rate=rate,
                threshold=float(stays.probability[size - 1]),
                alerted=size,
                sensitivity=estimate(f"sensitivity {size}"),
                specificity=estimate(f"specificity {size}"),
                ppv=estimate(f"ppv {size}"),
            )
            for rate, size in zip(ALERT_RATES, alerts, strict=False)
        ),
        resamples=resamples,
        skipped_resamples=skipped,
        seed=seed,
        of=of,
    )


class Ranked(NamedTuple):
    """Stays from the highest probability to the lowest."""

    happened: Floats
    probability: Floats
    log_odds: Floats
    patients: Integers
    ties: Integers
    """Where each group of equal probabilities begins."""
    weight: Floats


def ranked(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, patients: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Ranked:
    """The rows in the one order every figure is worked out in.

    Raises:
        ValueError: as `evaluate`.
    """
    happened = np.asarray(labels, dtype=np.float64)
    probability = np.asarray(probabilities, dtype=np.float64)
    names = np.asarray(patients)
    if not happened.shape == probability.shape == names.shape or happened.ndim != 1:
        raise ValueError(
            f"evaluation: expected one label, probability and patient per stay; found shapes {happened.shape}, "
            f"{probability.shape} and {names.shape}; take the three from the same frame"
        )
    odd = int((~np.isin(happened, (0.0, 1.0))).sum())
    outside = int((~((probability >= 0) & (probability <= 1))).sum())
    if odd or outside:
        raise ValueError(
            f"evaluation: expected labels 0 or 1 and probabilities from 0 to 1; found {odd} other labels and "
            f"{outside} other probabilities in {len(happened)} stays; leave out stays without outcome or prediction"
        )
    codes = np.asarray(np.unique(names, return_inverse=True)[1], dtype=np.int64)
    # Ties are ordered by label and patient, so that sums don't depend on the order of rows.
    weight = np.ones(len(happened)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.lexsort((weight, codes, happened, -probability))
    probability = probability[order]
    cut = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    ties = np.flatnonzero(np.r_[True, np.diff(probability) != 0][: len(probability)])
    return Ranked(happened[order], probability, np.log(cut / (1 - cut)), codes[order], ties, weight[order])


def one_class_reason(stays: int, events: int) -> str | None:
    """Why discrimination can't be told, where every row is of one class."""
    if not stays:
        return "there are no stays"
    if not events:
        return f"none of the {stays} stays has the event"
    return f"all of the {stays} stays have the event" if events == stays else None


_SEPARATED = "the probabilities separate events from non-events or are all the same, so no finite slope fits best"
_SAMPLED = "the rows are a weighted sample"
_NO_ECE_INTERVAL = "no interval: resampling adds noise to every bin and so raises this figure"
_CAN_FAIL: Mapping[str, str] = {"calibration_slope": _SEPARATED}
"""Why a figure can be missing although both classes are there."""


def too_few_reason(stays: Ranked) -> str | None:
    """Why there is no interval, where too few patients are in a class."""
    with_event = len(np.unique(stays.patients[stays.happened == 1]))
    without = len(np.unique(stays.patients[stays.happened == 0]))
    if min(with_event, without) >= LEAST_PATIENTS:
        return None
    return f"{with_event} patients with and {without} without the event are too few to resample"


def with_interval(value: float, drawn: Floats, resamples: int, uncertain: str | None) -> Estimate:
    """A figure with the percentile interval of its resamples, or with the reason there is none."""
    usable = drawn[~np.isnan(drawn)]
    if len(usable) < max(1.0, LEAST_USABLE_SHARE * resamples):
        why = uncertain or f"{len(usable)} of {resamples} resamples could be used"
        return Estimate(value, resamples=len(usable), reason=f"no interval: {why}")
    low, high = (float(bound) for bound in np.percentile(usable, (2.5, 97.5)))
    if low == high:
        # 0 of 3 deaths caught, in every resample: that is ignorance, not the certainty an interval of no width claims.
        return Estimate(value, resamples=len(usable), reason="no interval: too few stays for resamples to differ")
    return Estimate(value, low, high, len(usable))


def bootstrap(
    stays: Ranked, alerts: list[int], seed: int, resamples: int, *, lines: bool = True
) -> tuple[dict[str, Floats], int]:
    """The figures of every resample with both classes, and how many had one class only."""
    if not resamples:
        return {}, 0
    rng = np.random.default_rng(seed)
    patients = int(stays.patients.max()) + 1
    drawn: list[dict[str, Floats]] = []
    skipped, remaining = 0, resamples
    while remaining:
        size = min(remaining, max(1, CELLS_AT_ONCE // len(stays.happened)))
        remaining -= size
        chosen = rng.integers(0, patients, size=(size, patients)) + patients * np.arange(size)[:, None]
        times = np.bincount(chosen.ravel(), minlength=size * patients).reshape(size, patients)
        weights = times[:, stays.patients] * stays.weight
        events = weights @ stays.happened
        both = (events > 0) & (events < weights.sum(axis=1))
        skipped += int((~both).sum())
        drawn.append(figures_of(stays, weights[both], alerts, lines=lines))
    return {name: np.concatenate([d[name] for d in drawn]) for name in drawn[0]}, skipped


def figures_of(stays: Ranked, weights: Floats, alerts: list[int], *, lines: bool = True) -> dict[str, Floats]:
    """Every figure for each row of weights (how often each stay counts); NaN where it can't be estimated."""
    y = stays.happened
    happened = weights * y
    events = happened.sum(axis=1)
    total = weights.sum(axis=1)
    others = total - events
    with np.errstate(all="ignore"):  # 0/0 is this module's way to "not estimable"
        hits = np.add.reduceat(happened, stays.ties, axis=1)
        misses = np.add.reduceat(weights, stays.ties, axis=1) - hits
        hits_so_far = np.cumsum(hits, axis=1)
        precision = hits_so_far / (hits_so_far + np.cumsum(misses, axis=1))
        brier = weights @ np.square(stays.probability - y) / total
        rate = events / total
        figures = {
            "auroc": ((hits_so_far - hits / 2) * misses).sum(axis=1) / (events * others),
            # A group nobody was drawn from has no precision, and no share in the average.
            "auprc": np.where(others > 0, np.where(hits > 0, hits * precision, 0.0).sum(axis=1) / events, np.nan),
            "brier": brier,
            "scaled_brier": np.where((rate > 0) & (rate < 1), 1 - brier / (rate * (1 - rate)), np.nan),
        }
        for size in alerts:
            alerted, caught = weights[:, :size].sum(axis=1), happened[:, :size].sum(axis=1)
            figures[f"sensitivity {size}"] = caught / events
            figures[f"specificity {size}"] = 1 - (alerted - caught) / others
            figures[f"ppv {size}"] = caught / alerted
    return figures | (_calibration_lines(stays, weights, happened) if lines else {})


def _calibration_lines(stays: Ranked, weights: Floats, happened: Floats) -> dict[str, Floats]:
    """Calibration slope and intercept for each row of weights.

    A finite slope exists exactly where neither class lies wholly at or above the other.
    """
    slope, intercept = np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    event, other = happened > 0, (weights > 0) & (happened == 0)
    x = stays.log_odds
    last = len(x) - 1
    both = event.any(axis=1) & other.any(axis=1)
    highest_event, highest_other = x[event.argmax(axis=1)], x[other.argmax(axis=1)]
    lowest_event, lowest_other = x[last - event[:, ::-1].argmax(axis=1)], x[last - other[:, ::-1].argmax(axis=1)]
    overlapping = both & (highest_other > lowest_event) & (highest_event > lowest_other)
    for into, rows, free in ((slope, overlapping, True), (intercept, both, False)):
        if rows.any():
            lines = fit_lines(x, stays.happened, weights[rows], free_slope=free)
            into[rows] = lines.slope if free else lines.intercept
    return {"calibration_slope": slope, "calibration_intercept": intercept}


def _alert_size(stays: Ranked, rate: float) -> int:
    """How many stays alert when about that share should: whole groups of ties, and at least one stay."""
    so_far = np.cumsum(stays.weight)
    # 1e-9: 0.07 * 100 is a little more than 7.
    last = int(np.searchsorted(so_far, rate * so_far[-1] - 1e-9))
    return int((stays.probability >= stays.probability[last]).sum())


def _calibration_curve(stays: Ranked) -> tuple[CalibrationBin, ...]:
    count = len(stays.happened)
    bins = min(MOST_BINS, max(1, count // LEAST_STAYS_PER_BIN))
    group = np.searchsorted(stays.ties, np.arange(count), side="right") - 1
    in_bin = stays.ties[group] * bins // count if count else group
    curve = []
    for each in np.unique(in_bin)[::-1]:  # from low probabilities to high
        member = in_bin == each
        size, events = int(member.sum()), int(stays.happened[member].sum())
        low, high = wilson(events, size)
        curve.append(CalibrationBin(size, events, float(stays.probability[member].mean()), events / size, low, high))
    return tuple(curve)


def wilson(events: int, stays: int) -> tuple[float, float]:
    """Wilson's 95% interval of a proportion (Wilson 1927); holds up at 0 and at all."""
    z2 = NORMAL_97_5**2
    middle = (events + z2 / 2) / (stays + z2)
    half = NORMAL_97_5 / (stays + z2) * math.sqrt(events * (stays - events) / stays + z2 / 4)
    # At the ends rounding would leave a bound of 1e-17.
    return middle - half if events else 0.0, middle + half if events < stays else 1.0
