"""Signal and noise on one line are experiment 3 of 1997."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import check_counts, check_landmarks, constant

from memnets.tasks import NoisySignal, NoisyTarget, SignalThenNoise

KINDS = pytest.mark.parametrize(
    "kind", [SignalThenNoise, NoisySignal, NoisyTarget]
)


def rng(seed=0):
    return np.random.default_rng(seed)


def check_normal(drawn, variance):
    """Check mean, variance, skewness and tails of a normal distribution."""
    drawn = np.ravel(drawn) / math.sqrt(variance)
    bound = 5 / math.sqrt(drawn.size)
    assert abs(drawn.mean()) < bound
    assert abs(drawn.var() - 1) < bound * math.sqrt(2)
    assert abs(np.mean(drawn**3)) < bound * math.sqrt(15)
    inside = 0.6827
    found = np.mean(np.abs(drawn) < 1)
    assert abs(found - inside) < bound * math.sqrt(inside * (1 - inside)) + 5e-5


def lengths_of(batch):
    """Return the lengths; after its end a sequence is exactly 0."""
    lengths = np.zeros(len(batch.inputs), int)
    for row, line in enumerate(batch.inputs[..., 0]):
        while lengths[row] < len(line) and line[lengths[row]] != 0:
            lengths[row] += 1
        assert not line[lengths[row] :].any()
    return lengths


@KINDS
def test_sequences_are_those_of_the_paper(kind):
    task = kind()
    assert (task.timesteps, task.signal) == (110, 3)
    batch = task.sample(6000, rng())
    lengths = lengths_of(batch)
    check_counts(lengths, range(100, 111))
    line, each = batch.inputs[..., 0], np.arange(6000)
    signs = np.sign(line[:, :3].mean(axis=1))
    check_counts(signs, [-1, 1])
    check_normal(line[:, 3:100], 0.2)
    if kind is NoisySignal:
        rest = line[:, :3] - signs[:, None]
        # The sign of the mean is wrong in 0.005 %, which moves no bound.
        check_normal(rest, 0.2)
    else:
        np.testing.assert_array_equal(line[:, :3], signs[:, None] + [0, 0, 0])
    assert (np.count_nonzero(batch.weights, axis=1) == 1).all()
    assert (batch.weights[each, lengths - 1] == 1).all()
    answers = batch.targets[each, lengths - 1, 0]
    assert np.count_nonzero(batch.targets) == np.count_nonzero(answers)
    if kind is NoisyTarget:
        check_normal(answers - np.where(signs > 0, 0.2, 0.8), 0.1)
    else:
        wrong = np.mean(answers != (signs > 0))
        assert wrong <= (0.001 if kind is NoisySignal else 0)
    assert len(task.exam(rng()).inputs) == 2560


def normal_below(value):
    """Return the normal distribution function, by Simpson's rule."""
    at = np.linspace(-12, value, 40_001)
    density = np.exp(-(at**2) / 2) / math.sqrt(2 * math.pi)
    factors = np.where(np.arange(at.size) % 2, 4, 2)
    factors[[0, -1]] = 1
    return float(density @ factors * (at[1] - at[0]) / 3)


def test_the_bayes_limit_is_the_share_of_wrong_signs():
    for signal, said in ((1, 0.0127), (3, 0.00005)):
        task = NoisySignal(signal=signal)
        expected = normal_below(-math.sqrt(signal / 0.2))
        assert task.bayes_error == pytest.approx(expected, rel=1e-6)
        assert task.bayes_error == pytest.approx(said, rel=0.09)
    task = NoisySignal(timesteps=12, signal=1)
    batch = task.sample(200_000, rng())
    truth = batch.targets.sum(axis=(1, 2))
    wrong = np.mean((batch.inputs[:, 0, 0] > 0) != truth)
    bound = 5 * math.sqrt(task.bayes_error / 200_000)
    assert abs(wrong - task.bayes_error) < bound
    # What answers the probability is more often off than the sign is wrong.
    off = 1 - task.correct(task.solve(batch.inputs), batch).mean()
    # Right needs odds of 4, told above 0.1 ln 4.
    expected = normal_below((0.1 * math.log(4) - 1) / math.sqrt(0.2))
    assert expected == pytest.approx(0.027, abs=5e-4)
    assert abs(off - expected) < 5 * math.sqrt(expected / 200_000)


def test_the_perfect_answer_to_a_noisy_signal_is_bayes_rule():
    task = NoisySignal(timesteps=40, signal=4)
    batch = task.sample(300, rng())
    answers, lengths = task.solve(batch.inputs), lengths_of(batch)
    for line, answer, length in zip(batch.inputs[..., 0], answers, lengths):
        likely = [1.0, 1.0]
        for value in line[:4].astype(float):
            for kind, mean in enumerate((-1, 1)):
                likely[kind] *= math.exp(-((value - mean) ** 2) / 0.4)
        expected = likely[1] / sum(likely)
        assert answer[length - 1, 0] == pytest.approx(expected, abs=1e-6)
    # Any other probability has a larger error.
    task = NoisySignal(timesteps=12, signal=1)
    batch = task.sample(200_000, rng())
    scored = batch.weights > 0
    perfect = task.solve(batch.inputs)[scored]
    truth = batch.targets[scored]
    least = np.square(perfect - truth).mean()
    for other in (perfect > 0.5, 0.95 * perfect + 0.025, perfect**1.2):
        assert np.square(other - truth).mean() > least
    # Against a sum over a million told values.
    told = np.linspace(-4, 6, 1_000_001)
    density = np.exp(-((told - 1) ** 2) / 0.4)
    missed = 1 - 1 / (1 + np.exp(-10 * told))
    expected = np.sum(density * missed**2) / np.sum(density)
    assert task.landmarks["perfect"] * 12 == pytest.approx(expected, rel=1e-9)


@KINDS
def test_the_signal_moves_the_last_answer_and_nothing_else(kind):
    task = kind()
    batch = task.sample(5, rng())
    before, moved = task.solve(batch.inputs), batch.inputs.copy()
    moved[3, :3] *= -1
    changed = np.abs(task.solve(moved) - before) > 1e-3
    rows, steps, _ = changed.nonzero()
    (length,) = lengths_of(batch)[3:4]
    # The end is not marked, so any step from 99 on may be the last.
    assert set(rows) == {3} and steps.tolist() == [*range(99, length)]
    high, low = sorted(task.classes, reverse=True)
    for row in (before[3, length - 1, 0], task.solve(moved)[3, length - 1, 0]):
        assert min(abs(row - high), abs(row - low)) < 0.01
    # Noise moves nothing.
    moved = batch.inputs.copy()
    moved[:, 3:90] *= -2
    np.testing.assert_array_equal(task.solve(moved), before)
    events = task.events(batch.inputs[3])
    assert events["recall"].tolist() == [length - 1]


@KINDS
@pytest.mark.parametrize("reminder", [False, True])
def test_landmarks_agree_with_playing(kind, reminder):
    task = kind(timesteps=30, signal=1, reminder=reminder)
    check_landmarks(task, {"constant": constant}, 40_000)


@KINDS
def test_only_a_reminder_helps_who_remembers_nothing(kind):
    """The best function of the last value is that of its mean by bins."""
    wrong = {}
    for reminder in (False, True):
        task = kind(timesteps=22, signal=3, reminder=reminder)
        batch = task.sample(20_000, rng())
        scored = batch.weights > 0
        last, truth = batch.inputs[scored][:, 0], batch.targets[scored][:, 0]
        bins = np.digitize(last, np.linspace(-2, 2, 41))
        counts = np.bincount(bins, minlength=42).clip(1)
        sums = np.bincount(bins, truth, 42) / counts
        outputs = np.zeros_like(batch.targets)
        outputs[scored] = sums[bins][:, None]
        wrong[reminder] = 1 - task.correct(outputs, batch).mean()
    # Nobody is surely within 0.1 of what has a deviation of 0.3.
    assert wrong[True] < 0.002 and wrong[False] > 0.9
    plain, reminded = (
        kind(reminder=r).sample(50, rng()) for r in (False, True)
    )
    changed = (plain.inputs != reminded.inputs).sum(axis=(1, 2))
    assert (changed == 1).all()
    for mine, theirs in zip(plain[1:], reminded[1:]):
        np.testing.assert_array_equal(mine, theirs)


@KINDS
def test_marks_on_both_sides_of_the_tolerance(kind):
    tolerance = 0.1 if kind is NoisyTarget else 0.2
    task = kind()
    batch = task.sample(20, rng())
    each, last = np.arange(20), lengths_of(batch) - 1
    first = batch.inputs[:, :3, 0].mean(axis=1)
    wanted = np.where(first > 0, 1.0, 0.0)
    if kind is NoisyTarget:
        # Marked against the answer without noise.
        wanted = np.where(first > 0, 0.2, 0.8)
        assert np.abs(batch.targets[each, last, 0] - wanted).max() > 0.2
    for error, right in ((0.999, True), (-0.999, True), (1.001, False)):
        outputs = np.full_like(batch.targets, 5)
        outputs[each, last, 0] = wanted + error * tolerance
        assert (task.correct(outputs, batch) == right).all()


def test_the_pass_mark_of_3b_is_fewer_than_6_of_256():
    task = NoisySignal()
    batch = task.sample(256, rng())
    outputs = batch.targets.copy()
    outputs[:5] = 0.5
    assert task.mastered(outputs, batch)
    outputs[5] = 0.5
    assert not task.mastered(outputs, batch)


@KINDS
@given(data=st.data())
def test_any_possible_signal_works(kind, data):
    timesteps = data.draw(st.integers(3, 300))
    shortest = -(-10 * timesteps // 11)
    signal = data.draw(st.integers(1, shortest - 1))
    task = kind(timesteps, signal, data.draw(st.booleans()))
    batch = task.sample(4, rng(data.draw(st.integers(0, 99))))
    lengths = lengths_of(batch)
    assert (lengths >= shortest).all() and (lengths <= timesteps).all()
    if task.reminder:
        last = batch.inputs[np.arange(4), lengths - 1, 0]
        told = batch.inputs[:, :signal, 0].mean(axis=1)
        np.testing.assert_allclose(last, told, rtol=1e-5, atol=1e-6)
    if kind is not NoisySignal:
        assert task.correct(task.solve(batch.inputs), batch).all()
