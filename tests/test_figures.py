"""The slide figures: complete, the same bytes every time, with their origin."""

import re
import subprocess
import sys
import zlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import SMALLEST, check_legible
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from memnets import (
    FIGURES,
    Ensemble,
    GradientStudy,
    NetworkTrace,
    Run,
    draw_figure,
    recorded,
    save_figure,
)
from memnets.figures import files
from memnets.figures.drawings import keeper
from memnets.figures.files import STYLES
from memnets.plots import animations
from memnets.plots.animations import STEPS_PER_SECOND
from memnets.records import data

pytestmark = pytest.mark.usefixtures("settings_stay")
# Those that need a user's run are drawn in test_own_runs.
CATALOGUE = {k: v for k, v in FIGURES.items() if not v.needs_run}
FILMS = [name for name, entry in CATALOGUE.items() if entry.film]
STILLS = [name for name in CATALOGUE if name not in FILMS]


def kind(recording):
    """Return what a recording is, by the end of its name."""
    kinds = {"loss": Ensemble, "inside": NetworkTrace, "flows": GradientStudy}
    return kinds.get(recording.split("_")[-1], Run)


# The first of each kind, and one with an image: all are written in one way.
RECORDED = [name for name in STILLS if FIGURES[name].recordings]
SAVED = {kind(FIGURES[k].recordings[0]): k for k in reversed(RECORDED)}
SAVED = ["recall_learning", *SAVED.values()]
# A drawing of a cell has many words in it; above its film stands little.
SMALLER = {"cell": 0.85, "cell_film": 0.7}
needs_ffmpeg = pytest.mark.skipif(
    animations.find_ffmpeg() is None, reason="there is no ffmpeg"
)


@pytest.fixture
def three_frames(monkeypatch):
    """Let films be short."""
    make = animations._film

    def short(figure, show, frames, per_second):
        return make(figure, show, [frames[k] for k in (0, 5, -1)], per_second)

    monkeypatch.setattr(animations, "_film", short)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save some figures that stand still once, in all their formats."""
    folder = tmp_path_factory.mktemp("figures")
    written = {
        name: save_figure(name, folder, styles=("slides",)) for name in SAVED
    }
    return folder, written


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_figure_draws_and_its_texts_are_legible(name, style):
    with plt.style.context(f"memnets.plots.styles.{style}"):
        figure = draw_figure(name)
    check_legible(figure, smallest=SMALLEST[style] * SMALLER.get(name, 1))
    assert figure._suptitle.get_text() == FIGURES[name].title


@pytest.mark.parametrize("style", ["slides", "slides_dark"])
def test_text_stands_out_from_the_background(style):
    with plt.style.context(f"memnets.plots.styles.{style}"):
        colors = [matplotlib.rcParams["text.color"]]
        colors += plt.rcParams["axes.prop_cycle"].by_key()["color"][:3]
        ground = _luminance(matplotlib.rcParams["figure.facecolor"])
    for color, least in zip(colors, (7, 3, 3, 3)):
        pair = sorted([_luminance(color), ground])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least, color


def _luminance(color):
    """Return the relative luminance of the contrast rules (WCAG 2)."""
    rgb = np.array(matplotlib.colors.to_rgb(color))
    linear = np.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


def test_the_recordings_are_what_is_drawn():
    figure = draw_figure("recall_learning")
    run = recorded("recall_lecture")
    (image,) = figure.axes[0].images
    np.testing.assert_array_equal(image.get_array(), run.outputs[:, 0, :, 0].T)
    assert image.get_extent()[1] == 300.5


@pytest.mark.parametrize("task", ["recall", "countdown"])
def test_what_is_learned_is_shown_until_it_is_learned(task):
    """As README says of the first: then the right answer."""
    run = recorded(f"{task}_mastered")
    _, last = draw_figure(f"{task}_learning_mastered").axes[0].get_xlim()
    answers = run.outputs[run.episodes == last]
    assert len(answers) == 1
    assert np.abs(answers - run.probe.targets).max() < 0.1
    plt.close("all")


def test_thirty_sequences_are_sorted_by_their_recall():
    figure = draw_figure("recall_sequences")
    run = recorded("recall_thirty")
    target, output = (ax.images[0].get_array() for ax in figure.axes[:2])
    assert target.shape == (30, 20)
    assert np.all(np.diff(target.argmax(axis=1)) >= 0)
    # The rows keep together: each target beside its own output.
    drawn = {(*map(float, a), *map(float, b)) for a, b in zip(target, output)}
    kept = {
        (*map(float, a), *map(float, b))
        for a, b in zip(run.probe.targets[..., 0], run.outputs[-1, ..., 0])
    }
    assert drawn == kept


def test_units_are_drawn_for_three_counts_told_at_one_time():
    run = recorded("countdown_units")
    figure = draw_figure("countdown_units")
    for ax, count in zip(figure.axes, (2, 5, 8)):
        sequence = 4 * 9 + count
        assert run.probe.inputs[sequence, 4, 1] == count
        drawn = next(x for x in ax.lines if x.get_label() == "unit 1")
        np.testing.assert_array_equal(
            drawn.get_ydata(), run.hidden[-1, sequence, :, 0]
        )


def test_the_gates_are_those_of_the_cell_that_keeps_the_number():
    traced = recorded("recall_inside")
    sequence = 18  # told 0.9 of 0, 0.05, ..., 1
    assert traced.probe.inputs[sequence, 4, 1] == np.float32(0.9)
    unit, trace = keeper(traced, sequence), traced.traces[0]
    waiting = trace.forget_gate[sequence, 5:15].mean(axis=0)
    assert waiting[unit] == waiting.max() > 0.9
    (line,) = (
        line
        for line in draw_figure("gates").axes[2].lines
        if line.get_label() == "cell state"
    )
    np.testing.assert_array_equal(
        line.get_ydata(), trace.cell_state[sequence, :, unit]
    )


def test_the_ceiling_is_drawn_where_the_recordings_have_it():
    """What the title says: one network ends at tanh(1), the other above."""
    below, past = (
        {line.get_label(): line.get_ydata() for line in ax.lines}
        for ax in draw_figure("tanh_ceiling").axes
    )
    for lines in (below, past):
        np.testing.assert_allclose(
            lines["from before"] + lines["written now"],
            lines["cell state"],
            atol=1e-6,
        )
        assert lines["written now"].max() <= 1
        assert lines["output"].max() <= np.tanh(lines["cell state"].max())
    assert np.abs(below["from before"]).max() < 0.1
    assert abs(below["output"].max() - np.tanh(1)) < 0.02
    assert past["output"].max() > 0.9


def test_every_recording_named_is_of_the_kind_its_name_says():
    for entry in FIGURES.values():
        for name in entry.recordings:
            assert isinstance(recorded(name), kind(name))


def test_files_are_named_after_figure_and_style(saved, tmp_path):
    folder, written = saved
    assert [path.name for path in written["recall_task"]] == [
        "recall_task.png",
        "recall_task.svg",
        "recall_task.pdf",
    ]
    assert {path.stem for path in folder.iterdir()} == set(SAVED)
    assert len(list(folder.iterdir())) == 3 * len(SAVED)
    written = save_figure(
        "recall_task", tmp_path / "new", "svg", ("slides_dark", "notebook")
    )
    assert [path.name for path in written] == [
        "recall_task_dark.svg",
        "recall_task_notebook.svg",
    ]


@pytest.mark.parametrize("name", ["recall_learning", "recall_loss"])
def test_a_second_save_gives_the_same_bytes(name, saved, tmp_path):
    # Not even what the user has set before may show.
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30}):
        for path in save_figure(name, tmp_path, styles="slides"):
            assert path.read_bytes() == (saved[0] / path.name).read_bytes()


@pytest.mark.parametrize("name", SAVED)
def test_a_slide_is_16_to_9(name, saved):
    with Image.open(saved[0] / f"{name}.png") as image:
        width, height = image.size
    assert height == 1500 and abs(width - height * 16 / 9) < 1


@pytest.mark.parametrize("name", SAVED)
def test_files_say_what_made_them(name, saved):
    folder, _ = saved
    entry = FIGURES[name]
    recording = entry.recordings[0]
    settings = recorded(recording).settings
    wanted = [
        f"figure {name} of memnets",
        f"recording {recording}: experiment {settings['experiment']}, seed",
        *(f"{k} {v}" for k, v in settings["versions"].items()),
        f"drawn by matplotlib {matplotlib.__version__}",
    ]
    with Image.open(folder / f"{name}.png") as image:
        png = dict(image.text)
    assert png.keys() == {"Title", "Description"}
    assert png["Title"] == entry.title
    svg = (folder / f"{name}.svg").read_text()
    pdf = pdf_text((folder / f"{name}.pdf").read_bytes())
    for words_ in wanted:
        assert words_ in png["Description"]
        assert words_ in svg
        assert words_ in pdf
    assert "<dc:date>" not in svg
    assert "CreationDate" not in pdf


def pdf_text(content):
    """Return the readable parts of a PDF, unpacked, its strings joined."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.S)
    parts = [content]
    for stream in streams:
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    text = b" ".join(parts).decode("latin-1")
    return text.replace("\\\n", "").replace("\\(", "(").replace("\\)", ")")


def test_fonts_stay_text_in_a_pdf(saved):
    assert b"/Type3" not in (saved[0] / "recall_loss.pdf").read_bytes()


@pytest.mark.parametrize("name", FILMS)
def test_a_film_is_a_gif_that_says_what_made_it(name, three_frames, tmp_path):
    (path,) = save_figure(name, tmp_path, "gif", "slides_dark")
    assert path.name == f"{name}_dark.gif"
    with Image.open(path) as image:
        assert image.size == (1280, 720)
        assert image.n_frames == 3
        assert b"figure " + name.encode() in image.info["comment"]
        pace = STEPS_PER_SECOND if name == "cell_film" else 8
        assert abs(image.info["duration"] - 1000 / pace) < 10
        frames = []
        for number in range(3):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB"), int))
    ground = matplotlib.colors.to_rgb("#15171c")
    for frame in frames:
        assert np.abs(frame[0, 0] - 255 * np.array(ground)).max() < 6
    assert not np.array_equal(frames[0], frames[2])
    first = path.read_bytes()
    save_figure(name, tmp_path, "gif", "slides_dark")
    assert path.read_bytes() == first


@needs_ffmpeg
def test_a_film_is_an_mp4_that_says_what_made_it(three_frames, tmp_path):
    contents = []
    for _ in range(2):
        (path,) = save_figure("recall_animation", tmp_path, "mp4", "slides")
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert contents[0][4:8] == b"ftyp"
    assert b"figure recall_animation of memnets" in contents[0]


def test_a_film_stands_still_on_its_last_frame(tmp_path):
    (path,) = save_figure("recall_animation", tmp_path, "png", "slides")
    with Image.open(path) as image:
        assert image.size[1] == 1500
    title = draw_figure("recall_animation").axes[0].get_title(loc="left")
    assert title == "after 4,000 learning episodes"


def test_a_gif_has_the_colours_of_all_its_frames(tmp_path):
    figure = Figure(figsize=(2, 1))
    FigureCanvasAgg(figure)
    writer = animations.GIFWriter(8, "colours")
    with writer.saving(figure, tmp_path / "colours.gif", 50):
        for color in ("red", "lime", "blue"):
            figure.set_facecolor(color)
            writer.grab_frame(facecolor=color)
    with Image.open(tmp_path / "colours.gif") as image:
        for number, color in enumerate(np.diag([255, 255, 255])):
            image.seek(number)
            found = np.asarray(image.convert("RGB"), int)[25, 50]
            assert np.abs(found - color).max() < 6


def test_films_come_as_mp4_only_where_there_is_ffmpeg(monkeypatch, tmp_path):
    monkeypatch.setattr(animations, "find_ffmpeg", lambda: None)
    assert files.check_formats("film", True, None) == ("png", "gif")
    with pytest.raises(ValueError, match="imageio-ffmpeg"):
        save_figure("recall_animation", tmp_path / "no", ("gif", "mp4"))
    monkeypatch.setattr(animations, "find_ffmpeg", lambda: "ffmpeg")
    assert files.check_formats("film", True, None) == ("png", "gif", "mp4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recall_lerning",), "name .*recall_learning.*'recall_lerning'"),
        (("recall_task", ["png", "jpeg"]), "formats .*png, svg.*'jpeg'"),
        (
            ("recall_task", "gif"),
            "formats .*recall_task, .*animated, got 'gif'",
        ),
        (("recall_task", None, ["dark"]), "styles .*slides_dark.*'dark'"),
    ],
)
def test_a_wrong_word_is_refused_before_any_work(arguments, message, tmp_path):
    name, *others = arguments
    with pytest.raises(ValueError, match=message):
        save_figure(name, tmp_path / "no", *others)
    assert not (tmp_path / "no").exists()


def test_drawing_an_unknown_figure_is_refused():
    with pytest.raises(ValueError, match=r"name .*'nothing'"):
        draw_figure("nothing")


def test_a_missing_recording_is_named(monkeypatch, tmp_path):
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr(data, "folder", lambda: tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        save_figure("recall_values", tmp_path / "no")
    for part in ("memnets record recall_values", "make figures RETRAIN=1"):
        assert part in str(error.value)
    assert not (tmp_path / "no").exists()


def test_a_crash_leaves_the_old_file(monkeypatch, tmp_path):
    old = tmp_path / "recall_task.png"
    old.write_bytes(b"old")

    def crash(figure, path, *others):
        with open(path, "wb") as file:
            file.write(b"half a fi")
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write", crash)
    with pytest.raises(KeyboardInterrupt):
        save_figure("recall_task", tmp_path, "png", "slides")
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_figures_are_drawn_without_keras():
    names = [*SAVED, "cells_recall", "family"]
    code = (
        f"import sys, memnets; list(map(memnets.draw_figure, {names})); "
        "sys.exit(any(m in sys.modules for m in ('keras', 'tensorflow')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
