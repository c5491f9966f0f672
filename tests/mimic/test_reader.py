"""A CSV file to typed rows: every record once, in order, with its meaning; every fault with its place."""

import csv
import gzip
import io
from datetime import date, datetime
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.mimic.csv_records import SourceFileError
from clinical_assets.mimic.reader import QUARANTINE_SCHEMA, read
from clinical_assets.tables import Column, SourceTable, Type

FILE = "hosp/things.csv.gz"


def declared(*columns: tuple[str, Type] | tuple[str, Type, bool]) -> SourceTable:
    return SourceTable(
        key=("mimic", "hosp", "things"),
        grain="one row per thing",
        meaning="Things.",
        file="hosp/things",
        patient_keyed=False,
        columns=tuple(
            Column(name=name, type=kind, meaning="A column.", quarantined=bool(quarantined))
            for name, kind, *quarantined in columns
        ),
    )


THINGS = declared(
    ("id", Type.INTEGER),
    ("text", Type.TEXT),
    ("number", Type.FLOAT),
    ("time", Type.TIMESTAMP),
    ("day", Type.DATE),
    ("flag", Type.BOOLEAN),
)
HEADER = "id,text,number,time,day,flag"
NOTES = declared(("note_id", Type.INTEGER), ("text", Type.TEXT), ("author", Type.TEXT), ("pages", Type.INTEGER))
TALK = declared(("text", Type.TEXT), ("note_id", Type.INTEGER))
DIRTY = declared(("id", Type.INTEGER), ("text", Type.TEXT), ("dose", Type.FLOAT, True), ("count", Type.INTEGER))


def parts(data: bytes | str, table: SourceTable = THINGS, **options):
    data = data.encode() if isinstance(data, str) else data
    return list(read(io.BytesIO(data), FILE, table, **options))


def rows(data: bytes | str, table: SourceTable = THINGS, **options) -> list[dict]:
    return pa.concat_tables([part.table for part in parts(data, table, **options)]).to_pylist()


def fault(data: bytes | str, table: SourceTable = THINGS, **options) -> SourceFileError:
    with pytest.raises(SourceFileError) as caught:
        parts(data, table, **options)
    assert caught.value.file == FILE
    assert FILE in str(caught.value)
    return caught.value


# --- Every record, once, in order ---------------------------------------------------------------------------------

text = st.text(
    alphabet=st.one_of(st.sampled_from('",\n\r \t\ufeff;_\\0'), st.characters(exclude_categories=["Cs"])), max_size=9
)
note = st.tuples(st.integers(-(2**63), 2**63 - 1), text, text, st.integers(0, 999))


@st.composite
def written_notes(draw) -> tuple[list[dict], bytes]:
    """Notes, and a file of them as `csv.writer` makes it."""
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    notes = draw(st.lists(note, max_size=12))
    if quoting == csv.QUOTE_MINIMAL and line_end == "\n":
        # This writer then leaves a carriage return alone unquoted, which the reader rightly refuses.
        notes = [(n, a.replace("\r", ""), b.replace("\r", ""), p) for n, a, b, p in notes]
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator=line_end)
    writer.writerow(NOTES.column_names)
    writer.writerows(notes)
    data = out.getvalue()
    if draw(st.booleans()):
        data = data.removesuffix(line_end)
    # Unquoted, nothing is null; quoted it is empty text.
    nothing = None if quoting == csv.QUOTE_MINIMAL else ""
    expected = [dict(zip(NOTES.column_names, (n, a or nothing, b or nothing, p), strict=True)) for n, a, b, p in notes]
    return expected, draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + data.encode()


def packed(data: bytes, cuts: list[int]) -> bytes:
    ends = sorted({min(c, len(data)) for c in cuts} | {0, len(data)})
    return b"".join(gzip.compress(data[a:b], 1) for a, b in pairwise(ends))


@given(written_notes(), st.integers(1, 120), st.one_of(st.none(), st.lists(st.integers(0, 200), max_size=3)))
def test_every_record_comes_out_once_in_order_for_any_block_size_plain_or_gzip(written, block_bytes, members):
    expected, data = written
    data = data if members is None else packed(data, members)
    assert rows(data, NOTES, block_bytes=block_bytes) == expected


@given(st.lists(st.tuples(text, st.integers(0, 9)), max_size=8), st.integers(1, 60))
def test_a_byte_order_mark_inside_the_file_is_text_wherever_blocks_begin(records, block_bytes):
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(TALK.column_names)
    writer.writerows(records)
    unquoted = "\ufeffmarked,5\r\n"
    found = rows(out.getvalue() + unquoted, TALK, block_bytes=block_bytes)
    assert [(row["text"], row["note_id"]) for row in found] == [*records, ("\ufeffmarked", 5)]


def test_a_record_larger_than_what_the_parser_takes_at_a_time_comes_out_whole():
    long = "one line\nof a report, \n" * 100_000
    assert len(long) > 2 << 20
    assert [row["text"] for row in rows(f'{HEADER}\n1,"{long}",,,,\n2,b,,,,\n')] == [long, "b"]
    unquoted = "x" * (2 << 20)
    assert [row["text"] for row in rows(f"{HEADER}\n1,{unquoted},,,,\n2,b,,,,\n")] == [unquoted, "b"]


def test_carriage_returns_inside_quotes_are_text_where_the_parser_cuts_a_large_block():
    count = 60_000
    data = HEADER + "\n" + "".join(f'{n},"aaaa\rbbbb\rcccc\rdddd",,,,\n' for n in range(count))
    assert len(data) > 1 << 20
    (part,) = parts(data)
    assert part.table["id"].to_pylist() == list(range(count))
    assert set(part.table["text"].to_pylist()) == {"aaaa\rbbbb\rcccc\rdddd"}


def test_a_file_with_only_a_header_gives_no_rows_of_the_declared_types():
    for data in (HEADER, f"{HEADER}\n", gzip.compress(f"{HEADER}\r\n".encode())):
        (part,) = parts(data)
        assert (part.table.num_rows, part.table.schema) == (0, THINGS.arrow_schema)
        assert part.quarantined.schema == QUARANTINE_SCHEMA


def test_columns_come_out_in_declared_order_and_type():
    (part,) = parts(f"{HEADER}\n1,a,1.5,2150-01-02 03:04:05,2150-01-02,True\n")
    assert part.table.schema == THINGS.arrow_schema


# --- Values keep their meaning ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["___", "1-2", "007", "NULL", "NA", "nan", "0x1F", "1e5", "true", "2150-01-01", " a "]
)
def test_text_stays_text(value):
    assert rows(f"{HEADER}\n1,{value},,,,\n")[0]["text"] == value


def test_a_quoted_comma_is_text():
    assert rows(f'{HEADER}\n1,"25,000",,,,\n')[0]["text"] == "25,000"


def test_an_unquoted_empty_field_is_null_and_a_quoted_one_is_empty_text():
    assert [row["text"] for row in rows(f'{HEADER}\n1,,,,,\n2,"",,,,\n')] == [None, ""]
    assert rows(f"{HEADER}\n,,,,,\n") == [dict.fromkeys(THINGS.column_names)]


@pytest.mark.parametrize(
    ("column", "written", "value"),
    [
        ("id", "007", 7),
        ("id", "-12", -12),
        ("id", "9223372036854775807", 2**63 - 1),
        ("number", ".5", 0.5),
        ("number", "-1e3", -1000.0),
        ("number", "12", 12.0),
        ("time", "2150-01-02 03:04:05", datetime(2150, 1, 2, 3, 4, 5)),
        ("time", "2150-01-02T03:04:05", datetime(2150, 1, 2, 3, 4, 5)),
        ("time", "2150-01-02 03:04:05.5", datetime(2150, 1, 2, 3, 4, 5, 500_000)),
        ("time", "2150-01-02 03:04:05.123456", datetime(2150, 1, 2, 3, 4, 5, 123_456)),
        ("time", "2150-01-02", datetime(2150, 1, 2)),
        ("day", "2150-01-02", date(2150, 1, 2)),
        ("flag", "True", True),
        ("flag", "false", False),
        ("flag", "1", True),
        ("flag", "0", False),
    ],
)
def test_values_are_read_as_their_type(column, written, value):
    assert value_of(column, written) == value


def line_of(column: str, value: str, table: SourceTable = THINGS) -> str:
    return ",".join(value if name == column else "" for name in table.column_names)


def value_of(column: str, value: str):
    return rows(f"{HEADER}\n{line_of(column, value)}\n")[0][column]


BESIDE_DIRT = declared(*((c.name, c.type) for c in THINGS.columns), ("dirty", Type.INTEGER, True))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("id", v) for v in (" 1", "1 ", "\t1", "+1", "1.0", "1e3", '"5"', '""', "99999999999999999999", '"25,000"')),
        *(("number", v) for v in (" 1.5", "1.5 ", "+1.5", "1e400", "1e-400", "0x1p3", "1d", '""', "infinity", "NaN")),
        *(
            ("time", v)
            for v in (" 2150-01-01", "2150-01-01 ", "2150-01-01 10", "2150-01-01 10:11:12Z", "20500101", '""')
        ),
        *(("day", v) for v in (" 2150-01-01", "2150-01-01 ", "2150-01-01 00:00:00", "2150-02-29", "1", '""')),
        *(("flag", v) for v in ("t", "yes", " true", "TRUE", "tRuE", "2", '""')),
    ],
)
def test_a_value_means_the_same_whether_or_not_its_block_holds_a_dirty_one(column, value):
    """A block with a wrong value is parsed a second time, another way."""

    def outcome(dirt: str):
        record = line_of(column, value, BESIDE_DIRT)
        try:
            return rows(f"{HEADER},dirty\n{record}{dirt}\n", BESIDE_DIRT)[0][column]
        except SourceFileError as error:
            return (error.line, error.column)

    assert outcome("1") == outcome("1\n2,,,,,,wrong")


# --- Headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["ID,Text,NUMBER,time,Day,FLAG", f"\ufeff{HEADER}", '"id","text","number","time","day","flag"'],
)
def test_a_header_is_compared_without_case_mark_or_quotes(header):
    assert rows(f"{header}\n1,a,,,,\n")[0]["id"] == 1


def test_columns_may_stand_in_another_order():
    found = rows("flag,day,time,number,text,id\n0,2150-01-02,2150-01-02 03:04:05,1.5,a,1\n")
    assert list(found[0].items()) == [
        ("id", 1),
        ("text", "a"),
        ("number", 1.5),
        ("time", datetime(2150, 1, 2, 3, 4, 5)),
        ("day", date(2150, 1, 2)),
        ("flag", False),
    ]


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("id,text,number,time,day", "missing: 'flag'"),
        (f"{HEADER},extra", "unexpected: 'extra'"),
        (f"{HEADER},TEXT", "repeated: 'text'"),
        ("id,text,number,time,day,flags", "missing: 'flag'; unexpected: 'flags'"),
        (" id,text,number,time,day,flag", "unexpected: ' id'"),
        ("<!DOCTYPE html>", "unexpected: '<!DOCTYPE html>'"),
        ("x" * 200_000, "unexpected: 'xxxx"),
    ],
)
def test_missing_unexpected_and_repeated_columns_are_named(header, named):
    error = fault(f"{header}\n1,a,,,,\n")
    assert named in str(error)
    assert error.line == 1
    assert len(str(error)) < 500


def test_an_absent_column_is_null_only_where_the_release_may_lack_it():
    short = "id,text,number,time,day\n1,a,,,\n"
    (part,) = parts(short, absent=["flag"])
    assert part.table.schema == THINGS.arrow_schema
    assert part.table["flag"].null_count == 1
    assert rows(f"{HEADER}\n1,a,,,,1\n", absent=["flag"])[0]["flag"] is True
    assert "missing: 'flag'" in str(fault(short, absent=["text"]))


def test_an_empty_file_is_refused():
    for data in (b"", gzip.compress(b"")):
        assert "empty file" in str(fault(data))


# --- Faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("id", v) for v in ("x", "1.0", "1,000", "", "99999999999999999999", "___")),
        *(("number", v) for v in ("x", "1.2.3", "NaN", "nan", "inf", "-inf", "Infinity", "1e999", "", "<5")),
        *(
            ("time", v)
            for v in ("x", "2150-02-30 00:00:00", "2150-01-01 24:00:00", "01/02/2150", "", "2150-01-01 1:2:3")
        ),
        *(("time", v) for v in ("2150-01-01 10:00:00Z", "2150-01-01 10:00:00+01:00", "2150-01-01 10:00:00.1234567")),
        *(("day", v) for v in ("x", "2150-02-30", "2150-01-01 10:00:00", "")),
        *(("flag", v) for v in ("x", "2", "yes", "")),
    ],
)
def test_a_value_of_the_wrong_type_is_reported_with_line_column_and_value(column, value):
    good = '1,"two\nlines",1,,,\n'
    error = fault(f"{HEADER}\n{good}{good}{line_of(column, f'{chr(34)}{value}{chr(34)}')}\n{good}")
    assert (error.line, error.column) == (6, column)
    assert f"line 6, column {column}" in str(error)
    assert f"expected {THINGS.column(column).type.value}; found {value!r}" in str(error)


FAULTS = {
    "an integer that is none": (b"x,a,b,1", "note_id"),
    "an integer that is none, late": (b'1,"a\nb",b,1.5', "pages"),
    "too few fields": (b"1,a,b", None),
    "one field": (b"1", None),
    "too many fields": (b'1,a,"b\n",1,', None),
    "a stray quote in a field": (b'1,a"b,c,1', None),
    "a stray quote at the end of a field": (b'1,a",c,1', None),
    "text after a quoted field": (b'1,"a"b,c,1', None),
    "two stray quotes": (b'1,a"b"c,d,1', None),
    "bytes that are no UTF-8": (b"1,\xff\xfe,b,1", None),
    "a carriage return alone": (b"1,a\rb,c,1", None),
    "a blank line": (b"", None),
}
plain_notes = st.lists(note, max_size=8).map(
    lambda notes: [(n, a.replace("\r", ""), b.replace("\r", ""), p) for n, a, b, p in notes]
)


def as_csv(*records: tuple) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(records)
    return out.getvalue().encode()


@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=30)
@given(before=plain_notes, after=plain_notes, block_bytes=st.integers(1, 200))
def test_an_error_names_the_exact_line_and_swallows_no_row(fault, before, after, block_bytes):
    record, column = FAULTS[fault]
    head = as_csv(NOTES.column_names, *before)
    stream = read(io.BytesIO(head + record + b"\n" + as_csv(*after)), FILE, NOTES, block_bytes=block_bytes)
    came_out: list[int] = []
    with pytest.raises(SourceFileError) as caught:
        came_out.extend(number for part in stream for number in part.table["note_id"].to_pylist())
    assert (caught.value.line, caught.value.column) == (1 + head.count(b"\n"), column)
    assert came_out == [n for n, *_ in before][: len(came_out)]


def test_too_few_and_too_many_fields_say_how_many():
    assert "expected 6 fields; found 2" in str(fault(f"{HEADER}\n1,a\n"))
    assert "expected 6 fields; found 8" in str(fault(f"{HEADER}\n1,a,,,,,,\n"))


def test_fields_are_counted_in_a_block_with_a_very_long_one():
    error = fault(f'{HEADER}\n1,"{"long, " * 40_000}\n",,,,\n2,b\n')
    assert (error.line, "found 2" in str(error)) == (4, True)


def test_a_long_wrong_value_is_not_shown_whole():
    assert len(str(fault(f"{HEADER}\n1,a,{'9' * 5_000}x,,,\n"))) < 300


# --- Quarantine ---------------------------------------------------------------------------------------------------

doses = st.sampled_from(["", "1", "2.5", "-3e2", "1-2", "one", "___", "inf", "25,000", 'a "b"\nc'])


@given(
    st.lists(st.tuples(st.integers(0, 99), text.map(lambda t: t.replace("\r", "")), doses), max_size=12),
    st.integers(1, 150),
)
def test_a_row_with_a_dirty_value_goes_to_the_quarantine_and_all_others_stay(records, block_bytes):
    lines, position = [], 2
    for record in records:
        lines.append(position)
        position += as_csv((*record, 7)).count(b"\n")
    found = parts(as_csv(DIRTY.column_names, *((*r, 7) for r in records)), DIRTY, block_bytes=block_bytes)
    dirty = [r[2] in ("1-2", "one", "___", "inf", "25,000", 'a "b"\nc') for r in records]
    assert pa.concat_tables([part.table for part in found]).to_pylist() == [
        {"id": n, "text": t or None, "dose": float(dose) if dose else None, "count": 7}
        for (n, t, dose), wrong in zip(records, dirty, strict=True)
        if not wrong
    ]
    quarantined = pa.concat_tables([part.quarantined for part in found])
    assert quarantined.schema == QUARANTINE_SCHEMA
    assert [tuple(refused.values()) for refused in quarantined.to_pylist()] == [
        (line, "dose", r[2], as_csv((*r, 7)).decode().removesuffix("\n"))
        for line, r, wrong in zip(lines, records, dirty, strict=True)
        if wrong
    ]


@pytest.mark.parametrize("order", ["id,text,dose,count", "count,dose,text,id"])
def test_a_dirty_value_never_hides_a_wrong_one_in_another_column_of_its_row(order):
    record = ",".join({"id": "1", "text": "a", "dose": "1-2", "count": "many"}[name] for name in order.split(","))
    error = fault(f"{order}\n{record}\n", DIRTY)
    assert (error.line, error.column) == (2, "count")


def test_a_file_in_which_every_row_is_dirty_gives_an_empty_table():
    (part,) = parts("id,text,dose,count\n1,a,x,1\n2,b,y,2\n", DIRTY)
    assert (part.table.num_rows, part.table.schema) == (0, DIRTY.arrow_schema)
    assert part.quarantined["value"].to_pylist() == ["x", "y"]


def test_a_quarantined_record_reads_back_as_the_values_it_had():
    record = '1,"a ""b"",\r\n c",___,3'
    empty = '2,"",1-2,'
    (part,) = parts(f"id,text,dose,count\n{record}\n{empty}\n", DIRTY)
    assert part.quarantined["record"].to_pylist() == [record, empty]
