"""What was done to MIMIC's patients: procedures billed by ICD or HCPCS code, and those charted in the ICU.

A bill gives the day and is known at discharge, one of a later day when that day is over; without a discharge there is
no bill, and nobody can say when it was known. The ICU's chart gives start and end and is known when it was stored, at
the start at the earliest.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from clinical_assets.documents.timeline.event_rules import CPT, HCPCS, ICD9PROC, ICD10PCS, MIMIC_ITEMS
from clinical_assets.documents.timeline.mimic_rows import (
    Tables,
    discharges,
    event_rows,
    literal,
    row_id,
    with_subtypes,
    with_types,
)

OF_THE_ADMISSION = r"99(?:2[0-9]\d|3[0-9]\d|4[0-9]\d)|G0378|G0379|G0463"
"""HCPCS codes of a visit or an hour of observation (CPT 99202-99499, evaluation and management): the encounter."""

CELLS = r"Q204[0-3]|Q205[3-8]"
"""HCPCS codes of cells made to act against a tumour."""

OR_SENT, OR_RECEIVED = 225470, 225469
LONGEST_OPERATION_HOURS = 24
"""Patients come back from the operating room (`OR Received`) within this of leaving for it (`OR Sent`): ours."""

NO_EVENTS = ("6-Cultures", "7-Communication", "Access Lines - Peripheral")
"""Categories of `icu/d_items` whose items are charted among procedures and are none of the timeline's events: specimens
for the laboratory, talks with the family, and the venous cannulas every patient has."""


def billed_procedures(tables: Tables) -> pl.DataFrame:
    """One event per row of `procedures_icd`."""
    titles = tables["d_icd_procedures"].select("icd_code", "icd_version", "long_title")
    rows = event_rows(
        tables["procedures_icd"]
        .join(titles, on=["icd_code", "icd_version"], how="left")
        .join(discharges(tables), on=["subject_id", "hadm_id"], how="left"),
        row_id("procedures_icd", "hadm_id", "seq_num", "icd_version", "icd_code"),
        pl.col("chartdate"),
        known=_at_discharge(),
        known_day=_on_its_day(),
        description=pl.col("long_title"),
        code=pl.col("icd_code"),
        code_system=pl.when(pl.col("icd_version") == 9).then(literal(ICD9PROC)).otherwise(literal(ICD10PCS)),
        status=literal("completed"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
    )
    return with_subtypes(with_types(rows, "Procedure"))


def billed_services(tables: Tables, recorded: pl.DataFrame, left_out: Counter[str]) -> pl.DataFrame:
    """One event per row of `hcpcsevents` that is a service and not the encounter itself.

    A drug billed for an admission whose doses are recorded (`recorded`: `patient_id`, `encounter_id`) is told by its
    doses, as a prescription is; cells are kept, as nothing says that they are recorded among the drugs.

    Five digits are a CPT code, which the dictionary gives no words of its own; a letter and four digits are HCPCS
    level II.
    """
    code = pl.col("hcpcs_cd").str.strip_chars()
    billed = tables["hcpcsevents"].with_columns(code=code, visit=code.str.contains(f"^(?:{OF_THE_ADMISSION})$"))
    counts = billed.select(
        visits=pl.col("visit").sum(), undated=(pl.col("chartdate").is_null() & ~pl.col("visit")).sum()
    ).collect()
    left_out["told by its admission: hcpcsevents"] += int(counts["visits"][0] or 0)
    left_out["undated: hcpcsevents"] += int(counts["undated"][0] or 0)
    titles = tables["d_hcpcs"].select(code=pl.col("code").str.strip_chars(), title="long_description")
    rows = event_rows(
        billed.filter(~pl.col("visit"))
        .join(titles.unique("code", keep="any"), on="code", how="left")
        .join(discharges(tables), on=["subject_id", "hadm_id"], how="left"),
        row_id("hcpcsevents", "hadm_id", "code", "seq_num"),
        pl.col("chartdate"),
        known=_at_discharge(),
        known_day=_on_its_day(),
        description=pl.coalesce("title", "short_description"),
        code=pl.col("code"),
        code_system=pl.when(pl.col("code").str.contains(r"^\d")).then(literal(CPT)).otherwise(literal(HCPCS)),
        status=literal("completed"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
    )
    typed = with_types(rows, "Procedure")
    drugs = typed.filter(pl.col("event_type") == "medication", ~pl.col("code").str.contains(f"^(?:{CELLS})$"))
    told = drugs.join(recorded, on=["patient_id", "encounter_id"], how="semi")
    left_out["drugs of admissions whose doses are recorded: hcpcsevents"] += told.height
    return with_subtypes(typed.join(told, on="event_id", how="anti"))


def charted_procedures(tables: Tables, left_out: Counter[str]) -> pl.DataFrame:
    """One event per row of the ICU's `procedureevents` that is one of the timeline's.

    Only what goes on has an end: a task is charted as one minute long. A trip to the operating room is one event: the
    way back counts only where the way there is not charted (from the ward, from the emergency department).
    """
    items = tables["d_items"].select("itemid", "label", "category")
    charted = tables["procedureevents"].join(items, on="itemid", how="left")
    is_none = pl.col("category").is_in(NO_EVENTS).fill_null(value=False)
    left_out["specimens, talks and cannulas: procedureevents"] += int(
        charted.select(is_none.sum()).collect().item() or 0
    )
    kept = charted.filter(~is_none).with_columns(back=_back_from_the_operating_room())
    left_out["the way back of an operation: procedureevents"] += int(kept.select(pl.col("back").sum()).collect().item())
    rows = event_rows(
        kept.filter(~pl.col("back")),
        row_id("procedureevents", "orderid"),
        pl.col("starttime"),
        end=pl.when(pl.col("ordercategorydescription") == "ContinuousProcess").then("endtime"),
        known=pl.max_horizontal("starttime", "storetime"),
        description=pl.col("label"),
        code=pl.col("itemid").cast(pl.String),
        code_system=literal(MIMIC_ITEMS),
        # Not how it ended (statusdescription): that is later than its start.
        status=literal("completed"),
        encounter_id=pl.col("hadm_id").cast(pl.String),
    )
    return with_subtypes(with_types(rows, "Procedure"))


def _back_from_the_operating_room() -> pl.Expr:
    """Whether a row is the way back of a trip of the same admission whose way there is the row before it."""
    is_trip = pl.col("itemid").is_in([OR_SENT, OR_RECEIVED])
    trip = ["subject_id", "hadm_id", is_trip]
    order = ["starttime", pl.col("itemid") != OR_SENT, "orderid"]
    before = pl.struct("itemid", "starttime").shift(1).over(trip, order_by=order)
    soon = pl.col("starttime") - before.struct.field("starttime") <= pl.duration(hours=LONGEST_OPERATION_HOURS)
    back = (pl.col("itemid") == OR_RECEIVED) & (before.struct.field("itemid") == OR_SENT) & soon
    return back.fill_null(value=False)


def _at_discharge() -> pl.Expr:
    """When a bill's row was known: at discharge, unless its day began no earlier."""
    return pl.when(pl.col("dischtime") > pl.col("chartdate").cast(pl.Datetime("us"))).then("dischtime")


def _on_its_day() -> pl.Expr:
    """The day a bill's row was known whose day began after discharge; without a discharge there is no bill."""
    return pl.when(pl.col("dischtime").is_not_null()).then("chartdate")
