"""What every cell promises, checked: for a cell of your own."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

STEPS, CHANNELS, UNITS = 6, 3, 4
TOLERANCE = 1e-5


def check_cell(layer: Callable[..., keras.layers.Layer]) -> list[str]:
    """Check what every cell promises, with random weights and inputs.

    Args:
        layer: The class of a recurrent Keras layer, whose first argument is its
            size; or a function that makes one.

    Returns:
        The promises that were checked and kept, a sentence each.

    Raises:
        ValueError: At the first promise that is broken; says which.
    """
    made, inputs = _make(layer), _inputs()
    kept = []
    for check in _CHECKS:
        promise, found = str(check.__doc__), check(made, inputs)
        if found:
            raise ValueError(
                f"The cell breaks a promise. {promise} But {found}"
            )
        kept.append(promise)
    return kept


def _make(layer) -> keras.layers.Layer:
    """Build a layer with random weights, the same each time."""
    made = layer(UNITS, return_sequences=True)
    made.build((None, None, CHANNELS))
    rng = np.random.default_rng(1)
    shapes = [np.shape(weights) for weights in made.get_weights()]
    made.set_weights([rng.normal(size=shape) for shape in shapes])
    return made


def _inputs() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, STEPS, CHANNELS)).astype(np.float32)


def _answer(layer, inputs) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(inputs))


def _shape(layer, inputs) -> str:
    """A layer answers at every step with as many numbers as it has units."""
    found, wanted = _answer(layer, inputs).shape, (4, STEPS, UNITS)
    return "" if found == wanted else f"the shape is {found}, not {wanted}."


def _apart(layer, inputs) -> str:
    """No sequence of a batch changes the answer to another."""
    alone, together = _answer(layer, inputs[:1]), _answer(layer, inputs)
    same = np.allclose(alone[0], together[0], atol=TOLERANCE)
    return "" if same else "alone, a sequence is answered differently."


def _causal(layer, inputs) -> str:
    """No answer depends on the future."""
    changed = inputs.copy()
    changed[:, -1] += 1
    before, after = _answer(layer, inputs), _answer(layer, changed)
    same = np.allclose(before[:, :-1], after[:, :-1], atol=TOLERANCE)
    return "" if same else "the last input changes answers before it."


def _memory(layer, inputs) -> str:
    """The last answer depends on the first input."""
    changed = inputs.copy()
    changed[:, 0] += 1
    before, after = _answer(layer, inputs), _answer(layer, changed)
    moved = np.abs(after[:, -1] - before[:, -1]).max()
    return "" if moved > 1e-7 else "it does not: there is no memory."


def _saved(layer, inputs) -> str:
    """A layer made again from its config and weights answers the same."""
    again = type(layer).from_config(layer.get_config())
    again.build((None, None, CHANNELS))
    again.set_weights(layer.get_weights())
    same = np.allclose(_answer(again, inputs), _answer(layer, inputs))
    return "" if same else "it answers differently: see get_config."


def _observed(layer, inputs) -> str:
    """What `observe` says at each step is what the layer answers."""
    cell = getattr(layer, "cell", None)
    if not hasattr(cell, "observe"):
        return ""  # one of Keras's own
    states, answers = (
        cell.get_initial_state(len(inputs)),
        _answer(layer, inputs),
    )
    for step in range(STEPS):
        now = keras.ops.convert_to_tensor(inputs[:, step])
        values, states = cell.observe(now, states)
        hidden = keras.ops.convert_to_numpy(values["hidden"])
        if not np.allclose(hidden, answers[:, step], atol=TOLERANCE):
            return f"they differ at step {step}."
        for name, value in values.items():
            value = keras.ops.convert_to_numpy(value)
            if name.endswith("gate") and (value.min() < 0 or value.max() > 1):
                return f"{name} is not between 0 and 1 at step {step}."
    return ""


_CHECKS: tuple[Callable[..., str], ...] = (
    _shape,
    _apart,
    _causal,
    _memory,
    _saved,
    _observed,
)
