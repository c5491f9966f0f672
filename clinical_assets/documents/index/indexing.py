"""The index: from what names documents to what they are, reading only what has changed.

What was read before is remembered in the warehouse (`document_cache.documents`): a document whose address and version
are the same is not read again, whichever batch asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa

from clinical_assets.documents.index.bodies import LAKE, Bodies, Identity, identity_of
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.readers.reading import UnreadableError
from clinical_assets.documents.tables import INDEX, INDEXED, MISSING, UNREADABLE
from resources.warehouse import Warehouse

READ_AT_ONCE = 4
_FACTS = ("sha256", "size_bytes", "content_type", "status")


@dataclass(frozen=True, slots=True)
class Indexed:
    """The index of some patients, and how many documents had to be read for it."""

    rows: pl.DataFrame
    read: int
    size_read: int


def index(patients: Sequence[str], sources: DocumentSources, bodies: Bodies, warehouse: Warehouse) -> Indexed:
    """The rows of `INDEX` of some patients; the warehouse then knows the same documents.

    A document that cannot be read is a row that says so.
    """
    with ThreadPoolExecutor(1) as pool:  # the warehouse answers while the sources are listed
        remembered = pool.submit(_known, warehouse, patients)
        named = sources.of(patients)
    before = remembered.result()
    found = _with_facts_known(named, before)
    new = found.filter(_LOOKED_FOR & pl.col("status").is_null()).rows(named=True)
    read = _read(new, bodies)
    columns = (pl.col(name).cast(kind) for name, kind in INDEX.polars_schema.items())
    rows = _with_facts_read(found, read).select(columns).collect()
    _remember(warehouse, patients, rows, before)
    return Indexed(rows, len(read), sum(each.size_bytes for each in read.values() if isinstance(each, Identity)))


# What a document's facts depend on: the same state, the same facts.
_STATE = ("uri", "version", "declared_type")
_LOOKED_FOR = pl.col("refused").is_null() & pl.col("version").is_not_null()
Read = Mapping[tuple[str, str | None], Identity | str]
"""By address and declared type: what the bytes are, or why they could not be read."""


def _with_facts_known(found: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Entries with what was found in their bytes before, where those are the same; nulls where they are not."""
    known = before.lazy().filter(pl.col("status") == INDEXED).select(*_STATE, *_FACTS).unique(_STATE)
    listed = found.lazy().rename({"size_bytes": "listed_bytes"})
    return listed.join(known, on=_STATE, how="left", nulls_equal=True, maintain_order="left").collect()


def _with_facts_read(found: pl.DataFrame, read: Read) -> pl.LazyFrame:
    """The same with what was read, and with a status for documents that could not be or were not looked for."""
    if not read:
        status = pl.coalesce("refused", pl.when(_LOOKED_FOR).then("status"), pl.lit(MISSING))
        known: dict[str, pl.Expr] = {name: pl.when(_LOOKED_FOR).then(name) for name in _FACTS}
        size = pl.coalesce(known["size_bytes"], "listed_bytes")
        return found.lazy().with_columns(**known | {"size_bytes": size, "status": status})
    outcomes = [
        (uri, declared, each.sha256, each.size_bytes, each.content_type, INDEXED)
        if isinstance(each, Identity)
        else (uri, declared, None, None, None, each)
        for (uri, declared), each in read.items()
    ]
    schema = {name: found.schema[name] for name in ("uri", "declared_type", *_FACTS)}
    made = pl.LazyFrame(outcomes, schema, orient="row")
    joined = found.lazy().join(
        made, on=("uri", "declared_type"), how="left", nulls_equal=True, maintain_order="left", suffix="_read"
    )
    facts: dict[str, pl.Expr] = {name: pl.when(_LOOKED_FOR).then(pl.coalesce(name, f"{name}_read")) for name in _FACTS}
    facts["size_bytes"] = pl.coalesce(facts["size_bytes"], "listed_bytes")
    facts["status"] = pl.coalesce("refused", facts["status"], pl.lit(MISSING))
    return joined.with_columns(**facts)


def _read(new: Sequence[Mapping[str, Any]], bodies: Bodies) -> Read:
    if not new:
        return {}
    notes = bodies.notes(pl.DataFrame(new, schema={"patient_id": pl.String, "uri": pl.String}))

    def one(row: Mapping[str, Any]) -> Identity | str:
        if row["uri"].startswith(LAKE):
            text = notes.get(row["uri"])
            return MISSING if text is None else identity_of(text, row["declared_type"])
        try:
            return bodies.identity(row["uri"], row["declared_type"])
        except FileNotFoundError:
            return MISSING
        except (OSError, UnreadableError):
            return UNREADABLE

    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        keys = [(row["uri"], row["declared_type"]) for row in new]
        return dict(zip(keys, pool.map(one, new), strict=True))


# As polars sorts, and as the sources give their documents: so unchanged rows are equal as they come.
_ORDER = 'ORDER BY patient_id COLLATE "C", document_id COLLATE "C"'


def _known(warehouse: Warehouse, patients: Sequence[str]) -> pl.DataFrame:
    """What was indexed of these patients: the columns of `INDEX`."""
    columns = ", ".join(INDEX.column_names)
    query = sa.text(f"SELECT {columns} FROM document_cache.documents WHERE patient_id = ANY(:patients) {_ORDER}")  # noqa: S608
    with warehouse.transaction() as connection:
        rows = connection.execute(query, {"patients": list(patients)}).all()
    return pl.DataFrame([tuple(row) for row in rows], INDEX.polars_schema, orient="row")


def _remember(warehouse: Warehouse, patients: Sequence[str], rows: pl.DataFrame, before: pl.DataFrame) -> None:
    """Write what is new or changed and remove what is gone, in one transaction."""
    if rows.equals(before):
        return
    changed = rows.join(before, on=INDEX.column_names, how="anti", nulls_equal=True, maintain_order="left")
    gone = before.join(rows, on="document_id", how="anti")["document_id"].sort().to_list()
    if changed.is_empty() and not gone:
        return
    with warehouse.transaction() as connection:
        if gone:
            # Of these patients only: a document the source now gives to another one may have been written for him.
            ours = "document_id = ANY(:gone) AND patient_id = ANY(:patients)"
            query = sa.text(f"DELETE FROM document_cache.documents WHERE {ours}")  # noqa: S608
            connection.execute(query, {"gone": gone, "patients": list(patients)})
        if changed.height:
            connection.execute(sa.text(_upsert(INDEX.column_names)), changed.rows(named=True))


def _upsert(columns: Iterable[str]) -> str:
    names = list(columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != "document_id")
    return (
        f"INSERT INTO document_cache.documents ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)}) "  # noqa: S608
        f"ON CONFLICT (document_id) DO UPDATE SET {updates}, read_at = now()"
    )
