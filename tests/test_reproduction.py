"""The classic experiments: rules, both ways of training, and the table."""

import csv
import dataclasses
import functools
import importlib.util
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memnets.__main__ import main
from memnets.records.tables import results
from memnets.reproduction import original
from memnets.reproduction.modern import Modern
from memnets.reproduction.page import page
from memnets.reproduction.row import BINARY
from memnets.reproduction.rows import ROWS
from memnets.reproduction.rules import (
    AllStrings,
    FirstFailure,
    FreshSet,
    FreshSetsInARow,
    LastCorrect,
    ShareRepeated,
    Streak,
    final_test,
)
from memnets.reproduction.streams import ModernStreams
from memnets.reproduction.trials import (
    REPRODUCIBLE,
    SCHEMA,
    Job,
    choose,
    divide,
    key_of,
    reproduce,
    run_job,
)
from memnets.tasks import (
    AnBn,
    Batch,
    ContinualReber,
    CopyMemory,
    EmbeddedReber,
    LongLag,
    NoisyTarget,
    Recall,
    SignalThenNoise,
    TemporalOrder,
)
from memnets.tasks.continual import continue_streams
from memnets.training.batches import BATCHES, generator
from memnets.training.kernels import online
from memnets.training.kernels.lanes import Lanes

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "data" / "results" / "reproduction.csv"
# Without Dask, the complaint is that it is missing.
HAS_DASK = importlib.util.find_spec("distributed") is not None
NO_SCHEDULER = "--dask must be the address" if HAS_DASK else "--dask needs Dask"
PAGE = ROOT / "docs" / "reproduction.md"

pytestmark = pytest.mark.versions


def rng(seed=0):
    return np.random.default_rng(seed)


def after_one_step(cell, batch, channels, outputs, weights):
    """Return the weights after one step of gradient descent by the kernel."""
    from memnets.training.kernels.engine import Kernel
    from memnets.training.kernels.network import Stack
    from memnets.training.kernels.optimizers import Optimizer, constant

    size, steps = batch.weights.shape
    kernel = Kernel(
        Stack(channels, (cell,), (6,), "linear", outputs),
        Optimizer("SGD", constant(0.5)),
        *(size, steps, batch.inputs[:1]),
    )
    kernel.put(weights)
    kernel.run(type(batch)(*(a[None] for a in batch)), 0, np.zeros(1, bool))
    return kernel.get()[0], kernel.answers()


@pytest.mark.parametrize("cell", ["simple_rnn", "elman"])
def test_the_kernel_trains_simple_networks_like_keras(cell):
    import keras

    from memnets.cells import Elman
    from memnets.networks.draws import initial_weights

    task = Recall()
    batch = task.sample(7, rng())
    weights = initial_weights(3, (6,), 2, "dense", 3, cell)
    layer = keras.layers.SimpleRNN
    if cell == "elman":
        layer = functools.partial(Elman, gradient_steps=1)
    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            layer(6, return_sequences=True),
            keras.layers.Dense(2),
        ]
    )
    model.set_weights(weights)
    model.compile(keras.optimizers.SGD(0.5), "mean_squared_error")
    expected = model.predict(batch.inputs, verbose=0)
    model.train_on_batch(*batch)
    mine, answers = after_one_step(cell, batch, 3, 2, weights)
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    for own, other, before in zip(mine, model.get_weights(), weights):
        assert np.abs(other - before).max() > 1e-4
        np.testing.assert_allclose(own, other, atol=1e-6)


class Player:
    """A network's stand-in: answers by rule, wrongly before some sequence."""

    def __init__(self, task, right=True):
        self.task, self.right = task, right

    def __call__(self, batch):
        answers = self.task.solve(batch.inputs)
        return answers if self.right else 1 - answers


def outcomes(*runs):
    """Return whether sequences are correct: (how many, whether) each."""
    return np.concatenate([np.full(n, right) for n, right in runs])


def feed(judge, correct, errors, sizes):
    """Give outcomes in blocks; return the sequence of the first due."""
    done = 0
    while done < len(correct):
        for size in sizes:
            block = slice(done, done + size)
            due = judge.due(correct[block], errors[block])
            if due is not None:
                return done + due
            done += size
            if done >= len(correct):
                break
    return None


BLOCKS = st.lists(st.integers(1, 700), min_size=1, max_size=5)


@given(
    st.lists(st.tuples(st.integers(1, 900), st.booleans()), max_size=12),
    BLOCKS,
    st.integers(1, 4),
    st.integers(1, 300),
)
def test_the_last_correct_rule_is_that_of_a_plain_loop(
    runs, sizes, below, window
):
    correct = outcomes(*runs, (1, True))
    errors = np.where(correct, 0.001, 0.02)
    expected = None
    for n in range(window, len(correct) + 1):
        last = slice(n - window, n)
        few = np.sum(~correct[last]) < below
        if few and errors[last].mean() < 0.005:
            expected = n
            break
    rule = LastCorrect(below, window, 0.005)
    judge = rule.judge(TemporalOrder(), 0)
    assert feed(judge, correct, errors, sizes) == expected


@given(
    st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=12),
    BLOCKS,
    st.integers(1, 200),
)
def test_a_streak_is_that_of_a_plain_loop(runs, sizes, streak):
    correct = outcomes(*runs, (1, True))
    expected, run = None, 0
    for n, right in enumerate(correct, start=1):
        run = run + 1 if right else 0
        if run == streak:
            expected = n
            break
    judge = Streak(streak).judge(TemporalOrder(), 0)
    assert feed(judge, correct, np.zeros(len(correct)), sizes) == expected


def test_a_streak_begins_anew_after_a_test_with_an_error():
    task = TemporalOrder()
    judge = Streak(10, test=40).judge(task, 0)
    right, none = np.full(25, True), np.zeros(25)
    assert judge.due(right, none) == 10
    assert judge.examine(Player(task, right=False), 10) is None
    assert judge.due(right[10:], none[10:]) == 10
    verdict = judge.examine(Player(task), 20)
    assert verdict.wrong == 0 and verdict.tested == 40


def test_the_rule_of_fresh_sets_asks_for_both_criteria():
    task, rule = SignalThenNoise(), FreshSet(6, 0.04, every=100, test=300)
    judge = rule.judge(task, 0)
    assert judge.due(np.full(99, True), np.zeros(99)) is None
    assert judge.due(np.full(50, True), np.zeros(50)) == 1

    def off(by):
        return lambda batch: np.abs(task.solve(batch.inputs) - by)

    assert judge.examine(off(0.3), 100) is None  # all are wrong
    assert judge.first is None
    assert judge.examine(off(0.1), 200) is None  # none is, but the error
    assert judge.first == 200
    verdict = judge.examine(off(0.01), 300)
    assert verdict.first == 200 and verdict.tested == 300
    assert verdict.wrong == 0 and abs(verdict.error - 0.01) < 1e-6


def test_sets_in_a_row_begin_anew_after_one_that_fails():
    task = SignalThenNoise()
    rule = FreshSetsInARow(6, 0.04, every=100, test=300, times=3)
    judge = rule.judge(task, 0)

    def off(by):
        return lambda batch: np.abs(task.solve(batch.inputs) - by)

    course = [0.01, 0.01, 0.1, 0.01, 0.01, 0.01]
    verdicts = [judge.examine(off(by), 0) for by in course]
    assert [v is None for v in verdicts] == [True] * 5 + [False]


def test_noise_on_targets_is_no_error_of_the_network():
    task = NoisyTarget()
    verdict = final_test(task, Player(task), 300, rng())
    assert verdict.wrong == 0 and verdict.error == 0


def test_the_sets_of_strings_share_none_and_are_those_of_the_trial():
    task, rule = EmbeddedReber(timesteps=50), AllStrings(strings=40)
    train, test = rule.sets(task, 4)
    known = {row.tobytes() for row in train.inputs}
    assert len(test.inputs) == 40
    assert not known & {row.tobytes() for row in test.inputs}
    again, _ = rule.sets(task, 1)  # trials 1 and 4 have the same sets
    np.testing.assert_array_equal(again.inputs, train.inputs)
    other, _ = rule.sets(task, 2)
    assert (other.inputs != train.inputs).any()
    shown = rule.stream(task, 4)(0, 100).inputs
    assert {row.tobytes() for row in shown} <= known
    judge = rule.judge(task, 4)
    assert judge.examine(Player(task), 256).wrong == 0
    assert judge.examine(Player(task, right=False), 256) is None


def test_sequences_that_end_together_keep_their_steps():
    task = TemporalOrder(timesteps=30)
    block = original._Block(task.sample(6, rng()), 1)
    moved = np.zeros_like(block.batch.inputs)
    block.put_inputs(moved)
    for given_, own, n in zip(block.batch.inputs, moved, block.lengths):
        assert own[-n:].tolist() == given_[:n].tolist()
        assert not own[:-n].any() and given_[n - 1] == 1  # the symbol B
    answers = np.arange(24.0).reshape(6, 1, 4)
    back = block.in_batch(answers)
    for own, answer, n in zip(back, answers, block.lengths):
        assert own[n - 1].tolist() == answer[0].tolist()
        assert np.count_nonzero(own) == np.count_nonzero(answer)


def small(name):
    """Return a task, and a method of its row."""
    return TemporalOrder(), ROWS["6a"].attempts[name].method


@pytest.mark.parametrize("name", ["1997", "today"])
def test_a_trial_does_not_depend_on_the_others(name):
    task, method = small(name)
    rule = LastCorrect(101, 100, 0.375, test=64)  # soon reached
    alone = list(method.trials(task, rule, 4096, [2]))
    beside = list(method.trials(task, rule, 4096, [0, 1, 2]))
    (own,) = [trial for trial in beside if trial.seed == 2]
    assert own[:3] == alone[0][:3]
    assert len({trial.sequences for trial in beside}) > 1


def test_the_online_network_stops_with_the_weights_of_that_moment():
    task, method = small("1997")
    seen = []

    class Rule(LastCorrect):
        def judge(self, task, seed):
            inner = LastCorrect.judge(self, task, seed)
            examine = inner.examine

            def note(answer, sequences):
                batch = task.sample(3, rng())
                seen.append((sequences, answer(batch)))
                return examine(answer, sequences)

            inner.examine = note
            return inner

    list(method.trials(task, Rule(101, 100, 0.375, test=64), 4096, [2]))
    ((sequences, answers),) = seen
    # One network, sequence after sequence, by itself.
    network = method.network(task)
    weights = online.draw(
        network,
        method.width,
        generator(2, original.WEIGHTS),
        method.input_gates,
        method.output_gates,
    )[None]
    drawn = task.sample(512, generator(2, BATCHES, 0))
    block = original._Block(drawn, 1).first(sequences)
    moved = np.zeros_like(block.batch.inputs)
    block.put_inputs(moved)
    online.learn(
        network,
        weights,
        moved[None],
        block.targets()[None],
        method.rate,
        block.lengths[None],
    )
    probe = original._Block(task.sample(3, rng()), 1)
    moved = np.zeros_like(probe.batch.inputs)
    probe.put_inputs(moved)
    expected = online.answer(network, weights, moved[None], probe.lengths[None])
    np.testing.assert_array_equal(probe.in_batch(expected[0]), answers)


def test_weights_are_those_of_the_paper():
    counts = {
        name: row.attempts["1997"].method.count_weights(row.task)
        for name, row in ROWS.items()
        if row.published is not None
    }
    assert counts["1"] == 276 and counts["2a"] == counts["2b"] == 10_504
    symbols = {50: 364, 100: 664, 200: 1264, 500: 3064, 1000: 6064}
    for name, count in counts.items():
        if name.startswith("2c"):
            assert count == symbols[int(name.split("-")[2])]
    assert {counts[f"3{x}-100-{n}"] for x in "abc" for n in (1, 3)} == {102}
    assert {counts[n] for n in ("4-100", "4-1000", "5-140", "5-13")} == {93}
    assert counts["6a"] == 156 and counts["6b"] == 308


def test_names_of_rows_may_be_their_beginnings():
    rows = {row for row, _ in choose(["2c-100", "6"], ["today"])}
    assert rows == {"2c-100-100", "6a", "6b"}
    assert {m for _, m in choose(["6a"], ["1997"])} == {"1997"}
    for bad in (["9"], ["1", "2d"]):
        with pytest.raises(ValueError, match="rows must be some of 1, 2a"):
            choose(bad)
    with pytest.raises(ValueError, match="methods.*'tomorrow'"):
        choose([], ["tomorrow"])


def test_a_table_goes_on_where_it_was_stopped(tmp_path):
    path = tmp_path / "table.csv"
    arguments = {"methods": ["today"], "progress": False}
    whole = reproduce(
        tmp_path / "whole.csv", ["3a-100-3"], trials=2, **arguments
    )
    reproduce(path, ["3a-100-3"], trials=1, **arguments)
    before = path.read_bytes()
    frame = reproduce(path, ["3a-100-3"], trials=2, **arguments)
    kept = list(REPRODUCIBLE)
    assert frame[kept].equals(whole[kept])
    first = before.splitlines()[1]
    assert first in path.read_bytes().splitlines()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["9z"], "rows must be some of"),
        (["6a", "--trials", "0"], "trials must be at least 1, got 0"),
        (["6a", "--workers", "0"], "workers must be at least 1, got 0"),
        (["6a", "--methods", "now"], "methods must be some of"),
        (["6a", "--out", "x.txt"], "--out must end in .csv"),
        (["6a", "--page", "x.txt"], "--page must end in .md"),
        (["6a", "--dask", "tcp://127.0.0.1:1"], NO_SCHEDULER),
    ],
)
def test_bad_words_are_one_line_and_code_2(words, complaint, capsys, tmp_path):
    if "--out" not in words:
        words = [*words, "--out", str(tmp_path / "table.csv")]
    assert main(["reproduce", *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1


def test_a_table_of_something_else_is_refused(capsys, tmp_path):
    foreign = tmp_path / "table.csv"
    foreign.write_text("a,b\n1,2\n")
    assert main(["reproduce", "6a", "--out", str(foreign)]) == 2
    assert "is not a table of results" in capsys.readouterr().err
    assert foreign.read_text() == "a,b\n1,2\n"


def committed():
    return results(TABLE, SCHEMA)


CHEAP = [
    ("6a", "1997"),
    ("6a", "today"),
    ("3a-100-3", "1997"),
    ("3a-100-3", "today"),
    ("3c-100-3", "today"),
    ("4-100", "today"),
    ("2c-50-50", "today"),
    ("5-140", "today"),
    ("anbn", "online, only a counter"),
]


@pytest.mark.parametrize(("row", "method"), CHEAP)
def test_committed_trials_come_back_bit_for_bit(row, method):
    frame = committed()
    own = frame[(frame["row"] == row) & (frame["method"] == method)]
    cheapest = own.sort_values("sequences").iloc[0]
    (again,) = run_job(Job(row, method, (int(cheapest["seed"]),)))
    check_as_committed(again)


def test_trials_that_differ_only_in_their_end_are_trained_together():
    row, both = "3b-100-3", ("today", "today, stricter stop")
    jobs = divide([(row, m, seed) for m in ("1997", *both) for seed in (0, 9)])
    together = [Job(row, both[0], (seed,), both[1:]) for seed in (0, 9)]
    assert jobs == [Job(row, "1997", (0, 9)), *together]
    found = [own for job in together for own in run_job(job)]
    assert [(own["method"], own["seed"]) for own in found] == [
        (method, seed) for seed in (0, 9) for method in both
    ]
    for own in found:
        check_as_committed(own)


def test_trials_that_are_trained_together_are_all_counted(capsys, tmp_path):
    path = tmp_path / "table.csv"
    reproduce(path, ["3b-100-3"], methods=["today"], trials=1)
    assert " 3/3 " in capsys.readouterr().err
    assert len(results(path, SCHEMA)) == 3


def check_as_committed(found):
    """Check that a trial is in the table, bit for bit."""
    text = SCHEMA.text([found]).decode().strip()
    mine = dict(zip(SCHEMA.columns, next(csv.reader([text]))))
    trial = found["row"], found["method"], str(found["seed"])
    with open(TABLE, newline="", encoding="utf-8") as file:
        (kept,) = [
            line
            for line in csv.DictReader(file)
            if (line["row"], line["method"], line["seed"]) == trial
        ]
    for name in REPRODUCIBLE:
        assert mine[name] == kept[name], name


def test_the_page_is_that_of_the_committed_table():
    assert PAGE.read_text(encoding="utf-8") == page(TABLE)


def test_no_committed_trial_has_other_settings():
    for row in committed().to_dict("records"):
        key = key_of(row["row"], row["method"], row["seed"])
        assert SCHEMA.key_of(row) == key, (row["row"], row["method"])


def test_parts_of_a_stream_are_answered_like_the_whole():
    method = ModernStreams(BINARY, 12, batch_size=4)
    task = dataclasses.replace(ContinualReber(), timesteps=20)
    kernel = method._kernel(task, 3, Lanes((16,)))
    read, _, _ = continue_streams(np.zeros(5, int), 60, rng())
    whole = kernel.observe(read)[0]
    parts = [
        kernel.observe_on(read[:, first : first + 20], keep=first > 0)
        for first in (0, 20, 40)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    # A part that begins anew does not know what came before.
    anew = kernel.observe_on(read[:, 20:40], keep=False)
    assert np.abs(anew - whole[:, 20:40]).max() > 1e-3
    np.testing.assert_array_equal(kernel.observe(read[:, :20])[0], parts[0])


def test_only_streams_that_are_kept_go_on():
    method = ModernStreams(BINARY, 12, batch_size=4, rate=1e-30)
    task = dataclasses.replace(ContinualReber(), timesteps=20)
    kernel = method._kernel(task, 3, Lanes((16,)))
    read, may, _ = continue_streams(np.zeros(4, int), 40, rng())
    weights = np.ones((4, 20), np.float32)
    keep = np.array([True, False, True, False])
    for first in (0, 20):
        part = slice(first, first + 20)
        batch = Batch(read[:, part], may[:, part], weights)
        kernel.run(Batch(*(a[None] for a in batch)), 0, np.zeros(1, bool))
        if not first:
            kernel.go_on(keep)
    whole = kernel.observe(read)[0][:, 20:]
    anew = kernel.observe(read[:, 20:])[0]
    expected = np.where(keep[:, None, None], whole, anew)
    np.testing.assert_array_equal(kernel.answers(), expected)


def test_the_first_failure_and_the_share_repeated_are_counted():
    task = AnBn()

    def fails_from(n):
        def answer(batch):
            answers = task.solve(batch.inputs)
            answers[(batch.inputs == 1).sum(axis=1) >= n] = 0
            return answers

        return answer

    judge = FirstFailure(100, longest=50).judge(task, 0)
    assert judge.due(np.full(60, True), np.zeros(60)) is None
    assert judge.due(np.full(60, True), np.zeros(60)) == 40
    assert judge.examine(fails_from(23), 100).first == 23
    assert judge.examine(fails_from(10), 100) is None  # a trained one fails
    assert judge.examine(fails_from(99), 100).first == 51
    copy = CopyMemory(timesteps=40)
    verdict = ShareRepeated(100, 30).judge(copy, 0).examine(Player(copy), 100)
    assert verdict.error == 0 and verdict.wrong == 0
    silent = ShareRepeated(100, 30).judge(copy, 0)
    verdict = silent.examine(Player(copy, right=False), 100)
    assert verdict.error > 0.5 and verdict.wrong == 30


def test_rates_are_halved_and_have_a_floor():
    method = Modern(BINARY, 12, batch_size=10)
    before = np.array([0, 1999, 2000, 4000, 20_000])
    expected = [1e-2, 1e-2, 5e-3, 2.5e-3, 2e-4]
    np.testing.assert_array_equal(method.rates(before), expected)
    streams = ModernStreams(BINARY, 12, batch_size=4)
    assert streams.rates(np.array([0]))[0] == 1e-2
    np.testing.assert_allclose(streams.rates(np.array([2500])), 5e-3)


def test_gate_biases_are_those_of_the_method():
    task = TemporalOrder()
    plain = Modern(BINARY, 12, units=4, forget_bias=3.0).weights(task, 0)[2]
    assert plain.tolist() == [0] * 4 + [3] * 4 + [0] * 8
    drawn = Modern(BINARY, 12, units=4).weights(task, 0)[2]
    assert (drawn[4:8] == -drawn[:4]).all() and not drawn[8:].any()
    assert (drawn[4:8] >= 0).all() and (drawn[4:8] <= np.log(11)).all()


def test_cells_are_added_late():
    attempt = ROWS["2a"].attempts["1997, input gate -5, cell added after 5,632"]
    task = LongLag(timesteps=12)
    group = original._Group(attempt.method, task, attempt.rule, [0])
    before = group.network.split(group.weights)[0].copy()
    for _ in range(11):
        list(group.advance())
    hidden, _, biases, *_ = group.network.split(group.weights)
    # Shut gates let in, and learn, next to nothing.
    np.testing.assert_allclose(hidden, before, atol=1e-6)
    assert biases[0, 0, 0] == -5  # the gate has just been opened
    list(group.advance())
    hidden = group.network.split(group.weights)[0]
    assert np.abs(hidden - before).max() > 1e-3
