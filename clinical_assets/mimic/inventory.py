"""Which releases and which of their tables are present under the sources' root.

Detection looks at folder and file names only. With nothing there, or no way to look (an S3 root without a network), the
inventory is the newest known release of every data set, marked as not seen: the graph can be drawn and reasoned about,
and materializing a table then says what is missing and where it was looked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from clinical_assets.mimic.catalogue import RELEASES, TABLES
from clinical_assets.mimic.catalogue.releases import Release
from clinical_assets.tables import SourceTable
from resources.sources import Sources

SYNTHETIC_MARKER = "synthetic_hospital.json"


@dataclass(frozen=True)
class SourceFile:
    """One table's file: where it lies, how large it is and which release it belongs to."""

    table: SourceTable
    release: Release
    path: str
    size_bytes: int

    @property
    def absent_columns(self) -> tuple[str, ...]:
        """Columns the catalogue declares and this release lacks."""
        return tuple(self.release.absent_columns.get(self.table.path, ()))

    @property
    def published_rows(self) -> int | None:
        """Rows the release's publisher counted, if published."""
        return self.table.published_rows.get(self.release.folder)


@dataclass(frozen=True)
class Inventory:
    """Files by table path.

    `seen` is False where nothing was found and the newest releases stand in; `unreachable` then says whether the root
    could not be looked at, rather than being empty.
    """

    root: str
    files: Mapping[str, SourceFile]
    seen: bool = True
    synthetic: str | None = None
    releases: tuple[str, ...] = field(default=())
    unreachable: bool = False

    @property
    def content(self) -> str:
        """What the patients are of: the core release, or the synthetic hospital with its size and seed."""
        if self.synthetic:
            return self.synthetic
        core = sorted({f.release.folder for f in self.files.values() if f.table.key[1] in ("hosp", "icu")})
        return "+".join(core) or "+".join(self.releases)

    def has(self, path: str) -> bool:
        """Whether the table's file was found (or stands in for one that may be)."""
        return path in self.files


def take_inventory(sources: Sources) -> Inventory:
    """Look for the releases the catalogue knows.

    Where several releases of one data set lie side by side the newest is taken, the full one before the demo.
    """
    try:
        found = _found(sources)
        marker = sources.read_text(SYNTHETIC_MARKER) if found else None
    except OSError:
        return _newest(sources, unreachable=True)
    if not found:
        return _newest(sources, unreachable=False)
    synthetic = None
    if marker is not None:
        made = json.loads(marker)
        synthetic = f"synthetic hospital of {made['patients']} patients, seed {made['seed']}"
    releases = tuple(sorted({f.release.folder for f in found.values()}))
    return Inventory(sources.root, found, True, synthetic, releases)


def _found(sources: Sources) -> dict[str, SourceFile]:
    top = set(sources.subfolders())
    found: dict[str, SourceFile] = {}
    # RELEASES is ordered newest first within a data set. The first one present has the data set to itself: filling what
    # it lacks from an older release or the demo would mix patients of two.
    for release in RELEASES.values():
        if release.folder.split("/")[0] not in top or any(path in found for path in release.tables):
            continue
        folders = {f"{release.folder}/{TABLES[path].file}".rpartition("/")[0] for path in release.tables}
        sizes = {path: size for folder in sorted(folders) for path, size in sources.sizes(folder).items()}
        for path in release.tables:
            # Of a file packed and unpacked, side by side, the packed one is what was published.
            for suffix in (".csv", ".csv.gz"):
                name = f"{release.folder}/{TABLES[path].file}{suffix}"
                if name in sizes:
                    found[path] = SourceFile(TABLES[path], release, name, sizes[name])
    return found


def _newest(sources: Sources, *, unreachable: bool) -> Inventory:
    files: dict[str, SourceFile] = {}
    for release in RELEASES.values():
        for path in release.tables:
            if path not in files:
                files[path] = SourceFile(TABLES[path], release, f"{release.folder}/{TABLES[path].file}.csv.gz", 0)
    return Inventory(
        sources.root,
        files,
        seen=False,
        releases=tuple(sorted({f.release.folder for f in files.values()})),
        unreachable=unreachable,
    )
