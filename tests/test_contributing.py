"""What CONTRIBUTING promises about a new task or a new cell is true."""

import ast
import os
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent


def examples(page: str) -> list[str]:
    """Return the code that a page of CONTRIBUTING shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = re.search(rf"## {page}\n(.*?)\n## ", text, re.DOTALL)[1]
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


def run_tests(folder: pathlib.Path, *words: str) -> int:
    """Run tests as if what is in the folder were in its place; count them.

    Its `contributed.py` is imported before the tests are collected, so that
    they find in the tables what a contributor would have put there.
    """
    paths = (str(folder), str(ROOT))
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *command, "-p", "contributed", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_the_example_is_a_task_in_40_lines():
    (task,) = examples("Add a task in 40 lines")
    assert code_lines(task) <= 40


def test_the_example_passes_the_contract(tmp_path):
    (task,) = examples("Add a task in 40 lines")
    (tmp_path / "compare.py").write_text(task)
    (tmp_path / "contributed.py").write_text(
        "from memnets.tasks import TASKS\n"
        "from compare import Compare\n"
        "TASKS[Compare.name] = Compare\n"
    )
    # The drawing in its docstring, and the tests of every task.
    words = ("--doctest-modules", "-k", "Compare", "tests/test_tasks.py")
    assert run_tests(tmp_path, *words, str(tmp_path / "compare.py")) >= 10


def test_the_example_of_a_cell_passes_the_tests_of_the_tables(tmp_path):
    cell, entry, layer = examples("Add a cell in 30 lines")
    assert code_lines(cell) <= 30
    (tmp_path / "janet.py").write_text(cell)
    entry = entry.replace("memnets.cells.janet", "janet")
    (tmp_path / "contributed.py").write_text(
        "from memnets.registry import CELLS, Entry\n"
        f"CELLS.update({{{entry}}})\n"
    )
    tests = (ROOT / "tests" / "test_cells.py").read_text()
    tests = tests.replace("LAYERS = {\n", f"LAYERS = {{\n    {layer}", 1)
    tests = tests.replace(
        "import inspect\n", "import inspect\nimport janet\n", 1
    )
    tests = tests.replace("(JANET, {", "(janet.JANET, {", 1)
    (tmp_path / "test_more.py").write_text(tests)
    tables = ("tests/test_networks.py", "tests/test_experiments.py")
    passed = run_tests(
        tmp_path, "-k", "janet", *tables, str(tmp_path / "test_more.py")
    )
    assert passed >= 15
