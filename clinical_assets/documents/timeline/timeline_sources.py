"""Everything that is said about some patients' events: the document store's FHIR resources and CSV files, and MIMIC.

In the store, `fhir/*.ndjson` and FHIR files in its root named after what they hold (`Procedure.ndjson`,
`Encounter-2.ndjson`, as bulk exports do), one resource a line; and `timeline/*.csv` (see `timeline_csv`).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping

import polars as pl

from clinical_assets.documents.index.fhir_entries import lines
from clinical_assets.documents.timeline.events import EventFileError, Timeline, medication_courses, merged
from clinical_assets.documents.timeline.fhir_events import EVENT_RESOURCES, Resource, from_fhir, resources_of
from clinical_assets.documents.timeline.timeline_csv import from_csv
from clinical_assets.documents.timeline.timeline_mimic import from_mimic
from resources.document_store import DocumentStore

FHIR_FOLDER = "fhir"
CSV_FOLDER = "timeline"


def timeline_of(
    patients: Collection[str],
    store: DocumentStore,
    tables: Mapping[str, pl.LazyFrame],
    zone: str | None = None,
) -> Timeline:
    """The timelines of some patients from every source; see `timeline.Timeline`.

    Args:
        patients: their ids; nobody else's events are returned.
        store: the document store; one that is empty or absent gives nothing.
        tables: MIMIC's tables with these patients' rows, see `timeline_mimic.SOURCES`.
        zone: name of the hospital's time zone, see `moments.parse`.

    Raises:
        EventFileError: naming file and line of what cannot be read.
    """
    fhir = from_fhir(_resources(store, patients), zone)
    courses = medication_courses(fhir.events)
    found = merged(
        [
            Timeline(courses, fhir.links, fhir.patients, fhir.left_out, fhir.doubtful),
            *(_csv(store, path, patients, zone) for path in csv_files(store)),
            from_mimic({path: _of(frame, patients) for path, frame in tables.items()}),
        ]
    )
    own = pl.DataFrame({"patient_id": sorted(set(patients))}, schema={"patient_id": pl.String})
    events, links, people = (
        frame.join(own, on="patient_id", how="semi", maintain_order="left")
        for frame in (found.events, found.links, found.patients)
    )
    return Timeline(events, links, people, found.left_out, found.doubtful)


def _of(frame: pl.LazyFrame, patients: Collection[str]) -> pl.LazyFrame:
    """A table's rows of some patients; a dictionary whole."""
    if "subject_id" not in frame.collect_schema():
        return frame
    numbers = pl.Series(sorted(patients), dtype=pl.String).cast(pl.Int64, strict=False).drop_nulls()
    return frame.filter(pl.col("subject_id").is_in(numbers.implode()))


def fhir_files(store: DocumentStore) -> list[str]:
    """Paths of the store's files of FHIR resources that tell of events."""
    in_root = [path for path in store.listing() if path.startswith(EVENT_RESOURCES)]
    found = [*in_root, *store.listing(FHIR_FOLDER)]
    return sorted(path for path in found if path.endswith(".ndjson"))


def csv_files(store: DocumentStore) -> list[str]:
    """Paths of the store's CSV files of events."""
    return sorted(path for path in store.listing(CSV_FOLDER) if path.endswith(".csv"))


def _resources(store: DocumentStore, patients: Collection[str]) -> Iterator[Resource]:
    for path in fhir_files(store):
        # A line too long to be taken holds a document, not an event.
        yield from resources_of((line for _, _, line in lines(store.pieces(path))), path, patients)


def _csv(store: DocumentStore, path: str, patients: Collection[str], zone: str | None) -> Timeline:
    try:
        with store.open(path) as file:
            return from_csv(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), path, patients, zone)
    except UnicodeDecodeError as error:
        raise EventFileError(
            f"{path}: expected text in UTF-8; found a byte that is none, {error.start:,} bytes into a piece of it. "
            "Save the file as UTF-8."
        ) from None
