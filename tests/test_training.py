"""Training is what Keras computes, and its record is what happened."""

import dataclasses
import os
import signal
import threading
from typing import ClassVar

import keras
import numpy as np
import pytest

from memnets import (
    Batch,
    Countdown,
    Diverged,
    Experiment,
    Recall,
    Recording,
    lecture,
    recurrent,
    train,
)
from memnets.training import compiled
from memnets.training.batches import BATCHES, block_length, generator
from memnets.training.kernels.engine import Kernel

pytestmark = pytest.mark.versions


@dataclasses.dataclass(frozen=True)
class LateRecall(Recall):
    """Recall where only the second half is scored, the asks twice as much."""

    name: ClassVar[str] = "late recall"

    def sample(self, batch_size, rng):
        batch = super().sample(batch_size, rng)
        weights = (np.arange(self.timesteps) >= 10) + batch.inputs[..., 2]
        return batch._replace(weights=weights.astype(np.float32))


def keras_loop(model, task, episodes, seed, batch_size=20):
    """Train as the lecture does, on the sequences that `train` draws."""
    length = block_length(task, batch_size)
    losses = []
    for first in range(0, episodes, length):
        rng = generator(seed, BATCHES, first // length)
        block = task.sample(length * batch_size, rng)
        for k in range(min(length, episodes - first)):
            part = slice(k * batch_size, (k + 1) * batch_size)
            model.reset_metrics()
            lesson = Batch(*(array[part] for array in block))
            losses.append(float(np.squeeze(model.train_on_batch(*lesson))))
    return np.array(losses)


def assert_same_weights(model, other, tolerance):
    for mine, theirs in zip(model.get_weights(), other.get_weights()):
        scale = np.abs(theirs).max() + 1e-3
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * scale)


def adam(*args, **options):
    return lambda: keras.optimizers.Adam(*args, **options)


OLD_KERAS = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 9)
MEAN_OF_WEIGHTED = "mean_with_sample_weight"
SETTINGS = {
    "the lecture's": (Recall(), "lstm", "mse", adam()),
    "countdown": (Countdown(), "lstm", "mse", adam(1e-2)),
    "clipped by norm": (Recall(), "lstm", "mse", adam(1e-2, clipnorm=0.01)),
    "clipped by value": (Recall(), "gru", "mse", adam(1e-2, clipvalue=0.001)),
    "a schedule": (
        Recall(),
        "lstm",
        "mse",
        lambda: keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(1e-2, 60)
        ),
    ),
    "momentum": (
        Recall(),
        "simple_rnn",
        "mae",
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    ),
    "sample weights": (LateRecall(), "lstm", "mse", adam(1e-2)),
    "mean of weighted steps": (
        LateRecall(),
        "lstm",
        lambda: keras.losses.MeanSquaredError(reduction=MEAN_OF_WEIGHTED),
        adam(1e-2),
    ),
    "a loss of one's own": (
        Recall(),
        "lstm",
        lambda: lambda y, p: keras.ops.mean(keras.ops.abs(y - p) ** 3, -1),
        adam(1e-2),
    ),
    "averaged weights": (
        Recall(),
        "lstm",
        "mse",
        adam(1e-2, use_ema=True, ema_overwrite_frequency=7, weight_decay=1e-2),
    ),
}


@pytest.fixture
def float64():
    """In double precision, so that rounding hides no difference."""
    for precision in ("float64", "float32"):
        keras.config.set_floatx(precision)
        keras.config.set_dtype_policy(precision)
        if precision == "float64":
            yield


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        *((name, "xla") for name in SETTINGS),
        ("the lecture's", "graph"),
        ("sample weights", "graph"),
    ],
)
def test_training_is_the_keras_loop(name, engine, float64):
    task, cell, loss, optimizer = SETTINGS[name]
    if name == "mean of weighted steps" and OLD_KERAS:
        pytest.skip("this Keras has no mean_with_sample_weight yet")
    models = []
    for _ in range(2):
        model = recurrent(task, cell, (4, 2), readout=None, seed=3)
        made = loss() if callable(loss) else loss
        model.compile(optimizer=optimizer(), loss=made)
        models.append(model)
    mine, theirs = models
    episodes = 100 if engine == "xla" else 30
    run = train(mine, task, episodes, seed=5, engine=engine)
    losses = keras_loop(theirs, task, episodes, seed=5)
    np.testing.assert_allclose(run.losses, losses, rtol=2e-5, atol=1e-7)
    assert_same_weights(mine, theirs, 1e-9)
    # The optimizer is left as the loop leaves it, so training can go on.
    states = zip(mine.optimizer.variables, theirs.optimizer.variables)
    for state, other in states:
        scale = np.abs(np.asarray(other)).max() + 1e-6
        difference = np.abs(np.asarray(state) - np.asarray(other)).max()
        assert difference < 1e-9 * scale, state.path
    assert int(mine.optimizer.iterations) == episodes


def test_regularised_and_functional_models_train_alike():
    def build():
        inputs = keras.Input((20, 3))
        hidden = keras.layers.LSTM(
            4,
            return_sequences=True,
            kernel_regularizer=keras.regularizers.L2(1e-2),
            activity_regularizer=keras.regularizers.L1(1e-3),
            kernel_initializer=keras.initializers.GlorotUniform(1),
            recurrent_initializer=keras.initializers.Orthogonal(seed=2),
        )(inputs)
        both = keras.layers.Concatenate()([hidden, inputs])
        out = keras.layers.Dense(
            2, kernel_initializer=keras.initializers.GlorotUniform(3)
        )(both)
        model = keras.Model(inputs, out)
        model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
        return model

    mine, theirs = build(), build()
    run = train(mine, Recall(), 40, seed=1)
    losses = keras_loop(theirs, Recall(), 40, seed=1)
    np.testing.assert_allclose(run.losses, losses, rtol=2e-5)
    assert_same_weights(mine, theirs, 1e-5)


def test_the_record_is_what_the_network_answers():
    model = lecture(Recall(), seed=2)
    probe = Recall().sample(3, np.random.default_rng(9))
    before = model.predict(probe.inputs, verbose=0)
    run = train(
        model, Recall(), 50, seed=4, recording=Recording(probe, every=20)
    )
    np.testing.assert_array_equal(run.episodes, [0, 20, 40, 50])
    assert run.outputs.shape == (4, 3, 20, 2)
    np.testing.assert_allclose(run.outputs[0], before, atol=1e-6)
    after = model.predict(probe.inputs, verbose=0)
    np.testing.assert_allclose(run.outputs[-1], after, atol=1e-6)
    for name in Batch._fields:
        recorded = getattr(run.probe, name)
        np.testing.assert_array_equal(recorded, getattr(probe, name))
    twin = lecture(Recall(), seed=2)
    again = train(twin, Recall(), 40, seed=4, recording=Recording(probe))
    np.testing.assert_allclose(run.outputs[2], again.outputs[40], atol=1e-6)
    assert run.task == Recall()


def test_the_watched_layer_is_recorded():
    model = lecture(Countdown(), (3, 2), seed=2)
    recording = Recording(every=5, watch="lstm_1")
    run = train(model, Countdown(), 10, recording=recording)
    first = keras.Model(model.inputs, model.layers[0].output)
    expected = first.predict(run.probe.inputs, verbose=0)
    assert run.hidden.shape == (3, 1, 20, 3)
    np.testing.assert_allclose(run.hidden[-1], expected, atol=1e-6)
    assert np.abs(run.hidden[0] - run.hidden[-1]).max() > 1e-4


@pytest.mark.parametrize("engine", ["auto", "graph", "xla"])
def test_one_seed_is_one_run_bit_for_bit_however_it_is_cut(engine):
    def run(episodes=300, recording=None):
        model = lecture(Recall(), seed=7)
        made = train(
            model,
            Recall(),
            episodes,
            seed=7,
            recording=recording,
            engine=engine,
        )
        return made, model.get_weights()

    plain, weights = run()
    again, weights_again = run()
    np.testing.assert_array_equal(plain.losses, again.losses)
    np.testing.assert_array_equal(plain.outputs, again.outputs)
    assert all(map(np.array_equal, weights, weights_again))
    # Exams cut the episodes into other compiled calls.
    cut, weights_cut = run(recording=Recording(exam_every=37))
    np.testing.assert_array_equal(plain.losses, cut.losses)
    np.testing.assert_array_equal(plain.outputs, cut.outputs)
    assert all(map(np.array_equal, weights, weights_cut))
    assert len(cut.scores) == 9 and cut.exams[-1] == 296
    # A longer run begins as a shorter one.
    short, _ = run(episodes=120)
    np.testing.assert_array_equal(plain.losses[:120], short.losses)


def test_another_seed_is_another_run():
    first, second = (
        train(lecture(Recall(), seed=0), Recall(), 5, seed=seed).losses
        for seed in (0, 1)
    )
    assert (first != second).all()


def compiled_for(model):
    """Return what was compiled for a model, as it is kept in it."""
    return vars(model)["_memnets"]["compiled"][1]


def test_training_goes_on_without_compiling_again():
    model = lecture(Recall(), seed=1)
    train(model, Recall(), 30, seed=1, engine="xla")
    kept = compiled_for(model)
    assert isinstance(kept, compiled.Compiled)
    model.optimizer.learning_rate = 5e-3
    run = train(model, Recall(), 30, seed=2, engine="xla")
    assert compiled_for(model) is kept
    twin = lecture(Recall(), seed=1)
    keras_loop(twin, Recall(), 30, seed=1)
    twin.optimizer.learning_rate = 5e-3
    losses = keras_loop(twin, Recall(), 30, seed=2)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-4)
    # What the compiled function depends on has changed: it is compiled anew.
    model.compile(optimizer="sgd", loss="mae")
    train(model, Recall(), 5, seed=3, engine="xla")
    assert compiled_for(model) is not kept


def test_training_leaves_the_optimizers_settings():
    model = lecture(Recall())
    optimizer = keras.optimizers.Adam(3e-3, beta_1=0.8, clipnorm=2.0)
    model.compile(optimizer=optimizer, loss="mse")
    before = optimizer.get_config()
    train(model, Recall(), 3)
    assert model.optimizer is optimizer and optimizer.get_config() == before


@pytest.fixture(scope="module")
def master():
    """A network that has mastered recall, and its run."""
    experiment = Experiment(
        Recall(),
        units=(5,),
        readout="dense",
        learning_rate=1e-2,
        episodes=1000,
        seed=11,
    )
    model = experiment.build()
    recording = Recording(exam_every=100)
    run = train(model, Recall(), 1000, seed=11, recording=recording)
    return model, run


def test_recall_is_learned(master):
    _, run = master
    assert run.scores[-1] >= 0.99 and run.mastery <= 1000
    assert run.scores[0] < 0.2 and list(run.exams) == list(range(0, 1001, 100))
    assert run.losses[-50:].mean() < run.task.landmarks["timing only"] / 4


def test_the_network_remembers(master):
    """What is told moves the later answer, and nothing else."""
    model, _ = master
    told = np.linspace(0.1, 0.9, 5)
    inputs = np.concatenate(
        [Recall().sequence({4: v}, asked=[14]).inputs for v in told]
    )
    answers = model.predict(inputs, verbose=0)[..., 0]
    np.testing.assert_allclose(answers[:, 14], told, atol=0.1)
    changed = inputs.copy()
    changed[2, 4, 1] = 0.8
    moved = np.abs(model.predict(changed, verbose=0)[..., 0] - answers)
    assert 0.2 < moved[2, 14] < 0.4
    assert not moved[2, :4].any()  # nothing earlier
    assert not moved[[0, 1, 3, 4]].any()  # no other sequence
    untold = inputs.copy()
    untold[:, 4] = 0
    blank = model.predict(untold, verbose=0)[:, 14, 0]
    assert np.ptp(blank) < 1e-6  # without the tell, nothing to know it by


@pytest.mark.parametrize("engine", [compiled.Compiled, Kernel])
def test_an_interrupt_ends_the_training_and_keeps_the_run(monkeypatch, engine):
    calls = []
    run_block = engine.run

    def run_and_press(self, *arguments):
        result = run_block(self, *arguments)
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(engine, "run", run_and_press)
    model = lecture(Recall(), seed=6)
    kind = {"engine": "auto" if engine is Kernel else "graph"}
    recording = Recording(exam_every=40)
    run = train(model, Recall(), 1000, seed=6, recording=recording, **kind)
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is before
    assert run.settings["interrupted"] and len(run.losses) == 80
    assert run.episodes[-1] == 80 and len(run.outputs) == 81
    # The weights have seen the episodes that were recorded, and no more.
    twin = lecture(Recall(), seed=6)
    whole = train(twin, Recall(), 80, seed=6, **kind)
    np.testing.assert_array_equal(whole.losses, run.losses)
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


def test_training_works_outside_the_main_thread():
    runs = []
    thread = threading.Thread(
        target=lambda: runs.append(train(lecture(Recall()), Recall(), 3))
    )
    thread.start()
    thread.join()
    assert len(runs[0].losses) == 3


@pytest.mark.parametrize("engine", ["auto", "graph"])
def test_a_loss_that_is_not_finite_names_the_episode(engine):
    @dataclasses.dataclass(frozen=True)
    class Broken(Recall):
        name: ClassVar[str] = "broken"

        def sample(self, batch_size, rng):
            batch = super().sample(batch_size, rng)
            batch.targets[20 * 6 + 3] = np.nan  # in the seventh batch of 20
            return batch

    recording = Recording(Recall().exam(generator(1)))
    with pytest.raises(Diverged, match="nan in episode 7;"):
        train(
            lecture(Recall()), Broken(), 50, recording=recording, engine=engine
        )


def test_sequences_may_be_short_or_long():
    for timesteps in (4, 700):
        run = train(lecture(Recall(timesteps)), Recall(timesteps), 2)
        assert run.outputs.shape == (3, 1, timesteps, 2)
        assert np.isfinite(run.losses).all()


def test_a_network_may_be_probed_at_another_length():
    probe = Recall(timesteps=50).sample(2, generator(0))
    run = train(lecture(Recall()), Recall(), 3, recording=Recording(probe))
    assert run.outputs.shape == (4, 2, 50, 2)


def uncompiled():
    return keras.Sequential([keras.Input((20, 3)), keras.layers.LSTM(2)])


def narrow():
    return recurrent(Recall(width=1), units=(3,))


def last_only():
    model = uncompiled()
    model.compile(optimizer="adam", loss="mse")
    return model


def at_rate(rate):
    model = lecture(Recall())
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse")
    return model


@pytest.mark.parametrize(
    ("model", "options", "error", "words"),
    [
        (uncompiled, {}, ValueError, "model must be compiled"),
        (narrow, {}, ValueError, r"model must answer.*\(20, 20, 2\).*20, 1\)"),
        (last_only, {}, ValueError, "model must answer.*return_sequences=True"),
        (lambda: lecture(Countdown()), {}, ValueError, "model must take.*3"),
        (lambda: "lstm", {}, TypeError, "model.*keras.Model.*'lstm'"),
        (lambda: at_rate(float("nan")), {}, ValueError, "learning rate.*nan"),
        (None, {"episodes": 0}, ValueError, "episodes.*at least 1.*0"),
        (None, {"episodes": 1.5}, TypeError, "episodes.*integer.*1.5"),
        (None, {"batch_size": 0}, ValueError, "batch_size.*1.*0"),
        (None, {"seed": -1}, ValueError, "seed.*at least 0.*-1"),
        (None, {"engine": "c"}, ValueError, "engine.*'graph'.*'c'"),
        (None, {"recording": 10}, TypeError, "recording.*Recording.*int"),
        (
            None,
            {"recording": Recording(watch="lstm_9")},
            ValueError,
            "watch.*lstm_1.*'lstm_9'",
        ),
        (
            None,
            {"recording": Recording(Countdown().exam(generator(0)))},
            ValueError,
            r"probe.*recall.*inputs.*\(90, 20, 3\).*\(90, 20, 2\)",
        ),
        (
            None,
            {"recording": Recording(Recall(width=1).exam(generator(0)))},
            ValueError,
            r"probe.*targets.*\(2000, 20, 2\).*\(2000, 20, 1\)",
        ),
    ],
)
def test_bad_input_is_named_before_any_work(model, options, error, words):
    built = model() if model else lecture(Recall())
    weights = built.get_weights() if model is None else None
    with pytest.raises(error, match=words):
        train(built, Recall(), **{"episodes": 5, **options})
    if weights:
        assert all(map(np.array_equal, weights, built.get_weights()))


def test_exams_end_with_the_first_one_passed():
    @dataclasses.dataclass(frozen=True)
    class Easy(Recall):
        name: ClassVar[str] = "easy recall"

        def correct(self, outputs, batch):
            return np.ones(len(batch.inputs), bool)

    runs = [
        train(lecture(Easy()), Easy(), 9, recording=Recording(**exams))
        for exams in (
            {"exam_every": 3},
            {"exam_every": 3, "until_mastered": True},
        )
    ]
    assert [run.exams.tolist() for run in runs] == [[0, 3, 6, 9], [0]]
    assert runs[0].losses.tobytes() == runs[1].losses.tobytes()


def test_a_misspelt_option_is_refused():
    with pytest.raises(TypeError, match="'progres'"):
        train(lecture(Recall()), Recall(), progres=False)
    with pytest.raises(TypeError, match="'evry'"):
        Recording(evry=3)
