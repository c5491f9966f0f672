"""The laboratory: when blood is drawn, what is asked of it and what comes back, with the time it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample import dirt
from clinical_assets.sample.blocks import Booleans, Floats, Integers
from clinical_assets.sample.columns import minutes, spread, where, words
from clinical_assets.sample.course.encounters import ED
from clinical_assets.sample.course.people import DAY, HOUR
from clinical_assets.sample.course.physiology import SIGNALS, organ, signal
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.hosp.lab_tests import (
    DERIVED,
    LAB_TESTS,
    PANELS,
    SPECIMEN_TYPE,
    SPECIMEN_TYPE_SHARES,
    VENOUS_OXYGEN,
    LabTest,
    Values,
)
from clinical_assets.sample.hosp.staff import provider_ids
from clinical_assets.sample.uncommon.dealing import hardly_charted
from clinical_assets.sample.uncommon.results import replaced, workups

UNIT_DRAWS: Floats = np.concatenate([[0.6, 13, 32, 56], np.arange(104, 24 * 60, 48)]).astype(np.float64)
"""Hours after the start of an ICU stay at which blood is drawn."""
WARD_DRAWS: Floats = np.concatenate([[16, 72], np.arange(168, 24 * 60, 96)]).astype(np.float64)
"""Hours after admission, outside the ICU."""
CLINIC_DRAWS = 0.35
"""Blood drawn in clinics per encounter, between encounters."""
UNLINKED = 0.05
"""Share of draws during an admission that lack its hadm_id, besides all outside one: a quarter of rows in all."""
BETTER_AT_HOME = 0.9
"""How much lower organ states are between encounters."""
LABEVENT_IDS_PER_BLOCK = 300_000


@dataclass(frozen=True)
class Draws:
    """Every draw of blood, each array indexed by draw.

    Attributes:
        encounter: index of the encounter whose course it shows.
        time: seconds.
        unit: whether in intensive care.
        linked: whether the rows carry the hadm_id.
        inspired: fraction of oxygen in percent.
        organs: organ states.
        since: hours after arrival.
        everything: whether every panel is asked for (see `uncommon.results`).
    """

    encounter: Integers
    time: Integers
    unit: Booleans
    linked: Booleans
    inspired: Floats
    organs: Floats
    since: Floats
    everything: Booleans


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The laboratory's one table; its dictionary is in `dictionaries`."""
    return {"mimic/hosp/labevents": results(story, drawn(story))}


def drawn(story: Story) -> Draws:
    """When blood is drawn: on arrival, on the ward, in intensive care, and in clinics between encounters."""
    rng, told, stays = story.block.rng("draws"), story.encounters, story.stays
    n = len(told.patient)
    by_ed = np.flatnonzero((told.lasts(ED) > 0) & (rng.random(n) < 0.85))
    ward, place = spread(np.searchsorted(WARD_DRAWS, np.where(told.admitted, (told.over - told.admit) / HOUR, 0)))
    unit, number = spread(np.searchsorted(UNIT_DRAWS, stays.hours))
    clinic, _ = spread(rng.poisson(CLINIC_DRAWS, n))
    encounter = np.concatenate([by_ed, ward, stays.encounter[unit], clinic])
    time = np.concatenate(
        [
            told.arrival[by_ed] + rng.integers(10, 90, len(by_ed)) * 60,
            told.admit[ward] + ((WARD_DRAWS[place] + rng.normal(0, 1.5, len(ward))) * HOUR).astype(np.int64),
            stays.start[unit]
            + ((UNIT_DRAWS[number] + rng.normal(0, 0.5, len(unit)).clip(-0.5)) * HOUR).astype(np.int64),
            told.arrival[clinic] // DAY * DAY
            - rng.integers(3, 120, len(clinic)) * DAY
            + rng.integers(8, 17, len(clinic)) * HOUR,
        ]
    )
    place = np.repeat([0, 1, 2, 3], [len(by_ed), len(ward), len(unit), len(clinic)])
    time = minutes(time)
    in_unit = place == 2
    for start, end, of in zip(stays.start, stays.care_ends, stays.encounter, strict=True):
        in_unit |= (encounter == of) & (time >= start) & (time < end)
    # The ward's draws stop while the patient is in intensive care, and at death.
    keep = ~((place == 1) & in_unit) & ((place == 3) | (time < told.over[encounter]))
    keep &= (time > told.arrival[encounter]) | (place == 3)
    _, untested = hardly_charted(story)
    keep &= ~np.isin(encounter, stays.encounter[untested])
    encounter, time, in_unit, place = encounter[keep], time[keep], in_unit[keep], place[keep]
    everything = np.zeros(len(time), bool)
    stay, at = workups(story)
    encounter, time = np.concatenate([encounter, stays.encounter[stay]]), np.concatenate([time, at])
    in_unit, place = np.append(in_unit, np.ones(len(at), bool)), np.append(place, np.full(len(at), 2))
    everything = np.append(everything, np.ones(len(at), bool))
    since = told.hours_since_arrival(encounter, time)
    organs = told.courses.organs(encounter, since) - BETTER_AT_HOME * (place == 3)[:, None]
    within = (time >= told.admit[encounter]) & (time <= told.discharge[encounter]) & told.admitted[encounter]
    need = organs[:, organ("lungs")] + rng.normal(0, 0.9, n)[encounter]
    inspired = np.clip(np.round((21 + np.maximum(need - 1.0, 0) * 16) / 5) * 5, 21, 100)
    linked = within & (rng.random(len(time)) >= UNLINKED)
    return Draws(encounter, time, in_unit, linked, inspired, organs, since, everything)


def measured(story: Story, draws: Draws, rng: np.random.Generator) -> Values:
    """Every signal and derived value at every draw, unrounded."""
    courses = story.encounters.courses
    asked = {test.reads for test in LAB_TESTS if test.reads in SIGNALS} | {"oxygen ratio"}
    values = {
        name: signal(name, courses, draws.encounter, draws.since, draws.organs, rng)
        for name in SIGNALS
        if name in asked
    }
    diabetic = story.has("diabetes", draws.encounter)
    values["glucose"] = values["glucose"] * np.where(diabetic, 1.35, 1.0)
    values["inspired"] = draws.inspired
    values["oxygen"] = np.clip(values["oxygen ratio"] * draws.inspired / 100, 28, 520)
    for name, formula in DERIVED.items():
        values[name] = formula(values)
    return values


def results(story: Story, draws: Draws) -> pl.DataFrame:
    """One row per result, by patient and time."""
    rng, n = story.block.rng("laboratory"), len(draws.time)
    values = measured(story, draws, rng)
    venous = rng.choice(len(SPECIMEN_TYPE_SHARES), n, p=SPECIMEN_TYPE_SHARES)
    values["oxygen"] = np.where(venous > 0, VENOUS_OXYGEN + rng.normal(0, 7, n), values["oxygen"]).clip(18)
    asked = _asked(draws, values, rng)
    panel_of = {panel.name: number for number, panel in enumerate(PANELS)}
    specimens = list(dict.fromkeys(panel.specimen for panel in PANELS))
    lag = _time_to_result(rng, n)
    female = story.people.female[story.encounters.patient[draws.encounter]]
    parts = []
    for test in LAB_TESTS:
        panel = panel_of[test.panel]
        rows = np.flatnonzero(asked[:, panel])
        specimen = specimens.index(PANELS[panel].specimen)
        parts.append(
            _answers(test, rows, values, female, venous, rng).with_columns(
                draw=pl.Series(rows),
                specimen=pl.lit(specimen, pl.Int64),
                stored=pl.Series(draws.time[rows] + minutes(lag[rows, specimen] * PANELS[panel].minutes * 60)),
            )
        )
    frame = dirt.struck(pl.concat(parts), dirt.LAB_SLIPS, story.block.rng("dirt of the laboratory"))
    frame = replaced(frame, story, np.flatnonzero(draws.everything))
    return _filed(story, draws, frame, len(specimens))


def _asked(draws: Draws, values: Values, rng: np.random.Generator) -> Booleans:
    """Which panels each draw is for: more in intensive care, and gases of those who breathe badly."""
    unit, elsewhere = np.array([p.always for p in PANELS]), np.array([p.otherwise for p in PANELS])
    share = np.where(draws.unit[:, None], unit, elsewhere)
    names = [p.name for p in PANELS]
    worry = np.clip(draws.organs - 1.2, 0, 2)
    for panel, because in (
        ("gas", "lungs"),
        ("lactate", "circulation"),
        ("liver", "liver"),
        ("clotting", "coagulation"),
    ):
        share[:, names.index(panel)] += 0.22 * worry[:, organ(because)]
    chosen: Booleans = (rng.random(share.shape) < share) | draws.everything[:, None]
    return chosen


def _time_to_result(rng: np.random.Generator, draws: int) -> Floats:
    """Multiples of the median time, per draw and specimen: the laboratory is sometimes very late."""
    specimens = len({panel.specimen for panel in PANELS})
    slow = np.where(rng.random((draws, specimens)) < 0.05, 3.8, 0.95)
    factor: Floats = slow * np.exp(rng.normal(0, 0.66, (draws, specimens)))
    return factor


def _answers(
    test: LabTest, rows: Integers, values: Values, female: Booleans, venous: Integers, rng: np.random.Generator
) -> pl.DataFrame:
    """The results of one test on some draws: number, words, range, flag and comment."""
    n = len(rows)
    low, high = (np.full(n, np.nan if bound is None else float(bound)) for bound in test.normal)
    if test.women:
        low, high = (np.where(female[rows], w, m) for w, m in zip(test.women, (low, high), strict=True))
    comment = words(test.comments, rng.integers(0, len(test.comments), n)) if test.comments else None
    columns: dict[str, pl.Series] = {
        "valuenum": pl.Series([None] * n, dtype=pl.Float64),
        "value": pl.Series([None] * n, dtype=pl.String),
        "comments": pl.Series([None] * n, dtype=pl.String) if comment is None else comment,
    }
    if test.value:
        kind = venous[rows] if test.itemid == SPECIMEN_TYPE else rng.integers(0, len(test.value), n)
        columns["value"] = words(test.value, kind)
    if test.reads:
        number = np.round(values[test.reads][rows], test.decimals)
        seen = ~((test.reads == "troponin") & (number <= 0.01))
        columns["valuenum"] = where(seen, number)
        text = columns["valuenum"].cast(pl.String)
        columns["value"] = text if test.decimals else text.str.strip_suffix(".0")
        columns["comments"] = where(~seen, words(["<0.01."], np.zeros(n, np.int64)))
    frame = pl.DataFrame({**columns, "ref_range_lower": pl.Series(low), "ref_range_upper": pl.Series(high)})
    out = (pl.col("valuenum") < pl.col("ref_range_lower")) | (pl.col("valuenum") > pl.col("ref_range_upper"))
    return frame.with_columns(pl.col("ref_range_lower", "ref_range_upper").fill_nan(None)).with_columns(
        itemid=pl.lit(test.itemid, pl.Int64),
        valueuom=pl.lit(test.unit, pl.String),
        flag=pl.when(out).then(pl.lit("abnormal")),
        held=pl.lit(test.panel == "hold"),
    )


def _filed(story: Story, draws: Draws, frame: pl.DataFrame, specimens: int) -> pl.DataFrame:
    """The results as the laboratory files them: ids, patient, admission, times."""
    rng = story.block.rng("filing")
    tubes = story.block.identifiers("specimen_id", len(draws.time) * specimens, lowest=1_000, space=90_000_000)
    draw = frame["draw"].to_numpy()
    encounter = draws.encounter[draw]
    orderers = provider_ids(rng, len(draws.time), missing=0.35)
    urgent = pl.Series(["STAT", "ROUTINE", None]).gather(
        pl.Series(rng.choice(3, len(draws.time), p=(0.55, 0.37, 0.08)))
    )
    frame = frame.with_columns(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=where(draws.linked[draw], story.encounters.hadm_id[encounter]),
        specimen_id=pl.Series(tubes[draw * specimens + frame["specimen"].to_numpy()]),
        order_provider_id=orderers.gather(pl.Series(draw)),
        charttime=pl.Series(draws.time[draw]),
        storetime=pl.when(~pl.col("held")).then("stored"),
        priority=urgent.gather(pl.Series(draw)),
    ).sort("subject_id", "charttime", "specimen_id", "itemid", maintain_order=True)
    first = story.block.number * LABEVENT_IDS_PER_BLOCK + 1
    return frame.drop("draw", "specimen", "stored", "held").with_columns(
        labevent_id=pl.int_range(first, first + pl.len(), dtype=pl.Int64)
    )
