import polars as pl
import pytest

from clinical_assets.concepts.scoring import all_null, at_least, below, first_true

POINTS = {20: 4, 50: 3}


def score(rules, value):
    frame = pl.DataFrame({"x": [value]}, schema={"x": pl.Float64})
    return frame.select(first_true(rules, unknown=all_null("x")).alias("s"))["s"][0]


@pytest.mark.parametrize(("value", "points"), [(19.9, 4), (20, 3), (49.9, 3), (50, 0), (None, None)])
def test_below(value, points):
    assert score(below("x", POINTS), value) == points


@pytest.mark.parametrize(("value", "points"), [(19.9, 0), (20, 4), (50, 3), (None, None)])
def test_at_least(value, points):
    assert score(at_least("x", POINTS), value) == points


def test_the_first_true_rule_decides_and_a_null_is_not_true():
    frame = pl.DataFrame({"x": [1.0], "y": [None]}, schema={"x": pl.Float64, "y": pl.Float64})
    rules = [(pl.col("y") > 0, 4), (pl.col("x") > 0, 2), (pl.col("x") > -1, 1)]
    assert frame.select(first_true(rules, unknown=all_null("x", "y")))[0, 0] == 2
    assert frame.select(all_null("x", "y"))[0, 0] is False
