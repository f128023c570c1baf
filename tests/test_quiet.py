"""How TensorFlow is imported."""

import os
import subprocess
import sys

import pytest

CODE = """
from memnets.quiet import import_tensorflow
import_tensorflow()
import os, tensorflow as tf
tf.zeros(1)
print(tf.config.threading.get_intra_op_parallelism_threads(), end=" ")
print(os.environ["TF_NUM_INTRAOP_THREADS"])
"""


@pytest.mark.parametrize("given", [None, "3"])
def test_operations_have_one_thread_unless_the_user_says_otherwise(given):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("TF_NUM_INTRAOP_THREADS", None)
    if given:
        environment["TF_NUM_INTRAOP_THREADS"] = given
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.split()[-1] == (given or "1"), done.stderr
    assert done.stderr == ""
