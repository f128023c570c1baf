"""The command `memnets reproduce`."""

from __future__ import annotations

import pathlib

from memnets.experiments.flags import (
    DASK,
    REDO,
    check_writable,
    kept_results,
    workers_of,
)

FLAGS = (
    ("names", str, "rows, such as 2a or 6 (default: all); see --list"),
    (
        "--methods",
        str,
        "ways of training, such as 1997 or today (default: all)",
    ),
    ("--trials", int, "trials of each (default: as many as in the paper)"),
    ("--workers", int, "how many threads train (default: one a core)"),
    DASK,
    REDO,
    ("--list", bool, "list the rows and their methods, and run nothing"),
    ("--out", pathlib.Path, "the .csv file (default: reproduction.csv)"),
    ("--page", pathlib.Path, "a .md file for all results of the .csv file"),
)


def reproduce(chosen) -> None:
    """Repeat the classic experiments at full scale, by their own criteria.

    A row is written as soon as its trial ends; the same command goes on where
    it was stopped.
    """
    from memnets.reproduction import summary, trials

    methods = getattr(chosen, "methods", ())
    if chosen.list:
        for row, method in trials.choose(chosen.names, methods):
            print(f"{row:14} {method:44} {trials.ROWS[row].title}")
        return
    out = getattr(chosen, "out", pathlib.Path("reproduction.csv"))
    check_writable(out, ".csv")
    if hasattr(chosen, "page"):
        check_writable(chosen.page, ".md", flag="--page")
    arguments = {"methods": methods, "trials": getattr(chosen, "trials", None)}
    trials.choose(chosen.names, methods)
    with workers_of(chosen) as workers, kept_results(out, "trials"):
        frame = trials.reproduce(
            out, chosen.names, redo=chosen.redo, **arguments, **workers
        )
    print(summary.as_text(frame))
    print(f"a row for each trial is in {out}")
    if hasattr(chosen, "page"):
        from memnets.reproduction.page import save_page

        save_page(out, chosen.page)
