"""The index: from what names documents to what they are, reading only what has changed.

What was read before is remembered in the warehouse (`document_cache.documents`): a document whose address and version
are the same is not read again, whichever batch asks, as long as content types are found the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from clinical_assets.documents.index.bodies import LAKE, Bodies, Identity
from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.readers import sniffing
from clinical_assets.documents.readers.reading import UnreadableError
from clinical_assets.documents.tables import INDEX, INDEXED, MISSING, UNREADABLE
from resources.warehouse import Warehouse

READ_AT_ONCE = 4
_FACTS = ("sha256", "size_bytes", "content_type", "status")
_CHOSEN_FROM = ("sha256", "other_formats")


@dataclass(frozen=True, slots=True)
class Indexed:
    """The index of some patients.

    Attributes:
        rows: of `INDEX`, by patient and document.
        new: whether the bytes of each were read for it.
    """

    rows: pl.DataFrame
    new: pl.Series


def index(patients: Sequence[str], sources: DocumentSources, bodies: Bodies, warehouse: Warehouse) -> Indexed:
    """The rows of `INDEX` of some patients; the warehouse then knows the same documents.

    A document that cannot be read is a row that says so.
    """
    with ThreadPoolExecutor(1) as pool:  # the warehouse answers while the sources are listed
        remembered = pool.submit(_known, warehouse, patients)
        named = sources.of(patients)
    before = remembered.result()
    # Another version of sniffing may find another type in the same bytes, and so another reader for them.
    alike = before.filter(pl.col(_SNIFFED_BY) == sniffing.SNIFFING_VERSION)
    found = _with_facts_known(_with_wholes(named, sources.unchanged_wholes(alike)), alike)
    new = found.select(_LOOKED_FOR & pl.col("status").is_null()).to_series()
    read = _read(found.filter(new), bodies)
    columns = (pl.col(name).cast(kind) for name, kind in _ROWS.items())
    rows = _with_facts_read(found, read).select(columns).collect()
    _remember(warehouse, patients, rows, before)
    return Indexed(rows.select(INDEX.column_names), new)


# What a document's facts depend on: the same state, the same facts.
_STATE = ("uri", "version", "declared_type")
_SNIFFED_BY = "sniffed_by"
_S3_LAST_MODIFIED = "s3_last_modified"
# In a row of the index a time at which S3 was given the same bytes once more would be a change; it is for the view.
_ROWS = pl.Schema({**INDEX.polars_schema, _S3_LAST_MODIFIED: pl.String()})
_REMEMBERED = pl.Schema({**_ROWS, _SNIFFED_BY: pl.String()})
_LOOKED_FOR = pl.col("refused").is_null() & pl.col("version").is_not_null()
Read = Mapping[tuple[str, str | None], Identity | str]
"""By address and declared type: what the bytes are, or why they could not be read."""


def _with_wholes(named: pl.DataFrame, wholes: Mapping[str, tuple[str, str]]) -> pl.DataFrame:
    """Entries with the addresses and versions of FHIR files that stand for what they refer to, too."""
    if not wholes:
        return named
    whole = pl.DataFrame(
        [(uri, *both) for uri, both in wholes.items()],
        {"uri": pl.String, "whole_uri": pl.String, "whole_version": pl.String},
        orient="row",
    )
    tree = pl.col("source") == "tree"
    joined = named.join(whole, on="uri", how="left", maintain_order="left")
    return joined.with_columns(
        uri=pl.when(tree).then(pl.coalesce("whole_uri", "uri")).otherwise("uri"),
        version=pl.when(tree).then(pl.coalesce("whole_version", "version")).otherwise("version"),
    ).drop("whole_uri", "whole_version")


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
        (uri, declared, each.sha256, each.size_bytes, each.content_type, INDEXED, each.uri, each.version)
        if isinstance(each, Identity)
        else (uri, declared, None, None, None, each, None, None)
        for (uri, declared), each in read.items()
    ]
    schema = {name: found.schema[name] for name in ("uri", "declared_type", *_FACTS)}
    made = pl.LazyFrame(outcomes, {**schema, "whole_uri": pl.String, "whole_version": pl.String}, orient="row")
    joined = found.lazy().join(
        made, on=("uri", "declared_type"), how="left", nulls_equal=True, maintain_order="left", suffix="_read"
    )
    facts: dict[str, pl.Expr] = {name: pl.when(_LOOKED_FOR).then(pl.coalesce(name, f"{name}_read")) for name in _FACTS}
    facts["size_bytes"] = pl.coalesce(facts["size_bytes"], "listed_bytes")
    facts["status"] = pl.coalesce("refused", facts["status"], pl.lit(MISSING))
    whole = {name: pl.coalesce(pl.when(_LOOKED_FOR).then(f"whole_{name}"), name) for name in ("uri", "version")}
    return joined.with_columns(**facts, **whole)


def _read(new: pl.DataFrame, bodies: Bodies) -> Read:
    if new.is_empty():
        return {}
    in_lake = pl.col("uri").str.starts_with(LAKE)
    notes = new.filter(in_lake)
    found: dict[tuple[str, str | None], Identity | str] = dict.fromkeys(
        notes.select("uri", "declared_type").iter_rows(), MISSING
    )
    found |= {(uri, declared): identity for uri, declared, identity in bodies.note_identities(notes)}

    def one(row: tuple[str, str | None, bool]) -> Identity | str:
        try:
            return bodies.identity(row[0], row[1], completing=row[2])
        except FileNotFoundError:
            return MISSING
        except (OSError, UnreadableError):
            return UNREADABLE

    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        rows = new.filter(~in_lake).select("uri", "declared_type", pl.col("source") == "tree").rows()
        return found | dict(zip(((uri, kind) for uri, kind, _ in rows), pool.map(one, rows), strict=True))


# As polars sorts, and as the sources give their documents: so unchanged rows are equal as they come.
_IN_UTC = f"""to_char({_S3_LAST_MODIFIED} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\\:MI\\:SS.US"Z"')"""
_ORDER = 'ORDER BY patient_id COLLATE "C", document_id COLLATE "C"'


def _known(warehouse: Warehouse, patients: Sequence[str]) -> pl.DataFrame:
    """What was indexed of these patients: the columns of `INDEX`, when S3 stored it, and the version of sniffing."""
    columns = ", ".join(_IN_UTC if name == _S3_LAST_MODIFIED else name for name in _REMEMBERED)
    query = sa.text(f"SELECT {columns} FROM document_cache.documents WHERE patient_id = ANY(:patients) {_ORDER}")  # noqa: S608
    with warehouse.transaction() as connection:
        rows = connection.execute(query, {"patients": list(patients)}).all()
    return pl.DataFrame([tuple(row) for row in rows], _REMEMBERED, orient="row")


def remembered(warehouse: Warehouse, patients: Iterable[str]) -> dict[str, str]:
    """By patient what tells whether the warehouse's rows of him are still those they were; nothing without rows."""
    query = sa.text(
        "SELECT patient_id, count(*) || ' ' || extract(epoch FROM max(read_at)) AS told FROM document_cache.documents "
        "WHERE patient_id = ANY(:patients) GROUP BY patient_id"
    )
    with warehouse.transaction() as connection:
        rows = connection.execute(query, {"patients": sorted(set(patients))}).all()
    return {row.patient_id: row.told for row in rows}


def remembered_of(told: Mapping[str, str], patients: Iterable[str]) -> str:
    """The same for some of the patients together."""
    return hashlib.sha256(repr([(patient, told.get(patient)) for patient in sorted(patients)]).encode()).hexdigest()


def _remember(warehouse: Warehouse, patients: Sequence[str], rows: pl.DataFrame, before: pl.DataFrame) -> None:
    """Write what is new or changed and remove what is gone, in one transaction."""
    rows = rows.with_columns(pl.lit(sniffing.SNIFFING_VERSION).alias(_SNIFFED_BY))
    if rows.equals(before):
        return
    changed = rows.join(before, on=_REMEMBERED.names(), how="anti", nulls_equal=True, maintain_order="left")
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
            # One statement for all of them; it may meet an id once.
            once = changed.unique("document_id", keep="last", maintain_order=True)
            connection.execute(sa.text(_upsert(_REMEMBERED)), once.to_dict(as_series=False))


def _upsert(columns: Mapping[str, pl.DataType]) -> str:
    """Insert or replace rows that are given column by column, as arrays."""
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "document_id")
    arrays = ", ".join(f"CAST(:{name} AS {_in_postgres(name, kind)}[])" for name, kind in columns.items())
    # What was read instead of the bytes stays true as long as those bytes are the same, and so is where else to look.
    same = " AND ".join(f"documents.{name} IS NOT DISTINCT FROM excluded.{name}" for name in _CHOSEN_FROM)
    updates += f", read_instead = CASE WHEN {same} THEN documents.read_instead END"
    return (
        f"INSERT INTO document_cache.documents ({', '.join(columns)}) SELECT * FROM unnest({arrays}) "  # noqa: S608
        f"ON CONFLICT (document_id) DO UPDATE SET {updates}, read_at = now()"
    )


def _in_postgres(name: str, kind: pl.DataType) -> str:
    if name == _S3_LAST_MODIFIED:
        return "timestamptz"
    return {pl.String: "text", pl.Date: "date", pl.Datetime: "timestamp", pl.Int64: "bigint"}[kind.base_type()]
