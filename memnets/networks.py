"""Builders of networks: a few visible lines of Keras."""

from __future__ import annotations

import keras
import numpy as np

from memnets.by_hand import by_hand
from memnets.initializers import Chrono, ForgetBias, check_number
from memnets.tasks import Task
from memnets.tasks.base import check_integer

__all__ = [
    "CELLS",
    "READOUTS",
    "Chrono",
    "ForgetBias",
    "by_hand",
    "check_forget_bias",
    "check_network",
    "lecture",
    "recurrent",
]

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
    forget_bias: float | str | None = None,
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
        forget_bias: Float, the initial bias of all forget gates, or
            `"chrono"` to spread how long they remember over the task's
            `timesteps`; see `memnets.initializers`. Default: `None`, what
            Keras sets, which is 1 for an LSTM.

    Returns:
        A compiled `keras.Sequential`, as from `lecture`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the cell or the readout is unknown, the cell has no
            forget gate to set, or if the network would not have the task's
            outputs.
    """
    check_network(task, cell, units, readout)
    check_forget_bias(forget_bias, cell)
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
            **_forgetting(forget_bias, task, seed, number),
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


def _forgetting(
    forget_bias: float | str | None, task: Task, seed: int, number: int
) -> dict[str, object]:
    """Return the options that set the forget gates of one layer."""
    if forget_bias is None:
        return {}
    if forget_bias == "chrono":
        # A stream of its own: the other weights are the same with any bias.
        drawn = np.random.SeedSequence(seed, spawn_key=(number,))
        bias = Chrono(task.timesteps, int(drawn.generate_state(1)[0]))
    else:
        bias = ForgetBias(forget_bias)
    return {"bias_initializer": bias, "unit_forget_bias": False}


def check_forget_bias(forget_bias: object, cell: str) -> None:
    """Refuse a bias that is none, or a cell without a forget gate."""
    if forget_bias is None:
        return
    if cell != "lstm":
        raise ValueError(
            f"forget_bias must be None for {cell}, which has no forget gate; "
            f"lstm has one; got {forget_bias!r}"
        )
    if isinstance(forget_bias, str):
        if forget_bias != "chrono":
            raise ValueError(
                f"forget_bias must be None, a number or 'chrono', "
                f"got {forget_bias!r}"
            )
        return
    check_number("forget_bias", forget_bias)


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
