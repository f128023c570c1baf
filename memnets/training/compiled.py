"""Train any compiled Keras model, a block of episodes per call.

All episodes run in one loop of a compiled TensorFlow function: the forward
pass, the backward pass and the optimizer. The function updates the variables
of the Keras layers and of the Keras optimizer in place, and takes snapshots of
the weights. A second function computes the records from the snapshots. So the
records cannot change how XLA compiles the training, and thus how it rounds.
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

VERSION = tuple(map(int, tf.__version__.split(".")[:2]))
# Versions of TensorFlow with which the options of XLA have been tested.
KNOWN_VERSIONS = ((2, 20), (2, 21))
# The most bytes of one buffer, for the snapshots or for the records of a call.
BUFFER_BYTES = 2**24


class Compiled:
    """Trains one model on blocks of one shape.

    The result depends on the model, the blocks and the order of episodes. It
    does not depend on what is recorded, nor on how the episodes are divided
    into calls.

    Args:
        model: A compiled, built Keras model.
        shapes: `Batch` of the three shapes of a block: `(episodes, batch,
            time, channel)` for inputs and targets, and `(episodes, batch,
            time)` for the weights.
        jit: Boolean, whether XLA compiles the training and the records.
    """

    def __init__(self, model, shapes, jit):
        self.model = model
        self.name = "xla" if jit else "graph"
        self._length = shapes.inputs[0]
        # The answers depend on these weights, not on seeds or metrics.
        self._weights = model.weights
        size = sum(math.prod(w.shape) * _bytes(w) for w in self._weights)
        self._slots = _room(size, self._length)
        self._observers: dict = {}
        self._recorders: dict = {}
        model.optimizer.build(model.trainable_variables)
        if jit:
            set_flags()
        scalar = tf.TensorSpec((), tf.int32)
        self._train = compiled(
            self._episodes,
            input_signature=[
                *map(tf.TensorSpec, shapes),
                scalar,
                scalar,
                tf.TensorSpec((self._length,), tf.int32),
            ],
            jit_compile=jit,
        )

    def observe(
        self, inputs: np.ndarray, watch: str | None = None
    ) -> list[np.ndarray]:
        """Return the current answers of the network.

        Args:
            inputs: float32 array of shape `(sequence, time, input channel)`,
                of any number of sequences and any length.
            watch: String, the name of a layer to observe too. Default: `None`.

        Returns:
            List of float32 arrays: the answers and, with `watch`, the outputs
            of that layer.
        """
        return [value.numpy() for value in self._observer(watch)(inputs)]

    def record(self, inputs: np.ndarray) -> np.ndarray:
        """Return the current answers, computed in the same way as records.

        Args:
            inputs: As in `observe`.
        """
        snapshots = [
            tf.repeat(w[None], self._slots + 1, axis=0)
            for w in map(tf.convert_to_tensor, self._weights)
        ]
        recorder = self._recorder(None, inputs.shape)
        return recorder.record(snapshots, 1, inputs)[0][0][0]

    def run(
        self,
        block: tuple,
        first: int,
        due: np.ndarray,
        probe: np.ndarray,
        watch: str | None = None,
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Run some of the episodes of a block.

        Args:
            block: Three arrays or tensors of the shapes given to `Compiled`.
            first: Integer, the index in the block of the first episode to run.
            due: bool array with one entry per episode to run: whether to make
                a record after it.
            probe: float32 array of shape `(sequence, time, input channel)`,
                the sequences whose answers are recorded.
            watch: String, the name of a layer to record too. Default: `None`.

        Returns:
            float32 array of the losses, and a list of float32 arrays of shape
            `(record, sequence, time, channel)`: the answers and, with `watch`,
            the outputs of that layer.
        """
        recorder = self._recorder(watch, probe.shape)
        losses, records = [], [recorder.none]
        # A call ends before the record for which there would be no slot.
        calls = (np.cumsum(due) - due) // self._slots
        for part in np.split(due, np.flatnonzero(np.diff(calls)) + 1):
            last = first + len(part)
            slots = np.full(self._length, -1, np.int32)
            slots[first:last] = np.where(part, np.cumsum(part) - 1, -1)
            lost, *snapshots = self._train(*block, first, last, slots)
            losses.append(lost.numpy()[first:last])
            records += recorder.record(snapshots, part.sum(), probe)
            first = last
        return np.concatenate(losses), list(map(np.concatenate, zip(*records)))

    def _episodes(self, inputs, targets, weights, first, last, slots):
        """Run the episodes from `first` to `last - 1`; this is compiled."""

        def episode(i, losses, *snapshots):
            loss = self._learn(inputs[i], targets[i], weights[i])
            # Unneeded snapshots go to an extra last slot, which avoids a
            # branch.
            slot = tf.where(slots[i] < 0, self._slots, slots[i])
            kept = [
                snapshot.write(slot, tf.convert_to_tensor(weight))
                for snapshot, weight in zip(snapshots, self._weights)
            ]
            return i + 1, losses.write(i, loss), *kept

        arrays = [_array(tf.float32, self._length, ())]
        for weight in self._weights:
            arrays.append(_array(weight.dtype, self._slots + 1, weight.shape))
        return _loop(first, last, episode, arrays)

    def _learn(self, inputs, targets, weights):
        """Update the model once, like Keras's training step."""
        model = self.model
        with tf.GradientTape() as tape:
            loss = model.compute_loss(
                x=inputs,
                y=targets,
                y_pred=model(inputs, training=True),
                sample_weight=weights,
                training=True,
            )
            scaled = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return tf.cast(loss, tf.float32)

    def _observer(self, watch: str | None) -> Callable:
        """Return the compiled function from inputs to answers."""
        if watch not in self._observers:
            self._observers[watch] = compiled(observer(self.model, watch))
        return self._observers[watch]

    def _recorder(self, watch: str | None, shape: tuple) -> Recorder:
        """Return the recorder for a layer and a shape of the probe."""
        if (watch, shape) not in self._recorders:
            self._recorders[watch, shape] = Recorder(
                self._weights,
                self._observer(watch),
                shape,
                self._slots,
                jit=self.name == "xla",
            )
        return self._recorders[watch, shape]


class Recorder:
    """Computes records from snapshots of the weights.

    Args:
        weights: List of Keras variables.
        observe: Function from inputs to a list of tensors.
        shape: Tuple of integers, the shape of the probe.
        slots: Positive integer, the most snapshots per call of the training.
        jit: Boolean, whether XLA compiles the function.
    """

    def __init__(self, weights, observe, shape, slots, jit):
        self._weights, self._observe = weights, observe
        graph = observe.get_concrete_function(tf.TensorSpec(shape))
        self._shapes = [value.shape for value in graph.structured_outputs]
        # For each kind of record, an array of no records.
        self.none = [np.zeros((0, *s), np.float32) for s in self._shapes]
        size = 4 * sum(map(math.prod, self._shapes))
        self._room = _room(size, slots)
        self._compute = compiled(self._records, jit_compile=jit)

    def record(
        self, snapshots: list, made: int, probe: np.ndarray
    ) -> list[list[np.ndarray]]:
        """Return the records of the first `made` snapshots, in parts."""
        parts = []
        for first in range(0, made, self._room):
            last = min(made, first + self._room)
            ends = np.array([first, last], np.int32)
            part = self._compute(probe, ends, *snapshots)
            parts.append([array.numpy()[: last - first] for array in part])
        return parts

    def _records(self, probe, ends, *snapshots):
        """Compute the answers of every snapshot; this is compiled."""

        def record(i, *records):
            # In this scope Keras reads these values instead of its variables.
            mapping = zip(self._weights, [array[i] for array in snapshots])
            with keras.StatelessScope(state_mapping=list(mapping)):
                values = self._observe.python_function(probe)
            pairs = zip(records, values)
            return i + 1, *[r.write(i - ends[0], value) for r, value in pairs]

        arrays = [_array(tf.float32, self._room, s) for s in self._shapes]
        return _loop(ends[0], ends[1], record, arrays)


def compiled(python_function: Callable, **options) -> Callable:
    """Return a function that TensorFlow compiles at its first call."""
    # TensorFlow warns if it traces the same code often. It is traced once per
    # instance, and a partial object hides that the instances share it.
    own = functools.partial(python_function)
    return tf.function(own, autograph=False, **options)


def observer(model: keras.Model, watch: str | None) -> Callable:
    """Return a function from inputs to the answers and the watched layer."""
    if watch is None:
        return lambda inputs: [
            tf.cast(model(inputs, training=False), "float32")
        ]
    layer = model.get_layer(watch)
    both = keras.Model(model.inputs, [model.outputs[0], layer.output])
    return lambda inputs: [
        tf.cast(value, "float32") for value in both(inputs, training=False)
    ]


def _loop(first, last, body: Callable, arrays: list) -> list:
    """Run a sequential loop and return the arrays that it has written."""
    _, *arrays = tf.while_loop(
        lambda i, *_: i < last, body, (first, *arrays), parallel_iterations=1
    )
    return [array.stack() for array in arrays]


def _array(dtype, room: int, shape: tuple) -> tf.TensorArray:
    return tf.TensorArray(dtype, room, element_shape=shape)


def _bytes(weight) -> int:
    return tf.as_dtype(weight.dtype).size


def _room(size: int, most: int) -> int:
    """Return how many items of `size` bytes fit in a buffer, at most `most`."""
    return max(1, min(most, BUFFER_BYTES // max(1, size)))


def set_flags() -> None:
    """Set the options of XLA, the same for every model.

    XLA reads XLA_FLAGS at the first compilation of a process, and exits at an
    unknown option. A value set by the user is kept.
    """
    if "XLA_FLAGS" in os.environ:
        return
    # XLA makes a loop that accesses fewer bytes per iteration one function,
    # without a scheduled task per step. This is faster for small layers. Large
    # ones would lose XLA's matrix kernels: an LSTM of 24 units would take
    # twice as long, one of 32 units four times. In TensorFlow 2.20 LLVM ends
    # the process if such a function has an operation large enough for several
    # threads, from 256 kB on.
    option = "xla_cpu_small_while_loop_byte_threshold=120000"
    flags = [f"--xla_backend_extra_options={option}"]
    if VERSION in KNOWN_VERSIONS:
        flags += [
            # Omit unneeded copies of the loop variables.
            "--xla_cpu_copy_insertion_use_region_analysis=true",
            # Schedule for one core: small networks have no work for others.
            "--xla_cpu_enable_concurrency_optimized_scheduler=false",
        ]
    else:
        warnings.warn(
            f"training is slower than it could be with TensorFlow "
            f"{tf.__version__}: memnets knows the options of XLA only for "
            f"TensorFlow 2.20 and 2.21",
            RuntimeWarning,
            stacklevel=2,
        )
    os.environ["XLA_FLAGS"] = " ".join(flags)
