"""The writer's shortcuts for ordinary text give what the rule gives: words apart by one space, however they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.documents.readers import html
from clinical_assets.documents.readers.flow import FlowedText, OpenSpan
from clinical_assets.documents.readers.reading import Circumstances, Limits, Reason, SpanKind, UnreadableError, clean

PIECES = st.lists(
    st.text(
        st.sampled_from("ab7.é–µ²\ufb01 \t\n\r\x0b\x0c\x1c\x1f\x7f\x85\xa0\xad\u1680\u2009\u200b\u2028\ud800\ufeff"),
        max_size=6,
    )
)


@given(PIECES)
def test_running_text_is_its_words_apart_by_one_space(pieces):
    flow = FlowedText(1_000)
    for piece in pieces:
        flow.inline(piece)
    assert flow.text() == " ".join(clean("".join(pieces)).split())
    assert len(flow) == len(flow.text())


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_ascii_loses_its_controls_and_nothing_else(text):
    lines = text.replace("\r\n", "\n").translate(dict.fromkeys(range(0x0B, 0x0E), "\n"))
    assert clean(text) == "".join(c for c in lines if c in "\t\n" or " " <= c <= "~")


def test_a_span_begins_at_the_first_visible_character_behind_what_separates_it():
    flow = FlowedText(1_000)
    flow.inline("before")
    flow.blank_line()
    span = flow.open(OpenSpan(SpanKind.SECTION, "Plan"))
    flow.tab()
    flow.inline("  \n ")
    flow.inline("MRI\n in June ")
    flow.close(span)
    assert flow.text() == "before\n\n\tMRI in June"
    assert flow.between(span.start, span.end) == "MRI in June"


@pytest.mark.parametrize(("limit", "read"), [(8, True), (7, False)])
def test_the_limit_of_characters_counts_what_separates_words(limit, read):
    markup, limits = "<b>one</b>\n<i>two</i><br>3", Circumstances(Limits(max_characters=limit + 1))
    if read:
        assert html.visible_text(markup, limits)[0] == "one two\n3"
        return
    with pytest.raises(UnreadableError) as refused:
        html.visible_text(markup, limits)
    assert refused.value.reason is Reason.TOO_LONG


@pytest.mark.parametrize(
    "inside", ["x", "<b>x</b>", "<b hidden>x</b>", "<br>", "<input value=x>", "<p style='color:red'></p>"]
)
def test_the_limit_of_depth_counts_every_element(inside):
    """`html`, `body` and two `div`; whatever is in them, one more, be it written, left out or empty."""
    markup = f"<div><div>{inside}</div></div>"
    depth = 4 + ("<" in inside)
    html.visible_text(markup, Circumstances(Limits(max_depth=depth)))
    with pytest.raises(UnreadableError) as refused:
        html.visible_text(markup, Circumstances(Limits(max_depth=depth - 1)))
    assert refused.value.reason is Reason.TOO_DEEP
