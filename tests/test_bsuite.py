"""The tasks of bsuite show what the environment shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import check_counts, check_landmarks, check_the_reminder, constant

from memnets.tasks import MemoryLength, MemorySize
from memnets.tasks.bsuite import LENGTHS, SIZES


def rng(seed=0):
    return np.random.default_rng(seed)


def observations(context, query, length):
    """List the observations of an episode, as the environment makes them."""
    for step in range(length):
        seen = [1 - step / length, 0.0] + [0.0] * len(context)
        if step == length - 1:
            seen[1] = query
        if step == 0:
            seen[2:] = context
        yield seen


@given(
    length=st.integers(1, 120), bits=st.integers(1, 41), seed=st.integers(0, 99)
)
def test_inputs_are_the_observations_and_targets_the_action(length, bits, seed):
    task = MemorySize(length, bits)
    batch = task.sample(5, rng(seed))
    for inputs, targets, weights in zip(*batch):
        query = int(inputs[-1, 1])
        context = inputs[0, 2:].tolist()
        assert set(context) <= {-1.0, 1.0} and 0 <= query < bits
        expected = list(observations(context, query, length))
        np.testing.assert_allclose(inputs, expected, rtol=1e-6)
        answer = [[0, 0]] * (length - 1) + [
            [context[query] < 0, context[query] > 0]
        ]
        np.testing.assert_array_equal(targets, answer)
        assert np.flatnonzero(weights).tolist() == [length - 1]
        events = task.events(inputs)
        assert (events["tell"], events["recall"]) == ([0], [length - 1])
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()


def test_bits_and_queries_are_equally_likely():
    inputs = MemorySize(bits=7).sample(7000, rng()).inputs
    check_counts(inputs[:, -1, 1], range(7))
    for bit in range(7):
        check_counts(inputs[:, 0, 2 + bit], (-1, 1))
    check_counts(inputs[:, 0, 2:] @ 2 ** np.arange(7), range(-127, 128, 2))


@pytest.mark.parametrize("reminder", [False, True])
def test_one_bit_is_the_first_of_many(reminder):
    one = MemoryLength(30, reminder).sample(9, rng())
    many = MemorySize(30, 1, reminder).sample(9, rng())
    for mine, theirs in zip(one, many):
        np.testing.assert_array_equal(mine, theirs)
    assert MemoryLength().inputs == ("time left", "query", "bit")


def test_the_settings_are_those_of_bsuite():
    assert (len(LENGTHS), LENGTHS[0], LENGTHS[-1]) == (23, 1, 100)
    assert (len(SIZES), SIZES[0], SIZES[-1]) == (17, 1, 40)
    for length in LENGTHS:
        assert MemoryLength(length).timesteps == length
    assert len(MemoryLength().exam(rng()).inputs) == 10_000


def test_only_the_queried_bit_counts():
    task = MemorySize(20, 6)
    inputs = task.sample(10, rng()).inputs
    before = task.solve(inputs)
    query = int(inputs[4, -1, 1])
    for bit in range(6):
        moved = inputs.copy()
        moved[4, 0, 2 + bit] *= -1
        changed = np.argwhere((task.solve(moved) != before).any(axis=2))
        assert changed.tolist() == ([[4, 19]] if bit == query else [])


def test_the_larger_output_answers():
    batch = MemoryLength().sample(3, rng())
    outputs = 0.1 * batch.targets - 1
    outputs[:, :-1] = 4  # nothing else is scored
    assert MemoryLength().correct(outputs, batch).all()
    outputs[1, -1] = 0  # a tie is no answer
    right = MemoryLength().correct(outputs, batch)
    assert right.tolist() == [True, False, True]


@pytest.mark.parametrize("reminder", [False, True])
def test_landmarks_agree_with_playing(reminder):
    half = {"constant": lambda batch: np.full_like(batch.targets, 0.5)}
    check_landmarks(MemoryLength(9, reminder), half)
    check_landmarks(MemorySize(2, 5, reminder), half)
    check_landmarks(MemorySize(2, 5, reminder), {"constant": constant})


def test_with_a_reminder_no_memory_is_needed():
    check_the_reminder(MemoryLength(), MemoryLength(reminder=True))
    check_the_reminder(MemorySize(), MemorySize(reminder=True))
    # Nor is it if the first step is the last.
    check_the_reminder(MemorySize(2, 3), MemorySize(1, 3))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: MemoryLength(0), ValueError, "timesteps.*at least 1.*0"),
        (lambda: MemorySize(bits=0), ValueError, "bits.*at least 1.*0"),
        (lambda: MemorySize(2.5), TypeError, "timesteps.*integer.*2.5"),
        (lambda: MemorySize(reminder=3), TypeError, "reminder.*3"),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
