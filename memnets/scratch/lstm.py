"""The LSTM from scratch in NumPy: forward, and backward through time.

An LSTM takes four operations: concatenate the input and the last output,
multiply by a matrix, apply a nonlinearity, and multiply elementwise. Only the
last is new: a gate acts like a weight that depends on the input.

The weights have Keras's order and layout, so those of a layer can be used:
`forward(inputs, *layer.get_weights())` gives the outputs of a layer with
Keras's default activations and no initial state.

Source: F. Marquardt, Machine Learning for Physicists, "LSTM"; with f, i and o
for the gates, g for the candidate, c for the cell state and h for the output.
"""

from typing import NamedTuple

import numpy as np


class States(NamedTuple):
    """Gates and values of all cells, of shape `(batch, time, unit)`."""

    input_gate: np.ndarray
    forget_gate: np.ndarray
    candidate: np.ndarray
    output_gate: np.ndarray
    cell_state: np.ndarray
    hidden: np.ndarray


class Gradients(NamedTuple):
    """Gradients of the loss, each of the shape of its variable.

    Those of `cell_state` and `hidden` include all paths through later steps.
    """

    inputs: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    cell_state: np.ndarray
    hidden: np.ndarray


def forward(inputs, kernel, recurrent_kernel, bias) -> States:
    """Run an LSTM layer over sequences, from states of zero.

    Args:
        inputs: array of shape `(batch, time, input channel)`.
        kernel: array of shape `(input channel, 4 * units)`, with the columns
            of i, f, g and o in this order.
        recurrent_kernel: array of shape `(units, 4 * units)`.
        bias: array of shape `(4 * units,)`.

    Returns:
        `States`; the layer's output is its `hidden`.

    Raises:
        ValueError: If the shapes do not fit each other.
    """
    _check(inputs, kernel, recurrent_kernel, bias)
    h = c = np.zeros((len(inputs), len(recurrent_kernel)), inputs.dtype)
    steps = []
    for x in inputs.swapaxes(0, 1):
        i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, -1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
        c = f * c + i * g  # forget, and write
        h = o * np.tanh(c)  # read
        steps.append((i, f, g, o, c, h))
    return States(*(np.stack(states, axis=1) for states in zip(*steps)))


def backward(inputs, kernel, recurrent_kernel, states, error) -> Gradients:
    """Propagate the error of the outputs back through time.

    Args:
        inputs: array of shape `(batch, time, input channel)`.
        kernel: array of shape `(input channel, 4 * units)`.
        recurrent_kernel: array of shape `(units, 4 * units)`.
        states: The `States` that `forward` returned for these.
        error: array of shape `(batch, time, unit)`, the derivative of the loss
            by each output, without paths through later steps.

    Returns:
        `Gradients`.

    Raises:
        ValueError: If the error has not the shape of the outputs.
    """
    if (got := np.shape(error)) != (wanted := states.hidden.shape):
        raise ValueError(f"error must be of shape {wanted}, got {got}")
    # The cell state before each step, 0 before the first.
    c_before = np.pad(states.cell_state, ((0, 0), (1, 0), (0, 0)))
    dh = dc = np.zeros_like(error[:, 0])
    steps = []
    for t in reversed(range(inputs.shape[1])):
        i, f, g, o, c, _ = (values[:, t] for values in states)
        # h = o * tanh(c): by the product rule the error splits in two, one
        # part for the gate o and one for tanh(c).
        dh = error[:, t] + dh
        do = dh * np.tanh(c)
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        # c = f * c_before + i * g: the sum passes the error on unchanged, and
        # each product splits it again.
        df, di, dg = dc * c_before[:, t], dc * g, dc * i
        slopes = i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)
        dz = np.concatenate(np.multiply((di, df, dg, do), slopes), axis=-1)
        steps.append((dz, dc, dh))
        # Where the forget gate is 1, dc goes back unchanged.
        dc, dh = dc * f, dz @ recurrent_kernel.T
    dz, dc, dh = (np.stack(values[::-1], axis=1) for values in zip(*steps))
    d_inputs, d_bias = dz @ kernel.T, dz.sum(axis=(0, 1))
    d_kernel = np.einsum("btc,btz->cz", inputs, dz)
    d_recurrent = np.einsum("btu,btz->uz", states.hidden[:, :-1], dz[:, 1:])
    return Gradients(d_inputs, d_kernel, d_recurrent, d_bias, dc, dh)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # Equal to 1 / (1 + exp(-x)), which would overflow for very negative x.
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _check(inputs, kernel, recurrent_kernel, bias) -> None:
    """Refuse weights that do not fit each other or the inputs."""
    if np.ndim(inputs) != 3:
        raise ValueError(f"inputs must be 3-D, got shape {np.shape(inputs)}")
    channels, units = inputs.shape[2], len(recurrent_kernel)
    wanted = (channels, 4 * units), (units, 4 * units), (4 * units,)
    got = tuple(map(np.shape, (kernel, recurrent_kernel, bias)))
    if got != wanted:
        names = "kernel, recurrent_kernel and bias"
        raise ValueError(f"{names} must be of shapes {wanted}, got {got}")
