"""Timeline and prioritised notes in the graph: FHIR, CSV and MIMIC to PostgreSQL and the lake, by batch as at once."""

import datetime as dt
import json
import shutil

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa

from clinical_assets.declaration import BATCH_IO_MANAGER, LAKE_IO_MANAGER, Site
from clinical_assets.documents.prioritised import prioritised_checks
from clinical_assets.documents.prioritised.prioritised_assets import prioritised_assets, site_profile
from clinical_assets.documents.tables import INDEX, PRIORITISED, PRIORITISED_TRIGGERS, TEXT, TIMELINE
from clinical_assets.documents.timeline import timeline_assets, timeline_checks, timeline_store
from clinical_assets.documents.timeline.timeline_assets import timeline_asset
from clinical_assets.documents.timeline.timeline_store import EVENTS, PATIENTS, SOURCE_DOCUMENTS, events_around
from clinical_assets.mimic.assets import absent_table
from clinical_assets.mimic.catalogue import TABLES as RELEASE_TABLES
from clinical_assets.mimic.catalogue.releases import RELEASES
from clinical_assets.mimic.inventory import Inventory, SourceFile
from clinical_assets.partitions import PATIENT_BATCH, all_of
from clinical_assets.settings import Settings, SettingsError
from clinical_assets.table_checks import table_checks
from resources import patient_batches
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.lake_io_manager import BatchIOManager, LakeIOManager
from resources.patient_batches import AXIS
from resources.sharding import shard_name, shard_of
from resources.warehouse import Warehouse

SHARDS = 2
DAY = dt.date(2150, 3, 10)
MIMIC = {
    "mimic/hosp/patients": [{"subject_id": 100, "anchor_age": 50, "anchor_year": 2150, "dod": dt.date(2150, 5, 1)}],
    "mimic/hosp/admissions": [
        {"subject_id": 100, "hadm_id": 7, "admittime": dt.datetime(2150, 3, 1, 8), "admission_type": "ELECTIVE",
         "dischtime": dt.datetime(2150, 3, 12, 9)},
        {"subject_id": 999, "hadm_id": 8, "admittime": dt.datetime(2150, 3, 1, 8), "admission_type": "URGENT"},
    ],
    "mimic/hosp/procedures_icd": [
        {"subject_id": 100, "hadm_id": 7, "seq_num": 1, "chartdate": DAY, "icd_code": "0159", "icd_version": 9}
    ],
    "mimic/hosp/d_icd_procedures": [{"icd_code": "0159", "icd_version": 9, "long_title": "Excision of brain lesion"}],
}  # fmt: skip
TABLES = (TIMELINE, PRIORITISED, PRIORITISED_TRIGGERS)


def day(offset: int) -> dt.date:
    return DAY + dt.timedelta(days=offset)


def resource(kind: str, identifier: str, patient: str, **fields) -> dict:
    return {"resourceType": kind, "id": identifier, "subject": {"reference": f"Patient/{patient}"}, **fields}


FHIR = {
    "Patient": [{"resourceType": "Patient", "id": "p1", "birthDate": "2140-07-01", "deceasedDateTime": "2151-01-01"},
                {"resourceType": "Patient", "id": "p9", "birthDate": "2140-07-01"}],
    "Procedure": [
        resource("Procedure", "s", "p1", status="completed", performedDateTime="2150-03-10T09:00:00",
                 code={"text": "Craniotomy for resection of tumor"}),
        resource("Procedure", "x", "p1", status="not-done", performedDateTime="2150-03-11"),
        resource("Procedure", "s9", "p9", status="completed", performedDateTime="2150-03-10"),
    ],
    "ImagingStudy": [resource("ImagingStudy", "i", "p2", started="2150-03-10T10:00:00", description="MRI brain")],
    "DiagnosticReport": [resource("DiagnosticReport", "r", "p2", status="final", code={"text": "MRI of the head"},
                                  effectiveDateTime="2150-03-10T10:20:00", issued="2150-03-10T18:00:00Z")],
    "MedicationRequest": [resource("MedicationRequest", "m", "p1", authoredOn="2150-04-01",
                                   medicationCodeableConcept={"text": "temozolomide"})],
    "DocumentReference": [resource("DocumentReference", "d-referred", "p1",
                                   context={"related": [{"reference": "Procedure/s"}]})],
}  # fmt: skip
CSV = (
    "patient_id,event_type,start,end,document_id\np2,radiation,2150-06-01,2150-07-10,d-radiation\np9,surgery,never,,\n"
)


def document(document_id: str, patient: str, authored, kind: str | None, **said) -> dict:
    timed = isinstance(authored, dt.datetime)
    return {
        "patient_id": patient, "document_id": document_id, "source": "manifest", "document_type": kind,
        "authored_date": authored.date() if timed else authored, "authored_at": authored if timed else None,
        "uri": f"file:///{document_id}", "status": "indexed", **said,
    }  # fmt: skip


DOCUMENTS = [
    document("d-operative", "p1", DAY, "Operative report"),
    document("d-referred", "p1", day(40), "Neurosurgery note"),
    document("d-before", "p1", dt.datetime(2150, 3, 31, 9), "Oncology progress note"),
    document("d-copied", "p1", dt.datetime(2150, 3, 31, 20), "Oncology progress note"),
    document("d-phone", "p1", day(22), "Telephone encounter"),
    document("d-unreadable", "p1", day(21), "Oncology progress note"),
    document("d-late", "p1", day(200), "Oncology progress note"),
    document("d-mri", "p2", dt.datetime(2150, 3, 10, 18), "MRI report"),
    document("d-early", "p2", dt.datetime(2150, 3, 10, 8), "MRI report"),
    document("d-stated", "p2", None, "MRI report", source="tree"),
    document("d-radiation", "p2", day(125), "Radiation oncology treatment summary"),
    document("100-DS-1", "100", day(2), "Discharge summary", source="note"),
]
UNREADABLE = "d-unreadable"


SAID = "GROSS TOTAL RESECTION.\nThe dura was closed. Blood loss was small. The patient woke up well.\n"
TEXTS = {UNREADABLE: "", "d-operative": SAID, "d-copied": f"Date: 31 Mar 2150\n{SAID}"}


def text_of(index: dict) -> dict:
    failed = index["document_id"] == UNREADABLE
    words = TEXTS.get(index["document_id"], "words")
    return {
        "patient_id": index["patient_id"], "document_id": index["document_id"], "extraction_success": not failed,
        "reason": "encrypted" if failed else None, "text": words, "characters": len(words),
        "n_pages": 0, "n_sections": 0, "spans": "[]", "method": "plain", "extractor": "plain",
        "extractor_version": "1", "n_warnings": 0, "warnings": "[]", "facts": "{}",
        **({"stated_date": day(1), "stated_by": "effective_time"} if index["document_id"] == "d-stated" else {}),
    }  # fmt: skip


class Graph:
    """What timeline and prioritisation need of the graph, on a lake of its own."""

    def __init__(self, home, warehouse):
        self.settings = Settings.load(home=home, sources=str(home / "sources"), subject_shards=SHARDS)
        release = next(iter(RELEASES.values()))
        files = {path: SourceFile(RELEASE_TABLES[path], release, f"{path}.csv", 1) for path in MIMIC}
        self.site = Site(self.settings, Inventory(root=self.settings.sources_root, files=files))
        self.lake, self.warehouse = Lake(root=self.settings.lake_root, subject_shards=SHARDS), warehouse
        self.batches = [
            *patient_batches.cut(warehouse, "one", "ids", "0", ["p1", "100"], 2),
            *patient_batches.cut(warehouse, "two", "ids", "0", ["p2"], 2),
            *patient_batches.cut(warehouse, "whole", "ids", "0", ["p1", "p2"], 2),
        ]
        self._write_sources()
        self.instance = dg.DagsterInstance.ephemeral()
        self.instance.add_dynamic_partitions(AXIS, self.batches)
        self.definitions = self._definitions()

    def _write_sources(self):
        store = self.settings.home / "sources" / "documents"
        for folder in ("fhir", "timeline"):
            (store / folder).mkdir(parents=True)
        for kind, resources in FHIR.items():
            (store / "fhir" / f"{kind}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in resources))
        (store / "timeline" / "registry.csv").write_text(CSV)
        self.store = DocumentStore(root=str(store))
        for path, rows in MIMIC.items():
            table = RELEASE_TABLES[path]
            frame = pl.DataFrame(rows, schema=table.polars_schema, orient="row")
            if not table.patient_keyed:
                self._write(path, frame, {None: frame})
                continue
            shard = pl.Series([shard_name(n, SHARDS) for n in shard_of(frame["subject_id"].to_numpy(), SHARDS)])
            self._write(path, frame, {name: frame.filter(shard == name) for name in ("00", "01")})
        for table, rows in ((INDEX, DOCUMENTS), (TEXT, [text_of(d) for d in DOCUMENTS])):
            frame = pl.DataFrame(rows, schema=table.polars_schema, orient="row")
            members = patient_batches.members(self.warehouse, self.batches)
            parts = {
                b: frame.join(members.filter(pl.col(AXIS) == b), on="patient_id", how="semi") for b in self.batches
            }
            self._write(table.path, frame, parts)

    def _write(self, path, frame, parts):
        names = None if None in parts else list(parts)
        with self.lake.write(path, frame.to_arrow().schema, names, {}) as writer:
            for name, rows in parts.items():
                writer.write(name, rows.to_arrow())

    def _definitions(self):
        upstream = [dg.AssetSpec(list(t.key), partitions_def=PATIENT_BATCH) for t in (INDEX, TEXT)]
        for path in MIMIC:
            sharded = RELEASE_TABLES[path].patient_keyed
            upstream.append(dg.AssetSpec(path.split("/"), partitions_def=self.site.shards if sharded else None))
        assets = [timeline_asset(self.site), prioritised_assets(self.site)]
        read = {dep.asset_key.to_user_string() for asset in assets for spec in asset.specs for dep in spec.deps}
        upstream += [absent_table(path, self.site) for path in sorted(read) if self.site.lacks(path)]
        keys = [key for asset in assets for key in asset.keys]
        return dg.Definitions(
            assets=[*assets, *upstream],
            asset_checks=[
                *(table_checks(table, self.site) for table in TABLES),
                *timeline_checks.CHECKS,
                *prioritised_checks.CHECKS,
            ],
            jobs=[
                dg.define_asset_job("with_checks", dg.AssetSelection.assets(*keys)),
                dg.define_asset_job("documents", dg.AssetSelection.assets(*keys).without_checks()),
            ],
            resources={
                "lake": self.lake,
                "warehouse": self.warehouse,
                "document_store": self.store,
                LAKE_IO_MANAGER: LakeIOManager(lake=self.lake),
                BATCH_IO_MANAGER: BatchIOManager(lake=self.lake, warehouse=self.warehouse),
            },
            executor=dg.in_process_executor,
        )

    def run(self, job="documents", **how):
        return self.definitions.resolve_job_def(job).execute_in_process(instance=self.instance, **how)

    def run_all(self):
        return self.run(tags=all_of(sorted(self.batches)))

    def rows(self, table, batch=None):
        return self.lake.scan(table.path, [batch] if batch else self.lake.partitions(table.path)).collect()

    def stored(self):
        """Everything in the lake's files and the warehouse's tables."""
        lake = {(t.path, b): self.rows(t, b).rows() for t in TABLES for b in self.batches}
        with self.warehouse.transaction() as connection:
            tables = {t.name: sorted(connection.execute(sa.select(t)).all(), key=repr)
                      for t in (PATIENTS, EVENTS, SOURCE_DOCUMENTS)}  # fmt: skip
        return lake, tables


@pytest.fixture(scope="module")
def graph(postgres, tmp_path_factory):
    """The graph, with every batch made in one run."""
    warehouse = Warehouse(embedded_folder=postgres)
    graph = Graph(tmp_path_factory.mktemp("timeline"), warehouse)
    graph.first = graph.run("with_checks", tags=all_of(sorted(graph.batches)))
    yield graph
    timeline_store.forget(warehouse)
    patient_batches.forget(warehouse)


def test_one_batch_at_a_time_gives_what_all_at_once_give(graph, monkeypatch):
    at_once = graph.stored()
    graph.run_all()
    assert graph.stored() == at_once, "the same again changes nothing"
    monkeypatch.setattr(timeline_assets, "PATIENTS_AT_ONCE", 3)  # he who is in two batches is met twice
    graph.run_all()
    assert graph.stored() == at_once
    for table in TABLES:
        shutil.rmtree(graph.settings.home / "lake" / table.path)
    timeline_store.forget(graph.warehouse)
    for batch in reversed(graph.batches):
        graph.run(partition_key=batch)
    assert graph.stored() == at_once


@pytest.mark.parametrize(
    ("most", "groups"),
    [
        (1, [["a"], ["b"], ["c"], ["d"]]),
        (3, [["a"], ["b", "c"], ["d"]]),
        (4, [["a"], ["b", "c", "d"]]),
        (9, [[*"abcd"]]),
    ],
)
def test_batches_are_read_together_as_far_as_their_patients_are_few(monkeypatch, most, groups):
    monkeypatch.setattr(timeline_assets, "PATIENTS_AT_ONCE", most)
    sizes = {"a": 4, "b": 2, "c": 1, "d": 1}
    rows = [(batch, f"{batch}{n}") for batch, size in sizes.items() for n in range(size)]
    members = pl.DataFrame(rows, schema=patient_batches.MEMBERS, orient="row")
    assert list(timeline_assets._groups(members)) == groups
    assert list(timeline_assets._groups(members.clear())) == []


def test_events_of_every_source_reach_lake_and_warehouse(graph):
    result = graph.first
    one, two, whole = graph.batches
    events = graph.rows(TIMELINE, one)
    told = events.select("patient_id", "event_id", "event_type", "event_subtype", "start_date", "n_documents").rows()
    assert told == [
        ("100", "admissions/7", "encounter", "IMP", dt.date(2150, 3, 1), 1),
        ("100", "procedures_icd/7-1-9-0159", "surgery", "tumor_resection", DAY, 0),
        ("p1", "Procedure/s", "surgery", "tumor_resection", DAY, 2),
        ("p1", "MedicationRequest/m", "medication", "antineoplastic", dt.date(2150, 4, 1), 0),
    ]
    scans = graph.rows(TIMELINE, two).select("event_id", "scan_id").sort("event_id").rows()
    assert scans == [
        ("DiagnosticReport/r", "ImagingStudy/i"), ("ImagingStudy/i", "ImagingStudy/i"), (scans[2][0], None)
    ]  # fmt: skip
    assert scans[2][0].startswith("csv/registry/")
    assert graph.rows(TIMELINE, whole).height == 5, "he who is in two batches is in both"
    asked = events_around(graph.warehouse, "p1", day(20), types=["surgery"])
    assert asked.select("event_id", "days_from_event").rows() == [("Procedure/s", 20)]
    with graph.warehouse.transaction() as connection:
        links = connection.execute(sa.select(SOURCE_DOCUMENTS).order_by(SOURCE_DOCUMENTS.c.document_id)).all()
        people = connection.execute(sa.select(PATIENTS).order_by(PATIENTS.c.patient_id)).all()
    assert {(link.document_id, link.event_id.split("/")[0], link.method) for link in links} - {
        (document, "DiagnosticReport", "imaging report") for document in ("d-mri", "d-early", "d-stated")
    } == {
        ("100-DS-1", "admissions", "discharge summary"),
        ("d-mri", "ImagingStudy", "imaging report"),
        ("d-early", "ImagingStudy", "imaging report"),
        ("d-operative", "Procedure", "operative report"),
        ("d-radiation", "csv", "reference"),
        ("d-referred", "Procedure", "reference"),
        ("d-stated", "ImagingStudy", "imaging report"),
    }
    assert [tuple(p) for p in people] == [
        ("100", 2100, None, dt.date(2150, 5, 1)),
        ("p1", 2140, dt.date(2140, 7, 1), dt.date(2151, 1, 1)),
        ("p2", None, None, None),
    ]
    metadata = materializations(result, TIMELINE)
    assert metadata[one]["events: surgery"] == 2
    assert (metadata[one]["patients"], metadata[one]["source_documents"]) == (2, 3)
    assert metadata[two]["events: radiation"] == 1
    assert metadata[one]["dagster/partition_row_count"] == 4


def materializations(result, table) -> dict[str, dict]:
    return {
        event.partition: {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(list(table.key))
    }


def test_the_notes_kept_say_why_and_the_reduction_is_told(graph):
    result = graph.first
    one, two, _ = graph.batches
    kept = graph.rows(PRIORITISED, one).filter(pl.col("patient_id") == "p1")
    assert kept.select("document_id", "reasons", "event_id", "days").rows() == [
        ("d-operative", "linked, post_surgery", "Procedure/s", 0),
        # d-copied is nearer, and says nothing but what d-operative says.
        ("d-before", "instead_of_repeat, pre_medication_change", "MedicationRequest/m", -1),
        ("d-referred", "linked", "Procedure/s", 40),
        ("d-late", "final_note", None, None),
    ]
    imaging = graph.rows(PRIORITISED, two).select("document_id", "reasons").rows()
    assert ("d-mri", "linked, post_imaging") in imaging, "of the same day, the one written after the study"
    triggers = graph.rows(PRIORITISED_TRIGGERS, one).filter(pl.col("event_id") == "MedicationRequest/m")
    assert triggers.select("reason", "document_id").rows() == [
        ("post_medication_change", None), ("pre_medication_change", "d-before")
    ]  # fmt: skip
    metadata = materializations(result, PRIORITISED)[one]
    assert metadata["reduction"] == "8 -> 5"
    assert (metadata["without_text"], metadata["relevant"], metadata["profile"]) == (1, 6, "oncology")
    assert metadata["repeats_passed_over"] == 1
    assert metadata["triggers"] - metadata["triggers_with_a_note"] == 1
    assert metadata["reason: final_note"] == 2


def test_the_checks_run_and_pass_on_what_was_made(graph):
    result = graph.first
    verdicts = {f"{v.asset_key.path[-1]}:{v.check_name}": v for v in result.get_asset_check_evaluations()}
    failed = {name for name, verdict in verdicts.items() if not verdict.passed}
    # So few documents: most are kept, and the one treatment that began is followed by none.
    assert failed - {f"{table.key[-1]}:missingness" for table in TABLES} == {
        "prioritised:share_kept",
        "prioritised_triggers:notes_in_window",
    }
    assert {"timeline:key", "timeline:stores_agree", "timeline:events_within_life", "timeline:events_documented",
            "timeline:event_types_known", "prioritised:patients_have_notes", "prioritised_triggers:notes_in_window",
            "prioritised_triggers:profile_alike", "prioritised_triggers:key"} <= set(verdicts)  # fmt: skip


def test_a_file_that_cannot_be_read_stops_the_batch_and_leaves_what_was(graph):
    before = graph.stored()
    file = graph.settings.home / "sources" / "documents" / "fhir" / "Procedure.ndjson"
    whole = file.read_text()
    file.write_text(whole[:-20])
    with pytest.raises(dg.Failure, match=r"fhir/Procedure\.ndjson, line 3: expected one FHIR resource") as failure:
        graph.run_all()
    assert not failure.value.allow_retries
    file.write_text(whole)
    assert graph.stored() == before


def test_a_site_names_its_profile_or_gets_the_one_for_its_documents(tmp_path):
    settings = Settings.load(home=tmp_path)
    nothing = Inventory(root="", files={})
    assert site_profile(Site(settings, nothing, document_store=True)).name == "oncology"
    assert site_profile(Site(settings, nothing, document_store=False)).name == "general"
    named = Settings.load(home=tmp_path, note_profile="general")
    assert site_profile(Site(named, nothing, document_store=True)).name == "general"
    wrong = Settings.load(home=tmp_path, note_profile="cardiology")
    with pytest.raises(
        SettingsError, match=r"CLINICAL_NOTE_PROFILE: .*'cardiology'; there are \['general', 'oncology'\]"
    ):
        site_profile(Site(wrong, nothing, document_store=True))


def test_another_time_zone_shows_as_another_code_version(tmp_path):
    def version(**named):
        site = Site(Settings.load(home=tmp_path, **named), Inventory(root="", files={}))
        return timeline_asset(site).get_asset_spec().code_version

    zones = [version(), version(time_zone="America/Chicago"), version(time_zone="Europe/Berlin")]
    assert len(set(zones)) == 3
    assert version() == zones[0]


def test_another_profile_shows_as_another_code_version(tmp_path):
    def versions(**named):
        site = Site(Settings.load(home=tmp_path, **named), Inventory(root="", files={}))
        return {spec.code_version for spec in prioritised_assets(site).specs}

    mine = tmp_path / "mine.yaml"
    mine.write_text("base: oncology\nwindow_days: 3\n")
    assert len(versions() | versions(note_profile="general") | versions(note_profile=str(mine))) == 3
    assert versions() == versions(note_profile="oncology")
