"""The releases this lake knows, by their folder under a PhysioNet-style root.

A release's file of a table is `<root>/<release.folder>/<table.file>.csv.gz`, or `.csv`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clinical_assets.mimic.catalogue.cxr import CXR
from clinical_assets.mimic.catalogue.ed import ED
from clinical_assets.mimic.catalogue.hosp import HOSP
from clinical_assets.mimic.catalogue.icu import ICU
from clinical_assets.mimic.catalogue.note import NOTE
from clinical_assets.mimic.catalogue.reflacx import REFLACX
from clinical_assets.tables import SourceTable


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published release of one dataset.

    Attributes:
        folder: its folder under the root, e.g. `mimiciv/3.1`; also the key of a table's `published_rows`.
        dataset: what it is a release of, e.g. `mimic-iv`. A demo is a dataset of its own.
        version: as published, e.g. `3.1`.
        tables: paths of the tables it holds, e.g. `mimic/hosp/labevents`.
        absent_columns: per table path, columns that its copies may lack. The reader fills them with nulls where the
            file's header lacks them, so they are nullable and in no primary key; any other column a file lacks is an
            error.
    """

    folder: str
    dataset: str
    version: str
    tables: tuple[str, ...]
    absent_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules its tables belong to, e.g. `("hosp", "icu")`."""
        return tuple(dict.fromkeys(path.split("/")[1] for path in self.tables))


def _release(
    folder: str,
    dataset: str,
    tables: tuple[SourceTable, ...],
    absent_columns: Mapping[str, tuple[str, ...]] | None = None,
) -> Release:
    return Release(
        folder=folder,
        dataset=dataset,
        version=folder.split("/")[-1],
        tables=tuple(table.path for table in tables),
        absent_columns=absent_columns or {},
    )


# Where two releases of one dataset lie under a root, the later one stands first here.
RELEASES: Mapping[str, Release] = {
    release.folder: release
    for release in (
        _release("mimiciv/3.1", "mimic-iv", (*HOSP, *ICU)),
        # Reported to hold diagnoses of a patient whom its patients table lacks (mimic-code issues 1787 and 1792).
        _release("mimiciv/3.0", "mimic-iv", (*HOSP, *ICU)),
        _release("mimiciv/2.2", "mimic-iv", (*HOSP, *ICU)),
        _release("mimic-iv-demo/2.2", "mimic-iv-demo", (*HOSP, *ICU)),
        _release("mimic-iv-ed/2.2", "mimic-iv-ed", ED),
        _release(
            "mimic-iv-ed-demo/2.2",
            "mimic-iv-ed-demo",
            ED,
            # Copies rebuilt from the demo's FHIR resources have lost the row numbers.
            absent_columns={"mimic/ed/medrecon": ("etc_rn",), "mimic/ed/pyxis": ("med_rn", "gsn_rn")},
        ),
        _release("mimic-cxr-jpg/2.1.0", "mimic-cxr-jpg", CXR),
        _release("mimic-cxr-jpg/2.0.0", "mimic-cxr-jpg", CXR),
        _release("mimic-iv-note/2.2", "mimic-iv-note", NOTE),
        _release("reflacx/1.0.0", "reflacx", REFLACX),
        _release("reflacx-xray-localization/1.0.0", "reflacx", REFLACX),
    )
}
