"""How far back an X-ray in no stay looks for one that is over: configuration of a run, off unless it is said.

    resources:
      cxr_linkage:
        config:
          look_back_hours: 12

One setting for studies and images, so that the two never disagree; it is in every row it made and in the metadata of
the materialization. There is none for looking ahead: that a stay would come was not known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import polars as pl
from pydantic import Field

from clinical_assets.declaration import (
    Declaration,
    Site,
)
from clinical_assets.tables import Table
from resources.lake import Lake


class CxrLinkage(dg.ConfigurableResource[None]):
    """How X-rays are linked to stays."""

    look_back_hours: float | None = Field(
        default=None,
        description="An X-ray in no stay is linked to one that ended up to so many hours before it. Off by default.",
    )

    @property
    def look_back(self) -> timedelta | None:
        """The look-back; None where it is off.

        Raises:
            dg.Failure: it is not positive.
        """
        if self.look_back_hours is None:
            return None
        if not self.look_back_hours > 0:
            raise dg.Failure(
                f"cxr_linkage.look_back_hours: expected a number of hours over 0, found {self.look_back_hours:g}; "
                "leave it out to switch the look-back off (a stay that begins after its X-ray is never taken)",
                allow_retries=False,
            )
        return timedelta(hours=self.look_back_hours)


@dataclass(frozen=True)
class LinkDeclaration(Declaration):
    """A table of links and its rule, which takes the run's look-back too."""

    def build(self, site: Site) -> dg.AssetsDefinition:
        """The asset, for a site's shards and source tables."""

        def compute(
            context: dg.AssetExecutionContext,
            cxr_linkage: CxrLinkage,
            lake: dg.ResourceParam[Lake],
            **frames: pl.LazyFrame,
        ) -> pl.LazyFrame:
            context.add_asset_metadata({"look_back_hours": cxr_linkage.look_back_hours or "off"})
            return self.rows(context, site, lake, frames, look_back=cxr_linkage.look_back)

        return self.asset(site, compute)


def linked(table: Table, rule: Callable[..., pl.LazyFrame], **inputs: str) -> LinkDeclaration:
    """Declare a table of links: like `declared`, with the run's look-back."""
    return LinkDeclaration(table, rule, inputs)
