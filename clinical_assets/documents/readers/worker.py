"""Extraction in worker processes: parallel over cores, with limits that hold even against a reader stuck in C code.

A document that takes longer than `Limits.seconds`, or more memory than its worker may have, or that brings its worker
down, costs that document only: the worker is ended and replaced, and the document's extraction says `timed_out`,
`out_of_memory` or `worker_died`. A worker that gets on quickly has a few small documents waiting behind the one it
reads, so that it does not wait for the trip there and back; where that one takes long they are given to other workers.
At most one document per worker is in memory besides those few, however many there are. Nothing is pickled: workers are
started as `python -m clinical_assets.documents.worker` and speak bytes and JSON over a socket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO

from clinical_assets.documents.readers.extraction import Extraction, extract, extract_file, failed
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, Reason, Resolve, unresolved

# First byte of each message.
_READY, _TASK_BYTES, _TASK_PATH, _DONE, _ASK, _FOUND, _NOT_FOUND = (bytes([code]) for code in b"RBPDAFN")
_START_SECONDS = 60.0
_FAILED_STARTS = 3
# Readers' libraries keep what they allocate; a fresh process now and then keeps the worker's size bounded.
_DOCUMENTS_PER_WORKER = 5_000
# Documents waiting at a worker behind the one it reads, one more for so many read quickly in a row. Together they are
# smaller than a socket's buffer, so that neither side ever waits for the other to take them.
_MOST_WAITING = 8
_QUICK_FOR_ONE_MORE = 8
_SMALL = 8 * 1024
_QUICK_SECONDS = 0.1
# A document that takes longer gives those behind it away.
_SLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Unread:
    """A document to read: a key the caller knows it by, its bytes or where they lie, and its declared content type."""

    key: str
    source: bytes | Path
    declared_type: str | None = None


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
        begun: when it began with the first of them, or was started.
        deadline: when the first of them has had its time, or the process its time to start.
        quick: documents read quickly in a row.
    """

    process: subprocess.Popen[bytes]
    connection: Connection
    errors: IO[bytes]
    ready: bool = False
    given: deque[Unread | None] = field(default_factory=deque)
    begun: float = field(default_factory=time.monotonic)
    deadline: float = 0.0
    quick: int = 0
    finished: int = 0

    @property
    def idle(self) -> bool:
        return self.ready and not self.given

    @property
    def waiting(self) -> list[Unread]:
        """What it was given and has not begun with."""
        return [document for document in list(self.given)[1:] if document is not None]

    def may_take(self, document: Unread) -> bool:
        """Whether a document may be given to it now: one if it is idle, small ones behind it if it gets on quickly."""
        if not self.given:
            return self.ready
        small = isinstance(document.source, Path) or len(document.source) <= _SMALL
        at_most = min(self.quick // _QUICK_FOR_ONE_MORE, _MOST_WAITING, _DOCUMENTS_PER_WORKER - self.finished - 1)
        return small and len(self.given) <= at_most

    def begin(self, limits: Limits) -> None:
        """The clock of its next document runs from now."""
        self.begun = time.monotonic()
        self.deadline = self.begun + limits.seconds

    def done(self, limits: Limits) -> Unread | None:
        """Its first document is read; None where that was another's by then."""
        self.finished += 1
        self.quick = self.quick + 1 if time.monotonic() - self.begun < _QUICK_SECONDS else 0
        self.begin(limits)
        return self.given.popleft()

    def end(self) -> str:
        """Kill the process and its children; says how it ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.connection.close()
        self.errors.close()
        return f"signal {-status}" if status < 0 else f"exit status {status}"


def _started(limits: Limits) -> _Worker:
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - kept open as long as the process
    command = [sys.executable, "-m", __name__, str(theirs.fileno()), json.dumps(dataclasses.asdict(limits))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs:
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env=environment,
        )
    worker = _Worker(process, Connection(ours.detach()), errors)
    worker.deadline = time.monotonic() + _START_SECONDS
    return worker


@dataclass
class Workers:
    """Worker processes that stay for several calls of `read`; see `extract_all`. Ended on leaving the `with` block."""

    limits: Limits = DEFAULT_LIMITS
    count: int | None = None
    resolve: Resolve = unresolved
    workers: list[_Worker] = field(default_factory=list)
    failed_starts: int = 0
    returned: deque[Unread] = field(default_factory=deque)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    def read(self, unread: Iterable[Unread]) -> Iterator[tuple[str, Extraction]]:
        """Read documents; see `extract_all`."""
        documents = iter(unread)
        most = self.count or len(os.sched_getaffinity(0))
        self.returned.clear()
        following = next(documents, None)
        while following is not None or any(worker.given for worker in self.workers):
            while following is not None and (worker := self._free(following)):
                if self._given(worker, following):
                    following = self.returned.popleft() if self.returned else next(documents, None)
            if following is not None and len(self.workers) < most:
                self.workers.append(_started(self.limits))
            yield from self._finished()
            if following is None and self.returned:
                following = self.returned.popleft()

    def _free(self, document: Unread) -> _Worker | None:
        """The worker to give a document to: the one with the fewest that may take it."""
        may = [worker for worker in self.workers if worker.may_take(document)]
        return min(may, key=lambda worker: len(worker.given), default=None)

    def _given(self, worker: _Worker, document: Unread) -> bool:
        """Hand a document to a worker; False where the worker is gone and was removed."""
        head = json.dumps({"type": document.declared_type}).encode() + b"\n"
        kind = _TASK_BYTES if isinstance(document.source, bytes) else _TASK_PATH
        body = document.source if isinstance(document.source, bytes) else os.fsencode(document.source)
        try:
            worker.connection.send_bytes(kind + head + body)
        except OSError:
            if worker.given:
                # It has died on another document, whose loss is found when it is listened to.
                worker.quick = 0
                return False
            self._remove(worker)
            return False
        if not worker.given:
            worker.begin(self.limits)
        worker.given.append(document)
        return True

    def _finished(self) -> Iterator[tuple[str, Extraction]]:
        """Wait until something happens, and give what is finished by it."""
        engaged = [worker for worker in self.workers if not worker.idle]
        if not engaged:
            return
        until = min(worker.begun + _SLOW_SECONDS if worker.waiting else worker.deadline for worker in engaged)
        heard = wait([worker.connection for worker in engaged], max(0.0, until - time.monotonic()))
        for worker in engaged:
            if worker.connection in heard:
                outcome = self._message(worker)
            elif time.monotonic() >= worker.deadline:
                outcome = self._overdue(worker)
            else:
                outcome = None
                if time.monotonic() >= worker.begun + _SLOW_SECONDS:
                    self._give_back(worker)
            if outcome:
                yield outcome

    def _give_back(self, worker: _Worker) -> None:
        """Let others read what waits at a worker; its own reading of them will not be listened to."""
        self.returned.extend(worker.waiting)
        worker.given = deque([worker.given[0], *[None] * (len(worker.given) - 1)])

    def _message(self, worker: _Worker) -> tuple[str, Extraction] | None:
        try:
            message = worker.connection.recv_bytes()
        except (EOFError, OSError):
            return self._gone(worker)
        kind, body = message[:1], message[1:]
        if kind == _READY:
            worker.ready = True
            self.failed_starts = 0
        elif kind == _ASK:
            self._answer(worker, body.decode())
        elif kind == _DONE and worker.given:
            document = worker.done(self.limits)
            if worker.finished >= _DOCUMENTS_PER_WORKER and not worker.given:
                self._remove(worker)
            return (document.key, Extraction.from_json(body.decode())) if document else None
        return None

    def _answer(self, worker: _Worker, url: str) -> None:
        asked = time.monotonic()
        data = self.resolve(url)
        with contextlib.suppress(OSError):
            worker.connection.send_bytes(_NOT_FOUND if data is None else _FOUND + data)
        taken = time.monotonic() - asked
        worker.begun += taken
        worker.deadline += taken

    def _overdue(self, worker: _Worker) -> tuple[str, Extraction] | None:
        if not worker.given:
            return self._gone(worker)
        document = worker.given[0]
        self._remove(worker)
        if document is None:
            return None
        detail = f"no result within {self.limits.seconds:g} s"
        return document.key, failed(document.source, Reason.TIMED_OUT, detail, document.declared_type)

    def _gone(self, worker: _Worker) -> tuple[str, Extraction] | None:
        """A worker that ended by itself, or never began."""
        document, ready = worker.given[0] if worker.given else None, worker.ready
        worker.errors.seek(0)
        said = worker.errors.read()[-2000:]
        how = self._remove(worker)
        if not ready:
            self.failed_starts += 1
            if self.failed_starts >= _FAILED_STARTS:
                # No document has been given to it: what it said is about the installation.
                raise WorkerStartError(
                    f"extraction workers end before they begin ({how}): {said.decode(errors='replace')}"
                )
        if document is None:
            return None
        return document.key, failed(document.source, Reason.WORKER_DIED, how, document.declared_type)

    def _remove(self, worker: _Worker) -> str:
        """End a worker; what waits at it is for others."""
        self.workers.remove(worker)
        self.returned.extend(worker.waiting)
        return worker.end()


def _serve(connection: Connection, limits: Limits) -> None:
    """A worker's life: documents in, extractions out, until the other side closes."""
    waiting: deque[bytes] = deque()

    def ask(url: str) -> bytes | None:
        connection.send_bytes(_ASK + url.encode("utf-8", errors="replace"))
        # Documents that were sent before the question arrived come before its answer.
        while (answer := connection.recv_bytes())[:1] in (_TASK_BYTES, _TASK_PATH):
            waiting.append(answer)
        return answer[1:] if answer[:1] == _FOUND else None

    connection.send_bytes(_READY)
    # What was imported stays: the collector need not look through it again and again.
    gc.freeze()
    while True:
        message = waiting.popleft() if waiting else connection.recv_bytes()
        head, _, body = message[1:].partition(b"\n")
        declared = json.loads(head)["type"]
        # Should this process outlive the one that watches it, the system ends it.
        signal.setitimer(signal.ITIMER_REAL, 2 * limits.seconds + _START_SECONDS)
        if message[:1] == _TASK_BYTES:
            extraction = extract(body, declared, limits, ask)
        else:
            extraction = extract_file(Path(os.fsdecode(body)), declared, limits, ask)
        signal.setitimer(signal.ITIMER_REAL, 0)
        del message, body
        connection.send_bytes(_DONE + extraction.to_json().encode())


def _limit_memory(allowance: int) -> None:
    """Let the address space grow by `allowance` bytes from here; beyond it allocations fail."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + allowance
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _main(arguments: list[str]) -> None:
    limits = Limits(**json.loads(arguments[1]))
    if limits.worker_memory_bytes is not None:
        _limit_memory(limits.worker_memory_bytes)
    with contextlib.suppress(EOFError, ConnectionError):
        _serve(Connection(int(arguments[0])), limits)


if __name__ == "__main__":
    _main(sys.argv[1:])
