"""Pictures of gradients through time."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.records.files import check_record
from memnets.records.gradients import GradientStudy

# The same scale for all networks.
LIMITS = 1e-16, 1e2


def plot_gradient_study(
    study: GradientStudy, network: str, ax: Axes | None = None
) -> Axes:
    """Draw one network's gradient norm by lag, before and after training.

    Each line is a seed after training. The dashed one is the median over the
    seeds before training.

    Args:
        study: The `GradientStudy`.
        network: String, one of `study.networks`.
        ax: The axes. Default: `None`, those of a new figure.

    Raises:
        ValueError: If there is no network of that name.
    """
    number = _number(study, network)
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    mastered = study.scores[number] >= study.task.pass_mark
    # In this order, so that networks that mastered the task are on top.
    kinds = ((~mastered, "C0", "not mastered"), (mastered, "C1", "mastered"))
    wide = plt.rcParams["lines.linewidth"]
    for chosen, color, label in kinds:
        style = {"color": color, "linewidth": 0.7 * wide, "label": label}
        ax.plot(study.after[number, chosen].T, **style)
    before = np.median(study.before[number], axis=0)
    ink = plt.rcParams["text.color"]
    ax.plot(before, "--", color=ink, linewidth=wide, label="before training")
    ax.set(yscale="log", ylim=LIMITS, yticks=[1, 1e-5, 1e-10, 1e-15])
    ax.minorticks_off()
    ax.margins(x=0)
    ax.set_title(f"{network}: {mastered.sum()} of {mastered.size}")
    return ax


def plot_scores_by_gradient(
    study: GradientStudy, ax: Axes | None = None
) -> Axes:
    """Draw each network's share of correct answers over its gradient.

    The gradient is that at the tell, relative to the ask.

    Args:
        study: The `GradientStudy`.
        ax: The axes. Default: `None`, those of a new figure.
    """
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    for number, network in enumerate(study.networks):
        norm = study.after[number, :, -1]
        marker = "os^vDP"[number % 6]
        ax.plot(norm, study.scores[number], marker, label=network, alpha=0.8)
    ax.set(xscale="log", xlim=(1e-20, 1e2), ylim=(0, 1.05))
    ax.set(xlabel="gradient at the tell, 1 at the ask", ylabel="share correct")
    ax.legend(loc="upper left")
    return ax


def _number(study: GradientStudy, network: str) -> int:
    check_record("study", study, GradientStudy)
    if network not in study.networks:
        raise ValueError(
            f"network must be one of {'; '.join(study.networks)}, "
            f"got {network!r}"
        )
    return study.networks.index(network)


def plot_gradient(flows: dict[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw gradient norms by lag, on a logarithmic scale.

    A line is the median over networks or sequences. Its band reaches from the
    10 % to the 90 % quantile. Values of zero are not drawn.

    Args:
        flows: Dictionary from a label to an array of shape `(network, lag)`
            for lags 0, 1, 2, ..., such as `memnets.GradientFlow.hidden`.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If there is no array, or no value above 0 in one.
    """
    flows = {label: np.asarray(values) for label, values in flows.items()}
    for label, values in flows.items():
        if values.ndim != 2 or not (values > 0).any():
            raise ValueError(
                f"flows must be arrays of shape (network, lag) with a gradient "
                f"above 0, got shape {values.shape} for {label!r}"
            )
    if not flows:
        raise ValueError("flows must name one array or more, got none")
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ends = {}
    for number, (label, values) in enumerate(flows.items()):
        low, middle, high = np.quantile(values, (0.1, 0.5, 0.9), axis=0)
        lags, color = np.arange(middle.size), f"C{number}"
        ax.fill_between(lags, low, high, color=color, alpha=0.2, linewidth=0)
        (line,) = ax.plot(lags, middle, color=color, label=label)
        ends[label] = line
    ax.set(xlabel="time steps back", ylabel="gradient", yscale="log")
    ax.margins(x=0)
    annotations.integer_ticks(ax.xaxis)
    annotations.name_lines(ax, ends)
    return ax
