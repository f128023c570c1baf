"""A picture of a grammar, and of the way of one string through it.

Source: the graph as in A. Cleeremans, D. Servan-Schreiber and J. L. McClelland,
Neural Computation 1 (3), 372 (1989).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path

from memnets.plots import annotations
from memnets.tasks import EmbeddedReber, Reber, letters

# Where the states of the Reber grammar stand, as in the papers; one is the
# distance from a state to the next.
INNER = [(0, 0), (1, 0), (2, 0.7), (2, -0.7), (3.4, 0.7), (3.4, -0.7)]
INNER += [(4.4, 0), (5.4, 0)]
RISE = 1.85  # of a copy of the grammar above the middle, or below
RADIUS = 0.16
LOOP = 0.75  # the height of an arrow from a state to itself
# Letters stand beside their arrows, at this distance.
ASIDE = 0.07


def plot_grammar(
    task: Reber, string: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a grammar as a graph: states, and arrows with their symbols.

    A string is a way from the state on the left to the double circle on the
    right. The symbol that must be remembered in the embedded grammar, and its
    repetition, are orange.

    Args:
        task: A `Reber` or an `EmbeddedReber`.
        string: String of the grammar; its way is blue, and the time steps at
            which each symbol is read are written beside it. Default: `None`.
        ax: The axes. Default: `None`.

    Raises:
        TypeError: If the task is not one of these.
        ValueError: If the string is not of the grammar.
    """
    if not isinstance(task, Reber):
        raise TypeError(
            f"task must be a Reber or an EmbeddedReber, got "
            f"{type(task).__name__}"
        )
    taken = {} if string is None else steps_taken(task, string)
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    places = _places(task)
    for state, place in enumerate(places):
        for symbol, after in _arcs(task)[state]:
            steps = taken.get((state, symbol), [])
            color = _color(ax, task, (state, after), steps, bool(taken))
            _arrow(ax, place, places[after], color, bool(steps))
            text = " ".join([symbol, *map(str, steps)])
            _write(ax, place, places[after], text, color)
    _states(ax, places)
    return ax


def steps_taken(task: Reber, string: str) -> dict[tuple[int, str], list[int]]:
    """Return the time steps at which a string takes each arrow.

    Args:
        task: A `Reber` or an `EmbeddedReber`.
        string: String of its grammar.

    Returns:
        Dictionary from a state and a symbol, the arrow, to a list of integers.

    Raises:
        ValueError: If the string is too long or not of the grammar.
    """
    taken: dict[tuple[int, str], list[int]] = {}
    arcs, state = _arcs(task), 0
    for step, symbol in enumerate(letters(task.sequence(string).inputs[0])):
        taken.setdefault((state, symbol), []).append(step)
        state = dict(arcs[state])[symbol]
    return taken


def _arcs(task: Reber) -> list[list[tuple[str, int]]]:
    """Return each state's symbols, each with the state it leads to."""
    return [
        [(arc[0], int(arc[1:])) for arc in arcs.split()]
        for arcs in task.grammar
    ]


def _places(task: Reber) -> np.ndarray:
    """Return where the states stand, in the order of the grammar."""
    inner = np.array(INNER)
    if not isinstance(task, EmbeddedReber):
        return inner
    above, below = (inner + np.array([2, side * RISE]) for side in (1, -1))
    right = above[-1, 0] + 1
    ends = (right, 0), (right + 1, 0)
    return np.array([(0, 0), (1, 0), *above, *below, *ends])


def _outer(task: Reber, arc: tuple[int, int]) -> bool:
    """Whether an arrow reads the symbol to remember, or its repetition."""
    join = len(task.grammar) - 2
    return isinstance(task, EmbeddedReber) and (arc[0] == 1 or arc[1] == join)


def _color(ax, task, arc, steps, walked):
    if walked and not steps:
        return annotations.blend(ax, plt.rcParams["text.color"], 0.3)
    if _outer(task, arc):
        return "C1"
    return "C0" if steps else plt.rcParams["text.color"]


def _arrow(ax: Axes, start, end, color, taken: bool) -> None:
    """Draw an arrow from the edge of one state to the edge of another."""
    wide = plt.rcParams["lines.linewidth"] * (1.2 if taken else 0.6)
    style = {"color": color, "linewidth": wide, "zorder": 1 + taken}
    head = 0.8 * plt.rcParams["font.size"]
    style |= {"arrowstyle": "-|>", "mutation_scale": head}
    if np.array_equal(start, end):
        points = start + _loop(start)
        path = Path(points, [Path.MOVETO, *[Path.CURVE4] * 3])
    else:
        along = (end - start) / np.hypot(*(end - start)) * RADIUS
        path = Path([start + along, end - along])
    ax.add_patch(FancyArrowPatch(path=path, **style))


def _loop(place) -> np.ndarray:
    """Return a curve from a state to itself, away from the other states."""
    side = _side(place)
    edge = RADIUS * np.array([np.sin(0.6), side * np.cos(0.6)])
    far = np.array([0.45, side * LOOP])
    return np.array([edge * (-1, 1), far * (-1, 1), far, edge])


def _side(place) -> int:
    """Return 1 for a state in the upper half of its grammar, else -1."""
    height = place[1]
    if abs(height) > 0.7:
        height -= np.sign(height) * RISE
    return 1 if height > 0 else -1


def _write(ax: Axes, start, end, text: str, color) -> None:
    """Write a symbol beside its arrow."""
    if np.array_equal(start, end):
        # The highest point of the curve is at three quarters of its handles.
        far = 0.75 * LOOP + 0.25 * RADIUS + ASIDE
        across = np.array([0, _side(start)])
        x, y = start + far * across
    else:
        across = np.array([start[1] - end[1], end[0] - start[0]])
        across = across / np.hypot(*across)
        # Above the arrow, or to the left of an upright one.
        across *= 1 if across[1] >= 0 else -1
        x, y = (start + end) / 2 + ASIDE * across
    # The text grows away from the arrow.
    ha = "center" if abs(across[0]) < 0.3 else "right"
    ha = "left" if across[0] > 0.3 else ha
    va = "center" if abs(across[1]) < 0.3 else "bottom"
    va = "top" if across[1] < -0.3 else va
    ax.text(x, y, text, color=color, ha=ha, va=va, zorder=4)


def _states(ax: Axes, places: np.ndarray) -> None:
    """Draw the states, the last as a double circle, and set the limits."""
    ink, paper = plt.rcParams["text.color"], ax.get_facecolor()
    wide = 0.5 * plt.rcParams["lines.linewidth"]
    rings = [(place, RADIUS) for place in places]
    for place, radius in [*rings, (places[-1], 0.65 * RADIUS)]:
        style = {"facecolor": paper, "edgecolor": ink, "linewidth": wide}
        ax.add_patch(Circle(place, radius, zorder=3, **style))
    low, high = places.min(axis=0), places.max(axis=0)
    # The loops are at the upper and at the lower edge.
    room = np.array([2 * RADIUS, LOOP + 2 * RADIUS])
    ax.set(xlim=(low[0] - room[0], high[0] + room[0]), aspect="equal")
    ax.set_ylim(low[1] - room[1], high[1] + room[1])
    ax.set_axis_off()
