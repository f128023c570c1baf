"""The trace of a network survives its file, and is what it should be."""

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import NetworkTrace, Recall, Run, Trace, find, recorded
from memnets.experiments import recordings
from memnets.scratch import lstm as numpy_lstm

NAMES = [name for name in recordings.RECORDINGS if name.endswith("_inside")]


def make_traced():
    """Trace two layers, the second of them without a cell state."""
    rng, task = np.random.default_rng(1), Recall()
    probe = task.sample(2, rng)
    shapes = (3, 12), (3, 12), (12,)
    states = numpy_lstm.forward(
        probe.inputs, *(rng.normal(size=shape) for shape in shapes)
    )
    first = Trace("outer/forward", "lstm", states._asdict())
    hidden = rng.random((2, 20, 1))
    second = Trace("simple_rnn_2", "simple_rnn", {"hidden": hidden})
    made_by = {"task": task.settings(), "seed": np.int64(1)}
    return NetworkTrace(probe, probe.targets, (first, second), made_by)


def test_it_comes_back_as_it_was(tmp_path):
    traced = make_traced()
    traced.save(tmp_path / "inside.npz")
    loaded = NetworkTrace.load(tmp_path / "inside.npz")
    assert loaded.task == Recall()
    assert loaded.settings == traced.settings
    np.testing.assert_array_equal(loaded.outputs, traced.outputs)
    for one, two in zip(loaded.probe, traced.probe):
        np.testing.assert_array_equal(one, two)
    assert len(loaded.traces) == 2
    for one, two in zip(loaded.traces, traced.traces):
        assert (one.layer, one.kind, one.names) == (
            two.layer,
            two.kind,
            two.names,
        )
        for name in two.names:
            np.testing.assert_array_equal(
                getattr(one, name), getattr(two, name)
            )
    assert os.listdir(tmp_path) == ["inside.npz"]


def test_the_same_is_the_same_bytes(tmp_path, monkeypatch):
    make_traced().save(tmp_path / "a.npz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    make_traced().save(tmp_path / "b.npz")
    first, second = (tmp_path / name for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


@settings(max_examples=30)
@given(st.data())
def test_a_damaged_file_is_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "inside.npz"
    make_traced().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"inside\.npz is not a file"):
        NetworkTrace.load(path)


def test_what_does_not_fit_is_refused(tmp_path):
    path, traced = tmp_path / "inside.npz", make_traced()
    first, second = traced.traces
    shorter = Trace(
        "simple_rnn_2", "simple_rnn", {"hidden": second.hidden[:, :19]}
    )
    dataclasses.replace(traced, traces=(first, shorter)).save(path)
    with pytest.raises(ValueError, match=r"inside\.npz"):
        NetworkTrace.load(path)
    traced.save(path)
    with pytest.raises(ValueError, match=r"inside\.npz .* the Run it"):
        Run.load(path)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_recorded_obeys_the_equations(name):
    """c = f c + i g and h = o tanh(c), step by step; so do the answers."""
    traced = recorded(name)
    for trace in traced.traces:
        before = np.pad(trace.cell_state, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        after = trace.forget_gate * before + trace.input_gate * trace.candidate
        np.testing.assert_allclose(trace.cell_state, after, atol=1e-6)
        said = trace.output_gate * np.tanh(trace.cell_state)
        np.testing.assert_allclose(trace.hidden, said, atol=1e-6)
    if "by_hand" in name:
        wanted = traced.task.solve(traced.probe.inputs)
        np.testing.assert_allclose(traced.outputs, wanted, atol=1e-5)
    elif traced.settings["readout"] is None:
        np.testing.assert_array_equal(traced.outputs, traced.traces[-1].hidden)
    else:
        # The readout is one linear function for all steps and sequences.
        hidden = traced.traces[-1].hidden
        hidden = hidden.reshape(-1, hidden.shape[-1])
        known = np.pad(hidden, ((0, 0), (0, 1)), constant_values=1)
        outputs = traced.outputs.reshape(len(known), -1)
        if traced.settings["readout"] == "softmax":
            # Logarithms are linear but for one number of each step.
            outputs = np.log(outputs.astype(float))
            outputs -= outputs.mean(axis=1, keepdims=True)
        readout = np.linalg.lstsq(known, outputs, rcond=None)[0]
        np.testing.assert_allclose(known @ readout, outputs, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in NAMES if "by_hand" in n])
def test_a_recording_set_by_hand_is_made_again(name, tmp_path):
    made = NetworkTrace.load(recordings.record(name, tmp_path))
    kept = recorded(name)
    for one, two in zip(made.traces, kept.traces):
        for array in two.names:
            np.testing.assert_allclose(
                getattr(one, array), getattr(two, array), rtol=1e-5, atol=1e-7
            )


def test_a_recording_of_a_trained_network_is_of_its_experiment(monkeypatch):
    """After few episodes: the network, its training and what is recorded."""
    name = "recall-mastered/5-dense"
    monkeypatch.setitem(recordings.TYPICAL_SEEDS, name, 3)
    probe = Recall().sample(21, np.random.default_rng(0))
    traced = recordings.trained_trace(lambda: probe, episodes=2)(name)
    experiment = find(name)[name]
    wanted = {**experiment.settings(), "episodes": 2, "seed": 3}
    assert wanted.items() <= traced.settings.items()
    assert traced.settings["experiment"] == name
    assert traced.settings["versions"]["keras"]
    assert traced.traces[0].cell_state.shape == (21, 20, 5)
    assert traced.outputs.shape == (21, 20, experiment.task.width)
    np.testing.assert_array_equal(traced.probe.inputs, probe.inputs)
