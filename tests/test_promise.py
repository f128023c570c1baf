"""A result depends on task, network, training settings and seed alone."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from memnets import (
    Countdown,
    Experiment,
    Recall,
    Recording,
    Run,
    repeat,
    train,
)
from memnets.training.batches import generator
from memnets.training.kernels.engine import Kernel

pytestmark = pytest.mark.versions

ROOT = pathlib.Path(__file__).resolve().parent.parent
LSTM = Experiment(Recall(), learning_rate=1e-2, episodes=300, seed=7)
GRU = Experiment(
    Countdown(), "gru", (4,), "dense", 1e-2, "cosine", 280, batch_size=9
)


def probe(count, timesteps=20):
    return Recall(timesteps).sample(count, np.random.default_rng(1))


def assert_same_bits(run, other):
    """Compare all that was learned."""
    assert run.losses.tobytes() == other.losses.tobytes()
    kept, its = (
        [
            a.tobytes()
            for arrays in (r.weights, *r.state.values())
            for a in arrays
        ]
        for r in (run, other)
    )
    assert kept == its and len(kept) > len(run.weights) > 0


RECORDED = {
    "one sequence": Recording(probe(1)),
    "as many as have room": Recording(probe(4)),
    "thirty, every tenth": Recording(probe(30), every=10),
    "longer ones": Recording(probe(2, 50), every=7),
    "once": Recording(every=300),
    "a layer": Recording(watch="lstm_1"),
    "exams": Recording(exam_every=37),
    "exams until mastered": Recording(exam_every=10, until_mastered=True),
    "a final exam": Recording(final_exam=probe(70)),
    "everything": Recording(
        probe(30, 50), 7, "lstm_2", 37, True, final_exam=probe(70, 33)
    ),
}


@pytest.fixture(scope="module")
def plain():
    return LSTM.run(progress=False)


@pytest.mark.parametrize("name", RECORDED)
def test_nothing_recorded_or_examined_matters(plain, name):
    assert_same_bits(plain, LSTM.run(RECORDED[name], progress=False))


def test_a_probe_that_is_not_finite_stays_alone(plain):
    """It rides in lanes beside the batch, whose sums leave it out."""
    broken = probe(2)
    broken.inputs[1, 3] = np.nan
    run = LSTM.run(Recording(broken), progress=False)
    assert np.isnan(run.outputs[-1, 1]).any()
    assert np.isfinite(run.outputs[:, 0]).all()
    assert_same_bits(plain, run)


@pytest.mark.parametrize("experiment", [LSTM, GRU], ids=["lstm", "gru"])
def test_a_keras_model_and_an_experiment_learn_the_same_bits(experiment):
    run = experiment.run(progress=False)
    model = experiment.build()
    other = train(
        model,
        experiment.task,
        experiment.episodes,
        experiment.batch_size,
        seed=experiment.seed,
        progress=False,
    )
    assert_same_bits(run, other)
    assert run.outputs.tobytes() == other.outputs.tobytes()
    for mine, its in zip(run.weights, model.get_weights(), strict=True):
        assert mine.tobytes() == its.tobytes()


def test_how_the_episodes_are_cut_into_calls_does_not_matter(
    plain, monkeypatch
):
    monkeypatch.setattr("memnets.training.loop.RECORD_BYTES", 3000)
    assert_same_bits(plain, LSTM.run(progress=False))


def test_a_longer_run_begins_as_a_shorter_one(plain):
    longer = dataclasses.replace(LSTM, episodes=420).run(progress=False)
    assert longer.losses[:300].tobytes() == plain.losses.tobytes()


def test_threads_and_what_was_run_before_do_not_matter(plain):
    others = [dataclasses.replace(LSTM, seed=s) for s in range(4)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [e.run for e in (others[0], LSTM, GRU, others[1], LSTM)]
        runs = [pool.submit(job, progress=False) for job in jobs]
        made = [future.result() for future in runs]
    assert_same_bits(plain, made[1])
    assert_same_bits(plain, made[4])
    repeated = list(repeat(LSTM, [3, 7], workers=2, progress=False))
    assert_same_bits(plain, repeated[1])


@pytest.mark.parametrize("experiment", [LSTM, GRU], ids=["lstm", "gru"])
def test_a_run_that_was_stopped_goes_on_as_if_it_never_had(
    experiment, tmp_path, monkeypatch
):
    recording = Recording(every=7, exam_every=50)
    whole = experiment.run(recording, progress=False)
    calls = []
    run_block = Kernel.run

    def run_and_press(self, *arguments):
        result = run_block(self, *arguments)
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(Kernel, "run", run_and_press)
    stopped = experiment.run(recording, progress=False)
    monkeypatch.undo()
    assert stopped.settings["interrupted"] and len(stopped.losses) == 150
    stopped.save(tmp_path / "stopped.npz")
    before = Run.load(tmp_path / "stopped.npz")
    assert Experiment.of(before) == experiment
    again = experiment.run(recording, before=before, progress=False)
    assert_same_bits(whole, again)
    for name in ("episodes", "outputs", "exams", "scores"):
        np.testing.assert_array_equal(
            getattr(whole, name), getattr(again, name)
        )
    assert whole.settings == again.settings


def test_a_run_goes_on_to_more_episodes(plain):
    longer = dataclasses.replace(LSTM, episodes=420)
    whole, again = longer.run(), longer.run(before=plain)
    assert_same_bits(whole, again)
    np.testing.assert_array_equal(whole.outputs, again.outputs)


def test_a_compiled_network_goes_on_too(tmp_path):
    rnn = Experiment(Recall(), "simple_rnn", (4,), "dense", episodes=20)
    more = dataclasses.replace(rnn, episodes=35)
    rnn.run().save(tmp_path / "run.npz")
    again = more.run(before=Run.load(tmp_path / "run.npz"))
    assert_same_bits(more.run(), again)


def test_a_run_of_another_experiment_is_refused(plain):
    other = dataclasses.replace(LSTM, seed=8, episodes=400)
    with pytest.raises(ValueError, match="seed must be 7.*got 8"):
        other.run(before=plain)
    with pytest.raises(ValueError, match="episodes must be at least 300"):
        dataclasses.replace(LSTM, episodes=299).run(before=plain)
    short = GRU.run(progress=False)
    with pytest.raises(ValueError, match="episodes must be 280.*falls"):
        dataclasses.replace(GRU, episodes=400).run(before=short)
    with pytest.raises(ValueError, match="run must be one of an Experiment"):
        LSTM.run(before=dataclasses.replace(plain, weights=()))


def test_a_run_gives_its_network_back(plain, tmp_path):
    plain.save(tmp_path / "run.npz")
    run = Run.load(tmp_path / "run.npz")
    model = run.model()
    answers = model.predict(run.probe.inputs, verbose=0)
    np.testing.assert_allclose(answers, run.outputs[-1], atol=1e-6)
    assert int(model.optimizer.iterations) == 300
    # It is trained on as the run would be.
    train(model, Recall(), 5, seed=1, progress=False)
    twin = LSTM.restore(plain)
    train(twin, Recall(), 5, seed=1, progress=False)
    for mine, its in zip(model.get_weights(), twin.get_weights()):
        assert mine.tobytes() == its.tobytes()


CODE = """
import hashlib
from memnets import Countdown, Experiment, Reber, Recall, Recording

digest = hashlib.sha256()
for experiment in (
    Experiment(Recall(), learning_rate=1e-2, episodes=12),
    Experiment(Countdown(), "gru", (3,), "dense", 1e-2, "cosine", 12),
    Experiment(Reber(), "lstm", (3,), "dense", episodes=3, batch_size=40),
):
    run = experiment.run(Recording(exam_every=6), progress=False)
    for array in (run.losses, run.outputs, *run.weights):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


def digest(tmp_path, **environment):
    """Run the code in a fresh process that has compiled nothing yet."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NUMBA_CACHE_DIR": str(tmp_path / str(len(environment))),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


# What these experiments give on any processor and with any version.
DIGEST = "395a0b9188c12ba85c7428d9294973ade61cb693f4d400c6f77eab378cb8ae34"


@pytest.mark.parametrize(
    "processor",
    [
        {},
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
        {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": "+sse2"},
    ],
    ids=["host", "haswell", "nehalem"],
)
def test_the_bits_are_the_same_on_every_processor(tmp_path, processor):
    """Without multiply-adds, too, which nehalem does in software."""
    assert digest(tmp_path, **processor) == DIGEST


def test_the_bits_do_not_depend_on_kerass_backend_or_threads(tmp_path):
    found = digest(tmp_path, KERAS_BACKEND="jax", NUMBA_NUM_THREADS="1")
    assert found == DIGEST


@pytest.mark.parametrize("cell", ["simple_rnn", "gru"])
def test_the_compiled_path_keeps_the_promise_too(cell):
    """What it depends on is what XLA makes of the model, and nothing else."""
    rnn = Experiment(Recall(), cell, (4,), "dense", 1e-2, episodes=60, seed=3)
    options = {"engine": "xla", "progress": False}
    plain = rnn.run(**options)
    for recording in (
        Recording(probe(30), every=10),
        Recording(every=60, watch=f"{cell}_1"),
        Recording(Recall().sample(3, generator(5)), exam_every=17),
        Recording(every=60, final_exam=probe(70, 33)),
    ):
        keras.backend.clear_session()
        assert_same_bits(plain, rnn.run(recording, **options))
