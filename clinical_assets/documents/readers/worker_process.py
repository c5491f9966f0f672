"""One worker: documents in, extractions out, until the process that started it closes the socket; see `worker_pool`.

Run as `python -m clinical_assets.documents.readers.worker_process SOCKET LIMITS`: the number of an open socket and the
limits as JSON. Imports what reading needs and nothing else: it is started anew for every worker.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections import deque
from pathlib import Path

from clinical_assets.documents.readers.extraction import extract, extract_file, take_extractors
from clinical_assets.documents.readers.reading import Limits
from clinical_assets.documents.readers.worker_messages import (
    OUT_OF_MEMORY_STATUS,
    START_SECONDS,
    Channel,
    Kind,
    Message,
    asked,
    framed,
    written,
)


def _serve(channel: Channel, limits: Limits) -> None:
    """Begin, and read what comes; ends by `EOFError`, or the process where memory does not suffice."""
    waiting: deque[Message] = deque()

    def ask(url: str) -> bytes | None:
        # How long the answer takes is not this process's doing.
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            channel.send(framed(Kind.QUESTION, url.encode("utf-8", errors="replace")))
            # Documents that were sent before the question arrived come before its answer.
            while (answer := channel.receive())[0] in (Kind.DOCUMENT, Kind.FILE):
                waiting.append(answer)
        except MemoryError:
            # A reader would catch it and go on, and the rest of the answer be taken for the next document.
            os._exit(OUT_OF_MEMORY_STATUS)
        signal.setitimer(signal.ITIMER_REAL, left)
        return answer[1] if answer[0] == Kind.ANSWER else None

    take_extractors(channel.receive()[1].decode())
    channel.send(framed(Kind.READY))
    # What was imported stays: the collector need not look through it again and again.
    gc.freeze()
    try:
        while True:
            source, declared = asked(waiting.popleft() if waiting else channel.receive())
            # Should this process outlive the one that watches it, the system ends it.
            signal.setitimer(signal.ITIMER_REAL, 2 * limits.seconds + START_SECONDS)
            if isinstance(source, bytes):
                extraction = extract(source, declared, limits, ask)
            else:
                extraction = extract_file(source, declared, limits, ask)
            signal.setitimer(signal.ITIMER_REAL, 0)
            del source
            channel.send(framed(Kind.EXTRACTION, written(extraction)))
    except MemoryError:
        os._exit(OUT_OF_MEMORY_STATUS)


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
        _serve(Channel(socket.socket(fileno=int(arguments[0]))), limits)


if __name__ == "__main__":
    _main(sys.argv[1:])
