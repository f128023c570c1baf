"""The command line: `memnets`, or `python -m memnets`."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import pathlib
import sys
import tempfile

from memnets import comparison, experiments, recordings, registry, results
from memnets.experiments import Experiment
from memnets.quiet import import_tensorflow
from memnets.runs import Run, replacing
from memnets.tasks import TASKS, make_task

EXAMPLES = """\
examples:
  memnets list
  memnets train recall --units 5 2 --episodes 300 --seed 1 --out run.npz
  memnets train recall --resume run.npz --episodes 3000 --out longer.npz
  memnets figures recall_learning --format svg --style slides --out slides
  memnets experiments recall-lecture recall-mastered --seeds 32
  memnets compare recall --cells lstm gru simple_rnn --seeds 32
"""

# Flag, type and what it means: the fields of the tasks, then those of an
# experiment, then the rest.
TASK_FLAGS = (
    ("--timesteps", int, "length of a sequence"),
    ("--tells", int, "values told (recall)"),
    ("--asks", int, "times asked (recall)"),
    ("--longest", int, "largest count (countdown)"),
    ("--width", int, "output neurons; all but the first stay silent"),
)
SHARED_FLAGS = (
    ("--units", int, "size of each recurrent layer"),
    ("--readout", str, "dense for a linear readout, none for none"),
    ("--learning-rate", float, "Adam's learning rate, at the start"),
    ("--schedule", str, "constant, or cosine for a decay to 0"),
    ("--episodes", int, "updates, each on a fresh batch"),
    ("--batch-size", int, "sequences of a batch"),
)
EXPERIMENT_FLAGS = (
    ("--cell", str, f"one of {', '.join(registry.CELLS)}"),
    *SHARED_FLAGS,
    ("--seed", int, "seed of the weights and of all that is drawn"),
)
RUN_FLAGS = (
    ("--record-every", int, "episodes from record to record (default: 1)"),
    ("--out", pathlib.Path, "the .npz file to keep the run in"),
    ("--save", pathlib.Path, "the .keras file to keep the network in"),
    (
        "--resume",
        pathlib.Path,
        "a run to go on with, to --episodes in all; its network and training "
        "stay what they are",
    ),
)
FIGURES_FLAGS = (
    ("names", str, "figures to draw (default: all)"),
    ("--run", pathlib.Path, "a run to draw in the place of the recorded one"),
    ("--format", str, "png, svg, pdf, and gif, mp4 for films (default: all)"),
    ("--style", str, "slides, slides_dark, notebook (default: the first two)"),
    ("--out", pathlib.Path, "the folder to write to (default: figures)"),
)
EXPERIMENTS_FLAGS = (
    ("names", str, "experiments, or groups of them; see memnets list"),
    ("--seeds", int, "how many (default: 32)"),
    ("--workers", int, "processes at work (default: all cores that pay off)"),
    ("--out", pathlib.Path, "the .csv file (default: results.csv)"),
)
COMPARE_FLAGS = (
    (
        "--cells",
        str,
        f"cells to compare (default: {' '.join(comparison.USUAL)}"
        "); see memnets list",
    ),
    ("--seeds", int, "how many of each (default: 32)"),
    ("--workers", int, "processes at work (default: all cores that pay off)"),
    ("--out", pathlib.Path, "the .csv file (default: compare.csv)"),
    (
        "--figure",
        pathlib.Path,
        "the .png, .svg or .pdf file of the picture (default: beside the .csv)",
    ),
    ("--style", str, "slides, slides_dark or notebook (default: slides)"),
)
RECORD_FLAGS = (
    ("names", str, "recordings to make (default: all)"),
    ("--out", pathlib.Path, "the folder to write to (default: data/runs)"),
)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str):
        """Print the complaint and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after the program's name. Default: `None`, those
            of the process.

    Returns:
        The exit code: 0, or 1 where training failed, 2 for bad input, 130
        where it was interrupted.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    code, complaint = 0, None
    try:
        chosen.command(chosen)
    except FloatingPointError as error:
        code, complaint = 1, str(error)
    except (ValueError, OSError) as error:
        code, complaint = 2, " ".join(str(error).split())
    except KeyboardInterrupt:
        code, complaint = 130, "interrupted; what was finished is kept"
    if complaint:
        print(f"{parser.prog}: {complaint}", file=sys.stderr)
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="memnets",
        description="How does a network remember? Train memory tasks, repeat "
        "experiments over seeds, and draw the figures.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    _add(commands, "list", list_all)
    command = _add(commands, "train", train)
    command.add_argument("task", help=f"one of {', '.join(TASKS)}")
    _flags(command.add_argument_group("the task"), TASK_FLAGS)
    network = command.add_argument_group("the network and its training")
    _flags(network, EXPERIMENT_FLAGS)
    _flags(command.add_argument_group("the run"), RUN_FLAGS)
    command = _add(commands, "figures", save_figures)
    _flags(command, FIGURES_FLAGS, lists=("--format", "--style"))
    command = _add(commands, "experiments", repeat)
    _flags(command, EXPERIMENTS_FLAGS)
    command = _add(commands, "compare", compare)
    command.add_argument("task", help=f"one of {', '.join(TASKS)}")
    _flags(command.add_argument_group("the task"), TASK_FLAGS)
    network = command.add_argument_group(
        "the networks and their training",
        "default: one layer of 5 units, dense, learning rate 0.01, "
        "1000 episodes",
    )
    _flags(network, SHARED_FLAGS)
    _flags(command.add_argument_group("the comparison"), COMPARE_FLAGS)
    _flags(_add(commands, "record", record), RECORD_FLAGS)
    return parser


def _add(commands, name: str, command) -> Parser:
    """Add a command, described by its docstring."""
    first, _, rest = inspect.getdoc(command).partition("\n")
    added = commands.add_parser(
        name,
        help=first[0].lower() + first[1:-1],
        description=f"{first} {rest.strip()}",
        # One letter lies between --seed and --seeds.
        allow_abbrev=False,
    )
    added.set_defaults(command=command)
    return added


def _flags(parser, flags, lists=("--units", "--cells", "--format")) -> None:
    """Add flags; one that is not given is not set."""
    metavars = {int: "N", float: "RATE", str: "NAME", pathlib.Path: "PATH"}
    for flag, kind, text in flags:
        options = {"type": kind, "metavar": metavars[kind], "help": text}
        if flag == "names":
            parser.add_argument(flag, nargs="*", **options)
            continue
        if flag in lists:
            options["nargs"] = "+"
        parser.add_argument(flag, default=argparse.SUPPRESS, **options)


def list_all(chosen) -> None:
    """List the tasks, cells, experiments, figures and recordings."""
    from memnets import figures

    found = {}
    for group, members in experiments.CATALOGUE.items():
        one, first = next(iter(members.items()))
        if list(members) == list(registry.CELLS):
            alike = str(first).removeprefix(one)
            found[f"{group}/CELL"] = f"each cell{alike}"
        else:
            found.update(experiments.find(group))
    catalogues = {
        "tasks": {k: v.__doc__.splitlines()[0] for k, v in TASKS.items()},
        "cells": {k: v.about for k, v in registry.CELLS.items()},
        "experiments": {k: str(v) for k, v in found.items()},
        "figures": {k: v.title for k, v in figures.FIGURES.items()},
        "recordings": {
            k: f"{v.experiment}, {v.seeds} seed{'s' if v.seeds > 1 else ''}"
            for k, v in recordings.RECORDINGS.items()
        },
    }
    for title, lines in catalogues.items():
        print(f"{title}:")
        for name, text in lines.items():
            print(f"  {name:27} {text}")


def train(chosen) -> None:
    """Train a network on a task.

    What is not given is as in the lecture, or, of a task that is not from it,
    as in the table of cells. Ctrl-C ends the training early and keeps the run
    so far.
    """
    before = getattr(chosen, "resume", None)
    if before is not None:
        before = Run.load(before)
        experiment = _resumed(vars(chosen), before)
    else:
        experiment = _experiment(vars(chosen), "lecture", "cells")
    out, save = getattr(chosen, "out", None), getattr(chosen, "save", None)
    if out is not None:
        _check_writable(out, ".npz")
    if save is not None:
        _check_writable(save, ".keras", flag="--save")
    if not experiment.uses_kernel():
        import_tensorflow(alone=True)
    run = experiment.run(
        record_every=_record_every(chosen, before),
        examine_every=experiment.episodes,
        before=before,
    )
    print(_verdict(experiment, run))
    if out is not None:
        run.save(out)
        print(f"the run is kept in {out}")
    if save is not None:
        import_tensorflow(alone=True)
        with replacing(save) as temporary:
            run.model().save(temporary)
        print(f"the network is kept in {save}")
    if run.settings.get("interrupted"):
        raise KeyboardInterrupt


def _record_every(chosen, before: Run | None) -> int:
    """Return the distance of the records: that of a run that goes on."""
    given = getattr(chosen, "record_every", None)
    if before is None:
        return 1 if given is None else given
    kept = before.settings["record_every"]
    if given not in (None, kept):
        raise ValueError(
            f"--record-every must be {kept}, as the run has it, got {given}"
        )
    return kept


def _resumed(given: dict, before: Run) -> Experiment:
    """Return a run's experiment, with as many episodes as were asked for."""
    made = Experiment.of(before)
    if given["task"] != made.task.name:
        raise ValueError(
            f"task must be {made.task.name}, which the run learned, got "
            f"{given['task']!r}"
        )
    flags = (*TASK_FLAGS, *EXPERIMENT_FLAGS)
    fields = {flag.removeprefix("--").replace("-", "_") for flag, *_ in flags}
    for field in sorted(fields - {"episodes"}):
        if field in given:
            raise ValueError(
                f"--{field.replace('_', '-')} must be left out with --resume: "
                f"the run has its own"
            )
    episodes = given.get("episodes", made.episodes)
    return dataclasses.replace(made, episodes=episodes)


def _experiment(given: dict, *kinds: str) -> Experiment:
    """Return a task's experiment with the flags that were given."""
    name = given["task"]
    if name not in TASKS:
        raise ValueError(
            f"task must be one of {', '.join(TASKS)}, got {name!r}"
        )
    own = {field.name for field in dataclasses.fields(TASKS[name])}
    task_fields = {}
    for flag, _, _ in TASK_FLAGS:
        field = flag.removeprefix("--")
        if field in given and field not in own:
            raise ValueError(
                f"{flag} is not for {name}, which has --"
                f"{', --'.join(sorted(own))}"
            )
        if field in given:
            task_fields[field] = given[field]
    fields = {
        field.name: given[field.name]
        for field in dataclasses.fields(Experiment)
        if field.name in given
    }
    if fields.get("readout") == "none":
        fields["readout"] = None
    fields["task"] = make_task({"name": name, **task_fields})
    start = experiments.starting(fields["task"], *kinds)
    return dataclasses.replace(start, **fields)


def _check_writable(
    path: pathlib.Path, *endings: str, flag: str = "--out"
) -> None:
    """Refuse a file that could not be written after the training."""
    if path.suffix not in endings:
        raise ValueError(
            f"{flag} must end in {' or '.join(endings)}, got {path}"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{flag} must name a file in a folder, got {path}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError:
        raise ValueError(
            f"{flag} must be in a folder that can be written to, got {path}"
        ) from None


def _verdict(experiment: Experiment, run: Run) -> str:
    """Say in a few lines what a network learned."""
    landmarks = ", ".join(
        f"{name} {value:.2g}" for name, value in run.task.landmarks.items()
    )
    lines = [
        f"{run.task.name}: {experiment}, seed {experiment.seed}",
        f"loss {run.losses[0]:.2g} at first, {run.losses[-20:].mean():.2g} "
        f"over the last 20 of {len(run.losses)} episodes ({landmarks})",
    ]
    if len(run.losses) == experiment.episodes:
        passed = "" if run.mastery else "not "
        lines.append(
            f"{run.scores[-1]:.1%} of the exam's sequences correct: "
            f"{passed}mastered"
        )
    return "\n".join(lines)


def save_figures(chosen) -> None:
    """Draw figures for slides from recorded runs.

    A film in the format of a still is its last frame.
    """
    # Matplotlib takes a while, and whoever trains needs none.
    from memnets import figures

    run = getattr(chosen, "run", None)
    formats = getattr(chosen, "format", None)
    styles = getattr(chosen, "style", ("slides", "slides_dark"))
    if run is not None and not chosen.names:
        raise ValueError("--run needs the NAME of the figure to draw it as")
    names = chosen.names or list(figures.FIGURES)
    for name in names:
        figures.check(name, formats, styles)
    out = getattr(chosen, "out", pathlib.Path("figures"))
    for name in names:
        for path in figures.save_figure(name, out, formats, styles, run):
            print(path)


def repeat(chosen) -> None:
    """Repeat experiments over seeds and write a table.

    A row is written as soon as its run ends; the same command goes on where
    it was stopped.
    """
    if not chosen.names:
        raise ValueError("experiments needs the NAME of one; see memnets list")
    out = getattr(chosen, "out", pathlib.Path("results.csv"))
    _check_writable(out, ".csv")
    seeds = getattr(chosen, "seeds", 32)
    workers = getattr(chosen, "workers", None)
    found = experiments.find(*chosen.names)
    rows = results.repeat_into(out, found, seeds, workers=workers)
    print(results.summary(rows))
    print(f"a row for each run is in {out}")


def compare(chosen) -> None:
    """Compare cells on a task: which learns it, how fast, how surely.

    A row is written as soon as its run ends; the same command goes on where
    it was stopped, and draws the picture when all is done.
    """
    start = _experiment(vars(chosen), "cells")
    cells = getattr(chosen, "cells", comparison.USUAL)
    compared = comparison.experiments(start, cells)
    out = getattr(chosen, "out", pathlib.Path("compare.csv"))
    figure = getattr(chosen, "figure", out.with_suffix(".png"))
    _check_writable(out, ".csv")
    _check_writable(figure, ".png", ".svg", ".pdf", flag="--figure")
    # Matplotlib takes a while, and whoever trains needs none.
    from memnets import comparison_plots

    style = comparison_plots.check_style(getattr(chosen, "style", "slides"))
    seeds = getattr(chosen, "seeds", 32)
    workers = getattr(chosen, "workers", None)
    rows = results.repeat_into(out, compared, seeds, workers=workers)
    found = comparison.outcomes(rows)
    import_tensorflow()
    print(comparison.table(found, comparison.parameters(compared)))
    title = comparison.title(start, seeds)
    comparison_plots.save_comparison(found, title, figure, style)
    print(f"a row for each run is in {out}, the picture in {figure}")


def record(chosen) -> None:
    """Train again what the figures are drawn from.

    From the same seed, versions and kind of processor come the same arrays.
    """
    for name in chosen.names:
        recordings.check(name)
    for name in chosen.names or recordings.RECORDINGS:
        print(recordings.record(name, getattr(chosen, "out", None)))


if __name__ == "__main__":
    sys.exit(main())
