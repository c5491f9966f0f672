"""FHIR DocumentReference resources as entries of the index, one per resource; and the bytes inside a resource's line.

Of several formats of one document the one whose reader keeps most is taken, of those whose bytes can be had; where
that is not the best of all, the entry says so. Those behind it are named in `other_formats`: text is made of them where
the bytes of the one taken turn out to be no document. An attachment's bytes are in the resource (`data`, a `data:`
URL), in a Binary of the same store by its id, or in a file of the store by its path below it; nothing is fetched from
elsewhere. A URL is the sender's: it is never taken for an address of the index's own (of a line in an export, of a note
in the lake), nor does it name a file that is everybody's (a manifest, an export). So it is with every format.

Source: FHIR R4 DocumentReference, Attachment, Binary; Bulk Data Access (NDJSON files named after the resource).
"""

from __future__ import annotations

import datetime as dt
import json
import posixpath
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from clinical_assets.documents import moments
from clinical_assets.documents.index import other_formats
from clinical_assets.documents.index.entries import ENTRIES, IGNORED_FOLDERS, LAKE, MANIFESTS
from clinical_assets.documents.index.other_formats import Format
from clinical_assets.documents.index.packed import unpacked_pieces
from clinical_assets.documents.readers import fhir
from clinical_assets.documents.readers.embedded import decode_base64
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, Reason, UnreadableError
from resources.document_store import DocumentStore

Resource = Mapping[str, Any]
Line = tuple[int, int, bytes]
"""Offset, length and bytes of a line of an NDJSON file."""
INLINE = "fhir+"
"""Before the address of an NDJSON file, with `#offset,length` behind it: the document inside that line; with a number
more, that one of its attachments, in the order of preference."""
ENDINGS = (".ndjson", ".ndjson.gz")
"""Of files with a resource a line."""
OTHER_FORMAT = "a better format could not be had"
"""Fault of an entry whose document was to be had in a format its reader keeps less of, and not in the best."""
_LONGEST_LINE = 4 * DEFAULT_LIMITS.max_bytes // 3 + (1 << 20)


def lines(pieces: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a file with where they lie; of a line too long to hold a document we take, only where it lies."""
    kept, offset, length = bytearray(), 0, 0
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            yield offset, length + len(part), bytes(kept) + part if length + len(part) <= _LONGEST_LINE else b""
            offset += length + len(part) + 1
            length = 0
            kept.clear()
        length += len(rest)
        kept += rest if length <= _LONGEST_LINE else b""
    if length:
        yield offset, length, bytes(kept) if length <= _LONGEST_LINE else b""


def lines_of(store: DocumentStore, path: str) -> Iterator[Line]:
    """The lines of a store's file, gzipped or not; they lie where they do in the unpacked file.

    Raises:
        PackedError: it is gzipped and not whole, or unpacks beyond the bound.
        OSError: it cannot be read.
    """
    return lines(unpacked_pieces(store, path))


def resource_of(line: bytes, kind: str) -> Resource | None:
    """The resource a line holds; None where it holds none of that kind."""
    try:
        resource = json.loads(line)
        if b"\\ud" in line.lower():  # half of a surrogate pair is no text: neither a frame nor PostgreSQL takes it
            resource = json.loads(json.dumps(resource, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return resource if isinstance(resource, dict) and resource.get("resourceType") == kind else None


@dataclass(frozen=True)
class Surroundings:
    """What is at hand besides a file of DocumentReferences.

    Attributes:
        files: paths of the store's files.
        binaries: address by id of Binary resources that lie in NDJSON files.
        readable: whether the bytes at an address inside an NDJSON file can be had; asked only where there is a choice.
        zone: the hospital's time zone, see `moments.parse`.
    """

    files: Container[str]
    binaries: Mapping[str, str]
    readable: Callable[[str], bool] = lambda address: True
    zone: dt.tzinfo | None = None


def fhir_entries(found: Iterable[Line], path: str, uri: str, around: Surroundings) -> tuple[pl.DataFrame, int]:
    """Entries of an NDJSON file of DocumentReference resources, and how many lines hold none.

    Args:
        found: its lines.
        path: the file's path below the store.
        uri: the file's address.
        around: where the bytes of its documents may lie, and the zone of its times.
    """
    rows, without = [], 0
    for offset, length, line in found:
        if not line.strip():
            continue
        resource = resource_of(line, "DocumentReference")
        if resource is None:
            without += 1
            continue
        rows.append(_row(resource, f"{INLINE}{uri}#{offset},{length}", f"{path}:{offset}", around))
    return pl.DataFrame(rows, schema=ENTRIES, orient="row"), without


def _row(resource: Resource, inline: str, named: str, around: Surroundings) -> dict[str, Any]:
    attachment, place, is_best, others = _chosen(resource, inline, around)
    refused = place.refused
    status = fhir.string(resource.get("status"))
    if status == "entered-in-error":
        refused = "entered_in_error"
    stored = moments.parse(fhir.string(resource.get("date")), around.zone)
    authored = moments.parse(fhir.string(attachment.get("creation")), around.zone) or stored
    faults = {"no attachment": not attachment, "superseded": status == "superseded", OTHER_FORMAT: not is_best}
    return {
        "document_id": fhir.string(resource.get("id")) or f"fhir-{named}",
        "patient_id": _referred(resource.get("subject")),
        "source": "fhir",
        "uri": place.uri,
        "document_type": _said(resource.get("type")),
        "category": _said(resource.get("category")),
        "description": fhir.string(resource.get("description")) or fhir.string(attachment.get("title")),
        "authored_date": authored and authored.date,
        "authored_at": authored and authored.time,
        "stored_date": stored and stored.date,
        "stored_at": stored and stored.time,
        "declared_type": fhir.string(attachment.get("contentType")),
        "binary_id": place.binary_id,
        "refused": refused,
        "fault": "; ".join(fault for fault, holds in faults.items() if holds) or None,
        "other_formats": None if status == "entered-in-error" else other_formats.as_written(others),
        "names": _files_named(_attachments(resource)),
    }


def _attachments(resource: Resource) -> Iterator[Resource]:
    return (each for part in fhir.dicts(resource.get("content")) for each in fhir.dicts(part.get("attachment")))


def _by_preference(resource: Resource) -> list[Resource]:
    """The attachments of a document, the format whose reader keeps most of it first."""
    return sorted(_attachments(resource), key=fhir.preference)


@dataclass(frozen=True, slots=True)
class _Place:
    """Address of an attachment's bytes, id of the Binary that holds them, and why they are not looked for."""

    uri: str
    binary_id: str | None = None
    refused: str | None = None


def _chosen(resource: Resource, inline: str, around: Surroundings) -> tuple[Resource, _Place, bool, list[Format]]:
    """The attachment to read, where its bytes lie, whether no format is better, and the formats behind it."""
    attachments = _by_preference(resource)
    if len(attachments) < 2:  # no choice: what is wrong with it is found when it is read
        only = attachments[0] if attachments else {}
        return only, _place(only, inline, around), True, []
    places = [_place(attachment, inline, around) for attachment in attachments]
    choices = zip(attachments, places, strict=True)
    first = next((n for n, (a, place) in enumerate(choices) if _to_be_had(a, place, inline, around)), 0)
    behind = [
        Format(
            f"{inline},{n}" if place.uri == inline else place.uri,
            fhir.string(a.get("contentType")),
            place.binary_id,
            refused=place.refused,
        )
        for n, (a, place) in enumerate(zip(attachments, places, strict=True))
        if n > first and not (place.refused and place.uri == inline)
    ]
    return attachments[first], places[first], first == 0, behind[: other_formats.MOST]


def _to_be_had(attachment: Resource, place: _Place, inline: str, around: Surroundings) -> bool:
    if place.refused:
        return False
    if place.uri != inline:
        return not place.uri.startswith(INLINE) or around.readable(place.uri)
    try:
        return bool(_inside(attachment, DEFAULT_LIMITS))
    except UnreadableError:
        return False


def _place(attachment: Resource, inline: str, around: Surroundings) -> _Place:
    if _is_inside(attachment):
        return _Place(inline)
    url = fhir.string(attachment.get("url")) or ""
    binary = _binary_named(url)
    if binary is not None:
        held = binary_file(binary, around.files) or around.binaries.get(binary)
        named = f"Binary/{binary}" if _is_no_senders(url) else url
        return _Place(held or named, binary, None if held else "unresolved_reference")
    if _is_no_senders(url):
        return _Place(inline, refused="unresolved_reference")
    if file_named(url) in around.files:
        return _Place(file_named(url))
    return _Place(url or inline, refused="unresolved_reference" if url else "missing")


def _is_no_senders(url: str) -> bool:
    """Whether a URL is written like an address of ours, or names what every patient is in: neither is his document."""
    path = file_named(url)
    top, _, below = posixpath.normpath(path).partition("/")
    of_everybody = top in IGNORED_FOLDERS if below else top in MANIFESTS or top.endswith(ENDINGS)
    return path.startswith((INLINE, LAKE)) or of_everybody


def _binary_named(url: str) -> str | None:
    """The id of the Binary that a URL names, if it names one."""
    return url.rpartition("Binary/")[2].partition("/")[0] if "Binary/" in url else None


def binary_file(binary: str, files: Container[str]) -> str | None:
    """The file a Binary is in, by its id, if it is one of a store's files."""
    return next((path for path in _binary_files(binary) if path in files), None)


def _binary_files(binary: str) -> tuple[str, str]:
    return f"Binary/{binary}", f"Binary/{binary}.json"


def _files_named(attachments: Iterable[Resource]) -> list[str]:
    """Paths of the files that attachments name, whichever of them are there."""
    urls = [url for each in attachments if (url := fhir.string(each.get("url"))) and not url.startswith("data:")]
    binaries = [binary for url in urls if (binary := _binary_named(url))]
    return sorted({*map(file_named, urls), *(path for binary in binaries for path in _binary_files(binary))})


def file_named(url: str) -> str:
    """The path below the store that a URL may name."""
    return url.removeprefix("./")


def _is_inside(attachment: Resource) -> bool:
    """Whether an attachment's bytes are in the resource itself."""
    return bool(fhir.string(attachment.get("data")) or (fhir.string(attachment.get("url")) or "").startswith("data:"))


def _inside(attachment: Resource, limits: Limits) -> bytes:
    inline = fhir.string(attachment.get("data"))
    if inline:
        return decode_base64(inline, limits)
    return fhir.data_url(fhir.string(attachment.get("url")) or "", limits)[0]


def bytes_inside(line: bytes, limits: Limits = DEFAULT_LIMITS, attachment: int | None = None) -> bytes:
    """The document inside a line: of a Binary its data, of a DocumentReference the best of its attachments inside.

    Args:
        line: the bytes of the line.
        limits: beyond which it is refused.
        attachment: which one, in the order of preference; by default the first inside that can be decoded, as its
            entry has it.

    Raises:
        UnreadableError: there is none, or it is not base64.
    """
    binary = resource_of(line, "Binary")
    if binary is not None:
        return decode_base64(fhir.string(binary.get("data")) or "", limits)
    attachments = _by_preference(resource_of(line, "DocumentReference") or {})
    wanted = attachments if attachment is None else attachments[attachment : attachment + 1]
    refused: UnreadableError | None = None
    for each in filter(_is_inside, wanted):
        try:
            return _inside(each, limits)
        except UnreadableError as error:
            refused = refused or error
    raise refused or UnreadableError(Reason.EMPTY, "a line without a document")


def _referred(subject: object) -> str | None:
    reference = fhir.string(next(iter(fhir.dicts(subject)), {}).get("reference"))
    return reference.rpartition("Patient/")[2].partition("/")[0] or None if reference else None


def _said(concept: object) -> str | None:
    """A CodeableConcept in words: its text, else the display of its first coding."""
    for item in fhir.dicts(concept):
        displays = [fhir.string(coding.get("display")) for coding in fhir.dicts(item.get("coding"))]
        said = fhir.string(item.get("text")) or next(filter(None, displays), None)
        if said:
            return said
    return None
