"""Figures: whole PNGs of one size for every kind of evaluation, and the same bytes for the same figures."""

import base64
import struct

import numpy as np
import polars as pl
import pytest

from clinical_assets.models import plots
from clinical_assets.models.evaluation import evaluate

RNG = np.random.default_rng(0)
SCORES = RNG.beta(1, 6, 200)
SETS = {
    "many": ((RNG.random(200) < SCORES).astype(int), SCORES, np.arange(200) // 2),
    "tiny": (np.array([0, 1, 0, 0, 1]), np.array([0.1, 0.2, 0.2, 0.0, 1.0]), np.arange(5)),
    "one class": (np.zeros(9, dtype=int), SCORES[:9], np.arange(9)),
    "none": (np.empty(0, dtype=int), np.empty(0), np.empty(0, dtype=int)),
}
IMPORTANCE = pl.DataFrame(
    {"feature": [f"heart_rate_maximum_of_hour_{i}" for i in range(30)], "unit": ["/min", None] * 15}
).with_columns(mean_absolute=pl.Series(np.r_[np.linspace(1, 0.01, 27), 0, 0, 0]))


def figures(name):
    labels, probabilities, patients = SETS[name]
    found = evaluate(labels, probabilities, patients, seed=1, resamples=100)
    return {
        "roc": plots.roc(labels, probabilities, found),
        "precision_recall": plots.precision_recall(labels, probabilities, found),
        "calibration": plots.calibration(probabilities, found),
        "score_distribution": plots.score_distribution(labels, probabilities, found),
        "feature_importance": plots.feature_importance(IMPORTANCE, found),
    }


@pytest.mark.parametrize("name", SETS)
def test_every_set_of_stays_has_its_figures(name):
    for figure, png in figures(name).items():
        assert png[:8] == b"\x89PNG\r\n\x1a\n", figure
        assert struct.unpack(">II", png[16:24]) == (600, 450), figure
        assert png.endswith(b"IEND\xaeB`\x82"), figure
        assert len(png) < 100_000, figure


def test_the_same_figures_give_the_same_bytes():
    assert figures("many") == figures("many")


def test_a_model_no_feature_moves_has_words_instead_of_bars():
    found = evaluate(*SETS["tiny"], seed=1, resamples=0)
    moved = plots.feature_importance(IMPORTANCE.with_columns(mean_absolute=pl.lit(0.0)), found)
    assert moved != plots.feature_importance(IMPORTANCE, found)


def test_the_roc_curve_encloses_the_area_that_was_measured():
    labels, probabilities, patients = SETS["many"]
    hits, misses = plots._cumulated(labels, probabilities)
    area = np.trapezoid(hits / hits[-1], misses / misses[-1])
    assert area == pytest.approx(evaluate(labels, probabilities, patients, seed=1, resamples=0).auroc.value)


def test_tied_stays_are_one_step_of_the_curves():
    hits, misses = plots._cumulated([1, 0, 1, 0, 0], [0.5, 0.9, 0.5, 0.5, 0.1])
    assert (hits.tolist(), misses.tolist()) == ([0, 0, 2, 2], [0, 1, 2, 3])


def test_titles_say_how_sure_a_figure_is():
    many, tiny = (evaluate(*SETS[name], seed=1, resamples=100).auroc for name in ("many", "tiny"))
    assert plots._short(many) == f"{many.value:.2f} ({many.low:.2f} to {many.high:.2f})"
    assert plots._short(tiny) == f"{tiny.value:.2f} (no interval)"
    assert plots._short(evaluate(*SETS["none"], seed=1).auroc) == "not estimable"


def test_long_feature_names_are_cut_and_short_ones_keep_their_unit():
    assert plots._named("lactate_max", "mmol/L") == "lactate_max [mmol/L]"
    assert plots._named("x" * 50, "mmol/L") == "x" * 33 + "…"


def test_a_picture_in_markdown_carries_itself():
    png = figures("tiny")["roc"]
    text = plots.markdown_image(png, "ROC [test]")
    head, _, data = text.partition("base64,")
    assert head == "![ROC (test)](data:image/png;"
    assert base64.b64decode(data.removesuffix(")")) == png
