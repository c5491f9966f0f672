"""The whole graph, as Dagster loads it: settings and inventory in, definitions out.

Loads without network, data or secret; nothing is opened before a run asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from clinical_assets.concepts import assets as concepts
from clinical_assets.concepts.catalogue import CATALOGUE as CONCEPT_CATALOGUE
from clinical_assets.concepts.catalogue_asset import catalogue_asset
from clinical_assets.declaration import BATCH_IO_MANAGER, LAKE_IO_MANAGER, Declaration, Site
from clinical_assets.documents import assets as documents
from clinical_assets.documents import checks as document_checks
from clinical_assets.features import assets as features
from clinical_assets.features import checks as feature_checks
from clinical_assets.features import observation_assets as observations
from clinical_assets.imaging import assets as imaging
from clinical_assets.imaging import checks as imaging_checks
from clinical_assets.imaging.file_assets import FILE_TABLES as IMAGE_FILE_TABLES
from clinical_assets.imaging.file_assets import file_assets as image_file_assets
from clinical_assets.imaging.look_back import CxrLinkage
from clinical_assets.jobs import jobs
from clinical_assets.mimic.assets import absent_table, mimic_assets
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.models import checks as model_checks
from clinical_assets.models.assets import model_assets
from clinical_assets.models.tables import PREDICTIONS
from clinical_assets.quality.assets import report_asset
from clinical_assets.quality.report_absences import absent_data_sets
from clinical_assets.settings import Settings
from clinical_assets.stays import assets as stays
from clinical_assets.stays import checks as stay_checks
from clinical_assets.stays.usable_ids import SHARED_IDS
from clinical_assets.table_checks import table_checks
from clinical_assets.tables import Table
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.lake_io_manager import BatchIOManager, LakeIOManager
from resources.sources import Sources
from resources.warehouse import Warehouse
from sensors import documents as document_sensors
from sensors import nightly


def site_of(settings: Settings) -> Site:
    """What is installed here: the settings and the source tables found."""
    inventory = take_inventory(Sources(root=settings.sources_root))
    # With no source at all the graph is drawn whole, as for the releases.
    return Site(settings, inventory, not inventory.seen or DocumentStore(root=settings.documents_root).is_there())


def declarations(site: Site) -> list[Declaration]:
    """The tables derived from the releases' tables, in the order the data flow."""
    return [
        *stays.ASSETS,
        *concepts.ASSETS,
        *imaging.declarations(site),
        *features.ASSETS,
        *observations.declarations(site),
    ]


def stored_tables(site: Site) -> list[Table]:
    """Every table the lake holds rows of."""
    images = () if site.lacks(imaging.NEEDED) else IMAGE_FILE_TABLES
    read = (file.table for file in site.inventory.files.values())
    texts = documents.TABLES if documents.present(site) else ()
    derived = (d.table for d in declarations(site))
    return [
        *read,
        SHARED_IDS,
        *derived,
        CONCEPT_CATALOGUE,
        *images,
        *observations.file_tables(site),
        *texts,
        PREDICTIONS,
    ]


def build_definitions(
    settings: Settings | None = None, overrides: Mapping[str, object] | None = None
) -> dg.Definitions:
    """The graph for one site.

    Args:
        settings: read from the environment when not given.
        overrides: resources to put in place of the usual ones, by name (for tests).
    """
    site = site_of(settings or Settings.load())
    tables = stored_tables(site)
    derived = features.with_serving_schemas(d.build(site) for d in declarations(site))
    derived += image_file_assets(site) + model_assets(site)
    derived += [stays.shared_ids_asset(site)]
    derived += [catalogue_asset(site), *observations.file_assets(site), *documents.document_assets(site)]
    assets = [*mimic_assets(site), *derived]
    checks = [*(table_checks(table, site) for table in tables), *stay_checks.CHECKS, *model_checks.CHECKS]
    checks += [] if site.lacks(imaging.NEEDED) else imaging_checks.CHECKS
    checks += feature_checks.feature_checks(site)
    checks += document_checks.CHECKS if documents.present(site) else []
    upstream = [key for asset in assets for key in asset.keys]
    report = report_asset(
        site, tables, upstream, [spec for c in checks for spec in c.check_specs], _absences(site, derived)
    )
    runs = jobs(documents=documents.present(site))
    return dg.Definitions(
        assets=[*assets, *_absent_but_read(derived, site), report],
        asset_checks=checks,
        jobs=list(runs.values()),
        schedules=[*nightly.schedules(site.shards.get_partition_keys()), *document_sensors.schedules(runs)],
        sensors=[*nightly.sensors(runs), *document_sensors.sensors(runs)],
        resources={**_resources(site.settings), **(overrides or {})},
        # A step in a process of its own costs seconds; most steps here take less.
        executor=dg.in_process_executor,
    )


def check_specs(definitions: dg.Definitions) -> list[dg.AssetCheckSpec]:
    """Every check the definitions hold."""
    return [
        spec
        for check in definitions.asset_checks or ()
        if isinstance(check, dg.AssetChecksDefinition)
        for spec in check.check_specs
    ]


ABSENCES = (imaging.absence, documents.absence, observations.absence)
"""Of each group that a site may lack: the line that says so, None where the site has it."""


def _absences(site: Site, derived: list[dg.AssetsDefinition]) -> list[str]:
    """What the report says this site does not have."""
    said = (absence(site) for absence in ABSENCES)
    return [*(line for line in said if line is not None), *absent_data_sets(site, derived)]


def _absent_but_read(derived: list[dg.AssetsDefinition], site: Site) -> list[dg.AssetSpec]:
    read = {
        key.to_user_string() for asset in derived for spec in asset.specs for key in [d.asset_key for d in spec.deps]
    }
    return [absent_table(path, site) for path in sorted(read) if site.lacks(path)]


def warehouse_of(settings: Settings) -> Warehouse:
    """The warehouse the settings name: a PostgreSQL server's, or the embedded one."""
    return Warehouse(
        url=settings.warehouse_url.get_secret_value() if settings.warehouse_url else "",
        embedded_folder=str(settings.home / "postgres"),
    )


def _resources(settings: Settings) -> dict[str, Any]:
    lake = Lake(root=settings.lake_root, subject_shards=settings.subject_shards)
    warehouse = warehouse_of(settings)
    return {
        "lake": lake,
        "warehouse": warehouse,
        "sources": Sources(root=settings.sources_root),
        "document_store": DocumentStore(root=settings.documents_root),
        "cxr_linkage": CxrLinkage(),
        LAKE_IO_MANAGER: LakeIOManager(lake=lake),
        BATCH_IO_MANAGER: BatchIOManager(lake=lake, warehouse=warehouse),
    }


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` and `dg` load."""
    return build_definitions()
