"""Notes about what the hospital's tables already tell: admissions, days on the ward, chest X-rays.

Diagnoses, conditions, intensive care, death and the findings of X-rays are the tables' own; only the words are new.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from random import Random

import numpy as np

from clinical_assets.sample.course.encounters import ICU
from clinical_assets.sample.course.people import CONDITION_NAMES
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.documents import phrases
from clinical_assets.sample.documents.findings import capital
from clinical_assets.sample.documents.stories import Person
from clinical_assets.sample.documents.text import Block, stated
from clinical_assets.sample.documents.wording import Occasion

EPOCH = dt.datetime(1970, 1, 1)
DAYS_BETWEEN_NOTES = 3
STATED, DENIED, DOUBTED = 1.0, 0.0, -1.0

# How a report states, denies and doubts each finding of an X-ray, in the order of 1, 0 and -1.
CHEST: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "Atelectasis": (("«Bibasilar atelectasis.»",), ("«No atelectasis.»",), ("«Possible atelectasis» at the bases.",)),
    "Cardiomegaly": (("«The heart is enlarged.»",), ("«Heart size is normal.»",), ("Heart size «borderline».",)),
    "Consolidation": (("«Consolidation» of the right lower lobe.",), ("«No consolidation.»",),
                      ("«Consolidation cannot be excluded.»",)),
    "Edema": (("«Moderate pulmonary edema.»", "«Interstitial edema» is present."), ("«No pulmonary edema.»",),
              ("«Perhaps mild edema.»",)),
    "Enlarged Cardiomediastinum": (("«The mediastinum is widened.»",), ("«Mediastinal contours are normal.»",),
                                   ("Mediastinum «prominent, possibly projectional».",)),
    "Fracture": (("«Acute rib fracture.»",), ("«No fracture.»",), ("«A rib fracture is suspected.»",)),
    "Lung Lesion": (("«A 1.4 cm nodule» in the left upper lobe.",), ("«No suspicious nodule.»",),
                    ("«Questionable nodule», CT advised.",)),
    "Lung Opacity": (("«Patchy opacity» at the right base.",), ("«The lungs are clear.»",),
                     ("«Opacity that may be overlap» at the base.",)),
    "Pleural Effusion": (("«Small bilateral pleural effusions.»", "«Left pleural effusion.»"),
                         ("«No pleural effusion.»", "«Costophrenic angles are sharp.»"),
                         ("«Trace effusion is possible.»",)),
    "Pleural Other": (("«Pleural thickening.»",), ("«No pleural thickening.»",), ("«Possible pleural plaque.»",)),
    "Pneumonia": (("Findings represent «pneumonia».",), ("«No pneumonia.»",), ("«Could represent early pneumonia.»",)),
    "Pneumothorax": (("«Small apical pneumothorax.»",), ("«No pneumothorax.»",),
                     ("«Subtle pneumothorax not excluded.»",)),
    "Support Devices": (("«Endotracheal tube in standard position.»", "«Right internal jugular line is in place.»"),
                        ("«Lines and tubes have been removed.»",), ("«A tube is possibly present», tip not seen.",)),
    "No Finding": (("«No acute cardiopulmonary process.»",), ("Not normal.",), ("Perhaps normal.",)),
}  # fmt: skip

INDICATIONS = ("Shortness of breath.", "Fever, evaluate for pneumonia.", "Line placement.", "Cough.")
IMPRESSIONS = (
    "As above. Clinical correlation is suggested.",
    "Otherwise as above.",
    "Follow-up as clinically indicated.",
)
STILL_THERE = ("Unchanged from the prior study", "As on the prior study")
NEW = ("New since the prior study", "Not seen on the prior study")
RESOLVED = ("What was seen on the prior study has cleared", "Resolved since the prior study")
RESOLVE = {"Atelectasis", "Consolidation", "Edema", "Lung Opacity", "Pleural Effusion", "Pneumonia", "Pneumothorax"}
"""Findings that go away; a report that says so names them all the same."""
WITHOUT_COMPARISON = 0.4


def ward_occasions(
    story: Story, patient: int, person: Person, rng: Random, *, notes: bool = True
) -> Iterator[Occasion]:
    """Discharge summaries of a patient's admissions and, with `notes`, notes of some days on the ward."""
    told = story.encounters
    for encounter in np.flatnonzero((told.patient == patient) & told.admitted):
        admitted, left = (_moment(int(times[encounter])) for times in (told.admit, told.over))
        slots = ward_slots(story, int(encounter), person.age(admitted.date()), person.female, rng)
        for day in range(DAYS_BETWEEN_NOTES, (left - admitted).days if notes else 0, DAYS_BETWEEN_NOTES):
            at = admitted.replace(hour=9, minute=rng.randrange(60)) + dt.timedelta(days=day)
            yield Occasion("progress_general", at, slots | {"day": str(day + 1)})
        yield Occasion("discharge_general", left, slots)


def _moment(seconds: int) -> dt.datetime:
    return EPOCH + dt.timedelta(seconds=seconds)


def ward_slots(story: Story, encounter: int, age: int, female: bool, rng: Random) -> dict[str, Block]:
    """Words for every slot of the notes about an admission."""
    told, people = story.encounters, story.people
    reason = REASONS[int(told.reason[encounter])]
    has = [name for name, here in zip(CONDITION_NAMES, people.conditions[told.patient[encounter]], strict=True) if here]
    conditions = ", ".join(has) or "no chronic disease"
    complaint = rng.choice(reason.complaints)
    intensive = bool(told.bounds[encounter, ICU + 1] > told.bounds[encounter, ICU])
    died = bool(told.died[encounter])
    outcome = "«The patient died in hospital.»" if died else "«Improved and was discharged.»"
    diagnosis = {"discharge_summary.diagnosis": reason.name}
    return {
        "age": str(age),
        "sex": "woman" if female else "man",
        "complaint": complaint,
        "complaint_lower": complaint.lower(),
        "conditions": conditions,
        "conditions_capital": capital(conditions),
        "first_condition": has[0] if has else "none",
        "reason": stated(reason.name, diagnosis),
        "reason_capital": stated(capital(reason.name), diagnosis),
        "service": reason.service,
        "icu_sentence": "Required intensive care." if intensive else "Did not require intensive care.",
        "outcome_sentence": stated(outcome, {"discharge_summary.disposition": "died" if died else "discharged"}),
        "disposition": "Expired." if died else "Home or facility as arranged.",
        "instructions": "None." if died else "Follow up with primary care in one week; return for fever.",
        "family_history": rng.choice(phrases.FAMILY_HISTORY),
    }


def chest_occasion(
    labels: Mapping[str, float | None],
    at: dt.datetime,
    rng: Random,
    prior: Mapping[str, float | None] | None = None,
) -> Occasion:
    """The report of a chest X-ray that says what its labels say, and no more.

    Args:
        labels: by finding, 1 stated, 0 denied, -1 doubted.
        at: when it is written.
        rng: of the words.
        prior: labels of the patient's study before, which the report then compares with.
    """
    told = {name: _finding(name, labels[name], rng) for name in CHEST if name in labels and labels[name] is not None}
    told.pop("No Finding", None)
    sentences = [_compared(words, name, labels[name], prior, rng) for name, words in told.items()]
    seen = [words for name, words in told.items() if labels[name] != DENIED]
    summed_up = " ".join(rng.sample(seen, min(len(seen), 2)))
    normal = labels.get("No Finding") == STATED
    impression = _finding("No Finding", STATED, rng) if normal else f"{summed_up} {rng.choice(IMPRESSIONS)}".strip()
    return Occasion(
        "chest_xray",
        at,
        {
            "indication": rng.choice(INDICATIONS),
            "comparison": "None." if prior is None else "Chest radiograph, the patient's last.",
            "chest_findings": " ".join(sentences) or "Low lung volumes.",
            "chest_impression": impression,
        },
    )


def _compared(words: str, name: str, value: float | None, prior: Mapping[str, float | None] | None, rng: Random) -> str:
    """The words of a finding, with how it was before where there is a study before and the report says so.

    The comparison stands in the finding's own sentence: what is new or unchanged is told by it alone.
    """
    if prior is None or value == DOUBTED or rng.random() < WITHOUT_COMPARISON:
        return words
    before = prior.get(name) == STATED
    if value == STATED:
        return f"{rng.choice(STILL_THERE if before else NEW)}: {words}"
    if before and name in RESOLVE:
        return f"{rng.choice(RESOLVED)}: {words}"
    return words


def _finding(name: str, value: float | None, rng: Random) -> str:
    wordings = CHEST[name][{STATED: 0, DENIED: 1, DOUBTED: 2}[value if value is not None else DENIED]]
    word = {STATED: "present", DENIED: "absent", DOUBTED: "uncertain"}[value if value is not None else DENIED]
    return stated(rng.choice(wordings), {f"chest_xray.{name.lower().replace(' ', '_')}": word})
