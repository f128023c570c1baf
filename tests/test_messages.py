"""Whatever is wrong is said in one line, before any work starts."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

from memnets import (
    Countdown,
    Experiment,
    Mixture,
    Recall,
    Recording,
    Run,
    animate_learning,
    by_hand,
    draw,
    find,
    gradient_flow,
    join,
    lecture,
    load,
    load_model,
    make_task,
    plot_comparison,
    plot_gates,
    plot_learning,
    plot_losses,
    plot_recalled_values,
    plot_sequence,
    plot_sequences,
    plot_task,
    plot_units,
    recorded,
    recurrent,
    repeat,
    results,
    save_figure,
    trace,
    train,
)
from memnets.__main__ import main

TASK = Recall()
LINE = Experiment(TASK, episodes=5)


@functools.cache
def batch():
    return TASK.sample(2, np.random.default_rng(0))


@functools.cache
def model():
    return lecture(TASK)


@functools.cache
def run():
    return LINE.run(Recording(every=1))


CALLS = {
    "a name for a task": (lambda: lecture("recall"), r"task.*Recall\(\)"),
    "a class for a task": (lambda: lecture(Recall), "task.*parentheses"),
    "swapped": (lambda: train(TASK, model()), "model must be.*Recall"),
    "no task": (lambda: train(model(), Recall), "task must be a task"),
    "seed": (lambda: train(model(), TASK, seed=-1), "seed.*at least 0.*-1"),
    "episodes": (lambda: train(model(), TASK, 0), "episodes.*at least 1.*0"),
    "half": (lambda: train(model(), TASK, 1.5), "episodes.*integer.*1.5"),
    "engine": (lambda: train(model(), TASK, engine="gpu"), "engine.*'gpu'"),
    "watch": (
        lambda: train(model(), TASK, 5, recording=Recording(watch="x")),
        "watch must be one of lstm_1, lstm_2, got 'x'",
    ),
    "loose": (
        lambda: train(model(), TASK, 5, recording=batch()),
        "recording must be a Recording.*Batch",
    ),
    "not compiled": (
        lambda: train(keras.Sequential([keras.Input((None, 3))]), TASK),
        "model must be compiled",
    ),
    "rare records": (
        lambda: LINE.run(Recording(every=50)),
        "every must be at most the 5 episodes, got 50",
    ),
    "every": (lambda: Recording(every=0), "every.*at least 1.*0"),
    "probe": (lambda: Recording(probe=3), "probe must be a Batch.*int"),
    "foreign probe": (
        lambda: LINE.run(Recording(Countdown().example())),
        r"probe must hold sequences of recall.*\(1, 20, 2\)",
    ),
    "cell": (lambda: Experiment(TASK, cell="foo"), "cell.*lstm.*'foo'"),
    "rate": (
        lambda: Experiment(TASK, learning_rate="0.01"),
        "learning_rate must be a number, got '0.01'",
    ),
    "units": (lambda: Experiment(TASK, units=5), r"units.*\(5, 2\), got 5"),
    "unit": (lambda: Experiment(TASK, units=(5, 0)), "units.*least 1.*0"),
    "task": (lambda: Experiment("recall"), "task must be a task.*'recall'"),
    "schedule": (lambda: Experiment(TASK, schedule="x"), "schedule.*'x'"),
    "readout": (
        lambda: Experiment(TASK, readout="x").run(),
        "readout must be None or one of dense, softmax, got 'x'",
    ),
    "outputs": (
        lambda: Experiment(TASK, units=(5, 3)).run(),
        r"units must end with 2.*\(5, 3\)",
    ),
    "huge batch": (
        lambda: Experiment(TASK, batch_size=10**10).run(),
        "batch_size must be smaller.*GB of memory",
    ),
    "huge layer": (
        lambda: Experiment(TASK, units=(10**6, 2)).run(),
        "units must be smaller.*GB of memory",
    ),
    "one seed": (lambda: repeat(LINE, 8), r"seeds.*range\(8\), got 8"),
    "no experiment": (lambda: repeat(8, range(8)), "experiment.*int"),
    "workers": (lambda: repeat(LINE, [0], workers=0), "workers.*1.*0"),
    "told": (lambda: TASK.sequence(4, [15]), r"told.*\{4: 0.9\}, got 4"),
    "asked": (lambda: TASK.sequence({4: 0.5}, 15), r"asked.*\[15\].*15"),
    "late tell": (
        lambda: TASK.sequence({15: 0.5}, [4]),
        "asked must not be before the first tell at 15, got 4",
    ),
    "value": (
        lambda: TASK.sequence({4: 1.5}, [15]),
        "told must hold values from 0 to 1, got 1.5",
    ),
    "step": (lambda: TASK.sequence({4: 0.5}, [20]), "asked.*0 to 19.*20"),
    "sample": (lambda: TASK.sample(2, 0), "rng must be a numpy Generator"),
    "answers": (
        lambda: TASK.correct(np.zeros((2, 20)), batch()),
        r"outputs.*\(2, 20, 2\), got \(2, 20\)",
    ),
    "task name": (lambda: make_task({"name": "x"}), "task.*recall.*'x'"),
    "parts": (
        lambda: Mixture((TASK, Countdown())),
        "tasks must have equal length and channels",
    ),
    "nothing": (lambda: join([]), "batches must have.*none"),
    "drawn": (lambda: draw(batch(), TASK), "task must be a task"),
    "cell name": (lambda: recurrent(TASK, "lstn"), "cell.*lstm.*'lstn'"),
    "by hand": (lambda: by_hand(model()), "task must be one of recall"),
    "experiment": (lambda: find("x"), "experiment.*recall-lecture.*'x'"),
    "learning": (lambda: plot_learning(model()), "run.*Run, got Seq"),
    "sequence": (lambda: plot_sequence(run(), 7), "sequence.*0 to 0.*7"),
    "episode": (
        lambda: plot_sequence(run(), episode=99),
        "episode must be one that was recorded, such as 5, got 99",
    ),
    "sequences": (lambda: plot_sequences(batch()), "run.*Run, got Batch"),
    "losses": (lambda: plot_losses(run()), "ensemble.*Ensemble, got Run"),
    "values": (lambda: plot_recalled_values(3), "run must be a Run, got int"),
    "hidden": (lambda: plot_units(run()), "run must have watched a layer"),
    "gates": (
        lambda: plot_gates(run(), TASK, batch()),
        "trace must be the Trace of one layer.*Run",
    ),
    "swapped task": (lambda: plot_task(batch(), TASK), "task must be a task"),
    "comparison": (lambda: plot_comparison(run()), "outcomes.*list.*Run"),
    "film": (lambda: animate_learning(model()), "run must be a Run"),
    "inputs": (lambda: trace(model(), batch()), "inputs must be.*Batch"),
    "traced": (lambda: trace(run(), batch().inputs), "model must be.*Run"),
    "gradient": (
        lambda: gradient_flow(model(), batch().inputs),
        "batch must be a Batch.*ndarray",
    ),
    "figure": (lambda: save_figure("x", "."), "name must be among.*'x'"),
    "recording": (lambda: recorded("x"), "recording x is missing"),
    "no file": (lambda: load("none.npz"), "none.npz"),
    "no table": (lambda: results("none.csv"), "none.csv"),
    "no model": (lambda: load_model("none.keras"), "none.keras"),
    "foreign run": (lambda: Run.load(__file__), r"test_messages\.py is not"),
    "foreign model": (
        lambda: load_model(__file__),
        r"test_messages\.py is not",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_call_is_answered_in_one_line(name):
    call, words = CALLS[name]
    errors = (TypeError, ValueError, FileNotFoundError)
    with pytest.raises(errors, match=words) as told:
        call()
    assert "\n" not in str(told.value)


COMMANDS = {
    "": "required: COMMAND",
    "trian recall": "invalid choice: 'trian'",
    "train": "required: TASK",
    "train recal": "invalid choice: 'recal'",
    "train reber --tells 3": "unknown argument --tells 3",
    "train recall --episodes x": "--episodes: invalid int value: 'x'",
    "train recall --cell lstn": "cell must be one of",
    "train recall --tells 99": "tells must be at most 10",
    "train recall --batch-size 10000000000": "batch_size must be smaller",
    "train recall --units 1000000 2": "units must be smaller",
    "train recall --record-every 500": "every must be at most the 300",
    "train recall --tell 15=0.4 --ask 3": "asked must not be before",
    "train recall --tell 4=1.5 --ask 9": "values from 0 to 1, got 1.5",
    "train recall --tell 4": "--tell must be a time step and a value",
    "train countdown --tell 4=2.5": "integer count, got 2.5",
    "train reber --tell 4=1": "drawn at random",
    "train recall --watch x": "watch must be one of lstm_1",
    "train recall --out x.csv": "--out must end in .npz",
    "train recall --out no/x.npz": "must name a file in a folder",
    "train recall --out here.npz": "--force given to overwrite",
    "train recall --resume none.npz": "none.npz",
    "compare recall --vary foo=1": "vary must name one of timesteps",
    "compare recall --vary tells=a": "tells must be an integer, got 'a'",
    "compare recall --vary tells": "--vary must be a field and its values",
    "compare recall --cells gru gru": "cells must differ, got 'gru' twice",
    "compare recall --seeds 3-1": "--seeds must be a number",
    "compare recall --workers 0": "workers must be at least 1",
    "compare recall --style x": "style must be one of",
    "experiments": "needs the NAME of one",
    "experiments x": "experiment must be a group",
    "figures x": "name must be among",
    "figures recall_learning --format gif": "not animated",
    "figures loss": "--run RUN.npz",
    "figures --run here.npz": "--run needs the NAME",
    "figures learning --run here.npz": "here.npz is not a file of memnets",
    "figures memory_by_hand --run here.npz": "not drawn from a run",
    "record x": "recording must be one of",
    "results merge none.csv --out a.csv": "none.csv",
    "results merge here.npz --out a.csv": "here.npz is not a table",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_command_is_answered_in_one_line(
    command, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.npz").write_bytes(b"PK")
    try:
        code = main(command.split())
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr()
    assert code == 2 and COMMANDS[command] in said.err
    assert said.err.count("\n") == 1 and not said.out
    assert [path.name for path in tmp_path.iterdir()] == ["here.npz"]


def test_a_model_with_our_cells_loads_in_a_fresh_process(tmp_path):
    """Which has not imported them; Keras alone would not find the class."""
    path = tmp_path / "model.keras"
    recurrent(TASK, "peephole_lstm", (2,), seed=1).save(path)
    code = f"import memnets; print(memnets.load_model({str(path)!r}).name)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
