"""XML is parsed as it is first; what the parser refuses decides whether characters or entities have to be mended."""

import pytest

from clinical_assets.documents.readers import safe_xml
from clinical_assets.documents.readers.reading import ALONE, Caution, Circumstances, Reason, UnreadableError

ILLEGAL = [*map(chr, (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20))), "\ufffe", "\uffff"]
PLACES = (
    "<a>x{}y</a>",
    "<a>" + "x" * 5_000 + "{}</a>",
    "<a>é–{}</a>",
    "<a b='x{}y'/>",
    "<a b='é{}'/>",
    "<a xmlns:n='x{}'/>",
    "<a{}/>",
    "<a {}b='c'/>",
    "<a></a{}>",
    "<a><!-- x{} --></a>",
    "<a><?x y{}?></a>",
    "<a><![CDATA[{}x]]></a>",
    "{}<a/>",
    "<a/>{}",
    "<a/>\n<!-- {} -->",
    "<!DOCTYPE a SYSTEM 'x{}'><a/>",
    "<!DOCTYPE a [<!-- {} --><!ATTLIST a b CDATA 'x'>]><a/>",
    "<!DOCTYPE a [<!ATTLIST a b CDATA 'x{}'>]><a/>",
)


def parsed(text, circumstances=ALONE):
    root, decoded = safe_xml.parse(text.encode(), circumstances)
    return "".join(root.itertext()), [(caution.code, caution.detail) for caution in decoded.cautions]


@pytest.mark.parametrize("place", PLACES)
def test_no_character_that_xml_forbids_gets_in_unseen_wherever_it_stands(place):
    # Of a very short document one NUL is enough to make it UTF-16.
    place += "\n" * 40
    clean, cautions = parsed(place.replace("{}", ""))
    assert not cautions
    for character in ILLEGAL:
        said = [(Caution.UNDECODABLE_BYTES, "1 characters XML does not allow")]
        assert parsed(place.replace("{}", character)) == (clean, said), hex(ord(character))


def test_a_lone_surrogate_is_left_out_with_a_caution():
    root, decoded = safe_xml.parse(b"<a>+2AA-x</a>", Circumstances(charset="utf-7"))
    assert root.text == "x"
    assert [caution.code for caution in decoded.cautions] == [Caution.UNDECODABLE_BYTES]


def test_named_characters_and_forbidden_ones_are_mended_together():
    text, cautions = parsed("<a>5&nbsp;&micro;g &lt; 6\x01</a>")
    assert text == "5\xa0µg < 6"
    assert [code for code, _ in cautions] == [Caution.UNDECODABLE_BYTES]


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY % b SYSTEM 'file:///etc/passwd'>]><a/>",
        "<a>!<!-- <!ENTITY --></a>",
        "\x01<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ],
)
def test_a_declared_entity_is_refused_whatever_else_is_wrong(text):
    with pytest.raises(UnreadableError) as refused:
        parsed(text)
    assert refused.value.reason is Reason.ENTITIES_REFUSED


@pytest.mark.parametrize(
    ("text", "line"),
    [("<a>\n<b></a>", 2), ("<a>\x01\n\n<b></a>", 3), ("<a>&nbsp;\n\n\n<b></a>", 4), ("<a>&none;\n</a>", 1)],
)
def test_the_refusal_names_the_line_of_what_cannot_be_mended(text, line):
    with pytest.raises(UnreadableError) as refused:
        parsed(text)
    assert refused.value.reason is Reason.CORRUPT
    assert f"line {line}," in refused.value.detail


@pytest.mark.parametrize("hidden", ["<!EN\x01TITY", "<\x02!ENTITY", "<!ENTITY\x03"])
def test_no_entity_hides_behind_characters_that_are_left_out(hidden):
    text = "<!DOCTYPE a [" + hidden + " f 'penicillin'>]><a>no known allergies &f;</a>" + "\n" * 40
    with pytest.raises(UnreadableError) as refused:
        parsed(text)
    assert refused.value.reason is Reason.ENTITIES_REFUSED


@pytest.mark.parametrize(
    "text",
    [
        "<a><b xml:id='n'>one</b><b xml:id='n'>two</b></a>",
        "<a><b xml:id='1 n'>one</b><b xml:id=''>two</b></a>",
        "<!DOCTYPE a [<!ATTLIST b ID ID #IMPLIED>]><a><b ID='n'>one</b><b ID='n'>two</b></a>",
    ],
)
def test_identifiers_that_come_twice_or_are_no_names_are_no_fault_of_the_markup(text):
    assert parsed(text) == ("onetwo", [])


@pytest.mark.parametrize("broken", ["<b xml:id='n' xml:id='n'>x</b>", "<b xml:id='n'>x", "<c:b xml:id='n'/>"])
def test_what_is_broken_beside_repeated_identifiers_is_refused(broken):
    with pytest.raises(UnreadableError) as refused:
        parsed(f"<a><b xml:id='n'>x</b><b xml:id='n'>y</b>{broken}</a>")
    assert refused.value.reason is Reason.CORRUPT
