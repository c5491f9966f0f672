"""What a document costs whose worker dies, hangs or gets on slowly: its own result at most, and its time once."""

import os
import signal
import socket
import time
from collections import Counter, deque
from types import SimpleNamespace

import pytest

from clinical_assets.documents.readers import worker, worker_messages, worker_pool
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import Limits, Reason
from clinical_assets.documents.readers.worker import Unread
from clinical_assets.documents.readers.worker_messages import Channel, Kind
from clinical_assets.documents.readers.worker_pool import Workers, extract_all

LARGE = b"plain words \n" * 300_000
LINKED = b'{"resourceType": "DocumentReference", "content": [{"attachment": {"url": "Binary/7"}}]}'
# Duplicate checks of attributes are quadratic in libxml2: this keeps the parser busy, in C, for a minute.
STUCK = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">x</p></html>"


@pytest.fixture
def started(monkeypatch):
    """The workers that are started: no more than a few, or the test would never end."""
    begun, start = [], worker.started

    def counted(limits):
        assert len(begun) < 6, "workers are started again and again for one document"
        begun.append(start(limits))
        return begun[-1]

    monkeypatch.setattr(worker_pool, "started", counted)
    return begun


def before_each_send(monkeypatch, signals):
    """Workers are sent these signals, one for each time that a large document is about to be sent."""
    send, left = worker.Worker.send, iter(signals)

    def signalled(self, *rest):
        if len(self.unsent[0]) > 1_000_000 and (number := next(left, None)):
            os.kill(self.process.pid, number)
            if number == signal.SIGKILL:
                os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        return send(self, *rest)

    monkeypatch.setattr(worker.Worker, "send", signalled)


def test_a_document_during_whose_sending_two_workers_died_is_given_to_no_third(monkeypatch, started):
    before_each_send(monkeypatch, [signal.SIGKILL] * 9)
    got = dict(extract_all([Unread("large", LARGE), Unread("note", b"IMPRESSION: stable")], workers=1))
    assert (got["large"].reason, got["large"].detail) == (Reason.WORKER_DIED, "signal 9")
    assert got["note"].text == "IMPRESSION: stable"
    assert len(started) == 3


def test_a_document_is_read_though_a_worker_died_before_it_had_it(monkeypatch, started):
    before_each_send(monkeypatch, [signal.SIGKILL])
    assert dict(extract_all([Unread("large", LARGE)], workers=1)) == {"large": extract(LARGE)}
    assert len(started) == 2


def test_a_document_that_does_not_fit_into_its_workers_memory_is_out_of_memory_at_once(started):
    limits = Limits(seconds=600, worker_memory_bytes=16_000_000)
    ((_, got),) = extract_all([Unread("large", b"x" * 24_000_000)], limits, workers=1)
    assert got.reason is Reason.OUT_OF_MEMORY
    assert len(started) == 1


def test_a_worker_that_takes_nothing_does_not_hold_up_the_others(monkeypatch):
    before_each_send(monkeypatch, [signal.SIGSTOP])
    # The clock of documents stands still: it is the sending that takes too long, and not the note on a busy machine.
    monkeypatch.setattr(worker_pool, "time", SimpleNamespace(monotonic=lambda: 0.0))
    documents = [Unread("large", LARGE), Unread("note", b"IMPRESSION: stable")]
    got = dict(extract_all(documents, Limits(seconds=1), workers=1))
    assert (got["large"].reason, got["large"].detail) == (Reason.TIMED_OUT, "no result within 1 s")
    assert got["note"].text == "IMPRESSION: stable"


@pytest.mark.parametrize(("workers", "at_most"), [(1, 1), (2, 2)])
def test_what_waits_behind_a_slow_document_is_not_read_again_and_again(monkeypatch, tmp_path, workers, at_most):
    sent, task = Counter(), worker_messages.task

    def counted(source, declared_type):
        sent[source] += 1
        return task(source, declared_type)

    monkeypatch.setattr(worker_messages, "task", counted)
    for module in (worker, worker_pool):
        monkeypatch.setattr(module, "SLOW_SECONDS", 0.02)
    slow = [tmp_path / f"slow {i}.html" for i in range(4)]
    for path in slow:
        path.write_bytes(b"<html><body>" + b"<p>doc <b>words</b> and <i>more</i></p>\n" * 15_000 + b"</body></html>")
    documents = [Unread(f"quick {i}", b"quick %d" % i) for i in range(100)]
    got = list(extract_all([*documents, *(Unread(path.name, path) for path in slow)], workers=workers))
    assert len(got) == len(dict(got)) == 104
    assert all(dict(got)[path.name].success for path in slow)
    assert max(sent[path] for path in slow) <= at_most


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_waits_for_a_document_that_nobody_asks_for_any_more(workers):
    def documents():
        yield Unread("first", b"first")
        yield Unread("stuck", STUCK)
        raise InterruptedError

    with Workers(Limits(seconds=600), workers) as pool:
        with pytest.raises(InterruptedError):
            list(pool.read(documents()))
        (stuck,) = [each for each in pool.workers if each.given and each.given[0].key == "stuck"]
        read_before = stuck.finished
        got = dict(pool.read(Unread(f"new {i}", b"new %d" % i) for i in range(30)))
        # Not waited for, which would have taken a minute: the only worker was ended, one of two still reads.
        assert stuck.finished == read_before
        assert workers == 2 or stuck.process.poll() == -signal.SIGKILL
    assert {key: found.text for key, found in got.items()} == {f"new {i}": f"new {i}" for i in range(30)}


def test_no_document_pays_for_the_time_of_a_slow_caller(monkeypatch):
    passed = 0.0

    def a_long_time():
        nonlocal passed
        passed += 1_000.0

    def documents():
        for key, source in (("large", LARGE * 2), ("linked", LINKED), ("a", b"note a"), ("b", b"note b")):
            a_long_time()
            yield Unread(key, source)

    def resolve(url):
        a_long_time()
        return b"Fetched."

    monkeypatch.setattr(worker_pool, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    got = {}
    for key, extraction in extract_all(documents(), Limits(seconds=600), 2, resolve):
        a_long_time()
        got[key] = extraction
    assert {key: found.reason for key, found in got.items()} == dict.fromkeys(("large", "linked", "a", "b"))
    assert got["linked"].text == "Fetched."


def test_an_extraction_that_has_begun_to_arrive_is_read_to_its_end():
    ours, theirs = socket.socketpair()
    frame = worker_messages.framed(Kind.EXTRACTION, worker_messages.written(extract(b"IMPRESSION: stable")))
    with ours, theirs, Workers(Limits(seconds=600)) as pool:
        begun = worker.Worker(None, Channel(ours), None, ready=True, given=deque([Unread("note", b"")]))
        theirs.sendall(frame[:40])
        assert list(pool._messages(begun)) == []
        assert begun.channel.arriving == Kind.EXTRACTION
        assert begun.deadline > pool._now()
        theirs.sendall(frame[40:])
        assert [(key, found.text) for key, found in pool._messages(begun)] == [("note", "IMPRESSION: stable")]
        assert begun.channel.arriving is None


@pytest.mark.parametrize("megabytes", [28, 32])
def test_an_answer_too_large_for_its_worker_is_never_taken_for_a_document(megabytes):
    limits = Limits(seconds=600, worker_memory_bytes=megabytes * 1_000_000)
    answer = b"null\n/etc/hostname" + b"/" * 20_000_000
    notes = {f"note {i}": f"text of note {i}" for i in range(3)}
    documents = [Unread("linked", LINKED), *(Unread(key, text.encode()) for key, text in notes.items())]
    got = dict(extract_all(documents, limits, 1, lambda url: answer))
    assert got.pop("linked").reason is Reason.OUT_OF_MEMORY
    assert {key: found.text for key, found in got.items()} == notes


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.DOCUMENT, Kind.FILE}))
def test_only_a_document_is_taken_for_one(kind):
    with pytest.raises(ValueError, match="expected a document"):
        worker_messages.asked((kind, b"null\n/etc/hostname"))
