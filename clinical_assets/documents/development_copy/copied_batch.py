"""A batch's tables copied by `column_rules`: columns by their fates, texts and other words of people made anew.

Free text is made anew by the same rules everywhere, told what is known of its patient and what any one of his documents
gives away. Nothing is handed back in which an identifier known beforehand is left (`leaks`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from clinical_assets.documents.development_copy.capitalised_words import small_words, words_of_several
from clinical_assets.documents.development_copy.code_systems import is_published
from clinical_assets.documents.development_copy.column_rules import (
    COPIED,
    DOCUMENT,
    INDEX,
    OLDEST_DAYS,
    PATIENT,
    PSEUDONYMS,
    REDUCED,
    TEXT,
    WORDS,
    Fate,
)
from clinical_assets.documents.development_copy.composed_text import composed
from clinical_assets.documents.development_copy.deidentification import Deidentified, Deidentifier
from clinical_assets.documents.development_copy.identifier_detectors import detect
from clinical_assets.documents.development_copy.identifiers import NAME
from clinical_assets.documents.development_copy.known_identifiers import ALSO_WORDS, Alone, Place
from clinical_assets.documents.development_copy.leaks import refuse_leaks_in, refuse_leaks_of
from clinical_assets.documents.development_copy.names_that_are_words import NOBODY, NamesThatAreWords
from clinical_assets.documents.readers.reading import Span, SpanKind

Known = Mapping[str, tuple[str, ...]]
"""Identifiers of patients that are known beforehand, by patient."""

_CODES = ("code", "code_system")
_LONGEST_TITLE = 120
_JOINING = frozenset(("and", "with", "without"))
_PERSON = re.compile(r"([A-Z][\w'’-]{3,30}),[ \t]+([A-Z][\w'’-]{2,30})|([A-Z][\w'’-]{2,30})[ \t]+([A-Z][\w'’-]{3,30})")


@dataclass
class Copied:
    """A batch's tables without identifiers.

    Attributes:
        tables: by path; columns as `COPIED` says.
        replaced: replacements by kind.
    """

    tables: dict[str, pl.DataFrame]
    replaced: Counter[str] = field(default_factory=Counter)

    @property
    def index(self) -> pl.DataFrame:
        """See `INDEX_COLUMNS`."""
        return self.tables[INDEX]

    @property
    def text(self) -> pl.DataFrame:
        """See `TEXT_COLUMNS`."""
        return self.tables[TEXT]


def copied(
    index: pl.DataFrame,
    text: pl.DataFrame,
    deidentifier: Deidentifier,
    known: Known,
    further: Mapping[str, pl.DataFrame] | None = None,
) -> Copied:
    """De-identify a batch's tables.

    Args:
        index: rows of `documents/index`, of whole patients.
        text: rows of `documents/text` of the same patients.
        deidentifier: with the secret of this copy.
        known: identifiers known beforehand; patient and document ids are always added.
        further: rows of other tables of `COPIED` of the same patients, by path.

    Raises:
        LeakError: a known identifier is in a text or another value after all.
    """
    rows = text.select(PATIENT, "text").iter_rows()
    ordinary = words_of_several((patient, unicodedata.normalize("NFC", words)) for patient, words in rows)
    making = _Making(deidentifier, known, everything_known(text, known, ordinary), ordinary)
    texts = making.texts(text, _days(index, text))
    lengths = dict(zip(text[DOCUMENT], texts["characters"], strict=True))
    tables = {INDEX: making.table(INDEX, _ages(index)), TEXT: making.table(TEXT, texts)}
    for path, frame in (further or {}).items():
        tables[path] = making.table(path, _with_new_lengths(frame, lengths))
    return Copied(tables, making.replaced)


def _with_new_lengths(frame: pl.DataFrame, lengths: Mapping[str, int]) -> pl.DataFrame:
    if "characters" not in frame.columns:
        return frame
    kind = frame.schema["characters"]
    return frame.with_columns(characters=pl.col(DOCUMENT).replace_strict(lengths, default=None, return_dtype=kind))


def _days(index: pl.DataFrame, text: pl.DataFrame) -> dict[str, dt.date | None]:
    """The day each document was written, as the index knows or the document states."""
    found: dict[str, dt.date | None] = {}
    for frame, column in ((text, "stated_date"), (index, "authored_date")):
        if column in frame.columns:
            found |= {name: day for name, day in frame.select(DOCUMENT, column).iter_rows() if day is not None}
    return found


def everything_known(text: pl.DataFrame, known: Known, ordinary: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What is to be found in all documents of a patient: what is known, and the names that any one of them gives away.

    A name written "Quist, Anna" under a label in one document stands without a label in another.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for patient, document, words in text.select(PATIENT, DOCUMENT, "text").iter_rows():
        given = (value for value in known.get(patient, ()) if not isinstance(value, (Alone, Place)))
        found[patient] |= {patient, document, *given, *_persons(unicodedata.normalize("NFC", words), ordinary)}
    return {patient: tuple(sorted(values)) for patient, values in found.items()}


def _persons(words: str, ordinary: frozenset[str]) -> Iterator[str]:
    for identifier in detect(words, (), ordinary):
        if identifier.kind != NAME:
            continue
        for match in _PERSON.finditer(words[identifier.start : identifier.end]):
            family, given = (match[1], match[2]) if match[1] else (match[4], match[3])
            if not ALSO_WORDS.fullmatch(family.lower()):
                yield family
            yield f"{given} {family}"
            yield f"{family}, {given}"


@dataclass
class _Making:
    """One batch on its way: what is known of its patients, and what has been replaced."""

    deidentifier: Deidentifier
    known: Known
    told: Mapping[str, tuple[str, ...]]
    ordinary: frozenset[str]
    replaced: Counter[str] = field(default_factory=Counter)
    of_nobody: dict[tuple[str, str, str | None], str | None] = field(default_factory=dict)
    words_too: dict[str, NamesThatAreWords] = field(default_factory=dict)

    def texts(self, text: pl.DataFrame, days: Mapping[str, dt.date | None]) -> pl.DataFrame:
        """The texts made anew, with what describes them."""
        rows = [self._new_text(row, days.get(row[DOCUMENT])) for row in text.iter_rows(named=True)]
        schema = {name: text.schema[name] for name in ("text", "characters", "text_sha256", "spans", "warnings")}
        return text.with_columns(pl.DataFrame(rows, schema=schema).get_columns())

    def _new_text(self, row: Mapping[str, Any], day: dt.date | None) -> dict[str, object]:
        made = self._reworded(row["text"], row[PATIENT], day, row[DOCUMENT])
        spans = [Span(**{**span, "kind": SpanKind(span["kind"])}) for span in json.loads(row["spans"] or "[]")]
        moved = [
            {
                **asdict(made.moved(span)),
                "kind": span.kind.value,
                **self._of_nobody(_CODES, asdict(span), row[PATIENT]),
            }
            for span in spans
        ]
        said = json.loads(row["warnings"] or "[]")
        warnings = [warning | self._of_nobody(("detail",), warning, row[PATIENT]) for warning in said]
        digest = hashlib.sha256(made.text.encode()).hexdigest() if row["extraction_success"] else None
        return {
            "text": made.text,
            "characters": len(made.text),
            "text_sha256": digest,
            "spans": _without_nulls(moved),
            "warnings": _without_nulls(warnings),
        }

    def _of_nobody(self, names: Iterable[str], said: Mapping[str, Any], patient: str) -> dict[str, str | None]:
        """Codes of a span, the detail of a caution: without those that name somebody, as a sender may write them."""
        found: dict[str, str | None] = {}
        for name in names:
            asked = (patient, name, said.get(name))
            if asked not in self.of_nobody:
                alone = pl.Series(name, [said.get(name)], pl.String)
                bare = _unnamed(alone, self.told.get(patient, ()), self.ordinary)
                self.of_nobody[asked] = self._published(bare).item() if name == "code_system" else bare.item()
            found[name] = self.of_nobody[asked]
        return found

    def _reworded(self, words: str, patient: str, day: dt.date | None, *further: str) -> Deidentified:
        told = self.told.get(patient) or self._of(patient)
        of_his = self._of(patient)
        ordinary = self.ordinary | words_of_a_title(words, (*told, *of_his))
        too = self._words_too(patient)
        made = self.deidentifier.text(words, patient, told, day, ordinary, too)
        refuse_leaks_of(words, made, (*of_his, *further), too, ordinary)
        self.replaced.update(made.counts)
        return made

    def _of(self, patient: str) -> tuple[str, ...]:
        return (*self.known.get(patient, ()), patient)

    def _words_too(self, patient: str) -> NamesThatAreWords:
        if patient not in self.words_too:
            self.words_too[patient] = NamesThatAreWords.of(self.known.get(patient, ()))
        return self.words_too[patient]

    def table(self, path: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns that stay, in their order; rows in an order that tells nothing of the original's."""
        fates = COPIED[path]
        staying = [name for name in frame.columns if fates.get(name, Fate.LEFT_OUT) is not Fate.LEFT_OUT]
        for name, day in WORDS.get(path, {}).items():
            if name in staying:
                frame = frame.with_columns(self._words(frame, name, day))
        everybody = {value for who in frame[PATIENT].unique() for value in (*self.told.get(who, ()), *self._of(who))}
        unnamed = [name for name in staying if fates[name] is Fate.UNNAMED]
        frame = frame.with_columns(
            self._without_his(_unnamed(frame[name], everybody, self.ordinary), frame[PATIENT]) for name in unnamed
        )
        if "code" in unnamed:
            frame = frame.with_columns(self._no_numbers_of_his(frame))
        if "code_system" in unnamed:
            frame = frame.with_columns(self._published(frame["code_system"]))
        frame = frame.with_columns(_by_rule(frame[name], REDUCED[name]) for name in staying if name in REDUCED)
        shifted = [name for name in staying if fates[name] is Fate.SHIFTED]
        renamed = self.deidentifier.frame(frame.select(staying), PATIENT, shifted)
        ids = [name for name in PSEUDONYMS if name in staying]
        renamed = renamed.with_columns(self._renamed(frame[name]) for name in ids)
        searched = {*WORDS.get(path, {}), *(("text",) if path == TEXT else ())}
        refuse_leaks_in(path, renamed, frame[PATIENT], self._of, searched)
        return renamed.sort([PATIENT, *ids, *(name for name in staying if name not in (PATIENT, *ids))])

    def _without_his(self, values: pl.Series, patients: pl.Series) -> pl.Series:
        """The values without those that hold a name of their own patient which is a word as well.

        To other patients' rows a Mr. Hand is no reason to lose "Hand Surgery".
        """
        asked = pl.DataFrame({"who": patients, "value": values}).drop_nulls().unique().iter_rows()
        naming = {
            (who, value)
            for who, value in asked
            if (too := self._words_too(str(who))) != NOBODY
            and any(too.find(composed(value).text, self.ordinary | small_words(value)))
        }
        if not naming:
            return values
        rows = zip(patients, values, strict=True)
        return pl.Series(values.name, [None if row in naming else row[1] for row in rows], values.dtype)

    def _no_numbers_of_his(self, frame: pl.DataFrame) -> pl.Series:
        """The codes, without those that are an identifier of their patient in a system that nobody publishes."""
        systems = frame["code_system"] if "code_system" in frame.columns else [None] * frame.height
        asked = zip(frame["code"], frame[PATIENT], systems, strict=True)
        kept = [
            code if code not in self._of(who) or (system and ":" in system and is_published(system)) else None
            for code, who, system in asked
        ]
        return pl.Series("code", kept, frame.schema["code"])

    def _published(self, systems: pl.Series) -> pl.Series:
        """Code systems of their publishers, and a token for each other: a hospital's own names the hospital."""
        return _by_rule(systems, lambda s: s if is_published(s) else self.deidentifier.token("", "system", s))

    def _words(self, frame: pl.DataFrame, column: str, day: str) -> pl.Series:
        asked = zip(frame[column], frame[PATIENT], frame[day], strict=True)
        made = [None if words is None else self._reworded(words, patient, on).text for words, patient, on in asked]
        return pl.Series(column, made, pl.String)

    def _renamed(self, values: pl.Series) -> pl.Series:
        name = PSEUDONYMS[values.name]
        return _by_rule(values, lambda value: name(self.deidentifier, value))


def _by_rule(values: pl.Series, rule: Callable[[str], str | None]) -> pl.Series:
    return pl.Series(values.name, [None if value is None else rule(value) for value in values], pl.String)


def _without_nulls(records: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps([{k: v for k, v in record.items() if v is not None} for record in records])


def words_of_a_title(words: str, known: Iterable[str]) -> frozenset[str]:
    """The words of a title where all have capitals ("Telephone Encounter"), which say nothing there; not known ones."""
    if len(words) > _LONGEST_TITLE or "\n" in words or any(word not in _JOINING for word in small_words(words)):
        return frozenset()
    names = {part for value in known for part in re.findall(r"\w+", value.lower())}
    return frozenset(re.findall(r"[^\W\d_]+", words.lower())) - names


def _unnamed(values: pl.Series, everybody: Iterable[str], ordinary: frozenset[str]) -> pl.Series:
    """The values, without those that name somebody of this batch, or look as if they did."""
    known = tuple(everybody)
    # A code system is named by an address, and it is nobody's.
    harmless = {"url"} if values.name == "code_system" else set()
    asked = values.unique().drop_nulls()
    if values.name == "code":  # codes of SNOMED, LOINC and the like are numbers and nobody's
        asked = asked.filter(~asked.str.contains(r"^\d{1,18}(?:-\d)?$"))
    found = {
        value: {each.kind for each in detect(value, known, ordinary | words_of_a_title(value, known))} - harmless
        for value in asked
    }
    naming = [value for value, kinds in found.items() if kinds]
    return values.to_frame().select(pl.when(~pl.col(values.name).is_in(naming)).then(values.name)).to_series()


def _ages(index: pl.DataFrame) -> pl.DataFrame:
    if "age_at_document_days" not in index.columns:
        return index
    age = pl.col("age_at_document_days")
    return index.with_columns(pl.when(age < OLDEST_DAYS).then(age).alias("age_at_document_days"))
