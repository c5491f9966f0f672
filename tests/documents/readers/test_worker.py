import hashlib
import os
import signal
import time

import psutil
import pytest

from clinical_assets.documents.readers import worker
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Limits, Reason
from clinical_assets.documents.readers.worker import Unread, WorkerStartError, extract_all

# Duplicate checks of attributes are quadratic in libxml2: this keeps the parser busy, in C, for a minute.
STUCK = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x</p></html>"
NOTES = {f"note {i}": f"IMPRESSION: stable {i}".encode() for i in range(20)}


def own_children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "clinical_assets.documents.readers.worker" in p.cmdline()]


def test_a_stuck_reader_costs_its_own_document_only(tmp_path):
    on_disk = tmp_path / "on disk.html"
    on_disk.write_bytes(STUCK)
    documents = [Unread("stuck", STUCK, "text/html"), Unread("stuck file", on_disk)]
    documents[1:1] = [Unread(key, data, "text/plain") for key, data in NOTES.items()]
    started = time.monotonic()
    got = dict(extract_all(documents, Limits(seconds=1.0), workers=2))
    assert time.monotonic() - started < 30
    assert got.keys() == {"stuck", "stuck file", *NOTES}
    for key in ("stuck", "stuck file"):
        assert (got[key].reason, got[key].detail) == (Reason.TIMED_OUT, "no result within 1 s")
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
    for key, extraction in extract_all(documents, Limits(seconds=60), workers=2):
        got[key] = extraction
        if len(got) == 3:
            busy = max(own_children(), key=lambda p: sum(p.cpu_times()[:2]))
            os.kill(busy.pid, signal.SIGSEGV)
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
    monkeypatch.setattr(worker, "__name__", "clinical_assets.documents.no_such_worker")
    with pytest.raises(WorkerStartError, match="no_such_worker"):
        list(extract_all([Unread("a", b"x")], workers=1))


def test_what_waits_behind_a_document_that_takes_long_is_read_by_another_worker():
    quick = [Unread(f"quick {i}", f"IMPRESSION: stable {i}".encode()) for i in range(60)]
    behind = [Unread(f"behind {i}", f"IMPRESSION: behind {i}".encode()) for i in range(30)]
    got = list(extract_all([*quick, Unread("stuck", STUCK), *behind], Limits(seconds=3.0), workers=2))
    assert len(got) == len(dict(got)) == 91
    key, stuck = got[-1]
    assert (key, stuck.reason) == ("stuck", Reason.TIMED_OUT)  # everything else was finished before
    assert all(dict(got)[each.key] == extract(each.source) for each in behind)


def test_one_worker_alone_reads_what_waited_behind_the_document_it_was_ended_for():
    quick = [Unread(f"quick {i}", b"IMPRESSION: stable") for i in range(60)]
    behind = [Unread(f"behind {i}", b"IMPRESSION: behind") for i in range(12)]
    got = list(extract_all([*quick, Unread("stuck", b"", None), Unread("slow", STUCK), *behind], Limits(seconds=1), 1))
    assert len(got) == len(dict(got)) == 74
    assert dict(got)["slow"].reason is Reason.TIMED_OUT
    assert all(dict(got)[each.key].text == "IMPRESSION: behind" for each in behind)


def test_a_question_about_a_url_is_answered_while_other_documents_wait():
    linked = b'{"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/%d"}}]}'
    documents = [Unread(str(i), linked % i if i % 5 == 4 else b"note %d" % i) for i in range(200)]
    got = dict(extract_all(documents, workers=1, resolve=lambda url: f"Fetched {url}.".encode()))
    texts = {str(i): f"Fetched Binary/{i}." if i % 5 == 4 else f"note {i}" for i in range(200)}
    assert {key: found.text for key, found in got.items()} == texts


def test_nothing_to_read_starts_nothing():
    assert list(extract_all([])) == []
