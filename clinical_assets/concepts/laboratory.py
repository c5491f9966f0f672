"""Blood results by specimen: chemistry, blood count, differential, coagulation, enzymes, markers; and their first day.

One specimen is one tube of blood, so a row is what one tube told. Times are the specimen's `charttime` (when it was
drawn); a result is known only at the lab's `storetime`, so a caller who needs what was known by some time filters
`labevents` on that first. About a quarter of the results carry no `hadm_id`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from clinical_assets.concepts.declaration import DRAWN, HADM_ID, SUBJECT_ID, concept, conform, integer
from clinical_assets.concepts.measurements import (
    Measurement,
    is_item,
    items_of,
)
from clinical_assets.concepts.published_arithmetic import rounded, total
from clinical_assets.tables import Table

SPECIMEN_ID = integer("specimen_id", "The specimen the results are of.")
_HIGHEST = ", the highest result of the specimen"


def _lab(name: str, itemid: int, unit: str | None, meaning: str, at_most: float | None = None) -> Measurement:
    return Measurement(name=name, itemids=(itemid,), unit=unit, meaning=meaning, at_most=at_most)


def _panel(name: str, meaning: str, measurements: Sequence[Measurement]) -> Table:
    return concept(
        name,
        grain=f"one row per specimen with any {name.replace('_', ' ')} result",
        meaning=meaning,
        columns=(SUBJECT_ID, HADM_ID, DRAWN, SPECIMEN_ID, *(m.column(_HIGHEST) for m in measurements)),
        primary_key=("specimen_id",),
        happened="charttime",
    )


def _by_specimen(labevents: pl.LazyFrame, measurements: Sequence[Measurement], usable: pl.Expr) -> pl.LazyFrame:
    """One row per specimen with any usable result, believed or not: a row may be all null."""
    return (
        labevents.filter(is_item(items_of(measurements)), usable)
        .select("subject_id", "hadm_id", "charttime", "specimen_id", *(m.reading() for m in measurements))
        .group_by("specimen_id")
        .agg(pl.all().max())
    )


_RESULT = pl.col("valuenum")

CHEMISTRY_RESULTS = (
    _lab("albumin", 50862, "g/dL", "Albumin", 10),
    _lab("globulin", 50930, "g/dL", "Globulin", 10),
    _lab("total_protein", 50976, "g/dL", "Total protein", 20),
    _lab("aniongap", 50868, "meq/L", "Anion gap", 10_000),
    _lab("bicarbonate", 50882, "meq/L", "Bicarbonate", 10_000),
    _lab("bun", 51006, "mg/dL", "Urea nitrogen", 300),
    _lab("calcium", 50893, "mg/dL", "Total calcium", 10_000),
    _lab("chloride", 50902, "meq/L", "Chloride", 10_000),
    _lab("creatinine", 50912, "mg/dL", "Creatinine", 150),
    _lab("glucose", 50931, "mg/dL", "Glucose", 10_000),
    _lab("sodium", 50983, "meq/L", "Sodium", 200),
    _lab("potassium", 50971, "meq/L", "Potassium", 30),
)
ANION_GAP = 50868
CHEMISTRY = _panel("chemistry", "Blood chemistry, impossible results removed.", CHEMISTRY_RESULTS)


def chemistry(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Blood chemistry. One row per specimen. Results must be positive, only the anion gap may be zero or less."""
    usable = (_RESULT > 0) | (_RESULT.is_not_null() & (pl.col("itemid") == ANION_GAP))
    return conform(_by_specimen(labevents, CHEMISTRY_RESULTS, usable), CHEMISTRY)


BLOOD_COUNT = (
    _lab("hematocrit", 51221, "%", "Hematocrit"),
    _lab("hemoglobin", 51222, "g/dL", "Hemoglobin"),
    _lab("mch", 51248, "pg", "Mean corpuscular hemoglobin"),
    _lab("mchc", 51249, "g/dL", "Mean corpuscular hemoglobin concentration"),
    _lab("mcv", 51250, "fL", "Mean corpuscular volume"),
    _lab("platelet", 51265, "10*3/uL", "Platelets"),
    _lab("rbc", 51279, "10*6/uL", "Red blood cells"),
    _lab("rdw", 51277, "%", "Red cell distribution width"),
    _lab(
        "rdwsd", 52159, None, "Published as RDW-SD, but the release labels item 52159 Platelet Aggregation: don't use"
    ),
    _lab("wbc", 51301, "10*3/uL", "White blood cells"),
)
COMPLETE_BLOOD_COUNT = _panel("complete_blood_count", "The blood count without its differential.", BLOOD_COUNT)


def complete_blood_count(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Blood count. One row per specimen; results must be positive."""
    return conform(_by_specimen(labevents, BLOOD_COUNT, _RESULT > 0), COMPLETE_BLOOD_COUNT)


WHITE_CELLS = Measurement(name="wbc", itemids=(51300, 51301, 51755), unit="10*3/uL", meaning="White blood cells")


def _absolute(name: str, meaning: str, *itemids: int, per: float = 1.0) -> Measurement:
    return Measurement(name=name, itemids=itemids, unit="10*3/uL", meaning=meaning, per=per)


# Some analysers count per microlitre, others in thousands of them; a specimen has one or the other.
ABSOLUTE_COUNTS = (
    _absolute("basophils_abs", "Basophils", 52069),
    _absolute("eosinophils_abs", "Eosinophils", 52073),
    _absolute("lymphocytes_abs", "Lymphocytes", 51133),
    _absolute("monocytes_abs", "Monocytes", 52074),
    _absolute("neutrophils_abs", "Neutrophils", 52075),
)
COUNTS_PER_MICROLITRE = (
    _absolute("eosinophils_abs", "Eosinophils", 51199, per=1000),
    _absolute("lymphocytes_abs", "Lymphocytes", 52769, per=1000),
    _absolute("monocytes_abs", "Monocytes", 51253, per=1000),
)
GRANULOCYTES = 51218
"""Counted among the items (a specimen with nothing else has a row) though no published column shows it."""
PERCENTAGES = (
    _lab("basophils", 51146, "%", "Basophils"),
    _lab("eosinophils", 51200, "%", "Eosinophils"),
    Measurement(name="lymphocytes", itemids=(51244, 51245), unit="%", meaning="Lymphocytes"),
    _lab("monocytes", 51254, "%", "Monocytes"),
    _lab("neutrophils", 51256, "%", "Neutrophils"),
)
IMMATURE_CELLS = (
    _lab("atypical_lymphocytes", 51143, "%", "Atypical lymphocytes"),
    _lab("bands", 51144, "%", "Band neutrophils"),
    _lab("immature_granulocytes", 52135, "%", "Immature granulocytes"),
    _lab("metamyelocytes", 51251, "%", "Metamyelocytes"),
    _lab("nrbc", 51257, "%", "Nucleated red cells, per 100 white cells"),
)
_COUNTED = ", counted or else the percentage of the white cells, to 4 decimals"

BLOOD_DIFFERENTIAL = concept(
    "blood_differential",
    grain="one row per specimen with a white cell count or any differential result",
    meaning="White cell differential, in percent and absolute.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        DRAWN,
        SPECIMEN_ID,
        WHITE_CELLS.column(_HIGHEST),
        *(m.column(_COUNTED) for m in ABSOLUTE_COUNTS),
        *(m.column(_HIGHEST) for m in (*PERCENTAGES, *IMMATURE_CELLS)),
    ),
    primary_key=("specimen_id",),
    happened="charttime",
)


def blood_differential(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """White cell differential. One row per specimen; results may be zero, not negative.

    A missing absolute count is computed from its percentage where the specimen has white cells and the percentages add
    up to more than zero.
    """
    in_percent = items_of(PERCENTAGES)
    measurements = (WHITE_CELLS, *ABSOLUTE_COUNTS, *PERCENTAGES, *IMMATURE_CELLS)
    per_microlitre = {m.name: m for m in COUNTS_PER_MICROLITRE}
    readings = [
        pl.coalesce(m.reading(), per_microlitre[m.name].reading()).alias(m.name)
        if m.name in per_microlitre
        else m.reading()
        for m in measurements
    ]
    believable = (pl.col("wbc") > 0) & (pl.col("percentages") > 0)
    counts = [
        rounded(
            pl.when(believable)
            .then(pl.coalesce(m.name, pl.col(m.name.removesuffix("_abs")) * pl.col("wbc") / 100))
            .otherwise(pl.col(m.name)),
            4,
        ).alias(m.name)
        for m in ABSOLUTE_COUNTS
    ]
    items = (*items_of(measurements), *items_of(COUNTS_PER_MICROLITRE), GRANULOCYTES)
    rows = (
        labevents.filter(is_item(items), _RESULT >= 0)
        .select(
            "subject_id",
            "hadm_id",
            "charttime",
            "specimen_id",
            *readings,
            percentages=pl.when(is_item(in_percent)).then(_RESULT),
        )
        .group_by("specimen_id")
        .agg(pl.exclude("specimen_id", "percentages").max(), total(pl.col("percentages")).alias("percentages"))
        .with_columns(counts)
    )
    return conform(rows, BLOOD_DIFFERENTIAL)


COAGULATION_RESULTS = (
    _lab("d_dimer", 51196, "ng/mL{FEU}", "D-dimer"),
    _lab("fibrinogen", 51214, "mg/dL", "Fibrinogen, functional"),
    _lab("thrombin", 51297, "s", "Thrombin time"),
    _lab("inr", 51237, "{INR}", "INR"),
    _lab("pt", 51274, "s", "Prothrombin time"),
    _lab("ptt", 51275, "s", "Partial thromboplastin time"),
)
COAGULATION = _panel("coagulation", "Clotting tests.", COAGULATION_RESULTS)


def coagulation(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Clotting tests. One row per specimen."""
    return conform(_by_specimen(labevents, COAGULATION_RESULTS, _RESULT.is_not_null()), COAGULATION)


ENZYMES_AND_BILIRUBIN = (
    _lab("alt", 50861, "[IU]/L", "Alanine aminotransferase"),
    _lab("alp", 50863, "[IU]/L", "Alkaline phosphatase"),
    _lab("ast", 50878, "[IU]/L", "Aspartate aminotransferase"),
    _lab("amylase", 50867, "[IU]/L", "Amylase"),
    _lab("bilirubin_total", 50885, "mg/dL", "Total bilirubin"),
    _lab("bilirubin_direct", 50883, "mg/dL", "Direct bilirubin"),
    _lab("bilirubin_indirect", 50884, "mg/dL", "Indirect bilirubin"),
    _lab("ck_cpk", 50910, "[IU]/L", "Creatine kinase"),
    _lab("ck_mb", 50911, "ng/mL", "CK-MB isoenzyme, mass concentration"),
    _lab("ggt", 50927, "[IU]/L", "Gamma-glutamyltransferase"),
    _lab("ld_ldh", 50954, "[IU]/L", "Lactate dehydrogenase"),
)
ENZYME = _panel("enzyme", "Liver, pancreas and muscle enzymes, and bilirubin.", ENZYMES_AND_BILIRUBIN)


def enzyme(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Enzymes and bilirubin. One row per specimen; results must be positive."""
    return conform(_by_specimen(labevents, ENZYMES_AND_BILIRUBIN, _RESULT > 0), ENZYME)


HEART_MARKERS = (
    _lab("troponin_t", 51003, "ng/mL", "Troponin T"),
    _lab("ck_mb", 50911, "ng/mL", "CK-MB isoenzyme, mass concentration"),
    _lab("ntprobnp", 50963, "pg/mL", "NT-proBNP"),
)
CARDIAC_MARKER = _panel("cardiac_marker", "Markers of heart injury and strain.", HEART_MARKERS)


def cardiac_marker(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Heart markers. One row per specimen; results below the assay's limit have no number and no row."""
    return conform(_by_specimen(labevents, HEART_MARKERS, _RESULT.is_not_null()), CARDIAC_MARKER)


INFLAMMATION_MARKERS = (_lab("crp", 50889, "mg/L", "C-reactive protein"),)
INFLAMMATION = _panel("inflammation", "C-reactive protein.", INFLAMMATION_MARKERS)


def inflammation(labevents: pl.LazyFrame) -> pl.LazyFrame:
    """C-reactive protein. One row per specimen; results must be positive."""
    return conform(_by_specimen(labevents, INFLAMMATION_MARKERS, _RESULT > 0), INFLAMMATION)
