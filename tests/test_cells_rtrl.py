"""Real-time recurrent learning finds the gradient of the whole past."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from memnets.scratch import rtrl

pytestmark = pytest.mark.versions


def drawn(units=4, channels=2, timesteps=9, answering=2, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(units, units + channels + 1))
    inputs = rng.normal(size=(timesteps, channels))
    targets = rng.random((timesteps, answering))
    targets[rng.random(targets.shape) < 0.3] = np.nan
    return weights, inputs, targets


def by_backpropagation(weights, inputs, targets):
    """Return error and gradient of Keras's own simple network."""
    units, columns = weights.shape
    layer = keras.layers.SimpleRNN(
        units, activation="sigmoid", return_sequences=True, dtype="float64"
    )
    layer.build((None, None, columns - units - 1))
    parts = np.split(weights.T, [units, columns - 1])
    layer.set_weights([parts[1], parts[0], parts[2][0]])
    with tf.GradientTape() as tape:
        answers = layer(inputs[None])[0, :, : targets.shape[1]]
        known = ~np.isnan(targets)
        error = 0.5 * tf.reduce_sum(
            tf.boolean_mask(answers - targets, known) ** 2
        )
    W, U, b = tape.gradient(error, layer.trainable_variables)
    return float(error), np.concatenate([U, W, b[None]]).T


@pytest.mark.parametrize(
    "sizes", [{}, {"units": 1, "answering": 1}, {"timesteps": 40}]
)
def test_the_gradient_is_that_of_backpropagation_through_time(sizes):
    given = drawn(**sizes)
    error, gradient = rtrl.gradient(*given)
    expected, slopes = by_backpropagation(*given)
    assert abs(error - expected) < 1e-12
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-12)
    assert np.abs(gradient).max() > 1e-3


def test_the_sensitivities_are_the_derivatives_of_the_activity():
    weights, inputs, _ = drawn(units=3, timesteps=5)

    def end(weights):
        memory = rtrl.start(weights)
        for x in inputs:
            memory = rtrl.step(weights, memory, x)
        return memory

    found = end(weights).sensitivity
    for place in np.ndindex(weights.shape):
        moved = np.zeros_like(weights)
        moved[place] = 1e-5
        rise = end(weights + moved).activity - end(weights - moved).activity
        np.testing.assert_allclose(
            found[(slice(None), *place)],
            rise / 2e-5,
            atol=1e-9,
        )


def test_learning_online_is_a_step_down_the_gradient_at_every_step():
    weights, inputs, targets = drawn(timesteps=6)
    before = weights.copy()
    learned, answers = rtrl.learn_online(weights, inputs, targets, 1e-6)
    np.testing.assert_array_equal(weights, before)
    _, gradient = rtrl.gradient(weights, inputs, targets)
    # For a small rate the steps add up to one along the whole gradient.
    np.testing.assert_allclose(
        (before - learned) / 1e-6, gradient, atol=1e-4 * np.abs(gradient).max()
    )
    # The first answer comes before any learning, the second after one step.
    memory = rtrl.step(weights, rtrl.start(weights), inputs[0])
    np.testing.assert_array_equal(answers[0], memory.activity[:2])
    _, moved = rtrl.learn_online(weights, inputs, targets, 5.0)
    np.testing.assert_array_equal(moved[0], answers[0])
    assert np.abs(moved[1:] - answers[1:]).max() > 1e-2


def test_it_learns_while_it_runs_to_answer_from_two_steps_back():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, 4002).astype(float)
    weights = rng.uniform(-0.5, 0.5, (4, 4 + 1 + 1))
    targets = np.stack([bits[:-2]], axis=1)
    _, answers = rtrl.learn_online(weights, bits[2:, None], targets, 1.0)
    wrong = np.abs(answers - targets)[:, 0] > 0.5
    assert 0.3 < wrong[:200].mean() and wrong[-500:].mean() < 0.02


def test_costs_are_counted():
    """Against the same sums, written out as loops that count."""
    n, channels, timesteps = 3, 2, 5
    m = n + channels + 1
    found = rtrl.costs(n, channels, timesteps)
    count = 0
    for _ in range(timesteps):
        count += n * m + n  # W z and the slopes
        for _unit in range(n):
            for _weight in range(n * m):
                count += n + 1  # the sum over l, times the slope
                count += 1  # the error's share
    assert found["rtrl"].multiplications == count
    memory = rtrl.start(np.zeros((n, m)))
    kept = memory.activity.size + memory.sensitivity.size
    assert found["rtrl"].numbers == kept
    # With the length both grow alike, but only one of them keeps the past.
    double = rtrl.costs(n, channels, 2 * timesteps)
    for name in ("rtrl", "bptt"):
        assert double[name].multiplications == 2 * found[name].multiplications
    assert double["rtrl"].numbers == found["rtrl"].numbers
    assert double["bptt"].numbers - found["bptt"].numbers == timesteps * m
    # With the units the one grows like n^4, the other like n^2.
    large, larger = (rtrl.costs(n, 1, 1) for n in (1000, 2000))
    for name, power in (("rtrl", 4), ("bptt", 2)):
        ratio = larger[name].multiplications / large[name].multiplications
        assert abs(np.log2(ratio) - power) < 0.01


@pytest.mark.parametrize(
    ("weights", "inputs", "targets", "words"),
    [
        ((4, 4), (5, 2), (5, 1), r"weights.*\(unit, unit.*\(4, 4\)"),
        ((4, 7), (5, 3), (5, 1), r"inputs.*\(time, 2\).*\(5, 3\)"),
        ((4, 7), (5, 2), (4, 1), r"targets.*\(5, 1 to 4\).*\(4, 1\)"),
        ((4, 7), (5, 2), (5, 5), r"targets.*\(5, 1 to 4\).*\(5, 5\)"),
        ((4, 7), (5, 2), (5,), r"targets.*\(5, 1 to 4\).*\(5,\)"),
    ],
)
def test_wrong_shapes_are_refused_by_name(weights, inputs, targets, words):
    arrays = map(np.zeros, (weights, inputs, targets))
    with pytest.raises(ValueError, match=words):
        rtrl.gradient(*arrays)


def test_wrong_counts_are_refused_by_name():
    with pytest.raises(ValueError, match=r"units.*at least 1.*0"):
        rtrl.costs(0, 1, 1)
    with pytest.raises(TypeError, match=r"timesteps.*integer.*2.5"):
        rtrl.costs(1, 1, 2.5)
