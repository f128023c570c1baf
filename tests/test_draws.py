"""Weights drawn by NumPy: the same bits everywhere, and rightly distributed."""

import functools
import hashlib
import importlib
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memnets import Countdown, Recall, recurrent
from memnets.networks import draws, initializers

pytestmark = pytest.mark.versions

RULES = {
    "uniform": draws.uniform,
    "normal": draws.normal,
    "truncated_normal": draws.truncated_normal,
    "he_normal": functools.partial(draws.variance_scaling, scale=2.0),
    "glorot_uniform": draws.glorot_uniform,
    "orthogonal": draws.orthogonal,
    "chrono": functools.partial(draws.chrono, longest=500),
}
# What 40 x 70 draws of seed 5 hash to, and the first of them. These numbers
# hold for every version of NumPy and every processor.
RECORDED = {
    "uniform": ("b28df111d1515556", -0.018381241708993912),
    "normal": ("b99712f013df91a2", -0.09203578531742096),
    "truncated_normal": ("32752a095b60ec58", -0.09203578531742096),
    "he_normal": ("94964f7b412125b0", -0.4679223895072937),
    "glorot_uniform": ("90b3c840073d6aaa", -0.08585866540670395),
    "orthogonal": ("affef4c1c70de791", -0.2480778694152832),
    "chrono": ("cb8240c371a2f131", 5.065511226654053),
}
every_rule = pytest.mark.parametrize("name", RULES)


def drawn(name, shape=(40, 70), seed=5):
    return RULES[name](shape, draws.stream(seed, shape))


def digest(array):
    return hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()[:16]


@every_rule
def test_a_seed_draws_the_recorded_bits(name):
    found = drawn(name)
    assert found.dtype == np.float32 and found.shape == (40, 70)
    assert (digest(found), float(found[0, 0])) == RECORDED[name]


@every_rule
def test_a_seed_and_a_shape_decide_what_is_drawn(name):
    one, again = drawn(name), drawn(name)
    np.testing.assert_array_equal(one, again)
    assert (one != drawn(name, seed=6)).all()
    # Another shape has another stream, not the beginning of the same one.
    assert one[0, 0] != drawn(name, (40, 71))[0, 0]


UMATH = "numpy._core._multiarray_umath"
if np.lib.NumpyVersion(np.__version__) < "2.0.0":
    UMATH = "numpy.core._multiarray_umath"
NAMES = ("glorot_uniform", "truncated_normal", "orthogonal")


def test_a_processor_without_wide_vectors_draws_the_same_bits():
    """The other process says which of them NumPy still uses: none."""
    code = f"""
import hashlib
import numpy as np
from {UMATH} import __cpu_dispatch__, __cpu_features__
from memnets.networks import draws
print(*[name for name in __cpu_dispatch__ if __cpu_features__[name]])
for name in {NAMES}:
    found = getattr(draws, name)((40, 70), draws.stream(5, (40, 70)))
    print(hashlib.sha256(found.astype("<f4").tobytes()).hexdigest()[:16])
"""
    dispatch = importlib.import_module(UMATH).__cpu_dispatch__
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(dispatch)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr
    used, *found = told.stdout.splitlines()
    assert not used
    assert found == [RECORDED[name][0] for name in NAMES]


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(*[st.integers(1, 5)] * 3),
    ),
    st.integers(0, 2**32),
    st.sampled_from([1.0, 0.5, -2.0]),
)
def test_an_orthogonal_matrix_is_orthogonal(shape, seed, gain):
    found = draws.orthogonal(shape, draws.stream(seed, shape), gain)
    assert found.shape == shape and found.dtype == np.float32
    assert found.flags.c_contiguous
    assert_orthogonal(found.reshape(-1, shape[-1]) / np.float32(gain))


@pytest.mark.parametrize("shape", [(512, 2048), (600, 100), (256, 256)])
def test_a_large_orthogonal_matrix_is_orthogonal(shape):
    assert_orthogonal(draws.orthogonal(shape, draws.stream(1, shape)))


def assert_orthogonal(matrix):
    matrix = matrix.astype(np.float64)
    if len(matrix) > len(matrix.T):
        matrix = matrix.T
    product = matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(matrix)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3), (3, 2)])
def test_all_orthogonal_matrices_are_equally_likely(shape):
    """Moments of the entries, which the Haar measure fixes: 0, 1/3, 1/5.

    Any rotation must also turn them into each other: the trace of a square
    matrix has the mean 0 and the variance 1, and reflections are half of all.
    """
    rng = draws.stream(2, shape)
    found = np.array([draws.orthogonal(shape, rng) for _ in range(4000)])
    error = 4 / np.sqrt(len(found))
    np.testing.assert_allclose(found.mean(0), 0, atol=0.58 * error)
    np.testing.assert_allclose((found**2).mean(0), 1 / 3, atol=0.3 * error)
    np.testing.assert_allclose((found**4).mean(0), 1 / 5, atol=0.3 * error)
    if shape == (3, 3):
        trace = found.trace(axis1=1, axis2=2)
        assert abs(trace.mean()) < error and abs(trace.var() - 1) < 2 * error
        assert abs((np.linalg.det(found) > 0).mean() - 0.5) < 0.5 * error


def test_normal_draws_are_normal():
    count = 200_000
    rng = draws.stream(3, (count,))
    found = np.sort(draws.normal((count,), rng, mean=1.0, stddev=2.0))
    share = np.arange(1, count + 1) / count
    cumulated = [(1 + math.erf(z / math.sqrt(2))) / 2 for z in (found - 1) / 2]
    # Kolmogorov and Smirnov: exceeded in one of a hundred draws.
    assert np.abs(cumulated - share).max() < 1.6 / math.sqrt(count)
    # Neighbours are drawn as a pair: neither their signs nor their sizes agree.
    found = draws.normal((count // 2, 2), rng, stddev=1.0).T
    for power in (1, 2):
        assert abs(np.corrcoef(*found**power)[0, 1]) < 0.015


def test_truncated_draws_end_at_two_deviations():
    found = draws.truncated_normal((99_999,), draws.stream(3, (1,)), 1.0, 0.5)
    assert 1.99 < found.max() <= 2 and 0 <= found.min() < 0.01
    assert abs(found.mean() - 1) < 0.005
    assert abs(found.std() / 0.5 - 0.8796) < 0.005


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_as_exact_as_pythons(x):
    found = draws._log(np.array([x]))[0]
    assert abs(found - math.log(x)) <= 4e-16 * max(abs(math.log(x)), 1e-300)


def test_the_logarithm_of_one_is_zero():
    assert draws._log(np.ones(1))[0] == 0


def test_the_seeds_of_a_layer_do_not_depend_on_those_after_it():
    drawn = np.random.SeedSequence(7).generate_state(6).tolist()
    seeds = draws.layer_seeds(7, 3)
    assert [seed for pair in seeds for seed in pair] == drawn
    assert draws.layer_seeds(7, 1) == seeds[:1]
    assert draws.layer_seeds(np.int64(7), 0) == []


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn", "elman"])
@pytest.mark.parametrize(
    ("task", "units", "readout"),
    [
        (Recall(), (5, 2), None),
        (Recall(), (4, 7, 3), "dense"),
        (Countdown(), (1,), "dense"),
    ],
)
def test_initial_weights_are_those_of_keras_networks(
    cell, task, units, readout
):
    network = recurrent(task, cell, units, readout, seed=11).get_weights()
    channels, outputs = len(task.inputs), len(task.outputs)
    found = draws.initial_weights(channels, units, outputs, readout, 11, cell)
    for one, other in zip(found, network, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tobytes() == other.tobytes()


KERAS = {
    "GlorotNormal": {},
    "GlorotUniform": {},
    "HeNormal": {},
    "HeUniform": {},
    "LecunNormal": {},
    "LecunUniform": {},
    "Orthogonal": {"gain": 0.5},
    "RandomNormal": {"mean": 1.0, "stddev": 0.2},
    "RandomUniform": {"minval": 1.0, "maxval": 3.0},
    "TruncatedNormal": {"mean": -1.0},
    "VarianceScaling": {"mode": "fan_out", "distribution": "uniform"},
}


@pytest.mark.parametrize("name", KERAS)
@pytest.mark.parametrize("shape", [(300, 200), (5, 30, 200)])
def test_a_twin_has_the_distribution_of_its_keras_initializer(name, shape):
    kind = getattr(keras.initializers, name)
    twin = initializers.seeded(kind(**KERAS[name]), seed=3)
    found = np.sort(np.asarray(twin(shape)), axis=None)
    wanted = np.asarray(kind(**KERAS[name], seed=1)(shape))
    wanted = np.sort(wanted, axis=None)
    # The distance of Kolmogorov and Smirnov between two samples, which 0.015
    # exceeds with a probability of 3e-6 where the distributions are the same.
    below = np.searchsorted(wanted, found) - np.arange(found.size)
    assert np.abs(below).max() / found.size < 0.015


@pytest.mark.parametrize("name", KERAS)
def test_a_seed_of_ones_own_is_kept(name):
    kind = getattr(keras.initializers, name)
    generator = keras.random.SeedGenerator(1)
    for seed in (0, 7, generator):
        assert initializers.seeded(kind(**KERAS[name], seed=seed), 3) is None
    twin = initializers.seeded(kind(**KERAS[name]), 3)
    assert twin.redraw and twin.seed == 3
    again = initializers.seeded(twin, 4)
    assert type(again) is type(twin) and again.seed == 4
    expected = {**twin.get_config(), "seed": 4}
    assert again.get_config() == expected
    own = type(twin)(**{**expected, "redraw": False})
    assert initializers.seeded(own, 5) is None


class Doubled(keras.initializers.Orthogonal):
    """A user's own initializer, of which nothing is known here."""


@pytest.mark.parametrize(
    "initializer",
    [
        keras.initializers.Zeros(),
        keras.initializers.Constant(2),
        keras.initializers.Identity(),
        Doubled(),
        lambda shape, dtype: None,
        None,
    ],
)
def test_what_is_no_random_initializer_of_keras_has_no_twin(initializer):
    assert initializers.seeded(initializer, 3) is None


@pytest.mark.parametrize(
    "initializer",
    [
        initializers.VarianceScaling(2, "fan_out", "uniform", seed=3),
        initializers.GlorotUniform(3),
        initializers.Orthogonal(1.5, seed=3, redraw=True),
        initializers.RandomUniform(-1, 1, seed=3),
        initializers.RandomNormal(1, 2, seed=3),
        initializers.TruncatedNormal(1, 2, seed=3),
    ],
    ids=lambda initializer: type(initializer).__name__,
)
def test_an_initializer_is_saved_and_loaded(initializer, tmp_path):
    dense = keras.layers.Dense(3, kernel_initializer=initializer)
    model = keras.Sequential([keras.Input((2,)), dense])
    model.save(tmp_path / "model.keras")
    path = tmp_path / "model.keras"
    loaded = keras.models.load_model(path, safe_mode=True)
    found = loaded.layers[0].kernel_initializer
    assert type(found) is type(initializer)
    assert found.get_config() == initializer.get_config()
    kernel = model.get_weights()[0]
    np.testing.assert_array_equal(found((2, 3)), kernel)
    np.testing.assert_array_equal(initializer((2, 3)), kernel)
    name = keras.saving.get_registered_name(type(initializer))
    assert name == f"memnets>{type(initializer).__name__}"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_an_initializer_draws_in_any_precision(dtype):
    initializer = initializers.Orthogonal(seed=1)
    found = initializer((4, 4), dtype=dtype)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    rounded = keras.ops.cast(initializer((4, 4)), dtype)
    np.testing.assert_array_equal(found, rounded)


RNG = np.random.default_rng(0)
WEIGHTS = {"channels": 3, "units": (5,), "outputs": 2, "readout": None}


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: draws.uniform(3, RNG), TypeError, "shape .* 3"),
        (lambda: draws.uniform((0, 2), RNG), ValueError, "shape .* got 0"),
        (lambda: draws.uniform((2,), RNG, "1"), TypeError, "minval .* '1'"),
        (lambda: draws.normal((2,), RNG, 0, -1), ValueError, "stddev .* -1"),
        (
            lambda: draws.normal((2,), RNG, float("nan")),
            ValueError,
            "mean .* nan",
        ),
        (
            lambda: draws.variance_scaling((2,), RNG, 0),
            ValueError,
            "scale .* above 0, got 0",
        ),
        (
            lambda: draws.variance_scaling((2,), RNG, mode="fan"),
            ValueError,
            "mode .* fan_in.*'fan'",
        ),
        (
            lambda: initializers.VarianceScaling(distribution="n", seed=1),
            ValueError,
            "distribution .* uniform.*'n'",
        ),
        (lambda: draws.orthogonal((3,), RNG), ValueError, r"shape .* \(3,\)"),
        (
            lambda: draws.orthogonal((3, 3), RNG, None),
            TypeError,
            "gain .* None",
        ),
        (lambda: draws.chrono((3,), RNG, 1), ValueError, "longest .* 1"),
        (lambda: draws.layer_seeds(-1, 2), ValueError, "seed .* -1"),
        (lambda: draws.layer_seeds(1, 2.0), TypeError, "layers .* 2.0"),
        (lambda: draws.stream(None, (2,)), TypeError, "seed .* None"),
        (
            lambda: draws.initial_weights(**WEIGHTS, seed=1, cell="min_gru"),
            ValueError,
            "cell .* 'min_gru'",
        ),
        (
            lambda: draws.initial_weights(3, 5, 2, None, 1),
            TypeError,
            "units .* 5",
        ),
        (
            lambda: draws.initial_weights(3, (5, 0), 2, None, 1),
            ValueError,
            "units .* 0",
        ),
        (
            lambda: draws.initial_weights(3, (5,), 2, "tanh", 1),
            ValueError,
            "readout .* 'tanh'",
        ),
        (lambda: initializers.GlorotUniform(-1), ValueError, "seed .* -1"),
        (lambda: initializers.GlorotUniform(None), TypeError, "seed .* None"),
        (
            lambda: initializers.Orthogonal(seed=1, redraw=1),
            TypeError,
            "redraw .* 1",
        ),
        (
            lambda: initializers.RandomNormal(0, -1, seed=1),
            ValueError,
            "stddev .* -1",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
