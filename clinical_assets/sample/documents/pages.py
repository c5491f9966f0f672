"""A made-up note as pages (PDF, with text or as a scan) and as a DICOM structured report.

The PDFs are written by hand, so that the hospital needs no library for them and the same note gives the same bytes.
Sources: ISO 32000-1 (7.3-7.5 objects and file structure, 9.4 text); DICOM PS3.3 A.35.1 (Basic Text SR).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from typing import Any

from clinical_assets.sample.documents.formats import Filed
from clinical_assets.sample.documents.text import Layout, Note, laid_out, unmarked

LINES_PER_PAGE = 50
PRINTED = Layout(
    after_title="\n",
    after_header="\n",
    between_sections="\n",
    between_cells=" ",
    width=92,
    lines_per_page=LINES_PER_PAGE,
)
"""PDF text: lines without the blank ones."""
REPORTED = Layout(header=False, after_heading="\n", prefix="Finding: ", between_cells=": ")
"""DICOM SR: containers with text items."""

_TOP, _LEADING, _LEFT = 760, 14, 50
_SCAN_PIXELS = (1240, 1754)
"""A4 at 150 dots per inch."""


def pdf(note: Note, _filed: Filed) -> bytes:
    """A PDF with text; one page for every fifty lines."""
    pages = laid_out(note, PRINTED).text.split("\n\n")
    return assembled([_content(page.split("\n")) for page in pages])


def _content(lines: Sequence[str]) -> bytes:
    shown = (
        b"BT /F1 10 Tf %d %d Td (%s) Tj ET\n" % (_LEFT, _TOP - _LEADING * number, _literal(line))
        for number, line in enumerate(lines)
    )
    return b"".join(shown)


def _literal(words: str) -> bytes:
    return words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252", errors="replace")


def scan(note: Note, _filed: Filed) -> bytes:
    """A PDF whose pages are images: only optical character recognition gives it text."""
    from PIL import Image, ImageDraw, ImageFont

    images = []
    for page in laid_out(note, PRINTED).text.split("\n\n"):
        image = Image.new("L", _SCAN_PIXELS, 255)
        ImageDraw.Draw(image).multiline_text((90, 90), page, fill=0, font=ImageFont.load_default(22), spacing=9)
        # Two grey levels are enough and compress well.
        levels = image.point(lambda grey: 255 if grey > 128 else 0).tobytes()
        images.append(zlib.compress(levels, 6))
    content = b"q 595 0 0 842 0 0 cm /Im Do Q"
    return assembled([content] * len(images), images)


def assembled(contents: Sequence[bytes], images: Sequence[bytes] = ()) -> bytes:
    """The bytes of a PDF of these page contents; page i shows image i, a compressed grey A4 scan, as `/Im`."""
    count = len(contents)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(count)), count),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for i, content in enumerate(contents):
        shown = b"/XObject << /Im %d 0 R >>" % (4 + 2 * count + i) if images else b"/Font << /F1 3 0 R >>"
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %s] /Resources << %s >> /Contents %d 0 R >>"
            % (b"595 842" if images else b"612 792", shown, 5 + 2 * i),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    width, height = _SCAN_PIXELS
    objects += [
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
        b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (width, height, len(image), image)
        for image in images
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def dicom_sr(note: Note, filed: Filed) -> bytes:
    """A Basic Text SR: a container for each section, a text item for each paragraph."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence as Items
    from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian, generate_uid

    def item(kind: str, code: str, meaning: str, scheme: str = "LN") -> Any:  # noqa: ANN401 - pydicom's dataset
        made, concept = Dataset(), Dataset()
        made.RelationshipType, made.ValueType = "CONTAINS", kind
        concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = code, scheme, meaning
        made.ConceptNameCodeSequence = Items([concept])
        return made

    report = item("CONTAINER", note.loinc, note.title)
    del report.RelationshipType
    report.ContinuityOfContent = "SEPARATE"
    children = []
    for section in note.sections:
        container = item("CONTAINER", section.loinc or "121070", section.heading, "LN" if section.loinc else "DCM")
        container.ContinuityOfContent = "SEPARATE"
        items = []
        for block in section.blocks:
            text = item("TEXT", "121071", "Finding", "DCM")
            text.TextValue = unmarked(block if isinstance(block, str) else "\n".join(": ".join(row) for row in block))
            items.append(text)
        container.ContentSequence = Items(items)
        children.append(container)
    report.ContentSequence = Items(children)
    report.SpecificCharacterSet = "ISO_IR 192"
    report.SOPClassUID = BasicTextSRStorage
    report.SOPInstanceUID = generate_uid(entropy_srcs=["report", filed.document_id])
    report.StudyInstanceUID = generate_uid(entropy_srcs=["report's study", filed.document_id])
    report.SeriesInstanceUID = generate_uid(entropy_srcs=["report's series", filed.document_id])
    report.Modality, report.PatientID, report.PatientName = (
        "SR",
        filed.patient_id,
        filed.patient_name.replace(", ", "^"),
    )
    digits = "".join(c for c in filed.authored_at if c.isdigit())
    report.ContentDate, report.ContentTime = digits[:8], digits[8:14]
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "VERIFIED"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = report.SOPClassUID, report.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.file_meta = meta
    out = io.BytesIO()
    pydicom.dcmwrite(out, report, enforce_file_format=True)
    return out.getvalue()
