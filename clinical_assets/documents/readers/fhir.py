"""FHIR JSON: DocumentReference, Binary, DiagnosticReport, Composition, and Bundles of them.

An attachment's bytes are inline (`data`), in the same Bundle or `contained` resource, in a `data:` URL, or behind a
URL that only the caller's `resolve` may follow: nothing is fetched here. Several formats of one document are one
document: the best that can be read is read. What was entered in error is never read as a fact.

Source: HL7 FHIR R4 (4.0.1); DSTU2's `Binary.content` is read too.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clinical_assets.documents.readers import html, safe_json
from clinical_assets.documents.readers.decoding import decode
from clinical_assets.documents.readers.embedded import decode_base64, verify
from clinical_assets.documents.readers.flow import FlowedText, OpenSpan
from clinical_assets.documents.readers.reading import (
    ALONE,
    Caution,
    Circumstances,
    ExtractionWarning,
    Limits,
    Reading,
    Reason,
    SpanKind,
    UnreadableError,
    clean,
)
from clinical_assets.documents.readers.sniffing import ContentType, parse_declared

NAME = "fhir"
VERSION = "2"

Resource = Mapping[str, Any]

_DEEPEST = 50
_MOST_SECTIONS = 10_000
# Of several formats of one document, the one that keeps most of its structure.
_PREFERENCE = (
    ContentType.CCDA,
    ContentType.XML,
    ContentType.HTML,
    ContentType.RTF,
    ContentType.PLAIN,
    ContentType.PDF,
)
_CODE_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://dicom.nema.org/resources/ontology/DCM": "DCM",
}
_IN_ERROR = "entered-in-error"
_NOT_FINAL = frozenset(("preliminary", "partial", "registered", "draft"))


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    """Read the documents of a FHIR resource; one `attachment` span each, Composition sections as `section` spans.

    Facts (of a single resource): `document_code`, `document_code_system`, `effective_time`, `status`, `replaces`.

    Raises:
        UnreadableError: CORRUPT or TOO_DEEP for JSON that cannot be parsed, UNSUPPORTED_TYPE for other resources,
            ENTERED_IN_ERROR, TOO_MANY_PARTS, NO_TEXT; the attachment's own reason where there is only one.
    """
    decoded = decode(data, circumstances.charset)
    resource = safe_json.parse(decoded.text, circumstances.limits)
    if not isinstance(resource, dict) or string(resource.get("resourceType")) not in _READERS:
        raise UnreadableError(Reason.UNSUPPORTED_TYPE, "JSON that is no FHIR document resource")
    documents = _Documents(circumstances, FlowedText(circumstances.limits.max_characters))
    documents.read(resource, 1)
    documents.raise_if_nothing()
    method = f"{NAME}({', '.join(sorted(documents.methods))})" if documents.methods else NAME
    cautions = (*decoded.cautions, *documents.cautions)
    return Reading(
        documents.flow.text(), method, tuple(documents.flow.spans()), cautions, decoded.encoding, _facts(resource)
    )


def dicts(value: object) -> list[Resource]:
    """The objects of a JSON value that should be a list of them; a lone object counts as a list of one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def string(value: object) -> str | None:
    """A JSON value's text without blanks around it; None where it is no text or empty."""
    return value.strip() or None if isinstance(value, str) else None


def coding(concept: object) -> tuple[str | None, str | None]:
    """A CodeableConcept's code and code system, LOINC before any other."""
    codings = [c for item in dicts(concept) for c in dicts(item.get("coding"))]
    codings.sort(key=lambda c: c.get("system") != "http://loinc.org")
    for item in codings:
        code = string(item.get("code"))
        if code:
            system = string(item.get("system"))
            return code, _CODE_SYSTEMS.get(system or "", system)
    return None, None


def _facts(resource: Resource) -> dict[str, str]:
    if resource["resourceType"] in ("Bundle", "Binary"):
        return {}
    code, system = coding(resource.get("type") or resource.get("code"))
    replaced = [
        string(target.get("reference"))
        for related in dicts(resource.get("relatesTo"))
        if related.get("code") == "replaces"
        for target in dicts(related.get("target"))
    ]
    found = {
        "document_code": code,
        "document_code_system": system,
        "effective_time": next(
            filter(None, (string(resource.get(n)) for n in ("date", "effectiveDateTime", "issued"))), None
        ),
        "status": string(resource.get("docStatus")) or string(resource.get("status")),
        "replaces": replaced[0] if replaced else None,
    }
    return {name: value for name, value in found.items() if value}


@dataclass
class _Documents:
    """One pass over a resource and what it refers to."""

    circumstances: Circumstances
    flow: FlowedText
    cautions: list[ExtractionWarning] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    refused: list[UnreadableError] = field(default_factory=list)
    resources: dict[str, Resource] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    parts: int = 0
    sections: int = 0

    def read(self, resource: Resource, level: int) -> None:
        """Read one resource by its type; other types hold no document and are passed over."""
        reader = _READERS.get(string(resource.get("resourceType")) or "")
        if reader is None:
            return
        if level > _DEEPEST:
            raise UnreadableError(Reason.TOO_DEEP, f"resources nested more than {_DEEPEST} deep")
        states = {string(resource.get("status")), string(resource.get("docStatus"))}
        if _IN_ERROR in states:
            self.refused.append(UnreadableError(Reason.ENTERED_IN_ERROR, "withdrawn by its author"))
            self.cautions.append(ExtractionWarning(Caution.ENTERED_IN_ERROR, "1 resource"))
            return
        if states & _NOT_FINAL:
            self.cautions.append(ExtractionWarning(Caution.NOT_FINAL, "1 resource"))
        for contained in dicts(resource.get("contained")):
            if string(contained.get("id")):
                self.resources[f"#{contained['id']}"] = contained
        reader(self, resource, level)

    def raise_if_nothing(self) -> None:
        if self.flow.text():
            for refused in self.refused:
                if refused.reason is not Reason.ENTERED_IN_ERROR:
                    self.cautions.append(ExtractionWarning(Caution.ATTACHMENT_NOT_READ, refused.reason.value))
            return
        raise self.refused[0] if self.refused else UnreadableError(Reason.NO_TEXT, "no attachment and no narrative")

    def bundle(self, resource: Resource, level: int) -> None:
        entries = [e for e in dicts(resource.get("entry")) if isinstance(e.get("resource"), dict)]
        for entry in entries:
            inner = entry["resource"]
            for key in (string(entry.get("fullUrl")), f"{inner.get('resourceType')}/{inner.get('id')}"):
                if key:
                    self.resources.setdefault(key, inner)
        # Documents first: they claim the Binaries they point to, the rest are documents of their own.
        for binaries in (False, True):
            for entry in entries:
                inner = entry["resource"]
                if (inner.get("resourceType") == "Binary") is binaries and id(inner) not in self.used:
                    self.read(inner, level + 1)

    def document_reference(self, resource: Resource, level: int) -> None:
        code, system = coding(resource.get("type"))
        attachments = [a for content in dicts(resource.get("content")) for a in dicts(content.get("attachment"))]
        self._best_of(attachments, level, code, system)

    def diagnostic_report(self, resource: Resource, level: int) -> None:
        code, system = coding(resource.get("code"))
        if self._best_of(dicts(resource.get("presentedForm")), level, code, system):
            return
        conclusion = string(resource.get("conclusion"))
        if conclusion:
            self._place(Reading(clean(conclusion), "conclusion"), level, None, code, system)
        else:
            self._narrative(resource, level)

    def binary(self, resource: Resource, level: int) -> None:
        self.used.add(id(resource))
        attachment = {
            "contentType": resource.get("contentType"),
            "data": resource.get("data") or resource.get("content"),
        }
        self._best_of([attachment], level, None, None)

    def composition(self, resource: Resource, level: int) -> None:
        self.flow.blank_line()
        self.flow.inline(string(resource.get("title")) or "")
        self.flow.blank_line()
        sections = dicts(resource.get("section"))
        self._sections(sections, level)
        if not sections:
            self._narrative(resource, level)

    def _sections(self, sections: Iterable[Resource], level: int) -> None:
        if level > _DEEPEST:
            raise UnreadableError(Reason.TOO_DEEP, f"sections nested more than {_DEEPEST} deep")
        for section in sections:
            self.sections += 1
            if self.sections > _MOST_SECTIONS:
                raise UnreadableError(Reason.TOO_MANY_PARTS, f"more than {_MOST_SECTIONS} sections")
            code, system = coding(section.get("code"))
            title = string(section.get("title"))
            self.flow.blank_line()
            span = self.flow.open(OpenSpan(SpanKind.SECTION, title, code, system, self.sections, level))
            self.flow.inline(title or "")
            self.flow.line()
            if not self._narrative(section, level) and not section.get("section"):
                self.cautions.append(ExtractionWarning(Caution.SECTION_WITHOUT_NARRATIVE, f"section {self.sections}"))
            self._sections(dicts(section.get("section")), level + 1)
            self.flow.close(span)

    def _narrative(self, owner: Resource, level: int) -> bool:
        for narrative in dicts(owner.get("text")):
            division = string(narrative.get("div"))
            if division:
                text, spans, cautions = html.visible_text(division, self.circumstances)
                self.cautions += cautions
                self.flow.insert(text, spans, level)
                return bool(text)
        return False

    def _best_of(self, attachments: list[Resource], level: int, code: str | None, system: str | None) -> bool:
        """Read the best readable of several formats of one document; whether there was one."""
        self.parts += len(attachments)
        if self.parts > self.circumstances.limits.max_parts:
            raise UnreadableError(Reason.TOO_MANY_PARTS, f"more than {self.circumstances.limits.max_parts} attachments")
        refused: list[UnreadableError] = []
        for attachment in sorted(attachments, key=preference):
            try:
                reading, cautions = self._attachment(attachment)
            except UnreadableError as error:
                refused.append(error)
                continue
            self.cautions += cautions
            self._place(reading, level, string(attachment.get("title")), code, system)
            others = len(attachments) - 1
            if others:
                self.cautions.append(ExtractionWarning(Caution.ALTERNATIVE_FORMAT_SKIPPED, f"{others} other formats"))
            return True
        self.refused += refused[:1]
        return False

    def _place(self, reading: Reading, level: int, title: str | None, code: str | None, system: str | None) -> None:
        self.methods.add(reading.method)
        self.cautions += reading.cautions
        self.flow.embed(reading, OpenSpan(SpanKind.ATTACHMENT, title, code, system, self.parts, level))

    def _attachment(self, attachment: Resource) -> tuple[Reading, list[ExtractionWarning]]:
        declared = string(attachment.get("contentType"))
        data, owner_type = self._bytes(attachment)
        size = attachment.get("size")
        stated = size if isinstance(size, int) and not isinstance(size, bool) else None
        cautions = verify(data, string(attachment.get("hash")), "SHA-1", stated)
        reading = self.circumstances.embedded(data, declared or owner_type)
        if not reading.text.strip():
            raise UnreadableError(Reason.NO_TEXT, "an attachment without text")
        return reading, cautions

    def _bytes(self, attachment: Resource) -> tuple[bytes, str | None]:
        inline = string(attachment.get("data"))
        if inline:
            return decode_base64(inline, self.circumstances.limits), None
        url = string(attachment.get("url"))
        if not url:
            raise UnreadableError(Reason.EMPTY, "an attachment with neither data nor url")
        held = self._held(url)
        if held is not None:
            self.used.add(id(held))
            content = string(held.get("data")) or string(held.get("content")) or ""
            return decode_base64(content, self.circumstances.limits), string(held.get("contentType"))
        if url.startswith("data:"):
            return data_url(url, self.circumstances.limits)
        data = self.circumstances.resolve(url)
        if data is None:
            raise UnreadableError(Reason.UNRESOLVED_REFERENCE, "an attachment behind a URL")
        return data, None

    def _held(self, url: str) -> Resource | None:
        """The Binary a URL names, where it came along: by full URL, by `Binary/id`, or contained."""
        keys = [url]
        if "Binary/" in url:
            keys.append("Binary/" + url.rpartition("Binary/")[2].partition("/")[0])
        return next((self.resources[key] for key in keys if key in self.resources), None)


def data_url(url: str, limits: Limits) -> tuple[bytes, str | None]:
    """The bytes of a `data:` URL and the type it states.

    Raises:
        UnreadableError: CORRUPT, BAD_BASE64, EMPTY, TOO_LARGE.
    """
    head, comma, body = url[5:].partition(",")
    if not comma:
        raise UnreadableError(Reason.CORRUPT, "a data URL without data")
    if head.endswith(";base64"):
        return decode_base64(urllib.parse.unquote(body), limits), head.removesuffix(";base64") or None
    return urllib.parse.unquote_to_bytes(body), head or None


def preference(attachment: Resource) -> int:
    """Rank of an attachment's format among those of one document; the smallest is read."""
    declared = parse_declared(string(attachment.get("contentType"))).content_type
    return _PREFERENCE.index(declared) if declared in _PREFERENCE else len(_PREFERENCE)


_READERS = {
    "Bundle": _Documents.bundle,
    "DocumentReference": _Documents.document_reference,
    "DiagnosticReport": _Documents.diagnostic_report,
    "Binary": _Documents.binary,
    "Composition": _Documents.composition,
}
