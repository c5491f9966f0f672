"""What must hold of the imaging tables beyond their columns."""

import dagster as dg
import polars as pl

from clinical_assets.imaging import text_checks
from clinical_assets.imaging.dicom_headers import DICOM_HEADERS, JPG_FILES
from clinical_assets.imaging.known_before import UNLINKED
from clinical_assets.imaging.reflacx import fault_counts
from clinical_assets.imaging.reflacx_tables import REFLACX_ANNOTATIONS
from clinical_assets.imaging.report_links import WITHIN
from clinical_assets.imaging.report_tables import CXR_REPORTS, REPORT_LINKS
from clinical_assets.imaging.splits import split_counts
from clinical_assets.imaging.study_records import STUDY_RECORDS
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

MOST_FAULTY = 0.02
"""Share of images above which faulty ones are a fault of the release rather than its usual dirt."""


def links_never_look_ahead(links: pl.DataFrame) -> Finding:
    """Every linked study was taken in or after its stay's beginning; the others have no stay."""
    ahead = links.filter(pl.col("stay_intime") > pl.col("study_time")).height
    loose = links.filter(pl.col("match_type").is_in(UNLINKED) != pl.col("stay_intime").is_null()).height
    counts = {f"match: {kind}": n for kind, n in links["match_type"].value_counts().sort("match_type").iter_rows()}
    ambiguous = links.filter(pl.col("n_candidates") > 1).height
    look_backs = sorted(links["look_back_hours"].unique())
    return Finding(
        not ahead and not loose and len(look_backs) <= 1,
        f"expected no stay that begins after its study, and one look-back; found {ahead}, {loose} whose match and stay "
        f"disagree, and look-backs of {look_backs} h (0: off; make every shard again with the same one)",
        {
            **counts,
            "stays begin later": ahead,
            "several candidates": ambiguous,
            "different look-backs": len(look_backs),
            "longest look-back h": max(look_backs, default=0.0),
        },
    )


def reports_belong_to_studies(links: pl.DataFrame, studies: pl.DataFrame) -> Finding:
    """Every linked report is about a study of its own patient; by time, about one that has no other report.

    Args:
        links: rows of `REPORT_LINKS`.
        studies: `subject_id` and `study_id` of every study.
    """
    linked = links.filter(pl.col("study_id").is_not_null())
    foreign = linked.join(studies, on=["subject_id", "study_id"], how="anti").height
    by_time = linked.filter(pl.col("match_type").is_in(["exam and time", "time"]))
    far = by_time.filter(pl.col("offset_minutes").abs() > WITHIN.total_seconds() / 60).height
    reported = linked.filter(pl.col("match_type") != "addendum")
    shared = by_time.join(reported, on=["subject_id", "study_id"]).filter(pl.col("note_id") != pl.col("note_id_right"))
    kinds = {f"match: {kind}": n for kind, n in links["match_type"].value_counts().sort("match_type").iter_rows()}
    several = links.filter(pl.col("n_candidates") > 1).height
    return Finding(
        not foreign and not far and shared.is_empty(),
        f"expected reports of the patient's own studies, one to a study; found {foreign} of others, {far} too far in "
        f"time, {shared.height} of studies that have another",
        {
            **kinds,
            "of others": foreign,
            "too far in time": far,
            "of reported studies": shared.height,
            "several candidates": several,
        },
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


@dg.asset_check(
    asset=_key(REPORT_LINKS),
    blocking=True,
    additional_deps=[dg.AssetKey(["imaging", "cxr_studies"])],
    description="Every linked report is about a study of its own patient, and by time about one without another.",
)
def reports_of_patients(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Blocks texts of one patient beside images of another."""
    studies = "imaging/cxr_studies"
    known = lake.scan(studies, lake.partitions(studies)).select("subject_id", "study_id").collect()
    return check_result(reports_belong_to_studies(_all(lake, REPORT_LINKS), known), REPORT_LINKS, "reports_of_patients")


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


@dg.asset_check(asset=_key(CXR_REPORTS), description="No report file at hand is empty or something else than text.")
def report_files_usable(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Counts broken files."""
    return check_result(files_usable(_all(lake, CXR_REPORTS), ("read",)), CXR_REPORTS, "report_files_usable", WARN)


CHECKS = (
    never_ahead,
    *(_context_check(table) for table in (CONTEXT_LABS, CONTEXT_MEDICATIONS, CONTEXT_DIAGNOSES)),
    split_conflicts,
    official_sides,
    reports_of_patients,
    *text_checks.CHECKS,
    faults_are_few,
    readings_readable,
    dicom_usable,
    jpg_usable,
    report_files_usable,
)
