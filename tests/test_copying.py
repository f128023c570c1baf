"""Copy memory has the layout of the papers and asks for the whole word."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import (
    check_counts,
    check_landmarks,
    check_the_reminder,
    constant,
    memoryless,
)

from memnets.tasks import CopyMemory
from memnets.tasks.symbols import spell


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("delay", [1, 20, 100])
def test_the_layout_is_that_of_the_paper(delay):
    task = CopyMemory(delay + 20)
    batch = task.sample(500, rng())
    assert len(task.inputs) == 10 and len(task.outputs) == 9
    for symbols, targets, weights in zip(*batch):
        word = spell(task, symbols[:10])
        assert set(word) <= set("12345678")
        told = word + "_" * (delay - 1) + ":" + "_" * 10
        assert spell(task, symbols) == told
        wanted = "".join("_12345678"[k] for k in targets.argmax(axis=1))
        assert wanted == "_" * (delay + 10) + word
        assert (targets.sum(axis=1) == 1).all() and (weights == 1).all()
    check_counts(batch.inputs[:, :10], range(1, 9))
    for place in range(10):
        check_counts(batch.inputs[:, place], range(1, 9))


@given(
    delay=st.integers(1, 40),
    length=st.integers(1, 12),
    alphabet=st.integers(2, 12),
    spare=st.integers(0, 9),
)
def test_any_possible_task_works(delay, length, alphabet, spare):
    steps = delay + 2 * length
    task = CopyMemory(steps + spare, delay, length, alphabet)
    batch = task.sample(3, rng(spare))
    assert (batch.weights.sum(axis=1) == steps).all()
    assert (batch.inputs[:, steps:] == -1).all()
    assert not batch.targets[:, steps:].any()
    word = batch.inputs[:, :length]
    said = batch.targets[:, length + delay : steps].argmax(axis=2)
    np.testing.assert_array_equal(said, word)
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()
    events = task.events(batch.inputs[0])
    assert (events["recall"] - events["tell"] == length + delay).all()


def test_moving_a_told_symbol_moves_its_repetition_alone():
    task = CopyMemory()
    inputs = task.sample(8, rng()).inputs
    before = task.solve(inputs)
    for place in range(10):
        moved = inputs.copy()
        moved[5, place] = 1 + moved[5, place] % 8
        changed = np.argwhere((task.solve(moved) != before).any(axis=2))
        assert changed.tolist() == [[5, 110 + place]]


def test_one_wrong_symbol_costs_a_tenth_of_the_word():
    task = CopyMemory()
    batch = task.sample(4, rng())
    outputs = 0.2 * batch.targets - 3  # the largest counts, not its size
    assert task.correct(outputs, batch).all()
    assert (task.share_repeated(outputs, batch) == 1).all()
    outputs[2, 113] = np.roll(outputs[2, 113], 1)
    assert task.correct(outputs, batch).tolist() == [True, True, False, True]
    np.testing.assert_allclose(
        task.share_repeated(outputs, batch), [1, 1, 0.9, 1]
    )
    # Speaking during the delay is a mistake, but all of the word is right.
    outputs[1, 50] = np.roll(outputs[1, 50], 1)
    assert task.correct(outputs, batch).tolist() == [True, False, False, True]
    assert task.share_repeated(outputs, batch)[1] == 1
    # A tie is no answer.
    for silent in (np.zeros_like(outputs), np.full_like(outputs, np.nan)):
        assert not task.share_repeated(silent, batch).any()


def test_who_guesses_has_an_eighth():
    task = CopyMemory()
    batch = task.sample(4000, rng())
    guess = rng(1).integers(1, 9, (4000, 120))
    share = task.share_repeated(np.eye(9)[guess], batch).mean()
    assert abs(share - 1 / 8) < 5 * math.sqrt(7 / 64 / 40_000)


@pytest.mark.parametrize(
    ("delay", "published"),
    # The baselines of the papers, rounded.
    [(100, 0.1733), (200, 0.0945), (500, 0.0400), (1000, 0.0204)],
)
def test_the_memoryless_cross_entropy_is_that_of_the_papers(delay, published):
    task = CopyMemory(delay + 20)
    batch = task.sample(200, rng())
    played = np.zeros_like(batch.targets)
    played[:, : delay + 10, 0] = 1
    played[:, delay + 10 :, 1:] = 1 / 8
    loss = -np.log(np.sum(played * batch.targets, axis=2)).mean()
    assert round(float(loss), 4) == published


@pytest.mark.parametrize("delay", [None, 7])
def test_landmarks_agree_with_playing(delay):
    def without_memory(batch):
        """Know the step, but not the word."""
        steps = 7 + 6 if delay else 26
        answers = np.zeros_like(batch.targets)
        answers[:, : steps - 3, 0] = 1
        answers[:, steps - 3 : steps, 1:] = 1 / 5
        return answers

    players = {"constant": constant, "memoryless": without_memory}
    check_landmarks(CopyMemory(26, delay, 3, 5), players)
    players["memoryless"] = memoryless
    check_landmarks(CopyMemory(26, delay, 3, 5, reminder=True), players)


def test_with_a_reminder_no_memory_is_needed():
    check_the_reminder(CopyMemory(40), CopyMemory(40, reminder=True))
    batch, same = (
        CopyMemory(40, reminder=r).sample(9, rng()) for r in (0 > 1, 1 > 0)
    )
    np.testing.assert_array_equal(batch.targets, same.targets)
    np.testing.assert_array_equal(batch.inputs[:, :30], same.inputs[:, :30])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: CopyMemory(20), ValueError, "timesteps.*at least 21.*20"),
        (lambda: CopyMemory(delay=101), ValueError, "timesteps.*121.*120"),
        (lambda: CopyMemory(delay=0), ValueError, "delay.*at least 1.*0"),
        (lambda: CopyMemory(length=0), ValueError, "length.*at least 1.*0"),
        (lambda: CopyMemory(alphabet=1), ValueError, "alphabet.*2.*1"),
        (lambda: CopyMemory(120.0), TypeError, "timesteps.*integer.*120.0"),
        (lambda: CopyMemory(reminder=0), TypeError, "reminder.*0"),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
