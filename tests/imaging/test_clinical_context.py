"""What was known before a study: each rule by hand, and that nothing known later changes a thing."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.imaging import clinical_context as context
from clinical_assets.imaging import known_before
from clinical_assets.imaging.tables import (
    CONTEXT_DIAGNOSES,
    CONTEXT_LABS,
    CONTEXT_MEDICATIONS,
    CXR_STAY_LINKS,
)
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.stays.tables import ED_STAYS, HOSPITAL_STAYS

STUDY_TIME = datetime(2150, 1, 10, 12)
DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet" / "mimic-iv-demo" / "2.2"


def before(**duration):
    return STUDY_TIME - timedelta(**duration)


def after(**duration):
    return STUDY_TIME + timedelta(**duration)


def frame(table, records):
    table = RELEASE[f"mimic/{table}"] if isinstance(table, str) else table
    schema = table.polars_schema
    return (
        pl.DataFrame([{"subject_id": 1, **r} for r in records], {"subject_id": pl.Int64, **schema})
        .select(table.column_names)
        .lazy()
    )


def lab(itemid, value, taken, stored, number=1, **more):
    return {"itemid": itemid, "valuenum": value, "charttime": taken, "storetime": stored, "labevent_id": number, **more}


LINK = {"study_id": 5, "study_time": STUDY_TIME, "match_type": "ed", "ed_stay_id": 31, "hadm_id": 11}
STAY = {"stay_id": 31, "intime": before(hours=2), "outtime": after(hours=4)}
ADMISSION = {"hadm_id": 11, "admittime": before(hours=1), "dischtime": after(days=3)}
PATIENT = {"gender": "F", "anchor_age": 60, "anchor_year": 2148}


def known(
    link=(LINK,),
    labs=(),
    chart=(),
    ed=(),
    triage=(),
    ed_stays=(STAY,),
    drugs=(),
    orders=(),
    stays=(ADMISSION,),
    codes=(),
):
    """Every table of the context from records."""
    links, hospital = frame(CXR_STAY_LINKS, link), frame(HOSPITAL_STAYS, stays)
    labevents = frame("hosp/labevents", labs)
    d_labitems = pl.LazyFrame(
        {"itemid": [50912], "label": ["Creatinine"], "fluid": ["Blood"], "category": ["Chemistry"]}
    )
    medications = known_before.context_medications(
        links, frame("hosp/prescriptions", drugs), frame("hosp/poe", orders), hospital
    )
    diagnoses = known_before.context_diagnoses(links, hospital, frame("hosp/diagnoses_icd", codes))
    wide = context.clinical_context(
        links,
        frame("hosp/patients", [PATIENT]),
        frame(ED_STAYS, ed_stays),
        frame("ed/triage", triage),
        frame("ed/vitalsign", ed),
        frame("icu/chartevents", chart),
        labevents,
        hospital,
        medications,
        diagnoses,
    )
    tables = {
        context.CLINICAL_CONTEXT: wide,
        CONTEXT_LABS: known_before.context_labs(links, labevents, d_labitems),
        CONTEXT_MEDICATIONS: medications,
        CONTEXT_DIAGNOSES: diagnoses,
    }
    return [f.select(t.column_names).sort(t.primary_key).collect() for t, f in tables.items()]


def wide(**records):
    return known(**records)[0].row(0, named=True)


def test_tables_are_as_declared():
    for table, found in zip(
        (context.CLINICAL_CONTEXT, CONTEXT_LABS, CONTEXT_MEDICATIONS, CONTEXT_DIAGNOSES), known(), strict=True
    ):
        assert dict(found.schema) == dict(table.polars_schema), table.path


def test_a_study_of_which_nothing_is_known_has_a_row_of_zeros():
    row = wide()
    assert (row["age"], row["gender"], row["match_type"]) == (62, "F", "ed")
    assert (row["n_lab_results"], row["n_medications"], row["has_antibiotic"], row["n_earlier_admissions"]) == (
        0,
        0,
        False,
        0,
    )
    assert row["lab_creatinine"] is None


def test_studies_in_no_stay_have_no_context():
    assert known(link=[{**LINK, "match_type": "none"}, {**LINK, "study_id": 6, "match_type": "no study time"}])[
        0
    ].is_empty()


CREATININE = 50912


@pytest.mark.parametrize(
    ("taken", "stored", "seen"),
    [
        (before(hours=2), before(hours=1), True),
        (before(hours=2), STUDY_TIME, True),
        (before(hours=2), after(minutes=1), False),  # drawn before, read after
        (before(hours=2), None, False),
        (before(hours=24), before(hours=20), True),
        (before(hours=24, seconds=1), before(hours=20), False),
        (after(minutes=1), before(minutes=1), False),
    ],
)
def test_a_result_counts_from_its_store_time(taken, stored, seen):
    tables = known(labs=[lab(CREATININE, 1.5, taken, stored)])
    row = tables[0].row(0, named=True)
    assert row["lab_creatinine"] == (1.5 if seen else None)
    assert row["n_lab_results"] == tables[1].height == int(seen)


def test_the_latest_specimen_that_could_be_read_wins():
    labs = [
        lab(CREATININE, 1.0, before(hours=9), before(hours=8), 1),
        lab(CREATININE, 2.0, before(hours=5), before(hours=1), 2, flag="abnormal", valueuom="mg/dL"),
        lab(CREATININE, 3.0, before(hours=2), after(hours=1), 3),
    ]
    for order in (labs, labs[::-1]):
        tables = known(labs=order)
        row = tables[0].row(0, named=True)
        assert (row["lab_creatinine"], row["lab_creatinine_minutes_before"], row["n_abnormal_lab_results"]) == (
            2.0,
            300.0,
            1,
        )
        long = tables[1].row(0, named=True)
        assert (long["valuenum"], long["unit"], long["label"], long["abnormal"], long["n_results"]) == (
            2.0,
            "mg/dL",
            "Creatinine",
            True,
            2,
        )
        assert long["known_at"] == before(hours=1)


def test_a_result_no_one_believes_does_not_hide_the_one_before_it():
    labs = [
        lab(CREATININE, 1.0, before(hours=3), before(hours=2), 1),
        lab(CREATININE, 400.0, before(hours=2), before(hours=1), 2),
    ]
    assert wide(labs=labs)["lab_creatinine"] == 1.0


def chart(itemid, value, taken, stored=None):
    return {"itemid": itemid, "valuenum": value, "charttime": taken, "storetime": stored, "stay_id": 21}


def ed_sign(taken, **values):
    return {"stay_id": 31, "charttime": taken, **values}


def test_vital_signs_of_chart_and_ed_compete_by_time():
    row = wide(
        chart=[
            chart(220045, 80, before(hours=3), before(hours=2)),
            chart(220045, 200, before(hours=1), after(hours=1)),
        ],
        ed=[ed_sign(before(hours=2), heartrate=95), ed_sign(after(minutes=1), heartrate=150)],
    )
    assert (row["heart_rate"], row["heart_rate_minutes_before"]) == (95, 120.0)


def test_a_cuff_pressure_is_a_blood_pressure_too():
    assert wide(chart=[chart(220179, 130, before(hours=1))])["sbp"] == 130
    both = [chart(220179, 130, before(hours=1)), chart(220050, 140, before(hours=1))]
    assert wide(chart=both)["sbp"] == 135


def test_temperatures_come_out_in_celsius():
    assert wide(chart=[chart(223761, 98.6, before(hours=1))])["temperature"] == 37.0
    assert wide(chart=[chart(223762, 38.2, before(hours=1))])["temperature"] == 38.2
    assert wide(ed=[ed_sign(before(hours=1), temperature=98.6)])["temperature"] == 37.0
    assert wide(ed=[ed_sign(before(hours=1), temperature=38.2)])["temperature"] == 38.2
    assert wide(ed=[ed_sign(before(hours=1), temperature=986.0)])["temperature"] is None


TRIAGE = {
    "stay_id": 31,
    "temperature": 100.4,
    "heartrate": 90,
    "sbp": 120,
    "acuity": 2,
    "pain": "7",
    "chiefcomplaint": "Dyspnea",
}


def test_triage_comes_with_the_stay_and_counts_a_while_after_arrival():
    row = wide(triage=[TRIAGE])
    assert (row["triage_temperature"], row["triage_heart_rate"], row["triage_pain"]) == (38.0, 90, 7)
    assert (row["triage_chiefcomplaint"], row["minutes_since_triage"]) == ("Dyspnea", 120.0)
    just_arrived = {**STAY, "intime": before(minutes=14)}
    assert wide(triage=[TRIAGE], ed_stays=[just_arrived])["triage_acuity"] is None


def test_triage_of_a_later_or_an_old_stay_is_not_this_ones():
    other = {**TRIAGE, "stay_id": 33, "acuity": 5}
    later = {"stay_id": 33, "intime": after(hours=1), "outtime": after(hours=2)}
    old = {"stay_id": 33, "intime": before(hours=25), "outtime": before(hours=20)}
    for stay in (later, old):
        assert wide(triage=[other], ed_stays=[STAY, stay])["triage_acuity"] is None
    boarding = {"stay_id": 31, "intime": before(hours=30), "outtime": after(hours=1)}
    assert wide(triage=[TRIAGE], ed_stays=[boarding])["triage_acuity"] == 2


@pytest.mark.parametrize("pain", ["13", "unable", "UTA", "", None])
def test_pain_in_words_is_no_number(pain):
    assert wide(triage=[{**TRIAGE, "pain": pain}])["triage_pain"] is None


def drug(name="Heparin", start=None, stop=None, **more):
    return {
        "pharmacy_id": 1,
        "hadm_id": 11,
        "drug_type": "MAIN",
        "drug": name,
        "route": "IV",
        "starttime": start or before(hours=3),
        "stoptime": stop,
        **more,
    }


@pytest.mark.parametrize(
    ("start", "stop", "active"),
    [
        (before(hours=3), after(hours=3), True),
        (before(days=9), before(hours=47), True),
        (before(days=9), before(hours=49), False),
        (before(days=9), None, True),  # until its admission ends
        (after(minutes=1), after(hours=3), False),
        (before(hours=3), before(hours=4), False),  # stops before it starts
        (None, None, False),
    ],
)
def test_prescriptions_active_within_two_days(start, stop, active):
    given_to = {**drug(), "starttime": start, "stoptime": stop}
    assert wide(drugs=[given_to])["n_medications"] == int(active)


def test_a_prescription_counts_from_its_order():
    order = {"poe_id": "1-2", "ordertime": after(minutes=5)}
    assert wide(drugs=[drug(poe_id="1-2")], orders=[order])["n_medications"] == 0
    assert wide(drugs=[drug(poe_id="1-2")], orders=[{**order, "ordertime": before(minutes=5)}])["n_medications"] == 1
    assert wide(drugs=[drug(poe_id="1-9")], orders=[order])["n_medications"] == 1  # an order that is not published


def test_a_prescription_without_a_stop_ends_with_its_admission():
    over = {"hadm_id": 9, "admittime": before(days=30), "dischtime": before(days=20)}
    assert wide(drugs=[drug(start=before(days=25), hadm_id=9)], stays=[ADMISSION, over])["n_medications"] == 0


@pytest.mark.parametrize(
    ("name", "route", "is_one"),
    [
        ("Vancomycin", "IV", True),
        ("CefTRIAXone", "IV", True),
        ("Erythromycin 0.5% Ophth Oint", "OU", False),
        ("Vancomycin", None, False),
        ("Heparin", "IV", False),
    ],
)
def test_antibiotics_are_the_published_ones(name, route, is_one):
    row = wide(drugs=[drug(name, route=route)])
    assert row["has_antibiotic"] is is_one
    assert row["antibiotics"] == (name if is_one else None)


def test_a_carrier_fluid_is_no_drug():
    assert wide(drugs=[drug("0.9% Sodium Chloride", drug_type="BASE")])["n_medications"] == 0


def code(hadm_id, icd="4280", rank=1):
    return {"hadm_id": hadm_id, "icd_code": icd, "icd_version": 9, "seq_num": rank}


def test_diagnoses_come_from_admissions_that_were_over():
    earlier = {"hadm_id": 8, "admittime": before(days=90), "dischtime": before(days=80)}
    overlapping = {"hadm_id": 9, "admittime": before(days=2), "dischtime": after(days=2)}
    tables = known(stays=[ADMISSION, earlier, overlapping], codes=[code(11, "486"), code(8, rank=3), code(9, "5849")])
    assert tables[3].select("icd_code", "n_admissions", "lowest_seq_num", "known_at").rows() == [
        ("4280", 1, 3, before(days=80))
    ]
    row = tables[0].row(0, named=True)
    assert (row["n_earlier_admissions"], row["n_earlier_diagnoses"]) == (1, 1)


def test_the_studys_own_admission_never_tells_even_if_its_discharge_is_recorded_too_early():
    link = {**LINK, "match_type": "icu", "icu_stay_id": 21}
    discharged = {**ADMISSION, "dischtime": before(hours=1), "admittime": before(days=3)}
    assert known(link=[link], stays=[discharged], codes=[code(11)])[3].is_empty()


def test_every_laboratory_item_is_what_it_is_called():
    if not DEMO.exists():
        pytest.skip("needs the open MIMIC-IV demo beside the repository (../shared/data)")
    items = dict(pl.read_csv(DEMO / "hosp" / "d_labitems.csv.gz", columns=["itemid", "label"]).iter_rows())
    said = {m.name: [items[i] for i in m.itemids] for m in context.LABS}
    assert said == {
        "hemoglobin": ["Hemoglobin"],
        "hematocrit": ["Hematocrit"],
        "platelet": ["Platelet Count"],
        "wbc": ["White Blood Cells"],
        "sodium": ["Sodium"],
        "potassium": ["Potassium"],
        "chloride": ["Chloride"],
        "bicarbonate": ["Bicarbonate"],
        "bun": ["Urea Nitrogen"],
        "creatinine": ["Creatinine"],
        "glucose": ["Glucose"],
        "calcium": ["Calcium, Total"],
        "albumin": ["Albumin"],
        "bilirubin_total": ["Bilirubin, Total"],
        "lactate": ["Lactate"],
        "troponin_t": ["Troponin T"],
        "ntprobnp": ["NTproBNP"],
        "crp": ["C-Reactive Protein"],
        "inr": ["INR(PT)"],
        "pt": ["PT"],
        "ptt": ["PTT"],
    }


# -- nothing known later changes a thing ---------------------------------------------------------------------------

offsets = st.integers(-60, 20).map(lambda h: STUDY_TIME + timedelta(hours=h))
maybe = st.none() | offsets
values = st.sampled_from([0.5, 1.0, 38.0, 95.0, 120.0])
lab_rows = st.lists(st.builds(lab, st.sampled_from([50912, 50813, 51301]), values, offsets, maybe), max_size=6)
chart_rows = st.lists(st.builds(chart, st.sampled_from([220045, 220179, 223761]), values, offsets, maybe), max_size=6)
ed_rows = st.lists(st.builds(lambda t, v: ed_sign(t, heartrate=v, temperature=v), offsets, values), max_size=4)
drug_rows = st.lists(
    st.builds(
        lambda name, start, stop, order: drug(name, start, stop, poe_id=order),
        st.sampled_from(["Vancomycin", "Heparin", "Cefepime"]),
        offsets,
        offsets,
        st.sampled_from(["1-1", "1-2", None]),
    ),
    max_size=4,
)
order_rows = st.tuples(offsets, offsets).map(
    lambda t: [{"poe_id": "1-1", "ordertime": t[0]}, {"poe_id": "1-2", "ordertime": t[1]}]
)
stay_rows = st.lists(st.tuples(offsets, offsets), max_size=3).map(
    lambda found: [{"hadm_id": 100 + i, "admittime": min(t), "dischtime": max(t)} for i, t in enumerate(found)]
)
code_rows = st.lists(
    st.builds(code, st.sampled_from([11, 100, 101, 102]), st.sampled_from(["486", "4280"])), max_size=5
)
ed_stay_rows = st.lists(offsets, max_size=3).map(
    lambda found: [{"stay_id": 200 + i, "intime": t, "outtime": t + timedelta(hours=5)} for i, t in enumerate(found)]
)


def numbered(records, name):
    return [{**r, name: i} for i, r in enumerate(records)]


def erased_future(labs, chart, ed, drugs, orders, stays, codes, ed_stays):
    """The record as it stood: what was not known at the study is gone, what was open has no end but a later one."""
    late = {o["poe_id"] for o in orders if o["ordertime"] > STUDY_TIME}
    far = after(days=500)
    over = {s["hadm_id"] for s in stays if s["dischtime"] <= STUDY_TIME}
    return {
        "labs": [r for r in labs if r["storetime"] and r["storetime"] <= STUDY_TIME and r["charttime"] <= STUDY_TIME],
        "chart": [r for r in chart if max(r["charttime"], r["storetime"] or r["charttime"]) <= STUDY_TIME],
        "ed": [r for r in ed if r["charttime"] <= STUDY_TIME],
        "drugs": [
            {**r, "stoptime": far if r["stoptime"] > STUDY_TIME else r["stoptime"]}
            for r in drugs
            if r["starttime"] <= STUDY_TIME and r["poe_id"] not in late
        ],
        "orders": [o for o in orders if o["ordertime"] <= STUDY_TIME],
        "stays": [
            {**s, "dischtime": far if s["dischtime"] > STUDY_TIME else s["dischtime"]}
            for s in stays
            if s["admittime"] <= STUDY_TIME
        ],
        "codes": [c for c in codes if c["hadm_id"] in over],
        "ed_stays": [{**s, "outtime": max(s["outtime"], STUDY_TIME)} for s in ed_stays if s["intime"] <= STUDY_TIME],
    }


@settings(max_examples=60)
@given(lab_rows, chart_rows, ed_rows, drug_rows, order_rows, stay_rows, code_rows, ed_stay_rows)
def test_nothing_known_later_changes_the_context(labs, chart, ed, drugs, orders, stays, codes, ed_stays):
    records = {
        "labs": numbered(labs, "labevent_id"),
        "chart": chart,
        "ed": ed,
        "drugs": numbered(drugs, "pharmacy_id"),
        "orders": orders,
        "stays": [ADMISSION, *stays],
        "codes": [dict(t) for t in {tuple(c.items()) for c in codes}],
        "ed_stays": [STAY, *ed_stays],
    }
    triage = [{**TRIAGE, "stay_id": s["stay_id"]} for s in records["ed_stays"]]
    as_recorded = known(**records, triage=triage)
    stood = erased_future(**records)
    arrived = {s["stay_id"] for s in stood["ed_stays"]}
    as_it_stood = known(**stood, triage=[t for t in triage if t["stay_id"] in arrived])
    for later, then in zip(as_recorded, as_it_stood, strict=True):
        assert later.equals(then)
