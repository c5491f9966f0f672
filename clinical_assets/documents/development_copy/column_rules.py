"""What becomes of every column of the documents' tables in a development copy, and the texts themselves.

One row per column: kept, kept where it names nobody, shifted with the patient's dates, replaced by a pseudonym, made
anew, or left out. A column without a row is left out, and a test fails. Addresses, file versions and hashes of original
bytes are left out: each of them leads back to the original. Free text is made anew, by the same rules everywhere.
"""

from __future__ import annotations

import codecs
import datetime as dt
import enum
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from clinical_assets.documents import tables as declared_tables
from clinical_assets.documents.development_copy.deidentification import Deidentified, Deidentifier
from clinical_assets.documents.development_copy.identifier_detectors import ALSO_WORDS, NAME, detect, written
from clinical_assets.documents.readers.reading import Caution, Span, SpanKind
from clinical_assets.documents.readers.sniffing import parse_declared
from clinical_assets.documents.timeline.fhir_events import EVENT_RESOURCES
from clinical_assets.tables import Table


class Fate(enum.StrEnum):
    """What becomes of a column."""

    KEPT = "kept"
    UNNAMED = "kept where it names nobody"
    SHIFTED = "shifted"
    PSEUDONYM = "pseudonym"
    MADE_ANEW = "made anew"
    LEFT_OUT = "left out"


_PATIENT, _DOCUMENT, _EVENT, _ENCOUNTER = "patient_id", "document_id", "event_id", "encounter_id"
OLDEST_DAYS = 90 * 365
"""Ages of ninety and more are one group (45 CFR 164.514(b)(2)(i)(C)); here they are left out."""

INDEX_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _DOCUMENT), Fate.PSEUDONYM),
    **dict.fromkeys(("authored_date", "authored_at", "stored_date", "stored_at"), Fate.SHIFTED),
    **dict.fromkeys(("source", "content_type", "status"), Fate.KEPT),
    # A store's own words.
    **dict.fromkeys(("document_type", "category"), Fate.UNNAMED),
    **dict.fromkeys(("age_at_document_days", "description", "declared_type"), Fate.MADE_ANEW),
    # Addresses, and what is unique to the original bytes.
    **dict.fromkeys(("fault", "uri", "version", "binary_id", "sha256", "size_bytes"), Fate.LEFT_OUT),
}
TEXT_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _DOCUMENT), Fate.PSEUDONYM),
    **dict.fromkeys(("text", "characters", "text_sha256", "spans", "warnings", "extractor_version"), Fate.MADE_ANEW),
    # It may repeat what a sender declared.
    "detail": Fate.UNNAMED,
    **dict.fromkeys(("stated_date", "stated_at"), Fate.SHIFTED),
    **dict.fromkeys(
        ("extraction_success", "reason", "n_pages", "n_sections", "method", "extractor", "encoding",
         "n_warnings", "stated_by", "attempts", "given_up"),
        Fate.KEPT,
    ),
    # Facts hold times and ids of the original.
    **dict.fromkeys(("sha256", "facts"), Fate.LEFT_OUT),
}  # fmt: skip
TIMELINE_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _EVENT, _ENCOUNTER), Fate.PSEUDONYM),
    **dict.fromkeys(("start_date", "start_time", "end_date", "end_time", "known_date", "known_time"), Fate.SHIFTED),
    "description": Fate.MADE_ANEW,
    # From a CSV file these are whatever somebody wrote there.
    **dict.fromkeys(("event_subtype", "code", "code_system", "status"), Fate.UNNAMED),
    **dict.fromkeys(("event_type", "rule", "n_documents"), Fate.KEPT),
}
PRIORITISED_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _DOCUMENT, _EVENT), Fate.PSEUDONYM),
    **dict.fromkeys(("note_date", "note_time"), Fate.SHIFTED),
    **dict.fromkeys(("note_type", "category"), Fate.UNNAMED),
    **dict.fromkeys(("title", "characters"), Fate.MADE_ANEW),
    **dict.fromkeys(("kind", "rule", "reasons", "days", "order_known", "profile", "dated_by"), Fate.KEPT),
}
TRIGGER_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _DOCUMENT, _EVENT), Fate.PSEUDONYM),
    **dict.fromkeys(("event_date", "event_time"), Fate.SHIFTED),
    **dict.fromkeys(
        ("event_type", "reason", "edge", "direction", "kind", "days", "order_known", "profile", "window_days"),
        Fate.KEPT,
    ),
}

INDEX, TEXT = "documents/index", "documents/text"
COPIED: Mapping[str, Mapping[str, Fate]] = {
    INDEX: INDEX_COLUMNS,
    TEXT: TEXT_COLUMNS,
    "documents/timeline": TIMELINE_COLUMNS,
    "documents/prioritised": PRIORITISED_COLUMNS,
    "documents/prioritised_triggers": TRIGGER_COLUMNS,
}
"""The tables copied, batch by batch, and their columns' fates."""

NOT_COPIED: Mapping[str, str] = {
    "documents/patient_batches": "made anew by `opening`, where the copy is used: it belongs to a warehouse",
}
"""Other tables of the group, and why they stay."""

_WORDS: Mapping[str, Mapping[str, str]] = {
    INDEX: {"description": "authored_date"},
    "documents/timeline": {"description": "start_date"},
    "documents/prioritised": {"title": "note_date"},
}
"""By table: columns of a person's words, and the day that gives the year of dates in them."""

Known = Mapping[str, tuple[str, ...]]
"""Identifiers of patients that are known beforehand, by patient."""

_CODES = ("code", "code_system")
_PERSON = re.compile(r"([A-Z][\w'’-]{3,30}),[ \t]+([A-Z][\w'’-]{2,30})|([A-Z][\w'’-]{2,30})[ \t]+([A-Z][\w'’-]{3,30})")


class LeakError(Exception):
    """A known identifier is still in what was made; the message counts and says where, it never shows."""


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
    told = everything_known(text, known)
    making = _Making(deidentifier, known, told)
    texts = making.texts(text, _days(index, text))
    lengths = dict(zip(text[_DOCUMENT], texts["characters"], strict=True))
    tables = {INDEX: making.table(INDEX, _ages(index)), TEXT: making.table(TEXT, texts)}
    for path, frame in (further or {}).items():
        tables[path] = making.table(path, _with_new_lengths(frame, lengths))
    return Copied(tables, making.replaced)


def _with_new_lengths(frame: pl.DataFrame, lengths: Mapping[str, int]) -> pl.DataFrame:
    if "characters" not in frame.columns:
        return frame
    kind = frame.schema["characters"]
    return frame.with_columns(characters=pl.col(_DOCUMENT).replace_strict(lengths, default=None, return_dtype=kind))


def _days(index: pl.DataFrame, text: pl.DataFrame) -> dict[str, dt.date | None]:
    """The day each document was written, as the index knows or the document states."""
    found: dict[str, dt.date | None] = {}
    for frame, column in ((text, "stated_date"), (index, "authored_date")):
        if column in frame.columns:
            found |= {name: day for name, day in frame.select(_DOCUMENT, column).iter_rows() if day is not None}
    return found


def everything_known(text: pl.DataFrame, known: Known) -> dict[str, tuple[str, ...]]:
    """What is to be found in all documents of a patient: what is known, and the names that any one of them gives away.

    A name written "Quist, Anna" under a label in one document stands without a label in another.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for patient, document, words in text.select(_PATIENT, _DOCUMENT, "text").iter_rows():
        found[patient] |= {patient, document, *known.get(patient, ()), *_persons(words)}
    return {patient: tuple(sorted(values)) for patient, values in found.items()}


def _persons(words: str) -> Iterator[str]:
    for identifier in detect(words):
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
    replaced: Counter[str] = field(default_factory=Counter)
    of_nobody: dict[tuple[str, str, str | None], str | None] = field(default_factory=dict)

    def texts(self, text: pl.DataFrame, days: Mapping[str, dt.date | None]) -> pl.DataFrame:
        """The texts made anew, with what describes them."""
        rows = [self._new_text(row, days.get(row[_DOCUMENT])) for row in text.iter_rows(named=True)]
        schema = {name: text.schema[name] for name in ("text", "characters", "text_sha256", "spans", "warnings")}
        return text.with_columns(pl.DataFrame(rows, schema=schema).get_columns())

    def _new_text(self, row: Mapping[str, Any], day: dt.date | None) -> dict[str, object]:
        made = self._reworded(row["text"], row[_PATIENT], day, row[_DOCUMENT])
        spans = [Span(**{**span, "kind": SpanKind(span["kind"])}) for span in json.loads(row["spans"] or "[]")]
        moved = [
            {
                **asdict(made.moved(span)),
                "kind": span.kind.value,
                **self._of_nobody(_CODES, asdict(span), row[_PATIENT]),
            }
            for span in spans
        ]
        said = json.loads(row["warnings"] or "[]")
        warnings = [warning | self._of_nobody(("detail",), warning, row[_PATIENT]) for warning in said]
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
                self.of_nobody[asked] = _unnamed(alone, self.told.get(patient, ())).item()
            found[name] = self.of_nobody[asked]
        return found

    def _reworded(self, words: str, patient: str, day: dt.date | None, *further: str) -> Deidentified:
        made = self.deidentifier.text(words, patient, self.told.get(patient) or self._of(patient), day)
        _refuse_leaks([made.text], (*self._of(patient), *further), "a text")
        self.replaced.update(made.counts)
        return made

    def _of(self, patient: str) -> tuple[str, ...]:
        return (*self.known.get(patient, ()), patient)

    def table(self, path: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The columns that stay, in their order; rows in an order that tells nothing of the original's."""
        fates = COPIED[path]
        staying = [name for name in frame.columns if fates.get(name, Fate.LEFT_OUT) is not Fate.LEFT_OUT]
        for name, day in _WORDS.get(path, {}).items():
            if name in staying:
                frame = frame.with_columns(self._words(frame, name, day))
        everybody = {value for who in frame[_PATIENT].unique() for value in (*self.told.get(who, ()), *self._of(who))}
        frame = frame.with_columns(_unnamed(frame[name], everybody) for name in staying if fates[name] is Fate.UNNAMED)
        frame = frame.with_columns(_by_rule(frame[name], _REDUCED[name]) for name in staying if name in _REDUCED)
        shifted = [name for name in staying if fates[name] is Fate.SHIFTED]
        renamed = self.deidentifier.frame(frame.select(staying), _PATIENT, shifted)
        ids = [name for name in PSEUDONYMS if name in staying]
        renamed = renamed.with_columns(self._renamed(frame[name]) for name in ids)
        self._refuse_leaks_in(path, renamed, frame[_PATIENT])
        return renamed.sort([_PATIENT, *ids, *(name for name in staying if name not in (_PATIENT, *ids))])

    def _refuse_leaks_in(self, path: str, made: pl.DataFrame, patients: pl.Series) -> None:
        """Look through every string that will be written, row by row that patient's; `patients` of the original."""
        for name in made.columns:
            if made.schema[name] != pl.String:
                continue
            read = _leaves if name in _JSON else _itself
            ours = _OUR_WORDS.get((path, name), frozenset())
            values = pl.DataFrame({"who": patients, "value": made[name]}).drop_nulls().unique(maintain_order=True)
            for (who,), own in values.group_by("who"):
                strings = [each for value in own["value"] if value not in ours for each in read(value)]
                _refuse_leaks(strings, self._of(str(who)), f"{path}, column {name}")

    def _words(self, frame: pl.DataFrame, column: str, day: str) -> pl.Series:
        asked = zip(frame[column], frame[_PATIENT], frame[day], strict=True)
        made = [None if words is None else self._reworded(words, patient, on).text for words, patient, on in asked]
        return pl.Series(column, made, pl.String)

    def _renamed(self, values: pl.Series) -> pl.Series:
        name = PSEUDONYMS[values.name]
        return _by_rule(values, lambda value: name(self.deidentifier, value))


def _by_rule(values: pl.Series, rule: Callable[[str], str | None]) -> pl.Series:
    return pl.Series(values.name, [None if value is None else rule(value) for value in values], pl.String)


def _media_type(declared: str) -> str | None:
    """A declared type without its parameters, which name files and people; None for none the readers know."""
    known = parse_declared(declared).content_type
    return declared.partition(";")[0].strip().lower() if known else None


def _version(extractor_version: str) -> str:
    """A reader's version, with the declared charset where it is one, by Python's name for it; see `text_cache`."""
    version, *further = extractor_version.split(";")
    stated = next((each.removeprefix("charset=") for each in further if each.startswith("charset=")), "")
    try:
        return f"{version};charset={codecs.lookup(stated).name}"
    except (LookupError, ValueError):
        return version


_REDUCED: Mapping[str, Callable[[str], str | None]] = {"declared_type": _media_type, "extractor_version": _version}
"""Columns that carry what a sender declared, reduced to what is known beforehand."""


def _without_nulls(records: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps([{k: v for k, v in record.items() if v is not None} for record in records])


def _unnamed(values: pl.Series, everybody: Iterable[str]) -> pl.Series:
    """The values, without those that name somebody of this batch, or look as if they did."""
    known = tuple(everybody)
    # A code system is named by an address, and it is nobody's.
    harmless = {"url"} if values.name == "code_system" else set()
    found = {value: {each.kind for each in detect(value, known)} - harmless for value in values.unique().drop_nulls()}
    naming = [value for value, kinds in found.items() if kinds]
    return values.to_frame().select(pl.when(~pl.col(values.name).is_in(naming)).then(values.name)).to_series()


def _pseudonym(of: str) -> Callable[[Deidentifier, str], str]:
    return lambda deidentifier, value: deidentifier.pseudonym(value, of=of)


EVENT_TABLES = frozenset(
    {*EVENT_RESOURCES, "csv", "admissions", "edstays", "emar", "prescriptions", "radiology", "cxr_studies",
     "procedures_icd", "hcpcsevents", "procedureevents"}
)  # fmt: skip
"""What an event's id may begin with: FHIR resource types, MIMIC's tables, and events of a site's CSV files."""


def _event(deidentifier: Deidentifier, value: str) -> str:
    """The table or resource type stays where it is one; an encounter's id is the same as in `encounter_id`."""
    table, _, identifier = value.partition("/")
    if table not in EVENT_TABLES or not identifier:
        return deidentifier.pseudonym(value, of="event")
    return f"{table}/{deidentifier.pseudonym(identifier, of='event')}"


PSEUDONYMS: Mapping[str, Callable[[Deidentifier, str], str]] = {
    _DOCUMENT: _pseudonym("document"),
    _EVENT: _event,
    _ENCOUNTER: _pseudonym("event"),
}
"""How ids other than the patient's are renamed."""


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


def _refuse_leaks(strings: Iterable[str], identifiers: Iterable[str], where: str) -> None:
    # As in `detect`: a single letter or digit is nobody's name.
    tried = [written(value) for value in {value.strip() for value in identifiers} if len(value) > 1]
    everything = "\n\x00\n".join(strings)
    left = sum(pattern.search(everything) is not None for pattern in tried)
    if left:
        raise LeakError(f"{left} known identifiers are left in {where}; nothing was written. Report this as a fault.")


def _ages(index: pl.DataFrame) -> pl.DataFrame:
    if "age_at_document_days" not in index.columns:
        return index
    age = pl.col("age_at_document_days")
    return index.with_columns(pl.when(age < OLDEST_DAYS).then(age).alias("age_at_document_days"))
