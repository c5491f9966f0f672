"""The catalogue of reports: the files of MIMIC-CXR, which note of MIMIC-IV-Note reports which study, and what is left.

A report is written after its study and says what the study shows. Nothing here may be an input of a model that is to
be used when the image is taken.
"""

from __future__ import annotations

from clinical_assets.imaging.tables import STUDY_ID, STUDY_TIME, SUBJECT_ID
from clinical_assets.mimic.catalogue.columns import integer, number, text, timestamp
from clinical_assets.tables import Table

FILE_STATUSES = ("read", "missing", "empty", "not text")
REPORT_MATCHES = ("same text", "exam and time", "time", "addendum", "none", "not a chest X-ray")
REPORT_SOURCES = ("mimic-cxr", "mimic-iv-note")

CXR_REPORTS = Table(
    key=("imaging", "cxr_reports"),
    grain="one row per chest X-ray study whose report was looked for",
    meaning="Reports of MIMIC-CXR, one text file per study, named after it.",
    primary_key=("study_id",),
    source="MIMIC-CXR: files/p<..>/p<subject_id>/s<study_id>.txt (published packed, as mimic-cxr-reports.zip)",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        text("file", "Path below the release's folder.", required=True),
        text("status", "Whether it could be read.", required=True, allowed=FILE_STATUSES),
        text("text", "The report as written; null where it could not be read."),
    ),
)

REPORT_LINKS = Table(
    key=("imaging", "report_links"),
    grain="one row per radiology report or addendum of MIMIC-IV-Note",
    meaning="Which chest X-ray study a report is about. The note names none: found by the text of MIMIC-CXR's own "
    "report, else by examination and time, one report to one study. An addendum follows the report it belongs to.",
    primary_key=("note_id",),
    happened="charttime",
    known="known_at",
    source="MIMIC-IV-Note: radiology, radiology_detail; imaging/cxr_studies, imaging/cxr_reports",
    columns=(
        SUBJECT_ID,
        text("note_id", "The report.", required=True),
        text("note_type", "RR a report, AR an addendum to one.", allowed=("RR", "AR")),
        timestamp("charttime", "When the images were taken, as the report has it.", required=True),
        timestamp("known_at", "When the report was filed; null where that is not recorded."),
        text("exam", "Examinations it is about, parted by |: by radiology_detail, else by the report's own heading."),
        text("match_type", "How the study was found.", required=True, allowed=REPORT_MATCHES),
        integer("study_id", "The study; null where none was found."),
        STUDY_TIME,
        number("offset_minutes", "From the study to the report's charttime; negative: it is earlier.", unit="min"),
        integer("n_candidates", "Studies it could be about by the rule that found it, or by time.", required=True),
    ),
)

STUDY_REPORTS = Table(
    key=("imaging", "study_reports"),
    grain="one row per chest X-ray study with a report",
    meaning="The report of each study and what is left of it without the sentences that say what the image shows. "
    "MIMIC-CXR's own file where it is at hand, else the note linked to the study. Made after the study: never an input "
    "of a model that is to be used when the image is taken.",
    primary_key=("study_id",),
    happened="study_time",
    known="known_at",
    source="imaging/cxr_reports, imaging/report_links; the filter is imaging/leakage.py",
    columns=(
        SUBJECT_ID,
        STUDY_ID,
        STUDY_TIME,
        text("source", "Where the text is from.", required=True, allowed=REPORT_SOURCES),
        text("note_id", "The note linked to the study, if one is."),
        text("match_type", "How that note was found.", allowed=REPORT_MATCHES[:3]),
        timestamp("known_at", "When that note was filed: the report could not be read before. Null: not recorded."),
        text("text", "The report as written. It says the labels: never given beside the image.", required=True),
        text("text_without_findings", "What the filter left; null where that is nothing."),
        integer("n_sentences", "Sentences of the report.", required=True),
        integer("n_removed", "Of them removed by the filter.", required=True),
        integer("n_removed_denials", "Of them with a word of denial.", required=True),
        integer("n_addenda", "Addenda to that note; their text is not here.", required=True),
    ),
)
