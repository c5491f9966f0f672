"""The warehouse on a real PostgreSQL server: migrations both ways, replacing rows, and a password nobody sees."""

import traceback
import uuid
from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.snap import JobSnap
from dagster._serdes import serialize_value

from resources.warehouse import _MIGRATION_LOCK, Warehouse, migrate, with_driver

SCHEMAS = {"timeline", "document_cache", "workflow_metadata", "qa_review", "analytics"}


@pytest.fixture
def empty_database(warehouse) -> Iterator[sa.Engine]:
    """A database of its own, with nothing in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server = warehouse.engine().execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = sa.create_engine(server.url.set(database=name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def described(engine: sa.Engine) -> dict[str, list[tuple]]:
    """Everything a migration can make, without what PostgreSQL has itself."""
    own = "('pg_catalog', 'information_schema', 'pg_toast')"
    questions = {
        "schemas": f"SELECT nspname FROM pg_namespace WHERE nspname NOT IN {own} AND nspname NOT LIKE 'pg_temp%'",
        "columns": "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default "
        f"FROM information_schema.columns WHERE table_schema NOT IN {own}",
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE connamespace::regnamespace::text NOT IN {own}",
        "indexes": f"SELECT schemaname, tablename, indexdef FROM pg_indexes WHERE schemaname NOT IN {own}",
        "comments": "SELECT objoid::regclass::text, objsubid, description FROM pg_description "
        "WHERE classoid = 'pg_class'::regclass AND objoid >= 16384",
    }
    with engine.connect() as connection:
        return {what: sorted(map(tuple, connection.execute(sa.text(sql)))) for what, sql in questions.items()}


# --- Migrations ---------------------------------------------------------------------------------------------------


def test_migrations_go_up_down_to_the_base_and_up_again(empty_database):
    migrate(empty_database)
    up = described(empty_database)
    assert {name for (name,) in up["schemas"]} == SCHEMAS | {"public"}
    assert ("analytics", "predictions") in {row[:2] for row in up["columns"]}
    migrate(empty_database, "base")
    down = described(empty_database)
    assert down["schemas"] == [("public",)]
    assert {row[:2] for row in down["columns"]} == {("public", "alembic_version")}
    migrate(empty_database)
    assert described(empty_database) == up
    migrate(empty_database)
    assert described(empty_database) == up


def test_migrations_are_one_line_without_branches():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from resources.warehouse import MIGRATIONS

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert len(scripts.get_heads()) == len(scripts.get_bases()) == 1


def test_a_migration_that_fails_changes_nothing(empty_database):
    with empty_database.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA analytics"))
        connection.execute(sa.text("CREATE TABLE analytics.predictions (made_by_hand int)"))
    before = described(empty_database)
    with pytest.raises(sa.exc.ProgrammingError, match="already exists"):
        migrate(empty_database)
    assert described(empty_database) == before


def test_two_processes_may_migrate_at_once(empty_database, child):
    url = empty_database.url.render_as_string(hide_password=False)
    code = "from resources.warehouse import Warehouse; Warehouse(url=url).engine().dispose()"
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with empty_database.connect() as first, empty_database.connect() as watching:
        first.execute(sa.select(sa.func.pg_advisory_lock(_MIGRATION_LOCK)))
        both = [child(code, url=url) for _ in range(2)]
        while watching.execute(waiting).scalar() < 2 and all(process.exitcode is None for process in both):
            both[0].join(timeout=0.02)
        assert described(empty_database)["columns"] == [], "both wait for whoever has the lock"
        first.execute(sa.select(sa.func.pg_advisory_unlock(_MIGRATION_LOCK)))
        for process in both:
            process.join(timeout=60)
    assert [process.exitcode for process in both] == [0, 0]
    with empty_database.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM alembic_version")).scalar() == 1
    assert {name for (name,) in described(empty_database)["schemas"]} >= SCHEMAS


# --- Rows ---------------------------------------------------------------------------------------------------------


def predictions(warehouse: Warehouse) -> sa.Table:
    return sa.Table("predictions", sa.MetaData(), schema="analytics", autoload_with=warehouse.engine())


def prediction(stay: int, shard: str = "00", probability: float = 0.25) -> dict:
    return {
        "stay_id": stay,
        "outcome": "mortality",
        "subject_id": stay // 10,
        "hadm_id": None,
        "subject_shard": shard,
        "predicted_for": datetime(2150, 1, 2, 3, 4, 5),
        "probability": probability,
        "split": "test",
        "model_version": "abc",
        "stay_type": "icu",
        "hr": None,
    }


def stored(warehouse: Warehouse) -> list[dict]:
    table = predictions(warehouse)
    with warehouse.transaction() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(table.c.stay_id)).mappings()]


def test_replacing_twice_is_replacing_once_and_other_rows_stay(warehouse):
    table = predictions(warehouse)
    assert warehouse.replace(table, table.c.subject_shard == "01", [prediction(99, "01")]) == 1
    for _ in range(2):
        assert warehouse.replace(table, table.c.subject_shard == "00", [prediction(11), prediction(12)]) == 2
        assert stored(warehouse) == [prediction(11), prediction(12), prediction(99, "01")]
    assert warehouse.replace(table, table.c.subject_shard == "00", [prediction(13)]) == 1
    assert warehouse.replace(table, table.c.subject_shard == "01", []) == 0
    assert stored(warehouse) == [prediction(13)]


@pytest.mark.parametrize(
    "wrong",
    [prediction(12, probability=1.5), prediction(12, probability=float("nan")), prediction(12) | {"split": None}],
    ids=["above one", "not a number", "a null"],
)
def test_an_insert_that_fails_leaves_the_rows_as_they_were(warehouse, wrong):
    table = predictions(warehouse)
    warehouse.replace(table, sa.true(), [prediction(11)])
    with pytest.raises(sa.exc.IntegrityError):
        warehouse.replace(table, sa.true(), [prediction(13), wrong])
    assert stored(warehouse) == [prediction(11)]


def insert_and_fail(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.insert(predictions(warehouse)), [prediction(11)])
        raise ZeroDivisionError


def test_an_error_in_a_transaction_undoes_it(warehouse):
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(warehouse)
    assert stored(warehouse) == []


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("INSERT INTO pg_temp.people VALUES (:name, 1)", "23505"),
        ("INSERT INTO pg_temp.people VALUES (NULL, length(:name))", "23502"),
        ("SELECT CAST(:name AS date)", "22007"),
        ("SELECT CAST(:name AS integer) FROM pg_temp.people", "22P02"),
    ],
)
def test_no_error_of_the_database_repeats_a_row(warehouse, query, state):
    patient = {"name": "Quillfeather"}  # no part of it is a number, a month or an era to the server
    with pytest.raises(sa.exc.DBAPIError, match=state) as error:
        _ask(warehouse, query, patient)
    assert patient["name"] not in "".join(traceback.format_exception(error.value)) + repr(error.value)


def _ask(warehouse, query, patient):
    with warehouse.transaction() as connection:
        connection.execute(sa.text("CREATE TEMP TABLE people (name text PRIMARY KEY, age int) ON COMMIT DROP"))
        connection.execute(sa.text("INSERT INTO pg_temp.people VALUES (:name, 1)"), patient)
        connection.execute(sa.text(query), patient)


def test_an_error_about_a_question_says_what_is_wrong_with_it(warehouse):
    with pytest.raises(sa.exc.ProgrammingError, match="nowhere"), warehouse.transaction() as connection:
        connection.execute(sa.text("SELECT * FROM nowhere"))


# --- URLs ---------------------------------------------------------------------------------------------------------

SECRET = "s3cret/p@ss"
URL = "postgresql://clinic:s3cret%2Fp%40ss@127.0.0.1:1/warehouse"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg"])
def test_every_form_of_a_url_uses_the_same_driver(scheme):
    url = with_driver(URL.replace("postgresql", scheme, 1))
    assert (url.drivername, url.password, url.database) == ("postgresql+psycopg", SECRET, "warehouse")


def test_a_warehouse_without_url_and_folder_says_what_it_needs():
    with pytest.raises(ValueError, match="expected a PostgreSQL URL or a folder"):
        Warehouse().engine()


def test_one_process_has_one_pool(warehouse, postgres):
    assert warehouse.engine() is Warehouse(embedded_folder=postgres).engine()


def test_nobody_sees_the_password():
    """Dagster shows a resource's configuration in its UI and keeps it in every snapshot of a job."""
    warehouse = Warehouse(url=URL)
    seen_inside: list[str] = []

    @dg.asset
    def publication(warehouse: dg.ResourceParam[Warehouse]) -> None:
        seen_inside.extend([repr(warehouse), str(warehouse)])
        assert warehouse.url == URL, "it still has it"

    definitions = dg.Definitions(
        [publication], resources={"warehouse": warehouse}, jobs=[dg.define_asset_job("publish")]
    )
    result = definitions.resolve_job_def("publish").execute_in_process()
    shown = [
        repr(warehouse),
        str(warehouse),
        *seen_inside,
        serialize_value(RepositorySnap.from_def(definitions.get_repository_def())),
        serialize_value(JobSnap.from_job_def(definitions.resolve_job_def("publish"))),
        *map(serialize_value, result.all_events),
    ]
    with pytest.raises(sa.exc.OperationalError) as refused:
        warehouse.engine()
    shown += [str(refused.value), repr(refused.value), repr(refused.value.__cause__)]
    assert len(seen_inside) == 2
    assert not [text for text in shown if "s3cret" in text]
