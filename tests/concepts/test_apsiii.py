import math
from itertools import product

import pytest

from clinical_assets.concepts.apsiii import apsiii

# Points of values on both sides of each bound, the lowest and the highest value being equal.
BANDS = {
    "vitalsign heart_rate hr_score": {
        **{39: 8, 40: 5, 49: 5, 50: 0, 99: 0, 100: 1, 109: 1, 110: 5, 119: 5, 120: 7},
        **{139: 7, 140: 13, 154: 13, 155: 17},
    },
    "vitalsign mbp mbp_score": {
        **{39: 23, 40: 15, 59: 15, 60: 7, 69: 7, 70: 6, 79: 6, 80: 0, 99: 0, 100: 4, 119: 4},
        **{120: 7, 129: 7, 130: 9, 139: 9, 140: 10},
    },
    "vitalsign temperature temp_score": {
        **{32.9: 20, 33: 16, 33.4: 16, 33.5: 13, 33.9: 13, 34: 8, 34.9: 8, 35: 2},
        **{35.9: 2, 36: 0, 39.9: 0, 40: 4},
    },
    "vitalsign resp_rate resp_rate_score": {
        **{5: 17, 6: 8, 11: 8, 12: 7, 13: 7, 14: 0, 24: 0, 25: 6, 34: 6, 35: 9},
        **{39: 9, 40: 11, 49: 11, 50: 18},
    },
    "vitalsign glucose glucose_score": {39: 8, 40: 9, 59: 9, 60: 0, 199: 0, 200: 3, 349: 3, 350: 5},
    "lab glucose glucose_score": {39: 8, 40: 9, 59: 9, 60: 0, 199: 0, 200: 3, 349: 3, 350: 5},
    "lab hematocrit hematocrit_score": {40.9: 3, 41: 0, 49.9: 0, 50: 3},
    "lab wbc wbc_score": {0.9: 19, 1: 5, 2.9: 5, 3: 0, 19.9: 0, 20: 1, 24.9: 1, 25: 5},
    "lab creatinine creatinine_score": {0.4: 3, 0.5: 0, 1.4: 0, 1.5: 4, 1.94: 4, 1.95: 7},
    "lab bun bun_score": {16.9: 0, 17: 2, 19.9: 2, 20: 7, 39.9: 7, 40: 11, 79.9: 11, 80: 12},
    "lab sodium sodium_score": {119: 3, 120: 2, 134: 2, 135: 0, 154: 0, 155: 4},
    "lab albumin albumin_score": {1.9: 11, 2: 6, 2.4: 6, 2.5: 0, 4.4: 0, 4.5: 4},
    "lab bilirubin_total bilirubin_score": {1.9: 0, 2: 5, 2.9: 5, 3: 6, 4.9: 6, 5: 8, 7.9: 8, 8: 16},
}


@pytest.mark.parametrize(("names", "points_at"), BANDS.items())
def test_bands(score_of_each, names, points_at):
    table, quantity, score = names.split()
    values = [{f"{quantity}_min": value, f"{quantity}_max": value} for value in points_at]
    rows = score_of_each(apsiii, **{f"first_day_{table}": values})
    assert [row[score] for row in rows] == list(points_at.values())
    assert [row["apsiii"] for row in rows] == list(points_at.values())
    (unobserved,) = score_of_each(apsiii)
    assert unobserved[score] is None


@pytest.mark.parametrize(
    ("names", "cases"),
    [
        # 75: 30 below and above give the one with more points, 20 below is nearer than 24.9 above
        ("vitalsign heart_rate hr_score", [(45, 105, 5), (50, 99.9, 0), (45, 104, 5), (45, 160, 17), (49, 102, 1)]),
        ("vitalsign mbp mbp_score", [(65, 116, 4), (65, 114, 7), (65, 115, 7)]),  # 90
        ("vitalsign temperature temp_score", [(35.5, 40, 2), (36.1, 40, 4), (36, 40, 4)]),  # 38
        ("vitalsign resp_rate resp_rate_score", [(13, 26, 6), (13, 24.9, 7), (13, 25, 7)]),  # 19
        ("lab hematocrit hematocrit_score", [(40, 50, 3), (41, 49, 0), (41.1, 50, 3), (40.9, 49.9, 3)]),  # 45.5
        ("lab wbc wbc_score", [(2.9, 20, 5), (3.1, 20, 1)]),  # 11.5
        ("lab creatinine creatinine_score", [(0.4, 1.5, 3), (0.4, 1.7, 4)]),  # 1
        ("lab bun bun_score", [(10, 80, 12), (1, 16, 0)]),  # only the highest
        ("lab sodium sodium_score", [(134, 156, 2), (136, 156, 4)]),  # 145.5
        ("lab albumin albumin_score", [(2.4, 4.5, 6), (2.6, 4.5, 4)]),  # 3.5
        ("lab bilirubin_total bilirubin_score", [(1, 8, 16)]),  # only the highest
        ("lab glucose glucose_score", [(55, 200, 9), (61, 200, 3)]),  # 130
    ],
)
def test_the_value_further_from_normal_is_scored(score_of_each, names, cases):
    table, quantity, score = names.split()
    values = [{f"{quantity}_min": lowest, f"{quantity}_max": highest} for lowest, highest, _ in cases]
    rows = score_of_each(apsiii, **{f"first_day_{table}": values})
    assert [row[score] for row in rows] == [points for *_, points in cases]


def test_glucose_is_the_extreme_of_laboratory_and_chart(score_of_each):
    lab = [{"glucose_min": 100, "glucose_max": 120}, {"glucose_min": 100, "glucose_max": 360}]
    chart = [{"glucose_min": 39, "glucose_max": 110}, {"glucose_min": 90, "glucose_max": 110}]
    rows = score_of_each(apsiii, first_day_lab=lab, first_day_vitalsign=chart)
    assert [row["glucose_score"] for row in rows] == [8, 5]


VENTILATED = {"ventilation_status": "InvasiveVent"}


def test_a_slow_breath_on_the_ventilator_has_no_points(score_of_each, at):
    breaths = [{"resp_rate_min": rate, "resp_rate_max": 19} for rate in (8, 8, 13.9)]
    starts = [at(24), at(60), at(24)]
    rows = score_of_each(
        apsiii,
        first_day_vitalsign=breaths,
        ventilation=[VENTILATED | {"starttime": start, "endtime": at(70)} for start in starts],
    )
    assert [row["resp_rate_score"] for row in rows] == [0, 8, 0]


def test_creatinine_in_acute_renal_failure(score_of_each):
    cases = [  # diagnosis, urine, lowest and highest creatinine, points
        ("I10", 409, 1.0, 1.5, 10),
        ("I10", 409, 1.6, 1.7, 10),
        ("I10", 409, 0.3, 1.6, 10),  # the highest counts, though the lowest is further from normal
        ("I10", 410, 0.3, 1.6, 3),
        ("I10", 410, 1.0, 1.6, 4),
        ("I10", 409, 0.3, 1.4, 3),
        ("N184", 409, 1.0, 1.6, 4),
        ("N185", 409, 1.0, 1.6, 4),
        ("N186", 409, 1.0, 1.6, 4),
        ("N183", 409, 1.0, 1.6, 10),
        (None, 409, 1.0, 1.6, 10),
        ("I10", None, 1.0, 1.6, 4),
    ]
    rows = score_of_each(
        apsiii,
        first_day_lab=[{"creatinine_min": low, "creatinine_max": high} for _, _, low, high, _ in cases],
        first_day_urine_output=[{"urineoutput": urine} for _, urine, *_ in cases],
        diagnoses_icd=[{"icd_version": 10, "icd_code": code} for code, *_ in cases],
    )
    assert [row["creatinine_score"] for row in rows] == [points for *_, points in cases]
    without_diagnoses = score_of_each(
        apsiii, first_day_lab={"creatinine_min": 1.0, "creatinine_max": 1.6}, first_day_urine_output={"urineoutput": 1}
    )
    assert without_diagnoses[0]["creatinine_score"] == 4


def test_severe_kidney_disease_in_icd_9(score_of_each):
    codes = {"5853": 10, "5854": 4, "5855": 4, "5856": 4}
    rows = score_of_each(
        apsiii,
        first_day_lab={"creatinine_min": 1.0, "creatinine_max": 1.6},
        first_day_urine_output={"urineoutput": 100},
        diagnoses_icd=[{"icd_version": 9, "icd_code": code} for code in codes],
    )
    assert [row["creatinine_score"] for row in rows] == list(codes.values())


def test_urine(score_of_each):
    points_at = {399: 15, 400: 8, 599: 8, 600: 7, 899: 7, 900: 5, 1499: 5, 1500: 4, 1999: 4, 2000: 0, 3999: 0, 4000: 1}
    rows = score_of_each(apsiii, first_day_urine_output=[{"urineoutput": urine} for urine in points_at])
    assert [row["uo_score"] for row in rows] == list(points_at.values())


# Rows: verbal 1 to 5. Columns: motor 1 to 6.
EYES_CLOSED = [
    [48, 48, 33, 33, 16, 16],
    [29, 29, 24, 24, None, None],
    [29, 29, 24, 24, None, None],
    [None] * 6,
    [None] * 6,
]
EYES_OPEN = [
    [29, 29, 24, 24, 15, 15],
    [29, 29, 24, 24, 13, 10],
    [29, 29, 24, 24, 13, 10],
    [13, 13, 13, 13, 8, 3],
    [3, 3, 3, 3, 3, 0],
]


@pytest.mark.parametrize(
    ("eyes", "table"), [(1, EYES_CLOSED), (2, EYES_OPEN), (3, EYES_OPEN), (4, EYES_OPEN), (None, [[None] * 6] * 5)]
)
def test_consciousness(score_of_each, eyes, table):
    responses = [
        {"gcs_eyes": eyes, "gcs_verbal": verbal, "gcs_motor": motor, "gcs_unable": 0}
        for verbal, motor in product(range(1, 6), range(1, 7))
    ]
    rows = score_of_each(apsiii, first_day_gcs=responses)
    assert [row["gcs_score"] for row in rows] == [points for verbal in table for points in verbal]


def test_a_tube_makes_consciousness_normal(score_of_each):
    responses = {"gcs_eyes": 1, "gcs_verbal": 0, "gcs_motor": 1, "gcs_unable": 1}
    assert score_of_each(apsiii, first_day_gcs=responses)[0]["gcs_score"] == 0


# Per pH: points at PaCO2 of both sides of each bound.
ACID_BASE = {
    7.19: {49: 12, 50: 4},
    7.20: {29: 9, 30: 6, 39: 6, 40: 3, 49: 3, 50: 2},
    7.29: {29: 9, 30: 6},
    7.30: {29: 9, 30: 0, 44: 0, 45: 1},
    7.34: {29: 9, 44: 0},
    7.35: {29: 5, 30: 0, 44: 0, 45: 1},
    7.44: {29: 5, 45: 1},
    7.45: {29: 5, 30: 0, 34: 0, 35: 2, 44: 2, 45: 12},
    7.49: {34: 0, 44: 2},
    7.50: {24: 3, 39: 3, 40: 12},
    7.59: {24: 3},
    7.60: {24: 0, 25: 3, 39: 3, 40: 12},
    None: {40: None},
}
ARTERIAL = {"specimen": "ART."}


def test_acid_base(score_of_each, at):
    cases = [(ph, pco2, points) for ph, at_pco2 in ACID_BASE.items() for pco2, points in at_pco2.items()]
    cases.append((7.1, None, None))
    gases = [ARTERIAL | {"charttime": at(30), "ph": ph, "pco2": pco2} for ph, pco2, _ in cases]
    rows = score_of_each(apsiii, bg=gases)
    assert [row["acidbase_score"] for row in rows] == [points for *_, points in cases]


def test_oxygen_or_on_enriched_air_its_gradient(score_of_each, at):
    cases = [  # gas, ventilated, points
        ({"po2": 49}, False, 15),
        ({"po2": 50}, False, 5),
        ({"po2": 69}, False, 5),
        ({"po2": 70}, False, 2),
        ({"po2": 79, "fio2": 49}, False, 2),
        ({"po2": 80, "fio2_chartevents": 49}, False, 0),
        ({"po2": 49, "fio2": 50}, False, None),
        ({"po2": 49}, True, None),
        ({"aado2": 99, "fio2": 50}, True, 0),
        ({"aado2": 100, "fio2": 50}, True, 7),
        ({"aado2": 249, "fio2": 50}, True, 7),
        ({"aado2": 250, "fio2": 50}, True, 9),
        ({"aado2": 349, "fio2": 50}, True, 9),
        ({"aado2": 350, "fio2_chartevents": 60}, True, 11),
        ({"aado2": 499, "fio2": 50}, True, 11),
        ({"aado2": 500, "fio2": 100}, True, 14),
        ({"aado2": 350, "fio2": 49}, True, None),
        ({"aado2": 350}, True, None),
        ({"aado2": 350, "fio2": 50}, False, None),
    ]
    rows = score_of_each(
        apsiii,
        bg=[ARTERIAL | {"charttime": at(30)} | gas for gas, *_ in cases],
        ventilation=[
            {"ventilation_status": "InvasiveVent" if ventilated else "HFNC", "starttime": at(25), "endtime": at(40)}
            for _, ventilated, _ in cases
        ],
    )
    assert [row["pao2_aado2_score"] for row in rows] == [points for *_, points in cases]


def test_gases_of_the_icu_stay_only(score_of_each, at):
    points_at = {23.9: None, 24: 15, 71.9: 15, 72: None}
    rows = score_of_each(apsiii, bg=[ARTERIAL | {"charttime": at(hour), "po2": 40} for hour in points_at])
    assert [row["pao2_aado2_score"] for row in rows] == list(points_at.values())


def test_probability(score_of_each):
    rows = score_of_each(apsiii, first_day_urine_output=[{"urineoutput": 100}, {}])
    assert [row["apsiii"] for row in rows] == [15, 0]
    assert rows[0]["apsiii_prob"] == pytest.approx(1 / (1 + math.exp(4.436 - 0.04726 * 15)))
