"""The path for stacks of LSTM layers is told from the other by the clock."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from memnets import engine, express_rules, training
from memnets.lessons import LESSONS, block_length, generator
from memnets.networks import lecture, recurrent
from memnets.tasks import Batch, Countdown, Recall
from memnets.training import train

pytestmark = pytest.mark.skipif(
    engine.VERSION != (2, 21)
    or not sys.platform.startswith("linux")
    or bool(tf.config.list_physical_devices("GPU")),
    reason="the general path is taken here",
)


@pytest.fixture(autouse=True)
def always_compiled(monkeypatch):
    """Take the path from the first episode, as long runs do."""
    monkeypatch.setattr(training, "check_engine", lambda *_: True)


def keras_loop(model, task, episodes, batch_size=20):
    """Train as the lecture does, on the sequences that `train` draws."""
    count = block_length(task, batch_size) * batch_size
    block = task.sample(count, generator(0, LESSONS, 0))
    losses = []
    for k in range(episodes):
        part = slice(k * batch_size, (k + 1) * batch_size)
        model.reset_metrics()
        lesson = Batch(*(array[part] for array in block))
        losses.append(float(np.squeeze(model.train_on_batch(*lesson))))
    return np.array(losses)


def assert_same(mine, theirs, tolerance=1e-5):
    """Compare weights and all of the optimizer's state."""
    pairs = zip(
        mine.weights + mine.optimizer.variables,
        theirs.weights + theirs.optimizer.variables,
    )
    for one, other in pairs:
        one, other = np.asarray(one), np.asarray(other)
        scale = np.abs(other).max() + 1e-8
        difference = np.abs(one - other).max() / scale
        # A state of squared gradients doubles their relative error.
        assert difference < 3 * tolerance, (difference, scale)


def compiled(task, units, readout, optimizer, loss="mse"):
    model = recurrent(task, "lstm", units, readout, seed=3)
    model.compile(optimizer=optimizer(), loss=loss)
    return model


def cosine():
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 60)
    return keras.optimizers.Adam(schedule, clipnorm=0.01)


ADAM, SGD = keras.optimizers.Adam, keras.optimizers.SGD
# At rates at which training does not amplify a difference in rounding.
CASES = {
    "the lecture's": (Recall(), (5, 2), None, lambda: ADAM(1e-3)),
    "countdown": (Countdown(), (2, 2), None, lambda: ADAM(1e-2)),
    "a readout": (Recall(), (5,), "dense", lambda: ADAM(1e-2)),
    "one layer": (Recall(width=3), (3,), None, lambda: ADAM(1e-2)),
    "three layers": (Recall(), (3, 4, 2), None, lambda: SGD(0.1)),
    "momentum": (
        Recall(),
        (4, 2),
        None,
        lambda: SGD(0.05, momentum=0.9, nesterov=True, clipvalue=1e-3),
    ),
    "clipped, a schedule": (Recall(), (4, 3), "dense", cosine),
    "clipped together": (
        Recall(),
        (4, 3),
        "dense",
        lambda: SGD(0.05, momentum=0.8, global_clipnorm=0.01),
    ),
    "long": (Recall(timesteps=77), (3, 2), None, lambda: ADAM(1e-3)),
}


@pytest.mark.parametrize("name", CASES)
def test_after_100_episodes_all_is_as_keras_leaves_it(name):
    task, units, readout, optimizer = CASES[name]
    mine, theirs = (compiled(task, units, readout, optimizer) for _ in range(2))
    run = train(mine, task, 100, progress=False)
    assert run.settings["engine"] == "express"
    losses = keras_loop(theirs, task, 100)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-5)
    assert_same(mine, theirs)
    assert int(mine.optimizer.iterations) == 100
    last = theirs.predict(run.probe.inputs, verbose=0)
    np.testing.assert_allclose(run.outputs[-1], last, atol=1e-5)


def test_cross_entropy_and_a_loss_of_ones_own():
    def cubed(wanted, answers):
        return keras.ops.mean(keras.ops.abs(wanted - answers) ** 3, -1)

    for loss, squashed in (("binary_crossentropy", "sigmoid"), (cubed, None)):
        models = []
        for _ in range(2):
            model = recurrent(Recall(), "lstm", (4,), seed=1)
            model.get_layer("readout").activation = keras.activations.get(
                squashed
            )
            model.compile(optimizer=ADAM(1e-2), loss=loss)
            models.append(model)
        run = train(models[0], Recall(), 50, progress=False)
        assert run.settings["engine"] == "express"
        losses = keras_loop(models[1], Recall(), 50)
        np.testing.assert_allclose(run.losses, losses, rtol=1e-5)
        assert_same(*models)


# An example takes seconds, so a failing one is not made smaller.
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
@given(
    units=some.lists(some.integers(1, 5), min_size=1, max_size=3),
    timesteps=some.integers(4, 70),
    batch_size=some.integers(1, 30),
    probes=some.integers(1, 12),
)
def test_any_shape_is_computed_as_on_the_general_path(
    units, timesteps, batch_size, probes
):
    task = Recall(timesteps=timesteps)
    probe = task.sample(probes, np.random.default_rng(0))
    runs, models = [], []
    for kind in ("auto", "graph"):
        model = compiled(task, units, "dense", lambda: ADAM(1e-2))
        options = {"engine": kind, "progress": False, "watch": "lstm_1"}
        if kind == "graph":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(training, "check_engine", lambda *_: False)
                run = train(model, task, 7, batch_size, probe, **options)
        else:
            run = train(model, task, 7, batch_size, probe, **options)
        models.append(model)
        runs.append(run)
    mine, theirs = runs
    assert [r.settings["engine"] for r in runs] == ["express", "graph"]
    np.testing.assert_allclose(mine.losses, theirs.losses, rtol=1e-5)
    np.testing.assert_allclose(mine.outputs, theirs.outputs, atol=1e-5)
    np.testing.assert_allclose(mine.hidden, theirs.hidden, atol=1e-5)
    assert_same(*models, tolerance=1e-4)


def test_a_run_is_the_same_however_it_is_cut():
    whole, cut = lecture(Recall(), seed=1), lecture(Recall(), seed=1)
    run = train(whole, Recall(), 280, progress=False)
    examined = train(cut, Recall(), 280, examine_every=70, progress=False)
    assert run.losses.tobytes() == examined.losses.tobytes()
    assert run.outputs.tobytes() == examined.outputs.tobytes()
    for mine, theirs in zip(whole.get_weights(), cut.get_weights()):
        assert mine.tobytes() == theirs.tobytes()
    exam = Recall().exam(generator(0, 2))
    answers = cut.predict_on_batch(exam.inputs)
    score = np.mean(Recall().correct(answers, exam))
    assert examined.scores[-1] == pytest.approx(score, abs=0.002)


def test_training_goes_on_with_either():
    mine, theirs = lecture(Recall(), seed=1), lecture(Recall(), seed=1)
    train(mine, Recall(), 20, progress=False)
    keras_loop(theirs, Recall(), 20)
    keras_loop(mine, Recall(), 20)
    keras_loop(theirs, Recall(), 20)
    mine.optimizer.learning_rate = theirs.optimizer.learning_rate = 0.01
    train(mine, Recall(), 20, progress=False)
    keras_loop(theirs, Recall(), 20)
    assert_same(mine, theirs)


def test_a_large_probe_is_recorded_between_the_calls():
    probe = Recall().sample(50, np.random.default_rng(1))
    model, other = lecture(Recall(), seed=1), lecture(Recall(), seed=1)
    run = train(model, Recall(), 60, probe=probe, record_every=25)
    assert run.settings["engine"] == "express"
    assert run.episodes.tolist() == [0, 25, 50, 60]
    for record, episodes in zip(run.outputs[1:3], (25, 25)):
        keras_loop_from(other, record, probe, episodes)


def keras_loop_from(model, record, probe, episodes):
    """Go on with the lecture's loop, then compare the answers."""
    done = int(model.optimizer.iterations)
    block = Recall().sample(256 * 20, generator(0, LESSONS, 0))
    for k in range(done, done + episodes):
        lesson = Batch(*(array[20 * k : 20 * k + 20] for array in block))
        model.train_on_batch(*lesson)
    answers = model.predict(probe.inputs, verbose=0)
    np.testing.assert_allclose(record, answers, atol=1e-5)


def odd(**options):
    layer = keras.layers.LSTM(2, return_sequences=True, **options)
    model = keras.Sequential([keras.Input((20, 3)), layer])
    model.compile(optimizer="adam", loss="mse")
    return model


OTHERS = {
    "another cell": lambda: recurrent(Recall(), "gru", (4,)),
    "many units": lambda: recurrent(Recall(), "lstm", (20,)),
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
    "another optimizer": lambda: compiled(
        Recall(), (3, 2), None, keras.optimizers.RMSprop
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_take_the_general_path(name):
    assert not express_rules.fits(OTHERS[name](), (20, 20), (1, 20, 3), 1)


def test_a_probe_that_would_end_every_call_takes_the_general_path():
    def fits(sequences, timesteps, every):
        probe = sequences, timesteps, 3
        return express_rules.fits(lecture(Recall()), (20, 20), probe, every)

    assert fits(12, 20, every=1)
    assert not fits(13, 20, every=1)
    assert not fits(1, 60, every=1)
    assert fits(13, 20, every=20)
    assert fits(1, 60, every=20)


def test_a_probe_may_be_longer_than_the_lessons():
    probe = Recall(timesteps=60).sample(2, np.random.default_rng(1))
    model = lecture(Recall(), seed=1)
    run = train(model, Recall(), 40, probe=probe, record_every=40)
    assert run.settings["engine"] == "express"
    answers = model.predict(probe.inputs, verbose=0)
    np.testing.assert_allclose(run.outputs[-1], answers, atol=1e-5)


def test_what_xla_cannot_compile_takes_the_general_path(monkeypatch):
    def refuse(*_):
        raise tf.errors.UnimplementedError(None, None, "fusion")

    monkeypatch.setattr(training.Express, "_block", refuse)
    model, other = lecture(Recall()), lecture(Recall())
    run = train(model, Recall(), 5, progress=False)
    assert run.settings["engine"] == "xla"
    np.testing.assert_allclose(run.losses, keras_loop(other, Recall(), 5), 1e-5)


def test_weights_are_written_back_though_training_fails():
    model = compiled(Recall(), (3, 2), "dense", lambda: SGD(1e30))
    before = model.get_weights()
    with pytest.raises(training.Diverged, match="episode"):
        train(model, Recall(), 300, progress=False)
    assert int(model.optimizer.iterations) > 0
    assert not all(map(np.array_equal, before, model.get_weights()))
