"""How deep JSON may be nested is counted, not found out by how far the stack goes."""

import json
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Limits, Reason, UnreadableError
from clinical_assets.documents.readers.safe_json import deeper_than, parse


def levels(count: int) -> str:
    return "[" * count + "]" * count


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ("1", 0),
        ('{"a": [1, {"b": []}]}', 4),
        ('"[[[["', 0),
        (r'["\"[[", "\\", "[\\\"["]', 1),
        (r'["\\"[["', 3),
        ('[[["[[', 3),
        ('[["[[\\', 2),
        ("[]" * 5, 1),
        ("]]]][[", 0),
        ("[}[}", 1),
    ],
)
def test_brackets_in_strings_are_no_levels(text, depth):
    assert not deeper_than(text, depth)
    assert depth == 0 or deeper_than(text, depth - 1)


def test_a_lower_limit_of_the_callers_own_counts():
    assert parse(levels(20), Limits(max_depth=20)) is not None
    with pytest.raises(UnreadableError) as refused:
        parse(levels(21), Limits(max_depth=20))
    assert (refused.value.reason, refused.value.detail) == (Reason.TOO_DEEP, "JSON nested more than 20 deep")


VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\ aé\n', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=20,
)


def depth_of(value) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
@settings(max_examples=150, deadline=None)
def test_counted_levels_are_those_of_the_value(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    depth = depth_of(value)
    assert not deeper_than(text, depth)
    assert depth == 0 or deeper_than(text, depth - 1)
    assert parse(text, DEFAULT_LIMITS) == value


@given(st.text(alphabet='[]{}"\\a', max_size=60))
@settings(max_examples=150, deadline=None)
def test_what_is_no_json_is_counted_too(text):
    # By hand: a string ends at a quotation mark that no backslash belongs to.
    depths, inside, skip = [0], False, False
    for character in text:
        if skip:
            skip = False
        elif inside:
            inside, skip = character != '"', character == "\\"
        else:
            inside = character == '"'
            depths.append({"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0))
    deepest = max(accumulate(depths))
    assert not deeper_than(text, deepest)
    assert deepest == 0 or deeper_than(text, deepest - 1)
