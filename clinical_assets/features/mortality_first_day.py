"""In-hospital death, predicted 24 hours after ICU admission, from what was known by then.

One row per ICU stay. The index time is `intime` + 24 h; the windows of the published first-day tables apply (vital
signs, laboratory and GCS from 6 h before to 24 h after admission, urine from admission), cut at what had been stored by
the index time. A stay that has ended by the index time (transfer or death) is not eligible: nobody is there to predict
for. That is known at the index time, so leaving such stays out uses no knowledge of the future.

The label is death in this hospital stay (`hospital_expire_flag`), never any later date of death.

The features are the published first-day columns and what else the 65 names of the public list need (`NAMED` in
`mortality_named`: 61 of a public model's metadata, the last four ours, since the sources disagree on the rest).
Nothing coded at discharge is used: comorbidity is that of earlier hospital stays, sepsis, shock, arrest and trauma are
told from orders, charts and services of the time. Oxygenation is PaO2 over FiO2 of arterial gases, never SpO2.

Race, insurance and language are left out on purpose: what they could add is how patients were treated, not how ill
they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import polars as pl

from clinical_assets.concepts.blood_gas import FIO2, FIO2_CHART
from clinical_assets.concepts.comorbidity_codes import COMORBIDITIES
from clinical_assets.concepts.icd import coded_as, flags_of_stays
from clinical_assets.concepts.measurements import around_admission, is_item
from clinical_assets.concepts.scoring import first_true
from clinical_assets.concepts.sepsis import ORGAN_DYSFUNCTION
from clinical_assets.concepts.ventilated import ventilated_on_first_day
from clinical_assets.features.known import View, concept, record_at_index
from clinical_assets.features.mortality_features import ELIGIBLE, FEATURES, LABEL, MORTALITY_FIRST_DAY
from clinical_assets.features.mortality_named import CONCLUDED, NAMED, WORST
from clinical_assets.features.organ_points import inspired_oxygen

__all__ = ["ELIGIBLE", "FEATURES", "LABEL", "MORTALITY_FIRST_DAY", "NAMED", "PARTS", "mortality_first_day"]

INDEX = timedelta(hours=24)
LOOK_BACK = timedelta(hours=6)
AGE_POINTS = ((75, 6), (65, 5), (55, 3), (45, 2))
"""APACHE II (Knaus et al. 1985): from this age on, that many points; else 0."""
VASOPRESSORS = ("norepinephrine", "epinephrine", "phenylephrine", "vasopressin", "dopamine")
INVASIVE_VENTILATION, CARDIAC_ARREST = 225792, 225466
"""Items of `procedureevents`."""
TRAUMA_SERVICE = "TRAUM"
SHOCK_LACTATE = 2.0
"""mmol/L; above it, with a vasopressor running, as in the definition of septic shock (Singer et al. 2016)."""
SUSPECTED_BEFORE_ADMISSION = timedelta(days=1)


def mortality_first_day(icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, **events: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay with an index time; columns as in `MORTALITY_FIRST_DAY`.

    Args:
        icu_stays: as in `stays/icu_stays`.
        hospital_stays: as in `stays/hospital_stays`.
        events: `chartevents`, `labevents`, `outputevents`, `inputevents`, `procedureevents`, `prescriptions`,
            `microbiologyevents`, `services` and `diagnoses_icd` of the release.
    """
    stays = stays_with_index(icu_stays, hospital_stays)
    view = _held(record_at_index(stays, **_recorded(events)))
    made: dict[str, pl.LazyFrame] = {}
    rows = from_stays(icu_stays, hospital_stays)
    for source in SOURCES:
        rows = rows.join(_values_of(source, stays, hospital_stays, events, view, made), on="stay_id", how="left")
    return rows.with_columns(**_conclusions()).select(MORTALITY_FIRST_DAY.column_names)


def from_stays(icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, **_: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ICU stay: keys, index time, eligibility, label and what the admission record says."""
    return stays_with_index(icu_stays, hospital_stays).select(
        "subject_id", "hadm_id", "stay_id", "index_time", ELIGIBLE, LABEL, *_values("stays")
    )


def from_source(
    source: str, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, **events: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per ICU stay: the features taken from one source."""
    stays = stays_with_index(icu_stays, hospital_stays)
    return _values_of(source, stays, hospital_stays, events, record_at_index(stays, **_recorded(events)), {})


def from_conclusion(
    name: str, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, **events: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per ICU stay, without its key: one feature concluded from those of several sources, for its lineage."""
    first, *others = (from_source(source, icu_stays, hospital_stays, **events) for source in _CONCLUDED_FROM[name])
    rows = first
    for frame in others:
        rows = rows.join(frame, on="stay_id", how="left")
    # alone: beside a key, what the key's joins ask for would be taken for what chooses the rows
    return rows.select(_conclusions()[name].alias(name))


_CONCLUDED_FROM: Mapping[str, tuple[str, ...]] = {
    "sepsis_flag": ("suspicion_of_infection", "first_day_sofa"),
    "shock_flag": ("treatments", "first_day_bg"),
}
SOURCES = tuple(dict.fromkeys(f.source for f in FEATURES if f.source not in ("stays", CONCLUDED)))
PARTS: tuple[Callable[..., pl.LazyFrame], ...] = (
    from_stays,
    *(partial(from_source, source) for source in SOURCES),
    *(partial(from_conclusion, name) for name in _CONCLUDED_FROM),
)
"""The rule as independent parts, each column made by one of them: the lineage of a column is that of its part."""


def _recorded(events: Mapping[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
    """The tables whose rows are cut at the index time one by one."""
    return {name: frame for name, frame in events.items() if name not in ("services", "diagnoses_icd")}


_UNREAD = (
    "caregiver_id",
    "order_provider_id",
    "valueuom",
    "warning",
    "flag",
    "priority",
    "comments",
    "ref_range_lower",
    "ref_range_upper",
    "locationcategory",
    "ordercategoryname",
    "secondaryordercategoryname",
    "ordercomponenttypedescription",
    "ordercategorydescription",
    "statusdescription",
    "totalamount",
    "totalamountuom",
    "isopenbag",
    "continueinnextdept",
    "originalamount",
    "originalrate",
    "prod_strength",
    "form_rx",
    "dose_val_rx",
    "dose_unit_rx",
    "form_val_disp",
    "form_unit_disp",
    "dilution_text",
    "dilution_comparison",
    "dilution_value",
    "interpretation",
)
"""Columns of the release no concept of the first day looks at."""


def _held(view: View) -> View:
    """The view, read once and kept in memory.

    It is a day of each stay's record, a small part of the tables. Left to one plan, every concept would join the whole
    tables with the stays anew, all at the same time: twice the time, and memory for the tables rather than the day.
    """
    return {name: f.drop(_UNREAD, strict=False).collect(engine="streaming").lazy() for name, f in view.items()}


def _values_of(
    source: str,
    stays: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    events: Mapping[str, pl.LazyFrame],
    view: View,
    made: View,
) -> pl.LazyFrame:
    if source in _FROM_VIEW:
        frame = _FROM_VIEW[source](view, made)
    elif source == "services":
        frame = _services(stays, events["services"])
    elif source == "earlier stays":
        frame = _comorbidities(stays, hospital_stays, events["diagnoses_icd"])
    else:
        frame = concept(source, view, made)
    worst = [worst.value() for worst in WORST if worst.source == source]
    return frame.with_columns(worst).select("stay_id", *_values(source))


def _values(source: str) -> list[pl.Expr]:
    return [feature.value() for feature in FEATURES if feature.source == source]


def _heart_markers(view: View, made: View) -> pl.LazyFrame:
    drawn = around_admission(view["icustays"], concept("cardiac_marker", view, made), by="subject_id")
    return drawn.group_by("stay_id").agg(troponin_max=pl.col("troponin_t").max(), bnp_max=pl.col("ntprobnp").max())


def _inspired_oxygen(view: View, _: View) -> pl.LazyFrame:
    readings = [
        around_admission(view["icustays"], view[table].filter(is_item((itemid,))), by=by).select(
            "stay_id", fio2_max=inspired_oxygen()
        )
        for table, itemid, by in (
            ("chartevents", FIO2_CHART, "stay_id"),
            ("labevents", FIO2.itemids[0], "subject_id"),
        )
    ]
    return pl.concat(readings).group_by("stay_id").agg(pl.col("fio2_max").max())


def _body_mass(view: View, made: View) -> pl.LazyFrame:
    height, weight = concept("first_day_height", view, made), concept("first_day_weight", view, made)
    metres = pl.col("height") / 100
    return height.join(weight, on="stay_id").select("stay_id", bmi=pl.col("weight_admit") / metres**2)


def _stays_with(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    return frame.select("stay_id", pl.lit(1, pl.Int64).alias(name)).unique()


def _flagged(view: View, *flags: pl.LazyFrame) -> pl.LazyFrame:
    """One row per stay; 0 where a frame of stays with something does not have it."""
    rows = view["icustays"].select("stay_id")
    for flag in flags:
        rows = rows.join(flag, on="stay_id", how="left")
    return rows.with_columns(pl.exclude("stay_id").fill_null(0))


def _on_vasopressor(view: View, made: View) -> pl.LazyFrame:
    running = [
        around_admission(view["icustays"], concept(drug, view, made), by="stay_id", time="starttime").filter(
            pl.col("vaso_rate") > 0
        )
        for drug in VASOPRESSORS
    ]
    return _stays_with(pl.concat(frame.select("stay_id") for frame in running), "vasopressor_flag")


def _treatments(view: View, made: View) -> pl.LazyFrame:
    procedures = around_admission(view["icustays"], view["procedureevents"], by="stay_id", time="starttime")
    charted = ventilated_on_first_day(view["icustays"], concept("ventilation", view, made))
    tube = _stays_with(procedures.filter(is_item((INVASIVE_VENTILATION,))), "by_procedure")
    dialysis = concept("first_day_rrt", view, made).filter(pl.col("dialysis_active") == 1)
    return _flagged(
        view,
        charted,
        tube,
        _on_vasopressor(view, made),
        _stays_with(dialysis, "dialysis_flag"),
        _stays_with(procedures.filter(is_item((CARDIAC_ARREST,))), "cardiac_arrest_flag"),
    ).with_columns(ventilation_flag=pl.max_horizontal("ventilated", "by_procedure"))


def _suspicion(view: View, made: View) -> pl.LazyFrame:
    """Whether an antibiotic and a culture near it had begun."""
    suspected = (
        concept("suspicion_of_infection", view, made)
        .filter(pl.col("suspected_infection") == 1)
        .select("suspected_infection_time", stay_id="subject_id")
        .join(view["icustays"].select("stay_id", "intime"), on="stay_id")
        .filter(pl.col("suspected_infection_time") >= pl.col("intime") - SUSPECTED_BEFORE_ADMISSION)
    )
    return _flagged(view, _stays_with(suspected, "suspected_infection"))


def _conclusions() -> dict[str, pl.Expr]:
    """Sepsis and shock as far as they could be told at the index time."""
    organs = [f.name for f in FEATURES if f.source == "first_day_sofa"]
    septic = (pl.col("suspected_infection") == 1) & (pl.sum_horizontal(organs) >= ORGAN_DYSFUNCTION)
    shock = (pl.col("vasopressor_flag") == 1) & (pl.col("lactate_max") > SHOCK_LACTATE).fill_null(value=False)
    return {"sepsis_flag": septic.cast(pl.Float64), "shock_flag": shock.cast(pl.Float64)}


_FROM_VIEW: Mapping[str, Callable[[View, View], pl.LazyFrame]] = {
    "cardiac_marker": _heart_markers,
    "inspired oxygen": _inspired_oxygen,
    "body mass": _body_mass,
    "treatments": _treatments,
    "suspicion_of_infection": _suspicion,
}


def _services(stays: pl.LazyFrame, services: pl.LazyFrame) -> pl.LazyFrame:
    """Whether the patient had been under the trauma service of this hospital stay by the index time."""
    under = (
        stays.select("stay_id", "subject_id", "hadm_id", "index_time")
        .join(services, on=["subject_id", "hadm_id"])
        .filter(pl.col("transfertime") <= pl.col("index_time"))
        .group_by("stay_id")
        .agg(trauma_flag=(pl.col("curr_service") == TRAUMA_SERVICE).any().cast(pl.Int64))
    )
    return (
        stays.select("stay_id").join(under, on="stay_id", how="left").with_columns(pl.col("trauma_flag").fill_null(0))
    )


def _comorbidities(stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, diagnoses_icd: pl.LazyFrame) -> pl.LazyFrame:
    """Charlson conditions coded for the patient's hospital stays that ended before this one began.

    Codes come after discharge, so this stay's own, and those of a stay still going on, say nothing yet.
    """
    names = [c.name for c in COMORBIDITIES]
    conditions = flags_of_stays(diagnoses_icd, **{c.name: coded_as(c.icd9, c.icd10) for c in COMORBIDITIES})
    earlier = hospital_stays.select("subject_id", "dischtime", earlier_hadm_id="hadm_id").join(
        conditions, left_on="earlier_hadm_id", right_on="hadm_id", how="left"
    )
    began = pl.min_horizontal("admittime", "intime")
    return (
        stays.select("stay_id", "subject_id", "hadm_id", "admittime", "intime")
        .join(earlier, on="subject_id")
        .filter(pl.col("earlier_hadm_id") != pl.col("hadm_id"), pl.col("dischtime") < began)
        .group_by("stay_id")
        .agg(pl.col(names).max().fill_null(0))
        .select("stay_id", comorbidity_count=pl.sum_horizontal(names))
    )


def stays_with_index(icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame) -> pl.LazyFrame:
    """ICU stays with `index_time`, `earliest` (the first moment a window looks at), `eligible` and admission facts."""
    index_time = pl.col("intime") + INDEX
    facts = hospital_stays.select("subject_id", "hadm_id", "admission_type", "admission_location", "edregtime")
    in_unit = pl.min_horizontal("outtime", index_time) - pl.col("intime")
    return icu_stays.join(facts, on=["subject_id", "hadm_id"], how="left").with_columns(
        index_time=index_time,
        earliest=pl.col("intime") - LOOK_BACK,
        female=(pl.col("gender") == "F").cast(pl.Float64),
        admission_source="admission_location",
        age_points=first_true([(pl.col("age") >= age, n) for age, n in AGE_POINTS], unknown=pl.col("age").is_null()),
        icu_los_24h=in_unit.dt.total_seconds() / 3600,
        through_emergency=pl.when("admission_found").then(pl.col("edregtime").is_not_null().cast(pl.Float64)),
        hours_before_icu=(pl.col("intime") - pl.col("admittime")).dt.total_seconds() / 3600,
        eligible=(
            pl.col("admission_found")
            & pl.col(LABEL).is_not_null()
            & (pl.col("outtime") > index_time)
            & (pl.col("deathtime").is_null() | (pl.col("deathtime") > index_time))
        ).fill_null(False),
    )
