"""When a document or event was: always a day, sometimes a time of day.

FHIR and HL7 give "2020-01-02" and "2020-01-02T09:30:00-05:00" in the same field. Comparing the two as datetimes puts
every undated time at midnight, before everything else of that day; comparing them as text finds nothing. Here a
moment is two columns, a day and a time that may be missing, and order on one day is known only where both times are.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

# FHIR date/dateTime/instant, and HL7 v3 TS (C-CDA). Both may carry an offset; both may stop early.
_WRITTEN = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.\d+)?)?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?"
)

# As machines write it: to the second or further, with an offset or without.
_USUAL = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?$"
_TO_THE_SECOND = 19
_OFFSET = r"(?<sign>[+-])(?<hours>[0-9]{2}):?(?<minutes>[0-9]{2})$"
_SURE_YEARS = (1970, 2099)
"""Years in which polars' time zones are Python's: from 2100 on it knows no summer time, and shifted dates lie there."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, and the time on it where one is known: local time of the hospital, without a zone."""

    date: dt.date
    time: dt.datetime | None = None


def parse(written: str | None, zone: dt.tzinfo | None = None) -> Moment | None:
    """A moment from FHIR or HL7 notation; None for blanks, nonsense and dates less precise than a day.

    Args:
        written: e.g. `2020-01-02`, `2020-01-02T09:30:00-05:00`, `20200102093000-0500`.
        zone: the hospital's time zone. A time with an offset is moved into it before the offset is dropped; without a
            zone the written wall-clock time stands. A time without an offset is taken as local.
    """
    match = _WRITTEN.fullmatch(written.strip()) if written else None
    if match is None:
        return None
    try:
        day = dt.date(int(match["year"]), int(match["month"]), int(match["day"]))
        if match["hour"] is None:
            return Moment(day)
        # A leap second is the last one of its minute.
        second = min(int(match["second"] or 0), 59)
        time = dt.datetime.combine(day, dt.time(int(match["hour"]), int(match["minute"]), second))
        if match["offset"] and zone is not None:
            time = _aware(time, match["offset"]).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None
    return Moment(time.date(), time)


def _aware(time: dt.datetime, offset: str) -> dt.datetime:
    digits = "+0000" if offset == "Z" else offset.replace(":", "")
    away = dt.timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5])) * (-1 if digits[0] == "-" else 1)
    return time.replace(tzinfo=dt.timezone(away))


def split(frame: pl.DataFrame, column: str, prefix: str, zone: str | None = None) -> pl.DataFrame:
    """Replace a column of moments by `<prefix>_date` and `<prefix>_time`.

    Args:
        frame: any frame.
        column: dates, datetimes (with or without zone), or text in FHIR or HL7 notation.
        prefix: of the two columns made.
        zone: name of the hospital's time zone, see `parse`.

    Raises:
        TypeError: for a column of another type.
    """
    kind = frame.schema[column]
    day, time = f"{prefix}_date", f"{prefix}_time"
    if isinstance(kind, pl.Datetime):
        local = _in_zone(frame[column], zone) if kind.time_zone and zone else frame[column].dt.replace_time_zone(None)
        naive = local.dt.cast_time_unit("us")
        made = frame.with_columns(naive.dt.date().alias(day), naive.alias(time))
    elif kind == pl.Date:
        made = frame.with_columns(pl.col(column).alias(day), pl.lit(None, pl.Datetime("us")).alias(time))
    elif kind in (pl.String, pl.Null):
        made = _split_text(frame.with_columns(pl.col(column).cast(pl.String)), column, day, time, zone)
    else:
        raise TypeError(f"column {column!r} is {kind}; expected dates, datetimes or text in FHIR or HL7 notation")
    return made if column in (day, time) else made.drop(column)


def _in_zone(aware: pl.Series, zone: str) -> pl.Series:
    """Instants as the wall clock of a zone shows them."""
    first, last = _SURE_YEARS
    if aware.dt.year().is_between(first, last).all():  # of the years in UTC; a few hours of 2100 are winter
        return aware.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    instants = aware.dt.convert_time_zone("UTC").dt.cast_time_unit("us").alias("instant")
    info = ZoneInfo(zone)
    seen = instants.unique().drop_nulls()
    shown = [instant.astimezone(info).replace(tzinfo=None) for instant in seen]
    clock = pl.DataFrame({"instant": seen, "shown": pl.Series(shown, dtype=pl.Datetime("us"))})
    return instants.to_frame().join(clock, on="instant", how="left", maintain_order="left")["shown"]


def _split_usual(frame: pl.DataFrame, column: str, day: str, time: str, zone: str | None) -> pl.DataFrame:
    """`_split_text` of text that is `_USUAL`, without looking at each."""
    naive = pl.col(column).str.head(_TO_THE_SECOND).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    if zone is None:
        return frame.with_columns(naive.dt.date().alias(day), naive.alias(time))
    offset = pl.col(column).str.extract_groups(_OFFSET)
    minutes = offset.struct["hours"].cast(pl.Int64) * 60 + offset.struct["minutes"].cast(pl.Int64)
    ahead = (
        pl.when(pl.col(column).str.ends_with("Z"))
        .then(0)
        .when(minutes < 24 * 60)  # what is more is no offset, and its time none
        .then(pl.when(offset.struct["sign"] == "-").then(-minutes).otherwise(minutes))
    )
    written = frame.select(
        naive=naive,
        instant=(naive - pl.duration(minutes=ahead)).dt.replace_time_zone("UTC"),
        local=minutes.is_null() & ~pl.col(column).str.ends_with("Z"),
    )
    shown = _in_zone(written["instant"], zone)
    moment = written.select(pl.when("local").then("naive").otherwise(shown).alias(time)).to_series()
    return frame.with_columns(moment.dt.date().alias(day), moment)


def _split_text(frame: pl.DataFrame, column: str, day: str, time: str, zone: str | None) -> pl.DataFrame:
    if frame[column].str.contains(_USUAL).fill_null(value=True).all():
        return _split_usual(frame, column, day, time, zone)
    info = ZoneInfo(zone) if zone else None
    written = frame[column].unique().drop_nulls().to_list()
    moments = [parse(value, info) for value in written]
    read = pl.DataFrame(
        {
            column: written,
            day: [moment and moment.date for moment in moments],
            time: [moment and moment.time for moment in moments],
        },
        schema={column: pl.String, day: pl.Date, time: pl.Datetime("us")},
    )
    return frame.join(read, on=column, how="left", maintain_order="left")
