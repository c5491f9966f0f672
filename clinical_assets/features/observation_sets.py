"""The feature tables made of long-format observations: a hospital's own files, and MIMIC's ICU stays in the same shape.

`observations` has a row per visit of the files that has an index time; `icu_observations` a row per ICU stay, 24 hours
after admission. Both hold every family; the ten combinations that are compared are selections of their columns:
`Plan(codes, combination).feature_names`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import polars as pl

from clinical_assets.concepts.measurements import Measurement, uncapitalised
from clinical_assets.concepts.vitals import TEMPERATURE
from clinical_assets.features.mortality_features import ELIGIBLE
from clinical_assets.features.mortality_features import LABEL as DIED
from clinical_assets.features.mortality_first_day import stays_with_index
from clinical_assets.features.observation_features import COMMON_CODES, Code, declared_features
from clinical_assets.features.observation_files import CLIENT, LABEL
from clinical_assets.features.observation_folder import OBSERVATION_RECORDS, SUBJECT
from clinical_assets.features.observation_sources import (
    MIMIC_CHARTED,
    MIMIC_RESULTS,
    charted,
    every_observation,
    resulted,
)
from clinical_assets.features.observations import CODES, INDEX_TIME, VISIT, Plan, features
from clinical_assets.lineage import ColumnsOf, column_lineage
from clinical_assets.tables import Column, Table, Type


def _code_of(measurement: Measurement) -> Code:
    low, high = (measurement.above, measurement.at_least), (measurement.below, measurement.at_most)
    lowest, highest = (next((bound for bound in bounds if bound is not None), None) for bounds in (low, high))
    return Code(
        meaning=uncapitalised(measurement.meaning),
        unit=measurement.unit,
        plausible=None if highest is None else (lowest or 0.0, highest),
    )


_CELSIUS = Code(meaning="body temperature, Fahrenheit values converted", unit=TEMPERATURE.unit, plausible=(10, 50))
_CHARTED_CODES = {**{code: _code_of(m) for code, m in MIMIC_CHARTED.items()}, "tempC": _CELSIUS}
ICU_CODES: Mapping[str, Code] = {**_CHARTED_CODES, **{code: _code_of(m) for code, m in MIMIC_RESULTS.items()}}
FILE_PLAN = Plan(CODES, "all")
ICU_PLAN = Plan(tuple(ICU_CODES), "all")
FILE_FEATURES = declared_features(COMMON_CODES, FILE_PLAN, OBSERVATION_RECORDS.path)
ICU_FEATURES = declared_features(ICU_CODES, ICU_PLAN, "chartevents and labevents")

OBSERVATIONS = Table(
    key=("features", "observations"),
    grain="one row per visit with an index time",
    meaning="What a hospital's own observations said about a visit before its index time, in five families (base, "
    "temporal, statistical, aggregated, pairwise). Values are in the hospital's own units.",
    primary_key=(VISIT,),
    known=INDEX_TIME,
    source="families of public long-format sepsis pipelines, made anew without their leaks",
    columns=(
        SUBJECT,
        Column(name=CLIENT, type=Type.TEXT, nullable=False, meaning="The hospital's patient. Never a feature."),
        Column(name=VISIT, type=Type.TEXT, nullable=False, meaning="The visit. Never a feature."),
        Column(name=INDEX_TIME, type=Type.TIMESTAMP, nullable=False, meaning="The moment of prediction."),
        Column(
            name=LABEL,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="The label: whether the visit has the condition, as the hospital says. Never a feature.",
        ),
        *(feature.declared() for feature in FILE_FEATURES),
    ),
)
ICU_OBSERVATIONS = Table(
    key=("features", "icu_observations"),
    grain="one row per ICU stay",
    meaning="What was charted and resulted in the first 24 h of an ICU stay, in the five families of long-format "
    "observations; only what was made and known before the 24th hour.",
    primary_key=("stay_id",),
    known=INDEX_TIME,
    source="families of public long-format sepsis pipelines, made anew without their leaks",
    columns=(
        Column(name="subject_id", type=Type.INTEGER, nullable=False, meaning="The patient. Never a feature."),
        Column(name="stay_id", type=Type.INTEGER, nullable=False, meaning="The ICU stay. Never a feature."),
        Column(name=INDEX_TIME, type=Type.TIMESTAMP, nullable=False, meaning="24 h after ICU admission."),
        Column(
            name=ELIGIBLE,
            type=Type.BOOLEAN,
            nullable=False,
            meaning="The patient is alive and in this ICU stay at the index time, and the hospital stay is known.",
        ),
        Column(
            name=DIED,
            type=Type.INTEGER,
            plausible=(0, 1),
            meaning="The label: 1 if the patient died in this hospital stay. Never a feature.",
        ),
        *(feature.declared() for feature in ICU_FEATURES),
    ),
)


def observations(observation_records: pl.LazyFrame, plan: Plan = FILE_PLAN) -> pl.LazyFrame:
    """One row per visit with an index time; columns as in `OBSERVATIONS`.

    Args:
        observation_records: as in `features/observation_records`.
        plan: codes and families.
    """
    facts = ("subject_id", CLIENT, INDEX_TIME, LABEL)
    visits = observation_records.drop_nulls(INDEX_TIME).group_by(VISIT).agg(pl.col(facts).first())
    made = features(observation_records.drop(INDEX_TIME), visits, plan)
    return visits.join(made.drop(INDEX_TIME), on=VISIT).select(
        "subject_id", CLIENT, VISIT, *facts[2:], *plan.feature_names
    )


def icu_observations(
    icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, chartevents: pl.LazyFrame, labevents: pl.LazyFrame
) -> pl.LazyFrame:
    """One row per ICU stay; columns as in `ICU_OBSERVATIONS`."""
    return _of_stays(every_observation(icu_stays, chartevents, labevents), icu_stays, hospital_stays, ICU_PLAN)


def _of_stays(long: pl.LazyFrame, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, plan: Plan) -> pl.LazyFrame:
    stays = stays_with_index(icu_stays, hospital_stays).select(
        "subject_id", "stay_id", INDEX_TIME, ELIGIBLE, DIED, pl.col("stay_id").cast(pl.String).alias(VISIT)
    )
    made = features(long, stays.select(VISIT, INDEX_TIME), plan).drop(INDEX_TIME)
    return stays.join(made, on=VISIT).drop(VISIT)


def lineage_of_observations(schemas: Mapping[str, pl.Schema]) -> dict[str, ColumnsOf]:
    """The columns behind each column of `observations`, by (input, column)."""
    found = _by_two_codes(observations, FILE_PLAN, schemas)
    return _for_all_codes(FILE_PLAN, dict.fromkeys(FILE_PLAN.codes, found))


def lineage_of_icu_observations(schemas: Mapping[str, pl.Schema]) -> dict[str, ColumnsOf]:
    """The columns behind each column of `icu_observations`: a charted code's are not the laboratory's."""

    def from_chart(
        plan: Plan, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, chartevents: pl.LazyFrame, **_: pl.LazyFrame
    ) -> pl.LazyFrame:
        return _of_stays(charted(icu_stays, chartevents), icu_stays, hospital_stays, plan)

    def from_laboratory(
        plan: Plan, icu_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, labevents: pl.LazyFrame, **_: pl.LazyFrame
    ) -> pl.LazyFrame:
        return _of_stays(resulted(icu_stays, labevents), icu_stays, hospital_stays, plan)

    of_chart, of_laboratory = (_by_two_codes(rule, ICU_PLAN, schemas) for rule in (from_chart, from_laboratory))
    return _for_all_codes(
        ICU_PLAN, {code: of_chart if code in _CHARTED_CODES else of_laboratory for code in ICU_PLAN.codes}
    )


def _by_two_codes(
    rule: Callable[..., pl.LazyFrame], plan: Plan, schemas: Mapping[str, pl.Schema]
) -> dict[str, ColumnsOf]:
    """Lineage with the names of two codes replaced: every code is treated alike, and 700 columns take long to ask."""
    one, two = plan.codes[:2]
    found = column_lineage(partial(rule, plan=Plan((one, two), plan.combination)), schemas)
    short = {f"{one}_x_{two}": "{}_x_{}", f"{one}_per_{two}": "{}_per_{}"}
    return {short.get(name, name.replace(f"{one}_", "{}_")): columns for name, columns in found.items()}


def _for_all_codes(plan: Plan, found: Mapping[str, Mapping[str, ColumnsOf]]) -> dict[str, ColumnsOf]:
    every = [found[code] for code in plan.codes]
    shared = {name for name in every[0] if "{}" not in name and not name.startswith(tuple(plan.codes))}
    lineage = {name: frozenset().union(*(columns[name] for columns in every)) for name in shared}
    lineage |= {f"{c}_{s}": found[c][f"{{}}_{s}"] for c in plan.codes for s in plan.statistics}
    for a, b in plan.pairs:
        for sign in ("x", "per"):
            lineage[f"{a}_{sign}_{b}"] = found[a][f"{{}}_{sign}_{{}}"] | found[b][f"{{}}_{sign}_{{}}"]
    return lineage
