"""The family of recurrent cells, drawn alike, so that one sees what changed.

Sources: those that the cells in `memnets.cells` name; of the GRU, K. Cho et
al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical
Machine Translation, EMNLP (2014), drawn as Keras computes it.
"""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from memnets.family_drawing import (
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
        title: String, the year of its source and what it is called.
        change: String, in few words what is new in it.
        parent: String, the cell it is compared with; "" for the first.
        parts: Dictionary from the name of a part to what is written on it:
            the boxes of `PLACES`, and `reads_forget` and so on, that a box
            has weights of its own; `memory` and `hidden`, what comes from the
            step before above and below, with `fed`; `sees_forget` and so on,
            a gate that sees the memory, and `peeps`, the output gate that
            sees the new one; `joined`, that the candidate is added to the
            memory; `tie`, two gates that share one whole.
    """

    title: str
    change: str
    parent: str
    parts: dict[str, str]


# Each cell: its title, what is new, its parent, and by which parts it differs:
# `part:text` is there, `-part` no longer is.
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
# Column and row of each cell on a slide, a child next to its parent.
_ALL = [(0, 1), (1, 1), (2, 1), (3, 0), (3, 1), (4, 0), (2, 0), (4, 1), (3, 2)]
TREE = dict(zip(KINDS, _ALL))
GROWING = dict(zip(KINDS, [(0, 0), (1, 0), (2, 0), (2, 1)]))
GROWING["lstm_cifg"] = 1, 1
SHRINKING = {"lstm": (1, 0), "gru": (2, 0), "memory_gated": (0, 0)}
SHRINKING |= {"min_gru": (2, 1), "min_lstm": (1, 1)}


def plot_cell_diagram(name: str, ax: Axes | None = None) -> Axes:
    """Draw what a kind of cell is made of, as `plot_family` does.

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
    """Draw kinds of cells, all parts at the places common to all cells.

    The memory runs along the top, and the hidden output of the step before
    comes in below; a gate is a coloured box on the line that it controls. What
    a cell has and its parent has not is underlaid with orange, what it has
    lost is dashed; not so where others are drawn and its parent is not. A gate
    may see the memory through a weight for each unit, the peepholes, or
    through a matrix; they are drawn alike.

    Args:
        places: Dictionary from names out of `KINDS` to column and row; next
            to its parent, a cell is joined to it by an arrow. If the last row
            begins free, the key stands there. Default: `TREE`, all cells.
        letters: Boolean, whether names stand on gates and lines; with more
            than three columns they are too small to read. Default: `False`.
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
    """Draw an arrow to this card from its parent, so many cards away."""
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
    """Explain the signs, in the room of so many cards."""
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
