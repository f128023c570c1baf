"""Initial weights that decide how long an LSTM remembers before it learns.

With an open forget gate f, a memory fades to 1/e in about 1 / (1 - f) steps.
A bias b of the forget gate, and nothing else, makes f = 1 / (1 + exp(-b)).
"""

from __future__ import annotations

import math

import keras
from keras import ops

from memnets.tasks.base import check_integer


@keras.saving.register_keras_serializable(package="memnets")
class ForgetBias(keras.initializers.Initializer):
    """Set the bias of the forget gate of an LSTM, and all others to 0.

    Give it as `bias_initializer` together with `unit_forget_bias=False`:
    Keras's own 1 would otherwise take its place.

    Args:
        value: Float, the bias. 0 is a gate half open, 1 what Keras sets by
            default.

    Example:

    >>> import keras
    >>> from memnets.initializers import ForgetBias
    >>> layer = keras.layers.LSTM(
    ...     2, bias_initializer=ForgetBias(3), unit_forget_bias=False
    ... )
    >>> layer.build((None, None, 1))
    >>> print(layer.get_weights()[2])
    [0. 0. 3. 3. 0. 0. 0. 0.]
    """

    def __init__(self, value: float):
        self.value = check_number("value", value)

    def __call__(self, shape, dtype=None):
        """Return a bias of shape `(4 * units,)`, in Keras's order i, f, c, o.

        Raises:
            ValueError: If the shape is not that of an LSTM's bias.
        """
        units = _units(shape)
        forget = ops.full((units,), self.value, dtype)
        return _bias(ops.zeros((units,), dtype), forget)

    def get_config(self):
        """Return the arguments."""
        return {"value": self.value}


@keras.saving.register_keras_serializable(package="memnets")
class Chrono(keras.initializers.Initializer):
    """Spread how long the cells of an LSTM remember over 1 to `longest` steps.

    The bias of the forget gate is log(u) with u uniform in [1, longest - 1],
    drawn for each unit, and that of the input gate its negative; the others
    are 0. Source: C. Tallec and Y. Ollivier, Can recurrent neural networks
    warp time?, ICLR 2018.

    Give it as `bias_initializer` together with `unit_forget_bias=False`.

    Args:
        longest: Integer of at least 2, the most time steps from what must be
            remembered to its use.
        seed: Integer of at least 0, the seed of the draw. The same seed always
            gives the same biases.
    """

    def __init__(self, longest: int, seed: int):
        check_integer("longest", longest, 2)
        check_integer("seed", seed, 0)
        self.longest, self.seed = int(longest), int(seed)

    def __call__(self, shape, dtype=None):
        """Return a bias of shape `(4 * units,)`, in Keras's order i, f, c, o.

        Raises:
            ValueError: If the shape is not that of an LSTM's bias.
        """
        units = _units(shape)
        steps = keras.random.uniform(
            (units,), 1, self.longest - 1, dtype=dtype, seed=self.seed
        )
        forget = ops.log(steps)
        return _bias(-forget, forget)

    def get_config(self):
        """Return the arguments."""
        return {"longest": self.longest, "seed": self.seed}


def check_number(argument: str, value: object) -> float:
    """Return a finite number as a float and refuse all else."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{argument} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{argument} must be finite, got {value}")
    return float(value)


def _units(shape) -> int:
    """Return the number of units that a bias of this shape is for."""
    if len(shape) != 1 or shape[0] % 4:
        raise ValueError(
            f"shape must be (4 * units,), that of the bias of an LSTM with "
            f"unit_forget_bias=False, got {tuple(shape)}"
        )
    return shape[0] // 4


def _bias(write, forget):
    """Join the biases of all four parts; those of candidate and read are 0."""
    nothing = ops.zeros_like(forget)
    return ops.concatenate([write, forget, nothing, nothing])
