"""The pictures of grammars and counters show what the tasks define."""

import collections

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from legibility import SMALLEST, check_legible
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, FancyArrowPatch

from memnets import EmbeddedReber, Reber, Trace, letters
from memnets.plots import plot_counters, plot_grammar
from memnets.plots.grammar import RADIUS, steps_taken
from memnets.tasks import AnBn, AnBnCn, Recall

pytestmark = pytest.mark.usefixtures("settings_stay")
GRAMMARS = pytest.mark.parametrize("task", [Reber(), EmbeddedReber()])


def read_graph(ax):
    """Return each arrow of a drawn grammar, by the states it joins.

    States are numbered from left to right, and from above. The second thing
    returned is the number of the double circle.
    """
    circles = [p for p in ax.patches if isinstance(p, Circle)]
    centres = sorted(
        {(*p.center,) for p in circles}, key=lambda c: (c[0], -c[1])
    )
    count = collections.Counter((*p.center,) for p in circles)
    (end,) = (k for k, centre in enumerate(centres) if count[centre] == 2)

    def state(point):
        away = [np.hypot(*np.subtract(point, centre)) for centre in centres]
        assert min(away) == pytest.approx(RADIUS)
        return int(np.argmin(away))

    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    texts = [text.get_text().split()[0] for text in ax.texts]
    assert len(texts) == len(arrows)
    found = collections.defaultdict(list)
    for arrow, text in zip(arrows, texts):
        ends = arrow._path_original.vertices[[0, -1]]
        found[state(ends[0])].append((text, state(ends[1])))
    return found, end


def strings_of(arcs, end, longest):
    """Return all strings of a graph up to a length, by walking every way."""
    ways, complete = [("", 0)], set()
    while ways:
        string, state = ways.pop()
        if state == end:
            complete.add(string)
        elif len(string) < longest:
            ways += [(string + sign, after) for sign, after in arcs[state]]
    return complete


@GRAMMARS
def test_the_strings_of_the_drawing_are_those_of_the_task(task):
    arcs, end = read_graph(plot_grammar(task))
    plt.close("all")
    longest = 8 if task.name == "reber" else 12
    drawn = strings_of(arcs, end, longest)
    short = type(task)(longest)
    sampled = short.sample(3000, np.random.default_rng(0)).inputs
    assert drawn == {letters(inputs) for inputs in sampled}


@GRAMMARS
def test_each_symbol_stands_beside_its_own_arrow(task):
    ax = plot_grammar(task)
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    for arrow, text in zip(arrows, ax.texts):
        ends = arrow._path_original.vertices
        away = [
            np.hypot(
                *(other._path_original.vertices.mean(0) - text.get_position())
            )
            for other in arrows
        ]
        near = arrows[int(np.argmin(away))]
        assert near is arrow, (text.get_text(), ends)
    plt.close("all")


@GRAMMARS
@settings(max_examples=6)
@given(seed=st.integers(0, 1000))
def test_the_steps_of_a_string_are_written_at_its_arrows(task, seed):
    batch = task.sample(1, np.random.default_rng(seed))
    string = letters(batch.inputs[0])
    ax = plot_grammar(task, string)
    read = {}
    for text in ax.texts:
        symbol, *steps = text.get_text().split()
        for step in steps:
            assert int(step) not in read
            read[int(step)] = symbol
    assert "".join(read[k] for k in range(len(read))) == string
    plt.close("all")


def test_only_the_way_of_the_string_has_colour():
    ax = plot_grammar(EmbeddedReber(), "BTBTXSETE")
    pale = plot_grammar(EmbeddedReber(), "BPBTXSEPE")
    ways = []
    for drawn in (ax, pale):
        colors = collections.defaultdict(set)
        for text in drawn.texts:
            colors[to_rgba(text.get_color())].add(text.get_text().split()[0])
        assert colors.pop(to_rgba("C1")) == {"T" if drawn is ax else "P"}
        ways.append(colors.pop(to_rgba("C0")))
        assert len(colors) == 1
    assert ways == [set("BTXSE")] * 2
    plt.close("all")


def test_the_symbol_to_remember_is_orange():
    ax = plot_grammar(EmbeddedReber())
    orange = [t.get_text() for t in ax.texts if t.get_color() == "C1"]
    assert orange == ["T", "P", "T", "P"]
    assert not [t for t in plot_grammar(Reber()).texts if t.get_color() == "C1"]
    plt.close("all")


@GRAMMARS
@pytest.mark.parametrize("style", ["notebook", "slides", "slides_dark"])
def test_every_symbol_can_be_read(task, style):
    with plt.style.context(f"memnets.plots.styles.{style}"):
        ax = plot_grammar(task)
        check_legible(ax.figure, smallest=SMALLEST[style])
        given = plt.figure().add_subplot()
        assert plot_grammar(task, ax=given) is given
    plt.close("all")


@pytest.mark.parametrize("task", [Recall(), "reber", None])
def test_what_has_no_grammar_is_refused(task):
    with pytest.raises(
        TypeError, match=r"task must be a Reber or an Emb.* got"
    ):
        plot_grammar(task)


@pytest.mark.parametrize("string", ["BTX", "BTXSEE", "", "BTPVVE"])
def test_a_string_of_another_grammar_is_refused(string):
    with pytest.raises(ValueError, match="string must be a complete string"):
        steps_taken(Reber(), string)
    with pytest.raises(ValueError, match="string must be a complete string"):
        plot_grammar(Reber(), string)


def traced(batch, units=2):
    """Return a trace that counts a and the next letters, twice as fast."""
    symbols = batch.inputs[..., None]
    up, other = np.arange(2, 2 + units), np.cumsum
    counts = other(symbols == 1, axis=1) - other(symbols == up, axis=1)
    values = {"hidden": 0.0 * counts, "cell_state": 2.0 * counts}
    return Trace("counters", "lstm", values)


def test_each_line_is_the_count_of_one_string_and_ends_with_it():
    batch = AnBnCn().strings([3, 5])
    units = {"down at b": 0, "down at c": 1}
    ax = plot_counters(traced(batch), batch, units, one=2.0)
    lines = ax.lines[1:]
    names = [line.get_label() for line in lines]
    assert names == [f"n = {n}: {name}" for n in (3, 5) for name in units]
    ups = [min(step, 3) for step in range(10)]
    np.testing.assert_array_equal(
        lines[0].get_ydata(), [*ups[:4], 2, 1, 0, 0, 0, 0]
    )
    np.testing.assert_array_equal(lines[1].get_ydata(), [*ups[:7], 2, 1, 0])
    for first, second in (lines[:2], lines[2:]):
        assert first.get_color() is second.get_color()
        assert first.get_linestyle() != second.get_linestyle()
    assert len(lines[3].get_xdata()) == 16 == batch.inputs.shape[1]
    assert np.any(lines[0].get_color() != lines[2].get_color())
    plt.close("all")


def test_counters_are_drawn_in_given_axes():
    batch, ax = AnBn().string(4), plt.figure().add_subplot()
    assert plot_counters(traced(batch, 1), batch, {"b": 0}, ax=ax) is ax
    assert ax.lines[1].get_ydata().max() == 8
    plt.close("all")


def test_what_cannot_be_drawn_as_counters_is_refused():
    batch = AnBn().string(4)
    trace, units = traced(batch, 1), {"b": 0}
    plain = Trace("gru", "gru", {"hidden": trace.hidden})
    with pytest.raises(ValueError, match="cell states, got the gru layer gru"):
        plot_counters(plain, batch, units)
    with pytest.raises(ValueError, match="unit must be .* got 1"):
        plot_counters(trace, batch, {"b": 1})
    with pytest.raises(ValueError, match="trace must be of the batch"):
        plot_counters(trace, AnBn().string(5), units)
    with pytest.raises(ValueError, match="one must not be 0, got 0"):
        plot_counters(trace, batch, units, one=0)
    with pytest.raises(TypeError, match="trace must be the Trace of one layer"):
        plot_counters(None, batch, units)
