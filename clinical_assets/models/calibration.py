"""From a model's log-odds to probabilities that mean what they say.

Platt scaling: two numbers, intercept and slope, fitted to out-of-fold log-odds, so it holds up with a handful of
events where isotonic regression would not. The logistic line it needs is also what measures calibration afterwards
(see `evaluation`), so the solver here fits many weighted lines at once.

What does not belong here: trees, and metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Method = Literal["platt", "intercept_only"]

MOST_STEPS = 50
SMALLEST_STEP = 1e-10
ROUNDING = 1e-12
SLOPE_RIDGE = 1.0
"""Penalty `SLOPE_RIDGE / 2 * (slope - 1)^2`: a prior that the trees' own log-odds are about right, one unit wide.
It decides where scores hardly vary (a small hospital) and is nothing beside a thousand stays."""


def probability(log_odds: npt.ArrayLike) -> Floats:
    """The probability of each log-odds; never overflows."""
    x = np.asarray(log_odds, dtype=np.float64)
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)


@dataclass(frozen=True)
class LogisticLines:
    """Fitted lines `log-odds = intercept + slope * score`, one per row of weights; NaN where `converged` is false."""

    intercept: Floats
    slope: Floats
    converged: Flags


def fit_lines(
    scores: Floats,
    targets: Floats,
    weights: Floats,
    *,
    ridge: float = 0.0,
    free_slope: bool = True,
    start: tuple[float, float] = (0.0, 1.0),
) -> LogisticLines:
    """Fit one logistic line per row of weights by maximum likelihood.

    Newton's method; a step that makes the fit worse is halved until it doesn't, which is enough for a convex problem.

    Args:
        scores: one log-odds per row of the data, (n,).
        targets: 0 to 1 for each, (n,).
        weights: one line is fitted for each row, (lines, n).
        ridge: weight of the penalty that draws the slope towards 1; intercepts are never penalised.
        free_slope: False fixes every slope at the start's, leaving the intercept (calibration in the large).
        start: intercept and slope the search starts from.

    Returns:
        The lines. Where no finite line fits best (events and non-events separated), `converged` is false.
    """
    lines = weights.shape[0]
    best = np.tile(np.asarray(start, dtype=np.float64), (lines, 1))
    step = np.zeros((lines, 2))
    loss = np.full(lines, np.inf)
    converged = np.zeros(lines, dtype=np.bool_)
    active = np.arange(lines)
    with np.errstate(all="ignore"):
        for _ in range(MOST_STEPS):
            tried = best[active] + step[active]
            found, newton = _newton(scores, targets, weights[active], tried, ridge, free_slope)
            # NaN compares false: a step into overflow counts as one that went too far.
            better = found <= loss[active] + ROUNDING * (1 + np.abs(found))
            taken, refused = active[better], active[~better]
            best[taken], step[taken], loss[taken] = tried[better], newton[better], found[better]
            step[refused] /= 2
            done = np.abs(step[active]).max(axis=1) < SMALLEST_STEP * (1 + np.abs(best[active]).max(axis=1))
            converged[active[done]] = True
            active = active[~done]
            if not active.size:
                break
    best[~converged] = np.nan
    return LogisticLines(best[:, 0], best[:, 1], converged)


def _newton(
    scores: Floats, targets: Floats, weights: Floats, lines: Floats, ridge: float, free_slope: bool
) -> tuple[Floats, Floats]:
    """The penalised loss (negative log-likelihood) of each line, and the Newton step from there."""
    log_odds = lines[:, :1] + lines[:, 1:] * scores
    small = np.exp(-np.abs(log_odds))
    fitted = np.where(log_odds >= 0, 1.0, small) / (1.0 + small)
    surprise = np.maximum(log_odds, 0) + np.log1p(small) - targets * log_odds
    away = lines[:, 1] - 1
    loss = (weights * surprise).sum(axis=1) + ridge / 2 * away * away
    residual = weights * (targets - fitted)
    curvature = weights * fitted * (1 - fitted)
    g0, h00 = residual.sum(axis=1), curvature.sum(axis=1)
    if not free_slope:
        return loss, np.stack([g0 / h00, np.zeros_like(h00)], axis=1)
    g1 = residual @ scores - ridge * away
    h01, h11 = curvature @ scores, curvature @ (scores * scores) + ridge
    step = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0], axis=1)
    return loss, step / (h00 * h11 - h01 * h01)[:, None]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The map from a booster's log-odds to probabilities; strictly increasing, so it never changes a ranking.

    Attributes:
        intercept: added to the log-odds.
        slope: the log-odds are multiplied by it first; always above 0.
        method: "platt", or "intercept_only" where the fitted slope was not above 0 and the slope stays 1.
        fitted_slope: the slope as fitted; not above 0 says the out-of-fold scores ranked no better than chance.
        rows: stays it was fitted to.
        events: those with the outcome.
    """

    intercept: float
    slope: float
    method: Method
    fitted_slope: float
    rows: int
    events: int

    def log_odds(self, raw: npt.ArrayLike) -> Floats:
        """Calibrated log-odds of the booster's raw ones."""
        return np.asarray(self.intercept + self.slope * np.asarray(raw, dtype=np.float64), dtype=np.float64)

    def apply(self, raw: npt.ArrayLike) -> Floats:
        """Calibrated probabilities of the booster's raw log-odds."""
        return probability(self.log_odds(raw))


def fit_calibration(raw: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Calibration:
    """Fit Platt scaling to out-of-fold log-odds.

    Targets are Platt's smoothed ones, `(events + 1) / (events + 2)` and `1 / (non-events + 2)`, so that scores that
    happen to separate the classes don't ask for an infinite slope.

    Args:
        raw: log-odds of stays whose patients the scoring booster has not seen.
        labels: 0 or 1 for each.
        weights: how much each counts, 1 on average; equally much when not given.

    Raises:
        ValueError: one class only, or scores that are not finite numbers.
    """
    scores = np.asarray(raw, dtype=np.float64)
    happened = np.asarray(labels, dtype=np.float64)
    events = int(happened.sum())
    others = len(happened) - events
    if not events or not others:
        raise ValueError(
            f"calibration: expected stays with and without the outcome; found {events} with and {others} without; "
            "calibrate on more patients"
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            f"calibration: expected finite log-odds; found {int((~np.isfinite(scores)).sum())} that are not; "
            "look at the booster that made them"
        )
    everyone = np.ones((1, len(scores))) if weights is None else np.asarray(weights, dtype=np.float64)[None, :]
    smoothed = np.where(happened > 0, (events + 1) / (events + 2), 1 / (others + 2))
    platt = fit_lines(scores, smoothed, everyone, ridge=SLOPE_RIDGE)
    slope = float(platt.slope[0])
    if slope > 0:
        return Calibration(
            intercept=float(platt.intercept[0]),
            slope=slope,
            method="platt",
            fitted_slope=slope,
            rows=len(scores),
            events=events,
        )
    in_the_large = fit_lines(scores, happened, everyone, free_slope=False)
    if not in_the_large.converged[0]:
        raise ValueError(
            f"calibration: expected log-odds a logistic line can be fitted to; found a range of {scores.min():g} to "
            f"{scores.max():g}; look at the booster that made them"
        )
    return Calibration(
        intercept=float(in_the_large.intercept[0]),
        slope=1.0,
        method="intercept_only",
        fitted_slope=slope,
        rows=len(scores),
        events=events,
    )
