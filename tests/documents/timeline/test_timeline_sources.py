"""Where events are looked for: FHIR files and CSV files of a document store, in a folder as in S3."""

import datetime as dt
import gzip
import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from clinical_assets.documents.timeline.events import EventFileError
from clinical_assets.documents.timeline.timeline_mimic import SOURCES
from clinical_assets.documents.timeline.timeline_sources import csv_files, events_signature, fhir_files, timeline_of
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES
from resources.document_store import DocumentStore

NO_TABLES = {
    path: (CXR_STUDIES if path == CXR_STUDIES.path else RELEASE_TABLES[path]).empty().lazy() for path in SOURCES
}


def study(identifier: str, patient: str = "p1") -> bytes:
    said = {"resourceType": "ImagingStudy", "id": identifier, "started": "2150-03-10"}
    return json.dumps({**said, "subject": {"reference": f"Patient/{patient}"}}).encode() + b"\n"


FILES = {
    "fhir/ImagingStudy.ndjson": study("in folder") + study("other", "p2"),
    "fhir/more.ndjson": study("also"),
    "ImagingStudy-2.ndjson": study("in root"),
    "Observation.ndjson": b"not looked at\n",
    "truth/ImagingStudy.ndjson": study("truth"),
    "files/p1/ImagingStudy.ndjson": study("a document"),
    "fhir/notes.txt": b"not looked at\n",
    "timeline/registry.csv": b"\xef\xbb\xbfpatient_id,event_type,start\r\np1,surgery,2150-03-09\r\n",
    "timeline/readme.md": b"not looked at\n",
}
EXPECTED = ["csv/registry", "ImagingStudy/also", "ImagingStudy/in folder", "ImagingStudy/in root"]


def told(store: DocumentStore) -> list[str]:
    found = timeline_of(["p1"], store, NO_TABLES).events["event_id"].to_list()
    return [name.rpartition("/")[0] if name.startswith("csv") else name for name in found]


@pytest.fixture
def folder(tmp_path: Path) -> DocumentStore:
    for path, content in FILES.items():
        file = tmp_path / "documents" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return DocumentStore(root=str(tmp_path / "documents"))


def test_events_are_found_in_a_folder(folder):
    assert fhir_files(folder) == ["ImagingStudy-2.ndjson", "fhir/ImagingStudy.ndjson", "fhir/more.ndjson"]
    assert csv_files(folder) == ["timeline/registry.csv"]
    assert told(folder) == EXPECTED


def test_events_are_found_in_s3(s3, s3_server):
    for path, content in FILES.items():
        place = f"{s3_server}/{s3.removeprefix('s3://')}/store/{path}"
        bytes_ = {"Content-Type": "application/octet-stream"}  # else the server takes the body for a form
        with urlopen(Request(place, data=content, method="PUT", headers=bytes_)):
            pass
    assert told(DocumentStore(root=f"{s3}/store")) == EXPECTED


def test_a_store_that_is_not_there_tells_of_nothing(tmp_path):
    timeline = timeline_of(["p1"], DocumentStore(root=str(tmp_path / "nowhere")), NO_TABLES)
    assert timeline.events.is_empty()
    assert timeline.left_out == {}


def test_gzipped_files_tell_the_same_and_one_beside_its_unpacked_self_is_not_read_twice(folder, tmp_path):
    packed = tmp_path / "packed"
    for path, content in FILES.items():
        file = packed / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content))
    store = DocumentStore(root=str(packed))
    assert told(store) == EXPECTED
    plain, zipped = (timeline_of(["p1"], each, NO_TABLES).events for each in (folder, store))
    assert zipped.equals(plain), "with the same ids"
    (packed / "fhir" / "more.ndjson").write_bytes(study("unpacked"))
    assert fhir_files(store) == ["ImagingStudy-2.ndjson.gz", "fhir/ImagingStudy.ndjson.gz", "fhir/more.ndjson"]


@pytest.mark.parametrize("path", ["fhir/ImagingStudy.ndjson.gz", "timeline/registry.csv.gz"])
def test_a_gzipped_file_that_is_not_whole_is_named(folder, path):
    content = gzip.compress(FILES[path.removesuffix(".gz")])
    (Path(folder.root) / path).write_bytes(content[:-6])
    (Path(folder.root) / path.removesuffix(".gz")).unlink()
    with pytest.raises(EventFileError, match=rf"{path}: expected a whole gzipped file; .*Copy it again"):
        told(folder)


def test_times_with_an_offset_are_moved_into_the_hospitals_zone(folder):
    fhir = {"resourceType": "Procedure", "id": "night", "status": "completed", "subject": {"reference": "Patient/p1"},
            "performedDateTime": "2150-02-10T03:30:00Z", "code": {"text": "Craniotomy"}}  # fmt: skip
    (Path(folder.root) / "fhir" / "Procedure.ndjson").write_text(json.dumps(fhir) + "\n")
    (Path(folder.root) / "timeline" / "registry.csv").write_text(
        "patient_id,event_type,start,end,known\np1,surgery,2150-07-02T02:00:00+00:00,2150-07-02,2150-07-02T09:00\n"
    )

    def told_in(zone: str | None) -> dict[str, tuple]:
        events = timeline_of(["p1"], folder, NO_TABLES, zone).events
        columns = ("event_id", "start_date", "start_time", "end_date", "known_time")
        rows = (row for row in events.select(columns).iter_rows() if "Imaging" not in row[0])
        return {row[0].partition("/")[0]: row[1:] for row in rows}

    at, day = dt.datetime, dt.date
    assert told_in(None) == {
        "Procedure": (day(2150, 2, 10), at(2150, 2, 10, 3, 30), None, None),
        "csv": (day(2150, 7, 2), at(2150, 7, 2, 2), day(2150, 7, 2), at(2150, 7, 2, 9)),
    }
    # Six hours behind in winter, five in summer; what has no offset, or no time, stands.
    assert told_in("America/Chicago") == {
        "Procedure": (day(2150, 2, 9), at(2150, 2, 9, 21, 30), None, None),
        "csv": (day(2150, 7, 1), at(2150, 7, 1, 21), day(2150, 7, 2), at(2150, 7, 2, 9)),
    }


def test_the_signature_changes_with_the_files_of_events_alone(folder):
    root = Path(folder.root)
    before = events_signature(folder)
    for path in ("fhir/notes.txt", "truth/ImagingStudy.ndjson", "Observation.ndjson", "timeline/readme.md"):
        (root / path).write_text("Not looked at, and longer than before.")
    assert events_signature(folder) == before
    seen = {before}
    for path in ("fhir/new.ndjson", "timeline/new.csv", "Encounter-7.ndjson", "fhir/packed.ndjson.gz"):
        (root / path).write_bytes(b"")
        seen.add(events_signature(folder))
        (root / path).write_bytes(b"longer")
        seen.add(events_signature(folder))
    (root / "fhir" / "new.ndjson").unlink()
    seen.add(events_signature(folder))
    assert len(seen) == 10


def test_a_file_in_another_encoding_is_named(folder):
    (Path(folder.root) / "timeline" / "old.csv").write_bytes(
        "patient_id,event_type,start\np1,M\xfcller,x".encode("cp1252")
    )
    with pytest.raises(EventFileError, match=r"timeline/old\.csv: expected text in UTF-8"):
        told(folder)


def test_nobodys_timeline_is_empty(folder):
    assert timeline_of([], folder, NO_TABLES).events.is_empty()
