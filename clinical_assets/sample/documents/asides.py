"""What everyday notes are made of: small talk of patients and clinics, and sentences that tempt. Words, and no rule.

A tempting sentence speaks of relatives, of others, of what was, what might be, what is to be ruled out or what somebody
has heard; none states a fact of the patient's present state. `claim` is what a careless reader would make of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Since = Literal["always", "diagnosis", "recovery"]
"""From when a sentence makes sense: at any time, once the tumour is known, once the first operation is weeks away."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A tempting sentence: why it is none, what it tempts to claim (`<schema>.<field>: <value>`), and its words."""

    kind: str
    claim: str
    words: str
    since: Since = "always"


_STATUS, _EXTENT = "progress_note.clinical_disease_status", "operative_report.extent_of_resection"
_TUMOR = "tumor_status.tumor_status"
ASIDES: tuple[Aside, ...] = (
    Aside("family_history", "pathology.diagnosis: Glioblastoma", "Father died of glioblastoma at 58."),
    Aside("family_history", f"{_STATUS}: Recurrence", "A sister's breast cancer has come back twice."),
    Aside("family_history", f"{_EXTENT}: Gross Total Resection", "An aunt had a meningioma, taken out completely."),
    Aside("other_person", "medication.agent: bevacizumab", "A neighbor gets bevacizumab for colon cancer."),
    Aside("other_person", f"{_STATUS}: Progressive", "The spouse has lung cancer that has progressed."),
    Aside("other_person", f"{_EXTENT}: Gross Total Resection",
          "The family tells of a cousin whose brain tumor was removed in its entirety."),
    Aside("ruled_out", f"{_TUMOR}: New_Malignancy", "The referral had said to rule out malignancy."),
    Aside("ruled_out", f"{_STATUS}: Recurrence", "An MRI has been ordered to rule out recurrence.", "recovery"),
    Aside("ruled_out", f"{_STATUS}: Progressive", "Question of progression, to be settled by the scan.", "recovery"),
    Aside("negated", "progress_note.neurological_status: worsened", "Denies that the weakness is worse.", "diagnosis"),
    Aside("negated", f"{_STATUS}: Progressive", "Has not been told of any progression.", "diagnosis"),
    Aside("negated", "medication.agent: carmustine", "Never had carmustine.", "diagnosis"),
    Aside("historic", "progress_note.kps: 60", "KPS was 60 in the week after surgery.", "recovery"),
    Aside("historic", "medication.agent: dexamethasone", "Took dexamethasone around surgery, off since.", "recovery"),
    Aside("historic", f"{_STATUS}: Stable", "At the first visits the disease had been called stable.", "recovery"),
    Aside("historic", "pathology.diagnosis: basal cell carcinoma",
          "Basal cell carcinoma of the nose was taken off years ago, margins clear."),
    Aside("hypothetical", "medication.agent: lomustine", "If it grows, lomustine has been mentioned.", "recovery"),
    Aside("hypothetical", f"{_STATUS}: Recurrence", "Worries what happens should the tumor come back.", "diagnosis"),
    Aside("hypothetical", "radiation.total_dose_gy: 54", "Has read that others get 54 Gy; every plan differs.",
          "diagnosis"),
    Aside("hearsay", f"{_STATUS}: NED", "Says a friend looked at the scan and found no tumor.", "recovery"),
    Aside("hearsay", f"{_STATUS}: Progressive", "Has read the word progression in a report and asks about it.",
          "recovery"),
    Aside("hearsay", "imaging_extent.extent_of_resection: GTR", "Understood that all of it is out; wants to ask.",
          "recovery"),
    Aside("plan", "medication.agent: vorasidenib", "A trial of vorasidenib was talked about, nothing decided.",
          "recovery"),
    Aside("plan", "radiation.technique: proton therapy", "A second opinion on proton therapy is sought.", "diagnosis"),
    Aside("other_organ", "pathology.who_grade: 2", "Ankle sprain, grade 2, last year."),
    Aside("other_organ", f"{_TUMOR}: Stable", "The thyroid nodule is stable on ultrasound."),
    Aside("other_organ", f"{_TUMOR}: Decreased", "The lipoma of the back is smaller than it was."),
)  # fmt: skip

IN_PLACE: Mapping[str, Aside] = {
    "walks_better": Aside("other_matter", f"{_STATUS}: Responding",
          "Progressing well, good response to therapy."),
    "endurance": Aside("other_matter", "progress_note.treatment_response_statement: Responding",
          "Partial response to exercise; endurance remains stable."),
    "choroidal_nevus": Aside("other_organ", f"{_TUMOR}: Stable",
          "Choroidal nevus of the {eye} eye, flat, {nevus} mm, stable, no growth since {past_date}."),
    "cataract": Aside("other_organ", f"{_STATUS}: Progressive",
          "Early cataract, {eye} eye, progressive."),
    "keratosis_grows": Aside("other_organ", f"{_TUMOR}: Increased",
          "has increased in size according to the patient"),
    "rash_cleared": Aside("other_organ", f"{_STATUS}: NED",
          "nearly cleared. No new lesions, no recurrence."),
    "keratosis_removed": Aside("other_organ", f"{_EXTENT}: Gross Total Resection",
          "Seborrheic keratosis. Margins negative."),
    "skin_nevus_removed": Aside("other_organ", f"{_EXTENT}: Gross Total Resection",
          "Completely excised in the planes examined."),
    "pharmacist_asks": Aside("hypothetical", "medication.agent: temozolomide",
          "Asked whether temozolomide is planned: not known to pharmacy."),
    "joint_space": Aside("other_organ", f"{_TUMOR}: Stable",
          "stable compared with {past_date}"),
    "knee_effusion": Aside("other_organ", f"{_TUMOR}: Decreased",
          "Small effusion, decreased in size."),
    "liver_clear": Aside("other_organ", f"{_TUMOR}: NED",
          "No evidence of metastatic disease in the liver."),
    "gallbladder_polyp": Aside("other_organ", f"{_TUMOR}: New_Malignancy",
          "A gallbladder polyp of 0.4 cm is new."),
    "general_advice": Aside("hypothetical", f"{_EXTENT}: Gross Total Resection",
          "If your tumor has been completely removed, your doctor may still advise radiation."),
}  # fmt: skip
"""Tempting words that have their own slot in a template; names in braces are other slots."""

COMPLAINTS = (
    "Sore throat", "Constipation", "Itchy skin", "Trouble sleeping", "Low back pain", "Cough", "Heartburn",
    "Swollen ankles in the evening", "Loose stools", "A stuffy nose", "Hiccups", "Mouth sores",
)  # fmt: skip
QUESTIONS = (
    "Can I take the flu shot next week?", "Is it fine to fly in August?", "The bill for my visit looks wrong.",
    "My appointment clashes with work, can it be moved?", "May I drink a glass of wine?",
    "Which parking garage should I use?", "I lost the form for my employer.",
    "Do I need to fast before the blood test?", "When will I hear about my results?",
    "Can my daughter come along to the visit?",
)  # fmt: skip
ANSWERS = (
    "Yes, that is fine.", "The front desk will call.", "Please bring it up at the visit.", "It has been sent again.",
    "Forwarded to the billing office.", "No need to change anything.",
)  # fmt: skip
ADVICE = (
    "Rest and fluids; call again if no better in three days.", "Come in today if the fever returns.",
    "Use the mouth rinse four times a day.", "Take the tablet with food.", "Home care is enough for now.",
)  # fmt: skip
SHORT_DENIALS = ("No fever.", "No chest pain.", "Denies vomiting.", "No new complaints.", "Denies pain.")
FEELINGS = (
    "Slept well.", "Tired after lunch.", "In good spirits.", "Says the knee hurts less.",
    "Looks forward to the weekend.", "Worried about work.",
)  # fmt: skip
EXERCISES = ("Sit to stand", "Stair climbing", "Tandem walking", "Grip and pinch tasks", "Treadmill, slow", "Step-ups")
CLINICS = (
    "Eye clinic", "Primary care", "Neuro-oncology", "Infusion center", "Dental clinic", "MRI suite", "Physical therapy",
    "Laboratory",
)  # fmt: skip
SERVICES = ("MRI with contrast", "home physical therapy", "port placement", "a shower chair", "cataract surgery")
TOPICS = ("Falls at home", "Seizure safety", "Port care", "Hand hygiene", "Use of the thermometer")
VACCINES = ("Influenza vaccine", "Pneumococcal vaccine", "Tetanus booster", "COVID-19 vaccine", "Hepatitis B vaccine")
SKIN_SITES = ("left temple", "back", "right forearm", "scalp", "left calf", "chest")
HOME_DRUGS = (
    "lisinopril 10 mg daily", "omeprazole 20 mg daily", "atorvastatin 40 mg at night", "sertraline 50 mg daily",
    "metformin 500 mg twice daily", "levothyroxine 75 mcg daily",
)  # fmt: skip
