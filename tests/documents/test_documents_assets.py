"""The documents group in the graph: cohort to batches, index, text; batch by batch as at once; the cache between."""

import os
import shutil
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from document_graph import FILES, HTML, NOTE, Graph, loads, write_store
from polars.testing import assert_frame_equal

from clinical_assets.documents.readers.reading import DEFAULT_LIMITS
from clinical_assets.documents.tables import INDEX, PATIENT_BATCHES, TEXT
from clinical_assets.documents.text import text_files
from clinical_assets.documents.text.extracting import Extractor
from resources import patient_batches
from resources.lake import LakeError

BATCHES = ["with_documents-00001", "with_documents-00002", "with_documents-00003"]


@pytest.fixture
def store(tmp_path):
    return write_store(tmp_path / "store")


@pytest.fixture
def graph(store, tmp_path, warehouse):
    return Graph(tmp_path / "home", store, warehouse, checked=False)


def test_every_document_is_a_row_whatever_its_bytes_and_the_checks_say_what_is_wrong(store, tmp_path, warehouse):
    graph = Graph(tmp_path / "home", store, warehouse)
    assert graph.cut() == BATCHES
    metadata = graph.run(BATCHES[0], BATCHES[-1])
    text = graph.text()
    assert {document for document, *_ in FILES} == set(text)
    assert {d: row["reason"] for d, row in text.items() if not row["extraction_success"]} == {
        "d5": "corrupt", "d6": "unsupported_type", "d7": "empty", "d8": "source_unreadable",
    }  # fmt: skip
    assert text["d1"]["text"] == NOTE
    assert text["d2"]["text"] == "Findings\n\nHgb\t9.1"
    assert text["d3"]["text"] == "Gross total resection confirmed."
    assert text["d9"]["text"] == "Größe 3 cm, keine Ödeme.\n"
    sections = loads(text["d1"], "spans")
    assert [text["d1"]["text"][s["start"] : s["end"]] for s in sections] == [NOTE.strip()]
    assert [w["code"] for w in loads(text["d3"], "warnings")] == ["declared_type_mismatch"]
    # d1 and d4 are the same bytes: read once.
    assert metadata["documents/text"]["extracted"].value == 7
    assert metadata["documents/index"]["documents_read"].value == 8
    failed = {name for name, verdict in graph.verdicts.items() if not verdict.passed}
    assert failed == {
        "documents/index:readable",  # d8
        "documents/index:bytes_are_one_patients",  # d1, d4
        "documents/index:declared_as_found",  # d3, d6
        "documents/index:missingness",  # no description, no birth dates
        "documents/text:extracted",
        "documents/text:missingness",  # none of these formats states when it was written
    }
    by_reason = graph.verdicts["documents/text:extracted"].metadata["findings"].records
    assert [dict(r.data) for r in by_reason] == [
        {"reason": reason, "documents": 1} for reason in ("corrupt", "empty", "source_unreadable", "unsupported_type")
    ]
    assert graph.verdicts["documents/text:extracted"].severity is dg.AssetCheckSeverity.WARN


def test_the_index_says_when_and_what_a_document_is(graph):
    graph.cut()
    graph.run(BATCHES[0])
    row = next(r for r in graph.rows(INDEX).to_dicts() if r["document_id"] == "d3")
    assert (str(row["authored_date"]), row["authored_at"]) == ("2150-01-02", None)
    assert str(row["stored_at"]) == "2150-01-03 04:05:06"
    assert (row["content_type"], row["declared_type"]) == ("text/rtf", "application/pdf")
    assert row["uri"].endswith("/files/p2/c.rtf")
    assert row["size_bytes"] == len(FILES["d3", "p2", "p2/c.rtf", "application/pdf"])


def test_batch_by_batch_gives_the_rows_of_all_at_once(store, tmp_path, warehouse):
    at_once = Graph(tmp_path / "at_once", store, warehouse, checked=False)
    at_once.cut()
    at_once.run(BATCHES[0], BATCHES[-1])
    alone = Graph(tmp_path / "alone", store, warehouse, checked=False)
    alone.cut()
    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.documents, document_cache.extracted_text"))
    for batch in BATCHES:
        alone.run(batch)
    for table in (INDEX, TEXT):
        assert_frame_equal(alone.rows(table), at_once.rows(table))
        assert alone.lake.partitions(table.path) == BATCHES


def test_what_has_not_changed_is_neither_read_nor_written_again(graph, store):
    graph.cut()
    graph.run(BATCHES[0], BATCHES[-1])
    written = {path: path.stat().st_mtime_ns for path in Path(graph.settings.lake_root).rglob("text/*/*.parquet")}
    assert len(written) == 3
    again = graph.run(BATCHES[0], BATCHES[-1])
    assert again["documents/index"]["documents_read"].value == 0
    assert again["documents/text"]["documents_unchanged"].value == len(FILES)
    # What failed then has failed still; a rate of hits there is none, where nothing was looked for.
    assert again["documents/text"]["without_text"].value == 4
    assert "cache_hit_rate" not in again["documents/text"]
    assert written == {path: path.stat().st_mtime_ns for path in written}
    (store / "files" / "p2" / "c.rtf").write_bytes(rb"{\rtf1\ansi Near total resection.}")
    changed = graph.run(BATCHES[0], BATCHES[-1])
    assert changed["documents/index"]["documents_read"].value == 1
    assert changed["documents/text"]["extracted"].value == 1
    assert graph.text()["d3"]["text"] == "Near total resection."


def test_another_lake_over_the_same_warehouse_takes_everything_from_the_cache(graph, store, tmp_path, warehouse):
    graph.cut()
    graph.run(BATCHES[0], BATCHES[-1])
    other = Graph(tmp_path / "other", store, warehouse, checked=False)
    other.cut()
    metadata = other.run(BATCHES[0], BATCHES[-1])["documents/text"]
    assert (metadata["extracted"].value, metadata["cache_hit_rate"].value) == (0, 1.0)
    assert other.text() == graph.text()


def test_a_document_that_takes_too_long_costs_itself_only_and_is_tried_again(graph, store):
    # Each attribute is looked for among those before it: seconds in C.
    slow = b"<html><p " + b" ".join(b"a%d=1" % i for i in range(40_000)) + b">deep</p></html>"
    (store / "files" / "p1" / "b.html").write_bytes(slow)
    graph.cut()
    metadata = graph.run(BATCHES[0], seconds=0.5)["documents/text"]
    assert metadata["without_text: timed_out"].value >= 1
    assert graph.text()["d2"]["reason"] == "timed_out"
    again = graph.run(BATCHES[0])["documents/text"]
    assert again["documents_unchanged"].value == 0
    assert (graph.text()["d1"]["text"], graph.text()["d2"]["text"]) == (NOTE, "deep")


def test_a_document_changed_since_it_was_indexed_is_not_read_as_the_old_one(graph, store, warehouse):
    graph.cut()
    graph.run(BATCHES[0])
    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.extracted_text"))
    (store / "files" / "p1" / "b.html").write_bytes(b"<p>Somebody else's note.</p>")
    job = graph.definitions.resolve_job_def("documents")
    shutil.rmtree(Path(graph.settings.lake_root) / "documents" / "text")
    job.execute_in_process(instance=graph.instance, partition_key=BATCHES[0], asset_selection=[dg.AssetKey(TEXT.key)])
    assert graph.text()["d2"]["reason"] == "source_changed"
    assert graph.text()["d2"]["text"] == ""
    assert graph.run(BATCHES[0])["documents/text"]["extracted"].value == 1
    assert graph.text()["d2"]["text"] == "Somebody else's note."


def test_a_document_taken_off_the_manifest_is_gone(graph, store, warehouse):
    graph.cut()
    graph.run(BATCHES[0])
    lines = (store / "manifest.csv").read_text().splitlines()
    (store / "manifest.csv").write_text("\n".join(line for line in lines if not line.startswith("d2,")))
    graph.run(BATCHES[0])
    assert set(graph.text()) == {"d1", "d3", "d4"}
    with warehouse.transaction() as connection:
        known = set(connection.execute(sa.text("SELECT document_id FROM document_cache.documents")).scalars())
    assert known == {"d1", "d3", "d4"}


def test_new_patients_come_in_new_batches_and_the_old_ones_stay(graph, store, warehouse):
    first = graph.cut()
    before = patient_batches.members(warehouse, first)
    assert graph.cut() == first
    (store / "files" / "p0").mkdir()
    (store / "files" / "p0" / "new.txt").write_text("New.")
    with (store / "manifest.csv").open("a") as file:
        file.write("d0,p0,files/p0/new.txt,,,,,\n")
    assert graph.cut() == [*first, "with_documents-00004"]
    assert_frame_equal(patient_batches.members(warehouse, first), before)
    assert patient_batches.members(warehouse, ["with_documents-00004"])["patient_id"].to_list() == ["p0"]
    assert graph.rows(PATIENT_BATCHES)["patients"].to_list() == [2, 2, 1, 1]
    graph.run("with_documents-00004")
    assert graph.text()["d0"]["text"] == "New."


def test_a_patient_in_batches_of_two_cohorts_is_in_both(store, tmp_path, warehouse):
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "cohorts" / "board.yaml").write_text("cohort: board\nmeaning: The board's.\nids: [p2, p5]\n")
    graph = Graph(tmp_path / "home", store, warehouse, cohorts=tmp_path / "cohorts")
    batches = graph.cut()
    assert batches == ["board-00001", *BATCHES]
    graph.run(batches[0], batches[-1])
    assert graph.verdicts["documents/text:key"].passed
    both = graph.lake.scan(TEXT.path, ["board-00001"]).collect()
    assert sorted(both["document_id"]) == ["d3", "d4", "d9"]
    assert graph.rows(TEXT).height == len(FILES) + 3


def of_an_earlier_version(lake, table, batch, lacking):
    older = lake.scan(table.path, [batch]).drop(lacking).collect().to_arrow()
    with lake.write(table.path, older.schema, [batch], {}) as writer:
        writer.write(batch, older)


def test_one_batch_beside_another_of_an_earlier_version_fails_the_schema_check_and_nothing_else(
    store, tmp_path, warehouse
):
    graph = Graph(tmp_path / "home", store, warehouse)
    graph.cut()
    graph.run(BATCHES[0], BATCHES[-1])
    before = {name: verdict.passed for name, verdict in graph.verdicts.items()}
    assert before["documents/index:schema"]
    assert before["documents/text:schema"]
    of_an_earlier_version(graph.lake, INDEX, BATCHES[1], "other_formats")
    of_an_earlier_version(graph.lake, TEXT, BATCHES[1], "read_instead")
    with pytest.raises(dg.DagsterError, match=r"1 blocking asset check failed.*\n.*documents/index: schema"):
        graph.run(BATCHES[0])
    graph.run(BATCHES[0], BATCHES[-1])
    assert {name: verdict.passed for name, verdict in graph.verdicts.items()} == before


def test_text_of_an_index_of_an_earlier_version_says_what_to_make_first(graph):
    graph.cut()
    graph.run(BATCHES[0])
    extractor = Extractor(graph.warehouse, None, DEFAULT_LIMITS, 1)
    of_an_earlier_version(graph.lake, INDEX, BATCHES[0], "other_formats")
    with pytest.raises(LakeError, match=f"{BATCHES[0]}: expected its declared columns.*materialize documents/index"):
        list(text_files.write_text([BATCHES[0]], extractor, graph.lake, "2"))


def test_a_partition_the_warehouse_does_not_know_says_so(graph):
    graph.cut()
    graph.instance.add_dynamic_partitions("patient_batch", ["elsewhere-00001"])
    with pytest.raises(dg.Failure, match="expected batches recorded in the warehouse; found 1 that are not"):
        graph.run("elsewhere-00001")


def test_no_name_or_word_of_a_patient_is_in_metadata_logs_or_partition_names(graph, caplog):
    graph.cut()
    metadata = graph.run(BATCHES[0], BATCHES[-1])
    told = repr(metadata) + repr([e.message for e in graph.instance.all_logs(graph.instance.get_runs()[0].run_id)])
    for secret in ("pneumonia", "p2/", "Größe", "resection", *(f"'{p}'" for _, p, *_ in FILES)):
        assert secret not in told, secret


@pytest.mark.parametrize("wrong", ["no file column", "not a table"])
def test_a_manifest_that_cannot_be_read_says_what_is_expected(graph, store, wrong):
    if wrong == "no file column":
        (store / "manifest.csv").write_text("document_id,patient\nd1,p1\n")
        said = "add patient_id, file"
    else:
        (store / "manifest.csv").unlink()
        (store / "manifest.parquet").write_bytes(b"no parquet")
        said = "expected a table"
    with pytest.raises(Exception, match=said):
        graph.cut()


def test_the_same_documents_in_s3_are_read_the_same_and_once(graph, store, s3, tmp_path, warehouse):
    import pyarrow.fs as pafs

    graph.cut()
    graph.run(BATCHES[0], BATCHES[-1])
    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE document_cache.documents, document_cache.extracted_text"))
    filesystem = pafs.S3FileSystem(
        endpoint_override=os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"), scheme="http"
    )
    pafs.copy_files(str(store), f"{s3.removeprefix('s3://')}/documents", destination_filesystem=filesystem)
    remote = Graph(tmp_path / "remote", f"{s3}/documents", warehouse, checked=False)
    assert remote.cut() == BATCHES
    first = remote.run(BATCHES[0], BATCHES[-1])
    assert_frame_equal(remote.rows(INDEX).drop("uri", "version"), graph.rows(INDEX).drop("uri", "version"))
    assert {u.split("/")[0] for u in remote.rows(INDEX)["uri"]} == {"s3:"}
    assert_frame_equal(remote.rows(TEXT), graph.rows(TEXT))
    assert first["documents/index"]["documents_read"].value == 8
    assert remote.run(BATCHES[0], BATCHES[-1])["documents/index"]["documents_read"].value == 0
    # What is too large for this run's limit is not fetched, and not looked at again for that.
    few = remote.run(BATCHES[0], max_bytes=10)["documents/text"]
    assert (few["extracted"].value, few["without_text: too_large"].value) == (0, 4)
    assert remote.text()["d2"]["detail"] == f"{len(HTML)} bytes, limit 10"
    again = remote.run(BATCHES[0], max_bytes=10)["documents/text"]
    assert (again["documents_unchanged"].value, again["without_text: too_large"].value) == (4, 4)
