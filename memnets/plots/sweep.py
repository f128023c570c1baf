"""Pictures of a sweep: how many seeds solve the task as a field varies."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnets.plots import annotations
from memnets.records.outcomes import Outcome, wilson

MARKERS = "os^DvP"


def plot_sweep(
    found: Mapping[str, Sequence[Outcome]],
    values: Sequence[object],
    field: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of seeds that solved the task over a varied field.

    Bars are 95 % confidence intervals (Wilson's). Curves are shifted slightly
    so that they do not hide each other.

    Args:
        found: Dictionary from names of curves to outcomes, one for each value.
        values: The values of the field. The axis is logarithmic for positive
            numbers that span a factor of ten or more, linear for other
            numbers; other values are evenly spaced.
        field: String, the name of the field.
        ax: The axes. Default: `None`, those of a new figure.

    Raises:
        ValueError: If a curve does not have one outcome for each value.
    """
    for name, own in found.items():
        if len(own) != len(values):
            raise ValueError(
                f"found must have {len(values)} outcomes for {name!r}, one for "
                f"each value, got {len(own)}"
            )
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    places, logarithmic = _places(values)
    lines = {}
    for number, (name, own) in enumerate(found.items()):
        share = np.array([outcome.solved / outcome.seeds for outcome in own])
        ends = [wilson(outcome.solved, outcome.seeds) for outcome in own]
        low, high = np.transpose(ends)
        container = ax.errorbar(
            _apart(places, number, len(found), logarithmic),
            share,
            np.maximum([share - low, high - share], 0),
            marker=MARKERS[number % len(MARKERS)],
            color=f"C{number % 6}",
            linestyle=("-", "--", "-.", ":")[number % 4],
            capsize=0.3 * plt.rcParams["font.size"],
            elinewidth=0.5 * plt.rcParams["lines.linewidth"],
        )
        lines[name] = container.lines[0]
    ax.set(ylim=(-0.03, 1.03), ylabel="share of seeds that solved it")
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_xlabel(field.replace("_", " "))
    if logarithmic:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(ticker.NullFormatter())
        ax.xaxis.set_minor_locator(ticker.NullLocator())
    ax.set_xticks(places, [_named(value) for value in values])
    annotations.name_lines(ax, lines)
    return ax


def _places(values: Sequence[object]) -> tuple[np.ndarray, bool]:
    """Return the x of the values, and whether the axis is logarithmic."""
    if not all(isinstance(value, (int, float)) for value in values):
        return np.arange(len(values), dtype=float), False
    places = np.array(values, float)
    wide = places.min() > 0 and places.max() >= 10 * places.min()
    return places, bool(wide)


def _apart(places, number, count, logarithmic):
    """Return the x of one curve, shifted slightly from the others'."""
    shift = 0.02 * (number - (count - 1) / 2)
    if logarithmic:
        return places * (places.max() / places.min()) ** shift
    return places + shift * max(np.ptp(places), 1)


def _plain(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _named(value: object) -> str:
    """Return the tick label of a value."""
    return f"{value:,g}" if isinstance(value, (int, float)) else _plain(value)


def draw_sweep(
    figure: Figure,
    outcomes: Sequence[Outcome],
    vary: Mapping[str, Sequence[object]],
) -> None:
    """Draw a sweep: the first field on the x axis, the others as panels.

    Args:
        figure: The figure.
        outcomes: The outcomes of all combinations.
        vary: Dictionary from fields to their values. The name of an outcome
            is its cell followed by ` field=value` for each field.
    """
    (field, values), *others = vary.items()
    by_name = {outcome.name: outcome for outcome in outcomes}
    cells = dict.fromkeys(outcome.cell for outcome in outcomes)
    panels = list(itertools.product(*(own for _, own in others)))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, panel in zip(axes, panels):
        rest = [f" {k}={_plain(v)}" for (k, _), v in zip(others, panel)]
        found = {
            cell: [
                by_name[f"{cell} {field}={_plain(value)}{''.join(rest)}"]
                for value in values
            ]
            for cell in cells
        }
        plot_sweep(found, values, field, ax)
        ax.set_title("".join(rest).strip().replace("_", " "))
        ax.label_outer()
