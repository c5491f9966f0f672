"""Every source of documents at a site, asked for some patients: what documents they have, where, in which version.

The store's manifests are read once per run, folders are listed once; nothing of a document's own bytes is read here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from clinical_assets.documents.index import entries, fhir_entries
from clinical_assets.documents.index.entries import ENTRIES, ManifestError
from clinical_assets.imaging.studies import image_file
from resources.document_store import DocumentStore, StoredObject, inside
from resources.lake import Lake
from resources.lake_io_manager import rows_of_subjects

NOTES = ("mimic/note/discharge", "mimic/note/radiology")
HEADERS = "imaging/dicom_headers"
_CXR = "mimic-cxr"
_REQUESTS_AT_ONCE = 8
# Paths that stand in an address as they are: quoting thousands of them one by one takes longer than listing them.
_AS_WRITTEN = re.compile(r"[A-Za-z0-9_.~/-]*")
PLACED = pl.Schema({**ENTRIES, "version": pl.String(), "size_bytes": pl.Int64()})
"""Entries with full addresses; version and size are null where there is no such file."""


@dataclass
class Folders:
    """The files of a store, listed folder by folder as they are asked for."""

    store: DocumentStore
    listed: dict[str, dict[str, StoredObject]] = field(default_factory=dict)

    def look(self, paths: Sequence[str]) -> None:
        """List the folders of some files, several at once."""
        folders = {path.rpartition("/")[0] for path in paths} - set(self.listed)
        wanted = sorted(folder for folder in folders if inside(f"{folder}/x" if folder else "x"))
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            look = pool.map if self.store.is_remote else map
            self.listed.update(zip(wanted, look(self.store.listing, wanted), strict=True))

    def find(self, path: str) -> StoredObject | None:
        """The file at a path, if it is there."""
        folder = path.rpartition("/")[0]
        there = self.listed.get(folder, {}).get(path)
        if there is not None or not inside(path):
            return there
        if folder not in self.listed:
            self.listed[folder] = self.store.listing(folder)
        return self.listed[folder].get(path)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.find(path) is not None


@dataclass
class DocumentSources:
    """The document store, the releases' files, and the tables of the lake that are or name documents."""

    store: DocumentStore
    sources: DocumentStore
    lake: Lake
    lines_without_document: int = 0

    @cached_property
    def _folders(self) -> Folders:
        return Folders(self.store)

    @cached_property
    def _binaries(self) -> dict[str, str]:
        """Address by id of the Binary resources that lie in NDJSON files."""
        found = {}
        for path in self._top("Binary", ".ndjson"):
            for offset, length, line in fhir_entries.lines(self.store.pieces(path)):
                binary = fhir_entries.resource_of(line, "Binary")
                if binary is not None:
                    found[str(binary.get("id"))] = f"{fhir_entries.INLINE}{self.store.uri(path)}#{offset},{length}"
        return found

    def _top(self, beginning: str, ending: str) -> list[str]:
        return sorted(p for p in self.store.listing() if p.startswith(beginning) and p.endswith(ending))

    @cached_property
    def manifests(self) -> list[str]:
        """Paths of the store's manifests."""
        top = self.store.listing()
        return [*(name for name in entries.MANIFESTS if name in top), *self._top("DocumentReference", ".ndjson")]

    @cached_property
    def listed(self) -> pl.DataFrame:
        """Every entry of the manifests, whoever's."""
        return entries.merged([self._manifest(path) for path in self.manifests])

    def _manifest(self, path: str) -> pl.DataFrame:
        if path.endswith(".ndjson"):
            found, without = fhir_entries.fhir_entries(
                fhir_entries.lines(self.store.pieces(path)), path, self.store.uri(path), self._folders, self._binaries
            )
            self.lines_without_document += without
            return found
        try:
            with self.store.open(path) as file:
                csv = path.endswith(".csv")
                frame = pl.read_csv(file.read(), infer_schema=False) if csv else pl.read_parquet(file.read())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ManifestError(
                f"{self.store.uri(path)}: expected a table; found one that cannot be read ({type(error).__name__}); "
                "write it anew"
            ) from None
        return entries.manifest_entries(frame, self.store.uri(path))

    def patients(self) -> set[str]:
        """Everybody who has a document in any source."""
        found = set(self.listed["patient_id"].drop_nulls()) if self.manifests else set(self._patient_folders())
        for table in NOTES:
            shards = self.lake.partitions(table)
            if shards:
                rows = self.lake.scan(table, shards).select(pl.col("subject_id").unique().cast(pl.String))
                found |= set(rows.collect()["subject_id"])
        return found

    @cached_property
    def _base(self) -> str:
        return entries.FOLDER if entries.FOLDER in self.store.folders() else ""

    def _patient_folders(self) -> list[str]:
        return [name for name in self.store.folders(self._base) if name not in entries.IGNORED_FOLDERS]

    def signature(self) -> str:
        """Changes whenever the store's documents may have: of the manifests' versions, else of every file's."""
        objects = self.store.listing(recursive=not self.manifests)
        versions = sorted(
            (p, o.version)
            for p, o in objects.items()
            if (p in self.manifests if self.manifests else p.split("/")[0] not in entries.IGNORED_FOLDERS)
        )
        notes = sorted((table, self.lake.version(table)) for table in NOTES if self.lake.partitions(table))
        return hashlib.sha256(repr([versions, notes]).encode()).hexdigest()[:16]

    def of(self, patients: Sequence[str]) -> pl.DataFrame:
        """The documents of some patients; see `PLACED`."""
        parts = [self._in_store(patients), *self._notes(patients), *self._reports(patients)]
        found = pl.concat([pl.LazyFrame(schema=PLACED), *parts]).sort("patient_id", "document_id").collect()
        if found["document_id"].n_unique() == found.height:
            return found
        nth = pl.col("document_id").cum_count().over("document_id")
        # Two sources may use the same id; within the manifests they were told apart already.
        told_apart = pl.when(nth > 1).then(pl.format("{}~{}", "document_id", "source")).otherwise("document_id")
        return found.with_columns(document_id=told_apart)

    def _in_store(self, patients: Sequence[str]) -> pl.LazyFrame:
        if self.manifests:
            own = self.listed.filter(pl.col("patient_id").is_in(patients))
        else:
            own = entries.tree_entries(self._tree(patients), self._base)
        return _placed(own, self.store, self._folders)

    def _tree(self, patients: Sequence[str]) -> Iterator[str]:
        there = set(self._patient_folders())
        folders = [f"{self._base}/{p}".strip("/") for p in patients if p in there]
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            for found in pool.map(lambda folder: self.store.listing(folder, recursive=True), folders):
                for path, each in found.items():
                    self._folders.listed.setdefault(path.rpartition("/")[0], {})[path] = each
                yield from found

    def _notes(self, patients: Sequence[str]) -> Iterator[pl.LazyFrame]:
        ids = pl.Series("patient_id", patients, pl.String)
        for table in NOTES:
            if self.lake.partitions(table):
                found = entries.note_entries(rows_of_subjects(self.lake, table, ids), table)
                version = pl.lit(self.lake.version(table))
                yield found.lazy().with_columns(version=version, size_bytes=pl.lit(None, pl.Int64))

    def _reports(self, patients: Sequence[str]) -> Iterator[pl.LazyFrame]:
        releases = self.sources.folders(_CXR) if self.lake.partitions(HEADERS) else []
        if releases:
            rows = rows_of_subjects(self.lake, HEADERS, pl.Series("patient_id", patients, pl.String))
            file = pl.format(f"{_CXR}/{releases[-1]}/{{}}", image_file("dcm"))
            yield _placed(entries.report_entries(rows, file), self.sources, Folders(self.sources))

    def unlisted(self) -> list[str]:
        """Paths of files no manifest names, where there is one; they are nobody's and are not indexed."""
        if not self.manifests:
            return []
        named = {*self.listed["uri"], *self.manifests, *self._top("Binary", ".ndjson")}
        paths = self.store.listing(recursive=True)
        return sorted(p for p in paths if p not in named and p.split("/")[0] not in entries.IGNORED_FOLDERS)


def _placed(found: pl.DataFrame, store: DocumentStore, folders: Folders) -> pl.LazyFrame:
    """Entries with addresses for paths, and each file's version and size."""
    base = store.uri("")
    paths = found["uri"].to_list()
    inline = [path.startswith(fhir_entries.INLINE) for path in paths]
    refused = found["refused"].is_not_null().to_list()
    held = [
        store.path_of(p.removeprefix(fhir_entries.INLINE).rpartition("#")[0]) if i else None if r else p
        for p, i, r in zip(paths, inline, refused, strict=True)
    ]
    folders.look([path for path in held if path])
    objects = [folders.find(path) if path else None for path in held]
    return (
        found.lazy()
        .with_columns(
            pl.Series(
                "uri",
                [
                    p if i or r else base + p if _AS_WRITTEN.fullmatch(p) else store.uri(p)
                    for p, i, r in zip(paths, inline, refused, strict=True)
                ],
            ),
            pl.Series("version", [each.version if each else None for each in objects], pl.String),
            pl.Series(
                "size_bytes",
                [each.size if each and not i else None for each, i in zip(objects, inline, strict=True)],
                pl.Int64,
            ),
        )
        .select(pl.col(name).cast(kind) for name, kind in PLACED.items())
    )
