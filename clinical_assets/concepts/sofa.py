"""Sequential Organ Failure Assessment, hour by hour and of the first ICU day (Vincent et al. 1996).

Six organs score 0 to 4 from the worst value of the hour. `*_24hours` is the worst of the hour and the 23 before it;
an organ never observed in them counts as 0. Hours before ICU admission take part in that, but have no row.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from clinical_assets.concepts.blood_gas import ARTERIAL
from clinical_assets.concepts.declaration import (
    HADM_ID,
    STAY_ID,
    SUBJECT_ID,
    concept,
    conform,
    integer,
    number,
    points,
    timestamp,
)
from clinical_assets.concepts.measurements import around_admission
from clinical_assets.concepts.scoring import all_null, at_least, below, first_true
from clinical_assets.concepts.ventilated import during, invasive_periods
from clinical_assets.tables import Column

ORGANS = ("respiration", "coagulation", "liver", "cardiovascular", "cns", "renal")
PRESSORS = ("epinephrine", "norepinephrine", "dopamine", "dobutamine")
HOURS_KEPT = 24
URINE_COVERED = (22, 30)
"""Hours: a day's urine output is only believed where its entries cover about a day; it is then scaled to 24 h."""
_HOUR = timedelta(hours=1)

PLATELETS = {20: 4, 50: 3, 100: 2, 150: 1}
BILIRUBIN = {12.0: 4, 6.0: 3, 2.0: 2, 1.2: 1}
GCS = {6: 4, 10: 3, 13: 2, 15: 1}


def _coagulation() -> pl.Expr:
    return first_true(below("platelet_min", PLATELETS), unknown=all_null("platelet_min"))


def _liver() -> pl.Expr:
    return first_true(at_least("bilirubin_max", BILIRUBIN), unknown=all_null("bilirubin_max"))


def _cns() -> pl.Expr:
    return first_true(below("gcs_min", GCS), unknown=all_null("gcs_min"))


def _cardiovascular(pressure: str) -> pl.Expr:
    """Rates in ug/kg/min, mean pressure in mm Hg. Any epinephrine or norepinephrine at all scores 3."""
    epinephrine, norepinephrine, dopamine, dobutamine = (pl.col(f"rate_{name}") for name in PRESSORS)
    rules = [
        ((dopamine > 15) | (epinephrine > 0.1) | (norepinephrine > 0.1), 4),
        ((dopamine > 5) | (epinephrine <= 0.1) | (norepinephrine <= 0.1), 3),
        ((dopamine > 0) | (dobutamine > 0), 2),
        (pl.col(pressure) < 70, 1),
    ]
    return first_true(rules, unknown=all_null(pressure, *(f"rate_{name}" for name in PRESSORS)))


def _renal(urine: str) -> pl.Expr:
    """Creatinine in mg/dL, urine in mL a day; the worse of the two decides."""
    creatinine, output = pl.col("creatinine_max"), pl.col(urine)
    rules = [
        (creatinine >= 5.0, 4),
        (output < 200, 4),
        (creatinine >= 3.5, 3),
        (output < 500, 3),
        (creatinine >= 2.0, 2),
        (creatinine >= 1.2, 1),
    ]
    return first_true(rules, unknown=all_null("creatinine_max", urine))


def _respiration_hourly() -> pl.Expr:
    """PaO2/FiO2 in mm Hg; without a ventilator no more than 2 points."""
    free, ventilated = pl.col("pao2fio2ratio_novent"), pl.col("pao2fio2ratio_vent")
    rules = [
        (ventilated < 100, 4),
        (ventilated < 200, 3),
        ((free < 300) | (ventilated < 300), 2),
        ((free < 400) | (ventilated < 400), 1),
    ]
    return first_true(rules, unknown=all_null("pao2fio2ratio_novent", "pao2fio2ratio_vent"))


def _respiration_first_day() -> pl.Expr:
    """As published, 200 or more on the ventilator has no points of its own on the first day."""
    free, ventilated = pl.col("pao2fio2_novent_min"), pl.col("pao2fio2_vent_min")
    rules = [(ventilated < 100, 4), (ventilated < 200, 3), (free < 300, 2), (free < 400, 1)]
    return first_true(rules, unknown=all_null("pao2fio2_novent_min", "pao2fio2_vent_min"))


_MEANINGS = {
    "respiration": "Respiration, by PaO2/FiO2",
    "coagulation": "Coagulation, by platelets",
    "liver": "Liver, by total bilirubin",
    "cardiovascular": "Circulation, by mean pressure and vasopressors",
    "cns": "Consciousness, by Glasgow Coma Scale",
    "renal": "Kidneys, by creatinine and urine output",
}


def organ_columns(suffix: str = "", period: str = "") -> list[Column]:
    """The six organs' points."""
    return [points(f"{organ}{suffix}", f"{meaning}{period}.", 4) for organ, meaning in _MEANINGS.items()]


_OF_THE_HOUR = "of the hour"

SOFA = concept(
    "sofa",
    grain="one row per ICU stay and hour from the one of the first heart rate to that of the last",
    meaning="SOFA score hour by hour, from the worst values of the last 24 hours.",
    columns=(
        STAY_ID,
        integer("hr", "Hour, 0 being the one that ends at the first heart rate's full hour.", "h"),
        timestamp("starttime", "Begin of the hour, exclusive.", nullable=False),
        timestamp("endtime", "End of the hour, inclusive.", nullable=False),
        number("pao2fio2ratio_novent", f"Lowest arterial PaO2/FiO2 {_OF_THE_HOUR} without a ventilator.", "mm[Hg]"),
        number("pao2fio2ratio_vent", f"Lowest arterial PaO2/FiO2 {_OF_THE_HOUR} on a ventilator.", "mm[Hg]"),
        *(number(f"rate_{name}", f"Highest rate of {name} at the hour's end.", "ug/kg/min") for name in PRESSORS),
        number("meanbp_min", f"Lowest mean arterial pressure {_OF_THE_HOUR}.", "mm[Hg]"),
        number("gcs_min", f"Lowest Glasgow Coma Scale {_OF_THE_HOUR}.", "points"),
        number("uo_24hr", "Urine of the last day, scaled to 24 h; null unless 22 to 30 h are covered.", "mL"),
        number("bilirubin_max", f"Highest total bilirubin {_OF_THE_HOUR}.", "mg/dL"),
        number("creatinine_max", f"Highest creatinine {_OF_THE_HOUR}.", "mg/dL"),
        number("platelet_min", f"Lowest platelet count {_OF_THE_HOUR}.", "10*3/uL"),
        *organ_columns(period=f" {_OF_THE_HOUR}; null where not observed"),
        *organ_columns("_24hours", ", worst of the last 24 h; 0 where not observed"),
        points("sofa_24hours", "Sum of the six worst of the last 24 h.", 24),
    ),
    primary_key=("stay_id", "hr"),
    happened="endtime",
)


def _by_hour(events: pl.LazyFrame, by: str, worst: pl.Expr) -> pl.LazyFrame:
    """The worst value per `by` and hour; an event on the full hour belongs to the hour that ends there."""
    return events.group_by(by, endtime=_end_of_hour(pl.col("charttime"))).agg(worst)


def _end_of_hour(time: pl.Expr) -> pl.Expr:
    return (time - timedelta(microseconds=1)).dt.truncate("1h") + _HOUR


def _oxygenation(icustays: pl.LazyFrame, bg: pl.LazyFrame, ventilation: pl.LazyFrame) -> pl.LazyFrame:
    """Arterial PaO2/FiO2 of each ICU stay's patient: `stay_id`, `charttime`, `pao2fio2ratio`, `ventilated`."""
    gases = (
        icustays.select("subject_id", "stay_id")
        .join(bg.filter(pl.col("specimen") == ARTERIAL), on="subject_id")
        .select("stay_id", "charttime", "pao2fio2ratio")
    )
    return during(gases, invasive_periods(ventilation), "ventilated", from_start=True)


def _lowest_oxygenation(gases: pl.LazyFrame) -> pl.LazyFrame:
    ratio = pl.col("pao2fio2ratio")
    apart = gases.with_columns(
        pao2fio2ratio_novent=pl.when(~pl.col("ventilated")).then(ratio),
        pao2fio2ratio_vent=pl.when("ventilated").then(ratio),
    )
    return _by_hour(apart, "stay_id", pl.col("pao2fio2ratio_novent", "pao2fio2ratio_vent").min())


def _urine_of_a_day() -> pl.Expr:
    covered = pl.col("uo_tm_24hr")
    return pl.when(covered.is_between(*URINE_COVERED)).then(pl.col("urineoutput_24hr") / covered * 24)


def _running_at_hours_end(infusion: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The highest rate at each full hour in (start, end] of an infusion."""
    first = pl.col("starttime").dt.truncate("1h") + _HOUR
    hours = (pl.col("endtime").dt.truncate("1h") - first).dt.total_hours() + 1
    return (
        infusion.filter(hours > 0)
        .with_columns(first=first, hour=pl.int_ranges(0, hours))
        .explode("hour")
        .group_by("stay_id", endtime=pl.col("first") + pl.duration(hours="hour"))
        .agg(pl.col("vaso_rate").max().alias(f"rate_{name}"))
    )


def sofa(
    icustays: pl.LazyFrame,
    icustay_hourly: pl.LazyFrame,
    bg: pl.LazyFrame,
    ventilation: pl.LazyFrame,
    vitalsign: pl.LazyFrame,
    gcs: pl.LazyFrame,
    enzyme: pl.LazyFrame,
    chemistry: pl.LazyFrame,
    complete_blood_count: pl.LazyFrame,
    urine_output_rate: pl.LazyFrame,
    epinephrine: pl.LazyFrame,
    norepinephrine: pl.LazyFrame,
    dopamine: pl.LazyFrame,
    dobutamine: pl.LazyFrame,
) -> pl.LazyFrame:
    """SOFA hour by hour. One row per ICU stay and hour from 0 on.

    Laboratory results are matched by hospital stay, blood gases by patient, all else by ICU stay.
    """
    infusions = (epinephrine, norepinephrine, dopamine, dobutamine)
    of_stays = (
        _lowest_oxygenation(_oxygenation(icustays, bg, ventilation)),
        _by_hour(vitalsign, "stay_id", pl.col("mbp").min().alias("meanbp_min")),
        _by_hour(gcs, "stay_id", pl.col("gcs").min().alias("gcs_min")),
        _by_hour(urine_output_rate, "stay_id", _urine_of_a_day().max().alias("uo_24hr")),
        *(_running_at_hours_end(infusion, name) for name, infusion in zip(PRESSORS, infusions, strict=True)),
    )
    of_hospital_stays = (
        _by_hour(enzyme, "hadm_id", pl.col("bilirubin_total").max().alias("bilirubin_max")),
        _by_hour(chemistry, "hadm_id", pl.col("creatinine").max().alias("creatinine_max")),
        _by_hour(complete_blood_count, "hadm_id", pl.col("platelet").min().alias("platelet_min")),
    )
    hours = icustay_hourly.join(icustays.select("stay_id", "hadm_id"), on="stay_id")
    for frame in of_stays:
        hours = hours.join(frame, on=["stay_id", "endtime"], how="left")
    for frame in of_hospital_stays:
        hours = hours.join(frame, on=["hadm_id", "endtime"], how="left")
    scored = hours.with_columns(
        starttime=pl.col("endtime") - _HOUR,
        respiration=_respiration_hourly(),
        coagulation=_coagulation(),
        liver=_liver(),
        cardiovascular=_cardiovascular("meanbp_min"),
        cns=_cns(),
        renal=_renal("uo_24hr"),
    )
    rows = (
        scored.sort("stay_id", "hr")
        .with_columns(_worst_of_last_day(organ) for organ in ORGANS)
        .with_columns(sofa_24hours=pl.sum_horizontal(f"{organ}_24hours" for organ in ORGANS))
        .filter(pl.col("hr") >= 0)
    )
    return conform(rows, SOFA)


def _worst_of_last_day(organ: str) -> pl.Expr:
    worst = pl.col(organ).rolling_max(HOURS_KEPT, min_samples=1).over("stay_id")
    return worst.fill_null(0).alias(f"{organ}_24hours")


FIRST_DAY_SOFA = concept(
    "first_day_sofa",
    grain="one row per ICU stay",
    meaning="SOFA score from the worst values from 6 h before to 24 h after ICU admission.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        STAY_ID,
        points("sofa", "Sum of the six, unobserved organs taken as 0.", 24),
        *organ_columns(period=" of the first ICU day; null where not observed"),
    ),
    primary_key=("stay_id",),
)


def first_day_sofa(
    icustays: pl.LazyFrame,
    first_day_vitalsign: pl.LazyFrame,
    first_day_lab: pl.LazyFrame,
    first_day_urine_output: pl.LazyFrame,
    first_day_gcs: pl.LazyFrame,
    bg: pl.LazyFrame,
    ventilation: pl.LazyFrame,
    norepinephrine: pl.LazyFrame,
    epinephrine: pl.LazyFrame,
    dobutamine: pl.LazyFrame,
    dopamine: pl.LazyFrame,
) -> pl.LazyFrame:
    """First-day SOFA. One row per ICU stay; a vasopressor counts where its rate began in the first day."""
    infusions = {
        "norepinephrine": norepinephrine,
        "epinephrine": epinephrine,
        "dobutamine": dobutamine,
        "dopamine": dopamine,
    }
    ratio, ventilated = pl.col("pao2fio2ratio"), pl.col("ventilated")
    oxygenation = (
        around_admission(icustays, _oxygenation(icustays, bg, ventilation), by="stay_id")
        .group_by("stay_id")
        .agg(pao2fio2_novent_min=ratio.filter(~ventilated).min(), pao2fio2_vent_min=ratio.filter(ventilated).min())
    )
    rates = [
        around_admission(icustays, infusion, by="stay_id", time="starttime")
        .group_by("stay_id")
        .agg(pl.col("vaso_rate").max().alias(f"rate_{name}"))
        for name, infusion in infusions.items()
    ]
    labs = first_day_lab.select(
        "stay_id", "creatinine_max", bilirubin_max="bilirubin_total_max", platelet_min="platelets_min"
    )
    observed = (
        first_day_vitalsign.select("stay_id", "mbp_min"),
        labs,
        first_day_urine_output.select("stay_id", "urineoutput"),
        first_day_gcs.select("stay_id", "gcs_min"),
        oxygenation,
        *rates,
    )
    rows = icustays.select("subject_id", "hadm_id", "stay_id")
    for frame in observed:
        rows = rows.join(frame, on="stay_id", how="left")
    scored = rows.with_columns(
        respiration=_respiration_first_day(),
        coagulation=_coagulation(),
        liver=_liver(),
        cardiovascular=_cardiovascular("mbp_min"),
        cns=_cns(),
        renal=_renal("urineoutput"),
    ).with_columns(sofa=pl.sum_horizontal(ORGANS))
    return conform(scored, FIRST_DAY_SOFA)
