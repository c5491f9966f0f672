"""Features from long-format observations: each family's values, the ten combinations, and nothing from the future."""

from datetime import datetime, timedelta
from itertools import pairwise, permutations
from math import sqrt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_assets.features import observation_files as files
from clinical_assets.features import observation_sources as sources
from clinical_assets.features.observations import (
    CODES,
    COMBINATIONS,
    INDEX_TIME,
    KNOWN,
    Plan,
    at_hours_after_first,
    features,
)
from clinical_assets.models.training import NEVER_FEATURES

START = datetime(2150, 3, 1, 8)
INDEX = START + timedelta(hours=10)
SCHEMA = {name: type_.polars for name, type_ in files.COLUMNS.items()}
ALL = Plan(codes=("pulseRate", "lactateLevel"), combination="all")


def seen(code, value, hour, low=None, high=None, visit="v1", **facts):
    return {
        "client": "c1", "visit_id": visit, "observation_type_code": code, "observation_value": value,
        "reference_range_min": low, "reference_range_max": high, "observation_date": START + timedelta(hours=hour),
        "condition_present": False, **facts,
    }  # fmt: skip


def frame(observations):
    extra = {KNOWN: pl.Datetime("us")} if any(KNOWN in o for o in observations) else {}
    return pl.DataFrame(list(observations), schema=SCHEMA | extra).lazy()


def index(*visits):
    return pl.LazyFrame({"visit_id": list(visits or ("v1",)), INDEX_TIME: [INDEX] * len(visits or ("v1",))})


def made(observations, plan=ALL, at=None):
    return features(frame(observations), at if at is not None else index(), plan).collect()


PULSES = [seen("pulseRate", v, h, 60, 100) for h, v in ((0, 80.0), (1, 110.0), (3, 50.0), (4, None), (6, 120.0))]


def test_base_values_of_a_hand_worked_series():
    found = made(PULSES).row(0, named=True)
    mean = 90.0
    assert found["pulseRate_mean"] == mean
    assert found["pulseRate_median"] == 95
    assert found["pulseRate_std"] == pytest.approx(sqrt(sum((v - mean) ** 2 for v in (80, 110, 50, 120)) / 3))
    assert (found["pulseRate_min"], found["pulseRate_max"]) == (50, 120)
    assert (found["pulseRate_count"], found["pulseRate_nan_count"]) == (4, 1)
    assert found["pulseRate_violation_rate"] == 0.75
    assert found["pulseRate_avg_violation_magnitude"] == pytest.approx((10 + 10 + 20) / 3)


def test_temporal_values_of_a_hand_worked_series():
    found = made(PULSES).row(0, named=True)
    assert (found["pulseRate_first"], found["pulseRate_last"], found["pulseRate_value_change"]) == (80, 120, 40)
    hours, values = (0, 1, 3, 6), (80, 110, 50, 120)
    slope = sum((h - 2.5) * (v - 90) for h, v in zip(hours, values, strict=True)) / sum((h - 2.5) ** 2 for h in hours)
    assert found["pulseRate_value_trend"] == pytest.approx(slope)
    steps = [b - a for a, b in pairwise(values)]
    middle = sum(steps) / 3
    assert found["pulseRate_value_volatility"] == pytest.approx(sqrt(sum((s - middle) ** 2 for s in steps) / 2))
    assert found["pulseRate_max_jump"] == 70


def test_statistical_values_of_a_hand_worked_series():
    found = made(PULSES).row(0, named=True)
    assert (found["pulseRate_q25"], found["pulseRate_q75"], found["pulseRate_iqr"]) == (72.5, 112.5, 40)
    assert found["pulseRate_range"] == 70
    assert found["pulseRate_cv"] == pytest.approx(found["pulseRate_std"] / 90)
    deviations = [v - 90 for v in (80, 110, 50, 120)]
    variance = sum(d**2 for d in deviations) / 4
    assert found["pulseRate_skew"] == pytest.approx(sum(d**3 for d in deviations) / 4 / variance**1.5)
    assert found["pulseRate_kurtosis"] == pytest.approx(sum(d**4 for d in deviations) / 4 / variance**2 - 3)


def test_one_value_has_no_time_course_and_a_constant_no_shape():
    once = made([seen("pulseRate", 80.0, 1)]).row(0, named=True)
    for statistic in ("first", "last", "value_change", "value_trend", "value_volatility", "max_jump", "std", "skew"):
        assert once[f"pulseRate_{statistic}"] is None, statistic
    assert once["pulseRate_violation_rate"] is None  # without a range nothing is known to be outside it
    same = made([seen("pulseRate", 80.0, 1), seen("pulseRate", 80.0, 2)]).row(0, named=True)
    assert (same["pulseRate_skew"], same["pulseRate_kurtosis"], same["pulseRate_value_trend"]) == (None, None, 0)
    at_once = made([seen("pulseRate", 80.0, 1), seen("pulseRate", 90.0, 1)]).row(0, named=True)
    assert at_once["pulseRate_value_trend"] is None


def test_totals_over_codes_are_in_widths_of_the_reference_range_so_that_units_do_not_mix():
    both = [seen("pulseRate", 100.0, 1, 60, 100), seen("lactateLevel", 4.0, 2, 0, 2), seen("other", 9.0, 3)]
    found = made(both).row(0, named=True)
    assert (found["total_min"], found["total_max"], found["total_range"]) == (0.5, 1.5, 1.0)
    assert found["total_mean"] == 1.0
    assert found["non_null_count"] == 3


def test_pairs_are_products_and_ratios_of_means_and_never_divide_by_nothing():
    both = [seen("pulseRate", 100.0, 1), seen("lactateLevel", 4.0, 2)]
    found = made(both).row(0, named=True)
    assert (found["pulseRate_x_lactateLevel"], found["pulseRate_per_lactateLevel"]) == (400, 25)
    nothing = made([both[0], seen("lactateLevel", 0.0, 2)]).row(0, named=True)
    assert (nothing["pulseRate_x_lactateLevel"], nothing["pulseRate_per_lactateLevel"]) == (0, None)


def test_a_visit_without_observations_has_a_row_with_nothing_counted():
    found = made(PULSES, at=index("v1", "v2")).filter(pl.col("visit_id") == "v2").row(0, named=True)
    assert found["pulseRate_count"] == 0
    assert found["non_null_count"] == 0
    assert found["pulseRate_mean"] is None


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_columns_and_their_order_follow_from_the_plan_alone(combination):
    plan = Plan(combination=combination)
    for observations in (PULSES, [seen("unheard_of", 1.0, 1)], []):
        found = made(observations, plan)
        assert found.columns == ["visit_id", INDEX_TIME, *plan.feature_names]
    assert len(set(plan.feature_names)) == len(plan.feature_names)
    assert not set(plan.feature_names) & {*NEVER_FEATURES, *files.COLUMNS}


def test_there_are_ten_combinations_of_five_families_over_18_codes():
    assert len(COMBINATIONS) == 10
    assert {f for families in COMBINATIONS.values() for f in families} == {
        "base", "temporal", "statistical", "aggregated", "pairwise",
    }  # fmt: skip
    assert len(CODES) == 18
    assert len(Plan().feature_names) == 18 * 9


def test_a_wrong_plan_is_refused():
    with pytest.raises(ValueError, match="expected a combination of"):
        Plan(combination="everything")
    with pytest.raises(ValueError, match="different codes"):
        Plan(codes=("pulseRate", "pulseRate"))


def test_an_observation_at_the_index_time_or_known_only_then_is_too_late():
    before = seen("pulseRate", 80.0, 9)
    assert made([before, seen("pulseRate", 200.0, 10)])["pulseRate_max"].to_list() == [80]
    late = seen("pulseRate", 200.0, 1) | {KNOWN: INDEX}
    assert made([before | {KNOWN: None}, late])["pulseRate_max"].to_list() == [80]


@pytest.mark.parametrize("held", [1, 2, 3])
def test_values_of_one_moment_have_no_trend_however_their_rows_are_held(held):
    """The hours of one moment differed in their last digit from chunk to chunk, and the trend was -5.6e14 per hour."""
    rows = [seen("lactateLevel", value, 25 / 60) for value in (0.0, 1.0, 2.0)]
    chunks = pl.concat([frame(rows[:held]).collect(), frame(rows[held:]).collect()], rechunk=False)
    found = features(chunks.lazy(), index(), ALL).collect()
    assert found["lactateLevel_value_trend"].to_list() == [None]
    assert found["lactateLevel_value_change"].to_list() == [2]


@pytest.mark.parametrize("values", list(permutations((0.1, 0.2, -0.3))))
def test_a_mean_that_is_rounding_alone_is_nothing_to_divide_by(values):
    """Base excess goes both ways: 0.1 + 0.2 - 0.3 leaves 6e-17, or nothing, depending on their order."""
    excess = [seen("lactateLevel", value, hour) for hour, value in enumerate(values)]
    found = made([*excess, seen("pulseRate", 80.0, 0)]).row(0, named=True)
    divided = ("lactateLevel_cv", "pulseRate_per_lactateLevel")
    assert (found["lactateLevel_mean"], *map(found.get, divided)) == (0, None, None)


@given(st.randoms(use_true_random=False), st.integers(0, 300))
def test_no_digit_of_a_visit_depends_on_the_order_of_rows_or_on_other_visits(random, others):
    """The skewness of values that lie evenly is what their sums' last digits leave of it."""
    mine = [
        seen("lactateLevel", 36.0 + tenths / 10, hour)
        for hour, tenths in enumerate([1, 9, 3, 7, 5, 2, 8, 4, 6, 5, 1, 9])
    ]
    strangers = [seen("lactateLevel", 35.0 + n % 50 / 10, n % 10, visit="v2") for n in range(others)]
    alone = made(mine)
    assert abs(alone["lactateLevel_skew"].item()) < 1e-12
    together = [*mine, *strangers]
    random.shuffle(together)
    assert made(together, at=index("v1", "v2")).filter(pl.col("visit_id") == "v1").equals(alone)


moments = st.integers(0, 20 * 60).map(lambda minutes: minutes / 60)
observed = st.builds(
    lambda code, value, hour, visit, lag, bounds: (
        seen(code, value, hour, *bounds, visit=visit) | {KNOWN: START + timedelta(hours=hour + lag)}
    ),
    st.sampled_from(["pulseRate", "lactateLevel", "other"]), st.none() | st.floats(-50, 300), moments,
    st.sampled_from(["v1", "v2"]), st.integers(0, 12), st.sampled_from([(None, None), (60, 100), (0, 2)]),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(observed, max_size=25))
def test_nothing_made_or_known_from_the_index_time_on_changes_a_feature(observations):
    by_then = [o for o in observations if max(o["observation_date"], o[KNOWN]) < INDEX]
    both = index("v1", "v2")
    everything, earlier = (made(o or [], at=both).sort("visit_id") for o in (observations, by_then))
    assert everything.equals(earlier, null_equal=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(observed, max_size=15), st.randoms())
def test_neither_the_order_of_rows_nor_the_label_nor_another_visit_matters(observations, chance):
    mine = [o for o in observations if o["visit_id"] == "v1"]
    before = made(mine)
    changed = [o | {"condition_present": True} for o in observations]
    chance.shuffle(changed)
    after = made(changed)
    for name in ALL.feature_names:
        a, b = before[name].item(), after[name].item()
        assert (a is None) == (b is None), name
        if a is not None:
            assert a == pytest.approx(b, rel=1e-6, abs=1e-6), name


def test_index_times_after_the_first_observation():
    at = at_hours_after_first(frame(PULSES), 12.5).collect()
    assert at[INDEX_TIME].to_list() == [START + timedelta(hours=12.5)]


CINC = next(iter(sorted((Path(__file__).parents[3] / "shared" / "data" / "cinc2019").glob("*.parquet"))), None)


@pytest.mark.skipif(CINC is None, reason="the CinC 2019 data are not at ../shared")
def test_the_challenge_is_read_written_and_turned_into_features(tmp_path):
    hours = pl.scan_parquet(CINC)
    sources.from_cinc2019(hours).sink_parquet(tmp_path / "long.parquet")
    observations = files.scan(tmp_path / "long.parquet")
    at = sources.cinc2019_index_times(hours, 12)
    plan = Plan(codes=tuple(sources.CINC_CODES.values()), combination="all")
    found = features(observations, at, plan).collect(engine="streaming")
    assert found.height == 4851
    assert set(found.columns) == {"visit_id", INDEX_TIME, *plan.feature_names}
    direct = (
        hours.filter(pl.col("ICULOS") < 12)
        .group_by("patient_id")
        .agg(pl.col("HR").mean().alias("mean"), pl.col("HR").count().alias("count"))
    ).collect()
    both = found.join(direct, left_on="visit_id", right_on="patient_id").sort("visit_id")
    assert both.filter(
        pl.col("mean").is_not_null() & ((pl.col("mean") - pl.col("pulseRate_mean")).abs() > 1e-6)
    ).is_empty()
    assert (both["pulseRate_count"] == both["count"]).all()
    labels = files.labels(observations).collect()
    assert labels["condition_present"].sum() == 279


MIMIC = Path(__file__).parents[3] / "shared" / "data" / "physionet"


@pytest.mark.skipif(not MIMIC.exists(), reason="the open demo is not at ../shared")
def test_mimic_in_the_long_format_passes_the_check_and_gives_features(demo_frames, tmp_path):
    from clinical_assets.stays import stays as rules

    hospital = rules.hospital_stays(demo_frames("mimic/hosp/admissions"), demo_frames("mimic/hosp/patients"))
    stays = rules.icu_stays(demo_frames("mimic/icu/icustays"), hospital)
    sources.from_mimic(stays, demo_frames("mimic/icu/chartevents"), demo_frames("mimic/hosp/labevents")).sink_parquet(
        tmp_path / "long.parquet"
    )
    observations = files.scan(tmp_path / "long.parquet")
    at = stays.select(
        pl.col("stay_id").cast(pl.String).alias("visit_id"), index_time=pl.col("intime") + pl.duration(days=1)
    )
    found = features(observations, at, Plan(combination="base+temporal")).collect(engine="streaming")
    assert found.height == 140
    assert found["pulseRate_mean"].drop_nulls().is_between(30, 180).all()
    assert found["tempC_mean"].drop_nulls().is_between(30, 42).all()
    assert files.labels(observations).collect()["condition_present"].sum() == 20
