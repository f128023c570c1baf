"""A comparison counts every seed, and its picture shows what it counted."""

from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from memnets import comparison, comparison_plots, paths, results
from memnets.comparison import outcomes, wilson
from memnets.experiments import CATALOGUE, Experiment, describe, find
from memnets.figures import STYLES, draw_figure, save_figure
from memnets.registry import CELLS
from memnets.tasks import Recall


def rows(cell, after, mastered=0, episodes=400, batch_size=10):
    """Return rows as of a table, for the episodes of mastery of the seeds."""
    experiment = Experiment(
        Recall(), cell, (5,), "dense", episodes=episodes, batch_size=batch_size
    )
    said = {
        name: str(value)
        for name, value in describe(experiment.settings()).items()
    }
    return [
        said
        | {
            "experiment": cell,
            "seed": str(seed),
            "mastered": str(seed < mastered),
            "deviation": str(0.1 * (seed + 1)),
            "mastered_after": "" if episode is None else str(episode),
        }
        for seed, episode in enumerate(after)
    ]


TABLE = [
    *rows("gru", [None, 100, 300, None], mastered=1),
    *rows("lstm", [75, 200, 50, 25], mastered=4),
    *rows("elman", [None] * 4),
    *rows("min_gru", [100, 200, 150, 300], mastered=3),
]


@given(st.integers(1, 60), st.data())
def test_the_interval_holds_the_shares_that_the_count_allows(seeds, data):
    """Its ends are the shares from which the count is z deviations off."""
    solved = data.draw(st.integers(0, seeds))
    low, high = (float(end) for end in wilson(solved, seeds))
    assert 0 <= low < high <= 1
    assert low - 1e-9 <= solved / seeds <= high + 1e-9
    for share in (low, high):
        off, variance = solved / seeds - share, share * (1 - share) / seeds
        assert off**2 == pytest.approx(1.959964**2 * variance, abs=1e-12)


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
    lines = comparison.table(outcomes(TABLE), counts).splitlines()
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
    found = comparison.experiments(start, ["lstm", "elman"])
    assert found == {
        cell: Experiment(Recall(), cell, (3,), "dense")
        for cell in ("lstm", "elman")
    }
    with pytest.raises(ValueError, match="cell must be .*'lstn'"):
        comparison.experiments(start, ["gru", "lstn"])
    with pytest.raises(ValueError, match="cells must differ, got 'gru'"):
        comparison.experiments(start, ["gru", "lstm", "gru"])


@pytest.fixture
def figure():
    yield plt.figure()
    plt.close("all")


def height(line, at):
    """Return how high a curve that steps is right after a time."""
    x, y = line.get_data()
    return y[np.flatnonzero(x <= at)[-1]]


def test_a_curve_is_the_share_that_had_solved_it(figure):
    ax = comparison_plots.plot_comparison(
        outcomes(TABLE), ax=figure.add_subplot()
    )
    assert len(ax.lines) == len(ax.collections) == 4
    for line, own in zip(ax.lines, ("lstm", "min_gru", "gru", "elman")):
        after = [r["mastered_after"] for r in TABLE if r["cell"] == own]
        for at in (249, 250, 999, 1000, 1001, 2999, 3000, 4000):
            solved = [a for a in after if a and 10 * int(a) <= at]
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
    ax = comparison_plots.plot_comparison([gru], ax=figure.add_subplot())
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
    ax = comparison_plots.plot_comparison(
        outcomes(TABLE), "gru", figure.add_subplot()
    )
    widths = sorted(line.get_linewidth() for line in ax.lines)
    assert len(ax.collections) == 1 and not ax.texts
    assert widths[2] < widths[3] and len(set(widths)) == 2
    with pytest.raises(ValueError, match="cell must be one of lstm.*'x'"):
        comparison_plots.plot_comparison(outcomes(TABLE), "x", ax)


@pytest.mark.parametrize("cells", [1, 4])
def test_what_nobody_solved_is_drawn_too(cells, tmp_path):
    names = ("lstm", "gru", "elman", "min_gru")[:cells]
    found = outcomes([row for name in names for row in rows(name, [None])])
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in files:
        comparison_plots.save_comparison(found, "nobody", path, "notebook")
    first, again = (path.read_bytes() for path in files)
    assert first == again and len(first) > 5000
    assert sorted(tmp_path.iterdir()) == files


def test_a_table_is_read_as_it_was_written(tmp_path):
    whole = [dict.fromkeys(results.COLUMNS, "") | row for row in TABLE]
    results.write_table(whole, tmp_path / "a.csv")
    found = outcomes(results.read_table(tmp_path / "a.csv"))
    for one, other in zip(found, outcomes(TABLE)):
        assert one.cell == other.cell
        np.testing.assert_array_equal(one.solved_after, other.solved_after)


def test_the_committed_table_is_each_of_its_cells_at_every_task():
    """As the catalogue has it now, over the same 32 seeds."""
    rows = comparison.recorded().rows
    cells = {row["cell"] for row in rows}
    assert cells <= set(CELLS) and {*comparison.SHOWN, "lstm_np"} <= cells
    wanted = {
        f"{group}/{cell}": members[cell]
        for group, members in CATALOGUE.items()
        if group.endswith("-cells")
        for cell in cells
    }
    seeds = {name: [] for name in wanted}
    for row in rows:
        now = describe(wanted[row["experiment"]].settings())
        assert all(row[key] == str(value) for key, value in now.items())
        seeds[row["experiment"]].append(int(row["seed"]))
    assert all(sorted(own) == list(range(32)) for own in seeds.values())


def test_the_recorded_are_summed_up_in_the_order_asked_for():
    table = comparison.recorded()
    tasks = ("recall", "countdown", "reber", "embedded-reber")
    assert table.tasks == tasks
    order = [list(CELLS).index(o.cell) for o in table.at("reber")]
    assert order == sorted(order) and len(order) >= 17
    gru, lstm = table.at("countdown", ["gru", "lstm"])
    own = [r for r in table.rows if r["experiment"] == "countdown-cells/gru"]
    assert (gru.cell, lstm.cell, gru.seeds) == ("gru", "lstm", 32)
    assert gru.solved == sum(bool(row["mastered_after"]) for row in own)
    with pytest.raises(ValueError, match="task must be .* got 'recal'"):
        table.at("recal")
    with pytest.raises(ValueError, match="cells must be .* got 'lstn'"):
        table.at("recall", ["gru", "lstn"])


def test_a_cell_under_two_names_agrees_with_itself():
    """Keras's LSTM and ours without peepholes differ by rounding alone."""
    table = comparison.recorded()
    for task in table.tasks:
        keras_own, ours = table.at(task, ["lstm", "lstm_np"])
        same = keras_own.solved_after == ours.solved_after
        assert np.mean(same) > 0.8, task


@pytest.mark.parametrize("style", STYLES)
def test_each_square_says_what_was_counted(style):
    table = comparison.recorded()
    with plt.style.context(f"memnets.styles.{style}", after_reset=True):
        figure = draw_figure("cells_matrix")
        figure.draw_without_rendering()
    (ax,) = figure.axes
    count = len(table.at("recall"))
    assert len(ax.patches) == 4 * count
    for x, task in enumerate(table.tasks):
        for y, outcome in enumerate(table.at(task)):
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
        comparison_plots.plot_matrix({"a": some, "b": some[::-1]})
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
        assert titles == list(comparison.SHOWN)


def test_the_readme_says_what_the_table_says():
    table, found = comparison.recorded(), []
    cells = [outcome.cell for outcome in table.at("recall")]
    for cell in cells:
        said = []
        for task in table.tasks:
            (outcome,) = table.at(task, [cell])
            median = outcome.solved_after[15]  # of 32, the lower
            when = f" ({median:,.0f})" if np.isfinite(median) else ""
            said.append(f"{outcome.solved}{when}")
        found.append(" | ".join(said))
    readme = (paths.data().parent / "README.md").read_text(encoding="utf-8")
    (start,) = find("recall-cells/lstm").values()
    weights = comparison.parameters(comparison.experiments(start, cells))
    for (cell, count), row in zip(weights.items(), found):
        assert f"| `{cell}` | {count} | {row} |\n" in readme
