"""What was billed: diagnoses, procedures, DRG and HCPCS codes of the hosp module with their dictionaries.

Billing codes are assigned by coders after discharge. None of these tables is a source of features for a prediction made
during the admission: whatever their `chartdate`, they count as known at `hosp/admissions.dischtime` at the earliest.
Row counts: the row-count validation scripts published with MIMIC-IV.
"""

from clinical_assets.mimic.catalogue.columns import HADM_ID, ICD_VERSIONS, SUBJECT_ID, date, integer, text
from clinical_assets.tables import SourceTable

SOURCE = "MIMIC-IV documentation, hosp module"
_ICD_VERSION_MEANING = "Revision the code belongs to, 9 or 10: one code may exist in both with different meanings."

DIAGNOSES_ICD = SourceTable(
    key=("mimic", "hosp", "diagnoses_icd"),
    file="hosp/diagnoses_icd",
    grain="one row per billed diagnosis of an admission",
    meaning="ICD diagnoses billed for the admission; known at discharge at the earliest, whenever the disease began.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("seq_num", "Rank of the diagnosis on the bill; 1 is the principal one.", required=True),
        text("icd_code", "Code without its dot.", required=True, references="hosp/d_icd_diagnoses.icd_code"),
        integer("icd_version", _ICD_VERSION_MEANING, required=True, plausible=ICD_VERSIONS),
    ),
    primary_key=("hadm_id", "seq_num", "icd_code", "icd_version"),
    source=SOURCE,
    published_rows={"mimiciv/3.1": 6_364_488, "mimiciv/2.2": 4_756_326, "mimic-iv-demo/2.2": 4_506},
)

PROCEDURES_ICD = SourceTable(
    key=("mimic", "hosp", "procedures_icd"),
    file="hosp/procedures_icd",
    grain="one row per billed procedure of an admission",
    meaning="ICD procedures billed for the admission; known at discharge at the earliest, whatever chartdate says.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        integer("seq_num", "Rank of the procedure on the bill.", required=True),
        date("chartdate", "Day the procedure was done, according to the bill.", required=True),
        text("icd_code", "Code without its dot.", required=True, references="hosp/d_icd_procedures.icd_code"),
        integer("icd_version", _ICD_VERSION_MEANING, required=True, plausible=ICD_VERSIONS),
    ),
    primary_key=("hadm_id", "seq_num", "icd_code", "icd_version"),
    happened="chartdate",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 859_655, "mimiciv/2.2": 669_186, "mimic-iv-demo/2.2": 722},
)

DRGCODES = SourceTable(
    key=("mimic", "hosp", "drgcodes"),
    file="hosp/drgcodes",
    grain="one row per diagnosis-related group of an admission",
    meaning="Diagnosis-related groups billed, often one per grouping system; known at discharge at the earliest.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        text("drg_type", "Grouping system: HCFA (Medicare's) or APR (all patient refined)."),
        text("drg_code", "Group's code with its leading zeros.", required=True),
        text("description", "Group in words."),
        integer("drg_severity", "APR's severity of illness, 1 minor to 4 extreme.", plausible=(0, 4)),
        integer("drg_mortality", "APR's risk of mortality, 1 minor to 4 extreme.", plausible=(0, 4)),
    ),
    source=SOURCE,
    published_rows={"mimiciv/3.1": 761_856, "mimiciv/2.2": 604_377, "mimic-iv-demo/2.2": 454},
)

HCPCSEVENTS = SourceTable(
    key=("mimic", "hosp", "hcpcsevents"),
    file="hosp/hcpcsevents",
    grain="one row per billed HCPCS service of an admission",
    meaning="Services billed with HCPCS or CPT codes; known at discharge at the earliest, whatever chartdate says.",
    columns=(
        SUBJECT_ID,
        HADM_ID,
        date("chartdate", "Day of the service, according to the bill."),
        text("hcpcs_cd", "Five-character HCPCS or CPT code.", required=True, references="hosp/d_hcpcs.code"),
        integer("seq_num", "Rank of the code on the bill.", required=True),
        text("short_description", "Service in a few words."),
    ),
    primary_key=("hadm_id", "hcpcs_cd", "seq_num"),
    happened="chartdate",
    source=SOURCE,
    published_rows={"mimiciv/3.1": 186_074, "mimiciv/2.2": 150_771, "mimic-iv-demo/2.2": 61},
)

D_ICD_DIAGNOSES = SourceTable(
    key=("mimic", "hosp", "d_icd_diagnoses"),
    file="hosp/d_icd_diagnoses",
    grain="one row per ICD diagnosis code and version",
    meaning="Titles of ICD-9 and ICD-10 diagnosis codes.",
    columns=(
        text("icd_code", "Diagnosis code without its dot.", required=True),
        integer("icd_version", _ICD_VERSION_MEANING, required=True, plausible=ICD_VERSIONS),
        text("long_title", "Diagnosis in words."),
    ),
    primary_key=("icd_code", "icd_version"),
    patient_keyed=False,
    source=SOURCE,
    published_rows={"mimiciv/3.1": 112_107, "mimiciv/2.2": 109_775, "mimic-iv-demo/2.2": 109_775},
)

D_ICD_PROCEDURES = SourceTable(
    key=("mimic", "hosp", "d_icd_procedures"),
    file="hosp/d_icd_procedures",
    grain="one row per ICD procedure code and version",
    meaning="Titles of ICD-9 and ICD-10 procedure codes.",
    columns=(
        text("icd_code", "Procedure code without its dot.", required=True),
        integer("icd_version", _ICD_VERSION_MEANING, required=True, plausible=ICD_VERSIONS),
        text("long_title", "Procedure in words."),
    ),
    primary_key=("icd_code", "icd_version"),
    patient_keyed=False,
    source=SOURCE,
    published_rows={"mimiciv/3.1": 86_423, "mimiciv/2.2": 85_257, "mimic-iv-demo/2.2": 85_257},
)

D_HCPCS = SourceTable(
    key=("mimic", "hosp", "d_hcpcs"),
    file="hosp/d_hcpcs",
    grain="one row per HCPCS or CPT code",
    meaning="What HCPCS and CPT codes stand for.",
    columns=(
        text("code", "Five-character HCPCS or CPT code; shorter ones are padded with blanks.", required=True),
        integer(
            "category", "CPT category: 1 procedures, 2 performance measures, 3 emerging technology.", plausible=(1, 3)
        ),
        text("long_description", "Service in full."),
        text("short_description", "Service in a few words."),
    ),
    primary_key=("code",),
    patient_keyed=False,
    source=SOURCE,
    published_rows={"mimiciv/3.1": 89_208, "mimiciv/2.2": 89_200, "mimic-iv-demo/2.2": 89_200},
)
