"""The command `memnets playground`."""

from __future__ import annotations

import pathlib

from memnets.experiments.flags import check_writable
from memnets.records.run import Run

FLAGS = (
    (
        "--run",
        pathlib.Path,
        "runs of one's own (default: the lecture's networks, trained anew)",
    ),
    (
        "--checkpoints",
        int,
        "how often in a training weights are kept, with --run (default: 60)",
    ),
    ("--out", pathlib.Path, "the .html file (default: playground.html)"),
)


def save_playground(chosen) -> None:
    """Write a page in which trained networks answer in the browser.

    It is one file that makes no request.
    """
    from memnets.browser.page import playground

    out = getattr(chosen, "out", pathlib.Path("playground.html"))
    check_writable(out, ".html")
    options = {}
    if hasattr(chosen, "checkpoints"):
        if not hasattr(chosen, "run"):
            raise ValueError("--checkpoints needs the --run to show")
        options["checkpoints"] = chosen.checkpoints
    runs = [Run.load(path) for path in getattr(chosen, "run", [])]
    playground(runs or None, **options).save(out)
    print(f"the page is in {out}")
