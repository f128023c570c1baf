"""What all implementations share: the sequences, the probe, a reference."""

import numpy as np

from memnets import Batch, Task, make_task
from memnets.training.batches import Batches


def task_of(setting) -> Task:
    """Return the task of a setting."""
    return make_task({"name": setting.task, "timesteps": setting.timesteps})


def blocks(setting, episodes: int, seed: int):
    """Yield inputs and targets `(episode, batch, time, channel)` in blocks.

    They are those that `memnets.train` draws from the seed.
    """
    batches = Batches(task_of(setting), setting.batch, seed)
    for first in range(0, episodes, batches.length):
        block, _ = batches.block(first)
        yield [array[: episodes - first] for array in block[:2]]


def all_batches(setting, episodes: int, seed: int):
    """Return the inputs and targets of all episodes in one array each."""
    return map(np.concatenate, zip(*blocks(setting, episodes, seed)))


def probe(setting) -> Batch:
    """Return the fixed sequence whose answers are recorded."""
    return task_of(setting).sample(1, np.random.default_rng(1))


def reference_outputs(weights, inputs):
    """Compute the outputs of the network from the equations of the LSTM."""
    for kernel, recurrent, bias in (weights[:3], weights[3:]):
        size = len(recurrent)
        hidden = cell = np.zeros((len(inputs), size), np.float32)
        outputs = np.empty((*inputs.shape[:2], size), np.float32)
        for step in range(inputs.shape[1]):
            z = inputs[:, step] @ kernel + hidden @ recurrent + bias
            # In Keras's order: input, forget, candidate, output.
            i, f, g, o = np.split(z, 4, axis=1)
            cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
            hidden = outputs[:, step] = _sigmoid(o) * np.tanh(cell)
        inputs = outputs
    return inputs


def _sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2


def relative_difference(found, expected) -> float:
    """Return the largest difference, relative to the largest number."""
    scale = max(np.abs(expected).max(), 1e-12)
    return float(np.abs(np.asarray(found) - expected).max() / scale)
