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
from functools import cached_property
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


class Block:
    """Whole records, and where their quotes and line ends are.

    Attributes:
        data: their bytes, the last one's line end among them.
        first_line: the line of the file the first one starts on.
        quotes: where quotes are.
    """

    def __init__(self, data: bytes, first_line: int, quotes: Places) -> None:
        self.data, self.first_line, self.quotes = data, first_line, quotes

    @cached_property
    def newlines(self) -> Places:
        """Where newlines are."""
        return positions(self.data, b"\n")

    @cached_property
    def ends(self) -> Places:
        """Those newlines that end a record."""
        return self.newlines[outside_quotes(self.newlines, self.quotes)]

    def without_first_line(self) -> Block:
        """The records after the first line."""
        start = self.data.index(b"\n") + 1
        return Block(self.data[start:], self.first_line + 1, self.quotes[np.searchsorted(self.quotes, start) :] - start)


def blocks(raw: BinaryIO, file: str, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut a CSV stream into blocks of whole records; whether they are well formed, `check_records` says of each.

    Args:
        raw: the file's bytes; gzip is recognised by its first two bytes, not by the name.
        file: named in errors.
        block_bytes: about how much is held at a time.

    Raises:
        SourceFileError: truncated or corrupt gzip; a quote never closed; a record longer than 64 MiB. A block before
            it that is not well formed is the likelier culprit.
    """
    line, carried = 1, b""
    for chunk in _inflated(raw, file, block_bytes):
        data = carried + chunk
        if line == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        quotes = positions(data, b'"')
        end = _end_of_last_record(data, quotes)
        if end == 0 and len(data) > LONGEST_RECORD_BYTES:
            raise _never_closed(data, file, line)
        if end:
            records = data[:end]
            yield Block(records, line, quotes[: np.searchsorted(quotes, end)])
            line += int(np.count_nonzero(np.frombuffer(records, np.uint8) == _NEWLINE))
        carried = data[end:]
    if carried:
        # The last record needs no newline after it; a quote still open there was never closed.
        if carried.count(b'"') % 2:
            raise _never_closed(carried, file, line)
        data = carried + b"\n"
        yield Block(data, line, positions(data, b'"'))


def _end_of_last_record(data: bytes, quotes: Places) -> int:
    """Where the last whole record ends, its line end included; 0 if there is none."""
    limit = len(data)
    while (end := data.rfind(b"\n", 0, limit) + 1) > 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            return end
        limit = int(quotes[before - 1])
    return 0


def check_records(block: Block, file: str) -> bool:
    """Refuse a block whose records are not well formed.

    Args:
        block: whole records.
        file: named in errors.

    Returns:
        Whether line ends lie inside quotes.

    Raises:
        SourceFileError: a stray quote, a blank line, a carriage return without a newline outside quotes.
    """
    _check_quotes(block.data, block.quotes, file, block.first_line)
    returns = positions(block.data, b"\r")
    returns_outside = returns[outside_quotes(returns, block.quotes)]
    if returns.size or _newlines_in_a_row(block.data):
        _check_line_ends(block.data, block.ends, returns_outside, file, block.first_line)
    return returns_outside.size < returns.size or _newline_within(block)


def _newlines_in_a_row(data: bytes) -> bool:
    """Whether a line has nothing on it, inside quotes or outside."""
    newline = np.frombuffer(data, np.uint8) == _NEWLINE
    return bool(newline[0] or (newline[1:] & newline[:-1]).any())


def _newline_within(block: Block) -> bool:
    """Whether a newline lies inside quotes."""
    text = np.frombuffer(block.data, np.uint8)
    opening, closing = block.quotes[0::2], block.quotes[1::2]
    if not opening.size:
        return False
    quoted = int((closing - opening).sum())
    if quoted < len(block.data) // 8:
        within = np.repeat(opening - np.concatenate([[0], np.cumsum(closing - opening)[:-1]]), closing - opening)
        return bool((text[within + np.arange(quoted)] == _NEWLINE).any())
    return bool(block.ends.size < block.newlines.size)


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
    if returns.size:
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
    text = np.frombuffer(data, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = np.zeros(opening.size, bool)
    doubled[1:] = opening[1:] == closing[: opening.size - 1] + 1
    before = text[opening - 1]
    if opening[0] == 0:
        before[0] = _NEWLINE
    after = text[np.minimum(closing + 1, len(data) - 1)]
    wrong_open = ~((before == _COMMA) | (before == _NEWLINE) | doubled)
    next_opens = np.zeros(closing.size, bool)
    next_opens[: opening.size - 1] = doubled[1:][: closing.size]
    wrong_close = ~((after == _COMMA) | (after == _NEWLINE) | (after == _RETURN) | next_opens)
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
