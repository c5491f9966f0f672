"""The ed module: emergency department stays (MIMIC-IV-ED).

Row counts: the row-count validation scripts published with MIMIC-IV-ED. Plausible vital signs: the valid ranges of the
public MIMIC-IV-ED benchmark (mimic4ed), its 26-45 degrees Celsius turned into Fahrenheit, which the release uses.
"""

from collections.abc import Mapping

from clinical_assets.mimic.catalogue.columns import (
    FEMALE_OR_MALE,
    ICD_VERSIONS,
    SUBJECT_ID,
    integer,
    number,
    text,
    timestamp,
)
from clinical_assets.tables import Column, SourceTable

SOURCE = "MIMIC-IV-ED documentation, ed module"

STAY_ID = integer("stay_id", "Number of the ED stay.", required=True, references="ed/edstays.stay_id")
PAIN = text("pain", "Pain as the patient rates it, 0 to 10, as written: also 13, 8.5, unable, UTA, asleep or ett.")

_VITAL_SIGNS: Mapping[str, tuple[str, str, tuple[float, float]]] = {
    "temperature": (
        "Body temperature; entries below 50 are Celsius written into a Fahrenheit field.",
        "[degF]",
        (78.8, 113.0),
    ),
    "heartrate": ("Heart rate.", "/min", (0, 350)),
    "resprate": ("Breaths counted.", "/min", (0, 300)),
    "o2sat": ("Oxygen saturation by pulse oximeter.", "%", (0, 100)),
    "sbp": ("Systolic blood pressure.", "mm[Hg]", (0, 375)),
    "dbp": ("Diastolic blood pressure.", "mm[Hg]", (0, 375)),
}


def _vital_signs() -> tuple[Column, ...]:
    """The six measured vital signs, alike in triage and vitalsign."""
    return tuple(
        number(name, meaning, unit=unit, plausible=plausible)
        for name, (meaning, unit, plausible) in _VITAL_SIGNS.items()
    )


EDSTAYS = SourceTable(
    key=("mimic", "ed", "edstays"),
    file="ed/edstays",
    grain="one row per ED stay",
    meaning=(
        "Arrival, departure and outcome of each ED stay. Several ED stays may lead to one admission. outtime, "
        "disposition and hadm_id are known at the end of the stay only."
    ),
    columns=(
        SUBJECT_ID,
        integer(
            "hadm_id",
            "Admission the stay led to, empty where it led to none; an outcome of the stay.",
            references="hosp/admissions.hadm_id",
        ),
        integer("stay_id", "Number of the ED stay; unrelated to the ICU's stay_id.", required=True),
        timestamp("intime", "When the patient came to the ED.", required=True),
        timestamp("outtime", "When the patient left the ED; unknown before that moment.", required=True),
        text("gender", "Sex on record: F or M.", required=True, allowed=FEMALE_OR_MALE),
        text("race", "Race or ethnicity as registered at this stay."),
        text("arrival_transport", "How the patient came, e.g. AMBULANCE or WALK IN.", required=True),
        text("disposition", "How the stay ended, e.g. ADMITTED or HOME; an outcome."),
    ),
    primary_key=("stay_id",),
    happened="intime",
    source=SOURCE,
    published_rows={"mimic-iv-ed/2.2": 425_087, "mimic-iv-ed-demo/2.2": 222},
)

TRIAGE = SourceTable(
    key=("mimic", "ed", "triage"),
    file="ed/triage",
    grain="one row per ED stay",
    meaning="Complaint, acuity and vital signs at triage. No time is published: shortly after edstays.intime.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        *_vital_signs(),
        PAIN,
        number("acuity", "Emergency Severity Index, 1 most to 5 least urgent.", plausible=(1, 5)),
        text("chiefcomplaint", "Complaints in the patient's words as typed, de-identified, parted by commas."),
    ),
    primary_key=("stay_id",),
    source=SOURCE,
    published_rows={"mimic-iv-ed/2.2": 425_087, "mimic-iv-ed-demo/2.2": 222},
)

VITALSIGN = SourceTable(
    key=("mimic", "ed", "vitalsign"),
    file="ed/vitalsign",
    grain="one row per set of vital signs taken",
    meaning="Vital signs during the ED stay, every few hours. No filing time is published; charttime stands for it.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        timestamp("charttime", "When the vital signs were taken.", required=True),
        *_vital_signs(),
        text("rhythm", "Heart rhythm in words."),
        PAIN,
    ),
    primary_key=("stay_id", "charttime"),
    happened="charttime",
    known="charttime",
    source=SOURCE,
    published_rows={"mimic-iv-ed/2.2": 1_564_610, "mimic-iv-ed-demo/2.2": 1_038},
)

DIAGNOSIS = SourceTable(
    key=("mimic", "ed", "diagnosis"),
    file="ed/diagnosis",
    grain="one row per billed diagnosis of an ED stay",
    meaning="ICD diagnoses billed for the ED stay, coded afterwards: known at edstays.outtime at the earliest.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        integer("seq_num", "Rank of the diagnosis, 1 the most relevant.", required=True, plausible=(1, 9)),
        text("icd_code", "Diagnosis code without its dot.", required=True),
        integer("icd_version", "Revision the code belongs to.", required=True, plausible=ICD_VERSIONS),
        text("icd_title", "Diagnosis in words.", required=True),
    ),
    primary_key=("stay_id", "seq_num"),
    source=SOURCE,
    published_rows={"mimic-iv-ed/2.2": 899_050, "mimic-iv-ed-demo/2.2": 545},
)

MEDRECON = SourceTable(
    key=("mimic", "ed", "medrecon"),
    file="ed/medrecon",
    grain="one row per drug taken before the stay and therapeutic class of it",
    meaning="Drugs the patient was taking before coming to the ED, as reconciled by staff; not what was given there.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        timestamp("charttime", "When the drug list was taken."),
        text("name", "Drug's name."),
        text("gsn", "Generic sequence number of the drug with leading zeros."),
        text("ndc", "National Drug Code of 11 digits with leading zeros."),
        integer("etc_rn", "Numbers the therapeutic classes of one drug."),
        text("etccode", "Code of the therapeutic class (Enhanced Therapeutic Classification) with leading zeros."),
        text("etcdescription", "Therapeutic class in words."),
    ),
    happened="charttime",
    known="charttime",
    source=SOURCE,
    # The demo has 2,764 rows as published, but copies rebuilt from its FHIR resources (no etc_rn) hold fewer: no count
    # is held against either.
    published_rows={"mimic-iv-ed/2.2": 2_987_342},
)

PYXIS = SourceTable(
    key=("mimic", "ed", "pyxis"),
    file="ed/pyxis",
    grain="one row per drug taken from the dispensing cabinet and generic sequence number of it",
    meaning="Drugs dispensed in the ED by the Pyxis cabinet: taken out for the patient, very likely given.",
    columns=(
        SUBJECT_ID,
        STAY_ID,
        timestamp("charttime", "When the drug was taken from the cabinet."),
        integer("med_rn", "Numbers the drugs taken out at one time."),
        text("name", "Drug's name, with strength and form."),
        integer("gsn_rn", "Numbers the generic sequence numbers of one drug."),
        text("gsn", "Generic sequence number of the drug with leading zeros."),
    ),
    happened="charttime",
    known="charttime",
    source=SOURCE,
    published_rows={"mimic-iv-ed/2.2": 1_586_053, "mimic-iv-ed-demo/2.2": 1_082},
)

ED = (EDSTAYS, TRIAGE, VITALSIGN, DIAGNOSIS, MEDRECON, PYXIS)
