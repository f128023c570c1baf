"""Experiments are data, and repeating one changes nothing but the seed."""

import contextlib
import dataclasses
import functools
from concurrent import futures

import keras
import numpy as np
import pandas as pd
import pytest
import workers

from memnets import (
    CELLS,
    Countdown,
    Ensemble,
    Experiment,
    Recall,
    Recording,
    find,
    lecture,
    recorded,
    recurrent,
    repeat,
    results,
)
from memnets.experiments import pool, recordings
from memnets.experiments.catalogue import CATALOGUE, names
from memnets.networks.reset import ResettableNetwork
from memnets.records import data
from memnets.records.run import Run
from memnets.records.tables import summary

pytestmark = pytest.mark.versions

SMALL = Experiment(
    Recall(width=1),
    units=(3,),
    readout="dense",
    learning_rate=1e-2,
    episodes=30,
)


def test_the_lectures_network_has_the_lectures_weights():
    assert lecture(Recall()).count_params() == 244
    assert lecture(Recall(), (20, 2)).count_params() == 2104
    assert lecture(Countdown(), (2, 2)).count_params() == 80
    model = lecture(Recall())
    assert [type(layer) for layer in model.layers] == [keras.layers.LSTM] * 2
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_the_initial_weights_follow_from_the_seed(cell):
    keras.utils.set_random_seed(1)
    first = recurrent(Recall(), cell, (4, 3), seed=5).get_weights()
    keras.utils.set_random_seed(2)
    again = recurrent(Recall(), cell, (4, 3), seed=5).get_weights()
    other = recurrent(Recall(), cell, (4, 3), seed=6).get_weights()
    for one, two, three in zip(first, again, other):
        np.testing.assert_array_equal(one, two)
        if one.ndim == 2 and np.ptp(one) > 0:
            assert (one != three).any()
    # No two matrices share their random numbers.
    drawn = [w for w in first if w.ndim == 2 and np.ptp(w) > 0]
    numbers = np.concatenate([w.ravel() for w in drawn])
    assert len(np.unique(numbers)) == len(numbers)


def test_a_network_may_have_many_layers():
    model = recurrent(Recall(), "simple_rnn", (1,) * 40, seed=5)
    first = recurrent(Recall(), "simple_rnn", (1,), seed=5)
    assert len(model.layers) == 41
    # Further layers draw further seeds: the first layer stays as it was.
    np.testing.assert_array_equal(
        model.layers[0].get_weights()[0], first.layers[0].get_weights()[0]
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"cell": "lstn"}, ValueError, "cell.*lstm.*'lstn'"),
        ({"readout": "linear"}, ValueError, "readout.*dense.*'linear'"),
        ({"units": ()}, TypeError, r"units.*\(\)"),
        ({"units": 5}, TypeError, "units.*tuple.*5"),
        ({"units": (5, 0)}, ValueError, "units.*at least 1.*0"),
        ({"units": (5, 2.5)}, TypeError, "units.*integer.*2.5"),
        (
            {"units": (5, 3), "readout": None},
            ValueError,
            r"units must end with 2.*answer.*silent.*\(5, 3\)",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        recurrent(Recall(), **arguments)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"episodes": 0}, ValueError, "episodes.*at least 1.*0"),
        ({"batch_size": 2.0}, TypeError, "batch_size.*integer.*2.0"),
        ({"seed": -1}, ValueError, "seed.*at least 0.*-1"),
        ({"units": (0,)}, ValueError, "units.*at least 1.*0"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate.*nan"),
        ({"learning_rate": float("inf")}, ValueError, "learning_rate.*inf"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate.*0.0"),
        ({"schedule": "linear"}, ValueError, "schedule.*cosine.*'linear'"),
        ({"episdes": 3}, TypeError, "episdes"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(fields, error, words):
    with pytest.raises(error, match=words):
        Experiment(Recall(), **fields)


def test_repeating_gives_each_seeds_own_run_bit_for_bit():
    alone = dataclasses.replace(SMALL, seed=2).run()
    for seeds in ([0, 1, 2], [2, 0]):
        runs = {run.settings["seed"]: run for run in repeat(SMALL, seeds)}
        assert list(runs) == seeds
        np.testing.assert_array_equal(runs[2].losses, alone.losses)
        np.testing.assert_array_equal(runs[2].outputs, alone.outputs)
        assert (runs[0].losses != runs[2].losses).all()


# One cell of each class; that the weights are right is asked of all, below.
@pytest.mark.parametrize(
    "cell",
    {entry.layer: cell for cell, entry in CELLS.items()}.values(),
)
def test_any_cell_gives_each_seeds_own_run_bit_for_bit(cell):
    short = Experiment(
        Recall(4, width=1), cell, (2,), "dense", episodes=2, batch_size=2
    )
    alone = dataclasses.replace(short, seed=4).run()
    _, again = repeat(short, [0, 4])
    np.testing.assert_array_equal(again.losses, alone.losses)
    np.testing.assert_array_equal(again.outputs, alone.outputs)


@pytest.mark.parametrize(
    "fields",
    [
        {"cell": "gru", "units": (4, 1), "readout": None},
        {"cell": "simple_rnn", "schedule": "cosine"},
        *({"cell": cell, "units": (2, 3)} for cell in CELLS),
    ],
    ids=str,
)
def test_a_network_starts_again_as_if_built_anew(fields):
    experiment = dataclasses.replace(SMALL, **fields)
    network = ResettableNetwork(experiment.build())
    started = []

    for seed in (7, 3):
        model = network.reset(seed)
        optimizer = [variable.numpy() for variable in model.optimizer.variables]
        started.append([*model.get_weights(), *optimizer])
        for variable in (*model.variables, *model.optimizer.variables):
            variable.assign(variable + 1)
    for seed, found in zip((7, 3), started):
        built = dataclasses.replace(experiment, seed=seed).build()
        weights = built.get_weights()
        for one, other in zip(weights, found):
            np.testing.assert_array_equal(one, other)
        built.optimizer.build(built.trainable_variables)
        states = [variable.numpy() for variable in built.optimizer.variables]
        assert len(weights) + len(states) == len(found)
        for one, other in zip(states, found[len(weights) :]):
            np.testing.assert_array_equal(one, other)


def test_workers_give_the_same_runs_in_the_order_of_the_seeds():
    """In processes, in threads, and here."""
    seeds = [3, 0, 2]
    here = list(repeat(SMALL, seeds, recording=Recording(exam_every=10)))
    there = list(
        repeat(SMALL, seeds, workers=2, recording=Recording(exam_every=10))
    )
    with futures.ThreadPoolExecutor(2) as threads:
        beside = list(
            repeat(
                SMALL,
                seeds,
                workers=2,
                executor=threads,
                recording=Recording(exam_every=10),
            )
        )
    for runs in (there, beside):
        assert [run.settings["seed"] for run in runs] == seeds
        for run, own in zip(runs, here):
            assert run.settings == own.settings
            for name in ("losses", "outputs", "scores", "exams"):
                np.testing.assert_array_equal(
                    getattr(run, name), getattr(own, name)
                )


def test_what_fails_in_a_worker_is_told():
    broken = dataclasses.replace(SMALL, learning_rate=1e38, episodes=3)
    with pytest.raises(FloatingPointError, match="in episode .*clipnorm"):
        list(repeat(broken, [0, 1], workers=2))
    with pytest.raises(ValueError, match="workers.*at least 1.*0"):
        repeat(SMALL, [0], workers=0)
    with pytest.raises(ValueError, match="seed.*at least 0.*-1"):
        repeat(SMALL, [0, -1])


class Counting(futures.Executor):
    """Does the work at once, and counts what nobody has taken yet."""

    def __init__(self):
        self.submitted = []

    def submit(self, call):
        self.submitted.append(call)
        future = futures.Future()
        try:
            future.set_result(call())
        except ValueError as error:
            future.set_exception(error)
        return future


def test_no_more_runs_than_allowed_wait_to_be_taken():
    executor, taken = Counting(), []
    make = functools.partial(contextlib.nullcontext, executor)
    calls = [functools.partial(str, number) for number in range(20)]
    for result in pool.in_order(make, calls, 4):
        taken.append(result)
        assert len(executor.submitted) - len(taken) <= 4
    assert taken == [str(number) for number in range(20)]


def test_what_was_done_is_given_before_it_stops_or_fails():
    def fail():
        raise ValueError("broken")

    make = functools.partial(contextlib.nullcontext, Counting())
    calls = [functools.partial(int, number) for number in (1, 2, 3)]
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 2

    assert [r for _, r in pool.completed(make, calls, 2, stop)] == [1, 2]
    given = pool.completed(make, [fail, calls[1]], 2)
    assert next(given) == (1, 2)
    with pytest.raises(ValueError, match="broken"):
        list(given)


def test_a_worker_that_dies_is_replaced_and_its_work_repeated(tmp_path):
    make = functools.partial(pool.processes, 2)
    calls = [
        functools.partial(workers.die_at_first, tmp_path / str(number), number)
        if number in (1, 4)
        else functools.partial(int, number)
        for number in range(6)
    ]
    found = dict(pool.completed(make, calls, 3))
    assert found == {number: number for number in range(6)}


def test_a_call_that_always_ends_its_worker_is_named():
    make = functools.partial(pool.processes, 1)
    with pytest.raises(RuntimeError, match=r"ended early 3 times.*die\(7\)"):
        list(pool.completed(make, [functools.partial(workers.die, 7)], 2))


def test_no_more_workers_than_pay_off(monkeypatch):
    monkeypatch.setattr(pool, "cores", lambda: 8)
    few = pool.seconds(find("recall-lecture/5-2")["recall-lecture/5-2"])
    large = pool.seconds(dataclasses.replace(SMALL, units=(500,)))
    assert pool.worthwhile(4 * few) == 1 and large > 3 * few
    counts = [pool.worthwhile(work) for work in (0, 5, 10, 1000)]
    assert counts == [1, 2, 4, 8]


def test_a_misspelt_recording_option_is_refused():
    with pytest.raises(TypeError, match="evry"):
        SMALL.run(Recording(evry=3))
    with pytest.raises(TypeError, match="recording must be a Recording.*int"):
        SMALL.run(3)


def test_a_cosine_ends_at_zero():
    model = dataclasses.replace(SMALL, schedule="cosine", episodes=40).build()
    rate = model.optimizer._learning_rate
    steps = np.array([0, 20, 40])
    np.testing.assert_allclose(
        [float(rate(s)) for s in steps], [1e-2, 5e-3, 0], atol=1e-8
    )


def test_a_name_finds_a_group_or_one():
    assert list(find("recall-mastered")) == [
        "recall-mastered/5-2",
        "recall-mastered/5-dense",
    ]
    both = find("recall-lecture", "countdown-lecture/2-2")
    assert list(both)[1:] == ["recall-lecture/20-2", "countdown-lecture/2-2"]
    assert list(find("countdown-lecture/2-2")) == ["countdown-lecture/2-2"]
    for wrong in ("recal", "recall-lecture/9-9", "", "/5-2"):
        with pytest.raises(ValueError, match="experiment.* must be .*got"):
            find(wrong)
    assert len(names()) == sum(map(len, CATALOGUE.values()))


def test_the_catalogue_can_be_built():
    for name in names():
        experiment = find(name)[name]
        assert experiment.build().count_params() > 0
        assert str(experiment.episodes) in str(experiment)


def test_a_recording_is_made_again_from_its_seed(tmp_path):
    """On other versions or processors rounding differs, and grows slowly."""
    name = "recall_lecture"
    kept = recorded(name)
    made = Run.load(recordings.record(name, tmp_path))
    np.testing.assert_allclose(made.losses, kept.losses, rtol=1e-3)
    np.testing.assert_allclose(made.outputs, kept.outputs, atol=1e-3)
    np.testing.assert_array_equal(made.probe.inputs, kept.probe.inputs)


def test_an_ensemble_recording_agrees_with_its_first_seed(monkeypatch):
    found = recordings.RECORDINGS["countdown_lecture_loss"]
    made = recordings.losses(found.experiment, seeds=2)
    kept = recorded("countdown_lecture_loss")
    assert isinstance(kept, Ensemble)
    np.testing.assert_allclose(made.losses, kept.losses[:2], rtol=1e-3)


def test_the_pictures_show_neither_the_best_nor_the_worst_seed():
    folder = data.folder() / "results"
    tables = [results(folder / f"{k}.csv") for k in ("lecture", "particle")]
    table = pd.concat(tables)
    for name, seed in recordings.TYPICAL_SEEDS.items():
        own = table[table["experiment"] == name].sort_values("deviation")
        assert own["seed"].iloc[(len(own) - 1) // 2] == seed, name


def test_an_unknown_recording_is_named():
    with pytest.raises(ValueError, match="recording.*recall_lecture.*'x'"):
        recordings.record("x")


def test_the_readme_shows_the_committed_table():
    table = results(data.folder() / "results" / "lecture.csv")
    readme = data.folder().parent / "README.md"
    assert summary(table) in readme.read_text(encoding="utf-8")
