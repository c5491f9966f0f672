"""What hourly probabilities mean at the bedside: stays rather than hours, and alarms rather than areas.

A stay of a week gives 168 rows and is one patient's story. Here a stay counts once: by its highest probability, and by
what an alarm at a fixed threshold would have done. A stay with the event is caught if an alarm goes off in the hours
the label asks about, so that neither an alarm days ahead nor one at the very end of the window is a success unseen: how
much warning is left is said too. Alarms in stays without the event are counted per day.

Intervals are by bootstrap over patients, like all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from clinical_assets.models.evaluated import Estimate, Evaluation
from clinical_assets.models.evaluation import ALERT_RATES, evaluate, ranked, too_few_reason, with_interval

Floats = npt.NDArray[np.float64]
HOURS_A_DAY = 24


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm that goes off whenever the probability is at or above a threshold.

    Attributes:
        rate: share of hours it was asked to go off in; fixes the threshold.
        threshold: lowest probability that alarms.
        caught: share of stays with the event in which it went off in an hour before the event the label asks about.
        warned_hours: median of the hours from the first such alarm to the event (at most an hour too many), of the
            stays caught.
        false_per_day: alarmed hours per 24 hours of stays without the event.
        disturbed: share of stays without the event in which it ever went off.
    """

    rate: float
    threshold: float
    caught: Estimate
    warned_hours: Estimate
    false_per_day: Estimate
    disturbed: Estimate

    def in_words(self, stays: Evaluation) -> str:
        """What the alarm does, in a sentence."""
        ahead = "" if self.warned_hours.value is None else f", in the middle one {self.warned_hours.value:g} h ahead"
        others = stays.stays - stays.events
        return (
            f"An alarm in {self.rate:.0%} of hours (from a probability of {self.threshold:.3f}) catches {self.caught} "
            f"of the {stays.events} stays with the event in the hours before it{ahead}; in the {others} others it goes "
            f"off {self.false_per_day} hours a day, and in {self.disturbed} of them at least once."
        )


@dataclass(frozen=True, kw_only=True)
class StayEvaluation:
    """Hourly probabilities judged stay by stay.

    Attributes:
        discrimination: the stays by their highest probability; its AUROC, AUPRC and alerts. A highest probability is no
            probability of the stay's, so its calibration says nothing.
        alarms: one for each of `evaluation.ALERT_RATES`.
    """

    discrimination: Evaluation
    alarms: tuple[Alarm, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and mappings, for JSON."""
        return {"discrimination": self.discrimination.to_dict(), "alarms": [asdict(alarm) for alarm in self.alarms]}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> StayEvaluation:
        """What `to_dict` described."""
        return cls(
            discrimination=Evaluation.from_dict(described["discrimination"]),
            alarms=tuple(
                Alarm(
                    rate=alarm["rate"],
                    threshold=alarm["threshold"],
                    **{name: Estimate(**v) for name, v in alarm.items() if isinstance(v, Mapping)},
                )
                for alarm in described["alarms"]
            ),
        )


def evaluate_stays(rows: pl.DataFrame, *, label: str, seed: int, resamples: int = 1000) -> StayEvaluation:
    """Judge hourly probabilities stay by stay.

    Args:
        rows: one row per stay and hour: `subject_id`, `stay_id`, `hr`, `probability` and the label, 0 or 1.
        label: column of the event in the hours to come.
        seed: of the bootstrap.
        resamples: of the patients.
    """
    stays = rows.group_by("stay_id").agg(
        pl.col("subject_id").first(), happened=pl.col(label).max(), highest=pl.col("probability").max()
    )
    stays = stays.sort("subject_id", "stay_id")
    judged = evaluate(
        stays["happened"], stays["highest"], stays["subject_id"], seed=seed, resamples=resamples, of="stays"
    )
    return StayEvaluation(
        discrimination=judged,
        alarms=tuple(_alarm(rows, rate, label, seed, resamples) for rate in ALERT_RATES) if rows.height else (),
    )


def _alarm(rows: pl.DataFrame, rate: float, label: str, seed: int, resamples: int) -> Alarm:
    wanted = max(int(np.ceil(rate * rows.height - 1e-9)), 1)
    threshold = float(rows["probability"].top_k(wanted).min())  # type: ignore[arg-type]
    on, ahead = pl.col("probability") >= threshold, pl.col(label) == 1
    stays = (
        rows.group_by("stay_id")
        .agg(
            pl.col("subject_id").first(),
            happened=ahead.any(),
            caught=(on & ahead).any(),
            warned=pl.col("hr").filter(ahead).max() - pl.col("hr").filter(on & ahead).min() + 1,
            alarmed=on.sum(),
            hours=pl.len(),
        )
        .sort("subject_id", "stay_id")
    )
    times = _resampled(stays["subject_id"], seed, resamples)
    with_event = stays["happened"].to_numpy()
    ranks = ranked(with_event, np.zeros(stays.height), stays["subject_id"])
    uncertain = too_few_reason(ranks)

    def share(counted: npt.ArrayLike, among: npt.ArrayLike, why: str) -> Estimate:
        top, bottom = np.asarray(counted, dtype=np.float64), np.asarray(among, dtype=np.float64)
        if not bottom.sum():
            return Estimate(None, reason=why)
        with np.errstate(all="ignore"):  # a resample without such a stay tells nothing
            drawn = (times @ top) / (times @ bottom)
        return with_interval(float(top.sum() / bottom.sum()), drawn, resamples, uncertain)

    none, all_ = "no stay has the event", "every stay has the event"
    quiet = ~with_event
    days = stays["hours"].to_numpy() / HOURS_A_DAY
    warned = stays["warned"].drop_nulls()
    return Alarm(
        rate=rate,
        threshold=threshold,
        caught=share(stays["caught"].to_numpy() & with_event, with_event, none),
        warned_hours=Estimate(float(warned.median()), reason="no interval: the median of the stays caught")  # type: ignore[arg-type]
        if len(warned)
        else Estimate(None, reason="no stay was caught"),
        false_per_day=share(stays["alarmed"].to_numpy() * quiet, days * quiet, all_),
        disturbed=share((stays["alarmed"].to_numpy() > 0) & quiet, quiet, all_),
    )


def _resampled(patients: pl.Series, seed: int, resamples: int) -> Floats:
    """How often each stay counts in each resample of the patients."""
    codes = np.unique(patients.to_numpy(), return_inverse=True)[1]
    people = int(codes.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=resamples)
    return np.asarray(drawn[:, codes], dtype=np.float64)
