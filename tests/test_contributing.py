"""What CONTRIBUTING promises about a new task or a new cell is true."""

import ast
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def examples(title: str) -> list[str]:
    """Return the code that a section of CONTRIBUTING shows."""
    section = re.search(rf"## {title}\n(.*?)\n## ", PAGE, re.DOTALL)[1]
    shown = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return [textwrap.dedent(code) for code in shown]


def code_lines(source: str) -> int:
    """Count the lines that are neither blank nor a docstring."""
    documented = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0]
            if ast.get_docstring(node):
                documented |= set(range(first.lineno, first.end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(k not in documented and line.strip() != "" for k, line in lines)


class Clone:
    """A copy of the repository, where a stranger adds something."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        for name in ("memnets", "tests"):
            shutil.copytree(ROOT / name, folder / name)
        for name in ("data", "pyproject.toml"):
            (folder / name).symlink_to(ROOT / name)

    def add_line(self, name: str, before: str, line: str) -> None:
        """Add one line to a file, before another."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, f"{line}\n{before}"))

    def run(self, *words: object) -> str:
        """Run Python in the copy; return what it said."""
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def passed(self, *words: str) -> int:
        """Run tests in the copy, all of which must pass; count them."""
        said = self.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *words)
        return int(re.search(r"(\d+) passed", said)[1])


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


LOOK = """
import matplotlib.pyplot as plt
import numpy as np
from memnets import Run, plot_learning, plot_gates, plot_task, trace
run = Run.load("run.npz")
assert run.task.delay == 3
layer = trace(run.model(), run.probe.inputs)[0]
assert layer.forget_gate.shape == (1, 20, 5)
np.testing.assert_allclose(
    run.model().predict(run.probe.inputs, verbose=0), run.outputs[-1], atol=1e-5
)
plot_task(run.task, run.probe)
plot_gates(layer, run.task, run.probe)
ax = plot_learning(run)
ax.figure.savefig("learning.png")
"""


def test_a_stranger_adds_a_task_by_one_file_and_one_line(clone):
    task, line = examples("Add a task in 50 lines")
    assert code_lines(task) <= 50
    (clone.folder / "memnets" / "tasks" / "compare.py").write_text(task)
    where = "from memnets.tasks.countdown import Countdown"
    clone.add_line("memnets/tasks/__init__.py", where, line.strip())
    memnets = ("-m", "memnets")
    short = ("--episodes", 30)
    help_text = clone.run(*memnets, "train", "compare", "--help")
    assert "--delay N" in help_text and "--tells" not in help_text
    train = (*memnets, "train", "compare", "--delay", 3, "--out", "run.npz")
    assert "compare: lstm 5-dense" in clone.run(*train, *short)
    compare = (*memnets, "compare", "compare", "--delay", 3, "--seeds", 2)
    said = clone.run(*compare, "--cells", "lstm", "gru", *short)
    assert "lstm " in said and "0/2" in said
    rows = (clone.folder / "compare.csv").read_text().splitlines()
    assert len(rows) == 5 and all("compare delay=3,20" in r for r in rows[1:])
    assert (clone.folder / "compare.png").stat().st_size > 10_000
    clone.run("-c", LOOK)
    assert (clone.folder / "learning.png").stat().st_size > 5_000
    # Every test of tasks, and the drawing in its docstring.
    words = ("-k", "ompare", "tests/test_tasks.py", "--doctest-modules")
    assert clone.passed(*words, "memnets/tasks/compare.py") >= 10


def test_a_stranger_adds_a_cell_by_one_file_and_one_line(clone):
    cell, line = examples("Add a cell in 30 lines")
    assert code_lines(cell) <= 30
    (clone.folder / "memnets" / "cells" / "janet.py").write_text(cell)
    where = '    "min_gru": Entry('
    clone.add_line("memnets/cells/catalogue.py", where, f"    {line.strip()}")
    train = ("-m", "memnets", "train", "recall", "--cell", "janet")
    said = clone.run(*train, "--units", 4, 2, "--episodes", 5)
    assert "recall: janet 4-2, 5 episodes" in said
    files = ("cells", "networks", "experiments", "tracing")
    tests = [f"tests/test_{name}.py" for name in files]
    assert clone.passed("-k", "janet", *tests) >= 20


def test_a_pixel_is_explained_by_few_files():
    """They exist, and a reader gets through them."""
    section = re.search(r"## Explain one pixel\n(.*?)\n## ", PAGE, re.DOTALL)[1]
    files = re.findall(r"^\| `(memnets/[^`]+)`", section, re.MULTILINE)
    assert 3 < len(files) <= 6
    lines = [(ROOT / name).read_text().count("\n") for name in files]
    assert sum(lines) <= 1200, dict(zip(files, lines))
