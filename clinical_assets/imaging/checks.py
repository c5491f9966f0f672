"""What must hold of the imaging tables beyond their columns."""

import dagster as dg
import polars as pl

from clinical_assets.imaging import leakage
from clinical_assets.imaging.dicom_headers import DICOM_HEADERS, JPG_FILES
from clinical_assets.imaging.known_before import UNLINKED
from clinical_assets.imaging.labels import OBSERVATIONS
from clinical_assets.imaging.reflacx import fault_counts
from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS
from clinical_assets.imaging.splits import split_counts
from clinical_assets.imaging.study_records import STUDY_RECORDS, target
from clinical_assets.imaging.tables import (
    CONTEXT_DIAGNOSES,
    CONTEXT_LABS,
    CONTEXT_MEDICATIONS,
    CXR_STAY_LINKS,
    INPUT_FAULTS,
    MODALITY_SPLITS,
)
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES
from clinical_assets.table_checks import WARN, check_result
from clinical_assets.table_rules import Finding
from clinical_assets.tables import Table
from resources.lake import Lake

MOST_PROBED = 2_000
"""Complaints the probe of what is left looks at, drawn at random: more take longer and tell no more."""
MOST_FAULTY = 0.02
"""Share of images above which faulty ones are a fault of the release rather than its usual dirt."""


def links_never_look_ahead(links: pl.DataFrame) -> Finding:
    """Every linked study was taken in or after its stay's beginning; the others have no stay."""
    ahead = links.filter(pl.col("stay_intime") > pl.col("study_time")).height
    loose = links.filter(pl.col("match_type").is_in(UNLINKED) != pl.col("stay_intime").is_null()).height
    counts = {f"match: {kind}": n for kind, n in links["match_type"].value_counts().sort("match_type").iter_rows()}
    ambiguous = links.filter(pl.col("n_candidates") > 1).height
    return Finding(
        not ahead and not loose,
        f"expected no stay that begins after its study; found {ahead}, and {loose} whose match and stay disagree",
        {**counts, "stays begin later": ahead, "several candidates": ambiguous},
    )


def nothing_known_later(tables: dict[str, pl.DataFrame]) -> Finding:
    """No event of a study's context could first be read after the study."""
    later = {name: frame.filter(pl.col("known_at") > pl.col("study_time")).height for name, frame in tables.items()}
    return Finding(
        not any(later.values()),
        f"expected every event to be known by its study; found {sum(later.values())} known later",
        {f"known later in {name}": count for name, count in later.items()},
    )


def one_side_per_patient(records: pl.DataFrame, split: pl.DataFrame) -> Finding:
    """Every image of the published split whose patient has records is on the side of his records."""
    sides = records.select("subject_id", "split").unique()
    several = sides.height - sides["subject_id"].n_unique()
    moved = split.join(sides, on="subject_id", suffix="_of_records").filter(
        pl.col("split") != pl.col("split_of_records")
    )
    return Finding(
        not several and moved.is_empty(),
        f"expected each patient on the side the published split gives; found {several} on several, "
        f"{moved['subject_id'].n_unique()} on another",
        {
            "patients": sides["subject_id"].n_unique(),
            "on several sides": several,
            "images on another side": moved.height,
        },
    )


def few_faults(faults: pl.DataFrame, images: int) -> Finding:
    """Faulty images are few; every kind of fault with its count."""
    kinds = faults.group_by("record", "fault", "consequence").len("records").sort("record", "fault")
    rows = tuple(kinds.iter_rows(named=True))
    faulty = faults.filter(pl.col("record") == "image")["record_id"].n_unique()
    return Finding(
        faulty <= MOST_FAULTY * max(images, 1),
        f"{faults.height} faulty records; {faulty} of {images} images",
        {"faulty records": faults.height, "faulty images": faulty, "images": images},
        rows,
    )


def files_usable(files: pl.DataFrame, usable: tuple[str, ...]) -> Finding:
    """No file that is there is unusable (files that are not at hand are counted, not held against the table)."""
    counts = dict(files["status"].value_counts().sort("status").iter_rows())
    bad = sum(count for status, count in counts.items() if status not in (*usable, "missing"))
    return Finding(bad == 0, f"expected every file at hand to be usable; found {bad} that are not", counts)


def readings_complete(annotations: pl.DataFrame) -> Finding:
    """Every reading maps to a study and its files could be read."""
    counts = fault_counts(annotations["faults"])
    faulty = annotations["faults"].drop_nulls().len()
    return Finding(
        not faulty,
        f"{annotations.height} readings, {faulty} with faults",
        {"readings": annotations.height, "mapped": int(annotations["mapped"].sum()), **counts},
    )


def complaints_are_filtered(records: pl.DataFrame, complaints: pl.DataFrame) -> Finding:
    """No record's complaint holds a word of the vocabulary; with how well the words left predict each label.

    That they predict is no fault of the filter: dyspnea goes with edema. It is the reader's to know.

    Args:
        records: study records (filtered complaints and targets).
        complaints: `study_id` and `triage_chiefcomplaint` as written.
    """
    rows = records.join(complaints.drop_nulls("triage_chiefcomplaint"), on="study_id", maintain_order="left")
    rows = rows.sample(min(rows.height, MOST_PROBED), seed=0)
    raw = rows["triage_chiefcomplaint"].to_list()
    filtered = [leakage.without_findings(text, "triage") for text in raw]
    did = leakage.metrics(raw, filtered)
    stored = records["triage_complaint"].drop_nulls()
    left = sum(bool(leakage.without_findings(text, "triage").removed) for text in stored)
    targets = {target(o): _is_positive(rows[target(o)]) for o in OBSERVATIONS}
    probes = leakage.residual_leakage(raw, [f.text for f in filtered], targets, rows["subject_id"].to_list())
    return Finding(
        left == 0,
        f"{did.removed} of {did.sentences} complaints removed; expected none with a word of the vocabulary left, "
        f"found {left}",
        {
            "texts": did.texts,
            "complaints": did.sentences,
            "removed": did.removed,
            "emptied": did.emptied,
            "with words of the vocabulary": left,
        },
        tuple(
            {
                "label": probe.label,
                "positive": probe.positive,
                "AUROC raw": round(probe.auroc_raw, 3),
                "AUROC filtered": round(probe.auroc_filtered, 3),
            }
            for probe in probes
            if probe.auroc_raw is not None and probe.auroc_filtered is not None
        ),
    )


def _is_positive(said: pl.Series) -> list[bool | None]:
    return [None if value is None else value == "positive" for value in said.to_list()]


def _all(lake: Lake, table: Table) -> pl.DataFrame:
    return lake.scan(table.path, lake.partitions(table.path)).collect()


def _key(table: Table) -> dg.AssetKey:
    return dg.AssetKey(list(table.key))


@dg.asset_check(
    asset=_key(CXR_STAY_LINKS), blocking=True, description="No study is linked to a stay that begins later."
)
def never_ahead(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Blocks everything that would see the future through a link."""
    return check_result(links_never_look_ahead(_all(lake, CXR_STAY_LINKS)), CXR_STAY_LINKS, "never_ahead")


def _context_check(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=_key(table),
        blocking=True,
        name="known_by_then",
        description="Every event was known when the study was taken.",
    )
    def known_by_then(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
        """Blocks everything that would learn from what came later."""
        return check_result(nothing_known_later({table.key[-1]: _all(lake, table)}), table, "known_by_then")

    return known_by_then


@dg.asset_check(asset=_key(MODALITY_SPLITS), description="Patients by side and by conflict; few are in no split.")
def split_conflicts(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts the patients dropped."""
    counts = split_counts(_all(lake, MODALITY_SPLITS))
    dropped = counts.get("no split patients", 0)
    finding = Finding(not dropped, f"{dropped} patients in several parts of the published split are left out", counts)
    return check_result(finding, MODALITY_SPLITS, "split_conflicts", WARN)


@dg.asset_check(
    asset=_key(STUDY_RECORDS),
    blocking=True,
    additional_deps=[dg.AssetKey(["mimic", "cxr", "split"])],
    description="Every patient's records are on the side the published split gives.",
)
def official_sides(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Blocks training on records of test patients."""
    split = RELEASE_TABLES["mimic/cxr/split"]
    published = _all(lake, split) if lake.partitions(split.path) else split.empty()
    return check_result(one_side_per_patient(_all(lake, STUDY_RECORDS), published), STUDY_RECORDS, "official_sides")


@dg.asset_check(
    asset=_key(STUDY_RECORDS),
    additional_deps=[dg.AssetKey(["imaging", "clinical_context"])],
    description="No triage complaint says what the image shows; how well the words left predict each label.",
)
def complaints_filtered(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Measures what the filter left, out of fold."""
    context = "imaging/clinical_context"
    complaints = lake.scan(context, lake.partitions(context)).select("study_id", "triage_chiefcomplaint").collect()
    finding = complaints_are_filtered(_all(lake, STUDY_RECORDS), complaints)
    return check_result(finding, STUDY_RECORDS, "complaints_filtered", WARN)


@dg.asset_check(
    asset=_key(INPUT_FAULTS),
    additional_deps=[dg.AssetKey(["imaging", "cxr_images"])],
    description="Faulty images are few; every fault is counted by kind.",
)
def faults_are_few(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Reports what could not be used."""
    images = "imaging/cxr_images"
    known = lake.scan(images, lake.partitions(images)).select(pl.len()).collect().item()
    return check_result(few_faults(_all(lake, INPUT_FAULTS), known), INPUT_FAULTS, "faults_are_few", WARN)


@dg.asset_check(asset=_key(REFLACX_ANNOTATIONS), description="Readings map to studies; their files could be read.")
def readings_readable(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts the faults of readings by kind."""
    finding = readings_complete(_all(lake, REFLACX_ANNOTATIONS))
    return check_result(finding, REFLACX_ANNOTATIONS, "readings_readable", WARN)


@dg.asset_check(asset=_key(DICOM_HEADERS), description="No DICOM file at hand is unreadable or names a person.")
def dicom_usable(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts refused and broken files."""
    return check_result(
        files_usable(_all(lake, DICOM_HEADERS), ("read", "report")), DICOM_HEADERS, "dicom_usable", WARN
    )


@dg.asset_check(asset=_key(JPG_FILES), description="No JPG at hand is something else.")
def jpg_usable(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts broken files."""
    return check_result(files_usable(_all(lake, JPG_FILES), ("read",)), JPG_FILES, "jpg_usable", WARN)


CHECKS = (
    never_ahead,
    *(_context_check(table) for table in (CONTEXT_LABS, CONTEXT_MEDICATIONS, CONTEXT_DIAGNOSES)),
    split_conflicts,
    official_sides,
    complaints_filtered,
    faults_are_few,
    readings_readable,
    dicom_usable,
    jpg_usable,
)
