"""What happens to the made-up patients with a brain tumour: operations, scans, pathology, radiation, drugs, visits.

Told once, as events; `wording` turns them into notes and `events` into FHIR resources, so that a
patient's documents and timeline agree. Every rule here is a story's, not medicine's: extent decides what is left, what
is left decides what scans show, scans decide what clinicians conclude.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from clinical_assets.sample.documents.tumours import DRUGS, SITES, TUMOURS, Drug, Site, Tumour

DAY = dt.timedelta(days=1)
EXTENT_SHARES = {"Gross Total Resection": 5, "Near Total Resection": 2, "Partial Resection": 3, "Biopsy Only": 1}
ELOQUENT_EXTENT_SHARES = {
    "Gross Total Resection": 1,
    "Near Total Resection": 3,
    "Partial Resection": 4,
    "Biopsy Only": 3,
}
SEEN_AS = {
    "Gross Total Resection": {"GTR": 85, "STR": 10, "Unknown": 5},
    "Near Total Resection": {"STR": 75, "GTR": 15, "Unknown": 10},
    "Partial Resection": {"Partial": 90, "Unknown": 10},
    "Biopsy Only": {"Biopsy": 95, "Unknown": 5},
}
"""What the scan after an operation says, by what the surgeon said: the two differ at times, as they do."""
LEFT_BEHIND = {"GTR": 0.0, "Unknown": 0.25, "STR": 0.3, "Partial": 0.6, "Biopsy": 1.0}
"""Part of the diameter that is left."""
CHANGE = {"NED": 0.0, "Stable": 1.02, "Increased": 1.45, "Decreased": 0.65, "New_Malignancy": 1.0}
COMPLICATION_SHARES = {"none": 8, "venous bleeding": 1, "transient speech arrest": 1, "dural tear": 1}
WEEKS_BETWEEN_SCANS = (8, 9, 10, 12)
LONGEST_MONTHS = 30


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as far as documents go.

    Attributes:
        patient_id: as in the hospital's tables.
        name: family name, comma, given name.
        mrn: record number printed on documents.
        born: date of birth in the shifted calendar.
        female: sex as recorded.
        weight: kg.
        first_day: before which nothing happens.
        last_day: death, or the end of the records.
        died: the day, where the patient did.
        away: first and last day of every stay the hospital's tables already tell of.
    """

    patient_id: str
    name: str
    mrn: str
    born: dt.date
    female: bool
    weight: float
    first_day: dt.date
    last_day: dt.date
    died: dt.date | None
    away: tuple[tuple[dt.date, dt.date], ...]

    def age(self, on: dt.date) -> int:
        """Whole years."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))

    def is_away(self, day: dt.date) -> bool:
        """Whether the patient spends the day in a stay the hospital's tables already tell of."""
        return any(first < day < last for first, last in self.away)

    def free_from(self, day: dt.date, days: int = 1) -> dt.date:
        """The first day from `day` on with so many days outside the stays already told."""
        for first, last in self.away:
            if first - days * DAY < day <= last:
                day = last + DAY
        return day


@dataclass(frozen=True, slots=True)
class Surgery:
    """An operation on the tumour: `number` from 1, `percent` by the surgeon's estimate, `reported` by pathology."""

    day: dt.date
    number: int
    extent: str
    percent: int
    complication: str
    home: dt.date
    reported: dt.date


@dataclass(frozen=True, slots=True)
class Scan:
    """An MRI: `phase` of imaging, what it says of the tumour, diameters in cm, days after the last operation."""

    day: dt.date
    phase: str
    size: float
    prior: float
    prior_day: dt.date | None = None
    status: str | None = None
    extent: str | None = None
    doubtful: bool = False
    pod: int = 0


@dataclass(frozen=True, slots=True)
class Radiation:
    """A course of radiation."""

    start: dt.date
    end: dt.date
    dose: float
    fractions: int
    technique: str


@dataclass(frozen=True, slots=True)
class DrugCourse:
    """A course of one drug; `outcome` says how it ended: complete, stop, or continue where it had not."""

    drug: Drug
    start: dt.date
    end: dt.date
    outcome: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to the clinic and what was concluded."""

    day: dt.date
    disease: str
    neurological: str
    kps: int
    scan: Scan | None
    action: tuple[str, Drug] | None


@dataclass
class Illness:
    """A patient's tumour and everything that happens because of it, in no particular order."""

    tumour: Tumour
    markers: tuple[tuple[str, str], ...]
    site: Site
    side: str
    words: str
    found: dt.date
    operations: list[Surgery] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    radiation: Radiation | None = None
    drugs: list[DrugCourse] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)

    @property
    def laterality(self) -> str:
        """As an abstractor would enter it."""
        return "midline" if self.site.midline else self.side

    @property
    def deficit(self) -> str:
        """What the tumour does to the patient."""
        return self.site.deficit.format(side=self.side, other="right" if self.side == "left" else "left")


def drawn(rng: Random, shares: dict[str, int]) -> str:
    """A word by its share."""
    return rng.choices(list(shares), list(shares.values()))[0]


def illness(person: Person, rng: Random) -> Illness | None:
    """A tumour and its course; None where the records end too soon for one."""
    tumour = rng.choices(TUMOURS, [t.weight for t in TUMOURS])[0]
    sites = [s for s in SITES if any(tumour.icd10.startswith(code) for code in s.codes)]
    site, side = rng.choice(sites), rng.choice(("left", "right"))
    markers = tuple((name, rng.choice(result.split("|"))) for name, result in tumour.markers)
    found = person.free_from(person.first_day + rng.randrange(5, 90) * DAY, 25)
    told = Illness(tumour, markers, site, side, rng.choice(site.words).format(side=side), found)
    size = round(rng.uniform(1.8, 5.4), 1)
    told.scans.append(Scan(found, "pre_operative", size, size))
    left = _operation(person, told, rng, found + rng.randrange(4, 15) * DAY, size)
    if not told.operations:
        return None
    after = person.free_from(told.operations[0].home + rng.randrange(10, 18) * DAY)
    _visit(person, told, rng, after, None, None)
    treated = _radiation(person, told, rng, after + rng.randrange(10, 16) * DAY)
    treated = _drugs(person, told, rng, told.tumour.drugs, treated)
    _follow_up(person, told, rng, treated, left)
    return told


def _operation(person: Person, told: Illness, rng: Random, day: dt.date, size: float) -> float:
    """Operate, scan, send home; returns the diameter left, in cm."""
    day = person.free_from(day, 7)
    if day + 8 * DAY > person.last_day:
        return size
    extent = drawn(rng, ELOQUENT_EXTENT_SHARES if told.site.eloquent else EXTENT_SHARES)
    percent = {"Gross Total Resection": 100, "Near Total Resection": 96, "Biopsy Only": 0}.get(extent)
    percent = rng.choice((50, 60, 70, 80)) if percent is None else percent
    complication = "none" if extent == "Biopsy Only" else drawn(rng, COMPLICATION_SHARES)
    home = day + rng.randrange(3, 7) * DAY
    reported = day + rng.randrange(4, 10) * DAY
    told.operations.append(Surgery(day, len(told.operations) + 1, extent, percent, complication, home, reported))
    seen = drawn(rng, SEEN_AS[extent])
    left = round(size * LEFT_BEHIND[seen], 1)
    pod = rng.choice((1, 1, 2, 3))
    before = told.scans[-1].day
    told.scans.append(Scan(day + pod * DAY, "post_operative", left, size, before, extent=seen, pod=pod))
    return left


def _radiation(person: Person, told: Illness, rng: Random, day: dt.date) -> dt.date:
    """Give radiation where the tumour calls for it; returns the day after it."""
    if told.tumour.dose is None:
        return day
    dose, fractions = told.tumour.dose
    start = person.free_from(day)
    start += {5: 2, 6: 1}.get(start.weekday(), 0) * DAY
    end = start + (fractions // 5 * 7 + fractions % 5 - (3 if fractions % 5 == 0 else 1)) * DAY
    if end > person.last_day:
        return person.last_day
    told.radiation = Radiation(start, end, dose, fractions, rng.choice(("IMRT", "VMAT", "proton therapy")))
    return end + rng.randrange(21, 30) * DAY


def _drugs(person: Person, told: Illness, rng: Random, names: Sequence[str], day: dt.date) -> dt.date:
    """Give a course of drugs; returns the day it began."""
    for name in names:
        drug = DRUGS[name]
        end = day + drug.days * DAY
        if day < person.last_day:
            told.drugs.append(DrugCourse(drug, day, min(end, person.last_day), "complete"))
    return day


def _follow_up(person: Person, told: Illness, rng: Random, day: dt.date, left: float) -> None:
    """Scans and visits until the records end; progression once or twice, treated each time."""
    size, progressed = left, 0
    last_day = min(person.last_day, told.found + round(30.4 * LONGEST_MONTHS) * DAY)
    grows_from = day + round(30.4 * told.tumour.months * rng.uniform(0.5, 1.6)) * DAY
    while True:
        day = person.free_from(day)
        if day > last_day:
            return
        scan = _surveillance(told, rng, day, size, day >= grows_from, responding=progressed > 0)
        told.scans.append(scan)
        size = scan.size
        growing = scan.status in ("Increased", "New_Malignancy") and not scan.doubtful
        action = None
        visited = person.free_from(day + rng.choice((0, 0, 1, 2, 5)) * DAY)
        if growing:
            progressed += 1
            grows_from = day + round(30.4 * told.tumour.months * rng.uniform(0.3, 0.8)) * DAY
            action = _treat_growth(person, told, rng, visited, progressed)
        if visited <= last_day:
            _visit(person, told, rng, visited, scan, action)
        if growing and progressed == 1 and told.tumour.grade < 4 and rng.random() < 0.6:
            size = _operation(person, told, rng, visited + rng.randrange(7, 16) * DAY, size)
            day = max(day, told.operations[-1].home)
        if progressed > 2:
            return
        day += rng.choice(WEEKS_BETWEEN_SCANS) * 7 * DAY
        for between in range(rng.choice((0, 1, 2))):
            visited = person.free_from(visited + (21 + 7 * between) * DAY)
            if visited < min(day, last_day):
                _visit(person, told, rng, visited, scan, None)


def _surveillance(told: Illness, rng: Random, day: dt.date, size: float, growing: bool, responding: bool) -> Scan:
    before = told.scans[-1]
    doubtful = False
    if growing:
        status = "New_Malignancy" if rng.random() < 0.04 else "Increased"
    elif size == 0:
        status = "NED"
    elif told.radiation and (day - told.radiation.end).days < 120 and rng.random() < 0.2:
        status, doubtful = "Increased", True
    else:
        status = rng.choice(("Stable", "Stable", "Decreased")) if told.drugs or responding else "Stable"
    if size == 0 and status != "NED":
        after = round(rng.uniform(0.9, 1.8), 1)
    else:
        after = round(max(size * CHANGE[status], 0.0 if status == "NED" else 0.4), 1)
    if status == "Decreased" and after >= size:
        status = "Stable"
    if status == "Stable":
        after = size
    return Scan(day, "surveillance", after, size, before.day, status, doubtful=doubtful)


def _treat_growth(person: Person, told: Illness, rng: Random, day: dt.date, times: int) -> tuple[str, Drug] | None:
    """Stop what runs and begin what is left to give; says what is begun."""
    for at, course in enumerate(told.drugs):
        if course.start < day < course.end:
            told.drugs[at] = DrugCourse(course.drug, course.start, day, "stop")
    given = {course.drug.name for course in told.drugs}
    left = [name for name in told.tumour.later_drugs if name not in given]
    if not left or times > 2 or day >= person.last_day:
        return None
    _drugs(person, told, rng, left[:1], day)
    return "start", DRUGS[left[0]]


def _visit(
    person: Person, told: Illness, rng: Random, day: dt.date, scan: Scan | None, action: tuple[str, Drug] | None
) -> None:
    if day > person.last_day:
        return
    disease = _concluded(told, scan)
    worse = disease in ("Progressive", "Recurrence")
    neurological = rng.choice(("worsened", "worsened", "stable")) if worse else rng.choice(("stable", "improved"))
    if rng.random() < 0.08:
        neurological = "not_documented"
    kps = rng.choice((60, 70, 80) if worse else (80, 90, 90, 100))
    if action is None:
        running = [c for c in told.drugs if c.start <= day <= c.end]
        if running:
            chosen = rng.choice(running)
            ending = (chosen.end - day).days < 7 and chosen.outcome == "complete"
            held = rng.random() < 0.1
            action = ("complete" if ending else "hold" if held else "continue"), chosen.drug
    told.visits.append(Visit(day, disease, neurological, kps, scan, action))


def _concluded(told: Illness, scan: Scan | None) -> str:
    """What clinicians make of the last scan."""
    if scan is None or scan.status is None:
        return "NED" if told.scans[-1].extent == "GTR" else "Stable"
    if scan.doubtful:
        return "Uncertain"
    if scan.status == "Increased":
        return "Recurrence" if scan.prior == 0 else "Progressive"
    return {"NED": "NED", "Stable": "Stable", "Decreased": "Responding", "New_Malignancy": "Progressive"}[scan.status]
