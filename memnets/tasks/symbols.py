"""What tasks over an alphabet share: inputs are symbols, not channels."""

from __future__ import annotations

import numpy as np

from memnets.tasks.base import Task

NONE = -1  # where no symbol is


def spell(task: Task, symbols: np.ndarray) -> str:
    """Spell the inputs of one sequence of a symbolic task.

    >>> from memnets.tasks import TemporalOrder
    >>> spell(TemporalOrder(), [0, 6, 2, 2, 7, 1, -1, -1])
    'EXaaYB'

    Args:
        task: A task whose inputs are symbols; it names them.
        symbols: Integer array of shape `(time,)`; -1 where none is.

    Returns:
        A string. Names of more than one letter are kept apart by spaces.
    """
    names = [task.inputs[symbol] for symbol in symbols if symbol != NONE]
    return ("" if all(len(name) == 1 for name in names) else " ").join(names)


def chooses(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return whether the target's output is larger than all others.

    Args:
        outputs: Array of shape `(..., channel)`.
        targets: Array of the same shape, one-hot.

    Returns:
        bool array of shape `(...)`; false for NaN and for a tie.
    """
    wanted = targets > 0.5
    right = np.where(wanted, outputs, np.inf).min(axis=-1)
    others = np.where(wanted, -np.inf, outputs).max(axis=-1)
    return right > others
