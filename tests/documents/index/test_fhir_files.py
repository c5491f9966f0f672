"""FHIR resources in patients' folders: read with what they refer to, and never with what is another patient's."""

import base64
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.index import index_files
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.index.fhir_files import completed, patients_folder, version_again, version_with
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Limits
from clinical_assets.documents.tables import INDEX
from resources.document_store import DocumentStore

REFERENCE = "files/p1/ref.json"
BATCH = ("all-00001", ["p1"])


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def reference(*urls: str, kind: str | None = "text/plain", **more) -> str:
    """A DocumentReference whose documents are behind URLs."""
    attachments = [{"url": url, **({"contentType": kind} if kind else {})} for url in urls]
    return json.dumps({
        "resourceType": "DocumentReference", "status": "current",
        "content": [{"attachment": each} for each in attachments], **more,
    })  # fmt: skip


class Place:
    """A store of patients' folders and its index."""

    def __init__(self, root, lake, warehouse):
        self.root, self.lake, self.warehouse = root, lake, warehouse

    def put(self, path: str, words: str | bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(words if isinstance(words, bytes) else words.encode())

    def index(self) -> dict[str, dict]:
        """Rows by the path of the file they are of; `read` has how many were read."""
        store = DocumentStore(root=str(self.root))
        self.bodies = Bodies((store,), self.lake)
        sources = DocumentSources(store, DocumentStore(root=str(self.root / "none")), self.lake)
        ((_, counted),) = index_files.write_indexes([BATCH], sources, self.bodies, self.warehouse, "v1")
        self.read = counted.read
        rows = self.lake.scan(INDEX.path, [BATCH[0]]).collect().to_dicts()
        return {store.path_of(r["uri"].removeprefix("fhir+").removesuffix("#")): r for r in rows}

    def extracted(self, row: dict):
        """As the text's asset reads it: from the address alone."""
        assert self.bodies.local(row["uri"]) is None
        found = extract(self.bodies.whole(row["uri"], row["size_bytes"], row["sha256"]), row["content_type"])
        assert found.bytes_sha256 == row["sha256"]
        assert found.size == row["size_bytes"]
        return found


@pytest.fixture
def place(tmp_path, lake, warehouse):
    return Place(tmp_path / "store", lake, warehouse)


def binary(words: str, kind: str = "text/html") -> str:
    return json.dumps({"resourceType": "Binary", "contentType": kind, "data": b64(words)})


FOUND = {
    "beside it": ("note.txt", "files/p1/note.txt", "The note."),
    "below it": ("./deep/note%201.txt", "files/p1/deep/note 1.txt", "The note."),
    "by its address": ("file://{root}/files/p1/note.txt", "files/p1/note.txt", "The note."),
    "a Binary beside it": ("Binary/b1", "files/p1/Binary/b1.json", binary("<p>The note.</p>")),
    "a Binary of the store": ("https://hospital.example/fhir/Binary/b1", "Binary/b1", binary("<p>The note.</p>")),
    "a Binary that is the document": ("Binary/b1/_history/1", "Binary/b1", "The note."),
}


@pytest.mark.parametrize(("url", "path", "content"), FOUND.values(), ids=FOUND)
def test_what_a_reference_refers_to_is_read_with_it(place, url, path, content):
    kind = None if content.startswith("{") else "text/plain"
    place.put(path, content)
    place.put(REFERENCE, reference(url.format(root=place.root), kind=kind))
    row = place.index()[REFERENCE]
    assert row["uri"] == f"fhir+file://{place.root}/{REFERENCE}#"
    assert (row["status"], row["content_type"]) == ("indexed", "application/fhir+json")
    assert place.extracted(row).text.strip() == "The note."
    place.index()
    assert place.read == 0


@pytest.mark.parametrize(
    "url",
    [
        "../p2/note.txt",
        "../../files/p2/note.txt",
        "file://{root}/files/p2/note.txt",
        "file://{root}/files/p1/../p2/note.txt",
        "%2e%2e/p2/note.txt",
        "file:///etc/hostname",
        "https://elsewhere.example/note.txt",
        "ref.json",
        "note.txt\ud83d",
        "http://[::1",
        "Binary/..",
        "Binary/../../files/p2/note.txt",
    ],
)
def test_nothing_of_another_patient_or_from_elsewhere_is_read(place, url):
    place.put("files/p2/note.txt", "Another patient's.")
    place.put("files/p1/note.txt", "His.")
    place.put(REFERENCE, reference(url.format(root=place.root)))
    row = place.index()[REFERENCE]
    assert row["status"] == "indexed"
    data = place.bodies.whole(row["uri"], row["size_bytes"])
    assert b64("Another patient's.").encode() not in data
    assert extract(data).reason.value == "unresolved_reference"


def test_a_change_of_what_is_referred_to_is_a_change_of_the_document(place):
    place.put("files/p1/note.txt", "First.")
    place.put(REFERENCE, reference("note.txt"))
    first = place.index()[REFERENCE]
    place.put("files/p1/note.txt", "Second.")
    second = place.index()[REFERENCE]
    assert place.read == 2  # the note is a document of its own, too
    assert first["sha256"] != second["sha256"]
    assert place.extracted(second).text == "Second."
    # As large as before, and a nanosecond younger.
    facts = (place.root / "files/p1/note.txt").stat()
    place.put("files/p1/note.txt", "Thirds.")
    os.utime(place.root / "files/p1/note.txt", ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert place.extracted(place.index()[REFERENCE]).text == "Thirds."
    place.index()
    assert place.read == 0


def test_a_new_neighbour_has_nothing_else_read_again(place):
    place.put("files/p1/note.txt", "The note.")
    place.put(REFERENCE, reference("note.txt"))
    before = place.index()[REFERENCE]
    place.put("files/p1/another.txt", "Another.")
    assert place.index()[REFERENCE] == before
    assert place.read == 1


def test_what_was_not_there_is_found_when_it_comes_and_missed_when_it_goes(place):
    place.put(REFERENCE, reference("Binary/b1"))
    lost = place.index()[REFERENCE]
    assert place.extracted(lost).reason.value == "unresolved_reference"
    place.index()
    assert place.read == 0
    place.put("Binary/b1.json", binary("Here.", "text/plain"))
    found = place.index()[REFERENCE]
    assert place.extracted(found).text == "Here."
    place.put("files/p1/Binary/b1", "Nearer.")  # looked at before the store's own
    assert place.extracted(place.index()[REFERENCE]).text == "Nearer."
    (place.root / "files/p1/Binary/b1").unlink()
    (place.root / "Binary/b1.json").unlink()
    assert place.extracted(place.index()[REFERENCE]).reason.value == "unresolved_reference"


def test_a_reference_that_no_longer_refers_is_a_plain_file_again(place):
    place.put("files/p1/note.txt", "The note.")
    place.put(REFERENCE, reference("note.txt"))
    assert place.index()[REFERENCE]["uri"].startswith("fhir+")
    inside = {"resourceType": "DocumentReference", "content": [{"attachment": {"data": b64("Inside.")}}]}
    place.put(REFERENCE, json.dumps(inside))
    row = place.index()[REFERENCE]
    assert row["uri"] == f"file://{place.root}/{REFERENCE}"
    assert "|" not in row["version"]


def test_a_bundle_uses_what_came_along_before_what_lies_in_the_folder(place):
    held = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": b64("Came along.")}
    report = {"resourceType": "DiagnosticReport", "presentedForm": [{"url": "note.txt", "contentType": "text/plain"}]}
    entries = [{"resource": json.loads(reference("Binary/b1"))}, {"resource": held}, {"resource": report}]
    place.put("files/p1/Binary/b1", "From the folder.")
    place.put("files/p1/note.txt", "The report.")
    place.put(REFERENCE, json.dumps({"resourceType": "Bundle", "entry": entries}))
    text = place.extracted(place.index()[REFERENCE]).text
    assert "Came along." in text
    assert "The report." in text
    assert "From the folder." not in text


def test_an_empty_file_is_an_empty_attachment(place):
    place.put("files/p1/note.txt", "")
    place.put(REFERENCE, reference("note.txt"))
    assert place.extracted(place.index()[REFERENCE]).reason.value == "empty"


def test_a_whole_beyond_the_limit_is_said_to_be_too_large(place):
    place.put("files/p1/note.txt", "x" * 9_000)
    place.put(REFERENCE, reference("note.txt"))
    store = DocumentStore(root=str(place.root))
    bodies = Bodies((store,), place.lake, Limits(max_bytes=10_000))
    found = bodies.identity(store.uri(REFERENCE), None, completing=True)
    assert found.size_bytes > 10_000
    with pytest.raises(OSError, match="larger than the limit"):
        bodies.whole(found.uri, found.size_bytes)


URLS = st.sampled_from(
    [
        "a.txt",
        "../a.txt",
        "../../p2/a.txt",
        "Binary/1",
        "Binary/..",
        "/etc/x",
        "file:///store/files/p2/a.txt",
        "data:,x",
    ]
) | st.text(max_size=12)
ANYTHING = st.none() | st.integers() | URLS
ATTACHMENTS = st.lists(
    st.dictionaries(st.sampled_from(["url", "data", "contentType"]), ANYTHING) | ANYTHING, max_size=3
)
RESOURCES = st.recursive(
    ANYTHING
    | st.fixed_dictionaries({"resourceType": st.just("DocumentReference"), "content": ATTACHMENTS.map(
        lambda attachments: [{"attachment": each} for each in attachments])})
    | st.fixed_dictionaries({"resourceType": st.just("DiagnosticReport"), "presentedForm": ATTACHMENTS}),
    lambda inner: st.fixed_dictionaries({"resourceType": st.just("Bundle"), "entry": st.lists(
        st.fixed_dictionaries({"resource": inner, "fullUrl": ANYTHING}) | ANYTHING, max_size=3)}),
    max_leaves=4,
)  # fmt: skip


@given(RESOURCES, st.booleans())
def test_whatever_a_resource_says_only_the_patients_folder_and_the_binaries_are_looked_at(resource, there):
    store = DocumentStore(root="/store")
    data = json.dumps(resource).encode()
    read = []

    def content(path: str) -> bytes:
        read.append(path)
        return b"The words."

    found = completed(data, REFERENCE, lambda path: "1" if there else None, content, store.path_of, Limits())
    if found is None:
        assert not read
        return
    assert all(path.startswith(("files/p1/", "Binary/")) and ".." not in path.split("/") for path, _ in found.looked)
    assert set(read) <= {path for path, version in found.looked if version}
    assert isinstance(json.loads(found.data), dict)
    again = completed(found.data, REFERENCE, lambda path: None, content, store.path_of, Limits())
    assert not there or again is None  # nothing is left to be put in


@pytest.mark.parametrize(
    ("path", "folder"), [("files/p1/a/b.json", "files/p1"), ("p1/a/b.json", "p1"), ("p1/b.json", "p1")]
)
def test_the_patients_folder(path, folder):
    assert patients_folder(path) == folder


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.none() | st.from_regex(r"\A[0-9a-f-]{1,9}\Z"), min_size=1))
def test_a_version_tells_whether_anything_that_was_looked_at_has_changed(looked):
    own = {"own": "12-34", **{path: version for path, version in looked.items() if path != "own"}}
    version = version_with("12-34", [each for each in own.items() if each[0] != "own"] or [("x", None)])
    assert version_again(version, "own", own.get) == version
    for path in looked.keys() - {"own"}:
        assert version_again(version, "own", {**own, path: "other"}.get) != version
    assert version_again(version, "own", {}.get) is None
