"""Bytes of a CSV file, gzip or plain, to blocks of whole records, in bounded memory.

RFC 4180 decides what a record is: a newline inside quotes does not end it. A quote anywhere else than around a field,
or doubled inside one, is malformed and refused here, because from there on nobody can say which newline ends a record.
So are a carriage return alone, which parsers take for the end of a record or not, and a line with nothing on it, which
they drop or make a row of nulls of.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 8 << 20
LONGEST_RECORD_BYTES = 64 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
Places = npt.NDArray[np.int64]
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
        SourceFileError: truncated or corrupt gzip; a stray or never closed quote; a blank line; a carriage return
            without a newline outside quotes; a record longer than 64 MiB.
    """
    line, carried = 1, b""
    for chunk in _inflated(raw, file, block_bytes):
        data = carried + chunk
        if line == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        quotes, newlines = positions(data, b'"'), positions(data, b"\n")
        ends = newlines[outside_quotes(newlines, quotes)]
        end = int(ends[-1]) + 1 if ends.size else 0
        if end == 0 and len(data) > LONGEST_RECORD_BYTES:
            raise _never_closed(data, file, line)
        if end:
            within = np.searchsorted(newlines, end)
            block = _block(data[:end], quotes[: np.searchsorted(quotes, end)], newlines[:within], ends, file, line)
            yield block
            line += int(within)
        carried = data[end:]
    if carried:
        # The last record needs no newline after it; a quote still open there was never closed.
        if carried.count(b'"') % 2:
            raise _never_closed(carried, file, line)
        data = carried + b"\n"
        quotes, newlines = positions(data, b'"'), positions(data, b"\n")
        yield _block(data, quotes, newlines, newlines[outside_quotes(newlines, quotes)], file, line)


def _block(data: bytes, quotes: Places, newlines: Places, ends: Places, file: str, line: int) -> Block:
    """Whole records as a block, once nothing is wrong with their quotes and line ends.

    Args:
        data: the records.
        quotes: where its quotes are.
        newlines: where its newlines are.
        ends: those newlines that end a record.
        file: named in errors.
        line: of the file the data begins on.
    """
    returns = positions(data, b"\r")
    _check_quotes(data, quotes, file, line)
    returns_outside = returns[outside_quotes(returns, quotes)]
    _check_line_ends(data, ends, returns_outside, file, line)
    quoted = ends.size < newlines.size or returns_outside.size < returns.size
    return Block(data, line, quoted_newlines=quoted)


def _inflated(raw: BinaryIO, file: str, size: int) -> Iterator[bytes]:
    """The file's bytes, the next chunk always being read and inflated while the caller works on this one."""
    head = raw.read(2)
    raw.seek(0)
    if head == b"\x1f\x8b":
        yield from _gunzipped(raw, file, size)
    else:
        yield from _read_ahead(raw, size)


def _gunzipped(raw: BinaryIO, file: str, size: int) -> Iterator[bytes]:
    # Not isal's own threaded reader: it takes a worker that is gone for the end of the file, and rows are lost.
    from isal import igzip, isal_zlib

    read = 0
    try:
        for chunk in _read_ahead(igzip.open(raw, "rb"), size):
            read += len(chunk)
            yield chunk
    # The stub takes the class of isal's errors for an instance of it.
    except (EOFError, gzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]
        raise SourceFileError(
            file,
            f"expected a whole gzip file; found it {'cut short' if isinstance(error, EOFError) else 'corrupt'} after "
            f"{read:,} inflated bytes ({error}). Download it again and compare its SHA-256 with the release's.",
        ) from error


def _read_ahead(stream: BinaryIO, size: int) -> Iterator[bytes]:
    thread = ThreadPoolExecutor(1)
    try:
        following = thread.submit(stream.read, size)
        while chunk := following.result():
            following = thread.submit(stream.read, size)
            yield chunk
    finally:
        # Never wait: a reading broken off is closed by the garbage collector, in any thread, at a time when waiting for
        # another thread can be waiting for ever.
        thread.shutdown(wait=False)


def positions(data: bytes, byte: bytes) -> Places:
    """Where a byte occurs."""
    if byte not in data:  # much faster than numpy where it does not
        return np.empty(0, np.int64)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == byte[0])


def outside_quotes(places: Places, quotes: Places) -> npt.NDArray[np.bool_]:
    """Which places lie outside quoted fields, given where all quotes are; the data begins with a record."""
    if not quotes.size:
        return np.ones(places.size, bool)
    outside: npt.NDArray[np.bool_] = np.searchsorted(quotes, places) % 2 == 0
    return outside


def _check_line_ends(data: bytes, ends: Places, returns: Places, file: str, line: int) -> None:
    """Every record has something on its line, and every carriage return outside quotes a newline after it."""
    alone = np.setdiff1d(returns + 1, ends, assume_unique=True) - 1
    if alone.size:
        at = int(alone[0])
        problem = f"expected a newline after every carriage return; found one alone at {_shown(data, at)}. Correct"
        raise SourceFileError(file, f"{problem} the line, or download the file again.", line=_line(data, at, line))
    lengths = np.diff(ends, prepend=-1) - 1
    if returns.size:
        lengths -= np.isin(ends - 1, returns, assume_unique=True)
    blank = ends[lengths == 0]
    if blank.size:
        problem = "expected a record on every line; found a blank line. Remove it, or download the file again."
        raise SourceFileError(file, problem, line=_line(data, int(blank[0]), line))


def _check_quotes(data: bytes, quotes: Places, file: str, line: int) -> None:
    """Opening quotes follow a separator, closing ones precede one; `""` inside a field closes and opens at once."""
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
        raise _stray(data, _first_fault(data, int(wrong.min())), file, line)


def _first_fault(data: bytes, latest: int) -> int:
    """The culprit among the quotes, read one by one: the first misplaced one or the one it shows never to be closed."""
    in_quotes, opened = False, latest
    for position in positions(data[: latest + 1], b'"').tolist():
        before = data[position - 1] if position else _NEWLINE
        after = data[position + 1] if position + 1 < len(data) else _NEWLINE
        if not in_quotes:
            if before not in (_COMMA, _NEWLINE, _QUOTE):
                return int(position)
            # A quote after a doubled one goes on with the field.
            in_quotes, opened = True, opened if before == _QUOTE else int(position)
        else:
            in_quotes = False
            if after not in (_COMMA, _NEWLINE, _RETURN, _QUOTE):
                # What would close this field looks like the opening of another: this one was left open.
                return opened if before in (_COMMA, _NEWLINE) else int(position)
    return opened if in_quotes else latest


def _stray(data: bytes, position: int, file: str, line: int) -> SourceFileError:
    return SourceFileError(
        file,
        f"expected quotes only around a field (doubled inside it); found a stray one at {_shown(data, position)}. "
        "Correct the line, or download the file again.",
        line=_line(data, position, line),
    )


def _never_closed(data: bytes, file: str, line: int) -> SourceFileError:
    """The likeliest culprit: the first fault among the pairs, else the quote nothing closes."""
    quotes = positions(data, b'"')
    if not quotes.size:
        return SourceFileError(file, f"expected a line of at most {LONGEST_RECORD_BYTES:,} bytes", line=line)
    fault = _first_fault(data, int(quotes[-1]))
    return SourceFileError(
        file,
        f"expected every quote to be closed; found one that is not, at {_shown(data, fault)}. "
        "Correct the line, or download the file again.",
        line=_line(data, fault, line),
    )


def _line(data: bytes, position: int, first: int) -> int:
    return first + data.count(b"\n", 0, position)


def _shown(data: bytes, position: int) -> str:
    start = max(data.rfind(b"\n", 0, position) + 1, position - 20)
    return repr(data[start : position + 20].split(b"\n")[0].decode("utf-8", "replace"))
