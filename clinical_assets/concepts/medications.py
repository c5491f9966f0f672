"""Drugs by name or item: ACE inhibitors, angiotensin receptor blockers, NSAIDs, and neuromuscular blockade.

The first three are prescriptions (orders, of any route), the last are infusions that were given.
"""

from __future__ import annotations

import polars as pl

from clinical_assets.concepts.declaration import (
    GIVEN_STAY_ID,
    HADM_ID,
    SUBJECT_ID,
    concept,
    conform,
    integer,
    number,
    text,
    timestamp,
)
from clinical_assets.concepts.measurements import is_item
from clinical_assets.tables import Table

# fmt: off
ACE_INHIBITORS = (
    "benazepril", "captopril", "enalapril", "fosinopril", "lisinopril", "moexipril", "perindopril", "quinapril",
    "ramipril", "trandolapril",
)
ANGIOTENSIN_RECEPTOR_BLOCKERS = (
    "azilsartan", "edarbi", "candesartan", "atacand", "irbesartan", "avapro", "losartan", "cozaar", "olmesartan",
    "benicar", "telmisartan", "micardis", "valsartan", "diovan", "sacubitril", "entresto",
)
NSAIDS = (
    "aspirin", "bromfenac", "celecoxib", "diclofenac", "diflunisal", "etodolac", "fenoprofen", "flurbiprofen",
    "ibuprofen", "indomethacin", "ketoprofen", "mefenamic acid", "meloxicam", "nabumetone", "naproxen", "nepafenac",
    "oxaprozin", "piroxicam", "sulindac", "tolmetin",
)
# fmt: on


def _prescribed_table(name: str, kind: str) -> Table:
    return concept(
        name,
        grain=f"one row per prescription of {kind} (rows may repeat)",
        meaning=f"Prescriptions of {kind}, by name, of any route.",
        columns=(
            SUBJECT_ID,
            HADM_ID,
            text(name, "Drug as prescribed."),
            timestamp("starttime", "When it was to begin."),
            timestamp("stoptime", "When it was to end."),
        ),
        happened="starttime",
    )


ACEI = _prescribed_table("acei", "an ACE inhibitor")
ARB = _prescribed_table("arb", "an angiotensin receptor blocker")
NSAID = _prescribed_table("nsaid", "a non-steroidal anti-inflammatory drug, aspirin included")


def _prescribed(prescriptions: pl.LazyFrame, names: tuple[str, ...], table: Table) -> pl.LazyFrame:
    drug = pl.col("drug")
    rows = prescriptions.filter(drug.str.to_lowercase().str.contains_any(list(names)))
    return conform(rows.with_columns(drug.alias(table.key[-1])), table)


def acei(prescriptions: pl.LazyFrame) -> pl.LazyFrame:
    """ACE inhibitors. One row per prescription."""
    return _prescribed(prescriptions, ACE_INHIBITORS, ACEI)


def arb(prescriptions: pl.LazyFrame) -> pl.LazyFrame:
    """Angiotensin receptor blockers. One row per prescription."""
    return _prescribed(prescriptions, ANGIOTENSIN_RECEPTOR_BLOCKERS, ARB)


def nsaid(prescriptions: pl.LazyFrame) -> pl.LazyFrame:
    """NSAIDs. One row per prescription."""
    return _prescribed(prescriptions, NSAIDS, NSAID)


NEUROMUSCULAR_BLOCKERS = (222062, 221555)
"""Vecuronium and cisatracurium."""

NEUROBLOCK = concept(
    "neuroblock",
    grain="one row per infusion of a neuromuscular blocker at a constant rate",
    meaning="Continuous neuromuscular blockade; boluses have no rate and no row.",
    columns=(
        GIVEN_STAY_ID,
        integer("orderid", "The order."),
        number("drug_rate", "Rate, in the unit charted."),
        number("drug_amount", "Amount given in the interval, in the unit charted."),
        timestamp("starttime", "When the rate began.", nullable=False),
        timestamp("endtime", "When it ended.", nullable=False),
    ),
    happened="starttime",
)


def neuroblock(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Neuromuscular blockade. One row per constant rate."""
    rows = inputevents.filter(is_item(NEUROMUSCULAR_BLOCKERS), pl.col("rate").is_not_null())
    return conform(rows.with_columns(drug_rate="rate", drug_amount="amount"), NEUROBLOCK)
