"""`sepsis_hourly` as an asset: the label's horizon and gap are settings of a run.

What does not belong here: the features and the label themselves (`sepsis_hourly`).
"""

from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import polars as pl
from pydantic import Field

from clinical_assets.declaration import (
    Declaration,
    Site,
)
from clinical_assets.features.sepsis_hourly import GAP, HORIZON
from resources.lake import Lake

_HOUR = timedelta(hours=1)


class LabelWindow(dg.Config):
    """What the label asks: does sepsis begin after the gap and within the horizon behind it?

    Give every shard the same: training refuses a table whose rows ask different things.
    """

    horizon_hours: int = Field(
        default=HORIZON // _HOUR, ge=1, le=48, description="How many hours the label looks at, 1 to 48."
    )
    gap_hours: int = Field(
        default=GAP // _HOUR,
        ge=0,
        le=48,
        description="Hours between the moment of prediction and those the label looks at, 0 to 48: time to act.",
    )


@dataclass(frozen=True)
class HourlyLabel(Declaration):
    """A feature set by the hour whose rule takes `horizon` and `gap`."""

    def build(self, site: Site) -> dg.AssetsDefinition:
        """The asset, for a site's shards and source tables."""

        def compute(
            context: dg.AssetExecutionContext,
            config: LabelWindow,
            lake: dg.ResourceParam[Lake],
            **frames: pl.LazyFrame,
        ) -> pl.LazyFrame:
            context.add_asset_metadata({"horizon_hours": config.horizon_hours, "gap_hours": config.gap_hours})
            window = {"horizon": config.horizon_hours * _HOUR, "gap": config.gap_hours * _HOUR}
            return self.rows(context, site, lake, frames, **window)

        return self.asset(site, compute)
