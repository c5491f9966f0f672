"""Left joins on a key and a condition between times, such as "the ICU stay this drug was given in".

What does not belong here: which intervals are open or closed. The concepts differ in that, and each says so itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def left_join_where(
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    *,
    on: str,
    where: pl.Expr,
    by: Sequence[str],
    values: Sequence[str],
) -> pl.LazyFrame:
    """Each row of `left` with each row of `right` of the same `on` for which `where` holds; with nulls if none does.

    Args:
        left: rows to keep; a row that matches several times comes out several times, as in SQL.
        right: rows to find.
        on: the column both must agree on; a null agrees with nothing.
        where: the condition, over the columns of both.
        by: the columns of `left`, beside `on`, that the condition looks at.
        values: the columns taken from `right`.

    Returns:
        The columns of `left`, then `values`.
    """
    keys = [on, *by]
    # Looked up by value and joined back, not by row number: a lazy plan may compute `left` twice, in different orders.
    matches = left.select(keys).unique().join(right, on=on, how="inner").filter(where).select(*keys, *values)
    return left.join(matches, on=keys, how="left", nulls_equal=True)
