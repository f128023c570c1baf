"""Pictures of the hidden particle and of what a network knows of it.

Every `plot_*` draws in the axes `ax`, or in those of a new figure if `ax` is
`None`, and returns them.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.records.files import check_record
from memnets.records.run import Run
from memnets.tasks.base import check_below
from memnets.tasks.particle import HiddenParticle, ParticleForecast, best_guess


def plot_motion(
    run: Run, sequence: int = 0, record: int = -1, ax: Axes | None = None
) -> Axes:
    """Draw input, target and output of one sequence over time.

    Args:
        run: The `Run` of a task of coupled oscillators.
        sequence: Integer, which recorded sequence. Default: 0.
        record: Integer, which record. Default: -1, the last.
        ax: The axes. Default: `None`.
    """
    _check(run, HiddenParticle, ParticleForecast)
    check_below("sequence", sequence, run.outputs.shape[1])
    ax = _axes(ax)
    wide, ink = plt.rcParams["lines.linewidth"], plt.rcParams["text.color"]
    seen = run.probe.inputs[sequence, :, 0]
    target = run.probe.targets[sequence, :, 0]
    output = run.outputs[record, sequence, :, 0]
    if isinstance(run.task, ParticleForecast):
        seen = seen[: run.task.seen]
    ax.plot(seen, color="C0", linewidth=wide, label="seen: heavy particle")
    name = f"target: {run.task.outputs[0]} particle"
    ax.plot(target, color="C1", linewidth=2.5 * wide, alpha=0.5, label=name)
    # Gaps wide enough for what lies below.
    style = {"color": ink, "linewidth": 0.8 * wide, "label": "network"}
    ax.plot(output, linestyle=(0, (3, 3)), **style)
    ax.set_ylabel("position")
    # Room above for the name of a marked step.
    ax.margins(y=0.2)
    annotations.set_time_axis(ax, target.size)
    annotations.mark_steps(ax, run.task, run.probe.inputs[sequence])
    return ax


def plot_errors(run: Run, ax: Axes | None = None) -> Axes:
    """Draw the mean squared error at every step, beside the Bayes optimum.

    Args:
        run: The `Run` of a `HiddenParticle` task, recorded on many sequences.
        ax: The axes. Default: `None`.
    """
    _check(run, HiddenParticle)
    task, batch = run.task, run.probe
    optimum = best_guess(task.particles, task.timesteps).variance
    target = batch.targets[..., 0]
    ax = _axes(ax)
    steps = np.arange(1, len(optimum) + 1)
    players = {
        "silence": (np.square(target), "C0", "-"),
        "network": (np.square(run.outputs[-1, ..., 0] - target), "C1", "-"),
    }
    for name, (error, color, line) in players.items():
        ax.plot(steps, error.mean(axis=0), line, color=color, label=name)
    known = optimum > 1e-6
    style = {
        "color": plt.rcParams["text.color"],
        "label": "Bayes optimum, then 0",
    }
    ax.plot(steps[known], optimum[known], "o", **style)
    ax.set(xlabel="steps seen", ylabel="squared error", yscale="log")
    ax.set(ylim=(1e-4, 1e2), xlim=(0, len(steps) + 1))
    return ax


def plot_responses(
    lines: Mapping[str, np.ndarray],
    dashed: str = "physics",
    ax: Axes | None = None,
) -> Axes:
    """Draw answers to a forced path over time.

    Args:
        lines: Dictionary from a label to an array of shape `(time,)`.
            More than six are coloured in order, dark to light.
        dashed: String, the label of the line that is dashed, if there is one.
            Default: `"physics"`.
        ax: The axes. Default: `None`.
    """
    ax = _axes(ax)
    colors = iter(annotations.shades(ax, len(lines)))
    if len(lines) <= 6:
        colors = iter(("C1", "C0", "C2", "C3", "C4", "C5"))
    for name, values in lines.items():
        if name == dashed:
            ink = plt.rcParams["text.color"]
            ax.plot(values, "--", color=ink, label=name, zorder=3)
        else:
            ax.plot(values, color=next(colors), label=name)
    annotations.set_time_axis(ax, len(next(iter(lines.values()))))
    return ax


def plot_response_matrix(
    matrix: np.ndarray, limit: float = 3.0, ax: Axes | None = None
) -> Axes:
    """Draw the answers to a unit step at each time, a row for each step.

    Args:
        matrix: Array of shape `(time of step, time)`, as `Responses.matrix`.
        limit: Positive float, the end of the colour scale; stronger answers
            have its colour. Default: 3.
        ax: The axes. Default: `None`.
    """
    ax = _axes(ax)
    # Blue and orange differ for all eyes, and 0 is white.
    style = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}
    ax.imshow(matrix, aspect="auto", interpolation="nearest", **style)
    ax.set(xlabel="time step", ylabel="step at")
    annotations.integer_ticks(ax.xaxis)
    annotations.integer_ticks(ax.yaxis)
    return ax


def plot_seeds(
    errors: Mapping[str, np.ndarray],
    players: Mapping[str, Mapping[str, float]],
    least: float = 1e-4,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error of every network beside those of simple players.

    Args:
        errors: Dictionary from the name of each row to the mean squared
            errors of its networks.
        players: Dictionary from the same names to the players, a dictionary
            from their names to their mean squared errors.
        least: Positive float, the left end of the axis. A smaller error is
            named there. Default: 0.0001.
        ax: The axes. Default: `None`.
    """
    ax, ink = _axes(ax), plt.rcParams["text.color"]
    size, markers = 1.2 * plt.rcParams["lines.markersize"], {}
    for row, (name, own) in enumerate(errors.items()):
        (dots,) = ax.plot(own, np.full(len(own), -row), "o", color="C1")
        middle = float(np.median(own))
        text = f"median {middle:.2g}"
        annotations.write(ax, text, (middle, -row), (0, size))
        for player, error in players[name].items():
            marker = markers.setdefault(player, "|s^D"[len(markers)])
            if error < least:
                text = f"{player} {'0' if error < 1e-9 else f'{error:.1g}'}"
                end = (least, -row), (1.5 * size, -3 * size)
                arrow = {"arrowstyle": "->", "color": ink}
                where = {"ha": "left", "va": "center", "arrowprops": arrow}
                annotations.write(ax, text, *end, **where)
                continue
            style = {"color": ink, "fillstyle": "none", "mew": 0.3 * size}
            wide = 3 * size if marker == "|" else size
            ax.plot(error, -row, marker, markersize=wide, **style)
    dots.set_label("a network")
    for player, marker in markers.items():
        style = {"color": ink, "fillstyle": "none", "mew": 0.3 * size}
        ax.plot([], [], marker, label=player, markersize=size, **style)
    ax.set(xscale="log", xlabel="mean squared error", xlim=(least, 30))
    ax.set(ylim=(0.6 - len(errors), 0.6))
    annotations.name_rows(ax, tuple(errors))
    return ax


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _check(run: Run, *kinds: type) -> None:
    """Refuse what is no run of a task of one of these kinds."""
    check_record("run", run, Run)
    if not isinstance(run.task, kinds):
        names = " or ".join(kind.name for kind in kinds)
        raise ValueError(f"run must be of {names}, got {run.task.name}")
