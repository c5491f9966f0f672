"""FHIR resources kept as files in patients' folders, with what they refer to put in its place.

A DocumentReference in a file may name its document by a URL. Where that is a file of the same patient's folder, or the
store's `Binary/<id>`, the document's bytes are the resource with those bytes in it: one hash then stands for all that
is read, and the reader needs nothing else. A file of another patient's folder is not followed: whose a document is,
its folder says. Nothing is fetched from elsewhere.

Source: FHIR R4 DocumentReference.content.attachment, DiagnosticReport.presentedForm, Bundle, Binary.
"""

from __future__ import annotations

import base64
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from clinical_assets.documents.index.entries import FOLDER
from clinical_assets.documents.readers import fhir
from clinical_assets.documents.readers.reading import Limits, Reason, UnreadableError

COMPLETED = "#"
"""Behind `fhir+` and the address of a FHIR file: the resource with what it refers to."""
BINARIES = "Binary"
"""Folder of a store with Binary resources, or documents, by id."""
_DEEPEST = 50

Find = Callable[[str], str | None]
"""Version of the store's file at a path; None where there is none."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A resource with what it refers to.

    Attributes:
        data: its JSON, the same for the same files; of one that is larger than the limit, without what it refers to.
        size: of the whole.
        looked: every path that was looked at, with the version found there or None.
    """

    data: bytes
    size: int
    looked: tuple[tuple[str, str | None], ...]


def patients_folder(path: str) -> str:
    """The patient's folder that a file lies in."""
    parts = path.split("/")
    return "/".join(parts[: 2 if parts[0] == FOLDER else 1])


def completed(
    data: bytes, path: str, find: Find, read: Callable[[str], bytes], path_of: Find, limits: Limits
) -> Completed | None:
    """A FHIR file's resource with the files it refers to in it; None where it refers to none that could be here.

    Args:
        data: the file's bytes.
        path: the file's path below the store.
        find: the version of a file of the store.
        read: the bytes of one.
        path_of: the path of a file of this store from its address.
        limits: beyond which it is refused.

    Raises:
        UnreadableError: TOO_MANY_PARTS.
        OSError: a file it refers to cannot be read.
    """
    try:
        resource = json.loads(data)
    except (ValueError, RecursionError):
        return None  # the reader says what is wrong with it
    completing = _Completing(path, find, read, path_of, limits, size=len(data))
    completing.complete(resource, frozenset(), 1)
    if not completing.looked:
        return None
    looked = tuple(completing.looked.items())
    if completing.size > limits.max_bytes:
        return Completed(data, completing.size, looked)
    try:
        whole = json.dumps(resource, separators=(",", ":")).encode()
    except RecursionError:
        return None
    return Completed(whole, len(whole), looked)


def version_with(own: str, looked: Sequence[tuple[str, str | None]]) -> str:
    """The version of a file together with those of the files it refers to, and of where they would be."""
    return own + "|" + "&".join(f"{quote(path)}={version or ''}" for path, version in looked)


def version_again(version: str, path: str, find: Find) -> str | None:
    """The version that a file and what it refers to have now, from the one they had; None where the file is gone."""
    looked = [unquote(each.rpartition("=")[0]) for each in version.partition("|")[2].split("&")]
    own = find(path)
    return own and version_with(own, [(each, find(each)) for each in looked])


@dataclass
class _Completing:
    """One pass over a resource."""

    path: str
    find: Find
    read: Callable[[str], bytes]
    path_of: Find
    limits: Limits
    size: int
    parts: int = 0
    looked: dict[str, str | None] = field(default_factory=dict)

    def complete(self, resource: object, came_along: frozenset[str], level: int) -> None:
        """Put in what a resource refers to.

        Args:
            resource: changed in place.
            came_along: what the Bundle around it holds already, by full URL and by `type/id`.
            level: of nesting; what lies deeper is for the reader to refuse.
        """
        if not isinstance(resource, dict) or level > _DEEPEST:
            return
        if resource.get("resourceType") == "Bundle":
            entries = fhir.dicts(resource.get("entry"))
            came_along |= frozenset(name for entry in entries for name in _names(entry))
            for entry in entries:
                self.complete(entry.get("resource"), came_along, level + 1)
        for attachment in _attachments(resource):
            self._put_in(attachment, came_along)

    def _put_in(self, attachment: dict[str, Any], came_along: frozenset[str]) -> None:
        url = fhir.string(attachment.get("url")) or ""
        if not url.isprintable():  # halves of surrogate pairs, and what else no file is called
            return
        named = f"Binary/{_binary(url)}" if _binary(url) else url
        if fhir.string(attachment.get("data")) or url.startswith(("data:", "#")) or {url, named} & came_along:
            return
        for place in self._places(url):
            self.looked[place] = self.find(place)
            if self.looked[place] is None:
                continue
            self.parts += 1
            if self.parts > self.limits.max_parts:
                raise UnreadableError(Reason.TOO_MANY_PARTS, f"more than {self.limits.max_parts} attachments")
            data = self.read(place)
            self.size += len(data) * 4 // 3
            if self.size <= self.limits.max_bytes:
                attachment.update(_as_attachment(data, attachment))
                del attachment["url"]
            return

    def _places(self, url: str) -> Iterator[str]:
        """Paths where what a URL names may lie, in the order they are looked at."""
        folder, own = posixpath.dirname(self.path), patients_folder(self.path)
        binary = _binary(url)
        if binary:
            names = (f"{BINARIES}/{binary}", f"{BINARIES}/{binary}.json")
            yield from dict.fromkeys(f"{base}/{name}".lstrip("/") for base in (folder, own, "") for name in names)
            return
        try:
            parts = urlsplit(url)
        except ValueError:  # no URL at all
            return
        path = self.path_of(url) if parts.scheme else posixpath.normpath(f"{folder}/{unquote(parts.path)}")
        # A file that refers to itself would have itself in it.
        if path and path.startswith(f"{own}/") and posixpath.normpath(path) == path != self.path:
            yield path


def _binary(url: str) -> str:
    """The id of the Binary a URL names; empty where it names none."""
    named = url.rpartition("Binary/")[2].partition("/")[0] if "Binary/" in url else ""
    return "" if named in (".", "..") else named


def _names(entry: Mapping[str, Any]) -> Iterator[str]:
    inner = entry.get("resource")
    if fhir.string(entry.get("fullUrl")):
        yield str(fhir.string(entry.get("fullUrl")))
    if isinstance(inner, dict):
        yield f"{inner.get('resourceType')}/{inner.get('id')}"


def _attachments(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The attachments of a resource that its reader reads."""
    if resource.get("resourceType") == "DocumentReference":
        for content in fhir.dicts(resource.get("content")):
            yield from (each for each in fhir.dicts(content.get("attachment")) if isinstance(each, dict))
    if resource.get("resourceType") == "DiagnosticReport":
        yield from (each for each in fhir.dicts(resource.get("presentedForm")) if isinstance(each, dict))


def _as_attachment(data: bytes, attachment: Mapping[str, Any]) -> dict[str, Any]:
    """A file's bytes as an attachment's: a Binary resource's data, any other file as it is."""
    try:
        binary = json.loads(data) if data.lstrip()[:1] == b"{" else None
    except (ValueError, RecursionError):
        binary = None
    if isinstance(binary, dict) and binary.get("resourceType") == "Binary":
        content = fhir.string(binary.get("data")) or fhir.string(binary.get("content")) or ""
        kind = fhir.string(attachment.get("contentType")) or fhir.string(binary.get("contentType"))
    else:
        content, kind = base64.b64encode(data).decode(), fhir.string(attachment.get("contentType"))
    return {"data": content, **({"contentType": kind} if kind else {})}
