"""A run taken piece by piece gives the rows of a run taken whole; pieces are as large as they may be and no larger."""

import itertools

import dagster as dg
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets import pieces as cutting
from clinical_assets.declaration import LAKE_IO_MANAGER, declared
from clinical_assets.definitions import site_of
from clinical_assets.mimic.catalogue.columns import integer
from clinical_assets.pieces import in_pieces, sizes
from clinical_assets.settings import Settings
from clinical_assets.tables import Table
from resources.lake import Lake
from resources.lake_io_manager import LakeIOManager
from resources.sharding import shard_names, shard_of

SHARDS = shard_names(4)
GIVEN = Table(
    key=("imaging", "given"),
    grain="one row per patient and number",
    meaning="Numbers.",
    columns=(integer("subject_id", "The patient.", required=True), integer("number", "A number.", required=True)),
)
DOUBLED = Table(
    key=("imaging", "doubled"),
    grain="one row per row of given",
    meaning="Doubles.",
    columns=(*GIVEN.columns, integer("scale", "Of the dictionary.", required=True)),
)
seen = []


@declared(DOUBLED, given="imaging/given", dictionary="imaging/dictionary")
def doubled(given: pl.LazyFrame, dictionary: pl.LazyFrame) -> pl.LazyFrame:
    """Twice the number, in the scale that is the same for all patients."""
    return given.join(dictionary, how="cross").with_columns(number=pl.col("number") * 2)


@pytest.fixture
def graph(tmp_path, monkeypatch):
    """Forty patients in four shards, and a dictionary that is not sharded."""
    settings = Settings.load(home=tmp_path, sources=str(tmp_path / "nowhere"), subject_shards=4)
    site, lake = site_of(settings), Lake(root=settings.lake_root, subject_shards=4)
    rows = pl.DataFrame({"subject_id": list(range(40)) * 50, "number": list(range(2000))})
    own = pl.Series(shard_of(rows["subject_id"].to_numpy(), 4))
    with lake.write("imaging/given", GIVEN.arrow_schema, SHARDS, {}) as out:
        for number, name in enumerate(SHARDS):
            out.write(name, rows.filter(own == number).to_arrow())
    dictionary = pl.DataFrame({"scale": [7]}, schema={"scale": pl.Int64}).to_arrow()
    with lake.write("imaging/dictionary", dictionary.schema, None, {}) as out:
        out.write(None, dictionary)
    keys = {"given": site.shards, "dictionary": None}
    specs = [dg.AssetSpec(dg.AssetKey(["imaging", n]), partitions_def=p) for n, p in keys.items()]
    asset = doubled.build(site)
    job = dg.define_asset_job("doubled", dg.AssetSelection.assets(asset.key))
    definitions = dg.Definitions(
        assets=[asset, *specs],
        jobs=[job],
        resources={"lake": lake, LAKE_IO_MANAGER: LakeIOManager(lake=lake)},
        executor=dg.in_process_executor,
    )
    pieces = []
    cut = cutting.in_pieces
    monkeypatch.setattr(cutting, "in_pieces", lambda *a: (pieces.append(p) or p for p in cut(*a)))

    def run(most, first=SHARDS[0], last=SHARDS[-1]):
        monkeypatch.setattr(cutting, "PIECE_BYTES", most)
        pieces.clear()
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        how = {"partition_key": first} if first == last else {"tags": tags}
        done = definitions.resolve_job_def("doubled").execute_in_process(instance=dg.DagsterInstance.ephemeral(), **how)
        assert done.success
        files = {n: lake.scan("imaging/doubled", [n]).collect() for n in lake.partitions("imaging/doubled")}
        return list(pieces), files

    return run


def test_piece_by_piece_and_whole_and_shard_by_shard_are_the_same(graph):
    pieces, whole = graph(1 << 30)
    assert pieces == [SHARDS]
    pieces, pieced = graph(1)
    assert pieces == [[s] for s in SHARDS]
    assert whole.keys() == pieced.keys() == set(SHARDS)
    assert all(pieced[s].equals(whole[s]) for s in SHARDS)
    for shard in SHARDS:
        pieces, alone = graph(1, shard, shard)
        assert pieces == [[shard]]
        assert alone[shard].equals(whole[shard])
    assert sum(frame.height for frame in whole.values()) == 2000
    assert {frame["scale"].unique().item() for frame in whole.values()} == {7}


def test_a_size_is_that_of_the_cells_of_all_inputs(lake):
    table = pl.DataFrame({"subject_id": list(range(5000)), "number": list(range(5000))}).to_arrow()
    for name in ("imaging/a", "imaging/b"):
        with lake.write(name, table.schema, ["00", "01"], {}) as out:
            out.write("01", table)
    found = sizes(lake, ["imaging/a", "imaging/b", "imaging/never_made"], ["00", "01"])
    assert found == {"00": 0, "01": 2 * 5000 * 2 * 8}


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(1, 120))
def test_whatever_the_sizes(found, most):
    shards = [f"{n:02d}" for n in range(len(found))]
    size = dict(zip(shards, found, strict=True))
    pieces = list(in_pieces(shards, size, most))
    assert [s for piece in pieces for s in piece] == shards  # all of them, in order
    assert all(len(piece) == 1 or sum(size[s] for s in piece) <= most for piece in pieces)
    for one, other in itertools.pairwise(pieces):  # no piece could have had one more
        assert sum(size[s] for s in one) + size[other[0]] > most
