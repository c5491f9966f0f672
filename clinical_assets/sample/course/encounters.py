"""What happens to the patients: visits to the emergency department, admissions, intensive care, sepsis and death.

The story is decided here, once; every table tells its part of it. Times are whole seconds since 1970 in the shifted
calendar, hours count from the arrival of the encounter.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from clinical_assets.sample.blocks import Block, Booleans, Floats, Integers
from clinical_assets.sample.course import returns
from clinical_assets.sample.course.people import (
    DAY,
    FIRST_YEAR_OF_GROUP,
    HOUR,
    LAST_DAY_YEARS_ON,
    Patients,
    year_of,
    year_start,
)
from clinical_assets.sample.course.physiology import Courses, own_levels
from clinical_assets.sample.course.problems import CONDITIONS, ORGANS, REASONS
from clinical_assets.sample.drawing import chance

STEPS = ("emergency", "first ward", "first intensive", "second ward", "second intensive", "last ward")
"""The legs of an encounter, in order; a leg of no duration did not happen."""
ED, WARD, ICU, WARD_BETWEEN, SECOND_ICU, LAST_WARD = range(6)

FIRST_ADMISSION, FIRST_STAY = 20_000_000, 30_000_000
LONG_WAITS, LONG_WAIT_HOURS = 2, 15.0 * 24
"""Encounters of a block that spend so long on the ward before intensive care."""
GROUPS_WITH_ED = (1, 2, 3)
"""The ED module covers about 2011 to 2019."""
NEVER = np.inf


@dataclass(frozen=True)
class Encounters:
    """The encounters of a block in order of patient and time, each array indexed by encounter.

    Attributes:
        patient: index of the patient.
        hadm_id: admission, 0 where the patient went home from the ED.
        ed_stay_id: ED stay, 0 where there is none in the ED module.
        reason: index in `REASONS`.
        bounds: seconds at which each leg of `STEPS` begins, and the end: encounters by 7.
        admit: admission time, also where `hadm_id` is 0.
        discharge: when the patient left, as recorded (see `_discharge_times`).
        death: seconds, or -1.
        age: true age at arrival, in years.
        year: real year, from the patient's year group.
        infected: has an infection.
        courses: how sick, hour by hour.
        risk: log odds of dying in hospital, for tests of the mortality model only; no table carries it.
    """

    patient: Integers
    hadm_id: Integers
    ed_stay_id: Integers
    reason: Integers
    bounds: Integers
    admit: Integers
    discharge: Integers
    death: Integers
    age: Floats
    year: Integers
    infected: Booleans
    courses: Courses
    risk: Floats

    @property
    def arrival(self) -> Integers:
        """When the patient came."""
        return self.bounds[:, 0]

    @property
    def admitted(self) -> Booleans:
        """Whether there is an admission."""
        return self.hadm_id > 0

    @property
    def died(self) -> Booleans:
        """Whether the patient died in hospital."""
        return self.death >= 0

    @property
    def over(self) -> Integers:
        """When care ended: at death, or when the patient left."""
        return np.where(self.died, self.death, self.bounds[:, -1])

    def lasts(self, leg: int) -> Integers:
        """Seconds spent in a leg of `STEPS`."""
        return self.bounds[:, leg + 1] - self.bounds[:, leg]

    def hours_since_arrival(self, which: Integers, seconds: Integers) -> Floats:
        """Times as hours since the arrival of encounters `which`."""
        return (seconds - self.arrival[which]) / HOUR

    def kept(self, keep: Booleans) -> Encounters:
        """Only the encounters where `keep` holds."""
        rest = {f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "courses"}
        return Encounters(**rest, courses=_those(self.courses, keep))


def _per_reason(attribute: str) -> Floats:
    return np.array([getattr(reason, attribute) for reason in REASONS], dtype=np.float64)


_WEIGHTS = _per_reason("weight") / _per_reason("weight").sum()
_ILLNESS = _per_reason("illness")
_INTENSIVE = _per_reason("intensive")
_EFFECTS = np.array([reason.effects for reason in REASONS])
_CONDITION_EFFECTS = np.array([condition.effects for condition in CONDITIONS])
_INFECTED = np.array([reason.infection is not None for reason in REASONS])
_BY_ED = np.array([{"emergency": 0.97, "urgent": 0.35, "elective": 0.0}[reason.arrival] for reason in REASONS])
_PLANNED = np.array([reason.arrival == "elective" for reason in REASONS])


def encounters(block: Block, people: Patients) -> Encounters:
    """Draw the block's encounters, ending each patient's with a death in hospital if there is one."""
    rng = block.rng("encounters")
    came = _arrivals(block, people, rng)
    patient, reason, courses, by_ed, admitted = came.patient, came.reason, came.courses, came.by_ed, came.admitted
    intensive = admitted & (rng.random(len(patient)) < chance(0.40 + _INTENSIVE[reason] + 1.1 * courses.illness))
    hours = _legs(rng, courses, by_ed, admitted, intensive)
    risk = _risk(courses, people, patient, intensive, rng)
    died = admitted & (rng.random(len(patient)) < chance(risk))
    hours[died & intensive, LAST_WARD] = 0

    bounds = _calendar(rng, people, came, hours)
    years_on = year_of(bounds[:, 0]) - people.anchor_year[patient]
    ends = bounds[:, -1]
    death = np.where(died, ends // 60 * 60 - _bed_kept(rng, bounds), -1)
    drawn = Encounters(
        patient=patient,
        hadm_id=np.zeros(len(patient), np.int64),
        ed_stay_id=np.zeros(len(patient), np.int64),
        reason=reason,
        bounds=bounds,
        admit=_admit_times(rng, bounds, by_ed),
        discharge=_discharge_times(rng, hours, ends, death),
        death=death,
        age=courses.age + years_on,
        year=(FIRST_YEAR_OF_GROUP[people.group] + rng.integers(0, 3, block.patients))[patient] + years_on,
        infected=came.infected,
        courses=courses,
        risk=risk,
    )
    alive_and_in_time = _before_death(patient, died) & _before_the_last_year(people, patient, bounds)
    told = drawn.kept(alive_and_in_time)
    return _numbered(block, told, admitted[alive_and_in_time], _covered(people, told.patient))


@dataclass(frozen=True)
class _Arrivals:
    """Encounters before they have a calendar, in order of patient and time; `returns` follow the visit they return to.

    Attributes are those of `Encounters`; `by_ed` through the emergency department, `admitted` to hospital.
    """

    patient: Integers
    reason: Integers
    returns: Booleans
    courses: Courses
    infected: Booleans
    by_ed: Booleans
    admitted: Booleans


def _arrivals(block: Block, people: Patients, rng: np.random.Generator) -> _Arrivals:
    """Who comes, why, how sick, and whether to stay; returns to the emergency department among them."""
    busy = rng.gamma(0.7, 1.05 * np.exp(0.25 * people.frailty))
    patient = np.repeat(np.arange(block.patients), 1 + np.minimum(rng.poisson(busy), 14))
    reason = rng.choice(len(REASONS), len(patient), p=_WEIGHTS)
    patient, reason, again = returns.each_with_a_return(rng, patient, reason)
    courses, infected = _courses(block, people, patient, reason)
    by_ed = again | (rng.random(len(patient)) < _BY_ED[reason])
    stays = rng.random(len(patient)) < chance(1.4 + 1.3 * courses.illness)
    admitted = ~by_ed | ~_covered(people, patient) | stays
    told = returns.that_happen(rng, reason, courses.illness, again, by_ed & ~admitted)
    return _Arrivals(
        patient[told], reason[told], again[told], _those(courses, told), infected[told], by_ed[told], admitted[told]
    )


def _covered(people: Patients, patient: Integers) -> Booleans:
    """Whether the ED module covers the patients' years."""
    covered: Booleans = np.isin(people.group[patient], GROUPS_WITH_ED)
    return covered


def _those(courses: Courses, keep: Booleans) -> Courses:
    return Courses(**{f.name: getattr(courses, f.name)[keep] for f in fields(Courses)})


def _courses(block: Block, people: Patients, patient: Integers, reason: Integers) -> tuple[Courses, Booleans]:
    """How sick each encounter is, and whether an infection is behind it or joins it."""
    rng, n = block.rng("courses"), len(patient)
    chronic = people.conditions[patient] @ _CONDITION_EFFECTS
    illness = _ILLNESS[reason] + 0.30 * people.frailty[patient] + rng.normal(0, 0.85, n)
    infected = np.where(_INFECTED[reason], rng.random(n) < 0.93, rng.random(n) < chance(-2.2 + 0.7 * illness))
    septic = infected & (rng.random(n) < chance(0.1 + 0.9 * illness))
    from_home = _INFECTED[reason] & (rng.random(n) < 0.85)
    onset = np.where(from_home, rng.normal(3, 6, n), rng.uniform(20, 130, n))
    levels, phases = own_levels(block, n)
    courses = Courses(
        illness=illness,
        slope=rng.normal(-0.30, 0.40, n),
        offsets=_EFFECTS[reason] * rng.gamma(4, 0.25, n)[:, None] + chronic + rng.normal(0, 0.55, (n, len(ORGANS))),
        onset=np.where(septic, onset, NEVER),
        surge=np.where(septic, rng.gamma(4, 0.28, n), 0.0),
        relapse=np.where(rng.random(n) < 0.12, rng.uniform(60, 240, n), NEVER),
        levels=levels,
        phases=phases,
        age=people.age[patient],
    )
    return courses, infected


def _risk(
    courses: Courses, people: Patients, patient: Integers, intensive: Booleans, rng: np.random.Generator
) -> Floats:
    """Log odds of dying in hospital: how many organs fail on the second day, age, chronic disease, and chance."""
    everyone = np.arange(len(patient))
    failing = np.zeros(len(patient))
    for hour in (12.0, 30.0):
        states = courses.organs(everyone, np.full(len(patient), hour))
        failing += np.logaddexp(0.0, 1.5 * (states - 1.2)).mean(axis=1) / 2
    return (
        np.where(intensive, -5.75, -6.6)
        + 3.1 * failing
        + 0.25 * (courses.age - 60) / 10
        + 0.5 * people.frailty[patient]
        + rng.normal(0, 0.5, len(patient))
    )


def _legs(
    rng: np.random.Generator, courses: Courses, by_ed: Booleans, admitted: Booleans, intensive: Booleans
) -> Floats:
    """Hours of each leg, encounters by `STEPS`."""
    n = len(by_ed)

    def lasting(median: float, spread: float, where: Booleans) -> Floats:
        return np.where(where, median * np.exp(rng.normal(0, spread, n)), 0.0)

    direct = rng.random(n) < 0.62
    again = intensive & (rng.random(n) < 0.11)
    stays_on_ward = rng.random(n) < 0.92
    sicker = np.exp(0.22 * courses.illness)
    hours = np.zeros((n, len(STEPS)))
    hours[:, ED] = np.clip(lasting(6.2, 0.55, by_ed), 0.7 * by_ed, 60)
    hours[:, WARD] = lasting(58, 0.85, admitted & ~intensive) + lasting(18, 1.0, intensive & ~direct)
    # Some wait two weeks and longer for intensive care; chance alone would leave most small hospitals without one.
    hours[np.flatnonzero(intensive & ~direct)[:LONG_WAITS], WARD] = LONG_WAIT_HOURS
    hours[:, ICU] = np.clip(lasting(38, 0.85, intensive) * sicker, 2.0 * intensive, 24 * 45)
    hours[:, WARD_BETWEEN] = lasting(40, 0.7, again)
    hours[:, SECOND_ICU] = np.clip(lasting(34, 0.8, again) * sicker, 2.0 * again, 24 * 30)
    hours[:, LAST_WARD] = lasting(66, 0.9, intensive & stays_on_ward) * sicker
    return hours


def _calendar(rng: np.random.Generator, people: Patients, came: _Arrivals, hours: Floats) -> Integers:
    """Seconds at which legs begin and end: encounters are weeks to years apart, a return follows within days."""
    patient, n = came.patient, len(came.patient)
    first = np.concatenate([[True], patient[1:] != patient[:-1]])
    gap_days = np.where(first, rng.uniform(1, 330, n), np.clip(130 * np.exp(rng.normal(0, 1.2, n)), 3, 900))
    at_home = returns.hours_at_home(rng, n)
    gap_days = np.where(came.returns, at_home / 24, gap_days)
    legs = np.round(hours * HOUR).astype(np.int64)
    legs[:, ED] = legs[:, ED] // 60 * 60
    lengths = legs.sum(axis=1)
    step = (gap_days * DAY).astype(np.int64) + np.where(first, 0, np.concatenate([[0], lengths[:-1]]))
    total = np.cumsum(step)
    before = np.maximum.accumulate(np.where(first, total - step, 0))
    start = year_start(people.anchor_year)[patient] + total - before
    # People fall ill at all hours but come by day; planned operations start in the morning.
    by_day = rng.normal(14.5, 4.5, n) % 24
    hour = np.where(_PLANNED[came.reason], rng.uniform(6.5, 9, n), by_day)
    arrival = start // DAY * DAY + np.round(hour * 60).astype(np.int64) * 60
    # A return is timed from the very moment of leaving; by the day alone it could come before it, or days late.
    left = np.roll(arrival + lengths, 1)
    arrival = np.where(came.returns, left + np.round(at_home * 60).astype(np.int64) * 60, arrival)
    return np.concatenate([arrival[:, None], arrival[:, None] + np.cumsum(legs, axis=1)], axis=1)


def _bed_kept(rng: np.random.Generator, bounds: Integers) -> Integers:
    """Seconds a bed stays taken after a death: none for half of the dead, less than the last leg for all."""
    n, legs = len(bounds), np.diff(bounds, axis=1)
    last_leg = np.max(np.where(legs > 0, np.arange(len(STEPS)), -1), axis=1)
    kept = np.where(rng.random(n) < 0.5, rng.integers(5, 300, n) * 60, 0)
    seconds: Integers = np.minimum(kept, legs[np.arange(n), last_leg] * 2 // 5) // 60 * 60
    return seconds


def _admit_times(rng: np.random.Generator, bounds: Integers, by_ed: Booleans) -> Integers:
    """Admission is decided about 95 minutes before the patient leaves the ED; a few are registered late, in the ICU."""
    n, out = len(bounds), bounds[:, ED + 1]
    boarding = (95 * np.exp(rng.normal(0, 0.6, n))).astype(np.int64) * 60
    out = out // 60 * 60
    late = rng.random(n) < 0.02
    decided = np.where(by_ed, np.maximum(out - boarding, bounds[:, 0] + 600), bounds[:, 0])
    return np.where(late, out + rng.integers(20, 60, n) * 60, decided)


def _discharge_times(rng: np.random.Generator, hours: Floats, ends: Integers, death: Integers) -> Integers:
    """Discharge as the registry has it: often before the bedside system lets go, of a few dead the day before."""
    n = len(ends)
    from_unit = (hours[:, ICU] > 0) & (hours[:, LAST_WARD] == 0)
    early = np.where(from_unit & (rng.random(n) < 0.8), rng.integers(0, 260, n) * 60, 0)
    early = np.minimum(early, 0.5 * HOUR * hours[:, ICU]).astype(np.int64) // 60 * 60
    ends = ends // 60 * 60
    recorded = np.where(death >= 0, death + rng.integers(0, 90, n) * 60 * (rng.random(n) < 0.4), ends - early)
    misdated = (death >= 0) & (rng.random(n) < 0.12) & (hours.sum(axis=1) > 60)
    return np.where(misdated, death - rng.integers(1_240, 1_400, n) * 60, recorded)


def _before_death(patient: Integers, died: Booleans) -> Booleans:
    """Whether the patient was still alive when the encounter began."""
    deaths: Integers = np.cumsum(died) - died
    first = np.concatenate([[True], patient[1:] != patient[:-1]])
    earlier_patients = np.maximum.accumulate(np.where(first, deaths, 0))
    alive: Booleans = deaths == earlier_patients
    return alive


def _before_the_last_year(people: Patients, patient: Integers, bounds: Integers) -> Booleans:
    in_time: Booleans = bounds[:, 0] < year_start(people.anchor_year + LAST_DAY_YEARS_ON)[patient]
    return in_time


def _numbered(block: Block, story: Encounters, admitted: Booleans, covered: Booleans) -> Encounters:
    """Give admissions and ED stays their ids."""
    hadm_id = np.zeros(len(admitted), np.int64)
    hadm_id[admitted] = block.identifiers("hadm_id", int(admitted.sum()), lowest=FIRST_ADMISSION)
    in_module = covered & (story.lasts(ED) > 0)
    ed_stay_id = np.zeros(len(admitted), np.int64)
    # ED and ICU stays share one space of numbers without meeting; `icu_stays` takes its own from the same draw.
    ed_stay_id[in_module] = block.identifiers("stay_id", int(in_module.sum()), lowest=FIRST_STAY)
    return replace(story, hadm_id=hadm_id, ed_stay_id=ed_stay_id)


@dataclass(frozen=True)
class IcuStays:
    """The ICU stays of a block, each array indexed by stay.

    Attributes:
        encounter: index of the encounter.
        stay_id: MIMIC-like.
        leg: of `STEPS`.
        start: seconds.
        end: seconds.
        care_ends: seconds; of those who die, before the bed is cleared.
        changes_unit: seconds of a move to another ICU within the stay, or -1.
    """

    encounter: Integers
    stay_id: Integers
    leg: Integers
    start: Integers
    end: Integers
    care_ends: Integers
    changes_unit: Integers

    @property
    def hours(self) -> Floats:
        """Length of each stay."""
        return (self.end - self.start) / HOUR


def icu_stays(block: Block, story: Encounters) -> IcuStays:
    """The ICU legs of the encounters, in order."""
    rng = block.rng("icu_stays")
    legs = np.stack([story.lasts(ICU) > 0, story.lasts(SECOND_ICU) > 0], axis=1)
    encounter, which = np.nonzero(legs)
    leg = np.where(which == 0, ICU, SECOND_ICU)
    in_ed_module = int((story.ed_stay_id > 0).sum())
    numbers = block.identifiers("stay_id", in_ed_module + len(encounter), lowest=FIRST_STAY)[in_ed_module:]
    start = story.bounds[encounter, leg]
    end = story.bounds[encounter, leg + 1]
    care_ends = np.minimum(end, np.maximum(story.over[encounter], start + HOUR))
    moves = (rng.random(len(encounter)) < 0.08) & (end - start > 12 * HOUR)
    moved_at = start + ((end - start) * rng.uniform(0.25, 0.75, len(encounter))).astype(np.int64)
    return IcuStays(encounter.astype(np.int64), numbers, leg, start, end, care_ends, np.where(moves, moved_at, -1))
