"""A document in several formats: read in the first that can be read, and said to be of the bytes that were read."""

import base64
import dataclasses
import datetime as dt
import hashlib
import json

import polars as pl
import pytest
import sqlalchemy as sa
from document_graph import Graph, loads
from polars.testing import assert_frame_equal

from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Reason
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.documents.text import failed_attempts, text_cache, text_checks
from clinical_assets.documents.text.batches import Batch
from clinical_assets.documents.text.extracting import Extractor
from clinical_assets.documents.text.failed_attempts import BETWEEN_ATTEMPTS
from resources.document_store import DocumentStore
from resources.lake import Lake

ZIP = b"PK\x03\x04" + bytes(40)
BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><ClinicalDocument>&b;</ClinicalDocument>'
ENCRYPTED = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"
FILES = {
    "notes/zip.html": ZIP,
    "notes/empty.html": b"",
    "notes/empty.txt": b"",
    "notes/bomb.xml": BOMB,
    "notes/broken.pdf": ENCRYPTED,
    "notes/f.txt": b"From a file.",
    "notes/fine.html": b"<p>Fine.</p>",
}
HTML, PLAIN, XML, PDF = "text/html", "text/plain", "application/xml", "application/pdf"


def b64(words: str) -> str:
    return base64.b64encode(words.encode()).decode()


# By document: patient, formats, the words of its text, the reasons of formats that could not be read.
DOCUMENTS = {
    "inside": ("p1", [(HTML, {"url": "notes/empty.html"}), (PLAIN, {"data": b64("Inside.")})], "Inside.", ["empty"]),
    "a file": ("p1", [(HTML, {"url": "notes/zip.html"}), (PLAIN, {"url": "notes/f.txt"})], "From a file.",
               ["unsupported_type"]),
    "a line": ("p1", [(HTML, {"url": "notes/zip.html"}), (PLAIN, {"url": "Binary/b2"})], "In bulk.",
               ["unsupported_type"]),
    "third": ("p2", [(PLAIN, {"data": b64("Third.")}), (HTML, {"url": "notes/zip.html"}),
                     (XML, {"url": "notes/bomb.xml"})], "Third.", ["entities_refused", "unsupported_type"]),
    "after what is no base64": ("p2", [(XML, {"url": "notes/bomb.xml"}), (HTML, {"data": "%%"}),
                                       (PLAIN, {"data": b64("After.")})], "After.", ["entities_refused", "bad_base64"]),
    "none": ("p2", [(HTML, {"url": "notes/zip.html"}), (PLAIN, {"url": "notes/empty.txt"}),
                    (PDF, {"url": "notes/broken.pdf"})], None, ["unsupported_type", "empty", "corrupt"]),
    "only": ("p2", [(HTML, {"url": "notes/zip.html"})], None, ["unsupported_type"]),
    "fine": ("p1", [(HTML, {"url": "notes/fine.html"}), (PLAIN, {"url": "notes/f.txt"})], "Fine.", []),
    "late": ("p1", [(HTML, {"url": "notes/zip.html"}), (PLAIN, {"url": "notes/late.txt"})], None, ["unsupported_type"]),
}  # fmt: skip


def reference(name: str, patient: str, formats, **more) -> str:
    return json.dumps({
        "resourceType": "DocumentReference", "id": name, "subject": {"reference": f"Patient/{patient}"},
        "content": [{"attachment": {"contentType": kind, **place}} for kind, place in formats], **more,
    })  # fmt: skip


def write_export(root, documents=DOCUMENTS, **more) -> None:
    lines = [reference(name, patient, formats, **more) for name, (patient, formats, *_) in documents.items()]
    (root / "DocumentReference.ndjson").write_text("\n".join(lines))


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    (root / "notes").mkdir(parents=True)
    for path, content in FILES.items():
        (root / path).write_bytes(content)
    binary = {"resourceType": "Binary", "id": "b2", "data": b64("In bulk.")}
    (root / "Binary.ndjson").write_text(json.dumps(binary))
    write_export(root)
    return root


BATCHES = ["with_documents-00001", "with_documents-00002"]


def view(warehouse) -> dict[str, dict]:
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text("SELECT * FROM document_cache.extracted_document_text")).mappings()
        return {row["document_id"]: dict(row) for row in rows}


def test_a_document_is_read_in_the_first_format_that_can_be_read_batch_by_batch_as_at_once(store, tmp_path, warehouse):
    graph = Graph(tmp_path / "home", store, warehouse, size=1)
    assert graph.cut() == BATCHES
    graph.run(*BATCHES)
    text = graph.text()
    assert set(text) == set(DOCUMENTS)
    index = {row["document_id"]: row for row in graph.rows(INDEX).to_dicts()}
    bodies = Bodies((DocumentStore(root=str(store)),), graph.lake)
    shown = view(warehouse)
    for name, (_, formats, words, reasons) in DOCUMENTS.items():
        row, seen = text[name], shown[name]
        assert (row["text"], row["reason"]) == ((words, None) if words else ("", reasons[0])), name
        assert (seen["extracted_text"] or "", seen["extraction_error"]) == (row["text"], row["reason"]), name
        assert seen["sha256"] == row["sha256"]
        cautions = [w["detail"] for w in loads(row, "warnings") if w["code"] == "attachment_not_read"]
        assert [each.rpartition(": ")[2] for each in cautions] == (reasons if words else reasons[1:]), name
        assert row["n_warnings"] == len(loads(row, "warnings"))
        assert seen["other_format_read"] is bool(words and reasons)
        if not (words and reasons):
            assert (row["read_instead"], row["sha256"]) == (None, index[name]["sha256"])
            assert seen["uri"] == index[name]["uri"]
            continue
        instead = json.loads(row["read_instead"])
        # What is said is what was read: the hash, the type and the address of those bytes.
        assert instead["sha256"] == row["sha256"] == hashlib.sha256(words.encode()).hexdigest()
        assert bodies.whole(instead["uri"], instead["size_bytes"]) == words.encode()
        assert (instead["content_type"], row["extractor"], row["method"]) == ("text/plain", "plain", "plain")
        assert instead["instead_of"] == index[name]["sha256"] != row["sha256"]
        assert (seen["uri"], seen["content_type"], seen["source_version"]) == (
            instead["uri"], "text/plain", instead["version"],
        )  # fmt: skip
        assert len(json.loads(index[name]["other_formats"])) == len(formats) - 1
    assert graph.verdicts["documents/text:of_the_index"].passed
    in_range = graph.rows(TEXT)

    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.documents, document_cache.extracted_text"))
    alone = Graph(tmp_path / "alone", store, warehouse, size=1, checked=False)
    alone.cut()
    for batch in BATCHES:
        alone.run(batch)
    assert_frame_equal(alone.rows(TEXT), in_range)
    assert view(warehouse).keys() == shown.keys()
    for name, row in view(warehouse).items():
        assert (row["uri"], row["extracted_text"]) == (shown[name]["uri"], shown[name]["extracted_text"])

    again = alone.run(*BATCHES)
    assert again["documents/index"]["documents_read"].value == 0
    assert again["documents/text"]["documents_unchanged"].value == len(DOCUMENTS)


def test_a_format_that_comes_later_or_changes_is_read_then(store, tmp_path, warehouse):
    graph = Graph(tmp_path / "home", store, warehouse, size=2)
    (batch,) = graph.cut()
    graph.run(batch)
    assert graph.text()["late"]["reason"] == "unsupported_type"
    (store / "notes/late.txt").write_bytes(b"Late.")
    (store / "notes/f.txt").write_bytes(b"From another file.")
    metadata = graph.run(batch)["documents/text"]
    assert (graph.text()["late"]["text"], graph.text()["a file"]["text"]) == ("Late.", "From another file.")
    assert metadata["extracted"].value == 2, "and nothing else is read again"
    # The first is mended: it is read, and nothing says otherwise any more.
    (store / "notes/zip.html").write_bytes(b"<p>Mended.</p>")
    graph.run(batch)
    row = graph.text()["a file"]
    assert (row["text"], row["read_instead"], row["n_warnings"]) == ("Mended.", None, 0)
    assert not view(warehouse)["a file"]["other_format_read"]
    assert view(warehouse)["a file"]["extracted_text"] == "Mended."
    assert graph.verdicts["documents/text:of_the_index"].passed


def test_nothing_is_read_of_a_withdrawn_document_in_any_format(store, tmp_path, warehouse):
    write_export(store, status="entered-in-error")
    graph = Graph(tmp_path / "home", store, warehouse, size=2, checked=False)
    (batch,) = graph.cut()
    metadata = graph.run(batch)["documents/text"]
    assert metadata["extracted"].value == 0
    assert {row["reason"] for row in graph.text().values()} == {"entered_in_error"}
    assert graph.rows(INDEX)["other_formats"].null_count() == len(DOCUMENTS)


# -- what is no reason of the bytes --------------------------------------------------------------------------------

STUCK = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x</p></html>"
START = dt.datetime(2150, 1, 1, tzinfo=dt.UTC)


class Alone:
    """One document of a stuck HTML file and other formats, read by `Extractor` itself."""

    def __init__(self, root, warehouse, *others: str):
        self.warehouse, self.root = warehouse, root
        (root / "stuck.html").write_bytes(STUCK)
        (root / "plain.txt").write_bytes(b"Plain.")
        (root / "zip.pdf").write_bytes(ZIP)
        self.store = DocumentStore(root=str(root))
        formats = [{"uri": self.store.uri(name), "version": "1", "declared_type": kind} for name, kind in others]
        row = {
            "patient_id": "p1", "document_id": "d1", "source": "fhir", "uri": self.store.uri("stuck.html"),
            "declared_type": HTML, "content_type": HTML, "size_bytes": len(STUCK), "status": "indexed",
            "sha256": hashlib.sha256(STUCK).hexdigest(), "other_formats": json.dumps(formats),
        }  # fmt: skip
        self.index = pl.DataFrame([row], INDEX.polars_schema)
        self.key = text_cache.key_of(row["sha256"], HTML, HTML)

    def read(self, seconds: float = DEFAULT_LIMITS.seconds, **how):
        """The document's row, and how its batch came out."""
        given = dataclasses.replace(DEFAULT_LIMITS, seconds=seconds)
        bodies = Bodies((self.store,), Lake(root=str(self.root / "lake"), subject_shards=1))
        self.extractor = Extractor(self.warehouse, bodies, given, 1, **how)
        ((_, outcome, pieces),) = self.extractor.extract([Batch.of("b", self.index, given)])
        return pl.concat(pieces).row(0, named=True), outcome

    def fail(self, times: int) -> None:
        for n in range(times):
            at = START + n * BETWEEN_ATTEMPTS
            failed_attempts.count(self.warehouse, self.key, f"r{n}", DEFAULT_LIMITS, Reason.TIMED_OUT, "", at)


def test_what_only_took_too_long_is_tried_again_before_another_format_is(tmp_path, warehouse):
    document = Alone(tmp_path, warehouse, ("plain.txt", PLAIN))
    document.fail(1)
    row, outcome = document.read(seconds=0.3)
    assert (row["reason"], row["attempts"], row["given_up"], row["read_instead"]) == ("timed_out", 2, False, None)
    assert (outcome.unsettled, outcome.given_up, outcome.dead) == (1, 0, ())
    assert document.extractor.tally.extracted == 1


def test_what_was_given_up_is_read_in_another_format_and_comes_back_with_larger_limits(tmp_path, warehouse):
    document = Alone(tmp_path, warehouse, ("plain.txt", PLAIN))
    document.fail(3)
    for _ in range(2):
        row, outcome = document.read()
        assert (row["text"], row["given_up"], row["attempts"]) == ("Plain.", False, 0)
        assert [w["detail"] for w in loads(row, "warnings")] == ["format text/html: timed_out"]
        assert (outcome.unsettled, outcome.given_up, sum(outcome.reasons.values())) == (0, 1, 0)
        assert document.extractor.still_given_up(outcome)
    larger = dataclasses.replace(document.extractor.limits, seconds=DEFAULT_LIMITS.seconds + 1)
    for other in ({"limits": larger}, {"retry_dead_letters": True}):
        assert not dataclasses.replace(document.extractor, **other).still_given_up(outcome)


def test_where_no_format_can_be_read_what_was_given_up_is_said_and_the_first_reason_stays(tmp_path, warehouse):
    document = Alone(tmp_path, warehouse, ("zip.pdf", PDF))
    document.fail(3)
    row, outcome = document.read()
    assert (row["reason"], row["given_up"], row["attempts"], row["text"]) == ("timed_out", True, 3, "")
    assert [w["detail"] for w in loads(row, "warnings")] == ["format application/zip: unsupported_type"]
    assert (dict(outcome.reasons), outcome.given_up) == ({"timed_out": 1}, 1)


def test_a_format_that_is_not_there_this_time_is_worth_another_try(tmp_path, warehouse):
    document = Alone(tmp_path, warehouse, ("gone.txt", PLAIN))
    document.fail(3)
    row, outcome = document.read()
    assert (row["reason"], row["read_instead"]) == ("timed_out", None)
    assert outcome.unsettled == 1
    (tmp_path / "gone.txt").write_bytes(b"Back.")
    row, outcome = document.read()
    assert (row["text"], outcome.unsettled) == ("Back.", 0)


@pytest.mark.parametrize("status", ["unreadable", "missing"])
def test_of_what_the_index_could_not_read_another_format_is(tmp_path, warehouse, status):
    document = Alone(tmp_path, warehouse, ("plain.txt", PLAIN))
    nothing = dict.fromkeys(("sha256", "content_type", "size_bytes"))
    document.index = document.index.with_columns(status=pl.lit(status), **{n: pl.lit(v) for n, v in nothing.items()})
    row, outcome = document.read()
    assert (row["text"], json.loads(row["read_instead"]).get("instead_of")) == ("Plain.", None)
    assert [w["detail"] for w in loads(row, "warnings")] == ["format text/html: source_unreadable"]
    assert not outcome.reasons
    for settled in ("unresolved_reference", "entered_in_error"):
        document.index = document.index.with_columns(status=pl.lit(settled))
        row, _ = document.read()
        assert (row["reason"], row["text"], row["read_instead"]) == (settled, "", None)


@pytest.mark.parametrize(
    ("version", "uri", "fits"), [("1", "file:///a.txt", True), ("2", "file:///a.txt", False), ("1", "file:///b", False)]
)
def test_a_text_of_another_format_is_of_the_index_as_long_as_the_index_has_that_format(version, uri, fits):
    formats = json.dumps([{"uri": "file:///a.txt", "version": "1"}])
    same = {"patient_id": ["p1"], "document_id": ["d1"]}
    index = pl.DataFrame({**same, "sha256": ["first"], "other_formats": [formats]})
    instead = json.dumps({"uri": uri, "version": version, "sha256": "other", "instead_of": "first"})
    text = pl.DataFrame({**same, "sha256": ["other"], "read_instead": [instead]})
    assert text_checks.of_the_index(text_checks.as_indexed(text, index), index).passed is fits
