"""Every table of the MIMIC family that the lake can hold, and the releases they come in.

One declaration per table; the reader, the checks, the UI and the synthetic hospital are derived from it. What does not
belong here: how a file is found or read (`mimic/inventory.py` and the reader), and tables we derive ourselves.
"""

from collections.abc import Mapping

from clinical_assets.mimic.catalogue.cxr import CXR
from clinical_assets.mimic.catalogue.ed import ED
from clinical_assets.mimic.catalogue.hosp import HOSP
from clinical_assets.mimic.catalogue.icu import ICU
from clinical_assets.mimic.catalogue.note import NOTE
from clinical_assets.mimic.catalogue.reflacx import REFLACX
from clinical_assets.mimic.catalogue.releases import RELEASES, Release
from clinical_assets.tables import SourceTable

__all__ = ["RELEASES", "TABLES", "Release"]

TABLES: Mapping[str, SourceTable] = {table.path: table for table in (*HOSP, *ICU, *ED, *CXR, *NOTE, *REFLACX)}
