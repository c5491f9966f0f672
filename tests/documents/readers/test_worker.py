import hashlib
import itertools
import json
import os
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import worker, worker_messages, worker_pool
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Limits, Reason
from clinical_assets.documents.readers.sniffing import ContentType
from clinical_assets.documents.readers.worker import Unread
from clinical_assets.documents.readers.worker_pool import Workers, WorkerStartError, extract_all

# Duplicate checks of attributes are quadratic in libxml2: this keeps the parser busy, in C, for a minute.
STUCK = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x</p></html>"
NOTES = {f"note {i}": f"IMPRESSION: stable {i}".encode() for i in range(20)}


def own_children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if worker.PROGRAM in p.cmdline()]


def test_a_stuck_reader_is_ended_when_its_document_has_had_its_time():
    ((_, got),) = extract_all([Unread("stuck", STUCK)], Limits(seconds=0.5), workers=1)
    assert (got.reason, got.detail) == (Reason.TIMED_OUT, "no result within 0.5 s")
    assert own_children() == []


def all_are_stuck(pool: Workers) -> bool:
    """Whether every worker is ready and reads a document that it does not come back from."""
    reading = [each.given[0] if each.ready and each.given else None for each in pool.workers]
    return bool(reading) and all(document and document.key.startswith("stuck") for document in reading)


def test_a_stuck_reader_costs_its_own_document_only(tmp_path, hours_pass):
    on_disk = tmp_path / "on disk.html"
    on_disk.write_bytes(STUCK)
    documents = [Unread("stuck", STUCK, "text/html"), Unread("stuck file", on_disk)]
    documents[1:1] = [Unread(key, data, "text/plain") for key, data in NOTES.items()]
    got = {}
    with Workers(Limits(seconds=60), 2) as pool:
        hours_pass(lambda: NOTES.keys() <= got.keys() and all_are_stuck(pool))
        for key, extraction in pool.read(documents):
            got[key] = extraction
    assert got.keys() == {"stuck", "stuck file", *NOTES}
    for key in ("stuck", "stuck file"):
        assert (got[key].reason, got[key].detail) == (Reason.TIMED_OUT, "no result within 60 s")
        assert (got[key].size, got[key].content_type) == (len(STUCK), "text/html")
    for key, data in NOTES.items():
        assert got[key] == extract(data, "text/plain")
    assert own_children() == []


def test_results_stream_and_documents_are_taken_as_workers_become_free(tmp_path):
    taken = []
    path = tmp_path / "note.txt"
    path.write_bytes(b"from a file")
    linked = b'{"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/7"}}]}'

    def documents():
        sources = {
            "bytes": b"in memory",
            "file": path,
            "gone": tmp_path / "absent",
            "linked": linked,
            "other": linked + b" ",
        }
        for key, source in sources.items():
            taken.append(key)
            yield Unread(key, source)
        for i in range(200):
            taken.append(i)
            yield Unread(f"more {i}", b"more")

    answers = iter([b"Fetched.", None])
    results = extract_all(documents(), workers=1, resolve=lambda url: next(answers))
    first, _ = next(results)
    assert (first, taken) == ("bytes", ["bytes", "file"])  # one ahead of the one worker
    got = dict(next(results) for _ in range(4))
    assert len(taken) <= 6
    assert got["file"].text == "from a file"
    assert (got["gone"].reason, got["gone"].bytes_sha256) == (Reason.SOURCE_UNREADABLE, None)
    assert got["linked"].text == "Fetched."
    assert got["other"].reason is Reason.UNRESOLVED_REFERENCE
    results.close()
    assert own_children() == []


def test_a_worker_brought_down_costs_its_own_document_only():
    documents = [Unread("stuck", STUCK, "text/html"), *(Unread(key, data) for key, data in list(NOTES.items())[:3])]
    got = {}
    with Workers(Limits(seconds=60), 2) as pool:
        for key, extraction in pool.read(documents):
            got[key] = extraction
            if len(got) == 3:
                (busy,) = [each for each in pool.workers if each.given and each.given[0] == documents[0]]
                os.kill(busy.process.pid, signal.SIGSEGV)
    assert (got["stuck"].reason, got["stuck"].detail) == (Reason.WORKER_DIED, "signal 11")
    assert sum(extraction.success for extraction in got.values()) == 3


def test_memory_is_limited_and_the_worker_survives_or_is_replaced():
    hungry = b"<html>" + b"<p>x</p>" * 400_000 + b"</html>"
    documents = [Unread("hungry", hungry), Unread("note", b"IMPRESSION: stable")]
    got = dict(extract_all(documents, Limits(worker_memory_bytes=64 * 1024 * 1024), workers=1))
    assert got["hungry"].reason in (Reason.OUT_OF_MEMORY, Reason.WORKER_DIED, Reason.CORRUPT)
    assert got["note"].text == "IMPRESSION: stable"


def test_a_file_beyond_the_limit_is_never_held(tmp_path):
    path = tmp_path / "large.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(90_000_000)
    limits = Limits(worker_memory_bytes=32 * 1024 * 1024, max_bytes=64_000_000)
    (key, got), *_ = extract_all([Unread("large", path)], limits, workers=1)
    assert (key, got.reason, got.content_type) == ("large", Reason.TOO_LARGE, "application/pdf")
    assert got.detail == "90000000 bytes, limit 64000000"
    assert got.bytes_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_workers_that_cannot_start_are_an_error_with_the_reason(monkeypatch):
    monkeypatch.setattr(worker, "PROGRAM", "clinical_assets.documents.no_such_worker")
    with pytest.raises(WorkerStartError, match="no_such_worker"):
        list(extract_all([Unread("a", b"x")], workers=1))


def test_what_waits_behind_a_document_that_takes_long_is_read_by_another_worker(hours_pass):
    quick = [Unread(f"quick {i}", f"IMPRESSION: stable {i}".encode()) for i in range(60)]
    behind = [Unread(f"behind {i}", f"IMPRESSION: behind {i}".encode()) for i in range(30)]
    got = []
    with Workers(Limits(seconds=60), 2) as pool:
        hours_pass(lambda: len(got) == 90)
        for outcome in pool.read([*quick, Unread("stuck", STUCK), *behind]):
            got.append(outcome)
    assert len(got) == len(dict(got)) == 91
    key, stuck = got[-1]
    assert (key, stuck.reason) == ("stuck", Reason.TIMED_OUT)  # everything else was finished before
    assert all(dict(got)[each.key] == extract(each.source) for each in behind)


def test_one_worker_alone_reads_what_waited_behind_the_document_it_was_ended_for(hours_pass):
    quick = [Unread(f"quick {i}", b"IMPRESSION: stable") for i in range(60)]
    behind = [Unread(f"behind {i}", b"IMPRESSION: behind") for i in range(12)]
    with Workers(Limits(seconds=60), 1) as pool:
        hours_pass(lambda: all_are_stuck(pool) and len(pool.workers[0].waiting) > 3)
        got = list(pool.read([*quick, Unread("empty", b""), Unread("stuck", STUCK), *behind]))
    assert len(got) == len(dict(got)) == 74
    assert dict(got)["stuck"].reason is Reason.TIMED_OUT
    assert all(dict(got)[each.key].text == "IMPRESSION: behind" for each in behind)


def test_a_question_about_a_url_is_answered_while_other_documents_wait():
    linked = b'{"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/%d"}}]}'
    documents = [Unread(str(i), linked % i if i % 5 == 4 else b"note %d" % i) for i in range(200)]
    got = dict(extract_all(documents, workers=1, resolve=lambda url: f"Fetched {url}.".encode()))
    texts = {str(i): f"Fetched Binary/{i}." if i % 5 == 4 else f"note {i}" for i in range(200)}
    assert {key: found.text for key, found in got.items()} == texts


def test_nothing_to_read_starts_nothing():
    assert list(extract_all([])) == []


def test_every_worker_is_started_before_the_first_is_ready_and_none_without_a_document():
    with Workers(count=3) as pool:
        results = pool.read(Unread(str(i), b"note") for i in range(50))
        next(results)
        assert len(own_children()) == 3
        results.close()
    with Workers(count=3) as pool:
        assert len(list(pool.read([Unread("a", b"note"), Unread("b", b"note")]))) == 2
        assert len(own_children()) <= 2
    assert own_children() == []


def test_after_a_call_that_was_broken_off_every_document_still_gets_its_own_text():
    with Workers(count=2) as pool:
        for taken in (1, 7, 40):
            broken_off = pool.read(Unread(f"old {i}", b"old %d" % i) for i in range(300))
            assert len(list(itertools.islice(broken_off, taken))) == taken
            broken_off.close()
            got = dict(pool.read(Unread(f"new {i}", b"new %d" % i) for i in range(100)))
            assert {key: found.text for key, found in got.items()} == {f"new {i}": f"new {i}" for i in range(100)}


def test_a_failure_of_the_callers_own_is_the_callers():
    linked = b'{"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/7"}}]}'

    def resolve(url: str) -> bytes:
        raise ConnectionError(f"no way to {url}")

    with pytest.raises(ConnectionError, match="no way to Binary/7"):
        list(extract_all([Unread("linked", linked)], workers=1, resolve=resolve))
    assert own_children() == []


def test_a_worker_knows_the_extractors_of_the_process_that_started_it(monkeypatch):
    told = {kind.value: ["told", f"v of {kind.value}"] for kind in ContentType}
    monkeypatch.setattr(worker_pool, "extractors", lambda: json.dumps(told))
    ((_, note),) = extract_all([Unread("note", b"IMPRESSION: stable")], workers=1)
    assert (note.extractor, note.version) == ("told", "v of text/plain")


def test_a_worker_finds_the_code_wherever_it_is_started_from(monkeypatch, tmp_path):
    root = str(Path(worker.__file__).parents[3])
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", root)])
    monkeypatch.chdir(tmp_path)
    ((_, note),) = extract_all([Unread("note", b"IMPRESSION: stable")], workers=1)
    assert note.text == "IMPRESSION: stable"


@pytest.mark.parametrize(
    "data",
    [
        b"IMPRESSION: stable\n\nPLAN: watch",
        b"",
        b"PK\x03\x04 no document",
        b"{\\rtf1 a{\\v secret} \\u8722? \\u-10179?\\u-8704? \\'0c \\par FINDINGS: none}",
        b"<h1>Plan</h1><p>line<br>\xe2\x80\xa8break</p>",
    ],
)
def test_an_extraction_is_the_same_on_the_other_side(data):
    extraction = extract(data, "text/plain; charset=utf-8")
    assert worker_messages.read(worker_messages.written(extraction)) == extraction


@given(
    st.lists(st.tuples(st.sampled_from(worker_messages.Kind), st.binary(max_size=300)), max_size=8), st.integers(1, 400)
)
@settings(max_examples=50, deadline=None)
def test_messages_arrive_whole_and_in_order_however_they_are_cut(messages, size):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = worker_messages.Channel(theirs)
        stream = b"".join(worker_messages.framed(kind, body[:2], body[2:]) for kind, body in messages)
        got = []
        for start in range(0, len(stream), size):
            ours.sendall(stream[start : start + size])
            got += channel.arrived()
        ours.close()
        assert got == messages
        with pytest.raises(EOFError):
            channel.receive()


@pytest.mark.parametrize("declared", [None, 'text/html; charset="a\nb"', "é"])
@pytest.mark.parametrize(
    "source", [b"", b"two\nlines\x00", Path("/a/b c\n.txt"), Path(os.fsdecode(b"/not utf-8 \xff"))]
)
def test_a_document_is_asked_for_as_it_was_given(source, declared):
    frame = worker_messages.task(source, declared)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frame)
        assert worker_messages.asked(worker_messages.Channel(theirs).receive()) == (source, declared)
