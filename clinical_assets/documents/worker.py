"""Extraction in worker processes: parallel over cores, with limits that hold even against a reader stuck in C code.

A document that takes longer than `Limits.seconds`, or more memory than its worker may have, or that brings its worker
down, costs that document only: the worker is ended and replaced, and the document's extraction says `timed_out`,
`out_of_memory` or `worker_died`. At most one document per worker is in memory, however many there are. Nothing is
pickled: workers are started as `python -m clinical_assets.documents.worker` and speak bytes and JSON over a socket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO

from clinical_assets.documents.extraction import Extraction, extract, extract_file, failed
from clinical_assets.documents.reading import DEFAULT_LIMITS, Limits, Reason, Resolve, unresolved

# First byte of each message.
_READY, _TASK_BYTES, _TASK_PATH, _DONE, _ASK, _FOUND, _NOT_FOUND = (bytes([code]) for code in b"RBPDAFN")
_START_SECONDS = 60.0
_FAILED_STARTS = 3
# Readers' libraries keep what they allocate; a fresh process now and then keeps the worker's size bounded.
_DOCUMENTS_PER_WORKER = 1_000


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
        documents: taken one at a time, as workers become free.
        limits: for each document; `seconds` and `worker_memory_bytes` are enforced here.
        workers: number of processes; by default one for each core this process may use.
        resolve: called in this process with URLs found in documents; its time is not the document's.

    Raises:
        WorkerStartError: where no worker can be started at all.
    """
    count = workers or len(os.sched_getaffinity(0))
    pool = _Pool(limits, count, resolve)
    try:
        yield from pool.run(iter(documents))
    finally:
        pool.close()


@dataclass(eq=False)
class _Worker:
    """One process and what it is doing."""

    process: subprocess.Popen[bytes]
    connection: Connection
    errors: IO[bytes]
    ready: bool = False
    document: Unread | None = None
    deadline: float = 0.0
    finished: int = 0

    @property
    def idle(self) -> bool:
        return self.ready and self.document is None

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
class _Pool:
    limits: Limits
    count: int
    resolve: Resolve
    workers: list[_Worker] = field(default_factory=list)
    failed_starts: int = 0

    def run(self, documents: Iterator[Unread]) -> Iterator[tuple[str, Extraction]]:
        waiting = next(documents, None)
        while waiting is not None or any(worker.document for worker in self.workers):
            while waiting is not None and (worker := self._idle()):
                if self._given(worker, waiting):
                    waiting = next(documents, None)
            if waiting is not None and len(self.workers) < self.count:
                self.workers.append(_started(self.limits))
            yield from self._finished()

    def close(self) -> None:
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    def _idle(self) -> _Worker | None:
        return next((worker for worker in self.workers if worker.idle), None)

    def _given(self, worker: _Worker, document: Unread) -> bool:
        """Hand a document to a worker; False where the worker is gone and was removed."""
        head = json.dumps({"type": document.declared_type}).encode() + b"\n"
        kind = _TASK_BYTES if isinstance(document.source, bytes) else _TASK_PATH
        body = document.source if isinstance(document.source, bytes) else os.fsencode(document.source)
        try:
            worker.connection.send_bytes(kind + head + body)
        except OSError:
            self._remove(worker)
            return False
        worker.document = document
        worker.deadline = time.monotonic() + self.limits.seconds
        return True

    def _finished(self) -> Iterator[tuple[str, Extraction]]:
        """Wait until something happens, and give what is finished by it."""
        engaged = [worker for worker in self.workers if not worker.idle]
        patience = max(0.0, min(worker.deadline for worker in engaged) - time.monotonic())
        heard = wait([worker.connection for worker in engaged], patience)
        for worker in engaged:
            if worker.connection in heard:
                outcome = self._message(worker)
            elif time.monotonic() >= worker.deadline:
                outcome = self._overdue(worker)
            else:
                outcome = None
            if outcome:
                yield outcome

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
        elif kind == _DONE and worker.document:
            key, worker.document = worker.document.key, None
            worker.finished += 1
            if worker.finished >= _DOCUMENTS_PER_WORKER:
                self._remove(worker)
            return key, Extraction.from_json(body.decode())
        return None

    def _answer(self, worker: _Worker, url: str) -> None:
        asked = time.monotonic()
        data = self.resolve(url)
        with contextlib.suppress(OSError):
            worker.connection.send_bytes(_NOT_FOUND if data is None else _FOUND + data)
        worker.deadline += time.monotonic() - asked

    def _overdue(self, worker: _Worker) -> tuple[str, Extraction] | None:
        document = worker.document
        if document is None:
            return self._gone(worker)
        self._remove(worker)
        detail = f"no result within {self.limits.seconds:g} s"
        return document.key, failed(document.source, Reason.TIMED_OUT, detail, document.declared_type)

    def _gone(self, worker: _Worker) -> tuple[str, Extraction] | None:
        """A worker that ended by itself, or never began."""
        document, ready = worker.document, worker.ready
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
        self.workers.remove(worker)
        return worker.end()


def _serve(connection: Connection, limits: Limits) -> None:
    """A worker's life: documents in, extractions out, until the other side closes."""

    def ask(url: str) -> bytes | None:
        connection.send_bytes(_ASK + url.encode("utf-8", errors="replace"))
        answer = connection.recv_bytes()
        return answer[1:] if answer[:1] == _FOUND else None

    connection.send_bytes(_READY)
    while True:
        message = connection.recv_bytes()
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
