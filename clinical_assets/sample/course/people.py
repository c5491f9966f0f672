"""Who the patients are: ages, chronic diseases, body size, and the calendar each is shifted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Block, Booleans, Floats, Integers
from clinical_assets.sample.course.problems import CONDITIONS
from clinical_assets.sample.drawing import chance, picked

HOUR = 3_600
DAY = 86_400

YEAR_GROUPS = ("2008 - 2010", "2011 - 2013", "2014 - 2016", "2017 - 2019", "2020 - 2022")
YEAR_GROUP_SHARES = (0.24, 0.26, 0.24, 0.18, 0.08)
FIRST_YEAR_OF_GROUP = np.array([2008, 2011, 2014, 2017, 2020])
FIRST_ANCHOR_YEAR, LAST_ANCHOR_YEAR = 2110, 2192
LAST_DAY_YEARS_ON = 7
"""No encounter starts more years than this after the anchor year, so that all dates stay before 2201."""
OLDEST = 91
"""MIMIC reports every age above 89 as 91."""

RACES = {
    "WHITE": 0.62,
    "BLACK/AFRICAN AMERICAN": 0.14,
    "UNKNOWN": 0.05,
    "OTHER": 0.035,
    "ASIAN - CHINESE": 0.025,
    "ASIAN": 0.025,
    "HISPANIC/LATINO - PUERTO RICAN": 0.02,
    "HISPANIC/LATINO - DOMINICAN": 0.02,
    "WHITE - OTHER EUROPEAN": 0.02,
    "WHITE - RUSSIAN": 0.015,
    "BLACK/CAPE VERDEAN": 0.01,
    "PORTUGUESE": 0.005,
    "UNABLE TO OBTAIN": 0.01,
    "PATIENT DECLINED TO ANSWER": 0.005,
}
LANGUAGES = {"English": 0.90, "Spanish": 0.035, "Chinese": 0.02, "Russian": 0.02, "Portuguese": 0.015, "Haitian": 0.01}
MARITAL = {"MARRIED": 0.42, "SINGLE": 0.36, "WIDOWED": 0.13, "DIVORCED": 0.07, "": 0.02}


@dataclass(frozen=True)
class Patients:
    """The patients of a block, each array indexed by patient.

    Attributes:
        subject_id: MIMIC-like.
        female: sex as recorded.
        age: true age in the anchor year, 18 to 97.
        anchor_year: shifted year the age refers to.
        group: index in `YEAR_GROUPS` of the true years behind the anchor year.
        conditions: patients by `CONDITIONS`.
        frailty: what chronic disease adds to every illness.
        height: cm.
        weight: kg.
        race: as registered.
        language: as registered.
        marital: as registered, null where unknown.
        dies_later: days from the last discharge to a death at home, infinite where none within the year.
    """

    subject_id: Integers
    female: Booleans
    age: Floats
    anchor_year: Integers
    group: Integers
    conditions: Booleans
    frailty: Floats
    height: Floats
    weight: Floats
    race: pl.Series
    language: pl.Series
    marital: pl.Series
    dies_later: Floats

    def has(self, condition: str, patient: Integers) -> Booleans:
        """Whether patients have a chronic condition of that name."""
        affected: Booleans = self.conditions[patient, CONDITION_NAMES.index(condition)]
        return affected


CONDITION_NAMES = tuple(condition.name for condition in CONDITIONS)


def year_start(years: Integers) -> Integers:
    """The first second of each year, in seconds since 1970."""
    return (years - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)


def year_of(seconds: Integers) -> Integers:
    """The year each second lies in."""
    return seconds.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970


def patients(block: Block) -> Patients:
    """Draw the block's patients."""
    rng, n = block.rng("people"), block.patients
    age = np.clip(np.round(np.where(rng.random(n) < 0.8, rng.normal(66, 14, n), rng.normal(36, 12, n))), 18, 97)
    decades = (age - 60) / 10
    odds = np.array([np.log(c.share / (1 - c.share)) for c in CONDITIONS])
    growth = np.array([c.per_decade for c in CONDITIONS])
    likely = chance(odds + decades[:, None] * growth)
    conditions = rng.random((n, len(CONDITIONS))) < likely
    frailty = conditions @ np.array([c.burden for c in CONDITIONS]) + rng.normal(0, 0.35, n) + 0.08 * decades - 0.4
    female = rng.random(n) < 0.47
    height = rng.normal(np.where(female, 162, 176), 7)
    obese = conditions[:, CONDITION_NAMES.index("obesity")]
    weight = (height / 100) ** 2 * rng.normal(np.where(obese, 35, 26.5), 4)
    dies = rng.random(n) < chance(-2.9 + 0.9 * frailty + 0.25 * decades)
    return Patients(
        subject_id=block.subject_ids(),
        female=female,
        age=age.astype(np.float64),
        anchor_year=rng.integers(FIRST_ANCHOR_YEAR, LAST_ANCHOR_YEAR + 1, n),
        group=rng.choice(len(YEAR_GROUPS), n, p=YEAR_GROUP_SHARES),
        conditions=conditions,
        frailty=frailty,
        height=np.clip(height, 140, 205),
        weight=np.clip(weight, 38, 220),
        race=picked(rng, RACES, n),
        language=picked(rng, LANGUAGES, n),
        marital=picked(rng, MARITAL, n),
        dies_later=np.where(dies, 2 + rng.exponential(110, n), np.inf),
    )
