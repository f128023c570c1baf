"""Stopping rules and final tests of the classic experiments.

A rule watches the answers that a network gives to its training sequences
before it learns from them, and tests the network on fresh sequences with its
weights unchanged. S. Hochreiter and J. Schmidhuber, Long Short-Term Memory,
Neural Computation 9 (8), 1735 (1997), sections 5.1 to 5.6, state the rules.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from memnets.tasks import Batch, NoisyTarget, Task
from memnets.tasks.final import FinalTask, final_errors
from memnets.training.batches import BATCHES, generator

# From a batch to the answers of a network whose weights stay unchanged.
Answer = Callable[[Batch], np.ndarray]
# The purposes of a trial's draws, beside that of the training sequences.
TEST, LOOK, STRINGS = 10, 11, 12
# The most sequences that are tested at once.
GROUP = 512


class Verdict(NamedTuple):
    """The result of a trained network's final test.

    Args:
        wrong: Integer, the number of test sequences answered wrongly.
        tested: Integer, their number.
        error: Float, the mean absolute error of the scored answers.
        first: Integer, the training sequences until a weaker first criterion
            was met, or `None` if the rule has none.
    """

    wrong: int
    tested: int
    error: float
    first: int | None = None


class Trial(NamedTuple):
    """The end of a training.

    Args:
        seed: Integer, the number of the trial.
        verdict: `Verdict` of the final test, `None` if the criterion was not
            reached.
        sequences: Integer, the training sequences.
        seconds: Float, the processor time.
        measure: Float, a result that unsolved trials have, too, such as the
            error-free length. Default: `None`.
    """

    seed: int
    verdict: Verdict | None
    sequences: int
    seconds: float
    measure: float | None = None


class Judge(Protocol):
    """Applies a rule to one network's training."""

    def due(self, correct: np.ndarray, errors: np.ndarray) -> int | None:
        """Return after how many of the next sequences to examine.

        Args:
            correct: bool array, whether each was answered correctly.
            errors: Float array, the mean absolute error of each answer.

        Returns:
            The number of sequences up to and including the one after which
            the network must be examined, or `None` if that is not among them.
            The sequences after it will be given again.
        """

    def examine(self, answer: Answer, sequences: int) -> Verdict | None:
        """Test the network; return the verdict, or `None` to go on."""


class Rule(Protocol):
    """A stopping rule with its final test."""

    def stream(self, task: Task, seed: int) -> Callable[[int, int], Batch]:
        """Return a function that draws a numbered block of sequences."""

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""


def score(task: Task, outputs: np.ndarray, batch: Batch):
    """Return whether each answer is correct, and its mean absolute error."""
    if isinstance(task, FinalTask):  # no other step counts
        errors = final_errors(outputs, batch).mean(axis=-1)
        return task.correct(outputs, batch), errors.astype(float)
    misses = np.abs(outputs - batch.targets).mean(axis=-1) * batch.weights
    scored = np.maximum((batch.weights > 0).sum(axis=1), 1)
    return task.correct(outputs, batch), misses.sum(axis=1) / scored


class FreshSequences:
    """Rules whose training sequences are all drawn anew."""

    def stream(self, task, seed):
        """Return a function that draws a numbered block of sequences."""

        def block(number, size):
            return task.sample(size, generator(seed, BATCHES, number))

        return block


@dataclasses.dataclass(frozen=True)
class LastCorrect(FreshSequences):
    """Stop when few of the last training sequences were wrong.

    Source: sections 5.4 to 5.6.

    Args:
        below: Positive integer; fewer of the last sequences must be wrong.
            Default: 1, none.
        window: Positive integer, how many count as the last. Default: 2000.
        error: Float, the mean absolute error over them must be below it.
            Default: `None`, no such condition.
        test: Positive integer, the sequences of the final test. Default: 2560.
    """

    below: int = 1
    window: int = 2000
    error: float | None = None
    test: int = 2560

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""
        return _LastCorrectJudge(self, task, seed)


class _LastCorrectJudge:
    def __init__(self, rule, task, seed):
        self.rule, self.task, self.seed = rule, task, seed
        self.wrong, self.errors = np.zeros(0, bool), np.zeros(0)

    def due(self, correct, errors):
        rule, before = self.rule, len(self.wrong)
        wrong = np.concatenate([self.wrong, ~correct])
        every = np.concatenate([self.errors, errors])
        ends = np.arange(before + 1, len(wrong) + 1)
        ends = ends[ends >= rule.window]
        met = _sums(wrong, ends, rule.window) < rule.below
        if rule.error is not None:
            met &= _sums(every, ends, rule.window) / rule.window < rule.error
        self.wrong, self.errors = wrong[-rule.window :], every[-rule.window :]
        return int(ends[met.argmax()]) - before if met.any() else None

    def examine(self, answer, sequences):
        rng = generator(self.seed, TEST)
        return final_test(self.task, answer, self.rule.test, rng)


def _sums(values: np.ndarray, ends: np.ndarray, window: int) -> np.ndarray:
    """Return the sum of the `window` values before each end."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return total[ends] - total[ends - window]


@dataclasses.dataclass(frozen=True)
class Streak(FreshSequences):
    """Stop when a long test finds no error, tried after each long streak.

    Source: section 5.2. The paper's criterion is the test alone; it does not
    say when it was applied.

    Args:
        streak: Positive integer, how many training sequences in a row must be
            correct before the test is tried.
        test: Positive integer, the sequences of the test. Default: 10,000.
    """

    streak: int
    test: int = 10_000

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""
        return _StreakJudge(self, task, seed)


class _StreakJudge:
    def __init__(self, rule, task, seed):
        self.rule, self.task, self.seed = rule, task, seed
        self.run = self.tests = 0

    def due(self, correct, errors):
        for n, right in enumerate(correct.tolist(), start=1):
            self.run = self.run + 1 if right else 0
            if self.run == self.rule.streak:
                self.run = 0
                return n
        return None

    def examine(self, answer, sequences):
        rng = generator(self.seed, TEST, self.tests)
        self.tests += 1
        test = self.rule.test
        verdict = final_test(self.task, answer, test, rng, stop=True)
        return None if verdict.wrong else verdict


@dataclasses.dataclass(frozen=True)
class FreshSet(FreshSequences):
    """Stop when a fresh set of sequences is answered well enough.

    The set is drawn anew each time. The first criterion (ST1) is that few of
    its sequences are wrong; the second (ST2), which stops the training, also
    bounds the mean absolute error. The error is that to the answer by rule,
    without the noise on the targets.

    Source: section 5.3. The paper does not say how often sets were drawn.

    Args:
        below: Positive integer; fewer of the set must be wrong.
        error: Float, the bound of the mean absolute error.
        size: Positive integer, the sequences of a set. Default: 256.
        every: Positive integer, the training sequences from set to set.
            Default: 512.
        test: Positive integer, the sequences of the final test. Default: 2560.
    """

    below: int
    error: float
    size: int = 256
    every: int = 512
    test: int = 2560

    times: ClassVar[int] = 1  # sets in a row

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""
        return _FreshSetJudge(self, task, seed)


@dataclasses.dataclass(frozen=True)
class FreshSetsInARow(FreshSet):
    """Stop when several fresh sets in a row are answered well enough.

    One set may be easy by chance; several are not.

    Args:
        below: As in `FreshSet`.
        error: As there.
        size: As there.
        every: As there.
        test: As there.
        times: Integer of at least 2, the number of sets in a row. Default: 4.
    """

    times: int = 4  # type: ignore[misc]


class _Regular:
    """Judges that examine at regular intervals."""

    every: int
    seen = 0

    def due(self, correct, errors):
        left = self.every - self.seen
        if len(correct) < left:
            self.seen += len(correct)
            return None
        self.seen = 0
        return left


class _FreshSetJudge(_Regular):
    def __init__(self, rule, task, seed):
        self.rule, self.task, self.seed = rule, task, seed
        self.every, self.sets, self.first = rule.every, 0, None
        self.passed = 0

    def examine(self, answer, sequences):
        rng = generator(self.seed, LOOK, self.sets)
        self.sets += 1
        found = final_test(self.task, answer, self.rule.size, rng)
        if found.wrong < self.rule.below and self.first is None:
            self.first = sequences
        if found.wrong >= self.rule.below or found.error >= self.rule.error:
            self.passed = 0
            return None
        self.passed += 1
        if self.passed < self.rule.times:
            return None
        rng = generator(self.seed, TEST)
        verdict = final_test(self.task, answer, self.rule.test, rng)
        return verdict._replace(first=self.first)


@dataclasses.dataclass(frozen=True)
class AllStrings:
    """Stop when all strings of a training and a test set are predicted.

    The training set is drawn at random. The test set is drawn until it has as
    many strings, none of which is in the training set. Presentations are
    drawn from the training set at random.

    Source: section 5.1.

    Args:
        strings: Positive integer, the strings of each set. Default: 256.
        pairs: Positive integer, the number of pairs of sets; the trials take
            turns. Default: 3.
        every: Positive integer, the presentations from check to check.
            Default: 256.
    """

    strings: int = 256
    pairs: int = 3
    every: int = 256

    def sets(self, task: Task, seed: int) -> tuple[Batch, Batch]:
        """Return the training set and the test set of a trial."""
        return _draw_sets(task, self.strings, seed % self.pairs)

    def stream(self, task: Task, seed: int) -> Callable[[int, int], Batch]:
        """Return a function that draws a numbered block of presentations."""
        train, _ = self.sets(task, seed)

        def block(number, size):
            rng = generator(seed, BATCHES, number)
            chosen = rng.integers(len(train.inputs), size=size)
            return Batch(*(array[chosen] for array in train))

        return block

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""
        return _AllStringsJudge(self, task, seed)


@functools.cache
def _draw_sets(task: Task, strings: int, pair: int) -> tuple[Batch, Batch]:
    """Draw a training set, and a test set that shares no string with it."""
    rng = np.random.default_rng([STRINGS, pair])
    train = task.sample(strings, rng)
    known = {row.tobytes() for row in train.inputs}
    test: list[Batch] = []
    while sum(len(batch.inputs) for batch in test) < strings:
        drawn = task.sample(4 * strings, rng)
        new = [row.tobytes() not in known for row in drawn.inputs]
        test.append(Batch(*(array[new] for array in drawn)))
    joined = map(np.concatenate, zip(*test))
    return train, Batch(*(array[:strings] for array in joined))


class _AllStringsJudge(_Regular):
    def __init__(self, rule, task, seed):
        self.task, self.every = task, rule.every
        self.train, self.test = rule.sets(task, seed)

    def examine(self, answer, sequences):
        correct, _ = score(self.task, answer(self.train), self.train)
        if not correct.all():
            return None
        correct, errors = score(self.task, answer(self.test), self.test)
        if not correct.all():
            return None
        return Verdict(0, len(correct), float(errors.mean()))


def final_test(
    task: Task,
    answer: Answer,
    size: int,
    rng: np.random.Generator,
    stop: bool = False,
) -> Verdict:
    """Test a network on fresh sequences.

    Args:
        task: The task.
        answer: Function from a batch to the network's answers.
        size: Positive integer, the number of sequences.
        rng: `numpy.random.Generator`.
        stop: Boolean, whether to end after the first group with an error.
            Default: `False`.
    """
    wrong, tested, total = 0, 0, 0.0
    while tested < size and not (stop and wrong):
        batch = task.sample(min(GROUP, size - tested), rng)
        known = batch
        if isinstance(task, NoisyTarget):  # the error is that without noise
            known = batch._replace(targets=task.solve(batch.inputs))
        correct, errors = score(task, answer(batch), known)
        wrong += int((~correct).sum())
        tested += len(correct)
        total += float(errors.sum())
    return Verdict(wrong, tested, total / tested)


class _AtTheEnd:
    """Judges that examine once, after a number of sequences."""

    def __init__(self, rule, task, seed):
        self.rule, self.task, self.seed, self.seen = rule, task, seed, 0

    def due(self, correct, errors):
        left = self.rule.sequences - self.seen
        self.seen += len(correct)
        return left if 0 < left <= len(correct) else None


@dataclasses.dataclass(frozen=True)
class FirstFailure(FreshSequences):
    """Train for a while, then count up to the first string that fails.

    The training is solved if all strings of the trained lengths are accepted;
    `Verdict.first` is the smallest n whose string is not.

    Args:
        sequences: Positive integer, the training sequences.
        longest: Positive integer, the largest n to try. Default: 1000.
    """

    sequences: int
    longest: int = 1000

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""
        return _FirstFailureJudge(self, task, seed)


class _FirstFailureJudge(_AtTheEnd):
    def examine(self, answer, sequences):
        task, longest = self.task, self.rule.longest

        def outputs(inputs):
            # The answers need no targets.
            return answer(Batch(inputs, None, None))

        first = task.first_failure(outputs, longest) or longest + 1
        if first <= task.numbers[-1]:
            return None
        return Verdict(longest + 1 - first, longest, 0.0, first)


@dataclasses.dataclass(frozen=True)
class ShareRepeated(FreshSequences):
    """Train for a while, then measure the share of symbols repeated.

    Args:
        sequences: Positive integer, the training sequences.
        test: Positive integer, the sequences of the test. Default: 2000.
    """

    sequences: int
    test: int = 2000

    def judge(self, task: Task, seed: int) -> Judge:
        """Return the judge of one network."""
        return _ShareRepeatedJudge(self, task, seed)


class _ShareRepeatedJudge(_AtTheEnd):
    def examine(self, answer, sequences):
        test = self.rule.test
        batch = self.task.sample(test, generator(self.seed, TEST))
        outputs = answer(batch)
        share = float(np.mean(self.task.share_repeated(outputs, batch)))
        wrong = int(np.sum(~self.task.correct(outputs, batch)))
        return Verdict(wrong, test, 1 - share)
