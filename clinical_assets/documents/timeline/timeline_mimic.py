"""Events from MIMIC's tables: admissions, ED stays, procedures, drugs, radiology reports and chest X-ray studies.

When an event was known: an admission and an ED stay when they began, a billed procedure at discharge and not on its
day (if that is after discharge, when it is over), a procedure charted in the ICU when it was charted, a prescription
from the later of its order and its start, a dose and a report when they were filed, an X-ray study when it was taken.
Doses and prescriptions of one drug become courses, so that a change of treatment is one event.

What was given counts where it was recorded, and a drug billed beside it is not told again; elsewhere (the record came
in from 2011 to 2013) what was prescribed. One surgery or scan may be told by several tables (a bill by ICD code, one by
HCPCS code, the ICU's chart, a report): nothing in the tables says that two rows are one, so each is an event of its
own, and its id says whose. Which imaging events are one scan as far as time, modality and region tell, `scans` says.

Not read, and why:

    hosp/transfers, hosp/services, icu/icustays   parts of an admission, which is told whole; `stays/` answers for them
    hosp/pharmacy, hosp/emar_detail               more on the prescriptions and doses that are read
    icu/inputevents, ed/pyxis                     the same drugs as in emar and prescriptions, under other names:
                                                  courses would be counted twice; a dispensing is no giving
    ed/medrecon                                   drugs taken at home, without a beginning
    hosp/microbiologyevents, hosp/labevents       laboratory results, none of the timeline's types; a culture is not
                                                  pathology. MIMIC-IV has no pathology but what is billed
    icu/datetimeevents, icu/outputevents, charts  observations, not events
    hosp/diagnoses_icd, hosp/drgcodes             without a day of their own
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import polars as pl

from clinical_assets.documents.timeline.events import LINK_SCHEMA, PATIENT_SCHEMA, Timeline, medication_courses
from clinical_assets.documents.timeline.mimic_procedures import billed_procedures, billed_services, charted_procedures
from clinical_assets.documents.timeline.mimic_rows import (
    Tables,
    discharges,
    event_rows,
    literal,
    row_id,
    with_subtypes,
)

SOURCES: Mapping[str, tuple[str, ...]] = {
    "mimic/hosp/patients": ("subject_id", "anchor_age", "anchor_year", "dod"),
    "mimic/hosp/admissions": ("subject_id", "hadm_id", "admittime", "dischtime", "admission_type"),
    "mimic/ed/edstays": ("subject_id", "stay_id", "intime", "outtime"),
    "mimic/hosp/procedures_icd": ("subject_id", "hadm_id", "seq_num", "chartdate", "icd_code", "icd_version"),
    "mimic/hosp/d_icd_procedures": ("icd_code", "icd_version", "long_title"),
    "mimic/hosp/hcpcsevents": ("subject_id", "hadm_id", "seq_num", "chartdate", "hcpcs_cd", "short_description"),
    "mimic/hosp/d_hcpcs": ("code", "long_description"),
    "mimic/icu/procedureevents": (
        "subject_id",
        "hadm_id",
        "orderid",
        "starttime",
        "endtime",
        "storetime",
        "itemid",
        "ordercategorydescription",
    ),
    "mimic/icu/d_items": ("itemid", "label", "category"),
    "mimic/hosp/prescriptions": (
        "subject_id",
        "hadm_id",
        "pharmacy_id",
        "poe_id",
        "starttime",
        "stoptime",
        "drug_type",
        "drug",
    ),
    "mimic/hosp/poe": ("subject_id", "poe_id", "ordertime"),
    "mimic/hosp/emar": ("subject_id", "hadm_id", "emar_id", "charttime", "storetime", "medication", "event_txt"),
    "mimic/note/discharge": ("subject_id", "note_id", "hadm_id"),
    "mimic/note/radiology": ("subject_id", "note_id", "note_type", "hadm_id", "charttime", "storetime"),
    "mimic/note/radiology_detail": ("subject_id", "note_id", "field_name", "field_value", "field_ordinal"),
    "imaging/cxr_studies": ("subject_id", "study_id", "study_time", "last_image_time", "procedure"),
}
"""The tables read and the columns needed of each. Not a note's text."""

GIVEN = r"^(?:(?:Delayed |Partial |TPN )?(?:Administered|Applied|Started|Restarted)|Removed Existing / Applied New)"
"""`emar.event_txt` of a dose that reached the patient; a flush of the line is none. Values: the open demo's."""

OLDEST_PUBLISHED_AGE = 91
"""Every age above 89 is published as this: the year of birth is not known then."""


def from_mimic(frames: Mapping[str, pl.LazyFrame]) -> Timeline:
    """The timeline of the patients whose rows are given.

    Args:
        frames: the tables of `SOURCES` by path, of any patients; a table without rows gives no events.
    """
    read = pl.collect_all([frames[path].select(columns) for path, columns in SOURCES.items()])
    tables = {path.rpartition("/")[2]: frame.lazy() for path, frame in zip(SOURCES, read, strict=True)}
    left_out: Counter[str] = Counter()
    doses = _doses(tables)
    recorded = doses.select("patient_id", "encounter_id").drop_nulls().unique()
    parts = [
        _encounters(tables),
        billed_procedures(tables),
        billed_services(tables, recorded, left_out),
        charted_procedures(tables, left_out),
        medication_courses(_medications(tables, doses, recorded, left_out)),
        _radiology(tables),
        _xray_studies(tables, left_out),
    ]
    events, doubtful = _without_impossible_ends(pl.concat(parts))
    return Timeline(
        events.sort("patient_id", "start_date", "start_time", "event_id"),
        _links(tables).join(events, on=["patient_id", "event_id"], how="semi").unique().sort(pl.all()),
        _people(tables["patients"]),
        dict(sorted((name, count) for name, count in left_out.items() if count)),
        doubtful,
    )


def _people(patients: pl.LazyFrame) -> pl.DataFrame:
    born = pl.when(pl.col("anchor_age") < OLDEST_PUBLISHED_AGE).then(pl.col("anchor_year") - pl.col("anchor_age"))
    return (
        patients.select(
            patient_id=pl.col("subject_id").cast(pl.String),
            birth_year=born.cast(pl.Int64),
            birth_date=pl.lit(None, pl.Date),
            death_date=pl.col("dod").cast(pl.Date),
        )
        .select(list(PATIENT_SCHEMA))
        .sort("patient_id")
        .collect()
    )


def _encounters(tables: Tables) -> pl.DataFrame:
    """Subtypes are HL7's classes of encounters, as FHIR resources have them."""
    said = {"event_type": literal("encounter"), "status": literal("finished"), "rule": literal("encounters")}
    admissions = event_rows(
        tables["admissions"],
        row_id("admissions", "hadm_id"),
        pl.col("admittime"),
        end=pl.col("dischtime"),
        known=pl.col("admittime"),
        description=pl.col("admission_type"),
        event_subtype=literal("IMP"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        **said,
    )
    # That an ED stay leads to an admission is an outcome of the stay: not said here.
    in_the_ed = event_rows(
        tables["edstays"],
        row_id("edstays", "stay_id"),
        pl.col("intime"),
        end=pl.col("outtime"),
        known=pl.col("intime"),
        event_subtype=literal("EMER"),
        **said,
    )
    return pl.concat([admissions, in_the_ed])


def _doses(tables: Tables) -> pl.DataFrame:
    """One event per dose given."""
    return event_rows(
        tables["emar"].filter(pl.col("event_txt").str.contains(GIVEN), pl.col("medication").is_not_null()),
        row_id("emar", "emar_id"),
        pl.col("charttime"),
        known=pl.max_horizontal("charttime", "storetime"),
        event_type=literal("medication"),
        description=pl.col("medication"),
        status=literal("completed"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        rule=literal("medications"),
    )


def _medications(tables: Tables, doses: pl.DataFrame, recorded: pl.DataFrame, left_out: Counter[str]) -> pl.DataFrame:
    """Doses given, and the prescriptions of admissions that are not among those with doses `recorded`."""
    orders = tables["poe"].select("subject_id", "poe_id", "ordertime").unique(["subject_id", "poe_id"], keep="any")
    drugs = (
        # A carrier fluid is no drug.
        tables["prescriptions"]
        .filter(pl.col("drug_type") != "BASE")
        .join(orders, on=["subject_id", "poe_id"], how="left")
        .join(discharges(tables), on=["subject_id", "hadm_id"], how="left")
        .with_columns(never_active=(pl.col("stoptime") < pl.col("starttime")).fill_null(value=False))
    )
    faults = drugs.select(never=pl.col("never_active").sum(), undated=pl.col("starttime").null_count()).collect()
    left_out["never active, it stops before it starts: prescriptions"] += int(faults["never"][0] or 0)
    left_out["undated: prescriptions"] += int(faults["undated"][0] or 0)
    prescribed = event_rows(
        drugs.filter(~pl.col("never_active")),
        row_id("prescriptions", "pharmacy_id", "drug_type", "drug"),
        pl.col("starttime"),
        end=pl.coalesce("stoptime", "dischtime"),
        known=pl.max_horizontal("starttime", "ordertime"),
        event_type=literal("medication"),
        description=pl.col("drug"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        rule=literal("medications"),
    )
    unrecorded = prescribed.join(recorded, on=["patient_id", "encounter_id"], how="anti")
    left_out["prescriptions of admissions whose doses are recorded"] += prescribed.height - unrecorded.height
    return with_subtypes(pl.concat([doses, unrecorded]))


def _radiology(tables: Tables) -> pl.DataFrame:
    """One event per report; an addendum belongs to its report's."""
    examinations = (
        tables["radiology_detail"]
        .filter(pl.col("field_name") == "exam_name")
        .group_by("subject_id", "note_id")
        .agg(exam_name=pl.col("field_value").sort_by("field_ordinal", "field_value").str.join(" | "))
    )
    rows = event_rows(
        tables["radiology"]
        .filter(pl.col("note_type") == "RR")
        .join(examinations, on=["subject_id", "note_id"], how="left"),
        row_id("radiology", "note_id"),
        pl.col("charttime"),
        known=pl.when(pl.col("storetime").is_not_null()).then(pl.max_horizontal("charttime", "storetime")),
        event_type=literal("imaging"),
        description=pl.col("exam_name"),
        status=literal("final"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        rule=literal("radiology reports"),
    )
    return with_subtypes(rows)


def _xray_studies(tables: Tables, left_out: Counter[str]) -> pl.DataFrame:
    studies = tables["cxr_studies"]
    undated = studies.select(pl.col("study_time").null_count()).collect().item()
    left_out["undated: cxr_studies"] += int(undated)
    return event_rows(
        studies,
        row_id("cxr_studies", "study_id"),
        pl.col("study_time"),
        known=pl.max_horizontal("study_time", "last_image_time"),
        event_type=literal("imaging"),
        event_subtype=literal("XR"),
        description=pl.col("procedure"),
        status=literal("available"),
        rule=literal("chest X-ray studies"),
    )


def _without_impossible_ends(events: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Ends before their starts are dropped, and counted by table."""
    early = (pl.col("end_date") < pl.col("start_date")) | (pl.col("end_time") < pl.col("start_time"))
    marked = events.with_columns(early.fill_null(value=False).alias("_early"))
    counts = marked.filter("_early").group_by(pl.col("event_id").str.split("/").list.first()).len().sort("event_id")
    kept = [pl.when(~pl.col("_early")).then(name).alias(name) for name in ("end_date", "end_time")]
    return marked.with_columns(kept).drop("_early"), {
        f"end before start, dropped: {table}": n for table, n in counts.iter_rows()
    }


def _links(tables: Tables) -> pl.DataFrame:
    """A report is of its examination, an addendum of its report's, a discharge summary of its admission."""
    patient = pl.col("subject_id").cast(pl.String)
    parents = (
        tables["radiology_detail"]
        .filter(pl.col("field_name") == "parent_note_id")
        .select("subject_id", "note_id", parent="field_value")
    )
    reports = (
        tables["radiology"]
        .select("subject_id", "note_id", "note_type")
        .join(parents, on=["subject_id", "note_id"], how="left")
        .select(
            document_id="note_id",
            event_id=literal("radiology/") + pl.when(pl.col("note_type") == "RR").then("note_id").otherwise("parent"),
            patient_id=patient,
        )
    )
    summaries = tables["discharge"].select(
        document_id="note_id", event_id=row_id("admissions", "hadm_id"), patient_id=patient
    )
    return pl.concat([reports, summaries]).drop_nulls().select(list(LINK_SCHEMA)).collect()
