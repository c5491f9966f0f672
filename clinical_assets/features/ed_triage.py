"""Emergency department stays at triage and on leaving, with what the history before arrival says.

One row per ED stay. History is what had happened before arrival: stays that began earlier, and diagnoses of hospital
stays that had *ended* by then, since codes come after discharge (five years back; the benchmark's constant says 356
times 5 days). The stay's own hospital stay is the outcome and never counted.

Temperatures are recorded in degrees Fahrenheit, some in Celsius under the same name: a number that is a temperature of
a living patient in Celsius and none in Fahrenheit is read as Celsius, before any range is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import polars as pl

from clinical_assets.concepts.comorbidity import AGE as CHARLSON_AGE
from clinical_assets.concepts.comorbidity import GRADED, OLDEST, WEIGHTS
from clinical_assets.concepts.comorbidity_codes import COMORBIDITIES
from clinical_assets.concepts.icd import coded_as, flags_of_stays
from clinical_assets.concepts.scoring import below, first_true
from clinical_assets.features.ed_features import (
    ACUITY,
    AT_DISPOSITION,
    AT_TRIAGE,
    CHARLSON_NAMES,
    COMPLAINTS,
    CRITICAL,
    DURING_STAY,
    ED_TRIAGE,
    ELIGIBLE,
    HOSPITALISATION,
    LOOK_BACK_DAYS,
    OUTCOMES,
    REVISIT,
    SENT_HOME,
    VITALS,
)
from clinical_assets.features.ed_scores import HIGHEST, score
from clinical_assets.features.elixhauser_codes import ELIXHAUSER

__all__ = ["AT_DISPOSITION", "AT_TRIAGE", "DURING_STAY", "ED_TRIAGE", "ELIGIBLE", "OUTCOMES", "PARTS", "ed_triage"]

COMORBIDITY_LOOK_BACK = timedelta(days=365 * 5)
ICU_WITHIN = timedelta(hours=12)
REVISIT_WITHIN = timedelta(days=3)
ADULT = 18
NOT_SENT_HOME = ("ADMITTED", "EXPIRED")
"""Dispositions after which nobody comes back within days, as edstays words them."""
CELSIUS = (26, 45)
"""What can only be degrees Celsius: in Fahrenheit it would be -3 to 7 degrees."""


def ed_triage(**inputs: pl.LazyFrame) -> pl.LazyFrame:
    """One row per ED stay; columns as in `ED_TRIAGE`.

    Args:
        inputs: `ed_stays`, `hospital_stays` and `icu_stays` of `stays/`; `patients`, `diagnoses_icd`, `triage`,
            `vitalsign`, `medrecon` and `pyxis` of the release.
    """
    rows = from_triage(**inputs)
    for part in (from_outcomes, from_history, from_comorbidities, from_stay):
        rows = rows.join(part(**inputs), on="stay_id", how="left")
    return rows.select(ED_TRIAGE.column_names)


def from_triage(
    ed_stays: pl.LazyFrame, patients: pl.LazyFrame, triage: pl.LazyFrame, **_: pl.LazyFrame
) -> pl.LazyFrame:
    """Keys, eligibility, and what triage and its scores say."""
    acuity = pl.col("acuity")
    rows = (
        _with_age(ed_stays, patients)
        .join(triage.drop("subject_id"), on="stay_id", how="left")
        .with_columns(
            *(cleaned(name).alias(f"triage_{name}") for name in VITALS),
            pl.when(acuity.is_between(*ACUITY)).then(acuity).alias("triage_acuity"),
            *_complaints(),
        )
        .with_columns(triage_MAP=(pl.col("triage_sbp") + 2 * pl.col("triage_dbp")) / 3)
    )
    measured = {name: f"triage_{name}" for name in VITALS} | {"age": "age", "map": "triage_MAP"}
    scored = rows.with_columns(score(name, measured).alias(f"score_{name}") for name in HIGHEST)
    eligible = ((pl.col("age") >= ADULT) & pl.col("triage_acuity").is_not_null()).fill_null(value=False)
    stayed = pl.col("hadm_id").is_not_null() | pl.col("disposition").is_in(NOT_SENT_HOME).fill_null(value=False)
    return scored.select(
        "subject_id",
        "stay_id",
        eligible.alias(ELIGIBLE),
        (eligible & pl.col("outtime").is_not_null() & ~stayed).alias(SENT_HOME),
        *_values("triage", "patients"),
        _value("gender"),
        index_time="intime",
        disposition_time="outtime",
    )


def from_outcomes(
    ed_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, icu_stays: pl.LazyFrame, **_: pl.LazyFrame
) -> pl.LazyFrame:
    """The three outcomes; of the features of no use. A hospital stay that can't be found has no critical outcome."""
    stays = ed_stays.select("subject_id", "stay_id", "hadm_id", "intime", "outtime", "admission_found")
    died = hospital_stays.select("subject_id", "hadm_id", died=pl.col("hospital_expire_flag") == 1)
    first_icu = icu_stays.group_by("subject_id", "hadm_id").agg(icu_intime=pl.col("intime").min())
    arrivals = stays.select("subject_id", next_arrival="intime", next_stay="stay_id")
    following = (
        stays.join(arrivals, on="subject_id")
        .filter(pl.col("next_stay") != pl.col("stay_id"), pl.col("next_arrival") > pl.col("intime"))
        .group_by("stay_id")
        .agg(pl.col("next_arrival").min())
    )
    icu_soon = pl.col("icu_intime") - pl.col("outtime") <= ICU_WITHIN
    critical = pl.col("died").fill_null(value=False) | icu_soon.fill_null(value=False)
    known = pl.col("hadm_id").is_null() | pl.col("admission_found")
    revisit = pl.col("next_arrival") - pl.col("outtime") < REVISIT_WITHIN
    return (
        stays.join(died, on=["subject_id", "hadm_id"], how="left")
        .join(first_icu, on=["subject_id", "hadm_id"], how="left")
        .join(following, on="stay_id", how="left")
        .select(
            "stay_id",
            pl.col("hadm_id").is_not_null().cast(pl.Int64).alias(HOSPITALISATION),
            pl.when(known).then(critical.cast(pl.Int64)).alias(CRITICAL),
            pl.when(pl.col("outtime").is_not_null()).then(revisit.fill_null(value=False).cast(pl.Int64)).alias(REVISIT),
        )
    )


def from_history(
    ed_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, icu_stays: pl.LazyFrame, **_: pl.LazyFrame
) -> pl.LazyFrame:
    """How many stays of each kind began in the days before arrival."""
    stays = ed_stays.select("subject_id", "stay_id", "hadm_id", arrived="intime")
    begun = {
        "ed": ed_stays.select("subject_id", began="intime", earlier_hadm=pl.lit(None, pl.Int64)),
        "hosp": hospital_stays.select("subject_id", began="admittime", earlier_hadm="hadm_id"),
        "icu": icu_stays.select("subject_id", began="intime", earlier_hadm="hadm_id"),
    }
    rows = stays.select("stay_id")
    for kind, earlier in begun.items():
        rows = rows.join(_begun_before(stays, earlier, kind), on="stay_id", how="left")
    return rows.with_columns(pl.exclude("stay_id").fill_null(0)).select(
        "stay_id", *(_value(f"n_{kind}_{days}d") for kind in begun for days in LOOK_BACK_DAYS)
    )


def _begun_before(stays: pl.LazyFrame, earlier: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    """Per ED stay the earlier stays by look-back; those of its own hospital stay are not earlier ones."""
    before = pl.col("arrived") - pl.col("began")
    own = (pl.col("earlier_hadm") == pl.col("hadm_id")).fill_null(value=False)
    longest = timedelta(days=max(LOOK_BACK_DAYS))
    return (
        stays.join(earlier, on="subject_id")
        .filter(before > timedelta(0), before <= longest, ~own)
        .group_by("stay_id")
        .agg(
            (before <= timedelta(days=days)).sum().cast(pl.Int64).alias(f"n_{kind}_{days}d") for days in LOOK_BACK_DAYS
        )
    )


def from_comorbidities(
    ed_stays: pl.LazyFrame,
    patients: pl.LazyFrame,
    hospital_stays: pl.LazyFrame,
    diagnoses_icd: pl.LazyFrame,
    **_: pl.LazyFrame,
) -> pl.LazyFrame:
    """Conditions coded for hospital stays that had ended before arrival, and the Charlson index."""
    ours = {c.name: coded_as(c.icd9, c.icd10) for c in COMORBIDITIES}
    listed = {name: ours[of] for name, of in CHARLSON_NAMES.items()}
    conditions = listed | {f"eci_{c.name}": coded_as(c.icd9, c.icd10) for c in ELIXHAUSER}
    earlier = hospital_stays.select("subject_id", "dischtime", earlier_hadm="hadm_id").join(
        flags_of_stays(diagnoses_icd, **conditions), left_on="earlier_hadm", right_on="hadm_id"
    )
    stays = _with_age(ed_stays, patients).select("subject_id", "stay_id", "intime", "hadm_id", "age")
    since = pl.col("intime") - pl.col("dischtime")
    own = (pl.col("earlier_hadm") == pl.col("hadm_id")).fill_null(value=False)
    coded = (
        stays.join(earlier, on="subject_id")
        .filter(since > timedelta(0), since <= COMORBIDITY_LOOK_BACK, ~own)
        .group_by("stay_id")
        .agg(pl.col(name).max() for name in conditions)
    )
    rows = stays.join(coded, on="stay_id", how="left").with_columns(pl.col(list(conditions)).fill_null(0))
    return rows.with_columns(score_CCI=_charlson_index()).select("stay_id", *_values("diagnoses_icd"))


def from_stay(
    ed_stays: pl.LazyFrame, vitalsign: pl.LazyFrame, medrecon: pl.LazyFrame, pyxis: pl.LazyFrame, **_: pl.LazyFrame
) -> pl.LazyFrame:
    """What the stay itself showed by its end; later entries under its number don't count."""
    stays = ed_stays.select("stay_id", "intime", "outtime")
    hours = (pl.col("outtime") - pl.col("intime")).dt.total_seconds() / 3600
    rows = stays.select("stay_id", ed_los=hours)
    for name in VITALS:
        last = (
            _by_its_end(stays, vitalsign)
            .select("stay_id", "charttime", cleaned(name).alias(f"ed_{name}_last"))
            .drop_nulls(f"ed_{name}_last")
            .sort("charttime", f"ed_{name}_last")
            .unique("stay_id", keep="last", maintain_order=True)
            .drop("charttime")
        )
        rows = rows.join(last, on="stay_id", how="left")
    for name, drugs in (("n_med", pyxis), ("n_medrecon", medrecon)):
        drug = pl.coalesce(pl.col("gsn").cast(pl.String), "name").drop_nulls()
        counted = _by_its_end(stays, drugs).group_by("stay_id").agg(drug.n_unique().alias(name))
        rows = rows.join(counted, on="stay_id", how="left").with_columns(pl.col(name).fill_null(0))
    return rows.select("stay_id", *(feature.value() for feature in DURING_STAY))


def _by_its_end(stays: pl.LazyFrame, entries: pl.LazyFrame) -> pl.LazyFrame:
    return entries.join(stays, on="stay_id").filter(pl.col("charttime") <= pl.col("outtime"))


def cleaned(name: str) -> pl.Expr:
    """A vital sign in its unit: clipped between valid and believable, null beyond, and null for text that is no number.

    Args:
        name: one of `VITALS`.
    """
    _, _, valid, believable = VITALS[name]
    value = _rated() if name == "pain" else pl.col(name).cast(pl.Float64, strict=False)
    if name == "temperature":
        value = pl.when(value.is_between(*CELSIUS)).then(value).otherwise((value - 32) / 1.8)
    return pl.when(value.is_between(*believable)).then(value.clip(*valid))


def _rated() -> pl.Expr:
    """Pain as a number: "6", "8.5", "7/10", and the middle of a range such as "5-7"; other text is none."""
    number = r"^\s*(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?(?:\s*/\s*10)?\s*$"
    said = pl.col("pain").cast(pl.String)
    low, high = (said.str.extract(number, group).cast(pl.Float64, strict=False) for group in (1, 2))
    return (low + pl.coalesce(high, low)) / 2


def _complaints() -> list[pl.Expr]:
    said = pl.col("chiefcomplaint").str.to_lowercase().fill_null("")
    return [said.str.contains(pattern).cast(pl.Int64).alias(f"chiefcom_{name}") for name, pattern in COMPLAINTS.items()]


def _with_age(ed_stays: pl.LazyFrame, patients: pl.LazyFrame) -> pl.LazyFrame:
    """Age as the release defines it: only years count, since dates are shifted by whole patients."""
    anchors = patients.select("subject_id", "anchor_age", "anchor_year")
    age = pl.col("anchor_age") + pl.col("intime").dt.year().cast(pl.Int64) - pl.col("anchor_year")
    return ed_stays.join(anchors, on="subject_id", how="left").with_columns(age=age)


def _charlson_index() -> pl.Expr:
    named = {of: pl.col(name) for name, of in CHARLSON_NAMES.items()}
    alone = [named[of] * weight for of, weight in WEIGHTS.items()]
    graded = [pl.max_horizontal(named[of] * weight for of, weight in pair.items()) for pair in GRADED]
    age = first_true(below("age", CHARLSON_AGE), unknown=pl.col("age").is_null(), otherwise=OLDEST)
    return pl.sum_horizontal(age, *alone, *graded, ignore_nulls=False)


_FEATURES: Mapping[str, pl.Expr] = {feature.name: feature.value() for feature in AT_DISPOSITION}


def _value(name: str) -> pl.Expr:
    return _FEATURES[name]


def _values(*sources: str) -> list[pl.Expr]:
    return [feature.value() for feature in AT_TRIAGE if feature.source in sources]


PARTS: tuple[Callable[..., pl.LazyFrame], ...] = (
    from_triage,
    from_outcomes,
    from_history,
    from_comorbidities,
    from_stay,
)
"""The rule as independent parts: the lineage of a column is that of the part that makes it."""
