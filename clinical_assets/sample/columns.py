"""Arrays to the columns of a frame: words by index, numbers with gaps, rows repeated, times cut to minutes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Booleans, Floats, Integers


def words(choices: Sequence[str | None], indices: Integers) -> pl.Series:
    """The word of each index."""
    return pl.Series(choices, dtype=pl.String).gather(pl.Series(indices, dtype=pl.Int64))


def where(present: Booleans, values: Floats | Integers | pl.Series) -> pl.Series:
    """The values, null where not present."""
    series = values if isinstance(values, pl.Series) else pl.Series(values)
    return pl.select(pl.when(pl.Series(present)).then(series)).to_series()


def spread(counts: Integers) -> tuple[Integers, Integers]:
    """Rows of `counts` repeats: the index of the thing repeated, and the number of each repeat from 0."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return owner, np.arange(len(owner)) - first


def minutes(seconds: Integers | Floats) -> Integers:
    """Times cut to whole minutes, in seconds."""
    whole: Integers = np.floor(np.asarray(seconds) / 60).astype(np.int64) * 60
    return whole
