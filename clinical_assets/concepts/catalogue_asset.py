"""The asset of the concept catalogue: a page for readers, a table for machines, both from the declarations."""

import hashlib
from importlib import resources

import dagster as dg
import polars as pl

from clinical_assets.concepts import catalogue
from clinical_assets.concepts.catalogue import CATALOGUE
from clinical_assets.declaration import Site, asset_arguments, code_version, input_of
from resources.lake import Lake

PAGE = "catalogue.html"
DICTIONARIES = {"d_items": "mimic/icu/d_items", "d_labitems": "mimic/hosp/d_labitems"}


def catalogue_asset(site: Site) -> dg.AssetsDefinition:
    """The catalogue, with the labels of the site's release."""

    def concept_catalogue(
        lake: dg.ResourceParam[Lake], d_items: pl.LazyFrame, d_labitems: pl.LazyFrame
    ) -> dg.MaterializeResult[None]:
        labels = catalogue.dictionary(d_items.collect(), d_labitems.collect())
        entries = catalogue.entries(labels)
        with lake.write(CATALOGUE.path, CATALOGUE.arrow_schema, None, {}) as writer:
            writer.write(None, catalogue.rows(entries).to_arrow())
        lake.write_files(CATALOGUE.path, {PAGE: catalogue.page(entries, site.inventory.content).encode()})
        return dg.MaterializeResult(
            metadata={
                "page": f"{lake.location(CATALOGUE.path).removesuffix('/part-0.parquet')}/{PAGE}",
                "dagster/row_count": len(entries),
                "concepts": dg.MetadataValue.md(catalogue.summary(entries)),
            }
        )

    asset: dg.AssetsDefinition = dg.asset(
        **asset_arguments(CATALOGUE, site, _page_version()),
        ins={name: input_of(CATALOGUE, path, site) for name, path in DICTIONARIES.items()},
    )(concept_catalogue)
    return asset


def _page_version() -> str:
    """Of the code that writes the page, every concept it describes, and the template."""
    template = (resources.files(catalogue.__package__) / PAGE).read_text(encoding="utf-8")
    return hashlib.sha256((code_version(catalogue.entries, CATALOGUE) + template).encode()).hexdigest()[:12]
