"""What was inside a network survives its file, and is what it should be."""

import os
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import numpy_lstm, recordings
from memnets.insides import Inside
from memnets.runs import Run
from memnets.tasks import Recall

NAMES = [name for name in recordings.RECORDINGS if name.endswith("_inside")]


def make_inside():
    """Look into two layers, the second of them without a cell state."""
    rng, task = np.random.default_rng(1), Recall()
    probe = task.sample(2, rng)
    shapes = (3, 12), (3, 12), (12,)
    states = numpy_lstm.forward(
        probe.inputs, *(rng.normal(size=shape) for shape in shapes)
    )
    first = types.SimpleNamespace(
        layer="outer/forward",
        kind="lstm",
        names=states._fields,
        **states._asdict(),
    )
    second = types.SimpleNamespace(
        layer="simple_rnn_2",
        kind="simple_rnn",
        names=("hidden",),
        hidden=rng.random((2, 20, 1)),
    )
    made_by = {"task": task.settings(), "seed": np.int64(1)}
    return Inside(probe, probe.targets, (first, second), made_by)


def test_it_comes_back_as_it_was(tmp_path):
    inside = make_inside()
    inside.save(tmp_path / "inside.npz")
    loaded = Inside.load(tmp_path / "inside.npz")
    assert loaded.task == Recall()
    assert loaded.settings == inside.settings
    np.testing.assert_array_equal(loaded.outputs, inside.outputs)
    for one, two in zip(loaded.probe, inside.probe):
        np.testing.assert_array_equal(one, two)
    assert len(loaded.traces) == 2
    for one, two in zip(loaded.traces, inside.traces):
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
    make_inside().save(tmp_path / "a.npz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    make_inside().save(tmp_path / "b.npz")
    first, second = (tmp_path / name for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


@settings(max_examples=30)
@given(st.data())
def test_a_damaged_file_is_refused_by_name(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "inside.npz"
    make_inside().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"inside\.npz is not a file"):
        Inside.load(path)


def test_what_does_not_fit_is_refused(tmp_path):
    path, inside = tmp_path / "inside.npz", make_inside()
    inside.traces[1].hidden = inside.traces[1].hidden[:, :19]
    inside.save(path)
    with pytest.raises(ValueError, match=r"inside\.npz"):
        Inside.load(path)
    make_inside().save(path)
    with pytest.raises(ValueError, match=r"inside\.npz .* the run it"):
        Run.load(path)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_recorded_obeys_the_equations(name):
    """c = f c + i g and h = o tanh(c), step by step; so do the answers."""
    inside = recordings.load(name)
    for trace in inside.traces:
        before = np.pad(trace.cell_state, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        after = trace.forget_gate * before + trace.input_gate * trace.candidate
        np.testing.assert_allclose(trace.cell_state, after, atol=1e-6)
        said = trace.output_gate * np.tanh(trace.cell_state)
        np.testing.assert_allclose(trace.hidden, said, atol=1e-6)
    if "by_hand" in name:
        wanted = inside.task.solve(inside.probe.inputs)
        np.testing.assert_allclose(inside.outputs, wanted, atol=1e-5)
    else:
        np.testing.assert_array_equal(inside.outputs, inside.traces[-1].hidden)


@pytest.mark.parametrize("name", [n for n in NAMES if "by_hand" in n])
def test_a_recording_set_by_hand_is_made_again(name, tmp_path):
    made = Inside.load(recordings.record(name, tmp_path))
    kept = recordings.load(name)
    for one, two in zip(made.traces, kept.traces):
        for array in two.names:
            np.testing.assert_allclose(
                getattr(one, array), getattr(two, array), rtol=1e-5, atol=1e-7
            )


def test_a_recording_of_a_trained_network_is_of_its_experiment(monkeypatch):
    """After few episodes: the network, its training and what is recorded."""
    recording = recordings.InsideRecording(
        "recall-mastered/5-dense", recordings._fewer_values, episodes=2
    )
    monkeypatch.setitem(recordings.TYPICAL_SEEDS, recording.experiment, 3)
    inside = recording.make()
    experiment = recordings.find(recording.experiment)[recording.experiment]
    wanted = {**experiment.settings(), "episodes": 2, "seed": 3}
    assert wanted.items() <= inside.settings.items()
    assert inside.settings["experiment"] == recording.experiment
    assert inside.settings["versions"]["keras"]
    assert inside.traces[0].cell_state.shape == (21, 20, 5)
    assert inside.outputs.shape == (21, 20, experiment.task.width)
