"""The hospital's providers and caregivers: pools of codes, the same in every hospital."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Integers

_CODE_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _providers(count: int) -> tuple[str, ...]:
    rng = np.random.default_rng(3_608_264)
    codes = {"P" + "".join(_CODE_LETTERS[i] for i in rng.integers(0, 36, 5)) for _ in range(count)}
    return tuple(sorted(codes))


PROVIDERS = _providers(600)
CAREGIVERS: Integers = np.sort(np.random.default_rng(98_765).choice(np.arange(200, 99_999), 500, replace=False))


def provider_ids(rng: np.random.Generator, count: int, *, missing: float = 0.0) -> pl.Series:
    """Random providers, a share of them missing."""
    drawn = pl.Series(PROVIDERS).gather(pl.Series(rng.integers(0, len(PROVIDERS), count)))
    return pl.select(pl.when(pl.Series(rng.random(count) >= missing)).then(drawn)).to_series()


def caregiver_ids(rng: np.random.Generator, count: int) -> Integers:
    """Random caregivers."""
    return CAREGIVERS[rng.integers(0, len(CAREGIVERS), count)]
