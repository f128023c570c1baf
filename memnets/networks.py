"""Builders of networks: a few visible lines of Keras."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from memnets import registry
from memnets.by_hand import by_hand
from memnets.draws import check_number, layer_seeds
from memnets.initializers import (
    Chrono,
    ForgetBias,
    RandomInitializer,
    seeded,
)
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
# The weights that an initializer of a layer draws.
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
    seeds = iter(layer_seeds(seed, len(units) + 1))
    options = {} if forget_bias is None else _forgetting(forget_bias, task)

    model = keras.Sequential([keras.Input((None, len(task.inputs)))])
    for number, size in enumerate(units, start=1):
        name = f"{cell}_{number}"
        layer = CELLS[cell](size, return_sequences=True, name=name, **options)
        _seed(layer, next(seeds))
        model.add(layer)
    if readout == "dense":
        layer = keras.layers.Dense(len(task.outputs), name="readout")
        _seed(layer, next(seeds))
        model.add(layer)
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def draw_weights(model: keras.Model, seed: int) -> None:
    """Draw the initial weights of another seed, as `recurrent` does.

    Building the network again takes ten times as long. Weights that no seed
    decides are left alone: biases that begin at a fixed value, and those whose
    initializer is a constant or has a seed of its own.

    Args:
        model: A network from `recurrent`, or any other of such layers.
        seed: Integer of at least 0.

    Raises:
        ValueError: If a layer draws more than its kernels, or biases by
            `Chrono`, from the seed of the network: build it again instead.
    """
    seeds = layer_seeds(seed, len(model.layers))
    for layer, pair in zip(model.layers, seeds):
        cell = getattr(layer, "cell", layer)
        for name, initializer in _seed(layer, pair).items():
            names = DRAWN.get(name, ())
            if isinstance(initializer, Chrono):
                names = ("bias",)
            if not names:
                raise ValueError(
                    f"model must draw no weights but kernels, got "
                    f"{type(initializer).__name__} as {name} of "
                    f"{layer.name}; `recurrent` can build it again"
                )
            for weight in names:
                weight = getattr(cell, weight, None)
                if weight is not None:
                    weight.assign(initializer(weight.shape, weight.dtype))


def _seed(
    layer: keras.layers.Layer, seeds: tuple[int, int]
) -> dict[str, RandomInitializer]:
    """Let a layer draw by NumPy what it would draw from no seed of its own.

    Args:
        layer: A layer.
        seeds: The seeds of the kernel and of the recurrent weights.

    Returns:
        The initializers that were replaced, by the names of the arguments.
    """
    cell = getattr(layer, "cell", layer)
    replaced = {}
    for name, initializer in list(vars(cell).items()):
        if not name.endswith("_initializer"):
            continue
        seed = dict(zip(DRAWN, seeds)).get(name)
        if seed is None:
            # A seed of its own, so that no two initializers draw alike.
            drawn = np.random.SeedSequence([*seeds, *name.encode()])
            seed = int(drawn.generate_state(1)[0])
        initializer = seeded(initializer, seed)
        if initializer is not None:
            setattr(cell, name, initializer)
            replaced[name] = initializer
    return replaced


def _forgetting(forget_bias: float | str, task: Task) -> dict[str, object]:
    """Return the options that set the forget gates of a layer."""
    if forget_bias == "chrono":
        # The layer gets a seed in place of this one.
        bias = Chrono(task.timesteps, seed=0, redraw=True)
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
