"""Which networks the express path serves, and where."""

from __future__ import annotations

import functools
import platform
import sys

import keras
import tensorflow as tf

from memnets.engine import VERSION

# Above, Keras's matrix products are as fast.
MOST_UNITS = 16
# The arrays of an optimizer's state, each with one for each weight.
STATES = {
    keras.optimizers.Adam: ("_momentums", "_velocities"),
    keras.optimizers.SGD: ("momentums",),
}
# Options that may differ from the usual ones, in layers and in optimizers.
FREE = {"name", "units", "seed", "unroll", "unit_forget_bias"}
FREE |= {f"{w}_initializer" for w in ("kernel", "recurrent", "bias")}
FREE |= {"learning_rate", "beta_1", "beta_2", "epsilon", "momentum"}
FREE |= {"nesterov", "clipnorm", "clipvalue", "global_clipnorm"}


def fits(model, batch: tuple, probe: tuple, every: int, watch=None) -> bool:
    """Whether this path serves a model, on this machine.

    Args:
        model: A compiled, built Keras model.
        batch: The shape of a batch: sequences, time steps.
        probe: The shape of the probe: sequences, time steps, channels.
        every: Positive integer, the episodes between two records.
        watch: String, the name of the layer to record too, or `None`.
    """
    measured = sys.platform == "linux" and platform.machine() == "x86_64"
    if not measured or tf.config.list_physical_devices("GPU"):
        return False
    # TensorFlow 2.20 ends the process, of later versions nothing is known.
    if VERSION != (2, 21):
        return False
    optimizer = model.optimizer
    if type(model) is not keras.Sequential or type(optimizer) not in STATES:
        return False
    lstm, head = split(model)
    return (
        0 < sum(layer.units for layer in lstm) <= MOST_UNITS
        and all(map(_is_usual, lstm))
        and [type(layer) for layer in head] in ([], [keras.layers.Dense])
        and all(w.dtype == "float32" and w.trainable for w in model.weights)
        and all(layer.dtype_policy.name == "float32" for layer in head)
        and _is_usual(optimizer)
        and watch in (None, *(layer.name for layer in lstm))
        # Else every record would end a call.
        and (rides(batch, probe) or every >= 20)
    )


def split(model) -> tuple[list, list]:
    """Return the LSTM layers at the beginning, and the rest."""
    lstm = [type(layer) is keras.layers.LSTM for layer in model.layers]
    first = [*lstm, False].index(False)
    return model.layers[:first], model.layers[first:]


@functools.cache
def _usual(kind: type) -> dict[str, object]:
    """Return the options of a layer or an optimizer that fits."""
    options = {"return_sequences": True, "dtype": "float32"}
    lstm = kind is keras.layers.LSTM
    return (kind(1, **options) if lstm else kind()).get_config()


def _is_usual(thing) -> bool:
    usual, options = _usual(type(thing)), thing.get_config()
    return all(options[k] == usual[k] for k in usual.keys() - FREE)


def rides(batch: tuple, probe: tuple) -> bool:
    """Whether few sequences, of the same length, can go behind a batch."""
    return probe[0] <= max(12, batch[0] // 2) and probe[1] == batch[1]
