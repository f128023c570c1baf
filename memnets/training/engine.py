"""The interface between the training loop and an engine."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from memnets.tasks import Batch


class Engine(Protocol):
    """Trains one network on blocks of batches and returns its answers.

    Attributes:
        name: String, stored in the settings of a run.
    """

    name: str

    def begin(self) -> None:
        """Read weights and optimizer state from the Keras model, if any."""

    def end(self) -> None:
        """Write them back, as `fit` would leave them."""

    def run(
        self, block: Batch, first: int, due: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Run some of the episodes of a block.

        Args:
            block: `Batch` of arrays whose first axis is that of the episodes.
            first: Integer, the index in the block of the first episode to run.
            due: bool array with one entry per episode to run: whether to make
                a record after it.

        Returns:
            float32 array of the losses, which ends at the first one that is
            not finite, and a list of arrays of shape `(record, sequence, time,
            channel)`: the answers and, if a layer is watched, its outputs.
        """

    def observe(self, inputs: np.ndarray) -> list[np.ndarray]:
        """Return the current answers and the watched layer's outputs.

        Args:
            inputs: Array like the probe's inputs, with any number of
                sequences of any length.
        """

    def record(self, inputs: np.ndarray) -> np.ndarray:
        """Return the current answers, computed in the same way as records."""

    def get(self) -> tuple[list[np.ndarray], dict[str, list[np.ndarray]]]:
        """Return the weights, and the optimizer's state by name."""
