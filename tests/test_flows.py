"""How far the error comes back: measured, recorded and drawn."""

import dataclasses

import keras
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from memnets import flow_plots, highways, networks, paths, recordings
from memnets.flows import Flows
from memnets.numpy_lstm import backward, forward
from memnets.runs import Run
from memnets.tasks import Recall

TASK = Recall(timesteps=12, width=1)


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


def some_flows(seeds=3):
    """Made-up flows of two networks; seed 1 of the second one mastered it."""
    before = np.full((2, seeds, 12), 0.5) ** np.arange(12)
    scores = np.full((2, seeds), 0.2, np.float32)
    scores[1, 1] = 0.995
    return Flows(
        networks=("fades", "stays"),
        seeds=np.arange(seeds),
        before=before.astype(np.float32),
        after=np.ones((2, seeds, 12), np.float32),
        direct=np.full((2, seeds, 12), np.nan, np.float32),
        scores=scores,
        settings={"task": TASK.settings()},
    )


def test_the_longest_wait_is_the_whole_sequence():
    batch = highways.longest_wait(TASK, values=3)
    assert batch.inputs.shape == (3, 12, 3)
    np.testing.assert_allclose(batch.inputs[:, 0, 1], [0.05, 0.5, 0.95])
    np.testing.assert_array_equal(batch.inputs[:, :, 2].argmax(axis=1), 11)
    np.testing.assert_allclose(batch.targets[:, -1, 0], [0.05, 0.5, 0.95])


@pytest.mark.parametrize("bias", [0, 1, "chrono"])
def test_what_is_kept_and_what_the_gates_leave_as_in_numpy(bias):
    """The same from the equations alone, written for NumPy."""
    model = networks.recurrent(TASK, units=(4,), seed=3, forget_bias=bias)
    batch = highways.longest_wait(TASK)
    *layer, out, offset = map(np.float64, model.get_weights())
    states = forward(batch.inputs.astype(float), *layer)
    error = np.zeros_like(states.hidden)
    answers = states.hidden[:, -1] @ out + offset
    error[:, -1] = 2 * (answers - batch.targets[:, -1]) @ out.T
    found = backward(batch.inputs, *layer[:2], states, error).cell_state
    norms = np.linalg.norm(found, axis=-1)[:, ::-1]
    wanted = np.median(norms / norms[:, :1], axis=0)
    np.testing.assert_allclose(highways.kept(model, batch), wanted, rtol=1e-4)
    gates = states.forget_gate
    for lag, left in enumerate(highways.direct(model, batch)):
        product = np.prod(gates[:, 12 - lag :], axis=1).max(axis=-1)
        assert left == pytest.approx(np.median(product), rel=1e-4)


def test_an_orthogonal_linear_network_keeps_all():
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
    batch = highways.longest_wait(TASK)
    np.testing.assert_allclose(highways.kept(model, batch), 1, rtol=1e-4)
    assert np.isnan(highways.direct(model, batch)).all()


def test_every_network_is_what_its_name_says():
    biases = {"LSTM, bias 0": 0, "LSTM, bias 1": 1, "LSTM, bias 5": 5}
    for name in highways.NETWORKS:
        model = highways.build(name, TASK, seed=2, units=3)
        layer = model.layers[0]
        assert type(layer).__name__ == name.split(",")[0]
        if name in biases:
            bias = layer.get_weights()[2]
            np.testing.assert_array_equal(bias[3:6], biases[name])
            assert not bias[:3].any() and not bias[6:].any()
    with pytest.raises(ValueError, match=r"one of SimpleRNN; .* 'LSTM'"):
        highways.build("LSTM", TASK)


def test_a_study_does_not_depend_on_what_was_trained_before(monkeypatch):
    """Networks that share a compiled model are as if each had its own."""
    pair = ("LSTM, bias 0", "LSTM, chrono")
    options = {name: highways.NETWORKS[name] for name in pair}
    monkeypatch.setattr(highways, "NETWORKS", options)
    both = highways.study(TASK, seeds=2, episodes=5)
    monkeypatch.setattr(highways, "NETWORKS", {pair[1]: options[pair[1]]})
    one = highways.study(TASK, seeds=2, episodes=5)
    assert (both.networks, one.networks) == (pair, pair[1:])
    for name in ("before", "after", "direct", "scores"):
        array = getattr(both, name)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array[1:], getattr(one, name))
    assert not np.array_equal(both.before, both.after)
    assert not np.array_equal(both.after[1, 0], both.after[1, 1])


def test_flows_come_back_from_their_file_in_the_same_bytes(tmp_path):
    flows = some_flows()
    flows.save(tmp_path / "a.npz")
    loaded = Flows.load(tmp_path / "a.npz")
    loaded.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (
        tmp_path / "b.npz"
    ).read_bytes()
    assert loaded.networks == flows.networks
    assert loaded.task == TASK
    np.testing.assert_array_equal(loaded.mastered, [0, 1])
    np.testing.assert_array_equal(loaded.before, flows.before)
    with pytest.raises(ValueError, match=r"a\.npz is not a file .* run"):
        Run.load(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["before", "after", "direct", "scores"])
def test_flows_that_do_not_fit_together_are_refused(name, tmp_path):
    flows = some_flows()
    cut = {name: getattr(flows, name)[:, :2]}
    dataclasses.replace(flows, **cut).save(tmp_path / "cut.npz")
    with pytest.raises(ValueError, match=r"cut\.npz .* damaged"):
        Flows.load(tmp_path / "cut.npz")


def test_the_recording_shows_what_the_notebook_says():
    """What a new recording must still show, or notebook 04 is to rewrite."""
    flows = recordings.load("recall_flows")
    assert flows.networks == tuple(highways.NETWORKS)
    assert paths.run("recall_flows").stat().st_size < 100_000
    number = {name: k for k, name in enumerate(flows.networks)}
    simple, default = number["SimpleRNN"], number["LSTM, bias 1"]
    half, chrono = number["LSTM, bias 0"], number["LSTM, chrono"]
    before = np.median(flows.before[:, :, -1], axis=1)
    # Fresh: the default LSTM fades faster than the simple network.
    assert before[half] < before[default] < 0.01 * before[simple]
    assert before[chrono] > 0.05
    # Trained: most ways of the simple network have closed.
    after = np.median(flows.after[:, :, -1], axis=1)
    assert after[simple] < 1e-3 * before[simple]
    # Nobody answers well without a way back; some with one do not.
    good = flows.scores > 0.9
    assert flows.after[good][:, -1].min() > 0.1
    assert (flows.after[flows.scores < 0.5][:, -1] > 0.1).any()
    counts = dict(zip(flows.networks, flows.mastered))
    assert counts["LSTM, bias 5"] < counts["LSTM, bias 1"]
    assert counts["LSTM, chrono"] == max(counts.values()) >= 7
    assert counts["LSTM, bias 1"] >= 4 and counts["SimpleRNN"] == 0
    # The default LSTM has no carousel; chrono's comes near to one.
    mastered = flows.scores >= 0.99
    assert flows.direct[default, mastered[default], -1].max() < 1e-3
    assert flows.direct[chrono, mastered[chrono], -1].min() > 0.1


def test_a_flow_is_drawn_with_those_that_mastered_it():
    flows = some_flows()
    ax = flow_plots.plot_flow(flows, "stays")
    assert ax.get_title() == "stays: 1 of 3"
    labels = [line.get_label() for line in ax.lines]
    assert labels.count("mastered") == 1
    assert labels.count("not mastered") == 2
    before = ax.lines[labels.index("before training")]
    np.testing.assert_array_equal(before.get_ydata(), flows.before[1, 0])
    assert ax.get_ylim() == flow_plots.LIMITS
    with pytest.raises(ValueError, match="one of fades; stays, got 'x'"):
        flow_plots.plot_flow(flows, "x")


def test_open_ways_has_a_dot_for_each_network_and_seed():
    flows = some_flows()
    dots = {
        line.get_label(): line
        for line in flow_plots.plot_open_ways(flows).lines
    }
    assert tuple(dots) == flows.networks
    for number, line in enumerate(dots.values()):
        np.testing.assert_array_equal(line.get_ydata(), flows.scores[number])
        np.testing.assert_array_equal(line.get_xdata(), 1)
