"""The pictures show the numbers they are given."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import SMALLEST, check_legible

from memnets import Batch, Countdown, Ensemble, Recall, Run, animate_learning
from memnets.plots import learning
from memnets.plots.animations import GIFWriter

pytestmark = pytest.mark.usefixtures("settings_stay")
RECALL, COUNTDOWN = Recall(), Countdown()


def rng():
    return np.random.default_rng(3)


def make_run(task, probe, episodes=(0, 10, 20, 30)):
    """Make a run with random outputs; the last record is perfect."""
    shape = (len(episodes), *probe.targets.shape)
    outputs = rng().uniform(-0.2, 1, shape).astype(np.float32)
    outputs[-1] = probe.targets
    return Run(
        losses=np.ones(episodes[-1], np.float32),
        episodes=np.array(episodes),
        outputs=outputs,
        probe=probe,
        hidden=rng().uniform(-1, 1, (*shape[:3], 3)).astype(np.float32),
        settings={"task": task.settings(), "seed": 0},
    )


def sweep():
    """Return sequences that differ in the told value only."""
    inputs = np.zeros((5, 20, 3), np.float32)
    inputs[:, 4, 0] = 1
    inputs[:, 4, 1] = [0.75, 0, 0.5, 0.25, 1]
    inputs[:, 14, 2] = 1
    targets = RECALL.solve(inputs)
    return Batch(inputs, targets, np.ones(inputs.shape[:2], np.float32))


def make_ensemble(task=RECALL):
    return Ensemble(
        seeds=np.arange(4),
        episodes=np.array([10, 20, 30]),
        losses=rng().uniform(1e-4, 1e-2, (4, 3)).astype(np.float32),
        settings={"task": task.settings()},
    )


def recall_run():
    return make_run(RECALL, RECALL.sample(3, rng()))


DRAW = {
    "task": lambda ax: learning.plot_task(
        RECALL, RECALL.sample(2, rng()), 1, ax
    ),
    "learning": lambda ax: learning.plot_learning(recall_run(), ax=ax),
    "sequences": lambda ax: learning.plot_sequences(recall_run(), ax=ax),
    "sequence": lambda ax: learning.plot_sequence(recall_run(), 2, ax=ax),
    "losses": lambda ax: learning.plot_losses(make_ensemble(), ax=ax),
    "values": lambda ax: learning.plot_recalled_values(
        make_run(RECALL, sweep()), ax=ax
    ),
    "units": lambda ax: learning.plot_units(recall_run(), 1, ax=ax),
}


@pytest.fixture
def ax():
    yield plt.figure().add_subplot()
    plt.close("all")


def upright(ax):
    """Return the times of the dotted lines and the texts in time's order."""
    lines = [line for line in ax.lines if line.get_linestyle() == ":"]
    words = sorted((text.xy[0], text.get_text()) for text in notes(ax))
    return sorted(line.get_xdata()[0] for line in lines), words


def notes(ax):
    return [text for text in ax.texts if hasattr(text, "xy")]


def level(ax, style):
    """Return the heights of the horizontal lines of one style."""
    return sorted(
        float(line.get_ydata()[0])
        for line in ax.lines
        if line.get_linestyle() == style and len(set(line.get_ydata())) == 1
    )


@pytest.mark.parametrize("name", DRAW)
def test_draws_in_the_axes_it_is_given_and_returns_them(name, ax):
    assert DRAW[name](ax) is ax
    assert ax.has_data()


@pytest.mark.parametrize("name", DRAW)
def test_without_axes_makes_one_new_figure(name):
    ax = DRAW[name](None)
    assert plt.get_fignums() == [ax.figure.number]
    plt.close(ax.figure)


@pytest.mark.parametrize("style", SMALLEST)
@pytest.mark.parametrize("name", DRAW)
def test_texts_are_legible_in_every_style(name, style):
    with plt.style.context(f"memnets.plots.styles.{style}"):
        ax = DRAW[name](None)
        check_legible(ax.figure, smallest=SMALLEST[style])
    plt.close("all")


def test_a_name_spelt_wrong_is_refused(ax):
    with pytest.raises(TypeError):
        learning.plot_learning(recall_run(), sequenze=1, ax=ax)


def test_task_bars_are_the_values(ax):
    batch = Countdown().exam(rng())
    sequence = 4 * 9 + 5
    learning.plot_task(COUNTDOWN, batch, sequence, ax)
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["tell", "count", "signal", "silent"]
    heights = [[bar.get_height() for bar in row] for row in ax.containers]
    values = np.concatenate(
        [batch.inputs[sequence], batch.targets[sequence]], axis=-1
    )
    # A row's own scale: its largest value, but at least 1, fills the bar.
    scale = np.maximum(1, values.max(axis=0))
    np.testing.assert_allclose(np.array(heights).T, 0.6 * values / scale)
    assert upright(ax)[0] == [4, 9]
    said = [text.get_text() for text in notes(ax)]
    assert sorted(said) == sorted(["1", "5", "1", "tell 5", "signal"])


@pytest.mark.parametrize("episodes", [(0, 10, 20, 30), (0, 10, 20, 25)])
def test_learning_image_is_the_recorded_output(episodes, ax):
    run = make_run(RECALL, RECALL.sample(3, rng()), episodes)
    learning.plot_learning(run, sequence=1, label="answer", ax=ax)
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), run.outputs[:, 1, :, 0].T)
    assert image.get_clim() == (0, 1)
    assert ax.get_xlim() == (-5, 35 if episodes[-1] == 30 else 27.5)
    assert ax.get_ylim() == (-0.5, 19.5)
    bar = image.colorbar.ax
    assert bar.get_ylabel() == "answer"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "learning episode",
        "time step",
    )


def test_learning_image_frames_tell_and_recall(ax):
    run = make_run(RECALL, sweep())
    learning.plot_learning(run, ax=ax)
    assert level(ax, "-") == [3.5, 4.5, 13.5, 14.5]
    places = {text.get_text(): text.xy[1] for text in notes(ax)}
    assert places == {"tell 0.75": 4, "recall": 14}


def test_learning_names_a_tell_and_a_signal_at_one_step_together(ax):
    run = make_run(COUNTDOWN, COUNTDOWN.exam(rng()))
    learning.plot_learning(run, sequence=3 * 9, ax=ax)
    (text,) = notes(ax)
    assert text.get_text() == "tell 0,\nsignal" and text.xy[1] == 3


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_names_stand_between_image_and_colours(layout):
    figure, ax = plt.subplots(layout=layout)
    learning.plot_learning(recall_run(), ax=ax)
    figure.draw_without_rendering()
    for text in notes(ax):
        box = text.get_window_extent()
        assert ax.bbox.x1 < box.x0
        assert box.x1 < figure.axes[1].bbox.x0
    plt.close(figure)


def test_learning_frames_every_ask(ax):
    probe = Recall(asks=2).sample(1, rng())
    learning.plot_learning(make_run(RECALL, probe), ax=ax)
    asks = np.flatnonzero(probe.inputs[0, :, 2])
    assert set(level(ax, "-")) >= {asks[0] - 0.5, asks[1] + 0.5}
    assert sum(text.get_text() == "recall" for text in notes(ax)) == 2


def test_sequences_show_targets_and_outputs_on_one_scale():
    run = recall_run()
    figure, axes = plt.subplots(1, 2)
    learning.plot_sequences(run, "target", ax=axes[0])
    learning.plot_sequences(run, "output", episode=10, ax=axes[1])
    for ax, shown in zip(axes, (run.probe.targets, run.outputs[1])):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), shown[..., 0])
        assert image.get_clim() == (0, 1)
        assert tuple(image.get_extent()) == (-0.5, 19.5, 2.5, -0.5)
        dots = [(*line.get_xdata(), *line.get_ydata()) for line in ax.lines]
        tells = run.probe.inputs[..., 0].argmax(axis=1)
        assert dots == [(t, row) for row, t in enumerate(tells)]
    plt.close(figure)


def test_sequences_refuse_another_word(ax):
    with pytest.raises(ValueError, match=r"answers .*'both'"):
        learning.plot_sequences(recall_run(), "both", ax=ax)


def test_sequence_shows_target_and_output_at_an_episode(ax):
    run = recall_run()
    learning.plot_sequence(run, 2, episode=20, ax=ax)
    (bars,) = ax.containers
    heights = [bar.get_height() for bar in bars]
    np.testing.assert_array_equal(heights, run.probe.targets[2, :, 0])
    (line,) = (line for line in ax.lines if line.get_label() == "output")
    np.testing.assert_array_equal(line.get_ydata(), run.outputs[2, 2, :, 0])
    times, words = upright(ax)
    tell = run.probe.inputs[2, :, 0].argmax()
    ask = run.probe.inputs[2, :, 2].argmax()
    told = run.probe.inputs[2, tell, 1]
    assert times == [tell, ask]
    assert words == [(tell, f"tell {told:.2f}"), (ask, "recall")]


def test_an_episode_that_was_not_recorded_is_refused(ax):
    with pytest.raises(ValueError, match=r"episode .* such as 20, got 19"):
        learning.plot_sequence(recall_run(), episode=19, ax=ax)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sequence": 30}, r"sequence must be from 0 to \d+, got 30"),
        ({"sequence": -1}, "sequence must be at least 0, got -1"),
        ({"channel": 2}, "channel must be from 0 to 1, got 2"),
    ],
)
def test_what_the_run_has_not_is_refused_before_a_figure_is_made(
    arguments, words
):
    for plot in (learning.plot_learning, learning.plot_sequence):
        with pytest.raises(ValueError, match=words):
            plot(recall_run(), **arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("count", [0, 1, 2, 8])
@pytest.mark.parametrize("tell", [0, 9])
def test_names_of_marked_steps_do_not_touch(tell, count):
    run = make_run(COUNTDOWN, COUNTDOWN.exam(rng()))
    with plt.style.context("memnets.plots.styles.slides"):
        ax = learning.plot_sequence(run, tell * 9 + count)
        assert len(notes(ax)) == 2
        check_legible(ax.figure)
    assert upright(ax)[0] == [tell, tell + count]
    plt.close("all")


def test_names_of_two_asks_beside_a_tell_do_not_touch():
    probe = Recall(asks=2).sample(1, rng())
    probe.inputs[:] = 0
    probe.inputs[0, 9, :2] = 1, 0.25
    probe.inputs[0, [11, 12], 2] = 1
    with plt.style.context("memnets.plots.styles.slides"):
        ax = learning.plot_sequence(make_run(RECALL, probe))
        assert len(notes(ax)) == 3
        check_legible(ax.figure)
    plt.close("all")


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (RECALL, {"silence", "right time,\nwrong value", "tanh(1) ceiling"}),
        (COUNTDOWN, {"silence", "no counting"}),
    ],
)
def test_losses_show_every_seed_the_median_and_the_landmarks(task, words, ax):
    ensemble = make_ensemble(task)
    learning.plot_losses(ensemble, ax=ax)
    assert ax.get_yscale() == "log"
    curves = [line for line in ax.lines if len(line.get_xdata()) == 3]
    drawn = np.array([line.get_ydata() for line in curves])
    np.testing.assert_array_equal(drawn[:-1], ensemble.losses)
    np.testing.assert_allclose(drawn[-1], np.median(ensemble.losses, axis=0))
    assert curves[-1].get_linewidth() > 2 * curves[0].get_linewidth()
    assert curves[-1].get_label() == "median of 4 seeds"
    heights = [v for v in task.landmarks.values() if v > 0]
    np.testing.assert_allclose(level(ax, "--"), sorted(heights))
    assert {text.get_text() for text in notes(ax)} == words
    named = {text.get_text(): text.xy[1] for text in notes(ax)}
    assert named["silence"] == task.landmarks["silent"]


def test_landmarks_can_go_unnamed(ax):
    learning.plot_losses(make_ensemble(), named=False, ax=ax)
    assert not ax.texts and len(level(ax, "--")) == 3


def test_recalled_values_stand_against_told_values(ax):
    run = make_run(RECALL, sweep())
    learning.plot_recalled_values(run, (10, 30), ax)
    early, late = (
        next(line for line in ax.lines if line.get_label() == name)
        for name in ("10", "30")
    )
    np.testing.assert_array_equal(late.get_xdata(), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(late.get_ydata(), late.get_xdata())
    order = [1, 3, 2, 0, 4]
    np.testing.assert_array_equal(
        early.get_ydata(), run.outputs[1, order, 14, 0]
    )
    assert level(ax, ":") == [math.tanh(1)]
    (diagonal,) = (x for x in ax.lines if x.get_linestyle() == "--")
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]
    words = {text.get_text() for text in ax.texts}
    assert words == {"tanh(1) ceiling", "perfect"}


def test_units_are_the_hidden_outputs(ax):
    run = recall_run()
    learning.plot_units(run, 1, episode=10, ax=ax)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    for unit in range(3):
        np.testing.assert_array_equal(
            drawn[f"unit {unit + 1}"], run.hidden[1, 1, :, unit]
        )


def test_units_need_a_watched_layer(ax):
    run = recall_run()
    object.__setattr__(run, "hidden", None)
    with pytest.raises(ValueError, match="hidden"):
        learning.plot_units(run, ax=ax)


def test_stages_start_before_training_and_end_after_it():
    run = make_run(RECALL, sweep(), tuple(range(0, 1001, 10)))
    chosen = learning.stages(run, 20)
    assert chosen[0] == 0 and chosen[-1] == 100
    assert np.all(np.diff(chosen) > 0) and len(chosen) <= 20
    assert list(learning.stages(run, 500)) == list(range(101))


def test_animation_shows_a_record_in_each_frame():
    run = recall_run()
    film = animate_learning(run, sequence=1, frames=10)
    (ax,) = film._fig.axes
    (line,) = (line for line in ax.lines if line.get_label() == "output")
    seen = []

    def look():
        seen.append((line.get_ydata(), ax.get_title(loc="left")))

    film.save("nowhere", Watching(look))
    assert [title for _, title in seen] == [
        f"after {episode} learning episodes" for episode in run.episodes
    ]
    for (output, _), recorded in zip(seen, run.outputs):
        np.testing.assert_array_equal(output, recorded[1, :, 0])


class Watching(GIFWriter):
    """Look at each frame instead of writing it."""

    def __init__(self, look):
        super().__init__(1, "")
        self.look = look

    def grab_frame(self, **savefig_kwargs):
        """Look."""
        self.look()

    def finish(self):
        """Write nothing."""


def ill(make):
    """Return a figure with two texts that can be read, but for one thing."""
    figure = plt.figure(figsize=(4, 4))
    make(figure.text(0.2, 0.2, "one"), figure.text(0.2, 0.6, "two"))
    return figure


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda one, two: one.set_fontsize(5), "one"),
        (lambda one, two: two.set_x(0.95), "two"),
        (lambda one, two: one.set_y(-0.01), "one"),
        (lambda one, two: two.set_position((0.21, 0.21)), "two"),
    ],
)
def test_what_cannot_be_read_is_found(make, fault):
    check_legible(ill(lambda one, two: None), smallest=6)
    with pytest.raises(AssertionError, match=f"'{fault}'"):
        check_legible(ill(make), smallest=6)
    with pytest.raises(AssertionError, match="nothing is written"):
        check_legible(plt.figure())
    plt.close("all")
