import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers.decoding import decode
from clinical_assets.documents.readers.reading import Caution, Reason, UnreadableError

SENTENCE = "Température 38 °C – pas d’œdème, créatinine 80 µmol/l"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_undeclared_text_decodes(encoding):
    assert decode(SENTENCE.encode(encoding)).text == SENTENCE


def test_latin1_label_means_windows_1252():
    decoded = decode(SENTENCE.encode("cp1252"), "iso-8859-1")
    assert (decoded.text, decoded.encoding, decoded.cautions) == (SENTENCE, "cp1252", ())


def test_valid_utf8_outranks_a_wrong_declaration():
    decoded = decode(SENTENCE.encode(), "windows-1252")
    assert decoded.text == SENTENCE
    assert [c.code for c in decoded.cautions] == [Caution.ENCODING_MISMATCH]


def test_wrong_utf8_declaration_falls_back_with_a_caution():
    decoded = decode(SENTENCE.encode("cp1252"), "utf-8")
    assert decoded.text == SENTENCE
    assert {c.code for c in decoded.cautions} == {Caution.ENCODING_MISMATCH, Caution.ENCODING_GUESSED}


@pytest.mark.parametrize("head", ['<?xml version="1.0" encoding="{}"?><a>', '<html><meta charset="{}"><p>'])
def test_declaration_inside_the_document_counts(head):
    data = (head.format("iso-8859-2") + "Łódź żółć").encode("iso-8859-2")
    decoded = decode(data)
    assert decoded.encoding == "iso8859-2"
    assert decoded.text.endswith("Łódź żółć")


def test_transformations_are_not_character_encodings():
    assert decode(b"uryyb", "rot13").text == "uryyb"
    assert decode(b"aGVsbG8=", "base64").text == "aGVsbG8="


def test_ascii_looking_bytes_of_a_stateful_encoding_are_decoded_as_declared():
    assert decode("検査".encode("iso2022_jp"), "iso-2022-jp").text == "検査"


def test_text_stored_twice_encoded_is_reported_not_repaired():
    stored = SENTENCE.encode().decode("cp1252", errors="ignore").encode()
    decoded = decode(stored)
    assert [c.code for c in decoded.cautions] == [Caution.POSSIBLE_MOJIBAKE]


def test_a_few_bad_bytes_are_replaced_and_counted():
    data = ("é" * 300).encode() + b"\x81\xff"
    decoded = decode(data)
    assert decoded.text.startswith("é" * 300)
    assert "\ufffd" in decoded.text
    assert [c.code for c in decoded.cautions] == [Caution.UNDECODABLE_BYTES]


def test_bytes_of_no_encoding_are_refused():
    with pytest.raises(UnreadableError) as refused:
        decode(codecs.BOM_UTF8 + b"\xff\xfe\xfd" * 40)
    assert refused.value.reason is Reason.UNDECODABLE


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda t: not t.startswith("\ufeff"))
)
@settings(max_examples=100, deadline=None)
def test_utf8_always_comes_back(text):
    if not text.strip() or "\x00" in text:
        return
    data = text.encode()
    if decode(data).encoding == "utf-8":
        assert decode(data).text == text
