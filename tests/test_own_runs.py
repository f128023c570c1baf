"""A user's own runs as slides, and sweeps over any field."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import SMALLEST, check_legible

from memnets import (
    FIGURES,
    Countdown,
    Experiment,
    Reber,
    Recall,
    Recording,
    Run,
    results,
    save_figure,
)
from memnets.__main__ import main
from memnets.experiments.compare import side_by_side, title_of
from memnets.experiments.fields import fields_of
from memnets.experiments.table import repeat_into
from memnets.figures.own import load_own
from memnets.figures.own import title_of as own_title
from memnets.plots.sweep import plot_sweep
from memnets.records.outcomes import outcomes, wilson
from memnets.records.trace import NetworkTrace

SHORT = Experiment(Recall(), episodes=20, learning_rate=0.01)


def task_run(task, **fields):
    experiment = Experiment(task, units=(3,), readout="dense", episodes=20)
    experiment = dataclasses.replace(experiment, **fields)
    return experiment.run(Recording(task.example(), every=5))


@pytest.fixture(scope="module")
def runs():
    """Runs of several tasks, cells and recordings."""
    thirty = Recall().sample(30, np.random.default_rng(0))
    ninety = Countdown().exam(np.random.default_rng(0))
    return {
        "recall": SHORT.run(Recording(Recall().example(), every=5)),
        "thirty": SHORT.run(Recording(thirty, every=5)),
        "countdown": Experiment(Countdown(), episodes=20).run(
            Recording(ninety, every=5, watch="lstm_1")
        ),
        "reber": task_run(Reber()),
        "gru": task_run(Recall(), cell="gru"),
        "simple_rnn": task_run(Recall(), cell="simple_rnn"),
    }


OWN = [name for name, entry in FIGURES.items() if entry.own is not None]


@pytest.mark.parametrize("name", OWN)
def test_a_figure_draws_a_run_or_says_which_it_needs(name, runs, tmp_path):
    """Any figure, any run: a picture, or one line before any is written."""
    drawn = []
    for label, run in runs.items():
        folder = tmp_path / label
        try:
            (path,) = save_figure(name, folder, ["png"], "notebook", run)
        except ValueError as error:
            needs = FIGURES[name].own.needs
            assert f"run must be {needs} for {name}" in str(error)
            assert not folder.exists()
            continue
        assert path.stat().st_size > 4000
        drawn.append(label)
    wanted = {
        "recall_sequences": ["thirty"],
        "recall_asked_twice": ["thirty"],
        "recall_values": ["thirty"],
        "countdown_units": ["countdown"],
        "cell": ["recall", "thirty", "countdown", "reber"],
        "cell_film": ["recall", "thirty", "countdown", "reber"],
        "gates": ["recall", "thirty", "countdown", "reber", "gru"],
        "inside": ["recall", "thirty", "countdown", "reber", "gru"],
    }
    for task in ("recall", "countdown"):
        own = [label for label, r in runs.items() if r.task.name == task]
        for kind in ("task", "learning", "learning_mastered", "animation"):
            wanted[f"{task}_{kind}"] = own
    assert drawn == wanted.get(name, list(runs))


@pytest.mark.parametrize("style", ["slides", "slides_dark", "notebook"])
@pytest.mark.parametrize(
    "name", [name for name, entry in FIGURES.items() if entry.needs_run]
)
def test_a_general_figure_is_legible(name, style, runs):
    own = FIGURES[name].own
    (record,) = load_own(name, own, [runs["recall"]]).values()
    with plt.style.context(f"memnets.plots.styles.{style}"):
        figure = plt.figure(layout="constrained")
        figure.suptitle(own_title(record))
        (own.draw or FIGURES[name].draw)(figure, record)
    check_legible(figure, smallest=SMALLEST[style])
    plt.close(figure)


def test_a_title_says_what_the_run_was(runs):
    said = own_title(runs["countdown"])
    assert said == "countdown: lstm 5-2, 20 episodes, Adam 0.001, seed 0"


def test_several_runs_lie_over_each_other(runs, tmp_path):
    files = []
    for seed in (1, 2, 3):
        run = dataclasses.replace(SHORT, seed=seed).run(
            Recording(Recall().example(), every=20)
        )
        files.append(tmp_path / f"{seed}.npz")
        run.save(files[-1])
    entry = FIGURES["answers"]
    loaded = load_own("answers", entry.own, files)
    assert list(loaded) == ["1.npz", "2.npz", "3.npz"]
    figure = plt.figure()
    entry.own.draw(figure, *loaded.values(), labels=list(loaded))
    (ax,) = figure.axes
    lines = [line for line in ax.lines if len(line.get_ydata()) == 20]
    for line, run in zip(lines, loaded.values()):
        np.testing.assert_array_equal(
            line.get_ydata(), run.outputs[-1, 0, :, 0]
        )
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {*loaded, "target"} == set(names)
    plt.close(figure)
    with pytest.raises(ValueError, match="the same sequences as"):
        save_figure(
            "answers",
            tmp_path,
            ["png"],
            "notebook",
            [files[0], runs["countdown"]],
        )
    with pytest.raises(
        ValueError, match="run must be a single run for learning"
    ):
        save_figure("learning", tmp_path, ["png"], "notebook", files)


def test_the_inside_of_a_run_is_that_of_its_model(runs):
    traced = runs["recall"].trace()
    assert isinstance(traced, NetworkTrace)
    np.testing.assert_allclose(
        traced.outputs, runs["recall"].outputs[-1], atol=1e-6
    )
    assert [trace.layer for trace in traced.traces] == ["lstm_1", "lstm_2"]


@pytest.mark.parametrize("text", [True, False])
def test_letters_of_an_svg_can_stay_letters(runs, tmp_path, text):
    (path,) = save_figure(
        "loss", tmp_path, ["svg"], "slides", runs["recall"], text=text
    )
    svg = path.read_text()
    assert ("<text" in svg) == text and ("learning episode" in svg)


def test_every_seed_records_the_same_sequence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in ("1", "2"):
        words = ["--episodes", "3", "--seed", seed, "--out", f"{seed}.npz"]
        assert main(["train", "recall", *words]) == 0
    one, two = (Run.load(f"{seed}.npz").probe for seed in (1, 2))
    np.testing.assert_array_equal(one.inputs, two.inputs)
    assert one.inputs[0, 4].tolist() == pytest.approx([1, 0.9, 0])
    words = "train recall --episodes 3 --tell 2=0.5 9=0.25 --ask 4 12"
    assert main([*words.split(), "--out", "own.npz"]) == 0
    answers = Run.load("own.npz").probe.targets[0, :, 0]
    assert answers.nonzero()[0].tolist() == [4, 12]
    assert answers[[4, 12]].tolist() == [0.5, 0.25]
    words = "train recall --episodes 3 --sequences 7 --watch lstm_2"
    assert main([*words.split(), "--out", "seven.npz"]) == 0
    run = Run.load("seven.npz")
    assert run.outputs.shape[1] == 7 and run.hidden is not None


def test_a_field_is_read_as_its_class_has_it():
    found = fields_of(Recall) | fields_of(Experiment)
    assert found["tells"].parse("3") == 3
    assert found["units"].parse("5-2") == (5, 2)
    assert found["learning_rate"].parse("1e-3") == 1e-3
    assert found["readout"].parse("none") is None
    assert found["learning_rate"].flag == "--learning-rate"
    assert "task" not in found
    with pytest.raises(ValueError, match="tells must be an integer, got 'x'"):
        found["tells"].parse("x")


def test_a_sweep_is_all_combinations_and_changes_nothing_else():
    start = Experiment(Recall(), units=(4,), readout="dense")
    found = side_by_side(
        start, ["lstm", "gru"], {"units": [(2,), (3,)], "timesteps": [10, 20]}
    )
    assert len(found) == 8
    one = found["gru units=3 timesteps=10"]
    assert one == dataclasses.replace(
        start, cell="gru", units=(3,), task=Recall(10)
    )
    with pytest.raises(ValueError, match="vary must name one of.*'cell'"):
        side_by_side(start, ["lstm"], {"cell": ["gru"]})
    assert title_of(start, 8, {"timesteps": [10]}).startswith("recall: 8 ")


def test_a_sweep_draws_shares_and_intervals(tmp_path):
    start = Experiment(
        Recall(4, width=1), units=(2,), readout="dense", learning_rate=0.05
    )
    vary = {"episodes": [1, 10, 100]}
    plans = side_by_side(start, ["lstm", "gru"], vary)
    frame = repeat_into(tmp_path / "a.csv", plans, 3, progress=False)
    by_name = {outcome.name: outcome for outcome in outcomes(frame)}
    found = {
        cell: [by_name[f"{cell} episodes={n}"] for n in vary["episodes"]]
        for cell in ("lstm", "gru")
    }
    ax = plot_sweep(found, vary["episodes"], "episodes")
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "episodes"
    for container, own in zip(ax.containers, found.values()):
        line, _, (bars,) = container.lines
        shares = [outcome.solved / 3 for outcome in own]
        np.testing.assert_allclose(line.get_ydata(), shares)
        for segment, outcome in zip(bars.get_segments(), own):
            np.testing.assert_allclose(
                segment[:, 1], wilson(outcome.solved, 3), atol=1e-9
            )
    plt.close("all")
    with pytest.raises(ValueError, match="found must have 2 outcomes"):
        plot_sweep(found, [1, 10], "episodes")


def test_a_sweep_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = "compare recall --cells lstm gru --seeds 5-6 --episodes 20 --vary "
    words += "timesteps=8,16 --vary units=2,3-2 --workers 1"
    assert main(words.split()) == 0
    said = capsys.readouterr().out
    assert "gru timesteps=16 units=3-2" in said
    table = results("compare.csv")
    assert len(table) == 16 and set(table["seed"]) == {5, 6}
    assert set(table["units"]) == {"2", "3-2"}
    assert (tmp_path / "compare.png").stat().st_size > 10_000
