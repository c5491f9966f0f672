import math

import pytest

from clinical_assets.concepts.meld import meld


def test_a_healthy_or_unobserved_liver_has_the_least(score_of_each):
    healthy = {"creatinine_max": 0.8, "bilirubin_total_max": 0.5, "inr_max": 0.9, "sodium_min": 140}
    for row in score_of_each(meld, first_day_lab=[healthy, {}]):
        assert (row["meld_initial"], row["meld"], row["rrt"]) == (6, 6, None)


def test_worked_by_hand(score_of_each):
    labs = {"creatinine_max": 2.0, "bilirubin_total_max": 3.0, "inr_max": 1.5}
    rows = score_of_each(meld, first_day_lab=[labs | {"sodium_min": sodium} for sodium in (None, 138, 130, 120)])
    initial = round(0.957 * math.log(2) + 0.378 * math.log(3) + 1.12 * math.log(1.5) + 0.643, 1) * 10
    assert [row["meld_initial"] for row in rows] == pytest.approx([initial] * 4)
    expected = [initial + 1.32 * deficit - 0.033 * initial * deficit for deficit in (0, 0, 7, 12)]
    assert [row["meld"] for row in rows] == pytest.approx(expected)


def test_sodium_counts_above_eleven_only(score_of_each):
    eleven, twelve = {"creatinine_max": 1.6, "sodium_min": 125}, {"creatinine_max": 1.85, "sodium_min": 125}
    rows = score_of_each(meld, first_day_lab=[eleven, twelve])
    assert [row["meld_initial"] for row in rows] == pytest.approx([11, 12])
    assert [row["meld"] for row in rows] == pytest.approx([11, 12 + 1.32 * 12 - 0.033 * 12 * 12])


def test_dialysis_counts_as_the_highest_creatinine(score_of_each):
    labs = [{"creatinine_max": 1.0}, {"creatinine_max": 4.1}, {"creatinine_max": 4.0}]
    rows = score_of_each(meld, first_day_lab=labs, first_day_rrt=[{"dialysis_present": 1}, {}, {}])
    assert [row["meld_initial"] for row in rows] == [20, 20, 20]
    assert [row["rrt"] for row in rows] == [1, None, None]


def test_at_most_40(score_of_each):
    (row,) = score_of_each(meld, first_day_lab={"creatinine_max": 5.0, "bilirubin_total_max": 40.0, "inr_max": 9.0})
    assert row["meld_initial"] == 40
