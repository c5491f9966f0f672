"""Cultures: what was sent, what grew and what kills it: microbiologyevents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Floats, Integers
from clinical_assets.sample.columns import spread, where, words
from clinical_assets.sample.course.encounters import NEVER
from clinical_assets.sample.course.people import DAY, HOUR
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE
from clinical_assets.sample.drawing import picked
from clinical_assets.sample.hosp.staff import provider_ids
from clinical_assets.sample.uncommon.dealing import in_turn

SITES = ("LUNG", "URINE", "ABDOMEN", "BLOOD")


@dataclass(frozen=True)
class Culture:
    """A kind of specimen and test.

    Attributes:
        specimen: spec_itemid.
        specimen_name: as in MIMIC-IV.
        test: test_itemid.
        test_name: as in MIMIC-IV.
        share: of workups for infection that include it.
        grows: chance of growth by site of the infection, in the order of `SITES`, then without infection.
        negative: comment when nothing grows.
    """

    specimen: int
    specimen_name: str
    test: int
    test_name: str
    share: float
    grows: tuple[float, float, float, float, float]
    negative: str


# fmt: off
WORKUP: tuple[Culture, ...] = (
    Culture(70012, "BLOOD CULTURE", 90201, "Blood Culture, Routine", 0.95, (0.10, 0.22, 0.18, 0.45, 0.03),
        "NO GROWTH.  "),
    Culture(70012, "BLOOD CULTURE", 90201, "Blood Culture, Routine", 0.60, (0.08, 0.20, 0.15, 0.40, 0.02),
        "NO GROWTH.  "),
    Culture(70079, "URINE", 90039, "URINE CULTURE", 0.70, (0.05, 0.75, 0.06, 0.08, 0.06), "NO GROWTH.  "),
    Culture(70062, "SPUTUM", 90055, "RESPIRATORY CULTURE", 0.30, (0.50, 0.05, 0.05, 0.10, 0.10),
        "Commensal Respiratory Flora Absent.  "),
    Culture(70053, "PERITONEAL FLUID", 90268, "FLUID CULTURE", 0.08, (0.03, 0.03, 0.70, 0.10, 0.05), "NO GROWTH.  "),
    Culture(70064, "STOOL", 90221, "C. difficile PCR", 0.10, (0.05, 0.05, 0.05, 0.05, 0.08),
            "NEGATIVE.  Assay detects toxin B gene, not toxin; \nsee \"Guide to interpretation\", page 3.  "),
)
SCREENS: tuple[Culture, ...] = (
    Culture(70091, "MRSA SCREEN", 90189, "MRSA SCREEN", 0.45, (0.08, 0.08, 0.08, 0.08, 0.08), "No MRSA isolated.  "),
)
CLINIC: tuple[Culture, ...] = (
    Culture(70017, "SEROLOGY/BLOOD", 90248, "RAPID PLASMA REAGIN TEST", 0.05, (0, 0, 0, 0, 0),
        "NONREACTIVE.  Reference Range: Non-Reactive.  "),
    Culture(70079, "URINE", 90039, "URINE CULTURE", 0.09, (0.20, 0.20, 0.20, 0.20, 0.20),
            "MIXED BACTERIAL FLORA ( >= 3 COLONY TYPES), CONSISTENT WITH SKIN AND/OR GENITAL CONTAMINATION.  "),
    Culture(70081, "URINE", 90128, "Legionella Urinary Antigen ", 0.02, (0, 0, 0, 0, 0),
        "NEGATIVE FOR LEGIONELLA SEROGROUP 1 ANTIGEN.  "),
)

ORGANISMS: tuple[tuple[int, str, tuple[float, float, float, float], str], ...] = (
    # org_itemid, name, weight by site, panel of antibiotics
    (80002, "ESCHERICHIA COLI", (0.10, 0.50, 0.40, 0.35), "gram negative"),
    (80004, "KLEBSIELLA PNEUMONIAE", (0.15, 0.16, 0.20, 0.15), "gram negative"),
    (80026, "PSEUDOMONAS AERUGINOSA", (0.18, 0.08, 0.08, 0.08), "gram negative"),
    (80017, "PROTEUS MIRABILIS", (0.02, 0.10, 0.03, 0.03), "gram negative"),
    (80023, "STAPH AUREUS COAG +", (0.35, 0.03, 0.05, 0.22), "gram positive"),
    (80053, "ENTEROCOCCUS SP.", (0.01, 0.12, 0.18, 0.08), "enterococcus"),
    (80155, "STAPHYLOCOCCUS, COAGULASE NEGATIVE", (0.01, 0.02, 0.02, 0.08), "gram positive"),
    (80075, "YEAST", (0.18, 0.06, 0.04, 0.01), ""),
)
CANCELLED = (90760, "CANCELLED")
MISNAMED: tuple[tuple[int | None, str], ...] = ((90856, "NEGATIVE"), (None, "YEAST"), (90856, "NEGATIVE"))
"""Written as if an organism had grown: no growth under an item of its own, and an organism without its item."""
EDGES = (-72 * HOUR, 0, 24 * HOUR)
EACH_EDGE = 2
"""Cultures of a block at each of these distances from the first antibiotic."""
UNTIMED = 4
"""Specimens of workups in each block of which only the day is known, besides those chance leaves without."""
TESTED: dict[str, tuple[tuple[int, str, float], ...]] = {
    # ab_itemid, name, share resistant
    "gram negative": (
        (90012, "GENTAMICIN", 0.1), (90029, "MEROPENEM", 0.03), (90017, "CEFTAZIDIME", 0.12), (90013, "TOBRAMYCIN",
            0.1),
        (90019, "CIPROFLOXACIN", 0.25), (90028, "CEFEPIME", 0.08), (90026, "PIPERACILLIN/TAZO", 0.1), (90018,
            "CEFTRIAXONE", 0.15),
    ),
    "gram positive": (
        (90015, "VANCOMYCIN", 0.01), (90016, "OXACILLIN", 0.42), (90012, "GENTAMICIN", 0.05), (90007, "CLINDAMYCIN",
            0.35),
        (90025, "LEVOFLOXACIN", 0.4), (90006, "ERYTHROMYCIN", 0.55), (90027, "RIFAMPIN", 0.02),
    ),
    "enterococcus": ((90015, "VANCOMYCIN", 0.25), (90004, "AMPICILLIN", 0.3), (90031, "LINEZOLID", 0.02)),
}
DILUTIONS: tuple[tuple[str, str, float], ...] = (
    ("<=1", "<=        ", 1), ("<=0.25", "<=        ", 0.25), ("<=4", "<=        ", 4), ("2", "=         ", 2),
        ("=>16", "=>        ", 16),
    ("=>32", "=>        ", 32), ("=>64", "=>        ", 64),
)
"""Text, sign padded with blanks as in the release, number; the last three are resistant."""
# fmt: on
SENSITIVE_DILUTIONS = 4
CALLED_OFF = 0.008
NO_TIME = {"SEROLOGY/BLOOD": 0.75, "Legionella": 0.9}
UNKNOWN_TIME = 0.035
EVENT_IDS_PER_BLOCK = 100_000


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The one table of cultures."""
    return {"mimic/hosp/microbiologyevents": events(story)}


def _sent(story: Story, rng: np.random.Generator) -> pl.DataFrame:
    """One row per specimen: encounter, culture (index in all kinds), time, and whether during the admission."""
    told, done, stays = story.encounters, story.treatments, story.stays
    n = len(told.patient)
    parts = []

    def row(encounter: Integers, culture: int, time: Integers, linked: bool) -> None:
        parts.append(
            pl.DataFrame(
                {
                    "encounter": encounter.astype(np.int64),
                    "culture": np.full(len(encounter), culture, np.int64),
                    "time": time.astype(np.int64),
                    "linked": np.full(len(encounter), linked),
                }
            )
        )

    worked_up = np.flatnonzero(done.cultured_at != NOT_DONE)
    for number, culture in enumerate(WORKUP):
        chosen = worked_up[rng.random(len(worked_up)) < culture.share]
        row(chosen, number, done.cultured_at[chosen] + 60 * rng.integers(0, 25, len(chosen)) * (number > 0), True)
        again = chosen[rng.random(len(chosen)) < 0.25]
        later = done.cultured_at[again] + rng.integers(20, 90, len(again)) * HOUR
        within = later < told.over[again]
        row(again[within], number, later[within], True)
    for from_start, chosen in _on_the_edge(story).items():
        row(chosen, 0, done.antibiotics_at[chosen] // HOUR * HOUR + from_start, True)
    for number, culture in enumerate(SCREENS, len(WORKUP)):
        stay = np.flatnonzero(rng.random(len(stays.stay_id)) < culture.share)
        row(stays.encounter[stay], number, stays.start[stay] // 60 * 60 + 60 * rng.integers(20, 200, len(stay)), True)
    for number, culture in enumerate(CLINIC, len(WORKUP) + len(SCREENS)):
        chosen = np.flatnonzero(rng.random(n) < 2.4 * culture.share)
        day = told.arrival[chosen] // DAY * DAY - DAY * rng.integers(4, 100, len(chosen))
        row(chosen, number, day + HOUR * rng.integers(8, 18, len(chosen)), False)
    return pl.concat(parts)


def _on_the_edge(story: Story) -> dict[int, Integers]:
    """Encounters with a blood culture exactly 72 h before, at, or 24 h after the first antibiotic, by that distance.

    Orders begin on the hour, cultures at any minute: by chance alone the ends of the windows are hardly ever met.
    """
    told, at = story.encounters, story.treatments.antibiotics_at
    long_enough = np.flatnonzero((at != NOT_DONE) & told.admitted & (told.over > at + 25 * HOUR))
    chosen, which = in_turn(story.block, "cultures on the edge", long_enough, EACH_EDGE * len(EDGES))
    return {edge: chosen[which % len(EDGES) == number] for number, edge in enumerate(EDGES)}


CULTURES: tuple[Culture, ...] = (*WORKUP, *SCREENS, *CLINIC)


def _site(story: Story) -> Integers:
    """Where each encounter's infection sits: index in `SITES`, or their number where there is none."""
    told = story.encounters
    by_reason = np.array([SITES.index(r.infection) if r.infection else 0 for r in REASONS])
    # An infection caught in hospital sits in the lung.
    return np.where(told.infected, by_reason[told.reason], len(SITES))


def _growth(story: Story, sent: pl.DataFrame, rng: np.random.Generator) -> Integers:
    """The organism each specimen grows: index in `ORGANISMS`, -1 none, -2 where the test was called off."""
    encounter, culture = sent["encounter"].to_numpy(), sent["culture"].to_numpy()
    site = _site(story)[encounter]
    chance = np.array([c.grows for c in CULTURES])[culture, site]
    septic = story.encounters.courses.onset[encounter] < NEVER
    grows = rng.random(len(site)) < chance * np.where(septic, 1.35, 0.9)
    weights: Floats = np.array([weights for _, _, weights, _ in ORGANISMS]).T
    shares = np.vstack([weights / weights.sum(axis=1, keepdims=True), np.full(len(ORGANISMS), 1 / len(ORGANISMS))])
    drawn = (rng.random(len(site))[:, None] > np.cumsum(shares, axis=1)[site]).sum(axis=1).clip(max=len(ORGANISMS) - 1)
    called_off = rng.random(len(site)) < CALLED_OFF
    return np.where(called_off, -2, np.where(grows, drawn, -1))


def events(story: Story) -> pl.DataFrame:
    """One row per specimen without growth or sensitivities, else one per antibiotic tested."""
    rng, told = story.block.rng("microbiology"), story.encounters
    sent = _sent(story, rng).sort("encounter", "time", "culture", maintain_order=True)
    organism = _growth(story, sent, rng)
    encounter, culture, n = sent["encounter"].to_numpy(), sent["culture"].to_numpy(), sent.height
    names = [name for _, name, _, _ in ORGANISMS]
    numbers = [number for number, _, _, _ in ORGANISMS]
    place = np.where(organism == -1, 0, np.where(organism == -2, 1, organism + 2))
    untimed = (
        rng.random(n)
        < np.array(
            [
                max((v for k, v in NO_TIME.items() if k in c.specimen_name + c.test_name), default=UNKNOWN_TIME)
                for c in CULTURES
            ]
        )[culture]
    )
    untimed[in_turn(story.block, "cultures without a time", np.flatnonzero(culture < len(WORKUP)), UNTIMED)[0]] = True
    time = sent["time"].to_numpy()
    stored = time + (np.exp(rng.normal(np.log(62), 0.5, n)) * HOUR).astype(np.int64)
    nothing = words([c.negative for c in CULTURES], culture)
    silent = rng.random(n) < 0.12
    cultures = sent.select(
        subject_id=pl.Series(story.subject_of(encounter)),
        hadm_id=where(
            sent["linked"].to_numpy()
            & told.admitted[encounter]
            & (time >= told.admit[encounter])
            & (rng.random(n) > 0.04),
            told.hadm_id[encounter],
        ),
        micro_specimen_id=pl.Series(story.block.identifiers("micro_specimen_id", n, lowest=1_000_000, space=9_000_000)),
        order_provider_id=provider_ids(rng, n, missing=0.88),
        chartdate=pl.Series(time // DAY * DAY),
        charttime=where(~untimed, time),
        spec_itemid=pl.Series([c.specimen for c in CULTURES], dtype=pl.Int64).gather(pl.Series(culture)),
        spec_type_desc=words([c.specimen_name for c in CULTURES], culture),
        test_seq=pl.lit(1, pl.Int64),
        storedate=pl.Series(stored // DAY * DAY),
        storetime=pl.Series(stored // 60 * 60),
        test_itemid=pl.Series([c.test for c in CULTURES], dtype=pl.Int64).gather(pl.Series(culture)),
        test_name=words([c.test_name for c in CULTURES], culture),
        org_itemid=pl.Series([None, CANCELLED[0], *numbers], dtype=pl.Int64).gather(pl.Series(place)),
        org_name=words([None, CANCELLED[1], *names], place),
        isolate_num=where(organism >= 0, np.ones(n, np.int64)),
        quantity=pl.lit(None, pl.String),
        comments=pl.when(pl.Series(organism == -1) & ~pl.Series(silent)).then(nothing),
        organism=pl.Series(organism),
    )
    named, how = in_turn(story.block, "cultures misnamed", np.flatnonzero(organism == -1), len(MISNAMED))
    written = np.zeros(n, np.int64)
    written[named] = how + 1
    cultures = cultures.with_columns(
        org_itemid=pl.when(pl.Series(written > 0))
        .then(pl.Series([None, *(item for item, _ in MISNAMED)], dtype=pl.Int64).gather(pl.Series(written)))
        .otherwise("org_itemid"),
        org_name=pl.when(pl.Series(written > 0))
        .then(words([None, *(name for _, name in MISNAMED)], written))
        .otherwise("org_name"),
    )
    return _numbered(story, _with_sensitivities(cultures, rng))


def _with_sensitivities(cultures: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Cultures that grew something testable, once per antibiotic."""
    panels = ["", *TESTED]
    of_organism = np.array([panels.index(panel) for _, _, _, panel in ORGANISMS])
    organism = cultures["organism"].to_numpy()
    panel = np.where(organism >= 0, of_organism[organism.clip(0)], 0)
    # Skin organisms in one bottle are often not worth testing.
    panel = np.where(rng.random(len(panel)) < 0.8, panel, 0)
    tests = [(None, None, 0.0), *(test for name in panels[1:] for test in TESTED[name])]
    first = np.cumsum([0, 1, *(len(TESTED[name]) for name in panels[1:])])
    row, number = spread(np.diff(first)[panel])
    test = first[panel[row]] + number
    resistant = rng.random(len(row)) < np.array([share for _, _, share in tests])[test]
    dilution = np.where(
        resistant,
        rng.integers(SENSITIVE_DILUTIONS, len(DILUTIONS), len(row)),
        rng.integers(0, SENSITIVE_DILUTIONS, len(row)),
    )
    tested = test > 0
    verdict = picked(rng, {"R": 0.9, "I": 0.1}, len(row))
    return cultures.select(pl.all().gather(pl.Series(row))).with_columns(
        ab_itemid=pl.Series([number for number, _, _ in tests], dtype=pl.Int64).gather(pl.Series(test)),
        ab_name=words([name for _, name, _ in tests], test),
        dilution_text=where(tested, words([text for text, _, _ in DILUTIONS], dilution)),
        dilution_comparison=where(tested, words([sign for _, sign, _ in DILUTIONS], dilution)),
        dilution_value=where(tested, np.array([value for _, _, value in DILUTIONS], dtype=np.float64)[dilution]),
        interpretation=where(
            tested, pl.select(pl.when(pl.Series(resistant)).then(verdict).otherwise(pl.lit("S"))).to_series()
        ),
    )


def _numbered(story: Story, rows: pl.DataFrame) -> pl.DataFrame:
    first = story.block.number * EVENT_IDS_PER_BLOCK + 1
    ordered = rows.drop("organism").sort("subject_id", "chartdate", "micro_specimen_id", maintain_order=True)
    return ordered.with_columns(microevent_id=pl.int_range(first, first + pl.len(), dtype=pl.Int64))
