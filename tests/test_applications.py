"""The small applications: tasks, players, table and page."""

import csv
import datetime
import pathlib
import re
import shlex

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from players import best_by

from memnets import (
    TASKS,
    Captions,
    DateTranslation,
    Experiment,
    Melody,
    MovingShapes,
    PenStrokes,
    Recall,
    Recording,
    SpokenDigits,
    TwoFacts,
)
from memnets.__main__ import main as memnets
from memnets.experiments import applications
from memnets.experiments.applications import APPLICATIONS, SEEDS
from memnets.plots.applications import plot_sample, plot_scores
from memnets.records import applications as records
from memnets.records.applications import as_text, recorded_applications
from memnets.tasks.base import one_hot
from memnets.tasks.contract import check_contract
from memnets.tasks.music import MODES, NOTES
from memnets.tasks.symbols import NONE, spell

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "applications.md").read_text(encoding="utf-8")
TABLE = recorded_applications()
# The mean score of each player of each application.
MEANS = TABLE.groupby(["application", "player"])["score"].mean()


def rng(seed=0):
    return np.random.default_rng(seed)


def answer_of(task, targets):
    return task.outputs[targets.sum(axis=0).argmax()]


# The table and what the page says of it.


def test_the_table_has_every_player_of_every_application_over_all_seeds():
    expected = [
        (name, player, seed)
        for name, application in APPLICATIONS.items()
        for player in (
            *application.players,
            *(["rule"] if name == "music" else []),
            "LSTM",
        )
        for seed in SEEDS
    ]
    found = TABLE[["application", "player", "seed"]]
    assert [tuple(row) for row in found.to_numpy()] == expected
    assert TABLE["score"].between(0, 1).all()


def test_the_page_shows_the_table():
    assert as_text(TABLE) in PAGE


@pytest.mark.parametrize("name", ["handwriting", "captions"])
def test_the_table_comes_back(name):
    kept = TABLE[(TABLE["application"] == name) & (TABLE["seed"] == 1)]
    played = dict(APPLICATIONS[name].play(1))
    assert list(played) == kept["player"].tolist()
    for player, score in zip(kept["player"], kept["score"]):
        # A linear player's sums are rounded as the machine likes.
        allowed = 1e-5 if player == "LSTM" else 5e-3
        assert abs(played[player] - score) < allowed, player


def test_every_network_is_better_than_every_simple_player():
    for (_, _), own in TABLE.groupby(["application", "seed"]):
        scores = own.set_index("player")["score"]
        simple = scores.drop(["LSTM", "rule"], errors="ignore")
        assert (scores["LSTM"] > simple).all()


def test_what_the_page_says_of_the_linear_players():
    linear = MEANS.xs("linear, all steps", level="player")
    assert (linear[["music", "handwriting", "speech"]] > 0.75).all()
    assert linear["music"] > 0.95 * MEANS["music", "rule"]
    assert (linear[["questions", "captions", "video"]] < 0.7).all()
    assert linear["translation"] < 0.7
    assert MEANS.xs("LSTM", level="player").drop("music").min() > 0.95


def test_in_music_nobody_passes_the_ceiling():
    ceiling = Melody().ceiling
    rule = MEANS["music", "rule"]
    assert abs(rule - ceiling) < 0.003
    assert abs(MEANS["music", "LSTM"] - ceiling) < 0.003
    assert MEANS["music", "linear, last step"] < ceiling - 0.2


def test_the_page_names_every_task_and_what_it_leaves_out():
    rows = re.findall(r"(?m)^\| (\w+) \| `([\w-]+)` \|", PAGE)
    assert rows == [(k, t.name) for k, t in records.TASKS.items()]
    left_out = PAGE.split("leave out?")[1].split("## ")[0]
    said = re.findall(r"(?m)^- \*\*(\w+):\*\*", left_out)
    assert [name.lower() for name in said] == list(records.TASKS)
    for name, application in APPLICATIONS.items():
        assert application.experiment.task == records.TASKS[name]


def test_the_commands_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shell = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1]
    for line in shell.splitlines():
        short = re.sub(r"--episodes \d+", "--episodes 20", line)
        assert memnets(shlex.split(short)[1:]) in (0, None), line
    assert (tmp_path / "captions.npz").exists()
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    made = {}
    exec(code, made)
    assert made["run"].scores[-1] > 0.95


# The tasks: each rule beside another one, written in another way.


@given(st.data())
@settings(max_examples=30)
def test_stories_are_understood_by_a_plain_interpreter(data):
    people = data.draw(st.integers(1, 4))
    task = TwoFacts(
        timesteps=3 * people + 5 + 3 * data.draw(st.integers(0, 5)),
        people=people,
        places=data.draw(st.integers(2, 5)),
        things=data.draw(st.integers(1, 3)),
    )
    batch = task.sample(5, rng(data.draw(st.integers(0, 99))))
    for symbols, targets in zip(batch.inputs, batch.targets):
        words = spell(task, symbols).split()
        where, holder = {}, {}
        for who, verb, what in zip(words[:-2:3], words[1:-2:3], words[2:-2:3]):
            (where if verb == "enters" else holder)[
                who if verb == "enters" else what
            ] = what if verb == "enters" else who
        assert words[-2] == "where"
        assert answer_of(task, targets) == where[holder[words[-1]]]
    assert task.correct(task.solve(batch.inputs), batch).all()


def test_both_facts_are_needed():
    """The last place, and the last place of the asked thing's taker at the
    time, are often wrong."""
    task = TwoFacts()
    batch = task.sample(4000, rng())
    first_place = len(task.inputs) - task.places
    places = np.where(batch.inputs >= first_place, batch.inputs, NONE)
    last = np.array([row[row != NONE][-1] for row in places]) - first_place
    right = batch.targets[:, -1].argmax(axis=1)
    assert np.mean(last == right) < 0.7
    shuffled = batch.inputs.copy()
    taken = shuffled == task.inputs.index("takes")
    row, step = np.nonzero(taken)
    # Someone else takes it: the answer changes with the taker.
    other = 2 * task.inputs.index("anna") + 1 - shuffled[row, step - 1]
    shuffled[row, step - 1] = other
    changed = task.solve(shuffled)[:, -1].argmax(axis=1)
    assert np.mean(changed != right) > 0.5


def test_dates_are_read_by_the_standard_library_too():
    task = DateTranslation()
    batch = task.sample(300, rng())
    forms = ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%d.%m.%Y")
    seen = set()
    for written, said in zip(*task.texts(batch.inputs, batch.targets)):
        for form in forms:
            try:
                date = datetime.datetime.strptime(written, form)
            except ValueError:
                continue
            seen.add(form)
            assert date.date().isoformat() == said
            break
        else:
            raise AssertionError(written)
    assert seen == set(forms)
    starts = (batch.inputs != NONE).argmax(axis=1)
    assert len(set(starts.tolist())) > 8  # it may begin anywhere


def test_what_is_no_date_is_not_translated():
    task = DateTranslation()
    inputs = task.sample(5, rng()).inputs
    inputs[inputs == task.inputs.index("2")] = task.inputs.index("y")
    assert not task.solve(inputs).any()


def test_melodies_stay_in_their_mode_and_move_by_steps():
    task = Melody(timesteps=60)
    batch = task.sample(200, rng())
    for notes in batch.inputs:
        heard = set(notes.tolist())
        modes = [scale for scale in MODES.values() if heard <= set(scale)]
        assert modes
        degrees = [modes[0].index(note) for note in notes]
        assert notes[0] == 0 and set(np.abs(np.diff(degrees))) == {1}
    chances = task.solve(batch.inputs)
    np.testing.assert_allclose(chances.sum(axis=2), 1, rtol=1e-5)


def test_the_rule_of_melodies_is_calibrated_and_needs_memory():
    """Of notes said to come with probability p, a share p does come."""
    task = Melody()
    batch = task.sample(20_000, rng())
    chances = task.solve(batch.inputs)
    for p in np.unique(chances.round(4))[1:]:
        said = np.abs(chances - p) < 1e-3
        came = batch.targets[said].mean()
        assert abs(came - p) < 5 * np.sqrt(0.25 / said.sum()) + 1e-9
    guessed = task.guessed(chances, batch).mean()
    assert abs(guessed - task.ceiling) < 0.005
    present = best_by(batch.inputs, batch)
    assert task.guessed(present, batch).mean() < task.ceiling - 0.2


def test_the_size_of_a_letter_does_not_matter_and_its_direction_does():
    task = PenStrokes()
    batch = task.sample(500, rng())
    for size in (0.5, 3):
        scaled = batch.inputs * np.float32([size, size, 1])
        np.testing.assert_array_equal(task.solve(scaled), batch.targets)
    turned = batch.inputs * np.float32([-1, -1, 1])
    assert not task.correct(task.solve(turned), batch).all()
    # The order of the moves is what makes a letter.
    shuffled = batch.inputs.copy()
    shuffled[:, :15, :2] = shuffled[:, :15, :2][:, ::-1]
    assert task.correct(task.solve(shuffled), batch).mean() < 0.7


def test_loudness_does_not_matter_to_a_digit_and_its_order_does():
    task = SpokenDigits()
    batch = task.sample(500, rng())
    loud = batch.inputs * np.float32([2] * 12 + [1])
    np.testing.assert_array_equal(task.solve(loud), batch.targets)
    turned = batch.inputs.copy()
    turned[:, :16, :12] = turned[:, :16, :12][:, ::-1]
    assert task.correct(task.solve(turned), batch).mean() < 0.7


def test_a_turned_image_turns_its_caption():
    task = Captions()
    batch = task.sample(300, rng())
    turned = batch.inputs.copy()
    turned[:, :8, :8] = batch.inputs[:, :8, :8].swapaxes(1, 2)
    said = task.sentences(task.solve(turned))
    change = {"above": "beside", "beside": "above"}
    for before, after in zip(task.sentences(batch.targets), said):
        assert after == " ".join(change.get(w, w) for w in before.split())
    assert len(set(said)) == 18


def test_a_video_played_backwards_says_the_opposite():
    task = MovingShapes()
    batch = task.sample(300, rng())
    back = batch.inputs.copy()
    back[:, : task.frames] = back[:, : task.frames][:, ::-1]
    change = {"rises": "falls", "left": "right"}
    change |= {after: before for before, after in change.items()}
    said = task.sentences(task.solve(back))
    for before, after in zip(task.sentences(batch.targets), said):
        shape, first, second = before.split()
        assert after == f"{shape} {change[second]} {change[first]}"
    # No frame alone shows a motion.
    still = batch.inputs.copy()
    still[:, : task.frames] = still[:, :1]
    assert task.correct(task.solve(still), batch).mean() < 0.2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TwoFacts(timesteps=15), "timesteps must be 11, 14, 17.*15"),
        (lambda: TwoFacts(people=5), "people must be at most 4, got 5"),
        (lambda: Captions(timesteps=12), "timesteps must be 11.*got 12"),
        (lambda: MovingShapes(timesteps=11), "timesteps must be even, got 11"),
        (lambda: PenStrokes(timesteps=5), "timesteps.*at least 12, got 5"),
        (lambda: SpokenDigits(timesteps=12), "timesteps.*at least 20, got 12"),
        (lambda: Melody(timesteps=0), "timesteps.*at least 1, got 0"),
        (lambda: DateTranslation(timesteps=9), "timesteps must be 32.*got 9"),
        (
            lambda: applications.table(["speach"]),
            "application must be one of translation, .*got 'speach'",
        ),
        (
            lambda: plot_sample(Recall(), Recall().sample(1, rng())),
            "task must be one of date-translation, .*got Recall",
        ),
    ],
)
def test_a_wrong_argument_is_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# Encoder and decoder.


def test_encoder_and_decoder_say_what_the_whole_network_says():
    import keras
    from keras import layers

    task = DateTranslation()
    test = task.sample(20, rng())
    plan = Experiment(task, units=(12,), readout="dense", episodes=20)
    run = plan.run(Recording(test, every=20), progress=False)
    read = keras.Input((22, len(task.inputs)))
    _, h, c = layers.LSTM(12, return_state=True)(read)
    encoder = keras.Model(read, [h, c])
    begin = [keras.Input((12,)), keras.Input((12,))]
    said = keras.Input((10, len(task.inputs)))
    states = layers.LSTM(12, return_sequences=True)(said, initial_state=begin)
    decoder = keras.Model([said, *begin], layers.Dense(11)(states))
    encoder.set_weights(run.weights[:3])
    decoder.set_weights(run.weights)
    inputs = one_hot(test.inputs, len(task.inputs))
    passed = encoder.predict(inputs[:, :22], verbose=0)
    answers = decoder.predict([inputs[:, 22:], *passed], verbose=0)
    np.testing.assert_allclose(answers, run.outputs[-1][:, 22:], atol=1e-5)


# The command and the pictures.


def test_the_command_writes_the_table(tmp_path, capsys):
    path = tmp_path / "a.csv"
    assert (
        applications.main(["handwriting", "--out", f"{path}", "--seeds=1"]) == 0
    )
    rows = list(csv.DictReader(path.open()))
    assert {row["seed"] for row in rows} == {"0"}
    assert [row["player"] for row in rows][-1] == "LSTM"
    assert "| handwriting |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--out no/a.csv", "--out must be in a folder that exists"),
        ("speach --out a.csv", "application must be one of .*'speach'"),
        ("--out a.csv --seeds 0", "--seeds must be at least 1, got 0"),
    ],
)
def test_the_command_refuses_a_wrong_word(
    words, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert applications.main(words.split()) == 2
    said = capsys.readouterr().err
    assert re.search(message, said) and said.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_scores_are_drawn_as_they_are():
    ax = plot_scores(TABLE, {"music": 0.79})
    lstm = next(line for line in ax.lines if line.get_label() == "LSTM")
    own = TABLE[TABLE["player"] == "LSTM"]["score"]
    np.testing.assert_array_equal(lstm.get_xdata(), own)
    assert ax.get_xlim()[0] == 0
    plt.close("all")


@pytest.mark.parametrize("name", records.TASKS)
def test_a_sample_has_its_answer_above(name):
    task = records.TASKS[name]
    batch = task.sample(3, rng())
    ax = plot_sample(task, batch, 2)
    if hasattr(task, "sentences"):
        said = task.sentences(batch.targets)[2]
    elif hasattr(task, "texts"):
        said = task.texts(batch.inputs, batch.targets)[1][2]
    elif name == "music":
        said = NOTES[batch.targets[2, -1].argmax()]
    else:
        said = answer_of(task, batch.targets[2])
    assert said in ax.get_title()
    plt.close("all")


# The promises of tasks and cells, for those of a user.


@pytest.mark.parametrize("name", TASKS)
def test_every_task_keeps_its_promises(name):
    assert len(check_contract(TASKS[name](), 30)) == 7
