"""Every feature table and the features it declares: the one list that checks, serving and documentation go through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clinical_assets.features import ed_triage, mortality_first_day, observation_sets, sepsis_hourly
from clinical_assets.features.feature import Feature, serving_schema
from clinical_assets.tables import Table


@dataclass(frozen=True)
class FeatureSet:
    """A feature table.

    Attributes:
        table: its declaration.
        features: which of its columns are features, in their order; the others are keys, times and labels.
    """

    table: Table
    features: tuple[Feature, ...]

    @property
    def serving_schema(self) -> dict[str, Any]:
        """The JSON Schema of a row of its features."""
        return serving_schema(self.table.path, self.features, self.table.meaning)


PREDICTED_FROM = (
    FeatureSet(mortality_first_day.MORTALITY_FIRST_DAY, mortality_first_day.FEATURES),
    FeatureSet(sepsis_hourly.SEPSIS_HOURLY, sepsis_hourly.ALL_FEATURES),
    FeatureSet(ed_triage.ED_TRIAGE, ed_triage.AT_DISPOSITION),
)
"""The sets models are trained on and served with."""
ICU_OBSERVATIONS = FeatureSet(observation_sets.ICU_OBSERVATIONS, observation_sets.ICU_FEATURES)
OBSERVATIONS = FeatureSet(observation_sets.OBSERVATIONS, observation_sets.FILE_FEATURES)
FEATURE_SETS = (*PREDICTED_FROM, ICU_OBSERVATIONS, OBSERVATIONS)
"""All of them; the last only where a site has observations of its own."""
