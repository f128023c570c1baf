"""Shared parts of the pictures: marked events, names of lines, axes."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, colors, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D

from memnets.tasks import Task
from memnets.tasks.base import one_hot

# Names of landmarks for the reader of a picture, where they need other words.
PLAYERS = {
    "silent": "silence",
    "timing only": "right time,\nwrong value",
}
# More rows than these are drawn as dots, and not all are named.
MANY = 20
# The input channels with the told value, with which a tell is labelled.
TOLD = ("value", "count")


def mark_steps(
    ax: Axes, task: Task, inputs: np.ndarray, named: bool = True
) -> None:
    """Mark the events of a sequence with dotted lines, named at the top.

    Args:
        ax: Axes with time on the x axis. The names stand inside, below the
            upper edge.
        task: The task that drew the inputs.
        inputs: array of shape `(time, input channel)`, or symbols of shape
            `(time,)`.
        named: Boolean, whether the lines are named. Default: `True`.
    """
    style, size = plt.rcParams, plt.rcParams["font.size"]
    marks = sorted(
        (int(t), _name(task, inputs, event, t))
        for event, steps in task.events(inputs).items()
        for t in steps
    )
    steps = np.array([t for t, _ in marks])
    gaps = np.diff(steps, prepend=-np.inf, append=np.inf)
    close = (gaps <= 0.25 * len(inputs)).tolist()
    line = 0
    for k, (t, label) in enumerate(marks):
        ax.axvline(
            t,
            color=style["text.color"],
            linestyle=":",
            linewidth=0.5 * style["lines.linewidth"],
            zorder=0.5,
        )
        if not named:
            continue
        # Of two close names, one stands to the left and one to the right. Of
        # more, each of those in between stands one line lower.
        before, after = close[k], close[k + 1]
        line = line + 1 if before and after else 0
        left = before or (t < 2 and not after)
        right = after or (t > len(inputs) - 3 and not before)
        write(
            ax,
            label,
            (t, 1),
            (0.2 * size * (left - right), -1.25 * size * line),
            xycoords=ax.get_xaxis_transform(),
            ha="center" if left == right else "left" if left else "right",
            va="top",
        )


def frame_steps(ax: Axes, task: Task, inputs: np.ndarray) -> None:
    """Frame the events of a sequence on an image and name them on the right.

    Args:
        ax: Axes with an image and time on the y axis.
        task: The task that drew the inputs.
        inputs: array of shape `(time, input channel)`, or symbols of shape
            `(time,)`.
    """
    names = {}
    for event, steps in task.events(inputs).items():
        for t in steps:
            names.setdefault(t, []).append(_name(task, inputs, event, t))
    for t, together in names.items():
        for edge in (t - 0.5, t + 0.5):
            thin = 0.4 * plt.rcParams["lines.linewidth"]
            ax.axhline(edge, color="white", linewidth=thin)
        write(
            ax,
            ",\n".join(together),
            (1, t),
            (plt.rcParams["font.size"], 0),
            xycoords=ax.get_yaxis_transform(),
            ha="left",
            va="center",
            arrowprops={
                "arrowstyle": "-|>",
                "color": plt.rcParams["text.color"],
                "shrinkA": 3,
                "shrinkB": 0,
            },
            annotation_clip=False,
        )


def name_landmarks(ax: Axes, landmarks: dict[str, float]) -> None:
    """Name horizontal lines on the right; close names move apart."""
    ordered = sorted(landmarks, key=landmarks.get)
    low, high = np.log(ax.get_ylim())
    heights = [(np.log(landmarks[k]) - low) / (high - low) for k in ordered]
    close = np.diff(heights, prepend=-np.inf, append=np.inf) < 0.07
    for k, name in enumerate(ordered):
        ax.annotate(
            PLAYERS.get(name, name),
            xy=(1, landmarks[name]),
            xycoords=ax.get_yaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            va="bottom" if close[k] else "top" if close[k + 1] else "center",
            fontsize="small",
            annotation_clip=False,
        )


def name_lines(ax: Axes, lines: dict[str, Line2D]) -> None:
    """Name lines to the right of the axes, at their ends.

    Close names move apart and are joined to their lines.
    """
    ends = {}
    for name, line in lines.items():
        x, y = line.get_data()
        last = np.flatnonzero(y > 0)[-1] if ax.get_yscale() == "log" else -1
        ends[name] = x[last], y[last]
    heights = ax.transData.transform(list(ends.values()))[:, 1]
    heights = (heights - ax.bbox.y0) / ax.bbox.height
    order, apart = np.argsort(heights), 0.085
    places = heights[order]
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + apart)
    # Not above the axes.
    for k in range(len(places))[::-1]:
        places[k] = min(places[k], 1 - apart * (len(places) - 1 - k))
    names = list(ends)
    for place, k in zip(places, order):
        ax.annotate(
            names[k],
            ends[names[k]],
            (1.04, place),
            textcoords="axes fraction",
            va="center",
            fontsize="small",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": lines[names[k]].get_color(),
                "linewidth": plt.rcParams["lines.linewidth"],
                "relpos": (0, 0.5),
                "shrinkA": 2,
                "shrinkB": 0,
            },
        )


def draw_channels(
    ax: Axes, task: Task, inputs: np.ndarray, named: bool = True
) -> None:
    """Draw the input channels, each as a row of bars.

    Args:
        ax: The axes; time becomes the x axis.
        task: The task; it names the channels.
        inputs: array of shape `(time, input channel)`, or symbols of shape
            `(time,)`.
        named: Boolean, whether the marked steps are named. Default: `True`.
    """
    rows = one_hot(inputs, len(task.inputs)).T
    draw_rows(ax, rows, dots=len(rows) > MANY)
    # The axes are low: names of more rows would overlap.
    name_rows(ax, task.inputs, len(rows) if len(rows) <= 8 else 6)
    # Room above the first row for the names of the marked steps.
    room = max(1, len(rows) / MANY) * (1.7 if named else 0.8)
    ax.set_ylim(0.7 - len(rows), room)
    set_time_axis(ax, len(inputs))
    mark_steps(ax, task, inputs, named)


def draw_rows(
    ax: Axes,
    rows: np.ndarray,
    first: int = 0,
    color: str = "C0",
    dots: bool = False,
) -> None:
    """Draw rows of bars at 0, -1, -2, ..., or of dots where there is no room.

    Args:
        ax: The axes.
        rows: Array of shape `(row, time)`.
        first: Integer, the number of the first row. Default: 0.
        color: The colour of the bars. Default: `"C0"`.
        dots: Boolean, whether to draw a dot for each number that is not 0
            instead of a bar. Default: `False`.
    """
    if dots:
        row, step = np.nonzero(rows)
        size = 0.3 * plt.rcParams["lines.markersize"]
        ax.plot(step, -first - row, "s", color=color, markersize=size)
        return
    for row, values in enumerate(rows, first):
        height = 0.6 * values / max(1.0, np.abs(values).max())
        ax.axhline(-row, color=plt.rcParams["text.color"], linewidth=0.8)
        ax.bar(np.arange(values.size), height, 0.8, bottom=-row, color=color)


def name_rows(ax: Axes, names: tuple[str, ...], most: int = MANY) -> None:
    """Name the rows at 0, -1, -2, ... on the left; of many only some."""
    shown = range(0, len(names), math.ceil(len(names) / most))
    ax.set_yticks([-row for row in shown], [names[row] for row in shown])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def set_time_axis(ax: Axes, count: int) -> None:
    """Make the x axis that of `count` time steps."""
    ax.set_xlim(-0.6, count - 0.4)
    ax.set_xlabel("time step")
    integer_ticks(ax.xaxis)


def integer_ticks(axis: Axis) -> None:
    """Put ticks only at round integers."""
    locator = ticker.MaxNLocator(5, integer=True, steps=[1, 2, 5, 10])
    axis.set_major_locator(locator)


def write(
    ax: Axes,
    text: str,
    at: tuple[float, float],
    offset: tuple[float, float] = (0, 0),
    **style: object,
) -> None:
    """Write a small centred text in a box of the background colour.

    Args:
        ax: The axes.
        text: String.
        at: The position, in data coordinates.
        offset: The offset of the text from it, in points. Default: (0, 0).
        **style: Further properties of a `matplotlib.text.Annotation`.
    """
    box = {"facecolor": ax.get_facecolor(), "linewidth": 0, "pad": 1}
    place = {"xytext": offset, "textcoords": "offset points", "ha": "center"}
    place |= {"va": "bottom", "fontsize": "small"}
    ax.annotate(text, at, bbox=box, **(place | style))


def shades(ax: Axes, count: int) -> np.ndarray:
    """Return `count` colours, early to late, legible on the background."""
    light = np.mean(colors.to_rgb(ax.get_facecolor())) > 0.5
    low, high = (0.0, 0.8) if light else (0.3, 1.0)
    return colormaps["viridis"](np.linspace(low, high, count))


def blend(ax: Axes, color: str, share: float) -> tuple[float, ...]:
    """Return a mixture of a colour, with weight `share`, and the background."""
    paper, paint = map(colors.to_rgb, (ax.get_facecolor(), color))
    return tuple(share * np.array(paint) + (1 - share) * np.array(paper))


def short(value: float) -> str:
    """Return a number with two decimals, or none if it is an integer."""
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _name(task, inputs, event, t):
    """Return the name of an event, for a tell with what was told."""
    if inputs.ndim == 1:
        told = task.inputs[inputs[t]]
        return f"{event} {told}" if event == "tell" else event
    told = [inputs[t, task.inputs.index(k)] for k in TOLD if k in task.inputs]
    return f"{event} {short(told[0])}" if event == "tell" and told else event
