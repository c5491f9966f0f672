import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers import html
from clinical_assets.documents.readers.reading import Caution, Circumstances, Limits, Reason, UnreadableError


def seen(markup: str) -> str:
    return html.read(markup.encode()).text


def cautions(markup: str) -> set[Caution]:
    return {c.code for c in html.read(markup.encode()).cautions}


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        # cells
        ("<table><tr><td>Hgb</td><td>9.1</td></tr><tr><td>WBC<td>7.2</table>", "Hgb\t9.1\nWBC\t7.2"),
        ("<table><tr><th>Test<th>Mon<th>Tue<tr><td>Hgb<td><td>9.1</table>", "Test\tMon\tTue\nHgb\t\t9.1"),
        ("<table><tr><td rowspan=2>Mon<td>Hgb<td>9.1<tr><td>WBC<td>7.2</table>", "Mon\tHgb\t9.1\n\tWBC\t7.2"),
        ("<table><tr><td colspan=2>CBC<td>x<tr><td>a<td>b<td>c</table>", "CBC\t\tx\na\tb\tc"),
        ("<table><tr><td><p>Hgb</p></td><td><div>9.1</div></td></tr></table>", "Hgb\t9.1"),
        ("<table><tr><td>A<td>No fever<br>Chest pain<td>B</table>", "A\nNo fever\nChest pain\nB"),
        ("<table><tr><td>x<table><tr><td>1<td>2</table><td>y</table>", "x\n\n1\t2\n\ny"),
        ("<table><caption>Labs</caption><thead><tr><th>a<th>b</thead><tfoot><tr><td>c</table>", "Labs\na\tb\nc"),
        # inline markup
        ("No evidence of <b>pneumo</b>nia<i>.</i>", "No evidence of pneumonia."),
        ("No\n   evidence\n\tof <b> pneumonia </b>.", "No evidence of pneumonia ."),
        ("<p>one<p>two<br>three<br><br>four", "one\n\ntwo\nthree\n\nfour"),
        ("a<!-- hidden -->b", "ab"),
        ("a&nbsp;&#8239;b &lt;5 AT&T", "a b <5 AT&T"),
        ("<ul><li>one<li>two</ul>after", "one\ntwo\n\nafter"),
        ("<pre>Na  140\nK    4.0\n</pre>end", "Na  140\nK    4.0\nend"),
        ('<div style="white-space:pre-wrap">a  b\nc</div>', "a  b\nc"),
        # raised digits are exponents, not more digits
        ("7.2 x 10<sup>9</sup>/L", "7.2 x 10^9/L"),
        ("20 cm<sup>2</sup>, CO<sub>2</sub>, 1<sup>st</sup>, K<sup>+</sup>", "20 cm^2, CO2, 1st, K^+"),
        ("9.1<sup>1</sup> low", "9.1^1 low"),
        ("9.1<sub>2</sub>", "9.1_2"),
        # a letter in a symbol font is not that letter
        ("20 <font face=Symbol>m</font>g", "20 μg"),
        ("20 <span style='font-family:Symbol'>m<i style='font-family:\"Times New Roman\"'>g</i></span> m", "20 μg m"),
        ("<span style='color:red; font-family: Symbol, serif'>m</span>g", "μg"),
        ("<b style='font-family:Symbol'>m<i style='font-size:9pt;font:7.0pt \"Times New Roman\"'>m</i></b>", "μm"),
        # what is not seen
        ('a<span style="DISPLAY : NONE">secret</span>b', "ab"),
        ('a<div style="visibility:hidden">secret</div>b', "a\nb".replace("\n", "")),
        ("a<p hidden>secret</p>b", "ab"),
        ('a<span style="font-size:0">x</span><span style="font-size:0.9em">y</span>', "ay"),
        ("<style>.v{display:none} #w{color:red;visibility:hidden}</style><i class='q v'>x</i><i id=w>y</i>z", "z"),
        ("<style>@media print{.v{display:none}}</style><i class=v>x</i>", "x"),
        ("<head><title>t</title></head><script>if (a<b) x()</script><noscript>n</noscript>z", "z"),
        ("<template><p>t</p></template>z", "z"),
        ("z<s>withdrawn</s> <del>gone</del> <ins>new</ins>", "z new"),
        ('<span style="text-decoration: line-through">old</span>new', "new"),
        # forms
        ("<input type=checkbox checked> Fever <input type=checkbox> Cough", "[x] Fever [ ] Cough"),
        ("Hgb <input value='9.1'>g/dL<input type=hidden value=tok><input type=submit value=Go>", "Hgb 9.1 g/dL"),
        ("<select><option>GTR<option selected>STR</select>", "STR"),
        ("Extent <select><option>GTR<option>STR</select>", "Extent"),
        ("<textarea>line 1\nline 2</textarea>", "line 1\nline 2"),
        ('<span style="display:inline-block">Hgb</span><span style="display:inline-block">9.1</span>', "Hgb 9.1"),
        ('<p style="display:table-row"><i style="display:table-cell">Hgb</i><i style="display:table-cell">9</i></p>',
         "Hgb\t9"),
        ("", ""),
        ("   ", ""),
        ("<!-- only -->", ""),
    ],
)  # fmt: skip
def test_what_is_seen(markup, text):
    assert seen(markup) == text


@pytest.mark.parametrize(
    ("markup", "code"),
    [
        ("a<p hidden>secret</p>", Caution.HIDDEN_TEXT_DROPPED),
        ("a<s>x</s>", Caution.DELETED_TEXT_DROPPED),
        ("<img src=x>", Caution.IMAGE_NOT_READ),
        ("<iframe src=x></iframe>", Caution.EMBEDDED_FILE_NOT_READ),
        ("<select><option>GTR</select>", Caution.FORM_NOT_READ),
        ("<style>div > .v{display:none}</style>x", Caution.STYLE_RULE_NOT_APPLIED),
        ("<style>@media print{.v{display:none}}</style>x", Caution.STYLE_RULE_NOT_APPLIED),
        ("<html><body><p>cut off he", Caution.TRUNCATED_MARKUP),
    ],
)
def test_what_is_left_out_is_said(markup, code):
    assert code in cautions(markup)


def test_harmless_markup_gives_no_caution():
    assert (
        cautions("<html><head><style>p{color:red}</style></head><body><p style='color:red'>x</p></body></html>")
        == set()
    )


def test_heading_elements_are_sections_nested_by_level():
    reading = html.read(
        b"<h1>Discharge Summary</h1><p>intro</p><h2>Family  History</h2><p>none</p><h2>Plan</h2>"
        b"<p><b>IMPRESSION:</b> stable</p><h1>Addendum</h1><p>x</p>"
    )
    text = reading.text
    got = [(s.title, s.code, s.level, text[s.start : s.end].replace("\n", "/")) for s in reading.spans]
    assert got == [
        ("Discharge Summary", None, 1,
         "Discharge Summary//intro//Family History//none//Plan//IMPRESSION: stable"),
        ("Family History", "10157-6", 2, "Family History//none"),
        ("Plan", "18776-5", 2, "Plan//IMPRESSION: stable"),
        ("IMPRESSION", "19005-8", 3, "IMPRESSION: stable"),
        ("Addendum", None, 1, "Addendum//x"),
    ]  # fmt: skip


def test_bold_headings_written_as_text_are_sections():
    reading = html.read(b"<div><b>FINDINGS:</b> clear</div><div><b>Impression:</b> normal</div>")
    assert [(s.title, s.code) for s in reading.spans] == [("FINDINGS", "18782-3"), ("Impression", "19005-8")]


def test_declared_charset_in_the_head_is_used():
    data = '<html><head><meta charset="windows-1250"></head><body><p>żółć</p></body></html>'.encode("cp1250")
    reading = html.read(data)
    assert (reading.text, reading.encoding) == ("żółć", "cp1250")


def test_a_long_text_node_is_not_silently_cut():
    assert len(html.read(b"<p>" + b"ab " * 1_500_000 + b"</p>", Circumstances(limits=Limits())).text) == 4_499_999


@pytest.mark.parametrize("depth", [1_500, 100_000])
def test_deep_nesting_is_refused_quickly(depth):
    started = time.process_time()
    with pytest.raises(UnreadableError) as refused:
        html.read(b"<div>" * depth + b"deep" + b"</div>" * depth)
    assert refused.value.reason is Reason.TOO_DEEP
    assert time.process_time() - started < 5


def test_nesting_within_the_limit_is_read_in_full():
    assert seen("<div>" * 500 + "deep" + "</div>" * 500 + "after") == "deep\nafter"


def test_nested_tables_take_linear_time():
    started = time.process_time()
    html.read(b"<table><tr><td>x" * 240 + b"</table>" * 240)
    assert time.process_time() - started < 3


def test_more_text_than_allowed_is_refused():
    with pytest.raises(UnreadableError) as refused:
        html.read(b"<p>abcdef", Circumstances(limits=Limits(max_characters=5)))
    assert refused.value.reason is Reason.TOO_LONG


PIECES = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<table>",
        "</table>",
        "<tr>",
        "<td>",
        "<td",
        "colspan=3>",
        "<td",
        "rowspan=9>",
        "<th>",
        "</td>",
        "<br>",
        "<pre>",
        "</pre>",
        "<h2>",
        "</h2>",
        "<sup>",
        "</sup>",
        "<s>",
        "</s>",
        "<div",
        "style=display:none>",
        "</div>",
        "<li>",
        "<ul>",
        "<select>",
        "<option",
        "selected>",
        "</select>",
        "<textarea>",
        "<style>",
        "</style>",
        "<script>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "&nbsp;",
        "&#0;",
        "&bogus;",
        "Hgb",
        "9.1",
        "x10",
        "IMPRESSION:",
        "\n",
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map(" ".join))
@settings(max_examples=200, deadline=None)
def test_any_soup_is_read_and_offsets_slice(markup):
    reading = html.read(markup.encode("utf-8", errors="ignore"))
    assert reading.text == reading.text.strip("\n").rstrip()
    for span in reading.spans:
        passage = reading.text[span.start : span.end]
        assert passage.startswith(span.title)


WORDS = st.lists(st.text(alphabet="abcXYZ019.,%µé", min_size=1, max_size=8), min_size=1, max_size=6)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_table_comes_back_token_by_token(rows):
    markup = "".join(
        "<tr>" + "".join(f"<td>\n  {' '.join(cell)}\n</td>" for cell in row) + "</tr>" for row in rows
    )  # fmt: skip
    text = seen(f"<html><body><table>{markup}</table></body></html>")
    assert [line.split("\t") for line in text.split("\n")] == [[" ".join(cell) for cell in row] for row in rows]
