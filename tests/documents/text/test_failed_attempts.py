"""Dead letters on a real server: counted once a run, given up after several, and what brings them back."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from document_graph import FILES, NOTE, Graph, write_store

from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Reason
from clinical_assets.documents.tables import TEXT
from clinical_assets.documents.text import failed_attempts
from clinical_assets.documents.text.failed_attempts import COUNTED, MOST_ATTEMPTS, Failed
from clinical_assets.documents.text.text_cache import Key

KEY = Key("0" * 64, "html", "1")
# Attributes without a value are looked up among all before: this keeps the parser busy, in C, for a minute.
STUCK = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x</p></html>"


def limits(**changed):
    return dataclasses.replace(DEFAULT_LIMITS, **changed)


def count(warehouse, run, given=DEFAULT_LIMITS, key=KEY):
    return failed_attempts.count(warehouse, key, run, given, Reason.TIMED_OUT, "no result within 1 s")


def test_each_run_counts_once_however_often_it_fails_and_the_third_gives_up(warehouse):
    counted = [count(warehouse, run) for run in ("a", "a", "b", "b", "c")]
    assert [each.attempts for each in counted] == [1, 1, 2, 2, 3]
    assert [each.given_up(DEFAULT_LIMITS) for each in counted] == [False] * 4 + [True]
    assert failed_attempts.of_keys(warehouse, [KEY, KEY._replace(extractor_version="2")]) == {KEY: counted[-1]}


def test_runs_at_the_same_time_are_each_counted(warehouse):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run: count(warehouse, run), [f"run {n}" for n in range(12)]))
    assert failed_attempts.of_keys(warehouse, [KEY])[KEY].attempts == 12


@pytest.mark.parametrize(
    ("larger", "tried"),
    [
        ({}, False),
        ({"seconds": 60.0}, False),
        ({"seconds": 121.0}, True),
        ({"worker_memory_bytes": 4 * 1024**3}, True),
        ({"worker_memory_bytes": None}, True),
        ({"worker_memory_bytes": 1024}, False),
        ({"max_pages": 5_000}, False),  # another key, see `text_cache.key_of`
    ],
)
def test_more_time_or_memory_than_ever_tries_again(warehouse, larger, tried):
    for run in "abc":
        count(warehouse, run)
    assert failed_attempts.of_keys(warehouse, [KEY])[KEY].given_up(limits(**larger)) is not tried


def test_larger_limits_begin_anew_and_smaller_ones_count_on(warehouse):
    for run in "abc":
        count(warehouse, run)
    large = limits(seconds=500.0, worker_memory_bytes=None)
    assert count(warehouse, "d", large) == Failed(1, 500.0, None, Reason.TIMED_OUT, "no result within 1 s")
    assert count(warehouse, "e").attempts == 2
    assert count(warehouse, "f", limits(worker_memory_bytes=1)) == dataclasses.replace(
        count(warehouse, "f", large), attempts=MOST_ATTEMPTS
    )


def test_what_is_read_after_all_is_forgotten(warehouse):
    count(warehouse, "a")
    count(warehouse, "a", key=KEY._replace(extractor="pdf"))
    failed_attempts.forget(warehouse, [KEY])
    assert set(failed_attempts.of_keys(warehouse, [KEY, KEY._replace(extractor="pdf")])) == {
        KEY._replace(extractor="pdf")
    }


def test_only_what_lies_with_the_bytes_and_their_reader_is_counted():
    assert not any(reason.about_the_bytes for reason in COUNTED)
    assert not COUNTED & {Reason.SOURCE_UNREADABLE, Reason.SOURCE_CHANGED, Reason.UNRESOLVED_REFERENCE}


# -- in the graph --------------------------------------------------------------------------------------------------

KEPT = {key: content for key, content in FILES.items() if key[0] in ("d1", "d3", "d9")}
BATCHES = ["with_documents-00001", "with_documents-00002"]


@pytest.fixture
def graph(tmp_path, warehouse):
    store = write_store(tmp_path / "store", {**KEPT, ("stuck", "p1", "p1/stuck.html", "text/html"): STUCK})
    graph = Graph(tmp_path / "home", store, warehouse)
    assert graph.cut() == BATCHES
    return graph


def attempts(graph):
    row = graph.text()["stuck"]
    return row["reason"], row["attempts"], row["given_up"]


def figures(graph, *batches, **config):
    metadata = graph.run(*batches, **config)["documents/text"]
    return {name: metadata[name].value for name in ("extracted", "dead_letters", "documents_unchanged")}


def test_a_document_that_always_hangs_is_given_up_and_comes_back_when_told_to(graph, warehouse):
    seen = []
    for batches in (BATCHES, BATCHES[:1], BATCHES):  # a range, one partition, a range
        figures(graph, *batches, seconds=1.0)
        seen.append((attempts(graph), graph.verdicts["documents/text:dead_letters"].passed))
    assert seen == [
        (("timed_out", 1, False), True),
        (("timed_out", 2, False), True),
        (("timed_out", 3, True), False),
    ]
    assert graph.text()["d1"]["text"] == NOTE
    assert {row["attempts"] for name, row in graph.text().items() if name != "stuck"} == {0}

    # Not read again, and the file not written again: the run says so all the same.
    for batches in (BATCHES[:1], BATCHES):
        found = figures(graph, *batches, seconds=1.0)
        assert (found["extracted"], found["dead_letters"]) == (0, 1)
        assert found["documents_unchanged"] == (3 if len(batches) == 1 else 4)
    # Neither is it in a file made anew, nor in another batch with the same bytes.
    graph.lake.filesystem.delete_dir(graph.lake._path(TEXT.path))
    assert figures(graph, *BATCHES, seconds=1.0) == {"extracted": 0, "dead_letters": 1, "documents_unchanged": 0}
    assert attempts(graph) == ("timed_out", 3, True)
    assert graph.text()["stuck"]["detail"] == "no result within 1 s"

    assert figures(graph, *BATCHES, seconds=1.0, retry_dead_letters=True)["extracted"] == 1
    assert attempts(graph) == ("timed_out", 4, True)
    assert figures(graph, BATCHES[0], seconds=1.1)["extracted"] == 1
    assert attempts(graph) == ("timed_out", 1, False)
    with warehouse.transaction() as connection:
        view = (
            "SELECT extraction_success, extraction_error, failed_attempts FROM document_cache.extracted_document_text"
        )
        told = connection.execute(sa.text(f"{view} WHERE document_id = 'stuck'")).one()
    assert tuple(told) == (False, "timed_out", 1)


def test_one_batch_alone_gives_the_rows_of_the_range(tmp_path, warehouse, graph):
    graph.run(*BATCHES, seconds=1.0)
    in_range = graph.text()
    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.failed_attempts, document_cache.extracted_text"))
    graph.lake.filesystem.delete_dir(graph.lake._path(TEXT.path))
    for batch in BATCHES:
        graph.run(batch, seconds=1.0)
    assert graph.text() == in_range


def test_a_run_that_ends_halfway_has_counted_what_failed_until_then_once(graph, warehouse, monkeypatch):
    def killed(*_):
        raise OSError("killed")

    monkeypatch.setattr(failed_attempts, "forget", killed)  # after reading, before any file
    with pytest.raises(OSError, match="killed"):
        graph.run(BATCHES[0], seconds=1.0)
    with warehouse.transaction() as connection:
        told = connection.execute(sa.text("SELECT attempts FROM document_cache.failed_attempts")).scalars().all()
    assert (told, graph.lake.partitions(TEXT.path)) == ([1], [])
    monkeypatch.undo()
    graph.run(BATCHES[0], seconds=1.0)
    assert attempts(graph) == ("timed_out", 2, False)
