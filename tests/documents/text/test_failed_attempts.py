"""Dead letters on a real server: counted once a run, given up after several, and what brings them back."""

import dataclasses
import datetime as dt
import hashlib
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
import sqlalchemy as sa
from document_graph import FILES, NOTE, Graph, write_store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Reason
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.documents.text import failed_attempts
from clinical_assets.documents.text.batches import Batch
from clinical_assets.documents.text.extracting import Extractor
from clinical_assets.documents.text.failed_attempts import BETWEEN_ATTEMPTS, COUNTED, MOST_ATTEMPTS, Attempt, Failed
from clinical_assets.documents.text.text_cache import Key
from resources.document_store import DocumentStore
from resources.lake import Lake

KEY = Key("0" * 64, "html", "1")
# Attributes without a value are looked up among all before: this keeps the parser busy, in C, for a minute.
STUCK = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x</p></html>"


def limits(**changed):
    return dataclasses.replace(DEFAULT_LIMITS, **changed)


START = dt.datetime(2150, 1, 1, 8, tzinfo=dt.UTC)
MOMENT = dt.timedelta(microseconds=1)


def count(warehouse, run, given=DEFAULT_LIMITS, key=KEY, at=START):
    return failed_attempts.count(warehouse, key, run, given, Reason.TIMED_OUT, "no result within 1 s", at)


def count_spaced(warehouse, runs, given=DEFAULT_LIMITS):
    """The attempts after each of some runs that fail, far enough apart to count."""
    return [count(warehouse, run, given, at=START + n * BETWEEN_ATTEMPTS) for n, run in enumerate(runs)]


def time_passes(warehouse):
    with warehouse.transaction() as connection:
        earlier = (
            "SELECT array_agg(t - CAST(:between AS interval) ORDER BY n) FROM unnest(tried_at) WITH ORDINALITY u(t, n)"
        )
        update = f"UPDATE document_cache.failed_attempts SET tried_at = ({earlier})"
        connection.execute(sa.text(update), {"between": BETWEEN_ATTEMPTS})


def test_each_run_counts_once_however_often_it_fails_and_the_third_gives_up(warehouse):
    counted = count_spaced(warehouse, ("a", "a", "b", "b", "c"))
    assert [each.attempts(DEFAULT_LIMITS) for each in counted] == [1, 1, 2, 2, 3]
    assert [each.given_up(DEFAULT_LIMITS) for each in counted] == [False] * 4 + [True]
    assert failed_attempts.of_keys(warehouse, [KEY, KEY._replace(extractor_version="2")]) == {KEY: counted[-1]}


def test_runs_at_the_same_time_count_as_one(warehouse):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda run: count(warehouse, run), [f"run {n}" for n in range(12)]))
    assert failed_attempts.of_keys(warehouse, [KEY])[KEY].attempts(DEFAULT_LIMITS) == 1


def test_of_runs_within_an_hour_one_counts_from_the_last_that_counted(warehouse):
    times = {"a": 0 * MOMENT, "b": BETWEEN_ATTEMPTS / 2, "c": BETWEEN_ATTEMPTS - MOMENT, "d": BETWEEN_ATTEMPTS,
             "e": 2 * BETWEEN_ATTEMPTS - MOMENT, "f": 2 * BETWEEN_ATTEMPTS}  # fmt: skip
    counted = [count(warehouse, run, at=START + since).attempts(DEFAULT_LIMITS) for run, since in times.items()]
    assert counted == [1, 1, 1, 2, 2, 3]


def test_the_time_is_the_databases_where_none_is_given(warehouse):
    assert [count(warehouse, run, at=None).attempts(DEFAULT_LIMITS) for run in "ab"] == [1, 1]
    time_passes(warehouse)
    assert [count(warehouse, run, at=None).attempts(DEFAULT_LIMITS) for run in "cd"] == [2, 2]


def test_two_long_runs_that_meet_a_document_in_turns_count_as_two(warehouse):
    assert [each.attempts(DEFAULT_LIMITS) for each in count_spaced(warehouse, "xyxy")] == [1, 2, 2, 2]


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
    count_spaced(warehouse, "abc")
    assert failed_attempts.of_keys(warehouse, [KEY])[KEY].given_up(limits(**larger)) is not tried


def test_larger_limits_begin_anew_at_once_and_what_fails_with_smaller_ones_says_nothing_about_them(warehouse):
    count_spaced(warehouse, "abc")
    large = limits(seconds=500.0, worker_memory_bytes=None)
    failed = count(warehouse, "d", large)
    assert (failed.attempts(large), failed.reason, failed.detail) == (1, Reason.TIMED_OUT, "no result within 1 s")
    for smaller in ({}, {"seconds": 500.0}, {"worker_memory_bytes": None}, {"worker_memory_bytes": 1}):
        assert [each.attempts(large) for each in count_spaced(warehouse, "efgh", limits(**smaller))] == [1] * 4
    assert not failed_attempts.of_keys(warehouse, [KEY])[KEY].given_up(large)
    # On other days than "d": of those within an hour one counts.
    days = [count(warehouse, run, large, at=START + n * dt.timedelta(days=1)) for n, run in enumerate("aij", 1)]
    assert [each.attempts(large) for each in days] == [2, 3, 4]


def test_limits_that_nobody_tried_are_not_given_up(warehouse):
    count_spaced(warehouse, "a")  # 120 s and as much memory as there is by default
    otherwise = limits(seconds=200.0, worker_memory_bytes=10**9)
    failed = count_spaced(warehouse, "bcd", otherwise)[-1]
    assert failed.attempts(otherwise) == 3
    assert {(each.seconds, each.memory_bytes) for each in failed.tried if each.run != "a"} == {(200.0, 10**9)}
    assert failed.given_up(otherwise)
    assert not failed.given_up(limits(seconds=200.0))
    assert not failed.given_up(DEFAULT_LIMITS)


def test_runs_with_now_more_time_now_more_memory_take_nothing_back_from_each_other(warehouse):
    long, roomy = limits(seconds=500.0, worker_memory_bytes=10**9), limits(seconds=10.0, worker_memory_bytes=None)
    turns = [
        count(warehouse, f"run {n}", limit, at=START + n * BETWEEN_ATTEMPTS)
        for n, limit in enumerate([long, roomy] * 3)
    ]
    assert [each.attempts(long) for each in turns] == [1, 1, 2, 2, 3, 3]
    assert [each.attempts(roomy) for each in turns] == [0, 1, 1, 2, 2, 3]
    # All six gave as much as this; no three of them as much as that.
    assert turns[2].given_up(limits(seconds=10.0, worker_memory_bytes=10**9))
    assert not turns[-1].given_up(limits(seconds=500.0, worker_memory_bytes=None))


SECONDS, MEMORY = (1.0, 60.0, 120.0), (10**9, 2 * 10**9, None)
OFFERED = st.builds(
    lambda seconds, memory: limits(seconds=seconds, worker_memory_bytes=memory),
    st.sampled_from(SECONDS),
    st.sampled_from(MEMORY),
)


@given(st.lists(OFFERED, min_size=1, max_size=9), OFFERED, st.randoms(use_true_random=False))
def test_in_whatever_order_runs_came_three_with_as_much_give_up_and_fewer_do_not(runs, now, order):
    def failed(given):
        tried = [
            Attempt(f"run {n}", START + n * BETWEEN_ATTEMPTS, each.seconds, each.worker_memory_bytes)
            for n, each in enumerate(given)
        ]
        return Failed(tuple(tried), Reason.TIMED_OUT, "")

    as_much = sum(
        SECONDS.index(each.seconds) >= SECONDS.index(now.seconds)
        and MEMORY.index(each.worker_memory_bytes) >= MEMORY.index(now.worker_memory_bytes)
        for each in runs
    )
    shuffled = list(runs)
    order.shuffle(shuffled)
    for ordered in (runs, shuffled, runs[::-1]):
        assert failed(ordered).attempts(now) == as_much
        assert failed(ordered).given_up(now) is (as_much >= MOST_ATTEMPTS)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcdef"), OFFERED, st.integers(0, 9)), min_size=1, max_size=6))
def test_what_the_warehouse_remembers_is_what_came_however_it_came(warehouse, runs):
    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.failed_attempts"))
    told = [count(warehouse, run, given, at=START + hour * BETWEEN_ATTEMPTS) for run, given, hour in runs]
    (found,) = failed_attempts.of_keys(warehouse, [KEY]).values()
    assert found == told[-1]
    for _, now, _ in runs:
        as_much = [(run, hour) for run, given, hour in runs if _as_much(given, now)]
        # Each hour once and each run once: never more than either, and one at least.
        assert 1 <= found.attempts(now) <= min(len({hour for _, hour in as_much}), len({run for run, _ in as_much}))


def _as_much(given, now):
    memory = MEMORY.index(given.worker_memory_bytes) >= MEMORY.index(now.worker_memory_bytes)
    return memory and given.seconds >= now.seconds


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
    graph = Graph(tmp_path / "home", write_store(tmp_path / "store", KEPT), warehouse)
    assert graph.cut() == BATCHES
    # Read with all the time there is: in the second that the stuck one is given below, a busy machine may read nothing.
    graph.run(*BATCHES)
    graph.lake.filesystem.delete_dir(graph.lake._path(TEXT.path))
    write_store(tmp_path / "store", {**KEPT, ("stuck", "p1", "p1/stuck.html", "text/html"): STUCK})
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
        time_passes(warehouse)
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
        connection.execute(sa.text("TRUNCATE document_cache.failed_attempts"))
    graph.lake.filesystem.delete_dir(graph.lake._path(TEXT.path))
    for batch in BATCHES:
        graph.run(batch, seconds=1.0)
    assert graph.text() == in_range


def test_a_document_of_three_batches_counts_once_in_a_range_and_in_three_runs_soon_after(tmp_path, warehouse):
    (tmp_path / "stuck.html").write_bytes(STUCK)
    store, given = DocumentStore(root=str(tmp_path)), limits(seconds=0.3)
    row = {"source": "tree", "uri": store.uri("stuck.html"), "content_type": "text/html", "size_bytes": len(STUCK),
           "sha256": hashlib.sha256(STUCK).hexdigest(), "status": "indexed"}  # fmt: skip
    batches = [
        Batch.of(
            f"b{n}", pl.DataFrame([row | {"patient_id": f"p{n}", "document_id": f"d{n}"}], INDEX.polars_schema), given
        )
        for n in range(3)
    ]

    def runs(*several):
        with warehouse.transaction() as connection:
            connection.execute(sa.text("TRUNCATE document_cache.failed_attempts"))
        found = []
        for run in several:
            extractor = Extractor(
                warehouse, Bodies((store,), Lake(root=str(tmp_path / "lake"), subject_shards=1)), given, 1
            )
            found += [(outcome, pl.concat(pieces).select("reason", "attempts", "given_up").rows())
                      for _, outcome, pieces in extractor.extract(run)]  # fmt: skip
        return found

    in_range = runs(batches)
    assert in_range == runs(*([batch] for batch in batches))
    assert [rows for _, rows in in_range] == [[("timed_out", 1, False)]] * 3


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
    time_passes(warehouse)
    graph.run(BATCHES[0], seconds=1.0)
    assert attempts(graph) == ("timed_out", 2, False)
