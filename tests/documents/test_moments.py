import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.moments import Moment, parse, split

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("written", "zone", "moment"),
    [
        ("2020-01-02", None, Moment(dt.date(2020, 1, 2))),
        ("20200102", None, Moment(dt.date(2020, 1, 2))),
        (" 2020-01-02T09:30:15.250Z ", None, Moment(dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 9, 30, 15))),
        ("2020-01-02T00:30:00Z", NEW_YORK, Moment(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 19, 30))),
        ("2020-01-02T09:30:00-05:00", NEW_YORK, Moment(dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 9, 30))),
        ("2020-01-02 09:30", NEW_YORK, Moment(dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 9, 30))),
        ("201609131446-0500", None, Moment(dt.date(2016, 9, 13), dt.datetime(2016, 9, 13, 14, 46))),
        ("20050329224411.1-0500", NEW_YORK, Moment(dt.date(2005, 3, 29), dt.datetime(2005, 3, 29, 22, 44, 11))),
        ("2016-12-31T23:59:60Z", None, Moment(dt.date(2016, 12, 31), dt.datetime(2016, 12, 31, 23, 59, 59))),
        ("2020", None, None),
        ("2020-01", None, None),
        ("2020-13-01", None, None),
        ("2020-02-30T10:00", None, None),
        ("yesterday", None, None),
        ("", None, None),
        (None, None, None),
        ("0001-01-01T00:00:00+14:00", NEW_YORK, None),
    ],
)
def test_parse(written, zone, moment):
    assert parse(written, zone) == moment


@given(st.text(max_size=30))
def test_parse_never_raises(written):
    parse(written, NEW_YORK)


def test_split_keeps_rows_and_knows_every_kind_of_column():
    frame = pl.DataFrame({"id": [1, 2, 3, 4], "at": ["2020-01-02", "2020-01-02T09:30:00Z", None, "2020-01-02"]})
    text = split(frame, "at", "note")
    assert text.rows() == [
        (1, dt.date(2020, 1, 2), None),
        (2, dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 9, 30)),
        (3, None, None),
        (4, dt.date(2020, 1, 2), None),
    ]
    days = split(pl.DataFrame({"at": [dt.date(2020, 1, 2)]}), "at", "note")
    assert days.rows() == [(dt.date(2020, 1, 2), None)]
    aware = pl.DataFrame({"at": [dt.datetime(2020, 1, 2, 0, 30, tzinfo=dt.UTC)]})
    assert split(aware, "at", "note", "America/New_York").rows() == [
        (dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 19, 30))
    ]
    assert split(aware, "at", "note").rows() == [(dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 0, 30))]
    empty = split(pl.DataFrame({"at": []}, schema={"at": pl.Null}), "at", "note")
    assert empty.schema == {"note_date": pl.Date(), "note_time": pl.Datetime("us")}
    with pytest.raises(TypeError, match="'at' is Int64"):
        split(pl.DataFrame({"at": [1]}), "at", "note")


@given(st.lists(st.from_regex(r"\A[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\Z"), max_size=5))
def test_times_all_written_alike_are_read_as_one_by_one(written):
    found = split(pl.DataFrame({"at": [*written, None]}, {"at": pl.String}), "at", "m")
    each = [parse(value) for value in written]
    assert found["m_date"].to_list() == [*(moment and moment.date for moment in each), None]
    assert found["m_time"].to_list() == [*(moment and moment.time for moment in each), None]


CHICAGO = "America/Chicago"
SECONDS = r"\A[12][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"


@given(
    st.lists(st.from_regex(SECONDS + r"(\.[0-9]{1,3})?(Z|[+-][0-2][0-9]:?[0-9][0-9])?\Z"), max_size=6),
    st.sampled_from([None, CHICAGO, "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_times_with_offsets_are_read_together_as_one_by_one(written, zone):
    found = split(pl.DataFrame({"at": [*written, None]}, {"at": pl.String}), "at", "m", zone)
    each = [parse(value, ZoneInfo(zone) if zone else None) for value in written]
    assert found["m_date"].to_list() == [*(moment and moment.date for moment in each), None]
    assert found["m_time"].to_list() == [*(moment and moment.time for moment in each), None]


@given(
    st.lists(st.datetimes(dt.datetime(1905, 1, 1), dt.datetime(2300, 1, 1)), max_size=6),
    st.sampled_from([CHICAGO, "Australia/Lord_Howe", "Europe/Berlin"]),
)
def test_instants_are_the_zones_wall_clock_in_every_century(instants, zone):
    aware = [instant.replace(tzinfo=dt.UTC) for instant in instants]
    frame = pl.DataFrame({"at": [*aware, None]}, {"at": pl.Datetime("us", "UTC")})
    expected = [instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for instant in aware]
    assert split(frame, "at", "m", zone)["m_time"].to_list() == [*expected, None]


@pytest.mark.parametrize("year", [2024, 2150])
def test_summer_time_holds_in_shifted_years_too(year):
    written = [f"{year}-07-01T12:00:00Z", f"{year}-01-01T12:00:00Z", f"{year}-07-01T12:00:00"]
    shown = [dt.datetime(year, 7, 1, 7), dt.datetime(year, 1, 1, 6), dt.datetime(year, 7, 1, 12)]
    assert split(pl.DataFrame({"at": written}), "at", "m", CHICAGO)["m_time"].to_list() == shown
    instants = pl.DataFrame({"at": written[:2]}).select(pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S%#z"))
    assert split(instants, "at", "m", CHICAGO)["m_time"].to_list() == shown[:2]
