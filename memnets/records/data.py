"""Where the recorded data lie, in a clone and when installed."""

from __future__ import annotations

import os
import pathlib

from memnets.records.ensemble import Ensemble
from memnets.records.files import Record, read
from memnets.records.gradients import GradientStudy
from memnets.records.run import Run
from memnets.records.trace import NetworkTrace

KINDS = (Run, Ensemble, NetworkTrace, GradientStudy)


def folder() -> pathlib.Path:
    """Return the folder of the recorded data.

    An installed package carries it inside; in a clone it lies beside the
    package.

    Raises:
        FileNotFoundError: If it is in neither place.
    """
    package = pathlib.Path(__file__).resolve().parent.parent
    for found in (package / "data", package.parent / "data"):
        if (found / "runs").is_dir():
            return found
    raise FileNotFoundError(
        f"the recorded runs are not beside {package}; install memnets with its "
        f"data or work in a clone"
    )


def load(path: str | os.PathLike) -> Record:
    """Read a record of any kind; its file says which one it is.

    Args:
        path: The `.npz` file.

    Returns:
        A `Run`, `Ensemble`, `NetworkTrace` or `GradientStudy`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or no record of memnets.
    """
    return read(path, KINDS)


def recorded(name: str) -> Record:
    """Read what is recorded under a name; `memnets list` shows the names.

    Args:
        name: String, such as `"recall_mastered"`.

    Raises:
        ValueError: If its file is damaged.
        FileNotFoundError: If nothing has that name.
    """
    runs = folder() / "runs"
    path = runs / f"{name}.npz"
    if not path.exists():
        there = sorted(found.stem for found in runs.glob("*.npz"))
        raise FileNotFoundError(
            f"the recording {name} is missing, of those there are "
            f"{', '.join(there)}; `memnets record {name}` or `make figures "
            f"RETRAIN=1` makes what the figures need"
        )
    return load(path)
