"""The files of a store as a run finds them: listed folder by folder when they are asked for, and once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from resources.document_store import DocumentStore, StoredObject, inside

REQUESTS_AT_ONCE = 8


@dataclass
class Folders:
    """The files of a store by folder, with their versions."""

    store: DocumentStore
    listed: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    walked: dict[str, list[str]] = field(default_factory=dict)

    def look(self, paths: Iterable[str]) -> None:
        """List the folders of some files, several at once."""
        folders = {path.rpartition("/")[0] for path in paths} - self.listed.keys()
        wanted = sorted(folder for folder in folders if inside(f"{folder}/x" if folder else "x"))
        if self.store.is_remote and len(wanted) > 1:
            with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
                self.listed.update(zip(wanted, pool.map(self.store.listing, wanted), strict=True))
        else:
            self.listed.update((folder, self.store.listing(folder)) for folder in wanted)

    def below(self, folders: Iterable[str]) -> list[str]:
        """Paths of the files in some folders and in all below them."""
        asked = list(folders)
        wanted = [folder for folder in asked if folder not in self.walked]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            look = pool.map if self.store.is_remote else map
            for folder, found in zip(wanted, look(self._all_below, wanted), strict=True):
                self.walked[folder] = list(found)
                for path, each in found.items():
                    self.listed.setdefault(path.rpartition("/")[0], {})[path] = each
        return [path for folder in asked for path in self.walked[folder]]

    def _all_below(self, folder: str) -> dict[str, StoredObject]:
        return self.store.listing(folder, recursive=True)

    def find(self, path: str) -> StoredObject | None:
        """The file at a path, if it is there."""
        folder = path.rpartition("/")[0]
        there = self.listed.get(folder, {}).get(path)
        if there is not None or not inside(path):
            return there
        if folder not in self.listed:
            self.listed[folder] = self.store.listing(folder)
        return self.listed[folder].get(path)

    def version(self, path: str) -> str | None:
        """The version of the file at a path; None where there is none."""
        found = self.find(path)
        return found.version if found else None

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.find(path) is not None
