"""The command line: `memnets`, or `python -m memnets`."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
import tempfile

from memnets import experiments, figures, recordings, results
from memnets.experiments import Experiment
from memnets.quiet import import_tensorflow
from memnets.runs import Run
from memnets.tasks import TASKS, make_task

EXAMPLES = """\
examples:
  memnets list
  memnets train recall --units 5 2 --episodes 300 --seed 1 --out run.npz
  memnets figures recall_learning --format svg --style slides --out slides
  memnets experiments recall-lecture recall-mastered --seeds 32
"""

# Flag, type, what it means: the fields of the tasks, then of an experiment.
TASK_FLAGS = (
    ("--timesteps", int, "length of a sequence"),
    ("--tells", int, "values told (recall)"),
    ("--asks", int, "times asked (recall)"),
    ("--longest", int, "largest count (countdown)"),
    ("--width", int, "output neurons; all but the first stay silent"),
)
EXPERIMENT_FLAGS = (
    ("--cell", str, "lstm, gru or simple_rnn"),
    ("--units", int, "size of each recurrent layer"),
    ("--readout", str, "dense for a linear readout, none for none"),
    ("--learning-rate", float, "Adam's learning rate, at the start"),
    ("--schedule", str, "constant, or cosine for a decay to 0"),
    ("--episodes", int, "updates, each on a fresh batch"),
    ("--batch-size", int, "sequences of a batch"),
    ("--seed", int, "seed of the weights and of all that is drawn"),
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
    add_list(commands)
    add_train(commands)
    add_figures(commands)
    add_experiments(commands)
    add_record(commands)
    add_badges(commands)
    return parser


def _add(commands, name: str, run, text: str) -> Parser:
    """Add a command; its first sentence is its line in the whole help."""
    line = text.split(".")[0]
    command = commands.add_parser(
        name, help=line[0].lower() + line[1:], description=text
    )
    command.set_defaults(command=run)
    return command


def add_list(commands) -> None:
    """Add `memnets list`."""
    text = "List the tasks, experiments, figures and recordings."
    _add(commands, "list", list_all, text)


def list_all(chosen) -> None:
    """Print every name there is, with a line about each."""
    found = {}
    for group in experiments.CATALOGUE:
        found.update(experiments.find(group))
    catalogues = {
        "tasks": {k: v.__doc__.splitlines()[0] for k, v in TASKS.items()},
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


def add_train(commands) -> None:
    """Add `memnets train`."""
    command = _add(
        commands,
        "train",
        train,
        "Train a network on a task. What is not given is as in the lecture. "
        "Ctrl-C ends the training early and keeps the run so far.",
    )
    command.add_argument("task", help=f"one of {', '.join(TASKS)}")
    for title, flags in (
        ("the task", TASK_FLAGS),
        ("the network and its training", EXPERIMENT_FLAGS),
    ):
        group = command.add_argument_group(title)
        for flag, kind, text in flags:
            group.add_argument(
                flag,
                type=kind,
                nargs="+" if flag == "--units" else None,
                metavar={int: "N", float: "RATE", str: "NAME"}[kind],
                default=argparse.SUPPRESS,
                help=text,
            )
    group = command.add_argument_group("the run")
    group.add_argument(
        "--record-every",
        type=int,
        metavar="N",
        help="episodes from record to record (default: 1)",
    )
    group.add_argument(
        "--out",
        type=pathlib.Path,
        metavar="FILE",
        help="the .npz file to keep the run in",
    )


def train(chosen) -> None:
    """Train one network, keep its run, and say what it learned."""
    experiment = _experiment(vars(chosen))
    if chosen.out is not None:
        _check_writable(chosen.out, ".npz")
    import_tensorflow()
    run = experiment.run(
        record_every=chosen.record_every, examine_every=experiment.episodes
    )
    print(_verdict(experiment, run))
    if chosen.out is not None:
        run.save(chosen.out)
        print(f"the run is kept in {chosen.out}")
    if run.settings.get("interrupted"):
        raise KeyboardInterrupt


def _experiment(given: dict) -> Experiment:
    """Return the lecture's experiment with the flags that were given."""
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
    start = next(iter(experiments.find(f"{name}-lecture").values()))
    return dataclasses.replace(start, **fields)


def _check_writable(path: pathlib.Path, ending: str) -> None:
    """Refuse a file that could not be written after the training."""
    if path.suffix != ending:
        raise ValueError(f"--out must end in {ending}, got {path}")
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"--out must name a file in a folder, got {path}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError:
        raise ValueError(
            f"--out must be in a folder that can be written to, got {path}"
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


def add_figures(commands) -> None:
    """Add `memnets figures`."""
    command = _add(
        commands,
        "figures",
        save_figures,
        "Draw figures for slides from recorded runs. An animation given a "
        "format of a still is its last frame.",
    )
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="figures (default: all)"
    )
    command.add_argument(
        "--run",
        type=pathlib.Path,
        metavar="FILE",
        help="a run to draw in the place of the recorded one",
    )
    command.add_argument(
        "--format",
        nargs="+",
        metavar="FORMAT",
        help="png, svg, pdf; for animations also gif, mp4 (default: all)",
    )
    command.add_argument(
        "--style",
        nargs="+",
        metavar="STYLE",
        default=["slides", "slides_dark"],
        help=f"{', '.join(figures.STYLES)} (default: slides slides_dark)",
    )
    command.add_argument(
        "--out",
        type=pathlib.Path,
        metavar="FOLDER",
        default=pathlib.Path("figures"),
        help="where to write (default: figures)",
    )


def save_figures(chosen) -> None:
    """Write the chosen figures."""
    if chosen.run is not None and not chosen.names:
        raise ValueError("--run needs the NAME of the figure to draw it as")
    names = chosen.names or list(figures.FIGURES)
    for name in names:
        figures.check(name, chosen.format, chosen.style)
    for name in names:
        for path in figures.save_figure(
            name, chosen.out, chosen.format, chosen.style, chosen.run
        ):
            print(path)


def add_experiments(commands) -> None:
    """Add `memnets experiments`."""
    command = _add(
        commands,
        "experiments",
        repeat,
        "Repeat experiments over seeds and write a table. A row is written as "
        "soon as its run ends; the same command goes on where it was stopped.",
    )
    command.add_argument(
        "names", nargs="+", metavar="NAME", help="see memnets list"
    )
    command.add_argument(
        "--seeds", type=int, default=32, metavar="N", help="default: 32"
    )
    command.add_argument(
        "--out",
        type=pathlib.Path,
        metavar="FILE",
        default=pathlib.Path("results.csv"),
        help="the table (default: results.csv)",
    )


def repeat(chosen) -> None:
    """Repeat the chosen experiments and print the table."""
    _check_writable(chosen.out, ".csv")
    import_tensorflow()
    rows = results.repeat_into(chosen.out, chosen.names, chosen.seeds)
    print(results.summary(rows))
    print(f"a row for each run is in {chosen.out}")


def add_record(commands) -> None:
    """Add `memnets record`."""
    command = _add(
        commands,
        "record",
        record,
        "Train again what the figures are drawn from. From the same seed, "
        "versions and kind of processor come the same arrays.",
    )
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="recordings (default: all)"
    )
    command.add_argument(
        "--out",
        type=pathlib.Path,
        metavar="FOLDER",
        help="where to write (default: data/runs)",
    )


def record(chosen) -> None:
    """Make the chosen recordings."""
    for name in chosen.names:
        recordings.check(name)
    import_tensorflow()
    for name in chosen.names or recordings.RECORDINGS:
        print(recordings.record(name, chosen.out))


def add_badges(commands) -> None:
    """Add `memnets badges`."""
    _add(
        commands,
        "badges",
        badges,
        "Write the repository's address into the notebooks. The address is "
        "[tool.memnets] repository in pyproject.toml; while it is empty, "
        "badges are removed.",
    )


def badges(chosen) -> None:
    """Write badges and addresses, or remove them."""
    from memnets import notebooks

    notebooks.write_badges(pathlib.Path(__file__).resolve().parent.parent)


if __name__ == "__main__":
    sys.exit(main())
