import pytest

from clinical_assets.concepts.urine_rate import kdigo_uo, urine_output_rate


@pytest.fixture
def voided(concept_rows, at):
    def urine_output(*entries):
        return concept_rows(
            "urine_output",
            *(
                {"subject_id": 1, "stay_id": 100, "charttime": at(hour), "urineoutput": volume}
                for hour, volume in entries
            ),
        )

    return urine_output


@pytest.fixture
def weight(concept_rows, at):
    def durations(*intervals):
        return concept_rows(
            "weight_durations",
            *({"stay_id": 100, "starttime": at(a), "endtime": at(b), "weight": kg} for a, b, kg in intervals),
        )

    return durations


@pytest.fixture
def by_clock(one_stay, chart, voided, weight):
    def rows(entries, weights=((0, 200, 80),), first_heart_rate=24):
        heart_rate = chart((first_heart_rate, 220045, 80))
        return urine_output_rate(one_stay, heart_rate, voided(*entries), weight(*weights)).collect().sort("charttime")

    return rows


def test_windows_count_clock_hours(by_clock):
    # 30:59 lies five clock hours before 35:01, six after 36:00.
    rows = by_clock([(30 + 59 / 60, 100), (35 + 1 / 60, 10), (36, 1)])
    assert rows["urineoutput_6hr"].to_list() == [100, 110, 11]
    assert rows["urineoutput_12hr"].to_list() == [100, 110, 111]
    assert rows["uo"].to_list() == [100, 10, 1]
    assert rows["uo_tm_6hr"].to_list() == [6.98, 11.02, 5.02]
    assert rows["uo_tm_12hr"].to_list() == [6.98, 11.02, 12]


def test_a_day_is_twenty_three_hours_back_to_the_minute(by_clock):
    assert by_clock([(24, 100), (47, 10), (47.1, 1)])["urineoutput_24hr"].to_list() == [100, 110, 11]


def test_the_first_entry_covers_the_time_since_the_first_heart_rate(by_clock):
    assert by_clock([(26, 100), (29, 10)])["uo_tm_6hr"].to_list() == [2, 5]


@pytest.mark.parametrize(("hours", "rate"), [(5.9, None), (6, 0.5)])
def test_no_rate_until_the_window_is_covered(by_clock, hours, rate):
    assert by_clock([(24 + hours, 240)])["uo_mlkghr_6hr"].to_list() == [rate]


@pytest.mark.parametrize(("hour", "kg"), [(30, 80), (30.1, 90), (40, 90), (40.1, None)])
def test_a_weight_holds_until_its_end_inclusive(by_clock, hour, kg):
    assert by_clock([(hour, 1)], weights=((24, 30, 80), (30, 40, 90)))["weight"].to_list() == [kg]


def test_a_heart_rate_a_month_off_is_of_another_stay(one_stay, chart, voided, weight):
    month = 31 * 24  # the stay lies from January 2 to 4; both December and January have 31 days
    for hour, counts in ((24 - month, False), (24.1 - month, True), (71.9 + month, True), (72 + month, False)):
        rates = urine_output_rate(one_stay, chart((hour, 220045, 80)), voided((30, 100)), weight())
        assert rates.collect().height == counts, hour


def test_a_stay_without_heart_rate_has_no_rate(one_stay, chart, voided, weight):
    assert urine_output_rate(one_stay, chart(), voided((30, 100)), weight()).collect().is_empty()


@pytest.fixture
def elapsed(one_stay, voided, weight):
    def rows(entries, weights=((0, 200, 80),)):
        return kdigo_uo(one_stay, voided(*entries), weight(*weights)).collect().sort("charttime")

    return rows


def test_kdigo_windows_are_elapsed_time_with_both_ends(elapsed):
    assert elapsed([(30, 100), (36, 10), (36.1, 1)])["urineoutput_6hr"].to_list() == [100, 110, 11]


def test_kdigo_s_first_entry_covers_one_hour(elapsed):
    assert elapsed([(30, 100), (33, 10)])["uo_tm_6hr"].to_list() == [1, 4]


@pytest.mark.parametrize(("window", "step"), [(6, 5), (12, 11), (24, 23)])
def test_kdigo_rates_begin_when_the_window_is_just_covered(elapsed, window, step):
    # The first entry covers one hour, the second the time since the first.
    just, not_yet = (elapsed([(30, 0), (30 + step - early, 240)]).row(1, named=True) for early in (0, 0.1))
    assert just[f"uo_rt_{window}hr"] == pytest.approx(240 / 80 / window)
    assert not_yet[f"uo_rt_{window}hr"] is None


def test_kdigo_s_six_hour_rate_needs_six_but_not_twelve_hours(elapsed):
    rows = elapsed([(30, 0), (36, 240), (49, 240)])
    assert rows["uo_tm_6hr"].to_list() == [1, 7, 13]
    assert rows["uo_rt_6hr"].to_list() == [None, pytest.approx(240 / 80 / 7, abs=5e-5), None]
    assert rows["uo_rt_12hr"].to_list() == [None, None, pytest.approx(240 / 80 / 13, abs=5e-5)]


@pytest.mark.parametrize(("hour", "kg"), [(24, 80), (29.9, 80), (30, 90), (40, None)])
def test_for_kdigo_a_weight_holds_until_its_end_exclusive(elapsed, hour, kg):
    assert elapsed([(hour, 1)], weights=((24, 30, 80), (30, 40, 90)))["weight"].to_list() == [kg]
