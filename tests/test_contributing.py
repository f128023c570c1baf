"""What CONTRIBUTING promises about a new task is true."""

import ast
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def example() -> str:
    """Return the task that CONTRIBUTING shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]


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


def test_the_example_is_a_task_in_40_lines():
    assert code_lines(example()) <= 40


def test_the_example_passes_the_contract(tmp_path):
    (tmp_path / "compare.py").write_text(example())
    # A plugin is imported before the tests are collected, so that they find
    # the task in the table as if a contributor had put it there.
    (tmp_path / "contributed.py").write_text(
        "from memnets.tasks import TASKS\n"
        "from compare import Compare\n"
        "TASKS[Compare.name] = Compare\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--doctest-modules"),
            *("-p", "no:cacheprovider", "-p", "contributed", "-k", "Compare"),
            *("tests/test_tasks.py", str(tmp_path / "compare.py")),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The drawing in its docstring, and the tests of every task.
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 10, done.stdout
