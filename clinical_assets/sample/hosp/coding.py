"""Which ICD diagnoses are coded for each encounter, in which revision."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Booleans, Integers
from clinical_assets.sample.columns import words
from clinical_assets.sample.course.encounters import NEVER
from clinical_assets.sample.course.problems import COMPLICATIONS, CONDITIONS, REASONS, Complication
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE
from clinical_assets.sample.uncommon.codes import coded_besides

PRINCIPAL, COMPLICATION, CHRONIC = range(3)
LAST_YEAR_OF_ICD_9 = 2015
STORY_SHARES = {"fall": 0.035, "history": 0.02}


def icd_versions(story: Story) -> Integers:
    """The revision each encounter is coded in: ICD-10 from October 2015."""
    autumn = story.block.rng("icd revision").random(len(story.encounters.year)) < 0.25
    year = story.encounters.year
    return np.where((year > LAST_YEAR_OF_ICD_9) | ((year == LAST_YEAR_OF_ICD_9) & autumn), 10, 9)


def coded(story: Story) -> pl.DataFrame:
    """One row per encounter and code: encounter, rank (why it ranks: principal, complication, chronic), code, version.

    The same condition may be the reason to come and a chronic disease; it is coded once, as the reason.
    """
    rng, told = story.block.rng("coding"), story.encounters
    everyone = np.arange(len(told.patient))
    parts = [
        _rows(story, everyone, PRINCIPAL, _codes(story, everyone, [(r.icd9, r.icd10) for r in REASONS], told.reason))
    ]
    for complication in COMPLICATIONS:
        happened = np.flatnonzero(_happened(story, complication, rng))
        pairs = [(complication.icd9, complication.icd10)]
        parts.append(
            _rows(story, happened, COMPLICATION, _codes(story, happened, pairs, np.zeros(len(happened), np.int64)))
        )
    encounter, condition = np.nonzero(
        story.people.conditions[told.patient] & (rng.random((len(everyone), len(CONDITIONS))) < 0.9)
    )
    parts.append(
        _rows(story, encounter, CHRONIC, _codes(story, encounter, [(c.icd9, c.icd10) for c in CONDITIONS], condition))
    )
    besides = coded_besides(story, icd_versions(story)).with_columns(rank=pl.lit(CHRONIC, pl.Int64))
    return (
        pl.concat([*parts, besides.select(parts[0].columns)])
        .unique(["encounter", "icd_code"], keep="first", maintain_order=True)
        .sort("encounter", "rank", maintain_order=True)
    )


def _codes(story: Story, encounter: Integers, pairs: list[tuple[str, str]], which: Integers) -> pl.Series:
    """The code of each row in the revision of its encounter."""
    ten = (icd_versions(story)[encounter] == 10).astype(np.int64)
    return words([code for pair in pairs for code in pair], which * 2 + ten)


def _rows(story: Story, encounter: Integers, rank: int, code: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "encounter": encounter.astype(np.int64),
            "rank": np.full(len(encounter), rank, np.int64),
            "icd_code": code,
            "icd_version": icd_versions(story)[encounter],
        }
    )


def _happened(story: Story, complication: Complication, rng: np.random.Generator) -> Booleans:
    """Whether each admission is coded with the complication; coders read the chart, and miss some."""
    told, done, stays = story.encounters, story.treatments, story.stays
    n = len(told.patient)
    if complication.organ is not None:
        hours = (12.0, 36.0)
        worst = np.max([told.courses.organs(np.arange(n), np.full(n, h))[:, complication.organ] for h in hours], axis=0)
        failed: Booleans = told.admitted & (worst + rng.normal(0, 0.5, n) > complication.threshold)
        return failed
    shocked = np.zeros(n, bool)
    shocked[stays.encounter[done.vasopressors.stay]] = True
    septic = (told.courses.onset < NEVER) & (done.antibiotics_at != NOT_DONE)
    chance = rng.random(n)
    happened: dict[str, Booleans] = {
        "sepsis": septic & (chance < 0.85),
        "shock": septic & shocked & (chance < 0.8),
        "died": (told.died & (chance < 0.5)) | (chance < 0.01),
        "fall": chance < STORY_SHARES["fall"],
        "history": chance < STORY_SHARES["history"],
    }
    return told.admitted & happened[complication.when]
