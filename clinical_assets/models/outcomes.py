"""The outcomes models are trained for: one entry here is one partition of every model asset.

An outcome says what is predicted, from which feature set, for which stays and at what moment. How a model is trained
is the same for all of them (see `training`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One outcome a model predicts.

    Attributes:
        name: the partition key, e.g. "mortality".
        feature_set: path of the table with one row per stay: features, label and eligibility.
        label: column that is true or 1 where the outcome happened; never a feature.
        eligible: column that is true where the stay may be predicted; known at the index time, whatever came later.
        description: what is predicted, of whom, in a sentence a clinician can check.
        index_time: the moment of prediction, in words; features hold only what was known by then.
    """

    name: str
    feature_set: str
    label: str
    eligible: str
    description: str
    index_time: str


_ALL = (
    Outcome(
        name="mortality",
        feature_set="features/mortality_first_day",
        label="hospital_expire_flag",
        eligible="eligible",
        description=(
            "Death before discharge from the hospital stay the ICU stay belongs to (admissions.hospital_expire_flag), "
            "for stays still in the ICU 24 hours after ICU admission."
        ),
        index_time="24 hours after ICU admission (icustays.intime)",
    ),
)

OUTCOMES: Mapping[str, Outcome] = MappingProxyType({outcome.name: outcome for outcome in _ALL})
"""Every outcome by partition key."""
