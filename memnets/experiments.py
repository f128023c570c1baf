"""Experiments as data: the catalogue, and repeating one over many seeds."""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np

from memnets import pool
from memnets.checks import check_engine, check_numbers, check_probe
from memnets.registry import CELLS, KERNEL_CELLS, check_network
from memnets.runs import Run
from memnets.tasks import (
    Batch,
    Countdown,
    EmbeddedReber,
    Reber,
    Recall,
    Task,
    make_task,
)
from memnets.tasks.base import check_integer
from memnets.training import teach

if TYPE_CHECKING:
    import keras

SCHEDULES = ("constant", "cosine")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A task, a network and how it is trained: all that makes a result.

    Args:
        task: The task to learn.
        cell: String, one of `memnets.registry.CELLS`. Default: `"lstm"`.
        units: Tuple of positive integers, the size of each recurrent layer.
            Default: `(5, 2)`.
        readout: `"dense"`, or `None` if the last layer answers. Default:
            `None`.
        learning_rate: Positive float, the learning rate of Adam at the start.
            Default: 0.001.
        schedule: `"constant"`, or `"cosine"` for a decay to 0 at the last
            episode. Default: `"constant"`.
        episodes: Positive integer, the number of updates. Default: 300.
        batch_size: Positive integer, the sequences of a batch. Default: 20.
        seed: Integer of at least 0, the seed of the initial weights and of
            all that is drawn. Default: 0.
    """

    task: Task
    cell: str = "lstm"
    units: tuple[int, ...] = (5, 2)
    readout: str | None = None
    learning_rate: float = 1e-3
    schedule: str = "constant"
    episodes: int = 300
    batch_size: int = 20
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "units", tuple(self.units))
        check_integer("episodes", self.episodes, 1)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("seed", self.seed, 0)
        for size in self.units:
            check_integer("units", size, 1)
        rate = self.learning_rate
        if not math.isfinite(rate) or rate <= 0:
            raise ValueError(
                f"learning_rate must be a positive finite number, got {rate}"
            )
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {', '.join(SCHEDULES)}, "
                f"got {self.schedule!r}"
            )

    def __str__(self):
        layers = "-".join(map(str, self.units))
        readout = f"-{self.readout}" if self.readout else ""
        decay = " with cosine decay" if self.schedule == "cosine" else ""
        return (
            f"{self.cell} {layers}{readout}, {self.episodes} episodes, Adam "
            f"{self.learning_rate:g}{decay}"
        )

    @classmethod
    def of(cls, run: Run) -> Experiment:
        """Return the experiment that a run was made by.

        Raises:
            ValueError: If the run was not made by an experiment.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not names <= run.settings.keys() or not run.weights:
            raise ValueError(
                "run must be one of an Experiment, with the weights of its "
                "network, as from memnets train or Experiment.run"
            )
        fields = {name: run.settings[name] for name in names}
        fields["task"] = run.task
        fields["episodes"] = run.settings.get(
            "planned_episodes", fields["episodes"]
        )
        return cls(**fields)

    def build(self, seed: int | None = None) -> keras.Model:
        """Build the compiled network with the initial weights of a seed.

        Args:
            seed: Integer of at least 0. Default: `None`, the experiment's.
        """
        import keras

        from memnets import networks

        seed = self.seed if seed is None else seed
        model = networks.recurrent(
            self.task, self.cell, self.units, self.readout, seed
        )
        rate = self.learning_rate
        if self.schedule == "cosine":
            decay = keras.optimizers.schedules.CosineDecay
            rate = decay(self.learning_rate, decay_steps=self.episodes)
        model.compile(
            optimizer=keras.optimizers.Adam(rate), loss="mean_squared_error"
        )
        return model

    def restore(self, run: Run) -> keras.Model:
        """Build the network and give it a run's weights and optimizer state."""
        from memnets.engines import restore

        model = self.build()
        restore(model, run.weights, run.state)
        return model

    def uses_kernel(self, engine: str = "auto") -> bool:
        """Whether a kernel trains it, without TensorFlow."""
        return self.cell in KERNEL_CELLS and engine == "auto"

    def run(
        self,
        probe: Batch | None = None,
        *,
        record_every: int | None = None,
        watch: str | None = None,
        examine_every: int | None = None,
        examine_until_mastered: bool = False,
        engine: str = "auto",
        progress: bool = True,
        before: Run | None = None,
        model: keras.Model | None = None,
    ) -> Run:
        """Train a fresh network once.

        Where a kernel serves the network, neither TensorFlow nor Keras is
        imported; the weights are those that `train` gives the model that
        `build` returns, bit for bit.

        Args:
            probe: `Batch`, the fixed sequences whose answers are recorded.
                Default: `None`, one sequence drawn from the task.
            record_every: As in `memnets.training.train`.
            watch: As there.
            examine_every: As there.
            examine_until_mastered: As there.
            engine: As there.
            progress: As there.
            before: A `Run` of this experiment that stopped early, or of one
                with fewer episodes, to go on with as if it had never stopped.
                Default: `None`.
            model: The model that `build` returns, if there is one already. It
                is trained. Default: `None`.

        Returns:
            A `Run`.

        Raises:
            ValueError: If an argument is wrong, or `before` was made by
                another experiment.
        """
        check_numbers(1, 1, 0, record_every, examine_every)
        check_engine(engine)
        if before is not None:
            self._check_before(before)
            probe, watch = before.probe, before.settings.get("watch")
        probe = check_probe(probe, self.task, self.seed)
        made = self._engine(probe, watch, engine, before, model)
        run = teach(
            made,
            self.task,
            self.episodes,
            self.batch_size,
            probe,
            self.seed,
            record_every=record_every,
            examine_every=examine_every,
            examine_until_mastered=examine_until_mastered,
            progress=progress,
            before=before,
        )
        settings = {**self.settings(), **run.settings, "watch": watch}
        return dataclasses.replace(run, settings=settings)

    def _engine(self, probe, watch, engine, before, model):
        """Return what trains the network, from the beginning or a run's end."""
        check_network(self.task, self.cell, self.units, self.readout)
        if model is None and self.uses_kernel(engine):
            return self._kernel(probe, watch, before)
        from memnets.checks import check_model
        from memnets.engines import engine_for

        if model is None:
            model = self.restore(before) if before else self.build()
        check_model(model, self.task, self.batch_size, watch)
        arguments = self.batch_size, probe.inputs, watch, engine
        return engine_for(model, self.task, *arguments)

    def _kernel(self, probe, watch, before):
        """Return the kernel, with the weights and the settings of `build`."""
        from memnets.draws import initial_weights
        from memnets.kernels.engine import Kernel
        from memnets.kernels.network import Stack
        from memnets.kernels.optimizers import Optimizer, constant, cosine

        sizes = len(self.task.inputs), self.units, len(self.task.outputs)
        channels, units, outputs = sizes
        names = [f"{self.cell}_{n + 1}" for n in range(len(units))]
        names += ["readout"] if self.readout else []
        if watch is not None and watch not in names:
            raise ValueError(
                f"watch must be one of {', '.join(names)}, got {watch!r}"
            )
        readout = "linear" if self.readout else None
        stack = Stack(
            channels, (self.cell,) * len(units), units, readout, outputs
        )
        rates = constant(self.learning_rate)
        if self.schedule == "cosine":
            rates = cosine(self.learning_rate, self.episodes)
        kernel = Kernel(
            stack,
            Optimizer("Adam", rates),
            self.batch_size,
            self.task.timesteps,
            probe.inputs,
            None if watch is None else names.index(watch),
            probe.inputs.dtype.kind != "f",
        )
        if before is None:
            arguments = channels, units, outputs, self.readout, self.seed
            kernel.put(initial_weights(*arguments, self.cell))
        else:
            kernel.put(before.weights, before.state)
        return kernel

    def _check_before(self, before: Run) -> None:
        """Refuse a run that this experiment does not go on with."""
        made = Experiment.of(before)
        if self.episodes < len(before.losses):
            raise ValueError(
                f"episodes must be at least {len(before.losses)}, which the "
                f"run has, got {self.episodes}"
            )
        # Under a cosine every episode depends on their number.
        same = made.schedule == "constant" or made.episodes == self.episodes
        if not same:
            raise ValueError(
                f"episodes must be {made.episodes}, over which the run's "
                f"learning rate falls, got {self.episodes}"
            )
        expected = dataclasses.replace(made, episodes=self.episodes)
        for field in dataclasses.fields(self):
            mine, its = getattr(self, field.name), getattr(expected, field.name)
            if mine != its:
                raise ValueError(
                    f"{field.name} must be {its!r}, as the run has it, got "
                    f"{mine!r}"
                )

    def repeat(
        self,
        seeds: Iterable[int],
        probe: Batch | None = None,
        *,
        workers: int | None = 1,
        executor: Executor | None = None,
        **recording,
    ) -> Iterator[Run]:
        """Train a fresh network for each seed, side by side if asked.

        Each run is the one that `run` gives for that seed, bit for bit,
        whatever the number of workers.

        Args:
            seeds: Integers of at least 0.
            probe: As in `run`.
            workers: Positive integer, how many runs are under way at a time:
                in threads where a kernel trains the network, else each in a
                process of its own, or in this one if it is 1. `None` takes as
                many as pay off, at most one a core. Default: 1.
            executor: A `concurrent.futures.Executor` that does the work in
                the place of such workers. Default: `None`.
            **recording: What `run` takes by name, but for `before`.

        Yields:
            A `Run` for each seed, in the order of the seeds, as soon as it
            is done. An interrupt (Ctrl-C) gives up the runs under way and is
            passed on.

        Raises:
            RuntimeError: If a worker cannot start or ends early.
        """
        if workers is not None:
            check_integer("workers", workers, 1)
        # Refuse wrong seeds before any work.
        seeds = [dataclasses.replace(self, seed=s).seed for s in seeds]
        if workers is None:
            workers = pool.worthwhile(len(seeds) * pool.seconds(self))
        workers = min(workers, len(seeds))
        call = functools.partial(run_kept, self, probe, recording)
        if executor is not None:
            return pool.in_order(executor, call, seeds, 2 * workers)
        if workers <= 1:
            return map(call, seeds)
        kernel = self.uses_kernel(recording.get("engine", "auto"))
        make = pool.threads if kernel else pool.processes
        return self._repeat_aside(make, call, seeds, workers)

    def _repeat_aside(self, make, call, seeds, workers) -> Iterator[Run]:
        with make(1, workers) as (executor,):
            yield from pool.in_order(executor, call, seeds, 2 * workers)

    def settings(self) -> dict[str, object]:
        """Return the fields as plain values."""
        fields = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
        }
        return {
            **fields,
            "task": self.task.settings(),
            "units": list(self.units),
        }


class _Network:
    """A compiled model that starts again from any seed's weights."""

    def __init__(self, experiment: Experiment):
        self.experiment, self.model = experiment, experiment.build()
        optimizer = self.model.optimizer
        optimizer.build(self.model.trainable_variables)
        variables = [*self.model.variables, *optimizer.variables]
        self._start = [(variable, variable.numpy()) for variable in variables]

    def begin(self, seed: int) -> keras.Model:
        """Return the model as `build` gives it for a seed."""
        from memnets.networks import draw_weights

        for variable, value in self._start:
            variable.assign(value)
        draw_weights(self.model, seed)
        return self.model


# The network of each thread's last run, which was compiled for it.
_kept = threading.local()


def run_kept(
    experiment: Experiment, probe: Batch | None, recording: dict, seed: int
) -> Run:
    """Train once, on the network of the last call if it still serves.

    Args:
        experiment: The `Experiment`; its own seed counts for nothing.
        probe: As in `Experiment.run`.
        recording: Dictionary of what `Experiment.run` takes by name.
        seed: Integer of at least 0.

    Returns:
        A `Run`. An interrupt (Ctrl-C) gives it up and is passed on.
    """
    model = None
    if not experiment.uses_kernel(recording.get("engine", "auto")):
        network = getattr(_kept, "network", None)
        if network is None or network.experiment != experiment:
            network = _kept.network = _Network(experiment)
        model = network.begin(seed)
    fresh = dataclasses.replace(experiment, seed=seed)
    run = fresh.run(probe, **recording, model=model)
    if run.settings.get("interrupted"):
        raise KeyboardInterrupt
    return run


def _sizes(task: Task, *units: tuple[int, ...], **fields):
    """Return an experiment for each stack of units, named by its sizes."""
    return {
        "-".join(map(str, sizes)): Experiment(task, units=sizes, **fields)
        for sizes in units
    }


def _cells(task: Task, units: int, episodes: int, **fields):
    """Return an experiment for each cell, alike in everything else."""
    return {
        cell: Experiment(
            task, cell, (units,), "dense", 1e-2, episodes=episodes, **fields
        )
        for cell in CELLS
    }


# What the lecture trains (300 episodes, Adam 1e-3), what masters the task, and
# every cell in the same place.
CATALOGUE: dict[str, dict[str, Experiment]] = {
    "recall-lecture": _sizes(Recall(), (5, 2), (20, 2)),
    "recall-mastered": {
        **_sizes(Recall(), (5, 2), learning_rate=5e-2, episodes=4000),
        "5-dense": Experiment(
            Recall(),
            units=(5,),
            readout="dense",
            learning_rate=1e-2,
            episodes=1000,
        ),
    },
    "countdown-lecture": _sizes(Countdown(), (2, 2)),
    "countdown-mastered": {
        **_sizes(
            Countdown(),
            (2, 2),
            learning_rate=1e-2,
            schedule="cosine",
            episodes=5000,
        ),
        **_sizes(
            Countdown(),
            (10, 2),
            learning_rate=1e-2,
            schedule="cosine",
            episodes=500,
        ),
    },
    "recall-cells": _cells(Recall(), 5, 1000),
    "countdown-cells": _cells(Countdown(), 5, 1000, schedule="cosine"),
    "reber-cells": _cells(Reber(), 6, 500),
    "embedded-reber-cells": _cells(EmbeddedReber(), 12, 2000),
}


def starting(task: Task, *kinds: str) -> Experiment:
    """Return the experiment that a task's own begin from.

    Args:
        task: The `Task`.
        *kinds: Strings, the kinds of experiments to look for, such as
            `"lecture"` or `"cells"`, the first that there is counting.
    """
    groups = (CATALOGUE.get(f"{task.name}-{kind}") for kind in kinds)
    group = next(filter(None, groups), {"": Experiment(task)})
    return dataclasses.replace(next(iter(group.values())), task=task)


def find(*wanted: str) -> dict[str, Experiment]:
    """Return the experiments of names: whole groups, or single ones.

    Args:
        *wanted: Strings like `"recall-lecture"` or `"recall-lecture/5-2"`.

    Returns:
        A dictionary from full names to experiments.

    Raises:
        ValueError: If there is no such experiment; names those there are.
    """
    found = {}
    for name in wanted:
        group, slash, one = name.partition("/")
        members = CATALOGUE.get(group, {})
        if slash:
            members = {one: members[one]} if one in members else {}
        if not members:
            there = CATALOGUE.get(group, CATALOGUE)
            raise ValueError(
                f"experiment must be a group ({', '.join(CATALOGUE)}) or one "
                f"of it, as in recall-lecture/5-2, got {name!r}"
                if there is CATALOGUE
                else f"experiment of {group} must be one of "
                f"{', '.join(there)}, got {one!r}"
            )
        found.update({f"{group}/{k}": value for k, value in members.items()})
    return found


def names() -> list[str]:
    """Return the full names of all experiments of the catalogue."""
    return [f"{group}/{one}" for group in CATALOGUE for one in CATALOGUE[group]]


def describe(settings: dict) -> dict[str, object]:
    """Return the columns of the results that say what was run.

    Args:
        settings: What `Experiment.settings` returns, or a run's settings.
    """
    task = make_task(settings["task"])
    # The length has a column of its own; the rest is named where it is not
    # as usual.
    unusual = [
        f" {field.name}={getattr(task, field.name)}"
        for field in dataclasses.fields(task)
        if field.name != "timesteps"
        and getattr(task, field.name) != field.default
    ]
    return {
        "task": "".join([task.name, *unusual]),
        "timesteps": task.timesteps,
        "cell": settings["cell"],
        "units": "-".join(map(str, settings["units"])),
        "readout": settings["readout"] or "",
        "learning_rate": settings["learning_rate"],
        "schedule": settings["schedule"],
        "batch_size": settings["batch_size"],
        "episodes": settings["episodes"],
    }


def judge(run: Run) -> dict[str, object]:
    """Return a run's row of the results: what it learned, and when.

    The run must have been examined, and its probe must be fresh sequences of
    its task: they decide about the end, the exam about the first time.
    """
    share = np.mean(run.task.correct(run.outputs[-1], run.probe))
    return {
        **describe(run.settings),
        "seed": run.settings["seed"],
        "mastered": bool(share >= run.task.pass_mark),
        "correct": round(float(share), 6),
        "deviation": float(f"{run.deviations[-1]:.6g}"),
        "mastered_after": run.mastery,
    }


def failed(experiment: Experiment) -> dict[str, object]:
    """Return the row of an experiment whose loss did not stay finite."""
    return {
        **describe(experiment.settings()),
        "seed": experiment.seed,
        "mastered": False,
        "correct": 0.0,
        "deviation": math.inf,
        "mastered_after": None,
    }
