"""Streams are strings and sequences one after another, and go on anywhere."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from players import (
    best_by,
    check_counts,
    check_landmarks,
    check_the_reminder,
    constant,
    memoryless,
)

from memnets.tasks import ContinualOrder, ContinualReber, TemporalOrder3
from memnets.tasks.continual import continue_streams
from memnets.tasks.symbols import spell

# The inner grammar, as regular expressions and not as an automaton.
LOOP = "(?:XT*VP)*(?:S|XT*VV)"
PLAIN = f"B(?:TS*X{LOOP}|PT*V(?:V|P{LOOP}))E"
STRING = re.compile(f"B(?:T{PLAIN}T|P{PLAIN}P)E")
# The same grammar as a table: what may come after what, in which place.
ARCS = {
    "begin": {"B": "first"},
    "first": {"T": "t", "P": "p"},
    "t": {"S": "t", "X": "tx"},
    "p": {"T": "p", "V": "pv"},
    "tx": {"X": "p", "S": "s"},
    "pv": {"P": "tx", "V": "s"},
    "s": {"E": "end"},
}


def rng(seed=0):
    return np.random.default_rng(seed)


def walk(string):
    """Return what may follow each symbol of a stream of embedded strings."""
    may, outer, place, second = [], "outer B", None, ""
    for symbol in string:
        if outer == "outer B":
            assert symbol == "B"
            outer = "second"
        elif outer == "second":
            assert symbol in "TP"
            second, outer, place = symbol, "inside", "begin"
        elif outer == "inside":
            place = ARCS[place][symbol]
            if place == "end":
                outer = "return"
        elif outer == "return":
            assert symbol == second
            outer = "outer E"
        else:
            assert symbol == "E"
            outer = "outer B"
        if outer == "inside":
            may.append(set(ARCS[place]))
        else:
            known = {"outer B": "B", "second": "TP", "outer E": "E"}
            may.append(set(known.get(outer, second)))
    return may


def check_stream(string, possible):
    for may, targets in zip(walk(string), possible, strict=True):
        assert {"BTPSXVE"[k] for k in np.flatnonzero(targets)} == may
        assert set(targets.tolist()) <= {0.0, 1.0}


@given(timesteps=st.integers(1, 90), seed=st.integers(0, 99))
def test_targets_are_all_symbols_that_may_come(timesteps, seed):
    task = ContinualReber(timesteps)
    batch = task.sample(3, rng(seed))
    assert (batch.weights == 1).all()
    for symbols, targets in zip(batch.inputs, batch.targets):
        string = spell(task, symbols)
        check_stream(string, targets)
        assert len(string) == timesteps
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()


def test_strings_are_as_frequent_as_the_grammar_says():
    stream, _, _ = continue_streams(np.zeros(50, int), 20_000, rng())
    task = ContinualReber()
    lengths, seconds, firsts = [], [], []
    for symbols in stream:
        text = spell(task, symbols)
        strings = STRING.findall(text)
        assert text.startswith("".join(strings))
        assert len(text) - len("".join(strings)) < 150
        lengths += map(len, strings)
        seconds += [string[1] for string in strings]
        firsts += [string[3] for string in strings]
    check_counts(seconds, "TP")
    check_counts(firsts, "TP")
    # Half of the time each way: a quarter of all strings are the shortest.
    count = len(lengths)
    assert abs(np.mean(lengths) - 12) < 5 * np.std(lengths) / np.sqrt(count)
    nine = np.mean(np.array(lengths) == 9)
    assert abs(nine - 1 / 4) < 5 * np.sqrt(3 / 16 / count)


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_streams_go_on_from_any_state(parts):
    generator, states = rng(3), np.zeros(4, int)
    drawn = []
    for steps in parts:
        symbols, may, states = continue_streams(states, steps, generator)
        assert symbols.shape == (4, steps) and may.shape == (4, steps, 7)
        assert (symbols.dtype, may.dtype) == (np.int32, np.float32)
        drawn.append((symbols, may))
    symbols, may = (np.concatenate(part, axis=1) for part in zip(*drawn))
    for stream, possible in zip(symbols, may):
        check_stream(spell(ContinualReber(), stream), possible)


def test_a_batch_is_the_beginning_of_streams():
    batch = ContinualReber(60).sample(5, rng(4))
    symbols, may, _ = continue_streams(np.zeros(5, int), 60, rng(4))
    np.testing.assert_array_equal(batch.inputs, symbols)
    np.testing.assert_array_equal(batch.targets, may)


def test_a_second_symbol_moves_its_return_alone():
    task = ContinualReber()
    inputs = task.sample(6, rng()).inputs
    before = task.solve(inputs)
    events = task.events(inputs[2])
    assert len(events["tell"]) - len(events["recall"]) in (0, 1)
    assert len(events["recall"]) > 3
    for tell, recall in zip(events["tell"], events["recall"]):
        assert tell < recall
        returned = before[2, recall, 1:3]
        assert returned.sum() == before[2, recall].sum() == 1
        assert returned[inputs[2, tell] - 1] == 1
        moved = inputs.copy()
        moved[2, [tell, recall + 1]] = 3 - moved[2, tell]  # T is 1 and P is 2
        changed = np.argwhere((task.solve(moved) != before).any(axis=2))
        assert changed.tolist() == [[2, recall]]


def test_nothing_may_follow_a_forbidden_symbol():
    symbols = [["BTPSXVE".index(s) for s in "BTBTSE"]]
    answers = ContinualReber().solve(symbols)[0]
    assert answers[:5].any(axis=1).all() and not answers[5].any()
    assert not ContinualReber().solve([[-1, 0]]).any()


def test_an_error_of_almost_one_half_is_right():
    task = ContinualReber(30)
    batch = task.sample(3, rng())
    outputs = np.abs(batch.targets - 0.489)
    assert task.correct(outputs, batch).all()
    assert task.right_in_a_row(outputs, batch).tolist() == [30, 30, 30]
    for channel in range(7):
        wrong = outputs.copy()
        wrong[1, 12, channel] = abs(batch.targets[1, 12, channel] - 0.491)
        wrong[1, 20] = np.nan
        assert task.correct(wrong, batch).tolist() == [True, False, True]
        assert task.right_in_a_row(wrong, batch).tolist() == [30, 12, 30]


@pytest.mark.parametrize("timesteps", [2, 11, 60])
def test_the_landmarks_of_streams_agree_with_playing(timesteps):
    task = ContinualReber(timesteps)

    def forgetful(batch):
        answers = batch.targets.copy()
        for row, inputs in enumerate(batch.inputs):
            answers[row, task.events(inputs)["recall"], 1:3] = 0.5
        return answers

    players = {"constant": constant, "memoryless": memoryless}
    check_landmarks(task, {**players, "forgetful": forgetful}, 3000)


@pytest.mark.parametrize("reminder", [False, True])
def test_sequences_follow_one_another(reminder):
    task = ContinualOrder(repeats=3, reminder=reminder)
    batch = task.sample(400, rng())
    lengths, orders = [], []
    for symbols, targets, weights in zip(*batch):
        names = [task.inputs[k] for k in symbols if k >= 0]
        assert (symbols[len(names) :] == -1).all()
        ends = [k for k, s in enumerate(names) if s == "B" or len(s) == 3]
        starts = [k for k, s in enumerate(names) if s == "E"]
        assert starts == [0, *(end + 1 for end in ends[:-1])]
        assert len(ends) == 3 and ends[-1] == len(names) - 1
        assert np.flatnonzero(weights).tolist() == ends
        assert targets.sum() == 3
        for start, end in zip(starts, ends):
            told = "".join(s for s in names[start:end] if s in ("X", "Y"))
            assert task.outputs[targets[end].argmax()] == told
            assert targets[end].max() == 1
            assert names[end] == (told if reminder else "B")
            lengths.append(end + 1 - start)
            orders.append(told)
        events = task.events(symbols)
        assert events["recall"].tolist() == ends
        assert len(events["tell"]) == 9
    check_counts(lengths, range(100, 111))
    check_counts(orders, TemporalOrder3().outputs)


@given(
    repeats=st.integers(1, 12),
    longest=st.integers(11, 60),
    spare=st.integers(0, 11),
)
def test_any_possible_stream_of_sequences_works(repeats, longest, spare):
    task = ContinualOrder(repeats * longest + spare, repeats=repeats)
    batch = task.sample(3, rng(spare))
    answers = task.solve(batch.inputs)
    np.testing.assert_array_equal(answers, batch.targets)
    assert task.correct(answers, batch).all()
    assert (task.right_in_a_row(answers, batch) == repeats).all()


def test_one_sequence_is_the_task_before():
    for mine, theirs in zip(
        ContinualOrder(110, repeats=1).sample(9, rng()),
        TemporalOrder3().sample(9, rng()),
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_sequences_are_counted_up_to_the_first_mistake():
    task = ContinualOrder(55, repeats=5)
    batch = task.sample(3, rng())
    ends = np.flatnonzero(batch.weights[1])
    for right, end in enumerate(ends):
        outputs = np.where(batch.weights[..., None] > 0, batch.targets, 3)
        outputs[1, end, right] += 0.299
        assert task.correct(outputs, batch).all()
        outputs[1, end, right] += 0.002
        outputs[1, ends[-1]] = np.nan
        assert task.correct(outputs, batch).tolist() == [True, False, True]
        assert task.right_in_a_row(outputs, batch).tolist() == [5, right, 5]


def test_a_told_symbol_moves_no_other_sequence():
    task = ContinualOrder()
    inputs = task.sample(6, rng()).inputs
    before, events = task.solve(inputs), task.events(inputs[4])
    for place, step in enumerate(events["tell"]):
        moved = inputs.copy()
        moved[4, step] = 13 - moved[4, step]  # X is 6 and Y is 7
        changed = np.argwhere((task.solve(moved) != before).any(axis=2))
        assert changed.tolist() == [[4, events["recall"][place // 3]]]


@pytest.mark.parametrize("reminder", [False, True])
def test_the_landmarks_of_sequences_agree_with_playing(reminder):
    def unordered(batch):
        told = np.cumsum(batch.inputs == 6, axis=1)
        ends = np.cumsum(batch.weights, axis=1)
        before = [
            told[row, np.flatnonzero(ends[row] == k)[0]] if k else 0
            for row in range(len(told))
            for k in range(3)
        ]
        before = np.reshape(before, (-1, 3))
        which = np.minimum(ends - 1, 2).clip(0).astype(int)
        return best_by(told - np.take_along_axis(before, which, 1), batch)

    task = ContinualOrder(33, reminder, 3)
    players = {"constant": constant, "unordered": unordered}
    check_landmarks(task, players, 4000)


def test_with_a_reminder_no_memory_is_needed():
    check_the_reminder(ContinualOrder(), ContinualOrder(reminder=True), 500)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ContinualReber(0), ValueError, "timesteps.*at least 1.*0"),
        (lambda: ContinualOrder(32), ValueError, "timesteps.*at least 33.*32"),
        (lambda: ContinualOrder(repeats=0), ValueError, "repeats.*1.*0"),
        (lambda: ContinualOrder(reminder=2), TypeError, "reminder.*2"),
        (
            lambda: continue_streams(np.zeros(2), 3, rng()),
            TypeError,
            "states.*integers.*float64",
        ),
        (
            lambda: continue_streams(np.array([0, 22]), 3, rng()),
            ValueError,
            "states must be from 0 to .*22",
        ),
        (
            lambda: continue_streams(np.array([-1]), 3, rng()),
            ValueError,
            "states.*-1",
        ),
        (
            lambda: continue_streams(np.zeros(2, int), 0, rng()),
            ValueError,
            "steps.*at least 1.*0",
        ),
        (
            lambda: continue_streams(np.zeros(2, int), 5, 7),
            TypeError,
            "rng.*Generator.*7",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
