"""Notes that say nothing another note of the patient has not said: copied forward whole, filed twice, saved in between.

A note repeats another if every sentence of it stands in that one too. One new sentence, be it an addendum of three
words among pages carried forward, and it repeats nothing: likeness in parts (shared words, shingles) cannot tell an
addendum from a copy, nor "no recurrence" from "recurrence", and a visit's short note is largely the last one's words.
Sentences are compared as they are written, but for case, space, bullets and the patient's age; lines that hold nothing
but dates, times and signatures are passed over. A sentence of a few words counts with the one before it, so that of
"Headache: yes" and "Seizures: no" no answer passes for the other's.

Of copies of several days the earliest stands, for its day is when what it says was found; a later copy would date the
finding anew. Of one day the most complete stands: the version saved last with its addendum, as nothing is dated anew.
Reports are never repeats: that a new scan shows what the last one showed is a new finding.
"""

from __future__ import annotations

import polars as pl

SAID_SCHEMA = {"document_id": pl.String(), "sentences": pl.List(pl.UInt64())}
"""What notes say: one row per document; `sentences` are hashes, each once, in no order that means anything."""

FEWEST_SENTENCES = 4
"""Of a note with fewer nobody can tell whether it was copied: "Stable. Continue." is written anew every time. Ours."""
FEWEST_WORDS = 4
"""A sentence of fewer counts with the one before it. Ours."""

# Lines wrap in one format and not in another; a label's answer may stand on the line below.
_WRAPPED = r"([^\s.!?;:])[ \t]*\n[ \t]*(\p{Ll})"
_LABEL = r":[ \t]*\n\s*"
_TITLE = r"\b([Dd]r|[Mm]rs?|[Mm]s|[Pp]rof|\p{Lu})\.\s+"
_END = r"([.!?;])\s+"
_BULLET = r"^(?:[•·*▪–-]\s+|\s)+|[\s.,;:!]+$"
_AGE = r"\b\d{1,3}[\s-]*(?:(?:year|yr)s?[\s-]*old|y/?o)\b"
# Words of headers, and of the moment and the hand that wrote: a line of nothing else tells nothing of the patient.
_FORMAL_WORDS = (
    r"date|time|day|of|on|at|the|note|visit|service|encounter|page|signed|dictated|transcribed|authenticated"
    r"|electronically|author|document|version|a\.?m\.?|p\.?m\.?|hrs?"
    r"|mon|tues?|wed|thu|thurs?|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|january|february|march|april|june|july|august|september"
    r"|october|november|december"
)
_FORMAL = rf"^(?:(?:{_FORMAL_WORDS}|\d[\d/:.t+z-]*)(?:[\s:,|()#/-]+|$))+$"
_SIGNATURE = (
    r"^(?:electronically )?(?:signed|dictated|transcribed|authenticated) by:?(?: [\p{L}\d.,/:()'-]+){1,8}$"
    r"|^(?:text )?(?:carried over|copied(?: forward)?) from the note of [\p{L}\d ,./-]{1,20}$"
)


def sentences_of(text: pl.Expr) -> pl.Expr:
    """The sentences of a text that tell something of the patient, as hashes (see `SAID_SCHEMA`)."""
    whole = (
        text.str.normalize("NFKC")
        .str.replace_all(_WRAPPED, "$1 $2")
        .str.replace_all(_LABEL, ": ")
        .str.replace_all(_TITLE, "$1 ")
        .str.replace_all(_END, "$1\n")
        .str.to_lowercase()
    )
    sentence = pl.element().str.replace_all(_BULLET, "").str.replace_all(r"\s+", " ").str.replace_all(_AGE, "years old")
    words = pl.element().str.count_matches(" ") + 1
    before = pl.element().shift(1).fill_null("")
    with_context = pl.when(words < FEWEST_WORDS).then(before + pl.lit(" ") + pl.element()).otherwise(pl.element())
    told = pl.element().filter(
        pl.element() != "", ~pl.element().str.contains(_FORMAL), ~pl.element().str.contains(_SIGNATURE)
    )
    return (
        whole.str.split("\n")
        .list.eval(sentence)
        .list.eval(told)
        .list.eval(with_context)
        .list.eval(pl.element().hash(seed=0))
        .list.unique()
    )


def said(texts: pl.LazyFrame, documents: pl.Series) -> pl.DataFrame:
    """What documents say, see `SAID_SCHEMA`; read piece by piece, so that memory holds no texts but hashes.

    Args:
        texts: `document_id` and `text`.
        documents: ids of those wanted.
    """
    wanted = texts.filter(pl.col("document_id").is_in(documents.unique().implode()))
    read = wanted.select("document_id", sentences_of(pl.col("text")).alias("sentences"))
    # The texts of a patient of two batches are met twice.
    return read.collect(engine="streaming").unique("document_id", keep="any")


def repeats(notes: pl.DataFrame, others: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Which notes repeat which others.

    Args:
        notes: `document_id`, `patient_id`, `note_date`, `note_time`: those that may be repeats.
        others: the same columns: those that may be repeated; a note is no repeat of itself.
        told: see `SAID_SCHEMA`; a document it does not name says nothing that is known, and repeats nothing.

    Returns:
        One row per note that repeats one: `document_id`, and `repeated`, the one that stands: see the module.
    """
    counted = told.with_columns(pl.col("sentences").list.len().alias("n"))
    mine = notes.select(_PLACE).join(counted.filter(pl.col("n") >= FEWEST_SENTENCES), on="document_id")
    theirs = others.select(_PLACE).join(counted, on="document_id")
    shared = (
        mine.explode("sentences")
        .join(theirs.explode("sentences"), on=["patient_id", "sentences"], suffix="_other")
        .filter(_stands_before())
        .group_by("document_id", "document_id_other")
        .agg(pl.len().alias("shared"), pl.col("n", "n_other", "note_date_other", "note_time_other").first())
        .with_columns(-pl.col("n_other").cast(pl.Int64))
    )
    # Of several the one that stands before the others too.
    order = ("document_id", "note_date_other", "n_other", "note_time_other", "document_id_other")
    return (
        shared.filter(pl.col("shared") == pl.col("n"))
        .sort(order, nulls_last=False)
        .unique("document_id", keep="first", maintain_order=True)
        .select("document_id", pl.col("document_id_other").alias("repeated"))
    )


_PLACE = ("document_id", "patient_id", "note_date", "note_time")


def _stands_before() -> pl.Expr:
    """Whether the other one stands of two that say the same: a strict order, so that of any copies one stands."""
    day, other_day = pl.col("note_date"), pl.col("note_date_other")
    time, other_time = pl.col("note_time").fill_null(day), pl.col("note_time_other").fill_null(other_day)
    earlier = (other_time < time) | ((other_time == time) & (pl.col("document_id_other") < pl.col("document_id")))
    fuller = pl.col("n_other") > pl.col("n")
    same_day = fuller | ((pl.col("n_other") == pl.col("n")) & earlier)
    return (other_day < day) | ((other_day == day) & same_day)
