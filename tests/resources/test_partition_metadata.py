"""Metadata of many partitions in one call: the same as Dagster's own, one partition after the other."""

import dagster as dg
import pytest

from clinical_assets.partitions import BACKFILL_IN_ONE_RUN, PATIENT_BATCH, all_of
from resources.partition_metadata import describe_partitions

pytestmark = pytest.mark.filterwarnings("ignore:.*backfill_policy")

BATCHES = ["a-00001", "a-00002", "a-00003"]
CUT = {"partitions_def": PATIENT_BATCH, "backfill_policy": BACKFILL_IN_ONE_RUN}


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("patient_batch", BATCHES)
        yield instance


@dg.asset(**CUT)
def by_dagster(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for batch in BATCHES:
        context.add_asset_metadata({"rows": 1, "size": 2}, partition_key=batch)
        context.add_asset_metadata({"rows": int(batch[-1])}, partition_key=batch)
    return dg.MaterializeResult(metadata={"total": 6})


@dg.asset(**CUT)
def at_once(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    describe_partitions(context, {batch: {"rows": 1, "size": 2} for batch in BATCHES})
    describe_partitions(context, {batch: {"rows": int(batch[-1])} for batch in BATCHES})
    return dg.MaterializeResult(metadata={"total": 6})


@dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("other")], **CUT)
def two(context: dg.AssetExecutionContext):
    for key in ("one", "other"):
        described = {batch: {"whose": key} for batch in BATCHES}
        describe_partitions(context, described, asset_key=dg.AssetKey(key))
        yield dg.MaterializeResult(asset_key=key)


def metadata(definition, instance, batches=BATCHES):
    result = dg.materialize([definition], instance=instance, tags=all_of(batches))
    made = [event.materialization for event in result.get_asset_materialization_events()]
    return {(m.asset_key.to_user_string(), m.partition): {n: v.value for n, v in m.metadata.items()} for m in made}


def test_it_is_what_dagster_makes_of_it_one_by_one(instance):
    expected = {batch: {"rows": n, "size": 2, "total": 6} for n, batch in enumerate(BATCHES, 1)}
    for definition in (by_dagster, at_once):
        found = metadata(definition, instance)
        assert {batch: own for (_, batch), own in found.items()} == expected


def test_each_asset_of_a_step_has_its_own(instance):
    found = metadata(two, instance)
    assert {own["whose"] for (key, _), own in found.items() if key == "one"} == {"one"}
    assert {key for key, _ in found} == {"one", "other"}
    assert all(own["whose"] == key for (key, _), own in found.items())


def test_a_partition_of_another_run_is_refused(instance):
    @dg.asset(**CUT)
    def wrong(context: dg.AssetExecutionContext) -> None:
        describe_partitions(context, {BATCHES[2]: {"rows": 1}})

    with pytest.raises(ValueError, match=r"expected metadata of the run's 2 partition.*the first a-00003"):
        dg.materialize([wrong], instance=instance, tags=all_of(BATCHES[:2]))


def test_dagsters_storage_is_asked_no_more_often_for_more_partitions(instance, monkeypatch):
    asked = []
    of_all = dg.DagsterInstance.get_dynamic_partitions

    def counting(self, *names, **named):
        asked.append(1)
        return of_all(self, *names, **named)

    monkeypatch.setattr(dg.DagsterInstance, "get_dynamic_partitions", counting)

    @dg.asset(**CUT)
    def counted(context: dg.AssetExecutionContext) -> None:
        batches = context.partition_keys
        before = len(asked)
        describe_partitions(context, {batch: {"rows": 1} for batch in batches})
        context.add_asset_metadata({"asked": len(asked) - before})

    times = [
        {own["asked"] for own in metadata(counted, instance, batches).values()} for batches in (BATCHES[:2], BATCHES)
    ]
    assert times == [{1}, {1}]
