import shutil

import dagster as dg
import polars as pl
import pytest
from copied_hospital import BATCHES, FURTHER, SECRET, links, prioritised, read

from clinical_assets.declaration import BATCH_IO_MANAGER, Site
from clinical_assets.documents import tables
from clinical_assets.documents.development_copy import opening
from clinical_assets.documents.development_copy.copying import main, write_copy
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.development_copy.opening import Opened, OpeningError, open_copy
from clinical_assets.documents.prioritised.prioritised_assets import prioritised_assets, source_documents
from clinical_assets.documents.timeline.timeline_store import TimelineError, event_count, events_around
from clinical_assets.mimic.inventory import Inventory
from clinical_assets.partitions import PATIENT_BATCH, all_of
from clinical_assets.settings import Settings
from resources import patient_batches
from resources.lake import Lake
from resources.lake_io_manager import BatchIOManager


@pytest.fixture
def opened(copy, warehouse, tmp_path):
    """A copy of the copy: what a test writes into it, no other test reads."""
    made = Lake(root=str(shutil.copytree(copy[0].root, tmp_path / "opened")), subject_shards=2)
    return made, warehouse, open_copy(made, warehouse)


def test_a_copy_opened_is_known_to_the_warehouse(opened):
    made, warehouse, told = opened
    assert told == Opened(batches=2, patients=3, events=9, links=6)
    assert open_copy(made, warehouse) == told, "the same again changes nothing"
    assert event_count(warehouse) == 9
    names = {Deidentifier(SECRET).pseudonym(patient): batch for batch, own in BATCHES.items() for patient in own}
    members = patient_batches.members(warehouse, list(BATCHES))
    assert dict(members.select("patient_id", "patient_batch").iter_rows()) == names
    surgery = read(made, "documents/timeline").filter(pl.col("event_type") == "surgery").row(0, named=True)
    around = events_around(warehouse, surgery["patient_id"], surgery["start_date"], days=10)
    assert set(around["event_type"]) == {"surgery", "encounter", "medication"}


def test_the_next_asset_of_the_graph_runs_on_an_opened_copy(opened, tmp_path):
    made, warehouse, _ = opened
    before = {table.path: read(made, table.path).sort(pl.all()) for table in FURTHER[1:]}
    site = Site(Settings.load(home=tmp_path, lake=made.root, subject_shards=2), Inventory(root="", files={}))
    upstream = (tables.INDEX, tables.TEXT, tables.TIMELINE)
    definitions = dg.Definitions(
        assets=[prioritised_assets(site), *(dg.AssetSpec(list(t.key), partitions_def=PATIENT_BATCH) for t in upstream)],
        jobs=[dg.define_asset_job("next", dg.AssetSelection.assets(*(list(table.key) for table in FURTHER[1:])))],
        resources={
            "warehouse": warehouse,
            "lake": made,
            BATCH_IO_MANAGER: BatchIOManager(lake=made, warehouse=warehouse),
        },
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(PATIENT_BATCH.name), patient_batches.batches(warehouse)["patient_batch"])
        result = definitions.resolve_job_def("next").execute_in_process(instance=instance, tags=all_of(list(BATCHES)))
    assert result.success
    assert all(read(made, path).select(rows.columns).sort(pl.all()).equals(rows) for path, rows in before.items())


def test_an_opened_copy_knows_the_documents_of_events_as_the_original_does(opened, lake):
    made, warehouse, _ = opened
    shifter = Deidentifier(SECRET)
    for batch, patients in BATCHES.items():
        original = links(patients, lake.scan("documents/timeline", [batch]).collect())
        expected = {
            (shifter.pseudonym(patient), f"Procedure/{shifter.pseudonym(event.partition('/')[2], of='event')}",
             shifter.pseudonym(document, of="document"), method)
            for patient, event, document, method in original.iter_rows()
        }  # fmt: skip
        assert {method for *_, method in expected} == {"operative report", "reference"}
        names = [shifter.pseudonym(patient) for patient in patients]
        assert set(source_documents(warehouse, pl.Series(names)).iter_rows()) == expected
        index, text, events, kept = (
            made.scan(path, [batch]).collect()
            for path in ("documents/index", "documents/text", "documents/timeline", "documents/prioritised")
        )
        unlinked, _ = prioritised(index, text, events, None)
        assert set(unlinked["document_id"]) < set(kept["document_id"]), "without its links fewer notes are kept"


def test_a_copy_without_links_is_opened_with_those_the_rules_find(copy, lake, known, warehouse, tmp_path):
    write_copy(lake, tmp_path / "unlinked", Deidentifier(SECRET), known)
    made = Lake(root=str(tmp_path / "unlinked"), subject_shards=2)
    assert made.partitions("documents/source_documents") == []
    assert open_copy(made, warehouse) == Opened(batches=2, patients=3, events=9, links=3)
    patients = read(made, "documents/index")["patient_id"]
    found = source_documents(warehouse, patients)
    copied = read(copy[0], "documents/source_documents").filter(pl.col("method") != "reference")
    assert found.sort(pl.all()).equals(copied.select(found.columns).sort(pl.all()))


def test_only_a_copy_is_opened_and_only_where_its_names_are_free(lake, copy, warehouse):
    made, _ = copy
    with pytest.raises(OpeningError, match="point CLINICAL_LAKE at the copy"):
        open_copy(lake, warehouse)
    patient_batches.record(warehouse, "everyone-001", ["somebody", "else"])
    with pytest.raises(OpeningError, match=r"batch everyone-001: expected a new one; .* name another CLINICAL_HOME"):
        open_copy(made, warehouse)
    assert event_count(warehouse) == 0


def test_a_refusal_at_the_last_batch_leaves_nothing_in_the_warehouse(copy, warehouse):
    made, _ = copy
    own = made.scan("documents/index", ["everyone-002"]).collect()["patient_id"].unique()
    patient_batches.record(warehouse, "everyone-009", own)  # nobody may be in two batches of a cohort
    before = patient_batches.batches(warehouse)
    with pytest.raises(OpeningError, match="batch everyone-002: expected a new one"):
        open_copy(made, warehouse)
    assert patient_batches.batches(warehouse).equals(before)
    assert event_count(warehouse) == 0


def test_a_warehouse_of_other_patients_takes_no_copy(copy, warehouse):
    made, _ = copy
    patient_batches.cut(warehouse, "hospital", "ids", "", ["somebody", "else"], 1)
    before = patient_batches.batches(warehouse)
    expected = (
        r"expected a warehouse that holds no patients but this copy's; found 2 batches of others, hospital-00001 the "
        r"first; open a copy with a warehouse of its own: name another CLINICAL_HOME or CLINICAL_WAREHOUSE_URL"
    )
    with pytest.raises(OpeningError, match=expected):
        open_copy(made, warehouse)
    assert patient_batches.batches(warehouse).equals(before)
    assert event_count(warehouse) == 0


def test_a_cohort_of_nobody_and_one_of_the_copys_patients_are_no_others(opened):
    made, warehouse, told = opened
    patient_batches.cut(warehouse, "declared", "sql", "", [], 5)
    patient_batches.cut(warehouse, "mine", "ids", "", read(made, "documents/index")["patient_id"].unique(), 5)
    assert open_copy(made, warehouse) == told


def test_a_timeline_that_cannot_be_loaded_leaves_nothing_in_the_warehouse(copy, warehouse, monkeypatch):
    made, _ = copy
    load, loads = opening.timeline_store.load, []

    def fails_at_the_second(*arguments):
        loads.append(arguments)
        if len(loads) == 2:
            raise TimelineError("events that break a rule")
        return load(*arguments)

    monkeypatch.setattr(opening.timeline_store, "load", fails_at_the_second)
    with pytest.raises(TimelineError):
        open_copy(made, warehouse)
    assert patient_batches.batches(warehouse).is_empty()
    assert event_count(warehouse) == 0
    assert open_copy(made, warehouse) == Opened(batches=2, patients=3, events=9, links=6)


@pytest.mark.parametrize(
    ("batch", "patients", "message"),
    [
        ("everyone", ["p"], "expected a batch of a cohort and a number"),
        ("everyone-x", ["p"], "expected a batch of a cohort and a number"),
        ("everyone-00002", [], "with patients; found everyone-00002, 0 patients"),
        ("everyone-00001", ["a"], "expected a new one"),
        ("everyone-00002", ["a", "c"], "patients of it, in a batch recorded before"),
    ],
)
def test_a_batch_is_recorded_once_and_nobody_twice_in_a_cohort(warehouse, batch, patients, message):
    for _ in range(2):
        patient_batches.record(warehouse, "everyone-00001", ["b", "a"])
    with pytest.raises(ValueError, match=message):
        patient_batches.record(warehouse, batch, patients)
    assert patient_batches.batches(warehouse).rows() == [("everyone-00001", "everyone", 1, 2)]
    assert patient_batches.cut(warehouse, "everyone", "ids", "", ["a", "b", "c"], 5) == ["everyone-00002"]


def test_the_command_opens_a_copy_and_nothing_else(copy, lake, warehouse, monkeypatch, tmp_path, capsys):
    url = warehouse.engine().url.render_as_string(hide_password=False)
    monkeypatch.setenv("CLINICAL_WAREHOUSE_URL", url)
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path))
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    monkeypatch.setenv("CLINICAL_LAKE", copy[0].root)
    assert main(["--open"]) == 0
    assert capsys.readouterr().out.startswith("2 batches of 3 patients recorded, 9 events with 6 links")
    assert event_count(warehouse) == 9
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    assert main(["--open"]) == 1
    assert "point CLINICAL_LAKE at the copy" in capsys.readouterr().err
