"""A small store of three patients in a folder, and the index of its two batches, made as often as one likes."""

import csv
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from clinical_assets.documents.index import index_files, indexing
from clinical_assets.documents.index.bodies import Bodies
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.tables import INDEX
from resources.document_store import DocumentStore
from resources.lake import Lake

BATCHES = [("all-00001", ["p1", "p2"]), ("all-00002", ["p3"])]
COLUMNS = ("document_id", "patient_id", "file", "document_type", "authored_at")
ROWS = [
    ("d1", "p1", "files/p1/a.txt", "Note", "2024-07-01T23:30:00Z"),
    ("d2", "p1", "files/p1/b.txt", "Note", "2024-01-01"),
    ("d3", "p2", "files/p2/c.txt", "Note", "2024-01-01T08:00:00"),
    ("d4", "p2", "files/p2/gone.txt", "Note", ""),
    ("d5", "p3", "files/p3/e.txt", "Note", ""),
    ("d6", "p3", "../outside.txt", "Note", ""),
]


@dataclass
class Place:
    """A store in a folder, and the index of two batches over it."""

    root: Path
    warehouse: object
    lakes: int = 0
    zone: str | None = None
    made: list[list[str]] = field(default_factory=list)

    def __post_init__(self):
        self.lake = self.new_lake()

    @property
    def store(self) -> Path:
        return self.root / "store"

    def new_lake(self) -> Lake:
        self.lakes += 1
        return Lake(root=str(self.root / f"lake{self.lakes}"), subject_shards=2)

    def put(self, path: str, words: str) -> None:
        (self.store / path).parent.mkdir(parents=True, exist_ok=True)
        (self.store / path).write_text(words)

    def list_as(self, rows) -> None:
        with (self.store / "manifest.csv").open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])

    def write(self, lake: Lake | None = None, batches=BATCHES, code_version: str = "v1"):
        """Index the batches; for each its counts, and whether its file was there already."""
        sources = DocumentSources(
            DocumentStore(root=str(self.store)),
            DocumentStore(root=str(self.root / "none")),
            lake or self.lake,
            self.zone,
        )
        bodies = Bodies((sources.store, sources.sources), sources.lake)
        self.made.clear()
        return list(index_files.write_indexes(batches, sources, bodies, self.warehouse, code_version))

    def rows(self, lake: Lake | None = None) -> pl.DataFrame:
        return (lake or self.lake).scan(INDEX.path, [name for name, _ in BATCHES]).collect()

    def known(self) -> pl.DataFrame:
        """What the warehouse knows of these patients, as `rows` has it."""
        found = indexing._known(self.warehouse, [p for _, patients in BATCHES for p in patients])
        return found.select(INDEX.column_names)

    def from_scratch(self) -> pl.DataFrame:
        """The rows that a new lake and a warehouse without a memory give; the warehouse is left as it was."""
        with self.warehouse.transaction() as connection:
            connection.execute(sa.text("CREATE TABLE document_cache.kept AS TABLE document_cache.documents"))
            connection.execute(sa.text("TRUNCATE document_cache.documents"))
        lake = self.new_lake()
        shutil.copytree(self.lake.root, lake.root, dirs_exist_ok=True)
        shutil.rmtree(Path(lake.root) / INDEX.path, ignore_errors=True)
        self.write(lake)
        with self.warehouse.transaction() as connection:
            connection.execute(sa.text("TRUNCATE document_cache.documents"))
            connection.execute(sa.text("INSERT INTO document_cache.documents TABLE document_cache.kept"))
            connection.execute(sa.text("DROP TABLE document_cache.kept"))
        return self.rows(lake)


def replaced(place: Place) -> None:
    """A file of the same size, and one nanosecond younger."""
    path = place.store / "files/p1/a.txt"
    facts = path.stat()
    path.write_text(path.read_text().replace("words", "sword"))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
