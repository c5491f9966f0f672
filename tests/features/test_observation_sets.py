"""A hospital's own observations as tables: whose they are, when each visit is predicted for, and what is declared."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.declaration import conform
from clinical_assets.features.observation_features import COMMON_CODES, STATISTICS
from clinical_assets.features.observation_files import COLUMNS, ObservationError
from clinical_assets.features.observation_folder import (
    FIRST_ID,
    OBSERVATION_RECORDS,
    ObservationFolder,
    folder_of,
    read_index_times,
    records,
    repeated,
    subject_id_of,
    unknown_codes,
)
from clinical_assets.features.observation_sets import (
    FILE_FEATURES,
    FILE_PLAN,
    ICU_CODES,
    ICU_FEATURES,
    ICU_OBSERVATIONS,
    ICU_PLAN,
    OBSERVATIONS,
    icu_observations,
    lineage_of_icu_observations,
    lineage_of_observations,
    observations,
)
from clinical_assets.features.observations import CODES, COMBINATIONS, Plan
from clinical_assets.mimic.catalogue import TABLES as RELEASE
from clinical_assets.models.training import NEVER_FEATURES
from clinical_assets.stays.tables import HOSPITAL_STAYS, ICU_STAYS

START = datetime(2150, 3, 1, 8)
HEADER = ",".join(COLUMNS)
CHART, LABS = RELEASE["mimic/icu/chartevents"], RELEASE["mimic/hosp/labevents"]


def line(value, hour, code="pulseRate", client="c1", visit="v1", label=0):
    return f"{client},{visit},{code},{value},60,100,{START + timedelta(hours=hour):%Y-%m-%d %H:%M:%S},{label}"


def csv(path, *lines, header=HEADER):
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def read(root, **names):
    """The records of the files in `root`."""
    sizes = {f"observations/{f.name}": f.stat().st_size for f in (root / "observations").iterdir()}
    return records(folder_of(sizes), lambda path: str(root / path)).collect().sort("source_file", "source_row")


def test_files_of_both_kinds_are_read_together_and_every_row_says_where_it_came_from(tmp_path):
    csv(tmp_path / "observations" / "a.csv", line(80, 0), line(90, 30))
    first = csv(tmp_path / "b.csv", line(70, 5, client="c2", visit="v2", label=1))
    pl.read_csv(first).with_columns(pl.col("observation_date").str.to_datetime()).write_parquet(
        tmp_path / "observations" / "b.parquet"
    )
    (tmp_path / "observations" / "README.txt").write_text("about these files")
    found = conform(read(tmp_path).lazy(), OBSERVATION_RECORDS).collect()
    placed = found.sort("source_file", "source_row").select("source_file", "source_row", "observation_value")
    assert placed.rows() == [("a.csv", 1, 80), ("a.csv", 2, 90), ("b.parquet", 1, 70)]
    assert found["observation_known"].null_count() == 3
    assert dict(found.select("client", "condition_present").unique().rows()) == {"c1": False, "c2": True}


def test_without_a_file_of_index_times_a_visit_is_predicted_for_a_day_after_its_first_observation(tmp_path):
    csv(tmp_path / "observations" / "a.csv", line(80, 3), line(90, 1), line(70, 0, client="c2", visit="v2"))
    at = dict(read(tmp_path).select("visit_id", "index_time").unique().rows())
    assert at == {"v1": START + timedelta(hours=25), "v2": START + timedelta(hours=24)}


def test_a_file_of_index_times_says_when_and_a_visit_it_does_not_name_has_no_row_of_features(tmp_path):
    csv(tmp_path / "observations" / "a.csv", line(80, 3), line(90, 9), line(70, 0, client="c2", visit="v2"))
    csv(tmp_path / "observations" / "index_times.csv", "v1,2150-03-01 14:00:00", header="visit_id,index_time")
    found = read(tmp_path)
    assert dict(found.select("visit_id", "index_time").unique().rows()) == {"v1": datetime(2150, 3, 1, 14), "v2": None}
    made = conform(observations(found.lazy()), OBSERVATIONS).collect()
    assert made["visit_id"].to_list() == ["v1"]
    assert made.select("pulseRate_count", "pulseRate_mean").row(0) == (1, 80)  # that of 17:00 comes too late


def test_a_client_is_never_a_patient_of_mimic_and_always_the_same_number():
    numbers = [subject_id_of(client) for client in ("10000032", "c1", "", "ü")]
    assert all(FIRST_ID <= number < 2 * FIRST_ID for number in numbers)
    assert len(set(numbers)) == 4
    assert subject_id_of("c1") == 5718405296754362


def test_two_clients_with_one_number_are_refused_rather_than_taken_for_one_patient(tmp_path, monkeypatch):
    csv(tmp_path / "observations" / "a.csv", line(80, 3), line(70, 0, client="c2", visit="v2"))
    monkeypatch.setattr("clinical_assets.features.observation_folder.subject_id_of", lambda client: FIRST_ID)
    with pytest.raises(ObservationError, match="a number of its own for each of 2 clients"):
        read(tmp_path)


def test_files_that_contradict_one_another_are_refused_by_file_row_and_column(tmp_path):
    csv(tmp_path / "observations" / "a.csv", line(80, 3))
    csv(tmp_path / "observations" / "b.csv", line(80, 4, client="c9", visit="v9"), line(80, 4, label=1))
    with pytest.raises(ObservationError, match=r"b\.csv: Row 2, column condition_present: expected one value per"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["v1,2150-03-01"], "Row 1, column index_time: expected a visit and a date with a time, found '2150-03-01'"),
        (["v1,2150-03-01 08:00:00", "v1,2150-03-01 09:00:00"], "Row 2, column visit_id: expected one row per visit"),
        (["v1,2150-03-01 08:00:00", ",2150-03-01 09:00:00"], "Row 2, column index_time: expected a visit"),
    ],
)
def test_index_times_that_cannot_be_used_are_refused(tmp_path, lines, said):
    path = csv(tmp_path / "index_times.csv", *lines, header="visit_id,index_time")
    with pytest.raises(ObservationError, match=said):
        read_index_times(str(path))
    with pytest.raises(ObservationError, match=r"\['index_time'\] are missing"):
        read_index_times(str(csv(path, "v1", header="visit_id")))


def test_a_listing_is_told_apart_into_observations_index_times_and_others():
    sizes = {"observations/b.csv.gz": 2, "observations/a.parquet": 1, "observations/index_times.csv": 3}
    found = folder_of({**sizes, "observations/notes.xlsx": 4})
    assert found == ObservationFolder(
        {"observations/a.parquet": 1, "observations/b.csv.gz": 2},
        "observations/index_times.csv",
        ("observations/notes.xlsx",),
    )
    assert folder_of({"observations/index_times.csv": 3, "observations/notes.xlsx": 4}) is None
    with pytest.raises(ObservationError, match="expected one file of index times"):
        folder_of({**sizes, "observations/index_times.parquet": 1})


def test_an_observation_sent_twice_is_found_and_a_second_value_at_the_same_time_is_not(tmp_path):
    csv(tmp_path / "observations" / "a.csv", line(80, 3), line(81, 3), line(80, 4))
    assert repeated(read(tmp_path).lazy()).passed
    csv(tmp_path / "observations" / "a copy.csv", line(80, 3), line(81, 3))
    found = repeated(read(tmp_path).lazy())
    assert not found.passed
    assert dict(found.counts) == {"repeated rows": 2, "visits": 1}


def test_codes_no_feature_is_made_of_are_counted_and_named_unless_hardly_anything_has_them(tmp_path):
    csv(tmp_path / "observations" / "a.csv", line(80, 3))
    assert unknown_codes(read(tmp_path).lazy()).passed
    others = [line(7, hour, code="bloodGlucose") for hour in range(5)] + [line(7, 1, code="Mr Smith's pulse")]
    csv(tmp_path / "observations" / "b.csv", *others)
    found = unknown_codes(read(tmp_path).lazy())
    assert not found.passed
    assert dict(found.counts) == {"other codes": 2, "their rows": 6, "rows": 7}
    assert found.rows == ({"code": "bloodGlucose", "rows": 5},)
    assert "Smith" not in found.description


@pytest.mark.parametrize(
    ("features", "plan", "table"),
    [(FILE_FEATURES, FILE_PLAN, OBSERVATIONS), (ICU_FEATURES, ICU_PLAN, ICU_OBSERVATIONS)],
    ids=["files", "icu"],
)
def test_every_feature_is_declared_with_meaning_window_aggregation_and_availability(features, plan, table):
    assert [feature.name for feature in features] == plan.feature_names
    assert not set(plan.feature_names) & set(NEVER_FEATURES)
    for feature in features:
        assert feature.meaning, feature.name
        assert feature.window, feature.name
        assert feature.aggregation, feature.name
        assert "before the index time" in feature.available, feature.name
        assert feature.described() == table.column(feature.name).meaning
    rates = [feature for feature in features if feature.name.endswith("_violation_rate")]
    assert all(rate.plausible == (0, 1) and rate.unit == "1" for rate in rates)


def test_units_are_claimed_for_mimic_and_not_for_a_hospital_that_may_use_others():
    of_mimic = {feature.name: feature for feature in ICU_FEATURES}
    assert of_mimic["renalMarker_mean"].unit == "mg/dL"
    assert of_mimic["renalMarker_value_trend"].unit == "mg/dL/h"
    assert of_mimic["bpUpper_std"].unit == "mm[Hg]"
    assert of_mimic["tempC_max"].plausible == (10, 50)
    assert of_mimic["renalMarker_skew"].unit == "1"
    of_files = {feature.name: feature for feature in FILE_FEATURES}
    assert of_files["renalMarker_mean"].unit is None
    assert of_files["tempC_mean"].unit == "Cel"
    assert set(COMMON_CODES) == set(CODES)
    assert set(STATISTICS) == set(Plan(combination="all").statistics)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_each_of_the_ten_combinations_is_a_selection_of_the_tables_columns(combination):
    for plan, table in ((FILE_PLAN, OBSERVATIONS), (ICU_PLAN, ICU_OBSERVATIONS)):
        assert set(Plan(plan.codes, combination).feature_names) <= set(table.column_names)


def test_lineage_tells_value_range_and_time_apart_and_the_chart_from_the_laboratory():
    of_files = lineage_of_observations({"observation_records": OBSERVATION_RECORDS.polars_schema})
    assert set(of_files) == set(OBSERVATIONS.column_names)
    assert of_files["pulseRate_mean"] == {("observation_records", "observation_value")}
    assert ("observation_records", "reference_range_min") in of_files["lactateLevel_violation_rate"]
    schemas = {"icu_stays": ICU_STAYS, "hospital_stays": HOSPITAL_STAYS, "chartevents": CHART, "labevents": LABS}
    of_icu = lineage_of_icu_observations({name: table.polars_schema for name, table in schemas.items()})
    assert set(of_icu) == set(ICU_OBSERVATIONS.column_names)
    assert of_icu["pulseRate_mean"] == {("chartevents", "valuenum")}
    assert of_icu["renalMarker_max"] == {("labevents", "valuenum")}
    assert of_icu["pulseRate_per_renalMarker"] == {("chartevents", "valuenum"), ("labevents", "valuenum")}
    assert of_icu["hospital_expire_flag"] == {("icu_stays", "hospital_expire_flag")}


def rows(table, *given_rows):
    return pl.DataFrame(list(given_rows), schema=table.polars_schema).lazy()


def charted(value, hour, stored=None, itemid=220045):
    at = START + timedelta(hours=hour)
    return {
        "subject_id": 1, "stay_id": 111, "itemid": itemid, "charttime": at, "valuenum": value,
        "storetime": at if stored is None else START + timedelta(hours=stored),
    }  # fmt: skip


def resulted(value, hour, stored, itemid=50912):
    return {
        "labevent_id": 1, "subject_id": 1, "specimen_id": 1, "itemid": itemid, "valuenum": value,
        "charttime": START + timedelta(hours=hour),
        "storetime": None if stored is None else START + timedelta(hours=stored),
    }  # fmt: skip


def of_icu(*charts, labs=(), **facts):
    stay = {
        "subject_id": 1, "hadm_id": 11, "stay_id": 111, "intime": START, "outtime": START + timedelta(days=3),
        "admittime": START, "hospital_expire_flag": 0, "admission_found": True, **facts,
    }  # fmt: skip
    hospital = {"subject_id": 1, "hadm_id": 11, "admittime": START}
    made = icu_observations(
        rows(ICU_STAYS, stay), rows(HOSPITAL_STAYS, hospital), rows(CHART, *charts), rows(LABS, *labs)
    )
    return conform(made, ICU_OBSERVATIONS).collect()


def test_an_icu_stay_is_summed_up_from_what_was_made_and_known_before_its_24th_hour():
    charts = [charted(80, 1), charted(100, 2, stored=24), charted(120, 30), charted(98.6, 1, itemid=223761)]
    found = of_icu(*charts, labs=[resulted(1.5, 3, 4), resulted(9, 3, 25), resulted(7, 2, None), resulted(-1, 5, 6)])
    assert found.select("pulseRate_mean", "pulseRate_count").row(0) == (80, 1)
    assert found["tempC_mean"].to_list() == [37]
    names = ("renalMarker_mean", "renalMarker_count", "renalMarker_nan_count")
    assert found.select(names).row(0) == (1.5, 1, 1)  # a negative result is looked at and no value
    assert found.select("index_time", "eligible").row(0) == (START + timedelta(hours=24), True)


def test_a_stay_without_a_recorded_outcome_keeps_its_features_and_is_not_eligible():
    found = of_icu(charted(80, 1), hospital_expire_flag=None)
    assert found.select("pulseRate_mean", "eligible", "hospital_expire_flag").row(0) == (80, False, None)
    assert len(ICU_CODES) == 14


hours = st.integers(-3, 60)
charts = st.builds(charted, st.floats(1, 250), hours, hours, st.sampled_from([220045, 220179, 223762]))
results = st.builds(resulted, st.floats(0, 50), hours, st.none() | hours, st.sampled_from([50912, 50813, 51265]))


def known_before(event):
    known = max(event["charttime"], event["storetime"] or datetime.max)
    return known < START + timedelta(hours=24)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(charts, max_size=8), st.lists(results, max_size=6))
def test_no_event_known_from_the_index_time_on_changes_a_feature_of_an_icu_stay(charts, labs):
    earlier = of_icu(*filter(known_before, charts), labs=list(filter(known_before, labs)))
    assert of_icu(*charts, labs=labs).equals(earlier, null_equal=True)


DEMO = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.mark.skipif(not DEMO.exists(), reason="the open demo is not at ../shared")
def test_on_the_demo_features_lie_within_their_bounds_and_a_patients_rows_do_not_depend_on_others(demo_frames):
    from clinical_assets.stays import stays as rules

    hospital = rules.hospital_stays(demo_frames("mimic/hosp/admissions"), demo_frames("mimic/hosp/patients"))
    inputs = {
        "icu_stays": rules.icu_stays(demo_frames("mimic/icu/icustays"), hospital), "hospital_stays": hospital,
        "chartevents": demo_frames("mimic/icu/chartevents"), "labevents": demo_frames("mimic/hosp/labevents"),
    }  # fmt: skip

    def made(of=None):
        chosen = {n: f if of is None else f.filter(pl.col("subject_id") % 2 == of) for n, f in inputs.items()}
        return conform(icu_observations(**chosen), ICU_OBSERVATIONS).collect()

    together = made()
    assert together.height == 140
    assert pl.concat([made(0), made(1)]).sort("stay_id").equals(together.sort("stay_id"), null_equal=True)
    for feature in ICU_FEATURES:
        if feature.plausible:
            assert together[feature.name].drop_nulls().is_between(*feature.plausible).all(), feature.name
