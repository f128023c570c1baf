"""The smallest LSTM: it holds one bit forever."""

from __future__ import annotations

import math

import keras
import numpy as np

from memnets.cells.original import LSTM1997


def latch() -> keras.Sequential:
    """Build one memory block that holds a bit, its weights set by hand.

    Until the input is 1 for the first time, the network answers -1; from that
    step on it answers 1. The input gate opens only for an input of 1. For
    inputs of 0 the cell state does not change, not even in 10,000 steps. It
    cannot be reset: a block of 1997 has no forget gate.

    Source: the network of one block in the Long Short-Term Memory of S.
    Hochreiter and J. Schmidhuber, Neural Computation 9 (8), 1735 (1997).

    Returns:
        A `keras.Sequential` from `(batch, time, 1)` to `(batch, time, 1)` for
        any number of time steps, compiled like
        `memnets.networks.build.lecture`.
    """
    block = LSTM1997(1, return_sequences=True, name="block")
    readout = keras.layers.Dense(1, name="readout")
    model = keras.Sequential([keras.Input((None, 1)), block, readout])
    # Columns: the input gate, the output gate, the cell. An input of 1 opens
    # the gate and adds g(20) = 2 to the cell; the output is h(2) = tanh(1).
    block.set_weights(
        [
            np.array([[40.0, 0.0, 20.0]]),
            np.zeros((3, 3)),
            np.array([-20.0, 20.0, 0.0]),
        ]
    )
    readout.set_weights([np.array([[2 / math.tanh(1)]]), np.array([-1.0])])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model
