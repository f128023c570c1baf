"""Train 32 networks of one unit to latch; write `latch.csv`.

    python docs/questions/latch.py

This is the setting of the question of `01-latch.md`: 10,000 sequences, one
unit, five epochs. The first value is 1 or -1, and noise follows. A row of the
table is a kind of network and a length; it counts the networks that classify
at least 99 % of 1,000 fresh sequences. The table takes some minutes.

The networks are trained side by side as the units of one layer. Recurrent
weights between them are held at 0, and Adam treats each weight by itself, so
they are independent of each other.
"""

import csv
import math
import os
import pathlib

import keras
import numpy as np
from keras import ops

NETWORKS = 32
LENGTHS = (10, 30, 50)
TABLE = pathlib.Path(__file__).with_name("latch.csv")


class Diagonal(keras.constraints.Constraint):
    """Hold the weights between different units of a layer at 0."""

    def __call__(self, w):
        """Return the constrained recurrent kernel."""
        units, columns = w.shape
        return w * ops.tile(ops.eye(units), (1, columns // units))


def gate_biases(forget, write):
    """Return the options of an LSTM with these biases of f and of i."""

    def draw(shape, dtype=None):
        parts = np.array([write, forget, 0, 0], "float32")
        return np.repeat(parts, shape[0] // 4)

    return {"unit_forget_bias": False, "bias_initializer": draw}


def kinds(length):
    """Return each kind of network: a Keras layer and its options."""
    lstm, b = keras.layers.LSTM, math.log(length)
    return {
        "SimpleRNN": (keras.layers.SimpleRNN, {}),
        "LSTM, forget bias 1 (default)": (lstm, {}),
        "LSTM, forget bias ln T": (lstm, gate_biases(b, 0)),
        "LSTM, also input bias -ln T": (lstm, gate_biases(b, -b)),
    }


def initial_weights(make, options, networks):
    """Return the weights that Keras draws for so many layers of one unit."""
    drawn = []
    for seed in range(networks):
        keras.utils.set_random_seed(seed)
        layer = make(1, **options)
        layer.build((None, None, 1))
        drawn.append(layer.get_weights())
    kernels, recurrent, biases = (np.array(part) for part in zip(*drawn))
    blocks = [np.diag(column) for column in recurrent[:, 0].T]
    return [
        kernels[:, 0].T.reshape(1, -1),
        np.concatenate(blocks, axis=1),
        biases.T.reshape(-1),
    ]


def sequences(count, length, rng):
    """Draw the first value 1 or -1, noise after it, and the class."""
    label = rng.integers(0, 2, count)
    inputs = rng.normal(0, 0.1, (count, length, 1)).astype("float32")
    inputs[:, 0, 0] = 2 * label - 1
    return inputs, label[:, None]


def train(make, options, length, networks=NETWORKS, sequences_seen=50_000):
    """Return the share of fresh sequences that each network gets right."""
    layer = make(networks, recurrent_constraint=Diagonal(), **options)
    readout = keras.layers.EinsumDense(
        "bu,u->bu", networks, bias_axes="u", activation="sigmoid"
    )
    start = keras.Input((length, 1))
    model = keras.Sequential([start, layer, readout])
    layer.set_weights(initial_weights(make, options, networks))

    def loss(label, answer):
        label = ops.broadcast_to(label, ops.shape(answer))
        # Not the mean over the networks, or each would learn more slowly.
        return networks * keras.losses.binary_crossentropy(label, answer)

    model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=True)
    rng = np.random.default_rng(0)
    inputs, label = sequences(sequences_seen // 5, length, rng)
    model.fit(inputs, label, batch_size=50, epochs=5, verbose=0)
    inputs, label = sequences(1000, length, rng)
    answers = model.predict(inputs, batch_size=1000, verbose=0)
    return np.mean((answers > 0.5) == label, axis=0)


def main():
    """Write the table."""
    rows = []
    for length in LENGTHS:
        for kind, (make, options) in kinds(length).items():
            right = train(make, options, length)
            row = length, kind, int(np.sum(right >= 0.99)), NETWORKS
            print(*row, sep=", ", flush=True)
            rows.append((*row, keras.__version__))
    new = TABLE.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["length", "network", "latched", "networks", "keras"])
        writer.writerows(rows)
    os.replace(new, TABLE)


if __name__ == "__main__":
    main()
