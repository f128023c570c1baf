"""Tasks that are answered once, at the last step of a sequence."""

from __future__ import annotations

import math

import numpy as np

from memnets.tasks.base import Batch, Task, check_answers
from memnets.tasks.symbols import chooses


class FinalTask(Task):
    """The base class of tasks whose last step asks for one answer.

    Sequences begin at step 0 and differ in length. After a sequence inputs are
    0, or -1 for symbols. Weights are 1 at each sequence's own last step and 0
    elsewhere, so only the answer there is trained and scored.
    """

    @property
    def shortest(self) -> int:
        """The length of the shortest sequence: T, if the longest is 1.1 T."""
        return math.ceil(10 * self.timesteps / 11)

    def draw_lengths(
        self, batch_size: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw lengths, uniform from `shortest` to `timesteps`."""
        return rng.integers(self.shortest, self.timesteps + 1, batch_size)

    def answered_at_end(
        self, inputs: np.ndarray, lengths: np.ndarray, answers: np.ndarray
    ) -> Batch:
        """Return a batch whose answers are asked for at the last steps.

        Args:
            inputs: Array of shape `(batch, time, channel)`, or symbols of
                shape `(batch, time)`.
            lengths: int array of shape `(batch,)`.
            answers: Array of shape `(batch, output channel)`.
        """
        shape = len(inputs), self.timesteps
        targets = np.zeros((*shape, len(self.outputs)), np.float32)
        weights = np.zeros(shape, np.float32)
        each = np.arange(len(inputs))
        targets[each, lengths - 1] = answers
        weights[each, lengths - 1] = 1
        return Batch(inputs, targets, weights)


class ChoiceTask(FinalTask):
    """The base class of tasks whose one answer is a choice among outputs."""

    def correct(self, outputs: np.ndarray, batch: Batch) -> np.ndarray:
        """Mark whether the right output is the largest at the last step.

        Args:
            outputs: array of shape `(batch, time, output channel)`.
            batch: The `Batch` that was answered.

        Returns:
            bool array of shape `(batch,)`.
        """
        return chooses(
            final_answers(outputs, batch), final_answers(batch.targets, batch)
        )


def final_answers(values: np.ndarray, batch: Batch) -> np.ndarray:
    """Return outputs or targets at each sequence's last scored step.

    Args:
        values: Array of shape `(batch, time, output channel)`.
        batch: The `Batch` that was answered.

    Returns:
        Array of shape `(batch, output channel)`.
    """
    values = check_answers(values, batch)
    steps = batch.weights.shape[1] - 1
    last = steps - np.argmax(batch.weights[:, ::-1] > 0, axis=1)
    return values[np.arange(len(values)), last]


def blank_after(values: np.ndarray, lengths: np.ndarray, blank: int) -> None:
    """Overwrite, in place, what follows each sequence's end.

    Args:
        values: Array of shape `(batch, time)` or `(batch, time, channel)`.
        lengths: int array of shape `(batch,)`.
        blank: Integer, 0, or -1 for symbols.
    """
    # Most steps are before every end; they are not looked at.
    shortest = int(lengths.min())
    after = np.arange(shortest, values.shape[1]) >= lengths[:, None]
    values[:, shortest:][after] = blank


def final_errors(outputs: np.ndarray, batch: Batch) -> np.ndarray:
    """Return the absolute errors at each sequence's last scored step.

    An error of NaN is below no bound, so a comparison with one is false.

    Args:
        outputs: Array of shape `(batch, time, output channel)`.
        batch: The `Batch` that was answered.

    Returns:
        Array of shape `(batch, output channel)`.
    """
    wanted = final_answers(batch.targets, batch)
    return np.abs(final_answers(outputs, batch) - wanted)
