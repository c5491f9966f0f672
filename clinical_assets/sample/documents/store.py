"""The hospital's document store: notes in every format, FHIR resources for the timeline, and the truth beside them.

    documents/manifest.csv                       one row per document
    documents/files/<patient>/<document>.<ext>   the documents; a few are broken on purpose
    documents/fhir/<Resource>.ndjson             the oncology patients' resources
    documents/truth/documents.parquet            one row per document: template, format, defect, text, what to expect
    documents/truth/values.parquet               one row per document and fact stated in it, with its quote and place
    documents/truth/traps.parquet                one row per passage that tempts to find a fact where none is stated

The truth is for scoring; nothing that abstracts may read it. Same seed, same bytes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from clinical_assets.sample.course.story import Story
from clinical_assets.sample.documents import formats, pages
from clinical_assets.sample.documents.defects import DEFECTS, READ, Defect
from clinical_assets.sample.documents.events import resources
from clinical_assets.sample.documents.everyday import EVERYDAY, long_record, other_events
from clinical_assets.sample.documents.formats import Filed
from clinical_assets.sample.documents.people import AUTHORS, person_of
from clinical_assets.sample.documents.stories import Illness, Person, illness
from clinical_assets.sample.documents.templates import KINDS, templates
from clinical_assets.sample.documents.text import TRAP, LaidOut, Layout, Note, laid_out
from clinical_assets.sample.documents.ward import chest_occasion, ward_occasions
from clinical_assets.sample.documents.wording import DATE_FORMS, Occasion, occasions
from clinical_assets.sample.hosp.movements import patients as recorded_patients

FOLDER = "documents"
ONCOLOGY_SHARE = 0.5
OLDEST_WITH_TUMOUR = 85
"""Nobody older is operated on."""
FIRST_LONG_RECORD, LONG_RECORD_EVERY = 3, 10
"""Of the patients with a tumour, counted from 0, who has a record of several hundred documents: about one in twenty of
all patients with documents."""
DEFECT_SHARE = 0.03
FILED_TWICE_SHARE = 0.01
"""The same bytes under a second id, as stores have them."""
MOST_HOURS_TO_STORE = 60

MANIFEST = (
    "document_id",
    "patient_id",
    "file",
    "document_type",
    "category",
    "authored_at",
    "stored_at",
    "content_type",
)
DOCUMENTS = pl.Schema(
    {
        "document_id": pl.String(),
        "patient_id": pl.String(),
        "kind": pl.String(),
        "template": pl.String(),
        "format": pl.String(),
        "defect": pl.String(),
        "expected": pl.String(),
        "exact": pl.Boolean(),
        "text": pl.String(),
    }
)
"""`expected` is `read` or the reason code of the refusal; `exact` says that a reader gives `text` character by
character (a recognised scan gives its words at best); `text` is null where there is none to be had."""
VALUES = pl.Schema(
    {
        "document_id": pl.String(),
        "patient_id": pl.String(),
        "schema": pl.String(),
        "field": pl.String(),
        "value": pl.String(),
        "quote": pl.String(),
        "start": pl.Int64(),
        "end": pl.Int64(),
    }
)
"""`text[start:end]` of the document is `quote` and states that `field` of `schema` is `value`; `end` is exclusive."""
TRAPS = pl.Schema(
    {
        "document_id": pl.String(),
        "patient_id": pl.String(),
        "kind": pl.String(),
        "claim": pl.String(),
        "quote": pl.String(),
        "start": pl.Int64(),
        "end": pl.Int64(),
    }
)
"""`text[start:end]` is `quote`, and `claim` (`<schema>.<field>: <value>`, several parted by a comma) is not stated by
it: it speaks of another person, of the past or a plan, or is carried over from an earlier note. Long records only."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format notes are filed in.

    Attributes:
        name: of the format.
        suffix: of the file.
        content_type: as declared.
        layout: of the text in it.
        write: a note as bytes.
        share: relative frequency.
        imaging_only: whether only imaging reports come in it.
    """

    name: str
    suffix: str
    content_type: str
    layout: Layout
    write: Callable[[Note, Filed], bytes]
    share: int
    imaging_only: bool = False


FORMATS: tuple[Format, ...] = (
    Format("plain", "txt", "text/plain; charset=utf-8", formats.WRITTEN, formats.plain, 22),
    Format("plain cp1252", "txt", "text/plain", formats.WRITTEN, formats.plain_1252, 10),
    Format("html", "html", "text/html", formats.MARKED_UP, formats.html, 15),
    Format("rtf", "rtf", "application/rtf", formats.WRITTEN, formats.rtf, 12),
    Format("ccda", "xml", "application/xml", formats.CODED, formats.ccda, 13),
    Format("pdf", "pdf", "application/pdf", pages.PRINTED, pages.pdf, 20),
    Format("scan", "pdf", "application/pdf", pages.PRINTED, pages.scan, 1),
    Format("fhir", "json", "application/fhir+json", formats.WRITTEN, formats.fhir, 5),
    Format("fhir html", "json", "application/fhir+json", formats.MARKED_UP, formats.fhir_html, 2),
    Format("fhir binary", "json", "application/fhir+json", formats.WRITTEN, formats.fhir_binary, 2),
    Format("dicom sr", "dcm", "application/dicom", pages.REPORTED, pages.dicom_sr, 14, imaging_only=True),
)
SCAN = "scan"
_IMAGING = frozenset(kind for kind, of in KINDS.items() if of.category == "Radiology")
_TYPED = frozenset(everyday.kind for everyday in EVERYDAY) - {"letter", "consent", "dental"}
"""Everyday notes that are written in the hospital's own system: nobody prints and scans them."""


@dataclass
class DocumentFiles:
    """Writes the document store of a hospital's first patients, block by block.

    Attributes:
        rows: documents, facts and FHIR resources written, by table path below `documents`.
    """

    root: Path
    seed: int
    patients: int
    rows: dict[str, int] = field(default_factory=dict)
    _left: int = field(init=False)
    _manifest: list[dict[str, str]] = field(default_factory=list)
    _documents: list[dict[str, object]] = field(default_factory=list)
    _values: list[dict[str, object]] = field(default_factory=list)
    _traps: list[dict[str, object]] = field(default_factory=list)
    _tumours: int = 0
    _resources: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._left = self.patients

    def add(self, story: Story, x_rays: pl.DataFrame, labels: pl.DataFrame) -> None:
        """Write the documents of a block's first patients, as many as are still wanted.

        Args:
            story: the block's.
            x_rays: MIMIC-CXR's metadata of the block.
            labels: its CheXpert labels.
        """
        wanted = min(self._left, story.block.patients)
        self._left -= wanted
        deaths = recorded_patients(story)["dod"].to_list() if wanted else []
        for patient in range(wanted):
            rng = Random(f"{self.seed}:{story.block.number}:{patient}")  # noqa: S311 - repeatable, nothing secret
            person = person_of(story, patient, deaths[patient], rng)
            planned = list(ward_occasions(story, patient, person, rng))
            planned += chest_occasions(person, x_rays, labels, rng)
            tumour = self._illness(person, rng)
            if tumour is not None:
                about_it = [o for o in occasions(person, tumour, rng) if not person.is_away(o.at.date())]
                planned += about_it + self._everyday(person, tumour, about_it, rng)
                for resource in resources(person, tumour):
                    self._tell(resource)
            planned = [o for o in planned if o.at.date() <= person.last_day]
            for number, occasion in enumerate(sorted(planned, key=lambda o: (o.at, o.kind))):
                self._write(person, number, occasion, rng)

    def _illness(self, person: Person, rng: Random) -> Illness | None:
        chosen = rng.random() < ONCOLOGY_SHARE and person.age(person.first_day) <= OLDEST_WITH_TUMOUR
        return illness(person, rng) if chosen else None

    def _everyday(self, person: Person, tumour: Illness, about_it: list[Occasion], rng: Random) -> list[Occasion]:
        """Of a few patients everything else that fills a record."""
        self._tumours += 1
        if (self._tumours - 1) % LONG_RECORD_EVERY != FIRST_LONG_RECORD:
            return []
        visits = [occasion for occasion in about_it if occasion.kind == "progress_clinic"]
        planned = list(long_record(person, tumour, visits, rng))
        for resource in other_events(person, planned):
            self._tell(resource)
        return planned

    def finish(self) -> None:
        """Write the manifest, the resources and the truth; nothing where no documents are wanted."""
        if not self.patients:
            return
        here = self.root / FOLDER
        here.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(self._manifest, schema=list(MANIFEST)).write_csv(here / "manifest.csv")
        (here / "fhir").mkdir(parents=True, exist_ok=True)
        for kind, lines in self._resources.items():
            (here / "fhir" / f"{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.rows[f"{FOLDER}/fhir/{kind}"] = len(lines)
        (here / "truth").mkdir(parents=True, exist_ok=True)
        tables = {
            "documents": (self._documents, DOCUMENTS),
            "values": (self._values, VALUES),
            "traps": (self._traps, TRAPS),
        }
        for name, (rows, schema) in tables.items():
            pl.DataFrame(rows, schema=schema).write_parquet(here / "truth" / f"{name}.parquet")
            self.rows[f"{FOLDER}/truth/{name}"] = len(rows)
        self.rows[f"{FOLDER}/manifest"] = len(self._manifest)

    def _tell(self, resource: Mapping[str, Any]) -> None:
        self._resources.setdefault(resource["resourceType"], []).append(json.dumps(resource, separators=(",", ":")))

    def _write(self, person: Person, number: int, occasion: Occasion, rng: Random) -> None:
        """File one note, and now and then the same file once more."""
        template = rng.choice(templates(occasion.kind))
        author = rng.choice(AUTHORS)
        stored = occasion.at + dt.timedelta(minutes=rng.randrange(5, 60 * MOST_HOURS_TO_STORE))
        filed = Filed(
            self._identifier(person, f"{number}"), person.patient_id, person.name, author,
            occasion.at.isoformat(), stored.isoformat(),
        )  # fmt: skip
        note = template.filled(occasion.slots, header(person, author, occasion.at, rng))
        defect = rng.choice(DEFECTS) if rng.random() < DEFECT_SHARE else None
        chosen = _format(occasion.kind, rng)
        data = defect.write(note, filed) if defect else chosen.write(note, filed)
        self._file(filed, occasion, template.name, note, chosen, defect, data)
        if rng.random() < FILED_TWICE_SHARE:
            again = Filed(
                self._identifier(person, f"{number} again"), filed.patient_id, filed.patient_name, author,
                filed.authored_at, (stored + dt.timedelta(hours=7)).isoformat(),
            )  # fmt: skip
            self._file(again, occasion, template.name, note, chosen, defect, data)

    def _identifier(self, person: Person, number: str) -> str:
        return hashlib.blake2b(f"{self.seed}:{person.patient_id}:{number}".encode(), digest_size=8).hexdigest()

    def _file(
        self, filed: Filed, occasion: Occasion, template: str, note: Note, chosen: Format, defect: Defect | None,
        data: bytes,
    ) -> None:  # fmt: skip
        suffix, content_type = (defect or chosen).suffix, (defect or chosen).content_type
        path = f"files/{filed.patient_id}/{filed.document_id}.{suffix}"
        place = self.root / FOLDER / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        kind = KINDS[occasion.kind]
        row = (filed.document_id, filed.patient_id, path, kind.document_type, kind.category,
               filed.authored_at, filed.stored_at, content_type)  # fmt: skip
        self._manifest.append(dict(zip(MANIFEST, row, strict=True)))
        self._remember(filed, occasion, template, chosen, defect, _text_of(note, chosen, defect))
        if occasion.events:
            related = [{"reference": event} for event in occasion.events]
            self._tell(
                {
                    "resourceType": "DocumentReference",
                    "id": filed.document_id,
                    "status": "current",
                    "subject": {"reference": f"Patient/{filed.patient_id}"},
                    "type": {"text": kind.document_type},
                    "date": filed.authored_at,
                    "content": [{"attachment": {"contentType": content_type, "url": path}}],
                    "context": {"related": related},
                }
            )

    def _remember(
        self, filed: Filed, occasion: Occasion, template: str, chosen: Format, defect: Defect | None,
        text: LaidOut | None,
    ) -> None:  # fmt: skip
        ids = {"document_id": filed.document_id, "patient_id": filed.patient_id}
        self._documents.append(
            ids
            | {
                "kind": occasion.kind,
                "template": template,
                "format": defect.name if defect else chosen.name,
                "defect": defect.name if defect else None,
                "expected": defect.expected if defect else READ,
                "exact": text is not None and (defect is not None or chosen.name != SCAN),
                "text": text.text if text else None,
            }
        )
        for fact in text.evidence if text else ():
            schema, _, name = fact.field.partition(".")
            quote = text.text[fact.start : fact.end] if text else ""
            place = {"quote": quote, "start": fact.start, "end": fact.end}
            if schema == TRAP:
                self._traps.append(ids | {"kind": name, "claim": fact.value} | place)
            else:
                self._values.append(ids | {"schema": schema, "field": name, "value": fact.value} | place)


def chest_occasions(person: Person, x_rays: pl.DataFrame, labels: pl.DataFrame, rng: Random) -> Iterator[Occasion]:
    """The reports of a patient's labelled chest X-rays."""
    own = labels.filter(pl.col("subject_id") == int(person.patient_id)).sort("study_id")
    taken = x_rays.group_by("study_id").agg(pl.col("StudyDate").min(), pl.col("StudyTime").min())
    for row in own.join(taken, on="study_id", how="inner", maintain_order="left").iter_rows(named=True):
        day = dt.datetime.strptime(str(row["StudyDate"]), "%Y%m%d")
        yield chest_occasion(row, day + dt.timedelta(hours=rng.randrange(8, 22), minutes=rng.randrange(60)), rng)


def header(person: Person, author: str, at: dt.datetime, rng: Random) -> tuple[str, ...]:
    """The lines below the title, in one of several styles."""
    day, born = (moment.strftime(rng.choice(DATE_FORMS)) for moment in (at.date(), person.born))
    family, _, given = author.partition(", ")
    return rng.choice(
        (
            (f"Patient Name: {person.name}", f"MRN: {person.mrn}", f"Date of Service: {day}"),
            (f"Patient: {person.name}, DOB: {born}", f"Date: {day}", f"Dictated by: {given} {family}, MD"),
            (f"MRN: {person.mrn}", f"Signed by: {author}", f"Date of Report: {day}"),
            (f"Date of Service: {day}", f"Attending: Dr. {family}"),
        )
    )


def _format(kind: str, rng: Random) -> Format:
    possible = [f for f in FORMATS if kind in _IMAGING or not f.imaging_only]
    possible = [f for f in possible if f.name != SCAN or kind not in _TYPED]
    return rng.choices(possible, [f.share for f in possible])[0]


def _text_of(note: Note, chosen: Format, defect: Defect | None) -> LaidOut | None:
    """The text a reader should give; None where it should refuse."""
    if defect is None:
        return laid_out(note, chosen.layout)
    if defect.expected != READ:
        return None
    return laid_out(note, formats.MARKED_UP if defect.write is formats.html else formats.WRITTEN)
