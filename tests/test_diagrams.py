"""The drawings of the cells show what the cells compute, all at one place."""

import functools
import inspect
import re

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import SMALLEST, check_legible
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, Rectangle
from PIL import Image

from memnets import plot_cell_diagram, plot_family, save_figure, trace
from memnets.cells import (
    ElmanCell,
    LSTM1997Cell,
    MemoryGatedCell,
    MinGRUCell,
    MinLSTMCell,
    PeepholeLSTMCell,
    VariantLSTMCell,
)
from memnets.plots import diagrams
from memnets.plots.cell import GATES
from memnets.plots.diagram_pen import HEIGHT, HIDDEN, LETTER, PLACES, SEEN, TOP

pytestmark = pytest.mark.usefixtures("settings_stay")
UNITS = 4
RNG = np.random.default_rng
# Each cell drawn, and where the year of its source is told.
CELLS = {
    "simple_rnn": (keras.layers.SimpleRNNCell(UNITS), ElmanCell),
    "lstm_1997": (LSTM1997Cell(UNITS), LSTM1997Cell),
    "lstm": (keras.layers.LSTMCell(UNITS), LSTM1997Cell),
    "peephole_lstm": (PeepholeLSTMCell(UNITS), PeepholeLSTMCell),
    "gru": (keras.layers.GRUCell(UNITS), keras.layers.GRU),
    "lstm_cifg": (VariantLSTMCell(UNITS, "CIFG"), VariantLSTMCell),
    "memory_gated": (MemoryGatedCell(UNITS), MemoryGatedCell),
    "min_gru": (MinGRUCell(UNITS), MinGRUCell),
    "min_lstm": (MinLSTMCell(UNITS), MinGRUCell),
}
CHILDREN = [name for name in CELLS if name != "simple_rnn"]
GATE_OF = {name[0].replace("u", "z"): name for name in GATES}
every_cell = pytest.mark.parametrize("name", CELLS)


class Drawing:
    """What the drawing of one cell shows, read from its shapes and texts."""

    def __init__(self, name):
        ax = plot_cell_diagram(name)
        plt.close(ax.figure)
        self.corner = np.array([0, -HEIGHT - 2.8 * LETTER])
        self.texts = {
            self.place(text.get_position()): text.get_text()
            for text in ax.texts
        }
        boxes = [p for p in ax.patches if isinstance(p, Rectangle)]
        whole = [p for p in boxes if p.get_linestyle() == "solid"]
        edged = [p for p in whole if p.get_edgecolor()[3]]
        ground = [p for p in whole if not p.get_edgecolor()[3]][1:]
        self.boxes = {self.place(p.get_center()): p for p in edged}
        self.boxes = {k: self.boxes.get(at) for k, at in PLACES.items()}
        self.boxes = {k: box for k, box in self.boxes.items() if box}
        assert len(self.boxes) == len(edged), "a box stands elsewhere"
        self.new = {self.place(p.get_center()) for p in ground}
        self.gone = {self.place(p.get_center()) for p in boxes}
        self.gone -= {self.place(p.get_center()) for p in whole}
        dots = [p for p in ax.patches if isinstance(p, Circle)]
        self.dots = {self.place(p.center) for p in dots}

    def place(self, point):
        return tuple(float(x) for x in np.round(point - self.corner, 6))

    def gates(self, filled):
        """Return the text on each gate that is filled, or is hollow."""
        colors = {to_rgba(color) for color in GATES.values()}
        return {
            place: self.texts[PLACES[place]]
            for place, box in self.boxes.items()
            if box.get_edgecolor() in colors
            and (box.get_facecolor() in colors) == filled
        }


@functools.cache
def one_step(name):
    """Return a network of one cell with random weights, told its states too."""
    cell = CELLS[name][0]
    sizes = cell.state_size
    sizes = [sizes] if isinstance(sizes, int) else sizes
    given = [keras.Input((1, 3)), *(keras.Input((size,)) for size in sizes)]
    layer = keras.layers.RNN(cell, return_state=True)
    network = keras.Model(given, layer(given[0], initial_state=given[1:]))
    rng = RNG(7)
    network.set_weights([rng.normal(size=w.shape) for w in network.weights])
    return network, sizes


def random_step(name, rng, states=None, inputs=None):
    """Take one step of a cell; return all that happens, is told, and is after.

    After it are the output and the states.
    """
    network, sizes = one_step(name)
    inputs = rng.normal(size=(1, 1, 3)) if inputs is None else inputs
    if states is None:
        states = [rng.normal(size=(1, size)) for size in sizes]
    given = [np.float32(array) for array in (inputs, *states)]
    (seen,) = trace(network, given)
    observed = {name: array[:, 0] for name, array in seen.values.items()}
    return observed, inputs, states, network.predict_on_batch(given)


@every_cell
def test_the_gates_drawn_are_those_that_the_cell_has(name):
    drawing = Drawing(name)
    observed, *_ = random_step(name, RNG(0))
    has = {key for key in observed if key.endswith("_gate")}
    own = drawing.gates(filled=True)
    tied = drawing.gates(filled=False)
    assert {GATE_OF[letter] for letter in own.values()} == has - {
        f"{place}_gate" for place in tied
    }
    # A column of weights for each filled gate, and for the candidate.
    columns = CELLS[name][0].kernel.shape[1] // UNITS
    assert len(own) == columns - 1
    for text in tied.values():
        assert text[:2] == "1\N{MINUS SIGN}" and text[2] in own.values()


@pytest.mark.parametrize("name", CHILDREN)
def test_what_is_drawn_computes_what_the_cell_computes(name):
    """Along the memory through the gates, up from the candidate, and out."""
    drawing = Drawing(name)
    observed, _, states, (answer, *after) = random_step(name, RNG(1))

    def opened(place):
        text = drawing.texts.get(PLACES[place], "")
        gate = observed[GATE_OF[text[-1]]] if text else 1.0
        return 1 - gate if len(text) == 3 else gate

    number = min(1, len(states) - 1)
    memory = opened("forget") * states[number]
    memory = memory + opened("input") * observed["candidate"]
    np.testing.assert_allclose(after[number], memory, rtol=1e-4, atol=1e-6)
    if "squash" in drawing.boxes:
        memory = np.tanh(memory / 2 if name == "lstm_1997" else memory)
    hidden = opened("output") * memory
    np.testing.assert_allclose(observed["hidden"], hidden, 1e-4, 1e-6)
    # The memory is named after what comes out where that is the same.
    letter = drawing.texts[0.8, TOP + 1]
    assert letter == drawing.texts[16.2, TOP + 1]
    assert (letter == "h") == np.array_equal(after[number], answer)


@pytest.mark.parametrize("name", CHILDREN)
def test_who_is_drawn_as_reading_reads(name):
    """Changing the past moves those gates that a line joins to it."""
    drawing = Drawing(name)
    first, inputs, states, _ = random_step(name, RNG(2))
    two = len(states) > 1

    def moved(number):
        other = [s + (k == number) for k, s in enumerate(states)]
        now, *_ = random_step(name, RNG(2), other, inputs)
        return {k for k in first if not np.array_equal(first[k], now[k])}

    drawn = drawing.gates(filled=True) | {"candidate": "candidate"}
    for place, letter in drawn.items():
        what, x = GATE_OF.get(letter, letter), PLACES[place][0]
        by_hidden = (x, HIDDEN) in drawing.dots
        by_memory = (x, SEEN) in drawing.dots
        if place == "candidate":
            by_memory = "reset" in drawing.boxes
        if place == "output":
            by_memory |= (x, TOP) in drawing.dots
        assert (two and what in moved(0)) == by_hidden, what
        assert (what in moved(1 if two else 0)) == by_memory, what
    readers = {PLACES[place][0] for place in drawn}
    assert {x for x, y in drawing.dots if y in (SEEN, HIDDEN)} <= readers
    fed = "i, o" in drawing.texts.values()
    assert (len(states) > 2 and "input_gate" in moved(2)) == fed


@pytest.mark.parametrize("name", CHILDREN)
def test_new_and_gone_is_what_tells_a_cell_from_its_parent(name):
    parent = diagrams.KINDS[name].parent
    child, before = Drawing(name), Drawing(parent)

    def shown(name, drawing):
        parts = diagrams.KINDS[name].parts
        functions = {k: parts[k] for k in ("candidate", "squash") if k in parts}
        return functions | drawing.gates(True) | drawing.gates(False)

    now, was = shown(name, child), shown(parent, before)
    assert now.keys() == child.boxes.keys()
    assert child.new == {PLACES[k] for k in now if now[k] != was.get(k)}
    assert child.gone == {PLACES[k] for k in was.keys() - now.keys()}


def test_the_first_cell_has_nothing_new():
    drawing = Drawing("simple_rnn")
    assert list(drawing.boxes) == ["candidate"]
    assert not drawing.new and not drawing.gone


@every_cell
def test_the_year_is_that_of_the_source(name):
    year = re.match(r"\d{4}", diagrams.KINDS[name].title)
    source = inspect.getdoc(CELLS[name][1])
    assert year is None or year.group() in source
    # Only a source without a year is drawn without one.
    assert bool(year) == bool(re.search(r"\b(19|20)\d\d\b", source))


@pytest.mark.parametrize("style", SMALLEST)
@every_cell
def test_texts_of_a_diagram_neither_touch_nor_leave_it(name, style):
    with plt.style.context(f"memnets.plots.styles.{style}"):
        ax = plot_cell_diagram(name)
        check_legible(ax.figure, frame=ax)
    assert len(ax.texts) > 4
    plt.close(ax.figure)


@pytest.mark.parametrize("places", ["TREE", "GROWING", "SHRINKING"])
def test_an_arrow_leads_to_each_cell_from_its_parent(places):
    places = getattr(diagrams, places)
    ax = plot_family(places)
    plt.close(ax.figure)
    tips = {
        tuple(np.round(line.get_xydata()[0], 6))
        for line in ax.lines
        if line.get_marker() in "<>^v" and line.get_color() != "C0"
    }
    wide, high = 19.2, HEIGHT + 2.8 * 1.95 + 2.2
    between = 0
    for name, (column, row) in places.items():
        parent = diagrams.KINDS[name].parent
        if parent not in places:
            continue
        across, down = np.subtract((column, row), places[parent])
        assert max(abs(across), abs(down)) == 1, name
        left, low = column * wide, -row * high - (high - 2.2)
        x, y = left + 8.5, low + (high - 2.2) / 2
        if across:
            x = left - 0.5 if across > 0 else left + 17.5
        else:
            y = low + high - 2.2 + 0.5 if down > 0 else low - 0.5
        assert any(np.allclose(tip, (x, y)) for tip in tips), name
        between += 1
    assert between == len(places) - 1


def test_without_its_parent_nothing_of_a_cell_is_new():
    ax = plot_family({"lstm": (0, 0), "simple_rnn": (1, 0)})
    plt.close(ax.figure)
    assert {p.get_linestyle() for p in ax.patches} == {"solid"}
    grounds = [p for p in ax.patches if not p.get_edgecolor()[3]]
    boxes = [p for p in grounds if isinstance(p, Rectangle)]
    assert len(boxes) == 2  # the cards


def test_an_unknown_cell_is_refused_with_those_there_are():
    message = "name must be among simple_rnn, .*min_lstm, got 'lstm_1998'"
    with pytest.raises(ValueError, match=message):
        plot_cell_diagram("lstm_1998")
    with pytest.raises(ValueError, match=message):
        plot_family({"lstm": (0, 0), "lstm_1998": (1, 0)})
    assert plt.get_fignums() == []


def test_a_slide_without_recordings_is_the_same_bytes_each_time(tmp_path):
    for folder in ("one", "two"):
        save_figure("family_fewer", tmp_path / folder, styles="slides")
    for form in ("png", "svg", "pdf"):
        one, two = (
            (tmp_path / folder / f"family_fewer.{form}").read_bytes()
            for folder in ("one", "two")
        )
        assert one == two
    with Image.open(tmp_path / "one" / "family_fewer.png") as image:
        assert image.size[1] == 1500
        assert "figure family_fewer of memnets" in image.text["Description"]
        assert "recording" not in image.text["Description"]


def test_no_run_can_be_drawn_as_the_family(tmp_path):
    with pytest.raises(ValueError, match="run must be None for family, "):
        save_figure("family", tmp_path / "no", run="run.npz")
    assert not (tmp_path / "no").exists()
