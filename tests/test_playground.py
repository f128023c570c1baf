"""The playground's page: its arithmetic, its data, and what a visitor does."""

import base64
import dataclasses
import html
import json
import re
import shutil
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import Experiment, Recall, Recording, Run, playground, recorded
from memnets.__main__ import main
from memnets.browser import page as pages
from memnets.browser.catalogue import standard
from memnets.browser.networks import marks, pack
from memnets.experiments.stages import stages
from memnets.tasks import TASKS, Countdown, EmbeddedReber, Task

SHORT = Experiment(Recall(), units=(3, 2), learning_rate=5e-2, episodes=40)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def networks():
    return standard()


@pytest.fixture(scope="module")
def address(networks, tmp_path_factory):
    """The standard page as a file."""
    path = tmp_path_factory.mktemp("page") / "playground.html"
    pages.Page(tuple(networks)).save(path)
    return path.as_uri()


@pytest.fixture(scope="module")
def chromium():
    """A browser; without one, the tests say what is missing."""
    api = pytest.importorskip("playwright.sync_api")
    found = list(filter(None, map(shutil.which, BROWSERS)))
    if not found:
        pytest.skip(f"no browser found: {', '.join(BROWSERS)}")
    options = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-sync"]
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found[0], args=options)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Open views of the page; nothing may be logged, fetched or asked."""
    opened, wrong, asked = [], [], []

    def watched(**options):
        options = {"viewport": {"width": 1400, "height": 900}, **options}
        page = chromium.new_page(**options)
        page.set_default_timeout(10_000)
        opened.append(page)
        page.on("console", lambda said: wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda asked: wrong.append(asked.message))
        page.on("request", lambda request: asked.append(request.url))
        return page

    def go(view="", where=address, **options):
        page = watched(**options)
        page.goto(f"{where}#{view}")
        page.wait_for_selector("svg [role=slider]", state="attached")
        assert asked.pop(0).startswith("file:")
        return page

    go.blank = watched
    yield go
    for page in opened:
        page.close()
    # A blob is how a test gives the module to a blank page.
    assert wrong == [] and [a for a in asked if not a.startswith("blob:")] == []


def read(text):
    """Return a number as the page writes it."""
    return float(text.strip("= ").replace("\N{MINUS SIGN}", "-"))


def answer(page):
    """Return the value of the chosen output at the step looked at."""
    strip = page.locator("svg .strip:has(.chosen) .value")
    return read(strip.text_content())


# Some frames draw, also after a change of size, and a timer of the page
# writes the address a quarter of a second after the last of them.
SETTLED = """() => new Promise((done) => {
  const wait = (frames) => frames
    ? requestAnimationFrame(() => wait(frames - 1))
    : setTimeout(done, 400);
  wait(6);
})"""


def said(page):
    """Return what the address says, once it is up to date."""
    page.evaluate(SETTLED)
    view = page.evaluate("location.hash")[1:]
    return dict(pair.split("=") for pair in view.split("&"))


# Arithmetic

IN_THE_BROWSER = """async ({source, network, inputs, oneWrite}) => {
  const blob = new Blob([source], {type: "text/javascript"});
  const module = await import(URL.createObjectURL(blob));
  const checkpoints = await module.decode(network);
  const steps = inputs[0].length / network.inputs.length;
  return checkpoints.map((weights) => inputs.map((x) => {
    const made = module.forward(weights, x, steps, oneWrite);
    const plain = (all) => Object.fromEntries(
      Object.entries(all).map(([name, array]) => [name, [...array]]));
    return {outputs: [...made.outputs], layers: made.layers.map(plain)};
  }));
}"""
GATES = {
    "input_gate": "i",
    "forget_gate": "f",
    "candidate": "g",
    "output_gate": "o",
    "cell_state": "c",
    "hidden": "h",
}


def compute(page, network, inputs, one_write=False):
    """Return the answers of the page's own network, by checkpoint."""
    arguments = {
        "source": pages._module(),
        "network": json.loads(json.dumps(network.data())),
        "inputs": inputs.reshape(len(inputs), -1).tolist(),
        "oneWrite": one_write,
    }
    return page.evaluate(IN_THE_BROWSER, arguments)


def finished(network):
    """Return a network with its last checkpoint alone."""
    return dataclasses.replace(
        network, episodes=network.episodes[-1:], weights=network.weights[-1:]
    )


def keras_model(network):
    """Build the same network of Keras's own layers."""
    import keras

    layers = [
        keras.layers.LSTM(units, return_sequences=True)
        for units in network.units
    ]
    outputs = len(network.task.outputs)
    layers += [keras.layers.Dense(outputs)] if network.readout else []
    channels = len(network.task.inputs)
    return keras.Sequential([keras.Input((None, channels)), *layers])


def lay(model, row):
    """Set a model's weights from one row, in Keras's order."""
    cuts = np.cumsum([weight.size for weight in model.get_weights()])
    parts = np.split(row, cuts[:-1])
    shapes = [weight.shape for weight in model.get_weights()]
    model.set_weights([p.reshape(s) for p, s in zip(parts, shapes)])


def sigmoid(x):
    return (1 + np.tanh(x.astype(float) / 2)) / 2


def gates(x, hidden, kernel, recurrent, bias):
    """Return every gate and state from the layer's inputs and outputs."""
    before = np.pad(hidden, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    nets = x @ kernel + before @ recurrent + bias
    i, f, g, o = np.split(nets, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g.astype(float)), sigmoid(o)
    states, state = [], 0
    for t in range(x.shape[1]):
        state = f[:, t] * state + i[:, t] * g[:, t]
        states.append(state)
    values = i, f, g, o, np.stack(states, axis=1), hidden
    return dict(zip(GATES, values))


def check_values(made, layer, wanted):
    """Compare the page's values of a layer with others."""
    for name, short in GATES.items():
        got = [one["layers"][layer][short] for one in made]
        got = np.reshape(got, wanted[name].shape)
        bound = 1e-6
        if name == "cell_state":
            # A sum over the steps, each rounded to float32 by the other side.
            size = np.maximum(1, np.abs(wanted[name]).max())
            bound = np.finfo(np.float32).eps * size * got.shape[1]
        assert np.abs(got - wanted[name]).max() < bound, name


@pytest.mark.versions
def test_outputs_and_gates_are_those_of_keras(networks, visit):
    """Of Keras at every checkpoint: outputs, and gates from its states.

    At the last one, gates and cell states come from Keras by `trace`.
    """
    import keras

    from memnets import trace

    page, compared = visit.blank(), 0
    for network in networks:
        model = keras_model(network)
        every = keras.Model(
            model.inputs, [layer.output for layer in model.layers]
        )
        inputs = network.task.sample(1, np.random.default_rng(3)).inputs
        there = compute(page, network, inputs)
        assert len(there) == len(network.episodes)
        for row, made in zip(network.weights, there):
            lay(model, row)
            answers = [np.asarray(y) for y in every.predict_on_batch([inputs])]
            got = np.reshape(
                [one["outputs"] for one in made], answers[-1].shape
            )
            np.testing.assert_allclose(got, answers[-1], rtol=0, atol=1e-6)
            for layer, x in enumerate([inputs, *answers][: len(network.units)]):
                weights = model.layers[layer].get_weights()
                wanted = gates(x, answers[layer], *weights)
                check_values(made, layer, wanted)
            compared += 1
        for layer, own in enumerate(trace(model, inputs)):
            wanted = {name: np.asarray(getattr(own, name)) for name in GATES}
            check_values(there[-1], layer, wanted)
    assert compared == sum(len(n.episodes) for n in networks) > 200


def test_the_networks_do_what_their_text_says(networks):
    done = {network.name: network for network in networks}
    for name in ("recall", "countdown", "reber"):
        exam = done[name].task.exam(np.random.default_rng(1))
        model = keras_model(done[name])
        lay(model, done[name].weights[-1])
        outputs = model.predict(exam.inputs, verbose=0, batch_size=500)
        assert done[name].task.mastered(outputs, exam)
    assert all(len(n.episodes) > 50 for n in networks if len(n.episodes) > 1)
    assert len(pages.Page(tuple(networks)).html().encode()) < 400_000


def test_only_the_told_value_moves_the_later_answer(networks, visit):
    network = finished(networks[0])
    batches = [Recall().sequence({4: v}, asked=[15]) for v in (0.2, 0.9, 0.2)]
    inputs = np.concatenate([batch.inputs for batch in batches])
    low, high, again = (
        np.reshape(one["outputs"], (20, 2))[:, 0]
        for one in compute(visit.blank(), network, inputs)[-1]
    )
    assert abs(low[15] - 0.2) < 0.1 and abs(high[15] - 0.9) < 0.1
    assert np.array_equal(low[:4], high[:4]) and np.array_equal(low, again)


def test_one_write_cannot_exceed_tanh_1(networks, visit):
    network, page = finished(networks[0]), visit.blank()
    inputs = Recall().sequence({4: 1.0}, asked=[15]).inputs
    outputs = [
        [made[0]["outputs"] for made in compute(page, network, inputs, once)]
        for once in (False, True)
    ]
    free, once = np.abs(outputs).max(axis=(1, 2))
    assert free > 0.9 and 0.7 < once <= np.tanh(1)


# Data


def unpacked(text, count):
    """Undo `pack`, byte by byte."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    planes = planes.reshape(4, count, -1)
    for k in range(1, count):
        planes = planes.copy()
        planes[:, k] ^= planes[:, k - 1]
    return planes.transpose(1, 2, 0).copy().view("<f4")[..., 0]


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_weights_are_packed_without_loss(count, size, seed):
    drawn = np.random.default_rng(seed).normal(size=(count, size))
    weights = drawn.astype(np.float32)
    assert np.array_equal(unpacked(pack(weights), count), weights)


@given(st.integers(1, 10**6), st.integers(1, 80))
def test_checkpoints_are_dense_at_the_start(episodes, count):
    chosen = marks(episodes, count)
    assert chosen[-1] == episodes and len(chosen) <= count
    assert chosen == sorted(set(chosen))
    assert count == 1 or chosen[0] == 0
    gaps = np.diff(chosen)
    assert gaps.size < 3 or gaps[0] <= gaps[-1] + 1


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_stages_have_the_bits_of_a_training_without_stops(schedule):
    experiment = dataclasses.replace(SHORT, schedule=schedule)
    found = list(stages(experiment, [0, 7, 40]))
    whole, shorter = experiment.run(), dataclasses.replace(SHORT, episodes=7)
    for one, other in zip(found[-1].weights, whole.weights):
        assert np.array_equal(one, other)
    if schedule == "constant":
        for one, other in zip(found[1].weights, shorter.run().weights):
            assert np.array_equal(one, other)
    assert not np.array_equal(found[0].weights[0], whole.weights[0])


@pytest.mark.parametrize(
    "episodes, wrong", [([7, 3], "3 after 7"), ([41], "41"), ([-1], "-1")]
)
def test_stages_refuse_other_episodes(episodes, wrong):
    with pytest.raises(ValueError, match=f"episodes .*got {wrong}"):
        list(stages(SHORT, episodes))


def test_a_run_shows_its_own_training():
    run = SHORT.run()
    (network,) = playground(run, checkpoints=10).networks
    assert network.episodes[0] == 0 and network.episodes[-1] == 40
    final = np.concatenate([weight.ravel() for weight in run.weights])
    assert np.array_equal(network.weights[-1], final)
    (alone,) = playground(run, checkpoints=1).networks
    assert alone.episodes == (40,) and np.array_equal(alone.weights[0], final)


def test_a_run_that_cannot_be_repeated_shows_what_it_has():
    run = SHORT.run()
    changed = tuple(weight + np.float32(0.1) for weight in run.weights)
    run = dataclasses.replace(run, weights=changed)
    with pytest.warns(UserWarning, match="final weights alone"):
        (network,) = playground(run).networks
    assert network.episodes == (40,) and len(network.weights) == 1


def wrong_runs():
    """Yield runs that cannot be shown, with what is said of them."""
    run = Experiment(Recall(), units=(2,), episodes=1).run(progress=False)
    old = dataclasses.replace(run, weights=())
    yield old, ValueError, "weights, got one that was recorded before"
    other = {**run.settings, "cell": "gru"}
    other = dataclasses.replace(run, settings=other)
    yield other, ValueError, "cell lstm.*got 'gru'"
    large = {**run.settings, "units": [65], "readout": "dense"}
    large = dataclasses.replace(run, settings=large)
    yield large, ValueError, "at most 64 units.*got 65"
    yield "run.npz", TypeError, "run must be a Run"
    yield [], ValueError, "got none"
    yield recorded("recall_inside"), TypeError, "run must be a Run"


@pytest.mark.parametrize("case", range(6))
def test_a_run_that_cannot_be_shown_is_refused_in_one_line(case):
    run, kind, text = list(wrong_runs())[case]
    with pytest.raises(kind, match=text) as refused:
        playground(run)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("count", [0, 1.5, True])
def test_checkpoints_must_be_a_positive_integer(count):
    with pytest.raises((TypeError, ValueError), match="checkpoints must be"):
        playground(SHORT.run(), checkpoints=count)


def test_the_command_writes_a_page(tmp_path, capsys):
    run, out = tmp_path / "run.npz", tmp_path / "mine.html"
    SHORT.run().save(run)
    words = ["playground", "--run", str(run), "--out", str(out)]
    assert main(words) == 0
    assert "recall, 3-2, seed 0" in out.read_text(encoding="utf-8")
    assert str(out) in capsys.readouterr().out
    for other, text in (
        (["--run", str(run), "--out", "x.txt"], "must end in .html"),
        (["--checkpoints", "3"], "needs the --run"),
        (["--run", str(tmp_path / "none.npz")], "none.npz"),
    ):
        assert main(["playground", *other]) == 2
        complaint = capsys.readouterr().err
        assert text in complaint and complaint.count("\n") == 1


HOSTILE = '</script><script>alert("task")</script>'


@dataclasses.dataclass(frozen=True)
class Hostile(Recall):
    """A task whose names are not friendly."""

    name = "<script>alert('name')</script>"
    inputs = (HOSTILE, "<img src=x onerror=alert(1)>", "& ask")


def test_text_is_escaped(monkeypatch, visit, tmp_path):
    monkeypatch.setitem(TASKS, Hostile.name, Hostile)
    run = Experiment(Hostile(), units=(2,), episodes=2).run()
    page = pages.Page(playground(run).networks, title=HOSTILE)
    text = page.html()
    assert len(re.findall(r"<script", text)) == 2
    page.save(tmp_path / "hostile.html")
    shown = visit(where=(tmp_path / "hostile.html").as_uri())
    assert shown.title() == HOSTILE and shown.inner_text("h1") == HOSTILE
    assert Hostile.name in shown.inner_text("select")
    assert HOSTILE in shown.text_content("svg")
    assert shown.locator("script").count() == 2
    assert shown.locator("img").count() == 0


# Notebooks


def test_a_notebook_shows_a_frame_and_colab_the_page(monkeypatch, visit):
    run = SHORT.run()
    page = playground(run)
    cell = page._repr_html_()
    assert cell.startswith("<iframe ")
    assert html.unescape(re.search('srcdoc="(.*?)"', cell, re.S)[1]) == (
        page.html()
    )
    assert page._repr_mimebundle_()["text/html"] == cell
    shown = visit.blank()
    shown.set_content(cell)
    frame = shown.frame_locator("iframe")
    told = f"TELL {run.probe.inputs[0, :, 1].max():.2f}"
    assert frame.locator("svg .grip").first.text_content() == told
    monkeypatch.setitem(sys.modules, "google.colab", object())
    inline = page._repr_html_()
    assert "<iframe" not in inline and list(page._repr_mimebundle_()) == [
        "text/plain",
        "text/html",
    ]
    shown = visit.blank()
    shown.set_content(inline)
    assert shown.locator("svg .grip").first.text_content() == told


def test_a_widget_has_the_same_data():
    anywidget = pytest.importorskip("anywidget")
    page = playground(SHORT.run())
    widget = page.widget()
    assert isinstance(widget, anywidget.AnyWidget)
    assert widget.data == page.data()
    kinds = set(page._repr_mimebundle_())
    assert {"text/html", "application/vnd.jupyter.widget-view+json"} <= kinds


def test_without_anywidget_there_is_the_frame(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    page = playground(SHORT.run())
    assert set(page._repr_mimebundle_()) == {"text/plain", "text/html"}
    with pytest.raises(ImportError, match=r"memnets\[widget\]"):
        page.widget()


# A visitor


def test_a_visitor_drags_the_tell_its_value_and_the_ask(visit):
    page = visit("net=recall")
    assert abs(answer(page) - 0.9) < 0.1
    assert said(page)["tells"] == "4:0.9"

    def drag(what, right, down):
        box = page.locator(what).first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + right / 2, y + down / 2)
        page.mouse.move(x + right, y + down)
        page.mouse.up()

    wide = page.locator("svg .now").bounding_box()["width"]
    drag("svg .knob", 0, 25)
    told = float(said(page)["tells"].split(":")[1])
    assert 0.2 < told < 0.5 and abs(answer(page) - told) < 0.1
    drag("svg .grip >> text=TELL", 3 * wide, 0)
    assert said(page)["tells"].startswith("7:")
    drag("svg .grip >> text=ASK", 2 * wide, 0)
    assert said(page)["asks"] == "17" and said(page)["t"] == "17"
    assert abs(answer(page) - told) < 0.15


def test_a_visitor_asks_twice_tells_twice_and_waits_longer(visit):
    page = visit("net=recall-by-hand&tells=4:0.9&asks=15")
    page.click("text=+ ask")
    page.click("text=+ tell")
    found = said(page)
    assert len(found["asks"].split(",")) == 2
    assert len(found["tells"].split(",")) == 2
    page.fill(".length input", "60")
    found = said(page)
    assert found["steps"] == "60" and "55" in found["asks"].split(",")
    assert answer(page) == 0.3
    page.click("text=Reset")
    assert said(page)["steps"] == "20"


def test_scrubbing_shows_the_training(visit):
    page = visit("net=recall&episode=0")
    assert page.inner_text("output >> nth=-1") == "before training"
    assert abs(answer(page)) < 0.3
    page.keyboard.press("End")
    assert "4,000" in page.inner_text(".transport output")
    page.keyboard.press("ArrowLeft")
    assert 3500 < int(said(page)["episode"]) < 4000
    box = page.locator(".learning canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    assert 500 < int(said(page)["episode"]) < 1500
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    assert "Stop" in page.inner_text(".transport button")
    page.wait_for_timeout(800)
    page.keyboard.press("Space")
    assert 0 < int(said(page)["episode"]) < 4000


def test_keys_move_everything(visit):
    page = visit("net=recall&t=10")
    page.keyboard.press(",")
    page.keyboard.press("u")
    page.keyboard.press("w")
    page.keyboard.press("l")
    page.keyboard.press("d")
    found = said(page)
    wanted = {"t": "9", "unit": "1.2", "write": "1", "lecture": "1"}
    assert wanted.items() <= found.items() and found["theme"] == "dark"
    page.keyboard.press("n")
    new = ".about:has-text('300 episodes')"  # hidden in a lecture
    page.wait_for_selector(new, state="attached")
    assert said(page)["net"] == "recall-lecture"
    grip = page.locator("svg .grip >> nth=0")
    grip.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    assert said(page)["tells"] == "6:0.85"
    assert "time step 6" in page.evaluate(
        "document.activeElement.getAttribute('aria-valuetext')"
    )


def test_an_address_is_a_view(visit):
    view = (
        "net=countdown&episode=5000&t=12&unit=2.1&channel=0&steps=25"
        "&tells=3:9&asks=&write=1&lecture=1&theme=dark"
    )
    page = visit(view)
    assert page.locator(".memnets.lecture[data-theme=dark]").count() == 1
    assert "layer 2, unit 1" in page.text_content("svg")
    assert said(page) == dict(pair.split("=") for pair in view.split("&"))


@pytest.mark.parametrize(
    "view",
    [
        "net=nothing&episode=-5&t=x&unit=9.9&channel=77",
        "net=recall&tells=99:7,a:b,::&asks=,,-4,1e9&steps=1e9",
        "net=reber&text=<b>%00QQ&t=500",
        "%%%&=&net=countdown&tells=4:-1,4:2,4:3&steps=-1",
    ],
)
def test_an_address_that_makes_no_sense_shows_a_page(view, visit):
    page = visit(view)
    assert page.locator("svg .value").count() > 5
    assert np.isfinite(answer(page))


def test_a_string_is_read_and_its_second_letter_remembered(visit):
    page = visit("net=reber")
    before = answer(page)
    page.click("text=Swap the 2nd letter")
    assert said(page)["text"] == "BPBPTTVPSETE"
    assert before > 0.7 and answer(page) < 0.3
    page.click("text=New string")
    text = said(page)["text"]
    EmbeddedReber().sequence(text)


def test_equations_have_the_numbers_of_the_chart(visit):
    page = visit("net=recall&unit=2.1")
    for short, name in (("f", "forget gate"), ("c", "cell state")):
        equation = page.inner_text(f".lines .{short} + .sum + strong")
        shown = page.text_content(
            f"svg .strip:has(text:text-is('{name}')) .value"
        )
        assert abs(read(shown) - read(equation)) < 0.006
    page.click("[aria-label='layer 1, unit 3']")
    assert said(page)["unit"] == "1.3"
    assert "unit 3" in page.text_content("svg")
    page.click("summary >> nth=0")
    assert page.locator("table tbody tr").count() == 20


def test_another_task_shows_its_sequences(visit, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Other(Countdown):
        """Countdown by another name."""

        name = "other"

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, "other", Other)
        probe = Other().sample(3, np.random.default_rng(0))
        run = Experiment(Other(), units=(2, 2), episodes=3)
        page = playground(run.run(Recording(probe)))
        path = tmp_path / "other.html"
        page.save(path)
    page = visit("sequence=2", path.as_uri())
    assert page.locator("svg .edit").count() == 2
    page.select_option(".tools select", index=1)
    assert said(page)["sequence"] == "1"
    box = page.locator("svg .edit").first.bounding_box()
    page.mouse.click(box["x"] + 100, box["y"] + 2)
    assert ":" in said(page)["edits"]


SCRUB = """(frames) => new Promise((done) => {
  const slider = document.querySelector(".transport input");
  let k = 0;
  const step = () => {
    slider.value = k++ % (Number(slider.max) + 1);
    slider.dispatchEvent(new Event("input"));
    if (k < frames) requestAnimationFrame(step);
    else done(k);
  };
  requestAnimationFrame(step);
})"""


@pytest.mark.parametrize("name", ["recall", "reber"])
def test_scrubbing_leaves_time_for_60_frames_a_second(name, visit):
    """In processor time, which does not depend on what else is running."""
    page = visit(f"net={name}")
    page.wait_for_timeout(300)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in metrics}["TaskDuration"]

    page.evaluate(SCRUB, 60)  # until all is compiled
    before = spent()
    frames = page.evaluate(SCRUB, 120)
    assert 0 < (spent() - before) / frames < 1 / 60


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(width, visit):
    for name in ("recall", "reber"):
        page = visit(f"net={name}", viewport={"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width


def test_everything_has_a_name_and_may_be_reached_by_keys(visit):
    page = visit("net=recall")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
          "button, select, input, [role=slider], [role=img]")]
          .filter((one) => !(one.getAttribute("aria-label")
            || one.textContent.trim() || one.closest("label")))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    unreached = page.evaluate(
        """() => [...document.querySelectorAll("svg [role=slider]")]
          .filter((one) => one.tabIndex !== 0).length"""
    )
    assert unreached == 0
    page.wait_for_timeout(400)
    assert "answer 0.9" in page.inner_text(".spoken")


def test_a_task_of_the_package_is_named_in_no_script():
    """Weights and names go in as data: the script is the same for all."""
    one, other = (
        playground(SHORT.run()).html(),
        playground(dataclasses.replace(SHORT, seed=1).run()).html(),
    )
    scripts = [
        re.search(r'<script type="module">(.*)</script>', text, re.S)[1]
        for text in (one, other)
    ]
    assert scripts[0] == scripts[1] and one != other
    assert issubclass(Hostile, Task) and isinstance(SHORT.run(), Run)
