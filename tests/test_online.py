"""The kernel of 1997 against its equations, Keras and itself."""

import dataclasses
import hashlib
import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from memnets.training.kernels.online import Network, answer, draw, learn

pytestmark = pytest.mark.versions

ROOT = pathlib.Path(__file__).resolve().parent.parent
NETWORKS = {
    "blocks": Network(2, 2, 3, 2),
    "cells": Network(3, 1, 2, 1, feedback="cells", biases="gates"),
    "linear": Network(
        2, 1, 2, 2, output_biases=True, linear=True, shortcut=True
    ),
    "2a": Network(
        2,
        2,
        5,
        5,
        feedback=None,
        biases=None,
        output_gate=False,
        logistic=True,
        identity=True,
        shortcut=True,
    ),
}
SYMBOLS = {
    "blocks": Network(2, 2, 3, 2, symbols=True),
    "cells": Network(3, 1, 2, 1, True, feedback="cells", biases="gates"),
    "2a": Network(2, 1, 4, 4, True, None, None, False, shortcut=True),
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(network, weights, inputs, targets, rate, each_step=False):
    """Learn a sequence by the equations of the paper, in float64.

    The derivatives of the states go forward in time (A.1).
    """
    weights = [part.copy() for part in network.split(weights.astype(float))]
    kernel, fed_back, bias, from_cells, from_inputs, output_bias = weights
    blocks, size = network.blocks, network.cells_per_block
    cells, gates = blocks * size, blocks * (1 + network.output_gate)
    block = np.repeat(np.arange(blocks), size)
    y, s, seen_gates = np.zeros(cells), np.zeros(cells), np.zeros(gates)
    steps, scored = len(inputs), len(targets)
    traces = np.zeros((2, len(kernel) + len(fed_back) + 1, cells))
    slopes = [np.zeros_like(part) for part in weights]
    outputs = []
    for t, x in enumerate(inputs):
        past = np.concatenate([y, seen_gates])[: len(fed_back)]
        seen = np.concatenate([x, past, [1]])
        z = x @ kernel + past @ fed_back
        z[: bias.shape[1]] += bias[0]
        seen_gates = sigmoid(z[:gates])
        i = seen_gates[block]
        o = seen_gates[blocks + block] if network.output_gate else 1.0
        g, dg = sigmoid(z[gates:]), None
        dg = g * (1 - g)
        if not network.logistic:
            g, dg = 4 * g - 2, 4 * dg
        s = s + i * g
        h, dh = s, np.ones(cells)
        if not network.identity:
            h = 2 * sigmoid(s) - 1
            dh = 2 * sigmoid(s) * (1 - sigmoid(s))
        y = o * h
        traces[0] += np.outer(seen, g * i * (1 - i))
        traces[1] += np.outer(seen, i * dg)
        if t < steps - scored:
            continue
        out = y @ from_cells
        if network.shortcut:
            out = out + x @ from_inputs
        if network.output_biases:
            out = out + output_bias[0]
        error = targets[t - steps + scored]
        out = out if network.linear else sigmoid(out)
        outputs.append(out)
        error = out - error
        if not network.linear:
            error = error * out * (1 - out)
        dy = from_cells @ error
        slopes[3] += np.outer(y, error)
        if network.shortcut:
            slopes[4] += np.outer(x, error)
        if network.output_biases:
            slopes[5] += error
        hidden = np.zeros((len(seen), gates + cells))
        for c in range(cells):
            ds = (dy * o * dh)[c]
            hidden[:, block[c]] += ds * traces[0, :, c]
            hidden[:, gates + c] += ds * traces[1, :, c]
            if network.output_gate:
                slope = o[c] * (1 - o[c])
                hidden[:, blocks + block[c]] += dy[c] * h[c] * slope * seen
        slopes[0] += hidden[: len(kernel)]
        slopes[1] += hidden[len(kernel) : -1]
        slopes[2] += hidden[-1, : bias.shape[1]]
        if each_step or t == steps - 1:
            for part, slope in zip(weights, slopes):
                part -= rate * slope
                slope[:] = 0
    return np.concatenate([part.ravel() for part in weights]), outputs


def random_case(network, seeds, sequences=3, steps=20, scored=None, seed=0):
    """Draw weights, inputs, targets and lengths; large weights, to be seen."""
    rng = np.random.default_rng(seed)
    weights = np.stack([draw(network, 0.7, rng) for _ in range(seeds)])
    shape = seeds, sequences, steps
    if network.symbols:
        inputs = rng.integers(network.inputs, size=shape)
    else:
        inputs = rng.normal(size=(*shape, network.inputs)).astype("f")
    shape = seeds, sequences, scored or steps, network.outputs
    targets = rng.random(shape).astype("f")
    lengths = rng.integers(steps // 2, steps + 1, shape[:2])
    return weights, inputs, targets, lengths


def learnt(network, weights, *args, **options):
    """Return the weights after learning, and the outputs."""
    weights = weights.copy()
    outputs = learn(network, weights, *args, **options)
    return weights, outputs


@pytest.mark.parametrize("each_step", [False, True], ids=["after", "each"])
@pytest.mark.parametrize("scored", [1, 40], ids=["end", "every"])
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_change_as_the_equations_say(name, scored, each_step):
    network = NETWORKS[name]
    weights, inputs, targets, lengths = random_case(network, 3, 1, 40, scored)
    given = inputs, targets, 0.1, lengths, each_step
    found, outputs = learnt(network, weights, *given)
    for k, length in enumerate(lengths[:, 0]):
        expected, answers = reference(
            network,
            weights[k],
            inputs[k, 0, -length:],
            targets[k, 0, -length:],
            0.1,
            each_step,
        )
        change = np.abs(expected - weights[k])
        assert change.min() > 0  # every weight has a gradient
        rounding = 1e-7 + 1e-5 * change.max()
        assert np.abs(found[k] - expected).max() < rounding
        answered = outputs[k, 0, -len(answers) :]
        np.testing.assert_allclose(answered, answers, atol=1e-5)
        assert not outputs[k, 0, : -len(answers)].any()


@pytest.mark.parametrize("each_step", [False, True], ids=["after", "each"])
@pytest.mark.parametrize("name", SYMBOLS)
def test_symbols_are_one_hot_inputs(name, each_step):
    network = SYMBOLS[name]
    weights, inputs, targets, lengths = random_case(network, 11)
    given = targets, 0.3, lengths, each_step
    found, outputs = learnt(network, weights, inputs, *given)
    dense = dataclasses.replace(network, symbols=False)
    inputs = np.eye(network.inputs)[inputs]
    expected, answers = learnt(dense, weights, inputs, *given)
    assert np.abs(found - weights).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(outputs, answers, atol=1e-6)


@pytest.mark.parametrize("scored", [1, 20], ids=["end", "every"])
def test_a_hundred_sequences_teach_what_keras_teaches(scored):
    keras = pytest.importorskip("keras")
    from memnets import LSTM1997

    network = Network(2, 2, 3, 2, output_biases=True)
    weights, inputs, targets, _ = random_case(network, 1, 100, 20, scored)
    every = scored > 1
    layers = [
        keras.Input((20, 3)),
        LSTM1997(2, 2, truncated=True, return_sequences=every),
        keras.layers.Dense(2, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    parts = network.split(weights[0])
    parts = [part.ravel() if len(part) == 1 else part for part in parts]
    model.set_weights([part for part in parts if part.size])

    def half_sum(answers, outputs):
        return 0.5 * keras.ops.sum((outputs - answers) ** 2)

    model.compile(keras.optimizers.SGD(0.2), half_sum)
    wanted = targets[0] if every else targets[0, :, 0]
    model.fit(inputs[0], wanted, batch_size=1, shuffle=False, verbose=0)
    found, _ = learnt(network, weights, inputs, targets, 0.2)
    expected = np.concatenate([part.ravel() for part in model.get_weights()])
    assert np.abs(expected - weights[0]).max() > 0.1
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("each_step", [False, True], ids=["after", "each"])
@pytest.mark.parametrize("parts", [(8,), (16,), (8, 8), (8, 8, 8)], ids=str)
@pytest.mark.parametrize("name", ["blocks", "2a"])
def test_company_changes_no_bit(name, parts, each_step):
    network = (NETWORKS if name == "blocks" else SYMBOLS)[name]
    weights, inputs, targets, lengths = random_case(network, 19, steps=50)
    rates = np.linspace(0.1, 0.3, 19)
    found, outputs = learnt(
        network, weights, inputs, targets, rates, lengths, each_step, parts
    )
    assert np.all(np.abs(found - weights).max(1) > 0.01)
    for k in (0, 7, 18):
        # Alone, it also learns from arrays no longer than it needs.
        longest = lengths[k].max()
        alone, answers = learnt(
            network,
            weights[k : k + 1],
            inputs[k : k + 1, :, -longest:],
            targets[k : k + 1, :, -longest:],
            rates[k],
            lengths[k : k + 1],
            each_step,
        )
        assert longest < 50 or k
        assert alone[0].tobytes() == found[k].tobytes()
        assert answers[0].tobytes() == outputs[k, :, -longest:].tobytes()


def test_calls_can_be_cut_anywhere():
    network = NETWORKS["blocks"]
    weights, inputs, targets, lengths = random_case(network, 3, 10)
    found, outputs = learnt(network, weights, inputs, targets, 0.1, lengths)
    again, parts = weights.copy(), []
    for cut in (slice(0, 1), slice(1, 7), slice(7, 10)):
        given = inputs[:, cut], targets[:, cut], 0.1, lengths[:, cut]
        parts.append(learn(network, again, *given))
    assert again.tobytes() == found.tobytes()
    assert np.concatenate(parts, 1).tobytes() == outputs.tobytes()


@pytest.mark.parametrize("each_step", [False, True], ids=["after", "each"])
@pytest.mark.parametrize("how", ["rate", "length", "nan"])
def test_a_stopped_network_keeps_its_weights(how, each_step):
    network = NETWORKS["blocks"]
    weights, inputs, targets, lengths = random_case(network, 9)
    rates = np.full(9, 0.1)
    given = inputs, targets, rates, lengths, each_step
    expected, answers = learnt(network, weights, *given)
    if how == "rate":
        rates[4] = 0
    elif how == "length":
        lengths[4] = 0
    else:  # stopped, for it has diverged
        lengths[4], weights[4] = 0, np.nan
        inputs[4] = targets[4] = np.nan
    found, outputs = learnt(network, weights, *given)
    np.testing.assert_array_equal(found[4], weights[4])
    others = np.arange(9) != 4
    assert found[others].tobytes() == expected[others].tobytes()
    assert outputs[others].tobytes() == answers[others].tobytes()
    if how != "rate":
        assert not outputs[4].any()


@pytest.mark.parametrize("each_step", [False, True], ids=["after", "each"])
def test_nan_stays_in_its_network(each_step):
    network = NETWORKS["blocks"]
    weights, inputs, targets, lengths = random_case(network, 9)
    given = inputs, targets, 0.1, lengths, each_step
    expected, answers = learnt(network, weights, *given)
    inputs[4, 0, -1] = np.nan
    found, outputs = learnt(network, weights, *given)
    assert np.isnan(found[4]).any() and np.isnan(outputs[4, 1:]).any()
    others = np.arange(9) != 4
    assert found[others].tobytes() == expected[others].tobytes()
    assert outputs[others].tobytes() == answers[others].tobytes()


def test_answers_are_those_of_learning_and_change_nothing():
    network = NETWORKS["linear"]
    weights, inputs, targets, lengths = random_case(network, 2)
    found, outputs = learnt(network, weights, inputs, targets, 0, lengths)
    answers = answer(network, weights, inputs, lengths, scored=20)
    assert answers.tobytes() == outputs.tobytes()
    assert found.tobytes() == weights.tobytes()
    last = answer(network, weights, inputs, lengths)
    assert last.tobytes() == answers[:, :, -1:].tobytes()


def recall(rng, seeds, sequences, lag):
    """Draw sequences whose first symbol is to be said at the end."""
    inputs = rng.integers(2, 6, (seeds, sequences, lag))
    inputs[:, :, 0] = rng.integers(0, 2, (seeds, sequences))
    return inputs, np.eye(2)[inputs[:, :, :1]]


@pytest.fixture(scope="module")
def players():
    """Eight networks that have learnt to recall over 20 steps."""
    network = Network(2, 1, 6, 2, symbols=True, biases="gates")
    generators = [np.random.default_rng(seed) for seed in range(8)]
    weights = np.stack(
        [draw(network, 0.2, rng, [-1, -2], [-1, -2]) for rng in generators]
    )
    rng = np.random.default_rng(8)
    for _ in range(10):
        learn(network, weights, *recall(rng, 8, 500, 20), 0.5)
    return network, weights


def test_memory_is_learnt(players):
    network, weights = players
    inputs, targets = recall(np.random.default_rng(9), 8, 200, 20)
    error = np.abs(answer(network, weights, inputs) - targets)
    solved = error.max((1, 2, 3)) < 0.3
    assert solved.sum() >= 7


def test_what_was_told_moves_the_answer_and_nothing_before(players):
    network, weights = players
    inputs = recall(np.random.default_rng(9), 8, 1, 20)[0]
    told = np.roll(inputs, 5, 2)  # now told at step 5
    moved = told.copy()
    moved[:, :, 5] = 1 - moved[:, :, 5]
    before, after = (
        answer(network, weights, x, scored=20) for x in (told, moved)
    )
    assert np.array_equal(before[:, :, :5], after[:, :, :5])
    change = np.abs(before - after)[:, 0, -1].max(-1)
    assert np.median(change) > 0.5


def test_the_counts_of_weights_are_those_of_the_paper():
    plain = {"output_gate": False, "shortcut": True}
    counts = {
        Network(4, 1, 7, 7, biases="gates"): 264,  # experiment 1
        Network(3, 2, 7, 7, biases="gates"): 276,
        Network(1, 1, 101, 101, True, None, None, **plain): 10504,  # 2a
        Network(2, 1, 54, 2, biases=None): 364,  # 2c
        Network(2, 1, 1004, 2, biases=None): 6064,
        Network(3, 1, 1, 1): 102,  # 3
        Network(2, 2, 2, 1, output_biases=True): 93,  # 4 and 5
        Network(2, 2, 8, 4, output_biases=True): 156,  # 6a
        Network(3, 2, 8, 8, output_biases=True): 308,  # 6b
    }
    assert [network.count for network in counts] == list(counts.values())


def test_biases_of_gates_can_be_given():
    network = Network(2, 2, 1, 1)
    rng = np.random.default_rng(1)
    biases = network.split(draw(network, 0.1, rng, [-3, -6], [-1, -2]))[2]
    np.testing.assert_array_equal(biases[0, :4], [-3, -6, -1, -2])
    assert np.abs(biases[0, 4:]).max() < 0.1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"inputs": np.full((2, 1, 5), 3)}, "inputs must be 0 to 2, got 3"),
        ({"inputs": np.full((2, 1, 5), -1)}, "inputs must be 0 to 2, got -1"),
        ({"lengths": np.full((2, 1), 6)}, "lengths must be 0 to 5, got 6"),
        ({"weights": np.zeros((2, 7), "f")}, r"weights must be \(2, "),
        ({"targets": np.zeros((2, 2, 1, 2))}, r"targets must be \(2, 1, "),
    ],
    ids=["symbol", "negative", "lengths", "weights", "targets"],
)
def test_wrong_input_is_refused(change, message):
    network = SYMBOLS["blocks"]
    given = dict(
        zip(
            ("weights", "inputs", "targets", "lengths"),
            random_case(network, 2, 1, 5),
        )
    )
    with pytest.raises(ValueError, match=message):
        learn(network, rate=0.1, **{**given, **change})


TARGETS = {
    "host": {},
    "haswell": {"NUMBA_CPU_NAME": "haswell"},
    "nehalem": {
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": "+sse2",
    },
}


def fingerprint():
    """Return a hash of what small networks learn, in every mode."""
    found = hashlib.sha256()
    tables = NETWORKS.values(), SYMBOLS.values(), (False, True)
    for network, each_step in itertools.chain(
        itertools.product(tables[0], tables[2]),
        itertools.product(tables[1], tables[2]),
    ):
        weights, inputs, targets, lengths = random_case(network, 9)
        given = inputs, targets, 0.2, lengths, each_step, (8,)
        for array in learnt(network, weights, *given):
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def test_every_processor_learns_the_same_bits(tmp_path):
    found = {}
    for name, variables in TARGETS.items():
        variables = dict(variables, NUMBA_CACHE_DIR=str(tmp_path / name))
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        code = "import test_online; print(test_online.fingerprint())"
        found[name] = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **variables, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    assert len(set(found.values())) == 1, found
