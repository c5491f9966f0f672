"""The imaging graph on a synthetic hospital: shard by shard as at once, files and all; and the checks, failing."""

import shutil

import dagster as dg
import polars as pl
import pytest
from made_up_reports import write_reports

from clinical_assets.declaration import LAKE_IO_MANAGER
from clinical_assets.definitions import site_of
from clinical_assets.imaging import assets as imaging
from clinical_assets.imaging import checks, text_checks
from clinical_assets.imaging.file_assets import FILE_TABLES, file_assets
from clinical_assets.imaging.look_back import CxrLinkage
from clinical_assets.imaging.patient_folders import Tables, write_patient_folders
from clinical_assets.imaging.study_records import STUDY_RECORDS
from clinical_assets.imaging.tables import CXR_STAY_LINKS, INPUT_FAULTS
from clinical_assets.mimic.assets import absent_table, mimic_assets
from clinical_assets.sample.cxr.imaging_files import JPG_RELEASE
from clinical_assets.sample.hospital import write_hospital
from clinical_assets.settings import Settings
from clinical_assets.stays import assets as stays
from clinical_assets.table_checks import table_checks
from resources.lake import Lake
from resources.lake_io_manager import LakeIOManager
from resources.sources import Sources

PATIENTS, STUDIES_WITH_FILES = 60, 10
ATTRITION = "stays/cohort_attrition"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    root = tmp_path_factory.mktemp("hospital") / "sources"
    write_hospital(root, patients=PATIENTS, seed=3, studies_with_files=STUDIES_WITH_FILES)
    return root


@pytest.fixture(scope="module")
def sources(hospital, tmp_path_factory):
    """The hospital and, beside its own files, reports."""
    return shutil.copytree(hospital, tmp_path_factory.mktemp("reported") / "sources")


@pytest.fixture(scope="module")
def reports(sources):
    """What was written of reports."""
    return write_reports(sources)


class Graph:
    """What imaging needs of the graph, on one lake of two shards."""

    def __init__(self, home, sources, *, checked=True):
        settings = Settings.load(home=home, sources=str(sources), subject_shards=2)
        self.site = site_of(settings)
        self.lake = Lake(root=settings.lake_root, subject_shards=2)
        declarations = [*stays.ASSETS, *imaging.declarations(self.site)]
        derived = [
            stays.shared_ids_asset(self.site),
            *(d.build(self.site) for d in declarations),
            *file_assets(self.site),
        ]
        read = {d.asset_key.to_user_string() for a in derived for spec in a.specs for d in spec.deps}
        loaded = [a for a in mimic_assets(self.site) if a.key.to_user_string() in read]
        self.tables = [*(d.table for d in declarations), *FILE_TABLES]
        whole = [a.key for a in (*loaded, *derived) if a.partitions_def is None and a.key.to_user_string() != ATTRITION]
        dictionaries = dg.AssetSelection.assets(*whole)
        attrition = dg.AssetSelection.assets(ATTRITION)
        sharded = dg.AssetSelection.assets(*(k for a in [*loaded, *derived] for k in a.keys)) - dictionaries - attrition
        self.definitions = dg.Definitions(
            assets=[*loaded, *derived, *(absent_table(p, self.site) for p in sorted(read) if self.site.lacks(p))],
            asset_checks=[*(table_checks(t, self.site) for t in self.tables), *checks.CHECKS] if checked else [],
            jobs=[
                dg.define_asset_job("dictionaries", dictionaries),
                dg.define_asset_job("sharded", sharded),
                dg.define_asset_job("attrition", attrition),
            ],
            resources={
                "lake": self.lake,
                "sources": Sources(root=settings.sources_root),
                "cxr_linkage": CxrLinkage(),
                LAKE_IO_MANAGER: LakeIOManager(lake=self.lake),
            },
            executor=dg.in_process_executor,
        )
        self.instance = dg.DagsterInstance.ephemeral()
        self.verdicts = {}

    def run(self, job, **how):
        result = self.definitions.resolve_job_def(job).execute_in_process(instance=self.instance, **how)
        for verdict in result.get_asset_check_evaluations():
            self.verdicts[f"{verdict.asset_key.to_user_string()}:{verdict.check_name}"] = verdict

    def rows(self, path):
        return self.lake.scan(path, self.lake.partitions(path) or None).collect()


@pytest.fixture(scope="module")
def at_once(sources, reports, tmp_path_factory):
    graph = Graph(tmp_path_factory.mktemp("at_once"), sources)
    graph.run("dictionaries")
    first, last = graph.site.shards.get_partition_keys()
    graph.run("sharded", tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last})
    graph.run("attrition")
    return graph


def test_every_table_passes_its_checks(at_once):
    failed = {name for name, verdict in at_once.verdicts.items() if not verdict.passed}
    # The dirt of the files, found.
    assert failed == {"imaging/reflacx_annotations:readings_readable", "imaging/dicom_headers:dicom_usable"}
    assert {f"{t.path}:schema" for t in at_once.tables} <= set(at_once.verdicts)


def test_shard_by_shard_gives_the_same_rows(at_once, sources, tmp_path):
    graph = Graph(tmp_path, sources, checked=False)
    graph.run("dictionaries")
    for shard in graph.site.shards.get_partition_keys():
        graph.run("sharded", partition_key=shard)
    graph.run("attrition")
    for table in graph.tables:
        assert graph.rows(table.path).equals(at_once.rows(table.path)), table.path


def test_the_files_are_read_and_their_dirt_found(at_once):
    headers = dict(at_once.rows("imaging/dicom_headers")["status"].value_counts().iter_rows())
    jpgs = dict(at_once.rows("imaging/jpg_files")["status"].value_counts().iter_rows())
    assert headers["refused"] == headers["not dicom"] == 1
    assert headers["read"] + 2 == jpgs["read"] >= STUDIES_WITH_FILES
    assert headers["missing"] == jpgs["missing"] > 0
    gaps = at_once.rows("imaging/dicom_headers").filter(pl.col("missing").str.contains("pixel_spacing_row"))
    assert gaps.height == 1


def test_readings_map_to_studies_of_the_hospital(at_once):
    readings = at_once.rows("imaging/reflacx_annotations")
    assert set(readings["phase"]) == {1, 2, 3}
    assert readings.filter("eye_tracking_discarded").height == 1
    assert readings.filter(~pl.col("mapped")).height == 1
    known = at_once.rows("imaging/cxr_images").select("subject_id", "study_id", "dicom_id")
    mapped = readings.filter("mapped")
    assert mapped.join(known, on=known.columns, how="semi").height == mapped.height
    assert dict(readings.drop_nulls("faults").select("faults").to_series().value_counts().iter_rows()) == {
        "chest_bounding_box.csv: missing": 1,
        "image path contradicts the row": 1,
    }
    records = at_once.rows("imaging/study_records")
    assert records["n_reflacx_readings"].sum() == mapped.height
    assert at_once.rows("imaging/reflacx_ellipses").height == readings["n_ellipses"].sum()


def test_every_report_is_found_by_its_words_or_by_its_examination(at_once, reports):
    links = at_once.rows("imaging/report_links").drop_nulls("study_id")
    expected = reports.drop_nulls("note_id").select("study_id", "note_id")
    assert links.select("study_id", "note_id").sort("study_id").equals(expected.sort("study_id"))
    by_words = links.filter(pl.col("match_type") == "same text")["study_id"].is_in(
        reports.filter("has_file")["study_id"].implode()
    )
    assert by_words.all()
    assert {"same text", "exam and time"} <= set(links["match_type"])


def test_every_study_has_its_report_and_records_have_what_is_left_of_it(at_once, reports):
    stored = at_once.rows("imaging/study_reports").join(reports, on="study_id")
    told = reports.filter(pl.col("has_file") | pl.col("note_id").is_not_null())
    assert stored.height == told.height == at_once.rows("imaging/study_reports").height
    assert (stored["source"] == "mimic-cxr").equals(stored["has_file"])
    assert stored.select(pl.col("text").str.ends_with(pl.col("text_right"))).to_series().all()
    assert stored["known_at"].is_not_null().equals(stored["note_id_right"].is_not_null())
    left = at_once.rows("imaging/study_records")["report_text_without_findings"].drop_nulls()
    assert left.len() == stored.height
    assert not left.str.contains("FINDINGS|IMPRESSION|COMPARISON: +[A-Z]").any()
    assert left.str.contains("INDICATION").all()


def test_the_filter_of_reports_is_measured(at_once):
    verdict = at_once.verdicts["imaging/study_records:reports_filtered"]
    measured = {name: value.value for name, value in verdict.metadata.items()}
    assert measured["removed"] > measured["texts"] > 50
    assert measured["with words of the vocabulary"] == 0
    assert measured["removed for: finding"] > 0


def test_records_are_one_per_study_and_export(at_once, hospital, tmp_path):
    records = at_once.rows("imaging/study_records")
    assert sorted(records["study_id"]) == sorted(at_once.rows("imaging/cxr_studies")["study_id"])
    assert records["has_context"].sum() == at_once.rows("imaging/clinical_context").height > 0
    tables = Tables(
        records,
        *(
            at_once.rows(f"imaging/{n}")
            for n in ("cxr_images", "context_labs", "context_medications", "context_diagnoses")
        ),
    )
    written = write_patient_folders(tmp_path / "export", tables, image_root=hospital / JPG_RELEASE)
    assert written == records["subject_id"].n_unique()
    linked = list((tmp_path / "export").glob("p*/images/*.jpg"))
    assert len(linked) == (at_once.rows("imaging/jpg_files")["status"] == "read").sum()


def test_a_site_without_x_rays_has_its_cohorts_and_a_line_that_says_so(at_once, hospital, tmp_path):
    for release in ("mimiciv", "mimic-iv-ed"):
        (tmp_path / "sources").mkdir(exist_ok=True)
        (tmp_path / "sources" / release).symlink_to(hospital / release)
    without = site_of(Settings.load(home=tmp_path / "home", sources=str(tmp_path / "sources"), subject_shards=2))
    assert [d.table.path for d in imaging.declarations(without)] == ["stays/cohort_members", ATTRITION]
    assert file_assets(without) == []
    assert "mimic/cxr/metadata is not among the sources" in imaging.absence(without)
    assert imaging.absence(at_once.site) is None
    read = {path for d in imaging.declarations(without) for path in d.inputs.values()}
    assert not [path for path in read if path.startswith("imaging/")]


def test_the_same_hospital_has_the_same_files(hospital, tmp_path):
    def contents(root):
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    write_hospital(tmp_path / "again", patients=PATIENTS, seed=3, studies_with_files=STUDIES_WITH_FILES)
    assert contents(tmp_path / "again") == contents(hospital)
    write_hospital(tmp_path / "plain", patients=PATIENTS, seed=3)
    plain, whole = contents(tmp_path / "plain"), contents(hospital)
    assert {n: c for n, c in plain.items() if n.endswith(".gz")} == {
        n: c for n, c in whole.items() if n.endswith(".gz")
    }
    assert not [name for name in plain if name.endswith((".dcm", ".jpg")) or "reflacx" in name]


# -- checks that fail ----------------------------------------------------------------------------------------------


def test_a_link_to_a_later_stay_fails(at_once):
    links = at_once.rows(CXR_STAY_LINKS.path)
    assert checks.links_never_look_ahead(links).passed
    ahead = links.with_columns(stay_intime=pl.col("study_time") + pl.duration(minutes=1))
    assert not checks.links_never_look_ahead(ahead).passed
    loose = links.with_columns(match_type=pl.lit("none"))
    assert not checks.links_never_look_ahead(loose).passed


def test_an_event_known_later_fails(at_once):
    labs = at_once.rows("imaging/context_labs")
    assert checks.nothing_known_later({"labs": labs}).passed
    assert not checks.nothing_known_later(
        {"labs": labs.with_columns(known_at=pl.col("study_time") + pl.duration(seconds=1))}
    ).passed


def test_a_patient_on_another_side_fails(at_once):
    records, split = at_once.rows(STUDY_RECORDS.path), at_once.rows("mimic/cxr/split")
    assert checks.one_side_per_patient(records, split).passed
    assert not checks.one_side_per_patient(records.with_columns(split=pl.lit("test")), split).passed
    both = pl.concat([records, records.head(1).with_columns(split=pl.lit("validate"))])
    assert not checks.one_side_per_patient(both, split.clear()).passed


def test_many_faulty_images_fail():
    row = {"subject_id": 1, "record": "image", "record_id": "a", "fault": "f", "consequence": "c", "rows": 1}
    faults = pl.DataFrame([row], INPUT_FAULTS.polars_schema)
    assert checks.few_faults(faults, 100).passed
    assert not checks.few_faults(faults, 10).passed
    assert checks.few_faults(faults.clear(), 0).passed


def test_an_unfiltered_complaint_fails(at_once):
    records = at_once.rows(STUDY_RECORDS.path)
    complaints = at_once.rows("imaging/clinical_context").select("study_id", "triage_chiefcomplaint")
    assert text_checks.complaints_are_filtered(records, complaints).passed
    told = records.with_columns(triage_complaint=pl.lit("Pneumonia"))
    assert not text_checks.complaints_are_filtered(told, complaints).passed
