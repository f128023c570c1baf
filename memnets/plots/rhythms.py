"""Pictures of trained counters, and of answers at the right time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.plots.cell import check_layer
from memnets.plots.counters import plot_counters
from memnets.records.trace import NetworkTrace
from memnets.tasks import AnBn, Batch, Task
from memnets.tasks.base import check_batch, check_below
from memnets.tasks.symbols import NONE

# Lines for the answers of several networks, which may cover each other.
STYLES = ("-", "--", ":", "-.")
# A cross is larger than other markers, and its lines are wider.
CROSS = {"markersize": 9, "markeredgewidth": 2.5, "zorder": 4}


def count_down(task: AnBn, symbols: np.ndarray) -> np.ndarray:
    """Return the exact count: up at each a, down at the second letter.

    Args:
        task: The task; it numbers the letters.
        symbols: Integer array of shape `(batch, time)`.

    Returns:
        Integer array of shape `(batch, time)`.
    """
    names = np.array([*task.inputs])
    read = np.where(symbols == NONE, "", names[symbols])
    second = task.letters[1]
    down = (read == second) | (read == second.upper())
    return np.cumsum((read == task.letters[0]) * 1 - down, axis=1)


def find_counter(trace: Any, task: AnBn, batch: Batch) -> tuple[int, float]:
    """Return the unit that counts best, and its scale.

    In the strings of trained lengths, a straight line is fitted to the cell
    state of each unit as a function of the exact count. The unit with the
    largest squared correlation counts best.

    Args:
        trace: The trace of a layer with cell states.
        task: The `AnBn` task.
        batch: The strings that the network read, one of trained length or
            more among them.

    Returns:
        The unit, and the change of its cell state for a count of 1.

    Raises:
        ValueError: If the layer has no cell states, or no string has a trained
            length.
    """
    check_layer(trace)
    if "cell_state" not in trace.names:
        raise ValueError(
            f"trace must be of a layer with cell states, got the {trace.kind} "
            f"layer {trace.layer}"
        )
    numbers = np.count_nonzero(batch.inputs == 1, axis=1)
    known = np.isin(numbers, task.numbers)
    if not known.any():
        raise ValueError(
            f"batch must have a string with n from {task.numbers[0]} to "
            f"{task.numbers[-1]}, got n = {', '.join(map(str, numbers))}"
        )
    inside = known[:, None] & (batch.inputs != NONE)
    count = count_down(task, batch.inputs)[inside]
    count = count - count.mean()
    states = trace.cell_state[inside].astype(float)
    slopes = count @ states / (count @ count)
    # Of a state that never changes nothing is explained.
    variance = np.maximum(states.var(axis=0), np.finfo(float).tiny)
    unit = int(np.argmax(slopes**2 / variance))
    return unit, float(slopes[unit])


def wrong_steps(traced: NetworkTrace) -> np.ndarray:
    """Return at which steps of each sequence an answer is wrong.

    An answer is wrong if an output is on the other side of 0.5 than its
    target. Steps after the end of a sequence are never wrong.

    Args:
        traced: The record of a network that answered strings.

    Returns:
        bool array of shape `(sequence, time)`.
    """
    right = np.where(
        traced.probe.targets > 0.5, traced.outputs > 0.5, traced.outputs < 0.5
    )
    return ~right.all(axis=2) & (traced.probe.weights > 0)


def plot_counting(traced: NetworkTrace, ax: Axes | None = None) -> Axes:
    """Draw the cell state of the unit that counts best, for strings of each n.

    Its scale is that of `find_counter`. A cross marks each step at which the
    network's answer is wrong.

    Args:
        traced: The record of a network that answered strings of `AnBn`.
        ax: The axes. Default: `None`.

    Raises:
        TypeError: If it is not such a record.
        ValueError: As in `find_counter`.
    """
    if not isinstance(traced, NetworkTrace):
        raise TypeError(
            f"traced must be a NetworkTrace, got {type(traced).__name__}"
        )
    if not isinstance(traced.task, AnBn):
        raise ValueError(
            f"traced must be of the task anbn or anbncn, got {traced.task.name}"
        )
    trace, probe = traced.traces[0], traced.probe
    unit, one = find_counter(trace, traced.task, probe)
    ax = plot_counters(trace, probe, {"cell state": unit}, one, ax)
    wrong, ink = wrong_steps(traced), plt.rcParams["text.color"]
    for steps, states in zip(wrong, trace.cell_state):
        at = np.flatnonzero(steps)
        ax.plot(at, states[at, unit] / one, "x", color=ink, **CROSS)
    return ax


def plot_timing(
    task: Task,
    batch: Batch,
    answers: Mapping[str, np.ndarray],
    sequence: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the target of a timing task and the answers of some networks.

    Bars are the target, lines the answers. A cross marks each answer whose
    error is not below the task's tolerance, a triangle each input that is not
    0.

    Args:
        task: The timing task that drew the batch.
        batch: The streams.
        answers: Dictionary from the name of a network to its answers, arrays
            of shape `(batch, time, 1)`.
        sequence: Integer, which stream of the batch. Default: 0.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If the task has no tolerance, or answers have another shape
            than the targets.
    """
    if not hasattr(task, "tolerance"):
        raise ValueError(f"task must be a timing task, got {task!r}")
    check_batch("batch", batch)
    check_below("sequence", sequence, len(batch.inputs))
    for name, values in answers.items():
        if np.shape(values) != batch.targets.shape:
            raise ValueError(
                f"answers of {name} must have the shape {batch.targets.shape} "
                f"of the targets, got {np.shape(values)}"
            )
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    target = batch.targets[sequence, :, 0]
    steps = np.arange(target.size)
    ink = plt.rcParams["text.color"]
    paint = annotations.blend(ax, ink, 0.35)
    ax.bar(steps, target, 0.8, color=paint, label="target")
    given = np.flatnonzero(batch.inputs[sequence, :, 0])
    if given.size:
        top = np.full(given.size, 1.25 * max(1.0, target.max()))
        ax.plot(given, top, "v", color=ink, label=f"input: {task.inputs[0]}")
    for number, (name, values) in enumerate(answers.items()):
        said, color = values[sequence, :, 0], f"C{number}"
        line = STYLES[number % len(STYLES)]
        ax.plot(steps, said, line, color=color, label=name)
        missed = ~(np.abs(said - target) < task.tolerance)
        ax.plot(steps[missed], said[missed], "x", color=color, **CROSS)
    annotations.set_time_axis(ax, target.size)
    ax.set_ylabel("answer")
    return ax
