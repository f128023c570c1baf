"""The Reber tasks are the grammar of the papers, drawn and marked as there."""

import re
from collections import defaultdict

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memnets import EmbeddedReber, Reber, letters

# The grammar as regular expressions, not as an automaton.
LOOP = "(?:XT*VP)*(?:S|XT*VV)"
PLAIN = f"B(?:TS*X{LOOP}|PT*V(?:V|P{LOOP}))E"
STRINGS = {
    Reber: re.compile(PLAIN),
    EmbeddedReber: re.compile(f"B(?:T{PLAIN}T|P{PLAIN}P)E"),
}
# How many symbols of a string follow no choice of two; B, E and the second T
# or P. Every other one halves the string's probability.
SURE = {Reber: 2, EmbeddedReber: 5}
KINDS = pytest.mark.parametrize("kind", [Reber, EmbeddedReber])


def rng(seed=0):
    return np.random.default_rng(seed)


def plain(longest):
    """Write all Reber strings up to a length, from loops in loops."""

    def loops(room):
        for ts in range(room - 2):
            yield "X" + "T" * ts + "VV"
            for rest in loops(room - 3 - ts):
                yield "X" + "T" * ts + "VP" + rest
        if room > 0:
            yield "S"

    room = longest - 2
    for ss in range(room - 2):
        yield from (f"BT{'S' * ss}X{end}E" for end in loops(room - 2 - ss))
    for ts in range(room - 2):
        yield f"BP{'T' * ts}VVE"
        yield from (f"BP{'T' * ts}VP{end}E" for end in loops(room - 3 - ts))


def strings(kind, longest):
    """Write all strings of a grammar, each with its probability."""
    every = plain(longest)
    if kind is EmbeddedReber:
        inner = list(plain(longest - 4))
        every = (f"B{s}{string}{s}E" for string in inner for s in "TP")
    return {string: 0.5 ** (len(string) - SURE[kind]) for string in every}


def spell(batch):
    return [letters(inputs) for inputs in batch.inputs]


@KINDS
def test_strings_are_drawn_as_often_as_the_grammar_says(kind):
    every = strings(kind, 14)
    assert all(STRINGS[kind].fullmatch(string) for string in every)
    drawn, counts = np.unique(
        spell(kind(14).sample(20_000, rng())), return_counts=True
    )
    assert set(drawn) <= set(every)
    counts = dict(zip(drawn, counts))
    some = sum(every.values())
    for string, probability in every.items():
        share = probability / some
        deviation = np.sqrt(20_000 * share * (1 - share))
        found = counts.get(string, 0)
        assert abs(found - 20_000 * share) < 4.5 * deviation + 1, string


@KINDS
def test_few_strings_are_left_out(kind):
    longer = 0 if kind is Reber else 4
    every = strings(kind, 28 + longer)
    for longest, percent in ((16, 2.8), (20, 0.82), (28, 0.068)):
        fit = sum(p for s, p in every.items() if len(s) <= longest + longer)
        assert float(f"{100 * (1 - fit):.2g}") == percent
    mean = sum(p * len(s) for s, p in every.items())
    assert abs(mean - 8 - longer) < 0.03


@KINDS
@pytest.mark.parametrize("timesteps", [9, 13, 24])
def test_landmarks_are_exact(kind, timesteps):
    every = strings(kind, timesteps)
    mean = sum(p * len(s) for s, p in every.items()) / sum(every.values())
    # Silence misses a 1 at each step but the last, the perfect player twice
    # 1/2 wherever two symbols may come.
    expected = {"silent": mean - 1, "perfect": (mean - SURE[kind]) / 2}
    if kind is EmbeddedReber:
        expected["forgetful"] = expected["perfect"] + 1 / 2
    landmarks = kind(timesteps).landmarks
    assert set(landmarks) == set(expected)
    for name, errors in expected.items():
        assert np.isclose(landmarks[name], errors / (7 * timesteps)), name


@KINDS
def test_the_landmarks_are_losses_of_keras(kind):
    batch = kind().sample(50_000, rng())
    answers = kind().solve(batch.inputs)
    loss = keras.losses.MeanSquaredError()(
        batch.targets, answers, sample_weight=batch.weights
    )
    assert np.isclose(loss, kind().landmarks["perfect"], rtol=0.02)


@KINDS
def test_the_perfect_player_knows_all_that_may_come(kind):
    every = strings(kind, 18)
    follow = defaultdict(set)
    for string in every:
        for step in range(1, len(string)):
            follow[string[:step]].add(string[step])
    # Of longer strings some ways on are missing.
    short = [string for string in every if len(string) < 13]
    for string in short:
        answers = kind(20).solve(kind(20).sequence(string).inputs)[0]
        for step in range(1, len(string)):
            may = follow[string[:step]]
            shares = [(s in may) / len(may) for s in "BTPSXVE"]
            np.testing.assert_array_equal(answers[step - 1], shares)
        assert not answers[len(string) - 1 :].any()


@KINDS
@given(seed=st.integers(0, 99), extra=st.integers(0, 40))
def test_a_batch_is_a_string_and_the_string_moved_by_one(kind, seed, extra):
    task = kind(kind.shortest + extra)
    batch = task.sample(4, rng(seed))
    for row, string in enumerate(spell(batch)):
        assert STRINGS[kind].fullmatch(string)
        same = task.sequence(string)
        for mine, theirs in zip(same, batch):
            np.testing.assert_array_equal(mine[0], theirs[row])
        assert letters(batch.targets[row]) == string[1:]
        scored = np.arange(task.timesteps) < len(string) - 1
        np.testing.assert_array_equal(batch.weights[row], scored)


def test_all_that_may_come_must_be_above_all_else():
    task = Reber(10)
    batch = task.sequence("BTXSE")
    answers = task.solve(batch.inputs)

    def right(step, **outputs):
        outputs = [outputs.get(symbol, 0) for symbol in "BTPSXVE"]
        answered = answers.copy()
        answered[0, step] = outputs
        return task.correct(answered, batch)[0]

    # After B, T or P.
    assert right(0, T=0.2, P=0.9, X=0.1)
    assert right(0, T=-0.2, P=-0.1, B=-1, S=-1, X=-1, V=-1, E=-1)
    assert not right(0, T=0.2, P=0.9, X=0.2)
    assert not right(0, P=1)
    # The symbol that really came is not enough.
    assert not task.correct(batch.targets, batch)[0]
    # After the last symbol anything goes.
    assert right(4, B=1) and right(9, B=1)
    # So it does wherever nothing is scored.
    unscored = batch._replace(weights=np.zeros_like(batch.weights))
    assert task.correct(batch.targets, unscored)[0]


def test_who_forgets_the_second_symbol_is_right_half_of_the_time():
    task = EmbeddedReber()
    batch = task.sample(4000, rng())
    answers = task.solve(batch.inputs)
    assert task.remembers(answers, batch).all()
    # The same string between two T, whatever it is between.
    between = batch.inputs.copy()
    second_last = batch.inputs.any(axis=-1).sum(axis=1) - 2
    for step in (1, second_last):
        between[np.arange(4000), step] = np.eye(7)[1]
    guessed = task.solve(between)
    for marks in task.remembers(guessed, batch), task.correct(guessed, batch):
        np.testing.assert_array_equal(marks, batch.inputs[:, 1, 1] == 1)
        assert abs(marks.mean() - 0.5) < 0.04
    differ = np.argwhere((guessed != answers).any(axis=2))
    for row, step in differ:
        events = task.events(batch.inputs[row])
        assert (events["tell"], events["recall"]) == ([1], [step])
    assert len(differ) == (batch.inputs[:, 1, 2] == 1).sum()
    # Neither is no answer.
    assert not task.remembers(np.zeros_like(answers), batch).any()
    assert not task.remembers(np.full_like(answers, np.nan), batch).any()


def test_a_symbol_that_cannot_come_leaves_nothing_to_say():
    inputs = Reber(9).sequence("BPVVE").inputs.copy()
    inputs[0, 2] = np.eye(7)[3]
    answers = Reber(9).solve(inputs)
    assert answers[0, 1].any() and not answers[0, 2:].any()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Reber(4), ValueError, "timesteps.*at least 5.*4"),
        (lambda: EmbeddedReber(8), ValueError, "timesteps.*at least 9.*8"),
        (lambda: Reber().sequence("BTSE"), ValueError, "reber.*'BTSE'"),
        (lambda: Reber().sequence("BTXS"), ValueError, "complete.*'BTXS'"),
        (lambda: Reber().sequence("BTXSEE"), ValueError, "'BTXSEE'"),
        (lambda: Reber().sequence("BQE"), ValueError, "'BQE'"),
        (lambda: Reber().sequence(""), ValueError, "complete.*''"),
        (lambda: Reber(5).sequence("BPTVVE"), ValueError, "most 5.*'BPTVVE'"),
        (lambda: Reber().sequence(7), ValueError, "string.*7"),
        (
            lambda: EmbeddedReber().sequence("BTBTXSEPE"),
            ValueError,
            "embedded-reber.*'BTBTXSEPE'",
        ),
        (
            lambda: EmbeddedReber().remembers(
                np.zeros((1, 9)), EmbeddedReber(9).sample(2, rng())
            ),
            ValueError,
            r"outputs.*\(2, 9, 7\).*\(1, 9\)",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
