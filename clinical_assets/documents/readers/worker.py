"""Extraction in worker processes: parallel over cores, with limits that hold even against a reader stuck in C code.

A document that takes longer than `Limits.seconds`, or more memory than its worker may have, or that brings its worker
down, costs that document only: the worker is ended and replaced, and the document's extraction says `timed_out`,
`out_of_memory` or `worker_died`. A worker that gets on quickly has a few small documents waiting behind the one it
reads, so that it does not wait for the trip there and back; where that one takes long they are given to other workers.
At most one document per worker is in memory besides those few, however many there are. Nothing is pickled: a worker is
`worker_process`, started as a program of its own, and speaks as `worker_messages` says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from clinical_assets.documents.readers import worker_messages
from clinical_assets.documents.readers.extraction import Extraction, extractors, failed
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, Reason, Resolve, unresolved
from clinical_assets.documents.readers.worker_messages import (
    OUT_OF_MEMORY_STATUS,
    START_SECONDS,
    Channel,
    Kind,
    Message,
    framed,
)

_PROGRAM = "clinical_assets.documents.readers.worker_process"
_ROOT = Path(__file__).parents[3]
_FAILED_STARTS = 3
# Readers' libraries keep what they allocate; a fresh process now and then keeps the worker's size bounded.
_DOCUMENTS_PER_WORKER = 5_000
# Documents waiting at a worker behind the one it reads, one more for so many read quickly in a row. Together they are
# smaller than a socket's buffer, so that neither side ever waits for the other to take them.
_MOST_WAITING = 8
_QUICK_FOR_ONE_MORE = 8
_SMALL = 8 * 1024
_QUICK_SECONDS = 0.1
# A document that takes longer gives those behind it away; and a worker that takes longer for one it has given away is
# ended: a new one is there sooner.
_SLOW_SECONDS = 0.5
# What the end of a worker says about the document it had; any other end is `worker_died`.
_ENDS = {OUT_OF_MEMORY_STATUS: Reason.OUT_OF_MEMORY, -signal.SIGALRM: Reason.TIMED_OUT}


@dataclass(frozen=True, slots=True)
class Unread:
    """A document to read: a key the caller knows it by, its bytes or where they lie, and its declared content type."""

    key: str
    source: bytes | Path
    declared_type: str | None = None


class _Again(Unread):
    """A document that one worker has died on before it had the whole of it; a second is the last."""

    __slots__ = ()


def _is_small(document: Unread) -> bool:
    return isinstance(document.source, Path) or len(document.source) <= _SMALL


class WorkerStartError(RuntimeError):
    """Extraction workers do not start; the message says how the last one ended."""


def extract_all(
    documents: Iterable[Unread],
    limits: Limits = DEFAULT_LIMITS,
    workers: int | None = None,
    resolve: Resolve = unresolved,
) -> Iterator[tuple[str, Extraction]]:
    """Read documents in parallel; yields each one's key and extraction as it is finished, in no particular order.

    Args:
        documents: taken one at a time, as workers become free or, being quick, get a few ahead.
        limits: for each document; `seconds` and `worker_memory_bytes` are enforced here.
        workers: number of processes; by default one for each core this process may use.
        resolve: called in this process with URLs found in documents; its time is not the document's.

    Raises:
        WorkerStartError: where no worker can be started at all.
    """
    with Workers(limits, workers, resolve) as pool:
        yield from pool.read(documents)


@dataclass(eq=False)
class _Worker:
    """One process and what it is doing.

    Attributes:
        given: the documents it has, the one it reads first; None for one that another worker was given instead.
        unsent: those of them that are still to be sent, as they go over the socket.
        cut_off: the process was gone before it had the whole of the first of them.
        begun: when it began with the first of them, or was started; by the clock of `Workers`.
        deadline: when the first of them has had its time, or the process its time to start; by the same clock.
        quick: documents read quickly in a row.
    """

    process: subprocess.Popen[bytes]
    channel: Channel
    errors: IO[bytes]
    ready: bool = False
    given: deque[Unread | None] = field(default_factory=deque)
    unsent: list[bytes] = field(default_factory=list)
    cut_off: bool = False
    begun: float = 0.0
    deadline: float = 0.0
    quick: int = 0
    finished: int = 0

    @property
    def waiting(self) -> list[Unread]:
        """What it was given and has not begun with."""
        return [document for document in islice(self.given, 1, None) if document is not None]

    def may_take(self, document: Unread) -> bool:
        """Whether a document may be given to it now: one if it is idle, small ones behind it if it gets on quickly."""
        if not self.given:
            return self.ready
        at_most = min(self.quick // _QUICK_FOR_ONE_MORE, _MOST_WAITING, _DOCUMENTS_PER_WORKER - self.finished - 1)
        return len(self.given) <= at_most and _is_small(document)

    def take(self, document: Unread, limits: Limits, now: float) -> None:
        """One more document, sent by the next `send`."""
        if not self.given:
            self.begin(limits, now)
        self.given.append(document)
        self.unsent.append(worker_messages.task(document.source, document.declared_type))

    def send(self, limits: Limits) -> list[Unread]:
        """Send what it took; where the process is gone, gives that back but for the one it would have begun with."""
        frames, self.unsent = self.unsent, []
        try:
            self.channel.send(b"".join(frames), limits.seconds)
        except OSError as error:
            self.quick = 0
            self.cut_off = len(frames) == len(self.given)
            if isinstance(error, TimeoutError):
                self.deadline = self.begun
            back = [self.given.pop() for _ in frames[self.cut_off :]]
            return [document for document in back[::-1] if document is not None]
        return []

    def begin(self, limits: Limits, now: float) -> None:
        """The clock of its start or its next document runs from now: not for long where nobody waits for that."""
        unheard = bool(self.given) and self.given[0] is None
        self.begun = now
        self.deadline = now + (_SLOW_SECONDS if unheard else limits.seconds if self.ready else START_SECONDS)

    def done(self, limits: Limits, now: float) -> Unread | None:
        """Its first document is read; None where that was another's by then."""
        document, before = self.given.popleft(), self.begun
        self.begin(limits, now)
        self.finished += 1
        self.quick = self.quick + 1 if document is not None and now - before < _QUICK_SECONDS else 0
        return document

    def give_away(self, first: int) -> None:
        """Its documents from the `first` on are not listened to; until it is through with them it takes no other."""
        self.given = deque([*islice(self.given, first), *[None] * (len(self.given) - first)])
        self.quick = 0

    def kill(self) -> None:
        """Kill the process and its children, without waiting for their end."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> int:
        """Kill the process and its children; its exit status, or a signal's number below zero."""
        self.kill()
        status = self.process.wait()
        self.channel.close()
        self.errors.close()
        return status


def _started(limits: Limits) -> _Worker:
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - kept open as long as the process
    # Without `site`, which takes longer to set the path than the program itself to start: the path is given.
    command = [sys.executable, "-S", "-m", _PROGRAM, str(theirs.fileno()), json.dumps(dataclasses.asdict(limits))]
    places = [path for path in (*sys.path, str(_ROOT)) if path]
    with theirs:
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        )
    return _Worker(process, Channel(ours), errors)


@dataclass
class Workers:
    """Worker processes that stay for several calls of `read`; see `extract_all`. Ended on leaving the `with` block.

    Its clock stands still while nobody listens to the workers: no document pays for a slow caller.
    """

    limits: Limits = DEFAULT_LIMITS
    count: int | None = None
    resolve: Resolve = unresolved
    workers: list[_Worker] = field(default_factory=list)
    failed_starts: int = 0
    elsewhere: float = 0.0
    upcoming: deque[Unread] = field(default_factory=deque)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def __post_init__(self) -> None:
        self.most = self.count or len(os.sched_getaffinity(0))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in list(self.workers):
            self._remove(worker)
        self.selector.close()

    def read(self, unread: Iterable[Unread]) -> Iterator[tuple[str, Extraction]]:
        """Read documents; see `extract_all`."""
        documents = iter(unread)
        self.upcoming.clear()
        for worker in self.workers:  # what an earlier call that was broken off left behind
            if worker.given or not worker.ready:
                worker.give_away(0)
                worker.begin(self.limits, self._now())
        while self._come(documents, 1) or any(each is not None for worker in self.workers for each in worker.given):
            self._hand_out(documents)
            self._start(documents)
            for outcome in self._heard():
                with self._elsewhere():
                    yield outcome

    def _now(self) -> float:
        return time.monotonic() - self.elsewhere

    @contextlib.contextmanager
    def _elsewhere(self) -> Iterator[None]:
        """Nobody listens to the workers meanwhile."""
        left = time.monotonic()
        try:
            yield
        finally:
            self.elsewhere += time.monotonic() - left

    def _come(self, documents: Iterator[Unread], wanted: int) -> bool:
        """Whether at least so many documents are still to be given; takes no more than are lacking."""
        while len(self.upcoming) < wanted:
            with self._elsewhere():
                document = next(documents, None)
            if document is None:
                break
            self.upcoming.append(document)
        return len(self.upcoming) >= wanted

    def _hand_out(self, documents: Iterator[Unread]) -> None:
        """Give documents to workers as long as there is one that may take the next."""
        while self._come(documents, 1) and (worker := self._free(self.upcoming[0])):
            small = _is_small(self.upcoming[0])
            worker.take(self.upcoming.popleft(), self.limits, self._now())
            if not small:  # what is on its way is there twice: one at a time
                self._send(worker)
        for worker in [worker for worker in self.workers if worker.unsent]:
            self._send(worker)

    def _send(self, worker: _Worker) -> None:
        # One that died is heard of when it is listened to.
        with self._elsewhere():
            self.upcoming.extendleft(reversed(worker.send(self.limits)))

    def _free(self, document: Unread) -> _Worker | None:
        """The worker to give a document to: the one with the fewest that may take it."""
        may = [worker for worker in self.workers if worker.may_take(document)]
        return min(may, key=lambda worker: len(worker.given), default=None)

    def _start(self, documents: Iterator[Unread]) -> None:
        """Start a worker for each document that waits for one, all at once."""
        starting = [worker for worker in self.workers if not worker.ready]
        begun: list[_Worker] = []
        while len(self.workers) < self.most and self._come(documents, len(starting) + len(begun) + 1):
            begun.append(_started(self.limits))
            begun[-1].begin(self.limits, self._now())
            self.workers.append(begun[-1])
            self.selector.register(begun[-1].channel.connection, selectors.EVENT_READ, begun[-1])
        for worker in begun:
            # One that has ended by now is heard of when it is listened to.
            with contextlib.suppress(OSError):
                worker.channel.send(framed(Kind.EXTRACTORS, extractors().encode()))

    def _heard(self) -> Iterator[tuple[str, Extraction]]:
        """Wait until something happens, and give what is finished by it."""
        engaged = [worker for worker in self.workers if worker.given or not worker.ready]
        if not engaged:
            return
        # Whether one could read at once what waits at another.
        spare = len(self.workers) < self.most or len(engaged) < len(self.workers)
        until = min(each.begun + _SLOW_SECONDS if spare and each.waiting else each.deadline for each in engaged)
        heard = [key.data for key, _ in self.selector.select(max(0.0, until - self._now()))]
        for worker in heard:
            yield from self._messages(worker)
        for worker in engaged:
            if worker in heard:
                continue
            if self._now() >= worker.deadline:
                yield from self._overdue(worker)
            elif spare and worker.waiting and self._now() >= worker.begun + _SLOW_SECONDS:
                self._give_back(worker)
                spare = False

    def _give_back(self, worker: _Worker) -> None:
        """Let others read what waits at a worker; its own reading of them will not be listened to."""
        self.upcoming.extend(worker.waiting)
        worker.give_away(1)
        for each in self.workers:  # what is slow often comes together: none of it is to wait a second time
            each.quick = 0

    def _messages(self, worker: _Worker) -> Iterator[tuple[str, Extraction]]:
        try:
            messages = worker.channel.arrived()
        except (EOFError, OSError):
            yield from self._gone(worker)
            return
        # All of them before the first is given away: a caller may break off, and each must find its document.
        finished = [outcome for message in messages if (outcome := self._message(worker, message))]
        if worker.finished >= _DOCUMENTS_PER_WORKER and not worker.given:
            self._remove(worker)
        if worker.given and worker.channel.arriving == Kind.EXTRACTION:  # read; only the way here takes its time
            worker.deadline = self._now() + self.limits.seconds
        yield from finished

    def _message(self, worker: _Worker, message: Message) -> tuple[str, Extraction] | None:
        kind, body = message
        if kind == Kind.READY:
            worker.ready = True
            self.failed_starts = 0
        elif kind == Kind.QUESTION:
            self._answer(worker, body.decode())
        elif kind == Kind.EXTRACTION and worker.given:
            document = worker.done(self.limits, self._now())
            return (document.key, worker_messages.read(body)) if document else None
        return None

    def _answer(self, worker: _Worker, url: str) -> None:
        with self._elsewhere():
            data = self.resolve(url)
            try:
                answer = framed(Kind.NO_ANSWER) if data is None else framed(Kind.ANSWER, data)
                worker.channel.send(answer, self.limits.seconds)
            except TimeoutError:
                worker.deadline = worker.begun
            except OSError:  # heard of when it is listened to
                return

    def _overdue(self, worker: _Worker) -> Iterator[tuple[str, Extraction]]:
        if not worker.given:
            yield from self._gone(worker)
            return
        document = worker.given[0]
        self._remove(worker)
        if document is not None:
            detail = f"no result within {self.limits.seconds:g} s"
            yield document.key, failed(document.source, Reason.TIMED_OUT, detail, document.declared_type)

    def _gone(self, worker: _Worker) -> Iterator[tuple[str, Extraction]]:
        """A worker that ended by itself, or never began."""
        document, ready = worker.given[0] if worker.given else None, worker.ready
        worker.errors.seek(0)
        said = worker.errors.read()[-2000:]
        status = self._remove(worker)
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        if not ready:
            self.failed_starts += 1
            if self.failed_starts >= _FAILED_STARTS:
                # No document has been given to it: what it said is about the installation.
                raise WorkerStartError(
                    f"extraction workers end before they begin ({how}): {said.decode(errors='replace')}"
                )
        if document is None:
            return
        reason = _ENDS.get(status, Reason.WORKER_DIED)
        # It may have died of something else before it was given the document: that has one more try.
        if worker.cut_off and reason is Reason.WORKER_DIED and not isinstance(document, _Again):
            self.upcoming.appendleft(_Again(document.key, document.source, document.declared_type))
        else:
            yield document.key, failed(document.source, reason, how, document.declared_type)

    def _remove(self, worker: _Worker) -> int:
        """End a worker; what waits at it is for others."""
        self.workers.remove(worker)
        self.upcoming.extend(worker.waiting)
        self.selector.unregister(worker.channel.connection)
        return worker.end()
