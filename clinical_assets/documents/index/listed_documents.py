"""Whose documents the manifests list, and which files they name: recorded in the lake, so that they are parsed once.

Manifests are parsed by the run that indexes from them. What speaks of all of them afterwards (the index's checks, the
cutting of cohorts) takes this record as long as the manifests are those it was made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.index.fhir_entries import INLINE, file_named
from clinical_assets.documents.index.fhir_files import BINARIES
from clinical_assets.documents.index.other_formats import as_read
from resources.lake import VERSION, Lake

RECORD = "documents/listed"
"""Where the record is in the lake; no table of the graph, and rebuilt whenever it is not there."""
_FORMAT = "1"
_LINES = "lines_without_document"
SCHEMA = pl.Schema({"document_id": pl.String(), "patient_id": pl.String(), "names": pl.List(pl.String())})


@dataclass(frozen=True)
class Listed:
    """What the manifests list.

    Attributes:
        documents: `document_id`, `patient_id`, and in `names` the paths of files that the entry names, or would.
        lines_without_document: lines of NDJSON manifests that hold none.
    """

    documents: pl.DataFrame
    lines_without_document: int = 0


def listed_documents(entries: pl.DataFrame, lines_without_document: int) -> Listed:
    """What entries say that is worth keeping.

    Args:
        entries: see `entries.ENTRIES`, with paths for addresses.
        lines_without_document: of the manifests they are of.
    """
    columns = entries.select("uri", "binary_id", "other_formats").iter_rows()
    names = [sorted(set(_named(uri, binary, written))) for uri, binary, written in columns]
    ids = entries.select("document_id", "patient_id")
    return Listed(ids.with_columns(pl.Series("names", names, pl.List(pl.String()))), lines_without_document)


def _named(uri: str, binary: str | None, written: str | None) -> Iterator[str]:
    """Paths of the files an entry names, wherever of them it may lie."""
    for address, held in ((uri, binary), *((each.uri, each.binary_id) for each in as_read(written))):
        if not address.startswith(INLINE):
            yield file_named(address)
        if held:
            yield from (f"{BINARIES}/{held}", f"{BINARIES}/{held}.json")


def state_of(root: str, manifests: Sequence[tuple[str, str]]) -> str:
    """The same as long as a store's manifests, given with their versions, are the same."""
    return hashlib.sha256(repr([_FORMAT, root, manifests]).encode()).hexdigest()


def recorded(lake: Lake, state: str) -> Listed | None:
    """The record of manifests in this state, if there is one."""
    if recorded_state(lake) != state:
        return None
    lines = _metadata(lake)[_LINES.encode()]
    return Listed(lake.scan(RECORD).collect(), int(lines))


def recorded_state(lake: Lake) -> str | None:
    """The state of the manifests that were recorded last."""
    said = _metadata(lake).get(VERSION.encode())
    return said.decode() if said else None


def _metadata(lake: Lake) -> dict[bytes, bytes]:
    footer = lake.stored(RECORD)
    return dict(footer.metadata or {}) if footer else {}


def record(lake: Lake, state: str, listed: Listed) -> None:
    """Write the record of manifests in this state in place of the one before."""
    rows = listed.documents.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()).to_arrow()
    provenance = {VERSION: state, _LINES: str(listed.lines_without_document)}
    with lake.write(RECORD, rows.schema, None, provenance) as writer:
        writer.write(None, rows)
