"""The pictures of counting and timing show what networks answered."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from legibility import SMALLEST, check_legible

from memnets import (
    AnBn,
    AnBnCn,
    GenerateSpikes,
    MeasureSpikeDelays,
    NetworkTrace,
    PeriodicFunction,
    Recall,
    Trace,
    plot_counting,
    plot_timing,
    recorded,
)
from memnets.experiments import rhythms
from memnets.plots.rhythms import count_down, find_counter, wrong_steps

pytestmark = pytest.mark.usefixtures("settings_stay")
TIMING = pytest.mark.parametrize(
    "task", [GenerateSpikes(), MeasureSpikeDelays(), PeriodicFunction()]
)


@pytest.fixture(autouse=True)
def closed(settings_stay):
    yield
    plt.close("all")


def counted(symbols):
    """Count a string letter by letter: 1 is a, 2 and 3 are b and B."""
    count, counts = 0, []
    for symbol in symbols.tolist():
        count += (symbol == 1) - (symbol in (2, 3))
        counts.append(count)
    return counts


def traced_of(task, numbers, slope=0.5, noise=0.0, unit=1, wrong=()):
    """A network whose one unit counts, and which answers wrongly at times."""
    rng, batch = np.random.default_rng(1), task.strings(numbers)
    states = rng.normal(size=(*batch.inputs.shape, 3))
    exact = np.array([counted(row) for row in batch.inputs])
    states[..., unit] = 7 + slope * exact + noise * states[..., unit]
    outputs = batch.targets.copy()
    for sequence, step in wrong:
        outputs[sequence, step] = 1 - outputs[sequence, step]
    values = {"cell_state": states, "hidden": np.tanh(states)}
    trace = Trace("lstm_1", "lstm", values)
    return NetworkTrace(batch, outputs, (trace,), {"task": task.settings()})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.booleans())
def test_the_exact_count_is_that_of_the_letters(numbers, reminder):
    task = AnBn(timesteps=31, reminder=reminder)
    symbols = task.strings(numbers).inputs
    counts = count_down(task, symbols)
    for row, own, n in zip(symbols, counts, numbers):
        assert own.tolist() == counted(row)
        assert own.max() == own[n] == n and own[2 * n :].tolist() == [0] * (
            len(own) - 2 * n
        )


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.01, 5) | st.floats(-5, -0.01),
    st.integers(0, 2),
    st.lists(st.integers(2, 30), min_size=1, max_size=4),
)
def test_the_counter_is_the_unit_that_counts(slope, unit, longer):
    task = AnBn()
    traced = traced_of(task, [6, *longer], slope, unit=unit)
    found, one = find_counter(traced.traces[0], task, traced.probe)
    assert found == unit
    assert one == pytest.approx(slope, rel=1e-4)


def test_a_unit_that_never_changes_does_not_count():
    traced = traced_of(AnBn(), [5, 10])
    states = traced.traces[0].cell_state.copy()
    states[..., 0] = 3
    values = {"cell_state": states, "hidden": np.tanh(states)}
    unit, _ = find_counter(
        Trace("lstm_1", "lstm", values), AnBn(), traced.probe
    )
    assert unit == 1


def test_only_strings_of_trained_lengths_set_the_scale():
    """A counter that saturates beyond n = 10 keeps its scale."""
    traced = traced_of(AnBn(), [10, 40])
    states = traced.traces[0].cell_state.copy()
    states[1] = np.minimum(states[1], 7 + 0.5 * 12)
    values = {"cell_state": states, "hidden": np.tanh(states)}
    trace = Trace("lstm_1", "lstm", values)
    assert find_counter(trace, AnBn(), traced.probe)[1] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [AnBn, AnBnCn])
def test_crosses_mark_the_wrong_answers_and_no_others(kind):
    task, wrong = kind(), {(0, 3), (2, 0), (2, 15)}
    traced = traced_of(task, [4, 9, 20], 0.5, wrong=wrong)
    assert {(*map(int, k),) for k in np.argwhere(wrong_steps(traced))} == wrong
    ax = plot_counting(traced)
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [line.get_xdata().tolist() for line in crosses] == [[3], [], [0, 15]]
    unit, one = find_counter(traced.traces[0], task, traced.probe)
    states = traced.traces[0].cell_state[..., unit] / one
    for row, line in zip(states, crosses):
        np.testing.assert_allclose(line.get_ydata(), row[line.get_xdata()])


def test_what_comes_after_the_end_of_a_string_is_not_wrong():
    traced = traced_of(AnBn(), [2, 5], wrong=[(0, 5), (0, 10)])
    assert not wrong_steps(traced).any()


def test_a_missing_answer_is_wrong():
    traced = traced_of(AnBn(), [2, 5])
    traced.outputs[1, 7] = np.nan
    assert np.argwhere(wrong_steps(traced)).tolist() == [[1, 7]]


def test_wrong_records_are_refused():
    with pytest.raises(TypeError, match="traced must be a NetworkTrace, .*int"):
        plot_counting(3)
    with pytest.raises(ValueError, match="anbn or anbncn, got recall"):
        plot_counting(recorded("recall_inside"))
    traced = traced_of(AnBn(), [20, 30])
    with pytest.raises(ValueError, match="from 1 to 10, got n = 20, 30"):
        plot_counting(traced)
    simple = Trace("rnn", "simple_rnn", {"hidden": np.zeros((2, 61, 3))})
    with pytest.raises(ValueError, match="cell states, got the simple_rnn"):
        find_counter(simple, AnBn(), traced.probe)


def missed(ax):
    return [
        line.get_xdata().tolist()
        for line in ax.lines
        if line.get_marker() == "x"
    ]


@TIMING
def test_bars_are_targets_and_lines_answers(task):
    batch = task.sample(3, np.random.default_rng(0))
    late = np.roll(batch.targets, 1, axis=1)
    ax = plot_timing(task, batch, {"exact": batch.targets, "late": late}, 2)
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, batch.targets[2, :, 0])
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["exact"], batch.targets[2, :, 0])
    np.testing.assert_allclose(lines["late"], late[2, :, 0])
    error = np.abs(late - batch.targets)[2, :, 0]
    exact, wrong = missed(ax)
    assert exact == []
    assert wrong == np.flatnonzero(error >= task.tolerance).tolist()
    assert wrong
    marks = [ln for ln in ax.lines if ln.get_marker() == "v"]
    spikes = np.flatnonzero(batch.inputs[2, :, 0]).tolist()
    assert [line.get_xdata().tolist() for line in marks] == (
        [spikes] if spikes else []
    )


def test_a_missing_answer_is_marked():
    task = PeriodicFunction()
    batch = task.exam(np.random.default_rng(0))
    said = batch.targets.copy()
    said[0, 17] = np.nan
    assert missed(plot_timing(task, batch, {"net": said})) == [[17]]


def test_wrong_answers_to_timing_are_refused():
    task = PeriodicFunction()
    batch = task.exam(np.random.default_rng(0))
    short = {"net": batch.targets[:, :9]}
    with pytest.raises(
        ValueError, match=r"answers of net .*1, 100, 1.*1, 9, 1"
    ):
        plot_timing(task, batch, short)
    with pytest.raises(ValueError, match="sequence must be from 0 to 0, got 1"):
        plot_timing(task, batch, {}, 1)
    with pytest.raises(ValueError, match="task must be a timing task"):
        plot_timing(Recall(), Recall().example(), {})
    with pytest.raises(TypeError, match="batch must be a Batch"):
        plot_timing(task, batch.inputs, {})


@pytest.mark.parametrize("style", SMALLEST)
def test_the_pictures_are_legible(style):
    task = GenerateSpikes()
    batch = task.sample(1, np.random.default_rng(3))
    with plt.style.context(f"memnets.plots.styles.{style}"):
        ax = plot_counting(traced_of(AnBn(), [5, 20], wrong=[(1, 9)]))
        check_legible(ax.figure, smallest=SMALLEST[style])
        ax = plot_timing(task, batch, {"net": batch.targets})
        check_legible(ax.figure, smallest=SMALLEST[style])


def test_the_recorded_counter_fails_where_its_settings_say():
    """The typical network is right up to 20, and wrong at 40."""
    traced = recorded("anbn_inside")
    found = traced.settings["first_failures"]
    own = found[traced.settings["seed"]]
    assert own == sorted(found)[(len(found) - 1) // 2]
    assert min(found) > 10
    wrong = wrong_steps(traced).any(axis=1)
    numbers = np.count_nonzero(traced.probe.inputs == 1, axis=1)
    assert numbers.tolist() == [5, 10, 20, 40]
    assert wrong[numbers == own].all() and not wrong[numbers < own].any()
    assert wrong.any()
    assert not wrong_steps(recorded("anbn_long_by_hand_inside")).any()


@pytest.mark.parametrize("name", ["lstm", "peephole"])
def test_the_recorded_rhythm_is_of_a_typical_seed(name):
    traced = recorded(f"rhythm_{name}_inside")
    shares = traced.settings["shares"]
    assert [*shares] == [task.name for task in rhythms.TIMING]
    assert all(len(own) == 8 for own in shares.values())
    own = shares[traced.task.name]
    chosen = own[traced.settings["seed"]]
    assert chosen == sorted(own)[len(own) // 2]
    right = traced.task.correct(traced.outputs, traced.probe)
    assert right.all() == (chosen == 1)


def test_the_lower_median_is_the_first_of_equal_ones():
    assert rhythms.lower_median([5, 3, 9, 3]) == 3
    assert rhythms.lower_median([1, 1, 1]) == 1
    assert rhythms.lower_median([4, 2]) == 1


@pytest.mark.versions
def test_the_first_failure_is_the_first_wrong_string():
    """Up to the n that is found, each string is right, and it is not."""
    quick = dataclasses.replace(rhythms.COUNTING, episodes=2000)
    runs = rhythms.run_seeds(quick, 1)
    model, task = runs[0].model(), AnBn()
    failed = rhythms.first_failure(runs[0])
    assert failed > 10
    batch = task.strings(range(1, failed + 1))
    one_hot = np.eye(4, 3, dtype=np.float32)[batch.inputs]  # of -1, zeros
    same = (model.predict_on_batch(one_hot) > 0.5) == (batch.targets > 0.5)
    for n, own in enumerate(same, 1):
        assert own[: 1 + 2 * n].all() == (n < failed), n
    short = dataclasses.replace(rhythms.COUNTING, episodes=1)
    assert rhythms.first_failure(rhythms.run_seeds(short, 1)[0]) <= 10


@pytest.mark.versions
def test_a_study_of_timing_keeps_its_settings():
    tasks = (GenerateSpikes(timesteps=24), PeriodicFunction(timesteps=20))
    traced = rhythms.study_timing("lstm", tasks, seeds=2, episodes=3)
    assert traced.task == tasks[0]
    assert traced.settings["seed"] == 0  # neither has learned anything
    shares = traced.settings["shares"]
    assert shares == {task.name: [0.0, 0.0] for task in tasks}
    assert traced.settings["episodes"] == 3
    assert traced.traces[0].cell_state.shape == (1, 24, 4)


def test_a_share_counts_whole_long_streams(monkeypatch):
    """A network that is exact in short streams and silent later has none."""

    class Perfect:
        def __init__(self, until):
            self.until = until

        def predict_on_batch(self, inputs):
            said = GenerateSpikes().solve(inputs)
            said[:, self.until :] = 0
            return said

    class FakeRun:
        task = GenerateSpikes()

        def __init__(self, until):
            self.model = lambda: Perfect(until)

    assert rhythms.share_right(FakeRun(10_000)) == 1
    assert rhythms.share_right(FakeRun(100)) == 0
    assert 0 <= rhythms.share_right(FakeRun(1995)) < 1
