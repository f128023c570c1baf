"""The engine that trains a network with the batch kernel."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

import numpy as np

from memnets.training.kernels import batch
from memnets.training.kernels.lanes import Lanes
from memnets.training.kernels.network import Network, Stack, lanes_for
from memnets.training.kernels.optimizers import STATES, Optimizer


class Kernel:
    """The engine that trains stacks of LSTM or GRU layers with Numba.

    Args:
        stack: The `Stack`.
        optimizer: The `Optimizer`.
        batch_size: Positive integer, the number of sequences per batch.
        timesteps: Positive integer, their length.
        probe: float32 array of shape `(sequence, time, channel)`, or an int
            array of shape `(sequence, time)`, the inputs whose answers are
            recorded.
        watched: Integer, the layer to record too, counted from 0. Default:
            `None`.
        symbols: Boolean, whether inputs are symbols. Default: `False`.
        lanes: The `Lanes`. Default: `None`, as `lanes_for` chooses.
    """

    name = "kernel"

    def __init__(
        self,
        stack: Stack,
        optimizer: Optimizer,
        batch_size: int,
        timesteps: int,
        probe: np.ndarray,
        watched: int | None = None,
        symbols: bool = False,
        lanes: Lanes | None = None,
    ):
        self.stack, self.optimizer, self.symbols = stack, optimizer, symbols
        # The readout's outputs are the answers themselves.
        self._watches_head = watched == len(stack.units)
        self._watched = -1 if watched is None or self._watches_head else watched
        self.steps_done = 0
        self._lanes = lanes or lanes_for(batch_size)
        self._network = Network(
            stack,
            self._lanes,
            batch_size,
            timesteps,
            probe.shape,
            symbols,
            optimizer,
        )
        self._network.set_probe(self._checked(probe))
        self._shape, self._batch = probe.shape[:2], (batch_size, timesteps)
        self._viewers: dict[tuple[int, int], Network] = {}
        # Compiles the kernel, without training.
        with _notice():
            self.observe(probe[:1])

    def begin(self) -> None:
        """Do nothing: there is no model to read from."""

    def end(self) -> None:
        """Do nothing: there is no model to write to."""

    def put(self, weights: list[np.ndarray], state: dict | None = None) -> None:
        """Set the weights and the optimizer's state, in Keras's order."""
        self._network.put("weights", weights)
        state, zeros = state or {}, [np.zeros_like(w) for w in weights]
        for name in STATES[self.optimizer.name]:
            self._network.put(name, state.get(name, zeros))
        self.steps_done = int(state.get("iterations", [0])[0])

    def get(self) -> tuple[list[np.ndarray], dict[str, list[np.ndarray]]]:
        """Return the weights and the optimizer's state."""
        names = STATES[self.optimizer.name]
        state = {name: self._network.get(name) for name in names}
        state["iterations"] = [np.array(self.steps_done, np.int64)]
        return self._network.get("weights"), state

    def run(
        self, block, first: int, due: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Run some of the episodes of a block; see `Engine.run`.

        Raises:
            ValueError: If the block does not have the expected shapes.
        """
        self._check(block)
        part = [array[first : first + len(due)] for array in block]
        records = self._records(self._shape, int(due.sum()))
        slots = np.where(due, np.cumsum(due) - 1, -1)
        slots = np.array([-1, *slots])
        losses, records = self._call(self._network, part, records, slots)
        self.steps_done += int(np.isfinite(losses).sum())
        return losses, records

    def observe(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the current answers and the watched layer's outputs.

        Args:
            inputs: Array like the probe, with any number of sequences of any
                length.
        """
        size, shape = len(self._lanes), self._checked(inputs).shape[1:]
        if shape not in self._viewers:
            probe = (size, *shape)
            self._viewers[shape] = Network(
                self.stack, self._lanes, 0, shape[0], probe, self.symbols
            )
        viewer = self._viewers[shape]
        viewer.put("weights", self._network.get("weights"))
        # Groups that fill the lanes keep the buffer small, within the cache.
        groups = -(-len(inputs) // size)
        padded = np.zeros((groups * size, *shape), inputs.dtype)
        padded[: len(inputs)] = inputs
        padded = padded.reshape(groups, size, *shape)
        records = self._records((size, shape[0]), groups)
        slots = np.array([*range(groups), -1])
        part = padded, *self._no_targets()
        _, records = self._call(viewer, part, records, slots)
        flat = (a.reshape(groups * size, *a.shape[2:]) for a in records)
        return [array[: len(inputs)] for array in flat]

    def record(self, inputs: np.ndarray) -> np.ndarray:
        """Return the current answers, with the same bits as a record."""
        return self.observe(inputs)[0]

    def answers(self) -> np.ndarray:
        """Return the answers to the last batch, from before its update."""
        return self._network.answers()

    def go_on(self, keep: np.ndarray) -> None:
        """Begin the next batch in the states where the last one ended.

        Args:
            keep: bool array of shape `(batch,)`; the states of the other
                sequences begin at 0.
        """
        self._network.begin_at_end(keep)

    def observe_on(self, inputs: np.ndarray, keep: bool) -> np.ndarray:
        """Return the answers to the next part of some streams.

        Args:
            inputs: Array like the probe, of at most 16 sequences.
            keep: Boolean, whether to begin in the states where the last part
                of this length ended.
        """
        shape = self._checked(inputs).shape[1:]
        if shape not in self._viewers:
            self.observe(inputs)
        viewer = self._viewers[shape]
        if keep:
            viewer.begin_at_end(np.full(len(inputs), True))
        answers = self.observe(inputs)[0]
        viewer.begin_at_zero()
        return answers

    def _check(self, block) -> None:
        """Refuse wrong shapes: the kernel would write outside of the arrays."""
        shape = len(block.inputs), *self._batch
        targets = (*shape, self.stack.outputs)
        for name, wanted in (("targets", targets), ("weights", shape)):
            got = getattr(block, name).shape
            if got != wanted:
                raise ValueError(f"{name} must be of shape {wanted}, got {got}")
        self._checked(block.inputs, *shape)

    def _checked(self, inputs, *shape):
        """Return inputs; refuse those that the network cannot read."""
        channels, begins = self.stack.channels, shape or inputs.shape[:2]
        wanted = begins if self.symbols else (*begins, channels)
        if inputs.shape != wanted:
            raise ValueError(
                f"inputs must be of shape {wanted}, got {inputs.shape}"
            )
        if self.symbols and inputs.max(initial=-1) >= channels:
            raise ValueError(
                f"inputs must be symbols below {channels}, got {inputs.max()}"
            )
        return inputs

    def _no_targets(self):
        """Return empty targets and weights."""
        targets = np.empty((0, 0, 1, self.stack.outputs), np.float32)
        return targets, targets[..., 0]

    def _divided(self, inputs):
        """Return inputs as floats and as symbols, one of them empty."""
        if not self.symbols:
            return inputs, np.empty((len(inputs), 0, 1), np.int32)
        shape = len(inputs), 0, 1, self.stack.channels
        return np.empty(shape, np.float32), inputs.astype(np.int32)

    def _selected(self, records):
        """Return the records of the answers and, if any, the watched layer."""
        if self._watches_head:
            return [records[0], records[0]]
        return records[: 1 if self._watched < 0 else 2]

    def _records(self, shape, count):
        """Return arrays for records of the answers and of the watched layer."""
        units = [0] if self._watched < 0 else [self.stack.units[self._watched]]
        outputs = np.empty((count, *shape, self.stack.outputs), np.float32)
        hidden = np.empty((count, *shape, *units), np.float32)
        return [outputs, hidden]

    def _call(self, network, part, records, slots):
        """Call the kernel; return the losses and the records."""
        inputs, targets, weights = part
        losses = np.full(len(slots) - 1, np.nan, np.float32)
        net, probe = network.net, network.probe
        done = batch.train(
            self._lanes,
            net.buffer,
            net.plan,
            net.symbols,
            probe.plan,
            probe.symbols,
            network.appended,
            *self._divided(inputs),
            targets,
            weights,
            self.optimizer.steps(self.steps_done, len(losses)),
            slots,
            self._watched,
            losses,
            *records,
        )
        # Includes a loss that is not finite, but nothing after it.
        return losses[: done + 1], self._selected(records)


@contextlib.contextmanager
def _notice(seconds: float = 2.0) -> Iterator[None]:
    """Print one line on the compilation, if it takes longer."""

    def notify():
        print(
            "memnets compiles its training kernel, once for this installation",
            file=sys.stderr,
        )

    timer = threading.Timer(seconds, notify)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
