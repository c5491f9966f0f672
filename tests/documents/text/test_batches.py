"""What the view is told of documents in other formats: in one order, of what the warehouse knows, and no more."""

import json
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
import sqlalchemy as sa

from clinical_assets.documents.index.bodies import Identity
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS
from clinical_assets.documents.tables import INDEX
from clinical_assets.documents.text.batches import Batch, Told, tell, tell_again

FORMATS = json.dumps([{"uri": "file:///a.txt", "version": "1", "declared_type": "text/plain"}])
SAID = json.dumps({"uri": "file:///a.txt", "version": "1", "sha256": "other", "instead_of": "first"})


def known(warehouse, *documents: str, patient: str = "p1", read_instead: str | None = None) -> None:
    """The warehouse knows these, in this order."""
    insert = sa.text(
        "INSERT INTO document_cache.documents (document_id, patient_id, source, uri, sha256, status, other_formats, "
        "read_instead) VALUES (:d, :p, 'fhir', 'file:///a.html', 'first', 'indexed', :f, CAST(:r AS jsonb))"
    )
    with warehouse.transaction() as connection:
        for document in documents:
            connection.execute(insert, {"d": document, "p": patient, "f": FORMATS, "r": read_instead})


def said(warehouse) -> dict[str, tuple[str, dict | None]]:
    """By document who wrote its row last, as PostgreSQL numbers transactions, and what it says."""
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text("SELECT document_id, xmin::text, read_instead FROM document_cache.documents"))
        return {document: (last, instead) for document, last, instead in rows}


def read_instead(document: str, who: str) -> Batch:
    """A batch of one document, read in its other format."""
    row = {
        "patient_id": "p1", "document_id": document, "source": "fhir", "uri": "file:///a.html", "status": "indexed",
        "content_type": "text/html", "size_bytes": 1, "sha256": "first", "other_formats": FORMATS,
    }  # fmt: skip
    batch = Batch.of(document, pl.DataFrame([row], INDEX.polars_schema))
    way = batch.begin(0)
    way.take(batch.rows[0], way.waiting.popleft(), Identity(who, 2, "text/plain"), DEFAULT_LIMITS)
    return batch


def test_runs_that_tell_of_the_same_documents_wait_for_each_other_in_one_order(warehouse):
    known(warehouse, "b", "a")
    waiting = sa.text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    lock = "SELECT document_id FROM document_cache.documents WHERE document_id = '{}' FOR UPDATE NOWAIT"
    orders = [[read_instead(document, who) for document in ids] for who, ids in (("one", "ab"), ("two", "ba"))]
    with ThreadPoolExecutor(2) as pool:
        with warehouse.transaction() as connection:
            connection.execute(sa.text(lock.format("a")))
            runs = [pool.submit(tell, warehouse, order) for order in orders]
            while connection.execute(waiting).scalar() < 2:
                assert not any(run.done() for run in runs)
            # Whoever waits for the first has not got the second, for which the one before him may be waiting.
            assert connection.execute(sa.text(lock.format("b"))).scalars().all() == ["b"]
        for run in runs:
            run.result()
    assert len({instead["sha256"] for _, instead in said(warehouse).values()}) == 1


class Times:
    """Bodies whose objects S3 stored all at one time."""

    def __init__(self):
        self.asked: list[dict] = []

    def s3_last_modified(self, versions):
        self.asked.append(dict(versions))
        return dict.fromkeys(versions, "2150-01-02T00:00:00Z")


def test_what_the_view_does_not_know_any_more_it_is_told_again_with_the_time_of_the_object(warehouse):
    known(warehouse, "lost", "unread")
    known(warehouse, "wrong", read_instead='{"uri": "file:///b.txt"}')
    known(warehouse, "known", read_instead=json.dumps({**json.loads(SAID), "s3_last_modified": "2150-01-01T00:00:00Z"}))
    before, bodies = said(warehouse), Times()
    rows = {"lost": SAID, "unread": None, "wrong": None, "known": SAID}
    told = [Told("p1", document, "first", FORMATS, words) for document, words in rows.items()]
    tell_again(warehouse, told, bodies)
    after = said(warehouse)
    assert after["lost"][1] == {**json.loads(SAID), "s3_last_modified": "2150-01-02T00:00:00Z"}
    assert after["wrong"][1] is None
    assert {name: after[name] for name in ("known", "unread")} == {name: before[name] for name in ("known", "unread")}
    tell_again(warehouse, told, bodies)
    assert said(warehouse) == after
    assert bodies.asked[0] == {"file:///a.txt": "1"}
    assert not any(bodies.asked[1:]), "where the view knows everything nobody looks into the store"


@pytest.mark.parametrize("other", [{"sha256": "new"}, {"sha256": None}, {"other_formats": "[]"}, {"patient_id": "p2"}])
@pytest.mark.parametrize("words", [None, SAID])
def test_of_what_has_become_another_document_since_nothing_is_told(warehouse, other, words):
    known(warehouse, "d", read_instead=SAID if words is None else None)
    before = said(warehouse)
    tell_again(warehouse, [Told("p1", "d", "first", FORMATS, words)._replace(**other)], Times())
    assert said(warehouse) == before
