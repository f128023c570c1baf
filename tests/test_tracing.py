"""Every gate at every step, and the error on its way back, in every cell."""

import dataclasses
import gc
import weakref

import keras
import numpy as np
import pytest
from equations import FUNCTIONS, KNOWN, MEMORIES, NAMES, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import (
    CELLS,
    Batch,
    Recall,
    Trace,
    gradient_flow,
    lecture,
    recurrent,
    trace,
)
from memnets.scratch import lstm as scratch

pytestmark = pytest.mark.versions

LAYERS = {name: entry.load() for name, entry in CELLS.items()}
# Those of Keras, which share options such as dropout.
KERAS = ("lstm", "gru", "simple_rnn")


def randomise(model, seed, scale=0.7):
    rng = np.random.default_rng(seed)
    model.set_weights(
        [rng.normal(0, scale, w.shape) for w in model.get_weights()]
    )
    return model


def assert_same(found, expected, tolerance=1e-6):
    assert set(found.names) == set(expected)
    for name in found.names:
        np.testing.assert_allclose(
            found.values[name], expected[name], atol=tolerance, err_msg=name
        )


def answers(model, inputs):
    """Return what Keras itself makes of the inputs."""
    return keras.tree.map_structure(np.asarray, model(inputs))


def draws(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def sequential(*layers, shape=(None, 2)):
    return keras.Sequential([keras.Input(shape), *layers])


@pytest.mark.parametrize("name", KNOWN)
def test_the_trace_of_every_cell_is_that_of_its_equations(name):
    layer = LAYERS[name](3, return_sequences=True)
    model = sequential(keras.layers.Masking(), layer, shape=(6, 2))
    randomise(model, seed=1)
    inputs = draws(0, 4, 6, 2)
    inputs[0, 2:4], inputs[1, :2], inputs[2, 5:] = 0, 0, 0
    (found,) = trace(model, inputs)
    kind = name if name in KERAS else type(layer.cell).__name__
    assert (found.layer, found.kind) == (layer.name, kind)
    assert_same(found, reference(name, layer, inputs, mask=inputs.any(-1)))
    np.testing.assert_allclose(found.hidden, answers(model, inputs), atol=1e-6)


def test_an_lstm_is_traced_as_the_one_from_scratch_says():
    """The gates, and the error on its way back, from two implementations."""
    layer = keras.layers.LSTM(3, return_sequences=True, dtype="float64")
    model = keras.Sequential([keras.Input((7, 2), dtype="float64"), layer])
    randomise(model, seed=1)
    model.compile(loss="mse")
    inputs, targets = np.random.default_rng(2).normal(size=(2, 4, 7, 3))
    weights = layer.get_weights()
    states = scratch.forward(inputs[..., :2], *weights)
    assert_same(trace(model, inputs[..., :2])[0], states._asdict(), 1e-12)
    batch = Batch(inputs[..., :2], targets, np.ones((4, 7)))
    flow = gradient_flow(model, batch)
    error = np.zeros_like(targets)
    error[:, -1] = 2 / 3 * (states.hidden - targets)[:, -1]
    back = scratch.backward(batch.inputs, *weights[:2], states, error)
    for memory in MEMORIES:
        norms = np.linalg.norm(getattr(back, memory), axis=-1)[:, ::-1]
        np.testing.assert_allclose(getattr(flow, memory), norms, rtol=1e-9)


functions = st.sampled_from(sorted(FUNCTIONS))
flags = st.booleans()


@settings(max_examples=20)
@given(
    kind=st.sampled_from(KERAS),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3)),
    units=st.integers(1, 4),
    shared=st.fixed_dictionaries(
        {
            "activation": functions,
            "use_bias": flags,
            "go_backwards": flags,
            "return_sequences": flags,
            "unroll": flags,
            "dropout": st.sampled_from([0.0, 0.5]),
            "recurrent_dropout": st.sampled_from([0.0, 0.3]),
            "dtype": st.sampled_from(["float32", "float64"]),
        }
    ),
    gated=st.fixed_dictionaries(
        {
            "recurrent_activation": functions,
            "implementation": st.sampled_from([1, 2]),
        }
    ),
    reset_after=flags,
    masked=flags,
    seed=st.integers(0, 2**16),
)
def test_a_trace_is_what_keras_and_the_equations_say(
    kind, shape, units, shared, gated, reset_after, masked, seed
):
    options = shared if kind == "simple_rnn" else {**shared, **gated}
    if kind == "gru":
        options["reset_after"] = reset_after
    layer = LAYERS[kind](units, **options)
    dtype, backwards = options["dtype"], options["go_backwards"]
    # Of one dtype: Keras 3.5 loses the mask of a sequence that it casts.
    masking = [keras.layers.Masking(dtype=dtype)] if masked else []
    # A linear or rectified memory may grow: keep it where 1e-6 means a lot.
    model = randomise(sequential(*masking, layer, shape=shape[1:]), seed, 0.5)
    inputs, mask = draws(seed, *shape), None
    if masked:
        mask = np.random.default_rng(seed).random(shape[:2]) < 0.7
        inputs[~mask] = 0
    (found,) = trace(model, inputs)
    assert (found.layer, found.kind) == (layer.name, kind)
    assert found.names == NAMES[kind] and found.hidden.dtype == dtype
    size = max(1, np.nanmax([np.abs(v).max() for v in found.values.values()]))
    expected = reference(kind, layer, inputs, options, mask)
    assert_same(found, expected, 1e-6 * size)
    hidden = found.hidden
    if backwards:
        hidden = hidden[:, ::-1]  # Keras answers in the order of reading
    if not options["return_sequences"]:
        hidden = hidden[:, -1]
    elif masked:
        # Before the first step that counts, Keras answers 0: so do we.
        assert not hidden[:, 0][~mask[:, -1 * backwards]].any()
    own = answers(model, inputs)
    np.testing.assert_allclose(hidden, own, atol=1e-6 * size)


def test_a_trace_reads_naturally_and_cannot_be_changed():
    first, second = trace(lecture(Recall(), seed=1), draws(0, 3, 20, 3))
    assert first.cell_state.shape == (3, 20, 5)
    assert second.hidden is second.values["hidden"]
    assert {"cell_state", "names"} <= set(dir(first))
    with pytest.raises(
        AttributeError, match="lstm_1.*forget_gate.*'cel_state'"
    ):
        _ = first.cel_state
    with pytest.raises(AttributeError, match="hidden, not 'input_gate'"):
        _ = Trace("a", "simple_rnn", {"hidden": np.zeros((1, 1, 1))}).input_gate
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.layer = "mine"
    with pytest.raises(ValueError, match="read-only"):
        first.hidden[0, 0, 0] = 1
    with pytest.raises(TypeError):
        first.values["hidden"] = None


def test_the_state_at_the_end_is_kerass_own():
    inputs = keras.Input((None, 2))
    _, hidden, cell_state = keras.layers.LSTM(3, return_state=True)(inputs)
    model = randomise(keras.Model(inputs, [hidden, cell_state]), seed=2)
    for shape in ((4, 7, 2), (1, 3, 2)):
        (found,) = trace(model, draws(1, *shape))
        hidden, cell_state = answers(model, draws(1, *shape))
        np.testing.assert_allclose(found.hidden[:, -1], hidden, atol=1e-6)
        np.testing.assert_allclose(
            found.cell_state[:, -1], cell_state, atol=1e-6
        )


def test_a_trace_is_that_of_the_weights_and_layers_as_they_are_now():
    model = lecture(Recall(), seed=1)
    inputs = Recall().sample(8, np.random.default_rng(0)).inputs
    before = trace(model, inputs)[-1]
    model.train_on_batch(inputs, inputs[..., :2])
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    after = trace(model, inputs)[-1]
    np.testing.assert_allclose(after.hidden, answers(model, inputs), atol=1e-6)
    assert np.abs(after.hidden - before.hidden).max() > 1e-3
    model.add(keras.layers.SimpleRNN(3))
    assert len(trace(model, inputs)) == 3


def test_what_is_compiled_is_kept_and_freed_with_the_model(monkeypatch):
    model = lecture(Recall())
    batch = plain_batch()
    trace(model, batch.inputs)
    gradient_flow(model, batch)
    with monkeypatch.context() as patched:
        # Whoever compiles again takes steps again.
        patched.setattr("memnets.tracing.loop.observe", None)
        trace(model, batch.inputs)
        gradient_flow(model, batch)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("merge_mode", ["concat", None])
def test_both_directions_have_a_trace_in_the_time_of_the_inputs(merge_mode):
    inputs = keras.Input((None, 2))
    both = keras.layers.Bidirectional(
        keras.layers.GRU(3, return_sequences=True),
        merge_mode=merge_mode,
        name="both",
    )
    model = keras.Model(inputs, both(keras.layers.Masking()(inputs)))
    randomise(model, seed=5)
    sequences = draws(3, 4, 6, 2)
    sequences[0, 4:], sequences[1, :3] = 0, 0
    forward, backward = trace(model, sequences)
    assert forward.layer == "both/forward" and backward.layer == "both/backward"
    own = answers(model, sequences)
    if merge_mode == "concat":
        own = np.split(own, 2, axis=-1)
    for found, output in zip((forward, backward), own):
        # Bidirectional answers 0 at masked steps.
        on = sequences.any(axis=-1)[..., None]
        np.testing.assert_allclose(found.hidden * on, output, atol=1e-6)
    np.testing.assert_array_equal(forward.hidden[0, 4], forward.hidden[0, 3])
    np.testing.assert_array_equal(backward.hidden[1, 2], backward.hidden[1, 3])
    assert np.isnan(forward.update_gate[0, 4:]).all()


def test_cells_of_one_layer_have_a_trace_each():
    cells = [
        keras.layers.LSTMCell(4),
        keras.layers.GRUCell(3, reset_after=False),
        keras.layers.SimpleRNNCell(2),
    ]
    layer = keras.layers.RNN(cells, return_sequences=True, name="stack")
    model = sequential(keras.layers.Masking(), layer)
    randomise(model, seed=7)
    sequences = draws(3, 4, 6, 2)
    sequences[0, 4:], sequences[1, :3], sequences[2, 2] = 0, 0, 0
    found = trace(model, sequences)
    assert [one.layer for one in found] == ["stack/1", "stack/2", "stack/3"]
    mask, below = sequences.any(axis=-1), sequences
    for one, cell in zip(found, cells):
        options = {"reset_after": False}
        expected = reference(one.kind, cell, below, options, mask)
        assert_same(one, expected)
        below = expected["hidden"]
    own = answers(model, sequences)
    np.testing.assert_allclose(found[-1].hidden, own, atol=1e-6)


class Block(keras.layers.Layer):
    """A layer with a recurrent layer inside."""

    def __init__(self, **options):
        super().__init__(**options)
        self.supports_masking = True
        self.memory = keras.layers.GRU(2, return_sequences=True, name="memory")

    def call(self, inputs):
        return self.memory(inputs)


def test_layers_are_found_wherever_they_lie():
    """Behind an embedding with a mask, in a model or a layer, on two inputs."""
    words, numbers = keras.Input((5,), dtype="int32"), keras.Input((5, 2))
    embedding = keras.layers.Embedding(9, 3, mask_zero=True)
    layer = keras.layers.LSTM(4, return_sequences=True, name="deep")
    inside = keras.Model(words, layer(embedding(words)), name="inside")
    both = keras.layers.Concatenate()([inside(words), numbers])
    last = keras.layers.SimpleRNN(2, name="last")(Block(name="block")(both))
    model = randomise(keras.Model([words, numbers], last), seed=4)
    given = [np.array([[3, 1, 0, 0, 0], [1, 2, 0, 8, 4]]), draws(0, 2, 5, 2)]
    deep, block, top = trace(model, given)
    assert [one.layer for one in (deep, block, top)] == [
        "inside/deep",
        "block/memory",
        "last",
    ]
    vectors = embedding.get_weights()[0][given[0]]
    assert_same(deep, reference("lstm", layer, vectors, mask=given[0] > 0))
    own = answers(model, given)
    np.testing.assert_allclose(top.hidden[:, -1], own, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_an_initial_state_is_taken_as_given(masked):
    inputs, *start = keras.Input((4, 2)), keras.Input((3,)), keras.Input((3,))
    layer = keras.layers.LSTM(3, return_sequences=True)
    options = {"initial_state": start}
    if masked:
        options["mask"] = keras.ops.any(inputs != 0, axis=-1)
    model = keras.Model([inputs, *start], layer(inputs, **options))
    randomise(model, seed=0)
    given = [draws(0, 5, 4, 2), draws(1, 5, 3), draws(2, 5, 3)]
    if masked:
        given[0][0, :2], given[0][1, 2] = 0, 0
    (found,) = trace(model, given)
    mask = given[0].any(axis=-1)
    assert_same(
        found, reference("lstm", layer, given[0], mask=mask, start=given[1:])
    )
    # Before the first step that counts, Keras answers 0, whatever the state.
    seen = np.logical_or.accumulate(mask, axis=1)[..., None]
    own = answers(model, given)
    np.testing.assert_allclose(found.hidden * seen, own, atol=1e-6)


def test_a_stateful_layer_keeps_its_state_and_is_traced_from_zero():
    layer = keras.layers.GRU(2, stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input(batch_shape=(3, 4, 2)), layer])
    randomise(model, seed=0)
    inputs = draws(0, 3, 4, 2)
    first = answers(model, inputs)
    state = layer.states[0].numpy().copy()
    assert np.abs(state).max() > 0.01
    (found,) = trace(model, inputs)
    np.testing.assert_allclose(found.hidden, first, atol=1e-6)
    np.testing.assert_array_equal(layer.states[0].numpy(), state)
    second = answers(model, inputs)
    assert layer.stateful and np.abs(second - first).max() > 0.01
    (found,) = trace(model, inputs)
    np.testing.assert_allclose(found.hidden, first, atol=1e-6)


@pytest.mark.parametrize("kind", KERAS)
def test_tracing_draws_no_random_number_and_leaves_the_layer_alone(kind):
    layer = LAYERS[kind](3, dropout=0.5, recurrent_dropout=0.5, seed=1)
    model = sequential(layer)
    before = [dict(vars(part)) for part in (layer, layer.cell)]
    drawn = layer.cell.seed_generator.state.numpy().copy()
    trace(model, draws(0, 3, 4, 2))
    now = layer.cell.seed_generator.state.numpy()
    np.testing.assert_array_equal(now, drawn)
    for part, attributes in zip((layer, layer.cell), before):
        for name in ("inner_loop", "call", "stateful", "activation", "dropout"):
            assert vars(part).get(name) is attributes.get(name)
    # Nor does it leave a mask of a compiled function.
    model(draws(0, 3, 4, 2), training=True)


@pytest.mark.parametrize("kind", KERAS)
def test_half_precision_is_the_layers_own(kind):
    layer = LAYERS[kind](3, return_sequences=True, dtype="mixed_float16")
    model = randomise(sequential(layer), seed=0)
    inputs = draws(0, 3, 4, 2)
    (found,) = trace(model, inputs)
    # Compiled too: in Keras's eager mode half precision rounds differently.
    own = model.predict(inputs, verbose=0)
    assert own.dtype == np.float16 and found.hidden.dtype == np.float32
    np.testing.assert_allclose(found.hidden, own, atol=1e-6)
    assert_same(found, reference(kind, layer, inputs), 0.01)


class Keeper(keras.layers.Layer):
    """A cell whose memory is not its output, made to be observed."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.state_size = self.output_size = units

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], 2 * self.state_size), initializer="normal"
        )

    def observe(self, inputs, states):
        nets = keras.ops.matmul(inputs, self.kernel)
        gate, new = keras.ops.split(nets, 2, axis=-1)
        gate = keras.ops.sigmoid(gate)
        memory = gate * states[0] + new
        hidden = keras.ops.tanh(memory)
        values = {"keep_gate": gate, "memory": memory, "hidden": hidden}
        return values, [memory]

    def call(self, inputs, states):
        values, new_states = self.observe(inputs, states)
        return values["hidden"], new_states


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_any_cell_that_can_be_observed_has_a_trace(dtype):
    options = {"return_sequences": True, "dtype": dtype}
    layer = keras.layers.RNN(Keeper(3, dtype=dtype), **options)
    model = sequential(keras.layers.Masking(dtype=dtype), layer)
    randomise(model, seed=0)
    inputs = draws(0, 4, 6, 2)
    inputs[0, 3:5], inputs[1, :2] = 0, 0
    (found,) = trace(model, inputs)
    assert found.names == ("keep_gate", "memory", "hidden")
    assert found.kind == "Keeper"
    own = answers(model, inputs)
    np.testing.assert_allclose(found.hidden, own, atol=1e-6)
    memory, expected = np.zeros((4, 3)), []
    gate, new = np.split(inputs @ model.get_weights()[0], 2, axis=-1)
    for t in range(6):
        then = memory / (1 + np.exp(-gate[:, t])) + new[:, t]
        memory = np.where(inputs[:, t].any(-1, keepdims=True), then, memory)
        expected.append(memory)
    tolerance = 1e-6 if dtype == "float32" else 0.01
    np.testing.assert_allclose(
        found.memory, np.stack(expected, 1), atol=tolerance
    )
    assert np.isnan(found.keep_gate[0, 3:5]).all()


def test_a_model_of_ones_own_class_may_be_traced():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.memory = keras.layers.SimpleRNN(2, return_sequences=True)
            self.readout = keras.layers.Dense(1)

        def call(self, inputs):
            return self.readout(self.memory(inputs))

    model = Mine()
    inputs = draws(0, 3, 4, 2)
    with pytest.raises(ValueError, match="model must be built"):
        trace(model, inputs)
    model(inputs)
    (found,) = trace(model, inputs)
    assert_same(found, reference("simple_rnn", model.memory, inputs))


def used_twice():
    layer, inputs = keras.layers.LSTM(2, name="twin"), keras.Input((4, 2))
    return keras.Model(inputs, layer(inputs) + layer(-inputs))


def distributed():
    layer = keras.layers.LSTM(2, name="lstm")
    often = keras.layers.TimeDistributed(layer, name="often")
    return sequential(often, shape=(3, 4, 2))


def convolutional():
    layer = keras.layers.ConvLSTM1D(2, 1, name="conv")
    return sequential(layer, shape=(4, 3, 2))


class OwnLSTMCell(keras.layers.LSTMCell):
    pass


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (lambda: "lstm", TypeError, "model.*keras.Model.*'lstm'"),
        (
            lambda: keras.Sequential([keras.layers.LSTM(2)]),
            ValueError,
            "model must be built",
        ),
        (
            lambda: sequential(keras.layers.Dense(2, name="readout")),
            ValueError,
            "recurrent layer, got readout",
        ),
        (convolutional, ValueError, "observe, got a ConvLSTMCell in conv"),
        (
            lambda: sequential(keras.layers.RNN(OwnLSTMCell(2), name="own")),
            ValueError,
            "observe, got a OwnLSTMCell in own",
        ),
        (distributed, ValueError, "often/lstm once, got 3"),
        (used_twice, ValueError, "twin once, got 2"),
    ],
)
def test_a_model_that_cannot_be_traced_is_named(model, error, words):
    model = model()
    built = getattr(model, "built", False)
    shape = model.input_shape if built else (None, 4, 2)
    inputs = draws(0, *(size or 2 for size in shape))
    with pytest.raises(error, match=words):
        trace(model, inputs)
    for layer in getattr(model, "layers", []):
        assert "inner_loop" not in vars(layer)


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        (draws(0, 2, 3, 20, 3), ValueError, r", 3\) .*got \(2, 3, 20, 3\)"),
        (draws(0, 3, 20, 2), ValueError, r", 3\) .*got \(3, 20, 2\)"),
        (draws(0, 20, 3), ValueError, r", 3\) .*got \(20, 3\)"),
        (draws(0, 0, 20, 3), ValueError, r"none of them 0, got \(0, 20, 3\)"),
        (draws(0, 1, 0, 3), ValueError, r"none of them 0, got \(1, 0, 3\)"),
        ("tell", TypeError, "inputs must be numbers"),
        (None, TypeError, "inputs must be numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_named(inputs, error, words):
    with pytest.raises(error, match=words):
        trace(lecture(Recall()), inputs)


def test_a_model_built_on_some_sequences_is_traced_on_more():
    model = keras.Sequential([keras.layers.LSTM(2, return_sequences=True)])
    model(draws(0, 3, 4, 2))
    inputs = draws(1, 5, 4, 2)
    (found,) = trace(model, inputs)
    np.testing.assert_allclose(found.hidden, answers(model, inputs), atol=1e-6)
    with pytest.raises(ValueError, match=r"\(batch, 4, 2\).*got \(5, 3, 2\)"):
        trace(model, inputs[:, :3])


@pytest.mark.parametrize("inputs", [draws(0, 2, 4, 2), [draws(0, 3, 4, 2)]])
def test_the_number_of_inputs_is_checked(inputs):
    one, two = keras.Input((4, 2)), keras.Input((4, 2))
    model = keras.Model([one, two], keras.layers.LSTM(2)(one + two))
    with pytest.raises(ValueError, match="inputs must be a list of 2 arrays"):
        trace(model, inputs)


def test_another_backend_is_refused(monkeypatch):
    model = lecture(Recall())
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="on tensorflow, got jax"):
        trace(model, draws(0, 1, 20, 3))


# How the error travels.


def answering(*layers, channels=2, steps=None):
    """Build a compiled float64 model with a readout."""
    model = keras.Sequential(
        [
            keras.Input((steps, channels), dtype="float64"),
            *layers,
            keras.layers.Dense(2, dtype="float64"),
        ]
    )
    model.compile(loss="mean_squared_error")
    return model


def sequences(seed, *shape):
    rng = np.random.default_rng(seed)
    weights = rng.random(shape[:2]) + 0.1
    return Batch(
        rng.normal(size=shape), rng.normal(size=(*shape[:2], 2)), weights
    )


def differences(layers, readout, batch, step, memory, which=0, mask=None):
    """Return the error at each step by finite differences, in NumPy.

    `layers` are `(kind, layer, zero where masked)`, the lowest first.
    """
    kernel, bias = readout.get_weights()

    def losses(nudge):
        below = batch.inputs
        for number, (kind, layer, zero) in enumerate(layers):
            own = nudge if number == which else None
            below = reference(kind, layer, below, mask=mask, nudge=own)[
                "hidden"
            ]
            if zero:
                below = below * mask[..., None]
        answers = below[:, step] @ kernel + bias
        errors = ((answers - batch.targets[:, step]) ** 2).mean(axis=-1)
        return errors * batch.weights[:, step]

    slopes = np.zeros((*batch.weights.shape, layers[which][1].units))
    for t, unit in np.ndindex(slopes.shape[1:]):
        up, down = (losses((memory, t, unit, s)) for s in (1e-6, -1e-6))
        slopes[:, t, unit] = (up - down) / 2e-6
    norms = np.linalg.norm(slopes, axis=-1)
    return norms[:, step % slopes.shape[1] :: -1]


def assert_flow(flow, memories, *arguments, **options):
    for memory in memories:
        expected = differences(*arguments, memory, **options)
        np.testing.assert_allclose(
            getattr(flow, memory),
            expected,
            rtol=1e-5,
            atol=1e-9,
            err_msg=memory,
        )
    assert (flow.cell_state is None) == ("cell_state" not in memories)
    np.testing.assert_array_equal(flow.lags, np.arange(flow.hidden.shape[1]))


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "elman"])
def test_the_error_in_every_cell_is_that_of_finite_differences(name):
    layer = LAYERS[name](3, return_sequences=True, dtype="float64")
    model = randomise(answering(layer, steps=6), seed=1)
    batch = sequences(2, 4, 6, 2)
    memories = [m for m in MEMORIES if m in trace(model, batch.inputs)[0].names]
    for step in (-1, 3, 0):
        flow = gradient_flow(model, batch, step=step)
        assert flow.layer == layer.name
        assert flow.hidden.shape == (4, step % 6 + 1)
        layers = [(name, layer, False)]
        assert_flow(flow, memories, layers, model.layers[-1], batch, step)


def test_in_elmans_network_the_error_stays_at_its_step():
    layer = LAYERS["elman"](3, return_sequences=True, dtype="float64")
    model = randomise(answering(layer), seed=1)
    flow = gradient_flow(model, sequences(2, 4, 6, 2))
    assert flow.hidden[:, 0].all() and not flow.hidden[:, 1:].any()


@pytest.mark.parametrize(
    ("kind", "zero"),
    [("lstm", False), ("lstm", True), ("gru", True), ("simple_rnn", False)],
)
def test_the_error_passes_masked_steps_unchanged(kind, zero):
    layer = LAYERS[kind](3, return_sequences=True, dtype="float64")
    layer.zero_output_for_mask = zero
    model = answering(keras.layers.Masking(dtype="float64"), layer)
    randomise(model, seed=1)
    batch = sequences(2, 4, 6, 2)
    mask = np.ones((4, 6), bool)
    mask[0, 2:4], mask[1, 4:], mask[2, 3] = False, False, False
    batch.inputs[~mask] = 0
    for step in (-1, 3):
        assert_flow(
            gradient_flow(model, batch, step=step),
            MEMORIES if kind == "lstm" else ["hidden"],
            [(kind, layer, zero)],
            model.layers[-1],
            batch,
            step,
            mask=mask,
        )


def test_the_error_comes_down_from_upper_layers():
    # The error passes what is not to be trained all the same.
    options = {
        "return_sequences": True,
        "dtype": "float64",
        "trainable": False,
    }
    lower = keras.layers.LSTM(3, **options)
    upper = keras.layers.GRU(2, **options)
    model = randomise(answering(lower, upper), seed=1)
    batch = sequences(2, 3, 6, 2)
    layers = [("lstm", lower, False), ("gru", upper, False)]
    given = layers, model.layers[-1], batch, -1
    assert_flow(gradient_flow(model, batch), MEMORIES, *given)
    flow = gradient_flow(model, batch, layer=upper.name)
    assert_flow(flow, ["hidden"], *given, which=1)


def test_the_error_goes_from_cell_to_cell_in_one_layer():
    cells = [
        keras.layers.LSTMCell(3, dtype="float64"),
        keras.layers.SimpleRNNCell(2, dtype="float64"),
    ]
    layer = keras.layers.RNN(
        keras.layers.StackedRNNCells(cells, dtype="float64"),
        return_sequences=True,
        dtype="float64",
        name="stack",
    )
    model = randomise(answering(layer), seed=1)
    batch = sequences(2, 3, 6, 2)
    layers = [("lstm", cells[0], False), ("simple_rnn", cells[1], False)]
    given = layers, model.layers[-1], batch, -1
    for number, memories in enumerate((MEMORIES, ["hidden"])):
        flow = gradient_flow(model, batch, layer=f"stack/{number + 1}")
        assert_flow(flow, memories, *given, which=number)


def test_an_open_forget_gate_carries_the_error_a_thousand_steps():
    """The constant error carousel: f = 1, i = 0, and o = 1 at the end alone."""
    layer = keras.layers.LSTM(3, return_sequences=True, dtype="float64")
    model = answering(layer, channels=1)
    rng = np.random.default_rng(0)
    recurrent, *readout = (rng.normal(size=s) for s in ((3, 12), (3, 2), 2))
    # Keras's order of gates: input, forget, candidate, output.
    kernel = np.repeat([[0.0, 0.0, 0.0, 2000.0]], 3, axis=1)
    bias = np.repeat([-1000.0, 1000.0, 0.0, -1000.0], 3)
    model.set_weights([kernel, recurrent, bias, *readout])
    batch = sequences(0, 2, 1000, 1)
    batch.inputs[:, :-1], batch.inputs[:, -1] = 0, 1
    (found,) = trace(model, batch.inputs)
    assert (found.forget_gate == 1).all() and not found.input_gate.any()
    assert (found.output_gate == (np.arange(1000) == 999)[:, None]).all()
    flow = gradient_flow(model, batch)
    assert flow.cell_state.shape == (2, 1000) and flow.cell_state.min() > 0.1
    np.testing.assert_allclose(
        flow.cell_state / flow.cell_state[:, :1], 1, rtol=1e-12
    )
    # No gate but the forget gate lets it through.
    assert flow.hidden[:, 0].min() > 0.1 and not flow.hidden[:, 1:].any()


def test_small_errors_do_not_vanish_in_the_norm():
    """1e-30 is a number of float32, though its square is none."""
    layer = keras.layers.SimpleRNN(1, return_sequences=True, activation=None)
    model = sequential(layer, keras.layers.Dense(1), shape=(None, 1))
    model.compile(loss=keras.losses.MeanSquaredError())
    weights = [[0.0]], [[0.1]], [0.0], [[1.0]], [0.0]
    model.set_weights(list(map(np.array, weights)))
    batch = Batch(
        np.zeros((1, 31, 1)), np.full((1, 31, 1), 0.5), np.ones((1, 31))
    )
    flow = gradient_flow(model, batch)
    np.testing.assert_allclose(flow.hidden[0], 0.1**flow.lags, rtol=1e-4)


def test_the_error_is_that_of_the_weights_and_the_loss_as_they_are_now():
    model = recurrent(Recall(), "gru", (3,), seed=1)
    batch = plain_batch()
    before = gradient_flow(model, batch).hidden
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([0 * kernel, bias])
    assert not gradient_flow(model, batch).hidden.any()
    model.layers[-1].set_weights([kernel, bias])
    np.testing.assert_array_equal(gradient_flow(model, batch).hidden, before)
    model.compile(loss=lambda targets, outputs: (targets - outputs)[..., 0])
    kernel = np.linalg.norm(kernel[:, 0])
    lag_0 = gradient_flow(model, batch).hidden[:, 0]
    np.testing.assert_allclose(lag_0, kernel, rtol=1e-5)


def plain_batch(**changes):
    return Recall().sample(2, np.random.default_rng(0))._replace(**changes)


def compiled(*layers, loss="mse"):
    model = sequential(*layers, shape=(20, 3))
    model.compile(loss=loss)
    return model


def gru(**options):
    return keras.layers.GRU(2, **{"return_sequences": True, **options})


def resampled():
    halve, double = keras.layers.AveragePooling1D, keras.layers.UpSampling1D
    return compiled(gru(), halve(2), gru(name="slow"), double(2))


@pytest.mark.parametrize(
    ("model", "options", "error", "words"),
    [
        (lambda: 3, {}, TypeError, "keras.Model, got 3"),
        (
            lambda: compiled(gru(return_sequences=False, name="last")),
            {},
            ValueError,
            "layer must read forwards and return sequences.*last",
        ),
        (
            lambda: compiled(gru(go_backwards=True)),
            {},
            ValueError,
            "layer must read forwards",
        ),
        (
            lambda: compiled(gru(), loss=None),
            {},
            ValueError,
            "model must be compiled with one loss",
        ),
        (
            lambda: compiled(gru(), loss=lambda _, out: keras.ops.mean(out)),
            {},
            ValueError,
            "a loss that has a value for every",
        ),
        (
            lambda: recurrent(Recall(width=1), units=(3,)),
            {},
            ValueError,
            r"targets .*\(2, 20, 1\), got \(2, 20, 2\)",
        ),
        (resampled, {"layer": "slow"}, ValueError, "20 steps.*10"),
        (None, {"batch": draws(0, 2, 20, 3)}, TypeError, "batch.*ndarray"),
        (None, {"batch": plain_batch(weights=1)}, ValueError, "weights"),
        (None, {"layer": "lstm_9"}, ValueError, "lstm_2.*lstm_9"),
        (None, {"step": 20}, ValueError, "below 20, got 20"),
        (None, {"step": -21}, ValueError, "at least -20"),
        (None, {"step": 1.0}, TypeError, "step.*integer"),
        (
            None,
            {"batch": plain_batch(weights=np.eye(2, 20)), "step": 5},
            ValueError,
            "step must be scored, got 5",
        ),
        (None, {"lag": 5}, TypeError, "lag"),
    ],
)
def test_what_has_no_error_to_follow_is_named(model, options, error, words):
    model = model() if model else lecture(Recall())
    with pytest.raises(error, match=words):
        gradient_flow(model, **{"batch": plain_batch(), **options})
