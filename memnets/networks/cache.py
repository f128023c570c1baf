"""A cache of compiled functions, stored in the model itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import keras

Made = TypeVar("Made")


def kept_with(
    model: keras.Model, name: str, key: object, make: Callable[[], Made]
) -> Made:
    """Return `make()`, or its last result for this model if the key is equal.

    A compiled function refers to its model. Stored in a global dictionary,
    both would live forever; stored in the model, they are freed together.
    Writing to `vars(model)` keeps Keras from tracking it as part of the model.

    Args:
        model: The model.
        name: String, the name of the entry. Each has one result.
        key: Anything that the result depends on, compared by `!=`.
        make: Function without arguments that makes the result.
    """
    held = vars(model).setdefault("_memnets", {})
    if name not in held or held[name][0] != key:
        held[name] = key, make()
    return held[name][1]
