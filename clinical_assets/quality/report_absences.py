"""What a site does not have, in one line each: data sets that are missing, and what is read as empty without them.

A missing data set is no error: its tables are not in the graph, and what would read them reads no rows. But a count of
nothing must not pass for a finding of nothing, so the report says which data sets were never there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dagster as dg

from clinical_assets.declaration import Site
from clinical_assets.mimic.catalogue import TABLES

DATA_SETS: Mapping[str, str] = {
    "hosp": "MIMIC-IV hospital records (mimic/hosp)",
    "icu": "MIMIC-IV intensive care (mimic/icu)",
    "ed": "MIMIC-IV-ED (mimic/ed)",
    "cxr": "MIMIC-CXR-JPG (mimic/cxr)",
    "note": "MIMIC-IV-Note (mimic/note)",
    "reflacx": "REFLACX (mimic/reflacx)",
}


def absent_data_sets(site: Site, assets: Iterable[dg.AssetsDefinition]) -> list[str]:
    """One line for each data set that is missing, wholly or in part; none where everything is there.

    Args:
        site: what is installed here.
        assets: of the graph: those that read a missing table as empty are named.
    """
    readers: dict[str, set[str]] = {}
    for asset in assets:
        for spec in asset.specs:
            for dep in spec.deps:
                readers.setdefault(dep.asset_key.to_user_string(), set()).add(spec.key.to_user_string())
    lines = []
    for module, title in DATA_SETS.items():
        own = [path for path in TABLES if path.split("/")[1] == module]
        missing = [path for path in own if site.lacks(path)]
        if not missing:
            continue
        what = (
            f"no {title} among the sources"
            if len(missing) == len(own)
            else f"{title} without {', '.join(path.rpartition('/')[2] for path in missing)}"
        )
        empty_for = sorted(set().union(*(readers.get(path, set()) for path in missing)))
        lines.append(f"{what}: read as empty by {_some(empty_for)}" if empty_for else f"{what}: nothing reads it")
    return lines


def _some(names: list[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
