"""The objects in folders of an S3 bucket, in as few requests as their neighbourhood allows.

A request lists a thousand keys in their order, wherever in the bucket it is told to begin. Folders that are neighbours
come together in one; a folder that lies far from the others costs one request of its own, as it would alone, and is
asked for beside others of its kind. So there are no more requests than folders, but for folders of more than a
thousand objects, and one more where a page ends in a subfolder that nobody asks for.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

REQUESTS_AT_ONCE = 8

Entry = Mapping[str, Any]
"""An object as S3 lists it: `Key`, `Size`, `ETag`, `LastModified`."""


class Page(NamedTuple):
    """What one request lists, and whether there is more behind it."""

    entries: Sequence[Entry]
    more: bool


class Keys(Protocol):
    """The keys of a bucket."""

    @property
    def ordered(self) -> bool:
        """Whether they come in order, so that one can begin anywhere among them."""

    def page(self, prefix: str, after: str) -> Page:
        """Those that begin with a prefix and lie behind a key, as many as one request gives."""

    def every(self, prefix: str, after: str, *, recursive: bool) -> Iterator[Entry]:
        """All of them; those below a further folder only where asked."""


class UnorderedError(Exception):
    """Keys that should come in order do not."""


def of_folders(keys: Keys, prefixes: Collection[str], *, recursive: bool) -> dict[str, list[Entry]]:
    """The objects of several folders by folder, see the module.

    Args:
        keys: the bucket's.
        prefixes: the folders, each with a slash at its end.
        recursive: whether to list what is in their subfolders too.
    """
    walk = _Walk(keys, sorted(set(prefixes)), recursive)
    try:
        if keys.ordered:
            walk.through()
            return walk.found
    except UnorderedError:
        pass
    walk.one_by_one(walk.prefixes)
    return walk.found


@dataclass
class _Walk:
    """One pass over the keys of a bucket, from folder to folder."""

    keys: Keys
    prefixes: Sequence[str]
    recursive: bool
    found: dict[str, list[Entry]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.found = {prefix: [] for prefix in self.prefixes}
        together = os.path.commonprefix(list(self.prefixes))  # noqa: RUF071 - letter by letter, up to a slash
        self.common = _folder(together)

    def through(self) -> None:
        """List all of them."""
        waiting, position = list(self.prefixes), ""
        while waiting:
            before, position = position, self._past(waiting[0], position)
            left = [prefix for prefix in waiting if prefix not in self.done and _end(prefix) > position]
            if position > before and len(waiting) - len(left) < 2:  # they lie far apart
                self.one_by_one(left[:REQUESTS_AT_ONCE])
                left = left[REQUESTS_AT_ONCE:]
            waiting = left

    def one_by_one(self, prefixes: Iterable[str]) -> None:
        """List folders each by itself, several at once."""
        several = list(prefixes)
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for prefix, entries in zip(several, pool.map(self._alone, several), strict=True):
                self.found[prefix] = entries
        self.done.update(several)

    def _alone(self, prefix: str) -> list[Entry]:
        return list(self.keys.every(prefix, "", recursive=self.recursive))

    def _past(self, prefix: str, position: str) -> str:
        """List from a folder on, or from where that was left, until the folder is known; how far all of them are."""
        position, more = max(prefix, position), True
        while more and position < _end(prefix):
            if not self.recursive and _folder(position) not in self.found:
                # In a subfolder nobody asks for, which may be large: only what lies beside it. Never from its end on: a
                # file may be called just that (`1/...`, then `10`), and a list begins behind where it is told to.
                self.found[prefix] += self.keys.every(prefix, position, recursive=False)
                self.done.add(prefix)
                return position
            entries, more = self.keys.page(self.common, position)
            names = [position, *(entry["Key"] for entry in entries)]
            if any(one >= following for one, following in pairwise(names)) or (more and not entries):
                raise UnorderedError
            for entry in entries:
                self._take(entry)
            position = names[-1]
        return position if more else _LAST

    def _take(self, entry: Entry) -> None:
        """Put an object into the folders it was asked for with."""
        folder = _folder(entry["Key"])
        while folder:
            if folder in self.found and folder not in self.done:
                self.found[folder].append(entry)
            folder = _folder(folder[:-1]) if self.recursive else ""


_LAST = "\U0010ffff"
"""Behind every key."""


def _folder(key: str) -> str:
    """The folder of a key, with a slash at its end; empty at the top."""
    return "".join(key.rpartition("/")[:2])


def _end(prefix: str) -> str:
    """The first key that can lie behind all that begin with a folder's prefix."""
    return prefix[:-1] + chr(ord("/") + 1)


@dataclass(frozen=True)
class Bucket:
    """The keys of a bucket as S3 gives them.

    Both methods raise OSError where S3 refuses or cannot be asked. What was asked for stays out of the message: a key
    may name a patient.
    """

    name: str

    @property
    def ordered(self) -> bool:
        """See `Keys`; those of a directory bucket, which has this ending, come in no order."""
        return not self.name.endswith("--x-s3")

    def page(self, prefix: str, after: str) -> Page:
        """See `Keys`."""
        with _said_without_keys():
            page = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, **_from(after))
        return Page(page.get("Contents", ()), bool(page.get("IsTruncated")))

    def every(self, prefix: str, after: str, *, recursive: bool) -> Iterator[Entry]:
        """See `Keys`."""
        options = {**_from(after), **({} if recursive else {"Delimiter": "/"})}
        with _said_without_keys():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix, **options)
            for page in pages:
                yield from page.get("Contents", ())

    @property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes as it goes
        return s3_client(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


def _from(after: str) -> dict[str, str]:
    return {"StartAfter": after} if after else {}


@contextmanager
def _said_without_keys() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    try:
        yield
    except ClientError as error:
        raise OSError(f"S3 refused to list the store: {error.response.get('Error', {}).get('Code')}") from None
    except BotoCoreError as error:
        raise OSError(f"S3 could not be asked: {type(error).__name__}") from None


@lru_cache(maxsize=4)
def s3_client(endpoint: str | None) -> Any:  # noqa: ANN401 - see above
    """The client for an endpoint; None for AWS's own."""
    import boto3  # type: ignore[import-untyped]  # half a second; most stores are on a disk

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    return boto3.client("s3", endpoint_url=endpoint, region_name=region)
