"""The timing tasks: delays to measure, spikes to time, functions to draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import (
    check_counts,
    check_landmarks,
    check_the_reminder,
    constant,
    memoryless,
)

from memnets.tasks import (
    GenerateSpikes,
    MeasureSpikeDelays,
    PeriodicFunction,
)

SPIKES = pytest.mark.parametrize("kind", [MeasureSpikeDelays, GenerateSpikes])
SHAPES = pytest.mark.parametrize("shape", ["cosine", "triangle", "rectangle"])


def rng(seed=0):
    return np.random.default_rng(seed)


def spike_times(task, batch):
    """Return the steps of all spikes of each stream, as lists."""
    measures = isinstance(task, MeasureSpikeDelays)
    spikes = batch.inputs[..., 0] if measures else batch.targets[..., 0]
    assert set(np.unique(spikes)) <= {0, 1}
    return [list(np.flatnonzero(stream)) for stream in spikes]


@SPIKES
@pytest.mark.parametrize("delays", [2, 3, 5])
def test_every_delay_is_equally_likely(kind, delays):
    task = kind(timesteps=300, interval=7, delays=delays)
    batch = task.sample(400, rng())
    found = []
    for times in spike_times(task, batch):
        distances = np.diff([0, *times])
        assert distances.min() >= 7 and times[-1] >= 300 - 7 - delays
        # The last ones depend on where the stream is cut.
        found += list(distances[:20] - 7)
    check_counts(found, range(delays))


@SPIKES
@given(data=st.data())
def test_answers_are_those_of_a_clock(kind, data):
    interval = data.draw(st.integers(1, 30))
    delays = data.draw(st.integers(2, 6))
    timesteps = data.draw(st.integers(interval + delays, 200))
    task = kind(timesteps, interval, delays)
    batch = task.sample(5, rng(data.draw(st.integers(0, 99))))
    for stream in range(5):
        seen, wanted = batch.inputs[stream, :, 0], batch.targets[stream, :, 0]
        clock, due = 0, interval + seen[0]
        for step in range(timesteps):
            if kind is MeasureSpikeDelays:
                if seen[step]:
                    assert 0 <= clock - interval < delays
                answer = clock - interval if seen[step] else 0
                clock = 1 if seen[step] else clock + 1
            else:
                answer = float(step > 0 and step == due)
                if answer:
                    due = step + interval + seen[step]
                if not answer and step:
                    assert seen[step] == 0
            assert wanted[step] == answer, step
    assert batch.weights.all()
    assert np.array_equal(task.solve(batch.inputs), batch.targets)


@SHAPES
@pytest.mark.parametrize("period", [2, 10, 25])
def test_functions_are_periodic_and_as_the_paper_has_them(shape, period):
    task = PeriodicFunction(4 * period + 1, period, shape)
    batch = task.sample(2, rng())
    assert not batch.inputs.any()
    for step, value in enumerate(batch.targets[0, :, 0]):
        phase = step % period / period
        expected = {
            "cosine": np.sin(np.pi * phase) ** 2,
            "triangle": 2 * phase if phase < 0.5 else 2 - 2 * phase,
            "rectangle": float(2 * (step % period) >= period),
        }[shape]
        assert value == pytest.approx(expected, abs=1e-6)
    assert batch.targets.min() == 0
    assert batch.targets.max() == 1 or (shape, period % 2) != ("cosine", 0)


@SPIKES
@pytest.mark.parametrize("reminder", [False, True])
@pytest.mark.parametrize("sizes", [(100, 10, 2), (61, 4, 3)], ids=str)
def test_landmarks(kind, sizes, reminder):
    players = {"constant": constant, "memoryless": memoryless}
    check_landmarks(kind(*sizes, reminder), players, 3000)


@SHAPES
@pytest.mark.parametrize("reminder", [False, True])
def test_landmarks_of_functions(shape, reminder):
    task = PeriodicFunction(57, 10, shape, reminder)
    players = {"constant": constant, "memoryless": memoryless}
    check_landmarks(task, players, 20)


@SPIKES
def test_only_the_reminder_needs_no_memory(kind):
    check_the_reminder(kind(), kind(reminder=True))


@SHAPES
def test_only_the_reminder_needs_no_clock(shape):
    plain, reminded = (
        PeriodicFunction(50, 25, shape, reminder) for reminder in (False, True)
    )
    check_the_reminder(plain, reminded, 5)


def test_a_later_spike_has_a_larger_delay():
    task = MeasureSpikeDelays(timesteps=40, delays=4)
    inputs = np.zeros((4, 40, 1))
    for delay in range(4):
        inputs[delay, [12, 22 + delay, 36]] = 1
    answers = task.solve(inputs)[..., 0]
    for delay in range(4):
        assert answers[delay, 12] == 2
        assert answers[delay, 22 + delay] == delay
        assert answers[delay, 36] == 4 - delay
    assert np.array_equal(answers[0, :22], answers[3, :22])


@pytest.mark.parametrize(
    "task, tolerance",
    [
        (MeasureSpikeDelays(), 0.49),
        (GenerateSpikes(), 0.49),
        (PeriodicFunction(), 0.3),
    ],
    ids=str,
)
def test_answers_are_marked_on_both_sides_of_the_tolerance(task, tolerance):
    batch = task.sample(3, rng())
    for error, right in ((-0.001, True), (0.001, False)):
        outputs = batch.targets.copy()
        outputs[1, 57] += tolerance + error
        assert list(task.correct(outputs, batch)) == [True, right, True]


def test_events_are_spikes_tells_and_periods():
    batch = MeasureSpikeDelays().sample(1, rng())
    found = MeasureSpikeDelays().events(batch.inputs[0])
    assert list(found["spike"]) == list(batch.inputs[0, :, 0].nonzero()[0])
    batch = GenerateSpikes().sample(1, rng())
    found = GenerateSpikes().events(batch.inputs[0])
    assert list(found["spike"]) == list(batch.targets[0, :, 0].nonzero()[0])
    assert list(found["tell"]) == [0, *found["spike"]]
    found = PeriodicFunction(50, 25).events(np.zeros((50, 1)))
    assert list(found["period"]) == [0, 25]


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: MeasureSpikeDelays(interval=0), ValueError, "interval.*1.*0"),
        (lambda: GenerateSpikes(delays=1), ValueError, "delays.*least 2.*1"),
        (lambda: GenerateSpikes(11), ValueError, "timesteps.*12.*11"),
        (lambda: GenerateSpikes(reminder=1), TypeError, "reminder.*1"),
        (lambda: PeriodicFunction(period=1), ValueError, "period.*2.*1"),
        (lambda: PeriodicFunction(9), ValueError, "timesteps.*10.*9"),
        (lambda: PeriodicFunction(shape="sine"), ValueError, "shape.*'sine'"),
        (lambda: PeriodicFunction().sample(1, 3), TypeError, "rng.*3"),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
