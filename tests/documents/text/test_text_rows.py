"""Rows of text for documents without a manifest: when they were written, they say themselves."""

import datetime as dt

import pytest
from document_graph import Graph

from clinical_assets.documents.tables import INDEX, TEXT

CCDA = b"""<ClinicalDocument xmlns="urn:hl7-org:v3"><effectiveTime value="20200302"/><author><time value="%s"/></author>
<component><structuredBody><component><section><title>Plan</title><text>Rest.</text></section></component>
</structuredBody></component></ClinicalDocument>"""
FILES = {
    "p1/visit.xml": CCDA % b"20200302003000+0000",
    "p1/note.txt": b"Seen on 2020-03-02.",
    "p2/summary.xml": CCDA % b"2020",
    "p3/same.xml": CCDA % b"20200302003000+0000",
}
BATCHES = ["with_documents-00001", "with_documents-00002"]
NIGHT_BEFORE = dt.datetime(2020, 3, 1, 18, 30)


@pytest.fixture
def store(tmp_path):
    for path, content in FILES.items():
        (tmp_path / "store" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "store" / path).write_bytes(content)
    return tmp_path / "store"


def stated(graph):
    columns = ("stated_date", "stated_at", "stated_by")
    return {row["document_id"]: tuple(row[name] for name in columns) for row in graph.rows(TEXT).to_dicts()}


def of_files(graph):
    names = dict(graph.rows(INDEX).select("document_id", "uri").iter_rows())
    return {names[document].rpartition("store/")[2]: said for document, said in stated(graph).items()}


def test_the_time_a_document_states_is_a_column_batch_by_batch_as_at_once(store, tmp_path, warehouse):
    written = (dt.date(2020, 3, 2), dt.datetime(2020, 3, 2, 0, 30), "author_time")
    moved = (NIGHT_BEFORE.date(), NIGHT_BEFORE, "author_time")
    only_a_day = (dt.date(2020, 3, 2), None, "effective_time")
    nothing = (None, None, None)

    graph = Graph(tmp_path / "home", store, warehouse, checked=False)
    assert graph.cut() == BATCHES
    graph.run(*BATCHES)
    assert of_files(graph) == {
        "p1/visit.xml": written, "p1/note.txt": nothing, "p2/summary.xml": only_a_day, "p3/same.xml": written,
    }  # fmt: skip
    assert graph.rows(INDEX)["authored_date"].null_count() == len(FILES)

    # In the hospital's zone: every row is made anew, from the cache.
    there = Graph(tmp_path / "home", store, warehouse, checked=False, time_zone="America/Chicago")
    assert there.cut() == BATCHES
    for batch in BATCHES:
        made = there.run(batch)["documents/text"]
        assert (made["extracted"].value, made["documents_unchanged"].value) == (0, 0)
    expected = {
        "p1/visit.xml": moved, "p1/note.txt": nothing, "p2/summary.xml": only_a_day, "p3/same.xml": moved,
    }  # fmt: skip
    assert of_files(there) == expected
    assert there.run(*BATCHES)["documents/text"]["documents_unchanged"].value == len(FILES)
    graph.run(*BATCHES)
    there.run(*BATCHES)
    assert of_files(there) == expected
