"""Pictures of cells side by side: who learns the task, when, how surely."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from memnets import marks, saving
from memnets.comparison import Outcome, wilson
from memnets.runs import replacing
from memnets.saving import STYLES

# So many curves with their bands are told apart in one pair of axes.
FEW = 3
# So many pairs of axes stand side by side on a slide.
WIDE = 3
ACROSS = "sequences seen (band: 95 % confidence)"
UPWARDS = "share of seeds that solved it"


def plot_comparison(
    outcomes: Sequence[Outcome],
    cell: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of seeds that have solved the task over sequences seen.

    A curve steps up where a network passes its first exam, and ends below 1
    where some never did. The band is the 95 % confidence interval of the
    share (Wilson's), at each point by itself.

    Args:
        outcomes: What `memnets.comparison.outcomes` returns.
        cell: String, the one cell that is drawn in colour; the others are
            thin lines without a band. Default: `None`, all in colour, each
            named where its curve ends.
        ax: The axes. Default: `None`, those of a new figure.

    Raises:
        ValueError: If there is no such cell among the outcomes.
    """
    names = [outcome.cell for outcome in outcomes]
    if cell is not None and cell not in names:
        raise ValueError(
            f"cell must be one of {', '.join(names)}, got {cell!r}"
        )
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    last = max(outcome.sequences for outcome in outcomes)
    times = [outcome.solved_after for outcome in outcomes]
    # Room for a first step, also where all is solved, or nothing.
    first = min(0.5 * last, 0.8 * np.min(times))
    lines = {}
    for outcome in outcomes:
        at, share, low, high = _steps(outcome, first)
        if cell not in (None, outcome.cell):
            grey = marks.blend(ax, plt.rcParams["text.color"], 0.4)
            thin = 0.4 * plt.rcParams["lines.linewidth"]
            ax.step(at, share, where="post", color=grey, linewidth=thin)
            continue
        number = len(lines)
        paint = {"step": "post", "color": f"C{number % 6}", "linewidth": 0}
        ax.fill_between(at, low, high, alpha=0.2, zorder=1, **paint)
        dashes = ("-", "--", "-.", ":")[number % 4]
        (line,) = ax.step(
            at, share, dashes, where="post", color=paint["color"], zorder=3
        )
        lines[f"{outcome.cell} {outcome.solved}/{outcome.seeds}"] = line
    ax.set(xscale="log", xlim=(first, last), ylim=(-0.03, 1.03))
    ax.set(xlabel=ACROSS, ylabel=UPWARDS)
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    _sequences_across(ax, (first, last), 5 if cell is None else 2)
    if cell is None:
        marks.name_lines(ax, lines)
    return ax


def plot_matrix(
    found: Mapping[str, Sequence[Outcome]], ax: Axes | None = None
) -> Axes:
    """Write how many seeds of each cell solved each task.

    Beside the count stands the 95 % confidence interval of the share
    (Wilson's). A square is the bluer the more seeds solved the task, and the
    more orange the fewer; at one half it has the colour of the background.

    Args:
        found: Dictionary from tasks to what `memnets.comparison.outcomes`
            returns, the same cells in the same order.
        ax: The axes. Default: `None`, those of a new figure.

    Raises:
        ValueError: If the cells of two tasks differ.
    """
    names = {tuple(outcome.cell for outcome in row) for row in found.values()}
    if len(names) != 1:
        raise ValueError(f"found must have one list of cells, got {names}")
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    size = min(plt.rcParams["font.size"], plt.rcParams["ytick.labelsize"]) * 0.9
    (cells,) = names
    for x, outcomes in enumerate(found.values()):
        for y, outcome in enumerate(outcomes):
            share = outcome.solved / outcome.seeds
            color = marks.blend(ax, "C0" if share > 0.5 else "C1", 0.6)
            color = marks.blend(ax, color, abs(2 * share - 1))
            square = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color)
            square.set(edgecolor=ax.get_facecolor(), linewidth=1.5)
            ax.add_patch(square)
            low, high = np.multiply(100, wilson(outcome.solved, outcome.seeds))
            said = (
                f"{outcome.solved}/{outcome.seeds}",
                f"{low:.0f}\u2013{high:.0f} %",
            )
            for at, text, side in zip((-0.12, -0.04), said, ("right", "left")):
                style = {"ha": side, "va": "center_baseline", "fontsize": size}
                ax.text(x + at, y, text, **style)
    ax.set(xlim=(-0.5, len(found) - 0.5), ylim=(len(cells) - 0.5, -0.5))
    ax.set_xticks(range(len(found)), found)
    ax.set_yticks(range(len(cells)), cells, fontsize=size)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    return ax


def save_comparison(
    outcomes: Sequence[Outcome],
    title: str,
    path: str | os.PathLike,
    style: str = "slides",
) -> None:
    """Write the picture of a comparison, the same bytes every time.

    Up to three cells share one pair of axes; of more, each has its own, where
    the others are thin lines. Nine fill a slide; for more it grows.

    Args:
        outcomes: What `memnets.comparison.outcomes` returns.
        title: String, what was compared.
        path: The file; its ending says the format: png, svg or pdf.
        style: String, one of `memnets.saving.STYLES`. Default: `"slides"`.
    """
    form = os.path.splitext(path)[1][1:]
    with (
        plt.style.context(
            f"memnets.styles.{check_style(style)}", after_reset=True
        ),
        replacing(path) as temporary,
    ):
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title)
        draw(figure, outcomes)
        origin = saving.origin("comparison", {})
        saving.write(figure, temporary, form, title, origin)


def check_style(style: str) -> str:
    """Refuse a style that there is not; return it."""
    if style not in STYLES:
        raise ValueError(
            f"style must be one of {', '.join(STYLES)}, got {style!r}"
        )
    return style


def draw(figure: Figure, outcomes: Sequence[Outcome]) -> None:
    """Draw a comparison, as `save_comparison` does, in a figure."""
    if len(outcomes) <= FEW:
        plot_comparison(outcomes, ax=figure.add_subplot())
        return
    columns = math.ceil(math.sqrt(len(outcomes)))
    rows = math.ceil(len(outcomes) / columns)
    if columns > WIDE:
        # Letters that stay as large need more room.
        figure.set_size_inches(columns / WIDE * figure.get_size_inches())
    axes = figure.subplots(rows, columns, sharex=True, sharey=True)
    for number, (ax, outcome) in enumerate(zip(axes.flat, outcomes)):
        plot_comparison(outcomes, outcome.cell, ax)
        ax.set(xlabel="", ylabel="")
        ax.tick_params(labelbottom=number + columns >= len(outcomes))
        ax.set_title(f"{outcome.cell} {outcome.solved}/{outcome.seeds}")
    for ax in axes.flat[len(outcomes) :]:
        ax.remove()
    size = plt.rcParams["axes.labelsize"]
    figure.supxlabel(ACROSS, fontsize=size)
    figure.supylabel(UPWARDS, fontsize=size)


def _steps(outcome: Outcome, first: float) -> tuple[np.ndarray, ...]:
    """Return where the curve steps, its height from there on, and its band."""
    solved = outcome.solved_after[: outcome.solved]
    at = np.concatenate([[first], solved, [outcome.sequences]])
    count = np.concatenate([np.arange(len(solved) + 1), [len(solved)]])
    return at, count / outcome.seeds, *wilson(count, outcome.seeds)


def _sequences_across(ax: Axes, limits: tuple, most: int) -> None:
    """Write at most some round numbers on the logarithmic axis."""
    first, last = limits
    numbers = [k * 10**power for power in range(12) for k in (1, 2, 5)]
    shown = [number for number in numbers if first <= number <= last]
    while len(shown) > most:
        shown = shown[::-2][::-1]
    ax.set_xticks(shown, [f"{number:,}" for number in shown])
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
