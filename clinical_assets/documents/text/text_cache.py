"""The text cache: what readers made of bytes, in PostgreSQL, one row per bytes and extractor version.

Identical bytes are read once however many documents share them, and again when an extractor's version changes. Two
runs may write at once: whoever comes second finds the row there, and the same bytes give the same text. What failed
because of the circumstances (no time, no memory) is not kept, so that it is tried again (see `failed_attempts`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from clinical_assets.documents.readers.extraction import Extraction, extractor_of
from clinical_assets.documents.readers.reading import (
    DEFAULT_LIMITS,
    Limits,
    SpanKind,
    clean,
    span_record,
    warning_record,
)
from clinical_assets.documents.readers.sniffing import ContentType, parse_declared
from resources.warehouse import Warehouse

READ_AT_ONCE = 4_000_000
"""Characters of text in memory at once while rows are written."""


class Key(NamedTuple):
    """What decides a text: the bytes, and who reads them how."""

    sha256: str
    extractor: str
    extractor_version: str


class Cached(NamedTuple):
    """What the cache has for a key: the length of the text in characters, and why there is none, if so."""

    characters: int
    reason: str | None = None


Row = Mapping[str, Any]
"""A row of `document_cache.extracted_text`; spans, warnings and facts as JSON text."""

# Limits that decide what comes out. The others decide whether anything does; such failures are not kept.
_DECISIVE = (
    "max_bytes",
    "max_pages",
    "max_characters",
    "max_depth",
    "max_embedding",
    "max_parts",
    "max_ocr_pages",
    "ocr_dpi",
    "ocr_language",
)
_COLUMNS = (
    "sha256",
    "extractor",
    "extractor_version",
    "content_type",
    "size_bytes",
    "success",
    "text",
    "characters",
    "text_sha256",
    "method",
    "encoding",
    "spans",
    "pages",
    "sections",
    "warnings",
    "reason",
    "detail",
    "facts",
)
_JSON = ("spans", "warnings", "facts")


def key_of(sha256: str, content_type: str, declared_type: str | None, limits: Limits = DEFAULT_LIMITS) -> Key:
    """The key of a document's text: the extractor's version also says the declared charset and unusual limits."""
    return Key(sha256, *_reader_of(content_type, declared_type, limits))


@lru_cache(maxsize=1024)  # a store has the same few types over and over
def _reader_of(content_type: str, declared_type: str | None, limits: Limits) -> tuple[str, str]:
    """Name and version of what reads a document."""
    extractor = extractor_of(ContentType(content_type))
    charset = parse_declared(declared_type).charset
    version = f"{extractor.version};charset={charset.lower()}" if charset else extractor.version
    unusual = {n: getattr(limits, n) for n in _DECISIVE if getattr(limits, n) != getattr(DEFAULT_LIMITS, n)}
    if unusual:
        version += f";limits={hashlib.sha256(json.dumps(unusual, sort_keys=True).encode()).hexdigest()[:8]}"
    return extractor.name, version


def row_of(key: Key, extraction: Extraction) -> dict[str, Any]:
    """An extraction as a row of the cache."""
    spans = [_plain(span_record(span)) for span in extraction.spans]
    return {
        **key._asdict(),
        "content_type": extraction.content_type.value,
        "size_bytes": extraction.size,
        "success": extraction.success,
        "text": extraction.text,
        "characters": len(extraction.text),
        "text_sha256": extraction.text_sha256,
        "method": extraction.method,
        "encoding": extraction.encoding,
        "spans": json.dumps(spans, ensure_ascii=False),
        "pages": sum(span.kind is SpanKind.PAGE for span in extraction.spans),
        "sections": sum(span.kind is SpanKind.SECTION for span in extraction.spans),
        "warnings": json.dumps([_plain(warning_record(w)) for w in extraction.warnings], ensure_ascii=False),
        "reason": extraction.reason.value if extraction.reason else None,
        "detail": extraction.detail,
        "facts": json.dumps(dict(extraction.facts), ensure_ascii=False),
    }


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as PostgreSQL takes it: no nulls, and no characters it refuses."""
    return {n: clean(v) if isinstance(v, str) else v for n, v in record.items() if v is not None}


def known(warehouse: Warehouse, keys: Collection[Key]) -> dict[Key, Cached]:
    """Of some keys those the cache has."""
    wanted = set(keys)
    if not wanted:
        return {}
    query = sa.text(
        "SELECT sha256, extractor, extractor_version, characters, reason FROM document_cache.extracted_text "
        "WHERE sha256 = ANY(:hashes)"
    )
    with warehouse.transaction() as connection:
        rows = connection.execute(query, {"hashes": sorted({key.sha256 for key in wanted})}).all()
    found = {Key(*row[:3]): Cached(int(row[3]), row[4]) for row in rows}
    return {key: found[key] for key in found if key in wanted}


def store(warehouse: Warehouse, rows: Iterable[Row]) -> None:
    """Write rows; those the cache has already stay as they are."""
    values = ", ".join(f"CAST(:{name} AS jsonb)" if name in _JSON else f":{name}" for name in _COLUMNS)
    insert = (
        f"INSERT INTO document_cache.extracted_text ({', '.join(_COLUMNS)}) VALUES ({values}) "  # noqa: S608
        "ON CONFLICT (sha256, extractor, extractor_version) DO NOTHING"
    )
    # In one order for every writer, so that two of them cannot wait for each other.
    ordered = sorted(rows, key=lambda row: (row["sha256"], row["extractor"], row["extractor_version"]))
    if ordered:
        with warehouse.transaction() as connection:
            connection.execute(sa.text(insert), [dict(row) for row in ordered])


def read(warehouse: Warehouse, keys: Iterable[Key]) -> dict[Key, Row]:
    """The rows of some keys; a key the cache lacks is left out."""
    wanted = set(keys)
    if not wanted:
        return {}
    columns = ", ".join(f"{name}::text AS {name}" if name in _JSON else name for name in _COLUMNS)
    query = sa.text(
        f"SELECT {columns} FROM document_cache.extracted_text WHERE sha256 = ANY(:hashes) "  # noqa: S608
        "AND extractor_version = ANY(:versions)"
    )
    parameters = {
        "hashes": sorted({key.sha256 for key in wanted}),
        "versions": sorted({key.extractor_version for key in wanted}),
    }
    with warehouse.transaction() as connection:
        rows = [dict(row) for row in connection.execute(query, parameters).mappings()]
    found = {Key(row["sha256"], row["extractor"], row["extractor_version"]): row for row in rows}
    return {key: found[key] for key in found if key in wanted}


def in_pieces(keys: Iterable[Key | None], lengths: Mapping[Key, int]) -> Iterator[list[int]]:
    """Positions of keys, in order, in pieces whose texts are at most `READ_AT_ONCE` characters (or one text) together.

    Args:
        keys: None for a document without a text in the cache.
        lengths: characters by key.
    """
    piece: list[int] = []
    together = 0
    for position, key in enumerate(keys):
        length = lengths.get(key, 0) if key else 0
        if piece and (together + length > READ_AT_ONCE or len(piece) >= 1_000):
            yield piece
            piece, together = [], 0
        piece.append(position)
        together += length
    if piece:
        yield piece
