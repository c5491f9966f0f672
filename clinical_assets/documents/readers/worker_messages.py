"""What a worker process and the process that started it say to each other: bytes and JSON over a socket, no pickle.

A message is its length, one byte that says what it is, and its body. Several that come together cost one system call.
An extraction is one line of JSON arrays and its text as it is: a third of the time of JSON objects that name every
attribute of every span.
"""

from __future__ import annotations

import enum
import json
import os
import socket
import struct
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path

from clinical_assets.documents.readers.extraction import Extraction
from clinical_assets.documents.readers.reading import Caution, ExtractionWarning, Reason, Span, SpanKind
from clinical_assets.documents.readers.sniffing import ContentType


class Kind(enum.IntEnum):
    """What a message is."""

    EXTRACTORS = 0
    READY = 1
    DOCUMENT = 2
    FILE = 3
    EXTRACTION = 4
    QUESTION = 5
    ANSWER = 6
    NO_ANSWER = 7


Message = tuple[int, bytes]

START_SECONDS = 60.0
"""A worker that is not ready by then is given up."""

OUT_OF_MEMORY_STATUS = 71
"""The exit status of a worker whose memory did not suffice for what arrived or for what it had to say."""

_HEAD = struct.Struct("<QB")
_AT_ONCE = 64 * 1024

_VALUES = (
    "success", "content_type", "size", "bytes_sha256", "text_sha256", "extractor", "version", "method", "encoding",
    "reason", "detail",
)  # fmt: skip
_OF_SPAN = ("kind", "start", "end", "title", "code", "code_system", "number", "level", "method", "confidence")
_values, _of_span, _of_warning = attrgetter(*_VALUES), attrgetter(*_OF_SPAN), attrgetter("code", "detail")
_TYPES = {each.value: each for each in ContentType}
_REASONS: Mapping[str | None, Reason | None] = {None: None, **{each.value: each for each in Reason}}
_KINDS = {each.value: each for each in SpanKind}
_CAUTIONS = {each.value: each for each in Caution}
# `json.dumps` with separators builds an encoder for every call.
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decoded = json.JSONDecoder().decode


def framed(kind: Kind, *body: bytes) -> bytes:
    """A message as it goes over the socket; its body may come in parts."""
    return b"".join((_HEAD.pack(sum(map(len, body)), kind), *body))


class Channel:
    """One side of the conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._arrived = bytearray()

    @property
    def arriving(self) -> int | None:
        """The kind of the message that has come in part; None where there is none."""
        return _HEAD.unpack_from(self._arrived)[1] if len(self._arrived) >= _HEAD.size else None

    def send(self, frames: bytes, seconds: float | None = None) -> None:
        """Send messages made by `framed`; waits until they are taken, no longer than so many seconds if it is said.

        Raises:
            OSError: the other side is gone; `TimeoutError` where it has not taken them in time, and may have a part.
        """
        self.connection.settimeout(seconds)
        try:
            self.connection.sendall(frames)
        finally:
            self.connection.settimeout(None)

    def receive(self) -> Message:
        """The next message, waited for.

        Raises:
            EOFError: the other side has closed.
        """
        while (message := self._whole()) is None:
            self._fill()
        return message

    def arrived(self) -> list[Message]:
        """What one look at the socket brings; waits where nothing is there. Raises EOFError as `receive` does."""
        self._fill()
        return list(iter(self._whole, None))

    def close(self) -> None:
        """End the conversation."""
        self.connection.close()

    def _fill(self) -> None:
        piece = self.connection.recv(_AT_ONCE)
        if not piece:
            raise EOFError
        self._arrived += piece

    def _whole(self) -> Message | None:
        arrived = self._arrived
        if len(arrived) < _HEAD.size:
            return None
        length, kind = _HEAD.unpack_from(arrived)
        end = _HEAD.size + length
        if len(arrived) < end:
            return None
        with memoryview(arrived) as view:
            body = bytes(view[_HEAD.size : end])
        del arrived[:end]
        return kind, body


def task(source: bytes | Path, declared_type: str | None) -> bytes:
    """The message that gives a document, or the path of its file, to a worker."""
    head = json.dumps(declared_type).encode() + b"\n"
    if isinstance(source, bytes):
        return framed(Kind.DOCUMENT, head, source)
    return framed(Kind.FILE, head, os.fsencode(source))


def asked(message: Message) -> tuple[bytes | Path, str | None]:
    """What `task` was given.

    Raises:
        ValueError: the message is of another kind, whose bytes must not be taken for a document or a path.
    """
    kind, body = message
    if kind not in (Kind.DOCUMENT, Kind.FILE):
        raise ValueError(f"expected a document or the path of one, found a message of kind {kind}")
    head, _, rest = body.partition(b"\n")
    return rest if kind == Kind.DOCUMENT else Path(os.fsdecode(rest)), json.loads(head)


def written(extraction: Extraction) -> bytes:
    """An extraction as the body of a message."""
    head = _encoded(
        [
            _values(extraction),
            [_of_span(span) for span in extraction.spans],
            [_of_warning(warning) for warning in extraction.warnings],
            dict(extraction.facts),
        ]
    )
    return f"{head}\n{extraction.text}".encode()


def read(body: bytes) -> Extraction:
    """The extraction `written` was given."""
    head, _, text = body.decode().partition("\n")
    values, spans, warnings, facts = _decoded(head)
    success, content_type, size, digest, text_digest, extractor, version, method, encoding, reason, detail = values
    return Extraction(
        success, text, _TYPES[content_type], size, digest, text_digest, extractor, version, method, encoding,
        # Named one by one: a starred argument takes a quarter longer, and there are many.
        tuple([Span(_KINDS[k], start, end, t, c, cs, n, lv, m, s) for k, start, end, t, c, cs, n, lv, m, s in spans]),
        tuple([ExtractionWarning(_CAUTIONS[code], said) for code, said in warnings]),
        _REASONS[reason], detail, facts,
    )  # fmt: skip
