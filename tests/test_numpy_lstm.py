"""The LSTM from scratch is Keras's LSTM, forward and backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets.scratch import lstm as numpy_lstm

pytestmark = pytest.mark.versions

SIZES = st.fixed_dictionaries(
    {
        "batch": st.integers(1, 4),
        "time": st.integers(1, 12),
        "channels": st.integers(1, 5),
        "units": st.integers(1, 6),
        "seed": st.integers(0, 2**31),
    }
)


def draw(batch, time, channels, units, seed, dtype="float64"):
    """Return inputs, weights and errors that reach all parts of the gates."""
    rng = np.random.default_rng(seed)
    shapes = {
        "inputs": (batch, time, channels),
        "kernel": (channels, 4 * units),
        "recurrent_kernel": (units, 4 * units),
        "bias": (4 * units,),
        "error": (batch, time, units),
    }
    drawn = {k: rng.normal(size=v).astype(dtype) for k, v in shapes.items()}
    return drawn, drawn.pop("error")


def keras_gradients(drawn, error):
    """Return Keras's output and the gradients of sum(output * error)."""
    inputs, *weights = drawn.values()
    layer = keras.layers.LSTM(len(weights[1]), return_sequences=True)
    layer.build(inputs.shape)
    layer.set_weights(weights)
    watched = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        output = layer(watched)
        loss = tf.reduce_sum(output * error)
    wanted = [watched, *(w.value for w in layer.trainable_weights)]
    return output.numpy(), tape.gradient(loss, wanted)


@settings(max_examples=20)
@given(SIZES)
def test_it_is_keras_forward_and_backward(sizes):
    drawn, error = draw(**sizes, dtype="float32")
    output, wanted = keras_gradients(drawn, error)
    states = numpy_lstm.forward(**drawn)
    np.testing.assert_allclose(states.hidden, output, rtol=0, atol=1e-6)
    del drawn["bias"]
    gradients = numpy_lstm.backward(**drawn, states=states, error=error)
    for name, mine, theirs in zip(gradients._fields, gradients, wanted):
        # Each is a sum over sequences and steps, as are its roundings.
        atol = 1e-5 * max(1, np.abs(theirs).max())
        np.testing.assert_allclose(mine, theirs, 0, atol, err_msg=name)


def test_a_layers_weights_fit_as_they_are():
    layer = keras.layers.LSTM(4, return_sequences=True)
    inputs = np.random.default_rng(1).normal(size=(3, 50, 2)).astype("float32")
    output = layer(inputs)
    states = numpy_lstm.forward(inputs, *layer.get_weights())
    np.testing.assert_allclose(states.hidden, output, rtol=0, atol=1e-6)


def loss(drawn, error):
    return np.sum(numpy_lstm.forward(**drawn).hidden * error)


@settings(max_examples=20)
@given(SIZES)
def test_every_gradient_is_the_slope_of_the_loss(sizes):
    drawn, error = draw(**sizes)
    states = numpy_lstm.forward(**drawn)
    weights = {k: v for k, v in drawn.items() if k != "bias"}
    gradients = numpy_lstm.backward(**weights, states=states, error=error)
    rng = np.random.default_rng(sizes["seed"])
    for name, values in drawn.items():
        # In a random direction all entries take part at once.
        direction = rng.normal(size=values.shape)
        ends = [
            loss({**drawn, name: values + step * direction}, error)
            for step in (1e-6, -1e-6)
        ]
        slope = np.sum(getattr(gradients, name) * direction)
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(
            slope, rel=1e-6, abs=1e-7
        ), name


@settings(max_examples=20)
@given(SIZES, st.data())
def test_errors_of_memory_and_output_are_the_slopes_at_their_step(sizes, data):
    """What follows a step is a fresh network that starts from its states."""
    drawn, error = draw(**sizes)
    states = numpy_lstm.forward(**drawn)
    weights = {k: v for k, v in drawn.items() if k != "bias"}
    gradients = numpy_lstm.backward(**weights, states=states, error=error)
    t = data.draw(st.integers(0, sizes["time"] - 1))
    rng = np.random.default_rng(sizes["seed"])
    direction = rng.normal(size=states.hidden[:, t].shape)
    c, h, o = (
        getattr(states, name)[:, t]
        for name in ("cell_state", "hidden", "output_gate")
    )

    def rest(c, h):
        """Return the loss from step t on, from what t remembers and says."""
        total = np.sum(h * error[:, t])
        for x, e in zip(
            drawn["inputs"].swapaxes(0, 1)[t + 1 :],
            error.swapaxes(0, 1)[t + 1 :],
        ):
            z = x @ drawn["kernel"] + h @ drawn["recurrent_kernel"]
            i, f, g, o = np.split(z + drawn["bias"], 4, axis=1)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            c = f * c + i * np.tanh(g)
            h = o * np.tanh(c)
            total += np.sum(h * e)
        return total

    up, down = 1e-6 * direction, -1e-6 * direction
    said = rest(c, h + up) - rest(c, h + down)
    # The memory moves the output of its own step too.
    kept = rest(c + up, o * np.tanh(c + up)) - rest(
        c + down, o * np.tanh(c + down)
    )
    for name, change in (("hidden", said), ("cell_state", kept)):
        slope = np.sum(getattr(gradients, name)[:, t] * direction)
        assert change / 2e-6 == pytest.approx(slope, rel=1e-6, abs=1e-7), name


def test_an_untouched_memory_passes_its_error_on_unchanged():
    """The lecture's silence: nothing read or written, so times 1 each step."""
    kernel, recurrent_kernel = np.zeros((1, 4)), np.zeros((1, 4))
    inputs = np.ones((1, 100, 1))
    # Input gate shut, forget gate open, output gate shut.
    bias = np.array([-100.0, 100, 0, -100])
    states = numpy_lstm.forward(inputs, kernel, recurrent_kernel, bias)
    states.output_gate[:, -1] = 1  # read at the end
    error = np.zeros_like(states.hidden)
    error[:, -1] = 1
    gradients = numpy_lstm.backward(
        inputs, kernel, recurrent_kernel, states, error
    )
    np.testing.assert_allclose(gradients.cell_state, 1, rtol=0, atol=1e-12)
    assert gradients.hidden[0, :-1].max() == 0


def test_gates_that_are_wide_open_or_shut_do_not_overflow():
    inputs = np.array([[[1e4], [-1e4]]], np.float32)
    weights = np.ones((1, 4), np.float32), np.ones((1, 4), np.float32)
    with np.errstate(all="raise"):
        states = numpy_lstm.forward(inputs, *weights, np.zeros(4, np.float32))
    np.testing.assert_array_equal(states.forget_gate[0, :, 0], [1, 0])


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("inputs", (3, 2), r"inputs .* \(3, 2\)"),
        ("inputs", (3, 4, 3), r"kernel.*\(3, 16\).*got \(\(2, 16\)"),
        ("kernel", (2, 12), r"kernel.*\(2, 16\).*got \(\(2, 12\)"),
        ("bias", (4,), r"bias .*\(16,\).*got .*\(4,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name, shape, words):
    drawn, _ = draw(3, 5, 2, 4, 0)
    with pytest.raises(ValueError, match=words):
        numpy_lstm.forward(**{**drawn, name: np.zeros(shape)})


def test_an_error_that_would_be_stretched_is_refused():
    drawn, _ = draw(3, 5, 2, 4, 0)
    states = numpy_lstm.forward(**drawn)
    del drawn["bias"]
    with pytest.raises(ValueError, match=r"\(3, 5, 4\), got \(3, 5, 1\)"):
        numpy_lstm.backward(**drawn, states=states, error=np.zeros((3, 5, 1)))
