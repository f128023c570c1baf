"""A comparison counts every seed, and its picture shows what it counted."""

from fractions import Fraction
from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from memnets import (
    CELLS,
    Experiment,
    Recall,
    draw_figure,
    find,
    plot_comparison,
    plot_matrix,
    results,
    save_figure,
)
from memnets.experiments.catalogue import CATALOGUE
from memnets.experiments.compare import count_parameters, side_by_side
from memnets.experiments.rows import describe
from memnets.figures.catalogue import STYLES
from memnets.figures.comparison import save_comparison
from memnets.figures.drawings import SHOWN
from memnets.records import data
from memnets.records.outcomes import outcomes, recorded_cells, table, wilson
from memnets.records.tables import Table


def rows(cell, after, mastered=0, episodes=400, batch_size=10):
    """Return rows of a table, for the episodes of mastery of the seeds."""
    experiment = Experiment(
        Recall(), cell, (5,), "dense", episodes=episodes, batch_size=batch_size
    )
    return pd.DataFrame(
        {
            **describe(experiment.settings()),
            "experiment": cell,
            "seed": np.arange(len(after)),
            "mastered": np.arange(len(after)) < mastered,
            "correct": 0.5,
            "deviation": 0.1 * (np.arange(len(after)) + 1),
            "mastered_after": pd.array(after, "Int64"),
            "keras": "3",
            "tensorflow": "2",
        }
    )


def tables(*frames):
    return pd.concat(frames, ignore_index=True)


TABLE = tables(
    rows("gru", [None, 100, 300, None], mastered=1),
    rows("lstm", [75, 200, 50, 25], mastered=4),
    rows("elman", [None] * 4),
    rows("min_gru", [100, 200, 150, 300], mastered=3),
)


@given(st.integers(1, 60), st.data())
def test_the_interval_holds_the_shares_that_the_count_allows(seeds, data):
    """Its ends are the shares from which the count is z deviations off."""
    solved = data.draw(st.integers(0, seeds))
    low, high = (float(end) for end in wilson(solved, seeds))
    assert 0 <= low < high <= 1
    assert low - 1e-9 <= solved / seeds <= high + 1e-9
    # 95 % of a normal distribution lie within z deviations.
    z = NormalDist().inv_cdf(0.975)
    for share in (low, high):
        off, variance = solved / seeds - share, share * (1 - share) / seeds
        assert off**2 == pytest.approx(z**2 * variance, abs=1e-12)


def test_the_best_cell_is_first_and_none_is_left_out():
    found = outcomes(TABLE)
    assert [o.cell for o in found] == ["lstm", "min_gru", "gru", "elman"]
    assert [(o.solved, o.mastered, o.seeds) for o in found] == [
        (4, 4, 4),
        (4, 3, 4),
        (2, 1, 4),
        (0, 0, 4),
    ]
    np.testing.assert_array_equal(
        found[2].solved_after, [1000, 3000, np.inf, np.inf]
    )
    assert {o.sequences for o in found} == {4000}


def test_the_table_says_never_where_seeds_failed():
    counts = {"lstm": 1234, "min_gru": 52, "gru": 162, "elman": 57}
    lines = table(outcomes(TABLE), counts).splitlines()
    words = [line.split() for line in lines[1:]]
    assert words[0][:3] == ["lstm", "1,234", "4/4"]
    # Half of the seeds had solved it by then, and all of them.
    assert "500 [250 to 2,000]" in lines[1] and "51% to 100%" in lines[1]
    assert words[1][2] == "4/4" and words[1][6] == "3/4"
    assert "3,000 [1,000 to never]" in lines[3] and "15% to 85%" in lines[3]
    assert "never [never to never]" in lines[4] and words[3][2] == "0/4"
    assert "0.25 [0.13 to 0.37]" in lines[4]
    assert len({len(line) for line in lines}) == 1


def test_what_is_compared_differs_in_the_cell_alone():
    start = Experiment(Recall(), "gru", (3,), "dense", seed=0)
    found = side_by_side(start, ["lstm", "elman"])
    assert found == {
        cell: Experiment(Recall(), cell, (3,), "dense")
        for cell in ("lstm", "elman")
    }
    with pytest.raises(ValueError, match="cell must be .*'lstn'"):
        side_by_side(start, ["gru", "lstn"])
    with pytest.raises(ValueError, match="cells must differ, got 'gru'"):
        side_by_side(start, ["gru", "lstm", "gru"])


@pytest.fixture
def figure():
    yield plt.figure()
    plt.close("all")


def height(line, at):
    """Return how high a curve that steps is right after a time."""
    x, y = line.get_data()
    return y[np.flatnonzero(x <= at)[-1]]


def test_a_curve_is_the_share_that_had_solved_it(figure):
    ax = plot_comparison(outcomes(TABLE), ax=figure.add_subplot())
    assert len(ax.lines) == len(ax.collections) == 4
    for line, own in zip(ax.lines, ("lstm", "min_gru", "gru", "elman")):
        after = TABLE[TABLE["cell"] == own]["mastered_after"].dropna()
        for at in (249, 250, 999, 1000, 1001, 2999, 3000, 4000):
            solved = [a for a in after if 10 * a <= at]
            assert height(line, at) == Fraction(len(solved), 4)
        assert line.get_drawstyle() == "steps-post"
    assert ax.get_xlim()[1] == 4000 and ax.get_xscale() == "log"
    # Each is named where it ends, and no two look alike.
    names = {text.get_text() for text in ax.texts}
    assert names == {"lstm 4/4", "min_gru 4/4", "gru 2/4", "elman 0/4"}
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(looks) == 4


def test_a_band_is_the_interval_at_each_point(figure):
    (gru,) = outcomes(TABLE[:4])
    ax = plot_comparison([gru], ax=figure.add_subplot())
    (band,) = ax.collections
    (path,) = band.get_paths()
    for at, solved in ((900, 0), (2000, 1), (3500, 2)):
        low, high = wilson(solved, 4)
        for share, inside in (
            (low + 0.01, True),
            (high - 0.01, True),
            (low - 0.01, False),
            (high + 0.01, False),
        ):
            assert path.contains_point((at, share)) == inside


def test_one_cell_stands_out_among_the_others(figure):
    ax = plot_comparison(outcomes(TABLE), "gru", figure.add_subplot())
    widths = sorted(line.get_linewidth() for line in ax.lines)
    assert len(ax.collections) == 1 and not ax.texts
    assert widths[2] < widths[3] and len(set(widths)) == 2
    with pytest.raises(ValueError, match="cell must be one of lstm.*'x'"):
        plot_comparison(outcomes(TABLE), "x", ax)


@pytest.mark.parametrize("cells", [1, 4])
def test_what_nobody_solved_is_drawn_too(cells, tmp_path):
    names = ("lstm", "gru", "elman", "min_gru")[:cells]
    found = outcomes(tables(*(rows(name, [None]) for name in names)))
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in files:
        save_comparison(found, "nobody", path, "notebook")
    first, again = (path.read_bytes() for path in files)
    assert first == again and len(first) > 5000
    assert sorted(tmp_path.iterdir()) == files


def test_a_table_is_read_as_it_was_written(tmp_path):
    written = Table(tmp_path / "a.csv")
    for row in (
        TABLE.astype(object).where(TABLE.notna(), None).to_dict("records")
    ):
        assert written.append(row)
    found = outcomes(results(tmp_path / "a.csv"))
    for one, other in zip(found, outcomes(TABLE)):
        assert one.cell == other.cell
        np.testing.assert_array_equal(one.solved_after, other.solved_after)


def test_the_committed_table_is_each_of_its_cells_at_every_task():
    """As the catalogue has it now, over the same 32 seeds."""
    frame = recorded_cells().frame
    cells = set(frame["cell"])
    assert cells <= set(CELLS) and {*SHOWN, "lstm_np"} <= cells
    wanted = {
        f"{group}/{cell}": members[cell]
        for group, members in CATALOGUE.items()
        if group.endswith("-cells")
        for cell in cells
    }
    seeds = {name: [] for name in wanted}
    for row in frame.to_dict("records"):
        now = describe(wanted[row["experiment"]].settings())
        assert all(row[key] == value for key, value in now.items())
        seeds[row["experiment"]].append(row["seed"])
    assert all(sorted(own) == list(range(32)) for own in seeds.values())


def test_the_recorded_are_summed_up_in_the_order_asked_for():
    cells = recorded_cells()
    tasks = ("recall", "countdown", "reber", "embedded-reber")
    assert cells.tasks == tasks
    order = [list(CELLS).index(o.cell) for o in cells.at("reber")]
    assert order == sorted(order) and len(order) >= 17
    gru, lstm = cells.at("countdown", ["gru", "lstm"])
    own = cells.frame[cells.frame["experiment"] == "countdown-cells/gru"]
    assert (gru.cell, lstm.cell, gru.seeds) == ("gru", "lstm", 32)
    assert gru.solved == own["mastered_after"].notna().sum()
    with pytest.raises(ValueError, match="task must be .* got 'recal'"):
        cells.at("recal")
    with pytest.raises(ValueError, match="cells must be .* got 'lstn'"):
        cells.at("recall", ["gru", "lstn"])


def test_a_cell_under_two_names_agrees_with_itself():
    """Keras's LSTM and ours without peepholes differ by rounding alone."""
    cells = recorded_cells()
    for task in cells.tasks:
        keras_own, ours = cells.at(task, ["lstm", "lstm_np"])
        same = keras_own.solved_after == ours.solved_after
        assert np.mean(same) > 0.8, task


@pytest.mark.parametrize("style", STYLES)
def test_each_square_says_what_was_counted(style):
    cells = recorded_cells()
    with plt.style.context(f"memnets.plots.styles.{style}", after_reset=True):
        figure = draw_figure("cells_matrix")
        figure.draw_without_rendering()
    (ax,) = figure.axes
    count = len(cells.at("recall"))
    assert len(ax.patches) == 4 * count
    for x, task in enumerate(cells.tasks):
        for y, outcome in enumerate(cells.at(task)):
            square = ax.patches[x * count + y]
            inside = square.get_window_extent()
            texts = [
                text
                for text in ax.texts
                if inside.contains(*_centre(text.get_tightbbox()))
            ]
            low, high = wilson(outcome.solved, 32)
            assert [t.get_text() for t in texts] == [
                f"{outcome.solved}/32",
                f"{100 * low:.0f}\u2013{100 * high:.0f} %",
            ]
            for text in texts:
                box = text.get_tightbbox()
                assert inside.x0 < box.x0 and box.x1 < inside.x1
            red, _, blue = square.get_facecolor()[:3]
            assert (blue > red) == (outcome.solved > 16)


def _centre(box):
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def test_a_matrix_needs_the_same_cells_at_every_task():
    some = outcomes(TABLE)
    with pytest.raises(ValueError, match="found must have one list of cells"):
        plot_matrix({"a": some, "b": some[::-1]})
    assert not plt.get_fignums()


def test_a_slide_from_the_table_says_so(tmp_path):
    for folder in ("one", "two"):
        save_figure("cells_recall", tmp_path / folder, ("png", "svg"), "slides")
    for form in ("png", "svg"):
        one, two = (
            (tmp_path / folder / f"cells_recall.{form}").read_bytes()
            for folder in ("one", "two")
        )
        assert one == two
    with Image.open(tmp_path / "one" / "cells_recall.png") as image:
        said = image.text["Description"]
    for word in ("recall-cells", "seed 0 to 31", "keras 3.15.1", "tensorflow"):
        assert word in said


def test_slides_have_each_cell_at_the_same_place():
    for name in ("cells_recall", "cells_countdown", "cells_embedded_reber"):
        figure = draw_figure(name)
        titles = [ax.get_title().split()[0] for ax in figure.axes]
        assert titles == list(SHOWN)


def test_the_readme_says_what_the_table_says():
    recorded, found = recorded_cells(), []
    cells = [outcome.cell for outcome in recorded.at("recall")]
    for cell in cells:
        said = []
        for task in recorded.tasks:
            (outcome,) = recorded.at(task, [cell])
            median = outcome.solved_after[15]  # of 32, the lower
            when = f" ({median:,.0f})" if np.isfinite(median) else ""
            said.append(f"{outcome.solved}{when}")
        found.append(" | ".join(said))
    readme = (data.folder().parent / "README.md").read_text(encoding="utf-8")
    (start,) = find("recall-cells/lstm").values()
    weights = count_parameters(side_by_side(start, cells))
    for (cell, count), row in zip(weights.items(), found):
        assert f"| `{cell}` | {count} | {row} |\n" in readme
