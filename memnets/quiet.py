"""Import TensorFlow without the page of notices it prints."""

from __future__ import annotations

import logging
import os
import sys


def import_tensorflow() -> None:
    """Import TensorFlow, its notices kept off stderr.

    At the start TensorFlow writes to file descriptor 2 itself, past Python
    and before its log levels take effect, so the descriptor is turned away
    for the import. Later it warns of each model that is asked for several
    batch sizes, which is no mistake here; its errors are still shown. An
    import that fails raises.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
