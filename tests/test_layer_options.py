"""Each option of Keras's recurrent layers does what docs/layers.md says.

The layers are held to their equations in NumPy. Where the equations need no
second writing, one option is held to another: a layer that goes backwards, to
one that is given the sequence turned round.
"""

import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from memnets.cells import LSTM1997, MinGRU, PeepholeLSTM

pytestmark = pytest.mark.versions

GRU, LSTM, SimpleRNN = (
    getattr(keras.layers, name) for name in ("GRU", "LSTM", "SimpleRNN")
)
LAYERS = [SimpleRNN, LSTM, GRU]
CHANNELS = 3
VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])
# Keras's pull requests 20656 and 20663 of December 2024, after 3.7: each gate
# has a mask of its own, and a GRU keeps its memory.
MASK_FOR_EACH_GATE = VERSION >= (3, 8)

every_layer = pytest.mark.parametrize("kind", LAYERS)
kinds = st.sampled_from(LAYERS)
seeds = st.integers(0, 99)

SQUASH = {
    "tanh": np.tanh,
    "linear": lambda x: x,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
}


def simple_rnn(x, h, weights, act, gate):
    W, U, b = weights
    h = act(x @ W + h[0] @ U + b)
    return [h]


def lstm(x, states, weights, act, gate):
    W, U, b = weights
    h, c = states
    i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    c = gate(f) * c + gate(i) * act(g)
    return [gate(o) * act(c), c]


def gru(x, states, weights, act, gate):
    """The GRU whose reset gate comes after the matrix; z is what is kept."""
    W, U, (b, d) = weights
    (h,) = states
    z, r, g = np.split(x @ W + b, 3, axis=-1)
    uz, ur, ug = np.split(h @ U + d, 3, axis=-1)
    z = gate(z + uz)
    return [z * h + (1 - z) * act(g + gate(r + ur) * ug)]


STEP = {SimpleRNN: simple_rnn, LSTM: lstm, GRU: gru}


def by_equations(layer, inputs, states=None, weights=None):
    """Return the outputs at all steps and the last states."""
    options = layer.get_config()
    act = SQUASH[options["activation"]]
    gate = SQUASH[options.get("recurrent_activation", "sigmoid")]
    kind = type(layer)
    empty = np.zeros((len(inputs), options["units"]))
    states = states or [empty] * (2 if kind is LSTM else 1)
    outputs = []
    for x in inputs.swapaxes(0, 1):
        given = weights or layer.get_weights()
        states = STEP[kind](x, states, given, act, gate)
        outputs.append(states[0])
    return np.stack(outputs, 1), states


def make(kind, units=4, seed=0, batch=None, channels=CHANNELS, **options):
    """Make a layer with random weights, the same each time."""
    layer = kind(units, **options)
    layer.build((batch, None, channels))
    rng = np.random.default_rng(seed)
    owner = getattr(layer, "cell", layer)
    owner.set_weights(
        [0.7 * rng.normal(size=w.shape) for w in owner.get_weights()]
    )
    return layer


def some(batch=2, timesteps=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, timesteps, CHANNELS)).astype(np.float32)


def assert_close(found, expected, tolerance=1e-5):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


# To make a failing example smaller takes minutes and teaches little here.
few = hypothesis.settings(max_examples=10, phases=[hypothesis.Phase.generate])


@hypothesis.given(
    kind=kinds,
    activation=st.sampled_from(["tanh", "linear", "softsign"]),
    gates=st.sampled_from(["sigmoid", "hard_sigmoid"]),
    batch=st.integers(1, 3),
    timesteps=st.integers(1, 8),
    begun=st.booleans(),
    seed=seeds,
)
@hypothesis.settings(few, max_examples=30)
def test_activations_and_states_are_where_the_equations_have_them(
    kind, activation, gates, batch, timesteps, begun, seed
):
    options = {} if kind is SimpleRNN else {"recurrent_activation": gates}
    layer = make(
        kind,
        seed=seed,
        activation=activation,
        return_sequences=True,
        return_state=True,
        **options,
    )
    inputs, states = some(batch, timesteps, seed), None
    if begun:
        rng = np.random.default_rng(seed)
        count = 2 if kind is LSTM else 1
        states = [rng.normal(size=(batch, 4)) for _ in range(count)]
    found, *last = layer(inputs, initial_state=states)
    expected, ended = by_equations(layer, inputs, states)
    # A linear SimpleRNN may grow large, and its rounding with it.
    scale = max(1, np.abs(expected).max())
    assert_close(found / scale, expected / scale)
    for one, other in zip(last, ended, strict=True):
        assert_close(one / scale, other / scale)


@every_layer
def test_only_the_last_step_is_returned_unless_all_are_wanted(kind):
    inputs = some()
    whole = np.array(make(kind, return_sequences=True)(inputs))
    assert whole.shape == (2, 6, 4) and np.ptp(whole, axis=1).min() > 0.01
    assert_close(make(kind)(inputs), whole[:, -1])
    answer, *states = make(kind, return_state=True)(inputs)
    assert_close(answer, whole[:, -1])
    assert_close(states[0], whole[:, -1])
    # The cell state of an LSTM is another thing than its answer.
    assert len(states) == 1 + (kind is LSTM)
    assert np.abs(states[-1] - answer).max() > 0.1 or kind is not LSTM


@hypothesis.given(kind=kinds, cut=st.integers(1, 8), seed=seeds)
@few
def test_a_stateful_layer_goes_on_where_it_ended(kind, cut, seed):
    inputs = some(3, 9, seed)
    whole, _ = by_equations(make(kind, seed=seed), inputs)
    first, second = inputs[:, :cut], inputs[:, cut:]
    options = {"seed": seed, "batch": 3, "return_sequences": True}
    layer = make(kind, **options, stateful=True)
    assert_close(layer(first), whole[:, :cut])
    assert_close(layer(second), whole[:, cut:])
    layer.reset_state()
    assert_close(layer(first), whole[:, :cut])
    # Sequence k goes on from sequence k, whatever is now told there.
    moved = np.array(layer(second[[1, 0, 2]])) - whole[:, cut:]
    assert np.abs(moved[:2]).max() > 1e-3 and np.abs(moved[2]).max() < 1e-5
    # Without the option the second call knows nothing of the first.
    layer = make(kind, **options)
    layer(first)
    alone, _ = by_equations(layer, second)
    assert_close(layer(second), alone)
    assert np.abs(alone - whole[:, cut:]).max() > 1e-3


@every_layer
def test_a_layer_may_begin_with_the_states_of_another(kind):
    inputs = some(timesteps=7)
    reader = make(kind, seed=1, return_state=True)
    writer = make(kind, seed=2, return_sequences=True)
    _, *states = reader(inputs[:, :3])
    found = writer(inputs[:, 3:], initial_state=states)
    _, between = by_equations(reader, inputs[:, :3])
    expected, _ = by_equations(writer, inputs[:, 3:], between)
    assert_close(found, expected)


@every_layer
def test_no_gradient_crosses_from_call_to_call(kind):
    first, second = map(tf.constant, (some(seed=1), some(seed=2)))
    layer = make(kind, batch=2, stateful=True)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([first, second])
        layer(first)
        answer = layer(second)
    assert tape.gradient(answer, first) is None
    assert np.abs(tape.gradient(answer, second)).max() > 1e-3


@hypothesis.given(kind=kinds, timesteps=st.integers(1, 8), seed=seeds)
@few
def test_going_backwards_answers_in_the_order_of_reading(kind, timesteps, seed):
    inputs = some(2, timesteps, seed)
    layer = make(kind, seed=seed, go_backwards=True, return_sequences=True)
    expected, _ = by_equations(layer, inputs[:, ::-1])
    assert_close(layer(inputs), expected)
    last = make(kind, seed=seed, go_backwards=True)(inputs)
    assert_close(last, expected[:, -1])


MERGED = {
    "concat": lambda one, other: np.concatenate([one, other], axis=-1),
    "sum": lambda one, other: one + other,
    "ave": lambda one, other: (one + other) / 2,
    "mul": lambda one, other: one * other,
    None: lambda one, other: np.stack([one, other]),
}


@hypothesis.given(
    kind=kinds,
    merge=st.sampled_from(list(MERGED)),
    sequences=st.booleans(),
    seed=seeds,
)
@few
def test_bidirectional_is_two_layers_that_meet(kind, merge, sequences, seed):
    inputs = some(seed=seed)
    both = keras.layers.Bidirectional(
        kind(4, return_sequences=sequences), merge_mode=merge
    )
    both.build(inputs.shape)
    rng = np.random.default_rng(seed)
    both.set_weights([rng.normal(size=w.shape) for w in both.get_weights()])
    forth, _ = by_equations(both.forward_layer, inputs)
    back, _ = by_equations(both.backward_layer, inputs[:, ::-1])
    back = back[:, ::-1]  # now each answer stands at its step
    if not sequences:
        forth, back = forth[:, -1], back[:, 0]
    assert_close(both(inputs), MERGED[merge](forth, back))


@pytest.mark.parametrize("kind", [*LAYERS, LSTM1997, MinGRU, PeepholeLSTM])
def test_what_is_told_at_the_end_is_known_at_the_beginning(kind):
    inputs = some(batch=1)
    given = make(kind, return_sequences=True)
    both = keras.layers.Bidirectional(given)
    both.build(inputs.shape)
    # Of the layer it is given it takes the options and not the weights.
    count = len(given.get_weights())
    assert (both.get_weights()[0] != given.get_weights()[0]).all()
    rng = np.random.default_rng(2)
    both.set_weights([rng.normal(size=w.shape) for w in both.get_weights()])
    before = np.array(both(inputs))
    forth = make(kind, return_sequences=True)
    back = make(kind, return_sequences=True)
    forth.set_weights(both.get_weights()[:count])
    back.set_weights(both.get_weights()[count:])
    turned = np.array(back(inputs[:, ::-1]))[:, ::-1]
    assert_close(before, MERGED["concat"](forth(inputs), turned))
    inputs[0, -1] += 1
    moved = np.array(both(inputs)) != before
    assert not moved[0, :-1, :4].any() and moved[0, -1, :4].all()
    assert moved[0, :, 4:].all()


@pytest.mark.parametrize("initializer", ["zeros", "ones", "random_normal"])
def test_the_forget_bias_is_1_and_the_rest_as_asked(initializer):
    biases = []
    for unit in (True, False):
        drawn = keras.initializers.get(initializer)
        layer = LSTM(50, bias_initializer=drawn, unit_forget_bias=unit)
        layer.build((None, None, CHANNELS))
        biases.append(layer.get_weights()[2].reshape(4, 50))
    unit, plain = biases
    np.testing.assert_array_equal(unit[1], np.ones(50))
    for row in (*unit[[0, 2, 3]], *plain):
        if initializer == "random_normal":  # of standard deviation 0.05
            assert 0.02 < row.std() < 0.08 and np.abs(row).max() < 0.5
        else:
            np.testing.assert_array_equal(row, float(initializer == "ones"))


@hypothesis.given(
    bias=st.floats(-4, 4, width=32),
    hard=st.booleans(),
    timesteps=st.integers(1, 30),
)
@few
def test_a_memory_fades_as_the_forget_gate_to_the_power_of_the_time(
    bias, hard, timesteps
):
    name = "hard_sigmoid" if hard else "sigmoid"
    options = {"recurrent_activation": name, "return_state": True}
    layer = make(LSTM, 1, channels=1, **options)
    layer.set_weights(
        [np.ones((1, 4)), np.zeros((1, 4)), np.array([1, bias, 0, 1])]
    )
    start = [np.zeros((1, 1)), np.ones((1, 1))]
    *_, cell = layer(np.zeros((1, timesteps, 1)), initial_state=start)
    assert_close(cell, SQUASH[name](bias) ** timesteps)
    if hard and abs(bias) >= 3:  # exactly open or shut, for any time
        assert float(cell[0, 0]) == (bias > 0)


def summing(kind, units, recurrent=0.0, **options):
    """Make a layer whose equation is h = x + recurrent * h(t-1)."""
    layer = make(
        kind,
        units,
        channels=units,
        activation="linear",
        return_sequences=True,
        **options,
    )
    one, none = np.eye(units), np.zeros((units, units))
    wide, shut = np.full(units, 40.0), np.full(units, -40.0)
    blank = np.zeros(units)
    if kind is SimpleRNN:
        weights = [one, recurrent * one, blank]
    elif kind is LSTM:  # all is written and read, and nothing kept
        kernel = np.hstack([none, none, one, none])
        bias = np.concatenate([wide, shut, blank, wide])
        weights = [kernel, recurrent * kernel, bias]
    else:  # nothing is kept but by way of the candidate
        kernel = np.hstack([none, none, one])
        bias = np.stack(
            [np.concatenate([shut, wide, blank]), np.zeros(3 * units)]
        )
        weights = [kernel, recurrent * kernel, bias]
    layer.set_weights(weights)
    return layer


def learning(layer, inputs, compiled=False):
    call = tf.function(layer) if compiled else layer
    return np.array(call(tf.constant(inputs, "float32"), training=True))


@every_layer
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_is_off_at_inference_and_new_at_every_call(kind, option):
    inputs = some(20)
    layer, whole = make(kind, **{option: 0.5}), by_equations(make(kind), inputs)
    plain = whole[0][:, -1]
    assert_close(layer(inputs), plain)
    assert_close(layer(inputs, training=False), plain)
    model = keras.Sequential([keras.Input((6, CHANNELS)), layer])
    assert_close(model.predict(inputs, verbose=0), plain)
    first, second = learning(layer, inputs), learning(layer, inputs)
    for one, other in ((first, second), (first, plain), (second, plain)):
        assert np.abs(one - other).max() > 0.01


@hypothesis.given(
    kind=kinds,
    rate=st.sampled_from([0.1, 0.25, 0.5, 0.8]),
    compiled=st.booleans(),
    seed=seeds,
)
@few
def test_dropout_strikes_a_channel_for_a_whole_sequence(
    kind, rate, compiled, seed
):
    inputs = np.random.default_rng(seed).uniform(1, 2, (400, 5, 6))
    layer = summing(kind, 6, dropout=rate, seed=seed)
    mask = learning(layer, inputs, compiled) / inputs
    check_mask(mask, rate)


@hypothesis.given(
    kind=kinds,
    rate=st.sampled_from([0.1, 0.25, 0.5, 0.8]),
    compiled=st.booleans(),
    seed=seeds,
)
@few
def test_recurrent_dropout_strikes_a_unit_for_a_whole_sequence(
    kind, rate, compiled, seed
):
    inputs = np.random.default_rng(seed).uniform(1, 2, (400, 5, 6))
    recurrent = 1 - rate  # as large as before where it is not struck out
    layer = summing(kind, 6, recurrent, recurrent_dropout=rate, seed=seed)
    h = learning(layer, inputs, compiled)
    assert_close(h[:, 0], inputs[:, 0])
    heard = (h[:, 1:] - inputs[:, 1:]) / h[:, :-1]
    check_mask(heard / recurrent, rate)


def check_mask(mask, rate):
    """Hold a mask of 400 sequences, at all steps, to what is promised."""
    kept = mask[:, 0] > 0.5
    # One value for all steps: struck out, or scaled so that the mean stays.
    expected = np.where(kept, 1 / (1 - rate), 0)[:, None]
    assert_close(mask, np.broadcast_to(expected, mask.shape), 1e-4)
    # Each sequence and each channel has its own: five standard deviations.
    error = 5 * np.sqrt(rate * (1 - rate))
    assert abs(kept.mean() - (1 - rate)) < error / np.sqrt(kept.size)
    for one in range(kept.shape[1]):
        assert abs(kept[:, one].mean() - (1 - rate)) < error / 20
    correlated = np.corrcoef(kept.T)[np.triu_indices(kept.shape[1], 1)]
    assert np.abs(correlated).max() < 0.4


@every_layer
def test_what_recurrent_dropout_does_to_a_memory(kind):
    """It strikes out the hidden state: for some layers that is the memory."""
    early = np.zeros((2000, 6, 1))
    early[:, 0] = 1
    layer = summing(kind, 1, 1.0, recurrent_dropout=0.5, seed=1)
    if kind is LSTM:  # nothing is heard again: the cell keeps it
        kernel, none, bias = layer.get_weights()
        layer.set_weights([kernel, 0 * none, np.abs(bias)])
    elif kind is GRU:  # written at the tell alone, and kept by the update gate
        kernel, none, bias = layer.get_weights()
        kernel[0, 0], bias[0, 0] = -80, 40
        layer.set_weights([kernel, 0 * none, bias])
    h = learning(layer, early)[..., 0]
    spared = kind is LSTM or (kind is GRU and MASK_FOR_EACH_GATE)
    survivors = h[h[:, 1] > 0]
    doubled = 2.0 ** np.arange(6)
    assert_close(survivors - (1 if spared else doubled), 0)
    share = len(survivors) / 2000
    assert share == 1 if spared else abs(share - 0.5) < 5 * 0.5 / 2000**0.5
    assert not h[h[:, 1] == 0, 1:].any()


@pytest.mark.parametrize("kind", [LSTM, GRU])
@pytest.mark.parametrize("recurrent", [False, True])
def test_gates_share_a_mask_or_have_their_own(kind, recurrent):
    """Seen in the product of a gate (i, or 1 - z) and the candidate."""
    rates = {"dropout": 0.5, "recurrent_dropout": 0.5 * recurrent}
    layer = kind(
        1,
        activation="linear",
        recurrent_activation="linear",
        seed=1,
        **rates,
    )
    layer.build((None, None, 1))
    kernel, recurrent_kernel, bias = map(np.zeros_like, layer.get_weights())
    if kind is LSTM:  # h = o * i * g with i = g = x and o = 1
        kernel[0, [0, 2]], bias[3] = 1, 1
    else:  # h = (1 - z) * g with z = 1 - x and g = x
        kernel[0, [0, 2]], bias[0, 0] = (-1, 1), 1
    layer.set_weights([kernel, recurrent_kernel, bias])
    product = learning(layer, np.ones((2000, 1, 1)))[:, 0]
    assert set(np.unique(product)) == {0, 4}
    # Both are there in 1/4 of the sequences, or they are one and the same.
    share = 0.25 if recurrent and MASK_FOR_EACH_GATE else 0.5
    assert abs(np.mean(product == 4) - share) < 5 * 0.5 / 2000**0.5
