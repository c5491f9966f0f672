"""Early warning scores from the vital signs of triage, each a table of bands.

Triage records neither consciousness nor oxygen given: both are taken as normal, so a score is a lower bound. Without
them NEWS2 on its first saturation scale is NEWS (the second scale is for known hypercapnic failure, which nobody knows
at triage); both are kept because the benchmark lists both. A score is null where any of its measurements is missing.

Sources: MEWS Subbe et al. 2001 (QJM 94:521); NEWS and NEWS2 Royal College of Physicians 2012 and 2017; REMS Olsson et
al. 2004 (J Intern Med 255:579); CART Churpek et al. 2012 (Crit Care Med 40:2102). Every band was compared with the
benchmark's (nliulab/mimic4ed-benchmark 091ed6f7) and, but for REMS, with a printed table of the score. Where the
benchmark differs from the publication ours follows the publication: its NEWS2 leaves saturation out, its REMS gives no
points for a mean pressure of 49 and its limits between whole numbers (a MAP of 109.3) fall into no band.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from clinical_assets.concepts.scoring import all_null, below, first_true


@dataclass(frozen=True)
class Bands:
    """Points below each limit (the lowest limit above the value counts), and from the last limit on."""

    under: Mapping[float, int]
    beyond: int

    def points(self, column: str) -> pl.Expr:
        """The points of a column's value; null for a missing one."""
        return first_true(below(column, self.under), unknown=all_null(column), otherwise=self.beyond)


_NEWS = {
    "resprate": Bands({9: 3, 12: 1, 21: 0, 25: 2}, 3),
    "o2sat": Bands({92: 3, 94: 2, 96: 1}, 0),
    "temperature": Bands({35.05: 3, 36.05: 1, 38.05: 0, 39.05: 1}, 2),
    "sbp": Bands({91: 3, 101: 2, 111: 1, 220: 0}, 3),
    "heartrate": Bands({41: 3, 51: 1, 91: 0, 111: 1, 131: 2}, 3),
}
SCORES: Mapping[str, Mapping[str, Bands]] = {
    "CART": {
        "resprate": Bands({21: 0, 24: 8, 26: 12, 30: 15}, 22),
        "heartrate": Bands({110: 0, 140: 4}, 13),
        "dbp": Bands({35: 13, 40: 6, 50: 4}, 0),
        "age": Bands({55: 0, 70: 4}, 9),
    },
    "REMS": {
        "age": Bands({45: 0, 55: 2, 65: 3, 75: 5}, 6),
        "heartrate": Bands({40: 4, 55: 3, 70: 2, 110: 0, 140: 2, 180: 3}, 4),
        "resprate": Bands({6: 4, 10: 2, 12: 1, 25: 0, 35: 1, 50: 3}, 4),
        "map": Bands({50: 4, 70: 2, 110: 0, 130: 2, 160: 3}, 4),
        "o2sat": Bands({75: 4, 86: 3, 90: 1}, 0),
    },
    "NEWS": _NEWS,
    "NEWS2": _NEWS,
    "MEWS": {
        "sbp": Bands({71: 3, 81: 2, 101: 1, 200: 0}, 2),
        "heartrate": Bands({41: 2, 51: 1, 101: 0, 111: 1, 130: 2}, 3),
        "resprate": Bands({9: 2, 15: 0, 21: 1, 30: 2}, 3),
        "temperature": Bands({34.95: 2, 38.45: 0}, 2),
    },
}
"""Score: measurement: bands. Temperatures in degrees Celsius; the printed limits hold to a tenth of a degree."""
HIGHEST = {"CART": 57, "REMS": 26, "NEWS": 20, "NEWS2": 20, "MEWS": 14}


def score(name: str, columns: Mapping[str, str]) -> pl.Expr:
    """One score; `columns` says which column holds which measurement. Null where one of them is missing."""
    parts = [bands.points(columns[measurement]) for measurement, bands in SCORES[name].items()]
    return pl.sum_horizontal(parts, ignore_nulls=False)
