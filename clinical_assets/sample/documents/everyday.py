"""The long record: what a few patients with a tumour have beside the notes about it, several hundred documents.

Calls, messages, refills, appointments, therapy, other clinics, and progress notes that carry an earlier note's text
forward, over the years of the record and most densely while the tumour is treated. Hardly any states a fact; many
tempt to find one. How many there are and of which kind is this hospital's own, of the order reported of real oncology
patients (several hundred to more than a thousand notes each).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from clinical_assets.sample.documents import asides, phrases
from clinical_assets.sample.documents.asides import ASIDES, Since
from clinical_assets.sample.documents.stories import DAY, Illness, Person
from clinical_assets.sample.documents.text import Block, claims, stated, tempting, unmarked
from clinical_assets.sample.documents.wording import DATE_FORMS, Occasion, clock, medications

FEWEST, MOST = 280, 620
"""Documents of a long record beside those about the tumour and the stays."""
WHILE_TREATED = 0.65
"""Share of them between the finding of the tumour and the last visit."""
WITH_ASIDE = 0.45
ON_LEVETIRACETAM = 0.25
"""Share of the home drugs named that are the one taken because of the tumour, once it is known."""
RECOVERED_AFTER = 45 * DAY
BEFORE, AFTER = 200 * DAY, 400 * DAY
"""How far a long record reaches beyond the tumour's story, where the patient lives so long."""
OTHER_IMAGING = {"knee_xray": ("DX", "X-ray knee, 3 views"), "abdomen_ultrasound": ("US", "Ultrasound abdomen")}


@dataclass(frozen=True, slots=True)
class Everyday:
    """A kind of everyday note: key of `templates.KINDS`, its share, and from when it is written."""

    kind: str
    share: int
    since: Since = "always"


EVERYDAY: tuple[Everyday, ...] = (
    Everyday("nursing_visit", 12, "diagnosis"),
    Everyday("portal_message", 12),
    Everyday("laboratory_report", 11),
    Everyday("telephone_triage", 10),
    Everyday("scheduling", 10),
    Everyday("physical_therapy", 9, "recovery"),
    Everyday("refill_request", 8),
    Everyday("copied_progress", 8, "recovery"),
    Everyday("instructions", 7),
    Everyday("primary_care", 5),
    Everyday("occupational_therapy", 4, "recovery"),
    Everyday("speech_therapy", 4, "recovery"),
    Everyday("dietitian", 4, "diagnosis"),
    Everyday("eye_clinic", 3),
    Everyday("dermatology", 3),
    Everyday("cardiology", 3),
    Everyday("social_work", 3, "diagnosis"),
    Everyday("letter", 3),
    Everyday("pharmacist", 3, "diagnosis"),
    Everyday("vaccination", 2),
    Everyday("consent", 2),
    Everyday("dental", 2),
    Everyday("skin_pathology", 1),
    Everyday("knee_xray", 1),
    Everyday("abdomen_ultrasound", 1),
)
COPIED = "copied_progress"
_OF_THE_VISIT = {
    "copied_status": "disease_status",
    "copied_imaging": "imaging_interpretation",
    "copied_performance": "performance",
    "copied_neurological": "neurological",
    "copied_plan": "agent_action",
}
"""What a copied note takes of an earlier visit's note, by slot."""


def long_record(person: Person, told: Illness, visits: Sequence[Occasion], rng: Random) -> Iterator[Occasion]:
    """Every everyday note of a patient, in no particular order.

    Args:
        person: whose record it is.
        told: the tumour's story.
        visits: the notes of the clinic visits (`progress_clinic`), from which later notes copy.
        rng: of the words.
    """
    writer = _Writer(person, told, sorted(visits, key=lambda visit: visit.at), rng)
    ends = max((visit.day for visit in told.visits), default=told.operations[-1].home)
    first = max(person.first_day, told.found - BEFORE)
    last = min(person.last_day, ends + AFTER)
    since: dict[Since, dt.date] = {
        "always": first,
        "diagnosis": told.found,
        "recovery": told.operations[0].home + RECOVERED_AFTER,
    }
    shares = [everyday.share for everyday in EVERYDAY]
    for _ in range(rng.randrange(FEWEST, MOST)):
        chosen = rng.choices(EVERYDAY, shares)[0]
        treated = rng.random() < WHILE_TREATED or chosen.kind == COPIED
        start = max(since[chosen.since], told.found if treated else first)
        end = min(ends, last) if treated else last
        if start > end:
            continue
        day = start + rng.randrange((end - start).days + 1) * DAY
        if not person.is_away(day):
            yield from writer.note(chosen.kind, clock(rng, day), since)


def other_events(person: Person, planned: Sequence[Occasion]) -> Iterator[dict[str, Any]]:
    """FHIR resources of the scans that have nothing to do with the tumour."""
    for occasion in planned:
        if occasion.kind in OTHER_IMAGING:
            modality, words = OTHER_IMAGING[occasion.kind]
            yield {
                "resourceType": "ImagingStudy",
                "id": occasion.events[0].partition("/")[2],
                "status": "available",
                "subject": {"reference": f"Patient/{person.patient_id}"},
                "started": (occasion.at - dt.timedelta(hours=1)).isoformat(),
                "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": modality}],
                "description": words,
            }


@dataclass
class _Writer:
    person: Person
    told: Illness
    visits: Sequence[Occasion]
    rng: Random
    scans: int = 0

    def note(self, kind: str, at: dt.datetime, since: dict[Since, dt.date]) -> Iterator[Occasion]:
        """The note, where there is something to write it from."""
        day = at.date()
        slots: dict[str, Block] = dict(self._common(day))
        slots |= {"aside": self._aside(day, since), "home_drug": self._home_drug(day)}
        if kind == COPIED:
            earlier = [visit for visit in self.visits if visit.at < at]
            if not earlier:
                return
            slots |= self._copied(earlier, day)
        events: tuple[str, ...] = ()
        if kind in OTHER_IMAGING:
            self.scans += 1
            events = (f"ImagingStudy/{self.person.patient_id}-other-{self.scans}",)
        yield Occasion(kind, at, slots, events)

    def _aside(self, day: dt.date, since: dict[Since, dt.date]) -> str:
        if self.rng.random() >= WITH_ASIDE:
            return ""
        aside = self.rng.choice([aside for aside in ASIDES if day >= since[aside.since]])
        return tempting(aside.words, aside.kind, aside.claim)

    def _home_drug(self, day: dt.date) -> str:
        """A drug taken at home; the one taken because of the tumour is a fact."""
        if day > self.told.operations[0].home and self.rng.random() < ON_LEVETIRACETAM:
            return stated("«levetiracetam» 500 mg twice daily", {"medication.agent": "levetiracetam"})
        return self.rng.choice(asides.HOME_DRUGS)

    def _copied(self, earlier: Sequence[Occasion], day: dt.date) -> dict[str, Block]:
        """An earlier visit's own words; outdated where the latest visit says something else."""
        source = earlier[max(0, len(earlier) - 1 - self.rng.choice((0, 1, 1, 2, 3)))]
        slots: dict[str, Block] = {"copied_date": self._date(source.at.date())}
        for slot, of_the_visit in _OF_THE_VISIT.items():
            words, now = str(source.slots[of_the_visit]), str(earlier[-1].slots[of_the_visit])
            claimed, true_now = claims(words), claims(now)
            outdated = any(true_now.get(field, value) != value for field, value in claimed.items())
            said = ", ".join(f"{field}: {value}" for field, value in claimed.items())
            kind = "copied_outdated" if outdated else "copied"
            slots[slot] = tempting(unmarked(words), kind, said) if said else unmarked(words)
        return slots | {"running_medications": medications(self.told, day)}

    def _date(self, day: dt.date) -> str:
        return day.strftime(self.rng.choice(DATE_FORMS))

    def _common(self, day: dt.date) -> dict[str, str]:
        """Words for every other slot of the templates."""
        rng, person = self.rng, self.person
        complaint, eye = rng.choice(asides.COMPLAINTS), rng.choice(("left", "right"))
        skin_site = rng.choice(asides.SKIN_SITES)
        words = _figures(rng) | {
            "age": str(person.age(day)),
            "sex": "woman" if person.female else "man",
            "short": self.told.tumour.name.split(",")[0].lower(),
            "weight": f"{person.weight:.0f}",
            "history": rng.choice(phrases.HISTORY),
            "family_history": rng.choice(phrases.FAMILY_HISTORY),
            "denials": rng.choice(phrases.DENIALS),
            "denials_short": rng.choice(asides.SHORT_DENIALS),
            "feels": rng.choice(asides.FEELINGS),
            "complaint": complaint,
            "complaint_lower": complaint[0].lower() + complaint[1:],
            "question": rng.choice(asides.QUESTIONS),
            "answer": rng.choice(asides.ANSWERS),
            "advice": rng.choice(asides.ADVICE),
            "exercise": rng.choice(asides.EXERCISES),
            "clinic": rng.choice(asides.CLINICS),
            "service": rng.choice(asides.SERVICES),
            "topic": rng.choice(asides.TOPICS),
            "vaccine": rng.choice(asides.VACCINES),
            "arm": rng.choice(("left", "right")),
            "lot": f"{rng.choice('ABCDEFGH')}{rng.randrange(1_000, 9_999)}",
            "eye": eye,
            "eye_capital": eye.capitalize(),
            "skin_site": skin_site,
            "skin_site_capital": skin_site.capitalize(),
            "past_date": self._date(day - rng.randrange(20, 300) * DAY),
            "future_date": self._date(day + rng.randrange(3, 60) * DAY),
        }
        return words | {
            slot: tempting(aside.words.format(**words), aside.kind, aside.claim)
            for slot, aside in asides.IN_PLACE.items()
        }


def _figures(rng: Random) -> dict[str, str]:
    """Measurements and counts of everyday notes, each about as often seen; none is a fact of an abstraction schema."""
    seconds = rng.randrange(8, 16)
    return {
        "acuity": rng.choice(("20/20", "20/25", "20/40")),
        "acuity_left": rng.choice(("20/20", "20/30", "20/50")),
        "pressure": str(rng.randrange(11, 21)),
        "pressure_high": f"{rng.randrange(118, 150)}/{rng.randrange(70, 92)}",
        "nevus": f"{rng.uniform(1.0, 2.9):.1f} x {rng.uniform(0.8, 2.5):.1f}",
        "lesion": f"{rng.uniform(0.3, 1.2):.1f}",
        "inr": f"{rng.uniform(1.0, 3.2):.1f}",
        "sodium": str(rng.randrange(133, 146)),
        "hemoglobin": f"{rng.uniform(9.5, 14.5):.1f}",
        "platelets": str(rng.randrange(60, 280)),
        "temperature": f"{rng.uniform(97.2, 100.2):.1f}",
        "seconds": str(seconds),
        "seconds_before": str(seconds + rng.randrange(1, 5)),
        "session": str(rng.randrange(3, 20)),
        "minutes": str(rng.randrange(2, 9) * 5),
        "visits_left": str(rng.randrange(2, 12)),
        "meals": rng.choice(("two", "three", "five small")),
        "days": str(rng.randrange(2, 30)),
        "count": rng.choice(("30", "60", "90")),
        "refills": str(rng.randrange(4)),
        "pages": str(rng.randrange(3, 60)),
    }
