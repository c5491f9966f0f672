"""How sick a patient is hour by hour, and what that does to every vital sign and laboratory value.

An encounter has one course: a severity that drifts, seven organ states that follow it to different degrees, and, where
an infection turns into sepsis, a surge at its onset. Signals read the organ states through the table below, with a
patient's own level, a slow wander and noise on top. Nothing here knows whether the patient dies; that is drawn from the
course elsewhere, so no signal carries more of the outcome than its course does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clinical_assets.sample.blocks import Block, Floats, Integers
from clinical_assets.sample.course.problems import ORGANS, Effects

FOLLOWS_SEVERITY = np.array([0.70, 0.70, 0.45, 0.30, 0.40, 0.50, 0.40])
"""How much of the overall severity each organ of `ORGANS` shares."""
FOLLOWS_SEPSIS = np.array([0.7, 1.1, 0.8, 0.3, 0.6, 0.5, 1.3])
"""How much each organ suffers from sepsis, per unit of surge."""

RECOVERY_HOURS = 72.0
SURGE_RISE_HOURS = 8.0
SURGE_STAYS_HOURS = 30.0
SURGE_FADES_HOURS = 60.0
RELAPSE_HOURS = 24.0


@dataclass(frozen=True)
class Courses:
    """The courses of a block's encounters, each array indexed by encounter; hours count from arrival.

    Attributes:
        illness: severity at arrival, about -1 on a ward and 0.6 in intensive care.
        slope: change of severity per day, early on.
        offsets: each organ's own deviation, encounters by organs.
        onset: hour of sepsis, infinite where there is none.
        surge: how bad the sepsis is.
        relapse: hour of a second deterioration, infinite where there is none.
        levels: each signal's own level in units of its spread, encounters by signals.
        phases: of each signal's slow wander, encounters by signals.
        age: years at arrival.
    """

    illness: Floats
    slope: Floats
    offsets: Floats
    onset: Floats
    surge: Floats
    relapse: Floats
    levels: Floats
    phases: Floats
    age: Floats

    def organs(self, which: Integers, hours: Floats) -> Floats:
        """Organ states (rows by `ORGANS`; 0 is well, 4 is failing) of encounters `which` at `hours` after arrival."""
        since = np.maximum(hours, 0.0)
        severity = self.illness[which] + self.slope[which] * (RECOVERY_HOURS / 24) * (
            1 - np.exp(-since / RECOVERY_HOURS)
        )
        severity = severity + 0.8 * np.exp(-np.abs(hours - self.relapse[which]) / RELAPSE_HOURS)
        into_sepsis = hours - self.onset[which]
        rise = np.clip(into_sepsis / SURGE_RISE_HOURS, 0.0, 1.0)
        fade = np.exp(-np.maximum(into_sepsis - SURGE_STAYS_HOURS, 0.0) / SURGE_FADES_HOURS)
        surge = self.surge[which] * rise * fade
        states: Floats = severity[:, None] * FOLLOWS_SEVERITY + self.offsets[which] + surge[:, None] * FOLLOWS_SEPSIS
        return states


@dataclass(frozen=True)
class Signal:
    """One measurable quantity.

    Attributes:
        base: value of a well sixty-year-old; the median where `log`.
        effects: change per unit of each organ state, on the log scale where `log`.
        level: spread between patients.
        wander: amplitude of the slow wave.
        noise: of one measurement.
        low: lowest value the body can show.
        high: highest.
        per_decade: change per decade of age above sixty.
        log: whether everything above acts on the logarithm.
    """

    base: float
    effects: Effects
    level: float
    wander: float
    noise: float
    low: float
    high: float
    per_decade: float = 0.0
    log: bool = False


SIGNALS: dict[str, Signal] = {
    # In the units of the items that show them: mmHg, degrees Celsius, mg/dL, mL/kg/h (urine rate), mm Hg (gases) ...
    # name: base; effects on lungs, circulation, kidneys, liver, coagulation, brain, inflammation;
    # own level, wander, noise; low, high; change per decade; whether all that acts on the logarithm
    "heart rate": Signal(80, (1.2, 4, 0, 0, 0, 0, 4), 11, 5, 4, 25, 210),
    "mean pressure": Signal(86, (0, -4.5, -0.3, -0.8, 0, 0.8, -1.3), 8.5, 4, 5, 28, 170),
    "pulse pressure": Signal(52, (0, -2, 0.6, 0, 0, 0.5, 0), 9, 4, 5, 12, 130, 2),
    "respiratory rate": Signal(17.2, (1.6, 0.4, 0.3, 0, 0, 0, 0.9), 3.4, 1.2, 2.8, 5, 55),
    "saturation": Signal(97.6, (-0.8, -0.2, 0, 0, 0, 0, 0), 1.1, 0.6, 1.3, 60, 100),
    "temperature": Signal(36.75, (0, -0.1, -0.03, 0, 0, 0.05, 0.32), 0.28, 0.25, 0.15, 32, 41.5),
    "coma scale": Signal(16.2, (-0.2, -0.2, 0, -0.1, 0, -1.9, 0), 0.9, 0.5, 0.7, 3, 15),
    "glucose": Signal(116, (0, 0.03, 0, 0, 0, 0, 0.06), 0.2, 0.12, 0.14, 25, 900, 0, True),
    "urine rate": Signal(1.1, (0, -0.12, -0.34, 0, 0, 0, 0), 0.28, 0.15, 0.4, 0, 8, -0.05, True),
    "oxygen ratio": Signal(395, (-0.2, -0.03, 0, 0, 0, 0, -0.02), 0.24, 0.06, 0.14, 45, 600, -0.03, True),
    "creatinine": Signal(0.84, (0, 0.02, 0.34, 0, 0, 0, 0), 0.26, 0.03, 0.04, 0.2, 18, 0.03, True),
    "urea nitrogen": Signal(14.5, (0, 0.05, 0.26, 0, 0, 0, 0.03), 0.32, 0.05, 0.06, 3, 220, 0.07, True),
    "sodium": Signal(138.6, (0, -0.4, -0.3, -0.8, 0, 0.5, 0), 2.9, 0.8, 1, 108, 175),
    "potassium": Signal(4.05, (0, 0.03, 0.17, 0, 0, 0, 0), 0.28, 0.12, 0.24, 2, 8.5),
    "anion gap": Signal(12.6, (0, 0.9, 0.6, 0.3, 0, 0, 0.1), 2, 0.6, 1.1, 3, 40),
    "bicarbonate": Signal(25.9, (0.6, -1, -0.9, -0.3, 0, 0, -0.3), 3, 0.7, 1, 5, 48),
    "calcium": Signal(8.8, (0, -0.08, -0.05, -0.1, 0, 0, -0.12), 0.45, 0.1, 0.18, 5, 14),
    "magnesium": Signal(1.98, (0, 0, 0.05, 0, 0, 0, 0), 0.2, 0.08, 0.14, 0.8, 5),
    "phosphate": Signal(3.35, (0, 0.08, 0.33, 0, 0, 0, 0), 0.5, 0.2, 0.4, 0.6, 13),
    "lactate": Signal(1.2, (0.02, 0.22, 0.04, 0.12, 0, 0, 0.06), 0.46, 0.1, 0.18, 0.4, 25, 0, True),
    "white cells": Signal(8.5, (0, 0.03, 0, 0, -0.05, 0, 0.18), 0.38, 0.06, 0.08, 0.1, 120, 0, True),
    "haemoglobin": Signal(11.2, (0, -0.25, -0.25, -0.1, -0.4, 0, -0.1), 1.6, 0.2, 0.35, 4, 19, -0.2),
    "platelets": Signal(218, (0, 0, 0, -0.07, -0.24, 0, 0.03), 0.36, 0.05, 0.06, 5, 1100, 0, True),
    "red cell width": Signal(14.5, (0, 0.1, 0.2, 0.3, 0.3, 0, 0.1), 1.5, 0.05, 0.15, 11, 30, 0.1),
    "cell volume": Signal(90, (0, 0, 0, 0.8, 0, 0, 0), 5.5, 0.2, 0.7, 60, 125),
    "bilirubin": Signal(0.55, (0, 0.04, 0, 0.55, 0.05, 0, 0.03), 0.36, 0.06, 0.08, 0.1, 50, 0, True),
    "alanine": Signal(23, (0, 0.14, 0, 0.36, 0, 0, 0), 0.5, 0.08, 0.1, 5, 9000, -0.03, True),
    "aspartate": Signal(27, (0, 0.16, 0, 0.4, 0, 0, 0.02), 0.5, 0.08, 0.1, 7, 9000, 0, True),
    "alkaline": Signal(78, (0, 0, 0.02, 0.22, 0, 0, 0.03), 0.35, 0.05, 0.06, 15, 2000, 0, True),
    "albumin": Signal(3.75, (0, -0.1, -0.05, -0.22, 0, 0, -0.18), 0.42, 0.05, 0.1, 1, 5.5, -0.06),
    "inr": Signal(1.12, (0, 0.02, 0, 0.12, 0.09, 0, 0.01), 0.17, 0.03, 0.03, 0.8, 12, 0, True),
    "ptt": Signal(30, (0, 0.02, 0, 0.06, 0.08, 0, 0), 0.14, 0.06, 0.06, 18, 150, 0, True),
    "fibrinogen": Signal(320, (0, 0, 0, -0.15, -0.12, 0, 0.16), 0.25, 0.05, 0.06, 35, 1100, 0, True),
    "acidity": Signal(7.395, (-0.008, -0.014, -0.01, 0, 0, 0, 0), 0.045, 0.012, 0.02, 6.75, 7.65),
    "carbon dioxide": Signal(40, (1.4, -0.6, 0, 0, 0, 0.3, -0.8), 7.5, 2, 3, 15, 120),
    "troponin": Signal(0.018, (0, 0.36, 0.22, 0, 0, 0, 0), 1.25, 0.2, 0.12, 0.01, 25, 0.05, True),
    "natriuretic": Signal(900, (0.1, 0.5, 0.3, 0, 0, 0, 0.05), 1.1, 0.1, 0.1, 5, 70000, 0.2, True),
    "c-reactive": Signal(13, (0.05, 0, 0, 0, 0, 0, 0.62), 1, 0.1, 0.1, 0.2, 400, 0, True),
    "neutrophils": Signal(68, (0, 0.5, 0, 0, -0.5, 0, 5), 8, 2, 3, 0, 98),
    "urine acidity": Signal(6, (0, 0, 0, 0, 0, 0, 0), 0.5, 0.2, 0.4, 5, 8.5),
    "urine gravity": Signal(1.017, (0, 0, -0.001, 0, 0, 0, 0), 0.006, 0.002, 0.003, 1.001, 1.045),
    "tidal volume": Signal(455, (-4, 0, 0, 0, 0, 0, 0), 55, 12, 25, 180, 900),
    "plateau pressure": Signal(17, (2, 0, 0, 0, 0, 0, 0.3), 2.5, 1, 1.2, 8, 45),
    "brain pressure": Signal(6, (0, 0, 0, 0, 0, 2.2, 0), 3, 1.5, 1.5, 0, 60),
    "globulin": Signal(2.8, (0, 0, 0, 0.1, 0, 0, 0.1), 0.5, 0.1, 0.1, 1, 9),
    "amylase": Signal(60, (0, 0.03, 0.1, 0, 0, 0, 0.05), 0.6, 0.1, 0.1, 5, 5000, 0, True),
    "creatine kinase": Signal(110, (0, 0.3, 0.1, 0, 0, 0.1, 0.1), 1.0, 0.1, 0.1, 10, 90000, 0, True),
    "lactate dehydrogenase": Signal(230, (0.1, 0.15, 0.05, 0.25, 0.1, 0, 0.05), 0.4, 0.05, 0.1, 60, 20000, 0, True),
    "glutamyltransferase": Signal(45, (0, 0, 0, 0.4, 0, 0, 0.1), 0.7, 0.1, 0.1, 5, 3000, 0, True),
    "d-dimer": Signal(700, (0.1, 0.1, 0, 0, 0.4, 0, 0.2), 0.7, 0.1, 0.1, 50, 40000, 0, True),
    "thrombin": Signal(16, (0, 0, 0, 0.5, 0.8, 0, 0), 2, 0.3, 0.5, 8, 90),
    "carboxyhaemoglobin": Signal(1.4, (0, 0, 0, 0, 0, 0, 0), 0.6, 0.2, 0.2, 0, 35),
    "methaemoglobin": Signal(0.6, (0, 0, 0, 0, 0, 0, 0), 0.3, 0.1, 0.2, 0, 20),
    "bands": Signal(3, (0, 0.2, 0, 0, 0, 0, 2), 2.5, 0.5, 1, 0, 60),
    "cell haemoglobin": Signal(30, (0, 0, 0, 0, 0, 0, 0), 2, 0.1, 0.3, 18, 42),
    "venous pressure": Signal(9, (0.3, 0.6, 0.5, 0.2, 0, 0, 0), 3.5, 1.5, 2, -3, 35),
}

_PLACE = {name: place for place, name in enumerate(SIGNALS)}
_EFFECTS = {name: np.array(signal.effects) for name, signal in SIGNALS.items()}
WANDER_HOURS = 31.0
UNUSUAL = 0.1
"""Share of levels far out of the common."""


def own_levels(block: Block, encounters: int) -> tuple[Floats, Floats]:
    """Each encounter's own level (spread about 1) and phase (radians) of every signal."""
    rng = block.rng("signals")
    shape = (encounters, len(SIGNALS))
    # Values of real patients have heavier tails than any one bell curve.
    spread = np.where(rng.random(shape) < UNUSUAL, 2.1, 0.88)
    return spread * rng.standard_normal(shape), rng.uniform(0, 2 * np.pi, shape)


def signal(
    name: str, courses: Courses, which: Integers, hours: Floats, organs: Floats, rng: np.random.Generator
) -> Floats:
    """The true value of a signal, unrounded, within what the body can show.

    Args:
        name: a key of `SIGNALS`.
        courses: of the block.
        which: encounter of each value.
        hours: since arrival of each value.
        organs: `courses.organs(which, hours)`, given because many signals share it.
        rng: of the noise.

    Returns:
        one value per row of `which`, in the unit of the signal.
    """
    s, place = SIGNALS[name], _PLACE[name]
    x = organs @ _EFFECTS[name]
    x = x + s.level * courses.levels[which, place] + s.per_decade * (courses.age[which] - 60) / 10
    x = x + s.wander * np.sin(2 * np.pi * hours / WANDER_HOURS + courses.phases[which, place])
    x = x + s.noise * rng.standard_normal(len(which))
    value = s.base * np.exp(x) if s.log else s.base + x
    bounded: Floats = np.clip(value, s.low, s.high)
    return bounded


def organ(name: str) -> int:
    """The place of an organ in the states."""
    return ORGANS.index(name)
