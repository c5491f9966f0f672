"""Which patients are in which batch: recorded in the warehouse, so that a batch means the same to every run.

A cohort is cut into batches of at most so many patients. Batches never change: patients who join a cohort later go to
new batches, and the same cohort again gives the same batches. Nobody is in two batches of one cohort (the primary key
of `workflow_metadata.batch_members` says so); he may be in batches of several cohorts.

What does not belong here: how a cohort's patients are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl
import sqlalchemy as sa

from resources.warehouse import Warehouse

AXIS = "patient_batch"
"""Name of the partition axis, and of a batch's folder in the lake."""
DEFAULT_SIZE = 25
MEMBERS = pl.Schema({AXIS: pl.String(), "patient_id": pl.String()})


def batch_name(cohort: str, number: int) -> str:
    """A batch's partition key; it carries no identity, and begins with a letter as cohorts' names do."""
    return f"{cohort}-{number:05d}"


def cut(
    warehouse: Warehouse, cohort: str, kind: str, definition_sha256: str, patients: Iterable[str], size: int
) -> list[str]:
    """Put the cohort's patients who are in none of its batches yet into new ones.

    Args:
        warehouse: where batches are recorded.
        cohort: its name.
        kind: how its patients are said.
        definition_sha256: of the file that says it.
        patients: ids of all its patients.
        size: most patients of a batch.

    Returns:
        Names of the batches made; empty where everybody had one.
    """
    if size < 1:
        raise ValueError(f"cohort {cohort}: expected batches of at least one patient; found a size of {size}")
    with warehouse.transaction() as connection:
        # Whoever cuts the same cohort at the same time waits, and then finds nothing left to do.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"cohort {cohort}"})
        connection.execute(sa.text(_REMEMBER), {"cohort": cohort, "kind": kind, "sha": definition_sha256})
        numbers = sa.text("SELECT coalesce(max(number), 0) FROM workflow_metadata.patient_batches WHERE cohort = :c")
        last = int(connection.execute(numbers, {"c": cohort}).scalar_one())
        members = sa.text("SELECT patient_id FROM workflow_metadata.batch_members WHERE cohort = :c")
        placed = set(connection.execute(members, {"c": cohort}).scalars())
        waiting = sorted(set(patients) - placed)
        made: list[str] = []
        for first in range(0, len(waiting), size):
            own = waiting[first : first + size]
            last += 1
            made.append(batch_name(cohort, last))
            row = {"batch": made[-1], "cohort": cohort, "number": last, "patients": len(own)}
            connection.execute(sa.text(_NEW_BATCH), row)
            connection.execute(sa.text(_NEW_MEMBER), [{"cohort": cohort, "patient": p, "batch": made[-1]} for p in own])
    return made


def record(warehouse: Warehouse, batch: str, patients: Iterable[str]) -> None:
    """Record a batch that was cut elsewhere under its name; the same again changes nothing.

    Args:
        warehouse: where batches are recorded.
        batch: see `batch_name`.
        patients: ids of its members.

    Raises:
        ValueError: the name is none of a batch, or there is a batch of that name, or of its cohort, with other members.
    """
    with recording(warehouse, {batch: patients}):
        pass


@contextmanager
def recording(warehouse: Warehouse, batches: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Record batches that were cut elsewhere, all of them or none: an error in the block undoes them too.

    Args:
        warehouse: where batches are recorded.
        batches: members of each, by name.

    Yields:
        Names of those that were not recorded before.

    Raises:
        ValueError: as `record`, for any of them.
    """
    own = {batch: sorted(set(patients)) for batch, patients in batches.items()}
    for batch, patients in own.items():
        cohort, _, number = batch.rpartition("-")
        if not (cohort and number.isdecimal() and patients):
            raise ValueError(
                f"expected a batch of a cohort and a number, with patients; found {batch}, {len(patients)} patients"
            )
    held = members(warehouse, list(own))
    known = {batch: held.filter(pl.col(AXIS) == batch)["patient_id"].to_list() for batch in own}
    new = [batch for batch in own if known[batch] != own[batch]]
    taken = next((batch for batch in new if known[batch]), None)
    if taken:
        raise ValueError(_TAKEN.format(batch=taken))
    with warehouse.transaction() as connection:
        for batch in new:
            try:
                _record(connection, batch, own[batch])
            except sa.exc.IntegrityError:
                raise ValueError(_TAKEN.format(batch=batch)) from None
        yield new


def _record(connection: sa.Connection, batch: str, patients: Sequence[str]) -> None:
    cohort, _, number = batch.rpartition("-")
    connection.execute(sa.text(_REMEMBER), {"cohort": cohort, "kind": "ids", "sha": ""})
    row = {"batch": batch, "cohort": cohort, "number": int(number), "patients": len(patients)}
    connection.execute(sa.text(_NEW_BATCH), row)
    connection.execute(sa.text(_NEW_MEMBER), [{"cohort": cohort, "patient": p, "batch": batch} for p in patients])


_TAKEN = "batch {batch}: expected a new one; found its name, or patients of it, in a batch recorded before"


_REMEMBER = """
INSERT INTO workflow_metadata.cohorts (cohort, kind, definition_sha256) VALUES (:cohort, :kind, :sha)
ON CONFLICT (cohort) DO UPDATE SET kind = :kind, definition_sha256 = :sha, last_cut_at = now()
"""
_NEW_BATCH = """
INSERT INTO workflow_metadata.patient_batches (patient_batch, cohort, number, patients)
VALUES (:batch, :cohort, :number, :patients)
"""
_NEW_MEMBER = """
INSERT INTO workflow_metadata.batch_members (cohort, patient_id, patient_batch) VALUES (:cohort, :patient, :batch)
"""


def batches(warehouse: Warehouse) -> pl.DataFrame:
    """Every batch: `patient_batch`, `cohort`, `number`, `patients`; by cohort and number."""
    columns = "patient_batch, cohort, number, patients"
    with warehouse.transaction() as connection:
        rows = connection.execute(
            sa.text(f"SELECT {columns} FROM workflow_metadata.patient_batches ORDER BY cohort, number")  # noqa: S608
        ).all()
    schema = {AXIS: pl.String(), "cohort": pl.String(), "number": pl.Int64(), "patients": pl.Int64()}
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def members(warehouse: Warehouse, names: Sequence[str]) -> pl.DataFrame:
    """Who is in the named batches: `patient_batch`, `patient_id`, by both. One row per batch and patient."""
    query = sa.text(
        "SELECT patient_batch, patient_id FROM workflow_metadata.batch_members "
        "WHERE patient_batch = ANY(:names) ORDER BY patient_batch, patient_id"
    )
    with warehouse.transaction() as connection:
        rows = connection.execute(query, {"names": list(names)}).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=MEMBERS, orient="row")


def forget(warehouse: Warehouse) -> None:
    """Remove every cohort and batch: for a home that is made anew for another hospital."""
    with warehouse.transaction() as connection:
        for table in ("batch_members", "patient_batches", "cohorts"):
            connection.execute(sa.text(f"DELETE FROM workflow_metadata.{table}"))  # noqa: S608
