"""Diagrams of recurrent cells in one form, which shows how they differ.

Sources: see the cells in `memnets.cells`; for the GRU, K. Cho et al., Learning
Phrase Representations using RNN Encoder-Decoder for Statistical Machine
Translation, EMNLP (2014), drawn as Keras computes it.
"""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from memnets.plots.diagram_pen import (
    BOX,
    GAP,
    LETTER,
    LETTERS,
    PLACES,
    WIDTH,
    Pen,
)


class Kind(NamedTuple):
    """A kind of cell.

    Attributes:
        title: String, the year of its source and its name.
        change: String, what is new in a few words.
        parent: String, the cell it is compared with; "" for the first.
        parts: Dictionary from the names of its parts to their texts:
            a box of `PLACES`; `reads_forget` and so on for a box with weights
            of its own; `memory` and `hidden`, the states of the previous
            step, drawn above and below, and `fed`, further previous outputs;
            `sees_forget` and so on for a gate that sees the memory; `peeps`
            for an output gate that sees the new memory; `joined` if the
            candidate is added to the memory; `tie` for two gates that sum
            to 1.
    """

    title: str
    change: str
    parent: str
    parts: dict[str, str]


# Each cell: its name, title, change and parent, and how its parts differ from
# the parent's: `part:text` is added, `-part` removed.
TABLE = """
simple_rnn | 1990 Elman | SimpleRNN | | candidate:tanh hidden:h
lstm_1997 | 1997 LSTM | + memory cell | simple_rnn | memory:c input:i
    output:o squash:tanh joined: fed:i,o
lstm | 2000 LSTM | + forget gate | lstm_1997 | forget:f -fed
peephole_lstm | 2002 LSTM | + peepholes | lstm | sees_forget: sees_input: peeps:
gru | 2014 GRU | h is the memory | lstm | memory:h forget:z input:1-z tie:
    reset:r sees_forget: sees_reset: -hidden -output -squash
lstm_cifg | 2017 LSTM | f = 1-i | peephole_lstm | forget:1-i tie: -sees_forget
memory_gated | memory-gated | gates see c | lstm | candidate:line sees_forget:
    sees_input: sees_output: -hidden -squash
min_gru | 2024 minGRU | gates see only x | gru | candidate:line forget:1-z
    input:z -reset -sees_forget -sees_reset
min_lstm | 2024 minLSTM | gates see only x | lstm | candidate:line memory:h
    tie:f+i=1 -hidden -output -squash
"""


def _read(table: str) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for row in table.replace("\n    ", " ").strip().splitlines():
        name, title, change, parent, text = map(str.strip, row.split("|"))
        parts = dict(kinds[parent].parts) if parent else {}
        for part in text.split():
            if part.startswith("-"):
                del parts[part[1:]]
            else:
                parts |= [part.split(":")]
        for box in PLACES:
            parts.pop(f"reads_{box}", None)
            if box != "squash" and "1" not in parts.get(box, "1"):
                parts[f"reads_{box}"] = ""
        kinds[name] = Kind(title, change, parent, parts)
    return kinds


KINDS = _read(TABLE)
# Column and row of each cell on a slide, next to its parent.
_ALL = [(0, 1), (1, 1), (2, 1), (3, 0), (3, 1), (4, 0), (2, 0), (4, 1), (3, 2)]
TREE = dict(zip(KINDS, _ALL))
GROWING = dict(zip(KINDS, [(0, 0), (1, 0), (2, 0), (2, 1)]))
GROWING["lstm_cifg"] = 1, 1
SHRINKING = {"lstm": (1, 0), "gru": (2, 0), "memory_gated": (0, 0)}
SHRINKING |= {"min_gru": (2, 1), "min_lstm": (1, 1)}


def plot_cell_diagram(name: str, ax: Axes | None = None) -> Axes:
    """Draw the parts of one kind of cell, as `plot_family` does.

    Args:
        name: String, one of `KINDS`.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If there is no cell of that name.
    """
    return plot_family({name: (0, 0)}, True, ax)


def plot_family(
    places: dict[str, tuple[int, int]] = TREE,
    letters: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw kinds of cells, with each part at the same place in all cells.

    The memory runs along the top. The previous output comes in below. A gate
    is a coloured box on the line that it controls. Parts that the cell's
    parent lacks have an orange background; parts that only the parent has are
    dashed. Neither is marked if several cells are drawn without the parent.
    Peepholes, one weight per unit, are drawn like a full matrix.

    Args:
        places: Dictionary from names in `KINDS` to column and row. A cell
            next to its parent is joined to it by an arrow. If the last row
            has free columns on the left, the key is drawn there. Default:
            `TREE`, all cells.
        letters: Boolean, whether to write names on gates and lines; they are
            too small to read with more than three columns. Default: `False`.
        ax: The axes. Default: `None`.

    Raises:
        ValueError: If there is no cell of one of the names.
    """
    for name in places:
        if name not in KINDS:
            raise ValueError(
                f"name must be among {', '.join(KINDS)}, got {name!r}"
            )
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    columns, rows = np.max(list(places.values()), axis=0) + 1
    pen = Pen(ax, columns, rows, letters)
    for name, place in places.items():
        now, parent = KINDS[name], KINDS[name].parent
        alone = len(places) == 1 and parent
        was = KINDS[parent if alone or parent in places else name]
        pen.move(place, now.parts, was.parts)
        pen.card(now.title, now.change)
        pen.reading()
        pen.flow()
        step = np.subtract(place, places.get(parent, place))
        if np.abs(step).max() == 1:
            _join(pen, *step)
    free = min(column for column, row in places.values() if row == rows - 1)
    if free:
        pen.move((0, rows - 1), {}, {})
        _key(pen, free, places)
    return ax


def _join(pen: Pen, across: int, down: int) -> None:
    """Draw an arrow to this card from its parent's, by their distance."""
    half, far = pen.high / 2, GAP - 0.5
    if across:
        x, end = (-GAP, -0.5) if across > 0 else (WIDTH + GAP, WIDTH + 0.5)
        y, turn = half + down * (pen.high + GAP), (x + end) / 2
        points = (x, y), (turn, y), (turn, half), (end, half)
        pen.path("", *points, end="<>"[int(across > 0)])
    else:
        y, end = (2 * half + GAP, -far) if down > 0 else (-GAP, far)
        pen.path(
            "", (WIDTH / 2, y), (WIDTH / 2, y + end), end="^v"[int(down > 0)]
        )


def _key(pen: Pen, cards: int, places) -> None:
    """Draw the key of the signs, as wide as `cards` cards."""
    used = {text for name in places for text in KINDS[name].parts.values()}
    names = {k: f"{gate} gate" for k, gate in LETTERS.items()}
    names |= {"tanh": "tanh", "line": "linear"}
    signs = [sign for sign in names if sign in used]
    signs += ["memory", "new", "gone"]
    columns, scale = max(2, cards), pen.size / LETTER
    rows, half = -(-len(signs) // columns), 0.5 * BOX * scale
    wide = 1.1 * (cards * (WIDTH + GAP) - GAP) / columns
    for number, sign in enumerate(signs):
        column, row = divmod(number, rows)
        x, y = scale + column * wide, pen.high * (1 - (row + 0.5) / rows)
        if sign == "memory":
            pen.path("", (x - half, y), (x + half, y), color="C0")
        elif sign == "new":
            glow = Rectangle(pen.at(x - half, y - half), 2 * half, 2 * half)
            pen.patch(glow, pen.glow, 1)
        else:
            pen.box(x, y, sign, sign, scale=scale)
        pen.write(x + 1.2 * scale, y, names.get(sign, sign), ha="left")
