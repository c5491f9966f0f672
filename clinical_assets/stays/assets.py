"""The assets of `stays/`: what depends on what; the rules are in `stays`, `linkage`, `splits` and the other modules.

`ASSETS` are made from tables of the lake; `shared_ids_asset` reads the releases' files.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from clinical_assets.declaration import LAKE_IO_MANAGER, Site, asset_arguments, code_version, conform, declared
from clinical_assets.stays import linkage, splits, stays, tables, usable_ids
from clinical_assets.stays import stay_faults as fault_rules
from clinical_assets.stays.stay_faults import STAY_FAULTS
from clinical_assets.stays.usable_ids import SHARED_IDS
from resources.sources import Sources

_SHARED = "stays/shared_ids"


@declared(tables.HOSPITAL_STAYS, admissions="mimic/hosp/admissions", patients="mimic/hosp/patients", shared_ids=_SHARED)
def hospital_stays(admissions: pl.LazyFrame, patients: pl.LazyFrame, shared_ids: pl.LazyFrame) -> pl.LazyFrame:
    """Hospital stays."""
    return stays.hospital_stays(usable_ids.usable(admissions, shared_ids, "mimic/hosp/admissions"), patients)


@declared(tables.ICU_STAYS, icustays="mimic/icu/icustays", hospital_stays="stays/hospital_stays", shared_ids=_SHARED)
def icu_stays(icustays: pl.LazyFrame, hospital_stays: pl.LazyFrame, shared_ids: pl.LazyFrame) -> pl.LazyFrame:
    """ICU stays."""
    return stays.icu_stays(usable_ids.usable(icustays, shared_ids, "mimic/icu/icustays"), hospital_stays)


@declared(tables.ED_STAYS, edstays="mimic/ed/edstays", hospital_stays="stays/hospital_stays", shared_ids=_SHARED)
def ed_stays(edstays: pl.LazyFrame, hospital_stays: pl.LazyFrame, shared_ids: pl.LazyFrame) -> pl.LazyFrame:
    """ED stays."""
    return stays.ed_stays(usable_ids.usable(edstays, shared_ids, "mimic/ed/edstays"), hospital_stays)


@declared(
    STAY_FAULTS,
    admissions="mimic/hosp/admissions",
    icustays="mimic/icu/icustays",
    edstays="mimic/ed/edstays",
    shared_ids=_SHARED,
)
def stay_faults(
    admissions: pl.LazyFrame, icustays: pl.LazyFrame, edstays: pl.LazyFrame, shared_ids: pl.LazyFrame
) -> pl.LazyFrame:
    """Stays that could not be used as they are."""
    return fault_rules.stay_faults(admissions, icustays, edstays, shared_ids)


@declared(
    tables.STAY_LINKS,
    ed_stays="stays/ed_stays",
    hospital_stays="stays/hospital_stays",
    icu_stays="stays/icu_stays",
)
def stay_links(ed_stays: pl.LazyFrame, hospital_stays: pl.LazyFrame, icu_stays: pl.LazyFrame) -> pl.LazyFrame:
    """Chains of stays."""
    return linkage.stay_links(ed_stays, hospital_stays, icu_stays)


@declared(tables.PATIENT_SPLITS, patients="mimic/hosp/patients")
def patient_splits(patients: pl.LazyFrame) -> pl.LazyFrame:
    """Patient splits."""
    return splits.patient_splits(patients)


ASSETS = (hospital_stays, icu_stays, ed_stays, stay_faults, stay_links, patient_splits)


def shared_ids_asset(site: Site) -> dg.AssetsDefinition:
    """Ids of several patients, from the files themselves: a run of one shard must see every patient's."""

    def shared_ids(sources: dg.ResourceParam[Sources]) -> pl.LazyFrame:
        return conform(usable_ids.shared_ids(_ids_in_files(site, sources)), SHARED_IDS)

    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(SHARED_IDS, site, code_version(usable_ids.shared_ids, SHARED_IDS)),
        io_manager_key=LAKE_IO_MANAGER,
    )(shared_ids)
    return asset


def _ids_in_files(site: Site, sources: Sources) -> Iterator[tuple[str, pl.LazyFrame]]:
    """The patient and id columns of each file that is there; the rest of its content is the reader's to judge."""
    for path, columns in usable_ids.UNIQUE_IDS.items():
        if site.inventory.seen and site.inventory.has(path):
            wanted = ["subject_id", *columns]
            with sources.open(site.inventory.files[path].path) as file:
                yield path, pl.read_csv(file, columns=wanted, infer_schema=False).select(wanted).lazy()
