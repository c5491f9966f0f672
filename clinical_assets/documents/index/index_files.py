"""The files of `documents/index`: one per batch of patients, left alone where nothing changed.

A file's metadata says from what it was made: by that, and by the versions of the files its rows name, an unchanged
batch is known without making its rows again. What is remembered in the warehouse is looked at, too: another warehouse
is given its rows.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clinical_assets.documents.index import indexing
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import SEEN, DocumentSources
from clinical_assets.documents.readers import sniffing
from clinical_assets.documents.tables import INDEX, INDEXED
from clinical_assets.tables import Table
from resources.lake import VERSION, Lake, StoredFile
from resources.warehouse import Warehouse

BATCHES_AT_ONCE = 20
"""Batches whose documents are listed, read and remembered together."""
_MADE_FROM, _REMEMBERED, _SNIFFED_BY = "made_from", "remembered", "sniffed_by"
Members = tuple[str, Sequence[str]]
"""A batch and its patients."""


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A batch's file, and whether it was there already.

    Attributes:
        batch: its name.
        file: as stored.
        unchanged: documents of a file that was there already; 0 for a file just written.
    """

    batch: str
    file: StoredFile
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """How many documents a batch has, how many of them were read, and their bytes."""

    documents: int
    read: int = 0
    size_read: int = 0


def write_index(
    batch: str,
    patients: Sequence[str],
    sources: DocumentSources,
    bodies: Bodies,
    warehouse: Warehouse,
    code_version: str,
) -> tuple[BatchFile, Counted]:
    """Index one batch; see `write_indexes`."""
    return next(write_indexes([(batch, patients)], sources, bodies, warehouse, code_version))


def write_indexes(
    batches: Iterable[Members], sources: DocumentSources, bodies: Bodies, warehouse: Warehouse, code_version: str
) -> Iterator[tuple[BatchFile, Counted]]:
    """Index batches' patients and store the rows, in the order of `INDEX`; equal rows are not written again.

    Args:
        batches: each with its patients; in this order they come back, `BATCHES_AT_ONCE` worked on together.
        sources: where the documents are.
        bodies: gives their bytes.
        warehouse: remembers what was read.
        code_version: of the asset.
    """
    waiting = iter(batches)
    while some := list(itertools.islice(waiting, BATCHES_AT_ONCE)):
        yield from _write(some, sources, bodies, warehouse, code_version)


def _write(
    batches: Sequence[Members], sources: DocumentSources, bodies: Bodies, warehouse: Warehouse, code_version: str
) -> Iterator[tuple[BatchFile, Counted]]:
    lake = sources.lake
    everybody = sorted({patient for _, patients in batches for patient in patients})
    told = indexing.remembered(warehouse, everybody)
    unchanged = _as_they_would_be(batches, sources, {b: _made_from(code_version, sources, p, told) for b, p in batches})
    changed = sorted({patient for batch, patients in batches if batch not in unchanged for patient in patients})
    if changed:
        indexed = indexing.index(changed, sources, bodies, warehouse)
        told = indexing.remembered(warehouse, changed)
    for batch, patients in batches:
        if batch in unchanged:
            yield BatchFile(batch, unchanged[batch], unchanged[batch].rows), Counted(unchanged[batch].rows)
        else:
            made_from = _made_from(code_version, sources, patients, told)
            yield _stored(lake, batch, _of(indexed, patients), code_version, made_from)


def _made_from(
    code_version: str, sources: DocumentSources, patients: Sequence[str], told: Mapping[str, str]
) -> dict[str, str]:
    return {
        "code_version": code_version,
        _MADE_FROM: sources.state(patients),
        _REMEMBERED: indexing.remembered_of(told, patients),
        _SNIFFED_BY: sniffing.SNIFFING_VERSION,
    }


def _as_they_would_be(
    batches: Sequence[Members], sources: DocumentSources, made_from: Mapping[str, Mapping[str, str]]
) -> dict[str, StoredFile]:
    """The files of those batches of which making them again would give the same."""
    lake = sources.lake
    alike = {
        batch: (patients, lake.scan(INDEX.path, [batch]).select(SEEN).collect().rows())
        for batch, patients in batches
        if held(lake, INDEX, batch, made_from[batch])
    }
    everything = [each for _, seen in alike.values() for each in seen]
    sources.expect(sorted({patient for patients, _ in alike.values() for patient in patients}), everything)
    same = [batch for batch, (patients, seen) in alike.items() if sources.as_seen(patients, seen)]
    return {batch: stored for batch in same if (stored := lake.held(INDEX.path, batch))}


def _of(indexed: indexing.Indexed, patients: Sequence[str]) -> indexing.Indexed:
    own = indexed.rows["patient_id"].is_in(list(patients))
    return indexing.Indexed(indexed.rows.filter(own), indexed.new.filter(own))


def _stored(
    lake: Lake, batch: str, indexed: indexing.Indexed, code_version: str, made_from: Mapping[str, str]
) -> tuple[BatchFile, Counted]:
    read = indexed.rows.filter(indexed.new & (indexed.rows["status"] == INDEXED))
    counted = Counted(indexed.rows.height, int(indexed.new.sum()), int(read["size_bytes"].sum()))
    rows = indexed.rows.sort(INDEX.sort_by, nulls_last=True, maintain_order=True)
    version = digest(code_version, rows.write_csv())
    stored = held(lake, INDEX, batch, {VERSION: version})
    # The same rows made from something else (a manifest that got other patients' documents): written again where that
    # costs less than looking at the rows each time, which in S3 it does not.
    if stored is not None and lake.root.startswith("s3://"):
        return BatchFile(batch, stored, counted.documents), counted
    with lake.write(INDEX.path, INDEX.arrow_schema, [batch], {**made_from, VERSION: version}) as writer:
        writer.write(batch, rows.to_arrow())
    unchanged = counted.documents if stored is not None else 0
    return BatchFile(batch, writer.stored[batch], unchanged), counted


def digest(code_version: str, content: str) -> str:
    """A version: of code and content."""
    return hashlib.sha256(f"{code_version}|{content}".encode()).hexdigest()[:16]


def held(lake: Lake, table: Table, batch: str, metadata: Mapping[str, str]) -> StoredFile | None:
    """The batch's file of a table, if its metadata says this."""
    footer = lake.stored(table.path, batch)
    known = (footer.metadata or {}) if footer else {}
    if any(known.get(name.encode()) != value.encode() for name, value in metadata.items()):
        return None
    return lake.held(table.path, batch)
