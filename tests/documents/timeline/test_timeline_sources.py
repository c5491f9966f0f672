"""Where events are looked for: FHIR files and CSV files of a document store, in a folder as in S3."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from clinical_assets.documents.timeline.events import EventFileError
from clinical_assets.documents.timeline.timeline_mimic import SOURCES
from clinical_assets.documents.timeline.timeline_sources import csv_files, fhir_files, timeline_of
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


def test_a_file_in_another_encoding_is_named(folder):
    (Path(folder.root) / "timeline" / "old.csv").write_bytes(
        "patient_id,event_type,start\np1,M\xfcller,x".encode("cp1252")
    )
    with pytest.raises(EventFileError, match=r"timeline/old\.csv: expected text in UTF-8"):
        told(folder)


def test_nobodys_timeline_is_empty(folder):
    assert timeline_of([], folder, NO_TABLES).events.is_empty()
