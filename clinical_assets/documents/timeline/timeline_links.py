"""Which documents describe which events, where the source does not say: by what a document is and when it was written.

A report of a kind goes to the nearest event of its type that lies so many days before it. What the source refers to
itself always counts, and comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from clinical_assets.documents.prioritised.note_profiles import Rule
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA

REFERENCE = "reference"
"""Method of a link the source gives itself."""


@dataclass(frozen=True, slots=True)
class DescribingRule:
    """Documents of a kind describe the nearest event of a type.

    Attributes:
        name: the method a link carries.
        event_type: of the timeline.
        terms: words of a document's type, category or description, as in `note_profiles.Rule`.
        days_before: how many days before the event's first day such a document may be written.
        days_after: how many days after its last day.
    """

    name: str
    event_type: str
    terms: str
    days_before: int
    days_after: int

    @property
    def pattern(self) -> str:
        """The terms as one regular expression over lower-case text."""
        return Rule(self.name, "include", self.terms).pattern


RULES = (
    DescribingRule(
        "operative report", "surgery", "operative report | operative note | op note | operation | procedure note", 0, 3
    ),
    DescribingRule(
        "imaging report",
        "imaging",
        "imaging | radiology | mri | mr | ct | pet | x-ray | xray | ultrasound | echo* | dicom report",
        0,
        3,
    ),
    # A specimen waits for stains and second opinions.
    DescribingRule("pathology report", "pathology", "patholog* | cytolog* | histolog* | biopsy", 0, 21),
    DescribingRule("radiation note", "radiation", "radiation | radiotherap* | radiosurg*", 1, 30),
    DescribingRule("discharge summary", "encounter", "discharge", 0, 7),
    DescribingRule("visit note", "encounter", "progress note* | h&p | history and physical | consult* | visit", 0, 1),
)
"""Windows are this project's: a report is dictated within days, a specimen is read within three weeks."""


def written(index: pl.DataFrame, text: pl.DataFrame) -> pl.DataFrame:
    """The index with the day a document itself states where the index has none (`documents/text`, `stated_date`).

    Args:
        index: `document_id`, `authored_date` and others.
        text: `document_id` and `stated_date`.

    Returns:
        The index's rows and columns.
    """
    stated = text.select("document_id", "stated_date").unique("document_id", keep="any")
    joined = index.join(stated, on="document_id", how="left", maintain_order="left")
    return joined.with_columns(authored_date=pl.coalesce("authored_date", "stated_date")).drop("stated_date")


def source_documents(index: pl.DataFrame, events: pl.DataFrame, referred: pl.DataFrame) -> pl.DataFrame:
    """Which documents describe which events.

    Args:
        index: `document_id`, `patient_id`, `document_type`, `category`, `description`, `authored_date` (see `written`).
        events: see `timeline.EVENT_SCHEMA`.
        referred: what the sources say themselves, see `timeline.LINK_SCHEMA`; links to documents that are not in the
            index, or that are another patient's, are left out.

    Returns:
        One row per event and document, see `timeline_store.SOURCE_DOCUMENT_SCHEMA`.
    """
    stated = (
        referred.join(index, on=["document_id", "patient_id"], how="semi")
        .join(events, on=["event_id", "patient_id"], how="semi")
        .with_columns(pl.lit(REFERENCE).alias("method"))
    )
    described = index.select(
        "document_id",
        "patient_id",
        "authored_date",
        pl.concat_str("document_type", "category", "description", separator=" \n ", ignore_nulls=True)
        .str.to_lowercase()
        .alias("said"),
    )
    parts = [stated, *(_by_rule(described, events, rule) for rule in RULES)]
    order = pl.col("method").replace_strict(
        {name: place for place, name in enumerate((REFERENCE, *(rule.name for rule in RULES)))}
    )
    return (
        pl.concat([part.select(list(SOURCE_DOCUMENT_SCHEMA)) for part in parts])
        .sort("patient_id", "event_id", "document_id", order)
        .unique(["patient_id", "event_id", "document_id"], keep="first", maintain_order=True)
    )


def _by_rule(described: pl.DataFrame, events: pl.DataFrame, rule: DescribingRule) -> pl.DataFrame:
    """Each document of the rule's kind with the nearest event of its type; with all that are equally near."""
    last = pl.coalesce("end_date", "start_date")
    before = (pl.col("start_date") - pl.col("authored_date")).dt.total_days()
    after = (pl.col("authored_date") - last).dt.total_days()
    away = pl.max_horizontal(before, after, pl.lit(0))
    candidates = (
        described.filter(pl.col("said").str.contains(rule.pattern), pl.col("authored_date").is_not_null())
        .join(events.filter(pl.col("event_type") == rule.event_type), on="patient_id")
        .filter(before <= rule.days_before, after <= rule.days_after)
        .with_columns(away.alias("away"), pl.lit(rule.name).alias("method"))
    )
    return candidates.filter(pl.col("away") == pl.col("away").min().over("document_id"))
