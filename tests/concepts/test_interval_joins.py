import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.concepts.interval_joins import left_join_where

rows = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 2)), st.one_of(st.none(), st.integers(0, 5))), max_size=6)
spans = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 5)), max_size=5)


@given(rows, spans)
def test_agrees_with_the_definition_row_by_row(left, right):
    joined = left_join_where(
        pl.LazyFrame(left, schema={"key": pl.Int64, "time": pl.Int64}, orient="row"),
        pl.LazyFrame(right, schema={"key": pl.Int64, "begin": pl.Int64, "end": pl.Int64}, orient="row"),
        on="key",
        where=(pl.col("time") >= pl.col("begin")) & (pl.col("time") < pl.col("end")),
        by=["time"],
        values=["begin", "end"],
    )
    expected = []
    for key, time in left:
        found = [(b, e) for k, b, e in right if k == key and time is not None and b <= time < e]
        expected += [(key, time, b, e) for b, e in found or [(None, None)]]
    order = lambda row: tuple((value is None, value or 0) for value in row)  # noqa: E731
    assert sorted(joined.collect().rows(), key=order) == sorted(expected, key=order)


def test_a_null_key_matches_nothing_and_keeps_its_row():
    left = pl.LazyFrame({"key": [None, 1], "time": [1, 1]}, schema={"key": pl.Int64, "time": pl.Int64})
    right = pl.LazyFrame({"key": [None, 1], "begin": [0, 0]}, schema={"key": pl.Int64, "begin": pl.Int64})
    joined = left_join_where(
        left, right, on="key", where=pl.col("time") >= pl.col("begin"), by=["time"], values=["begin"]
    )
    assert sorted(joined.collect().rows(), key=str) == [(1, 1, 0), (None, 1, None)]


@pytest.mark.parametrize("column", ["key", "time", "begin"])
def test_columns_come_out_in_order(column):
    left = pl.LazyFrame(schema={"key": pl.Int64, "time": pl.Int64})
    right = pl.LazyFrame(schema={"key": pl.Int64, "begin": pl.Int64})
    joined = left_join_where(left, right, on="key", where=pl.lit(value=True), by=["time"], values=["begin"])
    assert column in joined.collect_schema()
    assert list(joined.collect_schema()) == ["key", "time", "begin"]
