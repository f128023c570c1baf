"""The parts of a recurrent cell's diagram, their places, and a pen."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Circle, Rectangle

from memnets.plots import annotations
from memnets.plots.cell import GATES, MINUS

# All lengths are in the drawing's own units. From below: the inputs, the
# previous output, the memory as gates see it, the reset gate, candidate and
# output, coupled gates, the memory.
INPUTS, HIDDEN, SEEN, RESET, LOW, TIE, TOP = 1.7, 2.6, 3.5, 4.7, 5.9, 7.3, 8.7
WIDTH, HEIGHT, GAP, BOX, LETTER = 17.0, 10.2, 2.2, 1.45, 1.08
LEFT, TAP, JOINT, RIGHT = 0.5, 1.6, 11.2, 16.2
PLACES = {
    "forget": (3.3, TOP),
    "reset": (4.95, RESET),
    "input": (9.35, LOW),
    "output": (14.4, LOW),
    "candidate": (6.7, LOW),
    "squash": (12.5, TIE),
}
(FORGET, _), _, (INPUT, _), (OUTPUT, _), (CANDIDATE, _), (BRANCH, _) = (
    PLACES.values()
)
# Letters of the gates as in the papers, ordered by colour.
LETTERS = {"f": "forget", "z": "update", "i": "input", "r": "reset"}
LETTERS["o"] = "output"
DASHED = (0, (2, 1.5))


class Pen:
    """Draws cells in columns and rows; shows which parts are new or gone.

    Args:
        ax: The axes.
        columns: Integer, the number of columns.
        rows: Integer, the number of rows.
        letters: Boolean, whether to write names on gates and lines.
    """

    def __init__(self, ax: Axes, columns: int, rows: int, letters: bool):
        self.ax, self.letters = ax, letters
        self.size = LETTER if letters else 1.95  # of a letter
        self.high = HEIGHT + 2.8 * self.size
        wide = columns * (WIDTH + GAP) - GAP
        low = GAP - rows * (self.high + GAP)
        ax.set(xlim=(0, wide), ylim=(low, 0), aspect="equal")
        ax.set_axis_off()
        # The layout sets the size of the drawing and so that of its texts.
        figure = ax.figure.canvas.figure
        if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
            figure.draw_without_rendering()
        size = min(ax.bbox.width / wide, ax.bbox.height / -low)
        self.unit = size * 72 / ax.figure.dpi
        self.ink = plt.rcParams["text.color"]
        self.paper = annotations.blend(ax, self.ink, 0.06)
        self.pale = annotations.blend(ax, self.ink, 0.45)
        self.glow = annotations.blend(ax, "C1", 0.5)

    def move(self, place, now: dict, was: dict) -> None:
        """Go to a column and row, for a cell `now` with the parent `was`."""
        step = np.array([WIDTH + GAP, -self.high - GAP])
        self.corner = step * place - (0, self.high)
        self.now, self.was = now, was

    def at(self, x, y):
        """Return the position in the axes of a point of this card."""
        return np.add(self.corner, (x, y))

    def state(self, part: str) -> str:
        """Return whether a part is new, kept or gone; "" if it never was."""
        if part in self.now:
            return "new" if self.now[part] != self.was.get(part) else "kept"
        return "gone" if part in self.was else "kept" if not part else ""

    def path(self, part, *points, end=None, color=None):
        """Draw a line through points; dashed if the part is gone."""
        state, (x, y) = self.state(part), (self.corner + points).T
        style = {"color": color or self.ink, "zorder": 2}
        width = self.unit * (0.26 if color else 0.14)
        if state == "new":
            glow = {"color": self.glow, "zorder": 1}
            self.ax.plot(x, y, linewidth=0.75 * self.unit, **glow)
        elif state == "gone":
            style = {"color": self.pale, "linestyle": DASHED}
        if state:
            self.ax.plot(x, y, linewidth=width, **style)
        if end and state in ("new", "kept"):
            size = {"markersize": 0.9 * self.unit, "markeredgewidth": 0}
            self.ax.plot(x[-1], y[-1], end, **size, **style)

    def patch(self, patch, face, zorder, edge="none", **style):
        """Draw a shape."""
        patch.set(facecolor=face, edgecolor=edge, zorder=zorder, **style)
        patch.set_linewidth(0.14 * self.unit)
        self.ax.add_patch(patch)

    def dots(self, part, *points):
        """Draw dots where lines meet."""
        for point in points if part in self.now else ():
            self.patch(Circle(self.at(*point), 0.24), self.ink, 3)

    def write(self, x, y, text, part="", **style):
        """Write a text; a new one has a coloured background."""
        style = {"ha": "center", "va": "center", "color": self.ink, **style}
        if self.state(part) == "new":
            style["bbox"] = {"facecolor": self.glow, "linewidth": 0, "pad": 1}
        text = text.replace("1-", f"1{MINUS}")
        size = self.size * self.unit
        self.ax.text(*self.at(x, y), text, fontsize=size, zorder=6, **style)

    def label(self, x, y, part, **style):
        """Write the text of a part, if letters are written."""
        if self.letters and self.now.get(part):
            text = self.now[part].replace(",", ", ")
            self.write(x, y, text, part, **style)

    def box(self, x, y, text, state, own=True, scale=1.0):
        """Draw the box of a gate or a function; dashed if it is gone."""
        wide, high = scale * (BOX + 1.1 * ("1-" in text)), scale * BOX
        corner = self.at(x - wide / 2, y - high / 2)
        color = GATES.get(f"{LETTERS.get(text[-1:])}_gate")
        if state == "new":
            glow = Rectangle(corner - 0.35, wide + 0.7, high + 0.7)
            self.patch(glow, self.glow, 1)
        box, face = Rectangle(corner, wide, high), self.paper
        if state == "gone":
            self.patch(box, face, 4, self.pale, linestyle=DASHED)
            return
        self.patch(box, color if color and own else face, 4, color or self.ink)
        if not color:
            across = np.linspace(-1, 1, 25)
            up = np.tanh(3 * across) if text == "tanh" else across
            curve = np.stack([across, up], 1) * 0.5 * scale
            width = 0.16 * scale * self.unit
            points = (self.at(x, y) + curve).T
            self.ax.plot(*points, color=self.ink, linewidth=width, zorder=5)
        elif self.letters:
            light = np.dot(to_rgb(color), (0.3, 0.6, 0.1)) > 0.5
            ink = ("black" if light else "white") if own else self.ink
            weight = "bold" if own else "normal"
            self.write(x, y, text, color=ink, fontweight=weight)

    def card(self, title: str, change: str) -> None:
        """Draw the background and the texts above."""
        card = Rectangle(self.corner, WIDTH, self.high)
        self.patch(card, self.paper, 0)
        top = self.high - 0.9 * self.size
        self.write(0.5, top, title, ha="left", fontweight="bold")
        self.write(0.5, top - 1.3 * self.size, change, ha="left")

    def reading(self) -> None:
        """Draw the inputs of the gates and the candidate."""
        last = {}
        for parts in (self.was, self.now):
            for bus in ("reads", "sees"):
                ends = [PLACES[k][0] for k in PLACES if f"{bus}_{k}" in parts]
                last[bus] = max(ends, default=last.get(bus, 0))
        first = FORGET if "reads_forget" in self.now else CANDIDATE
        self.path("", (CANDIDATE, 1.1), (CANDIDATE, INPUTS))
        self.path("", (first, INPUTS), (last["reads"], INPUTS))
        self.path("hidden", (LEFT + 1, HIDDEN), (last["reads"], HIDDEN))
        self.path("reset", (TAP, RESET), (CANDIDATE, RESET))
        self.dots("reset", (TAP, RESET), (CANDIDATE, RESET))
        both = [*self.now, *self.was]
        tap = next((part for part in both if part.startswith("sees")), None)
        if tap:
            self.path(tap, (TAP, TOP), (TAP, SEEN), (last["sees"], SEEN))
            self.dots(tap, (TAP, TOP))
        for name, (x, y) in PLACES.items():
            self.path(f"reads_{name}", (x, INPUTS), (x, y))
            self.dots(f"reads_{name}", (x, INPUTS))
            self.dots(f"sees_{name}", (x, SEEN))
            if "hidden" in self.now:
                self.dots(f"reads_{name}", (x, HIDDEN))
        self.label(LEFT, HIDDEN, "hidden")
        self.label(LEFT + 1.7, HIDDEN, "fed")
        if self.letters:
            self.write(CANDIDATE, 0.6, "x")

    def flow(self) -> None:
        """Draw the memory, its input and output, and all boxes."""
        tie = (INPUT, TIE), (FORGET, TIE)
        self.path("tie", (INPUT, LOW), *tie, (FORGET, TOP))
        self.path("peeps", (OUTPUT, TOP), (OUTPUT, LOW))
        self.dots("peeps", (OUTPUT, TOP))
        self.path("memory", (LEFT, TOP), (RIGHT, TOP), end=">", color="C0")
        self.path("joined", (JOINT, LOW), (JOINT, TOP))
        self.path("joined", (BRANCH, TOP), (BRANCH, LOW))
        self.dots("joined", (BRANCH, TOP))
        start = BRANCH if "joined" in self.now else CANDIDATE
        self.path("", (start, LOW), (RIGHT, LOW), end=">")
        if "joined" in self.now:
            self.path("", (CANDIDATE, LOW), (JOINT, LOW))
            plus = Circle(self.at(JOINT, TOP), 0.6)
            self.patch(plus, self.paper, 4, self.ink)
            size = {"markersize": 0.7 * self.unit, "color": self.ink}
            size["markeredgewidth"] = 0.14 * self.unit
            self.ax.plot(*plus.center, "+", zorder=5, **size)
        for part, at in PLACES.items():
            if state := self.state(part):
                own = f"reads_{part}" in self.now
                self.box(*at, self.now.get(part, ""), state, own)
        for x in (LEFT + 0.3, RIGHT):
            self.label(x, TOP + 1, "memory")
        if self.letters:
            self.write(RIGHT, LOW + 1, "h")
        ground = {"facecolor": self.paper, "linewidth": 0, "pad": 0}
        self.label((FORGET + INPUT) / 2, TIE, "tie", bbox=ground)
