"""Training batches, in reproducible blocks drawn from the seed alone."""

from __future__ import annotations

import numpy as np

from memnets.tasks import Batch, Task

# The purposes of a run's draws; each has its own random generator.
PROBE, BATCHES, EXAM = range(3)
# The most floats in one block of sequences; bounds memory and latency.
BLOCK_FLOATS = 2**20


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Return the random generator of one purpose of one seed."""
    return np.random.default_rng([seed, *purpose])


def block_length(task: Task, batch_size: int) -> int:
    """Return how many episodes are drawn in one block.

    It depends only on the task and the batch size, so that a seed draws the
    same sequences whatever is recorded.
    """
    channels = len(task.inputs) + len(task.outputs) + 1
    episodes = BLOCK_FLOATS // (batch_size * task.timesteps * channels)
    return min(max(episodes, 1), 256)


class Batches:
    """The training sequences, drawn a block of episodes at a time.

    A block depends only on the task, the batch size, the seed and its number.
    So a run is the same however it is divided into calls.

    Args:
        task: The task that draws them.
        batch_size: Positive integer, the number of sequences per episode.
        seed: Integer of at least 0.
    """

    def __init__(self, task: Task, batch_size: int, seed: int):
        self.task, self.batch_size, self.seed = task, batch_size, seed
        self.length = block_length(task, batch_size)
        self._drawn = None

    def block(self, episode: int) -> tuple[Batch, int]:
        """Return the block with an episode, and the block's first episode.

        The first axis of its arrays is that of the episodes.
        """
        number = episode // self.length
        if self._drawn is None or self._drawn[0] != number:
            rng = generator(self.seed, BATCHES, number)
            drawn = self.task.sample(self.length * self.batch_size, rng)
            shape = (self.length, self.batch_size)
            arrays = (a.reshape(*shape, *a.shape[1:]) for a in drawn)
            self._drawn = number, Batch(*map(np.ascontiguousarray, arrays))
        return self._drawn[1], number * self.length
