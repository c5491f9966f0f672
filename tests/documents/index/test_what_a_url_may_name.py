"""What the URL of an attachment may name: its sender wrote it, and it leads to nobody else's words in any format."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.index.fhir_entries import INLINE, OTHER_FORMAT, Surroundings, fhir_entries
from clinical_assets.documents.index.other_formats import as_read
from resources.document_store import DocumentStore

SECRET = b"Words of patient two."
KINDS = ("text/html", "text/plain", "application/pdf")
MINE = {"data": base64.b64encode(b"Mine.").decode()}


def reference(name: str, patient: str, *attachments: dict) -> dict:
    """A document in as many formats, the best first."""
    several = [{"contentType": kind, **each} for kind, each in zip(KINDS, attachments, strict=False)]
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current",
        "subject": {"reference": f"Patient/{patient}"}, "content": [{"attachment": each} for each in several],
    }  # fmt: skip


OTHERS_LINE = json.dumps(reference("hers", "p2", {"data": base64.b64encode(SECRET).decode()}))
LINE = f"0,{len(OTHERS_LINE)}"
REFUSED = {
    "a line of the export": "fhir+{store}DocumentReference.ndjson#" + LINE,
    "an attachment of a line": "fhir+{store}DocumentReference.ndjson#" + LINE + ",0",
    "the export as a whole": "fhir+{store}DocumentReference.ndjson#",
    "a line, as a relative path": "./fhir+{store}DocumentReference.ndjson#" + LINE,
    "a line, by way of a Binary": "fhir+{store}Binary/../DocumentReference.ndjson#" + LINE,
    "a line of Binaries": "fhir+{store}Binary.ndjson#" + LINE,
    "a note of the lake": "lake:mimic/note/discharge#2-DS-1",
    "a file's address": "file://{root}/files/p2/note.txt",
    "a Binary's address that is none": "file://{root}/Binary/late",
    "an address in S3": "s3://bucket/store/files/p2/note.txt",
    "the export itself": "DocumentReference.ndjson",
    "the export itself, round a corner": "./notes/../DocumentReference.ndjson",
    "the Binaries themselves": "Binary.ndjson",
    "another export": "Patient.ndjson",
    "a manifest": "manifest.parquet",
    "what the timeline reads": "fhir/DocumentReference.ndjson",
    "events of everybody": "timeline/events.csv",
    "a file, by way of a Binary": "Binary/../files/p2/note.txt",
    "a file below a Binary": "Binary/deep/note.txt",
    "a hidden file": ".trash/note.txt",
    "elsewhere": "https://elsewhere.example/note.txt",
}
PLACES = {
    "only": lambda url: [url],
    "best": lambda url: [url, MINE],
    "second": lambda url: [MINE, url],
    "last": lambda url: [{"data": "%"}, MINE, url],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A store in which patient two's words lie wherever they can."""
    root = tmp_path_factory.mktemp("store")
    for path in ("files/p2/note.txt", "timeline/events.csv", "Binary/deep/note.txt", ".trash/note.txt", "notes/x.txt",
                 "fhir/DocumentReference.ndjson", "Patient.ndjson"):  # fmt: skip
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(SECRET)
    (root / "Binary.ndjson").write_text(OTHERS_LINE)
    return root


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_a_url_leads_to_nothing_of_anybody_else_whichever_format_has_it(root, lake, url, place):
    store = DocumentStore(root=str(root))
    written = url.format(store=store.uri(""), root=root)
    own = reference("mine", "p1", *place({"url": written}))
    (root / "DocumentReference.ndjson").write_text(OTHERS_LINE + "\n" + json.dumps(own))
    row = DocumentSources(store, store, lake).of(["p1"]).row(0, named=True)
    others = as_read(row["other_formats"])
    bodies = Bodies((store,), lake)
    addresses = [] if row["refused"] else [row["uri"]]
    addresses += [each.uri for each in others if each.version]
    assert [bodies.whole(address, 0) for address in addresses] == ([] if row["refused"] else [b"Mine."])
    if place is PLACES["only"]:
        assert row["refused"] == "unresolved_reference"
    else:
        assert (row["fault"] == OTHER_FORMAT) is (place is not PLACES["second"])
        assert {each.refused for each in others} <= {"unresolved_reference"}
    if written.removeprefix("./").startswith((INLINE, "lake:")):
        assert written not in {row["uri"], *(each.uri for each in others)}, "not kept, lest it is taken for ours later"


@given(st.sampled_from(sorted(REFUSED.values())), st.text("./#,+:0a", max_size=4), st.text("./#,0a", max_size=4))
def test_whatever_stands_around_it_an_address_of_ours_is_never_an_entrys(url, before, behind):
    written = before + url.format(store="file:///store/", root="/store") + behind
    line = json.dumps(reference("mine", "p1", MINE, {"url": written})).encode()
    found, _ = fhir_entries([(0, len(line), line)], "x.ndjson", "file:///store/x.ndjson", Surroundings((), {}))
    others = as_read(found["other_formats"].item())
    assert found["uri"].item() == f"fhir+file:///store/x.ndjson#0,{len(line)}"
    assert all(each.refused and not each.uri.startswith((INLINE, "lake:")) for each in others)


@pytest.mark.parametrize("path", ["fhir+{store}DocumentReference.ndjson#" + LINE, "lake:mimic/note/discharge#2-DS-1"])
def test_a_manifest_names_files_and_no_address_of_ours(root, lake, path):
    store = DocumentStore(root=str(root))
    (root / "DocumentReference.ndjson").write_text(OTHERS_LINE)
    (root / "manifest.csv").write_text(f'document_id,patient_id,file\nmine,p1,"{path.format(store=store.uri(""))}"\n')
    row = DocumentSources(store, store, lake).of(["p1"]).row(0, named=True)
    (root / "manifest.csv").unlink()
    assert row["version"] is None
    assert row["uri"].startswith(store.uri(""))
