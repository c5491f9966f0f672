"""One extraction worker, seen from the process that started it: what it was given, by when, and how it ends.

A worker is `worker_process`, started as a program of its own; nothing is pickled, it speaks as `worker_messages` says.
Which worker gets which document, and what becomes of one whose worker does not come back, is the business of
`worker_pool`.
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
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from clinical_assets.documents.readers import worker_messages
from clinical_assets.documents.readers.reading import Limits
from clinical_assets.documents.readers.worker_messages import START_SECONDS, Channel

PROGRAM = "clinical_assets.documents.readers.worker_process"
"""What a worker runs."""

SLOW_SECONDS = 0.5
"""A document that takes longer gives those behind it away; and a worker that takes longer for one it has given away is
ended: a new one is there sooner."""

DOCUMENTS_PER_WORKER = 5_000
"""Readers' libraries keep what they allocate; a fresh process now and then keeps the worker's size bounded."""

_ROOT = Path(__file__).parents[3]
# Documents waiting at a worker behind the one it reads, one more for so many read quickly in a row. Together they are
# smaller than a socket's buffer, so that neither side ever waits for the other to take them.
_MOST_WAITING = 8
_QUICK_FOR_ONE_MORE = 8
_SMALL = 8 * 1024
_QUICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Unread:
    """A document to read: a key the caller knows it by, its bytes or where they lie, and its declared content type."""

    key: str
    source: bytes | Path
    declared_type: str | None = None


class Again(Unread):
    """A document that one worker has died on before it had the whole of it; a second is the last."""

    __slots__ = ()


def is_small(document: Unread) -> bool:
    """Whether it may wait at a worker behind another."""
    return isinstance(document.source, Path) or len(document.source) <= _SMALL


@dataclass(eq=False)
class Worker:
    """One process and what it is doing.

    Attributes:
        given: the documents it has, the one it reads first; None for one that another worker was given instead.
        unsent: those of them that are still to be sent, as they go over the socket.
        cut_off: the process was gone before it had the whole of the first of them.
        begun: when it began with the first of them, or was started; by the clock of `worker_pool`.
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
        at_most = min(self.quick // _QUICK_FOR_ONE_MORE, _MOST_WAITING, DOCUMENTS_PER_WORKER - self.finished - 1)
        return len(self.given) <= at_most and is_small(document)

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
        self.deadline = now + (SLOW_SECONDS if unheard else limits.seconds if self.ready else START_SECONDS)

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


def started(limits: Limits) -> Worker:
    """A worker that has just been started, and is not ready yet."""
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - kept open as long as the process
    # Without `site`, which takes longer to set the path than the program itself to start: the path is given.
    command = [sys.executable, "-S", "-m", PROGRAM, str(theirs.fileno()), json.dumps(dataclasses.asdict(limits))]
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
    return Worker(process, Channel(ours), errors)
