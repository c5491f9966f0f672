"""The documents of a batch on their way to text, each in the format that its text is to be of.

A document is read in the format the index chose. Where its bytes can never be read, the next of its other formats is,
until one can be read or none is left: then the document fails as the index's format did. A format counts as one that
cannot be read for a reason of its bytes, or once it is given up (see `failed_attempts`); what ran out of time once is
tried again first, so that a busy machine does not choose. What is said of a document (hash, type, address) is always
that of the bytes read.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl
import sqlalchemy as sa

from clinical_assets.documents.index import other_formats
from clinical_assets.documents.index.bodies import Bodies, Identity
from clinical_assets.documents.index.other_formats import Format
from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Caution, Limits
from clinical_assets.documents.readers.sniffing import parse_declared
from clinical_assets.documents.tables import INDEXED
from clinical_assets.documents.text import text_cache
from clinical_assets.documents.text.text_cache import Key
from resources.warehouse import Warehouse

NEEDED = (
    "patient_id",
    "document_id",
    "uri",
    "declared_type",
    "content_type",
    "size_bytes",
    "sha256",
    "status",
    "other_formats",
)
"""Columns of `documents/index` that decide a text."""

Document = Mapping[str, Any]
"""A row of the index: `NEEDED`."""


@dataclass(frozen=True, slots=True)
class ReadInstead:
    """Another format of a document, in place of the index's.

    Attributes:
        document: the document's row as if the index had chosen this format.
        key: of its text.
        format: where it lies.
    """

    document: Document
    key: Key
    format: Format

    def as_written(self, instead_of: str | None, s3_last_modified: str | None = None) -> str:
        """As JSON, with the hash of the bytes the index knows; see `tables.TEXT`."""
        lies = {name: value for name, value in asdict(self.format).items() if name != "declared_type"}
        found = {name: self.document[name] for name in ("content_type", "size_bytes", "sha256")}
        said = {**lies, **found, "instead_of": instead_of, "s3_last_modified": s3_last_modified}
        return json.dumps({name: value for name, value in said.items() if value is not None}, sort_keys=True)


@dataclass
class Formats:
    """How a document whose first format cannot be read goes through the others.

    Attributes:
        waiting: those not tried yet, the best first.
        now: the one it is at; None for the index's own.
        passed: type and reason of each that could not be read, in order.
        dead: keys of those among them that were given up.
        not_had: whether the bytes of one could not be had this time.
    """

    waiting: deque[Format]
    now: ReadInstead | None = None
    passed: list[tuple[str, str]] = field(default_factory=list)
    dead: list[Key] = field(default_factory=list)
    not_had: bool = False

    def pass_over(self, declared_type: str | None, content_type: str | None, reason: str) -> None:
        """The format it is at cannot be read."""
        # What a sender declares may name a person in its parameters.
        declared = parse_declared(declared_type).content_type
        self.passed.append((content_type or (declared.value if declared else "unknown"), reason))

    def take(self, document: Document, chosen: Format, identity: Identity, limits: Limits) -> None:
        """Go on to a format, of which this was found."""
        found = {"sha256": identity.sha256, "content_type": identity.content_type, "size_bytes": identity.size_bytes}
        row = {**document, **found, "uri": chosen.uri, "declared_type": chosen.declared_type, "status": INDEXED}
        key = text_cache.key_of(identity.sha256, identity.content_type, chosen.declared_type, limits)
        self.now = ReadInstead(row, key, chosen)

    @property
    def not_read(self) -> list[Mapping[str, str]]:
        """Cautions about the formats that could not be read, but for the one whose failure is the document's."""
        others = self.passed if self.now else self.passed[1:]
        code = Caution.ATTACHMENT_NOT_READ.value
        return [{"code": code, "detail": f"format {kind}: {reason}"} for kind, reason in others]


@dataclass
class Batch:
    """A batch's documents on their way to text.

    Attributes:
        name: the batch.
        documents: rows of the index (`NEEDED`), by patient and document.
        limits: for each document.
        formats: by position, documents whose first format could not be read.
        s3_last_modified: when S3 stored the other formats that were read, by their addresses; said to the view alone.
    """

    name: str
    documents: pl.DataFrame
    limits: Limits = DEFAULT_LIMITS
    formats: dict[int, Formats] = field(default_factory=dict)
    s3_last_modified: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, index: pl.DataFrame, limits: Limits = DEFAULT_LIMITS) -> Batch:
        """A batch from its index."""
        return cls(name, index.lazy().select(NEEDED).sort("patient_id", "document_id").collect(), limits)

    @cached_property
    def keys(self) -> list[Key | None]:
        """The key of each document's text in the index's format; None where there are no bytes."""
        columns = ("status", "sha256", "content_type", "declared_type")
        return [
            text_cache.key_of(sha256, kind, declared, self.limits) if status == INDEXED else None
            for status, sha256, kind, declared in self.documents.select(columns).iter_rows()
        ]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The documents one by one."""
        return self.documents.rows(named=True)

    def instead(self, position: int) -> ReadInstead | None:
        """The other format a document is at."""
        formats = self.formats.get(position)
        return formats.now if formats else None

    @property
    def keys_read(self) -> list[Key | None]:
        """The key of each document's text in the format that it is of."""
        if not self.formats:
            return self.keys
        others = {position: formats.now.key for position, formats in self.formats.items() if formats.now}
        return [others.get(position, key) for position, key in enumerate(self.keys)]

    @property
    def version(self) -> str:
        """The same for the same documents read by the same extractors: then the rows are the same too."""
        types = set(self.documents.select("status", "content_type", "declared_type").iter_rows())
        # Who reads a document depends on its type alone, and a store has few of them.
        readers = sorted(
            repr((kind, declared, text_cache.key_of("", kind, declared, self.limits)))
            for status, kind, declared in types
            if status == INDEXED
        )
        content = f"{readers}{self.documents.drop('uri', 'size_bytes').write_csv()}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def written_instead(self) -> dict[str, str | None]:
        """By document with several formats what `read_instead` says of it to the view."""
        times = self.s3_last_modified
        return {
            row["document_id"]: instead.as_written(row["sha256"], times.get(instead.format.uri)) if instead else None
            for position, row in enumerate(self.rows)
            if row["other_formats"]
            for instead in [self.instead(position)]
        }

    def told(self) -> list[Told]:
        """What the view is told of it."""
        said = self.written_instead()
        return [
            Told(row["patient_id"], row["document_id"], row["sha256"], row["other_formats"], said[row["document_id"]])
            for row in self.rows
            if row["other_formats"]
        ]

    def begin(self, position: int) -> Formats:
        """A document's way through its formats, from now on."""
        waiting = [each for each in other_formats.as_read(self.rows[position]["other_formats"]) if each.version]
        return self.formats.setdefault(position, Formats(deque(waiting)))


@dataclass(frozen=True)
class Outcome:
    """How a batch's documents came out.

    Attributes:
        reasons: documents without text, by reason.
        unsettled: documents that failed for the circumstances and are worth another try.
        given_up: documents that failed too often for one, in one of their formats at least.
        dead: the keys of what failed so often, as text, in order.
    """

    reasons: Counter[str]
    unsettled: int = 0
    given_up: int = 0
    dead: tuple[str, ...] = ()


class Told(NamedTuple):
    """What the view is told of a document with several formats.

    Attributes:
        patient_id: of the document.
        document_id: the document.
        sha256: of the bytes the index knows.
        other_formats: as the index has them.
        said: the other format that was read, see `ReadInstead.as_written`; None where none was.
    """

    patient_id: str
    document_id: str
    sha256: str | None
    other_formats: str
    said: str | None


# Of a document that has become another since, in this run's index or in the warehouse, there is nothing to tell: what
# was read instead of its bytes says nothing of the new ones.
_TOLD = """
document_cache.documents AS d JOIN unnest(
    CAST(:patient_id AS text[]), CAST(:document_id AS text[]), CAST(:sha256 AS text[]), CAST(:other_formats AS text[]),
    CAST(:said AS jsonb[])
) AS n(patient_id, document_id, sha256, other_formats, said)
ON d.document_id = n.document_id AND d.patient_id = n.patient_id
    AND d.sha256 IS NOT DISTINCT FROM n.sha256 AND d.other_formats IS NOT DISTINCT FROM n.other_formats
"""
_KNOWN = """
SELECT document_id, read_instead - 's3_last_modified' FROM document_cache.documents
WHERE document_id = ANY(:documents) AND read_instead IS NOT NULL
"""
# In one order for every writer, that of the index, so that no two of them can wait for each other.
_LOCK = f"""
SELECT d.document_id FROM {_TOLD} WHERE d.read_instead IS DISTINCT FROM n.said
ORDER BY n.patient_id COLLATE "C", n.document_id COLLATE "C" FOR UPDATE OF d
"""  # noqa: S608
_TELL = f"""
UPDATE document_cache.documents AS u SET read_instead = n.said FROM {_TOLD} WHERE u.document_id = d.document_id
"""  # noqa: S608


def tell(warehouse: Warehouse, batches: Sequence[Batch]) -> None:
    """Write down for the view which other formats were read, and that those of others were not."""
    _write_down(warehouse, [told for batch in batches for told in batch.told()])


def tell_again(warehouse: Warehouse, told: Sequence[Told], bodies: Bodies) -> None:
    """The same of documents whose text is left alone, where the view does not know it any more.

    The warehouse forgets what was read instead of a document's bytes as soon as the document changes or goes. One that
    is as it was again has its text still, and only the view would have lost it.

    Raises:
        OSError: a store cannot be looked at.
    """
    if not told:
        return
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text(_KNOWN), {"documents": [each.document_id for each in told]})
        known = {row[0]: row[1] for row in rows}
    said = [(each, _without_time(each.said)) for each in told]
    behind = [(each, words) for each, words in said if words != known.get(each.document_id)]
    times = bodies.s3_last_modified({words["uri"]: words.get("version") for _, words in behind if words})
    _write_down(warehouse, [each._replace(said=_with_time(words, times)) for each, words in behind])


def _without_time(said: str | None) -> dict[str, Any] | None:
    words = json.loads(said) if said else {}
    return {name: value for name, value in words.items() if name != "s3_last_modified"} or None


def _with_time(words: Mapping[str, Any] | None, times: Mapping[str, str]) -> str | None:
    """As the view is told; a text's own row has no such time, which may change where the text does not."""
    if words is None:
        return None
    time = times.get(words["uri"])
    return json.dumps({**words, "s3_last_modified": time} if time else words, sort_keys=True)


def _write_down(warehouse: Warehouse, told: Sequence[Told]) -> None:
    if not told:
        return
    with warehouse.transaction() as connection:
        locked = set(connection.execute(sa.text(_LOCK), _by_column(told)).scalars())
        if locked:
            connection.execute(sa.text(_TELL), _by_column([each for each in told if each.document_id in locked]))


def _by_column(told: Sequence[Told]) -> dict[str, list[str | None]]:
    return {name: [getattr(each, name) for each in told] for name in Told._fields}
