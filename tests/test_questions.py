"""The pages of questions print what they show, and what they claim is true."""

import ast
import importlib.util
import pathlib
import re

import keras
import numpy as np
import pandas as pd
import pytest

from memnets import (
    Batch,
    Recall,
    by_hand,
    gradient_flow,
    trace,
)

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
    for name, net in zip(
        ("input", "forget", "output"), np.array(sums)[[0, 1, 3]]
    ):
        gate = layer.values[f"{name}_gate"]
        np.testing.assert_allclose(gate, 1 / (1 + np.exp(-net)), atol=1e-5)
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
    assert size[198] == 0  # the tell deletes what was before it


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
