"""What is said of predicted probabilities once they have been judged: figures with intervals, curves, alarms.

What does not belong here: working them out (`evaluation`, `stay_alarms`, `comparison`) and drawing them (`plots`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

METRICS: Mapping[str, str] = {
    "auroc": "chance that a stay with the event is scored above one without; ties count half",
    "auprc": "average precision over the ranking; to be read beside the event rate, which chance achieves",
    "brier": "mean squared difference of probability and outcome",
    "scaled_brier": "share of the Brier score of the constant event rate that the model saves; 1 is perfect",
    "calibration_slope": "slope of outcome on log-odds; below 1 the probabilities are too extreme",
    "calibration_intercept": "log-odds missing from the probabilities on average (slope held at 1); above 0: too low",
}
"""The figures with an interval, and what each means."""


@dataclass(frozen=True)
class Estimate:
    """One figure.

    Attributes:
        value: None where it can't be estimated.
        low: 2.5% percentile over the bootstrap; None without an interval.
        high: 97.5% percentile.
        resamples: bootstrap resamples the interval is made of.
        reason: why there is no value, or no interval.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    resamples: int = 0
    reason: str | None = None

    def __str__(self) -> str:
        if self.value is None:
            return f"not estimable ({self.reason})"
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class CalibrationBin:
    """Stays of similar probability: what was predicted and what happened.

    Attributes:
        stays: in the bin.
        events: of them.
        predicted: mean probability.
        observed: share with the event.
        low: of the observed share, Wilson's 95% interval (stays taken as independent).
        high: its upper end.
    """

    stays: int
    events: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class Alert:
    """What an alarm at a fixed threshold would do.

    Attributes:
        rate: share of stays the alarm was asked to go off for.
        threshold: lowest probability that alerts, fixed by these stays and held during resampling.
        alerted: stays at or above it; more than asked for where probabilities are tied or stays are few.
        sensitivity: share of events alerted.
        specificity: share of non-events not alerted.
        ppv: share of alerts that are events.
    """

    rate: float
    threshold: float
    alerted: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Every figure of one set of stays. `METRICS` says what each means.

    Attributes:
        stays: rows.
        patients: patients.
        events: stays with the event.
        event_rate: events per stay; None without stays.
        auroc: see `METRICS`, like the five after it.
        auprc: see there.
        brier: see there.
        scaled_brier: see there.
        calibration_slope: see there.
        calibration_intercept: see there.
        expected_calibration_error: mean distance of predicted and observed over the calibration curve's bins.
        calibration_curve: bins of equal size by probability; equal probabilities share a bin.
        alerts: one for each of `ALERT_RATES`.
        resamples: bootstrap resamples asked for.
        skipped_resamples: those left out because they held one class only.
        seed: of the bootstrap.
        of: what a row is, in the plural: "stays" unless said otherwise.
    """

    stays: int
    patients: int
    events: int
    event_rate: float | None
    auroc: Estimate
    auprc: Estimate
    brier: Estimate
    scaled_brier: Estimate
    calibration_slope: Estimate
    calibration_intercept: Estimate
    expected_calibration_error: Estimate
    calibration_curve: tuple[CalibrationBin, ...]
    alerts: tuple[Alert, ...]
    resamples: int
    skipped_resamples: int
    seed: int
    of: str = "stays"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and mappings, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Evaluation:
        """The evaluation `to_dict` described."""
        values = dict(described)
        estimates = [f.name for f in fields(cls) if f.type == "Estimate"]
        values |= {name: Estimate(**values[name]) for name in estimates}
        values["calibration_curve"] = tuple(CalibrationBin(**b) for b in values["calibration_curve"])
        rates = ("sensitivity", "specificity", "ppv")
        values["alerts"] = tuple(
            Alert(**alert | {name: Estimate(**alert[name]) for name in rates}) for alert in values["alerts"]
        )
        return cls(**values)
