import numpy as np
import pytest

from memnets.scratch import rtrl as equations
from memnets.training.kernels import rtrl

NETWORK = rtrl.Network(2, 4, 3)
RATE = 0.7


def drawn(networks=3, sequences=4, steps=6, seed=0):
    rng = np.random.default_rng(seed)
    shape = networks, sequences, steps
    weights = rng.uniform(-1, 1, (networks, NETWORK.count))
    inputs = rng.integers(0, 2, (*shape, 4)).astype(np.float32)
    targets = rng.integers(0, 2, (*shape, 3)).astype(np.float32)
    lengths = rng.integers(1, steps + 1, shape[:2])
    return weights.astype(np.float32), inputs, targets, lengths


def test_the_kernel_learns_like_the_equations():
    weights, inputs, targets, lengths = drawn()
    learned = weights.copy()
    answers = rtrl.learn(NETWORK, learned, inputs, targets, RATE, lengths)
    for n, own in enumerate(weights):
        w = own.reshape(5, 10).astype(float)
        for k, length in enumerate(lengths[n]):
            at = np.s_[n, k, 6 - length :]
            w, found = equations.learn_online(w, inputs[at], targets[at], RATE)
            np.testing.assert_allclose(answers[at], found, atol=1e-6)
            assert not answers[n, k, : 6 - length].any()
        np.testing.assert_allclose(learned[n], w.ravel(), atol=2e-6)
    assert np.abs(learned - weights).max() > 0.1


def test_answers_leave_the_weights_and_forget_the_last_sequence():
    weights, inputs, _, lengths = drawn()
    before = weights.copy()
    found = rtrl.answer(NETWORK, weights, inputs, lengths)
    np.testing.assert_array_equal(weights, before)
    alone = rtrl.answer(NETWORK, weights, inputs[:, 2:3], lengths[:, 2:3])
    np.testing.assert_array_equal(found[:, 2:3], alone)


def test_what_was_read_first_moves_the_last_answer():
    weights, inputs, _, _ = drawn()
    other = inputs.copy()
    other[0, 0, 0] = 1 - other[0, 0, 0]
    moved = rtrl.answer(NETWORK, weights, other) != rtrl.answer(
        NETWORK, weights, inputs
    )
    assert moved[0, 0, -1].all()
    assert not moved[0, 1:].any() and not moved[1:].any()


@pytest.mark.parametrize("networks", [8, 17])
def test_a_network_learns_the_same_whatever_the_others_do(networks):
    weights, inputs, targets, lengths = drawn(networks)
    together = weights.copy()
    rtrl.learn(NETWORK, together, inputs, targets, RATE, lengths)
    alone = weights[-1:].copy()
    given = inputs[-1:], targets[-1:], RATE, lengths[-1:]
    rtrl.learn(NETWORK, alone, *given)
    np.testing.assert_array_equal(together[-1:], alone)


def test_wrong_shapes_are_refused():
    weights, inputs, targets, _ = drawn()
    with pytest.raises(ValueError, match=r"weights must be \(3, 50\)"):
        rtrl.learn(NETWORK, weights[:, :-1], inputs, targets, RATE)
    with pytest.raises(ValueError, match="lengths must be 0 to 6, got 7"):
        rtrl.answer(NETWORK, weights, inputs, np.full((3, 4), 7))
