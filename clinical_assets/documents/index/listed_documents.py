"""Whose documents the manifests list, and which files they name: recorded in the lake, so that they are parsed once.

Manifests are parsed by the run that indexes from them. What speaks of all of them afterwards (the index's checks, the
cutting of cohorts) takes this record as long as the manifests are those it was made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from resources.lake import VERSION, Lake

RECORD = "documents/listed"
"""Where the record is in the lake; no table of the graph, and rebuilt whenever it is not there."""
_FORMAT = "2"
_LINES = "lines_without_document"
SCHEMA = pl.Schema({"document_id": pl.String(), "patient_id": pl.String(), "names": pl.List(pl.String())})


@dataclass(frozen=True)
class Listed:
    """What the manifests list.

    Attributes:
        documents: `document_id`, `patient_id`, `names` as in `entries.ENTRIES`: they do not change with what is there.
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
    return Listed(entries.select(SCHEMA.names()), lines_without_document)


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
