import pytest

from clinical_assets.concepts.sirs import sirs
from clinical_assets.concepts.tables import TABLES
from clinical_assets.tables import Type

SIGNS, GASES, LAB = "first_day_vitalsign", "first_day_bg_art", "first_day_lab"


@pytest.mark.parametrize(
    ("table", "criterion", "cases"),
    [
        (
            SIGNS,
            "temp_score",
            [
                ({"temperature_min": 35.9, "temperature_max": 37}, 1),
                ({"temperature_min": 36, "temperature_max": 38}, 0),
                ({"temperature_min": 36, "temperature_max": 38.1}, 1),
                ({}, None),
            ],
        ),
        (SIGNS, "heart_rate_score", [({"heart_rate_max": 90}, 0), ({"heart_rate_max": 91}, 1), ({}, None)]),
        (SIGNS, "resp_score", [({"resp_rate_max": 20}, 0), ({"resp_rate_max": 21}, 1), ({}, None)]),
        (GASES, "resp_score", [({"pco2_min": 31.9}, 1), ({"pco2_min": 32}, 0)]),
        (
            LAB,
            "wbc_score",
            [
                ({"wbc_min": 3.9, "wbc_max": 5}, 1),
                ({"wbc_min": 4, "wbc_max": 12}, 0),
                ({"wbc_min": 4, "wbc_max": 12.1}, 1),
                ({"bands_max": 10}, 0),
                ({"bands_max": 11}, 1),
                ({}, None),
            ],
        ),
    ],
)
def test_criteria(score_of_each, table, criterion, cases):
    rows = score_of_each(sirs, **{table: [values for values, _ in cases]})
    assert [row[criterion] for row in rows] == [met for _, met in cases]
    assert [row["sirs"] for row in rows] == [met or 0 for _, met in cases]


def test_criteria_are_added(score_of_each):
    signs = {"temperature_min": 35, "temperature_max": 37, "heart_rate_max": 120, "resp_rate_max": 30}
    (row,) = score_of_each(sirs, first_day_vitalsign=signs, first_day_lab={"wbc_min": 15, "wbc_max": 20})
    assert row["sirs"] == 4


MOST_POINTS = {
    "sirs": [1] * 4,
    "oasis": [9, 5, 10, 6, 4, 10, 6, 10, 9, 6],
    "lods": [5, 5, 5, 3, 3, 1],
    "sapsii": [18, 11, 13, 3, 11, 11, 10, 12, 3, 5, 6, 9, 26, 17, 8],
    "apsiii": [17, 23, 20, 18, 15, 3, 19, 10, 15, 12, 4, 11, 16, 9, 12, 48],
}


@pytest.mark.parametrize(("name", "most"), MOST_POINTS.items())
def test_the_declared_most_of_any_score_is_that_of_its_components(name, most):
    awarded = [c for c in TABLES[name].columns if c.unit == "points" and c.type is Type.INTEGER]  # no measured scale
    declared = [c.plausible[1] for c in awarded if c.plausible]
    assert declared == [sum(most), *most]
