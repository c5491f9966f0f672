"""The bytes behind a document's address: a file of a store, a line of an NDJSON file, or a note in the lake.

A FHIR file that refers to others is its resource with those in it (see `fhir_files`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from clinical_assets.documents.index.entries import LAKE
from clinical_assets.documents.index.fhir_entries import INLINE, bytes_inside
from clinical_assets.documents.index.fhir_files import COMPLETED, Completed, completed, version_with
from clinical_assets.documents.index.folders import Folders
from clinical_assets.documents.index.packed import Unpacked, is_packed
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, UnreadableError
from clinical_assets.documents.readers.sniffing import ContentType, parse_declared, settle, sniff
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.lake_io_manager import rows_of_subjects

_SNIFFED_HEAD = 64 * 1024
_PATIENTS_AT_ONCE = 100
"""Whose notes are in memory together."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a document is, from its bytes.

    Attributes:
        sha256: of its bytes, hexadecimal.
        size_bytes: their size.
        content_type: what they are.
        uri: their address, where it is another than that asked for.
        version: of all they are made of, with another address.
    """

    sha256: str
    size_bytes: int
    content_type: str
    uri: str | None = None
    version: str | None = None


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
    _unpacked: Unpacked = field(default_factory=Unpacked, repr=False, compare=False)
    _folders: dict[str, Folders] = field(default_factory=dict, repr=False, compare=False)

    def local(self, uri: str) -> Path | None:
        """The local file that is the document, if one is."""
        if uri.startswith((INLINE, LAKE)):
            return None
        found = ((store, path) for store in self.stores if (path := store.path_of(uri)) is not None)
        return next((store.local(path) for store, path in found), None)

    def whole(self, uri: str, size_bytes: int, sha256: str | None = None) -> bytes:
        """The document's bytes.

        Args:
            uri: their address.
            size_bytes: their size as indexed.
            sha256: their hash as indexed; of a remote store they may be at hand since then.

        Raises:
            OSError, UnreadableError: they cannot be read, or are more than the limit.
        """
        if size_bytes > self.limits.max_bytes:
            raise OSError("larger than the limit")
        store, _ = self._find(_holder(uri))
        kept = store.recall(sha256) if sha256 else None
        return b"".join(self._pieces(uri)) if kept is None else kept

    def identity(self, uri: str, declared_type: str | None, *, completing: bool = False) -> Identity:
        """Hash, size and content type of a document.

        Args:
            uri: its address.
            declared_type: a hint.
            completing: whether a FHIR file is to be read with what it refers to.

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
        if completing and content_type is ContentType.FHIR_JSON and size <= self.limits.max_bytes:
            store, path = self._find(uri)
            found = self._completed(store, path, head)
            if found is not None:
                version = version_with(self._folders_of(store).version(path) or "", found.looked)
                sha256 = hashlib.sha256(found.data).hexdigest()
                return Identity(sha256, found.size, content_type.value, f"{INLINE}{uri}{COMPLETED}", version)
        if size <= self.limits.max_bytes:
            self._find(_holder(uri))[0].keep(digest.hexdigest(), head)
        return Identity(digest.hexdigest(), size, content_type.value)

    def _pieces(self, uri: str) -> Iterable[bytes]:
        if not uri.startswith(INLINE):
            store, path = self._find(uri)
            return store.pieces(path)
        store, path = self._find(_holder(uri))
        lies = uri.rpartition("#")[2]
        if not lies:
            data = b"".join(store.pieces(path))
            found = self._completed(store, path, data)
            return [data if found is None else found.data]
        offset, length, *attachment = map(int, lies.split(","))
        if is_packed(path):
            line = self._unpacked.passage(store, path, offset, length)
        else:
            line = b"".join(store.pieces(path, offset, length))
        return [bytes_inside(line, self.limits, *attachment)]

    def _completed(self, store: DocumentStore, path: str, data: bytes) -> Completed | None:
        find = self._folders_of(store).version
        return completed(data, path, find, lambda place: b"".join(store.pieces(place)), store.path_of, self.limits)

    def _folders_of(self, store: DocumentStore) -> Folders:
        return self._folders.setdefault(store.root, Folders(store))

    def _find(self, uri: str) -> tuple[DocumentStore, str]:
        for store in self.stores:
            path = store.path_of(uri)
            if path is not None:
                return store, path
        raise OSError("no store of this site")

    def s3_last_modified(self, versions: Mapping[str, str | None]) -> dict[str, str]:
        """When S3 stored the objects that documents are, or are in, in ISO 8601 by the documents' addresses.

        Args:
            versions: those wanted, by address; of an object that has another by now, nothing is said.

        Raises:
            OSError: a store cannot be looked at.
        """
        places = {uri: self._find(_holder(uri)) for uri in versions}
        remote = {uri: (self._folders_of(store), path) for uri, (store, path) in places.items() if store.is_remote}
        for folders in {id(folders): folders for folders, _ in remote.values()}.values():
            folders.look(path for its, path in remote.values() if its is folders)
        found = {uri: folders.find(path) for uri, (folders, path) in remote.items()}
        return {
            uri: each.s3_last_modified
            for uri, each in found.items()
            if each and each.s3_last_modified and each.version == versions[uri]
        }

    def notes(self, documents: pl.DataFrame) -> Mapping[str, bytes]:
        """Bytes by address of the notes among some documents, one pass over each table.

        Args:
            documents: `uri` and `patient_id`.
        """
        return {
            uri: text.encode() for table, own in _by_table(documents).items() for uri, text in self._texts(table, own)
        }

    def note_identities(self, documents: pl.DataFrame) -> Iterator[tuple[str, str | None, Identity]]:
        """Address, declared type and identity of the notes among some documents; a few patients' in memory at once.

        Args:
            documents: `uri`, `patient_id` and `declared_type`.
        """
        for table, own in _by_table(documents).items():
            declared = dict(own.select("uri", "declared_type").iter_rows())
            patients = own["patient_id"].unique().sort()
            for first in range(0, patients.len(), _PATIENTS_AT_ONCE):
                some = own.filter(pl.col("patient_id").is_in(patients.slice(first, _PATIENTS_AT_ONCE).implode()))
                for uri, text in self._texts(table, some):
                    yield uri, declared[uri], identity_of(text.encode(), declared[uri])

    def _texts(self, table: str, notes: pl.DataFrame) -> Iterator[tuple[str, str]]:
        rows = rows_of_subjects(self.lake, table, notes["patient_id"])
        wanted = rows.filter(pl.col("note_id").is_in(notes["note"].implode())).select("note_id", "text").collect()
        return ((f"{LAKE}{table}#{note}", text) for note, text in wanted.iter_rows())


def _by_table(documents: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The notes among some documents by their table, each with its id in `note`."""
    place = pl.col("uri").str.strip_prefix(LAKE).str.split_exact("#", 1).struct.rename_fields(["table", "note"])
    notes = documents.filter(pl.col("uri").str.starts_with(LAKE)).with_columns(place.alias("place")).unnest("place")
    return {str(table): own for (table,), own in notes.partition_by("table", as_dict=True).items()}


def _holder(uri: str) -> str:
    """The address of the file a document is, or is in."""
    return uri.removeprefix(INLINE).rpartition("#")[0] if uri.startswith(INLINE) else uri


def identity_of(data: bytes, declared_type: str | None) -> Identity:
    """Hash, size and content type of bytes at hand."""
    content_type = settle(sniff(data), parse_declared(declared_type).content_type, data)
    return Identity(hashlib.sha256(data).hexdigest(), len(data), content_type.value)


__all__ = ["LAKE", "Bodies", "Identity", "UnreadableError", "identity_of"]
