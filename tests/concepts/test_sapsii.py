import math

import pytest

from clinical_assets.concepts.sapsii import sapsii
from clinical_assets.concepts.tables import TABLES

# Table, column, score, and points of values on both sides of each bound.
BANDS = {
    "age age age_score": {39: 0, 40: 7, 59: 7, 60: 12, 69: 12, 70: 15, 74: 15, 75: 16, 79: 16, 80: 18},
    "vitalsign heart_rate hr_score": {39: 11, 40: 2, 69: 2, 70: 0, 119: 0, 120: 4, 159: 4, 160: 7},
    "vitalsign sbp sysbp_score": {69: 13, 70: 5, 99: 5, 100: 0, 199: 0, 200: 2},
    "vitalsign temperature temp_score": {38.9: 0, 39: 3},
    "chemistry bun bun_score": {27.9: 0, 28: 6, 83.9: 6, 84: 10},
    "chemistry potassium potassium_score": {2.9: 3, 3: 0, 4.9: 0, 5: 3},
    "chemistry sodium sodium_score": {124: 5, 125: 0, 144: 0, 145: 1},
    "chemistry bicarbonate bicarbonate_score": {14.9: 6, 15: 3, 19.9: 3, 20: 0},
    "enzyme bilirubin_total bilirubin_score": {3.9: 0, 4: 4, 5.9: 4, 6: 9},
    "complete_blood_count wbc wbc_score": {0.9: 12, 1: 0, 19.9: 0, 20: 3},
    "gcs gcs gcs_score": {2: None, 3: 26, 5: 26, 6: 13, 8: 13, 9: 7, 10: 7, 11: 5, 13: 5, 14: 0, 15: 0, 16: None},
    "urine_output urineoutput uo_score": {499: 11, 500: 4, 999: 4, 1000: 0},
}


@pytest.mark.parametrize(("names", "points_at"), BANDS.items())
def test_bands(score_of_each, at, names, points_at):
    table, column, score = names.split()
    time = {"charttime": at(30)} if "charttime" in TABLES[table].column_names else {}
    rows = score_of_each(sapsii, **{table: [time | {column: value} for value in points_at]})
    assert [row[score] for row in rows] == list(points_at.values())
    (unobserved,) = score_of_each(sapsii, **{table: time | {column: None}})
    assert unobserved[score] is None


def test_the_day_begins_after_admission(score_of_each, at):
    points_at = {24: None, 24.1: 11, 48: 11, 48.1: None}
    rows = score_of_each(sapsii, vitalsign=[{"charttime": at(hour), "heart_rate": 30} for hour in points_at])
    assert [row["hr_score"] for row in rows] == list(points_at.values())
    assert (rows[0]["starttime"], rows[0]["endtime"]) == (at(24), at(48))


ARTERIAL = {"specimen": "ART."}


def test_oxygenation_on_the_ventilator(score_of_each, at):
    points_at = {99: 11, 100: 9, 199: 9, 200: 6}
    gases = [ARTERIAL | {"charttime": at(30), "pao2fio2ratio": ratio} for ratio in points_at]
    period = {"ventilation_status": "InvasiveVent", "starttime": at(29), "endtime": at(30)}
    rows = score_of_each(sapsii, bg=gases, ventilation=period)
    assert [row["pao2fio2_score"] for row in rows] == list(points_at.values())
    assert score_of_each(sapsii, bg=gases)[0]["pao2fio2_score"] is None
    # Unlike in SOFA, a gas at the very start of the ventilation does not lie in it.
    assert score_of_each(sapsii, bg=gases, ventilation=period | {"starttime": at(30)})[0]["pao2fio2_score"] is None
    venous = [gas | {"specimen": "VEN."} for gas in gases]
    assert score_of_each(sapsii, bg=venous, ventilation=period)[0]["pao2fio2_score"] is None


def test_oxygenation_under_a_mask(score_of_each, at):
    mask = {"itemid": 226732, "charttime": at(30), "value": "BiPAP mask "}
    points_at = {29: None, 29.1: 9, 34: 9, 34.1: None}
    gases = [ARTERIAL | {"charttime": at(hour), "pao2fio2ratio": 150} for hour in points_at]
    rows = score_of_each(sapsii, bg=gases, chartevents=mask)
    assert [row["pao2fio2_score"] for row in rows] == list(points_at.values())


def test_chronic_disease(score_of_each):
    points_of = {
        (9, "042"): 17,
        (9, "0449"): 17,
        (9, "0451"): 0,
        (10, "B20"): 17,
        (10, "B22"): 17,
        (10, "B23"): 0,
        (10, "B24"): 17,
        (9, "20000"): 10,
        (9, "20300"): 10,
        (9, "20892"): 10,
        (9, "20900"): 0,
        (9, "2386"): 10,
        (9, "2733"): 10,
        (10, "C81"): 10,
        (10, "C9500"): 10,
        (10, "C97"): 0,
        (9, "1960"): 9,
        (9, "1991"): 9,
        (9, "1992"): 0,
        (9, "20975"): 9,
        (9, "20979"): 9,
        (9, "78951"): 9,
        (10, "C787"): 9,
        (10, "C800"): 9,
        (10, "C801"): 0,
        (10, "C76"): 0,
        (10, "042"): 0,
    }
    diagnoses = [{"icd_version": version, "icd_code": code} for version, code in points_of]
    rows = score_of_each(sapsii, diagnoses_icd=diagnoses)
    assert [row["comorbidity_score"] for row in rows] == list(points_of.values())


def test_kind_of_admission_by_the_first_service(score_of_each, mimic_rows, at):
    points_of = {("ELECTIVE", "SURG"): 0, ("URGENT", "CSURG"): 8, ("URGENT", "MED"): 6, ("ELECTIVE", "MED"): 6}
    rows = score_of_each(
        sapsii,
        admissions=[{"admittime": at(0), "admission_type": kind} for kind, _ in points_of],
        services=[{"curr_service": service, "transfertime": at(1)} for _, service in points_of],
    )
    assert [row["admissiontype_score"] for row in rows] == list(points_of.values())


def test_sum_and_probability(score_of_each):
    (row,) = score_of_each(sapsii)
    assert row["sapsii"] == 7 + 6  # age 50, medical admission; the rest was not observed
    assert row["sapsii_prob"] == pytest.approx(1 / (1 + math.exp(7.7631 - 0.0737 * 13 - 0.9971 * math.log(14))))
