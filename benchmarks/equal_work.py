"""What is the same for every player: sequences, the probe, the referee."""

import itertools

import numpy as np


def make_task(setting):
    """Return the task of a setting."""
    from memnets.tasks import TASKS

    return TASKS[setting.task](timesteps=setting.timesteps)


def lessons(setting, episodes, seed):
    """Yield blocks `(episodes, batch, time, channel)` of inputs and targets.

    They are those of `memnets.batches`, which imports TensorFlow: a player
    that does without is not to pay for it.
    """
    task = make_task(setting)
    channels = len(task.inputs) + len(task.outputs) + 1
    floats = setting.batch * setting.timesteps * channels
    length = min(max(2**20 // floats, 1), 256)
    for number in itertools.count():
        rng = np.random.default_rng([seed, 1, number])
        drawn = task.sample(length * setting.batch, rng)
        shape = (length, setting.batch, setting.timesteps, -1)
        count = min(length, episodes - number * length)
        yield [array.reshape(shape)[:count] for array in drawn[:2]]
        if count < length or episodes == (number + 1) * length:
            return


def whole(setting, episodes, seed):
    """Return the inputs and targets of all episodes in one array each."""
    return map(np.concatenate, zip(*lessons(setting, episodes, seed)))


def probe(setting):
    """Return the fixed sequence whose answers are recorded."""
    return make_task(setting).sample(1, np.random.default_rng(1))


def answers(weights, inputs):
    """Answer as the network does, from its equations: the referee."""
    for kernel, recurrent, bias in (weights[:3], weights[3:]):
        size = len(recurrent)
        hidden = cell = np.zeros((len(inputs), size), np.float32)
        above = np.empty((*inputs.shape[:2], size), np.float32)
        for step in range(inputs.shape[1]):
            gates = inputs[:, step] @ kernel + hidden @ recurrent + bias
            # In Keras's order: input, forget, candidate, output.
            write, keep, new, read = np.split(gates, 4, axis=1)
            cell = _sigmoid(keep) * cell + _sigmoid(write) * np.tanh(new)
            hidden = above[:, step] = _sigmoid(read) * np.tanh(cell)
        inputs = above
    return inputs


def _sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2


def difference(mine, theirs):
    """Return the largest difference, relative to the largest number."""
    scale = max(np.abs(theirs).max(), 1e-12)
    return float(np.abs(np.asarray(mine) - theirs).max() / scale)
