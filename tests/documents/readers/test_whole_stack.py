"""What a document gives does not depend on how deep in the stack it is read."""

import base64
import io
import json
import sys
import threading

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, ExplicitVRBigEndian

from clinical_assets.documents.readers.extraction import extract
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Reason, UnreadableError
from clinical_assets.documents.readers.safe_json import DEEPEST, parse
from clinical_assets.documents.readers.whole_stack import with_whole_stack


def nested(count: int) -> bytes:
    """A report of so many levels."""
    brackets = "[" * (count - 1) + "]" * (count - 1)
    return f'{{"resourceType": "DiagnosticReport", "conclusion": "stable", "n": {brackets}}}'.encode()


def frames() -> int:
    count, frame = 0, sys._getframe()
    while frame:
        count, frame = count + 1, frame.f_back
    return count


def with_frames_left(left: int, call):
    """What a call gives that finds only so many frames of the stack left."""

    def deeper(more: int):
        return deeper(more - 1) if more else call()

    return deeper(sys.getrecursionlimit() - frames() - left)


@pytest.mark.parametrize("left", [45, 100, 300, None])
@pytest.mark.parametrize(
    ("count", "reason"), [(2, None), (DEEPEST, None), (DEEPEST + 1, Reason.TOO_DEEP), (900, Reason.TOO_DEEP)]
)
def test_a_deep_and_a_shallow_stack_give_the_same_answer(left, count, reason):
    data = nested(count)

    def read():
        return extract(data)

    got = with_frames_left(left, read) if left else read()
    assert (got.reason, got.text) == (reason, "" if reason else "stable")
    if reason:
        assert got.detail == f"JSON nested more than {DEEPEST} deep"


@pytest.mark.parametrize("left", [45, None])
def test_documents_inside_documents_are_read_from_a_deep_stack_too(left):
    inner = base64.b64encode(b"<p>No <b>fever</b></p>").decode()
    resource = {"resourceType": "Binary", "contentType": "text/html", "data": inner}
    for _ in range(45):
        resource = {"resourceType": "Bundle", "entry": [{"resource": resource}]}
    data = json.dumps(resource).encode()
    got = with_frames_left(left, lambda: extract(data)) if left else extract(data)
    assert (got.text, got.method) == ("No fever", "fhir(html)")


@pytest.mark.parametrize("left", [45, None])
@pytest.mark.parametrize(("groups", "reason"), [(40, None), (90, None), (120, Reason.TOO_DEEP)])
def test_a_report_that_pydicom_has_to_read_gives_the_same_answer_from_both(left, groups, reason):
    nested = Dataset()
    nested.ValueType, nested.TextValue = "TEXT", "Left mass."
    for _ in range(groups):
        inner, nested = nested, Dataset()
        nested.ValueType, nested.ContentSequence = "CONTAINER", Sequence([inner])
    nested.SOPClassUID, nested.SOPInstanceUID = BasicTextSRStorage, "1.2.3"
    nested.file_meta = FileMetaDataset()
    nested.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    out = io.BytesIO()
    pydicom.dcmwrite(out, nested, enforce_file_format=True)
    data = out.getvalue()
    got = with_frames_left(left, lambda: extract(data)) if left else extract(data)
    assert (got.reason, got.text) == (reason, "" if reason else "Left mass.")


def test_what_a_whole_stack_is_not_enough_for_is_said_once_and_another_error_is_itself():
    calls = []

    def endless(first=False):
        if first:
            calls.append(1)
        return endless()

    with pytest.raises(RecursionError):
        with_whole_stack(lambda: endless(first=True))
    assert len(calls) == 2
    with pytest.raises(UnreadableError):
        with_frames_left(60, lambda: with_whole_stack(lambda: parse("[" * 200, DEFAULT_LIMITS)))


def test_where_there_is_no_memory_for_another_stack_it_says_so(monkeypatch):
    def refused(_):
        raise RuntimeError("can't start new thread")

    def endless():
        return endless()

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(MemoryError):
        with_whole_stack(endless)
