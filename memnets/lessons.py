"""What a training draws: sequences, by block, from the seed alone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from memnets.tasks import Task

# What a run draws: each purpose has random numbers of its own.
PROBE, LESSONS, EXAM = range(3)
# Floats of one block of drawn sequences; keeps memory and latency bounded.
BLOCK_FLOATS = 2**20


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Return the random numbers of one purpose of one seed."""
    return np.random.default_rng([seed, *purpose])


def block_length(task: Task, batch_size: int) -> int:
    """Return how many episodes are drawn together.

    It follows from the task and the batch alone, so that the same seed draws
    the same sequences whatever else is asked of a run.
    """
    channels = len(task.inputs) + len(task.outputs) + 1
    episodes = BLOCK_FLOATS // (batch_size * task.timesteps * channels)
    return min(max(episodes, 1), 256)


class Lessons:
    """The training sequences, drawn a block of episodes at a time.

    A block depends on the task, the batch size, the seed and its number, so
    that a run is the same however it is cut into compiled calls.
    """

    def __init__(self, task: Task, batch_size: int, seed: int, arrange):
        self.task, self.batch_size, self.seed = task, batch_size, seed
        self._arrange = arrange
        self.length = block_length(task, batch_size)
        self._drawn = None

    def block(self, episode: int) -> tuple[tuple[tf.Tensor, ...], int]:
        """Return the block that holds an episode, and its first episode."""
        number = episode // self.length
        if self._drawn is None or self._drawn[0] != number:
            rng = generator(self.seed, LESSONS, number)
            drawn = self.task.sample(self.length * self.batch_size, rng)
            shape = (self.length, self.batch_size)
            block = [a.reshape(*shape, *a.shape[1:]) for a in drawn]
            arrays = self._arrange(*block)
            # Nobody writes into them again, so that tf.constant, which would
            # copy them, is not needed.
            tensors = [tf.raw_ops.Identity(input=array) for array in arrays]
            self._drawn = number, tuple(tensors)
        return self._drawn[1], number * self.length
