"""Procedures of intensive care: procedureevents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Booleans, Integers
from clinical_assets.sample.columns import minutes, spread, words
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE
from clinical_assets.sample.hosp.staff import caregiver_ids
from clinical_assets.sample.uncommon.care import DIALYSIS, DIALYSIS_MINUTES, LINES, SITES
from clinical_assets.sample.uncommon.charting import DIALYSED
from clinical_assets.sample.uncommon.dealing import dealt, moments, watched

ORDER_NUMBERS = 90_000_000
IN_DAYS = 0.06
"""Share of continuous procedures whose length is in days, not minutes."""


@dataclass(frozen=True)
class Procedure:
    """A kind of procedure: its item, class, and the sites it is done at; a task has no length."""

    item: int
    category: str
    task: bool
    sites: tuple[tuple[str | None, str], ...] = ()


NECK = (("Right IJ", "Invasive Venous"), ("Left IJ", "Invasive Venous"), ("Right Subclavian", "Invasive Venous"))
WRIST = (
    ("Right Radial", "Invasive Arterial"),
    ("Left Radial", "Invasive Arterial"),
    ("Left Femoral.", "Invasive Arterial"),
)
ARM = (("Right Antecubital", "Peripheral"), ("Left Antecubital", "Peripheral"), ("Left Metacarpal", "Peripheral"))

VENTILATION = Procedure(225792, "Ventilation", task=False)
INTUBATION = Procedure(224385, "Intubation/Extubation", task=True)
EXTUBATION = Procedure(227194, "Intubation/Extubation", task=True)
ARTERIAL_LINE = Procedure(225752, "Invasive Lines", task=False, sites=WRIST)
CENTRAL_LINE = Procedure(224263, "Invasive Lines", task=False, sites=NECK)
CANNULA = Procedure(224275, "Peripheral Lines", task=False, sites=ARM)
WIDE_CANNULA = Procedure(224277, "Peripheral Lines", task=False, sites=ARM)
URINARY_CATHETER = Procedure(229351, "Tubes", task=False)
CRRT = Procedure(225802, "Dialysis", task=False)
HAEMODIALYSIS = Procedure(225441, "Continuous Procedures", task=False)
CHEST_XRAY = Procedure(225459, "Imaging", task=True)
ECG = Procedure(225402, "Procedures", task=True)
BLOOD_CULTURE = Procedure(225401, "Procedures", task=True)
MASK_VENTILATION = Procedure(225794, "Ventilation", task=False)


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The one table of procedures."""
    return {"mimic/icu/procedureevents": events(story)}


def _rows(
    procedure: Procedure, stay: Integers, start: Integers, end: Integers, rng: np.random.Generator
) -> pl.DataFrame:
    n = len(stay)
    site = rng.integers(0, max(len(procedure.sites), 1), n)
    sites = procedure.sites or ((None, None),)
    in_days = (rng.random(n) < IN_DAYS) & (not procedure.task)
    lasted = (end - start) / 60
    return pl.DataFrame(
        {
            "stay": stay.astype(np.int64),
            "starttime": start.astype(np.int64),
            "endtime": (start + 60 if procedure.task else end).astype(np.int64),
            "itemid": np.full(n, procedure.item, np.int64),
            "value": np.ones(n) if procedure.task else np.where(in_days, lasted / 1440, lasted),
            "valueuom": words(
                ("None", "min", "day"), np.full(n, 0) if procedure.task else 1 + in_days.astype(np.int64)
            ),
            "location": words([place for place, _ in sites], site),
            "locationcategory": words([kind for _, kind in sites], site),
            "ordercategoryname": words((procedure.category,), np.zeros(n, np.int64)),
            "ordercategorydescription": words(("ContinuousProcess", "Task"), np.full(n, int(procedure.task))),
            "originalrate": np.full(n, 0 if procedure.task else 1, np.int64),
        }
    )


def events(story: Story) -> pl.DataFrame:
    """One row per procedure, by stay and time."""
    rng, stays, done = story.block.rng("procedures"), story.stays, story.treatments
    n = len(stays.stay_id)
    everyone, finish = np.arange(n), minutes(stays.care_ends)
    begin = minutes(stays.start)

    def within(share: Booleans, procedure: Procedure, latest: float = 4.0) -> pl.DataFrame:
        """From some hours into the stay until its end or before."""
        stay = everyone[share]
        start = np.minimum(begin[stay] + 60 * rng.integers(5, int(latest * 60), len(stay)), finish[stay] - 120)
        end = start + ((finish[stay] - start) * rng.uniform(0.5, 1, len(stay))).astype(np.int64) // 60 * 60
        return _rows(procedure, stay, start, np.maximum(end, start + 60), rng)

    def tasks(counts: Integers, procedure: Procedure) -> pl.DataFrame:
        stay, _ = spread(counts)
        start = minutes(begin[stay] + rng.random(len(stay)) * (finish - begin)[stay])
        return _rows(procedure, stay, start, start, rng)

    tubed = np.flatnonzero(done.ventilated_from != NOT_DONE)
    tube_in, tube_out = done.ventilated_from[tubed], done.ventilated_to[tubed]
    intubated_here = rng.random(len(tubed)) < 0.4
    extubated = tube_out < finish[tubed]
    drawn = done.cultured_at[stays.encounter]
    cultured = np.flatnonzero((drawn >= begin) & (drawn < finish))
    filtered = np.flatnonzero(done.crrt_from != NOT_DONE)
    parts = [
        _rows(VENTILATION, tubed, tube_in, tube_out, rng),
        _rows(INTUBATION, tubed[intubated_here], tube_in[intubated_here], tube_in[intubated_here], rng),
        _rows(EXTUBATION, tubed[extubated], tube_out[extubated], tube_out[extubated], rng),
        within(done.arterial_line, ARTERIAL_LINE),
        within(done.central_line, CENTRAL_LINE),
        within(rng.random(n) < 0.9, CANNULA, 2),
        within(rng.random(n) < 0.5, WIDE_CANNULA, 2),
        within(rng.random(n) < 0.6, URINARY_CATHETER, 3),
        _rows(CRRT, filtered, done.crrt_from[filtered], done.crrt_to[filtered], rng),
        within(done.haemodialysis, HAEMODIALYSIS, 20),
        within(done.masked, MASK_VENTILATION, 1),
        tasks(rng.poisson(0.9, n), CHEST_XRAY),
        tasks(rng.poisson(0.5, n), ECG),
        _rows(BLOOD_CULTURE, cultured, minutes(drawn[cultured]), minutes(drawn[cultured]), rng),
        *_uncommon(story, rng),
    ]
    return _filed(story, pl.concat(parts).sort("stay", "starttime", "itemid", maintain_order=True))


def _uncommon(story: Story, rng: np.random.Generator) -> list[pl.DataFrame]:
    """Every kind of line and of dialysis, at every site."""
    stays = watched(story)
    stay = np.concatenate([dealt(len(LINES), stays), dealt(len(DIALYSIS), stays[:DIALYSED])])
    start = moments(story, stay)
    parts = []
    for number, (item, of) in enumerate(zip(LINES, stay, strict=False)):
        line = Procedure(item, "Invasive Lines", task=False, sites=((SITES[number % len(SITES)], "Invasive Venous"),))
        begins = start[number : number + 1]
        parts.append(_rows(line, np.array([of]), begins, minutes(story.stays.care_ends[[of]]), rng))
    for number, ((item, filed), of) in enumerate(zip(DIALYSIS, stay[len(LINES) :], strict=False), len(LINES)):
        begins = start[number : number + 1]
        row = _rows(
            Procedure(item, "Dialysis", task=filed == 1), np.array([of]), begins, begins + 60 * DIALYSIS_MINUTES, rng
        )
        parts.append(row.with_columns(value=pl.lit(filed, pl.Float64)))
    return parts


def _filed(story: Story, rows: pl.DataFrame) -> pl.DataFrame:
    rng, stay, n = story.block.rng("filing of procedures"), rows["stay"].to_numpy(), rows.height
    encounter = story.stays.encounter[stay]
    numbers = story.block.identifiers("procedure orderid", n, lowest=1_000, space=ORDER_NUMBERS)
    weight = np.round(story.people.weight[story.encounters.patient[encounter]], 1)
    return rows.drop("stay").with_columns(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=pl.Series(story.encounters.hadm_id[encounter]),
        stay_id=pl.Series(story.stays.stay_id[stay]),
        caregiver_id=pl.Series(caregiver_ids(rng, n)),
        storetime=pl.col("endtime") + 60 * pl.Series(rng.integers(0, 60, n)),
        orderid=pl.Series(numbers),
        linkorderid=pl.Series(numbers),
        patientweight=pl.Series(weight),
        isopenbag=pl.col("originalrate"),
        continueinnextdept=pl.lit(0),
        statusdescription=pl.when(pl.Series(rng.random(n) < 0.02))
        .then(pl.lit("Stopped"))
        .otherwise(pl.lit("FinishedRunning")),
        originalamount=pl.col("value"),
    )
