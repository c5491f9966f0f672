import pytest

from clinical_assets.concepts.anthropometry import first_day_height, first_day_weight, height, weight_durations

CM, INCHES = 226730, 226707
ADMISSION, DAILY = 226512, 224639


def test_the_metric_height_goes_before_inches_of_the_same_time(chart):
    rows = height(chart((0, CM, 180), (0, INCHES, 60), (1, INCHES, 70), (2, INCHES, 70.3))).collect()
    assert rows.sort("charttime")["height"].to_list() == [180, 177.8, 178.56]


@pytest.mark.parametrize(("cm", "kept"), [(120, False), (120.1, True), (229.9, True), (230, False)])
def test_heights_of_adults_only(chart, cm, kept):
    assert height(chart((0, CM, cm))).collect()["height"].to_list() == ([cm] if kept else [])


def test_first_day_height_is_their_mean(one_stay, chart):
    heights = height(chart((24, CM, 180), (30, CM, 181), (31, CM, 181), (60, CM, 150)))
    assert first_day_height(one_stay, heights).collect()["height"].to_list() == [180.67]


def intervals(one_stay, chartevents):
    rows = weight_durations(one_stay, chartevents).collect().sort("starttime", "endtime")
    return rows.select("starttime", "endtime", "weight", "weight_type").rows()


def test_the_admission_weight_holds_from_two_hours_before_until_the_next(one_stay, chart, at):
    found = intervals(one_stay, chart((30, ADMISSION, 80), (40, DAILY, 82.5)))
    assert found == [(at(22), at(40), 80, "admit"), (at(40), at(74), 82.5, "daily")]


def test_a_first_daily_weight_also_holds_backwards_to_admission(one_stay, chart, at):
    found = intervals(one_stay, chart((40, DAILY, 82.5)))
    assert found == [(at(22), at(40), 82.5, "daily"), (at(40), at(74), 82.5, "daily")]


def test_only_the_first_admission_weight_is_moved_to_admission(one_stay, chart, at):
    found = intervals(one_stay, chart((30, ADMISSION, 80), (40, ADMISSION, 90)))
    assert found == [(at(22), at(40), 80, "admit"), (at(40), at(74), 90, "admit")]


@pytest.mark.parametrize("kg", [0, -5, 1500])
def test_impossible_weights_are_left_out(one_stay, chart, kg):
    assert intervals(one_stay, chart((30, DAILY, kg))) == []


def test_of_weights_of_one_time_the_daily_then_the_higher_holds(one_stay, chart, at):
    found = intervals(one_stay, chart((22, DAILY, 82), (30, ADMISSION, 80), (22, DAILY, 83)))
    assert [row for row in found if row[0] != row[1]] == [(at(22), at(74), 83, "daily")]


def test_first_day_weight_sees_no_later_weight(one_stay, chart):
    weights = weight_durations(one_stay, chart((30, ADMISSION, 80), (40, DAILY, 83), (49, DAILY, 200)))
    row = first_day_weight(one_stay, weights).collect().row(0, named=True)
    assert (row["weight_admit"], row["weight"], row["weight_min"], row["weight_max"]) == (80, 81.5, 80, 83)
