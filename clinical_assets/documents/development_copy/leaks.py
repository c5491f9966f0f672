"""The last look at a development copy before it is written: no identifier known beforehand may be left in it.

Every string that will be written is searched, row by row for that patient's identifiers, whatever the rules that made
it were told: texts when they are made (`refuse_leaks_of`), all else at the end. What we write ourselves (tokens and
shifted dates, kinds of spans, codes of cautions, values a column declares, names of rules) is nobody's name, though
somebody be called Page or April; and a code of digits is a code, though it be somebody's postal code.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import polars as pl

from clinical_assets.documents import tables as declared_tables
from clinical_assets.documents.development_copy.capitalised_words import small_words
from clinical_assets.documents.development_copy.composed_text import composed
from clinical_assets.documents.development_copy.deidentification import Deidentified
from clinical_assets.documents.development_copy.known_identifiers import Alone, Place, written
from clinical_assets.documents.development_copy.names_that_are_words import NOBODY, NamesThatAreWords
from clinical_assets.documents.prioritised.note_profiles import PROFILES
from clinical_assets.documents.readers.reading import Caution, SpanKind
from clinical_assets.documents.timeline.event_rules import SUBTYPES, TYPES
from clinical_assets.tables import Table


class LeakError(Exception):
    """A known identifier is still in what was made; the message counts and says where, it never shows."""


_MESSAGE = "{left} known identifiers are left in {where}; nothing was written. Report this as a fault."


_TOKEN = re.compile(r"\[[a-z]+(?:-[0-9a-f]{6})?\]")
_CODES = frozenset({"code"})
_NUMERIC_CODE = re.compile(r"\d{1,18}(?:-\d)?")
_RULES = frozenset({"rule", "reasons", "reason", "profile"})
_RULE_NAMES = tuple(
    sorted(
        {rule.name for rule in (*TYPES, *SUBTYPES)}
        | {name for profile in PROFILES.values() for name in (profile.name, *(rule.name for rule in profile.rules))}
        | {trigger.reason for profile in PROFILES.values() for trigger in profile.triggers},
        key=len,
        reverse=True,
    )
)
"""What our rules say of themselves."""
_JSON = frozenset({"spans", "warnings", "facts"})
_OUR_CODES = frozenset({*(kind.value for kind in SpanKind), *(code.value for code in Caution)})
_OUR_WORDS: Mapping[tuple[str, str], frozenset[str]] = {
    (table.path, column.name): frozenset(column.allowed)
    for table in vars(declared_tables).values()
    if isinstance(table, Table)
    for column in table.columns
    if column.allowed
}
"""By table and column: values that we write ourselves and that name nobody, though somebody be called Page."""


def refuse_leaks_of(
    original: str, made: Deidentified, known: Iterable[str], words_too: NamesThatAreWords, ordinary: frozenset[str]
) -> None:
    """Look through a text that was made anew, without what was written into it.

    Args:
        original: the text it was made of.
        made: by the rules.
        known: identifiers of the patient and the document.
        words_too: his names that are words as well: each place of the original where one stands must be replaced.
        ordinary: words known to be nobody's.

    Raises:
        LeakError: one of them is left.
    """
    stayed, done = [], 0
    for each in made.replacements:
        stayed.append(original[done : each.start])
        done = each.end
    refuse_leaks(["\x00".join([*stayed, original[done:]])], known, "a text")
    if words_too == NOBODY:
        return
    read = composed(original)
    replaced = bytearray(len(original))
    for each in made.replacements:
        replaced[each.start : each.end] = b"\x01" * (each.end - each.start)
    places = (read.original(e.start, e.end) for e in words_too.find(read.text, ordinary | small_words(read.text)))
    left = sum(any(original[at].isalnum() and not replaced[at] for at in range(*place)) for place in places)
    if left:
        raise LeakError(_MESSAGE.format(left=left, where="a text"))


def refuse_leaks_in(
    path: str,
    made: pl.DataFrame,
    patients: pl.Series,
    known: Callable[[str], Iterable[str]],
    searched: Collection[str] = (),
) -> None:
    """Look through every string of a table that will be written.

    Args:
        path: of the table.
        made: its rows as they will be written.
        patients: whose each row is, by the original id.
        known: a patient's identifiers, by that id.
        searched: columns of texts that `refuse_leaks_of` has looked through.

    Raises:
        LeakError: one of them is left.
    """
    for name in made.columns:
        if made.schema[name] != pl.String or name in searched:
            continue
        read = _leaves if name in _JSON else _itself
        ours = _OUR_WORDS.get((path, name), frozenset())
        values = pl.DataFrame({"who": patients, "value": made[name]}).drop_nulls().unique(maintain_order=True)
        for (who,), own in values.group_by("who"):
            strings = [_not_ours(name, each) for value in own["value"] if value not in ours for each in read(value)]
            refuse_leaks(strings, known(str(who)), f"{path}, column {name}")


def refuse_leaks(strings: Iterable[str], identifiers: Iterable[str], where: str) -> None:
    """LeakError where an identifier stands in a string as a whole word, in any case."""
    # As in `detect`: a single letter or digit is nobody's name.
    # What is found only with a capital is looked for by `refuse_leaks_of`.
    anyhow = {value.strip() for value in identifiers if not isinstance(value, (Alone, Place))}
    tried = [written(value) for value in anyhow if len(value) > 1]
    everything = unicodedata.normalize("NFC", "\n\x00\n".join(strings))
    left = sum(pattern.search(everything) is not None for pattern in tried)
    if left:
        raise LeakError(_MESSAGE.format(left=left, where=where))


def _not_ours(column: str, value: str) -> str:
    """What of a value is not of our own making, nor a code of digits."""
    if column in _CODES and _NUMERIC_CODE.fullmatch(value):
        return ""
    if column in _RULES:
        for name in _RULE_NAMES:
            value = value.replace(name, "\x00")
    return _TOKEN.sub("\x00", value)


def _is_numeric_code(key: str, value: object) -> bool:
    return key in _CODES and isinstance(value, str) and _NUMERIC_CODE.fullmatch(value) is not None


def _itself(value: str) -> tuple[str, ...]:
    return (value,)


def _leaves(value: str) -> Iterator[str]:
    """The strings in a JSON text, unescaped, but for the names of its fields and the kinds of spans and cautions."""
    waiting = [json.loads(value)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and each not in _OUR_CODES:
            yield each
        elif isinstance(each, dict):
            waiting += [value for key, value in each.items() if not _is_numeric_code(key, value)]
        elif isinstance(each, list):
            waiting += each
