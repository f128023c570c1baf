"""Pictures of the classic experiments: sequences, lags, and counters."""

from __future__ import annotations

import json
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from memnets.plots import annotations
from memnets.records.classics import PUBLISHED

# The methods of a row of 1997: names in the legend, colours and markers.
METHODS = {
    "1997": ("as in 1997", "C1", "o"),
    "today": ("today's LSTM", "C0", "s"),
}
# The networks that are compared over lags: markers and kinds of lines.
NETWORKS = {
    "LSTM, chrono": ("o", "-"),
    "LSTM, forget bias 3": ("s", "--"),
    "LSTM, forget bias 1": ("^", "-."),
    "LSTM, forget bias 0": ("v", ":"),
    "GRU": ("D", "-"),
    "simple_rnn": ("P", "--"),
    "elman": ("X", ":"),
}
COLUMNS = ("row", "method", "solved", "sequences")
LEAST = 7  # the left edge of the picture of first failures
# Who counts: names in the picture, and colours.
COUNTERS = {
    "today": ("today's LSTM", "C0"),
    "today, linear output": ("today's, linear output", "C0"),
    "2001, 1 million strings": ("online, 1 million strings", "C1"),
    "2001, 2 million strings": ("online, 2 million strings", "C1"),
    "online, only a counter": ("only a counter", "C2"),
}


def plot_reproduction(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    rows: Sequence[str] | None = None,
) -> Axes:
    """Draw the training sequences of 1997 beside ours, a line for each row.

    A bar is the published mean, a mark the mean of our solved trials, and a
    thin line reaches from the fastest of them to the slowest. A mark is hollow
    if some trials are not solved, and their number stands in the same line.
    If none is solved, the mark is where they were given up. Methods that the
    table does not hold are left out.

    Args:
        frame: A table of trials, as from
            `memnets.records.classics.recorded_trials`.
        ax: The axes. Default: `None`.
        rows: Names of rows of 1997, from above. Default: `None`, all.

    Returns:
        The axes.

    Raises:
        TypeError: If the table is no `DataFrame`.
        ValueError: If it has no such columns, or a name is unknown.
    """
    _check(frame)
    rows = tuple(PUBLISHED) if rows is None else tuple(rows)
    for row in rows:
        if row not in PUBLISHED:
            raise ValueError(
                f"rows must be some of {', '.join(PUBLISHED)}, got {row!r}"
            )
    ax = _axes(ax)
    for y, row in enumerate(rows):
        _draw_row(ax, -y, row, frame[frame["row"] == row])
    _name_marks(ax)
    ax.set(xscale="log", ylim=(0.4 - len(rows), 0.6))
    ax.set_xlabel("training sequences (line: range)")
    annotations.name_rows(ax, rows, len(rows))
    # Room for the numbers of solved trials beside the marks.
    low, high = ax.dataLim.intervalx
    sides = {text.get_ha() for text in ax.texts}
    left, right = (30 if side in sides else 1.5 for side in ("right", "left"))
    ax.set_xlim(low / left, high * right)
    return ax


def plot_lags(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the share of solved trials over the lag, a line for each network.

    The marks of one lag stand side by side, in the order of the legend, so
    that equal shares stay visible. The tick marks the lag.

    Args:
        frame: A table of trials, as from
            `memnets.records.classics.recorded_trials`. Of it, the rows
            `lag-10`, `lag-30`, ... are drawn, as far as they are there.
        ax: The axes. Default: `None`.

    Returns:
        The axes.

    Raises:
        TypeError: If the table is no `DataFrame`.
        ValueError: If it has no such columns, or no row of a lag.
    """
    _check(frame)
    own = frame[frame["row"].str.fullmatch(r"lag-\d+")]
    if not len(own):
        raise ValueError("frame must have rows named lag-10, lag-30, ...")
    ax = _axes(ax)
    own = own.assign(lag=own["row"].str.removeprefix("lag-").astype(int))
    shares = own.groupby(["method", "lag"])["solved"].mean()
    found = set(own["method"])
    names = [*(k for k in NETWORKS if k in found), *sorted(found - {*NETWORKS})]
    for n, name in enumerate(names):
        marker, line = NETWORKS.get(name, (".", "-"))
        # The seventh colour is that of the text.
        known = [*NETWORKS].index(name) if name in NETWORKS else 6
        color = f"C{known}" if known < 6 else plt.rcParams["text.color"]
        lags, share = shares[name].index.to_numpy(), shares[name].to_numpy()
        beside = lags * 1.06 ** (n - (len(names) - 1) / 2)
        style = {"color": color, "marker": marker, "linestyle": line}
        ax.plot(beside, share, label=name, clip_on=False, **style)
    ax.set(xscale="log", ylim=(-0.04, 1.04))
    ax.set(xlabel="lag in time steps", ylabel="share of trials solved")
    lags = sorted(own["lag"].unique())
    ax.set_xlim(lags[0] / 1.5, lags[-1] * 1.5)
    ax.set_xticks(lags, [f"{lag:,}" for lag in lags])
    ax.set_xticks([], minor=True)
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax


def plot_first_failures(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how far networks count that learned a^n b^n, a line for each kind.

    A ring is the smallest n whose string a network fails. Rings at the right
    edge are networks that fail none that was tried, rings at the left edge
    those that fail a trained one. A bar is the largest n of the training. The
    rings of a line are a little apart, in the order of the seeds.

    Args:
        frame: A table of trials, as from
            `memnets.records.classics.recorded_trials`. Of it, the rows `anbn`,
            `anbn-200`, ... are drawn.
        ax: The axes. Default: `None`.

    Returns:
        The axes.

    Raises:
        TypeError: If the table is no `DataFrame`.
        ValueError: If it has no such columns, or no row of a^n b^n.
    """
    _check(frame, (*COLUMNS, "first", "seed", "settings"))
    own = frame[frame["row"].str.fullmatch(r"anbn(-\d+)?")]
    own = own[own["method"].isin(COUNTERS)]
    if not len(own):
        raise ValueError("frame must have a row named anbn or anbn-200")
    ax = _axes(ax)
    groups = dict(iter(own.groupby(["row", "method"])))
    order = sorted(groups, key=lambda key: (key[0], [*COUNTERS].index(key[1])))
    for y, (key, last) in enumerate((k, k == order[-1]) for k in order):
        _draw_counters(ax, -y, groups[key], key[1], last)
    ax.set(xscale="log", ylim=(0.5 - len(order), 0.5))
    ax.set_xlabel("smallest n that fails")
    annotations.name_rows(
        ax, tuple(COUNTERS[method][0] for _, method in order), len(order)
    )
    ax.set_xticks([10, 100, 1000], ["10", "100", "none to\n1,000"])
    ax.set_xlim(LEAST, 1100)
    return ax


def _draw_counters(
    ax: Axes, y: int, trials: pd.DataFrame, method: str, last: bool
) -> None:
    """Draw the first failures of one kind of networks, and its training."""
    line, size = plt.rcParams["axes.linewidth"], plt.rcParams["font.size"]
    task = json.loads(trials["settings"].iloc[0])["task"]
    most = (task["timesteps"] - 1) // 2
    ink = plt.rcParams["text.color"]
    bar = {"color": ink, "mew": 2 * line, "markersize": 1.5 * size}
    label = "largest n of the training" if last else None
    ax.plot(most, y, "|", label=label, **bar)
    first = trials.sort_values("seed")["first"].fillna(LEAST).to_numpy(float)
    middle = (len(first) - 1) / 2
    spread = 0.3 * (np.arange(len(first)) - middle) / max(middle, 1)
    ring = {"fillstyle": "none", "mew": 1.5 * line, "clip_on": False}
    name = "a network" if last else None
    ax.plot(
        first, y + spread, "o", color=COUNTERS[method][1], label=name, **ring
    )


def _draw_row(ax: Axes, y: int, row: str, trials: pd.DataFrame) -> None:
    """Draw what is published of a row, and what each method needs."""
    size, line = (
        plt.rcParams["lines.markersize"],
        plt.rcParams["axes.linewidth"],
    )
    ends, texts = [float(PUBLISHED[row].sequences)], []
    bar = {"color": plt.rcParams["text.color"], "mew": 2 * line}
    ax.plot(ends, [y], "|", markersize=2 * size, zorder=2, **bar)
    for number, (method, (_, color, marker)) in enumerate(METHODS.items()):
        own = trials[trials["method"] == method]
        if not len(own):
            continue
        solved, count = int(own["solved"].sum()), len(own)
        used = own[own["solved"]] if solved else own
        sequences = used["sequences"].to_numpy(float)
        between = sequences.min(), sequences.max()
        at = y + 0.17 - 0.34 * number
        ax.plot(between, [at, at], color=color, linewidth=line, zorder=1)
        face = color if solved == count else ax.get_facecolor()
        style = {"color": color, "markerfacecolor": face, "mew": 1.5 * line}
        ax.plot(sequences.mean(), at, marker, zorder=3, **style)
        ends += between
        if solved < count:
            texts.append((number, f"{solved} of {count}", color))
    for number, text, color in texts:
        # Beyond all marks of the row: of 1997 on the right, others left.
        end, side = (min(ends), "right") if number else (max(ends), "left")
        offset = (-1.5 if number else 1.5) * size, 0
        place = {"ha": side, "va": "center", "color": color}
        annotations.write(ax, text, (end, y), offset, **place)


def _name_marks(ax: Axes) -> None:
    """Name the marks for a legend."""
    ink, line = plt.rcParams["text.color"], plt.rcParams["axes.linewidth"]
    size = 2 * plt.rcParams["lines.markersize"]
    bar = {"color": ink, "mew": 2 * line, "markersize": size}
    ax.plot([], [], "|", label="published 1997", **bar)
    for name, color, marker in METHODS.values():
        ax.plot([], [], marker, color=color, label=name)
    hollow = {"color": ink, "fillstyle": "none", "mew": 1.5 * line}
    ax.plot([], [], "o", label="hollow: some unsolved", **hollow)


def _check(frame: pd.DataFrame, columns: Sequence[str] = COLUMNS) -> None:
    """Refuse what is no table of trials."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a pandas DataFrame, as from "
            f"memnets.records.classics.recorded_trials, got "
            f"{type(frame).__name__}"
        )
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(
            f"frame must have the columns {', '.join(columns)}, but "
            f"{', '.join(missing)} is missing"
        )


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax
