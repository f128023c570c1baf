"""Cells compute what their papers say: outputs, gradients, weights."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from memnets.cells import (
    LSTM1997,
    VARIANTS,
    Elman,
    MemoryGated,
    MinGRU,
    MinLSTM,
    PeepholeLSTM,
    Staggered,
    VariantLSTM,
    latch,
)

pytestmark = pytest.mark.versions

BATCH, TIME, CHANNELS = 3, 6, 2


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def g_1997(x):
    return 4 * sigmoid(x) - 2


def h_1997(x):
    return 2 * sigmoid(x) - 1


def linear(x):
    return x


def take(weights, names):
    """Cut fused weights into one matrix for each name, for the equations."""
    for weight in weights:
        yield dict(zip(names, np.split(weight, len(names), axis=-1)))


def peephole(weights, inputs, cut=False, g=np.tanh, h=np.tanh, seen=None):
    """The LSTM of 2002; where `seen` is given, peepholes see that instead."""
    W, U, b = take(weights[:3], "ifgo")
    p = dict(zip("ifo", weights[3]))
    y = c = np.zeros((len(inputs), len(weights[3][0])))
    ys, record = [], []
    for t, x in enumerate(inputs.swapaxes(0, 1)):
        net = {k: x @ W[k] + y @ U[k] + b[k] for k in "ifgo"}
        before = c if seen is None else seen[t][0]
        i = sigmoid(net["i"] + p["i"] * before)
        f = sigmoid(net["f"] + p["f"] * before)
        previous, c = c, f * c + i * g(net["g"])
        after = c if seen is None else seen[t][1]
        y = sigmoid(net["o"] + p["o"] * after) * h(c)
        record.append((previous, c))
        ys.append(y)
    if cut and seen is None:  # what is seen is the same but stays so
        return np.stack(ys, 1), lambda w, x: peephole(w, x, seen=record)
    return np.stack(ys, 1)


def variant(weights, inputs, name):
    """Greff et al. 2017, from the table of what each variant changes."""
    absent = {"NIG": "i", "NFG": "f", "CIFG": "f", "NOG": "o"}.get(name, "")
    letters = [k for k in "ifgo" if k != absent]
    gates = [k for k in letters if k != "g"]
    W, U, b = take(weights[:3], letters)
    units = len(next(iter(U.values())))
    p = dict.fromkeys("ifo", 0) | (
        {} if name == "NP" else dict(zip(gates, weights[3]))
    )
    R = weights[4] if name == "FGR" else np.zeros((3 * units, 3 * units))
    y = c = np.zeros((len(inputs), units))
    i = f = o = np.zeros_like(c)
    ys = []
    for x in inputs.swapaxes(0, 1):
        again = np.concatenate([i, f, o], 1) @ R
        a = dict(zip("ifo", np.split(again, 3, 1))) | {"g": 0}
        net = {k: x @ W[k] + y @ U[k] + b[k] + a[k] for k in letters}
        one = np.ones_like(c)
        i = one if name == "NIG" else sigmoid(net["i"] + p["i"] * c)
        if name == "NFG":
            f = one
        elif name == "CIFG":
            f = 1 - i
        else:
            f = sigmoid(net["f"] + p["f"] * c)
        c = f * c + i * (net["g"] if name == "NIAF" else np.tanh(net["g"]))
        o = one if name == "NOG" else sigmoid(net["o"] + p["o"] * c)
        y = o * (c if name == "NOAF" else np.tanh(c))
        ys.append(y)
    return np.stack(ys, 1)


def lstm_1997(
    weights, inputs, blocks, size=1, feedback="all", biases="all", kinds="io"
):
    """Hochreiter and Schmidhuber 1997, cell by cell in plain loops."""
    weights = list(weights)
    W = weights.pop(0)
    R = weights.pop(0) if feedback else None
    b = np.zeros(W.shape[1])
    if biases:
        b[: len(weights[0])] = weights[0]
    gates = blocks * len(kinds)
    cells = blocks * size
    ys = np.zeros((len(inputs), inputs.shape[1], cells))
    for row, sequence in enumerate(inputs):
        s, y, gate = np.zeros(cells), np.zeros(cells), np.zeros(gates)
        for t, x in enumerate(sequence):
            net = x @ W + b
            if feedback == "all":
                net = net + np.concatenate([y, gate]) @ R
            elif feedback == "cells":
                net = net + y @ R
            gate, y = sigmoid(net[:gates]), np.zeros(cells)
            for k in range(cells):
                at = {
                    kind: gate[n * blocks + k // size]
                    for n, kind in enumerate(kinds)
                }
                s[k] = s[k] * at.get("f", 1) + at["i"] * g_1997(net[gates + k])
                y[k] = at.get("o", 1) * h_1997(s[k])
            ys[row, t] = y
    return ys


def memory_gated(weights, inputs, squash=linear):
    W, U, b = weights
    n = len(U)
    m, ys = np.zeros((len(inputs), n)), []
    for x in inputs.swapaxes(0, 1):
        r, f, o = np.split(sigmoid(x @ W[:, n:] + m @ U + b), 3, axis=1)
        m = f * m + r * squash(x @ W[:, :n])
        ys.append(o * squash(m))
    return np.stack(ys, 1)


def elman(weights, inputs, steps=None, contexts=None):
    W, U, b = weights
    y, ys = np.zeros((len(inputs), len(U))), []
    for t, x in enumerate(inputs.swapaxes(0, 1)):
        if contexts is not None and t and t % steps == 0:
            y = contexts[:, t - 1]
        y = np.tanh(x @ W + y @ U + b)
        ys.append(y)
    ys = np.stack(ys, 1)
    if steps and contexts is None:
        return ys, lambda w, x: elman(w, x, steps, ys)
    return ys


def min_gru(weights, inputs):
    W, b = take(weights, "zh")
    y, ys = 0, []
    for x in inputs.swapaxes(0, 1):
        z = sigmoid(x @ W["z"] + b["z"])
        y = (1 - z) * y + z * (x @ W["h"] + b["h"])
        ys.append(y)
    return np.stack(ys, 1)


def min_lstm(weights, inputs):
    W, b = take(weights, "fih")
    y, ys = 0, []
    for x in inputs.swapaxes(0, 1):
        f, i = (sigmoid(x @ W[k] + b[k]) for k in "fi")
        y = (f * y + i * (x @ W["h"] + b["h"])) / (f + i)
        ys.append(y)
    return np.stack(ys, 1)


# A layer and its equations, from the weights and the inputs to the outputs.
# Where error is cut, the equations return a second function too, in which
# what error does not flow through is constant.
CASES = {
    "peephole": (lambda **o: PeepholeLSTM(3, **o), peephole),
    "peephole, cut": (
        lambda **o: PeepholeLSTM(3, peephole_gradient=False, **o),
        lambda w, x: peephole(w, x, cut=True),
    ),
    "peephole, linear": (
        lambda **o: PeepholeLSTM(
            2, activation=None, output_activation=None, **o
        ),
        lambda w, x: peephole(w, x, g=linear, h=linear),
    ),
    "1997": (
        lambda **o: LSTM1997(3, **o),
        lambda w, x: lstm_1997(w, x, 3),
    ),
    "1997 in blocks": (
        lambda **o: LSTM1997(2, 2, biases="gates", **o),
        lambda w, x: lstm_1997(w, x, 2, 2, biases="gates"),
    ),
    "1997, output gate only later": (
        lambda **o: LSTM1997(
            2, feedback=None, biases=None, output_gate=False, **o
        ),
        lambda w, x: lstm_1997(w, x, 2, 1, None, None, "i"),
    ),
    "2000": (
        lambda **o: LSTM1997(2, 2, feedback="cells", forget_gate=True, **o),
        lambda w, x: lstm_1997(w, x, 2, 2, "cells", "all", "iof"),
    ),
    "memory gated": (lambda **o: MemoryGated(3, **o), memory_gated),
    "memory gated, squashed": (
        lambda **o: MemoryGated(3, squashed=True, **o),
        lambda w, x: memory_gated(w, x, np.tanh),
    ),
    **{
        f"variant {name}": (
            lambda name=name, **o: VariantLSTM(3, name, **o),
            lambda w, x, name=name: variant(w, x, name),
        )
        for name in VARIANTS
    },
    "Elman": (lambda **o: Elman(3, **o), elman),
    "Elman, one step": (
        lambda **o: Elman(3, 1, **o),
        lambda w, x: elman(w, x, 1),
    ),
    "Elman, four steps": (
        lambda **o: Elman(3, 4, **o),
        lambda w, x: elman(w, x, 4),
    ),
    "minGRU": (lambda **o: MinGRU(3, **o), min_gru),
    "minLSTM": (lambda **o: MinLSTM(3, **o), min_lstm),
}


def drawn(make, seed=0, scale=1.0, timesteps=TIME):
    """Return a layer in float64 with random weights, and random inputs."""
    layer = make(return_sequences=True, dtype="float64")
    layer.build((None, None, CHANNELS))
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(scale=scale, size=w.shape) for w in layer.get_weights()
    ]
    layer.set_weights(weights)
    return layer, weights, rng.normal(size=(BATCH, timesteps, CHANNELS))


def gradients(layer, inputs, direction):
    """Return the gradient of the outputs in a direction by all weights."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs) * direction)
    return [g.numpy() for g in tape.gradient(loss, layer.trainable_variables)]


def slopes(function, weights, step=1e-5):
    """Return the same by finite differences of fourth order."""
    found = []
    for which, weight in enumerate(weights):
        slope = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            values = []
            for distance in (-2, -1, 1, 2):
                moved = [w.copy() for w in weights]
                moved[which][place] += distance * step
                values.append(function(moved))
            slope[place] = np.dot([1, -8, 8, -1], values) / (12 * step)
        found.append(slope)
    return found


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_the_equations(name):
    make, equations = CASES[name]
    layer, weights, inputs = drawn(make)
    expected = equations(weights, inputs)
    expected, constant = (
        expected if isinstance(expected, tuple) else (expected, equations)
    )
    np.testing.assert_allclose(layer(inputs), expected, rtol=0, atol=1e-12)
    direction = np.random.default_rng(1).normal(size=expected.shape)
    found = gradients(layer, inputs, direction)
    differences = slopes(
        lambda w: np.sum(constant(w, inputs) * direction), weights
    )
    for gradient, slope in zip(found, differences):
        np.testing.assert_allclose(
            gradient, slope, rtol=0, atol=1e-6 * np.abs(slope).max()
        )


def truncated_1997(weights, inputs, direction, blocks):
    """The learning rule of 1997 (appendix A.1), by its stored derivatives.

    ds/dw of each weight into an input gate or a cell is carried from step to
    step; nothing else of the past is. One cell a block.
    """
    W, R, b = weights
    M = np.concatenate([W, R, b[None]])  # of z = [x, y(t-1), gates(t-1), 1]
    total = np.zeros_like(M)
    for sequence, wanted in zip(inputs, direction):
        s, y, gate = np.zeros(blocks), np.zeros(blocks), np.zeros(2 * blocks)
        by_in, by_cell = np.zeros((2, len(M), blocks))
        for x, e in zip(sequence, wanted):
            z = np.concatenate([x, y, gate, [1]])
            net_i, net_o, net_c = np.split(z @ M, 3)
            y_in, y_out, g = sigmoid(net_i), sigmoid(net_o), g_1997(net_c)
            g_slope = (4 - g**2) / 4
            by_in += z[:, None] * (g * y_in * (1 - y_in))
            by_cell += z[:, None] * (y_in * g_slope)
            s = s + y_in * g
            h = h_1997(s)
            y, gate = y_out * h, np.concatenate([y_in, y_out])
            at_s = e * y_out * (1 - h**2) / 2
            at_out = e * h * y_out * (1 - y_out)
            total += np.concatenate(
                [by_in * at_s, z[:, None] * at_out, by_cell * at_s], 1
            )
    return np.split(total, [len(W), len(W) + len(R)])


def test_the_truncated_gradient_is_the_rule_of_1997():
    layer, weights, inputs = drawn(lambda **o: LSTM1997(3, truncated=True, **o))
    whole, *_ = drawn(lambda **o: LSTM1997(3, **o))
    direction = np.random.default_rng(1).normal(size=(BATCH, TIME, 3))
    found = gradients(layer, inputs, direction)
    for mine, rule in zip(found, truncated_1997(weights, inputs, direction, 3)):
        np.testing.assert_allclose(mine, np.squeeze(rule), atol=1e-12)
    # The outputs are the same; the whole gradient is another one.
    np.testing.assert_array_equal(layer(inputs), whole(inputs))
    full = gradients(whole, inputs, direction)
    assert np.abs(full[0] - found[0]).max() > 1e-2 * np.abs(full[0]).max()


def test_truncated_and_whole_gradient_agree_without_feedback():
    rows = [
        gradients(
            *drawn(
                lambda cut=cut, **o: LSTM1997(
                    2, 2, truncated=cut, feedback=None, **o
                )
            )[::2],
            np.ones((BATCH, TIME, 4)),
        )
        for cut in (False, True)
    ]
    for whole, cut in zip(*rows):
        np.testing.assert_array_equal(whole, cut)


def test_in_silence_error_is_carried_back_with_the_factor_1():
    layer = LSTM1997(2, truncated=True, return_state=True, dtype="float64")
    layer.build((None, None, 1))
    bias = [-1000, -1000, -1000, -1000, 0, 0]  # both gates shut
    layer.set_weights([*layer.get_weights()[:2], np.array(bias)])

    @tf.function
    def carry(cell_state):
        nothing = [tf.zeros((1, size), tf.float64) for size in (2, 4)]
        start = [nothing[0], cell_state, nothing[1]]
        with tf.GradientTape() as tape:
            tape.watch(cell_state)
            end = layer(np.ones((1, 1000, 1)), initial_state=start)[2]
        return end, tape.gradient(end, cell_state)

    end, slope = carry(tf.constant([[3.0, -2.0]], tf.float64))
    np.testing.assert_array_equal(end, [[3, -2]])
    np.testing.assert_array_equal(slope, [[1, 1]])


def counted(layer, inputs, outputs, readout_sees="cells", bias=False):
    answer = keras.layers.Dense(outputs, use_bias=bias)
    given = keras.Input((None, inputs))
    seen = layer(given)
    if readout_sees == "all":
        seen = keras.layers.Concatenate()([given, seen])
    return keras.Model(given, answer(seen)).count_params()


@pytest.mark.parametrize(
    ("blocks", "size", "inputs", "outputs", "biases", "readout", "weights"),
    [
        (4, 1, 7, 7, "gates", False, 264),  # 1
        (3, 2, 7, 7, "gates", False, 276),  # 1
        *((2, 1, p + 4, 2, None, False, 6 * p + 64) for p in (50, 100, 1000)),
        (3, 1, 1, 1, "all", False, 102),  # 3
        (2, 2, 2, 1, "all", True, 93),  # 4 and 5
        (2, 2, 8, 4, "all", True, 156),  # 6a
        (3, 2, 8, 8, "all", True, 308),  # 6b
    ],
)
def test_the_networks_of_1997_have_their_weights(
    blocks, size, inputs, outputs, biases, readout, weights
):
    layer = LSTM1997(blocks, size, biases=biases, return_sequences=True)
    assert counted(layer, inputs, outputs, bias=readout) == weights
    assert weights in (264, 276, 364, 664, 6064, 102, 93, 156, 308)


def test_other_published_networks_have_their_weights():
    two_a = LSTM1997(
        1,
        feedback=None,
        biases=None,
        output_gate=False,
        activation="sigmoid",
        output_activation=None,
        return_sequences=True,
    )
    assert counted(two_a, 101, 101, "all") == 10504
    continual = LSTM1997(
        4,
        2,
        feedback="cells",
        biases="gates",
        forget_gate=True,
        return_sequences=True,
    )
    assert counted(continual, 7, 7, "all", bias=True) == 424  # Gers 2000
    timing = PeepholeLSTM(1, activation=None, return_sequences=True)
    assert counted(timing, 1, 1, bias=True) == 17  # Gers 2002
    assert counted(MemoryGated(5), 3, 1) == 3 * 5 + 3 * 5 * (3 + 5 + 1) + 5


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_the_weights_it_uses(name):
    units, channels = 5, 3
    net, gates = units * (units + channels + 1), 3 * units
    less = dict.fromkeys(("NIG", "NFG", "NOG", "CIFG"), net + units)
    less |= {"NP": gates, "FGR": -gates * gates}
    layer = VariantLSTM(units, name)
    layer.build((None, None, channels))
    assert layer.count_params() == 4 * net + gates - less.get(name, 0)


def test_what_follows_by_hand():
    def answers(layer, inputs, weights):
        layer.build((None, None, 1))
        shapes = [weight.shape for weight in layer.get_weights()]
        layer.set_weights([np.reshape(w, s) for w, s in zip(weights, shapes)])
        return layer(np.reshape(inputs, (1, -1, 1)).astype("float32"))[0, :, 0]

    options = {"return_sequences": True}
    # g(ln 3) = 4 * 3/4 - 2 = 1; half of it is let in, then half let out.
    block = LSTM1997(1, feedback=None, **options)
    found = answers(block, [math.log(3), 0, math.log(3)], [[0, 0, 1], [0] * 3])
    s = np.array([0.5, 0.5, 1.0])
    np.testing.assert_allclose(found, np.tanh(s / 2) / 2, rtol=1e-6)
    # A gate at 1/2: the memory goes half the way to the candidate.
    halves = [1, 1.5, 1.75]
    for layer, nets in ((MinGRU(1, **options), 2), (MinLSTM(1, **options), 3)):
        weights = [[0] * (nets - 1) + [2], [0] * nets]
        np.testing.assert_allclose(answers(layer, [1, 1, 1], weights), halves)
    gated = MemoryGated(1, **options)
    found = answers(gated, [2, 2, 2], [[1, 0, 0, 0], [0] * 3, [0] * 3])
    np.testing.assert_allclose(found, np.array(halves) / 2)
    # The output gate sees c = 1/2 through a peephole of 2: sigmoid(1).
    seeing = PeepholeLSTM(1, activation=None, output_activation=None, **options)
    weights = [[0, 0, 1, 0], [0] * 4, [0] * 4, [0, 0, 2]]
    found = answers(seeing, [1], weights)
    np.testing.assert_allclose(found, sigmoid(1) / 2, rtol=1e-6)


def same(mine, theirs, weights, other, inputs, tolerance=1e-12):
    """Compare the outputs of two layers, and their gradients by the inputs."""
    found = []
    for make, values in ((mine, weights), (theirs, other)):
        layer = make(return_sequences=True, dtype="float64")
        layer.build((None, None, CHANNELS))
        layer.set_weights(values)
        x = tf.constant(inputs)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x)
            loss = tf.reduce_sum(outputs**3)
        found += [outputs, tape.gradient(loss, x)]
    np.testing.assert_allclose(found[0], found[2], rtol=0, atol=tolerance)
    np.testing.assert_allclose(found[1], found[3], rtol=0, atol=tolerance)


def test_without_peepholes_it_is_the_lstm_of_keras():
    _, weights, inputs = drawn(CASES["peephole"][0])
    blind = [*weights[:3], np.zeros_like(weights[3])]
    theirs = lambda **o: keras.layers.LSTM(3, **o)  # noqa: E731
    same(CASES["peephole"][0], theirs, blind, weights[:3], inputs)
    same(CASES["variant NP"][0], theirs, weights[:3], weights[:3], inputs)
    fresh = PeepholeLSTM(3)
    fresh.build((None, None, CHANNELS))
    biases = [0] * 3 + [1] * 3 + [0] * 6
    np.testing.assert_array_equal(fresh.get_weights()[2], biases)


def test_variants_are_special_cases_of_the_peephole_lstm():
    make = CASES["peephole"][0]
    _, (W, U, b, p), inputs = drawn(make)
    whole = [W, U, b, p]

    def check(name, weights, *other, **options):
        same(
            lambda **o: VariantLSTM(3, name, **o),
            lambda **o: PeepholeLSTM(3, **options, **o),
            weights,
            list(other),
            inputs,
            1e-8,
        )

    check(None, whole, *whole)
    check("NIAF", whole, *whole, activation=None)
    check("NOAF", whole, *whole, output_activation=None)
    check("FGR", [*whole, np.zeros((9, 9))], *whole)
    # A gate without weights and a large bias is open.
    for name, row, column in (("NIG", 0, 0), ("NFG", 1, 3), ("NOG", 2, 9)):
        columns = np.arange(column, column + 3)
        less = [np.delete(a, columns, -1) for a in (W, U, b)]
        shut = [a.copy() for a in whole]
        for a in shut[:2]:
            a[:, columns] = 0
        shut[2][columns], shut[3][row] = 50, 0
        check(name, [*less, np.delete(p, row, 0)], *shut)
    # 1 - sigmoid(a) = sigmoid(-a)
    columns = np.arange(3, 6)
    less = [np.delete(a, columns, -1) for a in (W, U, b)]
    coupled = [a.copy() for a in whole]
    for a in coupled[:3]:
        a[..., columns] = -a[..., :3]
    coupled[3][1] = -p[0]
    check("CIFG", [*less, np.delete(p, 1, 0)], *coupled)


def test_elman_is_keras_own_where_error_flows_freely():
    make, _ = CASES["Elman"]
    _, weights, inputs = drawn(make)
    theirs = lambda **o: keras.layers.SimpleRNN(3, **o)  # noqa: E731
    same(make, theirs, weights, weights, inputs)
    one_segment = lambda **o: Elman(3, TIME, **o)  # noqa: E731
    same(one_segment, theirs, weights, weights, inputs)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_error_reaches_back_to_the_beginning_of_its_segment(steps):
    make = lambda **o: Elman(3, steps, **o)  # noqa: E731
    layer, _, inputs = drawn(make)
    for t in range(TIME):
        x = tf.constant(inputs)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x)[:, t])
        reached = np.abs(tape.gradient(loss, x)).max(axis=(0, 2)) > 0
        assert reached.nonzero()[0].tolist() == [*range(t - t % steps, t + 1)]


def test_the_latch_holds_its_bit_for_ten_thousand_steps():
    model = latch()
    assert model.input_shape[-1] == model.output_shape[-1] == 1
    told = np.zeros((3, 10_001, 1), np.float32)
    told[0, 2], told[1, 2] = 1, -1
    answers = model.predict(told, verbose=0)[..., 0]
    np.testing.assert_allclose(answers[:, :2], -1, atol=1e-5)
    np.testing.assert_allclose(answers[0, 2:], 1, atol=1e-5)
    np.testing.assert_allclose(answers[1:, 2:], -1, atol=1e-5)
    assert np.ptp(answers[0, 3:]) == 0


def test_staggered_biases_of_gates():
    layer = LSTM1997(
        3,
        2,
        forget_gate=True,
        bias_initializer="ones",
        input_bias_initializer=Staggered(-1, -2),
        output_bias_initializer=Staggered(-2),
        forget_bias_initializer=Staggered(0.5),
    )
    layer.build((None, None, 1))
    expected = [-1, -3, -5, -2, -4, -6, 0.5, 1, 1.5, *[1] * 6]
    np.testing.assert_array_equal(layer.get_weights()[2], expected)


def test_cases_cover_every_variant_and_every_layer():
    kinds = {type(make()).__name__ for make, _ in CASES.values()}
    assert kinds == set(
        "PeepholeLSTM LSTM1997 MemoryGated VariantLSTM Elman MinGRU "
        "MinLSTM".split()
    )
    assert len(VARIANTS) == 9
