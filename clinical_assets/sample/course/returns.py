"""Who comes back to the emergency department within three days of being sent home, with what, and when.

That a visit is followed by such a return depends a little on the problem and on how sick the patient was, and mostly on
nothing that is recorded. Of real emergency departments about 3 % of visits are reported to be followed by another
within 72 hours; the shares by problem and the hours here are this hospital's own and measured on no patient. It sends
fewer patients home than real ones do, so that a given share of all visits is a larger one of those sent home.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clinical_assets.sample.blocks import Booleans, Floats, Integers
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.drawing import chance

OFTEN = -2.0
"""Log odds of a return of a visit of severity 0 for a problem that `MORE_OFTEN` does not name."""
PER_SEVERITY = 0.7
MORE_OFTEN: Mapping[str, float] = {
    "abdominal pain": 1.2,
    "chronic lung disease": 1.0,
    "overdose": 1.0,
    "heart failure": 0.7,
    "chest pain": -0.6,
    "syncope": -0.8,
}
"""What a problem adds to the log odds of a return."""
SAME_PROBLEM = 0.75
"""Share of returns with the problem the patient was sent home with; the others come with any emergency."""
EARLIEST_HOURS, LATEST_HOURS = 1.5, 71.0
_ADDED = np.array([MORE_OFTEN.get(reason.name, 0.0) for reason in REASONS])
_EMERGENCIES = np.array([reason.weight * (reason.arrival == "emergency") for reason in REASONS])


def each_with_a_return(
    rng: np.random.Generator, patient: Integers, reason: Integers
) -> tuple[Integers, Integers, Booleans]:
    """Every encounter followed by the return it might have: patients, reasons, and which of the rows are returns."""
    other = rng.choice(len(REASONS), len(reason), p=_EMERGENCIES / _EMERGENCIES.sum())
    again = np.where(rng.random(len(reason)) < SAME_PROBLEM, reason, other)
    rows = np.repeat(patient, 2)
    return rows, np.stack([reason, again], axis=1).ravel(), np.arange(len(rows)) % 2 == 1


def that_happen(
    rng: np.random.Generator, reason: Integers, illness: Floats, returns: Booleans, sent_home: Booleans
) -> Booleans:
    """Of the rows of `each_with_a_return` those to be told: every encounter, and the returns that come about.

    Args:
        rng: of the story.
        reason: index in `REASONS`.
        illness: severity at the first arrival.
        returns: which rows are returns.
        sent_home: which rows are visits to the emergency department that ended at home.
    """
    comes_back = sent_home & (rng.random(len(reason)) < chance(OFTEN + PER_SEVERITY * illness + _ADDED[reason]))
    return ~returns | np.roll(comes_back, 1)


def hours_at_home(rng: np.random.Generator, count: int) -> Floats:
    """Hours from leaving to coming back, most of them on the first two days."""
    hours: Floats = np.clip(rng.gamma(1.5, 19.0, count), EARLIEST_HOURS, LATEST_HOURS)
    return hours
