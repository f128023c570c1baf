"""Continual tasks: sequences follow one another without any mark between."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar, NamedTuple

import numpy as np

from memnets.tasks.base import (
    Batch,
    Task,
    check_answers,
    check_draw,
    check_flag,
    check_integer,
)
from memnets.tasks.reber import GRAMMAR, SYMBOLS, automaton, embedded
from memnets.tasks.symbols import NONE
from memnets.tasks.temporal_order import (
    END,
    TOLERANCE,
    TemporalOrder3,
)
from memnets.tasks.temporal_order import SYMBOLS as ALPHABET

ERROR = 0.49  # of an output; see `ContinualReber`
T, P = SYMBOLS.index("T"), SYMBOLS.index("P")
CHOOSING = 1  # the state before the second symbol of a string


@dataclasses.dataclass(frozen=True)
class ContinualReber(Task):
    """Embedded Reber strings WITHOUT END: what may come NEXT, and forget.

    >>> import numpy as np
    >>> from memnets.tasks import ContinualReber
    >>> from memnets.tasks.symbols import spell
    >>> task = ContinualReber(timesteps=60)
    >>> batch = task.sample(2, np.random.default_rng(0))
    >>> for symbols in batch.inputs:
    ...     print(spell(task, symbols))
    BPBPVPSEPEBTBTXSETEBTBPVVETEBTBTXXTTTVPXVPXVVETEBTBPVVETEBTB
    BPBTSSSXSEPEBTBPVVETEBPBPVPXTVPSEPEBPBPVPSEPEBTBPTVVETEBPBPT

    A stream is strings of `EmbeddedReber`, of any length, one after another.
    It begins with a string and is cut after `timesteps` symbols. Nothing marks
    where a new string begins, except that B follows E. At every step, the
    outputs of all symbols that may come next must be 1 and all others 0. A
    network must remember the second symbol of a string until the last but one,
    and then forget it.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: F. A. Gers, J. Schmidhuber and F. Cummins, Learning to forget,
    Neural Computation 12 (10), 2451 (2000). There a network is tested on 10
    streams of 100,000 symbols, which `continue_streams` draws in parts.

    Args:
        timesteps: Positive integer, the length of a stream. Default: 100.
    """

    timesteps: int = 100

    name: ClassVar[str] = "continual-reber"
    symbolic: ClassVar[bool] = True
    inputs: ClassVar[tuple[str, ...]] = tuple(SYMBOLS)
    answering: ClassVar[slice] = slice(None)

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, 1)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(f"next {symbol}" for symbol in SYMBOLS)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `constant` answers every output's mean over all steps. `memoryless`
        answers the mean over all steps with the symbol just read. `forgetful`
        knows everything but the second symbol of a string, and answers 1/2 for
        T and P where it comes again.
        """
        stream = _stream()
        # How often each symbol is read and leads to each state.
        visits = np.zeros((len(SYMBOLS), len(stream.follow)))
        reached = np.eye(len(stream.follow))[0]
        for _ in range(self.timesteps):
            now = np.zeros_like(visits)
            paths = np.repeat(reached[:, None] / 2, 2, axis=1)
            np.add.at(now, (stream.symbols, stream.follow), paths)
            visits, reached = visits + now, now.sum(axis=0)
        # How often each output is 1, by the symbol just read and in all.
        ones = visits @ stream.may[:-1]
        read = np.maximum(visits.sum(axis=1, keepdims=True), 1e-300)
        total = ones.sum(axis=0)
        returns = visits.sum(axis=0) @ stream.returns[:-1]
        errors = {
            "silent": total.sum(),
            "constant": np.sum(total * (1 - total / self.timesteps)),
            "memoryless": np.sum(ones * (1 - ones / read)),
            "forgetful": returns / 2,
            "perfect": 0.0,
        }
        numbers = self.timesteps * len(SYMBOLS)
        return {name: float(e / numbers) for name, e in errors.items()}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh streams, each from the beginning of a string.

        Args:
            batch_size: Positive integer, the number of streams.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`.
        """
        check_draw(batch_size, rng)
        symbols, may, _ = continue_streams(
            np.zeros(batch_size, np.intp), self.timesteps, rng
        )
        return Batch(symbols, may, np.ones(symbols.shape, np.float32))

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: which symbols may come next.

        Args:
            inputs: Integer array of shape `(batch, time)`, symbols.

        Returns:
            float32 array of shape `(batch, time, 7)`; 0 after a symbol that
            the grammar forbids.
        """
        states = _states(np.asarray(inputs))[:, 1:]
        return _stream().may.take(states, axis=0)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether each output's error is below 0.49 at every step.

        Args:
            outputs: array of shape `(batch, time, 7)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        return self.right_in_a_row(outputs, batch) == self.timesteps

    def right_in_a_row(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Return how many steps are right before the first wrong one.

        Args:
            outputs: array of shape `(batch, time, 7)`, of any length.
            batch: The `Batch` that was answered.

        Returns:
            int array of shape `(batch,)`.
        """
        error = np.abs(check_answers(outputs, batch) - batch.targets)
        # The comparison is false for NaN, so NaN is never correct.
        right = np.all(error < ERROR, axis=2)
        return np.cumprod(right, axis=1).sum(axis=1)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of each second symbol and of predicting its return.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one stream.
        """
        states = _states(np.asarray(inputs)[None])[0]
        return {
            "tell": np.flatnonzero(states[:-1] == CHOOSING),
            "recall": np.flatnonzero(_stream().returns[states[1:]]),
        }


def continue_streams(
    states: np.ndarray, steps: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the next symbols of continual Reber streams.

    >>> import numpy as np
    >>> from memnets.tasks.continual import continue_streams
    >>> rng, states = np.random.default_rng(0), np.zeros(10, int)
    >>> for _ in range(3):
    ...     symbols, may, states = continue_streams(states, 1000, rng)
    >>> symbols.shape, may.shape
    ((10, 1000), (10, 1000, 7))

    Args:
        states: Integer array of shape `(streams,)`, the automaton's state of
            each stream; 0 begins a string.
        steps: Positive integer, how many symbols to draw for each stream.
        rng: `numpy.random.Generator`.

    Returns:
        The symbols, an int32 array of shape `(streams, steps)`; which symbols
        may come next, a float32 array of 0 and 1 of shape `(streams, steps,
        7)`; the new states, to continue from.
    """
    stream, states = _stream(), np.asarray(states)
    check_draw(len(np.atleast_1d(states)), rng)
    check_integer("steps", steps, 1)
    last = len(stream.follow) - 1
    if states.ndim != 1 or states.dtype.kind not in "iu":
        raise TypeError(
            f"states must be an array of integers, one for each stream, got "
            f"{states.dtype} of shape {states.shape}"
        )
    if states.min() < 0 or states.max() > last:
        raise ValueError(
            f"states must be from 0 to {last}, got {states.min()} to "
            f"{states.max()}"
        )
    # Eight steps at once: a byte holds the branch to take at each of them.
    count = -(-steps // 8)
    branches = rng.integers(0, 256, (count, len(states)), np.uint8)
    begun = np.empty(branches.shape, np.intp)
    now = states
    for block, byte in enumerate(branches):
        begun[block] = now
        now = stream.eight_states[now, byte, -1]
    drawn = []
    for table in (stream.eight_symbols, stream.eight_states):
        blocks = table[begun, branches].swapaxes(0, 1)
        drawn.append(blocks.reshape(len(states), 8 * count)[:, :steps])
    symbols, follow = drawn
    may = stream.may.take(follow, axis=0)
    return symbols.astype(np.int32), may, follow[:, -1].astype(np.intp)


class _Stream(NamedTuple):
    """The automaton of the streams; state -1 follows a forbidden symbol."""

    symbols: np.ndarray  # (state, branch)
    follow: np.ndarray  # (state, branch), the next state
    read: np.ndarray  # (state, symbol), the next state
    may: np.ndarray  # (state, symbol), 1 if it may come next
    returns: np.ndarray  # (state,), 1 if the second symbol must come next
    eight_symbols: np.ndarray  # (state, byte, step)
    eight_states: np.ndarray  # (state, byte, step), the state after it


@functools.cache
def _stream() -> _Stream:
    machine = automaton(embedded(GRAMMAR))
    end = len(machine.possible) - 1
    # Where a string ends, the next begins. Nothing else leads to the last
    # state but a forbidden symbol.
    follow = np.where(machine.follow == end, 0, machine.follow)
    read = np.where(machine.read == end, 0, machine.read)
    state, byte = np.indices((end, 256))
    symbols, states = [], []
    for step in range(8):
        branch = byte >> step & 1
        symbols.append(machine.symbols[state, branch])
        state = follow[state, branch]
        states.append(state)
    may = (machine.possible > 0).astype(np.float32)
    # Of T and P one alone may come only where the second symbol returns.
    returns = (machine.possible[:, [T, P]] == 1).any(axis=1)
    return _Stream(
        machine.symbols[:end],
        follow[:end],
        read,
        may,
        returns.astype(float),
        np.stack(symbols, axis=-1).astype(np.int8),
        np.stack(states, axis=-1).astype(np.int8),
    )


def _states(symbols: np.ndarray) -> np.ndarray:
    """Return the states before the first symbol and after each, by reading."""
    read = _stream().read
    states = np.zeros((symbols.shape[1] + 1, len(symbols)), np.intp)
    for step, now in enumerate(symbols.T):
        states[step + 1] = read[states[step], now]
    return states.T


@dataclasses.dataclass(frozen=True)
class ContinualOrder(TemporalOrder3):
    """Sequences of `TemporalOrder3` WITHOUT a break: remember, then forget.

    >>> import numpy as np
    >>> from memnets.tasks import ContinualOrder
    >>> from memnets.tasks.symbols import spell
    >>> task = ContinualOrder(timesteps=66)
    >>> batch = task.sample(1, np.random.default_rng(0))
    >>> print(spell(task, batch.inputs[0]))
    EcXbcddYcabaaYbacaaaaBEabbXdYabcbbcdbXdcbbBEccdYbdcXbdcdXacdcbcB
    >>> for step in batch.weights[0].nonzero()[0]:
    ...     print(step, task.outputs[batch.targets[0, step].argmax()])
    21 XYY
    42 XYX
    63 YXX

    A stream has `repeats` sequences, one after another. Each is as in
    `TemporalOrder3`: it begins with E, ends with B, and is answered at its B.
    Answers at other steps are not scored.

    Inputs are symbols, the numbers of the input channels, not one-hot.

    Source: F. A. Gers, J. Schmidhuber and F. Cummins, Learning to forget,
    Neural Computation 12 (10), 2451 (2000); there a network must answer 100
    sequences in a row, which are 11,000 time steps here.

    Args:
        timesteps: Integer of at least 11 x `repeats`, the length of the
            longest stream. Default: 330.
        reminder: Boolean, whether the last symbol of each sequence names the
            answer. Default: `False`.
        repeats: Positive integer, how many sequences a stream has.
            Default: 3.
    """

    timesteps: int = 330
    repeats: int = 3

    name: ClassVar[str] = "continual-temporal-order"

    def __post_init__(self):
        check_integer("repeats", self.repeats, 1)
        check_integer("timesteps", self.timesteps, 11 * self.repeats)
        check_flag("reminder", self.reminder)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of the simple players of `TemporalOrder`."""
        one_answer = super().landmarks
        return {name: self.repeats * e for name, e in one_answer.items()}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh streams.

        Args:
            batch_size: Positive integer, the number of streams.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch`; its inputs are int32 symbols of shape `(batch_size,
            timesteps)`, -1 after the end of a stream.
        """
        check_draw(batch_size, rng)
        shape = batch_size, self.timesteps
        part = TemporalOrder3(self.timesteps // self.repeats, self.reminder)
        lengths = part.draw_lengths(batch_size * self.repeats, rng)
        drawn, answer = part._symbols(lengths, rng)
        ends = lengths.reshape(batch_size, self.repeats).cumsum(axis=1) - 1
        symbols = np.full(shape, NONE, np.int32)
        inside = np.arange(self.timesteps) <= ends[:, -1:]
        # Both sides go through the streams in turn, symbol by symbol.
        symbols[inside] = drawn[drawn != NONE]
        targets = np.zeros((*shape, len(self.outputs)), np.float32)
        weights = np.zeros(shape, np.float32)
        row = np.arange(batch_size)[:, None]
        targets[row, ends, answer.reshape(ends.shape)] = 1
        weights[row, ends] = 1
        return Batch(symbols, targets, weights)

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark all answers: every output within 0.3 of its target.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        return self.right_in_a_row(outputs, batch) == self.repeats

    def right_in_a_row(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Return how many sequences are answered before the first mistake.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            int array of shape `(batch,)`.
        """
        error = np.abs(check_answers(outputs, batch) - batch.targets)
        # The comparison is false for NaN, so NaN is never correct.
        asked = batch.weights > 0
        right = np.all(error < TOLERANCE, axis=2) | ~asked
        return np.sum(np.cumprod(right, axis=1) * asked, axis=1)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the told symbols and of all answers.

        Args:
            inputs: Integer array of shape `(time,)`, the symbols of one stream.
        """
        asked = (inputs == END) | (inputs >= len(ALPHABET))
        return super().events(inputs) | {"recall": np.flatnonzero(asked)}
