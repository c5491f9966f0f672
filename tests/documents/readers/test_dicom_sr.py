import contextlib
import io
import tracemalloc
import zlib

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from clinical_assets.documents.readers import dicom_sr, plain
from clinical_assets.documents.readers.reading import Caution, Circumstances, Limits, Reason, SpanKind, UnreadableError

BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


def code(value: str, meaning: str, scheme: str = "DCM") -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = value, meaning, scheme
    return Sequence([item])


def item(kind: str, name: tuple[str, str] | None, children=(), relation: str = "CONTAINS", **values) -> Dataset:
    made = Dataset()
    made.ValueType, made.RelationshipType = kind, relation
    if name:
        made.ConceptNameCodeSequence = code(*name)
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if children:
        made.ContentSequence = Sequence(list(children))
    return made


def measurement(name: tuple[str, str], value: str, unit: str, meaning: str, children=()) -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = code(unit, meaning, "UCUM")
    return item("NUM", name, children, MeasuredValueSequence=Sequence([measured]))


def stored(dataset: Dataset, sop_class: str = BASIC_TEXT_SR, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = sop_class, syntax
    meta.MediaStorageSOPInstanceUID = "1.2.3.45"
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def report(*children: Dataset, **values) -> bytes:
    root = item("CONTAINER", ("18748-4", "Diagnostic imaging report"), children, **values)
    root.ConceptNameCodeSequence = code("18748-4", "Diagnostic imaging report", "LN")
    return stored(root)


FINDING, IMPRESSION = ("121071", "Finding"), ("121073", "Impression")


def test_the_content_tree_is_headings_and_lines():
    side = item(
        "CODE",
        ("272741003", "Laterality"),
        relation="HAS CONCEPT MOD",
        ConceptCodeSequence=code("7771000", "Left", "SCT"),
    )
    data = report(
        item("PNAME", ("121008", "Person Observer Name"), PersonName="Doe^Jane", relation="HAS OBS CONTEXT"),
        item(
            "CONTAINER",
            ("121070", "Findings"),
            [
                item("TEXT", FINDING, TextValue="No effusion.\nHeart normal."),
                item("CODE", FINDING, [side], ConceptCodeSequence=code("4147007", "Mass", "SCT")),
                measurement(("103339001", "Long axis"), "12.5", "mm", "millimeter", [side]),
                measurement(("1", "Count"), "2", "1", "no units"),
                item("IMAGE", None),
            ],
        ),
        item("CONTAINER", ("121072", "Impressions"), [item("TEXT", IMPRESSION, TextValue="Stable.")]),
        ContentDate="20200102",
        ContentTime="030405.123",
    )
    reading = dicom_sr.read(data)
    assert reading.text == (
        "Diagnostic imaging report\n\nPerson Observer Name: Doe Jane\n\n"
        "Findings\nFinding: No effusion.\nHeart normal.\nFinding: Mass; Laterality: Left\n"
        "Long axis: 12.5 mm; Laterality: Left\nCount: 2\n\nImpressions\nImpression: Stable."
    )
    got = [
        (s.kind, s.title, s.code, s.code_system, reading.text[s.start : s.end].split("\n")[-1]) for s in reading.spans
    ]
    assert got == [
        (SpanKind.SECTION, "Findings", "121070", "DCM", "Count: 2"),
        (SpanKind.SECTION, "Impressions", "121072", "DCM", "Impression: Stable."),
    ]
    assert reading.facts == {
        "document_code": "18748-4",
        "document_code_system": "LOINC",
        "effective_time": "20200102030405",
    }
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.EXTERNAL_REFERENCE, "1 referenced objects")]


def test_a_measurement_that_was_not_possible_says_why():
    missing = item(
        "NUM", ("103339001", "Long axis"), NumericValueQualifierCodeSequence=code("114006", "Measurement failure")
    )
    assert "Long axis: Measurement failure" in dicom_sr.read(report(missing)).text


@pytest.mark.parametrize(
    ("keyword", "state"),
    [("CompletionFlag", "PARTIAL"), ("VerificationFlag", "UNVERIFIED"), ("PreliminaryFlag", "PRELIMINARY")],
)
def test_a_report_that_is_not_final_says_so(keyword, state):
    reading = dicom_sr.read(report(item("TEXT", FINDING, TextValue="x"), **{keyword: state}))
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.NOT_FINAL, state)]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_every_transfer_syntax_is_read_and_a_cut_in_it_noticed(syntax):
    root = item("CONTAINER", ("1", "Report"), [item("TEXT", FINDING, TextValue="Left mass.")])
    data = stored(root, syntax=syntax)
    assert dicom_sr.read(data).text == "Report\n\nFinding: Left mass."
    assert refusal(data[:-3]) is Reason.CORRUPT


def deflated_again(data: bytes, keep: slice) -> bytes:
    """A deflated file with a part of its data set, deflated as if that were the whole."""
    begins = 144 + int.from_bytes(data[140:144], "little")
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    kept = zlib.decompress(data[begins:], -zlib.MAX_WBITS)[keep]
    return data[:begins] + deflater.compress(kept) + deflater.flush()


def test_a_data_set_cut_before_it_was_deflated_is_refused():
    root = item("CONTAINER", ("1", "Report"), [item("TEXT", FINDING, TextValue="Mass 3 cm")])
    data = stored(root, syntax=DeflatedExplicitVRLittleEndian)
    assert dicom_sr.read(deflated_again(data, slice(None))).text == "Report\n\nFinding: Mass 3 cm"
    for cut in range(1, 60):
        assert refusal(deflated_again(data, slice(-cut))) is Reason.CORRUPT, cut


def test_a_deflated_data_set_is_inflated_once(monkeypatch):
    calls = []
    inflated = dicom_sr.inflated
    monkeypatch.setattr(dicom_sr, "inflated", lambda *given: calls.append(given) or inflated(*given))
    monkeypatch.delattr(zlib, "decompress")
    assert dicom_sr.read(deflated_of(5)).text.endswith("Finding: xxxxx")
    assert len(calls) == 1


def test_a_deflated_data_set_that_says_it_is_deflated_once_more_is_refused():
    data = stored(item("CONTAINER", ("1", "Report")), syntax=DeflatedExplicitVRLittleEndian)
    syntax = data[data.index(b"\x02\x00\x10\x00UI") :][: 8 + len(DeflatedExplicitVRLittleEndian)]
    begins = 144 + int.from_bytes(data[140:144], "little")
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    # Without the length of its header, which would say where that ends.
    header = data[:132] + data[144:begins]
    assert refusal(header + deflater.compress(syntax + data[begins:]) + deflater.flush()) is Reason.CORRUPT


def deflated_of(size: int) -> bytes:
    """A small file whose data set inflates to so many bytes and more."""
    root = item("CONTAINER", ("1", "Report"), [item("TEXT", FINDING, TextValue="x" * size)])
    return stored(root, syntax=DeflatedExplicitVRLittleEndian)


def test_a_deflated_bomb_is_refused_before_it_is_inflated():
    bomb = deflated_of(40_000_000)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        assert refusal(bomb, max_bytes=1_000_000) is Reason.TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_nor_is_one_with_an_irregular_header():
    # What is not regular to its last byte is pydicom's: an element of the header twice, or out of order.
    bomb = deflated_of(3_000_000)
    at = bomb.index(b"\x02\x00\x10\x00UI")
    length = 8 + int.from_bytes(bomb[at + 6 : at + 8], "little")
    element = bomb[at : at + length]
    for irregular in (bomb[:at] + element + bomb[at:], bomb[:132] + element + bomb[132:at] + bomb[at + length :]):
        assert refusal(irregular, max_bytes=1_000_000) is Reason.TOO_LARGE


def test_a_deflated_report_within_the_limit_is_read_and_its_limit_is_that_of_its_inflated_size():
    data = deflated_of(50_000)
    assert len(dicom_sr.read(data).text) == 50_000 + len("Report\n\nFinding: ")
    assert refusal(data, max_bytes=50_000) is Reason.TOO_LARGE
    assert dicom_sr.read(data, Circumstances(limits=Limits(max_bytes=51_000))).text.endswith("xxx")


def test_character_sets_are_obeyed():
    reading = dicom_sr.read(
        report(item("TEXT", FINDING, TextValue="épaississement"), SpecificCharacterSet="ISO_IR 192")
    )
    assert "Finding: épaississement" in reading.text


def test_an_encapsulated_document_is_read_by_its_reader_without_the_padding():
    dataset = Dataset()
    dataset.EncapsulatedDocument, dataset.EncapsulatedDocumentLength = b"IMPRESSION: stable\x00", 18
    dataset.MIMETypeOfEncapsulatedDocument = "text/plain"
    dataset.ConceptNameCodeSequence = code("18748-4", "Diagnostic imaging report", "LN")
    data = stored(dataset, "1.2.840.10008.5.1.4.1.1.104.1")
    reading = dicom_sr.read(data, Circumstances(embedded=lambda body, kind: plain.read(body)))
    assert (reading.text, reading.method) == ("IMPRESSION: stable", "dicom(plain)")
    assert [(s.kind, s.code) for s in reading.spans] == [
        (SpanKind.ATTACHMENT, "18748-4"),
        (SpanKind.SECTION, "19005-8"),
    ]


def refusal(data: bytes, **limits) -> Reason:
    with pytest.raises(UnreadableError) as refused:
        dicom_sr.read(data, Circumstances(limits=Limits(**limits)))
    return refused.value.reason


def test_images_and_empty_reports_have_no_text():
    assert refusal(stored(Dataset(), "1.2.840.10008.5.1.4.1.1.1")) is Reason.UNSUPPORTED_TYPE
    assert refusal(report()) is Reason.NO_TEXT
    assert refusal(report(item("TEXT", FINDING, TextValue="long text")), max_characters=20) is Reason.TOO_LONG


def test_content_nested_without_end_is_refused():
    nested = item("TEXT", FINDING, TextValue="x")
    for _ in range(150):
        nested = item("CONTAINER", ("1", "Group"), [nested])
    assert refusal(report(nested)) is Reason.TOO_DEEP


def test_damaged_values_leave_no_trace_in_logs(caplog, recwarn):
    data = report(item("DATE", ("1", "Secret"), Date="20200101")).replace(b"20200101", b"2020SECR")
    with contextlib.suppress(UnreadableError):
        dicom_sr.read(data)
    assert caplog.text == ""
    assert not list(recwarn)


WHOLE = report(item("CONTAINER", ("1", "Group"), [item("TEXT", FINDING, TextValue="some text"), item("IMAGE", None)]))


@given(st.integers(0, len(WHOLE)), st.binary(max_size=8), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_read_or_refused(at, noise, removed):
    try:
        reading = dicom_sr.read(WHOLE[:at] + noise + WHOLE[at + removed :])
    except UnreadableError:
        return
    for span in reading.spans:
        assert 0 <= span.start <= span.end <= len(reading.text)


def test_a_cut_file_is_never_half_a_report():
    full = dicom_sr.read(WHOLE).text
    for kept in range(0, len(WHOLE), 7):
        with contextlib.suppress(UnreadableError):
            assert dicom_sr.read(WHOLE[:kept]).text == full
