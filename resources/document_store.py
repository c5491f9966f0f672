"""Where documents lie: a folder or an S3 prefix, listed with the version of every object and read piece by piece."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from resources.places import filesystem_of
from resources.sources import Sources

PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: its path below the root, size in bytes, and a version that changes when its bytes may have."""

    path: str
    size: int
    version: str


class DocumentStore(Sources):
    """The documents at `root`, a local path or `s3://bucket/prefix`. Read only."""

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

        The version of a local file is its size and time of change, of an S3 object its ETag.
        """
        found = self._s3_objects(folder, recursive) if self.is_remote else self._local_files(folder, recursive)
        return {each.path: each for each in found}

    def folders(self, folder: str = "") -> list[str]:
        """Names of the folders directly below a folder, in order; hidden ones are not."""
        return [name for name in self.subfolders(folder) if not name.startswith(".")]

    def uri(self, path: str) -> str:
        """The address of an object: `file:///...` or `s3://...`."""
        if self.is_remote:
            return f"{self.root.rstrip('/')}/{path}"
        return "file://" + quote(f"{_absolute(self.root)}/{path}")

    def path_of(self, uri: str) -> str | None:
        """The path of an object of this store from its address; None for other stores' objects."""
        base = self.uri("")
        if not uri.startswith(base):
            return None
        path = uri.removeprefix(base)
        return path if self.is_remote else unquote(path)

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

    def _local_files(self, folder: str, recursive: bool) -> Iterator[StoredObject]:
        base = Path(self.root).absolute()
        waiting = [folder.strip("/")]
        while waiting:
            place = waiting.pop()
            try:
                entries = list(os.scandir(base / place))
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                path = posixpath.join(place, entry.name)
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    waiting += [path] if recursive else []
                    continue
                try:
                    facts = entry.stat()
                except OSError:  # a link to nowhere, or gone since: not there
                    continue
                yield StoredObject(path, facts.st_size, f"{facts.st_size}-{facts.st_mtime_ns}")

    def _s3_objects(self, folder: str, recursive: bool) -> Iterator[StoredObject]:
        parts = urlsplit(self.root)
        base = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        prefix = base + (f"{folder.strip('/')}/" if folder.strip("/") else "")
        pages = _s3_client(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")).get_paginator(
            "list_objects_v2"
        )
        options = {} if recursive else {"Delimiter": "/"}
        for page in pages.paginate(Bucket=parts.netloc, Prefix=prefix, **options):
            for entry in page.get("Contents", ()):
                path = entry["Key"].removeprefix(base)
                hidden = any(part.startswith(".") for part in path.removeprefix(folder.strip("/")).split("/"))
                if path and not path.endswith("/") and not hidden:  # S3's stand-ins for folders are no documents
                    yield StoredObject(path, entry["Size"], entry["ETag"].strip('"'))


@lru_cache(maxsize=32)
def _absolute(root: str) -> str:
    return str(Path(root).absolute())


@lru_cache(maxsize=4)
def _s3_client(endpoint: str | None) -> Any:  # noqa: ANN401  (boto3 makes its clients' classes as it goes)
    import boto3  # type: ignore[import-untyped]  # half a second; most stores are on a disk

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    return boto3.client("s3", endpoint_url=endpoint, region_name=region)


def inside(path: str) -> bool:
    """Whether a relative path stays below the folder it is relative to."""
    normal = posixpath.normpath(path)
    return bool(path.strip()) and not normal.startswith(("/", "..")) and "\x00" not in path and normal != "."
