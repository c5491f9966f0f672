"""What is prescribed and when it is due: the plan behind prescriptions, pharmacy, emar and antibiotic infusions."""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample import dirt
from clinical_assets.sample.blocks import Booleans, Integers
from clinical_assets.sample.columns import spread, where, words
from clinical_assets.sample.course.people import DAY, HOUR
from clinical_assets.sample.course.problems import CONDITIONS
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE
from clinical_assets.sample.hosp.formulary import ANTIBIOTICS, DRUGS, REGIMENS, Drug
from clinical_assets.sample.uncommon.drugs import UNCOMMON, in_place_of_usual

FORMULARY: tuple[Drug, ...] = (*DRUGS, *ANTIBIOTICS, *UNCOMMON)
ORDERED_AGAIN = 0.18
"""Share of prescriptions followed by another for the same drug."""
FIRST_PHARMACY, PHARMACY_NUMBERS = 10_000_000, 90_000_000


def prescribed(story: Story) -> pl.DataFrame:
    """One row per prescription of an admission.

    Returns:
        encounter, drug (index in `FORMULARY`), start, stop (as meant), stop_written (as recorded: some before the
        start), entered, pharmacy_id; times in seconds.
    """
    rng = story.block.rng("prescribing")
    parts = [_ordinary(story, rng), _antibiotic(story, rng)]
    encounter, drug, start = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    told = story.encounters
    days = np.array([d.days for d in FORMULARY])[drug] * np.exp(rng.normal(0, 0.6, len(drug)))
    end = told.over[encounter] // HOUR * HOUR
    start = start // HOUR * HOUR
    stop = np.minimum(start + np.maximum(np.round(days * 24), 1).astype(np.int64) * HOUR, end)
    keep = (stop > start) & told.admitted[encounter]
    encounter, drug, start, stop = encounter[keep], drug[keep], start[keep], stop[keep]
    drug = in_place_of_usual(story.block, drug)
    n = len(drug)
    mistaken = rng.random(n) < dirt.STOPS_BEFORE_START
    earlier = start - np.where(rng.random(n) < 0.6, 1, rng.integers(2, 30, n)) * HOUR
    return pl.DataFrame(
        {
            "encounter": encounter,
            "drug": drug,
            "start": start,
            "stop": stop,
            "stop_written": np.where(mistaken, earlier, stop),
            "entered": start - (np.exp(rng.normal(3.3, 1.0, n)) * 60).astype(np.int64),
            "pharmacy_id": story.block.identifiers("pharmacy_id", n, lowest=FIRST_PHARMACY, space=PHARMACY_NUMBERS),
        }
    ).sort("encounter", "entered", "drug", maintain_order=True)


def _likely(story: Story, admissions: Integers) -> dict[str, Booleans]:
    """For which admissions each `when` of the formulary holds."""
    told = story.encounters
    intensive = np.zeros(len(told.patient), bool)
    intensive[story.stays.encounter] = True
    conditions = story.people.conditions[told.patient[admissions]]
    return {
        "any": np.ones(len(admissions), bool),
        "intensive": intensive[admissions],
        "operated": story.treatments.operated[admissions],
        **{condition.name: conditions[:, i] for i, condition in enumerate(CONDITIONS)},
    }


def _ordinary(story: Story, rng: np.random.Generator) -> tuple[Integers, Integers, Integers]:
    """Everything but antibiotics for infections: encounter, drug and start."""
    told, stays = story.encounters, story.stays
    admissions = np.flatnonzero(told.admitted)
    likely = _likely(story, admissions)
    share = np.stack([likely[d.when] * d.share for d in DRUGS], axis=1)
    row, drug = np.nonzero(rng.random(share.shape) < share)
    again = rng.random(len(row)) < ORDERED_AGAIN
    row, drug = np.concatenate([row, row[again]]), np.concatenate([drug, drug[again]])
    later = np.arange(len(row)) >= len(again)
    encounter = admissions[row]
    unit_start = told.admit.copy()
    unit_start[stays.encounter[::-1]] = stays.start[::-1]
    intensive = np.array([d.when == "intensive" for d in DRUGS])[drug]
    begin = np.where(intensive, unit_start[encounter], told.admit[encounter])
    wait = np.exp(rng.normal(1.2, 1.0, len(row)))
    left = (told.over[encounter] - begin) / HOUR
    wait = np.where(later, rng.uniform(0.1, 0.9, len(row)) * left, np.minimum(wait, 0.5 * left))
    return encounter, drug, begin + (wait * HOUR).astype(np.int64)


def _antibiotic(story: Story, rng: np.random.Generator) -> tuple[Integers, Integers, Integers]:
    """Antibiotics for infections: encounter, drug and start; the plan changes when cultures come back."""
    told, at = story.encounters, story.treatments.antibiotics_at
    treated = np.flatnonzero((at != NOT_DONE) & told.admitted)
    shares = np.array([share for share, _ in REGIMENS])
    regimen = rng.choice(len(REGIMENS), len(treated), p=shares / shares.sum())
    row, place = spread(np.array([len(plan) for _, plan in REGIMENS])[regimen])
    first = np.cumsum([0, *(len(plan) for _, plan in REGIMENS)])
    of_formulary = [len(DRUGS) + ANTIBIOTICS.index(drug) for _, plan in REGIMENS for drug, _ in plan]
    delays = [hours for _, plan in REGIMENS for _, hours in plan]
    step = first[regimen[row]] + place
    drug = np.array(of_formulary)[step]
    start = at[treated[row]] + (np.array(delays)[step] * HOUR).astype(np.int64)
    # Levels, kidneys and cultures change the dose: most antibiotics are ordered anew every day or two.
    changed, time = spread(rng.poisson(1.2, len(row)))
    later = start[changed] + (time + 1) * rng.integers(9, 44, len(changed)) * HOUR
    return (
        np.concatenate([treated[row], treated[row[changed]]]),
        np.concatenate([drug, drug[changed]]),
        np.concatenate([start, later]),
    )


def doses(plan: pl.DataFrame, most: int) -> pl.DataFrame:
    """When the regular doses of prescriptions are due: the first `most` of each.

    Args:
        plan: as `prescribed` returns it.
        most: doses of one prescription.

    Returns:
        prescription (row of the plan), due (seconds).
    """
    per_day = np.array([np.nan if d.per_day is None else d.per_day for d in FORMULARY])[plan["drug"].to_numpy()]
    interval = np.where(per_day > 0, DAY / np.maximum(per_day, 0.5), DAY).astype(np.int64)
    lasts = (plan["stop"] - plan["start"]).to_numpy()
    count = np.where(np.isnan(per_day), 1, np.minimum(-(-lasts // interval), most)).astype(np.int64)
    row, number = spread(count)
    return pl.DataFrame({"prescription": row, "due": plan["start"].to_numpy()[row] + number * interval[row]})


def written(story: Story, plan: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """The prescriptions table: a MAIN row per prescription and a BASE row where a fluid carries the drug.

    Args:
        story: of the block.
        plan: as `prescribed` returns it.
        orders: poe_id, poe_seq and order_provider_id, one row per row of the plan.
    """
    rng = story.block.rng("prescriptions")
    drug, n = plan["drug"].to_numpy(), plan.height
    names = ("drug", "code", "gsn", "ndc", "strength", "dose", "unit", "form", "form_unit", "route")
    columns = (
        "drug",
        "formulary_drug_cd",
        "gsn",
        "ndc",
        "prod_strength",
        "dose_val_rx",
        "dose_unit_rx",
        "form_val_disp",
        "form_unit_disp",
        "route",
    )
    no_stop, no_start = rng.random(n) < 0.001, rng.random(n) < 0.0007
    encounter = plan["encounter"].to_numpy()
    main = orders.with_columns(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=pl.Series(story.encounters.hadm_id[encounter]),
        pharmacy_id=plan["pharmacy_id"],
        starttime=where(~no_start, plan["start"]),
        stoptime=where(~no_stop, plan["stop_written"]),
        drug_type=words([d.drug_type for d in FORMULARY], drug),
        form_rx=pl.when(pl.Series(np.array([d.route == "IV" for d in FORMULARY])[drug])).then(pl.lit("")),
        doses_per_24_hrs=pl.Series([d.per_day for d in FORMULARY], dtype=pl.Float64).gather(pl.Series(drug)),
        **{
            column: words([getattr(d, name) for d in FORMULARY], drug)
            for column, name in zip(columns, names, strict=True)
        },
    )
    carriers = [d.carrier for d in FORMULARY]
    carried = np.array([c is not None for c in carriers])[drug]
    base = main.with_columns(
        drug_type=words([None if c is None else c.drug_type for c in carriers], drug),
        doses_per_24_hrs=pl.lit(None, pl.Float64),
        form_rx=pl.lit(None, pl.String),
        **{
            column: words([None if c is None else getattr(c, name) for c in carriers], drug)
            for column, name in zip(columns[:-1], names[:-1], strict=True)
        },
    ).filter(pl.Series(carried))
    return pl.concat([main, base]).sort(
        "subject_id", "starttime", "pharmacy_id", "drug_type", nulls_last=True, maintain_order=True
    )
