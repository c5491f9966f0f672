"""Bytes of a CSV file, gzip or plain, to blocks of whole records, in bounded memory.

RFC 4180 decides what a record is: a newline inside quotes does not end it. A quote anywhere else than around a field,
or doubled inside one, is malformed and refused here, because from there on nobody can say which newline ends a record.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 8 << 20
LONGEST_RECORD_BYTES = 64 << 20
_QUOTE, _COMMA, _NEWLINE, _RETURN = b'",\n\r'


class SourceFileError(ValueError):
    """A source file is not what it should be.

    Attributes:
        file: the file's path below the sources' root.
        line: the 1-based line, where there is one.
        column: the column's name, where there is one.
    """

    def __init__(self, file: str, problem: str, *, line: int | None = None, column: str | None = None) -> None:
        self.file, self.line, self.column = file, line, column
        where = file + (f", line {line}" if line else "") + (f", column {column}" if column else "")
        super().__init__(f"{where}: {problem}")


@dataclass(frozen=True)
class Block:
    """Whole records: their bytes, the line of the file the first one starts on, and how they are quoted."""

    data: bytes
    first_line: int
    quoted_newlines: bool


def blocks(raw: BinaryIO, file: str, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut a CSV stream into blocks of whole records.

    Args:
        raw: the file's bytes; gzip is recognised by its first two bytes, not by the name.
        file: named in errors.
        block_bytes: about how much is held at a time.

    Raises:
        SourceFileError: truncated or corrupt gzip; a stray or never closed quote; a record longer than 64 MiB.
    """
    line, carried = 1, b""
    for chunk in _inflated(raw, file, block_bytes):
        data = carried + chunk
        end = _last_record_end(data, file, line)
        if end == 0 and len(data) > LONGEST_RECORD_BYTES:
            raise _never_closed(data, file, line)
        if end:
            block = _block(data[:end], line)
            line += block.data.count(b"\n")
            yield block
        carried = data[end:]
    if carried:
        # The last record needs no newline after it; a quote still open there was never closed.
        if carried.count(b'"') % 2:
            raise _never_closed(carried, file, line)
        _check_quotes(carried, file, line)
        yield _block(carried, line)


def _block(data: bytes, line: int) -> Block:
    return Block(data, line, quoted_newlines=b'"' in data and _newline_in_quotes(data))


def _inflated(raw: BinaryIO, file: str, size: int) -> Iterator[bytes]:
    from isal import igzip_threaded  # decompresses in its own thread: the parser is never kept waiting

    head = raw.read(2)
    raw.seek(0)
    if head != b"\x1f\x8b":
        while chunk := raw.read(size):
            yield chunk
        return
    read = 0
    try:
        with igzip_threaded.open(raw, "rb", threads=1) as stream:
            while chunk := stream.read(size):
                read += len(chunk)
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
        raise SourceFileError(
            file,
            f"expected a whole gzip file; found it {'cut short' if isinstance(error, EOFError) else 'corrupt'} after "
            f"{read:,} inflated bytes ({error}). Download it again and compare its SHA-256 with the release's.",
        ) from error


def _positions(data: bytes, byte: int) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.frombuffer(data, np.uint8) == byte)


def _last_record_end(data: bytes, file: str, line: int) -> int:
    """Where the last whole record ends; `data` starts at a record. Checks the quotes up to there."""
    end = data.rfind(b"\n") + 1
    if b'"' not in data:
        return end
    quotes = _positions(data, _QUOTE)
    newlines = _positions(data, _NEWLINE)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    end = int(outside[-1]) + 1 if outside.size else 0
    _check_quotes(data[:end], file, line)
    return end


def _newline_in_quotes(data: bytes) -> bool:
    newlines = _positions(data, _NEWLINE)
    return bool(np.any(np.searchsorted(_positions(data, _QUOTE), newlines) % 2))


def _check_quotes(data: bytes, file: str, line: int) -> None:
    """Opening quotes follow a separator, closing ones precede one; `""` inside a field closes and opens at once."""
    quotes = _positions(data, _QUOTE)
    if not quotes.size:
        return
    padded = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = np.zeros(opening.size, bool)
    doubled[1:] = opening[1:] == closing[: opening.size - 1] + 1
    before, after = padded[opening], padded[closing + 2]
    wrong_open = ~(np.isin(before, (_COMMA, _NEWLINE)) | doubled)
    next_opens = np.zeros(closing.size, bool)
    next_opens[: opening.size - 1] = doubled[1:][: closing.size]
    wrong_close = ~(np.isin(after, (_COMMA, _NEWLINE, _RETURN)) | next_opens)
    wrong = np.concatenate([opening[wrong_open], closing[wrong_close]])
    if wrong.size:
        first = int(wrong.min())
        # A stray quote shifts the pairing, so the first visible fault can lie later: it is at or after the culprit.
        raise _stray(data, _first_fault(data, first), file, line)


def _first_fault(data: bytes, latest: int) -> int:
    """The first record, read one by one, whose quotes are wrong; its position at most `latest`."""
    in_quotes = False
    for position in _positions(data[: latest + 1], _QUOTE).tolist():
        before = data[position - 1] if position else _NEWLINE
        after = data[position + 1] if position + 1 < len(data) else _NEWLINE
        if not in_quotes:
            if before not in (_COMMA, _NEWLINE, _QUOTE):
                return int(position)
            in_quotes = True
        else:
            in_quotes = False
            if after not in (_COMMA, _NEWLINE, _RETURN, _QUOTE):
                return int(position)
    return latest


def _stray(data: bytes, position: int, file: str, line: int) -> SourceFileError:
    return SourceFileError(
        file,
        f"expected quotes only around a field (doubled inside it); found a stray one at {_shown(data, position)}. "
        "Correct the line, or download the file again.",
        line=line + data[:position].count(b"\n"),
    )


def _never_closed(data: bytes, file: str, line: int) -> SourceFileError:
    """The likeliest culprit: the first fault among the pairs, else the quote nothing closes."""
    quotes = _positions(data, _QUOTE)
    if not quotes.size:
        return SourceFileError(file, f"expected a line of at most {LONGEST_RECORD_BYTES:,} bytes", line=line)
    fault = _first_fault(data, int(quotes[-1]))
    return SourceFileError(
        file,
        f"expected every quote to be closed; found one that is not, at {_shown(data, fault)}. "
        "Correct the line, or download the file again.",
        line=line + data[:fault].count(b"\n"),
    )


def _shown(data: bytes, position: int) -> str:
    start = max(data.rfind(b"\n", 0, position) + 1, position - 20)
    return repr(data[start : position + 20].split(b"\n")[0].decode("utf-8", "replace"))
