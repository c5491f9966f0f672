"""The last look at a development copy before it is written: no identifier known beforehand may be left in it.

Every string that will be written is searched, row by row for that patient's identifiers, whatever the rules that made
it were told. What we write ourselves (kinds of spans, codes of cautions, values a column declares) is nobody's name,
though somebody be called Page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping

import polars as pl

from clinical_assets.documents import tables as declared_tables
from clinical_assets.documents.development_copy.known_identifiers import written
from clinical_assets.documents.readers.reading import Caution, SpanKind
from clinical_assets.tables import Table


class LeakError(Exception):
    """A known identifier is still in what was made; the message counts and says where, it never shows."""


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


def refuse_leaks_in(path: str, made: pl.DataFrame, patients: pl.Series, known: Callable[[str], Iterable[str]]) -> None:
    """Look through every string of a table that will be written.

    Args:
        path: of the table.
        made: its rows as they will be written.
        patients: whose each row is, by the original id.
        known: a patient's identifiers, by that id.

    Raises:
        LeakError: one of them is left.
    """
    for name in made.columns:
        if made.schema[name] != pl.String:
            continue
        read = _leaves if name in _JSON else _itself
        ours = _OUR_WORDS.get((path, name), frozenset())
        values = pl.DataFrame({"who": patients, "value": made[name]}).drop_nulls().unique(maintain_order=True)
        for (who,), own in values.group_by("who"):
            strings = [each for value in own["value"] if value not in ours for each in read(value)]
            refuse_leaks(strings, known(str(who)), f"{path}, column {name}")


def refuse_leaks(strings: Iterable[str], identifiers: Iterable[str], where: str) -> None:
    """LeakError where an identifier stands in a string as a whole word, in any case."""
    # As in `detect`: a single letter or digit is nobody's name.
    tried = [written(value) for value in {value.strip() for value in identifiers} if len(value) > 1]
    everything = "\n\x00\n".join(strings)
    left = sum(pattern.search(everything) is not None for pattern in tried)
    if left:
        raise LeakError(f"{left} known identifiers are left in {where}; nothing was written. Report this as a fault.")


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
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
