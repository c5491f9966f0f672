"""The assets of `stays/`: what depends on what; the rules are in `stays`, `linkage` and `splits`."""

from __future__ import annotations

import polars as pl

from clinical_assets.declaration import declared
from clinical_assets.stays import linkage, splits, stays, tables


@declared(tables.HOSPITAL_STAYS, admissions="mimic/hosp/admissions", patients="mimic/hosp/patients")
def hospital_stays(admissions: pl.LazyFrame, patients: pl.LazyFrame) -> pl.LazyFrame:
    """Hospital stays."""
    return stays.hospital_stays(admissions, patients)


@declared(tables.ICU_STAYS, icustays="mimic/icu/icustays", hospital_stays="stays/hospital_stays")
def icu_stays(icustays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """ICU stays."""
    return stays.icu_stays(icustays, hospital_stays)


@declared(tables.ED_STAYS, edstays="mimic/ed/edstays", hospital_stays="stays/hospital_stays")
def ed_stays(edstays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """ED stays."""
    return stays.ed_stays(edstays, hospital_stays)


@declared(
    tables.STAY_LINKS,
    ed_stays="stays/ed_stays",
    hospital_stays="stays/hospital_stays",
    icu_stays="stays/icu_stays",
)
def stay_links(ed_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, icu_stays: pl.LazyFrame) -> pl.LazyFrame:
    """Chains of stays."""
    return linkage.stay_links(ed_stays, hospital_stays, icu_stays)


@declared(tables.PATIENT_SPLITS, patients="mimic/hosp/patients")
def patient_splits(patients: pl.LazyFrame) -> pl.LazyFrame:
    """Patient splits."""
    return splits.patient_splits(patients)


ASSETS = (hospital_stays, icu_stays, ed_stays, stay_links, patient_splits)
