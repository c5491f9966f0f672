"""Features of the first ICU day: what they hold, and that nothing known later can change them."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.features.mortality_first_day import (
    ELIGIBLE,
    FEATURES,
    LABEL,
    MORTALITY_FIRST_DAY,
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


def features(charted=(), results=(), outputs=(), stays=(), admissions=None):
    stays = stays or (stay(),)
    admissions = admissions or {(s["subject_id"], s["hadm_id"]) for s in stays}
    return mortality_first_day(
        rows(ICU_STAYS, *stays),
        rows(
            HOSPITAL_STAYS,
            *({"subject_id": s, "hadm_id": h, "admission_type": "EW EMER.", "edregtime": IN} for s, h in admissions),
        ),
        rows(RELEASE["mimic/icu/chartevents"], *charted),
        rows(RELEASE["mimic/hosp/labevents"], *results),
        rows(RELEASE["mimic/icu/outputevents"], *outputs),
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
        if feature.source != "stays":
            assert feature.unit, feature.name
            assert feature.plausible, feature.name


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


def known_at(event):
    """When the event was known: stored, and happened. None: never."""
    stored = event["storetime"]
    return max(stored, event["charttime"]) if stored else None


def known_by_index(event):
    known = known_at(event)
    return known is not None and known <= INDEX


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(charted, max_size=12), st.lists(resulted, max_size=12), st.lists(urine, max_size=5))
def test_no_event_known_only_after_the_index_time_changes_a_feature(charts, labs, urines):
    everything = features(charts, labs, urines)
    by_index = features(
        [c for c in charts if known_by_index(c)],
        [r for r in labs if known_by_index(r)],
        [u for u in urines if known_by_index(u)],
    )
    assert everything.equals(by_index, null_equal=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
        "chartevents": RELEASE["mimic/icu/chartevents"].polars_schema,
        "labevents": RELEASE["mimic/hosp/labevents"].polars_schema,
        "outputevents": RELEASE["mimic/icu/outputevents"].polars_schema,
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
            demo_frames("mimic/icu/chartevents"),
            demo_frames("mimic/hosp/labevents"),
            demo_frames("mimic/icu/outputevents"),
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
