"""The catalogue of `stays/`: who was where, when, and who belongs to which split."""

from clinical_assets.tables import Column, Table, Type

_SUBJECT = Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient.")
_HADM = Column(name="hadm_id", type=Type.INTEGER, nullable=False, meaning="The hospital stay (admission).")
_AGE = Column(
    name="age",
    type=Type.INTEGER,
    unit="a",
    plausible=(0, 120),
    meaning="Age at admission: anchor_age plus the years from anchor_year to the admission's year; over 89 is grouped "
    "by the release at 91.",
)
_GENDER = Column(name="gender", type=Type.TEXT, allowed=("F", "M"), meaning="Administrative gender.")
_DIED = Column(
    name="hospital_expire_flag",
    type=Type.INTEGER,
    plausible=(0, 1),
    meaning="1 if the patient died in this hospital stay. An outcome, known at discharge.",
)
_ADMITTIME = Column(name="admittime", type=Type.TIMESTAMP, meaning="When the patient was admitted to the hospital.")
_DISCHTIME = Column(
    name="dischtime", type=Type.TIMESTAMP, meaning="When the patient left the hospital. Known at discharge only."
)

HOSPITAL_STAYS = Table(
    key=("stays", "hospital_stays"),
    grain="one row per hospital admission",
    meaning="Hospital stays with the patient's age and the stay's order in the patient's history.",
    primary_key=("hadm_id",),
    happened="admittime",
    source="MIMIC-IV hosp: admissions, patients",
    columns=(
        _SUBJECT,
        _HADM,
        Column(name="admittime", type=Type.TIMESTAMP, nullable=False, meaning="When the patient was admitted."),
        _DISCHTIME,
        Column(name="deathtime", type=Type.TIMESTAMP, meaning="When the patient died, if in this stay. An outcome."),
        Column(name="admission_type", type=Type.TEXT, meaning="Urgency and kind of the admission."),
        Column(name="admission_location", type=Type.TEXT, meaning="Where the patient came from."),
        Column(name="discharge_location", type=Type.TEXT, meaning="Where the patient went. Known at discharge only."),
        Column(
            name="edregtime",
            type=Type.TIMESTAMP,
            meaning="Registration in the emergency department as the admission records it; it need not agree with "
            "the emergency department's own record.",
        ),
        Column(name="edouttime", type=Type.TIMESTAMP, meaning="Leaving the emergency department, likewise."),
        _GENDER,
        _AGE,
        _DIED,
        Column(
            name="los_days",
            type=Type.FLOAT,
            unit="d",
            plausible=(0, 400),
            meaning="Length of the hospital stay. Known at discharge only.",
        ),
        Column(
            name="hospital_stay_number",
            type=Type.INTEGER,
            nullable=False,
            meaning="1 for the patient's first admission in the release, by admission time.",
        ),
        Column(
            name="died_after_discharge_time",
            type=Type.BOOLEAN,
            meaning="The recorded death is later than the recorded discharge: a fault of the record, kept and marked.",
        ),
    ),
)

ICU_STAYS = Table(
    key=("stays", "icu_stays"),
    grain="one row per ICU stay",
    meaning="ICU stays with the hospital stay they belong to and the faults of their times marked.",
    primary_key=("stay_id",),
    happened="intime",
    source="MIMIC-IV icu: icustays; hosp: admissions, patients",
    columns=(
        _SUBJECT,
        _HADM,
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ICU stay; unrelated to ED stay ids."),
        Column(name="first_careunit", type=Type.TEXT, meaning="ICU the patient entered."),
        Column(name="last_careunit", type=Type.TEXT, meaning="ICU the patient left from. Known at ICU discharge only."),
        Column(name="intime", type=Type.TIMESTAMP, nullable=False, meaning="Entering the ICU."),
        Column(name="outtime", type=Type.TIMESTAMP, meaning="Leaving the ICU. Known then."),
        Column(
            name="los_hours",
            type=Type.FLOAT,
            unit="h",
            plausible=(0, 6000),
            meaning="Length of the ICU stay. Known at ICU discharge only.",
        ),
        _ADMITTIME,
        _DISCHTIME,
        Column(name="deathtime", type=Type.TIMESTAMP, meaning="When the patient died, if in this hospital stay."),
        _GENDER,
        _AGE,
        _DIED,
        Column(
            name="icu_stay_number",
            type=Type.INTEGER,
            nullable=False,
            meaning="1 for the first ICU stay of the hospital stay, by time.",
        ),
        Column(
            name="admission_found",
            type=Type.BOOLEAN,
            nullable=False,
            meaning="The hospital stay exists and is the same patient's.",
        ),
        Column(
            name="began_before_admission", type=Type.BOOLEAN, meaning="ICU entry precedes admission: kept and marked."
        ),
        Column(
            name="ended_after_discharge",
            type=Type.BOOLEAN,
            meaning="ICU exit follows hospital discharge: kept and marked.",
        ),
    ),
)

ED_STAYS = Table(
    key=("stays", "ed_stays"),
    grain="one row per stay in the emergency department",
    meaning="Emergency department stays; the hospital stay that followed, where there is one.",
    primary_key=("stay_id",),
    happened="intime",
    source="MIMIC-IV-ED: edstays; MIMIC-IV hosp: admissions",
    columns=(
        _SUBJECT,
        Column(name="hadm_id", type=Type.INTEGER, meaning="The hospital stay that followed; null if none did."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ED stay; unrelated to ICU stay ids."),
        Column(name="intime", type=Type.TIMESTAMP, nullable=False, meaning="Arrival in the emergency department."),
        Column(name="outtime", type=Type.TIMESTAMP, meaning="Leaving the emergency department."),
        Column(name="los_hours", type=Type.FLOAT, unit="h", plausible=(0, 200), meaning="Length of the ED stay."),
        Column(name="gender", type=Type.TEXT, meaning="Administrative gender as the ED recorded it."),
        Column(name="arrival_transport", type=Type.TEXT, meaning="How the patient arrived."),
        Column(name="disposition", type=Type.TEXT, meaning="How the stay ended. Known at its end only."),
        Column(
            name="ed_stay_number",
            type=Type.INTEGER,
            nullable=False,
            meaning="1 for the patient's first ED stay in the release, by arrival.",
        ),
        Column(
            name="admission_found",
            type=Type.BOOLEAN,
            nullable=False,
            meaning="A hospital stay is named, exists and is the same patient's.",
        ),
    ),
)

STAY_LINKS = Table(
    key=("stays", "stay_links"),
    grain="one row per chain of an ED stay, a hospital stay and an ICU stay; a missing link is null",
    meaning="How stays follow one another: ED stay to hospital stay by the ED's hadm_id, hospital stay to its ICU "
    "stays. Several ED stays may lead to one hospital stay and a hospital stay may hold several ICU stays; each "
    "combination is a row. Links never cross patients.",
    primary_key=("ed_stay_id", "hadm_id", "icu_stay_id"),
    source="MIMIC-IV-ED documentation on linkage; edstays.hadm_id, admissions, icustays",
    columns=(
        _SUBJECT,
        Column(name="ed_stay_id", type=Type.INTEGER, meaning="stay_id of the ED stay (MIMIC-IV-ED)."),
        Column(name="hadm_id", type=Type.INTEGER, meaning="The hospital stay."),
        Column(name="icu_stay_id", type=Type.INTEGER, meaning="stay_id of the ICU stay (MIMIC-IV icu)."),
        Column(name="ed_intime", type=Type.TIMESTAMP, meaning="Arrival in the emergency department."),
        Column(name="ed_outtime", type=Type.TIMESTAMP, meaning="Leaving the emergency department."),
        _ADMITTIME,
        _DISCHTIME,
        Column(name="icu_intime", type=Type.TIMESTAMP, meaning="Entering the ICU."),
        Column(name="icu_outtime", type=Type.TIMESTAMP, meaning="Leaving the ICU."),
        Column(
            name="link_type",
            type=Type.TEXT,
            nullable=False,
            allowed=("ed", "ed+hospital", "ed+hospital+icu", "hospital", "hospital+icu", "icu"),
            meaning="Which stays the chain has.",
        ),
        Column(
            name="ed_stays_of_admission",
            type=Type.INTEGER,
            nullable=False,
            meaning="How many ED stays name this hospital stay.",
        ),
        Column(
            name="icu_stays_of_admission",
            type=Type.INTEGER,
            nullable=False,
            meaning="How many ICU stays this hospital stay has.",
        ),
        Column(
            name="ed_to_icu_hours",
            type=Type.FLOAT,
            unit="h",
            meaning="From leaving the ED to entering the ICU; negative where the ICU stay begins first.",
        ),
        Column(
            name="admitted_before_ed_exit",
            type=Type.BOOLEAN,
            meaning="The admission was recorded before the patient left the ED: usual, not a fault.",
        ),
    ),
)

PATIENT_SPLITS = Table(
    key=("stays", "patient_splits"),
    grain="one row per patient",
    meaning="The split every model and every modality uses: a salted hash of subject_id, so that a patient's stays, "
    "images and notes are always on the same side and no other fact about the patient decides it.",
    primary_key=("subject_id",),
    source="stable_hash(salt|subject_id) modulo 100: 0-69 train, 70-79 validate, 80-99 test",
    columns=(
        _SUBJECT,
        Column(
            name="split",
            type=Type.TEXT,
            nullable=False,
            allowed=("train", "validate", "test"),
            meaning="train: fit and calibrate; validate: choose between models; test: evaluate once.",
        ),
        Column(name="bucket", type=Type.INTEGER, nullable=False, plausible=(0, 99), meaning="The hash, 0 to 99."),
        Column(name="split_version", type=Type.TEXT, nullable=False, meaning="Version of salt and boundaries."),
        Column(
            name="anchor_year_group",
            type=Type.TEXT,
            meaning="The patient's real three-year period: for a temporal hold-out as a second test. Never a feature.",
        ),
    ),
)

TABLES = (HOSPITAL_STAYS, ICU_STAYS, ED_STAYS, STAY_LINKS, PATIENT_SPLITS)
