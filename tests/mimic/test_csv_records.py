"""Blocks of whole records: nothing lost, nothing added, and the line of whatever is malformed."""

import gzip
import io
import threading
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinical_assets.mimic import csv_records
from clinical_assets.mimic.csv_records import SourceFileError, blocks, check_records

FILE = "hosp/notes.csv.gz"
RECORDS = [
    b"1,plain,\n",
    b'2,"comma, inside",""\n',
    b'3,"two\nlines","a ""quoted"" word"\n',
    b'4,"""","\r\n\n"\n',
    b"5,crlf,x\r\n",
    b'6,"","",\n',
    b'7,"",""""""\n',
    "8,Grüße 💊,\ufeff\n".encode(),
]


def cut(data: bytes, block_bytes: int = 1 << 20) -> list[csv_records.Block]:
    """The file's blocks, each checked as it comes."""
    found = []
    for block in blocks(io.BytesIO(data), FILE, block_bytes=block_bytes):
        check_records(block, FILE)
        found.append(block)
    return found


def fault(data: bytes, block_bytes: int = 1 << 20) -> SourceFileError:
    with pytest.raises(SourceFileError) as caught:
        cut(data, block_bytes)
    assert caught.value.file == FILE
    return caught.value


files = st.lists(st.sampled_from(RECORDS), min_size=1, max_size=12)
block_sizes = st.integers(1, 80)


@given(files, block_sizes, st.booleans())
def test_blocks_joined_are_the_file_and_each_begins_with_a_record_on_its_line(records, block_bytes, final_newline):
    whole = b"".join(records)
    data = whole if final_newline else whole.removesuffix(b"\n")
    found = cut(data, block_bytes)
    assert b"".join(block.data for block in found) == whole
    starts = {sum(map(len, records[:n])): sum(r.count(b"\n") for r in records[:n]) for n in range(len(records))}
    position = 0
    for block in found:
        assert block.first_line == 1 + starts[position]
        position += len(block.data)


@given(files, block_sizes, st.lists(st.integers(0, 300), max_size=4))
def test_a_gzip_of_any_number_of_members_is_the_file_inside(records, block_bytes, cuts):
    data = b"".join(records)
    ends = sorted({min(c, len(data)) for c in cuts} | {0, len(data)})
    packed = b"".join(gzip.compress(data[a:b]) for a, b in pairwise(ends))
    assert b"".join(block.data for block in cut(packed, block_bytes)) == data


@pytest.mark.parametrize(
    ("data", "quoted_newlines"),
    [
        (b'1,"a",b\n', False),
        (b"1,a\r\n", False),
        (b'1,"a\nb"\n', True),
        (b'1,"a\rb"\n', True),
        (b'"a\nb"\n1\n', True),
    ],
)
def test_a_block_knows_whether_line_ends_lie_inside_quotes(data, quoted_newlines):
    assert [check_records(b, FILE) for b in cut(data)] == [quoted_newlines]


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (b'9,a"b,c', "mid-field"),
        (b'9,ab",c', "at the end of a field"),
        (b'9,"ab"c,d', "after the closing one"),
        (b'9,"a"b"c",d', "two inside a quoted field"),
        (b'9,a "b" c,d', "two inside a field"),
        (b'9,a"",c', "doubled outside quotes"),
        (b'9, "a",c', "after a space"),
    ],
)
@settings(max_examples=30)
@given(before=files, after=files, block_bytes=block_sizes)
def test_a_stray_quote_is_reported_on_its_line(record, where, before, after, block_bytes):
    data = b"".join([*before, record + b"\n", *after])
    error = fault(data, block_bytes)
    assert error.line == 1 + b"".join(before).count(b"\n"), where
    assert "quote" in str(error)


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (b"", "at the end of the file"),
        (b"10,x,y\n11,x,y\n", "no quote follows"),
        (b'10,"x",y\n11,x,y\n', "an even number in all: a stray follows that looks like an opening"),
        (b'10,"",y\n11,"x",y\n', "an empty quoted field follows"),
        (b'"10","x","y"\n', "the next record begins with a quote"),
        (b'10,x,y"\n', "closed, wrongly, lines below"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 20])
def test_a_quote_that_is_never_closed_is_reported_on_the_line_it_was_opened(after, what, block_bytes):
    before = b'1,"two\nlines",z\n2,x,y\n'
    if what.startswith("closed"):
        # A field over two lines, as far as RFC 4180 goes; that fields are then too few, the reader says.
        assert len(cut(before + b'9,"ab,c\n' + after)) == 1
        return
    error = fault(before + b'9,"ab,c\n' + after, block_bytes)
    assert error.line == 4, what


def test_a_stray_quote_inside_a_field_of_many_lines_is_reported_on_its_own_line():
    assert fault(b'1,"first\nsecond\nthird has a "stray one\nfourth",x\n2,y,z\n').line == 3


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@given(before=files, after=files, block_bytes=block_sizes)
@example(before=[], after=[b"1,a,b\n"], block_bytes=1)
@example(before=[b"1,a,b\n"], after=[], block_bytes=99)
def test_a_blank_line_is_refused_not_dropped(line_end, before, after, block_bytes):
    error = fault(b"".join([*before, line_end, *after]), block_bytes)
    assert error.line == 1 + b"".join(before).count(b"\n")
    assert "blank line" in str(error)


@given(files)
def test_blank_lines_inside_quotes_are_text(records):
    note = b'9,"Assessment:\n\n\r\n\nPlan:",x\n'
    assert b"".join(b.data for b in cut(b"".join([*records, note]), 16)) == b"".join([*records, note])


@given(before=files, after=files, block_bytes=block_sizes)
def test_a_carriage_return_alone_is_refused_outside_quotes(before, after, block_bytes):
    error = fault(b"".join([*before, b"9,a\rb,c\n", *after]), block_bytes)
    assert error.line == 1 + b"".join(before).count(b"\n")
    assert "carriage return" in str(error)


def test_a_file_with_the_line_ends_of_old_macs_is_refused():
    assert fault(b"a,b\r1,2\r3,4\r").line == 1


@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n", b"\n"])
def test_the_last_record_needs_no_whole_line_end(end):
    assert b"".join(b.data for b in cut(b"a,b\r\n1,2" + end)).split() == [b"a,b", b"1,2"]


@given(files)
def test_a_block_without_its_first_line_is_the_block_of_the_lines_after_it(records):
    header = b'a,"b",c\n'
    (whole,) = cut(b"".join([header, *records]))
    (rest,) = cut(b"".join(records))
    found = whole.without_first_line()
    assert (found.data, found.first_line) == (rest.data, 2)
    for name in ("quotes", "newlines", "ends"):
        assert getattr(found, name).tolist() == getattr(rest, name).tolist()


def test_an_empty_file_has_no_blocks():
    assert cut(b"") == cut(gzip.compress(b"")) == []


# --- Memory -------------------------------------------------------------------------------------------------------


def test_a_quote_open_for_too_long_ends_the_reading_and_not_the_memory(monkeypatch):
    monkeypatch.setattr(csv_records, "LONGEST_RECORD_BYTES", 1_000)
    raw = io.BytesIO(b'1,a\n2,"b\n' + b"3,c\n" * 100_000)
    with pytest.raises(SourceFileError, match="closed") as caught:
        list(blocks(raw, FILE, block_bytes=500))
    assert caught.value.line == 2
    assert raw.tell() < 5_000


def test_a_line_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(csv_records, "LONGEST_RECORD_BYTES", 1_000)
    error = fault(b"1,a\n" + b"x" * 100_000, 500)
    assert (error.line, "at most 1,000 bytes" in str(error)) == (2, True)


# --- Gzip ---------------------------------------------------------------------------------------------------------

PACKED = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 1009) for n in range(150)), mtime=0)
UNPACKED = gzip.decompress(PACKED)


def test_a_gzip_cut_anywhere_is_reported_as_cut_short():
    for length in range(2, len(PACKED)):
        with pytest.raises(SourceFileError, match="cut short"):
            list(blocks(io.BytesIO(PACKED[:length]), FILE))


def test_a_gzip_with_any_bit_flipped_is_refused_or_read_as_it_was():
    refused = 0
    for position in range(2, len(PACKED)):
        damaged = bytearray(PACKED)
        damaged[position] ^= 1 << position % 8
        try:
            read = b"".join(block.data for block in cut(bytes(damaged)))
        except SourceFileError:
            refused += 1
        else:
            assert read == UNPACKED, f"byte {position}"
    # A few bytes of the header (the time, the system) say nothing of the content.
    assert refused >= len(PACKED) - 12


def test_a_second_member_cut_short_is_reported_although_the_first_is_whole():
    assert "cut short" in str(fault(PACKED + PACKED[:-5]))


def test_padding_after_a_gzip_is_no_fault_but_anything_else_is():
    assert cut(PACKED + bytes(512))[0].data == UNPACKED
    fault(PACKED + b"<html>")


def test_what_the_first_bytes_say_counts_not_the_name():
    assert FILE.endswith(".gz")
    assert cut(UNPACKED)[0].data == cut(PACKED)[0].data == UNPACKED


class Failing(io.BytesIO):
    def read(self, size=-1, /):
        if self.tell() > 200:
            raise OSError("connection reset")
        return super().read(min(size, 64))

    def readinto(self, buffer, /):
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


@pytest.mark.parametrize("data", [PACKED, UNPACKED], ids=["gzip", "plain"])
def test_an_unreadable_disk_is_not_called_a_corrupt_file(data):
    with pytest.raises(OSError, match="connection reset"):
        list(blocks(Failing(data), FILE))


def test_a_file_begun_in_one_thread_can_be_finished_in_another():
    """isal's threaded reader took the end of the thread that began for the end of the file."""
    data = b"".join(b"%07d,x\n" % n for n in range(600_000))
    stream = blocks(io.BytesIO(gzip.compress(data, 1)), FILE, block_bytes=1 << 16)
    begun: list[bytes] = []
    thread = threading.Thread(target=lambda: begun.append(next(stream).data))
    thread.start()
    thread.join()
    assert b"".join([*begun, *(block.data for block in stream)]) == data


def test_reading_that_is_broken_off_waits_for_nothing_and_leaves_no_thread():
    """It may be closed by the garbage collector in the middle of a thread's start, where waiting is a deadlock."""
    network = threading.Event()
    began = threading.enumerate()

    class Slow(io.BytesIO):
        def read(self, size=-1, /):
            if self.tell() >= 8:
                network.wait()
            return super().read(size)

    stream = blocks(Slow(b"1,a\n2,b\n3,c\n4,d\n"), FILE, block_bytes=8)
    assert next(stream).data == b"1,a\n2,b\n"
    stream.close()
    assert not network.is_set(), "what follows is still being waited for"
    network.set()
    for thread in set(threading.enumerate()) - set(began):
        thread.join(timeout=10)
        assert not thread.is_alive()
