"""Compiled training is Keras's, whatever is recorded and however it is cut."""

import itertools
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from memnets import Batch, Recall, lecture, recurrent
from memnets.training import compiled
from memnets.training.compiled import Compiled
from memnets.training.engines import CompiledEngine

pytestmark = pytest.mark.versions

EPISODES, SEQUENCES = 24, 4


def block_of(seed=0):
    """Draw a block whose time steps differ in weight."""
    rng = np.random.default_rng(seed)
    drawn = Recall().sample(EPISODES * SEQUENCES, rng)
    weights = rng.uniform(0.5, 2, drawn.weights.shape).astype(np.float32)
    return Batch(
        *(
            array.reshape(EPISODES, SEQUENCES, *array.shape[1:])
            for array in drawn._replace(weights=weights)
        )
    )


BLOCK = block_of()
SHAPES = Batch(*(array.shape for array in BLOCK))
PROBE = Recall().sample(1, np.random.default_rng(1)).inputs
MANY = Recall().sample(30, np.random.default_rng(2)).inputs
LONG = Recall(timesteps=33).sample(3, np.random.default_rng(3)).inputs
ALWAYS = np.ones(EPISODES, bool)
NEVER = ~ALWAYS
SOMETIMES = np.arange(EPISODES) % 5 == 2


def functional():
    """Build a network with regularisers and weights nobody trains."""
    glorot = keras.initializers.GlorotUniform
    inputs = keras.Input((None, 3))
    hidden = keras.layers.LSTM(
        4,
        return_sequences=True,
        kernel_regularizer=keras.regularizers.L2(1e-2),
        activity_regularizer=keras.regularizers.L1(1e-3),
        kernel_initializer=glorot(1),
        recurrent_initializer=keras.initializers.Orthogonal(seed=2),
        name="lstm_1",
    )(inputs)
    normal = keras.layers.BatchNormalization(momentum=0.9)(hidden)
    both = keras.layers.Concatenate()([normal, inputs])
    outputs = keras.layers.Dense(2, kernel_initializer=glorot(3))(both)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    return model


def network(cell="lstm", loss="mse", optimizer="adam", **options):
    model = recurrent(Recall(), cell, (4, 3), seed=3)
    made = keras.optimizers.get(
        {"class_name": optimizer, "config": {"learning_rate": 0.01, **options}}
    )
    model.compile(optimizer=made, loss=loss)
    return model


MODELS = {
    "lstm": lambda: network(clipnorm=0.01),
    "gru": lambda: network("gru", "mae", "sgd", momentum=0.9, nesterov=True),
    "simple_rnn": lambda: network(
        "simple_rnn", use_ema=True, ema_overwrite_frequency=7, weight_decay=0.01
    ),
    "functional": functional,
}


def state(model):
    """Return copies of all that training has changed."""
    variables = model.weights + model.optimizer.variables
    return [np.array(variable.numpy()) for variable in variables]


def keras_loop(model, block=BLOCK, episodes=EPISODES):
    losses = []
    for i in range(episodes):
        model.reset_metrics()
        batch = [array[i] for array in block]
        losses.append(float(np.squeeze(model.train_on_batch(*batch))))
    return np.array(losses)


@pytest.fixture
def float64():
    """In double precision, so that rounding hides no difference."""
    for precision in ("float64", "float32"):
        keras.config.set_floatx(precision)
        keras.config.set_dtype_policy(precision)
        if precision == "float64":
            yield


# Keras 3.13 cannot train the last one in double precision.
@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
@pytest.mark.parametrize("jit", [True, False])
def test_training_is_the_keras_loop(name, jit, float64):
    mine, theirs = MODELS[name](), MODELS[name]()
    built = Compiled(mine, SHAPES, jit)
    losses, _ = built.run(BLOCK, 0, SOMETIMES, PROBE)
    expected = keras_loop(theirs)
    assert losses.dtype == np.float32
    np.testing.assert_allclose(losses, expected, rtol=2e-5)
    assert int(mine.optimizer.iterations) == EPISODES
    for value, other in zip(state(mine), state(theirs)):
        scale = np.abs(other).max() + 1e-6
        np.testing.assert_allclose(value, other, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("name", ["lstm", "functional"])
def test_single_precision_differs_by_rounding_alone(name):
    mine, theirs = MODELS[name](), MODELS[name]()
    losses, _ = Compiled(mine, SHAPES, True).run(BLOCK, 0, ALWAYS, PROBE)
    np.testing.assert_allclose(losses, keras_loop(theirs), rtol=1e-4)
    for value, other in zip(mine.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(value, other, rtol=0, atol=1e-4)


OBSERVED = {
    "many sequences": ([EPISODES], ALWAYS, MANY, None),
    "another length": ([EPISODES], SOMETIMES, LONG, None),
    "a watched layer": ([EPISODES], SOMETIMES, PROBE, "lstm_1"),
    "no record": ([EPISODES], NEVER, PROBE, None),
    "cut": ([1, 10, 11, EPISODES], ALWAYS, PROBE, None),
    "cut and all else": ([5, 6, EPISODES], SOMETIMES, MANY, "lstm_1"),
}


def trained(jit, stops, due, probe, watch, build=functional):
    model = build()
    built = Compiled(model, SHAPES, jit)
    losses, first = [], 0
    for last in stops:
        if watch:
            built.observe(probe, watch)  # as an exam between two calls
        part, _ = built.run(BLOCK, first, due[first:last], probe, watch)
        losses.append(part)
        first = last
    return [np.concatenate(losses), *state(model)]


@pytest.mark.parametrize("jit", [True, False])
def test_nothing_observed_changes_a_bit_of_what_is_learned(jit):
    plain = trained(jit, [EPISODES], ALWAYS, PROBE, None)
    untrained = functional().get_weights()
    assert not np.array_equal(plain[1], untrained[0])
    for name, options in OBSERVED.items():
        other = trained(jit, *options)
        assert len(other) == len(plain)
        for value, expected in zip(other, plain):
            assert value.tobytes() == expected.tobytes(), name


DIGEST = """
import hashlib, sys
import numpy as np
from memnets import Batch, Recall, recurrent
from memnets.training.compiled import Compiled

for units in map(int, sys.argv[1:]):
    drawn = Recall().sample(40 * 20, np.random.default_rng(0))
    block = [a.reshape(40, 20, *a.shape[1:]) for a in drawn]
    model = recurrent(Recall(), "lstm", (units,), seed=1)
    built = Compiled(model, Batch(*(a.shape for a in block)), True)
    losses, _ = built.run(block, 0, np.ones(40, bool), drawn.inputs[:1])
arrays = [losses, *model.get_weights()]
digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays))
print(digest.hexdigest())
"""


def in_a_process(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # As a user's process, which has set neither.
    environment.pop("XLA_FLAGS", None)
    environment.pop("TF_NUM_INTRAOP_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_what_was_trained_before_changes_nothing():
    alone = in_a_process(DIGEST, 5)
    assert len(alone.strip()) == 64
    assert in_a_process(DIGEST, 48, 5) == alone
    assert in_a_process(DIGEST, 48) != alone


def test_many_sequences_at_once_do_not_kill_the_process():
    """In TensorFlow 2.20 they did, in a loop that was one function."""
    code = (
        "import numpy as np\n"
        "from memnets import Batch, Recall, lecture\n"
        "from memnets.training.compiled import Compiled\n"
        "drawn = Recall().sample(2000, np.random.default_rng(0))\n"
        "block = [a[:80].reshape(4, 20, *a.shape[1:]) for a in drawn]\n"
        "shapes = Batch(*(a.shape for a in block))\n"
        "built = Compiled(lecture(Recall()), shapes, True)\n"
        "due = np.arange(4) == 3\n"
        "_, (records,) = built.run(block, 0, due, drawn.inputs)\n"
        "assert records.shape == (1, 2000, 20, 2)\n"
        "assert np.isfinite(records).all() and records.any()\n"
        "assert built.observe(drawn.inputs)[0].shape == (2000, 20, 2)"
    )
    in_a_process(code)


@pytest.mark.parametrize("jit", [True, False])
def test_records_are_what_the_network_answers(jit):
    built = Compiled(functional(), SHAPES, jit)
    _, records = built.run(BLOCK, 0, SOMETIMES, LONG, "lstm_1")
    model = functional()
    answers = [[], []]
    inside = keras.Model(model.inputs, model.get_layer("lstm_1").output)
    for i in range(EPISODES):
        batch = [array[i] for array in BLOCK]
        model.train_on_batch(*batch)
        if SOMETIMES[i]:
            for kept, observed in zip(answers, (model, inside)):
                kept.append(observed.predict(LONG, verbose=0))
    assert [array.dtype for array in records] == [np.float32] * 2
    assert records[0].shape == (5, 3, 33, 2)
    assert records[1].shape == (5, 3, 33, 4)
    for array, expected in zip(records, answers):
        np.testing.assert_allclose(array, expected, atol=1e-5)
        assert np.abs(np.diff(array, axis=0)).max((1, 2, 3)).min() > 1e-4
    # The last record is of the network as it was left.
    last = [i for i in range(EPISODES) if SOMETIMES[i]][-1]
    after = Compiled(functional(), SHAPES, jit)
    after.run(BLOCK, 0, NEVER[: last + 1], PROBE)
    for array, now in zip(records, after.observe(LONG, "lstm_1")):
        np.testing.assert_allclose(array[-1], now, atol=1e-6)


def test_a_run_without_records_returns_empty_ones():
    built = Compiled(functional(), SHAPES, False)
    losses, records = built.run(BLOCK, 0, NEVER[:3], MANY, "lstm_1")
    assert len(losses) == 3
    assert [a.shape for a in records] == [(0, 30, 20, 2), (0, 30, 20, 4)]


@pytest.mark.parametrize("jit", [True, False])
@pytest.mark.parametrize(("size", "calls"), [(3000, 8), (10, 24)])
def test_more_records_than_slots_are_made_in_more_calls(
    jit, size, calls, monkeypatch
):
    def run(due):
        built = Compiled(lecture(Recall(), seed=2), SHAPES, jit)
        made = []
        train = built._train
        built._train = lambda *args: made.append(args[3:5]) or train(*args)
        return built.run(BLOCK, 0, due, MANY), made

    (losses, (records,)), made = run(ALWAYS)
    assert made == [(0, EPISODES)] and len(records) == EPISODES
    # The two layers have 280 weights: 1120 bytes... and 24 records.
    # The weights are 976 bytes, a record is 4,800.
    monkeypatch.setattr(compiled, "BUFFER_BYTES", size)
    (cut_losses, (cut,)), made = run(ALWAYS)
    assert len(made) == calls
    assert made[0][0] == 0 and made[-1][1] == EPISODES
    assert all(a[1] == b[0] for a, b in itertools.pairwise(made))
    np.testing.assert_allclose(cut_losses, losses, rtol=1e-6)
    np.testing.assert_allclose(cut, records, atol=1e-6)
    # Episodes without a record take no slot.
    (_, (sparse,)), made = run(SOMETIMES)
    assert len(made) < calls
    np.testing.assert_allclose(sparse, records[SOMETIMES], atol=1e-6)


def test_the_buffers_are_bounded_and_never_empty():
    assert compiled._room(2**12, 256) == 256
    assert compiled._room(2**20, 256) == 16
    assert compiled._room(2**30, 256) == 1


def test_only_some_episodes_of_a_block_are_run():
    model, twin = MODELS["lstm"](), MODELS["lstm"]()
    built = Compiled(model, SHAPES, True)
    losses, (records,) = built.run(BLOCK, 7, ALWAYS[:2], PROBE)
    assert len(losses) == len(records) == 2
    assert int(model.optimizer.iterations) == 2
    expected = keras_loop(twin, Batch(*(array[7:9] for array in BLOCK)), 2)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_nothing_is_compiled_twice():
    built = Compiled(functional(), SHAPES, False)
    for _ in range(2):
        for probe, watch in ((PROBE, None), (MANY, None), (PROBE, "lstm_1")):
            built.run(BLOCK, 0, ALWAYS[:2], probe, watch)
            built.observe(probe, watch)
    assert built._train.experimental_get_tracing_count() == 1
    assert len(built._recorders) == 3 and len(built._observers) == 2
    for recorder in built._recorders.values():
        assert recorder._compute.experimental_get_tracing_count() == 1
    for watch, shapes in ((None, 2), ("lstm_1", 1)):
        observe = built._observers[watch]
        assert observe.experimental_get_tracing_count() == shapes


def test_observing_takes_any_shape_and_changes_nothing():
    model = functional()
    built = Compiled(model, SHAPES, True)
    before = state(model)
    for probe in (PROBE, MANY, LONG):
        answers, hidden = built.observe(probe, "lstm_1")
        expected = model.predict(probe, verbose=0)
        np.testing.assert_allclose(answers, expected, atol=1e-6)
        assert hidden.shape == (*probe.shape[:2], 4)
        np.testing.assert_array_equal(built.observe(probe)[0], answers)
    assert all(map(np.array_equal, state(model), before))


def test_it_has_the_name_of_its_compiler_and_nothing_to_begin():
    for jit, name in ((True, "xla"), (False, "graph")):
        model = lecture(Recall())
        engine = CompiledEngine(Compiled(model, SHAPES, jit), PROBE, None)
        assert engine.name == name
        before = state(model)
        engine.begin()
        engine.end()
        assert all(map(np.array_equal, state(model), before))


def test_a_users_own_xla_flags_are_kept(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    compiled.set_flags()
    assert os.environ["XLA_FLAGS"] == "--mine"


def test_an_unknown_tensorflow_trains_and_says_that_it_is_slower(monkeypatch):
    # As after the test, where the variable is as it was before.
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.setattr(compiled, "VERSION", (2, 99))
    with pytest.warns(RuntimeWarning, match="slower.*TensorFlow"):
        compiled.set_flags()
    # XLA ends the process over a flag that it does not know.
    assert "--xla_cpu" not in os.environ["XLA_FLAGS"]
    assert os.environ["XLA_FLAGS"].startswith("--xla_backend_extra_options=")
