"""The bedside chart of intensive care: chartevents, outputevents and datetimeevents.

Nurses chart in rounds, hourly at first and further apart later on. What is charted in a round comes from the patient's
course; how often, under which item and with which slips comes from here and from `dirt`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample import dirt
from clinical_assets.sample.blocks import Booleans, Floats, Integers
from clinical_assets.sample.columns import minutes, spread, where, words
from clinical_assets.sample.people import DAY, HOUR
from clinical_assets.sample.physiology import organ, signal
from clinical_assets.sample.problems import CONDITIONS
from clinical_assets.sample.staff import caregiver_ids
from clinical_assets.sample.story import Story

ROUNDS: Floats = np.concatenate(
    [[0, 1, 2, 4, 6, 9, 12, 16, 20, 24], np.arange(30, 49, 6), np.arange(56, 24 * 60, 8)]
).astype(np.float64)
"""Hours after the start of the stay at which nurses chart."""

EYES = ("None", "To Pain", "To Speech", "Spontaneously")
SPEECH = ("No Response", "Incomprehensible sounds", "Inappropriate Words", "Confused", "Oriented", "No Response-ETT")
MOVEMENT = (
    "No response",
    "Abnormal extension",
    "Abnormal Flexion",
    "Flex-withdraws",
    "Localizes Pain",
    "Obeys Commands",
)
TUBE = len(SPEECH) - 1
DEVICES = ("None", "Nasal cannula", "Face tent", "High flow nasal cannula", "Non-rebreather", "Endotracheal tube")
MODES = ("CMV/ASSIST/AutoFlow", "CPAP/PSV", "CMV/ASSIST", "PSV/SBT")
SEDATION = (
    "-5 Unarousable, no response to voice or physical stimulation",
    "-4 Deep sedation, no response to voice, but any movement or eye opening to physical stimulation",
    "-3 Moderate sedation, any movement (but no eye contact) to voice",
    "-2 Light sedation, briefly awakens (less than 10 seconds) to voice with eye contact",
    "-1 Awakens to voice (eye opening/contact) > 10 sec",
    " 0  Alert and calm",
    "+1 Anxious, apprehensive, but not aggressive",
)
RHYTHMS = (
    "SR (Sinus Rhythm)",
    "ST (Sinus Tachycardia) ",
    "SB (Sinus Bradycardia)",
    "AF (Atrial Fibrillation)",
    "V Paced",
)
CODE_STATUS = ("Full code", "DNR / DNI", "Comfort measures only")


@dataclass(frozen=True)
class Rounds:
    """Every round of charting, each array indexed by round.

    Attributes:
        stay: index of the stay.
        number: of the round within the stay.
        hour: after the start of the stay.
        time: seconds.
        encounter: index of the encounter.
        since: hours after arrival.
        organs: organ states.
        ventilated: whether on a ventilator.
        inspired: fraction of oxygen in percent.
    """

    stay: Integers
    number: Integers
    hour: Floats
    time: Integers
    encounter: Integers
    since: Floats
    organs: Floats
    ventilated: Booleans
    inspired: Floats


Observation = tuple[int, Booleans, Floats, pl.Series | None, str | None]
"""What one item adds: itemid, rounds it is charted in, numbers, words (None: the number as text), unit."""


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
    early = (rng.random(len(stays.stay_id)) < 0.09)[stay]
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


def every(rounds: Rounds, hours: float) -> Booleans:
    """Rounds at least `hours` apart: the first one after each multiple."""
    period = np.floor(rounds.hour / hours)
    first: Booleans = np.concatenate([[True], (period[1:] != period[:-1]) | (rounds.stay[1:] != rounds.stay[:-1])])
    return first


def chart(story: Story, rounds: Rounds) -> pl.DataFrame:
    """One row per observation."""
    observations = [
        observation
        for kind in (vital_signs, temperatures, consciousness, breathing, body_size, other_items)
        for observation in kind(story, rounds)
    ]
    parts = [_rows(rounds, observation) for observation in observations]
    frame = dirt.chart(pl.concat(parts), story.block.rng("dirt of the chart"))
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


def _reader(story: Story, rounds: Rounds, domain: str) -> tuple[np.random.Generator, Callable[[str], Floats]]:
    """Random numbers of a group of items, and a function reading a signal at every round."""
    rng = story.block.rng(domain)

    def read(name: str) -> Floats:
        return signal(name, story.encounters.courses, rounds.encounter, rounds.since, rounds.organs, rng)

    return rng, read


def vital_signs(story: Story, rounds: Rounds) -> list[Observation]:
    """Heart rate, pressures (arterial where there is a line), breathing and saturation at every round."""
    rng, read = _reader(story, rounds, "vital signs")
    n = len(rounds.stay)
    taken = rng.random(n) < 0.98
    line = story.treatments.arterial_line[rounds.stay]
    mean, pulse = read("mean pressure"), np.maximum(read("pulse pressure"), 12)
    systolic, diastolic = np.round(mean + 0.62 * pulse), np.round(mean - 0.38 * pulse)
    by_cuff = taken & (~line | (rng.random(n) < 0.12))
    set_rate = np.where(rounds.ventilated, 2.0, 0.0)
    return [
        (220045, rng.random(n) < 0.995, np.round(read("heart rate")), None, "bpm"),
        (220050, taken & line, systolic, None, "mmHg"),
        (220051, taken & line, diastolic, None, "mmHg"),
        (220052, taken & line, np.round(mean + rng.normal(0, 1.5, n)), None, "mmHg"),
        (220179, by_cuff, np.round(systolic + rng.normal(0, 5, n) * line), None, "mmHg"),
        (220180, by_cuff, np.round(diastolic + rng.normal(0, 5, n) * line), None, "mmHg"),
        (220181, by_cuff, np.round(mean + rng.normal(-1, 3, n)), None, "mmHg"),
        (220210, taken, np.round(read("respiratory rate") + set_rate).astype(np.float64), None, "insp/min"),
        (220277, taken, np.round(read("saturation") + 0.8 * rounds.ventilated).clip(55, 100), None, "%"),
    ]


def temperatures(story: Story, rounds: Rounds) -> list[Observation]:
    """Temperatures every four hours: Fahrenheit on most stays, Celsius on some."""
    rng, read = _reader(story, rounds, "temperatures")
    celsius = (rng.random(len(story.stays.stay_id)) < 0.1)[rounds.stay]
    taken = every(rounds, 4)
    degrees = read("temperature")
    return [
        (223761, taken & ~celsius, np.round(degrees * 9 / 5 + 32, 1), None, "°F"),
        (223762, taken & celsius, np.round(degrees, 1), None, "°C"),
    ]


def consciousness(story: Story, rounds: Rounds) -> list[Observation]:
    """The Glasgow coma scale in words and numbers; a tube in the throat leaves no voice to score."""
    rng, read = _reader(story, rounds, "consciousness")
    total = np.round(read("coma scale") - 2.5 * rounds.ventilated).clip(3, 15).astype(np.int64)
    lost = 15 - total
    # Speech goes first, then the eyes, movement last.
    voice_lost = np.round(lost * 0.42 + 0.35 + rng.normal(0, 0.25, len(lost))).clip(0, 4).astype(np.int64) * (lost > 0)
    eyes_lost = np.round((lost - voice_lost) * 0.45).clip(0, 3).astype(np.int64)
    movement_lost = (lost - voice_lost - eyes_lost).clip(0, 5)
    taken = every(rounds, 4)
    tubed = rounds.ventilated
    voice = np.where(tubed, TUBE, 4 - voice_lost)
    sedation = (5 - np.round(lost / 2.6)).clip(0, 6).astype(np.int64) + (rng.random(len(total)) < 0.05)
    return [
        (220739, taken, np.asarray(4.0 - eyes_lost, np.float64), words(EYES, 3 - eyes_lost), None),
        (223900, taken, np.where(tubed, 1.0, 5.0 - voice_lost), words(SPEECH, voice), None),
        (223901, taken, np.asarray(6.0 - movement_lost, np.float64), words(MOVEMENT, 5 - movement_lost), None),
        (228096, taken & tubed, np.asarray(sedation - 5.0, np.float64), words(SEDATION, sedation.clip(0, 6)), None),
    ]


def breathing(story: Story, rounds: Rounds) -> list[Observation]:
    """Oxygen, its device, and the ventilator."""
    rng, read = _reader(story, rounds, "breathing")
    n, tubed = len(rounds.stay), rounds.ventilated
    taken = every(rounds, 6)
    device = np.searchsorted([22, 40, 50, 60], rounds.inspired)
    device = np.where(tubed, len(DEVICES) - 1, device)
    percent = np.round(rounds.inspired / 5) * 5
    # A few nurses chart the fraction, not the percentage.
    fraction = (rng.random(len(story.stays.stay_id)) < 0.02)[rounds.stay]
    mode = np.where(rng.random(n) < 0.6, 0, rng.integers(0, len(MODES), n))
    plateau = np.round(read("plateau pressure"))
    volume = np.round(read("tidal volume"))
    return [
        (226732, taken, np.full(n, np.nan), words(DEVICES, device), None),
        (223834, taken & ~tubed & (device > 0), np.maximum(np.round((rounds.inspired - 20) / 4), 1), None, "L/min"),
        (223835, taken & (tubed | (device > 2)), np.where(fraction, percent / 100, percent), None, None),
        (223849, taken & tubed, np.full(n, np.nan), words(MODES, mode), None),
        (220339, taken & tubed, np.clip(np.round((rounds.inspired - 10) / 7), 5, 18), None, "cmH2O"),
        (224684, taken & tubed & (mode == 0), np.round(volume / 10) * 10, None, "mL"),
        (224685, taken & tubed, volume, None, "mL"),
        (224690, taken & tubed, np.round(read("respiratory rate") + 2), None, "insp/min"),
        (224695, taken & tubed, plateau + rng.integers(2, 8, n), None, "cmH2O"),
        (224696, taken & tubed & (rng.random(n) < 0.4), plateau, None, "cmH2O"),
        (
            220074,
            every(rounds, 8) & story.treatments.central_line[rounds.stay],
            np.round(read("venous pressure")),
            None,
            "mmHg",
        ),
    ]


def body_size(story: Story, rounds: Rounds) -> list[Observation]:
    """Weight at admission and daily, height in centimetres and inches."""
    rng, people = story.block.rng("body size"), story.people
    n, patient = len(rounds.stay), story.encounters.patient[rounds.encounter]
    first = rounds.number == 0
    asked = (rng.random((len(story.stays.stay_id), 2)) < (0.92, 0.5))[rounds.stay]
    weight = people.weight[patient] * (1 + 0.012 * np.minimum(rounds.hour / 24, 4)) + rng.normal(0, 0.5, n)
    height = np.round(people.height[patient])
    return [
        (226512, first & asked[:, 0], np.round(weight, 1), None, "kg"),
        (226531, first & asked[:, 0], np.round(weight * 2.20462, 1), None, None),
        (224639, every(rounds, 24) & ~first & (rng.random(n) < 0.5), np.round(weight, 1), None, "kg"),
        (226730, first & asked[:, 1], height, None, "cm"),
        (226707, first & asked[:, 1], np.round(height / 2.54), None, "Inch"),
    ]


def other_items(story: Story, rounds: Rounds) -> list[Observation]:
    """Finger sticks, rhythm, code status and the bedside copies of a few laboratory values."""
    rng, read = _reader(story, rounds, "other items")
    n = len(rounds.stay)
    patient = story.encounters.patient[rounds.encounter]
    names = [c.name for c in CONDITIONS]
    diabetic = story.people.conditions[patient, names.index("diabetes")]
    fibrillating = story.people.conditions[patient, names.index("atrial fibrillation")]
    rate = read("heart rate")
    rhythm = np.where(fibrillating, 3, np.where(rate > 100, 1, np.where(rate < 58, 2, 0)))
    comfort = rounds.organs.mean(axis=1) + rng.normal(0, 0.8, len(story.stays.stay_id))[rounds.stay]
    status = np.where(comfort > 3.2, 2, np.where(comfort > 2.4, 1, 0))
    # A drop on a glove shows several times the sugar.
    smeared = np.where(rng.random(n) < 0.002, 4.0, 1.0)
    sugar = np.round(read("glucose") * np.where(diabetic, 1.4, 1.0) * smeared)
    return [
        (225664, every(rounds, 6) & (rng.random(n) < np.where(diabetic, 0.9, 0.35)), sugar, None, None),
        (220048, every(rounds, 8), np.full(n, np.nan), words(RHYTHMS, rhythm), None),
        (223758, rounds.number == 0, np.full(n, np.nan), words(CODE_STATUS, status), None),
    ]


def outputs(story: Story, rounds: Rounds) -> pl.DataFrame:
    """Urine since the last round, by catheter or freely, and a few drains."""
    rng, read = _reader(story, rounds, "outputs")
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
    frame = pl.concat(
        pl.DataFrame({"stay": rounds.stay, "charttime": rounds.time, "itemid": item, "value": value}).filter(
            pl.Series(keep)
        )
        for item, keep, value in parts
    ).unique(["stay", "charttime", "itemid"], keep="first", maintain_order=True)
    frame = frame.sort("stay", "charttime", "itemid")
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
    frame = pl.concat(parts).sort("stay", "charttime", "itemid")
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
