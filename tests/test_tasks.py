"""Every task keeps the contract, and the lecture's tasks are the lecture's."""

import dataclasses
import gc
import pathlib
import sys
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memnets import (
    TASKS,
    Batch,
    Countdown,
    EmbeddedReber,
    HiddenParticle,
    Mixture,
    ParticleForecast,
    Reber,
    Recall,
    draw,
    join,
    make_task,
)
from memnets.tasks import (
    Adding,
    AnBn,
    AnBnCn,
    AssociativeRecall,
    ContinualOrder,
    ContinualReber,
    CopyMemory,
    GenerateSpikes,
    LatestSubject,
    LongLag,
    LongLagRandom,
    LongLagTrigger,
    MeasureSpikeDelays,
    MemoryLength,
    MemorySize,
    ModernAdding,
    Multiplication,
    NoisySignal,
    NoisyTarget,
    PeriodicFunction,
    SignalThenNoise,
    TemporalOrder,
    TemporalOrder3,
)
from memnets.tasks.base import one_hot

VARIANTS = [
    *(task() for task in TASKS.values()),
    Recall(timesteps=4),
    Recall(timesteps=33, tells=3, asks=4, width=1),
    Countdown(timesteps=4),
    Countdown(timesteps=50, longest=7, width=3),
    Reber(timesteps=5),
    EmbeddedReber(timesteps=14),
    TemporalOrder(timesteps=11),
    TemporalOrder3(timesteps=44, reminder=True),
    AnBn(timesteps=30, least=3, most=7),
    AnBnCn(reminder=True),
    CopyMemory(timesteps=40, delay=7, length=5, alphabet=3),
    CopyMemory(timesteps=30, reminder=True),
    AssociativeRecall(timesteps=12, pairs=2, keys=5, values=4),
    MemoryLength(timesteps=1),
    MemorySize(timesteps=3, bits=40),
    LatestSubject(timesteps=11, subjects=2, fillers=1),
    ContinualReber(timesteps=13),
    ContinualOrder(timesteps=35, reminder=True),
    MeasureSpikeDelays(timesteps=12),
    MeasureSpikeDelays(timesteps=50, interval=3, delays=4, reminder=True),
    GenerateSpikes(timesteps=12),
    GenerateSpikes(timesteps=50, interval=3, delays=4, reminder=True),
    PeriodicFunction(timesteps=33, period=25, shape="triangle"),
    PeriodicFunction(shape="rectangle"),
    HiddenParticle(timesteps=12, particles=3),
    ParticleForecast(timesteps=25, particles=3),
    Mixture((Recall(), Recall(asks=2), Recall(tells=2))),
    LongLag(timesteps=2),
    LongLag(timesteps=5, reminder=True),
    LongLagRandom(timesteps=2),
    LongLagRandom(timesteps=5, reminder=True),
    LongLagTrigger(timesteps=3, lag=0, symbols=1),
    LongLagTrigger(timesteps=40, lag=3, symbols=7, reminder=True),
    SignalThenNoise(timesteps=3, signal=1),
    SignalThenNoise(timesteps=30, signal=5, reminder=True),
    NoisySignal(timesteps=20, signal=4),
    NoisySignal(timesteps=20, signal=4, reminder=True),
    NoisyTarget(timesteps=12, signal=1, reminder=True),
    Adding(timesteps=12),
    Adding(timesteps=30, reminder=True),
    Multiplication(timesteps=12),
    Multiplication(timesteps=30, reminder=True),
    ModernAdding(timesteps=4),
    ModernAdding(timesteps=7, reminder=True),
]


def rng(seed=0):
    return np.random.default_rng(seed)


def own_tests(task):
    """Return the text of the tests of a task's family."""
    family = type(task).__module__.rpartition(".")[2]
    path = pathlib.Path(__file__).parent / f"test_{family}.py"
    return path.read_text(encoding="utf-8")


@pytest.fixture(params=VARIANTS, ids=str)
def task(request):
    return request.param


def test_a_batch_has_the_shapes_and_types_of_the_contract(task):
    batch = task.sample(7, rng())
    assert isinstance(batch, Batch)
    channels = () if task.symbolic else (len(task.inputs),)
    assert batch.inputs.shape == (7, task.timesteps, *channels)
    assert batch.targets.shape == (7, task.timesteps, len(task.outputs))
    assert batch.weights.shape == (7, task.timesteps)
    kind = np.int32 if task.symbolic else np.float32
    kinds = [array.dtype for array in batch]
    assert kinds == [kind, np.float32, np.float32]
    if task.symbolic:
        assert -1 <= batch.inputs.min()
        assert 0 <= batch.inputs.max() < len(task.inputs)


def test_the_perfect_player_is_perfect(task):
    batch = task.sample(500, rng())
    answers = task.solve(batch.inputs)
    assert task.correct(answers, batch).all()
    assert task.mastered(answers, batch)
    # Where the future is open, nobody hits the target at every step.
    if task.landmarks["perfect"] == 0:
        scored = batch.weights > 0
        np.testing.assert_array_equal(answers[scored], batch.targets[scored])


def test_a_wrong_answer_anywhere_is_not_correct(task):
    batch = task.sample(50, rng())
    answers = task.solve(batch.inputs)
    # Unless a task says so, answers within 0.1 may be right, and all count.
    tolerance = getattr(task, "tolerance", 0.1)
    for step in range(getattr(task, "settled", 0), task.timesteps):
        outputs = answers.copy()
        outputs[:, step, 0] = 1 - outputs[:, step, 0]
        near_half = np.abs(answers[:, step, 0] - 0.5) < tolerance / 2
        wrong = ~near_half & (batch.weights[:, step] > 0)
        # It is trained at every step, but marked at the last one only.
        if isinstance(task, LongLagRandom) and step < task.timesteps - 1:
            continue
        assert not task.correct(outputs, batch)[wrong].any()
    assert not task.correct(np.full_like(batch.targets, np.nan), batch).any()


def test_silence_is_not_mastery(task):
    exam = task.exam(rng())
    assert not task.mastered(np.zeros_like(exam.targets), exam)


def test_one_seed_draws_one_batch(task):
    for first, second in zip(task.sample(9, rng(3)), task.sample(9, rng(3))):
        np.testing.assert_array_equal(first, second)
    other = task.sample(9, rng(4)).inputs
    # A function is drawn without inputs: it has one stream only.
    alike = np.array_equal(task.sample(9, rng(3)).inputs, other)
    assert alike == isinstance(task, PeriodicFunction)


def test_the_global_generator_is_left_alone(task):
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    task.sample(9, rng())
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_answers_come_from_the_past_only(task):
    inputs = task.sample(50, rng()).inputs
    answers = task.solve(inputs)
    for step in range(0, task.timesteps, 1 + task.timesteps // 150):
        cut = inputs.copy()
        cut[:, step:] = -1 if task.symbolic else 0
        np.testing.assert_array_equal(
            task.solve(cut)[:, :step], answers[:, :step]
        )


def calls_to_sample(task, batch_size):
    calls = []
    gc.disable()  # it may call anything at any time
    sys.setprofile(lambda frame, event, what: calls.append(event))
    try:
        task.sample(batch_size, rng())
    finally:
        sys.setprofile(None)
        gc.enable()
    return len(calls)


def test_sampling_is_vectorised(task):
    task.sample(1, rng())
    # However many sequences, as many calls of Python and C functions.
    assert calls_to_sample(task, 5000) == calls_to_sample(task, 20)


def test_a_task_is_frozen_and_made_again_from_its_settings(task):
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.timesteps = 3
    assert make_task(task.settings()) == task


def test_landmarks_agree_with_playing(task):
    # Fewer sequences of large tasks: no more than 100 MB of targets.
    size = task.timesteps * len(task.outputs)
    count = min(40_000, 25_000_000 // size)
    batch = task.sample(count, rng())
    silent = np.zeros_like(batch.targets)
    players = {"silent": silent, "perfect": task.solve(batch.inputs)}
    if "timing only" in task.landmarks:
        players["timing only"] = silent.copy()
        players["timing only"][..., 0] = batch.inputs[..., 2] / 2
        players["tanh(1) ceiling"] = np.minimum(batch.targets, np.tanh(1))
    if "no counting" in task.landmarks:
        counts = task.exam(rng()).inputs[..., 1].max() + 1
        tell = batch.inputs[..., 0].argmax(axis=1)[:, None]
        since = np.arange(task.timesteps) - tell
        spread = ((since >= 0) & (since < counts)) / counts
        players["no counting"] = silent.copy()
        players["no counting"][..., 0] = spread
    if isinstance(task, EmbeddedReber):
        last = task.outputs.index("next T"), task.outputs.index("next P")
        steps = batch.inputs.any(axis=-1).sum(axis=1) - 3
        players["forgetful"] = players["perfect"].copy()
        for channel in last:
            players["forgetful"][np.arange(count), steps, channel] = 0.5
    if task.name in ("hidden-particle", "particle-forecast"):
        own = batch.inputs[..., :1]
        slope = np.sum(own * batch.targets) / np.sum(own * own)
        players["memoryless"] = slope * own
    # The tests of a family play all other players that its tasks name.
    others = set(task.landmarks) - set(players)
    assert not others or "check_landmarks(" in own_tests(task)
    for name in set(players) & set(task.landmarks):
        played = players[name]
        error = np.square(played - batch.targets).mean(axis=2)
        error = np.mean(error * batch.weights, axis=1)
        deviation = 5 * error.std() / np.sqrt(len(error)) + 1e-7
        assert abs(error.mean() - task.landmarks[name]) < deviation, name


def test_recall_falls_where_the_lecture_has_it():
    inputs = Recall().sample(20_000, rng()).inputs
    told, asked = inputs[..., 0].argmax(axis=1), inputs[..., 2].argmax(axis=1)
    assert (inputs[..., 0].sum(axis=1) == 1).all()
    assert (inputs[..., 2].sum(axis=1) == 1).all()
    # 2,000 each expected, with a deviation of 42.
    assert (np.abs(np.bincount(told, minlength=20)[:10] - 2000) < 220).all()
    assert (np.abs(np.bincount(asked, minlength=20)[11:] - 2222) < 230).all()
    assert told.max() == 9 and asked.min() == 11 and asked.max() == 19
    values = inputs[np.arange(20_000), told, 1]
    assert values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 1 / 2) < 0.011
    assert abs(values.var() - 1 / 12) < 0.003


def test_the_latest_value_wins_and_every_ask_is_answered():
    batch = Recall().sequence({1: 0.2, 4: 0.7, 9: 0.4}, asked=[3, 8, 8, 15])
    expected = np.zeros(20)
    expected[[3, 8, 15]] = 0.2, 0.7, 0.4
    np.testing.assert_allclose(batch.targets[0, :, 0], expected, rtol=1e-6)
    assert not batch.targets[..., 1].any()


def test_an_ask_before_any_tell_wants_silence():
    inputs = Recall().sequence({5: 0.6}, asked=[7]).inputs
    assert Recall().solve(inputs).any()
    assert not Recall().solve(inputs[:, ::-1]).any()


def test_several_tells_and_asks_are_equally_likely():
    batch = Recall(tells=3, asks=2).sample(30_000, rng())
    told = batch.inputs[..., 0].sum(axis=0)
    asked = batch.inputs[..., 2].sum(axis=0)
    assert (np.abs(told[:10] - 9000) < 450).all() and not told[10:].any()
    assert (np.abs(asked[11:] - 6667) < 400).all() and not asked[:11].any()


def test_countdown_has_the_lectures_ninety_sequences():
    exam = Countdown().exam(rng())
    assert len(exam.inputs) == len(np.unique(exam.inputs, axis=0)) == 90
    row, tell = np.nonzero(exam.inputs[..., 0])
    count = exam.inputs[row, tell, 1]
    assert set(tell) == set(range(10)) and set(count) == set(range(9))
    _, signal = np.nonzero(exam.targets[..., 0])
    np.testing.assert_array_equal(signal, tell + count)
    assert signal.max() == 17
    drawn = Countdown().sample(5000, rng()).inputs
    assert len(np.unique(drawn, axis=0)) == 90


def test_recall_marks_on_both_sides_of_a_tenth():
    batch = Recall().sequence({2: 0.5}, asked=[12])
    for error, right in ((0.099, True), (0.101, False), (-0.101, False)):
        for step in (12, 5):
            outputs = batch.targets.copy()
            outputs[0, step, 0] += error
            assert Recall().correct(outputs, batch) == right
    # The second neuron is trained to be silent but not marked.
    outputs = batch.targets.copy()
    outputs[..., 1] = 1
    assert Recall().correct(outputs, batch)


def test_recall_is_mastered_from_99_in_100():
    exam = Recall().exam(rng())
    assert len(exam.inputs) == 2000
    outputs = exam.targets.copy()
    outputs[:20, 0, 0] = 0.2
    assert Recall().mastered(outputs, exam)
    outputs[20, 0, 0] = 0.2
    assert not Recall().mastered(outputs, exam)


def test_countdown_is_mastered_with_no_error_at_all():
    exam = Countdown().exam(rng())
    outputs = 0.51 * exam.targets + 0.49 * (1 - exam.targets)
    assert Countdown().mastered(outputs, exam)
    outputs[40, 3, 0] = 0.51
    assert Countdown().correct(outputs, exam).sum() == 89
    assert not Countdown().mastered(outputs, exam)


@given(st.data())
def test_any_possible_recall_works(data):
    timesteps = data.draw(st.integers(4, 300) | st.just(10_000))
    tells = data.draw(st.integers(1, min(timesteps // 2, 40)))
    most = timesteps - timesteps // 2 - 1
    asks = data.draw(st.integers(1, min(most, 40)))
    width = data.draw(st.integers(1, 3))
    task = Recall(timesteps, tells, asks, width)
    batch = task.sample(3, rng(data.draw(st.integers(0, 99))))
    assert (batch.inputs[..., 0].sum(axis=1) == tells).all()
    assert (batch.inputs[..., 2].sum(axis=1) == asks).all()
    last_tell = timesteps - 1 - batch.inputs[:, ::-1, 0].argmax(axis=1)
    value = batch.inputs[np.arange(3), last_tell, 1][:, None]
    np.testing.assert_array_equal(
        batch.targets[..., 0], batch.inputs[..., 2] * value
    )
    assert task.correct(task.solve(batch.inputs), batch).all()


@given(st.integers(4, 300) | st.just(10_000), st.data())
def test_any_possible_countdown_works(timesteps, data):
    most = timesteps - timesteps // 2
    longest = data.draw(st.none() | st.integers(0, most))
    task = Countdown(timesteps, longest)
    batch = task.sample(5, rng(data.draw(st.integers(0, 99))))
    # Every signal falls inside the sequence.
    assert (batch.targets.sum(axis=(1, 2)) == 1).all()
    assert task.correct(task.solve(batch.inputs), batch).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Recall(timesteps=3), ValueError, "timesteps.*at least 4.*3"),
        (lambda: Recall(timesteps=20.0), TypeError, "timesteps.*integer.*20.0"),
        (lambda: Recall(timesteps=True), TypeError, "timesteps.*True"),
        (lambda: Recall(tells=0), ValueError, "tells.*at least 1.*0"),
        (lambda: Recall(tells=11), ValueError, "tells.*at most 10.*20.*11"),
        (lambda: Recall(asks=10), ValueError, "asks.*at most 9.*20.*10"),
        (lambda: Recall(width=0), ValueError, "width.*at least 1.*0"),
        (lambda: Countdown(longest=-1), ValueError, "longest.*at least 0.*-1"),
        (lambda: Countdown(longest=11), ValueError, "longest.*at most 10.*11"),
        (lambda: Countdown(timesteps="20"), TypeError, "timesteps.*'20'"),
        (lambda: Mixture(()), TypeError, "tasks.*one task or more"),
        (lambda: Mixture((Recall(), Countdown())), ValueError, "tasks.*equal"),
        (lambda: Recall().sample(0, rng()), ValueError, "batch_size.*1.*0"),
        (lambda: Recall().sequence({20: 1.0}, []), ValueError, "told.*19.*20"),
        (lambda: Recall().sequence({}, [-1]), ValueError, "asked.*0.*-1"),
        (lambda: Recall().sequence({}, 15), TypeError, r"asked.*\[15\].*15"),
        (lambda: Recall().exam(None), TypeError, "rng.*Generator.*None"),
        (lambda: Countdown().sample(3, 7), TypeError, "rng.*Generator.*7"),
        (lambda: join([]), ValueError, "batches.*none"),
        (
            lambda: join([Recall().exam(rng()), Recall(9).exam(rng())]),
            ValueError,
            r"batches.*equal length.*\(20, 3\), \(9, 3\)",
        ),
        (
            lambda: draw(Countdown(), Countdown().exam(rng()), 90),
            ValueError,
            "sequence must be from 0 to 89, got 90",
        ),
        (lambda: Countdown().sequence(2, -3), ValueError, "count.*0.*-3"),
        (lambda: make_task({"name": "recal"}), ValueError, "recall.*'recal'"),
        (lambda: LongLag(timesteps=1), ValueError, "timesteps.*at least 2.*1"),
        (lambda: LongLag(reminder=1), TypeError, "reminder.*True or False.*1"),
        (lambda: LongLagTrigger(lag=-1), ValueError, "lag.*at least 0.*-1"),
        (lambda: LongLagTrigger(symbols=0), ValueError, "symbols.*1.*0"),
        (
            lambda: LongLagTrigger(timesteps=102, lag=100),
            ValueError,
            "timesteps.*at least 103.*102",
        ),
        (lambda: NoisySignal(signal=0), ValueError, "signal.*at least 1.*0"),
        (
            lambda: NoisyTarget(timesteps=11, signal=10),
            ValueError,
            "signal.*smaller.*10 for timesteps = 11.*10",
        ),
        (lambda: Adding(timesteps=11), ValueError, "timesteps.*12.*11"),
        (lambda: ModernAdding(timesteps=3), ValueError, "timesteps.*4.*3"),
        (lambda: one_hot(np.array([0, 3]), 3), ValueError, "below 3, got 3"),
        (
            lambda: Recall().correct(np.zeros((1, 20)), Recall().exam(rng())),
            ValueError,
            r"outputs.*\(2000, 20, 2\).*\(1, 20\)",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_long_sequence_wraps_in_the_drawing():
    task = Recall(timesteps=45)
    text = draw(task, task.sequence({3: 0.45}, asked=[44]))
    assert max(map(len, text.splitlines())) <= 72
    blocks = text.split("\n\n")
    assert [block.split()[2] for block in blocks] == ["0", "20", "40"]
    assert blocks[0].splitlines()[2].split()[4] == ".4"
    assert blocks[2].splitlines()[4].split()[5] == ".4"


def test_symbols_are_named_in_one_row_of_the_drawing():
    task = LongLag(timesteps=34)
    lines = draw(task, task.exam(rng()), 1).splitlines()
    assert max(map(len, lines)) <= 72
    shown = [line.split()[1:] for line in lines if line.startswith("read")]
    assert [*chain(*shown)] == ["y", *(f"a{k}" for k in range(1, 34))]
    shown = [line.split()[1:] for line in lines if line.startswith("next")]
    assert [*chain(*shown)] == [*(f"a{k}" for k in range(1, 34)), "y"]
    task = LongLagTrigger(timesteps=8, lag=2, symbols=1)
    batch = task.sample(1, rng())._replace(
        inputs=np.array([[2, 0, 4, 4, 3, -1, -1, -1]], np.int32)
    )
    assert draw(task, batch).splitlines()[1].split() == (
        "read b x a1 a1 e . . .".split()
    )


def test_a_symbol_becomes_a_row_with_one_1():
    rows = one_hot(np.array([[2, -1], [0, 1]], np.int32), 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows[0], [[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(rows[1], [[1, 0, 0], [0, 1, 0]])
    floats = np.ones((2, 3), np.float32)
    assert one_hot(floats, 3) is floats


def test_joined_batches_keep_their_order():
    parts = [Countdown().sequence(2, count) for count in (1, 5)]
    joined = join(parts)
    for sequence, part in enumerate(parts):
        np.testing.assert_array_equal(joined.inputs[sequence], part.inputs[0])
        np.testing.assert_array_equal(joined.targets[sequence], part.targets[0])
    assert joined.weights.shape == (2, 20)


def test_a_mixture_draws_from_all_its_parts():
    mix = Mixture((Recall(), Recall(asks=2), Recall(tells=2)))
    inputs = mix.sample(9000, rng()).inputs
    tells, asks = inputs[..., 0].sum(axis=1), inputs[..., 2].sum(axis=1)
    for kind in ((1, 1), (1, 2), (2, 1)):
        drawn = np.sum((tells == kind[0]) & (asks == kind[1]))
        assert abs(drawn - 3000) < 230, kind
