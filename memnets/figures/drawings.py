"""Layouts of the slide figures that show cells, for the catalogue."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnets.plots import annotations
from memnets.plots.animations import animate_cell, draw_step
from memnets.plots.cell import plot_cell
from memnets.plots.comparison import draw_comparison, plot_matrix
from memnets.plots.diagrams import TREE, plot_family
from memnets.plots.gates import plot_gates
from memnets.records.outcomes import CellTable
from memnets.records.trace import NetworkTrace

# The cells on a slide that compares cells, in order.
SHOWN = (
    "simple_rnn elman lstm_1997 lstm peephole_lstm gru memory_gated lstm_nfg "
    "min_gru"
).split()


def keeper(traced: NetworkTrace, sequence: int) -> int:
    """Return the unit of the first layer that keeps the most.

    It has the largest mean forget gate, or update gate in a GRU, between the
    first and the last event of the sequence, such as tell and ask.

    Args:
        traced: The record of a network with an LSTM or GRU layer.
        sequence: Integer, which sequence.

    Returns:
        An integer.
    """
    trace = traced.traces[0]
    gate = "forget_gate" if "forget_gate" in trace.names else "update_gate"
    events = traced.task.events(traced.probe.inputs[sequence])
    steps = sorted({int(t) for own in events.values() for t in own})
    inside = slice(steps[0] + 1, steps[-1]) if len(steps) > 1 else slice(None)
    waiting = trace.values[gate][sequence, inside]
    return int(waiting.mean(axis=0).argmax()) if len(waiting) else 0


def told_values(traced: NetworkTrace) -> np.ndarray:
    """Return the number told in each sequence, which has one tell."""
    return traced.probe.inputs[..., traced.task.inputs.index("value")].max(1)


def plot_ceiling(traced: NetworkTrace, ax: Axes) -> Axes:
    """Draw the parts of the answering cell's state at the ask by told value.

    Args:
        traced: The record of a recall network whose last layer answers. All
            sequences must have their tell and their ask at the same steps.
        ax: The axes.
    """
    trace, values = traced.traces[-1], told_values(traced)
    _, ask = _tell_and_ask(traced, 0)
    before, after = trace.cell_state[:, ask - 1 : ask + 1, 0].T
    kept = trace.forget_gate[:, ask, 0] * before
    ink = plt.rcParams["text.color"]
    for height, color in ((1, ink), (np.tanh(1), "C1")):
        ax.axhline(height, color=color, linestyle=":", linewidth=1.5)
    ax.plot(values, kept, "-.", color="C3", label="from before")
    # In front, because it may equal the cell state.
    style = {"color": "C2", "label": "written now", "zorder": 3}
    ax.plot(values, after - kept, "--", **style)
    ax.plot(values, after, color=ink, label="cell state")
    ax.plot(values, traced.outputs[:, ask, 0], color="C1", label="output")
    annotations.write(ax, "tanh(1)", (0, np.tanh(1)), ha="left", va="center")
    ax.set(xlabel="told value", ylabel="at the ask")
    return ax


def cell(figure: Figure, traced: NetworkTrace) -> None:
    """Draw a cell of a trained network at the tell."""
    sequence = _sequence_told(traced, 0.9)
    unit = keeper(traced, sequence)
    tell, _ = _tell_and_ask(traced, sequence)
    trace, ax = traced.traces[0], figure.add_subplot()
    plot_cell(trace, traced.task, traced.probe, sequence, tell, unit, ax=ax)


def cell_film(figure: Figure, traced: NetworkTrace) -> FuncAnimation:
    """Show the same cell at all time steps."""
    return _draw_keeper(animate_cell, figure, traced)


def cell_last(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the film's last frame."""
    _, show = _draw_keeper(draw_step, figure, traced)
    show(traced.probe.inputs.shape[1] - 1)


def gates(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the gates of the cell that keeps the number."""
    sequence = _sequence_told(traced, 0.9)
    _gates(figure, traced, sequence, keeper(traced, sequence))


def by_hand(figure: Figure, traced: NetworkTrace) -> None:
    """Draw the gates of a cell that was set by hand."""
    _gates(figure, traced, 0, 0)


def ceiling(figure: Figure, below: NetworkTrace, past: NetworkTrace) -> None:
    """Draw two networks, one below the tanh(1) ceiling and one past it."""
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, traced in zip(axes, (below, past)):
        plot_ceiling(traced, ax)
        rate, episodes = (
            traced.settings[k] for k in ("learning_rate", "episodes")
        )
        ax.set_title(f"Adam {rate:g}, {episodes:,} episodes")
        ax.label_outer()
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)


def family(figure: Figure, places: dict[str, tuple[int, int]] = TREE) -> None:
    """Draw the family of cells, or a part of it with names on the gates."""
    plot_family(places, places is not TREE, figure.add_subplot())


def cells(figure: Figure, recorded: CellTable, task: str) -> None:
    """Draw the results of some cells for a task, with one layout for all."""
    draw_comparison(figure, recorded.at(task, SHOWN))


def matrix(figure: Figure, recorded: CellTable) -> None:
    """Draw the table of all cells and all tasks."""
    found = {task: recorded.at(task) for task in recorded.tasks}
    plot_matrix(found, figure.add_subplot())


def _draw_keeper(draw, figure, traced):
    sequence = _sequence_told(traced, 0.9)
    unit = keeper(traced, sequence)
    return draw(
        traced.traces[0],
        traced.task,
        traced.probe,
        sequence,
        unit,
        figure=figure,
    )


def _gates(figure, traced, sequence, unit):
    trace, task = traced.traces[0], traced.task
    axes = figure.subplots(3, 1, sharex=True)
    plot_gates(trace, task, traced.probe, sequence, unit, axes)


def _sequence_told(traced: NetworkTrace, value: float) -> int:
    """Return the sequence whose told value is nearest to `value`."""
    return int(np.abs(told_values(traced) - value).argmin())


def _tell_and_ask(traced: NetworkTrace, sequence: int) -> tuple[int, int]:
    events = traced.task.events(traced.probe.inputs[sequence])
    return int(events["tell"][0]), int(events["recall"][0])
