"""What must hold of the documents' text beyond its columns."""

import json
from collections.abc import Iterable

import dagster as dg
import polars as pl

from clinical_assets.documents.index.other_formats import as_read
from clinical_assets.documents.readers.reading import Reason
from clinical_assets.documents.tables import INDEX, TEXT
from clinical_assets.documents.text.failed_attempts import MOST_ATTEMPTS
from clinical_assets.table_checks import ERROR, WARN, check_result, rows_as_declared
from clinical_assets.table_rules import Finding
from resources.lake import Lake


def extracted(text: pl.DataFrame) -> Finding:
    """Every document gave its text; where not, why, by reason."""
    failed = text.filter(~pl.col("extraction_success"))
    reasons = failed.group_by("reason").agg(documents=pl.len()).sort("reason")
    tried = failed.filter(~pl.col("given_up").fill_null(value=False))["reason"].drop_nulls()
    again = sum(not Reason(reason).about_the_bytes for reason in tried)
    return Finding(
        failed.is_empty(),
        f"expected text of {text.height:,} documents; found {failed.height:,} without; of these {again:,} failed for "
        "the circumstances (time, memory, changed meanwhile) and are tried again by the next run",
        {"documents": text.height, "without_text": failed.height, "worth_another_try": again},
        tuple(reasons.iter_rows(named=True)),
    )


def dead_letters(text: pl.DataFrame) -> Finding:
    """No document failed so often that it was given up; where one was, why, by reason and reader."""
    lost = text.filter(pl.col("given_up").fill_null(value=False))
    by_reason = lost.group_by("reason", "extractor").agg(documents=pl.len()).sort("reason", "extractor")
    return Finding(
        lost.is_empty(),
        f"expected no document to be given up; found {lost.height:,} that failed in {MOST_ATTEMPTS} runs. Run "
        f"{TEXT.path} with larger limits (seconds, worker_memory_bytes) or with retry_dead_letters to try them again",
        {"given_up": lost.height, "distinct_bytes": lost["sha256"].n_unique() if lost.height else 0},
        tuple(by_reason.iter_rows(named=True)),
    )


def not_empty(text: pl.DataFrame) -> Finding:
    """No document that was read has an empty text, and none was found to hold no text at all (a scan without OCR)."""
    empty = text.filter(pl.col("extraction_success") & (pl.col("characters") == 0)).height
    none = text.filter(pl.col("reason") == Reason.NO_TEXT.value).height
    return Finding(
        not empty and not none,
        f"expected every document to hold text; found {empty:,} read as empty and {none:,} without any text",
        {"read_as_empty": empty, "no_text": none},
    )


def passages_outside(text: pl.DataFrame) -> int:
    """How many pages, sections and attachments do not lie within their text."""
    return sum(
        not 0 <= span["start"] <= span["end"] <= length
        for spans, length in text.select("spans", "characters").iter_rows()
        for span in json.loads(spans)
    )


def consistent(text: pl.DataFrame, outside: int) -> Finding:
    """Text, its length, its hash, its reason and its maps say the same.

    Args:
        text: with `length`, the characters of the stored text.
        outside: passages of the maps that do not lie within their text.
    """
    wrong = {
        "length differs": text.filter(pl.col("length") != pl.col("characters")).height,
        "a reason and success": text.filter(pl.col("extraction_success") != pl.col("reason").is_null()).height,
        "text of a failure": text.filter(~pl.col("extraction_success") & (pl.col("length") > 0)).height,
        "success without a hash": text.filter(pl.col("extraction_success") & pl.col("text_sha256").is_null()).height,
        "passages outside the text": outside,
    }
    return Finding(
        not any(wrong.values()),
        "expected text, length, hash, reason and maps to agree; found "
        + (", ".join(f"{n:,} {what}" for what, n in wrong.items() if n) or "that they do"),
        wrong,
    )


def of_the_index(text: pl.DataFrame, index: pl.DataFrame) -> Finding:
    """Every indexed document has one row of text, made of the bytes the index knows.

    Args:
        text: `patient_id`, `document_id`, `sha256`.
        index: the same.
    """
    keys = ["patient_id", "document_id", "sha256"]
    without = index.join(text, on=keys, how="anti", nulls_equal=True).height
    beyond = text.join(index, on=keys, how="anti", nulls_equal=True).height
    return Finding(
        not without and not beyond,
        f"expected the index's documents and bytes; found {without:,} documents without text of their bytes, and "
        f"{beyond:,} texts of other documents or bytes: materialize {TEXT.path} for the batches indexed since",
        {"without text": without, "of other bytes": beyond},
    )


def as_indexed(text: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """The texts, those of another format under the hash of the index's where the index has that format still.

    Args:
        text: `patient_id`, `document_id`, `sha256`, `read_instead`.
        index: `document_id`, `other_formats`.
    """
    instead = text.filter(pl.col("read_instead").is_not_null())
    named = index.filter(pl.col("document_id").is_in(instead["document_id"].implode()))
    formats = {
        (document, each.uri, each.version)
        for document, written in named.select("document_id", "other_formats").iter_rows()
        for each in as_read(written)
    }
    said = [(document, json.loads(words)) for document, words in instead.select("document_id", "read_instead").rows()]
    stale = [document for document, each in said if (document, each["uri"], each["version"]) not in formats]
    of_the_first = pl.col("read_instead").str.json_path_match("$.instead_of")
    fits = pl.col("read_instead").is_not_null() & ~pl.col("document_id").is_in(stale)
    return text.with_columns(sha256=pl.when(fits).then(of_the_first).otherwise("sha256")).drop("read_instead")


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec("extracted", asset=TEXT.path.split("/"), description=extracted.__doc__),
        dg.AssetCheckSpec("dead_letters", asset=TEXT.path.split("/"), description=dead_letters.__doc__),
        dg.AssetCheckSpec("not_empty", asset=TEXT.path.split("/"), description=not_empty.__doc__),
        dg.AssetCheckSpec(
            "consistent",
            asset=TEXT.path.split("/"),
            description="Text, its length, its hash, its reason and its maps say the same.",
            blocking=True,
        ),
        dg.AssetCheckSpec(
            "of_the_index",
            asset=TEXT.path.split("/"),
            description="Every indexed document has one row of text, made of the bytes the index knows.",
            additional_deps=[INDEX.path.split("/")],
        ),
    ],
    name="documents__text__content",
)
def text_content(lake: dg.ResourceParam[Lake]) -> Iterable[dg.AssetCheckResult]:
    """The text as stored, of all batches, without holding it."""
    batches = lake.partitions(TEXT.path)
    key = ("patient_id", "document_id", "sha256")
    columns = (
        *key,
        "extraction_success",
        "reason",
        "characters",
        "text_sha256",
        "extractor",
        "given_up",
        "read_instead",
    )
    stored = rows_as_declared(lake, TEXT, batches).select(*columns, length=pl.col("text").str.len_chars())
    text = stored.unique().collect(engine="streaming")
    maps = (lake.scan(TEXT.path, [batch]).select("spans", "characters").collect() for batch in batches)
    outside = sum(passages_outside(each) for each in maps)
    both = sorted({*batches} & {*lake.partitions(INDEX.path)})
    index = rows_as_declared(lake, INDEX, both).select(*key, "other_formats").unique().collect()
    yield check_result(extracted(text), TEXT, "extracted", WARN)
    yield check_result(dead_letters(text), TEXT, "dead_letters", WARN)
    yield check_result(not_empty(text), TEXT, "not_empty", WARN)
    yield check_result(consistent(text, outside), TEXT, "consistent", ERROR)
    yield check_result(of_the_index(as_indexed(text, index), index), TEXT, "of_the_index", WARN)


CHECKS = (text_content,)
