"""Training of any compiled Keras model, a block of episodes in one call.

The forward pass, the backward pass and the optimizer of every episode run
inside one loop of a compiled TensorFlow function, on the real Keras layers and
the real Keras optimizer, whose variables it updates in place. The function
also keeps snapshots of the weights. Records are computed from the snapshots,
by a function of their own, so that what is recorded cannot change how XLA
compiles the training, and thus how it rounds.
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
# Versions of TensorFlow whose options of XLA have been tried.
KNOWN_VERSIONS = ((2, 20), (2, 21))
# The most bytes of one buffer: of the snapshots, or of the records of a call.
BUFFER_BYTES = 2**24


class Compiled:
    """Trains one model on blocks of one shape.

    What is learned depends on the model, the block and the order of episodes.
    It does not depend on what is recorded, nor on how the episodes are cut
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
        # All that an answer depends on: no seeds, no metrics.
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

    # Weights and optimizer are Keras's all the time.
    begin = end = staticmethod(lambda: None)

    def observe(
        self, inputs: np.ndarray, watch: str | None = None
    ) -> list[np.ndarray]:
        """Return what the network answers as it is now.

        Args:
            inputs: float32 array of shape `(sequence, time, input channel)`,
                of any number of sequences and any length.
            watch: String, the name of a layer to observe too. Default: `None`.

        Returns:
            List of float32 arrays: the answers and, with `watch`, the outputs
            of that layer.
        """
        return [value.numpy() for value in self._observer(watch)(inputs)]

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
            block: Three arrays or tensors of the shapes that were given.
            first: Integer, the index in the block of the first episode to run.
            due: Boolean array with an entry for each episode to run: whether
                a record is made after it.
            probe: float32 array of shape `(sequence, time, input channel)`,
                the sequences to record the answers on.
            watch: String, the name of a layer to record too. Default: `None`.

        Returns:
            float32 array of the losses, and a list of float32 arrays of shape
            `(record, sequence, time, channel)`: the answers and, with `watch`,
            the outputs of that layer.
        """
        recorder = self._recorder(watch, probe.shape)
        losses, records = [], [recorder.none]
        # A call ends where the next record would find no slot.
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
        """Run the episodes from `first` to before `last`: to be compiled."""

        def episode(i, losses, *snapshots):
            loss = self._learn(inputs[i], targets[i], weights[i])
            # The slot behind all others takes what nobody will read, so that
            # there is no branch.
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
        """Update the model once, as Keras's own training step does."""
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
        """Return a function from inputs to what is observed."""
        if watch not in self._observers:
            self._observers[watch] = compiled(observer(self.model, watch))
        return self._observers[watch]

    def _recorder(self, watch: str | None, shape: tuple) -> Recorder:
        """Return what records a layer on probes of a shape."""
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
        slots: Positive integer, the snapshots of one call of the training.
        jit: Boolean, whether XLA compiles the function.
    """

    def __init__(self, weights, observe, shape, slots, jit):
        self._weights, self._observe = weights, observe
        graph = observe.get_concrete_function(tf.TensorSpec(shape))
        self._shapes = [value.shape for value in graph.structured_outputs]
        # An array without a record for each kind of record.
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
        """Observe the network of every snapshot: to be compiled."""

        def record(i, *records):
            # Keras reads these values instead of the variables'.
            mapping = zip(self._weights, [array[i] for array in snapshots])
            with keras.StatelessScope(state_mapping=list(mapping)):
                values = self._observe.python_function(probe)
            pairs = zip(records, values)
            return i + 1, *[r.write(i - ends[0], value) for r, value in pairs]

        arrays = [_array(tf.float32, self._room, s) for s in self._shapes]
        return _loop(ends[0], ends[1], record, arrays)


def compiled(python_function: Callable, **options) -> Callable:
    """Return a function that TensorFlow compiles when it is called."""
    # TensorFlow warns of code that it traces often. Instances share their code
    # and each is traced once; a partial object hides that it is shared.
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
    """Run a loop, one turn after the other, and return what it has written."""
    _, *arrays = tf.while_loop(
        lambda i, *_: i < last, body, (first, *arrays), parallel_iterations=1
    )
    return [array.stack() for array in arrays]


def _array(dtype, room: int, shape: tuple) -> tf.TensorArray:
    return tf.TensorArray(dtype, room, element_shape=shape)


def _bytes(weight) -> int:
    return tf.as_dtype(weight.dtype).size


def _room(size: int, most: int) -> int:
    """Return how many things of a size a buffer has room for."""
    return max(1, min(most, BUFFER_BYTES // max(1, size)))


def set_flags() -> None:
    """Set the options of XLA, the same for every model.

    XLA reads the variable once in a process, when it compiles first, and ends
    the process over an option that it does not know. Whoever has set the
    variable keeps it.
    """
    if "XLA_FLAGS" in os.environ:
        return
    # A loop that accesses fewer bytes in one turn becomes one function, whose
    # steps cost a jump and not a scheduled task. That is faster for small
    # layers. Large ones would lose XLA's matrix kernels: an LSTM of 24 units
    # takes twice as long, one of 32 units four times. In TensorFlow 2.20 LLVM
    # kills the process where such a function holds an operation large enough
    # for several threads, which begins at 256 kB.
    option = "xla_cpu_small_while_loop_byte_threshold=120000"
    flags = [f"--xla_backend_extra_options={option}"]
    if VERSION in KNOWN_VERSIONS:
        flags += [
            # Leave out unneeded copies of what a loop carries.
            "--xla_cpu_copy_insertion_use_region_analysis=true",
            # Order tasks for one core: small networks leave others no work.
            "--xla_cpu_enable_concurrency_optimized_scheduler=false",
        ]
    else:
        warnings.warn(
            f"training is slower than it could be with TensorFlow "
            f"{tf.__version__}: memnets knows the options of XLA in "
            f"TensorFlow 2.20 and 2.21",
            RuntimeWarning,
            stacklevel=2,
        )
    os.environ["XLA_FLAGS"] = " ".join(flags)
