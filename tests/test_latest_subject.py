"""The latest subject replaces the one before, whenever it came."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import check_counts, check_landmarks, check_the_reminder, constant

from memnets.tasks import LatestSubject
from memnets.tasks.symbols import spell


def rng(seed=0):
    return np.random.default_rng(seed)


def test_subjects_fall_anywhere_and_as_often_as_said():
    task = LatestSubject(22, subjects=3, fillers=5)
    batch = task.sample(30_000, rng())
    texts = [spell(task, symbols) for symbols in batch.inputs]
    assert all(text.endswith("?") and text.count("?") == 1 for text in texts)
    check_counts([len(text) for text in texts], (20, 21, 22))
    told = ["".join(s for s in text if s in "mf") for text in texts]
    check_counts([len(each) for each in told], (1, 2, 3))
    for count in (1, 2, 3):
        orders = [each for each in told if len(each) == count]
        every = {format(k, f"0{count}b") for k in range(2**count)}
        check_counts(
            orders, [e.replace("0", "m").replace("1", "f") for e in every]
        )
    check_counts([s for text in texts for s in text if s.isdigit()], "12345")
    for length in (20, 22):
        same = [text for text in texts if len(text) == length]
        one = [t for t in same if sum(map(t.count, "mf")) == 1]
        steps = [t.index("m") if "m" in t else t.index("f") for t in one]
        check_counts(steps, range(length - 1))
        # Of three subjects, too, each step has its share.
        three = [t for t in same if sum(map(t.count, "mf")) == 3]
        steps = [k for t in three for k, s in enumerate(t) if s in "mf"]
        check_counts(steps, range(length - 1))


@given(data=st.data())
def test_the_answer_is_the_last_subject(data):
    timesteps = data.draw(st.integers(2, 120))
    shortest = -(-10 * timesteps // 11)
    subjects = data.draw(st.integers(1, min(9, max(1, shortest - 1))))
    if subjects > shortest - 1:
        return
    task = LatestSubject(timesteps, subjects, data.draw(st.integers(1, 9)))
    batch = task.sample(4, rng(data.draw(st.integers(0, 99))))
    for symbols, targets, weights in zip(*batch):
        text = spell(task, symbols)
        assert shortest <= len(text) <= timesteps
        assert 1 <= sum(map(text.count, "mf")) <= subjects
        last = [symbol for symbol in text if symbol in "mf"][-1]
        expected = np.zeros_like(targets)
        expected[len(text) - 1, "mf".index(last)] = 1
        np.testing.assert_array_equal(targets, expected)
        assert np.flatnonzero(weights).tolist() == [len(text) - 1]
        events = task.events(symbols)
        assert [text[k] for k in events["tell"]] == [
            s for s in text if s in "mf"
        ]
        assert events["recall"].tolist() == [len(text) - 1]
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()


def test_only_the_last_subject_counts():
    task = LatestSubject()
    inputs = task.sample(40, rng()).inputs
    row = next(
        k for k, x in enumerate(inputs) if len(task.events(x)["tell"]) == 3
    )
    before = task.solve(inputs)
    steps = task.events(inputs[row])["tell"]
    (end,) = task.events(inputs[row])["recall"]
    for step in range(end):
        moved = inputs.copy()
        if step in steps:
            moved[row, step] = 1 - moved[row, step]
        else:
            moved[row, step] = 3 + (moved[row, step] - 2) % 8
        changed = np.argwhere((task.solve(moved) != before).any(axis=2))
        assert changed.tolist() == ([[row, end]] if step == steps[-1] else [])
    # Without its last subject the one before counts again.
    moved = inputs.copy()
    moved[row, steps[-1]] = 3
    answer = task.solve(moved)[row, end]
    assert answer[inputs[row, steps[-2]]] == 1


def test_the_larger_output_answers():
    task = LatestSubject()
    batch = task.sample(3, rng())
    outputs = np.where(batch.weights[..., None] > 0, 0.1 * batch.targets, 4)
    assert task.correct(outputs, batch).all()
    outputs[1] = 0  # a tie is no answer
    assert task.correct(outputs, batch).tolist() == [True, False, True]
    assert len(task.exam(rng()).inputs) == 10_000


@pytest.mark.parametrize("subjects", [1, 4])
def test_landmarks_agree_with_playing(subjects):
    def first(batch):
        told = batch.inputs.clip(0, 2) < 2
        told &= batch.inputs >= 0
        place = told.argmax(axis=1)
        gender = batch.inputs[np.arange(len(place)), place]
        return np.eye(2)[gender][:, None] * batch.weights[..., None]

    players = {"constant": constant, "first subject": first}
    check_landmarks(LatestSubject(12, subjects, 2), players)
    check_landmarks(LatestSubject(12, subjects, 2, reminder=True), players)


def test_with_a_reminder_no_memory_is_needed():
    check_the_reminder(LatestSubject(), LatestSubject(reminder=True))
    batch, same = (
        LatestSubject(reminder=reminder).sample(9, rng())
        for reminder in (False, True)
    )
    np.testing.assert_array_equal(batch.targets, same.targets)
    asked = batch.weights > 0
    np.testing.assert_array_equal(batch.inputs[~asked], same.inputs[~asked])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LatestSubject(1), ValueError, "timesteps.*at least 2.*1"),
        (lambda: LatestSubject(11, 10), ValueError, "subjects.*9.*11.*10.*10"),
        (lambda: LatestSubject(subjects=0), ValueError, "subjects.*1.*0"),
        (lambda: LatestSubject(fillers=0), ValueError, "fillers.*1.*0"),
        (lambda: LatestSubject(fillers=2.0), TypeError, "fillers.*2.0"),
        (lambda: LatestSubject(reminder="x"), TypeError, "reminder.*'x'"),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
