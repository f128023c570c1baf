"""Adding and multiplication are experiments 4 and 5 of 1997."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import check_counts, check_landmarks, constant

from memnets.tasks import Adding, ModernAdding, Multiplication

KINDS = pytest.mark.parametrize("kind", [Adding, Multiplication, ModernAdding])


def rng(seed=0):
    return np.random.default_rng(seed)


def answer_of(kind, told):
    """Return the answer to the numbers told, by the papers."""
    if kind is Multiplication:
        return told[0] * told[1]
    if kind is ModernAdding:
        return told[0] + told[1]
    return 0.5 + (told[0] + told[1]) / 4


def mark(chance, shortest):
    """Draw two marked pairs as the paper says, one pair after another."""
    first = chance.randrange(10)
    unmarked = [pair for pair in range(shortest) if pair != first]
    return first, chance.choice(unmarked[: shortest // 2 - 1])


@pytest.mark.parametrize("kind", [Adding, Multiplication])
def test_sequences_are_those_of_the_paper(kind):
    task = kind()
    batch = task.sample(20_000, rng())
    value, marker = np.moveaxis(batch.inputs, -1, 0)
    lengths = np.array([np.flatnonzero(row)[-1] + 1 for row in marker])
    check_counts(lengths, range(100, 111))
    each = np.arange(20_000)
    assert (marker[:, 0] == -1).all() and (
        marker[each, lengths - 1] == -1
    ).all()
    assert ((marker == -1).sum(axis=1) == 2).all()
    assert set(np.unique(marker)) == {-1, 0, 1}
    inside = value[:, :100]
    low = -1 if kind is Adding else 0
    assert inside.min() >= low and inside.max() < 1
    bins = np.floor((inside - low) / (1 - low) * 20)
    check_counts(bins, range(20))
    for row, length in zip(value[:200], lengths):
        assert not row[length:].any()
    assert batch.weights.sum() == 20_000
    assert (batch.weights[each, lengths - 1] == 1).all()
    assert np.count_nonzero(batch.targets) <= 20_000
    neutral = 0 if kind is Adding else 1
    for row in range(500):
        told = [float(x) for x in value[row][marker[row] == 1]]
        told += [neutral] * (2 - len(told))
        expected = answer_of(kind, told)
        found = batch.targets[row, lengths[row] - 1, 0]
        assert found == pytest.approx(expected, abs=1e-6)
    assert len(task.exam(rng()).inputs) == 2560


def test_marks_fall_where_pairs_drawn_one_by_one_fall():
    marker = Adding().sample(20_000, rng()).inputs[..., 1]
    chance, theirs = random.Random(5), np.zeros((20_000, 110), bool)
    for row in theirs:
        row[list(mark(chance, 100))] = True
    # A mark on the first pair does not show.
    lost = 2 - (marker == 1).sum(axis=1)
    assert lost.max() == 1
    mine = [lost.sum(), *(marker == 1).sum(axis=0)[1:]]
    counts = theirs.sum(axis=0)
    assert mine[1:10] > mine[10:19] and not any(mine[50:])
    spread = 5 * np.sqrt(2 * np.maximum(counts, 1))
    assert np.all(np.abs(mine - counts) <= spread)
    # 1 in 10, and 1 in 49 of the others.
    share = 0.1 + 0.9 / 49
    bound = 5 * math.sqrt(share * (1 - share) / 20_000)
    assert abs(lost.mean() - share) < bound
    # Two marks in the first ten pairs are not the same.
    both = (marker[:, :10] == 1).sum(axis=1) + lost == 2
    pairs = 9 / 49
    bound = 5 * math.sqrt(pairs * (1 - pairs) / 20_000)
    assert abs(both.mean() - pairs) < bound


def test_the_modern_form_marks_one_number_in_each_half():
    task = ModernAdding(timesteps=15)
    batch = task.sample(20_000, rng())
    value, marker = np.moveaxis(batch.inputs, -1, 0)
    assert set(np.unique(marker)) == {0, 1}
    first, second = marker[:, :7], marker[:, 7:]
    assert (first.sum(axis=1) == 1).all() and (second.sum(axis=1) == 1).all()
    check_counts(first.argmax(axis=1), range(7))
    check_counts(second.argmax(axis=1), range(8))
    assert value.min() >= 0 and value.max() < 1
    check_counts(np.floor(20 * value), range(20))
    assert (batch.weights == (np.arange(15) == 14)).all()
    sums = [math.fsum(row[marks == 1]) for row, marks in zip(value, marker)]
    np.testing.assert_allclose(batch.targets[:, -1, 0], sums, rtol=1e-6)
    assert not batch.targets[:, :-1].any()
    assert ModernAdding().landmarks["constant"] * 100 == pytest.approx(1 / 6)


@KINDS
def test_a_marked_number_moves_the_last_answer_and_nothing_else(kind):
    task = kind()
    batch = task.sample(5, rng(1))
    before = task.solve(batch.inputs)
    (last,) = batch.weights[2].nonzero()[0]
    steps = np.flatnonzero(batch.inputs[2, :, 1] == 1)
    assert len(steps) == 2
    assert task.events(batch.inputs[2])["tell"].tolist() == steps.tolist()
    assert task.events(batch.inputs[2])["recall"].tolist() == [last]
    for step in steps:
        moved = batch.inputs.copy()
        moved[2, step, 0] *= 0.5
        changed = (task.solve(moved) != before).any(axis=-1)
        assert np.argwhere(changed).tolist() == [[2, last]]
    moved = batch.inputs.copy()
    moved[moved[..., 1] != 1, 0] *= 0.5
    np.testing.assert_array_equal(task.solve(moved), before)


def test_a_mark_on_the_first_pair_counts_for_nothing():
    for kind, alone in ((Adding, 0.5 + 0.75 / 4), (Multiplication, 0.75)):
        inputs = np.zeros((1, 110, 2), np.float32)
        inputs[0, 0] = 0.25, -1
        inputs[0, 40] = 0.75, 1
        inputs[0, 104] = 0.3, -1
        answers = kind().solve(inputs)
        assert answers[0, 104, 0] == pytest.approx(alone)
        assert np.count_nonzero(answers) == 1


def remembers_nothing(batch):
    """Answer as well as can be done from the last number and its marker."""
    scored = batch.weights > 0
    last = batch.inputs[scored]
    answers = np.broadcast_to(
        batch.targets[scored].mean(axis=0), batch.targets.shape
    ).copy()
    # Marked, it is one of the numbers to add; the other is 1/2 on average.
    told = last[:, 1] == 1
    answers[scored] = np.where(told, last[:, 0] + 0.5, 1)[:, None]
    return answers


@KINDS
@pytest.mark.parametrize("timesteps", [24, 110])
def test_landmarks_agree_with_playing(kind, timesteps):
    players = {"constant": constant}
    if kind is ModernAdding:
        players["memoryless"] = remembers_nothing
    check_landmarks(kind(timesteps), players)


@KINDS
def test_only_a_reminder_helps_who_remembers_nothing(kind):
    def right(task):
        batch = task.sample(4000, rng())
        scored = batch.weights > 0
        last, truth = batch.inputs[scored][:, 0], batch.targets[scored][:, 0]
        # The best function of the last number, among all straight lines.
        slope, shift = np.polyfit(last, truth, 1)
        outputs = np.zeros_like(batch.targets)
        outputs[scored] = (slope * last + shift)[:, None]
        return task.correct(outputs, batch).mean(), slope

    share, slope = right(kind(30, reminder=True))
    factor = {Adding: 0.5, Multiplication: 1, ModernAdding: 2}[kind]
    assert share == 1 and slope == pytest.approx(factor, rel=1e-4)
    assert right(kind(30))[0] < 0.3
    assert kind(30, reminder=True).landmarks.get("memoryless", 0) == 0


@KINDS
def test_answers_are_right_below_4_hundredths(kind):
    task = kind()
    batch = task.sample(30, rng())
    for error, right in ((0.0399, True), (-0.0399, True), (0.0401, False)):
        outputs = batch.targets + error * batch.weights[..., None]
        outputs[batch.weights == 0] = 3
        assert (task.correct(outputs, batch) == right).all()


@KINDS
@given(
    more=st.integers(0, 300), reminder=st.booleans(), seed=st.integers(0, 99)
)
def test_any_possible_length_works(kind, more, reminder, seed):
    task = kind(kind.least_steps + more, reminder)
    batch = task.sample(4, rng(seed))
    for inputs, targets, weights in zip(*batch):
        (last,) = weights.nonzero()[0]
        assert last + 1 >= task.shortest and not inputs[last + 1 :].any()
        told = [float(x) for x, m in inputs if m == 1]
        told += [kind.neutral] * (2 - len(told))
        expected = answer_of(kind, told)
        assert targets[last, 0] == pytest.approx(expected, abs=1e-6)
        if reminder:
            half = (told[0] + told[1]) / 2
            both = told[0] * told[1] if kind is Multiplication else half
            assert inputs[last, 0] == pytest.approx(both, abs=1e-6)
            assert inputs[last, 1] < 1
    assert task.correct(task.solve(batch.inputs), batch).all()
