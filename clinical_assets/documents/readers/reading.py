"""What every reader takes and gives: limits, readings, spans, cautions and the reasons a document is refused.

A reader turns bytes into a `Reading`: clean text with a map of its pages, sections and attachments as character
offsets into that very text, so that `text[span.start:span.end]` is always the passage. A document that cannot be
trusted in full is refused with a `Reason`: half a document is never passed on as a whole one.

No reader, no dispatch and no content sniffing lives here. Details of cautions and refusals carry counts, page numbers,
codes and library error names, never words of the document.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any, Final


class Reason(enum.StrEnum):
    """Why a document gave no text."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_LONG = "too_long"
    TOO_DEEP = "too_deep"
    TOO_MANY_PARTS = "too_many_parts"
    UNSUPPORTED_TYPE = "unsupported_type"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    ENTITIES_REFUSED = "entities_refused"
    BAD_BASE64 = "bad_base64"
    UNDECODABLE = "undecodable"
    NO_TEXT = "no_text"
    UNRESOLVED_REFERENCE = "unresolved_reference"
    ENTERED_IN_ERROR = "entered_in_error"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_DIED = "worker_died"
    READER_ERROR = "reader_error"
    SOURCE_UNREADABLE = "source_unreadable"
    SOURCE_CHANGED = "source_changed"

    @property
    def about_the_bytes(self) -> bool:
        """True where the same bytes always fail, so that the failure may be cached."""
        return self not in _ABOUT_THE_CIRCUMSTANCES


_ABOUT_THE_CIRCUMSTANCES = frozenset(
    {
        Reason.UNRESOLVED_REFERENCE,
        Reason.TIMED_OUT,
        Reason.OUT_OF_MEMORY,
        Reason.WORKER_DIED,
        Reason.READER_ERROR,
        Reason.SOURCE_UNREADABLE,
        Reason.SOURCE_CHANGED,
    }
)


class Caution(enum.StrEnum):
    """What a reader of the text should know about how it came to be."""

    DECLARED_TYPE_MISMATCH = "declared_type_mismatch"
    ENCODING_MISMATCH = "encoding_mismatch"
    ENCODING_GUESSED = "encoding_guessed"
    UNDECODABLE_BYTES = "undecodable_bytes"
    POSSIBLE_MOJIBAKE = "possible_mojibake"
    HIDDEN_TEXT_DROPPED = "hidden_text_dropped"
    DELETED_TEXT_DROPPED = "deleted_text_dropped"
    STYLE_RULE_NOT_APPLIED = "style_rule_not_applied"
    TRUNCATED_MARKUP = "truncated_markup"
    IMAGE_NOT_READ = "image_not_read"
    EMBEDDED_FILE_NOT_READ = "embedded_file_not_read"
    FORM_NOT_READ = "form_not_read"
    PAGE_WITHOUT_TEXT = "page_without_text"
    PAGE_READ_BY_OCR = "page_read_by_ocr"
    PAGE_UNREADABLE = "page_unreadable"
    UNMAPPED_GLYPHS = "unmapped_glyphs"
    OCR_FAILED = "ocr_failed"
    OCR_DOUBTFUL = "ocr_doubtful"
    SUPERSCRIPT_MARKED = "superscript_marked"
    SECTION_WITHOUT_NARRATIVE = "section_without_narrative"
    ATTACHMENT_NOT_READ = "attachment_not_read"
    ALTERNATIVE_FORMAT_SKIPPED = "alternative_format_skipped"
    EXTERNAL_REFERENCE = "external_reference"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    ENTERED_IN_ERROR = "entered_in_error"
    NOT_FINAL = "not_final"


@dataclass(frozen=True, slots=True)
class ExtractionWarning:
    """One caution about an extraction; `detail` holds counts, pages and codes, never words of the document."""

    code: Caution
    detail: str = ""


class SpanKind(enum.StrEnum):
    """What a span of the text is."""

    PAGE = "page"
    SECTION = "section"
    ATTACHMENT = "attachment"


# Final, not frozen: a document has dozens of spans, and a frozen class takes five times as long to make one.
@dataclass(slots=True, unsafe_hash=True)
class Span:
    """A passage of the text: `text[start:end]`, offsets in characters (code points), end exclusive.

    Attributes:
        kind: page, section or attachment.
        start: first character.
        end: one past the last character; equal to `start` for an empty passage.
        title: the heading as written, or the attachment's title.
        code: the section's or attachment's code, where the document or the heading vocabulary gives one.
        code_system: `LOINC`, `DCM`, ... or the system's identifier as written.
        number: page number from 1, or the ordinal of a section or attachment from 1.
        level: nesting depth from 1.
        method: how this passage was read where it differs from the document, e.g. `tesseract`.
        confidence: of a page that was recognised from its image, how sure that was: the mean over its words, weighted
            by their characters, from 0 to 100.
    """

    kind: Final[SpanKind]
    start: Final[int]
    end: Final[int]
    title: Final[str | None] = None
    code: Final[str | None] = None
    code_system: Final[str | None] = None
    number: Final[int | None] = None
    level: Final[int] = 1
    method: Final[str | None] = None
    confidence: Final[float | None] = None

    def within(self, length: int) -> Span:
        """The same passage of a text cut to `length` characters."""
        return self if self.end <= length else replace(self, start=min(self.start, length), end=length)

    def shifted(self, by: int, deeper: int = 0) -> Span:
        """The same passage in a text that begins `by` characters earlier, `deeper` levels further in."""
        return Span(
            self.kind,
            self.start + by,
            self.end + by,
            self.title,
            self.code,
            self.code_system,
            self.number,
            self.level + deeper,
            self.method,
            self.confidence,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of a document.

    Attributes:
        text: clean text (see `clean`), line feeds for line breaks, table cells separated by tabs.
        spans: pages, sections and attachments in order of their start.
        cautions: what to know about this text.
        method: the reader, e.g. `pdf`, or `ccda(pdf)` where the text came from an embedded document.
        encoding: the character encoding the bytes were decoded with, where there was one to choose.
        facts: what the format itself states about the document without identifying the patient (codes and times,
            e.g. `document_code`), for the index.
    """

    text: str
    method: str
    spans: tuple[Span, ...] = ()
    cautions: tuple[ExtractionWarning, ...] = ()
    encoding: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


_SPAN_VALUES = attrgetter(*(each.name for each in fields(Span)))
_SPAN_NAMES = tuple(each.name for each in fields(Span))


def span_record(span: Span) -> dict[str, Any]:
    """A span's attributes by name; `dataclasses.asdict` copies every value and takes twenty times as long."""
    return dict(zip(_SPAN_NAMES, _SPAN_VALUES(span), strict=True))


def warning_record(warning: ExtractionWarning) -> dict[str, Any]:
    """A caution's attributes by name."""
    return {"code": warning.code, "detail": warning.detail}


class UnreadableError(Exception):
    """A document that gives no text that can be trusted: the reason and a detail free of its words."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one document a reader takes on; beyond it the document is refused with a reason.

    Attributes:
        max_bytes: size of the document, and of every document embedded in it.
        max_pages: pages of a PDF.
        max_characters: length of the extracted text.
        max_depth: nesting of markup, groups and content trees.
        max_embedding: documents within documents within documents.
        max_parts: attachments in one bundle.
        max_ocr_pages: pages without text sent to OCR; the others are reported.
        ocr_dpi: resolution of the rendered page.
        ocr_seconds: time for one page.
        ocr_language: tesseract's language code.
        seconds: time for one document, enforced by `worker_pool`.
        worker_memory_bytes: address space a worker may grow by, enforced by `worker_pool`; None for no limit.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pages: int = 2_000
    max_characters: int = 8_000_000
    max_depth: int = 1_000
    max_embedding: int = 4
    max_parts: int = 1_000
    max_ocr_pages: int = 40
    ocr_dpi: int = 200
    ocr_seconds: float = 60.0
    ocr_language: str = "eng"
    seconds: float = 120.0
    worker_memory_bytes: int | None = 2 * 1024 * 1024 * 1024


DEFAULT_LIMITS = Limits()

Resolve = Callable[[str], bytes | None]
"""Gives the bytes behind a URL found in a document, or None; the readers themselves never fetch."""

ReadEmbedded = Callable[[bytes, str | None], Reading]
"""Reads a document found inside a document: bytes and declared type to a reading; raises `UnreadableError`."""


def unresolved(url: str) -> bytes | None:
    """The default `Resolve`: nothing is fetched."""
    del url
    return None


def no_embedding(data: bytes, declared_type: str | None) -> Reading:
    """The default `ReadEmbedded`, for a reader used alone: embedded documents are refused."""
    del data, declared_type
    raise UnreadableError(Reason.UNSUPPORTED_TYPE, "this reader was called without a dispatcher for embedded documents")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a reader may use besides the bytes: limits, the declared charset, the ways to other documents."""

    limits: Limits = DEFAULT_LIMITS
    charset: str | None = None
    embedded: ReadEmbedded = no_embedding
    resolve: Resolve = unresolved


ALONE = Circumstances()

# Characters that PostgreSQL refuses (NUL, lone surrogates), that no reader sees (zero width, soft hyphen, controls)
# or that stand for others in print (ligatures). U+200C and U+200D shape letters in several scripts and stay.
_UNCLEAN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ud800-\udfff\ufb00-\ufb06\ufeff\ufffe\uffff]"
)
_REPLACEMENTS: Mapping[str, str] = {
    **dict.fromkeys("\x0b\x0c\x0d\x85\u2028\u2029", "\n"),
    **dict.fromkeys("\xa0\u202f\u205f\u3000", " "),
    **{chr(point): " " for point in range(0x2000, 0x200B)},
    **{chr(point): "\ufffd" for point in range(0xD800, 0xE000)},
    "\ufb00": "ff",
    "\ufb01": "fi",
    "\ufb02": "fl",
    "\ufb03": "ffi",
    "\ufb04": "ffl",
    "\ufb05": "st",
    "\ufb06": "st",
}


# Tab, line feed and printable ASCII: nothing `_UNCLEAN` has. Most text is of these alone, and they are told by a pass
# over bytes that is ten times faster than the pattern.
_CLEAN_ASCII = bytes((0x09, 0x0A, *range(0x20, 0x7F)))


def clean(text: str) -> str:
    """The text as the rest of the system may rely on it: storable, one kind of line break, nothing invisible.

    Line breaks of every kind become line feeds, fixed and exotic spaces a space, ligatures their letters; control
    characters, zero-width characters and soft hyphens go. Characters with a meaning of their own (superscripts,
    fractions, Greek)
    stay: full Unicode normalisation would turn m² into m2 and 10⁹ into 109.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if text.isascii() and not text.encode().translate(None, _CLEAN_ASCII):
        return text
    return _UNCLEAN.sub(lambda match: _REPLACEMENTS.get(match[0], ""), text)
