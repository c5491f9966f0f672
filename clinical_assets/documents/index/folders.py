"""The files of a store as a run finds them: listed folder by folder when they are asked for, and once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from resources.document_store import DocumentStore, StoredObject, inside

MOST_ALONE = 4
"""Folders beside each other that are listed one by one, as they are asked for, in a store where each costs a request;
with the next one all that is around them is listed at once."""


@dataclass
class Folders:
    """The files of a store by folder, with their versions.

    Attributes:
        store: where they are.
        listed: files by folder, and by path.
        walked: paths of the files in a folder and in all below it, by folder.
        whole: folders of which everything below is in `listed`.
        alone: how many folders in a folder were listed one by one.
    """

    store: DocumentStore
    listed: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    walked: dict[str, list[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    alone: Counter[str] = field(default_factory=Counter)

    def look(self, paths: Iterable[str]) -> None:
        """List the folders of some files, together."""
        folders = {path.rpartition("/")[0] for path in paths} - self.listed.keys()
        wanted = (folder for folder in folders if inside(f"{folder}/x" if folder else "x"))
        self.listed.update(self.store.listings(sorted(folder for folder in wanted if not self._is_whole(folder))))

    def below(self, folders: Iterable[str]) -> list[str]:
        """Paths of the files in some folders and in all below them."""
        asked = list(folders)
        wanted = [folder for folder in asked if folder not in self.walked]
        for folder, found in self.store.listings(wanted, recursive=True).items():
            self._walk(folder, found)
        return [path for folder in asked for path in self.walked[folder]]

    def all(self) -> dict[str, StoredObject]:
        """All files of the store by path."""
        if "" not in self.walked:
            self._walk("", self.store.listing(recursive=True))
        return {path: each for folder in self.listed.values() for path, each in folder.items()}

    def directly(self, folder: str) -> dict[str, StoredObject]:
        """The files directly in a folder by path."""
        if folder not in self.listed:
            self._list(folder)
        return self.listed[folder]

    def _walk(self, folder: str, found: dict[str, StoredObject]) -> None:
        self.walked[folder] = list(found)
        by_folder: dict[str, dict[str, StoredObject]] = {}
        for path, each in found.items():
            by_folder.setdefault(path.rpartition("/")[0], {})[path] = each
        for each_folder, files in by_folder.items():  # each at once: several threads look for files
            self.listed[each_folder] = {**self.listed.get(each_folder, {}), **files}
        self.whole.add(folder)

    def _is_whole(self, folder: str) -> bool:
        return bool(self.whole) and any(
            not each or folder == each or folder.startswith(f"{each}/") for each in self.whole
        )

    def find(self, path: str) -> StoredObject | None:
        """The file at a path, if it is there."""
        folder = path.rpartition("/")[0]
        there = self.listed.get(folder, {}).get(path)
        if there is not None or not inside(path):
            return there
        return self.directly(folder).get(path)

    def _list(self, folder: str) -> None:
        around, slash, _ = folder.rpartition("/")
        if slash and self.store.is_remote and not self._is_whole(folder):
            self.alone[around] += 1
            if self.alone[around] > MOST_ALONE:
                self._walk(around, self.store.listing(around, recursive=True))
        self.listed.setdefault(folder, {} if self._is_whole(folder) else self.store.listing(folder))

    def version(self, path: str) -> str | None:
        """The version of the file at a path; None where there is none."""
        found = self.find(path)
        return found.version if found else None

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.find(path) is not None
