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
            stack,
            self._lanes,
            batch_size,
            timesteps,
            probe.shape,
            symbols,
            optimizer,
        )
        self._network.show(self._checked(probe))
        self._shape, self._batch = probe.shape[:2], (batch_size, timesteps)
        self._viewers: dict[tuple[int, int], Network] = {}
        # No episode: what has to be compiled is compiled here.
        with _notice():
            self.observe(probe[:1])

    def begin(self) -> None:
        """Be ready to train."""

    def end(self) -> None:
        """Leave everything as `fit` would."""

    def put(self, weights: list[np.ndarray], state: dict | None = None) -> None:
        """Set weights, and what the optimizer remembers, in Keras's order."""
        self._network.put("weights", weights)
        state, zeros = state or {}, [np.zeros_like(w) for w in weights]
        for name in STATES[self.optimizer.name]:
            self._network.put(name, state.get(name, zeros))
        self.steps_done = int(state.get("iterations", [0])[0])

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

        Raises:
            ValueError: If the block is not of the shapes that were announced.
        """
        self._check(block)
        part = [array[first : first + len(due)] for array in block]
        notes = self._records(self._shape, int(due.sum()))
        slots = np.where(due, np.cumsum(due) - 1, -1)
        slots = np.array([-1, *slots])
        losses, records = self._call(self._network, part, notes, slots)
        self.steps_done += int(np.isfinite(losses).sum())
        return losses, records

    def observe(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the answers of the network as it is, and the watched layer's.

        Args:
            inputs: As the probe, of any number and length.
        """
        size, shape = len(self._lanes), self._checked(inputs).shape[1:]
        if shape not in self._viewers:
            probe = (size, *shape)
            self._viewers[shape] = Network(
                self.stack, self._lanes, 0, shape[0], probe, self.symbols
            )
        viewer = self._viewers[shape]
        viewer.put("weights", self._network.get("weights"))
        # In groups that fill the lanes: a small room stays in the cache.
        groups = -(-len(inputs) // size)
        padded = np.zeros((groups * size, *shape), inputs.dtype)
        padded[: len(inputs)] = inputs
        padded = padded.reshape(groups, size, *shape)
        records = self._records((size, shape[0]), groups)
        slots = np.array([*range(groups), -1])
        part = padded, *self._nothing()
        _, records = self._call(viewer, part, records, slots)
        flat = (a.reshape(groups * size, *a.shape[2:]) for a in records)
        return [array[: len(inputs)] for array in flat]

    def _check(self, block) -> None:
        """Refuse arrays over whose end the kernel would write."""
        shape = len(block.inputs), *self._batch
        targets = (*shape, self.stack.outputs)
        for name, wanted in (("targets", targets), ("weights", shape)):
            got = getattr(block, name).shape
            if got != wanted:
                raise ValueError(f"{name} must be of shape {wanted}, got {got}")
        self._checked(block.inputs, *shape)

    def _checked(self, inputs, *shape):
        """Return inputs, refusing those that the network does not take."""
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

    def _nothing(self):
        """Return the targets and weights of no episode."""
        targets = np.empty((0, 0, 1, self.stack.outputs), np.float32)
        return targets, targets[..., 0]

    def _divided(self, inputs):
        """Return inputs as numbers and as symbols, one of them empty."""
        if not self.symbols:
            return inputs, np.empty((len(inputs), 0, 1), np.int32)
        shape = len(inputs), 0, 1, self.stack.channels
        return np.empty(shape, np.float32), inputs.astype(np.int32)

    def _shown(self, records):
        """Return the records made, of the answers and of what is watched."""
        if self._echoes:
            return [records[0], records[0]]
        return records[: 1 if self._watched < 0 else 2]

    def _records(self, shape, count):
        """Return room for records, of answers and of the watched layer."""
        units = [0] if self._watched < 0 else [self.stack.units[self._watched]]
        outputs = np.empty((count, *shape, self.stack.outputs), np.float32)
        hidden = np.empty((count, *shape, *units), np.float32)
        return [outputs, hidden]

    def _call(self, network, part, notes, slots):
        """Call the kernel; return the losses and the records made."""
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
            network.riding,
            *self._divided(inputs),
            targets,
            weights,
            self.optimizer.steps(self.steps_done, len(losses)),
            slots,
            self._watched,
            losses,
            *notes,
        )
        # The episode whose loss is not finite is told, but nothing after it.
        return losses[: done + 1], self._shown(notes)


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
