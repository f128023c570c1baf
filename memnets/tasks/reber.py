"""Reber grammars: read a string and predict each next symbol."""

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
    check_integer,
)

SYMBOLS = "BTPSXVE"
NONE = len(SYMBOLS)  # the index that means no symbol: the string has ended
# An automaton: for each state, the symbols that may come next, each with the
# number of the state that it leads to. The last state is the end.
GRAMMAR = ("B1", "T2 P3", "S2 X4", "T3 V5", "X3 S6", "P4 V6", "E7", "")


def embedded(inner: tuple[str, ...]) -> tuple[str, ...]:
    """Put a grammar between two equal symbols, two T or two P.

    The states of the inner grammar appear twice, once for each symbol, so
    that the state includes the symbol to remember.
    """
    states = ["B1", f"T2 P{2 + len(inner)}"]
    for symbol in "TP":
        first = len(states)
        for arcs in inner[:-1]:
            moved = (f"{arc[0]}{first + int(arc[1:])}" for arc in arcs.split())
            states.append(" ".join(moved))
        states.append(f"{symbol}{2 + 2 * len(inner)}")
    return (*states, f"E{3 + 2 * len(inner)}", "")


@dataclasses.dataclass(frozen=True)
class Reber(Task):
    """The network READS a string and must say what may come NEXT.

    >>> import numpy as np
    >>> from memnets.tasks import Reber, letters
    >>> batch = Reber().sample(4, np.random.default_rng(6))
    >>> print(*map(letters, batch.inputs))
    BPTTVVE BTXSE BPTVPSE BTXXTVVE

    The grammar is an automaton. Where two symbols may come next, each has
    probability 1/2. Inputs and targets are one-hot. As in the papers the
    target is the symbol that does come next. It cannot always be predicted:
    where two symbols may come, the perfect player answers 1/2 for both. A
    string is answered correctly if at every step all symbols that may come
    are more active than all others. The last symbol, E, has no successor: its
    step is not scored. After it, inputs and targets are 0.

    Strings have 8 symbols on average, and may be of any length. Those longer
    than `timesteps` are left out: 2.8 % of all with 16 time steps, 0.82 %
    with 20, 0.068 % with 28. The others keep their relative probabilities.

    Source: A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, Finite
    State Automata and Simple Recurrent Networks, Neural Computation 1 (3),
    372 (1989).

    Args:
        timesteps: Integer of at least 5, the length of the longest string.
            Default: 28.
    """

    timesteps: int = 28

    name: ClassVar[str] = "reber"
    inputs: ClassVar[tuple[str, ...]] = tuple(SYMBOLS)
    pass_mark: ClassVar[float] = 1.0
    answering: ClassVar[slice] = slice(None)
    grammar: ClassVar[tuple[str, ...]] = GRAMMAR
    shortest: ClassVar[int] = 5

    def __post_init__(self):
        check_integer("timesteps", self.timesteps, self.shortest)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(f"next {symbol}" for symbol in SYMBOLS)

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `silent` always answers 0. `perfect` knows the probability of each
        next symbol. A step that is not scored counts as an error of 0.
        """
        possible = automaton(self.grammar).possible
        players = {"silent": np.zeros_like(possible), "perfect": possible}
        return {name: self._error(answers) for name, answers in players.items()}

    def _error(self, answers: np.ndarray) -> float:
        """Return the exact error of a player, given its answer by state."""
        machine = automaton(self.grammar)
        truth = np.eye(NONE + 1, NONE)[machine.symbols]
        errors = np.square(truth - answers[:, None]).sum(axis=-1)
        errors[-1] = 0  # after the end nothing is scored
        total, reached = 0.0, np.eye(len(answers))[0]
        for step, share in enumerate(_branching(self.grammar, self.timesteps)):
            paths = reached[:, None] * np.stack([share, 1 - share], axis=1)
            # The first symbol need not be predicted.
            total += np.sum(paths * errors) if step else 0
            reached = np.zeros(len(answers))
            np.add.at(reached, machine.follow, paths)
        return float(total / (self.timesteps * NONE))

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw fresh strings.

        Args:
            batch_size: Positive integer, the number of strings.
            rng: `numpy.random.Generator`.

        Returns:
            A `Batch` with arrays of shape `(batch_size, timesteps, channel)`.
        """
        check_draw(batch_size, rng)
        machine = automaton(self.grammar)
        chances = rng.random((self.timesteps, batch_size), np.float32)
        symbols = np.full((self.timesteps + 1, batch_size), NONE, np.int8)
        state = np.zeros(batch_size, np.intp)
        for step, share in enumerate(_branching(self.grammar, self.timesteps)):
            branch = 2 * state + (chances[step] >= share[state])
            symbols[step] = machine.symbols.ravel()[branch]
            state = machine.follow.ravel()[branch]
        return _batch(symbols.T)

    def sequence(self, string: str) -> Batch:
        """Make one sequence by hand.

        Args:
            string: String of the grammar, such as `"BPVVE"`.

        Returns:
            A `Batch` of one sequence.

        Raises:
            ValueError: If the string is too long or not of the grammar.
        """
        machine, state = automaton(self.grammar), 0
        places = [SYMBOLS.find(symbol) for symbol in str(string)]
        for place in places:
            state = machine.read[state, place]
        if len(places) > self.timesteps or state != len(self.grammar) - 1:
            raise ValueError(
                f"string must be a complete string of the {self.name} grammar "
                f"with at most {self.timesteps} symbols, got {string!r}"
            )
        padding = [NONE] * (self.timesteps + 1 - len(places))
        return _batch(np.array([places + padding]))

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer by rule: the probability of each next symbol.

        Args:
            inputs: array of shape `(batch, time, 7)`.

        Returns:
            float32 array of shape `(batch, time, 7)`; 0 after the end and
            after a symbol that the grammar forbids.
        """
        machine = automaton(self.grammar)
        states = [np.zeros(len(inputs), np.intp)]
        for symbols in _symbols(inputs).T:
            states.append(machine.read[states[-1], symbols])
        known = np.stack(states[1:], axis=1)
        return machine.possible.astype(np.float32)[known]

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether all possible symbols are more active than all others.

        This must hold at every scored step: the criterion of Hochreiter and
        Schmidhuber (1997), section 5.1.

        Args:
            outputs: array of shape `(batch, time, 7)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        outputs = check_answers(outputs, batch)
        possible = self.solve(batch.inputs) > 0
        least = np.where(possible, outputs, np.inf).min(axis=-1)
        most = np.where(possible, -np.inf, outputs).max(axis=-1)
        # The comparison is false for NaN, so NaN is never correct.
        return np.all((least > most) | (batch.weights == 0), axis=1)


@dataclasses.dataclass(frozen=True)
class EmbeddedReber(Reber):
    """A Reber string between two T or two P: REMEMBER which.

    >>> import numpy as np
    >>> from memnets.tasks import EmbeddedReber, letters
    >>> batch = EmbeddedReber().sample(4, np.random.default_rng(5))
    >>> print(*map(letters, batch.inputs))
    BTBPTTTTTVVETE BPBTSXXVPSEPE BPBTSXXVVEPE BTBTXXVVETE

    A string is B, then T or P, a string of `Reber`, the same T or P again,
    and E. Only the symbol before the last E needs a long memory: it repeats
    the second symbol, read 5 or more steps ago, 8 on average. Everything else
    is as in `Reber`. Of all strings, 2.8 % are longer than 20 symbols and
    0.068 % longer than 32.

    Source: experiment 1 of S. Hochreiter and J. Schmidhuber, Long Short-Term
    Memory, Neural Computation 9 (8), 1735 (1997), section 5.1; there, 256
    strings were drawn for training and 256 others for the test.

    Args:
        timesteps: Integer of at least 9, the length of the longest string.
            Default: 32.
    """

    timesteps: int = 32

    name: ClassVar[str] = "embedded-reber"
    grammar: ClassVar[tuple[str, ...]] = embedded(GRAMMAR)
    shortest: ClassVar[int] = 9

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        `forgetful` is like `perfect`, except that it answers 1/2 for both T
        and P at the one step that needs memory. The others are those of
        `Reber`.
        """
        forgetful = automaton(self.grammar).possible.copy()
        # Only the second T or P ever comes with probability 1.
        sure = (forgetful[:, 1:3] == 1).any(axis=1)
        forgetful[sure, 1:3] = 0.5
        silent, perfect = super().landmarks.items()
        return dict([silent, ("forgetful", self._error(forgetful)), perfect])

    def remembers(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark only the step that needs memory: does T or P come back?

        A network that has forgotten is right half of the time.

        Args:
            outputs: array of shape `(batch, time, 7)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        outputs = check_answers(outputs, batch)
        lengths = np.count_nonzero(_symbols(batch.inputs) < NONE, axis=1)
        t, p = outputs[np.arange(len(outputs)), lengths - 3, 1:3].T
        return np.where(batch.inputs[:, 1, 1] > 0, t > p, p > t)

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the steps of the first T or P and of predicting the second.

        Args:
            inputs: array of shape `(time, 7)`.
        """
        recall = np.array([len(letters(inputs)) - 3])
        return {"tell": np.array([1]), "recall": recall}


def letters(inputs: np.ndarray) -> str:
    """Spell the inputs of one sequence.

    Args:
        inputs: array of shape `(time, 7)`.

    Returns:
        A string.
    """
    read = _symbols(inputs)
    return "".join(SYMBOLS[symbol] for symbol in read[read < NONE])


class Automaton(NamedTuple):
    """A grammar as arrays; a single successor is listed as both branches."""

    symbols: np.ndarray  # (state, branch)
    follow: np.ndarray  # (state, branch), the next state
    read: np.ndarray  # (state, symbol), the next state
    possible: np.ndarray  # (state, symbol), the probability


@functools.cache
def automaton(grammar: tuple[str, ...]) -> Automaton:
    """Return the automaton of a grammar."""
    symbols = np.full((len(grammar), 2), NONE)
    follow = np.full((len(grammar), 2), len(grammar) - 1)
    # A forbidden symbol leads to state -1. As at the end, no symbol may come
    # next.
    read = np.full((len(grammar), NONE + 1), -1)
    possible = np.zeros((len(grammar), NONE))
    for state, arcs in enumerate(map(str.split, grammar[:-1])):
        for branch, arc in enumerate((arcs[0], arcs[-1])):
            place, to = SYMBOLS.index(arc[0]), int(arc[1:])
            symbols[state, branch], follow[state, branch] = place, to
            read[state, place] = to
            possible[state, place] += 0.5
    return Automaton(symbols, follow, read, possible)


@functools.cache
def _branching(grammar: tuple[str, ...], timesteps: int) -> np.ndarray:
    """Return the probability of each state's first branch, at each step.

    It is 1/2 if strings may have any length. Here it is conditioned on the
    string ending within `timesteps`, so that no string need be drawn twice.

    Returns:
        float64 array of shape `(timesteps, state)`.
    """
    follow = automaton(grammar).follow
    # The probability of ending within the remaining steps, by state.
    ending = np.eye(len(grammar))[-1]
    first = np.full((timesteps, len(grammar)), 0.5)
    for step in range(timesteps)[::-1]:
        ways = ending[follow]
        some = ways.sum(axis=1) > 0
        first[step, some] = ways[some, 0] / ways[some].sum(axis=1)
        ending = ways.mean(axis=1)
    return first


def _symbols(inputs: np.ndarray) -> np.ndarray:
    """Return the index of each step's symbol in `SYMBOLS`, or `NONE`."""
    return np.where(np.any(inputs, -1), np.argmax(inputs, -1), NONE)


def _batch(symbols: np.ndarray) -> Batch:
    """Return sequences from symbol indices, one more than time steps."""
    onehot = np.eye(NONE + 1, NONE, dtype=np.float32)
    weights = (symbols[:, 1:] < NONE).astype(np.float32)
    inputs, targets = symbols[:, :-1], symbols[:, 1:]
    # `take` is several times as fast as indexing.
    return Batch(onehot.take(inputs, 0), onehot.take(targets, 0), weights)
