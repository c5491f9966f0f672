"""The electronic medication administration record: emar and emar_detail.

The record came in during 2011 to 2013; patients of earlier years have none.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.columns import words
from clinical_assets.sample.course.people import FIRST_YEAR_OF_GROUP
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.drawing import picked
from clinical_assets.sample.hosp.prescribing import FORMULARY, doses
from clinical_assets.sample.hosp.staff import provider_ids

MOST_DOSES = 3
"""Doses recorded of one prescription; the real record has more, this one stays small."""
FIRST_YEAR = 2012
EVENTS = {
    "Administered": 0.80,
    "Not Given": 0.09,
    "Confirmed": 0.03,
    "Started": 0.02,
    "Hold Dose": 0.015,
    "Stopped": 0.015,
    "Delayed Administered": 0.01,
    "Not Given per Sliding Scale": 0.01,
    "": 0.01,
}
GIVEN = ("Administered", "Delayed Administered", "Started", "Confirmed")
OF_THE_EVENT = (
    "administration_type",
    "dose_due",
    "dose_due_unit",
    "reason_for_no_barcode",
    "complete_dose_not_given",
    "route",
    "side",
    "site",
)
OF_THE_PRODUCT = (
    "pharmacy_id",
    "barcode_type",
    "dose_given",
    "dose_given_unit",
    "will_remainder_of_dose_be_given",
    "product_amount_given",
    "product_unit",
    "product_code",
    "product_description",
)
NEVER_FILLED = (
    "product_description_other",
    "prior_infusion_rate",
    "infusion_rate",
    "infusion_rate_adjustment",
    "infusion_rate_adjustment_amount",
    "infusion_rate_unit",
    "infusion_complete",
    "completion_interval",
    "new_iv_bag_hung",
    "continued_infusion_in_other_location",
    "restart_interval",
    "non_formulary_visual_verification",
)


def record(story: Story, plan: pl.DataFrame, poe_id: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Emar and emar_detail of the plan.

    Args:
        story: of the block.
        plan: as `prescribing.prescribed` returns it.
        poe_id: order of each row of the plan.
    """
    rng, told = story.block.rng("emar"), story.encounters
    group = story.people.group[told.patient]
    recorded = (FIRST_YEAR_OF_GROUP[group] + 1 >= FIRST_YEAR)[plan["encounter"].to_numpy()]
    due = doses(plan, MOST_DOSES)
    due = due.filter(pl.Series(recorded).gather(due["prescription"]))
    row, n = due["prescription"], due.height
    encounter = plan["encounter"].gather(row)
    late = (rng.gamma(1.2, 14, n) - 8).astype(np.int64) * 60
    drug = plan["drug"].gather(row)
    events = pl.DataFrame(
        {
            "subject_id": story.subject_of(encounter.to_numpy()),
            "hadm_id": told.hadm_id[encounter.to_numpy()],
            "poe_id": poe_id.gather(row),
            "pharmacy_id": plan["pharmacy_id"].gather(row),
            "enter_provider_id": provider_ids(rng, n, missing=0.8),
            "charttime": due["due"] + pl.Series(late),
            "medication": words([d.drug for d in FORMULARY], drug.to_numpy()),
            "event_txt": picked(rng, EVENTS, n),
            "scheduletime": due["due"],
            "drug": drug,
        }
    ).sort("subject_id", "charttime", "pharmacy_id", maintain_order=True)
    events = events.with_columns(
        storetime=pl.col("charttime") + 60 * pl.Series(rng.integers(0, 6, n)),
        emar_seq=pl.int_range(1, pl.len() + 1).over("subject_id"),
    ).with_columns(emar_id=pl.format("{}-{}", "subject_id", "emar_seq"))
    return events.drop("drug"), _details(story, events)


def _details(story: Story, events: pl.DataFrame) -> pl.DataFrame:
    """A row for each event as a whole and, where something was given, one for the product."""
    rng, n = story.block.rng("emar details"), events.height
    drug = events["drug"].to_numpy()

    def of_drug(attribute: str) -> pl.Series:
        return words([getattr(d, attribute) for d in FORMULARY], drug)

    by_mouth = of_drug("route").is_in(["PO", "PO/NG"])
    injected = of_drug("route").is_in(["SC", "IM"])
    base = events.select("subject_id", "emar_id", "emar_seq", "event_txt", "pharmacy_id").with_columns(
        parent_field_ordinal=pl.lit(None, pl.String),
        administration_type=pl.lit("Standard Maintenance Medication"),
        barcode_type=pl.lit("if"),
        reason_for_no_barcode=picked(rng, {"": 0.96, "Discarded Packaging": 0.03, "Hardware issue: scanner": 0.01}, n),
        complete_dose_not_given=picked(rng, {"": 0.6, "No": 0.4}, n),
        dose_due=of_drug("dose"),
        dose_due_unit=of_drug("unit"),
        dose_given=pl.when(pl.Series(rng.random(n) < 0.02)).then(pl.lit("___")).otherwise(of_drug("dose")),
        dose_given_unit=of_drug("unit"),
        will_remainder_of_dose_be_given=picked(rng, {"": 0.5, "No": 0.5}, n),
        product_amount_given=of_drug("form"),
        product_unit=of_drug("form_unit"),
        product_code=of_drug("code"),
        product_description=of_drug("drug") + " " + of_drug("strength"),
        route=pl.when(by_mouth & pl.Series(rng.random(n) < 0.8)).then(pl.lit("PO")),
        side=pl.when(injected).then(picked(rng, {"Left": 0.5, "Right": 0.5}, n)),
        site=pl.when(injected).then(picked(rng, {"arm": 0.5, "hip": 0.2, "abdomen": 0.3}, n)),
        **dict.fromkeys(NEVER_FILLED, pl.lit(None, pl.String)),
    )
    blank = base.schema
    whole = base.with_columns(pl.lit(None, blank[c]).alias(c) for c in OF_THE_PRODUCT)
    product = base.with_columns(pl.lit(None, blank[c]).alias(c) for c in OF_THE_EVENT)
    product = product.with_columns(parent_field_ordinal=pl.lit("1.1")).filter(pl.col("event_txt").is_in(GIVEN))
    rows = pl.concat([whole, product]).sort(
        "subject_id", "emar_seq", "parent_field_ordinal", nulls_last=False, maintain_order=True
    )
    return rows.drop("event_txt")
