"""Precise timing: the LSTM of 2002 with peepholes and without.

F. A. Gers, N. N. Schraudolph and J. Schmidhuber, Learning Precise Timing with
LSTM Recurrent Networks, Journal of Machine Learning Research 3, 115 (2002).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from memnets.reproduction.modern import timed
from memnets.reproduction.original import WEIGHTS
from memnets.reproduction.rules import TEST, Trial, Verdict
from memnets.tasks.timing import TimingTask
from memnets.training.batches import BATCHES, generator
from memnets.training.kernels import streams
from memnets.training.kernels.stream_network import Network, draw

DRAWN = 16  # streams drawn at once
SHORTEST = 16  # steps of a piece


@dataclasses.dataclass(frozen=True)
class ErrorFree:
    """A network must answer one long stream without an error.

    It is tested after each training stream that had no error. The paper does
    not say how often it tested.

    Args:
        steps: Positive integer, the length of the test stream. Default:
            10,000.
    """

    steps: int = 10_000


@dataclasses.dataclass(frozen=True)
class Of2002:
    """One memory block of one cell, trained online as in the paper.

    A training stream ends with the first error, or after the steps of the
    task. The states of the cell are not squashed on their way out, h(s) = s,
    nor are its inputs, g(z) = z.

    Args:
        peepholes: Boolean, whether the gates see the state of the cell.
        momentum: Float, the share of the last change of a weight that is
            added to the next.
        linear: Boolean, whether the output unit is linear, not logistic.
        rate: Positive float, the learning rate. Default: 1e-5.
    """

    peepholes: bool
    momentum: float
    linear: bool
    rate: float = 1e-5

    @property
    def network(self) -> Network:
        """The network: 17 weights with peepholes."""
        return Network(
            *(1, 1, 1, 1),
            peepholes=self.peepholes,
            linear=self.linear,
            g="identity",
            h="identity",
        )

    def count_weights(self, task: TimingTask) -> int:
        """Return the number of weights."""
        return self.network.count

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values."""
        learning = {"learning": "online, truncated gradient"}
        return {**learning, **dataclasses.asdict(self)}

    def weights(self, seed: int) -> np.ndarray:
        """Draw the initial weights of a trial."""
        rng = generator(seed, WEIGHTS)
        return draw(self.network, 0.1, rng, (0.0,), (2.0,), (-2.0,))

    def trials(
        self,
        task: TimingTask,
        rule: ErrorFree,
        cap: int,
        seeds: list[int],
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Trial]:
        """Train a network for each seed; give all trials at the end.

        `cap` is the most training streams; `sequences` are training streams.
        """
        group = _Group(self, task, rule, seeds)
        found, seconds = timed(group.train, cap, stop)
        for trial in found:
            yield trial._replace(seconds=seconds / len(seeds))


class _Supply:
    """The training streams of one network, drawn several at once."""

    def __init__(self, task, seed):
        self.task, self.seed, self.number = task, seed, 0
        self.next()

    def next(self):
        """Begin the next stream."""
        block, place = divmod(self.number, DRAWN)
        if place == 0:
            rng = generator(self.seed, BATCHES, block)
            self.drawn = self.task.sample(DRAWN, rng)
        self.stream = [part[place] for part in self.drawn[:2]]
        self.number, self.position = self.number + 1, 0

    def piece(self, steps):
        """Return the next steps of the stream, and how many there are."""
        pieces = []
        for part in self.stream:
            own = part[self.position : self.position + steps]
            pieces.append(np.pad(own, ((0, steps - len(own)), (0, 0))))
        return pieces, len(own)


class _Group:
    """Networks that are trained side by side, each on its own streams."""

    def __init__(self, method, task, rule, seeds):
        self.method, self.task, self.rule = method, task, rule
        weights = np.stack([method.weights(seed) for seed in seeds])
        self.state = streams.State(method.network, weights, method.momentum)
        self.supplies = [_Supply(task, seed) for seed in seeds]
        self.trials: dict[int, Trial] = {}
        self.steps = SHORTEST

    def train(self, cap, stop) -> list[Trial]:
        """Train all networks; return their trials, none if told to stop."""
        while len(self.trials) < len(self.supplies):
            if stop():
                return []
            right, lengths = self.learn()
            for n, supply in enumerate(self.supplies):
                if n not in self.trials:
                    self.settle(n, supply, right[n] < lengths[n], lengths[n])
                if n not in self.trials and supply.number > cap:
                    self.trials[n] = Trial(supply.seed, None, cap, 0.0)
        return [self.trials[n] for n in range(len(self.supplies))]

    def learn(self):
        """Train all networks on the next piece of their streams.

        The length of a piece changes no result: a network that has made an
        error waits for the end of the piece.
        """
        pieces = [supply.piece(self.steps) for supply in self.supplies]
        lengths = np.array([length for _, length in pieces])
        lengths[list(self.trials)] = 0
        starts = np.zeros((len(pieces), self.steps), bool)
        starts[:, 0] = [supply.position == 0 for supply in self.supplies]
        inputs, targets = (
            np.stack([piece[part] for piece, _ in pieces]) for part in (0, 1)
        )
        right = streams.learn(
            self.state,
            *(inputs, targets, self.method.rate, lengths),
            self.task.tolerance,
            starts,
        ).right
        longest = 2 * int(right.sum() // max(1, (lengths > 0).sum()))
        self.steps = min(max(SHORTEST, longest), self.task.timesteps)
        return right, lengths

    def settle(self, n, supply, failed, length):
        """Let a network go on, begin a stream, or be tested."""
        supply.position += length
        if failed:
            supply.next()
        elif supply.position == self.task.timesteps:
            if self.passes(n, supply):
                verdict = Verdict(0, 1, 0.0)
                trial = Trial(supply.seed, verdict, supply.number, 0.0)
                self.trials[n] = trial
            supply.next()

    def passes(self, n, supply):
        """Whether a network answers a long stream without an error."""
        long = dataclasses.replace(self.task, timesteps=self.rule.steps)
        rng = generator(supply.seed, TEST, supply.number)
        batch = long.sample(1, rng)
        state = streams.State(
            self.method.network, self.state.weights[n : n + 1]
        )
        given = state, batch.inputs, batch.targets
        found = streams.answer(*given, tolerance=self.task.tolerance)
        return found.right[0] == self.rule.steps
