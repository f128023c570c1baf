"""Words: what can be known from the words before, and what a network learns."""

import collections
import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from players import check_landmarks, constant, memoryless

from memnets import (
    Experiment,
    NextWord,
    Recording,
    Run,
    find,
    playground,
    recorded,
    results,
)
from memnets.experiments import words as study
from memnets.plots import words as plots
from memnets.records import data
from memnets.records.trace import Trace
from memnets.tasks import LatestSubject
from memnets.tasks.base import one_hot
from memnets.tasks.words import read_text, sentence, words_of

STORY, SEQUEL = (words_of(read_text(name)) for name in ("story", "sequel"))


def rng(seed=0):
    return np.random.default_rng(seed)


def best_possible(words, context):
    """Count, word by word, how many a player can know from the words before."""
    followers = collections.defaultdict(list)
    for k in range(context, len(words)):
        followers[tuple(words[k - context : k])].append(words[k])
    right = sum(max(map(own.count, own)) for own in followers.values())
    return right, len(words) - context


def test_the_story_is_as_large_as_the_data_page_says():
    page = (data.folder() / "README.md").read_text()
    for name, words in (("story", STORY), ("sequel", SEQUEL)):
        row = f"| `{name}.txt` | {len(words)} | {len(set(words))} |"
        assert row in page
    assert set(SEQUEL) < set(STORY)


@pytest.mark.parametrize("context", range(6))
def test_the_ceiling_is_counted(context):
    right, count = best_possible(STORY, context)
    assert NextWord().ceiling(context) == pytest.approx(right / count)
    assert context < 5 or right == count


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from("a b c .".split()), min_size=2, max_size=40),
    st.integers(1, 5),
)
def test_any_text_is_read_and_answered(words, timesteps):
    text = f" {' '.join(words)}"
    if len(words) <= timesteps:
        with pytest.raises(ValueError, match=f"text.*{timesteps + 1} words"):
            NextWord(timesteps, text)
        return
    task = NextWord(timesteps, text)
    assert sorted(task.inputs) == sorted(set(words))
    counts = [words.count(word) for word in task.inputs]
    assert counts == sorted(counts, reverse=True)
    exam = task.exam(rng())
    read = [[task.inputs[s] for s in window] for window in exam.inputs]
    then = [task.inputs[k] for k in exam.targets[:, -1].argmax(axis=1)]
    for k, (window, word) in enumerate(zip(read, then)):
        assert (
            window == words[k : k + timesteps] and word == words[k + timesteps]
        )
    assert len(read) == len(words) - timesteps
    answers = task.solve(exam.inputs)
    right, count = best_possible(words, timesteps)
    assert task.ceiling() == pytest.approx(right / count)
    assert task.correct(answers, exam).all()
    assert task.accuracy(answers, exam) <= task.ceiling() + 1e-12
    # From the first words, a text without forks is told to its end.
    if right == count:
        told = task.generate(task.solve, " ".join(words[:timesteps]), count)
        assert told == words


def test_two_words_that_follow_equally_often_are_both_correct():
    task = NextWord(1, "a b a c")
    exam = task.exam(rng())
    first = exam.inputs[:, 0] == task.inputs.index("a")
    for word, right in zip("abc", (False, True, True)):
        outputs = np.zeros_like(exam.targets)
        outputs[..., task.inputs.index(word)] = 1
        assert (task.correct(outputs, exam)[first] == right).all()
    # Yet only one of the two is the next word.
    outputs[~first, :, task.inputs.index("a")] = 2
    assert task.accuracy(outputs, exam) == task.ceiling() == 2 / 3


def test_windows_of_another_text_are_in_the_dictionary_of_the_first():
    task = NextWord()
    batch = task.windows("sequel")
    read = [[task.inputs[s] for s in window] for window in batch.inputs]
    assert read == [SEQUEL[k : k + 3] for k in range(len(SEQUEL) - 3)]
    # A window that the story lacks has its own target as the only answer.
    new = ~task.solve(batch.inputs).any(axis=(1, 2))
    assert 0 < new.sum() < len(new)
    assert task.correct(batch.targets, batch)[new].all()
    assert not task.correct(1 - batch.targets, batch)[new].any()


def test_landmarks_agree_with_playing():
    task = NextWord(2, "the snail and the oak and the snail told the oak")
    check_landmarks(task, {"constant": constant, "one word": memoryless})


def test_a_sentence_reads_as_it_is_written():
    assert sentence(words_of("Under the oak, she said.")) == (
        "under the oak, she said."
    )
    assert words_of("don\N{RIGHT SINGLE QUOTATION MARK}t") == ["don't"]


def test_words_are_drawn_as_likely_as_the_network_says():
    task = NextWord(1, "a b a c a c")

    def answer(window):
        return np.tile(np.float32([0.2, 0.5, 0.3]), (*window.shape, 1))

    drawn = task.generate(answer, "a", 3000, rng())[1:]
    for word, share in zip(task.inputs, (0.2, 0.5, 0.3)):
        assert abs(drawn.count(word) / 3000 - share) < 0.05
    assert set(task.generate(answer, "a", 9)[1:]) == {task.inputs[1]}


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: NextWord(0), ValueError, "timesteps.*1.*0"),
        (lambda: NextWord(text="storry"), ValueError, "story.*'storry'"),
        (lambda: NextWord(text=""), ValueError, "text.*story.*''"),
        (lambda: NextWord(text="../story"), ValueError, "text.*story"),
        (lambda: NextWord(text=7), TypeError, "text.*string.*7"),
        (lambda: NextWord(text="only two"), ValueError, "text.*4 words.*2"),
        (lambda: NextWord().windows("a cat"), ValueError, "text.*107.*'cat'"),
        (lambda: NextWord().windows("the snail"), ValueError, "text.*4.*2"),
        (lambda: NextWord().encode("cat, dog"), ValueError, "'cat', 'dog'"),
        (lambda: NextWord().ceiling(-1), ValueError, "context.*0.*-1"),
        (lambda: NextWord().ceiling(233), ValueError, "context.*233.*233"),
        (
            lambda: NextWord().generate(NextWord().solve, "the snail", 3),
            ValueError,
            "start.*3 words.*2",
        ),
        (
            lambda: NextWord().generate(NextWord().solve, "a red cat", 3),
            ValueError,
            "start.*'red', 'cat'",
        ),
        (
            lambda: NextWord().generate(NextWord().solve, "long ago the", 0),
            ValueError,
            "count.*1.*0",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.fixture(scope="module")
def memorized():
    """A small network that has learned the story, with windows of 5 words."""
    task = NextWord(timesteps=5)
    start = find("next-word-memorized/32-softmax").popitem()[1]
    experiment = dataclasses.replace(start, task=task, seed=1)
    exam = task.exam(rng())
    recording = Recording(exam, every=250, exam_every=250)
    return experiment.run(recording, progress=False)


def test_a_network_tells_the_whole_story(memorized):
    """Five words decide the next, so no mistake leads it astray."""
    task = memorized.task
    assert memorized.mastery and task.ceiling() == 1
    known = {
        window.tobytes(): outputs[None]
        for window, outputs in zip(
            memorized.probe.inputs, memorized.outputs[-1]
        )
    }

    def answer(window):
        return known[window.tobytes()]

    told = task.generate(answer, " ".join(STORY[:5]), len(STORY) - 5)
    assert told == STORY
    # The first word of the window counts, though four others came after it.
    forks = NextWord(timesteps=4).exam(rng())
    fork = [w.tolist() for w in forks.inputs]
    twice = [w for w in fork if fork.count(w) > 1]
    assert twice and len({tuple(w) for w in twice}) == 1
    windows = [w for w in memorized.probe.inputs if w[1:].tolist() == twice[0]]
    said = [answer(w[None])[0, -1].argmax() for w in windows]
    assert len(windows) == 2 and said[0] != said[1]


def test_the_outputs_of_a_softmax_are_probabilities(memorized, tmp_path):
    np.testing.assert_allclose(memorized.outputs.sum(axis=-1), 1, rtol=1e-5)
    # Kernel and Keras agree, and the loss is the cross-entropy.
    model = memorized.model()
    assert model.loss == "categorical_crossentropy"
    inputs = one_hot(memorized.probe.inputs, len(memorized.task.inputs))
    np.testing.assert_allclose(
        model.predict_on_batch(inputs), memorized.outputs[-1], atol=1e-5
    )
    untrained = memorized.losses[:3].mean() * memorized.task.timesteps
    assert untrained == pytest.approx(
        np.log(len(memorized.task.inputs)), abs=0.1
    )
    memorized.save(tmp_path / "run.npz")
    again = Run.load(tmp_path / "run.npz")
    assert again.task == memorized.task
    with pytest.raises(ValueError, match=r"run .*linear.*softmax"):
        playground(again)


def test_the_kernel_and_xla_train_a_softmax_alike():
    task = NextWord(2, "the snail kept the word, and the oak kept the snail.")
    experiment = Experiment(
        task, units=(4,), readout="softmax", learning_rate=1e-2, episodes=20
    )
    kernel = experiment.run(progress=False)
    xla = experiment.run(engine="xla", progress=False)
    np.testing.assert_allclose(kernel.losses, xla.losses, rtol=1e-4)
    for one, other in zip(kernel.weights, xla.weights):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_ten_of_ten_seeds_reach_the_ceiling_of_the_story():
    frame = results(data.folder() / "results" / "words.csv")
    for name in find("next-word-memorized"):
        own = frame[frame["experiment"] == name]
        assert sorted(own["seed"]) == list(range(10))
        assert own["mastered"].all() and (own["correct"] == 1).all()


def test_a_text_that_was_not_learned_stays_near_the_baseline():
    found = recorded("story_inside").settings
    task = NextWord()
    other = task.windows("sequel")
    always = np.zeros_like(other.targets)
    always[..., 0] = 1
    baseline = task.accuracy(always, other)
    story, sequel = (np.array(found[k])[:, -1] for k in ("story", "sequel"))
    np.testing.assert_allclose(story, task.ceiling())
    # One standard error of 106 answers is 0.03.
    assert len(other.inputs) == 106 and np.abs(sequel - baseline).max() < 0.06
    for words in found["told"].values():
        assert words[:3] == STORY[:3] and len(words) == study.TOLD_WORDS
    assert found["told"]["500"] == STORY[: study.TOLD_WORDS]


def test_the_recording_is_what_the_study_finds():
    """A fresh network of the same seed tells the same at every stage."""
    found = recorded("story_inside")
    experiment = find(study.STORY)[study.STORY]
    told = study.tell_stages(dataclasses.replace(experiment, seed=0))
    assert told == found.settings["told"]


def test_the_last_subject_decides_at_ten_times_the_lags():
    """In 10 of 10 networks with a forget gate, and in none without."""
    lstm, bare = (
        recorded(f"subject_{k}_inside").settings["correct"]
        for k in ("lstm", "nfg")
    )
    assert {*lstm} == {*bare} == {str(k) for k in study.LONGER}
    assert all(own == [1.0] * 10 for own in lstm.values())
    assert len(bare["1"]) == 10 and min(bare["1"]) > 0.95
    assert max(bare["10"]) < 0.65


def test_a_network_overwrites_the_subject_at_ten_times_the_lag():
    run = dataclasses.replace(study.SUBJECT, episodes=1000).run(progress=False)
    model, task = run.model(), run.task
    assert study.share_correct(model, task, 10, count=300) == 1
    # One subject, then another, at any place: only the last one counts.
    symbols = np.full((4, 501), 5, np.int32)
    symbols[:, -1] = task.inputs.index("?")
    for row, (first, last) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        symbols[row, [3, 40]] = first, last
    inputs = one_hot(symbols, len(task.inputs))
    said = model.predict_on_batch(inputs)[:, -1].argmax(axis=1)
    assert said.tolist() == [0, 1, 0, 1]


def test_the_unit_that_switches_is_found():
    task = LatestSubject(timesteps=22)
    batch = task.sample(5, rng())
    latest = plots.latest_subject(task, batch.inputs)
    for symbols, own in zip(batch.inputs, latest):
        now = 0
        for symbol, subject in zip(symbols, own):
            now = {0: 1, 1: -1}.get(symbol, now)
            assert subject == now
    states = rng(1).normal(size=(*latest.shape, 3))
    states[..., 2] = 5 - 2 * latest
    trace = Trace("lstm_1", "lstm", {"cell_state": states, "hidden": states})
    assert plots.find_switch(trace, task, batch) == 2
    ax = plots.plot_subject(trace, task, batch)
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert shown.count("John") == (batch.inputs[0] == 0).sum()
    assert shown.count("Jenny") == (batch.inputs[0] == 1).sum()
    (line,) = [x for x in ax.lines if x.get_label() == "cell state"]
    np.testing.assert_array_equal(line.get_ydata(), states[0, : len(shown), 2])
    plt.close("all")
    hidden = Trace("gru_1", "gru", {"hidden": states})
    with pytest.raises(ValueError, match="trace .*cell states"):
        plots.plot_subject(hidden, task, batch)


def test_mistakes_are_marked():
    told = {"10": ["a", "b", "c"], "0": ["a", "c", "c"]}
    ax = plots.plot_told(told, ["a", "b", "c"], 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "10"]
    marked = [t.get_text() for t in ax.texts if t.get_weight() == "bold"]
    assert marked == ["c"] and len(ax.texts) == 6
    plt.close("all")


def test_places_in_a_text_are_found():
    """Told along its own windows, a text has no jump; at a fork it has one."""
    right = "a b c . a b d .".split()
    np.testing.assert_array_equal(plots.find_places(right, right, 2), range(8))
    told = "a b c . a b c x".split()
    places = plots.find_places(told, right, 2)
    assert places[:-1].tolist() == [0, 1, 2, 3, 4, 5, 2]
    assert np.isnan(places[-1])
    ax = plots.plot_places({"told": places[:-1]})
    heights = ax.lines[0].get_ydata()
    # Places are counted from 1, and a jump is a gap.
    assert np.flatnonzero(np.isnan(heights)).tolist() == [6]
    assert heights[:6].tolist() == [1, 2, 3, 4, 5, 6] and heights[7] == 3
    plt.close("all")


def test_without_a_forget_gate_a_state_runs_away():
    task = LatestSubject()
    largest = {}
    for cell in ("lstm", "nfg"):
        traced = recorded(f"subject_{cell}_inside")
        ax = plots.plot_drift(traced.traces[0], task, traced.probe, 1)
        states = np.array([x.get_ydata() for x in ax.lines[:4]])
        np.testing.assert_array_equal(
            states, traced.traces[0].cell_state[1, : states.shape[1]].T
        )
        assert states.shape[1] > 450
        largest[cell] = np.abs(states).max()
    assert largest["lstm"] < 5 and largest["nfg"] > 20
    plt.close("all")
