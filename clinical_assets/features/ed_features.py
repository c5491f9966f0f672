"""The features of `ed_triage` and its table: the 81 columns of the emergency department's benchmark, by their names.

Two moments of prediction: at triage (`AT_TRIAGE`, 71 features) nothing of the stay itself is known but its triage;
on leaving the department (`AT_DISPOSITION`, all 81) also its last vital signs, length and drugs are. A model for triage
must not take the ten: that is what the two sets are for.

Names, complaints, ranges and outcomes were compared with the benchmark's code (nliulab/mimic4ed-benchmark 091ed6f7).
Ours differs where that looks ahead, reads a wrong unit or guesses:
- a stay's own hospital stay is no earlier one, even where it began before the department's;
- diagnoses count for five years of 365 days (there 356);
- of two grades of a Charlson condition the severer alone counts, as the index defines it (there both);
- what was charted or dispensed after leaving counts no more; a drug without a number counts by its name in both lists;
- temperatures recorded in Celsius are told from Fahrenheit; pain of 8.5 is 8.5 (there 8);
- death in hospital is the admission's own flag (there a date of death up to discharge);
- who can come back was neither admitted nor died in the department (there: has no hospital stay);
- what is missing stays missing (there the median of the training rows).
"""

from __future__ import annotations

from clinical_assets.concepts.comorbidity_codes import COMORBIDITIES
from clinical_assets.features.ed_scores import HIGHEST
from clinical_assets.features.elixhauser_codes import ELIXHAUSER
from clinical_assets.features.feature import Feature
from clinical_assets.tables import Column, Table, Type

LOOK_BACK_DAYS = (30, 90, 365)
CHARLSON_NAMES = {
    "cci_MI": "myocardial_infarct",
    "cci_CHF": "congestive_heart_failure",
    "cci_PVD": "peripheral_vascular_disease",
    "cci_Stroke": "cerebrovascular_disease",
    "cci_Dementia": "dementia",
    "cci_Pulmonary": "chronic_pulmonary_disease",
    "cci_Rheumatic": "rheumatic_disease",
    "cci_PUD": "peptic_ulcer_disease",
    "cci_Liver1": "mild_liver_disease",
    "cci_DM1": "diabetes_without_cc",
    "cci_DM2": "diabetes_with_cc",
    "cci_Paralysis": "paraplegia",
    "cci_Renal": "renal_disease",
    "cci_Cancer1": "malignant_cancer",
    "cci_Liver2": "severe_liver_disease",
    "cci_Cancer2": "metastatic_solid_tumor",
    "cci_HIV": "aids",
}
"""The benchmark's name of each Charlson condition."""
COMPLAINTS = {
    "chest_pain": "chest pain",
    "abdominal_pain": "abdominal pain|abd pain",
    "headache": "headache|lightheaded",
    "shortness_of_breath": "breath",
    "back_pain": "back pain",
    "cough": "cough",
    "nausea_vomiting": "nausea|vomit",
    "fever_chills": "fever|chill",
    "syncope": "syncope",
    "dizziness": "dizz",
}
"""What the chief complaint must contain, in lower case, as a regular expression: the benchmark's ten."""
VITALS = {
    "temperature": ("body temperature", "Cel", (26, 45), (14.2, 47)),
    "heartrate": ("heart rate", "/min", (0, 350), (0, 390)),
    "resprate": ("respiratory rate", "/min", (0, 300), (0, 330)),
    "o2sat": ("oxygen saturation", "%", (0, 100), (0, 150)),
    "sbp": ("systolic blood pressure", "mm[Hg]", (0, 375), (0, 375)),
    "dbp": ("diastolic blood pressure", "mm[Hg]", (0, 375), (0, 375)),
    "pain": ("pain as the patient rates it, 0 to 10", "{score}", (0, 10), (0, 10)),
}
"""Meaning, unit, valid range, and the range beyond which a value is no value; between the two it is clipped. The
benchmark's ranges, which are those of MIMIC-Extract."""
ACUITY = (1, 5)

_AT_ARRIVAL = "before arrival in this stay"
_DISCHARGED = "coded for a hospital stay that had ended before arrival, in the five years before"


def _yes(name: str, meaning: str, source: str, available: str = "") -> Feature:
    return Feature(name=name, meaning=meaning, unit="1", source=source, plausible=(0, 1), available=available)


def _count(name: str, meaning: str, source: str, available: str) -> Feature:
    return Feature(name=name, meaning=meaning, unit="1", source=source, plausible=(0, 10_000), available=available)


def _vitals(prefix: str, suffix: str, which: str, source: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            name=f"{prefix}{name}{suffix}",
            meaning=f"{which} {meaning}.",
            unit=unit,
            source=source,
            plausible=valid,
        )
        for name, (meaning, unit, valid, _) in VITALS.items()
    )


AT_TRIAGE: tuple[Feature, ...] = (
    Feature(name="age", meaning="Age on arrival.", unit="a", source="patients", plausible=(0, 120)),
    Feature(name="gender", meaning="Administrative gender.", source="ed_stays", categories=("F", "M")),
    *(
        _count(f"n_{kind}_{days}d", f"{said} begun in the {days} days before arrival.", source, _AT_ARRIVAL)
        for kind, said, source in (
            ("ed", "Stays in this emergency department", "ed_stays"),
            ("hosp", "Hospital stays", "hospital_stays"),
            ("icu", "ICU stays", "icu_stays"),
        )
        for days in LOOK_BACK_DAYS
    ),
    *_vitals("triage_", "", "At triage", "triage"),
    Feature(
        name="triage_acuity",
        meaning="Emergency severity index, 1 the most urgent.",
        unit="{score}",
        source="triage",
        plausible=ACUITY,
    ),
    *(
        _yes(f"chiefcom_{name}", f"1 if the chief complaint speaks of {name.replace('_', ' ')}, else 0.", "triage")
        for name in COMPLAINTS
    ),
    *(
        _yes(
            name,
            f"1 if {next(c.meaning for c in COMORBIDITIES if c.name == ours)} was coded before, else 0.",
            "diagnoses_icd",
            _DISCHARGED,
        )
        for name, ours in CHARLSON_NAMES.items()
    ),
    *(
        _yes(f"eci_{c.name}", f"1 if {c.meaning} was coded before, else 0.", "diagnoses_icd", _DISCHARGED)
        for c in ELIXHAUSER
    ),
    Feature(
        name="triage_MAP",
        meaning="Mean arterial pressure at triage, from systolic and diastolic.",
        unit="mm[Hg]",
        source="triage",
        plausible=(0, 375),
    ),
    Feature(
        name="score_CCI",
        meaning="Charlson comorbidity index of the conditions coded before and of age.",
        unit="points",
        source="diagnoses_icd",
        plausible=(0, 33),
        available=_DISCHARGED,
    ),
    *(
        Feature(
            name=f"score_{name}",
            meaning=f"{name} of the vital signs of triage, consciousness and oxygen taken as normal.",
            unit="points",
            source="triage",
            plausible=(0, highest),
        )
        for name, highest in HIGHEST.items()
    ),
)
"""The 71 known at triage."""

DURING_STAY: tuple[Feature, ...] = (
    *_vitals("ed_", "_last", "Last before leaving the department:", "vitalsign"),
    Feature(
        name="ed_los", meaning="Length of the stay in the department.", unit="h", source="ed_stays", plausible=(0, 500)
    ),
    _count(
        "n_med",
        "Different drugs dispensed in the department: generic sequence numbers, names where there is none.",
        "pyxis",
        "dispensed by leaving the department",
    ),
    _count(
        "n_medrecon",
        "Different drugs taken at home as reconciled: generic sequence numbers, names where there is none.",
        "medrecon",
        "recorded by leaving the department",
    ),
)
"""The ten known on leaving the department only; never for a prediction at triage."""
AT_DISPOSITION = (*AT_TRIAGE, *DURING_STAY)
"""All 81."""

ELIGIBLE = "eligible"
SENT_HOME = "eligible_at_disposition"
HOSPITALISATION = "outcome_hospitalization"
CRITICAL = "outcome_critical"
REVISIT = "outcome_ed_revisit_3d"
OUTCOMES = (HOSPITALISATION, CRITICAL, REVISIT)


def _outcome(name: str, meaning: str) -> Column:
    return Column(name=name, type=Type.INTEGER, plausible=(0, 1), meaning=f"{meaning} Never a feature.")


ED_TRIAGE = Table(
    key=("features", "ed_triage"),
    grain="one row per stay in the emergency department",
    meaning="What was known of an emergency department stay at triage, and on leaving, with three outcomes.",
    primary_key=("stay_id",),
    known="index_time",
    source="columns and outcomes of the MIMIC-IV-ED benchmark (nliulab/mimic4ed-benchmark); definitions corrected "
    "where they looked ahead or read the wrong unit",
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient. Never a feature."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ED stay. Never a feature."),
        Column(
            name="index_time",
            type=Type.TIMESTAMP,
            nullable=False,
            meaning="Arrival: the moment of prediction at triage (triage itself has no time).",
        ),
        Column(
            name="disposition_time",
            type=Type.TIMESTAMP,
            meaning="Leaving the department: the moment of prediction for the features of the stay.",
        ),
        Column(
            name=ELIGIBLE,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="At least 18 years old and triaged with an acuity; known at triage.",
        ),
        Column(
            name=SENT_HOME,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="Eligible, and left the department alive and not admitted: who may come back. Known on leaving.",
        ),
        _outcome(HOSPITALISATION, "Outcome: 1 if the stay led to a hospital stay."),
        _outcome(
            CRITICAL,
            "Outcome: 1 if the patient died in that hospital stay or entered its ICU within 12 h of leaving the "
            "department (or before leaving).",
        ),
        _outcome(
            REVISIT,
            "Outcome: 1 if the patient came back to the department within 72 h of leaving it. Predicted for those not "
            "admitted, as the benchmark does.",
        ),
        *(feature.declared() for feature in AT_DISPOSITION),
    ),
)
