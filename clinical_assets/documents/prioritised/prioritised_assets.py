"""The assets `documents/prioritised` and `documents/prioritised_triggers`: one choice gives both."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from clinical_assets.declaration import Site, asset_arguments, code_version, conform, input_of, io_manager_of
from clinical_assets.documents.prioritised import prioritised_notes, repeated_text
from clinical_assets.documents.prioritised.note_profiles import GENERAL, ONCOLOGY, Profile
from clinical_assets.documents.prioritised.prioritisation import Prioritised
from clinical_assets.documents.prioritised.prioritised_notes import COUNTS
from clinical_assets.documents.prioritised.site_profiles import profile_named
from clinical_assets.documents.tables import PRIORITISED, PRIORITISED_TRIGGERS
from clinical_assets.documents.timeline.timeline_store import SOURCE_DOCUMENT_SCHEMA, SOURCE_DOCUMENTS
from clinical_assets.settings import SettingsError
from clinical_assets.tables import Table
from resources import patient_batches
from resources.partition_metadata import describe_partitions
from resources.patient_batches import AXIS
from resources.warehouse import Warehouse

_OUTS: Mapping[str, Table] = {"prioritised": PRIORITISED, "prioritised_triggers": PRIORITISED_TRIGGERS}
_INPUTS: Mapping[str, str] = {"index": "documents/index", "text": "documents/text", "timeline": "documents/timeline"}


def site_profile(site: Site) -> Profile:
    """The profile a site's notes are judged by: the one it names, else by the kind of documents it has.

    Raises:
        SettingsError: it names one that is none.
    """
    named = site.settings.note_profile
    if named is None:
        return ONCOLOGY if site.document_store else GENERAL
    try:
        return profile_named(named)
    except ValueError as error:
        raise SettingsError(f"CLINICAL_NOTE_PROFILE: {error}") from None


def prioritised_assets(site: Site) -> dg.AssetsDefinition:
    """Notes kept and what each trigger chose, for one site and its profile."""
    profile = site_profile(site)

    def prioritised(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        index: pl.LazyFrame,
        text: pl.LazyFrame,
        timeline: pl.LazyFrame,
    ) -> Iterator[dg.Output[pl.LazyFrame]]:
        documents, events = index.collect(), timeline.collect()
        read = text.select(prioritised_notes.TEXT_COLUMNS).collect()
        members = patient_batches.members(warehouse, sorted(context.partition_keys))
        links = source_documents(warehouse, members["patient_id"])
        compared = prioritised_notes.worth_comparing(documents, read, profile)
        told = repeated_text.said(text.select("document_id", "text"), compared)
        result = prioritised_notes.prioritised(documents, read, events, profile, links, told)
        counts = prioritised_notes.reduction(documents, read, result)
        described = {
            str(batch[0]): _batch_metadata(counts, own, result, profile)
            for batch, own in members.group_by(AXIS, maintain_order=True)
        }
        describe_partitions(context, described, asset_key=dg.AssetKey(list(PRIORITISED.key)))
        frames = {
            "prioritised": prioritised_notes.kept_notes(result, profile),
            "prioritised_triggers": prioritised_notes.trigger_outcomes(result, events, profile),
        }
        for name, frame in frames.items():
            yield dg.Output(conform(frame.lazy(), _OUTS[name]), output_name=name)

    version = f"{code_version(prioritised, PRIORITISED)}-{prioritised_notes.profile_version(profile)}"
    arguments = asset_arguments(PRIORITISED, site, version)
    asset: dg.AssetsDefinition = dg.multi_asset(
        name="documents__prioritised",
        outs={name: _out(table, site, version) for name, table in _OUTS.items()},
        ins={name: input_of(PRIORITISED, path, site) for name, path in _INPUTS.items()},
        partitions_def=arguments["partitions_def"],
        backfill_policy=arguments["backfill_policy"],
        group_name=PRIORITISED.group,
    )(prioritised)
    return asset


def source_documents(warehouse: Warehouse, patients: pl.Series) -> pl.DataFrame:
    """Which documents describe which events of patients: `timeline_store.SOURCE_DOCUMENT_SCHEMA`.

    `documents/timeline` leaves them in PostgreSQL; the lake has how many there are of each event.
    """
    # One parameter however many patients: a run over all batches has more than a statement may have parameters.
    asked = sa.literal(patients.unique().sort().to_list(), ARRAY(sa.Text()))
    columns = [SOURCE_DOCUMENTS.c[name] for name in SOURCE_DOCUMENT_SCHEMA]
    query = sa.select(*columns).where(SOURCE_DOCUMENTS.c.patient_id == sa.any_(asked))
    with warehouse.transaction() as connection:
        rows = connection.execute(query).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=SOURCE_DOCUMENT_SCHEMA, orient="row")


def _out(table: Table, site: Site, version: str) -> dg.AssetOut:
    of_the_whole = ("partitions_def", "backfill_policy", "group_name")
    arguments = asset_arguments(table, site, version)
    return dg.AssetOut(
        io_manager_key=io_manager_of(table), **{name: arguments[name] for name in arguments.keys() - of_the_whole}
    )


def _batch_metadata(
    counts: pl.DataFrame, own: pl.DataFrame, result: Prioritised, profile: Profile
) -> Mapping[str, Any]:
    """What became of a batch's documents, in counts."""
    mine = counts.join(own, on="patient_id", how="semi").select(pl.col(COUNTS).sum()).row(0, named=True)
    reasons = result.reasons.join(own, on="patient_id", how="semi").select("document_id", "reason").unique()
    by_reason = dict(reasons.group_by("reason").len().sort("reason").iter_rows())
    edges = prioritised_notes.by_trigger(result.triggers.join(own, on="patient_id", how="semi"))
    share = mine["kept"] / mine["documents"] if mine["documents"] else 0.0
    return {
        "reduction": f"{mine['documents']:,} -> {mine['kept']:,}",
        "share_kept": round(share, 4),
        "profile": profile.name,
        "window_days": profile.window_days,
        **{f"window_days: {kind}": days for kind, days in profile.kind_windows},
        **{name.replace(" ", "_"): mine[name] for name in COUNTS},
        "repeats_passed_over": result.repeats.filter(~pl.col("kept")).join(own, on="patient_id", how="semi").height,
        "imaging_of_other_regions": result.elsewhere.join(own, on="patient_id", how="semi").height,
        **{f"reason: {reason}": count for reason, count in by_reason.items()},
        **{
            f"trigger: {reason}": f"{found:,} of {triggers:,} found a document"
            for reason, triggers, found in edges.iter_rows()
        },
    }
