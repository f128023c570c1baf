"""The base class of the tasks, and what they share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """Sequences with their target answers.

    Args:
        inputs: float32 array of shape `(batch, time, input channel)`. Of a
            task whose inputs are symbols: int32 array of shape `(batch,
            time)`, the number of each step's input channel, or -1 for none.
        targets: float32 array of shape `(batch, time, output channel)`.
        weights: float32 array of shape `(batch, time)`; 0 where the answer is
            not scored.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Task:
    """A memory task; the fields of a subclass set its difficulty.

    A subclass names its channels, draws sequences, answers them by rule and
    marks answers. `tests/test_tasks.py` checks this for every task.

    Args:
        timesteps: Positive integer, the length of a sequence in time steps.
    """

    timesteps: int = 20

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    # Whether inputs are symbols, one at each step, instead of channels.
    symbolic: ClassVar[bool] = False
    pass_mark: ClassVar[float] = 0.99
    # The outputs that answer; all others should stay silent.
    answering: ClassVar[slice] = slice(1)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        raise AttributeError(f"{type(self).__name__} must name its outputs")

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        The mean is over all time steps and output channels, like a Keras
        loss.
        """
        return {"perfect": 0.0}

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw `batch_size` fresh sequences from the generator `rng`."""
        raise TypeError(f"{type(self).__name__} must define sample")

    def solve(self, inputs: np.ndarray) -> np.ndarray:
        """Answer the sequences by rule: the perfect player."""
        raise TypeError(f"{type(self).__name__} must define solve")

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark the answers; return a bool for each sequence."""
        raise TypeError(f"{type(self).__name__} must define correct")

    def events(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return the time steps to mark in a picture of one sequence.

        Args:
            inputs: array of shape `(time, input channel)`.

        Returns:
            Dictionary from the name of an event to its time steps.
        """
        return {}

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw the test sequences on which `mastered` decides."""
        return self.sample(2000, rng)

    def example(self) -> Batch:
        """Return one fixed sequence, the same in all runs."""
        return self.sample(1, np.random.default_rng(0))

    def by_hand(self, tells: dict[int, float], asks: list[int]) -> Batch:
        """Return one sequence with given tells and asks.

        Args:
            tells: Dictionary from the time step of each tell to its value.
            asks: List of the time steps of the asks.

        Raises:
            ValueError: If the task has no such sequence.
        """
        raise ValueError(
            f"tells and asks must be empty for {self.name}, whose sequences "
            f"are drawn at random"
        )

    def mastered(self, outputs: np.ndarray, batch: Batch) -> bool:
        """Whether the share of correct sequences reaches the pass mark."""
        return bool(np.mean(self.correct(outputs, batch)) >= self.pass_mark)

    def settings(self) -> dict[str, object]:
        """Return the name and the fields as plain values."""
        return {"name": self.name, **dataclasses.asdict(self)}


def check_task(task: Any) -> None:
    """Refuse anything but a task."""
    if not isinstance(task, Task):
        got = f"a {type(task).__name__}"
        if isinstance(task, str):
            got = repr(task)
        elif isinstance(task, type):
            got = f"the class {task.__name__} without parentheses"
        raise TypeError(f"task must be a task, such as Recall(), got {got}")


def check_batch(argument: str, batch: Any) -> None:
    """Refuse anything but a batch."""
    if not isinstance(batch, Batch):
        raise TypeError(
            f"{argument} must be a Batch, as a task's sample returns, got "
            f"{type(batch).__name__}"
        )


def check_integer(argument: str, value: Any, least: int) -> None:
    """Refuse anything but an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{argument} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, got {value}")


def check_flag(argument: str, value: Any) -> None:
    """Refuse anything but `True` and `False`."""
    if not isinstance(value, bool):
        raise TypeError(f"{argument} must be True or False, got {value!r}")


def check_below(argument: str, value: Any, count: int) -> None:
    """Refuse anything but an integer from 0 to `count - 1`."""
    check_integer(argument, value, 0)
    if value >= count:
        raise ValueError(
            f"{argument} must be from 0 to {count - 1}, got {value}"
        )


def check_draw(batch_size: Any, rng: Any) -> None:
    """Refuse arguments that `sample` cannot use."""
    check_integer("batch_size", batch_size, 1)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy Generator, as from "
            f"numpy.random.default_rng(0), got {rng!r}"
        )


def join(batches: Iterable[Batch]) -> Batch:
    """Join batches of equal length and channels into one.

    Raises:
        ValueError: If there are none, or if their length or channels differ.
    """
    batches = list(batches)
    kinds = {tuple(np.shape(part)[1:] for part in batch) for batch in batches}
    if len(kinds) != 1:
        raise ValueError(
            f"batches must have equal length and channels, got (time, channel)"
            f" of {', '.join(sorted(str(kind[0]) for kind in kinds)) or 'none'}"
        )
    return Batch(*map(np.concatenate, zip(*batches)))


def check_answers(outputs: np.ndarray, batch: Batch) -> np.ndarray:
    """Return the outputs as an array of the targets' shape, or refuse them."""
    outputs = np.asarray(outputs)
    if outputs.shape != batch.targets.shape:
        raise ValueError(
            f"outputs must have the shape of the targets, "
            f"{batch.targets.shape}, got {outputs.shape}"
        )
    return outputs


def one_hot(symbols: np.ndarray, channels: int) -> np.ndarray:
    """Return the one-hot encoding of symbols; a symbol below 0 gives zeros.

    >>> one_hot(np.array([[2, -1]]), 3).tolist()
    [[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]

    Args:
        symbols: int array of any shape. A float array is returned unchanged.
        channels: Positive integer, the number of symbols.

    Raises:
        ValueError: If there is no such symbol.
    """
    if symbols.dtype.kind == "f":
        return symbols
    if symbols.max(initial=-1) >= channels:
        raise ValueError(
            f"inputs must be symbols below {channels}, got {symbols.max()}"
        )
    # `take` is several times as fast as indexing.
    rows = np.eye(channels + 1, channels, dtype=np.float32)
    return rows.take(symbols.clip(-1), 0)


def draw(task: Task, batch: Batch, sequence: int = 0) -> str:
    """Draw one sequence of a batch as text, a row for each channel.

    A dot is 0. A fraction shows only its first decimal: `.6` stands for 0.6
    to 0.7. Other numbers are rounded. Symbols are named in a single row. Long
    sequences wrap after 20 time steps, or sooner if names are long.

    Args:
        task: The task that drew the batch; it names the channels.
        batch: The sequences.
        sequence: Integer, which sequence of the batch. Default: 0.

    Returns:
        A string.
    """
    check_task(task)
    check_batch("batch", batch)
    check_below("sequence", sequence, len(batch.inputs))
    inputs, targets = batch.inputs[sequence], batch.targets[sequence]
    rows, cell = _rows(task.inputs, inputs), 3
    if inputs.ndim == 1:
        rows += _symbol_row(task.outputs, targets)
        cell = max(cell, 1 + max(len(text) for _, row in rows for text in row))
    if inputs.ndim > 1 or len(rows) == 1:
        rows += _rows(task.outputs, targets)
    label = max(len(name) for name, _ in (("time step", []), *rows))
    steps, wrap = len(inputs), 60 // cell
    blocks = []
    for start in range(0, steps, wrap):
        shown = range(start, min(start + wrap, steps))
        ticks = [str(t) if t % 5 == 0 else "" for t in shown]
        lines = [f"{'time step':{label}}" + _line(ticks, cell)]
        for name, row in rows:
            texts = [row[t] for t in shown]
            lines.append(f"{name:{label}}" + _line(texts, cell))
        blocks.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join(blocks)


def _rows(names, values) -> list[tuple[str, list[str]]]:
    """Return the names and the texts of channels, or of a row of symbols."""
    if values.ndim == 1:
        return [("read", [names[k] if k >= 0 else "." for k in values])]
    return [(name, [*map(_cell, row)]) for name, row in zip(names, values.T)]


def _symbol_row(names, targets) -> list[tuple[str, list[str]]]:
    """Return targets with names such as `next a` and `next b` as one row.

    Return none if the names begin differently or the targets are not one-hot.
    """
    first = names[0].partition(" ")[0] + " "
    alike = all(name.startswith(first) for name in names)
    if not alike or (targets.sum(1) > 1).any() or (targets % 1).any():
        return []
    symbols = [name.removeprefix(first) for name in names]
    answers = zip(targets.argmax(1), targets.any(1))
    row = [symbols[k] if asked else "." for k, asked in answers]
    return [(first[:-1], row)]


def _line(texts, cell) -> str:
    return "".join(f"{text:>{cell}}" for text in texts)


def _cell(value: float) -> str:
    if value == 0:
        return "."
    if value == int(value) or abs(value) >= 1:
        return f"{round(value)}"
    tenths = f"{int(abs(value) * 10) / 10:.1f}".removeprefix("0")
    return f"{'-' + tenths if value < 0 else tenths}"
