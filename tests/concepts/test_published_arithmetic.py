from datetime import datetime

import polars as pl
import pytest

from clinical_assets.concepts.published_arithmetic import days_crossed, hours_crossed, rounded, total


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (0.285, 2, 0.29),  # the float lies below 0.285, the decimal does not
        (1.005, 2, 1.01),
        (37.125, 2, 37.13),  # half away from zero, not to even
        (-37.125, 2, -37.13),
        (2.5, 0, 3.0),
        (98.60000001, 2, 98.6),
        (None, 2, None),
    ],
)
def test_rounds_as_written_in_decimal(value, decimals, expected):
    frame = pl.DataFrame({"x": [value]}, schema={"x": pl.Float64})
    assert frame.select(rounded(pl.col("x"), decimals))["x"].to_list() == [expected]


@pytest.mark.parametrize(("values", "expected"), [([1.0, None, 2.0], 3.0), ([None, None], None), ([], None)])
def test_a_sum_of_nothing_known_is_not_known(values, expected):
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    assert frame.select(total(pl.col("x")).alias("x"))["x"].to_list() == [expected]


@pytest.mark.parametrize(
    ("start", "end", "hours", "days"),
    [
        (datetime(2150, 1, 1, 10, 59), datetime(2150, 1, 1, 11, 1), 1, 0),
        (datetime(2150, 1, 1, 10, 1), datetime(2150, 1, 1, 10, 59), 0, 0),
        (datetime(2150, 1, 1, 23, 59), datetime(2150, 1, 2, 0, 0), 1, 1),
        (datetime(2150, 1, 2, 0, 1), datetime(2150, 1, 1, 22, 0), -2, -1),
    ],
)
def test_boundaries_of_the_clock_are_counted(start, end, hours, days):
    frame = pl.DataFrame({"start": [start], "end": [end]})
    found = frame.select(
        hours=hours_crossed(pl.col("start"), pl.col("end")), days=days_crossed(pl.col("start"), pl.col("end"))
    )
    assert found.row(0) == (hours, days)
