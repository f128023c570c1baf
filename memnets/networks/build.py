"""Builders of networks."""

from __future__ import annotations

import logging
import os

import keras
import numpy as np

from memnets.cells.catalogue import CELLS, READOUTS, check_network
from memnets.networks.draws import check_number, layer_seeds
from memnets.networks.initializers import (
    Chrono,
    ForgetBias,
    RandomInitializer,
    seeded,
)
from memnets.tasks import Task

# TensorFlow warns of models called with several batch sizes, which is normal
# here. Errors are still shown.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
# The weights that each initializer of a layer draws.
DRAWN = {
    "kernel_initializer": ("kernel",),
    "recurrent_initializer": ("recurrent_kernel", "gate_kernel"),
}


def lecture(
    task: Task, units: tuple[int, ...] = (5, 2), seed: int = 0
) -> keras.Sequential:
    """Build the lecture's network: LSTM layers, the last of which answers.

    Source: F. Marquardt, Machine Learning for Physicists, "LSTM".

    Args:
        task: The task; it sets the numbers of input and output channels.
        units: Tuple of positive integers, the number of memory cells of each
            layer. The last must be the number of the task's outputs. Default:
            `(5, 2)`.
        seed: Integer, the seed of the initial weights. Default: 0.

    Returns:
        A `keras.Sequential` from `(batch, time, input channel)` to `(batch,
        time, output channel)` for any number of time steps, compiled with the
        mean squared error and Adam at its default learning rate of 0.001.
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
    """Build a stack of recurrent layers with or without a readout.

    Args:
        task: The task; it sets the numbers of input and output channels.
        cell: String, one of `memnets.CELLS`. Default: `"lstm"`.
        units: Tuple of positive integers, the size of each recurrent layer.
            Default: `(5,)`.
        readout: `"dense"` for a linear readout of the last recurrent layer,
            `"softmax"` for one whose outputs are probabilities that sum to 1,
            or `None` if that layer answers itself. Default: `"dense"`.
        seed: Integer, the seed of the initial weights. Default: 0.
        forget_bias: Float, the initial bias of all forget gates, or
            `"chrono"` to spread their memory times over the task's
            `timesteps`; see `memnets.networks.initializers`. Default: `None`,
            Keras's own, which is 1 for an LSTM.

    Returns:
        A compiled `keras.Sequential`, like that of `lecture`. With a softmax
        its loss is the categorical crossentropy.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the cell or the readout is unknown, if `forget_bias` is
            given for another cell than `"lstm"`, or if the last layer has not
            as many units as the task has outputs.
    """
    check_network(task, cell, units, readout)
    check_forget_bias(forget_bias, cell)
    seeds = iter(layer_seeds(seed, len(units) + 1))
    make = CELLS[cell].load()
    options = {} if forget_bias is None else _bias_options(forget_bias, task)

    model = keras.Sequential([keras.Input((None, len(task.inputs)))])
    for number, size in enumerate(units, start=1):
        name = f"{cell}_{number}"
        layer = make(size, return_sequences=True, name=name, **options)
        seed_layer(layer, next(seeds))
        model.add(layer)
    if readout is not None:
        layer = keras.layers.Dense(
            len(task.outputs),
            activation="softmax" if readout == "softmax" else None,
            name="readout",
        )
        seed_layer(layer, next(seeds))
        model.add(layer)
    loss = READOUTS[readout or "dense"]
    model.compile(optimizer="adam", loss=loss)
    return model


def load_model(path: str | os.PathLike) -> keras.Model:
    """Load a network, which may have cells of memnets, from a `.keras` file.

    Keras's own `load_model` only knows cells that have been imported. The file
    is loaded in Keras's safe mode.

    Args:
        path: A file written by `model.save` or `memnets train --save`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or not a Keras model.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"{os.fspath(path)}: there is no such file")
    for entry in CELLS.values():
        entry.load()
    try:
        return keras.models.load_model(path)
    except (ValueError, TypeError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{os.fspath(path)} is not a model that Keras can load: {reason}"
        ) from error


def seed_layer(
    layer: keras.layers.Layer, seeds: tuple[int, int]
) -> dict[str, RandomInitializer]:
    """Replace a layer's unseeded initializers by seeded ones that use NumPy.

    Args:
        layer: A layer that is not yet built.
        seeds: The seeds of the kernel and of the recurrent weights.

    Returns:
        Dictionary from the names of the replaced arguments to the new
        initializers.
    """
    cell = getattr(layer, "cell", layer)
    replaced = {}
    for name, initializer in list(vars(cell).items()):
        if not name.endswith("_initializer"):
            continue
        seed = dict(zip(DRAWN, seeds)).get(name)
        if seed is None:
            # A different seed, so that no two initializers draw the same.
            drawn = np.random.SeedSequence([*seeds, *name.encode()])
            seed = int(drawn.generate_state(1)[0])
        initializer = seeded(initializer, seed)
        if initializer is not None:
            setattr(cell, name, initializer)
            replaced[name] = initializer
    return replaced


def _bias_options(forget_bias: float | str, task: Task) -> dict[str, object]:
    """Return the options of a layer that set its forget gates' bias."""
    if forget_bias == "chrono":
        # `seed_layer` replaces the seed.
        bias = Chrono(task.timesteps, seed=0, redraw=True)
    else:
        bias = ForgetBias(forget_bias)
    return {"bias_initializer": bias, "unit_forget_bias": False}


def check_forget_bias(forget_bias: object, cell: str) -> None:
    """Refuse a value that is no bias, or any cell but `"lstm"`."""
    if forget_bias is None:
        return
    if cell != "lstm":
        raise ValueError(
            f"forget_bias must be None for {cell}; only lstm takes one, "
            f"got {forget_bias!r}"
        )
    if isinstance(forget_bias, str):
        if forget_bias != "chrono":
            raise ValueError(
                f"forget_bias must be None, a number or 'chrono', "
                f"got {forget_bias!r}"
            )
        return
    check_number("forget_bias", forget_bias)
