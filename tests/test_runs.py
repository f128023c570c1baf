"""A record survives its file, and a file that is none is refused by name."""

import dataclasses
import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import (
    Countdown,
    EmbeddedReber,
    Ensemble,
    FinalExam,
    GradientStudy,
    NetworkTrace,
    Recall,
    Run,
    Trace,
    load,
    recorded,
)
from memnets.experiments.recordings import RECORDINGS
from memnets.records import data
from memnets.records.files import replacing

pytestmark = pytest.mark.versions


def make_run(records=3, sequences=2, hidden=False, seed=1, final_exam=None):
    rng = np.random.default_rng(seed)
    task = Recall()
    return Run(
        losses=rng.random(20, np.float32),
        episodes=np.linspace(0, 20, records).astype(int),
        outputs=rng.random((records, sequences, 20, 2), np.float32),
        probe=task.sample(sequences, rng),
        hidden=rng.random((records, sequences, 20, 5)) if hidden else None,
        exams=np.array([0, 10, 20]),
        scores=np.array([0.1, 0.99, 0.98]),
        settings={"task": task.settings(), "seed": np.int64(seed)},
        weights=tuple(rng.random((k, 2), np.float32) for k in range(1, 13)),
        state={
            "mean": (rng.random(3, np.float32), rng.random((2, 2))),
            "iterations": (np.array(20),),
        },
        final_exam=final_exam,
    )


def make_ensemble():
    return Ensemble.of([make_run(seed=seed) for seed in (3, 5)], every=5)


def make_network_trace():
    rng = np.random.default_rng(2)
    probe = Recall().sample(3, rng)
    values = {
        "hidden": rng.random((3, 20, 2), np.float32),
        "cell_state": rng.random((3, 20, 2), np.float32),
    }
    traces = (Trace("lstm_1", "lstm", values),)
    settings = {"task": Recall().settings()}
    return NetworkTrace(probe, probe.targets, traces, settings)


def make_gradient_study():
    rng = np.random.default_rng(3)
    gradients = rng.random((3, 2, 4, 20), np.float32)
    return GradientStudy(
        ("one", "other"),
        np.arange(4),
        *gradients,
        rng.random((2, 4), np.float32),
        {"task": Recall().settings()},
    )


MAKERS = {
    Run: make_run,
    Ensemble: make_ensemble,
    NetworkTrace: make_network_trace,
    GradientStudy: make_gradient_study,
}


def assert_same(run, other):
    for field in dataclasses.fields(Run):
        mine, theirs = getattr(run, field.name), getattr(other, field.name)
        if field.name == "probe":
            for one, two in zip(mine, theirs):
                np.testing.assert_array_equal(one, two)
        elif field.name in ("settings", "final_exam") or mine is None:
            assert mine == theirs and type(mine) is type(theirs)
        elif field.name in ("weights", "state"):
            kept, its = (
                {"weights": v} if field.name == "weights" else v
                for v in (mine, theirs)
            )
            assert kept.keys() == its.keys()
            for name, arrays in kept.items():
                for one, two in zip(arrays, its[name], strict=True):
                    np.testing.assert_array_equal(one, two)
                    assert one.dtype == two.dtype and one.shape == two.shape
        else:
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype


@pytest.mark.parametrize("final_exam", [None, FinalExam(0.1 + 0.2, 1 / 3)])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_run_comes_back_as_it_was(tmp_path, hidden, final_exam):
    run = make_run(hidden=hidden, final_exam=final_exam)
    run.save(tmp_path / "run.npz")
    loaded = Run.load(tmp_path / "run.npz")
    assert_same(loaded, run)
    assert loaded.task == Recall()
    assert os.listdir(tmp_path) == ["run.npz"]


def test_the_same_run_is_the_same_bytes(tmp_path, monkeypatch):
    make_run().save(tmp_path / "a.npz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    make_run().save(tmp_path / "b.npz")
    first, second = (tmp_path / name for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_file_is_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "run.npz"
    make_run().save(path)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=r"run\.npz is not .* damaged"):
        Run.load(path)


def test_a_foreign_file_is_refused_by_name(tmp_path):
    foreign = tmp_path / "foreign.npz"
    for content in ({"a": np.zeros(3)}, {"format": "memnets run 9"}):
        np.savez(foreign, **content)
        with pytest.raises(ValueError, match=r"foreign\.npz is not"):
            Run.load(foreign)
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.txt").write_text("not an archive")
    for name in ("x.npy", "x.txt"):
        with pytest.raises(ValueError, match=name):
            Run.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Run.load(tmp_path / "none.npz")


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = tmp_path / "trap.npz"
    np.savez(path, format="memnets run 1", losses=np.array([Trap()]))
    with pytest.raises(ValueError, match=r"trap\.npz"):
        Run.load(path)
    assert not (tmp_path / "sprung").exists()


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    run = make_run()
    for change in (
        {"outputs": run.outputs[:, :1]},
        {"episodes": run.episodes[:-1]},
        {"scores": run.scores[:-1]},
        {"hidden": np.zeros((3, 1, 20, 5))},
    ):
        dataclasses.replace(run, **change).save(tmp_path / "odd.npz")
        with pytest.raises(ValueError, match=r"odd\.npz"):
            Run.load(tmp_path / "odd.npz")


def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.npz"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["run.npz"]


def test_a_new_file_has_the_usual_rights(tmp_path):
    (tmp_path / "usual").write_text("")
    make_run().save(tmp_path / "run.npz")
    usual = (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "run.npz").stat().st_mode == usual


def test_the_deviation_is_the_lectures():
    run = make_run()
    by_hand = [
        np.mean(
            [
                sum(
                    (run.outputs[r, s, t, 0] - run.probe.targets[s, t, 0]) ** 2
                    for t in range(20)
                )
                for s in range(2)
            ]
        )
        for r in range(3)
    ]
    np.testing.assert_allclose(run.deviations, by_hand, rtol=1e-6)


def test_the_deviation_counts_all_that_answers_where_it_is_scored():
    task = EmbeddedReber(12)
    probe = task.sequence("BTBTXSETE")
    outputs = np.zeros((1, *probe.targets.shape), np.float32)
    run = Run(
        losses=np.zeros(0),
        episodes=np.array([0]),
        outputs=outputs,
        probe=probe,
        settings={"task": task.settings()},
    )
    # One symbol follows each but the last, which is E.
    assert run.deviations.tolist() == [8]


def test_mastery_is_the_first_exam_passed():
    run = make_run()
    assert run.mastery == 10
    failed = dataclasses.replace(run, scores=np.full(3, 0.98))
    assert failed.mastery is None
    assert (
        dataclasses.replace(
            failed, settings={"task": Countdown().settings()}
        ).mastery
        is None
    )


def test_an_ensemble_gathers_seeds_and_comes_back(tmp_path):
    runs = [make_run(seed=seed) for seed in (3, 5)]
    ensemble = make_ensemble()
    np.testing.assert_array_equal(ensemble.seeds, [3, 5])
    np.testing.assert_array_equal(ensemble.episodes, [5, 10, 15, 20])
    np.testing.assert_allclose(
        ensemble.losses[1, 2], runs[1].losses[10:15].mean()
    )
    ensemble.save(tmp_path / "all.npz")
    loaded = Ensemble.load(tmp_path / "all.npz")
    np.testing.assert_array_equal(loaded.losses, ensemble.losses)
    assert loaded.task == Recall()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_says_which_kind_of_record_it_is(tmp_path, kind):
    record = MAKERS[kind]()
    record.save(tmp_path / "named_otherwise.npz")
    loaded = load(tmp_path / "named_otherwise.npz")
    assert type(loaded) is kind
    (settings, arrays), (its, theirs) = record.pack(), loaded.pack()
    assert loaded.task == record.task and settings == its
    assert arrays.keys() == theirs.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, theirs[name])
        assert np.asarray(array).dtype == theirs[name].dtype


@pytest.mark.parametrize("kind", MAKERS)
def test_a_kind_of_record_is_refused_where_another_is_wanted(tmp_path, kind):
    MAKERS[kind]().save(tmp_path / "one.npz")
    assert type(kind.load(tmp_path / "one.npz")) is kind
    for other in MAKERS.keys() - {kind}:
        with pytest.raises(ValueError, match=r"one\.npz is not a file of"):
            other.load(tmp_path / "one.npz")


def test_a_file_of_the_format_before_is_a_run_too(tmp_path):
    _, arrays = make_run().pack()
    kept = {k: a for k, a in arrays.items() if ":" not in k}
    text = '{"task": {"name": "recall"}}'
    path = tmp_path / "old.npz"
    np.savez(path, format="memnets run 1", settings=text, **kept)
    run = load(path)
    assert type(run) is Run and run.weights == () and run.state == {}
    np.testing.assert_array_equal(run.losses, arrays["losses"])


def test_a_file_that_is_no_record_is_refused_by_name(tmp_path):
    foreign = tmp_path / "foreign.npz"
    for content in ({"a": np.zeros(3)}, {"format": "memnets run 9"}):
        np.savez(foreign, **content)
        with pytest.raises(ValueError, match=r"foreign\.npz is not a file of"):
            load(foreign)
    foreign.write_text("not an archive")
    with pytest.raises(ValueError, match=r"foreign\.npz is not a file of"):
        load(foreign)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_recordings_are_there_and_say_what_made_them(name):
    recording, record = RECORDINGS[name], recorded(name)
    assert record.settings["experiment"] == recording.experiment
    assert record.settings["versions"]["keras"]
    assert np.isfinite(getattr(record, "losses", 0)).all()
    path = data.folder() / "runs" / f"{name}.npz"
    assert path.stat().st_size < 1_000_000
    if isinstance(record, (Ensemble, GradientStudy)):
        seeds = int(re.search(r"(\d+) seeds", recording.about)[1])
        np.testing.assert_array_equal(record.seeds, range(seeds))


def test_a_recording_that_is_missing_is_named_beside_those_there_are():
    with pytest.raises(FileNotFoundError, match="recal is .*recall_lecture,"):
        recorded("recal")
