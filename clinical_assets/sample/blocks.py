"""Blocks of patients: what is generated at once, and the identifiers and random numbers each block owns.

A hospital of any size is a sequence of blocks. A block depends on nothing but (seed, block number, patients in it), so
memory stays flat and blocks could be written in any order. Nothing clinical is decided here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

PATIENTS_PER_BLOCK = 200
MOST_PATIENTS = 400_000
BLOCKS = MOST_PATIENTS // PATIENTS_PER_BLOCK
SEVEN_DIGITS = 10_000_000
"""MIMIC's ids are a leading digit (1 patients, 2 admissions, 3 stays and transfers) and seven more."""
SUBJECT_GAP = SEVEN_DIGITS // MOST_PATIENTS
# Coprime to every space used below, so that multiplying by it is a permutation of the space.
SCATTER = 7_368_787


@dataclass(frozen=True)
class Block:
    """A run of patients generated together.

    Attributes:
        seed: of the whole hospital.
        number: counted from 0.
        patients: how many, at most `PATIENTS_PER_BLOCK`.
    """

    seed: int
    number: int
    patients: int

    def rng(self, domain: str) -> np.random.Generator:
        """The random numbers of one domain of this block; drawing more in one domain leaves the others as they were."""
        return np.random.default_rng([self.seed, self.number, zlib.crc32(domain.encode())])

    def subject_ids(self) -> Integers:
        """Ascending over the hospital (releases are sorted by patient), scattered within their gaps."""
        place = self.number * PATIENTS_PER_BLOCK + np.arange(self.patients, dtype=np.int64)
        return SEVEN_DIGITS + place * SUBJECT_GAP + self.rng("subject_id").integers(0, SUBJECT_GAP, self.patients)

    def identifiers(self, kind: str, count: int, *, lowest: int, space: int = SEVEN_DIGITS) -> Integers:
        """Distinct ids in [lowest, lowest + space), no two alike in the hospital and none telling of its row.

        Each block owns an equal share of the space; shuffling within the share, then scattering the shares, keeps
        order, time and outcome out of the id.

        Raises:
            ValueError: more ids asked for than the block owns.
        """
        owned = space // BLOCKS
        if count > owned:
            raise ValueError(
                f"block {self.number}: expected at most {owned} ids of kind {kind!r}; found {count} rows; "
                "lower the rows per patient or widen the space of that id"
            )
        places = self.number * owned + self.rng(f"id:{kind}").permutation(owned)[:count].astype(np.int64)
        turn = zlib.crc32(f"{self.seed}:{kind}".encode())
        return lowest + (places * SCATTER + turn) % space


def blocks(patients: int, seed: int) -> Iterator[Block]:
    """The blocks of a hospital, in order.

    Raises:
        ValueError: no patients, or more than there are ids for.
    """
    if not 1 <= patients <= MOST_PATIENTS:
        raise ValueError(f"expected 1 to {MOST_PATIENTS} patients; found {patients}; ask for a number in between")
    for number in range(-(-patients // PATIENTS_PER_BLOCK)):
        yield Block(seed, number, min(PATIENTS_PER_BLOCK, patients - number * PATIENTS_PER_BLOCK))
