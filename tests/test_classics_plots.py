"""The pictures of the classic experiments show what their table holds."""

import collections
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from legibility import SMALLEST, check_legible
from matplotlib.colors import to_rgba

from memnets import draw_figure
from memnets.figures import classics as layouts
from memnets.figures.files import STYLES
from memnets.plots.reproduction import (
    COUNTERS,
    NETWORKS,
    plot_first_failures,
    plot_lags,
    plot_reproduction,
)
from memnets.records.classics import PUBLISHED, recorded_trials
from memnets.reproduction.modern import Modern
from memnets.reproduction.rows import ROWS
from memnets.reproduction.rows_later import LAGS, STARTS
from memnets.reproduction.rules import Streak
from memnets.tasks import LongLagTrigger

pytestmark = pytest.mark.usefixtures("settings_stay")
COLORS = {"1997": to_rgba("C1"), "today": to_rgba("C0")}
OUTCOMES = st.lists(
    st.tuples(st.booleans(), st.integers(1000, 10**6)), max_size=5
)
GROUPS = st.tuples(
    st.sampled_from(["2a", "4-100", "6a"]),
    st.sampled_from(["1997", "today", "1997, other"]),
)
LAG_TRIALS = st.tuples(
    st.sampled_from(LAGS), st.sampled_from([*STARTS, "new"]), st.booleans()
)


def table(trials):
    """Return a table of (row, method, solved, sequences)."""
    columns = ["row", "method", "solved", "sequences"]
    frame = pd.DataFrame(trials, columns=columns)
    return frame.astype({"row": str, "solved": bool, "sequences": int})


def draw(plot, *arguments):
    """Draw in axes without pyplot, which would keep them."""
    ax = plt.Figure().add_subplot()
    assert plot(arguments[0], ax, *arguments[1:]) is ax
    return ax


def marks(ax):
    """Return (place, row, colour, filled) of all marks but the bars."""
    found = []
    for line in ax.lines:
        x, y = line.get_data()
        if len(x) == 1 and line.get_marker() in "os":
            face = to_rgba(line.get_markerfacecolor())
            color = to_rgba(line.get_color())
            found.append((x[0], -round(y[0]), color, face == color))
    return found


def bars(ax):
    """Return where the published bars are, by their rows."""
    lines = [
        m for m in ax.lines if m.get_marker() == "|" and len(m.get_xdata())
    ]
    return {-round(m.get_ydata()[0]): m.get_xdata()[0] for m in lines}


def ranges(ax):
    """Return the ends of the thin lines."""
    lines = [m.get_xdata() for m in ax.lines if m.get_marker() == "None"]
    return sorted((*map(float, ends),) for ends in lines)


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(GROUPS, OUTCOMES))
def test_marks_are_the_trials(groups):
    rows = ["4-100", "6a", "2a"]
    frame = table([(*key, *trial) for key in groups for trial in groups[key]])
    ax = draw(plot_reproduction, frame, rows)
    assert [label.get_text() for label in ax.get_yticklabels()] == rows
    assert bars(ax) == {
        k: PUBLISHED[row].sequences for k, row in enumerate(rows)
    }
    wanted, texts, ends = [], [], []
    for (row, method), trials in groups.items():
        if not trials or method not in COLORS:
            continue
        solved = [count for good, count in trials if good]
        used = solved or [count for _, count in trials]
        whole = len(solved) == len(trials)
        mean = sum(used) / len(used)
        wanted.append((mean, rows.index(row), COLORS[method], whole))
        ends.append((float(min(used)), float(max(used))))
        if not whole:
            text = f"{len(solved)} of {len(trials)}"
            texts.append((rows.index(row), text, COLORS[method]))
    found = sorted(marks(ax), key=lambda mark: mark[1:3])
    wanted = sorted(wanted, key=lambda mark: mark[1:3])
    assert [mark[1:] for mark in found] == [mark[1:] for mark in wanted]
    np.testing.assert_allclose([m[0] for m in found], [m[0] for m in wanted])
    assert ranges(ax) == sorted(ends)
    written = [
        (-t.xy[1], t.get_text(), to_rgba(t.get_color())) for t in ax.texts
    ]
    assert sorted(written) == sorted(texts)


def test_another_trial_moves_its_own_mark_only():
    trials = [("6a", "today", True, 1000), ("2a", "today", True, 4000)]
    before = marks(draw(plot_reproduction, table(trials), ["2a", "6a"]))
    trials.append(("6a", "today", True, 3000))
    after = marks(draw(plot_reproduction, table(trials), ["2a", "6a"]))
    assert before[0] == after[0] and before[0][:2] == (4000, 0)
    assert (before[1][0], after[1][0]) == (1000, 2000)


def test_numbers_stand_beyond_all_marks_of_their_row():
    trials = [
        ("6a", m, s, n)
        for m, n in (("1997", 9e5), ("today", 2e3))
        for s in (True, False)
    ]
    ax = draw(plot_reproduction, table(trials), ["6a"])
    sides = {to_rgba(t.get_color()): (t.xy[0], t.get_ha()) for t in ax.texts}
    assert sides == {
        COLORS["1997"]: (9e5, "left"),
        COLORS["today"]: (2e3, "right"),
    }
    low, high = ax.get_xlim()
    assert low < 2e3 / 10 and high > 9e5 * 10


def test_an_empty_table_still_shows_what_is_published():
    ax = draw(plot_reproduction, table([]))
    assert len(bars(ax)) == len(PUBLISHED) == 27
    assert not marks(ax) and not ax.texts
    names = ax.get_legend_handles_labels()[1]
    assert names[:3] == ["published 1997", "as in 1997", "today's LSTM"]


def test_published_figures_are_those_of_the_rows():
    own = {k: row.published for k, row in ROWS.items() if row.published}
    assert own == PUBLISHED and list(own) == list(PUBLISHED)
    means = {"1": 8440, "2a": 5040, "2c-1000-50": 203_000, "6b": 571_100}
    assert {k: PUBLISHED[k].sequences for k in means} == means
    assert PUBLISHED["5-140"].wrong == 139 and PUBLISHED["1"].wrong is None


@pytest.mark.parametrize("plot", [plot_reproduction, plot_lags])
def test_wrong_tables_are_refused(plot):
    with pytest.raises(TypeError, match="frame must be a pandas.*got list"):
        plot([])
    with pytest.raises(ValueError, match="but solved, sequences is missing"):
        plot(pd.DataFrame({"row": [], "method": []}))


def test_unknown_rows_are_refused():
    with pytest.raises(ValueError, match="rows must be some of 1, 2a.*'7'"):
        plot_reproduction(table([]), rows=["7"])
    with pytest.raises(ValueError, match="must have rows named lag-10"):
        plot_lags(table([("6a", "today", True, 1), ("lag-x", "GRU", True, 1)]))


@settings(max_examples=15, deadline=None)
@given(st.lists(LAG_TRIALS, min_size=1, max_size=60))
def test_lines_are_the_shares_of_solved_trials(trials):
    frame = table([(f"lag-{lag}", m, s, 1) for lag, m, s in trials])
    ax = draw(plot_lags, frame)
    counts = collections.defaultdict(list)
    for lag, method, solved in trials:
        counts[method, lag].append(solved)
    found, places = {}, set()
    for line in ax.lines:
        for x, y in zip(*line.get_data()):
            lag = min(LAGS, key=lambda lag: abs(np.log(x / lag)))
            assert 0.8 < x / lag < 1.25
            found[line.get_label(), lag] = y
            places.add(round(x, 6))
        assert np.all(np.diff(line.get_xdata()) > 0)
    assert found == {k: sum(v) / len(v) for k, v in counts.items()}
    # No two marks lie on each other.
    assert len(places) == len(found)
    names = [line.get_label() for line in ax.lines]
    known = [name for name in NETWORKS if name in names]
    assert names == known + ["new"] * ("new" in names)


def test_a_network_has_the_same_look_in_every_table():
    assert set(NETWORKS) == set(STARTS)
    whole = [(f"lag-{lag}", m, True, 1) for lag in LAGS for m in STARTS]
    looks = []
    for trials in (whole, [t for t in whole if t[1] in ("GRU", "elman")]):
        lines = draw(plot_lags, table(trials)).lines
        looks.append(
            {n.get_label(): (n.get_color(), n.get_marker()) for n in lines}
        )
    assert len({*looks[0].values()}) == len(STARTS)
    assert {k: looks[0][k] for k in looks[1]} == looks[1]


def counted(rows):
    """Return a table of counters from (row, method, seed, first failing n)."""
    names = ["row", "method", "seed", "first"]
    frame = pd.DataFrame(rows, columns=names).assign(sequences=1)
    most = frame["row"].map({"anbn": 10, "anbn-200": 200, "anbncn": 10})
    task = [json.dumps({"task": {"timesteps": 1 + 2 * n}}) for n in most]
    return frame.assign(solved=frame["first"].notna(), settings=task)


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["anbn", "anbn-200"]), st.sampled_from([*COUNTERS])
        ),
        st.lists(st.none() | st.integers(11, 1001), min_size=1, max_size=10),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=20, deadline=None)
def test_rings_are_the_first_failures_and_bars_the_training(found):
    rows = [
        (*key, s, n) for key, own in found.items() for s, n in enumerate(own)
    ]
    others = [("anbncn", "today", 0, 20.0), ("anbn", "today, longer", 0, 30.0)]
    ax = draw(plot_first_failures, counted([*rows, *others]))
    shown = {}
    for bar, rings in zip(ax.lines[::2], ax.lines[1::2]):
        (most,), (y,) = bar.get_data()
        away = rings.get_ydata() - y
        assert abs(away.mean()) < 1e-9 and np.abs(away).max() < 0.31
        shown[round(-y)] = most, rings.get_xdata().tolist()
    order = sorted(found, key=lambda k: (k[0], [*COUNTERS].index(k[1])))
    left = ax.get_xlim()[0]
    assert shown == {
        place: (
            10 if key[0] == "anbn" else 200,
            [left if n is None else n for n in found[key]],
        )
        for place, key in enumerate(order)
    }
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == [COUNTERS[method][0] for _, method in order]


def test_a_table_without_counters_is_refused():
    with pytest.raises(ValueError, match="a row named anbn or anbn-200"):
        plot_first_failures(counted([("anbncn", "today", 0, 20)]))
    with pytest.raises(ValueError, match="first, seed, settings is missing"):
        plot_first_failures(table([("anbn", "today", True, 1)]))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["reproduction", "lags", "counted"])
def test_figures_stay_legible_in_the_worst_case(name, style, monkeypatch):
    trials = [
        (row, m, n > 0, PUBLISHED[row].sequences // k)
        for row in PUBLISHED
        for m, k in (("1997", 1), ("today", 8))
        for n in range(20)
    ]
    trials += [(f"lag-{lag}", m, True, 1) for lag in LAGS for m in STARTS]
    rows = [
        (row, method, seed, 1001 if seed % 2 else None)
        for row in ("anbn", "anbn-200")
        for method in COUNTERS
        for seed in range(10)
    ]
    frame = pd.concat([table(trials), counted(rows)])
    monkeypatch.setattr(layouts, "recorded_trials", lambda: frame)
    with plt.style.context(f"memnets.plots.styles.{style}"):
        figure = draw_figure(name)
    check_legible(figure, smallest=SMALLEST[style])
    assert len({ax.get_xlim() for ax in figure.axes}) == 1


def test_figures_show_the_table_of_the_project():
    trials = recorded_trials()
    shown = [
        mark for ax in draw_figure("reproduction").axes for mark in marks(ax)
    ]
    own = trials[trials["method"].isin(COLORS) & trials["row"].isin(PUBLISHED)]
    assert len(shown) == len(own.groupby(["row", "method"])) > 0
    ever = own.groupby(["row", "method"])["solved"].all()
    assert sum(mark[3] for mark in shown) == ever.sum()


def answer(weights, symbols):
    """Return the outputs of an LSTM with a softmax after each symbol."""
    kernel, recurrent, bias, read, shift = map(np.float64, weights)
    h = c = np.zeros((len(symbols), len(recurrent)))
    outputs = []
    for now in symbols.T:
        given = np.where(now[:, None] < 0, 0, kernel[now])
        i, f, g, o = np.split(given + h @ recurrent + bias, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        power = np.exp(h @ read + shift)
        outputs.append(power / power.sum(axis=1, keepdims=True))
    return np.stack(outputs, axis=1)


def test_a_course_is_that_of_the_trial_with_its_last_weights():
    task, rule = (
        LongLagTrigger(timesteps=20, lag=4, symbols=3),
        Streak(100, 200),
    )
    method = Modern("categorical_crossentropy", 20, units=4, batch_size=8)
    course = method.train(task, rule, 20_000, 3)
    (trial,) = method.trials(task, rule, 20_000, [3])
    assert course.trial[:3] == trial[:3] and trial.verdict.wrong == 0
    assert len(course.correct) == len(course.errors) == trial.sequences
    # The first batch was answered by the initial weights.
    first = rule.stream(task, 3)(0, 32 * 8)
    step = np.arange(8), first.weights[:8].argmax(axis=1)
    outputs = answer(method.weights(task, 3), first.inputs[:8])
    missed = np.abs(outputs[step] - first.targets[:8][step])
    np.testing.assert_allclose(course.errors[:8], missed.mean(-1), atol=1e-5)
    # The last weights, and not the first, answer fresh sequences.
    fresh = task.sample(500, np.random.default_rng(0))
    shares = [
        task.correct(np.float32(answer(weights, fresh.inputs)), fresh).mean()
        for weights in (method.weights(task, 3), course.weights)
    ]
    assert shares[0] == 0 and shares[1] > 0.97


def test_a_course_without_an_end_has_no_verdict():
    task = LongLagTrigger(timesteps=20, lag=4, symbols=3)
    method = Modern("categorical_crossentropy", 20, units=4, batch_size=8)
    course = method.train(task, Streak(100, 200), 64, 0)
    assert course.trial.verdict is None and course.trial.sequences == 64
    assert len(course.correct) == 64 and not course.correct.all()
