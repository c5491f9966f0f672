"""Cohorts for batches: said in YAML over stays, SQL, lists; a wrong file says what is wrong and no id is repeated."""

import polars as pl
import pytest
import sqlalchemy as sa

from clinical_assets.documents import batch_cohorts
from clinical_assets.documents.batch_cohorts import cohorts, patients
from clinical_assets.stays.cohort import COHORT_MEMBERS, CohortError


@pytest.fixture
def said(tmp_path, warehouse, lake):
    """Patients of a cohort said by a file's lines."""

    def of(lines: str) -> set[str]:
        (tmp_path / "c.yaml").write_text(f"cohort: c\nmeaning: A test's.\n{lines}\n")
        (declared,) = cohorts(tmp_path)
        return patients(declared, warehouse, lake, lambda: ["1", "2"])

    return of


def test_the_shipped_cohorts_are_read():
    assert [c.cohort.cohort for c in cohorts(batch_cohorts.FOLDER, None)] == ["with_documents"]


def test_everybody_with_documents(said):
    assert said("documents: true") == {"1", "2"}


def test_ids_in_the_file_and_beside_it(said, tmp_path):
    assert said("ids: [P-17, ' P-23 ', P-17, '']") == {"P-17", "P-23"}
    (tmp_path / "board.txt").write_text("P-1\n\n P-2 \n")
    assert said("ids_file: board.txt") == {"P-1", "P-2"}
    with pytest.raises(CohortError, match="expected a file of ids, one a line"):
        said("ids_file: gone.txt")


def test_sql_over_the_warehouse(said):
    assert said("sql: SELECT patient_id FROM (VALUES ('a'), ('b'), (NULL), ('a')) AS t (patient_id)") == {"a", "b"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1 AS subject_id", "expected one column, patient_id; the query gives subject_id"),
        ("SELECT nonsense", "found UndefinedColumn 42703"),
        ("SELECT CAST('Jane Roe' AS int) AS patient_id", "found InvalidTextRepresentation"),
        ("DELETE FROM workflow_metadata.cohorts RETURNING cohort AS patient_id", "found ReadOnlySqlTransaction"),
    ],
)
def test_sql_that_gives_no_patients_says_why_and_repeats_no_value(said, query, expected):
    with pytest.raises(CohortError, match=expected) as refused:
        said(f'sql: "{query}"')
    assert "Jane" not in str(refused.value)


def test_a_cohort_of_stays(said, lake):
    with pytest.raises(CohortError, match="of all 4 shards; found 0; materialize it first"):
        said("stays: icu")
    row = dict.fromkeys(COHORT_MEMBERS.column_names) | {"cohort": "icu"}
    rows = [row | {"subject_id": 7, "included": True}, row | {"subject_id": 8, "included": False}]
    frame = pl.DataFrame(rows, COHORT_MEMBERS.polars_schema)
    with lake.write(COHORT_MEMBERS.path, COHORT_MEMBERS.arrow_schema, ["00", "01", "02", "03"], {}) as writer:
        writer.write("02", frame.to_arrow())
    assert said("stays: icu") == {"7"}
    with pytest.raises(CohortError, match="expected a cohort of stays named ward"):
        said("stays: ward")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("cohort: c\nmeaning: m\n", "expected one of stays, sql, ids, ids_file, documents; found none"),
        ("cohort: c\nmeaning: m\nids: [P-17]\nsql: x\n", "found sql and ids"),
        ("cohort: C 17\nmeaning: m\nids: [P-17]\n", "cohort: String should match pattern"),
        ("cohort: c\nmeaning: m\nids: [P-17]\nbatch_patients: 0\n", "batch_patients"),
        ("[: nonsense P-17", "expected YAML"),
    ],
)
def test_a_file_that_says_no_cohort_is_named_and_no_id_repeated(tmp_path, content, expected):
    (tmp_path / "wrong.yaml").write_text(content)
    with pytest.raises(CohortError, match=expected) as refused:
        cohorts(tmp_path)
    assert "wrong.yaml" in str(refused.value)
    assert "P-17" not in str(refused.value)


def test_two_cohorts_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("cohort: c\nmeaning: m\ndocuments: true\n")
    with pytest.raises(CohortError, match="found twice"):
        cohorts(tmp_path)


def test_a_query_may_not_write(said, warehouse):
    with pytest.raises(CohortError):
        said("sql: CREATE TABLE workflow_metadata.mine (patient_id text)")
    assert "mine" not in sa.inspect(warehouse.engine()).get_table_names("workflow_metadata")
