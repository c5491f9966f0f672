import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import rtf, rtf_words
from clinical_assets.documents.readers.reading import Caution, Circumstances, Limits, Reason, UnreadableError


def document(body: str) -> bytes:
    head = (
        r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil Calibri;}{\f1\fcharset2 Symbol;}{\f2\fcharset204 Arial Cyr;}"
    )
    return (head + r"{\f3\fnil\fcharset2 Wingdings;}}{\colortbl ;\red1;}\uc1 " + body + "}").encode("latin-1")


def seen(body: str) -> str:
    return rtf.read(document(body)).text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"No evidence of {\b pneumo}nia.", "No evidence of pneumonia."),
        ("line\r\nbreaks in the source\n mean nothing", "linebreaks in the source mean nothing"),
        (r"one\par two\line three\\ \{x\} a\~b\_c", "one\ntwo\nthree\\ {x} a b-c"),
        (r"\trowd Hgb\cell 9.1\cell\row\trowd WBC\cell 7.2\cell\row", "Hgb\t9.1\nWBC\t7.2"),
        (r"caf\'e9 38\'b0C \'96 \u181?g \u8217'", "café 38°C – µg ’"),
        (r"\uc2 \u945ab\uc0 \u946 c", "αβc"),
        (r"\u-3913? dot", "• dot"),
        (r"\u-10179?\u-8704? ok", "😀 ok"),
        (r"20 {\f1 m}g, {\f1\'b3} 5", "20 μg, ≥ 5"),
        (r"{\f2\'e4\'e0} da", "да da"),
        (r"{\f3\'fe} yes {\f3 o} no", "☑ yes □ no"),
        (r"7.2 x 10{\super 9}/L, cm\super 2\nosupersub , CO{\sub 2}", "7.2 x 10^9/L, cm^2, CO2"),
        # what is not shown
        (r"a{\v secret}b\v more\v0 c\v x\plain d", "abcd"),
        (r"keep{\deleted gone}{\strike struck}{\revised new}", "keepnew"),
        (r"a{\*\bkmkstart x}{\*\unknownthing {\b y}}{\info{\title T}}{\stylesheet{\s0 Normal;}}b", "ab"),
        (r"a{\pict\wmetafile8 0102ab}b", "ab"),
        (r"a{\object\objemb{\*\objdata 0102}{\result shown}}b", "ashownb"),
        (r"\bin3 }}}after", "after"),
        # what is
        (r'{\field{\*\fldinst HYPERLINK "x"}{\fldrslt link}}', "link"),
        (r"{\listtext 1.\tab}Glioma\par", "1.\tGlioma"),
        (r"Stable{\footnote See CT.} disease", "Stable disease\nSee CT."),
        (r"{\upr{ansi}{\*\ud{caf\u233?}}} x", "café x"),
        (r"{\header Draft\par}body", "Draft\n\nbody"),
        (r"{\shp{\*\shpinst{\sp{\sn a}{\sv 1}}{\shptxt In a box\par}}{\shprslt dup}}end", "In a box\n\nend"),
        (r"{\field{\*\fldinst{ FORMCHECKBOX {\*\formfield{\fftype1\ffres1\ffdefres0}}}}{\fldrslt}} fever", "[x] fever"),
        (
            r"{\field{\*\fldinst{ FORMCHECKBOX {\*\formfield{\fftype1\ffres25\ffdefres0}}}}{\fldrslt}} cough",
            "[ ] cough",
        ),
        ("", ""),
    ],
)
def test_what_is_shown(body, text):
    assert seen(body) == text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (r"a{\v secret}", Caution.HIDDEN_TEXT_DROPPED),
        (r"a{\deleted gone}", Caution.DELETED_TEXT_DROPPED),
        (r"a{\striked1 gone}", Caution.DELETED_TEXT_DROPPED),
        (r"{\*\shppict{\pict 00}}{\nonshppict{\pict 00}}", Caution.IMAGE_NOT_READ),
        (r"{\f3 ?}", Caution.UNMAPPED_GLYPHS),
        (r"{\field{\*\fldinst{\*\formfield{\fftype2}}}{\fldrslt}}", Caution.FORM_NOT_READ),
    ],
)
def test_what_is_left_out_is_said(body, code):
    assert [(c.code, c.detail) for c in rtf.read(document(body)).cautions] == [(code, "1 places")]


def test_code_pages():
    assert rtf.read(rb"{\rtf1\ansi\ansicpg932 \'8c\'9f\'8d\'b8}").text == "検査"
    assert rtf.read(rb"{\rtf1\mac \'8e}").text == "é"
    assert rtf.read("{\\rtf1\\ansi\\ansicpg1252 38°C}".encode()).text == "38°C"
    assert rtf.read("{\\rtf1\\ansi\\ansicpg1252 38°C}".encode("cp1252")).text == "38°C"


def test_headings_become_sections():
    reading = rtf.read(document(r"{\b FAMILY HISTORY:}\par Mother: glioma.\par\par {\b PLAN:}\par Watch.\par"))
    assert [(s.title, s.code) for s in reading.spans] == [("FAMILY HISTORY", "10157-6"), ("PLAN", "18776-5")]


@pytest.mark.parametrize("data", [b"", b"plain text", b"{\\rt", b"%PDF-1.4", b"words {\\rtf1 x}"])
def test_anything_else_is_refused(data):
    with pytest.raises(UnreadableError) as refused:
        rtf.read(data)
    assert refused.value.reason is Reason.UNSUPPORTED_TYPE


def test_a_document_cut_inside_its_groups_is_refused():
    with pytest.raises(UnreadableError) as refused:
        rtf.read(rb"{\rtf1\ansi body {\b bold {\i cut")
    assert refused.value.reason is Reason.CORRUPT


def test_a_missing_last_brace_is_a_caution():
    assert [c.code for c in rtf.read(rb"{\rtf1 body").cautions] == [Caution.TRUNCATED_MARKUP]


def test_bombs_are_refused_quickly():
    started = time.process_time()
    with pytest.raises(UnreadableError) as deep:
        rtf.read(b"{\\rtf1" + b"{" * 2_000_000)
    with pytest.raises(UnreadableError) as long:
        rtf.read(b"{\\rtf1 " + b"\\u65 a" * 50_000, Circumstances(limits=Limits(max_characters=10_000)))
    assert (deep.value.reason, long.value.reason) == (Reason.TOO_DEEP, Reason.TOO_LONG)
    assert time.process_time() - started < 5


WORDS_OF_RTF = (
    "par tab cell row v v0 plain deleted super nosupersub u65? u-3913? u-10179? "
    "uc0 uc9 'e9 '8c * fonttbl f1 f3 footnote upr "
    "ud shptxt shpinst pict bin2 bin-1 field fldinst formfield fftype1 header ansicpg0 ansicpg932 "
)
TOKENS = st.sampled_from([f"\\{word}" for word in WORDS_OF_RTF.split(" ")]) | st.sampled_from("{}")
TOKENS |= st.sampled_from(["text ", "9.1", "PLAN:", "\x00", "é", "\n"])


@given(st.lists(TOKENS | st.text(max_size=4), max_size=40).map("".join), st.booleans())
@settings(max_examples=250, deadline=None)
def test_any_token_soup_is_read_or_refused_and_offsets_slice(body, closed):
    data = (
        b"{\\rtf1{\\fonttbl{\\f1\\fcharset2 Symbol;}{\\f3 Wingdings;}} "
        + body.encode("utf-8", "ignore")
        + b"}" * closed
    )
    try:
        reading = rtf.read(data)
    except UnreadableError:
        return
    reading.text.encode()
    for span in reading.spans:
        assert reading.text[span.start : span.end].startswith(span.title)


WORDS = st.lists(st.text(alphabet="abcXYZ019.,%µé{}\\≥α😀", min_size=1, max_size=8), min_size=1, max_size=6)


def escaped(text: str) -> str:
    units = text.encode("utf-16-le")
    codes = [int.from_bytes(units[i : i + 2], "little") for i in range(0, len(units), 2)]
    return "".join(
        f"\\{chr(c)}" if chr(c) in "{}\\" else chr(c) if c < 128 else f"\\u{c - 65536 if c > 32767 else c}?"
        for c in codes
    )


@given(st.lists(WORDS, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_text_rendered_to_rtf_comes_back(paragraphs):
    body = "\\par ".join(escaped(" ".join(words)) for words in paragraphs)
    assert seen(body).split("\n") == [" ".join(words) for words in paragraphs]


def test_a_code_page_that_does_not_begin_with_ascii_is_decoded():
    # 500 is EBCDIC: its bytes below 128 are not letters of ASCII.
    assert rtf.read(b"{\\rtf1\\ansi\\ansicpg500 \xc8\x85\x93\x93\x96}").text == "Hello"
    assert rtf.read(b"{\\rtf1\\ansi\\ansicpg500 KLM}").text == b"KLM".decode("cp500")
    assert not rtf_words.extends_ascii("cp500")
    assert not rtf_words.extends_ascii("utf-7")
    assert all(rtf_words.extends_ascii(each) for each in ("cp1252", "utf-8", "mac_roman", "cp932", "cp437"))


def test_a_character_of_two_bytes_is_not_put_together_across_a_control_word():
    assert rtf.read(rb"{\rtf1\ansi\ansicpg932 \'8c\'9f}").text == "検"
    assert rtf.read(rb"{\rtf1\ansi\ansicpg932 \'8c\fs20\'9f}").text != "検"


def test_words_without_a_meaning_here_are_passed_over_and_marked_ones_skipped():
    assert seen(r"a\lang1033\kerning0\unheardof12 b{\unheardof c}{\*\unheardof d}e") == "abce"


def test_binary_data_ends_where_its_length_says_and_not_in_the_next_word():
    assert seen(r"\bin7 }}}\v {after \bin2 \}\b it") == "{after it"[1:]
    assert seen(r"x{\pict\bin4 {{{{}y\bin0 z") == "xyz"
