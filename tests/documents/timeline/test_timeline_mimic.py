"""MIMIC's tables as events: what happened, when it was known, and what is left out."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from clinical_assets.documents.timeline.event_rules import CPT, HCPCS, ICD9PROC, MIMIC_ITEMS
from clinical_assets.documents.timeline.events import EVENT_SCHEMA
from clinical_assets.documents.timeline.timeline_mimic import GIVEN, SOURCES, from_mimic
from clinical_assets.imaging.tables import CXR_STUDIES
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES

ADMISSIONS, ED = "mimic/hosp/admissions", "mimic/ed/edstays"
PROCEDURES, TITLES = "mimic/hosp/procedures_icd", "mimic/hosp/d_icd_procedures"
PRESCRIPTIONS, ORDERS, EMAR = "mimic/hosp/prescriptions", "mimic/hosp/poe", "mimic/hosp/emar"
BILLS, SERVICES = "mimic/hosp/hcpcsevents", "mimic/hosp/d_hcpcs"
CHARTED, ITEMS = "mimic/icu/procedureevents", "mimic/icu/d_items"
DISCHARGE, RADIOLOGY, DETAIL = "mimic/note/discharge", "mimic/note/radiology", "mimic/note/radiology_detail"
STAY = {"hadm_id": 7, "admittime": dt.datetime(2150, 3, 1, 8), "dischtime": dt.datetime(2150, 3, 12, 9)}


def at(day: int, hour: int = 0) -> dt.datetime:
    return dt.datetime(2150, 3, day, hour)


def made(tables: dict[str, list[dict]]):
    frames = {}
    for path in SOURCES:
        table = CXR_STUDIES if path == CXR_STUDIES.path else RELEASE_TABLES[path]
        rows = [{"subject_id": 1, **row} if table.patient_keyed else row for row in tables.get(path, [])]
        frames[path] = pl.DataFrame(rows, schema=table.polars_schema, orient="row").lazy()
    return from_mimic(frames)


def rows(tables: dict[str, list[dict]], *columns: str) -> list[tuple]:
    return made(tables).events.select(columns).rows()


def test_nothing_gives_a_timeline_of_nothing():
    timeline = made({})
    assert timeline.events.schema == pl.Schema(EVENT_SCHEMA)
    assert timeline.events.is_empty()
    assert (timeline.left_out, timeline.doubtful) == ({}, {})


def test_admissions_and_ed_stays_are_known_when_they_begin():
    tables = {ADMISSIONS: [{**STAY, "admission_type": "ELECTIVE"}],
              ED: [{"stay_id": 3, "hadm_id": 7, "intime": at(1, 2), "outtime": at(1, 9)}]}  # fmt: skip
    assert rows(tables, "event_id", "event_subtype", "start_time", "end_time", "known_time", "encounter_id") == [
        # Not that the ED stay leads to admission 7: that is its outcome.
        ("edstays/3", "EMER", at(1, 2), at(1, 9), at(1, 2), None),
        ("admissions/7", "IMP", at(1, 8), at(12, 9), at(1, 8), "7"),
    ]


def test_a_procedure_is_known_when_it_is_billed_not_when_it_is_done():
    bill = {"seq_num": 1, "icd_code": "0159", "icd_version": 9, "chartdate": dt.date(2150, 3, 2)}
    tables = {
        ADMISSIONS: [STAY, {"hadm_id": 8, "admittime": at(20)}],
        PROCEDURES: [{**bill, "hadm_id": 7}, {**bill, "hadm_id": 8, "chartdate": dt.date(2150, 3, 21)}],
        TITLES: [{"icd_code": "0159", "icd_version": 9, "long_title": "Excision of lesion of brain"}],
    }
    events = made(tables).events.filter(pl.col("event_type") == "surgery")
    assert events.select("start_date", "start_time", "known_time", "code_system", "rule", "description").rows() == [
        (dt.date(2150, 3, 2), None, at(12, 9), ICD9PROC, "ICD-9 01-86", "Excision of lesion of brain"),
        (dt.date(2150, 3, 21), None, None, ICD9PROC, "ICD-9 01-86", "Excision of lesion of brain"),
    ]


def test_a_procedure_billed_for_a_day_after_discharge_is_known_when_that_day_is_over():
    bill = {"hadm_id": 7, "icd_code": "0159", "icd_version": 9}
    days = {1: 11, 2: 12, 3: 13}
    midnight = {"hadm_id": 8, "admittime": at(20), "dischtime": at(25)}
    tables = {
        ADMISSIONS: [STAY, midnight],
        PROCEDURES: [
            *({**bill, "seq_num": number, "chartdate": dt.date(2150, 3, day)} for number, day in days.items()),
            {**bill, "hadm_id": 8, "seq_num": 1, "chartdate": dt.date(2150, 3, 25)},
        ],
    }
    events = made(tables).events.filter(pl.col("event_type") == "surgery")
    assert events.select("start_date", "known_date", "known_time").rows() == [
        (dt.date(2150, 3, 11), dt.date(2150, 3, 12), at(12, 9)),
        (dt.date(2150, 3, 12), dt.date(2150, 3, 12), at(12, 9)),
        (dt.date(2150, 3, 13), dt.date(2150, 3, 13), None),
        (dt.date(2150, 3, 25), dt.date(2150, 3, 25), None),  # discharged as the day began: not known by then
    ]


def test_a_drug_billed_beside_recorded_doses_is_told_once():
    tables = {
        ADMISSIONS: [STAY, {**STAY, "hadm_id": 8}],
        EMAR: [dose(1, at(2), "Pembrolizumab")],
        BILLS: [bill("J9271"), bill("Q2042", 2), bill("61510", 3), bill("J9271", 4, hadm_id=8)],
    }
    timeline = made(tables)
    told = timeline.events.filter(pl.col("event_type") != "encounter").sort("event_id")
    assert told.select("event_id", "event_type").rows() == [
        ("emar/1-1", "medication"),
        ("hcpcsevents/7-61510-3", "surgery"),
        ("hcpcsevents/7-Q2042-2", "medication"),  # cells may not be recorded among the drugs
        ("hcpcsevents/8-J9271-4", "medication"),
    ]
    assert timeline.left_out == {"drugs of admissions whose doses are recorded: hcpcsevents": 1}


def bill(code: str, number: int = 1, **said) -> dict:
    return {"hadm_id": 7, "hcpcs_cd": code, "seq_num": number, "chartdate": dt.date(2150, 3, 2),
            "short_description": "Digestive system", **said}  # fmt: skip


def test_a_service_billed_by_hcpcs_is_known_at_discharge_and_a_visit_is_the_admission_itself():
    tables = {
        ADMISSIONS: [STAY, {"hadm_id": 8, "admittime": at(20)}],
        BILLS: [
            bill("61510"), bill("J9271", 2), bill("TD", 3), bill("99219", 4), bill("G0378", 5),
            bill("43264", 6, hadm_id=8), bill("60220", 7, chartdate=None),
            bill("19301", 8, chartdate=dt.date(2150, 3, 30)),
        ],
        SERVICES: [{"code": "J9271", "long_description": "Pembrolizumab 1 mg"},
                   {"code": "TD   ", "long_description": "Rn"}],
    }  # fmt: skip
    timeline = made(tables)
    events = timeline.events.filter(pl.col("event_id").str.starts_with("hcpcs"))
    columns = ("event_id", "event_type", "event_subtype", "code_system", "description", "start_time", "known_time")
    assert events["known_date"].to_list() == [dt.date(2150, 3, 12)] * 3 + [None, dt.date(2150, 3, 30)]
    assert events.select(columns).rows() == [
        ("hcpcsevents/7-61510-1", "surgery", "tumor_resection", CPT, "Digestive system", None, at(12, 9)),
        ("hcpcsevents/7-J9271-2", "medication", "antineoplastic", HCPCS, "Pembrolizumab 1 mg", None, at(12, 9)),
        ("hcpcsevents/7-TD-3", "other", None, HCPCS, "Rn", None, at(12, 9)),
        ("hcpcsevents/8-43264-6", "other", None, CPT, "Digestive system", None, None),
        ("hcpcsevents/7-19301-8", "surgery", "other", CPT, "Digestive system", None, None),
    ]  # fmt: skip
    assert timeline.left_out == {"told by its admission: hcpcsevents": 2, "undated: hcpcsevents": 1}


def charted(number: int, item: int, stored: dt.datetime, process: str = "Task", **said) -> dict:
    return {"hadm_id": 7, "stay_id": 3, "orderid": number, "itemid": item, "starttime": at(2, 8), "storetime": stored,
            "endtime": at(2, 8) + dt.timedelta(minutes=1), "ordercategorydescription": process,
            "statusdescription": "Stopped", **said}  # fmt: skip


def item(number: int, label: str, category: str) -> dict:
    return {"itemid": number, "label": label, "abbreviation": label, "linksto": "procedureevents", "category": category}


def test_what_the_icu_charts_is_known_when_it_was_charted_and_only_what_goes_on_ends():
    tables = {
        ITEMS: [
            item(225470, "OR Sent", "3-Significant Events"), item(225459, "Chest X-Ray", "5-Imaging"),
            item(225450, "Radiation Therapy", "4-Procedures"), item(225792, "Invasive Ventilation", "2-Ventilation"),
            item(226475, "Intraventricular Drain Inserted", "4-Procedures"),
            item(224275, "20 Gauge", "Access Lines - Peripheral"), item(225401, "Blood Cultured", "6-Cultures"),
            item(228129, "Family updated by RN", "7-Communication"),
        ],
        CHARTED: [
            charted(1, 225470, at(2, 9)), charted(2, 225459, at(2, 7)), charted(3, 225450, at(3)),
            charted(4, 225792, at(4), "ContinuousProcess", endtime=at(6)), charted(5, 226475, at(2, 8)),
            charted(6, 224275, at(2, 9)), charted(7, 225401, at(2, 9)), charted(8, 228129, at(2, 9)),
            charted(9, 299999, at(2, 9)),
        ],
    }  # fmt: skip
    timeline = made(tables)
    events = timeline.events
    columns = ("event_id", "event_type", "event_subtype", "description", "end_time", "known_time")
    assert events.select(columns).rows() == [
        ("procedureevents/1", "surgery", "other", "OR Sent", None, at(2, 9)),
        # Stored before it began: known when it began, not before.
        ("procedureevents/2", "imaging", "XR", "Chest X-Ray", None, at(2, 8)),
        ("procedureevents/3", "radiation", None, "Radiation Therapy", None, at(3)),
        ("procedureevents/4", "other", None, "Invasive Ventilation", at(6), at(4)),
        ("procedureevents/5", "surgery", "cerebrospinal_fluid_diversion", "Intraventricular Drain Inserted", None,
         at(2, 8)),
        ("procedureevents/9", "other", None, None, None, at(2, 9)),
    ]  # fmt: skip
    assert set(events["code_system"]) == {MIMIC_ITEMS}
    assert set(events["encounter_id"]) == {"7"}
    assert set(events["status"]) == {"completed"}, "how it ended was not known when it began"
    assert timeline.left_out == {"specimens, talks and cannulas: procedureevents": 3}


def test_a_trip_to_the_operating_room_is_one_event():
    sent, back = 225470, 225469
    trips = [
        (1, sent, at(2, 8), 7), (2, back, at(2, 12), 7), (3, back, at(2, 20), 7),  # twice, the second from elsewhere
        (4, sent, at(3, 8), 7), (5, sent, at(4, 8), 7), (6, back, at(4, 8), 7),
        (7, sent, at(6, 8), 7), (8, back, at(7, 9), 7),  # longer than any operation
        (9, back, at(9, 8), 8), (10, sent, at(10, 8), None), (11, back, at(10, 12), None),
    ]  # fmt: skip
    tables = {
        ITEMS: [item(sent, "OR Sent", "3-Significant Events"), item(back, "OR Received", "3-Significant Events"),
                item(225459, "Chest X-Ray", "5-Imaging")],
        CHARTED: [charted(number, kind, when, starttime=when, hadm_id=stay) for number, kind, when, stay in trips]
        + [charted(12, 225459, at(2, 9), starttime=at(2, 9))],
    }  # fmt: skip
    timeline = made(tables)
    surgeries = timeline.events.filter(pl.col("event_type") == "surgery")["event_id"]
    assert surgeries.to_list() == [f"procedureevents/{number}" for number in (1, 3, 4, 5, 7, 8, 9, 10)]
    assert timeline.left_out == {"the way back of an operation: procedureevents": 3}


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("Administered", True), ("Delayed Administered", True), ("Administered in Other Location", True),
        ("Started", True), ("Removed Existing / Applied New", True), ("Partial Administered", True),
        ("Not Given", False), ("Flushed", False), ("Stopped", False), ("Hold Dose", False), ("Not Started", False),
        ("Not Applied", False), ("Removed", False), (None, False),
    ],
)  # fmt: skip
def test_only_doses_that_reached_the_patient_count(said, given):
    assert len(rows({EMAR: [{**dose(1, at(2)), "event_txt": said}]}, "event_id")) == given
    assert bool(pl.Series([said], dtype=pl.String).str.contains(GIVEN)[0]) == given


def dose(number: int, when: dt.datetime, drug: str = "Lomustine", hadm_id: int | None = 7) -> dict:
    return {"emar_id": f"1-{number}", "emar_seq": number, "charttime": when, "storetime": when + dt.timedelta(hours=1),
            "event_txt": "Administered", "medication": drug, "hadm_id": hadm_id}  # fmt: skip


def prescription(number: int, start, stop=None, drug: str = "Temozolomide", hadm_id: int = 7, **said) -> dict:
    return {"pharmacy_id": number, "poe_id": f"1-{number}", "starttime": start, "stoptime": stop, "drug": drug,
            "drug_type": "MAIN", "hadm_id": hadm_id, **said}  # fmt: skip


def test_doses_become_one_course_known_with_its_first():
    timeline = made({EMAR: [dose(1, at(2, 8)), dose(2, at(3, 8)), dose(3, at(9, 8), "Dexamethasone")]})
    columns = ("description", "event_subtype", "start_time", "end_time", "known_time")
    assert timeline.events.select(columns).rows() == [
        ("Lomustine", "antineoplastic", at(2, 8), at(3, 8), at(2, 9)),
        ("Dexamethasone", "corticosteroid", at(9, 8), None, at(9, 9)),
    ]


def test_prescriptions_stand_in_where_no_dose_is_recorded():
    later = {"hadm_id": 8, "admittime": at(20), "dischtime": at(25)}
    tables = {
        ADMISSIONS: [STAY, later],
        EMAR: [dose(1, at(2))],
        ORDERS: [{"poe_id": "1-2", "ordertime": at(19)}, {"poe_id": "1-3", "ordertime": at(22)}],
        PRESCRIPTIONS: [
            prescription(1, at(2)),
            prescription(2, at(20), at(24), hadm_id=8),
            prescription(3, at(21), drug="Vincristine", hadm_id=8),
            prescription(4, at(22), at(21), drug="Etoposide", hadm_id=8),
            prescription(5, None, hadm_id=8),
            prescription(6, at(22), drug="NS", hadm_id=8, drug_type="BASE"),
        ],
    }
    timeline = made(tables)
    drugs = timeline.events.filter(pl.col("event_type") == "medication")
    assert drugs.select("description", "start_time", "end_time", "known_time").rows() == [
        ("Lomustine", at(2), None, at(2, 1)),
        ("Temozolomide", at(20), at(24), at(20)),
        ("Vincristine", at(21), at(25), at(22)),  # without a stop it ends with the admission
    ]
    assert timeline.left_out == {
        "never active, it stops before it starts: prescriptions": 1,
        "prescriptions of admissions whose doses are recorded": 1,
        "undated: prescriptions": 1,
    }


def report(note_id: str, kind: str = "RR", stored: dt.datetime | None = None) -> dict:
    return {"note_id": note_id, "note_type": kind, "note_seq": 1, "charttime": at(5, 10), "storetime": stored,
            "text": "words", "hadm_id": 7}  # fmt: skip


def detail(note_id: str, name: str, value: str, ordinal: int = 1) -> dict:
    return {"note_id": note_id, "field_name": name, "field_value": value, "field_ordinal": ordinal}


def test_reports_are_of_their_examinations_and_addenda_of_their_reports():
    tables = {
        ADMISSIONS: [STAY],
        RADIOLOGY: [report("r1", stored=at(5, 14)), report("r2"), report("a1", "AR"), report("a2", "AR")],
        DETAIL: [
            detail("r1", "exam_name", "MR HEAD W & W/O CONTRAST"), detail("r2", "exam_name", "CHEST (PA & LAT)", 2),
            detail("r2", "exam_name", "PORTABLE ABDOMEN"), detail("r1", "exam_code", "XX"),
            detail("a1", "parent_note_id", "r1"),
        ],
        DISCHARGE: [{**report("d1", "DS"), "hadm_id": 7}, {**report("d2", "DS"), "hadm_id": 99}],
    }  # fmt: skip
    timeline = made(tables)
    reports = timeline.events.filter(pl.col("event_type") == "imaging")
    assert reports.select("event_id", "event_subtype", "description", "known_time").rows() == [
        ("radiology/r1", "MR", "MR HEAD W & W/O CONTRAST", at(5, 14)),
        ("radiology/r2", "XR", "PORTABLE ABDOMEN | CHEST (PA & LAT)", None),
    ]
    assert timeline.links.select("document_id", "event_id").rows() == [
        ("a1", "radiology/r1"),
        ("d1", "admissions/7"),
        ("r1", "radiology/r1"),
        ("r2", "radiology/r2"),
    ]


def test_xray_studies_are_known_with_their_last_image():
    studies = [{"study_id": 5, "study_time": at(4, 8), "last_image_time": at(4, 9), "procedure": "CHEST (PORTABLE AP)"},
               {"study_id": 6}]  # fmt: skip
    timeline = made({"imaging/cxr_studies": studies})
    assert timeline.events.select("event_id", "event_type", "event_subtype", "start_time", "known_time").rows() == [
        ("cxr_studies/5", "imaging", "XR", at(4, 8), at(4, 9))
    ]
    assert timeline.left_out == {"undated: cxr_studies": 1}


def test_an_end_before_its_start_is_dropped_and_counted():
    timeline = made({ADMISSIONS: [{**STAY, "dischtime": dt.datetime(2150, 2, 1)}]})
    assert timeline.events.select("end_date", "end_time").rows() == [(None, None)]
    assert timeline.doubtful == {"end before start, dropped: admissions": 1}


def test_the_year_of_birth_is_not_known_of_the_very_old():
    people = [{"subject_id": 1, "anchor_age": 50, "anchor_year": 2150, "dod": dt.date(2160, 1, 1)},
              {"subject_id": 2, "anchor_age": 91, "anchor_year": 2150}]  # fmt: skip
    assert made({"mimic/hosp/patients": people}).patients.rows() == [
        ("1", 2100, None, dt.date(2160, 1, 1)),
        ("2", None, None, None),
    ]


def test_the_order_of_rows_does_not_matter():
    tables = {
        ADMISSIONS: [STAY, {"hadm_id": 8, "admittime": at(20), "dischtime": at(25)}],
        EMAR: [dose(n, at(n), drug) for n, drug in enumerate(["A", "B"] * 4, 1)],
        PRESCRIPTIONS: [prescription(n, at(20), at(21 + n), hadm_id=8) for n in range(1, 4)],
        RADIOLOGY: [report("r1"), report("r2"), report("r3")],
    }
    backwards = {path: list(reversed(found)) for path, found in tables.items()}
    assert made(tables).events.equals(made(backwards).events)


DEMO = Path(__file__).parents[4] / "shared" / "data" / "physionet"


def demo_table(path: str) -> pl.LazyFrame:
    """A table of the open demo, as far as it is there, with the types of its columns."""
    table = CXR_STUDIES if path == CXR_STUDIES.path else RELEASE_TABLES[path]
    file = next(DEMO.glob(f"*/*/{'/'.join(table.key[-2:])}.csv.gz"), None)
    if file is None:
        return table.empty().lazy()
    written = pl.read_csv(file, infer_schema=False).select(SOURCES[path])
    read = {pl.Datetime("us"): lambda c: c.str.to_datetime(time_unit="us"), pl.Date(): lambda c: c.str.to_date()}
    kinds = {name: table.column(name).type.polars for name in SOURCES[path]}
    typed = [read.get(kind, lambda c, kind=kind: c.cast(kind))(pl.col(name)) for name, kind in kinds.items()]
    return written.select(typed).rechunk().lazy()


@pytest.mark.skipif(not DEMO.is_dir(), reason="the open MIMIC-IV demo is not at ../shared/data/physionet")
def test_the_open_demos_events():
    timeline = from_mimic({path: demo_table(path) for path in SOURCES})
    table = pl.col("event_id").str.split("/").list.first().alias("table")
    counted = timeline.events.group_by(table, "event_type").len()
    # As many as published: 275 admissions and 222 ED stays, 722 procedures by ICD code, 61 bills by HCPCS code and
    # 1,468 rows of the ICU's chart, with what is left out below.
    assert dict(counted.group_by("table").agg(pl.col("len").sum()).iter_rows()) == {
        "admissions": 275, "edstays": 222, "procedures_icd": 722, "hcpcsevents": 61 - 41,
        "procedureevents": 1468 - 547 - 10, "emar": 3265, "prescriptions": 2236,
    }  # fmt: skip
    told = {(where, kind): count for where, kind, count in counted.iter_rows()}
    for where, kinds in {
        "procedures_icd": {"surgery": 301, "other": 364, "radiation": 5, "imaging": 52},
        "hcpcsevents": {"surgery": 8, "other": 12},
        "procedureevents": {"surgery": 37, "other": 548, "radiation": 3, "imaging": 323},
    }.items():
        assert {kind: count for (table, kind), count in told.items() if table == where} == kinds
    assert timeline.events.filter(pl.col("rule") == "procedures no rule knows").height == 8
    assert timeline.left_out == {
        "never active, it stops before it starts: prescriptions": 607,
        "prescriptions of admissions whose doses are recorded": 9272,
        "specimens, talks and cannulas: procedureevents": 547,
        "the way back of an operation: procedureevents": 10,
        "told by its admission: hcpcsevents": 41,
    }
    bills = timeline.events.filter(table.is_in(["procedures_icd", "hcpcsevents"]))
    assert bills.filter(pl.col("known_time") <= pl.col("start_date").cast(pl.Datetime("us"))).is_empty()
    late = bills.filter(pl.col("known_time").is_null())
    assert late.height == 4
    assert (late["known_date"] == late["start_date"]).all()
    assert timeline.doubtful == {}
    assert timeline.patients.height == 100
    assert timeline.events["known_date"].null_count() == 0
    assert timeline.events.filter(pl.col("known_time") < pl.col("start_time")).is_empty()
