"""Ways of drawing that every domain uses: chances from log odds, words from a table of shares."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Floats
from clinical_assets.sample.columns import words


def chance(log_odds: Floats) -> Floats:
    """The chance of each log odds."""
    chances: Floats = 1 / (1 + np.exp(-log_odds))
    return chances


def picked(rng: np.random.Generator, shares: dict[str, float], count: int) -> pl.Series:
    """Words drawn from a table of shares (made to sum to one); the empty word is null."""
    weights = np.array(list(shares.values()))
    drawn = rng.choice(len(weights), count, p=weights / weights.sum())
    return words([name or None for name in shares], drawn)
