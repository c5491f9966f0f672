"""Events from a CSV file, in any order, with faults named."""

import csv
import datetime as dt
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.timeline.events import EventFileError
from clinical_assets.documents.timeline.timeline_csv import from_csv

HEADER = "patient_id,event_type,start"


def read(*rows: str, header: str = HEADER, patients=("p1",)):
    return from_csv(io.StringIO("\n".join([header, *rows])), "timeline/registry.csv", patients)


def test_a_row_is_an_event_with_all_it_says():
    header = f"{HEADER},end,known,event_id,description,code,code_system,status,encounter_id,document_id,event_subtype"
    row = 'p1,radiation,2150-03-10,2150-04-20,2150-03-09T08:00,7,"Proton therapy, 54 Gy",x,urn:y,completed,e1,d1,proton'
    timeline = read(row, header=header)
    assert timeline.events.row(0, named=True) == {
        "event_id": "csv/registry/7", "patient_id": "p1", "event_type": "radiation", "event_subtype": "proton",
        "description": "Proton therapy, 54 Gy", "code": "x", "code_system": "urn:y", "status": "completed",
        "start_date": dt.date(2150, 3, 10), "start_time": None, "end_date": dt.date(2150, 4, 20), "end_time": None,
        # Planned the day before; that it began is known when its day is over.
        "known_date": dt.date(2150, 3, 10), "known_time": None, "encounter_id": "e1",
        "rule": "stated in the file",
    }  # fmt: skip
    assert timeline.links.rows() == [("d1", "csv/registry/7", "p1")]


def test_an_empty_type_is_judged_by_code_and_words():
    header = f"{HEADER},code,code_system,description"
    timeline = read(
        "p1,,2150-03-10,61510,http://www.ama-assn.org/go/cpt,", "p1,,2150-03-11,,,Proton therapy",
        "p1,medication,2150-03-12,,,temozolomide", header=header,
    )  # fmt: skip
    assert timeline.events.select("event_type", "event_subtype", "rule").rows() == [
        ("surgery", "tumor_resection", "CPT surgery"), ("radiation", None, "radiation by words"),
        ("medication", "antineoplastic", "stated in the file"),
    ]  # fmt: skip


def test_one_event_may_have_several_documents():
    header = f"{HEADER},document_id"
    timeline = read("p1,surgery,2150-03-10,d1", "p1,surgery,2150-03-10,d2", header=header)
    assert timeline.events.height == 1
    assert timeline.links["document_id"].to_list() == ["d1", "d2"]
    assert timeline.left_out == {"repeated: CSV row": 1}


def test_rows_of_others_pass_by_and_rows_of_nobody_are_counted():
    timeline = read("p2,surgery,never", ",surgery,2150-03-10", "p1,surgery,2150-03-10", "", ",,")
    assert timeline.events.height == 1
    assert timeline.left_out == {"without patient: CSV row": 1}


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("patient_id,start,kind", [], r"line 1: .*missing \['event_type'\], unknown \['kind'\]"),
        (f"{HEADER},start", [], r"given twice \['start'\]"),
        ("", [], r"line 1: .*missing \['patient_id', 'event_type', 'start'\]"),
        (HEADER, ["p1,surgeon,2150-03-10"], r"line 2, column event_type: expected one of surgery, imaging"),
        (HEADER, ["p1,surgery,10.03.2150"], r"line 2, column start: expected a day or a time such as"),
        (HEADER, ["p1,surgery,2150"], r"line 2, column start"),
        (HEADER, ["p1,surgery"], r"line 2, expected 3 cells, found 2"),
        (f"{HEADER},end", ["p1,surgery,2150-03-10,2150-03-09"], r"line 2, column end: expected no moment before start"),
        (f"{HEADER},known", ["p1,surgery,2150-03-10,soon"], r"line 2, column known"),
        (f"{HEADER},event_id", ["p1,surgery,2150-03-10,1", "p1,surgery,2150-03-11,1"],
         r"line 3, column event_id: expected an id of one event"),
        (HEADER, [*["p1,surgery,x"] * 7], r"line 6, .*and 2 more"),
        (HEADER, ['p1,"surgery'], r"expected CSV"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_file_line_and_column(header, rows, said):
    with pytest.raises(EventFileError, match=rf"^timeline/registry\.csv.*{said}"):
        read(*rows, header=header)


def test_a_message_quotes_no_value():
    with pytest.raises(EventFileError) as caught:
        read("p1,Mrs Doe's surgery,born 1950-01-02")
    assert not re.search("Doe|1950|p1", str(caught.value))


ROWS = st.lists(
    st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["surgery", "imaging"]), st.integers(1, 9),
              st.sampled_from(["", "MRI brain", "a, b", 'said "so"', "two\nlines"])),
    max_size=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_matter(rows, random):
    def written(rows, columns):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        for patient, kind, day, words in rows:
            writer.writerow(
                {"patient_id": patient, "event_type": kind, "start": f"2150-03-0{day}", "description": words}
            )
        text.seek(0)
        return from_csv(text, "a.csv", ["p1", "p2"])

    columns = ["patient_id", "event_type", "start", "description"]
    plain = written(rows, columns)
    shuffled_rows, shuffled_columns = random.sample(rows, len(rows)), random.sample(columns, len(columns))
    assert written(shuffled_rows, shuffled_columns).events.equals(plain.events)
    assert plain.events.height == len({row for row in rows if row[0] != "p3"})
