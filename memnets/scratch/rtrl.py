"""Real-time recurrent learning in NumPy: gradients without stored states.

The network is fully recurrent: each unit sees the previous outputs of all
units, all inputs, and a constant 1. With z = [y(t-1), x(t), 1],

    y(t) = sigmoid(W z)
    p_k,ij(t) = y_k (1 - y_k) (sum over l of W_kl p_l,ij(t-1) + [k = i] z_j)

where p_k,ij is the derivative of unit k by weight W_ij, updated at every
step. The error at a step gives its gradient at once. So no past states are
stored, and the weights may change within a sequence.

Source: R. J. Williams and D. Zipser, A Learning Algorithm for Continually
Running Fully Recurrent Neural Networks, Neural Computation 1 (2), 270 (1989).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from memnets.tasks.base import check_integer


class Memory(NamedTuple):
    """The state of the network and its derivatives.

    Attributes:
        activity: array of shape `(unit,)`, y.
        sensitivity: array of shape `(unit, unit, unit + channel + 1)`, p.
    """

    activity: np.ndarray
    sensitivity: np.ndarray


class Costs(NamedTuple):
    """The cost of the gradient of one sequence.

    Attributes:
        multiplications: Integer, the multiplications in all time steps.
        numbers: Integer, the numbers stored besides the weights.
    """

    multiplications: int
    numbers: int


def start(weights: np.ndarray) -> Memory:
    """Return the memory before the first step, all zeros."""
    units = len(_check_weights(weights))
    return Memory(np.zeros(units), np.zeros((units, *weights.shape)))


def step(weights: np.ndarray, memory: Memory, inputs: np.ndarray) -> Memory:
    """Take one time step and update the derivatives.

    Args:
        weights: array of shape `(unit, unit + channel + 1)`.
        memory: `Memory` of the previous step.
        inputs: array of shape `(channel,)`.

    Returns:
        The `Memory` of this step.
    """
    units = len(weights)
    seen = np.concatenate([memory.activity, inputs, [1.0]])
    activity = 1 / (1 + np.exp(-weights @ seen))
    carried = np.tensordot(weights[:, :units], memory.sensitivity, axes=1)
    carried[np.arange(units), np.arange(units)] += seen
    slope = activity * (1 - activity)
    return Memory(activity, slope[:, None, None] * carried)


def gradient(
    weights: np.ndarray, inputs: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the error of a sequence and its gradient, in one forward pass.

    The error is half the squared deviation, summed over the steps and the
    answering units, which come first.

    Args:
        weights: array of shape `(unit, unit + channel + 1)`.
        inputs: array of shape `(time, channel)`.
        targets: array of shape `(time, answering unit)`, NaN where an answer
            is not scored.

    Returns:
        The error, and its gradient as an array of the shape of the weights.
    """
    memory, error, total = start(weights), 0.0, np.zeros_like(weights, float)
    for x, target in zip(*_check_sequence(weights, inputs, targets)):
        memory = step(weights, memory, x)
        deviation, slope = _deviation(memory, target)
        error += 0.5 * float(deviation @ deviation)
        total += slope
    return error, total


def learn_online(
    weights: np.ndarray,
    inputs: np.ndarray,
    targets: np.ndarray,
    learning_rate: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:
    """Run through a sequence once, updating the weights at every step.

    Args:
        weights: array of shape `(unit, unit + channel + 1)`; not changed.
        inputs: array of shape `(time, channel)`.
        targets: array of shape `(time, answering unit)`, NaN where an answer
            is not scored.
        learning_rate: Float. Default: 0.1.

    Returns:
        The new weights, and the answers as an array of the targets' shape,
        each from before the update at its step.
    """
    inputs, targets = _check_sequence(weights, inputs, targets)
    memory, answers = start(weights), np.empty_like(targets)
    for t, (x, target) in enumerate(zip(inputs, targets)):
        memory = step(weights, memory, x)
        answers[t] = memory.activity[: targets.shape[1]]
        weights = weights - learning_rate * _deviation(memory, target)[1]
    return weights, answers


def costs(units: int, channels: int, timesteps: int) -> dict[str, Costs]:
    """Count the cost of a gradient by RTRL and by BPTT.

    There are n units, each with m = n + channels + 1 weights, and all answer.
    BPTT is backpropagation through time, which stores all past activities.

    Args:
        units: Positive integer, n.
        channels: Integer of at least 0, the number of inputs.
        timesteps: Positive integer.

    Example:

    >>> costs(units=12, channels=7, timesteps=10)["rtrl"].multiplications
    405720
    >>> costs(units=12, channels=7, timesteps=10)["bptt"].multiplications
    6480

    Returns:
        A dictionary from `"rtrl"` and `"bptt"` to their `Costs`.
    """
    for name, value in (("units", units), ("timesteps", timesteps)):
        check_integer(name, value, 1)
    check_integer("channels", channels, 0)
    n, m = units, units + channels + 1
    forward, slopes = n * m, n
    carry, scale, collect = n * n * n * m, n * n * m, n * n * m
    rtrl = forward + slopes + carry + scale + collect
    # Backward: the error times U, times the slope, and the weight gradients.
    bptt = forward + slopes + n * n + n + n * m
    return {
        "rtrl": Costs(timesteps * rtrl, n * n * m + n),
        "bptt": Costs(timesteps * bptt, timesteps * m + n),
    }


def _deviation(memory, target):
    """Return the deviation of the answers and the gradient of the error."""
    off = np.nan_to_num(memory.activity[: len(target)] - target)
    return off, np.tensordot(off, memory.sensitivity[: len(target)], axes=1)


def _check_weights(weights):
    if np.ndim(weights) != 2 or weights.shape[1] <= weights.shape[0]:
        raise ValueError(
            f"weights must have shape (unit, unit + channel + 1), "
            f"got {np.shape(weights)}"
        )
    return weights


def _check_sequence(weights, inputs, targets):
    inputs, targets = np.asarray(inputs, float), np.asarray(targets, float)
    units, columns = _check_weights(weights).shape
    if inputs.ndim != 2 or inputs.shape[1] != columns - units - 1:
        raise ValueError(
            f"inputs must have shape (time, {columns - units - 1}) for these "
            f"weights, got {inputs.shape}"
        )
    answering = targets.shape[1] if targets.ndim == 2 else 0
    if len(targets) != len(inputs) or not 1 <= answering <= units:
        raise ValueError(
            f"targets must have shape ({len(inputs)}, 1 to {units}) for these "
            f"inputs and weights, got {targets.shape}"
        )
    return inputs, targets
