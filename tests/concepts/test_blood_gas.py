import pytest

from clinical_assets.concepts.blood_gas import bg, first_day_bg, first_day_bg_art

SPECIMEN, FIO2, PCO2, PO2, LACTATE = 52033, 50816, 50818, 50821, 50813
FIO2_CHART = 223835


@pytest.mark.parametrize(
    ("entered", "percent"),
    [(0.5, 50), (1.0, 100), (0.2, None), (0.21, 21), (20, None), (21, 21), (100, 100), (101, None), (5, None)],
)
def test_oxygen_entered_with_the_gas_is_a_percentage_or_a_fraction(blood, chart, entered, percent):
    row = bg(blood((5, PO2, 100), (5, FIO2, entered)), chart()).collect().row(0, named=True)
    assert row["fio2"] == percent


@pytest.mark.parametrize(
    ("charted", "percent"),
    [(0.5, 50), (1, 100), (0.2, None), (5, None), (19.9, None), (20, 20), (40, 40), (100, 100), (101, None)],
)
def test_charted_oxygen_is_a_percentage_or_a_fraction(blood, chart, charted, percent):
    row = bg(blood((5, PO2, 100)), chart((5, FIO2_CHART, charted))).collect().row(0, named=True)
    assert row["fio2_chartevents"] == percent


@pytest.mark.parametrize(
    ("hour", "percent"), [(1, 40), (0.99, None), (5, 40), (5.01, None)], ids=["4 h", "older", "same time", "after"]
)
def test_charted_oxygen_counts_for_four_hours_and_never_backwards(blood, chart, hour, percent):
    row = bg(blood((5, PO2, 80)), chart((hour, FIO2_CHART, 40))).collect().row(0, named=True)
    assert row["fio2_chartevents"] == percent
    assert row["pao2fio2ratio"] == (200 if percent else None)


def test_the_latest_charted_oxygen_that_can_be_read(blood, chart):
    gases = bg(blood((5, PO2, 80)), chart((3, FIO2_CHART, 40), (4, FIO2_CHART, 5))).collect()
    assert gases["fio2_chartevents"].to_list() == [40]


def test_the_gas_s_own_oxygen_goes_before_the_charted(blood, chart):
    gases = bg(blood((5, PO2, 100), (5, PCO2, 40), (5, FIO2, 50)), chart((5, FIO2_CHART, 40)))
    row = gases.collect().row(0, named=True)
    assert row["pao2fio2ratio"] == 200
    assert row["aado2_calc"] == pytest.approx(0.5 * 713 - 40 / 0.8 - 100)


def test_a_specimen_without_po2_is_no_gas(blood, chart):
    assert bg(blood((5, LACTATE, 2.0)), chart()).collect().is_empty()


def test_first_day_of_arterial_gases_leaves_venous_and_unknown_ones_out(one_stay, blood, chart):
    gases = bg(
        blood((20, PO2, 90), (20, SPECIMEN, "ART."), (21, PO2, 40), (21, SPECIMEN, "VEN."), (22, PO2, 300)), chart()
    )
    assert first_day_bg(one_stay, gases).collect().select("po2_min", "po2_max").row(0) == (40, 300)
    assert first_day_bg_art(one_stay, gases).collect().select("po2_min", "po2_max").row(0) == (90, 90)


def test_a_gas_drawn_at_an_unknown_time_has_no_charted_oxygen(mimic_rows, chart):
    gas = {"labevent_id": 1, "subject_id": 1, "specimen_id": 7, "itemid": PO2, "valuenum": 80.0}
    row = bg(mimic_rows("labevents", gas), chart((0, FIO2_CHART, 40))).collect().row(0, named=True)
    assert (row["charttime"], row["po2"], row["fio2_chartevents"]) == (None, 80, None)
