"""Brain tumours as the made-up oncology patients have them: kinds, markers, places, treatment. Data, and nothing else.

Names, grades and markers follow the WHO classification of tumours of the central nervous system (2021); doses and
schedules are those of common practice (Stupp et al. 2005 for glioblastoma; 54-59.4 Gy for lower grades). Shares and
times to progression are this hospital's own and measured on no patient.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tumour:
    """A kind of tumour.

    Attributes:
        name: as a pathologist signs it.
        grade: WHO grade, 1 to 4.
        icd10: of its usual place.
        weight: relative frequency.
        markers: (name, result) as reported; a result in two halves `a|b` is drawn.
        dose: total Gy and fractions of radiation; None where it is not given.
        drugs: first course, names of `DRUGS`.
        later_drugs: after progression.
        months: median to progression.
        enhancing: how it looks after contrast.
    """

    name: str
    grade: int
    icd10: str
    weight: float
    markers: tuple[tuple[str, str], ...]
    dose: tuple[float, int] | None
    drugs: tuple[str, ...]
    later_drugs: tuple[str, ...]
    months: float
    enhancing: str


IDH, CODELETION, MGMT, KI67 = "IDH", "1p/19q", "MGMT promoter", "Ki-67"

# fmt: off
TUMOURS: tuple[Tumour, ...] = (
    Tumour("Glioblastoma, IDH-wildtype", 4, "C71.9", 8,
           ((IDH, "wildtype"), (MGMT, "methylated|unmethylated"), ("TERT promoter", "mutated"), (KI67, "25%|30%|40%")),
           (60.0, 30), ("temozolomide",), ("bevacizumab", "lomustine"), 8, "heterogeneous ring enhancement"),
    Tumour("Astrocytoma, IDH-mutant", 2, "C71.9", 3,
           ((IDH, "mutant"), (CODELETION, "not codeleted"), ("ATRX", "lost"), (MGMT, "methylated|unmethylated"),
            (KI67, "2%|4%")),
           (54.0, 30), ("temozolomide",), ("vorasidenib",), 36, "no enhancement"),
    Tumour("Astrocytoma, IDH-mutant", 3, "C71.9", 3,
           ((IDH, "mutant"), (CODELETION, "not codeleted"), ("ATRX", "lost"), (MGMT, "methylated"), (KI67, "8%|12%")),
           (59.4, 33), ("temozolomide",), ("lomustine",), 22, "patchy enhancement"),
    Tumour("Oligodendroglioma, IDH-mutant and 1p/19q-codeleted", 2, "C71.9", 3,
           ((IDH, "mutant"), (CODELETION, "codeleted"), ("ATRX", "retained"), (MGMT, "methylated"), (KI67, "3%|5%")),
           (54.0, 30), ("procarbazine", "lomustine", "vincristine"), ("temozolomide",), 48, "minimal enhancement"),
    Tumour("Oligodendroglioma, IDH-mutant and 1p/19q-codeleted", 3, "C71.9", 2,
           ((IDH, "mutant"), (CODELETION, "codeleted"), ("ATRX", "retained"), (MGMT, "methylated"), (KI67, "10%|15%")),
           (59.4, 33), ("temozolomide",), ("procarbazine", "lomustine", "vincristine"), 30, "patchy enhancement"),
    Tumour("Diffuse midline glioma, H3 K27-altered", 4, "C71.7", 1,
           ((IDH, "wildtype"), ("H3 K27M", "positive"), (MGMT, "unmethylated"), (KI67, "20%|35%")),
           (54.0, 30), ("temozolomide",), ("bevacizumab",), 6, "patchy enhancement"),
    Tumour("Pilocytic astrocytoma", 1, "C71.6", 1,
           ((IDH, "wildtype"), ("KIAA1549-BRAF fusion", "detected"), (KI67, "1%|2%")),
           None, (), ("carboplatin", "vincristine"), 40, "an enhancing mural nodule"),
    Tumour("Ependymoma", 3, "C71.7", 1,
           (("EMA", "positive"), ("H3 K27me3", "retained|lost"), (KI67, "15%|20%")),
           (59.4, 33), (), ("carboplatin", "etoposide"), 20, "heterogeneous enhancement"),
    Tumour("Meningioma", 1, "D32.0", 3,
           (("EMA", "positive"), ("SSTR2A", "positive"), ("Progesterone receptor", "positive"), (KI67, "2%|4%")),
           None, (), (), 60, "homogeneous enhancement with a dural tail"),
    Tumour("Meningioma", 2, "D42.0", 2,
           (("EMA", "positive"), ("SSTR2A", "positive"), ("Progesterone receptor", "positive|negative"),
            (KI67, "8%|12%")),
           (59.4, 33), (), ("bevacizumab",), 26, "avid enhancement"),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Site:
    """Where a tumour can be.

    Attributes:
        location: the value an abstractor would enter.
        words: how reports say it, with `{side}` where it has sides.
        midline: it has none.
        eloquent: what keeps a surgeon from taking everything; empty where nothing does.
        codes: prefixes of the ICD-10 codes of tumours found here; empty for the rest.
        deficit: what it does, with `{other}` for the other side of the body.
    """

    location: str
    words: tuple[str, ...]
    deficit: str
    eloquent: str = ""
    midline: bool = False
    codes: tuple[str, ...] = ("C71.9",)


SITES: tuple[Site, ...] = (
    Site("frontal lobe", ("{side} frontal lobe", "{side} superior frontal gyrus", "{side} frontal region"),
         "mild {other} arm weakness", "involvement of the primary motor cortex", codes=("C71.9", "D")),
    Site("temporal lobe", ("{side} temporal lobe", "{side} anterior temporal lobe", "{side} mesial temporal lobe"),
         "word-finding difficulty", ""),
    Site("parietal lobe", ("{side} parietal lobe", "{side} posterior parietal lobe"), "{other} sensory loss",
         "proximity to the corticospinal tract", codes=("C71.9", "D")),
    Site("occipital lobe", ("{side} occipital lobe", "{side} medial occipital lobe"),
         "{other} homonymous hemianopia", ""),
    Site("insula", ("{side} insula", "{side} insular cortex"), "mild {other} facial droop",
         "encasement of the lenticulostriate arteries"),
    Site("thalamus", ("{side} thalamus", "{side} thalamic region"), "{other} hemiparesis",
         "involvement of the deep thalamic nuclei", codes=("C71.7", "C71.9")),
    Site("corpus callosum", ("genu of the corpus callosum", "splenium of the corpus callosum"), "slowed responses",
         "extension across the midline", midline=True),
    Site("pons", ("pons", "ventral pons"), "bilateral sixth nerve palsy", "brainstem location", midline=True,
         codes=("C71.7",)),
    Site("cerebellum", ("{side} cerebellar hemisphere", "{side} cerebellum"), "{side} dysmetria", "",
         codes=("C71.6", "C71.7", "D")),
    Site("fourth ventricle", ("fourth ventricle", "floor of the fourth ventricle"), "gait ataxia",
         "adherence to the floor of the fourth ventricle", midline=True, codes=("C71.7",)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drug:
    """A medicine: its name, dose as ordered, route, RxNorm-free ATC code and how long a course is, in days."""

    name: str
    dose: str
    route: str
    atc: str
    days: int


DRUGS: dict[str, Drug] = {
    drug.name: drug
    for drug in (
        Drug("temozolomide", "150 mg/m2 daily on days 1-5 of each 28-day cycle", "by mouth", "L01AX03", 168),
        Drug("lomustine", "110 mg/m2 once every 6 weeks", "by mouth", "L01AD02", 168),
        Drug("procarbazine", "60 mg/m2 daily on days 8-21 of each 6-week cycle", "by mouth", "L01XB01", 168),
        Drug("vincristine", "1.4 mg/m2 (maximum 2 mg) on days 8 and 29", "intravenously", "L01CA02", 168),
        Drug("bevacizumab", "10 mg/kg every 2 weeks", "intravenously", "L01FG01", 140),
        Drug("vorasidenib", "40 mg daily", "by mouth", "L01XM04", 300),
        Drug("carboplatin", "AUC 5 every 4 weeks", "intravenously", "L01XA02", 140),
        Drug("etoposide", "50 mg/m2 daily on days 1-21", "by mouth", "L01CB01", 112),
        Drug("dexamethasone", "4 mg every 6 hours", "by mouth", "H02AB02", 14),
        Drug("levetiracetam", "500 mg twice daily", "by mouth", "N03AX14", 365),
    )
}
