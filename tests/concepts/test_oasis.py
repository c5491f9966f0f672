import math

import pytest

from clinical_assets.concepts.oasis import oasis

# Lowest and highest value, points, and the value scored on (the middle where neither scores).
VITAL_SIGNS = {
    "heart_rate heart_rate_score heartrate": [
        (32, 126, 6, 126),
        (32, 125, 4, 32),
        (33, 125, 3, 125),
        (60, 107, 3, 107),
        (60, 106.5, 0, 83.25),  # between the published bands
        (60, 106, 1, 106),
        (60, 89, 1, 89),
        (60, 88, 0, 74),
    ],
    "mbp mbp_score meanbp": [
        (20.6, 150, 4, 20.6),
        (20.65, 150, 3, 20.65),
        (50.9, 80, 3, 50.9),
        (51, 143.5, 3, 143.5),
        (51, 143.44, 2, 51),
        (61.32, 80, 2, 61.32),
        (61.33, 80, 0, 70.665),
    ],
    "resp_rate resp_rate_score resprate": [
        (5.9, 50, 10, 5.9),
        (6, 44.1, 9, 44.1),
        (6, 44, 6, 44),
        (6, 30.1, 6, 30.1),
        (6, 30, 1, 30),
        (13, 22.1, 1, 22.1),
        (12.9, 22, 1, 12.9),
        (13, 22, 0, 17.5),
    ],
    "temperature temp_score temp": [
        (30, 39.89, 6, 39.89),
        (33.22, 39.88, 4, 33.22),
        (35.93, 37, 4, 35.93),
        (30, 33.22, 4, 33.22),
        (30, 35.93, 4, 35.93),
        (33.21, 37, 3, 33.21),
        (35.94, 37, 2, 35.94),
        (36.39, 36.5, 2, 36.39),
        (36.4, 36.89, 2, 36.89),
        (36.4, 39.88, 2, 39.88),
        (36.4, 36.88, 0, 36.64),
    ],
}


@pytest.mark.parametrize(("names", "cases"), VITAL_SIGNS.items())
def test_vital_signs(score_of_each, names, cases):
    sign, score, value = names.split()
    rows = score_of_each(
        oasis, first_day_vitalsign=[{f"{sign}_min": lowest, f"{sign}_max": highest} for lowest, highest, *_ in cases]
    )
    assert [row[score] for row in rows] == [points for *_, points, _ in cases]
    assert [row[value] for row in rows] == pytest.approx([scored_on for *_, scored_on in cases])


@pytest.mark.parametrize(
    ("table", "column", "score", "points_at"),
    [
        ("age", "age", "age_score", {23: 0, 24: 3, 53: 3, 54: 6, 77: 6, 78: 9, 89: 9, 90: 7}),
        ("first_day_gcs", "gcs_min", "gcs_score", {7: 10, 8: 4, 13: 4, 14: 3, 15: 0, None: None}),
        (
            "first_day_urine_output",
            "urineoutput",
            "urineoutput_score",
            {671: 10, 671.09: 5, 1426.99: 5, 1427: 1, 2544.14: 1, 2544.2: 0, 6896.8: 0, 6896.9: 8, None: None},
        ),
    ],
)
def test_bands(score_of_each, table, column, score, points_at):
    rows = score_of_each(oasis, **{table: [{column: value} for value in points_at]})
    assert [row[score] for row in rows] == list(points_at.values())


def test_minutes_before_the_icu(score_of_each, at):
    points_at = {0: 5, 10: 5, 11: 3, 296: 3, 297: 0, 1439: 0, 1440: 2, 18707: 2, 18708: 1}
    admissions = [{"admittime": at(24 - minutes / 60), "admission_type": "URGENT"} for minutes in points_at]
    rows = score_of_each(oasis, admissions=admissions)
    assert {row["preiculos"]: row["preiculos_score"] for row in rows} == points_at


def test_elective_surgery(score_of_each, at):
    cases = [
        ("ELECTIVE", "CSURG", 0, 1),
        ("ELECTIVE", "ORTHO", 47, 1),
        ("ELECTIVE", "SURG", 48, 0),  # after the first day
        ("ELECTIVE", "MED", 0, 0),
        ("URGENT", "SURG", 0, 0),
    ]
    rows = score_of_each(
        oasis,
        admissions=[{"admittime": at(0), "admission_type": kind} for kind, *_ in cases],
        services=[{"curr_service": service, "transfertime": at(hour)} for _, service, hour, _ in cases],
    )
    assert [row["electivesurgery"] for row in rows] == [elective for *_, elective in cases]
    assert [row["electivesurgery_score"] for row in rows] == [0 if elective else 6 for *_, elective in cases]


def test_ventilation_on_the_first_day(score_of_each, at):
    cases = [(0, 23.9, 0), (0, 24, 1), (30, 40, 1), (48, 60, 1), (0, 90, 1), (48.1, 60, 0)]
    periods = [{"starttime": at(a), "endtime": at(b), "ventilation_status": "InvasiveVent"} for a, b, _ in cases]
    periods.append({"starttime": at(30), "endtime": at(40), "ventilation_status": "NonInvasiveVent"})
    rows = score_of_each(oasis, ventilation=periods)
    assert [row["mechvent"] for row in rows] == [*(ventilated for *_, ventilated in cases), 0]
    assert [row["mechvent_score"] for row in rows] == [9 * row["mechvent"] for row in rows]


def test_sum_and_probability(score_of_each):
    (row,) = score_of_each(oasis, first_day_gcs={"gcs_min": 3})
    assert row["oasis"] == 3 + 2 + 6 + 10  # age, wait, not elective, consciousness; the rest was not observed
    assert row["oasis_prob"] == pytest.approx(1 / (1 + math.exp(6.1746 - 0.1275 * 21)))
    assert [row[name] for name in ("heart_rate_score", "heartrate", "temp", "urineoutput_score")] == [None] * 4
