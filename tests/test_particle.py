"""The hidden particle: its physics, its Bayes optimum, and the probes."""

import dataclasses
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memnets import Experiment, Recording, Run, recorded, results
from memnets.experiments.catalogue import find
from memnets.plots import particle as plots
from memnets.records import data
from memnets.records.probes import LEVELS, Responses, paths, probe_batch
from memnets.tasks import HiddenParticle, ParticleForecast
from memnets.tasks.particle import (
    SYSTEMS,
    Oscillators,
    best_guess,
    from_acceleration,
)

BOTH = pytest.mark.parametrize("particles", [2, 3])
TASKS = [
    HiddenParticle(),
    HiddenParticle(particles=3),
    HiddenParticle(timesteps=12),
    HiddenParticle(reminder=True),
    ParticleForecast(),
    ParticleForecast(timesteps=31, particles=3),
    ParticleForecast(reminder=True),
]


def rng(seed=0):
    return np.random.default_rng(seed)


def forces(positions, particles):
    """Newton's second law, spring by spring."""
    springs, couplings, masses = SYSTEMS[particles]
    found = [-springs[0] * positions[0]]
    for k in range(1, particles):
        pull = couplings[k] * (positions[k] - positions[0])
        found[0] += pull
        found.append(-springs[k] * positions[k] - pull)
    return np.array([force / m for force, m in zip(found, masses)])


def integrate(state, steps, particles, pieces=50, driven=None):
    """Integrate the motion by Runge and Kutta's method, in small steps."""
    found, small = [], 0.5 / pieces

    def change(state):
        return np.concatenate(
            [state[particles:], forces(state[:particles], particles)]
        )

    for t in range(steps):
        for _ in range(pieces):
            if driven is not None:
                state[0], state[particles] = driven[t], 0
            first = change(state)
            second = change(state + small / 2 * first)
            third = change(state + small / 2 * second)
            fourth = change(state + small * third)
            mean = (first + 2 * second + 2 * third + fourth) / 6
            state = state + small * mean
        found.append(state[:particles].copy())
    return np.array(found)


@BOTH
def test_sequences_obey_newton(particles):
    task = HiddenParticle(particles=particles)
    batch = task.sample(20, rng(3))
    start = rng(3).standard_normal((2 * particles, 1, 20, 1))[:, 0, :, 0]
    motion = integrate(start, 60, particles)
    np.testing.assert_allclose(batch.inputs[..., 0].T, motion[:, 0], atol=1e-4)
    np.testing.assert_allclose(batch.targets[..., 0].T, motion[:, 1], atol=1e-4)
    forecast = ParticleForecast(particles=particles).sample(20, rng(3))
    np.testing.assert_array_equal(forecast.targets, batch.inputs)
    np.testing.assert_array_equal(forecast.inputs[:, :30], batch.inputs[:, :30])
    assert not forecast.inputs[:, 30:].any()


def test_the_periods_are_those_of_the_normal_modes():
    for particles, periods in ((2, (11.13, 35.47)), (3, (4.76, 14.13, 25.13))):
        rates = np.linalg.eigvals(Oscillators.of(particles).equations())
        assert np.abs(rates.real).max() < 1e-12  # nothing is lost
        found = sorted(2 * np.pi / rate for rate in rates.imag if rate > 0)
        np.testing.assert_allclose(found, periods, atol=0.005)


def rows(particles):
    """What each initial value adds to x0 and to x1, by the eigenvectors."""
    rates, modes = np.linalg.eig(Oscillators.of(particles).equations())
    found = [
        (modes * np.exp(rates * 0.5 * (t + 1)) @ np.linalg.inv(modes)).real
        for t in range(60)
    ]
    return np.array(found)[:, :2].transpose(1, 0, 2)


def conditional(seen, wanted):
    """Condition one normal variable on others: weights, and variance left."""
    weights = np.linalg.lstsq(seen.T, wanted, rcond=1e-9)[0]
    return weights, np.sum(np.square(wanted - seen.T @ weights))


@BOTH
def test_the_bayes_optimum_is_that_of_conditioned_normal_variables(particles):
    heavy, light = rows(particles)
    filtered = best_guess(particles, 60)
    left = [conditional(heavy[: t + 1], light[t])[1] for t in range(60)]
    np.testing.assert_allclose(filtered.variance, left, atol=1e-5)
    assert filtered.variance[2 * particles - 1 :].max() < 1e-5
    # While something is left to guess, the weights are unique.
    for t in range(2 * particles - 1):
        weights = conditional(heavy[: t + 1], light[t])[0]
        own = filtered.weights[: t + 1, t]
        np.testing.assert_allclose(own, weights, rtol=1e-3, atol=1e-3)
    assert not np.tril(filtered.weights, -1).any()  # nothing from the future


def test_landmarks_are_the_exact_numbers_of_the_lecture():
    wanted = {
        HiddenParticle(): (13.62, 4.67, 0.0513),
        HiddenParticle(particles=3): (8.64, 7.67, 0.1704),
        ParticleForecast(): (8.90, 4.175, 0),
    }
    for task, numbers in wanted.items():
        names = ("silent", "memoryless", "perfect")
        found = [task.landmarks[name] for name in names]
        np.testing.assert_allclose(found, numbers, rtol=1.1e-3, atol=1e-12)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_playing_reaches_the_landmarks(task):
    batch = task.sample(20_000, rng(1))
    own, targets = batch.inputs[..., :1], batch.targets
    players = {
        "silent": np.zeros_like(targets),
        "perfect": task.solve(batch.inputs),
    }
    if isinstance(task, HiddenParticle) and not task.reminder:
        slope = np.sum(own * targets) / np.sum(own * own)
        players["memoryless"] = slope * own
    elif not task.reminder:
        players["memoryless"] = own
    assert set(players) == set(task.landmarks)
    for name, played in players.items():
        error = np.square(played - targets).mean(axis=(1, 2))
        deviation = 5 * error.std() / math.sqrt(len(error)) + 1e-10
        assert abs(error.mean() - task.landmarks[name]) < deviation, name
    assert task.correct(players["perfect"], batch).all()


def test_no_other_linear_player_beats_the_optimum():
    """Fitted to all past inputs, and tried on other sequences."""
    task = HiddenParticle(timesteps=12, particles=3)
    learned, fresh = task.sample(20_000, rng(2)), task.sample(20_000, rng(3))
    best = np.square(task.solve(fresh.inputs) - fresh.targets).mean(axis=(0, 2))
    for t in range(5):
        past = learned.inputs[:, : t + 1, 0].astype(float)
        fitted = np.linalg.lstsq(past, learned.targets[:, t, 0], rcond=None)[0]
        answers = fresh.inputs[:, : t + 1, 0] @ fitted
        error = np.square(answers - fresh.targets[:, t, 0]).mean()
        assert best[t] <= error * 1.001
        assert error < best[t] * 1.01


@given(
    st.integers(12, 100),
    st.sampled_from([2, 3]),
    st.integers(0, 99),
    st.data(),
)
def test_any_length_is_predicted_from_its_first_half(steps, count, seed, data):
    task = ParticleForecast(steps, count)
    batch = task.sample(3, rng(seed))
    answers = task.solve(batch.inputs)
    assert task.correct(answers, batch).all()
    # The memory: what is seen moves later answers, of its own sequence only.
    step = data.draw(st.integers(0, task.seen - 1))
    changed = batch.inputs.copy()
    changed[1, step] += 1
    moved = task.solve(changed) != answers
    assert moved[1, task.seen :].any() and moved[1, step].all()
    assert not moved[[0, 2]].any() and not moved[1, :step].any()


def test_what_was_seen_moves_the_later_guess_of_its_own_sequence_only():
    task = HiddenParticle()
    inputs = task.sample(3, rng()).inputs
    changed = inputs.copy()
    changed[1, 20] += 1
    moved = np.abs(task.solve(changed) - task.solve(inputs))[..., 0] > 0
    assert not moved[[0, 2]].any() and not moved[1, :20].any()
    assert moved[1, 20:].all()


def test_a_reminder_makes_memory_unnecessary():
    """Each answer is a function of the inputs of its own step."""
    for kind in (HiddenParticle, ParticleForecast):
        for reminder in (True, False):
            task = kind(reminder=reminder)
            batch = task.sample(4000, rng(4))
            flat = batch.inputs.reshape(-1, len(task.inputs))
            target = batch.targets.reshape(-1)
            fitted = np.linalg.lstsq(flat, target, rcond=None)[0]
            played = (flat @ fitted).reshape(batch.targets.shape)
            share = task.correct(played, batch).mean()
            # A motion that hardly moves may be guessed without memory.
            assert share == 1 if reminder else share < 0.02


def test_a_sequence_is_correct_within_a_half_once_settled():
    task = HiddenParticle()
    batch = task.sample(1, rng())
    for step, error, right in (
        (9, 5.0, True),
        (10, 0.49, True),
        (10, 0.51, False),
        (59, -0.51, False),
        (59, math.nan, False),
    ):
        outputs = batch.targets.copy()
        outputs[0, step] += error
        assert task.correct(outputs, batch) == right
    early = ParticleForecast().sample(1, rng())
    outputs = early.targets.copy()
    outputs[0, 0] += 0.51
    assert not ParticleForecast().correct(outputs, early)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: HiddenParticle(11), ValueError, "timesteps.*at least 12.*11"),
        (lambda: HiddenParticle(particles=4), ValueError, "particles.*3.*4"),
        (lambda: ParticleForecast(particles=1), ValueError, "particles.*2.*1"),
        (lambda: HiddenParticle(reminder=1), TypeError, "reminder.*True.*1"),
        (
            lambda: HiddenParticle(particles=3, reminder=True),
            ValueError,
            "reminder must be False for 3 particles",
        ),
        (lambda: probe_batch(ParticleForecast()), TypeError, "^task.*Hidden"),
        (lambda: Responses.of_run(run_on(1)), ValueError, "^run.*probe_batch"),
        (lambda: plots.plot_motion(run_on(1), 1), ValueError, "^sequence.*1"),
        (lambda: plots.plot_motion(3), TypeError, "^run must be a Run"),
        (
            lambda: plots.plot_errors(recorded("recall_lecture")),
            ValueError,
            "^run must be of hidden-particle, got recall",
        ),
    ],
)
def test_bad_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def run_on(sequences):
    """A run without training, recorded on fresh sequences."""
    task = HiddenParticle()
    probe = task.sample(sequences, rng())
    settings = {"task": task.settings()}
    none = np.zeros(0, np.float32)
    outputs = np.zeros((1, *probe.targets.shape), np.float32)
    return Run(none, np.zeros(1, int), outputs, probe, settings=settings)


@BOTH
def test_the_driven_particle_obeys_newton(particles):
    task = HiddenParticle(particles=particles)
    forced = np.concatenate(list(paths(60).values()))[[0, 1, 2, 8, 30]]
    wanted = Oscillators.of(particles).driven(forced)
    for path, found in zip(forced, wanted):
        # It is held where the path says until the next time step begins.
        motion = integrate(np.zeros(2 * particles), 60, particles, driven=path)
        np.testing.assert_allclose(found[1:], motion[:-1, 1], atol=1e-4)
        assert found[0] == 0
    target = probe_batch(task).targets
    np.testing.assert_allclose(
        Responses.of_physics(task).matrix, target[-60:, :, 0]
    )


def test_physics_and_the_optimum_are_linear_and_a_bent_player_is_not():
    task = HiddenParticle()
    players = {
        "physics": (Responses.of_physics(task), True),
        "optimum": (Responses.of(task.solve, task), True),
        "bent": (Responses.of(lambda x: np.tanh(x) + 1, task), False),
    }
    for name, (found, linear) in players.items():
        spread = np.ptp(found.scaled, axis=0).max()
        both, added = found.superposed
        assert found.scaled.shape == (len(LEVELS), 60)
        assert (spread < 1e-3) == linear, name
        assert (np.abs(both - added).max() < 1e-3) == linear, name
    bent = players["bent"][0]
    np.testing.assert_allclose(bent.offset, 1)
    np.testing.assert_allclose(
        bent.matrix, np.triu(np.full((60, 60), np.tanh(1))), rtol=1e-6
    )


def test_the_optimum_is_not_the_response_of_physics():
    """It infers an unseen initial state that explains what it sees."""
    task = HiddenParticle()
    optimum = Responses.of(task.solve, task).matrix
    assert np.abs(optimum - Responses.of_physics(task).matrix).max() > 10


def test_newtons_law_finds_the_particle_that_balances_the_heavy_one():
    rest = np.ones((1, 20, 1))
    answers = from_acceleration(rest)
    np.testing.assert_allclose(answers[0, 2:, 0], (0.1 + 0.2) / 0.2)
    assert not answers[0, :2].any()
    # On a parabola the second difference is the acceleration.
    time = 0.5 * np.arange(20)[None, :, None]
    bent = from_acceleration(0.7 * time**2)[:, 2:]
    wanted = (2 * 2 * 0.7 + 0.3 * 0.7 * time[:, 2:] ** 2) / 0.2
    np.testing.assert_allclose(bent, wanted, rtol=1e-9)


def test_a_network_answers_the_probes_in_its_recording():
    task = HiddenParticle(timesteps=12)
    experiment = Experiment(
        task, units=(3,), readout="dense", episodes=5, batch_size=4
    )
    run = experiment.run(Recording(probe_batch(task), every=5), progress=False)
    found = Responses.of_run(run)
    asked = Responses.of(run.model().predict_on_batch, task)
    for name, answers in found.answers.items():
        np.testing.assert_allclose(answers, asked.answers[name], atol=1e-5)
    first = Responses.of_run(run, 0)
    assert not np.array_equal(first.matrix, found.matrix)
    # Before a step, nothing of it is known.
    np.testing.assert_allclose(np.tril(found.matrix, -1), 0, atol=1e-6)


def test_pictures_show_what_was_recorded():
    run = run_on(2)
    outputs = rng(1).random(run.outputs.shape).astype(np.float32)
    run = dataclasses.replace(run, outputs=outputs)
    lines = plots.plot_motion(run, 1).lines
    wanted = (run.probe.inputs, run.probe.targets, run.outputs[-1])
    for line, values in zip(lines, wanted):
        np.testing.assert_array_equal(line.get_ydata(), values[1, :, 0])
    lines = {line.get_label(): line for line in plots.plot_errors(run).lines}
    error = np.square(outputs[-1] - run.probe.targets)[..., 0].mean(axis=0)
    np.testing.assert_array_equal(lines["network"].get_ydata(), error)
    assert len(lines["Bayes optimum, then 0"].get_ydata()) == 3
    matrix = rng().random((12, 12))
    (image,) = plots.plot_response_matrix(matrix).images
    np.testing.assert_array_equal(image.get_array(), matrix)
    assert image.get_clim() == (-3, 3)
    plt.close("all")


def test_the_table_holds_what_the_catalogue_says_and_reaches_the_bars():
    table = results(data.folder() / "results" / "particle.csv")
    bars = {"two": 0.10, "three": 0.45, "forecast": 0.005}
    for name, bar in bars.items():
        full = f"hidden-particle/{name}"
        own = table[table["experiment"] == full]
        assert sorted(own["seed"]) == list(range(5))
        made = find(full)[full]
        assert set(own["episodes"]) == {made.episodes}
        errors = own["deviation"] / made.task.timesteps
        # The bar of the forecast is for the second half; all its error is
        # counted there, though some is made in the first.
        share = 0.5 if name == "forecast" else 1
        assert errors.median() / share <= bar
        assert errors.min() >= 0.9 * made.task.landmarks["perfect"]
