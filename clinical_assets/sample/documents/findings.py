"""The findings of operations, tissue and scans in words, each marked with the facts it states.

Field names are `<schema>.<field>`, as in `wording`, which decides where these words stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from clinical_assets.sample.documents import phrases
from clinical_assets.sample.documents.stories import Illness, Scan, Surgery
from clinical_assets.sample.documents.text import Block, stated
from clinical_assets.sample.documents.tumours import IDH


def capital(words: str) -> str:
    """The words with a capital first letter."""
    return words[:1].upper() + words[1:]


def says(rng: Random, choices: tuple[str, ...], facts: Mapping[str, object], **slots: object) -> str:
    """One of several wordings with its slots filled, marked with the facts it states."""
    return stated(rng.choice(choices).format(**slots), facts)


def cubed(diameter: float) -> str:
    """Two diameters as reports print them."""
    return f"{diameter:.1f} x {diameter * 0.85:.1f}"


def operated(told: Illness, surgery: Surgery, rng: Random) -> dict[str, Block]:
    """Words of an operative report."""
    reason = told.site.eloquent or "swelling"
    clause = rng.choice(phrases.REASON_CLAUSES).format(eloquent=reason)
    facts: dict[str, object] = {"operative_report.extent_of_resection": surgery.extent}
    extent = says(rng, phrases.OPERATIVE_EXTENT[surgery.extent], facts, reason_clause=clause, percent=surgery.percent)
    percent = ""
    if surgery.extent != "Biopsy Only":
        known = {"operative_report.estimated_percent_resection": surgery.percent}
        percent = stated(f"Estimated «{surgery.percent}%» of the tumor was removed.", known)
    what = "stereotactic needle biopsy" if surgery.extent == "Biopsy Only" else "craniotomy for tumor resection"
    side = "" if told.site.midline else f"{capital(told.side)} "
    procedure = f"{side}{what}, {told.site.location}, with navigation."
    texture = rng.choice(("soft and gray", "firm", "gelatinous", "partly cystic", "vascular and friable"))
    bled = rng.choice(("little", "moderately"))
    complication = {"operative_report.complications": surgery.complication}
    return {
        "procedure": capital(procedure),
        "procedure_lower": procedure[:1].lower() + procedure[1:-1],
        "texture": texture,
        "texture_capital": capital(texture),
        "bleeding": bled,
        "blood_loss": str(rng.randrange(5, 60) * 10),
        "operative_extent": extent,
        "operative_extent_lower": extent,
        "estimated_percent": percent,
        "complications": says(rng, phrases.COMPLICATIONS[surgery.complication], complication),
    }


def extent_seen(scan: Scan, rng: Random) -> str:
    """What a scan after an operation says of what is left."""
    assert scan.extent is not None
    facts: dict[str, object] = {"imaging_extent.extent_of_resection": scan.extent}
    if scan.extent in ("STR", "Partial"):
        facts["imaging_extent.measurement"] = f"{cubed(scan.size)} cm"
    return says(rng, phrases.IMAGING_EXTENT[scan.extent], facts, residual=cubed(scan.size), size=cubed(scan.size))


def tissue(told: Illness, surgery: Surgery, rng: Random) -> dict[str, Block]:
    """Words of a pathology report."""
    tumour = told.tumour
    diagnosis = {"pathology.diagnosis": tumour.name, "pathology.who_grade": tumour.grade}
    form = rng.choice(("«{name}, CNS WHO grade {grade}»", "«{name} (WHO grade {grade})»"))
    results = [(name, result, {f"pathology.{_field(name)}": result}) for name, result in told.markers]
    specimen = "biopsy" if surgery.extent == "Biopsy Only" else "resection"
    return {
        "diagnosis_mark": stated(form.format(name=tumour.name, grade=tumour.grade), diagnosis),
        "marker_rows": tuple((name, stated(result, facts)) for name, result, facts in results),
        "marker_sentences": " ".join(stated(f"{n}: «{result}».", facts) for n, result, facts in results),
        "microscopy": rng.choice(
            (
                "Sections show a cellular neoplasm with nuclear atypia. Mitoses are counted in ten fields.",
                "Infiltrating cells in a fibrillary background; no granulomas, no organisms.",
                "The tumor is moderately cellular. Vessels are thickened in places.",
            )
        ),
        "gross": cubed(rng.uniform(0.8, 3.5)),
        "specimen": specimen,
        "specimen_capital": capital(specimen),
    }


def tumor_status(scan: Scan, place: str, rng: Random) -> str:
    """What a scan in surveillance says of the tumour, with both sizes where it names them."""
    assert scan.status is not None
    size, prior = cubed(scan.size), cubed(scan.prior)
    facts: dict[str, object] = {"tumor_status.tumor_status": scan.status}
    choices = phrases.TUMOR_STATUS[scan.status]
    if scan.doubtful:
        choices = phrases.DOUBTFUL_INCREASE
    elif scan.status == "Increased" and scan.prior == 0:
        choices = phrases.REGROWTH
    words = rng.choice(choices)
    before, quoted, after = re.split("[«»]", words)
    sizes = {"size": ("tumor_status.current_size", size), "prior": ("tumor_status.prior_size", prior)}
    for name, (field, value) in sizes.items():
        # A size within the evidence is evidenced by it; one that stands elsewhere is its own.
        if f"{{{name}}}" in quoted:
            facts[field] = f"{value} cm"
        before, after = (
            part.replace(f"{{{name}}} cm", stated(f"{value} cm", {field: f"{value} cm"})) for part in (before, after)
        )
    passage = stated(f"«{quoted}»", facts)
    return "".join((before, passage, after)).format(size=size, prior=prior, location=place)


def _field(marker: str) -> str:
    """A marker's name as a field: `MGMT promoter` is `mgmt_promoter`."""
    if marker == IDH:
        return "idh_status"
    return "".join(c if c.isalnum() else "_" for c in marker.lower())
