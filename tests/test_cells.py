"""Every cell of the catalogue keeps the contract of a Keras layer."""

import inspect
import os
import subprocess
import sys

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from memnets import (
    CELLS,
    LSTM1997,
    Elman,
    MemoryGated,
    MinGRU,
    MinLSTM,
    PeepholeLSTM,
    Recall,
    Recording,
    VariantLSTM,
    trace,
    train,
)
from memnets.cells import (
    ElmanCell,
    LSTM1997Cell,
    MinGRUCell,
    PeepholeLSTMCell,
    VariantLSTMCell,
)
from memnets.cells.base import CellLayer

pytestmark = pytest.mark.versions


def of_catalogue(entry):
    """Return the layer of a cell, and its arguments for an output of 4."""
    made = entry.load()
    size = next(iter(inspect.signature(made.func).parameters))
    return made.func, {size: 4, **made.keywords}


LAYERS = {name: of_catalogue(entry) for name, entry in CELLS.items()}
# Options that change a cell's states or gradient, and no cell there has.
LAYERS |= {
    "peephole_lstm, cut": (
        PeepholeLSTM,
        {"units": 4, "peephole_gradient": False},
    ),
    "lstm_1997, truncated": (
        LSTM1997,
        {"blocks": 2, "cells_per_block": 2, "truncated": True},
    ),
    "lstm_1997, of 2000": (
        LSTM1997,
        {"blocks": 4, "feedback": "cells", "forget_gate": True},
    ),
    "elman, three steps": (Elman, {"units": 4, "gradient_steps": 3}),
}
# Those whose cells say what happens in them; the others are Keras's own.
OWN = [n for n, (kind, _) in LAYERS.items() if issubclass(kind, CellLayer)]
NAMES = (
    "input_gate output_gate forget_gate update_gate reset_gate candidate "
    "cell_state hidden".split()
)

SEQUENCES = {"return_sequences": True}

every_layer = pytest.mark.parametrize("name", LAYERS)
every_own_layer = pytest.mark.parametrize("name", OWN)
# What takes seconds is asked of one of each class.
ONE_OF_EACH = list({LAYERS[name][0]: name for name in OWN}.values())
one_of_each = pytest.mark.parametrize("name", ONE_OF_EACH)


def make(name, **options):
    """Make a layer with random weights, the same each time."""
    kind, arguments = LAYERS[name]
    layer = kind(**arguments, **options)
    shape = (2 if options.get("stateful") else None, None, 3)
    layer.build(shape)
    rng = np.random.default_rng(1)
    layer.cell.set_weights(
        [rng.normal(size=w.shape) for w in layer.cell.get_weights()]
    )
    return layer


def some(batch=2, timesteps=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, timesteps, 3)).astype(np.float32)


def answers(layer, inputs, **options):
    return keras.ops.convert_to_numpy(layer(inputs, **options))


def assert_close(one, other, tolerance=1e-5):
    np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


@one_of_each
def test_keras_own_test_of_a_layer_passes(name):
    testing = pytest.importorskip("keras.src.testing")
    kind, arguments = LAYERS[name]
    testing.TestCase().run_layer_test(
        kind,
        init_kwargs={**arguments, **SEQUENCES},
        input_shape=(2, 5, 3),
        expected_output_shape=(2, 5, 4),
        expected_num_trainable_weights=len(make(name).weights),
        expected_num_non_trainable_weights=0,
        expected_num_losses=0,
        supports_masking=True,
    )


@one_of_each
def test_the_trace_is_what_the_layer_computes(name):
    layer = make(name, **SEQUENCES)
    network = keras.Sequential(
        [keras.Input((None, 3)), keras.layers.Masking(), layer]
    )
    inputs = some(3, 7)
    inputs[1, 2:4] = inputs[2, :3] = 0
    (seen,) = trace(network, inputs)
    assert set(seen.names) <= set(NAMES)
    answered = network.predict(inputs, verbose=0)
    assert_close(seen.hidden, answered, 1e-6)


@every_layer
def test_a_saved_network_is_the_same_network(name, tmp_path):
    layer = make(name, activity_regularizer="l2", **SEQUENCES)
    model = keras.Sequential([keras.Input((None, 3)), layer])
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    np.testing.assert_array_equal(loaded(some()), model(some()))
    assert loaded.layers[0].get_config() == layer.get_config()


@every_layer
def test_masked_steps_are_passed_over(name):
    inputs = some()
    mask = np.array([[0, 1, 1, 0, 1, 0], [1, 0, 0, 1, 1, 1]], bool)
    for options in ({}, {"zero_output_for_mask": True}):
        layer = make(name, **SEQUENCES, **options)
        masked = answers(layer, inputs, mask=mask)
        for sequence, counts, found in zip(inputs, mask, masked):
            expected = answers(layer, sequence[None, counts])[0]
            assert_close(found[counts], expected)
            # Between them stands the answer before, as with Keras's layers.
            held = np.concatenate([[np.zeros(4)], expected])[counts.cumsum()]
            silent = options.get("zero_output_for_mask", False)
            held = np.where(counts[:, None] | (not silent), held, 0)
            assert_close(found, held)


@every_layer
def test_states_go_on_from_batch_to_batch(name):
    inputs = some(timesteps=7)
    whole = answers(make(name, **SEQUENCES), inputs)
    layer = make(name, stateful=True, **SEQUENCES)
    parts = [answers(layer, part) for part in (inputs[:, :3], inputs[:, 3:])]
    assert_close(np.concatenate(parts, axis=1), whole)
    layer.reset_state()
    assert_close(answers(layer, inputs[:, :3]), parts[0])
    # The same by hand.
    layer = make(name, return_state=True)
    _, *states = layer(inputs[:, :3])
    assert_close(layer(inputs[:, 3:], initial_state=states)[0], whole[:, -1])


@every_layer
def test_going_backwards_is_reading_backwards(name):
    inputs = some()
    mask = np.array([[1, 1, 0, 1, 1, 0], [0, 1, 1, 1, 0, 1]], bool)
    for keep in (None, mask):
        found = make(name, go_backwards=True, **SEQUENCES)(inputs, mask=keep)
        turned = None if keep is None else keep[:, ::-1]
        layer = make(name, **SEQUENCES)
        assert_close(found, answers(layer, inputs[:, ::-1], mask=turned))


@every_layer
def test_no_sequence_of_a_batch_sees_another_and_none_the_future(name):
    layer = make(name, **SEQUENCES)
    inputs = some(batch=5)
    together = answers(layer, inputs)
    for batch in (1, 3):
        assert_close(answers(layer, inputs[:batch]), together[:batch])
    inputs[2, 3] += 1
    moved = answers(layer, inputs) != together
    assert moved[2, 3:].any(axis=-1).all()
    assert not moved[2, :3].any() and not moved[[0, 1, 3, 4]].any()


@every_layer
@pytest.mark.parametrize(
    ("policy", "dtype", "tolerance"),
    [
        ("float64", "float64", 1e-5),
        ("float16", "float16", 0.03),
        ("mixed_float16", "float16", 0.03),
    ],
)
def test_in_other_precisions(name, policy, dtype, tolerance):
    found = make(name, dtype=policy, **SEQUENCES)(some())
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    assert_close(found, answers(make(name, **SEQUENCES), some()), tolerance)


@every_own_layer
def test_what_is_observed_is_what_happens(name):
    inputs = some()
    layer = make(name, **SEQUENCES)
    states = layer.cell.get_initial_state(batch_size=2)
    for step, answer in zip(
        inputs.swapaxes(0, 1), np.swapaxes(layer(inputs), 0, 1)
    ):
        step = keras.ops.convert_to_tensor(step)
        said, called = layer.cell(step, states)
        values, states = layer.cell.observe(step, states)
        assert_close(values["hidden"], answer)
        assert_close(said, answer)
        for mine, other in zip(states, called, strict=True):
            assert_close(mine, other)
        assert set(values) <= set(NAMES)
        for key, value in values.items():
            assert value.shape == (2, 4), key
            if key.endswith("gate"):
                gate = np.asarray(value)
                assert (gate >= 0).all() and (gate <= 1).all(), key


LSTM = {"input_gate", "forget_gate", "output_gate", "candidate", "cell_state"}
# A variant has all gates of an LSTM, even where one of them always is 1.
GATES = {
    PeepholeLSTM: LSTM,
    VariantLSTM: LSTM,
    MemoryGated: LSTM,
    LSTM1997: LSTM - {"forget_gate"},
    Elman: set(),
    MinGRU: {"update_gate", "candidate"},
    MinLSTM: {"input_gate", "forget_gate", "candidate"},
}


@pytest.mark.parametrize("name", [n for n in OWN if LAYERS[n][0] in GATES])
def test_gates_have_their_standard_names(name):
    (kind, arguments), cell = LAYERS[name], make(name).cell
    states = cell.get_initial_state(1)
    values, _ = cell.observe(keras.ops.ones((1, 3)), states)
    option = {"forget_gate"} if arguments.get("forget_gate") else set()
    assert set(values) == GATES[kind] | option | {"hidden"}


@every_layer
def test_the_seeds_of_the_initializers_decide_the_weights(name):
    kind, arguments = LAYERS[name]
    drawn = []
    for seed in (1, 1, 2):
        options = {"kernel_initializer": keras.initializers.HeNormal(seed)}
        if "recurrent_initializer" in inspect.signature(kind).parameters:
            orthogonal = keras.initializers.Orthogonal(seed=seed)
            options["recurrent_initializer"] = orthogonal
        layer = kind(**arguments, **options)
        layer.build((None, None, 3))
        drawn.append(layer.get_weights())
    for one, again, other in zip(*drawn):
        np.testing.assert_array_equal(one, again)
        assert one.ndim == 1 or not one.any() or (one != other).all()


def test_a_layer_names_its_arguments_and_those_of_its_cell():
    names = list(inspect.signature(MinGRU).parameters)
    assert names[:3] == ["units", "kernel_initializer", "bias_initializer"]
    assert {"parallel", "return_sequences", "name"} < set(names)
    assert "layer" not in names and "options" not in names


def test_gates_that_are_all_but_shut_still_share_out():
    layer = MinLSTM(1, **SEQUENCES)
    layer.build((None, None, 3))
    layer.set_weights([np.zeros((3, 3)), np.array([-300.0, -300.0, 2.0])])
    assert_close(layer(some(1, 3))[0, :, 0], [1, 1.5, 1.75])


def test_cells_may_be_stacked_and_layers_run_both_ways():
    cells = [PeepholeLSTMCell(4), LSTM1997Cell(3), MinGRUCell(2), ElmanCell(2)]
    stacked = keras.layers.RNN(cells, return_sequences=True)(some())
    assert stacked.shape == (2, 6, 2)
    both = keras.layers.Bidirectional(VariantLSTM(4, "FGR", **SEQUENCES))
    assert both(some()).shape == (2, 6, 8)


@one_of_each
def test_it_learns_recall(name):
    kind, arguments = LAYERS[name]
    seeds = keras.initializers.GlorotUniform
    options = {"kernel_initializer": seeds(1)}
    if "recurrent_initializer" in inspect.signature(kind).parameters:
        orthogonal = keras.initializers.Orthogonal(seed=3)
        options["recurrent_initializer"] = orthogonal
    layer = kind(**arguments, **options, **SEQUENCES)
    readout = keras.layers.Dense(2, kernel_initializer=seeds(2))
    model = keras.Sequential([keras.Input((None, 3)), layer, readout])
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    run = train(
        model, Recall(), 300, engine="graph", recording=Recording(every=300)
    )
    assert run.losses[-30:].mean() < 0.6 * run.losses[:30].mean()
    assert run.losses[-30:].mean() < Recall().landmarks["silent"] / 3


def learned(layer, inputs, xla):
    """Return the gradient of a layer's weights, compiled or not."""

    @tf.function(jit_compile=xla)
    def gradient(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) ** 3)
        return tape.gradient(loss, layer.trainable_variables)

    return gradient(inputs)


@pytest.mark.parametrize("name", [*ONE_OF_EACH, "lstm_1997, truncated"])
def test_compiled_by_xla_it_learns_the_same(name):
    layer, inputs = make(name, **SEQUENCES), some()
    for mine, other in zip(*(learned(layer, inputs, x) for x in (True, False))):
        assert_close(mine, other, 1e-5 * np.abs(other).max())


@hypothesis.given(
    timesteps=st.integers(1, 40),
    kind=st.sampled_from([MinGRU, MinLSTM]),
    options=st.fixed_dictionaries(
        {
            name: st.booleans()
            for name in (
                "go_backwards",
                "return_sequences",
                "zero_output_for_mask",
            )
        }
    ),
    masked=st.booleans(),
    seed=st.integers(0, 99),
)
@hypothesis.settings(max_examples=20)
def test_all_steps_at_once_are_the_steps_in_turn(
    timesteps, kind, options, masked, seed
):
    rng = np.random.default_rng(seed)
    inputs = some(timesteps=timesteps, seed=seed)
    start = [rng.normal(size=(2, 4)).astype(np.float32)]
    mask = rng.random((2, timesteps)) < 0.7 if masked else None
    weights, found = None, []
    for parallel in (True, False):
        layer = kind(4, parallel=parallel, return_state=True, **options)
        layer.build((None, None, 3))
        weights = weights or layer.get_weights()
        layer.set_weights(weights)
        found.append(layer(inputs, initial_state=start, mask=mask))
    for at_once, in_turn in zip(*found, strict=True):
        assert_close(at_once, in_turn)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: PeepholeLSTM(0), ValueError, "units.*at least 1.*0"),
        (lambda: Elman(2.5), TypeError, "units.*integer.*2.5"),
        (lambda: LSTM1997(0), ValueError, "blocks.*at least 1.*0"),
        (lambda: LSTM1997(2, 0), ValueError, "cells_per_block.*1.*0"),
        (
            lambda: LSTM1997(2, feedback="gates"),
            ValueError,
            "feedback must be one of 'all', 'cells', None, got 'gates'",
        ),
        (lambda: LSTM1997(2, biases=1), ValueError, "biases.*'gates'.*1"),
        (lambda: VariantLSTM(2, "NPP"), ValueError, "variant.*'NP'.*'NPP'"),
        (lambda: VariantLSTMCell(2, 3), ValueError, "variant.*'NP'.*3"),
        (lambda: Elman(2, 0), ValueError, "gradient_steps.*at least 1.*0"),
        (lambda: Elman(2, True), TypeError, "gradient_steps.*True"),
        (lambda: MinGRU(2, units=2), TypeError, "units"),
        (
            lambda: MinGRU(2, recurrent_initializer="zeros"),
            ValueError,
            "recurrent_initializer",
        ),
        (lambda: Elman(2, gradient_step=1), ValueError, "gradient_step"),
    ],
)
def test_wrong_arguments_are_refused_by_name(call, error, words):
    with pytest.raises(error, match=words):
        call()


def one_step_of_learning(given, found, layers):
    """Write what each layer answers, before and after one step of learning."""
    import importlib

    import keras
    import numpy as np

    arrays, written = np.load(given), {}
    inputs = arrays["inputs"]
    for name, (module, kind, arguments) in layers.items():
        made = getattr(importlib.import_module(module), kind)
        layer = made(**arguments, return_sequences=True)
        model = keras.Sequential([keras.Input(inputs.shape[1:]), layer])
        model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
        count = len(layer.get_weights())
        layer.set_weights([arrays[f"{name} {k}"] for k in range(count)])
        before = model.predict_on_batch(inputs)
        model.train_on_batch(inputs, np.zeros_like(before))
        written[name] = [before, model.predict_on_batch(inputs)]
    np.savez(found, **written)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_answer_and_learn_the_same(backend, tmp_path):
    pytest.importorskip(backend)
    arrays, layers = {"inputs": some()}, {}
    for name, (kind, arguments) in LAYERS.items():
        layers[name] = (kind.__module__, kind.__name__, arguments)
        for k, weight in enumerate(make(name).get_weights()):
            arrays[f"{name} {k}"] = weight
    given, here, there = (
        str(tmp_path / f"{file}.npz") for file in ("given", "here", "there")
    )
    np.savez(given, **arrays)
    run = one_step_of_learning
    run(given, here, layers)
    code = f"{inspect.getsource(run)}\n{run.__name__}"
    subprocess.run(
        [sys.executable, "-c", f"{code}({given!r}, {there!r}, {layers!r})"],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
        timeout=300,
    )
    with np.load(here) as mine, np.load(there) as theirs:
        for name in LAYERS:
            assert_close(mine[name], theirs[name])
            assert np.abs(mine[name][0] - mine[name][1]).max() > 1e-3
