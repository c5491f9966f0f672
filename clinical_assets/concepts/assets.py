"""The assets of `concepts/`: one per published concept, each declared by its table and its function.

A concept's function names its inputs: tables of the release (`labevents`, `icustays`) or other concepts.
"""

from __future__ import annotations

from inspect import signature

from clinical_assets.concepts.tables import CONCEPTS, TABLES
from clinical_assets.declaration import Declaration
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES

_BY_NAME = {path.rpartition("/")[2]: path for path in RELEASE_TABLES if path.split("/")[1] in ("hosp", "icu")}


def _path_of(name: str) -> str:
    return TABLES[name].path if name in TABLES else _BY_NAME[name]


ASSETS = tuple(
    Declaration(TABLES[name], rule, {needed: _path_of(needed) for needed in signature(rule).parameters})
    for name, rule in CONCEPTS.items()
)
