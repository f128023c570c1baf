"""The kernel of streams against its equations, the kernel of 1997 and itself.

`reference` follows the papers' equations for one network, in float64.
"""

import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from memnets.training.kernels import online
from memnets.training.kernels.stream_network import Network, draw
from memnets.training.kernels.streams import (
    State,
    Turns,
    alternate,
    answer,
    learn,
)

pytestmark = pytest.mark.versions
f4 = np.float32

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The network of Gers, Schmidhuber and Cummins (2000).
REBER = Network(4, 2, 7, 7, symbols=True, biases="gates", shortcut=True)
NETWORKS = {
    "reber": REBER,
    "peepholes": Network(2, 2, 3, 2, peepholes=True, shortcut=True),
    "timing": Network(
        1, 1, 1, 1, peepholes=True, linear=True, g="identity", h="identity"
    ),
    "all fed back": Network(
        2, 1, 2, 3, feedback="all", g="logistic", output_biases=False
    ),
    "no forget gate": Network(
        2, 2, 3, 2, forget_gate=False, peepholes=True, biases=None
    ),
    "no feedback": Network(3, 1, 4, 2, symbols=True, feedback=None),
}
SQUASH = {
    "identity": (lambda z: z, lambda z: 1),
    "logistic": (
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    ),
}


def scaled(scale):
    """Return a logistic function with the range [-scale, scale]."""
    logistic, slope = SQUASH["logistic"]
    return (
        lambda z: 2 * scale * logistic(z) - scale,
        lambda z: 2 * scale * slope(z),
    )


G = {**SQUASH, "tanh": scaled(2)}
H = {**SQUASH, "tanh": scaled(1)}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def reference(network, weights, inputs, targets, rate, momentum=0.0):
    """Learn one stream by the equations, weight by weight, in float64.

    Each hidden unit's weights are one vector, from all that it may see:
    inputs, 1, outputs of cells and gates, and states of cells.

    Returns:
        The weights, the outputs and the states of the cells.
    """
    parts = [part.astype(float) for part in network.split(weights)]
    kernel, fed_back, bias, from_cells, from_inputs, out_bias, peep = parts
    blocks, size = network.blocks, network.cells_per_block
    cells, kinds = blocks * size, 2 + network.forget_gate
    gates, block = blocks * kinds, np.repeat(np.arange(blocks), size)
    inner, gslope = G[network.g]
    outer, hslope = H[network.h]
    # Rows: inputs, feedback, 1, states.
    m, n = len(kernel), len(fed_back)
    full = np.zeros((m + n + 1 + cells, gates + cells))
    free = np.zeros(full.shape, bool)
    full[:m], free[:m] = kernel, True
    full[m : m + n], free[m : m + n] = fed_back, True
    full[m + n, : bias.shape[1]], free[m + n, : bias.shape[1]] = bias, True
    order = ["input", "output", "forget"]
    for kind in range(kinds if network.peepholes else 0):
        row = ["input", "forget", "output"].index(order[kind])
        row -= row == 2 and not network.forget_gate
        for c in range(cells):
            at = m + n + 1 + c, kind * blocks + block[c]
            full[at], free[at] = peep[row, c], True
    out = np.concatenate([from_inputs, from_cells, out_bias])
    speed, out_speed = np.zeros_like(full), np.zeros_like(out)
    traces = np.zeros((cells, *full.shape))
    y, s, gate = np.zeros(cells), np.zeros(cells), np.zeros(gates)
    outputs = []
    for x, target in zip(inputs, targets):
        seen = np.concatenate([x, np.concatenate([y, gate])[:n], [1], s])
        z = seen @ full
        i = sigmoid(z[:blocks])[block]
        f = np.ones(cells)
        if network.forget_gate:
            f = sigmoid(z[2 * blocks : 3 * blocks])[block]
        g, dg = inner(z[gates:]), gslope(z[gates:]) * np.ones(cells)
        new = f * s + i * g
        for c in range(cells):
            traces[c] *= f[c]
            traces[c][:, block[c]] += seen * g[c] * i[c] * (1 - i[c])
            traces[c][:, gates + c] += seen * i[c] * dg[c]
            if network.forget_gate:
                column = 2 * blocks + block[c]
                traces[c][:, column] += seen * s[c] * f[c] * (1 - f[c])
        s, seen_late = new, seen.copy()
        seen_late[m + n + 1 :] = s
        z_out = (seen_late @ full)[blocks : 2 * blocks]
        o, h = sigmoid(z_out)[block], outer(s)
        y = o * h
        gate = np.concatenate([i[::size], o[::size], f[::size]])[:gates]
        shown = np.concatenate([x[: len(from_inputs)], y, [1][: len(out_bias)]])
        answered = shown @ out
        if not network.linear:
            answered = sigmoid(answered)
        outputs.append(answered)
        error = target - answered
        if not network.linear:
            error = error * answered * (1 - answered)
        dy = out[len(from_inputs) :][:cells] @ error
        change = np.zeros_like(full)
        for c in range(cells):
            change += dy[c] * o[c] * (hslope(s) * np.ones(cells))[c] * traces[c]
            slope = o[c] * (1 - o[c])
            change[:, blocks + block[c]] += dy[c] * h[c] * slope * seen_late
        speed = momentum * speed + rate * change * free
        out_speed = momentum * out_speed + rate * np.outer(shown, error)
        full, out = full + speed, out + out_speed
    peeps = [
        [full[m + n + 1 + c, kind * blocks + block[c]] for c in range(cells)]
        for kind in ([0, 2, 1] if network.forget_gate else [0, 1])
    ]
    a, b = len(from_inputs), len(from_inputs) + cells
    found = full[:m], full[m : m + n], full[m + n, : bias.shape[1]][: bias.size]
    found += out[a:b], out[:a], out[b:]
    found += (np.array(peeps[: len(peep)]),)
    return np.concatenate([p.ravel() for p in found]), np.array(outputs), s


def random_case(network, count, steps=60, seed=0):
    """Draw weights, inputs and targets; large weights, to be seen."""
    rng = np.random.default_rng(seed)
    weights = np.stack([draw(network, 0.7, rng) for _ in range(count)])
    if network.symbols:
        inputs = rng.integers(-1, network.inputs, (count, steps))
    else:
        inputs = rng.normal(size=(count, steps, network.inputs)).astype("f")
    targets = rng.random((count, steps, network.outputs)).astype("f")
    return weights, inputs, targets


def learnt(network, weights, inputs, targets, rate, **options):
    """Return the weights after learning, and the outputs."""
    made = {k: options.pop(k) for k in ("momentum", "parts") if k in options}
    state = State(network, weights, **made)
    outputs = learn(state, inputs, targets, rate, **options).outputs
    return state.weights, outputs


def dense(network, inputs):
    """Return inputs as numbers; symbols become one-hot."""
    if not network.symbols:
        return inputs.astype(float)
    return np.eye(network.inputs + 1)[inputs][..., : network.inputs]


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_change_as_the_equations_say(name, momentum):
    network = NETWORKS[name]
    weights, inputs, targets = random_case(network, 3)
    state = State(network, weights, momentum)
    outputs = learn(state, inputs, targets, 0.02).outputs
    for k in range(3):
        expected, answers, states = reference(
            network,
            weights[k],
            dense(network, inputs[k]),
            targets[k],
            0.02,
            momentum,
        )
        change = np.abs(expected - weights[k])
        assert change.min() > 0  # every weight has a gradient
        rounding = 1e-6 + 1e-5 * change.max()
        assert np.abs(state.weights[k] - expected).max() < rounding
        np.testing.assert_allclose(outputs[k], answers, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(state.cells[k], states, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("linear", [False, True])
def test_without_forget_gates_it_is_the_kernel_of_1997(linear):
    shared = {"feedback": "all", "output_biases": True, "linear": linear}
    old = online.Network(2, 2, 3, 2, shortcut=True, **shared)
    new = Network(2, 2, 3, 2, forget_gate=False, shortcut=True, **shared)
    assert new.count == old.count
    weights, inputs, targets = random_case(new, 11)
    found, outputs = learnt(new, weights, inputs, targets, 0.02)
    expected = weights.copy()
    answers = online.learn(
        *(old, expected, inputs[:, None], targets[:, None], 0.02),
        each_step=True,
    )
    assert np.abs(found - weights).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(outputs, answers[:, 0], atol=1e-5)


@pytest.mark.parametrize("parts", [(8,), (8, 8)], ids=str)
@pytest.mark.parametrize("name", ["reber", "peepholes"])
def test_company_changes_no_bit(name, parts):
    network = NETWORKS[name]
    weights, inputs, targets = random_case(network, 19)
    rates, lengths = np.linspace(0.1, 0.3, 19), np.arange(19) + 42
    options = {"momentum": 0.5, "parts": parts, "lengths": lengths}
    found, outputs = learnt(network, weights, inputs, targets, rates, **options)
    assert np.all(np.abs(found - weights).max(1) > 0.01)
    for k in (0, 7, 18):
        alone, answers = learnt(
            network,
            weights[k : k + 1],
            inputs[k : k + 1, : lengths[k]],
            targets[k : k + 1, : lengths[k]],
            rates[k],
            momentum=0.5,
        )
        assert alone[0].tobytes() == found[k].tobytes()
        assert answers[0].tobytes() == outputs[k, : lengths[k]].tobytes()
        assert not outputs[k, lengths[k] :].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_pieces_teach_the_same_as_the_whole(name):
    network = NETWORKS[name]
    weights, inputs, targets = random_case(network, 3)
    starts = np.random.default_rng(1).random((3, 60)) < 0.1
    whole = State(network, weights, 0.5)
    outputs = learn(whole, inputs, targets, 0.1, starts=starts).outputs
    cut, parts = State(network, weights, 0.5), []
    for part in (slice(0, 1), slice(1, 17), slice(17, 17), slice(17, 60)):
        given = inputs[:, part], targets[:, part], 0.1
        parts.append(learn(cut, *given, starts=starts[:, part]).outputs)
    assert cut.weights.tobytes() == whole.weights.tobytes()
    assert cut.cells.tobytes() == whole.cells.tobytes()
    assert np.concatenate(parts, 1).tobytes() == outputs.tobytes()


@pytest.mark.parametrize("how", ["reset", "starts"])
def test_a_new_stream_starts_from_nothing(how):
    network = NETWORKS["all fed back"]
    weights, inputs, targets = random_case(network, 2)
    state = State(network, weights)
    learn(state, inputs, targets, 0.1)
    fresh = State(network, state.weights)  # nothing but the weights
    expected = learn(fresh, inputs, targets, 0.1)
    if how == "reset":
        state.reset([True, False])
        found = learn(state, inputs, targets, 0.1)
    else:
        starts = np.zeros((2, 60), bool)
        starts[0, 0] = True
        found = learn(state, inputs, targets, 0.1, starts=starts)
    assert found.outputs[0].tobytes() == expected.outputs[0].tobytes()
    assert state.weights[0].tobytes() == fresh.weights[0].tobytes()
    assert np.abs(found.outputs[1] - expected.outputs[1]).max() > 1e-4


@pytest.mark.parametrize("learning", [False, True])
def test_a_network_stops_after_its_first_error(learning):
    network = NETWORKS["peepholes"]
    weights, inputs, targets = random_case(network, 9)
    rate = 0.1 * learning
    free = State(network, weights)
    outputs = learn(free, inputs, targets, rate).outputs
    error = np.abs(outputs - targets).max(2)
    first = np.argmax(error >= 0.8, axis=1)
    first[error.max(1) < 0.8] = 60
    assert 3 < len(set(first)) and {*first} - {60}
    stopped = State(network, weights)
    given = inputs, targets, *([rate] if learning else [])
    act = learn if learning else answer
    found = act(stopped, *given, tolerance=0.8)
    np.testing.assert_array_equal(found.right, first)
    # It stands where it would if it had been given no more steps.
    short = State(network, weights)
    learn(short, inputs, targets, rate, lengths=np.minimum(first + 1, 60))
    assert stopped.weights.tobytes() == short.weights.tobytes()
    assert stopped.cells.tobytes() == short.cells.tobytes()
    for k, right in enumerate(first):
        taken = slice(0, right + 1)
        assert found.outputs[k, taken].tobytes() == outputs[k, taken].tobytes()
        assert not found.outputs[k, right + 1 :].any()


def turn(**given):
    """Return turns that begin with training, without limits."""
    usual = dict.fromkeys(Turns._fields, 0)
    usual |= {"training": 1, "waiting": 1, "errors": 1e9, "length": 1e9}
    return Turns(**{**usual, **given})


def in_turns(state, inputs, targets, starts, rate, decay, tolerance, errors):
    """Train and test one network by single calls of `learn` and `answer`."""
    t, training, trained, tested = 0, True, 0, 0
    while errors and starts[t:].any():
        t += starts[t:].argmax()
        state.reset()
        piece = inputs[None, t:], targets[None, t:]
        if training:
            right = learn(state, *piece, rate, tolerance=tolerance).right[0]
            rate *= decay
        else:
            right = answer(state, *piece, tolerance=tolerance).right[0]
        taken = min(right + 1, len(inputs) - t)
        trained, tested = (
            trained + taken * training,
            tested + taken * (not training),
        )
        if taken == right:
            return right, trained, tested
        t, training, errors = t + taken, not training, errors - 1
    return right, trained, tested


@pytest.mark.parametrize("errors", [5, 1000])
def test_networks_train_and_test_in_turns(errors):
    weights, inputs, targets = random_case(REBER, 9, 400)
    targets = np.round(targets)
    starts = np.random.default_rng(1).random((9, 400)) < 0.2
    state = State(REBER, weights)
    turns = turn(rate=0.5, decay=0.9, errors=errors)
    given = inputs, targets, starts.astype(int)
    found = alternate(state, *given, turns, 0.7)
    for k in range(9):
        one = State(REBER, weights[k : k + 1])
        expected = in_turns(
            *(one, inputs[k], targets[k], starts[k], f4(0.5), f4(0.9), 0.7),
            errors,
        )
        assert expected[1] and expected[2]
        assert (found.trained[k], found.tested[k]) == expected[1:]
        assert state.weights[k].tobytes() == one.weights[0].tobytes()
        if not found.waiting[k]:
            assert found.right[k] == expected[0]
    # Pieces are the same as the whole.
    cut = State(REBER, weights)
    for part in (slice(0, 3), slice(3, 201), slice(201, 400)):
        piece = [array[:, part] for array in given]
        turns = alternate(cut, *piece, turns, 0.7)
    for name, values in found._asdict().items():
        if name != "length":
            assert np.array_equal(values, getattr(turns, name)), name
    assert cut.weights.tobytes() == state.weights.tobytes()


def test_a_stream_stops_at_its_limit():
    weights, inputs, targets = random_case(REBER, 2, 50)
    turns = turn(rate=0.5, waiting=0, length=[20, 50])
    state = State(REBER, weights)
    starts = np.zeros((2, 50), int)
    found = alternate(state, inputs, targets, starts, turns, 2)
    assert list(found.used) == list(found.right) == [20, 50]
    assert list(found.errors) == [1e9] * 2 and found.training.all()


def test_large_counts_are_exact():
    weights, inputs, targets = random_case(REBER, 2, 50)
    starts, many = np.ones((2, 50), int), 2**40 + 1
    small = turn(rate=0.5, errors=1000, right=0, trained=0)
    large = small._replace(errors=many, right=many, trained=many)
    few, found = (
        alternate(State(REBER, weights), inputs, targets, starts, turns, limit)
        for turns, limit in ((small, 0.6), (large, 0.6))
    )
    assert (few.errors < 1000).all()
    assert np.array_equal(many - found.errors, 1000 - few.errors)
    assert np.array_equal(found.trained - many, few.trained)
    going_on = alternate(
        State(REBER, weights), inputs, targets, starts, large, 100
    )
    assert list(going_on.right) == [many + 50] * 2


def test_a_new_network_takes_the_place_of_an_old_one():
    weights, inputs, targets = random_case(REBER, 11)
    state = State(REBER, weights, 0.5)
    learn(state, inputs, targets, 0.1)
    fresh = State(REBER, weights, 0.5)
    state.replace(9, weights[9])
    others = np.arange(11) != 9
    before = state.weights
    for one in (state, fresh):
        learn(one, inputs, targets, 0.1)
    assert state.weights[9].tobytes() == fresh.weights[9].tobytes()
    assert (state.weights[others] != before[others]).any(1).all()
    assert (state.weights[others] != fresh.weights[others]).any(1).all()


def test_nan_is_an_error_and_stays_in_its_network():
    network = NETWORKS["peepholes"]
    weights, inputs, targets = random_case(network, 9)
    expected, answers = learnt(network, weights, inputs, targets, 0.1)
    inputs[4, 30] = np.nan
    state = State(network, weights)
    found = learn(state, inputs, targets, 0.1, tolerance=100)
    assert list(found.right) == [60] * 4 + [30] + [60] * 4
    others = np.arange(9) != 4
    assert state.weights[others].tobytes() == expected[others].tobytes()
    assert found.outputs[others].tobytes() == answers[others].tobytes()


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_answers_and_a_rate_of_0_leave_the_weights(momentum):
    network = NETWORKS["peepholes"]
    weights, inputs, targets = random_case(network, 2)
    states = [State(network, weights, momentum) for _ in range(2)]
    for state in states:
        learn(state, inputs, targets, 0.01)
    before = states[0].weights
    found = answer(states[0], inputs)
    answers = learn(states[1], inputs, targets, [0, 0.01]).outputs
    assert states[0].weights.tobytes() == before.tobytes()
    assert states[1].weights[0].tobytes() == before[0].tobytes()
    assert (states[1].weights[1] != before[1]).any()
    assert found.outputs[0].tobytes() == answers[0].tobytes()
    # Nor do the last changes fade while a network only answers.
    states[1].reset()
    states[0].reset()
    for state in states:
        learn(state, inputs, targets, 0.01)
    same = [state.weights[0].tobytes() for state in states]
    assert same[0] == same[1]


def recall_stream(rng, count, steps):
    """Draw streams of tells, 0 or 1, silence and asks; answer by the last."""
    symbols = np.full((count, steps), 2)
    targets = np.zeros((count, steps, 1))
    for lane in range(count):
        t = 0
        while t + 9 <= steps:
            told, wait = rng.integers(2), rng.integers(2, 8)
            symbols[lane, t], symbols[lane, t + wait] = told, 3
            targets[lane, t + wait] = told
            t += wait + 1
    return symbols, targets


@pytest.fixture(scope="module")
def players():
    """Eight networks that have learnt to recall the last of two symbols."""
    network = Network(2, 1, 4, 1, symbols=True, peepholes=True)
    generators = [np.random.default_rng(seed) for seed in range(8)]
    weights = [draw(network, 0.2, rng, None, None, 1) for rng in generators]
    state = State(network, np.stack(weights))
    learn(state, *recall_stream(np.random.default_rng(8), 8, 60_000), 0.5)
    return state


def test_memory_is_learnt_and_what_was_told_moves_the_answer(players):
    symbols = np.full((8, 12), 2)
    symbols[:, 2], symbols[:, 8] = 0, 3
    told = []
    for value in (0, 1):
        symbols[:, 2] = value
        players.reset()
        told.append(answer(players, symbols).outputs[..., 0])
    assert np.array_equal(told[0][:, :2], told[1][:, :2])
    assert np.median(told[1][:, 8] - told[0][:, 8]) > 0.5


def test_the_counts_of_weights_are_those_of_the_papers():
    timing = {"g": "identity", "h": "identity"}
    assert REBER.count == 424
    assert Network(1, 1, 1, 1, peepholes=True, **timing).count == 17
    assert Network(1, 1, 1, 1, **timing).count == 14


def test_biases_of_gates_can_be_given():
    network = Network(2, 2, 1, 1)
    given = [-3, -6], [-1, -2], [1, 2]
    weights = draw(network, 0.1, np.random.default_rng(1), *given)
    biases = network.split(weights)[2][0]
    np.testing.assert_array_equal(biases[:6], [-3, -6, -1, -2, 1, 2])
    assert np.abs(biases[6:]).max() < 0.1
    with pytest.raises(ValueError, match="forget_gates must be None"):
        none = dataclasses.replace(network, forget_gate=False)
        draw(none, 0.1, np.random.default_rng(1), *given)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"inputs": np.full((2, 5), 7)}, "inputs must be -1 to 6, got 7"),
        ({"inputs": np.full((2, 5), -2)}, "inputs must be -1 to 6, got -2"),
        ({"inputs": np.zeros((2, 5, 7))}, r"inputs must be \(2, 5\), got"),
        ({"lengths": [6, 0]}, "lengths must be 0 to 5, got 6"),
        ({"targets": np.zeros((2, 4, 7))}, r"targets must be \(2, 5, 7\), got"),
        ({"starts": np.zeros((2, 6))}, r"starts must be \(2, 5\), got \(2, 6"),
        ({"tolerance": 0}, "tolerance must be above 0, got 0"),
    ],
)
def test_wrong_input_is_refused(change, message):
    weights, inputs, targets = random_case(REBER, 2, 5)
    state = State(REBER, weights)
    given = {"inputs": inputs, "targets": targets, "rate": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        learn(state, **given)
    assert state.weights.tobytes() == weights.tobytes()


def test_wrong_networks_and_states_are_refused():
    weights = np.zeros((2, 424))
    with pytest.raises(ValueError, match="weights must be .networks, 424"):
        State(REBER, weights[:, 1:])
    with pytest.raises(ValueError, match="momentum must be.*got 1"):
        State(REBER, weights, 1)
    with pytest.raises(ValueError, match="which must be .2,., got .3,"):
        State(REBER, weights).reset([True, True, False])
    with pytest.raises(ValueError, match="g must be one of.*got 'relu'"):
        dataclasses.replace(REBER, g="relu")
    with pytest.raises(ValueError, match="blocks must be at least 1, got 0"):
        dataclasses.replace(REBER, blocks=0)


TARGETS = {
    "host": {},
    "nehalem": {
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": "+sse2",
    },
}


def fingerprint():
    """Return a hash of what small networks learn."""
    found = hashlib.sha256()
    for network in NETWORKS.values():
        weights, inputs, targets = random_case(network, 9)
        options = {"momentum": 0.5, "tolerance": 5, "parts": (8,)}
        for array in learnt(network, weights, inputs, targets, 0.1, **options):
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def test_every_processor_learns_the_same_bits(tmp_path):
    found = {}
    for name, variables in TARGETS.items():
        variables = dict(variables, NUMBA_CACHE_DIR=str(tmp_path / name))
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        code = "import test_streams_kernel as t; print(t.fingerprint())"
        found[name] = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **variables, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    assert len(set(found.values())) == 1, found
