"""How much of what a record states survives the prioritiser: facts whose document is kept, by what it stands beside.

Records are made up and never filed: every document could be read, so that only the choice among them is measured.
Bounds are parts of the facts, a little below what 42 patients gave.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

import polars as pl
import pytest

from clinical_assets.documents.prioritised.note_profiles import GENERAL, ONCOLOGY, REPEAT
from clinical_assets.documents.prioritised.prioritisation import NOTE_SCHEMA, Prioritised, prioritise
from clinical_assets.documents.prioritised.repeated_text import said
from clinical_assets.documents.timeline.events import LINK_SCHEMA, medication_courses
from clinical_assets.documents.timeline.fhir_events import from_fhir
from clinical_assets.documents.timeline.timeline_links import source_documents
from clinical_assets.sample.blocks import Block
from clinical_assets.sample.documents.events import resources
from clinical_assets.sample.documents.everyday import OTHER_IMAGING, long_record, other_events
from clinical_assets.sample.documents.people import person_of
from clinical_assets.sample.documents.stories import Illness, illness
from clinical_assets.sample.documents.templates import KINDS, templates
from clinical_assets.sample.documents.text import TRAP, LaidOut, Layout, Note, laid_out
from clinical_assets.sample.documents.wording import Occasion, occasions
from clinical_assets.sample.hosp.movements import patients as recorded_patients
from clinical_assets.sample.hospital import told

LONG, WEEK = 300, 7
_TEXTS = {"document_id": pl.String, "text": pl.String}
_FACTS = {"document_id": pl.String, "patient_id": pl.String, "trigger": pl.String, "field": pl.String}


@dataclass
class Records:
    """Long records as the prioritiser meets them, and the facts their documents state.

    Attributes:
        notes: see `NOTE_SCHEMA`.
        events: see `timeline.events.EVENT_SCHEMA`.
        links: see `timeline.timeline_store.SOURCE_DOCUMENT_SCHEMA`.
        facts: one row per fact and trigger its document stands beside: `document_id`, `patient_id`, `trigger`,
            `field`.
        texts: `document_id` and `text`.
        kinds: what kind of note each document is, by its id.
    """

    notes: pl.DataFrame
    events: pl.DataFrame
    links: pl.DataFrame
    facts: pl.DataFrame
    texts: pl.DataFrame
    kinds: dict[str, str] = field(default_factory=dict)


def long_records(story, patients: int, seed: int) -> Records:
    """The records of the first patients of a story whose tumour has a record of `LONG` documents and more."""
    deaths = recorded_patients(story)["dod"].to_list()
    notes, told_of, facts, texts, kinds = [], [], [], {}, {}
    found = 0
    for patient in range(len(deaths)):
        rng = Random(f"{seed}:{patient}")
        person = person_of(story, patient, deaths[patient], rng)
        case = illness(person, rng)
        if case is None:
            continue
        about_it = [o for o in occasions(person, case, rng) if not person.is_away(o.at.date())]
        visits = [o for o in about_it if o.kind == "progress_clinic"]
        everyday = list(long_record(person, case, visits, rng))
        written = [o for o in (*about_it, *everyday) if o.at.date() <= person.last_day]
        if len(written) < LONG:
            continue
        own = {f"{person.patient_id}-{i}": o for i, o in enumerate(sorted(written, key=lambda o: (o.at, o.kind)))}
        notes += [_note(name, person.patient_id, occasion) for name, occasion in own.items()]
        told_of += [*resources(person, case), *other_events(person, everyday)]
        told_of += [_reference(name, person.patient_id, o) for name, o in own.items() if o.events]
        kinds |= {name: occasion.kind for name, occasion in own.items()}
        worded = {name: laid_out(_filled(name, occasion), Layout()) for name, occasion in own.items()}
        texts |= {name: words.text for name, words in worded.items()}
        facts += _facts(person.patient_id, case, own, worded)
        found += 1
        if found == patients:
            break
    timeline = from_fhir(told_of)
    events = medication_courses(timeline.events)
    frame = pl.DataFrame(notes, schema=NOTE_SCHEMA, orient="row")
    index = frame.rename({"note_date": "authored_date", "note_type": "document_type", "title": "description"})
    links = source_documents(index, events, timeline.links.select(list(LINK_SCHEMA)))
    stated = pl.DataFrame(facts, schema=_FACTS, orient="row")
    return Records(frame, events, links, stated, pl.DataFrame(list(texts.items()), schema=_TEXTS, orient="row"), kinds)


def _filled(name: str, occasion: Occasion) -> Note:
    return Random(name).choice(templates(occasion.kind)).filled(occasion.slots, ())


def _note(name: str, patient_id: str, occasion: Occasion) -> tuple[object, ...]:
    kind = KINDS[occasion.kind]
    return name, patient_id, occasion.at.date(), occasion.at, kind.document_type, None, kind.category


def _reference(name: str, patient_id: str, occasion: Occasion) -> dict[str, object]:
    return {
        "resourceType": "DocumentReference",
        "id": name,
        "status": "current",
        "subject": {"reference": f"Patient/{patient_id}"},
        "context": {"related": [{"reference": event} for event in occasion.events]},
    }


def _facts(
    patient_id: str, case: Illness, own: dict[str, Occasion], worded: dict[str, LaidOut]
) -> Iterator[tuple[str, ...]]:
    for name, occasion in own.items():
        beside = sorted(_triggers(case, occasion))
        stated = [fact.field for fact in worded[name].evidence if not fact.field.startswith(f"{TRAP}.")]
        yield from ((name, patient_id, trigger, fact) for trigger in beside for fact in stated)


def _triggers(case: Illness, occasion: Occasion) -> Iterator[str]:
    """What a document stands beside."""
    day, kind = occasion.at.date(), occasion.kind
    if kind == "operative":
        yield "operative report"
    if kind == "pathology":
        late = min((day - s.day).days for s in case.operations if s.day <= day) > WEEK
        yield "pathology after day 7" if late else "pathology within 7 days"
    if kind.startswith("mri_"):
        yield "MRI report"
    if kind == "mri_postoperative":
        yield "scan after operation"
    if kind.startswith("radiation_"):
        yield "radiation"
    if kind != "progress_clinic":
        return
    if any(0 <= (day - scan.day).days <= WEEK for scan in case.scans):
        yield "visit after MRI"
    if any(_near(day, course.start) for course in case.drugs):
        yield "drug start"
    if any(_near(day, course.end) for course in case.drugs):
        yield "drug end"
    if day == max(visit.day for visit in case.visits):
        yield "last clinic visit"


def _near(day: dt.date, other: dt.date) -> bool:
    return abs((day - other).days) <= WEEK


def surviving(records: Records, kept: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Facts whose document is kept, and all facts, by what their document stands beside."""
    counted = (
        records.facts.with_columns(pl.col("document_id").is_in(kept["document_id"].implode()).alias("kept"))
        .group_by("trigger")
        .agg(pl.col("kept").sum(), pl.len().alias("facts"))
        .sort("trigger")
    )
    return {trigger: (survived, facts) for trigger, survived, facts in counted.iter_rows()}


def notes_per_patient(frame: pl.DataFrame) -> pl.Series:
    """How many notes each patient has, or has kept."""
    return frame.group_by("patient_id").len()["len"]


@pytest.fixture(scope="module")
def records():
    """A small fixed set of patients."""
    return long_records(told(Block(20, 0, 40)), 12, 22)


@pytest.fixture(scope="module")
def kept(records):
    return chosen(records).kept


def chosen(records: Records) -> Prioritised:
    told = said(records.texts.lazy(), records.texts["document_id"])
    return prioritise(records.notes, records.events, ONCOLOGY, records.links, told)


def test_a_record_of_hundreds_becomes_a_few_dozen(records, kept):
    before, after = notes_per_patient(records.notes), notes_per_patient(kept)
    assert len(before) == len(after) == 12
    assert before.min() >= LONG
    assert after.min() >= 15
    assert after.max() <= 60
    assert 0.05 <= after.sum() / before.sum() <= 0.1


AT_LEAST = {
    "MRI report": 1.0,
    "drug end": 0.9,
    "drug start": 0.95,
    "last clinic visit": 0.95,
    "operative report": 1.0,
    "pathology after day 7": 1.0,
    "pathology within 7 days": 1.0,
    "radiation": 1.0,
    "scan after operation": 1.0,
    "visit after MRI": 0.9,
}
UNLINKED = AT_LEAST | {
    "MRI report": 0.95,
    "drug end": 0.85,
    "drug start": 0.85,
    "last clinic visit": 0.9,
    "pathology after day 7": 0.85,
    "radiation": 0.5,
    "visit after MRI": 0.8,
}
"""Where no source says which document describes which event, and nothing was linked by rule either."""


def lost(records: Records, kept: pl.DataFrame, bounds: dict[str, float]) -> dict[str, tuple[int, int]]:
    survived = surviving(records, kept)
    assert set(survived) == set(bounds)
    return {trigger: of for trigger, of in survived.items() if of[0] < bounds[trigger] * of[1]}


def test_what_documents_beside_events_state_is_kept(records, kept):
    assert lost(records, kept, AT_LEAST) == {}


def test_without_links_the_triggers_alone_keep_most(records):
    assert lost(records, prioritise(records.notes, records.events, ONCOLOGY).kept, UNLINKED) == {}


def test_scans_of_other_organs_are_not_kept(records, kept):
    assert set(OTHER_IMAGING) <= set(records.kinds.values())
    assert not {records.kinds[document] for document in kept["document_id"]} & set(OTHER_IMAGING)


# --- The general profile ----------------------------------------------------------------------------------------------

GENERAL_AT_LEAST = AT_LEAST | {"drug start": 0.9}
GENERAL_UNLINKED = GENERAL_AT_LEAST | {
    "MRI report": 0.95,
    "drug start": 0.8,
    "last clinic visit": 0.5,
    "radiation": 0.4,
    "visit after MRI": 0.85,
}
"""It does not know an oncologist's visits from others: where nothing is linked, another clinic's may be the nearest."""


@pytest.mark.parametrize(("linked", "bounds"), [(True, GENERAL_AT_LEAST), (False, GENERAL_UNLINKED)])
def test_the_general_profile_keeps_what_is_stated_beside_events_too(records, linked, bounds):
    told = said(records.texts.lazy(), records.texts["document_id"])
    result = prioritise(records.notes, records.events, GENERAL, records.links if linked else None, told)
    assert lost(records, result.kept, bounds) == {}
    assert 0.05 <= result.reduction.share_kept <= 0.15


# --- Copied forward ---------------------------------------------------------------------------------------------------

COPIES, COPY = 40, "copy of "
ADDENDUM = "\nADDENDUM: the family called, he had {} seizures last night.\n"


def with_copies(records: Records, kept: pl.DataFrame, addendum: str = "") -> Records:
    """The records, and of each patient `COPIES` times a kept visit's note filed anew on a later day, of no visit."""
    rng = Random(22)
    text = dict(records.texts.iter_rows())
    last = dict(records.notes.group_by("patient_id").agg(pl.col("note_time").max()).iter_rows())
    notes, texts = [], []
    for _, own in kept.select(list(NOTE_SCHEMA)).group_by("patient_id", maintain_order=True):
        visits = [row for row in own.iter_rows(named=True) if records.kinds[row["document_id"]] == "progress_clinic"]
        for number in range(COPIES):
            source = rng.choice(visits)
            later = source["note_time"] + dt.timedelta(days=rng.randrange(1, 200), minutes=1)
            at = min(later, last[source["patient_id"]] + dt.timedelta(minutes=number + 1))
            name = f"{COPY}{source['document_id']} {number}"
            notes.append(source | {"document_id": name, "note_date": at.date(), "note_time": at})
            texts.append((name, text[source["document_id"]] + addendum.format(number + 2)))
    return replace(
        records,
        notes=pl.concat([records.notes, pl.DataFrame(notes, schema=NOTE_SCHEMA)]),
        texts=pl.concat([records.texts, pl.DataFrame(texts, schema=_TEXTS, orient="row")]),
    )


def copies_in(kept: pl.DataFrame) -> int:
    return kept["document_id"].str.starts_with(COPY).sum()


def test_notes_copied_forward_whole_take_few_places_and_no_fact_with_them(records, kept):
    copied = with_copies(records, kept)
    blind = prioritise(copied.notes, copied.events, ONCOLOGY, copied.links).kept
    result = chosen(copied)
    assert copies_in(blind) >= 0.04 * blind.height, "the test means something"
    assert copies_in(result.kept) <= 0.2 * copies_in(blind)
    # Those that are kept are the only ones their triggers could have.
    assert copies_in(result.kept.filter(~pl.col("reasons").list.contains(REPEAT))) == 0
    assert lost(copied, result.kept, AT_LEAST) == {}
    before, after = surviving(copied, blind), surviving(copied, result.kept)
    assert all(after[trigger] >= before[trigger] for trigger in before)


def test_a_copy_with_an_addendum_is_a_note_like_another(records, kept):
    copied = with_copies(records, kept, ADDENDUM)
    blind = prioritise(copied.notes, copied.events, ONCOLOGY, copied.links).kept
    assert copies_in(chosen(copied).kept) == copies_in(blind)
