"""Layouts of the slide figures of counting and timing, for the catalogue."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from memnets.figures import strings
from memnets.plots.rhythms import CROSS, plot_counting, plot_timing
from memnets.records.trace import NetworkTrace

# The names of the cells in `rhythms`.
NAMES = {"peephole_lstm": "peephole LSTM", "lstm": "LSTM"}


def counting(
    figure: Figure, trained: NetworkTrace, by_hand: NetworkTrace
) -> None:
    """Draw a trained counter beside an exact one, for the same strings."""
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    plot_counting(trained, left)
    plot_counting(by_hand, right)
    first = trained.settings["first_failures"]
    fails = sorted(first)[(len(first) - 1) // 2]
    most = trained.task.numbers[-1]
    left.set_title(f"trained to n = {most}, first fails at {fails}")
    right.set_title("set by hand")
    right.set_ylabel("")
    lines = [ln for ln in right.lines if str(ln.get_label()).startswith("n = ")]
    names = [line.get_label().split(": ")[0] for line in lines]
    cross = Line2D([], [], color=plt.rcParams["text.color"], marker="x")
    cross.set(linestyle="none", **CROSS)
    handles = [*lines, cross]
    figure.legend(
        handles, [*names, "wrong"], loc="outside lower center", ncols=5
    )


def rhythms(
    figure: Figure, peephole: NetworkTrace, plain: NetworkTrace
) -> None:
    """Draw the answers of two cells at one timing task, in two rows."""
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    for ax, traced in zip(axes, (peephole, plain)):
        cell, task = traced.settings["cell"], traced.task
        shares = traced.settings["shares"][task.name]
        solved = sum(share == 1 for share in shares)
        plot_timing(task, traced.probe, {"output": traced.outputs}, ax=ax)
        ax.set_title(f"{NAMES[cell]}: {solved} of {len(shares)} learn it")
        ax.set_ylabel("")
        ax.label_outer()
    size = plt.rcParams["axes.labelsize"]
    figure.supylabel("spike", fontsize=size)
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)


# The figures: title, recordings, drawing.
DRAWN: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
    "counters": (
        "Counters set by hand: up at each a, down at each b or c",
        ("anbn_by_hand_inside", "anbncn_by_hand_inside"),
        strings.counters,
    ),
    "counting": (
        "A trained counter beside an exact one: the cell state over time",
        ("anbn_inside", "anbn_long_by_hand_inside"),
        counting,
    ),
    "rhythms": (
        "To spike at the right time: today's training, 4 units",
        ("rhythm_peephole_inside", "rhythm_lstm_inside"),
        rhythms,
    ),
}
