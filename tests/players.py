"""What the tests of the classic tasks share: simple players, and landmarks."""

import numpy as np


def check_landmarks(task, players, count=20_000):
    """Check all landmarks of a task by playing, within 5 deviations.

    `players` maps a name to a function from a batch to answers; silence and
    perfection are added.
    """
    batch = task.sample(count, np.random.default_rng(8))
    players = {
        "silent": lambda batch: np.zeros_like(batch.targets),
        "perfect": lambda batch: task.solve(batch.inputs),
        **players,
    }
    assert set(players) == set(task.landmarks)
    for name, play in players.items():
        error = np.square(play(batch) - batch.targets).mean(axis=2)
        error = np.mean(error * batch.weights, axis=1)
        deviation = 5 * error.std() / np.sqrt(count) + 1e-6
        found, said = error.mean(), task.landmarks[name]
        assert abs(found - said) < deviation, (name, found, said)


def constant(batch):
    """Answer the mean target of the scored steps, at every step."""
    mean = batch.targets[batch.weights > 0].mean(axis=0)
    return np.broadcast_to(mean, batch.targets.shape)


def best_by(keys, batch):
    """Answer the mean target of all scored steps that have the same key."""
    scored = batch.weights > 0
    _, place = np.unique(keys[scored], axis=0, return_inverse=True)
    place = place.reshape(-1)
    sums = np.zeros((place.max() + 1, batch.targets.shape[-1]))
    np.add.at(sums, place, batch.targets[scored])
    answers = np.zeros(batch.targets.shape)
    answers[scored] = (sums / np.bincount(place)[:, None])[place]
    return answers


def memoryless(batch):
    """Answer as well as can be done from the current input alone."""
    return best_by(batch.inputs, batch)


def check_the_reminder(plain, reminded, count=2000):
    """Check that the memoryless player is perfect with a reminder only."""
    rng = np.random.default_rng(9)
    for task, perfect in ((plain, False), (reminded, True)):
        batch = task.sample(count, rng)
        answers = memoryless(batch)
        right = task.correct(answers, batch)
        assert right.all() if perfect else right.mean() < 0.9, task
        if perfect:
            np.testing.assert_allclose(
                answers[batch.weights > 0], batch.targets[batch.weights > 0]
            )


def check_counts(drawn, kinds):
    """Check that all kinds are equally likely, within 5 deviations."""
    kinds = list(kinds)
    found, counts = np.unique(np.asarray(drawn), return_counts=True)
    assert set(found) == set(kinds)
    share = 1 / len(kinds)
    mean = np.size(drawn) * share
    assert np.all(np.abs(counts - mean) < 5 * np.sqrt(mean * (1 - share))), (
        dict(zip(found, counts))
    )
