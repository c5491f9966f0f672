"""A made-up note as the bytes of a file: plain text, HTML, RTF, C-CDA, FHIR; PDF and DICOM are `pages`.

Each format comes with the layout its reader should give back. The files also hold what must not be read: scripts,
hidden and deleted text, comments. Sources of the formats: HTML 5, RTF 1.9.1, HL7 C-CDA R2.1, FHIR R4.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from clinical_assets.sample.documents.text import Layout, Note, Rows, Section, laid_out, unmarked

WRITTEN = Layout()
"""Plain text and RTF."""
MARKED_UP = Layout(after_heading="\n\n", between_blocks="\n\n")
"""HTML."""
CODED = Layout(header=False, after_heading="\n\n", between_blocks="\n\n")
"""C-CDA: patient, author and times are elements of the header, not text."""

_LOINC = "2.16.840.1.113883.6.1"
_HIDDEN = "DRAFT COPY do not use 99.9"


@dataclass(frozen=True, slots=True)
class Filed:
    """What a store knows of a note beside its words.

    Attributes:
        document_id: the note's.
        patient_id: whose it is.
        patient_name: family name, comma, given name.
        author: family name, comma, given name.
        authored_at: ISO 8601 without a zone.
        stored_at: when it could first be read.
    """

    document_id: str
    patient_id: str
    patient_name: str
    author: str
    authored_at: str
    stored_at: str


def plain(note: Note, _filed: Filed) -> bytes:
    """UTF-8."""
    return (laid_out(note, WRITTEN).text + "\n").encode()


def plain_1252(note: Note, _filed: Filed) -> bytes:
    """Windows' western code page with its line ends."""
    return (laid_out(note, WRITTEN).text + "\n").replace("\n", "\r\n").encode("cp1252", errors="replace")


def html(note: Note, _filed: Filed) -> bytes:
    """A page of a portal: headings, paragraphs, tables, inline tags within sentences, a script and hidden text."""
    body = [f"<h1>{escape(note.title)}</h1>"]
    if note.header:
        body.append("<p>" + "<br>\n".join(escape(line) for line in note.header) + "</p>")
    for section in note.sections:
        body.append(f"<h2>{escape(section.heading)}</h2>")
        body += [_html_block(block) for block in section.blocks]
    return (
        '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"><title>Document</title>\n'
        f'<style>.x {{ color: red }}</style><script>var note = "{_HIDDEN}";</script></head>\n<body>\n'
        f'<div style="display:none">{_HIDDEN}</div>\n<!-- {_HIDDEN} -->\n' + "\n".join(body) + "\n</body>\n</html>\n"
    ).encode()


def _html_block(block: str | Rows) -> str:
    if isinstance(block, str):
        words = escape(unmarked(block)).split(" ")
        # An inline tag in the middle of a sentence, and a line end of the source, separate nothing.
        middle = len(words) // 2
        words[middle] = f"<b>{words[middle]}</b>"
        return "<p>" + " ".join(words[:middle]) + ("\n  " if middle else "") + " ".join(words[middle:]) + "</p>"
    rows = ("".join(f"<td>{escape(unmarked(cell))}</td>" for cell in row) for row in block)
    return "<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in rows) + "\n</table>"


def rtf(note: Note, _filed: Filed) -> bytes:
    """What a word processor saves: font table, bold headings, tables, a deleted and a hidden passage."""
    out = [
        r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}}{\*\generator Riched20;}\f0\fs22 ",
        rf"{{\b {_rtf(note.title)}}}\par\par ",
        r"{\v " + _HIDDEN + r"}{\deleted " + _HIDDEN + "}",
    ]
    out += [_rtf(line) + r"\line " for line in note.header]
    for section in note.sections:
        out.append(rf"\par {{\b {_rtf(section.heading)}:}}\par ")
        out += [_rtf_block(block) for block in section.blocks]
    return ("\n".join(out) + "}").encode("ascii")


def _rtf_block(block: str | Rows) -> str:
    if isinstance(block, str):
        return _rtf(unmarked(block)) + r"\par "
    rows = []
    for row in block:
        edges = "".join(rf"\cellx{3000 * (i + 1)}" for i in range(len(row)))
        rows.append(rf"\trowd{edges}\intbl " + "".join(_rtf(unmarked(cell)) + r"\cell " for cell in row) + r"\row ")
    return "\n".join(rows) + r"\pard "


def _rtf(words: str) -> str:
    out = []
    for character in words:
        if character in "\\{}":
            out.append("\\" + character)
        elif character.isascii():
            out.append(character)
        else:
            code = ord(character)
            out.append(rf"\u{code - 65536 if code > 32767 else code}?")
    return "".join(out)


def ccda(note: Note, filed: Filed) -> bytes:
    """A C-CDA document with structured sections; identity and times stand in its header."""
    components = "".join(_ccda_section(section) for section in note.sections)
    family, _, given = filed.patient_name.partition(", ")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">\n'
        '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>'
        '<templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>'
        f'<id root="2.25.20" extension="{escape(filed.document_id)}"/>'
        f'<code code="{note.loinc}" codeSystem="{_LOINC}"/>\n<title>{escape(note.title)}</title>'
        f'<effectiveTime value="{_hl7_time(filed.authored_at)}"/><languageCode code="en-US"/>\n'
        f'<recordTarget><patientRole><id root="2.25.21" extension="{escape(filed.patient_id)}"/><patient><name>'
        f"<given>{escape(given)}</given><family>{escape(family)}</family></name></patient></patientRole></recordTarget>\n"
        f"<component><structuredBody>\n{components}</structuredBody></component></ClinicalDocument>\n"
    ).encode()


def _ccda_section(section: Section) -> str:
    code = f'<code code="{section.loinc}" codeSystem="{_LOINC}"/>' if section.loinc else ""
    blocks = "\n".join(_ccda_block(block) for block in section.blocks)
    return (
        f"<component><section>{code}<title>{escape(section.heading)}</title>\n"
        f"<text>{blocks}</text></section></component>\n"
    )


def _ccda_block(block: str | Rows) -> str:
    if isinstance(block, str):
        return f"<paragraph>{escape(unmarked(block))}</paragraph>"
    rows = ("".join(f"<td>{escape(unmarked(cell))}</td>" for cell in row) for row in block)
    return "<table><tbody>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</tbody></table>"


def _hl7_time(iso: str) -> str:
    return "".join(character for character in iso if character.isdigit())[:14]


def fhir(note: Note, filed: Filed) -> bytes:
    """A DocumentReference with the note as plain text in it, base64."""
    return _json(
        _reference(note, filed, {"contentType": "text/plain; charset=utf-8", "data": _b64(plain(note, filed))})
    )


def fhir_html(note: Note, filed: Filed) -> bytes:
    """A DocumentReference with the note as HTML in it."""
    return _json(_reference(note, filed, {"contentType": "text/html", "data": _b64(html(note, filed))}))


def fhir_binary(note: Note, filed: Filed) -> bytes:
    """A Binary with the note in RTF."""
    binary = {"resourceType": "Binary", "id": filed.document_id, "contentType": "application/rtf"}
    return _json({**binary, "data": _b64(rtf(note, filed))})


def _reference(note: Note, filed: Filed, attachment: Mapping[str, str]) -> dict[str, object]:
    return {
        "resourceType": "DocumentReference",
        "id": filed.document_id,
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": note.loinc}], "text": note.title},
        "subject": {"reference": f"Patient/{filed.patient_id}"},
        "date": f"{filed.authored_at}Z",
        "content": [{"attachment": dict(attachment)}],
    }


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _json(resource: object) -> bytes:
    return json.dumps(resource, ensure_ascii=False, indent=1).encode()
