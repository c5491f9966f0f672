r"""Notes that say what another note of the patient says, word for word: copied forward whole, or filed twice.

Passing over a note must lose nothing a reader could learn, so a repeat is the whole text, in its order: one changed
number, a line more or less, two findings that changed places, and it is none. Likeness (shared words, shared
sentences in any order) cannot tell "no recurrence" from "recurrence", nor a drug continued from one stopped; and a line
left out is news: the drug is off the list. When in doubt it is no repeat; that costs one note more.

What may differ is layout (case, how lines wrap, blank lines before words, a bullet's sign) and what tells of the
writing, not of the patient: date and time in the note's head, a named physician's signature, "page 1 of 2"; and the
patient's age where the note introduces him. Numbers count everywhere else, and so do the columns of a table. A minus
before a small letter is no bullet, for it may say "no".

Of copies the earliest stands, for its day is when what it says was found; a later copy would date the finding anew.
Reports are never repeats: that a new scan shows what the last one showed is a new finding.
"""

from __future__ import annotations

import polars as pl

SAID_SCHEMA = {"document_id": pl.String(), "sentences": pl.List(pl.UInt64())}
"""What notes say: one row per document; `sentences` are hashes of all of them, in their order."""

FEWEST_SENTENCES = 4
"""Of a note with fewer different ones nobody can tell whether it was copied: "Stable. Continue." is written anew every
time. Ours."""

_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
    r"|january|february|march|april|june|july|august|september|october|november|december)"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed|thu|thurs?|fri|sat|sun)\.?|(?:mon|tues|wednes|thurs|fri|satur|sun)day),?[ ]"
_DAY = (
    r"(?:\d{4}-\d\d?-\d\d?|\d\d?/\d\d?/(?:\d{4}|\d\d)|\d\d?[.-]\d\d?[.-]\d{4}"
    rf"|{_MONTH}\.?[ ]\d\d?(?:st|nd|rd|th)?,?[ ]\d{{4}}|\d\d?[ -]{_MONTH}\.?,?[ -]\d{{4}})"
)
_CLOCK = r"\d\d?:\d\d(?::\d\d)?(?:[ ]?[ap]\.?m\.?)?(?:[ ]?hrs?)?(?:z|[+-]\d\d:?\d\d)?"
_MOMENT = rf"(?i:(?:{_WEEKDAY})?{_DAY}(?:,?[ ](?:at[ ])?{_CLOCK}|t{_CLOCK})?)"
_OF_WRITING = r"(?:service|visit|encounter|note|dictation)"
_DATED = (
    rf"(?i:(?:(?:date|date[ ]and[ ]time|date/time)(?:[ ]of[ ](?:the[ ])?{_OF_WRITING})?|dos"
    rf"|{_OF_WRITING}[ ]date(?:[ ]and[ ]time|/time)?)[ ]?:?[ ]*{_MOMENT}|time:[ ]*{_CLOCK})"
)
# What stands above a note's date: its title, and lines that say whose it is. Below them a date is a finding's.
_TITLE = (
    r"(?i:[^\n:]{0,60}\b(?:notes?|summary|report|consult|consultation|history[ ]and[ ]physical|h&p|hospital)"
    r"|(?:patient|name|mrn|medical[ ]record|dob|date[ ]of[ ]birth|sex|gender|provider|author|attending|department"
    r"|service)\b[^\n:]{0,20}:[^\n]{0,60})"
)
_HEAD = rf"\A\s*((?:{_TITLE}[ \t]*\n\s*){{0,8}}?)(?:{_DATED}[ \t]*(?:\n\s*|\z))+"

# "Signed by wife: DNR" is no signature: it takes a doctor's title or a degree, and nothing may follow but the moment.
_DEGREE = r"(?:M\.?D|D\.?O|Ph\.?D|N\.?P|P\.?A|PA-C|R\.?N|APRN|CRNP|FNP|MBBS)\.?"
_NAMED = r"\p{Lu}(?:['’-]?\p{L})*\p{Ll}"
_NAME = rf"(?:\p{{Lu}}\.?[ ])*{_NAMED}(?:,?[ ]\p{{Lu}}\.?)*(?:,?[ ]{_NAMED})?(?:,?[ ]\p{{Lu}}\.)*"
_SIGNATURE = (
    r"(?m)^[ \t]*(?i:(?:electronically[ ])?(?:signed|dictated|transcribed|authenticated)[ ]by:?)[ ]+"
    rf"(?:Dr\.?[ ]{_NAME}(?:,?[ ]{_DEGREE})*|{_NAME}(?:,?[ ]{_DEGREE})+)"
    rf"(?:,?[ ](?:(?:on|at)[ ])?{_MOMENT})?\.?[ \t]*$"
)
_PAGE = r"(?im)^[ \t]*page[ ]\d+[ ]of[ ]\d+[ \t]*$"

_BULLET = r"(?m)^ {0,3}[•·*▪][ \t]+"
_DASH = r"(?m)^ {0,3}[–-][ \t]+(\p{Lu})"
# Lines wrap in one format and not in another. Wider indents are the columns of a table, as tabs and inner spaces are.
_WRAPPED = r"([^\s.!?;:])\n {0,3}(\p{Ll})"
_INDENT = r"(?m)^ {1,3}([^\s])"
_BLANK_LINES = r"\n{2,} {0,3}([\p{L}•])"
# After a word or a number, not after an initial or "Dr.".
_END = r"([^\s.]{3}[.!?;]) +"
# Only where a note introduces its patient: others of the family, and he at other times, have ages too.
_AGE = (
    r"(?m)(^|[:.] |\bis an? |\bthis )\d{1,3}[ -]?(?:(?:year|yr)s?[ -]?old|y/?o)"
    r"((?:[ ][\p{L}-]+,?){0,4}[ ](?:man|woman|male|female|boy|girl|gentleman|lady|patient|m|f))\b"
)


def sentences_of(text: pl.Expr) -> pl.Expr:
    """The sentences of a text without what tells of its writing, as hashes in their order (see `SAID_SCHEMA`)."""
    lines = text.str.normalize("NFC").str.replace_all("\u00a0", " ", literal=True).str.replace_all(r"\r\n?", "\n")
    said = lines.str.replace_all(_PAGE, "").str.replace_all(_SIGNATURE, "").str.replace(_HEAD, "$1")
    flowing = (
        said.str.replace_all(_BULLET, "• ")
        .str.replace_all(_DASH, "• $1")
        .str.replace_all(r"(?m) +$", "")
        .str.replace_all(_WRAPPED, "$1 $2")
        .str.replace_all(_INDENT, "$1")
        .str.replace_all(_BLANK_LINES, "\n$1")
        .str.replace_all(_END, "$1\n")
        .str.to_lowercase()
        .str.replace(_AGE, "${1}years old$2")
        .str.strip_chars("\n ")
    )
    return flowing.str.split("\n").list.eval(pl.element().hash(seed=0))


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
    enough = told.filter(pl.col("sentences").list.n_unique() >= FEWEST_SENTENCES)
    mine, theirs = (frame.select(_PLACE).join(enough, on="document_id") for frame in (notes, others))
    # Of several the one that stands before the others too.
    first = ("note_date_other", _time("note_time_other", "note_date_other"), "document_id_other")
    return (
        mine.join(theirs, on=["patient_id", "sentences"], suffix="_other")
        .filter(_stands_before())
        .sort("document_id", *first)
        .unique("document_id", keep="first", maintain_order=True)
        .select("document_id", pl.col("document_id_other").alias("repeated"))
    )


_PLACE = ("document_id", "patient_id", "note_date", "note_time")


def _stands_before() -> pl.Expr:
    """Whether the other one stands of two that say the same: a strict order, so that of any copies one stands."""
    day, other_day = pl.col("note_date"), pl.col("note_date_other")
    time, other_time = _time("note_time", "note_date"), _time("note_time_other", "note_date_other")
    earlier = (other_time < time) | ((other_time == time) & (pl.col("document_id_other") < pl.col("document_id")))
    return (other_day < day) | ((other_day == day) & earlier)


def _time(time: str, day: str) -> pl.Expr:
    return pl.col(time).fill_null(pl.col(day))
