"""Where documents lie: a folder or an S3 prefix, listed with the version of every object and read piece by piece."""

from __future__ import annotations

import os
import posixpath
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pydantic import PrivateAttr

from resources.places import filesystem_of
from resources.sources import Sources

PIECE = 1 << 20
KEPT_BYTES = 256 * 1024 * 1024
"""Of a remote store's objects that were fetched and will be wanted once more, as many bytes are kept on the disk."""
KEPT_EACH = 8 * 1024 * 1024
"""Larger objects are fetched again: few of them would push out many small ones."""


class StoredObject(NamedTuple):
    """One object: its path below the root, size in bytes, and a version that changes when its bytes may have."""

    path: str
    size: int
    version: str


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
        """The objects in a folder by path below the root; those in its subfolders too where asked. Hidden ones are not.

        The version of a local file is its size and both times of change, of an S3 object its ETag.

        Raises:
            OSError: the store cannot be looked at; a local folder that is not there is an empty one.
        """
        if self.is_remote:
            return {each.path: each for each in self._s3_objects(folder, recursive)}
        return self._local_files(folder.strip("/"), recursive)

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

    def _s3_objects(self, folder: str, recursive: bool) -> Iterator[StoredObject]:
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        parts = urlsplit(self.root)
        base = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        prefix = base + (f"{folder.strip('/')}/" if folder.strip("/") else "")
        options = {} if recursive else {"Delimiter": "/"}
        try:
            client = _s3_client(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix, **options):
                for entry in page.get("Contents", ()):
                    path = entry["Key"].removeprefix(base)
                    hidden = any(part.startswith(".") for part in path.removeprefix(folder.strip("/")).split("/"))
                    if path and not path.endswith("/") and not hidden:  # S3's stand-ins for folders are no documents
                        yield StoredObject(path, entry["Size"], entry["ETag"].strip('"'))
        except ClientError as error:
            # What was asked for stays out of the message: a key may name a patient.
            raise OSError(f"S3 refused to list the store: {error.response.get('Error', {}).get('Code')}") from None
        except BotoCoreError as error:
            raise OSError(f"S3 could not be asked: {type(error).__name__}") from None


@lru_cache(maxsize=32)
def _absolute(root: str) -> str:
    return str(Path(root).absolute())


@lru_cache(maxsize=32)
def _base_uri(root: str) -> str:
    return f"{root.rstrip('/')}/" if root.startswith("s3://") else f"file://{quote(_absolute(root))}/"


@lru_cache(maxsize=4)
def _s3_client(endpoint: str | None) -> Any:  # noqa: ANN401  (boto3 makes its clients' classes as it goes)
    import boto3  # type: ignore[import-untyped]  # half a second; most stores are on a disk

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    return boto3.client("s3", endpoint_url=endpoint, region_name=region)


def inside(path: str) -> bool:
    """Whether a relative path stays below the folder it is relative to."""
    normal = posixpath.normpath(path)
    return bool(path.strip()) and not normal.startswith(("/", "..")) and "\x00" not in path and normal != "."
