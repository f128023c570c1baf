"""The counting languages are written and marked as in the papers."""

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

from memnets.tasks import AnBn, AnBnCn
from memnets.tasks.symbols import spell

KINDS = pytest.mark.parametrize("kind", [AnBn, AnBnCn])
LETTERS = {AnBn: "ab", AnBnCn: "abc"}


def rng(seed=0):
    return np.random.default_rng(seed)


def written(kind, n):
    return "S" + "".join(letter * n for letter in LETTERS[kind]) + "T"


def may_follow(kind, prefix, most):
    """Look up in all strings up to `most` what follows a prefix."""
    every = [written(kind, n) for n in range(1, most + 1)]
    return {s[len(prefix)] for s in every if s.startswith(prefix)}


@KINDS
def test_every_n_is_equally_likely_and_written_out(kind):
    task = kind()
    batch = task.sample(5000, rng())
    assert task.inputs == ("S", *LETTERS[kind])
    strings = [spell(task, symbols) + "T" for symbols in batch.inputs]
    check_counts(
        [(len(s) - 2) // len(LETTERS[kind]) for s in strings], range(1, 11)
    )
    assert set(strings) == {written(kind, n) for n in range(1, 11)}
    exam = [spell(task, symbols) + "T" for symbols in task.exam(rng()).inputs]
    assert exam == [written(kind, n) for n in range(1, 11)]
    some = kind(100, least=4, most=6)
    strings = {
        spell(some, symbols) for symbols in some.sample(200, rng()).inputs
    }
    assert strings == {written(kind, n)[:-1] for n in (4, 5, 6)}


@KINDS
@given(n=st.integers(1, 9), more=st.integers(1, 9))
def test_targets_are_all_symbols_that_may_come(kind, n, more):
    batch = kind().strings([n, more])
    string, signs = written(kind, n), (*LETTERS[kind], "T")
    for step in range(len(string) - 1):
        may = may_follow(kind, string[: step + 1], 10)
        expected = [symbol in may for symbol in signs]
        np.testing.assert_array_equal(batch.targets[0, step], expected)
    scored = np.arange(batch.weights.shape[1]) < len(string) - 1
    np.testing.assert_array_equal(batch.weights[0], scored)
    assert not batch.targets[0, ~scored].any()
    assert (batch.inputs[0, ~scored] == -1).all()
    for mine, theirs in zip(kind().string(n), batch):
        np.testing.assert_array_equal(mine[0], theirs[0, : len(string) - 1])


@KINDS
@given(
    least=st.integers(1, 30), more=st.integers(0, 30), spare=st.integers(0, 5)
)
def test_any_possible_task_works(kind, least, more, spare):
    longest = 1 + len(LETTERS[kind]) * (least + more) + spare
    task = kind(longest, least, least + more)
    batch = task.sample(3, rng(spare))
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()


@KINDS
def test_one_more_a_moves_the_end_and_nothing_earlier(kind):
    task = kind()
    short, long = task.strings([3, 4]).inputs
    inputs = np.stack([long, short, long])
    before = task.solve(inputs)
    # The fourth a becomes a b, so that one b less may come.
    inputs[0, 4] = 2
    after = task.solve(inputs)
    np.testing.assert_array_equal(after[1:], before[1:])
    np.testing.assert_array_equal(after[0, :4], before[0, :4])
    changed = np.flatnonzero((after[0] != before[0]).any(axis=1))
    assert changed[0] == 4 and 6 in changed


@KINDS
def test_each_output_must_be_on_its_side_of_one_half(kind):
    batch = kind().strings([3, 7])
    least = np.where(batch.targets > 0, 0.501, 0.499)
    assert kind().correct(least, batch).all()
    for step in range(len(written(kind, 3)) - 1):
        for channel in range(len(kind().outputs)):
            outputs = least.copy()
            outputs[0, step, channel] = 1 - outputs[0, step, channel]
            assert kind().correct(outputs, batch).tolist() == [False, True]
            outputs[0, step, channel] = 0.5
            assert kind().correct(outputs, batch).tolist() == [False, True]
    least[0, len(written(kind, 3)) :] = 0.7  # after the end anything goes
    assert kind().correct(least, batch).all()


@KINDS
@pytest.mark.parametrize("wrong", [1, 17, 64, 65, 128, 300, 1000])
def test_the_first_failure_is_found(kind, wrong):
    task, sizes = kind(), []

    def answer(inputs):
        """Be silent from `wrong` on."""
        sizes.append(len(inputs))
        answers = task.solve(inputs)
        answers[np.sum(inputs == 1, axis=1) >= wrong] = 0
        return answers

    assert task.first_failure(answer) == wrong
    assert max(sizes) <= 64 and sum(sizes) < wrong + 64
    if wrong > 1:
        assert task.first_failure(answer, wrong - 1) is None


@KINDS
def test_the_rule_counts_to_a_thousand(kind):
    assert kind().first_failure(kind().solve, 1000) is None


@KINDS
@pytest.mark.parametrize(("least", "most"), [(1, 10), (1, 1), (3, 7)])
def test_landmarks_agree_with_playing(kind, least, most):
    task = kind(35, least, most)
    players = {"constant": constant, "memoryless": memoryless}
    check_landmarks(task, players, 3000)
    reminded = kind(35, least, most, reminder=True)
    check_landmarks(reminded, players, 3000)


@KINDS
def test_with_a_reminder_no_memory_is_needed(kind):
    check_the_reminder(kind(least=2), kind(least=2, reminder=True))
    task = kind(reminder=True)
    string = spell(task, task.string(3).inputs[0])
    assert string == {AnBn: "SaaabbB", AnBnCn: "SaaabbBccC"}[kind]
    np.testing.assert_array_equal(
        task.string(3).targets, kind().string(3).targets
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: AnBn(2), ValueError, "timesteps.*at least 3.*2"),
        (lambda: AnBnCn(3), ValueError, "timesteps.*at least 4.*3"),
        (lambda: AnBn(most=11), ValueError, "most.*at most 10.*21.*11.*23"),
        (lambda: AnBnCn(least=11), ValueError, "least.*at most 10.*31.*11.*34"),
        (lambda: AnBn(least=0), ValueError, "least.*at least 1.*0"),
        (lambda: AnBn(least=5, most=4), ValueError, "most.*at least 5.*4"),
        (lambda: AnBn(most=2.0), TypeError, "most.*integer.*2.0"),
        (lambda: AnBn(reminder="no"), TypeError, "reminder.*'no'"),
        (lambda: AnBn().string(0), ValueError, "n must be at least 1.*0"),
        (lambda: AnBn().strings([]), ValueError, r"numbers.*positive.*\[\]"),
        (lambda: AnBn().strings([2, -1]), ValueError, r"numbers.*\[2, -1\]"),
        (
            lambda: AnBn().first_failure(AnBn().solve, 0),
            ValueError,
            "longest.*at least 1.*0",
        ),
        (
            lambda: AnBn().first_failure(lambda x: x),
            ValueError,
            r"outputs.*\(64, 129, 3\).*\(64, 129\)",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
