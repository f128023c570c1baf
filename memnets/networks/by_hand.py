"""Networks that remember perfectly, with weights set by hand."""

from __future__ import annotations

import math

import keras
import numpy as np

from memnets.tasks import AnBn, AnBnCn, Countdown, Mixture, Recall, Task

# The net input of an open gate, and with a minus sign of a shut one: its
# logistic function is 1 or 0 to all digits of float32.
OPEN = 40.0
# Scale factor of values in a memory: for values this small, tanh(x) is x to
# all digits of float32. A power of two scales without rounding.
SMALL = 2.0**-12
# The step of a counter of letters. Up to 2^24 steps of a power of two add up
# without rounding in float32. Gates only compare a count with 1.5 steps: near
# zero tanh(x) is x, and for larger counts it is larger.
ONE = SMALL / 2**14


def by_hand(task: Task) -> keras.Sequential:
    """Build a network that remembers perfectly, with weights set by hand.

    For `Recall`, the network is one LSTM cell and a linear readout. A tell
    opens the input gate and shuts the forget gate; an ask opens the output
    gate; nothing else changes the memory. For `Countdown`, it is one cell that
    counts down, one that opens only where the count is zero, and a linear
    readout. The memory does not fade in float32, however long the sequence.

    For `AnBn` and `AnBnCn`, one cell for each letter after a counts up at an a
    and down at its letter. Further cells see the letter and, by the recurrent
    weights, the counts of the step before; each opens in one of the cases that
    the language distinguishes. The counts are exact in float32 for n up to
    2^24. Recurrent weights are 0 in all other networks.

    Source of the idea of a network that counts by weights set by hand, for
    `AnBn`: N. Lan, E. Chemla and R. Katzir, Bridging the Empirical-Theoretical
    Gap in Neural Network Formal Language Learning Using Minimum Description
    Length, ACL (2024). This network is another one.

    Args:
        task: A `Recall`, `Countdown`, `AnBn` or `AnBnCn`, or a mixture of
            variants of one of them. It sets the number of outputs.

    Returns:
        A compiled `keras.Sequential`, like that of `memnets.lecture`. Its
        layers are `memory`, or `counter` and `detector`, or `counters`, and
        `readout`. Symbols of `AnBn` and `AnBnCn` must be given one-hot.

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
    readout = {"memory": {task.outputs[0]: 1 / SMALL}}
    return _network(task, {"memory": {"memory": memory}}, readout)


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
    layers = {
        "counter": {"counter": counter},
        "detector": {"detector": detector},
    }
    return _network(task, layers, {"detector": {task.outputs[0]: HIGH}})


def _counting(task: AnBn) -> keras.Sequential:
    """Count each later letter down from the a, and tell the cases apart."""
    first, *later = task.letters
    follows = dict(zip(task.letters, (*later, "T")))
    # With a reminder, the last letter of a kind is a capital. It counts alike.
    signs = {
        letter: [
            sign for sign in task.inputs if sign in {letter, letter.upper()}
        ]
        for letter in later
    }
    counters = {}
    cases = {"read S": _case(["S"]), f"read {first}": _case([first])}
    readout = {"read S": [first], f"read {first}": [first, follows[first]]}
    for letter in later:
        counter = f"count {letter}"
        counters[counter] = {
            "input gate": {"bias": OPEN},
            "forget gate": {"bias": OPEN},
            "candidate": {first: ONE, **dict.fromkeys(signs[letter], -ONE)},
            "output gate": {"bias": OPEN},
        }
        # The count before the letter: 1 at the last, 2 or more earlier.
        for case, sign, after in (
            ("more", 1, letter),
            ("last", -1, follows[letter]),
        ):
            name = f"{case} {letter}"
            at_least_2 = {counter: sign * 2 * OPEN / ONE}
            at_least_2["bias"] = -sign * 3 * OPEN
            cases[name] = _case(signs[letter], at_least_2)
            readout[name] = [after]
    weights = {
        name: {f"next {symbol}": HIGH for symbol in symbols}
        for name, symbols in readout.items()
    }
    return _network(task, {"counters": {**counters, **cases}}, weights)


def _case(symbols: list[str], gate: dict | None = None) -> dict[str, dict]:
    """Open at some symbols, if a second gate is open as well."""
    return {
        "input gate": {**dict.fromkeys(symbols, 2 * OPEN), "bias": -OPEN},
        "forget gate": {"bias": -OPEN},
        "candidate": {"bias": OPEN},
        "output gate": gate or {"bias": OPEN},
    }


# Reads 1 from a cell that has just written 1.
HIGH = 1 / math.tanh(1)
SET_BY_HAND = {
    Recall.name: _recall,
    Countdown.name: _countdown,
    AnBn.name: _counting,
    AnBnCn.name: _counting,
}
# The parts of an LSTM in Keras's order.
PARTS = ("input gate", "forget gate", "candidate", "output gate")


def _network(
    task: Task,
    layers: dict[str, dict[str, dict]],
    readout: dict[str, dict[str, float]],
) -> keras.Sequential:
    """Build LSTM layers from the weights of each part of each cell, by name.

    Args:
        task: The task; it names the channels.
        layers: For each layer, its cells; for each cell, its `PARTS`; for each
            part, the weight of each channel, of each cell of the layer, and
            the `bias`. What is missing is 0.
        readout: For each cell of the last layer, the weight of each output.
    """
    model = keras.Sequential([keras.Input((None, len(task.inputs)))])
    channels = task.inputs
    for name, cells in layers.items():
        # Zeros, because random initial weights would be discarded.
        layer = keras.layers.LSTM(
            len(cells),
            return_sequences=True,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            name=name,
        )
        model.add(layer)
        layer.set_weights(
            [
                _matrix(channels, cells),
                _matrix(tuple(cells), cells),
                _matrix(("bias",), cells)[0],
            ]
        )
        channels = tuple(cells)
    kernel = [
        [readout.get(cell, {}).get(output, 0) for output in task.outputs]
        for cell in channels
    ]
    dense = keras.layers.Dense(
        len(task.outputs), kernel_initializer="zeros", name="readout"
    )
    model.add(dense)
    dense.set_weights([np.array(kernel), np.zeros(len(task.outputs))])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def _matrix(rows: tuple[str, ...], cells: dict[str, dict]) -> np.ndarray:
    """Return the weights from some channels to all cells, in Keras's order."""
    return np.array(
        [
            [cells[cell][part].get(row, 0) for part in PARTS for cell in cells]
            for row in rows
        ]
    )
