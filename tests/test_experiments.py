"""Experiments are data, and repeating one changes nothing but the seed."""

import csv
import dataclasses
import threading
import time
from concurrent import futures

import keras
import numpy as np
import pytest

from memnets import experiments, paths, pool, recordings, registry, results
from memnets.experiments import CATALOGUE, Experiment, find, judge, names
from memnets.networks import CELLS, lecture, recurrent
from memnets.runs import Ensemble, Run
from memnets.tasks import Countdown, Mixture, Recall

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
        runs = {run.settings["seed"]: run for run in SMALL.repeat(seeds)}
        assert list(runs) == seeds
        np.testing.assert_array_equal(runs[2].losses, alone.losses)
        np.testing.assert_array_equal(runs[2].outputs, alone.outputs)
        assert (runs[0].losses != runs[2].losses).all()


# One cell of each class; that the weights are right is asked of all, below.
@pytest.mark.parametrize(
    "cell",
    {entry.layer: cell for cell, entry in registry.CELLS.items()}.values(),
)
def test_any_cell_gives_each_seeds_own_run_bit_for_bit(cell):
    short = Experiment(
        Recall(4, width=1), cell, (2,), "dense", episodes=2, batch_size=2
    )
    alone = dataclasses.replace(short, seed=4).run()
    _, again = short.repeat([0, 4])
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
    network = experiments._Network(experiment)
    started = []

    for seed in (7, 3):
        model = network.begin(seed)
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
    here = list(SMALL.repeat(seeds, examine_every=10))
    there = list(SMALL.repeat(seeds, examine_every=10, workers=2))
    with futures.ThreadPoolExecutor(2) as threads:
        beside = list(
            SMALL.repeat(seeds, examine_every=10, workers=2, executor=threads)
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
        list(broken.repeat([0, 1], workers=2))
    with pytest.raises(ValueError, match="workers.*at least 1.*0"):
        SMALL.repeat([0], workers=0)
    with pytest.raises(ValueError, match="seed.*at least 0.*-1"):
        SMALL.repeat([0, -1])


class Counting(futures.Executor):
    """Does the work at once, and counts what nobody has taken yet."""

    def __init__(self):
        self.submitted = []

    def submit(self, call, seed):
        self.submitted.append(seed)
        future = futures.Future()
        future.set_result(call(seed))
        return future


def test_no_more_runs_than_allowed_wait_to_be_taken():
    executor = Counting()
    taken = []
    for result in pool.in_order(executor, str, range(20), 4):
        taken.append(result)
        assert len(executor.submitted) - len(taken) <= 4
    assert taken == [str(seed) for seed in range(20)]


def test_a_lane_stays_with_a_job_and_then_helps():
    lanes = [futures.ThreadPoolExecutor(1) for _ in range(2)]
    did = []

    def doing(name):
        def call(seed):
            did.append((threading.current_thread().name, name))
            time.sleep(0.01)
            return name, seed

        return call

    jobs = [pool.Job(doing("long"), list(range(20)), 10.0)]
    jobs += [pool.Job(doing(f"short {k}"), [0, 1], 1.0) for k in range(3)]
    found = list(pool.as_completed(lanes, jobs, lambda: False))
    assert len(found) == len(set(found)) == 26
    # One lane did all the short jobs, each in one go, then came to help.
    (helper,) = {lane for lane, name in did if name != "long"}
    own = [name for lane, name in did if lane == helper]
    changes = [b for a, b in zip([None, *own], own) if a != b]
    assert len(changes) == 4 and changes[-1] == "long"


def test_what_was_done_is_given_before_it_stops_or_fails():
    lanes = [Counting(), Counting()]

    def call(seed):
        return seed

    def fail(seed):
        future = futures.Future()
        future.set_exception(ValueError("broken"))
        return future

    jobs = [pool.Job(call, [1, 2, 3], 1.0)]
    assert list(pool.as_completed(lanes, jobs, lambda: True)) == [1, 2]
    lanes[0].submit = lambda call, seed: fail(seed)
    given = pool.as_completed(lanes, jobs, lambda: False)
    assert next(given) == 2
    with pytest.raises(ValueError, match="broken"):
        list(given)


def test_no_more_workers_than_pay_off(monkeypatch):
    monkeypatch.setattr(pool, "cores", lambda: 8)
    few = pool.seconds(find("recall-lecture/5-2")["recall-lecture/5-2"])
    large = pool.seconds(dataclasses.replace(SMALL, units=(500,)))
    assert pool.worthwhile(4 * few) == 1 and large > 3 * few
    counts = [pool.worthwhile(work) for work in (0, 5, 10, 1000)]
    assert counts == [1, 2, 4, 8]


def test_a_misspelt_recording_option_is_refused():
    with pytest.raises(TypeError, match="record_evry"):
        SMALL.run(record_evry=3)


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


@pytest.fixture
def small_catalogue(monkeypatch):
    """Two small experiments in the place of the catalogue."""
    group = {"3-dense": SMALL, "slow": dataclasses.replace(SMALL, seed=0)}
    monkeypatch.setitem(experiments.CATALOGUE, "small", group)


def test_a_table_is_written_resumed_and_summarised(
    tmp_path, small_catalogue, monkeypatch, capsys
):
    path = tmp_path / "table.csv"
    first = results.repeat_into(path, find("small"), 2, progress=False)
    before = path.read_bytes()
    assert [(row["experiment"], row["seed"]) for row in first] == [
        ("small/3-dense", "0"),
        ("small/3-dense", "1"),
        ("small/slow", "0"),
        ("small/slow", "1"),
    ]
    trained = []
    run_kept = experiments.run_kept

    def counted(experiment, probe, recording, seed):
        trained.append(seed)
        return run_kept(experiment, probe, recording, seed)

    monkeypatch.setattr(results, "run_kept", counted)
    results.repeat_into(path, find("small"), 2, progress=False)
    assert trained == [] and path.read_bytes() == before
    # What an interruption left out is run, and the file is as if never cut.
    lines = before.decode().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    results.repeat_into(path, find("small/3-dense"), 2, progress=False)
    assert trained == [1] and path.read_bytes() == before
    # A changed experiment is run anew, the others are left alone.
    changed = {"3-dense": dataclasses.replace(SMALL, episodes=20)}
    monkeypatch.setitem(experiments.CATALOGUE, "small", changed)
    rows = results.repeat_into(path, find("small"), 2)
    assert {row["episodes"] for row in rows} == {"20"}
    assert "2 rows of" in capsys.readouterr().err
    assert len(results.read_table(path)) == 4
    assert results.summary(rows).splitlines()[1].split()[:3] == [
        "small/3-dense",
        "0/2",
        "0/2",
    ]


def test_workers_write_the_same_table(tmp_path):
    """From runs of two experiments that are trained side by side."""
    tables = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.csv"
        group = find("recall-lecture/5-2", "countdown-lecture")
        results.repeat_into(path, group, 2, progress=False, workers=workers)
        tables.append(path.read_bytes())
    assert tables[0] == tables[1] and tables[0].count(b"\n") == 5


def test_a_row_is_written_as_soon_as_its_run_ends(
    tmp_path, small_catalogue, monkeypatch
):
    path = tmp_path / "table.csv"
    judged = []

    def stop_at_the_third(run):
        if len(judged) == 2:
            raise KeyboardInterrupt
        judged.append(run)
        return judge(run)

    monkeypatch.setattr(results, "judge", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        results.repeat_into(path, find("small/3-dense"), 5, progress=False)
    assert [row["seed"] for row in results.read_table(path)] == ["0", "1"]


def test_a_row_says_what_the_run_shows():
    probe = SMALL.task.exam(np.random.default_rng(77))
    run = SMALL.run(probe, record_every=30, examine_every=10)
    row = judge(run)
    error = np.abs(run.outputs[-1, ..., 0] - probe.targets[..., 0])
    assert row["correct"] == pytest.approx((error < 0.1).all(axis=1).mean())
    assert row["deviation"] == pytest.approx(
        np.square(error).sum(axis=1).mean(), rel=1e-5
    )
    assert row["mastered"] is False and row["mastered_after"] is None


def test_a_row_names_all_that_its_task_is():
    said = [
        experiments.describe(Experiment(task).settings())
        for task in (
            Recall(),
            Recall(30, tells=2, width=1),
            Countdown(longest=3),
            Mixture((Recall(30), Recall(30, asks=2))),
        )
    ]
    assert [(row["task"], row["timesteps"]) for row in said[:3]] == [
        ("recall", 20),
        ("recall tells=2 width=1", 30),
        ("countdown longest=3", 20),
    ]
    assert said[3]["timesteps"] == 30 and "asks=2" in said[3]["task"]


def test_rows_stand_in_the_same_order_however_they_came(tmp_path):
    rows = [
        dict.fromkeys(results.COLUMNS, 0) | {"experiment": name, "seed": seed}
        for name in ("lstm", "countdown-lecture/2-2", "recall-lecture/5-2")
        for seed in (2, 10)
    ]
    tables = []
    for k, order in enumerate((rows, rows[::-1], rows[1::2] + rows[::2])):
        results.write_table(order, tmp_path / f"{k}.csv")
        tables.append((tmp_path / f"{k}.csv").read_bytes())
    assert tables[0] == tables[1] == tables[2]
    found = results.read_table(tmp_path / "0.csv")
    assert [(row["experiment"], row["seed"]) for row in found] == [
        ("recall-lecture/5-2", "2"),
        ("recall-lecture/5-2", "10"),
        ("countdown-lecture/2-2", "2"),
        ("countdown-lecture/2-2", "10"),
        ("lstm", "2"),
        ("lstm", "10"),
    ]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\0\xff", "cut"])
def test_a_damaged_table_is_refused_by_name(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="latin-1")
    if content == "cut":
        results.write_table([], path)
        path.write_text(path.read_text() + "recall-lecture/5-2,recall,20")
    with pytest.raises(ValueError, match=r"table\.csv is not"):
        results.read_table(path)


def test_the_committed_table_is_of_the_catalogue_as_it_is():
    path = paths.data() / "results" / "lecture.csv"
    rows = results.read_table(path)
    # The cells have a table of their own, which test_comparison reads.
    seeds = {name: set() for name in names() if "-cells/" not in name}
    for row in rows:
        now = experiments.describe(
            find(row["experiment"])[row["experiment"]].settings()
        )
        assert all(row[key] == str(value) for key, value in now.items())
        seeds[row["experiment"]].add(int(row["seed"]))
    assert all(found == set(range(32)) for found in seeds.values())
    with open(path, newline="") as file:
        assert next(csv.reader(file)) == list(results.COLUMNS)


def test_a_recording_is_made_again_from_its_seed(tmp_path):
    """On other versions or processors rounding differs, and grows slowly."""
    name = "recall_lecture"
    kept = Run.load(paths.run(name))
    made = Run.load(recordings.record(name, tmp_path))
    np.testing.assert_allclose(made.losses, kept.losses, rtol=1e-3)
    np.testing.assert_allclose(made.outputs, kept.outputs, atol=1e-3)
    np.testing.assert_array_equal(made.probe.inputs, kept.probe.inputs)


def test_an_ensemble_recording_agrees_with_its_first_seed(monkeypatch):
    recording = dataclasses.replace(
        recordings.RECORDINGS["countdown_lecture_loss"], seeds=2
    )
    made = recording.make()
    kept = Ensemble.load(paths.run("countdown_lecture_loss"))
    np.testing.assert_allclose(made.losses, kept.losses[:2], rtol=1e-3)


def test_the_pictures_show_neither_the_best_nor_the_worst_seed():
    rows = results.read_table(paths.data() / "results" / "lecture.csv")
    for name, seed in recordings.TYPICAL_SEEDS.items():
        own = [row for row in rows if row["experiment"] == name]
        own.sort(key=lambda row: float(row["deviation"]))
        assert int(own[(len(own) - 1) // 2]["seed"]) == seed, name


def test_an_unknown_recording_is_named():
    with pytest.raises(ValueError, match="recording.*recall_lecture.*'x'"):
        recordings.record("x")


def test_the_readme_shows_the_committed_table():
    rows = results.read_table(paths.data() / "results" / "lecture.csv")
    readme = paths.data().parent / "README.md"
    assert results.summary(rows) in readme.read_text(encoding="utf-8")


def test_a_seed_that_diverges_has_failed_and_the_others_go_on(
    tmp_path, monkeypatch
):
    wild = dataclasses.replace(SMALL, learning_rate=1e30, episodes=30)
    monkeypatch.setitem(experiments.CATALOGUE, "wild", {"one": wild})
    monkeypatch.setitem(experiments.CATALOGUE, "small", {"one": SMALL})
    both = find("wild", "small")
    path = tmp_path / "table.csv"
    rows = results.repeat_into(path, both, 2, progress=False)
    assert [row["deviation"] == "inf" for row in rows] == [
        row["experiment"] == "wild/one" for row in rows
    ]
    assert {row["mastered"] for row in rows if row["deviation"] == "inf"} == {
        "False"
    }
    assert "inf [inf to inf]" in results.summary(rows)
    before = path.read_bytes()
    results.repeat_into(path, both, 2, progress=False)
    assert path.read_bytes() == before


def test_quantiles_of_what_is_infinite():
    assert results.quantiles([1, 2, 3]).tolist() == pytest.approx([1.2, 2, 2.8])
    assert results.quantiles([1, np.inf, np.inf]).tolist()[1:] == [np.inf] * 2
