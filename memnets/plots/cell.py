"""One step of an LSTM cell, drawn as canals with three sluice gates.

The memory flows along the top. The height of the water shows the size of a
number, on the same scale in the whole drawing. A shut gate hangs in the
canal, an open one is raised into its frame.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle
from matplotlib.patheffects import withStroke

from memnets.plots import annotations
from memnets.tasks import Batch, Task
from memnets.tasks.base import check_batch, check_below

# The gates from left to right with their colours in all pictures.
GATES = {
    "forget_gate": "C3",
    "input_gate": "C2",
    "output_gate": "C4",
    "reset_gate": "C2",
    "update_gate": "C3",
}
MINUS = "\N{MINUS SIGN}"
# All lengths, also of texts, are in the drawing's own units.
WIDTH, HEIGHT = 16.0, 8.7
DEPTH = 0.9  # of a canal, and so the height of a gate
TOP, LOW, BUS = 6.0, 3.35, 1.95  # y of the canals' beds and the input line
HEADING = 8.35
# x of the parts; a gate is wide enough for its number.
FORGET, CANDIDATE, INPUT = 4.2, 5.4, 7.75
JOINT, BRANCH, OUTPUT = 9.3, 10.85, 13.1
LEFT, RIGHT, GATE = 0.3, 15.3, 1.1
PLACES = {
    "forget_gate": (FORGET, TOP),
    "input_gate": (INPUT, LOW),
    "output_gate": (OUTPUT, LOW),
}


def plot_cell(
    trace: Any,
    task: Task,
    batch: Batch,
    sequence: int = 0,
    step: int = 0,
    unit: int = 0,
    below: Any | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one LSTM cell at one time step with all its numbers.

    The memory flows along the top, through the forget gate. The candidate
    enters from below through the input gate. The output leaves at the right
    through the output gate. Water is blue for positive values and red for
    negative ones.

    Args:
        trace: The trace of an LSTM layer.
        task: The task that drew the batch; it names the channels.
        batch: The sequences that the network read.
        sequence: Integer, which sequence of the batch. Default: 0.
        step: Integer, which time step. Default: 0.
        unit: Integer, which unit of the layer. Default: 0.
        below: The trace of the layer that this one reads. Default: `None`,
            the layer reads the channels of the task.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If the layer is no LSTM, or the trace not of this batch.
    """
    check_layer(trace)
    if not set(PLACES) <= set(trace.names):
        raise ValueError(
            f"trace must be of an LSTM layer, got the {trace.kind} layer "
            f"{trace.layer}"
        )
    check_trace(trace, batch, sequence, unit)
    check_below("step", step, batch.inputs.shape[1])
    names, read = _read(task, batch.inputs[sequence, step])
    if below is not None:
        check_trace(below, batch, sequence, 0)
        read = below.hidden[sequence, step]
        names = tuple(f"{below.layer} {k}" for k in range(1, len(read) + 1))
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    ax.set_axis_off()
    pen = _Pen(ax, _scale(trace, sequence, unit))
    pen.write(LEFT, HEADING, f"time step {step}", 0.4, ha="left")
    now = _numbers(trace, sequence, step, unit)
    before = dict.fromkeys(now, 0.0)
    if step:
        before = _numbers(trace, sequence, step - 1, unit)
    _draw_controls(pen)
    _draw_canals(pen, now, before["cell_state"])
    _draw_gates(pen, now)
    _draw_inputs(pen, _inputs(pen, names, read, trace, before["hidden"]))
    return ax


def check_layer(trace: Any) -> None:
    """Refuse anything but the trace of one layer."""
    if not hasattr(trace, "names") or not hasattr(trace, "hidden"):
        raise TypeError(
            f"trace must be the Trace of one layer, such as "
            f"memnets.trace(model, inputs)[0], got {type(trace).__name__}"
        )


def check_trace(trace: Any, batch: Batch, sequence: int, unit: int) -> None:
    """Refuse a trace of another batch, and a sequence or unit not in it."""
    check_batch("batch", batch)
    shape = np.shape(trace.hidden)
    if shape[:2] != batch.inputs.shape[:2]:
        raise ValueError(
            f"trace must be of the batch's {batch.inputs.shape[:2]} sequences "
            f"and time steps, got {shape[:2]}"
        )
    check_below("sequence", sequence, shape[0])
    check_below("unit", unit, shape[2])


def _numbers(trace, sequence, step, unit) -> dict[str, float]:
    at = sequence, step, unit
    return {name: float(getattr(trace, name)[at]) for name in trace.names}


def _scale(trace, sequence, unit) -> float:
    """Return the largest absolute value in the sequence: a full canal."""
    names = ("cell_state", "candidate", "hidden")
    values = [getattr(trace, name)[sequence, :, unit] for name in names]
    return float(np.nanmax(np.abs(values))) or 1.0


class _Pen:
    """Draws in the drawing's own units, with one scale for all water."""

    def __init__(self, ax: Axes, scale: float):
        self.ax, self.scale = ax, scale
        # The layout sets the size of the drawing and so that of its texts.
        figure = ax.figure.canvas.figure
        if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
            figure.draw_without_rendering()
        size = min(ax.bbox.width / WIDTH, ax.bbox.height / HEIGHT)
        self.unit = size * 72 / ax.figure.dpi
        self.ink, self.paper = plt.rcParams["text.color"], ax.get_facecolor()
        self.bed = annotations.blend(ax, self.ink, 0.13)
        # Very small or large numbers are written in powers of ten.
        power = int(np.floor(np.log10(scale)))
        self.power = power if power < -1 or power > 2 else 0
        if self.power:
            note = f"cell state, candidate and output in $10^{{{power}}}$"
            self.write(RIGHT + 0.6, HEADING, note, 0.3, ha="right")

    def add(self, patch, face, zorder, edge="none", width=0.07):
        patch.set(facecolor=face, edgecolor=edge, zorder=zorder)
        patch.set_linewidth(width * self.unit)
        self.ax.add_patch(patch)

    def line(self, xs, ys, color):
        style = {"linewidth": 0.07 * self.unit, "solid_capstyle": "butt"}
        self.ax.plot(xs, ys, color=color, zorder=0.5, **style)

    def write(self, x, y, text, size=0.34, **style):
        style = {"ha": "center", "va": "center", "color": self.ink, **style}
        fontsize = size * self.unit
        self.ax.text(x, y, text, fontsize=fontsize, zorder=5, **style)

    def water(self, shape, value, at=None):
        """Fill a canal in proportion to a value, and write the value.

        Args:
            shape: Function from a depth to the corners of the water.
            value: Float.
            at: The position of the text. Default: `None`, no text.
        """
        self.add(Polygon(shape(DEPTH)), self.bed, 1)
        depth = DEPTH * abs(value) / self.scale
        color = "C0" if value >= 0 else "C1"
        self.add(Polygon(shape(depth)), color, 2)
        if at is not None:
            halo = withStroke(linewidth=0.12 * self.unit, foreground=self.paper)
            self.write(*at, self.text(value), path_effects=[halo])

    def text(self, value: float) -> str:
        """Return a value with two decimals."""
        # Adding 0 turns a negative zero into zero.
        rounded = round(value / 10**self.power, 2) + 0.0
        return f"{rounded:.2f}".replace("-", MINUS)


def _draw_canals(pen: _Pen, now: dict, kept: float) -> None:
    """Draw the canals of the memory, the candidate and the output."""
    i, f, g = now["input_gate"], now["forget_gate"], now["candidate"]
    c, tanh_c = now["cell_state"], np.tanh(now["cell_state"])
    deep, half, box = TOP + DEPTH / 2, DEPTH / 2, (TOP + LOW + DEPTH) / 2
    middle = LOW + half
    pen.water(_along(LEFT, FORGET, TOP), kept, (1.9, deep))
    pen.water(_along(FORGET, JOINT, TOP), f * kept, (6.7, deep))
    pen.water(_along(JOINT, RIGHT, TOP), c, (13.1, deep))
    pen.water(_along(CANDIDATE, INPUT, LOW), g, (6.6, middle))
    pen.water(_up(INPUT, JOINT + half), i * g, (JOINT, 5.2))
    pen.water(_down(BRANCH - half, BRANCH - half, box), c)
    pen.water(_down(BRANCH - half, OUTPUT, LOW, box), tanh_c, (11.8, middle))
    pen.water(_along(OUTPUT, RIGHT, LOW), now["hidden"], (14.48, middle))
    for y in (TOP, LOW):
        tip = [(RIGHT, y - 0.15), (RIGHT + 0.6, y + half)]
        tip.append((RIGHT, y + DEPTH + 0.15))
        pen.add(Polygon(tip), pen.bed, 1)
    for x, y in ((CANDIDATE, middle), (BRANCH, box)):
        pen.add(_box(x - 0.6, y - 0.38, 1.2, 0.76), pen.paper, 4, pen.ink, 0.04)
        pen.write(x, y, "tanh")
    pen.add(Circle((JOINT, deep), 0.36), pen.paper, 4, pen.ink, 0.04)
    pen.write(JOINT, deep, "+", 0.5)
    above = DEPTH + 0.3
    pen.write(LEFT, TOP + above, "cell state before", ha="left")
    pen.write(RIGHT + 0.3, TOP + above, "cell state now", ha="right")
    pen.write(CANDIDATE, LOW + above, "candidate")
    pen.write(RIGHT + 0.3, LOW + above, "output", ha="right")


def _draw_gates(pen: _Pen, now: dict) -> None:
    """Draw the sluice gates, raised as far as they are open."""
    for name, (x, bed) in PLACES.items():
        color, opened = GATES[name], now[name]
        left, up = x - GATE / 2, bed + opened * DEPTH
        pale = annotations.blend(pen.ax, color, 0.15)
        pen.add(Rectangle((left, bed + DEPTH), GATE, DEPTH), pale, 3)
        pen.add(Rectangle((left, up), GATE, DEPTH), color, 3)
        pen.add(Rectangle((left, bed), GATE, 2 * DEPTH), "none", 4, color)
        light = np.dot(to_rgb(color), (0.3, 0.6, 0.1)) > 0.5
        style = {"color": "black" if light else "white", "fontweight": "bold"}
        number = f"\N{MULTIPLICATION SIGN}{opened:.2f}"
        pen.write(x, up + DEPTH / 2, number, 0.32, **style)
        pen.write(x, bed + 2 * DEPTH + 0.27, name.replace("_", " "))


def _draw_controls(pen: _Pen) -> None:
    """Draw the lines from the inputs to the gates and the candidate."""
    pen.line([CANDIDATE, CANDIDATE], [BUS, LOW], pen.ink)
    for name, (x, bed) in PLACES.items():
        pen.line([x, x], [BUS, bed], GATES[name])
        pen.add(Circle((x, 2.65), 0.3), pen.paper, 1, GATES[name])
        pen.write(x, 2.65, "\N{GREEK SMALL LETTER SIGMA}")


def _read(task: Task, inputs) -> tuple[tuple[str, ...], Any]:
    """Return names and values of a step's channels; of symbols, of the one."""
    if np.ndim(inputs):
        return task.inputs, inputs
    name = task.inputs[inputs] if inputs >= 0 else "no symbol"
    return (name,), (int(inputs >= 0),)


def _inputs(pen: _Pen, names, read, trace, hidden: float) -> list[tuple]:
    """Return name, text and value of all inputs of the cell."""
    found = [(name, _short(value), value) for name, value in zip(names, read)]
    if trace.hidden.shape[2] == 1:
        return [*found, ("output before", pen.text(hidden), hidden)]
    # The cell reads the outputs of all units; only its own is shown.
    return [*found, ("outputs before", f"{pen.text(hidden)}, ...", hidden)]


def _draw_inputs(pen: _Pen, inputs: list[tuple]) -> None:
    """Draw the inputs of the cell and the line that leads to the gates."""
    # Many inputs share the width.
    room = min(3.5, (WIDTH - 2 * LEFT) / len(inputs))
    wide = min(0.9 * room, 2.9)
    ends = LEFT + 0.5 * room, max(OUTPUT, LEFT + (len(inputs) - 0.5) * room)
    pen.line(ends, [BUS, BUS], pen.ink)
    for number, (name, text, value) in enumerate(inputs):
        x = LEFT + (number + 0.5) * room
        color = annotations.blend(pen.ax, "C0" if value >= 0 else "C1", 0.35)
        # A value that rounds to zero has no colour.
        paint = color if text.strip("0., ") else pen.bed
        pen.line([x, x], [1.2, BUS], pen.ink)
        pen.add(_box(x - wide / 2, 0.1, wide, 1.2), paint, 4)
        for y, words, weight in ((0.95, name, "normal"), (0.42, text, "bold")):
            size = min(0.34, 1.45 * wide / len(words))
            pen.write(x, y, words, size, fontweight=weight)


def _short(value: float) -> str:
    """Return an input as text; a network set by hand may have tiny ones."""
    if 0 < abs(value) < 0.005:
        return f"{value:.0e}".replace("-", MINUS)
    return annotations.short(float(value)).replace("-", MINUS)


def _box(x, y, width, height):
    style = "round,pad=0,rounding_size=0.15"
    return FancyBboxPatch((x, y), width, height, boxstyle=style)


def _along(x0, x1, bed):
    """Return the shape of a canal from left to right on a bed."""
    return lambda d: [(x0, bed), (x1, bed), (x1, bed + d), (x0, bed + d)]


def _up(x0, x1):
    """Return the shape of a canal on the lower bed that turns up at its end."""
    outer = [(x0, LOW), (x1, LOW), (x1, TOP)]
    return lambda d: [*outer, (x1 - d, TOP), (x1 - d, LOW + d), (x0, LOW + d)]


def _down(x0, x1, bed, top=TOP):
    """Return the shape of a canal that comes down and turns right on a bed."""
    outer = [(x0, top), (x0, bed), (x1, bed)]
    return lambda d: [*outer, (x1, bed + d), (x0 + d, bed + d), (x0 + d, top)]
