"""Hourly sepsis features: what an hour knows, what the label asks, and that no later hour can change an earlier one."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.concepts.tables import CONCEPTS
from clinical_assets.concepts.tables import TABLES as CONCEPT_TABLES
from clinical_assets.features.known import concept
from clinical_assets.features.sepsis_features import GAP_HOURS, HORIZON_HOURS
from clinical_assets.features.sepsis_hourly import (
    ALL_FEATURES,
    ELIGIBLE,
    FEATURES,
    LABEL,
    LABEL_DERIVED,
    PARTS,
    SEPSIS_HOURLY,
    features_of,
    labelled,
    sepsis_hourly,
)
from clinical_assets.lineage import column_lineage
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.models.training import NEVER_FEATURES
from clinical_assets.stays.tables import ICU_STAYS

LABELLING = (LABEL, ELIGIBLE, HORIZON_HOURS, GAP_HOURS)
IN = datetime(2150, 3, 1, 12, 20)
HOURS = 40
ICU_CHART, ICU_OUT, ICU_IN, LAB = (
    RELEASE[f"mimic/{path}"] for path in ("icu/chartevents", "icu/outputevents", "icu/inputevents", "hosp/labevents")
)
ONSET = CONCEPT_TABLES["sepsis_onset"]
HEART_RATE, SBP, MAP, FAHRENHEIT, CELSIUS, FIO2 = 220045, 220179, 220052, 223761, 223762, 223835
MOTOR, VERBAL, EYES, DEVICE, HEIGHT_CM, HEIGHT_IN, WEIGHT = 223901, 223900, 220739, 226732, 226730, 226707, 226512
CREATININE, PLATELETS, BILIRUBIN, LACTATE, PO2, SPECIMEN, GAS_FIO2 = 50912, 51265, 50885, 50813, 50821, 52033, 50816
NOREPINEPHRINE, FOLEY, IRRIGANT = 221906, 226559, 227488


def h(hours):
    return IN + timedelta(hours=hours)


def rows(table, records):
    return pl.DataFrame(list(records), schema=table.polars_schema).lazy()


def stay(**facts):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "intime": IN, "outtime": h(HOURS), "gender": "F", "age": 70,
        "icu_stay_number": 1, "admission_found": True, **facts,
    }  # fmt: skip


def chart(itemid, value, happened, stored=None, text=None, stay_id=111):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": stay_id, "itemid": itemid, "charttime": happened,
        "storetime": stored or happened, "valuenum": value, "value": text,
    }  # fmt: skip


def lab(itemid, value, happened, stored, specimen=1, text=None):
    return {
        "labevent_id": specimen * 100_000 + itemid, "subject_id": 1, "specimen_id": specimen, "itemid": itemid,
        "charttime": happened, "storetime": stored, "valuenum": value, "value": text,
    }  # fmt: skip


def urine(value, happened, stored=None, itemid=FOLEY):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "itemid": itemid, "charttime": happened,
        "storetime": stored or happened, "value": value,
    }  # fmt: skip


def infusion(itemid, rate, start, end, stored=None, uom="mcg/kg/min"):
    return {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "itemid": itemid, "starttime": start, "endtime": end,
        "storetime": stored or start, "rate": rate, "rateuom": uom, "patientweight": 80.0,
    }  # fmt: skip


def inputs(charts=(), labs=(), infusions=(), outputs=(), stays=None):
    return (
        rows(ICU_STAYS, stays or [stay()]),
        rows(ICU_CHART, charts),
        rows(LAB, labs),
        rows(ICU_IN, infusions),
        rows(ICU_OUT, outputs),
    )


def hourly(onset=(), gap=timedelta(0), horizon=timedelta(hours=6), **events):
    onsets = rows(ONSET, [{"subject_id": 1, "stay_id": 111, "onset_known_time": onset}] if onset else [])
    return sepsis_hourly(*inputs(**events), onsets, horizon=horizon, gap=gap).sort("stay_id", "hr").collect()


def column(name, **events):
    found = hourly(**events)
    return dict(zip(found["hr"].to_list(), found[name].to_list(), strict=True))


def test_the_table_is_as_declared_with_42_named_features_and_a_row_for_every_hour_in_the_unit():
    found = hourly()
    assert dict(found.schema) == dict(SEPSIS_HOURLY.polars_schema)
    assert found["hr"].to_list() == list(range(HOURS))  # nobody is there to predict for at outtime itself
    assert found["index_time"].to_list() == [h(n) for n in range(HOURS)]
    assert (len(FEATURES), len(LABEL_DERIVED)) == (36, 6)
    assert found["icu_los_so_far"].to_list() == [float(n) for n in range(HOURS)]
    assert set(found["hour_of_admission"]) == {12.0}


def test_stays_without_hours_have_no_rows_and_others_keep_their_own():
    stays = [
        stay(stay_id=109, outtime=None),
        stay(stay_id=110, outtime=IN),
        stay(stay_id=112, outtime=h(2.5)),
        stay(stay_id=113, deathtime=h(1.5)),
    ]
    found = hourly(stays=stays)
    assert dict(found.group_by("stay_id").agg(pl.col("hr").sort()).iter_rows()) == {112: [0, 1, 2], 113: [0, 1]}


def test_a_value_counts_from_the_hour_it_was_stored_by_until_it_no_longer_holds():
    found = column("heart_rate", charts=[chart(HEART_RATE, 88.0, h(1), h(3.5))])
    assert found[3] is None
    assert [found[n] for n in (4, 9)] == [88, 88]
    assert found[10] is None  # measured more than eight hours ago


def test_a_row_filed_ahead_of_its_time_counts_only_once_it_has_happened():
    assert column("heart_rate", charts=[chart(HEART_RATE, 88.0, h(5), h(2))])[4] is None


def test_a_late_entry_does_not_replace_a_newer_measurement():
    late, newer = chart(HEART_RATE, 60.0, h(1), h(4)), chart(HEART_RATE, 100.0, h(2), h(2))
    found = column("heart_rate", charts=[late, newer])
    assert [found[n] for n in (2, 4, 5)] == [100, 100, 100]


def test_a_laboratory_result_without_a_store_time_was_never_known():
    known = lab(CREATININE, 1.5, h(-3), h(-1), specimen=1)
    never = lab(CREATININE, 9.0, h(1), None, specimen=2)
    found = column("creatinine", labs=[known, never])
    assert found[0] == 1.5
    assert set(found.values()) == {1.5}


def test_temperature_is_converted_before_it_is_judged():
    found = column("temperature", charts=[chart(FAHRENHEIT, 98.6, h(1)), chart(CELSIUS, 98.6, h(2))])
    assert found[2] == pytest.approx(37.0)


def test_an_unbelievable_value_is_no_measurement_and_leaves_the_one_before():
    found = column("heart_rate", charts=[chart(HEART_RATE, 80.0, h(1)), chart(HEART_RATE, 999.0, h(2))])
    assert found[2] == 80


def test_a_trend_is_the_change_since_then_and_null_where_nothing_was_measured_since():
    found = column("hr_trend_6h", charts=[chart(HEART_RATE, 80.0, h(0)), chart(HEART_RATE, 95.0, h(6.5))])
    assert [found[n] for n in (5, 6)] == [None, None]
    assert [found[n] for n in (7, 8)] == [15, 15]
    before = column(
        "lactate_trend_12h", labs=[lab(LACTATE, 4.0, h(-11), h(-11), 1), lab(LACTATE, 2.5, h(0.5), h(1), 2)]
    )
    assert before[1] == -1.5  # a result from before the ICU counts


def test_a_stay_never_sees_another_stays_rows():
    stays = [stay(stay_id=110), stay(stay_id=111), stay(stay_id=112)]
    found = hourly(stays=stays, charts=[chart(HEART_RATE, 150.0, h(HOURS - 1)), chart(MAP, 40.0, h(HOURS - 1))])
    assert set(found.filter(pl.col("heart_rate").is_not_null())["stay_id"]) == {111}
    assert set(found.filter(pl.col("cardiovascular_sofa").is_not_null())["stay_id"]) == {111}


def test_body_mass_index_takes_height_in_either_unit():
    kg = chart(WEIGHT, 81.0, h(0))
    assert column("bmi", charts=[kg, chart(HEIGHT_CM, 180.0, h(0))])[1] == pytest.approx(25)
    assert column("bmi", charts=[kg, chart(HEIGHT_IN, 180 / 2.54, h(0))])[1] == pytest.approx(25)


@pytest.mark.parametrize(("platelets", "points"), [(19.9, 4), (20, 3), (49.9, 3), (99, 2), (149, 1), (150, 0)])
def test_coagulation_points_last_24_hours_from_the_draw_and_begin_when_reported(platelets, points):
    found = column("coagulation_sofa", labs=[lab(PLATELETS, float(platelets), h(2), h(4))])
    assert [found[n] for n in (3, 4, 25, 26)] == [None, points, points, None]


def test_the_worst_of_the_day_stays_worst_while_better_values_come():
    labs = [lab(BILIRUBIN, 7.0, h(0), h(0), 1), lab(BILIRUBIN, 1.0, h(10), h(10), 2)]
    found = column("hepatic_sofa", labs=labs)
    assert [found[n] for n in (0, 10, 23, 24, 33, 34)] == [3, 3, 3, 0, 0, None]


def test_a_vasopressor_counts_from_when_it_had_begun_and_was_stored_even_if_filed_ahead():
    filed_ahead = infusion(NOREPINEPHRINE, 0.05, h(3), h(8), stored=h(1))
    found = column("cardiovascular_sofa", infusions=[filed_ahead], charts=[chart(MAP, 65.0, h(0))])
    assert [found[n] for n in (0, 2, 3, 31, 32)] == [1, 1, 3, 3, None]
    in_mg = infusion(NOREPINEPHRINE, 0.0002, h(3), h(8), uom="mg/kg/min")
    assert column("cardiovascular_sofa", infusions=[in_mg])[3] == 4


def test_oxygenation_is_the_arterial_gas_over_the_oxygen_known_then_and_never_a_saturation():
    gas = [lab(PO2, 80.0, h(5), h(5.5)), lab(SPECIMEN, None, h(5), h(5.5), text="ART.")]
    oxygen = [chart(FIO2, 50.0, h(3)), chart(FIO2, 100.0, h(4.9), h(7))]  # the second stored after the report
    saturation = chart(220277, 70.0, h(1))
    found = column("respiratory_sofa", labs=gas, charts=[*oxygen, saturation])
    assert [found[n] for n in (5, 6)] == [None, 2]  # 160: no more than 2 points without a ventilator
    tube = chart(DEVICE, None, h(4), text="Endotracheal tube")
    assert column("respiratory_sofa", labs=gas, charts=[*oxygen, tube])[6] == 3
    venous = [gas[0], gas[1] | {"value": "VEN."}]
    assert set(column("respiratory_sofa", labs=venous, charts=oxygen).values()) == {None}
    assert set(column("pao2", labs=venous).values()) == {None}
    assert set(column("respiratory_sofa", charts=[*oxygen, saturation]).values()) == {None}
    own = [*gas, lab(GAS_FIO2, 0.21, h(5), h(5.5))]
    assert column("respiratory_sofa", labs=own, charts=oxygen)[6] == 1  # 381: the gas's own entry goes first


def test_a_tube_scores_as_normal_and_an_incomplete_coma_scale_not_at_all():
    def scale(verbal, text=None):
        return [chart(MOTOR, 4.0, h(2)), chart(EYES, 1.0, h(2)), chart(VERBAL, verbal, h(2), text=text)]

    assert column("neurological_sofa", charts=scale(1.0))[2] == 3
    assert column("neurological_sofa", charts=scale(1.0, "No Response-ETT"))[2] == 0
    assert set(column("neurological_sofa", charts=scale(1.0)[:2]).values()) == {None}
    found = column("neurological_sofa", charts=scale(1.0))
    assert [found[n] for n in (8, 31, 32)] == [3, 3, None]  # held six hours, worst of 24


def test_urine_counts_once_nearly_a_day_is_covered_and_entries_come():
    outputs = [urine(20.0, h(n)) for n in range(0, 31, 3)] + [urine(-5.0, h(4)), urine(5.0, h(4), itemid=IRRIGANT)]
    found = column("renal_sofa", outputs=outputs)
    assert [found[n] for n in (21, 24, 30, 37)] == [None, 4, 4, None]
    enough = column("renal_sofa", outputs=[urine(150.0, h(n)) for n in range(0, 31, 3)])
    assert enough[24] == 0
    creatinine = [lab(CREATININE, 3.6, h(1), h(2))]
    assert column("renal_sofa", outputs=outputs, labs=creatinine)[10] == 3


def label_of(**facts):
    found = hourly(**facts)
    return dict(zip(found["hr"].to_list(), found[LABEL].to_list(), strict=True)), found


def test_the_label_is_onset_within_six_hours_and_prediction_stops_at_onset():
    label, found = label_of(onset=h(20))
    assert [label[n] for n in (13, 14, 19)] == [0, 1, 1]  # at 14:00 the onset is exactly six hours away
    assert {label[n] for n in range(20, HOURS)} == {None}
    assert found.filter(pl.col(ELIGIBLE))["hr"].max() == 19
    assert found.filter(pl.col(ELIGIBLE))[LABEL].null_count() == 0


def test_a_stay_without_onset_keeps_its_last_hours_as_negatives():
    label, found = label_of()
    assert set(label.values()) == {0}
    assert found[ELIGIBLE].all()


def test_an_onset_before_admission_leaves_nothing_to_predict():
    _, found = label_of(onset=h(-5))
    assert not found[ELIGIBLE].any()
    assert found[LABEL].null_count() == found.height


def test_a_gap_moves_the_labels_window_and_gives_an_onset_within_it_no_label():
    label, _ = label_of(onset=h(20), gap=timedelta(hours=2))
    assert [label[n] for n in (11, 12, 17, 18, 19, 20)] == [0, 1, 1, None, None, None]


def test_a_longer_horizon_asks_about_more_hours_and_every_row_says_what_it_asks():
    found = hourly(onset=h(20), horizon=timedelta(hours=12), gap=timedelta(hours=1))
    positive = found.filter(pl.col(LABEL) == 1)["hr"].to_list()
    assert positive == list(range(20 - 1 - 12, 20 - 1))
    assert found.select(HORIZON_HOURS, GAP_HOURS).unique().rows() == [(12, 1)]
    assert hourly().select(HORIZON_HOURS, GAP_HOURS).unique().rows() == [(6, 0)]


@pytest.mark.parametrize(
    ("horizon", "gap"),
    [(timedelta(0), timedelta(0)), (timedelta(minutes=90), timedelta(0)), (timedelta(hours=6), timedelta(hours=-1)),
     (timedelta(hours=6), timedelta(minutes=30))],
)  # fmt: skip
def test_a_window_of_no_or_of_broken_hours_is_refused(horizon, gap):
    with pytest.raises(ValueError, match="expected a horizon of 1 h or more and a gap of 0 h or more"):
        hourly(onset=h(20), horizon=horizon, gap=gap)


def test_no_onset_changes_a_feature_and_no_measurement_changes_a_label():
    charts = [chart(HEART_RATE, 80.0 + n, h(n)) for n in range(20)]
    names = [f.name for f in ALL_FEATURES]
    without, with_onset = hourly(charts=charts), hourly(charts=charts, onset=h(15))
    assert without.select(names).equals(with_onset.select(names), null_equal=True)
    bare = hourly(onset=h(15))
    assert bare.select("hr", LABEL, ELIGIBLE).equals(with_onset.select("hr", LABEL, ELIGIBLE), null_equal=True)
    asked = column_lineage(
        lambda rows, sepsis_onset: labelled(rows, sepsis_onset).select(LABEL, ELIGIBLE),
        {
            "rows": pl.Schema({n: t for n, t in SEPSIS_HOURLY.polars_schema.items() if n not in LABELLING}),
            "sepsis_onset": ONSET.polars_schema,
        },
    )
    assert asked[LABEL] <= {
        ("rows", "index_time"), ("rows", "stay_id"), ("sepsis_onset", "stay_id"), ("sepsis_onset", "onset_known_time"),
    }  # fmt: skip


def test_nothing_that_makes_the_suspicion_of_infection_is_a_feature_and_organ_points_are_marked():
    names = {f.name for f in ALL_FEATURES}
    assert not names & set(NEVER_FEATURES)
    assert not {n for n in names if any(word in n for word in ("antibio", "culture", "suspect", "sepsis", "year"))}
    assert {f.name for f in ALL_FEATURES if f.label_derived} == {n for n in names if n.endswith("_sofa")}
    assert all(f.unit and f.plausible for f in ALL_FEATURES if f.categories is None)
    assert len(names) == 42


def test_lineage_of_a_feature_leads_to_its_tables_alone():
    schemas = {
        "icu_stays": ICU_STAYS, "chartevents": ICU_CHART, "labevents": LAB, "inputevents": ICU_IN,
        "outputevents": ICU_OUT, "sepsis_onset": ONSET,
    }  # fmt: skip
    found = {}
    for part in PARTS:
        found = column_lineage(part, {name: table.polars_schema for name, table in schemas.items()}) | found
    assert set(found) == set(SEPSIS_HOURLY.column_names)
    assert ("labevents", "storetime") in found["creatinine"]
    assert {source for source, _ in found["creatinine"]} <= {"labevents", "icu_stays"}
    assert {source for source, _ in found["hr_trend_6h"]} <= {"chartevents", "icu_stays"}
    assert ("outputevents", "value") in found["renal_sofa"]
    assert not any(("sepsis_onset", "onset_known_time") in found[f.name] for f in ALL_FEATURES)


minutes = st.integers(-20 * 60, 44 * 60).map(lambda m: IN + timedelta(minutes=m))
lags = st.integers(-120, 1500)
sizes = st.floats(0.05, 300, allow_nan=False)
charted = st.builds(
    lambda i, v, t, lag, text: chart(i, v, t, t + timedelta(minutes=lag), text),
    st.sampled_from([HEART_RATE, SBP, MAP, FAHRENHEIT, CELSIUS, FIO2, MOTOR, VERBAL, EYES, HEIGHT_CM, WEIGHT, DEVICE]),
    st.one_of(sizes, st.sampled_from([1.0, 3.0, 5.0, 40.0, 65.0, 80.0, 170.0])), minutes, lags,
    st.sampled_from([None, "No Response-ETT", "Endotracheal tube", "Nasal cannula"]),
)  # fmt: skip
resulted = st.builds(
    lambda i, v, t, lag, s: lab(i, v, t, None if lag is None else t + timedelta(minutes=lag), s, "ART."),
    st.sampled_from([CREATININE, PLATELETS, BILIRUBIN, LACTATE, PO2, SPECIMEN, GAS_FIO2, 50820, 51301]),
    sizes, st.sampled_from([h(-3), h(2), h(7.5), h(20)]) | minutes, st.none() | lags, st.integers(1, 3),
)  # fmt: skip
infused = st.builds(
    lambda i, r, t, lasts, lag: infusion(i, r, t, t + timedelta(minutes=lasts), t + timedelta(minutes=lag)),
    st.sampled_from([NOREPINEPHRINE, 221289, 221662, 221653]), st.floats(0.01, 20), minutes, st.integers(1, 900), lags,
)  # fmt: skip
passed = st.builds(lambda v, t, lag: urine(v, t, t + timedelta(minutes=lag)), st.floats(-50, 600), minutes, lags)


def known_at(event):
    """When an event was known; never (None) for a result without a store time."""
    happened = event.get("charttime") or event["starttime"]
    return max(happened, event["storetime"]) if event["storetime"] else None


def known_by(events, moment):
    return [event for event in events if known_at(event) is not None and known_at(event) <= moment]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(charted, max_size=25), st.lists(resulted, max_size=15), st.lists(infused, max_size=4),
    st.lists(passed, max_size=12), st.integers(0, HOURS - 1),
)  # fmt: skip
def test_no_event_known_only_after_an_hour_changes_the_rows_up_to_it(charts, labs, infusions, outputs, hour):
    everything = (charts, labs, infusions, outputs)
    by_then = [known_by(events, h(hour)) for events in everything]
    up_to_it = pl.col("hr") <= hour
    with_later = features_of(*inputs(*everything)).filter(up_to_it).sort("hr").collect()
    without = features_of(*inputs(*by_then)).filter(up_to_it).sort("hr").collect()
    assert with_later.equals(without, null_equal=True)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(charted, max_size=20), st.integers(0, HOURS - 1))
def test_the_newest_known_heart_rate_is_what_a_search_hour_by_hour_finds(charts, hour):
    now = h(hour)
    seen = [
        e for e in known_by(charts, now)
        if e["itemid"] == HEART_RATE and 0 < e["valuenum"] < 300 and now - e["charttime"] <= timedelta(hours=8)
    ]  # fmt: skip
    found = column("heart_rate", charts=charts)[hour]
    newest = [e for e in seen if e["charttime"] == max(s["charttime"] for s in seen)]
    if len(newest) > 1:
        return  # several entries of one minute: averaged where they were also stored within the same hour
    assert found == (pytest.approx(newest[0]["valuenum"], rel=1e-8) if newest else None)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(resulted, max_size=12), st.integers(0, HOURS - 1))
def test_the_worst_platelets_are_what_a_search_hour_by_hour_finds(labs, hour):
    now = h(hour)
    points = [
        next((p for limit, p in ((20, 4), (50, 3), (100, 2), (150, 1)) if e["valuenum"] < limit), 0)
        for e in known_by(labs, now)
        if e["itemid"] == PLATELETS and e["charttime"] > now - timedelta(hours=24)
    ]
    assert column("coagulation_sofa", labs=labs)[hour] == (max(points) if points else None)


DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.mark.skipif(not DEMO.exists(), reason="the open demo is not at ../shared")
def test_on_the_demo_organ_points_follow_the_published_score_and_onset_ends_prediction(demo_frames):
    from clinical_assets.stays import stays as rules

    release = {
        path.rpartition("/")[2]: demo_frames(path)
        for path in (
            "mimic/icu/icustays", "mimic/icu/chartevents", "mimic/icu/inputevents", "mimic/icu/outputevents",
            "mimic/icu/procedureevents", "mimic/hosp/admissions", "mimic/hosp/patients", "mimic/hosp/labevents",
            "mimic/hosp/prescriptions", "mimic/hosp/microbiologyevents",
        )
    }  # fmt: skip
    hospital = rules.hospital_stays(release["admissions"], release["patients"])
    made = {}
    onset = concept("sepsis_onset", release, made).collect()
    published = concept("sofa", release, made).collect()
    assert "sofa" in CONCEPTS
    found = sepsis_hourly(
        rules.icu_stays(release["icustays"], hospital),
        *(release[name] for name in ("chartevents", "labevents", "inputevents", "outputevents")),
        onset.lazy(),
    ).collect()
    assert found.height == 12392
    onsets = dict(onset.select("stay_id", "onset_known_time").iter_rows())
    predicted = found.filter(pl.col(ELIGIBLE))
    assert all(onsets.get(s) is None or t < onsets[s] for s, t in predicted.select("stay_id", "index_time").iter_rows())
    # The published score dates by draw and by hour of the clock: close, never the same.
    pairs = found.sort("index_time").join_asof(
        published.sort("endtime"),
        left_on="index_time",
        right_on="endtime",
        by="stay_id",
        tolerance="1h",
        check_sortedness=False,
    )
    for ours, theirs in (("coagulation_sofa", "coagulation_24hours"), ("neurological_sofa", "cns_24hours")):
        both = pairs.drop_nulls([ours, theirs])
        assert both.height > 10_000
        assert (both[ours] == both[theirs]).mean() > 0.9
