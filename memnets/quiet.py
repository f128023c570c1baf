"""Import TensorFlow without its page of notices, and without detours."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator

# What TensorFlow and Keras import where it is installed, for converters and
# displays that no training needs.
DETOURS = ("IPython", "jax", "scipy")
# What they import for a user's own data and pictures.
COMPANIONS = ("matplotlib", "pandas", "sklearn")


def import_tensorflow(alone: bool = False) -> None:
    """Import TensorFlow, its notices kept off stderr.

    At the start TensorFlow writes to file descriptor 2 itself, past Python
    and before its log levels take effect, so the descriptor is turned away
    for the import. Later it warns of each model that is asked for several
    batch sizes, which is no mistake here; its errors are still shown. An
    import that fails raises.

    Its operations get one thread each: shared among several, the small ones of
    recurrent networks take up to half as much CPU time again, and no less time
    on the clock, as measured on two cores with up to 128 units. `memnets` uses
    further cores for further seeds. Whoever has set `TF_NUM_INTRAOP_THREADS`,
    for larger networks, keeps it.

    Args:
        alone: Boolean, whether the process does nothing but train, so that
            Keras may do without what it needs for pictures and for a user's
            own data. Default: `False`.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    hidden = DETOURS + COMPANIONS if alone else DETOURS
    with _silence(), _hiding(hidden), _nothing_collected():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Turn file descriptor 2 away."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _hiding(packages: tuple[str, ...]) -> Iterator[None]:
    """Have packages look as if not installed, if not imported already."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from walking a million lasting objects."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
