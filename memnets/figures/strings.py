"""Layouts of the slide figures of languages, for the catalogue."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from memnets.plots.counters import plot_counters
from memnets.plots.grammar import plot_grammar
from memnets.records.trace import NetworkTrace
from memnets.tasks import Reber


def counters(figure: Figure, two: NetworkTrace, three: NetworkTrace) -> None:
    """Draw the counters of two networks set by hand, for some n.

    The counters are the first cells of a network, one for each letter after
    a; see `memnets.networks.by_hand`.
    """
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    for ax, traced in zip(axes, (two, three)):
        (trace,), letters = traced.traces, traced.task.letters
        units = {f"down at {k}": i for i, k in enumerate(letters[1:])}
        # The first a is read at step 1, and after it every count is 1.
        one = float(trace.cell_state[0, 1, 0])
        plot_counters(trace, traced.probe, units, one, ax)
        ax.set_title(" ".join(f"${letter}^n$" for letter in letters))
        ax.set_ylabel("")
        ax.label_outer()
        # Above, the colours are named, and below the kinds of lines.
        part, shown = (0, ax.lines[1:]) if ax is axes[0] else (1, ax.lines[-2:])
        names = [line.get_label().split(": ")[part] for line in shown]
        ax.legend(shown, names, loc="upper right")
    size = plt.rcParams["axes.labelsize"]
    figure.supylabel("count in the cell state", fontsize=size)


def grammar(figure: Figure, task: Reber) -> None:
    """Draw the graph of a grammar."""
    plot_grammar(task, ax=figure.add_subplot())
