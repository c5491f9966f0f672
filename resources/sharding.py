"""Which shard a row lies in: a stable hash of its integer id.

Part of the data's format: the shard decides where a row lies on disk, so it may not change with a library version, a
machine or the order of rows, and uses no hash of Python's or polars'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SHARD_HASH = "splitmix64-1"
"""Name and version of the shard hash, recorded in every lake."""


def shard_of(ids: npt.NDArray[np.int64], shards: int) -> npt.NDArray[np.int64]:
    """The shard (0 to shards-1) of each id: the splitmix64 finaliser modulo the number of shards.

    Vectorised, about a nanosecond a row. Constants: Steele, Lea and Flood 2014 (splitmix64).

    Raises:
        ValueError: the ids are not whole numbers; with a null among them they arrive as floats.
    """
    if ids.dtype.kind not in "iu":
        raise ValueError(
            f"expected a whole-number id on every row; found {ids.dtype} ids, {np.isnan(ids.astype(float)).sum():,} of "
            f"{ids.size:,} missing. A row without an id has no shard: correct or drop it before."
        )
    x = ids.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x % np.uint64(shards)).astype(np.int64)


def shard_name(shard: int, shards: int) -> str:
    """The partition key of a shard: zero-padded, at least two digits (`00`, `07`, `113`)."""
    return f"{shard:0{max(2, len(str(shards - 1)))}d}"


def shard_names(shards: int) -> list[str]:
    """All partition keys of a lake with that many shards, in order."""
    return [shard_name(shard, shards) for shard in range(shards)]
