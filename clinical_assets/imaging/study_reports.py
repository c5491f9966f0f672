"""The report of each study, and what is left of it when what it says of the image is gone.

One row per study: MIMIC-CXR's own file where it could be read, else the note that was linked to the study. When it
became readable is known from the note alone. Addenda are counted, not read: they correct findings.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.imaging.leakage import without_findings
from clinical_assets.imaging.report_tables import REPORT_MATCHES, STUDY_REPORTS

STUDY = ["subject_id", "study_id"]
_LEFT = pl.Struct(
    {
        "text_without_findings": pl.String(),
        "n_sentences": pl.Int64(),
        "n_removed": pl.Int64(),
        "n_removed_denials": pl.Int64(),
    }
)


def study_reports(
    cxr_studies: pl.LazyFrame, cxr_reports: pl.LazyFrame, report_links: pl.LazyFrame, radiology: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per study with a report; see `report_tables.STUDY_REPORTS`."""
    linked = report_links.filter(pl.col("study_id").is_not_null())
    written = radiology.select("subject_id", "note_id", note_text="text")
    certainty = pl.col("match_type").replace_strict({m: n for n, m in enumerate(REPORT_MATCHES)}, default=9)
    notes = (
        linked.filter(pl.col("match_type") != "addendum")
        .sort(*STUDY, certainty, pl.col("offset_minutes").abs(), "note_id")
        .unique(STUDY, keep="first", maintain_order=True)
        .select(*STUDY, "note_id", "match_type", "known_at")
        .join(written, on=["subject_id", "note_id"], how="left")
    )
    addenda = linked.filter(pl.col("match_type") == "addendum").group_by(STUDY).agg(n_addenda=pl.len().cast(pl.Int64))
    files = cxr_reports.filter(pl.col("status") == "read").select(*STUDY, file_text="text")
    own = pl.col("file_text").is_not_null()
    return (
        cxr_studies.select(*STUDY, "study_time")
        .join(files, on=STUDY, how="left")
        .join(notes, on=STUDY, how="left")
        .join(addenda, on=STUDY, how="left")
        .with_columns(
            source=pl.when(own).then(pl.lit("mimic-cxr")).otherwise(pl.lit("mimic-iv-note")),
            text=pl.coalesce("file_text", "note_text"),
            n_addenda=pl.col("n_addenda").fill_null(0),
        )
        .filter(pl.col("text").is_not_null())
        .with_columns(left=pl.col("text").map_elements(_left_of, return_dtype=_LEFT))
        .unnest("left")
        .select(STUDY_REPORTS.column_names)
    )


def _left_of(text: str) -> dict[str, str | int | None]:
    filtered = without_findings(text, "report")
    return {
        "text_without_findings": filtered.text or None,
        "n_sentences": len(filtered.sentences),
        "n_removed": len(filtered.removed),
        "n_removed_denials": sum(sentence.negated for sentence in filtered.removed),
    }
