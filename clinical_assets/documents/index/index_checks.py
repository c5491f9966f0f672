"""What must hold of the index of documents beyond its columns."""

from collections.abc import Iterable, Mapping

import dagster as dg
import polars as pl

from clinical_assets.documents.index.document_sources import DocumentSources
from clinical_assets.documents.readers.sniffing import contradicts, parse_declared
from clinical_assets.documents.tables import INDEX, INDEXED
from clinical_assets.table_checks import WARN, check_result, rows_as_declared
from clinical_assets.table_rules import Finding
from resources import patient_batches
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.sources import Sources
from resources.warehouse import Warehouse


def readable(index: pl.DataFrame) -> Finding:
    """Every document's bytes are there and can be read, and its entry in its source has no fault."""
    without = _counts(index.filter(pl.col("status") != INDEXED)["status"])
    faults = _counts(index["fault"].drop_nulls())
    return Finding(
        not without and not faults,
        f"expected the bytes of {index.height:,} documents and entries without fault; found "
        f"{sum(without.values()):,} without bytes and {sum(faults.values()):,} faulty entries",
        {"documents": index.height, **without, **{f"fault: {fault}": n for fault, n in faults.items()}},
    )


def bytes_are_one_patients(index: pl.DataFrame) -> Finding:
    """The same bytes are not documents of two patients; that one patient has them several times is counted."""
    groups = index.drop_nulls("sha256").group_by("sha256").agg(pl.len(), patients=pl.col("patient_id").n_unique())
    shared = groups.filter(pl.col("patients") > 1)
    counts = {
        "documents with the bytes of another": int((groups["len"] - 1).sum()),
        "bytes of several patients": shared.height,
        "documents of several patients": int(shared["len"].sum()),
    }
    return Finding(
        shared.is_empty(),
        f"expected every document's bytes under one patient; found {shared.height:,} that several patients have: a "
        "document filed under the wrong patient looks like this, an empty template too",
        counts,
    )


def declared_as_found(index: pl.DataFrame) -> Finding:
    """The declared content type is what the bytes are."""
    pairs = index.drop_nulls(["declared_type", "content_type"]).group_by("declared_type", "content_type").len()
    wrong = [
        {"declared": declared.value, "found": found, "documents": n}
        for written, found, n in pairs.sort("declared_type", "content_type").iter_rows()
        if (declared := parse_declared(written).content_type) is not None
        and (kind := parse_declared(found).content_type) is not None
        and contradicts(declared, kind)
    ]
    total = sum(int(row["documents"]) for row in wrong)
    return Finding(
        not wrong,
        f"expected declared types to be what the bytes are; found {total:,} documents that are something else",
        {"documents": total},
        tuple(wrong),
    )


def agrees_with_manifests(
    index: pl.DataFrame, listed: pl.DataFrame, members: Iterable[str], unlisted: int, lines: int
) -> Finding:
    """Manifests and index hold the same documents of the batches' patients; every file of the store is named.

    Args:
        index: `document_id`, `source`.
        listed: `document_id`, `patient_id` of the manifests' entries.
        members: patients of the batches the index has.
        unlisted: files of the store that no manifest names.
        lines: lines of an NDJSON manifest that hold no DocumentReference.
    """
    nobody = listed["patient_id"].null_count()
    own = listed.filter(pl.col("patient_id").is_in(list(members)))
    missing = own.join(index, on="document_id", how="anti").height
    named = index.filter(pl.col("source").is_in(["manifest", "fhir"]))
    gone = named.join(listed, on="document_id", how="anti").height
    counts = {
        "listed and not indexed": missing,
        "indexed and no longer listed": gone,
        "listed without a patient": nobody,
        "files no manifest names": unlisted,
        "lines without a document": lines,
    }
    return Finding(
        not any(counts.values()),
        "expected the index to hold what the manifests list, and nothing else; found "
        + (", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or "just that"),
        counts,
    )


def _counts(values: pl.Series) -> Mapping[str, int]:
    return dict(values.value_counts(name="n").sort(values.name).iter_rows())


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec("readable", asset=INDEX.path.split("/"), description=readable.__doc__),
        dg.AssetCheckSpec(
            "bytes_are_one_patients", asset=INDEX.path.split("/"), description=bytes_are_one_patients.__doc__
        ),
        dg.AssetCheckSpec("declared_as_found", asset=INDEX.path.split("/"), description=declared_as_found.__doc__),
        dg.AssetCheckSpec(
            "agrees_with_manifests",
            asset=INDEX.path.split("/"),
            description="Manifests and index hold the same documents of the batches' patients.",
        ),
    ],
    name="documents__index__content",
)
def index_content(
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    sources: dg.ResourceParam[Sources],
    document_store: dg.ResourceParam[DocumentStore],
) -> Iterable[dg.AssetCheckResult]:
    """The index as stored, of all batches; a patient in batches of two cohorts counts once."""
    batches = lake.partitions(INDEX.path)
    columns = ("document_id", "patient_id", "source", "sha256", "status", "fault", "declared_type", "content_type")
    index = rows_as_declared(lake, INDEX, batches).select(columns).unique(maintain_order=True).collect()
    found = DocumentSources(document_store, DocumentStore(root=sources.root), lake)
    found.see_all()
    members = patient_batches.members(warehouse, batches)["patient_id"].unique()
    unlisted = found.unlisted()
    listed = found.all_listed
    judged = {
        "readable": readable(index),
        "bytes_are_one_patients": bytes_are_one_patients(index),
        "declared_as_found": declared_as_found(index),
        "agrees_with_manifests": agrees_with_manifests(
            index, listed.documents, members, len(unlisted), listed.lines_without_document
        ),
    }
    for name, finding in judged.items():
        yield check_result(finding, INDEX, name, WARN)


CHECKS = (index_content,)
