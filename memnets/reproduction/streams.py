"""Continual prediction: streams that never end, of 2000 and of today."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from memnets.experiments import continual
from memnets.reproduction.modern import Modern, timed
from memnets.reproduction.rules import TEST, Trial, Verdict
from memnets.tasks import Batch, Task
from memnets.tasks.continual import continue_streams
from memnets.training.batches import BATCHES, generator
from memnets.training.kernels.lanes import Lanes

TOLERANCE = 0.49
# How a test stream is cut into pieces.
PIECE = 1000


@dataclasses.dataclass(frozen=True)
class PerfectStreams:
    """What a network must predict without an error to be perfect.

    Source: F. A. Gers, J. Schmidhuber and F. Cummins, Learning to Forget:
    Continual Prediction with LSTM, Neural Computation 12 (10), 2451 (2000).

    Args:
        streams: Positive integer, the number of test streams. Default: 10.
        symbols: Positive integer, their length. Default: 100,000.
        every: Positive integer, the training symbols from test to test, for
            `ModernStreams`. Default: 20,000.
        times: Positive integer, how many tests in a row must be perfect, for
            `ModernStreams`. Default: 1.
    """

    streams: int = 10
    symbols: int = 100_000
    every: int = 20_000
    times: int = 1


@dataclasses.dataclass(frozen=True)
class Of2000:
    """The LSTM of 2000, trained online as in the paper.

    Args:
        learning: `memnets.experiments.continual.Learning`.
    """

    learning: continual.Learning

    def count_weights(self, task: Task) -> int:
        """Return the number of weights."""
        return self.learning.network.count

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values."""
        learning = {"learning": "online, truncated gradient"}
        return {**learning, **dataclasses.asdict(self.learning)}

    def trials(
        self,
        task: Task,
        rule: PerfectStreams,
        cap: int,
        seeds: list[int],
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Trial]:
        """Train a network for each seed; give all trials at the end.

        `cap` is the most training streams; `sequences` are training streams.
        """
        budget = continual.Budget(cap, test=rule.symbols)
        rows, seconds = timed(continual.study, self.learning, seeds, budget)
        for row in rows:
            verdict = None
            if row.perfect:
                verdict = Verdict(0, rule.streams, row.error_free)
            each = seconds / len(seeds)
            yield Trial(row.seed, verdict, row.streams, each, row.error_free)


@dataclasses.dataclass(frozen=True)
class ModernStreams(Modern):
    """Today's LSTM on streams, by truncated backpropagation through time.

    States are carried from batch to batch. A stream ends with the first batch
    that has an error in it; then a new one begins, with states of 0. The
    learning rate falls as rate / (1 + symbols / slowed_after).

    Args:
        slowed_after: Positive integer, the symbols until the learning rate is
            halved. Default: 500,000.
        steps: Positive integer, the steps of a batch, over which the gradient
            reaches back. Default: 50.
    """

    slowed_after: int = 500_000
    steps: int = 50

    def rates(self, before: np.ndarray) -> np.ndarray:
        """Return the learning rates after some numbers of updates."""
        symbols = np.asarray(before) * float(self.batch_size * self.steps)
        return self.rate / (1 + symbols / self.slowed_after)

    def trials(self, task, rule, cap, seeds, stop=lambda: False):
        """Train a network for each seed; give each trial as it ends."""
        for seed in seeds:
            arguments = task, rule, cap, seed, stop
            trial, seconds = timed(self._trial, *arguments)
            if trial is None:
                return
            yield trial._replace(seconds=seconds)

    def _trial(self, task, rule, cap, seed, stop) -> Trial | None:
        """Train until the tests are perfect; `sequences` are symbols."""
        short = dataclasses.replace(task, timesteps=self.steps)
        kernel = self._kernel(short, seed, Lanes((16,)))
        symbols = passed = test = 0
        rng = generator(seed, BATCHES)
        states = np.zeros(self.batch_size, int)
        weights = np.ones((self.batch_size, self.steps), np.float32)
        while True:
            if stop():
                return None
            read, may, states = continue_streams(states, self.steps, rng)
            batch = Batch(read, may, weights)
            kernel.run(Batch(*(a[None] for a in batch)), 0, np.zeros(1, bool))
            wrong = np.abs(kernel.answers() - may) >= TOLERANCE
            right = ~wrong.any(axis=(1, 2))
            kernel.go_on(right)
            states = np.where(right, states, 0)
            symbols += batch.weights.size
            if symbols % rule.every:
                continue
            own = generator(seed, TEST, test)
            perfect = _first_errors(kernel, rule, own, quick=True) is None
            passed, test = (passed + 1 if perfect else 0), test + 1
            if passed == rule.times or symbols >= cap:
                break
        # New streams, which had no part in the decision to stop.
        lengths = _first_errors(kernel, rule, generator(seed, TEST, 10**6))
        if lengths is None:
            lengths = np.full(rule.streams, rule.symbols)
        failed = int((lengths < rule.symbols).sum())
        verdict, mean = None, float(lengths.mean())
        if passed == rule.times:
            verdict = Verdict(failed, rule.streams, mean)
        return Trial(seed, verdict, symbols, 0.0, mean)


def _first_errors(kernel, rule, rng, quick: bool = False):
    """Return how many symbols of each test stream precede its first error.

    Args:
        kernel: The `Kernel` of the network.
        rule: `PerfectStreams`.
        rng: `numpy.random.Generator`.
        quick: Boolean, whether to end at the first error. Default: `False`.

    Returns:
        int array of shape `(streams,)`, or `None` if there is no error.
    """
    states = np.zeros(rule.streams, int)
    right, open_ = np.zeros(rule.streams, int), np.full(rule.streams, True)
    for first in range(0, rule.symbols, PIECE):
        read, may, states = continue_streams(states, PIECE, rng)
        answers = kernel.observe_on(read, keep=first > 0)
        wrong = (np.abs(answers - may) >= TOLERANCE).any(axis=2)
        ahead = np.where(wrong.any(axis=1), wrong.argmax(axis=1), PIECE)
        right += ahead * open_
        open_ &= ahead == PIECE
        if not open_.any() or (quick and not open_.all()):
            break
    return None if open_.all() else right
