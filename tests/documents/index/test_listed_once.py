"""A store in S3 is listed in as few requests as it can be, and its manifests are read by one run."""

import json
import os
from collections import Counter

import pyarrow.fs as pafs
import pytest
from document_graph import Graph, write_manifest
from polars.testing import assert_frame_equal

from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.tables import INDEX
from resources.document_store import DocumentStore

PATIENTS = [f"p{n:02d}" for n in range(24)]


def write_files(root):
    for patient in PATIENTS:
        for name in ("a.txt", "deep/b.txt"):
            (root / "files" / patient / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "files" / patient / name).write_text(f"{name} of {patient}")


def as_manifest(root):
    write_files(root)
    rows = [
        (f"{p}-{n}", p, f"files/{p}/{name}", "Note", "", "", "", "text/plain")
        for p in PATIENTS
        for n, name in enumerate(("a.txt", "deep/b.txt"))
    ]
    write_manifest(root, rows)


def as_folders(root):
    write_files(root)


def as_references(root):
    write_files(root)
    lines = [
        {"resourceType": "DocumentReference", "id": f"{p}-{name[0]}", "subject": {"reference": f"Patient/{p}"},
         "content": [{"attachment": {"contentType": "text/plain", "url": f"files/{p}/{name}"}}]}
        for p in PATIENTS for name in ("a.txt", "deep/b.txt")
    ]  # fmt: skip
    (root / "DocumentReference.ndjson").write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture
def asked(monkeypatch):
    """How often keys below the store were listed, and each object's bytes asked for."""
    from moto.s3.responses import S3Response

    counted: Counter[str] = Counter()
    listing, get = S3Response.list_objects_v2, S3Response._key_response_get

    def list_counted(self):
        counted["lists"] += (self.querystring.get("prefix", [""])[0] or "store/").startswith("store/")
        return listing(self)

    def get_counted(self, query, key_name):
        counted[key_name] += 1
        return get(self, query, key_name)

    monkeypatch.setattr(S3Response, "list_objects_v2", list_counted)
    monkeypatch.setattr(S3Response, "_key_response_get", get_counted)
    return counted


@pytest.fixture
def store_of(tmp_path, s3, warehouse):
    """The graph over a store in S3, cut into batches of eight patients."""

    def made(write):
        root = tmp_path / "store"
        root.mkdir()
        write(root)
        endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        filesystem = pafs.S3FileSystem(endpoint_override=endpoint, scheme="http")
        pafs.copy_files(str(root), f"{s3.removeprefix('s3://')}/store", destination_filesystem=filesystem)
        return Graph(tmp_path / "home", f"{s3}/store", warehouse, size=8)

    return made


# By layout: lists of a run that indexes, of one that finds nothing new, and the manifest, if there is one. A range and
# one batch alone cost the same: the top or the patients' folders, their files, and the whole store for the checks.
LAYOUTS = {
    "manifest": (as_manifest, 3, 3, "store/manifest.csv"),
    "folders": (as_folders, 5, 5, None),
    "references": (as_references, 13, 3, "store/DocumentReference.ndjson"),
}


@pytest.mark.parametrize(("write", "first", "again", "manifest"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_run_lists_neighbours_together_and_the_whole_store_once(store_of, asked, write, first, again, manifest):
    graph = store_of(write)
    batches = graph.cut()
    assert len(batches) == 3
    asked.clear()
    graph.run(batches[0], batches[-1])
    assert asked["lists"] <= first
    assert graph.rows(INDEX).height == 2 * len(PATIENTS)
    verdict = graph.verdicts["documents/index:agrees_with_manifests"]
    assert verdict.passed
    in_range = graph.rows(INDEX)
    if manifest:
        assert asked[manifest] <= 2, "read by the run, and not again by its checks"
    for several in ((batches[0], batches[-1]), (batches[1],)):
        asked.clear()
        assert graph.run(*several)["documents/index"]["documents_read"].value == 0
        assert asked["lists"] <= again
        assert not any(key.startswith("store/") for key in asked), "nothing of an unchanged store is fetched"
        assert graph.verdicts["documents/index:agrees_with_manifests"].passed
    assert_frame_equal(graph.rows(INDEX), in_range)


def test_the_record_of_a_manifest_says_what_the_manifest_says_and_goes_with_it(tmp_path, lake):
    write = {"names": as_manifest, "references": as_references}
    for name, make in write.items():
        root = tmp_path / name
        root.mkdir()
        make(root)
        (root / "files/stray.txt").write_text("Nobody's.")
        place = DocumentStore(root=str(root))

        def sources(place=place):
            return DocumentSources(place, place, lake)

        reading = sources()
        reading.of(PATIENTS[:1])
        assert reading.was_read
        reading.record()
        recorded = sources()
        assert recorded.unlisted() == ["files/stray.txt"]
        assert not recorded.was_read
        assert_frame_equal(recorded.all_listed.documents, reading.all_listed.documents)
        assert recorded.patients() == set(PATIENTS)
        (manifest,) = recorded.manifests
        (root / manifest).write_text((root / manifest).read_text().replace("p23", "p99"))
        changed = sources()
        assert changed.patients() == {*PATIENTS[:-1], "p99"}
        assert changed.was_read


def test_a_better_format_that_comes_later_is_named_in_the_record_already(tmp_path, lake):
    better = [{"url": "best.html", "contentType": "text/html"}, {"url": "Binary/b1", "contentType": "text/html"}]
    reference = {"resourceType": "DocumentReference", "id": "d", "subject": {"reference": "Patient/p1"},
                 "content": [{"attachment": each} for each in (*better, {"url": "./there.pdf"})]}  # fmt: skip
    root = tmp_path / "store"
    root.mkdir()
    (root / "DocumentReference.ndjson").write_text(json.dumps(reference))
    (root / "there.pdf").write_text("There.")
    place = DocumentStore(root=str(root))
    reading = DocumentSources(place, place, lake)
    assert reading.listed["uri"].to_list() == ["there.pdf"]
    reading.record()
    (root / "Binary").mkdir()
    (root / "Binary/b1").write_text("Better.")
    (root / "best.html").write_text("Best.")
    later = DocumentSources(place, place, lake)
    assert later.unlisted() == []
    assert not later.was_read


def test_a_reference_that_found_its_file_later_names_it_in_the_record_already(tmp_path, lake):
    attachments = [{"url": "Binary/b1"}, {"url": "./late.txt"}]
    reference = {"resourceType": "DocumentReference", "id": "d", "subject": {"reference": "Patient/p1"},
                 "content": [{"attachment": each} for each in attachments]}  # fmt: skip
    root = tmp_path / "store"
    root.mkdir()
    (root / "DocumentReference.ndjson").write_text(json.dumps(reference))
    place = DocumentStore(root=str(root))
    reading = DocumentSources(place, place, lake)
    assert reading.listed.height == 1
    reading.record()
    (root / "Binary").mkdir()
    (root / "Binary/b1.json").write_text("{}")
    (root / "late.txt").write_text("Late.")
    (root / "stray.txt").write_text("Nobody's.")
    later = DocumentSources(place, place, lake)
    assert later.unlisted() == ["stray.txt"]
    assert not later.was_read
