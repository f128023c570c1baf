"""Associative recall asks for the value of one of the keys told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import check_counts, check_landmarks, check_the_reminder, constant

from memnets.tasks import AssociativeRecall
from memnets.tasks.symbols import spell


def rng(seed=0):
    return np.random.default_rng(seed)


def parse(task, symbols):
    """Return the pairs, the blanks and the question of one sequence."""
    story, asked = spell(task, symbols).split("?")
    pairs = story.rstrip("_")
    told = dict(zip(pairs[::2], pairs[1::2]))
    return told, len(story) - len(pairs), asked


def test_keys_differ_and_all_are_equally_likely():
    task = AssociativeRecall(14)
    batch = task.sample(4000, rng())
    parsed = [parse(task, symbols) for symbols in batch.inputs]
    assert all(len(told) == 4 and gap == 4 for told, gap, _ in parsed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    check_counts([list(told) for told, _, _ in parsed], letters)
    for place in range(4):
        check_counts([list(told)[place] for told, _, _ in parsed], letters)
    check_counts([list(told.values()) for told, _, _ in parsed], "0123456789")
    check_counts(
        [list(told).index(asked) for told, _, asked in parsed], range(4)
    )


@given(data=st.data())
def test_the_answer_is_the_value_of_the_key(data):
    keys = data.draw(st.integers(1, 26))
    pairs = data.draw(st.integers(1, keys))
    values = data.draw(st.integers(2, 10))
    gap = data.draw(st.integers(0, 20))
    task = AssociativeRecall(2 * pairs + 2 + gap, pairs, keys, values)
    batch = task.sample(4, rng(gap))
    for symbols, targets, weights in zip(*batch):
        told, blanks, asked = parse(task, symbols)
        assert len(told) == pairs and blanks == gap
        expected = np.zeros_like(targets)
        expected[-1, int(told[asked])] = 1
        np.testing.assert_array_equal(targets, expected)
        assert np.flatnonzero(weights).tolist() == [task.timesteps - 1]
        events = task.events(symbols)
        assert spell(task, symbols[events["tell"]]) == asked
        assert events["recall"].tolist() == [task.timesteps - 1]
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()


def test_only_the_asked_keys_value_counts():
    task = AssociativeRecall(12)
    inputs = task.sample(10, rng()).inputs
    before = task.solve(inputs)
    (step,) = task.events(inputs[6])["tell"]
    for told in range(0, 8, 2):
        moved = inputs.copy()
        first = 2 + 26
        moved[6, told + 1] = first + (moved[6, told + 1] - first + 1) % 10
        changed = np.argwhere((task.solve(moved) != before).any(axis=2))
        assert changed.tolist() == ([[6, 11]] if told == step else [])


def test_the_value_told_last_counts():
    task = AssociativeRecall()
    symbols = [task.inputs.index(symbol) for symbol in "a1b2a3b4?a"]
    assert task.solve([symbols])[0, -1].argmax() == 3


def test_the_largest_output_answers():
    task = AssociativeRecall()
    batch = task.sample(3, rng())
    outputs = 0.1 * batch.targets - 1
    outputs[:, :-1] = 4  # nothing else is scored
    assert task.correct(outputs, batch).all()
    outputs[1, -1] = 0  # a tie is no answer
    assert task.correct(outputs, batch).tolist() == [True, False, True]


@pytest.mark.parametrize("reminder", [False, True])
def test_landmarks_agree_with_playing(reminder):
    task = AssociativeRecall(9, 3, 5, 4, reminder)

    def unpaired(batch):
        answers = np.zeros_like(batch.targets)
        for place in (1, 3, 5):
            value = batch.inputs[:, place] - 2 - 5
            answers[np.arange(len(answers)), -1, value] += 1 / 3
        return answers

    check_landmarks(task, {"constant": constant, "unpaired": unpaired})


def test_with_a_reminder_no_memory_is_needed():
    check_the_reminder(AssociativeRecall(), AssociativeRecall(reminder=True))
    batch, same = (
        AssociativeRecall(reminder=reminder).sample(9, rng())
        for reminder in (False, True)
    )
    np.testing.assert_array_equal(batch.targets, same.targets)
    np.testing.assert_array_equal(batch.inputs[:, :-1], same.inputs[:, :-1])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: AssociativeRecall(9), ValueError, "timesteps.*10.*4.*9"),
        (lambda: AssociativeRecall(pairs=0), ValueError, "pairs.*1.*0"),
        (lambda: AssociativeRecall(keys=3), ValueError, "pairs.*most 3.*4"),
        (lambda: AssociativeRecall(keys=27), ValueError, "keys.*26.*27"),
        (lambda: AssociativeRecall(values=11), ValueError, "values.*10.*11"),
        (lambda: AssociativeRecall(values=1), ValueError, "values.*2.*1"),
        (lambda: AssociativeRecall(values=4.0), TypeError, "values.*4.0"),
        (lambda: AssociativeRecall(reminder=None), TypeError, "reminder.*None"),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
