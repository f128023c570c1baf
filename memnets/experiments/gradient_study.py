"""How far the error comes back in networks that learn, or fail, to remember."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from memnets.networks.build import recurrent
from memnets.networks.reset import ResettableNetwork
from memnets.records.gradients import GradientStudy
from memnets.tasks import Batch, Recall, join
from memnets.tracing.gradients import gradient_flow
from memnets.tracing.trace import trace
from memnets.training.batches import EXAM, generator
from memnets.training.loop import train, versions
from memnets.training.recording import Recording

# Each network, and what `memnets.recurrent` is told to build it.
NETWORKS: dict[str, dict[str, Any]] = {
    "SimpleRNN": {"cell": "simple_rnn"},
    "GRU": {"cell": "gru"},
    "LSTM, bias 0": {"forget_bias": 0},
    "LSTM, bias 1": {"forget_bias": 1},
    "LSTM, bias 5": {"forget_bias": 5},
    "LSTM, chrono": {"forget_bias": "chrono"},
}


def build_network(
    network: str,
    task: Recall,
    seed: int = 0,
    units: int = 8,
    learning_rate: float = 0.01,
    episodes: int = 2000,
) -> keras.Sequential:
    """Build one of `NETWORKS` with a linear readout, for Adam that fades.

    Args:
        network: String, one of `NETWORKS`.
        task: The task to answer.
        seed: Integer, the seed of the initial weights. Default: 0.
        units: Positive integer, the size of the recurrent layer. Default: 8.
        learning_rate: Positive float, where the learning rate starts.
            Default: 0.01.
        episodes: Positive integer, after how many it has faded to 0 along a
            cosine. Default: 2000.

    Returns:
        A compiled `keras.Sequential`, as from `memnets.recurrent`.

    Raises:
        ValueError: If there is no network of that name.
    """
    if network not in NETWORKS:
        raise ValueError(
            f"network must be one of {'; '.join(NETWORKS)}, got {network!r}"
        )
    options = NETWORKS[network]
    model = recurrent(task, units=(units,), seed=seed, **options)
    fading = keras.optimizers.schedules.CosineDecay(learning_rate, episodes)
    model.compile(keras.optimizers.Adam(fading), loss="mean_squared_error")
    return model


def longest_wait(task: Recall, values: int = 10) -> Batch:
    """Return sequences told at the first step and asked at the last.

    Args:
        task: The task.
        values: Positive integer, how many values from 0.05 to 0.95 are told.
            Default: 10.

    Returns:
        A `Batch` of `values` sequences.
    """
    told = np.linspace(0.05, 0.95, values)
    asked = [task.timesteps - 1]
    return join(task.sequence({0: value}, asked) for value in told)


def relative_gradient(model: keras.Model, batch: Batch) -> np.ndarray:
    """Return the gradient norm at each lag, relative to that at lag 0.

    Args:
        model: As in `memnets.gradient_flow`, which follows the
            error through its first recurrent layer.
        batch: `Batch`, the sequences.

    Returns:
        float array of shape `(lag,)`: the norm of the derivative by the cell
        state, or by the hidden output where there is none, over that at lag
        0; the median over the sequences.
    """
    flow = gradient_flow(model, batch)
    norms = flow.hidden if flow.cell_state is None else flow.cell_state
    return np.median(norms / norms[:, :1], axis=0)


def gate_product(model: keras.Model, batch: Batch) -> np.ndarray:
    """Return what the gates alone leave of the error of the last step.

    Each step multiplies it by the forget gate of an LSTM, or the update gate
    of a GRU, as long as it stays in one unit and takes no other path.

    Args:
        model: As in `memnets.trace`; the first recurrent layer
            counts.
        batch: `Batch`, the sequences.

    Returns:
        float array of shape `(lag,)`: the product of the gates over the steps,
        in the unit where it is largest; the median over the sequences. Not a
        number in a layer without such a gate.
    """
    found = trace(model, batch.inputs)[0]
    gate = {"lstm": "forget_gate", "gru": "update_gate"}.get(found.kind)
    if gate is None:
        return np.full(batch.inputs.shape[1], np.nan)
    passed = np.ones(found.hidden.shape)
    # Back from the last step, which multiplies what goes to the one before.
    passed[:, 1:] = getattr(found, gate)[:, :0:-1]
    return np.median(passed.cumprod(axis=1).max(axis=2), axis=0)


def study_gradients(
    task: Recall, seeds: int, episodes: int = 2000
) -> GradientStudy:
    """Train all of `NETWORKS` on recall; compare before and after.

    Args:
        task: The task to learn.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`.
        episodes: Positive integer, the number of updates. Default: 2000.

    Returns:
        A `GradientStudy`.
    """
    batch, found = longest_wait(task), []
    for name in NETWORKS:
        network = ResettableNetwork(
            build_network(name, task, episodes=episodes)
        )
        for seed in range(seeds):
            model = network.reset(seed)
            before = relative_gradient(model, batch)
            exam = task.exam(generator(seed, EXAM))
            recording = Recording(every=episodes)
            train(model, task, episodes, seed=seed, recording=recording)
            right = task.correct(model.predict_on_batch(exam.inputs), exam)
            after = relative_gradient(model, batch), gate_product(model, batch)
            found.append((before, *after, right.mean()))
    arrays = (
        np.reshape(part, (len(NETWORKS), seeds, *np.shape(part)[1:]))
        for part in zip(*found)
    )
    names = ("before", "after", "direct", "scores")
    return GradientStudy(
        networks=tuple(NETWORKS),
        seeds=np.arange(seeds),
        **{k: array.astype(np.float32) for k, array in zip(names, arrays)},
        settings={
            "task": task.settings(),
            "episodes": episodes,
            "versions": versions(),
        },
    )
