"""What the hospital does about failing organs: ventilators, lines, vasopressors, dialysis, cultures and antibiotics.

Treatment follows the course of the illness with the looseness of practice. It doesn't know the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clinical_assets.sample.blocks import Block, Booleans, Floats, Integers
from clinical_assets.sample.columns import minutes, spread
from clinical_assets.sample.course.encounters import Encounters, IcuStays
from clinical_assets.sample.course.people import DAY, HOUR, Patients
from clinical_assets.sample.course.physiology import organ
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.drawing import chance

NOT_DONE = -1
VASOPRESSOR_HOURS = 4
"""Infusion rates are charted anew every four hours."""
NOREPINEPHRINE, VASOPRESSIN, PHENYLEPHRINE, EPINEPHRINE, DOPAMINE, DOBUTAMINE, MILRINONE = range(7)

_OPERATIONS = ("coronary bypass", "aortic surgery", "knee replacement")
_HEART_OPERATIONS = ("coronary bypass", "aortic surgery")
_HEAD = ("intracerebral haemorrhage", "head injury")


@dataclass(frozen=True)
class Vasopressors:
    """Vasoactive infusions, one row per stay, agent and stretch of one rate.

    Attributes:
        stay: index of the stay.
        start: seconds.
        end: seconds.
        agent: one of the seven above.
        rate: mcg/kg/min, of vasopressin units/hour.
        run: number of the uninterrupted run of this agent in the stay; its rows share a linkorderid.
    """

    stay: Integers
    start: Integers
    end: Integers
    agent: Integers
    rate: Floats
    run: Integers


@dataclass(frozen=True)
class Treatments:
    """What is done. Times are seconds, `NOT_DONE` where it isn't.

    Attributes:
        ventilated_from: per stay, start of invasive ventilation.
        ventilated_to: per stay, its end.
        arterial_line: per stay.
        central_line: per stay.
        haemodialysis: per stay, in sessions.
        crrt_from: per stay, start of continuous dialysis.
        crrt_to: per stay, its end.
        masked: per stay, ventilated by mask at first.
        tracheostomy: per stay, off the ventilator through one.
        probe: per stay, pressure measured in the skull.
        paralysed: per stay, for the ventilator's sake.
        vasopressors: infusions.
        antibiotics_at: per encounter, first dose for an infection proven or suspected.
        cultured_at: per encounter, when cultures were taken.
        operated: per encounter, whether an operation was done.
    """

    ventilated_from: Integers
    ventilated_to: Integers
    arterial_line: Booleans
    central_line: Booleans
    haemodialysis: Booleans
    crrt_from: Integers
    crrt_to: Integers
    masked: Booleans
    tracheostomy: Booleans
    probe: Booleans
    paralysed: Booleans
    vasopressors: Vasopressors
    antibiotics_at: Integers
    cultured_at: Integers
    operated: Booleans


def is_reason(names: tuple[str, ...], reason: Integers) -> Booleans:
    """Whether the reason of each encounter is one of those named."""
    return np.isin(reason, [i for i, r in enumerate(REASONS) if r.name in names])


def treatments(block: Block, people: Patients, story: Encounters, stays: IcuStays) -> Treatments:
    """Decide the treatments of a block."""
    rng, n = block.rng("treatments"), len(stays.encounter)
    into = story.hours_since_arrival(stays.encounter, stays.start)
    early = story.courses.organs(stays.encounter, into + 3)
    lungs, circulation, kidneys, brain = (early[:, organ(o)] for o in ("lungs", "circulation", "kidneys", "brain"))
    reason = story.reason[stays.encounter]
    heart = is_reason(_HEART_OPERATIONS, reason)
    from_, to = _ventilation(block, stays, heart, lungs, brain)
    ventilated, lasted = from_ != NOT_DONE, to - from_
    dialysed = rng.random(n) < np.where(
        people.has("end stage renal disease", story.patient[stays.encounter]), 0.7, chance(2.0 * (kidneys - 4.0))
    )
    crrt = dialysed & (rng.random(n) < chance(circulation - 1.5))
    crrt_from = minutes(stays.start + rng.uniform(1, 12, n) * HOUR)
    crrt_to = np.minimum(minutes(crrt_from + rng.gamma(4, 12, n) * HOUR), minutes(stays.care_ends))
    crrt &= crrt_to - crrt_from > 2 * HOUR
    antibiotics_at, cultured_at = _infection_care(block, story, stays)
    return Treatments(
        ventilated_from=from_,
        ventilated_to=to,
        arterial_line=rng.random(n) < chance(-2.0 + 0.9 * circulation + 2.0 * ventilated + heart),
        central_line=rng.random(n) < chance(-2.6 + 1.0 * circulation + 1.2 * ventilated + heart),
        haemodialysis=dialysed & ~crrt,
        crrt_from=np.where(crrt, crrt_from, NOT_DONE),
        crrt_to=np.where(crrt, crrt_to, NOT_DONE),
        masked=~ventilated & (rng.random(n) < chance(-3.6 + 1.1 * lungs)),
        tracheostomy=ventilated & (lasted > 6 * DAY) & (rng.random(n) < 0.8),
        probe=is_reason(_HEAD, reason) & (rng.random(n) < chance(brain - 2.2)),
        paralysed=ventilated & (lungs > 3.2) & (rng.random(n) < 0.35),
        vasopressors=_vasopressors(block, story, stays, heart),
        antibiotics_at=antibiotics_at,
        cultured_at=cultured_at,
        operated=is_reason(_OPERATIONS, story.reason) & story.admitted,
    )


def _ventilation(
    block: Block, stays: IcuStays, heart: Booleans, lungs: Floats, brain: Floats
) -> tuple[Integers, Integers]:
    """From when to when patients are on the ventilator: after heart operations, for failing lungs or brain."""
    rng, n = block.rng("ventilation"), len(heart)
    worse = np.maximum(lungs - 2.7, brain - 2.9) + rng.normal(0, 0.3, n)
    needed = (heart & (rng.random(n) < 0.9)) | (rng.random(n) < chance(2.0 * worse))
    hours = np.where(heart, 9, 46) * np.exp(rng.normal(0, 0.8, n) + np.where(heart, 0, 0.15 * (lungs - 2)))
    start = minutes(stays.start + rng.uniform(0, 2.5, n) * HOUR)
    end = np.minimum(minutes(start + np.maximum(hours, 1.0) * HOUR), minutes(stays.care_ends))
    done = needed & (end > start)
    return np.where(done, start, NOT_DONE), np.where(done, end, NOT_DONE)


def _vasopressors(block: Block, story: Encounters, stays: IcuStays, heart: Booleans) -> Vasopressors:
    """Stretches in which circulation fails; the worst get vasopressin as well."""
    rng, n = block.rng("vasopressors"), len(stays.encounter)
    stretches = np.ceil(stays.hours / VASOPRESSOR_HOURS).astype(np.int64)
    stay, number = spread(stretches)
    start = minutes(stays.start[stay]) + number * VASOPRESSOR_HOURS * HOUR + 60 * rng.integers(1, 30, n)[stay]
    end = np.minimum(start + VASOPRESSOR_HOURS * HOUR, minutes(stays.care_ends[stay]))
    into = story.hours_since_arrival(stays.encounter[stay], start)
    failing = story.courses.organs(stays.encounter[stay], into)[:, organ("circulation")]
    failing = (
        failing + rng.normal(0, 0.35, n)[stay] + rng.normal(0, 0.1, len(stay)) + 0.8 * (heart[stay] & (number < 3))
    )
    agent = rng.choice(7, n, p=(0.71, 0.0, 0.16, 0.04, 0.04, 0.03, 0.02))
    agent = np.where(heart & (rng.random(n) < 0.6), PHENYLEPHRINE, agent)[stay]
    on = (failing > 2.55) & (end > start)
    strength = np.exp(0.75 * np.minimum(failing - 2.55, 3.0))
    usual = np.array([0.06, 2.4, 0.6, 0.03, 4.0, 3.0, 0.25])
    second = on & (failing > 3.4) & (agent == NOREPINEPHRINE)
    rows = np.concatenate([np.flatnonzero(on), np.flatnonzero(second)])
    given = np.concatenate([agent[on], np.full(int(second.sum()), VASOPRESSIN)])
    order = np.lexsort((start[rows], given, stay[rows]))
    rows, given = rows[order], given[order]
    rate = np.round(usual[given] * np.where(given == VASOPRESSIN, 1.0, strength[rows]), 4)
    new_run = np.ones(len(rows), bool)
    new_run[1:] = (stay[rows][1:] != stay[rows][:-1]) | (given[1:] != given[:-1]) | (start[rows][1:] > end[rows][:-1])
    return Vasopressors(stay[rows], start[rows], end[rows], given, rate, np.cumsum(new_run) - 1)


def _infection_care(block: Block, story: Encounters, stays: IcuStays) -> tuple[Integers, Integers]:
    """When antibiotics and cultures begin: for infections, and for some others on suspicion alone."""
    rng, n = block.rng("infection care"), len(story.patient)
    onset = np.where(np.isfinite(story.courses.onset), story.courses.onset, rng.uniform(0, 20, n))
    hour = np.maximum(onset, 0.2) + np.exp(rng.normal(0.9, 0.7, n))
    in_unit = np.zeros(n, bool)
    in_unit[stays.encounter] = True
    suspected = story.infected | (story.admitted & (rng.random(n) < np.where(in_unit, 0.36, 0.08)))
    given_at = minutes(story.arrival + hour * HOUR)
    given = suspected & (given_at < story.over - HOUR) & (rng.random(n) < 0.96)
    # Cultures mostly come first; now and then at the very minute, which no published window counts as either.
    apart = np.where(rng.random(n) < 0.8, -np.exp(rng.normal(0.3, 0.8, n)), np.exp(rng.normal(1.0, 0.9, n)))
    apart = np.where(rng.random(n) < 0.02, 0.0, apart)
    taken_at = np.maximum(minutes(given_at + apart * HOUR), story.arrival)
    taken = given & (taken_at < story.over) & (rng.random(n) < 0.9)
    return np.where(given, given_at, NOT_DONE), np.where(taken, taken_at, NOT_DONE)
