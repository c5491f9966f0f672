"""The documents the readers are fuzzed with, by format: made-up ones, whole or damaged, and damaged examples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from damage import damaged
from dicom_documents import dicom
from fhir_documents import fhir
from hypothesis import strategies as st
from markup_documents import HTML, ccda
from pdf_documents import PDF
from rtf_documents import RTF
from words import ENCODING, LINES, TEXT, TIMES, encoded, several

from clinical_assets.sample.documents import formats as document_formats
from clinical_assets.sample.documents import pages as document_pages
from clinical_assets.sample.documents.text import Note, Section

EXAMPLES = Path(__file__).parents[2] / "../shared/data/documents"
_FILED = document_formats.Filed("d1", "p1", "Abel, Zoe", "Doe, Jon", "2145-03-14T10:00:00", "2145-03-14T12:00:00")
_NOTE = Note(
    "OPERATIVE REPORT",
    ("Patient: Abel, Zoe", "Date of service: 03/14/2145"),
    (
        Section("Findings", ("Firm & vascular <not cystic> mass, 2.1 x 1.8 cm – café.", "No residual."), "59776-5"),
        Section("Results", ((("Marker", "Result"), ("IDH1", "mutant"), ("Ki-67", "< 5 %")),), "30954-2"),
        Section("Impression", ("1. Gross total resection.", "2. Follow-up MRI."), "19005-8"),
    ),
    "11504-8",
)


@cache
def seeds() -> tuple[bytes, ...]:
    """One synthetic document of each format, and every example that is there."""
    made = [
        write(_NOTE, _FILED)
        for write in (
            document_formats.plain, document_formats.plain_1252, document_formats.html, document_formats.rtf,
            document_formats.ccda, document_formats.fhir, document_formats.fhir_html, document_formats.fhir_binary,
            document_pages.pdf, document_pages.scan, document_pages.dicom_sr,
        )
    ]  # fmt: skip
    found = [p for p in sorted(EXAMPLES.rglob("*")) if p.suffix.lower() in (".xml", ".pdf", ".rtf", ".html", ".md")]
    examples = [p.read_bytes() for p in found if p.stat().st_size < 1_000_000]
    # Half of the cases begin with a synthetic document: they are small, so damage meets structure.
    return (*made * max(1, len(examples) // len(made)), *examples)


# By their numbers: hypothesis would make a repr of megabytes of the documents themselves.
_SEED = st.deferred(lambda: st.integers(0, len(seeds()) - 1)).map(lambda number: seeds()[number])
_PIECE = st.builds(lambda text, times: text * times, TEXT, TIMES)
PLAIN: st.SearchStrategy[bytes] = st.builds(encoded, LINES | several(_PIECE, 9).map("\n".join), ENCODING)
_INSIDE = damaged(st.one_of(HTML, PLAIN, RTF, PDF))
_CCDA = ccda(_INSIDE)
_FHIR = fhir(_INSIDE | _CCDA)


def documents() -> Mapping[str, st.SearchStrategy[bytes]]:
    """Documents by the name of their format; `damaged` ones began as an example."""
    written = {
        "plain": PLAIN,
        "html": HTML,
        "rtf": RTF,
        "ccda": _CCDA,
        "fhir": _FHIR,
        "pdf": PDF,
        "dicom": dicom(_INSIDE | _CCDA | _FHIR),
    }
    made = {name: damaged(documents, seeds()) for name, documents in written.items()}
    return {**made, "damaged": damaged(_SEED, seeds(), least=1)}
