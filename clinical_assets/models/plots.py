"""Figures of an evaluation, as PNG bytes: one house style, readable at 600 pixels.

Every title says what it was measured on and how sure it is; what can't be estimated is said in words in an empty frame.
Figures are drawn without pyplot, whose global state two outcomes evaluated side by side would share.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from clinical_assets.models.evaluation import Estimate, Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 6.0, 4.5, 100
INK, GREY, LIGHT = "#1f2933", "#7b8794", "#d9dee4"
EVENT, NO_EVENT = "#b3432b", "#2f6690"
MOST_FEATURES = 20
LONGEST_NAME = 34


def roc(labels: npt.ArrayLike, probabilities: npt.ArrayLike, evaluation: Evaluation) -> bytes:
    """Sensitivity over false alarm rate, for every threshold."""
    figure, axes = _figure(f"ROC curve: AUROC {_short(evaluation.auroc)}", evaluation)
    if evaluation.auroc.value is None:
        return _not_estimable(figure, axes, evaluation.auroc)
    hits, misses = _cumulated(labels, probabilities)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="chance")
    axes.plot(misses / misses[-1], hits / hits[-1], color=NO_EVENT, linewidth=2, label="model")
    _unit_square(axes, "1 - specificity", "Sensitivity")
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    return _png(figure)


def precision_recall(labels: npt.ArrayLike, probabilities: npt.ArrayLike, evaluation: Evaluation) -> bytes:
    """Positive predictive value over sensitivity, for every threshold, above the event rate."""
    figure, axes = _figure(f"Precision and recall: AUPRC {_short(evaluation.auprc)}", evaluation)
    if evaluation.auprc.value is None or evaluation.event_rate is None:
        return _not_estimable(figure, axes, evaluation.auprc)
    hits, misses = _cumulated(labels, probabilities)
    # Average precision adds up the precision of those thresholds that reach further events, and so does this line.
    further = np.flatnonzero(np.diff(hits)) + 1
    recall, precision = hits[further] / hits[-1], hits[further] / (hits[further] + misses[further])
    axes.axhline(
        evaluation.event_rate, color=GREY, linewidth=1, linestyle="--", label=f"event rate {evaluation.event_rate:.3f}"
    )
    across, up = np.r_[0.0, recall], np.r_[precision[:1], precision]
    axes.plot(across, up, color=NO_EVENT, linewidth=2, drawstyle="steps-pre", label="model")
    _unit_square(axes, "Recall (sensitivity)", "Precision (PPV)")
    axes.legend(loc="upper right", frameon=False, fontsize=10)
    return _png(figure)


def calibration(probabilities: npt.ArrayLike, evaluation: Evaluation) -> bytes:
    """Observed over predicted, in bins with Wilson intervals, above a histogram of the probabilities."""
    figure, axes = _figure(f"Calibration: slope {_short(evaluation.calibration_slope)}", evaluation)
    bins = evaluation.calibration_curve
    if not bins:
        return _not_estimable(figure, axes, evaluation.calibration_slope)
    axes.set_position((0.12, 0.34, 0.84, 0.44))
    score = np.asarray(probabilities, dtype=np.float64)
    predicted, observed = np.array([b.predicted for b in bins]), np.array([b.observed for b in bins])
    reach = observed - np.array([b.low for b in bins]), np.array([b.high for b in bins]) - observed
    top = min(1.0, 1.05 * max(0.05, float(score.max()), *(b.high for b in bins)))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    axes.errorbar(
        predicted,
        observed,
        yerr=np.clip(np.array(reach), 0, None),
        fmt="o-",
        color=NO_EVENT,
        ecolor=GREY,
        elinewidth=1.2,
        capsize=2,
        markersize=5,
        linewidth=1.2,
        label=f"{len(bins)} bins of about {round(evaluation.stays / len(bins)):,} {evaluation.of}",
    )
    axes.set(xlim=(0, top), ylim=(0, top), ylabel="Observed share")
    axes.tick_params(labelbottom=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=2, frameon=False, fontsize=10)
    intercept = f"intercept {_short(evaluation.calibration_intercept)}"
    axes.text(0.99, 0.04, intercept, transform=axes.transAxes, color=INK, fontsize=10, ha="right")
    below = figure.add_axes((0.12, 0.13, 0.84, 0.17))
    _style(below)
    below.hist(score, bins=np.linspace(0, top, 41).tolist(), color=LIGHT)
    below.set(xlim=(0, top), xlabel="Predicted probability", ylabel=evaluation.of.capitalize())
    return _png(figure)


def score_distribution(labels: npt.ArrayLike, probabilities: npt.ArrayLike, evaluation: Evaluation) -> bytes:
    """How probabilities are spread among stays with and without the event, each adding up to its class."""
    figure, axes = _figure("Predicted probabilities by outcome", evaluation, intervals=False)
    happened, score = np.asarray(labels, dtype=np.bool_), np.asarray(probabilities, dtype=np.float64)
    if not len(score):
        return _not_estimable(figure, axes, evaluation.brier)
    edges = np.linspace(0, min(1.0, 1.02 * float(score.max()) + 1e-6), 31)
    for member, color, name in ((~happened, NO_EVENT, "without event"), (happened, EVENT, "with event")):
        count = int(member.sum())
        if count:
            axes.hist(
                score[member],
                bins=edges.tolist(),
                weights=np.full(count, 1 / count),
                color=color,
                alpha=0.35,
                histtype="stepfilled",
                edgecolor=color,
                linewidth=1.5,
                label=f"{name} ({count:,})",
            )
    axes.set(xlim=(0, edges[-1]), xlabel="Predicted probability", ylabel="Share of class")
    axes.legend(loc="upper right", frameon=False, fontsize=10)
    return _png(figure)


def feature_importance(importance: pl.DataFrame, evaluation: Evaluation) -> bytes:
    """The features that move predictions most.

    Args:
        importance: as `explanation.importance` returns it, over the stays evaluated.
        evaluation: of those stays.
    """
    figure, axes = _figure("Feature importance: mean |SHAP| in log-odds", evaluation, intervals=False)
    used = importance.filter(pl.col("mean_absolute") > 0)
    shown = used.head(MOST_FEATURES)
    if shown.is_empty():
        return _not_estimable(figure, axes, Estimate(None, reason="no feature moves any prediction"))
    axes.set_position((0.42, 0.12, 0.55, 0.72))
    axes.barh(np.arange(shown.height), shown["mean_absolute"].to_numpy(), color=NO_EVENT, height=0.7)
    axes.set_yticks(
        np.arange(shown.height),
        [_named(name, unit) for name, unit in shown.select("feature", "unit").iter_rows()],
        fontsize=8.5,
    )
    axes.set_ylim(max(shown.height, 5) - 0.4, -0.6)
    axes.set_xlabel(f"{shown.height} of {used.height} features the model uses")
    axes.grid(visible=False, axis="y")
    return _png(figure)


def markdown_image(png: bytes, alternative: str) -> str:
    """A PNG as Markdown that carries the picture in itself.

    Args:
        png: the picture.
        alternative: what it shows, for those who can't see it.
    """
    text = alternative.replace("[", "(").replace("]", ")")
    return f"![{text}](data:image/png;base64,{base64.b64encode(png).decode()})"


def _figure(title: str, evaluation: Evaluation, *, intervals: bool = True) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, facecolor="white")
    axes = figure.add_axes((0.12, 0.13, 0.84, 0.70))
    _style(axes)
    figure.text(0.02, 0.93, title, color=INK, fontsize=12, fontweight="bold")
    measured_on = (
        f"{evaluation.stays:,} {evaluation.of} of {evaluation.patients:,} patients, {evaluation.events:,} events"
    )
    figure.text(0.02, 0.875, measured_on + ("; 95% intervals" if intervals else ""), color=GREY, fontsize=10)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9.5, length=3)
    axes.xaxis.label.set(color=INK, fontsize=10.5)
    axes.yaxis.label.set(color=INK, fontsize=10.5)
    axes.grid(visible=True, color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)


def _unit_square(axes: Axes, across: str, up: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), xlabel=across, ylabel=up)


def _short(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not estimable"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} (no interval)"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _named(name: str, unit: str | None) -> str:
    text = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    return f"{text} [{unit}]" if unit and len(text) + len(unit) + 3 <= LONGEST_NAME else text


def _cumulated(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Events and non-events at or above each distinct probability, from the highest down, after a start at 0."""
    happened, score = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    hits = np.cumsum(happened[order])[last_of_tie]
    misses = np.cumsum(1 - happened[order])[last_of_tie]
    return np.r_[0.0, hits], np.r_[0.0, misses]


def _not_estimable(figure: Figure, axes: Axes, estimate: Estimate) -> bytes:
    axes.set(xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_color(LIGHT)
    axes.text(
        0.5, 0.5, f"not estimable:\n{estimate.reason}", color=GREY, fontsize=12, ha="center", va="center", wrap=True
    )
    return _png(figure)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    # Without the software's name, the same figures give the same bytes.
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return content.getvalue()
