"""Vasopressors and inotropes: each drug's infusions, all of them side by side, and their norepinephrine equivalent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from clinical_assets.concepts.declaration import GIVEN_STAY_ID, concept, conform, integer, number, timestamp
from clinical_assets.concepts.published_arithmetic import rounded
from clinical_assets.tables import Table

PER_WEIGHT = "ug/kg/min"


@dataclass(frozen=True, kw_only=True)
class Infusion:
    """A drug given as an infusion: its `inputevents` item and the unit of its rate and amount."""

    name: str
    itemid: int
    unit: str = PER_WEIGHT
    amount_unit: str = "mg"


NOREPINEPHRINE_DRUG = Infusion(name="norepinephrine", itemid=221906)
EPINEPHRINE_DRUG = Infusion(name="epinephrine", itemid=221289)
DOPAMINE_DRUG = Infusion(name="dopamine", itemid=221662)
DOBUTAMINE_DRUG = Infusion(name="dobutamine", itemid=221653)
PHENYLEPHRINE_DRUG = Infusion(name="phenylephrine", itemid=221749)
VASOPRESSIN_DRUG = Infusion(name="vasopressin", itemid=222315, unit="[U]/h", amount_unit="[U]")
MILRINONE_DRUG = Infusion(name="milrinone", itemid=221986)
DRUGS = (
    DOPAMINE_DRUG,
    EPINEPHRINE_DRUG,
    NOREPINEPHRINE_DRUG,
    PHENYLEPHRINE_DRUG,
    VASOPRESSIN_DRUG,
    DOBUTAMINE_DRUG,
    MILRINONE_DRUG,
)
"""In the column order of `vasoactive_agent`."""


def _table(drug: Infusion) -> Table:
    return concept(
        drug.name,
        grain="one row per infusion at a constant rate",
        meaning=f"Infusions of {drug.name}; a change of rate begins a new row.",
        columns=(
            GIVEN_STAY_ID,
            integer("linkorderid", "The order the rows of one infusion share."),
            number("vaso_rate", "Rate; null for a bolus.", drug.unit),
            number("vaso_amount", "Amount given in the interval, in the unit charted.", drug.amount_unit),
            timestamp("starttime", "When the rate began.", nullable=False),
            timestamp("endtime", "When it ended.", nullable=False),
        ),
        happened="starttime",
    )


NOREPINEPHRINE = _table(NOREPINEPHRINE_DRUG)
EPINEPHRINE = _table(EPINEPHRINE_DRUG)
DOPAMINE = _table(DOPAMINE_DRUG)
DOBUTAMINE = _table(DOBUTAMINE_DRUG)
PHENYLEPHRINE = _table(PHENYLEPHRINE_DRUG)
VASOPRESSIN = _table(VASOPRESSIN_DRUG)
MILRINONE = _table(MILRINONE_DRUG)

_RATE = pl.col("rate")


def _infusions(inputevents: pl.LazyFrame, drug: Infusion, table: Table, rate: pl.Expr = _RATE) -> pl.LazyFrame:
    rows = inputevents.filter(pl.col("itemid") == drug.itemid).with_columns(
        vaso_rate=rate, vaso_amount=pl.col("amount")
    )
    return conform(rows, table)


def norepinephrine(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Norepinephrine infusions. One row per constant rate, in ug/kg/min.

    Some rows are charted in mg/kg/min and converted; those with the placeholder weight of 1 kg hold ug/kg/min already.
    """
    in_mg = pl.col("rateuom") == "mg/kg/min"
    rate = pl.when(in_mg & (pl.col("patientweight") == 1)).then(_RATE).when(in_mg).then(_RATE * 1000).otherwise(_RATE)
    return _infusions(inputevents, NOREPINEPHRINE_DRUG, NOREPINEPHRINE, rate)


def epinephrine(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Epinephrine infusions. One row per constant rate, in ug/kg/min."""
    return _infusions(inputevents, EPINEPHRINE_DRUG, EPINEPHRINE)


def dopamine(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Dopamine infusions. One row per constant rate, in ug/kg/min."""
    return _infusions(inputevents, DOPAMINE_DRUG, DOPAMINE)


def dobutamine(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Dobutamine infusions. One row per constant rate, in ug/kg/min."""
    return _infusions(inputevents, DOBUTAMINE_DRUG, DOBUTAMINE)


def phenylephrine(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Phenylephrine infusions. One row per constant rate, in ug/kg/min; rates per minute are divided by the weight."""
    per_minute = pl.col("rateuom") == "mcg/min"
    rate = pl.when(per_minute).then(_RATE / pl.col("patientweight")).otherwise(_RATE)
    return _infusions(inputevents, PHENYLEPHRINE_DRUG, PHENYLEPHRINE, rate)


def vasopressin(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Vasopressin infusions. One row per constant rate, in units per hour; rates per minute are converted."""
    rate = pl.when(pl.col("rateuom") == "units/min").then(_RATE * 60).otherwise(_RATE)
    return _infusions(inputevents, VASOPRESSIN_DRUG, VASOPRESSIN, rate)


def milrinone(inputevents: pl.LazyFrame) -> pl.LazyFrame:
    """Milrinone infusions. One row per constant rate, in ug/kg/min."""
    return _infusions(inputevents, MILRINONE_DRUG, MILRINONE)


VASOACTIVE_AGENT = concept(
    "vasoactive_agent",
    grain="one row per ICU stay and interval without a change of any vasoactive infusion (repeated where they overlap)",
    meaning="The rates of all vasoactive drugs side by side; also the intervals between infusions, all null.",
    columns=(
        GIVEN_STAY_ID,
        timestamp("starttime", "A time at which some vasoactive infusion began or ended.", nullable=False),
        timestamp("endtime", "The stay's next such time.", nullable=False),
        *(number(drug.name, f"Rate of {drug.name}.", drug.unit) for drug in DRUGS),
    ),
    happened="starttime",
)


def vasoactive_agent(
    dobutamine: pl.LazyFrame,
    dopamine: pl.LazyFrame,
    epinephrine: pl.LazyFrame,
    norepinephrine: pl.LazyFrame,
    phenylephrine: pl.LazyFrame,
    vasopressin: pl.LazyFrame,
    milrinone: pl.LazyFrame,
) -> pl.LazyFrame:
    """All vasoactive drugs over time. Two infusions of one drug at the same time give two rows, as published."""
    infusions = {
        "dopamine": dopamine,
        "epinephrine": epinephrine,
        "norepinephrine": norepinephrine,
        "phenylephrine": phenylephrine,
        "vasopressin": vasopressin,
        "dobutamine": dobutamine,
        "milrinone": milrinone,
    }
    stay_and_time = ["stay_id", "starttime"]
    changes = (
        pl.concat(
            frame.select("subject_id", "stay_id", starttime=time)
            for frame in infusions.values()
            for time in ("starttime", "endtime")
        )
        .unique()
        .with_columns(
            interval=pl.col("starttime").rank("ordinal").cast(pl.Int64).over("subject_id", "stay_id"),
            endtime=pl.col("starttime").shift(-1).over("subject_id", "stay_id", order_by="starttime"),
        )
    )
    numbered = changes.select(*stay_and_time, "interval")
    rows = changes.filter(pl.col("endtime").is_not_null())
    for name, frame in infusions.items():
        # Each infusion covers the intervals from the one it begins to the one before that in which it ends.
        given = (
            frame.select(*stay_and_time, "endtime", pl.col("vaso_rate").alias(name))
            .filter(pl.col("starttime") < pl.col("endtime"))
            .join(numbered, on=stay_and_time)
            .join(numbered, left_on=["stay_id", "endtime"], right_on=stay_and_time, suffix="_after")
            .select("stay_id", name, interval=pl.int_ranges("interval", "interval_after"))
            .explode("interval")
        )
        rows = rows.join(given, on=["stay_id", "interval"], how="left")
    return conform(rows, VASOACTIVE_AGENT)


NOREPINEPHRINE_EQUIVALENTS = {
    "norepinephrine": 1.0,
    "epinephrine": 1.0,
    "phenylephrine": 1 / 10,
    "dopamine": 1 / 100,
    "vasopressin": 2.5 / 60,
}
"""Norepinephrine in ug/kg/min per unit of each drug's rate (Goradia et al. 2021; vasopressin's rate is per hour)."""

NOREPINEPHRINE_EQUIVALENT_DOSE = concept(
    "norepinephrine_equivalent_dose",
    grain="one row per interval of `vasoactive_agent` with a vasopressor",
    meaning="All vasopressors expressed as norepinephrine.",
    columns=(
        GIVEN_STAY_ID,
        timestamp("starttime", "Begin of the interval.", nullable=False),
        timestamp("endtime", "End of the interval.", nullable=False),
        number("norepinephrine_equivalent_dose", "Equivalent rate of norepinephrine, to 4 decimals.", PER_WEIGHT),
    ),
    happened="starttime",
)


def norepinephrine_equivalent_dose(vasoactive_agent: pl.LazyFrame) -> pl.LazyFrame:
    """Norepinephrine equivalents. One row per interval in which any of the vasopressors ran."""
    doses = [pl.col(name).fill_null(0) * factor for name, factor in NOREPINEPHRINE_EQUIVALENTS.items()]
    rows = vasoactive_agent.filter(_any_known(list(NOREPINEPHRINE_EQUIVALENTS))).with_columns(
        norepinephrine_equivalent_dose=rounded(pl.sum_horizontal(doses), 4)
    )
    return conform(rows, NOREPINEPHRINE_EQUIVALENT_DOSE)


def _any_known(names: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names)
