"""The commands, as they are typed, and the wrong ones."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from memnets import (
    CELLS,
    FIGURES,
    TASKS,
    Countdown,
    Experiment,
    Recall,
    Recording,
    Run,
    results,
)
from memnets import __main__ as command_line
from memnets.experiments import flags as shared_flags
from memnets.experiments import table
from memnets.experiments.catalogue import CATALOGUE, names
from memnets.experiments.compare import USUAL
from memnets.experiments.recordings import RECORDINGS
from memnets.records import data

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def memnets(*words, cwd=None):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "memnets", *words],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def complain(capsys, *words):
    """Run a wrong command; return its one line on stderr."""
    try:
        code = command_line.main(list(words))
    except SystemExit as leaving:
        code = leaving.code
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert err.startswith("memnets") and err.count("\n") == 1, err
    return err


def test_train_as_the_readme_has_it(tmp_path):
    words = "train recall --units 5 2 --episodes 300 --seed 1 --out run.npz"
    done = memnets(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # Up to 2.20 TensorFlow has notices of XLA that nothing turns off.
    notice = re.compile(
        r"[IW]\d{4} |WARNING: All log messages before absl|memnets compiles"
    )
    own = [k for k in done.stderr.splitlines() if not notice.match(k)]
    assert own == []
    assert "recall: lstm 5-2, 300 episodes" in done.stdout
    assert "silent 0.0083" in done.stdout and "not mastered" in done.stdout
    run = Run.load(tmp_path / "run.npz")
    assert run.outputs.shape == (301, 1, 20, 2) and run.task == Recall()
    assert run.settings["seed"] == 1 and run.settings["units"] == [5, 2]


def test_a_run_is_gone_on_with_and_its_network_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = ["train", "recall", "--seed", "3"]
    short = [*train, "--episodes", "40", "--out", "a.npz"]
    assert command_line.main(short) == 0
    more = "train recall --resume a.npz --episodes 60 --out b.npz".split()
    assert command_line.main([*more, "--save", "b.keras"]) == 0
    whole = [*train, "--episodes", "60", "--out", "c.npz"]
    assert command_line.main(whole) == 0
    again, run = Run.load("b.npz"), Run.load("c.npz")
    for mine, its in zip(again.weights, run.weights, strict=True):
        assert mine.tobytes() == its.tobytes()
    np.testing.assert_array_equal(again.outputs, run.outputs)
    model = keras.saving.load_model("b.keras", safe_mode=True)
    answers = model.predict(run.probe.inputs, verbose=0)
    np.testing.assert_allclose(answers, run.outputs[-1], atol=1e-6)
    assert sorted(os.listdir()) == ["a.npz", "b.keras", "b.npz", "c.npz"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("train recall --resume no.npz", "no.npz"),
        ("train recall --resume foreign.npz", "foreign.npz is not a file of"),
        ("train countdown --resume a.npz", "task must be recall, which the"),
        ("train recall --resume a.npz --units 3 2", "--units must be left out"),
        ("train recall --resume a.npz --seed 4", "--seed must be left out"),
        ("train recall --resume a.npz --episodes 5", "episodes must be at lea"),
        ("train recall --resume a.npz --record-every 3", "--record-every must"),
        ("train recall --episodes 2 --save x.h5", "--save must end in .keras"),
    ],
)
def test_a_run_that_cannot_be_gone_on_with_is_refused_in_one_line(
    capsys, words, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run = Experiment(Recall(), episodes=9).run(Recording(every=1))
    run.save("a.npz")
    (tmp_path / "foreign.npz").write_bytes(b"PK")
    assert expected in complain(capsys, *words.split())
    assert sorted(os.listdir()) == ["a.npz", "foreign.npz"]


def test_workers_are_quiet(tmp_path):
    words = "experiments countdown-lecture --seeds 2 --workers 2"
    done = memnets(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    bar = done.stderr.splitlines()[-1:]
    assert all("runs" in line for line in bar), done.stderr


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from memnets import Experiment, Recall, repeat\n"
        'plan = Experiment(Recall(), "simple_rnn", (2,), episodes=2)\n'
        "list(repeat(plan, [0, 1], workers=2))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    # Python's own clearing up may have the last word, but not of an error.
    errors = re.findall(r"^\w+Error: .*", done.stderr, re.MULTILINE)
    assert 'below `if __name__ == "__main__":`' in errors[-1]


def test_list_names_everything(capsys):
    assert command_line.main(["list"]) == 0
    printed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    # Groups that have every cell take one line each.
    found = {
        name.replace("-cells/lstm", "-cells/CELL")
        for name in names()
        if "-cells/" not in name or name.endswith("/lstm")
    }
    assert "recall-cells/CELL" in found
    for catalogue in (TASKS, CELLS, found, FIGURES, RECORDINGS):
        assert set(catalogue) <= printed


def help_of(capsys, command):
    with pytest.raises(SystemExit) as leaving:
        command_line.main([*command.split(), "--help"])
    assert leaving.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    ["", *"list train figures experiments compare results record".split()],
)
def test_help_is_a_page(capsys, command):
    assert len(help_of(capsys, command).splitlines()) > 5


def flags(kind):
    """Return the flags that the fields of a class would have."""
    fields = {field.name for field in dataclasses.fields(kind)} - {"task"}
    return {f"--{name.replace('_', '-')}" for name in fields}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("command", "without"),
    [("train", set()), ("compare", {"--cell", "--seed"})],
)
def test_the_help_of_a_task_shows_its_own_fields(
    capsys, command, without, task
):
    page = help_of(capsys, f"{command} {task}")
    shown = set(re.findall(r"(?m)^  (--[a-z-]+)", page))
    own, experiment = flags(TASKS[task]), flags(Experiment)
    assert "--timesteps" in own and own | (experiment - without) <= shown
    others = set().union(*map(flags, TASKS.values()))
    assert not shown & (others - own | without)
    # Each is described by the docstring of its class.
    assert "Positive float, the learning rate of Adam" in page
    assert ("from 1 to `timesteps // 2`." in page) == (task == "recall")


def test_every_field_has_its_flag(monkeypatch, tmp_path):
    trained = []

    def note(self, recording, *, before):
        trained.append((self, recording))
        raise KeyboardInterrupt

    monkeypatch.setattr(Experiment, "run", note)
    words = (
        "train recall --timesteps 30 --tells 2 --asks 3 --width 1 --cell gru "
        "--units 7 4 --readout dense --learning-rate 0.02 --schedule cosine "
        "--episodes 70 --batch-size 8 --seed 9 --record-every 5"
    )
    assert command_line.main(words.split()) == 130
    assert trained[0][0] == Experiment(
        Recall(30, 2, 3, 1), "gru", (7, 4), "dense", 0.02, "cosine", 70, 8, 9
    )
    recording = trained[0][1]
    assert recording.every == 5 and recording.exam_every == 70
    command_line.main(["train", "countdown", "--longest", "3"])
    assert trained[1][0] == Experiment(Countdown(longest=3), units=(2, 2))
    command_line.main("train recall --readout none".split())
    assert trained[2][0].readout is None


def test_all_that_is_compared_is_alike_but_for_the_cell(monkeypatch, tmp_path):
    asked = []

    def note(path, compared, seeds, **options):
        asked.append((path.name, compared, seeds, options))
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "repeat_into", note)
    monkeypatch.chdir(tmp_path)
    words = (
        "compare countdown --timesteps 30 --longest 4 --cells gru min_gru "
        "--units 7 4 --readout dense --learning-rate 0.02 --schedule cosine "
        "--episodes 70 --batch-size 8 --seeds 3 --workers 2 --out a.csv"
    )
    assert command_line.main(words.split()) == 130
    task = Countdown(30, longest=4)
    rest = ((7, 4), "dense", 0.02, "cosine", 70, 8)
    cells = ("gru", "min_gru")
    wanted = {cell: Experiment(task, cell, *rest) for cell in cells}
    options = {"workers": 2, "executor": None, "redo": False}
    assert asked.pop() == ("a.csv", wanted, range(3), options)
    words = "compare recall --seeds 5-7 --redo"
    assert command_line.main(words.split()) == 130
    options = {"workers": None, "executor": None, "redo": True}
    assert asked.pop()[2:] == (range(5, 8), options)
    assert command_line.main(["compare", "recall"]) == 130
    (found,) = asked
    assert found[0] == "compare.csv" and found[2] == range(32)
    mastered = CATALOGUE["recall-mastered"]["5-dense"]
    assert list(found[1]) == USUAL and found[1]["lstm"] == mastered


def test_a_comparison_is_made_told_and_drawn(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = (
        "compare recall --timesteps 4 --cells gru min_gru --units 2 --seeds 2 "
        "--episodes 25 --workers 1 --figure a.svg"
    ).split()
    assert command_line.main(words) == 0
    first = capsys.readouterr().out
    # 2 units of a GRU, which sees 3 inputs, and a readout of 2.
    gru, minimal = 3 * 2 * (3 + 2 + 2) + 6, 2 * 2 * (3 + 1) + 6
    for line, cell, count in zip(
        first.splitlines()[1:3], ("gru", "min_gru"), (gru, minimal)
    ):
        assert line.split()[:3] == [cell, str(count), "0/2"]
    there = [".compare.csv.lock", "a.svg", "compare.csv"]
    assert sorted(os.listdir()) == there
    files = {name: (tmp_path / name).read_bytes() for name in os.listdir()}
    # Nothing is left to train.
    monkeypatch.setattr(table, "run_on_kept_network", None)
    assert command_line.main(words) == 0
    assert capsys.readouterr().out == first
    for name, content in files.items():
        assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("train recal", "argument TASK: invalid choice: 'recal'"),
        ("train recal", "embedded-reber"),
        ("train", "required: TASK"),
        ("train recall --units 0", "units must be at least 1, got 0"),
        ("train recall --units x", "--units: invalid int value: 'x'"),
        ("train recall --units 5 3", "units must end with 2"),
        ("train recall --episodes -1", "episodes must be at least 1, got -1"),
        ("train recall --learning-rate nan", "learning_rate must be"),
        ("train recall --learning-rate 0", "learning_rate must be"),
        ("train recall --seed -3", "seed must be at least 0, got -3"),
        ("train recall --record-every 0", "every must be at least 1, got 0"),
        ("train recall --timesteps 3", "timesteps must be at least 4, got 3"),
        ("train recall --tells 11", "tells must be at most 10"),
        ("train countdown --tells 2", "train countdown: unknown argument --t"),
        ("train reber --tells 3", "unknown argument --tells 3; memnets train"),
        ("compare reber --tells 3", "unknown argument --tells 3; memnets com"),
        ("train recall --cell lstn", "cell must be one of lstm, gru"),
        ("train recall --readout x", "readout must be None or one of dense"),
        ("train recall --schedule x", "schedule must be one of constant"),
        ("train recall --units 5 2 --out x.npy", "--out must end in .npz"),
        ("train recall --out none/x.npz", "--out must name a file"),
        ("train recall --epochs 3", "--epochs"),
        ("experiments recal", "experiment must be a group (recall-lecture, "),
        ("experiments recall-lecture/4", "must be one of 5-2, 20-2, got '4'"),
        ("experiments recall-lecture --seeds 0", "--seeds must be a number of"),
        ("experiments recall-lecture --workers 0", "workers must be at least"),
        ("experiments recall-lecture --out x.txt", "--out must end in .csv"),
        ("compare recal", "argument TASK: invalid choice: 'recal'"),
        ("compare", "required: TASK"),
        ("compare recall --cells lstn", "cell must be one of lstm, gru"),
        ("compare recall --cells lstn", "lstm_fgr, got 'lstn'"),
        ("compare recall --cells gru gru", "cells must differ, got 'gru' twi"),
        ("compare recall --cells", "--cells"),
        ("compare recall --seeds 0", "--seeds must be a number of at least 1"),
        ("compare recall --seeds 7-5", "a range such as 100-131, got 7-5"),
        ("compare recall --seed 3", "unknown argument --seed 3"),
        ("compare recall --cell gru", "unknown argument --cell gru"),
        ("compare recall --workers 0", "workers must be at least 1"),
        ("compare recall --units 5 --readout none", "units must end with 2"),
        ("compare recall --out x.txt", "--out must end in .csv"),
        ("compare recall --figure x.bmp", "--figure must end in .png or .svg"),
        ("compare recall --figure no/x.png", "--figure must name a file"),
        ("compare recall --style x", "style must be one of slides, slides_d"),
        ("figures recal", "recall_learning"),
        ("figures --format bmp", "'bmp'"),
        ("figures --style dark", "'dark'"),
        ("record recal", "recording must be one of recall_lecture"),
        ("tarin recall", "'tarin'"),
        ("", "COMMAND"),
    ],
)
def test_the_wrong_thing_is_one_line(
    capsys, words, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert expected in complain(capsys, *words.split())
    assert os.listdir(tmp_path) == []


def test_an_unwritable_folder_is_refused_before_the_training(
    capsys, tmp_path, monkeypatch
):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(shared_flags.tempfile, "TemporaryFile", refuse)
    for words in (
        ["train", "recall"],
        ["experiments", "recall-lecture"],
        ["compare", "recall"],
    ):
        ending = "npz" if words[0] == "train" else "csv"
        out = str(tmp_path / f"x.{ending}")
        line = complain(capsys, *words, "--out", out)
        assert "--out" in line and out in line


def recording_file(name):
    return data.folder() / "runs" / f"{name}.npz"


def test_a_damaged_recording_is_one_line(capsys, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    whole = recording_file("recall_lecture").read_bytes()
    damaged = tmp_path / "runs" / "recall_lecture.npz"
    damaged.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(data, "folder", lambda: tmp_path)
    words = ("figures", "recall_learning", "--out", str(tmp_path / "out"))
    assert str(damaged) in complain(capsys, *words)
    damaged.unlink()
    line = complain(capsys, *words)
    assert "recall_lecture" in line and "memnets record" in line


def test_a_damaged_table_is_one_line(capsys, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("something else\n")
    words = ("experiments", "recall-lecture", "--out", str(path))
    assert f"{path} is not a table" in complain(capsys, *words)
    assert path.read_text() == "something else\n"


def test_a_loss_that_is_not_finite_is_one_line(capsys, monkeypatch):
    def diverge(self, recording, **options):
        raise FloatingPointError("the loss became nan in episode 3")

    monkeypatch.setattr(Experiment, "run", diverge)
    assert command_line.main(["train", "recall"]) == 1
    assert capsys.readouterr().err == (
        "memnets: the loss became nan in episode 3\n"
    )


def test_ctrl_c_keeps_the_run_so_far(tmp_path):
    words = "train recall --episodes 400000 --record-every 1000 --out run.npz"
    process = subprocess.Popen(
        [sys.executable, "-m", "memnets", *words.split()],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The progress bar shows that the training is under way.
    seen = ""
    deadline = time.monotonic() + 120
    while "episodes/s" not in seen and time.monotonic() < deadline:
        seen += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted" in err.splitlines()[-1] and "Traceback" not in err
    run = Run.load(tmp_path / "run.npz")
    assert 0 < len(run.losses) < 400_000 and run.settings["interrupted"]
    assert f"{len(run.losses)} episodes" in out
    assert np.isfinite(run.losses).all()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("by", ["ctrl-c", "kill"])
def test_no_worker_is_left_behind(tmp_path, by):
    words = "experiments countdown-lecture --seeds 400 --workers 2"
    process = subprocess.Popen(
        [sys.executable, "-m", "memnets", *words.split()],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    rows_file = tmp_path / "results.csv"
    deadline = time.monotonic() + 120
    while not rows_file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if by == "kill":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    rows = results(rows_file)
    assert 0 < len(rows) < 400
    if by == "ctrl-c":
        assert process.returncode == 130
        assert "interrupted" in err.splitlines()[-1] and "Traceback" not in err
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("a process of the group was left")


def test_figures_are_written_where_they_are_wanted(tmp_path):
    words = "figures recall_learning --format svg --style slides --out DIR"
    done = memnets(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path / "DIR") == ["recall_learning.svg"]
    assert done.stdout.split() == ["DIR/recall_learning.svg"]


def test_ones_own_run_is_drawn_as_a_figure(tmp_path, capsys):
    run = str(recording_file("recall_mastered"))
    out = ("--format", "svg", "--style", "slides", "--out", str(tmp_path))
    words = ("figures", "recall_learning", "--run", run, *out)
    assert command_line.main(words) == 0
    drawn = (tmp_path / "recall_learning.svg").read_text()
    assert "recall_mastered.npz: experiment recall-mastered/5-2" in drawn
    assert "300 episodes" not in drawn  # the title of the recorded run
    capsys.readouterr()
    for figure, expected in (
        ("countdown_learning", "run must be a run of countdown"),
        ("recall_loss", "run must be None for recall_loss"),
        ("recal", "recall_learning"),
    ):
        line = complain(capsys, "figures", figure, "--run", run, *out)
        assert expected in line
    assert "--run needs" in complain(capsys, "figures", "--run", run)
    truncated = tmp_path / "truncated.npz"
    whole = recording_file("recall_mastered").read_bytes()
    truncated.write_bytes(whole[:9000])
    words = ("figures", "recall_learning", "--run", str(truncated), *out)
    assert "truncated.npz is not a file of memnets" in complain(capsys, *words)
