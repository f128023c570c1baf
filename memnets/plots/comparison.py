"""Pictures that compare cells: how many seeds learn a task, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from memnets.plots import annotations
from memnets.records.outcomes import Outcome, wilson

# The most curves with bands that stay distinguishable in one pair of axes.
FEW = 3
# The most pairs of axes side by side on a slide.
WIDE = 3
ACROSS = "sequences seen (band: 95 % confidence)"
UPWARDS = "share of seeds that solved it"


def plot_comparison(
    outcomes: Sequence[Outcome],
    cell: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of seeds that have solved the task over sequences seen.

    A curve steps up wherever a network passes its first exam. It ends below 1
    if some never pass. The band is the pointwise 95 % confidence interval of
    the share (Wilson's).

    Args:
        outcomes: The list from `memnets.records.outcomes.outcomes`.
        cell: String, the only cell to draw in colour; the others are thin
            lines without a band. Default: `None`, all in colour, each named
            at the end of its curve.
        ax: The axes. Default: `None`, those of a new figure.

    Raises:
        ValueError: If there is no such cell among the outcomes.
    """
    _check(outcomes, cell)
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    last = max(outcome.sequences for outcome in outcomes)
    times = [outcome.solved_after for outcome in outcomes]
    # Leaves room before the first step, even if all seeds solve it or none.
    first = min(0.5 * last, 0.8 * np.min(times))
    lines = {}
    for outcome in outcomes:
        at, share, low, high = _steps(outcome, first)
        if cell not in (None, outcome.cell):
            grey = annotations.blend(ax, plt.rcParams["text.color"], 0.4)
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
        annotations.name_lines(ax, lines)
    return ax


def plot_matrix(
    found: Mapping[str, Sequence[Outcome]], ax: Axes | None = None
) -> Axes:
    """Draw a table of how many seeds of each cell solved each task.

    Beside each count stands the 95 % confidence interval of the share
    (Wilson's). Squares are blue for shares above one half and orange below;
    at one half they have the colour of the background.

    Args:
        found: Dictionary from tasks to lists of outcomes, as from
            `memnets.records.outcomes.outcomes`, with the same cells in the
            same order.
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
            color = annotations.blend(ax, "C0" if share > 0.5 else "C1", 0.6)
            color = annotations.blend(ax, color, abs(2 * share - 1))
            square = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color)
            square.set(edgecolor=ax.get_facecolor(), linewidth=1.5)
            ax.add_patch(square)
            low, high = np.multiply(100, wilson(outcome.solved, outcome.seeds))
            texts = (
                f"{outcome.solved}/{outcome.seeds}",
                f"{low:.0f}\u2013{high:.0f} %",
            )
            sides = ("right", "left")
            for at, text, side in zip((-0.12, -0.04), texts, sides):
                style = {"ha": side, "va": "center_baseline", "fontsize": size}
                ax.text(x + at, y, text, **style)
    ax.set(xlim=(-0.5, len(found) - 0.5), ylim=(len(cells) - 0.5, -0.5))
    ax.set_xticks(range(len(found)), found)
    ax.set_yticks(range(len(cells)), cells, fontsize=size)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    return ax


def draw_comparison(figure: Figure, outcomes: Sequence[Outcome]) -> None:
    """Draw a comparison in a figure.

    Up to three cells share one pair of axes. More cells have axes of their
    own, in which the others are thin lines. The figure grows for more than
    nine.
    """
    if len(outcomes) <= FEW:
        plot_comparison(outcomes, ax=figure.add_subplot())
        return
    columns = math.ceil(math.sqrt(len(outcomes)))
    rows = math.ceil(len(outcomes) / columns)
    if columns > WIDE:
        # The letters keep their size, so the figure must grow.
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


def _check(outcomes: Sequence[Outcome], cell: str | None) -> None:
    """Refuse what are no outcomes, or a cell that is not among them."""
    if not isinstance(outcomes, (list, tuple)) or not outcomes:
        raise TypeError(
            f"outcomes must be a list of Outcome, as from "
            f"memnets.records.outcomes.outcomes, got {type(outcomes).__name__}"
        )
    names = [outcome.cell for outcome in outcomes]
    if cell is not None and cell not in names:
        raise ValueError(
            f"cell must be one of {', '.join(names)}, got {cell!r}"
        )


def _steps(outcome: Outcome, first: float) -> tuple[np.ndarray, ...]:
    """Return the x of the steps, the height after each, and the band."""
    solved = outcome.solved_after[: outcome.solved]
    at = np.concatenate([[first], solved, [outcome.sequences]])
    count = np.concatenate([np.arange(len(solved) + 1), [len(solved)]])
    bands = zip(*(wilson(n, outcome.seeds) for n in count))
    return at, count / outcome.seeds, *map(np.array, bands)


def _sequences_across(ax: Axes, limits: tuple, most: int) -> None:
    """Write at most `most` round numbers on the logarithmic axis."""
    first, last = limits
    numbers = [k * 10**power for power in range(12) for k in (1, 2, 5)]
    shown = [number for number in numbers if first <= number <= last]
    while len(shown) > most:
        shown = shown[::-2][::-1]
    ax.set_xticks(shown, [f"{number:,}" for number in shown])
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
