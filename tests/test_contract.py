"""The checks for a user's own task or cell: each promise can be broken."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from memnets import CELLS, Batch
from memnets.cells.base import CellLayer
from memnets.cells.contract import check_cell
from memnets.cells.minimal import MinGRUCell
from memnets.tasks import Task
from memnets.tasks.contract import check_contract


@dataclasses.dataclass(frozen=True)
class Largest(Task):
    name = "largest"
    inputs = ("value",)
    outputs = ("largest",)

    def solve(self, inputs):
        return np.maximum.accumulate(inputs, axis=1)

    def sample(self, batch_size, rng):
        inputs = rng.random((batch_size, self.timesteps, 1), np.float32)
        weights = np.ones(inputs.shape[:2], np.float32)
        return Batch(inputs, self.solve(inputs), weights)

    def correct(self, outputs, batch):
        return np.all(np.abs(outputs - batch.targets) < 0.1, axis=(1, 2))


class Double(Largest):
    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(targets=batch.targets.astype(float))


class Unseeded(Largest):
    def sample(self, batch_size, rng):
        return super().sample(batch_size, np.random.default_rng())


class Global(Largest):
    def sample(self, batch_size, rng):
        np.random.random()
        return super().sample(batch_size, rng)


@dataclasses.dataclass(frozen=True)
class Forgotten(Largest):
    asks: int = dataclasses.field(default=1, compare=True)

    def settings(self):
        return {"name": self.name, "asks": self.asks + 1}


class Wrong(Largest):
    def solve(self, inputs):
        return np.minimum.accumulate(inputs, axis=1)

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        return batch._replace(targets=np.ones_like(batch.targets))


class Lenient(Largest):
    def correct(self, outputs, batch):
        return np.ones(len(outputs), bool)


class Strange(Largest):
    def correct(self, outputs, batch):
        return np.ones(outputs.shape, bool)


class Prophet(Largest):
    def solve(self, inputs):
        largest = np.max(inputs, axis=1, keepdims=True)
        return np.broadcast_to(largest, inputs.shape)


class Echo(Largest):
    def solve(self, inputs):
        return inputs


class Boastful(Largest):
    @property
    def landmarks(self):
        return {"silent": 0.1, "perfect": 0.0}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Double, "targets must be float32.*float64"),
        (Unseeded, "One seed draws one batch.*second time"),
        (Global, "global generator"),
        (Forgotten, "settings.*it is not"),
        (Wrong, "correct marks 100 of 100 answers as wrong"),
        (Lenient, "marks silence as right"),
        (Strange, r"shape \(100, 20, 1\)"),
        (Prophet, "past only.*before step 1 change with the inputs after"),
        (Echo, "no memory is needed"),
        (Boastful, "error of silent is .*0.1 is said"),
    ],
)
def test_a_broken_promise_of_a_task_is_named(kind, words):
    assert len(check_contract(Largest())) == 7
    with pytest.raises(ValueError, match=f"{kind.__name__} breaks a.*{words}"):
        check_contract(kind())


def test_what_is_no_task_is_refused():
    with pytest.raises(TypeError, match="task must be a task.*'recall'"):
        check_contract("recall")


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_keeps_its_promises(name):
    assert len(check_cell(CELLS[name].load())) == 6


class ForgetfulCell(MinGRUCell):
    def observe(self, inputs, states):
        return super().observe(inputs, [ops.zeros_like(states[0])])


class NosyCell(MinGRUCell):
    def observe(self, inputs, states):
        mean = ops.mean(inputs, axis=0, keepdims=True)
        return super().observe(inputs - mean, states)


class LyingCell(MinGRUCell):
    def call(self, inputs, states):
        hidden, states = super().call(inputs, states)
        return 2 * hidden, states


def of(cell):
    return type("Broken", (CellLayer,), {"cell_class": cell})


def both_ways(units, return_sequences):
    lstm = keras.layers.LSTM(units // 2, return_sequences=return_sequences)
    return keras.layers.Bidirectional(lstm)


class Amnesiac(keras.layers.LSTM):
    def get_config(self):
        return {**super().get_config(), "activation": "relu"}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (of(ForgetfulCell), "no memory"),
        (of(NosyCell), "alone, a sequence is answered differently"),
        (of(LyingCell), "observe.*differ at step 0"),
        (both_ways, "the last input changes answers before it"),
        (Amnesiac, "config and weights.*get_config"),
        (
            lambda units, return_sequences: keras.layers.LSTM(units),
            r"the shape is \(4, 4\), not \(4, 6, 4\)",
        ),
    ],
)
def test_a_broken_promise_of_a_cell_is_named(layer, words):
    with pytest.raises(ValueError, match=f"breaks a promise.*{words}"):
        check_cell(layer)
