"""A network that the batch kernel trains: what the training loop talks to."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

import numpy as np

from memnets.kernels import batch
from memnets.kernels.network import Network, Stack, lanes_for
from memnets.kernels.optimizers import STATES, Optimizer

# Numbers of the work buffer for one part of an exam.
EXAM_FLOATS = 2**22


class Kernel:
    """The engine that trains stacks of LSTM or GRU layers with Numba.

    Args:
        stack: The `Stack`.
        optimizer: The `Optimizer`.
        batch_size: Positive integer, the sequences of a batch.
        timesteps: Positive integer, their length.
        probe: float32 array of shape `(sequence, time, channel)`, or an int
            array of shape `(sequence, time)`, the inputs whose answers are
            recorded.
        watched: Integer, the layer to record too, counted from 0. Default:
            `None`.
        symbols: Boolean, whether inputs are symbols. Default: `False`.
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
    ):
        self.stack, self.optimizer, self.symbols = stack, optimizer, symbols
        # A readout's output is the answers.
        self._echoes = watched == len(stack.units)
        self._watched = -1 if watched is None or self._echoes else watched
        self.steps_done = 0
        self._lanes = lanes_for(batch_size)
        self._network = Network(
            stack, self._lanes, batch_size, timesteps, probe.shape, symbols
        )
        self._network.show(probe)
        self._shape = probe.shape[:2]
        self._viewers: dict[tuple[int, int], Network] = {}
        with _notice():
            self._call(self._network, None, self._records(self._shape, 0))

    def begin(self) -> None:
        """Be ready to train."""

    def end(self) -> None:
        """Leave everything as `fit` would."""

    def put(self, weights: list[np.ndarray], state: dict | None = None) -> None:
        """Set weights, and what the optimizer remembers, in Keras's order."""
        self._network.put("weights", weights)
        names = STATES[self.optimizer.name]
        for name in names:
            zeros = [np.zeros_like(array) for array in weights]
            self._network.put(name, state[name] if state else zeros)
        self.steps_done = int(state["iterations"][0]) if state else 0

    def get(self) -> tuple[list[np.ndarray], dict[str, list[np.ndarray]]]:
        """Return weights, and what the optimizer remembers."""
        names = STATES[self.optimizer.name]
        state = {name: self._network.get(name) for name in names}
        state["iterations"] = [np.array(self.steps_done, np.int64)]
        return self._network.get("weights"), state

    def run(
        self, block, first: int, due: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Run some of the episodes of a block.

        Args:
            block: `Batch` of arrays with an axis of episodes first.
            first: Integer, the first episode to run, counted in the block.
            due: bool array with an entry for each episode to run: whether a
                record is made after it.

        Returns:
            float32 array of the losses, and a list with an array of the
            records made, for the answers and for the watched layer.
        """
        part = [array[first : first + len(due)] for array in block]
        notes = self._records(self._shape, int(due.sum()))
        slots = np.where(due, np.cumsum(due) - 1, -1)
        losses, *records = self._call(
            self._network, part, notes, np.array([-1, *slots])
        )
        self.steps_done += int(np.isfinite(losses).sum())
        return losses, records

    def observe(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the answers of the network as it is, and the watched layer's.

        Args:
            inputs: As the probe, of any number and length.
        """
        steps = inputs.shape[1]
        floats = steps * sum(
            columns + (batch.GATES + 1) * units
            for _, units, columns, _ in self.stack.layers()
        )
        most = max(1, min(len(inputs), EXAM_FLOATS // floats))
        parts = [
            self._observe(inputs[at : at + most])
            for at in range(0, len(inputs), most)
        ]
        return [np.concatenate(arrays) for arrays in zip(*parts)]

    def _observe(self, inputs):
        shape = inputs.shape[:2]
        if shape not in self._viewers:
            self._viewers[shape] = Network(
                self.stack, self._lanes, 0, 1, inputs.shape, self.symbols
            )
        viewer = self._viewers[shape]
        viewer.put("weights", self._network.get("weights"))
        viewer.show(inputs)
        _, *records = self._call(
            viewer, None, self._records(shape, 1), np.array([0])
        )
        return [array[0] for array in records]

    def _records(self, shape, count):
        """Return room for records, of answers and of the watched layer."""
        units = [0] if self._watched < 0 else [self.stack.units[self._watched]]
        outputs = np.empty((count, *shape, self.stack.outputs), np.float32)
        hidden = np.empty((count, *shape, *units), np.float32)
        return [outputs, hidden]

    def _call(self, network, part, notes, slots=None):
        """Call the kernel; return the losses and the records made."""
        inputs, targets, weights = part or self._nothing(network)
        symbols = np.empty((len(inputs), 0, 1), np.int32)
        if self.symbols:
            symbols = np.ascontiguousarray(inputs, np.int32)
            shape = len(inputs), 0, 1, self.stack.channels
            inputs = np.empty(shape, np.float32)
        losses = np.full(len(targets), np.nan, np.float32)
        done = batch.train(
            network.net,
            network.probe,
            network.riding,
            self.optimizer.rule(),
            (inputs, symbols, targets, weights),
            self.optimizer.steps(self.steps_done, len(losses)),
            np.array([-1]) if slots is None else slots,
            self._watched,
            (losses, *notes),
        )
        # The episode whose loss is not finite is told, but nothing after it.
        losses = losses[: done + 1]
        if self._echoes:
            return losses, notes[0], notes[0]
        return losses, *notes[: 1 if self._watched < 0 else 2]

    def _nothing(self, network):
        """Return a block of no episodes."""
        inputs = np.empty((0, 0, 1, self.stack.channels), np.float32)
        if self.symbols:
            inputs = np.empty((0, 0, 1), np.int32)
        targets = np.empty((0, 0, 1, self.stack.outputs), np.float32)
        return inputs, targets, np.empty((0, 0, 1), np.float32)


@contextlib.contextmanager
def _notice(seconds: float = 2.0) -> Iterator[None]:
    """Say in one line what takes so long, if it does."""

    def tell():
        print(
            "memnets compiles its training kernel, once for this installation",
            file=sys.stderr,
        )

    timer = threading.Timer(seconds, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
