"""Pictures of networks that read words.

Every `plot_*` draws in the axes `ax`, or in those of a new figure if `ax` is
`None`, and returns them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.plots.cell import check_layer, check_trace
from memnets.tasks import Batch, LatestSubject

# The words of the subjects, and of the question.
NAMES = {"m": "John", "f": "Jenny", "?": "who?"}


def plot_memorizing(
    episodes: Sequence[int],
    accuracies: Mapping[str, np.ndarray],
    landmarks: Mapping[str, float],
    ax: Axes | None = None,
) -> Axes:
    """Draw the accuracy on some texts while networks learn one of them.

    Args:
        episodes: Integers, the episodes after which it was measured.
        accuracies: Dictionary from the name of a text to an array of shape
            `(seed, measurement)`; thin lines are seeds, wide ones the median.
        landmarks: Dictionary from the names of simple players to their
            accuracy, drawn as dashed lines.
        ax: The axes. Default: `None`.
    """
    ax, wide = _axes(ax), plt.rcParams["lines.linewidth"]
    for number, (name, marks) in enumerate(accuracies.items()):
        color, marks = f"C{number}", 100 * np.asarray(marks)
        thin = {"color": color, "linewidth": 0.3 * wide, "alpha": 0.5}
        ax.plot(episodes, marks.T, **thin)
        middle = np.median(marks, axis=0)
        ax.plot(episodes, middle, color=color, linewidth=1.4 * wide, label=name)
    ink = plt.rcParams["text.color"]
    for name, share in landmarks.items():
        ax.axhline(100 * share, color=ink, ls="--", linewidth=1.2)
        end, place = (1, 100 * share), ax.get_yaxis_transform()
        style = {"va": "center", "fontsize": "small", "annotation_clip": False}
        offset = {"xytext": (6, 0), "textcoords": "offset points"}
        ax.annotate(name, end, xycoords=place, **offset, **style)
    ax.set(xlabel="learning episode", ylabel="right next words in %")
    ax.set(ylim=(0, 103), xlim=(0, max(episodes)))
    return ax


def plot_told(
    told: Mapping[str, Sequence[str]],
    right: Sequence[str],
    given: int,
    ax: Axes | None = None,
) -> Axes:
    """Write what a network tells at stages of its training, mistakes marked.

    The first words of each row are given. A word is a mistake if the text has
    another one at its place. Mistakes are bold and orange.

    Args:
        told: Dictionary from the episodes, as text, to the words.
        right: Sequence of strings, the words of the text.
        given: Integer of at least 0, how many words are given.
        ax: The axes. Default: `None`.
    """
    ax, ink = _axes(ax), plt.rcParams["text.color"]
    rows = sorted(told.items(), key=lambda item: int(item[0]))
    gap = 0.3 * plt.rcParams["font.size"]
    drop = -gap  # as low as the numbers of the rows
    for row, (_, words) in enumerate(rows):
        before = None
        for k, word in enumerate(words):
            mistake = k >= given and (k >= len(right) or word != right[k])
            color = "C1" if mistake else "C0" if k >= given else ink
            style = {"color": color, "va": "baseline", "fontsize": "small"}
            style |= {"fontweight": "bold"} if mistake else {}
            # Each word stands to the right of the one before.
            place = {"xy": (0, -row), "xytext": (gap, drop)}
            if before is not None:
                space = gap / 6 if word in ",.;:!?" else gap
                place = {"xy": (1, -row), "xycoords": (before, "data")}
                place["xytext"] = (space, drop)
            before = ax.annotate(
                word, textcoords="offset points", **place, **style
            )
            before.set_in_layout(False)
    ax.set(xlim=(0, 1), ylim=(0.6 - len(rows), 0.6), xticks=[])
    annotations.name_rows(ax, tuple(name for name, _ in rows))
    ax.set_ylabel("learning episode")
    ax.spines["bottom"].set_visible(False)
    return ax


def find_places(
    told: Sequence[str], right: Sequence[str], context: int
) -> np.ndarray:
    """Return where in a text each word of another stands.

    A word stands after the place of the one before if it can. Otherwise it has
    the first place at which it follows the same `context` words.

    Args:
        told: Sequence of strings, the words to find.
        right: Sequence of strings, the words of the text.
        context: Integer of at least 0, how many words before it must be equal.

    Returns:
        Float array of shape `(words,)`, NaN for a word that has no place.
    """
    told, right, found = list(told), list(right), [-1.0]
    for k, word in enumerate(told):
        following = found[-1] + 1
        goes_on = following < len(right) and right[int(following)] == word
        if not np.isnan(following) and goes_on:
            found.append(following)
            continue
        own = told[max(0, k - context) : k + 1]
        ends = range(len(own) - 1, len(right))
        same = [j for j in ends if right[j - len(own) + 1 : j + 1] == own]
        found.append(float(same[0]) if same else np.nan)
    return np.array(found[1:])


def plot_places(
    lines: Mapping[str, np.ndarray], ax: Axes | None = None
) -> Axes:
    """Draw where in a text a network is while it tells it.

    Args:
        lines: Dictionary from a label to an array of `find_places`.
        ax: The axes. Default: `None`.
    """
    ax = _axes(ax)
    for number, (name, places) in enumerate(lines.items()):
        # A jump is a gap, not a line.
        jump = np.flatnonzero(np.diff(places) != 1) + 1
        steps = np.insert(np.arange(1.0, len(places) + 1), jump, np.nan)
        heights = np.insert(places + 1, jump, np.nan)
        ax.plot(steps, heights, ("-", "--")[number % 2], label=name)
    ax.set(xlabel="word that is told", ylabel="its place in the text")
    return ax


def find_switch(trace: Any, task: LatestSubject, batch: Batch) -> int:
    """Return the unit whose cell state tells the latest subject best.

    It has the largest squared correlation with the latest subject, counted as
    1 or -1, over all steps after a first subject.

    Args:
        trace: The trace of a layer with cell states.
        task: The task.
        batch: The sequences that the network read.
    """
    check_layer(trace)
    if "cell_state" not in trace.names:
        raise ValueError(
            f"trace must be of a layer with cell states, got the {trace.kind} "
            f"layer {trace.layer}"
        )
    latest = latest_subject(task, batch.inputs)
    known = (latest != 0) & (batch.inputs >= 0)
    wanted = latest[known] - latest[known].mean()
    states = trace.cell_state[known].astype(float)
    states = states - states.mean(axis=0)
    spread = np.maximum(np.square(states).sum(axis=0), np.finfo(float).tiny)
    return int(np.argmax(np.square(wanted @ states) / spread))


def latest_subject(task: LatestSubject, symbols: np.ndarray) -> np.ndarray:
    """Return the latest subject at each step: 1 for m, -1 for f, 0 for none.

    Args:
        task: The task; it names the symbols.
        symbols: Integer array of shape `(batch, time)`.
    """
    told = (symbols == task.inputs.index("m")) * 1
    told = told - (symbols == task.inputs.index("f"))
    steps = np.arange(symbols.shape[1])
    last = np.maximum.accumulate(np.where(told, steps, 0), axis=1)
    return np.take_along_axis(told, last, axis=1)


def plot_subject(
    trace: Any,
    task: LatestSubject,
    batch: Batch,
    sequence: int = 0,
    unit: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a cell state over the words that are read, with the latest subject.

    The background is blue while John is the latest subject, and orange while
    it is Jenny.

    Args:
        trace: The trace of a layer with cell states.
        task: The task.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        unit: Integer, which unit. Default: `None`, that of `find_switch`.
        ax: The axes. Default: `None`.
    """
    unit = find_switch(trace, task, batch) if unit is None else unit
    check_trace(trace, batch, sequence, unit)
    ax, ink = _axes(ax), plt.rcParams["text.color"]
    symbols = batch.inputs[sequence]
    symbols = symbols[symbols >= 0]
    latest = latest_subject(task, symbols[None])[0]
    for step, subject in enumerate(latest):
        if subject:
            color = annotations.blend(ax, "C0" if subject > 0 else "C1", 0.25)
            ax.axvspan(step - 0.5, step + 0.5, color=color, linewidth=0)
    ax.axhline(0, color=ink, linewidth=0.8)
    state = trace.cell_state[sequence, : len(symbols), unit]
    ax.plot(state, "o-", color=ink, label="cell state")
    names = [task.inputs[symbol] for symbol in symbols]
    words = [NAMES.get(name, "\N{MIDDLE DOT}") for name in names]
    ax.set_xticks(range(len(words)), words)
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(-0.6, len(words) - 0.4), ylabel="cell state")
    ax.set_xlabel("word that is read")
    ax.margins(y=0.15)
    return ax


def plot_drift(
    trace: Any,
    task: LatestSubject,
    batch: Batch,
    sequence: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw all cell states of a layer over a long sequence.

    Dotted lines mark the subjects and the question.

    Args:
        trace: The trace of a layer with cell states.
        task: The task.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        ax: The axes. Default: `None`.
    """
    check_layer(trace)
    check_trace(trace, batch, sequence, 0)
    ax = _axes(ax)
    symbols = batch.inputs[sequence]
    symbols = symbols[symbols >= 0]
    states = trace.cell_state[sequence, : len(symbols)]
    for number, state in enumerate(states.T):
        ax.plot(state, color=f"C{number}", label=f"unit {number + 1}")
    annotations.mark_steps(ax, task, symbols, named=False)
    annotations.set_time_axis(ax, len(symbols))
    ax.set(xlabel="word that is read", ylabel="cell state")
    return ax


def plot_subject_lags(
    correct: Mapping[str, Mapping[str, Sequence[float]]],
    trained: int,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of correct answers over the length of the sequences.

    Args:
        correct: Dictionary from the name of a cell to one from how many times
            longer the sequences are, as text, to the shares of all seeds.
        trained: Integer, the length of the training's sequences.
        ax: The axes. Default: `None`.
    """
    ax, size = _axes(ax), plt.rcParams["lines.markersize"]
    factors = sorted(next(iter(correct.values())), key=int)
    ends = [trained * int(k) for k in factors]
    for number, (name, own) in enumerate(correct.items()):
        color, shares = f"C{number}", 100 * np.array([own[k] for k in factors])
        ax.plot(ends, np.median(shares, axis=1), color=color, label=name)
        for k, (end, several) in enumerate(zip(ends, shares)):
            # Side by side, for many are equal.
            spread = np.linspace(0.94, 1.06, len(several))
            style = {"color": color, "markersize": 0.7 * size, "alpha": 0.8}
            ax.plot(end * spread, np.sort(several), "o", **style, zorder=3 + k)
    ink = plt.rcParams["text.color"]
    ax.axhline(50, color=ink, ls=":", linewidth=1.2)
    annotations.write(ax, "guessing", (ends[0], 50), (0, 4), ha="left")
    ax.set(xscale="log", ylim=(40, 103), ylabel="right answers in %")
    ax.set_xticks(ends, [f"{end}" for end in ends])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(f"longest sequence (trained: {trained} words)")
    return ax


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax
