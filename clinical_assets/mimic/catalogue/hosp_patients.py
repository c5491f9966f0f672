"""Who was in hospital, when, where and under whose care: the patient and stay tables of the hosp module.

Row counts: the row-count validation scripts published with MIMIC-IV; `provider` counted in the demo.
"""

from clinical_assets.mimic.catalogue.columns import (
    FEMALE_OR_MALE,
    HADM_ID,
    HADM_ID_IF_ADMITTED,
    SUBJECT_ID,
    date,
    integer,
    text,
    timestamp,
    yes_no,
)
from clinical_assets.tables import SourceTable

SOURCE = "MIMIC-IV documentation, hosp module"
YEAR_GROUPS = ("2008 - 2010", "2011 - 2013", "2014 - 2016", "2017 - 2019", "2020 - 2022")

PATIENTS = SourceTable(
    key=("mimic", "hosp", "patients"),
    file="hosp/patients",
    grain="one row per patient",
    meaning=(
        "Sex, age and date of death. Dates of each patient are shifted by one random amount, so only differences "
        "within a patient are real; age at any time is anchor_age plus that time's year minus anchor_year."
    ),
    columns=(
        integer("subject_id", "Number standing for one patient, the same in every MIMIC module.", required=True),
        text("gender", "Sex on record: F or M.", required=True, allowed=FEMALE_OR_MALE),
        integer(
            "anchor_age",
            "Age in the anchor year; every age above 89 is published as 91.",
            unit="a",
            plausible=(0, 120),
        ),
        integer("anchor_year", "Shifted year in which the patient had the anchor age.", required=True),
        text(
            "anchor_year_group",
            "Span of real years the anchor year falls in, good for coarse calendar trends only.",
            required=True,
            allowed=YEAR_GROUPS,
        ),
        date(
            "dod",
            "Shifted date of death in or out of hospital, followed up for a year after the last discharge; an outcome, "
            "never a feature.",
        ),
    ),
    primary_key=("subject_id",),
    source=SOURCE,
    published_rows={"mimiciv/3.1": 364_627, "mimiciv/2.2": 299_712, "mimic-iv-demo/2.2": 100},
)

ADMISSIONS = SourceTable(
    key=("mimic", "hosp", "admissions"),
    file="hosp/admissions",
    grain="one row per hospital admission",
    meaning=(
        "Times, routes and circumstances of each hospital admission. Not all of a row is known at admission: discharge "
        "and death columns are known at their own time only."
    ),
    columns=(
        SUBJECT_ID,
        integer("hadm_id", "Number of the hospital admission.", required=True),
        timestamp("admittime", "When the patient was admitted; may precede leaving the ED.", required=True),
        timestamp("dischtime", "When the patient left the hospital alive or dead; unknown before that moment."),
        timestamp("deathtime", "When the patient died in hospital, empty for survivors; may lie after dischtime."),
        text(
            "admission_type",
            "How urgent and of which kind the admission was, e.g. EW EMER. or ELECTIVE.",
            required=True,
        ),
        text("admit_provider_id", "Code of the provider who admitted.", references="hosp/provider.provider_id"),
        text("admission_location", "Where the patient came from, e.g. EMERGENCY ROOM."),
        text("discharge_location", "Where the patient went, DIED included; an outcome known at discharge only."),
        text("insurance", "Payer's class, e.g. Medicare; may be revised at billing."),
        text("language", "Preferred language; ENGLISH or ? in releases before 3.0."),
        text("marital_status", "Marital status as registered."),
        text("race", "Race or ethnicity as registered."),
        timestamp("edregtime", "When the patient registered in the ED before this admission."),
        timestamp("edouttime", "When the patient left the ED for this admission; may differ from the ED module's."),
        yes_no("hospital_expire_flag", "1 where the patient died in this admission; an outcome, never a feature."),
    ),
    primary_key=("hadm_id",),
    happened="admittime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 546_028, "mimiciv/2.2": 431_231, "mimic-iv-demo/2.2": 275},
)

TRANSFERS = SourceTable(
    key=("mimic", "hosp", "transfers"),
    file="hosp/transfers",
    grain="one row per stay of a patient in one unit, plus one per discharge",
    meaning="Every move of a patient through the hospital's units, the ED included; ICU stays are derived from it.",
    columns=(
        SUBJECT_ID,
        HADM_ID_IF_ADMITTED,
        integer("transfer_id", "Number of this unit stay.", required=True),
        text(
            "eventtype",
            "What began the unit stay: ED visit, admission, transfer, or the closing discharge row.",
            allowed=("ED", "admit", "transfer", "discharge"),
        ),
        text("careunit", "Unit or ward the patient was in; empty on discharge rows."),
        timestamp("intime", "When the patient entered the unit, or left the hospital on a discharge row."),
        timestamp("outtime", "When the patient left the unit; unknown before that moment, empty on discharge rows."),
    ),
    primary_key=("transfer_id",),
    happened="intime",
    known="intime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 2_413_581, "mimiciv/2.2": 1_890_972, "mimic-iv-demo/2.2": 1_190},
)

SERVICES = SourceTable(
    key=("mimic", "hosp", "services"),
    file="hosp/services",
    grain="one row per change of the responsible service within an admission",
    meaning="Which clinical service (medicine, cardiac surgery, ...) was responsible, from when.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        timestamp("transfertime", "When the service took over.", required=True),
        text("prev_service", "Abbreviation of the service before; empty for an admission's first."),
        text(
            "curr_service", "Abbreviation of the service that took over, e.g. CMED for cardiac medical.", required=True
        ),
    ),
    primary_key=("hadm_id", "transfertime", "curr_service"),
    happened="transfertime",
    known="transfertime",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 593_071, "mimiciv/2.2": 468_029, "mimic-iv-demo/2.2": 319},
)

OMR = SourceTable(
    key=("mimic", "hosp", "omr"),
    file="hosp/omr",
    grain="one row per outpatient measurement",
    meaning=(
        "Blood pressure, weight, height, BMI and the like from the online medical record, in and out of admissions. "
        "Dated, not timed: a row counts as known from the end of chartdate only."
    ),
    columns=(
        SUBJECT_ID,
        date("chartdate", "Day the measurement was made.", required=True),
        integer("seq_num", "Tells apart repeats of one measurement on one day.", required=True),
        text("result_name", "What was measured with its unit, e.g. Weight (Lbs).", required=True),
        text("result_value", "Value as written; blood pressure as systolic/diastolic, e.g. 120/80.", required=True),
    ),
    happened="chartdate",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 7_753_027, "mimiciv/2.2": 6_439_169, "mimic-iv-demo/2.2": 2_964},
)

PROVIDER = SourceTable(
    key=("mimic", "hosp", "provider"),
    file="hosp/provider",
    grain="one row per provider",
    meaning="All provider codes of the hosp module; nothing else is published about them.",
    columns=(
        text("provider_id", "Random code standing for one provider: the letter P and five characters.", required=True),
    ),
    primary_key=("provider_id",),
    patient_keyed=False,
    source=SOURCE,
    published_rows={"mimic-iv-demo/2.2": 40_508},
)
