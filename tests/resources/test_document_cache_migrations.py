"""What was remembered of documents before a migration means the same after it."""

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clinical_assets.documents.readers.reading import DEFAULT_LIMITS, Reason
from clinical_assets.documents.text import failed_attempts
from clinical_assets.documents.text.text_cache import Key
from resources.warehouse import Warehouse, migrate

KEY = Key("0" * 64, "html", "1")
BEFORE = """
INSERT INTO document_cache.failed_attempts (sha256, extractor, extractor_version, attempts, last_run, runs, counted_at,
    seconds, memory_bytes, reason, detail)
VALUES (:sha256, :extractor, :extractor_version, 3, 'c', ARRAY['a', 'b', 'c'], now(), 120, :memory, 'timed_out', 'x')
"""


@pytest.fixture
def server(warehouse) -> Iterator[sa.Engine]:
    """A database of its own, with nothing in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = warehouse.engine().execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = sa.create_engine(admin.url.set(database=name))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_who_was_granted_the_view_may_read_it_after(server):
    role, view = f"reader_{uuid.uuid4().hex[:12]}", "document_cache.extracted_document_text"
    migrate(server, "0007")
    with server.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role}"))
        connection.execute(sa.text(f"GRANT USAGE ON SCHEMA document_cache TO {role}"))
        connection.execute(sa.text(f"GRANT SELECT ON {view} TO {role} WITH GRANT OPTION"))
        connection.execute(sa.text(f"CREATE VIEW ours AS SELECT document_id FROM {view}"))
    migrate(server)
    with server.connect() as connection:
        connection.execute(sa.text(f"SET ROLE {role}"))
        assert connection.execute(sa.text(f"SELECT other_format_read FROM {view}")).all() == []
        connection.execute(sa.text("RESET ROLE"))
        granted = sa.text("SELECT has_table_privilege(:role, :view, 'SELECT WITH GRANT OPTION')")
        assert connection.execute(granted, {"role": role, "view": view}).scalar()
        assert connection.execute(sa.text("SELECT * FROM ours")).all() == []
        connection.execute(sa.text(f"DROP OWNED BY {role}"))
        connection.execute(sa.text(f"DROP ROLE {role}"))
        connection.commit()


@pytest.mark.parametrize("memory", [10**9, None])
def test_what_was_given_up_is_still_given_up_with_the_limits_it_had(server, memory):
    migrate(server, "0007")
    with server.begin() as connection:
        connection.execute(sa.text(BEFORE), {**KEY._asdict(), "memory": memory})
    migrate(server)
    url = server.url.render_as_string(hide_password=False)
    failed = failed_attempts.of_keys(Warehouse(url=url), [KEY])[KEY]
    assert [each.run for each in failed.tried] == ["a", "b", "c"]
    assert {(each.seconds, each.memory_bytes) for each in failed.tried} == {(120.0, memory)}
    assert (failed.reason, failed.detail) == (Reason.TIMED_OUT, "x")
    same = DEFAULT_LIMITS.__class__(seconds=120.0, worker_memory_bytes=memory)
    assert failed.given_up(same)
    assert not failed.given_up(DEFAULT_LIMITS.__class__(seconds=121.0, worker_memory_bytes=memory))
    with server.begin() as connection:
        assert connection.execute(sa.text("SELECT attempts FROM document_cache.failed_attempts")).scalars().all() == [3]
