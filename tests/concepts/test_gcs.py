"""Hand-worked cases of the Glasgow Coma Scale."""

import polars as pl
import pytest

from clinical_assets.concepts.gcs import first_day_gcs, gcs

VERBAL, MOTOR, EYES = 223900, 223901, 220739
TUBE = "No Response-ETT"


def totals(chartevents):
    return gcs(chartevents).collect().sort("charttime")["gcs"].to_list()


def test_the_sum_of_the_components(chart):
    assert totals(chart((0, VERBAL, 4), (0, MOTOR, 6), (0, EYES, 3))) == [13]


@pytest.mark.parametrize(("itemid", "points", "total"), [(VERBAL, 1, 11), (MOTOR, 1, 10), (EYES, 1, 12)])
def test_a_component_never_charted_is_taken_as_normal(chart, itemid, points, total):
    assert totals(chart((0, itemid, points))) == [total]


@pytest.mark.parametrize(("hours", "total"), [(5.99, 1 + 3 + 4), (6, 6 + 3 + 4)], ids=["recent", "too old"])
def test_a_missing_component_is_carried_on_for_less_than_six_hours(chart, hours, total):
    entries = [(0, MOTOR, 1), (0, VERBAL, 5), (0, EYES, 4), (hours, VERBAL, 3), (hours, EYES, 4)]
    assert totals(chart(*entries))[1] == total


def test_only_the_row_just_before_is_carried_on(chart):
    # The motor score of hour 0 was not charted at hour 1, so hour 2 does not know it.
    assert totals(chart((0, MOTOR, 1), (1, EYES, 2), (2, VERBAL, 3))) == [10, 8, 6 + 3 + 2]


def test_a_tube_scores_as_normal_and_is_flagged(chart):
    row = gcs(chart((0, VERBAL, TUBE), (0, MOTOR, 1), (0, EYES, 1))).collect().row(0, named=True)
    assert (row["gcs"], row["gcs_verbal"], row["gcs_unable"]) == (15, 0, 1)


def test_the_tube_is_carried_on_where_verbal_is_missing(chart):
    assert totals(chart((0, VERBAL, TUBE), (0, MOTOR, 1), (1, MOTOR, 2))) == [15, 15]


def test_nothing_is_carried_on_from_a_tube(chart):
    entries = [(0, VERBAL, TUBE), (0, MOTOR, 1), (0, EYES, 1), (1, VERBAL, 3)]
    assert totals(chart(*entries)) == [15, 6 + 3 + 4]


def test_stays_do_not_lend_one_another_components(chart):
    entries = chart((0, MOTOR, 1), (1, VERBAL, 3)).with_columns(
        stay_id=pl.when(pl.col("itemid") == MOTOR).then(100).otherwise(101)
    )
    assert sorted(gcs(entries).collect()["gcs"]) == [10, 13]


def test_the_worst_of_the_first_day_and_of_equals_the_latest(one_stay, chart):
    scores = gcs(chart((20, MOTOR, 3), (20, VERBAL, 5), (20, EYES, 4), (30, MOTOR, 6), (30, VERBAL, 3), (30, EYES, 3)))
    row = first_day_gcs(one_stay, scores).collect().row(0, named=True)
    assert (row["gcs_min"], row["gcs_motor"], row["gcs_verbal"], row["gcs_eyes"]) == (12, 6, 3, 3)


def test_a_stay_without_a_score_has_none(one_stay, chart):
    assert first_day_gcs(one_stay, gcs(chart())).collect().row(0)[2:] == (None,) * 5
