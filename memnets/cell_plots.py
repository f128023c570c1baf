"""Pictures of the inside: gates over time, and how far an error travels.

A trace is what `memnets.inspection.trace` returns for one recurrent layer.
Anything with its attributes will do: `kind`, `layer`, `names`, and arrays of
shape `(batch, time, unit)` under those names.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets import marks
from memnets.cell_drawing import GATES, check_trace, plot_cell
from memnets.tasks import Batch, Task

__all__ = ["plot_cell", "plot_gates", "plot_gradient"]

# How high a fully open gate stands in its row.
ROW = 0.74
# So few time steps that each is drawn by itself.
FEW = 40


def plot_gates(
    trace: Any,
    task: Task,
    batch: Batch,
    sequence: int = 0,
    unit: int = 0,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw what one unit reads, how far its gates are open, what it keeps.

    A row of a gate is shut at its lower edge and open at its upper, 0 to 1.

    Args:
        trace: The trace of an LSTM or GRU layer.
        task: The task that drew the batch; it names the channels.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        unit: Integer, which unit of the layer. Default: 0.
        axes: Three axes, one above the other. Default: `None`, those of a new
            figure.

    Returns:
        The array of three axes: inputs, gates, and memory.

    Raises:
        ValueError: If the layer has no gates, or the trace is not of this
            batch.
    """
    gates = tuple(name for name in GATES if name in trace.names)
    if not gates:
        raise ValueError(
            f"trace must be of a layer with gates, got the {trace.kind} layer "
            f"{trace.layer}"
        )
    check_trace(trace, batch, sequence, unit)
    if axes is None:
        heights = {"height_ratios": (len(task.inputs) + 1, len(gates) + 1, 4)}
        _, axes = plt.subplots(
            3, 1, sharex=True, layout="constrained", gridspec_kw=heights
        )
    top, middle, bottom = axes
    inputs = batch.inputs[sequence]
    marks.channels(top, task, inputs)
    _rows(middle, trace, gates, sequence, unit)
    _memory(bottom, trace, sequence, unit)
    for ax in (middle, bottom):
        marks.time_across(ax, len(inputs))
        marks.mark_steps(ax, task, inputs, named=False)
    for ax in (top, middle):
        ax.set_xlabel("")
        ax.tick_params(axis="x", length=0, labelbottom=False)
        ax.spines["bottom"].set_visible(False)
    return axes


def _rows(ax: Axes, trace, gates, sequence, unit) -> None:
    """Draw each gate as a row of bars that fill the row where it is open."""
    for row, name in enumerate(gates):
        values = getattr(trace, name)[sequence, :, unit]
        color, ground = GATES[name], -row - ROW / 2
        ax.axhspan(ground, ground + ROW, color=marks.blend(ax, color, 0.15))
        few = values.size <= FEW
        ax.bar(
            np.arange(values.size),
            ROW * values,
            0.8 if few else 1,
            ground,
            color=color,
            # A thin edge closes the seams between bars that touch.
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
    marks.rows_named(ax, tuple(name.replace("_", " ") for name in gates))
    ax.set_ylim(0.55 - len(gates), 0.55)


def _memory(ax: Axes, trace, sequence, unit) -> None:
    """Draw the output of a unit and, where it has one, its cell state."""
    ink, width = plt.rcParams["text.color"], plt.rcParams["lines.linewidth"]
    ax.axhline(0, color=ink, linewidth=0.8)
    # The cell state is wide enough to be seen behind an output that equals it.
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


def plot_gradient(flows: dict[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Draw how the gradient fades with the steps back from where it arises.

    A line is the median over networks or sequences, and its band holds the
    middle eight of ten. What is zero has no place on a logarithmic scale.

    Args:
        flows: Dictionary from a label to an array of shape `(network, lag)`,
            lags from 0 up, such as `memnets.inspection.GradientFlow.hidden`.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If there is nothing to draw.
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
    marks.whole_numbers(ax.xaxis)
    marks.name_lines(ax, ends)
    return ax
