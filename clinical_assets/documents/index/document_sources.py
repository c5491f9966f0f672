"""Every source of documents at a site, asked for some patients: what documents they have, where, in which version.

The store's manifests are read once per run, folders are listed once; nothing of a document's own bytes is read here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl

from clinical_assets.documents.index import entries, fhir_entries, listed_documents
from clinical_assets.documents.index.bodies import LAKE, Bodies
from clinical_assets.documents.index.entries import ManifestError
from clinical_assets.documents.index.fhir_entries import INLINE, OTHER_FORMAT, Surroundings
from clinical_assets.documents.index.fhir_files import BINARIES, COMPLETED, version_again
from clinical_assets.documents.index.folders import Folders
from clinical_assets.documents.index.listed_documents import Listed
from clinical_assets.documents.index.other_formats import as_read
from clinical_assets.documents.index.packed import ENDING, PackedError, is_packed, unpacked_pieces
from clinical_assets.documents.index.placing import AS_WRITTEN, ELSEWHERE, PLACED, file_of, placed
from clinical_assets.documents.readers.reading import Reason, UnreadableError
from clinical_assets.documents.tables import INDEXED, MISSING
from clinical_assets.imaging.studies import image_file
from resources.document_store import DocumentStore, StoredObject
from resources.lake import Lake
from resources.lake_io_manager import rows_of_subjects

NOTES = ("mimic/note/discharge", "mimic/note/radiology")
HEADERS = "imaging/dicom_headers"
_CXR = "mimic-cxr"
# Nothing more can be said of these until their entries or files change.
_NOWHERE = Reason.UNRESOLVED_REFERENCE.value
_OF_NO_STORE = pl.col("source").is_in(("note", "dicom_sr"))
_SETTLED = frozenset({INDEXED, MISSING, Reason.ENTERED_IN_ERROR.value, _NOWHERE})

Seen = tuple[str, str, str | None, str, str | None, str | None, str | None]
"""Of an indexed document: source, address, version, status, fault, id of its Binary, and its other formats."""
SEEN = ("source", "uri", "version", "status", "fault", "binary_id", "other_formats")


@dataclass
class DocumentSources:
    """The document store, the releases' files, and the tables of the lake that are or name documents.

    Attributes:
        store: the document store.
        sources: the releases' files.
        lake: where notes and images' headers are.
        zone: name of the hospital's time zone, see `moments.parse`.
        lines_without_document: lines of NDJSON manifests read so far that hold none.
    """

    store: DocumentStore
    sources: DocumentStore
    lake: Lake
    zone: str | None = None
    lines_without_document: int = 0

    @cached_property
    def _folders(self) -> Folders:
        return Folders(self.store)

    @cached_property
    def _released(self) -> Folders:
        return Folders(self.sources)

    # -- the store's manifests ---------------------------------------------------------------------------------------

    @cached_property
    def _at_the_top(self) -> dict[str, StoredObject]:
        return self._folders.directly("")

    def see_all(self) -> None:
        """List the whole store at once, for who asks about all of it: nothing is listed again after that."""
        self._folders.all()

    def _top(self, beginning: str) -> list[str]:
        """The store's files of resources of one kind, as bulk exports name them."""
        return self._once(
            sorted(p for p in self._at_the_top if p.startswith(beginning) and p.endswith(fhir_entries.ENDINGS))
        )

    def _once(self, paths: Iterable[str]) -> list[str]:
        """Without those that are others packed: somebody unpacked them and left them there."""
        return [path for path in paths if not (is_packed(path) and path.removesuffix(ENDING) in self._at_the_top)]

    @cached_property
    def manifests(self) -> list[str]:
        """Paths of the store's manifests."""
        named = self._once(name for name in entries.MANIFESTS if name in self._at_the_top)
        return [*named, *self._top("DocumentReference")]

    @cached_property
    def listed(self) -> pl.DataFrame:
        """Every entry of the manifests, whoever's.

        Raises:
            ManifestError: one of them cannot be read.
        """
        return entries.merged([self._manifest(path) for path in self.manifests])

    @cached_property
    def all_listed(self) -> Listed:
        """What the manifests list: as recorded in the lake, else as they are read now.

        Raises:
            ManifestError: one of them cannot be read.
        """
        known = None if self.was_read else listed_documents.recorded(self.lake, self._state_listed)
        return known or listed_documents.listed_documents(self.listed, self.lines_without_document)

    @cached_property
    def _state_listed(self) -> str:
        naming = [(path, self._at_the_top[path].version) for path in self.manifests]
        return listed_documents.state_of(self.store.root, naming)

    def record(self) -> None:
        """Record what the manifests list, where they had to be read."""
        if self.was_read and listed_documents.recorded_state(self.lake) != self._state_listed:
            listed_documents.record(self.lake, self._state_listed, self.all_listed)

    @property
    def was_read(self) -> bool:
        """Whether the manifests had to be read."""
        return "listed" in vars(self)

    def _manifest(self, path: str) -> pl.DataFrame:
        uri = self.store.uri(path)
        if path.endswith(fhir_entries.ENDINGS):
            zone = ZoneInfo(self.zone) if self.zone else None
            around = Surroundings(self._folders, self._binaries, self._readable, zone)
            found, without = fhir_entries.fhir_entries(self._lines(path), path, uri, around)
            self.lines_without_document += without
            return found
        try:
            content = b"".join(unpacked_pieces(self.store, path))
            frame = pl.read_parquet(content) if path.endswith(".parquet") else pl.read_csv(content, infer_schema=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(uri, error) from None
        return entries.manifest_entries(frame, uri, self.zone)

    def _lines(self, path: str) -> Iterator[fhir_entries.Line]:
        try:
            yield from fhir_entries.lines_of(self.store, path)
        except OSError as error:
            raise _unreadable(self.store.uri(path), error, "a resource a line") from None

    @cached_property
    def _binaries(self) -> dict[str, str]:
        """Address by id of the Binary resources that lie in NDJSON files."""
        found = {}
        for path in self._top(BINARIES):
            for offset, length, line in self._lines(path):
                binary = fhir_entries.resource_of(line, "Binary")
                if binary is not None:
                    found[str(binary.get("id"))] = f"{INLINE}{self.store.uri(path)}#{offset},{length}"
        return found

    def _readable(self, uri: str) -> bool:
        try:
            return bool(self._bodies.whole(uri, 0))
        except (OSError, UnreadableError):
            return False

    @cached_property
    def _bodies(self) -> Bodies:
        return Bodies((self.store,), self.lake)

    def unlisted(self) -> list[str]:
        """Paths of files no manifest names, where there is one; they are nobody's and are not indexed."""
        if not self.manifests:
            return []
        paths = self._folders.all()
        named = {*self.all_listed.documents["names"].explode().drop_nulls(), *self.manifests, *self._top(BINARIES)}
        named |= {path + ENDING for path in named if path in self._at_the_top}  # left beside what it was unpacked to
        return sorted(p for p in paths if p not in named and p.split("/")[0] not in entries.IGNORED_FOLDERS)

    # -- who, and whether anything is new ----------------------------------------------------------------------------

    def patients(self) -> set[str]:
        """Everybody who has a document in any source."""
        named = self.all_listed.documents["patient_id"].drop_nulls() if self.manifests else self._patient_folders
        found = set(named)
        for table in self._notes_there:
            rows = self.lake.scan(table, self.lake.partitions(table)).select(pl.col("subject_id").unique())
            found |= set(rows.cast(pl.String).collect()["subject_id"])
        return found

    @cached_property
    def _base(self) -> str:
        return entries.FOLDER if entries.FOLDER in self.store.folders() else ""

    @cached_property
    def _patient_folders(self) -> frozenset[str]:
        return frozenset(self.store.folders(self._base)) - {*entries.IGNORED_FOLDERS, BINARIES}

    @cached_property
    def _notes_there(self) -> dict[str, str]:
        """Version by table of the lake's tables of notes."""
        return {table: self.lake.version(table) for table in NOTES if self.lake.partitions(table)}

    @cached_property
    def _release(self) -> str | None:
        """The release of images whose headers are in the lake."""
        releases = self.sources.folders(_CXR) if self.lake.partitions(HEADERS) else []
        return releases[-1] if releases else None

    def signature(self) -> str:
        """Changes whenever the store's documents may have: of the manifests' versions, else of every file's."""
        objects = self._at_the_top if self.manifests else self.store.listing(recursive=True)
        versions = sorted(
            (p, o.version)
            for p, o in objects.items()
            if (p in self.manifests if self.manifests else p.split("/")[0] not in entries.IGNORED_FOLDERS)
        )
        return hashlib.sha256(repr([versions, sorted(self._notes_there.items())]).encode()).hexdigest()[:16]

    @cached_property
    def _common_state(self) -> str:
        tables = sorted(self._notes_there.items())
        headers = self._release and (self._release, self.lake.version(HEADERS))
        naming = [(path, self._at_the_top[path].version) for path in (*self.manifests, *self._top(BINARIES))]
        base = None if self.manifests else self._base
        return repr([self.store.root, self.sources.root, self.zone, naming, base, tables, headers])

    def state(self, patients: Sequence[str]) -> str:
        """A hash of all that decides some patients' entries, but for the files themselves; see `as_seen`."""
        return hashlib.sha256(f"{self._common_state}{sorted(patients)}".encode()).hexdigest()

    def as_seen(self, patients: Sequence[str], seen: Sequence[Seen]) -> bool:
        """Whether, in an equal `state`, these are still the patients' documents in the same versions.

        False where that is not known without a closer look: of what could not be read, or was not the best of several.
        """
        seen = _with_other_formats(seen)
        if any(status not in _SETTLED or (fault and OTHER_FORMAT in fault) for _, _, _, status, fault, *_ in seen):
            return False
        if not self.manifests:
            trees = {file_of(uri) for source, uri, *_ in seen if source == "tree"}
            if trees != {self._address(path) for path in self._tree(patients)}:
                return False
        # What lay nowhere has no version, whatever address of a file it may look like: only its coming is looked for.
        nowhere = {
            uri
            for _, uri, _, status, _, binary, _ in seen
            if status == _NOWHERE and not binary and not ELSEWHERE.match(uri)
        }
        if any(fhir_entries.file_named(uri) in self._folders for uri in nowhere):
            return False
        files = [(uri, v) for _, uri, v, status, *_ in seen if status != _NOWHERE and not uri.startswith(LAKE)]
        return (
            self._hold(self.store, self._folders, files)
            and all(
                self._binary_still(uri if version else None, binary)
                for source, uri, version, *_, binary, _ in seen
                if source == "fhir" and binary
            )
            and all(version == self._version_again(uri, version) for uri, version in files if uri.endswith(COMPLETED))
        )

    def expect(self, patients: Sequence[str], seen: Sequence[Seen]) -> None:
        """Look together at all that `as_seen` will look at, of several batches, where every look costs a request."""
        if not self.store.is_remote and not self.sources.is_remote:
            return
        if not self.manifests:
            self._tree(patients)
        uris = {file_of(uri) for _, uri, *_ in _with_other_formats(seen) if not uri.startswith(LAKE)}
        for store, folders in ((self.store, self._folders), (self.sources, self._released)):
            folders.look([path for uri in uris if (path := store.path_of(uri))])

    def _binary_still(self, uri: str | None, binary: str) -> bool:
        """Whether a Binary lies where it would be looked for now: as a file before a line of one; None for nowhere."""
        as_file = fhir_entries.binary_file(binary, self._folders)
        return as_file == (None if uri is None or uri.startswith(INLINE) else self.store.path_of(uri))

    def _hold(self, store: DocumentStore, folders: Folders, files: Sequence[tuple[str, str | None]]) -> bool:
        """Whether files, given by their addresses, are there in the versions given; absent where that is None."""
        wanted: dict[str, str | None] = {}
        elsewhere: list[tuple[str, str | None]] = []
        for uri, version in files:
            if uri.endswith(COMPLETED):
                continue
            path = store.path_of(file_of(uri))
            if path is None:
                elsewhere.append((uri, version))
            else:
                wanted[path] = version
        folders.look(wanted)
        if any(folders.version(path) != version for path, version in wanted.items()):
            return False
        if elsewhere and store is self.store:
            return self._hold(self.sources, self._released, elsewhere)
        return all(version is None for _, version in elsewhere)

    def _version_again(self, uri: str, version: str | None) -> str | None:
        path = self.store.path_of(file_of(uri))
        return version_again(version, path, self._folders.version) if path and version else ""

    def unchanged_wholes(self, before: pl.DataFrame) -> dict[str, tuple[str, str]]:
        """Of FHIR files that were indexed with what they refer to, and are the same: address and version, by address.

        Args:
            before: `uri`, `version` of documents indexed before.
        """
        wholes = before.lazy().filter(pl.col("uri").str.ends_with(COMPLETED)).select("uri", "version").collect()
        return {
            file_of(uri): (uri, version)
            for uri, version in wholes.iter_rows()
            if version and self._version_again(uri, version) == version
        }

    # -- the documents -----------------------------------------------------------------------------------------------

    def of(self, patients: Sequence[str]) -> pl.DataFrame:
        """The documents of some patients; see `PLACED`."""
        parts = [self._in_store(patients), *self._notes(patients), *self._reports(patients)]
        found = pl.concat([pl.LazyFrame(schema=PLACED), *parts]).sort("patient_id", "document_id", "uri").collect()
        return found if found.filter(_OF_NO_STORE).is_empty() else self._told_apart(found)

    def _told_apart(self, found: pl.DataFrame) -> pl.DataFrame:
        """The same, notes and reports renamed whose ids the manifests use for whomever, or the same patient has twice.

        Who else is asked for decides nothing: a document has the same id in every run.
        """
        listed = self.listed["document_id"] if self.manifests else pl.Series(dtype=pl.String)
        again = pl.int_range(pl.len()).over("patient_id", "document_id") > 0
        taken = _OF_NO_STORE & (pl.col("document_id").is_in(listed.implode()) | again)
        while found.select(taken.any()).item():  # an id told apart may be one that was given, too
            named = pl.when(taken).then(pl.format("{}~{}", "document_id", "source")).otherwise("document_id")
            found = found.with_columns(document_id=named).sort("patient_id", "document_id", "uri")
        return found

    def _in_store(self, patients: Sequence[str]) -> pl.LazyFrame:
        if self.manifests:
            own = self.listed.filter(pl.col("patient_id").is_in(patients))
        else:
            own = entries.tree_entries(self._tree(patients), self._base)
        return placed(own, self._folders)

    def _tree(self, patients: Sequence[str]) -> list[str]:
        return self._folders.below(f"{self._base}/{p}".strip("/") for p in patients if p in self._patient_folders)

    def _notes(self, patients: Sequence[str]) -> Iterator[pl.LazyFrame]:
        ids = pl.Series("patient_id", patients, pl.String)
        for table, version in self._notes_there.items():
            found = entries.note_entries(rows_of_subjects(self.lake, table, ids), table)
            nothing = {"size_bytes": pl.lit(None, pl.Int64), "s3_last_modified": pl.lit(None, pl.String)}
            yield found.lazy().drop("names").with_columns(version=pl.lit(version), **nothing)

    def _reports(self, patients: Sequence[str]) -> Iterator[pl.LazyFrame]:
        if self._release:
            rows = rows_of_subjects(self.lake, HEADERS, pl.Series("patient_id", patients, pl.String))
            file = pl.format(f"{_CXR}/{self._release}/{{}}", image_file("dcm"))
            yield placed(entries.report_entries(rows, file), self._released)

    def _address(self, path: str) -> str:
        """Where a file of the store is said to lie."""
        if AS_WRITTEN.fullmatch(path):
            return f"{self._store_base}{path}"
        return self.store.uri(path) if entries.is_text(path) else entries.as_text(path)

    @cached_property
    def _store_base(self) -> str:
        return self.store.uri("")


def _with_other_formats(seen: Sequence[Seen]) -> Sequence[Seen]:
    others = [each for document in seen if document[-1] for each in _formats_seen(document)]
    return [*seen, *others] if others else seen


def _formats_seen(seen: Seen) -> Iterator[Seen]:
    """The other formats of a document as if they were documents: what changes them changes it."""
    source, *_, written = seen
    for each in as_read(written):
        yield source, each.uri, each.version, INDEXED if each.version else _NOWHERE, None, each.binary_id, None


def _unreadable(uri: str, error: Exception, expected: str = "a table") -> ManifestError:
    if isinstance(error, PackedError):
        return ManifestError(f"{uri}: {error}; write it anew")
    return ManifestError(
        f"{uri}: expected {expected}; found what cannot be read ({type(error).__name__}); write it anew"
    )
