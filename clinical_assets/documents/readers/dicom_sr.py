"""DICOM structured reports: the content tree as text; encapsulated documents by their own reader.

Containers are headings, leaves are lines "concept: value unit", modifiers stand on the line of what they modify
("Finding: Mass;
Laterality: Left"). Images and other DICOM objects have no text and are refused.

Source: DICOM PS3.3 C.17.3 (SR document content), C.24 (encapsulated documents), PS3.4 B.5 (SOP classes).
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from clinical_assets.documents.readers import dicom_elements
from clinical_assets.documents.readers.embedded import inflated
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
)

NAME = "dicom"
VERSION = "2"

Item = Any  # pydicom's datasets, or `dicom_elements.Elements`

_STRUCTURED_REPORT = "1.2.840.10008.5.1.4.1.1.88."
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
_DEEPEST = 100
_SCHEMES = {"LN": "LOINC", "SCT": "SNOMED CT", "SRT": "SNOMED RT"}
_MODIFIERS = frozenset(("HAS CONCEPT MOD", "HAS PROPERTIES"))
_REFERENCES = frozenset(("IMAGE", "COMPOSITE", "WAVEFORM"))
# PS3.3 C.17.2: what makes a report less than final.
_NOT_FINAL = {"CompletionFlag": "PARTIAL", "VerificationFlag": "UNVERIFIED", "PreliminaryFlag": "PRELIMINARY"}
_VALUE = {
    "TEXT": "TextValue",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "DateTime",
    "PNAME": "PersonName",
}


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    """Read a structured report or an encapsulated document.

    One `section` span per container with its concept's code. Facts: `document_code`, `document_code_system`,
    `effective_time` (ContentDate and ContentTime as written).

    Raises:
        UnreadableError: CORRUPT, TOO_DEEP, TOO_LONG; TOO_LARGE for a deflated data set that inflates beyond the limit
            of a document; UNSUPPORTED_TYPE for other objects; NO_TEXT for an empty report.
        RecursionError: sequences are nested deeper than pydicom can follow from here; see `whole_stack`.
    """
    with _silent():
        try:
            return _read(_parse(data, circumstances.limits), circumstances)
        except (UnreadableError, MemoryError, RecursionError):  # how deep the stack is may be the caller's doing
            raise
        except Exception as error:  # pydicom raises whatever a damaged element happens to cause
            raise UnreadableError(Reason.CORRUPT, f"DICOM: {type(error).__name__}") from None


@contextmanager
def _silent() -> Iterator[None]:
    """Pydicom's warnings and log lines repeat the values they complain about, which are patients' data."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)


# Data Set Trailing Padding (PS3.10, 7.2), the last element a data set can have.
_SENTINEL_TAG, _SENTINEL = 0xFFFCFFFC, b"the end."


_DEFLATED, _EXPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0"


class _DeflatedError(Exception):
    """The data set of a DICOM file is deflated.

    Attributes:
        begins: its place in the file.
    """

    def __init__(self, begins: int) -> None:
        super().__init__(begins)
        self.begins = begins


class _File(io.BytesIO):
    """A DICOM file for pydicom, which gets no further than to a deflated data set.

    Pydicom inflates whatever there is, whole and at once (PS3.5, A.5): a file of a hundred kilobytes takes gigabytes. A
    deflated data set is all that it reads without saying how much.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise _DeflatedError(self.tell())
        return super().read(size)


def _parse(data: bytes, limits: Limits) -> Item:
    """The data set, refused where the file was cut, before or after it was deflated."""
    try:
        return _data_set(data)
    except _DeflatedError as deflated:
        inflated_once = _not_deflated(data, deflated.begins, limits)
    return _data_set(inflated_once)


def _data_set(data: bytes) -> Item:
    """The data set of a file in which it is not deflated.

    Pydicom reads a cut file without complaint and returns half a sentence. An element appended at the end is found
    again only if every element before it was complete. What is regular to its last byte needs neither.
    """
    regular = dicom_elements.data_set(data)
    if regular is not None and regular.get("SOPClassUID", "").startswith((_STRUCTURED_REPORT, _ENCAPSULATED)):
        return regular
    import pydicom

    head = pydicom.dcmread(_File(data), stop_before_pixels=True, specific_tags=["SOPClassUID"])
    if not str(head.get("SOPClassUID", "")).startswith((_STRUCTURED_REPORT, _ENCAPSULATED)):
        return head
    syntax = head.file_meta.get("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian)
    pack = "<" if syntax.is_little_endian else ">"
    tag = struct.pack(f"{pack}HH", 0xFFFC, 0xFFFC)
    length = struct.pack(f"{pack}I", len(_SENTINEL))
    closed = data + tag + (b"" if syntax.is_implicit_VR else b"OB\x00\x00") + length + _SENTINEL
    dataset = pydicom.dcmread(_File(closed))
    if _SENTINEL_TAG not in dataset or bytes(dataset[_SENTINEL_TAG].value) != _SENTINEL:
        raise UnreadableError(Reason.CORRUPT, "the DICOM file ends inside an element")
    return dataset


def _not_deflated(data: bytes, begins: int, limits: Limits) -> bytes:
    """The same file in explicit VR little endian, which is what was deflated (PS3.5, A.5)."""
    head = data[:begins].replace(_DEFLATED, _EXPLICIT)
    return head + inflated(data[begins:], -zlib.MAX_WBITS, limits)


def _read(dataset: Item, circumstances: Circumstances) -> Reading:
    sop_class = str(dataset.get("SOPClassUID", ""))
    if sop_class.startswith(_ENCAPSULATED):
        return _encapsulated(dataset, circumstances)
    if not sop_class:
        raise UnreadableError(Reason.CORRUPT, "a DICOM object without its class")
    if not sop_class.startswith(_STRUCTURED_REPORT):
        raise UnreadableError(Reason.UNSUPPORTED_TYPE, "a DICOM object that is no report")
    report = _Report(FlowedText(circumstances.limits.max_characters))
    concept = _concept(dataset)
    report.flow.inline(concept.meaning)
    report.flow.blank_line()
    report.children(dataset, 1)
    if not report.lines:
        raise UnreadableError(Reason.NO_TEXT, "a report without content")
    return Reading(
        report.flow.text(),
        NAME,
        tuple(report.flow.spans()),
        (*report.cautions(), *_states(dataset)),
        None,
        _facts(dataset, concept),
    )


def _encapsulated(dataset: Item, circumstances: Circumstances) -> Reading:
    document = bytes(dataset.get("EncapsulatedDocument") or b"")
    length = int(dataset.get("EncapsulatedDocumentLength") or len(document))
    if not document:
        raise UnreadableError(Reason.EMPTY, "an encapsulated document without content")
    media_type = str(dataset.get("MIMETypeOfEncapsulatedDocument") or "") or None
    reading = circumstances.embedded(document[:length], media_type)
    flow = FlowedText(circumstances.limits.max_characters)
    concept = _concept(dataset)
    flow.embed(reading, OpenSpan(SpanKind.ATTACHMENT, None, concept.code, concept.system, 1))
    method = f"{NAME}({reading.method})"
    facts = _facts(dataset, concept)
    return Reading(flow.text(), method, tuple(flow.spans()), reading.cautions, reading.encoding, facts)


@dataclass(frozen=True, slots=True)
class _Concept:
    meaning: str = ""
    code: str | None = None
    system: str | None = None


def _coded(sequence: Iterable[Item] | None) -> _Concept:
    for item in sequence or ():
        code = next((str(item.get(k)) for k in ("CodeValue", "LongCodeValue", "URNCodeValue") if item.get(k)), None)
        scheme = str(item.get("CodingSchemeDesignator") or "") or None
        return _Concept(str(item.get("CodeMeaning") or code or ""), code, _SCHEMES.get(scheme or "", scheme))
    return _Concept()


def _concept(item: Item) -> _Concept:
    return _coded(item.get("ConceptNameCodeSequence"))


def _facts(dataset: Item, concept: _Concept) -> dict[str, str]:
    date, time = str(dataset.get("ContentDate") or ""), str(dataset.get("ContentTime") or "")
    found = {
        "document_code": concept.code,
        "document_code_system": concept.system,
        "effective_time": date + time.partition(".")[0] if date else None,
    }
    return {name: value for name, value in found.items() if value}


def _states(dataset: Item) -> list[ExtractionWarning]:
    return [
        ExtractionWarning(Caution.NOT_FINAL, state)
        for keyword, state in _NOT_FINAL.items()
        if str(dataset.get(keyword) or "") == state
    ]


@dataclass
class _Report:
    """One pass over a content tree."""

    flow: FlowedText
    lines: int = 0
    sections: int = 0
    references: int = 0
    unread: set[str] = field(default_factory=set)

    def cautions(self) -> list[ExtractionWarning]:
        if not self.references:
            return []
        return [ExtractionWarning(Caution.EXTERNAL_REFERENCE, f"{self.references} referenced objects")]

    def children(self, parent: Item, level: int) -> None:
        if level > _DEEPEST:
            raise UnreadableError(Reason.TOO_DEEP, f"content nested more than {_DEEPEST} deep")
        for item in parent.get("ContentSequence") or ():
            self._item(item, level)

    def _item(self, item: Item, level: int) -> None:
        kind = str(item.get("ValueType") or "")
        if kind == "CONTAINER":
            self._container(item, level)
            return
        if kind in _REFERENCES:
            self.references += 1
        line = self._line(item)
        if line:
            self.lines += 1
            self.flow.line()
            self._write(line)
        for child in item.get("ContentSequence") or ():
            if not _is_modifier(child):
                self._item(child, level + 1)

    def _write(self, line: str) -> None:
        """A report's text keeps its own line ends."""
        for part in line.splitlines():
            self.flow.inline(part)
            self.flow.line()

    def _container(self, item: Item, level: int) -> None:
        concept = _concept(item)
        self.sections += 1
        self.flow.blank_line()
        span = OpenSpan(SpanKind.SECTION, concept.meaning or None, concept.code, concept.system, self.sections, level)
        self.flow.open(span)
        self.flow.inline(concept.meaning)
        self.flow.line()
        self.children(item, level + 1)
        self.flow.close(span)
        self.flow.blank_line()

    def _line(self, item: Item) -> str:
        """One leaf with its modifiers, e.g. `Diameter: 12.5 mm; Laterality: Left`; empty for references."""
        value = _value(item)
        if not value:
            return ""
        meaning = _concept(item).meaning
        modifiers = [self._line(child) for child in item.get("ContentSequence") or () if _is_modifier(child)]
        return "; ".join(filter(None, [f"{meaning}: {value}" if meaning else value, *modifiers]))


def _is_modifier(item: Item) -> bool:
    return str(item.get("RelationshipType") or "") in _MODIFIERS and str(item.get("ValueType") or "") != "CONTAINER"


def _value(item: Item) -> str:
    kind = str(item.get("ValueType") or "")
    if kind == "NUM":
        return _measured(item)
    if kind == "CODE":
        return _coded(item.get("ConceptCodeSequence")).meaning
    written = item.get(_VALUE[kind]) if kind in _VALUE else None
    text = "" if written is None else str(written)
    return " ".join(text.replace("^", " ").split()) if kind == "PNAME" else text.strip()


def _measured(item: Item) -> str:
    """A number with its unit as coded; where there is none, why (PS3.3 C.18.1: qualifier such as "not measurable")."""
    for measured in item.get("MeasuredValueSequence") or ():
        unit = _coded(measured.get("MeasurementUnitsCodeSequence"))
        # UCUM's 1 is "no units".
        name = "" if unit.code == "1" else unit.code or unit.meaning
        return f"{measured.get('NumericValue')} {name}".strip()
    return _coded(item.get("NumericValueQualifierCodeSequence")).meaning
