"""Settings that every test shares."""

import os

# Before TensorFlow and matplotlib are imported, here and in subprocesses.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As `memnets.quiet.import_tensorflow` has it.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ["MPLBACKEND"] = "agg"

import hypothesis

# A test that fails must fail again, and a slow machine is no failure.
hypothesis.settings.register_profile(
    "memnets", deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("memnets")
