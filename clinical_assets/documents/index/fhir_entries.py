"""FHIR DocumentReference resources as entries of the index, one per resource; and the bytes inside a resource's line.

Of several formats of one document the one whose reader keeps most is taken. An attachment's bytes are in the resource
(`data`, a `data:` URL), in a Binary of the same store, or in a file of the store; nothing is fetched from elsewhere.

Source: FHIR R4 DocumentReference, Attachment, Binary; Bulk Data Access (NDJSON files named after the resource).
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from clinical_assets.documents import moments
from clinical_assets.documents.index.entries import ENTRIES
from clinical_assets.documents.readers import fhir
from clinical_assets.documents.readers.embedded import decode_base64
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits

Resource = Mapping[str, Any]
Line = tuple[int, int, bytes]
"""Offset, length and bytes of a line of an NDJSON file."""
INLINE = "fhir+"
"""Before the address of an NDJSON file, with `#offset,length` behind it: the document inside that line."""
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


def resource_of(line: bytes, kind: str) -> Resource | None:
    """The resource a line holds; None where it holds none of that kind."""
    try:
        resource = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return resource if isinstance(resource, dict) and resource.get("resourceType") == kind else None


def fhir_entries(
    found: Iterable[Line], path: str, uri: str, files: Container[str], binaries: Mapping[str, str]
) -> tuple[pl.DataFrame, int]:
    """Entries of an NDJSON file of DocumentReference resources, and how many lines hold none.

    Args:
        found: its lines.
        path: the file's path below the store.
        uri: the file's address.
        files: paths of the store's files, to find `Binary/<id>` among.
        binaries: address by id of Binary resources that lie in NDJSON files.
    """
    rows, without = [], 0
    for offset, length, line in found:
        if not line.strip():
            continue
        resource = resource_of(line, "DocumentReference")
        if resource is None:
            without += 1
            continue
        rows.append(_row(resource, f"{INLINE}{uri}#{offset},{length}", f"{path}:{offset}", files, binaries))
    return pl.DataFrame(rows, schema=ENTRIES, orient="row"), without


def _row(
    resource: Resource, inline: str, named: str, files: Container[str], binaries: Mapping[str, str]
) -> dict[str, Any]:
    attachment = best_attachment(resource)
    uri, binary_id, refused = _place(attachment, inline, files, binaries)
    status = fhir.string(resource.get("status"))
    if status == "entered-in-error":
        refused = "entered_in_error"
    stored = moments.parse(fhir.string(resource.get("date")))
    authored = moments.parse(fhir.string(attachment.get("creation"))) or stored
    return {
        "document_id": fhir.string(resource.get("id")) or f"fhir-{named}",
        "patient_id": _referred(resource.get("subject")),
        "source": "fhir",
        "uri": uri,
        "document_type": _said(resource.get("type")),
        "category": _said(resource.get("category")),
        "description": fhir.string(resource.get("description")) or fhir.string(attachment.get("title")),
        "authored_date": authored and authored.date,
        "authored_at": authored and authored.time,
        "stored_date": stored and stored.date,
        "stored_at": stored and stored.time,
        "declared_type": fhir.string(attachment.get("contentType")),
        "binary_id": binary_id,
        "refused": refused,
        "fault": "superseded" if status == "superseded" else None if attachment else "no attachment",
    }


def best_attachment(resource: Resource) -> Resource:
    """The attachment to read: of the format its reader keeps most of; empty where there is none."""
    content = fhir.dicts(resource.get("content"))
    attachments = [attachment for part in content for attachment in fhir.dicts(part.get("attachment"))]
    return min(attachments, key=fhir.preference, default={})


def _place(
    attachment: Resource, inline: str, files: Container[str], binaries: Mapping[str, str]
) -> tuple[str, str | None, str | None]:
    """Address of the bytes, id of the Binary that holds them, and why they are not looked for."""
    url = fhir.string(attachment.get("url")) or ""
    if fhir.string(attachment.get("data")) or url.startswith("data:"):
        return inline, None, None
    if "Binary/" in url:
        binary = url.rpartition("Binary/")[2].partition("/")[0]
        held = next((p for p in (f"Binary/{binary}", f"Binary/{binary}.json") if p in files), binaries.get(binary))
        return held or url, binary, None if held else "unresolved_reference"
    path = url.removeprefix("./")
    if path in files:
        return path, None, None
    return url or inline, None, "unresolved_reference" if url else "missing"


def bytes_inside(line: bytes, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The document inside a line: of a DocumentReference its best attachment, of a Binary its data.

    Raises:
        UnreadableError: there is none, or it is not base64.
    """
    binary = resource_of(line, "Binary")
    if binary is not None:
        return decode_base64(fhir.string(binary.get("data")) or "", limits)
    attachment = best_attachment(resource_of(line, "DocumentReference") or {})
    inline = fhir.string(attachment.get("data"))
    if inline:
        return decode_base64(inline, limits)
    return fhir.data_url(fhir.string(attachment.get("url")) or "", limits)[0]


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
