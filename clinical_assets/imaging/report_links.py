"""Which study a radiology report is about.

MIMIC-IV-Note and MIMIC-CXR come from the same reports, but a note does not name its study. In this order, within the
patient:

1. *same text*: MIMIC-CXR's report of the study has the note's words (white space, signs, de-identification marks and
   the heading of a final report left aside).
2. *exam and time*: a chest X-ray by its examination, called the same as the study's, within `WITHIN` of the study.
3. *time*: a chest X-ray by its examination within `WITHIN` of the study.
4. *addendum*: an addendum is about whatever its report is about.

By 2 and 3 note and study must each be the other's best candidate, since a study has one report: one that is not called
something else first, then the smallest distance in time, then the smallest number. A study that has its report by its
text takes part no more.
What is not a chest X-ray (a CT of the chest, say) is never linked by time.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

WITHIN = timedelta(hours=2)
"""Both times mean the taking of the images: the note has it to the minute, as scheduled or begun, the image's header by
the machine's clock. An assumption; `offset_minutes` tells the distance of every link."""
FEWEST_SIGNS = 40
"""Letters and digits below which equal texts prove nothing."""

NOTE, STUDY = ["subject_id", "note_id"], ["subject_id", "study_id"]

_CHEST = r"(?i)\b(chest|cxr|thorax)\b"
_OTHER_THAN_XRAY = (
    r"(?i)\b(ct|cta|cat|mr|mri|mra|us|u\.s\.|ultrasound|sonogram|echo|fluoro\w*|nuclear|scan|pet|spect|angio\w*|"
    r"biopsy|bx|guid\w*|drain\w*|thoracentesis)(\b|\s|$)"
)
_HEADING = r"(?im)^[ \t]*(?:type of )?exam(?:ination)?[ \t]*:[ \t]*([^\n]+)$"
_FIRST_WORDS_OF_A_FILE = r"^(finalreport|finaladdendum|wetread)+"


def is_chest_xray(exam: pl.Expr) -> pl.Expr:
    """Whether an examination by that name is a plain X-ray of the chest; false where there is no name."""
    return (exam.str.contains(_CHEST) & ~exam.str.contains(_OTHER_THAN_XRAY)).fill_null(value=False)


def same_name(exam: pl.Expr) -> pl.Expr:
    """An examination's name without what is written differently: case, signs, `&` for and."""
    return exam.str.to_lowercase().str.replace_all("&", "and", literal=True).str.replace_all(r"[^a-z0-9]+", "")


def words_of(text: pl.Expr) -> pl.Expr:
    """A report's letters and digits alone; null where they are too few to prove anything."""
    signs = text.str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "").str.replace(_FIRST_WORDS_OF_A_FILE, "")
    return pl.when(signs.str.len_bytes() >= FEWEST_SIGNS).then(signs)


def report_links(
    radiology: pl.LazyFrame, radiology_detail: pl.LazyFrame, cxr_studies: pl.LazyFrame, cxr_reports: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per note; see `report_tables.REPORT_LINKS`."""
    notes = _notes(radiology, radiology_detail)
    studies = cxr_studies.select(*STUDY, "study_time", "procedure")
    reports = notes.filter(pl.col("note_type") == "RR")
    by_text = _by_text(reports, studies, cxr_reports)
    open_notes = reports.join(by_text, on=NOTE, how="anti").filter("chest")
    open_studies = studies.join(by_text, on=STUDY, how="anti")
    by_time = _by_time(open_notes, open_studies)
    found = pl.concat([by_text, by_time.filter(pl.col("study_id").is_not_null())])
    # What the time alone would have allowed is told for notes without a link, too.
    unlinked = by_time.filter(pl.col("study_id").is_null()).select(*NOTE, pl.col("n_candidates").alias("near"))
    addenda = (
        notes.filter(pl.col("note_type") == "AR")
        .select("subject_id", "note_id", parent="parent_note_id")
        .join(found.rename({"note_id": "parent"}), on=["subject_id", "parent"])
        .select(*NOTE, "study_id", match_type=pl.lit("addendum"), n_candidates=pl.lit(1, pl.Int64))
    )
    kind = pl.when("chest").then(pl.lit("none")).otherwise(pl.lit("not a chest X-ray"))
    return (
        notes.join(pl.concat([found, addenda]), on=NOTE, how="left")
        .join(unlinked, on=NOTE, how="left")
        .join(studies.select(*STUDY, "study_time"), on=STUDY, how="left")
        .select(
            *NOTE,
            "note_type",
            "charttime",
            known_at="storetime",
            exam="exam",
            match_type=pl.coalesce("match_type", kind),
            study_id="study_id",
            study_time="study_time",
            offset_minutes=(pl.col("charttime") - pl.col("study_time")).dt.total_microseconds() / 60e6,
            n_candidates=pl.coalesce("n_candidates", "near", pl.lit(0, pl.Int64)),
        )
    )


def _notes(radiology: pl.LazyFrame, radiology_detail: pl.LazyFrame) -> pl.LazyFrame:
    """Every note with its examination, whether one of them is a chest X-ray, and the report an addendum belongs to."""
    value = pl.col("field_value").str.strip_chars()
    detail = radiology_detail.sort("field_ordinal", "field_value")
    exams = (
        detail.filter(pl.col("field_name") == "exam_name")
        .with_columns(exam=value, chest=is_chest_xray(value))
        .group_by(NOTE, maintain_order=True)
        .agg(pl.col("exam").str.join("|"), pl.col("chest").any())
    )
    parents = (
        detail.filter(pl.col("field_name") == "parent_note_id")
        .group_by(NOTE, maintain_order=True)
        .agg(parent_note_id=value.first())
    )
    heading = pl.col("text").str.extract(_HEADING, 1).str.strip_chars()
    return (
        radiology.select(*NOTE, "note_type", "charttime", "storetime", "text")
        .join(exams, on=NOTE, how="left")
        .join(parents, on=NOTE, how="left")
        .with_columns(exam=pl.coalesce("exam", heading), chest=pl.coalesce("chest", is_chest_xray(heading)))
    )


def _by_text(reports: pl.LazyFrame, studies: pl.LazyFrame, cxr_reports: pl.LazyFrame) -> pl.LazyFrame:
    """Notes that have the words of a study's own report; of several such studies the nearest in time."""
    written = reports.select(*NOTE, "charttime", words=words_of(pl.col("text"))).drop_nulls("words")
    published = cxr_reports.select(*STUDY, words=words_of(pl.col("text"))).drop_nulls("words")
    pairs = written.join(published, on=["subject_id", "words"]).join(studies, on=STUDY)
    distance = (pl.col("charttime") - pl.col("study_time")).abs()
    return pairs.group_by(NOTE).agg(
        pl.col("study_id").sort_by(distance, "study_id", nulls_last=True).first(),
        match_type=pl.lit("same text").first(),
        n_candidates=pl.len().cast(pl.Int64),
    )


def _by_time(notes: pl.LazyFrame, studies: pl.LazyFrame) -> pl.LazyFrame:
    """Notes with a study near in time; `study_id` is null where note and study are not each other's best."""
    distance = (pl.col("charttime") - pl.col("study_time")).abs()
    same = same_name(pl.col("exam")) == same_name(pl.col("procedure"))
    pairs = (
        notes.select(*NOTE, "charttime", "exam")
        .join(studies, on="subject_id")
        # Some studies say no examination: that speaks neither for them nor against.
        .with_columns(distance=distance, same=same.fill_null(value=False), other=~same.fill_null(value=True))
        .filter(pl.col("distance") <= WITHIN)
    )
    place = ["other", "distance"]
    mutual = (
        pairs.with_columns(
            of_note=pl.struct(*place, "study_id").rank("ordinal").over(NOTE),
            of_study=pl.struct(*place, "note_id").rank("ordinal").over(STUDY),
            n_candidates=pl.len().over(NOTE).cast(pl.Int64),
        )
        .filter(pl.col("of_note") == 1)
        .with_columns(study_id=pl.when(pl.col("of_study") == 1).then("study_id"))
    )
    how = pl.when("same").then(pl.lit("exam and time")).otherwise(pl.lit("time"))
    return mutual.select(*NOTE, "study_id", match_type=how, n_candidates="n_candidates")
