import io
import subprocess
import sys
from unittest import mock

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from clinical_assets.documents.readers import dicom_elements, dicom_sr
from clinical_assets.documents.readers.dicom_elements import TAGS, data_set
from clinical_assets.documents.readers.reading import UnreadableError


def stored(dataset: Dataset, syntax=ExplicitVRLittleEndian, undefined: bool = False) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = BasicTextSRStorage, syntax
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = BasicTextSRStorage, "1.2.3"
    if undefined:
        for element in dataset.iterall():
            if element.VR == "SQ":
                element.is_undefined_length = True
                for each in element.value:
                    each.is_undefined_length_sequence_item = True
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def made(**values) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def code(meaning: str, value: str = "1") -> Sequence:
    return Sequence([made(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=meaning)])


def text(words: str, **values) -> Dataset:
    return made(ValueType="TEXT", ConceptNameCodeSequence=code("Finding"), TextValue=words, **values)


def report(*children: Dataset, **values) -> Dataset:
    return made(
        ValueType="CONTAINER",
        ConceptNameCodeSequence=code("Report"),
        ContentSequence=Sequence(list(children)),
        **values,
    )


def outcome(data: bytes):
    try:
        return dicom_sr.read(data)
    except UnreadableError as refused:
        return refused.reason, refused.detail


def as_pydicom_reads(data: bytes):
    with mock.patch.object(dicom_elements, "data_set", return_value=None):
        return outcome(data)


def test_tags_are_those_of_the_data_dictionary():
    assert {tag: (keyword_for_tag(tag), dictionary_VR(tag)) for tag in TAGS} == dict(TAGS)


WORDS = st.text("ab 1.^\n\té—日\u2028", max_size=12)
LEAVES = st.one_of(
    st.builds(text, WORDS),
    st.builds(lambda word: made(ValueType="PNAME", ConceptNameCodeSequence=code("By"), PersonName=word), WORDS),
    st.builds(
        lambda number, unit: made(
            ValueType="NUM",
            ConceptNameCodeSequence=code("Long axis"),
            MeasuredValueSequence=Sequence([made(NumericValue=number, MeasurementUnitsCodeSequence=code("x", unit))]),
        ),
        st.from_regex(r"[+-]?[0-9]{1,5}(\.[0-9]{0,3})?(E-?[0-9])?", fullmatch=True),
        st.sampled_from(["mm", "1"]),
    ),
    st.just(made(ValueType="CODE", ConceptCodeSequence=Sequence([]), RelationshipType="HAS CONCEPT MOD")),
    st.just(made(ValueType="IMAGE", ReferencedSOPSequence=Sequence([made(ReferencedSOPClassUID="1.2")]))),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda name, items: made(
            ValueType="CONTAINER", ConceptNameCodeSequence=code(name), ContentSequence=Sequence(items)
        ),
        WORDS,
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)
FILES = st.builds(
    lambda items, syntax, undefined, facts: stored(
        report(*items, SpecificCharacterSet="ISO_IR 192", **facts), syntax, undefined
    ),
    st.lists(TREES, max_size=4),
    st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]),
    st.booleans(),
    st.sampled_from([{}, {"ContentDate": "20200102", "ContentTime": "0304"}, {"CompletionFlag": "PARTIAL"}]),
)


@given(FILES)
@settings(max_examples=60, deadline=None)
def test_a_report_reads_the_same_as_through_pydicom(data):
    assert outcome(data) == as_pydicom_reads(data)


@given(FILES, st.integers(132, 3_000), st.integers(0, 7), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_so_does_a_damaged_one(data, at, bit, removed):
    at = 132 + at % (len(data) - 132)
    damaged = data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 + removed :]
    assert outcome(damaged) == as_pydicom_reads(damaged)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_regular_report_is_read_here_and_one_cut_inside_an_element_is_not(syntax):
    data = stored(report(text("No effusion.")), syntax)
    whole = data_set(data)
    assert whole is not None
    assert whole["ContentSequence"][0]["TextValue"] == "No effusion."
    cuts = [found for end in range(len(data)) if (found := data_set(data[:end])) is not None]
    # No cut between two elements can be told from a shorter report; it never holds half an element.
    assert 0 < len(cuts) <= len(whole)
    assert all(found[keyword] == whole[keyword] for found in cuts for keyword in found)
    assert all("ContentSequence" not in found for found in cuts)


SEVERAL_SETS = ["ISO 2022 IR 6", "ISO 2022 IR 100"]


@pytest.mark.parametrize(
    "data",
    [
        stored(report(text("x")), ExplicitVRBigEndian),
        stored(report(text("x")), DeflatedExplicitVRLittleEndian),
        stored(report(text("x"), SpecificCharacterSet="ISO_IR 144")),
        stored(report(text("x"), SpecificCharacterSet=SEVERAL_SETS)),
        stored(report(text("x", SpecificCharacterSet="ISO_IR 100"))),
        stored(report(text("an escape \x1b(B"))),
        stored(report(text("not utf-8: é"), SpecificCharacterSet="ISO_IR 100")).replace(b"ISO_IR 100", b"ISO_IR 192"),
        stored(report(made(ValueType="PNAME", PersonName="Doe^Jane=x"))),
        stored(report(made(ValueType="DATE", Date=["20200101", "20200102"]))),
        stored(report(made(ValueType="NUM", MeasuredValueSequence=Sequence([made(NumericValue="")])))),
        stored(report(text("x"))) + b"\0",
        stored(report(text("x"))).replace(b"UT\0\0", b"UN\0\0"),
        b"",
    ],
)
def test_what_is_irregular_is_left_to_pydicom(data):
    assert data_set(data) is None


def test_a_regular_report_needs_no_pydicom(tmp_path):
    path = tmp_path / "report.dcm"
    path.write_bytes(stored(report(text("No effusion."))))
    program = (
        "import sys, pathlib; from clinical_assets.documents.readers import dicom_sr; "
        "print(dicom_sr.read(pathlib.Path(sys.argv[1]).read_bytes()).text.splitlines()[-1], 'pydicom' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "Finding: No effusion. False\n"
