"""The files of `documents/index` and `documents/text`: written batch by batch, left alone where nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from clinical_assets.documents.index import indexing
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.documents.text import extracting
from clinical_assets.documents.text.extracting import Batch, Extractor
from clinical_assets.tables import Table
from resources.lake import VERSION, Lake, StoredFile
from resources.warehouse import Warehouse

UNSETTLED = "unsettled"
"""Key in a text file's metadata: documents that failed for the circumstances, so that the batch is tried again."""


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


def write_index(
    batch: str,
    patients: Sequence[str],
    sources: DocumentSources,
    bodies: Bodies,
    warehouse: Warehouse,
    code_version: str,
) -> tuple[BatchFile, indexing.Indexed]:
    """Index a batch's patients and store the rows, in the order of `INDEX`; equal rows are not written again."""
    lake = sources.lake
    indexed = indexing.index(patients, sources, bodies, warehouse)
    rows = indexed.rows.sort(INDEX.sort_by, nulls_last=True, maintain_order=True)
    version = _digest(code_version, rows.write_csv())
    held = _held(lake, INDEX, batch, version)
    if held is not None:
        return BatchFile(batch, held, rows.height), indexed
    with lake.write(INDEX.path, INDEX.arrow_schema, [batch], _provenance(code_version, version)) as writer:
        writer.write(batch, rows.to_arrow())
    return BatchFile(batch, writer.stored[batch]), indexed


def write_text(batches: Iterable[str], extractor: Extractor, lake: Lake, code_version: str) -> Iterator[BatchFile]:
    """Store the text of each batch's indexed documents.

    A batch whose stored text was made from the same bytes by the same readers is left alone, unless a document of it
    failed for the circumstances.
    """
    same: list[BatchFile] = []

    def changed() -> Iterator[Batch]:
        for name in batches:
            index = lake.scan(INDEX.path, [name]).select(extracting.NEEDED).collect()
            batch = Batch.of(name, index, extractor.limits)
            held = _held(lake, TEXT, name, _digest(code_version, batch.version), settled=True)
            if held is None:
                yield batch
            else:
                same.append(BatchFile(name, held, batch.documents.height))

    for batch, pieces in extractor.run(changed()):
        provenance = _provenance(code_version, _digest(code_version, batch.version))
        provenance[UNSETTLED] = str(extractor.unsettled(batch))
        with lake.write(TEXT.path, TEXT.arrow_schema, [batch.name], provenance) as writer:
            for piece in pieces:
                writer.write(batch.name, piece.to_arrow())
        yield BatchFile(batch.name, writer.stored[batch.name])
    yield from same


def _digest(code_version: str, content: str) -> str:
    return hashlib.sha256(f"{code_version}|{content}".encode()).hexdigest()[:16]


def _provenance(code_version: str, version: str) -> dict[str, str]:
    return {"code_version": code_version, VERSION: version}


def _held(lake: Lake, table: Table, batch: str, version: str, *, settled: bool = False) -> StoredFile | None:
    """The batch's file, if it has this version and, where asked, nothing in it is worth another try."""
    footer = lake.stored(table.path, batch)
    known = (footer.metadata or {}) if footer else {}
    if known.get(VERSION.encode()) != version.encode() or (settled and known.get(UNSETTLED.encode()) != b"0"):
        return None
    return lake.held(table.path, batch)
