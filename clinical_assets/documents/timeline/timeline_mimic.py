"""Events from MIMIC's tables: admissions, ED stays, procedures, drugs, radiology reports and chest X-ray studies.

When an event was known: an admission and an ED stay when they began, a billed procedure at discharge and not on its
day, a prescription from the later of its order and its start, a dose and a report when they were filed, an X-ray study
when it was taken. Doses and prescriptions of one drug become courses, so that a change of treatment is one event.

What was given counts where it was recorded; elsewhere (the record came in from 2011 to 2013) what was prescribed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from clinical_assets.documents.timeline.event_rules import (
    ICD9PROC,
    ICD10PCS,
    SUBTYPES,
    TYPES,
    Coding,
    EventRule,
    classify,
)
from clinical_assets.documents.timeline.events import (
    EVENT_SCHEMA,
    LINK_SCHEMA,
    PATIENT_SCHEMA,
    Timeline,
    medication_courses,
)

SOURCES: Mapping[str, tuple[str, ...]] = {
    "mimic/hosp/patients": ("subject_id", "anchor_age", "anchor_year", "dod"),
    "mimic/hosp/admissions": ("subject_id", "hadm_id", "admittime", "dischtime", "admission_type"),
    "mimic/ed/edstays": ("subject_id", "stay_id", "intime", "outtime"),
    "mimic/hosp/procedures_icd": ("subject_id", "hadm_id", "seq_num", "chartdate", "icd_code", "icd_version"),
    "mimic/hosp/d_icd_procedures": ("icd_code", "icd_version", "long_title"),
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

_NOTHING = pl.lit(None)


def from_mimic(frames: Mapping[str, pl.LazyFrame]) -> Timeline:
    """The timeline of the patients whose rows are given.

    Args:
        frames: the tables of `SOURCES` by path, of any patients; a table without rows gives no events.
    """
    read = pl.collect_all([frames[path].select(columns) for path, columns in SOURCES.items()])
    tables = {path.rpartition("/")[2]: frame.lazy() for path, frame in zip(SOURCES, read, strict=True)}
    left_out: Counter[str] = Counter()
    parts = [
        _encounters(tables),
        _procedures(tables),
        medication_courses(_medications(tables, left_out)),
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


def _rows(
    frame: pl.LazyFrame,
    event_id: pl.Expr,
    start: pl.Expr,
    *,
    end: pl.Expr = _NOTHING,
    known: pl.Expr = _NOTHING,
    **said: pl.Expr,
) -> pl.DataFrame:
    """Rows of `EVENT_SCHEMA`; moments are dates or datetimes, a date leaving the time unknown."""
    moments = frame.select("subject_id", event_id=event_id, start=start, end=end, known=known, **said).collect()
    columns = {"event_id": pl.col("event_id"), "patient_id": pl.col("subject_id").cast(pl.String)}
    columns |= {name: pl.col(name) for name in said}
    for edge in ("start", "end", "known"):
        timed = isinstance(moments.schema[edge], pl.Datetime)
        columns[f"{edge}_date"] = pl.col(edge).cast(pl.Date)
        columns[f"{edge}_time"] = pl.col(edge).cast(pl.Datetime("us")) if timed else _NOTHING
    missing = {name: _NOTHING for name in EVENT_SCHEMA if name not in columns}
    made = moments.select(**columns, **missing).select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())
    return made.filter(pl.col("start_date").is_not_null())


def _text(value: str) -> pl.Expr:
    return pl.lit(value, pl.String)


def _id(table: str, *columns: str) -> pl.Expr:
    """The event's id: its table and the row's key there."""
    # Not pl.format: in polars 2.1 it panics where a filter leaves nothing of a chunk.
    first, *others = (pl.col(name).cast(pl.String) for name in columns)
    return sum((_text("-") + other for other in others), _text(f"{table}/") + first)


def _encounters(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Subtypes are HL7's classes of encounters, as FHIR resources have them."""
    said = {"event_type": _text("encounter"), "status": _text("finished"), "rule": _text("encounters")}
    admissions = _rows(
        tables["admissions"],
        _id("admissions", "hadm_id"),
        pl.col("admittime"),
        end=pl.col("dischtime"),
        known=pl.col("admittime"),
        description=pl.col("admission_type"),
        event_subtype=_text("IMP"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        **said,
    )
    # That an ED stay leads to an admission is an outcome of the stay: not said here.
    in_the_ed = _rows(
        tables["edstays"],
        _id("edstays", "stay_id"),
        pl.col("intime"),
        end=pl.col("outtime"),
        known=pl.col("intime"),
        event_subtype=_text("EMER"),
        **said,
    )
    return pl.concat([admissions, in_the_ed])


def _discharges(tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    return tables["admissions"].select("subject_id", "hadm_id", "dischtime")


def _procedures(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    titles = tables["d_icd_procedures"].select("icd_code", "icd_version", "long_title")
    # Without a discharge there is no bill, and nobody can say when the procedure was known.
    billed = pl.when(pl.col("dischtime").is_not_null()).then(
        pl.max_horizontal("dischtime", pl.col("chartdate").cast(pl.Datetime("us")))
    )
    rows = _rows(
        tables["procedures_icd"]
        .join(titles, on=["icd_code", "icd_version"], how="left")
        .join(_discharges(tables), on=["subject_id", "hadm_id"], how="left"),
        _id("procedures_icd", "hadm_id", "seq_num", "icd_version", "icd_code"),
        pl.col("chartdate"),
        known=billed,
        description=pl.col("long_title"),
        code=pl.col("icd_code"),
        code_system=pl.when(pl.col("icd_version") == 9).then(_text(ICD9PROC)).otherwise(_text(ICD10PCS)),
        status=_text("completed"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
    )
    return _with_subtypes(_with_types(rows, "Procedure"))


def _medications(tables: Mapping[str, pl.LazyFrame], left_out: Counter[str]) -> pl.DataFrame:
    """Doses given, and for admissions without any the prescriptions."""
    said = {"event_type": _text("medication"), "rule": _text("medications")}
    doses = _rows(
        tables["emar"].filter(pl.col("event_txt").str.contains(GIVEN), pl.col("medication").is_not_null()),
        _id("emar", "emar_id"),
        pl.col("charttime"),
        known=pl.max_horizontal("charttime", "storetime"),
        description=pl.col("medication"),
        status=_text("completed"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        **said,
    )
    orders = tables["poe"].select("subject_id", "poe_id", "ordertime").unique(["subject_id", "poe_id"], keep="any")
    drugs = (
        # A carrier fluid is no drug.
        tables["prescriptions"]
        .filter(pl.col("drug_type") != "BASE")
        .join(orders, on=["subject_id", "poe_id"], how="left")
        .join(_discharges(tables), on=["subject_id", "hadm_id"], how="left")
        .with_columns(never_active=(pl.col("stoptime") < pl.col("starttime")).fill_null(value=False))
    )
    faults = drugs.select(never=pl.col("never_active").sum(), undated=pl.col("starttime").null_count()).collect()
    left_out["never active, it stops before it starts: prescriptions"] += int(faults["never"][0] or 0)
    left_out["undated: prescriptions"] += int(faults["undated"][0] or 0)
    prescribed = _rows(
        drugs.filter(~pl.col("never_active")),
        _id("prescriptions", "pharmacy_id", "drug_type", "drug"),
        pl.col("starttime"),
        end=pl.coalesce("stoptime", "dischtime"),
        known=pl.max_horizontal("starttime", "ordertime"),
        description=pl.col("drug"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        **said,
    )
    recorded = doses.select("patient_id", "encounter_id").drop_nulls().unique()
    unrecorded = prescribed.join(recorded, on=["patient_id", "encounter_id"], how="anti")
    left_out["prescriptions of admissions whose doses are recorded"] += prescribed.height - unrecorded.height
    return _with_subtypes(pl.concat([doses, unrecorded]))


def _radiology(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """One event per report; an addendum belongs to its report's."""
    examinations = (
        tables["radiology_detail"]
        .filter(pl.col("field_name") == "exam_name")
        .group_by("subject_id", "note_id")
        .agg(exam_name=pl.col("field_value").sort_by("field_ordinal", "field_value").str.join(" | "))
    )
    rows = _rows(
        tables["radiology"]
        .filter(pl.col("note_type") == "RR")
        .join(examinations, on=["subject_id", "note_id"], how="left"),
        _id("radiology", "note_id"),
        pl.col("charttime"),
        known=pl.when(pl.col("storetime").is_not_null()).then(pl.max_horizontal("charttime", "storetime")),
        event_type=_text("imaging"),
        description=pl.col("exam_name"),
        status=_text("final"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
        rule=_text("radiology reports"),
    )
    return _with_subtypes(rows)


def _xray_studies(tables: Mapping[str, pl.LazyFrame], left_out: Counter[str]) -> pl.DataFrame:
    studies = tables["cxr_studies"]
    undated = studies.select(pl.col("study_time").null_count()).collect().item()
    left_out["undated: cxr_studies"] += int(undated)
    return _rows(
        studies,
        _id("cxr_studies", "study_id"),
        pl.col("study_time"),
        known=pl.max_horizontal("study_time", "last_image_time"),
        event_type=_text("imaging"),
        event_subtype=_text("XR"),
        description=pl.col("procedure"),
        status=_text("available"),
        rule=_text("chest X-ray studies"),
    )


def _with_types(rows: pl.DataFrame, resource: str) -> pl.DataFrame:
    """Type and rule of each row by the table `TYPES`, as of the FHIR resource it would be."""
    return _judged(rows.drop("event_type", "rule"), TYPES, pl.lit(resource), ("event_type", "rule"))


def _with_subtypes(rows: pl.DataFrame) -> pl.DataFrame:
    return _judged(rows.drop("event_subtype"), SUBTYPES, pl.col("event_type"), ("event_subtype", "_rule"))


def _judged(rows: pl.DataFrame, rules: Iterable[EventRule], of: pl.Expr, names: tuple[str, str]) -> pl.DataFrame:
    """Each row with the kind and the name of the first rule that decides it; each distinct case is judged once."""
    case = ("_of", "code_system", "code", "description")
    rules = tuple(rules)
    cases = rows.with_columns(of.cast(pl.String).alias("_of")).select(case).unique()
    found = [
        classify(rules, resource, (Coding(system, code),) if code else (), words or "")
        for resource, system, code, words in cases.iter_rows()
    ]
    kinds = pl.Series(names[0], [rule.kind if rule else None for rule in found], pl.String)
    why = pl.Series(names[1], [rule.name if rule else None for rule in found], pl.String)
    return (
        rows.with_columns(of.cast(pl.String).alias("_of"))
        .join(cases.with_columns(kinds, why), on=case, how="left", nulls_equal=True)
        .select(list(EVENT_SCHEMA))
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


def _links(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
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
            event_id=_text("radiology/") + pl.when(pl.col("note_type") == "RR").then("note_id").otherwise("parent"),
            patient_id=patient,
        )
    )
    summaries = tables["discharge"].select(
        document_id="note_id", event_id=_id("admissions", "hadm_id"), patient_id=patient
    )
    return pl.concat([reports, summaries]).drop_nulls().select(list(LINK_SCHEMA)).collect()
