"""Which imaging events are one scan: told by a study, a report, a bill and the ICU's chart, it is several events.

The events stay as they are, each its source's; `scan_id` says which belong together, and is an event's own id where
nothing else tells of its scan. Two scans made one would lose a scan, one scan left as two costs a note or two, so
where the sources leave a doubt nothing is joined:

- Events of one source (a table, a type of FHIR resource, a CSV file) are never one scan, as a source tells it once.
- Two events of different sources may be one scan if they are one patient's, of one modality that both name, at most
  an hour apart, or two where one is charted (`MOST_HOURS`), of regions and sides that do not exclude each other, and of
  no two encounters. One that names no region may be of any; but where one has no time of day (a bill), they must be of
  one day and name a region in common.
- Each must be the only one of its source the other could be; and all events of a scan must be so with one another.

What guides a needle or is done inside a vessel is part of another procedure and never joined.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from clinical_assets.documents.timeline.body_regions import REGIONS, pattern_of, plainly

MOST_HOURS, MOST_HOURS_CHARTED = 1, 2
"""Between what a study and its report give as its time; and what a chart gives, where a trip to the scanner is written
when the patient leaves and the scanner when the images are taken. Ours."""
CHARTED = ("procedureevents", "Procedure")
"""Sources in which somebody writes down that a patient was examined."""

_RADIOGRAPHY = ("DX", "CR", "DR", "XR")
"""DICOM's modalities of plain films, and the timeline's (`event_rules.SUBTYPES`)."""

_NOT_A_SCAN = r"guidance|guided|intravascular|intraoperative"
_REGIONS = {region: pattern_of(terms) for region, terms in REGIONS.items()}
_SIDES = {"left": r"\b(?:left|lt)\b|\bl\b", "right": r"\b(?:right|rt)\b|\br\b", "both": r"bilateral|\bboth\b"}

SCHEMA = {"patient_id": pl.String(), "event_id": pl.String(), "scan_id": pl.String()}

_SAID = {"description": pl.String(), "encounter_id": pl.String()}


def scans(events: pl.DataFrame) -> pl.DataFrame:
    """The scan of every imaging event.

    Args:
        events: `patient_id`, `event_id`, `event_type`, `event_subtype`, `start_date`, `start_time`, and `description`
            and `encounter_id` where there are any; other events pass by.

    Returns:
        One row per imaging event, `SCHEMA`: `scan_id` is the id of the event that stands for the scan, the earliest of
        those with a time of day. By patient and event; the order of `events` changes nothing.
    """
    missing = [pl.lit(None, kind).alias(name) for name, kind in _SAID.items() if name not in events.columns]
    imaging = events.with_columns(missing).filter(event_type="imaging").unique(["patient_id", "event_id"], keep="any")
    each = imaging.select("patient_id", "event_id", "start_date", "start_time", "encounter_id", *_seen())
    told_by = _pairs(each).group_by("patient_id", "event_id").agg(pl.col("other"))
    hoods = each.join(told_by, on=["patient_id", "event_id"], how="left").with_columns(
        pl.concat_list(pl.col("other").fill_null([]), "event_id").list.unique().list.sort().alias("hood")
    )
    # All events of a scan name all the others: then each has the same ones around it.
    agreed = pl.len().over("patient_id", "hood") == pl.col("hood").list.len()
    own = pl.concat_list("event_id")
    scan = hoods.with_columns(pl.when(agreed).then("hood").otherwise(own).alias("hood"))
    first = pl.col("event_id").sort_by(pl.col("start_time").is_null(), "start_date", "start_time", "event_id").first()
    named = scan.with_columns(first.over("patient_id", "hood").alias("scan_id"))
    return named.select(list(SCHEMA)).sort("patient_id", "event_id")


def _seen() -> list[pl.Expr]:
    """What an event says of its scan: source, modality, regions and sides."""
    words = pl.col("description").str.to_lowercase().fill_null("")
    modality = pl.col("event_subtype").replace(dict.fromkeys(_RADIOGRAPHY, "XR"))
    known = modality.is_not_null() & (modality != "other") & ~words.str.contains(_NOT_A_SCAN)
    return [
        _source().alias("source"),
        pl.when(known).then(modality).alias("modality"),
        regions_of(pl.col("description")).alias("regions"),
        _named(words, _SIDES).alias("sides"),
    ]


def regions_of(description: pl.Expr) -> pl.Expr:
    """The regions (`body_regions.REGIONS`) that a description names, as a list; empty where it names none."""
    return _named(plainly(description.str.to_lowercase().fill_null("")), _REGIONS)


def _source() -> pl.Expr:
    """Table, FHIR resource type, or CSV file: the event's id without its own part."""
    whole = pl.col("event_id")
    of_file = whole.str.extract(r"^(csv/[^/]*)/")
    return pl.coalesce(of_file, whole.str.extract(r"^([^/]*)/"), whole)


def _named(words: pl.Expr, patterns: Mapping[str, str]) -> pl.Expr:
    found = [pl.when(words.str.contains(pattern)).then(pl.lit(name)) for name, pattern in patterns.items()]
    return pl.concat_list(found).list.drop_nulls()


def _pairs(each: pl.DataFrame) -> pl.DataFrame:
    """Events that are each other's only counterpart in their sources: `patient_id`, `event_id`, `other`; both ways."""
    known = each.filter(pl.col("modality").is_not_null())
    # Two hours may lie on two days.
    days = known.with_columns(
        pl.concat_list(pl.col("start_date").dt.offset_by(f"{away}d") for away in (-1, 0, 1)).alias("start_date")
    ).explode("start_date")
    of = ("patient_id", "event_id", "other")
    pairs = (
        known.join(
            days.rename({"start_date": "near"}), left_on=[*_OF, "start_date"], right_on=[*_OF, "near"], suffix="_b"
        )
        .rename({"event_id_b": "other", "source_b": "other_source"})
        .filter(pl.col("source") != pl.col("other_source"))
        .join(known.select("patient_id", other="event_id", other_date="start_date"), on=["patient_id", "other"])
        .filter(_together(), _shared("sides") | _unsaid("sides"), _one_encounter())
    )
    only = pl.len().over("patient_id", "event_id", "other_source") == 1
    only_other = pl.len().over("patient_id", "other", "source") == 1
    return pairs.filter(only, only_other).select(of)


_OF = ("patient_id", "modality")


def _together() -> pl.Expr:
    apart = (pl.col("start_time") - pl.col("start_time_b")).abs()
    charted = pl.col("source").is_in(CHARTED) | pl.col("other_source").is_in(CHARTED)
    most = pl.when(charted).then(pl.duration(hours=MOST_HOURS_CHARTED)).otherwise(pl.duration(hours=MOST_HOURS))
    close = (apart <= most) & (_shared("regions") | _unsaid("regions"))
    return pl.coalesce(close, (pl.col("start_date") == pl.col("other_date")) & _shared("regions"))


def _shared(column: str) -> pl.Expr:
    return pl.col(column).list.set_intersection(f"{column}_b").list.len() > 0


def _unsaid(column: str) -> pl.Expr:
    return (pl.col(column).list.len() == 0) | (pl.col(f"{column}_b").list.len() == 0)


def _one_encounter() -> pl.Expr:
    return (pl.col("encounter_id") == pl.col("encounter_id_b")).fill_null(value=True)
