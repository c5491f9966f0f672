import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import fhir, html, plain, rtf
from clinical_assets.documents.readers.reading import Caution, Circumstances, Limits, Reason, SpanKind, UnreadableError


def embedded(data, declared_type):
    if data.startswith(b"<"):
        return html.read(data)
    if data.startswith(b"%PDF"):
        raise UnreadableError(Reason.ENCRYPTED)
    return rtf.read(data) if data.startswith(b"{\\rtf") else plain.read(data)


READ = Circumstances(embedded=embedded)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def reference(*attachments, **more):
    return {"resourceType": "DocumentReference", "content": [{"attachment": a} for a in attachments], **more}


def read(resource, circumstances=READ):
    return fhir.read(json.dumps(resource).encode(), circumstances)


def refusal(resource, circumstances=READ) -> Reason:
    with pytest.raises(UnreadableError) as refused:
        read(resource, circumstances)
    return refused.value.reason


PLAIN = {"contentType": "text/plain", "data": b64(b"IMPRESSION: stable")}
RTF = {"contentType": "text/rtf", "data": b64(rb"{\rtf1 IMPRESSION: stable}")}
HTML = {"contentType": "text/html", "data": b64(b"<p>IMPRESSION: stable</p>")}
PDF = {"contentType": "application/pdf", "data": b64(b"%PDF-1.4 locked")}


def test_an_inline_attachment_is_read_with_its_code_and_sections():
    codes = [{"system": "http://x", "code": "9"}, {"system": "http://loinc.org", "code": "18748-4"}]
    reading = read(reference({**PLAIN, "title": "MRI brain"}, type={"coding": codes}, date="2020-01-02T03:04:05Z"))
    attachment, inside = reading.spans
    assert reading.text == "IMPRESSION: stable"
    assert (attachment.kind, attachment.title, attachment.code, attachment.code_system) == (
        SpanKind.ATTACHMENT,
        "MRI brain",
        "18748-4",
        "LOINC",
    )
    assert (inside.code, inside.level) == ("19005-8", 2)
    assert (reading.method, reading.facts["document_code"]) == ("fhir(plain)", "18748-4")
    assert reading.facts["effective_time"] == "2020-01-02T03:04:05Z"


def test_several_formats_are_one_document():
    reading = read(reference(PDF, PLAIN, RTF, HTML))
    assert (reading.text, reading.method) == ("IMPRESSION: stable", "fhir(html)")
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.ALTERNATIVE_FORMAT_SKIPPED, "3 other formats")]


def test_the_next_format_is_tried_where_the_best_is_broken():
    broken = {"contentType": "text/html", "data": "@@@"}
    assert read(reference(broken, RTF)).method == "fhir(rtf)"


def test_a_binary_is_read_and_dstu2_too():
    assert read({"resourceType": "Binary", **PLAIN}).text == "IMPRESSION: stable"
    assert (
        read({"resourceType": "Binary", "contentType": "text/plain", "content": PLAIN["data"]}).text
        == "IMPRESSION: stable"
    )


@pytest.mark.parametrize("url", ["urn:uuid:1", "Binary/b1", "https://ehr.example/r4/Binary/b1", "Binary/b1/_history/2"])
def test_a_bundle_resolves_its_own_binaries_once(url):
    binary = {"resourceType": "Binary", "id": "b1", **PLAIN}
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": binary},
            {"resource": {"resourceType": "Patient", "id": "p", "name": [{"family": "Doe"}]}},
            {"resource": reference({"url": url})},
            {"resource": reference({**HTML, "title": "second"})},
        ],
    }
    reading = read(bundle)
    assert reading.text == "IMPRESSION: stable\n\nIMPRESSION: stable"
    assert [s.title for s in reading.spans if s.kind is SpanKind.ATTACHMENT] == [None, "second"]


def test_a_contained_binary_and_a_data_url_are_read():
    contained = {"resourceType": "Binary", "id": "c", **PLAIN}
    assert read(reference({"url": "#c"}, contained=[contained])).text == "IMPRESSION: stable"
    assert read(reference({"url": f"data:text/plain;base64,{PLAIN['data']}"})).text == "IMPRESSION: stable"
    assert read(reference({"url": "data:text/plain,a%20b"})).text == "a b"


def test_urls_are_asked_for_never_fetched():
    asked = []
    resource = reference({"url": "https://ehr.example/doc/1", "contentType": "text/plain"})
    assert refusal(resource) is Reason.UNRESOLVED_REFERENCE
    found = read(resource, Circumstances(embedded=embedded, resolve=lambda url: asked.append(url) or b"Found."))
    assert (asked, found.text) == (["https://ehr.example/doc/1"], "Found.")


def test_damage_in_transfer_is_said():
    digest = b64(hashlib.sha1(b"IMPRESSION: stable").digest())
    assert read(reference({**PLAIN, "hash": digest, "size": 18})).cautions == ()
    wrong = read(reference({**PLAIN, "hash": b64(b"0" * 20), "size": 3})).cautions
    assert [c.code for c in wrong] == [Caution.CHECKSUM_MISMATCH] * 2


@pytest.mark.parametrize(
    "status", [{"status": "entered-in-error"}, {"status": "current", "docStatus": "entered-in-error"}]
)
def test_what_was_entered_in_error_is_not_read(status):
    assert refusal(reference(PLAIN, **status)) is Reason.ENTERED_IN_ERROR
    other = {
        "resourceType": "Bundle",
        "entry": [{"resource": reference(PLAIN, **status)}, {"resource": reference(HTML)}],
    }
    reading = read(other)
    assert reading.text == "IMPRESSION: stable"
    assert [c.code for c in reading.cautions] == [Caution.ENTERED_IN_ERROR]


def test_a_preliminary_document_is_said_to_be_one():
    assert [c.code for c in read(reference(PLAIN, docStatus="preliminary")).cautions] == [Caution.NOT_FINAL]


def test_one_bad_document_does_not_take_a_bundle_down():
    bundle = {"resourceType": "Bundle", "entry": [{"resource": reference(PDF)}, {"resource": reference(PLAIN)}]}
    reading = read(bundle)
    assert reading.text == "IMPRESSION: stable"
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.ATTACHMENT_NOT_READ, "encrypted")]


def test_a_diagnostic_report_gives_its_form_else_its_conclusion_else_its_narrative():
    report = {"resourceType": "DiagnosticReport", "conclusion": "No residual.", "text": {"div": "<div>Seen</div>"}}
    assert read({**report, "presentedForm": [HTML]}).text == "IMPRESSION: stable"
    assert read(report).text == "No residual."
    assert read({**report, "conclusion": None}).text == "Seen"


def test_a_composition_gives_its_sections():
    family = {"system": "http://loinc.org", "code": "10157-6"}
    inner = {"title": "Inner", "text": {"div": "<div xmlns='http://www.w3.org/1999/xhtml'><p>deep</p></div>"}}
    resource = {
        "resourceType": "Composition",
        "title": "Summary",
        "section": [
            {
                "title": "Family history",
                "code": {"coding": [family]},
                "text": {"div": "<div>Mother: <b>gli</b>oma</div>"},
            },
            {"title": "Outer", "section": [inner]},
            {"title": "Empty"},
        ],
    }
    reading = read(resource)
    assert reading.text == "Summary\n\nFamily history\nMother: glioma\n\nOuter\n\nInner\ndeep\n\nEmpty"
    got = [(s.title, s.code, s.level, reading.text[s.start : s.end].replace("\n", "/")) for s in reading.spans]
    assert got == [
        ("Family history", "10157-6", 1, "Family history/Mother: glioma"),
        ("Outer", None, 1, "Outer//Inner/deep"),
        ("Inner", None, 2, "Inner/deep"),
        ("Empty", None, 1, "Empty"),
    ]
    assert [c.code for c in reading.cautions] == [Caution.SECTION_WITHOUT_NARRATIVE]


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ({"resourceType": "Patient"}, Reason.UNSUPPORTED_TYPE),
        ({"id": 1}, Reason.UNSUPPORTED_TYPE),
        ([], Reason.UNSUPPORTED_TYPE),
        (reference(), Reason.NO_TEXT),
        (reference({}), Reason.EMPTY),
        (reference({"contentType": "text/plain", "data": "QUJ"}), Reason.BAD_BASE64),
        (reference(PDF), Reason.ENCRYPTED),
        (reference({"contentType": "text/html", "data": b64(b"<p> </p>")}), Reason.NO_TEXT),
        (reference({"url": "data:oops"}), Reason.CORRUPT),
        ({"resourceType": "DocumentReference", "content": "x", "type": [3], "contained": [1]}, Reason.NO_TEXT),
    ],
)
def test_refusals(resource, reason):
    assert refusal(resource) is reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"resourceType": "Binary", ', Reason.CORRUPT),
        (b"[" * 100_000, Reason.TOO_DEEP),
        (b'{"resourceType": "Binary", "n": ' + b"9" * 5000 + b"}", Reason.CORRUPT),
    ],
)
def test_broken_json_is_refused(data, reason):
    with pytest.raises(UnreadableError) as refused:
        fhir.read(data, READ)
    assert refused.value.reason is reason


def test_limits():
    assert (
        refusal(reference(*[PLAIN] * 5), Circumstances(Limits(max_parts=4), embedded=embedded)) is Reason.TOO_MANY_PARTS
    )
    assert refusal(reference(PLAIN), Circumstances(Limits(max_bytes=5), embedded=embedded)) is Reason.TOO_LARGE
    nested = {"resourceType": "Binary", **PLAIN}
    for _ in range(60):
        nested = {"resourceType": "Bundle", "entry": [{"resource": nested}]}
    assert refusal(nested) is Reason.TOO_DEEP


FIELDS = [
    "entry",
    "resource",
    "content",
    "attachment",
    "data",
    "url",
    "text",
    "div",
    "section",
    "title",
    "type",
    "coding",
    "code",
    "system",
    "status",
    "contained",
    "id",
    "presentedForm",
    "conclusion",
    "size",
    "hash",
    "contentType",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["#c", "Binary/b", PLAIN["data"], "data:,x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
TYPES = st.sampled_from(["Bundle", "DocumentReference", "Binary", "Composition", "DiagnosticReport"])


@given(
    TYPES, st.dictionaries(st.sampled_from(["entry", "content", "section", "presentedForm", "data", "title"]), VALUES)
)
@settings(max_examples=80, deadline=None)
def test_any_shape_is_read_or_refused(kind, fields):
    try:
        reading = read({"resourceType": kind, **fields})
    except UnreadableError:
        return
    for span in reading.spans:
        assert 0 <= span.start <= span.end <= len(reading.text)
        (span.title or "").encode()
