"""The bedside chart of intensive care: chartevents, outputevents and datetimeevents.

Nurses chart in rounds, hourly at first and further apart later on. What they see is in `observations`, with which slips
they write it down in `dirt`.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample import dirt
from clinical_assets.sample.blocks import Floats
from clinical_assets.sample.columns import minutes, spread, where
from clinical_assets.sample.course.people import DAY, HOUR
from clinical_assets.sample.course.physiology import organ
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.hosp.staff import caregiver_ids
from clinical_assets.sample.icu.observations import HEART_RATE, ITEMS, Observation, Rounds, every, reader
from clinical_assets.sample.uncommon import charting as uncommon_charting
from clinical_assets.sample.uncommon.care import URINE
from clinical_assets.sample.uncommon.dealing import dealt, hardly_charted, moments, watched

ROUNDS: Floats = np.concatenate([[0, 1, 2, 4, 6, 9, 12, 16, 20, 24], np.arange(32, 24 * 60, 8)]).astype(np.float64)
"""Hours after the start of the stay at which nurses chart."""


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The chart of the block."""
    rounds = charted_rounds(story)
    return {
        "mimic/icu/chartevents": chart(story, rounds),
        "mimic/icu/outputevents": outputs(story, rounds),
        "mimic/icu/datetimeevents": dates(story),
    }


def charted_rounds(story: Story) -> Rounds:
    """When nurses go round, and how the patients are then."""
    rng, stays, done = story.block.rng("rounds"), story.stays, story.treatments
    counts = np.searchsorted(ROUNDS, stays.hours, side="left")
    stay, number = spread(np.maximum(counts, 1))
    hour = ROUNDS[number]
    exact = stays.start[stay] + (hour * HOUR).astype(np.int64)
    # Charted on the hour; of some stays a little before the patient is in the system.
    early = (rng.random(len(stays.stay_id)) < 0.05)[stay]
    on_the_hour = np.where(early, exact // HOUR * HOUR, -(-exact // HOUR) * HOUR)
    odd_minute = rng.random(len(stay)) < 0.25
    time = np.where(odd_minute & ~early, minutes(exact) + 60 * rng.integers(1, 40, len(stay)), on_the_hour)
    kept = (number == 0) | (time < stays.care_ends[stay])
    stay, number, hour, time = stay[kept], number[kept], hour[kept], time[kept]
    encounter = stays.encounter[stay]
    since = story.encounters.hours_since_arrival(encounter, time)
    organs = story.encounters.courses.organs(encounter, since)
    ventilated = (time >= done.ventilated_from[stay]) & (time < done.ventilated_to[stay])
    need = organs[:, organ("lungs")] + rng.normal(0, 0.6, len(stays.stay_id))[stay] + rng.normal(0, 0.3, len(stay))
    inspired = np.where(ventilated, 40 + 16 * np.maximum(need - 2.2, 0), 21 + 9 * np.maximum(need - 0.8, 0))
    return Rounds(stay, number, hour, time, encounter, since, organs, ventilated, np.clip(inspired, 21, 100))


def chart(story: Story, rounds: Rounds) -> pl.DataFrame:
    """One row per observation."""
    parts = [_rows(rounds, observation) for items in ITEMS for observation in items(story, rounds)]
    frame = dirt.chart(pl.concat(parts), story.block.rng("dirt of the chart"))
    no_monitor, no_chart = hardly_charted(story)
    unwatched = pl.col("stay").is_in(no_monitor) & (pl.col("itemid") == HEART_RATE)
    frame = frame.filter(~unwatched & ~pl.col("stay").is_in(no_chart))
    frame = pl.concat([frame, uncommon_charting.scenes(story)])
    frame = frame.sort("stay", "charttime", "itemid", maintain_order=True)
    rng, stay, n = story.block.rng("charting"), frame["stay"].to_numpy(), frame.height
    encounter = story.stays.encounter[stay]
    filed = frame["charttime"].to_numpy() + 60 * np.exp(rng.normal(2.3, 1.0, n)).astype(np.int64)
    return frame.select(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=pl.Series(story.encounters.hadm_id[encounter]),
        stay_id=pl.Series(story.stays.stay_id[stay]),
        caregiver_id=pl.Series(caregiver_ids(rng, n)),
        charttime="charttime",
        storetime=where(rng.random(n) < 0.998, filed),
        itemid="itemid",
        value=pl.coalesce("value", pl.col("valuenum").cast(pl.String).str.strip_suffix(".0")),
        valuenum="valuenum",
        valueuom="valueuom",
        warning="warning",
    )


def _rows(rounds: Rounds, observation: Observation) -> pl.DataFrame:
    itemid, charted, numbers, texts, unit = observation
    frame = pl.DataFrame({"stay": rounds.stay, "charttime": rounds.time, "valuenum": numbers})
    # Scores without a number (rhythm, devices) carry NaN here and null in the table.
    return (
        frame.with_columns(
            itemid=pl.lit(itemid, pl.Int64),
            value=pl.lit(None, pl.String) if texts is None else texts,
            valuenum=pl.col("valuenum").fill_nan(None),
            valueuom=pl.lit(unit, pl.String),
            warning=pl.lit(0, pl.Int64),
        )
        .filter(pl.Series(charted))
        .select("stay", "charttime", "itemid", "value", "valuenum", "valueuom", "warning")
    )


def outputs(story: Story, rounds: Rounds) -> pl.DataFrame:
    """Urine since the last round, by catheter or freely, and a few drains."""
    rng, read = reader(story, rounds, "outputs")
    n, stays = len(rounds.stay), story.stays
    first = rounds.number == 0
    hours = np.where(first, 1.0, np.diff(rounds.time, prepend=0) / HOUR)
    weight = story.people.weight[story.encounters.patient[rounds.encounter]]
    millilitres = np.round(read("urine rate") * weight * np.clip(hours, 0, 9) / 5) * 5
    catheter = (rng.random(len(stays.stay_id)) < 0.85)[rounds.stay]
    drained = (rng.random(len(stays.stay_id)) < 0.12)[rounds.stay] & every(rounds, 6)
    kept = rng.random(n) < np.where(catheter, 0.95, 0.6)
    parts = [
        (np.where(catheter, 226559, 226560), kept, np.clip(millilitres, 0, 3000)),
        (np.full(n, 226588), drained, np.round(rng.gamma(2, 20, n) / 5) * 5),
    ]
    charted = [
        pl.DataFrame({"stay": rounds.stay, "charttime": rounds.time, "itemid": item, "value": value}).filter(
            pl.Series(keep)
        )
        for item, keep, value in parts
    ]
    _, no_chart = hardly_charted(story)
    frame = pl.concat([*charted, _uncommon_urine(story)]).filter(~pl.col("stay").is_in(no_chart))
    frame = frame.unique(["stay", "charttime", "itemid"], keep="first", maintain_order=True)
    frame = frame.sort("stay", "charttime", "itemid", maintain_order=True)
    encounter, n = stays.encounter[frame["stay"].to_numpy()], frame.height
    return frame.select(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=pl.Series(story.encounters.hadm_id[encounter]),
        stay_id=pl.Series(stays.stay_id[frame["stay"].to_numpy()]),
        caregiver_id=pl.Series(caregiver_ids(rng, n)),
        charttime="charttime",
        storetime=pl.col("charttime") + 60 * pl.Series(rng.integers(-20, 90, n)),
        itemid="itemid",
        value="value",
        valueuom=pl.lit("ml"),
    )


def _uncommon_urine(story: Story) -> pl.DataFrame:
    """Urine by every way there is, and the fluid a bladder is flushed with: stay, charttime, itemid, value."""
    stay = dealt(len(URINE), watched(story), first=7)
    rows = [
        (int(of), int(at), itemid, float(volume))
        for of, at, together in zip(stay, moments(story, stay), URINE, strict=False)
        for itemid, volume in together
    ]
    schema = {"stay": pl.Int64, "charttime": pl.Int64, "itemid": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


LINE_DATES: tuple[tuple[int, str], ...] = (
    (225754, "any"),
    (224288, "arterial"),
    (224290, "arterial"),
    (224280, "central"),
    (224282, "central"),
    (229352, "any"),
)
"""Dates nurses chart daily of the lines a patient has."""


def dates(story: Story) -> pl.DataFrame:
    """When lines were placed and changed, charted once a day."""
    rng, stays, done = story.block.rng("dates"), story.stays, story.treatments
    days = np.ceil(stays.hours / 24).astype(np.int64)
    stay, day = spread(days)
    time = minutes(stays.start[stay]) + day * DAY + 60 * rng.integers(10, 180, len(stay))
    has = {"any": np.ones(len(stay), bool), "arterial": done.arterial_line[stay], "central": done.central_line[stay]}
    parts = []
    for itemid, line in LINE_DATES:
        keep = has[line] & (rng.random(len(stay)) < 0.6) & (time < stays.care_ends[stay])
        placed = stays.start[stay] // DAY * DAY - DAY * (rng.random(len(stays.stay_id)) < 0.2)[stay]
        parts.append(
            pl.DataFrame({"stay": stay, "charttime": time, "value": placed, "itemid": itemid}).filter(pl.Series(keep))
        )
    frame = pl.concat(parts).sort("stay", "charttime", "itemid", maintain_order=True)
    encounter, n = stays.encounter[frame["stay"].to_numpy()], frame.height
    return frame.select(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=pl.Series(story.encounters.hadm_id[encounter]),
        stay_id=pl.Series(stays.stay_id[frame["stay"].to_numpy()]),
        caregiver_id=pl.Series(caregiver_ids(rng, n)),
        charttime="charttime",
        storetime=pl.col("charttime") + 60 * pl.Series(rng.integers(0, 60, n)),
        itemid="itemid",
        value="value",
        valueuom=pl.lit("Date"),
        warning=pl.lit(0),
    )
