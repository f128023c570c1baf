"""How far the error comes back in networks that learn, or fail, to remember."""

from __future__ import annotations

import keras
import numpy as np

from memnets import networks
from memnets.batches import EXAM, generator
from memnets.flows import Flows
from memnets.inspection import gradient_flow, trace
from memnets.tasks import Batch, Recall, join
from memnets.training import train, versions

# Each network, and what `memnets.networks.recurrent` is told to build it.
NETWORKS: dict[str, dict[str, object]] = {
    "SimpleRNN": {"cell": "simple_rnn"},
    "GRU": {"cell": "gru"},
    "LSTM, bias 0": {"forget_bias": 0},
    "LSTM, bias 1": {"forget_bias": 1},
    "LSTM, bias 5": {"forget_bias": 5},
    "LSTM, chrono": {"forget_bias": "chrono"},
}


def build(
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
        A compiled `keras.Sequential`, as from `memnets.networks.recurrent`.

    Raises:
        ValueError: If there is no network of that name.
    """
    if network not in NETWORKS:
        raise ValueError(
            f"network must be one of {'; '.join(NETWORKS)}, got {network!r}"
        )
    options = NETWORKS[network]
    model = networks.recurrent(task, units=(units,), seed=seed, **options)
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


def kept(model: keras.Model, batch: Batch) -> np.ndarray:
    """Return what the error of the last step keeps on its way back.

    Args:
        model: As in `memnets.inspection.gradient_flow`, which follows the
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


def direct(model: keras.Model, batch: Batch) -> np.ndarray:
    """Return what the gates alone leave of the error of the last step.

    Each step multiplies it by the forget gate of an LSTM, or the update gate
    of a GRU, as long as it stays in one unit and takes no other path.

    Args:
        model: As in `memnets.inspection.trace`; the first recurrent layer
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


def study(task: Recall, seeds: int, episodes: int = 2000) -> Flows:
    """Train all of `NETWORKS` on recall; compare before and after.

    Args:
        task: The task to learn.
        seeds: Positive integer; the seeds are 0 to `seeds - 1`.
        episodes: Positive integer, the number of updates. Default: 2000.

    Returns:
        `Flows`.
    """
    batch, models, found = longest_wait(task), {}, []
    for network in NETWORKS:
        for seed in range(seeds):
            fresh = build(network, task, seed, episodes=episodes)
            # Networks of one kind of cell share what was compiled.
            model = models.setdefault(fresh.layers[0].name, fresh)
            _start_again(model, fresh)
            before = kept(model, batch)
            train(model, task, episodes, seed=seed, record_every=episodes)
            exam = task.exam(generator(seed, EXAM))
            right = task.correct(model.predict_on_batch(exam.inputs), exam)
            after = kept(model, batch), direct(model, batch)
            found.append((before, *after, right.mean()))
    arrays = (
        np.reshape(part, (len(NETWORKS), seeds, *np.shape(part)[1:]))
        for part in zip(*found)
    )
    names = ("before", "after", "direct", "scores")
    return Flows(
        networks=tuple(NETWORKS),
        seeds=np.arange(seeds),
        **{k: array.astype(np.float32) for k, array in zip(names, arrays)},
        settings={
            "task": task.settings(),
            "episodes": episodes,
            "versions": versions(),
        },
    )


def _start_again(model: keras.Model, fresh: keras.Model) -> None:
    """Give a model the initial weights and the new optimizer of another."""
    model.set_weights(fresh.get_weights())
    model.optimizer.build(model.trainable_variables)
    fresh.optimizer.build(fresh.trainable_variables)
    states = zip(model.optimizer.variables, fresh.optimizer.variables)
    for state, start in states:
        state.assign(start)
