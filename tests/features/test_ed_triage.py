"""Emergency department features: units, history that was over, outcomes, and nothing from after the moment."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.features.ed_features import CRITICAL, HOSPITALISATION, OUTCOMES, REVISIT, SENT_HOME
from clinical_assets.features.ed_scores import SCORES, score
from clinical_assets.features.ed_triage import (
    AT_DISPOSITION,
    AT_TRIAGE,
    DURING_STAY,
    ED_TRIAGE,
    ELIGIBLE,
    PARTS,
    cleaned,
    ed_triage,
    from_comorbidities,
)
from clinical_assets.lineage import column_lineage
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.models.training import NEVER_FEATURES
from clinical_assets.stays.tables import ED_STAYS, HOSPITAL_STAYS, ICU_STAYS

IN = datetime(2150, 3, 1, 12)
OUT = IN + timedelta(hours=4)
TABLES = {
    "ed_stays": ED_STAYS,
    "hospital_stays": HOSPITAL_STAYS,
    "icu_stays": ICU_STAYS,
    **{name: RELEASE[f"mimic/hosp/{name}"] for name in ("patients", "diagnoses_icd")},
    **{name: RELEASE[f"mimic/ed/{name}"] for name in ("triage", "vitalsign", "medrecon", "pyxis")},
}
TRIAGED = {
    "subject_id": 1, "stay_id": 5, "temperature": 98.6, "heartrate": 80.0, "resprate": 16.0, "o2sat": 98.0,
    "sbp": 120.0, "dbp": 60.0, "pain": "3", "acuity": 3.0, "chiefcomplaint": "Chest pain, Dyspnea",
}  # fmt: skip


def ed_stay(stay_id=5, intime=IN, outtime=OUT, **facts):
    return {
        "subject_id": 1, "stay_id": stay_id, "intime": intime, "outtime": outtime, "gender": "F", "ed_stay_number": 1,
        "admission_found": facts.get("hadm_id") is not None, **facts,
    }  # fmt: skip


def hospital(hadm_id, admittime, dischtime=None, died=0):
    return {
        "subject_id": 1, "hadm_id": hadm_id, "admittime": admittime, "hospital_expire_flag": died,
        "dischtime": dischtime or admittime + timedelta(days=2),
    }  # fmt: skip


def intensive(stay_id, hadm_id, intime):
    return {"subject_id": 1, "hadm_id": hadm_id, "stay_id": stay_id, "intime": intime}


def code(hadm_id, icd_code, version=10):
    return {"subject_id": 1, "hadm_id": hadm_id, "seq_num": 1, "icd_code": icd_code, "icd_version": version}


def table(**records):
    person = {"subject_id": 1, "anchor_age": 70, "anchor_year": 2149}
    given = {"ed_stays": [ed_stay()], "patients": [person], "triage": [TRIAGED]} | records
    frames = {
        name: pl.DataFrame(list(given.get(name, ())), schema=declared.polars_schema).lazy()
        for name, declared in TABLES.items()
    }
    return ed_triage(**frames).collect()


def row(**records):
    return table(**records).row(by_predicate=pl.col("stay_id") == 5, named=True)


def test_the_table_is_as_declared_with_the_81_columns_of_the_benchmark():
    found = table()
    assert dict(found.schema) == dict(ED_TRIAGE.polars_schema)
    assert (len(AT_TRIAGE), len(DURING_STAY), len({f.name for f in AT_DISPOSITION})) == (71, 10, 81)
    assert found.height == 1


def test_nothing_of_the_stay_after_triage_is_among_the_features_at_triage():
    names = {f.name for f in AT_TRIAGE}
    assert not {n for n in names if n.startswith(("ed_", "n_med"))}
    assert not {f.name for f in AT_DISPOSITION} & {*NEVER_FEATURES, *OUTCOMES, "disposition", "index_time"}
    later = {
        "vitalsign": [TRIAGED | {"charttime": OUT, "heartrate": 150.0, "rhythm": None}],
        "pyxis": [{"subject_id": 1, "stay_id": 5, "charttime": OUT, "name": "Morphine"}],
        "hospital_stays": [hospital(9, OUT, died=1)],
    }
    later["vitalsign"] = [
        {k: v for k, v in e.items() if k in TABLES["vitalsign"].column_names} for e in later["vitalsign"]
    ]
    changed, plain = row(**later), row()
    assert {n: changed[n] for n in names} == {n: plain[n] for n in names}
    assert (changed["ed_heartrate_last"], changed["n_med"]) == (150, 1)


@pytest.mark.parametrize(
    ("recorded", "celsius"),
    [
        (98.6, 37.0),
        (36.6, 36.6),
        (45.0, 45.0),
        (104.0, 40.0),
        (80.0, 26.6666667),
        (60.0, 26.0),
        (120.0, None),
        (0.0, None),
    ],
)
def test_a_temperature_that_can_only_be_celsius_is_read_as_celsius(recorded, celsius):
    found = row(triage=[TRIAGED | {"temperature": recorded}])["triage_temperature"]
    assert found == (None if celsius is None else pytest.approx(celsius))


@pytest.mark.parametrize(
    ("name", "recorded", "expected"),
    [
        ("heartrate", 350.0, 350), ("heartrate", 380.0, 350), ("heartrate", 391.0, None), ("o2sat", 120.0, 100),
        ("o2sat", 151.0, None), ("sbp", 376.0, None), ("resprate", 310.0, 300), ("pain", "13", None),
        ("pain", "unable", None), ("pain", "10", 10),
    ],
)  # fmt: skip
def test_a_value_is_clipped_to_what_is_valid_and_dropped_beyond_what_is_believable(name, recorded, expected):
    assert row(triage=[TRIAGED | {name: recorded}])[f"triage_{name}"] == expected


def test_pain_is_read_as_it_is_written():
    said = {"8.5": 8.5, "5-7": 6, " 7/10": 7, "3 - 4": 3.5, "-": None, "10-15": None, "": None, "ett": None, "0": 0}
    read = pl.DataFrame({"pain": [*said, None]}).select(cleaned("pain")).to_series().to_list()
    assert read == [*said.values(), None]


def test_complaints_are_found_whatever_their_case_and_a_missing_one_is_none():
    said = row(triage=[TRIAGED | {"chiefcomplaint": "ABD PAIN, N/Nausea; Shortness of Breath"}])
    on = {n for n, v in said.items() if n.startswith("chiefcom_") and v == 1}
    assert on == {"chiefcom_abdominal_pain", "chiefcom_nausea_vomiting", "chiefcom_shortness_of_breath"}
    assert row(triage=[TRIAGED | {"chiefcomplaint": None}])["chiefcom_cough"] == 0


def test_earlier_stays_are_counted_by_when_they_began_and_the_stays_own_admission_is_not():
    before = lambda days: IN - timedelta(days=days)  # noqa: E731
    found = row(
        ed_stays=[ed_stay(hadm_id=11), *(ed_stay(n, before(d), before(d)) for n, d in ((1, 30), (2, 31), (3, 366))),
                  ed_stay(4, IN + timedelta(days=1))],
        hospital_stays=[hospital(10, before(20)), hospital(11, before(0.01)), hospital(12, IN + timedelta(days=40))],
        icu_stays=[intensive(70, 10, before(19)), intensive(71, 11, before(0.005)), intensive(72, 10, before(100))],
    )  # fmt: skip
    assert [found[f"n_ed_{n}d"] for n in (30, 90, 365)] == [1, 2, 2]
    assert [found[f"n_hosp_{n}d"] for n in (30, 90, 365)] == [1, 1, 1]
    assert [found[f"n_icu_{n}d"] for n in (30, 90, 365)] == [1, 1, 2]


def test_comorbidities_come_only_from_hospital_stays_that_had_ended_before_arrival():
    ended = hospital(10, IN - timedelta(days=60), IN - timedelta(days=50))
    going_on = hospital(12, IN - timedelta(days=3), IN + timedelta(hours=1))
    own = hospital(11, OUT)
    ancient = hospital(8, IN - timedelta(days=3000), IN - timedelta(days=2990))
    codes = [code(10, "I509"), code(10, "4280", 9), code(10, "F329"), code(10, "C509"), code(10, "C787"),
             code(12, "B20"), code(11, "I219"), code(8, "F03")]  # fmt: skip
    found = row(ed_stays=[ed_stay(hadm_id=11)], hospital_stays=[ended, going_on, own, ancient], diagnoses_icd=codes)
    on = {n for n, v in found.items() if n.startswith(("cci_", "eci_")) and v == 1}
    assert on == {"cci_CHF", "cci_Cancer1", "cci_Cancer2", "eci_Depression"}
    assert found["score_CCI"] == 3 + 1 + 6  # 71 years, heart failure, and of two cancers the metastatic
    assert row()["score_CCI"] == 3


@pytest.mark.parametrize(
    ("name", "measured", "points"),
    [
        ("MEWS", {"sbp": 70, "heartrate": 130, "resprate": 30, "temperature": 38.5}, 3 + 3 + 3 + 2),
        ("MEWS", {"sbp": 101, "heartrate": 51, "resprate": 14, "temperature": 35.0}, 0),
        ("NEWS", {"resprate": 25, "o2sat": 91, "temperature": 35.0, "sbp": 90, "heartrate": 131}, 15),
        ("NEWS", {"resprate": 12, "o2sat": 96, "temperature": 36.1, "sbp": 111, "heartrate": 51}, 0),
        ("REMS", {"age": 75, "heartrate": 180, "resprate": 50, "map": 160, "o2sat": 74}, 22),
        ("REMS", {"age": 44, "heartrate": 70, "resprate": 12, "map": 70, "o2sat": 90}, 0),
        ("CART", {"resprate": 30, "heartrate": 140, "dbp": 34, "age": 70}, 57),
        ("CART", {"resprate": 20, "heartrate": 109, "dbp": 50, "age": 54}, 0),
        ("NEWS", {"resprate": None, "o2sat": 91, "temperature": 35.0, "sbp": 90, "heartrate": 131}, None),
    ],
)
def test_scores_at_the_ends_of_their_bands(name, measured, points):
    frame = pl.DataFrame({n: [v] for n, v in measured.items()}, schema=dict.fromkeys(measured, pl.Float64))
    assert set(SCORES[name]) == set(measured)
    assert frame.select(score(name, {n: n for n in measured})).item() == points


def outcomes(**records):
    found = row(**records)
    return tuple(found[name] for name in (HOSPITALISATION, CRITICAL, REVISIT))


def test_outcomes():
    admitted = [ed_stay(hadm_id=11)]
    assert outcomes() == (0, 0, 0)
    assert outcomes(ed_stays=admitted, hospital_stays=[hospital(11, OUT)]) == (1, 0, 0)
    assert outcomes(ed_stays=admitted, hospital_stays=[hospital(11, OUT, died=1)]) == (1, 1, 0)
    for hours, critical in ((12, 1), (12.1, 0), (-1, 1)):
        icu = [intensive(70, 11, OUT + timedelta(hours=hours)), intensive(71, 11, OUT + timedelta(days=5))]
        assert outcomes(ed_stays=admitted, hospital_stays=[hospital(11, OUT)], icu_stays=icu) == (1, critical, 0)
    elsewhere = [intensive(70, 12, OUT + timedelta(hours=1))]  # another hospital stay's ICU
    assert outcomes(ed_stays=admitted, hospital_stays=[hospital(11, OUT)], icu_stays=elsewhere) == (1, 0, 0)
    assert outcomes(ed_stays=[ed_stay(hadm_id=11, admission_found=False)]) == (1, None, 0)
    for later, revisit in ((timedelta(days=3), 0), (timedelta(days=3, minutes=-1), 1)):
        assert outcomes(ed_stays=[ed_stay(), ed_stay(6, OUT + later)]) == (0, 0, revisit)
    assert outcomes(ed_stays=[ed_stay(), ed_stay(4, IN - timedelta(days=1))]) == (0, 0, 0)


def test_eligible_are_adults_triaged_with_an_acuity():
    assert row()[ELIGIBLE]
    assert not row(patients=[{"subject_id": 1, "anchor_age": 16, "anchor_year": 2149}])[ELIGIBLE]
    assert not row(triage=[TRIAGED | {"acuity": None}])[ELIGIBLE]
    assert not row(triage=[])[ELIGIBLE]
    assert not row(patients=[])[ELIGIBLE]


def test_those_who_can_come_back_left_alive_and_were_not_admitted():
    def may_return(**facts):
        return row(ed_stays=[ed_stay(**facts)])[SENT_HOME]

    for disposition in ("HOME", "LEFT AGAINST MEDICAL ADVICE", "ELOPED", "TRANSFER", None):
        assert may_return(disposition=disposition)
    for disposition in ("ADMITTED", "EXPIRED"):
        assert not may_return(disposition=disposition)
    assert not may_return(hadm_id=11, disposition="HOME")
    assert not may_return(outtime=None, disposition="HOME")
    assert not row(triage=[TRIAGED | {"acuity": None}])[SENT_HOME]
    later = row(ed_stays=[ed_stay(), ed_stay(6, OUT + timedelta(hours=5))])
    assert (later[SENT_HOME], later[REVISIT]) == (row()[SENT_HOME], 1)  # coming back chooses nobody


def test_drugs_are_counted_by_their_generic_number_and_by_name_where_there_is_none():
    drugs = [
        {"subject_id": 1, "stay_id": 5, "charttime": IN, "name": name, "gsn": gsn}
        for name, gsn in (("Aspirin 81mg", "4380"), ("Aspirin", "4380"), ("Heparin", None), ("Heparin", None))
    ]
    found = row(pyxis=drugs, medrecon=drugs[:3])
    assert (found["n_med"], found["n_medrecon"]) == (2, 2)


CODED = {
    # HTN1 is complicated hypertension in the benchmark, HTN2 uncomplicated.
    ("I10", 10): {"HTN2"}, ("4019", 9): {"HTN2"}, ("I130", 10): {"HTN1"}, ("40290", 9): {"HTN1"},
    # What the benchmark's own copy of Quan's lists leaves out.
    ("E222", 10): {"FluidsLytes"}, ("2912", 9): {"Alcohol"},
    # A code of two conditions, and neighbours of codes that count.
    ("F315", 10): {"Psychoses", "Depression"}, ("4264", 9): set(), ("2858", 9): set(), ("29603", 9): set(),
    ("C9030", 10): set(), ("C9000", 10): {"Lymphoma"}, ("29604", 9): {"Psychoses"}, ("V450", 9): {"Arrhythmia"},
    ("4255", 9): {"Alcohol"}, ("I426", 10): {"Alcohol"}, ("D509", 10): {"Anemia"}, ("R56", 10): {"NeuroOther"},
}  # fmt: skip
"""Code and version: the Elixhauser conditions it stands for (Quan et al. 2005)."""


def test_elixhauser_conditions_by_code():
    numbers = range(1, len(CODED) + 1)
    records = {
        "ed_stays": [ed_stay(n) | {"subject_id": n} for n in numbers],
        "patients": [{"subject_id": n, "anchor_age": 70, "anchor_year": 2149} for n in numbers],
        "hospital_stays": [hospital(n, IN - timedelta(days=60)) | {"subject_id": n} for n in numbers],
        "diagnoses_icd": [code(n, *c) | {"subject_id": n} for n, c in zip(numbers, CODED, strict=True)],
    }
    frames = {n: pl.DataFrame(rows, schema=TABLES[n].polars_schema).lazy() for n, rows in records.items()}
    found = from_comorbidities(**frames).sort("stay_id").collect().to_dicts()
    on = [{n.removeprefix("eci_") for n, v in stay.items() if n.startswith("eci_") and v == 1} for stay in found]
    assert dict(zip(CODED, on, strict=True)) == CODED


moments = st.integers(-40 * 24 * 60, 40 * 24 * 60).map(lambda minutes: IN + timedelta(minutes=minutes))
admissions = st.lists(st.tuples(moments, st.integers(1, 30 * 24), st.integers(0, 1)), max_size=4)
visits = st.lists(moments.filter(lambda t: t != IN), max_size=4)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(admissions, visits, st.lists(moments, max_size=3), st.lists(moments, max_size=5))
def test_nothing_that_happened_after_arrival_changes_a_feature_at_triage(stays, other_visits, unit_stays, vitals):
    def features(ed, hosp, units, codes, signs):
        return row(
            ed_stays=[ed_stay(), *(ed_stay(100 + n, t, t + timedelta(hours=3)) for n, t in ed)],
            hospital_stays=[hospital(n, t, t + timedelta(hours=h), d) for n, (t, h, d) in hosp],
            icu_stays=[intensive(500 + n, n, t) for n, t in units],
            diagnoses_icd=codes,
            vitalsign=[{"subject_id": 1, "stay_id": 5, "charttime": t, "heartrate": 99.0} for t in signs],
        )

    icd = ["I509", "F329", "C787", "B20"]
    hosp = list(enumerate(stays))
    everything = features(
        enumerate(other_visits), hosp, enumerate(unit_stays), [code(n, icd[n]) for n, _ in hosp], vitals
    )
    # a stay under way at arrival is known to have begun; its end, death and codes are not known
    begun = [(n, (t, h if t + timedelta(hours=h) < IN else 10_000, 0)) for n, (t, h, _) in hosp if t < IN]
    coded = [code(n, icd[n]) for n, (t, h, _) in hosp if t + timedelta(hours=h) < IN]
    by_arrival = features(
        [(n, t) for n, t in enumerate(other_visits) if t < IN],
        begun,
        [(n, t) for n, t in enumerate(unit_stays) if t < IN],
        coded,
        [],
    )
    names = [f.name for f in AT_TRIAGE]
    assert {n: everything[n] for n in names} == {n: by_arrival[n] for n in names}


def test_nothing_charted_after_leaving_changes_a_feature_of_the_stay():
    sign = {"subject_id": 1, "stay_id": 5, "charttime": OUT, "heartrate": 90.0}
    drug = {"subject_id": 1, "stay_id": 5, "charttime": OUT, "name": "Morphine"}
    late = timedelta(minutes=1)
    by_the_end = row(vitalsign=[sign], pyxis=[drug, drug], medrecon=[drug])
    assert (by_the_end["ed_heartrate_last"], by_the_end["n_med"], by_the_end["n_medrecon"]) == (90, 1, 1)
    after = row(
        vitalsign=[sign, sign | {"charttime": OUT + late, "heartrate": 20.0}],
        pyxis=[drug, drug | {"charttime": OUT + late, "name": "Heparin"}],
        medrecon=[drug, drug | {"charttime": OUT + late, "name": "Aspirin"}],
    )
    assert after == by_the_end


def test_lineage_of_features_never_leads_to_the_outcome_or_the_disposition():
    found = {}
    for part in PARTS:
        found = column_lineage(part, {name: declared.polars_schema for name, declared in TABLES.items()}) | found
    assert set(found) == set(ED_TRIAGE.column_names)
    forbidden = {("hospital_stays", "hospital_expire_flag"), ("ed_stays", "disposition"), ("icu_stays", "outtime")}
    for feature in AT_DISPOSITION:
        assert not found[feature.name] & forbidden, feature.name
    for feature in AT_TRIAGE:
        assert not {source for source, _ in found[feature.name]} & {"vitalsign", "pyxis", "medrecon"}, feature.name


DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.mark.skipif(not DEMO.exists(), reason="the open demo is not at ../shared")
def test_on_the_demo_no_temperature_is_a_frozen_or_boiling_one(demo_frames):
    recorded = {
        name: demo_frames(f"mimic/ed/{name}").select("temperature").drop_nulls() for name in ("triage", "vitalsign")
    }
    in_celsius = {n: f.filter(pl.col("temperature").is_between(26, 45)).collect().height for n, f in recorded.items()}
    assert in_celsius == {"triage": 1, "vitalsign": 36}
    for frame in recorded.values():
        read = frame.select(cleaned("temperature")).collect().to_series().drop_nulls()
        assert 30 < read.min() < read.max() < 42  # 31.4 is a cold patient
