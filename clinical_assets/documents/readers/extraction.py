"""Any document's bytes to text that can be trusted and traced: one function, `extract`, over all readers.

`extract` never raises for a bad document: it gives an `Extraction` that says why there is no text. A new format is one
new entry in `READERS`. Time limits are not kept here but by `worker_pool`, which can end a reader that does not come
back.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clinical_assets.documents.readers import ccda, dicom_sr, fhir, html, ocr, pdf, plain, rtf
from clinical_assets.documents.readers.reading import (
    DEFAULT_LIMITS,
    Caution,
    Circumstances,
    ExtractionWarning,
    Limits,
    Reading,
    Reason,
    Resolve,
    Span,
    SpanKind,
    UnreadableError,
    clean,
    unresolved,
)
from clinical_assets.documents.readers.sniffing import ContentType, contradicts, parse_declared, settle, sniff
from clinical_assets.documents.readers.whole_stack import with_whole_stack

# Raise it when anything the readers share changes their output: sniffing, decoding, cleaning, headings, flow.
_SHARED_VERSION = "2"
_SNIFFED_HEAD = 64 * 1024
# No document has so many pages and sections, and PostgreSQL refuses some millions of them in one value of JSON.
_MOST_SPANS = 100_000


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader: its name and version, what it does, the libraries its output depends on, whether it calls others."""

    name: str
    version: str
    read: Callable[[bytes, Circumstances], Reading]
    libraries: tuple[str, ...] = ()
    contains: bool = False
    recognises: bool = False


_HTML = Reader(html.NAME, html.VERSION, html.read, ("lxml",))
_CCDA = Reader(ccda.NAME, ccda.VERSION, ccda.read, ("lxml",), contains=True)
_FHIR = Reader(fhir.NAME, fhir.VERSION, fhir.read, ("lxml",), contains=True)

READERS: Mapping[ContentType, Reader] = {
    ContentType.PLAIN: Reader(plain.NAME, plain.VERSION, plain.read, ("charset-normalizer",)),
    ContentType.HTML: _HTML,
    ContentType.RTF: Reader(rtf.NAME, rtf.VERSION, rtf.read),
    ContentType.CCDA: _CCDA,
    ContentType.XML: _CCDA,
    ContentType.FHIR_JSON: _FHIR,
    ContentType.JSON: _FHIR,
    ContentType.PDF: Reader(pdf.NAME, pdf.VERSION, pdf.read, ("pypdfium2",), recognises=True),
    ContentType.DICOM: Reader(dicom_sr.NAME, dicom_sr.VERSION, dicom_sr.read, ("pydicom",), contains=True),
}


@dataclass(frozen=True, slots=True)
class Extractor:
    """What produced a text, as the key of a cache: with the same name and version the same bytes give the same text."""

    name: str
    version: str


# In a worker: what the process that started it found. It looks texts up by these versions, so both must mean the same,
# and asking every library and tesseract anew takes longer than reading a hundred documents.
_taken: dict[ContentType, Extractor] = {}


@functools.cache
def extractor_of(content_type: ContentType) -> Extractor:
    """The extractor a document of this type goes to, known before it is read.

    The version is the shared version, the reader's own, and eight hex digits over the versions of every library and
    reader its output may depend on (see `components_of`). Types without a reader have the extractor `none`.
    """
    if content_type in _taken:
        return _taken[content_type]
    reader = READERS.get(content_type)
    if reader is None:
        return Extractor("none", _SHARED_VERSION)
    components = json.dumps(components_of(content_type), sort_keys=True)
    digest = hashlib.sha256(components.encode()).hexdigest()[:8]
    return Extractor(reader.name, f"{_SHARED_VERSION}.{reader.version}+{digest}")


def extractors() -> str:
    """The extractor of every type, as a line of JSON for `take_extractors` in another process."""
    return json.dumps({kind.value: dataclasses.astuple(extractor_of(kind)) for kind in ContentType})


def take_extractors(line: str) -> None:
    """Use the extractors another process found, of the same code in the same environment."""
    _taken.update({ContentType(kind): Extractor(*each) for kind, each in json.loads(line).items()})
    extractor_of.cache_clear()


def components_of(content_type: ContentType) -> dict[str, str]:
    """The versions an extraction of this type depends on, by reader and library name; `absent` where not installed."""
    reader = READERS.get(content_type)
    if reader is None:
        return {}
    involved = list(dict.fromkeys(READERS.values())) if reader.contains else [reader]
    found = {each.name: each.version for each in involved}
    found |= {library: _library_version(library) for each in involved for library in each.libraries}
    if any(each.recognises for each in involved):
        found[ocr.PROGRAM] = ocr.version() or "absent"
    return found


@functools.cache
def _library_version(name: str) -> str:
    # Not above: a worker, which is told the versions, would spend a fifth of its start on this import.
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


@dataclass(frozen=True, slots=True)
class Extraction:
    """One document read, or the reason it was not.

    Attributes:
        success: whether `text` is the document's whole text.
        text: the text; empty on failure.
        content_type: what the bytes are.
        size: number of bytes.
        bytes_sha256: of the document, hexadecimal; None where its source could not be read.
        text_sha256: of the text in UTF-8, hexadecimal; None on failure.
        extractor: name of the reader.
        version: its version, see `extractor_of`.
        method: how the text was read, e.g. `pdf(tesseract)` or `ccda(pdf)`.
        encoding: the character encoding, for formats that have a choice.
        spans: pages, sections and attachments as offsets into `text`, by start.
        warnings: cautions with details that carry no words of the document.
        reason: why there is no text; None on success.
        detail: more on the reason, free of the document's words.
        facts: what the format states about the document (codes, times), for the index.
    """

    success: bool
    text: str
    content_type: ContentType
    size: int
    bytes_sha256: str | None
    text_sha256: str | None
    extractor: str
    version: str
    method: str
    encoding: str | None = None
    spans: tuple[Span, ...] = ()
    warnings: tuple[ExtractionWarning, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def pages(self) -> tuple[Span, ...]:
        """The page map, where the format has pages."""
        return tuple(span for span in self.spans if span.kind is SpanKind.PAGE)

    @property
    def sections(self) -> tuple[Span, ...]:
        """The section map."""
        return tuple(span for span in self.spans if span.kind is SpanKind.SECTION)

    def passage(self, span: Span) -> str:
        """The text of a span."""
        return self.text[span.start : span.end]


def extract(
    data: bytes,
    declared_type: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    resolve: Resolve = unresolved,
) -> Extraction:
    """Read one document.

    Args:
        data: its bytes.
        declared_type: the content type its sender or store declares, with a charset if it has one; a hint, never
            trusted.
        limits: beyond which the document is refused.
        resolve: gives the bytes behind URLs found in the document; by default nothing is fetched.

    Returns:
        The extraction; for a document that cannot be read, one with `success` False and a `reason`. Never raises for
        what the bytes hold.
    """
    declared = parse_declared(declared_type)
    content_type = settle(
        sniff(data if len(data) <= limits.max_bytes else data[:_SNIFFED_HEAD]), declared.content_type, data
    )
    extractor = extractor_of(content_type)
    made = functools.partial(
        Extraction,
        content_type=content_type,
        size=len(data),
        bytes_sha256=hashlib.sha256(data).hexdigest(),
        extractor=extractor.name,
        version=extractor.version,
    )
    mismatch = tuple(_mismatch(declared.content_type, content_type))
    outcome = _attempt(data, content_type, declared.charset, limits, resolve)
    if isinstance(outcome, UnreadableError):
        return made(
            success=False,
            text="",
            text_sha256=None,
            method=extractor.name,
            warnings=mismatch,
            reason=outcome.reason,
            detail=outcome.detail,
        )
    return made(
        success=True,
        text=outcome.text,
        text_sha256=hashlib.sha256(outcome.text.encode()).hexdigest(),
        method=outcome.method,
        encoding=outcome.encoding,
        spans=outcome.spans,
        warnings=_merged([*mismatch, *outcome.cautions]),
        facts={name: clean(value) for name, value in outcome.facts.items()},
    )


def extract_file(
    path: Path,
    declared_type: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    resolve: Resolve = unresolved,
) -> Extraction:
    """Read one document from a file; a file beyond the size limit is hashed piece by piece and never held in memory."""
    try:
        if path.stat().st_size > limits.max_bytes:
            return failed(
                path, Reason.TOO_LARGE, f"{path.stat().st_size} bytes, limit {limits.max_bytes}", declared_type
            )
        data = path.read_bytes()
    except OSError as error:
        return failed(path, Reason.SOURCE_UNREADABLE, type(error).__name__, declared_type)
    return extract(data, declared_type, limits, resolve)


def failed(source: bytes | Path, reason: Reason, detail: str = "", declared_type: str | None = None) -> Extraction:
    """The extraction of a document that was not given to a reader, or whose reader did not come back."""
    head, size, digest = _identity(source)
    content_type = settle(sniff(head), parse_declared(declared_type).content_type, head)
    extractor = extractor_of(content_type)
    return Extraction(
        False, "", content_type, size, digest, None, extractor.name, extractor.version, extractor.name,
        reason=reason, detail=detail,
    )  # fmt: skip


def _identity(source: bytes | Path) -> tuple[bytes, int, str | None]:
    """The first bytes, the size and the digest of a document, without holding it."""
    if isinstance(source, bytes):
        return source[:_SNIFFED_HEAD], len(source), hashlib.sha256(source).hexdigest()
    try:
        with source.open("rb") as file:
            head = file.read(_SNIFFED_HEAD)
            file.seek(0)
            return head, source.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return b"", 0, None


def _attempt(
    data: bytes, content_type: ContentType, charset: str | None, limits: Limits, resolve: Resolve
) -> Reading | UnreadableError:
    """The reading, or the refusal; whatever a reader raises becomes a refusal that repeats none of its message."""
    try:
        reading = with_whole_stack(lambda: _read(data, content_type, charset, limits, resolve, depth=0))
        if len(reading.spans) > _MOST_SPANS:
            return UnreadableError(Reason.TOO_MANY_PARTS, f"{len(reading.spans)} passages, limit {_MOST_SPANS}")
        return reading if reading.text.strip() else UnreadableError(Reason.NO_TEXT, "the document holds no text")
    except UnreadableError as refused:
        return refused
    except MemoryError:
        return UnreadableError(Reason.OUT_OF_MEMORY)
    except RecursionError:
        return UnreadableError(Reason.TOO_DEEP, "the document is nested deeper than its reader can follow")
    except Exception as error:  # a fault of ours: it must cost one document, and be found by its place
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        module = place.filename.replace("\\", "/").rpartition("/")[2]
        return UnreadableError(Reason.READER_ERROR, f"{type(error).__name__} at {module}:{place.lineno}")


def _read(
    data: bytes, content_type: ContentType, charset: str | None, limits: Limits, resolve: Resolve, depth: int
) -> Reading:
    if len(data) > limits.max_bytes:
        raise UnreadableError(Reason.TOO_LARGE, f"{len(data)} bytes, limit {limits.max_bytes}")
    if content_type is ContentType.EMPTY:
        raise UnreadableError(Reason.EMPTY, f"{len(data)} bytes")
    reader = READERS.get(content_type)
    if reader is None:
        raise UnreadableError(Reason.UNSUPPORTED_TYPE, content_type.value)

    def embedded(inner: bytes, declared_type: str | None) -> Reading:
        if depth + 1 > limits.max_embedding:
            raise UnreadableError(Reason.TOO_DEEP, f"more than {limits.max_embedding} documents inside one another")
        declared = parse_declared(declared_type)
        found = settle(sniff(inner), declared.content_type, inner)
        reading = _read(inner, found, declared.charset, limits, resolve, depth + 1)
        return dataclasses.replace(reading, cautions=(*_mismatch(declared.content_type, found), *reading.cautions))

    return reader.read(data, Circumstances(limits, charset, embedded, resolve))


def _mismatch(declared: ContentType | None, found: ContentType) -> Iterable[ExtractionWarning]:
    if declared is not None and contradicts(declared, found):
        yield ExtractionWarning(Caution.DECLARED_TYPE_MISMATCH, f"declared {declared.value}, is {found.value}")


def _merged(cautions: Iterable[ExtractionWarning]) -> tuple[ExtractionWarning, ...]:
    """Equal cautions once, with how often they occurred."""
    counts: dict[ExtractionWarning, int] = {}
    for caution in cautions:
        counts[caution] = counts.get(caution, 0) + 1
    return tuple(
        ExtractionWarning(caution.code, f"{caution.detail} ({count} times)".strip() if count > 1 else caution.detail)
        for caution, count in counts.items()
    )
