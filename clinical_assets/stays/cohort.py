"""Cohorts: which stays a question is about, said in a YAML file, with a count for every stay left out.

A cohort names a kind of stay, the hour after its beginning at which something is to be predicted, and criteria in
order. A stay is left out by the first criterion it does not meet; a fact that is missing meets none. Each criterion is
also judged by what it needs to know: one that looks at the length of the stay, its diagnoses or what comes after the
index hour could not have been applied to a patient at that hour. Such a criterion is not refused, since studies use
them, but it is flagged: figures of such a cohort do not carry over to patients met at the index hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Protocol

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clinical_assets.concepts.icd import coded_as
from clinical_assets.mimic.catalogue.columns import boolean, integer, text, timestamp
from clinical_assets.tables import Table

FOLDER = Path(__file__).parent / "cohorts"
StayKind = Literal["ed", "icu", "hospital"]
Sources = Mapping[str, pl.LazyFrame]
"""Tables by name: `icu_stays`, `hospital_stays`, `ed_stays`, `patients`, `diagnoses_icd`, `cxr_studies`, `notes`."""

_STEP = integer("step", "Place of the criterion in the cohort's file; 0 before any was applied.", required=True)

COHORT_MEMBERS = Table(
    key=("stays", "cohort_members"),
    grain="one row per cohort and stay of its kind",
    meaning="Every stay a cohort looks at, with the criterion that left it out, if one did.",
    primary_key=("cohort", "stay_id"),
    happened="intime",
    source="stays/cohorts/*.yaml",
    columns=(
        integer("subject_id", "The patient.", required=True),
        text("cohort", "The cohort's name.", required=True),
        integer("cohort_version", "Version of its file.", required=True),
        text("stay_kind", "Kind of stay it is about.", required=True, allowed=("ed", "icu", "hospital")),
        integer("stay_id", "The stay; of a hospital stay its hadm_id.", required=True),
        timestamp("intime", "Beginning of the stay.", required=True),
        timestamp(
            "index_time", "When something is to be predicted: intime and the cohort's index hours.", required=True
        ),
        boolean("included", "No criterion left it out.", required=True),
        integer("excluded_at_step", "Place of the criterion that left it out."),
        text("excluded_by", "That criterion in words."),
    ),
)

COHORT_ATTRITION = Table(
    key=("stays", "cohort_attrition"),
    grain="one row per cohort and criterion, and one before the first",
    meaning="How many stays each criterion left out, in the order applied.",
    primary_key=("cohort", "step"),
    patient_keyed=False,
    source="stays/cohort_members",
    columns=(
        text("cohort", "The cohort's name.", required=True),
        integer("cohort_version", "Version of its file.", required=True),
        _STEP,
        text("criterion", "The criterion in words.", required=True),
        integer("stays_excluded", "Stays it left out.", required=True),
        integer("stays_left", "Stays left after it.", required=True),
        integer("patients_left", "Patients of the stays left.", required=True),
        boolean("unknowable", "Could not have been judged at the index hour.", required=True),
        text("unknowable_why", "What it needs to know that was not known then."),
    ),
)


class CohortError(ValueError):
    """A cohort's file does not say a cohort; the message names file, field, what was expected and what was found."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Criterion(Protocol):
    """One rule about a stay."""

    def said(self) -> str:
        """The rule in words."""

    def unknowable(self, index_hours: float) -> str | None:
        """What it needs that is not known at the index hour; None if all of it is."""

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """`stays` with a boolean column `met`, same rows."""


class Age(_Strict):
    """Age at the beginning of the stay, in years."""

    kind: Literal["age"]
    at_least: int | None = None
    at_most: int | None = None

    def said(self) -> str:
        """The rule in words."""
        low, high = (f"{n} or {w}" for n, w in ((self.at_least, "older"), (self.at_most, "younger")))
        return "age " + " and ".join(s for s, n in ((low, self.at_least), (high, self.at_most)) if n is not None)

    def unknowable(self, index_hours: float) -> str | None:
        """Always known."""
        return None

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """Both bounds included."""
        low = pl.lit(value=True) if self.at_least is None else pl.col("age") >= self.at_least
        high = pl.lit(value=True) if self.at_most is None else pl.col("age") <= self.at_most
        return stays.with_columns(met=pl.col("age").is_not_null() & low & high)


class FirstStay(_Strict):
    """The first stay of its kind of the patient, or of the admission."""

    kind: Literal["first_stay"]
    of: Literal["patient", "admission"] = "patient"

    def said(self) -> str:
        """The rule in words."""
        return f"first stay of the {self.of}"

    def unknowable(self, index_hours: float) -> str | None:
        """Earlier stays are known."""
        return None

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """First among all stays of the kind, whichever other criteria they meet."""
        group = ["subject_id"] if self.of == "patient" else ["subject_id", "hadm_id"]
        return stays.with_columns(met=pl.struct("intime", "stay_id").rank("ordinal").over(group) == 1)


class LengthOfStay(_Strict):
    """The stay lasts at least so many hours."""

    kind: Literal["length_of_stay"]
    at_least_hours: float

    def said(self) -> str:
        """The rule in words."""
        return f"stay of at least {self.at_least_hours:g} h"

    def unknowable(self, index_hours: float) -> str | None:
        """That a patient is still there is known at the index hour; that he will be is not."""
        return "how long the stay will last" if self.at_least_hours > index_hours else None

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """Both times must be known."""
        return stays.with_columns(
            met=pl.col("outtime") - pl.col("intime") >= pl.lit(timedelta(hours=self.at_least_hours))
        )


class Diagnosis(_Strict):
    """A diagnosis billed for this admission or for one that was over before the stay began, or no such diagnosis."""

    kind: Literal["diagnosis"]
    name: str
    icd9: str = ""
    icd10: str = ""
    of: Literal["this_admission", "earlier_admissions"]
    present: bool = True

    @model_validator(mode="after")
    def _has_codes(self) -> Diagnosis:
        if not (self.icd9.strip() or self.icd10.strip()):
            raise ValueError("expected codes in icd9 or icd10; found none")
        return self

    def said(self) -> str:
        """The rule in words."""
        return f"{'' if self.present else 'no '}{self.name} coded for {self.of.replace('_', ' ')}"

    def unknowable(self, index_hours: float) -> str | None:
        """Codes of an admission are given after its end."""
        return "diagnoses coded after discharge" if self.of == "this_admission" else None

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """By codes of their own version, a code standing for all that begin with it."""
        coded = (
            sources["diagnoses_icd"].filter(coded_as(self.icd9, self.icd10)).select("subject_id", "hadm_id").unique()
        )
        if self.of == "this_admission":
            having = stays.join(coded, on=["subject_id", "hadm_id"], how="semi")
        else:
            over = sources["hospital_stays"].select("subject_id", "hadm_id", "dischtime")
            past = coded.join(over, on=["subject_id", "hadm_id"]).select("subject_id", "dischtime")
            having = stays.join(past, on="subject_id").filter(pl.col("dischtime") < pl.col("intime"))
        return _marked(stays, having, self.present)


class HasCxr(_Strict):
    """A chest X-ray was taken in the stay, or within so many hours of its beginning."""

    kind: Literal["has_cxr"]
    within_hours: float | None = None

    def said(self) -> str:
        """The rule in words."""
        return "chest X-ray " + _in_stay(self.within_hours)

    def unknowable(self, index_hours: float) -> str | None:
        """Those until the index hour are known."""
        return _later(self.within_hours, index_hours, "X-rays yet to be taken")

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """By patient and study time."""
        taken = sources["cxr_studies"].select("subject_id", "study_time")
        inside = pl.col("study_time").is_between("intime", _end(self.within_hours))
        return _marked(stays, stays.join(taken, on="subject_id").filter(inside), present=True)


class HasNotes(_Strict):
    """Notes of some types: of the admission, or filed within so many hours of the stay's beginning."""

    kind: Literal["has_notes"]
    types: tuple[str, ...] = Field(min_length=1)
    within_hours: float | None = None

    def said(self) -> str:
        """The rule in words."""
        return f"note of type {' or '.join(self.types)} " + (
            "of the admission" if self.within_hours is None else f"filed within {self.within_hours:g} h"
        )

    def unknowable(self, index_hours: float) -> str | None:
        """A note is known once filed."""
        return _later(self.within_hours, index_hours, "notes yet to be written")

    def met(self, stays: pl.LazyFrame, sources: Sources) -> pl.LazyFrame:
        """By admission, or by patient and store time; a note without a store time was never known."""
        notes = sources["notes"].filter(pl.col("note_type").is_in(self.types))
        if self.within_hours is None:
            having = stays.join(notes.select("subject_id", "hadm_id"), on=["subject_id", "hadm_id"], how="semi")
        else:
            filed = stays.join(notes.select("subject_id", "storetime"), on="subject_id")
            having = filed.filter(pl.col("storetime").is_between("intime", _end(self.within_hours)))
        return _marked(stays, having, present=True)


def _in_stay(within_hours: float | None) -> str:
    return "during the stay" if within_hours is None else f"within {within_hours:g} h"


def _later(within_hours: float | None, index_hours: float, what: str) -> str | None:
    return what if within_hours is None or within_hours > index_hours else None


def _end(within_hours: float | None) -> pl.Expr:
    """The stay's end or so many hours after its beginning, whichever is first."""
    if within_hours is None:
        return pl.col("outtime")
    return pl.min_horizontal(pl.col("intime") + timedelta(hours=within_hours), "outtime")


def _marked(stays: pl.LazyFrame, having: pl.LazyFrame, present: bool) -> pl.LazyFrame:
    found = having.select("stay_id").unique().with_columns(found=pl.lit(value=True))
    return (
        stays.join(found, on="stay_id", how="left")
        .with_columns(met=pl.col("found").fill_null(False) == present)
        .drop("found")
    )


AnyCriterion = Annotated[Age | FirstStay | LengthOfStay | Diagnosis | HasCxr | HasNotes, Field(discriminator="kind")]


class Cohort(_Strict):
    """A cohort as its file says it."""

    cohort: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    meaning: str
    stay: StayKind
    index_hours: float = Field(ge=0)
    criteria: tuple[AnyCriterion, ...]


def read_cohort(content: str, place: str) -> Cohort:
    """The cohort a YAML text says.

    Raises:
        CohortError: naming the place, the field, what was expected and found.
    """
    try:
        return Cohort.model_validate(yaml.safe_load(content))
    except yaml.YAMLError as error:
        raise CohortError(f"{place}: expected YAML; {' '.join(str(error).split())}") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise CohortError(f"{place}: {'; '.join(faults)}") from None


def cohorts(folder: Path = FOLDER) -> tuple[Cohort, ...]:
    """The cohorts of a folder of YAML files, by name.

    Raises:
        CohortError: a file says none, or two say the same name.
    """
    found = [read_cohort(path.read_text(encoding="utf-8"), path.name) for path in sorted(folder.glob("*.yaml"))]
    names = [c.cohort for c in found]
    if repeated := sorted({n for n in names if names.count(n) > 1}):
        raise CohortError(f"{folder.name}: expected every cohort once; found twice: {repeated}; rename one")
    return tuple(found)


def said_by_files(folder: Path = FOLDER) -> str:
    """A hash of what the cohorts' files say."""
    contents = (path.name.encode() + b"\0" + path.read_bytes() for path in sorted(folder.glob("*.yaml")))
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:8]


def stays_of(kind: StayKind, sources: Sources) -> pl.LazyFrame:
    """One row per stay of a kind: `subject_id`, `stay_id`, `hadm_id`, `intime`, `outtime`, `age`."""
    if kind == "hospital":
        return sources["hospital_stays"].select(
            "subject_id", "hadm_id", "age", stay_id="hadm_id", intime="admittime", outtime="dischtime"
        )
    if kind == "icu":
        return sources["icu_stays"].select("subject_id", "stay_id", "hadm_id", "intime", "outtime", "age")
    born = sources["patients"].select("subject_id", "anchor_age", "anchor_year")
    years = pl.col("intime").dt.year().cast(pl.Int64) - pl.col("anchor_year")
    return (
        sources["ed_stays"]
        .join(born, on="subject_id", how="left")
        .select("subject_id", "stay_id", "hadm_id", "intime", "outtime", age=pl.col("anchor_age") + years)
    )


def cohort_members(cohort: Cohort, sources: Sources) -> pl.LazyFrame:
    """One row per stay of the cohort's kind; see `COHORT_MEMBERS`."""
    judged = stays_of(cohort.stay, sources)
    for step, criterion in enumerate(cohort.criteria, 1):
        met = pl.col("met").fill_null(value=False).alias(f"met_{step}")
        judged = criterion.met(judged, sources).with_columns(met).drop("met")
    steps = range(1, len(cohort.criteria) + 1)
    said = {step: criterion.said() for step, criterion in enumerate(cohort.criteria, 1)}
    first_unmet = pl.coalesce(
        *(pl.when(~pl.col(f"met_{step}")).then(pl.lit(step, pl.Int64)) for step in steps), pl.lit(None, pl.Int64)
    )
    return judged.with_columns(excluded_at_step=first_unmet).select(
        "subject_id",
        cohort=pl.lit(cohort.cohort),
        cohort_version=pl.lit(cohort.version, pl.Int64),
        stay_kind=pl.lit(cohort.stay),
        stay_id="stay_id",
        intime="intime",
        index_time=pl.col("intime") + timedelta(hours=cohort.index_hours),
        included=pl.col("excluded_at_step").is_null(),
        excluded_at_step="excluded_at_step",
        excluded_by=pl.col("excluded_at_step").replace_strict(said, default=None, return_dtype=pl.String),
    )


def members_of_all(found: Iterable[Cohort], sources: Sources) -> pl.LazyFrame:
    """The members of several cohorts, one below the other."""
    frames = [cohort_members(cohort, sources) for cohort in found]
    return pl.concat(frames) if frames else COHORT_MEMBERS.empty().lazy()


def attrition(members: pl.LazyFrame, found: Iterable[Cohort]) -> pl.LazyFrame:
    """One row per cohort and criterion; see `COHORT_ATTRITION`."""
    tables = [_attrition_of(members, cohort) for cohort in found]
    return pl.concat(tables) if tables else COHORT_ATTRITION.empty().lazy()


def _attrition_of(members: pl.LazyFrame, cohort: Cohort) -> pl.LazyFrame:
    own = members.filter(pl.col("cohort") == cohort.cohort)
    at = pl.col("excluded_at_step")
    lines: list[tuple[int, str, str | None]] = [(0, f"all {cohort.stay} stays", None)]
    lines += [(n, c.said(), c.unknowable(cohort.index_hours)) for n, c in enumerate(cohort.criteria, 1)]
    return pl.concat(
        own.select(
            cohort=pl.lit(cohort.cohort),
            cohort_version=pl.lit(cohort.version, pl.Int64),
            step=pl.lit(step, pl.Int64),
            criterion=pl.lit(said),
            stays_excluded=(at == step).sum().cast(pl.Int64),
            stays_left=(at.is_null() | (at > step)).sum().cast(pl.Int64),
            patients_left=pl.col("subject_id").filter(at.is_null() | (at > step)).n_unique().cast(pl.Int64),
            unknowable=pl.lit(why is not None),
            unknowable_why=pl.lit(why, pl.String),
        )
        for step, said, why in lines
    )
