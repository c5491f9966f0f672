import pytest

from clinical_assets.concepts.lods import lods

HEALTHY = {"heart_rate_min": 60, "heart_rate_max": 100, "sbp_min": 100, "sbp_max": 150}


def test_circulation(score_of_each):
    cases = [
        ({"heart_rate_min": 29}, 5),
        ({"heart_rate_min": 30}, 0),
        ({"sbp_min": 39}, 5),
        ({"sbp_min": 40}, 3),
        ({"sbp_min": 69}, 3),
        ({"sbp_min": 70}, 1),
        ({"sbp_min": 89}, 1),
        ({"sbp_min": 90}, 0),
        ({"sbp_max": 270}, 3),
        ({"sbp_max": 269}, 1),
        ({"sbp_max": 240}, 1),
        ({"sbp_max": 239}, 0),
        ({"heart_rate_max": 140}, 1),
        ({"heart_rate_max": 139}, 0),
        (dict.fromkeys(HEALTHY), None),
    ]
    rows = score_of_each(lods, first_day_vitalsign=[HEALTHY | values for values, _ in cases])
    assert [row["cardiovascular"] for row in rows] == [points for _, points in cases]


def test_consciousness(score_of_each):
    points_at = {2: None, 3: 5, 5: 5, 6: 3, 8: 3, 9: 1, 13: 1, 14: 0, None: None}
    rows = score_of_each(lods, first_day_gcs=[{"gcs_min": gcs} for gcs in points_at])
    assert [row["neurologic"] for row in rows] == list(points_at.values())


@pytest.mark.parametrize(
    ("organ", "cases"),
    [
        (
            "hematologic",
            [
                ({"wbc_min": 0.9, "wbc_max": 2}, 3),
                ({"wbc_min": 1, "wbc_max": 2}, 1),
                ({"wbc_min": 2.4, "wbc_max": 5}, 1),
                ({"wbc_min": 2.5, "wbc_max": 49.9}, 0),
                ({"wbc_min": 2.5, "wbc_max": 50}, 1),
                ({"platelets_min": 49}, 1),
                ({"platelets_min": 50}, 0),
                ({}, None),
            ],
        ),
        (
            "hepatic",
            [
                ({"pt_min": 12, "pt_max": 15}, 0),
                ({"pt_min": 12, "pt_max": 15.1}, 1),
                ({"pt_min": 2.9, "pt_max": 12}, 1),
                ({"pt_min": 3, "pt_max": 12}, 0),
                ({"bilirubin_total_max": 1.9}, 0),
                ({"bilirubin_total_max": 2}, 1),
                ({}, None),
            ],
        ),
    ],
)
def test_blood_and_liver(score_of_each, organ, cases):
    rows = score_of_each(lods, first_day_lab=[values for values, _ in cases])
    assert [row[organ] for row in rows] == [points for _, points in cases]


def test_kidneys(score_of_each):
    cases = [  # urea nitrogen, creatinine, urine, points
        (7.4, 1.19, 1000, 0),
        (7.5, 1.19, 1000, 1),
        (7.4, 1.2, 1000, 1),
        (27.9, 1.59, 750, 1),
        (28, 1, 1000, 3),
        (7, 1.6, 1000, 3),
        (7, 1, 749, 3),
        (7, 1, 9999, 0),
        (7, 1, 10_000, 3),
        (55.9, 1, 500, 3),
        (7, 1, 499, 5),
        (56, 1, 1000, 5),
        (56, 5, None, None),  # all three must be known
        (None, 5, 100, None),
        (56, None, 100, None),
    ]
    rows = score_of_each(
        lods,
        first_day_lab=[{"bun_max": bun, "creatinine_max": creatinine} for bun, creatinine, *_ in cases],
        first_day_urine_output=[{"urineoutput": urine} for _, _, urine, _ in cases],
    )
    assert [row["renal"] for row in rows] == [points for *_, points in cases]


VENTILATED = {"ventilation_status": "InvasiveVent"}


def test_lungs_on_the_ventilator(score_of_each, at):
    points_at = {149.9: 3, 150: 1, 500: 1}
    gases = [{"charttime": at(30), "pao2fio2ratio": ratio} for ratio in points_at]
    rows = score_of_each(lods, bg=gases, ventilation=VENTILATED | {"starttime": at(30), "endtime": at(31)})
    assert [row["pulmonary"] for row in rows] == list(points_at.values())
    assert [row["pulmonary"] for row in score_of_each(lods, bg=gases)] == [0, 0, 0]
    elsewhere = [gas | {"hadm_id": None} for gas in gases]
    assert score_of_each(lods, bg=elsewhere, ventilation=VENTILATED)[0]["pulmonary"] == 0


@pytest.mark.parametrize("mask", ["CPAP mask ", "Bipap mask "])
def test_a_mask_counts_from_an_hour_before_its_first_entry_to_four_after_its_last(score_of_each, at, mask):
    worn = {"itemid": 226732, "charttime": at(30), "value": mask}
    points_at = {28.9: 0, 29: 3, 34: 3, 34.1: 0}
    gases = [{"charttime": at(hour), "pao2fio2ratio": 100} for hour in points_at]
    rows = score_of_each(lods, chartevents=worn, bg=gases)
    assert [row["pulmonary"] for row in rows] == list(points_at.values())


def test_masks_of_the_first_day_only(score_of_each, at):
    counted = {23.9: 0, 24: 3, 48: 3, 48.1: 0}
    masks = [{"itemid": 226732, "charttime": at(hour), "value": "CPAP mask "} for hour in counted]
    gases = [{"charttime": at(hour + 0.5), "pao2fio2ratio": 100} for hour in counted]
    assert [row["pulmonary"] for row in score_of_each(lods, chartevents=masks, bg=gases)] == list(counted.values())


def test_sum_of_what_was_observed(score_of_each):
    (row,) = score_of_each(lods, first_day_gcs={"gcs_min": 3}, first_day_lab={"platelets_min": 10})
    assert (row["lods"], row["renal"], row["cardiovascular"], row["pulmonary"]) == (6, None, None, 0)
