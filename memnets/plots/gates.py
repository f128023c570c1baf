"""A picture of one unit's gates and memory over a sequence."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.plots.cell import GATES, check_layer, check_trace
from memnets.tasks import Batch, Task

# The height of a fully open gate in its row.
ROW = 0.74
# The most time steps that are drawn separately.
FEW = 40


def plot_gates(
    trace: Any,
    task: Task,
    batch: Batch,
    sequence: int = 0,
    unit: int = 0,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the inputs, and one unit's gates, cell state and output.

    The row of a gate goes from 0, shut, to 1, open.

    Args:
        trace: The trace of an LSTM or GRU layer.
        task: The task that drew the batch; it names the channels.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        unit: Integer, which unit of the layer. Default: 0.
        axes: Array of three axes, one above the other. Default: `None`, those
            of a new figure.

    Returns:
        The array of three axes: inputs, gates, and memory.

    Raises:
        ValueError: If the layer has no gates, or the trace is not of this
            batch.
    """
    check_layer(trace)
    gates = tuple(name for name in GATES if name in trace.names)
    if not gates:
        raise ValueError(
            f"trace must be of a layer with gates, got the {trace.kind} layer "
            f"{trace.layer}"
        )
    check_trace(trace, batch, sequence, unit)
    if axes is None:
        # Many input channels are drawn closer together.
        channels = min(len(task.inputs), 8)
        heights = {"height_ratios": (channels + 1, len(gates) + 1, 4)}
        _, axes = plt.subplots(
            3, 1, sharex=True, layout="constrained", gridspec_kw=heights
        )
    top, middle, bottom = axes
    inputs = batch.inputs[sequence]
    annotations.draw_channels(top, task, inputs)
    _rows(middle, trace, gates, sequence, unit)
    _memory(bottom, trace, sequence, unit)
    for ax in (middle, bottom):
        annotations.set_time_axis(ax, len(inputs))
        annotations.mark_steps(ax, task, inputs, named=False)
    for ax in (top, middle):
        ax.set_xlabel("")
        ax.tick_params(axis="x", length=0, labelbottom=False)
        ax.spines["bottom"].set_visible(False)
    return axes


def _rows(ax: Axes, trace, gates, sequence, unit) -> None:
    """Draw each gate as a row of bars; an open gate fills its row."""
    for row, name in enumerate(gates):
        values = getattr(trace, name)[sequence, :, unit]
        color, ground = GATES[name], -row - ROW / 2
        ax.axhspan(
            ground, ground + ROW, color=annotations.blend(ax, color, 0.15)
        )
        few = values.size <= FEW
        ax.bar(
            np.arange(values.size),
            ROW * values,
            0.8 if few else 1,
            ground,
            color=color,
            # A thin edge closes the gaps between adjacent bars.
            linewidth=0 if few else 0.7,
            edgecolor=color,
        )
    for height, word in ((0, "0 shut"), (1, "1 open")):
        ax.annotate(
            word,
            (1, (height - 0.5) * ROW),
            (0.4 * plt.rcParams["font.size"], 0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize="small",
            annotation_clip=False,
        )
    annotations.name_rows(ax, tuple(name.replace("_", " ") for name in gates))
    ax.set_ylim(0.55 - len(gates), 0.55)


def _memory(ax: Axes, trace, sequence, unit) -> None:
    """Draw the output of a unit and its cell state, if it has one."""
    ink, width = plt.rcParams["text.color"], plt.rcParams["lines.linewidth"]
    ax.axhline(0, color=ink, linewidth=0.8)
    # A wider line, visible even where the output equals the cell state.
    for label, name, color, wide in (
        ("cell state", "cell_state", ink, 2.2 * width),
        ("output", "hidden", "C1", width),
    ):
        if name in trace.names:
            values = getattr(trace, name)[sequence, :, unit]
            style = "o-" if values.size <= FEW else "-"
            ax.plot(values, style, color=color, label=label, linewidth=wide)
    ax.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    ax.margins(y=0.15)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1.1))
