"""What the pictures share: events, landmarks, axes and shades."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, colors, ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from memnets.tasks import Task

# What the players behind a task's landmarks do, in a reader's words.
PLAYERS = {
    "silent": "silence",
    "timing only": "right time,\nwrong value",
}
# The input channels whose value is told; a tell is labelled with it.
TOLD = ("value", "count")


def mark_steps(ax: Axes, task: Task, inputs: np.ndarray) -> None:
    """Mark the events of a sequence with dotted lines, named at the top.

    Args:
        ax: Axes with time across; the names go inside, below the upper edge.
        task: The task that drew the inputs.
        inputs: array of shape `(time, input channel)`.
    """
    style = plt.rcParams
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
            (
                style["font.size"] * 0.2 * (left - right),
                style["font.size"] * -1.25 * line,
            ),
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


def short(value: float) -> str:
    """Write a number with two decimals, or none if it is whole."""
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def _name(task, inputs, event, t):
    """Name an event; a tell also says what was told."""
    told = [inputs[t, task.inputs.index(k)] for k in TOLD if k in task.inputs]
    return f"{event} {short(told[0])}" if event == "tell" and told else event
