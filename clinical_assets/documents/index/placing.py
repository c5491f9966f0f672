"""Entries with full addresses for paths, and with each file's version, size and time, from a store's listing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from clinical_assets.documents.index.entries import ENTRIES
from clinical_assets.documents.index.fhir_entries import INLINE
from clinical_assets.documents.index.folders import Folders
from clinical_assets.documents.index.other_formats import Format, as_read, as_written
from resources.document_store import DocumentStore

# Paths that stand in an address as they are: quoting thousands of them one by one takes longer than listing them.
AS_WRITTEN = re.compile(r"[A-Za-z0-9_.~/-]*")
ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
"""How an address of something that is no file of the store begins."""
PLACED = pl.Schema(
    {name: kind for name, kind in ENTRIES.items() if name != "names"}
    | {"version": pl.String(), "size_bytes": pl.Int64(), "s3_last_modified": pl.String()}
)
"""Entries with full addresses; version and size are null where there is no such file."""


def placed(found: pl.DataFrame, folders: Folders) -> pl.LazyFrame:
    """Entries with addresses for paths, and each file's version and size."""
    store, base = folders.store, folders.store.uri("")
    paths = found["uri"].to_list()
    # A file may be called like an address: only what `fhir_entries` made is one.
    inline = [s == "fhir" and path.startswith(INLINE) for s, path in found.select("source", "uri").iter_rows()]
    refused = found["refused"].is_not_null().to_list()
    held = [
        store.path_of(file_of(p)) if i else None if r else p for p, i, r in zip(paths, inline, refused, strict=True)
    ]
    formats = [as_read(written) for written in found["other_formats"]]
    behind = {_path_in(store, each) for several in formats for each in several}
    folders.look({path for path in (*held, *behind) if path})
    objects = [folders.find(path) if path else None for path in held]
    uris = [
        p if i or r else base + p if AS_WRITTEN.fullmatch(p) else store.uri(p)
        for p, i, r in zip(paths, inline, refused, strict=True)
    ]
    sizes = [each.size if each and not i else None for each, i in zip(objects, inline, strict=True)]
    return (
        found.lazy()
        .with_columns(
            pl.Series("uri", uris, pl.String),
            pl.Series("version", [each.version if each else None for each in objects], pl.String),
            pl.Series("size_bytes", sizes, pl.Int64),
            pl.Series("s3_last_modified", [each.s3_last_modified if each else None for each in objects], pl.String),
            pl.Series("other_formats", [_formats_placed(several, folders) for several in formats], pl.String),
        )
        .select(pl.col(name).cast(kind) for name, kind in PLACED.items())
    )


def _path_in(store: DocumentStore, named: Format) -> str | None:
    """The path of the file that a format lies in, named by it or by an address of a line in it; None where refused."""
    if named.refused:
        return None
    return store.path_of(file_of(named.uri)) if named.uri.startswith(INLINE) else named.uri


def _formats_placed(formats: Sequence[Format], folders: Folders) -> str | None:
    """Other formats with full addresses, and the versions of those that are there."""
    placed = []
    for each in formats:
        path = _path_in(folders.store, each)
        there = folders.find(path) if path else None
        uri = folders.store.uri(each.uri) if there and path == each.uri else each.uri
        placed.append(replace(each, uri=uri, version=there.version if there else None))
    return as_written(placed)


def file_of(uri: str) -> str:
    """The address of the file that a document is, or is in."""
    return uri.removeprefix(INLINE).rpartition("#")[0] if uri.startswith(INLINE) else uri
