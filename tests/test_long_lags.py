"""Long time lags are experiment 2 of 1997: what came first is the answer."""

import itertools
import random

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
    memoryless,
)

from memnets.tasks import Batch, LongLag, LongLagRandom, LongLagTrigger


def rng(seed=0):
    return np.random.default_rng(seed)


def names(task, symbols):
    """Return the names of the symbols of a sequence, up to its end."""
    known = task.inputs
    return [known[k] for k in symbols if k >= 0]


def written(task, sequences):
    """Return sequences of names as the paper defines their targets."""
    shape = len(sequences), task.timesteps
    inputs = np.zeros(shape, np.int32)
    targets = np.zeros((*shape, len(task.outputs)), np.float32)
    for row, sequence in enumerate(sequences):
        for step, (now, after) in enumerate(itertools.pairwise(sequence)):
            inputs[row, step] = task.inputs.index(now)
            targets[row, step, task.outputs.index(f"next {after}")] = 1
    return Batch(inputs, targets, np.ones(shape, np.float32))


def assert_same(batch, expected):
    for mine, theirs in zip(batch, expected):
        np.testing.assert_array_equal(mine, theirs)


def test_experiment_2a_has_two_sequences_of_101_symbols():
    task = LongLag()
    assert len(task.inputs) == len(task.outputs) == 101
    between = [f"a{k}" for k in range(1, 100)]
    both = [[told, *between, told] for told in "xy"]
    assert_same(task.exam(rng()), written(task, both))
    batch = task.sample(2000, rng())
    check_counts(batch.inputs[:, 0], [0, 1])
    drawn = [both[told] for told in batch.inputs[:20, 0]]
    assert_same(Batch(*(a[:20] for a in batch)), written(task, drawn))


def test_experiment_2b_draws_all_that_lies_between():
    task = LongLagRandom()
    batch = task.sample(2000, rng())
    drawn = [names(task, symbols) for symbols in batch.inputs]
    check_counts([sequence[0] for sequence in drawn], "xy")
    between = [f"a{k}" for k in range(1, 100)]
    check_counts(batch.inputs[:, 1:], range(2, 101))
    for step in (1, 50, 99):
        check_counts([sequence[step] for sequence in drawn], between)
    some = [[*sequence, sequence[0]] for sequence in drawn[:50]]
    assert_same(Batch(*(a[:50] for a in batch)), written(task, some))
    assert len(task.exam(rng()).inputs) == 10_000


def as_in_the_paper(chance, lag, symbols):
    """Draw a sequence of experiment 2c, one symbol after another."""
    told = chance.choice("xy")
    sequence = ["b", told]
    more = lag
    while more > 0 or chance.random() < 0.9:
        sequence.append(f"a{chance.randint(1, symbols)}")
        more -= 1
    return [*sequence, "e"], told


def test_experiment_2c_is_the_papers():
    task = LongLagTrigger(timesteps=30, lag=4, symbols=6)
    assert len(task.inputs) == 10 and task.outputs == ("x", "y")
    assert len(LongLagTrigger(1100, 1000, 1000).inputs) == 1004
    batch = task.sample(10_000, rng())
    drawn = [names(task, symbols) for symbols in batch.inputs]
    for sequence, symbols, targets, weights in zip(drawn, *batch):
        assert sequence[0] == "b" and sequence[-1] == "e"
        assert (symbols[len(sequence) :] == -1).all()
        assert weights.nonzero()[0].tolist() == [len(sequence) - 1]
        expected = np.zeros_like(targets)
        expected[len(sequence) - 1] = [sequence[1] == "x", sequence[1] == "y"]
        np.testing.assert_array_equal(targets, expected)
    check_counts([sequence[1] for sequence in drawn], "xy")
    between = itertools.chain(*(sequence[2:-1] for sequence in drawn))
    check_counts([int(name[1:]) for name in between], range(1, 7))
    # Against sequences drawn symbol by symbol, without those too long.
    chance = random.Random(3)
    theirs = [len(as_in_the_paper(chance, 4, 6)[0]) for _ in range(10_000)]
    theirs = [length for length in theirs if length <= 30]
    assert 0.85 < len(theirs) / 10_000 < 0.95
    mine = [len(sequence) for sequence in drawn]
    assert min(mine) == 7 and max(mine) == 30
    shares = [np.bincount(found, minlength=31) for found in (mine, theirs)]
    ours, papers = (counts / counts.sum() for counts in shares)
    deviation = np.sqrt(ours * (1 / 10_000 + 1 / len(theirs)))
    assert np.all(np.abs(ours - papers) <= 5 * deviation + 1e-12)


def test_the_lengths_of_2c_follow_the_law_exactly():
    task = LongLagTrigger(timesteps=12, lag=2, symbols=1)
    lengths = task.draw_lengths(400_000, rng())
    weights = np.array([0.9**k * 0.1 for k in range(12 - 5 + 1)])
    expected = 400_000 * weights / weights.sum()
    found = np.bincount(lengths - 5)
    assert len(found) == len(expected)
    assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected))
    # The paper's mean, 12 steps more than the lag, if nothing is left out.
    lengths = LongLagTrigger().draw_lengths(100_000, rng())
    assert abs(lengths.mean() - 62) < 5 * 9.5 / np.sqrt(100_000) + 0.01


@pytest.mark.parametrize("kind", [LongLag, LongLagRandom, LongLagTrigger])
def test_the_told_symbol_moves_the_last_answer_and_nothing_else(kind):
    task = kind()
    batch = task.sample(6, rng())
    before, moved = task.solve(batch.inputs), batch.inputs.copy()
    told = 1 if kind is LongLagTrigger else 0
    moved[2, told] = 1 - moved[2, told]
    changed = (task.solve(moved) != before).any(axis=-1)
    last = np.count_nonzero(batch.inputs[2] >= 0) - 1
    assert np.argwhere(changed).tolist() == [[2, last]]
    assert task.events(batch.inputs[2])["tell"].tolist() == [told]
    assert task.events(batch.inputs[2])["recall"].tolist() == [last]


def test_landmarks_are_those_of_all_sequences():
    """Exactly, by playing every sequence there is."""
    between = [f"a{k}" for k in range(1, 4)]
    for reminder in (False, True):
        fixed = LongLag(4, reminder)
        drawn = LongLagRandom(4, reminder)
        ways = [["a1", "a2", "a3"]], itertools.product(between, repeat=3)
        for task, orders in zip((fixed, drawn), ways):
            # Without a reminder both tasks have the same symbols.
            plain = type(task)(4)
            sequences = [
                [told, *order, told] for order in orders for told in "xy"
            ]
            batch = written(plain, sequences)
            if reminder:
                batch.inputs[:, -1] = 5 + batch.inputs[:, 0]
            steps = np.broadcast_to(np.arange(4), batch.inputs.shape)
            known = np.where(steps == 3, batch.inputs[:, :1], steps + 9)
            players = {
                "silent": np.zeros_like(batch.targets),
                "constant": constant(batch),
                "memoryless": memoryless(batch),
                "forgetful": best_by(steps, batch),
                "perfect": best_by(known, batch),
            }
            if task is fixed:
                del players["forgetful"]
            assert list(players) == list(task.landmarks)
            for name, answers in players.items():
                error = np.square(answers - batch.targets).mean()
                assert task.landmarks[name] == pytest.approx(error), name
            found = task.solve(batch.inputs)
            np.testing.assert_allclose(found, players["perfect"], rtol=1e-6)


def test_landmarks_of_the_trigger():
    for task in (LongLagTrigger(), LongLagTrigger(20, 5, 3, reminder=True)):
        check_landmarks(task, {"constant": constant})


def test_only_a_reminder_helps_who_remembers_nothing():
    check_the_reminder(LongLag(20), LongLag(20, reminder=True))
    small = {"timesteps": 40, "lag": 5, "symbols": 4}
    check_the_reminder(
        LongLagTrigger(**small), LongLagTrigger(**small, reminder=True)
    )
    for reminder in (False, True):
        task = LongLagRandom(20, reminder)
        batch = task.sample(2000, rng())
        right = task.correct(memoryless(batch), batch)
        assert right.all() if reminder else not right.any()
    # It looks the same in all but one symbol, and has the same targets.
    for kind in (LongLag, LongLagRandom, LongLagTrigger):
        plain = kind().sample(9, rng())
        reminded = kind(reminder=True).sample(9, rng())
        changed = (plain.inputs != reminded.inputs).sum(axis=1)
        assert changed.tolist() == [1] * 9
        assert_same(plain[1:], reminded[1:])


def test_errors_of_2a_and_2b_are_right_below_a_quarter():
    for kind, elsewhere in ((LongLag, False), (LongLagRandom, True)):
        task = kind(timesteps=10)
        batch = task.sample(1, rng())
        for step, channel in itertools.product((0, 5, 9), (0, 1, 4)):
            for error, right in ((0.249, True), (0.251, False)):
                outputs = task.solve(batch.inputs)
                outputs[0, step, channel] += error
                # 2b marks the last step only.
                right = right or (elsewhere and step < 9)
                assert task.correct(outputs, batch) == right


def test_errors_of_2c_are_right_below_a_fifth_and_count_at_the_end_only():
    task = LongLagTrigger(timesteps=40, lag=3, symbols=4)
    batch = task.sample(1, rng())
    (last,) = batch.weights[0].nonzero()[0]
    for channel in (0, 1):
        for error, right in ((0.199, True), (-0.199, True), (0.201, False)):
            outputs = task.solve(batch.inputs)
            outputs[0, :last] = 7
            outputs[0, last + 1 :] = np.nan
            outputs[0, last, channel] += error
            assert task.correct(outputs, batch) == right
    exam = LongLagTrigger().exam(rng())
    assert len(exam.inputs) == 10_000
    outputs = exam.targets.copy()
    assert LongLagTrigger().mastered(outputs, exam)
    outputs[17] = 0.5
    assert not LongLagTrigger().mastered(outputs, exam)


@given(
    lag=st.integers(0, 60),
    more=st.integers(0, 40) | st.just(5000),
    symbols=st.integers(1, 30),
    reminder=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_possible_trigger_works(lag, more, symbols, reminder, seed):
    task = LongLagTrigger(lag + 3 + more, lag, symbols, reminder)
    batch = task.sample(5, rng(seed))
    lengths = np.count_nonzero(batch.inputs >= 0, axis=1)
    assert (lengths >= lag + 3).all() and (lengths <= task.timesteps).all()
    assert (batch.weights.sum(axis=1) == 1).all()
    assert task.correct(task.solve(batch.inputs), batch).all()
    kinds = ["b", "xy", *["a"] * lag]
    for sequence in (names(task, symbols) for symbols in batch.inputs):
        assert all(name[0] in kind for name, kind in zip(sequence, kinds))
        ends = f"{sequence[1]}!" if reminder else "e"
        assert sequence[-1] == ends and ends not in sequence[:-1]
