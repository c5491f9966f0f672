"""The bytes behind a document's address: a file of a store, a line of an NDJSON file, or a note in the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from clinical_assets.documents.index.fhir_entries import INLINE, bytes_inside
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, UnreadableError
from clinical_assets.documents.readers.sniffing import parse_declared, settle, sniff
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.lake_io_manager import rows_of_subjects

LAKE = "lake:"
_SNIFFED_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """What a document is, from its bytes."""

    sha256: str
    size_bytes: int
    content_type: str


@dataclass(frozen=True)
class Bodies:
    """Gives the bytes of documents by their addresses.

    Attributes:
        stores: where files lie.
        lake: where notes lie.
        limits: a larger document is hashed piece by piece and never held.
    """

    stores: tuple[DocumentStore, ...]
    lake: Lake
    limits: Limits = DEFAULT_LIMITS

    def local(self, uri: str) -> Path | None:
        """The local file that is the document, if one is."""
        if uri.startswith((INLINE, LAKE)):
            return None
        found = ((store, path) for store in self.stores if (path := store.path_of(uri)) is not None)
        return next((store.local(path) for store, path in found), None)

    def whole(self, uri: str, size_bytes: int) -> bytes:
        """The document's bytes.

        Raises:
            OSError, UnreadableError: they cannot be read, or are more than the limit.
        """
        if size_bytes > self.limits.max_bytes:
            raise OSError("larger than the limit")
        return b"".join(self._pieces(uri))

    def identity(self, uri: str, declared_type: str | None) -> Identity:
        """Hash, size and content type of a document.

        Raises:
            OSError, UnreadableError: its bytes cannot be read.
        """
        digest, size = hashlib.sha256(), 0
        kept = bytearray()
        for piece in self._pieces(uri):
            digest.update(piece)
            size += len(piece)
            # As `extraction.extract` does it, so that both find the same type: the head of what is too large.
            if size <= self.limits.max_bytes:
                kept += piece
            else:
                del kept[_SNIFFED_HEAD:]
        head = bytes(kept)
        content_type = settle(sniff(head), parse_declared(declared_type).content_type, head)
        return Identity(digest.hexdigest(), size, content_type.value)

    def _pieces(self, uri: str) -> Iterable[bytes]:
        if not uri.startswith(INLINE):
            store, path = self._find(uri)
            return store.pieces(path)
        place, _, lies = uri.removeprefix(INLINE).rpartition("#")
        offset, length = map(int, lies.split(","))
        store, path = self._find(place)
        return [bytes_inside(b"".join(store.pieces(path, offset, length)), self.limits)]

    def _find(self, uri: str) -> tuple[DocumentStore, str]:
        for store in self.stores:
            path = store.path_of(uri)
            if path is not None:
                return store, path
        raise OSError("no store of this site")

    def notes(self, documents: pl.DataFrame) -> Mapping[str, bytes]:
        """Bytes by address of the notes among some documents, one pass over each table.

        Args:
            documents: `uri` and `patient_id`.
        """
        notes = documents.filter(pl.col("uri").str.starts_with(LAKE)).with_columns(
            pl.col("uri").str.strip_prefix(LAKE).str.split_exact("#", 1).struct.rename_fields(["table", "note"])
            .alias("place")
        ).unnest("place")  # fmt: skip
        found: dict[str, bytes] = {}
        for (table,), own in notes.partition_by("table", as_dict=True).items():
            rows = rows_of_subjects(self.lake, str(table), own["patient_id"])
            wanted = rows.filter(pl.col("note_id").is_in(own["note"].implode())).select("note_id", "text").collect()
            found |= {f"{LAKE}{table}#{note}": text.encode() for note, text in wanted.iter_rows()}
        return found


def identity_of(data: bytes, declared_type: str | None) -> Identity:
    """Hash, size and content type of bytes at hand."""
    content_type = settle(sniff(data), parse_declared(declared_type).content_type, data)
    return Identity(hashlib.sha256(data).hexdigest(), len(data), content_type.value)


__all__ = ["LAKE", "Bodies", "Identity", "UnreadableError", "identity_of"]
