"""A recording writes down what it says, and changes no bit of the result."""

import keras
import numpy as np
import pytest

from memnets import (
    Batch,
    Countdown,
    Experiment,
    FinalExam,
    Reber,
    Recall,
    Recording,
    Run,
    train,
)
from memnets.training.batches import PROBE, generator

pytestmark = pytest.mark.versions


def drawn(task, count, seed=1):
    return task.sample(count, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"every": 0}, ValueError, "^every must be at least 1, got 0$"),
        ({"every": 1.5}, TypeError, "^every must be an integer, got 1.5$"),
        ({"every": True}, TypeError, "^every must be an integer, got True$"),
        ({"exam_every": 0}, ValueError, "^exam_every must be at least 1"),
        ({"exam_every": "5"}, TypeError, "^exam_every must be an integer"),
        ({"watch": 1}, TypeError, "^watch must be the name of a layer, got 1$"),
        ({"probe": np.zeros((1, 20, 3))}, TypeError, "^probe .* got ndarray$"),
        ({"final_exam": 2000}, TypeError, "^final_exam .*Batch.* got int$"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_argument(
    options, error, words
):
    with pytest.raises(error, match=words):
        Recording(**options)


def test_a_probe_is_drawn_from_the_seed_where_none_is_given():
    recording = Recording(every=3, watch="lstm_1", exam_every=5)
    of_seed = recording.of(Recall(), 7)
    expected = Recall().sample(1, generator(7, PROBE))
    for mine, its in zip(of_seed.probe, expected, strict=True):
        np.testing.assert_array_equal(mine, its)
    other = recording.of(Recall(), 8).probe
    assert not np.array_equal(other.inputs, of_seed.probe.inputs)
    # What is not of the task stays; the recording itself is as it was.
    assert (of_seed.every, of_seed.watch, of_seed.exam_every) == (
        3,
        "lstm_1",
        5,
    )
    assert of_seed.final_exam is None and recording.probe is None


def test_sequences_that_are_given_are_kept_in_single_precision():
    probe = Batch(*(array.astype(float) for array in drawn(Recall(50), 3)))
    exam = drawn(Recall(), 4)
    recording = Recording(probe, final_exam=exam).of(Recall(), 0)
    for mine, its in zip(recording.probe, probe, strict=True):
        np.testing.assert_array_equal(mine, its.astype(np.float32))
        assert mine.dtype == np.float32
    for mine, its in zip(recording.final_exam, exam, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("argument", ["probe", "final_exam"])
@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (drawn(Countdown(), 2), r"its inputs of .* \(2, 20, 3\), got .*20, 2"),
        (drawn(Recall(width=1), 2), r"its targets of .*20, 2\), got .*20, 1"),
        (drawn(Reber(), 2), r"its inputs of shape .*28, 3\), got .*28, 7"),
        (
            drawn(Recall(), 2)._replace(weights=np.ones((2, 19))),
            r"its weights of shape \(2, 20\), got \(2, 19\)",
        ),
        (Batch(*(a[:0] for a in drawn(Recall(), 1))), "its inputs of shape"),
    ],
)
def test_sequences_of_another_task_are_refused(argument, batch, words):
    recording = Recording(**{argument: batch})
    with pytest.raises(ValueError, match=f"^{argument} .* recall, {words}"):
        recording.of(Recall(), 0)


# Each stops where some answers are right and some are not.
PARTLY = {
    "kernel": Experiment(
        Recall(), "lstm", (5,), "dense", 2e-2, episodes=250, seed=1
    ),
    "xla": Experiment(
        Reber(), "simple_rnn", (6,), "dense", 1e-2, episodes=60, seed=1
    ),
}


def assert_same_bits(run, other):
    """Compare all of two runs but the final exam."""
    for name in ("losses", "episodes", "outputs", "exams", "scores"):
        assert getattr(run, name).tobytes() == getattr(other, name).tobytes()
    kept, its = (
        [
            array.tobytes()
            for arrays in (r.weights, *r.state.values())
            for array in arrays
        ]
        for r in (run, other)
    )
    assert kept == its and len(kept) > len(run.weights) > 0
    assert run.settings == other.settings


@pytest.mark.parametrize("engine", PARTLY)
def test_the_final_exam_marks_what_the_network_answers(engine, tmp_path):
    experiment, last = PARTLY[engine], PARTLY[engine].episodes
    task, exam = experiment.task, drawn(experiment.task, 300)
    examined = Recording(every=last, exam_every=50, final_exam=exam)
    run = experiment.run(examined, progress=False)
    assert run.settings["engine"] == engine
    found = run.final_exam
    assert isinstance(found, FinalExam) and 0 < found.correct < 1
    # To the bit what a record of the same sequences gives.
    recorded = experiment.run(Recording(exam, every=last), progress=False)
    answers = recorded.outputs[-1]
    assert found.correct == np.mean(task.correct(answers, exam))
    assert found.deviation == recorded.deviations[-1]
    # By hand, from what the trained network answers as a Keras model.
    answers = run.model().predict(exam.inputs, verbose=0)
    assert found.correct == np.mean(task.correct(answers, exam))
    channels = range(len(task.outputs))[task.answering]
    by_hand = sum(
        (float(answers[s, t, c]) - exam.targets[s, t, c]) ** 2
        * exam.weights[s, t]
        for s in range(300)
        for t in range(task.timesteps)
        for c in channels
    )
    assert found.deviation == pytest.approx(by_hand / 300, rel=1e-4)
    # It changes nothing, and survives the file.
    plain = experiment.run(Recording(every=last, exam_every=50), progress=False)
    assert plain.final_exam is None
    assert_same_bits(run, plain)
    run.save(tmp_path / "run.npz")
    assert Run.load(tmp_path / "run.npz").final_exam == found


@pytest.mark.parametrize("engine", ["auto", "xla"])
def test_train_holds_the_final_exam_too(engine):
    experiment = Experiment(Recall(), units=(3, 2), episodes=9, seed=2)
    exam, runs = drawn(Recall(), 40), []
    for final in (exam, None):
        keras.backend.clear_session()
        recording = Recording(final_exam=final)
        model = experiment.build()
        runs.append(
            train(
                model,
                Recall(),
                9,
                seed=2,
                recording=recording,
                engine=engine,
                progress=False,
            )
        )
    run, plain = runs
    assert_same_bits(run, plain)
    answers = model.predict(exam.inputs, verbose=0)
    error = np.square(answers - exam.targets)[..., 0].sum(axis=-1).mean()
    assert run.final_exam.deviation == pytest.approx(error, rel=1e-5)
    assert plain.final_exam is None


def test_a_final_exam_may_be_longer_than_the_batches():
    experiment = Experiment(Recall(), episodes=3)
    long = drawn(Recall(70), 21)
    run = experiment.run(Recording(final_exam=long), progress=False)
    answers = run.model().predict(long.inputs, verbose=0)
    error = np.square(answers - long.targets)[..., 0].sum(axis=-1).mean()
    assert run.final_exam.deviation == pytest.approx(error, rel=1e-5)
