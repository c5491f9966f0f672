"""Extraction in worker processes: parallel over cores, with limits that hold even against a reader stuck in C code.

A document that takes longer than `Limits.seconds`, or more memory than its worker may have, or that brings its worker
down, costs that document only: the worker is ended and replaced, and the document's extraction says `timed_out`,
`out_of_memory` or `worker_died`. A worker that gets on quickly has a few small documents waiting behind the one it
reads, so that it does not wait for the trip there and back; where that one takes long they are given to other workers.
At most one document per worker is in memory besides those few, however many there are.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from clinical_assets.documents.readers import worker_messages
from clinical_assets.documents.readers.extraction import Extraction, extractors, failed
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, Reason, Resolve, unresolved
from clinical_assets.documents.readers.worker import (
    DOCUMENTS_PER_WORKER,
    SLOW_SECONDS,
    Again,
    Unread,
    Worker,
    is_small,
    started,
)
from clinical_assets.documents.readers.worker_messages import OUT_OF_MEMORY_STATUS, Kind, Message, framed

_FAILED_STARTS = 3
# What the end of a worker says about the document it had; any other end is `worker_died`.
_ENDS = {OUT_OF_MEMORY_STATUS: Reason.OUT_OF_MEMORY, -signal.SIGALRM: Reason.TIMED_OUT}


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


@dataclass
class Workers:
    """Worker processes that stay for several calls of `read`; see `extract_all`. Ended on leaving the `with` block.

    Its clock stands still while nobody listens to the workers: no document pays for a slow caller.
    """

    limits: Limits = DEFAULT_LIMITS
    count: int | None = None
    resolve: Resolve = unresolved
    workers: list[Worker] = field(default_factory=list)
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
            small = is_small(self.upcoming[0])
            worker.take(self.upcoming.popleft(), self.limits, self._now())
            if not small:  # what is on its way is there twice: one at a time
                self._send(worker)
        for worker in [worker for worker in self.workers if worker.unsent]:
            self._send(worker)

    def _send(self, worker: Worker) -> None:
        # One that died is heard of when it is listened to.
        with self._elsewhere():
            self.upcoming.extendleft(reversed(worker.send(self.limits)))

    def _free(self, document: Unread) -> Worker | None:
        """The worker to give a document to: the one with the fewest that may take it."""
        may = [worker for worker in self.workers if worker.may_take(document)]
        return min(may, key=lambda worker: len(worker.given), default=None)

    def _start(self, documents: Iterator[Unread]) -> None:
        """Start a worker for each document that waits for one, all at once."""
        starting = [worker for worker in self.workers if not worker.ready]
        begun: list[Worker] = []
        while len(self.workers) < self.most and self._come(documents, len(starting) + len(begun) + 1):
            begun.append(started(self.limits))
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
        until = min(each.begun + SLOW_SECONDS if spare and each.waiting else each.deadline for each in engaged)
        heard = [key.data for key, _ in self.selector.select(max(0.0, until - self._now()))]
        for worker in heard:
            yield from self._messages(worker)
        for worker in engaged:
            if worker in heard:
                continue
            if self._now() >= worker.deadline:
                yield from self._overdue(worker)
            elif spare and worker.waiting and self._now() >= worker.begun + SLOW_SECONDS:
                self._give_back(worker)
                spare = False

    def _give_back(self, worker: Worker) -> None:
        """Let others read what waits at a worker; its own reading of them will not be listened to."""
        self.upcoming.extend(worker.waiting)
        worker.give_away(1)
        for each in self.workers:  # what is slow often comes together: none of it is to wait a second time
            each.quick = 0

    def _messages(self, worker: Worker) -> Iterator[tuple[str, Extraction]]:
        try:
            messages = worker.channel.arrived()
        except (EOFError, OSError):
            yield from self._gone(worker)
            return
        # All of them before the first is given away: a caller may break off, and each must find its document.
        finished = [outcome for message in messages if (outcome := self._message(worker, message))]
        if worker.finished >= DOCUMENTS_PER_WORKER and not worker.given:
            self._remove(worker)
        if worker.given and worker.channel.arriving == Kind.EXTRACTION:  # read; only the way here takes its time
            worker.deadline = self._now() + self.limits.seconds
        yield from finished

    def _message(self, worker: Worker, message: Message) -> tuple[str, Extraction] | None:
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

    def _answer(self, worker: Worker, url: str) -> None:
        with self._elsewhere():
            data = self.resolve(url)
            try:
                answer = framed(Kind.NO_ANSWER) if data is None else framed(Kind.ANSWER, data)
                worker.channel.send(answer, self.limits.seconds)
            except TimeoutError:
                worker.deadline = worker.begun
            except OSError:  # heard of when it is listened to
                return

    def _overdue(self, worker: Worker) -> Iterator[tuple[str, Extraction]]:
        if not worker.given:
            yield from self._gone(worker)
            return
        document = worker.given[0]
        self._remove(worker)
        if document is not None:
            detail = f"no result within {self.limits.seconds:g} s"
            yield document.key, failed(document.source, Reason.TIMED_OUT, detail, document.declared_type)

    def _gone(self, worker: Worker) -> Iterator[tuple[str, Extraction]]:
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
        if worker.cut_off and reason is Reason.WORKER_DIED and not isinstance(document, Again):
            self.upcoming.appendleft(Again(document.key, document.source, document.declared_type))
        else:
            yield document.key, failed(document.source, reason, how, document.declared_type)

    def _remove(self, worker: Worker) -> int:
        """End a worker; what waits at it is for others."""
        self.workers.remove(worker)
        self.upcoming.extend(worker.waiting)
        self.selector.unregister(worker.channel.connection)
        return worker.end()
