"""Settings that every test shares."""

import os

# Before matplotlib is imported, here and in subprocesses.
os.environ["MPLBACKEND"] = "agg"

import hypothesis
import pytest

import memnets  # noqa: F401  It sets what TensorFlow reads at its import.

# A test that fails must fail again, and a slow machine is no failure.
hypothesis.settings.register_profile(
    "memnets", deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("memnets")


@pytest.fixture
def settings_stay():
    """Fail a test that changes settings or leaves a figure open."""
    import matplotlib
    import matplotlib.pyplot as plt

    before = matplotlib.rcParams.copy()
    yield
    assert matplotlib.rcParams == before
    assert not plt.get_fignums(), "a figure stayed open"
