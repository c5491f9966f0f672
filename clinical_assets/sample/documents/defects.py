"""Files that are not what they should be: what every document store holds some of, each with the reason to refuse it.

The rest of the hospital's documents must be read although these are among them.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from clinical_assets.sample.documents import formats
from clinical_assets.sample.documents.formats import Filed
from clinical_assets.sample.documents.pages import assembled, pdf
from clinical_assets.sample.documents.text import Note

READ = "read"
"""The document is damaged or mislabelled, and its text can be had all the same."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A way of being broken.

    Attributes:
        name: of the defect.
        suffix: of the file.
        content_type: as declared, which may be wrong.
        expected: reason code of the refusal, or `READ`.
        write: the bytes.
    """

    name: str
    suffix: str
    content_type: str
    expected: str
    write: Callable[[Note, Filed], bytes]


def _zip(note: Note, filed: Filed) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("note.txt"), formats.plain(note, filed))
    return out.getvalue()


def _laughs(_note: Note, _filed: Filed) -> bytes:
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{entities}]>'
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>&l9;</title></ClinicalDocument>'
    ).encode()


def _wrong_base64(_note: Note, filed: Filed) -> bytes:
    attachment = {"contentType": "text/plain", "data": "U3VyZ2Vye*!=="}
    resource = {"resourceType": "DocumentReference", "id": filed.document_id, "status": "current"}
    return json.dumps({**resource, "content": [{"attachment": attachment}]}).encode()


def _encrypted(_note: Note, _filed: Filed) -> bytes:
    return assembled([b"BT ET"]).replace(
        b"/Root 1 0 R", b"/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /O <00> /U <00> /P -4 >> /ID [<00> <00>]"
    )


DEFECTS: tuple[Defect, ...] = (
    Defect("empty", "txt", "text/plain", "empty", lambda _note, _filed: b""),
    Defect("blank", "txt", "text/plain", "empty", lambda _note, _filed: b" \r\n\r\n"),
    Defect("truncated PDF", "pdf", "application/pdf", "corrupt", lambda note, filed: pdf(note, filed)[:-200]),
    Defect("zip called PDF", "pdf", "application/pdf", "unsupported_type", _zip),
    Defect("encrypted PDF", "pdf", "application/pdf", "encrypted", _encrypted),
    Defect("truncated RTF", "rtf", "application/rtf", "corrupt", lambda note, filed: formats.rtf(note, filed)[:60]),
    Defect("cut XML", "xml", "application/xml", "corrupt", lambda note, filed: formats.ccda(note, filed)[:-90]),
    Defect("entities", "xml", "application/xml", "entities_refused", _laughs),
    Defect("wrong base64", "json", "application/fhir+json", "bad_base64", _wrong_base64),
    Defect("nested HTML", "html", "text/html", "too_deep",
           lambda _note, _filed: b"<html><body>" + b"<div>" * 20_000 + b"x</body></html>"),
    Defect("wrong encoding", "txt", "text/plain; charset=utf-8", READ, formats.plain_1252),
    Defect("RTF called text", "txt", "text/plain", READ, formats.rtf),
    Defect("HTML called PDF", "pdf", "application/pdf", READ, formats.html),
)  # fmt: skip
