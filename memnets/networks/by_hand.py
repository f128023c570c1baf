"""Networks that remember perfectly, with weights set by hand."""

from __future__ import annotations

import math

import keras
import numpy as np

from memnets.tasks import Countdown, Mixture, Recall, Task

# The net input of an open gate, and with a minus sign of a shut one: its
# logistic function is 1 or 0 to all digits of float32.
OPEN = 40.0
# Scale factor of values in a memory: for values this small, tanh(x) is x to
# all digits of float32. A power of two scales without rounding.
SMALL = 2.0**-12


def by_hand(task: Task) -> keras.Sequential:
    """Build a network that remembers perfectly, with weights set by hand.

    For `Recall`, the network is one LSTM cell and a linear readout. A tell
    opens the input gate and shuts the forget gate; an ask opens the output
    gate; nothing else changes the memory. For `Countdown`, it is one cell that
    counts down, one that opens only where the count is zero, and a linear
    readout. The recurrent weights are 0. The memory does not fade in float32,
    however long the sequence.

    Args:
        task: A `Recall`, a `Countdown`, or a mixture of variants of one of
            them. It sets the number of outputs.

    Returns:
        A compiled `keras.Sequential`, like that of `memnets.lecture`. Its
        layers are `memory`, or `counter` and `detector`, and `readout`.

    Raises:
        ValueError: If there is no network for the task.

    Example:

    >>> import numpy as np
    >>> from memnets import Recall, by_hand
    >>> batch = Recall().sequence({2: 0.3, 5: 0.7}, asked=[4, 19])
    >>> outputs = by_hand(Recall()).predict(batch.inputs, verbose=0)
    >>> bool(np.abs(outputs - batch.targets).max() < 1e-6)
    True
    """
    # All parts of a mixture share one rule.
    part = task.tasks[0] if isinstance(task, Mixture) else task
    name = getattr(part, "name", None)
    if name not in SET_BY_HAND:
        raise ValueError(
            f"task must be one of {', '.join(SET_BY_HAND)}, the tasks with "
            f"a network set by hand, got {name or task!r}"
        )
    return SET_BY_HAND[name](part)


def _recall(task: Recall) -> keras.Sequential:
    """Write the value at a tell, keep it, and read it at an ask."""
    memory = {
        "input gate": {"tell": 2 * OPEN, "bias": -OPEN},
        "forget gate": {"tell": -2 * OPEN, "bias": OPEN},
        "candidate": {"value": SMALL},
        "output gate": {"ask": 2 * OPEN, "bias": -OPEN},
    }
    return _network(task, {"memory": memory}, readout=1 / SMALL)


def _countdown(task: Countdown) -> keras.Sequential:
    """Count down from a tell, and signal where the count is zero."""
    # Scaled so that the count of even the longest sequence is below SMALL.
    one = SMALL / 2.0 ** math.ceil(math.log2(task.timesteps))
    counter = {
        "input gate": {"bias": OPEN},
        "forget gate": {"tell": -2 * OPEN, "bias": OPEN},
        # The count at the tell, and one less at every other step. Before the
        # tell it is below zero.
        "candidate": {"count": one, "tell": one, "bias": -one},
        "output gate": {"bias": OPEN},
    }
    # Written where the count is 0 or more, read where it is 0 or less.
    detector = {
        "input gate": {"counter": 2 * OPEN / one, "bias": OPEN},
        "forget gate": {"bias": -OPEN},
        "candidate": {"bias": OPEN},
        "output gate": {"counter": -2 * OPEN / one, "bias": OPEN},
    }
    cells = {"counter": counter, "detector": detector}
    return _network(task, cells, readout=1 / math.tanh(1))


SET_BY_HAND = {Recall.name: _recall, Countdown.name: _countdown}
# The parts of an LSTM in Keras's order.
PARTS = ("input gate", "forget gate", "candidate", "output gate")


def _network(
    task: Task, cells: dict[str, dict], readout: float
) -> keras.Sequential:
    """Build LSTM layers of one cell; the first output reads the last cell."""
    model = keras.Sequential([keras.Input((None, len(task.inputs)))])
    channels = task.inputs
    for name, parts in cells.items():
        # Zeros, because random initial weights would be discarded.
        layer = keras.layers.LSTM(
            1,
            return_sequences=True,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            name=name,
        )
        model.add(layer)
        rows = [
            [parts[part].get(channel, 0) for part in PARTS]
            for channel in (*channels, "bias")
        ]
        layer.set_weights(
            [np.array(rows[:-1]), np.zeros((1, 4)), np.array(rows[-1])]
        )
        channels = (name,)
    answers = len(task.outputs)
    kernel = np.zeros((1, answers))
    kernel[0, 0] = readout
    dense = keras.layers.Dense(
        answers, kernel_initializer="zeros", name="readout"
    )
    model.add(dense)
    dense.set_weights([kernel, np.zeros(answers)])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model
