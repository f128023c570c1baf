"""Where the recorded runs and results lie, in a clone and when installed."""

from __future__ import annotations

import pathlib


def data() -> pathlib.Path:
    """Return the folder of the recorded data.

    An installed package carries it inside; in a clone it lies beside the
    package.

    Raises:
        FileNotFoundError: If it is in neither place.
    """
    package = pathlib.Path(__file__).resolve().parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / "runs").is_dir():
            return folder
    raise FileNotFoundError(
        f"the recorded runs are not beside {package}; install memnets with its "
        f"data or work in a clone"
    )


def run(name: str) -> pathlib.Path:
    """Return the path of a recorded run."""
    return data() / "runs" / f"{name}.npz"
