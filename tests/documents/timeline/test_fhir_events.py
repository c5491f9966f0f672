"""FHIR resources to events: versions, days and zones, people, and files line by line."""

import datetime as dt
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.timeline.events import EventFileError, medication_courses, merged
from clinical_assets.documents.timeline.fhir_events import from_fhir, resources_of

PATIENT = {"subject": {"reference": "Patient/p1"}}


def study(identifier: str = "i", started: str = "2150-03-10", **fields) -> dict:
    return {"resourceType": "ImagingStudy", "id": identifier, "started": started, **PATIENT, **fields}


def version(number: int, updated: str | None = None, **fields) -> dict:
    meta = {"versionId": str(number), **({"lastUpdated": updated} if updated else {})}
    return study(meta=meta, **fields)


# --- Versions ------------------------------------------------------------------------------------------------------


def test_of_several_versions_the_newest_counts():
    old = version(2, "2150-03-11T00:00:00Z", started="2150-03-10")
    new = version(1, "2150-03-11T02:00:00+01:00", started="2150-03-12")
    older_by_number = version(9, started="2150-03-13")
    for resources in ([old, new, older_by_number], [older_by_number, new, old]):
        assert from_fhir(resources).events["start_date"].to_list() == [dt.date(2150, 3, 12)]


def test_what_was_withdrawn_later_is_no_event():
    withdrawn = version(2, status="entered-in-error")
    for resources in ([version(1), withdrawn], [withdrawn, version(1)]):
        timeline = from_fhir(resources)
        assert timeline.events.is_empty()
        assert timeline.left_out == {"never happened: ImagingStudy": 1}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_neither_order_nor_repetition_of_resources_changes_the_timeline(data):
    dose = {"resourceType": "MedicationAdministration", "medicationCodeableConcept": {"text": "lomustine"}}
    resources = data.draw(
        st.lists(
            st.builds(
                lambda kind, n, day, number, patient: {
                    **({"resourceType": kind} if kind == "ImagingStudy" else dose),
                    "id": str(n), "meta": {"versionId": str(number)}, "started": f"2150-03-{day:02}",
                    "effectiveDateTime": f"2150-03-{day:02}", "subject": {"reference": f"Patient/p{patient}"},
                },
                st.sampled_from(["ImagingStudy", "dose"]), st.integers(1, 4), st.integers(1, 28), st.integers(1, 3),
                st.integers(1, 2),
            ),
            max_size=10,
        )
    )  # fmt: skip
    again = data.draw(st.permutations(resources + resources))
    once, twice = from_fhir(resources), from_fhir(again)
    assert once.events.equals(twice.events)
    assert once.left_out == twice.left_out
    assert medication_courses(once.events).equals(medication_courses(twice.events))
    halves = [from_fhir([r for r in resources if r["id"] in ids]) for ids in ("12", "34")]
    assert merged(halves).events.equals(merged(halves[::-1]).events)
    assert merged(halves).events.equals(once.events)


# --- Days, times, zones ----------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    moment=st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2020, 12, 31)),
    offset=st.integers(-12, 14),
)
def test_one_moment_written_with_any_offset_is_one_local_time(moment, offset):
    utc = moment.replace(tzinfo=dt.UTC, microsecond=0)
    elsewhere = utc.astimezone(dt.timezone(dt.timedelta(hours=offset)))
    rows = [from_fhir([study(started=at.isoformat())], "America/New_York").events for at in (utc, elsewhere)]
    assert rows[0].equals(rows[1])
    (day,), (time,) = rows[0]["start_date"], rows[0]["start_time"]
    assert day == time.date()
    assert abs(time - utc.replace(tzinfo=None)) <= dt.timedelta(hours=5)


@settings(max_examples=50, deadline=None)
@given(day=st.dates(dt.date(2020, 1, 1), dt.date(2020, 12, 31)), zone=st.sampled_from([None, "America/New_York"]))
def test_a_day_without_a_time_is_that_day_in_every_zone(day, zone):
    events = from_fhir([study(started=day.isoformat())], zone).events
    assert events.select("start_date", "start_time").rows() == [(day, None)]


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        ("2150-03-10", "2150-03-09", None), ("2150-03-10", "2150-03-10", "2150-03-10"),
        ("2150-03-10T12:00:00", "2150-03-10T11:00:00", None), ("2150-03-10T12:00:00", "2150-03-10", "2150-03-10"),
        ("2150-03-10T12:00:00", "2150-03-11T11:00:00", "2150-03-11"),
    ],
)  # fmt: skip
def test_an_end_before_the_start_is_dropped_and_counted(start, end, kept):
    visit = {"resourceType": "Encounter", "id": "e", **PATIENT, "period": {"start": start, "end": end}}
    timeline = from_fhir([visit])
    assert timeline.events["end_date"].to_list() == [kept and dt.date.fromisoformat(kept)]
    assert timeline.doubtful == ({} if kept else {"end before start, dropped: Encounter": 1})


# --- People --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"birthDate": "2140-07-01", "deceasedDateTime": "2150-03-10T05:00:00Z"},
         (2140, dt.date(2140, 7, 1), dt.date(2150, 3, 10))),
        ({"birthDate": "2140"}, (2140, None, None)),
        ({"birthDate": "2140-07", "deceasedBoolean": True}, (2140, None, None)),
        ({}, (None, None, None)),
    ],
)  # fmt: skip
def test_birth_and_death_as_precisely_as_they_are_said(said, expected):
    people = from_fhir([{"resourceType": "Patient", "id": "p1", **said}]).patients
    assert people.rows() == [("p1", *expected)]


def test_of_two_sources_the_earliest_birth_and_death_are_taken():
    def born(**said):
        return from_fhir([{"resourceType": "Patient", "id": "p1", **said}])

    parts = [born(birthDate="2140-07-01"), born(birthDate="2140", deceasedDateTime="2151-01-01"), from_fhir([])]
    assert merged(parts).patients.rows() == [("p1", 2140, dt.date(2140, 7, 1), dt.date(2151, 1, 1))]


def test_an_arrival_and_an_examination_are_known_as_they_begin_and_a_report_when_it_is_issued():
    visit = {
        "resourceType": "Encounter",
        "id": "e",
        **PATIENT,
        "period": {"start": "2150-03-10T08:00", "end": "2150-03-12"},
    }
    operation = {"resourceType": "Procedure", "id": "s", **PATIENT, "performedDateTime": "2150-03-10"}
    report = {"resourceType": "DiagnosticReport", "id": "r", **PATIENT, "code": {"text": "MRI"},
              "effectiveDateTime": "2150-03-10", "issued": "2150-03-11T09:00:00"}  # fmt: skip
    events = from_fhir([visit, operation, report, study(started="2150-03-10T10:00")]).events
    assert dict(events.select(pl.col("event_id").str.split("/").list.first(), "known_time").iter_rows()) == {
        "Encounter": dt.datetime(2150, 3, 10, 8), "ImagingStudy": dt.datetime(2150, 3, 10, 10),
        "DiagnosticReport": dt.datetime(2150, 3, 11, 9), "Procedure": None,
    }  # fmt: skip


# --- Known from -------------------------------------------------------------------------------------------------------


def at(day: int, hour: int | None = None) -> str:
    return f"2150-03-{day:02}" if hour is None else f"2150-03-{day:02}T{hour:02}:00:00"


def known(kind: str, zone: str | None = "America/New_York", **said) -> tuple:
    """When an event is known from: day, and hour where there is one."""
    resource = {"resourceType": kind, "id": "x", **PATIENT, "code": {"text": "MRI"}, **said}
    row = from_fhir([resource], zone).events.row(0, named=True)
    time = row["known_time"]
    return row["known_date"] and row["known_date"].day, time and time.hour


@pytest.mark.parametrize(
    ("kind", "when", "written"),
    [
        ("DiagnosticReport", "effectiveDateTime", "issued"), ("Procedure", "performedDateTime", "recorded"),
        ("MedicationAdministration", "effectiveDateTime", "recorded"),
        ("MedicationStatement", "effectiveDateTime", "dateAsserted"),
    ],
)  # fmt: skip
def test_what_is_written_later_is_known_then_and_what_was_written_before_as_it_begins(kind, when, written):
    assert known(kind, **{when: at(10, 9), written: at(12, 18)}) == (12, 18)
    assert known(kind, **{when: at(10, 9), written: at(10, 18)}) == (10, 18)
    assert known(kind, **{when: at(10, 9), written: at(8, 18)}) == (10, 9)
    assert known(kind, **{when: at(10, 9), written: at(10)}) == (10, None), "when that day is over"
    assert known(kind, **{when: at(10), written: at(10, 8)}) == (10, None)
    assert known(kind, **{when: at(10, 9)}) == (None, None), "never as its clinical time"


def test_an_order_for_later_is_no_beginning_yet():
    dosage = [{"timing": {"repeat": {"boundsPeriod": {"start": at(20), "end": at(30)}}}}]
    assert known("MedicationRequest", authoredOn=at(10, 9), dosageInstruction=dosage) == (20, None)


@pytest.mark.parametrize(
    ("changed", "zone", "expected"),
    [
        ("2150-03-12T18:00:00-04:00", "America/New_York", (12, 18)),
        ("2150-03-12T03:00:00Z", "America/New_York", (11, 23)),
        # Without the hospital's zone nobody knows which of its days it was: when the next one is over.
        ("2150-03-12T18:00:00Z", None, (13, None)),
        # Before what it tells: times were shifted.
        ("2024-03-12T18:00:00Z", "America/New_York", (None, None)),
        ("2150-03-10T18:00:00-04:00", "America/New_York", (None, None)),
        ("some day", "America/New_York", (None, None)),
    ],
)
def test_where_nobody_says_when_it_was_written_the_server_does(changed, zone, expected):
    period = {"start": at(10, 9), "end": at(11, 9)}
    said = {"performedPeriod": period, "meta": {"lastUpdated": changed}}
    assert known("Procedure", zone, **said) == expected
    assert known("Procedure", zone, recorded=at(10, 12), **said) == (10, 12), "its own word comes first"


MOMENT = st.tuples(st.integers(1, 4), st.none() | st.integers(0, 23))


@given(
    start=MOMENT,
    written=st.none() | MOMENT,
    changed=st.none() | MOMENT,
    kind=st.sampled_from(["DiagnosticReport", "MedicationStatement", "Procedure", "MedicationAdministration"]),
)
@settings(max_examples=60, deadline=None)
def test_nothing_is_known_before_it_began_nor_before_it_was_written(start, written, changed, kind):
    when = "performedDateTime" if kind == "Procedure" else "effectiveDateTime"
    stated = {"DiagnosticReport": "issued", "MedicationStatement": "dateAsserted"}.get(kind, "recorded")
    said = {when: at(*start)} | ({stated: at(*written)} if written else {})
    said |= {"meta": {"lastUpdated": at(*changed)}} if changed else {}
    day, hour = known(kind, **said)
    if day is None:
        assert written is None
        assert changed is None or changed[0] <= start[0]
        return

    def over(moment: tuple) -> tuple[int, int]:
        """A day without a time is over at its end."""
        return moment[0], 24 if moment[1] is None else moment[1]

    assert (day, 24 if hour is None else hour) >= max(over(start), over(written or (0, 0)))
    if written is None:
        assert (day, 24 if hour is None else hour) >= over(changed)


# --- Files ---------------------------------------------------------------------------------------------------------


def lines(*resources: dict) -> list[bytes]:
    return [json.dumps(resource).encode() + b"\n" for resource in resources]


def test_only_what_may_be_of_these_patients_is_taken():
    other = study("2", subject={"reference": "https://ehr.example/Patient/p2"})
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "lomustine"}}
    people = [{"resourceType": "Patient", "id": name} for name in ("p1", "p2")]
    by_urn = study("3", subject={"reference": "urn:uuid:p1"})
    found = list(resources_of(lines(study(), other, drug, *people, by_urn), "x.ndjson", ["p1"]))
    assert [(r["resourceType"], r["id"]) for r in found] == [
        ("ImagingStudy", "i"), ("Medication", "m"), ("Patient", "p1"), ("ImagingStudy", "3")
    ]  # fmt: skip
    assert from_fhir(found).events["event_id"].to_list() == ["ImagingStudy/3", "ImagingStudy/i"]


def test_documents_inside_resources_are_not_kept():
    note = {"resourceType": "DocumentReference", "id": "d", **PATIENT, "content": [{"attachment": {"data": "A" * 999}}]}
    report = {"resourceType": "DiagnosticReport", "id": "r", **PATIENT, "code": {"text": "MRI"},
              "effectiveDateTime": "2150-03-10", "presentedForm": [{"data": "A" * 999}]}  # fmt: skip
    kept = list(resources_of(lines(note, report), "x.ndjson", ["p1"]))
    assert "AAA" not in json.dumps(kept)
    assert from_fhir(kept).links["document_id"].to_list() == ["r"], "a report with a form is a document of itself"


def test_a_patient_whose_id_begins_with_anothers_is_another():
    longer = study(subject={"reference": "Patient/p11"})
    assert list(resources_of(lines(longer), "x.ndjson", ["p1"])) == []


@pytest.mark.parametrize(
    "broken", [b'{"resourceType": "Procedure", "id"', b"[1, 2]", b"nothing}", b"{" * 100_000 + b"}"]
)
def test_a_line_that_is_no_resource_is_named(broken):
    with pytest.raises(
        EventFileError, match=r"fhir/x\.ndjson, line 3: expected one FHIR resource in JSON; found [\d,]+"
    ):
        list(resources_of([*lines(study()), b"\n", broken], "fhir/x.ndjson", ["p1"]))


def test_a_message_about_a_file_holds_nothing_of_it():
    secret = b'{"resourceType": "Patient", "name": "Jane Doe"'
    with pytest.raises(EventFileError) as caught:
        list(resources_of([secret], "x.ndjson", ["p1"]))
    assert "Jane" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_timeline_of_nothing_has_its_columns():
    assert merged([]).events.schema == from_fhir([]).events.schema
    assert merged([]).patients.schema == pl.Schema(
        {"patient_id": pl.String, "birth_year": pl.Int64, "birth_date": pl.Date, "death_date": pl.Date}
    )
