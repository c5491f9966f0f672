"""Hourly probabilities stay by stay: caught in time, how far ahead, and how often in vain."""

import polars as pl
import pytest

from clinical_assets.models.stay_alarms import StayEvaluation, evaluate_stays

SEED = 4


def stay(number, probabilities, before=0, patient=None):
    """A stay's hours; the last `before` of them are followed by the event."""
    hours = len(probabilities)
    return pl.DataFrame(
        {
            "subject_id": [number if patient is None else patient] * hours,
            "stay_id": [number] * hours,
            "hr": list(range(hours)),
            "probability": [float(p) for p in probabilities],
            "soon": [int(hour >= hours - before) for hour in range(hours)],
        }
    )


def judged(*stays, resamples=50):
    return evaluate_stays(pl.concat(stays), label="soon", seed=SEED, resamples=resamples)


def alarm_of(evaluation, rate):
    return next(a for a in evaluation.alarms if a.rate == rate)


def test_a_stay_is_caught_only_by_an_alarm_in_the_hours_the_label_asks_about():
    early = stay(1, [0.9, *[0.1] * 19], before=6)  # went off fourteen hours too soon, then fell silent
    in_time = stay(2, [*[0.1] * 16, 0.9, *[0.1] * 3], before=6)
    noisy = stay(4, [0.9, 0.9, *[0.1] * 18])
    found = alarm_of(judged(early, in_time, stay(3, [0.1] * 20), noisy), 0.05)
    assert found.threshold == 0.9  # 4 of 80 hours
    assert found.caught.value == 1 / 2
    assert found.warned_hours.value == 4
    assert found.disturbed.value == 1 / 2


def test_what_an_alarm_does_is_counted_by_stay_and_by_day():
    with_event = [stay(n, [0.1] * 18 + [0.9] * 2, before=6) for n in range(1, 4)]  # the last two hours alarm
    missed = stay(4, [0.1] * 20, before=6)
    quiet = [stay(n, [0.1] * 24) for n in range(5, 9)]
    noisy = stay(9, [0.1] * 20 + [0.9] * 4)
    found = alarm_of(judged(*with_event, missed, *quiet, noisy), 0.05)
    assert found.threshold == 0.9  # 10 of 200 hours
    assert found.caught.value == 3 / 4
    assert found.warned_hours.value == 2
    assert found.false_per_day.value == pytest.approx(4 / 5)  # four hours in five days
    assert found.disturbed.value == 1 / 5


def test_a_stay_counts_once_by_its_highest_probability():
    stays = [stay(n, [0.1, 0.5 + n / 100, 0.2], before=1) for n in range(5)]
    stays += [stay(n, [0.1, n / 100, 0.2]) for n in range(5, 10)]
    found = judged(*stays).discrimination
    assert (found.stays, found.events, found.of) == (10, 5, "stays")
    assert found.auroc.value == 1


def test_a_patients_stays_are_drawn_together():
    """Twenty copies of a patient's stay tell no more than the one."""
    few = [stay(n, [0.1] * 19 + [0.9 if n % 4 == 1 else 0.1] * 5, before=6 * (n % 2)) for n in range(12)]
    copies = [
        frame.with_columns(stay_id=frame["stay_id"] + 100 * k, subject_id=frame["stay_id"])
        for frame in few
        for k in range(20)
    ]
    one, many = (alarm_of(judged(*s, resamples=400), 0.05).caught for s in (few, copies))
    assert many.value == one.value == 1 / 2
    assert many.high - many.low == pytest.approx(one.high - one.low, abs=0.05)


def test_without_events_or_without_others_nothing_is_estimable_and_nothing_fails():
    none = alarm_of(judged(*(stay(n, [0.1, 0.9]) for n in range(4))), 0.05)
    assert none.caught.value is None
    assert none.warned_hours.value is None
    assert none.false_per_day.value == pytest.approx(4 / (8 / 24))
    everyone = alarm_of(judged(*(stay(n, [0.1, 0.9], before=2) for n in range(4))), 0.05)
    assert everyone.disturbed.value is None
    assert everyone.caught.value == 1


def test_it_is_read_as_it_was_written_and_said_in_words():
    found = judged(*(stay(n, [0.1, 0.2, 0.8], before=n % 2) for n in range(10)))
    assert StayEvaluation.from_dict(found.to_dict()) == found
    sentence = found.alarms[0].in_words(found.discrimination)
    assert "of the 5 stays with the event" in sentence
    assert "in the 5 others" in sentence
