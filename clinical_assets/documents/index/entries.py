"""What names the documents: one entry per document, from a manifest or from folders, notes or DICOM reports.

A document store is laid out in one of these ways, `truth/`, `fhir/` and `timeline/` (read by the timeline)
and hidden files left aside:

    manifest.csv[.gz] or manifest.parquet   columns document_id, patient_id, file; if known document_type, category,
                                           description, authored_at, stored_at, content_type, birth_date
    manifest.ndjson[.gz], DocumentReference*.ndjson[.gz]   one FHIR DocumentReference a line (see `fhir_entries`)
    <patient_id>/[<document type>/...]<file>     folders, where there is no manifest; also below `files/`
    Binary/<id>[.json], Binary*.ndjson[.gz]      what the FHIR resources of a manifest or a folder refer to

Of `x` and `x.gz` beside it the first is read. Whose a document is, is taken from the manifest or the patient's folder
and never guessed. Pure: frames in, frames out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

from clinical_assets.documents import moments

FOLDER = "files"
IGNORED_FOLDERS = ("truth", "fhir", "timeline")
LAKE = "lake:"
"""Before the address of a note in the lake: its table, with `#` and its id behind."""
MANIFESTS = ("manifest.csv", "manifest.csv.gz", "manifest.parquet", "manifest.ndjson", "manifest.ndjson.gz")

ENTRIES = pl.Schema(
    {
        "document_id": pl.String(),
        "patient_id": pl.String(),
        "source": pl.String(),
        "uri": pl.String(),
        "document_type": pl.String(),
        "category": pl.String(),
        "description": pl.String(),
        "authored_date": pl.Date(),
        "authored_at": pl.Datetime("us"),
        "stored_date": pl.Date(),
        "stored_at": pl.Datetime("us"),
        "age_at_document_days": pl.Int64(),
        "declared_type": pl.String(),
        "binary_id": pl.String(),
        "refused": pl.String(),
        "fault": pl.String(),
        "other_formats": pl.String(),
        "names": pl.List(pl.String()),
    }
)
"""One row per document. `uri` of a file is its path below the store; `refused` is the status of a document whose bytes
must not or cannot be looked for, null otherwise; `other_formats` as in the module of that name; `names` are the paths
of all files that a manifest's entry names, or would if they were there, in whatever format."""

_REQUIRED = ("patient_id", "file")
_OPTIONAL = ("document_id", "document_type", "category", "description", "content_type", "authored_at", "stored_at")


class ManifestError(ValueError):
    """A manifest cannot be read; the message says which, what was expected and found, and what to do."""


def manifest_entries(manifest: pl.DataFrame, place: str, zone: str | None = None) -> pl.DataFrame:
    """Entries of a manifest of files.

    Args:
        manifest: its rows, in the file's order; every column may be text.
        place: named in errors.
        zone: name of the hospital's time zone, see `moments.parse`.

    Raises:
        ManifestError: a column is missing.
    """
    missing = [name for name in _REQUIRED if name not in manifest.columns]
    if missing:
        raise ManifestError(
            f"{place}: expected the columns {', '.join((*_REQUIRED, *_OPTIONAL))} (the first {len(_REQUIRED)} at "
            f"least); found {', '.join(manifest.columns)}; add {', '.join(missing)}"
        )
    absent = [
        pl.lit(None, pl.String).alias(name) for name in (*_OPTIONAL, "birth_date") if name not in manifest.columns
    ]
    frame = manifest.with_columns(absent)
    for column, prefix in (("authored_at", "authored"), ("stored_at", "stored"), ("birth_date", "birth")):
        frame = moments.split(frame.rename({column: f"{column} as written"}), f"{column} as written", prefix, zone)
    path = pl.col("file").cast(pl.String).str.strip_chars().str.replace_all("\\", "/", literal=True)
    named = frame["file"].fill_null("").map_elements(_digest, pl.String) if frame["document_id"].null_count() else None
    given = _text("document_id")
    age = (pl.col("authored_date") - pl.col("birth_date")).dt.total_days()
    unsafe = path.str.contains(r"(^/|(^|/)\.\.(/|$)|\x00)") | (path.fill_null("") == "")
    return _unique(
        frame.select(
            document_id=given if named is None else given.fill_null("file-" + named),
            patient_id=_text("patient_id"),
            source=pl.lit("manifest"),
            uri=path.fill_null(""),
            document_type=_text("document_type"),
            category=_text("category"),
            description=_text("description"),
            authored_date="authored_date",
            authored_at="authored_time",
            stored_date="stored_date",
            stored_at="stored_time",
            age_at_document_days=pl.when(age >= 0).then(age),
            declared_type=_text("content_type"),
            binary_id=pl.lit(None, pl.String),
            refused=pl.when(unsafe).then(pl.lit("missing")),
            fault=pl.when(unsafe)
            .then(pl.lit("no path below the store"))
            .when(given.is_null())
            .then(pl.lit("no document id")),
            other_formats=pl.lit(None, pl.String),
            names=pl.concat_list(path.fill_null("").str.strip_prefix("./")),
        )
    )


def _text(column: str) -> pl.Expr:
    written = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(written != "").then(written)


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode(errors="surrogateescape")).hexdigest()[:16]


def _unique(entries: pl.DataFrame) -> pl.DataFrame:
    """The same entries, a document id given again told apart by a number: no document is lost, and none overwritten."""
    nth = pl.col("document_id").cum_count().over("document_id")
    again = pl.col("fault").fill_null("document id given before")
    while entries["document_id"].is_duplicated().any():  # an id told apart may be one that was given, too
        entries = entries.with_columns(
            document_id=pl.when(nth > 1).then(pl.format("{}~{}", "document_id", nth)).otherwise("document_id"),
            fault=pl.when(nth > 1).then(again).otherwise("fault"),
        )
    # PostgreSQL has no NUL in text: one in a manifest must not cost the others their entries.
    no_nul = pl.col(pl.String).str.replace_all("\x00", "\ufffd", literal=True)
    return entries.select(pl.col(name).cast(kind) for name, kind in ENTRIES.items()).with_columns(no_nul)


def merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Entries of several sources, one below the other, every document id once."""
    frames = [part for part in parts if part.height]
    return _unique(pl.concat(frames)) if frames else pl.DataFrame(schema=ENTRIES)


def tree_entries(paths: Iterable[str], base: str) -> pl.DataFrame:
    """Entries of the files in patients' folders.

    Args:
        paths: of files below the store.
        base: the folder the patients' folders are in, empty for the store itself.
    """
    rows = []
    for path in sorted(paths):
        parts = path.removeprefix(f"{base}/" if base else "").split("/")
        if len(parts) > 1:
            found = {"uri": path, "patient_id": parts[0], "document_type": parts[1] if len(parts) > 2 else None}
            if not is_text(path):
                found = {name: part and as_text(part) for name, part in found.items()}
                found |= {"refused": "missing", "fault": "a file name that is not UTF-8"}
            rows.append({"document_id": f"tree-{_digest(path)}", **found})
    return pl.DataFrame(rows, schema=ENTRIES, orient="row").with_columns(source=pl.lit("tree"))


def is_text(path: str) -> bool:
    """Whether a file's name is text: on a disk it may be any bytes."""
    return as_text(path) == path


def as_text(path: str) -> str:
    """A file's name with question marks for what is no text."""
    return path if path.isascii() else path.encode(errors="replace").decode()


_NOTE_TYPES = {
    "DS": ("Discharge summary", "discharge"),
    "AD": ("Discharge summary addendum", "discharge"),
    "RR": ("Radiology report", "radiology"),
    "AR": ("Radiology report addendum", "radiology"),
}


def note_entries(notes: pl.LazyFrame, table: str) -> pl.DataFrame:
    """Entries of MIMIC-IV-Note's rows.

    A time of midnight is the release's way of writing a day without a time.

    Args:
        notes: rows of `mimic/note/discharge` or `mimic/note/radiology`.
        table: its path.
    """
    types = {name: kind for name, (kind, _) in _NOTE_TYPES.items()}
    categories = {name: category for name, (_, category) in _NOTE_TYPES.items()}
    timed = pl.col("charttime").dt.time() != pl.time(0, 0, 0)
    found = notes.select(
        document_id="note_id",
        patient_id=pl.col("subject_id").cast(pl.String),
        source=pl.lit("note"),
        uri=pl.format(f"{LAKE}{table}#{{}}", "note_id"),
        document_type=pl.col("note_type").replace_strict(types, default=pl.col("note_type")),
        category=pl.col("note_type").replace_strict(categories, default=None, return_dtype=pl.String),
        description=pl.lit(None, pl.String),
        authored_date=pl.col("charttime").dt.date(),
        authored_at=pl.when(timed).then("charttime"),
        stored_date=pl.col("storetime").dt.date(),
        stored_at="storetime",
        age_at_document_days=pl.lit(None, pl.Int64),
        declared_type=pl.lit("text/plain; charset=utf-8"),
        binary_id=pl.lit(None, pl.String),
        refused=pl.lit(None, pl.String),
        fault=pl.lit(None, pl.String),
        other_formats=pl.lit(None, pl.String),
        names=pl.lit(None, ENTRIES["names"]),
    )
    return found.select(pl.col(name).cast(kind) for name, kind in ENTRIES.items()).collect()


def report_entries(headers: pl.LazyFrame, file: pl.Expr) -> pl.DataFrame:
    """Entries of DICOM structured reports and encapsulated documents among the images' files.

    Args:
        headers: rows of `imaging/dicom_headers`.
        file: path of a row's file below the sources.
    """
    reports = headers.filter(pl.col("status") == "report").select(
        document_id=pl.format("dicom-{}", "dicom_id"),
        patient_id=pl.col("subject_id").cast(pl.String),
        source=pl.lit("dicom_sr"),
        uri=file,
        document_type=pl.lit("DICOM report"),
        category=pl.lit("radiology"),
        declared_type=pl.lit("application/dicom"),
    )
    found = reports.collect()
    return pl.concat([pl.DataFrame(schema=ENTRIES), found], how="diagonal_relaxed").select(list(ENTRIES))
