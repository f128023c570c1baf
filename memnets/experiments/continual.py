"""Continual prediction: does a network that is never reset stay right?

Strings of the embedded Reber grammar follow each other in one stream, with
nothing to mark where one ends. A network reads the stream and predicts, at
every symbol, which symbols may come next. Its states are never reset from
outside. It learns online from training streams, each of which ends at its
first error; after each, it is tested with its weights frozen. The study is
that of F. A. Gers, J. Schmidhuber and F. Cummins, Learning to Forget: Continual
Prediction with LSTM, Neural Computation 12 (10), 2451 (2000), Table 2.

`study` is a function of its arguments alone: how networks are grouped changes
no bit of a row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from memnets.tasks.base import check_integer
from memnets.tasks.reber import EmbeddedReber, automaton
from memnets.training.kernels.stream_network import Network, draw
from memnets.training.kernels.streams import (
    State,
    Turns,
    alternate,
)

TOLERANCE = 0.49
TESTS = 10
STRINGS = 1024  # strings drawn at once
PIECE, LANES = 1024, 16  # symbols, networks at once; they change no result
BIASES = -np.arange(1, 5) / 2  # -0.5 to -2, of input and output gates


@dataclasses.dataclass(frozen=True)
class Learning:
    """How networks learn.

    Args:
        forget_gate: Boolean, whether blocks have forget gates, with the biases
            0.5, 1, 1.5 and 2. Default: `True`.
        resets: Boolean, whether states are reset from outside at each string's
            start. Default: `False`.
        rate: Float, the learning rate. Default: 0.5.
        decay: Float, the factor of the rate after each training stream.
            Default: 1.
    """

    forget_gate: bool = True
    resets: bool = False
    rate: float = 0.5
    decay: float = 1.0

    @property
    def network(self) -> Network:
        """Four blocks of two cells: 424 weights with forget gates."""
        return Network(
            *(4, 2, 7, 7),
            symbols=True,
            forget_gate=self.forget_gate,
            biases="gates",
            shortcut=True,
        )

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw initial weights, uniform in [-0.2, 0.2) but for the gates."""
        forget = -BIASES if self.forget_gate else None
        return draw(self.network, 0.2, rng, BIASES, BIASES, forget)


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long networks learn and are tested.

    Args:
        streams: Positive integer, the most training streams. Default: 30,000.
        symbols: Positive integer, the longest training stream. Default: 10^6.
        test: Positive integer, the length of a test stream. Default: 10^5.
    """

    streams: int = 30_000
    symbols: int = 1_000_000
    test: int = 100_000

    def __post_init__(self):
        for field in dataclasses.fields(self):
            check_integer(field.name, getattr(self, field.name), 1)


@dataclasses.dataclass
class Outcome:
    """What became of one network.

    Args:
        seed: Integer, which fixes the weights and all strings.
        perfect: Boolean, whether it passed all ten test streams without an
            error, after one of its training streams.
        streams: Integer, the number of training streams.
        error_free: Float, the mean number of symbols before the first error,
            over the ten test streams after the last training stream; at most
            the length of a test stream.
        symbols: Integer, the number of symbols trained on.
        tested: Integer, the number of symbols in tests.
    """

    seed: int
    perfect: bool = False
    streams: int = 0
    error_free: float = 0.0
    symbols: int = 0
    tested: int = 0


class Strings:
    """An endless supply of strings for one network.

    Args:
        rng: `numpy.random.Generator`.
    """

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._drawn = _draw_strings(rng)

    def piece(self, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the next symbols, without using them up.

        Args:
            steps: Positive integer.

        Returns:
            Arrays of shape `(steps,)`: the symbols, the state of the grammar
            after each, and whether a string starts there.
        """
        while len(self._drawn[0]) < steps:
            pairs = zip(self._drawn, _draw_strings(self._rng))
            self._drawn = tuple(np.concatenate(pair) for pair in pairs)
        symbols, states, starts = (part[:steps] for part in self._drawn)
        return symbols, states, starts

    def use(self, steps: int) -> None:
        """Use up symbols of the last piece."""
        self._drawn = tuple(part[steps:] for part in self._drawn)


def _draw_strings(rng):
    """Draw strings, of any length, one after another."""
    machine = automaton(EmbeddedReber.grammar)
    end, none = len(machine.follow) - 1, len(EmbeddedReber.inputs)
    state = np.zeros(STRINGS, np.intp)
    symbols, states = [], []
    while (state < end).any():
        branch = 2 * state + rng.integers(0, 2, STRINGS, np.int8)
        symbols.append(machine.symbols.ravel()[branch].astype(np.int8))
        state = machine.follow.ravel()[branch]
        # What follows the end is what follows state 0: the next string.
        states.append(np.where(state == end, 0, state).astype(np.int8))
    starts = np.zeros((STRINGS, len(symbols)), bool)
    starts[:, 0] = True
    symbols, states = np.transpose(symbols), np.transpose(states)
    there = symbols < none
    return symbols[there], states[there], starts[there]


class _Learner:
    """One network's row, its strings and where it stands."""

    def __init__(self, seed, rng):
        self.row, self.strings = Outcome(seed), Strings(rng)
        self.passed = 0  # test streams, in a row
        self.lengths: list[float] | None = None  # of the last ten tests


class _Study:
    """Networks that learn side by side, each at its own stage.

    A network that is done makes room for the next.
    """

    def __init__(self, learning, seeds, budget):
        self.learning, self.budget, self.waiting = learning, budget, iter(seeds)
        self.rows = []
        lanes = min(LANES, len(seeds))
        nothing = np.zeros((lanes, learning.network.count), np.float32)
        self.state = State(learning.network, nothing)
        self.turns = Turns(*(np.zeros(lanes) for _ in Turns._fields))
        self.learners: list[_Learner | None] = [None] * lanes
        machine = automaton(EmbeddedReber.grammar)
        self.possible = (machine.possible > 0).astype(np.float32)
        for k in range(lanes):
            self.begin(k)

    def begin(self, k):
        """Put the next network into a lane, if there is one."""
        seed = next(self.waiting, None)
        self.learners[k], self.turns.errors[k] = None, 0
        if seed is None:
            return
        rng = np.random.default_rng(seed)
        self.state.replace(k, self.learning.draw(rng))
        self.learners[k] = _Learner(int(seed), rng)
        self.rows.append(self.learners[k].row)
        self.turns.rate[k] = self.learning.rate
        self.turns.decay[k] = self.learning.decay
        # Each training stream may end in an error, and the test after it.
        self.begin_stream(k, training=1, errors=2 * self.budget.streams)

    def begin_stream(self, k, training, errors):
        """Let a network wait for its next stream."""
        self.turns.training[k], self.turns.errors[k] = training, errors
        self.turns.waiting[k], self.turns.right[k] = 1, 0

    def limits(self):
        """Return how many steps the current streams may last."""
        training = self.turns.training > 0
        return np.where(training, self.budget.symbols, self.budget.test)

    def run(self):
        """Run all networks until they are perfect or have used the budget."""
        while any(self.learners):
            before = self.turns
            self.advance()
            over = self.turns.right == self.limits()
            for k, learner in enumerate(self.learners):
                if learner:
                    errors = int(before.errors[k] - self.turns.errors[k])
                    self.settle(k, learner, errors, before.training[k], over[k])

    def advance(self):
        """Give all networks their next symbols."""
        # So no stream that begins in a piece passes its limit there.
        steps = min(PIECE, self.budget.symbols, self.budget.test)
        idle = np.zeros((3, steps), int)
        pieces = [n.strings.piece(steps) if n else idle for n in self.learners]
        symbols, states, starts = map(np.stack, zip(*pieces))
        starts = starts * (1 + self.learning.resets)
        left = self.limits() - self.turns.right
        turns = self.turns._replace(length=left, trained=0, tested=0, used=0)
        given = symbols, self.possible.take(states, 0), starts, turns
        self.turns = alternate(self.state, *given, TOLERANCE)

    def settle(self, k, learner, errors, trained, over):
        """Account for a piece, and choose what a network does next."""
        row, turns = learner.row, self.turns
        learner.strings.use(int(turns.used[k]))
        row.symbols += int(turns.trained[k])
        row.tested += int(turns.tested[k])
        if learner.lengths is not None:
            if over or turns.errors[k] == 0:
                self.end_last_test(k, learner)
            return
        row.streams += (errors + int(trained)) // 2
        learner.passed = 0 if errors else learner.passed
        if over and turns.training[k]:
            row.streams += 1
            turns.rate[k] *= turns.decay[k]
            self.begin_stream(k, 0, turns.errors[k] - 1)
            learner.passed = 0
        elif over:
            learner.passed += 1
            self.begin_stream(k, 0, turns.errors[k])
            if learner.passed == TESTS:
                row.perfect, row.error_free = True, float(self.budget.test)
                self.begin(k)
        elif turns.errors[k] == 0:
            learner.lengths = []
            self.begin_stream(k, 0, 1)

    def end_last_test(self, k, learner):
        """Note the length of one of the last ten test streams."""
        learner.lengths.append(float(self.turns.right[k]))
        if len(learner.lengths) < TESTS:
            self.begin_stream(k, 0, 1)
        else:
            learner.row.error_free = float(np.mean(learner.lengths))
            self.begin(k)


def study(
    learning: Learning, seeds: Iterable[int], budget: Budget | None = None
) -> list[Outcome]:
    """Train networks on continual streams until they are perfect.

    After each training stream a network is tested, on up to ten streams; the
    first error ends the test, for one error decides it. The error-free length
    of networks that do not become perfect is measured at the end.

    Args:
        learning: `Learning`.
        seeds: Integers, one for each network. At least 16 are fastest.
        budget: `Budget`. Default: `None`, the paper's.

    Returns:
        List of `Outcome`, in the order of the seeds.
    """
    seeds = list(seeds)
    if not seeds:
        raise ValueError("seeds must be one or more integers, got none")
    made = _Study(learning, seeds, budget or Budget())
    made.run()
    return made.rows
