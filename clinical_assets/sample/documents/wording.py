"""From what happens to a patient to the notes about it: which are written, when, and the words that fill their slots.

Every slot that states a fact of an abstraction schema is marked with it (`document_text.stated`); the field names are
`<schema>.<field>`. Slots that are only colour (history, family history, plans that depend) carry no mark: what they say
must not be abstracted as the patient's present state.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from clinical_assets.sample.documents import phrases
from clinical_assets.sample.documents.findings import capital, cubed, extent_seen, operated, says, tissue, tumor_status
from clinical_assets.sample.documents.stories import DAY, DrugCourse, Illness, Person, Scan, Surgery, Visit
from clinical_assets.sample.documents.text import Block, stated
from clinical_assets.sample.documents.tumours import DRUGS

ECOG = {100: 0, 90: 1, 80: 1, 70: 2, 60: 2, 50: 3}
DATE_FORMS = ("%m/%d/%Y", "%B %d, %Y", "%Y-%m-%d", "%d %b %Y")
_SHORTEST = {"Gross Total Resection": "resection", "Biopsy Only": "biopsy"}


@dataclass(frozen=True, slots=True)
class Occasion:
    """A note to be written.

    Attributes:
        kind: key of `document_templates.KINDS`.
        at: when its author writes it.
        slots: words for its template.
        events: FHIR references of what it is about, e.g. `Procedure/10000032-surgery-1`.
    """

    kind: str
    at: dt.datetime
    slots: Mapping[str, Block]
    events: tuple[str, ...] = ()


def clock(rng: Random, day: dt.date, earliest: int = 8, latest: int = 17) -> dt.datetime:
    """A time of day."""
    return dt.datetime.combine(day, dt.time(rng.randrange(earliest, latest), rng.randrange(60)))


def occasions(person: Person, told: Illness, rng: Random) -> Iterator[Occasion]:
    """Every note about an illness, in no particular order; none after the records end."""
    writer = _Writer(person, told, rng)
    yield from writer.before_surgery()
    for surgery in told.operations:
        yield from writer.around_surgery(surgery)
    for scan in told.scans:
        yield from writer.scan(scan)
    yield from writer.during_radiation()
    for visit in told.visits:
        yield from writer.visit(visit)


@dataclass(frozen=True, slots=True)
class _Writer:
    person: Person
    told: Illness
    rng: Random

    def _event(self, resource: str, what: str) -> str:
        return f"{resource}/{self.person.patient_id}-{what}"

    def _common(self, on: dt.date) -> dict[str, Block]:
        """What every template may ask for."""
        rng, told = self.rng, self.told
        short = told.tumour.name.split(",")[0].lower()
        return {
            "age": str(self.person.age(on)),
            "sex": "woman" if self.person.female else "man",
            "weight": f"{self.person.weight:.0f}",
            "location": told.words,
            "location_capital": stated(capital(told.words), self._place()),
            "location_mark": stated(told.words, self._place()),
            "size": cubed(told.scans[0].size),
            "short": short,
            "short_capital": capital(short),
            "short_generic": "an extra-axial tumor" if short == "meningioma" else "a primary glial tumor",
            "diagnosis_words": f"{told.tumour.name}, WHO grade {told.tumour.grade}",
            "deficit": told.deficit,
            "deficit_capital": capital(told.deficit),
            "history": rng.choice(phrases.HISTORY),
            "family_history": rng.choice(phrases.FAMILY_HISTORY),
            "denials": rng.choice(phrases.DENIALS),
            "conditional": rng.choice(phrases.CONDITIONAL_PLANS),
            "incidental": rng.choice(phrases.INCIDENTAL),
            "platelets": str(rng.randrange(60, 280)),
            "sodium": str(rng.randrange(133, 146)),
            "sodium_words": "no nausea",
            "hemoglobin": f"{rng.uniform(9.5, 14.5):.1f}",
            "surgery_date": self._date(told.operations[0].day),
        }

    def _date(self, day: dt.date) -> str:
        return day.strftime(self.rng.choice(DATE_FORMS))

    def _place(self) -> dict[str, str]:
        return {
            "tumor_location.primary_location": self.told.site.location,
            "tumor_location.laterality": self.told.laterality,
        }

    def _performance(self, kps: int) -> str:
        """Karnofsky or ECOG, as clinics differ."""
        if self.rng.random() < 0.6:
            return stated(f"«Karnofsky {kps}»." if self.rng.random() < 0.5 else f"«KPS {kps}%».", _score("kps", kps))
        return stated(f"«ECOG {ECOG[kps]}».", _score("ecog", ECOG[kps]))

    def _neurological(self, status: str) -> str:
        facts = {} if status == "not_documented" else {"progress_note.neurological_status": status}
        words = {"deficit": self.told.deficit, "deficit_capital": capital(self.told.deficit)}
        return says(self.rng, phrases.NEUROLOGICAL[status], facts, **words)

    # -- surgery -----------------------------------------------------------------------------------------------------

    def before_surgery(self) -> Iterator[Occasion]:
        found = self.told.found
        slots = self._common(found)
        slots["performance"] = self._performance(self.rng.choice((80, 90)))
        if self.rng.random() < 0.4:
            yield Occasion("ct_head", clock(self.rng, found, 6, 9), slots)
        yield Occasion("consult", clock(self.rng, found + self.rng.randrange(1, 4) * DAY), slots)
        if self.rng.random() < 0.5:
            yield Occasion("telephone", clock(self.rng, found + 2 * DAY), slots)

    def around_surgery(self, surgery: Surgery) -> Iterator[Occasion]:
        rng, common = self.rng, self._common(surgery.day)
        references = (self._event("Procedure", f"surgery-{surgery.number}"),)
        slots = common | operated(self.told, surgery, self.rng)
        yield Occasion("operative", clock(rng, surgery.day, 12, 20), slots, references)
        for pod in range(1, min((surgery.home - surgery.day).days, 3) + 1):
            day = {"pod": str(pod), "neurological": self._neurological(rng.choice(("stable", "stable", "improved")))}
            yield Occasion("progress_inpatient", clock(rng, surgery.day + pod * DAY, 7, 11), common | day)
            if rng.random() < 0.7:
                yield Occasion("nursing", clock(rng, surgery.day + pod * DAY, 18, 23), common)
        yield Occasion("discharge", clock(rng, surgery.home, 10, 17), slots | self._sent_home(surgery))
        if surgery.reported <= self.person.last_day:
            report = (self._event("DiagnosticReport", f"pathology-{surgery.number}"),)
            yield Occasion(
                "pathology", clock(rng, surgery.reported), common | tissue(self.told, surgery, self.rng), report
            )

    def _sent_home(self, surgery: Surgery) -> dict[str, Block]:
        scan = next(s for s in self.told.scans if s.phase == "post_operative" and s.day > surgery.day)
        words = capital(f"{self.told.site.location} tumor, status post {_SHORTEST.get(surgery.extent, 'debulking')}.")
        event = self.rng.choice(
            (
                "The postoperative course was uneventful.",
                "Mild headache was treated.",
                "He did not need rehabilitation.",
            )
            if not self.person.female
            else ("The postoperative course was uneventful.", "Mild headache was treated.", "She walked on day 1.")
        )
        return {
            "imaging_extent": extent_seen(scan, self.rng),
            "discharge_diagnosis": stated(words, {"discharge_summary.diagnosis": words.rstrip(".")}),
            "course_event": event,
            "disposition": stated("«Home» with family.", {"discharge_summary.disposition": "home"}),
            "neurological": self._neurological("stable"),
            "medication_lines": medications(self.told, surgery.home),
        }

    # -- imaging -----------------------------------------------------------------------------------------------------

    def scan(self, scan: Scan) -> Iterator[Occasion]:
        rng, told, slots = self.rng, self.told, self._common(scan.day)
        words = {
            "short": slots["short"],
            "short_capital": slots["short_capital"],
            "deficit_capital": slots["deficit_capital"],
            "surgery_date": self._date(max((s.day for s in told.operations if s.day <= scan.day), default=scan.day)),
            "pod": scan.pod,
        }
        kind = {"imaging_classification.imaging_type": scan.phase}
        slots["imaging_type"] = says(rng, phrases.IMAGING_TYPE[scan.phase], kind, **words)
        slots["prior_date"] = self._date(scan.prior_day or scan.day)
        slots["size"] = cubed(scan.size)
        enhancing = told.tumour.enhancing
        if scan.phase == "pre_operative":
            sentence = says(
                rng, phrases.LOCATION_IN, self._place(), location=told.words, location_capital=capital(told.words),
                size=slots["size"],
            )  # fmt: skip
            slots["location_sentence"] = sentence
        elif scan.phase == "post_operative":
            slots["imaging_extent"] = extent_seen(scan, self.rng)
        else:
            slots["tumor_status"] = tumor_status(scan, told.words, rng)
            enhancing = "no abnormal enhancement" if scan.status == "NED" else enhancing
        slots["enhancement"] = says(
            rng, phrases.ENHANCEMENT, {"tumor_status.enhancement_pattern": enhancing}, enhancing=enhancing
        )
        number = told.scans.index(scan) + 1
        events = (self._event("ImagingStudy", f"mri-{number}"), self._event("DiagnosticReport", f"mri-{number}"))
        at = dt.datetime.combine(scan.day, imaging_time(number)) + dt.timedelta(hours=rng.randrange(1, 6))
        yield Occasion(f"mri_{scan.phase.replace('_', '')}", at, slots, events)

    # -- radiation ---------------------------------------------------------------------------------------------------

    def during_radiation(self) -> Iterator[Occasion]:
        course, rng = self.told.radiation, self.rng
        if course is None:
            return
        references = (self._event("Procedure", "radiation"),)
        each = course.dose / course.fractions
        facts = {"radiation.total_dose_gy": f"{course.dose:g}", "radiation.fractions": course.fractions}
        drug = self.told.tumour.drugs[:1]
        words = {
            "radiation_dose": stated(f"«{course.dose:g} Gy in {course.fractions} fractions»", facts),
            "radiation_course": stated(
                rng.choice(
                    (
                        "The patient received «{dose:g} Gy in {fractions} fractions» of {each:g} Gy.",
                        "A total of «{dose:g} Gy was delivered in {fractions} fractions» as prescribed.",
                    )
                ).format(dose=course.dose, fractions=course.fractions, each=each),
                facts,
            ),
            "radiation_start": self._date(course.start),
            "radiation_end": self._date(course.end),
            "technique": stated(course.technique, {"radiation.technique": course.technique}),
            "fractions": str(course.fractions),
            "concurrent": f"No {drug[0]} during radiation." if drug else "No chemotherapy is planned.",
        }
        planned = max(course.start - 8 * DAY, self.told.operations[0].home + DAY)
        yield Occasion("radiation_plan", clock(rng, planned), self._common(planned) | words, references)
        for week in range(course.fractions // 5):
            day = course.start + 7 * week * DAY + rng.randrange(2) * DAY
            done = 5 * week + (day - course.start).days % 7 + 1
            seen = {
                "fraction": str(done),
                "dose_to_date": f"{done * each:g}",
                "neurological": self._neurological(rng.choice(("stable", "improved"))),
            }
            yield Occasion("radiation_visit", clock(rng, day), self._common(day) | words | seen, references)
        yield Occasion("radiation_summary", clock(rng, course.end), self._common(course.end) | words, references)

    # -- clinic ------------------------------------------------------------------------------------------------------

    def visit(self, visit: Visit) -> Iterator[Occasion]:
        rng, slots = self.rng, self._common(visit.day)
        short = {"short": slots["short"], "short_capital": slots["short_capital"]}
        slots |= {
            "performance": self._performance(visit.kps),
            "kps_cell": stated(str(visit.kps), _score("kps", visit.kps)),
            "neurological": self._neurological(visit.neurological),
            "disease_status": says(
                rng, phrases.DISEASE_STATUS[visit.disease],
                {"progress_note.clinical_disease_status": visit.disease}, **short,
            ),
            "treatment_response": says(
                rng, phrases.TREATMENT_RESPONSE[visit.disease],
                {"progress_note.treatment_response_statement": visit.disease},
            ),
            "imaging_interpretation": self._interpretation(visit),
            "interval": str(rng.choice((6, 8, 12))),
            "agent_action": self._action(visit),
            "medication_lines": medications(self.told, visit.day),
            "medication_rows": self._medication_rows(visit.day),
        }  # fmt: skip
        encounter = (self._event("Encounter", f"visit-{self.told.visits.index(visit) + 1}"),)
        yield Occasion("progress_clinic", clock(rng, visit.day), slots, encounter)
        if rng.random() < 0.3:
            yield Occasion("medication_list", clock(rng, visit.day), slots)
        for kind, chance in (("telephone", 0.25), ("nursing", 0.25), ("nutrition", 0.15)):
            day = visit.day + rng.randrange(5) * DAY
            if rng.random() < chance and day <= self.person.last_day:
                yield Occasion(kind, clock(rng, day), self._common(day))

    def _interpretation(self, visit: Visit) -> str:
        if visit.scan is None or visit.scan.status is None:
            return ""
        facts = {"progress_note.imaging_interpretation": visit.scan.status}
        return says(self.rng, phrases.INTERPRETATION[visit.scan.status], facts, when=self._date(visit.scan.day))

    def _action(self, visit: Visit) -> str:
        if visit.action is None:
            return ""
        action, drug = visit.action
        facts = {"medication.agent": drug.name, "medication.action": action}
        words = {"drug": drug.name, "drug_capital": capital(drug.name), "dose": drug.dose}
        return says(
            self.rng, phrases.AGENT_ACTION[action], facts, **words,
            platelets=self.rng.randrange(40, 95), cycles=self.rng.randrange(4, 7),
        )  # fmt: skip

    def _medication_rows(self, day: dt.date) -> Block:
        drugs = [*(course.drug for course in _running(self.told, day)), DRUGS["levetiracetam"]]
        return tuple((stated(d.name, {"medication.agent": d.name}), d.dose, d.route) for d in drugs)


def medications(told: Illness, day: dt.date) -> str:
    """The drugs of a day in a sentence, each marked as a fact."""
    listed = [stated(f"«{c.drug.name}» {c.drug.dose}", {"medication.agent": c.drug.name}) for c in _running(told, day)]
    always = DRUGS["levetiracetam"]
    listed.append(stated(f"«{always.name}» {always.dose}", {"medication.agent": always.name}))
    return "; ".join(listed) + "."


def _running(told: Illness, day: dt.date) -> list[DrugCourse]:
    return [course for course in told.drugs if course.start <= day <= course.end]


def imaging_time(number: int) -> dt.time:
    """When a patient's scan of that number is taken."""
    return dt.time(7 + number % 6, number * 7 % 60)


def _score(name: str, value: int) -> dict[str, object]:
    return {f"progress_note.{name}": value}
