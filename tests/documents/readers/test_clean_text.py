from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers.reading import clean


def test_clean_keeps_what_means_something():
    assert clean("10⁹/L, ½ tab, 25 m², µg, T₂, e\u0301, α") == "10⁹/L, ½ tab, 25 m², µg, T₂, e\u0301, α"
    assert clean("a\x00b\xadc\u200bd\ufeffe") == "abcde"
    assert clean("a\r\nb\rc\u2028d\x85e") == "a\nb\nc\nd\ne"
    assert clean("9.1\xa0g/dL\u202fx") == "9.1 g/dL x"
    assert clean("ﬁnding e\ufb03cient") == "finding efficient"


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_clean_text_can_be_stored_and_cleaning_is_idempotent(text):
    once = clean(text)
    once.encode()
    assert "\x00" not in once
    assert clean(once) == once
