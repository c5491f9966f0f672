"""Everything that is said about some patients' events: the document store's FHIR resources and CSV files, and MIMIC.

In the store, `fhir/*.ndjson` and FHIR files in its root named after what they hold (`Procedure.ndjson`,
`Encounter-2.ndjson`, as bulk exports do), one resource a line; and `timeline/*.csv` (see `timeline_csv`). Each may be
gzipped (`.gz`); where a file lies there both packed and unpacked, somebody unpacked it, and it is read once.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping

import polars as pl

from clinical_assets.documents.index.fhir_entries import lines_of
from clinical_assets.documents.index.packed import ENDING, PackedError, is_packed, unpacked_pieces
from clinical_assets.documents.timeline.events import EventFileError, Timeline, medication_courses, merged
from clinical_assets.documents.timeline.fhir_events import EVENT_RESOURCES, from_fhir, resources_of
from clinical_assets.documents.timeline.fhir_times import Resource
from clinical_assets.documents.timeline.timeline_csv import from_csv
from clinical_assets.documents.timeline.timeline_mimic import from_mimic
from resources.document_store import PIECE, DocumentStore, StoredObject

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
    return sorted(_fhir(store))


def csv_files(store: DocumentStore) -> list[str]:
    """Paths of the store's CSV files of events."""
    return sorted(_csvs(store))


def events_signature(store: DocumentStore) -> str:
    """A hash that changes whenever the store's files of events do: one comes, goes, or has another version."""
    versions = sorted((path, found.version) for path, found in (_fhir(store) | _csvs(store)).items())
    return hashlib.sha256(repr(versions).encode()).hexdigest()[:16]


def _fhir(store: DocumentStore) -> dict[str, StoredObject]:
    in_root = {path: found for path, found in store.listing().items() if path.startswith(EVENT_RESOURCES)}
    return _ending(in_root | store.listing(FHIR_FOLDER), ".ndjson")


def _csvs(store: DocumentStore) -> dict[str, StoredObject]:
    return _ending(store.listing(CSV_FOLDER), ".csv")


def _ending(files: dict[str, StoredObject], ending: str) -> dict[str, StoredObject]:
    """The files with an ending; of a packed and an unpacked one the unpacked."""
    whole = {path: found for path, found in files.items() if path.endswith(ending)}
    packed = {path: found for path, found in files.items() if path.endswith(ending + ENDING)}
    return whole | {path: found for path, found in packed.items() if path.removesuffix(ENDING) not in whole}


def _resources(store: DocumentStore, patients: Collection[str]) -> Iterator[Resource]:
    for path in fhir_files(store):
        try:
            # A line too long to be taken holds a document, not an event.
            yield from resources_of((line for _, _, line in lines_of(store, path)), path, patients)
        except PackedError as error:
            raise _not_whole(path, error) from None


def _csv(store: DocumentStore, path: str, patients: Collection[str], zone: str | None) -> Timeline:
    try:
        raw = _Pieces(unpacked_pieces(store, path))
        with io.BufferedReader(raw, PIECE) as file:  # type: ignore[type-var]  # asks for more than it uses
            name = path.removesuffix(ENDING) if is_packed(path) else path
            return from_csv(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), name, patients, zone)
    except PackedError as error:
        raise _not_whole(path, error) from None
    except UnicodeDecodeError as error:
        raise EventFileError(
            f"{path}: expected text in UTF-8; found a byte that is none, {error.start:,} bytes into a piece of it. "
            "Save the file as UTF-8."
        ) from None


def _not_whole(path: str, error: PackedError) -> EventFileError:
    return EventFileError(f"{path}: {error}. Copy it again from where it was exported.")


class _Pieces(io.RawIOBase):
    """A file of pieces that come one after the other."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer has these
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        taken = min(len(buffer), len(self._left))
        buffer[:taken], self._left = self._left[:taken], self._left[taken:]
        return taken
