"""Chest X-rays of patients who came to the ED: metadata, split and two sets of labels."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Booleans, Floats, Integers
from clinical_assets.sample.columns import spread, where, words
from clinical_assets.sample.course.encounters import ED, NEVER
from clinical_assets.sample.course.people import DAY, HOUR
from clinical_assets.sample.course.physiology import organ
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE
from clinical_assets.sample.drawing import chance, picked

FIRST_STUDY = 50_000_000
GROUPS_WITH_XRAYS = (1, 2)
"""MIMIC-CXR was collected from 2011 to 2016."""
OUTSIDE_ANY_STAY = 0.10
INVALID_TIME = 0.004
UNLABELLED = 0.004
SPLIT = {"train": 0.90, "validate": 0.04, "test": 0.06}
"""The published split has fewer than a hundredth in validate and test; a small hospital would have none."""
VIEWS: dict[str, tuple[str, str]] = {
    "AP": ("antero-posterior", "CHEST (PORTABLE AP)"),
    "PA": ("postero-anterior", "CHEST (PA AND LAT)"),
    "LATERAL": ("lateral", "CHEST (PA AND LAT)"),
    "LL": ("left lateral", "CHEST (PA AND LAT)"),
    "": ("", "CHEST (PORTABLE AP)"),
}
LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
NO_FINDING, SUPPORT_DEVICES = LABELS.index("No Finding"), LABELS.index("Support Devices")
LABELERS_DISAGREE = 0.03


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The four tables of MIMIC-CXR-JPG."""
    studies = taken(story)
    images = imaged(story, studies)
    chexpert = labels(story, studies)
    return {
        "mimic/cxr/metadata": images,
        "mimic/cxr/split": split(story, images),
        "mimic/cxr/chexpert": chexpert,
        "mimic/cxr/negbio": other_labeler(story, chexpert),
    }


def taken(story: Story) -> pl.DataFrame:
    """One row per study: encounter, time, study_id, and whether it was taken in bed."""
    rng, told, stays = story.block.rng("x-rays"), story.encounters, story.stays
    collected = np.isin(story.people.group[told.patient], GROUPS_WITH_XRAYS)
    breath = told.courses.organs(np.arange(len(told.patient)), np.full(len(told.patient), 2.0))[:, organ("lungs")]
    at_ed = collected & (told.lasts(ED) > 0) & (rng.random(len(breath)) < chance(breath - 0.3))
    ed = np.flatnonzero(at_ed)
    unit, _ = spread(rng.poisson(0.9 * np.minimum(stays.hours / 24, 4) * collected[stays.encounter]))
    ward, _ = spread(rng.poisson(0.35, len(breath)) * (collected & told.admitted))
    away, _ = spread(rng.poisson(OUTSIDE_ANY_STAY, len(breath)) * collected)
    in_unit = stays.start[unit] + (rng.random(len(unit)) * (stays.care_ends - stays.start)[unit]).astype(np.int64)
    in_hospital = told.admit[ward] + (rng.random(len(ward)) * (told.over[ward] - told.admit[ward])).astype(np.int64)
    in_ed = told.arrival[ed] + (rng.uniform(0.05, 0.8, len(ed)) * told.lasts(ED)[ed]).astype(np.int64)
    before = told.arrival[away] // DAY * DAY - DAY * rng.integers(2, 150, len(away)) + HOUR * 8
    before = before + rng.integers(0, 9 * HOUR, len(away))
    encounter = np.concatenate([ed, stays.encounter[unit], ward, away])
    bed = np.concatenate(
        [rng.random(len(ed)) < 0.45, np.ones(len(unit), bool), rng.random(len(ward)) < 0.4, np.zeros(len(away), bool)]
    )
    time = np.concatenate([in_ed, in_unit, in_hospital, before])
    frame = pl.DataFrame({"encounter": encounter, "time": time, "bed": bed}).sort(
        "encounter", "time", maintain_order=True
    )
    numbers = story.block.identifiers("study_id", frame.height, lowest=FIRST_STUDY)
    return frame.with_columns(study_id=pl.Series(numbers))


def imaged(story: Story, studies: pl.DataFrame) -> pl.DataFrame:
    """One row per image: portable ones alone, upright ones with a lateral view."""
    rng = story.block.rng("images")
    bed = studies["bed"].to_numpy()
    row, number = spread(np.where(bed, 1 + (rng.random(len(bed)) < 0.12), 2 + (rng.random(len(bed)) < 0.1)))
    n, lying = len(row), bed[row]
    view = np.where(lying, 0, np.where(number == 0, 1, np.where(rng.random(n) < 0.75, 2, 3)))
    view = np.where(rng.random(n) < 0.04, len(VIEWS) - 1, view)
    time = studies["time"].to_numpy()[row]
    second = time % DAY + number * 67
    clock = (second // HOUR * 10_000 + second % HOUR // 60 * 100 + second % 60).clip(max=235_959)
    clock = np.where(rng.random(n) < INVALID_TIME, 246_199, clock)
    # The header's number has lost its leading zeros and keeps a fraction: 80556.875 is 08:05:56.875.
    fraction = rng.integers(0, 1_000, n)
    upright = np.where(lying, 0, 1)
    high = rng.random(n) < 0.5
    encounter = studies["encounter"].to_numpy()[row]
    described = words([description for _, description in VIEWS.values()], view)
    coded = words([code or None for code, _ in VIEWS.values()], view)
    return pl.DataFrame(
        {
            "dicom_id": _dicom_ids(rng, n),
            "subject_id": story.subject_of(encounter),
            "study_id": studies["study_id"].to_numpy()[row],
            "PerformedProcedureStepDescription": where(rng.random(n) < 0.91, described),
            "ViewPosition": words([name or None for name in VIEWS], view),
            "Rows": np.where(high, 3056, 2544),
            "Columns": np.where(high, 2544, 3056),
            "StudyDate": pl.from_epoch(pl.Series(time), "s").dt.strftime("%Y%m%d").cast(pl.Int64),
            "StudyTime": pl.Series(clock).cast(pl.String)
            + "."
            + pl.Series(fraction).cast(pl.String).str.zfill(3).str.strip_chars_end("0").replace("", "0"),
            "ProcedureCodeSequence_CodeMeaning": described,
            "ViewCodeSequence_CodeMeaning": coded,
            "PatientOrientationCodeSequence_CodeMeaning": where(
                rng.random(n) < 0.88, words(("Recumbent", "Erect"), upright)
            ),
        }
    )


def _dicom_ids(rng: np.random.Generator, n: int) -> pl.Series:
    """Five groups of eight hexadecimal digits, joined by hyphens."""
    groups = rng.integers(0, 1 << 32, (n, 5))
    return pl.Series(["-".join(f"{group:08x}" for group in row) for row in groups], dtype=pl.String)


def split(story: Story, images: pl.DataFrame) -> pl.DataFrame:
    """One row per image; a patient's images are all in one part."""
    rng, people = story.block.rng("official split"), story.people
    parts = pl.DataFrame({"subject_id": people.subject_id, "split": picked(rng, SPLIT, len(people.subject_id))})
    return images.select("dicom_id", "study_id", "subject_id").join(
        parts, on="subject_id", how="left", maintain_order="left"
    )


def _chances(story: Story, encounter: Integers, since: Floats) -> Floats:
    """How likely each finding of `LABELS` is, studies by labels."""
    told = story.encounters
    organs = told.courses.organs(encounter, since)
    lungs, circulation, kidneys = (organs[:, organ(o)] for o in ("lungs", "circulation", "kidneys"))
    reason = [r.name for r in REASONS]
    failing_heart = told.reason[encounter] == reason.index("heart failure")
    failing_heart |= story.has("heart failure", encounter)
    in_lung = np.array([r.infection == "LUNG" for r in REASONS])[told.reason[encounter]] & told.infected[encounter]
    in_lung |= told.infected[encounter] & (told.courses.onset[encounter] < NEVER) & (lungs > 2)
    tumour = story.has("lung cancer", encounter) | story.has("metastatic cancer", encounter)
    injured = told.reason[encounter] == reason.index("head injury")

    edema = chance(-3.0 + 1.6 * failing_heart + 0.5 * lungs + 0.4 * circulation + 0.25 * kidneys)
    pneumonia = chance(-3.1 + 2.9 * in_lung + 0.35 * lungs)
    effusion = chance(-2.4 + 1.0 * failing_heart + 0.5 * lungs + 0.5 * in_lung)
    fixed = np.full(len(lungs), 1.0)
    return np.stack(
        [
            chance(-1.9 + 0.4 * lungs),
            chance(-2.2 + 1.8 * failing_heart),
            chance(-3.6 + 2.0 * in_lung + 0.3 * lungs),
            edema,
            chance(-3.4 + 0.6 * failing_heart),
            chance(-3.6 + 1.4 * injured.astype(np.float64)),
            chance(-3.6 + 2.6 * tumour.astype(np.float64)),
            np.clip(0.9 * np.maximum(pneumonia, edema * 0.6) + 0.05, 0, 1),
            0.0 * fixed,
            effusion,
            0.012 * fixed,
            pneumonia,
            chance(-3.8 + 1.0 * injured),
            0.06 * fixed,
        ],
        axis=1,
    )


def labels(story: Story, studies: pl.DataFrame) -> pl.DataFrame:
    """One row per labelled study: 1 stated, 0 denied, -1 uncertain, empty not mentioned."""
    rng, told = story.block.rng("labels"), story.encounters
    encounter, time = studies["encounter"].to_numpy(), studies["time"].to_numpy()
    present = rng.random((studies.height, len(LABELS))) < _chances(
        story, encounter, told.hours_since_arrival(encounter, time)
    )
    present[:, SUPPORT_DEVICES] |= _has_tubes(story, encounter, time) & (rng.random(studies.height) < 0.92)
    found = np.delete(present, [NO_FINDING, SUPPORT_DEVICES], axis=1).any(axis=1)
    doubtful = rng.random(present.shape) < 0.10
    mentioned = rng.random(present.shape) < 0.12
    value = np.where(present, np.where(doubtful, -1.0, 1.0), np.where(mentioned, 0.0, np.nan))
    value[:, NO_FINDING] = np.where(found, np.nan, 1.0)
    frame = pl.DataFrame({"subject_id": story.subject_of(encounter), "study_id": studies["study_id"]}).with_columns(
        pl.Series(name, value[:, i]).fill_nan(None) for i, name in enumerate(LABELS)
    )
    return frame.filter(pl.Series(rng.random(studies.height) >= UNLABELLED))


def _has_tubes(story: Story, encounter: Integers, time: Integers) -> Booleans:
    """Whether a ventilator's tube or a central line was in during the stay the study falls into."""
    stays, done = story.stays, story.treatments
    tubes = np.zeros(len(encounter), bool)
    for stay in np.flatnonzero(done.central_line | (done.ventilated_from != NOT_DONE)):
        tubes |= (encounter == stays.encounter[stay]) & (time >= stays.start[stay]) & (time <= stays.care_ends[stay])
    return tubes


def other_labeler(story: Story, chexpert: pl.DataFrame) -> pl.DataFrame:
    """The same studies as another program reads them: mostly alike, sometimes doubtful where the first was sure."""
    rng = story.block.rng("negbio")
    differs = rng.random((chexpert.height, len(LABELS))) < LABELERS_DISAGREE
    return chexpert.with_columns(
        pl.when(pl.Series(differs[:, i]) & (pl.col(name) != 0)).then(-pl.col(name)).otherwise(pl.col(name)).alias(name)
        for i, name in enumerate(LABELS)
        if name != "No Finding"
    )
