"""What must hold of the notes kept beyond their columns: judgements on frames, and the checks that make them."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from clinical_assets.documents.prioritised.note_profiles import GENERAL, ONCOLOGY
from clinical_assets.documents.tables import INDEX, PRIORITISED, PRIORITISED_TRIGGERS
from clinical_assets.documents.timeline.timeline_checks import rows_of
from clinical_assets.table_checks import WARN, check_result
from clinical_assets.table_rules import Finding
from resources.lake import Lake

MOST_WITHOUT_NOTE = 0.05
"""Share of patients above which it is the profile, not the patients, that leaves them without a note."""
LEAST_FOUND = 0.5
"""Share of triggers that find a note, below which documents are missing or the window is too narrow."""
SHARE_KEPT: Mapping[str, tuple[float, float]] = {ONCOLOGY.name: (0.01, 0.5), GENERAL.name: (0.02, 0.95)}
"""Expected share of documents kept, by profile. Where oncology's rules were used for abstraction, 2 to 6 % of several
hundred notes per patient were kept (660 to 15-40, 1,486 to 57); patients with fewer notes keep more of them.
MIMIC-IV-Note publishes discharge summaries and radiology reports only, most of which follow an event; where all of them
do, the general profile chooses nothing, and the check says so."""
_ANY_SHARE = (0.01, 0.9)


def everybody_has_a_note(index: pl.DataFrame, kept: pl.DataFrame) -> Finding:
    """Few patients with documents have none that was kept.

    Args:
        index: `patient_id` of the documents.
        kept: `patient_id` of the notes kept.
    """
    patients = index.select("patient_id").unique()
    without = patients.join(kept, on="patient_id", how="anti").height
    return Finding(
        without <= MOST_WITHOUT_NOTE * patients.height,
        f"expected at most {MOST_WITHOUT_NOTE:.0%} of {patients.height:,} patients without a note kept; found "
        f"{without:,}",
        {"patients": patients.height, "without a note kept": without},
    )


def triggers_find_notes(triggers: pl.DataFrame) -> Finding:
    """Most triggers of each reason find a document of some kind in their window.

    Args:
        triggers: `tables.PRIORITISED_TRIGGERS`' key and `document_id`.
    """
    edges = [name for name in PRIORITISED_TRIGGERS.primary_key if name != "kind"]
    found = triggers.group_by(edges).agg(pl.col("document_id").count().alias("documents"))
    counted = (
        found.group_by("reason")
        .agg(pl.len().alias("triggers"), (pl.col("documents") == 0).sum().alias("without a note"))
        .sort("reason")
    )
    scarce = counted.filter(pl.col("without a note") > (1 - LEAST_FOUND) * pl.col("triggers"))["reason"]
    return Finding(
        scarce.is_empty(),
        f"expected a note for at least {LEAST_FOUND:.0%} of each kind of trigger; found fewer for "
        f"{', '.join(scarce) or 'none'}",
        {"triggers": found.height, "without a note": int(counted["without a note"].sum())},
        tuple(counted.iter_rows(named=True)),
    )


def share_kept_as_expected(index: pl.DataFrame, kept: pl.DataFrame) -> Finding:
    """The share of documents kept is within what the profile usually keeps.

    Args:
        index: one row per document.
        kept: `profile` of the notes kept.
    """
    profiles = kept["profile"].unique().sort().to_list()
    least, most = SHARE_KEPT.get(profiles[0], _ANY_SHARE) if len(profiles) == 1 else _ANY_SHARE
    share = kept.height / index.height if index.height else 0.0
    return Finding(
        not index.height or least <= share <= most,
        f"expected {least:.0%} to {most:.0%} of {index.height:,} documents to be kept by "
        f"{', '.join(profiles) or 'no profile'}; found {kept.height:,} ({share:.1%})",
        {"documents": index.height, "kept": kept.height, "share kept": round(share, 4)},
    )


def one_profile(kept: pl.DataFrame, triggers: pl.DataFrame) -> Finding:
    """All batches were prioritised with one profile, and one window for each of its triggers and kinds of document.

    Args:
        kept: `profile` of the notes kept.
        triggers: `profile`, `window_days` and what of `_OF_A_WINDOW` tells windows apart.
    """
    each = [name for name in _OF_A_WINDOW if name in triggers.columns]
    settings = triggers.unique([*each, "profile", "window_days"]).group_by(each or pl.lit(0)).len()
    most = int(settings["len"].max() or 0)  # type: ignore[arg-type]
    names = {*triggers["profile"].unique(), *kept["profile"].unique()}
    return Finding(
        most <= 1 and len(names) <= 1,
        f"expected one profile and one window of each trigger; found {', '.join(sorted(names)) or 'none'} with "
        f"{most} different settings. Materialize {PRIORITISED.path} for all batches with the present one.",
        {"profiles": len(names), "settings": most},
    )


_OF_A_WINDOW = ("event_type", "reason", "edge", "direction", "kind")


_KEY = dg.AssetKey(list(PRIORITISED.key))
_INDEX_KEY = dg.AssetKey(list(INDEX.key))


@dg.asset_check(
    asset=_KEY, additional_deps=[_INDEX_KEY], description="Few patients with documents have no note that was kept."
)
def patients_have_notes(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts patients without a note kept."""
    finding = everybody_has_a_note(rows_of(lake, INDEX, "patient_id"), rows_of(lake, PRIORITISED, "patient_id"))
    return check_result(finding, PRIORITISED, "patients_have_notes", WARN)


@dg.asset_check(
    asset=_KEY,
    additional_deps=[_INDEX_KEY],
    description="The share of documents kept is what the profile usually keeps.",
)
def share_kept(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Reports the reduction over all batches."""
    finding = share_kept_as_expected(rows_of(lake, INDEX, "document_id"), rows_of(lake, PRIORITISED, "profile"))
    return check_result(finding, PRIORITISED, "share_kept", WARN)


@dg.asset_check(
    asset=dg.AssetKey(list(PRIORITISED_TRIGGERS.key)), description="Most triggers find a note in their window."
)
def notes_in_window(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts triggers without a note by reason."""
    chosen = rows_of(lake, PRIORITISED_TRIGGERS, *PRIORITISED_TRIGGERS.primary_key, "document_id")
    finding = triggers_find_notes(chosen)
    return check_result(finding, PRIORITISED_TRIGGERS, "notes_in_window", WARN)


@dg.asset_check(
    asset=dg.AssetKey(list(PRIORITISED_TRIGGERS.key)), description="All batches were prioritised with one profile."
)
def profile_alike(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Tells batches made before a change of the profile from those made after it."""
    finding = one_profile(
        rows_of(lake, PRIORITISED, "profile"),
        rows_of(lake, PRIORITISED_TRIGGERS, "profile", "window_days", *_OF_A_WINDOW),
    )
    return check_result(finding, PRIORITISED_TRIGGERS, "profile_alike", WARN)


CHECKS = (patients_have_notes, share_kept, notes_in_window, profile_alike)
