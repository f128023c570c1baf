"""The slide figures of what is inside a cell, for the catalogue."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnets import comparison_plots, marks
from memnets.animations import animate_cell, draw_step
from memnets.cell_plots import plot_cell, plot_gates
from memnets.comparison import SHOWN, Recorded
from memnets.family import TREE, plot_family
from memnets.insides import Inside


def keeper(inside: Inside, sequence: int) -> int:
    """Return the unit of the first layer that holds what it was told.

    It is the one whose forget gate is the most open between tell and ask.

    Args:
        inside: The record of a network with an LSTM layer.
        sequence: Integer, a sequence that is told once and then asked.

    Returns:
        An integer.
    """
    tell, ask = _told_and_asked(inside, sequence)
    waiting = inside.traces[0].forget_gate[sequence, tell + 1 : ask]
    return int(waiting.mean(axis=0).argmax())


def told(inside: Inside) -> np.ndarray:
    """Return the number that each sequence is told, once."""
    return inside.probe.inputs[..., inside.task.inputs.index("value")].max(1)


def plot_ceiling(inside: Inside, ax: Axes) -> Axes:
    """Draw what makes up the answering cell at the ask, for all told values.

    Args:
        inside: The record of a recall network whose last layer answers, all
            of its sequences told and asked at the same steps.
        ax: The axes.
    """
    trace, values = inside.traces[-1], told(inside)
    _, ask = _told_and_asked(inside, 0)
    before, after = trace.cell_state[:, ask - 1 : ask + 1, 0].T
    kept = trace.forget_gate[:, ask, 0] * before
    ink = plt.rcParams["text.color"]
    for height, color in ((1, ink), (np.tanh(1), "C1")):
        ax.axhline(height, color=color, linestyle=":", linewidth=1.5)
    ax.plot(values, kept, "-.", color="C3", label="from before")
    # In front: where nothing comes from before it is all of the cell state.
    style = {"color": "C2", "label": "written now", "zorder": 3}
    ax.plot(values, after - kept, "--", **style)
    ax.plot(values, after, color=ink, label="cell state")
    ax.plot(values, inside.outputs[:, ask, 0], color="C1", label="output")
    marks.write(ax, "tanh(1)", (0, np.tanh(1)), ha="left", va="center")
    ax.set(xlabel="told value", ylabel="at the ask")
    return ax


def cell(figure: Figure, inside: Inside) -> None:
    """Draw a cell of a trained network at the tell."""
    sequence = _told_about(inside, 0.9)
    unit = keeper(inside, sequence)
    tell, _ = _told_and_asked(inside, sequence)
    trace, ax = inside.traces[0], figure.add_subplot()
    plot_cell(trace, inside.task, inside.probe, sequence, tell, unit, ax=ax)


def cell_film(figure: Figure, inside: Inside) -> FuncAnimation:
    """Show the same cell at all time steps."""
    return _stage(animate_cell, figure, inside, _told_about(inside, 0.9))


def cell_last(figure: Figure, inside: Inside) -> None:
    """Draw the film's last frame."""
    sequence = _told_about(inside, 0.9)
    _, show = _stage(draw_step, figure, inside, sequence)
    show(inside.probe.inputs.shape[1] - 1)


def gates(figure: Figure, inside: Inside) -> None:
    """Draw the gates of the cell that keeps the number."""
    sequence = _told_about(inside, 0.9)
    _gates(figure, inside, sequence, keeper(inside, sequence))


def by_hand(figure: Figure, inside: Inside) -> None:
    """Draw the gates of a cell that was set by hand."""
    _gates(figure, inside, 0, 0)


def ceiling(figure: Figure, below: Inside, past: Inside) -> None:
    """Draw two networks, one at the ceiling and one past it."""
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, inside in zip(axes, (below, past)):
        plot_ceiling(inside, ax)
        rate, episodes = (
            inside.settings[k] for k in ("learning_rate", "episodes")
        )
        ax.set_title(f"Adam {rate:g}, {episodes:,} episodes")
        ax.label_outer()
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4)


def family(figure: Figure, places: dict[str, tuple[int, int]] = TREE) -> None:
    """Draw the family of cells, or some of it with names on the gates."""
    plot_family(places, places is not TREE, figure.add_subplot())


def cells(figure: Figure, recorded: Recorded, task: str) -> None:
    """Draw some cells at a task, each at its own place on all slides."""
    comparison_plots.draw(figure, recorded.at(task, SHOWN))


def matrix(figure: Figure, recorded: Recorded) -> None:
    """Draw all cells at all tasks."""
    found = {task: recorded.at(task) for task in recorded.tasks}
    comparison_plots.plot_matrix(found, figure.add_subplot())


def _stage(draw, figure, inside, sequence):
    unit = keeper(inside, sequence)
    return draw(
        inside.traces[0],
        inside.task,
        inside.probe,
        sequence,
        unit,
        figure=figure,
    )


def _gates(figure, inside, sequence, unit):
    trace, task = inside.traces[0], inside.task
    axes = figure.subplots(3, 1, sharex=True)
    plot_gates(trace, task, inside.probe, sequence, unit, axes)


def _told_about(inside: Inside, value: float) -> int:
    return int(np.abs(told(inside) - value).argmin())


def _told_and_asked(inside: Inside, sequence: int) -> tuple[int, int]:
    events = inside.task.events(inside.probe.inputs[sequence])
    return int(events["tell"][0]), int(events["recall"][0])
