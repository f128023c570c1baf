"""What the pictures share: events, landmarks, axes and shades."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, colors, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D

from memnets.tasks import Task

# What the players behind a task's landmarks do, in a reader's words.
PLAYERS = {
    "silent": "silence",
    "timing only": "right time,\nwrong value",
}
# The input channels whose value is told; a tell is labelled with it.
TOLD = ("value", "count")


def mark_steps(
    ax: Axes, task: Task, inputs: np.ndarray, named: bool = True
) -> None:
    """Mark the events of a sequence with dotted lines, named at the top.

    Args:
        ax: Axes with time across; the names go inside, below the upper edge.
        task: The task that drew the inputs.
        inputs: array of shape `(time, input channel)`.
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
        # Two names that would touch turn away from each other; in a row of
        # more, those between go down line by line.
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
    """Frame the events of a sequence on an image and name them at its right.

    Args:
        ax: Axes with time upwards and an image.
        task: The task that drew the inputs.
        inputs: array of shape `(time, input channel)`.
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
    """Name horizontal lines at the right, apart where they are close."""
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
    """Name lines at the right of the axes, where each of them ends.

    Names that would touch stand apart, joined to their lines.
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


def channels(
    ax: Axes, task: Task, inputs: np.ndarray, named: bool = True
) -> None:
    """Draw what a network reads: each input channel a row of bars.

    Args:
        ax: Axes; time goes across.
        task: The task; it names the channels.
        inputs: array of shape `(time, input channel)`.
        named: Boolean, whether the marked steps are named. Default: `True`.
    """
    for row, values in enumerate(inputs.T):
        height = 0.6 * values / max(1.0, np.abs(values).max())
        ax.axhline(-row, color=plt.rcParams["text.color"], linewidth=0.8)
        ax.bar(np.arange(values.size), height, 0.8, bottom=-row, color="C0")
    rows_named(ax, task.inputs)
    # Room above the first row for the names of the marked steps.
    ax.set_ylim(0.7 - len(task.inputs), 1.7 if named else 0.8)
    time_across(ax, len(inputs))
    mark_steps(ax, task, inputs, named)


def rows_named(ax: Axes, names: tuple[str, ...]) -> None:
    """Name the rows at 0, -1, -2, ... on the left."""
    ax.set_yticks(-np.arange(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def time_across(ax: Axes, count: int) -> None:
    """Let `count` time steps run across the axes."""
    ax.set_xlim(-0.6, count - 0.4)
    ax.set_xlabel("time step")
    whole_numbers(ax.xaxis)


def whole_numbers(axis: Axis) -> None:
    """Put round whole numbers on an axis of time steps or sequences."""
    locator = ticker.MaxNLocator(5, integer=True, steps=[1, 2, 5, 10])
    axis.set_major_locator(locator)


def write(
    ax: Axes,
    text: str,
    at: tuple[float, float],
    offset: tuple[float, float] = (0, 0),
    **style: object,
) -> None:
    """Write a small text, centred, on a piece of the axes' background.

    Args:
        ax: The axes.
        text: String.
        at: The point, in the coordinates of the data.
        offset: How far from it the text stands, in points.
        **style: Further properties of a `matplotlib.text.Annotation`.
    """
    box = {"facecolor": ax.get_facecolor(), "linewidth": 0, "pad": 1}
    place = {"xytext": offset, "textcoords": "offset points", "ha": "center"}
    place |= {"va": "bottom", "fontsize": "small"}
    ax.annotate(text, at, bbox=box, **(place | style))


def shades(ax: Axes, count: int) -> np.ndarray:
    """Return colours from early to late, legible on the axes' background."""
    light = np.mean(colors.to_rgb(ax.get_facecolor())) > 0.5
    low, high = (0.0, 0.8) if light else (0.3, 1.0)
    return colormaps["viridis"](np.linspace(low, high, count))


def blend(ax: Axes, color: str, share: float) -> tuple[float, ...]:
    """Return the axes' background with a share of a colour in it."""
    paper, paint = map(colors.to_rgb, (ax.get_facecolor(), color))
    return tuple(share * np.array(paint) + (1 - share) * np.array(paper))


def short(value: float) -> str:
    """Write a number with two decimals, or none if it is whole."""
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _name(task, inputs, event, t):
    """Name an event; a tell also says what was told."""
    told = [inputs[t, task.inputs.index(k)] for k in TOLD if k in task.inputs]
    return f"{event} {short(told[0])}" if event == "tell" and told else event
