"""A block of episodes as one compiled TensorFlow function.

Forward, backward, optimizer and probe of every episode run inside one loop of
the graph, on the real Keras layers and the real Keras optimizer, whose
variables it updates in place. Python is entered once a block.
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
# Bytes of the records of one call.
RECORD_BYTES = 2**26


class Engine:
    """The compiled block of one model, one shape of batch and one probe.

    Args:
        model: A compiled, built Keras model.
        shapes: `Batch` of three shapes, those of a block: `(episodes, batch,
            time, channel)` and for the weights `(episodes, batch, time)`.
        probe: float32 array of shape `(sequence, time, input channel)`.
        watch: String, the name of a layer to observe too, or `None`.
        record_every: Positive integer, the episodes between two records.
        xla: Boolean, whether to compile with XLA.
    """

    def __init__(self, model, shapes, probe, watch, record_every, xla):
        self.model = model
        self._observe = observer(model, watch)
        self.observe = compiled(self._observe)
        self._shapes = [array.shape[1:] for array in self.record(probe)]
        self.longest_call, self._slots = room(
            self._shapes, shapes, record_every
        )
        self._always = record_every == 1
        model.optimizer.build(model.trainable_variables)
        if xla:
            ask_for_flags(model)
        self.name = "xla" if xla else "graph"
        scalar = tf.TensorSpec((), tf.int32)
        self._run = compiled(
            self._block,
            input_signature=[
                *map(tf.TensorSpec, shapes),
                tf.TensorSpec(probe.shape),
                tf.TensorSpec(shapes.inputs[:1], tf.int32),
                scalar,
                scalar,
            ],
            jit_compile=xla,
        )

    # Weights and optimizer are Keras's all the time.
    begin = end = staticmethod(lambda: None)
    # Records are made within the calls, wherever these end.
    stops = None

    def arrange(self, probe: np.ndarray, *block: np.ndarray) -> tuple:
        """Return a block's arrays as `run` takes them."""
        return block

    def answer(self, inputs: np.ndarray) -> np.ndarray:
        """Return the answers of the network as it is now."""
        return self.observe(inputs)[0].numpy()

    def record(self, probe: np.ndarray) -> list[np.ndarray]:
        """Return one record of the network as it is now."""
        return [value.numpy()[None] for value in self.observe(probe)]

    def run(
        self, block: tuple, probe: np.ndarray, first: int, slots: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Run some of the episodes of a block.

        Args:
            block: Tensors of the shapes that were given.
            probe: float32 array of shape `(sequence, time, input channel)`.
            first: Integer, the first episode to run, counted in the block.
            slots: int array with an entry for each episode to run: the slot
                of its record, or -1 for none.

        Returns:
            float32 array of the losses, and a list with an array of the
            records made, for the answers and for the watched layer.
        """
        padded = np.full(block[0].shape[0], -1, np.int32)
        last = first + len(slots)
        padded[first:last] = slots
        losses, *records = self._run(*block, probe, padded, first, last)
        made = slots.max() + 1
        return losses.numpy()[first:last], [r.numpy()[:made] for r in records]

    def _block(self, inputs, targets, weights, probe, slots, first, last):
        """Run the episodes from `first` to before `last`: to be compiled."""
        write = self._write if self._always else self._write_sometimes

        def episode(i, losses, *records):
            loss = self._learn(inputs[i], targets[i], weights[i])
            records = write(slots[i], probe, records)
            return (i + 1, losses.write(i, loss), *records)

        rooms = [inputs.shape[0]] + [self._slots] * len(self._shapes)
        arrays = [
            tf.TensorArray(tf.float32, room, element_shape=shape)
            for room, shape in zip(rooms, [(), *self._shapes])
        ]
        # The variables are updated in place, so one episode at a time.
        _, *arrays = tf.while_loop(
            lambda i, *_: i < last,
            episode,
            (first, *arrays),
            parallel_iterations=1,
            maximum_iterations=inputs.shape[0],
        )
        return [array.stack() for array in arrays]

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

    def _write(self, slot, probe, records):
        observed = self._observe(probe)
        return [r.write(slot, value) for r, value in zip(records, observed)]

    def _write_sometimes(self, slot, probe, records):
        return tf.cond(
            slot >= 0,
            lambda: self._write(slot, probe, records),
            lambda: list(records),
        )


def room(
    shapes: list[tuple], block: tuple, record_every: int
) -> tuple[int, int]:
    """Return the episodes of the longest call, and the records it may make."""
    bytes_a_record = 4 * sum(map(math.prod, shapes))
    records = max(1, RECORD_BYTES // bytes_a_record)
    longest_call = min(block.inputs[0], records * record_every)
    # One slot more, for a last record that falls between two others.
    return longest_call, -(-longest_call // record_every) + 1


def compiled(python_function: Callable, **options) -> Callable:
    """Return a function that TensorFlow compiles when it is called."""
    # TensorFlow warns of code that it traces often. Engines share their code
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


def ask_for_flags(model: keras.Model) -> None:
    """Have XLA compile a whole loop into one function where that is faster.

    XLA reads the variable once in a process, when it compiles first, and ends
    the process over an option that it does not know. Whoever has set the
    variable keeps it.
    """
    if "XLA_FLAGS" in os.environ:
        return
    if VERSION not in KNOWN_VERSIONS:
        warnings.warn(
            f"training is slower than it could be with TensorFlow "
            f"{tf.__version__}: memnets knows the options of XLA in "
            f"TensorFlow 2.20 and 2.21",
            RuntimeWarning,
            stacklevel=2,
        )
    # A loop that holds few numbers then costs a jump and not a scheduled
    # task. For large layers it would lose XLA's matrix kernels: with 32 units
    # the loops of the cells lay on both sides of 250 kB, and those below took
    # up to four times as long. In TensorFlow 2.20 LLVM kills the process where
    # such a function holds an operation large enough for several threads,
    # which begins at 256 kB.
    size = 120_000
    if model.count_params() < 2500:
        size = 10_000_000 if VERSION == (2, 21) else 250_000
    option = f"xla_cpu_small_while_loop_byte_threshold={size}"
    flags = [f"--xla_backend_extra_options={option}"]
    if VERSION in KNOWN_VERSIONS:
        # Leaves out copies of what a loop carries, where they are not needed.
        flags.append("--xla_cpu_copy_insertion_use_region_analysis=true")
    os.environ["XLA_FLAGS"] = " ".join(flags)
