"""Layouts of the slide figures of the classic experiments."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from memnets.plots.reproduction import (
    plot_first_failures,
    plot_lags,
    plot_reproduction,
)
from memnets.records.classics import PUBLISHED, recorded_trials


def reproduction(figure: Figure) -> None:
    """Draw all rows of 1997: symbols on the left, numbers on the right."""
    trials = recorded_trials()
    symbols = [name for name in PUBLISHED if name[0] in "12"]
    numbers = [name for name in PUBLISHED if name not in symbols]
    axes = figure.subplots(1, 2)
    for ax, rows in zip(axes, (symbols, numbers)):
        plot_reproduction(trials, ax, rows)
    limits = [ax.get_xlim() for ax in axes]
    first, last = min(a for a, _ in limits), max(b for _, b in limits)
    for ax in axes:
        ax.set_xlim(first, last)
    handles = axes[0].get_legend_handles_labels()
    narrow = {"handlelength": 1, "handletextpad": 0.4, "columnspacing": 1.2}
    figure.legend(*handles, loc="outside lower center", ncols=4, **narrow)


def lags(figure: Figure) -> None:
    """Draw the share of solved trials over the lag."""
    plot_lags(recorded_trials(), figure.add_subplot())


def counters(figure: Figure) -> None:
    """Draw how far trained counters reach."""
    ax = figure.add_subplot()
    plot_first_failures(recorded_trials(), ax)
    handles = ax.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)


# Title, recordings and layout of each figure of the catalogue.
DRAWN: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "reproduction": (
        "The experiments of 1997, then and now: how many sequences it takes",
        (),
        reproduction,
    ),
    "lags": (
        "How long a lag is learned? Forget biases and cells, 8 units each",
        (),
        lags,
    ),
    "counted": (
        "Trained to count, tested further: where does each network fail?",
        (),
        counters,
    ),
}
