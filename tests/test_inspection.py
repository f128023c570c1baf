import dataclasses
import gc
import weakref

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets.inspection import Trace, gradient_flow, trace
from memnets.networks import CELLS as ALL_CELLS
from memnets.networks import lecture, recurrent
from memnets.tasks import Batch, Recall

# Those of Keras, which share options such as dropout.
CELLS = {kind: ALL_CELLS[kind] for kind in ("lstm", "gru", "simple_rnn")}

# Written from the papers' equations; Keras's own functions stay out of it.
FUNCTIONS = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "relu": lambda x: np.maximum(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
}
NAMES = {
    "lstm": (
        "input_gate",
        "forget_gate",
        "output_gate",
        "candidate",
        "cell_state",
        "hidden",
    ),
    "gru": ("update_gate", "reset_gate", "candidate", "hidden"),
    "simple_rnn": ("hidden",),
}


def reference_step(kind, weights, x, h, c, options):
    """Take one step of a cell in NumPy; return what was in it."""
    kernel, recurrent, *bias = weights
    g = FUNCTIONS[options.get("activation", "tanh")]
    s = FUNCTIONS[options.get("recurrent_activation", "sigmoid")]
    units = h.shape[1]
    after = kind == "gru" and options.get("reset_after", True)
    b, b_recurrent = 0, 0
    if bias:
        b, b_recurrent = bias[0] if after else (bias[0], 0)
    now = x @ kernel + b
    if kind == "simple_rnn":
        return {"hidden": g(now + h @ recurrent)}
    parts = [slice(k * units, (k + 1) * units) for k in range(4)]
    if kind == "lstm":
        i, f, z, o = (now[:, p] + h @ recurrent[:, p] for p in parts)
        i, f, z, o = s(i), s(f), g(z), s(o)
        c = f * c + i * z
        return dict(zip(NAMES[kind], (i, f, o, z, c, o * g(c))))
    then = h @ recurrent + b_recurrent
    z = s(now[:, parts[0]] + then[:, parts[0]])
    r = s(now[:, parts[1]] + then[:, parts[1]])
    if after:
        candidate = g(now[:, parts[2]] + r * then[:, parts[2]])
    else:
        candidate = g(now[:, parts[2]] + (r * h) @ recurrent[:, parts[2]])
    return dict(
        zip(NAMES[kind], (z, r, candidate, z * h + (1 - z) * candidate))
    )


def reference(
    kind, weights, inputs, options=None, mask=None, start=None, nudge=None
):
    """Take all steps in NumPy, in float64.

    `nudge` is `(name, step, unit, size)`: so much is added to a hidden output
    or cell state as soon as it is known.
    """
    options = options or {}
    weights = [np.asarray(w, float) for w in weights]
    units = weights[1].shape[0]
    h, c = start or np.zeros((2, len(inputs), units))
    steps = range(inputs.shape[1])
    found = []
    for t in reversed(steps) if options.get("go_backwards") else steps:
        added = {name: np.zeros(units) for name in ("hidden", "cell_state")}
        if nudge and nudge[1] == t:
            added[nudge[0]][nudge[2]] = nudge[3]
        new = reference_step(kind, weights, inputs[:, t], h, c, options)
        if kind == "lstm":
            new["cell_state"] = new["cell_state"] + added["cell_state"]
            g = FUNCTIONS[options.get("activation", "tanh")]
            new["hidden"] = new["output_gate"] * g(new["cell_state"])
        new["hidden"] = new["hidden"] + added["hidden"]
        if mask is not None:
            on = mask[:, t, None]
            old = {
                "hidden": h + added["hidden"],
                "cell_state": c + added["cell_state"],
            }
            new = {
                n: np.where(on, v, old.get(n, np.nan)) for n, v in new.items()
            }
        h, c = new["hidden"], new.get("cell_state", c)
        found.append(new)
    if options.get("go_backwards"):
        found.reverse()
    return {n: np.stack([f[n] for f in found], axis=1) for n in NAMES[kind]}


def randomise(model, rng, scale=0.7):
    model.set_weights(
        [rng.normal(0, scale, w.shape) for w in model.get_weights()]
    )
    return model


def assert_same(found, expected, tolerance=1e-6):
    assert found.names == tuple(expected)
    for name in found.names:
        np.testing.assert_allclose(
            found.values[name], expected[name], atol=tolerance, err_msg=name
        )


def answers(model, inputs):
    """Return what Keras itself makes of the inputs."""
    return keras.tree.map_structure(np.asarray, model(inputs))


def value(variable):
    return variable.numpy().copy()


def draws(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


functions = st.sampled_from(sorted(FUNCTIONS))
flags = st.booleans()


@settings(max_examples=20)
@given(
    kind=st.sampled_from(sorted(CELLS)),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3)),
    units=st.integers(1, 4),
    activation=functions,
    gate=functions,
    plain=st.fixed_dictionaries(
        {
            "use_bias": flags,
            "go_backwards": flags,
            "return_sequences": flags,
            "unroll": flags,
            "dropout": st.sampled_from([0.0, 0.5]),
            "recurrent_dropout": st.sampled_from([0.0, 0.3]),
            "dtype": st.sampled_from(["float32", "float64"]),
        }
    ),
    reset_after=flags,
    implementation=st.sampled_from([1, 2]),
    masked=flags,
    seed=st.integers(0, 2**16),
)
def test_a_trace_is_what_keras_and_the_equations_say(
    kind,
    shape,
    units,
    activation,
    gate,
    plain,
    reset_after,
    implementation,
    masked,
    seed,
):
    options = {"activation": activation, **plain}
    if kind != "simple_rnn":
        options["recurrent_activation"] = gate
        options["implementation"] = implementation
    if kind == "gru":
        options["reset_after"] = reset_after
    rng = np.random.default_rng(seed)
    layer = CELLS[kind](units, **options)
    # Of one dtype: Keras 3.5 loses the mask of a sequence that it casts.
    masking = [keras.layers.Masking(dtype=plain["dtype"])] if masked else []
    model = keras.Sequential([keras.Input(shape[1:]), *masking, layer])
    # A linear or rectified memory may grow: keep it where 1e-6 means a lot.
    randomise(model, rng, 0.5)
    inputs = rng.normal(size=shape).astype("float32")
    mask = None
    if masked:
        mask = rng.random(shape[:2]) < 0.7
        inputs[~mask] = 0
    (found,) = trace(model, inputs)
    assert (found.layer, found.kind) == (layer.name, kind)
    assert found.hidden.dtype == plain["dtype"]
    size = max(1, np.nanmax([np.abs(v).max() for v in found.values.values()]))
    assert_same(
        found,
        reference(kind, layer.get_weights(), inputs, options, mask),
        1e-6 * size,
    )
    own = answers(model, inputs)
    hidden = found.hidden
    if plain["go_backwards"]:
        hidden = hidden[:, ::-1]  # Keras answers in the order of reading
    if not plain["return_sequences"]:
        hidden = hidden[:, -1]
    elif masked:
        # Before the first step that counts, Keras answers 0: so do we.
        assert not hidden[:, 0][~mask[:, -1 * plain["go_backwards"]]].any()
    np.testing.assert_allclose(hidden, own, atol=1e-6 * size)


def test_a_trace_reads_naturally_and_cannot_be_changed():
    model = lecture(Recall(), seed=1)
    inputs = Recall().sample(3, np.random.default_rng(0)).inputs
    first, second = trace(model, inputs)
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
    model = randomise(
        keras.Model(inputs, [hidden, cell_state]), np.random.default_rng(2)
    )
    for shape in ((4, 7, 2), (1, 3, 2)):
        (found,) = trace(model, draws(1, *shape))
        hidden, cell_state = answers(model, draws(1, *shape))
        np.testing.assert_allclose(found.hidden[:, -1], hidden, atol=1e-6)
        np.testing.assert_allclose(
            found.cell_state[:, -1], cell_state, atol=1e-6
        )


def test_a_trace_is_that_of_the_weights_as_they_are_now():
    model = lecture(Recall(), seed=1)
    inputs = Recall().sample(8, np.random.default_rng(0)).inputs
    before = trace(model, inputs)[-1]
    inspector = model.__dict__["_memnets_inspector"][1]
    model.train_on_batch(inputs, inputs[..., :2])
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    after = trace(model, inputs)[-1]
    assert model.__dict__["_memnets_inspector"][1] is inspector
    own = answers(model, inputs)
    np.testing.assert_allclose(after.hidden, own, atol=1e-6)
    assert np.abs(after.hidden - before.hidden).max() > 1e-3
    # Another layer, and what was compiled no longer fits.
    model.add(keras.layers.SimpleRNN(3))
    assert len(trace(model, inputs)) == 3
    assert model.__dict__["_memnets_inspector"][1] is not inspector


def test_model_and_compiled_function_are_freed_together():
    model = lecture(Recall())
    batch = Recall().sample(2, np.random.default_rng(0))
    trace(model, batch.inputs)
    gradient_flow(model, batch)
    gone = weakref.ref(model)
    inspector = weakref.ref(model.__dict__["_memnets_inspector"][1])
    del model
    gc.collect()
    assert gone() is None and inspector() is None


@pytest.mark.parametrize("merge_mode", ["concat", None])
def test_both_directions_have_a_trace_in_the_time_of_the_inputs(merge_mode):
    inputs = keras.Input((None, 2))
    both = keras.layers.Bidirectional(
        keras.layers.GRU(3, return_sequences=True),
        merge_mode=merge_mode,
        name="both",
    )
    model = keras.Model(inputs, both(keras.layers.Masking()(inputs)))
    randomise(model, np.random.default_rng(5))
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
    model = keras.Sequential(
        [
            keras.Input((6, 2)),
            keras.layers.Masking(),
            keras.layers.RNN(cells, return_sequences=True, name="stack"),
        ]
    )
    randomise(model, np.random.default_rng(7))
    sequences = draws(3, 4, 6, 2)
    sequences[0, 4:], sequences[1, :3], sequences[2, 2] = 0, 0, 0
    found = trace(model, sequences)
    assert [one.layer for one in found] == ["stack/1", "stack/2", "stack/3"]
    mask, below = sequences.any(axis=-1), sequences
    for one, cell in zip(found, cells):
        options = {"reset_after": False}
        expected = reference(one.kind, cell.get_weights(), below, options, mask)
        assert_same(one, expected)
        below = expected["hidden"]
    own = answers(model, sequences)
    np.testing.assert_allclose(found[-1].hidden, own, atol=1e-6)


def test_layers_are_found_wherever_they_lie():
    """Behind an embedding with a mask, in a model inside, with two inputs."""
    words, numbers = keras.Input((5,), dtype="int32"), keras.Input((5, 2))
    embedding = keras.layers.Embedding(9, 3, mask_zero=True)
    layer = keras.layers.LSTM(4, return_sequences=True, name="deep")
    inside = keras.Model(words, layer(embedding(words)), name="inside")
    both = keras.layers.Concatenate()([inside(words), numbers])
    last = keras.layers.SimpleRNN(2, name="last")(both)
    model = keras.Model([words, numbers], last)
    randomise(model, np.random.default_rng(4))
    given = [np.array([[3, 1, 0, 0, 0], [1, 2, 0, 8, 4]]), draws(0, 2, 5, 2)]
    deep, top = trace(model, given)
    assert (deep.layer, top.layer) == ("inside/deep", "last")
    mask = given[0] > 0
    vectors = embedding.get_weights()[0][given[0]]
    expected = reference("lstm", layer.get_weights(), vectors, mask=mask)
    assert_same(deep, expected)
    own = answers(model, given)
    np.testing.assert_allclose(top.hidden[:, -1], own, atol=1e-6)


def test_an_initial_state_is_taken_as_given():
    inputs, hidden, cell = (
        keras.Input((4, 2)),
        keras.Input((3,)),
        (keras.Input((3,))),
    )
    layer = keras.layers.LSTM(3, return_sequences=True)
    model = keras.Model(
        [inputs, hidden, cell], layer(inputs, initial_state=[hidden, cell])
    )
    randomise(model, np.random.default_rng(0))
    given = [draws(0, 5, 4, 2), draws(1, 5, 3), draws(2, 5, 3)]
    (found,) = trace(model, given)
    assert_same(
        found,
        reference("lstm", layer.get_weights(), given[0], start=given[1:]),
    )
    own = answers(model, given)
    np.testing.assert_allclose(found.hidden, own, atol=1e-6)


def test_a_stateful_layer_keeps_its_state_and_is_traced_from_zero():
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(3, 4, 2)),
            keras.layers.GRU(2, stateful=True, return_sequences=True),
        ]
    )
    randomise(model, np.random.default_rng(0))
    inputs = draws(0, 3, 4, 2)
    first = answers(model, inputs)
    layer = model.layers[0]
    state = value(layer.states[0])
    assert np.abs(state).max() > 0.01
    (found,) = trace(model, inputs)
    np.testing.assert_allclose(found.hidden, first, atol=1e-6)
    np.testing.assert_array_equal(value(layer.states[0]), state)
    second = answers(model, inputs)
    assert layer.stateful and np.abs(second - first).max() > 0.01
    (found,) = trace(model, inputs)
    np.testing.assert_allclose(found.hidden, first, atol=1e-6)


@pytest.mark.parametrize("kind", sorted(CELLS))
def test_looking_draws_no_random_number(kind):
    """Nor does it leave the layer with a mask of a compiled function."""
    layer = CELLS[kind](3, dropout=0.5, recurrent_dropout=0.5, seed=1)
    model = keras.Sequential([keras.Input((4, 2)), layer])
    inputs = draws(0, 3, 4, 2)
    before = value(layer.cell.seed_generator.state)
    trace(model, inputs)
    after = value(layer.cell.seed_generator.state)
    np.testing.assert_array_equal(after, before)
    assert layer.cell.dropout == 0.5 and "inner_loop" not in vars(layer)
    model(inputs, training=True)


@pytest.mark.parametrize("kind", sorted(CELLS))
def test_half_precision_is_the_layers_own(kind):
    layer = CELLS[kind](3, return_sequences=True, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((4, 2)), layer])
    randomise(model, np.random.default_rng(0))
    inputs = draws(0, 3, 4, 2)
    (found,) = trace(model, inputs)
    # Compiled too: in Keras's eager mode half precision rounds differently.
    own = model.predict(inputs, verbose=0)
    assert own.dtype == np.float16 and found.hidden.dtype == np.float32
    np.testing.assert_allclose(found.hidden, own, atol=1e-6)
    exact = reference(kind, layer.get_weights(), inputs)
    assert_same(found, exact, 0.01)


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
        gate, new = keras.ops.split(
            keras.ops.matmul(inputs, self.kernel), 2, axis=-1
        )
        gate = keras.ops.sigmoid(gate)
        memory = gate * states[0] + new
        values = {
            "keep_gate": gate,
            "memory": memory,
            "hidden": keras.ops.tanh(memory),
        }
        return values, [memory]

    def call(self, inputs, states):
        values, new_states = self.observe(inputs, states)
        return values["hidden"], new_states


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_any_cell_that_can_be_observed_has_a_trace(dtype):
    model = keras.Sequential(
        [
            keras.Input((6, 2)),
            keras.layers.Masking(dtype=dtype),
            keras.layers.RNN(
                Keeper(3, dtype=dtype),
                return_sequences=True,
                dtype=dtype,
                name="keeper",
            ),
        ]
    )
    randomise(model, np.random.default_rng(0))
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
    np.testing.assert_allclose(
        found.memory,
        np.stack(expected, 1),
        atol=1e-6 if dtype == "float32" else 0.01,
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
    expected = reference("simple_rnn", model.memory.get_weights(), inputs)
    assert_same(found, expected)


def sequential(*layers, shape=(4, 2)):
    return keras.Sequential([keras.Input(shape), *layers])


def used_twice():
    layer, inputs = keras.layers.LSTM(2, name="twin"), keras.Input((4, 2))
    return keras.Model(inputs, layer(inputs) + layer(-inputs))


class OwnLSTMCell(keras.layers.LSTMCell):
    pass


@pytest.mark.parametrize(
    ("model", "inputs", "error", "words"),
    [
        (lambda: "lstm", None, TypeError, "model.*keras.Model.*'lstm'"),
        (
            lambda: keras.Sequential([keras.layers.LSTM(2)]),
            None,
            ValueError,
            "model must be built",
        ),
        (
            lambda: sequential(keras.layers.Dense(2, name="readout")),
            None,
            ValueError,
            "recurrent layer, got readout",
        ),
        (
            lambda: sequential(
                keras.layers.ConvLSTM1D(2, 1, name="conv"), shape=(4, 3, 2)
            ),
            None,
            ValueError,
            "ConvLSTM1D conv.*ConvLSTMCell.*observe",
        ),
        (
            lambda: sequential(keras.layers.RNN(OwnLSTMCell(2), name="own")),
            None,
            ValueError,
            "RNN own with a OwnLSTMCell",
        ),
        (
            lambda: sequential(
                keras.layers.TimeDistributed(
                    keras.layers.LSTM(2), name="often"
                ),
                shape=(4, 3, 2),
            ),
            None,
            ValueError,
            "inside TimeDistributed often",
        ),
        (used_twice, None, ValueError, "twin once, got 2"),
        (None, draws(0, 3, 20, 2), ValueError, r"time, 3\).*got \(3, 20, 2\)"),
        (None, draws(0, 20, 3), ValueError, r"time, 3\).*got \(20, 3\)"),
        (None, draws(0, 0, 20, 3), ValueError, r"got \(0, 20, 3\)"),
        (None, draws(0, 1, 0, 3), ValueError, r"got \(1, 0, 3\)"),
        (None, "tell", TypeError, "inputs must be numbers"),
        (None, None, TypeError, "inputs must be numbers"),
    ],
)
def test_what_cannot_be_traced_is_named(model, inputs, error, words):
    built = model() if model else lecture(Recall())
    if model:
        inputs = draws(0, 2, 4, 2)
    with pytest.raises(error, match=words):
        trace(built, inputs)
    for layer in getattr(built, "layers", []):
        assert "inner_loop" not in vars(layer)


def test_a_model_built_on_some_sequences_is_traced_on_more():
    model = keras.Sequential([keras.layers.LSTM(2, return_sequences=True)])
    model(draws(0, 3, 4, 2))
    inputs = draws(1, 5, 4, 2)
    (found,) = trace(model, inputs)
    np.testing.assert_allclose(found.hidden, answers(model, inputs), atol=1e-6)
    with pytest.raises(ValueError, match=r"\(batch, 4, 2\).*got \(5, 3, 2\)"):
        trace(model, inputs[:, :3])


def test_the_number_of_inputs_is_checked():
    one, two = keras.Input((4, 2)), keras.Input((4, 2))
    model = keras.Model([one, two], keras.layers.LSTM(2)(one + two))
    with pytest.raises(ValueError, match="inputs must be 2 arrays, got 1"):
        trace(model, draws(0, 3, 4, 2))


def test_another_backend_is_refused(monkeypatch):
    model = lecture(Recall())
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="tensorflow backend, got jax"):
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


def differences(layers, readout, batch, step, name, which=0, mask=None):
    """Return the error at each step by finite differences, in NumPy.

    `layers` are `(kind, weights, zero where masked)`, the lowest first.
    """
    kernel, bias = readout

    def losses(nudge):
        below = batch.inputs
        for number, (kind, weights, zero) in enumerate(layers):
            own = nudge if number == which else None
            found = reference(kind, weights, below, mask=mask, nudge=own)
            below = found["hidden"]
            if zero:
                below = below * mask[..., None]
        answers = below[:, step] @ kernel + bias
        errors = ((answers - batch.targets[:, step]) ** 2).mean(axis=-1)
        return errors * batch.weights[:, step]

    units = layers[which][1][1].shape[0]
    slopes = np.zeros((*batch.weights.shape, units))
    for t in range(slopes.shape[1]):
        for unit in range(units):
            up, down = (losses((name, t, unit, s)) for s in (1e-6, -1e-6))
            slopes[:, t, unit] = (up - down) / 2e-6
    norms = np.linalg.norm(slopes, axis=-1)
    return norms[:, step % slopes.shape[1] :: -1]


def assert_flow(flow, layers, readout, batch, step=-1, **options):
    kinds = ["hidden"] + ["cell_state"] * (flow.kind == "lstm")
    for name in kinds:
        expected = differences(layers, readout, batch, step, name, **options)
        np.testing.assert_allclose(
            getattr(flow, name), expected, rtol=1e-5, atol=1e-9, err_msg=name
        )
    assert (flow.cell_state is None) == (flow.kind != "lstm")
    np.testing.assert_array_equal(flow.lags, np.arange(flow.hidden.shape[1]))


@pytest.mark.parametrize("kind", sorted(CELLS))
def test_the_error_is_that_of_finite_differences(kind):
    layer = CELLS[kind](3, return_sequences=True, dtype="float64")
    model = randomise(answering(layer), np.random.default_rng(1))
    batch = sequences(2, 4, 7, 2)
    layers = [(kind, layer.get_weights(), False)]
    readout = model.layers[-1].get_weights()
    for step in (-1, 3, 0):
        flow = gradient_flow(model, batch, step=step)
        assert (flow.layer, flow.kind) == (layer.name, kind)
        assert flow.hidden.shape == (4, step % 7 + 1)
        assert_flow(flow, layers, readout, batch, step)


@pytest.mark.parametrize(
    ("kind", "zero"),
    [("lstm", False), ("lstm", True), ("gru", True), ("simple_rnn", False)],
)
def test_the_error_passes_masked_steps_unchanged(kind, zero):
    layer = CELLS[kind](3, return_sequences=True, dtype="float64")
    layer.zero_output_for_mask = zero
    model = answering(keras.layers.Masking(dtype="float64"), layer)
    randomise(model, np.random.default_rng(1))
    batch = sequences(2, 4, 6, 2)
    mask = np.ones((4, 6), bool)
    mask[0, 2:4], mask[1, 4:], mask[2, 3] = False, False, False
    batch.inputs[~mask] = 0
    layers = [(kind, layer.get_weights(), zero)]
    readout = model.layers[-1].get_weights()
    for step in (-1, 3):
        flow = gradient_flow(model, batch, step=step)
        assert_flow(flow, layers, readout, batch, step, mask=mask)


def test_the_error_comes_down_from_upper_layers():
    # The error passes what is not to be trained all the same.
    options = {
        "return_sequences": True,
        "dtype": "float64",
        "trainable": False,
    }
    lower = keras.layers.LSTM(3, **options)
    upper = keras.layers.GRU(2, **options)
    model = randomise(answering(lower, upper), np.random.default_rng(1))
    batch = sequences(2, 3, 6, 2)
    layers = [
        ("lstm", lower.get_weights(), False),
        ("gru", upper.get_weights(), False),
    ]
    readout = model.layers[-1].get_weights()
    assert_flow(gradient_flow(model, batch), layers, readout, batch)
    flow = gradient_flow(model, batch, layer=upper.name)
    assert_flow(flow, layers, readout, batch, which=1)


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
    model = randomise(answering(layer), np.random.default_rng(1))
    batch = sequences(2, 3, 6, 2)
    layers = [
        ("lstm", cells[0].get_weights(), False),
        ("simple_rnn", cells[1].get_weights(), False),
    ]
    readout = model.layers[-1].get_weights()
    for number in (0, 1):
        flow = gradient_flow(model, batch, layer=f"stack/{number + 1}")
        assert_flow(flow, layers, readout, batch, which=number)


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
    model = keras.Sequential(
        [keras.Input((None, 1)), layer, keras.layers.Dense(1)]
    )
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
    batch = Recall().sample(2, np.random.default_rng(0))
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


def plain_batch(timesteps=20):
    return Recall(timesteps).sample(2, np.random.default_rng(0))


def unscored():
    batch = plain_batch()
    batch.weights[:, 5] = 0
    return batch


def compiled(*layers, loss="mse"):
    model = keras.Sequential([keras.Input((20, 3)), *layers])
    model.compile(loss=loss)
    return model


def resampled():
    return compiled(
        keras.layers.LSTM(2, return_sequences=True, name="early"),
        keras.layers.AveragePooling1D(2),
        keras.layers.UpSampling1D(2),
        keras.layers.AveragePooling1D(2),
        keras.layers.LSTM(2, return_sequences=True, name="slow"),
        keras.layers.UpSampling1D(2),
    )


@pytest.mark.parametrize(
    ("model", "batch", "options", "error", "words"),
    [
        (lambda: 3, plain_batch, {}, TypeError, "keras.Model, got 3"),
        (
            lambda: compiled(keras.layers.LSTM(2)),
            plain_batch,
            {},
            ValueError,
            "layer must read forwards and return sequences.*lstm",
        ),
        (
            lambda: compiled(
                keras.layers.GRU(2, return_sequences=True, go_backwards=True)
            ),
            plain_batch,
            {},
            ValueError,
            "layer must read forwards",
        ),
        (
            lambda: compiled(
                keras.layers.GRU(2, return_sequences=True), loss=None
            ),
            plain_batch,
            {},
            ValueError,
            "model must be compiled with one loss",
        ),
        (
            lambda: compiled(
                keras.layers.GRU(2, return_sequences=True),
                loss=lambda targets, outputs: keras.ops.mean(outputs),
            ),
            plain_batch,
            {},
            ValueError,
            "a loss that has a value for every",
        ),
        (
            lambda: recurrent(Recall(width=1), units=(3,)),
            plain_batch,
            {},
            ValueError,
            r"\(2, 20, 1\), got \(2, 20, 2\)",
        ),
        (resampled, plain_batch, {"layer": "slow"}, ValueError, "20 steps.*10"),
        (None, lambda: draws(0, 2, 20, 3), {}, TypeError, "batch.*ndarray"),
        (
            None,
            lambda: plain_batch()._replace(weights=1),
            {},
            ValueError,
            "wei",
        ),
        (None, plain_batch, {"layer": "lstm_9"}, ValueError, "lstm_2.*lstm_9"),
        (None, plain_batch, {"step": 20}, ValueError, "-20 to 19, got 20"),
        (None, plain_batch, {"step": -21}, ValueError, "at least -20"),
        (None, plain_batch, {"step": 1.0}, TypeError, "step.*integer"),
        (None, unscored, {"step": 5}, ValueError, "step.*scored, got 5"),
        (None, plain_batch, {"lag": 5}, TypeError, "lag"),
    ],
)
def test_what_has_no_error_to_follow_is_named(
    model, batch, options, error, words
):
    built = model() if model else lecture(Recall())
    with pytest.raises(error, match=words):
        gradient_flow(built, batch(), **options)
