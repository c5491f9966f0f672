from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.concepts.measurements import Measurement, around_admission, extreme_columns, uncapitalised

OPEN = Measurement(name="x", itemids=(1,), unit="mL", meaning="Volume", above=0, below=10)
CLOSED = Measurement(name="x", itemids=(1, 2), unit="L", meaning="Volume", at_least=0, at_most=10, per=1000)


def read(measurement, itemid, value):
    events = pl.DataFrame(
        {"itemid": [itemid], "valuenum": [value]}, schema={"itemid": pl.Int64, "valuenum": pl.Float64}
    )
    return events.select(measurement.reading())["x"][0]


@pytest.mark.parametrize(("value", "expected"), [(0.0, None), (0.1, 0.1), (9.9, 9.9), (10.0, None), (None, None)])
def test_open_bounds_exclude_their_ends(value, expected):
    assert read(OPEN, 1, value) == expected


@pytest.mark.parametrize(("value", "expected"), [(-1.0, None), (0.0, 0.0), (10.0, 0.01), (10.1, None)])
def test_closed_bounds_judge_the_charted_value_before_conversion(value, expected):
    assert read(CLOSED, 2, value) == expected


def test_other_items_are_not_read():
    assert read(OPEN, 2, 5.0) is None


@given(st.floats(-1000, 1000), st.sampled_from([1, 2, 3]))
def test_a_reading_is_null_or_within_bounds(value, itemid):
    found = read(OPEN, itemid, value)
    assert found is None or (itemid == 1 and found == value and 0 < value < 10)


@pytest.mark.parametrize(
    ("hour", "kept"), [(17.99, False), (18, True), (24, True), (48, True), (48.01, False)], ids=str
)
def test_the_first_day_is_from_6_h_before_to_24_h_after_admission_inclusive(one_stay, chart, at, hour, kept):
    events = around_admission(one_stay, chart((hour, 220045, 80)), by="stay_id").collect()
    assert events["charttime"].to_list() == ([at(hour)] if kept else [])


def test_the_look_back_can_be_left_out(one_stay, chart):
    events = around_admission(one_stay, chart((23.9, 1, 80), (24, 1, 81)), by="stay_id", before=timedelta(0))
    assert events.collect()["valuenum"].to_list() == [81]


def test_an_event_counts_for_each_stay_whose_first_day_it_lies_in(mimic_rows, at, blood):
    stays = mimic_rows(
        "icustays",
        {"subject_id": 1, "stay_id": 100, "intime": at(0)},
        {"subject_id": 1, "stay_id": 101, "intime": at(20)},
        {"subject_id": 2, "stay_id": 200, "intime": at(0)},
    )
    events = around_admission(stays, blood((18, 50912, 1.0)), by="subject_id").collect()
    assert sorted(events["stay_id"]) == [100, 101]


def test_summaries_say_statistic_unit_and_period():
    lowest, highest = extreme_columns([(OPEN, "volume")], "of the day")
    assert (lowest.name, lowest.unit, lowest.meaning) == ("volume_min", "mL", "Lowest volume of the day.")
    assert highest.name == "volume_max"


@pytest.mark.parametrize(
    ("phrase", "expected"), [("Heart rate", "heart rate"), ("INR", "INR"), ("pH", "pH"), ("PO2 x", "PO2 x")]
)
def test_abbreviations_keep_their_capitals(phrase, expected):
    assert uncapitalised(phrase) == expected
