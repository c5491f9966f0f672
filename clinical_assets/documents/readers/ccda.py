"""C-CDA documents: narrative by section, with the sections' LOINC codes; unstructured bodies by their own reader.

The narrative is what the author attested; the coded entries are not turned into sentences. Text attached to an entry
in another format (RTF, PDF) is read only where no narrative says the same. Document fragments that begin at a
`section` are read too.

Source: HL7 CDA R2 (narrative block, `nonXMLBody`), C-CDA R2.1 section templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from clinical_assets.documents.readers import html, safe_xml
from clinical_assets.documents.readers.embedded import decode_base64, decompress, verify
from clinical_assets.documents.readers.flow import FlowedText, OpenSpan
from clinical_assets.documents.readers.markup import Dialect, Role, RoleOfTag, Walker
from clinical_assets.documents.readers.reading import (
    ALONE,
    Caution,
    Circumstances,
    ExtractionWarning,
    Reading,
    Reason,
    SpanKind,
    UnreadableError,
)
from clinical_assets.documents.readers.safe_xml import Element, attribute, local_name
from clinical_assets.documents.readers.sniffing import type_name

NAME = "ccda"
VERSION = "2"

_ROOTS = frozenset(("ClinicalDocument", "structuredBody", "section", "nonXMLBody"))
_DEEPEST_SECTION = 50
_ROLE_OF_NAME: dict[str, Role] = {
    "paragraph": Role.PARAGRAPH,
    "list": Role.PARAGRAPH,
    "item": Role.BLOCK,
    "caption": Role.BLOCK,
    "content": Role.INLINE,
    "linkHtml": Role.INLINE,
    "footnote": Role.WORD,
    "footnoteRef": Role.UNSEEN,
    "reference": Role.UNSEEN,
    "renderMultiMedia": Role.REPLACED,
    "col": Role.UNSEEN,
    "colgroup": Role.UNSEEN,
}
# Code systems by OID. Source: HL7 OID registry.
_CODE_SYSTEMS = {
    "2.16.840.1.113883.6.1": "LOINC",
    "2.16.840.1.113883.6.96": "SNOMED CT",
    "1.2.840.10008.2.16.4": "DCM",
}


def code_system(oid: str | None) -> str | None:
    """A code system's name by its OID, the OID itself where we have no name."""
    return _CODE_SYSTEMS.get(oid, oid) if oid else None


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    """Read a C-CDA document or section.

    One `section` span per section, nested sections one level deeper, with title, code and code system; one
    `attachment` span per embedded document. Facts: `document_code`, `effective_time`, `author_time` (HL7 timestamps
    as written), `replaces`.

    Raises:
        UnreadableError: ENTITIES_REFUSED, CORRUPT, TOO_DEEP, TOO_LONG; UNSUPPORTED_TYPE for other XML; what the
            embedded body's reader raises, where the document has nothing else; UNRESOLVED_REFERENCE for a body kept
            elsewhere.
    """
    root, decoded = safe_xml.parse(data, circumstances)
    if local_name(root) not in _ROOTS:
        raise UnreadableError(Reason.UNSUPPORTED_TYPE, "XML that is no clinical document")
    # Nothing can be attached where these words do not occur, and most documents consist of entries for the most part.
    attached = "mediaType" in decoded.text or "representation" in decoded.text
    document = _Document(circumstances, FlowedText(circumstances.limits.max_characters), attached)
    document.write(root)
    method = f"{NAME}({', '.join(sorted(document.methods))})" if document.methods else NAME
    return Reading(
        document.flow.text(),
        method,
        tuple(document.flow.spans()),
        (*decoded.cautions, *document.cautions),
        decoded.encoding,
        _facts(root),
    )


def _facts(root: Element) -> dict[str, str]:
    if local_name(root) != "ClinicalDocument":
        return {}
    replaced = [
        child(related, "parentDocument", "id")
        for related in children(root, "relatedDocument")
        if related.get("typeCode") == "RPLC"
    ]
    found = {
        "document_code": attribute(child(root, "code"), "code"),
        "document_code_system": code_system(attribute(child(root, "code"), "codeSystem")),
        "effective_time": attribute(child(root, "effectiveTime"), "value"),
        "author_time": attribute(child(root, "author", "time"), "value"),
        "replaces": "^".join(filter(None, (attribute(replaced[0], "root"), attribute(replaced[0], "extension"))))
        if replaced
        else None,
    }
    return {name: value for name, value in found.items() if value}


def _role_of_tag(tag: str) -> Role:
    """CDA's narrative elements; senders also write HTML's, which are read as HTML."""
    name = tag.rpartition("}")[2]
    return _ROLE_OF_NAME.get(name) or html.role_of_tag(name)


def _revised(element: Element, role: Role) -> Role:
    return Role.STRUCK if element.get("revised") == "delete" else role


@dataclass
class _Document:
    """One pass over a document: sections in order, then whatever its body embeds."""

    circumstances: Circumstances
    flow: FlowedText
    attached: bool
    cautions: list[ExtractionWarning] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    sections: int = 0
    attachments: int = 0

    def __post_init__(self) -> None:
        dialect = Dialect(RoleOfTag({}, _role_of_tag), _revised, self._multimedia)
        self._walker = Walker(dialect, self.flow, self.circumstances.limits.max_depth)

    def write(self, root: Element) -> None:
        name = local_name(root)
        if name == "section":
            self._section(root, 1)
        elif name == "nonXMLBody":
            self._body(root)
        elif name == "structuredBody":
            self._sections(children(root, "component"), 1)
        else:
            self.flow.inline(_plain(child(root, "title")))
            for component in children(root, "component"):
                for part in component:
                    if local_name(part) == "structuredBody":
                        self._sections(children(part, "component"), 1)
                    elif local_name(part) == "nonXMLBody":
                        self._body(part)

    def _sections(self, components: Iterable[Element], level: int) -> None:
        if level > _DEEPEST_SECTION:
            raise UnreadableError(Reason.TOO_DEEP, f"sections nested more than {_DEEPEST_SECTION} deep")
        for component in components:
            for part in component:
                if local_name(part) == "section":
                    self._section(part, level)

    def _section(self, section: Element, level: int) -> None:
        self.sections += 1
        parts, components = _parts(section)
        code, narrative, heading = parts.get("code"), parts.get("text"), _plain(parts.get("title"))
        span = OpenSpan(
            SpanKind.SECTION,
            heading or attribute(code, "displayName"),
            attribute(code, "code"),
            code_system(attribute(code, "codeSystem")),
            self.sections,
            level,
        )
        self.flow.blank_line()
        self.flow.open(span)
        self.flow.inline(heading)
        self.flow.line()
        before = len(self.flow)
        if narrative is not None:
            self._narrative(narrative)
        has_narrative = len(self.flow) > before
        texts = list(_attached_texts(section)) if self.attached else []
        narrated = _narrated(narrative) if narrative is not None and any(map(_refers_within, texts)) else frozenset()
        attached = [self._entry_text(text, narrated, level) for text in texts]
        nested = any(child(component, "section") is not None for component in components)
        if not has_narrative and not any(attached) and not nested:
            self.cautions.append(ExtractionWarning(Caution.SECTION_WITHOUT_NARRATIVE, _code_only(span.code)))
        self._sections(components, level + 1)
        self.flow.close(span)
        self.flow.blank_line()

    def _narrative(self, text: Element) -> None:
        if not len(text) and "\n" in (text.text or "").strip():
            # Text without any markup keeps its lines: a list of findings must not become one sentence.
            for line in text.text.splitlines():
                self.flow.inline(line)
                self.flow.line()
            return
        self._walker.walk(text)
        self.flow.blank_line()
        self.cautions += self._walker.cautions()

    def _multimedia(self, element: Element, flow: FlowedText) -> None:
        del element
        flow.space()
        self.cautions.append(ExtractionWarning(Caution.IMAGE_NOT_READ, "1 elements"))

    def _entry_text(self, text: Element, narrated: Set[str], level: int) -> bool:
        """Text attached to an entry: read unless the narrative it refers to is there, kept elsewhere, or an image."""
        reference = attribute(child(text, "reference"), "value")
        body = _own_text(text)
        media_type = attribute(text, "mediaType") or ""
        if not body.strip():
            if reference and not reference.startswith("#"):
                self.cautions.append(ExtractionWarning(Caution.EXTERNAL_REFERENCE, type_name(media_type)))
            return False
        if media_type.startswith("image/"):
            self.cautions.append(ExtractionWarning(Caution.IMAGE_NOT_READ, type_name(media_type)))
            return False
        if reference and reference.startswith("#") and reference[1:] in narrated:
            self.cautions.append(ExtractionWarning(Caution.ALTERNATIVE_FORMAT_SKIPPED, type_name(media_type)))
            return False
        try:
            self._embed(text, body, level + 1)
        except UnreadableError as refused:
            detail = f"{refused.reason.value} ({type_name(media_type)})"
            self.cautions.append(ExtractionWarning(Caution.ATTACHMENT_NOT_READ, detail))
            return False
        return True

    def _body(self, body: Element) -> None:
        for text in children(body, "text"):
            content = _own_text(text)
            reference = attribute(child(text, "reference"), "value")
            if not content.strip() and reference:
                data = self.circumstances.resolve(reference)
                if data is None:
                    raise UnreadableError(Reason.UNRESOLVED_REFERENCE, "the body is kept in another document")
                self._place(data, attribute(text, "mediaType"), 1)
            else:
                self._embed(text, content, 1)

    def _embed(self, text: Element, body: str, level: int) -> None:
        media_type = attribute(text, "mediaType")
        if (attribute(text, "representation") or "TXT").upper() == "B64":
            data = decode_base64(body, self.circumstances.limits)
            compression = attribute(text, "compression")
            data = decompress(data, compression, self.circumstances.limits) if compression else data
            integrity = attribute(text, "integrityCheck"), attribute(text, "integrityCheckAlgorithm")
            self.cautions += verify(data, *integrity)
            self._place(data, media_type, level)
        else:
            self._place(body.encode("utf-8"), f"{media_type or 'text/plain'}; charset=utf-8", level)

    def _place(self, data: bytes, media_type: str | None, level: int) -> None:
        reading = self.circumstances.embedded(data, media_type)
        self.attachments += 1
        self.methods.add(reading.method)
        self.cautions += reading.cautions
        self.flow.embed(reading, OpenSpan(SpanKind.ATTACHMENT, number=self.attachments, level=level))


def children(element: Element, name: str) -> Iterator[Element]:
    """The child elements of that name in any namespace or none; compared in C, as entries are nine parts in ten."""
    found: Iterator[Element] = element.iterchildren("{*}" + name)
    return found


_PARTS = ("{*}code", "{*}title", "{*}text", "{*}component")


def _parts(section: Element) -> tuple[dict[str, Element], list[Element]]:
    """A section's code, title and text by name, and its components. Gone through once: its entries may be thousands."""
    found: dict[str, Element] = {}
    components = []
    for part in section.iterchildren(*_PARTS):
        name = local_name(part)
        if name == "component":
            components.append(part)
        else:
            found.setdefault(name, part)
    return found, components


def child(element: Element, *path: str) -> Element | None:
    """The first element along a path of names, or None."""
    for name in path:
        element = next(children(element, name), None)
        if element is None:
            return None
    return element


def _attached_texts(section: Element) -> Iterator[Element]:
    """The `text` and `value` elements of a section's own entries that carry or point to other media."""
    for entry in children(section, "entry"):
        for element in entry.iter("{*}text", "{*}value"):
            if element.get("mediaType") or element.get("representation"):
                yield element


def _refers_within(text: Element) -> bool:
    reference = child(text, "reference")
    return reference is not None and (reference.get("value") or "").lstrip().startswith("#")


def _narrated(narrative: Element) -> Set[str]:
    """The identifiers of a narrative's elements that hold text: one pass, however many entries refer to them."""
    from lxml import etree

    found: set[str] = set()
    holds_text: list[bool] = []
    for event, element in etree.iterwalk(narrative, events=("start", "end")):
        if event == "start":
            holds_text.append(bool(element.text and element.text.strip()))
            continue
        held = holds_text.pop()
        if held and element.get("ID"):
            found.add(element.get("ID"))
        if holds_text and (held or (element.tail and element.tail.strip())):
            holds_text[-1] = True
    return found


def _own_text(element: Element) -> str:
    """Character data directly inside, around any children: base64 beside a `reference`."""
    return (element.text or "") + "".join(inner.tail or "" for inner in element)


def _plain(element: Element | None) -> str:
    if element is None:
        return ""
    written = "".join(element.itertext()) if len(element) else element.text or ""
    return " ".join(written.split())


def _code_only(code: str | None) -> str:
    """A section code for a caution; anything that does not look like a code is not repeated."""
    if code and len(code) <= 20 and any(c.isdigit() for c in code) and all(c.isalnum() or c in "-." for c in code):
        return code
    return "no code"
