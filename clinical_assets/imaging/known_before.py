"""What was known before a study, event by event: laboratory results, vital signs, prescriptions, earlier diagnoses.

An event counts if it happened in the window that ends with the study and could be read by then: a laboratory result
from its `storetime` (one without was never known), a charted sign from the later of chart and store time, a sign taken
in the ED from its chart time, a prescription from the later of its order and its start, a billing code from the
discharge of its admission. Nothing later may change a row; a test tries.

Prescriptions are intentions, not doses given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from clinical_assets.concepts import antibiotics, vitals
from clinical_assets.concepts.measurements import Measurement, is_item, items_of

LABS_WITHIN = timedelta(hours=24)
VITALS_WITHIN = timedelta(hours=24)
MEDICATIONS_WITHIN = timedelta(hours=48)

STUDY = ["subject_id", "study_id"]
_STUDY_TIME = pl.col("study_time")

UNLINKED = ("none", "no study time")


def linked_studies(cxr_stay_links: pl.LazyFrame) -> pl.LazyFrame:
    """The studies a context is made for: those taken in a stay."""
    return cxr_stay_links.filter(~pl.col("match_type").is_in(UNLINKED))


def minutes_before(time: str) -> pl.Expr:
    """From a time to the study, in minutes."""
    return (_STUDY_TIME - pl.col(time)).dt.total_microseconds() / 60e6


def known_events(studies: pl.LazyFrame, events: pl.LazyFrame, within: timedelta, *, known: pl.Expr) -> pl.LazyFrame:
    """Each study's events (`charttime`) of the window before it that could be read by then; both ends are inclusive."""
    return (
        studies.select(*STUDY, "study_time")
        .join(events, on="subject_id")
        .filter(pl.col("charttime").is_between(_STUDY_TIME - within, _STUDY_TIME), known <= _STUDY_TIME)
    )


def context_labs(cxr_stay_links: pl.LazyFrame, labevents: pl.LazyFrame, d_labitems: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study and test: the latest result known; see `tables.CONTEXT_LABS`."""
    known = known_results(linked_studies(cxr_stay_links), labevents)
    latest = known.group_by(*STUDY, "itemid").agg(
        pl.all().sort_by("charttime", "storetime", "labevent_id").last(), n_results=pl.len().cast(pl.Int64)
    )
    return latest.join(d_labitems.select("itemid", "label", "fluid"), on="itemid", how="left").select(
        *STUDY,
        "study_time",
        "itemid",
        "label",
        "fluid",
        "value",
        "valuenum",
        unit="valueuom",
        abnormal=pl.col("flag").is_not_null(),
        charttime="charttime",
        known_at=pl.max_horizontal("charttime", "storetime"),
        minutes_before=minutes_before("charttime"),
        n_results="n_results",
    )


def known_results(studies: pl.LazyFrame, labevents: pl.LazyFrame) -> pl.LazyFrame:
    """Each study's laboratory results, of all tests."""
    stored = labevents.filter(pl.col("storetime").is_not_null())
    return known_events(studies, stored, LABS_WITHIN, known=pl.col("storetime"))


def latest_readings(known: pl.LazyFrame, measurements: tuple[Measurement, ...]) -> pl.LazyFrame:
    """One row per study and measurement: `name`, the latest believed `value`, its `charttime`.

    Several readings of one moment (a cuff and an arterial line, two specimens) are averaged.
    """
    readings = known.filter(is_item(items_of(measurements))).select(
        *STUDY, "study_time", "charttime", *(m.reading() for m in measurements)
    )
    return latest_values(readings, tuple(m.name for m in measurements))


def latest_values(readings: pl.LazyFrame, names: tuple[str, ...]) -> pl.LazyFrame:
    """One row per study and name: the `value` of the latest `charttime` at which that column is not null."""
    by_name = [*STUDY, "study_time", "name"]
    return (
        readings.unpivot(on=names, index=[*STUDY, "study_time", "charttime"], variable_name="name", value_name="value")
        .drop_nulls("value")
        .filter(pl.col("charttime") == pl.col("charttime").max().over(by_name))
        .group_by(*by_name, "charttime")
        # Means differ in the last digits with the order rows are added in.
        .agg(pl.col("value").mean().round_sig_figs(9))
    )


VITAL_SIGNS = {
    sign.name: sign
    for sign in (vitals.HEART_RATE, *vitals.BLOOD_PRESSURES, vitals.RESP_RATE, vitals.TEMPERATURE, vitals.SPO2)
}
"""Blood pressure by cuff or arterial line: taking the line alone leaves most patients without one."""

ED_SIGNS: Mapping[str, str] = {
    "heart_rate": "heartrate",
    "sbp": "sbp",
    "dbp": "dbp",
    "resp_rate": "resprate",
    "spo2": "o2sat",
}
"""The ED's names of the same signs; its temperature needs a rule of its own."""
_CELSIUS_BELOW = 50
"""The ED's temperature is in Fahrenheit; values below this are Celsius in the wrong field."""


def ed_sign(name: str) -> pl.Expr:
    """A vital sign of the ED's tables in the unit and within the bounds of the ICU's, null where not believed."""
    if name == "temperature":
        written = pl.col("temperature")
        celsius = pl.when(written < _CELSIUS_BELOW).then(written).otherwise((written - 32) / 1.8)
        return pl.when(vitals.CELSIUS.believed(celsius)).then(celsius.round(2))
    written = pl.col(ED_SIGNS[name])
    return pl.when(VITAL_SIGNS[name].believed(written)).then(written)


def latest_vital_signs(studies: pl.LazyFrame, chartevents: pl.LazyFrame, ed_vitalsign: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study and vital sign: the latest of ICU chart and ED record."""
    names = tuple(VITAL_SIGNS)
    events = chartevents.filter(is_item(items_of(VITAL_SIGNS.values())))
    charted = known_events(
        studies,
        # Where no store time is recorded the chart time stands for it.
        events.select("subject_id", "charttime", "storetime", "itemid", "valuenum"),
        VITALS_WITHIN,
        known=pl.coalesce("storetime", "charttime"),
    )
    celsius = pl.coalesce(vitals.CELSIUS.reading(), ((vitals.FAHRENHEIT.reading() - 32) / 1.8).round(2))
    in_icu = charted.select(
        *STUDY,
        "study_time",
        "charttime",
        *(celsius.alias(n) if n == "temperature" else sign.reading() for n, sign in VITAL_SIGNS.items()),
    )
    in_ed = known_events(studies, ed_vitalsign.drop("stay_id"), VITALS_WITHIN, known=pl.col("charttime")).select(
        *STUDY,
        "study_time",
        "charttime",
        *(
            ed_sign(n).alias(n) if n in ED_SIGNS or n == "temperature" else pl.lit(None, pl.Float64).alias(n)
            for n in names
        ),
    )
    return latest_values(pl.concat([in_icu, in_ed]), names)


def context_medications(
    cxr_stay_links: pl.LazyFrame, prescriptions: pl.LazyFrame, poe: pl.LazyFrame, hospital_stays: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per study and prescription active in the 48 h before it; see `tables.CONTEXT_MEDICATIONS`.

    A prescription without a stop ends with its admission. One that stops before it starts was never active. When an
    active one will stop is not said: that is decided later.
    """
    orders = poe.select("subject_id", "poe_id", "ordertime").unique(["subject_id", "poe_id"], keep="any")
    discharges = hospital_stays.select("subject_id", "hadm_id", "dischtime")
    drugs = (
        prescriptions.filter(pl.col("drug_type") != "BASE")
        .join(orders, on=["subject_id", "poe_id"], how="left")
        .join(discharges, on=["subject_id", "hadm_id"], how="left")
        .with_columns(
            # Some orders are not published: then the start is all there is to go by.
            known_at=pl.max_horizontal("starttime", "ordertime"),
            ended=pl.coalesce("stoptime", "dischtime"),
        )
    )
    reached = (pl.col("ended") >= _STUDY_TIME - MEDICATIONS_WITHIN) | pl.col("ended").is_null()
    never_active = (pl.col("stoptime") < pl.col("starttime")) & (pl.col("stoptime") <= _STUDY_TIME)
    return (
        linked_studies(cxr_stay_links)
        .select(*STUDY, "study_time")
        .join(drugs, on="subject_id")
        .filter(pl.col("known_at") <= _STUDY_TIME, reached, ~never_active.fill_null(value=False))
        .select(
            *STUDY,
            "study_time",
            "pharmacy_id",
            "drug_type",
            "drug",
            "route",
            dose="dose_val_rx",
            dose_unit="dose_unit_rx",
            starttime="starttime",
            known_at="known_at",
            stopped=(pl.col("ended") <= _STUDY_TIME).fill_null(value=False),
            antibiotic=_is_antibiotic(),
        )
    )


def _is_antibiotic() -> pl.Expr:
    """As the published concept recognises them: by name, systemic, with a route."""
    drug, route = pl.col("drug").str.to_lowercase(), pl.col("route")
    local = (
        drug.str.contains_any(list(antibiotics.NOT_SYSTEMIC))
        | route.str.to_lowercase().str.contains_any(list(antibiotics.ROUTE_PARTS_OF_EYE_AND_EAR))
        | route.is_in(antibiotics.ROUTES_OF_EYE_AND_EAR)
    )
    return (drug.str.contains_any(list(antibiotics.NAMES)) & ~local).fill_null(value=False)


def earlier_admissions(cxr_stay_links: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study and admission of the patient that was over before the study, the study's own never."""
    past = linked_studies(cxr_stay_links).select(*STUDY, "study_time", own="hadm_id")
    return past.join(hospital_stays.select("subject_id", "hadm_id", "dischtime"), on="subject_id").filter(
        pl.col("dischtime") < _STUDY_TIME,
        # An ICU stay may outlast its admission's recorded discharge.
        ~pl.col("hadm_id").eq_missing(pl.col("own")),
    )


def context_diagnoses(
    cxr_stay_links: pl.LazyFrame, hospital_stays: pl.LazyFrame, diagnoses_icd: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per study and code billed for an earlier admission; see `tables.CONTEXT_DIAGNOSES`."""
    billed = earlier_admissions(cxr_stay_links, hospital_stays).join(
        diagnoses_icd.select("subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"),
        on=["subject_id", "hadm_id"],
    )
    return billed.group_by(*STUDY, "study_time", "icd_version", "icd_code").agg(
        n_admissions=pl.col("hadm_id").n_unique().cast(pl.Int64),
        lowest_seq_num=pl.col("seq_num").min(),
        known_at=pl.col("dischtime").max(),
    )
