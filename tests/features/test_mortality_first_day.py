"""Features of the first ICU day: what they hold, and that nothing known later can change them."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.io.plugins import register_io_source

from clinical_assets.features.mortality_first_day import (
    ELIGIBLE,
    FEATURES,
    LABEL,
    MORTALITY_FIRST_DAY,
    NAMED,
    PARTS,
    mortality_first_day,
)
from clinical_assets.lineage import column_lineage
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.models.training import NEVER_FEATURES
from clinical_assets.stays.tables import HOSPITAL_STAYS, ICU_STAYS

IN = datetime(2150, 3, 1, 12)
INDEX = IN + timedelta(hours=24)
HEART_RATE, TEMPERATURE_F, TEMPERATURE_C, URINE, CREATININE, POTASSIUM = 220045, 223761, 223762, 226559, 50912, 50971


def rows(table, *records):
    return pl.DataFrame(list(records), schema=table.polars_schema).lazy()


def stay(**facts):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "intime": IN, "outtime": IN + timedelta(days=3),
        "admittime": IN - timedelta(hours=2), "gender": "F", "age": 70, "hospital_expire_flag": 0,
        "icu_stay_number": 1, "admission_found": True, "first_careunit": "Medical Intensive Care Unit (MICU)", **facts,
    }  # fmt: skip


def chart(itemid, value, happened, stored=None, stay_id=111):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": stay_id, "itemid": itemid, "charttime": happened,
        "storetime": stored or happened, "valuenum": value,
    }  # fmt: skip


def output(value, happened, stored=None):
    entry = chart(URINE, None, happened, stored) | {"value": value}
    del entry["valuenum"]
    return entry


def lab(itemid, value, happened, stored, specimen=1):
    return {
        "labevent_id": specimen * 1000 + itemid % 1000, "subject_id": 1, "specimen_id": specimen, "itemid": itemid,
        "charttime": happened, "storetime": stored, "valuenum": value,
    }  # fmt: skip


EVENTS = {
    name: RELEASE[f"mimic/{module}/{name}"]
    for module, names in {
        "icu": ("chartevents", "outputevents", "inputevents", "procedureevents"),
        "hosp": ("labevents", "prescriptions", "microbiologyevents", "services", "diagnoses_icd"),
    }.items()
    for name in names
}


def dose(itemid, rate, start, stored=None, **facts):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "itemid": itemid, "starttime": start,
        "endtime": start + timedelta(hours=5), "storetime": stored or start, "rate": rate, "rateuom": "mcg/kg/min",
        "patientweight": 80.0, "linkorderid": 1, **facts,
    }  # fmt: skip


def procedure(itemid, start, stored=None):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "itemid": itemid, "starttime": start,
        "endtime": start + timedelta(hours=5), "storetime": stored or start,
    }  # fmt: skip


def order(drug, start):
    return {
        "subject_id": 1, "hadm_id": 11, "starttime": start, "stoptime": start + timedelta(days=3), "drug": drug,
        "route": "IV", "drug_type": "MAIN",
    }  # fmt: skip


def culture(taken, day=None, specimen=5):
    return {
        "subject_id": 1, "hadm_id": 11, "micro_specimen_id": specimen, "chartdate": day or taken.replace(hour=0),
        "charttime": taken, "spec_type_desc": "BLOOD CULTURE", "storetime": (taken or day) + timedelta(days=3),
    }  # fmt: skip


def admission(hadm_id=11, subject_id=1, **facts):
    return {
        "subject_id": subject_id, "hadm_id": hadm_id, "admission_type": "EW EMER.", "edregtime": IN,
        "admittime": IN - timedelta(hours=2), "admission_location": "EMERGENCY ROOM", **facts,
    }  # fmt: skip


def features(charted=(), results=(), outputs=(), stays=(), admissions=None, **others):
    stays = stays or (stay(),)
    admissions = admissions or [admission(h, s) for s, h in {(s["subject_id"], s["hadm_id"]) for s in stays}]
    events = {"chartevents": charted, "labevents": results, "outputevents": outputs, **others}
    return mortality_first_day(
        rows(ICU_STAYS, *stays),
        rows(HOSPITAL_STAYS, *admissions),
        **{name: rows(table, *events.get(name, ())) for name, table in EVENTS.items()},
    ).collect()


def test_the_table_is_as_declared_and_has_a_row_for_every_stay_even_without_events():
    found = features()
    assert dict(found.schema) == dict(MORTALITY_FIRST_DAY.polars_schema)
    assert found.height == 1
    assert found["heart_rate_min"].to_list() == [None]
    assert found["age"].to_list() == [70]
    assert found["female"].to_list() == [1]


def test_both_ends_of_the_window_belong_to_it():
    inside = [chart(HEART_RATE, 60.0, IN - timedelta(hours=6)), chart(HEART_RATE, 90.0, INDEX)]
    outside = [
        chart(HEART_RATE, 20.0, IN - timedelta(hours=6, seconds=1)),
        chart(HEART_RATE, 200.0, INDEX + timedelta(seconds=1)),
    ]
    found = features(inside + outside)
    assert found.select("heart_rate_min", "heart_rate_max", "heart_rate_mean").row(0) == (60, 90, 75)


def test_temperatures_in_fahrenheit_are_converted_and_each_scale_has_its_own_bounds():
    found = features(
        [
            chart(TEMPERATURE_F, 98.6, IN),
            chart(TEMPERATURE_C, 38.5, IN + timedelta(hours=1)),
            chart(TEMPERATURE_C, 98.6, IN + timedelta(hours=2)),  # Fahrenheit under the Celsius item
            chart(TEMPERATURE_F, 37.0, IN + timedelta(hours=3)),  # Celsius under the Fahrenheit item
        ]
    )
    assert found.select("temperature_min", "temperature_max").row(0) == (37.0, 38.5)


def test_a_result_drawn_in_time_but_stored_after_the_index_time_was_not_known():
    drawn = INDEX - timedelta(hours=1)
    known = lab(CREATININE, 1.0, drawn, INDEX, specimen=1)
    late = lab(CREATININE, 9.0, drawn, INDEX + timedelta(minutes=1), specimen=2)
    unstored = lab(CREATININE, 7.0, drawn, None, specimen=3)
    assert features(results=[known, late, unstored]).select("creatinine_min", "creatinine_max").row(0) == (1.0, 1.0)


def test_an_implausible_result_is_no_value():
    found = features(results=[lab(POTASSIUM, 25.0, IN, IN), lab(CREATININE, 2.0, IN, IN)])
    assert found.select("potassium_max", "creatinine_max").row(0) == (None, 2.0)


def test_urine_counts_from_admission_and_not_from_six_hours_before():
    outputs = [output(500.0, IN - timedelta(hours=1)), output(300.0, IN), output(200.0, INDEX)]
    assert features(outputs=outputs)["urine_output"].to_list() == [500.0]


def test_a_specimen_shared_by_two_stays_counts_in_each_by_its_own_index_time():
    first = stay(outtime=IN + timedelta(hours=20))
    second = stay(stay_id=112, intime=IN + timedelta(hours=22), icu_stay_number=2)
    result = lab(CREATININE, 3.0, IN + timedelta(hours=21), IN + timedelta(hours=25))
    found = features(results=[result], stays=(first, second)).sort("stay_id")
    assert found["creatinine_max"].to_list() == [None, 3.0]


@pytest.mark.parametrize(
    ("facts", "eligible"),
    [
        ({}, True),
        ({"outtime": INDEX}, False),  # gone by the index time: nobody to predict for
        ({"outtime": None}, False),
        ({"outtime": INDEX + timedelta(seconds=1)}, True),
        ({"deathtime": INDEX - timedelta(hours=1)}, False),  # the record's outtime can be later than the death
        ({"deathtime": INDEX + timedelta(hours=1), "hospital_expire_flag": 1}, True),
        ({"admission_found": False, "hospital_expire_flag": None}, False),
        ({"hospital_expire_flag": None}, False),
    ],
)
def test_a_stay_is_eligible_while_the_patient_is_alive_and_there_at_the_index_time(facts, eligible):
    assert features(stays=(stay(**facts),))[ELIGIBLE].to_list() == [eligible]


def test_no_identifier_outcome_or_calendar_year_is_a_feature():
    names = {f.name for f in FEATURES}
    assert not names & set(NEVER_FEATURES)
    assert not names & {
        "dod",
        LABEL,
        ELIGIBLE,
        "index_time",
        "los_hours",
        "last_careunit",
        "race",
        "insurance",
        "language",
    }


def test_every_feature_has_one_meaning_and_every_measured_one_a_unit_and_bounds():
    assert len({f.name for f in FEATURES}) == len(FEATURES)
    for feature in FEATURES:
        assert feature.meaning.endswith(".")
        if feature.categories is None and feature.source != "stays":
            assert feature.unit, feature.name
            assert feature.plausible, feature.name


def test_every_one_of_the_65_names_has_a_column_and_the_61_of_the_public_list_are_among_them():
    names = {f.name for f in FEATURES}
    assert len(NAMED) == 65
    assert set(NAMED.values()) <= names
    ours = {"worst_pao2fio2_24h", "urine_output_24h", "worst_calcium_24h", "hours_before_icu"}
    public = set(NAMED) - ours
    assert len(public) == 61
    assert sum(name.endswith("_sofa") for name in public) == 6
    assert sum(name.startswith("worst_") for name in public) == 31
    assert sum(name.startswith(("min_", "max_")) for name in public) == 8


@pytest.mark.parametrize(
    ("values", "worst"), [([60.0, 100.0], 100), ([45.0, 100.0], 45), ([30.0, 160.0], 160), ([79.0, 80.0], 79)]
)
def test_the_worst_is_the_extreme_farther_from_the_middle_of_normal(values, worst):
    found = features([chart(HEART_RATE, v, IN + timedelta(hours=n)) for n, v in enumerate(values)])
    assert found["worst_hr_24h"].to_list() == [worst]


def test_age_points_are_those_of_apache_ii():
    ages = {44: 0, 45: 2, 54: 2, 55: 3, 64: 3, 65: 5, 74: 5, 75: 6, 91: 6}
    stays = [stay(stay_id=n, age=age) for n, age in enumerate(ages)]
    assert features(stays=stays).sort("stay_id")["age_points"].to_list() == list(ages.values())


def gas(po2, drawn, stored, specimen=7, kind="ART."):
    return [lab(50821, po2, drawn, stored, specimen), lab(52033, None, drawn, stored, specimen) | {"value": kind}]


def test_oxygenation_is_arterial_pressure_over_inspired_oxygen_and_never_a_saturation():
    oxygen = chart(223835, 0.4, IN + timedelta(hours=1))
    saturation = chart(220277, 71.0, IN + timedelta(hours=1))
    drawn = IN + timedelta(hours=2)
    arterial = features([oxygen, saturation], gas(80.0, drawn, drawn))
    ours = ["pao2fio2ratio_min", "pao2_min", "fio2_max", "respiratory_sofa"]
    assert arterial.select(ours).row(0) == (200, 80, 40, 2)
    venous = features([oxygen, saturation], gas(80.0, drawn, drawn, kind="VEN."))
    assert venous.select(ours).row(0) == (None, None, 40, None)
    late = features([oxygen, saturation], gas(80.0, drawn, INDEX + timedelta(minutes=1)))
    assert late.select(ours).row(0) == (None, None, 40, None)


def test_treatments_count_when_begun_and_stored_by_the_index_time():
    flags = ["ventilation_flag", "vasopressor_flag", "cardiac_arrest_flag"]
    assert features().select(flags).row(0) == (0, 0, 0)
    early = IN + timedelta(hours=3)
    given = features(inputevents=[dose(221906, 0.1, early)], procedureevents=[procedure(225792, early)])
    assert given.select(flags).row(0) == (1, 1, 0)
    later = INDEX + timedelta(minutes=1)
    filed_ahead = features(
        inputevents=[dose(221906, 0.1, later, stored=early)], procedureevents=[procedure(225466, early, stored=later)]
    )
    assert filed_ahead.select(flags).row(0) == (0, 0, 0)
    assert features(procedureevents=[procedure(225466, early)])["cardiac_arrest_flag"].to_list() == [1]
    by_text = [chart(223849, None, IN + timedelta(hours=n)) | {"value": "CMV/ASSIST"} for n in (1, 2)]
    assert features(by_text)["ventilation_flag"].to_list() == [1]


def test_sepsis_is_told_from_orders_cultures_and_organs_of_the_time():
    given, taken = IN + timedelta(hours=5), IN + timedelta(hours=4)
    failing = [lab(CREATININE, 3.6, IN, IN)]
    told = features(results=failing, prescriptions=[order("Vancomycin", given)], microbiologyevents=[culture(taken)])
    assert told.select("suspected_infection", "sepsis_flag").row(0) == (1, 1)
    fine = features(prescriptions=[order("Vancomycin", given)], microbiologyevents=[culture(taken)])
    assert fine.select("suspected_infection", "sepsis_flag").row(0) == (1, 0)
    after = features(
        results=failing, prescriptions=[order("Vancomycin", INDEX + timedelta(hours=1))],
        microbiologyevents=[culture(INDEX - timedelta(hours=1))],
    )  # fmt: skip
    assert after["suspected_infection"].to_list() == [0]


def test_shock_is_a_vasopressor_with_high_lactate():
    high = [lab(50813, 4.0, IN, IN), lab(50821, 90.0, IN, IN)]  # lactate counts where the gas has an oxygen pressure
    pressor = [dose(221906, 0.1, IN)]
    assert features(results=high, inputevents=pressor)["shock_flag"].to_list() == [1]
    assert features(results=high)["shock_flag"].to_list() == [0]
    assert features(inputevents=pressor)["shock_flag"].to_list() == [0]


def test_comorbidity_is_that_of_hospital_stays_that_had_ended_before_this_one_began():
    def code(hadm_id, icd_code):
        return {"subject_id": 1, "hadm_id": hadm_id, "seq_num": 1, "icd_code": icd_code, "icd_version": 10}

    began = IN - timedelta(hours=2)
    ended = admission(10, admittime=IN - timedelta(days=90), dischtime=IN - timedelta(days=80))
    going_on = admission(12, admittime=IN - timedelta(days=3), dischtime=began + timedelta(hours=1))
    codes = [code(10, "I50"), code(10, "I509"), code(10, "E1121"), code(11, "C50"), code(12, "B20")]
    found = features(admissions=[admission(), ended, going_on], diagnoses_icd=codes)
    assert found["comorbidity_count"].to_list() == [2]  # heart failure once, diabetes; neither this stay's cancer
    alone = features(admissions=[admission()], diagnoses_icd=[code(11, "C50")])
    assert alone["comorbidity_count"].to_list() == [None]


def test_trauma_is_the_service_of_the_time():
    def moved(when):
        return {"subject_id": 1, "hadm_id": 11, "transfertime": when, "curr_service": "TRAUM"}

    assert features(services=[moved(IN)])["trauma_flag"].to_list() == [1]
    assert features(services=[moved(INDEX + timedelta(seconds=1))])["trauma_flag"].to_list() == [0]


moments = st.integers(-10 * 60, 40 * 60).map(lambda minutes: IN + timedelta(minutes=minutes))
items = st.sampled_from(
    [HEART_RATE, TEMPERATURE_F, TEMPERATURE_C, 220179, 220210, 220277, 220739, 223900, 223901, 226512]
)
tests_ = st.sampled_from([CREATININE, POTASSIUM, 50813, 50820, 51222, 51265, 51301, 50885])
values = st.floats(1, 200, allow_nan=False)
charted = st.builds(
    lambda i, v, t, lag: chart(i, v, t, t + timedelta(minutes=lag)), items, values, moments, st.integers(-30, 600)
)
resulted = st.builds(
    lambda i, v, t, lag, s: lab(i, v, t, None if lag is None else t + timedelta(minutes=lag), s),
    tests_, values, moments, st.none() | st.integers(-30, 900), st.integers(1, 6),
)  # fmt: skip
urine = st.builds(
    lambda v, t, lag: output(v, t, t + timedelta(minutes=lag)),
    values, moments, st.integers(-60, 600),
)  # fmt: skip


dosed = st.builds(
    lambda i, r, t, lag: dose(i, r, t, t + timedelta(minutes=lag)),
    st.sampled_from([221906, 221289, 221662, 221749]), st.floats(0.01, 20), moments, st.integers(-300, 600),
)  # fmt: skip
proceeded = st.builds(
    lambda i, t, lag: procedure(i, t, t + timedelta(minutes=lag)),
    st.sampled_from([225792, 225466, 225802, 225441]), moments, st.integers(-300, 600),
)  # fmt: skip
ordered = st.builds(order, st.sampled_from(["Vancomycin", "CefePIME", "Heparin"]), moments)
cultured = st.builds(culture, moments, specimen=st.integers(1, 4)) | st.builds(
    culture, st.none(), moments.map(lambda t: t.replace(hour=0, minute=0)), st.integers(5, 6)
)
moved = st.builds(
    lambda t, s: {"subject_id": 1, "hadm_id": 11, "transfertime": t, "curr_service": s},
    moments, st.sampled_from(["MED", "TRAUM"]),
)  # fmt: skip


def known_at(event):
    """When the event was known. None: never."""
    if "drug" in event:
        return event["starttime"]
    if "transfertime" in event:
        return event["transfertime"]
    if "micro_specimen_id" in event:
        return event["charttime"] or event["chartdate"] + timedelta(days=1)
    happened = event.get("charttime") or event["starttime"]
    return max(event["storetime"], happened) if event["storetime"] else None


def known_by_index(event):
    known = known_at(event)
    return known is not None and known <= INDEX


def lists(events, most):
    return st.lists(events, max_size=most)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    lists(charted, 10), lists(resulted, 10), lists(urine, 4), lists(dosed, 4), lists(proceeded, 3), lists(ordered, 4),
    lists(cultured, 4), lists(moved, 2),
)  # fmt: skip
def test_no_event_known_only_after_the_index_time_changes_a_feature(
    charts, labs, urines, doses, procedures, orders, cultures, services
):
    events = {
        "charted": charts, "results": labs, "outputs": urines, "inputevents": doses, "procedureevents": procedures,
        "prescriptions": orders, "microbiologyevents": cultures, "services": services,
    }  # fmt: skip
    by_index = {name: [e for e in records if known_by_index(e)] for name, records in events.items()}
    assert features(**events).equals(features(**by_index), null_equal=True)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(charted, max_size=10), st.lists(resulted, max_size=10), st.randoms())
def test_the_order_of_events_does_not_matter(charts, labs, chance):
    before = features(charts, labs)
    chance.shuffle(charts)
    chance.shuffle(labs)
    after = features(charts, labs)
    for name in before.columns:
        if before.schema[name].is_float():
            a, b = before[name].to_list(), after[name].to_list()
            assert [x is None for x in a] == [x is None for x in b], name
            assert [x for x in a if x is not None] == pytest.approx([x for x in b if x is not None]), name
        else:
            assert before[name].equals(after[name], null_equal=True), name


def test_lineage_of_a_feature_leads_to_the_tables_it_is_measured_in():
    schemas = {
        "icu_stays": ICU_STAYS.polars_schema,
        "hospital_stays": HOSPITAL_STAYS.polars_schema,
        **{name: table.polars_schema for name, table in EVENTS.items()},
    }
    found = {}
    for part in PARTS:
        found |= column_lineage(part, schemas)
    assert set(MORTALITY_FIRST_DAY.column_names) <= set(found)
    assert found["age"] == {("icu_stays", "age")}
    assert ("labevents", "valuenum") in found["creatinine_max"]
    assert not {source for source, _ in found["creatinine_max"]} & {"chartevents", "outputevents"}
    assert ("outputevents", "value") in found["urine_output"]


GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "first_day_vitalsign.parquet"
DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.mark.skipif(not GOLDEN.exists() or not DEMO.exists(), reason="the open demo is not at ../shared")
def test_vital_sign_features_equal_the_published_first_day_table_cell_by_cell(demo_frames):
    from clinical_assets.stays import stays as rules

    hospital = rules.hospital_stays(demo_frames("mimic/hosp/admissions"), demo_frames("mimic/hosp/patients"))
    found = (
        mortality_first_day(
            rules.icu_stays(demo_frames("mimic/icu/icustays"), hospital),
            hospital,
            **{name: demo_frames(table.path) for name, table in EVENTS.items()},
        )
        .collect()
        .sort("stay_id")
    )
    golden = pl.read_parquet(GOLDEN).sort("stay_id")
    shared = [c for c in golden.columns if c in found.columns and c not in ("subject_id", "stay_id")]
    assert len(shared) == 21
    assert found["stay_id"].to_list() == golden["stay_id"].to_list()
    for name in shared:
        ours, published = found[name], golden[name].cast(pl.Float64)
        assert ours.is_null().to_list() == published.is_null().to_list(), name
        assert ours.drop_nulls().to_list() == pytest.approx(published.drop_nulls().to_list(), rel=1e-6, abs=1e-9), name


def test_each_table_of_events_is_read_once_however_many_concepts_look_at_it():
    """Else every concept joins the whole tables with the stays anew, all at once, and memory goes with the tables."""
    times = dict.fromkeys(EVENTS, 0)

    def counted(name, table):
        frame = rows(table, *EXAMPLES.get(name, ())).collect()

        def read(with_columns, predicate, n_rows, _batch):
            times[name] += 1
            found = frame if n_rows is None else frame.head(n_rows)
            found = found if predicate is None else found.filter(predicate)
            yield found if with_columns is None else found.select(with_columns)

        return register_io_source(read, schema=frame.schema)

    found = mortality_first_day(
        rows(ICU_STAYS, stay()),
        rows(HOSPITAL_STAYS, admission()),
        **{name: counted(name, table) for name, table in EVENTS.items()},
    ).collect()
    assert found.select("heart_rate_max", "creatinine_max", "vasopressor_flag").row(0) == (90, 1.5, 1)
    of_the_day = set(EVENTS) - {"services", "diagnoses_icd"}
    assert {name: n for name, n in times.items() if name in of_the_day} == dict.fromkeys(of_the_day, 1)


EXAMPLES = {
    "chartevents": [chart(HEART_RATE, 90.0, IN)],
    "labevents": [lab(CREATININE, 1.5, IN, IN)],
    "inputevents": [dose(221906, 0.1, IN)],
}
