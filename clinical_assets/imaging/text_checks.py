"""Whether the filtered texts still say what the image shows: by the vocabulary, and by what their words predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from clinical_assets.imaging import leakage
from clinical_assets.imaging.labels import OBSERVATIONS
from clinical_assets.imaging.leakage import TextKind
from clinical_assets.imaging.report_tables import STUDY_REPORTS
from clinical_assets.imaging.study_records import STUDY_RECORDS, target
from clinical_assets.table_checks import WARN, check_result
from clinical_assets.table_rules import Finding
from clinical_assets.tables import Table
from resources.lake import Lake

MOST_PROBED = 2_000
"""Texts the probe of what is left looks at, drawn at random: more take longer and tell no more."""
MOST_SEARCHED = 20_000
"""Filtered texts searched for words of the vocabulary, drawn at random."""


@dataclass(frozen=True)
class Filtering:
    """A table's texts before and after the filter.

    Attributes:
        kind: how they are cut into sentences.
        raw: as written, by patient and study.
        stored: what the table keeps of all of them.
        labels: by name, for each of `raw`; None where the study has none.
        patients: whose `raw` are.
    """

    kind: TextKind
    raw: Sequence[str]
    stored: pl.Series
    labels: Mapping[str, Sequence[bool | None]]
    patients: Sequence[int]


def nothing_told(texts: Filtering) -> Finding:
    """No stored text holds a word of the vocabulary; with how well the words left predict each label.

    That they predict is no fault of the filter: dyspnea goes with edema. It is the reader's to know.
    """
    filtered = [leakage.without_findings(text, texts.kind) for text in texts.raw]
    did = leakage.metrics(texts.raw, filtered)
    stored = texts.stored.drop_nulls()
    searched = stored.sample(min(stored.len(), MOST_SEARCHED), seed=0)
    left = sum(bool(leakage.without_findings(text, texts.kind).removed) for text in searched)
    probes = leakage.residual_leakage(texts.raw, [f.text for f in filtered], texts.labels, texts.patients)
    measured = [(p.label, p.positive, p.auroc_raw, p.auroc_filtered) for p in probes]
    return Finding(
        left == 0,
        f"{did.removed} of {did.sentences} sentences removed from {did.texts} texts; expected none with a word of the "
        f"vocabulary left, found {left}",
        {
            "texts": did.texts,
            "sentences": did.sentences,
            "removed": did.removed,
            "removed denials": did.removed_denials,
            "emptied": did.emptied,
            "characters kept": round(did.characters_kept or 0.0, 3),
            "with words of the vocabulary": left,
            **{f"removed for: {reason}": count for reason, count in did.reasons.items()},
            **{f"{name} of AUROC filtered": value for name, value in _middle_and_worst(measured).items()},
        },
        tuple(
            {"label": label, "positive": positive, "AUROC raw": round(raw, 3), "AUROC filtered": round(rest, 3)}
            for label, positive, raw, rest in measured
            if raw is not None and rest is not None
        ),
    )


def _middle_and_worst(measured: Sequence[tuple[str, int, float | None, float | None]]) -> dict[str, float]:
    rest = sorted(filtered for *_, filtered in measured if filtered is not None)
    return {"median": round(rest[len(rest) // 2], 3), "largest": round(rest[-1], 3)} if rest else {}


def complaints_are_filtered(records: pl.DataFrame, complaints: pl.DataFrame) -> Finding:
    """Judge the triage complaints of study records.

    Args:
        records: study records (filtered complaints and targets).
        complaints: `study_id` and `triage_chiefcomplaint` as written.
    """
    written = complaints.drop_nulls("triage_chiefcomplaint").select("study_id", written="triage_chiefcomplaint")
    return nothing_told(_probed("triage", records, written, records["triage_complaint"]))


def reports_are_filtered(records: pl.DataFrame, reports: pl.DataFrame) -> Finding:
    """Judge the filtered reports.

    Args:
        records: study records (targets).
        reports: `study_id`, `text` as written and `text_without_findings`.
    """
    return nothing_told(
        _probed("report", records, reports.select("study_id", written="text"), reports["text_without_findings"])
    )


def _probed(kind: TextKind, records: pl.DataFrame, written: pl.DataFrame, stored: pl.Series) -> Filtering:
    rows = records.join(written, on="study_id", maintain_order="left")
    rows = rows.sample(min(rows.height, MOST_PROBED), seed=0)
    labels = {target(o): _is_positive(rows[target(o)]) for o in OBSERVATIONS}
    return Filtering(kind, rows["written"].to_list(), stored, labels, rows["subject_id"].to_list())


def _is_positive(said: pl.Series) -> list[bool | None]:
    return [None if value is None else value == "positive" for value in said.to_list()]


_WANTED = ("subject_id", "study_id", "triage_complaint", *(target(o) for o in OBSERVATIONS))


def _stored(lake: Lake, table: Table | str, *columns: str) -> pl.DataFrame:
    path = table if isinstance(table, str) else table.path
    return lake.scan(path, lake.partitions(path)).select(columns).collect()


@dg.asset_check(
    asset=dg.AssetKey(list(STUDY_RECORDS.key)),
    additional_deps=[dg.AssetKey(["imaging", "clinical_context"])],
    description="No triage complaint says what the image shows; how well the words left predict each label.",
)
def complaints_filtered(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Measures what the filter left, out of fold."""
    complaints = _stored(lake, "imaging/clinical_context", "study_id", "triage_chiefcomplaint")
    finding = complaints_are_filtered(_stored(lake, STUDY_RECORDS, *_WANTED), complaints)
    return check_result(finding, STUDY_RECORDS, "complaints_filtered", WARN)


@dg.asset_check(
    asset=dg.AssetKey(list(STUDY_RECORDS.key)),
    additional_deps=[dg.AssetKey(list(STUDY_REPORTS.key))],
    description="No filtered report says what the image shows; how well the words left predict each label.",
)
def reports_filtered(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Measures what the filter left, out of fold."""
    reports = _stored(lake, STUDY_REPORTS, "study_id", "text", "text_without_findings")
    finding = reports_are_filtered(_stored(lake, STUDY_RECORDS, *_WANTED), reports)
    return check_result(finding, STUDY_RECORDS, "reports_filtered", WARN)


CHECKS = (complaints_filtered, reports_filtered)
