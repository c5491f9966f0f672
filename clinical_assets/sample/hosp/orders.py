"""Provider orders and what becomes of them: poe, poe_detail, prescriptions, pharmacy, emar and emar_detail."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.columns import spread, where, words
from clinical_assets.sample.course.people import HOUR
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.drawing import picked
from clinical_assets.sample.hosp import administration, prescribing
from clinical_assets.sample.hosp.prescribing import FORMULARY
from clinical_assets.sample.hosp.staff import provider_ids

OTHER_ORDERS: dict[tuple[str, str | None], float] = {
    ("Lab", None): 4.0,
    ("General Care", "Other"): 1.2,
    ("IV therapy", "IV fluids"): 0.8,
    ("General Care", "Tubes/Drains"): 0.5,
    ("Radiology", "General Xray"): 0.6,
    ("Nutrition", "Diet Order"): 0.9,
    ("IV therapy", "IV access"): 0.5,
    ("General Care", "Vitals/Monitoring"): 0.6,
    ("General Care", "Telemetry"): 0.5,
    ("ADT orders", "Admit"): 0.9,
    ("ADT orders", "Discharge"): 0.9,
    ("General Care", "Activity"): 0.5,
    ("Respiratory", "Mechanical Ventilation"): 0.2,
    ("Radiology", "CT Scan"): 0.3,
    ("General Care", "Code status"): 0.4,
    ("Consults", "Physical Therapy"): 0.2,
    ("Blood Bank", "Red Cell Product Order"): 0.15,
    ("Cardiology", "ECG"): 0.2,
}
"""Orders of each type and subtype per admission, besides medication."""
DETAILS: dict[tuple[str, str], tuple[str, dict[str, float]]] = {
    ("ADT orders", "Admit"): ("Admit category", {"Admit to inpatient": 0.8, "Place in observation": 0.2}),
    ("ADT orders", "Discharge"): ("Discharge Planning", {"Finalized": 0.9, "Anticipated, pending transport": 0.1}),
    ("General Care", "Tubes/Drains"): (
        "Tubes & Drains type",
        {"Indwelling urinary catheter (IUC) - Foley": 0.85, "Chest tube": 0.06, "NGT": 0.05, 'Other: "JP", bulb': 0.04},
    ),
    ("General Care", "Code status"): (
        "Code status",
        {
            "Resuscitate (Full code)": 0.45,
            "Full code  (attempt resuscitation)": 0.2,
            "Do not resuscitate (DNR/DNI)": 0.15,
            "DNAR (DO NOT attempt resuscitation for cardiac arrest) ": 0.12,
            "Do not intubate (DNI)": 0.08,
        },
    ),
}
STOPPED = 0.22
"""Share of medication orders a later order discontinues."""


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """Orders, prescriptions, pharmacy and the administration record, all of one plan."""
    plan = prescribing.prescribed(story)
    orders = numbered_orders(story, plan)
    behind = (
        orders.filter(pl.col("prescription").is_not_null() & (pl.col("transaction_type") == "New"))
        .sort("prescription", maintain_order=True)
        .select("poe_id", "poe_seq", "order_provider_id")
    )
    given, details = administration.record(story, plan, behind["poe_id"])
    return {
        "mimic/hosp/poe": orders.drop("prescription"),
        "mimic/hosp/poe_detail": order_details(story, orders),
        "mimic/hosp/prescriptions": prescribing.written(story, plan, behind),
        "mimic/hosp/pharmacy": dispensed(story, plan, behind["poe_id"]),
        "mimic/hosp/emar": given,
        "mimic/hosp/emar_detail": details,
    }


def numbered_orders(story: Story, plan: pl.DataFrame) -> pl.DataFrame:
    """One row per order, numbered within the patient by time; `prescription` is the row of the plan it belongs to."""
    rng, told = story.block.rng("orders"), story.encounters
    medication = plan.select(
        "encounter",
        ordertime="entered",
        order_type=pl.lit("Medications"),
        order_subtype=pl.lit(None, pl.String),
        transaction_type=pl.lit("New"),
        prescription=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    stopped = medication.with_columns(
        ordertime=plan["stop"] - pl.Series(rng.integers(0, 3600, plan.height)), transaction_type=pl.lit("D/C")
    ).filter(pl.Series(rng.random(plan.height) < STOPPED) & (pl.col("ordertime") > medication["ordertime"] + HOUR))
    admissions = np.flatnonzero(told.admitted)
    kind_counts = rng.poisson(np.array(list(OTHER_ORDERS.values())), (len(admissions), len(OTHER_ORDERS)))
    cell, _ = spread(kind_counts.ravel())
    encounter, kind = admissions[cell // len(OTHER_ORDERS)], cell % len(OTHER_ORDERS)
    span = told.over[encounter] - told.admit[encounter]
    others = pl.DataFrame(
        {
            "encounter": encounter,
            "ordertime": told.admit[encounter] + (rng.beta(0.7, 1.3, len(cell)) * span).astype(np.int64),
            "order_type": words([order_type for order_type, _ in OTHER_ORDERS], kind),
            "order_subtype": words([subtype for _, subtype in OTHER_ORDERS], kind),
            "transaction_type": picked(rng, {"New": 0.87, "Change": 0.13}, len(cell)),
            "prescription": pl.Series([None] * len(cell), dtype=pl.Int64),
        }
    )
    rows = pl.concat([medication, stopped, others])
    rows = rows.with_columns(
        subject_id=pl.Series(story.subject_of(rows["encounter"].to_numpy())),
        hadm_id=pl.Series(told.hadm_id[rows["encounter"].to_numpy()]),
        order_provider_id=provider_ids(rng, rows.height, missing=0.01),
        order_status=pl.lit("Inactive"),
    ).sort(
        "subject_id",
        "ordertime",
        "prescription",
        "order_type",
        "order_subtype",
        "transaction_type",
        nulls_last=True,
        maintain_order=True,
    )
    rows = rows.with_columns(poe_seq=pl.int_range(1, pl.len() + 1).over("subject_id")).with_columns(
        poe_id=pl.format("{}-{}", "subject_id", "poe_seq")
    )
    return _cross_referenced(rows).drop("encounter")


def _cross_referenced(rows: pl.DataFrame) -> pl.DataFrame:
    """The orders with those that stop another, and those that are stopped, naming each other."""
    pairs = (
        rows.filter(pl.col("prescription").is_not_null())
        .group_by("prescription")
        .agg(
            new=pl.col("poe_id").filter(pl.col("transaction_type") == "New").first(),
            dc=pl.col("poe_id").filter(pl.col("transaction_type") == "D/C").first(),
        )
    )
    is_stop = pl.col("transaction_type") == "D/C"
    return (
        rows.join(pairs, on="prescription", how="left", maintain_order="left")
        .with_columns(
            discontinue_of_poe_id=pl.when(is_stop).then("new"),
            discontinued_by_poe_id=pl.when(~is_stop).then("dc"),
        )
        .drop("new", "dc")
    )


def order_details(story: Story, orders: pl.DataFrame) -> pl.DataFrame:
    """One row per order with a field of its own."""
    rng = story.block.rng("order details")
    parts = []
    for (order_type, subtype), (field, values) in DETAILS.items():
        asked = orders.filter((pl.col("order_type") == order_type) & (pl.col("order_subtype") == subtype))
        parts.append(
            asked.select(
                "poe_id",
                "poe_seq",
                "subject_id",
                field_name=pl.lit(field),
                field_value=picked(rng, values, asked.height),
            )
        )
    return pl.concat(parts).sort("subject_id", "poe_seq", maintain_order=True)


def dispensed(story: Story, plan: pl.DataFrame, poe_id: pl.Series) -> pl.DataFrame:
    """The pharmacy table: one row per prescription as it was filled."""
    rng, n = story.block.rng("pharmacy"), plan.height
    drug, encounter = plan["drug"].to_numpy(), plan["encounter"].to_numpy()
    intravenous = np.array([d.route is not None and d.route.startswith("IV") for d in FORMULARY])[drug]
    drip = np.array([d.route == "IV DRIP" for d in FORMULARY])[drug]
    once = np.array([d.days < 0.5 for d in FORMULARY])[drug]
    entered = plan["entered"].to_numpy() + rng.integers(0, 60, n)
    hours = {1: "08", 2: "08, 20", 3: "08, 14, 20", 4: "06, 12, 18, 24"}
    status = {
        "Discontinued": 0.44,
        "Discontinued via patient discharge": 0.32,
        "Expired": 0.13,
        "Inactive (Due to a change order)": 0.11,
    }
    nothing = pl.Series([None] * n, dtype=pl.String)
    return pl.DataFrame(
        {
            "subject_id": story.subject_of(encounter),
            "hadm_id": story.encounters.hadm_id[encounter],
            "pharmacy_id": plan["pharmacy_id"],
            "poe_id": poe_id,
            "starttime": plan["start"],
            "stoptime": plan["stop_written"],
            "medication": where(rng.random(n) < 0.95, words([d.drug for d in FORMULARY], drug)),
            "proc_type": words(("Unit Dose", "IV Piggyback", "IV Large Volume"), np.where(drip, 2, intravenous)),
            "status": picked(rng, status, n),
            "entertime": entered,
            "verifiedtime": where(rng.random(n) < 0.995, entered + (np.exp(rng.normal(2, 1, n)) * 60).astype(np.int64)),
            "route": words([d.route for d in FORMULARY], drug),
            "frequency": words([d.frequency for d in FORMULARY], drug),
            "disp_sched": words([hours.get(int(d.per_day or 0)) for d in FORMULARY], drug),
            "infusion_type": where(drip, words(("C",), np.zeros(n, np.int64))),
            "sliding_scale": words([{"Insulin": "Y"}.get(d.drug) for d in FORMULARY], drug),
            "lockout_interval": nothing,
            "basal_rate": pl.Series([None] * n, dtype=pl.Float64),
            "one_hr_max": nothing,
            "doses_per_24_hrs": pl.Series([d.per_day for d in FORMULARY], dtype=pl.Float64).gather(pl.Series(drug)),
            "duration": where(once, np.ones(n)),
            "duration_interval": words(("Ongoing", "Doses"), once.astype(np.int64)),
            "expiration_value": where(~drip, np.where(intravenous, 36, 365)),
            "expiration_unit": words(("Days", "Hours", "Enter on Label"), np.where(drip, 2, intravenous)),
            "expirationdate": pl.Series([None] * n, dtype=pl.Int64),
            "dispensation": picked(
                rng, {"Omnicell": 0.72, "Floor Stock Item": 0.1, "OmniCell": 0.05, "IV MED": 0.05, "LET CALL": 0.08}, n
            ),
            "fill_quantity": nothing,
        }
    )
