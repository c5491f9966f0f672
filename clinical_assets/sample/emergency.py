"""The emergency department: edstays, triage, vitalsign, diagnosis, medrecon and pyxis."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample import dirt
from clinical_assets.sample.blocks import Floats, Integers
from clinical_assets.sample.columns import minutes, spread, where, words
from clinical_assets.sample.course.encounters import ED, FIRST_STAY
from clinical_assets.sample.course.people import HOUR
from clinical_assets.sample.course.physiology import signal
from clinical_assets.sample.course.problems import ICD_TITLES, REASONS
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.drawing import picked
from clinical_assets.sample.hosp.coding import COMPLICATION, PRINCIPAL, coded
from clinical_assets.sample.hosp.formulary import DISPENSED, HOME_DRUGS
from clinical_assets.sample.uncommon.codes import TITLES

MOST_DIAGNOSES = 9
SENT_HOME = {
    "HOME": 0.93,
    "LEFT WITHOUT BEING SEEN": 0.02,
    "ELOPED": 0.015,
    "LEFT AGAINST MEDICAL ADVICE": 0.015,
    "TRANSFER": 0.02,
}
FORGOTTEN_ADMISSION = 0.02
"""Share of ED stays that led to an admission but don't name it."""
SPLIT_STAYS = 0.025
"""Share of ED stays recorded as two that name the same admission."""
MEASURES = ("temperature", "heartrate", "resprate", "o2sat", "sbp", "dbp")


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The six tables of the ED module."""
    stays = ed_stays(story)
    return {
        "mimic/ed/edstays": stays.drop("encounter", "second"),
        "mimic/ed/triage": triage(story, stays),
        "mimic/ed/vitalsign": vital_signs(story, stays),
        "mimic/ed/diagnosis": diagnoses(story, stays),
        "mimic/ed/medrecon": reconciled_drugs(story, stays),
        "mimic/ed/pyxis": dispensed_drugs(story, stays),
    }


def ed_stays(story: Story) -> pl.DataFrame:
    """One row per ED stay, with the encounter's index and whether it is the second half of a stay recorded as two."""
    told, rng = story.encounters, story.block.rng("ed stays")
    encounter = np.flatnonzero(told.ed_stay_id > 0)
    n = len(encounter)
    intime, outtime = told.arrival[encounter], told.bounds[encounter, ED + 1]
    admitted = told.admitted[encounter]
    names_it = admitted & (rng.random(n) >= FORGOTTEN_ADMISSION)
    sick = told.courses.illness[encounter] > rng.normal(0.1, 0.7, n)
    came = pl.select(
        pl.when(pl.Series(sick))
        .then(pl.lit("AMBULANCE"))
        .otherwise(picked(rng, {"WALK IN": 0.83, "AMBULANCE": 0.1, "UNKNOWN": 0.06, "OTHER": 0.01}, n))
    ).to_series()
    home = picked(rng, SENT_HOME, n)
    frame = pl.DataFrame(
        {
            "subject_id": story.subject_of(encounter),
            "hadm_id": where(names_it, told.hadm_id[encounter]),
            "stay_id": told.ed_stay_id[encounter],
            "intime": intime,
            "outtime": outtime,
            "gender": words(("M", "F"), story.people.female[told.patient[encounter]].astype(np.int64)),
            "race": story.people.race.gather(pl.Series(told.patient[encounter])),
            "arrival_transport": came,
            "disposition": pl.select(pl.when(pl.Series(admitted)).then(pl.lit("ADMITTED")).otherwise(home)).to_series(),
            "encounter": encounter,
            "second": np.zeros(n, bool),
        }
    )
    half = intime + (outtime - intime) // 2
    split = admitted & (rng.random(n) < SPLIT_STAYS)
    others = int((told.ed_stay_id > 0).sum()) + len(story.stays.stay_id)
    numbers = story.block.identifiers("stay_id", others + n, lowest=FIRST_STAY)[others:]
    second = frame.with_columns(stay_id=pl.Series(numbers), intime=pl.Series(half + 240), second=pl.lit(True)).filter(
        pl.Series(split)
    )
    first = frame.with_columns(outtime=pl.when(pl.Series(split)).then(pl.Series(half)).otherwise("outtime"))
    return pl.concat([first, second]).sort("subject_id", "intime", maintain_order=True)


def _measures(story: Story, encounter: Integers, time: Integers, rng: np.random.Generator) -> dict[str, Floats]:
    """The six vital signs of the ED, as read off the monitor."""
    courses = story.encounters.courses
    since = story.encounters.hours_since_arrival(encounter, time)
    organs = courses.organs(encounter, since)

    def read(name: str) -> Floats:
        return signal(name, courses, encounter, since, organs, rng)

    mean, pulse = read("mean pressure") + 8, read("pulse pressure")
    return {
        "temperature": np.round(read("temperature") * 1.8 + 32, 1),
        "heartrate": np.round(read("heart rate")),
        "resprate": np.round(read("respiratory rate")),
        "o2sat": np.round(read("saturation")).clip(60, 100),
        "sbp": np.round(mean + 0.62 * pulse),
        "dbp": np.round(mean - 0.38 * pulse),
    }


def _pain(rng: np.random.Generator, n: int) -> pl.Series:
    """Pain as typed: mostly a number, sometimes a word, seldom something else."""
    number = np.where(rng.random(n) < 0.42, 0, rng.integers(1, 11, n))
    words_typed = picked(rng, dirt.PAIN_WORDS, n)
    typed = rng.random(n) < dirt.PAIN_IN_WORDS
    return pl.select(
        pl.when(pl.Series(typed)).then(words_typed).otherwise(pl.Series(number).cast(pl.String))
    ).to_series()


def _some_missing(frame: pl.DataFrame, rng: np.random.Generator, shares: dict[str, float]) -> pl.DataFrame:
    return frame.with_columns(
        pl.when(pl.Series(rng.random(frame.height) >= share)).then(pl.col(name)).alias(name)
        for name, share in shares.items()
    )


def triage(story: Story, stays: pl.DataFrame) -> pl.DataFrame:
    """One row per ED stay."""
    rng = story.block.rng("triage")
    encounter, n = stays["encounter"].to_numpy(), stays.height
    told = story.encounters
    reason = told.reason[encounter]
    complaints = [complaint for r in REASONS for complaint in r.complaints]
    first = np.cumsum([0, *(len(r.complaints) for r in REASONS)])
    which = first[reason] + (rng.random(n) * np.diff(first)[reason]).astype(np.int64)
    acuity = np.clip(np.round(2.75 - 0.55 * told.courses.illness[encounter] + rng.normal(0, 0.5, n)), 1, 5)
    frame = pl.DataFrame(
        {
            "subject_id": stays["subject_id"],
            "stay_id": stays["stay_id"],
            **_measures(story, encounter, told.arrival[encounter] + 420, rng),
            "pain": _pain(rng, n),
            "acuity": acuity,
            "chiefcomplaint": words(complaints, which),
        }
    )
    frame = _some_missing(
        frame, rng, dict.fromkeys(MEASURES, 0.05) | {"pain": 0.06, "acuity": 0.05, "chiefcomplaint": 0.002}
    )
    return dirt.struck(frame, dirt.ED_SLIPS, story.block.rng("dirt of triage"))


def vital_signs(story: Story, stays: pl.DataFrame) -> pl.DataFrame:
    """One row per set of vital signs, every hour or two."""
    rng = story.block.rng("ed vital signs")
    hours = ((stays["outtime"] - stays["intime"]) / HOUR).to_numpy()
    stay, number = spread(np.minimum(1 + hours / 1.7, 12).astype(np.int64))
    encounter = stays["encounter"].to_numpy()[stay]
    time = minutes(stays["intime"].to_numpy()[stay] + (number * 1.6 + rng.uniform(0.1, 1.4, len(stay))) * HOUR)
    keep = time <= stays["outtime"].to_numpy()[stay]
    stay, encounter, time = stay[keep], encounter[keep], time[keep]
    n = len(stay)
    shown = {
        "": 0.965,
        "Sinus Rhythm": 0.012,
        "Atrial Fibrillation": 0.007,
        "Sinus Tachycardia": 0.006,
        "afib": 0.005,
        "sr": 0.003,
        "Normal Sinus Rhythm, PVC's": 0.002,
    }
    frame = pl.DataFrame(
        {
            "subject_id": stays["subject_id"].gather(pl.Series(stay)),
            "stay_id": stays["stay_id"].gather(pl.Series(stay)),
            "charttime": time,
            **_measures(story, encounter, time, rng),
            "rhythm": picked(rng, shown, n),
            "pain": _pain(rng, n),
        }
    )
    frame = _some_missing(
        frame,
        rng,
        {
            "temperature": 0.42,
            "heartrate": 0.03,
            "resprate": 0.05,
            "o2sat": 0.07,
            "sbp": 0.04,
            "dbp": 0.04,
            "pain": 0.28,
        },
    )
    return dirt.struck(frame, dirt.ED_SLIPS, story.block.rng("dirt of ed vital signs"))


def diagnoses(story: Story, stays: pl.DataFrame) -> pl.DataFrame:
    """One row per billed diagnosis: the reason, and chronic diseases that were noted."""
    rng = story.block.rng("ed diagnoses")
    codes = coded(story).filter(pl.col("rank") != COMPLICATION)
    noted = (pl.col("rank") == PRINCIPAL) | pl.Series(rng.random(codes.height) < 0.25)
    titles = pl.DataFrame(
        [(code, version, title.upper()) for (code, version), title in (ICD_TITLES | TITLES).items()],
        schema=["icd_code", "icd_version", "icd_title"],
        orient="row",
    )
    return (
        stays.select("encounter", "subject_id", "stay_id")
        .join(codes.filter(noted), on="encounter", how="inner", maintain_order="left_right")
        .with_columns(seq_num=pl.int_range(1, pl.len() + 1).over("stay_id"))
        .filter(pl.col("seq_num") <= MOST_DIAGNOSES)
        .join(titles, on=["icd_code", "icd_version"], how="left", maintain_order="left")
        .drop("encounter", "rank")
    )


def reconciled_drugs(story: Story, stays: pl.DataFrame) -> pl.DataFrame:
    """One row per drug taken at home."""
    rng = story.block.rng("medrecon")
    encounter = stays["encounter"].to_numpy()
    likely = np.stack(
        [
            np.full(len(encounter), 0.16) if taken_for == "any" else 0.75 * story.has(taken_for, encounter)
            for taken_for, *_ in HOME_DRUGS
        ],
        axis=1,
    )
    asked = (rng.random(len(encounter)) < 0.72)[:, None]
    stay, drug = np.nonzero(asked & (rng.random(likely.shape) < likely))
    time = minutes(stays["intime"].to_numpy()[stay] + (np.exp(rng.normal(4, 0.6, len(encounter)))[stay] * 60))
    columns = dict(
        zip(("name", "gsn", "ndc", "etccode", "etcdescription"), list(zip(*HOME_DRUGS, strict=True))[1:], strict=True)
    )
    return pl.DataFrame(
        {
            "subject_id": stays["subject_id"].gather(pl.Series(stay)),
            "stay_id": stays["stay_id"].gather(pl.Series(stay)),
            "charttime": time,
            **{name: words(texts, drug) for name, texts in columns.items()},
            "etc_rn": np.ones(len(stay), np.int64),
        }
    )


def dispensed_drugs(story: Story, stays: pl.DataFrame) -> pl.DataFrame:
    """One row per drug taken from the cabinet and number it goes by."""
    rng = story.block.rng("pyxis")
    hours = ((stays["outtime"] - stays["intime"]) / HOUR).to_numpy()
    stay, number = spread(rng.poisson(1.3, stays.height))
    drug = rng.integers(0, len(DISPENSED), len(stay))
    time = minutes(stays["intime"].to_numpy()[stay] + rng.uniform(0.1, 0.95, len(stay)) * hours[stay] * HOUR)
    row, gsn = spread(np.array([len(numbers) for _, numbers in DISPENSED])[drug])
    places = np.cumsum([0, *(len(numbers) for _, numbers in DISPENSED)])
    return pl.DataFrame(
        {
            "subject_id": stays["subject_id"].gather(pl.Series(stay[row])),
            "stay_id": stays["stay_id"].gather(pl.Series(stay[row])),
            "charttime": time[row],
            "med_rn": number[row] + 1,
            "name": words([name for name, _ in DISPENSED], drug[row]),
            "gsn_rn": gsn + 1,
            "gsn": words([n for _, numbers in DISPENSED for n in numbers], places[drug[row]] + gsn),
        }
    ).sort("subject_id", "stay_id", "charttime", "med_rn", "gsn_rn", maintain_order=True)
