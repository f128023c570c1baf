"""A vector of lanes computes what NumPy computes, in every lane by itself."""

import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from memnets.training.kernels import lanes
from memnets.training.kernels.lanes import FAST, ONE, ZERO, Lanes, f4

pytestmark = pytest.mark.versions

WIDTHS = [Lanes((8,)), Lanes((16,)), Lanes((16, 8)), Lanes((8, 8))]


@njit(**FAST)
def compute(kind, buffer, results):
    """Each operation once, for vectors a, b and c of the buffer."""
    here = lanes.rows(kind, buffer, 0, (3,))
    out = lanes.rows(kind, results, 0, (14,))
    a, b, c = here[0, 0], here[0, 1], here[0, 2]
    out[0, 0], out[0, 1] = a + b, a - b
    out[0, 2], out[0, 3] = a * b, a / b
    out[0, 4], out[0, 5] = lanes.fma(a, b, c), lanes.fma(f4(0.1), b, c)
    out[0, 6], out[0, 7] = lanes.tanh(a), lanes.sigmoid(a)
    out[0, 8], out[0, 9] = lanes.exp(a), lanes.larger(a, b)
    out[0, 10], out[0, 11] = lanes.sqrt(b * b), ONE - a
    out[0, 12], out[0, 13] = lanes.where(c, a, b), lanes.clip(a, -ONE, ONE)
    return lanes.total(a), lanes.total(lanes.where(c, a, ZERO))


def wanted(a, b, c):
    """What NumPy makes of the same numbers, in float64 where it rounds once."""
    wide = [x.astype(np.float64) for x in (a, b, c)]
    return [
        *(a + b, a - b, a * b, a / b),
        (wide[0] * wide[1] + wide[2]).astype(f4),
        (np.float64(f4(0.1)) * wide[1] + wide[2]).astype(f4),
        np.tanh(a),
        1 / (1 + np.exp(-a)),
        *(np.exp(a), np.maximum(a, b), np.sqrt(b * b), 1 - a),
        *(np.where(c > 0, a, b), np.clip(a, -1, 1)),
    ]


@pytest.mark.parametrize("kind", WIDTHS, ids=str)
def test_every_operation_is_numpys(kind):
    count, rng = len(kind), np.random.default_rng(3)
    for scale in (0.01, 1, 30):
        a, b, c = rng.normal(0, scale, (3, count)).astype(f4)
        results = np.zeros(14 * count, f4)
        whole, some = compute(kind, np.ravel([a, b, c]), results)
        for k, (mine, its) in enumerate(
            zip(results.reshape(14, count), wanted(a, b, c))
        ):
            exact = k not in (6, 7, 8)
            np.testing.assert_allclose(
                mine, its, rtol=0 if exact else 4e-7, atol=2e-7 * (not exact)
            )
        np.testing.assert_allclose(whole, a.sum(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(some, a[c > 0].sum(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", WIDTHS, ids=str)
def test_a_lane_that_is_not_a_number_stays_alone(kind):
    count = len(kind)
    numbers = np.ones((3, count), f4)
    numbers[:2, 3] = np.nan
    numbers[2, 3] = -1  # left out of the second sum
    results = np.zeros(14 * count, f4)
    whole, some = compute(kind, numbers.ravel(), results)
    bad = np.isnan(results.reshape(14, count))
    assert bad[:, 3].all() and not np.delete(bad, 3, axis=1).any()
    assert np.isnan(whole) and some == count - 1


def test_the_sum_over_lanes_has_one_order():
    """Sums of eights, then halves, whatever the parts are."""
    rng = np.random.default_rng(1)
    a = rng.normal(0, 1, 16).astype(f4)
    eight = a[:8] + a[8:]
    four = eight[:4] + eight[4:]
    two = four[:2] + four[2:]
    buffer = np.ravel([a, a, a])
    for kind in (Lanes((16,)), Lanes((8, 8))):
        assert (
            compute(kind, buffer, np.zeros(14 * 16, f4))[0] == two[0] + two[1]
        )


def test_a_kernel_is_compiled_uncached_where_no_folder_can_be_written():
    """Numba refuses to cache what is not in a file that it can find."""
    code = (
        "from memnets.training.kernels.lanes import cached\n"
        "exec('def twice(x): return 2 * x')\n"
        "assert cached(twice)(21) == 42"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
