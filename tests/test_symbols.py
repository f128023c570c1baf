"""Tasks whose inputs are symbols work wherever those with channels do."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest

from memnets import (
    Batch,
    Experiment,
    Recall,
    Recording,
    Run,
    gradient_flow,
    plot_cell,
    plot_gates,
    plot_task,
    recurrent,
    trace,
)
from memnets.__main__ import main
from memnets.experiments.fields import fields_of
from memnets.tasks import LongLag, LongLagTrigger
from memnets.tasks.base import one_hot

pytestmark = pytest.mark.versions
TASK = LongLagTrigger(timesteps=12, lag=3, symbols=4)


def some(count=3):
    """Return sequences of which the first is shorter than the others."""
    batch = TASK.sample(40, np.random.default_rng(4))
    order = np.argsort(np.count_nonzero(batch.inputs >= 0, axis=1))
    return Batch(*(array[order[[0, *range(1 - count, 0)]]] for array in batch))


@pytest.fixture(scope="module")
def run():
    experiment = Experiment(TASK, "lstm", (4,), "dense", 1e-2, episodes=6)
    return experiment.run(Recording(some(), every=2), progress=False)


def test_a_trace_of_symbols_is_that_of_their_rows():
    model, batch = recurrent(TASK, "lstm", (5,)), some()
    rows = one_hot(batch.inputs, len(TASK.inputs))
    assert rows.shape == (3, 12, 8)
    (mine,), (theirs,) = trace(model, batch.inputs), trace(model, rows)
    for name in mine.names:
        np.testing.assert_array_equal(mine.values[name], theirs.values[name])
    model.compile(optimizer="adam", loss="mse")
    # The error is asked for where the first sequence ends.
    step = int(batch.weights[0].argmax())
    flows = [
        gradient_flow(model, part, step=step)
        for part in (batch, batch._replace(inputs=rows))
    ]
    np.testing.assert_array_equal(flows[0].hidden, flows[1].hidden)
    assert flows[0].hidden[0].max() > 0
    # What is read first moves what comes later, and no other sequence.
    moved = batch.inputs.copy()
    moved[1, 1] = 1 - moved[1, 1]
    (changed,) = trace(model, moved)
    differs = (changed.hidden != mine.hidden).any(axis=-1)
    assert differs[1, 1:].all() and differs.sum() == 11


def test_wrong_symbols_are_refused():
    model = recurrent(TASK, "lstm", (5,))
    with pytest.raises(ValueError, match="symbols below 8, got 8"):
        trace(model, np.full((1, 12), 8))
    with pytest.raises(ValueError, match="shape"):
        trace(model, np.zeros((1, 12)))


@pytest.mark.parametrize("cell", ["lstm", "simple_rnn"])
def test_a_run_keeps_its_symbols_and_traces_them(cell, tmp_path):
    experiment = Experiment(TASK, cell, (4,), "dense", 1e-2, episodes=3)
    # Compiling for XLA would take most of the time.
    engine = "auto" if cell == "lstm" else "graph"
    recording = Recording(some(), every=1)
    made = experiment.run(recording, engine=engine, progress=False)
    made.save(tmp_path / "run.npz")
    loaded = Run.load(tmp_path / "run.npz")
    assert loaded.probe.inputs.dtype == np.int32
    np.testing.assert_array_equal(loaded.probe.inputs, some().inputs)
    found = loaded.trace()
    assert found.traces[0].hidden.shape == (3, 12, 4)
    np.testing.assert_allclose(found.outputs, made.outputs[-1], atol=1e-5)


def test_symbols_are_drawn_where_they_are_read():
    batch = some()
    ax = plot_task(TASK, batch, 1)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == [*TASK.inputs, *TASK.outputs]
    drawn = {
        (round(bar.get_x() + 0.4), round(-bar.get_y()))
        for bar in ax.patches
        if bar.get_height() > 0
    }
    read = {(t, k) for t, k in enumerate(batch.inputs[1].tolist()) if k >= 0}
    (last,) = batch.weights[1].nonzero()[0]
    answer = len(TASK.inputs) + batch.inputs[1, 1]
    assert drawn == read | {(last, answer)}
    told = TASK.inputs[batch.inputs[1, 1]]
    assert f"tell {told}" in [text.get_text() for text in ax.texts]
    plt.close("all")


def test_many_symbols_are_dots_with_some_names():
    task = LongLag(timesteps=40)
    batch = task.exam(np.random.default_rng(0))
    ax = plot_task(task, batch, 1)
    dots = [line.get_xydata() for line in ax.lines if line.get_marker() == "s"]
    assert [len(d) for d in dots] == [40, 40]
    np.testing.assert_array_equal(dots[0][:, 1], -np.sort(batch.inputs[1]))
    assert len(ax.get_yticks()) <= 20
    plt.close("all")


def test_the_inside_is_drawn_with_the_symbol(run, tmp_path):
    found = run.trace()
    batch = run.probe
    ax = plot_cell(found.traces[0], TASK, batch, 0, step=0)
    texts = {text.get_text() for text in ax.texts}
    assert "b" in texts and not {"x", "y", "e"} & texts
    ax = plot_cell(found.traces[0], TASK, batch, 0, step=11)
    assert "no symbol" in {text.get_text() for text in ax.texts}
    axes = plot_gates(found.traces[0], TASK, batch, 0)
    assert axes[0].get_xlim()[1] > 11
    plt.close("all")
    run.save(tmp_path / "run.npz")
    names = "task learning answers loss inside gates cell".split()
    words = f"--run {tmp_path / 'run.npz'} --format png --style slides --out"
    assert main(["figures", *names, *words.split(), str(tmp_path)]) == 0
    for name in names:
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


def test_the_command_line_trains_a_task_of_symbols(tmp_path, capsys):
    out = tmp_path / "own.npz"
    words = (
        "train long-lag --timesteps 9 --reminder --units 4 --readout dense "
        f"--episodes 3 --out {out}"
    )
    assert main(words.split()) == 0
    assert "memoryless 0, perfect 0" in capsys.readouterr().out
    kept = Run.load(out)
    assert kept.task == LongLag(9, reminder=True)
    assert kept.probe.inputs.shape == (1, 9)


def test_a_boolean_field_is_a_flag_without_a_value():
    field = fields_of(LongLag)["reminder"]
    assert field.kind is bool and field.flag == "--reminder"
    assert [field.parse(t) for t in ("true", "False")] == [True, False]
    with pytest.raises(ValueError, match="reminder must be true.*'yes'"):
        field.parse("yes")
    assert "reminder" not in fields_of(Recall)
    settings = dataclasses.replace(TASK, reminder=True).settings()
    assert settings["reminder"] is True
