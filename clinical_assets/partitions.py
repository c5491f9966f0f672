"""The axes the graph is partitioned by, one for each thing that is backfilled on its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import dagster as dg

from resources.patient_batches import AXIS
from resources.sharding import shard_names

# Every partitioned asset names its backfill policy; that Dagster calls the parameter beta need not be said 60 times.
warnings.filterwarnings("ignore", message=".*backfill_policy", category=dg.BetaWarning)

BACKFILL_IN_ONE_RUN = dg.BackfillPolicy.single_run()
"""All shards of a backfill in one run: one pass over a source file, one start of the process."""


def subject_shard(shards: int) -> dg.StaticPartitionsDefinition:
    """Hash buckets of patients. Every patient-keyed table has this axis, so shards are independent at every step."""
    return dg.StaticPartitionsDefinition(shard_names(shards))


PATIENT_BATCH = dg.DynamicPartitionsDefinition(name=AXIS)
"""Named lists of patients, cut from cohorts: documents are worked through by them."""


def outcome(names: Iterable[str]) -> dg.StaticPartitionsDefinition:
    """What is predicted: one training code for all outcomes, one partition each."""
    return dg.StaticPartitionsDefinition(list(names))


RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def all_of(keys: Sequence[str]) -> dict[str, str]:
    """Run tags that ask for a whole range of partitions in one run."""
    return dict(zip(RANGE_TAGS, (keys[0], keys[-1]), strict=True))
