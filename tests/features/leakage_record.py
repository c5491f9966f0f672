"""One made-up patient whose record touches every input of every feature set, and what may come later in it."""

from datetime import datetime, timedelta
from functools import cache

import polars as pl
import pytest
from hypothesis import strategies as st

from clinical_assets.concepts.tables import TABLES as CONCEPT_TABLES
from clinical_assets.features import ed_triage, mortality_first_day, sepsis_hourly
from clinical_assets.features.assets import ASSETS
from clinical_assets.lineage import column_lineage
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.stays.tables import TABLES as STAY_TABLES

SETS = {declaration.table.key[-1]: declaration for declaration in ASSETS}
FEATURES = {
    "mortality_first_day": mortality_first_day.FEATURES,
    "sepsis_hourly": sepsis_hourly.ALL_FEATURES,
    "ed_triage": ed_triage.AT_DISPOSITION,
}
TABLES = {**RELEASE, **{t.path: t for t in STAY_TABLES}, **{t.path: t for t in CONCEPT_TABLES.values()}}
IN = datetime(2150, 3, 1, 12)
INDEX = IN + timedelta(hours=24)
ARRIVED = IN - timedelta(hours=6)
HEART_RATE, MAP, CREATININE, LACTATE, PO2, NOREPINEPHRINE, FOLEY = 220045, 220052, 50912, 50813, 50821, 221906, 226559


def h(hours):
    return IN + timedelta(hours=hours)


def _bedside(**facts):
    return {"subject_id": 1, "hadm_id": 11, "stay_id": 111, **facts}


def _lab(itemid, value, drawn, stored, specimen):
    return {
        "labevent_id": specimen * 100_000 + itemid, "subject_id": 1, "hadm_id": 11, "specimen_id": specimen,
        "itemid": itemid, "charttime": drawn, "storetime": stored, "valuenum": value,
    }  # fmt: skip


def _order(drug, start, stop):
    return {
        "subject_id": 1, "hadm_id": 11, "starttime": start, "stoptime": stop, "drug": drug, "drug_type": "MAIN",
        "route": "IV",
    }  # fmt: skip


def _code(hadm_id, icd_code):
    return {"subject_id": 1, "hadm_id": hadm_id, "seq_num": 1, "icd_code": icd_code, "icd_version": 10}


def _ed_signs(**facts):
    return {
        "subject_id": 1, "stay_id": 5, "temperature": 98.6, "heartrate": 95.0, "resprate": 20.0, "o2sat": 95.0,
        "sbp": 110.0, "dbp": 60.0, "pain": "4", **facts,
    }  # fmt: skip


def record():
    """One patient: an earlier hospital stay, then the emergency department, the hospital and its ICU."""
    hospital = {
        "subject_id": 1, "hadm_id": 11, "admittime": h(-2), "dischtime": h(96), "admission_type": "EW EMER.",
        "admission_location": "EMERGENCY ROOM", "edregtime": ARRIVED, "gender": "F", "age": 70,
        "hospital_expire_flag": 0, "hospital_stay_number": 2,
    }  # fmt: skip
    earlier = hospital | {
        "hadm_id": 10, "admittime": IN - timedelta(days=60), "dischtime": IN - timedelta(days=50),
        "hospital_stay_number": 1,
    }  # fmt: skip
    unit = _bedside(
        first_careunit="Medical Intensive Care Unit (MICU)", last_careunit="Medical Intensive Care Unit (MICU)",
        intime=IN, outtime=h(60), los_hours=60.0, admittime=h(-2), dischtime=h(96), gender="F", age=70,
        hospital_expire_flag=0, icu_stay_number=1, admission_found=True,
    )  # fmt: skip
    return {
        "stays/hospital_stays": [earlier, hospital],
        "stays/icu_stays": [unit],
        "stays/ed_stays": [
            {"subject_id": 1, "hadm_id": 11, "stay_id": 5, "intime": ARRIVED, "outtime": h(-1), "gender": "F",
             "disposition": "ADMITTED", "ed_stay_number": 1, "admission_found": True},
        ],
        "mimic/hosp/patients": [
            {"subject_id": 1, "anchor_age": 70, "anchor_year": 2150, "anchor_year_group": "2014 - 2016"},
        ],
        "mimic/hosp/diagnoses_icd": [_code(10, "I509"), _code(11, "E1121")],
        "mimic/hosp/services": [{"subject_id": 1, "hadm_id": 11, "transfertime": h(-2), "curr_service": "MED"}],
        "mimic/hosp/prescriptions": [_order("Vancomycin", h(5), h(80))],
        "mimic/hosp/microbiologyevents": [
            {"subject_id": 1, "hadm_id": 11, "micro_specimen_id": 3, "chartdate": IN.replace(hour=0),
             "charttime": h(4), "spec_type_desc": "BLOOD CULTURE"},
        ],
        "mimic/hosp/labevents": [
            _lab(CREATININE, 3.7, h(1), h(2), 1), _lab(LACTATE, 3.0, h(3), h(3.5), 2), _lab(PO2, 80.0, h(3), h(3.5), 2),
        ],
        "mimic/icu/chartevents": [
            _bedside(itemid=i, valuenum=v, charttime=h(n), storetime=h(n + 0.2))
            for n in (0, 6, 12, 18, 30) for i, v in ((HEART_RATE, 90.0 + n), (MAP, 65.0 + n))
        ],
        "mimic/icu/outputevents": [
            _bedside(itemid=FOLEY, value=60.0, charttime=h(n), storetime=h(n)) for n in (2, 8, 20)
        ],
        "mimic/icu/inputevents": [
            _bedside(itemid=NOREPINEPHRINE, rate=0.1, rateuom="mcg/kg/min", patientweight=80.0, linkorderid=1,
                     starttime=h(3), endtime=h(9), storetime=h(2)),
        ],
        "mimic/icu/procedureevents": [_bedside(itemid=225792, starttime=h(2), endtime=h(30), storetime=h(2.5))],
        "mimic/ed/triage": [_ed_signs(acuity=2.0, chiefcomplaint="Fever")],
        "mimic/ed/vitalsign": [_ed_signs(charttime=h(-2), heartrate=120.0)],
        "mimic/ed/medrecon": [{"subject_id": 1, "stay_id": 5, "charttime": h(-5), "name": "Aspirin"}],
        "mimic/ed/pyxis": [{"subject_id": 1, "stay_id": 5, "charttime": h(-3), "name": "Morphine"}],
        "concepts/sepsis_onset": [{"subject_id": 1, "stay_id": 111, "onset_known_time": h(28)}],
    }  # fmt: skip


def rows_of(name, patient):
    """A feature set's rows of a record."""
    declaration = SETS[name]
    inputs = {
        parameter: pl.DataFrame(patient.get(path, []), schema=TABLES[path].polars_schema).lazy()
        for parameter, path in declaration.inputs.items()
    }
    found = declaration.rule(**inputs).collect()
    return found.sort([c for c in ("stay_id", "hr") if c in found.columns])


def features_of(name, patient):
    return rows_of(name, patient).select(f.name for f in FEATURES[name])


def changed(**records):
    """The record with some tables replaced; `a__b` stands for `mimic/a/b`, `stays__x` for `stays/x`."""
    paths = {key: key.replace("__", "/") for key in records}
    full = {k: p if p.startswith(("stays/", "concepts/")) else f"mimic/{p}" for k, p in paths.items()}
    return record() | {full[key]: value for key, value in records.items()}


def with_facts(path, **facts):
    """The record with the last row of a table changed."""
    patient = record()
    return patient | {path: [*patient[path][:-1], patient[path][-1] | facts]}


def plus(path, *rows):
    patient = record()
    return patient | {path: [*patient[path], *rows]}


def same(name, patient, rows=None):
    ours, theirs = features_of(name, record()), features_of(name, patient)
    if rows is not None:
        ours, theirs = ours.head(rows), theirs.head(rows)
    assert ours.equals(theirs, null_equal=True), name


@cache
def lineage(name):
    declaration = SETS[name]
    schemas = {parameter: TABLES[path].polars_schema for parameter, path in declaration.inputs.items()}
    found = {}
    for part in reversed(declaration.parts or (declaration.rule,)):
        found |= column_lineage(part, schemas)
    return {c: {(declaration.inputs[i], column) for i, column in sources} for c, sources in found.items()}


TABLES_OF_SETS = {declaration.table.path: declaration.table for declaration in ASSETS}
EVERY_SET = pytest.mark.parametrize("name", sorted(FEATURES))


AFTER = st.floats(0.02, 400).map(lambda n: h(24 + n))
BY_THEN = st.floats(-30, 24).map(h)
SIZES = st.floats(0.5, 300)


def _both(happened, known):
    """An event that happened or became known after the index time, or both."""
    return st.tuples(happened, AFTER) | st.tuples(AFTER, known)


def _charted(*itemids):
    return st.builds(
        lambda i, v, t: _bedside(itemid=i, valuenum=v, value=v, charttime=t[0], storetime=t[1]),
        st.sampled_from(itemids), SIZES, _both(BY_THEN, BY_THEN),
    )  # fmt: skip


def _run(*itemids):
    return st.builds(
        lambda i, r, t: _bedside(itemid=i, rate=r / 100, rateuom="mcg/kg/min", patientweight=80.0, linkorderid=7,
                                 starttime=t[0], endtime=max(t) + timedelta(hours=1), storetime=t[1]),
        st.sampled_from(itemids), SIZES, _both(BY_THEN, BY_THEN),
    )  # fmt: skip


def _in_the_department(**names):
    return st.builds(
        lambda t, v: {"subject_id": 1, "stay_id": 5, "charttime": t, "name": f"Drug {v:.0f}"} | names, AFTER, SIZES
    )


LATER = {
    "stays/hospital_stays": st.builds(
        lambda t, died: record()["stays/hospital_stays"][1]
        | {"hadm_id": 12, "admittime": t, "dischtime": t + timedelta(days=3), "hospital_expire_flag": died},
        AFTER, st.integers(0, 1),
    ),
    "stays/icu_stays": st.builds(
        lambda t: record()["stays/icu_stays"][0]
        | {"hadm_id": 12, "stay_id": 112, "intime": t, "outtime": t + timedelta(days=2), "icu_stay_number": 2},
        AFTER,
    ),
    "stays/ed_stays": st.builds(
        lambda t: record()["stays/ed_stays"][0]
        | {"hadm_id": None, "stay_id": 6, "intime": t, "outtime": t + timedelta(hours=4), "ed_stay_number": 2},
        AFTER,
    ),
    "mimic/hosp/patients": st.nothing(),  # one row a patient; of it only the date of death is late (item 16)
    "mimic/hosp/diagnoses_icd": st.builds(
        lambda code, stay: _code(stay, code), st.sampled_from(["I509", "C787", "B20", "I10", "E1121"]),
        st.sampled_from([11, 12]),
    ),
    "mimic/hosp/services": st.builds(
        lambda t, s: {"subject_id": 1, "hadm_id": 11, "transfertime": t, "curr_service": s}, AFTER,
        st.sampled_from(["SURG", "TRAUM", "CMED"]),
    ),
    "mimic/hosp/prescriptions": st.builds(lambda t: _order("Meropenem", t, t + timedelta(days=5)), AFTER),
    "mimic/hosp/microbiologyevents": st.builds(
        lambda t, s: {"subject_id": 1, "hadm_id": 11, "micro_specimen_id": s, "charttime": t,
                      "chartdate": t.replace(hour=0, minute=0, second=0, microsecond=0), "spec_type_desc": "URINE"},
        AFTER, st.integers(50, 60),
    ),
    "mimic/hosp/labevents": st.builds(
        lambda i, v, t, s: _lab(i, v, t[0], t[1], s),
        st.sampled_from([CREATININE, LACTATE, PO2, 51265, 50885, 51301, 50820]), SIZES,
        _both(BY_THEN, BY_THEN) | st.tuples(BY_THEN, st.none()), st.integers(20, 90),
    ),
    "mimic/icu/chartevents": _charted(HEART_RATE, MAP, 220179, 223761, 223901, 223900, 220739, 226512, 226730, 223835),
    "mimic/icu/outputevents": _charted(FOLEY),
    "mimic/icu/inputevents": _run(NOREPINEPHRINE, 221289, 221653),
    "mimic/icu/procedureevents": _run(225792, 225802),
    "mimic/ed/triage": st.just(_ed_signs(stay_id=6, acuity=1.0, chiefcomplaint="Cough")),
    "mimic/ed/vitalsign": _in_the_department(heartrate=180.0, temperature=104.0, pain="9"),
    "mimic/ed/medrecon": _in_the_department(),
    "mimic/ed/pyxis": _in_the_department(),
    "concepts/sepsis_onset": st.nothing(),  # makes the label alone: item 8
}  # fmt: skip
"""By table: rows that were known only after the index time, which is after leaving the emergency department too."""


ONCE = ("stays/hospital_stays", "stays/icu_stays", "stays/ed_stays", "mimic/ed/triage")


def later_rows():
    return st.fixed_dictionaries(
        {
            # The later stay of each kind has one number, so it comes once.
            path: st.just([]) if row.is_empty else st.lists(row, max_size=1 if path in ONCE else 3)
            for path, row in LATER.items()
        }
    )


def of_the_first_stays(name, patient):
    """The features of the record's own stays, up to the index time; other stays have rows of their own."""
    own = pl.col("stay_id") == (5 if name == "ed_triage" else 111)
    early = pl.col("index_time") <= INDEX
    return rows_of(name, patient).filter(own, early).select(f.name for f in FEATURES[name])
