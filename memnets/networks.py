"""Builders of networks: a few visible lines of Keras."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import keras
import numpy as np

from memnets import registry
from memnets.by_hand import by_hand
from memnets.initializers import Chrono, ForgetBias, check_number
from memnets.registry import READOUTS, check_network
from memnets.tasks import Task

__all__ = [
    "CELLS",
    "READOUTS",
    "Chrono",
    "ForgetBias",
    "by_hand",
    "check_forget_bias",
    "check_network",
    "draw_weights",
    "lecture",
    "recurrent",
]

# What makes a layer of each cell from its size.
CELLS: dict[str, Callable[..., keras.layers.RNN]] = {
    name: entry.load() for name, entry in registry.CELLS.items()
}
# What the initializers of a layer draw.
DRAWN = {
    "kernel_initializer": ("kernel",),
    "recurrent_initializer": ("recurrent_kernel", "gate_kernel"),
}


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
        cell: String, one of `memnets.registry.CELLS`. Default: `"lstm"`.
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
    *drawing, last = _initializers(seed, len(units) + 1)
    known = inspect.signature(CELLS[cell]).parameters

    model = keras.Sequential([keras.Input((None, len(task.inputs)))])
    for number, (size, options) in enumerate(zip(units, drawing), start=1):
        layer = CELLS[cell](
            size,
            return_sequences=True,
            name=f"{cell}_{number}",
            # Without recurrent weights a cell takes no rule to draw them by.
            **{name: rule for name, rule in options.items() if name in known},
            **_forgetting(forget_bias, task, seed, number),
        )
        model.add(layer)
    if readout == "dense":
        weights = last["kernel_initializer"]
        model.add(
            keras.layers.Dense(
                len(task.outputs), kernel_initializer=weights, name="readout"
            )
        )
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def draw_weights(model: keras.Model, seed: int) -> None:
    """Draw the initial weights of another seed, as `recurrent` does.

    Building the network again takes ten times as long. What no seed decides,
    such as a bias, is left alone.

    Args:
        model: A network that `recurrent` built without a `forget_bias`.
        seed: Integer of at least 0.
    """
    for layer, rules in zip(
        model.layers, _initializers(seed, len(model.layers))
    ):
        cell = getattr(layer, "cell", layer)
        for name, rule in rules.items():
            for weight in DRAWN[name]:
                drawn = getattr(cell, weight, None)
                if drawn is not None:
                    drawn.assign(rule(drawn.shape, dtype=drawn.dtype))


def _initializers(
    seed: int, layers: int
) -> list[dict[str, keras.initializers.Initializer]]:
    """Return what draws the weights of each layer, by its argument.

    Each layer has two seeds, so that none depends on what others need.
    """
    drawn = np.random.SeedSequence(seed).generate_state(2 * layers)
    glorot = keras.initializers.GlorotUniform
    orthogonal = keras.initializers.Orthogonal
    return [
        {
            "kernel_initializer": glorot(seed=int(first)),
            "recurrent_initializer": orthogonal(seed=int(second)),
        }
        for first, second in drawn.reshape(layers, 2)
    ]


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
