"""PDF as a hypothesis strategy: pages of text at places, operators, forms, page trees that go round in circles."""

from __future__ import annotations

import made_up_pdf
from hypothesis import strategies as st
from words import NUMBER, PASSAGE, several

_PLACE = st.sampled_from((0, 1, 50, 50.4, 54, 60, 100, 700, 746, 749, 752, 760, 5_000, -10))
_SIZE = st.sampled_from((0, 0.1, 1, 6, 7, 11, 11, 12, 200, -11))
_SHORT = st.lists(PASSAGE | st.sampled_from(tuple("0123456789")), max_size=3).map("".join)


def _shown(text: str, x: float, y: float, size: float, font: str) -> bytes:
    return made_up_pdf.show(text.encode("cp1252", errors="ignore").decode("cp1252"), x, y, size, font)


_OPERATORS = (
    b"q ", b"Q ", b"BT ", b"ET ", b"3 Tr ", b"5 Ts ", b"-3 Ts ", b"0 Ts ", b"T* ", b"14 TL ", b"(10) Tj 4 Ts (9) Tj ",
    b"[(a) -5000 (b) 200 (c)] TJ ", b"(5-) ' ", b"0 1 -1 0 300 300 cm ", b"1 0 0 -1 0 700 cm ", b"/Im Do ",
    b"/F9 12 Tf ", b"1e30 0 0 1e30 0 0 cm ", b"(\\\\\\(Zoraquin) Tj ", b"(\\377\\000) Tj ", b"<48656C> Tj ",
    b"BI /W 1 /H 1 ID x EI ", b"/Artifact BMC ", b"EMC ", b"/Span <</ActualText (velmorath)>> BDC ", b"( ( ",
    b"<< ", b"999999999999 ", b"% x\n",
)  # fmt: skip
_CONTENT = several(
    st.builds(_shown, _SHORT, _PLACE, _PLACE, _SIZE, st.sampled_from(("F1", "F1", "F1", "F2", "F9")))
    | st.sampled_from(_OPERATORS)
    | st.builds(lambda operator, times: operator * times, st.sampled_from(_OPERATORS), st.sampled_from((2, 30, 300)))
    | st.lists(_SHORT, max_size=5).map(
        lambda texts: made_up_pdf.lines(*(t.encode("cp1252", errors="ignore").decode("cp1252") for t in texts))
    ),
    12,
).map(b"".join)
_CATALOGUE = (
    b"", b"", b"", b"/AcroForm << /Fields [] >>", b"/AcroForm << /XFA 4 0 R /Fields [3 0 R] >>", b"/Pages 1 0 R",
    b"/Names << /EmbeddedFiles << /Names [(Zoraquin) 4 0 R] >> >>", b"/OpenAction << /S /JavaScript /JS (x) >>",
    b"/Version /9.9", b"/StructTreeRoot 2 0 R",
)  # fmt: skip
_PAGE = (
    b"", b"", b"", b"/Rotate 90", b"/Rotate 45", b"/MediaBox [0 0 0 0]", b"/MediaBox [0 0 1e9 1e9]", b"/UserUnit 1e6",
    b"/CropBox [10 10 5 5]", b"/Annots [3 0 R]",
    b"/Annots [<< /Type /Annot /Subtype /FreeText /Rect [0 0 99 99] /Contents (velmorath) /DA (/F1 9 Tf) >>]",
    b"/Annots [<< /Subtype /Widget /FT /Tx /V (KUPRANTOS) /Rect [9 9 99 20] >> null 7 0 R]",
    b"/Contents [4 0 R 4 0 R 9 0 R]", b"/Parent 3 0 R", b"/Group 3 0 R", b"/Resources 3 0 R",
)  # fmt: skip
_AROUND_ITSELF = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /Im 5 0 R >> >>"
_MORE = (b"null", b"<< >>", b"[ ]", b"(Zoraquin)", made_up_pdf.stream(b"x", b"/Filter /FlateDecode"),
         made_up_pdf.stream(b"q /Im Do Q", _AROUND_ITSELF))  # fmt: skip
_CONTENTS = st.lists(_CONTENT, min_size=1, max_size=4)
_ORDINARY = st.builds(
    lambda pages, catalogue, more, entries: made_up_pdf.pdf(
        *pages, catalog=catalogue, more=more, page_entries=entries
    ),
    _CONTENTS, st.sampled_from(_CATALOGUE), st.lists(st.sampled_from(_MORE), max_size=3), st.sampled_from(_PAGE),
)  # fmt: skip
_TREE = st.builds(
    lambda kids, count, inner: made_up_pdf.assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % kid for kid in kids), count),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
            made_up_pdf.stream(inner),
            b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R 5 0 R] /Count 3 >>",
        ]
    ),
    st.lists(st.integers(0, 9), max_size=5), NUMBER, _CONTENT,
)  # fmt: skip
PDF: st.SearchStrategy[bytes] = st.one_of(
    _ORDINARY,
    _ORDINARY,
    _ORDINARY,
    _TREE,
    st.builds(made_up_pdf.many_pages, st.sampled_from((1, 3, 1_999, 2_001))),
    _CONTENTS.map(lambda pages: made_up_pdf.scanned(*pages)),
    st.sampled_from((b"", b"secret")).map(lambda password: made_up_pdf.encrypted("IMPRESSION: stable", password)),
)
