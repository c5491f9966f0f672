"""What runs into ICU patients: inputevents and the ingredients of the fluids, ingredientevents."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Floats, Integers
from clinical_assets.sample.columns import minutes, spread, where
from clinical_assets.sample.course.people import HOUR
from clinical_assets.sample.course.physiology import organ
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE
from clinical_assets.sample.hosp.prescribing import FORMULARY, doses, prescribed
from clinical_assets.sample.hosp.staff import caregiver_ids
from clinical_assets.sample.uncommon.care import INFUSION_MINUTES, NO_STAY, WEIGHT_OF_ONE
from clinical_assets.sample.uncommon.care import INFUSIONS as UNCOMMON_INFUSIONS
from clinical_assets.sample.uncommon.dealing import dealt, moments, watched

ORDER_NUMBERS = 90_000_000
MOST_ANTIBIOTIC_DOSES = 8
SEDATION_HOURS = 12


@dataclass(frozen=True)
class Substance:
    """What is given and how its rows are labelled.

    Attributes:
        item: of d_items.
        unit: of the amount.
        rate_unit: of the rate, None for boluses.
        category: ordercategoryname.
        second_category: secondaryordercategoryname.
        component: ordercomponenttypedescription.
        description: ordercategorydescription.
        bag: totalamount in ml, None where there is no bag.
    """

    item: int
    unit: str
    rate_unit: str | None
    category: str
    second_category: str | None
    component: str
    description: str
    bag: float | None


CRYSTALLOIDS, MAIN, MIXED = "02-Fluids (Crystalloids)", "Main order parameter", "Mixed solution"


def _drip(item: int, unit: str, rate_unit: str) -> Substance:
    return Substance(item, unit, rate_unit, "01-Drips", CRYSTALLOIDS, MAIN, "Continuous Med", 250)


VASOPRESSORS: tuple[Substance, ...] = (
    _drip(221906, "mg", "mcg/kg/min"),
    _drip(222315, "units", "units/hour"),
    _drip(221749, "mg", "mcg/kg/min"),
    _drip(221289, "mg", "mcg/kg/min"),
    _drip(221662, "mg", "mcg/kg/min"),
    _drip(221653, "mg", "mcg/kg/min"),
    _drip(221986, "mg", "mcg/kg/min"),
)
"""In the order of the agents of `treatments`."""
DRIP_FLUID = Substance(225158, "ml", "mL/hour", "01-Drips", CRYSTALLOIDS, MIXED, "Continuous Med", 250)
PROPOFOL = _drip(222168, "mg", "mcg/kg/min")
FENTANYL = _drip(225942, "mg", "mcg/hour")
CISATRACURIUM = _drip(221555, "mg", "mcg/kg/min")
SALINE = Substance(225158, "ml", "mL/hour", CRYSTALLOIDS, "Additive (Crystalloid)", MAIN, "Continuous IV", 1000)
SALINE_BOLUS = Substance(225158, "ml", None, "03-IV Fluid Bolus", None, MAIN, "Bolus", 500)
RINGER_BOLUS = Substance(225828, "ml", None, "03-IV Fluid Bolus", None, MAIN, "Bolus", 1000)
RED_CELLS = Substance(225168, "ml", "mL/hour", "07-Blood Products", None, MAIN, "Continuous IV", 350)
BY_MOUTH = Substance(226452, "ml", None, "14-Oral/Gastric Intake", None, MAIN, "Bolus", 240)
ANTIBIOTIC_FLUID = Substance(220949, "ml", None, "08-Antibiotics (IV)", CRYSTALLOIDS, MIXED, "Drug Push", 100)


def _antibiotic(item: int) -> Substance:
    return Substance(item, "dose", None, "08-Antibiotics (IV)", CRYSTALLOIDS, MAIN, "Drug Push", 100)


INGREDIENTS: tuple[tuple[int, float], ...] = ((220490, 1.0), (227074, 1.0))
"""Water and IVF ingredient: what every millilitre of fluid counts as."""


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """Infusions and their ingredients."""
    rows = _numbered(story, pl.concat(_everything_given(story)))
    return {"mimic/icu/inputevents": inputs(story, rows), "mimic/icu/ingredientevents": ingredients(story, rows)}


def _given(
    substance: Substance,
    stay: Integers,
    start: Integers,
    end: Integers,
    amount: Floats,
    rate: Floats | None,
    order: pl.Series,
    link: pl.Series,
) -> pl.DataFrame:
    """Rows of one substance; `order` tells orders apart, rows of one `link` are one order through its rate changes."""
    return pl.DataFrame(
        {
            "stay": stay.astype(np.int64),
            "starttime": start.astype(np.int64),
            "endtime": end.astype(np.int64),
            "amount": amount.astype(np.float64),
            "rate": np.full(len(stay), np.nan) if rate is None else rate.astype(np.float64),
            "order": order,
            "link": link,
        }
    ).with_columns(
        rate=pl.col("rate").fill_nan(None),
        quirk=pl.lit(None, pl.String),
        itemid=pl.lit(substance.item, pl.Int64),
        amountuom=pl.lit(substance.unit),
        rateuom=pl.lit(substance.rate_unit, pl.String),
        ordercategoryname=pl.lit(substance.category),
        secondaryordercategoryname=pl.lit(substance.second_category, pl.String),
        ordercomponenttypedescription=pl.lit(substance.component),
        ordercategorydescription=pl.lit(substance.description),
        totalamount=pl.lit(substance.bag, pl.Float64),
    )


def _names(kind: str, *parts: Integers) -> pl.Series:
    """Names that tell orders of one kind apart."""
    text = pl.Series([kind] * len(parts[0]), dtype=pl.String)
    for part in parts:
        text = text + "/" + pl.Series(part).cast(pl.String)
    return text


def _weights(story: Story, stay: Integers) -> Floats:
    return np.round(story.people.weight[story.encounters.patient[story.stays.encounter[stay]]], 1)


def _everything_given(story: Story) -> list[pl.DataFrame]:
    return [*_vasopressors(story), *_sedation(story), *_fluids(story), *_antibiotics(story), *_uncommon(story)]


def _vasopressors(story: Story) -> list[pl.DataFrame]:
    """Each stretch of a rate, with the fluid it runs in."""
    given = story.treatments.vasopressors
    weight, lasted = _weights(story, given.stay), (given.end - given.start) / 60
    parts = []
    for agent, substance in enumerate(VASOPRESSORS):
        rows = np.flatnonzero(given.agent == agent)
        per_hour = substance.unit == "units"
        amount = (
            given.rate[rows] * lasted[rows] / 60 if per_hour else given.rate[rows] * weight[rows] * lasted[rows] / 1000
        )
        order, link = _names("pressor", rows), _names("pressor run", given.run[rows])
        for what, how_much, rate in (
            (substance, amount, given.rate[rows]),
            (DRIP_FLUID, lasted[rows] * 15 / 60, np.full(len(rows), 15.0)),
        ):
            parts.append(
                _given(what, given.stay[rows], given.start[rows], given.end[rows], how_much, rate, order, link)
            )
    return parts


def _sedation(story: Story) -> list[pl.DataFrame]:
    """Propofol, fentanyl and seldom a muscle relaxant while ventilated, in stretches of half a day."""
    rng, done = story.block.rng("sedation"), story.treatments
    stays = np.flatnonzero(done.ventilated_from != NOT_DONE)
    lasted = (done.ventilated_to - done.ventilated_from)[stays]
    row, number = spread(np.minimum(-(-lasted // (SEDATION_HOURS * HOUR)), 10))
    stay = stays[row]
    start = done.ventilated_from[stay] + number * SEDATION_HOURS * HOUR
    end = np.minimum(start + SEDATION_HOURS * HOUR, done.ventilated_to[stay])
    weight, spent = _weights(story, stay), (end - start) / 60
    propofol = np.round(rng.gamma(5, 5, len(stay)), 1)
    fentanyl = np.round(rng.gamma(6, 14, len(stay)), 0)
    blocker = np.round(rng.gamma(8, 0.3, len(stay)), 2)
    which = rng.random(len(stays))[row]
    parts = []
    for name, substance, rate, amount, keep in (
        ("propofol", PROPOFOL, propofol, propofol * weight * spent / 1000, which < 0.7),
        ("fentanyl", FENTANYL, fentanyl, fentanyl * spent / 60 / 1000, which > 0.3),
        ("blocker", CISATRACURIUM, blocker, blocker * weight * spent / 1000, done.paralysed[stay] & (number < 4)),
    ):
        order, link = _names(name, stay, number), _names(name, stay)
        frame = _given(substance, stay, start, end, amount, rate, order, link)
        parts.append(frame.filter(pl.Series(keep & (end > start))))
    return parts


def _fluids(story: Story) -> list[pl.DataFrame]:
    """Maintenance fluid, boluses for failing circulation, blood for anaemia, and what patients drink."""
    rng, stays = story.block.rng("fluids"), story.stays
    hours = (stays.care_ends - stays.start) / HOUR
    into = story.encounters.hours_since_arrival(stays.encounter, stays.start)
    organs = story.encounters.courses.organs(stays.encounter, into + 4)
    poor = np.clip(organs[:, organ("circulation")] - 0.8, 0, 3)
    bleeding = np.clip(organs[:, organ("coagulation")] - 1.4, 0, 3)
    parts = []
    for name, substance, counts, amount, lasts in (
        ("maintenance", SALINE, np.minimum(np.ceil(hours / 24), 8) * (rng.random(len(hours)) < 0.6), 75.0, 10 * HOUR),
        ("saline bolus", SALINE_BOLUS, rng.poisson(0.5 * poor), 500.0, 60),
        ("ringer bolus", RINGER_BOLUS, rng.poisson(0.4 * poor), 1000.0, 60),
        ("blood", RED_CELLS, rng.poisson(0.5 * bleeding), 350.0, 2 * HOUR),
        ("by mouth", BY_MOUTH, rng.poisson(np.minimum(hours / 24, 6) * 1.2), 200.0, 60),
    ):
        stay, number = spread(counts.astype(np.int64))
        early = rng.beta(0.8, 2.5, len(stay)) if "bolus" in name else rng.random(len(stay))
        start = minutes(stays.start[stay] + early * np.maximum(hours[stay] - 1, 0.2) * HOUR)
        end = np.minimum(start + lasts, np.maximum(minutes(stays.care_ends[stay]), start + 60))
        running = (end - start) / HOUR
        rate = np.full(len(stay), amount if name == "maintenance" else 175.0)
        given = rate * running if substance.rate_unit else np.full(len(stay), amount)
        order = _names(name, stay, number)
        parts.append(_given(substance, stay, start, end, given, rate if substance.rate_unit else None, order, order))
    return parts


def _antibiotics(story: Story) -> list[pl.DataFrame]:
    """Doses of the prescribed antibiotics that fall into an ICU stay."""
    stays, plan = story.stays, prescribed(story)
    due = doses(plan, MOST_ANTIBIOTIC_DOSES)
    items = pl.Series([d.item for d in FORMULARY], dtype=pl.Int64)
    taken = due.with_columns(
        encounter=plan["encounter"].gather(due["prescription"]),
        itemid=items.gather(plan["drug"].gather(due["prescription"])),
    ).filter(pl.col("itemid").is_not_null())
    in_unit = pl.DataFrame(
        {
            "stay": np.arange(len(stays.stay_id)),
            "encounter": stays.encounter,
            "begin": stays.start,
            "finish": stays.care_ends,
        }
    )
    rows = taken.join(in_unit, on="encounter", maintain_order="left").filter(
        (pl.col("due") >= pl.col("begin")) & (pl.col("due") < pl.col("finish") - HOUR)
    )
    rows = rows.with_row_index("dose").with_columns(pl.col("due") + 60 * (pl.col("prescription") % 37))
    parts = []
    for (itemid,), group in rows.sort("itemid", maintain_order=True).group_by("itemid", maintain_order=True):
        stay, start = group["stay"].to_numpy(), group["due"].to_numpy()
        order = _names("antibiotic", group["dose"].to_numpy().astype(np.int64))
        one, carrier = np.ones(len(stay)), np.full(len(stay), 100.0)
        parts.append(_given(_antibiotic(int(str(itemid))), stay, start, start + 60, one, None, order, order))
        parts.append(_given(ANTIBIOTIC_FLUID, stay, start, start + 60, carrier, None, order, order))
    return parts


def _uncommon(story: Story) -> list[pl.DataFrame]:
    """What is seldom given, in the units it is seldom given in."""
    stay = dealt(len(UNCOMMON_INFUSIONS), watched(story), first=3)
    start = moments(story, stay)
    parts = []
    for number, (of, given) in enumerate(zip(stay, UNCOMMON_INFUSIONS, strict=False)):
        lasts = INFUSION_MINUTES if given.rate_unit else 1
        amount = given.amount
        if amount is None:
            amount = (given.rate or 0) * float(_weights(story, stay[number : number + 1])[0]) * lasts / 1000
        substance = replace(_drip(given.item, given.unit, ""), rate_unit=given.rate_unit)
        one, begins = np.array([of]), start[number : number + 1]
        order = _names("uncommon", np.array([number]))
        rate = None if given.rate is None else np.array([given.rate])
        row = _given(substance, one, begins, begins + lasts * 60, np.array([amount]), rate, order, order)
        parts.append(row.with_columns(quirk=pl.lit(given.quirk, pl.String)))
    return parts


def _numbered(story: Story, rows: pl.DataFrame) -> pl.DataFrame:
    """Orders given their numbers, and each row how it ended."""
    rows = rows.sort("stay", "starttime", "order", "itemid", maintain_order=True)
    orders = rows["order"].unique(maintain_order=True)
    numbers = story.block.identifiers("orderid", len(orders), lowest=1_000, space=ORDER_NUMBERS)
    known = pl.DataFrame({"order": orders, "orderid": numbers})
    first = pl.col("orderid").first().over("link")
    later = pl.col("starttime").max().over("link")
    rng = story.block.rng("how infusions ended")
    stopped = pl.Series(rng.random(rows.height) < 0.08)
    return rows.join(known, on="order", maintain_order="left").with_columns(
        linkorderid=first,
        statusdescription=pl.when(pl.col("starttime") < later)
        .then(pl.lit("ChangeDose/Rate"))
        .when(stopped)
        .then(pl.lit("Stopped"))
        .otherwise(pl.lit("FinishedRunning")),
    )


def _of_stay(story: Story, rows: pl.DataFrame, rng: np.random.Generator) -> dict[str, pl.Series]:
    """The columns that say whose row it is, and when and by whom it was filed."""
    stay = rows["stay"].to_numpy()
    encounter = story.stays.encounter[stay]
    return {
        "subject_id": pl.Series(story.subject_of(encounter)),
        "hadm_id": pl.Series(story.encounters.hadm_id[encounter]),
        "stay_id": pl.Series(story.stays.stay_id[stay]),
        "caregiver_id": pl.Series(caregiver_ids(rng, rows.height)),
        # Nurses file a row when they hang the bag, more often than when it has run.
        "storetime": rows["starttime"] + pl.Series(60 * rng.integers(-10, 120, rows.height)),
    }


def inputs(story: Story, rows: pl.DataFrame) -> pl.DataFrame:
    """Inputevents."""
    rng = story.block.rng("inputs")
    known = _of_stay(story, rows, rng)
    quirk = rows["quirk"].fill_null("")
    return rows.drop("stay", "order", "link", "quirk").with_columns(
        **known | {"stay_id": where((quirk != NO_STAY).to_numpy(), known["stay_id"])},
        patientweight=np.where(quirk == WEIGHT_OF_ONE, 1.0, _weights(story, rows["stay"].to_numpy())),
        totalamountuom=pl.when(pl.col("totalamount").is_not_null()).then(pl.lit("ml")),
        isopenbag=pl.lit(0),
        continueinnextdept=pl.lit(0),
        originalamount=pl.col("amount").round(1),
        originalrate=pl.coalesce(pl.col("rate").round(2), pl.col("amount")),
    )


def ingredients(story: Story, rows: pl.DataFrame) -> pl.DataFrame:
    """ingredientevents: what the fluids among the rows consist of."""
    fluids = rows.filter(pl.col("amountuom") == "ml")
    rng = story.block.rng("ingredients")
    parts = [
        fluids.select(
            **_of_stay(story, fluids, rng),
            starttime="starttime",
            endtime="endtime",
            itemid=pl.lit(item, pl.Int64),
            amount=pl.col("amount") * share,
            amountuom=pl.lit("ml"),
            rate=pl.col("rate") * share,
            rateuom=pl.when(pl.col("rate").is_not_null()).then(pl.lit("mL/hour")),
            orderid="orderid",
            linkorderid="linkorderid",
            statusdescription="statusdescription",
            originalamount=pl.lit(0.0),
            originalrate=pl.col("rate").round(2),
        )
        for item, share in INGREDIENTS
    ]
    return pl.concat(parts).sort("subject_id", "starttime", "orderid", "itemid", maintain_order=True)
