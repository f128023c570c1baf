"""Initial weights drawn by NumPy: a seed gives the same bits everywhere.

NumPy guarantees the stream of a bit generator, but not that `normal`, `log`
or `qr` round the same on all processors and in all versions. So all
randomness here comes from `rng.random()`, followed only by additions,
multiplications, divisions and square roots of arrays, which IEEE 754 rounds
in one way. Sums and matrix products of a library are avoided, because the
order of their terms may vary.
"""

from __future__ import annotations

import math

import numpy as np

from memnets.tasks.base import check_integer

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")
# The standard deviation of a normal distribution cut off at +-2.
_TRUNCATED_STDDEV = 0.87962566103423978
# The number of matrices side by side in a layer's weights: gates and candidate.
_PARTS = {"lstm": 4, "gru": 3, "simple_rnn": 1, "elman": 1}


def layer_seeds(seed: int, layers: int) -> list[tuple[int, int]]:
    """Return two seeds for each layer: of its kernel and recurrent weights.

    The seeds of a layer do not depend on the layers after it.

    Args:
        seed: Integer of at least 0, the seed of the network.
        layers: Integer of at least 0, the number of layers.

    Returns:
        A list of pairs of integers, one pair for each layer.
    """
    check_integer("seed", seed, 0)
    check_integer("layers", layers, 0)
    drawn = np.random.SeedSequence(int(seed)).generate_state(2 * layers)
    return [(int(one), int(two)) for one, two in drawn.reshape(layers, 2)]


def stream(seed: int, shape: tuple[int, ...]) -> np.random.Generator:
    """Return the random generator for an array of this shape.

    Arrays of different shapes have independent generators, so a layer can
    draw two matrices from one seed.

    Args:
        seed: Integer of at least 0.
        shape: Tuple of positive integers.

    Returns:
        A `numpy.random.Generator`.
    """
    check_integer("seed", seed, 0)
    key = tuple(map(int, _checked(shape)))
    sequence = np.random.SeedSequence(int(seed), spawn_key=key)
    # Not `default_rng`, which may become another generator one day.
    return np.random.Generator(np.random.PCG64(sequence))


def uniform(shape, rng, minval=-0.05, maxval=0.05) -> np.ndarray:
    """Draw from the uniform distribution between two numbers.

    Args:
        shape: Tuple of positive integers.
        rng: A `numpy.random.Generator`.
        minval: Float, the lower end. Default: -0.05.
        maxval: Float, the upper end. Default: 0.05.

    Returns:
        A float32 array.
    """
    check_number("minval", minval)
    check_number("maxval", maxval)
    # Not `rng.uniform`: on some processors a compiler fuses its product and
    # its sum into one instruction, which rounds differently.
    unit = rng.random(_checked(shape))
    return (unit * (maxval - minval) + minval).astype(np.float32)


def normal(shape, rng, mean=0.0, stddev=0.05) -> np.ndarray:
    """Draw from a normal distribution.

    Args:
        shape: Tuple of positive integers.
        rng: A `numpy.random.Generator`.
        mean: Float. Default: 0.
        stddev: Float, the standard deviation. Default: 0.05.

    Returns:
        A float32 array.
    """
    return _scaled(_standard_normal, shape, rng, mean, stddev)


def truncated_normal(shape, rng, mean=0.0, stddev=0.05) -> np.ndarray:
    """Draw from a normal distribution truncated at two standard deviations.

    Args:
        shape: Tuple of positive integers.
        rng: A `numpy.random.Generator`.
        mean: Float. Default: 0.
        stddev: Float, the standard deviation before the truncation. Values
            beyond twice that are drawn again. Default: 0.05.

    Returns:
        A float32 array.
    """
    return _scaled(_standard_truncated, shape, rng, mean, stddev)


def variance_scaling(
    shape, rng, scale=1.0, mode="fan_in", distribution="truncated_normal"
) -> np.ndarray:
    """Draw with the variance `scale / n`, like Keras's `VarianceScaling`.

    Glorot's initialization is scale 1 and `"fan_avg"`, LeCun's scale 1 and
    `"fan_in"`, He's scale 2 and `"fan_in"`. Sources: X. Glorot and Y. Bengio,
    Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010; K. He et al., Delving Deep into Rectifiers, ICCV 2015.

    Args:
        shape: Tuple of positive integers.
        rng: A `numpy.random.Generator`.
        scale: Positive float. Default: 1.
        mode: What `n` counts: `"fan_in"`, the inputs; `"fan_out"`, the
            outputs; `"fan_avg"`, their average. Default: `"fan_in"`.
        distribution: One of `"uniform"`, `"truncated_normal"`,
            `"untruncated_normal"`. Default: `"truncated_normal"`.

    Returns:
        A float32 array.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an impossible value.
    """
    check_scaling(scale, mode, distribution)
    inputs, outputs = _fans(_checked(shape))
    average = (inputs + outputs) / 2
    counts = {"fan_in": inputs, "fan_out": outputs, "fan_avg": average}
    variance = scale / counts[mode]
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return uniform(shape, rng, -limit, limit)
    stddev = math.sqrt(variance)
    if distribution == "untruncated_normal":
        return normal(shape, rng, 0.0, stddev)
    return truncated_normal(shape, rng, 0.0, stddev / _TRUNCATED_STDDEV)


def glorot_uniform(shape, rng) -> np.ndarray:
    """Draw the default weights of most Keras layers; see `variance_scaling`.

    Args:
        shape: Tuple of positive integers.
        rng: A `numpy.random.Generator`.

    Returns:
        A float32 array.
    """
    return variance_scaling(shape, rng, 1.0, "fan_avg", "uniform")


def orthogonal(shape, rng, gain=1.0) -> np.ndarray:
    """Draw an orthogonal matrix uniformly.

    The columns are orthonormal, or the rows if there are fewer rows than
    columns. As in Keras, the matrix is the Q of the QR decomposition of a
    matrix of normal draws. It is computed as a product of Householder
    reflections, which is orthogonal up to rounding for any draw: G. W.
    Stewart, The efficient generation of random orthogonal matrices, SIAM
    Journal on Numerical Analysis 17, 403 (1980).

    Args:
        shape: Tuple of two or more positive integers. The product of all but
            the last is the number of rows.
        rng: A `numpy.random.Generator`.
        gain: Float, a factor of the matrix. Default: 1.

    Returns:
        A float32 array.

    Raises:
        ValueError: If the shape has fewer than two dimensions.
    """
    check_number("gain", gain)
    if len(_checked(shape)) < 2:
        raise ValueError(
            f"shape must have at least two dimensions, got {tuple(shape)}"
        )
    rows, columns = math.prod(shape[:-1]), shape[-1]
    long, short = max(rows, columns), min(rows, columns)
    matrix = _orthogonal(_standard_normal(short * long, rng), long, short)
    matrix = matrix if rows >= columns else matrix.T
    return (matrix * gain).astype(np.float32, order="C").reshape(shape)


def chrono(shape, rng, longest) -> np.ndarray:
    """Draw biases of forget gates, log(u) with u uniform in [1, longest - 1].

    Source: C. Tallec and Y. Ollivier, Can recurrent neural networks warp
    time?, ICLR 2018.

    Args:
        shape: Tuple of positive integers.
        rng: A `numpy.random.Generator`.
        longest: Integer of at least 2, the longest memory time in steps.

    Returns:
        A float32 array.
    """
    check_integer("longest", longest, 2)
    unit = rng.random(_checked(shape))
    return _log(unit * (longest - 2) + 1).astype(np.float32)


def initial_weights(
    channels: int,
    units: tuple[int, ...],
    outputs: int,
    readout: str | None,
    seed: int,
    cell: str = "lstm",
) -> list[np.ndarray]:
    """Return the initial weights of `memnets.recurrent`.

    Args:
        channels: Positive integer, the number of the task's inputs.
        units: Tuple of positive integers, the size of each recurrent layer.
        outputs: Positive integer, the number of the task's outputs.
        readout: `"dense"`, `"softmax"` or `None`.
        seed: Integer of at least 0.
        cell: `"lstm"`, `"gru"`, `"simple_rnn"` or `"elman"`. Default:
            `"lstm"`.

    Returns:
        A list of float32 arrays, bitwise equal to `get_weights()` of the
        network and in the same order.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an impossible value.
    """
    if cell not in _PARTS:
        raise ValueError(
            f"cell must be one of {', '.join(_PARTS)}, got {cell!r}"
        )
    if readout not in (None, "dense", "softmax"):
        raise ValueError(
            f"readout must be None, 'dense' or 'softmax', got {readout!r}"
        )
    if not isinstance(units, (tuple, list)) or not units:
        raise TypeError(
            f"units must be a tuple of one size or more, got {units!r}"
        )
    check_integer("channels", channels, 1)
    check_integer("outputs", outputs, 1)
    weights = []
    *seeds, (last, _) = layer_seeds(seed, len(units) + 1)
    for size, (first, second) in zip(units, seeds):
        check_integer("units", size, 1)
        wide, tall = (
            (channels, _PARTS[cell] * size),
            (size, _PARTS[cell] * size),
        )
        weights.append(glorot_uniform(wide, stream(first, wide)))
        weights.append(orthogonal(tall, stream(second, tall)))
        weights.append(_bias(cell, size))
        channels = size
    if readout is not None:
        shape = (channels, outputs)
        weights.append(glorot_uniform(shape, stream(last, shape)))
        weights.append(np.zeros(outputs, np.float32))
    return weights


def check_number(argument: str, value: object) -> float:
    """Return a finite number as a float; refuse anything else."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{argument} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{argument} must be finite, got {value}")
    return float(value)


def check_scaling(scale: object, mode: object, distribution: object) -> None:
    """Refuse arguments that `variance_scaling` cannot use."""
    if check_number("scale", scale) <= 0:
        raise ValueError(f"scale must be above 0, got {scale}")
    if mode not in MODES:
        raise ValueError(
            f"mode must be one of {', '.join(MODES)}, got {mode!r}"
        )
    if distribution not in DISTRIBUTIONS:
        raise ValueError(
            f"distribution must be one of {', '.join(DISTRIBUTIONS)}, "
            f"got {distribution!r}"
        )


def _checked(shape) -> tuple[int, ...]:
    """Return a shape as a tuple; refuse anything else."""
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"shape must be a tuple of integers, got {shape!r}")
    for size in shape:
        check_integer("shape", size, 1)
    return tuple(shape)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the numbers of inputs and of outputs, as Keras counts them."""
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    # The dimensions before the last two are those of a convolution.
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _bias(cell: str, size: int) -> np.ndarray:
    """Return Keras's initial bias: zeros, but ones for forget gates."""
    if cell == "gru":
        return np.zeros((2, 3 * size), np.float32)
    if _PARTS[cell] == 1:
        return np.zeros(size, np.float32)
    return np.repeat(np.array([0, 1, 0, 0], np.float32), size)


def _scaled(draw, shape, rng, mean, stddev) -> np.ndarray:
    """Scale standard draws to a mean, a standard deviation and a shape."""
    check_number("mean", mean)
    if check_number("stddev", stddev) < 0:
        raise ValueError(f"stddev must be at least 0, got {stddev}")
    drawn = draw(math.prod(_checked(shape)), rng) * stddev + mean
    return drawn.astype(np.float32).reshape(shape)


def _standard_normal(count: int, rng) -> np.ndarray:
    """Draw `count` standard normal numbers in float64.

    Source: the polar method of G. Marsaglia and T. A. Bray, SIAM Review 6, 260
    (1964).
    """
    found = np.zeros((0, 2))
    while 2 * len(found) < count:
        # A point of the square lies in the circle with probability 0.785.
        x, y = 2 * rng.random((2, count)) - 1
        square = x * x + y * y
        inside = (square > 0) & (square < 1)
        x, y, square = x[inside], y[inside], square[inside]
        factor = np.sqrt(-2 * _log(square) / square)
        pairs = np.stack([x * factor, y * factor], axis=1)
        found = np.concatenate([found, pairs])
    return found.reshape(-1)[:count]


def _standard_truncated(count: int, rng) -> np.ndarray:
    """Draw `count` standard normal numbers from -2 to 2 in float64."""
    found = np.zeros(0)
    while len(found) < count:
        drawn = _standard_normal(count, rng)
        found = np.concatenate([found, drawn[np.abs(drawn) <= 2]])
    return found[:count]


def _orthogonal(normals: np.ndarray, long: int, short: int) -> np.ndarray:
    """Return the Q of a QR decomposition, from normal draws."""
    matrix = np.zeros((long, short))
    # Applied from the last to the first, each reflection changes only the
    # lower right part of the matrix.
    for k, column in reversed(list(enumerate(normals.reshape(short, long)))):
        mirror = column[k:]
        norm = np.sqrt(_sum(mirror * mirror))
        # Q is uniformly distributed if the diagonal of R is made positive.
        sign = -1.0 if mirror[0] < 0 else 1.0
        matrix[k, k] = -sign
        mirror[0] += sign * norm
        part, mirror = matrix[k:, k:], mirror[:, None]
        along = _sum(mirror * part) * (2 / _sum(mirror * mirror))
        part -= mirror * along
    return matrix


def _sum(terms: np.ndarray) -> np.ndarray:
    """Sum along the first axis in a fixed order; overwrite the terms.

    The two halves are added to each other until one term remains. The order
    of `np.sum` depends on the version of NumPy and the memory layout.
    """
    while len(terms) > 1:
        half = len(terms) // 2
        if len(terms) % 2:
            terms[0] += terms[-1]
        terms[:half] += terms[half : 2 * half]
        terms = terms[:half]
    return terms[0]


def _log(x: np.ndarray) -> np.ndarray:
    """Return the natural logarithm; C libraries round theirs differently.

    x = m 2^e with m near 1, and log(m) = 2 artanh(z) with z = (m-1) / (m+1).
    """
    _, exponent = np.frexp(x * math.sqrt(2))
    exponent -= 1
    mantissa = np.ldexp(x, -exponent)
    z = (mantissa - 1) / (mantissa + 1)
    # |z| < 0.172, so the next term of the series would be below 1e-18.
    series = np.zeros_like(z)
    for power in range(21, 0, -2):
        series = series * (z * z) + 1 / power
    return 2 * z * series + exponent * math.log(2)
