"""A judgement: what is stored, named and resampled."""

import numpy as np
import polars as pl
import pytest

from clinical_assets.models.judgement import Judgement, judge, meaning_of, resamples_for
from clinical_assets.models.outcomes import OUTCOMES
from clinical_assets.models.parameters import LightGBMParameters
from clinical_assets.models.training import train

SEPSIS = OUTCOMES["sepsis"]
QUICK = LightGBMParameters(num_threads=1, most_rounds=15, patience=5)


@pytest.fixture(scope="module")
def judged():
    random = np.random.default_rng(3)
    patient, hour = np.divmod(np.arange(60 * 12), 12)
    soon = ((patient % 3 == 0) & (hour >= 6)).astype(int)
    rows = pl.DataFrame(
        {
            "subject_id": patient, "stay_id": patient, "hr": hour, SEPSIS.label: soon,
            "heart_rate": 80 + 10 * soon + 8 * random.normal(size=len(soon)), "renal_sofa": soon + 0.0,
        }
    )  # fmt: skip

    def model(*names):
        return train(rows, feature_names=names, categorical={}, label=SEPSIS.label, parameters=QUICK)

    others = {"with_organ_points": model("heart_rate", "renal_sofa")}
    return judge(model("heart_rate"), others, rows, SEPSIS, seed=1)


def test_rows_are_judged_as_hours_and_stays_once_each(judged):
    assert (judged.rows.stays, judged.rows.of) == (720, "hours")
    assert (judged.stays.discrimination.stays, judged.stays.discrimination.events) == (60, 20)


def test_every_figure_has_a_meaning_and_a_difference_is_that_of_the_two(judged):
    figures = judged.figures
    assert all(meaning_of(name) for name in figures)
    assert meaning_of("cross_validated_auroc") == ""
    difference = figures["auroc_with_organ_points"].value - figures["auroc"].value
    assert figures["auroc_difference_with_organ_points"].value == pytest.approx(difference)
    assert difference > 0.05
    assert judged.remarks[-1].endswith("better than the model that is used.")
    assert len(judged.remarks) == 4


def test_a_judgement_is_read_as_it_was_written(judged):
    assert Judgement.from_json(judged.to_json()) == judged


def test_an_evaluation_of_before_there_were_comparisons_is_still_read(judged):
    import json

    old = {k: v for k, v in json.loads(judged.to_json()).items() if k in ("outcome", "model_version", "evaluation")}
    found = Judgement.from_json(json.dumps(old).encode())
    assert (found.rows, found.stays, found.compared, found.remarks) == (judged.rows, None, {}, [])


def test_millions_of_rows_are_resampled_less_often_than_hundreds():
    assert [resamples_for(n) for n in (0, 100, 3_000, 6_000, 7_000_000)] == [1000, 1000, 1000, 500, 200]
