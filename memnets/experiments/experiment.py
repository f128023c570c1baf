"""An experiment as data: a task, a network, and how it is trained."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import TYPE_CHECKING

from memnets.cells.catalogue import (
    CELLS,
    KERNEL_CELLS,
    READOUTS,
    check_network,
)
from memnets.records.run import Run
from memnets.tasks import Task
from memnets.tasks.base import check_integer, check_task
from memnets.training.checks import (
    check_engine,
    check_episodes,
    check_memory,
    check_model,
    check_recording,
)
from memnets.training.engine import Engine
from memnets.training.loop import train_with
from memnets.training.recording import Recording

if TYPE_CHECKING:
    import keras

SCHEDULES = ("constant", "cosine")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A task, a network and how it is trained: all that makes a result.

    Args:
        task: The task to learn.
        cell: String, the name of a cell; `memnets list` shows them. Default:
            `"lstm"`.
        units: Tuple of positive integers, the size of each recurrent layer.
            Default: `(5, 2)`.
        readout: `"dense"`, which is linear, `"softmax"`, which is trained
            with the categorical crossentropy, or `None` if the last layer
            answers. Default: `None`.
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
        check_task(self.task)
        if self.cell not in CELLS:
            raise ValueError(
                f"cell must be one of {', '.join(CELLS)}, got {self.cell!r}"
            )
        if not isinstance(self.units, (tuple, list)):
            raise TypeError(
                f"units must be a tuple, such as (5, 2), got {self.units!r}"
            )
        object.__setattr__(self, "units", tuple(self.units))
        check_integer("episodes", self.episodes, 1)
        check_integer("batch_size", self.batch_size, 1)
        check_integer("seed", self.seed, 0)
        for size in self.units:
            check_integer("units", size, 1)
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
            raise TypeError(f"learning_rate must be a number, got {rate!r}")
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

    @property
    def loss(self) -> str:
        """Keras's name of the loss, which the readout decides."""
        return READOUTS.get(self.readout or "dense", "")

    def build(self, seed: int | None = None) -> keras.Model:
        """Build the compiled network with the initial weights of a seed.

        Args:
            seed: Integer of at least 0. Default: `None`, the experiment's.
        """
        import keras

        from memnets.networks import build as networks

        seed = self.seed if seed is None else seed
        model = networks.recurrent(
            self.task, self.cell, self.units, self.readout, seed
        )
        rate = self.learning_rate
        if self.schedule == "cosine":
            decay = keras.optimizers.schedules.CosineDecay
            rate = decay(self.learning_rate, decay_steps=self.episodes)
        model.compile(optimizer=keras.optimizers.Adam(rate), loss=self.loss)
        return model

    def restore(self, run: Run) -> keras.Model:
        """Build the network and give it a run's weights and optimizer state."""
        from memnets.training.kernels.keras_models import restore

        model = self.build()
        restore(model, run.weights, run.state)
        return model

    def uses_kernel(self, engine: str = "auto") -> bool:
        """Whether a kernel trains it, without TensorFlow."""
        return self.cell in KERNEL_CELLS and engine == "auto"

    def check(self) -> None:
        """Refuse what could not be trained, before any work.

        Raises:
            ValueError: If the network could not answer the task, or needs
                more memory than the machine has.
        """
        check_network(self.task, self.cell, self.units, self.readout)
        check_memory(self.task, self.batch_size, self.count_weights())

    def count_weights(self) -> int:
        """Return how many weights an LSTM of these sizes has."""
        below, weights = len(self.task.inputs), 0
        for units in self.units:
            weights += 4 * units * (below + units + 1)
            below = units
        return weights

    def run(
        self,
        recording: Recording | None = None,
        *,
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
            recording: `Recording`, what to write down. Default: `None`, the
                answers on one sequence drawn from the task.
            engine: As in `memnets.train`.
            progress: As there.
            before: A `Run` of this experiment that stopped early, or of one
                with fewer episodes, to go on with as if it had never stopped;
                its own probe and watched layer are recorded. Default: `None`.
            model: The model that `build` returns, if there is one already. It
                is trained. Default: `None`.

        Returns:
            A `Run`.

        Raises:
            TypeError: If an argument has the wrong type.
            ValueError: If an argument is wrong, or `before` was made by
                another experiment.
        """
        check_engine(engine)
        recording = check_recording(recording)
        if before is not None:
            self._check_before(before)
            watch = before.settings.get("watch")
            recording = dataclasses.replace(
                recording, probe=before.probe, watch=watch
            )
        self.check()
        check_episodes(recording, self.episodes)
        recording = recording.of(self.task, self.seed)
        run = train_with(
            self._engine(recording, engine, before, model),
            self.task,
            self.episodes,
            self.batch_size,
            self.seed,
            recording,
            progress=progress,
            before=before,
        )
        settings = {**self.settings(), **run.settings, "watch": recording.watch}
        return dataclasses.replace(run, settings=settings)

    def _engine(self, recording, engine, before, model) -> Engine:
        """Return what trains the network, from the beginning or a run's end."""
        if model is None and self.uses_kernel(engine):
            return self._kernel(recording.probe, recording.watch, before)
        from memnets.training.engines import engine_for

        if model is None:
            model = self.restore(before) if before else self.build()
        check_model(model, self.task, self.batch_size, recording.watch)
        arguments = self.batch_size, recording, engine
        return engine_for(model, self.task, *arguments)

    def _kernel(self, probe, watch, before):
        """Return the kernel, with the weights and the settings of `build`."""
        from memnets.networks.draws import initial_weights
        from memnets.training.kernels.engine import Kernel
        from memnets.training.kernels.network import Stack
        from memnets.training.kernels.optimizers import (
            Optimizer,
            constant,
            cosine,
        )

        sizes = len(self.task.inputs), self.units, len(self.task.outputs)
        channels, units, outputs = sizes
        names = [f"{self.cell}_{n + 1}" for n in range(len(units))]
        names += ["readout"] if self.readout else []
        if watch is not None and watch not in names:
            raise ValueError(
                f"watch must be one of {', '.join(names)}, got {watch!r}"
            )
        readout = "linear" if self.readout == "dense" else self.readout
        stack = Stack(
            channels, (self.cell,) * len(units), units, readout, outputs
        )
        rates = constant(self.learning_rate)
        if self.schedule == "cosine":
            rates = cosine(self.learning_rate, self.episodes)
        kernel = Kernel(
            stack,
            Optimizer("Adam", rates, self.loss),
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
