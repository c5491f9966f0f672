"""What must hold of stays and splits beyond their columns."""

import dagster as dg
import polars as pl

from clinical_assets.stays import splits
from clinical_assets.stays.stay_faults import STAY_FAULTS
from clinical_assets.stays.tables import PATIENT_SPLITS, STAY_LINKS
from clinical_assets.stays.usable_ids import SHARED_IDS
from clinical_assets.table_checks import WARN, check_result
from clinical_assets.table_rules import Finding
from clinical_assets.tables import Table
from resources.lake import Lake

MOST_FAULTY = 0.02
"""Share of stays above which faulty ones are a fault of the release rather than its usual dirt."""


def few_stay_faults(faults: pl.DataFrame, stays: int) -> Finding:
    """Faulty stays are few; every kind of fault with its count."""
    kinds = faults.group_by("record", "fault", "consequence").len("records").sort("record", "fault")
    faulty = faults.select("record", "record_id").unique().height
    return Finding(
        faulty <= MOST_FAULTY * max(stays, 1),
        f"{faulty} of {stays} stays are faulty",
        {"faulty stays": faulty, "stays": stays},
        tuple(kinds.iter_rows(named=True)),
    )


def ids_are_one_patient_s(shared: pl.DataFrame) -> Finding:
    """No id is given to several patients."""
    kinds = shared.group_by("table", "id_column").agg(ids=pl.len(), rows=pl.col("n_rows").sum())
    return Finding(
        shared.is_empty(),
        f"expected every id to be one patient's; found {shared.height} of several, whose records are left out",
        {"ids of several patients": shared.height, "rows left out": int(shared["n_rows"].sum())},
        tuple(kinds.sort("table", "id_column").iter_rows(named=True)),
    )


def splits_are_disjoint(patient_splits: pl.DataFrame) -> Finding:
    """Every patient is in one split, the one the stable hash gives, under one version."""
    several = patient_splits.group_by("subject_id").len().filter(pl.col("len") > 1).height
    expected = splits.patient_splits(patient_splits.lazy()).collect()
    moved = int((expected["split"] != patient_splits["split"]).sum())
    versions = patient_splits["split_version"].n_unique()
    counts = {f"{name} patients": count for name, count in patient_splits["split"].value_counts().iter_rows()}
    return Finding(
        not several and not moved and versions <= 1,
        f"expected each patient in the one split its hash gives; found {several} in several rows, {moved} elsewhere, "
        f"{versions} split version(s)",
        {**counts, "patients in several splits": several, "patients not where the hash puts them": moved},
    )


def links_stay_within_patients(stay_links: pl.DataFrame) -> Finding:
    """No admission or stay is linked to two patients."""
    shared = {
        stay: stay_links.drop_nulls(stay)
        .group_by(stay)
        .agg(pl.col("subject_id").n_unique())
        .filter(pl.col("subject_id") > 1)
        .height
        for stay in ("ed_stay_id", "hadm_id", "icu_stay_id")
    }
    chains = {f"chains {kind}": count for kind, count in stay_links["link_type"].value_counts().iter_rows()}
    return Finding(
        not any(shared.values()),
        f"expected every stay to be one patient's; found {sum(shared.values())} stays of several",
        {**chains, **{f"{stay} of several patients": n for stay, n in shared.items()}},
    )


@dg.asset_check(
    asset=dg.AssetKey(list(PATIENT_SPLITS.key)),
    blocking=True,
    description="Every patient is in exactly one split, the one the salted hash gives.",
)
def disjoint_splits(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Blocks everything that learns when a patient could be on two sides."""
    return check_result(splits_are_disjoint(_all(lake, PATIENT_SPLITS)), PATIENT_SPLITS, "disjoint_splits")


@dg.asset_check(
    asset=dg.AssetKey(list(STAY_LINKS.key)),
    blocking=True,
    description="No stay is linked to two patients.",
)
def one_patient_per_stay(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Blocks what follows when a link crosses patients."""
    return check_result(links_stay_within_patients(_all(lake, STAY_LINKS)), STAY_LINKS, "one_patient_per_stay")


@dg.asset_check(
    asset=dg.AssetKey(list(STAY_FAULTS.key)),
    additional_deps=[dg.AssetKey(["mimic", "hosp", "admissions"])],
    description="Faulty stays are few; every fault is counted by kind.",
)
def faults_are_few(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Reports what could not be used."""
    stays = sum(
        lake.scan(path, shards).select(pl.len()).collect().item()
        for path in ("stays/hospital_stays", "stays/icu_stays", "stays/ed_stays")
        if (shards := lake.partitions(path))
    )
    return check_result(few_stay_faults(_all(lake, STAY_FAULTS), stays), STAY_FAULTS, "faults_are_few", WARN)


@dg.asset_check(
    asset=dg.AssetKey(list(SHARED_IDS.key)), description="No id of a stay, study or image is several patients'."
)
def one_patient_per_id(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts what is left out because nobody can say whose it is."""
    finding = ids_are_one_patient_s(lake.scan(SHARED_IDS.path).collect())
    return check_result(finding, SHARED_IDS, "one_patient_per_id", WARN)


def _all(lake: Lake, table: Table) -> pl.DataFrame:
    return lake.scan(table.path, lake.partitions(table.path)).collect()


CHECKS = (disjoint_splits, one_patient_per_stay, faults_are_few, one_patient_per_id)
