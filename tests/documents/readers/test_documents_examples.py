"""Every open example document is read with its sections: the expected counts, file by file.

Where a format marks its sections (C-CDA), the count is checked against the source's own elements; where headings are
only words (PDF, text), against what a person finds on the page.
"""

import base64
import csv
import re
from pathlib import Path

import pytest

from clinical_assets.documents.readers.extraction import extract, extract_file
from clinical_assets.documents.readers.reading import Reason, SpanKind

DOCUMENTS = Path(__file__).parents[3] / "../shared/data/documents"
CCDA = DOCUMENTS / "hl7-ccda-examples"
ACI_BENCH = DOCUMENTS / "aci-bench/train.csv"
pytestmark = pytest.mark.skipif(not CCDA.exists(), reason="shared open documents absent: hl7-ccda-examples, aci-bench")

# Path, method, pages, sections, attachments. The seven pages of McBee_* are a legal form without clinical headings.
EXPECTED = [
    ("Documents/CCD/CCD 1/CCD.XML", "ccda", 0, 15, 0),
    ("Documents/CCD/CCD 2/CCD.xml", "ccda", 0, 7, 0),
    ("Documents/Care Plan/Care_Plan.xml", "ccda", 0, 4, 0),
    ("Documents/Consultation Note/Consultation_Note.xml", "ccda", 0, 13, 0),
    ("Documents/Diagnostic Imaging Report/Diagnostic_Imaging_Report.xml", "ccda", 0, 5, 0),
    ("Documents/Discharge Summary/Discharge_Summary.xml", "ccda", 0, 21, 0),
    ("Documents/History and Physical/History_and_Physical.xml", "ccda", 0, 17, 0),
    ("Documents/Operative Note/Operative_Note.xml", "ccda", 0, 16, 0),
    ("Documents/Procedure Note/Procedure_Note.xml", "ccda", 0, 16, 0),
    ("Documents/Progress Note/Progress_Note.xml", "ccda", 0, 12, 0),
    ("Documents/Referral Note/Referral_Note.xml", "ccda", 0, 19, 0),
    ("Documents/Transfer Summary/Transfer_Summary.xml", "ccda", 0, 27, 0),
    ("Notes/Discharge Note in Hospital Course/Discharge Note(C-CDAR2.1).xml", "ccda", 0, 1, 0),
    (
        "Notes/Note directly attached to a Procedure/Note directly attached to a Procedure(C-CDAR2.1).xml",
        "ccda", 0, 1, 0,
    ),
    ("Notes/RTF Note/RTF Note (C-CDA R2.1).xml", "ccda", 0, 1, 0),
    ("Notes/Single Consultation Note/Single Consultation Note(C-CDA R2.1).xml", "ccda", 0, 1, 0),
    ("Unstructured/CDA reference PDF/UD_sample.pdf", "pdf", 3, 6, 0),
    ("Unstructured/CDA with Embedded PDF 1/C-CDA_R2_UD_sample.pdf", "pdf", 3, 6, 0),
    ("Unstructured/CDA with Embedded PDF 1/Unstructured_Document_embed.xml", "ccda(pdf)", 3, 6, 1),
    ("Unstructured/CDA with Embedded PDF 2/CDA_with_Embedded_PDF.xml", "ccda(pdf)", 7, 0, 1),
    ("Unstructured/CDA with Embedded PDF 2/McBee_L1_20151116_Embedded.pdf", "pdf", 7, 0, 0),
    ("Unstructured/CDA with Embedded Text plain/CDA_Embedded_Text_Plain_Surgical_Consult.xml", "ccda(plain)", 0, 2, 1),
]  # fmt: skip
ELSEWHERE = "Unstructured/CDA reference PDF/Unstructured_Document_reference.xml"
# Sections of the notes D2N001 to D2N067.
ACI_SECTIONS = (
    7, 7, 7, 7, 8, 6, 6, 6, 7, 6, 4, 5, 6, 6, 6, 8, 6, 6, 6, 6, 9, 12, 8, 7, 10, 11, 7, 8, 10, 10, 11, 13, 5, 9, 9, 9,
    9, 12, 9, 8, 9, 12, 8, 7, 9, 6, 8, 6, 8, 9, 11, 8, 6, 10, 6, 8, 9, 10, 10, 12, 11, 9, 10, 11, 9, 8, 9,
)  # fmt: skip
# Lines in capitals that are abbreviations within a section, and headings that are not in capitals.
NOT_HEADINGS = {"HIV", "MSK:"}
_SECTION_ELEMENT = re.compile(rb"<(?:\w+:)?section[\s>]")


def test_every_example_is_listed():
    found = {str(p.relative_to(CCDA)) for p in CCDA.rglob("*") if p.suffix.lower() in (".xml", ".pdf", ".rtf", ".txt")}
    assert found == {path for path, *_ in EXPECTED} | {ELSEWHERE}


@pytest.mark.parametrize(("path", "method", "pages", "sections", "attachments"), EXPECTED, ids=[e[0] for e in EXPECTED])
def test_an_example_is_read_with_its_sections(path, method, pages, sections, attachments):
    extraction = extract_file(CCDA / path)
    assert extraction.success
    assert extraction.method == method
    attached = [span for span in extraction.spans if span.kind is SpanKind.ATTACHMENT]
    assert (len(extraction.pages), len(extraction.sections), len(attached)) == (pages, sections, attachments)
    assert all(extraction.passage(span).strip() for span in extraction.pages)
    if method == "ccda":
        assert len(_SECTION_ELEMENT.findall((CCDA / path).read_bytes())) == sections
        assert all(span.code and span.title for span in extraction.sections if span.level == 1)


def test_a_document_kept_elsewhere_is_refused_with_its_reason():
    extraction = extract_file(CCDA / ELSEWHERE)
    assert extraction.reason is Reason.UNRESOLVED_REFERENCE


def test_the_rtf_example_says_the_same_as_its_narrative():
    (path,) = CCDA.rglob("RTF Note*.xml")
    (encoded,) = re.findall(r'mediaType="text/rtf"[^>]*>([^<]+)<', path.read_text())
    written = extract(base64.b64decode(encoded), "text/rtf")
    assert written.method == "rtf"
    assert len(written.text.split()) > 100
    narrative = extract_file(path).text
    assert set(written.text.split()[:40]) <= set(narrative.split())


def test_every_visit_note_is_read_with_its_sections():
    with ACI_BENCH.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        extraction = extract(row["note"].encode(), "text/plain")
        titles = [(span.title or "").rstrip(":") for span in extraction.sections]
        capitals = [
            line.strip() for line in row["note"].splitlines() if re.fullmatch(r"[A-Z][A-Z /,&()'-]{2,}:?", line.strip())
        ]
        assert {line.rstrip(":") for line in capitals if line not in NOT_HEADINGS} <= set(titles), row["encounter_id"]
        found.append(len(extraction.sections))
    assert tuple(found) == ACI_SECTIONS
