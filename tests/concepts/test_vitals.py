import pytest

from clinical_assets.concepts.vitals import first_day_vitalsign, icp, rhythm, vitalsign


@pytest.mark.parametrize(
    ("itemid", "charted", "celsius"),
    [
        (223761, 98.6, 37.0),
        (223762, 37.0, 37.0),
        (223761, 37.0, None),  # a Celsius value in the Fahrenheit field is no fever of 2.8 degrees
        (223762, 98.6, None),
        (223761, 70.0, None),
        (223762, 49.96, 49.96),
    ],
)
def test_temperature_is_judged_in_its_own_scale(chart, itemid, charted, celsius):
    assert vitalsign(chart((0, itemid, charted))).collect()["temperature"].to_list() == [celsius]


@pytest.mark.parametrize(
    ("column", "itemid", "believed", "not_believed"),
    [
        ("heart_rate", 220045, 299, 300),
        ("sbp", 220050, 399, 400),
        ("dbp", 220180, 299, 300),
        ("mbp", 225312, 299, 300),
        ("resp_rate", 224690, 69, 70),
        ("spo2", 220277, 100, 100.1),
        ("glucose", 226537, 2000, 0),
    ],
)
def test_bounds(chart, column, itemid, believed, not_believed):
    entries = [(0, itemid, believed), (1, itemid, not_believed), (2, itemid, 0), (3, itemid, 0.5)]
    rows = vitalsign(chart(*entries)).collect().sort("charttime")
    assert rows[column].to_list() == [believed, None, None, 0.5]


def test_cuff_and_arterial_line_of_one_time_are_averaged_but_the_cuff_is_kept_apart(chart):
    row = vitalsign(chart((0, 220179, 100), (0, 220050, 120))).collect().row(0, named=True)
    assert (row["sbp"], row["sbp_ni"], row["dbp"]) == (110, 100, None)


def test_temperature_site_is_text(chart):
    row = vitalsign(chart((0, 224642, "Axillary"), (0, 224642, "Oral"), (0, 223762, 36.6))).collect().row(0, named=True)
    assert (row["temperature_site"], row["temperature"]) == ("Oral", 36.6)


def test_a_charted_artefact_still_makes_a_row(chart):
    assert vitalsign(chart((0, 220045, 999))).collect().height == 1


def test_first_day_extremes_and_mean(one_stay, chart):
    charted = vitalsign(chart((17, 220045, 200), (20, 220045, 60), (30, 220045, 90), (49, 220045, 10)))
    row = first_day_vitalsign(one_stay, charted).collect().row(0, named=True)
    assert (row["heart_rate_min"], row["heart_rate_max"], row["heart_rate_mean"]) == (60, 90, 75)
    assert row["glucose_mean"] is None


def test_icp_takes_the_higher_probe_and_no_artefacts(chart):
    rows = icp(chart((0, 220765, 12), (0, 227989, 15), (1, 220765, 100))).collect().sort("charttime")
    assert rows["icp"].to_list() == [15, None]


def test_rhythms_of_one_time_are_listed_once_in_order(chart):
    row = rhythm(chart((0, 220048, "ST"), (0, 220048, "AF"), (0, 220048, "ST"), (0, 224650, "PVCs"))).collect()
    assert row.row(0)[2:4] == ("AF; ST", "PVCs")


def test_ectopy_without_a_rhythm_has_no_rhythm(chart):
    assert rhythm(chart((0, 224651, "Rare"))).collect()["heart_rhythm"].to_list() == [None]
