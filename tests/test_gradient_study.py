"""How far the error comes back: measured, recorded and drawn."""

import dataclasses

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

from memnets import (
    GradientStudy,
    Recall,
    Run,
    plot_gradient_study,
    plot_scores_by_gradient,
    recorded,
    recurrent,
)
from memnets.experiments import gradient_study
from memnets.experiments.gradient_study import (
    NETWORKS,
    build_network,
    gate_product,
    longest_wait,
    relative_gradient,
    study_gradients,
)
from memnets.plots.gradients import LIMITS
from memnets.records import data
from memnets.scratch.lstm import backward, forward

pytestmark = pytest.mark.usefixtures("settings_stay")
TASK = Recall(timesteps=12, width=1)


def some_study(seeds=3):
    """Made-up gradients of two networks; seed 1 of the second mastered it."""
    before = np.full((2, seeds, 12), 0.5) ** np.arange(12)
    scores = np.full((2, seeds), 0.2, np.float32)
    scores[1, 1] = 0.995
    return GradientStudy(
        networks=("fades", "stays"),
        seeds=np.arange(seeds),
        before=before.astype(np.float32),
        after=np.ones((2, seeds, 12), np.float32),
        direct=np.full((2, seeds, 12), np.nan, np.float32),
        scores=scores,
        settings={"task": TASK.settings()},
    )


def test_the_longest_wait_is_the_whole_sequence():
    batch = longest_wait(TASK, values=3)
    assert batch.inputs.shape == (3, 12, 3)
    np.testing.assert_allclose(batch.inputs[:, 0, 1], [0.05, 0.5, 0.95])
    np.testing.assert_array_equal(batch.inputs[:, :, 2].argmax(axis=1), 11)
    np.testing.assert_allclose(batch.targets[:, -1, 0], [0.05, 0.5, 0.95])


@pytest.mark.parametrize("bias", [0, 1, "chrono"])
def test_relative_gradient_and_gate_product_are_those_of_numpy(bias):
    """The same from the equations alone, written for NumPy."""
    model = recurrent(TASK, units=(4,), seed=3, forget_bias=bias)
    batch = longest_wait(TASK)
    *layer, out, offset = map(np.float64, model.get_weights())
    states = forward(batch.inputs.astype(float), *layer)
    error = np.zeros_like(states.hidden)
    answers = states.hidden[:, -1] @ out + offset
    error[:, -1] = 2 * (answers - batch.targets[:, -1]) @ out.T
    found = backward(batch.inputs, *layer[:2], states, error).cell_state
    norms = np.linalg.norm(found, axis=-1)[:, ::-1]
    wanted = np.median(norms / norms[:, :1], axis=0)
    np.testing.assert_allclose(
        relative_gradient(model, batch), wanted, rtol=1e-4
    )
    gates = states.forget_gate
    for lag, left in enumerate(gate_product(model, batch)):
        product = np.prod(gates[:, 12 - lag :], axis=1).max(axis=-1)
        assert left == pytest.approx(np.median(product), rel=1e-4)


def test_an_orthogonal_linear_network_keeps_the_whole_gradient():
    """Without a nonlinearity the error is only turned."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.SimpleRNN(5, activation=None, return_sequences=True),
            layers.Dense(1),
        ]
    )
    model.compile(loss="mean_squared_error")
    batch = longest_wait(TASK)
    np.testing.assert_allclose(relative_gradient(model, batch), 1, rtol=1e-4)
    assert np.isnan(gate_product(model, batch)).all()


def test_every_network_is_what_its_name_says():
    biases = {"LSTM, bias 0": 0, "LSTM, bias 1": 1, "LSTM, bias 5": 5}
    for name in NETWORKS:
        model = build_network(name, TASK, seed=2, units=3)
        layer = model.layers[0]
        assert type(layer).__name__ == name.split(",")[0]
        if name in biases:
            bias = layer.get_weights()[2]
            np.testing.assert_array_equal(bias[3:6], biases[name])
            assert not bias[:3].any() and not bias[6:].any()
    with pytest.raises(ValueError, match=r"one of SimpleRNN; .* 'LSTM'"):
        build_network("LSTM", TASK)


def test_a_study_does_not_depend_on_what_was_trained_before(monkeypatch):
    """Networks that share a compiled model are as if each had its own."""
    pair = ("LSTM, bias 0", "LSTM, chrono")
    options = {name: NETWORKS[name] for name in pair}
    monkeypatch.setattr(gradient_study, "NETWORKS", options)
    both = study_gradients(TASK, seeds=2, episodes=5)
    monkeypatch.setattr(gradient_study, "NETWORKS", {pair[1]: options[pair[1]]})
    one = study_gradients(TASK, seeds=2, episodes=5)
    assert (both.networks, one.networks) == (pair, pair[1:])
    for name in ("before", "after", "direct", "scores"):
        array = getattr(both, name)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array[1:], getattr(one, name))
    assert not np.array_equal(both.before, both.after)
    assert not np.array_equal(both.after[1, 0], both.after[1, 1])


def test_a_study_comes_back_from_its_file_in_the_same_bytes(tmp_path):
    study = some_study()
    study.save(tmp_path / "a.npz")
    loaded = GradientStudy.load(tmp_path / "a.npz")
    loaded.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (
        tmp_path / "b.npz"
    ).read_bytes()
    assert loaded.networks == study.networks
    assert loaded.task == TASK
    np.testing.assert_array_equal(loaded.mastered, [0, 1])
    np.testing.assert_array_equal(loaded.before, study.before)
    with pytest.raises(ValueError, match=r"a\.npz is not a file .* Run"):
        Run.load(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["before", "after", "direct", "scores"])
def test_a_study_that_does_not_fit_together_is_refused(name, tmp_path):
    study = some_study()
    cut = {name: getattr(study, name)[:, :2]}
    dataclasses.replace(study, **cut).save(tmp_path / "cut.npz")
    with pytest.raises(ValueError, match=r"cut\.npz .* damaged"):
        GradientStudy.load(tmp_path / "cut.npz")


def test_the_recording_shows_what_the_notebook_says():
    """What a new recording must still show, or notebook 04 is to rewrite."""
    study = recorded("recall_flows")
    assert study.networks == tuple(NETWORKS)
    assert (
        data.folder() / "runs" / "recall_flows.npz"
    ).stat().st_size < 100_000
    number = {name: k for k, name in enumerate(study.networks)}
    simple, default = number["SimpleRNN"], number["LSTM, bias 1"]
    half, chrono = number["LSTM, bias 0"], number["LSTM, chrono"]
    before = np.median(study.before[:, :, -1], axis=1)
    # Fresh: the default LSTM fades faster than the simple network.
    assert before[half] < before[default] < 0.01 * before[simple]
    assert before[chrono] > 0.05
    # Trained: most ways of the simple network have closed.
    after = np.median(study.after[:, :, -1], axis=1)
    assert after[simple] < 1e-3 * before[simple]
    # Nobody answers well without a way back; some with one do not.
    good = study.scores > 0.9
    assert study.after[good][:, -1].min() > 0.1
    assert (study.after[study.scores < 0.5][:, -1] > 0.1).any()
    counts = dict(zip(study.networks, study.mastered))
    assert counts["LSTM, bias 5"] < counts["LSTM, bias 1"]
    assert counts["LSTM, chrono"] == max(counts.values()) >= 7
    assert counts["LSTM, bias 1"] >= 4 and counts["SimpleRNN"] == 0
    # The default LSTM has no carousel; chrono's comes near to one.
    mastered = study.scores >= 0.99
    assert study.direct[default, mastered[default], -1].max() < 1e-3
    assert study.direct[chrono, mastered[chrono], -1].min() > 0.1


def test_a_network_is_drawn_with_the_seeds_that_mastered_it():
    study = some_study()
    ax = plot_gradient_study(study, "stays")
    assert ax.get_title() == "stays: 1 of 3"
    labels = [line.get_label() for line in ax.lines]
    assert labels.count("mastered") == 1
    assert labels.count("not mastered") == 2
    before = ax.lines[labels.index("before training")]
    np.testing.assert_array_equal(before.get_ydata(), study.before[1, 0])
    assert ax.get_ylim() == LIMITS
    plt.close(ax.figure)
    with pytest.raises(ValueError, match="one of fades; stays, got 'x'"):
        plot_gradient_study(study, "x")


def test_scores_by_gradient_have_a_dot_for_each_network_and_seed():
    study = some_study()
    ax = plot_scores_by_gradient(study)
    dots = {line.get_label(): line for line in ax.lines}
    assert tuple(dots) == study.networks
    for number, line in enumerate(dots.values()):
        np.testing.assert_array_equal(line.get_ydata(), study.scores[number])
        np.testing.assert_array_equal(line.get_xdata(), 1)
    plt.close(ax.figure)
