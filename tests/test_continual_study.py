"""The study of continual prediction does as its docstrings say."""

import dataclasses
import itertools

import numpy as np
import pytest
from players import check_counts

from memnets.experiments import continual
from memnets.experiments.continual import Budget, Learning, Strings, study
from memnets.tasks import ContinualReber, EmbeddedReber
from memnets.training.kernels.streams import State, answer, learn

pytestmark = pytest.mark.versions

SMALL = Budget(streams=25, symbols=60, test=40)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_strings_are_those_of_the_grammar():
    strings = Strings(rng())
    symbols, states, starts = strings.piece(20_000)
    text = "".join(EmbeddedReber.inputs[symbol] for symbol in symbols)
    first = np.flatnonzero(starts)
    assert first[0] == 0
    drawn = [text[a:b] for a, b in itertools.pairwise(first)]
    for string in drawn[:200]:
        EmbeddedReber(timesteps=200).sequence(string)  # or it would refuse
    check_counts([string[1] for string in drawn], "TP")
    mean = np.mean([len(string) for string in drawn])
    assert abs(mean - 12) < 0.5  # two more than B, T, ..., T, E around 8
    # What may follow is what the task says.
    task = ContinualReber(20_000)
    wanted = task.solve(symbols[None])[0]
    possible = continual.automaton(EmbeddedReber.grammar).possible > 0
    np.testing.assert_array_equal(possible[states], wanted > 0)


def test_strings_do_not_depend_on_how_they_are_taken():
    whole = np.array(Strings(rng()).piece(30_000))
    strings, found = Strings(rng()), []
    for steps in (1, 700, 1024, 20_000):
        part = np.array(strings.piece(steps + 5))
        found.append(part[:, :steps])
        strings.use(steps)
    found = np.concatenate(found, axis=1)
    np.testing.assert_array_equal(found, whole[:, : found.shape[1]])


def by_hand(method, seed, budget):
    """Return the row of one network, by one call for each stream."""
    generator = rng(seed)
    state = State(method.network, method.draw(generator)[None])
    symbols, states, starts = Strings(generator).piece(60_000)
    possible = continual.automaton(EmbeddedReber.grammar).possible > 0
    targets, rate, t = possible[states], np.float32(method.rate), 0
    row = continual.Outcome(seed)

    def stream(longest, rate=None):
        nonlocal t
        t += int(np.argmax(starts[t:]))
        state.reset()
        piece = slice(t, t + longest)
        given = symbols[None, piece], targets[None, piece]
        options = {"tolerance": 0.49}
        if method.resets:
            options["starts"] = starts[None, piece]
        if rate is None:
            right = answer(state, *given, **options).right[0]
        else:
            right = learn(state, *given, rate, **options).right[0]
        taken = min(right + 1, longest)
        t += taken
        if rate is None:
            row.tested += int(taken)
        else:
            row.symbols += int(taken)
        return int(right)

    while row.streams < budget.streams and not row.perfect:
        stream(budget.symbols, rate)
        row.streams, rate = row.streams + 1, rate * np.float32(method.decay)
        row.perfect = all(stream(budget.test) == budget.test for _ in range(10))
    row.error_free = float(budget.test)
    if not row.perfect:
        row.error_free = np.mean([stream(budget.test) for _ in range(10)])
    return row


@pytest.mark.parametrize(
    "method",
    [Learning(), Learning(forget_gate=False, resets=True, rate=0.3, decay=0.9)],
    ids=["forget gates", "resets"],
)
@pytest.mark.parametrize(
    "budget", [SMALL, Budget(600, 30, 1), Budget(400, 2, 2)], ids=str
)
def test_rows_are_those_of_one_network_after_the_other(method, budget):
    rows = study(method, [3, 4, 9], budget)
    assert rows == [by_hand(method, seed, budget) for seed in (3, 4, 9)]
    if budget.test == 1:
        assert all(row.perfect for row in rows)
        assert max(row.streams for row in rows) > 1
    if budget is SMALL:
        assert not any(row.perfect for row in rows)
        assert {row.streams for row in rows} == {25}


@pytest.mark.parametrize("piece", [7, 512])
def test_company_and_pieces_change_no_row(monkeypatch, piece):
    monkeypatch.setattr(continual, "LANES", 3)
    rows = study(Learning(decay=0.99), range(5), SMALL)
    monkeypatch.setattr(continual, "PIECE", piece)
    found = study(Learning(decay=0.99), [4, 1], SMALL)
    assert found == [rows[4], rows[1]]


def test_networks_are_the_papers():
    assert Learning().network.count == 424
    weights = Learning().draw(rng())
    biases = Learning().network.split(weights)[2][0]
    assert list(biases[:4]) == list(biases[4:8]) == [-0.5, -1, -1.5, -2]
    assert list(biases[8:]) == [0.5, 1, 1.5, 2]
    others = np.delete(weights, np.flatnonzero(np.isin(weights, biases)))
    assert others.size == 412 and np.abs(others).max() <= 0.2
    assert Budget() == Budget(30_000, 1_000_000, 100_000)


def test_errors_fall_while_streams_are_learned():
    few = study(Learning(), range(8), Budget(100, 10_000, 1000))
    more = study(Learning(), range(8), Budget(3000, 10_000, 1000))
    before, after = (
        np.mean([row.error_free for row in rows]) for rows in (few, more)
    )
    assert after > 2 * before


@pytest.mark.parametrize("name", ["streams", "symbols", "test"])
def test_impossible_budgets_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        dataclasses.replace(Budget(), **{name: 0})


def test_a_study_needs_seeds():
    with pytest.raises(ValueError, match="seeds must be one or more"):
        study(Learning(), [])
