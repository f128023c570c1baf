"""Train one or two memory blocks online, with momentum, as in 2001 and 2002.

F. A. Gers and J. Schmidhuber, LSTM recurrent networks learn simple context-free
and context-sensitive languages, IEEE Transactions on Neural Networks 12 (6),
1333 (2001), let them count. F. A. Gers, N. N. Schraudolph and J. Schmidhuber,
Learning Precise Timing with LSTM Recurrent Networks, Journal of Machine
Learning Research 3, 115 (2002), let them act at the right time.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np

from memnets.reproduction.original import WEIGHTS
from memnets.reproduction.rules import (
    TEST,
    Answer,
    FirstFailure,
    Trial,
    Verdict,
)
from memnets.tasks import AnBn, Task
from memnets.tasks.counting import START
from memnets.tasks.symbols import NONE
from memnets.training.batches import BATCHES, generator
from memnets.training.kernels.stream_network import Network, draw
from memnets.training.kernels.streams import (
    State,
    Turns,
    alternate,
    answer,
    learn,
)

STRINGS = 100  # that are learned in one call
PIECES = 64  # of streams that are drawn at once
ENDLESS = 1e9  # more than the errors and the steps of a piece


@dataclasses.dataclass(frozen=True)
class LongStream:
    """What a network must answer without an error to be solved.

    Args:
        steps: Positive integer, the length of the test stream.
        piece: Positive integer, the most steps of a training stream.
    """

    steps: int
    piece: int


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Memory blocks of one cell each, and how they are trained.

    States are not squashed on their way to the output gate.

    Args:
        rate: Positive float, the learning rate.
        momentum: Float in [0, 1), the share of the last change of a weight
            that is added to the next.
        biases: Tuple of three floats, the initial biases of the input, the
            output and the forget gates.
        blocks: Positive integer. Default: 1.
        options: Dictionary of further options of
            `memnets.training.kernels.stream_network.Network`. Default: none.
    """

    rate: float
    momentum: float
    biases: tuple[float, float, float]
    blocks: int = 1
    options: dict = dataclasses.field(default_factory=dict)

    def network(self, task: Task) -> Network:
        """Return the network for a task."""
        return Network(
            *(self.blocks, 1, len(task.inputs), len(task.outputs)),
            symbols=task.symbolic,
            **{"peepholes": True, "h": "identity", **self.options},
        )

    def count_weights(self, task: Task) -> int:
        """Return the number of weights."""
        return self.network(task).count

    def settings(self) -> dict[str, object]:
        """Return the settings as plain values."""
        learning = {"learning": "online, truncated gradient, momentum"}
        return {**learning, **dataclasses.asdict(self)}

    def begin(self, task: Task, seeds: list[int]) -> State:
        """Return networks with their initial weights, one for each seed."""
        network = self.network(task)
        kinds = self.biases[: 2 + network.forget_gate]
        gates = [[bias] * self.blocks for bias in kinds]
        weights = [
            draw(network, 0.1, generator(seed, WEIGHTS), *gates)
            for seed in seeds
        ]
        return State(network, np.stack(weights), self.momentum)


@dataclasses.dataclass(frozen=True)
class Counting(Blocks):
    """Blocks that learn one string after another, at every symbol."""

    def trials(
        self,
        task: AnBn,
        rule: FirstFailure,
        cap: int,
        seeds: list[int],
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Trial]:
        """Train a network for each seed; examine all of them after `cap`.

        Args:
            task: `AnBn` or `AnBnCn`.
            rule: `FirstFailure`.
            cap: Positive integer, the training strings.
            seeds: List of integers, one for each trial.
            stop: Function that says whether to give up. Default: never.
        """
        state, began = self.begin(task, seeds), time.thread_time()
        known = _Strings(task)
        for first in range(0, cap, STRINGS):
            if stop():
                return
            count = min(STRINGS, cap - first)
            strings = [
                known.draw(count, generator(seed, BATCHES, first))
                for seed in seeds
            ]
            lengths = [len(symbols) for symbols, _ in strings]
            inputs, targets = (_padded(part) for part in zip(*strings))
            starts = inputs == START
            learn(state, inputs, targets, self.rate, lengths, starts=starts)
        seconds = (time.thread_time() - began) / len(seeds)
        for seed, weights in zip(seeds, state.weights):
            judge = rule.judge(task, seed)
            verdict = judge.examine(_answers(state.network, weights), cap)
            yield Trial(seed, verdict, cap, seconds)


class _Strings:
    """All strings that a task draws, kept so that drawing them is cheap."""

    def __init__(self, task: AnBn):
        batch = task.strings(task.numbers)
        self.symbols, self.targets = (
            [row[inside > 0] for row, inside in zip(array, batch.weights)]
            for array in (batch.inputs, batch.targets)
        )

    def draw(self, count: int, rng: np.random.Generator):
        """Return the symbols and targets of some strings, end to end."""
        chosen = rng.integers(len(self.symbols), size=count)
        return tuple(
            np.concatenate([strings[n] for n in chosen])
            for strings in (self.symbols, self.targets)
        )


def _padded(arrays):
    """Return arrays of different lengths as one, without symbols at its end."""
    longest = max(map(len, arrays))
    shape = len(arrays), longest, *arrays[0].shape[1:]
    padded = np.full(shape, NONE, arrays[0].dtype)
    for row, array in zip(padded, arrays):
        row[: len(array)] = array
    return padded


def _answers(network: Network, weights: np.ndarray) -> Answer:
    """Return the function by which a network answers a batch of strings."""

    def outputs(batch):
        count = len(batch.inputs)
        state = State(network, np.tile(weights, (count, 1)))
        return answer(state, batch.inputs).outputs

    return outputs


@dataclasses.dataclass(frozen=True)
class Timing(Blocks):
    """Blocks that learn streams, at every step, until their first error.

    After each training stream the network tries another with its weights
    frozen, until its first error. Streams are cut after some periods, and begin
    one step after a spike or the start of a period.
    """

    def trials(
        self,
        task: Task,
        rule: LongStream,
        cap: int,
        seeds: list[int],
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Trial]:
        """Train a network for each seed; give each trial as it ends.

        A network that has just answered half a piece without an error is tested
        on a long stream. `sequences` are training streams.

        Args:
            task: A task of streams, such as `PeriodicFunction`.
            rule: `LongStream`.
            cap: Positive integer, the most training streams of a trial.
            seeds: List of integers, one for each trial.
            stop: Function that says whether to give up. Default: never.
        """
        state, open_ = self.begin(task, seeds), np.full(len(seeds), True)
        streams, seconds = np.zeros(len(seeds), int), np.zeros(len(seeds))
        pieces = _Pieces(task, rule.piece, seeds)
        number = 0
        while open_.any():
            if stop():
                return
            began = time.thread_time()
            errors, right = self._piece(state, pieces.take(number), open_, task)
            # An error ends a training stream or the try after it.
            streams += np.where(open_, errors // 2 + 1, 0)
            ready = open_ & (right >= rule.piece // 2)
            verdicts = _test(state, task, rule, seeds, number, ready)
            seconds[open_] += (time.thread_time() - began) / open_.sum()
            for n in np.flatnonzero(open_):
                if verdicts[n] or streams[n] >= cap:
                    count, spent = int(streams[n]), float(seconds[n])
                    yield Trial(seeds[n], verdicts[n], count, spent)
                    open_[n] = False
            number += 1

    def _piece(self, state, piece, open_, task):
        """Train and try networks in turns on a piece.

        Returns:
            Two int arrays of shape `(networks,)`: the errors, and the steps of
            the last stream without one.
        """
        turns = Turns(
            rate=self.rate,
            decay=1,
            training=1,
            waiting=1,
            errors=np.where(open_, ENDLESS, 0),
            length=ENDLESS,
            right=0,
            trained=0,
            tested=0,
            used=0,
        )
        after = alternate(state, *piece, turns, task.tolerance)
        made = turns.errors - after.errors
        return made.astype(int), after.right.astype(int)


class _Pieces:
    """The streams of networks, in numbered pieces drawn several at a time."""

    def __init__(self, task: Task, steps: int, seeds: list[int]):
        self.task, self.steps, self.seeds = task, steps, seeds
        self.drawn: list[tuple[np.ndarray, ...]] = []

    def take(self, number: int) -> tuple[np.ndarray, ...]:
        """Return inputs, targets and starts of a piece, for all networks."""
        if number % PIECES == 0:
            purpose = BATCHES, number // PIECES
            self.drawn = [
                _streams(self.task, self.steps, PIECES, generator(s, *purpose))
                for s in self.seeds
            ]
        parts = zip(*self.drawn)
        return tuple(
            np.stack([own[number % PIECES] for own in part]) for part in parts
        )


def _streams(task, steps, count, rng):
    """Draw streams that begin one step after the task's own begin.

    Returns:
        The inputs, the targets, and where networks may start anew: 1 one step
        after a spike or the start of a period, 2 at the first step.
    """
    batch = dataclasses.replace(task, timesteps=steps + 1).sample(count, rng)
    starts = np.zeros((count, steps + 1), int)
    for row, inputs in zip(starts, batch.inputs):
        for found in task.events(inputs).values():
            row[found[found < steps] + 1] = 1
    starts[:, 1] = 2
    return batch.inputs[:, 1:], batch.targets[:, 1:], starts[:, 1:]


def _test(state, task, rule, seeds, number, ready) -> list[Verdict | None]:
    """Return a verdict for each network that answers a long stream rightly."""
    verdicts: list[Verdict | None] = [None] * len(ready)
    chosen = np.flatnonzero(ready)
    if not len(chosen):
        return verdicts
    purpose = TEST, number
    drawn = [
        _streams(task, rule.steps, 1, generator(seeds[n], *purpose))
        for n in chosen
    ]
    inputs, targets, _ = map(np.concatenate, zip(*drawn))
    tested = State(state.network, state.weights[chosen])
    given = tested, inputs, targets
    outputs, right = answer(*given, tolerance=task.tolerance)
    for n, own, target, steps in zip(chosen, outputs, targets, right):
        if steps == rule.steps:
            error = float(np.abs(own - target).mean())
            verdicts[n] = Verdict(0, 1, error)
    return verdicts
