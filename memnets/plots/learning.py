"""Pictures of tasks and of runs.

Every `plot_*` draws in the axes `ax`, or in those of a new figure if `ax` is
`None`, and returns them. An argument `episode` is a recorded learning episode;
`None` is the last.
"""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine

from memnets.plots import annotations
from memnets.records.ensemble import Ensemble
from memnets.records.files import check_record
from memnets.records.run import Run, loss_landmarks
from memnets.tasks import Batch, Task
from memnets.tasks.base import (
    check_batch,
    check_below,
    check_task,
    one_hot,
)

# All outputs are drawn on the same scale.
SCALE = {"cmap": "viridis", "vmin": 0, "vmax": 1}


def plot_task(
    task: Task, batch: Batch, sequence: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw one sequence, a row for each channel, with its values.

    Args:
        task: The task that drew the batch; it names the channels.
        batch: The sequences.
        sequence: Integer, which sequence of the batch. Default: 0.
        ax: The axes. Default: `None`.
    """
    check_task(task)
    check_batch("batch", batch)
    check_below("sequence", sequence, len(batch.inputs))
    ax = _axes(ax)
    names, inputs = (*task.inputs, *task.outputs), batch.inputs[sequence]
    given = one_hot(inputs, len(task.inputs)).T
    rows = np.concatenate([given, batch.targets[sequence].T])
    dots = len(rows) > annotations.MANY
    annotations.draw_rows(ax, given, dots=dots)
    annotations.draw_rows(ax, rows[len(given) :], len(given), "C1", dots)
    # A symbol is 1 where it is read, and needs no number.
    for row, values in enumerate(rows if inputs.ndim > 1 else []):
        height = 0.6 * values / max(1.0, np.abs(values).max())
        spoken = np.flatnonzero(values)
        # There is no room for a number too close to the last.
        room = np.diff(spoken, prepend=-np.inf) >= values.size / 20
        for t in spoken[room]:
            top = max(height[t], 0) - row
            annotations.write(
                ax, annotations.short(values[t]), (t, top), (0, 5)
            )
    ax.set_ylim(0.5 - len(rows), 1.5 * max(1, len(rows) / annotations.MANY))
    annotations.name_rows(ax, names)
    annotations.set_time_axis(ax, rows.shape[1])
    annotations.mark_steps(ax, task, inputs)
    return ax


def plot_learning(
    run: Run,
    sequence: int = 0,
    channel: int = 0,
    label: str = "output",
    ax: Axes | None = None,
) -> Axes:
    """Draw the output on one sequence over all recorded learning episodes.

    Thin lines frame the time steps of the tell and of the recall or signal.

    Args:
        run: The `Run`.
        sequence: Integer, which recorded sequence. Default: 0.
        channel: Integer, which output channel. Default: 0.
        label: String, what the colours are. Default: `"output"`.
        ax: The axes. Default: `None`.
    """
    _check(run, sequence, channel)
    ax = _axes(ax)
    outputs = run.outputs[:, sequence, :, channel].T
    time = np.arange(len(outputs) + 1) - 0.5
    image = ax.pcolorfast(_edges(run.episodes), time, outputs, **SCALE)
    # The names of the framed steps stand between image and colour bar. Only
    # the constrained layout makes room for them.
    layout = ax.figure.get_layout_engine()
    pad = 0.02 if isinstance(layout, ConstrainedLayoutEngine) else 0.2
    ax.figure.colorbar(image, ax=ax, label=label, pad=pad)
    ax.set(xlabel="learning episode", ylabel="time step")
    annotations.integer_ticks(ax.yaxis)
    annotations.frame_steps(ax, run.task, run.probe.inputs[sequence])
    return ax


def plot_sequences(
    run: Run,
    answers: str = "output",
    episode: int | None = None,
    channel: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the answers to all sequences as an image, a row for each.

    A white dot marks each tell.

    Args:
        run: The `Run`.
        answers: `"output"` or `"target"`. Default: `"output"`.
        episode: Integer, which record. Default: `None`.
        channel: Integer, which output channel. Default: 0.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If `answers` is neither.
    """
    if answers not in ("output", "target"):
        raise ValueError(
            f"answers must be 'output' or 'target', got {answers!r}"
        )
    _check(run, channel=channel)
    ax = _axes(ax)
    shown = run.probe.targets
    if answers == "output":
        shown = run.outputs[_record(run, episode)]
    image = ax.imshow(
        shown[..., channel], aspect="auto", interpolation="nearest", **SCALE
    )
    image.set_label(answers)
    for row, inputs in enumerate(run.probe.inputs):
        tells = run.task.events(inputs).get("tell", ())
        size = 0.45 * plt.rcParams["lines.markersize"]
        ax.plot(tells, [row] * len(tells), "ow", markersize=size)
    ax.set(xlabel="time step", ylabel="sequence")
    annotations.integer_ticks(ax.xaxis)
    annotations.integer_ticks(ax.yaxis)
    return ax


def plot_sequence(
    run: Run,
    sequence: int = 0,
    episode: int | None = None,
    channel: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw target and output of one sequence over time.

    Args:
        run: The `Run`.
        sequence: Integer, which recorded sequence. Default: 0.
        episode: Integer, which record. Default: `None`.
        channel: Integer, which output channel. Default: 0.
        ax: The axes. Default: `None`.
    """
    _check(run, sequence, channel)
    record = _record(run, episode)
    ax = _axes(ax)
    target = run.probe.targets[sequence, :, channel]
    output = run.outputs[record, sequence, :, channel]
    steps = np.arange(target.size)
    ax.bar(steps, target, 0.8, color="C1", alpha=0.6, label="target")
    ax.plot(steps, output, "o-", color="C0", label="output")
    # Room above 1 for the names of the marked steps.
    ax.set_ylim(min(-0.1, 1.1 * output.min()), 1.5)
    ax.set(ylabel="output", yticks=[0, 0.5, 1])
    annotations.set_time_axis(ax, target.size)
    annotations.mark_steps(ax, run.task, run.probe.inputs[sequence])
    return ax


def plot_losses(
    ensemble: Ensemble, named: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw the loss over the learning episodes, for every seed.

    Dashed lines show the loss of the task's simple players.

    Args:
        ensemble: The `Ensemble`.
        named: Boolean, whether to name the dashed lines. Default: `True`.
        ax: The axes. Default: `None`.
    """
    check_record("ensemble", ensemble, Ensemble)
    ax = _axes(ax)
    style = plt.rcParams
    thin = 0.3 * style["lines.linewidth"]
    episodes, seeds = ensemble.episodes, ensemble.losses.T
    lines = ax.plot(episodes, seeds, color="C0", linewidth=thin, alpha=0.5)
    lines[0].set_label("one seed")
    if len(ensemble.seeds) > 1:
        middle = f"median of {len(ensemble.seeds)} seeds"
        ax.plot(episodes, np.median(seeds, axis=1), color="C1", label=middle)
    ax.set(xlabel="learning episode", ylabel="loss", yscale="log")
    ax.margins(x=0)
    # A log scale cannot show the perfect player's loss of 0.
    players = {k: v for k, v in loss_landmarks(ensemble).items() if v > 0}
    for value in players.values():
        ax.axhline(value, color=style["text.color"], ls="--", linewidth=1.2)
    if named:
        annotations.name_landmarks(ax, players)
    return ax


def plot_recalled_values(
    run: Run,
    episodes: tuple[int, ...] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the output at recall over the told value, in several episodes.

    Args:
        run: The `Run`; its recorded sequences differ in the told value.
        episodes: Tuple of integers, recorded learning episodes. Default:
            `None`, six of them, spread evenly on a log scale.
        ax: The axes. Default: `None`.
    """
    _check(run)
    ax = _axes(ax)
    asked = [run.task.events(x)["recall"][-1] for x in run.probe.inputs]
    rows = np.arange(len(asked))
    told = run.probe.targets[rows, asked, 0]
    order = np.argsort(told)
    if episodes is None:
        episodes = run.episodes[stages(run, 6)]
    ink = {"color": plt.rcParams["text.color"], "linewidth": 1.5}
    ax.plot([0, 1], [0, 1], linestyle="--", zorder=3, **ink)
    ax.axhline(math.tanh(1), linestyle=":", **ink)
    ax.text(0.01, math.tanh(1) + 0.02, "tanh(1) ceiling", fontsize="small")
    for episode, color in zip(episodes, annotations.shades(ax, len(episodes))):
        said = run.outputs[_record(run, episode), rows, asked, 0]
        ax.plot(told[order], said[order], color=color, label=f"{episode:,}")
    ax.text(0.86, 0.88, "perfect", fontsize="small", ha="right")
    ax.set(xlabel="told value", ylabel="output at recall", xlim=(0, 1))
    ax.legend(title="episode", loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def plot_units(
    run: Run,
    sequence: int = 0,
    episode: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the output of each unit of the watched layer over time.

    Args:
        run: The `Run`, recorded with a watched layer.
        sequence: Integer, which recorded sequence. Default: 0.
        episode: Integer, which record. Default: `None`.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If the run watched no layer.
    """
    check_record("run", run, Run)
    if run.hidden is None:
        raise ValueError("run must have watched a layer, its hidden is None")
    _check(run, sequence)
    hidden = run.hidden[_record(run, episode), sequence]
    ax = _axes(ax)
    for number, unit in enumerate(hidden.T, start=1):
        ax.plot(unit, "o-", label=f"unit {number}")
    # Room above 1 for the names of the marked steps.
    ax.set(ylabel="output of unit", ylim=(-1.1, 2), yticks=[-1, 0, 1])
    annotations.set_time_axis(ax, len(hidden))
    annotations.mark_steps(ax, run.task, run.probe.inputs[sequence])
    return ax


def stages(run: Run, count: int) -> np.ndarray:
    """Choose records of a run: the first, and others evenly on a log scale.

    Returns:
        int array of at most `count` indices into `run.episodes`.
    """
    episodes = run.episodes
    if len(episodes) <= count:
        return np.arange(len(episodes))
    wanted = np.geomspace(episodes[1], episodes[-1], count - 1)
    nearest = np.abs(episodes[:, None] - wanted).argmin(axis=0)
    return np.unique(np.concatenate([[0], nearest]))


def _axes(ax: Axes | None) -> Axes:
    # The constrained layout makes room for names outside the axes.
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _check(run: Run, sequence: int = 0, channel: int = 0) -> None:
    """Refuse a sequence or a channel that the run does not have."""
    check_record("run", run, Run)
    check_below("sequence", sequence, run.outputs.shape[1])
    check_below("channel", channel, run.outputs.shape[3])


def _record(run: Run, episode: int | None) -> int:
    """Return the index of the record made after an episode."""
    if episode is None:
        return -1
    found = np.flatnonzero(run.episodes == episode)
    if not found.size:
        near = run.episodes[np.abs(run.episodes - episode).argmin()]
        raise ValueError(
            f"episode must be one that was recorded, such as {near}, "
            f"got {episode}"
        )
    return int(found[0])


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return the edges between centres, which may be unevenly spaced."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])
