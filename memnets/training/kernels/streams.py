"""An LSTM with forget gates and peepholes that learns streams online.

The cells of a memory block share an input, a forget and an output gate. With
peepholes, a block's gates also see its states:

    i, f = sigmoid(net_i + p_i s(t-1)), sigmoid(net_f + p_f s(t-1))
    s = f * s(t-1) + i * g(net_c)                  for each cell of the block
    o = sigmoid(net_o + p_o s)
    y = o * h(s)

The weights change at every time step, by gradient descent. The gradient is
truncated: errors are carried through time only by the states, not by the
weights from the units of one step to those of the next, nor by peepholes. So
it goes forward in time, in a trace for each weight and cell:

    ds/dw = f * ds/dw(t-1) + ...

A stream has no end at which weights could be updated or states reset. It may
be longer than memory, so it is given in pieces: a `State` carries weights,
states and traces from one call to the next, and pieces teach the same, to the
last bit, as the whole. As in `online`, each lane of a vector is a network with
its own weights and stream, and lanes are independent.

Sources: F. A. Gers, J. Schmidhuber and F. Cummins, Learning to Forget:
Continual Prediction with LSTM, Neural Computation 12 (10), 2451 (2000);
F. A. Gers, N. N. Schraudolph and J. Schmidhuber, Learning Precise Timing with
LSTM Recurrent Networks, Journal of Machine Learning Research 3, 115 (2002).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from memnets.training.kernels import lanes as vectors
from memnets.training.kernels.lanes import aligned, f4
from memnets.training.kernels.stream_steps import (
    RIGHT,
    Buffers,
    S,
    run,
)

COUNTED = 2**23  # more than the errors and steps of a piece
COUNTERS = ("right", "trained", "tested", "used")


class Answers(NamedTuple):
    """What networks answered to a piece of their streams.

    Args:
        outputs: float32 array of shape `(networks, steps, outputs)`; 0 where a
            network waited.
        right: int array of shape `(networks,)`, the number of steps before the
            first error, or of all steps if there was none.
    """

    outputs: np.ndarray
    right: np.ndarray


class Turns(NamedTuple):
    """What networks do that train and test in turns; see `alternate`.

    Args:
        rate: The learning rate.
        decay: The factor of the rate after each training stream.
        training: Whether the current stream is for training.
        waiting: Whether the network waits for the start of a new stream.
        errors: How many errors it may still make; with the last it stops.
        length: How many steps the current stream may still last; the network
            stops there. Streams that begin later in the piece have no limit.
        right: How many steps of the current stream were right so far.
        trained: How many steps it has trained.
        tested: How many steps it has been tested.
        used: How many steps of its pieces it has used up.
    """

    rate: np.ndarray
    decay: np.ndarray
    training: np.ndarray
    waiting: np.ndarray
    errors: np.ndarray
    length: np.ndarray
    right: np.ndarray
    trained: np.ndarray
    tested: np.ndarray
    used: np.ndarray


class State:
    """Networks with their weights, states and traces, carried across calls.

    Args:
        network: `Network`.
        weights: float array of shape `(networks, network.count)`, copied.
        momentum: Float in [0, 1), the share of the last change of a weight
            that is added to the next. Default: 0.
        parts: Tuple of integers, the parts of `Lanes`. Default: `None`, 8
            lanes for up to 8 networks, else 16.
    """

    def __init__(self, network, weights, momentum=0.0, parts=None):
        weights = np.asarray(weights, f4)
        if weights.ndim != 2 or weights.shape[1] != network.count:
            raise ValueError(
                f"weights must be (networks, {network.count}), got "
                f"{weights.shape}"
            )
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}")
        self.network, self.momentum = network, f4(momentum)
        self.parts = parts or ((8,) if len(weights) <= 8 else (8, 8))
        self.count, width = len(weights), sum(self.parts)
        self._groups = [
            self._make(weights[first : first + width])
            for first in range(0, self.count, width)
        ]

    def _make(self, weights):
        """Return the buffers of a group of lanes."""
        network, net = self.network, self.network.layout
        made = {
            "weights": (net.count,),
            "traces": (net.width, 3 * net.cells),
            "peephole_traces": (net.size, 3 * net.cells),
            "seen": (net.width,),
            "shown": (net.tall,),
            "nets": (net.units,),
            "gains": (3 * net.cells,),
            "gates": (2, net.blocks),
            "cells": (5, net.cells),
            "errors": (net.outputs,),
        }
        width = sum(self.parts)
        made = {name: aligned(*shape, width) for name, shape in made.items()}
        made["weights"][_indices(network), : len(weights)] = weights.T
        made["seen"][net.inputs] = network.biases is not None
        made["shown"][net.inputs] = network.output_biases
        made["changes"] = made["weights"]
        if self.momentum:
            made["changes"] = aligned(net.count, width)
        return made

    @property
    def weights(self) -> np.ndarray:
        """The weights, a float32 array `(networks, network.count)`."""
        places = _indices(self.network)
        found = [group["weights"][places].T for group in self._groups]
        return np.concatenate(found)[: self.count].copy()

    @property
    def cells(self) -> np.ndarray:
        """The states of the cells, a float32 array `(networks, cells)`."""
        found = [group["cells"][S].T for group in self._groups]
        return np.concatenate(found)[: self.count].copy()

    def replace(self, which, weights):
        """Put a new network, with states and last changes of 0, into a place.

        Args:
            which: Integer, the number of the network to replace.
            weights: float array of shape `(network.count,)`.
        """
        group = self._groups[which // sum(self.parts)]
        lane, places = which % sum(self.parts), _indices(self.network)
        if self.momentum:
            group["changes"][:, lane] = 0
        group["weights"][places, lane] = weights
        self.reset(np.arange(self.count) == which)

    def reset(self, which=None):
        """Set states, outputs and traces to 0, as at the start of a stream.

        Weights, and their last changes for momentum, remain.

        Args:
            which: bool array of shape `(networks,)`. Default: `None`, all.
        """
        if which is None:
            which = np.ones(self.count, bool)
        which = np.asarray(which, bool)
        if which.shape != (self.count,):
            raise ValueError(
                f"which must be ({self.count},), got {which.shape}"
            )
        one, width = self.network.inputs, sum(self.parts)
        for n, group in enumerate(self._groups):
            lanes = np.flatnonzero(which[n * width : (n + 1) * width])
            for array in (
                group["traces"],
                group["peephole_traces"],
                group["cells"],
                group["seen"][one + 1 :],
            ):
                array[..., lanes] = 0


def answer(
    state, inputs, targets=None, lengths=None, tolerance=None, starts=None
):
    """Return the answers of networks to the next piece of their streams.

    Args:
        state: `State`, updated in place; its weights and traces stay the same.
        inputs: float array of shape `(networks, steps, inputs)` or, if they
            are symbols, int array of shape `(networks, steps)`.
        targets: float array of shape `(networks, steps, outputs)`. Default:
            `None`, 0; without tolerance they do not matter.
        lengths: int array of shape `(networks,)`: the number of steps that
            each network takes, before it waits. Default: `None`, all steps.
        tolerance: Float. A network stops, and waits for the rest of the piece,
            after the first step where an output's absolute error is not below
            it. Default: `None`, no network stops.
        starts: bool array of shape `(networks, steps)`: where a new stream
            starts, from states, outputs and traces of 0. Default: `None`,
            nowhere; the first piece starts so anyway.

    Returns:
        `Answers`.
    """
    if targets is None:
        targets = np.zeros((*np.shape(inputs)[:2], state.network.outputs), f4)
    piece = inputs, targets
    return _one_turn(state, False, piece, 0, lengths, tolerance, starts)


def learn(
    state, inputs, targets, rate, lengths=None, tolerance=None, starts=None
):
    """Train networks on the next piece of their streams, at every step.

    The step that ends in an error still changes the weights.

    Args:
        state: `State`, updated in place.
        inputs: As in `answer`.
        targets: As in `answer`.
        rate: Float, or one for each network. With a rate of 0 a network's
            weights remain, but it goes on.
        lengths: As in `answer`.
        tolerance: As in `answer`.
        starts: As in `answer`.

    Returns:
        `Answers`, each from before the update at its step.
    """
    piece = inputs, targets
    return _one_turn(state, True, piece, rate, lengths, tolerance, starts)


def alternate(state, inputs, targets, starts, turns, tolerance):
    """Train and test networks in turns, on streams that end at an error.

    After its first error a network waits for the next place where a stream may
    start. There it starts anew, with its weights frozen, as a test, until its
    next error; then it trains again; and so on through the piece.

    Args:
        state: `State`, updated in place.
        inputs: As in `answer`.
        targets: As in `answer`.
        starts: int array of shape `(networks, steps)`: 1 where a network that
            waits starts a new stream, 2 where a network starts anew anyway.
        turns: `Turns` with arrays of shape `(networks,)`, or single values.
        tolerance: As in `answer`.

    Returns:
        `Turns`, from where the networks stopped or the piece ended.
    """
    rows = [np.broadcast_to(row, state.count).astype(float) for row in turns]
    before = Turns(*rows)
    # float32 counts no further than 2 ** 24: each piece is counted from 0.
    none = np.zeros(state.count)
    piece = before._replace(
        errors=np.minimum(before.errors, COUNTED),
        length=np.minimum(before.length, COUNTED),
        **dict.fromkeys(COUNTERS, none),
    )
    given = inputs, targets, starts, np.array(piece, f4), tolerance
    after = Turns(*_run(state, True, *given)[1].astype(float))
    made = piece.errors - after.errors
    totals = {
        name: getattr(before, name) + getattr(after, name) for name in COUNTERS
    }
    # The last error that a network may make begins no new stream.
    same = (made == 0) | ((made == 1) & (after.errors == 0))
    totals["right"] = np.where(same, totals["right"], after.right)
    return after._replace(errors=before.errors - made, **totals)


def _one_turn(state, learning, piece, rate, lengths, tolerance, starts):
    """Run networks through a piece, at most to their first error."""
    inputs, targets = piece
    steps = np.shape(inputs)[1] if np.ndim(inputs) > 1 else 0
    lengths = np.asarray(steps if lengths is None else lengths)
    if lengths.shape not in ((), (state.count,)):
        raise ValueError(
            f"lengths must be ({state.count},), got {lengths.shape}"
        )
    _check_range("lengths", lengths, 0, steps)
    if starts is None:
        starts = np.zeros((state.count, steps), bool)
    turns = np.zeros((len(Turns._fields), state.count), f4)
    for name, value in (
        ("rate", rate),
        ("training", 1),
        ("errors", 1),
        ("length", lengths),
    ):
        turns[Turns._fields.index(name)] = value
    starts = 2 * np.asarray(starts, bool)
    given = inputs, targets, starts, turns, tolerance
    outputs, turns = _run(state, learning, *given)
    return Answers(outputs, turns[RIGHT].astype(int))


def _run(state, learning, inputs, targets, starts, turns, tolerance):
    """Run networks through a piece, one network per lane at once."""
    network = state.network
    arrays = [np.asarray(x) for x in (inputs, targets, starts)]
    _check(network, state.count, *arrays)
    if network.symbols:
        arrays[0] = arrays[0][..., None]
    if tolerance is not None and not tolerance > 0:
        raise ValueError(f"tolerance must be above 0, got {tolerance}")
    limit = f4(np.inf if tolerance is None else tolerance)
    outputs, after = [], []
    width = sum(state.parts)
    for n, group in enumerate(state._groups):
        part = slice(n * width, (n + 1) * width)
        given = [x[part] for x in (*arrays, turns.T)]
        made = _run_lanes(state, group, learning, *given, limit)
        outputs.append(made[0])
        after.append(made[1])
    outputs = np.moveaxis(np.concatenate(outputs, axis=-1), -1, 0)
    return outputs, np.concatenate(after, axis=-1)


def _check(network, count, inputs, targets, starts):
    """Refuse shapes and values that would overrun the kernel's buffers."""
    columns = () if network.symbols else (network.inputs,)
    steps = inputs.shape[1] if inputs.ndim > 1 else 0
    for name, array, shape in (
        ("inputs", inputs, (count, steps, *columns)),
        ("targets", targets, (count, steps, network.outputs)),
        ("starts", starts, (count, steps)),
    ):
        if array.shape != shape:
            raise ValueError(f"{name} must be {shape}, got {array.shape}")
    if network.symbols:
        _check_range("inputs", inputs, -1, network.inputs - 1)


def _check_range(name, array, least, most):
    """Refuse numbers out of a range."""
    for value in (array.min(initial=least), array.max(initial=least)):
        if not least <= value <= most:
            raise ValueError(f"{name} must be {least} to {most}, got {value}")


def _run_lanes(
    state, group, learning, inputs, targets, starts, turns, tolerance
):
    """Copy a piece to the lanes, run it, and return the results."""
    width, count = sum(state.parts), len(inputs)

    def in_lanes(array):
        copy = aligned(*array.shape[1:], width)
        copy[..., :count] = np.moveaxis(array, 0, -1)
        return copy

    buffers = Buffers(
        **group,
        inputs=in_lanes(inputs),
        targets=in_lanes(targets),
        starts=in_lanes(starts),
        outputs=aligned(*targets.shape[1:], width),
        turns=in_lanes(turns),
    )
    flat = Buffers(*(buffer.reshape(-1) for buffer in buffers))
    lanes, clock = vectors.Lanes(state.parts), np.arange(inputs.shape[1])
    net = state.network.layout
    run(lanes, net, learning, flat, state.momentum, tolerance, clock)
    return buffers.outputs[..., :count], buffers.turns[..., :count]


def _indices(network):
    """Return the places of all weights in the kernel's buffer."""
    return np.concatenate([part.ravel() for part in network.places])
