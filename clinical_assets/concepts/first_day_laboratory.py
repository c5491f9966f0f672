"""The laboratory results of an ICU stay's first day.

Results are matched by patient, not by stay: blood drawn in the emergency room six hours before describes the admission.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import STAY_ID, SUBJECT_ID, concept, conform
from clinical_assets.concepts.laboratory import (
    ABSOLUTE_COUNTS,
    BLOOD_COUNT,
    CHEMISTRY_RESULTS,
    COAGULATION_RESULTS,
    ENZYMES_AND_BILIRUBIN,
    IMMATURE_CELLS,
)
from clinical_assets.concepts.measurements import Measurement, around_admission, extreme_columns, extremes, per_stay

_RENAMED = {
    "platelet": "platelets",
    "basophils_abs": "abs_basophils",
    "eosinophils_abs": "abs_eosinophils",
    "lymphocytes_abs": "abs_lymphocytes",
    "monocytes_abs": "abs_monocytes",
    "neutrophils_abs": "abs_neutrophils",
    "atypical_lymphocytes": "atyps",
    "immature_granulocytes": "imm_granulocytes",
    "metamyelocytes": "metas",
}
_COUNTS = tuple(m for m in BLOOD_COUNT if m.name in ("hematocrit", "hemoglobin", "platelet", "wbc"))
_PANELS = {
    "complete_blood_count": _COUNTS,
    "chemistry": CHEMISTRY_RESULTS,
    "blood_differential": (*ABSOLUTE_COUNTS, *IMMATURE_CELLS),
    "coagulation": COAGULATION_RESULTS,
    "enzyme": ENZYMES_AND_BILIRUBIN,
}
"""Which results of which table, in the published order."""


def _named(measurements: tuple[Measurement, ...]) -> list[tuple[Measurement, str]]:
    return [(m, _RENAMED.get(m.name, m.name)) for m in measurements]


FIRST_DAY_LAB = concept(
    "first_day_lab",
    grain="one row per ICU stay",
    meaning="Extremes of the laboratory results from 6 h before to 24 h after ICU admission, by time of drawing.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        *(c for panel in _PANELS.values() for c in extreme_columns(_named(panel), "of the first ICU day")),
    ),
    primary_key=("stay_id",),
)


def first_day_lab(
    icustays: pl.LazyFrame,
    complete_blood_count: pl.LazyFrame,
    chemistry: pl.LazyFrame,
    blood_differential: pl.LazyFrame,
    coagulation: pl.LazyFrame,
    enzyme: pl.LazyFrame,
) -> pl.LazyFrame:
    """First-day laboratory. One row per ICU stay, null where nothing was drawn."""
    panels = {
        "complete_blood_count": complete_blood_count,
        "chemistry": chemistry,
        "blood_differential": blood_differential,
        "coagulation": coagulation,
        "enzyme": enzyme,
    }
    rows = icustays.select("subject_id", "stay_id")
    for name, panel in panels.items():
        names = [(m.name, target) for m, target in _named(_PANELS[name])]
        summaries = around_admission(icustays, panel, by="subject_id").group_by("stay_id").agg(extremes(names))
        rows = per_stay(icustays, summaries).drop("subject_id").join(rows, on="stay_id")
    return conform(rows, FIRST_DAY_LAB)
