"""The concept catalogue: what every concept is, what it is made of, and whether it equals the published table.

One page for clinicians and one table for machines, both generated from the declarations and the rules themselves, so
that neither can say something else than what is computed. The items a concept reads are found in its rule; their labels
and units come from the dictionaries of the release at hand.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import resources
from types import FunctionType

import jinja2
import polars as pl

from clinical_assets.concepts.measurements import Measurement
from clinical_assets.concepts.published import PUBLISHED, link_to
from clinical_assets.concepts.tables import CONCEPTS, TABLES
from clinical_assets.concepts.vasoactive import Infusion
from clinical_assets.tables import Column, Table, Type

EQUAL, OURS = "equal", "ours"
PARITY = {
    EQUAL: "equal to the published table in every cell (rtol 1e-6, atol 1e-9, same rows)",
    OURS: "not among the published tables",
}
CHOICES: Mapping[str, str] = {
    "antibiotic": "Drugs that occur in the whole release only as a carrier count here and not there; no release "
    "compared so far has one.",
    "suspicion_of_infection": "Built on `antibiotic`, with its difference.",
    "weight_durations": "Of two different weights of one kind and minute the published order is left open; here the "
    "lower goes first.",
    "sapsii": "Of two services at one time the published order is left open; here the first by name.",
    "vasoactive_agent": "Infusions without an ICU stay are taken patient by patient; the published query takes all "
    "patients without one for the same stay.",
}
"""Where the published definition leaves a choice, or makes patients depend on each other: what is done here."""
ITEM_IDS = ((50_000, 53_999), (220_000, 230_999))
"""Ranges of the ids of the laboratory's items and of those of intensive care."""
EVENTS = {"chartevents", "labevents", "inputevents", "outputevents", "procedureevents"}
"""Tables whose rows carry an item."""

CATALOGUE = Table(
    key=("concepts", "catalogue"),
    grain="one row per concept",
    meaning="The concept catalogue: every concept with its definition, source, items and parity with the published "
    "table; as a page in `catalogue.html`.",
    primary_key=("concept",),
    patient_keyed=False,
    kinds=frozenset({"html", "parquet"}),
    columns=(
        Column(name="concept", type=Type.TEXT, nullable=False, meaning="Name of the concept, as published."),
        Column(name="grain", type=Type.TEXT, nullable=False, meaning="What one row is."),
        Column(name="meaning", type=Type.TEXT, nullable=False, meaning="What the table holds."),
        Column(name="definition", type=Type.TEXT, nullable=False, meaning="The rule in words a clinician can check."),
        Column(name="source", type=Type.TEXT, nullable=False, meaning="Where the definition was published."),
        Column(
            name="parity",
            type=Type.TEXT,
            nullable=False,
            allowed=(EQUAL, OURS),
            meaning="Whether it equals the published table, cell by cell, or is not a published one.",
        ),
        Column(name="choice", type=Type.TEXT, meaning="What is done where the publication leaves it open."),
        Column(name="made_from", type=Type.TEXT, nullable=False, meaning="The tables it is computed from."),
        Column(name="items", type=Type.TEXT, meaning="Ids of the items it reads from the release."),
        Column(name="columns", type=Type.INTEGER, nullable=False, meaning="How many columns it has."),
    ),
)


@dataclass(frozen=True)
class Item:
    """An item a concept reads.

    Attributes:
        itemid: as in the release's dictionary.
        label: as in the dictionary, empty where it lacks the item.
        unit: of the column that shows it, else of the dictionary.
        column: the column that shows it, where one does.
        believed: the bounds within which its values are believed, in words.
    """

    itemid: int
    label: str
    unit: str
    column: str
    believed: str


@dataclass(frozen=True)
class Entry:
    """A concept as the catalogue shows it."""

    name: str
    table: Table
    definition: str
    parity: str
    choice: str | None
    made_from: tuple[str, ...]
    items: tuple[Item, ...]


def entries(labels: Mapping[int, tuple[str, str]] | None = None) -> list[Entry]:
    """Every concept, in the order they are computed.

    Args:
        labels: label and unit by item id, from the dictionaries of a release.
    """
    known = labels or {}
    return [
        Entry(
            name=name,
            table=table,
            definition=inspect.getdoc(CONCEPTS[name]) or "",
            parity=EQUAL if name in PUBLISHED else OURS,
            choice=CHOICES.get(name),
            made_from=tuple(inspect.signature(CONCEPTS[name]).parameters),
            items=tuple(_items(CONCEPTS[name], known)),
        )
        for name, table in TABLES.items()
    ]


def dictionary(d_items: pl.DataFrame, d_labitems: pl.DataFrame) -> dict[int, tuple[str, str]]:
    """Label and unit by item id; the laboratory's dictionary has no units."""
    charted = d_items.select("itemid", "label", pl.col("unitname").replace("None", None).fill_null(""))
    blood = d_labitems.select("itemid", "label", unitname=pl.lit(""))
    return {itemid: (label or "", unit) for itemid, label, unit in pl.concat([charted, blood]).rows()}


def rows(catalogue: list[Entry]) -> pl.DataFrame:
    """The catalogue as its table."""
    return pl.DataFrame(
        [
            {
                "concept": entry.name,
                "grain": entry.table.grain,
                "meaning": entry.table.meaning,
                "definition": entry.definition,
                "source": entry.table.source,
                "parity": entry.parity,
                "choice": entry.choice,
                "made_from": ", ".join(entry.made_from),
                "items": ", ".join(str(item.itemid) for item in entry.items) or None,
                "columns": len(entry.table.columns),
            }
            for entry in catalogue
        ],
        schema=CATALOGUE.polars_schema,
    )


def page(catalogue: list[Entry], release: str) -> str:
    """The catalogue as one self-contained HTML page; `release` says whose labels it shows."""
    template = (resources.files(__package__) / "catalogue.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        entries=catalogue,
        names=frozenset(TABLES),
        parity=PARITY,
        release=release,
        equal=sum(entry.parity == EQUAL for entry in catalogue),
        rule_of=rule_of,
        link_to=link_to,
    )


def summary(catalogue: list[Entry]) -> str:
    """The catalogue as a Markdown table, for the UI."""
    lines = ["| concept | one row per | parity | source | made from |", "|---|---|---|---|---|"]
    for entry in catalogue:
        grain = entry.table.grain.removeprefix("one row per ")
        link = link_to(entry.name)
        source = f"[{PUBLISHED[entry.name]}]({link})" if link else entry.table.source
        lines.append(f"| {entry.name} | {grain} | {entry.parity} | {source} | {', '.join(entry.made_from)} |")
    return "\n".join(lines)


def rule_of(column: Column) -> str:
    """The values a column may have, in words."""
    if column.allowed:
        return ", ".join(column.allowed)
    return f"{column.plausible[0]:g} to {column.plausible[1]:g}" if column.plausible else ""


def bounds(measurement: Measurement) -> str:
    """The bounds within which a measurement's values are believed, in words; empty where there are none."""
    signs = (("above", ">"), ("at_least", "≥"), ("below", "<"), ("at_most", "≤"))
    said = [(sign, getattr(measurement, name)) for name, sign in signs]
    return ", ".join(f"{sign} {value:,g}" for sign, value in said if value is not None)


def _items(rule: Callable[..., pl.LazyFrame], labels: Mapping[int, tuple[str, str]]) -> Iterator[Item]:
    """The items a rule names, each once, by id; none of a rule that takes no events, but other concepts."""
    if not EVENTS & set(inspect.signature(rule).parameters):
        return
    named = {n for n in _knowledge(rule) if isinstance(n, int) and any(low <= n <= high for low, high in ITEM_IDS)}
    measured: dict[int, Measurement] = {}
    # Two kinds of declaration know an item: a measurement, and an infusion, whose rate is no value of the item.
    unit_of: dict[int, str | None] = {}
    for value in _knowledge(rule):
        if isinstance(value, Measurement):
            measured |= dict.fromkeys(value.itemids, value)
            unit_of |= dict.fromkeys(value.itemids, value.unit)
        elif isinstance(value, Infusion):
            unit_of[value.itemid] = value.unit
    for itemid in sorted({*named, *measured, *unit_of}):
        label, unit = labels.get(itemid, ("", ""))
        reading = measured.get(itemid)
        yield Item(
            itemid=itemid,
            label=label,
            unit=unit_of.get(itemid) or unit,
            column=reading.name if reading else "",
            believed=bounds(reading) if reading else "",
        )


@functools.cache
def _knowledge(rule: Callable[..., pl.LazyFrame]) -> tuple[object, ...]:
    """Every value the rule and the functions it calls name: numbers, measurements, and what collections hold."""
    found: list[object] = []
    waiting: list[object] = [rule]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            waiting += [value.__globals__[name] for name in _names(value.__code__) if name in value.__globals__]
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += value
        elif isinstance(value, Table | Column):
            continue
        elif is_dataclass(value) and not isinstance(value, type):
            found.append(value)
            waiting += [getattr(value, field.name) for field in fields(value)]
        elif isinstance(value, int):
            found.append(value)
    return tuple(found)


def _names(code: object) -> Iterator[str]:
    """The names a function's code uses, those within its comprehensions and lambdas too."""
    yield from getattr(code, "co_names", ())
    for inner in getattr(code, "co_consts", ()):
        if hasattr(inner, "co_names"):
            yield from _names(inner)
