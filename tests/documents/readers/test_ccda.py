import base64
import hashlib
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import ccda, plain, rtf
from clinical_assets.documents.readers.reading import Caution, Circumstances, Limits, Reason, SpanKind, UnreadableError

EXAMPLES = Path(__file__).parents[3] / "../shared/data/documents/hl7-ccda-examples"


LIMITS = Limits(max_characters=20_000_000)


def embedded(data, declared_type):
    reader = rtf if data.startswith(b"{\\rtf") else plain
    return reader.read(data, Circumstances(charset=declared_type, limits=LIMITS))


READ = Circumstances(embedded=embedded, limits=LIMITS)


def document(body: str, head: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3">'
        f"{head}<title>Operative note</title><component>{body}</component></ClinicalDocument>"
    ).encode()


def section(text: str, code: str = "8648-8", title: str = "Hospital course", more: str = "") -> str:
    coded = f'<code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
    return f"<section>{coded}<title>{title}</title><text>{text}</text>{more}</section>"


def structured(*sections: str) -> bytes:
    inner = "".join(f"<component>{s}</component>" for s in sections)
    return document(f"<structuredBody>{inner}</structuredBody>")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_sections_carry_codes_and_slice():
    reading = ccda.read(
        structured(section("<paragraph>Fell.</paragraph>"), section("Mother: glioma", "10157-6", "FAMILY HISTORY"))
    )
    assert reading.text == "Operative note\n\nHospital course\n\nFell.\n\nFAMILY HISTORY\nMother: glioma"
    got = [(s.title, s.code, s.code_system, s.number, reading.text[s.start : s.end]) for s in reading.spans]
    assert got == [
        ("Hospital course", "8648-8", "LOINC", 1, "Hospital course\n\nFell."),
        ("FAMILY HISTORY", "10157-6", "LOINC", 2, "FAMILY HISTORY\nMother: glioma"),
    ]


def test_nested_sections_stand_one_level_deeper():
    inner = f"<component>{section('inner text', '10157-6', 'Inner')}</component>"
    reading = ccda.read(structured(section("outer text", more=inner)))
    assert [(s.level, reading.text[s.start : s.end].replace("\n", "/")) for s in reading.spans] == [
        (1, "Hospital course/outer text//Inner/inner text"),
        (2, "Inner/inner text"),
    ]


@pytest.mark.parametrize(
    ("narrative", "text"),
    [
        ("<table><tr><th>Test</th><th>Value</th></tr><tr><td>Hgb</td><td>9.1</td></tr></table>",
         "Test\tValue\nHgb\t9.1"),
        ("<list><item>No fever</item><item><content>Chest </content>pain</item></list>", "No fever\nChest pain"),
        ("<paragraph>No <content styleCode='Bold'>pneumo</content>nia</paragraph>", "No pneumonia"),
        ("kept<content revised='delete'> gone</content><content revised='insert'> new</content>", "kept new"),
        ("7 x 10<sup>9</sup>/L, H<sub>2</sub>O", "7 x 10^9/L, H2O"),
        ("a<br/>b<renderMultiMedia referencedObject='i'/>c", "a\nb c"),
        ("<footnote ID='f'>note</footnote><footnoteRef IDREF='f'/>", "note"),
        ("<p>written</p><div>as <b>HTML</b></div>", "written\n\nas HTML"),
        ("No fever\n   Chest pain", "No fever\nChest pain"),
        ("5 &lt; 6 &amp; &#181;g", "5 < 6 & µg"),
        ("caf&eacute;&nbsp;x", "café x"),
    ],
)  # fmt: skip
def test_narrative(narrative, text):
    reading = ccda.read(structured(section(narrative)))
    assert reading.text.removeprefix("Operative note\n\nHospital course\n").lstrip("\n") == text


@pytest.mark.parametrize("name", ["xml:id", "ID"])
@pytest.mark.parametrize("identifiers", [("n1", "n1"), ("1 n", "n/1"), ("", "")])
def test_identifiers_that_come_twice_or_are_no_names_cost_no_document(name, identifiers):
    first, second = (
        f"<paragraph {name}='{each}'>{words}</paragraph>"
        for each, words in zip(identifiers, ("No&nbsp;fever.", "Hgb 9.1"), strict=True)
    )
    reading = ccda.read(structured(section(first + second)))
    assert reading.text.endswith("Hospital course\n\nNo fever.\n\nHgb 9.1")
    assert reading.cautions == ()


def test_deleted_narrative_is_said():
    reading = ccda.read(structured(section("a<content revised='delete'>b</content>")))
    assert [c.code for c in reading.cautions] == [Caution.DELETED_TEXT_DROPPED]


def test_a_section_without_narrative_is_said_by_its_code():
    reading = ccda.read(structured(section(" ")))
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.SECTION_WITHOUT_NARRATIVE, "8648-8")]


def entry(attributes: str, content: str) -> str:
    return f"<entry><act><text {attributes}>{content}</text></act></entry>"


RTF_NOTE = b64(rb"{\rtf1 Vital signs stable.}")


def test_narrative_is_preferred_to_the_same_note_in_rtf():
    attached = entry('mediaType="text/rtf" representation="B64"', f"{RTF_NOTE}<reference value='#n1'/>")
    reading = ccda.read(structured(section("<paragraph ID='n1'>Vital signs stable.</paragraph>", more=attached)), READ)
    assert reading.text.count("Vital signs") == 1
    assert [c.code for c in reading.cautions] == [Caution.ALTERNATIVE_FORMAT_SKIPPED]


@pytest.mark.parametrize("reference", ["", "<reference value='#absent'/>", "<reference value='#empty'/>"])
def test_an_attached_note_without_narrative_is_read(reference):
    attached = entry('mediaType="text/rtf" representation="B64"', RTF_NOTE + reference)
    reading = ccda.read(structured(section("<paragraph ID='empty'> </paragraph>", more=attached)), READ)
    attachment = next(s for s in reading.spans if s.kind is SpanKind.ATTACHMENT)
    assert reading.text[attachment.start : attachment.end] == "Vital signs stable."
    assert (attachment.method, attachment.level, reading.method) == ("rtf", 2, "ccda(rtf)")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
@pytest.mark.parametrize(
    "written", ["mediaType='text/plain'", "mediaType = 'text/plain' representation='TXT'", "representation\n='TXT'"]
)
def test_an_attached_note_is_found_in_any_encoding_and_spelling(encoding, written):
    entry = f"<entry><act><text {written}>Tumor µ resected.</text></act></entry>"
    data = structured(section("", more=entry)).decode().replace("UTF-8", encoding).encode(encoding)
    assert "Tumor µ resected." in ccda.read(data, READ).text


def test_the_first_of_each_part_of_a_section_counts_in_any_order_and_with_entries_between():
    entries = "<entry><act><code code='1'/><title>no</title><text>no</text></act></entry>" * 3
    late = "<text>first</text><text>second</text><title>Plan</title><title>no</title><code code='8-1'/><code code='9'/>"
    reading = ccda.read(structured(f"<section>{entries}{late}{entries}</section>"), READ)
    assert reading.text == "Operative note\n\nPlan\nfirst"
    assert [(s.title, s.code) for s in reading.spans] == [("Plan", "8-1")]


def test_a_broken_attachment_does_not_take_the_section_down():
    attached = entry('mediaType="text/rtf" representation="B64"', "@@@")
    reading = ccda.read(structured(section("Course uneventful.", more=attached)), READ)
    assert "Course uneventful." in reading.text
    assert [(c.code, c.detail) for c in reading.cautions] == [(Caution.ATTACHMENT_NOT_READ, "bad_base64 (text/rtf)")]


NOTE = "IMPRESSION: stable\nfièvre 38°"


@pytest.mark.parametrize(
    ("attributes", "content"),
    [
        ('mediaType="text/plain" representation="B64"', b64(NOTE.encode())),
        ('mediaType="text/plain"', NOTE),
        ("", NOTE),
        ('mediaType="text/plain" representation="B64" compression="DF"', b64(zlib.compress(NOTE.encode())[2:-4])),
        ('mediaType="text/plain" representation="B64" compression="ZL"', b64(zlib.compress(NOTE.encode()))),
    ],
)
def test_unstructured_bodies_are_read_by_their_own_reader(attributes, content):
    reading = ccda.read(document(f"<nonXMLBody><text {attributes}>{content}</text></nonXMLBody>"), READ)
    attachment, inside = reading.spans
    assert reading.text[attachment.start : attachment.end] == NOTE
    assert (inside.code, inside.level, reading.text[inside.start : inside.end]) == ("19005-8", 2, NOTE)


def test_checksums_are_compared():
    right = b64(hashlib.sha1(NOTE.encode()).digest())
    for stated, expected in ((right, []), (b64(b"x" * 20), [Caution.CHECKSUM_MISMATCH])):
        body = (
            f'<text mediaType="text/plain" representation="B64" integrityCheck="{stated}">{b64(NOTE.encode())}</text>'
        )
        reading = ccda.read(document(f"<nonXMLBody>{body}</nonXMLBody>"), READ)
        assert [c.code for c in reading.cautions] == expected


def test_a_body_kept_elsewhere_is_asked_for_not_fetched():
    data = document('<nonXMLBody><text mediaType="text/plain"><reference value="note.txt"/></text></nonXMLBody>')
    with pytest.raises(UnreadableError) as refused:
        ccda.read(data, READ)
    assert refused.value.reason is Reason.UNRESOLVED_REFERENCE
    asked = []
    found = ccda.read(data, Circumstances(embedded=embedded, resolve=lambda url: asked.append(url) or b"Found."))
    assert (asked, found.text) == (["note.txt"], "Operative note\n\nFound.")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (document("<nonXMLBody><text representation='B64'>QUJ</text></nonXMLBody>"), Reason.BAD_BASE64),
        (document("<nonXMLBody><text representation='B64'>QUJD!</text></nonXMLBody>"), Reason.BAD_BASE64),
        (document("<nonXMLBody><text representation='B64'> </text></nonXMLBody>"), Reason.EMPTY),
        (b"<ClinicalDocument><component>", Reason.CORRUPT),
        (structured(section("cut off"))[:-40], Reason.CORRUPT),
        (b"<note>x</note>", Reason.UNSUPPORTED_TYPE),
        (b"", Reason.CORRUPT),
        (b"<a>" * 5000 + b"</a>" * 5000, Reason.TOO_DEEP),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ClinicalDocument><title>&a;</title></ClinicalDocument>',
         Reason.ENTITIES_REFUSED),
        ('<!DOCTYPE x [<!ENTITY a "b">]><section/>'.encode("utf-16"), Reason.ENTITIES_REFUSED),
    ],
)  # fmt: skip
def test_what_cannot_be_trusted_is_refused(data, reason):
    with pytest.raises(UnreadableError) as refused:
        ccda.read(data, READ)
    assert refused.value.reason is reason


def test_billion_laughs_cost_nothing():
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    data = f'<!DOCTYPE l [<!ENTITY l0 "lol">{laughs}]><ClinicalDocument a="&l9;">&l9;</ClinicalDocument>'
    started = time.process_time()
    with pytest.raises(UnreadableError) as refused:
        ccda.read(data.encode())
    assert refused.value.reason is Reason.ENTITIES_REFUSED
    assert time.process_time() - started < 1


def test_a_deflate_bomb_is_not_inflated():
    bomb = b64(zlib.compress(b"0" * 20_000_000))
    data = document(f'<nonXMLBody><text representation="B64" compression="ZL">{bomb}</text></nonXMLBody>')
    with pytest.raises(UnreadableError) as refused:
        ccda.read(data, Circumstances(limits=Limits(max_bytes=1_000_000), embedded=embedded))
    assert refused.value.reason is Reason.TOO_LARGE


def test_sections_nested_without_end_are_refused():
    nested = "<component><section>" * 60 + "</section></component>" * 60
    with pytest.raises(UnreadableError) as refused:
        ccda.read(f"<structuredBody>{nested}</structuredBody>".encode())
    assert refused.value.reason is Reason.TOO_DEEP


def test_a_wrong_encoding_declaration_does_not_lose_the_document():
    data = structured(section("Fièvre 38°")).decode().encode("cp1252")
    reading = ccda.read(data)
    assert "Fièvre 38°" in reading.text
    assert Caution.ENCODING_MISMATCH in {c.code for c in reading.cautions}


def test_control_characters_do_not_lose_the_document():
    reading = ccda.read(structured(section("a\x0bb")))
    assert reading.text.endswith("ab")
    assert [c.code for c in reading.cautions] == [Caution.UNDECODABLE_BYTES]


def test_an_embedded_body_beyond_ten_megabytes_is_read():
    body = b64(b"word " * 2_200_000)
    text = f'<text mediaType="text/plain" representation="B64">{body}</text>'
    reading = ccda.read(document(f"<nonXMLBody>{text}</nonXMLBody>"), READ)
    assert reading.text.count("word") == 2_200_000


def test_facts_name_no_one():
    head = (
        '<code code="11504-8" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="20200101"/>'
        "<recordTarget><patientRole><patient><name>Doe</name></patient></patientRole></recordTarget>"
        '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2" extension="7"/></parentDocument>'
        "</relatedDocument>"
    )
    reading = ccda.read(document("<structuredBody/>", head))
    assert reading.facts == {
        "document_code": "11504-8",
        "document_code_system": "LOINC",
        "effective_time": "20200101",
        "replaces": "1.2^7",
    }
    assert "Doe" not in reading.text


# Counted in the files: section elements, those that lie inside another, and characters read.
EXPECTED = {
    "CCD.XML": (15, 3524),
    "CCD.xml": (7, 913),
    "Care_Plan.xml": (4, 1038),
    "Consultation_Note.xml": (13, 3343),
    "Diagnostic_Imaging_Report.xml": (5, 785),
    "Discharge_Summary.xml": (21, 3791),
    "History_and_Physical.xml": (17, 3673),
    "Operative_Note.xml": (16, 1292),
    "Procedure_Note.xml": (16, 1638),
    "Progress_Note.xml": (12, 3225),
    "Referral_Note.xml": (19, 4368),
    "Transfer_Summary.xml": (27, 7719),
    "Discharge Note(C-CDAR2.1).xml": (1, 131),
    "Note directly attached to a Procedure(C-CDAR2.1).xml": (1, 208),
    "RTF Note (C-CDA R2.1).xml": (1, 921),
    "Single Consultation Note(C-CDA R2.1).xml": (1, 2020),
}


@pytest.mark.skipif(not EXAMPLES.exists(), reason="shared open documents absent: hl7-ccda-examples")
@pytest.mark.parametrize("name", EXPECTED)
def test_every_structured_example_is_read_with_its_sections(name):
    from lxml import etree

    (path,) = EXAMPLES.rglob(name)
    reading = ccda.read(path.read_bytes(), READ)
    sections = [s for s in reading.spans if s.kind is SpanKind.SECTION]
    assert (len(sections), len(reading.text)) == EXPECTED[name]
    assert all(s.code for s in sections)
    # Every word of every narrative is there, in order, section by section.
    root = etree.parse(path, etree.XMLParser(remove_comments=True)).getroot()
    for span, element in zip(sections, root.iter("section", "{*}section"), strict=True):
        words = [
            w.replace("\u200b", "")
            for text in element.iterchildren("text", "{*}text")
            for t in text.itertext()
            for w in t.split()
        ]
        passage = reading.text[span.start : span.end].split()
        title = (span.title or "").split() if element.find("{*}title") is not None else []
        assert passage[: len(title)] == title
        assert "".join(passage[len(title) :]).startswith("".join(words))


WORDS = st.lists(st.text(alphabet="abcXYZ019.,%µé<>&\"'", min_size=1, max_size=8), min_size=1, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_text_rendered_to_ccda_comes_back(paragraphs):
    from xml.sax.saxutils import escape

    narrative = "\n".join(f"<paragraph>\n  {escape(' '.join(words))}\n</paragraph>" for words in paragraphs)
    text = ccda.read(structured(section(narrative))).text
    assert text.split("\n\n")[2:] == [" ".join(words) for words in paragraphs]


MARKS = st.sampled_from(
    [
        "<section>",
        "</section>",
        "<text>",
        "</text>",
        "<component>",
        "</component>",
        "<paragraph>",
        "</paragraph>",
        "<table>",
        "</table>",
        "<tr>",
        "<td>",
        "</td>",
        "</tr>",
        "<br/>",
        "&amp;",
        "&nbsp;",
        "&bogus;",
        "<!--x-->",
        "<?p?>",
        "<![CDATA[x]]>",
        "<nonXMLBody>",
        "</nonXMLBody>",
        "words",
        "9.1",
    ]
)


@given(st.lists(MARKS, max_size=30).map("".join) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
@settings(max_examples=150, deadline=None)
def test_any_soup_is_read_or_refused(body):
    try:
        reading = ccda.read(f"<structuredBody>{body}</structuredBody>".encode(), READ)
    except UnreadableError:
        return
    for span in reading.spans:
        assert 0 <= span.start <= span.end <= len(reading.text)
