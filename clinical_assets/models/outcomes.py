"""The outcomes models are trained for: one entry here is one partition of every model asset.

An outcome says what is predicted, from which feature set, for which rows and at what moment. How a model is trained is
the same for all of them (see `training`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from clinical_assets.features import ed_features, mortality_features, sepsis_features
from clinical_assets.features.feature import Feature
from clinical_assets.models.parameters import DEFAULT, HOURLY, LightGBMParameters


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One outcome a model predicts.

    Attributes:
        name: the partition key, e.g. "mortality".
        feature_set: path of the table with one row per thing predicted: features, label and eligibility.
        features: columns of it the model reads.
        label: column that is true or 1 where the outcome happened; null where that can't be told. Never a feature.
        eligible: column that is true where the row may be predicted; known at the index time, whatever came later.
        description: what is predicted, of whom, in a sentence a clinician can check.
        index_time: the moment of prediction, in words; features hold only what was known by then.
        known: column with the moment of prediction.
        of: what a row is, in the plural.
        stay_type: whose numbers `stay_id` are: of "icu" or "ed" stays, which have nothing to do with one another.
        hourly: whether a stay has a row for every hour (`hr`); such rows are thinned for training (see `hours`) and
            judged stay by stay too (see `stay_alarms`).
        label_window: columns that say what a row's label asks; the same in every row, or nothing is trained.
        compared: features of other models trained and judged beside this one, for comparison only, by how they differ
            (as in "with_organ_points").
        parameters: of the trees.
        needs: the release table without which there is nobody to predict.
    """

    name: str
    feature_set: str
    features: tuple[Feature, ...]
    label: str
    eligible: str
    description: str
    index_time: str
    known: str = "index_time"
    of: str = "stays"
    stay_type: str = "icu"
    hourly: bool = False
    label_window: tuple[str, ...] = ()
    compared: Mapping[str, tuple[Feature, ...]] = field(default_factory=lambda: MappingProxyType({}))
    parameters: LightGBMParameters = DEFAULT
    needs: str = "mimic/icu/icustays"

    @property
    def row_key(self) -> list[str]:
        """Columns that name a row."""
        return ["subject_id", "stay_id", *(["hr"] if self.hourly else [])]


def _at_triage(name: str, label: str, description: str) -> Outcome:
    return Outcome(
        name=name,
        feature_set="features/ed_triage",
        features=ed_features.AT_TRIAGE,
        label=label,
        eligible=ed_features.ELIGIBLE,
        description=description,
        index_time="triage on arrival in the emergency department (edstays.intime)",
        of="ED stays",
        stay_type="ed",
        needs="mimic/ed/edstays",
    )


WITH_ORGAN_POINTS, BY_TIME_ALONE = "with_organ_points", "by_time_alone"
_ALL = (
    Outcome(
        name="mortality",
        feature_set="features/mortality_first_day",
        features=mortality_features.FEATURES,
        label="hospital_expire_flag",
        eligible="eligible",
        description=(
            "Death before discharge from the hospital stay the ICU stay belongs to (admissions.hospital_expire_flag), "
            "for stays still in the ICU 24 hours after ICU admission."
        ),
        index_time="24 hours after ICU admission (icustays.intime)",
    ),
    Outcome(
        name="sepsis",
        feature_set="features/sepsis_hourly",
        features=sepsis_features.FEATURES,
        label=sepsis_features.LABEL,
        eligible=sepsis_features.ELIGIBLE,
        description=(
            "Onset of sepsis (Sepsis-3, from when both suspicion and organ dysfunction are known) within the next six "
            "hours, asked at every hour of an ICU stay until onset. The organ points the label is made of are no "
            "features; models with them, and with the time alone, are trained beside it for comparison."
        ),
        index_time="every full hour since ICU admission (icustays.intime), until onset, death or leaving the unit",
        of="hours",
        hourly=True,
        label_window=(sepsis_features.HORIZON_HOURS, sepsis_features.GAP_HOURS),
        compared=MappingProxyType(
            {
                WITH_ORGAN_POINTS: sepsis_features.ALL_FEATURES,
                # Most onsets come soon after admission: what a clock on the wall would predict.
                BY_TIME_ALONE: tuple(f for f in sepsis_features.FEATURES if f.name in sepsis_features.TIMES),
            }
        ),
        parameters=HOURLY,
    ),
    _at_triage(
        "hospitalisation",
        ed_features.HOSPITALISATION,
        "Admission to hospital from the emergency department, of adults triaged with an acuity.",
    ),
    _at_triage(
        "critical_outcome",
        ed_features.CRITICAL,
        "Death in the hospital stay that follows, or its ICU within 12 hours of leaving the emergency department, of "
        "adults triaged with an acuity.",
    ),
    Outcome(
        name="ed_revisit",
        feature_set="features/ed_triage",
        features=ed_features.AT_DISPOSITION,
        label=ed_features.REVISIT,
        eligible=ed_features.SENT_HOME,
        description=(
            "Return to the emergency department within 72 hours of leaving it, of adults who left it alive and were "
            "not admitted."
        ),
        index_time="leaving the emergency department (edstays.outtime)",
        known="disposition_time",
        of="ED stays",
        stay_type="ed",
        needs="mimic/ed/edstays",
    ),
)

OUTCOMES: Mapping[str, Outcome] = MappingProxyType({outcome.name: outcome for outcome in _ALL})
"""Every outcome by partition key."""
