"""Builders of networks: a few visible lines of Keras."""

from __future__ import annotations

import keras
import numpy as np

from memnets.tasks import Task
from memnets.tasks.base import check_integer

CELLS: dict[str, type[keras.layers.Layer]] = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple_rnn": keras.layers.SimpleRNN,
}
READOUTS = ("dense",)


def lecture(
    task: Task, units: tuple[int, ...] = (5, 2), seed: int = 0
) -> keras.Sequential:
    """Build the lecture's network: LSTM layers, the last one answering.

    Source: F. Marquardt, Machine Learning for Physicists, "LSTM".

    Args:
        task: The task to answer; it fixes the channels.
        units: Tuple of positive integers, the memory cells of each layer. The
            last must be the number of the task's outputs. Default: `(5, 2)`.
        seed: Integer, the seed of the initial weights. Default: 0.

    Returns:
        A `keras.Sequential` from `(batch, time, input channel)` to `(batch,
        time, output channel)` for any length of time, compiled with the mean
        squared error and Adam at its default learning rate of 0.001.
    """
    return recurrent(task, "lstm", units, readout=None, seed=seed)


def recurrent(
    task: Task,
    cell: str = "lstm",
    units: tuple[int, ...] = (5,),
    readout: str | None = "dense",
    seed: int = 0,
) -> keras.Sequential:
    """Build a stack of recurrent layers with or without a linear readout.

    Args:
        task: The task to answer; it fixes the channels.
        cell: String, one of `CELLS`. Default: `"lstm"`.
        units: Tuple of positive integers, the size of each recurrent layer.
            Default: `(5,)`.
        readout: `"dense"` for a linear readout of the last layer, or `None`
            if the last layer answers by itself. Default: `"dense"`.
        seed: Integer, the seed of the initial weights. Default: 0.

    Returns:
        A compiled `keras.Sequential`, as from `lecture`.

    Raises:
        ValueError: If the cell or the readout is unknown, or if the network
            would not have the task's outputs.
    """
    check_network(task, cell, units, readout)
    # Two for each recurrent layer and one for the readout.
    drawn = np.random.SeedSequence(seed).generate_state(2 * len(units) + 1)
    seeds = map(int, drawn)
    glorot = keras.initializers.GlorotUniform
    orthogonal = keras.initializers.Orthogonal

    model = keras.Sequential([keras.Input((None, len(task.inputs)))])
    for number, size in enumerate(units, start=1):
        layer = CELLS[cell](
            size,
            return_sequences=True,
            kernel_initializer=glorot(seed=next(seeds)),
            recurrent_initializer=orthogonal(seed=next(seeds)),
            name=f"{cell}_{number}",
        )
        model.add(layer)
    if readout == "dense":
        answers = len(task.outputs)
        weights = glorot(seed=next(seeds))
        model.add(
            keras.layers.Dense(
                answers, kernel_initializer=weights, name="readout"
            )
        )
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def check_network(
    task: Task, cell: str, units: tuple[int, ...], readout: str | None
) -> None:
    """Refuse a network that cannot be built or could not answer the task."""
    if cell not in CELLS:
        raise ValueError(
            f"cell must be one of {', '.join(CELLS)}, got {cell!r}"
        )
    if readout is not None and readout not in READOUTS:
        raise ValueError(
            f"readout must be None or one of {', '.join(READOUTS)}, "
            f"got {readout!r}"
        )
    if not isinstance(units, (tuple, list)) or not units:
        raise TypeError(
            f"units must be a tuple of one size or more, got {units!r}"
        )
    for size in units:
        check_integer("units", size, 1)
    if readout is None and units[-1] != len(task.outputs):
        raise ValueError(
            f"units must end with {len(task.outputs)} for the outputs "
            f"{', '.join(task.outputs)} where there is no readout, "
            f"got {tuple(units)}"
        )
