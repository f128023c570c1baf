"""The pictures of the inside show the numbers of the cell."""

import itertools
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import SMALLEST, check_legible
from matplotlib.animation import AbstractMovieWriter
from matplotlib.colors import to_rgba
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from memnets import (
    Batch,
    Countdown,
    Recall,
    Trace,
    animate_cell,
    plot_cell,
    plot_gates,
    plot_gradient,
)
from memnets.plots import cell as cell_drawing
from memnets.plots.gates import ROW
from memnets.scratch import lstm as numpy_lstm

pytestmark = pytest.mark.usefixtures("settings_stay")
RECALL = Recall(tells=2, asks=2)
LSTM_GATES = ("forget_gate", "input_gate", "output_gate")


def rng():
    return np.random.default_rng(3)


BATCH = RECALL.sample(3, rng())


def lstm_trace(inputs=BATCH.inputs, units=3, size=1.5, layer="lstm_1"):
    """Trace an LSTM layer with random weights."""
    shapes = (inputs.shape[2], 4 * units), (units, 4 * units), (4 * units,)
    weights = [size * rng().normal(size=shape) for shape in shapes]
    states = numpy_lstm.forward(inputs, *weights)
    return Trace(layer, "lstm", states._asdict())


def gru_trace():
    names = ("update_gate", "reset_gate", "candidate", "hidden")
    drawn = rng().random((4, *BATCH.inputs.shape[:2], 2))
    return Trace("gru_1", "gru", dict(zip(names, drawn)))


def simple_trace():
    hidden = rng().random((*BATCH.inputs.shape[:2], 2))
    return Trace("simple_rnn_1", "simple_rnn", {"hidden": hidden})


TRACE = lstm_trace()
FLOWS = {
    "fades": 0.8 ** np.arange(30) * rng().uniform(0.5, 2, (20, 1)),
    "stays": np.ones((20, 30)),
}


@pytest.fixture
def ax():
    yield plt.figure(layout="constrained").add_subplot()
    plt.close("all")


@pytest.fixture
def axes():
    yield plt.figure(layout="constrained").subplots(3, 1)
    plt.close("all")


def heights(container):
    return [bar.get_height() for bar in container]


def dotted(ax):
    lines = [line for line in ax.lines if line.get_linestyle() == ":"]
    return sorted(int(line.get_xdata()[0]) for line in lines)


def words(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(
    ("trace", "gates"),
    [(TRACE, LSTM_GATES), (gru_trace(), ("reset_gate", "update_gate"))],
    ids=["lstm", "gru"],
)
def test_gates_are_bars_in_rows_from_shut_to_open(trace, gates, axes):
    drawn = plot_gates(trace, RECALL, BATCH, 2, 1, axes)
    assert drawn is axes
    middle = axes[1]
    named = [label.get_text() for label in middle.get_yticklabels()]
    assert named == [gate.replace("_", " ") for gate in gates]
    colors = set()
    for row, (gate, bars) in enumerate(zip(gates, middle.containers)):
        values = getattr(trace, gate)[2, :, 1]
        np.testing.assert_allclose(heights(bars), ROW * values)
        # The row is as high as the gate is when it is fully open.
        ground = {bar.get_y() for bar in bars}
        assert ground == {-row - ROW / 2}
        colors.add(bars[0].get_facecolor())
    assert len(colors) == len(middle.containers) == len(gates)


def test_gates_have_one_scale_whatever_their_values(axes):
    limits = set()
    for size in (0.01, 10):
        plot_gates(lstm_trace(size=size), RECALL, BATCH, axes=axes)
        limits.add(axes[1].get_ylim())
        axes[1].clear()
    assert len(limits) == 1


def test_inputs_stand_over_the_gates_and_memory_below(axes):
    top, middle, bottom = plot_gates(TRACE, RECALL, BATCH, 1, 2, axes)
    named = [label.get_text() for label in top.get_yticklabels()]
    assert named == ["tell", "value", "ask"]
    bars = np.array([heights(row) for row in top.containers]).T
    np.testing.assert_allclose(bars, 0.6 * BATCH.inputs[1], rtol=1e-6)
    drawn = {line.get_label(): line for line in bottom.lines}
    for label, name in (("cell state", "cell_state"), ("output", "hidden")):
        values = getattr(TRACE, name)[1, :, 2]
        np.testing.assert_array_equal(drawn[label].get_ydata(), values)
    events = RECALL.events(BATCH.inputs[1])
    steps = sorted([*events["tell"], *events["recall"]])
    assert [dotted(ax) for ax in (top, middle, bottom)] == [steps] * 3
    assert words(top).count("recall") == 2 and not words(bottom)
    assert len({ax.get_xlim() for ax in axes}) == 1
    assert [ax.get_xlabel() for ax in axes] == ["", "", "time step"]


def test_a_gru_has_no_cell_state_to_draw(axes):
    plot_gates(gru_trace(), RECALL, BATCH, axes=axes)
    legend = axes[2].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["output"]


def test_without_axes_gates_make_one_new_figure():
    axes = plot_gates(TRACE, RECALL, BATCH)
    assert plt.get_fignums() == [axes[0].figure.number]
    assert len(axes[0].figure.axes) == 3
    plt.close("all")


def open_gates(ax):
    """Return how far each gate is drawn up, by the place of its plate."""
    found = {}
    for name in LSTM_GATES:
        color = to_rgba(cell_drawing.GATES[name])
        (plate,) = (
            p
            for p in ax.patches
            if isinstance(p, Rectangle) and p.get_facecolor() == color
        )
        bed = cell_drawing.TOP if name == "forget_gate" else cell_drawing.LOW
        found[name] = (plate.get_y() - bed) / cell_drawing.DEPTH
    return found


def water(ax):
    """Return the depths of the water in the straight canals, with signs."""
    signs = {to_rgba("C0"): 1, to_rgba("C1"): -1}
    depths = []
    for patch in ax.patches:
        sign = signs.get(patch.get_facecolor())
        if sign and isinstance(patch, Polygon) and len(patch.get_xy()) < 6:
            low, high = patch.get_xy()[:, 1].min(), patch.get_xy()[:, 1].max()
            depths.append(sign * (high - low) / cell_drawing.DEPTH)
    return depths


@pytest.mark.parametrize(
    ("sequence", "step", "unit"), [(0, 0, 0), (1, 7, 2), (2, 19, 1)]
)
def test_a_cell_is_drawn_with_its_numbers(sequence, step, unit, ax):
    drawn = plot_cell(TRACE, RECALL, BATCH, sequence, step, unit, ax=ax)
    assert drawn is ax
    now = {
        name: getattr(TRACE, name)[sequence, step, unit] for name in TRACE.names
    }
    kept = TRACE.cell_state[sequence, step - 1, unit] if step else 0
    for name, value in open_gates(ax).items():
        assert value == pytest.approx(now[name]), name
        assert f"\N{MULTIPLICATION SIGN}{now[name]:.2f}" in words(ax)
    f, g = now["forget_gate"], now["candidate"]
    c, h = now["cell_state"], now["hidden"]
    scale = max(
        np.abs(getattr(TRACE, name)[sequence, :, unit]).max()
        for name in ("cell_state", "candidate", "hidden")
    )
    wanted = np.array([kept, f * kept, c, g, h]) / scale
    np.testing.assert_allclose(sorted(water(ax)), sorted(wanted), atol=1e-12)
    written = [now["input_gate"] * g, np.tanh(c), *(wanted * scale)]
    for value in written:
        text = f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
        assert text in words(ax)
    assert f"time step {step}" in words(ax)
    for name, value in zip(RECALL.inputs, BATCH.inputs[sequence, step]):
        assert name in words(ax)
        assert (f"{value:.2f}" if value % 1 else f"{value:.0f}") in words(ax)


def test_the_scale_of_the_water_is_the_sequences(ax):
    """From step to step, and in a film, equal heights are equal numbers."""
    most = 0
    for step in range(20):
        ax.clear()
        plot_cell(TRACE, RECALL, BATCH, step=step, ax=ax)
        most = max(most, *map(abs, water(ax)))
    assert most == pytest.approx(1)


def test_small_numbers_are_written_in_powers_of_ten(ax):
    small = dict(TRACE.values)
    for name in ("candidate", "cell_state", "hidden"):
        small[name] = small[name] * 1e-5 / np.abs(small[name]).max()
    trace = Trace("lstm_1", "lstm", small)
    unit = int(np.abs(trace.cell_state).max(axis=(0, 1)).argmax())
    plot_cell(trace, RECALL, BATCH, step=12, unit=unit, ax=ax)
    assert any("10^{-" in text for text in words(ax))
    power = np.floor(
        np.log10(
            max(
                np.abs(trace.cell_state[0, :, unit]).max(),
                np.abs(trace.candidate[0, :, unit]).max(),
            )
        )
    )
    value = trace.cell_state[0, 12, unit] / 10**power
    text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
    assert text in words(ax)


def test_a_cell_above_another_layer_reads_its_outputs(ax):
    lower = lstm_trace(units=2, layer="first")
    upper = lstm_trace(lower.hidden, units=1, layer="second")
    plot_cell(upper, RECALL, BATCH, step=9, below=lower, ax=ax)
    assert {"first 1", "first 2", "output before"} <= set(words(ax))
    assert "tell" not in words(ax)
    text = f"{lower.hidden[0, 9, 1]:.2f}".replace("-", "\N{MINUS SIGN}")
    assert text in words(ax)


def many_channels():
    """Return a task with so many channels that there is little room."""
    inputs = np.eye(9, dtype=np.float32)[rng().integers(0, 9, (1, 12))]
    task = types.SimpleNamespace(
        inputs=tuple(f"word {k}" for k in range(9)), events=lambda inputs: {}
    )
    return task, Batch(inputs, inputs, inputs[..., 0])


@pytest.mark.parametrize("style", SMALLEST)
@pytest.mark.parametrize("panels", [1, 2])
def test_texts_of_a_cell_neither_touch_nor_leave_the_picture(style, panels):
    task, batch = many_channels()
    trace = lstm_trace(batch.inputs)
    with plt.style.context(f"memnets.plots.styles.{style}"):
        figure, axes = plt.subplots(
            1, panels, squeeze=False, layout="constrained"
        )
        for step, ax in enumerate(axes.flat, start=5):
            plot_cell(trace, task, batch, step=step, ax=ax)
        for ax in axes.flat:
            check_legible(figure, ax.texts, frame=ax)
        plt.close(figure)


@pytest.mark.parametrize("style", SMALLEST)
@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_gates(TRACE, RECALL, BATCH)[0],
        lambda: plot_gradient(FLOWS),
    ],
    ids=["gates", "gradient"],
)
def test_texts_are_legible_in_every_style(draw, style):
    with plt.style.context(f"memnets.plots.styles.{style}"):
        figure = draw().figure
        check_legible(figure, smallest=SMALLEST[style])
        plt.close(figure)


SHORT = Batch(*(array[:, :-1] for array in BATCH))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence": 3}, "sequence must be from 0 to 2, got 3"),
        ({"unit": 3}, "unit must be from 0 to 2, got 3"),
        ({"unit": -1}, "unit must be at least 0, got -1"),
        ({"batch": SHORT}, r"trace .* \(3, 19\) .* got \(3, 20\)"),
    ],
)
def test_what_the_trace_has_not_is_refused_before_a_figure_is_made(
    arguments, message
):
    arguments = {"trace": TRACE, "task": RECALL, "batch": BATCH, **arguments}
    for draw in (plot_gates, plot_cell, animate_cell):
        with pytest.raises(ValueError, match=message):
            draw(**arguments)
    assert plt.get_fignums() == []


def test_layers_without_the_gates_are_refused():
    message = "trace must be of .*, got the simple_rnn layer simple_rnn_1"
    for draw in (plot_gates, plot_cell):
        with pytest.raises(ValueError, match=message):
            draw(simple_trace(), RECALL, BATCH)
    with pytest.raises(ValueError, match="of an LSTM layer, got the gru"):
        plot_cell(gru_trace(), RECALL, BATCH)
    with pytest.raises(ValueError, match="step must be from 0 to 19, got 20"):
        plot_cell(TRACE, RECALL, BATCH, step=20)
    with pytest.raises(TypeError):
        plot_cell(TRACE, RECALL, BATCH, stepp=2)


def test_gradients_are_medians_in_their_bands(ax):
    assert plot_gradient(FLOWS, ax) is ax
    assert ax.get_yscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time steps back", "gradient")
    assert words(ax) == ["stays", "fades"] or words(ax) == ["fades", "stays"]
    for line, band, values in zip(ax.lines, ax.collections, FLOWS.values()):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(30))
        np.testing.assert_allclose(line.get_ydata(), np.median(values, axis=0))
        edge = band.get_paths()[0].vertices
        low, high = np.quantile(values[:, 29], [0.1, 0.9])
        at_end = edge[edge[:, 0] == 29, 1]
        np.testing.assert_allclose([at_end.min(), at_end.max()], [low, high])


@pytest.mark.parametrize("away", [1e-9, 1e9])
def test_names_of_lines_that_end_together_stand_apart(away):
    flows = {f"network {k}": np.full((2, 9), 1 + k / 1000) for k in range(6)}
    flows["far away"] = np.full((2, 9), away)
    with plt.style.context("memnets.plots.styles.slides"):
        ax = plot_gradient(flows)
        check_legible(ax.figure)
        # Without the strokes that join them to their lines.
        boxes = {t.get_text(): Text.get_window_extent(t) for t in ax.texts}
        # In the order of their lines.
        order = sorted(flows, key=lambda name: flows[name][0, 0])
        for low, high in itertools.pairwise(order):
            assert boxes[low].y1 <= boxes[high].y0
        plt.close(ax.figure)


def test_a_gradient_that_vanishes_altogether_ends_where_it_does(ax):
    values = np.ones((3, 10))
    values[:, 6:] = 0
    plot_gradient({"dead": values, "alive": np.ones((3, 10))}, ax)
    (text,) = (text for text in ax.texts if text.get_text() == "dead")
    assert text.xy == (5, 1)
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("flows", "message"),
    [
        ({}, "flows must name one array or more, got none"),
        ({"a": np.ones(9)}, r"flows .*\(network, lag\).*\(9,\) for 'a'"),
        ({"a": np.zeros((2, 9))}, "flows .* above 0, .* for 'a'"),
    ],
)
def test_gradients_that_cannot_be_drawn_are_refused(flows, message):
    with pytest.raises(ValueError, match=message):
        plot_gradient(flows)
    assert plt.get_fignums() == []


class Watching(AbstractMovieWriter):
    """Look at each frame instead of writing it."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def setup(self, fig, outfile, dpi=None):
        """Start."""
        super().setup(fig, outfile, dpi)

    def grab_frame(self, **savefig_kwargs):
        """Look."""
        self.look()

    def finish(self):
        """Write nothing."""


def test_a_film_shows_a_time_step_in_each_frame():
    task = Countdown(6)
    batch = task.sequence(1, 3)
    trace = lstm_trace(batch.inputs, units=1)
    film = animate_cell(trace, task, batch)
    cell, channels = film._fig.axes
    (cursor,) = (p for p in channels.patches if p.get_height() == 1)
    places = []
    seen = []

    def look():
        seen.append((open_gates(cell), words(cell)))
        places.append(cursor.get_x() + cursor.get_width() / 2)

    film.save("nowhere", Watching(look))
    assert places == list(range(6))
    for step, (gates, texts) in enumerate(seen):
        assert f"time step {step}" in texts
        for name, value in gates.items():
            assert value == pytest.approx(getattr(trace, name)[0, step, 0])
    named = [label.get_text() for label in channels.get_yticklabels()]
    assert named == ["tell", "count"]
