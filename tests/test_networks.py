"""Networks set by hand remember perfectly; biases are what they say."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import (
    CELLS,
    Countdown,
    Mixture,
    Recall,
    Task,
    VariantLSTM,
    by_hand,
    lecture,
    recurrent,
)
from memnets.cells import VARIANTS
from memnets.cells.catalogue import Entry
from memnets.networks.by_hand import OPEN, SMALL
from memnets.networks.draws import layer_seeds
from memnets.networks.initializers import (
    Chrono,
    ForgetBias,
    GlorotUniform,
    Orthogonal,
)
from memnets.networks.reset import draw_weights
from memnets.scratch import lstm as numpy_lstm

pytestmark = pytest.mark.versions


def rng():
    return np.random.default_rng(7)


def answer(model, inputs):
    """Answer by XLA, which takes long sequences in no time."""
    return tf.function(model, jit_compile=True)(inputs).numpy()


def error(model, batch):
    return np.abs(answer(model, batch.inputs) - batch.targets).max()


TASKS = {
    "recall": Recall(),
    "recall, all that fits": Recall(tells=10, asks=9, width=1),
    "recall of 1000 steps": Recall(1000, tells=300, asks=300, width=4),
    "countdown": Countdown(),
    "countdown, as far as it goes": Countdown(21, longest=11, width=1),
    "countdown of 60 steps": Countdown(60, width=3),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_network_set_by_hand_is_perfect(name):
    task = TASKS[name]
    model = by_hand(task)
    batch = task.sample(50, rng())
    if isinstance(task, Countdown):
        batch = task.exam(rng())  # every possible sequence
    outputs = model.predict(batch.inputs, batch_size=2000, verbose=0)
    assert np.abs(outputs - batch.targets).max() < 1e-6
    assert task.mastered(outputs, batch)


@pytest.mark.parametrize(
    "task",
    [
        Recall(100_000),
        Recall(100_000, tells=1000, asks=1000),
        Countdown(100_000),
    ],
    ids=["recall", "recall of many", "countdown"],
)
def test_a_memory_set_by_hand_does_not_fade(task):
    assert error(by_hand(task), task.sample(1, rng())) < 1e-6


def test_what_was_told_first_is_there_at_the_last_of_100_000_steps():
    task = Recall(100_000)
    batch = task.sequence({0: 0.7}, asked=[1, 99_999])
    assert batch.targets[0, -1, 0] == np.float32(0.7)
    assert error(by_hand(task), batch) < 1e-6


@pytest.mark.parametrize("count", [0, 1, 499, 500, 997, 998])
def test_any_count_that_ends_inside_the_sequence_is_counted(count):
    task = Countdown(1000)
    batch = task.sequence(tell=1, count=count)
    assert batch.targets.sum() == 1
    assert error(by_hand(task), batch) < 1e-6


@settings(max_examples=20)
@given(st.integers(4, 40), st.data())
def test_recall_at_any_times(timesteps, data):
    """Also tells after asks, an ask before any tell, and both in one step."""
    steps = st.sets(st.integers(0, timesteps - 1))
    value = st.floats(-1, 1, width=32)
    tells = data.draw(st.dictionaries(st.integers(0, timesteps - 1), value))
    inputs = np.zeros((1, timesteps, 3), np.float32)
    for step, told in tells.items():
        inputs[0, step, :2] = 1, told
    inputs[0, sorted(data.draw(steps)), 2] = 1
    outputs = np.asarray(by_hand(Recall())(inputs))
    targets = Recall(timesteps).solve(inputs)
    np.testing.assert_allclose(outputs, targets, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "task", [Recall(tells=2, asks=2), Countdown()], ids=["recall", "countdown"]
)
def test_each_weight_set_by_hand_is_needed(task):
    """Spoil the weights one at a time, and the answers are no longer right."""
    model = by_hand(task)
    batch = task.sample(200, rng())
    if task.name == "recall":
        # Numbers that nobody tells: what the input gate is there to keep out.
        batch.inputs[..., 1] = rng().random(batch.inputs.shape[:2])
        batch = batch._replace(targets=task.solve(batch.inputs))
    weights = model.get_weights()
    predict = tf.function(model)
    spoilt = 0
    for number, matrix in enumerate(weights):
        for place in zip(*np.nonzero(matrix)):
            broken = [array.copy() for array in weights]
            broken[number][place] *= -1
            model.set_weights(broken)
            outputs = predict(batch.inputs).numpy()
            assert np.abs(outputs - batch.targets).max() > 0.1, (number, place)
            spoilt += 1
    assert spoilt == (8 if task.name == "recall" else 14)
    model.set_weights(weights)
    assert np.abs(predict(batch.inputs) - batch.targets).max() < 1e-6


def test_the_weights_set_by_hand_are_what_they_are_called():
    model = by_hand(Recall())
    names = [layer.name for layer in model.layers]
    assert names == ["memory", "readout"]
    assert [layer.units for layer in model.layers] == [1, 2]
    kernel, recurrent_kernel, bias = model.get_layer("memory").get_weights()
    # Rows tell, value and ask; columns in Keras's order i, f, c, o.
    wide, small = 2 * OPEN, SMALL
    wanted = [[wide, -wide, 0, 0], [0, 0, small, 0], [0, 0, 0, wide]]
    np.testing.assert_array_equal(kernel, wanted)
    np.testing.assert_array_equal(bias, np.array([-1, 1, 0, -1]) * OPEN)
    assert not recurrent_kernel.any()
    names = [layer.name for layer in by_hand(Countdown()).layers]
    assert names == ["counter", "detector", "readout"]


def test_gates_set_by_hand_open_when_they_should():
    batch = Recall().sequence({2: 0.25, 9: 0.75}, asked=[5, 14])
    weights = by_hand(Recall()).get_layer("memory").get_weights()
    states = numpy_lstm.forward(batch.inputs, *weights)
    told, asked = batch.inputs[0, :, 0], batch.inputs[0, :, 2]
    for gate, wanted in (
        (states.input_gate, told),
        (states.forget_gate, 1 - told),
        (states.output_gate, asked),
    ):
        np.testing.assert_allclose(gate[0, :, 0], wanted, rtol=0, atol=1e-12)
    kept = states.cell_state[0, :, 0] / SMALL
    np.testing.assert_allclose(kept, np.repeat([0, 0.25, 0.75], [2, 7, 11]))


def test_a_mixture_of_one_rule_is_answered():
    mix = Mixture((Recall(), Recall(asks=2), Recall(tells=2)))
    assert error(by_hand(mix), mix.sample(50, rng())) < 1e-6


class Unknown(Task):
    name = "unknown"
    inputs = ("tell",)
    outputs = ("answer",)


@pytest.mark.parametrize(
    ("task", "got"),
    [
        (Unknown(), "'unknown'"),
        (Mixture((Unknown(), Unknown())), "'unknown'"),
        ("recall", "'recall'"),
        (None, "None"),
    ],
)
def test_a_task_without_weights_set_by_hand_is_refused(task, got):
    words = f"task must be one of recall, countdown, .* got {got}"
    with pytest.raises(ValueError, match=words):
        by_hand(task)


def test_a_network_set_by_hand_is_compiled():
    loss = by_hand(Recall()).train_on_batch(*Recall().sample(20, rng()))
    assert np.squeeze(loss) < 1e-12


def lstm(units, initializer):
    layer = keras.layers.LSTM(
        units, bias_initializer=initializer, unit_forget_bias=False
    )
    layer.build((None, None, 2))
    return layer


@settings(max_examples=20)
@given(st.integers(1, 9), st.floats(-10, 10, width=32))
def test_a_forget_bias_is_in_the_place_of_kerass(units, value):
    bias = lstm(units, ForgetBias(value)).get_weights()[2]
    wanted = np.zeros((4, units))
    wanted[1] = value
    np.testing.assert_array_equal(bias, wanted.ravel())
    usual = keras.layers.LSTM(units)
    usual.build((None, None, 2))
    one = lstm(units, ForgetBias(1)).get_weights()[2]
    np.testing.assert_array_equal(one, usual.get_weights()[2])


def test_chrono_spreads_the_times_evenly():
    units, longest = 20_000, 500
    bias = lstm_bias = np.asarray(Chrono(longest, 3)((4 * units,)), "float64")
    write, forget, candidate, read = np.split(lstm_bias, 4)
    np.testing.assert_array_equal(write, -forget)
    assert not candidate.any() and not read.any()
    assert bias.dtype == np.float64
    # The gate f = 1 / (1 + exp(-b)) forgets in 1 / (1 - f) steps.
    steps = 1 / (1 - 1 / (1 + np.exp(-forget)))
    assert steps.min() >= 2 - 1e-3 and steps.max() <= longest + 1e-3
    # Against the uniform distribution: Kolmogorov and Smirnov's distance,
    # which 1.6 / sqrt(n) exceeds in one of a hundred draws.
    share = np.arange(1, units + 1) / units
    distance = np.abs(np.sort(steps - 2) / (longest - 2) - share).max()
    assert distance < 1.6 / np.sqrt(units)


def test_chrono_draws_by_its_seed_alone():
    draws = {}
    for number in (1, 2):
        keras.utils.set_random_seed(number)
        draws[number] = [np.asarray(Chrono(9, seed)((12,))) for seed in (0, 1)]
    np.testing.assert_array_equal(draws[1], draws[2])
    assert (draws[1][0] != draws[1][1])[:6].all()
    assert not np.asarray(Chrono(2, 0)((12,))).any()  # log(1)


@pytest.mark.parametrize("initializer", [ForgetBias(2.5), Chrono(40, 11)])
def test_an_initializer_is_saved_and_loaded(initializer, tmp_path):
    model = keras.Sequential([keras.Input((None, 2)), lstm(3, initializer)])
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.models.load_model(path)
    for one, other in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(one, other)
    loaded = again.layers[0].bias_initializer
    assert type(loaded) is type(initializer)
    assert loaded.get_config() == initializer.get_config()
    name = keras.saving.get_registered_name(type(initializer))
    assert name == f"memnets>{type(initializer).__name__}"
    np.testing.assert_array_equal(loaded((12,)), initializer((12,)))


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: ForgetBias("1"), TypeError, "value .* '1'"),
        (lambda: ForgetBias(True), TypeError, "value .* True"),
        (lambda: ForgetBias(float("nan")), ValueError, "value .* nan"),
        (lambda: ForgetBias(1)((6,)), ValueError, r"shape .*4 \* .*\(6,\)"),
        (lambda: Chrono(9, 0)((2, 4)), ValueError, r"shape .*\(2, 4\)"),
        (lambda: Chrono(1, 0), ValueError, "longest .* least 2, got 1"),
        (lambda: Chrono(9.5, 0), TypeError, "longest .* integer, got 9.5"),
        (lambda: Chrono(9, -1), ValueError, "seed .* least 0, got -1"),
    ],
)
def test_an_initializer_refuses_what_it_cannot_draw(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


def assert_same(one, other):
    one, other = one.get_weights(), other.get_weights()
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_each_matrix_is_drawn_by_its_layers_seed():
    seeds = layer_seeds(5, 3)
    model = recurrent(Recall(), units=(4, 3), seed=5)
    shapes = ((3, 16), (4, 12), (3, 2))
    for layer, shape, (first, second) in zip(model.layers, shapes, seeds):
        kernel, *others = layer.get_weights()
        np.testing.assert_array_equal(kernel, GlorotUniform(first)(shape))
        if len(others) == 2:
            units = shape[1] // 4
            drawn = Orthogonal(seed=second)((units, shape[1]))
            np.testing.assert_array_equal(others[0], drawn)
            wanted = np.repeat([0, 1, 0, 0], units)
            np.testing.assert_array_equal(others[1], wanted)
    assert_same(model, recurrent(Recall(), units=(4, 3), seed=5, forget_bias=1))


@pytest.mark.parametrize("cell", CELLS)
def test_a_seed_decides_all_that_is_drawn(cell):
    keras.utils.set_random_seed(1)
    one = recurrent(Recall(), cell, (4, 3), seed=5)
    keras.utils.set_random_seed(2)
    assert_same(one, recurrent(Recall(), cell, (4, 3), seed=5))
    other = recurrent(Recall(), cell, (4, 3), seed=6)
    for mine, theirs in zip(one.get_weights(), other.get_weights()):
        # Biases and peepholes begin at fixed values.
        fixed = mine.ndim == 1 or not mine.any()
        assert (mine == theirs).all() if fixed else (mine != theirs).all()
    draw_weights(other, 5)
    assert_same(one, other)
    # Copies and loaded networks can be drawn again, too.
    copy = keras.models.clone_model(other)
    assert_same(one, copy)
    draw_weights(copy, 6)
    assert_same(copy, recurrent(Recall(), cell, (4, 3), seed=6))


def test_a_seed_decides_the_spread_of_forget_biases():
    options = {"units": (4, 3), "forget_bias": "chrono"}
    one, other = (recurrent(Recall(), **options, seed=s) for s in (5, 6))
    assert (one.get_weights()[2] != other.get_weights()[2])[:8].all()
    draw_weights(other, 5)
    assert_same(one, other)


def test_two_matrices_of_a_layer_are_drawn_apart():
    """All gates see all gates: both are drawn by the recurrent initializer."""
    cell = recurrent(Recall(), "lstm_fgr", (4,), seed=5).layers[0].cell
    one, other = np.ravel(cell.recurrent_kernel), np.ravel(cell.gate_kernel)
    assert not set(one.tolist()) & set(other.tolist())
    assert abs(np.corrcoef(one, other[: len(one)])[0, 1]) < 0.3


@pytest.fixture
def add_cell(monkeypatch):
    """Return what adds a cell to the catalogue while a test runs."""

    def add(layer, **options):
        entry = Entry(layer, "for a test", options)
        monkeypatch.setitem(CELLS, "added", entry)

    return add


def test_an_identity_stays_an_identity(add_cell):
    """Source: Q. V. Le, N. Jaitly and G. E. Hinton, arXiv:1504.00941 (2015)."""
    add_cell(
        "keras.layers:SimpleRNN",
        activation="relu",
        recurrent_initializer="identity",
    )
    model = recurrent(Recall(), "added", (4, 3), seed=5)
    first = model.layers[0].get_weights()
    for layer, units in zip(model.layers, (4, 3)):
        np.testing.assert_array_equal(layer.get_weights()[1], np.eye(units))
    draw_weights(model, 6)
    for layer, units in zip(model.layers, (4, 3)):
        np.testing.assert_array_equal(layer.get_weights()[1], np.eye(units))
    assert (model.layers[0].get_weights()[0] != first[0]).all()
    # Once trained, it is not reset either: no seed decides it.
    model.layers[0].cell.recurrent_kernel.assign(2 * np.eye(4))
    draw_weights(model, 5)
    model.layers[0].cell.recurrent_kernel.assign(np.eye(4))
    assert_same(model, recurrent(Recall(), "added", (4, 3), seed=5))


@pytest.mark.parametrize(
    "own",
    [
        keras.initializers.Constant(0.25),
        keras.initializers.HeNormal(seed=3),
        GlorotUniform(seed=3),
        {"class_name": "memnets>Staggered", "config": {"first": -1.0}},
        lambda shape, dtype=None: keras.ops.full(shape, 7.0, dtype),
    ],
    ids=["constant", "seeded", "seeded here", "staggered", "function"],
)
@pytest.mark.parametrize(
    "layer", ["keras.layers:GRU", "memnets.cells:PeepholeLSTM"]
)
def test_a_cells_own_initializer_is_respected(layer, own, add_cell):
    add_cell(layer, kernel_initializer=own)
    model = recurrent(Recall(), "added", (4,), seed=5)
    kernel, tall, *_ = model.layers[0].get_weights()
    wanted = keras.initializers.get(own)(kernel.shape)
    np.testing.assert_array_equal(kernel, wanted)
    draw_weights(model, 6)
    again, other, *_ = model.layers[0].get_weights()
    np.testing.assert_array_equal(again, wanted)
    assert (tall != other).all()
    assert_same(model, recurrent(Recall(), "added", (4,), seed=6))


def test_the_rule_of_a_cells_own_initializer_is_kept(add_cell):
    """A distribution without a seed is drawn from, by the network's seed."""
    options = {"kernel_initializer": "random_normal"}
    options["recurrent_initializer"] = keras.initializers.Orthogonal(0.5)
    add_cell("memnets.cells:Elman", **options)
    model = recurrent(Recall(), "added", (60,), seed=5)
    kernel, tall, _ = model.layers[0].get_weights()
    assert 0.04 < kernel.std() < 0.06
    np.testing.assert_allclose(tall @ tall.T, np.eye(60) / 4, atol=1e-6)
    assert_same(model, recurrent(Recall(), "added", (60,), seed=5))


def test_random_biases_and_peepholes_are_drawn_by_the_seed(add_cell):
    drawn = keras.initializers.RandomNormal(stddev=1.0)
    names = "bias_initializer", "input_bias_initializer"
    add_cell("memnets.cells:LSTM1997", **dict.fromkeys(names, drawn))
    one, again, other = (
        recurrent(Recall(), "added", (4,), seed=seed) for seed in (5, 5, 6)
    )
    assert_same(one, again)
    bias = one.layers[0].get_weights()[2]
    # Input gates, output gates, cells: two are drawn, not alike.
    assert len(set(bias.tolist())) == 9 and not bias[4:8].any()
    assert (bias != other.layers[0].get_weights()[2]).sum() == 8
    words = "model .* got RandomNormal as bias_initializer of added_1"
    with pytest.raises(ValueError, match=words):
        draw_weights(one, 6)


def test_a_network_not_from_here_is_drawn_alike():
    layers = [
        keras.layers.LSTM(4, return_sequences=True),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    draw_weights(model, 5)
    assert_same(model, recurrent(Recall(), units=(4,), seed=5))


def test_a_seed_that_is_none_is_refused():
    model = recurrent(Recall(), units=(2,))
    with pytest.raises(ValueError, match="seed .* least 0, got -1"):
        draw_weights(model, -1)
    with pytest.raises(TypeError, match="seed .* integer, got 1.5"):
        recurrent(Recall(), units=(2,), seed=1.5)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_fits_the_same_place(cell):
    model = recurrent(Recall(), cell, (4, 3), seed=5)
    names = [layer.name for layer in model.layers]
    assert names == [f"{cell}_1", f"{cell}_2", "readout"]
    assert [layer.units for layer in model.layers[:2]] == [4, 3]
    batch = Recall(7).sample(2, rng())
    assert model(batch.inputs).shape == batch.targets.shape
    # What it needs or does without moves no weight of another layer.
    usual = recurrent(Recall(), units=(4, 3), seed=5).layers[2].get_weights()
    for one, other in zip(usual, model.layers[2].get_weights()):
        np.testing.assert_array_equal(one, other)


def test_the_cells_of_a_name_are_what_it_says():
    layers = {cell: entry.load()(3) for cell, entry in CELLS.items()}
    assert layers["elman"].cell.gradient_steps == 1
    for cell in ("lstm_nig", "lstm_nfg", "lstm_cifg", "lstm_fgr"):
        assert cell == f"lstm_{layers[cell].cell.variant.lower()}"
    variants = {
        layer.cell.variant
        for layer in layers.values()
        if isinstance(layer, VariantLSTM)
    }
    assert variants == set(VARIANTS) - {None}
    # Output gates of 1997 open one after the other: -1, -2, -3.
    layers["lstm_1997"].build((None, None, 2))
    bias = layers["lstm_1997"].get_weights()[2]
    np.testing.assert_array_equal(bias, [0, 0, 0, -1, -2, -3, 0, 0, 0])


def test_a_forget_bias_changes_the_biases_only():
    usual = recurrent(Recall(60), units=(4, 4), seed=5).get_weights()
    high = recurrent(Recall(60), units=(4, 4), seed=5, forget_bias=4)
    for one, other in zip(usual, high.get_weights()):
        wanted = np.where(one.ndim == 1, 4 * one, one)
        np.testing.assert_array_equal(other, wanted)
    chrono = [
        recurrent(Recall(60), units=(4, 4), seed=seed, forget_bias="chrono")
        for seed in (5, 5, 6)
    ]
    first, again, other = (model.get_weights() for model in chrono)
    for one, two, three in zip(usual, first, again):
        np.testing.assert_array_equal(two, three)
        if one.ndim == 2:
            np.testing.assert_array_equal(one, two)
    steps = np.exp([weights[4:8] for weights in (first[2], first[5], other[2])])
    assert len(np.unique(steps)) == 12  # no layer or seed repeats another
    assert steps.min() >= 1 and steps.max() <= 59
    longest = chrono[0].layers[0].bias_initializer.longest
    assert longest == 60


@pytest.mark.parametrize("cell", sorted(set(CELLS) - {"lstm"}))
@pytest.mark.parametrize("bias", [0, 1.0, "chrono"])
def test_a_cell_without_a_forget_gate_is_refused(cell, bias):
    with pytest.raises(ValueError, match=f"forget_bias .* {cell}; .*{bias}"):
        recurrent(Recall(), cell, forget_bias=bias)


@pytest.mark.parametrize(
    ("bias", "kind", "words"),
    [
        ("crono", ValueError, "forget_bias .*'chrono', got 'crono'"),
        ([1], TypeError, r"forget_bias .* \[1\]"),
        (True, TypeError, "forget_bias .* True"),
        (float("inf"), ValueError, "forget_bias .* inf"),
    ],
)
def test_a_forget_bias_that_is_none_is_refused(bias, kind, words):
    with pytest.raises(kind, match=words):
        recurrent(Recall(), forget_bias=bias)


def test_the_lecture_keeps_kerass_forget_bias():
    bias = lecture(Recall()).layers[0].get_weights()[2]
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 5))
