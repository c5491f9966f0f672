"""MIMIC-CXR's reports: one text file per study, read below a folder or an object store's prefix, several at a time."""

from __future__ import annotations

from typing import Any

import polars as pl

from clinical_assets.imaging.released_files import READERS, OpenFile, all_missing, facts_of_files
from clinical_assets.imaging.report_tables import CXR_REPORTS

LARGEST = 1 << 20
"""Bytes; a report has a few thousand."""


def report_file() -> pl.Expr:
    """Path of a study's report below its release's folder: `files/p10/p10000032/s50414267.txt`."""
    subject = pl.col("subject_id").cast(pl.String)
    return pl.format("files/p{}/p{}/s{}.txt", subject.str.slice(0, 2), subject, "study_id")


def cxr_reports(studies: pl.DataFrame, open_file: OpenFile | None, *, readers: int = READERS) -> pl.DataFrame:
    """One row per study; see `report_tables.CXR_REPORTS`.

    Args:
        studies: `subject_id`, `study_id` and `file`, the path of its report.
        open_file: opens a path; called from several threads. None where the release is not at hand: all are missing.
        readers: files open at a time.
    """
    if open_file is None:
        return all_missing(studies, _NUMBERS, CXR_REPORTS)
    return facts_of_files(studies, _NUMBERS, lambda row: report_facts(row["file"], open_file), CXR_REPORTS, readers)


_NUMBERS = ("subject_id", "study_id", "file")


def report_facts(path: str, open_file: OpenFile) -> dict[str, Any]:
    """The columns of `CXR_REPORTS` for one file, beside its numbers."""
    try:
        with open_file(path) as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        return {"status": "missing"}
    if len(content) > LARGEST or b"\0" in content:
        return {"status": "not text"}
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {"status": "not text"}
    return {"status": "read", "text": written} if written.strip() else {"status": "empty"}
