"""The pages of questions print what they show, and what they claim is true."""

import ast
import importlib.util
import pathlib
import re

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import (
    Batch,
    Recall,
    by_hand,
    gradient_flow,
    recorded,
    results,
    trace,
)
from memnets.records.classics import recorded_trials
from memnets.records.data import folder

pytestmark = pytest.mark.versions

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs" / "questions"
spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)
PAGES = {page.stem: page for page in build.pages()}


def text_of(name):
    return PAGES[name].read_text(encoding="utf-8")


@pytest.mark.usefixtures("settings_stay")
@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_what_it_shows(name, tmp_path):
    results = build.run(PAGES[name], tmp_path)
    assert results and any(said for _, said in results)
    for shown, said in results:
        assert said == shown
    # The pictures that the page makes are there, and it shows them.
    drawn = {path.name for path in tmp_path.glob("*.png")}
    shown = set(re.findall(r"!\[[^]]*\]\(([\w.-]+)\)", text_of(name)))
    assert drawn == shown
    assert all((FOLDER / picture).stat().st_size > 2000 for picture in drawn)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_question_a_short_answer_and_its_threads(name):
    title, answer, rest = text_of(name).split("\n\n", 2)
    assert title.startswith("# ") and title.endswith("?")
    sentences = re.findall(r"[.:?](?=\s|$)", answer)
    assert 1 <= len(sentences) <= 6
    assert "**More:** " in rest and "\n**Asked in:** " in rest
    for block in build.BLOCK.finditer(rest):
        code = block["code"]
        assert ast.parse(code) and max(map(len, code.splitlines())) <= 80
    # The answer comes in about ten lines; a picture may take more.
    assert build.BLOCK.search(rest)["code"].count("\n") <= 26


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=str)
def test_the_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        if "://" in link:
            assert link.startswith("https://")
            continue
        path, _, anchor = link.partition("#")
        assert (page.parent / path).exists(), link
        if anchor:
            heads = (page.parent / path).read_text(encoding="utf-8").lower()
            heads = re.findall(r"(?m)^#+ (.*)", heads)
            heads = [re.sub(r"[^\w -]", "", h).replace(" ", "-") for h in heads]
            assert anchor in heads, link


def test_the_index_lists_every_page():
    text = (FOLDER / "index.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\d+\. \[(.*)\]\((.*)\.md\)$", text)
    titles = {name: text_of(name).splitlines()[0][2:] for name in PAGES}
    assert [(title, name) for name, title in titles.items()] == rows


# ---- what the answers claim ----


def latched():
    """Return the table of question 1, by length and network."""
    table = pd.read_csv(FOLDER / "latch.csv")
    return table.set_index(["length", "network"])["latched"]


def test_q01_the_table_says_what_the_page_says():
    simple, usual, _, both = latched().loc[30]
    assert set(latched().index.get_level_values("length")) == {10, 30, 50}
    words = re.sub(r"\s+", " ", text_of("01-latch"))
    claim = f"{usual} of 32 LSTMs latch for 30 steps, and {simple} of 32 simple"
    assert claim in words and both == 32 and "all 32 LSTMs do" in words


@pytest.mark.parametrize("seed", range(8))
def test_q01_a_simple_network_of_one_unit_starts_as_a_latch(seed):
    keras.utils.set_random_seed(seed)
    layer = keras.layers.SimpleRNN(1)
    layer.build((None, None, 1))
    assert abs(layer.get_weights()[1][0, 0]) == pytest.approx(1)


def lstm_weights(rng, inputs, units):
    """Draw weights of an LSTM."""
    shapes = (inputs, 4 * units), (units, 4 * units), (4 * units,)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def test_q02_all_gates_follow_from_the_weights():
    rng = np.random.default_rng(2)
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.LSTM(3)])
    kernel, recurrent, bias = lstm_weights(rng, 2, 3)
    model.set_weights([kernel, recurrent, bias])
    inputs = rng.normal(size=(2, 6, 2)).astype("float32")
    (layer,) = trace(model, inputs)
    before = np.pad(layer.hidden, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    sums = np.split(inputs @ kernel + before @ recurrent + bias, 4, axis=-1)
    for name, part in (("input", 0), ("forget", 1), ("output", 3)):
        gate = layer.values[f"{name}_gate"]
        expected = 1 / (1 + np.exp(-sums[part]))
        np.testing.assert_allclose(gate, expected, atol=1e-5)
    np.testing.assert_allclose(layer.candidate, np.tanh(sums[2]), atol=1e-5)


def test_q02_the_update_gate_of_a_gru_is_what_is_kept():
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.GRU(3)])
    inputs = np.random.default_rng(3).normal(size=(2, 6, 2))
    (layer,) = trace(model, inputs.astype("float32"))
    before = np.pad(layer.hidden, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    kept = layer.update_gate
    new = kept * before + (1 - kept) * layer.candidate
    np.testing.assert_allclose(layer.hidden, new, atol=1e-6)


def test_q06_the_error_shrinks_by_the_forget_gates_alone():
    # Without recurrent weights, the cell state is the only path back.
    rng = np.random.default_rng(4)
    lstm = keras.layers.LSTM(1, return_sequences=True)
    model = keras.Sequential([keras.Input((None, 1)), lstm])
    kernel, recurrent, bias = lstm_weights(rng, 1, 1)
    model.set_weights([kernel, 0 * recurrent, bias])
    model.compile(loss="mse")
    inputs = rng.normal(size=(1, 12, 1)).astype("float32")
    batch = Batch(inputs, np.ones((1, 12, 1), "f"), np.ones((1, 12), "f"))
    size = gradient_flow(model, batch).cell_state[0]
    (layer,) = trace(model, inputs)
    kept = np.cumprod(layer.forget_gate[0, :0:-1, 0])
    np.testing.assert_allclose(size[1:] / size[0], kept, rtol=1e-4)


def test_q06_with_gates_of_1_the_error_is_carried_unchanged():
    task = Recall(timesteps=200)
    batch = task.sequence({2: 0.3}, asked=[199])
    batch = batch._replace(targets=batch.targets + 1)
    size = gradient_flow(by_hand(task), batch).cell_state[0]
    np.testing.assert_allclose(size[:198], size[0], rtol=1e-6)
    # The tell deletes what was before it.
    assert size[198] < 1e-12 * size[0]


def adder(**options):
    """Return a layer that adds up its inputs."""
    weights = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    return keras.layers.SimpleRNN(1, "linear", **weights, **options)


@pytest.mark.parametrize("stateful", [False, True])
def test_q07_what_fit_does_to_states(stateful):
    layer = adder(stateful=stateful)
    model = keras.Sequential([keras.Input(batch_shape=(2, 3, 1)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    inputs = np.arange(12, dtype="float32").reshape(4, 3, 1)
    model.fit(inputs, np.zeros((4, 1)), 2, epochs=2, shuffle=False, verbose=0)
    assert not hasattr(model, "reset_states")
    said = np.array(layer(np.ones((2, 3, 1), "float32")))[:, 0]
    # Sequences 0 and 2 in one row, 1 and 3 in the other, twice: not even a
    # new epoch resets the states.
    sums = inputs.sum(axis=(1, 2)).reshape(2, 2).sum(axis=0)
    assert said == pytest.approx(3 + 2 * sums if stateful else [3, 3])


def test_q13_a_gru_without_reset_after_has_one_bias():
    m, n = 3, 5
    layer = keras.layers.GRU(n, reset_after=False)
    layer.build((None, None, m))
    assert layer.count_params() == 3 * n * (m + n + 1)
    assert keras.layers.GRU(n).reset_after  # as the page's rule has it


def test_q14_networks_fail_where_little_is_kept():
    trials = recorded_trials()
    for lag in (10, 30, 100):
        for bias in (0, 1, 3):
            own = trials[trials["row"] == f"lag-{lag}"]
            own = own[own["method"] == f"LSTM, forget bias {bias}"]
            kept = (1 / (1 + np.exp(-bias))) ** lag
            assert len(own) == 8 and own["solved"].all() == (kept > 0.01)


def test_q15_peepholes_are_rarely_missed():
    table = results(folder() / "results" / "cells.csv")
    for task in ("recall", "countdown"):
        for cell in ("lstm", "peephole_lstm"):
            own = table[(table["task"] == task) & (table["cell"] == cell)]
            assert len(own) == own["mastered_after"].notna().sum() == 32


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_q16_masked_steps_leave_state_and_output_as_they_were(kind):
    rng = np.random.default_rng(16)
    inputs = rng.normal(size=(2, 7, 3)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 1, 1, 0]], bool)
    layer = getattr(keras.layers, kind)(4, return_sequences=True)
    masked = np.array(layer(inputs, mask=mask))
    for own, sequence, seen in zip(masked, inputs, mask):
        alone = np.array(layer(sequence[None, seen]))[0]
        np.testing.assert_allclose(own[seen], alone, atol=1e-6)
        for step in np.flatnonzero(~seen[1:]) + 1:
            assert np.array_equal(own[step], own[step - 1])


@pytest.mark.parametrize("option", ["recurrent_dropout", "dropout", None])
def test_q17_recurrent_dropout_alone_leaves_the_fused_kernel(
    option, monkeypatch
):
    asked = []

    def fused(*arguments, **options):
        asked.append(True)
        raise NotImplementedError  # as on a CPU

    monkeypatch.setattr(keras.src.backend, "lstm", fused)
    options = {option: 0.5} if option else {}
    keras.layers.LSTM(2, **options)(np.ones((1, 3, 1)), training=True)
    assert bool(asked) == (option != "recurrent_dropout")


def test_q17_a_mask_holds_for_all_steps_of_a_sequence():
    layer = keras.layers.SimpleRNN(
        1,
        "linear",
        kernel_initializer="ones",
        recurrent_initializer="ones",
        recurrent_dropout=0.5,
        return_sequences=True,
        seed=1,
    )
    early = np.zeros((100, 4, 1), "float32")
    early[:, 0] = 1
    found = np.array(layer(early, training=True))[:, 1:, 0] > 0
    assert found.any() and not found.all()
    assert (found == found[:, :1]).all()


@given(st.integers(0, 99), st.floats(0, 100), st.booleans())
@settings(max_examples=5)
def test_q19_the_state_of_a_gru_stays_within_1(seed, scale, reset_after):
    rng = np.random.default_rng(seed)
    layer = keras.layers.GRU(3, return_sequences=True, reset_after=reset_after)
    layer.build((None, None, 2))
    shapes = [weight.shape for weight in layer.get_weights()]
    layer.set_weights([scale * rng.normal(size=shape) for shape in shapes])
    inputs = scale * rng.normal(size=(2, 10, 2))
    assert np.abs(np.array(layer(inputs))).max() <= 1


def test_q19_every_trained_counter_goes_beyond_its_training_and_fails():
    first = np.array(recorded("anbn_inside").settings["first_failures"])
    assert len(first) == 10 and (first > 10).all() and (first < 1000).all()


def test_q20_a_linear_output_solves_adding_as_in_1997():
    trials = recorded_trials()
    own = trials[trials["row"] == "4-100"].groupby("method")["solved"]
    assert (own.sum()["1997"], own.count()["1997"]) == (0, 10)
    linear = own.get_group("1997, linear output")
    assert len(linear) == 10 and linear.all()
