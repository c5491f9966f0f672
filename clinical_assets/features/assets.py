"""The assets of `features/`: one table per feature set; the rules are in the module of that name."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg
import polars as pl

from clinical_assets.declaration import declared
from clinical_assets.features import ed_triage as emergency
from clinical_assets.features import mortality_first_day as first_day
from clinical_assets.features import sepsis_hourly as hourly
from clinical_assets.features.feature_sets import PREDICTED_FROM
from clinical_assets.features.label_window import HourlyLabel


@declared(
    first_day.MORTALITY_FIRST_DAY,
    parts=first_day.PARTS,
    icu_stays="stays/icu_stays",
    hospital_stays="stays/hospital_stays",
    chartevents="mimic/icu/chartevents",
    labevents="mimic/hosp/labevents",
    outputevents="mimic/icu/outputevents",
    inputevents="mimic/icu/inputevents",
    procedureevents="mimic/icu/procedureevents",
    prescriptions="mimic/hosp/prescriptions",
    microbiologyevents="mimic/hosp/microbiologyevents",
    services="mimic/hosp/services",
    diagnoses_icd="mimic/hosp/diagnoses_icd",
)
def mortality_first_day(
    icu_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    chartevents: pl.LazyFrame,
    labevents: pl.LazyFrame,
    outputevents: pl.LazyFrame,
    inputevents: pl.LazyFrame,
    procedureevents: pl.LazyFrame,
    prescriptions: pl.LazyFrame,
    microbiologyevents: pl.LazyFrame,
    services: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
) -> pl.LazyFrame:
    """Features of the first ICU day."""
    return first_day.mortality_first_day(
        icu_stays,
        hospital_stays,
        chartevents=chartevents,
        labevents=labevents,
        outputevents=outputevents,
        inputevents=inputevents,
        procedureevents=procedureevents,
        prescriptions=prescriptions,
        microbiologyevents=microbiologyevents,
        services=services,
        diagnoses_icd=diagnoses_icd,
    )


sepsis_hourly = HourlyLabel(
    hourly.SEPSIS_HOURLY,
    hourly.sepsis_hourly,
    inputs={
        "icu_stays": "stays/icu_stays",
        "chartevents": "mimic/icu/chartevents",
        "labevents": "mimic/hosp/labevents",
        "inputevents": "mimic/icu/inputevents",
        "outputevents": "mimic/icu/outputevents",
        "sepsis_onset": "concepts/sepsis_onset",
    },
    parts=hourly.PARTS,
)


@declared(
    emergency.ED_TRIAGE,
    parts=emergency.PARTS,
    ed_stays="stays/ed_stays",
    hospital_stays="stays/hospital_stays",
    icu_stays="stays/icu_stays",
    patients="mimic/hosp/patients",
    diagnoses_icd="mimic/hosp/diagnoses_icd",
    triage="mimic/ed/triage",
    vitalsign="mimic/ed/vitalsign",
    medrecon="mimic/ed/medrecon",
    pyxis="mimic/ed/pyxis",
)
def ed_triage(
    ed_stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    icu_stays: pl.LazyFrame,
    patients: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
    triage: pl.LazyFrame,
    vitalsign: pl.LazyFrame,
    medrecon: pl.LazyFrame,
    pyxis: pl.LazyFrame,
) -> pl.LazyFrame:
    """Features and outcomes of a stay in the emergency department."""
    return emergency.ed_triage(
        ed_stays=ed_stays,
        hospital_stays=hospital_stays,
        icu_stays=icu_stays,
        patients=patients,
        diagnoses_icd=diagnoses_icd,
        triage=triage,
        vitalsign=vitalsign,
        medrecon=medrecon,
        pyxis=pyxis,
    )


ASSETS = (mortality_first_day, sepsis_hourly, ed_triage)


def with_serving_schemas(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets, each feature table models are trained on with the JSON Schema of what such a model is served."""
    schemas = {dg.AssetKey(list(served.table.key)): served.serving_schema for served in PREDICTED_FROM}

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.merge_attributes(metadata={"serving_schema": dg.MetadataValue.json(schemas[spec.key])})

    return [a if a.keys.isdisjoint(schemas) else a.map_asset_specs(described) for a in assets]
