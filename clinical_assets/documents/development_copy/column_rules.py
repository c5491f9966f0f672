"""What becomes of every column of the index and of the texts in a development copy, and the texts themselves.

One row per column: kept, shifted with the patient's dates, replaced by a pseudonym, made anew from the new text, or
left out. A column without a row is left out. Addresses, file versions and hashes of original bytes are left out: each
of them leads back to the original.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from clinical_assets.documents.development_copy.deidentification import Deidentified, Deidentifier
from clinical_assets.documents.development_copy.identifier_detectors import ALSO_WORDS, NAME, detect
from clinical_assets.documents.readers.reading import Span, SpanKind


class Fate(enum.StrEnum):
    """What becomes of a column."""

    KEPT = "kept"
    SHIFTED = "shifted"
    PSEUDONYM = "pseudonym"
    MADE_ANEW = "made anew"
    LEFT_OUT = "left out"


_PATIENT, _DOCUMENT = "patient_id", "document_id"
OLDEST_DAYS = 90 * 365
"""Ages of ninety and more are one group (45 CFR 164.514(b)(2)(i)(C)); here they are left out."""

INDEX_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _DOCUMENT), Fate.PSEUDONYM),
    **dict.fromkeys(("authored_date", "authored_at", "stored_date", "stored_at"), Fate.SHIFTED),
    **dict.fromkeys(("source", "document_type", "category", "declared_type", "content_type", "status"), Fate.KEPT),
    "age_at_document_days": Fate.MADE_ANEW,
    # Free text of a person, addresses, and what is unique to the original bytes.
    **dict.fromkeys(("description", "fault", "uri", "version", "binary_id", "sha256", "size_bytes"), Fate.LEFT_OUT),
}
TEXT_COLUMNS: Mapping[str, Fate] = {
    **dict.fromkeys((_PATIENT, _DOCUMENT), Fate.PSEUDONYM),
    **dict.fromkeys(("text", "characters", "text_sha256", "spans"), Fate.MADE_ANEW),
    **dict.fromkeys(
        ("extraction_success", "reason", "detail", "n_pages", "n_sections", "method", "extractor", "extractor_version",
         "encoding", "n_warnings", "warnings"),
        Fate.KEPT,
    ),
    # Facts hold times and ids of the original.
    **dict.fromkeys(("sha256", "facts"), Fate.LEFT_OUT),
}  # fmt: skip

Known = Mapping[str, tuple[str, ...]]
"""Identifiers of patients that are known beforehand, by patient."""

_PERSON = re.compile(r"([A-Z][\w'’-]{3,30}),[ \t]+([A-Z][\w'’-]{2,30})|([A-Z][\w'’-]{2,30})[ \t]+([A-Z][\w'’-]{3,30})")


class LeakError(Exception):
    """A known identifier is still in the new texts; the message counts, it never shows."""


@dataclass
class Copied:
    """A batch's two tables without identifiers.

    Attributes:
        index: see `INDEX_COLUMNS`.
        text: see `TEXT_COLUMNS`.
        replaced: replacements by kind.
    """

    index: pl.DataFrame
    text: pl.DataFrame
    replaced: Counter[str] = field(default_factory=Counter)


def copied(index: pl.DataFrame, text: pl.DataFrame, deidentifier: Deidentifier, known: Known) -> Copied:
    """De-identify a batch's index and texts.

    Args:
        index: rows of `documents/index`, of whole patients.
        text: rows of `documents/text` of the same patients.
        deidentifier: with the secret of this copy.
        known: identifiers known beforehand; patient and document ids are always added.

    Raises:
        LeakError: a known identifier is in a text after all.
    """
    dates = dict(index.select(_DOCUMENT, "authored_date").iter_rows()) if "authored_date" in index.columns else {}
    told = everything_known(text, known)
    replaced: Counter[str] = Counter()
    rows: list[dict[str, object]] = []
    for row in text.iter_rows(named=True):
        patient = row[_PATIENT]
        made = deidentifier.text(row["text"], patient, told[patient], dates.get(row[_DOCUMENT]))
        _refuse_leaks(made.text, (*known.get(patient, ()), patient, row[_DOCUMENT]))
        replaced.update(made.counts)
        rows.append(_new_text(row, made))
    anew = ("text", "characters", "text_sha256", "spans")
    schema = {name: text.schema[name] for name in anew}
    texts = text.with_columns(pl.DataFrame(rows, schema=schema).get_columns())
    return Copied(_index(index, deidentifier), _kept(texts, TEXT_COLUMNS, deidentifier), replaced)


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


def _refuse_leaks(text: str, identifiers: Iterable[str]) -> None:
    left = [value for value in identifiers if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE)]
    if left:
        raise LeakError(
            f"{len(left)} known identifiers are left in a text; nothing was written. Report this as a fault."
        )


def _new_text(row: Mapping[str, Any], made: Deidentified) -> dict[str, object]:
    spans = [Span(**{**span, "kind": SpanKind(span["kind"])}) for span in json.loads(row["spans"] or "[]")]
    moved = [{**asdict(made.moved(span)), "kind": span.kind.value} for span in spans]
    digest = hashlib.sha256(made.text.encode()).hexdigest() if row["extraction_success"] else None
    return {
        "text": made.text,
        "characters": len(made.text),
        "text_sha256": digest,
        "spans": json.dumps([{k: v for k, v in span.items() if v is not None} for span in moved]),
    }


def _index(index: pl.DataFrame, deidentifier: Deidentifier) -> pl.DataFrame:
    if "age_at_document_days" in index.columns:
        age = pl.col("age_at_document_days")
        index = index.with_columns(pl.when(age < OLDEST_DAYS).then(age).alias("age_at_document_days"))
    # Types and categories are a store's own words; one that names somebody is emptied.
    words = [name for name in ("document_type", "category") if name in index.columns]
    named = {name: [value for value in index[name].unique().drop_nulls() if detect(value)] for name in words}
    index = index.with_columns(
        pl.when(~pl.col(name).is_in(values)).then(name).alias(name) for name, values in named.items() if values
    )
    return _kept(index, INDEX_COLUMNS, deidentifier)


def _kept(frame: pl.DataFrame, fates: Mapping[str, Fate], deidentifier: Deidentifier) -> pl.DataFrame:
    """The columns that stay, in their order; rows in an order that tells nothing of the original's."""
    staying = [name for name in frame.columns if fates.get(name, Fate.LEFT_OUT) is not Fate.LEFT_OUT]
    shifted = [name for name in staying if fates[name] is Fate.SHIFTED]
    documents = frame[_DOCUMENT].to_list()
    renamed = deidentifier.frame(frame.select(staying), _PATIENT, shifted)
    pseudonyms = pl.Series(_DOCUMENT, [deidentifier.pseudonym(name, of="document") for name in documents])
    return renamed.with_columns(pseudonyms).sort(_PATIENT, _DOCUMENT)
