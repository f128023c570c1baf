"""A picture of cells that count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.plots.cell import check_layer, check_trace
from memnets.tasks import Batch
from memnets.tasks.symbols import NONE

LINES = ("-", "--", ":", "-.")


def plot_counters(
    trace: Any,
    batch: Batch,
    units: Mapping[str, int],
    one: float = 1.0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the cell states of some units over time, for strings of each n.

    Each colour is a string, and each kind of line a unit. A line ends where
    its string ends.

    Args:
        trace: The trace of a layer with cell states, such as an LSTM.
        batch: The strings of `AnBn` or `AnBnCn` that the network read.
        units: Dictionary from a label to the number of a unit of the layer.
        one: Float that is not 0, the change of the cell state that counts as
            1. Default: 1.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If the layer has no cell states, or the trace is not of
            this batch.
    """
    check_layer(trace)
    if "cell_state" not in trace.names:
        raise ValueError(
            f"trace must be of a layer with cell states, got the {trace.kind} "
            f"layer {trace.layer}"
        )
    for unit in units.values():
        check_trace(trace, batch, 0, unit)
    if not one:
        raise ValueError(f"one must not be 0, got {one}")
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ink, thin = plt.rcParams["text.color"], plt.rcParams["axes.linewidth"]
    ax.axhline(0, color=ink, linewidth=thin, zorder=0.5)
    colors = annotations.shades(ax, len(batch.inputs))
    for symbols, states, color in zip(batch.inputs, trace.cell_state, colors):
        steps = np.flatnonzero(symbols != NONE)
        number = np.count_nonzero(symbols == 1)
        for line, (label, unit) in zip(LINES, units.items()):
            counts = states[steps, unit] / one
            name = f"n = {number}: {label}"
            ax.plot(steps, counts, line, color=color, label=name)
    annotations.set_time_axis(ax, batch.inputs.shape[1])
    annotations.integer_ticks(ax.yaxis)
    ax.set_ylabel("count")
    return ax
