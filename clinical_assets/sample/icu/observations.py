"""What a nurse writes down in a round: every item of the chart, read off the illness and its treatment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Booleans, Floats, Integers
from clinical_assets.sample.columns import words
from clinical_assets.sample.course.physiology import signal
from clinical_assets.sample.course.story import Story

HEART_RATE = 220045
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
NO_VOICE = len(SPEECH) - 1
DEVICES = (
    "None",
    "Nasal cannula",
    "Face tent",
    "High flow nasal cannula",
    "Non-rebreather",
    "Endotracheal tube",
    "Bipap mask ",
    "Trach mask ",
)
"""As charted; some end in a blank."""
TUBE, MASK, TRACHEOSTOMY = range(5, 8)
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
ECTOPY = ("None", "PVCs")
SITES = ("Oral", "Axillary", "Blood", "Rectal")
CRRT_MODES = ("CVVHDF", "CVVHD", "CVVH")
MASK_HOURS = 14.0
"""How long a mask is worn after the start of the stay."""
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


def every(rounds: Rounds, hours: float) -> Booleans:
    """Rounds at least `hours` apart: the first one after each multiple."""
    period = np.floor(rounds.hour / hours)
    first: Booleans = np.concatenate([[True], (period[1:] != period[:-1]) | (rounds.stay[1:] != rounds.stay[:-1])])
    return first


def reader(story: Story, rounds: Rounds, domain: str) -> tuple[np.random.Generator, Callable[[str], Floats]]:
    """Random numbers of a group of items, and a function reading a signal at every round."""
    rng = story.block.rng(domain)

    def read(name: str) -> Floats:
        return signal(name, story.encounters.courses, rounds.encounter, rounds.since, rounds.organs, rng)

    return rng, read


def vital_signs(story: Story, rounds: Rounds) -> list[Observation]:
    """Heart rate, pressures (arterial where there is a line), breathing and saturation at every round."""
    rng, read = reader(story, rounds, "vital signs")
    n = len(rounds.stay)
    taken = rng.random(n) < 0.98
    line = story.treatments.arterial_line[rounds.stay]
    mean, pulse = read("mean pressure"), np.maximum(read("pulse pressure"), 12)
    systolic, diastolic = np.round(mean + 0.62 * pulse), np.round(mean - 0.38 * pulse)
    by_cuff = taken & (~line | (rng.random(n) < 0.12))
    set_rate = np.where(rounds.ventilated, 2.0, 0.0)
    return [
        (HEART_RATE, rng.random(n) < 0.995, np.round(read("heart rate")), None, "bpm"),
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
    rng, read = reader(story, rounds, "temperatures")
    celsius = (rng.random(len(story.stays.stay_id)) < 0.1)[rounds.stay]
    taken = every(rounds, 4)
    degrees = read("temperature")
    site = rng.choice(len(SITES), len(taken), p=(0.7, 0.15, 0.1, 0.05))
    return [
        (223761, taken & ~celsius, np.round(degrees * 9 / 5 + 32, 1), None, "°F"),
        (223762, taken & celsius, np.round(degrees, 1), None, "°C"),
        (224642, taken & (rng.random(len(taken)) < 0.3), np.full(len(taken), np.nan), words(SITES, site), None),
    ]


def consciousness(story: Story, rounds: Rounds) -> list[Observation]:
    """The Glasgow coma scale in words and numbers; a tube in the throat leaves no voice to score."""
    rng, read = reader(story, rounds, "consciousness")
    total = np.round(read("coma scale") - 2.5 * rounds.ventilated).clip(3, 15).astype(np.int64)
    lost = 15 - total
    # Speech goes first, then the eyes, movement last.
    voice_lost = np.round(lost * 0.42 + 0.35 + rng.normal(0, 0.25, len(lost))).clip(0, 4).astype(np.int64) * (lost > 0)
    eyes_lost = np.round((lost - voice_lost) * 0.45).clip(0, 3).astype(np.int64)
    movement_lost = (lost - voice_lost - eyes_lost).clip(0, 5)
    taken = every(rounds, 4)
    tubed = rounds.ventilated
    voice = np.where(tubed, NO_VOICE, 4 - voice_lost)
    sedation = (5 - np.round(lost / 2.6)).clip(0, 6).astype(np.int64) + (rng.random(len(total)) < 0.05)
    return [
        (220739, taken, np.asarray(4.0 - eyes_lost, np.float64), words(EYES, 3 - eyes_lost), None),
        (223900, taken, np.where(tubed, 1.0, 5.0 - voice_lost), words(SPEECH, voice), None),
        (223901, taken, np.asarray(6.0 - movement_lost, np.float64), words(MOVEMENT, 5 - movement_lost), None),
        (228096, taken & tubed, np.asarray(sedation - 5.0, np.float64), words(SEDATION, sedation.clip(0, 6)), None),
    ]


def breathing(story: Story, rounds: Rounds) -> list[Observation]:
    """Oxygen, its device, and the ventilator."""
    rng, read = reader(story, rounds, "breathing")
    n, tubed = len(rounds.stay), rounds.ventilated
    taken = every(rounds, 6)
    device = np.searchsorted([22, 40, 50, 60], rounds.inspired)
    done = story.treatments
    masked = done.masked[rounds.stay] & (rounds.hour < MASK_HOURS)
    weaned = done.tracheostomy[rounds.stay] & (rounds.time >= done.ventilated_to[rounds.stay])
    device = np.where(tubed, TUBE, np.where(masked, MASK, np.where(weaned, TRACHEOSTOMY, device)))
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
    rng, read = reader(story, rounds, "other items")
    n = len(rounds.stay)
    diabetic = story.has("diabetes", rounds.encounter)
    fibrillating = story.has("atrial fibrillation", rounds.encounter)
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
        (224650, every(rounds, 24), np.full(n, np.nan), words(ECTOPY, np.where(rng.random(n) < 0.15, 1, 0)), None),
        (223758, rounds.number == 0, np.full(n, np.nan), words(CODE_STATUS, status), None),
    ]


def dialysis(story: Story, rounds: Rounds) -> list[Observation]:
    """The dialysis machine, while continuous dialysis runs; what a session of haemodialysis took off."""
    rng, done = story.block.rng("dialysis"), story.treatments
    n, stays = len(rounds.stay), len(story.stays.stay_id)
    running = (rounds.time >= done.crrt_from[rounds.stay]) & (rounds.time < done.crrt_to[rounds.stay])
    mode = rng.choice(len(CRRT_MODES), stays, p=(0.8, 0.12, 0.08))[rounds.stay]
    flow = (np.round(rng.normal(180, 25, stays) / 10) * 10)[rounds.stay]
    session = done.haemodialysis[rounds.stay] & (every(rounds, 24) & (rounds.hour >= 4))

    def around(mean: float, spread: float) -> Floats:
        return np.round(rng.normal(mean, spread, n))

    return [
        (227290, running, np.full(n, np.nan), words(CRRT_MODES, mode), None),
        (224144, running, flow, None, "ml/min"),
        (224149, running, around(-62, 25), None, "mmHg"),
        (224150, running, around(110, 25), None, "mmHg"),
        (224151, running, around(-2, 20), None, "mmHg"),
        (224152, running, around(46, 18), None, "mmHg"),
        (224153, running, around(16, 2) * 100, None, "ml/hr"),
        (224154, running & (mode < 2), around(6, 1) * 100, None, "ml/hr"),
        (224191, running, around(250, 70).clip(0), None, "mL"),
        (228004, running, around(180, 15), None, "ml/hr"),
        (225183, running, np.round(rng.normal(0, 80, n) / 50) * 50, None, "mL"),
        (226457, running, around(270, 70).clip(0), None, "mL"),
        (226499, session, np.round(rng.normal(2000, 700, n).clip(200) / 100) * 100, None, "mL"),
    ]


def brain_pressure(story: Story, rounds: Rounds) -> list[Observation]:
    """Pressure in the skull, where there is a probe."""
    _, read = reader(story, rounds, "brain pressure")
    return [(220765, story.treatments.probe[rounds.stay], np.round(read("brain pressure")), None, "mmHg")]


ITEMS = (vital_signs, temperatures, consciousness, breathing, body_size, other_items, dialysis, brain_pressure)
"""Everything that is charted."""
