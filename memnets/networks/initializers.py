"""Keras initializers that draw by NumPy, and biases of forget gates.

Their draws are those of `memnets.networks.draws`, not of Keras's backend.

With a forget gate at f near 1, a memory fades to 1/e in about 1 / (1 - f)
steps. If its net input is just the bias b, f is 1 / (1 + exp(-b)).
"""

from __future__ import annotations

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from memnets.networks import draws
from memnets.networks.draws import check_number
from memnets.tasks.base import check_integer

register = keras.saving.register_keras_serializable(package="memnets")


class RandomInitializer(keras.initializers.Initializer):
    """An initializer that draws by NumPy; each call gives the same array.

    Args:
        seed: Integer of at least 0. Matrices of different shapes drawn from
            the same seed are independent of each other.
        redraw: Boolean, whether `memnets.networks.reset` may replace the seed.
            `memnets.recurrent` sets it if it chose the seed itself. Default:
            `False`.
    """

    # The names of a subclass's further arguments, which are its attributes.
    arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(self, seed: int, redraw: bool = False):
        check_integer("seed", seed, 0)
        if not isinstance(redraw, bool):
            raise TypeError(f"redraw must be a boolean, got {redraw!r}")
        self.seed, self.redraw = int(seed), redraw

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator):
        """Return a float32 array; a subclass must define this."""
        raise NotImplementedError(f"{type(self).__name__} must define draw")

    def __call__(self, shape, dtype=None):
        """Return a tensor of this shape."""
        shape = tuple(shape)
        drawn = self.draw(shape, draws.stream(self.seed, shape))
        return ops.cast(drawn, keras.backend.standardize_dtype(dtype))

    def get_config(self):
        """Return the arguments."""
        names = (*self.arguments, "seed", "redraw")
        return {name: getattr(self, name) for name in names}


@register
class VarianceScaling(RandomInitializer):
    """Draw weights whose variance is `scale / n`: Glorot's, He's, LeCun's.

    Args:
        scale: Positive float. Default: 1.
        mode: One of `"fan_in"`, `"fan_out"`, `"fan_avg"`; see
            `memnets.networks.draws.variance_scaling`. Default: `"fan_in"`.
        distribution: One of `"uniform"`, `"truncated_normal"`,
            `"untruncated_normal"`. Default: `"truncated_normal"`.
        seed: Integer of at least 0.
        redraw: As in `RandomInitializer`. Default: `False`.
    """

    arguments = ("scale", "mode", "distribution")

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        *,
        seed,
        redraw=False,
    ):
        super().__init__(seed, redraw)
        draws.check_scaling(scale, mode, distribution)
        self.scale, self.mode = float(scale), mode
        self.distribution = distribution

    def draw(self, shape, rng):
        """Return a float32 array."""
        rule = (self.scale, self.mode, self.distribution)
        return draws.variance_scaling(shape, rng, *rule)


@register
class GlorotUniform(RandomInitializer):
    """Draw the default weights of most Keras layers, by NumPy.

    Args:
        seed: Integer of at least 0.
        redraw: As in `RandomInitializer`. Default: `False`.

    Example:

    >>> import keras
    >>> from memnets.networks.initializers import GlorotUniform
    >>> print(keras.ops.convert_to_numpy(GlorotUniform(seed=1)((2, 2))))
    [[ 0.662064    0.36164546]
     [-0.509916    0.686231  ]]
    """

    def draw(self, shape, rng):
        """Return a float32 array."""
        return draws.glorot_uniform(shape, rng)


@register
class Orthogonal(RandomInitializer):
    """Draw an orthogonal matrix.

    Args:
        gain: Float, a factor of the matrix. Default: 1.
        seed: Integer of at least 0.
        redraw: As in `RandomInitializer`. Default: `False`.
    """

    arguments = ("gain",)

    def __init__(self, gain=1.0, *, seed, redraw=False):
        super().__init__(seed, redraw)
        self.gain = check_number("gain", gain)

    def draw(self, shape, rng):
        """Return a float32 array."""
        return draws.orthogonal(shape, rng, self.gain)


@register
class RandomUniform(RandomInitializer):
    """Draw from the uniform distribution between two numbers.

    Args:
        minval: Float, the lower end. Default: -0.05.
        maxval: Float, the upper end. Default: 0.05.
        seed: Integer of at least 0.
        redraw: As in `RandomInitializer`. Default: `False`.
    """

    arguments = ("minval", "maxval")

    def __init__(self, minval=-0.05, maxval=0.05, *, seed, redraw=False):
        super().__init__(seed, redraw)
        self.minval = check_number("minval", minval)
        self.maxval = check_number("maxval", maxval)

    def draw(self, shape, rng):
        """Return a float32 array."""
        return draws.uniform(shape, rng, self.minval, self.maxval)


@register
class RandomNormal(RandomInitializer):
    """Draw from a normal distribution.

    Args:
        mean: Float. Default: 0.
        stddev: Float of at least 0, the standard deviation. Default: 0.05.
        seed: Integer of at least 0.
        redraw: As in `RandomInitializer`. Default: `False`.
    """

    arguments = ("mean", "stddev")

    def __init__(self, mean=0.0, stddev=0.05, *, seed, redraw=False):
        super().__init__(seed, redraw)
        self.mean = check_number("mean", mean)
        self.stddev = check_number("stddev", stddev)
        if self.stddev < 0:
            raise ValueError(f"stddev must be at least 0, got {stddev}")

    def draw(self, shape, rng):
        """Return a float32 array."""
        return draws.normal(shape, rng, self.mean, self.stddev)


@register
class TruncatedNormal(RandomNormal):
    """Draw from a normal distribution truncated at two standard deviations.

    Takes the arguments of `RandomNormal`.
    """

    def draw(self, shape, rng):
        """Return a float32 array."""
        return draws.truncated_normal(shape, rng, self.mean, self.stddev)


@register
class ForgetBias(keras.initializers.Initializer):
    """Set the biases of an LSTM's forget gates, and all others to 0.

    Give it as `bias_initializer` together with `unit_forget_bias=False`.
    Otherwise Keras sets its own default of 1.

    Args:
        value: Float, the bias. With 0, gates are half open.

    Example:

    >>> import keras
    >>> from memnets.networks.initializers import ForgetBias
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
        zeros = ops.zeros_like(forget)
        return ops.concatenate([zeros, forget, zeros, zeros])

    def get_config(self):
        """Return the arguments."""
        return {"value": self.value}


@register
class Chrono(RandomInitializer):
    """Spread the memory times of an LSTM's cells over 1 to `longest` steps.

    The bias of a forget gate is log(u), with u drawn uniformly from [1,
    longest - 1] for each unit. The bias of its input gate is -log(u). The
    others are 0. Source: C. Tallec and Y. Ollivier, Can recurrent neural
    networks warp time?, ICLR 2018.

    Give it as `bias_initializer` together with `unit_forget_bias=False`.

    Args:
        longest: Integer of at least 2, the longest memory time in steps.
        seed: Integer of at least 0.
        redraw: As in `RandomInitializer`. Default: `False`.
    """

    arguments = ("longest",)

    def __init__(self, longest: int, seed: int, redraw: bool = False):
        check_integer("longest", longest, 2)
        super().__init__(seed, redraw)
        self.longest = int(longest)

    def draw(self, shape, rng):
        """Return a bias of shape `(4 * units,)`, in Keras's order i, f, c, o.

        Raises:
            ValueError: If the shape is not that of an LSTM's bias.
        """
        forget = draws.chrono((_units(shape),), rng, self.longest)
        zeros = np.zeros_like(forget)
        return np.concatenate([-forget, forget, zeros, zeros])


# Keras's random initializers and those with the same distribution here.
_EQUIVALENTS = {
    keras.initializers.GlorotNormal: VarianceScaling,
    keras.initializers.GlorotUniform: GlorotUniform,
    keras.initializers.HeNormal: VarianceScaling,
    keras.initializers.HeUniform: VarianceScaling,
    keras.initializers.LecunNormal: VarianceScaling,
    keras.initializers.LecunUniform: VarianceScaling,
    keras.initializers.Orthogonal: Orthogonal,
    keras.initializers.RandomNormal: RandomNormal,
    keras.initializers.RandomUniform: RandomUniform,
    keras.initializers.TruncatedNormal: TruncatedNormal,
    keras.initializers.VarianceScaling: VarianceScaling,
}


def seeded(initializer: object, seed: int) -> RandomInitializer | None:
    """Return the equivalent of an initializer that draws from a seed.

    Args:
        initializer: The initializer of a layer.
        seed: Integer of at least 0.

    Returns:
        A `RandomInitializer` with this seed and the same distribution, or
        `None` if the initializer is to be kept: if it is not random, or if a
        user chose its seed.
    """
    if isinstance(initializer, RandomInitializer):
        kind = type(initializer) if initializer.redraw else None
    else:
        kind = _EQUIVALENTS.get(type(initializer))
        # Keras's newer argument `input_axes` is not supported here.
        config = {} if kind is None else initializer.get_config()
        if any(config.get(n) is not None for n in ("seed", "input_axes")):
            kind = None
    if kind is None:
        return None
    kept = {name: getattr(initializer, name) for name in kind.arguments}
    return kind(**kept, seed=seed, redraw=True)


def _units(shape) -> int:
    """Return the number of units of an LSTM whose bias has this shape."""
    if len(shape) != 1 or shape[0] % 4:
        raise ValueError(
            f"shape must be (4 * units,), that of the bias of an LSTM with "
            f"unit_forget_bias=False, got {tuple(shape)}"
        )
    return shape[0] // 4
