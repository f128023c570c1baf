"""The kernels compute what Keras computes, and what NumPy's equations say."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from memnets import (
    Batch,
    Countdown,
    EmbeddedReber,
    Reber,
    Recall,
    Recording,
    lecture,
    recurrent,
    train,
)
from memnets.scratch import lstm as numpy_lstm
from memnets.tasks.base import one_hot
from memnets.training.batches import BATCHES, block_length, generator
from memnets.training.kernels.engine import Kernel
from memnets.training.kernels.keras_models import serves
from memnets.training.kernels.network import Stack, lanes_for
from memnets.training.kernels.optimizers import (
    Optimizer,
    constant,
    cosine,
    powers,
)

pytestmark = pytest.mark.versions

ADAM, SGD = keras.optimizers.Adam, keras.optimizers.SGD
OLD_KERAS = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 9)


def keras_loop(model, task, episodes, batch_size=20):
    """Train as the lecture does, on the sequences that `train` draws."""
    count = block_length(task, batch_size) * batch_size
    block = task.sample(count, generator(0, BATCHES, 0))
    losses = []
    for k in range(episodes):
        part = slice(k * batch_size, (k + 1) * batch_size)
        model.reset_metrics()
        lesson = Batch(*(array[part] for array in block))
        losses.append(float(np.squeeze(model.train_on_batch(*lesson))))
    return np.array(losses)


def assert_same(mine, theirs, tolerance=1e-5):
    """Compare weights, and with less precision what the optimizer keeps.

    It keeps gradients, which are small differences of larger numbers.
    """
    groups = (
        (mine.weights, theirs.weights, tolerance),
        (mine.optimizer.variables, theirs.optimizer.variables, 10 * tolerance),
    )
    for ours, its, bound in groups:
        for one, other in zip(ours, its, strict=True):
            one, other = np.asarray(one), np.asarray(other)
            scale = np.abs(other).max() + 1e-8
            difference = np.abs(one - other).max() / scale
            assert difference < bound, (difference, scale)


def compiled(task, units, readout, optimizer, loss="mse", cell="lstm"):
    model = recurrent(task, cell, units, readout, seed=3)
    model.compile(optimizer=optimizer(), loss=loss)
    return model


def squashed(activation, task, cell="lstm"):
    """A network whose readout squashes its sums."""
    model = recurrent(task, cell, (4, 3), seed=1)
    model.get_layer("readout").activation = keras.activations.get(activation)
    return model


def scheduled():
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, 60, alpha=0.1)
    return ADAM(schedule, clipnorm=0.01)


def exponential():
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-2, 30, 0.5)
    return SGD(schedule)


# At rates at which training does not amplify a difference in rounding.
CASES = {
    "the lecture's": (Recall(), (5, 2), None, lambda: ADAM(1e-3)),
    "countdown": (Countdown(), (2, 2), None, lambda: ADAM(2e-3)),
    "a readout": (Recall(), (5,), "dense", lambda: ADAM(2e-3)),
    "one layer": (Recall(width=3), (3,), None, lambda: ADAM(2e-3)),
    "three layers": (Recall(), (3, 4, 2), None, lambda: SGD(0.1)),
    "momentum": (
        Recall(),
        (4, 2),
        None,
        lambda: SGD(0.05, momentum=0.9, nesterov=True, clipvalue=1e-3),
    ),
    "plain momentum": (Recall(), (4, 2), None, lambda: SGD(0.05, momentum=0.8)),
    "clipped, a schedule": (Recall(), (4, 3), "dense", scheduled),
    "another schedule": (Recall(), (4, 3), "dense", exponential),
    "clipped together": (
        Recall(),
        (4, 3),
        "dense",
        lambda: ADAM(1e-3, beta_1=0.8, epsilon=1e-3, global_clipnorm=0.01),
    ),
    "long": (Recall(timesteps=77), (3, 2), None, lambda: ADAM(1e-3)),
}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("name", CASES)
def test_after_100_episodes_all_is_as_keras_leaves_it(name, cell):
    task, units, readout, optimizer = CASES[name]
    mine, theirs = (
        compiled(task, units, readout, optimizer, cell=cell) for _ in range(2)
    )
    run = train(mine, task, 100, progress=False)
    assert run.settings["engine"] == "kernel"
    losses = keras_loop(theirs, task, 100)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-5)
    assert_same(mine, theirs)
    assert int(mine.optimizer.iterations) == 100
    last = theirs.predict(run.probe.inputs, verbose=0)
    np.testing.assert_allclose(run.outputs[-1], last, atol=1e-5)


@dataclasses.dataclass(frozen=True)
class LateReber(Reber):
    """Reber with one target a step, and weights that differ by step."""

    name: ClassVar[str] = "late reber"

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        steps = np.arange(self.timesteps, dtype=np.float32) % 3
        return batch._replace(weights=batch.weights * steps)


MEAN = "mean_with_sample_weight"
LOSSES = {
    "binary": ("sigmoid", lambda: "binary_crossentropy"),
    "binary, an object": ("sigmoid", keras.losses.BinaryCrossentropy),
    "categorical": ("softmax", lambda: "categorical_crossentropy"),
    "squared, of a sigmoid": ("sigmoid", lambda: "mean_squared_error"),
    "squared, of a softmax": ("softmax", keras.losses.MeanSquaredError),
    "binary, mean of weights": (
        "sigmoid",
        lambda: keras.losses.BinaryCrossentropy(reduction=MEAN),
    ),
    "categorical, mean of weights": (
        "softmax",
        lambda: keras.losses.CategoricalCrossentropy(reduction=MEAN),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_keras_own(name):
    if "mean" in name and OLD_KERAS:
        pytest.skip("this Keras has no mean_with_sample_weight yet")
    (activation, loss), task, models = LOSSES[name], LateReber(), []
    for _ in range(2):
        model = squashed(activation, task)
        model.compile(optimizer=ADAM(2e-3), loss=loss())
        models.append(model)
    run = train(models[0], task, 60, progress=False)
    assert run.settings["engine"] == "kernel"
    losses = keras_loop(models[1], task, 60)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-5)
    assert_same(*models)


def test_a_cross_entropy_of_large_sums_stays_finite():
    """A sum of 60 is certain and may be wrong; the loss is then 60."""
    task, losses = Reber(), {}
    for engine in ("auto", "graph"):
        model = squashed("sigmoid", task)
        bias = model.get_layer("readout").bias
        bias.assign(np.where(np.arange(len(task.outputs)) % 2, 60, -60))
        model.compile(optimizer=SGD(0.0), loss="binary_crossentropy")
        losses[engine] = train(model, task, 2, engine=engine).losses
    assert losses["auto"].min() > 5
    np.testing.assert_allclose(losses["auto"], losses["graph"], rtol=1e-5)


# An example takes seconds, so a failing one is not made smaller.
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
@given(
    units=some.lists(some.integers(1, 9), min_size=1, max_size=3),
    timesteps=some.integers(4, 70),
    batch_size=some.integers(1, 70),
    probes=some.integers(1, 60),
    cell=some.sampled_from(["lstm", "gru"]),
)
def test_any_shape_is_computed_as_by_keras(
    units, timesteps, batch_size, probes, cell
):
    task = Recall(timesteps=timesteps)
    probe = task.sample(probes, np.random.default_rng(0))
    recording = Recording(probe, watch=f"{cell}_1")
    runs, models = [], []
    for engine in ("auto", "graph"):
        model = compiled(task, units, "dense", lambda: ADAM(2e-3), cell=cell)
        options = {"recording": recording, "engine": engine, "progress": False}
        runs.append(train(model, task, 7, batch_size, **options))
        models.append(model)
    mine, theirs = runs
    assert [r.settings["engine"] for r in runs] == ["kernel", "graph"]
    np.testing.assert_allclose(mine.losses, theirs.losses, rtol=1e-5)
    np.testing.assert_allclose(mine.outputs, theirs.outputs, atol=1e-5)
    np.testing.assert_allclose(mine.hidden, theirs.hidden, atol=1e-5)
    assert_same(*models, tolerance=1e-4)


def engine_of(stack, weights, batch, rate=0.5, symbols=False):
    """A kernel with plain gradient descent, whose step shows the gradient."""
    optimizer = Optimizer("SGD", constant(rate))
    steps = batch.weights.shape[1]
    engine = Kernel(
        stack,
        optimizer,
        len(batch.inputs),
        steps,
        batch.inputs[:1],
        symbols=symbols,
    )
    engine.put(weights)
    return engine


def test_the_gradient_is_that_of_the_equations():
    """Against NumPy in double precision, for a batch of three blocks."""
    rng = np.random.default_rng(5)
    stack = Stack(3, ("lstm", "lstm"), (5, 2), None, 2)
    weights = [rng.normal(0, 0.5, s).astype(np.float32) for s in stack.shapes()]
    batch = Batch(
        rng.normal(0, 1, (41, 33, 3)).astype(np.float32),
        rng.random((41, 33, 2), np.float32),
        rng.random((41, 33), np.float32),
    )
    engine = engine_of(stack, weights, batch)
    block = Batch(*(array[None] for array in batch))
    losses, _ = engine.run(block, 0, np.array([True]))
    wide = [w.astype(np.float64) for w in weights]
    inputs, targets, importance = (a.astype(np.float64) for a in batch)
    first = numpy_lstm.forward(inputs, *wide[:3])
    second = numpy_lstm.forward(first.hidden, *wide[3:])
    error = (second.hidden - targets) * importance[..., None]
    loss = np.mean(error * (second.hidden - targets))
    assert losses[0] == pytest.approx(loss, rel=1e-6)
    asked = 2 * error / error.size
    top = numpy_lstm.backward(first.hidden, *wide[3:5], second, asked)
    low = numpy_lstm.backward(inputs, *wide[:2], first, top.inputs)
    gradient = [*low[1:4], *top[1:4]]
    for before, after, slope in zip(weights, engine.get()[0], gradient):
        mine = (before - after) / 0.5
        assert np.abs(mine - slope).max() < 2e-6 * np.abs(slope).max() + 1e-7


@dataclasses.dataclass(frozen=True)
class SymbolReber(EmbeddedReber):
    """Embedded Reber whose inputs are the numbers of the symbols."""

    name: ClassVar[str] = "symbol reber"

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        seen = batch.inputs.any(axis=-1)
        symbols = np.where(seen, batch.inputs.argmax(axis=-1), -1)
        return batch._replace(inputs=symbols.astype(np.int32))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_symbol_is_a_row_of_one_1(cell):
    """Looked up, learned from and recorded as the row would be."""
    recording = Recording(watch=f"{cell}_1")
    runs, models = [], []
    for task in (SymbolReber(), EmbeddedReber()):
        model = recurrent(task, cell, (6,), seed=2)
        model.compile(optimizer=ADAM(2e-3), loss="mse")
        options = {"recording": recording, "progress": False}
        runs.append(train(model, task, 100, **options))
        models.append(model)
    symbols, rows = runs
    assert symbols.probe.inputs.dtype == np.int32
    channels = len(EmbeddedReber().inputs)
    np.testing.assert_array_equal(
        one_hot(symbols.probe.inputs, channels), rows.probe.inputs
    )
    np.testing.assert_allclose(symbols.losses, rows.losses, rtol=1e-5)
    np.testing.assert_allclose(symbols.outputs, rows.outputs, atol=1e-5)
    np.testing.assert_allclose(symbols.hidden, rows.hidden, atol=1e-5)
    assert_same(*models)


def test_symbols_take_the_compiled_path_as_rows():
    runs = []
    for task in (SymbolReber(), EmbeddedReber()):
        model = recurrent(task, "simple_rnn", (6,), seed=2)
        runs.append(train(model, task, 5, engine="graph", progress=False))
    np.testing.assert_array_equal(runs[0].losses, runs[1].losses)
    np.testing.assert_array_equal(runs[0].outputs, runs[1].outputs)


def test_training_goes_on_with_either():
    mine, theirs = lecture(Recall(), seed=1), lecture(Recall(), seed=1)
    train(mine, Recall(), 20, progress=False)
    keras_loop(theirs, Recall(), 20)
    keras_loop(mine, Recall(), 20)
    keras_loop(theirs, Recall(), 20)
    mine.optimizer.learning_rate = theirs.optimizer.learning_rate = 2e-3
    train(mine, Recall(), 20, progress=False)
    keras_loop(theirs, Recall(), 20)
    assert_same(mine, theirs)


def test_a_probe_may_be_longer_than_the_batches():
    probe = Recall(timesteps=60).sample(2, np.random.default_rng(1))
    model = lecture(Recall(), seed=1)
    run = train(model, Recall(), 40, recording=Recording(probe, every=40))
    assert run.settings["engine"] == "kernel"
    answers = model.predict(probe.inputs, verbose=0)
    np.testing.assert_allclose(run.outputs[-1], answers, atol=1e-5)


def test_the_readout_may_be_watched():
    model = recurrent(Recall(), "lstm", (4,), seed=1)
    recording = Recording(watch="readout")
    run = train(model, Recall(), 3, recording=recording, progress=False)
    assert run.settings["engine"] == "kernel"
    np.testing.assert_array_equal(run.hidden, run.outputs)


def odd(**options):
    layer = keras.layers.LSTM(2, return_sequences=True, **options)
    model = keras.Sequential([keras.Input((20, 3)), layer])
    model.compile(optimizer="adam", loss="mse")
    return model


def with_loss(loss, activation="sigmoid"):
    model = squashed(activation, Recall())
    model.compile(optimizer="adam", loss=loss)
    return model


OTHERS = {
    "another cell": lambda: recurrent(Recall(), "simple_rnn", (4,)),
    "no bias": lambda: odd(use_bias=False),
    "dropout": lambda: odd(dropout=0.1),
    "another activation": lambda: odd(activation="relu"),
    "backwards": lambda: odd(go_backwards=True),
    "a regularizer": lambda: odd(kernel_regularizer="l2"),
    "a constraint": lambda: odd(kernel_constraint="max_norm"),
    "half precision": lambda: odd(dtype="mixed_bfloat16"),
    "frozen weights": lambda: odd(trainable=False),
    "weight decay": lambda: compiled(
        Recall(), (3, 2), None, lambda: ADAM(weight_decay=0.1)
    ),
    "amsgrad": lambda: compiled(
        Recall(), (3, 2), None, lambda: ADAM(amsgrad=True)
    ),
    "another optimizer": lambda: compiled(
        Recall(), (3, 2), None, keras.optimizers.RMSprop
    ),
    "another loss": lambda: with_loss("mean_absolute_error"),
    "a loss of one's own": lambda: with_loss(lambda y, p: abs(y - p)),
    "smoothed labels": lambda: with_loss(
        keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    ),
    "logits": lambda: with_loss(
        keras.losses.BinaryCrossentropy(from_logits=True), "linear"
    ),
    "entropy of what is no probability": lambda: with_loss(
        "binary_crossentropy", "linear"
    ),
    "a sum": lambda: with_loss(keras.losses.MeanSquaredError(reduction="sum")),
    "another readout": lambda: with_loss("mse", "relu"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_take_the_compiled_path(name):
    assert not serves(OTHERS[name]())


def test_the_usual_options_are_served():
    assert serves(odd()) and serves(odd(unroll=True, unit_forget_bias=False))
    assert serves(odd(kernel_initializer="he_normal"))
    assert serves(with_loss("mse")) and serves(lecture(Recall()))
    assert serves(recurrent(Recall(), "gru", (300,)))


def test_a_loss_that_is_not_finite_ends_the_training_where_it_is():
    """The weights have seen the episodes before it, and no more."""
    model = compiled(Recall(), (3, 2), "dense", lambda: SGD(1e30))
    before = model.get_weights()
    with pytest.raises(FloatingPointError, match="episode") as caught:
        train(model, Recall(), 300, progress=False)
    episode = int(str(caught.value).split("episode ")[1].split(";")[0])
    assert int(model.optimizer.iterations) == episode - 1 > 0
    assert not all(map(np.array_equal, before, model.get_weights()))


def test_rates_are_keras_own():
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 500, alpha=0.2)
    mine = cosine(0.05, 500, 0.2)(np.arange(0, 600, 7))
    its = [float(schedule(step)) for step in range(0, 600, 7)]
    np.testing.assert_allclose(mine, its, rtol=1e-6)


@given(
    base=some.floats(0.5, 0.9999),
    first=some.integers(0, 10_000),
    count=some.integers(1, 600),
    cut=some.integers(0, 600),
)
def test_powers_are_the_same_wherever_they_begin(base, first, count, cut):
    whole = powers(base, first, count)
    np.testing.assert_allclose(
        whole, base ** np.arange(first, first + count), rtol=1e-11, atol=1e-300
    )
    cut = min(cut, count - 1)
    later = powers(base, first + cut, count - cut)
    np.testing.assert_array_equal(whole[cut:], later)


@pytest.mark.parametrize("count", [*range(1, 70), 100, 1000])
def test_no_batch_gets_lanes_that_waste_more_than_they_hold(count):
    lanes = len(lanes_for(count))
    assert lanes in (8, 16, 24)
    assert -count % lanes <= max(count, 15)


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("targets", lambda a: a[..., :1], r"targets must be .*2\), got .*1\)"),
        ("weights", lambda a: a[:, :3], r"weights must be .*20\), got .*3\)"),
        (
            "inputs",
            lambda a: np.repeat(a, 2, -1),
            r"inputs must be .*, got .*6",
        ),
    ],
)
def test_a_task_that_draws_other_shapes_than_it_says_is_refused(
    part, change, words
):
    """The kernel would write over the end of its arrays."""

    @dataclasses.dataclass(frozen=True)
    class Wrong(Recall):
        name: ClassVar[str] = "wrong"

        def sample(self, batch_size, rng):
            batch = super().sample(batch_size, rng)
            array = np.ascontiguousarray(change(getattr(batch, part)))
            return batch._replace(**{part: array})

    probe = Recall().sample(1, np.random.default_rng(0))
    with pytest.raises(ValueError, match=words):
        train(lecture(Recall()), Wrong(), 3, recording=Recording(probe))


def test_a_symbol_that_there_is_not_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Wrong(SymbolReber):
        name: ClassVar[str] = "wrong symbols"

        def sample(self, batch_size, rng):
            batch = super().sample(batch_size, rng)
            batch.inputs[0, 0] = 7
            return batch

    probe = SymbolReber().sample(1, np.random.default_rng(0))
    model = recurrent(SymbolReber(), "lstm", (3,))
    with pytest.raises(ValueError, match="symbols below 7, got 7"):
        train(model, Wrong(), 3, recording=Recording(probe), progress=False)
