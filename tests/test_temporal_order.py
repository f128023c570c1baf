"""Temporal order is experiment 6 of 1997, and its answer is an order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import (
    best_by,
    check_counts,
    check_landmarks,
    check_the_reminder,
    constant,
)

from memnets.tasks import TemporalOrder, TemporalOrder3
from memnets.tasks.symbols import spell

KINDS = pytest.mark.parametrize("kind", [TemporalOrder, TemporalOrder3])
# The paper's steps of the told symbols, for T = 100.
WINDOWS = {
    TemporalOrder: [(10, 20), (50, 60)],
    TemporalOrder3: [(10, 20), (33, 43), (66, 76)],
}
# The paper's names of the answers.
ANSWERS = {
    TemporalOrder: dict(zip("QRSU", ["XX", "XY", "YX", "YY"])),
    TemporalOrder3: dict(
        zip(
            "QRSUVABC",
            ["XXX", "XXY", "XYX", "XYY", "YXX", "YXY", "YYX", "YYY"],
        )
    ),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def told_in(string):
    return "".join(symbol for symbol in string if symbol in "XY")


@KINDS
def test_sequences_are_those_of_the_paper(kind):
    task = kind()
    batch = task.sample(4000, rng())
    assert task.inputs == tuple("EBabcdXY")
    assert task.outputs == tuple(ANSWERS[kind].values())
    strings = [spell(task, symbols) for symbols in batch.inputs]
    for string in strings:
        assert string[0] == "E" and string[-1] == "B"
        assert set(string[1:-1]) <= set("abcdXY")
    check_counts([len(string) for string in strings], range(100, 111))
    check_counts([told_in(s) for s in strings], ANSWERS[kind].values())
    inner = "".join(s[1:-1] for s in strings)
    check_counts([s for s in inner if s in "abcd"], "abcd")
    steps = [
        [t for t, s in enumerate(string) if s in "XY"] for string in strings
    ]
    for place, (first, last) in zip(np.transpose(steps), WINDOWS[kind]):
        check_counts(place, range(first, last + 1))
    assert len(task.exam(rng()).inputs) == 2560


@KINDS
@given(timesteps=st.integers(11, 400), seed=st.integers(0, 99))
def test_the_answer_is_the_order_at_the_end(kind, timesteps, seed):
    task = kind(timesteps)
    batch = task.sample(4, rng(seed))
    for symbols, targets, weights in zip(*batch):
        string = spell(task, symbols)
        assert 10 * timesteps / 11 <= len(string) <= timesteps
        assert (symbols[len(string) :] == -1).all()
        steps = [t for t, s in enumerate(string) if s in "XY"]
        shortest = -(-10 * timesteps // 11)
        for step, (first, last) in zip(steps, WINDOWS[kind], strict=True):
            assert int(first * shortest / 100) <= step
            assert step <= int(last * shortest / 100)
        expected = np.zeros_like(targets)
        answer = list(ANSWERS[kind].values()).index(told_in(string))
        expected[len(string) - 1, answer] = 1
        np.testing.assert_array_equal(targets, expected)
        assert np.flatnonzero(weights).tolist() == [len(string) - 1]
        events = task.events(symbols)
        assert events["tell"].tolist() == steps
        assert events["recall"].tolist() == [len(string) - 1]
    assert task.correct(task.solve(batch.inputs), batch).all()


@KINDS
def test_moving_one_told_symbol_moves_its_answer_alone(kind):
    task = kind()
    batch = task.sample(20, rng())
    before = task.solve(batch.inputs)
    for place, step in enumerate(task.events(batch.inputs[3])["tell"]):
        inputs = batch.inputs.copy()
        inputs[3, step] = 13 - inputs[3, step]  # X is 6 and Y is 7
        changed = np.argwhere((task.solve(inputs) != before).any(axis=2))
        end = int(batch.weights[3].argmax())
        assert changed.tolist() == [[3, end]]
        moved = task.solve(inputs)[3, end].argmax() - before[3, end].argmax()
        assert abs(moved) == 2 ** (len(WINDOWS[kind]) - 1 - place)


@KINDS
def test_an_error_of_three_tenths_is_a_mistake(kind):
    batch = kind().sample(5, rng())
    end = int(batch.weights[2].argmax())
    for channel in range(len(kind().outputs)):
        for error, right in ((0.299, True), (-0.299, True), (0.301, False)):
            outputs = batch.targets.copy()
            outputs[2, end, channel] += error
            outputs[2, :end] = 5  # nothing else is scored
            assert kind().correct(outputs, batch).tolist() == [
                *(True, True, right, True, True)
            ]


@KINDS
@pytest.mark.parametrize("reminder", [False, True])
def test_landmarks_agree_with_playing(kind, reminder):
    task = kind(44, reminder)

    def unordered(batch):
        count = np.sum(batch.inputs == 6, axis=1, keepdims=True)
        return best_by(np.broadcast_to(count, batch.weights.shape), batch)

    check_landmarks(task, {"constant": constant, "unordered": unordered})


@KINDS
def test_with_a_reminder_no_memory_is_needed(kind):
    check_the_reminder(kind(), kind(reminder=True))
    # Nothing else differs.
    batch, same = (kind(55, r).sample(50, rng()) for r in (False, True))
    np.testing.assert_array_equal(batch.targets, same.targets)
    asked = batch.weights > 0
    np.testing.assert_array_equal(batch.inputs[~asked], same.inputs[~asked])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: TemporalOrder(10), ValueError, "timesteps.*at least 11.*10"),
        (lambda: TemporalOrder3(50.0), TypeError, "timesteps.*integer.*50.0"),
        (lambda: TemporalOrder(reminder=1), TypeError, "reminder.*True.*1"),
        (lambda: TemporalOrder().sample(0, rng()), ValueError, "batch_size.*0"),
        (lambda: TemporalOrder().sample(2, 3), TypeError, "rng.*Generator.*3"),
        (
            lambda: TemporalOrder().correct(
                np.zeros((2, 110)), TemporalOrder().sample(2, rng())
            ),
            ValueError,
            r"outputs.*\(2, 110, 4\).*\(2, 110\)",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
