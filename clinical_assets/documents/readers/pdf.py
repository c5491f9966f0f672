"""PDF to text by pypdfium2, page by page, with OCR for pages that have no text of their own.

The order of text is the order of the page's content, as PDFium gives it. Four things PDFium does silently are undone:
it drops the hyphen and the line break where a line ends in one (5-/10 mg would become 510 mg), it glues raised digits
to the number before them and single characters that stand below one another (see `pdf_baselines`), and it leaves out
what was typed into form fields.

Source: ISO 32000-1; PDFium's public headers (fpdf_text.h, fpdf_flatten.h, fpdf_annot.h).
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clinical_assets.documents.readers import headings, ocr, pdf_baselines
from clinical_assets.documents.readers.reading import (
    ALONE,
    Caution,
    Circumstances,
    ExtractionWarning,
    Reading,
    Reason,
    Span,
    SpanKind,
    UnreadableError,
    clean,
)

NAME = "pdf"
VERSION = "2"

# fpdfview.h, FPDF_GetLastError.
_PASSWORD, _SECURITY = 4, 5
_XFA_FORM = 2
# A page larger than this is rendered at a lower resolution: a page may claim 200 inches a side.
_MAX_PIXELS = 25_000_000
# Characters of fonts that say no Unicode: controls, private use, replacement.
_UNMAPPED = re.compile("[\x00-\x08\x0e-\x1f\ue000-\uf8ff\ufffd]")
_UNMAPPED_SHARE = 0.3
_BETWEEN_PAGES = "\n\n"

Handle = Any  # PDFium's, of a page or of its text


def read(data: bytes, circumstances: Circumstances = ALONE) -> Reading:
    """Read a PDF: one `page` span per page, sections at headings.

    Where a page was recognised, its span's `method` says tesseract and its `confidence` how sure that was; pages below
    `ocr.DOUBTFUL` are named in a caution.

    Facts: `pages`.

    Raises:
        UnreadableError: ENCRYPTED, CORRUPT (also where a page cannot be loaded or the end of the file is missing),
            TOO_MANY_PAGES, TOO_LONG; NO_TEXT where no page has text and none could be recognised.
    """
    _refuse_cut_files(data)
    document = _opened(data)
    try:
        return _Pages(document, circumstances).read()
    finally:
        document.close()


def _opened(data: bytes) -> Any:  # noqa: ANN401 - pypdfium2's document
    """The open document, which reads from `data` as long as it is open."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    handle = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
    if handle and pdfium.FPDF_GetPageCount(handle) > 0:
        return pypdfium2.PdfDocument(handle)
    # A document without pages is no error to PDFium: the last one is that of another document, of one with a password
    # perhaps.
    code = 0 if handle else pdfium.FPDF_GetLastError()
    pdfium.FPDF_CloseDocument(handle)
    reason = Reason.ENCRYPTED if code in (_PASSWORD, _SECURITY) else Reason.CORRUPT
    raise UnreadableError(reason, f"PDFium error {code}")


def _refuse_cut_files(data: bytes) -> None:
    """PDFium rebuilds what it can of a cut file and may show an older state of it; a cut file is refused instead."""
    end = data.rfind(b"%%EOF")
    if end < 0 or b" obj" in data[end:]:
        raise UnreadableError(Reason.CORRUPT, "the file ends before its end marker")


@dataclass
class _Pages:
    """One pass over the pages of an open document.

    Pages and their texts are PDFium's handles, loaded and closed here: pypdfium2's objects for them cost as much as
    everything else that is done with a page besides PDFium's own work.
    """

    document: Any
    circumstances: Circumstances
    units: ctypes.Array[ctypes.c_ushort] = field(default_factory=ctypes.c_ushort * 4096)
    cautions: list[ExtractionWarning] = field(default_factory=list)
    without_text: list[int] = field(default_factory=list)
    recognised: dict[int, float] = field(default_factory=dict)
    unmapped: list[int] = field(default_factory=list)
    blank: int = 0
    marked: int = 0

    def __post_init__(self) -> None:
        import pypdfium2.raw

        self.pdfium: Any = pypdfium2.raw

    def read(self) -> Reading:
        count = len(self.document)
        if count > self.circumstances.limits.max_pages:
            raise UnreadableError(Reason.TOO_MANY_PAGES, f"{count} pages")
        self._open_forms()
        parts: list[str] = []
        pages: list[Span] = []
        start = 0
        for number, (text, method) in enumerate(self._texts(count), start=1):
            pages.append(
                Span(
                    SpanKind.PAGE,
                    start,
                    start + len(text),
                    number=number,
                    method=method,
                    confidence=self.recognised.get(number),
                )
            )
            parts.append(text)
            start += len(text) + len(_BETWEEN_PAGES)
            if start > self.circumstances.limits.max_characters:
                raise UnreadableError(
                    Reason.TOO_LONG, f"more than {self.circumstances.limits.max_characters} characters"
                )
        whole = _BETWEEN_PAGES.join(parts)
        if not whole.strip():
            raise UnreadableError(Reason.NO_TEXT, f"{count} pages without text, {self.blank} of them blank")
        spans = sorted(
            [*pages, *headings.sections(whole)], key=lambda span: (span.start, span.kind is not SpanKind.PAGE)
        )
        method = f"{NAME}({ocr.PROGRAM})" if self.recognised else NAME
        return Reading(whole, method, tuple(spans), tuple(self._all_cautions()), None, {"pages": str(count)})

    def _open_forms(self) -> None:
        kind = self.document.get_formtype()
        if kind == _XFA_FORM:
            self.cautions.append(ExtractionWarning(Caution.FORM_NOT_READ, "an XFA form"))
        elif kind:
            self.document.init_forms()
        attachments = self.document.count_attachments()
        if attachments:
            self.cautions.append(ExtractionWarning(Caution.EMBEDDED_FILE_NOT_READ, f"{attachments} files"))

    def _texts(self, count: int) -> Iterator[tuple[str, str | None]]:
        """Each page's text and, where it was recognised, the method."""
        for index in range(count):
            page = self._flattened(index)
            try:
                yield self._page_text(page, index)
            finally:
                self._close(page)

    def _load(self, index: int) -> Handle:
        page = self.pdfium.FPDF_LoadPage(self.document.raw, index)
        if not page:
            raise UnreadableError(Reason.CORRUPT, f"page {index + 1} cannot be loaded")
        if self.document.formenv:
            self.pdfium.FORM_OnAfterLoadPage(page, self.document.formenv.raw)
        return page

    def _close(self, page: Handle) -> None:
        if self.document.formenv:
            self.pdfium.FORM_OnBeforeClosePage(page, self.document.formenv.raw)
        self.pdfium.FPDF_ClosePage(page)

    def _flattened(self, index: int) -> Handle:
        """The page, with what was typed into fields and notes made part of its content."""
        pdfium, page = self.pdfium, self._load(index)
        shown = (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP)
        for position in range(pdfium.FPDFPage_GetAnnotCount(page)):
            annotation = pdfium.FPDFPage_GetAnnot(page, position)
            if not annotation:
                continue
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            pdfium.FPDFPage_CloseAnnot(annotation)
            if kind in shown:
                if pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY) == pdfium.FLATTEN_FAIL:
                    self.cautions.append(ExtractionWarning(Caution.FORM_NOT_READ, f"page {index + 1}"))
                self._close(page)
                return self._load(index)
        return page

    def _raw_text(self, textpage: Handle, index: int) -> str:
        """The page's text as PDFium gives it."""
        pdfium = self.pdfium
        count = pdfium.FPDFText_CountChars(textpage)
        if count < 1:
            return ""
        last = pdfium.FPDFText_GetTextIndexFromCharIndex(textpage, count - 1)
        if last < 0 or pdfium.FPDFText_GetTextIndexFromCharIndex(textpage, 0) < 0:
            # Characters without text at an end: pypdfium2 leaves them out one by one.
            return str(self.document[index].get_textpage().get_text_range())
        if len(self.units) < last + 2:
            self.units = (ctypes.c_ushort * (2 * last + 2))()
        written = pdfium.FPDFText_GetText(textpage, 0, count, self.units)
        return ctypes.string_at(self.units, 2 * (written - 1)).decode("utf-16-le", errors="ignore")

    def _page_text(self, page: Handle, index: int) -> tuple[str, str | None]:
        number = index + 1
        textpage = self.pdfium.FPDFText_LoadPage(page)
        if not textpage:
            raise UnreadableError(Reason.CORRUPT, f"the text of page {number} cannot be loaded")
        try:
            raw = self._raw_text(textpage, index)
            text, marked = pdf_baselines.restored(textpage, raw)
        finally:
            self.pdfium.FPDFText_ClosePage(textpage)
        self.marked += marked
        hyphen = pdf_baselines.LINE_END_HYPHEN
        if hyphen in text:
            text = text.replace(hyphen + "\r\n", "-\n").replace(hyphen, "-\n")
        text = clean(text).strip("\n")
        unmapped = len(_UNMAPPED.findall(raw))
        if text.strip() and unmapped <= _UNMAPPED_SHARE * len(raw):
            if unmapped:
                self.unmapped.append(number)
            return text, None
        if not raw.strip() and not self.pdfium.FPDFPage_CountObjects(page):
            self.blank += 1
            return "", None
        return self._recognised(index)

    def _recognised(self, index: int) -> tuple[str, str | None]:
        limits, number = self.circumstances.limits, index + 1
        if ocr.version() is None or len(self.recognised) >= limits.max_ocr_pages:
            self.without_text.append(number)
            return "", None
        page = self.document[index]
        width, height = page.get_size()
        scale = min(limits.ocr_dpi / 72, math.sqrt(_MAX_PIXELS / max(width * height, 1)))
        bitmap = page.render(scale=scale, grayscale=True)
        try:
            pixels, stride = bytes(bitmap.buffer), bitmap.stride
            rows = [pixels[top : top + bitmap.width] for top in range(0, stride * bitmap.height, stride)]
            found = ocr.recognise(rows, bitmap.width, limits)
        except ocr.OcrFailedError as error:
            self.cautions.append(ExtractionWarning(Caution.OCR_FAILED, f"page {number}: {error}"))
            found = ocr.Recognised("", 0.0)
        except ocr.OcrInterruptedError as error:
            # Kept without this page, the document would be taken for whole ever after.
            raise UnreadableError(error.reason, f"page {number}: {error}") from None
        finally:
            bitmap.close()
            page.close()
        if not found.text:
            self.without_text.append(number)
            return "", None
        self.recognised[number] = round(found.confidence, 1)
        return found.text, ocr.PROGRAM

    def _all_cautions(self) -> list[ExtractionWarning]:
        listed = (
            (Caution.PAGE_READ_BY_OCR, list(self.recognised)),
            (Caution.PAGE_WITHOUT_TEXT, self.without_text),
            (Caution.UNMAPPED_GLYPHS, self.unmapped),
        )
        found = [ExtractionWarning(code, f"pages {_ranges(pages)}") for code, pages in listed if pages]
        doubtful = [f"{page} ({sure:g})" for page, sure in self.recognised.items() if sure < ocr.DOUBTFUL]
        if doubtful:
            below = f"pages {', '.join(doubtful)}: mean confidence below {ocr.DOUBTFUL:g} of 100"
            found.append(ExtractionWarning(Caution.OCR_DOUBTFUL, below))
        if self.marked:
            found.append(ExtractionWarning(Caution.SUPERSCRIPT_MARKED, f"{self.marked} places"))
        return [*self.cautions, *found]


def _ranges(pages: list[int]) -> str:
    """Page numbers as short ranges, e.g. `1-3, 7`."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
