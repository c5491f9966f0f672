"""Cohorts that are cut into batches of patients: a YAML file says whose documents are worked through.

    cohort: heart_failure            its name; batches are named after it, so it carries no identity
    meaning: ...                     in a sentence
    batch_patients: 10               optional; else the setting CLINICAL_BATCH_PATIENTS

and one of

    stays: heart_failure_admissions  the patients of a cohort of stays (`stays/cohorts/*.yaml`) with a stay left in it
    sql: SELECT subject_id::text AS patient_id FROM analytics.predictions WHERE probability > 0.5
    ids: [P-17, P-23]                patients by id
    ids_file: tumour_board.txt       the same, one id a line, in a file beside this one
    documents: true                  everybody with a document in any source

No Dagster here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
import sqlalchemy as sa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clinical_assets.stays.cohort import COHORT_MEMBERS, CohortError
from resources.lake import Lake
from resources.warehouse import Warehouse

FOLDER = Path(__file__).parent / "cohorts"
QUERY_SECONDS = 300
Kind = Literal["stays", "sql", "ids", "ids_file", "documents"]
_KINDS: tuple[Kind, ...] = ("stays", "sql", "ids", "ids_file", "documents")


class BatchCohort(BaseModel):
    """A cohort as its file says it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cohort: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    meaning: str
    batch_patients: int | None = Field(default=None, ge=1, le=1000)
    stays: str | None = None
    sql: str | None = None
    ids: tuple[str, ...] | None = None
    ids_file: str | None = None
    documents: Literal[True] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> BatchCohort:
        said = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(said) != 1:
            raise ValueError(f"expected one of {', '.join(_KINDS)}; found {' and '.join(said) or 'none'}")
        return self

    @property
    def kind(self) -> Kind:
        """How its patients are said."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)


@dataclass(frozen=True)
class Declared:
    """A cohort, where its file lies, and a hash of what it says."""

    cohort: BatchCohort
    place: Path
    sha256: str


def cohorts(*folders: Path | None) -> list[Declared]:
    """The cohorts of some folders of YAML files, by name.

    Raises:
        CohortError: a file says none, or two say the same name.
    """
    paths = [path for folder in folders if folder is not None for path in sorted(folder.glob("*.yaml"))]
    found = [_read(path) for path in paths]
    names = [each.cohort.cohort for each in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise CohortError(f"expected every cohort once; found twice: {repeated}; rename one")
    return sorted(found, key=lambda each: each.cohort.cohort)


def _read(path: Path) -> Declared:
    content = path.read_bytes()
    try:
        said = BatchCohort.model_validate(yaml.safe_load(content))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise CohortError(f"{path.name}: expected YAML; found something else; correct the file") from None
    except ValidationError as error:
        # Without the values: ids may be among them.
        faults = (
            f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}"
            for e in error.errors(include_url=False, include_input=False)
        )
        raise CohortError(f"{path.name}: {'; '.join(faults)}") from None
    return Declared(said, path, hashlib.sha256(content).hexdigest())


def patients(
    declared: Declared, warehouse: Warehouse, lake: Lake, with_documents: Callable[[], Iterable[str]]
) -> set[str]:
    """Ids of a cohort's patients.

    Args:
        declared: the cohort.
        warehouse: where SQL is asked.
        lake: holds the cohorts of stays.
        with_documents: gives everybody with a document.

    Raises:
        CohortError: its patients cannot be found; the message says what was expected and what to do.
    """
    cohort = declared.cohort
    if cohort.documents:
        return set(with_documents())
    if cohort.stays is not None:
        return _of_stays(cohort.stays, declared, lake)
    if cohort.sql is not None:
        return _of_query(cohort.sql, declared, warehouse)
    return _of_list(declared)


def _of_list(declared: Declared) -> set[str]:
    cohort = declared.cohort
    if cohort.ids is not None:
        ids = cohort.ids
    else:
        path = declared.place.parent / str(cohort.ids_file)
        try:
            ids = tuple(path.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise CohortError(
                f"{declared.place.name}: expected a file of ids, one a line, at {path}; found {type(error).__name__}; "
                "write it, or correct ids_file"
            ) from None
    return {each.strip() for each in ids if each.strip()}


def _of_stays(name: str, declared: Declared, lake: Lake) -> set[str]:
    shards = lake.partitions(COHORT_MEMBERS.path)
    if len(shards) < lake.subject_shards:
        raise CohortError(
            f"{declared.place.name}: expected {COHORT_MEMBERS.path} of all {lake.subject_shards} shards; found "
            f"{len(shards)}; materialize it first"
        )
    members = lake.scan(COHORT_MEMBERS.path, shards).filter(pl.col("cohort") == name)
    found = members.select("subject_id", "included").collect()
    if found.is_empty():
        raise CohortError(
            f"{declared.place.name}: expected a cohort of stays named {name}; {COHORT_MEMBERS.path} has none; name one "
            "of stays/cohorts/*.yaml"
        )
    return {str(number) for number in found.filter("included")["subject_id"]}


def _of_query(query: str, declared: Declared, warehouse: Warehouse) -> set[str]:
    try:
        with warehouse.transaction() as connection:
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{QUERY_SECONDS}s'"))
            answer = connection.exec_driver_sql(query)
            columns = list(answer.keys())
            rows = [row[0] for row in answer] if columns == ["patient_id"] else []
    except sa.exc.SQLAlchemyError as error:
        # The server's message may repeat a value of a row.
        cause = getattr(error, "orig", None) or error
        said = f"{type(cause).__name__} {getattr(cause, 'sqlstate', None) or ''}".strip()
        raise CohortError(
            f"{declared.place.name}: expected SQL that reads the warehouse within {QUERY_SECONDS} s; found {said}; "
            "try the query by hand and correct it"
        ) from None
    if columns != ["patient_id"]:
        raise CohortError(
            f"{declared.place.name}: expected one column, patient_id; the query gives {', '.join(columns)}; name it so"
        )
    return {str(value).strip() for value in rows if value is not None and str(value).strip()}
