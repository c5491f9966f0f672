"""Returns to the emergency department: a few, soon, only of those sent home, and only a little foreseeable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_assets.sample.blocks import blocks
from clinical_assets.sample.course import returns
from clinical_assets.sample.course.encounters import ED, encounters
from clinical_assets.sample.course.people import patients as draw_patients
from clinical_assets.sample.course.problems import REASONS

NAMES = [reason.name for reason in REASONS]
HOUR = 3_600


@pytest.fixture(scope="module")
def visits():
    """Of each ED visit of 4,000 patients: problem, severity, sent home, and hours to the patient's next visit."""
    parts = []
    for block in blocks(4_000, 3):
        told = encounters(block, draw_patients(block))
        by_ed = told.ed_stay_id > 0
        same = np.concatenate([told.patient[1:] == told.patient[:-1], [False]])
        gap = (np.roll(told.arrival, -1) - told.bounds[:, -1]) / HOUR
        parts.append(
            np.stack(
                [told.reason, told.courses.illness, ~told.admitted, np.where(same, gap, np.inf), told.patient], axis=1
            )[by_ed]
        )
    rows = np.concatenate(parts)
    return {"reason": rows[:, 0].astype(int), "illness": rows[:, 1], "home": rows[:, 2] == 1, "gap": rows[:, 3]}


def test_about_three_of_a_hundred_visits_are_followed_by_a_return(visits):
    back = visits["home"] & (visits["gap"] < 72)
    assert 0.02 < back.mean() < 0.04
    assert 0.05 < back[visits["home"]].mean() < 0.16


def test_nobody_who_was_admitted_is_back_within_three_days(visits):
    assert (visits["gap"][~visits["home"]] >= 24).all()
    assert (visits["gap"] > 0).all()


def test_returns_are_spread_over_the_three_days(visits):
    hours = visits["gap"][visits["home"] & (visits["gap"] < 72)]
    assert len(hours) > 60
    assert returns.EARLIEST_HOURS - 1e-9 <= hours.min() <= hours.max() < 72
    assert 0.35 < (hours < 24).mean() < 0.75


def test_the_problem_and_the_severity_tell_something_of_a_return_and_far_from_everything(visits):
    from sklearn.metrics import roc_auc_score

    home = visits["home"]
    back = visits["gap"][home] < 72
    added = np.array([returns.MORE_OFTEN.get(name, 0.0) for name in NAMES])[visits["reason"][home]]
    score = returns.PER_SEVERITY * visits["illness"][home] + added
    assert 0.62 < roc_auc_score(back, score) < 0.82


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_every_encounter_is_kept_and_no_return_without_a_visit_that_ended_at_home(count, seed):
    rng = np.random.default_rng(seed)
    patient = np.sort(rng.integers(0, 9, count))
    reason = rng.integers(0, len(REASONS), count)
    rows, reasons, again = returns.each_with_a_return(rng, patient, reason)
    assert (rows[~again] == patient).all()
    assert (reasons[~again] == reason).all()
    assert (rows[again] == patient).all()
    assert {REASONS[i].arrival for i in reasons[again] if i not in reason} <= {"emergency"}
    sent_home = rng.random(2 * count) < 0.5
    told = returns.that_happen(rng, reasons, rng.normal(0, 2, 2 * count), again, sent_home)
    assert told[~again].all()
    assert not told[again][~sent_home[~again]].any()


def test_the_problems_named_are_reasons_of_an_emergency():
    assert set(returns.MORE_OFTEN) <= {reason.name for reason in REASONS if reason.arrival == "emergency"}
    assert ED == 0
