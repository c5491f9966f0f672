"""The limits of measured values: each is used, wider than what the concepts believe, and only ever a warning."""

import pytest

from clinical_assets.concepts.anthropometry import BODY_HEIGHT
from clinical_assets.concepts.laboratory import CHEMISTRY_RESULTS
from clinical_assets.concepts.plausibility import LIMITS, STATISTICS, limits_of
from clinical_assets.concepts.tables import TABLES
from clinical_assets.concepts.vitals import BLOOD_PRESSURES, CUFF_PRESSURES, HEART_RATE, RESP_RATE, SPO2
from clinical_assets.tables import Type

WITHOUT = {
    ("complete_blood_count", "rdwsd"): "a published mistake: the item is another test than the column says",
    ("neuroblock", "drug_rate"): "of two drugs, in the unit charted",
    ("neuroblock", "drug_amount"): "of two drugs, in the unit charted",
}
ANY_AMOUNT = ("vaso_amount", "uo_tm_6hr", "uo_tm_12hr", "uo_tm_24hr")
"""What a bag holds, and the time between two entries."""


def test_every_measured_column_has_limits_or_a_reason_for_none():
    for name, table in TABLES.items():
        for column in table.columns:
            if column.type is Type.FLOAT and column.name not in ANY_AMOUNT:
                assert (column.plausible is None) == ((name, column.name) in WITHOUT), f"{name}.{column.name}"


def test_every_limit_is_used():
    columns = {(column.name, column.unit) for table in TABLES.values() for column in table.columns}
    for name, unit in LIMITS:
        assert columns & {(name + statistic, unit) for statistic in ("", *STATISTICS)}, (name, unit)


def test_limits_depend_on_the_unit():
    assert limits_of("calcium", "mg/dL") == (0, 30)
    assert limits_of("calcium", "mmol/L") == (0.2, 5)
    assert limits_of("calcium", "g/dL") is None


@pytest.mark.parametrize("name", ["heart_rate", "heart_rate_min", "heart_rate_max", "heart_rate_mean"])
def test_extremes_have_the_limits_of_what_they_are_extremes_of(name):
    assert limits_of(name, "/min") == (0, 300)


@pytest.mark.parametrize(
    "measurement",
    [HEART_RATE, *BLOOD_PRESSURES, *CUFF_PRESSURES, RESP_RATE, SPO2, BODY_HEIGHT],
    ids=lambda m: m.name,
)
def test_what_is_believed_of_a_sign_is_plausible(measurement):
    low, high = limits_of(measurement.name, measurement.unit)
    assert low <= measurement.above
    assert high >= (measurement.below or measurement.at_most)


def test_limits_are_in_order_and_of_known_units():
    assert all(low < high for low, high in LIMITS.values())
    units = {m.unit for m in CHEMISTRY_RESULTS}
    assert units <= {unit for _, unit in LIMITS}
