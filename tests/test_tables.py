"""A table of results loses no row, holds none twice, and resumes."""

import dataclasses
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from memnets import (
    Countdown,
    Experiment,
    Mixture,
    Recall,
    Recording,
    find,
    results,
)
from memnets.experiments import table as tables
from memnets.experiments.catalogue import CATALOGUE, names
from memnets.experiments.rows import describe, row_of
from memnets.experiments.table import repeat_into
from memnets.records import data
from memnets.records.tables import (
    COLUMNS,
    Table,
    key_of,
    merge,
    quantiles,
    summary,
)

pytestmark = pytest.mark.versions

SMALL = Experiment(
    Recall(width=1),
    units=(3,),
    readout="dense",
    learning_rate=1e-2,
    episodes=30,
)


@pytest.fixture
def small_catalogue(monkeypatch):
    """Two small experiments in the place of the catalogue."""
    slow = dataclasses.replace(SMALL, learning_rate=1e-3)
    group = {"3-dense": SMALL, "slow": slow}
    monkeypatch.setitem(CATALOGUE, "small", group)


def pairs(frame):
    """Return experiment and seed of each row."""
    return list(zip(frame["experiment"], frame["seed"]))


@pytest.fixture
def trained(monkeypatch):
    """Note the seeds that are trained."""
    seeds, run = [], tables.run_on_kept_network

    def counted(experiment, recording, seed, **options):
        seeds.append(seed)
        return run(experiment, recording, seed, **options)

    monkeypatch.setattr(tables, "run_on_kept_network", counted)
    return seeds


def test_a_table_is_written_resumed_and_summarised(
    tmp_path, small_catalogue, trained
):
    path = tmp_path / "table.csv"
    first = repeat_into(path, find("small"), 2, progress=False)
    before = path.read_bytes()
    assert pairs(first) == [
        ("small/3-dense", 0),
        ("small/3-dense", 1),
        ("small/slow", 0),
        ("small/slow", 1),
    ]
    trained.clear()
    repeat_into(path, find("small"), 2, progress=False)
    assert trained == [] and path.read_bytes() == before
    # What an interruption left out is run, and the file is as if never cut.
    lines = before.decode().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    repeat_into(path, find("small/3-dense"), 2, progress=False)
    assert trained == [1] and path.read_bytes() == before
    assert summary(first).splitlines()[1].split()[:3] == [
        "small/3-dense",
        "0/2",
        "0/2",
    ]


def test_other_settings_leave_the_rows_that_there_are(
    tmp_path, small_catalogue, monkeypatch
):
    path = tmp_path / "table.csv"
    repeat_into(path, find("small/3-dense"), 2, progress=False)
    before = path.read_text().splitlines()
    changed = {"3-dense": dataclasses.replace(SMALL, episodes=20)}
    monkeypatch.setitem(CATALOGUE, "small", changed)
    rows = repeat_into(path, find("small"), 2, progress=False)
    assert rows["episodes"].tolist() == [20, 20]
    assert set(before) < set(path.read_text().splitlines())
    assert sorted(results(path)["episodes"]) == [20, 20, 30, 30]
    for units in ((3,), (4,), (3, 2)):
        one = {"lstm": dataclasses.replace(SMALL, units=units)}
        repeat_into(path, one, [5], progress=False)
    units = results(path)["units"]
    assert units.value_counts().to_dict() == {"3": 5, "4": 1, "3-2": 1}


def test_rows_are_removed_only_when_they_are_to_be_run_anew(tmp_path, trained):
    path = tmp_path / "table.csv"
    other = dataclasses.replace(SMALL, episodes=20)
    repeat_into(path, {"a": SMALL, "b": other}, [3, 4], progress=False)
    before = path.read_bytes()
    trained.clear()
    repeat_into(path, {"a": SMALL}, [4], progress=False, redo=True)
    assert trained == [4] and path.read_bytes() == before


@pytest.mark.parametrize("seeds", [[1, 1], [], [-1], 0, True, [0.5]])
def test_seeds_that_are_none_are_refused(tmp_path, seeds):
    with pytest.raises((TypeError, ValueError), match="seeds"):
        repeat_into(tmp_path / "a.csv", {"a": SMALL}, seeds)
    assert not list(tmp_path.iterdir())


def test_workers_write_the_same_table(tmp_path):
    """In threads and in processes, two experiments side by side."""
    written = []
    rnn = dataclasses.replace(SMALL, cell="simple_rnn", episodes=3)
    for workers in (1, 2):
        path = tmp_path / f"{workers}.csv"
        group = {**find("recall-lecture/5-2"), "rnn": rnn}
        repeat_into(path, group, 2, progress=False, workers=workers)
        written.append(path.read_bytes())
    assert written[0] == written[1] and written[0].count(b"\n") == 5


def test_a_row_is_written_as_soon_as_its_run_ends(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    judged = []

    def stop_at_the_third(run):
        if len(judged) == 2:
            raise KeyboardInterrupt
        judged.append(run)
        return row_of(run)

    monkeypatch.setattr(tables, "row_of", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        repeat_into(path, {"a": SMALL}, 5, progress=False)
    assert results(path)["seed"].tolist() == [0, 1]


def row(seed, name="a", **fields):
    """Return a row as a run leaves it."""
    return {
        "experiment": name,
        **describe(SMALL.settings()),
        "seed": seed,
        "mastered": False,
        "correct": 0.25,
        "deviation": 0.125,
        "mastered_after": None,
        "keras": "3.15.1",
        "tensorflow": "2.21.0",
        **fields,
    }


def test_a_frame_has_the_types_of_its_columns(tmp_path):
    path = tmp_path / "a.csv"
    table = Table(path)
    table.append(row(0))
    table.append(row(1, mastered=True, mastered_after=75, deviation=np.inf))
    frame = results(path)
    assert list(frame) == list(COLUMNS)
    assert frame["mastered"].tolist() == [False, True]
    assert frame["mastered"].dtype == bool
    assert frame["mastered_after"].isna().tolist() == [True, False]
    assert frame["mastered_after"].dropna().tolist() == [75]
    assert frame["deviation"].tolist() == [0.125, np.inf]
    assert frame["learning_rate"].tolist() == [0.01, 0.01]
    assert frame["readout"].tolist() == ["dense", "dense"]
    assert frame["units"].tolist() == ["3", "3"]
    assert frame["seed"].dtype.kind == "i"


def test_a_run_stands_in_a_table_once(tmp_path):
    table, other = (Table(tmp_path / "a.csv") for _ in range(2))
    assert table.append(row(3))
    assert not other.append(row(3)) and not table.append(row(3, name="b"))
    assert other.append(row(3, cell="gru")) and other.append(row(4))
    assert len(results(tmp_path / "a.csv")) == 3
    assert table.rows().keys() == other.rows().keys()


def test_rows_stand_in_the_same_order_however_they_came(tmp_path):
    rows = [
        row(seed, name, episodes=number)
        for number, name in enumerate(
            ("lstm", "countdown-lecture/2-2", "recall-lecture/5-2"), start=1
        )
        for seed in (2, 10)
    ]
    written = []
    for k, order in enumerate((rows, rows[::-1], rows[1::2] + rows[::2])):
        table = Table(tmp_path / f"{k}.csv")
        for one in order:
            table.append(one)
        table.arrange(names())
        written.append((tmp_path / f"{k}.csv").read_bytes())
    assert written[0] == written[1] == written[2]
    assert pairs(results(tmp_path / "0.csv")) == [
        ("recall-lecture/5-2", 2),
        ("recall-lecture/5-2", 10),
        ("countdown-lecture/2-2", 2),
        ("countdown-lecture/2-2", 10),
        ("lstm", 2),
        ("lstm", 10),
    ]


def test_a_line_that_was_cut_short_is_dropped_with_a_word(tmp_path):
    """At whatever byte the writer was killed."""
    path, whole = tmp_path / "a.csv", tmp_path / "whole.csv"
    for seed in (0, 1):
        Table(whole).append(row(seed))
    content = whole.read_bytes()
    second = content.index(b"\n", content.index(b"\n") + 1) + 1
    for cut in (1, 20, second - 3, second, second + 1, len(content) - 1):
        path.write_bytes(content[:cut])
        complete = content[:cut].endswith(b"\n")
        if not complete and cut > len(",".join(COLUMNS)):
            with pytest.warns(RuntimeWarning, match=r"a\.csv.*cut short"):
                assert len(results(path)) == int(cut >= second)
        table = Table(path)
        for seed in (0, 1):
            table.append(row(seed))
        assert path.read_bytes() == content, cut


def test_a_full_disk_leaves_the_table_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    table = Table(path)
    table.append(row(0))
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        table.append(row(1))
    assert path.read_bytes() == before
    monkeypatch.undo()
    assert table.append(row(1)) and len(results(path)) == 2


def append_all(path, seeds):
    """Append the rows of some seeds: what a process of its own does."""
    table = Table(path)
    for seed in seeds:
        table.append(row(seed))


def test_writers_that_are_killed_lose_nothing(tmp_path):
    """20 kills at random moments while two processes write the same rows."""
    path, seeds = tmp_path / "a.csv", list(range(400))
    context = multiprocessing.get_context("spawn")
    rng, kills, held = random.Random(1), 0, set()
    while kills < 20:
        writers = [
            context.Process(target=append_all, args=(path, order))
            for order in (seeds, seeds[::-1])
        ]
        for writer in writers:
            writer.start()
        size = path.stat().st_size if path.exists() else 0
        # Not before something was written, or nothing would be cut.
        while not path.exists() or path.stat().st_size == size:
            if not any(writer.is_alive() for writer in writers):
                break
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
            kills += 1
        found = set(Table(path).rows())
        assert held <= found
        held = found
    append_all(path, seeds)
    Table(path).arrange([])
    append_all(tmp_path / "uncut.csv", seeds)
    assert path.read_bytes() == (tmp_path / "uncut.csv").read_bytes()


def test_a_command_that_is_killed_goes_on_where_it_was(tmp_path):
    """The same table as a command that was never cut."""
    command = [sys.executable, "-m", "memnets", "experiments", "--seeds", "12"]
    command += ["recall-mastered/5-2", "--workers", "2", "--out"]
    cut, uncut = tmp_path / "cut.csv", tmp_path / "uncut.csv"
    process = subprocess.Popen(
        [*command, cut], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while not cut.exists() or cut.read_bytes().count(b"\n") < 3:
        assert process.poll() is None or cut.exists()
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = Table(cut).rows()
    assert len(kept) >= 2
    for path in (cut, uncut):
        subprocess.run([*command, path], capture_output=True, check=True)
    assert cut.read_bytes() == uncut.read_bytes()
    assert kept.items() <= Table(uncut).rows().items()


def test_tables_of_several_machines_are_merged(tmp_path):
    parts = [tmp_path / "a.csv", tmp_path / "b.csv"]
    append_all(parts[0], range(0, 6))
    append_all(parts[1], range(3, 9))
    merge(parts, tmp_path / "c.csv")
    append_all(tmp_path / "whole.csv", range(9))
    merged = (tmp_path / "c.csv").read_bytes()
    assert merged == (tmp_path / "whole.csv").read_bytes()
    # Nothing is chosen where two say different things of one run.
    Table(tmp_path / "d.csv").append(row(4, correct=0.5))
    with pytest.raises(ValueError, match=r"d\.csv must agree.*seed 4.*0\.5"):
        merge([*parts, tmp_path / "d.csv"], tmp_path / "e.csv")
    assert not (tmp_path / "e.csv").exists()
    with pytest.raises(FileNotFoundError):
        merge([tmp_path / "none.csv"], tmp_path / "e.csv")


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "\0\xff\n", "row"])
def test_a_damaged_table_is_refused_by_name(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="latin-1")
    if content == "row":
        path.unlink()
        Table(path).append(row(0))
        path.write_text(path.read_text().replace("False", "maybe"))
    for read in (results, Table):
        with pytest.raises(ValueError, match=r"table\.csv is not"):
            read(path)


def test_a_row_says_what_the_run_shows():
    exam = SMALL.task.exam(np.random.default_rng(77))
    recording = Recording(exam, every=30, exam_every=10, final_exam=exam)
    run = SMALL.run(recording)
    found = row_of(run)
    error = np.abs(run.outputs[-1, ..., 0] - exam.targets[..., 0])
    assert found["correct"] == pytest.approx((error < 0.1).all(axis=1).mean())
    assert found["deviation"] == pytest.approx(
        np.square(error).sum(axis=1).mean(), rel=1e-5
    )
    assert found["mastered"] is False and found["mastered_after"] is None
    with pytest.raises(ValueError, match="final exam"):
        row_of(SMALL.run(Recording(every=30)))


def test_a_row_names_all_that_its_task_is():
    said = [
        describe(Experiment(task).settings())
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


@pytest.mark.parametrize(
    ("file", "group", "runs"),
    [
        ("lecture", r"\w+-(lecture|mastered)/", 32),
        ("particle", "hidden-", 5),
        ("words", "next-word-", 10),
    ],
)
def test_the_committed_table_is_of_the_catalogue_as_it_is(file, group, runs):
    frame = results(data.folder() / "results" / f"{file}.csv")
    # The cells have a table of their own, which test_comparison reads.
    seeds = {name: set() for name in names() if re.match(group, name)}
    for one in frame.to_dict("records"):
        (experiment,) = find(one["experiment"]).values()
        now = describe(experiment.settings())
        assert all(one[key] == value for key, value in now.items())
        seeds[one["experiment"]].add(one["seed"])
    assert seeds and all(s == set(range(runs)) for s in seeds.values())


def test_a_seed_that_diverges_has_failed_and_the_others_go_on(tmp_path):
    wild = dataclasses.replace(SMALL, learning_rate=1e30)
    both, path = {"wild": wild, "small": SMALL}, tmp_path / "table.csv"
    frame = repeat_into(path, both, 2, progress=False)
    lost = frame["experiment"] == "wild"
    assert np.isinf(frame["deviation"]).tolist() == lost.tolist()
    assert not frame[lost]["mastered"].any() and lost.sum() == 2
    assert "inf [inf to inf]" in summary(frame)
    before = path.read_bytes()
    repeat_into(path, both, 2, progress=False)
    assert path.read_bytes() == before


def test_quantiles_of_what_is_infinite():
    assert quantiles([1, 2, 3]).tolist() == pytest.approx([1.2, 2, 2.8])
    assert quantiles([1, np.inf, np.inf]).tolist()[1:] == [np.inf] * 2


def test_the_key_of_a_row_is_all_its_settings():
    one = row(0)
    for column in COLUMNS:
        changed = key_of({**one, column: "x"}) != key_of(one)
        result = column in (
            "experiment",
            "mastered",
            "correct",
            "deviation",
            "mastered_after",
            "keras",
            "tensorflow",
        )
        assert changed != result
