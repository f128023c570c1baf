"""What a task is: it draws sequences, knows the answers, and marks them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """Sequences with the answers a network should give.

    Args:
        inputs: float32 array of shape `(batch, time, input channel)`.
        targets: float32 array of shape `(batch, time, output channel)`.
        weights: float32 array of shape `(batch, time)`; 0 where the answer is
            not scored.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Task:
    """A memory task; the fields of a subclass are its difficulty.

    A subclass names its channels, draws sequences, answers them by rule and
    marks answers. `tests/test_tasks.py` holds every task to that contract.

    Args:
        timesteps: Positive integer, the length of a sequence in time steps.
    """

    timesteps: int = 20

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    pass_mark: ClassVar[float] = 0.99
    # The outputs that answer; any others are to stay silent.
    answering: ClassVar[slice] = slice(1)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the output channels."""
        raise AttributeError(f"{type(self).__name__} must name its outputs")

    @property
    def landmarks(self) -> dict[str, float]:
        """The mean squared error of some simple players.

        The mean is over every time step and output channel, so that a
        landmark compares directly with a Keras loss.
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
        """Return the time steps a picture marks, by name, for one sequence.

        Args:
            inputs: array of shape `(time, input channel)`.
        """
        return {}

    def exam(self, rng: np.random.Generator) -> Batch:
        """Draw the sequences that decide whether a network has mastered it."""
        return self.sample(2000, rng)

    def mastered(self, outputs: np.ndarray, batch: Batch) -> bool:
        """Whether the share of correct sequences reaches the pass mark."""
        return bool(np.mean(self.correct(outputs, batch)) >= self.pass_mark)

    def settings(self) -> dict[str, object]:
        """Return the name and the fields as plain values."""
        return {"name": self.name, **dataclasses.asdict(self)}


def check_integer(argument: str, value: Any, least: int) -> None:
    """Refuse anything but an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{argument} must be an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{argument} must be at least {least}, got {value}")


def check_below(argument: str, value: Any, count: int) -> None:
    """Refuse anything but one of `count` things, counted from 0."""
    check_integer(argument, value, 0)
    if value >= count:
        raise ValueError(
            f"{argument} must be from 0 to {count - 1}, got {value}"
        )


def check_draw(batch_size: Any, rng: Any) -> None:
    """Refuse what `sample` cannot draw with."""
    check_integer("batch_size", batch_size, 1)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy Generator, as from "
            f"numpy.random.default_rng(0), got {rng!r}"
        )


def join(batches: Iterable[Batch]) -> Batch:
    """Join batches of equal length and channels into one.

    Raises:
        ValueError: If there are none, or they are not of equal length and
            channels.
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
    """Return the outputs as an array, refusing any but the targets' shape."""
    outputs = np.asarray(outputs)
    if outputs.shape != batch.targets.shape:
        raise ValueError(
            f"outputs must have the shape of the targets, "
            f"{batch.targets.shape}, got {outputs.shape}"
        )
    return outputs


def draw(task: Task, batch: Batch, sequence: int = 0) -> str:
    """Draw one sequence of a batch as text, a row for each channel.

    A dot is 0; a fraction shows its first decimal, so that `.6` is 0.6 to 0.7.
    Long sequences wrap after 20 time steps.

    Args:
        task: The task that drew the batch; it names the channels.
        batch: The sequences.
        sequence: Integer, which sequence of the batch. Default: 0.

    Returns:
        A string.
    """
    check_below("sequence", sequence, len(batch.inputs))
    names = (*task.inputs, *task.outputs)
    values = np.concatenate(
        [batch.inputs[sequence], batch.targets[sequence]], axis=-1
    )
    width = max(map(len, ("time step", *names)))
    blocks = []
    for start in range(0, len(values), 20):
        steps = range(start, min(start + 20, len(values)))
        # A number takes two places, so every other step is enough to read.
        ticks = [f"{t:3d}" if t % 5 == 0 else "   " for t in steps]
        rows = [f"{'time step':{width}}" + "".join(ticks)]
        for channel, name in enumerate(names):
            cells = "".join(_cell(values[t, channel]) for t in steps)
            rows.append(f"{name:{width}}" + cells)
        blocks.append("\n".join(row.rstrip() for row in rows))
    return "\n\n".join(blocks)


def _cell(value: float) -> str:
    if value == 0:
        return "  ."
    if value == int(value):
        return f"{int(value):3d}"
    tenths = f"{int(abs(value) * 10) / 10:.1f}".removeprefix("0")
    return f"{'-' + tenths if value < 0 else tenths:>3}"
