"""Flags of the command line, and what commands share."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

from memnets.experiments.cluster import dask_executor

METAVARS = {int: "N", float: "X", str: "NAME", pathlib.Path: "PATH"}
DASK = ("--dask", str, "the address of a Dask scheduler that does the work")
REDO = ("--redo", bool, "run anew what the file holds already")
WORKERS = ("--workers", int, "how many at a time (default: all that pay off)")


def add_flags(
    parser, flags, lists=("--cells", "--format", "--tell", "--ask")
) -> None:
    """Add flags; one that is not given is not set."""
    for flag, kind, text in flags:
        if kind is bool:
            parser.add_argument(flag, action="store_true", help=text)
            continue
        options = {"type": kind, "metavar": METAVARS[kind], "help": text}
        if flag == "names":
            parser.add_argument(flag, nargs="*", **options)
            continue
        if flag in lists:
            options["nargs"] = "+"
        if flag == "--vary":
            options |= {"action": "append", "metavar": "FIELD=X,Y"}
        parser.add_argument(flag, default=argparse.SUPPRESS, **options)


def check_writable(
    path: pathlib.Path, *endings: str, flag: str = "--out"
) -> None:
    """Refuse a file that could not be written after the training."""
    if path.suffix not in endings:
        raise ValueError(
            f"{flag} must end in {' or '.join(endings)}, got {path}"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{flag} must name a file in a folder, got {path}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError:
        raise ValueError(
            f"{flag} must be in a folder that can be written to, got {path}"
        ) from None


@contextlib.contextmanager
def workers_of(chosen) -> Iterator[dict[str, object]]:
    """Yield the arguments that say who does the work."""
    if not hasattr(chosen, "dask"):
        workers = getattr(chosen, "workers", None)
        yield {"workers": workers, "executor": None}
        return
    with dask_executor(chosen.dask) as (executor, workers):
        yield {"workers": workers, "executor": executor}


@contextlib.contextmanager
def kept_results(out, what: str) -> Iterator[None]:
    """After an interrupt, say where the results so far are."""
    try:
        yield
    except KeyboardInterrupt:
        kept = f"the {what} that ended are in {out}" if out.exists() else ""
        raise KeyboardInterrupt(kept) from None
