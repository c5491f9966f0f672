"""What kinds of note there are and how each is built: the registry of templates.

A template is text: a title, then sections under `# headings`, paragraphs, and table rows between bars. Names in braces
are filled by the story; a paragraph that is empty after filling is left out, and so is a section without paragraphs.
The templates themselves are in `templates_surgery`, `templates_imaging`, `templates_clinic` and `templates_general`,
those that fill long records in `templates_messages` and `templates_elsewhere`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from clinical_assets.sample.documents import templates_clinic as document_templates_clinic
from clinical_assets.sample.documents import templates_elsewhere as document_templates_elsewhere
from clinical_assets.sample.documents import templates_general as document_templates_general
from clinical_assets.sample.documents import templates_imaging as document_templates_imaging
from clinical_assets.sample.documents import templates_messages as document_templates_messages
from clinical_assets.sample.documents import templates_surgery as document_templates_surgery
from clinical_assets.sample.documents.text import Block, Note, Section


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of note: what its store calls it, its category and its LOINC document type."""

    document_type: str
    category: str
    loinc: str


_OPERATIVE = Kind("Operative Report", "Surgery", "11504-8")
_MRI = Kind("MRI Brain", "Radiology", "18755-9")
_PATHOLOGY = Kind("Surgical Pathology Report", "Pathology", "11526-1")
_PROGRESS = Kind("Progress Note", "Neurosurgery", "11506-3")
_RADIATION = Kind("Radiation Oncology Note", "Radiation Oncology", "11506-3")

KINDS: Mapping[str, Kind] = {
    "operative": _OPERATIVE,
    "mri_preoperative": _MRI,
    "mri_postoperative": _MRI,
    "mri_surveillance": _MRI,
    "ct_head": Kind("CT Head", "Radiology", "18748-4"),
    "pathology": _PATHOLOGY,
    "consult": Kind("Consult Note", "Neuro-Oncology", "11488-4"),
    "progress_inpatient": _PROGRESS,
    "progress_clinic": Kind("Progress Note", "Neuro-Oncology", "11506-3"),
    "discharge": Kind("Discharge Summary", "Neurosurgery", "18842-5"),
    "radiation_plan": _RADIATION,
    "radiation_visit": _RADIATION,
    "radiation_summary": Kind("Radiation Treatment Summary", "Radiation Oncology", "11506-3"),
    "medication_list": Kind("Medication List", "Pharmacy", "10160-0"),
    "nursing": Kind("Nursing Note", "Nursing", "34746-8"),
    "telephone": Kind("Telephone Encounter", "Telephone", "34748-4"),
    "nutrition": Kind("Nutrition Note", "Nutrition", "11506-3"),
    "discharge_general": Kind("Discharge Summary", "Medicine", "18842-5"),
    "progress_general": Kind("Progress Note", "Medicine", "11506-3"),
    "chest_xray": Kind("Chest X-ray", "Radiology", "18748-4"),
    "refill_request": Kind("Refill Request", "Telephone", "34748-4"),
    "portal_message": Kind("Patient Message", "Patient Portal", "34748-4"),
    "telephone_triage": Kind("Telephone Encounter", "Telephone", "34748-4"),
    "scheduling": Kind("Scheduling Note", "Scheduling", "34748-4"),
    "letter": Kind("Letter", "Administrative", "51852-2"),
    "instructions": Kind("After Visit Summary", "Patient Instructions", "69730-0"),
    "vaccination": Kind("Immunization Note", "Primary Care", "11369-6"),
    "consent": Kind("Consent Form", "Administrative", "59284-0"),
    "laboratory_report": Kind("Laboratory Report", "Laboratory", "11502-2"),
    "physical_therapy": Kind("Progress Note", "Physical Therapy", "11506-3"),
    "occupational_therapy": Kind("Progress Note", "Occupational Therapy", "11506-3"),
    "speech_therapy": Kind("Treatment Note", "Speech Therapy", "11506-3"),
    "dietitian": Kind("Progress Note", "Nutrition", "11506-3"),
    "social_work": Kind("Progress Note", "Social Work", "11506-3"),
    "nursing_visit": Kind("Nursing Note", "Nursing", "34746-8"),
    "eye_clinic": Kind("Progress Note", "Ophthalmology", "11506-3"),
    "dermatology": Kind("Progress Note", "Dermatology", "11506-3"),
    "skin_pathology": _PATHOLOGY,
    "primary_care": Kind("Progress Note", "Internal Medicine", "11506-3"),
    "cardiology": Kind("Consult Note", "Cardiology", "11488-4"),
    "dental": Kind("Clinic Note", "Dentistry", "34746-8"),
    "pharmacist": Kind("Pharmacy Note", "Pharmacy", "11506-3"),
    "knee_xray": Kind("X-ray Knee", "Radiology", "18748-4"),
    "abdomen_ultrasound": Kind("Ultrasound Abdomen", "Radiology", "18748-4"),
    "copied_progress": Kind("Progress Note", "Neuro-Oncology", "11506-3"),
}

# The code a C-CDA gives a section, by its heading in lower case. Codes: HL7 C-CDA R2.1, LOINC document ontology.
_SECTION_CODES: Mapping[str, str] = {
    "indication": "18785-6",
    "clinical history": "55752-0",
    "technique": "55111-9",
    "comparison": "18834-2",
    "findings": "18782-3",
    "impression": "19005-8",
    "procedure": "29554-3",
    "preoperative diagnosis": "10219-4",
    "postoperative diagnosis": "10218-6",
    "complications": "55109-3",
    "estimated blood loss": "59770-8",
    "anesthesia": "59774-0",
    "final diagnosis": "22637-3",
    "gross description": "22634-0",
    "microscopic description": "22635-7",
    "history of present illness": "10164-2",
    "past medical history": "11348-0",
    "family history": "10157-6",
    "physical exam": "29545-1",
    "medications": "10160-0",
    "assessment": "51848-0",
    "assessment and plan": "51847-2",
    "plan": "18776-5",
    "hospital course": "8648-8",
    "discharge diagnosis": "11535-2",
    "discharge medications": "10183-2",
    "chief complaint": "10154-3",
    "results": "30954-2",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A way of writing one kind of note.

    Attributes:
        name: unique, `<kind>/<number>`.
        kind: key of `KINDS`.
        title: first line.
        sections: heading and unfilled blocks.
    """

    name: str
    kind: str
    title: str
    sections: tuple[tuple[str, tuple[Block, ...]], ...]

    def filled(self, slots: Mapping[str, Block], header: tuple[str, ...]) -> Note:
        """The note with every slot filled.

        Raises:
            KeyError: the story has no words for a slot.
        """
        sections = []
        for heading, blocks in self.sections:
            made: list[Block] = []
            for block in (made_of for unfilled in blocks if (made_of := _filled(unfilled, slots))):
                before = made[-1] if made else ""
                if not isinstance(block, str) and not isinstance(before, str):
                    made[-1] = before + block
                else:
                    made.append(block)
            if made:
                sections.append(Section(heading, tuple(made), _SECTION_CODES.get(heading.lower())))
        return Note(self.title, header, tuple(sections), KINDS[self.kind].loinc)


def _filled(block: Block, slots: Mapping[str, Block]) -> Block:
    if isinstance(block, str):
        # A paragraph that is one slot may be a table.
        alone = slots.get(block[1:-1]) if block.startswith("{") else None
        return alone if isinstance(alone, tuple) else " ".join(block.format_map(slots).split())
    return tuple(tuple(cell.format_map(slots) for cell in row) for row in block)


@cache
def templates(kind: str) -> tuple[Template, ...]:
    """The templates of a kind, in a fixed order."""
    return tuple(_parsed(kind, number, text) for number, text in enumerate(_TEXTS[kind], start=1))


_TEXTS: Mapping[str, tuple[str, ...]] = {
    **document_templates_surgery.TEXTS,
    **document_templates_imaging.TEXTS,
    **document_templates_clinic.TEXTS,
    **document_templates_general.TEXTS,
    **document_templates_messages.TEXTS,
    **document_templates_elsewhere.TEXTS,
}


def _parsed(kind: str, number: int, text: str) -> Template:
    title, *rest = text.strip().split("\n")
    sections: list[tuple[str, list[Block]]] = []
    for line in filter(None, map(str.strip, rest)):
        if line.startswith("# "):
            sections.append((line[2:], []))
        elif line.startswith("|"):
            row = tuple(cell.strip() for cell in line.strip("|").split("|"))
            blocks = sections[-1][1]
            if blocks and not isinstance(blocks[-1], str):
                blocks[-1] = (*blocks[-1], row)
            else:
                blocks.append((row,))
        else:
            sections[-1][1].append(line)
    return Template(
        f"{kind}/{number}", kind, title.strip(), tuple((heading, tuple(blocks)) for heading, blocks in sections)
    )
