"""The smallest LSTM of all: it holds one bit for as long as you like."""

from __future__ import annotations

import math

import keras
import numpy as np

from memnets.cells.original import LSTM1997


def latch() -> keras.Sequential:
    """Build one input, one memory block and one output that hold a bit.

    The weights are set by hand. Told 1 at some step, and 0 at all others, the
    network answers 1 from that step on; told nothing, or -1, it answers -1.
    The input gate opens for a 1 alone; in silence the cell neither gains nor
    loses anything, so it is the same after 10,000 steps. What it was told it
    cannot be made to forget: a block of 1997 has no forget gate.

    Source: the network of one block in the Long Short-Term Memory of S.
    Hochreiter and J. Schmidhuber, Neural Computation 9 (8), 1735 (1997).

    Returns:
        A `keras.Sequential` from `(batch, time, 1)` to `(batch, time, 1)` for
        any length of time, compiled as by `memnets.networks.lecture`.
    """
    block = LSTM1997(1, return_sequences=True, name="block")
    readout = keras.layers.Dense(1, name="readout")
    model = keras.Sequential([keras.Input((None, 1)), block, readout])
    # Columns: the input gate, the output gate, the cell. Told a 1, the gate
    # is open and the cell takes up g(20) = 2, of which h(2) = tanh(1) is seen.
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
