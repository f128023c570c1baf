"""What the package offers, what comes without Keras, and who imports whom."""

import ast
import os
import pathlib
import re
import subprocess
import sys
import types

import pytest

import memnets

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "memnets"
PUBLIC = [
    name
    for name in memnets.__all__
    if not isinstance(getattr(memnets, name), types.ModuleType)
]


def test_all_public_names_are_there():
    assert len(PUBLIC) > 50 and {"Recall", "train", "plot_learning"} < {*PUBLIC}
    assert set(memnets.__all__) <= set(dir(memnets))
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(memnets.__all__) - set(PUBLIC) == folders


def test_help_names_all_public_names_and_no_others():
    listing = re.findall(r"(?m)^ {4}.*", memnets.__doc__.split("The tasks")[1])
    assert set(PUBLIC) <= set(re.findall(r"\w+", "\n".join(listing)))
    # Names stand to the left, what they are to the right of a gap.
    first = [re.split(r",?(?: {2,}|$)", line[4:])[0] for line in listing]
    named = {name for names in first if names for name in names.split(", ")}
    assert "Recall" in named and named <= set(PUBLIC)


HEAVY = {"keras", "tensorflow", "jax", "torch"}


def in_a_process(code, folder, **environment):
    """Run code in a fresh process; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def command(words, expected):
    """Return code that runs a command and checks how it ends."""
    return (
        "from memnets.__main__ import main\n"
        f"try: code = main({words.split()})\n"
        "except SystemExit as leaving: code = leaving.code\n"
        f"assert code == {expected}, code"
    )


NUMPY_HALF = {"tasks", "records", "plots", "figures"}


def is_of_the_numpy_half(name):
    # Dictionaries do not say where they are from.
    module = getattr(getattr(memnets, name), "__module__", "memnets.")
    return name in ("TASKS", "FIGURES") or module.split(".")[1] in NUMPY_HALF


FIGURE = "figures recall_learning --format png --style slides --out ."
WITHOUT_NUMBA = {
    "the package": "import memnets",
    **{
        name: f"from memnets import {name}"
        for name in "Recall Run recorded plot_learning draw_figure".split()
    },
    "the NumPy half": "from memnets import "
    + ", ".join(filter(is_of_the_numpy_half, PUBLIC)),
    "a record that is read": "from memnets import recorded\n"
    "recorded('recall_inside')",
    "a figure that is saved": command(FIGURE, 0),
}
WITHOUT_KERAS = {
    **WITHOUT_NUMBA,
    "the cells by name": "from memnets import CELLS; len(CELLS)",
    "initial weights": "from memnets.networks import draws\n"
    "draws.orthogonal((4, 4), draws.stream(1, (4, 4)))",
    "what trains": "from memnets import Experiment, Recording, find, repeat\n"
    "from memnets import train",
    "a training by a kernel": "from memnets import Experiment, Recall\n"
    "Experiment(Recall(), episodes=2).run()",
    **{
        f"memnets {words}": command(words, expected)
        for words, expected in (
            ("list", 0),
            ("--help", 0),
            ("train --help", 0),
            ("train recall --help", 0),
            ("train x", 2),
            ("train recall --episodes 2 --out run.npz", 0),
            ("compare --help", 0),
            ("playground --help", 0),
            ("series random-walk --seeds 1 --out .", 0),
            ("compare recall --cells x", 2),
            ("experiments x", 2),
            ("experiments countdown-lecture --workers 0", 2),
            ("experiments countdown-lecture --seeds 2 --workers 2", 0),
        )
    },
}


@pytest.mark.parametrize("name", WITHOUT_KERAS)
def test_what_comes_without_keras(name, tmp_path):
    """In a fresh process. What needs no kernel comes without Numba, too."""
    heavy = HEAVY | ({"numba"} if name in WITHOUT_NUMBA else set())
    said = f"import sys\nprint({heavy} & {{*sys.modules}})"
    code = f"{WITHOUT_KERAS[name]}\n{said}"
    assert in_a_process(code, tmp_path).splitlines()[-1] == "set()"


VARIABLES = ("TF_CPP_MIN_LOG_LEVEL", "TF_NUM_INTRAOP_THREADS")


@pytest.mark.parametrize("given", [{}, dict(zip(VARIABLES, "07"))])
def test_the_import_sets_variables_for_tensorflow_unless_a_user_has(
    given, tmp_path, monkeypatch
):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    code = (
        "import memnets, os, sys\n"
        f"print(*[os.environ[name] for name in {VARIABLES}])\n"
        "print({'keras', 'tensorflow'} & {*sys.modules})"
    )
    expected = list(given.values()) or ["3", "1"]
    found = in_a_process(code, tmp_path, **given)
    assert found.split() == [*expected, "set()"]


# A folder may import only from lower floors. The lowest comes first.
FLOORS = (
    ("tasks",),
    ("records", "cells", "scratch"),
    ("plots", "networks"),
    ("figures", "training", "tracing"),
    ("experiments",),
    ("reproduction", "browser", "series"),
    ("__main__",),
)
FLOOR = {name: n for n, names in enumerate(FLOORS) for name in names}
# Of the NumPy half, beside the standard library.
ITS_PACKAGES = {"numpy", "matplotlib", "PIL", "scipy", "pandas", "filelock"}
ITS_PACKAGES |= {"imageio_ffmpeg"}  # for films, where it is there
# The only imports in the other direction: `Run.model` builds the network by an
# `Experiment`, and `Run.trace` looks into it.
FRONT_DOOR = {
    ("records/run.py", "memnets.Experiment"),
    ("records/run.py", "memnets.trace"),
}


def imports_of(path):
    """Yield each imported name, and whether it is imported at run time.

    Imports inside functions count. So does the use of `memnets.name`.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for child in ast.walk(statement)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "memnets":
                names = [f"memnets.{node.attr}"]
        for name in names:
            yield name, node not in for_types


def test_a_folder_imports_only_from_lower_floors():
    wrong, through_the_front_door = [], set()
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE)
        source = place.parts[0].removesuffix(".py")
        if source == "__init__":
            continue
        for name, runs in imports_of(path):
            head, *inside = name.split(".")
            target = inside[0] if inside else source
            allowed = True
            if head != "memnets" and source in NUMPY_HALF:
                known = head in ITS_PACKAGES | sys.stdlib_module_names
                allowed = known or not runs
            elif head == "memnets" and target in FLOOR and target != source:
                allowed = FLOOR[target] < FLOOR[source] and (
                    source not in NUMPY_HALF or target in NUMPY_HALF
                )
            elif name in {f"memnets.{public}" for public in PUBLIC}:
                through_the_front_door.add((place.as_posix(), name))
            if not allowed:
                wrong.append(f"{place}: {name}")
    assert wrong == []
    assert through_the_front_door == FRONT_DOOR
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(FLOOR) == folders | {"__main__"} and len(FLOORS) <= 9
