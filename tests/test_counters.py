"""Networks set by hand count exactly, to n = 10,000 and up to 2^24."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import by_hand
from memnets.networks.by_hand import ONE
from memnets.tasks import AnBn, AnBnCn
from memnets.tasks.base import one_hot

pytestmark = pytest.mark.versions
KINDS = pytest.mark.parametrize("kind", [AnBn, AnBnCn])
LONG = (300, 1000, 3000, 9999, 10_000)


@functools.cache
def weights_of(task):
    return [np.float32(array) for array in by_hand(task).get_weights()]


def logistic(net):
    """1 / (1 + exp(-net)) in float32, without overflow."""
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * net))


def forward(weights, symbols, cell=None):
    """Take the network's steps by its equations; return answers and counts."""
    kernel, recurrent, bias, readout, offset = weights
    units = len(recurrent)
    channels = len(kernel)
    # The last row, for the symbol -1, is zero.
    rows = np.vstack([kernel, np.zeros((1, 4 * units), np.float32)])
    hidden = np.zeros((len(symbols), units), np.float32)
    cell = hidden if cell is None else cell
    answers, cells = [], []
    for step in range(symbols.shape[1]):
        assert symbols[:, step].max() < channels
        net = rows[symbols[:, step]] + hidden @ recurrent + bias
        gate = logistic(net)
        write, keep = gate[:, :units], gate[:, units : 2 * units]
        new = np.tanh(net[:, 2 * units : 3 * units])
        cell = keep * cell + write * new
        hidden = gate[:, 3 * units :] * np.tanh(cell)
        answers.append(hidden @ readout + offset)
        cells.append(cell)
    assert hidden.dtype == cell.dtype == np.float32
    return np.stack(answers, axis=1), np.stack(cells, axis=1)


def keras_answer(task, steps):
    """Return a function that answers in Keras; all inputs get one shape."""
    model = by_hand(task)
    compiled = tf.function(model, jit_compile=True)

    def answer(symbols):
        rows, length = symbols.shape
        padded = np.full((64, steps), -1)
        padded[:rows, :length] = symbols
        outputs = compiled(one_hot(padded, len(task.inputs))).numpy()
        return outputs[:rows, :length]

    return answer


@KINDS
def test_every_n_to_200_is_answered_in_keras_and_in_numpy(kind):
    task, steps = kind(), 1 + 200 * len(kind.letters)
    assert task.first_failure(keras_answer(task, steps), 200) is None
    weights = weights_of(task)
    assert task.first_failure(lambda s: forward(weights, s)[0], 200) is None


@KINDS
def test_n_is_counted_to_10_000_in_keras(kind):
    task = kind()
    batch = task.strings(LONG)
    model = tf.function(by_hand(task), jit_compile=True)
    outputs = model(one_hot(batch.inputs, len(task.inputs))).numpy()
    assert task.correct(outputs, batch).all()
    assert np.abs(outputs - batch.targets).max() < 1e-6


@KINDS
def test_n_is_counted_to_10_000_in_numpy_and_no_count_is_rounded(kind):
    task = kind()
    batch = task.strings(LONG)
    outputs, cells = forward(weights_of(task), batch.inputs)
    assert task.correct(outputs, batch).all()
    assert np.abs(outputs - batch.targets).max() < 1e-6
    counted = np.cumsum(batch.inputs == 1, axis=1)
    for unit, symbol in enumerate(range(2, 1 + len(task.letters))):
        left = counted - np.cumsum(batch.inputs == symbol, axis=1)
        np.testing.assert_array_equal(cells[..., unit] / ONE, left)


def test_counts_are_exact_up_to_two_to_the_24_and_no_further():
    """What the docstring says: beyond, float32 rounds the count."""
    most, units = 2**24, len(weights_of(AnBn())[1])
    cell = np.zeros((1, units), np.float32)
    cell[0, 0] = np.float32((most - 2) * ONE)
    _, cells = forward(weights_of(AnBn()), np.array([[1, 1, 1]]), cell)
    counts = cells[0, :, 0].astype(np.float64) / ONE
    np.testing.assert_array_equal(counts, [most - 1, most, most])
    cell[0, 0] = np.float32(most * ONE)
    _, cells = forward(weights_of(AnBn()), np.array([[2, 2]]), cell)
    counts = cells[0, :, 0].astype(np.float64) / ONE
    np.testing.assert_array_equal(counts, [most - 1, most - 2])


@KINDS
@settings(max_examples=20)
@given(n=st.integers(2, 40), more=st.integers(1, 40))
def test_one_a_more_moves_the_end_and_nothing_earlier(kind, n, more):
    task = kind()
    inputs = task.strings([n + 1, n, more]).inputs
    before, _ = forward(weights_of(task), inputs)
    changed = inputs.copy()
    changed[0, n + 1] = 2  # the last a becomes a b
    after, _ = forward(weights_of(task), changed)
    np.testing.assert_array_equal(after[1:], before[1:])
    moved = np.flatnonzero(np.abs(after[0] - before[0]).max(axis=1) > 0.5)
    assert moved[0] == n + 1
    assert np.abs(after[0, : n + 1] - before[0, : n + 1]).max() < 1e-6
    np.testing.assert_allclose(after[0], task.solve(changed)[0], atol=1e-6)


@KINDS
@settings(max_examples=15)
@given(numbers=st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_strings_in_a_batch_are_counted_apart(kind, numbers):
    task = kind()
    batch = task.strings(numbers)
    outputs, _ = forward(weights_of(task), batch.inputs)
    np.testing.assert_allclose(outputs, batch.targets, atol=1e-6)


@KINDS
def test_capitals_count_like_their_letters(kind):
    task = kind(reminder=True)
    batch = task.strings(range(1, 31))
    outputs = np.asarray(by_hand(task)(one_hot(batch.inputs, len(task.inputs))))
    assert task.correct(outputs, batch).all()
    assert np.abs(outputs - batch.targets).max() < 1e-6


@KINDS
def test_each_weight_set_by_hand_is_needed(kind):
    """Spoil the weights one at a time: some string goes wrong."""
    task = kind()
    batch = task.strings(range(1, 6))
    whole, spoilt = weights_of(task), 0
    for number, matrix in enumerate(whole):
        for place in zip(*np.nonzero(matrix)):
            broken = [array.copy() for array in whole]
            broken[number][place] *= -1
            outputs, _ = forward(broken, batch.inputs)
            assert np.abs(outputs - batch.targets).max() > 0.1, (number, place)
            spoilt += 1
    assert spoilt == {AnBn: 32, AnBnCn: 51}[kind]


@KINDS
def test_cells_and_layers_are_what_they_are_called(kind):
    model = by_hand(kind())
    names = [layer.name for layer in model.layers]
    assert names == ["counters", "readout"]
    later = len(kind.letters) - 1
    # A counter and two cases for each letter after a; the cases S and a.
    assert model.layers[0].units == 3 * later + 2
    assert model.output_shape[-1] == len(kind().outputs)
