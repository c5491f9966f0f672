"""Where documents lie: a folder or an S3 prefix, listed with the version of every object and read piece by piece."""

from __future__ import annotations

import datetime as dt
import os
import posixpath
import stat
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pydantic import PrivateAttr

from resources.places import filesystem_of
from resources.s3_listing import Bucket, Entry, of_folders
from resources.s3_listing import s3_client as _s3_client  # noqa: F401 - whose cache tests of other rooms clear
from resources.sources import Sources

PIECE = 1 << 20
KEPT_BYTES = 256 * 1024 * 1024
"""Of a remote store's objects that were fetched and will be wanted once more, as many bytes are kept on the disk."""
KEPT_EACH = 8 * 1024 * 1024
"""Larger objects are fetched again: few of them would push out many small ones."""

_IN_UTC = "%Y-%m-%dT%H:%M:%S.%fZ"


class StoredObject(NamedTuple):
    """One object: its path below the root, size in bytes, a version that changes when its bytes may have.

    Of an object in S3 also when it was stored, in UTC as ISO 8601 has it.
    """

    path: str
    size: int
    version: str
    s3_last_modified: str | None = None


@dataclass
class _Kept:
    """Bytes by their hash in an unnamed temporary file, which is gone when this object or the process is."""

    file: IO[bytes] | None = None
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    end: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, sha256: str, data: bytes) -> None:
        with self.lock:
            if sha256 in self.places or len(data) > KEPT_EACH or self.end + len(data) > KEPT_BYTES:
                return
            if self.file is None:
                self.file = tempfile.TemporaryFile(prefix="clinical-")  # noqa: SIM115 - kept as long as this
            os.pwrite(self.file.fileno(), data, self.end)
            self.places[sha256] = (self.end, len(data))
            self.end += len(data)

    def take(self, sha256: str) -> bytes | None:
        with self.lock:
            if sha256 not in self.places or self.file is None:
                return None
            offset, length = self.places.pop(sha256)
            data = os.pread(self.file.fileno(), length, offset)
            if not self.places:  # everybody has had his: room for as much again
                self.file.truncate(0)
                self.end = 0
            return data if len(data) == length else None


class DocumentStore(Sources):
    """The documents at `root`, a local path or `s3://bucket/prefix`. Read only."""

    _kept: _Kept = PrivateAttr(default_factory=_Kept)

    @property
    def is_remote(self) -> bool:
        """Whether every look costs a request: then several at once are worth their threads."""
        return self.root.startswith("s3://")

    def is_there(self) -> bool:
        """Whether there is anything at all; True where the place cannot be looked at."""
        try:
            return bool(self.sizes("") or self.subfolders())
        except OSError:
            return True

    def listing(self, folder: str = "", *, recursive: bool = False) -> dict[str, StoredObject]:
        """The objects in a folder by path below the root; those in its subfolders too where asked.

        Hidden ones are not, however they are asked for: a dot begins their name, or that of a folder above them.
        The version of a local file is its size and both times of change, of an S3 object its ETag.

        Raises:
            OSError: the store cannot be looked at; a local folder that is not there is an empty one.
        """
        if self.is_remote:
            entries = self._bucket.every(self._s3_prefix(folder), "", recursive=recursive)
            return self._s3_objects(entries)
        return {} if _is_hidden(posixpath.normpath(f"/{folder}")) else self._local_files(folder.strip("/"), recursive)

    def listings(self, folders: Collection[str], *, recursive: bool = False) -> dict[str, dict[str, StoredObject]]:
        """`listing` of several folders, by folder; in S3 of neighbours in one request, see `s3_listing`.

        Raises:
            OSError: as there.
        """
        if not self.is_remote or len(folders) < 2:
            return {folder: self.listing(folder, recursive=recursive) for folder in folders}
        top = [folder for folder in folders if not folder.strip("/")]
        prefixes = {folder: self._s3_prefix(folder) for folder in folders if folder not in top}
        found = of_folders(self._bucket, [*prefixes.values()], recursive=recursive)
        listed = {folder: self._s3_objects(found[prefix]) for folder, prefix in prefixes.items()}
        return {**listed, **{folder: self.listing(folder, recursive=recursive) for folder in top}}

    def folders(self, folder: str = "") -> list[str]:
        """Names of the folders directly below a folder, in order; hidden ones are not."""
        return [name for name in self.subfolders(folder) if not name.startswith(".")]

    def uri(self, path: str) -> str:
        """The address of an object: `file:///...` or `s3://...`."""
        return f"{_base_uri(self.root)}{path if self.is_remote else quote(path)}"

    def path_of(self, uri: str) -> str | None:
        """The path of an object of this store from its address; None for other stores' objects."""
        base = _base_uri(self.root)
        if not uri.startswith(base):
            return None
        path = uri[len(base) :]
        return unquote(path) if "%" in path and not self.is_remote else path

    def local(self, path: str) -> Path | None:
        """The object as a local file; None in S3."""
        return None if self.is_remote else Path(_absolute(self.root), path)

    def pieces(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of an object, or a range of them, piece by piece.

        Raises:
            OSError: the object cannot be read.
        """
        filesystem, base = filesystem_of(self.root)
        with filesystem.open_input_file(f"{base}/{path}") as file:
            left = file.size() - offset if length is None else length
            file.seek(offset)
            while left > 0 and (piece := file.read(min(PIECE, left))):
                left -= len(piece)
                yield piece

    def keep(self, sha256: str, data: bytes) -> None:
        """Keep an object's bytes for whoever wants them next, where fetching them again would cost a request."""
        if self.is_remote:
            self._kept.put(sha256, data)

    def recall(self, sha256: str) -> bytes | None:
        """The bytes of a hash, if they were kept; once."""
        return self._kept.take(sha256)

    def _local_files(self, folder: str, recursive: bool) -> dict[str, StoredObject]:
        base = _absolute(self.root)
        found: dict[str, StoredObject] = {}
        waiting = [folder]
        while waiting:
            place = waiting.pop()
            try:
                entries = os.scandir(f"{base}/{place}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            below = f"{place}/" if place else ""
            with entries:
                # Every file of a store comes through here at every run: what can be left out of this loop is.
                for entry in entries:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    path = below + name
                    if entry.is_dir():
                        if recursive:
                            waiting.append(path)
                        continue
                    try:
                        facts = entry.stat()
                    except OSError:  # a link to nowhere, or gone since: not there
                        continue
                    if stat.S_ISREG(facts.st_mode):  # whoever opens a pipe waits for somebody to write into it
                        size = facts.st_size
                        # What copies or unpacks a file sets the one time to what it was; nobody can set the other.
                        version = f"{size}-{facts.st_mtime_ns}-{facts.st_ctime_ns}"
                        found[path] = StoredObject(path, size, version)
        return found

    def _s3_objects(self, entries: Iterable[Entry]) -> dict[str, StoredObject]:
        """What S3 lists as objects; its stand-ins for folders are no documents."""
        base = self._s3_prefix("")
        found: dict[str, StoredObject] = {}
        for entry in entries:
            path = entry["Key"].removeprefix(base)
            if path and not path.endswith("/") and not _is_hidden(path):
                stored = entry["LastModified"].astimezone(dt.UTC).strftime(_IN_UTC)
                found[path] = StoredObject(path, entry["Size"], entry["ETag"].strip('"'), stored)
        return found

    def _s3_prefix(self, folder: str) -> str:
        """What the keys of a folder's objects begin with."""
        parts = (urlsplit(self.root).path.strip("/"), folder.strip("/"))
        return "".join(f"{part}/" for part in parts if part)

    @property
    def _bucket(self) -> Bucket:
        return Bucket(urlsplit(self.root).netloc)


@lru_cache(maxsize=32)
def _absolute(root: str) -> str:
    return str(Path(root).absolute())


@lru_cache(maxsize=32)
def _base_uri(root: str) -> str:
    return f"{root.rstrip('/')}/" if root.startswith("s3://") else f"file://{quote(_absolute(root))}/"


def _is_hidden(path: str) -> bool:
    return path.startswith(".") or "/." in path


def inside(path: str) -> bool:
    """Whether a relative path stays below the folder it is relative to."""
    normal = posixpath.normpath(path)
    return bool(path.strip()) and not normal.startswith(("/", "..")) and "\x00" not in path and normal != "."
