"""The results of the classic experiments as a page of text."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from memnets.experiments.rhythms import LONGER, STREAMS
from memnets.records.classics import SCHEMA
from memnets.records.files import replacing
from memnets.records.tables import results
from memnets.reproduction import recorded
from memnets.reproduction.row import SIMPLE, Row
from memnets.reproduction.rows import ROWS
from memnets.reproduction.summary import Summary, interval, summarise
from memnets.reproduction.trials import key_of

TEMPLATE = pathlib.Path(__file__).with_name("page.md")
Summaries = dict[tuple[str, str], Summary]


def save_page(table: str | os.PathLike, path: str | os.PathLike) -> None:
    """Write the page of a table of trials.

    Args:
        table: The `.csv` file that `memnets reproduce` wrote.
        path: The `.md` file to write.
    """
    text = page(table)
    with replacing(pathlib.Path(path)) as temporary:
        pathlib.Path(temporary).write_text(text, encoding="utf-8")


def page(table: str | os.PathLike) -> str:
    """Return the page of a table of trials."""
    frame = results(table, SCHEMA)
    # Trials with other settings than the catalogue's are left out.
    known = [
        row in ROWS
        and method in ROWS[row].attempts
        and SCHEMA.key_of(own) == key_of(row, method, own["seed"])
        for own in frame.to_dict("records")
        for row, method in [(own["row"], own["method"])]
    ]
    frame = frame[np.array(known, bool)]
    found = summarise(frame)
    parts = {
        "trials": f"{len(frame):,}",
        "hours": f"{frame['seconds'].sum() / 3600:.1f}",
        "missing": _missing(found),
        "learning": _learning(found),
        "tests": _tests(found),
        "small": _small(found),
        "readings": _readings(found),
        "simple": _simple(found),
        "rtrl": _rtrl(found),
        "later": _later(found),
        "streams": f"{STREAMS}",
        "longer": f"{LONGER}",
        "rhythms": _table(
            ("task", "LSTM with peepholes", "LSTM without"), recorded.rhythms()
        ),
        "variants": _table(("cell", *recorded.TASKS), recorded.variants()),
        "reached": _reached(found),
    }
    return TEMPLATE.read_text(encoding="utf-8").format(**parts)


def _missing(found: Summaries) -> str:
    """Return what of the catalogue was not run, a line for each method."""
    lines: dict[str, list[str]] = {}
    for name, row in ROWS.items():
        for method, attempt in row.attempts.items():
            own = found.get((name, method))
            held = own.trials if own else 0
            if held < attempt.trials:
                part = f" (has {held} of {attempt.trials})" if held else ""
                lines.setdefault(method, []).append(f"{name}{part}")
    if not lines:
        return "Nothing: all trials of the catalogue are in the table."
    return "\n".join(f"- *{k}*: {', '.join(v)}" for k, v in lines.items())


def _of_1997() -> dict[str, Row]:
    return {k: row for k, row in ROWS.items() if row.published is not None}


def _learning(found: Summaries) -> str:
    """Return the table of the training sequences."""
    lines = []
    for name, row in _of_1997().items():
        said = row.published
        peers = "; ".join(f"{k}: {v}" for k, v in row.peers.items())
        lines.append(
            [
                f"{name}, {row.title}",
                f"{said.solved} % of {said.trials}; {said.sequences:,}",
                _cell(found.get((name, "1997"))),
                _cell(found.get((name, "today"))),
                peers or "-",
            ]
        )
    heads = "row", "published 1997", "as in 1997", "today's LSTM", "others"
    return _table(heads, lines)


def _tests(found: Summaries) -> str:
    """Return the table of the final tests."""
    lines = []
    methods = "1997", "today", "today, stricter stop"
    for name, row in _of_1997().items():
        if row.published.wrong is None:
            continue
        published = f"{row.published.wrong:g} of {row.published.tested:,}"
        own = [_wrong(found.get((name, method))) for method in methods]
        lines.append([name, published, *own])
    heads = (
        *("row", "published 1997", "as in 1997", "today's LSTM"),
        "today's LSTM, stricter stop",
    )
    return _table(heads, lines)


def _small(found: Summaries) -> str:
    """Return the table of today's LSTM at the size of 1997."""
    lines = []
    methods = "1997", "today", "today, 1997's size"
    for name, row in _of_1997().items():
        counts = [
            row.attempts[method].method.count_weights(row.task)
            for method in methods
        ]
        small = found.get((name, methods[-1]))
        lines.append(
            [
                name,
                *(f"{count:,}" for count in counts),
                _cell(small),
                _wrong(small),
            ]
        )
    heads = (
        *("row", "weights in 1997", "today's", "today's, small"),
        *("trials and sequences", "wrong in the test"),
    )
    return _table(heads, lines)


def _readings(found: Summaries) -> str:
    """Return the table of the other readings of the paper."""
    lines = [
        [name, method.removeprefix("1997, "), _cell(own), _wrong(own)]
        for (name, method), own in found.items()
        if method.startswith("1997, ")
    ]
    heads = "row", "what is different", "trials and sequences", "wrong"
    return _table(heads, lines)


def _simple(found: Summaries) -> str:
    """Return the table of the networks without gates."""
    lines = []
    for name, row in ROWS.items():
        own = [found.get((name, method)) for method in SIMPLE]
        if any(own):
            cap = row.attempts[SIMPLE[0]].cap
            lines.append([name, *map(_cell, own), f"{cap:,}"])
    heads = (
        *("row", "SimpleRNN, all of the gradient"),
        *("SimpleRNN, Elman's gradient", "cap"),
    )
    return _table(heads, lines)


def _rtrl(found: Summaries) -> str:
    """Return the table of real-time recurrent learning."""
    lines = []
    for name, attempt in ROWS["1"].attempts.items():
        own = found.get(("1", name))
        if name.startswith("RTRL") and own:
            cap = f"{attempt.cap:,}"
            lines.append([name, f"{own.weights:,}", _cell(own), cap])
    heads = "network", "weights", "trials and sequences", "cap"
    return _table(heads, lines) if lines else "Not run yet."


def _later(found: Summaries) -> str:
    """Return the tables of the rows without figures of 1997."""
    blocks = []
    for name, row in ROWS.items():
        own = {m: s for (k, m), s in found.items() if k == name}
        if row.published is None and own and row.measure:
            lines = [row.measure(m, s) for m, s in own.items()]
            blocks.append(f"### {row.title}\n\n{row.about}\n\n")
            blocks[-1] += _table(row.heads, lines)
    return "\n\n".join(blocks)


def _reached(found: Summaries) -> str:
    """Return a sentence on how many rows today's LSTM solves."""
    # Only rows of which all trials were run.
    rows = {
        name: row
        for name, row in _of_1997().items()
        if (name, "today") in found
        and found[name, "today"].trials >= row.attempts["today"].trials
    }
    own = {name: found[name, "today"] for name in rows}
    solved = [k for k in rows if own[k].solved == own[k].trials]
    fewer = [k for k in solved if own[k].mean < rows[k].published.sequences]
    rest = [name for name in rows if name not in fewer]
    return (
        f"Today's LSTM solves every trial in {len(solved)} of {len(rows)} "
        f"rows, and needs fewer sequences than published in {len(fewer)}"
        + (f" (not in {', '.join(rest)})" if rest else "")
        + "."
    )


def _cell(own: Summary | None) -> str:
    """Return trials and sequences of a method, with the interval."""
    if own is None:
        return "-"
    text = f"{own.solved} of {own.trials}"
    if not own.solved:
        return text
    low, high = own.sequences.min(), own.sequences.max()
    text += f"; {own.mean:,.0f}"
    between = interval(own.sequences)
    if between:
        text += f" [{between[0]:,.0f}, {between[1]:,.0f}]"
    median = np.median(own.sequences)
    return f"{text}; median {median:,.0f}, range {low:,.0f} to {high:,.0f}"


def _wrong(own: Summary | None) -> str:
    """Return the mean number of wrong test sequences, and the most."""
    if own is None:
        return "-"
    if not len(own.wrong):
        return f"none of {own.trials} ended"
    return f"{own.wrong.mean():.1f}, at most {own.wrong.max():.0f}"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
